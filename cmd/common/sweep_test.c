/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sweeps at made-up times: what goes, what stays and why, how far they look,
 * and what they tell. */
#include "cmd/common/sweep.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/fixture_priv.h"
#include "store/audit.h"

static const char policy_today[] = FIXTURE_POLICY("  short: {max: 30 days}\n"
						  "  standard: {max: 90 days}\n"
						  "  half: {max: 6 months}\n",
						  "12 months", "standard");

/* It had another class. */
static const char policy_then[] =
    "version: 1\n"
    "organisation: {name: here, time_zone: UTC}\n"
    "access: {owner: [somebody]}\n"
    "purposes: [quality]\n"
    "numbering: {country: 44}\n"
    "retention: {special: {max: 60 days}}\n"
    "metadata: {max: 3 months}\n"
    "rules:\n"
    "  - {name: all, match: {direction: [in]}, decision: record,\n"
    "     retention: special}\n";

/* Of each call there is only the row. */
static int
setup(void **state)
{
	struct fixture *f = fixture_new(policy_today);

	f->like.state = STORE_STATE_INTERRUPTED;
	f->like.bytes = 100;
	*state = f;
	return 0;
}

/* Where its recording should be is a folder, which cannot be unlinked. */
static void
folder_path(const struct fixture *f, const struct store_segment *s, char *path)
{
	snprintf(path, 512, "%s/audio/2019/03/28/%.39s.rec", f->dir, s->id);
}

static void
add_obstinate(struct fixture *f, struct store_segment *s, unsigned slot,
	      const char *class, int64_t start_ns)
{
	static const char *const parts[] = { "2019", "2019/03", "2019/03/28" };
	char path[512];

	make(f, s, class, start_ns);
	s->key_day = 20190328;
	s->key_slot = slot;
	put(f, s);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/audio/%s", f->dir, parts[i]);
		(void)!mkdir(path, 0700);
	}
	folder_path(f, s, path);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* ---- what goes --------------------------------------------------------- */

static void
test_nothing_there(void **state)
{
	struct fixture *f = *state;
	struct sweep_result r = sweep_at(f, START, 0);

	assert_int_equal(r.segments + r.tombstones + r.failed + r.held, 0);
	assert_int_equal(r.overdue, 0);
	assert_false(r.more);
	assert_true(r.next_due_ns == INT64_MAX);
	assert_string_equal(r.next_id, "");
}

/* Ten minutes before the ceiling, and not before that. */
static void
test_due_and_next(void **state)
{
	struct fixture *f = *state;
	struct store_segment a, b, c;
	struct sweep_result r;

	add(f, &a, "standard", START);
	add(f, &b, "short", START + 70 * DAY);
	add(f, &c, "standard", START + DAY);
	r = sweep_at(f, START + 90 * DAY - MARGIN - 1, 0);
	assert_int_equal(r.segments, 0);
	assert_true(r.next_due_ns == START + 90 * DAY - MARGIN);
	assert_string_equal(r.next_id, a.id);
	r = sweep_at(f, START + 90 * DAY - MARGIN, 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.bytes, 100);
	assert_int_equal(r.recordings, 0);
	assert_int_equal(state_of(f, &a), STORE_STATE_PURGED);
	assert_true(r.next_due_ns == START + 91 * DAY - MARGIN);
	assert_string_equal(r.next_id, c.id);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->total, 1);
	r = sweep_at(f, START + 91 * DAY, 0);
	assert_int_equal(r.segments, 1);
	assert_string_equal(r.next_id, b.id);
	assert_int_equal(r.overdue, 0);
}

