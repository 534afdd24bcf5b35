#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Who may ask the recorder may not for that do everything: it looks into the
# policy in force by itself, whatever program asks, and believes nobody what it
# knows better. Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

cat >in.call <<END
start $(date -u -d '60 days ago' +%Y-%m-%dT%H:%M:%SZ)
host alice 10.0.0.11
host bob 10.0.0.12
call c1 from alice:2101 to bob:200001
at 0.000 c1 invite rtp 10000
at 0.100 c1 ok rtp 20000
at 0.110 c1 ack
media c1 caller tone 300 from 0.12 to 3
media c1 callee tone 1300 from 0.12 to 3
at 3.000 c1 bye
at 3.010 c1 ok
END
cat >ask.py <<'END'
import grp, json, os, pwd, socket, sys
path, user, request = sys.argv[1:]
os.setgroups([])
os.setgid(grp.getgrnam("nogroup").gr_gid)
os.setuid(pwd.getpwnam(user).pw_uid)
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.sendall(" ".join(request.split()).encode() + b"\n")
answer = json.loads(s.makefile("rb").readline())
print(answer.get("exit", 0), answer.get("error", "done"))
END

# says CODE WORDS USER REQUEST: the recorder, to who has another program
says() {
	python3 ask.py "$socket" "$3" "$4" >said
	cat said
	grep -q "^$1 .*$2" said
}

states() {
	spanrec hold list --json | python3 -c '
import json, sys
print(*[json.loads(line)["state"] for line in sys.stdin])'
}

home "control_group: nogroup"
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1
setpriv --reuid nobody --clear-groups "$BIN/spanrecd" --home home \
	--read in.pcap >read 2>&1 || cat read
chown -R nobody:nogroup home
chmod g+x home
start
socket=$(find home -type s | head -n 1)
id=$(spanrec list --json | sed 's/.*"id": *"\([^"]*\)".*/\1/')
review=$(date -u -d "+30 days" +%s)000000000
far=$(date -u -d "+3000 days" +%s)000000000
hold='"op":"act","type":2,"case":"C-1","reason":"r","approver":"bob"'

check "who has no right opens no case" says 4 "not give 'bin' the right to hold" \
	bin '{"op":"act","type":0,"case":"C-9","title":"t","opener":"b"}'
check "an owner does" says 0 done \
	root '{"op":"act","type":0,"case":"C-1","title":"t","opener":"b"}'
check "who has no right holds nothing" says 4 "$id: .*'bin'" \
	bin "{$hold,\"review\":$review,\"ids\":[\"$id\"]}"
check "no hold without a review" says 2 "review" \
	root "{$hold,\"ids\":[\"$id\"]}"
check "... nor with one in eight years" says 2 "review" \
	root "{$hold,\"review\":$far,\"ids\":[\"$id\"]}"
check "... nor without who allowed it" says 2 "allowed" root \
	"{\"op\":\"act\",\"type\":2,\"case\":\"C-1\",\"reason\":\"r\",
	\"review\":$review,\"ids\":[\"$id\"]}"
check "... but with all of that" says 0 done \
	root "{$hold,\"review\":$review,\"ids\":[\"$id\"]}"
check "who has no right ends no hold" says 4 "'bin'" bin \
	"{\"op\":\"act\",\"type\":3,\"case\":\"C-1\",\"reason\":\"r\",
	\"ids\":[\"$id\"]}"
check "... closes no case" says 4 "'bin'" bin \
	'{"op":"act","type":1,"case":"C-1","reason":"r"}'
check "... purges nothing" says 4 "'bin' the right to delete" \
	bin '{"op":"purge","clock_is_right":true}'
check "... signs nothing" says 4 "'bin'" bin '{"op":"sign"}'
check "... takes nothing out" says 4 "$id: .*'bin' the right to delete" bin \
	"{\"op\":\"scrub\",\"step\":\"propose\",\"id\":\"$id\",\"from\":1,
	\"until\":2,\"sides\":3,\"why\":\"w\"}"
check "... changes no policy" says 4 "'bin'" bin \
	'{"op":"ledger","action":"policy","subjects":[""],"detail":"d"}'
check "nobody asks for the certificate of a purge" says 2 "no entry" root \
	"{\"op\":\"ledger\",\"action\":\"purge\",\"subjects\":[\"$id\"],
	\"detail\":\"d\"}"
check "... nor for an entry of keys that were not sealed" says 2 "no entry" \
	root '{"op":"ledger","action":"key-reseal","subjects":[""],"detail":"d"}'
check "it is held" is "$(states)" held
check "who was refused is in the ledger" is \
	"$(spanrec audit list --action denied --actor bin --json | wc -l)" 8
check "who closes a case does not say when that takes effect" says 0 done root \
	'{"op":"act","type":1,"case":"C-1","reason":"r","not_before":1}'
sed -i "s/90 days/14 days/" home/policy.yaml
check "the policy is read again" spanrec reload
spanrec purge >/dev/null
check "nothing goes within seven days" is "$(states)" "to be deleted"
stop
check "the recorder ends well" is "$rc" 0
exit $failed
