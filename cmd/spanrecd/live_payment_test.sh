#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Payments, live: a pause by keys survives a reload and a recorder that is
# killed and started again; nothing of before the trigger, as far as look-back
# reaches, is stored; what is for good is not resumed by hand. Prints a line for
# each test, and ends with 1 if one failed.
. cmd/testing/live.sh

cat >in.call <<'END'
host out 192.0.2.7
host bob 10.0.0.12
call c1 from out:07700900111 to bob:200001
at 0.000 c1 invite rtp 10000 codec PCMA,telephone-event
at 0.100 c1 ok rtp 20000 codec PCMA,telephone-event
at 0.110 c1 ack
media c1 caller tone 440 then 1500 at 3.7 then 460 at 13.1 from 0.12 to 18
media c1 callee tone 880 then 1900 at 3.7 then 860 at 13.1 from 0.12 to 18
	digit * at 5.02 digit 5 at 5.32 digit * at 13.02 digit 6 at 13.52
at 18.000 c1 bye
at 18.010 c1 ok
call c2 from out:07700900112 to bob:200002
at 0.000 c2 invite rtp 10002 codec PCMA,telephone-event
at 0.100 c2 ok rtp 20002 codec PCMA,telephone-event
at 0.110 c2 ack
media c2 caller tone 540 then 1300 at 4.7 from 0.12 to 18
media c2 callee tone 780 then 1700 at 4.7 from 0.12 to 18
	digit * at 5.02 digit 7 at 5.32
at 18.000 c2 bye
at 18.010 c2 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1

# policy PAYMENT...: the home's, with these
policy() {
	cat >>home/policy.yaml <<END
payments:
  - {name: card, triggers: {keys: "*5"}, look_back: 2 s, resume: explicit, resume_keys: "*6"}
  - {name: bank, triggers: {keys: "*7"}, look_back: 1 s, resume: never}
END
}

# What is heard in each recording.
tones() {
	PATH=$BIN:$TOOLS:$PATH "$ROOT/.ci/golden.d/tones"
}

paused_by_keys() {
	spanrec list --live --json | grep -c '"paused_by": *"keys"'
}

home
policy
start
send in.pcap &
sender=$!
sleep 7
check "both are paused" is "$(paused_by_keys)" 2
check "reload" spanrec reload
kill -KILL $recorder
wait $recorder 2>/dev/null
start
sleep 1
check "paused after it was killed" is "$(paused_by_keys)" 2
spanrec resume --extension 200002 >/dev/null 2>&1
check "what is for good is not resumed by hand" is $? 4
wait $sender
sleep 2
stop
check "it ends well" is "$rc" 0
# A tone of the payment, by either side: 1300, 1500, 1700, 1900 Hz.
tones >heard
check "the calls are heard" grep -q ' 440 Hz' heard
check "... and after the payment that is over" \
	is "$(grep -c -e ' 460 Hz' -e ' 860 Hz' heard)" 2
check "... but nothing of the payments" \
	is "$(grep -c -E ' (1[3579]..|1[2468]9.) Hz' heard)" 0
check "... nor of what is for good" is "$(rows '[
	r["decision"] for r in rows if r["to"] == "200002"]')" "['record', 'drop']"
check "the archive is sound" spanrec verify --all
exit $failed
