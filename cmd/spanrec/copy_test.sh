#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copies get their name where /proc is missing, as in a jail, and where the
# privilege that does without it is missing too. Prints a line for each test,
# and ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
ROOT=$PWD
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || {
	echo "skipped: not root, or no mount namespaces"
	exit 0
}
case $BIN in
*/asan/* | */tsan/*)
	echo "skipped: sanitizers want /proc"
	exit 0
	;;
esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC SPANREC_HOME="$tmp/home"
failed=0

# copied NAME COMMAND...: by spanrec, without /proc: a copy, and again by force
# in its place, and nothing else
copied() {
	name=$1
	shift
	rm -rf copies && mkdir copies
	for force in "" --force; do
		unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh \
			"$@" "$BIN/spanrec" export -q 20 --out copies/a.pcap \
			--purpose quality $force >out 2>&1 &&
			[ "$(ls -A copies)" = a.pcap ] &&
			[ "$(stat -c %a copies/a.pcap)" = 600 ] &&
			cmp -s copies/a.pcap usual.pcap && continue
		echo "not ok - $name"
		sed 's/^/# /' out
		ls -lA copies | sed 's/^/# /'
		failed=1
		return
	done
	# ... and not in place of another
	if unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh \
		"$@" "$BIN/spanrec" export -q 20 --out copies/a.pcap \
		--purpose quality >out 2>&1 || ! grep -q exists out; then
		echo "not ok - $name: in place of another"
		failed=1
		return
	fi
	echo "ok - $name"
}

"$BIN/spanrec" init -q home || exit 1
"$BIN/mkpcap" -q -o in.pcap "$ROOT/test-pcaps/0010-two-sides/in.call" || exit 1
"$BIN/spanrecd" -q --read in.pcap --shift now || exit 1
"$BIN/spanrec" export -q 20 --out usual.pcap --purpose quality || exit 1
copied "without /proc"
copied "... and without the privilege" setpriv --bounding-set -dac_read_search \
	--inh-caps -dac_read_search
exit $failed
