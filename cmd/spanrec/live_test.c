/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that ask a recorder, against one that says what it is told. */
#include "cmd/spanrec/fixture_priv.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>

#include <jansson.h>

#include "cmd/testing/recorder.h"

#define REFUSAL "{\"ok\":false,\"error\":\"not today\",\"exit\":4}\n"

/* Two states, two seconds apart. */
#define STATUS_HEAD(now)                                                       \
	"{\"ok\":true,\"status\":{\"version\":\"0.1\",\"pid\":4711,"           \
	"\"account\":\"spanrec\",\"started\":\"2019-03-28T14:00:00.000Z\","    \
	"\"now\":\"" now "\",\"archive\":\"/srv/calls/archive\","              \
	"\"policy\":\"4f2a9c1b7d0311223344\","

static const char status_before[] = STATUS_HEAD(
    "2019-03-30T16:15:01.000Z") "\"interfaces\":[{\"name\":\"span0\",\"state\":\"up\",\"frames\":1000}],"
				"\"counters\":{\"rtp\":500,\"kernel_drops\":10,\"lost\":300}}}\n";

static const char status_now[] = STATUS_HEAD(
    "2019-03-30T16:15:03.000Z") "\"interfaces\":["
				"{\"name\":\"span0\",\"state\":\"up\",\"frames\":105620,"
				"\"kernel_drops\":72,\"interface_drops\":0},"
				"{\"name\":\"span1\",\"state\":\"gone\",\"frames\":3,"
				"\"kernel_drops\":0,\"interface_drops\":9223372036854775807}],"
				"\"gauges\":{\"calls\":1024,\"calls_max\":20000,\"calls_recorded\":998,"
				"\"calls_paused\":2,\"flows\":2031,\"flows_max\":16384,\"behind_ms\":12,"
				"\"sip_ring\":1,\"event_ring\":2,\"memory\":62464,\"open_files\":1203,"
				"\"threads\":6},"
				"\"counters\":{\"frames\":105623,\"sip\":310,\"rtp\":102900,"
				"\"stored\":99000,\"lost\":1000,\"lost_here\":100,\"kernel_drops\":72,"
				"\"duplicate\":1204,\"payload_bytes\":15840000,\"sip_calls\":12998,"
				"\"novelty\":7,\"late\":-5,\"unclaimed\":\"many\"},"
				"\"mirror_loss\":{\"since_start\":{\"packets\":50000,"
				"\"lost\":1500,\"percent\":3.0},\"last_hour\":{\"packets\":800,"
				"\"lost\":2,\"percent\":0.25}},"
				"\"disk\":{\"free_bytes\":872331001856,\"total_bytes\":1979120929996},"
				"\"due\":{\"next\":\"2019-04-01T10:15:00.000Z\","
				"\"next_id\":\"20190101T101503Z-k7q2mx4p-1\",\"overdue\":3,"
				"\"swept\":\"2019-03-30T16:14:32.000Z\",\"sweep_failed\":0},"
				"\"backups\":[{\"path\":\"/media/backup\",\"named\":true,"
				"\"made\":\"2019-03-30T02:00:03.000Z\",\"waiting\":0,\"error\":null},"
				"{\"path\":\"/media/offsite\",\"named\":true,"
				"\"made\":\"2019-03-23T02:00:03.000Z\",\"waiting\":12,"
				"\"error\":\"no backup is there\"}],"
				"\"warnings\":[\"span1 is gone: the interface was removed, and nothing "
				"that its mirror port sends is recorded\"]}}\n";

/* As people read it, with two days in summer time. */
static const char screen[] =
    "RECORDING  since 2019-03-28 14:00:00 GMT (2 d 2 h), now 16:15:03 GMT\n"
    "! span1 is gone: the interface was removed, and nothing that its mirror "
    "port\n"
    "  sends is recorded\n"
    "\n"
    "INTERFACE       STATE      FRAMES/S            FRAMES  KERNEL DROPS   "
    "CARD DROPS\n"
    "span0           up           52,310           105,620            72       "
    "     0\n"
    "span1           gone              -                 3             0 "
    "9,223,372,036,854,775,807\n"
    "PACKETS                   PACKETS/S           PACKETS\n"
    "RTP                          51,200           102,900\n"
    "RTP stored                   49,500            99,000\n"
    "SIP                             155               310\n"
    "\n"
    "CALLS      1,024 in progress (20,000 at most), 998 recorded now, 2 "
    "paused\n"
    "BUFFERS    2,031 of 16,384 streams, 12 ms behind, fullest ring 2 % "
    "(events)\n"
    "LOSS       mirror, network    900 RTP packets never came (0.900 %, "
    "300/s)\n"
    "           mirror alone       mirror loss 3.00 %, 0.25 % in the last hour\n"
    "           interface, kernel  72 frames by the kernel (31/s),\n"
    "                              100 RTP packets of calls with them (50/s)\n"
    "           this recorder      none\n"
    "DISK       812.4 GiB of 1.8 TiB free (44 %)\n"
    "DELETION   next 2019-04-01 11:15:00 BST (20190101T101503Z-k7q2mx4p-1),\n"
    "           3 overdue, last sweep 31 s ago\n"
    "BACKUP     2019-03-30 02:00:03 in /media/backup\n"
    "           2019-03-23 02:00:03 in /media/offsite, 12 deletions wait\n"
    "PROCESS    4711 as spanrec, spanrecd 0.1, 61.0 MiB, 6 threads, 1,203 "
    "files\n"
    "ARCHIVE    /srv/calls/archive, policy 4f2a9c1b7d03\n"
    "\n"
    "SINCE THE START\n"
    "            1,204  RTP packets that were duplicates\n"
    "         15.1 MiB  payload stored\n"
    "           12,998  calls begun\n"
    "                7  novelty\n";

