#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Record in.pcap anew: one baresip calls another through the lab's switch, takes
# the call on hold and back, and hangs up. Each plays a sine of its own. Needs
# root (make deps).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
lab=$PWD/.ci/lab
tmp=$(mktemp -d)
trap 'test $? = 0 || cat "$tmp"/*.log; "$lab" down; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# name, number, address, frequency, codecs
phone() {
	mkdir "$tmp/$1"
	cat >"$tmp/$1/config" <<-CONFIG
	sip_listen		$3:5060
	audio_source		ausine,$4
	ausrc_srate		48000
	ausrc_channels		2
	audio_alert		none,
	rtp_ports		10000-10100
	rtcp_mux		no
	module_path		/usr/lib/baresip/modules
	module			stdio.so
	module			ausine.so
	module			g711.so
	module_app		account.so
	module_app		menu.so
	CONFIG
	echo "<sip:$2@$3>;regint=0;audio_codecs=$5;answermode=$6;ptime=20" \
		>"$tmp/$1/accounts"
}
phone caller 2041 10.99.0.1 440 PCMU,PCMA manual
phone callee 2042 10.99.0.2 880 PCMA,PCMU auto

"$lab" up
"$lab" in recorder dumpcap -q -P -i span0 -w "$tmp/in.pcap" 2>"$tmp/dumpcap" &
dumpcap=$!
(sleep 16; echo /quit) |
	"$lab" in callee baresip -f "$tmp/callee" >"$tmp/callee.log" 2>&1 &
callee=$!
(
	sleep 1
	echo /dial sip:2042@10.99.0.2
	sleep 4
	echo /hold
	sleep 3
	echo /resume
	sleep 4
	echo /hangup
	sleep 1
	echo /quit
) | "$lab" in caller baresip -f "$tmp/caller" >"$tmp/caller.log" 2>&1
wait $callee || true
kill $dumpcap
wait $dumpcap || true
cp "$tmp/in.pcap" "$here/in.pcap"
