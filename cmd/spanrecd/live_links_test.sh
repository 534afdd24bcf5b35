#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live, killed in the middle of calls of several legs and
# conversations, and started again: the captures of test-pcaps, sent over a cable
# part by part. Prints a line for each test, and ends with 1 if one failed.
MKPCAP=$(cd "${BIN:?the folder of the programs}" && pwd)/mkpcap
SCRIPTS=$PWD/test-pcaps
. cmd/testing/live.sh

# capture NAME [CHANGE]: what is sent from now on, its script changed by sed
capture() {
	rm -f capture.pcap
	sed "${2:-}" "$SCRIPTS/$1/in.call" >in.call
	"$MKPCAP" -q -o capture.pcap in.call
}

# play FROM UNTIL: these seconds of the capture, at their pace
play() {
	in_space python3 - "$1" "$2" <<-'END'
	import socket, struct, sys, time
	begin, end = float(sys.argv[1]), float(sys.argv[2])
	data = open("capture.pcap", "rb").read()
	unit = 1e-9 if data[:4] == b"\x4d\x3c\xb2\xa1" else 1e-6
	wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	wire.bind(("gen", 0))
	at, first, started = 24, None, time.monotonic()
	while at < len(data):
	    s, sub, n, _ = struct.unpack("<4I", data[at:at + 16])
	    frame, at = data[at + 16:at + 16 + n], at + 16 + n
	    t = s + sub * unit
	    first = t if first is None else first
	    if begin <= t - first < end:
	        late = started + t - first - begin - time.monotonic()
	        if late > 0:
	            time.sleep(late)
	        wire.send(frame)
	END
}

crash() {
	kill -9 $recorder
	wait $recorder 2>/dev/null
}

# segments: what they are of, in order
segments() {
	rows '" ".join("%d:%s:%s>%s" % (r["segment"], r["kind"],
		r["from"][-4:], r["to"][-4:])
		for r in sorted(rows, key=lambda r: r["segment"]))'
}

# id SEGMENT
id() {
	rows "[r[\"id\"] for r in rows if r[\"segment\"] == $1][0]"
}

# once SEGMENT: the tones of its left and right, in Hz, and how many seconds each
once() {
	tones "$(id "$1")" | awk '
		function over(until) {
			if (tone && until - since > longest[side]) {
				longest[side] = until - since
				hz[side] = tone
			}
			if (tone)
				sum[side] += until - since
			tone = 0
		}
		$1 == "left" || $1 == "right" { over(end); side = $1; end = $2 }
		$2 == "silence" || $3 == "Hz" { over($1) }
		$3 == "Hz" { tone = $2; since = $1 }
		END {
			over(end)
			printf "%s %s %.1f %.1f\n", hz["left"], hz["right"],
				sum["left"], sum["right"]
		}'
}

# The call in progress
live_id() {
	spanrec list --live --json | sed -n '1s/.*"id": *"\([^"]*\)".*/\1/p'
}

# ---- two legs of a switch ----------------------------------------------------

capture 0104-b2bua
home
start
play 0 4
crash
start
check "two legs of a switch go on as one call" is "$(status calls_resumed)" 1
play 4 99
sleep 1
stop
check "... with one id, segment by segment" is "$(segments)" \
	"1:agent:2041>0001 2:agent:2041>0001"
check "... both sides, each once" is "$(once 2)" "840 440 4.0 4.0"
check "... the archive is sound" spanrec verify --all

# ---- on hold, while somebody is asked ----------------------------------------

capture 0109-b2bua-attended
home
start
play 0 6.2
spanrec pause --call "$(live_id)" >/dev/null
play 6.2 7
crash
start
check "a call on hold and the question go on" is "$(status calls_resumed)" 2
check "... as one call" is "$(spanrec list --live --json |
	grep -o '"id": *"[^"]*"' | sort -u | wc -l)" 1
before=$(status stored)
play 7 10
sleep 1
check "... paused, and so is the transfer that comes then" \
	is "$(($(status stored) - before))" 0
spanrec resume --call "$(live_id)" >/dev/null
sleep 0.5
play 10 99
sleep 1
stop
check "... each in segments of its own" is "$(segments)" \
	"1:agent:0001>2042 2:hold:0001>2042 3:consult:2042>2043 \
4:hold:0001>2042 5:consult:2042>2043 6:transfer:0001>2043"
check "... that say how they ended" is "$(rows '" ".join(str(r["state"])
	for r in sorted(rows, key=lambda r: r["segment"]))')" \
	"interrupted interrupted interrupted None None stored"
check "... nothing is stored of what was paused" \
	is "$(rows 'sum(s["stored"] for r in rows for s in r["streams"]
		if r["segment"] in (4, 5))')" 0
check "... whose packets are all counted" \
	is "$(rows 'all(conserved(s) for r in rows for s in r["streams"])')" True
check "... sides are those of before, who is new is on the left" \
	is "$(once 1) $(once 3 | cut -d " " -f 1-2) $(once 6)" \
	"880 440 3.0 3.0 960 1200 1300 480 2.0 2.0"
check "... the archive is sound" spanrec verify --all

# ---- between a transfer being asked for and being done -----------------------

# Only the REFER tells of it.
capture 0100-blind-transfer 's/ header "Referred-By:[^"]*"//'
home
start
play 0 4.3
spanrec pause --call "$(live_id)" >/dev/null
play 4.3 4.58
sleep 1
crash
start
play 4.58 8
sleep 1
check "what was paused is paused after the transfer" is "$(status stored)" 0
spanrec resume --call "$(live_id)" >/dev/null
sleep 0.5
play 8 99
sleep 1
stop
check "who was referred before is followed after" is "$(segments)" \
	"1:agent:0001>2042 2:hold:0001>2042 3:hold:0001>2042 \
4:transfer:0001>2043"
check "... in the same call" \
	is "$(rows 'len({r["call"] for r in rows})')" 1
check "... on the side where he was" is "$(once 4)" "1200 480 2.0 2.0"

# ---- paused before two calls turn out to be one ------------------------------

# The mirror sees the customer and the agent, each with the PBX.
capture 0141-joined-late
home
start
play 0 3
spanrec pause --extension 2041 >/dev/null
play 3 3.9
sleep 1
before=$(status stored)
play 3.9 99
sleep 1
check "a pause holds when the call becomes part of another" \
	is "$(($(status stored) - before))" 0
stop
check "... which is one call from then on" is "$(segments)" \
	"1:agent:0001>2041 1:agent:0777>2041"
exit $failed
