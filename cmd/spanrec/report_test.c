/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reports, on a home with the known calls. */
#include "cmd/common/giveway.h"
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
		   "due_soon,overdue,below_floor,gave_way,not_finished,damaged,"
		   "next_due\r\n");
	assert_has(output, "standard,3,126400,2019-03-28T14:15:03.000Z,0,0,0,0,"
			   "0,0,0,0,0,2019-06-26T14:05:03.000Z\r\n");
	/* two calls that were not recorded, by the clock of their notes */
	assert_has(output, "\n,2,0,2019-03-28T14:30:03.000Z,0,0,0,0,0,0,0,0,0,"
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
give_way(const struct fixture *f, const char *id, int64_t now_ns)
{
	struct store_purge one = { .gives_way = true };
	struct store_archive *archive;
	char path[512];

	snprintf(path, sizeof(path), "%s/archive", f->home);
	memcpy(one.id, id, sizeof(one.id));
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(
	    store_purge_many(archive, &one, 1, now_ns, "spanrecd", GIVEWAY_WHY),
	    0);
	assert_int_equal(one.result, 0);
	store_archive_close(&archive);
}

/* It is told wherever what was deleted is. */
static void
test_gave_way(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	give_way(f, id, NOW);
	output = RUN(9, EXIT_DONE, "report retention --json");
	assert_has(output, "\"below_floor\":0,\"gave_way\":1,");
	free(output);
	output = RUN(9, EXIT_DONE, "report retention --list");
	assert_has(output, "gave way: the disk was full");
	assert_has(output, id);
	free(output);
	output = RUN(9, EXIT_DONE, "report deletions");
	assert_has(output, " all, for room ");
	free(output);
	output = RUN(9, EXIT_DONE, "list --all");
	assert_has(output, "gave way");
	free(output);
	output = RUN(9, EXIT_DONE, "list --json");
	assert_has(output, "\"state\":\"purged\"");
	assert_has(output, "\"gave_way\":true");
	assert_has(output, "\"gave_way\":false");
	free(output);
	output = RUN(9, EXIT_DONE, "list --csv");
	assert_has(output, "13:20:03.000Z,true,\r\n");
	assert_has(output, "13:15:03.000Z,false,\r\n");
	free(output);
	output = RUN(9, EXIT_DONE, "show %s", id);
	assert_has(output, "the disk was full, and its class gives way");
	assert_has(output, GIVEWAY_WHY);
	free(output);
	output = RUN(9, EXIT_DONE, "why %s", id);
	unwrap(output);
	assert_has(output, "by spanrecd (key ");
	assert_has(output, GIVEWAY_WHY);
	assert_has(output, "That was before its time: the disk was full, and "
			   "the policy says that its class gives way. ");
	free(output);
	/* what went by its clock did not */
	free(RUN(90, EXIT_DONE, "purge"));
	output = RUN(90, EXIT_DONE, "report retention --json");
	assert_has(output, "\"gave_way\":1,");
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
			   "\"gave_way\":0,\"not_finished\":0,\"damaged\":1");
	free(output);
	output = RUN(100, EXIT_DONE, "report retention --json");
	assert_has(output, "\"overdue\":3,\"below_floor\":0,"
			   "\"gave_way\":0,\"not_finished\":0,\"damaged\":0");
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
	/* and nobody takes it for gone */
	output = RUN(95, EXIT_DONE, "list");
	assert_has(output, "not deleted");
	assert_has(output, id);
	assert_has(output, "1 deletion not finished: 'spanrec show ID' says");
	free(output);
	output = RUN(95, EXIT_DONE, "list --json");
	assert_has(output, "\"unfinished\":\"its key is not destroyed yet\"");
	assert_has(output, "\"unfinished\":null");
	free(output);
	output = RUN(95, EXIT_DONE, "show %s", id);
	assert_has(output, "deletion not finished: its key is not "
			   "destroyed yet; 'spanrec purge'");
	free(output);
	output = RUN(95, EXIT_DONE, "why %s", id);
	unwrap(output);
	assert_has(output, "and is not finished: its key is not "
			   "destroyed yet. 'spanrec purge' goes on");
	assert_has_not(output, "It was deleted on");
	free(output);
	free(RUN(95, EXIT_DONE, "purge"));
	output = RUN(95, EXIT_DONE, "list --json");
	assert_has_not(output, "not destroyed yet");
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

/* ---- what was put in force since ----------------------------------------- */

static void
shorten(const struct fixture *f, int64_t day, unsigned days, unsigned deletes)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "sed 's/{max: [0-9]* days}/{max: %u days}/' %s/policy.yaml "
		 ">%s/draft.yaml",
		 days, f->home, f->folder);
	assert_int_equal(system(command), 0);
	free(RUN(day, EXIT_DONE,
		 "policy apply --existing --deletes %u %s/draft.yaml", deletes,
		 f->folder));
}

