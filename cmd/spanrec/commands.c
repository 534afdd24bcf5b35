/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands, help, and the options that all commands share. */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/audit.h"

struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	int (*run)(struct spanrec *spanrec, int argc, char **argv);
};

static const struct command commands[] = {
	{ "init", "HOME", "make archive, keys and policy", spanrec_init },
	{ "list", "[--from T] [--to T]", "calls of a period", spanrec_list },
	{ "find", "--number N ...", "calls by number, extension or time",
	  spanrec_find },
	{ "show", "ID", "all that is known of a call", spanrec_show },
	{ "why", "ID", "why recorded or not, until when", spanrec_why },
	{ "play", "ID --purpose P", "listen", spanrec_play },
	{ "export", "ID --out F --purpose P", "write a copy to a file",
	  spanrec_export },
	{ "verify", "[ID]", "find what is damaged or missing", spanrec_verify },
	{ "audit", "list|verify|anchor|...", "who did what, and proof of it",
	  spanrec_audit },
	{ "purge", "[--dry-run]", "delete what is past its time",
	  spanrec_purge },
	{ "report", "retention|deletions", "what is kept, what was deleted",
	  spanrec_report },
	{ "hold", "add|list|review|end", "what is not deleted, for a case",
	  spanrec_hold },
	{ "case", "open|list|show|close", "what recordings are held for",
	  spanrec_case },
	{ "sar", "open|search|certificate|...", "somebody asks what is kept",
	  spanrec_sar },
	{ "scrub", "ID --range A-B --why W", "take a part out of a recording",
	  spanrec_scrub },
	{ "status", "[--watch]", "what the recorder does, what is lost",
	  spanrec_status },
	{ "registrations", "[--json]", "who is logged in where",
	  spanrec_registrations },
	{ "pause", "--extension E", "stop recording a call", spanrec_pause },
	{ "resume", "--extension E", "record it again", spanrec_resume },
	{ "reload", "", "let the recorder read its policy again",
	  spanrec_reload },
	{ "policy", "check|test|explain|...", "what the policy says",
	  spanrec_policy },
	{ "canary", "[--out FILE]", "prove that payments are kept out",
	  spanrec_canary },
	{ "backup", "DIR [--check]", "copy the archive, or what is new in it",
	  spanrec_backup },
	{ "restore", "DIR HOME", "make an archive of a backup",
	  spanrec_restore },
	{ "key", "new|list|rotate|escrow|...", "who can open recordings",
	  spanrec_key },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* ---- options of all commands ------------------------------------------- */

enum { OPTION_HOME = 0x100, OPTION_KEY, OPTION_PASSPHRASE };

static const struct argp_option global_options[] = {
	{ "home", OPTION_HOME, "DIR", 0,
	  "The home made by 'spanrec init'. Without it: $SPANREC_HOME, else "
	  "what /etc/spanrec/spanrec.yaml names",
	  0 },
	{ "key", OPTION_KEY, "FILE", 0,
	  "The private key, such as one of escrow. Without it: what 'key' in "
	  "spanrec.yaml names",
	  0 },
	{ "passphrase-file", OPTION_PASSPHRASE, "F", 0,
	  "Its passphrase is the first line of this file (/dev/fd/3: of this "
	  "descriptor). Without it: 'passphrase_file' in spanrec.yaml, else the "
	  "terminal is asked",
	  0 },
	{ "quiet", 'q', NULL, 0, "Print results and errors only", 0 },
	{ 0 },
};

static error_t
parse_global(int key, char *value, struct argp_state *state)
{
	struct spanrec *spanrec = state->input;

	switch (key) {
	case OPTION_HOME:
		spanrec->home_option = value;
		return 0;
	case OPTION_KEY:
		spanrec->key_option = value;
		return 0;
	case OPTION_PASSPHRASE:
		spanrec->passphrase_option = value;
		return 0;
	case 'q':
		spanrec->quiet = true;
		log_init("spanrec", LOG_LEVEL_WARNING);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp global_argp = { .options = global_options,
					 .parser = parse_global };

const struct argp_child spanrec_global_options[] = {
	{ &global_argp, 0, "Options of all commands:", 1 },
	{ 0 },
};

/* ---- help -------------------------------------------------------------- */

static void
print_overview(FILE *to)
{
	size_t i;

	fputs("spanrec: recorded telephone calls, kept sealed and deleted on "
	      "time\n\n",
	      to);
	for (i = 0; i < COMMANDS; i++) {
		int n = (int)strlen(commands[i].name);

		/* a long name takes its room from the arguments */
		fprintf(to, "  spanrec %-6s %-*s %s\n", commands[i].name,
			n > 6 ? 32 - n : 26, commands[i].arguments,
			commands[i].summary);
	}
	fputs("\nAn ID is the id of a call or of one segment of it, or as much "
	      "of its beginning\nas fits one call only. Times: 2019-03-28, "
	      "\"2019-03-28 14:15\", 14:15, -7d,\nyesterday.\n\n"
	      "  spanrec init ~/calls                 make an archive\n"
	      "  export SPANREC_HOME=~/calls          or --home DIR each "
	      "time\n"
	      "  spanrec find --number 01534440440 --from -7d\n"
	      "  spanrec play 20190328T1415 --purpose quality\n\n"
	      "'spanrec help COMMAND' has the options and more examples; "
	      "spanrec(1) has all.\n",
	      to);
}

#define WORD_MAX 32

/* Characters added, left out, changed, or two of them swapped, to make one
 * word of the other (Damerau-Levenshtein, no part edited twice). */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], n = strlen(b), i, j;

	if (n > WORD_MAX || strlen(a) > WORD_MAX)
		return SIZE_MAX;
	for (j = 0; j <= n; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1]; i++) {
		const size_t *above = rows[(i - 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (j = 1; j <= n; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    rows[(i - 2) % 3][j - 2] + 1 < best)
				best = rows[(i - 2) % 3][j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[(i - 1) % 3][n];
}

static const struct command *
find_command(const char *name)
{
	const struct command *nearest = NULL;
	size_t i, least = 3, distance;
	char clean[SPANREC_TEXT_BYTES];

	for (i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
		distance = edit_distance(name, commands[i].name);
		if (distance < least && distance < strlen(commands[i].name)) {
			least = distance;
			nearest = &commands[i];
		}
	}
	spanrec_text_clean(name, clean, sizeof(clean));
	if (nearest)
		log_error("there is no command '%s'; did you mean '%s'?", clean,
			  nearest->name);
	else
		log_error("there is no command '%s'; 'spanrec' alone lists "
			  "them",
			  clean);
	return NULL;
}

/* Who tried what he may not do. */
static void
note_denied(struct spanrec *spanrec, const struct command *command)
{
	struct store_ledger_entry entry = { .action = "denied" };

	if (!*spanrec->denied)
		return;
	snprintf(entry.subject, sizeof(entry.subject), "%s",
		 spanrec->denied_id);
	snprintf(entry.detail, sizeof(entry.detail), "%.16s: %.230s",
		 command->name, spanrec->denied);
	spanrec_ledger_note(spanrec, &entry);
}

/* argp takes the name to print from argv[0]. */
static int
run_command(struct spanrec *spanrec, const struct command *command, int argc,
	    char **argv)
{
	char name[32], *saved = argv[0];
	int rc;

	snprintf(name, sizeof(name), "spanrec %s", command->name);
	argv[0] = name;
	rc = command->run(spanrec, argc, argv);
	argv[0] = saved;
	if (rc == EXIT_NOT_ALLOWED)
		note_denied(spanrec, command);
	return rc;
}

static int
run_help(struct spanrec *spanrec, int argc, char **argv)
{
	const struct command *command;
	char help[] = "--help";
	char *help_argv[] = { NULL, help, NULL };

	if (argc < 2) {
		print_overview(spanrec->out);
		return EXIT_DONE;
	}
	command = find_command(argv[1]);
	if (!command)
		return EXIT_USAGE;
	return run_command(spanrec, command, 2, help_argv);
}

/* ---- dispatch ---------------------------------------------------------- */

/* What stands before the command. */
struct front {
	struct spanrec *spanrec;
	int command; /**< index in argv, 0: none */
	bool version;
};

static error_t
parse_front(int key, char *value, struct argp_state *state)
{
	struct front *front = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = front->spanrec;
		return 0;
	case ARGP_KEY_ARG:
		front->command = state->next - 1;
		state->next = state->argc;
		return 0;
	case '?':
		state->next = state->argc;
		return 0;
	case 'V':
		front->version = true;
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option front_options[] = {
	{ "help", '?', NULL, 0, "Print an overview of the commands", -1 },
	{ "version", 'V', NULL, 0, "Print the version", -1 },
	{ 0 },
};

static const struct argp front_argp = {
	.options = front_options,
	.parser = parse_front,
	.args_doc = "COMMAND ...",
	.children = spanrec_global_options,
};

int
spanrec_run(struct spanrec *spanrec, int argc, char **argv)
{
	struct front front = { .spanrec = spanrec };
	const struct command *command;
	const char *name;

	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&front_argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP,
		       NULL, &front))
		return EXIT_FAILED;
	if (front.version) {
		fprintf(spanrec->out, "spanrec %s\n", SPANREC_VERSION);
		return EXIT_DONE;
	}
	if (!front.command) {
		print_overview(spanrec->out);
		return EXIT_DONE;
	}
	argc -= front.command;
	argv += front.command;
	name = argv[0];
	if (!strcmp(name, "help"))
		return run_help(spanrec, argc, argv);
	command = find_command(name);
	if (!command)
		return EXIT_USAGE;
	return run_command(spanrec, command, argc, argv);
}

void
spanrec_fini(struct spanrec *spanrec)
{
	spanrec_ledger_sign(spanrec);
	store_signer_free(&spanrec->signer);
	store_archive_close(&spanrec->archive);
	spanrec->writes = false;
	store_identity_free(&spanrec->identity);
	store_passphrase_free(&spanrec->passphrase);
	policy_free(&spanrec->policy);
	clocks_free(&spanrec->clocks);
	policy_zone_free(&spanrec->utc);
	spanrec->zone = NULL;
	spanrec->beside = false;
}
