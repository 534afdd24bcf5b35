#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The command line as people and scripts meet it: exit codes, messages, what is
# left behind. Wants the folder of the programs in $BIN. Prints a line for
# each test, and ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
unset SPANREC_HOME
export LC_ALL=C.UTF-8
failed=0

ok() {
	echo "ok - $1"
}

not_ok() {
	echo "not ok - $1"
	sed 's/^/# /' out err
	failed=1
}

# run: leaves the exit code in $rc, output in the files out and err
run() {
	"$BIN/spanrec" "$@" >out 2>err </dev/null
	rc=$?
}

# expect NAME CODE PATTERN-IN-STDERR ARGUMENT...
# Errors are said on stderr, and nothing is on stdout.
expect_error() {
	name=$1 code=$2 pattern=$3
	shift 3
	run "$@"
	if [ $rc = "$code" ] && grep -q -- "$pattern" err && [ ! -s out ]; then
		ok "$name"
	else
		echo "# exit code $rc, wanted $code and '$pattern'"
		not_ok "$name"
	fi
}

# expect NAME PATTERN-IN-STDOUT ARGUMENT...
# What works exits with 0 and is silent on stderr.
expect() {
	name=$1 pattern=$2
	shift 2
	run "$@"
	if [ $rc = 0 ] && grep -q -- "$pattern" out && [ ! -s err ]; then
		ok "$name"
	else
		echo "# exit code $rc, wanted 0 and '$pattern'"
		not_ok "$name"
	fi
}

# check NAME COMMAND...: the command must succeed
check() {
	name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name"; fi
}

commands="init list find show why play export verify purge status pause resume
	reload policy canary key"

# ---- help -------------------------------------------------------------------

expect "alone: an overview" "spanrec export" 
for c in $commands; do
	expect "the overview names $c" "spanrec $c" --help
	expect "help $c has the usage" "^Usage: spanrec $c" help $c
	expect "help $c has an example" "^ *spanrec " help $c
	cp out by_help
	run $c --help
	check "$c --help says the same" cmp -s out by_help
done
# every option of every command is in the manual, and the other way round
man=$(dirname "$0")/spanrec.1
case $man in /*) ;; *) man=$OLDPWD/$man ;; esac
if [ -f "$man" ]; then
	for c in $commands; do
		"$BIN/spanrec" help $c
	done | grep -o -e '--[a-z][a-z-]*' | sort -u |
		grep -vx -e --usage -e --help >options
	sed -n 's/.*Fl Fl \([a-z-]*\).*/--\1/p' "$man" | sort -u >documented
	missing=$(comm -23 options documented | tr '\n' ' ')
	: >out; echo "not in the manual: $missing" >err
	check "the manual has every option" [ -z "$missing" ]
fi
expect "--version" "^spanrec [0-9]" --version
expect_error "an unknown command: the nearest is named" 2 "did you mean 'list'" \
	lsit
expect_error "an unknown command: nothing is near" 2 "lists them" frobnicate
expect_error "help of an unknown command" 2 "no command" help frobnicate
expect_error "an unknown option" 2 "unrecognized option" list --frob
expect_error "an argument too many" 2 "one ID" show a b
expect_error "a picture of what?" 2 ".svg or .png" show a --waveform=b
expect_error "a picture and an argument too many" 2 "one ID" \
	show a --waveform=b.svg c
expect_error "no id" 2 "Give its ID" show
expect_error "export without --out" 2 "--out" export a
expect_error "--side of nothing" 2 "left or right" play a --side up
expect_error "hold add alone: which recording" 2 "ID... is missing: which" hold add
for option in case reason approver review; do
	check "... and, at once, --$option" grep -q -e "--$option .* is missing" err
done
expect_error "sar open alone: which request" 2 "NAME is missing: which" sar open
for option in subject received clock; do
	check "... and, at once, --$option" grep -q -e "--$option .* is missing" err
