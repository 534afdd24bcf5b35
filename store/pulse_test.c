/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the archive remembers of the clock and the purge. */
#include "store/pulse.h"

#include <errno.h>

#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

static const struct store_pulse pulse = {
	.trusted_ns = FIXTURE_START_NS,
	.anchor_ns = -1,
	.anchor_boottime_ns = INT64_MAX,
	.boot = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.sure = true,
	.verdict = 2,
	.swept_ns = FIXTURE_START_NS + 1,
	.well_ns = FIXTURE_START_NS + 2,
	.overdue = UINT64_MAX,
	.failed = 7,
};

static void
assert_pulse(struct fixture *fx)
{
	struct store_pulse got;

	assert_int_equal(store_pulse_get(fx->archive, &got), 0);
	assert_int_equal(got.trusted_ns, pulse.trusted_ns);
	assert_int_equal(got.anchor_ns, pulse.anchor_ns);
	assert_int_equal(got.anchor_boottime_ns, pulse.anchor_boottime_ns);
	assert_memory_equal(got.boot, pulse.boot, sizeof(got.boot));
	assert_true(got.sure);
	assert_int_equal(got.verdict, pulse.verdict);
	assert_int_equal(got.swept_ns, pulse.swept_ns);
	assert_int_equal(got.well_ns, pulse.well_ns);
	assert_int_equal(got.overdue, pulse.overdue);
	assert_int_equal(got.failed, pulse.failed);
}

static void
kept_over_restarts(void **state)
{
	struct store_ledger_entry entry = { .time_ns = 1, .action = "clock" };
	struct store_ledger_entry head;
	struct store_pulse got = pulse;
	struct fixture fx;

	(void)state;
	fixture_init(&fx);
	assert_int_equal(store_pulse_get(fx.archive, &got), -ENOENT);
	assert_int_equal(got.trusted_ns, 0);
	assert_false(got.sure);
	assert_int_equal(store_pulse_put(fx.archive, &got, NULL), 0);
	assert_int_equal(store_ledger_head(fx.archive, &head), -ENOENT);
	assert_int_equal(store_pulse_put(fx.archive, &pulse, &entry), 0);
	assert_pulse(&fx);
	assert_int_equal(store_ledger_head(fx.archive, &head), 0);
	assert_string_equal(head.action, "clock");
	store_archive_close(&fx.archive);
	fixture_open(&fx);
	assert_pulse(&fx);
	fixture_fini(&fx);
}

static void
one_writer_no_batch(void **state)
{
	struct fixture fx;

	(void)state;
	fixture_init(&fx);
	assert_int_equal(store_batch_begin(fx.archive), 0);
	assert_int_equal(store_pulse_put(fx.archive, &pulse, NULL), -EBUSY);
	store_batch_abort(fx.archive);
	assert_int_equal(store_pulse_put(fx.archive, &pulse, NULL), 0);
	store_archive_close(&fx.archive);
	assert_int_equal(store_archive_open(&fx.archive, fx.dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(store_pulse_put(fx.archive, &pulse, NULL), -EROFS);
	assert_pulse(&fx);
	fixture_fini(&fx);
}

/* Whatever bytes there are. */
static int
get_bytes(struct fixture *fx, const uint8_t *bytes, size_t n)
{
	char name[] = "pulse";
	MDB_val key = { .mv_size = sizeof(name), .mv_data = name };
	MDB_val value = { .mv_size = n, .mv_data = testing_copy(bytes, n) };
	struct store_pulse got;
	MDB_txn *txn;
	int r;

	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	r = mdb_put(txn, fx->archive->tables.meta, &key, &value, 0);
	assert_int_equal(r, 0);
	assert_int_equal(store__write_commit(fx->archive, txn), 0);
	free(value.mv_data);
	r = store_pulse_get(fx->archive, &got);
	if (r)
		assert_int_equal(got.trusted_ns, 0);
	return r;
}

static void
every_truncation(void **state)
{
	uint8_t bytes[80] = { 1, 1, 3 };
	struct fixture fx;

	(void)state;
	fixture_init(&fx);
	for (size_t n = 1; n <= sizeof(bytes); n++)
		assert_int_equal(get_bytes(&fx, bytes, n),
				 n == 76 ? 0 : -EBADMSG);
	assert_int_equal(get_bytes(&fx, bytes, 0), -EBADMSG);
	bytes[0] = 2;
	assert_int_equal(get_bytes(&fx, bytes, 76), -EPROTO);
	fixture_fini(&fx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_over_restarts),
		cmocka_unit_test(one_writer_no_batch),
		cmocka_unit_test(every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
