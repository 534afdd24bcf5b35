/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands about policies, on a home with the known calls. */
#include "cmd/spanrec/fixture_priv.h"

#include <dirent.h>

#include "cmd/testing/recorder.h"

static const char unheard[] = "rules:\n"
			      "  - name: nobody\n"
			      "    match: {numbers: 2751}\n"
			      "    decision: drop\n";

/* ---- drafts -------------------------------------------------------------- */

static char *
home_text(const struct fixture *f)
{
	char path[512], *text;
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	bytes = testing_read_file(path, &n);
	text = strndup((char *)bytes, n);
	assert_non_null(text);
	free(bytes);
	return text;
}

/* The policy of the home, with `from` replaced by `to`, as draft.yaml. */
static void
draft(const struct fixture *f, const char *from, const char *to)
{
	char path[512], *text = home_text(f), *made;
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("'%s' is not in the policy", from);
	assert_true(asprintf(&made, "%.*s%s%s", (int)(at - text), text, to,
			     at + strlen(from)) > 0);
	snprintf(path, sizeof(path), "%s/draft.yaml", f->folder);
	testing_write_file(path, made, strlen(made));
	free(made);
	free(text);
}

/* A draft with a test, after a rule as in `unheard`. */
static void
draft_with_test(const struct fixture *f, const char *decision)
{
	char *to;

	assert_true(asprintf(&to,
			     "tests:\n"
			     "  - name: a call\n"
			     "    call: {from: 01632 960001, to: '2750'}\n"
			     "    expect: [{at: 0:00, decision: %s}]\n"
			     "%s",
			     decision, unheard) > 0);
	draft(f, "rules:\n", to);
	free(to);
}

#define RUN(code, line, ...) run(f, NOW, code, line, ##__VA_ARGS__)

/* ---- what needs no archive ----------------------------------------------- */

static void
test_overview(void **state)
{
	const struct fixture *f = *state;
	char *output = RUN(EXIT_DONE, "policy --help");

	assert_has(output, "spanrec policy simulate");
	assert_has(output, "spanrec policy apply    FILE");
	free(output);
	free(RUN(EXIT_USAGE, "policy"));
	free(RUN(EXIT_USAGE, "policy frob"));
}

static void
test_test(void **state)
{
	const struct fixture *f = *state;
	char *output = RUN(EXIT_DONE, "policy test");

	assert_string_equal(output, "the policy brings no tests along\n");
	free(output);
	draft_with_test(f, "record");
	output = RUN(EXIT_DONE, "policy test %s/draft.yaml", f->folder);
	assert_string_equal(output, "1 test passed\n");
	free(output);
	draft_with_test(f, "drop");
	output = RUN(EXIT_FAILED, "policy test %s/draft.yaml", f->folder);
	assert_string_equal(output, "0 tests passed, 1 failed\n");
	free(output);
	free(RUN(EXIT_NOT_FOUND, "policy test %s/none.yaml", f->folder));
}

