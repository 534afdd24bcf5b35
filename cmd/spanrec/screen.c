/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of a recorder on one screen of 80 columns. First whether it
 * records, what it warns of and what it cannot read; then what comes in; then
 * what is lost, told apart by who lost it, because that says what to do:
 *
 *   mirror, network    look at the switch: it never came; what telephones
 *                      report tells how much of it the mirror port lost
 *   interface, kernel  this machine did not take it up in time
 *   this recorder      it had no room for it
 *
 * Everything comes from the recorder and may be missing or anything else; a
 * newer one may count what is not known here. Rates are differences between
 * two states of the same recorder.
 */
#include "cmd/spanrec/spanrec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "capture/foreign.h"
#include "cmd/common/counters.h"

#define COLUMNS SPANREC_SCREEN_COLUMNS

#define COUNT_BYTES 32 /**< "18,446,744,073,709,551,615" */
#define RATE_NONE   (-1.0)

/** SGR parameters (ECMA-48, 8.3.117). */
#define BOLD   "1"
#define RED    "1;31"
#define YELLOW "1;33"

/* One picture in the making. */
struct picture {
	FILE *to;
	const struct spanrec_screen *screen;
	const json_t *status, *counters;
	const json_t *before;  /**< of the same run of the recorder, or NULL */
	double elapsed_s;      /**< since then */
	size_t column, indent; /**< of the list that is being written */
	bool listed;           /**< something is in it */
};

/* ---- numbers ----------------------------------------------------------- */

