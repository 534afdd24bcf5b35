#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The traffic generator: what it says it sent is what comes out at the other
# end of the cable, and is recorded whole. Wants the folder of the programs in
# $BIN; its own cable needs root and tcpdump.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
callgen=$BIN/../cmd/testing/callgen
wavtones=$BIN/../cmd/testing/wavtones
ns=callgen-$$
tmp=$(mktemp -d)
dump=
finish() {
	[ -z "$dump" ] || kill "$dump" 2>/dev/null
	ip netns del "$ns-a" 2>/dev/null
	ip netns del "$ns-b" 2>/dev/null
	rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC
failed=0

# check NAME COMMAND...: the command must succeed
check() {
	name=$1
	shift
	if "$@" >>said 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' said
		failed=1
	fi
	: >said
}

# exits CODE COMMAND...
exits() {
	want=$1
	shift
	"$@"
	got=$?
	[ $got = "$want" ] || { echo "exit code $got, not $want"; return 1; }
}

check "no interface is a usage error" exits 2 "$callgen" --calls 1 --seconds 1
check "so is an odd port" exits 2 "$callgen" --interface lo --calls 1 \
	--seconds 1 --port 10001
check "so are no calls" exits 2 "$callgen" --interface lo --calls 0 --seconds 1
check "and half a number" exits 2 "$callgen" --interface lo --calls 1 \
	--seconds 1x
"$callgen" --interface none0 --calls 1 --seconds 1 2>err
check "an interface that is not there is named" \
	grep -q '^callgen: none0: No such device' err

# ---- a cable ----------------------------------------------------------------

cable() {
	ip netns add "$ns-a" && ip netns add "$ns-b" &&
	ip link add wire0 netns "$ns-a" type veth \
		peer name span0 netns "$ns-b" || return
	for end in a b; do
		ip netns exec "$ns-$end" sysctl -qw \
			net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv6.conf.default.disable_ipv6=1
	done
	ip -n "$ns-a" link set wire0 arp off up
	ip -n "$ns-b" link set span0 promisc on arp off up
}
why=
if [ "$(id -u)" != 0 ]; then
	why="not root"
elif ! command -v tcpdump >/dev/null; then
	why="no tcpdump"
elif ! cable 2>err; then
	why="no network namespaces: $(cat err)"
fi
if [ -n "$why" ]; then
	echo "skipped: traffic on a cable: $why"
	exit $failed
fi

capture_begin() {
	ip netns exec "$ns-b" tcpdump -q -U -B 16384 -i span0 -w "$1" 2>err &
	dump=$!
	until grep -q listening err || ! kill -0 $dump; do
		sleep 0.1
	done
}

capture_end() {
	sleep 1
	kill $dump
	wait $dump
	dump=
}

# generate ARGUMENT...: its last line is in sent, the manifest in made
generate() {
	ip netns exec "$ns-a" "$callgen" --interface wire0 --manifest made \
		"$@" >out && tail -n 1 out >sent
}

# look WHAT [FILE]: compare what was sent, made, seen on the cable and listed
look() {
	python3 - "$@" <<-'PYTHON'
	import collections, json, struct, sys

	what = sys.argv[1]
	made = [json.loads(line) for line in open("made")]
	sent = json.load(open("sent"))
	sides = ("caller", "callee")

	def frames(path):
	    """Time in seconds, source and UDP payload of each frame."""
	    data = open(path, "rb").read()
	    at = 24
	    while at + 16 <= len(data):
	        s, us, n, _ = struct.unpack("<IIII", data[at:at + 16])
	        frame = data[at + 16:at + 16 + n]
	        at += 16 + n
	        ip = frame[14:34]
	        total = sum(struct.unpack(">10H", ip))
	        assert (total & 0xffff) + (total >> 16) == 0xffff, "checksum"
	        source = ".".join(map(str, ip[12:16]))
	        port = struct.unpack(">H", frame[34:36])[0]
	        yield s + us / 1e6, f"{source}:{port}", frame[42:]

	def same(got, want, name):
	    if got != want:
	        sys.exit(f"{name}: {got}, not {want}")

	def cable(path):
	    seen = collections.defaultdict(list)
	    for time, source, payload in frames(path):
	        seen[source].append((time, payload))
	    rtp = {key: got for key, got in seen.items() if
	           not key.endswith(":5060")}
	    want = {call[side]["address"]: call[side]["packets"]
	            for call in made for side in sides
	            if call[side]["packets"]}
	    same({key: len(got) for key, got in rtp.items()}, want, "packets")
	    same(sum(map(len, seen.values())), sent["packets"], "frames")
	    same(sum(want.values()), sent["rtp_packets"], "RTP packets")
	    for key, got in rtp.items():
	        numbers = [struct.unpack(">H", p[2:4])[0] for _, p in got]
	        steps = {(b - a) & 0xffff for a, b in zip(numbers, numbers[1:])}
	        same(steps - {1}, set(), f"sequence of {key}")
	        length = got[-1][0] - got[0][0]
	        late = 0.05 + sent["lateness_ms"] / 1000
	        if abs(length - 0.02 * (len(got) - 1)) > late:
	            sys.exit(f"{key}: {len(got)} packets in {length} s")

	def listed(path):
	    rows = [json.loads(line) for line in open(path)]
	    rows = {row["sip_call_ids"][0]: row for row in rows}
	    same(len(rows), len(made), "calls")
	    for call in made:
	        row = rows[call["sip_call_id"]]
	        same((row["from"], row["to"]), (call["from"], call["to"]), "who")
	        got = [(s["side"], s["ssrc"], s["codec"], s["seen"], s["stored"],
	                s["lost"]) for s in row["streams"]]
	        want = [(side, call[name]["ssrc"], call["codec"],
	                 call[name]["packets"], call[name]["packets"], 0)
	                for side, name in zip(("left", "right"), sides)
	                if call[name]["packets"]]
	        same(sorted(got), sorted(want), call["sip_call_id"])

	def ended(how):
	    same({call["end_ns"] is not None for call in made}, {how == "bye"},
	         "ended")

	def quiet(path):
	    times = [time for time, _, _ in frames(path)]
	    gap, end = max((b - a, b) for a, b in zip(times, times[1:]))
	    if gap < 1.5:
	        sys.exit(f"the longest silence is {gap} s")
	    same(len([t for t in times if t >= end]), 2 * len(made), "at the end")

	def fast(_):
	    if not 2500 < sent["rtp_packets"] <= 4 * 2 * 50 * 11:
	        sys.exit(f"only {sent['rtp_packets']} RTP packets")

	def tones(path):
	    call = made[0]
	    heard = open(path).read()
	    hz = [line.split()[1] for line in heard.splitlines() if "Hz" in line]
	    same(hz, [str(call[side]["tone_hz"]) for side in sides], "tones")
	    if "something" in heard:
	        sys.exit(f"not pure:\n{heard}{sent}")

	globals()[what](sys.argv[-1])
	PYTHON
}

capture_begin whole.pcap
generate --calls 12 --seconds 4 --rate-up 12 --call-seconds 1.2
capture_end
check "what it says is what is on the cable" look cable whole.pcap
check "every call ended" look ended bye
check "each call was followed by another" test "$(wc -l <made)" -ge 24
"$BIN/spanrec" init -q h >said 2>&1
"$BIN/spanrecd" -q --home h --read whole.pcap >>said 2>&1
"$BIN/spanrec" --home h list --json >list
check "every call is listed, with both sides and every packet" \
	look listed list
id=$("$BIN/spanrec" --home h list --json --number 200000 |
	sed 's/.*"id": *"\([^"]*\)".*/\1/')
"$BIN/spanrec" --home h export -q "$id" --out x.wav --purpose quality \
	>>said 2>&1
"$wavtones" x.wav >heard 2>>said
check "each side has its tone" look tones heard

# A generator that is left alone: SECONDS, SIGNAL, ARGUMENT...
interrupted() {
	seconds=$1 signal=$2
	shift 2
	ip netns exec "$ns-a" "$callgen" --interface wire0 --manifest made \
		"$@" >sent &
	pid=$!
	sleep "$seconds"
	kill -s "$signal" $pid
	wait $pid
}
interrupted 1 TERM --calls 3 --seconds 60 --rate-up 10
check "stopped by SIGTERM, it says so" test $? = 0
check "... and ends every call" look ended bye
interrupted 1 INT --calls 3 --seconds 60 --rate-up 10
check "stopped by SIGINT, it ends none" look ended open
check "... but tells of each" test "$(wc -l <made)" = 3

capture_begin quiet.pcap
generate --calls 4 --rate-up 8 --seconds 3.5 --stop-media-after 1.5
capture_end
check "the cable is quiet, then the calls end" look quiet quiet.pcap

generate --calls 4 --rate-up 1000 --seconds 1 --burst 10
check "ten times the pace" look fast

exit $failed
