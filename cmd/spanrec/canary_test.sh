#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# canary: passes with a policy that keeps payments out, by each trigger; and
# fails, naming what it found where, with a recorder that does not. Wants the
# folder of the programs in $BIN. Prints a line for each test, and ends with 1
# if one failed.
set -u
: "${BIN:?the folder of the programs}"
case ${V:-release} in
tsan)
	# Each of its recorders runs as other tests run it.
	echo "skipped: canary, not under the thread sanitizer"
	exit 0 ;;
esac
BIN=$(cd "$BIN" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
unset SPANREC_HOME
export LC_ALL=C.UTF-8
failed=0

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

# run PROGRAM ARGUMENT...: leaves the exit code in $rc
run() {
	"$@" >out 2>err </dev/null
	rc=$?
}

exits() {
	[ "$rc" = "$1" ]
}

has() {
	grep -q -e "$1" out
}

has_not() {
	! grep -q -e "$1" out
}

count() {
	[ "$(grep -c -e "$2" out)" = "$1" ]
}

ledger() {
	LC_ALL=C grep -q -a -e "$1" home/archive/index/data.mdb
}

# policy PAYMENTS: what all of them have is around it
policy() {
	cat <<-END
	version: 1
	organisation: {name: Borough of Test, time_zone: Europe/London}
	approval: {title: Recording, revision: "3.1", owner: A, author: B, approver: C, approved: 2019-09-30}
	access: {owner: ['$(id -un)']}
	purposes: [quality]
	numbering: {country: 44, international_prefix: "00", national_prefix: "0", extension_digits: 4}
	retention: {standard: {max: 90 days}}
	metadata: {max: 24 months}
	areas:
	  revenues: {extensions: 2200-2249, needs: nothing, payments: card}
	  hotline: {queues: 01632 960110, needs: nothing, payments: card}
	  planned: {extensions: 2300, needs: business_case, payments: card}
	exemptions:
	  - {name: union, numbers: 2200-2205, reason: talk with the union}
	$1
	rules:
	  - name: people
	    match: {direction: [in, out], areas: [revenues, hotline], logged_in: yes}
	    decision: record
	    retention: standard
	END
}

policy "payments:
  - name: pay by card
    areas: revenues
    triggers:
      keys: '*5'
      header: {name: X-Payment, value: begin}
      info: {name: Record}
      call: 01632 960199
      hold: yes
      card_numbers: yes
      tones: yes
    look_back: 5 s
    resume: explicit
    resume_keys: '*6'
  - {name: provider, areas: revenues, triggers: {call: 0333 0160000}, resume: never}
  - {name: short, areas: hotline, triggers: {keys: '12#'}, look_back: 0 s, resume: after 3 s}
  - {name: later, areas: planned, triggers: {hold: yes}}
" >pay.yaml
policy '' >none.yaml
sed 's/decision: record/decision: out-of-scope/; /retention: standard$/d' \
	none.yaml >nothing.yaml

"$BIN/spanrec" init -q home
cp pay.yaml home/policy.yaml

# ---- all is well --------------------------------------------------------------

run "$BIN/spanrec" --home home canary --out certificate
check "the policy in force passes" exits 0
check "nothing is printed" test ! -s out -a ! -s err
cp certificate out
check "the certificate is for its owner alone" \
	test "$(stat -c %a certificate)" = 600
check "it names the organisation" has '^Organisation  Borough of Test$'
check "... the policy" has "^Policy        .*home/policy.yaml$"
check "... its revision" has '^Revision      3.1$'
hash=$("$BIN/spanrec" --home home policy log >/dev/null; b2sum -l 256 pay.yaml |
	cut -d ' ' -f 1)
check "... its hash" has "^Its hash      $hash$"
check "... the result" has '^Result: PASSED: 10 of 11 triggers passed, 0 failed, 1 not tested; digits of the card not found$'
for trigger in 'keys \*5' 'keys \*5 in the sound' 'SIP header X-Payment' \
	'SIP INFO with Record' 'transfer to +441632960199' hold \
	'a card number that is keyed' 'a card number that is heard'; do
	check "passes: $trigger" has "pay by card, $trigger: PASSED"
done
check "who is exempt is not who is called" has '^ *a call from +441632960001 to 220[6-9]'
check "a control marker is found, in all calls and of both sides" \
	count 20 'control marker before the payment, .*: found, [0-9.]* s$'
check "... and after, where keys end the payment" \
	count 14 'control marker after the payment, .*: found, [0-9.]* s$'
check "... and no card marker" count 20 'card marker, .*: not found$'
check "who comes by a queue is tested" has ' by +441632960110, recorded'
check "an area that is not approved has nothing to test" \
	has 'later, hold: NOT TESTED$'
check "no digit is found" has '^The digits of the card: not found anywhere$'
check "the ledger has it" ledger "PASSED: 10 of 11 .*policy $hash"
run "$BIN/spanrec" --home home canary --out certificate
check "no file is overwritten" exits 1
check "... as is told" grep -q 'certificate cannot be written: File exists' err

run "$BIN/spanrec" canary --policy pay.yaml --keep kept
check "a draft wants no home" exits 0
check "... and is called one" has '(a draft, not that in force)$'
check "what is kept is there" test -f kept/call-1.pcap -a -d kept/home/archive
check "... with the other marker in the capture: it was said" \
	test "$(stat -c %s kept/call-1.pcap)" -gt 100000
run "$BIN/spanrec" canary --policy pay.yaml --keep kept
check "what is there is not used" exits 1
run "$BIN/spanrec" canary --policy missing.yaml
check "no such policy" exits 3

run "$BIN/spanrec" canary --policy none.yaml
check "no payment: nothing to test" exits 3
check "... is told" has '^Result: nothing to test: the policy has no payment$'
run "$BIN/spanrec" canary --policy none.yaml --out none.txt
check "... and not in the certificate alone" \
	grep -q 'nothing to test: the policy has no payment$' err
policy "payments: [{name: later, areas: planned, triggers: {hold: yes}}]" \
	>later.yaml
run "$BIN/spanrec" canary --policy later.yaml
check "no call that is recorded: nothing to test" exits 3
check "... is told too" has '^Result: nothing to test, of 1 trigger$'

# ---- it can fail ----------------------------------------------------------------

# A recorder beside a copy of the program: runs COMMAND, as the recorder would be.
mkdir fake
cp "$BIN/spanrec" fake
fake() {
	cat >fake/spanrecd <<-END
	#!/bin/sh
	echo "\$2" >$tmp/scratch
	$1
	END
	chmod 755 fake/spanrecd
	run fake/spanrec canary --policy pay.yaml
}
gone() {
	[ -s scratch ] && [ ! -e "$(cat scratch)" ]
}

fake "exec $BIN/spanrecd \"\$@\" --policy $tmp/none.yaml"
check "a recorder that does not pause fails" exits 1
check "... by each trigger" \
	has '^Result: FAILED: 0 of 11 triggers passed, 10 failed, 1 not tested; digits of the card found$'
check "... the card marker of both sides is found" \
	count 20 '^ *!! card marker, .*: found, [0-9.]* s (in [0-9T]*Z-[a-z2-7]*-[1-9], .* side)$'
check "... and keys in the sound" \
	has '^The digits of the card: FOUND, [1-9][0-9]* keyed digits'
check "the scratch archive is gone" gone

fake "exec $BIN/spanrecd \"\$@\" --policy $tmp/nothing.yaml"
check "a recorder that records nothing fails" exits 1
check "... the control marker is missing" \
	count 20 '^ *!! control marker before the payment, .*: not found$'

fake "$BIN/spanrecd \"\$@\" && cp \"\$4\" \"\$2/archive/audio/leak-\$\$\""
check "a recorder that leaves sound as it is fails" exits 1
check "... the file is named" \
	has '!! card marker, inside: found unencrypted (in the file home/archive/audio/leak-'

fake "echo card 4111111111111111; exec $BIN/spanrecd \"\$@\""
check "a recorder that says digits fails" exits 1
check "... as is told" \
	has '^The digits of the card: FOUND (in the file call-[0-9]*.txt)$'
check "... though all triggers passed" \
	has '^Result: FAILED: 10 of 11 triggers passed, 0 failed, .* found$'

fake "echo out of order; exit 5"
check "a recorder that fails is no certificate" exits 1
check "... nothing is certified" test ! -s out
check "... what it said is told" grep -q 'out of order' err
check "its scratch archive is gone" gone

cat >fake/spanrecd <<END
#!/bin/sh
echo "\$2" >$tmp/scratch
exec sleep 60
END
rm -f scratch
fake/spanrec canary --policy pay.yaml >out 2>err &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -s scratch ] && break
	sleep 0.5
done
kill "$pid"
wait "$pid"
rc=$?
check "stopped: no certificate" exits 1
check "... is told" grep -q 'stopped; there is no certificate' err
check "... and nothing stays" gone

exit $failed
