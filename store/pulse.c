/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the clock was trusted last, and how the purge went: one entry of the
 * table `meta`, "pulse".
 *
 *   u8 version | u8 sure | u8 verdict | u8 0
 *   i64 trusted | i64 anchor | i64 anchor, since the start of the machine
 *   i64 last sweep | i64 last that ended well | u64 overdue | u64 failed
 *   16 bytes which start of the machine
 */
#include "store/pulse.h"

#include <errno.h>
#include <string.h>

#include "store/store_priv.h"

#define VERSION     1
#define NUMBERS     7
#define BOOT_AT     ((size_t)4 + 8 * NUMBERS)
#define PULSE_BYTES (BOOT_AT + STORE_BOOT_BYTES)

static const char key_name[] = "pulse";

static void
encode(uint8_t bytes[PULSE_BYTES], const struct store_pulse *pulse)
{
	const uint64_t numbers[NUMBERS] = {
		(uint64_t)pulse->trusted_ns,
		(uint64_t)pulse->anchor_ns,
		(uint64_t)pulse->anchor_boottime_ns,
		(uint64_t)pulse->swept_ns,
		(uint64_t)pulse->well_ns,
		pulse->overdue,
		pulse->failed,
	};

	bytes[0] = VERSION;
	bytes[1] = pulse->sure;
	bytes[2] = pulse->verdict;
	bytes[3] = 0;
	for (size_t i = 0; i < NUMBERS; i++)
		store__le_put(bytes + 4 + 8 * i, numbers[i], 8);
	memcpy(bytes + BOOT_AT, pulse->boot, STORE_BOOT_BYTES);
}

static int
decode(struct store_pulse *pulse, const uint8_t *bytes, size_t n)
{
	int64_t *const times[] = { &pulse->trusted_ns, &pulse->anchor_ns,
				   &pulse->anchor_boottime_ns, &pulse->swept_ns,
				   &pulse->well_ns };
	const size_t count = sizeof(times) / sizeof(times[0]);

	if (n < 1)
		return -EBADMSG;
	if (bytes[0] != VERSION)
		return -EPROTO;
	if (n != PULSE_BYTES)
		return -EBADMSG;
	pulse->sure = bytes[1] != 0;
	pulse->verdict = bytes[2];
	for (size_t i = 0; i < count; i++)
		*times[i] = (int64_t)store__le_get(bytes + 4 + 8 * i, 8);
	pulse->overdue = store__le_get(bytes + 4 + 8 * count, 8);
	pulse->failed = store__le_get(bytes + 4 + 8 * (count + 1), 8);
	memcpy(pulse->boot, bytes + BOOT_AT, STORE_BOOT_BYTES);
	return 0;
}

int
store_pulse_get(struct store_archive *archive, struct store_pulse *pulse)
{
	struct store__key name = { 0 };
	MDB_val k, value;
	MDB_txn *txn;
	int r = store__read_begin(archive, &txn);

	*pulse = (struct store_pulse){ 0 };
	if (r)
		return r;
	store__key_text(&name, key_name);
	k = store__key_val(&name);
	r = store__index_error(mdb_get(txn, archive->tables.meta, &k, &value));
	if (r == 0)
		r = decode(pulse, value.mv_data, value.mv_size);
	store__read_end(archive, txn);
	return r;
}

int
store_pulse_put(struct store_archive *archive, const struct store_pulse *pulse,
		struct store_ledger_entry *entry)
{
	uint8_t bytes[PULSE_BYTES];
	MDB_val k, value = { .mv_size = PULSE_BYTES, .mv_data = bytes };
	struct store__key name = { 0 };
	MDB_txn *txn;
	int r = store__write_begin(archive, &txn);

	if (r)
		return r;
	encode(bytes, pulse);
	store__key_text(&name, key_name);
	k = store__key_val(&name);
	r = store__index_error(
	    mdb_put(txn, archive->tables.meta, &k, &value, 0));
	if (r == 0 && entry)
		r = store__ledger_put(archive, txn, entry);
	if (r == 0)
		return store__write_commit(archive, txn);
	mdb_txn_abort(txn);
	return r;
}