static void
test_explain(void **state)
{
	const struct fixture *f = *state;
	char *output = RUN(EXIT_DONE, "policy explain"), *line, *rest;

	assert_has(output, "Call recording policy\n---------------------\n");
	assert_has(output, "at most 90 days");
	assert_has_not(output, "# ");
	for (line = strtok_r(output, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		assert_true(strlen(line) <= 80);
	free(output);
	output = RUN(EXIT_DONE, "policy explain --audience caller");
	assert_has(output, "Our office records incoming and outgoing calls");
	free(output);
	draft(
	    f, "rules:\n",
	    "areas: {housing: {extensions: 2200-2299, needs: request}}\nrules:\n");
	output = RUN(EXIT_DONE,
		     "policy explain --audience staff --area housing "
		     "%s/draft.yaml",
		     f->folder);
	assert_has(output,
		   "Our office does not record these telephone calls: no "
		   "request for it has been\napproved.");
	free(output);
	free(RUN(EXIT_NOT_FOUND, "policy explain --area housing"));
}

static void
test_diff(void **state)
{
	const struct fixture *f = *state;
	char *output;

	draft(f, "max: 90 days", "max: 30 days");
	output = RUN(EXIT_DONE, "policy diff %s/draft.yaml", f->folder);
	assert_string_equal(output, "~ retention class 'standard': at most 30 "
				    "days (was 90 days)\n");
	free(output);
	output = RUN(EXIT_DONE, "policy diff %s/draft.yaml %s/policy.yaml",
		     f->folder, f->home);
	assert_string_equal(output, "~ retention class 'standard': at most 90 "
				    "days (was 30 days)\n");
	free(output);
	output = RUN(EXIT_DONE, "policy diff %s/draft.yaml %s/draft.yaml",
		     f->folder, f->folder);
	assert_string_equal(output, "they say the same\n");
	free(output);
}

/* ---- simulate ------------------------------------------------------------ */

static void
no_traces(struct store_segment *segment)
{
	segment->from[0] = segment->to[0] = '\0';
	segment->from_sent[0] = segment->to_sent[0] = '\0';
	segment->local[0] = segment->remote[0] = segment->others[0] = '\0';
}

static void
paid(struct store_segment *segment)
{
	segment->decision = STORE_DROP;
	snprintf(segment->reason, sizeof(segment->reason), "payment");
	segment->retention[0] = '\0';
}

static void
test_simulate(void **state)
{
	const struct fixture *f = *state;
	char *output;

	/* the home itself: what was dropped by another one is not now */
	output = RUN(EXIT_DONE, "policy simulate");
	assert_has(output, f->call[3]);
	assert_has(output, "drop (standard) record (standard)");
	assert_has_not(output, f->call[0]);
	assert_has(output, "5 segments decided again\n"
			   "       4 record, as before\n"
			   "       1 drop before, record now\n");
	free(output);
	/* 2751 had part in all of them */
	draft(f, "rules:\n", unheard);
	output = RUN(EXIT_DONE, "policy simulate %s/draft.yaml", f->folder);
	assert_has(output, "record (standard) drop (exempt)");
	assert_has(output, "       4 record before, drop now\n"
			   "       1 drop, as before\n");
	assert_has_not(output, "deleted earlier");
	free(output);
	output = RUN(EXIT_DONE, "policy simulate --since 1d %s/draft.yaml",
		     f->folder);
	assert_has(output, "Nothing would change.\n0 segments decided again\n");
	free(output);
	output = RUN(EXIT_DONE,
		     "policy simulate --from 2019-03-28 --to "
		     "2019-03-28 --all --csv %s/draft.yaml",
		     f->folder);
	assert_has(output, "id,start,from,to,kind,before,reason_before,");
	assert_has(output, ",record,record,everything,drop,exempt,nobody,"
			   "standard,,2019-06-26T");
	free(output);
	free(RUN(EXIT_USAGE, "policy simulate --from tomorrow"));
}

/* What a row does not tell is not guessed. */
static void
test_simulate_unknown(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	draft(f, "rules:\n", unheard);
	snprintf(id, sizeof(id), "%.27s-1", f->call[3]);
	edit(f, id, no_traces);
	snprintf(id, sizeof(id), "%.27s-1", f->call[2]);
	edit(f, id, paid);
	output = RUN(EXIT_DONE, "policy simulate %s/draft.yaml", f->folder);
	assert_has(output, "       3 record before, drop now\n"
			   "       1 drop, as before\n"
			   "       1 of which no number was kept");
	free(output);
	output =
	    RUN(EXIT_DONE, "policy simulate --json %s/draft.yaml", f->folder);
	assert_has(output, "\"after\":\"unknown\",\"reason_after\":\"\"");
	assert_has(output, "\"after\":\"drop\",\"reason_after\":\"payment\"");
	free(output);
}

static void
test_simulate_clocks(void **state)
{
	const struct fixture *f = *state;
	char *output;

	draft(f, "max: 90 days", "max: 30 days");
	output = RUN(EXIT_DONE, "policy simulate %s/draft.yaml", f->folder);
	assert_has(output, "3 recordings would be deleted earlier\n");
	free(output);
	output =
	    RUN(EXIT_DONE, "policy simulate --json %s/draft.yaml", f->folder);
	assert_has(output, "\"due_before\":\"2019-06-26T14:05:03.000Z\","
			   "\"due_after\":\"2019-04-27T14:05:03.000Z\"");
	free(output);
	/* what would go at once is named */
	draft(f, "max: 90 days", "max: 1 day");
	output = RUN(EXIT_DONE, "policy simulate %s/draft.yaml", f->folder);
	assert_has(output, " at once\n");
	assert_has(output, "3 recordings of these would be deleted at once\n");
	free(output);
	draft(f, "max: 90 days", "max: 1 year");
	output = RUN(EXIT_DONE, "policy simulate %s/draft.yaml", f->folder);
	assert_has(output, "3 recordings would be deleted later\n");
	free(output);
	draft(f, "max: 90 days", "max: 90 days, gives_way: yes");
	output = RUN(EXIT_DONE, "policy simulate %s/draft.yaml", f->folder);
	assert_has(output, " gives way\n");
	assert_has(output, "3 recordings would give way: earlier where the "
			   "disk is full\n");
	assert_has_not(output, "would be deleted");
	free(output);
	output =
	    RUN(EXIT_DONE, "policy simulate --json %s/draft.yaml", f->folder);
	assert_has(output, "\"at_once\":false,\"gives_way\":true");
	free(output);
}

/* Who may not find calls is not shown what they would become. */
static void
test_simulate_rights(void **state)
{
	const struct fixture *f = *state;
	char actor[STORE_NAME_BYTES], *to, *output, path[512], draft_path[512];

	spanrec_actor(actor);
	assert_true(
	    asprintf(&to,
		     "owner: [somebody-else]\n"
		     "  matrix: [{role: tl, may: find, areas: housing}]\n"
		     "roles: {tl: {users: [%s]}}\n"
		     "areas: {housing: {extensions: 2200-2299}}\n",
		     actor) > 0);
	assert_true(asprintf(&output, "owner: ['%s']\n", actor) > 0);
	draft(f, output, to);
	free(output);
	free(to);
	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	snprintf(draft_path, sizeof(draft_path), "%s/draft.yaml", f->folder);
	assert_int_equal(rename(draft_path, path), 0);
	draft(f, "rules:\n", unheard);
	output =
	    RUN(EXIT_DONE, "policy simulate --all %s/draft.yaml", f->folder);
	assert_has(output, "Nothing would change.\n");
	assert_has(output, "5 of areas whose calls you may not find");
	assert_has_not(output, "2750");
	free(output);
}

/* ---- apply --------------------------------------------------------------- */

/* Nothing but what belongs there. */
static void
no_leftovers(const struct fixture *f)
{
	DIR *dir = opendir(f->home);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "policy.yaml", 11))
			assert_string_equal(entry->d_name, "policy.yaml");
	closedir(dir);
}