static const char calls[] =
    "{\"ok\":true,\"calls\":["
    "{\"id\":\"20190330T161203Z-k7q2mx4p\",\"segment\":1,\"kind\":\"agent\","
    "\"from\":\"2041\",\"to\":\"+441534440440\",\"local\":\"2041\","
    "\"remote\":\"+441534440440\",\"direction\":\"out\",\"area\":\"\","
    "\"start\":\"2019-03-30T16:12:03.000Z\","
    "\"answer\":\"2019-03-30T16:12:09.000Z\",\"decision\":\"record\","
    "\"reason\":\"record\",\"rule\":\"everything\",\"paused\":true,"
    "\"paused_since\":\"2019-03-30T16:14:00.000Z\","
    "\"sip_call_ids\":[\"=cmd()\"]},"
    "{\"id\":\"20190330T161303Z-k7q2mx4q\",\"segment\":2,\"kind\":\"queue\","
    "\"from\":\"J\\u001b[2J\\u202e\",\"to\":\"20,42\",\"paused\":false,"
    "\"start\":\"soon\",\"answer\":null}]}\n";

#define STARTS(f, answers)                                                     \
	recorder_start(f, answers, sizeof(answers) / sizeof(*(answers)))

static struct testing_recorder *
recorder_start(const struct fixture *f, const struct testing_answer *answers,
	       size_t count)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/control.sock", f->home);
	return testing_recorder_new(path, answers, count);
}

/* Run a command line against one answer. */
static char *
run_against(const struct fixture *f, const char *text, int expected,
	    const char *line)
{
	const struct testing_answer answer = { TESTING_SAY, text };
	struct testing_recorder *recorder = recorder_start(f, &answer, 1);
	char *output = run(f, NOW, expected, "%s", line);

	free(testing_recorder_end(recorder));
	return output;
}

/* ---- status ------------------------------------------------------------ */

static void
test_status(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, status_before },
		{ TESTING_SAY, status_now },
	};
	const struct fixture *f = *state;
	struct testing_recorder *recorder = STARTS(f, answers);
	char *output = run(f, NOW, EXIT_DONE, "status"), *requests;

	assert_string_equal(output, screen);
	free(output);
	requests = testing_recorder_end(recorder);
	assert_string_equal(requests,
			    "{\"op\":\"status\"}\n{\"op\":\"status\"}\n");
	free(requests);
}

/* Another process with the same name: what it counts began anew. */
static void
test_status_restarted(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY,
		  "{\"ok\":true,\"status\":{\"pid\":1,\"now\":"
		  "\"2019-03-30T16:15:01.000Z\",\"counters\":{\"rtp\":1}}}\n" },
		{ TESTING_SAY,
		  "{\"ok\":true,\"status\":{\"pid\":2,\"now\":"
		  "\"2019-03-30T16:15:02.000Z\",\"counters\":{\"rtp\":9}}}\n" },
	};
	const struct fixture *f = *state;
	struct testing_recorder *recorder = STARTS(f, answers);
	char *output = run(f, NOW, EXIT_DONE, "status");

	assert_has(output, "NO INTERFACE IS UP");
	assert_has(output, "RTP                               -          ");
	assert_has(output, "DELETION   nothing to come, none overdue, no sweep "
			   "yet\n");
	free(output);
	free(testing_recorder_end(recorder));
}

