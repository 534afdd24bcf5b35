/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tampering with the ledger in every way that the index allows, at random, and
 * what is found of it. All of it happens in a batch that is not committed, so
 * that the ledger is whole again for the next.
 */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"
#include "store/audit.h"

#include <errno.h>
#include <unistd.h>

enum { ENTRIES = 48, ANCHORED = 40 };
static const unsigned signed_at[] = { 9, 22, 31, ANCHORED, 46 };
enum { SIGNED = sizeof(signed_at) / sizeof(*signed_at) };

struct value {
	uint8_t bytes[512];
	size_t n;
};

struct ledger {
	struct fixture fx;
	struct store_signer *signer, *stranger;
	struct store_head anchor;
	struct value original[ENTRIES + 2];
	uint64_t random;
};

/* ---- the ledger's back door -------------------------------------------- */

static void
number_key(uint8_t bytes[8], MDB_val *key, uint64_t number)
{
	store__be_put(bytes, number, 8);
	*key = (MDB_val){ .mv_size = 8, .mv_data = bytes };
}

static bool
peek(struct ledger *l, MDB_dbi table, uint64_t number, struct value *value)
{
	MDB_val key, v;
	uint8_t bytes[8];

	number_key(bytes, &key, number);
	value->n = 0;
	if (mdb_get(l->fx.archive->batch, table, &key, &v))
		return false;
	assert_true(v.mv_size <= sizeof(value->bytes));
	memcpy(value->bytes, v.mv_data, v.mv_size);
	value->n = v.mv_size;
	return true;
}

static void
poke(struct ledger *l, MDB_dbi table, uint64_t number,
     const struct value *value)
{
	MDB_val key, v = { .mv_size = value->n,
			   .mv_data = (void *)(uintptr_t)value->bytes };
	uint8_t bytes[8];

	number_key(bytes, &key, number);
	if (value->n)
		assert_int_equal(
		    mdb_put(l->fx.archive->batch, table, &key, &v, 0), 0);
	else
		(void)mdb_del(l->fx.archive->batch, table, &key, NULL);
}

#define LEDGER(l) (l)->fx.archive->tables.ledger
#define HEADS(l)  (l)->fx.archive->tables.heads

/** Give a value its right hash. */
static void
rehash(struct value *value, uint64_t number)
{
	crypto_generichash_state hash;
	uint8_t bytes[8];

	store__le_put(bytes, number, 8);
	crypto_generichash_init(&hash, NULL, 0, STORE_HASH_BYTES);
	crypto_generichash_update(&hash, bytes, 8);
	crypto_generichash_update(&hash, value->bytes, STORE_HASH_BYTES);
	crypto_generichash_update(&hash, value->bytes + 2 * STORE_HASH_BYTES,
				  value->n - 2 * STORE_HASH_BYTES);
	crypto_generichash_final(&hash, value->bytes + STORE_HASH_BYTES,
				 STORE_HASH_BYTES);
}

/** Link all entries from a number on anew, with right hashes. */
static void
relink(struct ledger *l, uint64_t from)
{
	struct value before, value;

	for (uint64_t i = from; peek(l, LEDGER(l), i, &value); i++) {
		memset(value.bytes, 0, STORE_HASH_BYTES);
		if (i > 1 && peek(l, LEDGER(l), i - 1, &before))
			memcpy(value.bytes, before.bytes + STORE_HASH_BYTES,
			       STORE_HASH_BYTES);
		rehash(&value, i);
		poke(l, LEDGER(l), i, &value);
	}
}

/* ---- chance ------------------------------------------------------------ */

static uint64_t
chance(struct ledger *l, uint64_t n)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random % n;
}

/** An entry that the anchor vouches for. */
static uint64_t
some(struct ledger *l)
{
	return 1 + chance(l, ANCHORED);
}

/* ---- tampering --------------------------------------------------------- */

static void
change_byte(struct ledger *l, struct value *value, size_t from)
{
	value->bytes[from + chance(l, value->n - from)] ^=
	    (uint8_t)(1 + chance(l, 255));
}

