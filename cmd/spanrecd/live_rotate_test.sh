#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Keys changed while a recorder runs and calls go on: it takes the new ones at
# once, and seals anew what the owner, who cannot write the archive, hands it.
# Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh
command -v setpriv >/dev/null || { echo "skipped: no setpriv"; exit 0; }
umask 027
chmod 755 "$tmp"

# opened KEY: how many of all recordings
opened() {
	n=0
	for id in $(rows '" ".join(r["id"] for r in rows)'); do
		rm -f t.wav
		spanrec export -q "$id" --out t.wav --purpose quality \
			--key "$1" >>told 2>&1 && n=$((n + 1))
	done
	echo $n
}

home "control_group: nogroup" "sync_s: 1"
sed -i "s/^  owner: .*/  owner: [root, bin]/" home/policy.yaml
mkdir keys && chown bin: keys
mv home/vault.key keys/old.key && chown bin:nogroup keys/old.key
chmod 640 keys/old.key
chown -R nobody home
chgrp -R nogroup home
chmod -R g+rX home
find home -type d -exec chmod g+s {} +
chmod g+w home/archive/index/lock.mdb
start
# New calls all the time, for as long as it takes: each lasts a second.
traffic 5 120 --call-seconds 1
sleep 3
check "another user may not" refused 4 "owner" as sys key rotate \
	keys/sys.key --key keys/old.key
check "a rotation while calls begin and go on" \
	as bin key rotate keys/new.key --key keys/old.key
cp out rotated
check "... again is none" sh -c "$(command -v setpriv) --reuid bin \
	--regid nogroup --clear-groups $BIN/spanrec key rotate keys/new.key \
	--key keys/old.key | tee again | grep -q ' 0 sealed anew'; cat again"
sleep 2
hang_up
sleep 2
all=$(rows 'len([r for r in rows if r["state"] == "stored"])')
check "calls were recorded all the time" between 12 "$all" 600
check "... not all of them before the rotation" test "$all" -gt \
	"$(sed -n 's/^\([0-9]*\) keys of .*/\1/p' rotated)"
check "the new key opens all of them" is "$(opened keys/new.key)" "$all"
check "the old one none" is "$(opened keys/old.key)" 0
check "who did it is in the ledger" sh -c "
	$BIN/spanrec audit list --action key-rotate --actor bin --json |
	grep -q 'takes the place of'"
check "how many the recorder sealed anew, too" is "$(
	spanrec audit list --action key-reseal --actor bin --json |
	sed -n 's/.*keys of \([0-9]*\) recording.*/\1/p' |
	awk '{ n += $1 } END { print n + 0 }')" \
	"$(sed -n 's/.* recordings: \([0-9]*\) sealed anew.*/\1/p' rotated)"
as bin key new keys/escrow.key >/dev/null
check "an escrow key for all that there is" as bin key escrow --existing \
	--public-key keys/escrow.key.pub --key keys/new.key
check "it opens all of them" is "$(opened keys/escrow.key)" "$all"
check "... which the ledger says" sh -c "
	[ \$($BIN/spanrec audit list --action key-escrow --json | wc -l) = $all ]"

# Killed in the middle, at any moment: what is there opens with one or the other.
last=new
for round in 1 2; do
	as bin key rotate keys/k$round.key --key keys/$last.key >/dev/null 2>&1 &
	rotation=$!
	sleep 1.0$((round * 2))
	kill -9 $recorder
	wait $recorder 2>/dev/null
	wait $rotation
	start
	as bin key rotate keys/k$round.key --key keys/$last.key >>told 2>&1 ||
		echo "# rotation $round failed" >>told
	last=k$round
done
check "killed twice, and gone on with: all are opened" \
	is "$(opened keys/$last.key)" "$all"
check "by nothing else but the escrow key" is "$(opened keys/k1.key)" 0
check "nothing is left undone" \
	is "$(stat -c %s home/archive/reseal)" 0
stop
check "the recorder ends" is $rc 0
check "the archive is in order" spanrec verify --key keys/$last.key
check "the ledger too" spanrec audit verify
exit $failed