/* Whatever it says is text, and none of it is obeyed by a terminal. */
static void
test_status_hostile(void **state)
{
	static const char text[] =
	    "{\"ok\":true,\"status\":{\"version\":\"\\u001b[2J\","
	    "\"account\":\"\\u202eroot\\n\",\"pid\":\"\\u001b\","
	    "\"started\":\"\\u009b31m\",\"now\":\"123456789\\u007fabc\",\"archive\":\"\\u001b]0;\","
	    "\"policy\":\"1234567890\\u001b\",\"reason_for_root\":\"\\u0007\","
	    "\"interfaces\":[{\"name\":\"\\u001b[31m\","
	    "\"state\":\"\\u001b\",\"frames\":[]},7,null],"
	    "\"gauges\":[],\"counters\":{\"\\u001b[2J\":5,\"lost\":1e300},"
	    "\"disk\":3,\"due\":{\"next\":\"\\u001b\",\"next_id\":\"\\u001b\","
	    "\"swept\":\"\\u001b\"},"
	    "\"warnings\":[\"\\u001b[2J\",{},\"a\\nb\"]}}\n";
	const struct fixture *f = *state;
	char *output = run_against(f, text, EXIT_DONE, "status");

	assert_has_not(output, "\x1B");
	assert_has_not(output, "\x07");
	assert_has_not(output, "\xC2\x9B");
	assert_has_not(output, ", now ");
	assert_has(output, ", policy 1234567890\n");
	assert_has_not(output, "\xE2\x80\xAE");
	assert_has(output, "! it runs as root: \xEF\xBF\xBD\n");
	free(output);
	output = run_against(f, text, EXIT_DONE, "status --json");
	assert_has_not(output, "\x1B");
	assert_has(output, "\"version\":\"\\u001B[2J\"");
	free(output);
}

/* At most eight lines of 80 columns, as the recorder sorts them; a kind that a
 * newer one knows is told by its name. */
static void
test_status_unrecordable(void **state)
{
#define ROW(host, kind, count)                                                 \
	"{\"host\":\"" host "\",\"kind\":\"" kind "\",\"count\":" count        \
	",\"last_seen\":\"2019-03-30T16:14:32.000Z\"}"
#define LONGEST "2001:db8:1111:2222:3333:4444:5555:6666"
	static const char text[] =
	    "{\"ok\":true,\"status\":{\"unrecordable\":[" ROW("192.0.2.10", "sip_tls", "1204") "," ROW("192.0.2.10", "sccp", "3") "," ROW(LONGEST, "ws_deflate", "999999") "," ROW(
		"192.0.2.12", "novelty",
		"7") "," ROW("192.0.2.13", "dtls_srtp",
			     "6") "," ROW("192.0.2.14", "h323",
					  "1") "," ROW("192.0.2.15", "mgcp",
						       "4") "," ROW("192.0.2.16",
								    "mgcp",
								    "3") "," ROW("192.0.2.16",
										 "h323",
										 "2") "," ROW("192.0.2.17",
											      "mgcp",
											      "2") "," ROW("192.0.2.17",
													   "h323",
													   "1") "," ROW("192.0.2.18",
															"mgcp",
															"1") "]}}\n";
	static const char wanted[] =
	    "\nSEEN BUT NOT RECORDABLE\n"
	    "    1,204 sessions  SIP over TLS                        "
	    "192.0.2.10\n"
	    "        3 sessions  SCCP (Skinny)                       "
	    "192.0.2.10\n"
	    "  999,999 sessions  SIP over compressed WebSocket       \n"
	    "                    " LONGEST "\n"
	    "        7           novelty                             "
	    "192.0.2.12\n"
	    "        6 sessions  DTLS-SRTP (keys of encrypted media) "
	    "192.0.2.13\n"
	    "        1 request   H.323                               "
	    "192.0.2.14\n"
	    "        4 commands  MGCP                                "
	    "192.0.2.15\n"
	    "        3 commands  MGCP                                "
	    "192.0.2.16\n"
	    "                    and 2 more hosts\n";
	static const char top[] =
	    "\nUNREADABLE 1,204 SIP over TLS, 6 DTLS-SRTP (keys of encrypted "
	    "media),\n"
	    "           3 SCCP (Skinny), 4 H.323, 10 MGCP,\n"
	    "           999,999 SIP over compressed WebSocket, 7 of other "
	    "kinds at 9 hosts\n"
	    "\nINTERFACE ";
	static const char hostile[] =
	    "{\"ok\":true,\"status\":{\"unrecordable\":[7,null,{},"
	    "{\"host\":\"\\u001b[2J\",\"kind\":\"\\u001b\",\"count\":-1}]}}\n";
	const struct fixture *f = *state;
	char *output = run_against(f, text, EXIT_DONE, "status"), *line;

	assert_has(output, wanted);
	assert_has(output, top);
	for (line = strstr(output, "UNREADABLE"); line && *line;
	     line = strchr(line, '\n') + 1)
		assert_true(strcspn(line, "\n") <= 80);
	free(output);
	output = run_against(f, hostile, EXIT_DONE, "status");
	assert_has(output, "SEEN BUT NOT");
	assert_has_not(output, "UNREADABLE");
	assert_has_not(output, "\x1B");
	free(output);
	output = run_against(f, status_now, EXIT_DONE, "status");
	assert_has_not(output, "SEEN BUT NOT");
	assert_has_not(output, "UNREADABLE");
	free(output);
#undef LONGEST
#undef ROW
}

