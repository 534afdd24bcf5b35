#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups without a recorder, as somebody at a terminal makes them: what is said,
# exit codes, what is refused; damage, a full disk, a disk that cannot be written,
# and both commands killed at random moments. Prints a line for each test, and
# ends with 1 if one failed. KILLS=200 kills more often.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
tmp=$(mktemp -d)
mounted=
clean() {
	cd /
	for where in $mounted; do
		umount "$where"
	done
	rm -rf "$tmp"
}
trap clean EXIT
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC SPANREC_HOME="$tmp/home"
failed=0

# expect WHAT CODE COMMAND...: spanrec ends with this code; what it says is in out
expect() {
	what=$1 wanted=$2
	shift 2
	"$BIN/spanrec" "$@" >out 2>&1
	rc=$?
	if [ $rc = "$wanted" ]; then
		echo "ok - $what"
	else
		echo "not ok - $what: exit code $rc, not $wanted"
		sed 's/^/# /' out
		failed=1
	fi
}

# check WHAT COMMAND...
check() {
	what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok - $what"
	else
		echo "not ok - $what"
		sed 's/^/# /' out
		failed=1
	fi
}

said() {
	grep -q -e "$1" out
}

# record NUMBER DAYS COUNT: calls of so many days ago
record() {
	cat >in.call <<-END
	start $(date -u -d "$2 days ago" +%Y-%m-%dT%H:%M:%SZ)
	host a 10.0.0.11
	host b 10.0.0.12
	repeat $3 every 0.3 ports 2 users 1
	call c from a:$1 to b:5000
	at 0 c invite rtp 10000
	at 0.1 c ok rtp 20000
	at 0.11 c ack
	media c caller tone 440 from 0.12 to 0.5
	at 0.6 c bye
	at 0.61 c ok
	end
	END
	"$BIN/mkpcap" -q -o in.pcap in.call || exit 1
	"$BIN/spanrecd" -q --read in.pcap || exit 1
}

first_id() {
	"$BIN/spanrec" list --json --all --number "$1" | head -n 1 |
		sed 's/.*"id":"\([^"]*\)".*/\1/'
}

"$BIN/spanrec" init -q home || exit 1
record 1001 89 1
record 2001 10 30
"$BIN/spanrec" audit anchor >anchor 2>/dev/null

# ---- what is said, what is refused ---------------------------------------------

expect "backup of nothing" 2 backup
expect "restore without a home" 2 restore backup
expect "restore of what is not there" 3 restore backup new
expect "check of what is not there" 3 backup backup --check
mkdir full
touch full/something
expect "a folder with something else in it" 1 backup full
check "... says so" said "something else"
touch full/plain
expect "a file in the place of the folder" 1 backup full/plain
check "... says so" said "is no folder"
expect "... of a check" 1 backup full/plain --check
expect "... of a restore" 1 restore full/plain new
check "... says so" said "is no folder"
expect "a folder above it that is not there" 1 backup none/at/all
check "... says what to do" said "no folder $tmp/none/at .*make it first"
expect "... for the keys of periods" 1 backup b0 --periods none/at
check "... says so" said "no folder $tmp/none .*make it first"
check "... and nothing is made" [ ! -e b0 ]
expect "a place where no folder can be" 1 backup /proc/backup
check "... says so" said "no folder can be made in /proc"
mkdir b0 full/keys
touch full/keys/x
expect "keys of periods where something is" 1 backup b0 --periods full/keys
check "... says where" said "the folder for the keys of its periods"
rm -rf b0
expect "a restore to a place that is not there" 3 restore none new
check "... says what to do" said "mount the disk"
mkdir empty
expect "restore of an empty folder" 3 restore empty new
check "... makes nothing" [ ! -e new ]
expect "the first backup" 0 backup backup
check "... says what else is needed" said "private key"
check "... and that deletions are not told" said "as 'backup' in"
check "... no private key is in it" [ -z "$(grep -r -l -F \
	"$(grep private home/vault.key | cut -d ' ' -f 2)" backup)" ]