static void
refused(const struct fixture *f, int code, const char *options)
{
	char *before = home_text(f), *after;

	free(RUN(code, "policy apply %s%s/draft.yaml", options, f->folder));
	after = home_text(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
	no_leftovers(f);
}

static void
test_apply(void **state)
{
	const struct fixture *f = *state;
	char path[512], *output, *text;
	struct stat st;

	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	assert_int_equal(chmod(path, 0640), 0);
	draft(f, "rules:\n", unheard);
	output = RUN(EXIT_DONE, "policy apply %s/draft.yaml", f->folder);
	assert_has(output, "+ rule 'nobody': decision drop");
	assert_has(output, "in force: ");
	free(output);
	text = home_text(f);
	assert_has(text, "name: nobody");
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	no_leftovers(f);
	output = RUN(EXIT_DONE, "policy apply %s/draft.yaml", f->folder);
	assert_string_equal(output, "it is the policy in force\n");
	free(output);
	free(RUN(EXIT_DONE, "verify"));
}

/* A name for the policy may stay one. */
static void
test_apply_link(void **state)
{
	const struct fixture *f = *state;
	char path[512], real[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	snprintf(real, sizeof(real), "%s/real.yaml", f->folder);
	assert_int_equal(rename(path, real), 0);
	assert_int_equal(symlink(real, path), 0);
	draft(f, "rules:\n", unheard);
	free(RUN(EXIT_DONE, "policy apply %s/draft.yaml", f->folder));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(real, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void
test_apply_refused(void **state)
{
	const struct fixture *f = *state;

	draft(f, "rules:\n", "roules:\n");
	refused(f, EXIT_FAILED, "");
	draft_with_test(f, "drop");
	refused(f, EXIT_FAILED, "");
	draft(f, "max: 90 days", "max: 30 days");
	refused(f, EXIT_NOT_ALLOWED, "");
	draft(f, "max: 90 days", "max: 91 days");
	refused(f, EXIT_NOT_ALLOWED, "");
	draft(f, "max: 90 days", "min: 10 days, max: 90 days");
	refused(f, EXIT_NOT_ALLOWED, "");
	draft(f, "rules:\n", unheard);
	refused(f, EXIT_USAGE, "--deletes 5 ");
	refused(f, EXIT_USAGE, "--existing --deletes -5 ");
	refused(f, EXIT_USAGE, "--existing --deletes 5x ");
	refused(f, EXIT_NOT_ALLOWED, "--minor ");
	draft(f, "rules:\n", "approval: {change: minor}\nrules:\n");
	refused(f, EXIT_NOT_ALLOWED, "");
	free(RUN(EXIT_DONE, "policy apply --minor %s/draft.yaml", f->folder));
}

/* A class that no recording is of may live as long as it likes, and one may be
 * given up. */
static void
test_apply_classes(void **state)
{
	const struct fixture *f = *state;

	draft(f, "standard: {max: 90 days}",
	      "standard: {max: 90 days}, short: {max: 1 day}");
	refused(f, EXIT_FAILED, ""); /* it is a block, no flow */
	draft(f, "  standard: {max: 90 days}",
	      "  standard: {max: 90 days}\n  short: {max: 1 day}");
	free(RUN(EXIT_DONE, "policy apply %s/draft.yaml", f->folder));
	draft(f, "short: {max: 1 day}", "short: {max: 2 days}");
	free(RUN(EXIT_DONE, "policy apply %s/draft.yaml", f->folder));
}

/* Deleted at the same time, but to be gone at another. */
static void
test_apply_ceiling(void **state)
{
	const struct fixture *f = *state;
	char path[512], made[512];

	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	snprintf(made, sizeof(made), "%s/draft.yaml", f->folder);
	draft(f, "max: 90 days", "min: 10 days, max: 90 days");
	assert_int_equal(rename(made, path), 0);
	draft(f, "max: 90 days", "max: 80 days");
	refused(f, EXIT_NOT_ALLOWED, "");
}

/* What is stored lives shorter: only if that was meant, and to its extent. */
static void
test_apply_existing(void **state)
{
	const struct fixture *f = *state;
	char *output, *text;

	draft(f, "max: 90 days", "max: 30 days");
	output =
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder);
	assert_has(output, "class 'standard': 3 to be deleted earlier, 0 "
			   "later\n");
	assert_has_not(output, "at once");
	free(output);
	output = RUN(EXIT_DONE, "list --json");
	assert_has(output, "\"ceiling\":\"2019-04-27T14:15:03.000Z\"");
	free(output);
	draft(f, "max: 30 days", "max: 1 day");
	refused(f, EXIT_NOT_ALLOWED, "--existing ");
	refused(f, EXIT_NOT_ALLOWED, "--existing --deletes 2 ");
	output =
	    RUN(EXIT_DONE, "policy apply --existing --deletes 3 %s/draft.yaml",
		f->folder);
	assert_has(output, "    3 at once, of calls from 2019-03-28 14:15:03 ");
	free(output);
	text = RUN(EXIT_DONE, "purge");
	assert_has(text, "3 with audio");
	free(text);
}

/* What may go on a full disk is asked for as well; what may then not go before
 * the time at which it would have gone is only kept for longer. */
static void
test_apply_gives_way(void **state)
{
	const struct fixture *f = *state;
	char *output;

	draft(f, "max: 90 days", "max: 90 days, gives_way: yes");
	refused(f, EXIT_NOT_ALLOWED, "");
	output =
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder);
	assert_has(output, "class 'standard': 3 to be deleted earlier, 0 "
			   "later\n    3 of these give way: earlier only where "
			   "the disk is full\n");
	free(output);
	draft(f, "max: 90 days, gives_way: yes", "min: 20 days, max: 90 days");
	output =
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder);
	assert_has(output, "class 'standard': 3 to be deleted earlier, 0 ");
	assert_has_not(output, "give way");
	free(output);
	draft(f, "max: 90 days", "max: 90 days, gives_way: yes");
	output =
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder);
	assert_has(output, "class 'standard': 0 to be deleted earlier, 3 ");
	assert_has_not(output, "give way");
	free(output);
	draft(f, "min: 20 days", "min: 5 days");
	output =
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder);
	assert_has(output, "3 of these give way");
	free(output);
}