/* The longest due goes first, of whatever class. */
static void
test_limit(void **state)
{
	struct fixture *f = *state;
	struct store_segment s[6];
	struct sweep_result r;

	/* "half" comes before "short", which comes before "standard" */
	for (unsigned i = 0; i < 6; i++)
		add(f, &s[i], i % 2 ? "short" : "standard",
		    START + i * HOUR + (i % 2 ? 60 * DAY : 0));
	f->config.limit = 4;
	r = sweep_at(f, START + 90 * DAY + 5 * HOUR, 0);
	assert_int_equal(r.segments, 4);
	assert_true(r.more);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(state_of(f, &s[i]),
				 i < 4 ? STORE_STATE_PURGED
				       : STORE_STATE_INTERRUPTED);
	assert_string_equal(r.next_id, s[4].id);
	assert_true(r.next_due_ns == START + 90 * DAY + 4 * HOUR - MARGIN);
	/* the ceiling of both is behind us */
	assert_int_equal(r.overdue, 2);
	r = sweep_at(f, START + 90 * DAY + 5 * HOUR, 0);
	assert_int_equal(r.segments, 2);
	assert_false(r.more);
	assert_int_equal(r.overdue, 0);
}

/* A class of which more is due than is looked at in one sweep. */
static void
test_far_behind(void **state)
{
	const unsigned many = SWEEP_AHEAD + 30;
	unsigned left = many - 10;
	struct fixture *f = *state;
	struct store_segment s;
	struct sweep_result r;

	assert_int_equal(store_batch_begin(f->archive), 0);
	for (unsigned i = 0; i < many; i++) {
		make(f, &s, "short", START + i * SECOND);
		assert_int_equal(store_segment_put(f->archive, &s), 0);
	}
	assert_int_equal(store_batch_commit(f->archive), 0);
	f->config.limit = 10;
	r = sweep_at(f, START + 40 * DAY, 0);
	assert_int_equal(r.segments, 10);
	assert_true(r.more);
	assert_in_range(r.overdue, SWEEP_AHEAD, many - 10);
	/* A limit in the middle of what goes at once. */
	f->config.limit = STORE_PURGE_MANY + 44;
	r = sweep_at(f, START + 40 * DAY, 0);
	assert_int_equal(r.segments, STORE_PURGE_MANY + 44);
	assert_true(r.more);
	left -= STORE_PURGE_MANY + 44;
	f->config.limit = 0;
	f->config.dry = true;
	assert_int_equal(sweep_at(f, START + 40 * DAY, 0).segments, left);
	f->config.dry = false;
	r = sweep_at(f, START + 40 * DAY, 0);
	assert_int_equal(r.segments, left);
	assert_int_equal(r.overdue, 0);
	assert_false(r.more);
	/* Their notes too. */
	f->config.limit = STORE_PURGE_MANY + 1;
	r = sweep_at(f, START + 10000 * DAY, 0);
	assert_int_equal(r.tombstones, STORE_PURGE_MANY + 1);
	assert_true(r.more);
	f->config.limit = 0;
	r = sweep_at(f, START + 10000 * DAY, 0);
	assert_int_equal(r.tombstones, many - STORE_PURGE_MANY - 1);
	assert_false(r.more);
}

/* Those that cannot be deleted do not keep the others. */
static void
test_obstinate(void **state)
{
	struct fixture *f = *state;
	struct store_segment s[3], good;
	struct sweep_result r;
	char path[512];

	for (unsigned i = 0; i < 3; i++)
		add_obstinate(f, &s[i], i, "short", START + i * SECOND);
	add(f, &good, "short", START + 3 * SECOND);
	f->config.limit = 1;
	r = sweep_at(f, START + 30 * DAY - 1 * MINUTE, -EISDIR);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.failed, 3);
	assert_int_equal(f->errors, 3);
	assert_non_null(strstr(f->words, s[2].id));
	assert_int_equal(state_of(f, &good), STORE_STATE_PURGED);
	/* due, not over their time yet */
	assert_int_equal(r.overdue, 0);
	assert_string_equal(r.next_id, s[0].id);
	/* a certificate is owed: they are tried again, and counted */
	f->config.limit = 0;
	r = sweep_at(f, START + 30 * DAY, -EISDIR);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.failed, 3);
	assert_int_equal(r.overdue, 1);
	for (unsigned i = 0; i < 3; i++) {
		folder_path(f, &s[i], path);
		assert_int_equal(rmdir(path), 0);
	}
	r = sweep_at(f, START + 31 * DAY, 0);
	assert_int_equal(r.segments, 3);
	assert_int_equal(r.bytes, 300);
	assert_int_equal(r.overdue, 0);
	r = sweep_at(f, START + 31 * DAY, 0);
	assert_int_equal(r.segments, 0);
}

