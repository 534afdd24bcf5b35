#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# rewrap: what tshark, which is not ours, finds in its captures is what was put
# in. Wants the folder of the programs in $BIN; and tshark, for most of it.
set -u
: "${BIN:?the folder of the programs}"
case ${V:-release} in
asan | tsan)
	# Half a minute of tshark, of which a sanitizer sees nothing.
	echo "skipped: rewrap with tshark as judge, in release builds only"
	exit 0 ;;
esac
BIN=$(cd "$BIN" && pwd)
rewrap=$BIN/../cmd/testing/rewrap
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC
failed=0

# check NAME COMMAND...: the command must succeed
check() {
	name=$1
	shift
	if "$@" >>said 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' said
		failed=1
	fi
	: >said
}

# exits CODE COMMAND...
exits() {
	want=$1
	shift
	"$@" >out 2>err
	got=$?
	[ $got = "$want" ] || { echo "exit code $got, not $want"; return 1; }
}

# made OPTION... IN OUT: run rewrap, which must succeed
made() {
	[ ! -e out.pcap ] || rm out.pcap
	"$rewrap" "$@" 2>err && return
	echo "not ok - rewrap $*: $(cat err)"
	failed=1
}

look() {
	python3 "$here/rewrap_look.py" "$@"
}

# One call of IPv4 and one of IPv6. Some messages of a side are so close that
# they share a segment.
cat >in.call <<'CALL'
start 2026-03-02T09:00:00Z
host a 192.0.2.1
host b 10.0.0.12
host c 2001:db8::1
host d 2001:db8::12
call one from a:2041 to b:2042 id "one@a"
call two from c:2043 to d:2044 id "two@c"
at 0.000 one invite rtp 10000 codec PCMA
at 0.020 one trying
at 0.025 one ringing
at 0.300 one ok rtp 20000
at 0.310 one ack
at 0.011 two invite rtp 30000 codec PCMA
at 0.051 two trying
at 0.055 two ringing
at 0.333 two ok rtp 40000
at 0.366 two ack
media one caller tone 440 from 0.32 to 0.72
media one callee tone 880 from 0.32 to 0.72
media two caller tone 550 from 0.42 to 0.72
media two callee tone 990 from 0.42 to 0.72
at 0.800 one bye from callee
at 0.820 one ok
at 0.900 two bye
at 0.920 two ok
CALL
"$BIN/mkpcap" -q -o in.pcap in.call || exit 1
{
	grep -v -e '^at' -e '^media' in.call
	grep invite in.call
} >two.call
"$BIN/mkpcap" -q -o two.pcap two.call || exit 1

# ---- usage ------------------------------------------------------------------

check "help" exits 0 "$rewrap" --help
check "... names the encapsulations" grep -q erspan3-sub out
check "no files are a usage error" exits 2 "$rewrap"
check "so is an encapsulation that is none" exits 2 "$rewrap" --wrap vlan,x a b
check "... which is named" grep -q "'x' is no encapsulation" err
check "so is hep3 around something" exits 2 "$rewrap" --wrap hep3,vlan a b
check "... which is explained" grep -q "it must be the last" err
check "so is hep3 around TCP" exits 2 "$rewrap" --tcp 1-9 --wrap hep3 a b
check "so is WebSocket without TCP" exits 2 "$rewrap" --ws a b
check "so are segments of no bytes" exits 2 "$rewrap" --tcp 0-9 a b
check "so is an order of no fragments" exits 2 "$rewrap" --fragments reverse a b
check "so is another VLAN of nothing" exits 2 "$rewrap" --double-vlan a b
check "a file that is not there" exits 3 "$rewrap" none.pcap out.pcap
check "... is named" grep -q '^rewrap: none.pcap: .*No such file' err
made --link raw in.pcap raw.pcap
check "a link type that is not Ethernet" exits 1 "$rewrap" raw.pcap out.pcap
check "... is named" grep -q '^rewrap: raw.pcap: link type 101' err
check "what does not go over a link" exits 1 "$rewrap" --link raw \
	--wrap mpls in.pcap out.pcap
