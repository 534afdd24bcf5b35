/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show: all that is known of a call. The gaps are inside the sealed files and
 * are shown where the private key is; all else is in the index.
 */
#include "cmd/spanrec/audio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libsmartcols/libsmartcols.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { JSON = 0x200, WAVEFORM, FORCE };

struct arguments {
	struct spanrec *spanrec;
	struct spanrec_authority authority; /**< for the sound */
	const char *id, *second, *picture;
	bool json, waveform, force;
};

static const struct argp_option options[] = {
	{ "json", JSON, NULL, 0, "One JSON object a line for each segment", 0 },
	{ "waveform", WAVEFORM, "FILE.svg|png", OPTION_ARG_OPTIONAL,
	  "Draw the sound instead: into a file, or in the terminal. That is "
	  "hearing it, and wants a --purpose",
	  0 },
	{ "force", FORCE, NULL, 0, "Overwrite the picture if it exists", 0 },
	{ 0 },
};

static const char doc[] =
    "Show all that is known of a call: who spoke when, what was decided and "
    "why, how much of the audio was seen, what is missing, how long it is "
    "kept, and who listened.\v"
    "Examples:\n"
    "  spanrec show 20190328T1415\n"
    "  spanrec show 20190328T141503Z-k7q2mx4p-1 --json\n"
    "  spanrec show 20190328T1415 --waveform call.svg --purpose quality\n";

/* The value of an option that needs none stands behind a "=", or it is the
 * second argument. */
