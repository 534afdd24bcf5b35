/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that show, check and delete, on the known calls. */
#include "cmd/spanrec/fixture_priv.h"

#include <sys/wait.h>

#include <jansson.h>

/* 2021-03-28 14:15:03, which is summer time, in Europe/London */
#define END_A (INT64_C(1616937303) * SECOND)

/* ---- ids --------------------------------------------------------------- */

static void
test_ids(void **state)
{
	const struct fixture *f = *state;
	char *output;

	/* calls of one day fit this */
	free(run(f, NOW, EXIT_USAGE, "show 2019"));
	free(run(f, NOW, EXIT_NOT_FOUND, "show 2020"));
	free(run(f, NOW, EXIT_NOT_FOUND, "why %s-9", f->call[0]));
	free(run(f, NOW, EXIT_USAGE, "why "));
	/* as much as fits one call: both its segments, in order */
	output = run(f, NOW, EXIT_DONE, "show %.13s --json", f->call[0]);
	assert_has(strchr(output, '\n'), "-2\"");
	assert_has(output, "-1\"");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s-2 --json", f->call[0]);
	assert_has_not(output, "\"segment\":1,");
	free(output);
}

static void
make_tenth(struct store_segment *segment)
{
	segment->segment = 10;
	snprintf(segment->id, sizeof(segment->id), "%s-10", segment->call);
}

/* "X-1" is the beginning of "X-10" too, and yet means itself. */
static void
test_id_exact(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[3]);
	edit(f, id, make_tenth);
	output = run(f, NOW, EXIT_DONE, "show %s --json", id);
	assert_has(output, "\"segment\":1,");
	assert_has_not(output, "\"segment\":10,");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s --json", f->call[3]);
	assert_has(output, "\"segment\":10,");
	free(output);
	free(run(f, NOW, EXIT_DONE, "verify"));
}

static void
hold(struct store_segment *segment)
{
	segment->state = STORE_STATE_HELD;
}

static void
change_class(struct store_segment *segment)
{
	snprintf(segment->retention, sizeof(segment->retention), "bygone");
}

static void
reopen(struct store_segment *segment)
{
	segment->state = STORE_STATE_RECORDING;
	segment->end_ns = 0;
}

/* States and classes that a recorder or another policy leaves behind. */
static void
test_states(void **state)
{
	const struct fixture *f = *state;
	const int64_t late = TESTING_CALL_A_NS + 365 * DAY;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	edit(f, id, hold);
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	assert_has(output, "It is held");
	free(output);
	free(run(f, NOW, EXIT_DONE, "play %s - --purpose abuse", id));

	/* a class that the policy does not know has an end all the same */
	snprintf(id, sizeof(id), "%.27s-2", f->call[0]);
	edit(f, id, change_class);
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	assert_has(output, "Its retention class 'bygone' is not in\n"
			   "the policy any more");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has(output, "bygone (not in the policy any more)");
	free(output);
	output = run(f, late, EXIT_DONE, "purge");
	assert_has(output, "4 segments deleted, 2 with audio");
	assert_has(output, "1 held, not deleted");
	free(output);
}

static void
test_being_recorded(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, reopen);
	output = run(f, NOW, EXIT_DONE, "find --extension 2751 --json");
	assert_has(output, "\"state\":\"recording\"");
	assert_has(output, "\"end\":null,\"duration_s\":null");
	free(output);
	output = run(f, NOW, EXIT_DONE, "verify %s", id);
	assert_has(output, "1 still being recorded, not checked");
	free(output);
	/* who takes the lock knows that nobody is recording any more */
	free(run(f, NOW, EXIT_DONE, "play %s - --purpose abuse", id));
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	assert_has(output,
		   "The recorder stopped before the call\nended: interrupted");
	free(output);
}

static void
crash(struct store_segment *segment)
{
	segment->state = STORE_STATE_INTERRUPTED;
	segment->bytes = 0;
}

/* Of what a crash left the chunks are known, not the bytes in them. */
static void
test_interrupted(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, crash);
	output = run(f, NOW, EXIT_DONE, "list");
	assert_has(output, id);
	assert_has(output, "interrupted");
	assert_has(output, "1 segment without audio not shown");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has(output, "State       interrupted: 2 seconds on disk\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	assert_has(output, "ended: interrupted, 2 seconds on disk");
	assert_has_not(output, "No audio");
	free(output);
	output = run(f, NOW, EXIT_DONE, "purge --dry-run --as-of 2027-01-01");
	assert_has(output, "standard, interrupted, 0 bytes");
	free(output);
}