check "... is named" grep -q '^rewrap: out.pcap: frame 1, .*0x8847' err
check "a full disk" exits 1 "$rewrap" in.pcap /dev/full
check "... is told" grep -q '^rewrap: /dev/full: No space left' err
made in.pcap same.pcap
check "no option changes nothing" cmp in.pcap same.pcap

random="--tcp 20-200 --ws --keepalive --mtu 120 --fragments shuffled
	--tcp-order shuffled --wrap vxlan --double --reorder 40"
made $random in.pcap one.pcap
made $random in.pcap again.pcap
made $random --seed 2 in.pcap other.pcap
check "the same seed gives the same" cmp one.pcap again.pcap
check "another seed does not" exits 1 cmp -s one.pcap other.pcap

# ---- without tshark, or what it does not know -------------------------------

made --wrap hep3 in.pcap hep3.pcap
check "hep3: every datagram, its ends and time" look hep3 in.pcap hep3.pcap
made --wrap vxlan in.pcap out.pcap
check "a source port for each flow" look flows in.pcap out.pcap
made --wrap gre-key-seq-sum in.pcap out.pcap
check "checksums and numbers of GRE" look gre-sums out.pcap
made --wrap pbb,snap in.pcap out.pcap
check "pbb,snap: every byte" look pbb-snap in.pcap out.pcap
made --double in.pcap out.pcap
check "double: each frame, and one hop further" look double in.pcap out.pcap
made --double --double-vlan in.pcap out.pcap
check "... in another VLAN" look double-vlan in.pcap out.pcap
made --wrap qinq in.pcap tagged.pcap
made --double --double-vlan tagged.pcap out.pcap
check "... where there was one" look double-vlan tagged.pcap out.pcap
made --reorder 40 in.pcap out.pcap
check "reorder: the same frames, up to 40 ms later" \
	look reorder 40 in.pcap out.pcap

# tcp NAME OPTION...: every stream has the messages, and no other byte
tcp() {
	name=$1
	shift
	made --tcp 30-500 "$@" in.pcap out.pcap
	check "tcp: $name" look tcp in.pcap out.pcap "$@"
}
tcp "the messages, whole"
tcp "without the beginning" --no-syn
tcp "with pings" --keepalive
tcp "without lengths" --no-length
tcp "shuffled" --tcp-order shuffled
tcp "doubled" --tcp-order doubled
tcp "lost" --tcp-order lost=2
tcp "WebSocket" --ws
tcp "WebSocket with everything" --ws --keepalive --no-length --no-syn \
	--tcp-order shuffled

# ---- with tshark ------------------------------------------------------------

if ! command -v tshark >/dev/null || ! command -v mergecap >/dev/null; then
	echo "skipped: what tshark decodes: no tshark"
	exit $failed
fi

# datagrams FILE [OPTION...]: of each frame with a whole datagram, the
# innermost: protocols, addresses, ports, payload; and whether all checksums
# are right
datagrams() {
	file=$1
	shift
	tshark -n -r "$file" -o udp.check_checksum:TRUE \
		-o ip.check_checksum:TRUE "$@" \
		-Y udp.payload -T fields -e frame.protocols \
		-e ip.src -e ip.dst -e ipv6.src -e ipv6.dst -e udp.srcport \
		-e udp.dstport -e udp.payload -e udp.checksum.status \
		-e ip.checksum.status -E separator='|' 2>/dev/null
}
datagrams in.pcap >in.txt

# same NAME FILE [OPTION...]: tshark sees the datagrams of in.pcap in FILE
same() {
	name=$1
	shift
	datagrams "$@" >out.txt
	check "$name" look same in.txt out.txt
}

# Most encapsulations: one file of all, since tshark takes long to start.
wraps="vlan qinq qinq9100 vntag pbb snap mpls pppoe gre gre-key-seq-sum gre-teb
	gre-mpls erspan1 erspan2 erspan3 erspan3-sub vxlan vxlan-gpe
	vxlan-gpe-ip geneve geneve-opt geneve-ip tzsp ipip ip6ip gtpu gtpu-ext
	etherip"
set --
for wrap in $wraps; do
	made --wrap "$wrap" in.pcap "$wrap.pcap"
	set -- "$@" "$wrap.pcap"