/* ---- what stays -------------------------------------------------------- */

static void
test_held_and_recording(void **state)
{
	struct fixture *f = *state;
	struct store_segment held, recording;
	struct sweep_result r;

	make(f, &held, "short", START);
	held.state = STORE_STATE_HELD;
	put(f, &held);
	make(f, &recording, "short", START + HOUR);
	recording.state = STORE_STATE_RECORDING;
	put(f, &recording);
	r = sweep_at(f, START + 29 * DAY, 0);
	assert_int_equal(r.held, 0);
	assert_string_equal(r.next_id, recording.id);
	/* due: neither is counted against us yet */
	r = sweep_at(f, START + 30 * DAY + HOUR - 1, 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.held, 1);
	assert_int_equal(r.overdue, 0);
	assert_false(r.more);
	r = sweep_at(f, START + 30 * DAY + HOUR, 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.failed, 0);
	assert_int_equal(r.held, 1);
	assert_int_equal(r.overdue, 1);
	assert_string_equal(r.next_id, recording.id);
	assert_int_equal(state_of(f, &held), STORE_STATE_HELD);
	assert_int_equal(state_of(f, &recording), STORE_STATE_RECORDING);
	recording.state = STORE_STATE_INTERRUPTED;
	put(f, &recording);
	r = sweep_at(f, START + 30 * DAY + HOUR, 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.overdue, 0);
}

static void
test_dry(void **state)
{
	struct fixture *f = *state;
	struct store_segment a, b;
	struct sweep_result r;

	add(f, &a, "short", START);
	add(f, &b, "short", START + 1);
	f->config.dry = true;
	f->config.limit = 1;
	archive_reopen(f, STORE_READ);
	r = sweep_at(f, START + 31 * DAY, 0);
	assert_int_equal(r.segments, 2);
	assert_int_equal(f->listed, 2);
	assert_false(r.more);
	assert_int_equal(state_of(f, &a), STORE_STATE_INTERRUPTED);
	/* nobody needs to be told anything */
	f->config.list = NULL;
	f->config.progress = NULL;
	f->config.tell = NULL;
	assert_int_equal(sweep_at(f, START + 31 * DAY, 0).segments, 2);
	f->config.dry = false;
	assert_int_equal(sweep_at(f, START + 31 * DAY, -EROFS).failed, 1);
}

/* An archive that cannot be written is told of once. */
static void
test_read_only(void **state)
{
	struct fixture *f = *state;
	struct store_segment a, b;
	struct sweep_result r;

	add(f, &a, "short", START);
	add(f, &b, "short", START + 1);
	archive_reopen(f, STORE_READ);
	r = sweep_at(f, START + 31 * DAY, -EROFS);
	assert_int_equal(r.failed, 1);
	assert_int_equal(f->errors, 1);
	assert_true(r.more);
	assert_int_equal(r.overdue, 2);
}

/* ---- classes that today's policy does not know ------------------------- */

