/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit verify: is the ledger what it was, against heads and anchors? */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/audit_priv.h"
#include "cmd/spanrec/report_priv.h"
#include "store/audit.h"

enum { JSON = 0x200, ANCHOR };

/* Files of anchors. */
#define FILES_MAX 32

struct arguments {
	struct spanrec *spanrec;
	const char *files[FILES_MAX];
	size_t files_count;
	bool json;
};

static const struct argp_option options[] = {
	{ "anchor", ANCHOR, "FILE", 0,
	  "Anchors that were kept elsewhere, one a line; may be given several "
	  "times",
	  0 },
	{ "json", JSON, NULL, 0, "As one JSON object", 0 },
	{ 0 },
};

static const char doc[] =
    "Check that the ledger of the archive is what it was: that no entry was "
    "edited, inserted, taken out or moved, and that none was cut off the "
    "end.\v"
    "Each entry holds the hash of the one before, and each hour and at each "
    "start and stop the last one is signed. Whoever has the rights of the "
    "recorder could write all of that anew; not so the anchors that were kept "
    "elsewhere ('spanrec audit anchor'): with one, everything up to its entry "
    "is proved. What is wrong is named, and what can still be relied on. It "
    "may run beside the recorder. Exit code 0: sound; 5: it is not.\n\n"
    "Examples:\n"
    "  spanrec audit verify --anchor /mnt/compliance/anchors.txt\n"
    "  spanrec audit verify\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case ANCHOR:
		if (arguments->files_count == FILES_MAX)
			argp_error(state, "not so many files");
		else
			arguments->files[arguments->files_count++] = value;
		return 0;
	case JSON:
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "audit verify takes no '%s'", value);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- anchors ------------------------------------------------------------- */

struct verification {
	const struct arguments *arguments;
	struct spanrec *spanrec;
	struct store_head *anchors;
	size_t anchors_count;
	uint64_t bad_anchors;
	json_t *findings; /**< in words */
	struct store_audit audit;
};

/* @return 0, -ENOMEM */
static int
tell(struct verification *v, const char *words)
{
	if (!v->arguments->json)
		fprintf(v->spanrec->out, "%s\n", words);
	return json_array_append_new(v->findings, json_string(words)) ? -ENOMEM
								      : 0;
}

/* @return exit code */
static int
add_anchor(struct verification *v, const char *file, unsigned line,
	   const char *text, size_t n)
{
	char clean[SPANREC_TEXT_BYTES], words[SPANREC_TEXT_BYTES + 128];
	struct store_head head, *grown;
	int r = store_anchor_parse(&head, text, n);

	if (r == -EBADMSG) {
		log_error("%s:%u: this is no anchor", file, line);
		return EXIT_FAILED;
	}
	if (r) {
		(void)!snprintf(words, sizeof(words),
				"%s:%u: the signature of this anchor is wrong: "
				"it was changed, or is forged",
				spanrec_text_clean(file, clean, sizeof(clean)),
				line);
		v->bad_anchors++;
		return tell(v, words) ? EXIT_FAILED : 0;
	}
	grown = reallocarray(v->anchors, v->anchors_count + 1, sizeof(*grown));
	if (!grown) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	v->anchors = grown;
	v->anchors[v->anchors_count++] = head;
	return 0;
}

/* Lines that begin with # say something to people. @return exit code */
static int
read_anchors(struct verification *v, const char *file)
{
	char *text, *line;
	unsigned number = 0;
	size_t n, before = v->anchors_count + v->bad_anchors;
	int rc = 0, r = home_file_read(file, &text, &n);

	if (r) {
		log_error("the anchors in %s cannot be read: %s", file,
			  strerror(-r));
		return exit_code(r);
	}
	for (line = text; !rc && line < text + n; line++) {
		char *end = memchr(line, '\n', (size_t)(text + n - line));
		size_t bytes;

		end = end ? end : text + n;
		bytes = (size_t)(end - line);
		number++;
		while (bytes &&
		       (line[bytes - 1] == '\r' || line[bytes - 1] == ' '))
			bytes--;
		if (bytes && *line != '#')
			rc = add_anchor(v, file, number, line, bytes);
		line = end;
	}
	free(text);
	if (!rc && v->anchors_count + v->bad_anchors == before) {
		log_error("there is no anchor in %s", file);
		return EXIT_FAILED;
	}
	return rc;
}

