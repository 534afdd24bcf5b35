/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers on the command line: a mistyped one would find nothing, and that
 * would look like an answer. */
#include "cmd/spanrec/spanrec.h"

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static int
stop_at_first(void *ctx, const struct store_segment *segment)
{
	(void)segment;
	*(bool *)ctx = true;
	return 1;
}

/* Telephones may have names: one that there is a call of is none that is
 * mistyped. */
static bool
is_known(const struct spanrec *spanrec, const char *name)
{
	const struct store_query query = { .number = name, .purged = true };
	bool found = false;

	if (!*name)
		return false;
	/* what cannot be read is told when it is searched */
	return policy_number_internal(spanrec->policy, name) ||
	       store_search(spanrec->archive, &query, stop_at_first, &found) <
		   0 ||
	       found;
}

int
spanrec_number_option(const struct spanrec *spanrec, const char *option,
		      const char *text, char number[POLICY_NUMBER_BYTES])
{
	char clean[SPANREC_TEXT_BYTES];

	policy_number_normalise(spanrec->policy, text, number);
	spanrec_text_clean(text, clean, sizeof(clean));
	if (!policy_is_number(number)) {
		if (is_known(spanrec, number))
			return 0;
		log_error("--%s '%s' is no number, and no call is of a "
			  "telephone of that name; numbers are written whole: "
			  "2750, 01534 440440, +44 1534 440440",
			  option, clean);
		return EXIT_USAGE;
	}
	if (!policy_number_plausible(spanrec->policy, number))
		log_warning("--%s '%s' is neither an extension nor a full "
			    "number as the policy's numbering has them: is a "
			    "digit missing?",
			    option, clean);
	return 0;
}

int
spanrec_extension_option(const struct spanrec *spanrec, const char *text,
			 char number[POLICY_NUMBER_BYTES])
{
	char clean[SPANREC_TEXT_BYTES];
	int rc = spanrec_number_option(spanrec, "extension", text, number);

	if (!rc && policy_number_plausible(spanrec->policy, number) &&
	    !policy_number_internal(spanrec->policy, number))
		log_warning("--extension '%s' is none of the policy's "
			    "numbering; --number finds calls of numbers "
			    "outside",
			    spanrec_text_clean(text, clean, sizeof(clean)));
	return rc;
}