done
expect_error "purge takes no id" 2 "clocks alone" purge a
expect_error "--as-of deletes nothing" 2 "--dry-run" purge --as-of 2030-01-01
expect_error "key new of nothing" 2 "needs a FILE" key new
expect_error "key: no such action" 2 "key rotate" key turn
expect_error "key escrow of nothing" 2 "public-key" key escrow
expect_error "key remove of nothing" 2 "FINGERPRINT" key remove
expect_error "status takes no id" 2 "takes no" status a
expect_error "--watch of no time" 2 "whole seconds" status --watch=0
expect_error "--watch of less than that" 2 "whole seconds" status --watch=-1
expect_error "--watch and --json" 2 "not both" status --watch --json
expect_error "pause what?" 2 "--extension" pause
expect_error "pause one or the other" 2 "--call" pause --call a --extension b
expect_error "pause without a word" 2 "--extension 2041" pause 2041
expect_error "reload takes nothing" 2 "takes no" reload a
expect_error "find looks in the archive" 2 "unrecognized option" find --live

# ---- init -------------------------------------------------------------------

expect_error "init without a place" 2 "HOME" init
expect "init" "vault.key" init home
check "the home is for its owner only" [ "$(stat -c %a home)" = 700 ]
check "the key is for its owner only" [ "$(stat -c %a home/vault.key)" = 600 ]
check "init makes all parts" [ -f home/spanrec.yaml -a -f home/policy.yaml \
	-a -d home/archive ]
check "the policy names the user" grep -q "$(id -un)" home/policy.yaml
expect_error "init never touches what is there" 1 "not empty" init home
check "and leaves it as it was" [ -f home/vault.key ]
expect_error "init below a folder that is not there" 1 "folder above" \
	init none/home
check "and makes nothing" [ ! -e none ]
mkdir empty
expect "init in an empty folder" "policy.yaml" init empty
expect_error "init where a file is" 1 "" init home/spanrec.yaml

expect "key new" "archive.key.pub" key new archive.key
check "the private key is for its owner only" \
	[ "$(stat -c %a archive.key)" = 600 ]
expect_error "a key is never overwritten" 1 "exists" key new archive.key
expect "init for a public key" "no private key" \
	init sealed --public-key archive.key.pub
check "no private key is there" [ ! -e sealed/vault.key ]
expect_error "a private key is no public key" 1 "no public key" \
	init wrong --public-key archive.key
check "and no home is left" [ ! -e wrong ]
expect_error "a public key that is not there" 3 "none.pub" \
	init wrong --public-key none.pub

# ---- which home -------------------------------------------------------------

expect_error "a home that does not exist" 3 "does not exist" --home nowhere list
mkdir other
expect_error "a home that is none" 3 "not a spanrec home" --home other list
expect_error "no home at all" 3 "which home" list
expect "the home before the command" "No calls" --home home list
expect "the home after the command" "No calls" list --home home
SPANREC_HOME=home
export SPANREC_HOME
expect "the home from the environment" "No calls" list
run -q list
check "-q leaves out remarks" [ $rc = 0 -a ! -s out -a ! -s err ]
run list --json
check "no calls, no JSON" [ $rc = 0 -a ! -s out -a ! -s err ]
run list --csv
check "no calls, the head of the CSV" [ $rc = 0 -a "$(wc -l <out)" = 1 ]

# ---- no recorder ------------------------------------------------------------

for c in "list --live" "pause --extension 2041" "resume --call 2019" reload; do
	expect_error "without a recorder: $c" 3 \
		"no recorder is running on home" $c
done
run status
check "status without a recorder: what there is" \
	[ $rc = 3 -a -n "$(grep "^Archive .*home/archive" out)" \
	-a -n "$(grep "no recorder is running on home" err)" ]
: >home/control.sock
expect_error "a file that is no socket" 3 "no recorder is running" reload
rm home/control.sock

# ---- an empty archive -------------------------------------------------------

expect_error "an id that is not there" 3 "no call and no recording 'x1'" show x1
expect_error "why of it" 3 "x1" why x1
expect_error "play of it" 3 "x1" play x1 - --purpose quality
expect_error "export of it" 3 "x1" export x1 --out x.wav --purpose quality
expect_error "verify of it" 3 "x1" verify x1
expect_error "an escape sequence in an id is not repeated" 3 "x\[2J\|x.*2J" \
	show "$(printf 'x\033[2J')"