/* What others wrote into the ledger is cleaned like what came by SIP. */
static void
test_strange_action(void **state)
{
	const struct fixture *f = *state;
	struct store_ledger_entry entry = { .time_ns = NOW,
					    .action = "pl\x1B[2Jay\xFF",
					    .actor = "some\x1B[31mbody",
					    .detail = "\xE2\x80\xAE"
						      "detail" };
	struct store_archive *archive;
	char path[512], *output;

	snprintf(path, sizeof(path), "%s/archive", f->home);
	snprintf(entry.subject, sizeof(entry.subject), "%.27s-1", f->call[0]);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_ledger_append(archive, &entry), 0);
	store_archive_close(&archive);

	output = run(f, NOW, EXIT_DONE, "show %s", entry.subject);
	assert_has(output, "pl\xEF\xBF\xBD[2Jay\xEF\xBF\xBD by some");
	assert_has_not(output, "\x1B");
	assert_has_not(output, "\xE2\x80\xAE");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s --json", entry.subject);
	assert_has(output, "\"action\":\"pl\xEF\xBF\xBD[2Jay\xEF\xBF\xBD\"");
	free(output);
}

/* What was done to a call is shown with each of its segments, and with those
 * of no other call. */
static void
test_who_paused(void **state)
{
	const struct fixture *f = *state;
	struct store_ledger_entry entry = { .time_ns = NOW,
					    .action = "pause",
					    .actor = "ann" };
	struct store_archive *archive;
	char path[512], *output;

	snprintf(path, sizeof(path), "%s/archive", f->home);
	snprintf(entry.subject, sizeof(entry.subject), "%s", f->call[0]);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_ledger_append(archive, &entry), 0);
	store_archive_close(&archive);

	output = run(f, NOW, EXIT_DONE, "show %s", f->call[0]);
	assert_has(output, "  pause by ann\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s --json", f->call[0]);
	assert_has(output, "\"action\":\"pause\",\"actor\":\"ann\"");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s", f->call[1]);
	assert_has_not(output, "pause");
	free(output);
}

/* ---- lists ------------------------------------------------------------- */

/* The nth line as JSON. */
static json_t *
json_line(const char *output, int n)
{
	json_t *object;

	while (n-- && output)
		output = strchr(output, '\n') ? strchr(output, '\n') + 1 : NULL;
	assert_non_null(output);
	object = json_loads(output, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(object);
	return object;
}

static void
assert_text(const json_t *object, const char *name, const char *expected)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void
assert_number(const json_t *object, const char *name, json_int_t expected)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	assert_int_equal(json_integer_value(value), expected);
}

static void
test_list_json(void **state)
{
	const struct fixture *f = *state;
	char *output, id[STORE_SEGMENT_ID_BYTES];
	json_t *object, *stream;

	output = run(f, NOW, EXIT_DONE, "list --json");
	object = json_line(output, 0);
	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	assert_text(object, "id", id);
	assert_text(object, "call", f->call[0]);
	assert_number(object, "segment", 1);
	assert_text(object, "kind", "agent");
	assert_text(object, "from", "+441534440440");
	assert_text(object, "to", "2750");
	assert_text(object, "local", "2750");
	assert_text(object, "remote", "+441534440440");
	assert_text(object, "direction", "in");
	assert_text(object, "area", "office");
	assert_text(object, "start", "2019-03-28T14:15:03.000Z");
	assert_text(object, "end", "2019-03-28T14:15:06.000Z");
	assert_true(json_real_value(json_object_get(object, "duration_s")) ==
		    3.0);
	assert_text(object, "decision", "record");
	assert_text(object, "reason", "record");
	assert_text(object, "rule", "everything");
	assert_text(object, "state", "stored");
	assert_true(json_is_null(json_object_get(object, "floor")));
	/* 90 days of 24 h; due ten minutes before */
	assert_text(object, "ceiling", "2019-06-26T14:15:03.000Z");
	assert_text(object, "due", "2019-06-26T14:05:03.000Z");
	assert_true(json_is_null(json_object_get(object, "mos")));
	assert_number(object, "bytes", 46400);
	assert_int_equal(
	    json_array_size(json_object_get(object, "sip_call_ids")), 2);
	assert_int_equal(json_object_size(object), 37);
	assert_true(json_is_null(json_object_get(object, "deleted")));
	assert_text(object, "note_until", "2021-03-28T13:15:03.000Z");

	stream = json_array_get(json_object_get(object, "streams"), 1);
	assert_text(stream, "side", "right");
	assert_text(stream, "ssrc", "0x00001001");
	assert_text(stream, "codec", "PCMA");
	assert_number(stream, "packets", 140);
	assert_number(stream, "seen", 140);
	assert_number(stream, "stored", 140);
	assert_number(stream, "expected", 150);
	assert_number(stream, "lost", 10);
	assert_number(stream, "late", 0);
	assert_number(stream, "duplicate", 0);
	assert_number(stream, "gaps", 1);
	assert_int_equal(json_object_size(json_object_get(stream, "dropped")),
			 0);
	json_decref(object);

	/* invalid UTF-8 and an escape sequence, made harmless */
	object = json_line(output, 2);
	assert_text(object, "from", "J\xEF\xBF\xBDrgen\xEF\xBF\xBD[2J");
	json_decref(object);
	/* no audio; not recorded: nothing is stored */
	object = json_line(output, 3);
	assert_true(json_is_null(json_object_get(object, "state")));
	json_decref(object);
	object = json_line(output, 4);
	assert_text(object, "decision", "drop");
	assert_text(object, "reason", "exempt");
	json_decref(object);
	free(output);
}

