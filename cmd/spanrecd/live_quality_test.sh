#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Two calls, one of them encrypted, of which the mirror port loses 3 of 100 packets
# of each side that the telephones have, by their reports: show and status say so.
# Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

CRYPTO="1 AES_CM_128_HMAC_SHA1_80 inline:U3J0cE1hc3RlcktleS0xNlNhbHRPZkl0LWlzLTE0"
cat >in.call <<END
host out 192.0.2.7
host bob 10.0.0.12
call clear from out:07700900900 to bob:2041
at 0.000 clear invite rtp 10000 codec PCMA
at 0.010 clear ok rtp 20000 codec PCMA
at 0.015 clear ack
media clear caller tone 440 from 0.02 to 2.02 loss 20,40-41
media clear callee tone 880 from 0.02 to 2.02 loss 50,60-61
rtcp clear callee at 2.03 lost 0
rtcp clear caller at 2.04 lost 0
at 2.050 clear bye
at 2.060 clear ok
call secret from out:07700900901 to bob:2042
at 0.000 secret invite rtp 10010 codec PCMA crypto "$CRYPTO"
at 0.010 secret ok rtp 20010 codec PCMA crypto "$CRYPTO"
at 0.015 secret ack
media secret caller tone 440 from 0.02 to 2.02 loss 20,40-41 srtp "$CRYPTO"
media secret callee tone 880 from 0.02 to 2.02 loss 50,60-61 srtp "$CRYPTO"
rtcp secret callee at 2.03 lost 0
rtcp secret caller at 2.04 lost 0
at 2.050 secret bye
at 2.060 secret ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1
home
start
send in.pcap
for i in $(seq 50); do
	[ "$(rows 'sum(row["state"] == "stored" for row in rows)')" != 2 ] ||
		break
	sleep 0.1
done

# shown NUMBER: what show says of the call of this number
shown() {
	spanrec show "$(rows "[r['id'] for r in rows if r['local'] == '$1'][0]")"
}

for number in 2041 2042; do
	shown $number >shown
	for side in left right; do
		check "$number, $side: what the telephone has the mirror lost" \
			grep -q "$side side.* 0 of 100 packets lost.*; mirror loss 3.00 %" \
			shown
	done
done
spanrec status >screen
check "status says so, too" grep -q "mirror loss 3.00 %, 3.00 % in" screen
check "reports in SRTCP are decrypted" is "$(status srtcp_decrypted)" 2
check "... all of them" is "$(status srtcp_refused)" 0
stop
exit $failed
