#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live, killed or stopped and started again: what becomes of calls
# that go on, that end meanwhile, and of which nothing was heard yet. Prints a
# line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh

# ---- kill, stop, start -------------------------------------------------------

home
start
traffic 4 60
sleep 4
spanrec pause --extension 200001 >/dev/null
sleep 1
kill -9 $recorder
wait $recorder 2>/dev/null
start
check "after a kill its calls go on" is "$(status calls_resumed)" 4
check "... what was paused is paused" is "$(status calls_paused)" 1
sleep 2.5
stop
start
check "after a stop too" is "$(status calls_resumed)" 4
check "... paused, still" is "$(status calls_paused)" 1
spanrec resume --extension 200001 >/dev/null
sleep 1
hang_up
stop
check "each call is one, in segments" \
	is "$(rows 'sorted(len([r for r in rows if r["call"] == c])
		for c in {r["call"] for r in rows})')" "[3, 3, 3, 3]"
check "... that say how they ended" \
	is "$(rows 'sorted({(r["segment"], r["state"]) for r in rows
		if r["from"] == "200000"})')" \
	"[(1, 'interrupted'), (2, 'stored'), (3, 'stored')]"
check "... and stay silent while paused" \
	is "$(rows 'sum(s["stored"] for r in rows for s in r["streams"]
		if r["from"] == "200001" and r["segment"] == 2)')" 0
check "... the archive is sound" spanrec verify --all

# ---- calls that end, and others on their ports, while nobody looks -----------

cat >wire.py <<-'END'
	import socket, struct, sys, time
	end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	end.bind(("gen", 0))

	def send(source, destination, port, payload):
	    udp = struct.pack(">4H", port, port, 8 + len(payload), 0) + payload
	    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
	    end.send(bytes.fromhex("020000000002020000000001") + b"\x08\0" + ip +
	             socket.inet_aton(source) + socket.inet_aton(destination) + udp)

	def sip(source, destination, lines, body=""):
	    lines += (f"Content-Length: {len(body)}", "", body)
	    send(source, destination, 5060, "\r\n".join(lines).encode())
END

# update CALL-ID: what a telephone sends in mid-call
update() {
	in_space python3 - "$1" <<-END
	$(cat wire.py)
	sip("10.0.0.1", "10.128.0.1", (
	    "UPDATE sip:600000@10.128.0.1 SIP/2.0",
	    "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-update",
	    "From: <sip:200000@10.0.0.1>;tag=a", "To: <sip:600000@10.0.0.1>;tag=b",
	    "Call-ID: " + sys.argv[1], "CSeq: 7 UPDATE"))
	END
}

# ring N, answer N: 20000N calls 60000N, which answers, and nobody speaks
ring() {
	say "$1" INVITE
}

answer() {
	say "$1" INVITE 200
}

say() {
	in_space python3 - "$@" <<-END
	$(cat wire.py)
	n, messages = sys.argv[1], sys.argv[2:]
	caller, callee = "10.0.0." + n, "10.128.0." + n
	for message in messages:
	    asks = message == "INVITE"
	    source, destination = (caller, callee) if asks else (callee, caller)
	    sip(source, destination, (
	        f"INVITE sip:60000{n}@{callee} SIP/2.0" if asks else
	        "SIP/2.0 200 OK",
	        f"Via: SIP/2.0/UDP {caller}:5060;branch=z9hG4bK-{n}",
	        f"From: <sip:20000{n}@{caller}>;tag=a",
	        f"To: <sip:60000{n}@{caller}>" + ("" if asks else ";tag=b"),
	        f"Call-ID: {n}@{caller}", "CSeq: 1 INVITE",
	        f"Contact: <sip:{source}>", "Content-Type: application/sdp"),
	        f"v=0\r\no=- 1 1 IN IP4 {source}\r\ns=-\r\n"
	        f"c=IN IP4 {source}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
	END
}

# speak N...: 100 packets from both sides of each of these calls
speak() {
	in_space python3 - "$@" <<-END
	$(cat wire.py)
	for i in range(100):
	    for n in sys.argv[1:]:
	        ends = "10.0.0." + n, "10.128.0." + n
	        for side in 0, 1:
	            send(ends[side], ends[1 - side], 4000,
	                 struct.pack(">BBHII", 0x80, 8, i, 160 * i,
	                             10 * int(n) + side) + bytes(160))
	    time.sleep(0.02)
	END
}

# The recorder has no time to keep anything
crash() {
	kill -9 $recorder
	wait $recorder 2>/dev/null
}

home
start
traffic 3 60 --seed 1
sleep 4
crash
hang_up
old=$(rows '[r["sip_call_ids"][0] for r in rows if r["from"] == "200000"][0]')
traffic 3 60 --seed 2
sleep 4
start
sleep 5
check "calls that ended while it was down are brought back" \
	is "$(status calls_resumed)" 3
check "... and take nothing of those on their ports" is "$(status stored)" 0
check "... which is counted" between 600 "$(status strangers)" 2000
update "$old"
sleep 5
check "... but what turns out to go on is recorded" \
	between 300 "$(status stored)" 900
hang_up
stop
check "... no other" is "$(rows 'sorted((r["from"], r["segment"]) for r in rows
	if r["state"] == "stored")')" "[('200000', 2)]"