static void
test_status_json(void **state)
{
	const struct fixture *f = *state;
	char *output = run_against(f, status_now, EXIT_DONE, "status --json");
	json_t *object = json_loads(output, 0, NULL), *answer;

	answer = json_loads(status_now, 0, NULL);
	assert_non_null(object);
	assert_true(json_equal(object, json_object_get(answer, "status")));
	assert_int_equal(strchr(output, '\n') - output + 1, strlen(output));
	json_decref(object);
	json_decref(answer);
	free(output);
}

/* Nobody there: what can be seen without, and a code that scripts can tell. */
static void
test_status_without(void **state)
{
	const struct fixture *f = *state;
	char *output = run(f, NOW, EXIT_NOT_FOUND, "status");

	assert_has(output, "Archive    ");
	assert_has(output, "/home/archive\nDisk       ");
	assert_has(output, " free\n");
	/* no recorder ever purged: that is none's fault */
	assert_has(output, "\nPurge      by hand, or from cron: spanrec purge\n"
			   "Backup     none was made\n");
	free(output);
	output = run(f, NOW, EXIT_NOT_FOUND, "status --json");
	assert_has(output, "{\"running\":false,\"archive\":\"");
	assert_has(output, "\"purge\":{\"swept\":null,\"well\":null}");
	assert_has(output, "\"backups\":[],\"warnings\":[]}\n");
	free(output);
}

/* ---- --watch ----------------------------------------------------------- */

static int
child_watches(const struct fixture *f, FILE *out)
{
	char name[] = "spanrec", status[] = "status", watch[] = "--watch";
	char *argv[] = { name, status, watch, NULL };
	struct spanrec spanrec = { .out = out,
				   .now_ns = NOW,
				   .home_option = f->home };

	return spanrec_run(&spanrec, 3, argv);
}

/* A child that will watch. It is forked before there is a recorder, whose
 * thread might hold the lock of an allocator that the child then never gets.
 *
 * @param size of its terminal; NULL: a pipe
 * @param fd what it writes is read here
 * @param go closing it lets the child begin */
static pid_t
watcher(const struct fixture *f, const struct winsize *size, int *fd, int *go)
{
	int ends[2] = { -1, -1 }, wait[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(wait), 0);
	if (!size)
		assert_int_equal(pipe(ends), 0);
	pid = size ? forkpty(fd, NULL, NULL, size) : fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(wait[1]);
		close(ends[0]);
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		if (read(wait[0], &c, 1) < 0)
			_exit(1);
		_exit(child_watches(f, size ? stdout : fdopen(ends[1], "w")));
	}
	close(wait[0]);
	*go = wait[1];
	if (!size) {
		close(ends[1]);
		*fd = ends[0];
	}
	return pid;
}

/* Read until something is there. It must come. */
static void
read_until(int fd, char *text, size_t n, const char *part)
{
	size_t used = 0;

	while (!strstr(text, part)) {
		ssize_t got = read(fd, text + used, n - used - 1);

		if (got <= 0 || used + (size_t)got >= n - 1)
			fail_msg("'%s' never came:\n%s", part, text);
		used += (size_t)got;
		text[used] = '\0';
	}
}

/* Into a file or a pipe: one picture after the other, without colours. */
static void
test_watch_pipe(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, status_before },
		{ TESTING_SAY, status_now },
		{ TESTING_HANG_UP, "" },
		{ TESTING_SAY, status_before },
	};
	const struct fixture *f = *state;
	static char text[65536];
	int fd, go, status;
	pid_t pid = watcher(f, NULL, &fd, &go);
	struct testing_recorder *recorder = STARTS(f, answers);

	close(go);
	*text = '\0';
	/* the first knows no rates, the second is as without --watch */
	read_until(fd, text, sizeof(text), "\nRTP stored ");
	assert_has(text, "RTP                               -               "
			 "500\n");
	read_until(fd, text, sizeof(text), "novelty\n");
	assert_has(text, screen);
	/* one that hangs up is waited for */
	read_until(fd, text, sizeof(text), "Trying again.\n");
	assert_has(text, "spanrec: the recorder hung up without an answer");
	read_until(fd, strstr(text, "Trying again.\n"), sizeof(text) / 2,
		   "\nRECORDING  since");
	assert_has_not(text, "\x1B");
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(fd);
	free(testing_recorder_end(recorder));
}

