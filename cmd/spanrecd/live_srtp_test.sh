#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An encrypted call and a recorder that is killed in it: its keys were in memory
# only, so that the rest of the call is left out, until new ones are told. Prints
# a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

KEY=U3J0cE1hc3RlcktleS0xNlNhbHRPZkl0LWlzLTE0
NEW=U3J0cE1hc3RlcktleS1ub3RTYWx0T2ZJdC1ub3Qh
SUITE=AES_CM_128_HMAC_SHA1_80
cat >in.call <<END
host out 192.0.2.7
host bob 10.0.0.12
call c1 from out:07700900900 to bob:2041
at 0.000 c1 invite rtp 10000 codec PCMA crypto "1 $SUITE inline:$KEY"
at 0.100 c1 ok rtp 20000 codec PCMA crypto "1 $SUITE inline:$KEY"
at 0.110 c1 ack
at 3.800 c1 invite rtp 10000 codec PCMA crypto "1 $SUITE inline:$NEW"
at 3.900 c1 ok rtp 20000 codec PCMA crypto "1 $SUITE inline:$NEW"
at 3.910 c1 ack
media c1 caller tone 440 from 0.12 to 5.5
	srtp "1 $SUITE inline:$KEY" then "1 $SUITE inline:$NEW" at 4
media c1 callee tone 880 from 0.12 to 5.5
	srtp "1 $SUITE inline:$KEY" then "1 $SUITE inline:$NEW" at 4
at 5.500 c1 bye
at 5.510 c1 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1
home
start
send in.pcap &
sender=$!
sleep 1.8
kill -9 $recorder
wait $recorder 2>/dev/null
check "no key is in what the next run goes on with" is \
	"$(grep -rlaE 'SrtpMaster|U3J0cE' home log summary)" ""
start
check "it says that the keys of both sides are gone" \
	is "$(status srtp_keys_gone)" 2
wait $sender
sleep 0.5
stop
check "it is one call, in two segments" is "$(rows 'len(rows),
	len({r["call"] for r in rows})')" "(2, 1)"
check "what came without a key is left out, and nothing by new ones" is \
	"$(rows 'all(s["dropped"]["encrypted"] >= 5 and 73 <= s["stored"] <= 75
		for s in rows[1]["streams"])')" True
check "what is heard is what was said" is "$(tones \
	"$(rows 'rows[1]["id"]')" | awk '/Hz/ { print $2 }' | sort -u)" "440
880"
exit $failed
