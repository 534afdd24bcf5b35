#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A sample, always the same, of what .ci/crashes does in make soak: power cuts,
# kills and errors of the disk. Prints a line for each scenario, and ends with 1
# if one failed.
set -u
: "${BIN:?the folder of the programs}"
[ -e "$BIN/../cmd/testing/faults.so" ] || {
	echo "skipped: crashes: a sanitizer wants to be loaded first"
	exit 0
}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0
short="record purge hold scrub recover-purge"
# In these a state takes twenty programs and more; a passphrase takes seconds.
long="rotate rotate-purge backup backup-more backup-purge restore"

# some CUTS SCENARIO...: all at once
some() {
	cuts=$1
	shift
	for scenario in "$@"; do
		(.ci/crashes --cuts $cuts --errors 1 $scenario \
			>"$out/$scenario" 2>&1
		echo $? >"$out/$scenario.rc") &
	done
	wait
}

some 3 $short
some 1 $long
for scenario in $short $long; do
	if [ "$(cat "$out/$scenario.rc")" = 0 ]; then
		echo "ok - power cuts and errors: $scenario"
	else
		echo "not ok - power cuts and errors: $scenario"
		sed 's/^/# /' "$out/$scenario"
		failed=1
	fi
done
exit $failed
