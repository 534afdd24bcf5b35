#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Record in.pcap anew: sipp calls sipp through the lab's switch, each side plays
# a tone of its own. Needs root, and mkpcap built (make).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
lab=$PWD/.ci/lab
tmp=$(mktemp -d)
trap 'test $? = 0 || cat "$tmp"/*.log; "$lab" down; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# What each side plays: a capture of a tone.
for side in 440 880; do
	build/release/bin/mkpcap -q -o "$tmp/$side.pcap" <<-CALL
	host a 10.0.0.1
	host b 10.0.0.2
	call tone from a:1 to b:2
	media tone caller tone $side from 0 to 6 source a:4000 target b:4000
	CALL
done

"$lab" up
cd "$tmp"
"$lab" in recorder dumpcap -q -P -i span0 -w "$tmp/in.pcap" 2>"$tmp/dumpcap" &
dumpcap=$!
sleep 1
"$lab" in callee sipp -sf "$here/callee.xml" -i 10.99.0.2 -mi 10.99.0.2 \
	-mp 20000 -m 1 -nostdin >"$tmp/callee.log" 2>&1 &
callee=$!
sleep 1
"$lab" in caller sipp -sf "$here/caller.xml" -i 10.99.0.1 -mi 10.99.0.1 \
	-mp 10000 -m 1 -nostdin -s 2042 10.99.0.2 \
	>"$tmp/caller.log" 2>&1
wait $callee
sleep 1
kill $dumpcap
wait $dumpcap || true
cp "$tmp/in.pcap" "$here/in.pcap"
