#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder as people and scripts meet it: exit codes, messages, what is on
# the disk and what is not, interruptions. Wants the folder of the programs in
# $BIN. Prints a line for each test, and ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
tmp=$(mktemp -d)
mounted=
trap '[ -z "$mounted" ] || umount "$mounted"; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
unset SPANREC_HOME
export LC_ALL=C.UTF-8 TZ=UTC
failed=0

# check NAME COMMAND...: the command must succeed
check() {
	name=$1
	shift
	if "$@"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' out err
		failed=1
	fi
}

# record ARGUMENT...: the exit code is in $rc, the output in out and err
record() {
	"$BIN/spanrecd" "$@" >out 2>err </dev/null
	rc=$?
}

spanrec() {
	"$BIN/spanrec" "$@" 2>>err
}

# expect_error NAME CODE PATTERN ARGUMENT...
expect_error() {
	name=$1 code=$2 pattern=$3
	shift 3
	record "$@"
	echo "# exit code $rc, wanted $code and '$pattern'" >>err
	check "$name" sh -c "[ $rc = $code ] && grep -q -- '$pattern' err"
}

home() {
	rm -rf "$1"
	spanrec init "$@" >/dev/null
}

# states HOME: how many recordings in which state, as "60 stored"
states() {
	spanrec --home "$1" list --json |
		sed 's/.*"state":"*\([a-z]*\).*/\1/' | sort | uniq -c |
		sed 's/^ *//'
}

calls() {
	cat <<-END
	start 2026-03-02T09:00:00Z
	host a 10.0.0.11
	host b 10.0.0.12
	repeat $1 every $3 ports 4 users 1 tones 1
	call c from a:2100 to b:2500
	at 0 c invite rtp 10000 codec PCMA
	at 0.1 c ok rtp 20000
	at 0.11 c ack
	media c caller tone 440 from 0.2 to $2
	media c callee tone 880 from 0.2 to $2
	at $2 c bye
	at $2.01 c ok
	end
	END
}

calls 4 3 0.5 | "$BIN/mkpcap" -q -o few.pcap
calls 200 20 0.05 | "$BIN/mkpcap" -q -o many.pcap

# ---- usage and input --------------------------------------------------------

home h
expect_error "no input is a usage error" 2 "give --interface" --home h
expect_error "an interface that is given twice" 2 "interface m1 is given twice" \
	--home h -i m1 -i m2 -i m1
sed 's/^interfaces:.*/interfaces: [m1, m2, m1]/' h/spanrec.yaml >twice.yaml
cp h/spanrec.yaml once.yaml
cp twice.yaml h/spanrec.yaml
expect_error "... or named twice in the settings" 1 \
	"spanrec.yaml: .interfaces. names .m1. twice" --home h
expect_error "... which -n finds too" 1 "names .m1. twice" --home h -n
cp once.yaml h/spanrec.yaml
expect_error "a file without --read" 2 "given with --read" few.pcap
expect_error "no threads" 2 "from 1 to" --home h --read few.pcap -t 0
expect_error "a shift that is not now" 2 "not .then" --shift then \
	--read few.pcap
expect_error "no home" 3 "spanrec init" --home none --read few.pcap
mkdir empty
expect_error "a folder that is no home" 3 "spanrec init" --home empty \
	--read few.pcap
expect_error "no such capture" 3 "none.pcap" --home h --read none.pcap
expect_error "not a capture" 5 "not a capture" --home h --read "$BIN/spanrecd"
head -c 50000 few.pcap >cut.pcap
expect_error "a capture that is cut" 5 "what came before is recorded" \
	--home h --read cut.pcap
check "... and what came before is there" [ "$(states h)" != "" ]
if [ "$(id -u)" = 0 ]; then
	echo "ok - unreadable capture # skipped: root reads everything"
else
	cp few.pcap locked.pcap
	chmod 0 locked.pcap
	expect_error "unreadable capture" 4 "locked.pcap" --home h \
		--read locked.pcap
fi
sed 's/^rules:/rulez:/' h/policy.yaml >bad.yaml
expect_error "a mistake in the policy is named with its place" 1 \
	"bad.yaml:[0-9]*:[0-9]*: .*rulez" --home h --policy bad.yaml \
	--read few.pcap
record --home h -n
check "checking only" [ "$rc" = 0 ]

home h
"$BIN/spanrecd" -q --home h --read - <few.pcap >out 2>err
check "standard input" [ "$(states h)" = "4 stored" ]
check "quiet is quiet" [ ! -s out ]
record --home h --read few.pcap
check "the same capture again is recorded under other ids" \
	[ "$(states h)" = "8 stored" ]
check "... and every recording is sound" spanrec --home h verify --all -q
cp few.pcap renamed.pcap
expect_error "... but not once more by mistake, under whatever name" 1 \
	"renamed.pcap was read into this archive before, on 20" \
	--home h --read many.pcap renamed.pcap