/* What a policy made due is not late, if it goes at once; what was late is. */
static void
test_not_late(void **state)
{
	const struct fixture *f = *state;
	char *output, id[STORE_SEGMENT_ID_BYTES];

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	shorten(f, 10, 60, 0);
	shorten(f, 20, 5, 3);
	free(RUN(20, EXIT_DONE, "purge"));
	output = RUN(20, EXIT_DONE, "report deletions --json");
	assert_has(output, "\"ceiling\":\"2019-04-19T14:25:03.000Z\","
			   "\"late_s\":0,\"recorded\":true");
	free(output);
	output = RUN(20, EXIT_DONE, "report deletions --late");
	assert_has(output, "Nothing was deleted.");
	free(output);
	/* whatever policy comes later */
	shorten(f, 21, 90, 0);
	output = RUN(21, EXIT_DONE, "report deletions --json");
	assert_has(output, "\"ceiling\":\"2019-04-19T14:25:03.000Z\"");
	free(output);
	output = RUN(21, EXIT_DONE, "why %s", id);
	unwrap(output);
	assert_has(output, "It was deleted on 2019-04-19 15:15:03 BST by ");
	assert_has(output, "; the certificate is entry ");
	assert_has(output, "How long it was kept was decided by the policy "
			   "that ");
	assert_has(output, " put in force on 2019-04-19 15:15:03 BST, "
			   "policy/");
	free(output);
}

static void
test_still_late(void **state)
{
	const struct fixture *f = *state;
	char *output;

	shorten(f, 10, 30, 0);
	/* overdue for eight days when another policy comes */
	shorten(f, 36, 20, 3);
	free(RUN(36, EXIT_DONE, "purge"));
	output = RUN(36, EXIT_DONE, "report deletions --json");
	assert_has(output, "\"ceiling\":\"2019-04-27T14:15:03.000Z\","
			   "\"late_s\":691200,");
	free(output);
}

/* ---- one set of dates ---------------------------------------------------- */

static void
test_dates(void **state)
{
	const struct fixture *f = *state;
	char *output, id[STORE_SEGMENT_ID_BYTES], none[STORE_SEGMENT_ID_BYTES];
	const int64_t gone = 90, forgotten = 731;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	snprintf(none, sizeof(none), "%.27s-1", f->call[3]);
	/* of what was not recorded there is the note alone */
	output = RUN(0, EXIT_DONE, "show %s --json", none);
	assert_has(output, "\"floor\":null,\"ceiling\":null,\"due\":null,");
	assert_has(output, "\"note_until\":\"2021-03-28T13:40:03.000Z\"");
	free(output);
	output = RUN(0, EXIT_DONE, "why %s", none);
	unwrap(output);
	assert_has(output, "nothing to delete but this entry, which goes on "
			   "2021-03-28 14:40:03 BST.");
	free(output);
	/* what is held, and what is deleted, is not due */
	edit(f, id, held);
	output = RUN(0, EXIT_DONE, "show %s --json", id);
	assert_has(output, "\"ceiling\":\"2019-06-26T14:20:03.000Z\","
			   "\"due\":null,");
	assert_has(output, "\"note_until\":null");
	free(output);
	free(RUN(gone, EXIT_DONE, "purge"));
	output = RUN(gone, EXIT_DONE, "show %.27s-1 --json", f->call[0]);
	assert_has(output, "\"due\":null,");
	assert_has(output, "\"deleted\":\"2019-06-28T14:15:03.000Z\"");
	free(output);
	output = RUN(gone, EXIT_DONE, "show %.27s-1", f->call[0]);
	assert_has(output, "purged, it had ");
	free(output);
	/* and its note goes later */
	output =
	    RUN(gone, EXIT_DONE, "purge --dry-run --as-of 2021-03-29T14:00");
	assert_has(output, "note of a deleted call\n");
	assert_has(output, " would be removed");
	free(output);
	output = RUN(forgotten, EXIT_DONE, "report retention --list");
	assert_has(output, "(notes)");
	assert_has(output, " overdue ");
	free(output);
}