/* "14,231,003" */
static const char *
count_text(uint64_t count, char text[COUNT_BYTES])
{
	char digits[COUNT_BYTES];
	size_t n, used = 0;
	int w = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	n = w < 0 ? 0 : (size_t)w;
	for (size_t i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
	return text;
}

/* What a counter gains in a second. It is read in both states. */
static double
rate_of(const struct picture *picture, const json_t *now, const json_t *before,
	const char *name)
{
	uint64_t a = spanrec_json_count(before, name);
	uint64_t b = spanrec_json_count(now, name);

	if (!before || picture->elapsed_s <= 0 || b < a)
		return RATE_NONE;
	return (double)(b - a) / picture->elapsed_s;
}

static const char *
rate_text(double rate, char text[COUNT_BYTES])
{
	if (rate < 0) {
		memcpy(text, "-", 2);
		return text;
	}
	return count_text((uint64_t)(rate + 0.5), text);
}

static uint64_t
counter(const struct picture *picture, const char *name)
{
	return spanrec_json_count(picture->counters, name);
}

static double
counter_rate(const struct picture *picture, const char *name)
{
	return rate_of(picture, picture->counters,
		       json_object_get(picture->before, "counters"), name);
}

static uint64_t
gauge(const struct picture *picture, const char *name)
{
	return spanrec_json_count(json_object_get(picture->status, "gauges"),
				  name);
}

/* ---- texts ------------------------------------------------------------- */

static void
paint(const struct picture *picture, const char *colour)
{
	if (picture->screen->colours && colour)
		fprintf(picture->to, "\033[%sm", colour);
}

static void
paint_end(const struct picture *picture, const char *colour)
{
	if (picture->screen->colours && colour)
		fputs("\033[0m", picture->to);
}

static size_t
columns_of(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += ((unsigned char)*text & 0xC0) != 0x80;
	return columns;
}

/* A text that is padded to so many columns, and cut where it has more. */
static void
print_padded(const struct picture *picture, const char *text, size_t columns)
{
	size_t left = columns, n = 0;

	while (text[n] && (left || ((unsigned char)text[n] & 0xC0) == 0x80)) {
		left -= ((unsigned char)text[n] & 0xC0) != 0x80;
		n++;
	}
	fprintf(picture->to, "%.*s%*s", (int)n, text, (int)left, "");
}

/* What comes first on a line. */
static void
print_label(const struct picture *picture, const char *label)
{
	paint(picture, BOLD);
	fprintf(picture->to, "%-11s", label);
	paint_end(picture, BOLD);
}

/* A list, with commas, in lines that begin below its first item. */
static void
list_begin(struct picture *picture, size_t indent)
{
	picture->column = picture->indent = indent;
	picture->listed = false;
}

static void list_add(struct picture *picture, const char *colour,
		     const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
list_add(struct picture *picture, const char *colour, const char *format, ...)
{
	char item[SPANREC_TEXT_BYTES];
	va_list args;
	size_t columns;

	va_start(args, format);
	vsnprintf(item, sizeof(item), format, args);
	va_end(args);
	columns = columns_of(item);
	if (picture->listed) {
		bool fits = picture->column + 2 + columns < COLUMNS;

		fprintf(picture->to, fits ? ", " : ",\n%*s",
			fits ? 0 : (int)picture->indent, "");
		picture->column = fits ? picture->column + 2 : picture->indent;
	}
	paint(picture, colour);
	fputs(item, picture->to);
	paint_end(picture, colour);
	picture->column += columns;
	picture->listed = true;
}

static void
list_end(struct picture *picture, const char *otherwise)
{
	fprintf(picture->to, "%s\n", picture->listed ? "" : otherwise);
}

/* ---- times ------------------------------------------------------------- */

/* "2026-11-28 07:14:32 GMT"; what is no time, as it is. */
static const char *
time_text(const struct picture *picture, const char *utc,
	  char text[SPANREC_TIME_BYTES])
{
	int64_t time_ns;

	if (!spanrec_time_utc_parse(utc, &time_ns))
		spanrec_time_zoned(picture->screen->zone, time_ns, text);
	else
		spanrec_text_clean(*utc ? utc : "?", text, SPANREC_TIME_BYTES);
	return text;
}

/* The two largest units say enough. */
static void
age_text(int64_t age_ns, char text[SPANREC_TIME_BYTES])
{
	int64_t s = age_ns < 0 ? 0 : age_ns / 1000000000;

	if (s >= 86400)
		snprintf(text, SPANREC_TIME_BYTES, "%d d %d h",
			 (int)(s / 86400), (int)(s / 3600 % 24));
	else if (s >= 3600)
		snprintf(text, SPANREC_TIME_BYTES, "%d h %d min",
			 (int)(s / 3600), (int)(s / 60 % 60));
	else if (s >= 60)
		snprintf(text, SPANREC_TIME_BYTES, "%d min %d s", (int)(s / 60),
			 (int)(s % 60));
	else
		snprintf(text, SPANREC_TIME_BYTES, "%d s", (int)s);
}

/* @return -1: one of them is no time */
static int64_t
span_ns(const char *from, const char *to)
{
	int64_t from_ns, to_ns;

	if (spanrec_time_utc_parse(from, &from_ns) ||
	    spanrec_time_utc_parse(to, &to_ns) || to_ns < from_ns)
		return -1;
	return to_ns - from_ns;
}

static bool
is_up(const json_t *interface)
{
	return !strcmp(spanrec_json_text(interface, "state"), "up");
}

/* ---- who and what ------------------------------------------------------ */

/* Without an interface that is up there is nothing to record. */
static void
print_verdict(const struct picture *picture)
{
	const json_t *interfaces =
	    json_object_get(picture->status, "interfaces");
	bool up = false;
	size_t i;

	for (i = 0; i < json_array_size(interfaces); i++)
		up = up || is_up(json_array_get(interfaces, i));
	paint(picture, up ? BOLD : RED);
	fputs(up ? "RECORDING" : "NO INTERFACE IS UP, running", picture->to);
	paint_end(picture, up ? BOLD : RED);
}

static void
print_head(struct picture *picture)
{
	const char *started = spanrec_json_text(picture->status, "started");
	const char *now = spanrec_json_text(picture->status, "now");
	char since[SPANREC_TIME_BYTES], age[SPANREC_TIME_BYTES],
	    clock[SPANREC_TIME_BYTES];
	int64_t age_ns = span_ns(started, now), now_ns;

	age_text(age_ns, age);
	time_text(picture, now, clock);
	print_verdict(picture);
	fprintf(picture->to, "  since %s", time_text(picture, started, since));
	if (age_ns >= 0)
		fprintf(picture->to, " (%s)", age);
	/* The date is that of the line before, or that plus the age. What is
	 * no time has none, and would be cut within a character. */
	if (!spanrec_time_utc_parse(now, &now_ns) && strlen(clock) > 11)
		fprintf(picture->to, ", now %s", clock + 11);
	fputc('\n', picture->to);
}

/* ---- warnings ---------------------------------------------------------- */

/* Words, in lines of 80 columns that begin with a mark. */
static void
print_warning(struct picture *picture, const char *words)
{
	char clean[4 * SPANREC_TEXT_BYTES];
	size_t column = 1;
	const char *p = spanrec_text_clean(words, clean, sizeof(clean));

	paint(picture, YELLOW);
	fputc('!', picture->to);
	while (*p) {
		char word[sizeof(clean)];
		size_t n = strcspn(p, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		if (column > 1 && column + 1 + columns_of(word) > COLUMNS) {
			fputs("\n ", picture->to);
			column = 1;
		}
		fprintf(picture->to, " %s", word);
		column += 1 + columns_of(word);
		p += n;
		p += strspn(p, " ");
	}
	paint_end(picture, YELLOW);
	fputc('\n', picture->to);
}

static void
print_warnings(struct picture *picture)
{
	const json_t *warnings = json_object_get(picture->status, "warnings");
	const char *root =
	    spanrec_json_text(picture->status, "reason_for_root");
	char words[SPANREC_TEXT_BYTES];
	size_t i;

	if (*root) {
		snprintf(words, sizeof(words), "it runs as root: %s", root);
		print_warning(picture, words);
	}
	for (i = 0; i < json_array_size(warnings); i++) {
		const char *text =
		    json_string_value(json_array_get(warnings, i));

		if (text && *text)
			print_warning(picture, text);
	}
}

/* ---- what comes in ----------------------------------------------------- */

static const json_t *
find_interface(const json_t *status, const char *name)
{
	const json_t *interfaces = json_object_get(status, "interfaces");
	size_t i;

	for (i = 0; i < json_array_size(interfaces); i++) {
		const json_t *interface = json_array_get(interfaces, i);

		if (!strcmp(spanrec_json_text(interface, "name"), name))
			return interface;
	}
	return NULL;
}

/* Nothing but "up" records. */
static void
print_interface(struct picture *picture, const json_t *interface)
{
	const char *name = spanrec_json_text(interface, "name");
	const char *state = spanrec_json_text(interface, "state");
	uint64_t kernel = spanrec_json_count(interface, "kernel_drops");
	uint64_t card = spanrec_json_count(interface, "interface_drops");
	const char *bad = is_up(interface) ? NULL : RED;
	char text[SPANREC_TEXT_BYTES], number[COUNT_BYTES];
	double rate = rate_of(picture, interface,
			      find_interface(picture->before, name), "frames");

	print_padded(picture, spanrec_text_clean(name, text, sizeof(text)), 16);
	paint(picture, bad);
	print_padded(picture, spanrec_text_clean(state, text, sizeof(text)), 5);
	paint_end(picture, bad);
	fprintf(picture->to, " %13s", rate_text(rate, number));
	fprintf(picture->to, " %17s",
		count_text(spanrec_json_count(interface, "frames"), number));
	paint(picture, kernel ? RED : NULL);
	fprintf(picture->to, " %13s", count_text(kernel, number));
	paint_end(picture, kernel ? RED : NULL);
	paint(picture, card ? RED : NULL);
	fprintf(picture->to, " %12s\n", count_text(card, number));
	paint_end(picture, card ? RED : NULL);
}

static void
print_interfaces(struct picture *picture)
{
	const json_t *interfaces =
	    json_object_get(picture->status, "interfaces");
	size_t i;

	paint(picture, BOLD);
	fprintf(picture->to, "%-16s%-5s%14s%18s%14s%13s\n", "INTERFACE",
		"STATE", "FRAMES/S", "FRAMES", "KERNEL DROPS", "CARD DROPS");
	paint_end(picture, BOLD);
	for (i = 0; i < json_array_size(interfaces); i++)
		print_interface(picture, json_array_get(interfaces, i));
	if (!i)
		fputs("none\n", picture->to);
}

static void
print_packets(struct picture *picture)
{
	static const struct {
		const char *counter, *text;
	} rows[] = {
		{ "rtp", "RTP" },
		{ "stored", "RTP stored" },
		{ "sip", "SIP" },
	};
	char rate[COUNT_BYTES], total[COUNT_BYTES];
	size_t i;

	paint(picture, BOLD);
	fprintf(picture->to, "%-16s%-5s%14s%18s\n", "PACKETS", "", "PACKETS/S",
		"PACKETS");
	paint_end(picture, BOLD);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		fprintf(picture->to, "%-16s%-5s %13s %17s\n", rows[i].text, "",
			rate_text(counter_rate(picture, rows[i].counter), rate),
			count_text(counter(picture, rows[i].counter), total));
}

static void
print_calls(struct picture *picture)
{
	char a[COUNT_BYTES], b[COUNT_BYTES];

	print_label(picture, "CALLS");
	list_begin(picture, 11);
	list_add(picture, NULL, "%s in progress (%s at most)",
		 count_text(gauge(picture, "calls"), a),
		 count_text(gauge(picture, "calls_max"), b));
	list_add(picture, NULL, "%s recorded now",
		 count_text(gauge(picture, "calls_recorded"), a));
	list_add(picture, NULL, "%s paused",
		 count_text(gauge(picture, "calls_paused"), a));
	list_end(picture, "");
}

/* How full it all is. */
static void
print_buffers(struct picture *picture)
{
	static const struct {
		const char *gauge, *text;
	} rings[] = {
		{ "sip_ring", "SIP" },
		{ "event_ring", "events" },
		{ "request_ring", "disk" },
	};
	char a[COUNT_BYTES], b[COUNT_BYTES];
	size_t i, full = 0;

	for (i = 1; i < sizeof(rings) / sizeof(*rings); i++) {
		if (gauge(picture, rings[i].gauge) >
		    gauge(picture, rings[full].gauge))
			full = i;
	}
	print_label(picture, "BUFFERS");
	list_begin(picture, 11);
	list_add(picture, NULL, "%s of %s streams",
		 count_text(gauge(picture, "flows"), a),
		 count_text(gauge(picture, "flows_max"), b));
	list_add(picture, NULL, "%s ms behind",
		 count_text(gauge(picture, "behind_ms"), a));
	list_add(picture, NULL, "fullest ring %" PRIu64 " %% (%s)",
		 gauge(picture, rings[full].gauge), rings[full].text);
	list_end(picture, "");
}

/* ---- what is lost ------------------------------------------------------ */

/* A counter of loss, if there was any, and how it goes on. */
static void
add_loss(struct picture *picture, const char *colour, const char *name,
	 const char *what)
{
	uint64_t count = counter(picture, name);
	double rate = counter_rate(picture, name);
	char number[COUNT_BYTES], more[COUNT_BYTES];

	if (!count)
		return;
	count_text(count, number);
	rate_text(rate, more);
	if (rate > 0)
		list_add(picture, colour, "%s %s (%s%s/s)", number, what,
			 rate < 0.5 ? "<" : "", rate < 0.5 ? "1" : more);
	else
		list_add(picture, colour, "%s %s", number, what);
}

static void
print_loss_label(struct picture *picture, const char *label, const char *who)
{
	print_label(picture, label);
	fprintf(picture->to, "%-19s", who);
	list_begin(picture, 30);
}

/* What should have come in the streams that are recorded. */
static double
expected_packets(const struct picture *picture)
{
	static const char *const names[] = {
		"stored",         "lost",           "dropped_overrun",
		"dropped_dtmf",   "dropped_policy", "dropped_encrypted",
		"dropped_paused",
	};
	double sum = 0;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		sum += (double)counter(picture, names[i]);
	return sum;
}

static void
print_loss_before(struct picture *picture)
{
	uint64_t lost = counter(picture, "lost"),
		 here = counter(picture, "lost_here");
	double rate = counter_rate(picture, "lost"),
	       rate_here = counter_rate(picture, "lost_here"), share;
	char number[COUNT_BYTES], more[COUNT_BYTES] = "";

	print_loss_label(picture, "LOSS", "mirror, network");
	if (lost > here) {
		share = (double)(lost - here) * 100 / expected_packets(picture);
		if (rate_here >= 0 && rate > rate_here)
			snprintf(more, sizeof(more), ", %.0f/s",
				 rate - rate_here);
		list_add(
		    picture, YELLOW, "%s RTP packets never came (%s%.3f %%%s)",
		    count_text(lost - here, number), share < 0.001 ? "< " : "",
		    share < 0.001 ? 0.001 : share, more);
	}
	list_end(picture, "none");
}

static double
share_of(const json_t *loss)
{
	return (double)spanrec_json_count(loss, "lost") * 100 /
	       (double)spanrec_json_count(loss, "packets");
}

/* What telephones have heard and we have not. */
static void
print_mirror(struct picture *picture)
{
	const json_t *mirror = json_object_get(picture->status, "mirror_loss");
	const json_t *all = json_object_get(mirror, "since_start");
	const json_t *hour = json_object_get(mirror, "last_hour");
	uint64_t lost = spanrec_json_count(all, "lost"),
		 lately = spanrec_json_count(hour, "lost");

	if (!spanrec_json_count(all, "packets"))
		return;
	print_loss_label(picture, "", "mirror alone");
	list_add(picture, lost ? YELLOW : NULL, "mirror loss %.2f %%",
		 share_of(all));
	if (spanrec_json_count(hour, "packets"))
		list_add(picture, lately ? YELLOW : NULL,
			 "%.2f %% in the last hour", share_of(hour));
	list_end(picture, "");
}

static void
print_loss(struct picture *picture)
{
	print_loss_before(picture);
	print_mirror(picture);
	print_loss_label(picture, "", "interface, kernel");
	add_loss(picture, RED, "interface_drops", "frames by the card");
	add_loss(picture, RED, "kernel_drops", "frames by the kernel");
	add_loss(picture, RED, "lost_here", "RTP packets of calls with them");
	list_end(picture, "none");
	print_loss_label(picture, "", "this recorder");
	add_loss(picture, RED, "calls_overload", "calls not recorded");
	add_loss(picture, RED, "dropped_overrun", "RTP packets not stored");
	add_loss(picture, RED, "rtp_no_flow", "RTP packets without a buffer");
	add_loss(picture, RED, "sip_shed", "SIP messages shed");
	list_end(picture, "none");
}

/* ---- what is kept ------------------------------------------------------ */

enum { FULL_WORDS_BYTES = 96, HOUR_S = 3600 };

/* When it is full, and how many recordings that is. */
static const char *
full_words(const json_t *disk, char words[FULL_WORDS_BYTES])
{
	uint64_t hours = spanrec_json_count(disk, "full_in_s") / HOUR_S;
	uint64_t left = spanrec_json_count(disk, "recordings_left");
	size_t n = 0;

	*words = '\0';
	if (json_is_integer(json_object_get(disk, "full_in_s")))
		n = (size_t)snprintf(words, FULL_WORDS_BYTES,
				     ", full in %" PRIu64 " %s",
				     hours < 48 ? hours : hours / 24,
				     hours < 48 ? "hours" : "days");
	if (left)
		(void)!snprintf(words + n, FULL_WORDS_BYTES - n,
				", room for %" PRIu64 " recordings", left);
	return words;
}

static void
print_disk(struct picture *picture)
{
	const json_t *disk = json_object_get(picture->status, "disk");
	uint64_t total = spanrec_json_count(disk, "total_bytes");
	uint64_t free_bytes = spanrec_json_count(disk, "free_bytes");
	char a[COUNTER_BYTES_TEXT_BYTES], b[COUNTER_BYTES_TEXT_BYTES];
	char full[FULL_WORDS_BYTES];

	counter_bytes_text(free_bytes, a);
	counter_bytes_text(total, b);
	print_label(picture, "DISK");
	if (total)
		fprintf(picture->to, "%s of %s free (%.0f %%)%s\n", a, b,
			(double)free_bytes * 100 / (double)total,
			full_words(disk, full));
	else
		fputs("size unknown\n", picture->to);
}

static void
print_deletion(struct picture *picture)
{
	const json_t *due = json_object_get(picture->status, "due");
	const char *next = spanrec_json_text(due, "next");
	const char *id = spanrec_json_text(due, "next_id");
	const char *swept = spanrec_json_text(due, "swept");
	uint64_t overdue = spanrec_json_count(due, "overdue");
	uint64_t failed = spanrec_json_count(due, "sweep_failed");
	char when[SPANREC_TIME_BYTES], clean[STORE_SEGMENT_ID_BYTES],
	    number[COUNT_BYTES];
	int64_t age_ns;

	print_label(picture, "DELETION");
	list_begin(picture, 11);
	if (*next)
		list_add(picture, NULL, "next %s%s%s%s",
			 time_text(picture, next, when), *id ? " (" : "",
			 spanrec_text_clean(id, clean, sizeof(clean)),
			 *id ? ")" : "");
	else
		list_add(picture, NULL, "nothing to come");
	list_add(picture, overdue ? RED : NULL, "%s overdue",
		 overdue ? count_text(overdue, number) : "none");
	age_ns = span_ns(swept, spanrec_json_text(picture->status, "now"));
	age_text(age_ns, when);
	if (age_ns >= 0)
		list_add(picture, NULL, "last sweep %s ago", when);
	else if (*swept)
		list_add(picture, NULL, "last sweep %s",
			 time_text(picture, swept, when));
	else
		list_add(picture, NULL, "no sweep yet");
	if (failed)
		list_add(picture, RED, "%s could not be deleted",
			 count_text(failed, number));
	list_end(picture, "");
}

/* One line for each: when, where, what waits. */
static void
print_backups(const struct picture *picture)
{
	const json_t *rows = json_object_get(picture->status, "backups");
	char text[SPANREC_BACKUP_TEXT_BYTES];

	if (!rows)
		return;
	print_label(picture, "BACKUP");
	if (!json_array_size(rows))
		fputs("none was made\n", picture->to);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		bool ill =
		    spanrec_backup_text(picture->screen->zone, row, text);

		fprintf(picture->to, "%*s", i ? 11 : 0, "");
		paint(picture, ill ? RED : NULL);
		fputs(text, picture->to);
		paint_end(picture, ill ? RED : NULL);
		fputc('\n', picture->to);
	}
}

/* ---- who does it ------------------------------------------------------- */

static void
print_process(struct picture *picture)
{
	const json_t *status = picture->status;
	char text[SPANREC_TEXT_BYTES], number[COUNT_BYTES],
	    memory[COUNTER_BYTES_TEXT_BYTES];

	counter_bytes_text(gauge(picture, "memory") * 1024, memory);
	print_label(picture, "PROCESS");
	list_begin(picture, 11);
	list_add(picture, NULL, "%" PRIu64 " as %s",
		 spanrec_json_count(status, "pid"),
		 spanrec_text_clean(spanrec_json_text(status, "account"), text,
				    sizeof(text)));
	list_add(picture, NULL, "spanrecd %s",
		 spanrec_text_clean(spanrec_json_text(status, "version"), text,
				    sizeof(text)));
	list_add(picture, NULL, "%s", memory);
	list_add(picture, NULL, "%" PRIu64 " threads",
		 gauge(picture, "threads"));
	list_add(picture, NULL, "%s files",
		 count_text(gauge(picture, "open_files"), number));
	list_end(picture, "");
}

static void
print_places(struct picture *picture)
{
	char text[SPANREC_TEXT_BYTES], path[COLUMNS - 34], hash[13];

	spanrec_text_clean(spanrec_json_text(picture->status, "archive"), text,
			   sizeof(text));
	spanrec_path_shorten(text, path, sizeof(path));
	print_label(picture, "ARCHIVE");
	fprintf(picture->to, "%s, ", path);
	fprintf(picture->to, "policy %s\n",
		spanrec_text_clean(spanrec_json_text(picture->status, "policy"),
				   hash, sizeof(hash)));
}

/* ---- what cannot be recorded ------------------------------------------- */

enum { UNRECORDABLE_LINES = 8, KIND_COLUMNS = 36, HOST_BYTES = 40 };

/* "1,204 sessions  SIP over TLS                        192.0.2.10"; a long
 * address has the next line to itself. */
static void
print_unrecordable_line(struct picture *picture, const json_t *row)
{
	const char *kind = spanrec_json_text(row, "kind"), *unit = "";
	uint64_t count = spanrec_json_count(row, "count");
	int known = capture_foreign_kind(kind), column;
	char number[COUNT_BYTES], text[SPANREC_TEXT_BYTES], host[HOST_BYTES];

	if (known >= 0) {
		kind = capture_foreign_text((enum capture_foreign)known);
		unit = capture_foreign_unit((enum capture_foreign)known);
	}
	column = fprintf(picture->to, "%9s %-8.*s  ", count_text(count, number),
			 (int)strlen(unit) - (*unit && count == 1), unit);
	print_padded(picture, spanrec_text_clean(kind, text, sizeof(text)),
		     KIND_COLUMNS);
	spanrec_text_clean(spanrec_json_text(row, "host"), host, sizeof(host));
	if (column + KIND_COLUMNS + (int)columns_of(host) > COLUMNS)
		fprintf(picture->to, "\n%*s", column, "");
	fprintf(picture->to, "%s\n", host);
}

/* Hosts in rows from this one on, which stand side by side, without that of
 * the row before. */
static size_t
count_hosts(const json_t *rows, size_t from)
{
	const char *before =
	    from ? spanrec_json_text(json_array_get(rows, from - 1), "host")
		 : "";
	size_t i, count = 0;

	for (i = from; i < json_array_size(rows); i++) {
		const char *host =
		    spanrec_json_text(json_array_get(rows, i), "host");

		count += strcmp(host, before) != 0;
		before = host;
	}
	return count;
}

/* How much of each kind there is; the last counts those of a newer recorder
 * that are not known here. */
static void
sum_kinds(const json_t *rows, uint64_t sums[CAPTURE_FOREIGN_COUNT + 1])
{
	size_t i;

	memset(sums, 0, (CAPTURE_FOREIGN_COUNT + 1) * sizeof(*sums));
	for (i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		int kind = capture_foreign_kind(spanrec_json_text(row, "kind"));

		sums[kind < 0 ? CAPTURE_FOREIGN_COUNT : kind] +=
		    spanrec_json_count(row, "count");
	}
}

/* "2 SIP over TLS, 1 H.323 at 2 hosts", near the top: the hosts are so far
 * down that a terminal of 24 lines does not have them. */
static void
print_unreadable(struct picture *picture)
{
	const json_t *rows = json_object_get(picture->status, "unrecordable");
	uint64_t sums[CAPTURE_FOREIGN_COUNT + 1];
	size_t hosts = count_hosts(rows, 0);
	int i, last = -1;
	char number[COUNT_BYTES], where[COUNT_BYTES + 16];

	sum_kinds(rows, sums);
	for (i = 0; i <= CAPTURE_FOREIGN_COUNT; i++) {
		if (sums[i])
			last = i;
	}
	if (last < 0)
		return;
	print_label(picture, "UNREADABLE");
	list_begin(picture, 11);
	snprintf(where, sizeof(where), " at %zu host%s", hosts,
		 hosts == 1 ? "" : "s");
	for (i = 0; i <= last; i++) {
		if (sums[i])
			list_add(
			    picture, YELLOW, "%s %s%s",
			    count_text(sums[i], number),
			    i < CAPTURE_FOREIGN_COUNT
				? capture_foreign_text((enum capture_foreign)i)
				: "of other kinds",
			    i == last ? where : "");
	}
	list_end(picture, "");
}

static void
print_unrecordable(struct picture *picture)
{
	const json_t *rows = json_object_get(picture->status, "unrecordable");
	size_t i, more;

	if (!json_array_size(rows))
		return;
	paint(picture, BOLD);
	fputs("\nSEEN BUT NOT RECORDABLE\n", picture->to);
	paint_end(picture, BOLD);
	for (i = 0; i < json_array_size(rows) && i < UNRECORDABLE_LINES; i++)
		print_unrecordable_line(picture, json_array_get(rows, i));
	more = count_hosts(rows, i);
	if (more)
		fprintf(picture->to, "%20sand %zu more host%s\n", "", more,
			more > 1 ? "s" : "");
}

/* ---- all other counters ------------------------------------------------ */

/* Is it above already? */
static bool
is_shown(const char *name)
{
	static const char *const names[] = {
		"frames",
		"rtp",
		"stored",
		"sip",
		"lost",
		"lost_here",
		"kernel_drops",
		"interface_drops",
		"calls_overload",
		"rtp_no_flow",
		"dropped_overrun",
		"sip_shed",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static bool
is_known(const char *name)
{
	size_t i;

	for (i = 0; i < COUNTER_ROWS_COUNT; i++) {
		if (!strcmp(counter_rows[i].name, name))
			return true;
	}
	return false;
}

static void
print_counter(struct picture *picture, const char *name, const char *unit,
	      const char *text)
{
	uint64_t count = counter(picture, name);
	char number[COUNT_BYTES], clean[SPANREC_TEXT_BYTES];

	if (!count || is_shown(name))
		return;
	if (!picture->listed) {
		paint(picture, BOLD);
		fputs("\nSINCE THE START\n", picture->to);
		paint_end(picture, BOLD);
	}
	picture->listed = true;
	if (!strcmp(unit, "bytes"))
		counter_bytes_text(count, number);
	else
		count_text(count, number);
	fprintf(picture->to, "%17s  %s\n", number,
		spanrec_text_clean(text, clean, sizeof(clean)));
}

static void
print_counters(struct picture *picture)
{
	const char *name;
	json_t *value;
	size_t i;

	list_begin(picture, 0);
	for (i = 0; i < COUNTER_ROWS_COUNT; i++)
		print_counter(picture, counter_rows[i].name,
			      counter_rows[i].unit, counter_rows[i].text);
	/* a newer recorder counts more than is known here */
	json_object_foreach((json_t *)picture->counters, name, value)
	{
		if (!is_known(name))
			print_counter(picture, name, "", name);
	}
}

/* ---- all of it --------------------------------------------------------- */

/* Rates are of one run of one process. */
static void
compare(struct picture *picture, const json_t *before)
{
	const char *started = spanrec_json_text(picture->status, "started");
	int64_t elapsed_ns = span_ns(spanrec_json_text(before, "now"),
				     spanrec_json_text(picture->status, "now"));

	if (!before || elapsed_ns <= 0 ||
	    strcmp(started, spanrec_json_text(before, "started")) != 0 ||
	    spanrec_json_count(before, "pid") !=
		spanrec_json_count(picture->status, "pid"))
		return;
	picture->before = before;
	picture->elapsed_s = (double)elapsed_ns / 1e9;
}

void
spanrec_screen_print(FILE *to, const struct spanrec_screen *screen,
		     const json_t *status)
{
	struct picture picture = { .to = to,
				   .screen = screen,
				   .status = status,
				   .counters =
				       json_object_get(status, "counters") };

	compare(&picture, screen->before);
	print_head(&picture);
	print_warnings(&picture);
	print_unreadable(&picture);
	fputc('\n', to);
	print_interfaces(&picture);
	print_packets(&picture);
	fputc('\n', to);
	print_calls(&picture);
	print_buffers(&picture);
	print_loss(&picture);
	print_disk(&picture);
	print_deletion(&picture);
	print_backups(&picture);
	print_process(&picture);
	print_places(&picture);
	print_unrecordable(&picture);
	print_counters(&picture);
}
