/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is due when: where due times are out of order, where the policy of then
 * has the word, and where something cannot be deleted. */
#include "cmd/spanrec/fixture_priv.h"

/* Take the default policy, with other classes and settings. */
static void
set_policy(const struct fixture *f, const char *retention)
{
	char path[512], *text, *at, *changed;
	static const char old[] = "  standard: {max: 90 days}\n";
	size_t n;

	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	text = (char *)testing_read_file(path, &n);
	text = realloc(text, n + 1);
	assert_non_null(text);
	text[n] = '\0';
	at = strstr(text, old);
	assert_non_null(at);
	n = strlen(text) + strlen(retention);
	changed = malloc(n);
	assert_non_null(changed);
	snprintf(changed, n, "%.*s%s%s", (int)(at - text), text, retention,
		 at + strlen(old));
	testing_write_file(path, changed, strlen(changed));
	free(changed);
	free(text);
}

/* UTC */
#define AT_30_AUG (INT64_C(1756573200) * SECOND) /* 2025-08-30 17:00 */
#define AT_31_AUG (INT64_C(1756627200) * SECOND) /* 2025-08-31 08:00 */
#define AT_FIRST  (INT64_C(1761439800) * SECOND) /* 2025-10-26 00:50 */
#define AT_SECOND (INT64_C(1761441000) * SECOND) /* 2025-10-26 01:10 */
#define AT_15_JAN (INT64_C(1768478400) * SECOND) /* 2026-01-15 12:00 */
#define AT_31_JAN (INT64_C(1769860800) * SECOND) /* 2026-01-31 12:00 */

static void
begin_30_aug(struct store_segment *segment)
{
	segment->call_start_ns = AT_30_AUG;
}

static void
begin_31_aug(struct store_segment *segment)
{
	segment->call_start_ns = AT_31_AUG;
}

static void
begin_first(struct store_segment *segment)
{
	segment->call_start_ns = AT_FIRST;
}

static void
begin_second(struct store_segment *segment)
{
	segment->call_start_ns = AT_SECOND;
}

static void
begin_15_jan(struct store_segment *segment)
{
	segment->call_start_ns = AT_15_JAN;
	snprintf(segment->retention, sizeof(segment->retention), "bygone");
}

static void
begin_31_jan(struct store_segment *segment)
{
	segment->call_start_ns = AT_31_JAN;
	snprintf(segment->retention, sizeof(segment->retention), "bygone");
}

/* Three segments of 2019 are always due; is the later of two calls, which is
 * due before the earlier one? */
static void
assert_later_only(const struct fixture *f, const char *retention,
		  void (*earlier)(struct store_segment *),
		  void (*later)(struct store_segment *), const char *as_of)
{
	char first[STORE_SEGMENT_ID_BYTES], second[STORE_SEGMENT_ID_BYTES];
	char *output;

	snprintf(first, sizeof(first), "%.27s-1", f->call[0]);
	snprintf(second, sizeof(second), "%.27s-1", f->call[1]);
	set_policy(f, retention);
	edit(f, first, earlier);
	edit(f, second, later);
	output = run(f, NOW, EXIT_DONE, "purge --dry-run --as-of %s", as_of);
	assert_has(output, "2 recordings would be deleted");
	assert_has(output, second);
	assert_has_not(output, first);
	free(output);
}

/* Six months after both is 28 February, at 18:00 and at 09:00. */
static void
test_months_clamped(void **state)
{
	assert_later_only(*state, "  standard: {max: 6 months}\n", begin_30_aug,
			  begin_31_aug, "2026-02-28T09:30");
}

/* 01:50 in summer time comes before 01:10 in winter time. */
static void
test_clocks_back(void **state)
{
	assert_later_only(*state, "  standard: {max: 6 months}\n", begin_first,
			  begin_second, "2026-04-26T00:20Z");
}

/*
 * A class that is gone gets the shortest ceiling above the longest floor. A
 * month from 15 January is longer than 30 days, from 31 January it is not.
 */
static void
test_class_vanished(void **state)
{
	assert_later_only(*state,
			  "  standard: {max: 30 days}\n"
			  "  long: {min: 1 month, max: 6 months}\n",
			  begin_15_jan, begin_31_jan, "2026-03-03");
}