/* ---- damage -------------------------------------------------------------- */

static void
flip(const struct fixture *f)
{
	char path[512];
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "%s/archive/audio/2019/03/28/%s-1.rec",
		 f->home, f->call[1]);
	bytes = testing_read_file(path, &n);
	bytes[n / 2] ^= 1;
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, bytes, n);
	free(bytes);
}

/* What verify found is in the report until it is sound again. */
static void
test_found_damaged(void **state)
{
	const struct fixture *f = *state;
	char *output;

	flip(f);
	free(RUN(0, EXIT_DAMAGED, "verify"));
	output = RUN(0, EXIT_DONE, "report retention --json");
	assert_has(output, "\"not_finished\":0,\"damaged\":1");
	free(output);
	output = RUN(0, EXIT_DONE, "report retention --list --json");
	assert_has(output, "\"finding\":\"damaged\",\"why\":\"damaged: ");
	free(output);
	/* once is enough */
	free(RUN(0, EXIT_DAMAGED, "verify"));
	output = RUN(0, EXIT_DONE, "audit list --id %s --action verify --csv",
		     f->call[1]);
	assert_null(strstr(strstr(output, "verify") + 1, "verify"));
	free(output);
	flip(f);
	free(RUN(0, EXIT_DONE, "verify %s", f->call[1]));
	output = RUN(0, EXIT_DONE, "report retention --json");
	assert_has_not(output, "\"damaged\":1");
	free(output);
}

/* A file that came back is found, also if one asks for it alone. */
static void
test_back_again(void **state)
{
	const struct fixture *f = *state;
	char *output, path[512];
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "%s/archive/audio/2019/03/28/%s-1.rec",
		 f->home, f->call[1]);
	bytes = testing_read_file(path, &n);
	free(RUN(90, EXIT_DONE, "purge"));
	output = RUN(90, EXIT_DONE, "verify %s", f->call[1]);
	assert_has(output, "1 recording checked, 0 damaged");
	free(output);
	testing_write_file(path, bytes, n);
	free(bytes);
	output = RUN(90, EXIT_DAMAGED, "verify %s", f->call[1]);
	assert_has(output, "not erased");
	free(output);
}

/* ---- the ledger ---------------------------------------------------------- */

static void
test_ledger(void **state)
{
	const struct fixture *f = *state;
	char *output;

	free(RUN(0, EXIT_USAGE, "audit list --action foo"));
	output = RUN(0, EXIT_DONE, "audit list --action export");
	assert_string_equal(output, "Nothing was done.\n");
	free(output);
	/* who was refused is in what is known of the call, however short the
	 * id was that he gave */
	free(RUN(0, EXIT_NOT_ALLOWED, "play %.20s - --purpose gossip",
		 f->call[1]));
	output = RUN(0, EXIT_DONE, "show %s", f->call[1]);
	assert_has(output, "denied by ");
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
		FIXTURE_TEST(test_gave_way),
		FIXTURE_TEST(test_deletions),
		FIXTURE_TEST(test_held),
		FIXTURE_TEST(test_damaged),
		FIXTURE_TEST(test_unfinished),
		FIXTURE_TEST(test_below_successor),
		FIXTURE_TEST(test_below_grace),
		FIXTURE_TEST(test_not_late),
		FIXTURE_TEST(test_still_late),
		FIXTURE_TEST(test_dates),
		FIXTURE_TEST(test_found_damaged),
		FIXTURE_TEST(test_back_again),
		FIXTURE_TEST(test_ledger),
		FIXTURE_TEST(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
