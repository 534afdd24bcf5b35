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
scenarios="record purge hold scrub recover-purge"
for scenario in $scenarios; do
	(.ci/crashes --cuts 3 --errors 1 $scenario >"$out/$scenario" 2>&1
	echo $? >"$out/$scenario.rc") &
done
wait
for scenario in $scenarios; do
	if [ "$(cat "$out/$scenario.rc")" = 0 ]; then
		echo "ok - power cuts and errors: $scenario"
	else
		echo "not ok - power cuts and errors: $scenario"
		sed 's/^/# /' "$out/$scenario"
		failed=1
	fi
done
exit $failed