static void
test_list_table(void **state)
{
	const struct fixture *f = *state;
	char *output;

	output = run(f, NOW, EXIT_DONE, "list");
	assert_has(output, f->call[0]);
	assert_has(output, "2019-03-28 14:15:03");
	assert_has(output, "drop");
	assert_has_not(output, f->call[2]);
	assert_has(output, "1 segment without audio not shown (--all)\n");
	assert_has_not(output, "\x1B");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --all");
	assert_has(output, f->call[2]);
	assert_has(output, "no audio");
	assert_has_not(output, "not shown");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --to 2018-01-01");
	assert_string_equal(output, "No calls to show.\n");
	free(output);
	/* the very first instant is not "any time" */
	output = run(f, NOW, EXIT_DONE, "list --to 1970-01-01T00:00Z");
	assert_string_equal(output, "No calls to show.\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --to -500000h --json");
	assert_string_equal(output, "");
	free(output);
	output = run(f, NOW, EXIT_DONE, "list --to 2018-01-01 --json");
	assert_string_equal(output, "");
	free(output);
}

static void
encoding_untold(struct store_segment *segment)
{
	snprintf(segment->streams[1].codec, sizeof(segment->streams[1].codec),
		 "unknown-96");
}

/* What no SDP named: who lists it is told where to look, and there what to
 * do. */
static void
test_encoding_untold(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[0]);
	output = run(f, NOW, EXIT_DONE, "list");
	assert_has_not(output, "encoding");
	free(output);
	edit(f, id, encoding_untold);
	output = run(f, NOW, EXIT_DONE, "list");
	assert_has(output, "1 is in an encoding that no SDP named: 'spanrec "
			   "show ID' says what to do\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	unwrap(output);
	assert_has(output, "No SDP said what 'unknown-96' is");
	assert_has(output, "--orphan-rtp and --payload-type");
	free(output);
}

static void
test_find(void **state)
{
	const struct fixture *f = *state;
	char *output;

	free(run(f, NOW, EXIT_USAGE, "find"));
	/* another spelling of the same number */
	output = run(f, NOW, EXIT_DONE, "find --number 01534440440 --json");
	assert_has(output, f->call[0]);
	free(output);
	output = run(f, NOW, EXIT_DONE, "find --extension 2751 --json");
	assert_has_not(output, f->call[0]);
	assert_has(output, f->call[1]);
	free(output);
	output =
	    run(f, NOW, EXIT_DONE, "find --around 2019-03-28T14:20±2m --json");
	assert_has_not(output, f->call[0]);
	assert_has(output, f->call[1]);
	free(output);
	output = run(f, NOW, EXIT_DONE, "find --from -7d --to -2d --json");
	assert_has_not(output, f->call[1]);
	free(output);
	free(run(f, NOW, EXIT_USAGE, "find --from soon"));
	free(run(f, NOW, EXIT_USAGE, "find --from -1d --to -2d"));
	free(run(f, NOW, EXIT_USAGE, "find --from -1d --around now"));
}

