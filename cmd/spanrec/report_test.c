/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reports, on a home with the known calls. */
#include "cmd/spanrec/fixture_priv.h"

#include <pwd.h>

#define RUN(day, code, ...) run(f, NOW + (day)*DAY, code, __VA_ARGS__)

static void
held(struct store_segment *segment)
{
	segment->state = STORE_STATE_HELD;
}

static void
with_floor(const struct fixture *f)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "sed -i 's/{max: 90 days}/{min: 10 days, max: 90 days}/' "
		 "%s/policy.yaml",
		 f->home);
	assert_int_equal(system(command), 0);
}

static void
test_retention(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	output = RUN(0, EXIT_DONE, "report retention --csv");
	assert_has(output,
		   "class,recordings,bytes,oldest,held,review_due,due_now,"
		   "due_soon,overdue,below_floor,not_finished,damaged,"
		   "next_due\r\n");
	assert_has(output, "standard,3,126400,2019-03-28T14:15:03.000Z,0,0,0,0,"
			   "0,0,0,0,2019-06-26T14:05:03.000Z\r\n");
	/* two calls that were not recorded, by the clock of their notes */
	assert_has(output, "\n,2,0,2019-03-28T14:30:03.000Z,0,0,0,0,0,0,0,0,"
			   "2021-03-28T13:30:03.000Z\r\n");
	free(output);
	/* a week before the end, and on the day after it */
	output = RUN(85, EXIT_DONE, "report retention --json");
	assert_has(output, "\"due_soon\":3,\"overdue\":0");
	free(output);
	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, held);
	output = RUN(89, EXIT_DONE, "report retention --json");
	assert_has(output, "\"held\":1,\"review_due\":0,\"due_now\":0,"
			   "\"due_soon\":0,\"overdue\":2");
	free(output);
	output = RUN(89, EXIT_DONE, "report retention --list --json");
	assert_has(output, id);
	assert_has(output, "\"finding\":\"held\"");
	assert_has(output, "\"finding\":\"overdue\"");
	free(output);
	output = RUN(0, EXIT_DONE, "report retention");
	assert_has(output, "CLASS");
	assert_has(output, "(notes)");
	free(output);
	free(RUN(0, EXIT_USAGE, "report retention --days -1"));
	free(RUN(0, EXIT_USAGE, "report retention --days 99999"));
}

/* Past the floor, and what went before it. */
static void
test_floor(void **state)
{
	const struct fixture *f = *state;
	char *output;

	with_floor(f);
	output = RUN(9, EXIT_DONE, "report retention --json");
	assert_has(output, "\"due_now\":3,\"due_soon\":0,\"overdue\":0,");
	free(output);
	output = RUN(9, EXIT_DONE, "report retention --list");
	assert_has(output, " due now ");
	assert_has_not(output, "due soon");
	free(output);
	free(RUN(9, EXIT_DONE, "purge"));
	output = RUN(9, EXIT_DONE, "report retention --json");
	assert_has(output, "\"class\":\"standard\",\"recordings\":0");
	assert_has(output, "\"below_floor\":0");
	free(output);
}

/* Nothing that spanrec does deletes before the floor; somebody may. */
static void delete (const struct fixture *f, const char *id, int64_t now_ns)
{
	struct store_archive *archive;
	char path[512];

	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_purge(archive, id, now_ns, "ann", "a mistake"),
			 0);
	store_archive_close(&archive);
}

static void
test_below_floor(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-2", f->call[0]);
	with_floor(f);
	delete (f, id, NOW);
	output = RUN(9, EXIT_DONE, "report retention --list");
	assert_has(output, "deleted before its floor");
	assert_has(output, id);
	free(output);
}