/** The last letter of what was done: it can still be read. */
static void
change_text(struct ledger *l, struct value *value)
{
	uint8_t *letter = &value->bytes[value->n - 1];

	*letter = (uint8_t)('A' + (*letter + chance(l, 26)) % 26);
}

static void
tamper_byte(struct ledger *l)
{
	uint64_t k = some(l);
	struct value value;

	assert_true(peek(l, LEDGER(l), k, &value));
	change_byte(l, &value, 0);
	poke(l, LEDGER(l), k, &value);
}

static void
tamper_length(struct ledger *l)
{
	uint64_t k = some(l);
	struct value value;

	assert_true(peek(l, LEDGER(l), k, &value));
	value.n = 1 + chance(l, value.n - 1);
	poke(l, LEDGER(l), k, &value);
}

static void
tamper_rehashed(struct ledger *l)
{
	uint64_t k = some(l);
	struct value value;

	assert_true(peek(l, LEDGER(l), k, &value));
	change_byte(l, &value, (size_t)2 * STORE_HASH_BYTES);
	rehash(&value, k);
	poke(l, LEDGER(l), k, &value);
}

static void
tamper_delete(struct ledger *l)
{
	static const struct value none;

	poke(l, LEDGER(l), some(l), &none);
}

static void
tamper_swap(struct ledger *l)
{
	uint64_t a = some(l), b = 1 + (a + chance(l, ANCHORED - 1)) % ANCHORED;
	struct value x, y;

	assert_true(a != b);
	peek(l, LEDGER(l), a, &x);
	peek(l, LEDGER(l), b, &y);
	if (chance(l, 2)) {
		rehash(&x, b);
		rehash(&y, a);
	}
	poke(l, LEDGER(l), a, &y);
	poke(l, LEDGER(l), b, &x);
}

static void
tamper_copy(struct ledger *l)
{
	uint64_t a = some(l), b = 1 + (a + chance(l, ANCHORED - 1)) % ANCHORED;
	struct value x;

	peek(l, LEDGER(l), a, &x);
	poke(l, LEDGER(l), b, &x);
}

static void
heads_remove(struct ledger *l, uint64_t from)
{
	static const struct value none;

	for (uint64_t i = from; i <= ENTRIES + 2; i++)
		poke(l, HEADS(l), i, &none);
}

static void
tamper_cut(struct ledger *l)
{
	uint64_t k = some(l);
	static const struct value none;

	for (uint64_t i = k; i <= ENTRIES; i++)
		poke(l, LEDGER(l), i, &none);
	if (chance(l, 2))
		heads_remove(l, k);
}

/** Who has the key of the recorder signs it all again. */
static void
heads_again(struct ledger *l, const struct store_signer *signer)
{
	struct store_archive *archive = l->fx.archive;
	struct value saved[ENTRIES + 3], none = { .n = 0 };
	struct store_head head;
	uint64_t last = 0;

	while (last < ENTRIES + 2 &&
	       peek(l, LEDGER(l), last + 1, &saved[last + 1]))
		last++;
	heads_remove(l, 1);
	for (size_t i = 0; i < SIGNED; i++) {
		for (uint64_t j = signed_at[i] + 1; j <= last; j++)
			poke(l, LEDGER(l), j, &none);
		if (signed_at[i] <= last)
			assert_int_equal(store_head_sign(archive, signer,
							 1000 * NS_PER_S, "eve",
							 &head),
					 0);
		for (uint64_t j = signed_at[i] + 1; j <= last; j++)
			poke(l, LEDGER(l), j, &saved[j]);
	}
}

/** Written anew with right hashes: nothing but a signature shows it. */
static void
heads_after_rewrite(struct ledger *l, uint64_t from)
{
	struct value value;

	switch (chance(l, 4)) {
	case 0: /* as they were */
		break;
	case 1: /* those that would tell are gone */
		heads_remove(l, from);
		break;
	case 2: /* with the new hash, and no key to sign it */
		for (uint64_t i = from; i <= ENTRIES; i++) {
			struct value entry;

			if (!peek(l, HEADS(l), i, &value) ||
			    !peek(l, LEDGER(l), i, &entry))
				continue;
			memcpy(value.bytes + 8, entry.bytes + STORE_HASH_BYTES,
			       STORE_HASH_BYTES);
			poke(l, HEADS(l), i, &value);
		}
		break;
	default:
		heads_again(l, l->signer);
		break;
	}
}

