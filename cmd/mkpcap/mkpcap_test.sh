#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# mkpcap as a program: options, exit codes, what it says. BIN is the folder of
# the programs under test.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

check() {
	name=$1
	shift
	if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}

# exit code, command
exits() {
	want=$1
	shift
	"$@" >out 2>err
	got=$?
	[ $got = "$want" ] || { echo "# exit code $got, not $want"; return 1; }
}

cat >good.call <<'CALL'
start 2026-03-02T09:00:00Z
host alice 10.0.0.11
host bob 10.0.0.12
call c1 from alice:2041 to bob:2042 id "x\"
at 0 c1 invite rtp 10000
at 1 c1 ok rtp 20000
media c1 callee tone 880 from 1 to 2 loss 3,7-9 ssrc 0x11223344
CALL
printf 'host alice 10.0.0\nlinc sll\n' >bad.call

check "writes a file" exits 0 "$BIN/mkpcap" -o a.pcap --counts a.json good.call
check "tells what it did" grep -q \
	'c1 callee 0x11223344 PCMA: 46 packets, 4 lost, 0 duplicate' err
check "writes the counts as JSON" grep -qF '{"call": "c1", "sip_call_id": '\
'"x\\", "side": "callee", "ssrc": 287454020, "codec": "PCMA", "packets": 46, '\
'"lost": 4, "duplicate": 0, "reordered": 0, "late": 0, '\
'"first_ns": 1772442001000000000, "last_ns": 1772442001980000000}' a.json
check "writes to standard output" exits 0 "$BIN/mkpcap" -q good.call
check "the same bytes again" cmp out a.pcap
check "is quiet" test ! -s err
"$BIN/mkpcap" -q <good.call >b.pcap
check "reads standard input" cmp a.pcap b.pcap
check "only checks" exits 0 "$BIN/mkpcap" -n good.call
check "and writes nothing" test ! -s out
check "lists the messages" exits 0 "$BIN/mkpcap" --list good.call
check "each with what it answers" test "$(cat out)" = \
	"1 0.000000 c1 alice bob INVITE sip:2042@10.0.0.12 SIP/2.0
2 1.000000 c1 bob alice SIP/2.0 200 OK to INVITE"
check "leaves one out" exits 0 "$BIN/mkpcap" --without 2 -o w.pcap \
	--counts w.json good.call
check "and no more" grep -q '47 packets, 1 RTP' err
check "the other is still there" grep -q 'INVITE sip:2042' w.pcap
check "it is not" test -z "$(grep -c '200 OK' w.pcap | grep -v 0)"
check "nor its number one" exits 0 "$BIN/mkpcap" --list --without 1 good.call
check "the next is then the first" grep -q '^1 1.000000 c1 bob' out
check "not one that is not there" exits 1 "$BIN/mkpcap" --without 3 good.call
check "which is told" grep -q '^mkpcap: there is no message 3$' err
check "message 0 is wrong usage" exits 2 "$BIN/mkpcap" --without 0 good.call
check "refuses a script with mistakes" exits 1 "$BIN/mkpcap" -o c.pcap bad.call
check "names the first place" grep -q '^bad.call:1:12: "10.0.0" is no IP' err
check "and the second" grep -q '^bad.call:2:1: "linc" is none of' err
check "leaves no file behind" test ! -e c.pcap
check "a script that is not there" exits 1 "$BIN/mkpcap" none.call
check "is named" grep -q '^mkpcap: none.call: No such file' err
check "a folder as a script" exits 1 "$BIN/mkpcap" .
check "a full disk" exits 1 "$BIN/mkpcap" -o /dev/full good.call
check "is told" grep -q '^mkpcap: /dev/full: No space left' err
check "wrong usage" exits 2 "$BIN/mkpcap" --wrong
check "too many scripts" exits 2 "$BIN/mkpcap" good.call bad.call
check "help" exits 0 "$BIN/mkpcap" --help
check "that names the options" grep -q -- --counts out
