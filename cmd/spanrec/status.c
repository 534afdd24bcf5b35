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
#include <stdarg.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/backups.h"
#include "cmd/common/control.h"
#include "cmd/common/counters.h"
#include "cmd/common/exit.h"
#include "cmd/common/json.h"
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

/* What can be seen all the same: as a recorder would tell it, as far as that
 * goes. */
struct without {
	struct spanrec *spanrec;
	json_t *status, *warnings;
};

static void warn(struct without *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
warn(struct without *w, const char *format, ...)
{
	char text[SPANREC_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)json_array_append_new(w->warnings, json_clean(text));
}

/* What somebody has to see to. */
static void
add_watch(struct without *w, struct store_archive *archive)
{
	const struct spanrec *spanrec = w->spanrec;
	char words[REQUEST_WORDS_BYTES];
	struct request_watch watch;

	if (request_watch(archive, spanrec->zone, spanrec->now_ns, &watch))
		return;
	for (unsigned i = 0; request_watch_words(&watch, i, words); i++)
		warn(w, "%s", words);
}

/* How the last purge went. */
static void
add_pulse(struct without *w, const struct store_pulse *pulse)
{
	const int64_t quiet_ns = w->spanrec->now_ns - pulse->well_ns;
	char span[32];

	(void)json_object_set_new(w->status, "purge",
				  json_pack("{s:o,s:o}", "swept",
					    json_time(pulse->swept_ns), "well",
					    json_time(pulse->well_ns)));
	if (pulse->well_ns && quiet_ns > GUARD_STALE_NS)
		warn(w,
		     "no purge has ended well for %s: what is due may not be "
		     "gone",
		     guard_span_text(quiet_ns, span, sizeof(span)));
	if (pulse->overdue)
		warn(w, "%" PRIu64 " recording%s past %s time and not deleted",
		     pulse->overdue, pulse->overdue == 1 ? " was" : "s were",
		     pulse->overdue == 1 ? "its" : "their");
	if (pulse->failed)
		warn(w, "not all that was due could be purged");
	if (pulse->verdict)
		warn(w, "%s", guard_text((enum guard_verdict)pulse->verdict));
}

static void
add_backups(struct without *w, const struct store_archive *archive)
{
	struct backups *backups = calloc(1, sizeof(*backups));

	if (!backups)
		return;
	backups_look(backups, archive, &w->spanrec->home);
	backups_json(backups, w->status, w->warnings);
	free(backups);
}

/* What the archive remembers, for those who may read it. */
static void
add_archive(struct without *w)
{
	const char *path = w->spanrec->home.archive_path;
	struct store_archive *archive;
	struct store_pulse pulse;
	int rc = store_archive_open(&archive, path, STORE_READ, NULL, NULL);

	if (rc)
		return;
	add_watch(w, archive);
	rc = store_pulse_get(archive, &pulse);
	if (!rc || rc == -ENOENT)
		add_pulse(w, &pulse);
	add_backups(w, archive);
	store_archive_close(&archive);
}

/* @return false: no memory */
static bool
without_init(struct without *w, struct spanrec *spanrec)
{
	const char *path = spanrec->home.archive_path;
	struct statvfs disk;

	*w = (struct without){ .spanrec = spanrec,
			       .status = json_object(),
			       .warnings = json_array() };
	if (!w->status || !w->warnings)
		return false;
	(void)json_object_set_new(w->status, "running", json_false());
	(void)json_object_set_new(w->status, "archive", json_clean(path));
	if (!statvfs(path, &disk))
		(void)json_object_set_new(
		    w->status, "disk",
		    json_pack(
			"{s:o,s:o}", "total_bytes",
			json_number((uint64_t)disk.f_blocks * disk.f_frsize),
			"free_bytes",
			json_number((uint64_t)disk.f_bavail * disk.f_frsize)));
	add_archive(w);
	(void)json_object_set(w->status, "warnings", w->warnings);
	return true;
}

static void
without_fini(struct without *w)
{
	json_decref(w->status);
	json_decref(w->warnings);
}

/* ---- ... for people ---- */

/* A recorder that runs purges each minute: where nothing ever did, none ran. */
static bool
only_reads(const struct without *w)
{
	const json_t *purge = json_object_get(w->status, "purge");

	return purge && !*spanrec_json_text(purge, "swept");
}

static void
print_purge(const struct without *w)
{
	const json_t *purge = json_object_get(w->status, "purge");
	const char *well = spanrec_json_text(purge, "well");
	FILE *to = w->spanrec->out;
	char when[SPANREC_TIME_BYTES];
	int64_t well_ns;

	if (!purge)
		return;
	if (!spanrec_time_utc_parse(well, &well_ns)) {
		spanrec_time_local(w->spanrec->zone, well_ns, when);
		fprintf(to, "Purge      last ended well %s\n", when);
	} else if (only_reads(w)) {
		fputs("Purge      by hand, or from cron: spanrec purge\n", to);
	} else {
		fputs("Purge      none has ended well yet\n", to);
	}
}

static void
print_backups(const struct without *w)
{
	const json_t *rows = json_object_get(w->status, "backups");
	char text[SPANREC_BACKUP_TEXT_BYTES];

	if (rows && !json_array_size(rows))
		fputs("Backup     none was made\n", w->spanrec->out);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		(void)spanrec_backup_text(w->spanrec->zone,
					  json_array_get(rows, i), text);
		fprintf(w->spanrec->out, "%-11s%s\n", i ? "" : "Backup", text);
	}
}

static void
print_without(const struct without *w)
{
	char total[COUNTER_BYTES_TEXT_BYTES], left[COUNTER_BYTES_TEXT_BYTES];
	FILE *to = w->spanrec->out;
	const json_t *disk = json_object_get(w->status, "disk"), *words;
	size_t i;

	fprintf(to, "Archive    %s\n", w->spanrec->home.archive_path);
	counter_bytes_text(spanrec_json_count(disk, "total_bytes"), total);
	counter_bytes_text(spanrec_json_count(disk, "free_bytes"), left);
	if (disk)
		fprintf(to, "Disk       %s of %s free\n", left, total);
	print_purge(w);
	print_backups(w);
	json_array_foreach(w->warnings, i, words)
	    fprintf(to, "Warning    %s\n", json_string_value(words));
}

/* No recorder runs: where none ever did, that is no fault.
 * @return exit code */
static int
status_without(struct asking *asking, bool json)
{
	struct spanrec *spanrec = asking->spanrec;
	struct without w;
	bool right = without_init(&w, spanrec);

	if (right && only_reads(&w))
		log_info("no recorder is running on %s. None has deleted "
			 "anything there yet; calls of captures need none "
			 "(spanrecd --read)",
			 *spanrec->home.dir ? spanrec->home.dir
					    : spanrec->home.settings_path);
	else
		control_client_complain(&asking->client);
	if (right && json)
		(void)!spanrec_json_print_ascii(spanrec->out, w.status);
	else if (right)
		print_without(&w);
	without_fini(&w);
	return EXIT_NOT_FOUND;
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
	if (rc == EXIT_NOT_FOUND)
		return status_without(asking, json);
	if (rc)
		control_client_complain(&asking->client);
	if (rc)
		return rc;
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
	struct without w;

	fprintf(asking->spanrec->out, "spanrec: %s\n",
		spanrec_text_clean(control_client_error(&asking->client), clean,
				   sizeof(clean)));
	if (rc == EXIT_NOT_FOUND) {
		if (without_init(&w, asking->spanrec))
			print_without(&w);
		without_fini(&w);
	}
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