static void
test_list_csv(void **state)
{
	const struct fixture *f = *state;
	size_t columns[8] = { 0 }, rows = 0;
	char *output, *p;

	output = run(f, NOW, EXIT_DONE, "list --csv");
	for (p = output; *p; p++) {
		assert_true(rows < 8);
		columns[rows] += *p == ',';
		rows += *p == '\n';
	}
	assert_int_equal(rows, 6);
	while (rows--)
		assert_int_equal(columns[rows], 40);
	assert_has(output, "\r\n");
	assert_has(output, ",290,10,0,0,1,,46400,a84b4c76e66710@10.0.0.1 "
			   "leg-2@10.0.0.2,transfer: refer,bye,01534440440,"
			   "2750,Anne Lee,,2751 +441534445505,,0,,"
			   "2021-03-28T13:15:03.000Z,false,\r\n");
	free(output);
}

/* One that the policy has no more is found while there is a call of it. */
static void
test_list_area(void **state)
{
	const struct fixture *f = *state;
	char *output = run(f, NOW, EXIT_DONE, "list --area office --json");

	assert_has(output, f->call[0]);
	free(output);
	output = run(f, NOW, EXIT_NOT_FOUND, "list --area offices --json");
	assert_string_equal(output, "");
	free(output);
	free(run(f, NOW, EXIT_NOT_FOUND, "find --area offices"));
}

static void
test_show_why(void **state)
{
	const struct fixture *f = *state;
	char *output;

	output = run(f, NOW, EXIT_DONE, "show %s", f->call[0]);
	assert_has(output, "From        +441534440440 (01534440440), Anne Lee");
	assert_has(output, "Others      2751 +441534445505");
	assert_has(output, "Began by    transfer: refer");
	assert_has(output, "Gone by     2019-06-26 15:15:03 BST");
	assert_has(output, "6.67");
	assert_has(output, "at 0:00.980, right side");
	assert_has(output, "10 packets (loss)");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", f->call[0]);
	unwrap(output);
	assert_has(output, " Missing: 0.220 s in 1 gap (loss). Its retention ");
	assert_has_not(output, "Left out");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", f->call[3]);
	assert_has(output, "not to record it");
	assert_has(output, "'works");
	assert_has(output, "reason code");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", f->call[2]);
	assert_has(output, "No audio was seen");
	free(output);
}

static void
drop_nothing(struct store_segment *segment)
{
	segment->streams_count = 2;
	segment->streams[0].side = STORE_LEFT;
	segment->streams[1].side = STORE_RIGHT;
	segment->streams[1].ssrc = 0xABCDEF;
}

static void
drop_encrypted(struct store_segment *segment)
{
	segment->streams[0].seen = 294;
	segment->streams[0].dropped[STORE_REASON_encrypted] = 294;
	segment->streams[1].seen = 1;
	segment->streams[1].dropped[STORE_REASON_encrypted] = 1;
}

static void
drop_paused_too(struct store_segment *segment)
{
	segment->streams[1].seen = 21;
	segment->streams[1].dropped[STORE_REASON_paused] = 20;
}