static void
test_unknown_class(void **state)
{
	struct fixture *f = *state;
	struct store_segment a, b, none;
	struct sweep_result r;

	add(f, &a, "bygone", START);
	add(f, &b, "bygone", START + 20 * DAY);
	add(f, &none, "", START + 20 * DAY);
	r = sweep_at(f, START + 29 * DAY, 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(f->warnings, 1);
	assert_non_null(strstr(f->words, "'bygone' is not in the policy"));
	assert_true(r.next_due_ns == START + 30 * DAY - MARGIN);
	r = sweep_at(f, START + 30 * DAY, 0);
	assert_int_equal(r.segments, 1);
	r = sweep_at(f, START + 50 * DAY, 0);
	assert_int_equal(r.segments, 2);
	assert_int_equal(state_of(f, &none), STORE_STATE_PURGED);
}

/* By the policy of then, which may be missing, and be there again. */
static void
test_policy_of_then(void **state)
{
	struct fixture *f = *state;
	struct store_segment a, b, c;
	char name[2 * STORE_HASH_BYTES + 1], path[512], away[520];
	struct sweep_result r;

	policy_keep(f, policy_then, f->like.policy);
	store_hex(name, f->like.policy, STORE_HASH_BYTES);
	snprintf(path, sizeof(path), "%s/policy/%s.yaml", f->dir, name);
	snprintf(away, sizeof(away), "%s.away", path);
	add(f, &a, "special", START);
	add(f, &b, "special", START + DAY);
	add(f, &c, "special", START + 2 * DAY);
	r = sweep_at(f, START + 59 * DAY, 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(f->warnings, 0);
	assert_true(r.next_due_ns == START + 60 * DAY - MARGIN);
	r = sweep_at(f, START + 60 * DAY, 0);
	assert_int_equal(r.segments, 1);
	/* What was read is known by its hash, and is not read again. */
	assert_int_equal(rename(path, away), 0);
	r = sweep_at(f, START + 60 * DAY, 0);
	assert_int_equal(r.segments, 0);
	clocks_free(&f->clocks);
	assert_int_equal(clocks_new(&f->clocks), 0);
	f->config.dry = true;
	r = sweep_at(f, START + 60 * DAY, 0);
	assert_int_equal(r.segments, 2);
	assert_int_equal(f->warnings, 1);
	/* It is looked for again in the next sweep. */
	assert_int_equal(rename(away, path), 0);
	r = sweep_at(f, START + 60 * DAY, 0);
	assert_int_equal(r.segments, 0);
	assert_true(r.next_due_ns == START + 61 * DAY - MARGIN);
}

/* ---- how far it looks -------------------------------------------------- */

static const char needle[] = "\x11\x0c\0needle-of-it";

/* Rows with this rule cannot be read any more. */
static void
damage_needles(struct fixture *f)
{
	uint8_t *bytes, *at;
	char path[512];
	size_t n;

	store_archive_close(&f->archive);
	snprintf(path, sizeof(path), "%s/index/data.mdb", f->dir);
	bytes = testing_read_file(path, &n);
	for (at = bytes; (at = memmem(at, n - (size_t)(at - bytes), needle,
				      sizeof(needle) - 1));
	     at += 3)
		memset(at + 1, 0xff, 2);
	testing_write_file(path, bytes, n);
	free(bytes);
	archive_reopen(f, STORE_WRITE);
}

static void
add_needle(struct fixture *f, const char *class, int64_t start_ns)
{
	struct store_segment s;

	make(f, &s, class, start_ns);
	snprintf(s.rule, sizeof(s.rule), "needle-of-it");
	put(f, &s);
}

/* A file that was edited deletes nothing: not before what was applied says,
 * nor, where nothing was, before what the policy that decided says. */
static void
test_edited_by_hand(void **state)
{
	static const char edited[] = FIXTURE_POLICY(
	    "  standard: {max: 30 days}\n", "3 months", "standard");
	struct fixture *f = *state;
	struct store_segment s;

	policy_keep(f, policy_today, f->like.policy);
	policy_set(f, edited);
	add(f, &s, "standard", START);
	assert_int_equal(sweep_at(f, START + 40 * DAY, 0).segments, 0);
	policy_apply(f, policy_today);
	assert_int_equal(sweep_at(f, START + 89 * DAY, 0).segments, 0);
	assert_int_equal(sweep_at(f, START + 89 * DAY, 0).overdue, 0);
	/* somebody agrees */
	policy_apply(f, edited);
	assert_int_equal(sweep_at(f, START + 40 * DAY, 0).segments, 1);
	/* the note stays no longer either */
	assert_int_equal(sweep_at(f, START + 100 * DAY, 0).tombstones, 1);
}

/* Behind the first that is not due nothing is read, in classes that count
 * days, without class, and of policies of then; where months are counted a few
 * days more are. So damage there is not met before its time. */
static void
test_looks_no_further(void **state)
{
	static const char *const classes[] = { "standard", "half", "", "bygone",
					       "special" };
	struct fixture *f = *state;
	struct store_segment s;
	struct sweep_result r;

	policy_apply(f, policy_today);
	policy_keep(f, policy_then, f->like.policy);
	for (unsigned i = 0; i < 5; i++) {
		add(f, &s, classes[i], START);
		add_needle(f, classes[i], START + HOUR);
	}
	damage_needles(f);
	r = sweep_at(f, START + 2 * HOUR, 0);
	assert_int_equal(r.failed, 0);
	assert_int_equal(f->errors, 0);
	assert_true(r.next_due_ns == START + 30 * DAY - MARGIN);
	r = sweep_at(f, START + 40 * DAY, -EBADMSG);
	assert_int_equal(r.segments, 2); /* "" and bygone */
	assert_int_equal(r.failed, 2);
	r = sweep_at(f, START + 61 * DAY, -EBADMSG);
	assert_int_equal(r.segments, 1); /* special */
	assert_int_equal(r.failed, 3);
	r = sweep_at(f, START + 178 * DAY, -EBADMSG);
	assert_int_equal(r.segments, 1); /* standard */
	assert_int_equal(r.failed, 4);
	/* six months are 184 days; four days before, it begins to look */
	r = sweep_at(f, START + 183 * DAY, -EBADMSG);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.failed, 5);
	assert_non_null(strstr(f->words, "cannot be read"));
}

/* Each at its due time, none before; no ceiling is passed. */
static void
test_half_a_year(void **state)
{
	static const char *const classes[] = { "short", "standard", "half", "",
					       "bygone" };
	enum { CALLS = 120 };
	struct fixture *f = *state;
	int64_t due_ns[CALLS], now_ns = 0;
	struct policy_clock clock;
	struct store_segment s;
	struct sweep_result r;
	unsigned gone = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		add(f, &s, classes[i % 5], START + i * (29 * HOUR + 7));
		(void)policy_clock(f->policy, s.retention, s.call_start_ns,
				   &clock);
		due_ns[i] = clock.due_ns;
	}
	while (gone < CALLS) {
		int64_t next_ns = INT64_MAX;
		unsigned count = 0;

		for (unsigned i = 0; i < CALLS; i++)
			if (due_ns[i] > now_ns && due_ns[i] < next_ns)
				next_ns = due_ns[i];
		for (unsigned i = 0; i < CALLS; i++)
			count += due_ns[i] == next_ns;
		r = sweep_at(f, next_ns - 1, 0);
		assert_int_equal(r.segments, 0);
		assert_true(r.next_due_ns == next_ns);
		r = sweep_at(f, next_ns, 0);
		assert_int_equal(r.segments, count);
		assert_int_equal(r.overdue, 0);
		gone += count;
		now_ns = next_ns;
	}
}

