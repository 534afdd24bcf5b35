#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Two mirror ports that show the same calls, each with a quarter of the packets
# missing, others than those the other one misses: every packet is stored once,
# and nothing is lost.
. "$(dirname "$0")/../testing/live.sh"

# mirror PRIORITY PORTS MATCH...: what comes in at span0 goes out at PORTS, too
mirror() {
	priority=$1 ports=$2
	shift 2
	for port in $ports; do
		set -- "$@" action mirred egress mirror dev "$port"
	done
	in_space tc filter add dev span0 parent ffff: prio "$priority" \
		protocol ip u32 match "$@"
}

cable to1 port1
cable to2 port2
in_space tc qdisc add dev span0 ingress
# SIP to both; RTP by the lowest two bits of its sequence number.
mirror 1 "to1 to2" ip dport 5060 0xffff >refused 2>&1 || {
	echo "skipped: the kernel cannot mirror"
	exit 0
}
mirror 2 to2 u8 0 3 at 31
mirror 3 to1 u8 1 3 at 31
mirror 4 "to1 to2" u8 2 2 at 31

home
ip netns exec $space "$BIN/spanrecd" --home home --interface port1 \
	--interface port2 >summary 2>log </dev/null &
recorder=$!
for i in $(seq 100); do
	spanrec status >/dev/null 2>&1 && break
	sleep 0.1
done
traffic 5 4
wait $sender
sleep 1
stop

check "five calls, each in one recording" is "$(rows 'len(rows)')" 5
check "nothing is lost, every packet is stored once" \
	is "$(rows 'all(exact(row) for row in rows)')" True
check "what came twice is counted" is "$(rows 'all(
	conserved(s) for row in rows for s in row["streams"])')" True
check "... and is a half of all" between 0.45 \
	"$(rows 'total("duplicate") / total("stored")')" 0.55
check "the archive is sound" spanrec verify --all
exit $failed
