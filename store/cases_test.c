/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cases and holds: what is held stays, what ended counts on, what is refused
 * leaves nothing behind; and a hold and a purge that want the same recording.
 */
#include "store/store.h"
#include "store/cases.h"

#include <errno.h>
#include <pthread.h>

#include "cmd/testing/testing.h"
#include "store/cases_fixture_priv.h"

/* ---- one recording --------------------------------------------------------
 */

static void
test_held_stays(void **state)
{
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "complaints");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(now.held_from, STORE_STATE_STORED);
	assert_int_equal(store_purge(fx.archive, s.id, NOW, "x", "y"), -EPERM);
	assert_int_equal(store_discard(fx.archive, s.id, NOW, "x", "y", "z"),
			 -EPERM);
	assert_int_equal(holds_of("C-1", NULL).held, 1);
	assert_int_equal(holds_of(NULL, s.id).held, 1);

	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW + 1), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(now.held_from, 0);
	assert_int_equal(now.not_before_ns, NOW + 1 + GRACE);
	assert_string_equal(now.successors[0].retention, "complaints");
	assert_int_equal(now.successors[0].from_ns, NOW + 1);
	assert_int_equal(holds_of("C-1", NULL).ended, 1);
	assert_int_equal(store_purge(fx.archive, s.id, NOW, "x", "y"), 0);
	/* the note stays with the tombstone, and goes with it */
	assert_int_equal(holds_of("C-1", NULL).ended, 1);
	assert_int_equal(store_forget_one(fx.archive, s.id), 0);
	assert_int_equal(holds_of("C-1", NULL).ended, 0);
	assert_int_equal(holds_of(NULL, NULL).ended, 0);
}

/* The walk of the purge finds it by what counts last. */
static void
test_found_by_successor(void **state)
{
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	assert_int_equal(count_due("standard", INT64_MAX), 1);
	case_open("C-1", "complaints");
	case_open("C-2", "legal");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_HOLD, "C-2", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW + 10), 0);
	/* C-2 holds it yet */
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(count_due("standard", INT64_MAX), 0);
	assert_int_equal(count_due("complaints", NOW + 10), 0);
	assert_int_equal(count_due("complaints", NOW + 11), 1);
	assert_int_equal(act(STORE_ACT_END, "C-2", s.id, NOW + 20), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(count_due("complaints", INT64_MAX), 0);
	assert_int_equal(count_due("legal", NOW + 21), 1);
	/* both count */
	assert_string_equal(now.successors[0].retention, "complaints");
	assert_string_equal(now.successors[1].retention, "legal");
	assert_int_equal(act(STORE_ACT_END, "C-2", s.id, NOW + 30), -ENOENT);
	/* a case that names no class: that of the recording */
	case_open("C-3", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-3", s.id, NOW + 40), 0);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-3", NULL, NOW + 50), 0);
	assert_int_equal(count_due("standard", NOW + 51), 1);
}

static int
see_finding(void *ctx, const struct store_finding *finding)
{
	print_message("%s: %s\n", finding->id, finding->detail);
	return -EIO;
}

/** Whoever wants it gone, and does not know that it is held by now. */
static void
test_old_row_to_purge(void **state)
{
	struct store_segment s, other, now;

	fixture_record(&fx, &s, 1, 100);
	fixture_segment(&other, 2);
	case_open("C-1", "complaints");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(store_batch_begin(fx.archive), 0);
	assert_int_equal(
	    store_purge_begin(fx.archive, &s, NOW, "clock", "x", NULL), -EPERM);
	assert_int_equal(store_segment_put(fx.archive, &other), 0);
	assert_int_equal(store_batch_commit(fx.archive), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(state_of(other.id, &now), STORE_STATE_NONE);
}

/* Whoever still has an old row does not end a hold. */
static void
test_old_row(void **state)
{
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "complaints");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	s.state = STORE_STATE_DAMAGED;
	fixture_put(&fx, &s);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(now.held_from, STORE_STATE_DAMAGED);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_DAMAGED);
	fixture_put(&fx, &s);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_DAMAGED);
	assert_string_equal(now.successors[0].retention, "complaints");
	assert_int_equal(now.successors[0].from_ns, NOW);
	assert_int_equal(now.not_before_ns, NOW + GRACE);
	assert_int_equal(store_verify_orphans(fx.archive, see_finding, NULL),
			 0);
}

