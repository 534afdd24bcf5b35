#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A part taken out of a recording while a recorder runs: it knows by itself who
# asks, so one person does not do for two, and it does what these may not: they
# can read the archive, and cannot write it. Prints a line for each test, and
# ends with 1 if one failed.
. cmd/testing/live.sh
command -v setpriv >/dev/null || { echo "skipped: no setpriv"; exit 0; }
umask 027
chmod 755 "$tmp"

# What must go is a tone on the one side, a pattern of bytes on the other.
cat >in.call <<END
start $(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)
host out 192.0.2.7
host bob 10.0.0.12
call c1 from out:07700900111 to bob:200001
at 0.000 c1 invite rtp 10000 codec PCMA
at 0.100 c1 ok rtp 20000 codec PCMA
at 0.110 c1 ack
media c1 caller tone 440 then 1500 at 4.0 then 460 at 7.0 from 0.12 to 11
media c1 callee pattern 5aa5d53c then 31c0ffee0b at 4.0 then d5a53c5a at 7.0
	from 0.12 to 11
at 11.000 c1 bye
at 11.010 c1 ok
END
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1

# pattern HEX: how often it is in the left channel of t.wav, as sound
pattern() {
	python3 - "$1" <<-'END'
	import struct, sys
	def pcm(a):  # ITU-T G.711
	    a ^= 0x55
	    e, m = a >> 4 & 7, a & 15
	    v = (m << 4) + 8 if e == 0 else ((m << 4) + 0x108) << e - 1
	    return v if a & 0x80 else -v
	what = [pcm(b) for b in bytes.fromhex(sys.argv[1])]
	data = open("t.wav", "rb").read()
	data = data[data.index(b"data") + 8:]
	left = data[0::4], data[1::4]
	heard = bytes(b for pair in zip(*left) for b in pair)
	print(heard.count(struct.pack("<%dh" % len(what), *what)))
	END
}

# heard CUT: what is heard; CUT of what is to go
heard() {
	tones "$id" | sed -n '/^right/,$p' >heard
	cat heard
	gone=$(pattern 31c0ffee0b)
	echo "$gone of it, $(pattern 5aa5d53c) and $(pattern d5a53c5a) around"
	is "$(grep -c -e ' 1[45][0-9][0-9] Hz' heard)" "$1" &&
		is $((gone > 100)) "$1" &&
		between 7700 "$(pattern 5aa5d53c)" 7800 &&
		between 7900 "$(pattern d5a53c5a)" 8001 &&
		grep -q ' 4[34][0-9] Hz' heard &&
		grep -q ' 46[0-9] Hz' heard
}

marked() {
	spanrec show "$id" >shown
	cat shown
	[ "$(grep -c ' 3\.[0-9]* s.*scrub' shown)" = 2 ]
}

home "control_group: nogroup"
sed -i "s/^  owner: .*/  owner: [root, bin, sys]/" home/policy.yaml
chmod 644 in.pcap
# As spanrec(1) says it is done: a group may read, and what comes is of it.
chown -R nobody home
chgrp -R nogroup home
chmod -R g+rX home
find home -type d -exec chmod g+s {} +
chmod g+w home/archive/index/lock.mdb
setpriv --reuid nobody --regid daemon --groups nogroup "$BIN/spanrecd" \
	--home home --read in.pcap -q >summary 2>log || { cat log; exit 1; }
id=$(spanrec list --json | sed 's/.*"id": *"\([^"]*\)".*/\1/')
check "before, it is heard" heard 1
before=$(sha256sum home/archive/audio/*/*/*/*.rec | cut -d' ' -f1)
old=$(ls home/archive/audio/*/*/*/*.rec)
start
check "who may read cannot write" \
	refused 2 "ermission" setpriv --reuid bin --regid nogroup \
	--clear-groups sh -c ": >$old"
check "one proposes" as bin scrub "$id" --range 4-7 --why "a card number"
check "nobody says that the key may not be read so" \
	is "$(as sys show "$id" 2>&1 | grep -c chmod)" 0
check "it waits" sh -c "$BIN/spanrec scrub list | tee out2 |
	grep -q 'bin.*a card number.*proposed'; r=\$?; cat out2; exit \$r"
check "the same one cannot agree" \
	refused 4 "takes a second person" as bin scrub agree "$id"
check "that he tried is in the ledger" sh -c "
	$BIN/spanrec audit list --action denied --actor bin --json |
	grep -q 'takes a second person'"
check "nothing has changed" \
	is "$(sha256sum home/archive/audio/*/*/*/*.rec | cut -d' ' -f1)" \
	"$before"
check "nobody proposes it twice" \
	refused 1 "already" as sys scrub "$id" --range 4-7 --why again
check "another agrees" as sys scrub agree "$id"
check "what stays is heard, and nothing else" heard 0
check "... by the other, too" sh -c "
	$(command -v setpriv) --reuid bin --regid nogroup --clear-groups \
	$BIN/spanrec show $id --json | grep -q '\"scrubs\":1'"
check "silence is marked, of its true length" marked
check "the rest verifies" spanrec verify
check "the old file is gone" test ! -e "$old"
check "nothing waits any more" \
	is "$(spanrec scrub list --json | wc -l)" 0
check "why tells" sh -c "$BIN/spanrec why $id | tr '\n' ' ' |
	grep -q 'taken out'"
check "again, and withdrawn by the other" sh -c "
	$(command -v setpriv) --reuid sys --regid nogroup --clear-groups \
	$BIN/spanrec scrub $id --range 1-2 --side left --why more"
check "withdrawn" as bin scrub withdraw "$id"
check "no second time" refused 3 "nobody proposed" as bin scrub agree "$id"
# A request, beside the recorder: overdue, and its certificate knows its number.
spanrec sar open S-1 --subject 07700900111 --clock jersey \
	--received "$(date -u -d '40 days ago' +%F)" >/dev/null
spanrec sar search S-1 >/dev/null
check "a certificate has its entry" sh -c "$BIN/spanrec sar certificate S-1 |
	tee cert | grep -q '^Entry [1-9]'; r=\$?; cat cert; exit \$r"
check "... and the hash of what stands above" sh -c "
	head -n -4 cert | b2sum -l 256 | cut -c 1-64 | tee hash;
	tail -n 1 cert | diff - hash &&
	$BIN/spanrec audit list --action 'sar certificate' | grep -q \$(cat hash)"
spanrec purge >/dev/null
check "what is overdue is warned of" sh -c "$BIN/spanrec status --json |
	grep -q '1 request of subjects is overdue.*'"
check "a part goes although it is held" as bin scrub "$id" --range 8-9 \
	--why "a card number" --although-held
check "... when another agrees" as sys scrub agree "$id"
check "... and it is held" sh -c "$BIN/spanrec show $id --json |
	grep -q '\"state\":\"held\"'"
check "the hold of a request ends alone" \
	spanrec hold end "$id" --case S-1 --reason "not his"
stop
check "the recorder ends" is $rc 0
check "without one, by ourselves" \
	spanrec scrub "$id" --range 1-2 --side left --why more
check "it takes two then as well" \
	refused 4 "takes a second person" spanrec scrub agree "$id"
check "the archive is in order" spanrec verify
exit $failed
