#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The player at work in a terminal: keys are pressed, and the screen is looked
# at while time stands still. BIN is the folder with the programs.
set -eu
BIN=${BIN:-$PWD/build/release/bin}
PATH=$BIN:${BIN%/bin}/cmd/testing:$PATH
LC_ALL=C.UTF-8 TZ=UTC
export PATH LC_ALL TZ

command -v tmux >/dev/null || {
	echo "skipped: no tmux"
	exit 0
}
dir=$(mktemp -d)
SPANREC_HOME=$dir/home
export SPANREC_HOME
mux() { tmux -L "spanrec-test-$$" -f /dev/null "$@"; }
trap 'mux kill-server 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"

failed=0
check() {
	what=$1
	shift
	if "$@"; then
		echo "ok - $what"
	else
		echo "not ok - $what"
		mux capture-pane -p 2>/dev/null | sed 's/^/    /' || true
		failed=1
	fi
}

# screen TEXT: wait for a line of the screen that is this.
screen() {
	for try in $(seq 200); do
		mux capture-pane -p >shown
		grep -qxF -e "$1" shown && return
		sleep 0.02
	done
	echo "# not on the screen: $1"
	return 1
}

# ---- a call of a minute, in which something is missing ----------------------

mkpcap -q -o in.pcap <<END
start 2026-03-02T09:00:00Z
host alice 10.0.0.11
host bob 10.0.0.12
call c from alice:2041 to bob:2042
at 0.000 c invite rtp 10000 codec PCMA
at 0.010 c ok rtp 20000
at 0.020 c ack
media c caller tone 440 from 0.1 to 59.9
media c callee tone 880 from 0.1 to 59.9 loss 1000-1099
at 60.000 c bye
at 60.010 c ok
END
spanrec init -q home
spanrecd -q --read in.pcap
spanrec play -q 2 - --purpose quality >whole.wav

mkfifo clock
mux new-session -d -x 80 -y 24 sh
# start: play in the terminal, and say how that ended.
start() {
	mux send-keys "clear; stty -a >before; playing clock heard play 2" \
		" --purpose quality; echo ended \$?; stty -a >after" Enter
	screen "> 0:00 / 1:00  1.0x  L  R   [|------xx-------------]"
}
pass() { echo $1 >clock; }

# ---- one after the other ----------------------------------------------------

check "it begins, and time stands still" start
check "keys are explained" grep -q "space pause, arrows" shown
pass 10000
check "ten seconds, both sides heard" \
	screen "> 0:10 / 1:00  1.0x  L▆ R▆  [===|---xx-------------]"
mux send-keys Space
check "space pauses" \
	screen "= 0:10 / 1:00  1.0x  L  R   [===|---xx-------------]"
mux send-keys Right
check "an arrow seeks" \
	screen "= 0:15 / 1:00  1.0x  L  R   [=====|-xx-------------]"
mux send-keys NPage
check "a page seeks farther" \
	screen "= 0:45 / 1:00  1.0x  L  R   [=======xx=======|-----]"
mux send-keys PPage Left Left
check "and back" \
	screen "= 0:05 / 1:00  1.0x  L  R   [=|-----xx-------------]"
mux send-keys ] ] ] ] ] Space
pass 11000
check "half as fast again, and what is missing has a name" \
	screen "> 0:21 / 1:00  1.5x  L▆ R   [=======|x-------------]  right: loss"
mux send-keys '[' '[' '[' '[' '[' Right
pass 1000
check "as fast as it was, and both are heard again" \
	screen "> 0:27 / 1:00  1.0x  L▆ R▆  [=======xx=|-----------]"
mux send-keys q
check "q quits" screen "ended 0"
check "the terminal is as it was" cmp before after
tail -c +45 whole.wav | head -c 320000 >expected
head -c 320000 heard >got
check "what was heard first is the sound of it" cmp expected got

# ---- ends that nobody asked for ---------------------------------------------

check "again" start
kill -TERM "$(pgrep -P "$(mux display -p '#{pane_pid}')")"
check "a signal ends it" screen "ended 1"
check "the terminal is as it was then, too" cmp before after
check "once more" start
mux send-keys C-c
check "and ^C does" screen "ended 0"
check "with the terminal as it was" cmp before after
check "again" start
pass 59900
pass 1000
check "it ends where the call does" screen "ended 0"
tail -c +45 whole.wav >expected
check "what was heard is the whole of it" cmp expected heard
check "who listened is written down" \
	[ "$(spanrec show 2 | grep -c 'play by .*: purpose quality')" = 5 ]
exit $failed