/* ---- refused: all or nothing ----------------------------------------------
 */

/** What was killed when all but its row was written is sound, held or not; and
 * one that was whole has to be. */
static void
test_held_interrupted(void **state)
{
	struct store_recording_result result;
	struct store_finding finding;
	struct store_recording *rec;
	struct store_segment s, now;

	fixture_segment(&s, 1);
	rec = fixture_begin(&fx, &s);
	assert_int_equal(fixture_speak(rec, &s, 0, 1200), 0);
	fixture_totals(&s, 1200);
	assert_int_equal(store_recording_finish(rec, &s, &result), 0);
	store_recording_free(&rec, false);
	store_archive_close(&fx.archive);
	fixture_open(&fx);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_INTERRUPTED);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	assert_int_equal(store_verify(fx.archive, fx.identity, &now, &finding),
			 0);
	/* as it would be of one that was stored */
	now.held_from = STORE_STATE_STORED;
	assert_int_equal(store_verify(fx.archive, fx.identity, &now, &finding),
			 1);
	assert_int_equal(finding.type, STORE_FINDING_COUNTS);
	now.key_day = 0;
	assert_int_equal(store_verify(fx.archive, NULL, &now, &finding), 1);
	assert_int_equal(finding.type, STORE_FINDING_FILE_MISSING);
}

static char found_words[256];

static int
keep_words(void *ctx, const struct store_finding *finding)
{
	snprintf(found_words, sizeof(found_words), "%s", finding->detail);
	return 0;
}

/** What is wrong last, in words. */
static const char *
verify_words(void)
{
	found_words[0] = '\0';
	assert_int_equal(store_verify_orphans(fx.archive, keep_words, NULL), 0);
	return found_words;
}

static void
expect_last(const char *action, const char *detail)
{
	struct store_ledger_entry entry;

	assert_int_equal(store_ledger_head(fx.archive, &entry), 0);
	assert_string_equal(entry.action, action);
	assert_string_equal(entry.detail, detail);
}

