#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups beside a recorder: no packet is lost for them, the recorder tells them
# what it deletes, also one that comes back later; restored, a new machine has all
# else. Prints a line for each test, and ends with 1 if one failed.
. cmd/testing/live.sh
umask 027
chmod 755 "$tmp"

# old ID DAYS: a capture of a call so many days ago
old() {
	cat >"$1.call" <<-END
	start $(date -u -d "$2 days ago" +%Y-%m-%dT%H:%M:%SZ)
	host a 10.0.0.11
	host b 10.0.0.12
	call c from a:$1 to b:5000
	at 0 c invite rtp 10000
	at 0.1 c ok rtp 20000
	at 0.11 c ack
	media c caller tone 440 from 0.12 to 2
	media c callee tone 880 from 0.12 to 2
	at 2.1 c bye
	at 2.2 c ok
	END
	"$BIN/mkpcap" -q -o "$1.pcap" "$1.call" || exit 1
	"$BIN/spanrecd" -q --as-root test --home home --read "$1.pcap" 2>log || exit 1
}

# told FILE N: the journal of a backup has so many deletions, soon
told() {
	for i in $(seq 50); do
		n=$(grep -a -c -o "$2" "$1"/*/deletions 2>/dev/null)
		[ "$n" = "$3" ] && return
		sleep 0.2
	done
	echo "$n deletions of $2 in $1, not $3"
	return 1
}

id_of() {
	spanrec list --json --all --number "$1" | python3 -c '
import json, sys
print(json.loads(sys.stdin.readline())["id"])'
}

restored() {
	rm -rf new
	spanrec restore "$@" new >restoring 2>&1 || { cat restoring; return 1; }
	cp home/vault.key home/audit.key new/
	spanrec --home new verify --all -q
}

# ---- hot, whole, incremental --------------------------------------------------

mkdir backup later
chown nobody: backup later
home "backup: [$tmp/backup, $tmp/later]" "sync_s: 1"
old 1001 89
old 1002 10
chown -R nobody: home
start
traffic 12 4
sleep 1.5
check "a backup beside a recorder" spanrec backup backup
cp out first
check "... names what is being recorded" \
	between 1 "$(grep -c 'comes with the next backup' first)" 12
check "... is whole" spanrec backup backup --check
check "... and belongs to the account of the recorder" \
	is "$(find backup ! -user nobody | wc -l)" 0
spanrec audit anchor >anchor 2>/dev/null
wait $sender
settled
check "no packet was lost for it" is "$(rows 'sum(map(exact, [row for row in rows
	if row["sip_call_ids"][0] in sent])), len(sent)')" "(12, 12)"
check "the next one has them" spanrec backup backup
cp out second
check "... copies these alone" grep -q '^12 recordings copied' second
check "... prints what it did not copy" grep -q '[1-9][0-9]* bytes unchanged' second
check "... and is whole" spanrec backup backup --check
check "the ledger knows of it" is \
	"$(spanrec audit list --json | grep -c '"backup"')" 4
cp -a backup before

# ---- deletions ------------------------------------------------------------------

id=$(id_of 1001)
sed 's/{max: 90 days}/{max: 30 days}/' home/policy.yaml >shorter.yaml
check "a shorter time is put in force" \
	spanrec policy apply --existing --deletes 1 shorter.yaml
check "the recorder purges" spanrec purge
check "... and tells the backup" told backup "$id" 1
check "... which has neither file nor key of it" \
	is "$(find backup -name "$id*" | wc -l)" 0
check "one that is not made yet keeps nobody" said "later cannot be told"
# shows MADE-BY-PATH: what status says, soon
shows() {
	for i in $(seq 75); do
		spanrec status --json >shown
		python3 -c '
import json, sys
print(*[(b["path"].rpartition("/")[2], b["made"] is not None, b["waiting"],
         b["error"]) for b in json.load(open("shown"))["backups"]])' >told
		[ "$(cat told)" = "$1" ] && return
		sleep 0.2
	done
	cat shown told
	return 1
}
check "status says when, where, and what waits" shows \
	"('backup', True, 0, None) ('later', False, None, 'no backup is there')"
check "... and warns of the one" sh -c "$BIN/spanrec status |
	grep -q '^! no backup was made in '"
stop
check "a copy from before the purge, with its journal" \
	cp backup/*/deletions "$(dirname before/*/deletions)/deletions"
check "... restored, has all else" restored before
check "... and says what stayed out" grep -q '^1 deleted since' restoring
check "... not that one" is "$(spanrec --home new list --json --all |
	grep "$id" | grep -c '"state":"purged"')" 1
check "... its ledger is that of before" spanrec --home new audit verify \
	--anchor anchor
check "... all others" is "$(spanrec --home new list --json --all |
	grep -c '"state":"stored"')" 13
check "... and can be heard" is "$(SPANREC_HOME=new tones \
	"$(id_of 1002)" | grep -c -e 440 -e 880)" 2

# ---- a recorder on what was restored --------------------------------------------

rm -rf home
mv new home
chown -R nobody: home
start
traffic 5 2
wait $sender
settled
check "a recorder goes on with it" is "$(rows 'sum(map(exact, [row for row in rows
	if row["sip_call_ids"][0] in sent]))')" 5
check "... and the backup with it" spanrec backup backup
stop
check "... whole" spanrec backup backup --check
exit $failed