/* ---- tombstones -------------------------------------------------------- */

static void
test_tombstones(void **state)
{
	struct fixture *f = *state;
	struct store_segment s[4];
	struct sweep_result r;

	for (unsigned i = 0; i < 4; i++)
		add(f, &s[i], i % 2 ? "short" : "bygone", START + i);
	assert_int_equal(sweep_at(f, START + 40 * DAY, 0).segments, 4);
	/* twelve months, from 28 March, 14:15:03 */
	r = sweep_at(f, START + 366 * DAY - 1, 0);
	assert_int_equal(r.tombstones, 0);
	assert_int_equal(state_of(f, &s[0]), STORE_STATE_PURGED);
	f->config.limit = 1;
	r = sweep_at(f, START + 366 * DAY, 0);
	assert_int_equal(r.tombstones, 1);
	assert_int_equal(state_of(f, &s[0]), STORE_STATE_COUNT);
	r = sweep_at(f, START + 366 * DAY + 2, 0);
	assert_int_equal(r.tombstones, 1);
	assert_true(r.more);
	f->config.limit = 0;
	r = sweep_at(f, START + 366 * DAY + 2, 0);
	assert_int_equal(r.tombstones, 1);
	assert_false(r.more);
	assert_int_equal(state_of(f, &s[3]), STORE_STATE_PURGED);
	r = sweep_at(f, START + 367 * DAY, 0);
	assert_int_equal(r.tombstones, 1);
	r = sweep_at(f, START + 367 * DAY, 0);
	assert_int_equal(r.tombstones, 0);
}