/* The notes of calls that were not recorded go by the clock for metadata. */
static void
test_apply_notes(void **state)
{
	const struct fixture *f = *state;
	char *output;

	draft(f, "max: 24 months", "max: 91 days");
	refused(f, EXIT_NOT_ALLOWED, "");
	output =
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder);
	assert_has(output, "notes of calls without a recording, or deleted: 2 "
			   "to be deleted earlier, 0 of them at once\n");
	free(output);
}

/* A file that was edited deletes nothing. */
static void
test_edited_in_place(void **state)
{
	const struct fixture *f = *state;
	char path[600], *output;
	uint8_t *edited;
	size_t n;

	draft(f, "max: 90 days", "max: 30 days");
	free(
	    RUN(EXIT_DONE, "policy apply --existing %s/draft.yaml", f->folder));
	draft(f, "max: 30 days", "max: 1 day");
	snprintf(path, sizeof(path), "%s/draft.yaml", f->folder);
	edited = testing_read_file(path, &n);
	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	testing_write_file(path, edited, n);
	free(edited);
	output = RUN(EXIT_DONE, "purge");
	assert_has(output, "0 with audio");
	free(output);
	output = RUN(EXIT_DONE, "list --json");
	assert_has(output, "\"ceiling\":\"2019-04-27T14:15:03.000Z\"");
	free(output);
}