check "... the archive is sound" spanrec verify --all

# ---- calls of which nothing was heard yet ------------------------------------

home
start
answer 1
sleep 5
crash
start
check "a call without media is brought back" is "$(status calls_resumed)" 1
ring 2
answer 3
sleep 1
crash
start
check "... again, and others" is "$(status calls_resumed)" 3
speak 1 2 3
sleep 4
check "what has just begun takes what comes on its ports" \
	is "$(status stored)" 400
check "... what was silent for long before does not" \
	is "$(status strangers)" 200
stop
check "... answered or not" is "$(rows 'sorted(r["from"] for r in rows
	if r["state"] == "stored")')" "['200002', '200003']"
check "... the archive is sound" spanrec verify --all

# ---- more calls than there is room for in what tells a writer of them --------

home
start
in_space python3 - <<END
$(cat wire.py)
for n in range(3000):
    for side in 0, 1:
        ends = f"10.0.{n // 250}.{n % 250}", f"10.128.{n // 250}.{n % 250}"
        source, destination = ends[side], ends[1 - side]
        sip(source, destination, (
            "SIP/2.0 200 OK" if side else f"INVITE sip:600000@{ends[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {ends[0]}:5060;branch=z9hG4bK-{n}",
            f"From: <sip:200000@{ends[0]}>;tag=a",
            f"To: <sip:600000@{ends[0]}>" + (";tag=b" if side else ""),
            f"Call-ID: {n}@many", "CSeq: 1 INVITE",
            f"Contact: <sip:{source}>", "Content-Type: application/sdp"),
            f"v=0\r\no=- 1 1 IN IP4 {source}\r\ns=-\r\n"
            f"c=IN IP4 {source}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
    time.sleep(0.001)
END
sleep 2
check "3,000 calls" is "$(status calls)" 3000
crash
start
check "... are brought back by a recorder that answers" \
	is "$(status calls_resumed)" 3000
stop

# ---- calls that turn out to be exempt later ----------------------------------

# identify N NUMBER: who was called tells who he is
identify() {
	in_space python3 - "$@" <<-END
	$(cat wire.py)
	n, number = sys.argv[1:]
	caller, callee = "10.0.0." + n, "10.128.0." + n
	sip(callee, caller, (
	    f"UPDATE sip:20000{n}@{caller} SIP/2.0",
	    f"Via: SIP/2.0/UDP {callee}:5060;branch=z9hG4bK-identity-{n}",
	    f"From: <sip:60000{n}@{caller}>;tag=b",
	    f"To: <sip:20000{n}@{caller}>;tag=a",
	    f"P-Asserted-Identity: <sip:{number}@{callee}>",
	    f"Call-ID: {n}@{caller}", "CSeq: 2 UPDATE"))
	END
}

home
cat >>home/policy.yaml <<-'END'
	exemptions:
	  - {name: union, numbers: [600900], reason: private}
END
start
answer 1
answer 2
for i in 1 2; do
	speak 1 2
	sleep 2
	crash
	start
done
check "both go on, a second time" is "$(status calls_resumed)" 2
speak 1 2
sleep 1
identify 1 600900
sleep 2
speak 2
sleep 2
stop
check "who turns out to be exempt is not kept, nor by earlier runs" \
	is "$(rows 'sorted((r["segment"], r["decision"], r["state"])
		for r in rows if r["from"] == "200001")')" \
	"[(1, 'drop', 'purged'), (2, 'drop', 'purged'), (3, 'drop', 'purged')]"
check "... who does not is" \
	is "$(rows 'sorted((r["segment"], r["decision"], r["state"])
		for r in rows if r["from"] == "200002")')" \
	"[(1, 'record', 'interrupted'), (2, 'record', 'interrupted'), (3, 'record', 'stored')]"
check "... the archive is sound" spanrec verify --all

exit $failed
