#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The recorder live, at a cable in a network namespace: calls from callgen on
# the one end, spanrecd at the other. What is recorded, what a kill leaves, what
# a pause leaves out, what is said when something is wrong. Needs root. Prints a
# line for each test, and ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
TOOLS=$(cd "$BIN/../cmd/testing" && pwd)
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 0; }
space=spanrec-live-$$
ip netns add $space 2>/dev/null || {
	echo "skipped: no network namespaces"
	exit 0
}
tmp=$(mktemp -d)
chmod 755 "$tmp"
mounted=
recorder=
# Whatever happened: none of our processes is left.
clean() {
	for pid in $(ip netns pids $space); do
		kill -9 "$pid"
	done
	ip netns del $space
	[ -z "$mounted" ] || umount "$mounted"
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 1' INT TERM
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC SPANREC_HOME="$tmp/home"
failed=0

# ---- tools ------------------------------------------------------------------

in_space() {
	ip netns exec $space "$@"
}

# A cable: what is sent into $1 comes out at $2.
cable() {
	ip -n $space link add "$1" type veth peer name "$2"
	ip -n $space link set "$1" up
	ip -n $space link set "$2" up
}

# check NAME COMMAND...: the command must succeed
check() {
	name=$1
	shift
	if "$@" >out 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' out log 2>/dev/null | tail -n 30
		failed=1
	fi
}

# is VALUE WANTED...: a number, or several that are all right
is() {
	value=$1
	shift
	for wanted in "$@"; do
		[ "$value" != "$wanted" ] || return 0
	done
	echo "is $value, not $*"
	return 1
}

between() {
	awk -v v="$2" -v low="$1" -v high="$3" 'BEGIN {
		if (v + 0 >= low && v + 0 <= high) exit 0
		print v " is not from " low " to " high
		exit 1 }'
}

said() {
	grep -q -e "$1" log || { echo "the log does not say: $1"; return 1; }
}

spanrec() {
	"$BIN/spanrec" "$@"
}

# home [SETTING...]: a new one, that belongs to an account of its own
home() {
	rm -rf home
	spanrec init -q home
	: >home/spanrec.yaml
	for setting in "$@"; do
		echo "$setting" >>home/spanrec.yaml
	done
	chown -R nobody: home
}

# start [ARGUMENT...]: the recorder, until it answers
start() {
	ip netns exec $space "$BIN/spanrecd" --home home --interface span0 \
		"$@" >summary 2>log </dev/null &
	recorder=$!
	for i in $(seq 100); do
		spanrec status >/dev/null 2>&1 && return
		kill -0 $recorder 2>/dev/null || return
		sleep 0.1
	done
}

stop() {
	kill -TERM $recorder
	wait $recorder
	rc=$?
}

# traffic CALLS SECONDS [ARGUMENT...]: in the background
traffic() {
	calls=$1 seconds=$2
	shift 2
	ip netns exec $space "$TOOLS/callgen" --interface gen \
		--calls "$calls" --seconds "$seconds" --manifest manifest "$@" >sent 2>&1 &
	sender=$!
}

# Calls that go on for long are hung up when they have served.
hang_up() {
	kill -TERM $sender
	wait $sender
	sleep 1
}

# status NAME: a counter or gauge
status() {
	spanrec status --json | python3 -c '
import json, sys
status = json.load(sys.stdin)
print({**status["gauges"], **status["counters"]}[sys.argv[1]])' "$1"
}

warnings() {
	spanrec status --json | python3 -c '
import json, sys
print(*json.load(sys.stdin)["warnings"], sep="\n")'
}