static int
act_because(enum store_act_type type, const char *name, const char *id,
	    const char *reason)
{
	char ids[1][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act a = { .type = type,
			       .now_ns = NOW,
			       .actor = "ann",
			       .approver = "bob",
			       .review_ns = NOW + GRACE,
			       .count = id != NULL,
			       .ids = ids };

	snprintf(a.of.name, sizeof(a.of.name), "%s", name);
	snprintf(a.reason, sizeof(a.reason), "%s", reason);
	snprintf(ids[0], sizeof(ids[0]), "%s", id ? id : "");
	return store_act(fx.archive, &a, failed);
}

/** Numbers are hidden however they are spelt, and others are not. */
static void
test_spellings(void **state)
{
	static const struct {
		const char *typed, *kept;
	} texts[] = {
		{ "of 01495 123401", "of @" },
		{ "/tmp/call-01495123401.wav", "/tmp/call-@.wav" },
		{ "(+44) 1495-123401: late", "(@: late" },
		{ "00441495123401 2042", "@ 2042" },
		{ "901495123401.", "@." },
		{ "01495 123499, x01495123401", "01495 123499, x01495123401" },
		{ "paid 123401 on 2026-03-02", "paid 123401 on 2026-03-02" },
	};
	char remote[STORE_PSEUDONYM_BYTES], typed[STORE_WORDS_BYTES];
	char kept[128], expected[256];
	struct store_segment s;
	size_t at;

	fixture_record(&fx, &s, 1, 100);
	assert_string_equal(s.remote, "+441495123401");
	assert_int_equal(store_pseudonym(fx.archive, NOW, s.remote, remote), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char name[16];

		snprintf(name, sizeof(name), "C-%zu", i);
		case_open(name, "");
		snprintf(typed, sizeof(typed), "%s", texts[i].typed);
		at = strcspn(texts[i].kept, "@");
		snprintf(kept, sizeof(kept), "%.*s%s%s", (int)at, texts[i].kept,
			 texts[i].kept[at] ? remote : "",
			 texts[i].kept + at + (texts[i].kept[at] == '@'));
		assert_int_equal(act_because(STORE_ACT_HOLD, name, s.id, typed),
				 0);
		snprintf(expected, sizeof(expected),
			 "case %s, approved by bob: %s", name, kept);
		expect_last("hold", expected);
	}
}

/** Whatever people type: who called does not stand in the ledger, not even
 * where a text is cut. */
static void
test_no_numbers(void **state)
{
	char local[STORE_PSEUDONYM_BYTES], remote[STORE_PSEUDONYM_BYTES];
	char expected[256], reason[STORE_WORDS_BYTES];
	struct store_segment s;

	fixture_record(&fx, &s, 1, 100);
	assert_int_equal(store_pseudonym(fx.archive, NOW, s.local, local), 0);
	assert_int_equal(store_pseudonym(fx.archive, NOW, s.remote, remote), 0);
	case_open("C-1", "");
	snprintf(reason, sizeof(reason), "2041 called %s", s.remote);
	assert_int_equal(act_because(STORE_ACT_HOLD, "C-1", s.id, reason), 0);
	snprintf(expected, sizeof(expected),
		 "case C-1, approved by bob: %s called %s", local, remote);
	expect_last("hold", expected);
	assert_int_equal(act_because(STORE_ACT_END, "C-1", s.id, reason), 0);
	snprintf(expected, sizeof(expected), "case C-1: %s called %s", local,
		 remote);
	expect_last("hold end", expected);
	assert_int_equal(act_because(STORE_ACT_HOLD, "C-1", s.id, reason), 0);
	assert_int_equal(act_because(STORE_ACT_CLOSE, "C-1", NULL, reason), 0);
	snprintf(expected, sizeof(expected), "%s called %s", local, remote);
	expect_last("case close", expected);

	subject_open("S-1", "2041\n+441495123401");
	assert_int_equal(act_because(STORE_ACT_PAUSE, "S-1", NULL, reason), 0);
	expect_last("sar pause", expected);
	assert_int_equal(act_because(STORE_ACT_RESUME, "S-1", NULL, reason), 0);
	expect_last("sar resume", expected);
	assert_int_equal(act_because(STORE_ACT_CLOSE, "S-1", NULL, reason), 0);
	expect_last("sar answer", expected);
}

static void
test_refused(void **state)
{
	char ids[2][STORE_SEGMENT_ID_BYTES], failed[STORE_SEGMENT_ID_BYTES];
	struct store_act two = { .type = STORE_ACT_HOLD,
				 .now_ns = NOW,
				 .of = { .name = "C-1" },
				 .reason = "needed",
				 .approver = "bob",
				 .count = 2,
				 .ids = ids };
	struct store_segment s, gone, growing, now;
	struct store_recording *rec;
	uint64_t before;

	fixture_record(&fx, &s, 1, 100);
	fixture_record(&fx, &gone, 2, 100);
	fixture_segment(&growing, 3);
	rec = fixture_begin(&fx, &growing);
	assert_int_equal(store_purge(fx.archive, gone.id, NOW, "x", "y"), 0);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), -ENOENT);
	case_open("C-1", "");
	before = entries();
	assert_int_equal(act(STORE_ACT_OPEN, "C-1", NULL, NOW), -EEXIST);
	assert_int_equal(act(STORE_ACT_OPEN, "", NULL, NOW), -EINVAL);
	assert_int_equal(act(STORE_ACT_OPEN, "C 1", NULL, NOW), -EINVAL);
	assert_int_equal(act(STORE_ACT_SEARCH, "C-1", NULL, NOW), -EINVAL);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", "none", NOW), -ENOENT);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", gone.id, NOW), -EALREADY);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", growing.id, NOW), -EAGAIN);
	memcpy(ids[0], s.id, sizeof(ids[0]));
	memcpy(ids[1], gone.id, sizeof(ids[1]));
	assert_int_equal(store_act(fx.archive, &two, failed), -EINVAL);
	two.review_ns = NOW;
	assert_int_equal(store_act(fx.archive, &two, failed), -EINVAL);
	assert_string_equal(failed, "");
	two.review_ns = NOW + 1;
	two.reason[0] = '\0';
	assert_int_equal(store_act(fx.archive, &two, failed), -EINVAL);
	two.reason[0] = 'x';
	two.approver[0] = '\0';
	assert_int_equal(store_act(fx.archive, &two, failed), -EINVAL);
	two.approver[0] = 'x';
	assert_int_equal(store_act(fx.archive, &two, failed), -EALREADY);
	assert_string_equal(failed, gone.id);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(holds_of(NULL, NULL).held, 0);
	assert_int_equal(entries(), before);

	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), -EEXIST);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW), 0);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW), -ESTALE);
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), -ESTALE);
	store_recording_free(&rec, true);
}