/* ---- the policy of then ------------------------------------------------ */

static const char policy_long[] =
    "version: 1\n"
    "organisation: {name: there, time_zone: UTC}\n"
    "access: {owner: [somebody]}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44}\n"
    "retention: {special: {max: 10 years}}\n"
    "metadata: {max: 11 years}\n"
    "rules:\n"
    "  - {name: all, match: {direction: [in]}, decision: record,\n"
    "     retention: special}\n";

static const char policy_short[] =
    "version: 1\n"
    "organisation: {name: there, time_zone: UTC}\n"
    "access: {owner: [somebody]}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44}\n"
    "retention: {special: {max: 20 days}}\n"
    "metadata: {max: 1 month}\n"
    "rules:\n"
    "  - {name: all, match: {direction: [in]}, decision: record,\n"
    "     retention: special}\n";

static void
keep(const struct fixture *f, const char *text, char path[512])
{
	struct store_archive *archive;
	uint8_t hash[STORE_HASH_BYTES];
	char name[2 * STORE_HASH_BYTES + 1];

	snprintf(path, 512, "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(
	    store_archive_keep_policy(archive, text, strlen(text), hash), 0);
	store_archive_close(&archive);
	store_hex(name, hash, sizeof(hash));
	snprintf(path, 512, "%s/archive/policy/%s.yaml", f->home, name);
}

static void
decide_long(struct store_segment *segment)
{
	snprintf(segment->retention, sizeof(segment->retention), "special");
	store_hash(segment->policy, policy_long, strlen(policy_long));
}

static void
decide_short(struct store_segment *segment)
{
	snprintf(segment->retention, sizeof(segment->retention), "special");
	store_hash(segment->policy, policy_short, strlen(policy_short));
}

/* A recorder with another policy than the home's: that one holds for what it
 * decided, wherever a clock is shown. */
static void
test_policy_of_then(void **state)
{
	const struct fixture *f = *state;
	const int64_t soon = TESTING_CALL_A_NS + 30 * DAY;
	const int64_t late = TESTING_CALL_A_NS + 365 * DAY;
	char a1[STORE_SEGMENT_ID_BYTES], a2[STORE_SEGMENT_ID_BYTES];
	char b[STORE_SEGMENT_ID_BYTES], path[512], *output;

	snprintf(a1, sizeof(a1), "%.27s-1", f->call[0]);
	snprintf(a2, sizeof(a2), "%.27s-2", f->call[0]);
	snprintf(b, sizeof(b), "%.27s-1", f->call[1]);
	keep(f, policy_short, path);
	keep(f, policy_long, path);
	edit(f, a1, decide_long);
	edit(f, a2, decide_short);
	edit(f, b, decide_long);

	output = run(f, NOW, EXIT_DONE, "show %s --json", a1);
	assert_has(output, "\"ceiling\":\"2029-03-28T14:15:03.000Z\"");
	assert_has(output, "\"due\":\"2029-03-28T14:05:03.000Z\"");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --json");
	assert_has(output, "\"due\":\"2019-04-17T14:05:03.000Z\"");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s", a1);
	assert_has(output, "special (of the policy that decided)");
	assert_has(output, "2029-03-28");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", a1);
	unwrap(output);
	assert_has(output, "is not in the policy of today");
	assert_has(output, "2029-03-28");
	free(output);

	/* one of the short ones, and no other */
	output = run(f, soon, EXIT_DONE, "purge");
	assert_has(output, "1 segment deleted, 1 with audio, 48000 bytes");
	free(output);
	output = run(f, late, EXIT_DONE, "purge");
	assert_has(output, "2 segments deleted, 0 with audio, 0 bytes");
	free(output);
	/* notes go by the policy of today: 24 months, not one */
	output = run(f, late, EXIT_DONE, "why %s", a2);
	assert_has(output, "It was deleted");
	assert_has(output, "This entry goes on 2021-03-28");
	free(output);

	/* not the file that it was; then it is not there at all */
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, policy_short, strlen(policy_short));
	output = run(f, late, EXIT_DONE, "purge --dry-run");
	assert_has(output, "2 recordings would be deleted");
	free(output);
	assert_int_equal(unlink(path), 0);
	output = run(f, NOW, EXIT_DONE, "why %s", a1);
	unwrap(output);
	assert_has(output, "is not in the policy any more");
	free(output);
	output = run(f, late, EXIT_DONE, "purge");
	assert_has(output, "2 segments deleted, 2 with audio");
	free(output);
}

