#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An index with a damaged page, cut short, empty or gone: every command says so,
# and none dies of it. Policies that were changed in the archive, or taken out of
# it. Prints a line for each test, and ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
ROOT=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC SPANREC_HOME="$tmp/home"
index=home/archive/index/data.mdb
failed=0

# try WHAT ALLOWED COMMAND...: its exit code is one of those
try() {
	what=$1 allowed=$2
	shift 2
	"$BIN/spanrec" "$@" >out 2>&1
	rc=$?
	case " $allowed " in
	*" $rc "*) ;;
	*)
		echo "not ok - $what: $*: exit code $rc"
		sed 's/^/# /' out
		failed=1
		return 1
		;;
	esac
}

# all WHAT ALLOWED: the commands that read all of it
all() {
	try "$1" "$2" verify -q && try "$1" "$2" audit verify -q &&
		try "$1" "$2" list --all && try "$1" "$2" report retention &&
		echo "ok - $1"
}

"$BIN/spanrec" init -q home || exit 1
"$BIN/mkpcap" -q -o in.pcap "$ROOT/test-pcaps/0010-two-sides/in.call" || exit 1
"$BIN/spanrecd" -q --read in.pcap --shift now || exit 1
cp "$index" sound

# told NAME: verify finds the policy, and why does not claim that it is there
told() {
	try "$1" 5 verify && grep -q '^policy/' out && try "$1" 0 why 20 &&
		grep -q 'missing there, or not' out && echo "ok - $1"
}

policy=$(echo home/archive/policy/*.yaml)
chmod u+w "$policy"
echo >>"$policy"
told "a policy that was changed"
rm "$policy"
told "a policy that is missing"

case $BIN in
*/release/* | */clang/*) ;;
*)
	echo "skipped: a sanitizer reports the damaged page itself"
	exit 0
	;;
esac
pages=$(($(stat -c %s "$index") / 4096))

page=2 wrong=0
while [ $page -lt $pages ]; do
	for fill in /dev/zero "$BIN/spanrec"; do
		cp sound "$index"
		dd if="$fill" of="$index" bs=2000 count=1 conv=notrunc \
			seek=$((page * 4096 + 8)) oflag=seek_bytes 2>/dev/null
		all "page $page" "0 5" >lines || {
			cat lines
			wrong=1
		}
	done
	page=$((page + 1))
done
[ $wrong = 1 ] || echo "ok - each of $pages pages damaged"

cp sound "$index"
truncate -s $((pages * 2048)) "$index"
all "cut short" "0 5"
: >"$index"
all "empty" 5
rm "$index"
all "gone" 5
grep -q "backup" out && echo "ok - a backup is asked for" || {
	echo "not ok - a backup is asked for"
	failed=1
}
exit $failed
