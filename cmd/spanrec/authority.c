/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may do what: the access matrix, what is recorded but not to be listened
 * to, and what each purpose asks for. Whoever can read the key file can read
 * everything anyhow, so on one machine this guards against mistakes.
 */
#include "cmd/spanrec/audio.h"

#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/person.h"

enum { PURPOSE = 0x300, CASE, APPROVER, ADVICE };

/* ---- the options --------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "purpose", PURPOSE, "P", 0,
	  "What for: one of the purposes in the policy. Required; it is written "
	  "into the ledger with your name",
	  0 },
	{ "case", CASE, "C", 0, "The case that it is for", 0 },
	{ "approved-by", APPROVER, "USER", 0,
	  "Who allowed it: one of those whom the policy names for the purpose",
	  0 },
	{ "advice", ADVICE, "REF", 0, "The advice that was given on it", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct spanrec_authority *authority = state->input;

	switch (key) {
	case PURPOSE:
		authority->purpose = value;
		return 0;
	case CASE:
		authority->case_ref = value;
		return 0;
	case APPROVER:
		authority->approver = value;
		return 0;
	case ADVICE:
		authority->advice = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp authority_argp = { .options = options,
					    .parser = parse };

const struct argp_child spanrec_authority_options[] = {
	{ &authority_argp, 0, NULL, 0 },
	{ 0 },
};

void
spanrec_authority_text(const struct spanrec_authority *a, char *text,
		       size_t bytes)
{
	const struct {
		const char *before, *what;
	} parts[] = {
		{ "purpose ", a->purpose },
		{ ", case ", a->case_ref },
		{ ", approved by ", a->approver },
		{ ", advice ", a->advice },
	};
	char clean[SPANREC_TEXT_BYTES];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i].what || n >= bytes)
			continue;
		n += (size_t)snprintf(
		    text + n, bytes - n, "%s%.60s", parts[i].before,
		    spanrec_text_clean(parts[i].what, clean, sizeof(clean)));
	}
}

/* ---- who asks ------------------------------------------------------------ */

void
spanrec_actor(char actor[STORE_NAME_BYTES])
{
	const struct passwd *user = getpwuid(getuid());

	if (user)
		snprintf(actor, STORE_NAME_BYTES, "%s", user->pw_name);
	else
		snprintf(actor, STORE_NAME_BYTES, "uid %u", (unsigned)getuid());
}

int
spanrec_deny(struct spanrec *spanrec, const char *id, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(spanrec->denied, sizeof(spanrec->denied), format, arguments);
	va_end(arguments);
	snprintf(spanrec->denied_id, sizeof(spanrec->denied_id), "%s", id);
	log_error("%s%s%s", id, *id ? ": " : "", spanrec->denied);
	return EXIT_NOT_ALLOWED;
}

int
spanrec_person_check(struct spanrec *spanrec)
{
	char actor[STORE_NAME_BYTES];
	struct person p;
	bool known;

	spanrec_actor(actor);
	person_init(&p, actor);
	known = policy_person_known(spanrec->policy, &p.person);
	person_fini(&p);
	if (known)
		return 0;
	return spanrec_deny(
	    spanrec, "",
	    "'%s' is not among those whom %.100s gives access; an owner can "
	    "add the name there, to 'owner' under 'access', or to a role",
	    actor, spanrec->home.policy_path);
}

/* ---- rights -------------------------------------------------------------- */

bool
spanrec_may(const struct spanrec *spanrec, const struct policy_wish *wish,
	    char *why, size_t why_bytes)
{
	char actor[STORE_NAME_BYTES];
	struct person p;
	bool may;

	spanrec_actor(actor);
	if (!wish->purpose && policy_user_is_owner(spanrec->policy, actor))
		return true;
	person_init(&p, actor);
	may = policy_may(spanrec->policy, &p.person, wish, why, why_bytes);
	person_fini(&p);
	return may;
}

bool
spanrec_may_area(const struct spanrec *spanrec, struct spanrec_asked *last,
		 const char *area)
{
	const struct policy_wish wish = { .right = last->right, .area = area };

	if (!last->asked || strcmp(last->area, area) != 0) {
		snprintf(last->area, sizeof(last->area), "%s", area);
		last->may = spanrec_may(spanrec, &wish, NULL, 0);
		last->asked = true;
	}
	return last->may;
}

int
spanrec_may_all(struct spanrec *spanrec, enum policy_right right)
{
	/* Of no area: who has the right for all areas has it for this. */
	const struct policy_wish wish = { .right = right, .area = "" };
	char why[256];

	if (spanrec_may(spanrec, &wish, why, sizeof(why)))
		return 0;
	return spanrec_deny(spanrec, "", "%s", why);
}

int
spanrec_may_some(struct spanrec *spanrec, enum policy_right right)
{
	struct policy_wish wish = { .right = right, .area = "" };
	char why[256];
	size_t i;

	if (spanrec_may(spanrec, &wish, why, sizeof(why)))
		return 0;
	for (i = 0; (wish.area = policy_area_peek(spanrec->policy, i)); i++)
		if (spanrec_may(spanrec, &wish, NULL, 0))
			return 0;
	return spanrec_deny(spanrec, "", "%s", why);
}