static void
test_log(void **state)
{
	const struct fixture *f = *state;
	char path[512], *output;
	FILE *by_hand;

	draft_with_test(f, "drop");
	free(RUN(EXIT_DONE, "policy apply --untested trial %s/draft.yaml",
		 f->folder));
	draft(f, "tests:\n",
	      "approval: {revision: '2', author: Ann, approver: Board}\n"
	      "tests:\n");
	free(RUN(EXIT_DONE, "policy apply --untested trial %s/draft.yaml",
		 f->folder));
	output = RUN(EXIT_DONE, "policy log");
	/* the known calls were decided by no policy that is kept */
	assert_has(output, "2019-03-28 14:15:03 000000000000 ");
	assert_has(output, "Ann    Board");
	/* the last one, and no other */
	assert_has(output, "root       0        yes\n");
	assert_null(strstr(strstr(output, " yes") + 1, " yes"));
	assert_has_not(output, "none of these");
	free(output);
	output = RUN(EXIT_DONE, "policy log --json");
	assert_has(output, "\"segments\":5");
	assert_has(output, "\"revision\":\"2\",\"author\":\"Ann\",\"approver\":"
			   "\"Board\"");
	free(output);
	output = RUN(EXIT_DONE, "policy log --csv");
	assert_has(output, "time,policy,revision,author,approver,change,"
			   "applied_by,segments,in_force\r\n");
	assert_has(output, ",true\r\n");
	assert_has(output, ",false\r\n");
	free(output);
	draft(f, "revision: '2'", "revision: '3'");
	free(RUN(EXIT_DONE, "policy apply --untested trial %s/draft.yaml",
		 f->folder));
	output = RUN(EXIT_DONE, "policy log --json");
	assert_has(output, "\"in_force\":true,\"revision\":\"3\"");
	assert_null(strstr(strstr(output, "true") + 1, "true"));
	free(output);
	/* what is changed by hand was not applied */
	snprintf(path, sizeof(path), "%s/policy.yaml", f->home);
	by_hand = fopen(path, "a");
	assert_non_null(by_hand);
	fputs("# changed\n", by_hand);
	fclose(by_hand);
	output = RUN(EXIT_DONE, "policy log");
	assert_has(output, "The policy in force is none of these");
	free(output);
}