/* What was seen and could not be stored is not silence. */
static void
test_nothing_stored(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *output;

	snprintf(id, sizeof(id), "%.27s-1", f->call[2]);
	edit(f, id, drop_nothing);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has(output, "00abcdef");
	assert_has_not(output, "Not stored");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	unwrap(output);
	assert_has(output, " No audio was seen, so there is nothing to hear. ");
	free(output);

	edit(f, id, drop_encrypted);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has(output, "\n\n  Not stored\n"
			   "  left side, 00000000: 294 packets (encrypted)\n"
			   "  right side, 00abcdef: 1 packet (encrypted)\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	unwrap(output);
	assert_has_not(output, "No audio");
	assert_has(output, " 295 packets of its audio were seen encrypted "
			   "(SRTP) and none could be stored, so there is "
			   "nothing to hear. ");
	free(output);

	edit(f, id, drop_paused_too);
	output = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has(output, "  right side, 00abcdef: 1 packet (encrypted)\n"
			   "  right side, 00abcdef: 20 packets (paused)\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", id);
	unwrap(output);
	assert_has(output, " 315 packets of its audio were seen and none was "
			   "stored (295 encrypted, 20 paused), so there is ");
	free(output);
}

/* ---- the key, other processes ------------------------------------------ */

static void
test_no_key(void **state)
{
	const struct fixture *f = *state;
	char from[512], to[512], *output;

	snprintf(from, sizeof(from), "%s/vault.key", f->home);
	snprintf(to, sizeof(to), "%s/away.key", f->folder);
	assert_int_equal(rename(from, to), 0);
	free(run(f, NOW, EXIT_NOT_ALLOWED, "play %s - --purpose abuse",
		 f->call[0]));
	output = run(f, NOW, EXIT_DONE, "show %s", f->call[0]);
	assert_has(output, "the private key is not here");
	assert_has_not(output, "abuse");
	free(output);
	output = run(f, NOW, EXIT_DONE, "why %s", f->call[0]);
	assert_has(output, "private key");
	assert_has_not(output, "Missing");
	free(output);
	output = run(f, NOW, EXIT_DONE, "verify");
	assert_has(output, "3 recordings checked, 0 damaged");
	assert_has(output, "Without the private key");
	free(output);
}

/* A child that writes to the archive until it is told to end. */
static pid_t
writer(const struct fixture *f, int *hold)
{
	struct store_archive *archive;
	char path[512], c = 0;
	int ready[2], wait[2];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(wait), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(wait[1]);
		if (store_archive_open(&archive, path, STORE_WRITE, NULL, NULL))
			_exit(1);
		if (write(ready[1], &c, 1) != 1 || read(wait[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(wait[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*hold = wait[1];
	return pid;
}

static void
test_busy(void **state)
{
	const struct fixture *f = *state;
	int hold, status;
	pid_t pid = writer(f, &hold);

	/* what must be written into the archive is refused, the rest works */
	free(run(f, NOW, EXIT_FAILED, "play %s - --purpose abuse", f->call[0]));
	free(run(f, NOW, EXIT_FAILED, "export %s --out x.wav --purpose abuse",
		 f->call[0]));
	free(run(f, NOW, EXIT_FAILED, "purge"));
	free(run(f, NOW, EXIT_DONE, "purge --dry-run"));
	free(run(f, NOW, EXIT_DONE, "list"));
	free(run(f, NOW, EXIT_DONE, "show %s", f->call[0]));
	close(hold);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access("x.wav", F_OK), -1);
}

/* Whatever allocation fails: a message, an exit code, no leak, no copy left. */
static void
test_no_memory(void **state)
{
	static const char *const lines[] = {
		"list",
		"find --extension 2750 --json",
		"list --csv",
		"show 20190328T141503Z",
		"why 20190328T1420",
		"verify",
		"purge --dry-run",
		"show 20190328T1420 --json",
		"play 20190328T1420 - --purpose abuse",
		"export 20190328T1420 --out none.wav --purpose fun",
	};
	struct fixture *f = *state;
	unsigned n;
	size_t i, bytes;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		for (n = 1; n < 60; n++) {
			f->fail_allocation = n;
			free(run_bytes(f, NOW, -1, &bytes, lines[i]));
		}
	}
	f->fail_allocation = 0;
	free(run(f, NOW, EXIT_DONE, "verify"));
	assert_int_equal(access("none.wav", F_OK), -1);
}

/* ---- verify and purge -------------------------------------------------- */

static void
recording_path(const struct fixture *f, const char *call, char path[512])
{
	snprintf(path, 512, "%s/archive/audio/2019/03/28/%s-1.rec", f->home,
		 call);
}

static void
test_verify(void **state)
{
	const struct fixture *f = *state;
	char path[512], *output;
	uint8_t *bytes;
	size_t n;

	output = run(f, NOW, EXIT_DONE, "verify");
	assert_string_equal(output, "3 recordings checked, 0 damaged, 0 other "
				    "findings\n");
	free(output);

	recording_path(f, f->call[1], path);
	bytes = testing_read_file(path, &n);
	bytes[n / 2] ^= 1;
	assert_int_equal(chmod(path, 0600), 0);
	testing_write_file(path, bytes, n);
	free(bytes);
	output = run(f, NOW, EXIT_DAMAGED, "verify --all");
	assert_has(output, f->call[1]);
	assert_has(output, "damaged");
	assert_has_not(output, f->call[0]);
	free(output);
	free(run(f, NOW, EXIT_DONE, "verify %s", f->call[0]));
	free(run(f, NOW, EXIT_DAMAGED, "verify %s", f->call[1]));
	/* and not a sample of it leaves */
	output =
	    run(f, NOW, EXIT_DAMAGED, "play %s - --purpose abuse", f->call[1]);
	assert_string_equal(output, "");
	free(output);
	free(run(f, NOW, EXIT_DAMAGED, "show %s", f->call[1]));

	assert_int_equal(unlink(path), 0);
	output = run(f, NOW, EXIT_DAMAGED, "verify");
	assert_has(output, "file missing");
	free(output);
}

static void
test_purge(void **state)
{
	const struct fixture *f = *state;
	const int64_t due = TESTING_CALL_A_NS + 90 * DAY - 600 * SECOND;
	char path[512], *output;

	/* not a nanosecond too early, and never by looking */
	output = run(f, due - 1, EXIT_DONE, "purge");
	assert_has(output, "0 segments deleted");
	free(output);
	output = run(f, due, EXIT_DONE, "purge --dry-run");
	assert_has(output, "2 recordings would be deleted, 94400 bytes");
	assert_has_not(output, "without a recording");
	free(output);
	output = run(f, NOW, EXIT_DONE, "purge --dry-run --as-of 2019-06-26");
	assert_has(output, "3 recordings would be deleted");
	assert_has(output,
		   "2 segments without a recording would be marked as a note");
	/* it is not named: nothing of it was recorded */
	assert_has(output, f->call[0]);
	assert_has_not(output, f->call[3]);
	free(output);
	recording_path(f, f->call[0], path);
	assert_int_equal(access(path, F_OK), 0);

	output = run(f, due, EXIT_DONE, "purge");
	assert_has(output, "2 segments deleted");
	free(output);
	assert_int_equal(access(path, F_OK), -1);
	recording_path(f, f->call[1], path);
	assert_int_equal(access(path, F_OK), 0);

	/* the note that it was there */
	free(run(f, due, EXIT_NOT_FOUND, "play %s - --purpose abuse",
		 f->call[0]));
	output = run(f, due, EXIT_DONE, "list");
	assert_has(output, "2 deleted segments not shown (--all)");
	free(output);
	output = run(f, due, EXIT_DONE, "list --json");
	assert_has(output, "\"state\":\"purged\"");
	free(output);
	output = run(f, due, EXIT_DONE, "why %s-1", f->call[0]);
	assert_has(output, "It was deleted on 2019-06-26");
	free(output);
	free(run(f, due, EXIT_DONE, "verify"));

	/* 24 months after the start of its call each note goes as well */
	output = run(f, due + 300 * SECOND, EXIT_DONE, "purge");
	assert_has(output, "1 segment deleted");
	assert_has_not(output, "notes");
	free(output);
	output = run(f, END_A - 1, EXIT_DONE, "purge --clock-is-right");
	assert_has(output, "2 segments deleted");
	assert_has_not(output, "notes");
	free(output);
	free(run(f, END_A - 1, EXIT_DONE, "purge"));
	free(run(f, NOW, EXIT_DONE, "why %s-1", f->call[0]));
	output = run(f, END_A, EXIT_DONE, "purge");
	assert_has(output, "2 notes of deleted calls removed");
	free(output);
	free(run(f, NOW, EXIT_NOT_FOUND, "why %s", f->call[0]));
	free(run(f, NOW, EXIT_DONE, "why %s", f->call[1]));
	output = run(f, END_A + DAY, EXIT_DONE, "purge");
	assert_has(output, "3 notes of deleted calls removed");
	free(output);
	free(run(f, NOW, EXIT_DONE, "verify"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_ids),
		FIXTURE_TEST(test_id_exact),
		FIXTURE_TEST(test_states),
		FIXTURE_TEST(test_being_recorded),
		FIXTURE_TEST(test_interrupted),
		FIXTURE_TEST(test_strange_action),
		FIXTURE_TEST(test_who_paused),
		FIXTURE_TEST(test_list_json),
		FIXTURE_TEST(test_list_table),
		FIXTURE_TEST(test_encoding_untold),
		FIXTURE_TEST(test_find),
		FIXTURE_TEST(test_list_csv),
		FIXTURE_TEST(test_list_area),
		FIXTURE_TEST(test_show_why),
		FIXTURE_TEST(test_nothing_stored),
		FIXTURE_TEST(test_no_key),
		FIXTURE_TEST(test_busy),
		FIXTURE_TEST(test_no_memory),
		FIXTURE_TEST(test_verify),
		FIXTURE_TEST(test_purge),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
