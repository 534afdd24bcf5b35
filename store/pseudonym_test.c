/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in the ledger for numbers, and what is left when its key goes. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"
#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DAY_NS (86400 * NS_PER_S)
#define NUMBER "+441495123401"

static int
setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fixture_init(fx);
	*state = fx;
	return 0;
}

static int
teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static uint8_t *
file_bytes(struct fixture *fx, size_t *n)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/pseudonyms", fx->dir);
	return testing_read_file(path, n);
}

static void
test_name(void **state)
{
	struct fixture *fx = *state;
	char a[STORE_PSEUDONYM_BYTES], b[STORE_PSEUDONYM_BYTES];

	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, a), 0);
	assert_int_equal(strlen(a), sizeof(a) - 1);
	assert_memory_equal(a, "n-", 2);
	/* The same of the same month, also later and for who only reads. */
	assert_int_equal(store_pseudonym(fx->archive,
					 FIXTURE_START_NS + 3 * DAY_NS, NUMBER,
					 b),
			 0);
	assert_string_equal(a, b);
	store_archive_close(&fx->archive);
	assert_int_equal(store_archive_open(&fx->archive, fx->dir, STORE_READ,
					    &fixture_config, NULL),
			 0);
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, b), 0);
	assert_string_equal(a, b);
	assert_int_equal(store_pseudonym(fx->archive,
					 FIXTURE_START_NS + 5 * DAY_NS, NUMBER,
					 b),
			 -ENOENT);
	assert_string_equal(b, "");
	assert_int_equal(store_pseudonyms_forget(fx->archive, INT64_MAX),
			 -EROFS);
	store_archive_close(&fx->archive);
	fixture_open(fx);
	/* Another of another number, and of another month. */
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, "2041", b), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(store_pseudonym(fx->archive,
					 FIXTURE_START_NS + 5 * DAY_NS, NUMBER,
					 b),
			 0);
	assert_string_not_equal(a, b);
}

/** The key is in no file any more; the month after it has its own still. */
static void
test_forget(void **state)
{
	struct fixture *fx = *state;
	char a[STORE_PSEUDONYM_BYTES], b[STORE_PSEUDONYM_BYTES],
	    april[STORE_PSEUDONYM_BYTES];
	const int64_t april_ns = FIXTURE_START_NS + 5 * DAY_NS;
	uint8_t *before, *after, key[32];
	size_t n;

	assert_int_equal(store_pseudonyms_forget(fx->archive, april_ns), 0);
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, a), 0);
	assert_int_equal(store_pseudonym(fx->archive, april_ns, NUMBER, april),
			 0);
	before = file_bytes(fx, &n);
	assert_int_equal(n, 128);
	memcpy(key, before + 8, sizeof(key));
	free(before);
	/* Not while the month goes on. */
	assert_int_equal(
	    store_pseudonyms_forget(fx->archive, FIXTURE_START_NS + 3 * DAY_NS),
	    0);
	assert_int_equal(store_pseudonyms_forget(fx->archive, april_ns), 1);
	assert_int_equal(store_pseudonyms_forget(fx->archive, april_ns), 0);
	after = file_bytes(fx, &n);
	assert_null(memmem(after, n, key, 8));
	assert_null(memmem(after, n, key + 24, 8));
	free(after);
	assert_int_equal(store_pseudonym(fx->archive, april_ns, NUMBER, b), 0);
	assert_string_equal(april, b);
	/* An entry of that month gets a key of its own: nothing leads back. */
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, b), 0);
	assert_string_not_equal(a, b);
}

/** A crash in the middle of a slot. */
static void
test_torn(void **state)
{
	struct fixture *fx = *state;
	char path[512], a[STORE_PSEUDONYM_BYTES], b[STORE_PSEUDONYM_BYTES];
	uint8_t *bytes;
	size_t n;

	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, a), 0);
	snprintf(path, sizeof(path), "%s/pseudonyms", fx->dir);
	assert_int_equal(truncate(path, 40), 0);
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, b), 0);
	assert_string_not_equal(a, b);
	bytes = file_bytes(fx, &n);
	assert_int_equal(n, 64);
	free(bytes);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, NUMBER, a),
	    -EBADMSG);
}

