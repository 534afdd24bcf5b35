/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit list and audit export: entries of the ledger. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/audit_priv.h"
#include "cmd/spanrec/report_priv.h"
#include "store/audit.h"

enum { JSON = 0x200, CSV, FROM, TO, ID, ACTOR, ACTION, NUMBER, OUT };

#define NS_PER_S INT64_C(1000000000)

struct arguments {
	struct spanrec *spanrec;
	enum spanrec_format format;
	const char *from, *to, *id, *actor, *action, *number;
	const char *path; /**< of the export */
	bool export;
};

/* ---- options ------------------------------------------------------------- */

#define OPTIONS_PERIOD                                                         \
	{ "from", FROM, "T", 0, "Done at T or later", 0 },                     \
	{                                                                      \
		"to", TO, "T", 0,                                              \
		    "Done before T; a day is taken in as a "                   \
		    "whole",                                                   \
		    0                                                          \
	}

static const struct argp_option list_options[] = {
	OPTIONS_PERIOD,
	{ "id", ID, "ID", 0, "About this call or segment", 0 },
	{ "actor", ACTOR, "USER", 0, "Done by USER", 0 },
	{ "action", ACTION, "WORD", 0,
	  "Of this kind: start, stop, recovery, play, export, purge, policy, "
	  "reload, pause, resume, decision, denied, verify, anchor, clock, hold, "
	  "\"hold end\", \"case open\", \"sar search\", scrub, ...; "
	  "spanrec(1) has all",
	  0 },
	{ "number", NUMBER, "N", 0,
	  "That name this telephone number. Such stand in the ledger as "
	  "pseudonyms; those whose key is gone are found no more",
	  0 },
	{ "json", JSON, NULL, 0, "One JSON object a line", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated", 0 },
	{ 0 },
};

static const struct argp_option export_options[] = {
	OPTIONS_PERIOD,
	{ "out", OUT, "FILE", 0, "A new file, which only its owner can read",
	  0 },
	{ 0 },
};

static const char list_doc[] =
    "Show what was done to the archive: who, what, why and when, the oldest "
    "first.\v"
    "T is 2019-03-28, \"2019-03-28 14:15\", -7d, yesterday; see 'spanrec list "
    "--help'. That nothing is missing, 'spanrec audit verify' tells.\n\n"
    "Examples:\n"
    "  spanrec audit list --from -7d\n"
    "  spanrec audit list --id 20190328T141503Z-k7q2mx4p\n"
    "  spanrec audit list --action denied --csv\n";

static const char export_doc[] =
    "Write what was done to the archive in a period, with the signed heads of "
    "that time, into a file: one JSON object a line. With it somebody else can "
    "check that no entry of the period was changed or left out.\v"
    "The copy itself is entered into the ledger.\n\n"
    "Example:\n"
    "  spanrec audit export --from 2026-11-01 --to 2026-11-30 --out "
    "november.json\n";

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case FROM:
		arguments->from = value;
		return 0;
	case TO:
		arguments->to = value;
		return 0;
	case ID:
		arguments->id = value;
		return 0;
	case ACTOR:
		arguments->actor = value;
		return 0;
	case ACTION:
		arguments->action = value;
		return 0;
	case NUMBER:
		arguments->number = value;
		return 0;
	case JSON:
		return spanrec_format_option(state, &arguments->format,
					     SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &arguments->format,
					     SPANREC_CSV);
	case OUT:
		arguments->path = value;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "it takes no '%s'", value);
		return EINVAL;
	case ARGP_KEY_END:
		if (arguments->export && !arguments->path)
			argp_error(state, "where to? Give --out FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- which entries ------------------------------------------------------- */

struct listing {
	const struct arguments *arguments;
	struct spanrec *spanrec;
	struct store_query period;
	char number[POLICY_NUMBER_BYTES]; /**< normalised */
	uint32_t month;                   /**< of the pseudonyms */
	char pseudonyms[2][STORE_PSEUDONYM_BYTES];
	json_t *rows; /**< NULL: they are printed at once */
	FILE *to;
	bool acted;     /**< some entry is of the action that is asked for */
	uint64_t taken; /**< entries */
	int error;      /**< exit code, already said */
};

/* The number as it was typed, and as it is written in the archive. */
static bool
has_number(struct listing *l, const struct store_ledger_entry *entry)
{
	const char *const spellings[] = { l->number, l->arguments->number };
	const uint32_t month = store_day(entry->time_ns) / 100;
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		char *name = l->pseudonyms[i];

		if (month != l->month)
			(void)!store_pseudonym(l->spanrec->archive,
					       entry->time_ns, spellings[i],
					       name);
		found |= *name && strstr(entry->detail, name);
	}
	l->month = month;
	return found;
}