check "... of which nothing is done" [ "$(states h)" = "8 stored" ]
record --home h --again --read renamed.pcap
check "... if it is not wanted" [ "$(states h)" = "12 stored" ]

home h
record --home h --shift now --read few.pcap
spanrec --home h purge --dry-run >out
check "a capture shifted to now is not due" grep -q "^0 \|[Nn]othing" out

# ---- what cannot be recorded ------------------------------------------------

# Keys of SRTP from b, MGCP to a call agent, and a call that is recorded.
hello=fefd$(printf %064d 0)00000002c02b0100000b000e000700040007000100
dtls=16feff00000000000000000043010000370000000000000037$hello
"$BIN/mkpcap" -q -o foreign.pcap <<-END
start 2026-03-02T09:00:00Z
host a 10.0.0.11
host b 10.0.0.12
host agent 10.0.0.13
call c from a:2100 to b:2500
at 0 c invite rtp 10000 codec PCMA
at 0.1 c ok rtp 20000
at 0.11 c ack
media c caller tone 440 from 0.2 to 1
media c callee tone 880 from 0.2 to 1
at 1.5 b:30000 -> a:40000 bytes $dtls
at 1.6 a:2427 -> agent:2727 text
| RSIP 1 *@a MGCP 1.0
| RM: restart
at 1.7 a:2427 -> agent:2727 text
| NTFY 2 aaln/1@a MGCP 1.0
at 2 c bye
at 2.1 c ok
END
home h
record --home h --read foreign.pcap
check "what cannot be recorded is told with its host" sh -c "
	sed -n '/^Seen but not recordable:/,\$p' out | tr -s ' ' |
	tr '\n' ';' | grep -q '^Seen but not recordable:; 2 commands MGCP at 10.0.0.13;\
 1 session DTLS-SRTP (keys of encrypted media) at 10.0.0.12;\$'"
check "... and counted" grep -q " 2  MGCP: seen, cannot be recorded" out
check "... and the call beside it recorded" [ "$(states h)" = "1 stored" ]
record --home h --read few.pcap
check "... and nothing is told where there is nothing" \
	sh -c "! grep -qi 'recordable\|cannot be recorded' out"
check "the payload that was stored has its unit" \
	grep -q "^ *[0-9]*\.[0-9] KiB  payload stored$" out

# ---- what is on the disk ----------------------------------------------------

# 64 bytes of sound from the middle of the capture
marker() {
	od -An -v -tx1 -j $(($(stat -c %s "$1") / 2)) -N 64 "$1" | tr -d ' \n'
}

# holds DIRECTORY HEX
holds() {
	find "$1" -type f -exec od -An -v -tx1 {} + | tr -d ' \n' |
		grep -q "$2"
}

home h
record --home h --read few.pcap
check "the marker is in the capture" holds few.pcap "$(marker few.pcap)"
lacks() {
	! holds "$@"
}
check "no sound in the clear in the archive" lacks h "$(marker few.pcap)"

# Nobody has this host's key: the archive is sealed to another one.
spanrec key new other.key >/dev/null
home p --public-key other.key.pub
record --home p --read few.pcap
check "recording needs no private key" [ "$(states p)" = "4 stored" ]
check "... and leaves none" [ ! -e p/vault.key ]
id=$(spanrec --home p list --json | sed -n '1s/.*"id":"\([^"]*\)".*/\1/p')
spanrec --home p export "$id" --out x.wav --purpose quality >out
check "... so nothing can be played" [ $? != 0 ]
check "... nor is left behind" [ ! -e x.wav ]

# What the policy drops never reaches the disk.
home d
sed '/^rules:/,$d' d/policy.yaml >drop.yaml
cat >>drop.yaml <<-END
rules:
  - name: confidential
    match: {numbers: [2100]}
    decision: drop
  - name: everything
    match: {direction: [in, out, internal, transit]}
    decision: record
    retention: standard
END
calls 1 3 1 | "$BIN/mkpcap" -q -o one.pcap
record --home d --policy drop.yaml --read one.pcap
check "a dropped call is listed" [ "$(states d)" = "1 null" ]
check "... and has no file" [ -z "$(find d -name '*.rec')" ]
check "... and no sound anywhere" lacks d "$(marker one.pcap)"

# ---- several captures -------------------------------------------------------

calls 4 3 0.5 | sed 's/10\.0/10.9/; s/\<c\>/z/g' |
	"$BIN/mkpcap" -q -o others.pcap
home m
record --home m --read few.pcap others.pcap
check "two captures are read as one" [ "$(states m)" = "8 stored" ]
# The clock of the recording machine is set back by an hour in the middle, and
# the same ports are used again: the calls stay apart.
calls 4 3 4 | sed 's/ports 4 //' >times.call
"$BIN/mkpcap" -q -o first.pcap times.call
sed 's/09:00/08:00/; s/\<c\>/z/g' times.call | "$BIN/mkpcap" -q -o second.pcap
{ cat first.pcap; tail -c +25 second.pcap; } >back.pcap
home c
record --home c --read back.pcap
check "a clock that is set back is told" grep -q "clock was set back" out
check "... and each call has the two streams of its own" \
	[ "$(spanrec --home c list --json |
		grep -c '"stored":140,.*"stored":140,')" = 8 ]

