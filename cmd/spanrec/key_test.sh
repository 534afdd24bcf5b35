#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Keys: a passphrase, a rotation, an escrow key, a lost key, a credential; and
# that no private key stands anywhere as it is. Prints a line for each test, and
# ends with 1 if one failed.
set -u
: "${BIN:?the folder of the programs}"
BIN=$(cd "$BIN" && pwd)
ROOT=$PWD
TOOLS=$(cd "$BIN/../cmd/testing" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
umask 077
export LC_ALL=C.UTF-8 TZ=UTC SPANREC_HOME="$tmp/home"
failed=0

# it CODE TEXT COMMAND...: ends with this code, and says this
it() {
	code=$1 text=$2
	shift 2
	"$@" >out 2>&1 </dev/null
	rc=$?
	cat out >>log
	[ $rc = "$code" ] && grep -q -e "$text" out && return 0
	echo "# $*: exit code $rc, wanted $code and '$text'"
	sed 's/^/# /' out
	return 1
}

ok() {
	if [ $? = 0 ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		failed=1
	fi
}

s="setsid $BIN/spanrec"
record() {
	"$BIN/spanrecd" -q --read in.pcap --shift now >>log 2>&1 &&
		"$BIN/spanrec" list --json >rows &&
		id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' rows | tail -1)
}
# The key of the home with less work for its passphrase: it is opened often.
cheap() {
	"$TOOLS/sealkey" home/vault.key pass
}
# set_to SETTING VALUE
set_to() {
	sed -i "s|^#* *$1:.*|$1: $2|" home/spanrec.yaml
}
# plays ID [OPTION...]
plays() {
	what=$1
	shift
	rm -f t.wav
	it 0 . $s export "$what" --out t.wav --purpose quality "$@" &&
		[ "$(wc -c <t.wav)" -gt 10000 ]
}
fingerprint() {
	$s key list | sed -n "s/^  \([0-9a-f]*\)  $1 .*/\1/p"
}

"$BIN/mkpcap" -q -o in.pcap "$ROOT/test-pcaps/0010-two-sides/in.call" &&
	"$BIN/spanrec" init -q home && record
ok "a home with a recording"
cp home/vault.key plain.key
first=$id

# row ROLE: its object in JSON, without fingerprint and path
row() {
	$s key list --json >keys && python3 -c '
import json, sys
for line in open("keys"):
    row = json.loads(line)
    if row["role"] == sys.argv[1]:
        print(len(row["fingerprint"] or ""), row["since"] is not None,
              row["recordings"], row["private"],
              (row["path"] or "").rpartition("/")[2])' "$1"
}
[ "$(row archive)" = "16 False 1 plain vault.key" ] && [ "$(wc -l <keys)" = 1 ]
ok "the same in JSON"

echo "correct horse" >pass
echo "wrong" >wrong
it 0 "Warning: only one key" $s key list && grep -q "without passphrase" out &&
	grep -q "opens 1 and new" out
ok "key list says how many, and that it is the only key"

# ---- passphrase ----------------------------------------------------------

it 2 "give --new-passphrase-file" $s key passphrase --passphrase-file pass
ok "the file of a new one is not that of the one there is"
it 0 "sealed by the new" $s key passphrase --new-passphrase-file pass &&
	grep -q '^spanrec-private-sealed-1 ' home/vault.key &&
	[ ! -e home/vault.key.part ] &&
	[ "$(stat -c %a home/vault.key)" = 600 ]
ok "a passphrase is set"
cheap
it 4 "no terminal to ask" $s export "$first" --out no.wav --purpose quality &&
	it 4 "the passphrase is wrong" $s export "$first" --out t.wav \
		--purpose quality --passphrase-file wrong &&
	! grep -q damaged out && it 0 "denied" $s audit list &&
	plays "$first" --passphrase-file pass
ok "a wrong passphrase is told as such, and entered; the right one opens"
it 4 "give --new-passphrase-file F" $s key passphrase --passphrase-file pass &&
	it 4 "give --passphrase-file F" $s key new no.key --passphrase
ok "without a terminal: which option names the file"
plays "$first" --passphrase-file /dev/fd/3 3<pass
ok "a passphrase from a descriptor"
it 0 . $s show "$first" && it 0 . $s verify &&
	it 0 . $s verify --passphrase-file pass
ok "who does not need the key is not asked"
: >none
it 1 "holds no passphrase" $s verify --passphrase-file none &&
	it 1 "cannot be read" $s verify --passphrase-file no/such
ok "a passphrase file that is none"
chmod 644 pass
it 0 "chmod 600" $s verify --passphrase-file pass
ok "a passphrase file that everybody reads"
chmod 600 pass
set_to passphrase_file "$tmp/pass"
plays "$first" && it 0 . $s show "$first" --waveform --purpose quality
ok "the passphrase file in the settings"

# At a terminal: asked without echo, a wrong one three times at most.
cat >ask.py <<'END'
import os, pty, sys, time
said, *typed = sys.argv[1:]
binary, *arguments = os.environ["ASKED"].split()
pid, fd = pty.fork()
if pid == 0:
    os.execv(binary, [binary] + arguments)
seen = b""
for line in typed:
    while not seen.endswith(b": "):
        seen += os.read(fd, 1000)
    time.sleep(0.1)
    os.write(fd, line.encode() + b"\n")
    seen += os.read(fd, 1)
try:
    while True:
        more = os.read(fd, 1000)
        if not more:
            break
        seen += more
except OSError:
    pass
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(code, seen.decode())
sys.exit(any(line.encode() in seen for line in typed) or
         said not in "%d %s" % (code, seen.decode()))
END
set_to passphrase_file "''"
export ASKED="$BIN/spanrec verify"
python3 ask.py "0 Passphrase of" "mistyped-1" "correct horse" >told &&
	python3 ask.py "4 Passphrase of" mistyped-1 mistyped-2 mistyped-3 >>told
ok "at a terminal: asked without echo, again after a wrong one"
export ASKED="$BIN/spanrec key passphrase --passphrase-file pass"
python3 ask.py "2 New passphrase: " "other words" "others" >>told &&
	python3 ask.py "0 New passphrase: " "correct horse" "correct horse" \
		>>told
ok "a new one is asked for twice"
cheap
set_to passphrase_file "$tmp/pass"

# Killed while it has the key in memory: there is no core that could hold it.
mkfifo fifo
(
	ulimit -c unlimited 2>/dev/null
	exec "$BIN/spanrec" key passphrase --new-passphrase-file fifo
) >>log 2>&1 &
child=$!
sleep 1.5
kill -ABRT $child
wait $child 2>/dev/null
rc=$?
cores=$(find . -name '*core*' | wc -l)
[ "$rc" -gt 128 ] && [ "$cores" = 0 ] && rm fifo &&
	it 0 "sealed by a passphrase" $s key list
ok "no core, and the key is what it was"

# a key that is damaged is not one whose passphrase is wrong
sed 's/^\(spanrec-private-sealed-1 .\{90\}\)./\1_/' home/vault.key >broken.key
it 5 "damaged" $s verify --key broken.key --passphrase-file pass
ok "a sealed key that is damaged"

# ---- escrow --------------------------------------------------------------

it 0 "Fingerprint" $s key new escrow.key &&
	it 0 "opens what is recorded" $s key escrow --public-key escrow.key.pub &&
	it 0 "escrow" $s key list &&
	grep -q "escrow *opens 0 and" out
ok "an escrow key is added"
record
second=$id
it 0 "escrow *opens [1-9]" $s key list
ok "new recordings are sealed to it"
it 4 "does not open" $s export "$first" --out no.wav --purpose quality \
	--key escrow.key
ok "an old one is not"
it 0 "1 sealed anew" $s key escrow --public-key escrow.key.pub --existing &&
	plays "$first" --key escrow.key &&
	it 0 "key-escrow" $s audit list
ok "... but with --existing; and the ledger says who used it"
[ "$(row archive)" = "16 False 2 passphrase vault.key" ] &&
	[ "$(row escrow)" = "16 True 2 None " ] &&
	it 0 "^[0-9a-f]*,escrow,20[^,]*Z,2,," $s key list --csv
ok "both in JSON and CSV"

# ---- rotation --------------------------------------------------------------

cp home/vault.key old.key
old=$(fingerprint archive)
cp -r home/archive/keyring keyring.before
it 0 "sealed anew" $s key rotate && cheap && it 0 "sealed by a passphrase" $s key list &&
	[ "$(fingerprint archive)" != "$old" ] && plays "$first" &&
	plays "$second" && record && plays "$id" && it 0 . $s verify &&
	it 0 "key-rotate" $s audit list && it 0 "key-reseal" $s audit list &&
	it 0 . $s audit verify
ok "a rotation"
it 4 "takes key" $s export "$first" --out no.wav --purpose quality \
	--key old.key --passphrase-file pass &&
	[ "$(ls home/vault.key.old-*)" = "home/vault.key.old-$old" ]
ok "the old key opens nothing any more, and which one would is said"
plays "$first" --key escrow.key
ok "the escrow key still does"
mv home/archive/keyring keyring.now && cp -r keyring.before home/archive/keyring
plays "$first" --key old.key --passphrase-file pass
ok "a copy of the keyring from before is opened by it, as the manual says"
rm -r home/archive/keyring && mv keyring.now home/archive/keyring

# What an interrupted one leaves: a key that is no recipient yet; one that all is
# sealed to, and that has not its name yet; and killed at any moment.
it 0 . $s key new home/vault.key.new --passphrase-file pass &&
	next=$(sed -n 's/^Fingerprint: //p' out) && it 0 . $s key rotate &&
	cheap && [ "$(fingerprint archive)" = "$next" ] && plays "$first"
ok "a rotation goes on with the key that it had made"
mv home/vault.key home/vault.key.new
it 0 "An earlier rotation" $s key rotate &&
	[ "$(fingerprint archive)" = "$next" ] && plays "$first"
ok "... and with the name of it"
mv home/vault.key away.key
it 0 . $s key new home/vault.key.new && cp home/vault.key.new stale.key &&
	it 1 "ended before anything was sealed to it" $s key rotate &&
	cmp -s stale.key home/vault.key.new && [ ! -e home/vault.key ]
ok "a key that nothing is sealed to does not take the name"
echo "no key" >home/vault.key.new
it 5 "not a private key" $s key rotate && [ ! -e home/vault.key ]
ok "... nor does what is none"
rm home/vault.key.new* stale.key && mv away.key home/vault.key
head -c 100 home/vault.key >home/vault.key.new.part
: >home/vault.key.new.pub
it 0 "sealed anew" $s key rotate && cheap && plays "$first" &&
	[ ! -e home/vault.key.new.part ] && [ ! -e home/vault.key.new.pub ]
ok "... and over half of a key, and the public half of one"
for pause in 0.02 0.1 0.3 0.5; do
	"$BIN/spanrec" key rotate >>log 2>&1 &
	sleep $pause
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
done
it 0 . $s key rotate && cheap && plays "$first" && plays "$second" &&
	it 0 . $s verify
ok "killed four times: all is opened"

# ---- a lost key ------------------------------------------------------------

wanted=$(fingerprint archive)
mv home/vault.key lost.key
rm home/vault.key.old-*
it 4 "If all copies of it are lost" $s export "$first" --out no.wav \
	--purpose quality && grep -q "archive key $wanted and escrow key" out && it 0 "Private key here: none" $s key list
ok "a lost key: which one it takes is said"
[ "$(row archive)" = "16 True 3 None " ]
ok "... and that it is not here"
it 0 "sealed anew" $s key rotate home/vault.key --key escrow.key \
	--new-passphrase-file pass && cheap && plays "$first" && plays "$second"
ok "the escrow key puts a new one in its place"
escrow=$(fingerprint escrow)
it 0 "not sealed" $s key remove "$escrow" --existing &&
	it 4 "takes key" $s export "$first" --out no.wav --purpose quality \
		--key escrow.key &&
	plays "$first"
ok "the escrow key is removed"
it 4 "last key" $s key remove "$(fingerprint archive)"
ok "the last one is not"

# ---- who may, and what systemd hands over ---------------------------------

mkdir cred && cp home/vault.key cred/spanrec.key && cp pass cred/spanrec.pass
mv home/vault.key kept.key
set_to key credential:spanrec.key
set_to passphrase_file credential:spanrec.pass
it 4 "none is named" $s export "$first" --out no.wav --purpose quality &&
	CREDENTIALS_DIRECTORY=$tmp/cred plays "$first"
ok "a credential"
set_to key "''"
set_to passphrase_file "''"
mv kept.key home/vault.key
cp home/policy.yaml policy.kept
sed -i 's/owner:.*/owner: [nobody-else]/' home/policy.yaml
it 4 . $s key rotate --passphrase-file pass &&
	it 4 . $s key escrow --public-key escrow.key.pub
ok "who is no owner changes no keys"
cp policy.kept home/policy.yaml

# ---- no private key as it is ----------------------------------------------

python3 - "$tmp" <<'END'
import base64, os, sys
top = sys.argv[1]
wanted = {"plain word": b"spanrec-private-1 ", "passphrase": b"correct horse"}
for name in ("plain.key", "escrow.key"):
    line = [l for l in open(os.path.join(top, name))
            if l.startswith("spanrec-private-1 ")][0].split()[1]
    raw = base64.urlsafe_b64decode(line)[:32]
    wanted[name + " raw"] = raw
    wanted[name + " base64"] = line[:40].encode()
    wanted[name + " hex"] = raw.hex().encode()
allowed = {"plain.key", "escrow.key", "pass", "cred/spanrec.pass"}
files = bad = 0
for folder, _, names in os.walk(top):
    for name in names:
        path = os.path.join(folder, name)
        short = os.path.relpath(path, top)
        if short in allowed or not os.path.isfile(path):
            continue
        files += 1
        data = open(path, "rb").read()
        for what, b in wanted.items():
            if b in data:
                print("#", short, "holds", what)
                bad += 1
print("#", files, "files looked into")
sys.exit(bad > 0 or files < 20)
END
ok "no private key and no passphrase in any file or log of all this"

exit $failed
