#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What reaches calls in progress, live: look-back that only a policy read again
# asks for; that of the conversation which a pause by hand is meant for, and not
# of the first of the call; an exemption by a number that no message names after
# the recorder was killed. Prints a line for each test, and ends with 1 if one
# failed.
. cmd/testing/live.sh

cat >in.call <<'END'
host out 192.0.2.7
host bob 10.0.0.12
host sue 10.0.0.13
host fay 10.0.0.14
call c1 from out:07700900111 to bob:200001
at 0.000 c1 invite rtp 10000 codec PCMA,telephone-event
at 0.100 c1 ok rtp 20000 codec PCMA,telephone-event
at 0.110 c1 ack
media c1 caller tone 440 then 1500 at 5.5 from 0.12 to 9
media c1 callee tone 880 then 1900 at 5.5 from 0.12 to 9
	digit * at 8.02 digit 5 at 8.32
at 9.000 c1 bye
at 9.010 c1 ok
call c2 from out:07700900112 to sue:300001
call c3 from sue:300001 to bob:200002
at 0.000 c2 invite rtp 10002
at 0.100 c2 ok rtp 20002
at 0.110 c2 ack
media c2 caller tone 540 from 0.12 to 1
media c2 callee tone 780 from 0.12 to 1
at 1.000 c2 invite from callee hold
at 1.010 c2 ok held
at 1.020 c2 ack
at 1.500 c3 invite rtp 10004
at 1.600 c3 ok rtp 20004
at 1.610 c3 ack
media c3 caller tone 640 then 2300 at 6.3 from 1.62 to 10
media c3 callee tone 680 then 2100 at 6.3 from 1.62 to 10
at 10.000 c3 bye
at 10.010 c3 ok
at 11.000 c2 bye
at 11.010 c2 ok
call c4 from out:07700900114 to fay:300004
at 0.000 c4 invite rtp 10006 header "Diversion: <sip:4999@10.0.0.14>;reason=unconditional"
at 0.100 c4 ok rtp 20006
at 0.110 c4 ack
media c4 caller tone 2500 from 0.12 to 11
media c4 callee tone 2700 from 0.12 to 11
at 5.500 c4 invite resume
at 5.510 c4 ok resume
at 5.520 c4 ack
at 11.000 c4 bye
at 11.010 c4 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1

exempt() {
	cat >>home/policy.yaml <<END
exemptions:
  - {name: union, numbers: [4999], reason: private, metadata: minimal}
END
}

pay() {
	cat >>home/policy.yaml <<END
areas:
  desk: {extensions: 200000-299999, needs: nothing, payments: card}
payments:
  - {name: card, areas: desk, triggers: {keys: "*5"}, look_back: 3 s, resume_keys: "*6"}
END
}

tones() {
	PATH=$BIN:$TOOLS:$PATH "$ROOT/.ci/golden.d/tones"
}

home
exempt
start
send in.pcap &
sender=$!
sleep 4
kill -KILL $recorder
wait $recorder 2>/dev/null
start
pay
check "reload" spanrec reload
sleep 3
check "pause" spanrec pause --extension 200002
check "who is exempt has no number in the list" \
	is "$(spanrec list --live --json | grep -c -e 300004 -e 0900114)" 0
spanrec pause --extension 300004 >told 2>&1
check "... nor is it told by a pause that he is in a call" is $? 3
wait $sender
sleep 5
stop
check "it ends well" is "$rc" 0
tones >heard
check "the calls are heard" is "$(grep -c -e ' 440 Hz' -e ' 640 Hz' heard)" 1 2 3 4
check "... but not what the new policy leaves out" \
	is "$(grep -c -E ' (1[59]..|1[48]9.) Hz' heard)" 0
check "... nor what was said before the pause" \
	is "$(grep -c -E ' 2[0-3].. Hz' heard)" 0
check "... nor who is exempt" is "$(grep -c -E ' 2[4-7].. Hz' heard)" 0
check "... of whom there is no number" \
	is "$(spanrec list --all | grep -c -e 300004 -e 0900114)" 0
check "the archive is sound" spanrec verify --all
exit $failed