static void
print_purposes(const struct spanrec *spanrec)
{
	const char *name;
	size_t i;

	fprintf(stderr, "  purposes in %s:", spanrec->home.policy_path);
	for (i = 0; (name = policy_purpose_peek(spanrec->policy, i)); i++)
		fprintf(stderr, "%s %s", i ? "," : "", name);
	fputc('\n', stderr);
}

static int
find_purpose(struct spanrec *spanrec, const char *purpose)
{
	char clean[SPANREC_TEXT_BYTES];
	const char *name;
	size_t i;

	if (!purpose) {
		log_error("what for? Give --purpose P");
		print_purposes(spanrec);
		return EXIT_USAGE;
	}
	for (i = 0; (name = policy_purpose_peek(spanrec->policy, i)); i++) {
		if (!strcmp(name, purpose))
			return 0;
	}
	(void)spanrec_deny(spanrec, "",
			   "'%s' is no purpose that the policy allows",
			   spanrec_text_clean(purpose, clean, sizeof(clean)));
	print_purposes(spanrec);
	return EXIT_NOT_ALLOWED;
}

static int
lacks(struct spanrec *spanrec, const char *option, const char *purpose)
{
	return spanrec_deny(spanrec, "",
			    "the policy wants %s for the purpose '%s'", option,
			    purpose);
}

/* Whoever may allow it himself needs nobody else. */
static bool
is_authorised(const struct spanrec *spanrec,
	      const struct spanrec_authority *authority)
{
	char actor[STORE_NAME_BYTES];
	struct person p;
	bool may;

	spanrec_actor(actor);
	person_init(&p, authority->approver ? authority->approver : actor);
	may = policy_authorises(spanrec->policy, &p.person, authority->purpose);
	person_fini(&p);
	return may;
}

static int
check_needs(struct spanrec *spanrec, const struct spanrec_authority *authority)
{
	const char *purpose = authority->purpose;
	uint32_t needs = policy_purpose_needs(spanrec->policy, purpose);

	if (needs & POLICY_NEEDS_CASE && !authority->case_ref)
		return lacks(spanrec, "a case (--case C)", purpose);
	if (needs & POLICY_NEEDS_ADVICE && !authority->advice)
		return lacks(spanrec, "advice to be asked (--advice REF)",
			     purpose);
	if (!(needs & POLICY_NEEDS_APPROVER) ||
	    is_authorised(spanrec, authority))
		return 0;
	if (!authority->approver)
		return lacks(spanrec,
			     "somebody to allow it (--approved-by USER)",
			     purpose);
	return spanrec_deny(
	    spanrec, "",
	    "'%.40s' is none of those who may allow it for the purpose '%s'",
	    authority->approver, purpose);
}

static int
check_segment(struct spanrec *spanrec,
	      const struct spanrec_authority *authority,
	      enum policy_right right, const struct store_segment *segment)
{
	const struct policy_wish wish = { .right = right,
					  .area = segment->area,
					  .purpose = authority->purpose };
	char why[256], rule[SPANREC_TEXT_BYTES];

	if (segment->decision == STORE_LISTEN_DENY) {
		return spanrec_deny(
		    spanrec, segment->id,
		    "it is recorded, but nobody may listen to it, by '%s'",
		    spanrec_text_clean(segment->rule, rule, sizeof(rule)));
	}
	if (spanrec_may(spanrec, &wish, why, sizeof(why)))
		return 0;
	return spanrec_deny(spanrec, segment->id, "%s", why);
}

static int
check_purpose(struct spanrec *spanrec,
	      const struct spanrec_authority *authority)
{
	int rc = find_purpose(spanrec, authority->purpose);

	return rc ? rc : check_needs(spanrec, authority);
}

static int
check_segments(struct spanrec *spanrec,
	       const struct spanrec_authority *authority,
	       enum policy_right right,
	       const struct spanrec_selection *selection)
{
	int rc = 0;
	size_t i;

	for (i = 0; !rc && i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		if (spanrec_segment_audible(segment))
			rc = check_segment(spanrec, authority, right, segment);
	}
	return rc;
}

int
spanrec_authority_open(struct spanrec *spanrec,
		       const struct spanrec_authority *authority,
		       enum policy_right right, const char *id,
		       struct spanrec_selection *selection)
{
	int rc = spanrec_open_beside(spanrec, STORE_WRITE);

	if (!rc)
		rc = check_purpose(spanrec, authority);
	if (!rc)
		rc = spanrec_select(spanrec, id, selection);
	if (!rc)
		rc = check_segments(spanrec, authority, right, selection);
	if (rc && *spanrec->denied && !*spanrec->denied_id)
		spanrec_id_meant(spanrec, id, spanrec->denied_id);
	if (!rc)
		rc = spanrec_audio_check(spanrec, selection);
	if (!rc)
		rc = spanrec_open_key(spanrec, true);
	return rc;
}
