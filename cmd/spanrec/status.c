/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * status: what a recorder that runs is doing, once or again and again. What
 * happens in a second is the difference between two states, so the recorder is
 * asked twice, unless it is watched anyhow.
 *
 * A terminal is watched on its alternate screen, redrawn in place. It is given
 * back as it was, whatever signal ends or stops the program. Everything else,
 * such as a file, gets one picture after the other.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/counters.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/request.h"

#define SAMPLE_MS         1000
#define ROWS_USUAL        24
#define WATCH_SECONDS     1
#define WATCH_SECONDS_MAX 86400

/* Alternate screen, cursor, automatic wrap: xterm's private modes. A line that
 * is too long is cut by the terminal, not wrapped. */
#define SCREEN_TAKE "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_GIVE "\033[?7h\033[?25h\033[?1049l"

enum { JSON = 0x200, WATCH };

struct arguments {
	struct spanrec *spanrec;
	bool json, watch;
	unsigned seconds;
};

static const struct argp_option options[] = {
	{ "json", JSON, NULL, 0,
	  "One JSON object on a line, as the recorder gives it", 0 },
	{ "watch", WATCH, "SECONDS", OPTION_ARG_OPTIONAL,
	  "Show it again each second, or as often as SECONDS say, until ^C",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Show what the recorder is doing: what comes in, which calls are in "
    "progress, and what is lost, told apart by who lost it.\v"
    "Rates are measured over one second. Exit code 3: no recorder is "
    "running.\n\n"
    "Loss is of three kinds. 'mirror, network': packets that never reached "
    "this machine; look at the switch. 'interface, kernel': frames that this "
    "machine did not take up in time. 'this recorder': what it had no room "
    "for.\n\n"
    "'Seen but not recordable' is telephony whose signalling is encrypted or "
    "of a kind that is not read, by host.\n\n"
    "Examples:\n"
    "  spanrec status\n"
    "  spanrec status --watch\n"
    "  spanrec status --watch=60 >>status.log\n"
    "  spanrec status --json\n";

static void
parse_seconds(struct arguments *arguments, const char *value,
	      struct argp_state *state)
{
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	if (*end || end == value || *value == '-' || !seconds ||
	    seconds > WATCH_SECONDS_MAX)
		argp_error(state, "--watch wants whole seconds, 1 to %d",
			   WATCH_SECONDS_MAX);
	arguments->seconds = (unsigned)seconds;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case JSON:
		arguments->json = true;
		return 0;
	case WATCH:
		arguments->watch = true;
		if (value)
			parse_seconds(arguments, value, state);
		return 0;
	case ARGP_KEY_ARG:
		/* "--watch 5" is what people type */
		if (!arguments->watch)
			argp_error(state, "status takes no '%s'", value);
		parse_seconds(arguments, value, state);
		return 0;
	case ARGP_KEY_END:
		if (arguments->watch && arguments->json)
			argp_error(state, "--json or --watch, not both");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- asking ------------------------------------------------------------ */

struct asking {
	struct spanrec *spanrec;
	struct control_client client;
	json_t *before, *now; /**< states */
	bool colours;
};

static void
forget(struct asking *asking)
{
	json_decref(asking->before);
	json_decref(asking->now);
	asking->before = asking->now = NULL;
}

static void
asking_fini(struct asking *asking)
{
	forget(asking);
	control_client_fini(&asking->client);
}

/* The state of now; that of before is kept. @return exit code */
static int
ask(struct asking *asking)
{
	json_t *answer;
	int rc = control_client_ask(
	    &asking->client, json_pack("{ss}", "op", "status"),
	    spanrec_patience_ms(asking->spanrec, CONTROL_TIMEOUT_MS), &answer);

	json_decref(asking->before);
	asking->before = asking->now;
	asking->now = json_incref(json_object_get(answer, "status"));
	json_decref(answer);
	return rc;
}

static void
pause_ms(int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* ---- without a recorder ------------------------------------------------ */

/* What somebody has to see to. */
static void
print_watch(const struct spanrec *spanrec, struct store_archive *archive)
{
	char words[REQUEST_WORDS_BYTES];
	struct request_watch watch;

	if (request_watch(archive, spanrec->zone, spanrec->now_ns, &watch))
		return;
	for (unsigned i = 0; request_watch_words(&watch, i, words); i++)
		fprintf(spanrec->out, "Warning    %s\n", words);
}

/* What the archive remembers of the purge, for those who may read it. */
static void
print_archive(const struct spanrec *spanrec)
{
	const char *path = spanrec->home.archive_path;
	struct store_archive *archive;
	char when[SPANREC_TIME_BYTES];
	struct store_pulse pulse;
	int64_t quiet_ns;
	int rc = store_archive_open(&archive, path, STORE_READ, NULL, NULL);

	if (rc)
		return;
	print_watch(spanrec, archive);
	rc = store_pulse_get(archive, &pulse);
	store_archive_close(&archive);
	if (rc && rc != -ENOENT)
		return;
	if (!pulse.well_ns) {
		fputs("Purge      none has ended well yet\n", spanrec->out);
	} else {
		spanrec_time_local(spanrec->zone, pulse.well_ns, when);
		fprintf(spanrec->out, "Purge      last ended well %s\n", when);
	}
	quiet_ns = spanrec->now_ns - pulse.well_ns;
	if (pulse.well_ns && quiet_ns > GUARD_STALE_NS)
		fprintf(spanrec->out,
			"Warning    no purge has ended well for %s: what is "
			"due may not be gone\n",
			guard_span_text(quiet_ns, when, sizeof(when)));
	if (pulse.overdue)
		fprintf(spanrec->out,
			"Warning    %" PRIu64
			" recording%s past %s time and not deleted\n",
			pulse.overdue, pulse.overdue == 1 ? " was" : "s were",
			pulse.overdue == 1 ? "its" : "their");
	if (pulse.failed)
		fputs("Warning    not all that was due could be purged\n",
		      spanrec->out);
	if (pulse.verdict)
		fprintf(spanrec->out, "Warning    %s\n",
			guard_text((enum guard_verdict)pulse.verdict));
}

/* What can be seen all the same. */
static void
print_without(const struct spanrec *spanrec)
{
	const char *path = spanrec->home.archive_path;
	char total[COUNTER_BYTES_TEXT_BYTES], left[COUNTER_BYTES_TEXT_BYTES];
	struct statvfs disk;

	fprintf(spanrec->out, "Archive    %s\n", path);
	if (statvfs(path, &disk) < 0)
		return;
	counter_bytes_text((uint64_t)disk.f_blocks * disk.f_frsize, total);
	counter_bytes_text((uint64_t)disk.f_bavail * disk.f_frsize, left);
	fprintf(spanrec->out, "Disk       %s of %s free\n", left, total);
	print_archive(spanrec);
}

/* ---- once -------------------------------------------------------------- */

static void
print_screen(const struct asking *asking)
{
	const struct spanrec_screen screen = { .zone = asking->spanrec->zone,
					       .before = asking->before,
					       .colours = asking->colours };

	spanrec_screen_print(asking->spanrec->out, &screen, asking->now);
}

/* @return exit code */
static int
status_once(struct asking *asking, bool json)
{
	struct spanrec *spanrec = asking->spanrec;
	int rc = control_client_init(&asking->client, &spanrec->home);

	if (!rc)
		rc = ask(asking);
	if (!rc && !json) {
		pause_ms(spanrec->sample_ms ? spanrec->sample_ms : SAMPLE_MS);
		rc = ask(asking);
	}
	if (rc) {
		control_client_complain(&asking->client);
		if (rc == EXIT_NOT_FOUND && !json)
			print_without(spanrec);
		return rc;
	}
	if (json)
		return spanrec_json_print_ascii(spanrec->out, asking->now);
	print_screen(asking);
	return 0;
}

/* ---- the terminal ------------------------------------------------------ */

static void
put(const char *text)
{
	ssize_t n;

	do {
		n = write(STDOUT_FILENO, text, strlen(text));
	} while (n < 0 && errno == EINTR);
}

static void give_back(int signal_number);

static void
handle(int signal_number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(signal_number, &action, NULL);
}

/* Continued after ^Z. */
static void
take_again(int signal_number)
{
	int saved = errno;

	handle(SIGTSTP, give_back);
	put(SCREEN_TAKE);
	errno = saved;
}

/* Then the signal does what it does to other programs. It is blocked as long
 * as this runs, so it comes when this returns. */
static void
give_back(int signal_number)
{
	int saved = errno;

	put(SCREEN_GIVE);
	handle(signal_number, SIG_DFL);
	raise(signal_number);
	errno = saved;
}

static void
take_terminal(void)
{
	static const int signals[] = { SIGINT,  SIGTERM, SIGHUP,
				       SIGQUIT, SIGPIPE, SIGTSTP };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		handle(signals[i], give_back);
	handle(SIGCONT, take_again);
	put(SCREEN_TAKE);
}

static unsigned
terminal_rows(FILE *to)
{
	struct winsize size;

	if (ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || !size.ws_row)
		return ROWS_USUAL;
	return size.ws_row;
}

/* Over what is there: each line is wiped before it is written, all at one
 * go, so that nothing flickers.
 */
static void
redraw(FILE *to, const char *text)
{
	unsigned rows = terminal_rows(to), lines = 0, shown = 0;
	const char *p;

	for (p = text; *p; p++)
		lines += *p == '\n';
	fputs("\033[H", to);
	for (p = text; *p && shown < rows; shown++) {
		size_t n = strcspn(p, "\n");

		if (shown)
			fputc('\n', to);
		if (shown + 1 == rows && lines > rows) {
			fprintf(to,
				"... and %u more lines: see 'spanrec "
				"status'\033[K",
				lines - shown);
			break;
		}
		fprintf(to, "\033[K%.*s", (int)n, p);
		p += n;
		p += *p == '\n';
	}
	fputs("\033[J", to);
}

static bool
is_terminal(FILE *to)
{
	const char *term = getenv("TERM");

	return isatty(fileno(to)) && term && strcmp(term, "dumb") != 0;
}

/* https://no-color.org */
static bool
wants_colours(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !no_color || !*no_color;
}

/* ---- again and again --------------------------------------------------- */

/* No recorder, or one that does not answer; it may come. */
static void
print_failure(struct asking *asking, int rc)
{
	char clean[SPANREC_TEXT_BYTES];

	fprintf(asking->spanrec->out, "spanrec: %s\n",
		spanrec_text_clean(control_client_error(&asking->client), clean,
				   sizeof(clean)));
	if (rc == EXIT_NOT_FOUND)
		print_without(asking->spanrec);
	fputs("Trying again.\n", asking->spanrec->out);
}

/* One picture. */
static void
print_now(struct asking *asking)
{
	int rc = 0;

	if (asking->client.fd < 0) {
		forget(asking);
		control_client_fini(&asking->client);
		rc = control_client_init(&asking->client,
					 &asking->spanrec->home);
	}
	if (!rc)
		rc = ask(asking);
	if (rc)
		print_failure(asking, rc);
	else
		print_screen(asking);
}

/* The same on a terminal: made first, so that it comes at one go.
 * @return 0, -ENOMEM */
static int
draw_now(struct asking *asking)
{
	FILE *to = asking->spanrec->out;
	char *text = NULL;
	size_t bytes;

	asking->spanrec->out = open_memstream(&text, &bytes);
	if (!asking->spanrec->out) {
		asking->spanrec->out = to;
		return -ENOMEM;
	}
	print_now(asking);
	fclose(asking->spanrec->out);
	asking->spanrec->out = to;
	if (!text)
		return -ENOMEM;
	redraw(to, text);
	free(text);
	return 0;
}

/* @return exit code, when the output cannot be written any more */
static int
watch(struct asking *asking, unsigned seconds)
{
	FILE *to = asking->spanrec->out;
	bool terminal = is_terminal(to);
	int rc = 0;

	asking->colours = terminal && wants_colours();
	if (terminal)
		take_terminal();
	for (;;) {
		if (terminal)
			rc = draw_now(asking);
		else
			print_now(asking);
		if (rc || fflush(to) == EOF)
			break;
		pause_ms((int)seconds * 1000);
		if (!terminal)
			fputc('\n', to);
	}
	if (terminal)
		put(SCREEN_GIVE);
	if (rc)
		log_error("not enough memory");
	return EXIT_FAILED;
}

int
spanrec_status(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec,
				       .seconds = WATCH_SECONDS };
	struct asking asking = { .spanrec = spanrec, .client = { .fd = -1 } };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open_home(spanrec);
	if (rc)
		return rc;
	if (arguments.watch) {
		rc = watch(&asking, arguments.seconds);
	} else {
		asking.colours = is_terminal(spanrec->out) && wants_colours();
		rc = status_once(&asking, arguments.json);
	}
	asking_fini(&asking);
	return rc;
}
