#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Holds, cases and requests of subjects beside a recorder that runs, and a hold
# and a purge that want the same recordings at once. Prints a line for each
# test, and ends with 1 if one failed.
. cmd/testing/live.sh

calls=${CALLS:-60}

# policy AGE: how long recordings are kept
policy() {
	sed "s/90 days/$1/" default.yaml >home/policy.yaml
	chown nobody: home/policy.yaml
}

holds() {
	spanrec hold list --json | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
print(eval("(" + sys.argv[1] + ")"))' "$1"
}

cat >many.call <<-END
	start $(date -u -d "-60 days" +%FT09:00:00Z)
	host alice 10.0.0.11
	host bob 10.0.0.12
	repeat $calls every 1 ports 4 users 1 tones 13
	call c from alice:2100 to bob:200000
	at 0.000 c invite rtp 10000
	at 0.100 c ok rtp 20000
	at 0.110 c ack
	media c caller tone 300 from 0.12 to 0.3
	media c callee tone 1300 from 0.12 to 0.3
	at 0.400 c bye
	at 0.410 c ok
	end
END
home
cp home/policy.yaml default.yaml
policy "300 days"
"$BIN/mkpcap" -q -o many.pcap many.call
setpriv --reuid nobody --clear-groups "$BIN/spanrecd" --home home \
	--read many.pcap >read 2>&1 || cat read
start
check "a case is opened beside a recorder" \
	spanrec case open C-1 --title complaint --approver bob
check "... once" is "$(spanrec case open C-1 --title t --approver b 2>&1)" \
	"spanrec: case 'C-1': there is one of that name"
first=$(spanrec list --json --all 2>/dev/null | head -n 1 |
	python3 -c 'import json, sys; print(json.loads(sys.stdin.read())["id"])')
review=$(date -u -d "+30 days" +%F)
check "a recording is held" spanrec hold add "$first" --case C-1 \
	--reason needed --approver bob --review "$review"
check "... and listed" is "$(holds '[(r["id"], r["case"], r["state"])
	for r in rows]')" "[('$first', 'C-1', 'held')]"
check "a request is noted" spanrec sar open S-1 --subject 2105 \
	--received "$(date -u +%F)" --clock jersey
check "... searched" spanrec sar search S-1
check "... what is found is held" is "$(holds 'sum(r["case"] == "S-1"
	for r in rows)')" 1
check "... certified" spanrec sar certificate S-1 --out S-1.txt
check "... in words" sh -c \
	"tr -s ' \n' ' ' <S-1.txt | grep -q 'Recorded and kept'"
check "... answered" spanrec sar answer S-1 --sent "$(date -u +%F)"
check "... which lets go" is "$(holds '[r["state"] for r in rows
	if r["case"] == "S-1"]')" "['to be deleted']"

# ---- a hold and a purge ------------------------------------------------------

policy "14 days"
check "the policy is read again" spanrec reload
cat >race.py <<-'END'
	import json, os, socket, subprocess, sys, threading
	path = os.path.join(os.environ["SPANREC_HOME"], sys.argv[1])
	ids = sys.argv[3:]
	def ask(wire, request):
	    wire.sendall(json.dumps(request).encode() + b"\n")
	    return json.loads(wire.readline_from())
	class Wire:
	    def __init__(self):
	        self.s = socket.socket(socket.AF_UNIX)
	        self.s.connect(path)
	        self.f = self.s.makefile("rb")
	    def sendall(self, data):
	        self.s.sendall(data)
	    def readline_from(self):
	        return self.f.readline()
	answers = {}
	def hold():
	    wire = Wire()
	    for id in ids:
	        answers[id] = ask(wire, {"op": "act", "type": 2, "case": "C-1",
	            "reason": "race", "approver": "bob", "ids": [id],
	            "review": int(sys.argv[2]) * 10**9})
	def purge():
	    ask(Wire(), {"op": "purge"})
	threads = [threading.Thread(target=t) for t in (hold, purge)]
	for t in threads: t.start()
	for t in threads: t.join()
	json.dump({id: a["ok"] for id, a in answers.items()}, open("answers", "w"))
	bad = [a for a in answers.values() if not a["ok"] and
	       "purged before" not in a["error"]]
	print(bad[:3] or "sound")
END
socket=$(cd home && find . -type s | head -n 1)
spanrec list --json --all 2>/dev/null >list || spanrec list --json >list
python3 -c '
import json
print(*[json.loads(line)["id"] for line in open("list")][2:])' >ids
# The youngest first: the purge begins with the oldest.
check "a hold and a purge race" is "$(python3 race.py "$socket" \
	"$(date -u -d "$review" +%s)" $(tr " " "\n" <ids | tac))" sound
spanrec purge >/dev/null
spanrec list --json --all 2>/dev/null >list || spanrec list --json >list
check "... of each recording exactly one wins" is "$(python3 -c '
import json
states = {r["id"]: r["state"] for r in map(json.loads, open("list"))}
won = json.load(open("answers"))
wrong = [i for i in won if states[i] != ("held" if won[i] else "purged")]
print(wrong or len(won))')" $((calls - 2))
python3 -c '
import json
won = json.load(open("answers"))
print("# held", sum(won.values()), "purged", len(won) - sum(won.values()))'
check "a case is closed" spanrec case close C-1 --reason done
check "... nothing goes at once" spanrec purge
check "... nothing is held" is "$(holds 'sum(r["state"] == "held" for r in rows)')" 0
check "... what was is to be deleted" is "$(python3 -c '
import json
print(sum(json.load(open("answers")).values()) + 1)')" \
	"$(holds 'sum(r["case"] == "C-1" and r["state"] == "to be deleted"
		for r in rows)')"
stop
check "the recorder ends well" is "$rc" 0
check "the archive is sound" spanrec verify --all
exit $failed
