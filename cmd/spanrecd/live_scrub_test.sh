#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A part taken out of a recording while a recorder runs: it knows by itself who
# asks, so one person does not do for two, and it does what these may not: they
# can read the archive, and cannot write it. Prints a line for each test, and
# ends with 1 if one failed.
. cmd/testing/live.sh
command -v setpriv >/dev/null || { echo "skipped: no setpriv"; exit 0; }
umask 027
chmod 755 "$tmp"

# What must go has tones of its own.
cat >in.call <<END
start $(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)
host out 192.0.2.7
host bob 10.0.0.12
call c1 from out:07700900111 to bob:200001
at 0.000 c1 invite rtp 10000 codec PCMA
at 0.100 c1 ok rtp 20000 codec PCMA
at 0.110 c1 ack
media c1 caller tone 440 then 1500 at 4.0 then 460 at 7.0 from 0.12 to 11
media c1 callee tone 880 then 1700 at 4.0 then 860 at 7.0 from 0.12 to 11
at 11.000 c1 bye
at 11.010 c1 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1

# as USER COMMAND...: with the group that may ask the recorder, and read
as() {
	user=$1
	shift
	setpriv --reuid "$user" --regid nogroup --clear-groups \
		"$BIN/spanrec" "$@"
}

# refused CODE TEXT COMMAND...: it ends with this code, and says this
refused() {
	wanted=$1 text=$2
	shift 2
	"$@" >refusal 2>&1
	code=$?
	cat refusal
	[ $code = "$wanted" ] && grep -q -e "$text" refusal
}

# heard NOTHING FROM UNTIL: what is heard, without the tones that were cut
heard() {
	tones "$id" >heard
	cat heard
	! grep -q -e ' 1[57][0-9][0-9] Hz' heard &&
		grep -q ' 4[34][0-9] Hz' heard &&
		grep -q ' 46[0-9] Hz' heard
}

marked() {
	spanrec show "$id" >shown
	cat shown
	[ "$(grep -c ' 3\.[0-9]* s.*scrub' shown)" = 2 ]
}

home "control_group: nogroup"
sed -i "s/^  owner: .*/  owner: [root, bin, sys]/" home/policy.yaml
"$BIN/spanrecd" --home home --read in.pcap -q >summary 2>log ||
	{ cat log; exit 1; }
chown -R nobody:nogroup home
chmod -R g+rX home
chmod 660 home/archive/index/lock.mdb
id=$(spanrec list --json | sed 's/.*"id": *"\([^"]*\)".*/\1/')
check "before, it is heard" sh -c "$BIN/spanrec export -q $id --out b.wav \
	--purpose quality && $TOOLS/wavtones b.wav | grep -q ' 1500 Hz'"
before=$(sha256sum home/archive/audio/*/*/*/*.rec | cut -d' ' -f1)
old=$(ls home/archive/audio/*/*/*/*.rec)
start
check "who may read cannot write" \
	refused 2 "ermission" setpriv --reuid bin --regid nogroup \
	--clear-groups sh -c ": >$old"
check "one proposes" as bin scrub "$id" --range 4-7 --why "a card number"
check "it waits" sh -c "$BIN/spanrec scrub list | tee out2 |
	grep -q 'bin.*a card number.*proposed'; r=\$?; cat out2; exit \$r"
check "the same one cannot agree" \
	refused 4 "takes a second person" as bin scrub agree "$id"
check "nothing has changed" \
	is "$(sha256sum home/archive/audio/*/*/*/*.rec | cut -d' ' -f1)" \
	"$before"
check "nobody proposes it twice" \
	refused 1 "already" as sys scrub "$id" --range 4-7 --why again
check "another agrees" as sys scrub agree "$id"
check "what stays is heard" heard
check "silence is marked, of its true length" marked
check "the rest verifies" spanrec verify
check "the old file is gone" test ! -e "$old"
check "nothing waits any more" \
	is "$(spanrec scrub list --json | wc -l)" 0
check "why tells" sh -c "$BIN/spanrec why $id | tr '\n' ' ' |
	grep -q 'taken out'"
check "again, and withdrawn by the other" sh -c "
	$(command -v setpriv) --reuid sys --regid nogroup --clear-groups \
	$BIN/spanrec scrub $id --range 1-2 --side left --why more"
check "withdrawn" as bin scrub withdraw "$id"
check "no second time" refused 3 "nobody proposed" as bin scrub agree "$id"
stop
check "the recorder ends" is $rc 0
check "without one, by ourselves" \
	spanrec scrub "$id" --range 1-2 --side left --why more
check "it takes two then as well" \
	refused 4 "takes a second person" spanrec scrub agree "$id"
check "the archive is in order" spanrec verify
exit $failed