static void
tamper_rewrite(struct ledger *l)
{
	uint64_t k = some(l);
	struct value value;

	assert_true(peek(l, LEDGER(l), k, &value));
	change_text(l, &value);
	poke(l, LEDGER(l), k, &value);
	relink(l, k);
	heads_after_rewrite(l, k);
}

/** All from a number on moves up by one. */
static void
tamper_insert(struct ledger *l)
{
	uint64_t k = some(l);
	struct value value;

	for (uint64_t i = ENTRIES; i >= k; i--) {
		assert_true(peek(l, LEDGER(l), i, &value));
		poke(l, LEDGER(l), i + 1, &value);
	}
	change_text(l, &value);
	poke(l, LEDGER(l), k, &value);
	if (chance(l, 2)) {
		relink(l, k);
		heads_after_rewrite(l, k);
	}
}

/** One is taken out, and the rest moves down. */
static void
tamper_close_up(struct ledger *l)
{
	static const struct value none;
	uint64_t k = some(l);
	struct value value;

	for (uint64_t i = k; i < ENTRIES; i++) {
		assert_true(peek(l, LEDGER(l), i + 1, &value));
		poke(l, LEDGER(l), i, &value);
	}
	poke(l, LEDGER(l), ENTRIES, &none);
	if (chance(l, 2)) {
		relink(l, k);
		heads_after_rewrite(l, k);
	}
}

/** Rewritten and cut before the anchor, and signed again. */
static void
tamper_rewrite_and_cut(struct ledger *l)
{
	static const struct value none;
	uint64_t cut = 2 + chance(l, ANCHORED - 1), k = 1 + chance(l, cut - 1);
	struct value value;

	assert_true(peek(l, LEDGER(l), k, &value));
	change_text(l, &value);
	poke(l, LEDGER(l), k, &value);
	relink(l, k);
	for (uint64_t i = cut; i <= ENTRIES; i++)
		poke(l, LEDGER(l), i, &none);
	heads_after_rewrite(l, k);
}

static void
tamper_stray(struct ledger *l)
{
	uint8_t bytes[12] = { 0 };
	MDB_val key = { .mv_size = 1 + chance(l, 12), .mv_data = bytes };
	MDB_val value = { .mv_size = 3, .mv_data = bytes };

	if (key.mv_size == 8)
		key.mv_size++;
	store__be_put(bytes, some(l), 8);
	assert_int_equal(
	    mdb_put(l->fx.archive->batch, LEDGER(l), &key, &value, 0), 0);
}

static void
tamper_head(struct ledger *l)
{
	uint64_t k = signed_at[chance(l, SIGNED)];
	struct value value;

	assert_true(peek(l, HEADS(l), k, &value));
	change_byte(l, &value, 0);
	poke(l, HEADS(l), k, &value);
}

/* ---- what is found of it ----------------------------------------------- */

static uint64_t
lowest_changed(struct ledger *l)
{
	struct value value;

	for (uint64_t i = 1; i <= ANCHORED; i++) {
		(void)peek(l, LEDGER(l), i, &value);
		if (value.n != l->original[i].n ||
		    memcmp(value.bytes, l->original[i].bytes, value.n) != 0)
			return i;
	}
	return 0;
}

/** What is said to be as it was is as it was. */
static void
ranges_hold(struct ledger *l, const struct store_audit *audit)
{
	struct value value;

	for (uint32_t i = 0; i < audit->ranges_count; i++)
		for (uint64_t k = audit->ranges[i].from;
		     k <= audit->ranges[i].to; k++) {
			assert_true(peek(l, LEDGER(l), k, &value));
			assert_int_equal(value.n, l->original[k].n);
			assert_memory_equal(value.bytes, l->original[k].bytes,
					    value.n);
		}
}

