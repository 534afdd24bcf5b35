/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain: append, walk, and what tampering does to it. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>

#define ENTRIES 5

static int
setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fixture_init(fx);
	*state = fx;
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct store_ledger_entry entry = { .time_ns = 100 + i,
						    .action = "play",
						    .subject = "c-1",
						    .actor = "eve" };

		snprintf(entry.detail, sizeof(entry.detail), "time %u", i);
		if (store_ledger_append(fx->archive, &entry) ||
		    entry.number != i + 1)
			return -1;
	}
	return 0;
}

static int
teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

struct walked {
	unsigned count;
	struct store_ledger_entry last;
};

static int
walk_one(void *ctx, const struct store_ledger_entry *entry)
{
	struct walked *walked = ctx;

	assert_int_equal(entry->number, walked->count + 1);
	assert_memory_equal(entry->previous, walked->last.hash,
			    STORE_HASH_BYTES);
	walked->last = *entry;
	walked->count++;
	return 0;
}

static void
expect_walk(struct fixture *fx, int r, unsigned count)
{
	struct walked walked = { 0 };

	assert_int_equal(store_ledger_walk(fx->archive, walk_one, &walked), r);
	assert_int_equal(walked.count, count);
}

static void
number_key(uint8_t bytes[8], MDB_val *key, uint64_t number)
{
	store__be_put(bytes, number, 8);
	*key = (MDB_val){ .mv_size = 8, .mv_data = bytes };
}

