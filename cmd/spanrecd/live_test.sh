#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live, as it should be: what is recorded, what a pause leaves out,
# what is left of calls that are over. Prints a line for each test, and ends with
# 1 if one failed.
. cmd/testing/live.sh

# ---- calls, to the packet ----------------------------------------------------

for threads in 1 2; do
	# Nothing gives way here because a machine is slow.
	home "behind_ms: 20000"
	start --threads $threads
	traffic 12 4
	wait $sender
	sleep 1
	drops=$(status kernel_drops)
	stop
	check "$threads threads: it ends well" is "$rc" 0
	check "... every call is there, both sides, to the packet" \
		is "$(rows 'sum(map(exact, rows)), len(rows), len(sent)')" \
		"(12, 12, 12)"
	check "... nothing was dropped" is "$drops" 0
	check "... the archive is sound" spanrec verify --all
done

id=$(rows 'rows[3]["id"]')
wanted=$(rows 'sent[rows[3]["sip_call_ids"][0]]["caller"]["tone_hz"]')
check "each side has its tone" sh -c "$(
	echo "spanrec() { \"$BIN/spanrec\" \"\$@\"; }"
	echo "spanrec export -q $id --out t.wav --purpose quality &&"
	echo "$TOOLS/wavtones t.wav | sed -n '/^left/,/^right/p' |"
	echo "grep -q ' $wanted Hz'"
)"

# ---- the process -------------------------------------------------------------

home
start
proc=/proc/$(spanrec status --json | sed 's/.*"pid": *\([0-9]*\).*/\1/')/status
check "it has become the account of the archive" \
	is "$(awk '/^Uid/ { print $2, $3, $4, $5 }' $proc)" \
	"$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)"
check "... without any capability" \
	is "$(awk '/^Cap/ { print $2 }' $proc | sort -u)" 0000000000000000
check "... for good" is "$(awk '/^NoNewPrivs/ { print $2 }' $proc)" 1
check "a second one finds the archive taken" sh -c "! ip netns exec $space \
	$BIN/spanrecd --home home --interface span0 2>err &&
	grep -q 'being written by process' err"
stop
check "the socket it leaves is nobody's" sh -c "test -S home/control.sock &&
	! $BIN/spanrec status 2>err && grep -q 'no recorder is running' err"

# ---- pause -------------------------------------------------------------------

start
check "... and gives way to that of the next" spanrec status
check "... which tells what the mirror port lost" sh -c "'$BIN/spanrec' \
	status --json | grep -q '\"last_hour\": *{\"packets\": *0, *\"lost\": *0'"
traffic 2 60
sleep 3
check "pause" spanrec pause --extension 200000
check "... is shown" sh -c "$BIN/spanrec list --live --json |
	grep -q '\"paused\": *true'"
before=$(status dropped_paused)
sleep 2
after=$(status dropped_paused)
check "... leaves both sides out" between 120 $((after - before)) 500
check "resume" spanrec resume --extension 200000
sleep 1
hang_up
check "there is no such call to pause" sh -c "$BIN/spanrec pause \
	--extension 999999 2>/dev/null; [ \$? = 3 ]"
stop
check "the gap is as long as the pause, and says why" sh -c "
	$BIN/spanrec show $(rows '[r["id"] for r in rows
		if r["from"] == "200000"][0]') --json |
	grep -q '\"reason\": *\"paused\"'"
check "... and who paused and resumed" \
	is "$(spanrec show $(rows '[r["id"] for r in rows
		if r["from"] == "200000"][0]') |
		sed -n 's/.*  \([a-z]* by .*\)/\1/p' | tr '\n' ,)" \
	"pause by root,resume by root,"
check "... what was sent meanwhile is not stored" \
	is "$(rows 'all(conserved(s) and s["dropped"]["paused"] > 100
		for r in rows if r["from"] == "200000"
		for s in r["streams"])')" True
check "... and the other call is whole" \
	is "$(rows 'all(exact(r) for r in rows if r["from"] == "200001")')" True

# ---- what cannot be recorded ------------------------------------------------

# An MGCP command, from 192.0.2.1 to 192.0.2.2.
send_mgcp() {
	in_space python3 - <<-'END'
	import socket, struct
	text = b"CRCX 1 aaln/1@gateway MGCP 1.0\r\n"
	udp = struct.pack(">4H", 2727, 2427, 8 + len(text), 0) + text
	ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
	ends = bytes([192, 0, 2, 1, 192, 0, 2, 2])
	wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	wire.bind(("gen", 0))
	wire.send(bytes(12) + b"\x08\x00" + ip + ends + udp)
	END
}