/* On a terminal: in place, no more lines than it has, and it is given back. */
static void
test_watch_terminal(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, status_before },
		{ TESTING_SAY, status_now },
	};
	const struct winsize size = { .ws_row = 12, .ws_col = 80 };
	const struct fixture *f = *state;
	static char text[65536];
	char *p, *last = text;
	int fd, go, status, lines = 0;
	pid_t pid = watcher(f, &size, &fd, &go);
	struct testing_recorder *recorder = STARTS(f, answers);

	close(go);
	*text = '\0';
	read_until(fd, text, sizeof(text), "\x1B[1;31mgone");
	assert_has(text, "\x1B[?1049h\x1B[?25l\x1B[?7l");
	for (p = text; (p = strstr(p, "\x1B[H")); p++)
		last = p;
	read_until(fd, text, sizeof(text), "more lines");
	for (p = last; *p; p++)
		lines += *p == '\n';
	assert_in_range(lines, 8, 11);
	kill(pid, SIGINT);
	read_until(fd, last, sizeof(text) / 2, "\x1B[?1049l");
	assert_has(last, "\x1B[?7h\x1B[?25h\x1B[?1049l");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	close(fd);
	free(testing_recorder_end(recorder));
}

/* What cannot be recorded is told where 24 lines have room for it, however many
 * interfaces there are. */
static void
test_watch_unreadable(void **state)
{
#define UP(name) "{\"name\":\"" name "\",\"state\":\"up\"}"
	static const struct testing_answer answer = {
		TESTING_SAY,
		"{\"ok\":true,\"status\":{\"interfaces\":[" UP("a") "," UP("b") "," UP(
		    "c") "," UP("d") "],"
				     "\"unrecordable\":["
				     "{\"host\":\"192.0.2.10\",\"kind\":\"sip_tls\","
				     "\"count\":2},"
				     "{\"host\":\"192.0.2.21\",\"kind\":\"h323\","
				     "\"count\":1}]}}\n"
	};
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	const struct fixture *f = *state;
	static char text[65536];
	int fd, go, status;
	pid_t pid = watcher(f, &size, &fd, &go);
	struct testing_recorder *recorder = recorder_start(f, &answer, 1);

	close(go);
	*text = '\0';
	read_until(fd, text, sizeof(text), "more lines");
	assert_has(text, "UNREADABLE \x1B[0m\x1B[1;33m2 SIP over TLS\x1B[0m, "
			 "\x1B[1;33m1 H.323 at 2 hosts\x1B[0m\r\n");
	assert_has_not(text, "192.0.2.21");
	kill(pid, SIGTERM);
	/* what it writes last has to go somewhere */
	read_until(fd, text + strlen(text), sizeof(text) / 2, "\x1B[?1049l");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	free(testing_recorder_end(recorder));
#undef UP
}

/* ---- list --live ------------------------------------------------------- */

static void
test_live(void **state)
{
	const struct fixture *f = *state;
	char *output = run_against(f, calls, EXIT_DONE, "list --live");

	assert_has(output, "START               FROM");
	assert_has(output, "2019-03-30 16:12:03 2041 ");
	assert_has(output, "record   16:14:00 20190330T161203Z-k7q2mx4p\n");
	assert_has(output, "soon ");
	assert_has_not(output, "\x1B");
	free(output);
	output = run_against(f, "{\"ok\":true,\"calls\":[]}\n", EXIT_DONE,
			     "list --live");
	assert_string_equal(output, "No calls in progress.\n");
	free(output);
	output = run_against(f, "{\"ok\":true,\"calls\":[3,null,{}]}\n",
			     EXIT_DONE, "list --live");
	free(output);
	free(run(f, NOW, EXIT_NOT_FOUND, "list --live"));
	free(run(f, NOW, EXIT_USAGE, "list --live --from -1d"));
}

static void
test_live_machines(void **state)
{
	const struct fixture *f = *state;
	char *output = run_against(f, calls, EXIT_DONE, "list --live --csv");

	assert_has(output, "id,segment,kind,from,to,local,remote,direction,"
			   "area,start,answer,decision,reason,rule,paused,"
			   "paused_since,sip_call_ids\r\n");
	assert_has(output, "20190330T161203Z-k7q2mx4p,1,agent,2041,"
			   "+441534440440,2041,+441534440440,out,,"
			   "2019-03-30T16:12:03.000Z,2019-03-30T16:12:09.000Z,"
			   "record,record,everything,true,"
			   "2019-03-30T16:14:00.000Z,'=cmd()\r\n");
	assert_has(
	    output,
	    ",2,queue,J\xEF\xBF\xBD[2J\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD,\"20,42\",,,"
	    ",,soon,,,,,false,,\r\n");
	free(output);
	output = run_against(f, calls, EXIT_DONE, "list --live --json");
	assert_has(output, "{\"id\":\"20190330T161203Z-k7q2mx4p\",\"segment\""
			   ":1,\"kind\":\"agent\",\"from\":\"2041\",");
	assert_has(output, "\n{\"id\":\"20190330T161303Z-k7q2mx4q\"");
	assert_has_not(output, "\x1B");
	free(output);
}

/* ---- pause, resume, reload --------------------------------------------- */

