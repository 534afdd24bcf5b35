/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of clocks and deletion share: an archive with a policy, calls
 * of which only the rows are there, and sweeps at made-up times.
 */
#ifndef CMD_COMMON_FIXTURE_PRIV_H
#define CMD_COMMON_FIXTURE_PRIV_H

#include "cmd/common/sweep.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "store/cases.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define MARGIN (10 * MINUTE)

/** 2019-03-28 14:15:03 UTC */
#define START  INT64_C(1553782503000000000)

/** @param classes lines of them @param class of what is recorded */
#define FIXTURE_POLICY(classes, metadata, class)                               \
	"version: 1\n"                                                         \
	"organisation: {name: here, time_zone: Europe/London}\n"               \
	"access: {owner: [somebody]}\n"                                        \
	"purposes: [quality]\n"                                                \
	"numbering: {country: 44}\n"                                           \
	"retention:\n" classes                                                 \
	"metadata: {max: " metadata "}\n"                                      \
	"rules:\n"                                                             \
	"  - {name: all, match: {direction: [in]}, decision: record,\n"        \
	"     retention: " class "}\n"

struct fixture {
	char *folder;
	char dir[256]; /**< the archive */
	struct store_archive_config opened; /**< as it was */
	struct store_identity *identity;
	struct store_archive *archive;
	struct policy *policy;
	struct clocks *clocks;
	struct store_segment like; /**< what the next calls have in common */
	unsigned calls; /**< that were made */
	int64_t now_ns; /**< of acts, and of the last sweep */
	struct sweep_config config; /**< of sweeps, which all tell */
	/* what the last one told */
	unsigned errors, warnings, listed;
	uint64_t done, total;
	char words[512];
};

/* ---- telling ----------------------------------------------------------- */

static inline void
on_tell(void *ctx, bool error, const char *words)
{
	struct fixture *f = ctx;

	if (error)
		f->errors++;
	else
		f->warnings++;
	snprintf(f->words, sizeof(f->words), "%s", words);
}

static inline void
on_list(void *ctx, const struct store_segment *segment,
	const struct policy_clock *clock)
{
	struct fixture *f = ctx;

	assert_true(*segment->id && clock->due_ns <= f->now_ns);
	f->listed++;
}

static inline void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct fixture *f = ctx;

	f->done = done;
	f->total = total;
}

/* ---- an archive, and its policy ---------------------------------------- */

static inline void
archive_reopen(struct fixture *f, enum store_mode mode)
{
	store_archive_close(&f->archive);
	assert_int_equal(
	    store_archive_open(&f->archive, f->dir, mode, &f->opened, NULL), 0);
}

/** Today's, from now on. */
static inline void
policy_set(struct fixture *f, const char *text)
{
	struct policy_errors errors;

	policy_free(&f->policy);
	if (policy_load(&f->policy, text, strlen(text), &errors)) {
		policy_errors_print(&errors, "policy", stderr);
		fail_msg("a good policy is refused");
	}
}

/** @param hash by which the archive knows it from now on */
static inline void
policy_keep(const struct fixture *f, const char *text,
	    uint8_t hash[STORE_HASH_BYTES])
{
	assert_int_equal(
	    store_archive_keep_policy(f->archive, text, strlen(text), hash), 0);
}

/** What 'spanrec policy apply' leaves in the archive. */
static inline void
policy_apply(const struct fixture *f, const char *text)
{
	struct store_ledger_entry entry = { .time_ns = START,
					    .action = "policy",
					    .actor = "tester" };
	uint8_t hash[STORE_HASH_BYTES];

	policy_keep(f, text, hash);
	store_hex(entry.detail, hash, sizeof(hash));
	assert_int_equal(store_ledger_append(f->archive, &entry), 0);
}