static bool
is_wanted(struct listing *l, const struct store_ledger_entry *entry)
{
	const struct arguments *a = l->arguments;

	l->acted |= a->action && strcmp(a->action, entry->action) == 0;
	if ((l->period.from_ns && entry->time_ns < l->period.from_ns) ||
	    (l->period.to_ns && entry->time_ns >= l->period.to_ns))
		return false;
	if (a->actor && strcmp(a->actor, entry->actor) != 0)
		return false;
	if (a->action && strcmp(a->action, entry->action) != 0)
		return false;
	if (a->id && strncmp(a->id, entry->subject, strlen(a->id)) != 0)
		return false;
	return !a->number || has_number(l, entry);
}

static json_t *
entry_json(const struct store_ledger_entry *entry)
{
	char hash[2 * STORE_HASH_BYTES + 1], previous[sizeof(hash)];
	json_t *row = json_object();

	store_hex(hash, entry->hash, sizeof(entry->hash));
	store_hex(previous, entry->previous, sizeof(entry->previous));
	if (row && !spanrec_report_count(row, "number", entry->number) &&
	    !spanrec_report_time(row, "time", entry->time_ns) &&
	    !spanrec_json_set(row, "action", entry->action) &&
	    !spanrec_json_set(row, "id", entry->subject) &&
	    !spanrec_json_set(row, "actor", entry->actor) &&
	    !spanrec_json_set(row, "detail", entry->detail) &&
	    !spanrec_json_set(row, "previous", previous) &&
	    !spanrec_json_set(row, "hash", hash))
		return row;
	json_decref(row);
	return NULL;
}

static int
take(void *ctx, const struct store_ledger_entry *entry)
{
	struct listing *l = ctx;
	json_t *row;

	if (!is_wanted(l, entry))
		return 0;
	row = entry_json(entry);
	if (!row)
		return -ENOMEM;
	l->taken++;
	if (l->rows)
		return json_array_append_new(l->rows, row) ? -ENOMEM : 0;
	l->error = spanrec_json_print_ascii(l->to, row);
	json_decref(row);
	return l->error ? -ECANCELED : 0;
}

/* Up to where the chain breaks. @return exit code */
static int
walk(struct listing *l)
{
	int r = store_ledger_walk(l->spanrec->archive, take, l);

	if (r == -EBADMSG) {
		log_error("the ledger is damaged, and what follows is not "
			  "shown; 'spanrec audit verify' says where");
		return EXIT_DAMAGED;
	}
	if (r == -ECANCELED)
		return l->error;
	if (r)
		log_error("the ledger cannot be read to its end: %s",
			  strerror(-r));
	return r ? exit_code(r) : 0;
}

/* @return exit code */
static int
listing_init(struct listing *l, struct arguments *arguments)
{
	struct spanrec *spanrec = arguments->spanrec;

	*l = (struct listing){ .arguments = arguments,
			       .spanrec = spanrec,
			       .to = spanrec->out };
	if (arguments->number)
		policy_number_normalise(spanrec->policy, arguments->number,
					l->number);
	return spanrec_period_option(spanrec, arguments->from, arguments->to,
				     &l->period);
}

/* ---- list ---------------------------------------------------------------- */

/* Words for what was done: spanrec(1) says what they mean. */
static const char *const actions[] = {
	"init",          "start",        "stop",
	"recovery",      "reload",       "decision",
	"card-number",   "pause",        "resume",
	"play",          "export",       "purge",
	"policy",        "canary",       "denied",
	"verify",        "audit-key",    "key-new",
	"anchor",        "audit-export", "clock",
	"hold",          "hold review",  "hold end",
	"case open",     "case close",   "case forget",
	"sar open",      "sar search",   "sar certificate",
	"sar pause",     "sar resume",   "sar extend",
	"sar answer",    "sar reopen",   "sar forget",
	"scrub-propose", "scrub-agree",  "scrub-withdraw",
	"scrub",         "scrub-file",
};

/* Nobody is to think that nothing was done, since he mistyped what. */
static bool
is_action(const struct listing *l, const char *word)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (strcmp(actions[i], word) == 0)
			return true;
	return l->acted;
}