check "... nor one that signs" [ -z "$(find backup -name 'audit.key')" ]
check "... and nobody else can read it" [ -z "$(find backup -perm /007 \
	! -type d)" -a "$(stat -c %a backup)" = 700 ]
expect "it is whole" 0 backup backup --check
cksum backup/keys/* backup/periods/* >sums
expect "nothing is new" 0 backup backup
check "... and nothing is copied" said "^0 recordings copied"
check "... nor is any key written" eval \
	'cksum backup/keys/* backup/periods/* | cmp -s - sums'
expect "a file in the place of a home" 1 restore backup full/plain
check "... says so" said "is no folder"
expect "a home in a folder that is not there" 1 restore backup none/new
check "... says what to do" said "make the folder above it first"
mkdir -p backup/1/index
touch backup/1/index/data.mdb backup/days/2019-03-28.1 backup/running
expect "after one that was killed when it removed the one before" 0 \
	backup backup
check "... nothing of that is left" [ ! -e backup/1 -a \
	! -e backup/days/2019-03-28.1 -a ! -e backup/running ]
expect "a home that has something" 1 restore backup home
check "... is left alone" said "not empty"
expect "a restore" 0 restore backup new
expect "... without a key verifies what it can" 0 verify --all -q --home new
cp home/vault.key new/
expect "... verifies" 0 verify --all -q --home new
expect "... knows whose its keys are" 0 key list --home new
check "... of each" eval '! said "not written down"'
expect "... its ledger fits an anchor from before" 0 \
	audit verify --anchor anchor --home new
rm -rf new
sed -i 's|^backup: .*|backup: [../backup]|' home/spanrec.yaml

# ---- what was deleted ------------------------------------------------------------

cp -a backup before
id=$(first_id 1001)
sed 's/{max: 90 days}/{max: 30 days}/' home/policy.yaml >shorter.yaml
expect "a shorter time" 0 policy apply --existing --deletes 1 shorter.yaml
mv backup away
expect "a purge while the backup is away" 0 purge
check "... says so" said "cannot be told"
mv away backup
list=$(echo backup/days/"$(echo "$id" | sed 's/^\(....\)\(..\)\(..\).*/\1-\2-\3/')".*)
printf x | dd of="$list" bs=1 seek=40 conv=notrunc 2>/dev/null
expect "the next one" 0 purge
check "... tells it" said "1 deletion told"
check "... and that a list was damaged" said "the list of a day in it cannot"
check "... and the file is gone" [ -z "$(find backup -name "$id*")" ]
cp backup/3/deletions before/3/deletions
expect "one of before, with the journal" 0 restore before new
check "... says what stayed out" said "^1 deleted since"
check "... has not what was purged" [ -z "$(find new -name "$id*")" ]
cp home/vault.key new/
expect "... verifies" 0 verify --all -q --home new
rm -rf new
rm before/3/deletions
expect "one that has lost its journal" 5 restore before new
rm -rf new before
expect "the next backup has no such list" 0 backup backup
expect "... and is whole" 0 backup backup --check

# ---- a restore that is gone on with after another backup ---------------------------

rm -rf new
cp -a home kept
record 5001 20 1
expect "a backup" 0 backup backup
id=$(first_id 5001)
"$BIN/spanrec" restore backup new -q 2>/dev/null
rm new/audit.key
mv new/archive new/archive.restoring
printf %s "$tmp/backup" >new/restoring
sed 's/{max: 30 days}/{max: 15 days}/' home/policy.yaml >shorter.yaml
expect "a shorter time" 0 policy apply --existing --deletes 1 shorter.yaml
expect "a purge" 0 purge
expect "another backup" 0 backup backup
expect "the restore goes on" 0 restore backup new
check "... without what was deleted between the two" [ -z "$(find new \
	-name "$id*")" ]