static void
verify(struct ledger *l, const struct store_head *anchor,
       struct store_audit *audit)
{
	assert_int_equal(store_audit_verify(l->fx.archive, anchor, anchor != 0,
					    NULL, NULL, audit),
			 0);
}

static void (*const tampers[])(struct ledger *l) = {
	tamper_byte,    tamper_length, tamper_rehashed, tamper_delete,
	tamper_swap,    tamper_copy,   tamper_cut,      tamper_rewrite,
	tamper_rewrite, tamper_insert, tamper_close_up, tamper_rewrite_and_cut,
	tamper_stray,   tamper_head,
};
enum { TAMPERS = sizeof(tampers) / sizeof(*tampers) };

/** The promise: each of 1,000 is found against an anchor. */
static void
test_tampering(void **state)
{
	struct ledger *l = *state;
	unsigned by_head = 0, found[TAMPERS] = { 0 };
	struct store_audit audit;
	uint64_t changed;

	for (unsigned round = 0; round < 1000; round++) {
		unsigned which = round % TAMPERS;

		assert_int_equal(store_batch_begin(l->fx.archive), 0);
		tampers[which](l);
		changed = lowest_changed(l);
		verify(l, &l->anchor, &audit);
		if (!audit.findings)
			fail_msg("round %u, tampering %u is not found", round,
				 which);
		found[which]++;
		if (changed) {
			assert_in_range(audit.first_wrong, 1, changed);
			ranges_hold(l, &audit);
		}
		/* For comparison: without an anchor. */
		verify(l, NULL, &audit);
		by_head += audit.findings > 0;
		store_batch_abort(l->fx.archive);
	}
	verify(l, &l->anchor, &audit);
	assert_int_equal(audit.findings, 0);
	print_message("# 1000 of 1000 found with an anchor, %u without\n",
		      by_head);
	/* Signed again with the key of the recorder, or cut with its heads. */
	assert_in_range(by_head, 700, 999);
}

/* ---- one by one -------------------------------------------------------- */

static void
test_sound(void **state)
{
	struct ledger *l = *state;
	struct store_audit audit;

	verify(l, &l->anchor, &audit);
	assert_int_equal(audit.findings, 0);
	assert_int_equal(audit.first_wrong, 0);
	assert_int_equal(audit.entries, ENTRIES);
	assert_int_equal(audit.last, ENTRIES);
	assert_int_equal(audit.heads, 5);
	assert_int_equal(audit.signed_until, 46);
	assert_int_equal(audit.anchored_until, ANCHORED);
	assert_int_equal(audit.ranges_count, 1);
	assert_int_equal(audit.ranges[0].from, 1);
	assert_int_equal(audit.ranges[0].to, 46);
	assert_int_equal(audit.ranges[0].anchored, ANCHORED);
}

struct found {
	unsigned count;
	struct store_audit_finding first;
};

static int
find(void *ctx, const struct store_audit_finding *finding)
{
	struct found *found = ctx;

	if (found->count++ == 0)
		found->first = *finding;
	return 0;
}

static void
expect(struct ledger *l, const struct store_head *anchor,
       enum store_audit_fault fault, uint64_t from, uint64_t to)
{
	struct store_audit audit;
	struct found found = { 0 };

	assert_int_equal(store_audit_verify(l->fx.archive, anchor, anchor != 0,
					    find, &found, &audit),
			 0);
	assert_int_equal(found.count, 1);
	assert_int_equal(audit.findings, 1);
	assert_int_equal(found.first.fault, fault);
	assert_int_equal(found.first.from, from);
	assert_int_equal(found.first.to, to);
	store_batch_abort(l->fx.archive);
	assert_int_equal(store_batch_begin(l->fx.archive), 0);
}