/** Write the value of an entry behind the ledger's back. */
static void
forge(struct fixture *fx, uint64_t number, const void *value, size_t n)
{
	MDB_val key, v = { .mv_size = n, .mv_data = (void *)value };
	uint8_t bytes[8];
	MDB_txn *txn;

	number_key(bytes, &key, number);
	assert_int_equal(store__write_begin(fx->archive, &txn), 0);
	if (value)
		assert_int_equal(
		    mdb_put(txn, fx->archive->tables.ledger, &key, &v, 0), 0);
	else
		assert_int_equal(
		    mdb_del(txn, fx->archive->tables.ledger, &key, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

static uint8_t *
peek(struct fixture *fx, uint64_t number, size_t *n)
{
	MDB_val key, value;
	uint8_t bytes[8], *copy;
	MDB_txn *txn;

	number_key(bytes, &key, number);
	assert_int_equal(store__read_begin(fx->archive, &txn), 0);
	assert_int_equal(mdb_get(txn, fx->archive->tables.ledger, &key, &value),
			 0);
	*n = value.mv_size;
	copy = testing_copy(value.mv_data, value.mv_size);
	store__read_end(fx->archive, txn);
	return copy;
}

static void
test_walk(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry head;
	struct walked walked = { 0 };

	assert_int_equal(store_ledger_walk(fx->archive, walk_one, &walked), 0);
	assert_int_equal(walked.count, ENTRIES);
	assert_string_equal(walked.last.action, "play");
	assert_string_equal(walked.last.subject, "c-1");
	assert_string_equal(walked.last.actor, "eve");
	assert_string_equal(walked.last.detail, "time 4");
	assert_int_equal(walked.last.time_ns, 104);
	assert_int_equal(store_ledger_head(fx->archive, &head), 0);
	assert_memory_equal(&head, &walked.last, sizeof(head));
	/* It goes on where it stopped. */
	store_archive_close(&fx->archive);
	fixture_open(fx);
	assert_int_equal(store_ledger_append(fx->archive, &head), 0);
	expect_walk(fx, 0, ENTRIES + 1);
}

/** The entry of store/FORMAT.md, byte for byte. */
static void
test_example(void **state)
{
	static const char example[] =
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "b60d4915fc9eec91aa45582ca0fdb23ec44382935a0c8ed0bc35014bf1a891e5"
	    "0101080000a01c6c39259015020400706c6179031b0032303139303332385431"
	    "34313530335a2d6b3771326d7834702d31040500616c696365050f0070757270"
	    "6f7365207175616c697479";
	struct fixture *fx = *state;
	struct store_ledger_entry entry = {
		.time_ns = INT64_C(1553782800000000000),
		.action = "play",
		.subject = "20190328T141503Z-k7q2mx4p-1",
		.actor = "alice",
		.detail = "purpose quality",
	};
	uint8_t *value;
	char hex[512];
	size_t n;

	for (uint64_t i = 1; i <= ENTRIES; i++)
		forge(fx, i, NULL, 0);
	assert_int_equal(store_ledger_append(fx->archive, &entry), 0);
	assert_int_equal(entry.number, 1);
	value = peek(fx, 1, &n);
	store_hex(hex, value, n);
	assert_string_equal(hex, example);
	free(value);
	expect_walk(fx, 0, 1);
}

static void
test_empty(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry head;

	for (uint64_t i = 1; i <= ENTRIES; i++)
		forge(fx, i, NULL, 0);
	expect_walk(fx, 0, 0);
	assert_int_equal(store_ledger_head(fx->archive, &head), -ENOENT);
}

/** Every bit of an entry: the chain is broken there, not before. */
static void
test_edit(void **state)
{
	struct fixture *fx = *state;
	uint8_t *value;
	size_t n;

	value = peek(fx, 3, &n);
	for (size_t i = 0; i < n; i += 3) {
		value[i] ^= 0x10;
		forge(fx, 3, value, n);
		expect_walk(fx, -EBADMSG, 2);
		value[i] ^= 0x10;
	}
	forge(fx, 3, value, n - 1);
	expect_walk(fx, -EBADMSG, 2);
	forge(fx, 3, value, 10);
	expect_walk(fx, -EBADMSG, 2);
	forge(fx, 3, value, n);
	expect_walk(fx, 0, ENTRIES);
	free(value);
}

/** An edit with its own hash put right breaks at the next entry. */
static void
test_edit_with_hash(void **state)
{
	struct fixture *fx = *state;
	crypto_generichash_state hash;
	uint8_t *value, number[8];
	size_t n;

	value = peek(fx, 3, &n);
	value[n - 1] ^= 1;
	store__le_put(number, 3, 8);
	crypto_generichash_init(&hash, NULL, 0, STORE_HASH_BYTES);
	crypto_generichash_update(&hash, number, 8);
	crypto_generichash_update(&hash, value, STORE_HASH_BYTES);
	crypto_generichash_update(&hash, value + 2 * STORE_HASH_BYTES,
				  n - 2 * STORE_HASH_BYTES);
	crypto_generichash_final(&hash, value + STORE_HASH_BYTES,
				 STORE_HASH_BYTES);
	forge(fx, 3, value, n);
	expect_walk(fx, -EBADMSG, 3);
	free(value);
}

static void
test_delete(void **state)
{
	struct fixture *fx = *state;

	forge(fx, 2, NULL, 0);
	expect_walk(fx, -EBADMSG, 1);
}

static void
test_delete_first(void **state)
{
	struct fixture *fx = *state;

	forge(fx, 1, NULL, 0);
	expect_walk(fx, -EBADMSG, 0);
}

static void
test_reorder(void **state)
{
	struct fixture *fx = *state;
	uint8_t *a, *b;
	size_t an, bn;

	a = peek(fx, 2, &an);
	b = peek(fx, 3, &bn);
	forge(fx, 2, b, bn);
	forge(fx, 3, a, an);
	expect_walk(fx, -EBADMSG, 1);
	free(a);
	free(b);
}

/** A chain cut at its end is whole; the anchor knows better. */
static void
test_truncate(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry anchor, head;

	assert_int_equal(store_ledger_head(fx->archive, &anchor), 0);
	forge(fx, ENTRIES, NULL, 0);
	expect_walk(fx, 0, ENTRIES - 1);
	assert_int_equal(store_ledger_head(fx->archive, &head), 0);
	assert_int_not_equal(head.number, anchor.number);
	assert_memory_not_equal(head.hash, anchor.hash, STORE_HASH_BYTES);
	/* Written anew, even the same: the times differ, and so the hash. */
	head.time_ns = 999;
	assert_int_equal(store_ledger_append(fx->archive, &head), 0);
	assert_int_equal(head.number, anchor.number);
	assert_memory_not_equal(head.hash, anchor.hash, STORE_HASH_BYTES);
}

/** Nothing is appended to a chain whose last entry is damaged. */
static void
test_append_to_damaged(void **state)
{
	struct fixture *fx = *state;
	struct store_ledger_entry entry = { .action = "play" };

	forge(fx, ENTRIES, "nonsense", 8);
	assert_int_equal(store_ledger_append(fx->archive, &entry), -EBADMSG);
	assert_int_equal(store_ledger_head(fx->archive, &entry), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_walk),           TEST(test_example),
		TEST(test_empty),          TEST(test_edit),
		TEST(test_edit_with_hash), TEST(test_delete),
		TEST(test_delete_first),   TEST(test_reorder),
		TEST(test_truncate),       TEST(test_append_to_damaged),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
