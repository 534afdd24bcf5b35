/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that are followed by a word that says what to do. */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static void
print_overview(FILE *to, const struct spanrec_actions *actions)
{
	int names = 0, arguments = 0;
	size_t i;

	for (i = 0; i < actions->count; i++) {
		int n = (int)strlen(actions->list[i].name);
		int m = (int)strlen(actions->list[i].arguments);

		names = n > names ? n : names;
		arguments = m > arguments ? m : arguments;
	}
	fprintf(to, "Usage: spanrec %s ACTION ...\n\n", actions->command);
	spanrec_text_wrap(to, actions->summary, 0);
	fputc('\n', to);
	for (i = 0; i < actions->count; i++)
		fprintf(to, "  spanrec %s %-*s %-*s %s\n", actions->command,
			names, actions->list[i].name, arguments,
			actions->list[i].arguments, actions->list[i].summary);
	fprintf(to,
		"\n'spanrec %s %s --help' has the options and examples of "
		"'%s', and so on.\n",
		actions->command, actions->list[0].name, actions->list[0].name);
}

int
spanrec_actions_run(struct spanrec *spanrec,
		    const struct spanrec_actions *actions, int argc,
		    char **argv)
{
	char name[48], *saved, clean[SPANREC_TEXT_BYTES];
	int rc;

	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?"))) {
		print_overview(spanrec->out, actions);
		return EXIT_DONE;
	}
	for (size_t i = 0; argc > 1 && i < actions->count; i++) {
		if (strcmp(argv[1], actions->list[i].name) != 0)
			continue;
		/* argp takes the name to print from here */
		snprintf(name, sizeof(name), "spanrec %s %s", actions->command,
			 actions->list[i].name);
		saved = argv[1];
		argv[1] = name;
		rc = actions->list[i].run(spanrec, argc - 1, argv + 1);
		argv[1] = saved;
		return rc;
	}
	if (argc > 1)
		log_error("there is no '%s %s'", actions->command,
			  spanrec_text_clean(argv[1], clean, sizeof(clean)));
	print_overview(stderr, actions);
	return EXIT_USAGE;
}