static void
test_pause(void **state)
{
	static const struct testing_answer answer = {
		TESTING_SAY,
		"{\"ok\":true,\"calls\":[\"20190330T161203Z-k7q2mx4p\"],"
		"\"already\":[\"20190330T161303Z-\\u001b[2J\",7]}\n"
	};
	const struct fixture *f = *state;
	struct testing_recorder *recorder = recorder_start(f, &answer, 1);
	char *output, *requests;

	output = run(f, NOW, EXIT_DONE, "pause --extension 2041");
	assert_string_equal(output, "20190330T161203Z-k7q2mx4p paused\n"
				    "20190330T161303Z-\xEF\xBF\xBD[2J was "
				    "paused already\n");
	free(output);
	output = run(f, NOW, EXIT_DONE, "resume --call 20190330T16");
	assert_has(output, "20190330T161203Z-k7q2mx4p recorded again\n");
	assert_has(output, " was not paused\n");
	free(output);
	requests = testing_recorder_end(recorder);
	assert_string_equal(requests,
			    "{\"op\":\"pause\",\"extension\":\"2041\"}\n"
			    "{\"op\":\"resume\",\"call\":\"20190330T16\"}\n");
	free(requests);

	free(run_against(f, "{\"ok\":true,\"calls\":[],\"already\":[]}\n",
			 EXIT_NOT_FOUND, "pause --extension 2041"));
	free(run_against(f, "{\"ok\":true}\n", EXIT_NOT_FOUND,
			 "resume --extension 2041"));
	free(run(f, NOW, EXIT_NOT_FOUND, "pause --extension 2041"));
	free(run(f, NOW, EXIT_USAGE, "pause --extension "));
	free(run(f, NOW, EXIT_USAGE, "pause --call \xFF"));
}

static void
test_reload(void **state)
{
	const struct fixture *f = *state;
	char *output = run_against(f,
				   "{\"ok\":true,\"text\":\"the policy is as "
				   "before\\n\\u001b[2Jthreads: later\\n\"}\n",
				   EXIT_DONE, "reload");

	assert_string_equal(output, "the policy is as before\n"
				    "\xEF\xBF\xBD[2Jthreads: later\n");
	free(output);
	output = run_against(f, "{\"ok\":true,\"text\":\"x\"}\n", EXIT_DONE,
			     "-q reload");
	assert_string_equal(output, "");
	free(output);
	free(run(f, NOW, EXIT_NOT_FOUND, "reload"));
}

/* Every command ends with the code of the recorder, and prints no result. */
static void
test_failures(void **state)
{
	static const char *const lines[] = {
		"status",
		"status --json",
		"list --live",
		"list --live --json",
		"pause --extension 2041",
		"resume --call 2019",
		"reload",
	};
	static const struct {
		struct testing_answer answer;
		int code;
	} rows[] = {
		{ { TESTING_SAY, REFUSAL }, EXIT_NOT_ALLOWED },
		{ { TESTING_SAY, "rubbish\n" }, EXIT_FAILED },
		{ { TESTING_HANG_UP, "{\"ok\":true," }, EXIT_FAILED },
		{ { TESTING_HANG_UP, "" }, EXIT_FAILED },
		{ { TESTING_SILENCE, "" }, EXIT_FAILED },
	};
	struct fixture *f = *state;
	size_t i, j;

	f->patience_ms = 500;
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		for (j = 0; j < sizeof(rows) / sizeof(*rows); j++) {
			struct testing_recorder *recorder =
			    recorder_start(f, &rows[j].answer, 1);
			char *output =
			    run(f, NOW, rows[j].code, "%s", lines[i]);

			assert_string_equal(output, "");
			free(output);
			free(testing_recorder_end(recorder));
		}
	}
}

/* ---- play and export beside a recorder --------------------------------- */

/* As a recorder leaves the row of a segment while it goes on. */
static int
reopen(struct store_archive *archive, const char *id)
{
	struct store_segment *segment = calloc(1, sizeof(*segment));
	int rc = segment ? store_segment_get(archive, id, segment) : -ENOMEM;

	if (!rc) {
		segment->state = STORE_STATE_RECORDING;
		segment->end_ns = segment->start_ns;
		rc = store_batch_begin(archive);
	}
	if (!rc)
		rc = store_segment_put(archive, segment);
	if (!rc)
		rc = store_batch_commit(archive);
	free(segment);
	return rc;
}

/* A child that holds the archive, as a recorder does.
 *
 * @param recording id of a segment that it records; may be NULL */
static pid_t
hold_archive(const struct fixture *f, const char *recording, int *hold)
{
	return archive_hold(f, recording ? reopen : NULL, recording, hold);
}