/** The place is told as exactly as it can be known. */
static void
test_places(void **state)
{
	struct ledger *l = *state;
	static const struct value none;
	struct value value;

	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	peek(l, LEDGER(l), 12, &value);
	value.bytes[value.n - 1] ^= 1;
	poke(l, LEDGER(l), 12, &value);
	expect(l, NULL, STORE_AUDIT_ALTERED, 12, 12);
	/* With its hash: 9 is signed, and 13 is vouched for by 22. */
	rehash(&value, 12);
	poke(l, LEDGER(l), 12, &value);
	expect(l, NULL, STORE_AUDIT_UNLINKED, 10, 12);
	/* The first behind one that is vouched for. */
	peek(l, LEDGER(l), 10, &value);
	memset(value.bytes, 7, STORE_HASH_BYTES);
	rehash(&value, 10);
	poke(l, LEDGER(l), 10, &value);
	relink(l, 11);
	heads_remove(l, 11);
	expect(l, NULL, STORE_AUDIT_UNLINKED, 10, 10);
	/* Behind all heads nobody can say which of two it is. */
	peek(l, LEDGER(l), 47, &value);
	value.bytes[value.n - 1] ^= 1;
	rehash(&value, 47);
	poke(l, LEDGER(l), 47, &value);
	expect(l, NULL, STORE_AUDIT_UNLINKED, 47, 48);
	poke(l, LEDGER(l), 5, &none);
	poke(l, LEDGER(l), 6, &none);
	expect(l, NULL, STORE_AUDIT_MISSING, 5, 6);
	/* Cut with all heads that knew of it: an anchor does. */
	for (uint64_t i = 24; i <= ENTRIES; i++)
		poke(l, LEDGER(l), i, &none);
	heads_remove(l, 24);
	expect(l, &l->anchor, STORE_AUDIT_CUT, 24, ANCHORED);
	/* All of it. */
	for (uint64_t i = 1; i <= ENTRIES; i++)
		poke(l, LEDGER(l), i, &none);
	heads_remove(l, 1);
	expect(l, &l->anchor, STORE_AUDIT_CUT, 1, ANCHORED);
	/* Written anew behind 22, and whoever did it cannot sign. */
	peek(l, LEDGER(l), 30, &value);
	value.bytes[value.n - 1] ^= 1;
	poke(l, LEDGER(l), 30, &value);
	relink(l, 30);
	expect(l, NULL, STORE_AUDIT_REWRITTEN, 23, 31);
	store_batch_abort(l->fx.archive);
}

/** A key that nobody knows, and another archive's anchor. */
static void
test_foreign(void **state)
{
	struct ledger *l = *state;
	struct store_head head = l->anchor;
	struct value value;

	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	head.archive[0] ^= 1;
	expect(l, &head, STORE_AUDIT_FOREIGN, 0, 0);
	/* Somebody signs, and is not in audit.pub. */
	assert_int_equal(unlinkat(l->fx.archive->dir_fd, "audit.pub", 0), 0);
	{
		struct store_audit audit;

		verify(l, NULL, &audit);
		assert_int_equal(audit.findings, 5);
		assert_int_equal(audit.heads, 0);
		assert_int_equal(audit.first_wrong, 0);
		/* The anchor says whose they are. */
		verify(l, &l->anchor, &audit);
		assert_int_equal(audit.findings, 0);
	}
	/* Moved to another entry. */
	peek(l, HEADS(l), 22, &value);
	poke(l, HEADS(l), 23, &value);
	expect(l, &l->anchor, STORE_AUDIT_FORGED, 0, 0);
	store_batch_abort(l->fx.archive);
}

static void
test_empty(void **state)
{
	struct ledger *l = *state;
	static const struct value none;
	struct store_audit audit;
	struct store_head head;

	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	for (uint64_t i = 1; i <= ENTRIES; i++)
		poke(l, LEDGER(l), i, &none);
	heads_remove(l, 1);
	verify(l, NULL, &audit);
	assert_int_equal(audit.findings, 0);
	assert_int_equal(audit.entries, 0);
	assert_int_equal(
	    store_head_sign(l->fx.archive, l->signer, NS_PER_S, "eve", &head),
	    -ENOENT);
	store_batch_abort(l->fx.archive);
}

