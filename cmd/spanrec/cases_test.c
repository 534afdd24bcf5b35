/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds, cases and requests of subjects, from the command line: what has to be
 * named, what stays, until when, and what certificates say. */
#include "cmd/spanrec/fixture_priv.h"

/** "2019-06-01": within a year of NOW. */
#define REVIEW   "2019-06-01"
#define REVIEWED "--review 2019-06-01"

static void
hold(const struct fixture *f, int64_t now_ns, const char *id, const char *name)
{
	free(run(f, now_ns, EXIT_DONE,
		 "hold add %s --case %s --reason needed --approver bob "
		 "--review " REVIEW,
		 id, name));
}

static void
open_case(const struct fixture *f, const char *name, const char *then)
{
	free(run(f, NOW, EXIT_DONE,
		 "case open %s --title complaint --approver bob%s", name,
		 then));
}

/* What was wrapped, on one line. */
static char *
unwrapped(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if (*p == '\n' || *p == ' ') {
			if (to > text && to[-1] != ' ')
				*to++ = ' ';
			continue;
		}
		*to++ = *p;
	}
	*to = '\0';
	return text;
}

static char *
why(const struct fixture *f, int64_t now_ns, const char *id)
{
	return unwrapped(run(f, now_ns, EXIT_DONE, "why %s", id));
}

static uint64_t
purged(const struct fixture *f, int64_t now_ns)
{
	char *text = run(f, now_ns, EXIT_DONE, "purge");
	uint64_t n = strtoull(text, NULL, 10);

	free(text);
	return n;
}

/* ---- holds ----------------------------------------------------------------
 */

static void
test_each_is_needed(void **state)
{
	const struct fixture *f = *state;
	static const char *const options[] = { "--case C-1", "--reason r",
					       "--approver bob", REVIEWED };
	char line[256];

	open_case(f, "C-1", "");
	for (size_t left = 0; left < 4; left++) {
		line[0] = '\0';
		for (size_t i = 0; i < 4; i++)
			if (i != left)
				snprintf(line + strlen(line),
					 sizeof(line) - strlen(line), " %s",
					 options[i]);
		free(
		    run(f, NOW, EXIT_USAGE, "hold add %s%s", f->call[0], line));
	}
	/* a review that was, and one that is too far */
	for (size_t i = 0; i < 2; i++)
		free(run(f, NOW, EXIT_USAGE,
			 "hold add %s --case C-1 --reason r --approver bob "
			 "--review %s",
			 f->call[0], i ? "2020-05-01" : "2019-03-29"));
	free(run(
	    f, NOW, EXIT_NOT_FOUND,
	    "hold add %s --case C-2 --reason r --approver bob --review " REVIEW,
	    f->call[0]));
	free(run(
	    f, NOW, EXIT_NOT_FOUND,
	    "hold add 2020 --case C-1 --reason r --approver bob --review " REVIEW));
	free(run(f, NOW, EXIT_USAGE, "case open C-3 --title t"));
	free(run(f, NOW, EXIT_USAGE, "case close C-1"));
	free(run(f, NOW, EXIT_NOT_FOUND,
		 "case open C-3 --title t --approver b --then nothing"));
	line[0] = '\0';
	free(run(f, NOW, EXIT_DONE, "hold list"));
}