/** More than there is room for are refused when a recording is to be held, not
 * when the case is closed: that could never be then. */
static void
test_too_many_classes(void **state)
{
	char name[STORE_CASE_BYTES], class[16];
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	for (int i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		snprintf(name, sizeof(name), "C-%d", i);
		snprintf(class, sizeof(class), "class-%d", i);
		case_open(name, class);
		assert_int_equal(act(STORE_ACT_HOLD, name, s.id, NOW), 0);
	}
	case_open("one-more", "another");
	case_open("known", "class-2");
	assert_int_equal(act(STORE_ACT_HOLD, "one-more", s.id, NOW),
			 -EOVERFLOW);
	assert_int_equal(act(STORE_ACT_HOLD, "known", s.id, NOW), 0);
	for (int i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		snprintf(name, sizeof(name), "C-%d", i);
		assert_int_equal(act(STORE_ACT_CLOSE, name, NULL, NOW + i), 0);
	}
	assert_int_equal(act(STORE_ACT_CLOSE, "known", NULL, NOW + 100), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
	assert_int_equal(count_due("class-2", NOW + 101), 1);
	for (int i = 0; i < STORE_SUCCESSORS_MAX; i++)
		assert_int_equal(now.successors[i].from_ns,
				 NOW + (i == 2 ? 100 : i));
	/* neither later */
	assert_int_equal(act(STORE_ACT_HOLD, "one-more", s.id, NOW),
			 -EOVERFLOW);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_STORED);
}

/* ---- what is told, forgotten, damaged -------------------------------------
 */

static int
count_case(void *ctx, const struct store_case *found)
{
	++*(unsigned *)ctx;
	return 0;
}

/** One bad place does not hide the others. */
static void
test_damaged_others(void **state)
{
	struct counts counts = { 0 };
	struct store__key key = { 0 };
	struct store_segment s;
	unsigned n = 0;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "");
	case_open("C-2", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_HOLD, "C-2", s.id, NOW), 0);
	store__key_text(&key, "C-1");
	fixture_index_set(&fx, fx.archive->tables.cases, &key, "\1\1", 2);
	assert_int_equal(store_cases(fx.archive, count_case, &n), -EBADMSG);
	assert_int_equal(n, 1);
	key = fixture_key(&s);
	store__key_text(&key, "C-1");
	fixture_index_set(&fx, fx.archive->tables.holds, &key, "\1\1", 2);
	assert_int_equal(
	    store_holds(fx.archive, NULL, NULL, count_hold, &counts), -EBADMSG);
	assert_int_equal(counts.held, 1);
}

/** Nobody begins with days on which the clock stood still. */
static void
test_opened_as_new(void **state)
{
	char failed[STORE_SEGMENT_ID_BYTES];
	const struct store_act a = { .type = STORE_ACT_OPEN,
				     .now_ns = NOW,
				     .actor = "ann",
				     .of = { .name = "S-1",
					     .kind = STORE_CASE_SAR,
					     .law = "uk",
					     .subjects = "2041",
					     .received_ns = 7,
					     .paused_days = 300,
					     .paused_ns = 1,
					     .extended_ns = 1,
					     .searches = { { .time_ns = 1 } },
					     .closed_ns = 1,
					     .answered_ns = 1,
					     .closed_by = "bob",
					     .outcome = "well" } };
	const struct store_case expected = { .name = "S-1",
					     .kind = STORE_CASE_SAR,
					     .opened_by = "ann",
					     .opened_ns = NOW,
					     .law = "uk",
					     .subjects = "2041",
					     .received_ns = 7 };
	struct store_case found;

	assert_int_equal(store_act(fx.archive, &a, failed), 0);
	assert_int_equal(store_case_get(fx.archive, "S-1", &found), 0);
	assert_memory_equal(&found, &expected, sizeof(found));
}