/** Beside the writer, and in an archive that knows nothing of heads. */
static void
test_read(void **state)
{
	struct ledger *l = *state;
	struct store_audit audit;

	store_archive_close(&l->fx.archive);
	assert_int_equal(store_archive_open(&l->fx.archive, l->fx.dir,
					    STORE_READ, &fixture_config, NULL),
			 0);
	verify(l, &l->anchor, &audit);
	assert_int_equal(audit.findings, 0);
	l->fx.archive->tables.heads = 0;
	verify(l, NULL, &audit);
	assert_int_equal(audit.findings, 1); /* it began to sign */
	assert_int_equal(audit.heads, 0);
	assert_int_equal(audit.ranges_count, 0);
	/* More than one transaction's worth. */
	store_archive_close(&l->fx.archive);
	fixture_open(&l->fx);
	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	for (unsigned i = 0; i < 10000; i++) {
		struct store_ledger_entry entry = { .action = "play" };

		assert_int_equal(store_ledger_put(l->fx.archive, &entry), 0);
	}
	assert_int_equal(store_batch_commit(l->fx.archive), 0);
	verify(l, &l->anchor, &audit);
	assert_int_equal(audit.findings, 0);
	assert_int_equal(audit.entries, ENTRIES + 10000);
}

/* ---- the ledger of it -------------------------------------------------- */

static void
add(struct ledger *l, unsigned i)
{
	struct store_ledger_entry entry = { .time_ns = 100 + i,
					    .action = "play",
					    .subject = "c-1",
					    .actor = "eve" };

	snprintf(entry.detail, sizeof(entry.detail), "time %u", i);
	assert_int_equal(store_ledger_append(l->fx.archive, &entry), 0);
}

static void
signer_make(struct ledger *l, const char *name, struct store_signer **signer)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", l->fx.home, name);
	assert_int_equal(store_signer_create(path), 0);
	assert_int_equal(store_signer_load(signer, path), 0);
}

static int
setup(void **state)
{
	struct ledger *l = calloc(1, sizeof(*l));
	struct store_head head;
	size_t signs = 0;

	assert_non_null(l);
	*state = l;
	l->random = UINT64_C(0x9e3779b97f4a7c15);
	fixture_init(&l->fx);
	signer_make(l, "audit.key", &l->signer);
	/* The first is that the key is made known. */
	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	for (unsigned i = 1; i < ENTRIES;) {
		struct store_ledger_entry entry = { .time_ns = 100 + i,
						    .action = "play",
						    .subject = "c-1",
						    .actor = "eve" };

		snprintf(entry.detail, sizeof(entry.detail), "time %u", i);
		assert_int_equal(store_ledger_put(l->fx.archive, &entry), 0);
		i = (unsigned)entry.number;
		if (signs == SIGNED || i + (signs == 0) != signed_at[signs])
			continue;
		assert_int_equal(store_head_sign(l->fx.archive, l->signer,
						 (1000 + i) * NS_PER_S, "eve",
						 &head),
				 0);
		assert_int_equal(head.number, signed_at[signs]);
		if (signed_at[signs++] == ANCHORED)
			l->anchor = head;
		i = (unsigned)head.number;
	}
	assert_int_equal(store_batch_commit(l->fx.archive), 0);
	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	for (uint64_t i = 1; i <= ENTRIES; i++)
		assert_true(peek(l, LEDGER(l), i, &l->original[i]));
	store_batch_abort(l->fx.archive);
	return 0;
}

static int
teardown(void **state)
{
	struct ledger *l = *state;

	store_signer_free(&l->signer);
	store_signer_free(&l->stranger);
	fixture_fini(&l->fx);
	free(l);
	return 0;
}

/* ---- heads and anchors ------------------------------------------------- */