static void
test_hold(void **state)
{
	const struct fixture *f = *state;
	const int64_t later = NOW + 200 * DAY;
	char *text;

	open_case(f, "C-1", "");
	hold(f, NOW, f->call[0], "C-1");
	text = run(f, NOW, EXIT_DONE, "hold list");
	assert_has(text, f->call[0]);
	assert_has(text, "C-1");
	assert_has(text, REVIEW);
	free(text);
	text = run(f, NOW, EXIT_DONE, "hold list --due-review");
	assert_has_not(text, f->call[0]);
	free(text);
	text = run(f, later, EXIT_DONE, "hold list --due-review --json");
	assert_has(text, "\"state\":\"review is due\"");
	free(text);
	text = why(f, NOW, f->call[0]);
	assert_has(text, "Case C-1 holds it since 2019-03-30 (needed)");
	assert_has(text, "approved by bob, to be looked at on " REVIEW);
	free(text);
	/* its time is over, and it stays */
	assert_true(purged(f, later) > 0);
	text = run(f, later, EXIT_DONE, "list --json");
	assert_has(text, "\"state\":\"held\"");
	free(text);

	/* the class counts from when the case is closed, here 90 days */
	text = run(f, later, EXIT_DONE, "case close C-1 --reason done");
	assert_has(text, "to be deleted");
	assert_has(text, "2020-01-14");
	free(text);
	text = run(f, later, EXIT_DONE, "case show C-1");
	assert_has(text, "to be deleted");
	assert_has(text, "2020-01-14");
	free(text);
	text = why(f, later, f->call[0]);
	assert_has(text,
		   "It was held before; since that hold ended on 2019-10-16");
	free(text);
	assert_int_equal(purged(f, later + 89 * DAY), 0);
	assert_true(purged(f, later + 90 * DAY) > 0);
	text = run(f, later + 90 * DAY, EXIT_DONE, "hold list");
	assert_has(text, "deleted");
	free(text);
}

/* Not within seven days, whatever the clocks say; and never earlier than
 * without the hold. */
static void
test_grace(void **state)
{
	const struct fixture *f = *state;
	const int64_t early = NOW + 1 * DAY, late = NOW + 200 * DAY;
	char *text;

	free(run(f, early, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, early, EXIT_DONE, "sar search S-1"));
	text = run(f, early, EXIT_DONE, "hold list --json");
	assert_has(text, "\"case\":\"S-1\"");
	free(text);
	(void)purged(f, late);
	free(run(f, late, EXIT_DONE, "sar answer S-1 --sent 2019-04-20"));
	assert_int_equal(purged(f, late + 7 * DAY - SECOND), 0);
	assert_true(purged(f, late + 7 * DAY) > 0);
}

/* ---- requests -------------------------------------------------------------
 */

static void
test_sar_due(void **state)
{
	const struct fixture *f = *state;
	char *text;

	text = run(f, NOW + 2 * DAY, EXIT_DONE,
		   "sar open S-1 --subject 2750,2751 --received 2019-03-31 "
		   "--clock uk --requester Smith");
	assert_has(text, "due by 2019-04-30");
	free(text);
	text = run(f, NOW + 2 * DAY, EXIT_DONE,
		   "sar open S-2 --subject 2750 --received 2019-03-31 --clock "
		   "jersey");
	assert_has(text, "due by 2019-04-28");
	free(text);
	free(run(f, NOW, EXIT_USAGE,
		 "sar open S-3 --subject 2750 --received 2019-04-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_USAGE,
		 "sar open S-3 --subject 2750 --received 2019-03-30 --clock "
		 "mars"));
	free(run(f, NOW + 3 * DAY, EXIT_DONE, "sar pause S-1 --reason who"));
	text = run(f, NOW + 8 * DAY, EXIT_DONE, "sar resume S-1");
	assert_has(text, "due by 2019-05-05 (one calendar month, UK GDPR "
			 "article 12(3), and 5 days in which the clock stood "
			 "still)");
	free(text);
	text = run(f, NOW + 60 * DAY, EXIT_DONE, "sar list");
	assert_has(text, "overdue");
	assert_has(text, "Smith");
	assert_has(text, "5 days");
	assert_has(text, "2750 +1");
	free(text);
	text = run(f, NOW + 60 * DAY, EXIT_DONE, "sar list --json");
	assert_has(text, "\"subjects\":[\"2750\",\"2751\"]");
	free(text);
	/* one that has run out is neither stopped nor made longer */
	free(run(f, NOW + 60 * DAY, EXIT_FAILED, "sar pause S-1 --reason who"));
	free(run(f, NOW + 60 * DAY, EXIT_FAILED,
		 "sar extend S-1 --reason long"));
	/* a name that is none, a case that is not there */
	free(run(f, NOW, EXIT_USAGE,
		 "sar open %s --subject 2750 --received 2019-03-30 --clock uk",
		 "S-1234567890123456789012345678901234567890"));
	free(run(f, NOW, EXIT_NOT_FOUND, "hold list --case nosuch"));
	/* a request is no case, nor the other way round */
	free(run(f, NOW, EXIT_USAGE, "case close S-1 --reason r"));
	free(run(
	    f, NOW, EXIT_USAGE,
	    "hold add %s --case S-1 --reason r --approver b --review " REVIEW,
	    f->call[0]));
}

