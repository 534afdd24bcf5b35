#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live, when things go wrong: a wire that falls silent, more than
# it can carry, mistakes in what it reads again, no right, no interface, no room
# on the disk. Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

# ---- a quiet wire ------------------------------------------------------------

home "idle_timeout_s: 10"
start
traffic 3 17 --stop-media-after 3
sleep 15
check "calls whose packets just stop are over by time-out" \
	is "$(status calls)" 0
wait $sender
stop
check "... and are stored" \
	is "$(rows 'sum(r["state"] == "stored" for r in rows),
		total("lost")')" "(3, 0)"
check "... to the last packet" is "$(rows 'total("stored")')" \
	"$(rows 'sum(c[k]["packets"] for c in sent.values()
		for k in ("caller", "callee"))')"

# ---- more than it can carry --------------------------------------------------

home "ring_mib: 1"
start
traffic 60 8 --rate-up 30
sleep 4
kill -STOP $recorder
sleep 1.5
kill -CONT $recorder
sleep 1
check "frames that the kernel dropped are counted" \
	between 100 "$(status kernel_drops)" 100000
check "... packets that were among them too" \
	between 100 "$(status lost_here)" 100000
wait $sender
sleep 1
stop
check "... their loss is named in the calls, and all is accounted for" \
	is "$(rows 'all(conserved(s) for r in rows for s in r["streams"]),
		total("lost") > 100')" "(True, True)"
check "... as the kernel's" sh -c "$BIN/spanrec show $(rows '[r["id"]
	for r in rows if r["state"] == "stored" and
	r["streams"][0]["lost"]][0]') \
	--json | grep -q '\"reason\": *\"kernel\"'"
check "... the archive is sound" spanrec verify --all

# ---- settings and policy, read again -----------------------------------------

home
cp home/policy.yaml good
start
traffic 2 60
sleep 2
echo "nonsense: 1" >>home/policy.yaml
check "a mistake in the policy is told where it is" sh -c "
	! $BIN/spanrec reload 2>err && grep -q 'policy.yaml:.*nonsense' err"
kill -HUP $recorder
sleep 1
check "... and keeps the old one" said "stay as they were"
check "... calls go on" is "$(status calls_recorded)" 2
sed 's/^rules:/&\n  - {name: union, match: {numbers: [200000]}, decision: drop}/' \
	good >home/policy.yaml
echo "sync_s: 7" >>home/spanrec.yaml
check "a stricter policy is read" sh -c "$BIN/spanrec reload >answer"
check "... what waits for a restart is named" grep -q sync_s answer
check "... it ends the recording of a call in progress" \
	is "$(status calls_recorded)" 1
mv home/policy.yaml home/office.yaml
echo "policy: office.yaml" >>home/spanrec.yaml
check "a policy of another name is read, too" sh -c "
	$BIN/spanrec reload >answer && grep -q 'policy is the same' answer"
check "... and needs no restart" sh -c "
	grep -q 'restart only: sync_s$' answer"
cp good home/office.yaml
check "... and it is that one which holds" sh -c "
	$BIN/spanrec reload >answer && grep -q 'policy is a new one' answer"
hang_up
stop
check "... from then on" \
	is "$(rows 'sorted((r["segment"], r["decision"]) for r in rows
		if r["from"] == "200000")')" "[(1, 'record'), (2, 'drop')]"

# ---- beside a recorder -------------------------------------------------------

start
check "a recording is exported beside it" spanrec export -q \
	"$(rows 'rows[0]["id"]')" --out beside.wav --purpose quality
check "what is due is purged beside it" spanrec purge
in_space ip link set span0 down
sleep 2
check "an interface that is down is told" sh -c "$BIN/spanrec status --json |
	grep -q 'span0 is down'"
in_space ip link set span0 up
sleep 1
traffic 2 3
wait $sender
sleep 1
check "... and is recorded from when it is up" \
	between 200 "$(status stored)" 100000
stop

# ---- what is wrong -----------------------------------------------------------

# fails NAME CODE PATTERN COMMAND...
fails() {
	name=$1 code=$2 pattern=$3
	shift 3
	timeout 20 "$@" >log 2>&1 </dev/null
	rc=$?
	check "$name" sh -c "[ $rc = $code ] && grep -q -e '$pattern' log"
}

fails "no such interface" 3 "there is no interface eth99; there are: .*span0" \
	ip netns exec $space "$BIN/spanrecd" --home home --interface eth99
fails "no right to capture" 4 "no right to capture on span0" \
	ip netns exec $space setpriv --reuid "$(id -u nobody)" --clear-groups \
	"$BIN/spanrecd" --home home --interface span0
fails "no interface at all" 2 "give --interface IF" \
	ip netns exec $space "$BIN/spanrecd" --home home
rm -rf rooted
spanrec init -q rooted
fails "an archive of root" 4 "as-root" \
	ip netns exec $space "$BIN/spanrecd" --home rooted --interface span0
rm home/control.sock
echo precious >home/control.sock
fails "a file where the socket should be" 1 "control.sock" \
	ip netns exec $space "$BIN/spanrecd" --home home --interface span0
check "... stays" grep -q precious home/control.sock
rm home/control.sock

# ---- a disk that is full -----------------------------------------------------

mkdir small
if mount -t tmpfs -o size=12m tmpfs small 2>/dev/null; then
	mounted=$tmp/small
	home
	mv home/archive small/archive
	echo "archive: $tmp/small/archive" >>home/spanrec.yaml
	chown nobody: small
	start
	traffic 2 3
	wait $sender
	for i in $(seq 50); do
		before=$(rows '[r["id"] for r in rows if r["state"] == "stored"]')
		[ "$(rows "len($before)")" != 2 ] || break
		sleep 0.2
	done
	traffic 20 14
	sleep 2
	dd if=/dev/zero of=small/filler bs=1M 2>/dev/null
	sleep 3
	check "a full disk is told" sh -c "$BIN/spanrec status --json |
		grep -q -e 'could not be written' -e 'nearly full'"
	check "... what finds no room is counted" \
		between 1 "$(status dropped_overrun)" 100000
	rm small/filler
	wait $sender
	traffic 2 3
	wait $sender
	sleep 1
	stop
	check "... it goes on when there is room" \
		is "$(rows 'sum(exact(r) for r in rows
			if r["sip_call_ids"][0] in sent)')" 2
	check "... what was stored before is" is "$(rows "len($before) >= 2 and
		all(r['state'] == 'stored' for r in rows if r['id'] in $before)
		")" True
	check "... all is accounted for" \
		is "$(rows 'all(conserved(s) for r in rows
			for s in r["streams"])')" True
	check "... the archive is sound" spanrec verify --all
	umount small && mounted=
else
	echo "skipped: a full disk: no tmpfs"
fi

exit $failed