done
mergecap -a -w wraps.pcap "$@"
datagrams wraps.pcap >wraps.txt
for wrap in $wraps; do
	check "$wrap" look part in.txt wraps.txt "$wrap" $wraps
done
made --wrap mpls-pw in.pcap out.pcap
same "mpls-pw" out.pcap -d mpls.label==200,pwethcw
made --wrap mpls-eth in.pcap out.pcap
same "mpls-eth" out.pcap -d mpls.label==200,pwethnocw

kinds="qinq vntag snap mpls pppoe gre gre-teb gre-mpls erspan2 erspan3 vxlan
	vxlan-gpe-ip geneve tzsp ipip ip6ip gtpu-ext etherip"
threes="erspan2,vlan,mpls vxlan,gtpu,qinq pppoe,gre,snap gtpu,ipip,ip6ip
	vntag,pbb,geneve mpls,etherip,pppoe vxlan-gpe,tzsp,gre-key-seq-sum"
# One of each kind in each other, and some threes, of two frames.
datagrams two.pcap >two.txt
set --
for outer in $kinds; do
	for inner in $kinds; do
		set -- "$@" "$outer,$inner"
	done
done
mkdir pairs
for wrap in "$@" $threes; do
	made --wrap "$wrap" two.pcap "pairs/$wrap"
done
mergecap -a -w pairs.pcap pairs/*
datagrams pairs.pcap >pairs.txt
set -- "$@" $threes
check "every two kinds, and threes" look times two.txt pairs.txt $#

links="null loop raw sll sll2 erf erf-ext ppp chdlc"
set --
for link in $links; do
	made --link $link in.pcap $link.pcap
	set -- "$@" $link.pcap
done
mergecap -a -w links.pcap "$@"
datagrams links.pcap >links.txt
for link in $links; do
	check "link type $link" look part in.txt links.txt $link $links
done
made --link sll --wrap snap in.pcap out.pcap
same "link type sll with SNAP" out.pcap

for how in in-order reverse shuffled doubled overlap; do
	made --mtu 130 --fragments $how in.pcap out.pcap
	same "fragments $how" out.pcap
	check "... are, of at most 130 bytes" look fragments 130 $how out.pcap
	made --outer-mtu 130 --fragments $how --wrap gtpu in.pcap out.pcap
	same "outer fragments $how" out.pcap
	check "... are, of at most 130 bytes" look fragments 130 $how out.pcap
done
wraps="snap pppoe mpls pbb ip6ip,pppoe"
set --
for wrap in $wraps; do
	made --outer-mtu 130 --wrap "$wrap" in.pcap "cut-$wrap.pcap"
	set -- "$@" "cut-$wrap.pcap"
done
mergecap -a -w cut.pcap "$@"
datagrams cut.pcap >cut.txt
for wrap in $wraps; do
	check "fragments behind $wrap" look part in.txt cut.txt "$wrap" $wraps
done
made --outer-mtu 130 --wrap mpls-pw,snap in.pcap out.pcap
same "fragments behind mpls-pw,snap" out.pcap -d mpls.label==200,pwethcw

check "... with the length of SNAP" look lengths cut-snap.pcap
check "... with the length of PPPoE" look lengths cut-pppoe.pcap

# What tshark puts together of TCP: the same SIP, in the same order.
sip() {
	tshark -n -r "$1" -o tcp.reassemble_out_of_order:TRUE -Y sip \
		-T fields -e sip.Request-Line -e sip.Status-Line \
		-e sip.Call-ID 2>/dev/null |
		tr -s ',\t' '\n' | sort
}
sip in.pcap >sip.txt
for order in in-order shuffled doubled; do
	made --tcp 30-500 --tcp-order $order in.pcap out.pcap
	sip out.pcap >out.txt
	check "tshark finds SIP in TCP $order" cmp sip.txt out.txt
	check "... and nothing else" test -s out.txt
done
made --tcp 30-500 --ws in.pcap out.pcap
tshark -n -r out.pcap -d tcp.port==5060,http -Y 'websocket && sip' \
	-T fields -e sip.Request-Line -e sip.Status-Line -e sip.Call-ID \
	2>/dev/null | tr -s ',\t' '\n' | sort >out.txt
check "tshark finds SIP in WebSocket" cmp sip.txt out.txt

exit $failed
