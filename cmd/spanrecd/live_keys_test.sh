#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Keyed digits, live: seen at once, also while the call is paused, and nowhere
# in what the recorder writes or says. Prints a line for each test, and ends
# with 1 if one failed.
. cmd/testing/live.sh

cat >in.call <<'END'
host alice 10.0.0.11
host bob 10.0.0.12
call c1 from alice:200000 to bob:200001
at 0.000 c1 invite rtp 10000 codec PCMA,telephone-event
at 0.100 c1 ok rtp 20000 codec PCMA,telephone-event
at 0.110 c1 ack
media c1 caller tone 440 from 0.12 to 12 digit 9 at 1 digit 9 at 5
media c1 callee tone 880 from 0.12 to 12 digit 9 at 5
at 1.500 c1 info body application/dtmf-relay
| Signal=7
| Duration=4242
at 1.510 c1 ok
at 5.500 c1 info from callee body application/dtmf-relay
| Signal=7
| Duration=4242
at 5.510 c1 ok
at 12.000 c1 bye
at 12.010 c1 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1

# What says which keys: INFO, and a packet of a telephone event.
traces() {
	grep -r -l -a -e Signal=7 -e dtmf-relay "$@" &&
		echo "INFO is in there"
	LC_ALL=C grep -r -l -a -P '\x09\x8a\x03\x20' "$@" &&
		echo "an event is in there"
	return 0
}
check "the capture has them" sh -c "[ '$(traces in.pcap | wc -l)' = 4 ]"

home
start
send in.pcap &
sender=$!
sleep 3.5
check "two keys, one by INFO" is "$(status keys) $(status keys_info)" "2 1"
check "pause" spanrec pause --extension 200000
sleep 3.5
check "keys in a call that is paused" \
	is "$(status keys) $(status keys_info)" "5 2"
check "... their packets are left out like all" between 16 "$(status dropped_paused)" 800
spanrec status --json >status.json
spanrec list --live --json >live.json
check "nothing tells which while the call lasts" \
	is "$(traces home log status.json live.json)" ""
check "resume" spanrec resume --extension 200000
wait $sender
sleep 1
stop
check "it ends well" is "$rc" 0
spanrec show "$(rows 'rows[0]["id"]')" --json >show.json
check "... nor after it" is "$(traces home log summary show.json)" ""
check "... and the archive is sound" spanrec verify --all

exit $failed