static inline struct fixture *
fixture_new(const char *policy)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_public pub;
	char path[300];

	assert_non_null(f);
	assert_int_equal(store_init(), 0);
	f->folder = testing_folder();
	snprintf(f->dir, sizeof(f->dir), "%s/archive", f->folder);
	snprintf(path, sizeof(path), "%s/key", f->folder);
	assert_int_equal(store_identity_create(path, &pub), 0);
	assert_int_equal(store_identity_load(&f->identity, path), 0);
	assert_int_equal(store_archive_create(f->dir, &pub, 1), 0);
	/* Small, so that sanitizers do not have to reserve much. */
	f->opened.map_bytes = 32 << 20;
	archive_reopen(f, STORE_WRITE);
	policy_set(f, policy);
	assert_int_equal(clocks_new(&f->clocks), 0);
	f->config = (struct sweep_config){ .actor = "tester",
					   .ctx = f,
					   .list = on_list,
					   .progress = on_progress,
					   .tell = on_tell };
	return f;
}

static inline void
fixture_free(struct fixture **fixture)
{
	struct fixture *f = *fixture;

	*fixture = NULL;
	store_archive_close(&f->archive);
	store_identity_free(&f->identity);
	clocks_free(&f->clocks);
	policy_free(&f->policy);
	testing_folder_remove(f->folder);
	free(f);
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	fixture_free(&f);
	return 0;
}

/* ---- calls ------------------------------------------------------------- */

/** The ids of the nth call. */
static inline void
ids_make(struct store_segment *s, size_t nth, int64_t start_ns)
{
	char dialog[32];

	snprintf(dialog, sizeof(dialog), "dialog-%zu", nth);
	store_call_id_make(s->call, start_ns, dialog, "tag", 0);
	snprintf(s->id, sizeof(s->id), "%.27s-1", s->call);
}

/** Another call of a minute. */
static inline void
make(struct fixture *f, struct store_segment *s, const char *class,
     int64_t start_ns)
{
	*s = f->like;
	ids_make(s, f->calls++, start_ns);
	s->segment = 1;
	s->call_start_ns = s->start_ns = start_ns;
	s->end_ns = start_ns + MINUTE;
	snprintf(s->retention, sizeof(s->retention), "%s", class);
}

static inline void
put(const struct fixture *f, const struct store_segment *s)
{
	assert_int_equal(store_batch_begin(f->archive), 0);
	assert_int_equal(store_segment_put(f->archive, s), 0);
	assert_int_equal(store_batch_commit(f->archive), 0);
}

static inline void
add(struct fixture *f, struct store_segment *s, const char *class,
    int64_t start_ns)
{
	make(f, s, class, start_ns);
	put(f, s);
}

/** @return COUNT: there is no row of it */
static inline enum store_state
state_of(const struct fixture *f, const struct store_segment *s)
{
	struct store_segment now;
	int r = store_segment_get(f->archive, s->id, &now);

	assert_true(r == 0 || r == -ENOENT);
	return r ? STORE_STATE_COUNT : now.state;
}

/**
 * @param then the class that counts when it is closed; NULL: it is a request of
 *        a subject
 * @param id of a segment; may be NULL
 */
static inline int
act(const struct fixture *f, enum store_act_type type, const char *name,
    const char *then, const char *id)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = type,
			       .now_ns = f->now_ns,
			       .actor = "ann",
			       .of.kind = then ? STORE_CASE : STORE_CASE_SAR,
			       .reason = "needed",
			       .approver = "bob",
			       .review_ns = f->now_ns + DAY,
			       .not_before_ns = f->now_ns + CLOCKS_GRACE_NS,
			       .count = id != NULL,
			       .ids = ids };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	snprintf(a.of.then, sizeof(a.of.then), "%s", then ? then : "");
	snprintf(ids[0], sizeof(ids[0]), "%s", id ? id : "");
	return store_act(f->archive, &a, failed);
}

/* ---- sweeps ------------------------------------------------------------ */

static inline void
sweep_prepare(struct fixture *f, int64_t now_ns)
{
	f->now_ns = f->config.now_ns = now_ns;
	f->config.archive = f->archive;
	f->config.policy = f->policy;
	f->config.clocks = f->clocks;
	f->errors = f->warnings = f->listed = 0;
	f->done = f->total = 0;
}

/** @param expected what it returns */
static inline struct sweep_result
sweep_at(struct fixture *f, int64_t now_ns, int expected)
{
	struct sweep_result result;

	sweep_prepare(f, now_ns);
	assert_int_equal(sweep_run(&f->config, &result), expected);
	return result;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

#endif