/* Further time, once, and before the first is over; what is held for it is
 * looked at when the answer is due. */
static void
test_sar_extend(void **state)
{
	const struct fixture *f = *state;
	char *text;

	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	free(run(f, NOW, EXIT_USAGE, "sar extend S-1"));
	text = run(f, NOW + 10 * DAY, EXIT_DONE,
		   "sar extend S-1 --reason "
		   "many");
	assert_has(text, "due by 2019-06-30");
	assert_has(text, "two further months");
	free(text);
	free(run(f, NOW + 10 * DAY, EXIT_FAILED, "sar extend S-1 --reason x"));
	text = run(f, NOW + 60 * DAY, EXIT_DONE, "sar list");
	assert_has(text, "searched");
	free(text);
	text = run(f, NOW + 60 * DAY, EXIT_DONE, "hold list --due-review");
	assert_has(text, "Nothing is held.");
	free(text);
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-2 --subject 2750 --received 2019-03-30 --clock "
		 "jersey"));
	text = run(f, NOW, EXIT_DONE, "sar extend S-2 --reason many");
	assert_has(text, "due by 2019-06-22");
	assert_has(text, "eight further weeks");
	free(text);
}

/* An answer is of a day that can be; if it was none it is taken back. */
static void
test_sar_answer(void **state)
{
	const struct fixture *f = *state;
	char *text;

	free(run(f, NOW + DAY, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-31 --clock "
		 "uk"));
	free(run(f, NOW + DAY, EXIT_DONE, "sar search S-1"));
	free(run(f, NOW + DAY, EXIT_USAGE, "sar answer S-1 --sent 2019-03-30"));
	free(run(f, NOW + DAY, EXIT_USAGE, "sar answer S-1 --sent 2020-01-01"));
	free(run(f, NOW + DAY, EXIT_FAILED, "sar reopen S-1 --reason r"));
	text = run(f, NOW + 50 * DAY, EXIT_DONE,
		   "sar answer S-1 --sent 2019-05-02");
	assert_has(text, "answered on 2019-05-02, 2 days late: it was due by "
			 "2019-04-30");
	free(text);
	text = run(f, NOW + 90 * DAY, EXIT_DONE, "sar list --json");
	assert_has(text, "\"state\":\"answered late\"");
	assert_has(text, "\"days_late\":2");
	free(text);
	text = run(f, NOW + 50 * DAY, EXIT_DONE, "sar show S-1");
	assert_has(text, "2 days late");
	free(text);
	text = run(f, NOW + 50 * DAY, EXIT_DONE, "audit list --json");
	assert_has(text, "sent 2019-05-02, due 2019-04-30, 2 days late");
	assert_has(text, "clock uk, received 2019-03-31, due 2019-04-30");
	assert_has(text, "calls from the first to the last: 5 found");
	free(text);
	/* "case 'S-1'" it is not */
	free(run(f, NOW + 50 * DAY, EXIT_FAILED,
		 "sar answer S-1 --sent 2019-05-02"));
	text =
	    run(f, NOW + 50 * DAY, EXIT_DONE, "sar reopen S-1 --reason date");
	assert_has(text, "due by 2019-04-30");
	free(text);
	text = run(f, NOW + 50 * DAY, EXIT_DONE, "sar list");
	assert_has(text, "overdue");
	free(text);
	text = run(f, NOW + 50 * DAY, EXIT_NOT_FOUND, "status");
	assert_has(text, "Warning    1 request of subjects is overdue");
	free(text);
	text = run(f, NOW + 50 * DAY, EXIT_DONE, "hold list --json");
	assert_has(text, "\"ended\":null");
	free(text);
	(void)purged(f, NOW + 300 * DAY);
	text = run(f, NOW + 300 * DAY, EXIT_DONE, "show --json %s", f->call[0]);
	assert_has(text, "\"state\":\"held\"");
	free(text);
}