check "not even in the error" [ -z "$(tr -cd '\033' <err)" ]
expect_error "a purpose is needed" 2 "purpose" export x1 --out x.wav
expect_error "a purpose that the policy has not" 4 "no purpose" \
	export x1 --out x.wav --purpose fun
check "the purposes are named" grep -q "quality, training" err
for f in ogg opus flac pcap; do
	expect_error "export to .$f" 3 "x1" \
		export x1 --out x.$f --purpose quality
done
expect_error "export of packets in one channel" 2 "mixed" \
	export x1 --out x.pcap --mix --purpose quality
expect_error "export of what channels?" 2 "left, right" \
	export x1 --out x.wav --channels both --purpose quality
expect_error "export in what format?" 2 "flac, opus" \
	export x1 --out x --format mp3 --purpose quality
expect_error "export to a format unknown" 2 "only" \
	export x1 --out x.mp3 --purpose quality
echo precious >there.wav
expect_error "export over a file" 1 "--force" \
	export x1 --out there.wav --purpose quality
check "which is as it was" [ "$(cat there.wav)" = precious ]
check "no export left a file" [ ! -e x.wav ]
expect_error "find what?" 2 "find what" find
expect_error "a time that is none" 2 "yesterday" list --from soon
expect_error "a period that ends before it begins" 2 "earlier" \
	list --from now --to -1d
expect_error "an area that is none, where there are none" 3 "no areas" \
	list --area moon
cp home/policy.yaml policy.before
sed "s/^rules:/areas: {parks: {extensions: 2300}, 'tax office': {queues: 2400}}\n&/" \
	policy.before >home/policy.yaml
expect_error "an area that is none: the others are named" 3 \
	"'moon' .*areas are: parks, tax office$" list --area moon --csv
expect "an area without calls" "No calls" find --area "tax office"
cp policy.before home/policy.yaml
expect "verify of nothing" "0 recordings checked, 0 damaged" verify
for c in list "find --from -7d" "report retention" "report deletions" \
	"audit list" "policy log" "policy simulate" "hold list" "sar list" \
	"case list" "scrub list"; do
	# shellcheck disable=SC2086 # words
	expect_error "$c: one format" 2 "json or --csv, not both" \
		$c --json --csv
done
expect "purge of nothing" "0 segments deleted" purge
expect "purge --dry-run" "would be deleted" purge --dry-run --as-of 2099-01-01

expect_error "an instant before all calls is not any instant" 2 "earlier" \
	list --from 1970-01-01T00:00:01Z --to 1970-01-01T00:00Z

# ---- a key for everybody ----------------------------------------------------

chmod 604 home/vault.key
expect_error "a key that anybody can read: how to mend it" 3 \
	"chmod 600 home/vault.key" show x1
chmod 660 home/vault.key
expect_error "or others can write" 3 "chmod 600 home/vault.key" show x1
chmod 640 home/vault.key
run show x1
check "a group of those who listen" [ $rc = 3 -a -z "$(grep chmod err)" ]
chmod 600 home/vault.key
run show x1
check "mended" [ $rc = 3 -a -z "$(grep chmod err)" ]

# ---- what is broken ---------------------------------------------------------

cp home/policy.yaml policy.good
echo "retension: 3" >>home/policy.yaml
run list
check "a mistake in the policy: its line is named" \
	[ $rc = 1 -a ! -s out -a -n "$(grep 'policy.yaml:[0-9]*:[0-9]*:' err)" ]
run policy check
check "policy check finds it" [ $rc = 1 -a ! -s out -a -s err ]
expect "policy check of a file" "no mistakes" --home none policy check \
	policy.good
sed "s/^rules:/roles: {nobody: {}}\n&/" policy.good >policy.unwise
run policy check policy.unwise
check "policy check warns of what is unwise, and is content" [ $rc = 0 -a \
	-n "$(grep "unwise:[0-9]*:[0-9]*: warning: nobody holds the role" err)" ]