static void
test_ledger(void **state)
{
	static const struct testing_answer answer = { TESTING_SAY,
						      "{\"ok\":true}\n" };
	const struct fixture *f = *state;
	int hold;
	pid_t pid = hold_archive(f, NULL, &hold);
	struct testing_recorder *recorder = recorder_start(f, &answer, 1);
	char *output, *requests, expected[256];

	output =
	    run(f, NOW, EXIT_DONE, "play %s - --purpose abuse", f->call[0]);
	assert_has(output, "RIFF");
	free(output);
	output = run(f, NOW, EXIT_DONE,
		     "export %s-1 --out %s/\xFFx.wav --purpose dispute",
		     f->call[1], f->folder);
	free(output);
	requests = testing_recorder_end(recorder);
	snprintf(
	    expected, sizeof(expected),
	    "{\"op\":\"ledger\",\"action\":\"play\",\"subjects\":["
	    "\"%.27s-1\",\"%.27s-2\"],\"detail\":\"purpose abuse, to a program\"}\n",
	    f->call[0], f->call[0]);
	assert_has(requests, expected);
	snprintf(expected, sizeof(expected),
		 "{\"op\":\"ledger\",\"action\":\"export\",\"subjects\":["
		 "\"%.27s-1\"],\"detail\":\"purpose dispute, wav to ",
		 f->call[1]);
	assert_has(requests, expected);
	assert_has(requests, "/\xEF\xBF\xBDx.wav\"}\n");
	free(requests);
	archive_let_go(pid, hold);
}

/* An entry that is of no recording. */
static void
test_ledger_of_policy(void **state)
{
	static const struct testing_answer answer = { TESTING_SAY,
						      "{\"ok\":true}\n" };
	const struct fixture *f = *state;
	int hold;
	pid_t pid = hold_archive(f, NULL, &hold);
	struct testing_recorder *recorder = recorder_start(f, &answer, 1);
	char *output = run(f, NOW, EXIT_NOT_FOUND, "canary"), *requests;

	assert_has(output, "nothing to test: the policy has no payment\n");
	free(output);
	requests = testing_recorder_end(recorder);
	assert_has(requests, "{\"op\":\"ledger\",\"action\":\"canary\","
			     "\"subjects\":[\"");
	assert_has(requests, "\"],\"detail\":\"nothing to test: the policy "
			     "has no payment; policy ");
	free(requests);
	archive_let_go(pid, hold);
}

/* Who was refused is told to whoever can write it down, and if nobody can that
 * changes nothing. */
static void
test_ledger_of_denied(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, "{\"ok\":true}\n" },
		{ TESTING_SAY, REFUSAL },
	};
	const struct fixture *f = *state;
	int hold;
	pid_t pid = hold_archive(f, NULL, &hold);
	struct testing_recorder *recorder = STARTS(f, answers);
	char *requests, expected[256];

	for (unsigned i = 0; i < 2; i++)
		free(run(f, NOW, EXIT_NOT_ALLOWED, "play %s - --purpose fun",
			 f->call[0]));
	requests = testing_recorder_end(recorder);
	snprintf(expected, sizeof(expected),
		 "{\"op\":\"ledger\",\"action\":\"denied\",\"subjects\":["
		 "\"%.27s\"],\"detail\":\"play: 'fun' is no purpose that the "
		 "policy allows\"}\n",
		 f->call[0]);
	assert_has(requests, expected);
	free(requests);
	archive_let_go(pid, hold);
}

/* The recorder signs, and what it signed is read. */
static void
test_anchor(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, "{\"ok\":true}\n" },
		{ TESTING_SAY, REFUSAL },
	};
	const struct fixture *f = *state;
	int hold;
	pid_t pid = hold_archive(f, NULL, &hold);
	struct testing_recorder *recorder = STARTS(f, answers);
	char *output, *requests;

	output = run(f, NOW, EXIT_DONE, "audit anchor");
	assert_has(output, "spanrec-anchor-1 2 ");
	free(output);
	output = run(f, NOW, EXIT_NOT_ALLOWED, "audit anchor --out %s/anchors",
		     f->folder);
	assert_string_equal(output, "");
	free(output);
	requests = testing_recorder_end(recorder);
	assert_has(requests, "{\"op\":\"sign\",\"detail\":\"\"}\n"
			     "{\"op\":\"sign\",\"detail\":\"to /");
	free(requests);
	/* Looking needs nobody. */
	output = run(f, NOW, EXIT_DONE, "audit verify");
	assert_has(output, "2 entries, 1 head, 0 anchors: sound\n");
	free(output);
	archive_let_go(pid, hold);
}

/* No entry, not a sample. */
static void
test_ledger_refused(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY, REFUSAL },
		{ TESTING_HANG_UP, "" },
		{ TESTING_SILENCE, "" },
		{ TESTING_SAY, "{\"ok\":1}\n" },
	};
	static const int codes[] = { EXIT_NOT_ALLOWED, EXIT_FAILED, EXIT_FAILED,
				     EXIT_FAILED };
	struct fixture *f = *state;
	char path[512], *output;
	int hold;
	pid_t pid = hold_archive(f, NULL, &hold);
	size_t i;

	f->patience_ms = 500;
	snprintf(path, sizeof(path), "%s/x.wav", f->folder);
	for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct testing_recorder *recorder =
		    recorder_start(f, &answers[i], 1);

		output = run(f, NOW, codes[i], "play %s - --purpose abuse",
			     f->call[0]);
		assert_string_equal(output, "");
		free(output);
		free(run(f, NOW, codes[i],
			 "export %s --out %s --purpose dispute", f->call[0],
			 path));
		assert_int_equal(access(path, F_OK), -1);
		free(testing_recorder_end(recorder));
	}
	archive_let_go(pid, hold);
}