static void
enter(struct fixture *fx, const char *id, const char *detail,
      struct store_ledger_entry *entry)
{
	*entry = (struct store_ledger_entry){ .time_ns = FIXTURE_START_NS,
					      .action = "export",
					      .actor = "alice" };
	snprintf(entry->subject, sizeof(entry->subject), "%s", id);
	snprintf(entry->detail, sizeof(entry->detail), "%s", detail);
	assert_int_equal(store_ledger_append(fx->archive, entry), 0);
	assert_int_equal(store_ledger_head(fx->archive, entry), 0);
}

static void
pseudonym(struct fixture *fx, const char *number,
	  char text[STORE_PSEUDONYM_BYTES])
{
	assert_int_equal(
	    store_pseudonym(fx->archive, FIXTURE_START_NS, number, text), 0);
}

/** What people type names who called: not in the ledger. */
static void
test_hidden(void **state)
{
	struct fixture *fx = *state;
	char wanted[256], number[STORE_PSEUDONYM_BYTES],
	    extension[STORE_PSEUDONYM_BYTES], name[STORE_PSEUDONYM_BYTES],
	    other[STORE_PSEUDONYM_BYTES];
	struct store_ledger_entry entry;
	struct store_segment s;
	char longest[256];

	fixture_segment(&s, 1);
	snprintf(s.from_name, sizeof(s.from_name), "Ann Smith");
	snprintf(s.others, sizeof(s.others), "7700900111\n7700900222");
	fixture_put(fx, &s);
	pseudonym(fx, s.from, number);
	pseudonym(fx, "2041", extension);
	pseudonym(fx, "Ann Smith", name);
	pseudonym(fx, "7700900222", other);
	enter(fx, s.id,
	      "to /home/alice/Ann Smith/+441495123401-2041.wav, case 12041, "
	      "7700900222",
	      &entry);
	snprintf(wanted, sizeof(wanted),
		 "to /home/alice/%s/%s-%s.wav, case 12041, %s", name, number,
		 extension, other);
	assert_string_equal(entry.detail, wanted);
	/* Of another call nothing is known. */
	enter(fx, "20190328T141503Z-aaaaaaaa-1", "2041", &entry);
	assert_string_equal(entry.detail, "2041");
	enter(fx, "", "2041", &entry);
	assert_string_equal(entry.detail, "2041");
	/* Longer than there is room: cut at its end. */
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "2041 2041 ", 10);
	memcpy(longest + 246, " 2041 213", 10);
	enter(fx, s.id, longest, &entry);
	assert_int_equal(strlen(entry.detail), sizeof(entry.detail) - 1);
	assert_null(strstr(entry.detail, "2041"));
	memset(longest + 200, '\0', 4);
	memcpy(longest + 190, " 2041", 6);
	enter(fx, s.id, longest, &entry);
	assert_null(strstr(entry.detail, "2041"));
	assert_string_equal(
	    entry.detail + strlen(entry.detail) - strlen(extension), extension);
	/* And the chain is whole. */
	{
		struct store_audit audit;

		assert_int_equal(store_audit_verify(fx->archive, NULL, 0, NULL,
						    NULL, &audit),
				 0);
		assert_int_equal(audit.findings, 0);
		assert_true(store_pseudonyms_forget(fx->archive, INT64_MAX) >
			    0);
		assert_int_equal(store_audit_verify(fx->archive, NULL, 0, NULL,
						    NULL, &audit),
				 0);
		assert_int_equal(audit.findings, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_name),
		TEST(test_forget),
		TEST(test_torn),
		TEST(test_hidden),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