static void
test_sign(void **state)
{
	struct ledger *l = *state;
	struct store_head head, again;
	struct store_audit audit;

	assert_int_equal(store_head_sign(l->fx.archive, l->signer,
					 5 * NS_PER_S + 7, "eve", &head),
			 0);
	assert_int_equal(head.number, ENTRIES);
	assert_int_equal(head.time_ns, 5 * NS_PER_S);
	/* Nothing new. */
	assert_int_equal(store_head_sign(l->fx.archive, l->signer, 9 * NS_PER_S,
					 "eve", &again),
			 1);
	assert_memory_equal(&head, &again, sizeof(head));
	assert_int_equal(store_head_last(l->fx.archive, &again), 0);
	assert_memory_equal(&head, &again, sizeof(head));
	/* Another key is an entry of its own. */
	signer_make(l, "other.key", &l->stranger);
	assert_int_equal(store_head_sign(l->fx.archive, l->stranger,
					 9 * NS_PER_S, "bob", &again),
			 0);
	assert_int_equal(again.number, ENTRIES + 1);
	add(l, 99);
	assert_int_equal(store_head_sign(l->fx.archive, l->signer, 9 * NS_PER_S,
					 "bob", &again),
			 0);
	assert_int_equal(again.number, ENTRIES + 2);
	verify(l, &again, &audit);
	assert_int_equal(audit.findings, 0);
	assert_int_equal(audit.heads, 8);
}

static void
test_anchor(void **state)
{
	struct ledger *l = *state;
	char text[STORE_ANCHOR_BYTES];
	struct store_head head;
	uint8_t *copy;
	size_t n;

	store_anchor_text(text, &l->anchor);
	n = strlen(text);
	assert_null(strchr(text, '\n'));
	assert_int_equal(store_anchor_parse(&head, text, n), 0);
	assert_memory_equal(&head, &l->anchor, sizeof(head));
	for (size_t i = 0; i < n; i++) {
		copy = testing_copy(text, i);
		assert_int_not_equal(
		    store_anchor_parse(&head, (const char *)copy, i), 0);
		free(copy);
	}
	/* One character of each field: it is not what was signed. */
	for (size_t i = 17; i < n - 1; i++) {
		copy = testing_copy(text, n);
		copy[i] = copy[i] == '1' ? '2' : '1';
		if (copy[i] != (uint8_t)text[i])
			assert_int_not_equal(
			    store_anchor_parse(&head, (const char *)copy, n),
			    0);
		free(copy);
	}
	assert_int_equal(store_anchor_parse(&head, "hello", 5), -EBADMSG);
}

/** The head of store/FORMAT.md, byte for byte. */
static void
test_example(void **state)
{
	struct ledger *l = *state;
	struct store_head head = { .number = 1,
				   .time_ns = INT64_C(1553782800) * NS_PER_S };
	uint8_t seed[32], secret[64], text[128];
	static const char domain[] = "spanrec-head-1";
	char anchor[STORE_ANCHOR_BYTES], hex[129];

	(void)l;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)i;
	memset(head.hash, 0x11, sizeof(head.hash));
	memset(head.archive, 0x22, sizeof(head.archive));
	crypto_sign_seed_keypair(head.key, secret, seed);
	memcpy(text, domain, sizeof(domain));
	memcpy(text + 15, "\1\0\0\0\0\0\0\0", 8);
	store__le_put(text + 23, (uint64_t)head.time_ns, 8);
	memcpy(text + 31, head.hash, 32);
	memcpy(text + 63, head.archive, 16);
	crypto_sign_detached(head.signature, NULL, text, 79, secret);
	assert_true(store__head_signed(&head));
	store_hex(hex, head.signature, sizeof(head.signature));
	store_anchor_text(anchor, &head);
	assert_string_equal(
	    hex,
	    "02325e4e168417aacd6e816ab077c01cd813d1422152c9415402d579b3c2acb6"
	    "ba05c4630ff873adf5350e7addea5ca9ec1845d7896cd83e1c858ca7d633d10c");
	assert_string_equal(
	    anchor,
	    "spanrec-anchor-1 1 "
	    "1111111111111111111111111111111111111111111111111111111111111111 "
	    "2019-03-28T14:20:00Z 22222222222222222222222222222222 "
	    "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg "
	    "AjJeThaEF6rNboFqsHfAHNgT0UIhUslBVALVebPCrLa6BcRjD_hzrfU1Dnrd6lyp"
	    "7BhF14ls2D4chYyn1jPRDA");
}