# More SIP in one instant than a ring holds.
cat >instant.call <<-END
start 2026-03-02T09:00:00Z
host a 10.0.0.11
host b 10.0.0.12
repeat 3000 every 0ms ports 4 users 1
call c from a:2100 to b:25000
at 0 c invite rtp 10000 codec PCMA
end
END
"$BIN/mkpcap" -q -o instant.pcap instant.call
home n
timeout 60 "$BIN/spanrecd" -q --home n --read instant.pcap >out 2>err </dev/null
check "3000 calls that begin in one instant" [ "$(states n)" = "3000 null" ]
expect_error "media without signalling, live" 2 "for captures" --home n \
	--interface lo --orphan-rtp
expect_error "a payload type without that" 2 "without SDP" --home n \
	--read few.pcap --payload-type 96=opus/48000/2
expect_error "a payload type that nobody can read" 2 "takes N=CODEC" --home n \
	--read few.pcap --orphan-rtp --payload-type 96=opus
expect_error "a payload type twice" 2 "given twice" --home n --read few.pcap \
	--orphan-rtp --payload-type 96=opus/48000/2 --payload-type 96=L16/8000
expect_error "standard input cannot be read twice" 2 "once only" --home n \
	--read - --threads 2

# ---- interruptions ----------------------------------------------------------

home k
kills=${KILLS:-5}
i=0
sound=0
while [ $i -lt "$kills" ]; do
	"$BIN/spanrecd" -q --home k --read many.pcap 2>err &
	pid=$!
	sleep "0.$((i * 7 % 10))5"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	record --home k -n
	spanrec --home k verify --all -q && sound=$((sound + 1))
	i=$((i + 1))
done
check "killed $kills times: what is there is sound" [ $sound = "$kills" ]
check "... and nothing claims to be recording" \
	sh -c "! '$BIN/spanrec' --home k list --json | grep -q '\"recording\"'"

home i
"$BIN/spanrecd" --home i --read many.pcap >out 2>err &
pid=$!
sleep 0.2
kill -INT $pid
wait $pid
check "stopped by a signal: it says so, or was done" \
	sh -c "[ $? = 0 ] || grep -q 'before the end' err"
check "... and every recording is closed and sound" \
	spanrec --home i verify --all -q

# Every call ends at once where the input ends: more events than a ring holds.
sed 's/repeat 3000 every 0ms/repeat 8000 every 1ms/' instant.call |
	"$BIN/mkpcap" -q -o open.pcap
home e
timeout 60 "$BIN/spanrecd" -q --home e --read open.pcap >out 2>err </dev/null
check "an input that ends in the middle of 8000 calls" \
	[ "$(states e)" = "8000 null" ]

mkfifo pipe
home b
"$BIN/spanrecd" -q --home b --read - <pipe 2>/dev/null &
pid=$!
exec 9>pipe
until grep -qx "$pid" b/archive/lock || ! kill -0 $pid; do
	sleep 0.1
done
expect_error "a second recorder on one archive" 1 "process $pid" --home b \
	--read few.pcap
exec 9>&-
wait $pid

# ---- somebody else's archive ------------------------------------------------

if [ "$(id -u)" = 0 ]; then
	home theirs
	chown -R nobody theirs
	record --home theirs --read many.pcap
	check "root writes nothing into an archive of somebody else" \
		sh -c "[ $rc = 4 ] && grep -q 'runuser -u nobody' err"
	check "... unless there is a reason" \
		"$BIN/spanrecd" --home theirs --as-root test -q --read many.pcap
else
	echo "skipped: not root: an archive of somebody else"
fi

# ---- a full disk ------------------------------------------------------------

mkdir small
if mount -t tmpfs -o size=24m spanrec-test small 2>/dev/null; then
	mounted=$tmp/small
	spanrec init small/h >/dev/null
	record --home small/h --read many.pcap
	check "a full disk fails, and says what it is" \
		sh -c "[ $rc = 1 ] && grep -q 'No space left' err"
	check "... what is there is sound" spanrec --home small/h verify --all -q
	# What was recorded is long past its time: make room.
	spanrec --home small/h purge >out 2>err
	check "... and a purge works on it" [ $? = 0 ]
	check "... nothing is left" [ -z "$(find small/h -name '*.rec')" ]
	umount small && mounted=
else
	echo "ok - a full disk # skipped: cannot mount a small file system"
fi
home f
(
	ulimit -f 64
	"$BIN/spanrecd" --home f --read many.pcap >out 2>err </dev/null
)
check "a file size limit fails, and says what it is" \
	sh -c "[ $? = 1 ] && grep -q 'File too large\|Input/output' err"
check "... what is there is sound" spanrec --home f verify --all -q

exit $failed