static void
sort_out(struct arguments *arguments, struct argp_state *state)
{
	if (arguments->second && (!arguments->waveform || arguments->picture))
		argp_error(state, "one ID at a time");
	if (!arguments->waveform)
		return;
	if (arguments->second && spanrec_waveform_is_picture(arguments->id)) {
		arguments->picture = arguments->id;
		arguments->id = arguments->second;
	} else if (arguments->second) {
		arguments->picture = arguments->second;
	}
	if (arguments->picture && !strcmp(arguments->picture, "-"))
		arguments->picture = NULL;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->authority;
		state->child_inputs[1] = arguments->spanrec;
		return 0;
	case JSON:
		arguments->json = true;
		return 0;
	case WAVEFORM:
		arguments->waveform = true;
		arguments->picture = value;
		return 0;
	case FORCE:
		arguments->force = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->second)
			argp_error(state, "one ID at a time");
		else if (arguments->id)
			arguments->second = value;
		else
			arguments->id = value;
		return 0;
	case ARGP_KEY_END:
		sort_out(arguments, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which call? Give its ID");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- who listened, who paused ------------------------------------------ */

struct history {
	const char *id, *call;
	struct store_ledger_entry *entries;
	size_t count;
};

static int
see_entry(void *ctx, const struct store_ledger_entry *entry)
{
	struct history *history = ctx;
	void *grown;

	/* What was heard or deleted is a segment, what was paused is a call:
	 * the segments that it is in are not all there when that is written. */
	if (strcmp(entry->subject, history->id) != 0 &&
	    strcmp(entry->subject, history->call) != 0)
		return 0;
	grown = reallocarray(history->entries, history->count + 1,
			     sizeof(*history->entries));
	if (!grown)
		return -ENOMEM;
	history->entries = grown;
	history->entries[history->count++] = *entry;
	return 0;
}

/* @return exit code */
static int
read_history(struct spanrec *spanrec, const struct store_segment *segment,
	     struct history *history)
{
	int rc;

	*history = (struct history){ .id = segment->id, .call = segment->call };
	rc = store_ledger_walk(spanrec->archive, see_entry, history);
	if (rc == -EBADMSG) {
		log_error("the ledger is broken; 'spanrec verify' tells where");
		return EXIT_DAMAGED;
	}
	if (rc < 0) {
		log_error("the ledger cannot be read: %s", strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}

/* ---- for programs ------------------------------------------------------ */

static json_t *
utc_json(int64_t time_ns)
{
	char text[SPANREC_TIME_BYTES];

	spanrec_time_utc(time_ns, text);
	return json_string(text);
}

static json_t *
gap_json(const struct spanrec_gap *g)
{
	return json_pack("{ss,ss,sI,so,so}", "side", spanrec_gap_side(g),
			 "reason", store_reason_name(g->gap.reason), "packets",
			 (json_int_t)g->gap.packets, "from",
			 utc_json(g->gap.from_ns), "until",
			 utc_json(g->gap.until_ns));
}

/* @return NULL: no memory */
static json_t *
gaps_json(const struct spanrec_gaps *gaps)
{
	json_t *array;
	size_t i;

	if (!gaps->known)
		return json_null();
	array = json_array();
	for (i = 0; i < gaps->count; i++) {
		if (json_array_append_new(array, gap_json(&gaps->gaps[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *
entry_json(const struct store_ledger_entry *e)
{
	char action[SPANREC_TEXT_BYTES], actor[SPANREC_TEXT_BYTES],
	    detail[SPANREC_TEXT_BYTES];

	spanrec_text_clean(e->action, action, sizeof(action));
	spanrec_text_clean(e->actor, actor, sizeof(actor));
	spanrec_text_clean(e->detail, detail, sizeof(detail));
	return json_pack("{so,ss,ss,ss}", "time", utc_json(e->time_ns),
			 "action", action, "actor", actor, "detail", detail);
}

/* @return NULL: no memory */
static json_t *
history_json(const struct history *history)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < history->count; i++) {
		if (json_array_append_new(array,
					  entry_json(&history->entries[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int
show_json(struct spanrec *spanrec, const struct store_segment *segment,
	  const struct spanrec_gaps *gaps, const struct history *history)
{
	json_t *object = spanrec_segment_json(spanrec, segment);
	char hash[2 * STORE_HASH_BYTES + 1];
	int rc = 0;

	store_hex(hash, segment->policy, STORE_HASH_BYTES);
	rc |= json_object_set_new(object, "policy", json_string(hash));
	store_hex(hash, segment->replaced, STORE_HASH_BYTES);
	rc |= json_object_set_new(object, "scrubs",
				  json_integer(segment->scrubs));
	rc |= json_object_set_new(object, "replaced",
				  segment->scrubs ? json_string(hash)
						  : json_null());
	rc |= json_object_set_new(object, "gaps", gaps_json(gaps));
	rc |= json_object_set_new(object, "history", history_json(history));
	if (rc)
		json_decref(object);
	else
		rc = spanrec_json_print(spanrec->out, object);
	if (rc) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	return 0;
}

/* ---- for people -------------------------------------------------------- */

static void
line(const struct spanrec *spanrec, const char *label, const char *text)
{
	char clean[SPANREC_TEXT_BYTES];

	fprintf(spanrec->out, "  %-11s %s\n", label,
		spanrec_text_clean(text, clean, sizeof(clean)));
}

static void
line_time(const struct spanrec *spanrec, const char *label, int64_t time_ns)
{
	char text[SPANREC_TIME_BYTES];

	spanrec_time_zoned(spanrec->zone, time_ns, text);
	line(spanrec, label, text);
}

/* The number, as it was sent if that differs, and the name. */
static void
line_party(const struct spanrec *spanrec, const char *title, const char *number,
	   const char *sent, const char *name)
{
	bool other = *sent && strcmp(sent, number) != 0;
	char text[3 * STORE_DISPLAY_BYTES];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s", number, other ? " (" : "",
		 other ? sent : "", other ? ")" : "", *name ? ", " : "", name);
	line(spanrec, title, text);
}

static void
line_others(const struct spanrec *spanrec, const char *others)
{
	char text[STORE_OTHERS_BYTES];
	char *end;

	if (!*others)
		return;
	snprintf(text, sizeof(text), "%s", others);
	while ((end = strchr(text, '\n')))
		*end = ' ';
	line(spanrec, "Others", text);
}

static void
show_parties(const struct spanrec *spanrec, const struct store_segment *s)
{
	char text[SPANREC_TIME_BYTES], flags[SPANREC_TEXT_BYTES];

	line_party(spanrec, "From", s->from, s->from_sent, s->from_name);
	line_party(spanrec, "To", s->to, s->to_sent, s->to_name);
	if (*s->local)
		line(spanrec, "Left", s->local);
	if (*s->remote)
		line(spanrec, "Right", s->remote);
	line(spanrec, "Direction", store_route_name(s->direction));
	if (*s->area)
		line(spanrec, "Area", s->area);
	line_others(spanrec, s->others);
	if (*s->began)
		line(spanrec, "Began by", s->began);
	line_time(spanrec, "Start", s->start_ns);
	if (s->state != STORE_STATE_RECORDING && s->end_ns >= s->start_ns) {
		line_time(spanrec, "End", s->end_ns);
		spanrec_duration(spanrec_span_ns(s->start_ns, s->end_ns), text);
		line(spanrec, "Length", text);
	}
	if (*s->end_cause)
		line(spanrec, "Ended by", s->end_cause);
	spanrec_flags_text(s, flags);
	if (*flags)
		line(spanrec, "Media", flags);
}

static void
show_decision(const struct spanrec *spanrec, const struct store_segment *s)
{
	char text[2 * SPANREC_TEXT_BYTES], hash[2 * STORE_HASH_BYTES + 1];
	const char *unfinished = spanrec_unfinished(spanrec, s);

	snprintf(text, sizeof(text), "%s (rule %s, reason %s)",
		 store_decision_name(s->decision), s->rule, s->reason);
	line(spanrec, "Decision", text);
	store_hex(hash, s->policy, STORE_HASH_BYTES);
	line(spanrec, "Policy", hash);
	if (s->state == STORE_STATE_INTERRUPTED && s->chunks)
		snprintf(text, sizeof(text),
			 "interrupted: %" PRId64 " seconds on disk",
			 spanrec_seconds_stored(s));
	else
		snprintf(text, sizeof(text),
			 s->state == STORE_STATE_PURGED
			     ? "%s, it had %" PRIu64 " bytes"
			     : "%s, %" PRIu64 " bytes",
			 spanrec_segment_state(s), s->bytes);
	line(spanrec, "State", text);
	if (unfinished) {
		snprintf(text, sizeof(text),
			 "deletion not finished: %s; 'spanrec purge' goes on "
			 "with it when the disk can be written",
			 unfinished);
		line(spanrec, "Warning", text);
	}
	if (s->scrubs) {
		store_hex(hash, s->replaced, STORE_HASH_BYTES);
		snprintf(text, sizeof(text),
			 "a part, %" PRIu32 " time%s; the file before it had "
			 "the hash %s",
			 s->scrubs, s->scrubs == 1 ? "" : "s", hash);
		line(spanrec, "Taken out", text);
	}
}

/* Until when there is what of it. */
static void
show_clocks(const struct spanrec *spanrec, const struct store_segment *s)
{
	char text[2 * SPANREC_TEXT_BYTES];
	struct spanrec_until until;
	int rc = spanrec_until(spanrec, s, &until);

	if (!spanrec_segment_recorded(s)) {
		line_time(spanrec, "Noted until", until.note_ns);
		return;
	}
	if (rc == -ENOENT)
		snprintf(text, sizeof(text), "%s (not in the policy any more)",
			 s->retention);
	else if (rc == CLOCKS_KEPT)
		snprintf(text, sizeof(text), "%s (of the policy that decided)",
			 s->retention);
	else
		snprintf(text, sizeof(text), "%s", s->retention);
	line(spanrec, "Retention", text);
	if (s->state == STORE_STATE_PURGED) {
		line_time(spanrec, "Deleted", s->purged_ns);
		if (s->gave_way)
			line(spanrec, "Why",
			     "the disk was full, and its class "
			     "gives way");
		line_time(spanrec, "Noted until", until.note_ns);
		return;
	}
	for (size_t i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		char from[SPANREC_TIME_BYTES];

		if (!s->successors[i].retention[0])
			continue;
		spanrec_time_zoned(spanrec->zone, s->successors[i].from_ns,
				   from);
		snprintf(text, sizeof(text), "%s, from %s",
			 s->successors[i].retention, from);
		line(spanrec, "After a hold", text);
	}
	if (s->state == STORE_STATE_HELD) {
		line(spanrec, "Gone by", "it is held: 'spanrec hold list'");
		return;
	}
	if (until.floor_ns)
		line_time(spanrec, "Kept until", until.floor_ns);
	line_time(spanrec, "Gone by", until.ceiling_ns);
	line_time(spanrec, "Due", until.due_ns);
	line_time(spanrec, "Noted until", until.note_ns);
}

/* A table whose cells are texts; right: a bit for each column. */
static struct libscols_table *
table_new(FILE *to, const char *const *titles, size_t columns, unsigned right)
{
	struct libscols_table *table = scols_new_table();
	size_t i;

	if (!table)
		return NULL;
	scols_table_set_stream(table, to);
	for (i = 0; i < columns; i++) {
		int flags = right >> i & 1 ? SCOLS_FL_RIGHT : 0;

		if (!scols_table_new_column(table, titles[i], 0, flags)) {
			scols_unref_table(table);
			return NULL;
		}
	}
	return table;
}

static void
table_count(struct libscols_line *row, size_t column, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	scols_line_set_data(row, column, text);
}

static void
stream_row(struct libscols_line *row, const struct store_stream *s)
{
	char text[24], codec[SPANREC_TEXT_BYTES];
	uint64_t dropped = 0;
	unsigned i;

	for (i = 0; i < STORE_REASON_COUNT; i++)
		dropped += s->dropped[i];
	scols_line_set_data(row, 0,
			    s->side == STORE_LEFT ? "  left" : "  right");
	snprintf(text, sizeof(text), "%08" PRIx32, s->ssrc);
	scols_line_set_data(row, 1, text);
	spanrec_text_clean(s->codec, codec, sizeof(codec));
	scols_line_set_data(row, 2, codec);
	table_count(row, 3, s->seen);
	table_count(row, 4, s->stored);
	table_count(row, 5, s->lost);
	snprintf(text, sizeof(text), "%.2f",
		 s->expected ? 100.0 * (double)s->lost / (double)s->expected
			     : 0.0);
	scols_line_set_data(row, 6, text);
	table_count(row, 7, s->late);
	table_count(row, 8, s->duplicate);
	table_count(row, 9, dropped);
	table_count(row, 10, s->gaps);
}

static int
show_streams(const struct spanrec *spanrec, const struct store_segment *segment)
{
	static const char *const titles[] = { "  SIDE",  "SSRC",   "CODEC",
					      "PACKETS", "STORED", "LOST",
					      "LOST%",   "LATE",   "DUPLICATE",
					      "DROPPED", "GAPS" };
	const struct store_stream *sorted[STORE_STREAMS_MAX];
	struct libscols_table *table;
	uint32_t i;
	int rc;

	if (!segment->streams_count)
		return 0;
	table = table_new(spanrec->out, titles, 11, 0x7F8);
	if (!table)
		return -ENOMEM;
	spanrec_streams_sort(segment, sorted);
	for (i = 0; i < segment->streams_count; i++) {
		struct libscols_line *row = scols_table_new_line(table, NULL);

		if (!row) {
			scols_unref_table(table);
			return -ENOMEM;
		}
		stream_row(row, sorted[i]);
	}
	fprintf(spanrec->out, "\n");
	rc = scols_print_table(table);
	scols_unref_table(table);
	return rc ? -ENOMEM : 0;
}

/* What no SDP named cannot be heard, and whoever knows what it is can help. */
static void
show_untold(const struct spanrec *spanrec, const struct store_segment *segment)
{
	for (uint32_t i = 0; i < segment->streams_count; i++) {
		const struct store_stream *s = &segment->streams[i];
		char codec[SPANREC_TEXT_BYTES], text[512];

		if (!spanrec_encoding_untold(s->codec))
			continue;
		snprintf(text, sizeof(text),
			 "No SDP said what '%.40s' is, so it cannot be decoded "
			 "here: it is stored as received; export --format pcap "
			 "gives the packets; " SPANREC_ENCODING_ADVICE ".",
			 spanrec_text_clean(s->codec, codec, sizeof(codec)));
		fputc('\n', spanrec->out);
		spanrec_text_wrap(spanrec->out, text, 2);
		return;
	}
}

/* What was seen and left out, and why. Of what is stored the gaps say more, to
 * who has the key. */
static void
show_dropped(const struct spanrec *spanrec, const struct store_segment *segment)
{
	const struct store_stream *sorted[STORE_STREAMS_MAX];
	bool any = false;
	uint32_t i;
	unsigned k;

	spanrec_streams_sort(segment, sorted);
	for (i = 0; i < segment->streams_count; i++) {
		const struct store_stream *s = sorted[i];

		for (k = 0; k < STORE_REASON_COUNT; k++) {
			if (!s->dropped[k])
				continue;
			if (!any)
				fprintf(spanrec->out, "\n  Not stored\n");
			any = true;
			fprintf(spanrec->out,
				"  %s side, %08" PRIx32 ": %" PRIu64
				" packet%s (%s)\n",
				s->side == STORE_LEFT ? "left" : "right",
				s->ssrc, s->dropped[k],
				s->dropped[k] == 1 ? "" : "s",
				store_reason_name((enum store_reason)k));
		}
	}
}

static void
show_gaps(const struct spanrec *spanrec, const struct store_segment *segment,
	  const struct spanrec_gaps *gaps)
{
	char at[SPANREC_TIME_BYTES];
	size_t i;

	if (!spanrec_segment_audible(segment))
		return;
	if (!gaps->known) {
		fprintf(spanrec->out, "\n  Gaps are inside the sealed file; "
				      "the private key is not here.\n");
		return;
	}
	if (!gaps->count)
		return;
	fprintf(spanrec->out, "\n  Gaps\n");
	for (i = 0; i < gaps->count; i++) {
		const struct store_gap *gap = &gaps->gaps[i].gap;

		fprintf(spanrec->out,
			"  at %s, %s side: %.3f s, %" PRIu32 " packet%s (%s)\n",
			spanrec_gap_at(segment, gap, at),
			spanrec_gap_side(&gaps->gaps[i]),
			spanrec_gap_seconds(gap), gap->packets,
			gap->packets == 1 ? "" : "s",
			store_reason_name(gap->reason));
	}
}

static void
show_history(const struct spanrec *spanrec, const struct history *history)
{
	char when[SPANREC_TIME_BYTES], action[SPANREC_TEXT_BYTES],
	    actor[SPANREC_TEXT_BYTES], detail[SPANREC_TEXT_BYTES];
	size_t i;

	if (!history->count)
		return;
	fprintf(spanrec->out, "\n  What was done with it\n");
	for (i = 0; i < history->count; i++) {
		const struct store_ledger_entry *e = &history->entries[i];

		spanrec_time_zoned(spanrec->zone, e->time_ns, when);
		fprintf(spanrec->out, "  %s  %s by %s%s%s\n", when,
			spanrec_text_clean(e->action, action, sizeof(action)),
			spanrec_text_clean(e->actor, actor, sizeof(actor)),
			*e->detail ? ": " : "",
			spanrec_text_clean(e->detail, detail, sizeof(detail)));
	}
}

static int
show_table(const struct spanrec *spanrec, const struct store_segment *segment,
	   const struct spanrec_gaps *gaps, const struct history *history)
{
	fprintf(spanrec->out, "%s (%s)\n", segment->id,
		store_kind_name(segment->kind));
	show_parties(spanrec, segment);
	show_decision(spanrec, segment);
	show_clocks(spanrec, segment);
	if (show_streams(spanrec, segment) < 0) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	if (spanrec_segment_audible(segment))
		show_untold(spanrec, segment);
	show_dropped(spanrec, segment);
	if (spanrec_quality_show(spanrec->out, segment) < 0) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	show_gaps(spanrec, segment, gaps);
	show_history(spanrec, history);
	return 0;
}

/* ---- the command ------------------------------------------------------- */

/* What cannot be read is missing from what is shown; the rest is shown all
 * the same. @return exit code */
static int
show_segment(const struct arguments *arguments,
	     const struct store_segment *segment)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct history history = { 0 };
	struct spanrec_gaps gaps = { 0 };
	int rc, worst;

	worst = spanrec_gaps_read(spanrec, segment, &gaps);
	rc = read_history(spanrec, segment, &history);
	if (rc)
		worst = rc;
	if (arguments->json)
		rc = show_json(spanrec, segment, &gaps, &history);
	else
		rc = show_table(spanrec, segment, &gaps, &history);
	spanrec_gaps_fini(&gaps);
	free(history.entries);
	return rc ? rc : worst;
}

static int
show_waveform(const struct arguments *arguments)
{
	const struct spanrec_waveform waveform = {
		.id = arguments->id,
		.path = arguments->picture,
		.force = arguments->force,
		.authority = &arguments->authority,
	};

	return spanrec_waveform_show(arguments->spanrec, &waveform);
}

int
spanrec_show(struct spanrec *spanrec, int argc, char **argv)
{
	const struct argp_child children[] = { spanrec_authority_options[0],
					       spanrec_global_options[0],
					       { 0 } };
	const struct argp argp = { .options = options,
				   .parser = parse,
				   .args_doc = "ID",
				   .doc = doc,
				   .children = children };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_selection selection = { 0 };
	size_t i;
	int rc, error;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.waveform)
		return show_waveform(&arguments);
	rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_open_key(spanrec, false);
	if (!rc)
		rc = spanrec_select(spanrec, arguments.id, &selection);
	if (rc)
		goto out;
	for (i = 0; i < selection.count; i++) {
		if (i && !arguments.json)
			fputc('\n', spanrec->out);
		error = show_segment(&arguments, &selection.segments[i]);
		if (error)
			rc = error;
	}
out:
	spanrec_selection_fini(&selection);
	return rc;
}