static void
test_keys(void **state)
{
	struct ledger *l = *state;
	struct store_signer *signer;
	char path[512];
	size_t n;
	uint8_t *text;

	snprintf(path, sizeof(path), "%s/audit.key", l->fx.home);
	assert_int_equal(store_signer_create(path), -EEXIST);
	assert_int_equal(store_signer_load(&signer, l->fx.key_path), -EBADMSG);
	assert_null(signer);
	snprintf(path, sizeof(path), "%s/none", l->fx.home);
	assert_int_equal(store_signer_load(&signer, path), -ENOENT);
	/* Public keys of heads are in a list, one a line. */
	snprintf(path, sizeof(path), "%s/audit.pub", l->fx.dir);
	text = testing_read_file(path, &n);
	assert_memory_equal(text, "spanrec-audit-1 ", 16);
	free(text);
}

/** Entries cut off, and others in their place: the head that tells is not
 * replaced by one of the new chain. */
static void
test_head_stays(void **state)
{
	struct ledger *l = *state;
	struct store__key key = { .bytes = 8 };
	struct store_head head, last;
	struct store_audit audit;

	assert_int_equal(
	    store_head_sign(l->fx.archive, l->signer, NS_PER_S, "eve", &head),
	    0);
	store__be_put(key.data, head.number, 8);
	fixture_index_set(&l->fx, l->fx.archive->tables.ledger, &key, NULL, 0);
	add(l, 98);
	assert_int_equal(
	    store_head_sign(l->fx.archive, l->signer, NS_PER_S, "eve", &last),
	    -EBADMSG);
	add(l, 99);
	assert_int_equal(
	    store_head_sign(l->fx.archive, l->signer, NS_PER_S, "eve", &last),
	    0);
	assert_int_equal(
	    store_audit_verify(l->fx.archive, NULL, 0, NULL, NULL, &audit), 0);
	assert_int_not_equal(audit.findings, 0);
	assert_in_range(audit.first_wrong, 1, head.number);
}

/** The list of keys is written before the entry that tells of a new one is
 * durable: that comes all the same. */
static void
test_key_entered(void **state)
{
	struct ledger *l = *state;
	struct store_ledger_entry entry;
	struct store_audit audit;
	struct store_head head;

	signer_make(l, "other.key", &l->stranger);
	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	assert_int_equal(
	    store_head_sign(l->fx.archive, l->stranger, NS_PER_S, "bob", &head),
	    0);
	store_batch_abort(l->fx.archive);
	assert_int_equal(store_head_sign(l->fx.archive, l->stranger,
					 2 * NS_PER_S, "bob", &head),
			 0);
	assert_int_equal(store_ledger_head(l->fx.archive, &entry), 0);
	assert_string_equal(entry.action, "audit-key");
	assert_int_equal(entry.time_ns, 2 * NS_PER_S);
	assert_int_equal(head.number, entry.number);
	verify(l, &head, &audit);
	assert_int_equal(audit.findings, 0);
}

/** All heads gone is no ledger that was never signed. */
static void
test_heads_gone(void **state)
{
	struct ledger *l = *state;
	struct store_audit audit;

	assert_int_equal(store_batch_begin(l->fx.archive), 0);
	heads_remove(l, 1);
	assert_int_equal(store_batch_commit(l->fx.archive), 0);
	assert_int_equal(
	    store_audit_verify(l->fx.archive, NULL, 0, NULL, NULL, &audit), 0);
	assert_int_equal(audit.heads, 0);
	assert_int_equal(audit.findings, 1);
	assert_true(audit.first_wrong > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_sound),       TEST(test_tampering),
		TEST(test_places),      TEST(test_foreign),
		TEST(test_empty),       TEST(test_read),
		TEST(test_sign),        TEST(test_anchor),
		TEST(test_example),     TEST(test_keys),
		TEST(test_key_entered), TEST(test_head_stays),
		TEST(test_heads_gone),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
