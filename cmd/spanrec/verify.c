/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * verify: is everything there, genuine and whole? Works beside a recorder, and
 * without the private key as far as that goes.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"
#include "cmd/spanrec/key_priv.h"

enum { ALL = 0x200 };

struct arguments {
	struct spanrec *spanrec;
	const char *id;
	bool all;
};

static const struct argp_option options[] = {
	{ "all", ALL, NULL, 0, "The whole archive; the same as giving no ID",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Check recordings: that each chunk is genuine, that none is missing, "
    "swapped or cut short, that the counts of packets add up; and, without an "
    "ID, that there is no file too many, that what was deleted is gone, and "
    "that the ledger is unbroken.\v"
    "Each finding is one line that begins with the id. Exit code 5 if there is "
    "one. Without the private key the content of chunks is not opened: files "
    "are compared with what the index knows of them.\n\n"
    "Examples:\n"
    "  spanrec verify\n"
    "  spanrec verify 20190328T1415\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case ALL:
		arguments->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->id)
			argp_error(state, "one ID at a time");
		arguments->id = value;
		return 0;
	case ARGP_KEY_END:
		if (arguments->all && arguments->id)
			argp_error(state, "an ID or --all, not both");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct check {
	struct spanrec *spanrec;
	struct spanrec_ids ids;
	uint64_t checked, bad, busy;
	uint64_t other_keys;                /* sealed to one that is not here */
	uint64_t others;                    /**< files, slots, ledger */
	uint64_t refused;                   /**< ... that may not be read */
	char first[STORE_SEGMENT_ID_BYTES]; /**< that was found damaged */
	bool one;                           /**< call: that was asked for */
	json_t *known; /**< damaged, by what the ledger says */
	json_t *news;  /**< ... from now on; null: not any more */
	struct progress progress;
};

static const char *
finding_name(enum store_finding_type type)
{
	switch (type) {
	case STORE_FINDING_FILE_MISSING:
		return "file missing";
	case STORE_FINDING_FILE_UNKNOWN:
		return "unknown file";
	case STORE_FINDING_DAMAGED:
		return "damaged";
	case STORE_FINDING_CUT:
		return "cut short";
	case STORE_FINDING_SWAPPED:
		return "swapped";
	case STORE_FINDING_KEY_MISSING:
		return "no key";
	case STORE_FINDING_KEY_OTHER:
		return "for another key";
	case STORE_FINDING_COUNTS:
		return "counts do not add up";
	case STORE_FINDING_NOT_ERASED:
		return "not erased";
	case STORE_FINDING_KEY_UNUSED:
		return "unused key";
	case STORE_FINDING_INDEX:
		return "index damaged";
	case STORE_FINDING_REFUSED:
		return "not checked";
	default:
		return "sound";
	}
}

static void
print_finding(struct check *check, const char *id,
	      const struct store_finding *finding)
{
	char clean[SPANREC_TEXT_BYTES];

	progress_fini(&check->progress);
	if (!*check->first && finding->type != STORE_FINDING_KEY_UNUSED &&
	    finding->type != STORE_FINDING_REFUSED)
		(void)!snprintf(check->first, sizeof(check->first), "%s", id);
	fprintf(check->spanrec->out, "%s: %s", id, finding_name(finding->type));
	if (*finding->detail)
		fprintf(
		    check->spanrec->out, ": %s",
		    spanrec_text_clean(finding->detail, clean, sizeof(clean)));
	fputc('\n', check->spanrec->out);
}

/* ---- recordings -------------------------------------------------------- */

static int
add_id(void *ctx, const struct store_segment *segment)
{
	return spanrec_ids_add(ctx, segment->id);
}

static bool
has_file(const struct store_segment *segment)
{
	return segment->state == STORE_STATE_STORED ||
	       segment->state == STORE_STATE_INTERRUPTED ||
	       segment->state == STORE_STATE_HELD ||
	       segment->state == STORE_STATE_DAMAGED;
}

/* So many are named in the ledger for one check, at most. */
#define NEWS_MAX 1000

/* What the ledger does not know of a recording yet. @param finding NULL: it is
 * sound @return 0, -ENOMEM */
static int
note_recording(struct check *check, const char *id,
	       const struct store_finding *finding)
{
	char words[sizeof(finding->detail) + 32];

	if (!finding == !json_object_get(check->known, id) ||
	    json_object_size(check->news) == NEWS_MAX)
		return 0;
	if (!finding)
		return json_object_set_new(check->news, id, json_null())
			   ? -ENOMEM
			   : 0;
	(void)!snprintf(words, sizeof(words), "%s: %s",
			finding_name(finding->type), finding->detail);
	return spanrec_json_set(check->news, id, words) ? -ENOMEM : 0;
}

/* @return 0, -errno */
static int
check_one(struct check *check, const char *id)
{
	struct spanrec *spanrec = check->spanrec;
	struct store_finding finding = { 0 };
	struct store_segment segment;
	int rc = store_segment_get(spanrec->archive, id, &segment);

	/* purged meanwhile, by a recorder that runs beside this */
	if (rc == -ENOENT)
		return 0;
	if (rc == -EBADMSG) {
		finding.type = STORE_FINDING_DAMAGED;
		snprintf(finding.detail, sizeof(finding.detail),
			 "its row in the index cannot be read");
		check->checked++;
		check->bad++;
		print_finding(check, id, &finding);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (segment.state == STORE_STATE_RECORDING) {
		check->busy++;
		return 0;
	}
	/* of all of them what is left of deleted ones is looked for apart */
	if (!has_file(&segment) &&
	    (segment.state != STORE_STATE_PURGED || !check->one))
		return 0;
	rc = store_verify(spanrec->archive, spanrec->identity, &segment,
			  &finding);
	if (rc < 0)
		return rc;
	check->checked++;
	if (rc)
		print_finding(check, segment.id, &finding);
	/* It may be sound, or not: whoever has that key can say. */
	if (rc && finding.type == STORE_FINDING_KEY_OTHER) {
		check->other_keys++;
		return 0;
	}
	check->bad += rc != 0;
	return note_recording(check, segment.id, rc ? &finding : NULL);
}

/* @return exit code */
static int
check_recordings(struct check *check)
{
	size_t i;
	int rc = 0;

	progress_init(&check->progress, "verifying");
	if (check->spanrec->quiet)
		check->progress.shown = false;
	for (i = 0; !rc && i < check->ids.count; i++) {
		rc = check_one(check, check->ids.ids[i]);
		progress_update(&check->progress, i + 1, check->ids.count);
	}
	progress_fini(&check->progress);
	if (rc < 0) {
		log_error("%s could not be checked: %s", check->ids.ids[i - 1],
			  strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}

/* ---- the rest of the archive ------------------------------------------- */

static int
add_other(void *ctx, const struct store_finding *finding)
{
	struct check *check = ctx;
	char clean[SPANREC_TEXT_BYTES];

	/* what a crash left between a key and its row hurts nobody */
	if (finding->type == STORE_FINDING_REFUSED)
		check->refused++;
	else if (finding->type != STORE_FINDING_KEY_UNUSED)
		check->others++;
	else if (check->spanrec->quiet)
		return 0;
	print_finding(check,
		      spanrec_text_clean(finding->id, clean, sizeof(clean)),
		      finding);
	return 0;
}

static int
see_entry(void *ctx, const struct store_ledger_entry *entry)
{
	*(uint64_t *)ctx = entry->number;
	return 0;
}

/* @return exit code */
static int
check_archive(struct check *check)
{
	struct spanrec *spanrec = check->spanrec;
	uint64_t entry = 0;
	int rc;

	rc = store_verify_orphans(spanrec->archive, add_other, check);
	if (!rc)
		rc = store_ledger_walk(spanrec->archive, see_entry, &entry);
	if (rc == -EBADMSG) {
		check->others++;
		fprintf(spanrec->out,
			"ledger: broken: the chain does not hold at entry "
			"%" PRIu64 "; 'spanrec audit verify' says more\n",
			entry + 1);
		return 0;
	}
	if (rc < 0) {
		log_error("the archive could not be checked: %s",
			  strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}

/* Damage that was found is worth remembering, and that it is mended. */
static void
note_damage(const struct check *check)
{
	struct store_ledger_entry entry = { .action = "verify" };
	const char *id;
	json_t *words;

	json_object_foreach(check->news, id, words)
	{
		(void)!snprintf(entry.subject, sizeof(entry.subject), "%s", id);
		(void)!snprintf(entry.detail, sizeof(entry.detail), "%s",
				json_is_null(words) ? SPANREC_SOUND_AGAIN
						    : json_string_value(words));
		spanrec_ledger_note(check->spanrec, &entry);
	}
	if (!check->bad && !check->others)
		return;
	entry.subject[0] = '\0';
	(void)!snprintf(entry.detail, sizeof(entry.detail),
			"%" PRIu64 " of %" PRIu64
			" recordings damaged, %" PRIu64
			" other findings; the first: %s%s",
			check->bad, check->checked, check->others, check->first,
			*check->first ? "" : "the ledger");
	spanrec_ledger_note(check->spanrec, &entry);
}

/* What the ledger says so far; what of it cannot be read is told later.
 * @return exit code */
static int
read_known(struct check *check)
{
	int r;

	check->known = json_object();
	check->news = json_object();
	r = check->known && check->news
		? store_ledger_walk(check->spanrec->archive, spanrec_damage_add,
				    check->known)
		: -ENOMEM;
	if (!r || r == -EBADMSG)
		return 0;
	log_error("the ledger cannot be read: %s", strerror(-r));
	return exit_code(r);
}

/* ---- the command ------------------------------------------------------- */

/* @return exit code */
static int
collect(struct check *check, const struct arguments *arguments)
{
	const struct store_query query = { .purged = true };
	struct spanrec_selection selection = { 0 };
	size_t i;
	int rc, error = 0;

	check->one = arguments->id;
	if (arguments->id) {
		rc = spanrec_select(check->spanrec, arguments->id, &selection);
		for (i = 0; !error && i < selection.count; i++)
			error = spanrec_ids_add(&check->ids,
						selection.segments[i].id);
		spanrec_selection_fini(&selection);
		if (rc)
			return rc;
	} else {
		error = store_search(check->spanrec->archive, &query, add_id,
				     &check->ids);
	}
	if (error < 0) {
		log_error("the index could not be read: %s",
			  error == -EBADMSG ? "it is damaged, and has to be "
					      "taken from a backup"
					    : strerror(-error));
		return exit_code(error);
	}
	return 0;
}

static int
report(const struct check *check)
{
	const struct spanrec *spanrec = check->spanrec;
	bool sound = !check->bad && !check->others && !check->other_keys;

	if (!spanrec->quiet) {
		fprintf(spanrec->out,
			"%" PRIu64 " recording%s checked, %" PRIu64
			" damaged, %" PRIu64 " other finding%s\n",
			check->checked, check->checked == 1 ? "" : "s",
			check->bad, check->others,
			check->others == 1 ? "" : "s");
		if (check->busy)
			fprintf(spanrec->out,
				"%" PRIu64 " still being recorded, not "
				"checked\n",
				check->busy);
		if (!spanrec->identity)
			fprintf(spanrec->out,
				"Without the private key the content was not "
				"opened: files were compared with the index "
				"only.\n");
	}
	if (check->other_keys)
		log_error("%" PRIu64
			  " recording%s cannot be opened with %s, as "
			  "after a restore from before keys were changed: call "
			  "this again with --key and the file of the key that "
			  "is named there, such as the one of before, which "
			  "'spanrec key rotate' kept under its name with "
			  ".old-FINGERPRINT",
			  check->other_keys, check->other_keys == 1 ? "" : "s",
			  spanrec_key_path(spanrec));
	if (check->refused)
		log_error("%" PRIu64 " file%s or folder%s named above may not "
			  "be read by this user, and %s not checked; check as "
			  "the account that records",
			  check->refused, check->refused == 1 ? "" : "s",
			  check->refused == 1 ? "" : "s",
			  check->refused == 1 ? "was" : "were");
	if (!sound)
		return EXIT_DAMAGED;
	return check->refused ? EXIT_NOT_ALLOWED : EXIT_DONE;
}

int
spanrec_verify(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "[ID]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct check check = { .spanrec = spanrec };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_OPERATE);
	if (!rc)
		rc = spanrec_open_key(spanrec, spanrec_key_asks(spanrec));
	if (!rc)
		rc = collect(&check, &arguments);
	if (!rc)
		rc = read_known(&check);
	if (!rc)
		rc = check_recordings(&check);
	if (!rc && !arguments.id)
		rc = check_archive(&check);
	if (!rc)
		rc = report(&check);
	if (!rc || rc == EXIT_DAMAGED)
		note_damage(&check);
	json_decref(check.known);
	json_decref(check.news);
	spanrec_ids_fini(&check.ids);
	return rc;
}