static void
test_deletions(void **state)
{
	const struct fixture *f = *state;
	char *output, path[512];
	struct stat st;

	output = RUN(0, EXIT_DONE, "report deletions");
	assert_has(output, "\n\nNothing was deleted.\n");
	free(output);
	free(RUN(90, EXIT_DONE, "purge"));
	output = RUN(90, EXIT_DONE, "report deletions --json");
	assert_has(output, "\"ceiling\":\"2019-06-26T14:15:03.000Z\","
			   "\"late_s\":172800,\"recorded\":true");
	assert_has(output, "overwritten, file removed");
	free(output);
	/* in the zone of the organisation, which is an hour ahead; late by two
	 * days; one of the certificates */
	output = RUN(90, EXIT_DONE, "report deletions");
	assert_has(output, "LATE");
	assert_has(output, "2019-06-26 15:15:03");
	assert_has(output, "48:00:00");
	assert_has(output, getpwuid(getuid())->pw_name);
	assert_has(output, " all ");
	free(output);
	output = RUN(90, EXIT_DONE, "report deletions --csv");
	assert_has(output, "deleted,id,what,class,start,floor,ceiling,late_s,"
			   "recorded,by,why,certificate\r\n");
	assert_has(output, ",all,standard,");
	free(output);
	output = RUN(90, EXIT_DONE, "report deletions --from 2019-06-29");
	assert_has(output, "From          2019-06-29 00:00:00 BST\n");
	assert_has(output, "\n\nNothing was deleted.\n");
	free(output);
	snprintf(path, sizeof(path), "%s/deletions.csv", f->folder);
	free(RUN(90, EXIT_DONE, "report deletions --csv --out %s", path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(RUN(90, EXIT_FAILED, "report deletions --csv --out %s", path));
	/* in time: nothing is late */
	output = RUN(90, EXIT_DONE, "report deletions --late --csv");
	assert_has(output, "172800");
	free(output);
}

static void
test_held(void **state)
{
	const struct fixture *f = *state;
	char *output;

	free(RUN(0, EXIT_DONE, "case open C-9 --title fall --approver ann"));
	free(RUN(0, EXIT_DONE,
		 "hold add %.27s-1 --case C-9 --reason claim --approver ann "
		 "--review 2019-06-01",
		 f->call[1]));
	output = RUN(0, EXIT_DONE, "report retention --list --json");
	assert_has(output, "\"finding\":\"held\",\"why\":\"case C-9: claim "
			   "(review 2019-06-01)\"");
	free(output);
	output = RUN(200, EXIT_DONE, "report retention --list --json");
	assert_has(output, "\"finding\":\"held, review is due\"");
	free(output);
	output = RUN(200, EXIT_DONE, "report retention --json");
	assert_has(output, "\"held\":1,\"review_due\":1");
	free(output);
}

static void
damaged(struct store_segment *segment)
{
	segment->state = STORE_STATE_DAMAGED;
}

/* What is damaged and past its ceiling is past its ceiling. */
static void
test_damaged(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, damaged);
	output = RUN(0, EXIT_DONE, "report retention --json");
	assert_has(output, "\"overdue\":0,\"below_floor\":0,"
			   "\"not_finished\":0,\"damaged\":1");
	free(output);
	output = RUN(100, EXIT_DONE, "report retention --json");
	assert_has(output, "\"overdue\":3,\"below_floor\":0,"
			   "\"not_finished\":0,\"damaged\":0");
	free(output);
}

/* The index says that it is gone, and the key is still there. */
static void
test_unfinished(void **state)
{
	const struct fixture *f = *state;
	struct store_segment *segment = malloc(sizeof(*segment));
	char id[STORE_SEGMENT_ID_BYTES], path[512], *output;
	struct store_archive *archive;

	assert_non_null(segment);
	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_segment_get(archive, id, segment), 0);
	assert_int_equal(store_batch_begin(archive), 0);
	assert_int_equal(store_purge_begin(archive, segment, NOW + 95 * DAY,
					   "ann", "its time is over", NULL),
			 0);
	assert_int_equal(store_batch_commit(archive), 0);
	store_archive_close(&archive);
	free(segment);
	output = RUN(95, EXIT_DONE, "report retention --json");
	assert_has(output, "\"not_finished\":1");
	free(output);
	output = RUN(95, EXIT_DONE, "report retention --list --json");
	assert_has(output, "\"finding\":\"deletion not finished\"");
	free(output);
}

static void
set_complaints(const struct fixture *f)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "sed -i 's/^\\( *\\)standard: {max: 90 days}/&\\n"
		 "\\1complaints: {min: 300 days, max: 400 days}/' "
		 "%s/policy.yaml",
		 f->home);
	assert_int_equal(system(command), 0);
}

static uint8_t decided[STORE_HASH_BYTES];

static void
decided_by(struct store_segment *segment)
{
	memcpy(segment->policy, decided, sizeof(segment->policy));
}

/* The policy of the home, as it is, decided about a segment. */
static void
keep_policy(const struct fixture *f, const char *id)
{
	struct store_archive *archive;
	uint8_t *text;
	char path[512];
	size_t n;

	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	text = testing_read_file(path, &n);
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_archive_keep_policy(archive, text, n, decided),
			 0);
	store_archive_close(&archive);
	free(text);
	edit(f, id, decided_by);
}

/* The floor of the class that counts since a hold ended is a floor too, also
 * where the policy that decided does not know the class. */
static void
test_below_successor(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	keep_policy(f, id);
	set_complaints(f);
	free(RUN(0, EXIT_DONE,
		 "case open C-9 --title fall --approver ann --then "
		 "complaints"));
	free(RUN(0, EXIT_DONE,
		 "hold add %s --case C-9 --reason claim --approver ann "
		 "--review 2019-06-01",
		 id));
	free(RUN(60, EXIT_DONE, "case close C-9 --reason done"));
	delete (f, id, NOW + 100 * DAY);
	output = RUN(101, EXIT_DONE, "report retention --list");
	assert_has(output, "deleted before its floor");
	assert_has(output, id);
	free(output);
}

/* Nor within the seven days after a hold. */
static void
test_below_grace(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	free(RUN(0, EXIT_DONE, "case open C-9 --title fall --approver ann"));
	free(RUN(0, EXIT_DONE,
		 "hold add %s --case C-9 --reason claim --approver ann "
		 "--review 2019-06-01",
		 id));
	free(RUN(60, EXIT_DONE, "case close C-9 --reason done"));
	delete (f, id, NOW + 61 * DAY);
	output = RUN(61, EXIT_DONE, "report retention --list");
	assert_has(output, "deleted before its floor");
	free(output);
}

static void
test_usage(void **state)
{
	const struct fixture *f = *state;

	free(RUN(0, EXIT_USAGE, "report"));
	free(RUN(0, EXIT_USAGE, "report weather"));
	free(RUN(0, EXIT_USAGE, "report deletions --from never"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_retention),
		FIXTURE_TEST(test_floor),
		FIXTURE_TEST(test_below_floor),
		FIXTURE_TEST(test_deletions),
		FIXTURE_TEST(test_held),
		FIXTURE_TEST(test_damaged),
		FIXTURE_TEST(test_unfinished),
		FIXTURE_TEST(test_below_successor),
		FIXTURE_TEST(test_below_grace),
		FIXTURE_TEST(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