/* ---- what cannot be deleted -------------------------------------------- */

/* A folder where the recording was cannot be unlinked. */
static void
test_one_fails(void **state)
{
	const struct fixture *f = *state;
	const int64_t late = TESTING_CALL_A_NS + 1000 * DAY;
	char path[512], *output;

	snprintf(path, sizeof(path), "%s/archive/audio/2019/03/28/%s-1.rec",
		 f->home, f->call[0]);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	output = run(f, late, EXIT_FAILED, "purge");
	/* counted is what is gone; the notes of the others go at once, too */
	assert_has(output, "4 segments deleted, 2 with audio, 80000 bytes");
	assert_has(output, "2 errors: not all that is due is gone");
	assert_has(output, "4 notes of deleted calls removed");
	free(output);
}

static void
name_class(struct store_segment *segment)
{
	snprintf(segment->retention, sizeof(segment->retention), "afflicted");
}

/* A row whose bytes make no sense: longer than it is, it says of its class. */
static void
test_a_row_is_damaged(void **state)
{
	static const char sound[] = "\x09\0afflicted";
	const struct fixture *f = *state;
	const int64_t due = TESTING_CALL_A_NS + 100 * DAY;
	char id[STORE_SEGMENT_ID_BYTES], path[512], *output;
	uint8_t *bytes, *at;
	size_t n, changed = 0;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, name_class);
	snprintf(path, sizeof(path), "%s/archive/index/data.mdb", f->home);
	bytes = testing_read_file(path, &n);
	for (at = bytes; (at = memmem(at, n - (size_t)(at - bytes), sound,
				      sizeof(sound) - 1));
	     at += 2) {
		memset(at, 0xFF, 2);
		changed++;
	}
	assert_true(changed > 0);
	testing_write_file(path, bytes, n);
	free(bytes);

	/* "afflicted" is looked at before "standard"; in it this one comes
	 * behind the damaged row */
	snprintf(id, sizeof(id), "%.27s-1", f->call[2]);
	edit(f, id, name_class);
	output = run(f, due, EXIT_DAMAGED, "purge");
	assert_has(output, "4 segments deleted, 2 with audio, 94400 bytes");
	assert_has(output, "1 error: not all that is due is gone");
	free(output);
	/* what is not shown is told, and nobody takes it for "not there" */
	output = run(f, due, EXIT_DAMAGED, "list --json");
	assert_has(output, f->call[0]);
	assert_has_not(output, f->call[1]);
	free(output);
	free(run(f, due, EXIT_DAMAGED, "show %s", f->call[1]));
	free(run(f, due, EXIT_DAMAGED, "verify"));
}

/* ---- the clock --------------------------------------------------------- */

static const char *const wants_server = "  standard: {max: 90 days}\n"
					"clock: {synchronised: required}\n";

/* 90 days and more after the calls. */
#define DUE (TESTING_CALL_A_NS + 91 * DAY)

/* Purge by a clock of a machine that was just started. */
static char *
purge_by(struct fixture *f, int64_t wall_ns, uint8_t boot, bool synchronised,
	 int expected, const char *command)
{
	struct guard_reading clock = { .wall_ns = wall_ns,
				       .boottime_ns = 60 * SECOND,
				       .synchronised = synchronised };
	char *output;

	memset(clock.boot, boot, sizeof(clock.boot));
	f->clock = &clock;
	output = run(f, wall_ns, expected, "%s", command);
	f->clock = NULL;
	return output;
}