expect_error "policy check of no file" 3 "none.yaml" policy check none.yaml
cp policy.good home/policy.yaml
expect "policy check of the home" "no mistakes" policy check
expect_error "policy: no such action" 2 "policy check" policy frob
for a in check test explain diff simulate apply log; do
	expect "policy $a --help has the usage" "^Usage: spanrec policy $a" \
		policy $a --help
done
expect "policy explain" "^Call recording policy" policy explain
expect_error "policy explain: no such audience" 2 "audience" policy explain \
	--audience dogs
expect_error "policy explain: no such area" 3 "no area" policy explain \
	--area moon
expect "policy test without tests" "no tests" policy test
sed "s/90 days/30 days/" policy.good >draft.yaml
expect "policy diff" "at most 30 days (was 90 days)" policy diff draft.yaml
expect_error "policy diff of nothing" 2 "FILE" policy diff
expect "policy simulate" "decided again" policy simulate draft.yaml
expect "policy log" "No policy was applied\|SEGMENTS" policy log
expect_error "policy apply of nothing" 2 "FILE" policy apply
expect_error "policy apply of no file" 3 "none.yaml" policy apply none.yaml
"$BIN/spanrec" init -q locked
sed 's/owner: .*/owner: nobody-of-this-name/' locked/policy.yaml >locked.yaml
run policy apply locked.yaml --home locked
check "policy apply: who may not change it again is warned" [ $rc = 0 -a \
	"$(grep -c 'warning: from now on' err)" = 1 ]
sed "s/owner:.*/owner: [somebody-else]/" policy.good >home/policy.yaml
for c in list "show x1" "why x1" "play x1 - --purpose abuse" verify purge; do
	expect_error "who is no owner may not $c" 4 "access" $c
done
cp policy.good home/policy.yaml
cp home/spanrec.yaml settings.good
echo "threads: many" >home/spanrec.yaml
run list
check "a mistake in the settings: its line is named" \
	[ $rc = 1 -a ! -s out -a -n "$(grep 'spanrec.yaml:1:' err)" ]
cp settings.good home/spanrec.yaml
rm home/policy.yaml
mkfifo home/policy.yaml
timeout 10 "$BIN/spanrec" list >out 2>err </dev/null
rc=$?
check "a pipe for a policy is not waited for" \
	[ $rc = 1 -a -n "$(grep 'no regular file' err)" ]
rm home/policy.yaml
cp policy.good home/policy.yaml
mv home/archive home/elsewhere
expect_error "a home without archive" 3 "no archive" list
mv home/elsewhere home/archive

run list >/dev/full
if [ -e /dev/full ]; then
	"$BIN/spanrec" --help >/dev/full 2>err
	rc=$?
	: >out
	check "a full disk is noticed" [ $rc = 1 -a -s err ]
fi

# ---- as somebody else -------------------------------------------------------

# Root may read everything; then another user tries.
as=
if [ "$(id -u)" = 0 ]; then
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
	chmod 755 "$tmp"
fi
if $as test -x "$BIN/spanrec" 2>/dev/null && $as test -x "$tmp"; then
	[ -n "$as" ] || chmod 000 home/spanrec.yaml
	run_as() {
		$as "$BIN/spanrec" --home home "$@" >out 2>err </dev/null
		rc=$?
	}
	run_as list
	check "a home of somebody else may not be opened" \
		[ $rc = 4 -a ! -s out -a -s err ]
	chmod 755 home
	chmod 644 home/spanrec.yaml home/policy.yaml
	[ -n "$as" ] || chmod 000 home/archive
	run_as list
	check "an archive of somebody else may not be opened" \
		[ $rc = 4 -a ! -s out -a -s err ]
	chmod 700 home/archive
	[ -n "$as" ] || chmod 500 empty
	run_as init empty/home
	check "init where nothing may be written" \
		[ $rc = 4 -a ! -e empty/home ]
	chmod 700 empty
else
	echo "ok - as somebody else # SKIP no other user can run it"
fi

exit $failed
