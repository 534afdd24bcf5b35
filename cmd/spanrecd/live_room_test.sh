#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live on a disk that fills, with a policy of which one class gives
# way: its oldest go, none below its floor and none that is held, and calls in
# progress lack nothing; then what can give way is gone, and new recordings stop
# and go on as without it. Prints a line for each test, and ends with 1 if one
# failed.
if [ -z "${FULL:-}" ]; then
	echo "skipped: a disk that fills, in make soak"
	exit 0
fi
. cmd/testing/live.sh

mkdir small
mount -t tmpfs -o size=64m tmpfs small 2>/dev/null || {
	echo "skipped: a disk that fills: no tmpfs"
	exit 0
}
mounted=$tmp/small

# stored AGE FROM COUNT: calls of ten seconds that began so long ago
stored() {
	cat >old.call <<-CALL
	start $(date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ)
	host a 10.0.0.11
	host b 10.0.0.12
	repeat $3 every 11 ports 2 users 1
	call c from a:$2 to b:5000
	at 0 c invite rtp 10000
	at 0.1 c ok rtp 20000
	at 0.11 c ack
	media c caller tone 440 from 0.12 to 10
	media c callee tone 880 from 0.12 to 10
	at 10.1 c bye
	at 10.11 c ok
	end
	CALL
	"$BIN/mkpcap" -q -o old.pcap old.call && chmod 644 old.pcap &&
		setpriv --reuid nobody --clear-groups "$BIN/spanrecd" -q \
			--home home --read old.pcap 2>>log || exit 1
}

# fill KIB: so much is free, and no more
fill() {
	rm -f small/filler
	free=$(df --output=avail -k small | tail -n 1)
	dd if=/dev/zero of=small/filler bs=1k count=$((free - $1)) 2>/dev/null
}

# class DIGIT STATE: how many calls from such numbers, those of before the
# recorder began, are in that state
class() {
	rows "sum(r['from'].startswith('$1') and len(r['from']) == 4 and
		r['state'] == '$2' for r in rows)"
}

home "disk_give_way_percent: 20"
mv home/archive small/archive
echo "archive: $tmp/small/archive" >>home/spanrec.yaml
cat >home/policy.yaml <<'END'
version: 1
organisation: {name: here, time_zone: Europe/London}
numbering: {country: 44, internal: [1000-9999]}
access: {owner: root}
purposes: [quality]
retention:
  kept: {max: 90 days}
  spare: {min: 1 day, max: 30 days, gives_way: yes}
metadata: {max: 1 year}
rules:
  - {name: spare, match: {numbers: 2000-3999}, decision: record, retention: spare}
  - {name: kept, decision: record, retention: kept}
END
chown nobody: small
: >log
stored "3 days ago" 2000 60
stored "2 hours ago" 3000 15
stored "4 days ago" 4000 15
check "calls are stored, of a class that gives way, young ones of it, others" \
	is "$(class 2 stored) $(class 3 stored) $(class 4 stored)" "60 15 15"
held=$(rows 'min(r["id"] for r in rows if r["from"] == "2000")')
spanrec case open C-1 --title t --approver a >out &&
	spanrec hold add "$held" --case C-1 --reason r --approver a \
		--review "$(date -u -d '+30 days' +%F)" >out
check "one of the oldest is held" is "$(class 2 held)" 1

# ---- some give way -----------------------------------------------------------

start
check "with room, nothing goes" is "$(status gave_way)" 0
traffic 5 25
sleep 3
fill 8192
for i in $(seq 20); do
	[ "$(status gave_way)" = 0 ] || break
	sleep 1
done
sleep 1
gone=$(status gave_way)
check "where the disk fills, some give way" between 25 "$gone" 55
check "... the log tells it" said "$gone recordings gave way before their time"
warnings >words
check "... and the status" grep -q "$gone recordings gave way before" words
check "... and the list" is "$(rows 'sum(r["gave_way"] for r in rows)')" "$gone"
check "... so many of that class" is "$(class 2 purged)" "$gone"
check "... the oldest first, but for what is held" is "$(rows 'max(r["start"]
	for r in rows if r["gave_way"]) < min(r["start"] for r in rows
	if r["from"].startswith("20") and len(r["from"]) == 4 and
	r["state"] == "stored")')" True
check "... not that" is "$(class 2 held)" 1
check "... none below its floor" is "$(class 3 stored)" 15
check "... none of another class" is "$(class 4 stored)" 15
check "... no more than are needed" between 13000 \
	"$(df --output=avail -k small | tail -n 1)" 16500
wait $sender
settled
check "... and calls in progress lack nothing" \
	is "$(rows 'sum(map(exact, (r for r in rows
		if r["sip_call_ids"][0] in sent))), len(sent)')" "(5, 5)"
one=$(rows '[r["id"] for r in rows if r["gave_way"]][0]')
check "... why tells it of each" sh -c "$BIN/spanrec why $one |
	grep -q 'before its time: the disk was full'"
check "... and show" sh -c "$BIN/spanrec show $one |
	grep -q 'the disk was full, and its class gives way'"
spanrec report retention --json >out2
check "... report retention counts them, and none below its floor" \
	is "$(tail -n +2 out2 | python3 -c 'import json, sys
rows = [json.loads(line) for line in sys.stdin]
print(sum(r["gave_way"] for r in rows), sum(r["below_floor"] for r in rows))')" \
	"$gone 0"
check "... report deletions names them" \
	is "$(spanrec report deletions --csv | grep -c 'all, for room')" "$gone"

# ---- nothing can any more ------------------------------------------------------

left=$(class 2 stored)
fill 1024
for i in $(seq 30); do
	[ "$(class 2 stored)" = 0 ] && break
	sleep 1
done
check "all that can give way does" is "$(status gave_way)" $((gone + left))
fill 4096
for i in $(seq 90); do
	warnings >words
	grep -q "nothing can give way" words && break
	sleep 1
done
check "then nothing can, and that is told" \
	grep -q "nothing can give way any more" words
check "... in the log too" said "nothing can give way any more"
check "... what is young, held or of another class stays" \
	is "$(class 3 stored) $(class 4 stored) $(class 2 held)" "15 15 1"
traffic 20 14
sleep 2
dd if=/dev/zero of=small/filler2 bs=64k 2>/dev/null
sleep 4
check "when the disk is full, recording stops, and is counted" \
	between 1 "$(status dropped_overrun)" 100000
check "... nothing more is deleted" \
	is "$(class 3 stored) $(class 4 stored) $(class 2 held)" "15 15 1"
rm small/filler2 small/filler
wait $sender
traffic 2 3
wait $sender
sleep 1
stop
check "... it goes on when there is room" \
	is "$(rows 'sum(exact(r) for r in rows
		if r["sip_call_ids"][0] in sent)')" 2
check "... all is accounted for" \
	is "$(rows 'all(conserved(s) for r in rows for s in r["streams"])')" True
check "... the archive is sound" spanrec verify --all
check "... and its ledger" spanrec audit verify
umount small && mounted=
exit $failed