/* ---- findings ------------------------------------------------------------ */

static void
entries_text(const struct store_audit_finding *f, char *text, size_t n)
{
	if (f->from == f->to)
		snprintf(text, n, "entry %" PRIu64, f->from);
	else
		snprintf(text, n, "entries %" PRIu64 " to %" PRIu64, f->from,
			 f->to);
}

static int
see_finding(void *ctx, const struct store_audit_finding *f)
{
	struct verification *v = ctx;
	char entries[64], time[SPANREC_TIME_BYTES];
	const char *one = f->from == f->to ? "was" : "were";
	const char *point = f->anchor ? "an anchor" : "a head";
	char words[256];

	entries_text(f, entries, sizeof(entries));
	spanrec_time_zoned(v->spanrec->zone, f->head_ns, time);
	switch (f->fault) {
	case STORE_AUDIT_ALTERED:
		snprintf(words, sizeof(words),
			 "%s %s altered: what stands there does not have the "
			 "hash that it should",
			 entries, one);
		break;
	case STORE_AUDIT_MISSING:
		snprintf(words, sizeof(words),
			 "%s %s taken out: later ones are there", entries, one);
		break;
	case STORE_AUDIT_UNLINKED:
		snprintf(words, sizeof(words),
			 "%s%s is not what was written there: the chain does "
			 "not hold",
			 f->from == f->to ? "" : "at least one of ", entries);
		break;
	case STORE_AUDIT_REWRITTEN:
		snprintf(words, sizeof(words),
			 "%s %s written anew: entry %" PRIu64
			 " is not the one for which %s of %s vouches",
			 entries, one, f->head, point, time);
		break;
	case STORE_AUDIT_CUT:
		snprintf(words, sizeof(words),
			 "%s %s cut off, if not more: %s of %s vouches for "
			 "entry %" PRIu64,
			 entries, one, point, time, f->head);
		break;
	case STORE_AUDIT_STRAY:
		snprintf(words, sizeof(words),
			 "before entry %" PRIu64
			 " something stands in the ledger that is no entry",
			 f->from);
		break;
	case STORE_AUDIT_FORGED:
		snprintf(words, sizeof(words),
			 "the head of entry %" PRIu64
			 " has a wrong signature: it was changed, or is forged",
			 f->head);
		break;
	case STORE_AUDIT_UNSIGNED:
		snprintf(
		    words, sizeof(words),
		    "no head is left, though the recorder began to sign at "
		    "entry %" PRIu64 ": what came since can be anything",
		    f->from);
		break;
	case STORE_AUDIT_FOREIGN:
		snprintf(words, sizeof(words),
			 f->anchor ? "the anchor of entry %" PRIu64
				     " is of another archive"
				   : "the head of entry %" PRIu64
				     " is of another archive, or signed by a "
				     "key that neither archive/audit.pub nor "
				     "an anchor names",
			 f->head);
		break;
	}
	return tell(v, words);
}

/* ---- the result ---------------------------------------------------------- */

static void
print_vouched(const struct verification *v, const char *what, uint64_t until,
	      int64_t time_ns)
{
	char time[SPANREC_TIME_BYTES];

	spanrec_time_zoned(v->spanrec->zone, time_ns, time);
	fprintf(v->spanrec->out,
		"%s up to entry %" PRIu64 ", as it was on %s\n", what, until,
		time);
}

static void
print_relied(const struct verification *v)
{
	const struct store_audit *audit = &v->audit;
	FILE *out = v->spanrec->out;

	fprintf(out,
		"the first entry that may not be what it was: %" PRIu64 "\n",
		audit->first_wrong);
	if (!audit->ranges_count)
		fputs("there is no entry for which a head or an anchor still "
		      "vouches\n",
		      out);
	for (uint32_t i = 0; i < audit->ranges_count; i++) {
		const struct store_audit_range *range = &audit->ranges[i];

		fprintf(out,
			"to be relied on: entries %" PRIu64 " to %" PRIu64
			", by ",
			range->from, range->to);
		if (!range->anchored)
			fputs("heads\n", out);
		else if (range->anchored == range->to)
			fputs("an anchor\n", out);
		else
			fprintf(out,
				"an anchor up to %" PRIu64 ", then by heads\n",
				range->anchored);
	}
}

