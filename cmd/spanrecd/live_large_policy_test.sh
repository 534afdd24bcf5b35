#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A large policy, live: 10,000 exemptions and 500 areas are read again while
# calls are recorded, and no packet is lost for it. Prints a line for each test,
# and ends with 1 if one failed.
. cmd/testing/live.sh

# large NAME: a policy under which all calls are recorded still
large() {
	python3 - "$1" <<'END'
import sys
print("organisation: {name: %s, time_zone: Europe/London}" % sys.argv[1])
print("exemptions:")
for i in range(10000):
    print("  - {name: e%d, numbers: '%d', reason: r}" % (i, 900000 + i))
print("areas:")
for i in range(500):
    print("  a%d: {extensions: '%d', needs: nothing}" % (i, 910000 + i))
END
}

home
sed '/^organisation:/,/^$/d' home/policy.yaml >rest
{ large first; cat rest; } >home/policy.yaml
check "it is a policy" spanrec -q policy check home/policy.yaml
start
traffic 50 12
sleep 4
for name in second third fourth; do
	{ large $name; cat rest; } >home/policy.yaml
	check "reload: the $name" spanrec reload
	sleep 1
done
wait $sender
sleep 2
check "the kernel dropped nothing" is "$(status kernel_drops)" 0
check "nothing was shed" is "$(status rtp_shed) $(status sip_shed)" "0 0"
check "every packet is stored" is "$(status stored)" "$(status rtp)"
check "nothing was lost" is "$(status lost)" 0
stop
check "it ends well" is "$rc" 0
check "the policies that decided are kept" \
	between 1 "$(ls home/archive/policy | wc -l)" 4
check "the archive is sound" spanrec verify --all
exit $failed