/* What is no number is not searched for. */
static void
test_subjects(void **state)
{
	static const char *const wrong[] = { "0163*", "alice", "", "2750,,2751",
					     "27x50" };
	const struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		free(run(f, NOW, EXIT_USAGE,
			 "sar open S-1 --subject %s --received 2019-03-30 "
			 "--clock uk",
			 wrong[i]));
	free(run(f, NOW, EXIT_USAGE, "find --number abc"));
	free(run(f, NOW, EXIT_USAGE, "find --number "));
	free(run(f, NOW, EXIT_USAGE, "find --extension 2x50"));
	free(run(f, NOW, EXIT_DONE, "find --number 1632960001"));
}

/* One search does not undo another, and a count is no call that was not seen.
 */
static void
test_searches(void **state)
{
	const struct fixture *f = *state;
	struct store_archive *archive;
	char path[512], *text;

	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_batch_begin(archive), 0);
	assert_int_equal(store_counter_add(archive, 20190327, "secret", 7), 0);
	assert_int_equal(store_batch_commit(archive), 0);
	store_archive_close(&archive);
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE,
		 "sar search S-1 --from 2019-03-27 --to "
		 "2019-03-27"));
	text = unwrapped(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Nothing is kept of such a call.");
	assert_has(text, "no more than a count of each day: 7 secret.");
	free(text);
	free(run(f, NOW, EXIT_DONE, "sar search S-1 --from 2019-03-28"));
	free(run(f, NOW, EXIT_DONE,
		 "sar search S-1 --from 2019-03-27 --to "
		 "2019-03-27"));
	text = unwrapped(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Recorded and kept");
	assert_has(text, ": 0 found");
	assert_has(text, "on 2019-03-30 from 2019-03-28 00:00:00 GMT to the "
			 "last one: 5 found");
	assert_has(text, " by root");
	assert_has(text, "of the ledger has the BLAKE2b-256");
	free(text);
}

/* Who had a copy, who purged it, and what was taken out; and nobody's number
 * who is not who asks, or ours. */
static void
test_certificate_tells(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], path[512], *text;

	snprintf(id, sizeof(id), "%s-1", f->call[0]);
	snprintf(path, sizeof(path), "%s/x.wav", f->folder);
	free(run(f, NOW, EXIT_DONE, "export %s --out %s --purpose quality", id,
		 path));
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	text = unwrapped(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Copies of it were exported: on 2019-03-30 by ");
	assert_has(text, "who asks, 2750");
	assert_has(text, "somebody else");
	assert_has_not(text, "+44");
	assert_has(text, "Answered not yet");
	free(text);
	free(run(f, NOW, EXIT_DONE, "sar answer S-1 --sent 2019-03-30"));
	assert_true(purged(f, NOW + 95 * DAY) > 0);
	text =
	    unwrapped(run(f, NOW + 95 * DAY, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "the certificate is entry ");
	assert_has(text, "Copies of it were exported: on 2019-03-30 by ");
	assert_has(text, "Answered 2019-03-30");
	free(text);
}

/* A hold is looked at, and needed for longer; one of a request ends alone. */
static void
test_review(void **state)
{
	const struct fixture *f = *state;
	const int64_t later = NOW + 80 * DAY;
	char *text;

	open_case(f, "C-1", "");
	hold(f, NOW, f->call[0], "C-1");
	free(run(f, later, EXIT_USAGE,
		 "hold review %s --case C-1 --reason r --until 2019-12-01",
		 f->call[0]));
	free(run(f, later, EXIT_USAGE,
		 "hold review %s --case C-1 --reason r --approver b --until "
		 "2021-01-01",
		 f->call[0]));
	free(run(f, later, EXIT_NOT_FOUND,
		 "hold review %s --case C-1 --reason r --approver b --until "
		 "2019-12-01",
		 f->call[1]));
	text = run(f, later, EXIT_NOT_FOUND, "status");
	assert_has(text, "2 holds are to be looked at again");
	free(text);
	free(run(f, later, EXIT_DONE,
		 "hold review %s --case C-1 --reason court --approver b "
		 "--until 2019-12-01",
		 f->call[0]));
	text = run(f, later, EXIT_DONE, "hold list --due-review");
	assert_has(text, "Nothing is held.");
	free(text);
	text = why(f, later, f->call[0]);
	assert_has(text, "to be looked at on 2019-12-01");
	assert_has(text, "saw that it is needed for longer (court)");
	free(text);
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	text = why(f, NOW, f->call[1]);
	assert_has(text, "Request S-1 holds it since 2019-03-30 (request of a "
			 "subject), to be looked at on 2019-04-30");
	assert_has_not(text, "the law");
	free(text);
	free(run(f, NOW, EXIT_DONE, "hold end %s --case S-1 --reason other",
		 f->call[1]));
	text = run(f, NOW, EXIT_DONE, "show --json %s", f->call[1]);
	assert_has(text, "\"state\":\"stored\"");
	free(text);
}

static void
make_unrecorded(struct store_segment *segment)
{
	segment->state = STORE_STATE_NONE;
	segment->decision = STORE_DROP;
	segment->chunks = 0;
	segment->bytes = 0;
	segment->key_day = 0;
	snprintf(segment->reason, sizeof(segment->reason), "exempt");
	snprintf(segment->rule, sizeof(segment->rule), "union line");
}

static void
test_certificate(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], number[STORE_NUMBER_BYTES];
	struct store_segment *s = malloc(sizeof(*s));
	struct store_archive *archive;
	char path[512], *text;
	uint8_t *bytes;
	size_t n;

	assert_non_null(s);
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_READ, NULL, NULL), 0);
	snprintf(id, sizeof(id), "%s-1", f->call[0]);
	assert_int_equal(store_segment_get(archive, id, s), 0);
	memcpy(number, s->remote, sizeof(number));
	store_archive_close(&archive);
	free(s);

	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject %s --received 2019-03-30 --clock uk",
		 number));
	free(run(f, NOW, EXIT_USAGE, "sar certificate S-1"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	text = unwrapped(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Recorded and kept (20190328T141503Z-rq7gp4xt-1)");
	assert_has(text, id);
	assert_has(text, "2019-04-30");
	free(text);
	/* answered, and purged in its time */
	free(run(f, NOW, EXIT_DONE, "sar answer S-1 --sent 2019-03-30"));
	assert_true(purged(f, NOW + 95 * DAY) > 0);
	text =
	    unwrapped(run(f, NOW + 95 * DAY, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Recorded, and purged on 2019-07-03");
	assert_has_not(text, "Recorded and kept");
	free(text);
	/* of somebody else nothing is there */
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-2 --subject 07700900999 --received 2019-03-30 "
		 "--clock uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-2"));
	snprintf(path, sizeof(path), "%s/S-2.txt", f->folder);
	free(run(f, NOW, EXIT_DONE, "sar certificate S-2 --out %s", path));
	bytes = testing_read_file(path, &n);
	text = strndup((char *)bytes, n);
	free(bytes);
	assert_has(text, "Nothing is kept of such a call.");
	free(text);
	free(run(f, NOW, EXIT_FAILED, "sar certificate S-2 --out %s", path));
}

static void
test_certificate_unrecorded(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *text;

	snprintf(id, sizeof(id), "%s-1", f->call[0]);
	edit(f, id, make_unrecorded);
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	text = unwrapped(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Never recorded, by the rule 'union line' (exempt)");
	assert_has(text, "Never recorded: no sound of it was seen.");
	free(text);
}

static void
take_back(struct store_segment *segment)
{
	segment->state = STORE_STATE_PURGED;
	segment->decision = STORE_DROP;
	segment->purged_ns = NOW;
	snprintf(segment->reason, sizeof(segment->reason), "opt-out");
	snprintf(segment->rule, sizeof(segment->rule), "keyed");
}

static void
scrubbed(struct store_segment *segment)
{
	segment->scrubs = 1;
}

/* What was decided against after it had begun went by no retention class; of
 * what is kept not all may be. */
static void
test_certificate_partly(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *text;

	snprintf(id, sizeof(id), "%s-1", f->call[0]);
	edit(f, id, take_back);
	snprintf(id, sizeof(id), "%s-2", f->call[0]);
	edit(f, id, scrubbed);
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	text = unwrapped(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	assert_has(text, "Not to be recorded; what had been recorded before "
			 "that was known was destroyed with its key on "
			 "2019-03-30");
	assert_has(text, "by the rule 'keyed' (opt-out)");
	assert_has_not(text, "under the retention class");
	assert_has(text, "-2). A part of it was taken out. It is held");
	free(text);
}

/* A call is found once, however many of the numbers had part in it. */
static void
test_found_once(void **state)
{
	const struct fixture *f = *state;
	char *text, *again;

	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE,
		 "sar open S-2 --subject 2750,2750,02750 --received 2019-03-30 "
		 "--clock uk"));
	text = run(f, NOW, EXIT_DONE, "sar search S-1 --json");
	again = run(f, NOW, EXIT_DONE, "sar search S-2 --json");
	assert_true(strlen(text) > 0);
	assert_string_equal(text, again);
	free(again);
	free(text);
}

/* Who was answered while it was awaited who he is waits no more. */
static void
test_answered_in_a_pause(void **state)
{
	const struct fixture *f = *state;
	char *text;

	free(run(f, NOW + 2 * DAY, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-31 --clock "
		 "uk"));
	free(run(f, NOW + 3 * DAY, EXIT_DONE, "sar pause S-1 --reason who"));
	free(run(f, NOW + 8 * DAY, EXIT_USAGE,
		 "sar answer S-1 --sent 2019-03-30"));
	free(run(f, NOW + 8 * DAY, EXIT_DONE,
		 "sar answer S-1 --sent 2019-04-07"));
	text = run(f, NOW + 300 * DAY, EXIT_DONE, "sar list --json");
	assert_has(text, "\"due\":\"2019-05-05\"");
	free(text);
}

static void
test_case_show(void **state)
{
	const struct fixture *f = *state;
	char *text;

	open_case(f, "C-1", "");
	hold(f, NOW, f->call[0], "C-1");
	text = run(f, NOW, EXIT_DONE, "case show C-1 --csv");
	assert_has(text, "id,case,state,held,");
	assert_has(text, f->call[0]);
	assert_has_not(text, "Opened");
	free(text);
}

/* Nothing in the ledger tells a number. */
static int
see_entry(void *ctx, const struct store_ledger_entry *entry)
{
	unsigned *acts = ctx;

	assert_has_not(entry->detail, "2750");
	assert_has_not(entry->subject, "2750");
	*acts += !strncmp(entry->action, "sar", 3) ||
		 !strncmp(entry->action, "hold", 4);
	return 0;
}

static void
test_ledger(void **state)
{
	const struct fixture *f = *state;
	struct store_archive *archive;
	unsigned acts = 0;
	char path[512];

	free(run(f, NOW, EXIT_DONE,
		 "sar open S-1 --subject 2750 --received 2019-03-30 --clock "
		 "uk"));
	free(run(f, NOW, EXIT_DONE, "sar search S-1"));
	free(run(f, NOW, EXIT_DONE, "sar certificate S-1"));
	free(run(f, NOW, EXIT_DONE, "sar answer S-1 --sent 2019-03-30"));
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_READ, NULL, NULL), 0);
	assert_int_equal(store_ledger_walk(archive, see_entry, &acts), 0);
	store_archive_close(&archive);
	assert_in_range(acts, 6, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_each_is_needed),
		FIXTURE_TEST(test_hold),
		FIXTURE_TEST(test_grace),
		FIXTURE_TEST(test_sar_due),
		FIXTURE_TEST(test_sar_extend),
		FIXTURE_TEST(test_sar_answer),
		FIXTURE_TEST(test_subjects),
		FIXTURE_TEST(test_searches),
		FIXTURE_TEST(test_certificate_tells),
		FIXTURE_TEST(test_review),
		FIXTURE_TEST(test_certificate),
		FIXTURE_TEST(test_certificate_unrecorded),
		FIXTURE_TEST(test_certificate_partly),
		FIXTURE_TEST(test_found_once),
		FIXTURE_TEST(test_answered_in_a_pause),
		FIXTURE_TEST(test_case_show),
		FIXTURE_TEST(test_ledger),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