/* What is still being recorded is not played, and no entry says it was. */
static void
test_still_recorded(void **state)
{
	static const struct testing_answer answer = { TESTING_SAY,
						      "{\"ok\":true}\n" };
	const struct fixture *f = *state;
	struct testing_recorder *recorder;
	char id[STORE_SEGMENT_ID_BYTES], *output, *requests;
	int hold;
	pid_t pid;

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	pid = hold_archive(f, id, &hold);
	recorder = recorder_start(f, &answer, 1);
	output = run(f, NOW, EXIT_FAILED, "play %s - --purpose abuse", id);
	assert_string_equal(output, "");
	free(output);
	requests = testing_recorder_end(recorder);
	assert_string_equal(requests, "");
	free(requests);
	archive_let_go(pid, hold);
}

/* The recorder deletes; what it did is told in the same words. */
static void
test_purge_beside(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY,
		  "{\"ok\":true,\"segments\":3,\"recordings\":2,\"bytes\":"
		  "94400,\"tombstones\":4,\"held\":1,\"failed\":0}\n" },
		{ TESTING_SAY, "{\"ok\":true,\"segments\":1,\"failed\":2}\n" },
		{ TESTING_SAY, REFUSAL },
	};
	const struct fixture *f = *state;
	const int64_t late = NOW + 365 * DAY;
	struct testing_recorder *recorder;
	char *output, *requests;
	int hold;
	pid_t pid = hold_archive(f, NULL, &hold);

	free(run(f, late, EXIT_FAILED, "purge"));
	recorder = STARTS(f, answers);
	output = run(f, late, EXIT_DONE, "purge");
	assert_string_equal(output,
			    "3 segments deleted, 2 with audio, 94400 bytes of "
			    "it\n1 held, not deleted\n4 notes of deleted calls "
			    "removed, their time was over too\n");
	free(output);
	output = run(f, late, EXIT_FAILED, "purge");
	assert_has(output, "2 errors: not all that is due is gone\n");
	free(output);
	output = run(f, late, EXIT_NOT_ALLOWED, "purge");
	assert_string_equal(output, "");
	free(output);
	/* looking needs nobody */
	output = run(f, late, EXIT_DONE, "purge --dry-run");
	assert_has(output, "would be deleted");
	free(output);
	requests = testing_recorder_end(recorder);
	assert_string_equal(requests, "{\"op\":\"purge\"}\n"
				      "{\"op\":\"purge\"}\n"
				      "{\"op\":\"purge\"}\n");
	free(requests);
	archive_let_go(pid, hold);
}

/* Whatever allocation fails: words, an exit code, no leak. */
static void
test_no_memory(void **state)
{
	static const struct {
		const char *line, *answer;
	} rows[] = {
		{ "status", status_now },
		{ "list --live", calls },
		{ "list --live --csv", calls },
		{ "pause --extension 2041", "{\"ok\":true}\n" },
		{ "reload", "{\"ok\":true,\"text\":\"a\"}\n" },
	};
	struct fixture *f = *state;
	unsigned n;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (n = 1; n < 24; n++) {
			f->fail_allocation = n;
			free(run_against(f, rows[i].answer, -1, rows[i].line));
		}
	}
	f->fail_allocation = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_status),
		FIXTURE_TEST(test_status_restarted),
		FIXTURE_TEST(test_status_hostile),
		FIXTURE_TEST(test_status_unrecordable),
		FIXTURE_TEST(test_status_json),
		FIXTURE_TEST(test_status_without),
		FIXTURE_TEST(test_watch_pipe),
		FIXTURE_TEST(test_watch_terminal),
		FIXTURE_TEST(test_watch_unreadable),
		FIXTURE_TEST(test_live),
		FIXTURE_TEST(test_live_machines),
		FIXTURE_TEST(test_pause),
		FIXTURE_TEST(test_reload),
		FIXTURE_TEST(test_failures),
		FIXTURE_TEST(test_ledger),
		FIXTURE_TEST(test_ledger_of_policy),
		FIXTURE_TEST(test_ledger_of_denied),
		FIXTURE_TEST(test_anchor),
		FIXTURE_TEST(test_ledger_refused),
		FIXTURE_TEST(test_still_recorded),
		FIXTURE_TEST(test_purge_beside),
		FIXTURE_TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