# rows EXPRESSION: of Python, over `rows` of the list and `sent` by Call-ID
rows() {
	spanrec list --json --all 2>/dev/null >list || spanrec list --json >list
	python3 - "$1" <<-'END'
	import json, os, sys
	rows = [json.loads(line) for line in open("list")]
	sent = {}
	if os.path.exists("manifest"):
	    for line in open("manifest"):
	        call = json.loads(line)
	        sent[call["sip_call_id"]] = call
	def side(row, name):
	    return next((s for s in row["streams"] if s["side"] == name), None)
	def exact(row):
	    call = sent[row["sip_call_ids"][0]]
	    pairs = ("left", "caller"), ("right", "callee")
	    return all(side(row, a) and not side(row, a)["lost"] and
	               side(row, a)["stored"] == call[b]["packets"]
	               for a, b in pairs)
	def conserved(s):
	    return (s["seen"] == s["stored"] + sum(s["dropped"].values()) +
	            s["late"] + s["duplicate"] and
	            s["expected"] == s["seen"] - s["duplicate"] + s["lost"])
	def total(key):
	    return sum(s[key] for row in rows for s in row["streams"])
	print(eval("(" + sys.argv[1] + ")"))
	END
}

# tones ID: what is heard in each channel, without silence
tones() {
	rm -f t.wav
	spanrec export -q "$1" --out t.wav --purpose quality || return
	"$TOOLS/wavtones" t.wav
}

# ---- calls, to the packet ----------------------------------------------------

cable gen span0
in_space sysctl -qw net.ipv6.conf.all.disable_ipv6=1

for threads in 1 2; do
	home
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
check "the socket is gone with it" test ! -e home/control.sock

# ---- pause -------------------------------------------------------------------

start
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
check "... what was sent meanwhile is not stored" \
	is "$(rows 'all(conserved(s) and s["dropped"]["paused"] > 100
		for r in rows if r["from"] == "200000"
		for s in r["streams"])')" True
check "... and the other call is whole" \
	is "$(rows 'all(exact(r) for r in rows if r["from"] == "200001")')" True

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

# ---- nothing is left of calls that are over ----------------------------------

home "flow_idle_ms: 1000"
start
traffic 20 14 --call-seconds 1 --rate-up 20
sleep 4
files=$(status open_files)
sleep 9
check "streams that are over are forgotten" between 20 "$(status flows)" 130
check "... and their files are closed" \
	between 10 "$(status open_files)" $((files + 25))
wait $sender
sleep 3
check "... all of them" is "$(status flows)" 0
stop

# ---- a quiet wire ------------------------------------------------------------

home "idle_timeout_s: 10"
start
traffic 3 17 --stop-media-after 3
sleep 15
check "calls whose packets just stop are over by time-out" \
	is "$(status calls)" 0
wait $sender
stop
check "... and are stored" \
	is "$(rows 'sum(r["state"] == "stored" for r in rows),
		total("lost")')" "(3, 0)"
check "... to the last packet" is "$(rows 'total("stored")')" \
	"$(rows 'sum(c[k]["packets"] for c in sent.values()
		for k in ("caller", "callee"))')"

# ---- more than it can carry --------------------------------------------------

home "ring_mib: 1"
start
traffic 60 8 --rate-up 30
sleep 4
kill -STOP $recorder
sleep 1.5
kill -CONT $recorder
sleep 1
check "frames that the kernel dropped are counted" \
	between 100 "$(status kernel_drops)" 100000
check "... packets that were among them too" \
	between 100 "$(status lost_here)" 100000
wait $sender
sleep 1
stop
check "... their loss is named in the calls, and all is accounted for" \
	is "$(rows 'all(conserved(s) for r in rows for s in r["streams"]),
		total("lost") > 100')" "(True, True)"
check "... as the kernel's" sh -c "$BIN/spanrec show $(rows '[r["id"]
	for r in rows if r["state"] == "stored" and
	r["streams"][0]["lost"]][0]') \
	--json | grep -q '\"reason\": *\"kernel\"'"
check "... the archive is sound" spanrec verify --all

# ---- settings and policy, read again -----------------------------------------

home
cp home/policy.yaml good
start
traffic 2 60
sleep 2
echo "nonsense: 1" >>home/policy.yaml
check "a mistake in the policy is told where it is" sh -c "
	! $BIN/spanrec reload 2>err && grep -q 'policy.yaml:.*nonsense' err"
