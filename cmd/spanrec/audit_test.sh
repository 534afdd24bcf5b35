#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The ledger as compliance staff see it: what is in it, anchors, and what is
# found when somebody tampers with the files. Prints a line for each test, and
# ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
ROOT=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC SPANREC_HOME="$tmp/home"
failed=0

spanrec() {
	"$BIN/spanrec" "$@"
}

# check NAME WANTED-EXIT-CODE COMMAND...: what it prints is in out
check() {
	name=$1 wanted=$2
	shift 2
	rc=0
	"$@" >out 2>err || rc=$?
	if [ $rc = "$wanted" ]; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		echo "# exit code $rc, not $wanted"
		sed 's/^/# /' out err
		failed=1
	fi
}

# has NAME TEXT [FILE]: as a basic regular expression
has() {
	if grep -q -e "$2" "${3:-out}"; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		sed 's/^/# /' "${3:-out}"
		failed=1
	fi
}

# has_not NAME TEXT [FILE]
has_not() {
	if grep -q -e "$2" "${3:-out}"; then
		echo "not ok - $1"
		sed 's/^/# /' "${3:-out}"
		failed=1
	else
		echo "ok - $1"
	fi
}

# In the file of the database: TEXT for another one as long.
tamper() {
	python3 - "$1" "$2" <<'END'
import sys
path = "home/archive/index/data.mdb"
data = open(path, "rb").read()
old, new = sys.argv[1].encode(), sys.argv[2].encode()
assert len(old) == len(new) and old in data
open(path, "wb").write(data.replace(old, new))
END
}

keep() {
	rm -rf kept
	cp -a home kept
	cp anchors anchors.kept
}

put_back() {
	rm -rf home
	cp -a kept home
	cp anchors.kept anchors
}

spanrec init -q home
"$BIN/spanrecd" --quiet --read "$ROOT/test-pcaps/0001-sipp/in.pcap" \
	--shift now || exit 1
id=$(spanrec list --json | sed -n 's/^{"id":"\([^"]*\)".*/\1/p' | head -n 1)
number=$(spanrec list --json | sed -n 's/.*"from":"\([^"]*\)".*/\1/p' |
	head -n 1)

# ---- what is in it ------------------------------------------------------------

check "a list" 0 spanrec audit list
has "how it began" "1 .* init .*spanrec .*, sealed to spanrec-public-1 "
has "the key that signs" " audit-key .*spanrec-audit-1 "
has "the recorder began, by which policy" \
	" start .*spanrecd [0-9.]*, from capture files, policy [0-9a-f]\{16\}"
has "what was read" " capture .*[0-9a-f]\{32\}, moved to now"
has "and ended, with what was lost" \
	" stop .*exit code 0; RTP packets: 600 seen, 600 stored, 0 lost"
check "a copy, under the number of who called" 0 \
	spanrec export "$id" --out "$number.wav" --purpose quality
check "a copy for what is not allowed" 4 \
	spanrec export "$id" --out b.wav --purpose fun
check "as JSON" 0 spanrec audit list --id "$id" --json
has "who was refused, and why" \
	"\"action\":\"denied\",\"id\":\"$id\".*'fun' is no purpose"
has "who made a copy" '"action":"export"'
has_not "but not of whose call" "\\b$number\\b"
check "by number" 0 spanrec audit list --number "$number"
has "a pseudonym leads to it" " export .*/n-[a-z2-7]\{12\}.wav"
check "of another number" 0 spanrec audit list --number 999999
has "there is none" "Nothing was done"
check "by user and kind" 0 spanrec audit list --actor "$(id -un)" \
	--action start --csv
has "CSV" '^3,20..-.*Z,start,,'
check "of a time" 0 spanrec audit list --to -7d
has "nothing" "Nothing was done"
check "a key is made" 0 spanrec key new other.key
cp home/policy.yaml new.yaml
echo "# agreed to by all" >>new.yaml
check "a policy is applied" 0 spanrec policy apply new.yaml
check "both are there" 0 spanrec audit list
has "the key" " key-new .*spanrec-public-1 .*, in .*other.key"
has "the policy, and the one before" \
	" policy .*[0-9a-f]\{64\} after [0-9a-f]\{16\}"

# ---- anchors ------------------------------------------------------------------

