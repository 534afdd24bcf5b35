#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live, at the limits of what it is given: an index that is full, 64
# descriptors, a GiB of memory and less, by a limit of data and in a control
# group, a disk that turns read-only. Nothing that is stored is harmed, what is
# lost is counted and named, and it goes on when there is room. A disk that is
# full: live_faults_test.sh. Only in make soak (FULL).
# Prints a line for each test, and ends with 1 if one failed.
if [ -z "${FULL:-}" ]; then
	echo "skipped: limits, in make soak"
	exit 0
fi
. cmd/testing/live.sh

stored() {
	rows 'sum(r["state"] in ("stored", "held") for r in rows)'
}

# sound: what is there is as it should be
sound() {
	check "... all is accounted for" \
		is "$(rows 'all(conserved(s) for r in rows
			for s in r["streams"])')" True
	check "... the archive is sound" spanrec verify --all
	check "... and its ledger" spanrec audit verify
}

# limited LIMIT: a recorder that has no more
limited() {
	ip netns exec $space prlimit "$1" "$BIN/spanrecd" --home home \
		--interface span0 >summary 2>log </dev/null &
	recorder=$!
	sleep 3
}

# warned TEXT
warned() {
	warnings >out2
	cat out2
	grep -q -e "$1" out2
}

# ---- the index is full -------------------------------------------------------

# fill CALLS: with calls that nobody answers, which are rows and nothing else
fill() {
	cat >many.call <<-END
	start $(date -u -d '2 hours ago' +%Y-%m-%dT%H:%M:%SZ)
	host a 10.0.0.11
	host b 10.0.0.12
	repeat $1 every 0.01 ports 2 users 1
	call c from a:100000 to b:500000
	at 0 c invite rtp 10000
	at 0.1 c busy
	at 0.11 c ack
	end
	END
	"$BIN/mkpcap" -q -o many.pcap many.call
	chmod 644 many.pcap
	setpriv --reuid nobody --clear-groups "$BIN/spanrecd" --home home -q \
		--read many.pcap >read 2>&1
}

home "index_map_mib: 64"
fill 79500
start
check "an index that is nearly full is warned of" warned "index_map_mib"
traffic 5 4
wait $sender
sleep 7
before=$(stored)
check "... as long as there is room, it records" is "$before" 5
stop
fill 4000
start
traffic 5 4
wait $sender
sleep 7
check "when it is full, new recordings stop" is "$(stored)" "$before"
check "... loudly" said "the index is full: set index_map_mib higher"
check "... and are counted" is "$(status recordings_failed)" 5
check "... a hold has room still" sh -c "
	$BIN/spanrec case open C-1 --title t --approver a &&
	$BIN/spanrec hold add $(rows '[r["id"] for r in rows
		if r["state"] == "stored"][0]') --case C-1 --reason r \
		--approver a --review $(date -u -d '+30 days' +%F)"
check "... and a purge" spanrec purge
stop
# What does not fit into a transaction is lost as a whole: less and less.
for calls in 2000 200 20 2; do
	for round in $(seq 400); do
		fill $calls
		grep -q "the index is full" read && break
	done
done
check "an index can be filled" grep -q "the index is full" read
start
traffic 10 6
wait $sender
sleep 7
check "what finds no room is told, and the remedy" \
	said "the index is full: set index_map_mib higher"
check "... and counted" between 1 "$(status recordings_failed)" 20
check "... in packets" between 1 "$(status dropped_overrun)" 99999
stop
check "... the recorder says it when it ends" [ $rc != 0 ]
check "... what was stored is there" sh -c "[ $(stored) -ge $before ]"
before=$(stored)
sound
sed -i 's/index_map_mib: 64/index_map_mib: 256/' home/spanrec.yaml
start
check "with more there is no warning" sh -c "! $BIN/spanrec status --json |
	grep -q 'nearly full'"
traffic 10 4
wait $sender
sleep 7
stop
check "... and it records" is $(($(stored) - before)) 10
sound

# ---- 64 descriptors ----------------------------------------------------------

home
limited --nofile=64
traffic 100 10
wait $sender
sleep 2
check "with 64 descriptors some calls are not recorded, and counted" \
	between 20 "$(status recordings_failed)" 100
check "... it is told" said "Too many open files"
check "... packets are counted" between 1000 "$(status dropped_overrun)" 999999
sleep 5
check "... the others are whole" between 10 "$(rows 'sum(exact(r)
	for r in rows if r["state"] == "stored")')" 80
traffic 10 4
wait $sender
sleep 7
check "... it goes on when there are some again" \
	is "$(rows 'sum(exact(r) for r in rows
		if r["sip_call_ids"][0] in sent)')" 10
stop
sound

# ---- memory ------------------------------------------------------------------

# flood STREAMS ROUNDS: of large packets that no SIP announces, as pictures are; a
# hundred of each fill a jitter buffer
flood() {
	ip netns exec $space python3 - "$@" <<-'END' >flooded &
	import socket, struct, sys, time
	streams, rounds = map(int, sys.argv[1:])
	wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	wire.bind(("gen", 0))

	def frame(n, k):
	    rtp = struct.pack(">BBHII", 128, 96, k & 65535, 3600 * k, n) + bytes(1200)
	    udp = struct.pack(">4H", 10000 + 2 * (n % 20000), 20000,
	                      8 + len(rtp), 0) + rtp
	    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
	                     0x0a010001 + n // 20000, 0x0a640001)
	    return bytes.fromhex("020000000002020000000001") + b"\x08\0" + ip + udp

	for k in range(rounds):
	    for n in range(streams):
	        try:
	            wire.send(frame(n, k))
	        except OSError:  # its queue is full
	            time.sleep(0.001)
	print(rounds * streams)
	END
	flooder=$!
}