kill -HUP $recorder
sleep 1
check "... and keeps the old one" said "stay as they were"
check "... calls go on" is "$(status calls_recorded)" 2
sed 's/^rules:/&\n  - {name: union, match: {numbers: [200000]}, decision: drop}/' \
	good >home/policy.yaml
echo "sync_s: 7" >>home/spanrec.yaml
check "a stricter policy is read" sh -c "$BIN/spanrec reload >answer"
check "... what waits for a restart is named" grep -q sync_s answer
check "... it ends the recording of a call in progress" \
	is "$(status calls_recorded)" 1
hang_up
stop
check "... from then on" \
	is "$(rows 'sorted((r["segment"], r["decision"]) for r in rows
		if r["from"] == "200000")')" "[(1, 'record'), (2, 'drop')]"

# ---- beside a recorder -------------------------------------------------------

cp good home/policy.yaml
start
check "a recording is exported beside it" spanrec export -q \
	"$(rows 'rows[0]["id"]')" --out beside.wav --purpose quality
check "what is due is purged beside it" spanrec purge
in_space ip link set span0 down
sleep 2
check "an interface that is down is told" sh -c "$BIN/spanrec status --json |
	grep -q 'span0 is down'"
in_space ip link set span0 up
sleep 1
traffic 2 3
wait $sender
sleep 1
check "... and is recorded from when it is up" \
	between 200 "$(status stored)" 100000
stop

# ---- what is wrong -----------------------------------------------------------

# fails NAME CODE PATTERN COMMAND...
fails() {
	name=$1 code=$2 pattern=$3
	shift 3
	timeout 20 "$@" >log 2>&1 </dev/null
	rc=$?
	check "$name" sh -c "[ $rc = $code ] && grep -q -e '$pattern' log"
}

fails "no such interface" 3 "there is no interface eth99; there are: .*span0" \
	ip netns exec $space "$BIN/spanrecd" --home home --interface eth99
fails "no right to capture" 4 "no right to capture on span0" \
	ip netns exec $space setpriv --reuid "$(id -u nobody)" --clear-groups \
	"$BIN/spanrecd" --home home --interface span0
fails "no interface at all" 2 "give --interface IF" \
	ip netns exec $space "$BIN/spanrecd" --home home
rm -rf rooted
spanrec init -q rooted
fails "an archive of root" 4 "as-root" \
	ip netns exec $space "$BIN/spanrecd" --home rooted --interface span0
echo precious >home/control.sock
fails "a file where the socket should be" 1 "control.sock" \
	ip netns exec $space "$BIN/spanrecd" --home home --interface span0
check "... stays" grep -q precious home/control.sock
rm home/control.sock

# ---- a disk that is full -----------------------------------------------------

mkdir small
if mount -t tmpfs -o size=12m tmpfs small 2>/dev/null; then
	mounted=$tmp/small
	home
	mv home/archive small/archive
	echo "archive: $tmp/small/archive" >>home/spanrec.yaml
	chown nobody: small
	start
	traffic 20 14
	sleep 2
	dd if=/dev/zero of=small/filler bs=1M 2>/dev/null
	sleep 3
	check "a full disk is told" sh -c "$BIN/spanrec status --json |
		grep -q -e 'could not be written' -e 'nearly full'"
	check "... what finds no room is counted" \
		between 1 "$(status dropped_overrun)" 100000
	rm small/filler
	wait $sender
	traffic 2 3
	wait $sender
	sleep 1
	stop
	check "... it goes on when there is room" \
		is "$(rows 'sum(exact(r) for r in rows
			if r["sip_call_ids"][0] in sent)')" 2
	check "... all is accounted for" \
		is "$(rows 'all(conserved(s) for r in rows
			for s in r["streams"])')" True
	check "... the archive is sound" spanrec verify --all
	umount small && mounted=
else
	echo "skipped: a full disk: no tmpfs"
fi

exit $failed
