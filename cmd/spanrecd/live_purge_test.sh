#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live while it catches up with a purge, and by a clock that it
# does not trust. Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

# due NAME: of what status says about deletion
due() {
	spanrec status --json | python3 -c '
import json, sys
print(json.load(sys.stdin)["due"][sys.argv[1]])' "$1"
}

# entries WORDS: how often they are in the index, also in what it left behind
entries() {
	grep -a -o "$1" home/archive/index/data.mdb | wc -l
}

# ---- many that are due, while calls are recorded ------------------------------

many=5000
case ${V:-release} in
asan | tsan) many=500 ;; # more takes minutes
esac
cat >old.call <<-CALL
start 2019-03-28T14:15:00Z
host a 10.0.0.11
host b 10.0.0.12
repeat $many every 0.4 ports 2 users 1
call c from a:1000 to b:5000
at 0 c invite rtp 10000
at 0.1 c ok rtp 20000
at 0.11 c ack
media c caller tone 440 from 0.12 to 0.2
at 0.3 c bye
at 0.31 c ok
end
CALL
home
"$BIN/mkpcap" -q -o old.pcap old.call
"$BIN/spanrecd" -q --as-root test --home home --read old.pcap 2>log
chown -R nobody: home
check "many recordings are due, and none is purged from captures" \
	is "$(spanrec list --json | wc -l)" $many
start
traffic 20 3
sleep 3
hang_up
check "they go at once" is "$(spanrec list --json --from 2019-03-01 \
	--to 2019-04-01 | wc -l)" 0
check "... nothing is overdue" is "$(due overdue)" 0
check "... no key, no file of them is left" \
	is "$(find home/archive/audio/2019 -name '*.rec' | wc -l)" 0
check "... nothing to warn of" is "$(warnings)" ""
stop
check "... and no call that was recorded meanwhile lacks a packet" \
	is "$(rows 'sum(map(exact, rows)), len(rows)')" "(20, 20)"

# ---- one that cannot be deleted does not keep the others ----------------------

home
"$BIN/mkpcap" -q -o old.pcap old.call
"$BIN/spanrecd" -q --as-root test --home home --read old.pcap 2>log
obstinate=$(find home/archive/audio -name '*.rec' | sort | head -n 1)
rm "$obstinate"
mkdir "$obstinate"
chown -R nobody: home
start
spanrec purge >told 2>&1
check "a purge that fails" is $? 1
check "... has deleted all the others" \
	is "$(spanrec list --json | grep -vc '"state":"purged"')" 0
check "... no file of them is left" \
	is "$(find home/archive/audio/2019 -name '*.rec')" "$obstinate"
check "... and says it a few times" \
	between 1 "$(grep -c "could not be deleted" log)" 21
check "... status warns" between 1 "$(warnings | grep -c "could be purged")" 1
stop
rmdir "$obstinate"
start
sleep 0.5
check "... until it is gone" is "$(warnings | grep -c "could be purged")" 0
stop

# ---- a clock that was trusted at another time --------------------------------

# What the archive remembers: two years later, and for sure.
python3 - <<-'END'
	import struct
	path = "home/archive/index/data.mdb"
	data = bytearray(open(path, "rb").read())
	at, found = 0, 0
	while (at := data.find(b"pulse\0\x01", at)) >= 0:
	    value = at + 6
	    data[value + 1] = 1
	    for field in value + 4, value + 12:
	        t, = struct.unpack_from("<q", data, field)
	        struct.pack_into("<q", data, field, t + 2 * 366 * 86400 * 10**9)
	    at, found = at + 6, found + 1
	assert found
	open(path, "wb").write(data)
END
start
sleep 0.5
check "a clock that was set back is not purged by" said "the clock was set back"
check "... status says so" is "$(warnings | grep -c 'clock was set back')" 1
check "... and counts it" between 1 "$(status purge_refused)" 100
spanrec purge >told 2>&1
check "... whoever asks" is $? 1
check "... is told" grep -q "the clock was set back" told
check "somebody says that it is right" spanrec purge --clock-is-right
check "... then it goes on" is "$(warnings)" ""
check "... and the ledger has it" between 1 "$(entries 'the clock is right')" 9
stop
start
sleep 0.5
check "... after a restart too" is "$(status purge_refused)" 0
stop
exit $failed