/* ---- beside a recorder --------------------------------------------------- */

static void
test_apply_beside(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, "{\"ok\":true}\n" },
		{ TESTING_SAY, "{\"ok\":true,\"text\":\"a new one\"}\n" },
	};
	const struct fixture *f = *state;
	struct testing_recorder *recorder;
	char path[512], *output, *requests;
	int hold;
	pid_t pid = archive_hold(f, NULL, NULL, &hold);

	draft(f, "rules:\n", unheard);
	snprintf(path, sizeof(path), "%s/control.sock", f->home);
	recorder = testing_recorder_new(path, answers, 2);
	output = RUN(EXIT_DONE, "policy apply %s/draft.yaml", f->folder);
	assert_has(output, "and the recorder has taken it over\n");
	free(output);
	requests = testing_recorder_end(recorder);
	assert_has(requests, "{\"op\":\"ledger\",\"action\":\"policy\","
			     "\"subjects\":[\"");
	assert_has(strchr(requests, '\n'), "{\"op\":\"reload\"}\n");
	free(requests);
	archive_let_go(pid, hold);
}

/* Who does not write it down does not put it in force. */
static void
test_apply_beside_refused(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, "{\"ok\":false,\"error\":\"no\",\"exit\":4}\n" },
		{ TESTING_SAY, "{\"ok\":true}\n" },
		{ TESTING_SAY, "{\"ok\":false,\"error\":\"no\",\"exit\":1}\n" },
	};
	const struct fixture *f = *state;
	struct testing_recorder *recorder;
	char path[512], *text;
	int hold;
	pid_t pid = archive_hold(f, NULL, NULL, &hold);

	draft(f, "rules:\n", unheard);
	snprintf(path, sizeof(path), "%s/control.sock", f->home);
	recorder = testing_recorder_new(path, answers, 3);
	refused(f, EXIT_NOT_ALLOWED, "");
	/* it is written, and not taken over */
	free(RUN(EXIT_FAILED, "policy apply %s/draft.yaml", f->folder));
	text = home_text(f);
	assert_has(text, "name: nobody");
	free(text);
	free(testing_recorder_end(recorder));
	archive_let_go(pid, hold);
}

/* ---- memory -------------------------------------------------------------- */

static void
test_no_memory(void **state)
{
	static const char *const lines[] = {
		"policy test", "policy explain", "policy simulate --all",
		"policy log",  "policy check",
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (f->fail_allocation = 1; f->fail_allocation < 400;
		     f->fail_allocation += 3)
			free(run(f, NOW, -1, "%s", lines[i]));
	}
	f->fail_allocation = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_overview),
		FIXTURE_TEST(test_test),
		FIXTURE_TEST(test_explain),
		FIXTURE_TEST(test_diff),
		FIXTURE_TEST(test_simulate),
		FIXTURE_TEST(test_simulate_unknown),
		FIXTURE_TEST(test_simulate_clocks),
		FIXTURE_TEST(test_simulate_rights),
		FIXTURE_TEST(test_apply),
		FIXTURE_TEST(test_apply_link),
		FIXTURE_TEST(test_apply_refused),
		FIXTURE_TEST(test_apply_classes),
		FIXTURE_TEST(test_apply_ceiling),
		FIXTURE_TEST(test_apply_existing),
		FIXTURE_TEST(test_apply_gives_way),
		FIXTURE_TEST(test_apply_notes),
		FIXTURE_TEST(test_edited_in_place),
		FIXTURE_TEST(test_log),
		FIXTURE_TEST(test_apply_beside),
		FIXTURE_TEST(test_apply_beside_refused),
		FIXTURE_TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