check "an anchor" 0 spanrec audit anchor
has "is one line" "^spanrec-anchor-1 [0-9]* [0-9a-f]\{64\} 20..-..-..T"
check "into a file" 0 spanrec audit anchor --out anchors
check "another one" 0 spanrec audit anchor --out anchors
check "the file has both" 0 test "$(wc -l <anchors)" = 2
check "it is sound" 0 spanrec audit verify
has "but an anchor is better" "no anchor was given"
check "with anchors, too" 0 spanrec audit verify --anchor anchors
has "up to the last" "by anchors: up to entry 12, as it was on 20"
has "so it says" "^12 entries, .* heads, 2 anchors: sound$"
check "as JSON" 0 spanrec audit verify --anchor anchors --json
has "so it says" '{"sound":true,"entries":12,"last":12,.*"findings":\[\]}'
check "what is no anchor" 1 spanrec audit verify --anchor new.yaml
has "is named" "new.yaml:.: this is no anchor" err
sed 's/ 12 / 13 /' anchors >forged
check "one that was changed" 5 spanrec audit verify --anchor forged
has "is named" "forged:2: the signature of this anchor is wrong"
spanrec init -q other
spanrec --home other audit anchor --out foreign
check "one of another archive" 5 spanrec audit verify --anchor foreign
has "is named" "is of another archive"
check "an export" 0 spanrec audit export --out export.json
has "has entries" '"action":"init"' export.json
has "and heads" '"head":13,.*"anchor":"spanrec-anchor-1 13 ' export.json
check "is not written over" 1 spanrec audit export --out export.json
check "the copy is in the ledger" 0 spanrec audit list --action audit-export
has "once" "to .*export.json"

# ---- tampering ----------------------------------------------------------------

keep
tamper "purpose quality" "purpose dispute"
check "an edit" 5 spanrec audit verify --anchor anchors
has "is found" "entry 6 was altered"
has "what is before it holds" "to be relied on: entries 1 to 5, by heads"
has "what follows, too" "entries 7 to 13, by an anchor up to 12, then by heads"
check "a list ends there" 5 spanrec audit list
put_back
check "an archive of before" 0 spanrec audit verify --anchor anchors
rm -rf before
cp -a home/archive/index before
spanrec audit anchor --out anchors
spanrec export "$id" --out c.wav --purpose quality >/dev/null
rm -rf home/archive/index
mv before home/archive/index
check "is sound in itself" 0 spanrec audit verify
check "but an anchor knows better" 5 spanrec audit verify --anchor anchors
has "what is missing" "entry 14 was cut off, if not more: an anchor of 20"
put_back
rm home/archive/audit.pub
check "who signs is known" 5 spanrec audit verify
has "or told" "signed by a key that neither archive/audit.pub nor"
check "an anchor knows the key" 0 spanrec audit verify --anchor anchors
put_back
rm home/audit.key
check "without the key" 0 spanrec audit anchor
has "there is another one" "^spanrec-anchor-1 "
check "that is known as well" 0 spanrec audit verify --anchor anchors
check "and entered" 0 test "$(spanrec audit list --action audit-key |
	grep -c spanrec-audit-1)" = 2

# ---- damage -------------------------------------------------------------------

file=$(find home/archive/audio -name '*.rec')
chmod 600 "$file"
printf X | dd of="$file" bs=1 seek=200 conv=notrunc 2>/dev/null
check "a damaged recording" 5 spanrec verify
check "is entered" 0 spanrec audit list --action verify
has "with its id" " verify  *$id .*[a-z]: "
has "and how many" "1 of 1 recordings damaged"
check "sound all the same" 0 spanrec audit verify --anchor anchors
check "help" 0 spanrec audit --help
# ---- copies -------------------------------------------------------------------

# Into a file it is a copy, whatever command makes it.
rm -rf home
spanrec init -q home
"$BIN/spanrecd" --quiet --read "$ROOT/test-pcaps/0001-sipp/in.pcap" \
	--shift now || exit 1
id=$(spanrec list --json | sed -n 's/^{"id":"\([^"]*\)".*/\1/p' | head -n 1)
sed -i 's/^purposes:.*/purposes: {quality: {play_only: yes}, dispute: {}}/' \
	home/policy.yaml
check "a policy of no copies" 0 spanrec policy check home/policy.yaml
check "... a copy" 4 sh -c "$BIN/spanrec play $id - --purpose quality >d.wav"
check "... a program" 0 sh -c "$BIN/spanrec play $id - --purpose quality | cat >d"
check "a copy that may be" 0 sh -c "$BIN/spanrec play $id - --purpose dispute >d.wav"
check "the ledger tells them apart" 0 spanrec audit list --id "$id"
has "to whom it was played" "play .*purpose quality, to a program"
has "... or that it was kept" "play .*purpose dispute, to a file"
exit $failed