/** Row, hold and case say the same, or it is told. */
static void
test_verify_tells(void **state)
{
	struct store__key key, way = { 0 }, name = { 0 };
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_END, "C-1", s.id, NOW), 0);
	assert_string_equal(verify_words(), "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_string_equal(verify_words(), "");
	store__key_text(&way, "C-1");
	store__key_segment(&way, s.call, s.segment);
	fixture_index_set(&fx, fx.archive->tables.held_for, &way, NULL, 0);
	assert_string_equal(verify_words(),
			    "its case does not know that it holds it");
	fixture_index_set(&fx, fx.archive->tables.held_for, &way, "", 0);
	store__key_text(&name, "C-1");
	fixture_index_set(&fx, fx.archive->tables.cases, &name, NULL, 0);
	assert_string_equal(verify_words(),
			    "it is held for a case that there is not");
	key = fixture_key(&s);
	store__key_text(&key, "C-1");
	fixture_index_set(&fx, fx.archive->tables.holds, &key, "\1\1", 2);
	assert_string_equal(verify_words(), "a hold of it cannot be read");
	fixture_index_set(&fx, fx.archive->tables.holds, &key, NULL, 0);
	assert_string_equal(verify_words(), "its row says that it is held, but "
					    "no case holds it");
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
}

/** A row that somebody set back by hand: a purge would take it. */
static void
test_verify_tells_of_row(void **state)
{
	struct store_segment s, now;
	uint8_t row[STORE__ROW_BYTES];
	struct store__key key;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(state_of(s.id, &now), STORE_STATE_HELD);
	now.state = STORE_STATE_STORED;
	key = fixture_key(&s);
	fixture_index_set(&fx, fx.archive->tables.segments, &key, row,
			  store__row_encode(row, &now));
	assert_string_equal(verify_words(), "a case holds it, but its row does "
					    "not say so");
}

/** As long as there is a row that it is the reason of. */
static void
test_forget_case(void **state)
{
	struct store_ledger_entry entry;
	struct store_case found;
	struct store_segment s;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW), 0);
	assert_int_equal(store_case_forget(fx.archive, "C-1", NOW, "clock"),
			 -EAGAIN);
	assert_int_equal(store_purge(fx.archive, s.id, NOW, "x", "y"), 0);
	assert_int_equal(store_case_forget(fx.archive, "C-1", NOW, "clock"),
			 -EAGAIN);
	assert_int_equal(holds_of("C-1", NULL).ended, 1);
	assert_int_equal(store_forget_one(fx.archive, s.id), 0);
	assert_int_equal(store_case_forget(fx.archive, "C-1", NOW, "clock"), 0);
	assert_int_equal(store_case_get(fx.archive, "C-1", &found), -ENOENT);
	assert_int_equal(store_ledger_head(fx.archive, &entry), 0);
	assert_string_equal(entry.action, "case forget");
}

/** What cannot be read does not keep the note of a deleted call for ever. */
static void
test_damaged_hold(void **state)
{
	struct store__key key;
	struct store_segment s, now;

	fixture_record(&fx, &s, 1, 100);
	case_open("C-1", "");
	assert_int_equal(act(STORE_ACT_HOLD, "C-1", s.id, NOW), 0);
	assert_int_equal(act(STORE_ACT_CLOSE, "C-1", NULL, NOW), 0);
	assert_int_equal(store_purge(fx.archive, s.id, NOW, "x", "y"), 0);
	key = fixture_key(&s);
	store__key_text(&key, "C-1");
	fixture_index_set(&fx, fx.archive->tables.holds, &key, "\1\1", 2);
	assert_int_equal(store_forget_one(fx.archive, s.id), 0);
	assert_int_equal(store_segment_get(fx.archive, s.id, &now), -ENOENT);
	assert_int_equal(holds_of(NULL, NULL).ended, 0);
}

/* ---- a hold and a purge ----------------------------------------------------
 */

/** SPANREC_RACES says how many: each costs some syncs. */
enum { RACES_MAX = 10000 };

static int
races_count(void)
{
	const char *text = getenv("SPANREC_RACES");
	long n = text ? strtol(text, NULL, 10) : 200;

	return n < 1 || n > RACES_MAX ? RACES_MAX : (int)n;
}

/** One writer at a time: whoever gets the archive first. As in the recorder,
 * where both wait in one ring, in the order in which they came. */
