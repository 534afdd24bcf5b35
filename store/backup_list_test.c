/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is in a backup, read as if a stranger had written it. */
#include "cmd/testing/testing.h"
#include "store/backup_fixture_priv.h"

static void
test_texts(void **state)
{
	struct store__manifest m = { .generation = 7, .ledger = 3 }, again;
	struct store__day_list list = { .day = FIXTURE_DAY }, other;
	struct store__kept kept = { .day = FIXTURE_DAY, .slot = 4, .bytes = 9 };
	uint8_t hash[STORE_HASH_BYTES] = { 1 };
	uint32_t day;
	char *text, *copy;
	size_t n;

	(void)state;
	assert_int_equal(store__manifest_add(&m, "7/index/data.mdb", 12, hash),
			 0);
	assert_int_equal(store__manifest_add(&m, "days/2019-03-28.7", 1, hash),
			 0);
	assert_int_equal(store__manifest_text(&m, &text, &n), 0);
	for (size_t i = 0; i <= n; i++) {
		copy = testing_copy(text, i);
		assert_int_equal(store__manifest_parse(&again, copy, i),
				 i == n ? 0 : -EBADMSG);
		free(copy);
	}
	assert_int_equal(again.generation, 7);
	assert_int_equal(again.count, 2);
	store__manifest_fini(&again);
	store__manifest_fini(&m);
	free(text);
	assert_true(store__day_path_parse("days/2019-03-28.7", &day));
	assert_int_equal(day, FIXTURE_DAY);
	assert_false(store__day_path_parse("days/2019-03-28.07", &day));
	assert_false(store__day_path_parse("days/2019-03-28", &day));
	/* No way out of the folder. */
	assert_int_equal(store__manifest_add(&m, "../x", 1, hash), 0);
	m.generation = 1;
	assert_int_equal(store__manifest_text(&m, &text, &n), 0);
	assert_int_equal(store__manifest_parse(&again, text, n), -EBADMSG);
	free(text);
	store__manifest_fini(&m);
	snprintf(kept.id, sizeof(kept.id), "20190328T141503Z-aaaaaaaa-1");
	assert_int_equal(store__day_add(&list, &kept), 0);
	snprintf(kept.id, sizeof(kept.id), "20190328T141503Z-bbbbbbbb-1");
	assert_int_equal(store__day_add(&list, &kept), 0);
	assert_int_equal(store__day_text(&list, &text, &n), 0);
	for (size_t i = 1; i <= n; i++) {
		int r;

		copy = testing_copy(text, i);
		r = store__day_parse(&other, FIXTURE_DAY, copy, i);
		assert_int_equal(r, i == n || i == n / 2 ? 0 : -EBADMSG);
		free(copy);
		if (r == 0)
			store__day_fini(&other);
	}
	store__day_fini(&list);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