cp home/vault.key new/
expect "... neither file nor key" 0 verify --all -q --home new
check "... nor anything of the way" [ -z "$(find new -name '*restoring*')" ]
rm -rf new
mkdir new
printf %s "$tmp/backup" >new/restoring
flock new/restoring sleep 5 &
sleep 0.3
expect "two at a time" 1 restore backup new
check "... says so" said "another process"
kill $! 2>/dev/null
rm -rf new home
mv kept home
rm -rf backup
expect "a backup of what was before" 0 backup backup

# ---- keys that were changed since ----------------------------------------------------

cp -a home kept
expect "a backup from before keys are changed" 0 backup b6
expect "keys are changed" 0 key rotate
expect "what is from before is restored" 0 restore b6 new
cp home/vault.key new/
expect "... and not opened by the new key" 5 verify --all --home new
check "... says which key it takes" said "for another key: .* is sealed to key \
$(basename home/vault.key.old-* | sed 's/.*old-//'), not"
check "... and how to give it" said "again with --key"
expect "... by the old one it is" 0 verify --all -q --home new \
	--key home/vault.key.old-*
expect "... and nothing is called damaged" 0 audit list --home new
check "... in the ledger" eval '! said verify'
rm -rf new home b6
mv kept home

# ---- periods apart ---------------------------------------------------------------

expect "keys of periods apart" 0 backup b2 --periods "$tmp/apart"
check "... lie there" [ -n "$(find apart -name '*.period')" -a \
	-z "$(find b2 -name '*.period')" ]
mv apart moved
expect "without them nothing is restored" 1 restore b2 new
check "... and it says why" said "keys of its periods"
rm -rf new
expect "with them it is" 0 restore b2 new --periods "$tmp/moved"
rm -rf new

# ---- something in the place of a key ----------------------------------------------