/* Twelve months after it was closed: a request with its numbers at once, a case
 * when what was held for it has no row any more. What is open stays. */
static void
test_cases(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;
	struct store_case found;
	struct sweep_result r;
	char name[STORE_CASE_BYTES];

	f->now_ns = START;
	/* its own time is over some days after those of the cases */
	add(f, &s, "short", START + 5 * DAY);
	assert_int_equal(act(f, STORE_ACT_OPEN, "S-1", NULL, NULL), 0);
	assert_int_equal(act(f, STORE_ACT_OPEN, "S-2", NULL, NULL), 0);
	assert_int_equal(act(f, STORE_ACT_OPEN, "C-1", "", NULL), 0);
	assert_int_equal(act(f, STORE_ACT_HOLD, "C-1", "", s.id), 0);
	assert_int_equal(act(f, STORE_ACT_SEARCH, "S-1", NULL, s.id), 0);
	assert_int_equal(act(f, STORE_ACT_CLOSE, "C-1", "", NULL), 0);
	assert_int_equal(act(f, STORE_ACT_CLOSE, "S-1", NULL, NULL), 0);
	(void)sweep_at(f, START + 100 * DAY, 0);
	assert_int_equal(state_of(f, &s), STORE_STATE_PURGED);
	assert_int_equal(sweep_at(f, START + 366 * DAY - 1, 0).cases, 0);
	assert_int_equal(store_case_get(f->archive, "S-1", &found), 0);
	assert_int_equal(sweep_at(f, START + 366 * DAY, 0).cases, 1);
	assert_int_equal(store_case_get(f->archive, "S-1", &found), -ENOENT);
	assert_int_equal(store_case_get(f->archive, "C-1", &found), 0);
	r = sweep_at(f, START + 371 * DAY, 0);
	assert_int_equal(r.tombstones, 1);
	assert_int_equal(r.cases, 1);
	assert_int_equal(store_case_get(f->archive, "C-1", &found), -ENOENT);
	assert_int_equal(store_case_get(f->archive, "S-2", &found), 0);

	/* some at a time: the archive waits for each */
	f->now_ns = START;
	for (int i = 0; i <= SWEEP_CASES; i++) {
		snprintf(name, sizeof(name), "D-%d", i);
		assert_int_equal(act(f, STORE_ACT_OPEN, name, "", NULL), 0);
		assert_int_equal(act(f, STORE_ACT_CLOSE, name, "", NULL), 0);
	}
	r = sweep_at(f, START + 371 * DAY, 0);
	assert_int_equal(r.cases, SWEEP_CASES);
	assert_true(r.more);
	r = sweep_at(f, START + 371 * DAY, 0);
	assert_int_equal(r.cases, 1);
	assert_false(r.more);
}

/* What stood in the ledger for a number, in March: as long as there may be a
 * note of a call of that month, and not longer. */
static void
test_pseudonyms(void **state)
{
	struct fixture *f = *state;
	char before[STORE_PSEUDONYM_BYTES], now[STORE_PSEUDONYM_BYTES];

	assert_int_equal(store_pseudonym(f->archive, START, "2041", before), 0);
	(void)sweep_at(f, START + 367 * DAY, 0);
	assert_int_equal(store_pseudonym(f->archive, START, "2041", now), 0);
	assert_string_equal(before, now);
	(void)sweep_at(f, START + 371 * DAY, 0);
	assert_int_equal(store_pseudonym(f->archive, START, "2041", now), 0);
	assert_string_not_equal(before, now);
}

/* A year after 29 February is a year after 28 February, and the time of day
 * says which is over first. Far behind both nothing is looked at. */