/* @return exit code */
static int
unknown_action(const char *word)
{
	char clean[SPANREC_TEXT_BYTES];

	log_error("--action '%s': that is no word of the ledger; they are:",
		  spanrec_text_clean(word, clean, sizeof(clean)));
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		fprintf(stderr, "%s%s", i ? ", " : "  ", actions[i]);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

enum { COLUMN_NUMBER, TIME, WHO, WHAT, ABOUT, DETAIL };

static const char *const headings[] = { "NO",   "TIME",  "WHO",
					"WHAT", "ABOUT", "DETAIL" };
static const char *const columns[] = { "number", "time", "actor",
				       "action", "id",   "detail" };
static const char *const names[] = { "number", "time",   "action",   "id",
				     "actor",  "detail", "previous", "hash" };

static const char *
cell(const struct spanrec *spanrec, const json_t *row, size_t column,
     char text[SPANREC_TIME_BYTES])
{
	if (column == TIME)
		return spanrec_rows_time(
		    spanrec, spanrec_json_text(row, columns[column]), text);
	if (column != COLUMN_NUMBER)
		return spanrec_json_text(row, columns[column]);
	snprintf(text, SPANREC_TIME_BYTES, "%" PRIu64,
		 spanrec_json_count(row, columns[column]));
	return text;
}

/* @return exit code */
static int
list(struct arguments *arguments)
{
	static const struct spanrec_rows shown = {
		.headings = headings,
		.headings_count = sizeof(headings) / sizeof(*headings),
		.cell = cell,
		.may_be_cut = 1U << DETAIL,
		.names = names,
		.names_count = sizeof(names) / sizeof(*names),
		.none = "Nothing was done.",
	};
	struct listing l;
	int printed, rc = listing_init(&l, arguments);

	if (rc)
		return rc;
	if (arguments->format != SPANREC_JSON) {
		l.rows = json_array();
		if (!l.rows) {
			log_error("not enough memory");
			return EXIT_FAILED;
		}
	}
	rc = walk(&l);
	if (!rc && arguments->action && !is_action(&l, arguments->action))
		rc = unknown_action(arguments->action);
	if (rc == EXIT_USAGE || !l.rows) {
		json_decref(l.rows);
		return rc;
	}
	printed = spanrec_rows_print(arguments->spanrec, &shown, l.rows,
				     arguments->format);
	json_decref(l.rows);
	return rc ? rc : printed;
}

int
spanrec_audit_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = list_options,
					  .parser = parse,
					  .doc = list_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_REPORT);
	return rc ? rc : list(&arguments);
}

/* ---- export -------------------------------------------------------------- */

static int
take_head(void *ctx, const struct store_head *head)
{
	struct listing *l = ctx;
	char anchor[STORE_ANCHOR_BYTES];
	json_t *row;

	if ((l->period.from_ns && head->time_ns < l->period.from_ns) ||
	    (l->period.to_ns && head->time_ns >= l->period.to_ns))
		return 0;
	row = json_object();
	store_anchor_text(anchor, head);
	if (!row || spanrec_report_count(row, "head", head->number) ||
	    spanrec_report_time(row, "time", head->time_ns) ||
	    spanrec_json_set(row, "anchor", anchor)) {
		json_decref(row);
		return -ENOMEM;
	}
	l->error = spanrec_json_print_ascii(l->to, row);
	json_decref(row);
	return l->error ? -ECANCELED : 0;
}

/* The head that vouches for the last entry may be a later one: the ledger is
 * signed before, with the entry of this copy in it. @return exit code */
static int
enter_export(struct spanrec *spanrec, const char *path)
{
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns,
					    .action = "audit-export" };
	int rc;

	memcpy(entry.detail, "to ", 4);
	spanrec_path_shorten(path, entry.detail + 3, sizeof(entry.detail) - 3);
	rc = spanrec_ledger_enter(spanrec, &entry);
	spanrec_ledger_sign(spanrec);
	return rc;
}

/* @return exit code */
static int
write_export(struct listing *l, int fd)
{
	const char *path = l->arguments->path;
	int r, rc;

	l->to = fdopen(fd, "w");
	if (!l->to) {
		close(fd);
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	rc = walk(l);
	if (!rc) {
		r = store_heads(l->spanrec->archive, take_head, l);
		rc = l->error ? l->error : r ? exit_code(r) : 0;
	}
	if ((fflush(l->to) || ferror(l->to) || fsync(fd)) && !rc) {
		log_error("%s cannot be written: %s", path, strerror(errno));
		rc = EXIT_FAILED;
	}
	fclose(l->to);
	return rc;
}

int
spanrec_audit_export(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = export_options,
					  .parser = parse,
					  .doc = export_doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec, .export = true };
	struct listing l;
	int fd, rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_open_beside(spanrec, STORE_WRITE);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_REPORT);
	if (!rc)
		rc = listing_init(&l, &arguments);
	if (rc)
		return rc;
	fd =
	    open(arguments.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		log_error("%s cannot be made: %s", arguments.path,
			  strerror(errno));
		return EXIT_FAILED;
	}
	rc = enter_export(spanrec, arguments.path);
	if (!rc)
		rc = write_export(&l, fd);
	else
		close(fd);
	if (!rc && !l.taken)
		log_warning("nothing was done in that time: there is no entry "
			    "in %s",
			    arguments.path);
	/* What the chain still holds is worth having, if it is broken. */
	if (rc && rc != EXIT_DAMAGED)
		unlink(arguments.path);
	return rc;
}