home
start
send_mgcp
send_mgcp
sleep 1
check "what cannot be recorded is told while it runs" sh -c "
	$BIN/spanrec status --json | grep -q '\"unrecordable\": *\[{\"host\": *\
\"192.0.2.2\", *\"kind\": *\"mgcp\", *\"count\": *2, *\"last_seen\": *\"20'"
check "... to people too" sh -c "
	$BIN/spanrec status | grep -q '^ *2 commands  MGCP  *192.0.2.2\$'"
check "... and counted" is "$(status foreign_mgcp)" 2
stop

# ---- media without signalling -----------------------------------------------

# 150 packets of RTP, from 192.0.2.1 to 192.0.2.2, and no SIP.
send_rtp() {
	in_space python3 - <<-'END'
	import socket, struct, time
	ends = bytes([192, 0, 2, 1, 192, 0, 2, 2])
	wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	wire.bind(("gen", 0))
	for i in range(150):
	    rtp = struct.pack(">BBHII", 0x80, 0, i, 160 * i, 7) + bytes(160)
	    udp = struct.pack(">4H", 4000, 4002, 8 + len(rtp), 0) + rtp
	    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64,
	                     17, 0)
	    wire.send(bytes(12) + b"\x08\x00" + ip + ends + udp)
	    time.sleep(0.005)
	END
}

home
start
check "where there is no RTP nothing is told of it" is "$(warnings)" ""
send_rtp
for i in $(seq 100); do
	[ "$(status unclaimed)" -lt 150 ] || break
	sleep 0.1
done
check "RTP that belongs to no call is a warning" is "$(warnings)" \
	"150 RTP packets belong to no call: their signalling was not seen or \
not understood"
stop
check "... and told in the summary" \
	grep -q "^150 RTP packets belong to no call: .* understood\.$" summary

# ---- who is logged in --------------------------------------------------------

# logs_in SECONDS: 2041, at 192.0.2.1; calls: the telephone there, by its name
logs_in() {
	dialogue REGISTER "Contact: <sip:2041@192.0.2.1>;expires=$1"
}

calls() {
	dialogue INVITE "Contact: <sip:SEP0011@192.0.2.1>"
}

# dialogue METHOD HEADER: a request to 192.0.2.2, and its answer
dialogue() {
	in_space python3 - "$1" "$2" <<-'END'
	import socket, struct, sys
	method, header = sys.argv[1:]
	who = "2041" if method == "REGISTER" else "SEP0011"
	wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	wire.bind(("gen", 0))
	for start, a, b in ((method + " sip:2042@pbx SIP/2.0", 1, 2),
	                    ("SIP/2.0 200 OK", 2, 1)):
	    to = "2041" if method == "REGISTER" else "2042"
	    text = "\r\n".join((
	        start, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + method,
	        f"From: <sip:{who}@pbx>;tag=1", f"To: <sip:{to}@pbx>" +
	        (";tag=2" if a == 2 else ""), "Call-ID: " + method,
	        "CSeq: 1 " + method, header, "Content-Length: 0", "",
	        "")).encode()
	    udp = struct.pack(">4H", 5060, 5060, 8 + len(text), 0) + text
	    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64,
	                     17, 0)
	    wire.send(bytes(12) + b"\x08\x00" + ip +
	              bytes([192, 0, 2, a, 192, 0, 2, b]) + udp)
	END
}

# Who calls, by the list of calls in progress.
caller() {
	spanrec list --live --json |
		sed 's/.*"from": *"\([^"]*\)".*/\1/'
}

home
start
check "nobody is logged in" is "$(spanrec registrations)" "Nobody is logged in."
logs_in 4
sleep 1
check "who logs in is there" sh -c "$BIN/spanrec registrations --json |
	grep -q '\"user\":\"2041\".*\"from\":\"192.0.2.1:5060\".*\"confirmed\"'"
check "... and counted" is "$(status sip_registrations)" 1
check "... now, too" is "$(status registrations)" 1
calls
sleep 1
check "... and calls, whatever his telephone's name" is "$(caller)" 2041
sleep 4
check "... until it has run out" is "$(status registrations)" 0
kill -9 $recorder
wait $recorder 2>/dev/null
start
check "... but calls still, after a kill" is "$(caller)" 2041
stop

# ---- nothing is left of calls that are over ----------------------------------

home "flow_idle_ms: 1000"
start
traffic 20 60 --call-seconds 1 --rate-up 20
sleep 4
files=$(status open_files)
sleep 9
check "streams that are over are forgotten" between 20 "$(status flows)" 130
check "... and their files are closed" \
	between 10 "$(status open_files)" $((files + 25))
hang_up
sleep 2
check "... all of them" is "$(status flows)" 0
stop

exit $failed