static void
test_tombstones_in_order(void **state)
{
	const int64_t evening_ns = INT64_C(1582912800) * SECOND; /* 28, 18:00 */
	const int64_t morning_ns = INT64_C(1582966800) * SECOND; /* 29, 09:00 */
	const int64_t noon_ns = INT64_C(1614513600) * SECOND;    /* 2021 */
	struct fixture *f = *state;
	struct store_segment evening, morning, later;
	struct sweep_result r;

	add(f, &evening, "short", evening_ns);
	add(f, &morning, "short", morning_ns);
	add(f, &later, "short", evening_ns + 10 * DAY);
	add_needle(f, "short", evening_ns + 20 * DAY);
	r = sweep_at(f, evening_ns + 60 * DAY, 0);
	assert_int_equal(r.segments, 4);
	damage_needles(f);
	r = sweep_at(f, noon_ns - 20 * DAY, 0);
	assert_int_equal(r.tombstones, 0);
	r = sweep_at(f, noon_ns, 0);
	assert_int_equal(r.tombstones, 1);
	assert_int_equal(state_of(f, &evening), STORE_STATE_PURGED);
	assert_int_equal(state_of(f, &morning), STORE_STATE_COUNT);
	r = sweep_at(f, noon_ns + 30 * DAY, -EBADMSG);
	assert_int_equal(r.tombstones, 2);
	assert_int_equal(r.failed, 1);
}

/* The last deletions of a sweep leave nothing for the notes. */
static void
test_limit_before_tombstones(void **state)
{
	struct fixture *f = *state;
	struct store_segment a, b;
	struct sweep_result r;

	add(f, &a, "short", START);
	assert_int_equal(sweep_at(f, START + 31 * DAY, 0).segments, 1);
	add(f, &b, "short", START + 360 * DAY);
	f->config.limit = 1;
	r = sweep_at(f, START + 400 * DAY, 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.tombstones, 0);
	assert_true(r.more);
	r = sweep_at(f, START + 400 * DAY, 0);
	assert_int_equal(r.tombstones, 1);
}

/* ---- no memory --------------------------------------------------------- */

static void
test_allocation(void **state)
{
	struct fixture *f = *state;
	struct store_segment s;
	uint8_t hash[STORE_HASH_BYTES];
	struct sweep_result r;
	unsigned fails = 0;
	int rc;

	policy_keep(f, policy_then, hash);
	testing_fail_allocation(1);
	assert_int_equal(clocks_new(&(struct clocks *){ NULL }), -ENOMEM);
	for (unsigned n = 1; n < 1000; n++) {
		make(f, &s, "special", START + n * MINUTE);
		memcpy(s.policy, hash, sizeof(hash));
		put(f, &s);
		add(f, &s, "short", START + n * MINUTE);
		clocks_free(&f->clocks);
		assert_int_equal(clocks_new(&f->clocks), 0);
		sweep_prepare(f, START + 70 * DAY);
		testing_fail_allocation(n);
		rc = sweep_run(&f->config, &r);
		if (testing_allocations() < n)
			break;
		testing_fail_allocation(0);
		fails += rc == -ENOMEM;
		/* What was left because of it goes the next time. */
		r = sweep_at(f, START + 70 * DAY, 0);
		assert_int_equal(r.failed + r.overdue, 0);
	}
	testing_fail_allocation(0);
	assert_int_equal(rc, 0);
	assert_true(fails > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_there),
		TEST(test_due_and_next),
		TEST(test_limit),
		TEST(test_far_behind),
		TEST(test_obstinate),
		TEST(test_held_and_recording),
		TEST(test_dry),
		TEST(test_read_only),
		TEST(test_unknown_class),
		TEST(test_policy_of_then),
		TEST(test_edited_by_hand),
		TEST(test_looks_no_further),
		TEST(test_half_a_year),
		TEST(test_tombstones),
		TEST(test_cases),
		TEST(test_pseudonyms),
		TEST(test_tombstones_in_order),
		TEST(test_limit_before_tombstones),
		TEST(test_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