expect "a backup for that" 0 backup b7
mkdir b7/periods/2001-01-01.period
expect "something in the place of the key of a day that is over" 5 backup b7
check "... is named" said "look at 2001-01-01.period in .*/b7/periods (it is no"
check "... and the backup is made" said "/b7: backup 2, "
expect "... and in the ledger" 0 audit list
check "... as done" said "done: .*/b7, number 2"
expect "... whole" 0 backup b7 --check
rmdir b7/periods/2001-01-01.period
for file in b7/periods/*.period; do
	rm "$file"
	mkdir "$file"
done
expect "... of one that is needed" 1 backup b7
check "... says so" said "period: what has the name of this key"
check "... and what is to be done" said "move it away"
rm -rf b7
mkdir backup/periods/2001-01-01.period
expect "a purge beside it" 0 purge
check "... says so" said "look at 2001-01-01.period in"
check "... and that is no matter of deletions" eval '! said "cannot be told"'
rmdir backup/periods/2001-01-01.period
expect "... no more" 0 purge
check "... when it is gone" eval '! said "look at"'

# ---- damage ----------------------------------------------------------------------

cp -a backup sound
file=$(find backup -name '*.rec' | sort | head -n 1)
chmod u+w "$file"
printf damaged! | dd of="$file" bs=1 seek=300 conv=notrunc 2>/dev/null
expect "a damaged backup" 5 backup backup --check
check "... is told by name" said "$(basename "$file" .rec): "
expect "... is not restored" 5 restore backup new
check "... says how it may be" said "although-damaged"
expect "... but what is sound, if that is wanted" 5 restore backup new \
	--although-damaged
cp home/vault.key new/
expect "... and the archive says what is missing" 5 verify --all -q --home new
check "... that one alone" [ "$("$BIN/spanrec" verify --all --home new |
	grep -c "$(basename "$file" .rec)")" = 1 ]
rm -rf new
expect "the next backup" 0 backup backup
check "... copies that anew" said "^1 recording copied"
expect "... and is whole" 0 backup backup --check
rm -rf backup
mv sound backup
printf x | dd of=backup/manifest bs=1 seek=40 conv=notrunc 2>/dev/null
expect "a damaged manifest" 5 backup backup --check
expect "... stops the next backup" 5 backup backup
rm -rf backup
expect "a backup made anew" 0 backup backup

# ---- damage in the archive ---------------------------------------------------------

cp -a home sound
file=$(find home/archive/audio -name '*.rec' | sort | tail -n 1)
rm "$file"
expect "a file missing in the archive" 0 backup backup
check "... is kept by the backup that has it" said "0 recordings copied"
expect "... a new one names it" 5 backup b3
check "... with its name" said "$(basename "$file" .rec): "
expect "... and has all others" 0 backup b3 --check
rm -rf home b3
mv sound home

# ---- bad places on a disk -------------------------------------------------------------

faults=$BIN/../cmd/testing/faults.so
# bad PART[:TIMES] WHAT CODE COMMAND...: files whose path has this part cannot be read
bad() {
	export FAULTS_UNDER="$tmp" FAULTS_BAD="$1"
	shift
	what=$1 wanted=$2
	shift 2
	LD_PRELOAD=$faults "$BIN/spanrec" "$@" >out 2>&1
	rc=$?
	unset FAULTS_UNDER FAULTS_BAD
	check "$what ($rc)" [ $rc = "$wanted" ]
}

# one ID FILE: it is named there, and no other damage
one() {
	[ "$(grep -c "$1: .*$2" out)" = 1 ] && [ "$(grep -c 'cannot be read' out)" = 1 ]
}

if [ "${V:-release}" = release ] && [ -e "$faults" ]; then
	id=$(first_id 2001)
	count=$(find home/archive/audio -name '*.rec' | wc -l)
	# Also one that can be read the second time.
	for times in "" :1; do
		bad "home/archive/audio/$(date -u -d "10 days ago" +%Y/%m/%d)/$id"$times \
			"a bad place in a recording$times" 5 backup b5
		check "... is named" one "$id" "in the archive cannot be read"
		check "... and all else is there" [ "$(find b5 -name '*.rec' |
			wc -l)" = $((count - 1)) ]
		expect "... whole" 0 backup b5 --check
		rm -rf b5
	done
	bad archive/policy/ "a bad place in a policy of then" 5 backup b5
	check "... is named" said "policy/.*: it cannot be read"
	check "... and all else is there" [ "$(find b5 -name '*.rec' |
		wc -l)" = "$count" ]
	rm -rf b5
	bad archive/audit.pub "a bad place in a key that signs" 5 backup b5
	check "... is named" said "audit.pub: it cannot be read"
	rm -rf b5
	bad archive/recipients "a bad place that leaves no archive" 1 backup b5
	check "... blames that" said "the archive cannot be read"
	rm -rf b5
	expect "what was not read" 0 backup b5
	for times in "" :1; do
		bad "b5/audio/$(date -u -d "10 days ago" +%Y/%m/%d)/$id"$times \
			"a bad place in a backup$times" 5 restore b5 new \
			--although-damaged
		check "... is named" one "$id" "its file cannot be read"
		check "... and all else is there" [ "$(find new -name '*.rec' |
			wc -l)" = $((count - 1)) ]
		rm -rf new
	done
	for part in days/ keys/ periods/20:1; do
		bad "b5/$part" "a bad place in $part of a backup" 0 backup b5
		expect "... costs nothing that the archive has" 0 \
			backup b5 --check
	done
	bad "b5/audio/$(date -u -d "10 days ago" +%Y/%m/%d)/$id" \
		"... is found by a check" 5 backup b5 --check
	check "... is named" one "$id" "its file cannot be read"
	# With nothing to copy, all is synced before it holds, and once more.
	expect "... and mended" 0 backup b5
	export FAULTS_UNDER="$tmp" FAULTS_FAIL=syncfs:2:EIO
	LD_PRELOAD=$faults "$BIN/spanrec" backup b5 >out 2>&1
	rc=$?
	unset FAULTS_UNDER FAULTS_FAIL
	check "what fails when a backup holds ($rc)" [ $rc = 1 ]
	check "... is told" said "/b5 is made, but"
	number=$(sed -n 's/.*b5: backup \([0-9]*\),.*/\1/p' out)
	expect "... and the ledger knows of it" 0 audit list
	check "... as done" said "done: .*/b5, number $number"
	expect "... and it goes on" 0 backup b5
	rm -rf b5
