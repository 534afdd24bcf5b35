#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a live recorder enters into its ledger, also over a crash, and that it
# signs it. Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

cat >in.call <<'END'
host out 192.0.2.7
host bob 10.0.0.12
host fay 10.0.0.14
host eve 10.0.0.15
call c1 from out:07700900111 to bob:200001
at 0.000 c1 invite rtp 10000
at 0.100 c1 ok rtp 20000
at 0.110 c1 ack
media c1 caller tone 440 from 0.12 to 12
media c1 callee tone 880 from 0.12 to 12
at 12.000 c1 bye
at 12.010 c1 ok
call c3 from out:07700900115 to eve:200005
at 0.000 c3 invite rtp 10008
at 0.100 c3 ok rtp 20008
at 0.110 c3 ack
media c3 caller tone 1500 from 0.12 to 12
media c3 callee tone 1700 from 0.12 to 12
at 12.000 c3 bye
at 12.010 c3 ok
call c2 from out:07700900114 to fay:200004
at 0.000 c2 invite rtp 10006
at 0.100 c2 ok rtp 20006
at 0.110 c2 ack
media c2 caller tone 2500 from 0.12 to 12
media c2 callee tone 2700 from 0.12 to 12
at 12.000 c2 bye
at 12.010 c2 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1

# entered WORDS: as a basic regular expression, in the ledger
entered() {
	spanrec audit list >ledger && grep -q -e "$1" ledger && return
	echo "there is no entry: $1"
	cat ledger
	return 1
}

# Until the recorder has so many calls: it may be slow.
calls() {
	for i in $(seq 100); do
		[ "$(spanrec list --live --json | grep -c .)" != "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

# All that was done is signed by the recorder, without being asked.
signed() {
	for i in $(seq 50); do
		spanrec audit verify --json >told || return
		! grep -q '"last":\([0-9]*\),.*"signed_until":\1,' told || return 0
		sleep 0.1
	done
	cat told
	return 1
}

home "sign_s: 1"
start
check "it began" entered " spanrecd *start .*, live, policy [0-9a-f]\{16\}"
send in.pcap &
sender=$!
check "three calls" calls 3
check "an anchor, signed by the recorder" spanrec audit anchor --out anchors
check "... holds" spanrec audit verify --anchor anchors
cat >>home/policy.yaml <<END
exemptions:
  - {name: union, numbers: [200004], reason: private, metadata: full}
END
check "reload" spanrec reload
check "the policy was changed, by whom" \
	entered " root *reload .*policy [0-9a-f]\{16\} after [0-9a-f]\{16\}"
check "what was decided otherwise since then" \
	entered " spanrecd *decision .*drop after record: exempt by 'union'"
check "a pause" spanrec pause --extension 200001
check "... is entered" entered " root *pause "
check "... and signed when it is time" signed
kill -KILL $sender $recorder
wait $recorder 2>/dev/null
start
check "a crash, and what it left" \
	entered "spanrecd *recovery .*[1-9] recordings* closed as interrupted"
check "a second anchor" spanrec audit anchor --out anchors
kill -HUP $recorder
sleep 0.5
check "by signal" entered " SIGHUP *reload .*policy [0-9a-f]\{16\} as before"
stop
check "it ends well" is "$rc" 0
check "with what was seen and lost" \
	entered " spanrecd *stop .*exit code 0; RTP packets: [0-9]* seen"
check "what it did can be proved" spanrec audit verify --anchor anchors
spanrec audit verify --anchor anchors --json >told
check "... and is signed to the very end" \
	grep -q '"last":\([0-9]*\),.*"signed_until":\1,' told
check "the archive is sound" spanrec verify --all
exit $failed
