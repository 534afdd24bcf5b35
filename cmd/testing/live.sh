# SPDX-License-Identifier: GPL-3.0-or-later
# For tests of the recorder live, to be read by them: a cable in a network
# namespace, calls from callgen on the one end, spanrecd at the other. Needs
# root. Wants the folder of the programs in $BIN.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
TOOLS=$(cd "$BIN/../cmd/testing" && pwd)
ROOT=$PWD
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 0; }
space=spanrec-live-$$
ip netns add $space 2>/dev/null || {
	echo "skipped: no network namespaces"
	exit 0
}
tmp=$(mktemp -d)
# In memory if that is allowed: a disk that hangs for seconds, as those of busy
# machines do, is a fault that the recorder counts, and not what is tested here.
in_memory=$tmp
mount -t tmpfs -o size=2g spanrec-live "$tmp" 2>/dev/null || in_memory=
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
	cd / && { [ -z "$in_memory" ] || umount "$in_memory"; }
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

# as USER COMMAND...: with the group that may ask the recorder, and read
as() {
	user=$1
	shift
	setpriv --reuid "$user" --regid nogroup --clear-groups \
		"$BIN/spanrec" "$@"
}

# refused CODE TEXT COMMAND...: it ends with this code, and says this
refused() {
	wanted=$1 text=$2
	shift 2
	"$@" >refusal 2>&1
	code=$?
	cat refusal
	[ $code = "$wanted" ] && grep -q -e "$text" refusal
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

# send CAPTURE: its frames, as they were
send() {
	ip netns exec $space python3 -c '
import socket, struct, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("gen", 0))
data = open(sys.argv[1], "rb").read()
order, unit = ("<", 1e-9) if data[:4] == b"\x4d\x3c\xb2\xa1" else ("<", 1e-6)
at, begun, first = 24, time.time(), None
while at < len(data):
    s, part, n, _ = struct.unpack_from(order + "IIII", data, at)
    when = s + part * unit
    first = when if first is None else first
    time.sleep(max(0, begun + when - first - time.time()))
    wire.send(data[at + 16:at + 16 + n])
    at += 16 + n
' "$1"
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

# Until nothing is being recorded any more: a recording ends seconds after its
# call, since packets may come late.
settled() {
	for i in $(seq 30); do
		[ "$(rows 'sum(r["state"] == "recording" for r in rows)')" != 0 ] ||
			return 0
		sleep 0.5
	done
}

# tones ID: what is heard in each channel, without silence
tones() {
	rm -f t.wav
	spanrec export -q "$1" --out t.wav --purpose quality || return
	"$TOOLS/wavtones" t.wav
}

cable gen span0
in_space sysctl -qw net.ipv6.conf.all.disable_ipv6=1