fi

# ---- killed ------------------------------------------------------------------------

# killed COMMAND...: at a random moment; does it end by itself?
killed() {
	"$BIN/spanrec" "$@" >killed.out 2>&1 &
	pid=$!
	sleep "0.0$(shuf -i 0-99 -n 1)"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
}

bad=0
rm -rf backup
"$BIN/spanrec" backup -q backup || bad=1
for i in $(seq "${KILLS:-6}"); do
	record "30$i" 5 2
	killed backup backup
	"$BIN/spanrec" backup backup --check -q >out 2>&1 || { bad=1; break; }
	rm -rf new
	[ $((i % 3)) = 0 ] || continue
	"$BIN/spanrec" backup backup -q >out 2>&1 || { bad=2; break; }
	killed restore backup new
	"$BIN/spanrec" list --home new >/dev/null 2>&1 && [ -e new/restoring ] &&
		[ ! -e new/archive ] && { bad=3; break; }
	[ -e new/archive ] && [ ! -e new/restoring ] ||
		"$BIN/spanrec" restore backup new -q >out 2>&1 ||
		{ bad=4; break; }
	cp home/vault.key new/
	"$BIN/spanrec" verify --all -q --home new >out 2>&1 || { bad=5; break; }
	[ "$("$BIN/spanrec" list --json --all --home new | wc -l)" = \
		"$("$BIN/spanrec" list --json --all | wc -l)" ] || { bad=6; break; }
done
check "killed ${KILLS:-6} times, the last one holds and it goes on ($bad)" \
	[ $bad = 0 ]
rm -rf new

# ---- disks that are full, or cannot be written ---------------------------------------

mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=24m backup-test disk 2>/dev/null; then
	mounted=$tmp/disk
	expect "a backup on another file system" 0 backup disk/backup
	cat /dev/zero >disk/fill 2>/dev/null
	record 4001 3 20
	expect "a full disk" 1 backup disk/backup
	check "... is told" said "No space left"
	expect "... the last one holds" 0 backup disk/backup --check
	rm disk/fill
	expect "... and it goes on" 0 backup disk/backup
	expect "... whole" 0 backup disk/backup --check
	mount -o remount,ro disk
	expect "a medium that cannot be written is checked" 0 \
		backup disk/backup --check
	expect "... and restored from" 0 restore disk/backup new
	rm -rf new
	expect "... but not written" 1 backup disk/backup
	mount -o remount,rw disk
	rm -rf disk/backup
	cp -a home disk/home
	mount -o remount,ro disk
	expect "an archive that cannot be written" 0 backup b4 --home disk/home
	check "... is not noted in its ledger" said "ledger"
	expect "... is whole" 0 backup b4 --check
	mount -o remount,rw disk
	cat /dev/zero >disk/fill 2>/dev/null
	expect "a restore onto a full disk" 1 restore backup disk/new
	check "... is told" said "No space left"
	rm -rf disk/fill disk/home
	expect "... goes on" 0 restore backup disk/new
	expect "... whole" 0 verify --all -q --home disk/new
fi

# ---- who may ---------------------------------------------------------------------

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod -R a+rX home
	chmod 755 "$tmp"
	mkdir open
	chmod 777 open
	what="who is not in the policy"
	setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BIN/spanrec" backup open/b >out 2>&1
	[ $? = 4 ] && [ ! -e open/b ] && echo "ok - $what" || {
		echo "not ok - $what"
		sed 's/^/# /' out
		failed=1
	}
fi
exit $failed