struct race {
	pthread_mutex_t archive;
	pthread_barrier_t start;
	char (*ids)[STORE_SEGMENT_ID_BYTES];
	int count;
	int held[RACES_MAX], purged[RACES_MAX];
};

static void *
hold_all(void *ctx)
{
	struct race *race = ctx;

	for (int i = 0; i < race->count; i++) {
		pthread_barrier_wait(&race->start);
		pthread_mutex_lock(&race->archive);
		race->held[i] = act(STORE_ACT_HOLD, "C-1", race->ids[i], NOW);
		pthread_mutex_unlock(&race->archive);
	}
	return NULL;
}

static void *
purge_all(void *ctx)
{
	struct race *race = ctx;

	for (int i = 0; i < race->count; i++) {
		pthread_barrier_wait(&race->start);
		pthread_mutex_lock(&race->archive);
		race->purged[i] = store_purge(fx.archive, race->ids[i], NOW,
					      "spanrecd", "past its time");
		pthread_mutex_unlock(&race->archive);
	}
	return NULL;
}

/** What the ledger tells of each. */
struct told {
	struct race *race;
	unsigned holds[RACES_MAX], purges[RACES_MAX];
};

static int
see_entry(void *ctx, const struct store_ledger_entry *entry)
{
	struct told *told = ctx;
	int low = 0, high = told->race->count - 1;

	while (low < high) {
		int middle = (low + high) / 2;

		if (strcmp(told->race->ids[middle], entry->subject) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (strcmp(told->race->ids[low], entry->subject) != 0)
		return 0;
	told->holds[low] += !strcmp(entry->action, "hold");
	told->purges[low] += !strcmp(entry->action, "purge");
	return 0;
}

static void
test_race(void **state)
{
	struct race *race = calloc(1, sizeof(*race));
	struct told *told = calloc(1, sizeof(*told));
	struct store_segment s;
	pthread_t threads[2];
	int held = 0;

	assert_true(race && told);
	race->count = races_count();
	race->ids = calloc((size_t)race->count, sizeof(*race->ids));
	assert_non_null(race->ids);
	told->race = race;
	case_open("C-1", "");
	assert_int_equal(store_batch_begin(fx.archive), 0);
	for (int i = 0; i < race->count; i++) {
		fixture_segment(&s, (unsigned)i);
		s.state = STORE_STATE_STORED;
		assert_int_equal(store_segment_put(fx.archive, &s), 0);
		memcpy(race->ids[i], s.id, sizeof(s.id));
	}
	assert_int_equal(store_batch_commit(fx.archive), 0);
	pthread_mutex_init(&race->archive, NULL);
	pthread_barrier_init(&race->start, NULL, 2);
	assert_int_equal(pthread_create(&threads[0], NULL, hold_all, race), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, purge_all, race), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	assert_int_equal(store_ledger_walk(fx.archive, see_entry, told), 0);
	for (int i = 0; i < race->count; i++) {
		bool won = race->held[i] == 0;

		held += won;
		assert_int_equal(race->held[i], won ? 0 : -EALREADY);
		assert_int_equal(race->purged[i], won ? -EPERM : 0);
		assert_int_equal(state_of(race->ids[i], &s),
				 won ? STORE_STATE_HELD : STORE_STATE_PURGED);
		assert_int_equal(told->holds[i], won);
		assert_int_equal(told->purges[i], !won);
	}
	print_message("%d races: %d held, %d purged\n", race->count, held,
		      race->count - held);
	/* each of them may win */
	assert_in_range(held, 1, race->count - 1);
	assert_int_equal(holds_of("C-1", NULL).held, held);
	pthread_barrier_destroy(&race->start);
	pthread_mutex_destroy(&race->archive);
	free(race->ids);
	free(race);
	free(told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_held_stays),       TEST(test_found_by_successor),
		TEST(test_old_row),          TEST(test_refused),
		TEST(test_too_many_classes), TEST(test_race),
		TEST(test_opened_as_new),    TEST(test_damaged_others),
		TEST(test_verify_tells),     TEST(test_verify_tells_of_row),
		TEST(test_old_row_to_purge), TEST(test_no_numbers),
		TEST(test_spellings),        TEST(test_held_interrupted),
		TEST(test_forget_case),      TEST(test_damaged_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
