#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The same calls, carried and mirrored in every way that rewrap knows, give the
# same recordings: streams, counts, and decoded sound byte for byte.
#
# Wants the folder of the programs in $BIN. CARRIED=all takes every pair of
# wrappings, which a test run takes a sample of.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
rewrap=$BIN/../cmd/testing/rewrap
here=$(cd "$(dirname "$0")" && pwd)
wraps=$(sed -n 's/^	X(\(.*\)) *\\*$/\1/p' "$here/../testing/wrap.h" | tr _ -)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC
failed=0

# Sanitizers make a recording slow: fewer of each kind.
case ${V:-release} in
release) stride=127 few= ;;
*) stride=797 few=1 ;;
esac
[ "${CARRIED:-}" != all ] || stride=1

# Of IPv4 and of IPv6, with a hold, keys, and tones of their own.
cat >in.call <<'CALL'
start 2026-03-02T09:00:00Z
host a 192.0.2.1
host b 198.51.100.12
host c 2001:db8::1
host d 2001:db8::12
call one from a:2041 to b:2042
call two from c:2043 to d:2044
at 0.000 one invite rtp 10000 codec PCMA,PCMU
at 0.060 one trying
at 0.200 one ringing
at 0.500 one ok rtp 20000
at 0.560 one ack
media one caller tone 440 from 0.70 to 1.60
media one callee tone 880 then 620 at 2.00 from 0.70 to 2.40 pause 1.60 to 2.00
at 1.700 one invite from callee hold
at 1.760 one trying
at 1.820 one ok held
at 1.880 one ack
at 2.500 one bye
at 2.560 one ok
at 0.110 two invite rtp 30000 codec PCMU
at 0.210 two trying
at 0.310 two ringing
at 0.610 two ok rtp 40000
at 0.670 two ack
media two caller tone 660 from 0.80 to 1.80
media two callee tone 990 from 0.80 to 1.80
at 2.000 two bye from callee
at 2.060 two ok
CALL

# What was recorded: each segment, its streams, and the sound of each side;
# "exactly" also where in the call it is, to the sample.
cat >look.py <<'PY'
import hashlib, json, os, subprocess, sys, wave
spanrec = [sys.argv[1], "--home", "home"]
listed = subprocess.run(spanrec + ["list", "--json"], check=True,
                        stdout=subprocess.PIPE).stdout
for line in sorted(listed.splitlines()):
    segment = json.loads(line)
    name = (segment["sip_call_ids"], segment["segment"], segment["state"])
    print(*name, sorted((t["side"], t["ssrc"], t["stored"], t["lost"],
                         t["late"]) for t in segment["streams"]))
    subprocess.run(spanrec + ["export", "-q", "--purpose", "quality", "--out",
                              "x.wav", segment["id"]], check=True)
    with wave.open("x.wav") as sound:
        samples = sound.readframes(sound.getnframes())
    os.unlink("x.wav")
    print("exactly", *name, hashlib.sha256(samples).hexdigest())
    for side in (0, 2):
        one = b"".join(samples[i:i + 2]
                       for i in range(side, len(samples), 4))
        print(*name, side, hashlib.sha256(one.strip(b"\0")).hexdigest())
PY
record() {
	rm -rf home
	"$BIN/spanrec" init -q home &&
		"$BIN/spanrecd" --home home --read "$1" >summary 2>&1 &&
		python3 look.py "$BIN/spanrec"
}

# carried NAME OPTION...: what rewrap makes of it is recorded as the plain one
carried() {
	name=$1
	shift
	if "$rewrap" "$@" in.pcap out.pcap >said 2>&1 &&
		record out.pcap >got 2>>said && diff plain got >>said; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' said
		failed=1
	fi
}

# counted NAME: how often, in the summary of the last run
counted() {
	sed -n "s/^ *\([0-9]*\)  $1\$/\1/p" summary
}

# check NAME COMMAND...
check() {
	name=$1
	shift
	if "$@"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' summary
		failed=1
	fi
}

"$BIN/mkpcap" -q -o in.pcap in.call || exit 1
record in.pcap >plain || exit 1
check "the plain capture is what it should be" \
	[ "$(grep -c "stored .*left.*right" plain) $(wc -l <plain)" = "2 12" ]
messages=$(counted "SIP messages understood")

# ---- wrapped -----------------------------------------------------------------

for wrap in $wraps; do
	carried "in $wrap" --wrap="$wrap"
done
for link in null loop raw sll sll2 erf erf-ext ppp chdlc; do
	carried "link $link" --link=$link
done
n=0
for outer in $wraps; do
	for inner in $wraps; do
		n=$((n + 1))
		[ $outer != hep ] || continue
		[ $((n % stride)) = 0 ] || continue
		carried "$inner in $outer" --wrap="$outer,$inner"
	done
done

# Packets are complete at other times from here on: by microseconds.
sed -i /^exactly/d plain
sed -i '/print("exactly"/d' look.py

# ---- fragments ---------------------------------------------------------------

for mtu in 420 576; do
	for how in in-order reverse shuffled doubled overlap; do
		carried "mtu $mtu, $how" --mtu=$mtu --fragments=$how
	done
	carried "mtu $mtu, of a tunnel" --wrap=vxlan --outer-mtu=$mtu
	carried "mtu $mtu, in and of a tunnel" --mtu=$mtu --wrap=gre-teb \
		--outer-mtu=$((mtu - 60)) --fragments=shuffled
done

# ---- TCP ---------------------------------------------------------------------

for size in 1-1 1-50 1-1460; do
	for how in in-order shuffled doubled; do
		carried "tcp, segments of $size, $how" --tcp=$size \
			--tcp-order=$how
	done
	carried "tcp, segments of $size, from the middle" --tcp=$size --no-syn
	carried "websocket, segments of $size" --tcp=$size --ws
	carried "websocket, from the middle, segments of $size" --tcp=$size \
		--ws --no-syn
done
carried "tcp, keep-alives, no Content-Length" --tcp=1-100 --keepalive \
	--no-length
carried "tcp in a tunnel in fragments" --tcp=1-1460 --wrap=erspan2 \
	--outer-mtu=576

# One segment of each direction never comes: what is not in it is understood,
# in this capture all but at most one message of each of four directions.
for n in 2 5 9; do
	"$rewrap" --tcp=300-600 --tcp-order=lost=$n in.pcap out.pcap || exit 1
	record out.pcap >got 2>said
	check "tcp, segment $n lost" [ "$(counted "SIP messages understood")" \
		-ge $((messages - 8)) ]
done

# ---- mirrored twice ----------------------------------------------------------

seeds="1 2 3 4 5"
[ -z "$few" ] || seeds=1
for seed in $seeds; do
	carried "doubled, seed $seed" --double --seed=$seed
	carried "reordered by 50 ms, seed $seed" --reorder=50 --seed=$seed
	carried "doubled and reordered by 50 ms, seed $seed" --double \
		--double-vlan --reorder=50 --seed=$seed
	check "all copies were counted, seed $seed" \
		[ "$(counted "RTP packets that were duplicates")" = \
		"$(counted "RTP packets stored")" ]
done
carried "doubled, reordered, in fragments, in a tunnel" --mtu=420 \
	--wrap=geneve --double --reorder=50

exit $failed