# flooded MIB STREAMS ROUNDS: calls go on while it comes, and after it; in so
# much memory
flooded() {
	check "in $1 MiB it starts, and says how much it can do in it" \
		said "it is given $1 MiB of memory"
	most=$(status flows_max)
	check "... less than usual" between 16 "$most" 16383
	traffic 20 8
	sleep 3
	flood "$2" "$3"
	wait $sender
	wait $flooder
	cat flooded
	check "... streams that find no room are counted" \
		between 1 "$(status rtp_no_flow)" 999999999
	check "... it lives, and has kept to it" \
		between 1 "$(($(status memory) / 1024))" "$1"
	sleep 14
	check "... streams of nobody are forgotten" is "$(status flows)" 0
	traffic 10 4
	wait $sender
	sleep 7
	check "... and what comes then is recorded" \
		is "$(rows 'sum(exact(r) for r in rows
			if r["sip_call_ids"][0] in sent)')" 10
	stop
	check "... it ends well" [ $rc = 0 ]
	sound
}

# Memory of its own: files mapped into it, as the index, are no burden.
home
limited --data=1073741824
flooded 1024 16000 100

# group MIB: a control group with so much, in $group; or $why there is none
group() {
	group= why="no control groups of memory are mounted"
	if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
		group=/sys/fs/cgroup limit=memory.max
		grep -qw memory $group/cgroup.subtree_control || {
			why="$group/cgroup.subtree_control has no memory"
			group=
			return 1
		}
	elif [ -d /sys/fs/cgroup/memory ]; then
		group=/sys/fs/cgroup/memory$(sed -n \
			's/^[0-9]*:memory:\/*/\//p' /proc/self/cgroup)
		limit=memory.limit_in_bytes
		[ -d "$group" ] || group=/sys/fs/cgroup/memory
	else
		return 1
	fi
	group=$group/spanrec-limits-$$
	mkdir "$group" 2>/dev/null && echo "$1M" >"$group/$limit" || {
		why="$group cannot be made, or cannot have a limit"
		rmdir "$group" 2>/dev/null
		group=
		return 1
	}
	# Where there is swap, it is not to be had.
	[ ! -e "$group/memory.swap.max" ] || echo 0 >"$group/memory.swap.max"
}

# ungroup: when all of it has ended
ungroup() {
	for i in $(seq 50); do
		rmdir "$group" 2>/dev/null && break
		sleep 0.1
	done
	group=
}

# killed_in_group: how often for want of memory
killed_in_group() {
	cat "$group/memory.oom_control" "$group/memory.events" 2>/dev/null |
		awk '$1 == "oom_kill" { print $2 }'
}

# Every page of a file on tmpfs would count for it, and could not be given back.
on_disk=
for mib in 1024 64; do
	group $mib || {
		echo "skipped: $mib MiB in a control group: $why"
		continue
	}
	trap '[ -z "$group" ] || kill -9 $(cat "$group/cgroup.procs"); clean
		rm -rf "$on_disk"; [ -z "$group" ] || ungroup' EXIT
	on_disk=$(mktemp -d -p /var/tmp)
	chmod 755 "$on_disk"
	home
	mv home/archive "$on_disk/archive"
	echo "archive: $on_disk/archive" >>home/spanrec.yaml
	chown nobody: "$on_disk"
	# Not by ip netns exec, which hides /sys/fs/cgroup.
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
		nsenter --net=/run/netns/$space "$BIN/spanrecd" --home home \
		--interface span0 >summary 2>log </dev/null &
	recorder=$!
	sleep 3
	check "a control group of $mib MiB" kill -0 $recorder
	flooded $mib 16000 100
	check "... it was not killed for want of memory" \
		is "$(killed_in_group)" 0
	ungroup
	rm -rf "$on_disk"
done

# ---- a disk that turns read-only ---------------------------------------------

# It lives on in the namespace of mounts of whoever goes just now.
detached() {
	for i in $(seq 50); do
		[ -n "$(losetup -j image)" ] || break
		sleep 0.1
	done
}

mkdir disk
dd if=/dev/zero of=image bs=1M count=96 2>/dev/null
if mkfs.ext4 -q image 2>/dev/null && mount -o loop image disk 2>/dev/null; then
	mounted=$tmp/disk
	home
	mv home/archive disk/archive
	echo "archive: $tmp/disk/archive" >>home/spanrec.yaml
	chown nobody: disk
	start
	traffic 5 4
	wait $sender
	sleep 7
	check "a disk of its own" is "$(stored)" 5
	traffic 5 12
	sleep 4
	# As the kernel does when it finds the file system damaged.
	mount -o remount,abort disk
	sleep 6
	check "a disk that turned read-only is told" sh -c "
		$BIN/spanrec status --json | grep -q 'could not be written'"
	check "... with the reason" said "Read-only file system"
	check "... what is lost is counted" \
		between 1 "$(status dropped_overrun)" 100000
	wait $sender
	stop
	check "... the recorder says it when it ends" [ $rc != 0 ]
	check "... what was stored can be read" spanrec verify --all
	umount disk
	detached
	e2fsck -fy image >/dev/null 2>&1
	mount -o loop image disk
	start
	check "it mends what that left" said "recovered after an interruption"
	traffic 5 4
	wait $sender
	sleep 7
	stop
	check "... and records" is "$(rows 'sum(exact(r) for r in rows
		if r["state"] == "stored" and r["sip_call_ids"][0] in sent)')" 5
	check "... what was there is" is $(($(stored) >= 10)) 1
	sound
	umount disk && mounted=
	detached
else
	echo "skipped: a disk that turns read-only: no loop device"
fi
exit $failed