static void
test_clock_is_ahead(void **state)
{
	struct fixture *f = *state;
	char *output;

	free(purge_by(f, NOW, 1, false, EXIT_DONE, "purge"));
	output = run(f, NOW + 5 * SECOND, EXIT_NOT_FOUND, "status");
	assert_has(output, "Purge      last ended well 2019-03-30");
	assert_has_not(output, "Warning");
	free(output);
	output = run(f, NOW + 3600 * SECOND, EXIT_NOT_FOUND, "status");
	assert_has(output, "no purge has ended well for 60 minutes");
	free(output);

	/* three months later, after a start, and nobody says that it is so */
	output = purge_by(f, DUE, 2, false, EXIT_FAILED, "purge");
	assert_string_equal(output, "");
	free(output);
	output = run(f, DUE, EXIT_NOT_FOUND, "status");
	assert_has(output, "the clock is far ahead");
	assert_has(output, "last ended well 2019-03-30");
	free(output);
	output = run(f, DUE, EXIT_DONE, "list --json");
	assert_has_not(output, "\"state\":\"purged\"");
	free(output);
	/* seeing what would go is free */
	output = purge_by(f, DUE, 2, false, EXIT_DONE, "purge --dry-run");
	assert_has(output, "would be deleted");
	/* by a clock that would delete nothing */
	assert_has(output, "a purge would delete nothing now: the clock ");
	free(output);

	output =
	    purge_by(f, DUE, 2, false, EXIT_DONE, "purge --clock-is-right");
	assert_has(output, "5 segments deleted");
	free(output);
	output = run(f, DUE, EXIT_NOT_FOUND, "status");
	assert_has_not(output, "Warning");
	free(output);
	/* and from then on */
	free(purge_by(f, DUE + DAY, 3, false, EXIT_DONE, "purge"));
}

static int
find_entry(void *ctx, const struct store_ledger_entry *entry)
{
	if (strcmp(entry->action, "clock") == 0)
		++*(unsigned *)ctx;
	return 0;
}

static void
test_clock_is_confirmed_in_the_ledger(void **state)
{
	struct fixture *f = *state;
	struct store_archive *archive;
	unsigned found = 0;
	char path[512];

	free(purge_by(f, NOW, 1, false, EXIT_DONE, "purge"));
	free(purge_by(f, NOW - DAY, 1, false, EXIT_FAILED, "purge"));
	free(purge_by(f, NOW - DAY, 1, false, EXIT_DONE,
		      "purge --clock-is-right"));
	free(purge_by(f, NOW - DAY, 2, false, EXIT_DONE, "purge"));
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_READ, NULL, NULL), 0);
	assert_int_equal(store_ledger_walk(archive, find_entry, &found), 0);
	store_archive_close(&archive);
	assert_int_equal(found, 1);
}

/* A time server says that three months have passed: nobody is needed. */
static void
test_a_time_server_is_enough(void **state)
{
	struct fixture *f = *state;
	char *output;

	free(purge_by(f, NOW, 1, true, EXIT_DONE, "purge"));
	output = purge_by(f, DUE, 2, true, EXIT_DONE, "purge");
	assert_has(output, "5 segments deleted");
	free(output);
}

static void
test_the_policy_wants_a_time_server(void **state)
{
	struct fixture *f = *state;
	char *output;

	set_policy(f, wants_server);
	free(purge_by(f, DUE, 1, false, EXIT_FAILED, "purge"));
	free(purge_by(f, DUE, 1, false, EXIT_FAILED, "purge --clock-is-right"));
	output = run(f, DUE, EXIT_NOT_FOUND, "status");
	assert_has(output, "the policy wants a clock that is synchronised");
	free(output);
	output = purge_by(f, DUE, 1, true, EXIT_DONE, "purge");
	assert_has(output, "5 segments deleted");
	free(output);
	output = run(f, DUE, EXIT_DONE, "policy explain");
	assert_has(output, "while no time server keeps the clock");
	free(output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_months_clamped),
		FIXTURE_TEST(test_clocks_back),
		FIXTURE_TEST(test_class_vanished),
		FIXTURE_TEST(test_policy_of_then),
		FIXTURE_TEST(test_one_fails),
		FIXTURE_TEST(test_a_row_is_damaged),
		FIXTURE_TEST(test_clock_is_ahead),
		FIXTURE_TEST(test_clock_is_confirmed_in_the_ledger),
		FIXTURE_TEST(test_a_time_server_is_enough),
		FIXTURE_TEST(test_the_policy_wants_a_time_server),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
