/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy explain: what a policy says, for those who do not read YAML. */
#include "cmd/spanrec/policy_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

enum { AUDIENCE = 0x200, AREA };

struct arguments {
	struct spanrec *spanrec;
	const char *file, *area;
	enum policy_audience audience;
};

static const struct argp_option options[] = {
	{ "audience", AUDIENCE, "WHO", 0,
	  "'compliance': all of it; 'staff': a notice for who is recorded; "
	  "'caller': a short one for who calls. Without it: compliance",
	  0 },
	{ "area", AREA, "A", 0, "Only what concerns this area of the policy",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Say in plain English what a policy says. It follows from the policy "
    "alone, so that a notice made of it is true as long as the policy is the "
    "same. Without FILE it is the policy of the home.\v"
    "Examples:\n"
    "  spanrec policy explain\n"
    "  spanrec policy explain --audience staff --area housing >notice.txt\n"
    "  spanrec policy explain draft.yaml --audience caller\n";

static error_t
parse_audience(struct arguments *arguments, const char *value,
	       struct argp_state *state)
{
	static const char *const names[] = {
		[POLICY_FOR_COMPLIANCE] = "compliance",
		[POLICY_FOR_STAFF] = "staff",
		[POLICY_FOR_CALLER] = "caller",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(value, names[i])) {
			arguments->audience = (enum policy_audience)i;
			return 0;
		}
	}
	argp_error(state, "--audience is compliance, staff or caller");
	return EINVAL;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->spanrec;
		return 0;
	case AUDIENCE:
		return parse_audience(arguments, value, state);
	case AREA:
		arguments->area = value;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			argp_error(state, "one FILE at a time");
		arguments->file = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
print_heading(FILE *to, const char *text)
{
	size_t i;

	fprintf(to, "%s\n", text);
	/* a line below it, as long as it is; UTF-8 counts by characters */
	for (i = 0; text[i]; i++) {
		if (((unsigned char)text[i] & 0xC0) != 0x80)
			fputc('-', to);
	}
	fputc('\n', to);
}

static void
print_text(FILE *to, char *text)
{
	char *line = text, *end;

	for (; *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		if (!*line)
			fputc('\n', to);
		else if (!strncmp(line, "# ", 2))
			print_heading(to, line + 2);
		else
			spanrec_text_wrap(to, line,
					  strncmp(line, "- ", 2) ? 0 : 2);
	}
}

static int
explain(const struct arguments *arguments, const struct spanrec_draft *draft)
{
	char *text = NULL, clean[SPANREC_TEXT_BYTES];
	size_t n;
	FILE *to = open_memstream(&text, &n);
	int rc = -ENOMEM;

	if (to)
		rc = policy_explain(draft->policy, arguments->audience,
				    arguments->area, arguments->spanrec->now_ns,
				    to);
	if (to && fclose(to) == EOF)
		rc = -ENOMEM;
	if (!rc)
		print_text(arguments->spanrec->out, text);
	free(text);
	if (rc == -ENOENT) {
		log_error(
		    "the policy %s has no area '%s'", draft->path,
		    spanrec_text_clean(arguments->area, clean, sizeof(clean)));
		return EXIT_NOT_FOUND;
	}
	if (rc)
		log_error("not enough memory");
	return rc ? EXIT_FAILED : 0;
}

int
spanrec_policy_explain(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .args_doc = "[FILE]",
					  .doc = doc,
					  .children = spanrec_global_options };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_draft draft;
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = spanrec_draft_load(spanrec, arguments.file, &draft);
	if (!rc)
		rc = explain(&arguments, &draft);
	spanrec_draft_fini(&draft);
	return rc;
}
