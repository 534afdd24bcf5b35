/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of a backup without reading it: by what is there, and by the
 * ledger where it is not. */
#include "cmd/testing/testing.h"

#include <errno.h>

#include "store/backup_priv.h"
#include "store/fixture_priv.h"

#define NOW_NS (FIXTURE_START_NS + STORE__DAY_NS)
#define MANY   1100 /* more than are read at once */

static void
enter(struct fixture *fx, const char *action, const char *detail)
{
	struct store_ledger_entry entry = { .time_ns = NOW_NS };

	snprintf(entry.action, sizeof(entry.action), "%s", action);
	snprintf(entry.actor, sizeof(entry.actor), "alice");
	snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
}

static void
enter_many(struct fixture *fx)
{
	struct store_ledger_entry entry = { .time_ns = NOW_NS };

	assert_int_equal(store_batch_begin(fx->archive), 0);
	snprintf(entry.action, sizeof(entry.action), "verify");
	for (int i = 0; i < MANY; i++)
		assert_int_equal(store_ledger_put(fx->archive, &entry), 0);
	assert_int_equal(store_batch_commit(fx->archive), 0);
}

static uint64_t
waiting(struct fixture *fx, const struct store_backup_state *state)
{
	uint64_t count;

	assert_int_equal(
	    store_deletions_since(fx->archive, state->told, &count), 0);
	return count;
}

static void
purge(struct fixture *fx, const struct store_segment *s)
{
	assert_int_equal(
	    store_purge(fx->archive, s->id, NOW_NS, "clock", "due"), 0);
}

static void
test_there(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s[3];
	struct store_backup_state seen = { .made_ns = 5, .told = 7 };
	struct store_backup_result result;
	char dir[512];
	const struct store_backup_config config = { .dir = dir,
						    .now_ns = NOW_NS };

	snprintf(dir, sizeof(dir), "%s/backup", fx->home);
	for (unsigned i = 0; i < 3; i++)
		fixture_record(fx, &s[i], i, 1200);
	assert_int_equal(store_backup_look(fx->archive, dir, &seen), -ENOENT);
	assert_int_equal(seen.made_ns, 5);
	assert_int_equal(seen.told, 7);
	purge(fx, &s[0]);
	assert_int_equal(store_backup_make(fx->archive, &config, &result), 0);
	assert_int_equal(store_backup_look(fx->archive, dir, &seen), 0);
	assert_true(seen.made_ns > NOW_NS);
	assert_int_equal(waiting(fx, &seen), 0);
	enter_many(fx);
	purge(fx, &s[1]);
	assert_int_equal(store_backup_look(fx->archive, dir, &seen), 0);
	assert_int_equal(waiting(fx, &seen), 1);
	assert_int_equal(
	    store_backup_follow(fx->archive, dir, NULL, NOW_NS, &result), 0);
	purge(fx, &s[2]);
	assert_int_equal(store_backup_look(fx->archive, dir, &seen), 0);
	assert_int_equal(waiting(fx, &seen), 1);
	/* that of another archive */
	store_archive_close(&fx->archive);
	snprintf(fx->dir, sizeof(fx->dir), "%s/other", fx->home);
	assert_int_equal(store_archive_create(fx->dir, &fx->pub, 1), 0);
	fixture_open(fx);
	assert_int_equal(store_backup_look(fx->archive, dir, &seen), -ESTALE);
}

static void
test_by_ledger(void **state)
{
	struct fixture *fx = *state;
	struct store_segment s[2];
	struct store_backup_state seen = { .told = 7 };
	struct store_ledger_entry head;

	for (unsigned i = 0; i < 2; i++)
		fixture_record(fx, &s[i], i, 1200);
	assert_int_equal(store_backup_last(fx->archive, NULL, 0, &seen),
			 -ENOENT);
	assert_int_equal(seen.told, 7);
	enter(fx, "backup", "begun: /mnt/a, number 7");
	assert_int_equal(store_ledger_head(fx->archive, &head), 0);
	purge(fx, &s[0]);
	enter(fx, "backup",
	      "done: /mnt/a, number 7, number 1, 2 recordings, 0 damaged");
	enter(fx, "backup", "begun: /mnt/b");
	enter_many(fx);
	assert_int_equal(store_backup_last(fx->archive, NULL, 0, &seen), 0);
	assert_string_equal(seen.dir, "/mnt/a, number 7");
	assert_int_equal(seen.made_ns, NOW_NS);
	/* what is deleted while it is made may be in it */
	assert_int_equal(seen.told, head.number);
	assert_int_equal(waiting(fx, &seen), 1);
	purge(fx, &s[1]);
	assert_int_equal(waiting(fx, &seen), 2);
	assert_int_equal(store_backup_last(fx->archive, "/mnt/b", 0, &seen),
			 -ENOENT);
	assert_int_equal(
	    store_backup_last(fx->archive, "/mnt/a, number 7", 0, &seen), 0);
	assert_int_equal(
	    store_backup_last(fx->archive, NULL, head.number + 2, &seen),
	    -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_by_ledger, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