static void
print_result(const struct verification *v, bool sound)
{
	const struct store_audit *audit = &v->audit;
	const uint64_t vouched = audit->signed_until > audit->anchored_until
				     ? audit->signed_until
				     : audit->anchored_until;
	FILE *out = v->spanrec->out;

	if (audit->first_wrong)
		print_relied(v);
	if (v->spanrec->quiet)
		return;
	if (audit->anchored_until)
		print_vouched(v, "by anchors:", audit->anchored_until,
			      audit->anchored_ns);
	if (audit->signed_until)
		print_vouched(v, "by heads:", audit->signed_until,
			      audit->signed_ns);
	if (sound && audit->last > vouched)
		fprintf(out,
			"not signed yet: entries %" PRIu64 " to %" PRIu64 "\n",
			vouched + 1, audit->last);
	if (!v->anchors_count)
		fputs("no anchor was given: who has the key of the recorder "
		      "could have written all of it anew; see 'spanrec audit "
		      "anchor --help'\n",
		      out);
	fprintf(out, "%" PRIu64 " %s, %" PRIu64 " head%s, %zu anchor%s: %s\n",
		audit->entries, audit->entries == 1 ? "entry" : "entries",
		audit->heads, audit->heads == 1 ? "" : "s", v->anchors_count,
		v->anchors_count == 1 ? "" : "s",
		sound ? "sound" : "NOT SOUND");
}

/* @return exit code */
static int
print_json(struct verification *v, bool sound)
{
	const struct store_audit *audit = &v->audit;
	json_t *row = json_object(), *ranges = json_array();
	int rc = EXIT_FAILED;
	bool made = row && ranges;

	for (uint32_t i = 0; made && i < audit->ranges_count; i++)
		made = !json_array_append_new(
		    ranges, json_pack("{sI sI sb}", "from",
				      (json_int_t)audit->ranges[i].from, "to",
				      (json_int_t)audit->ranges[i].to, "anchor",
				      audit->ranges[i].anchored ==
					  audit->ranges[i].to));
	if (made && !json_object_set_new(row, "sound", json_boolean(sound)) &&
	    !spanrec_report_count(row, "entries", audit->entries) &&
	    !spanrec_report_count(row, "last", audit->last) &&
	    !spanrec_report_count(row, "heads", audit->heads) &&
	    !spanrec_report_count(row, "anchors", v->anchors_count) &&
	    !spanrec_report_count(row, "signed_until", audit->signed_until) &&
	    !spanrec_report_time(row, "signed", audit->signed_ns) &&
	    !spanrec_report_count(row, "anchored_until",
				  audit->anchored_until) &&
	    !spanrec_report_time(row, "anchored", audit->anchored_ns) &&
	    !spanrec_report_count(row, "first_wrong", audit->first_wrong) &&
	    !json_object_set(row, "relied_on", ranges) &&
	    !json_object_set(row, "findings", v->findings))
		rc = spanrec_json_print_ascii(v->spanrec->out, row);
	else
		log_error("not enough memory");
	json_decref(ranges);
	json_decref(row);
	return rc;
}

/* @return exit code */
static int
verify(struct verification *v)
{
	bool sound;
	int rc,
	    r = store_audit_verify(v->spanrec->archive, v->anchors,
				   v->anchors_count, see_finding, v, &v->audit);

	if (r) {
		log_error("the ledger cannot be read: %s", strerror(-r));
		return exit_code(r);
	}
	sound = !v->audit.findings && !v->bad_anchors;
	rc = 0;
	if (v->arguments->json)
		rc = print_json(v, sound);
	else
		print_result(v, sound);
	return rc ? rc : sound ? EXIT_DONE : EXIT_DAMAGED;
}

int
spanrec_audit_verify(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct verification v = { .arguments = &arguments,
				  .spanrec = spanrec,
				  .findings = json_array() };
	int rc = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments)) {
		json_decref(v.findings);
		return EXIT_USAGE;
	}
	if (!v.findings) {
		log_error("not enough memory");
		rc = EXIT_FAILED;
	}
	if (!rc)
		rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_REPORT);
	for (size_t i = 0; !rc && i < arguments.files_count; i++)
		rc = read_anchors(&v, arguments.files[i]);
	if (!rc)
		rc = verify(&v);
	json_decref(v.findings);
	free(v.anchors);
	return rc;
}
