/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was found, and what follows from it; the certificate. */
#include "cmd/spanrec/canary_priv.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"

static const char *const phase_names[CANARY_PHASES] = {
	[CANARY_BEFORE] = "control marker before the payment",
	[CANARY_CARD] = "card marker",
	[CANARY_AFTER] = "control marker after the payment",
};
static const char *const side_names[CANARY_SIDES] = { "inside", "outside" };

/* ---- verdicts ------------------------------------------------------------ */

static bool
is_said(const struct canary_test *test, enum canary_phase phase)
{
	return phase != CANARY_AFTER || test->resumes;
}

/* Is it where it should be, and nowhere else? */
static bool
is_right(const struct canary_found *found, enum canary_phase phase)
{
	return !found->plain && (phase == CANARY_CARD) == !found->heard;
}

static bool
digits_found(const struct canary *canary)
{
	return canary->digits.heard || canary->digits.plain;
}

bool
canary_passed(const struct canary_test *test)
{
	if (test->untested)
		return false;
	for (int phase = 0; phase < CANARY_PHASES; phase++)
		for (int side = 0; side < CANARY_SIDES; side++)
			if (is_said(test, (enum canary_phase)phase) &&
			    !is_right(&test->found[phase][side],
				      (enum canary_phase)phase))
				return false;
	return true;
}

static void
count(const struct canary *canary, size_t *passed, size_t *tested)
{
	*passed = *tested = 0;
	for (size_t i = 0; i < canary->tests_count; i++) {
		*tested += !canary->tests[i].untested;
		*passed += canary_passed(&canary->tests[i]);
	}
}

int
canary_verdict(const struct canary *canary)
{
	size_t passed, tested;

	count(canary, &passed, &tested);
	if (!tested)
		return EXIT_NOT_FOUND;
	return passed == tested && !digits_found(canary) ? EXIT_DONE
							 : EXIT_FAILED;
}

void
canary_summary(const struct canary *canary, char *text, size_t n)
{
	size_t passed, tested;

	count(canary, &passed, &tested);
	if (!canary->tests_count)
		snprintf(text, n, "nothing to test: the policy has no payment");
	else if (!tested)
		snprintf(text, n, "nothing to test, of %zu trigger%s",
			 canary->tests_count,
			 canary->tests_count == 1 ? "" : "s");
	else
		snprintf(text, n,
			 "%s: %zu of %zu triggers passed, %zu failed, %zu not "
			 "tested; digits of the card %s",
			 canary_verdict(canary) == EXIT_DONE ? "PASSED"
							     : "FAILED",
			 passed, canary->tests_count, tested - passed,
			 canary->tests_count - tested,
			 digits_found(canary) ? "found" : "not found");
}

/* ---- the certificate ----------------------------------------------------- */

static void
tell_head(const struct canary *canary, FILE *to)
{
	char hash[2 * STORE_HASH_BYTES + 1], when[SPANREC_TIME_BYTES];
	char clean[SPANREC_TEXT_BYTES], host[256] = "";
	struct policy_document document;

	policy_document_peek(canary->draft.policy, &document);
	spanrec_time_zoned(policy_zone_peek(canary->draft.policy),
			   canary->spanrec->now_ns, when);
	store_hex(hash, canary->hash, sizeof(canary->hash));
	gethostname(host, sizeof(host) - 1);
	fprintf(to,
		"CERTIFICATE: payments are kept out of recordings\n\n"
		"Date          %s\n",
		when);
	fprintf(
	    to, "Organisation  %s\n",
	    spanrec_text_clean(policy_organisation_peek(canary->draft.policy),
			       clean, sizeof(clean)));
	fprintf(to, "Policy        %s%s\n",
		spanrec_text_clean(canary->file, clean, sizeof(clean)),
		canary->is_draft ? " (a draft, not that in force)" : "");
	if (*document.revision)
		fprintf(to, "Revision      %s\n",
			spanrec_text_clean(document.revision, clean,
					   sizeof(clean)));
	fprintf(to, "Its hash      %s\n", hash);
	fprintf(to,
		"Program       spanrec " SPANREC_VERSION
		", with the recorder %s\n",
		*canary->recorder ? canary->recorder : "(not run)");
	fprintf(to, "Host          %s\n\n", host);
}

static void
tell_trigger(const struct canary_test *test, FILE *to)
{
	const struct policy_payment *payment = &test->payment;
	char clean[SPANREC_TEXT_BYTES];

	switch (test->trigger) {
	case CANARY_KEYS:
	case CANARY_KEYS_HEARD:
		fprintf(to, "keys %s%s", payment->keys,
			canary_is_heard(test) ? " in the sound" : "");
		break;
	case CANARY_HEADER:
		fprintf(
		    to, "SIP header %s",
		    spanrec_text_clean(payment->header, clean, sizeof(clean)));
		break;
	case CANARY_INFO:
		fprintf(
		    to, "SIP INFO with %s",
		    spanrec_text_clean(payment->info, clean, sizeof(clean)));
		break;
	case CANARY_CALL:
		fprintf(
		    to, "transfer to %s",
		    spanrec_text_clean(payment->target, clean, sizeof(clean)));
		break;
	case CANARY_HOLD:
		fputs("hold", to);
		break;
	case CANARY_CARD_NUMBERS:
		fputs("a card number that is keyed", to);
		break;
	case CANARY_CARD_NUMBERS_HEARD:
		fputs("a card number that is heard", to);
		break;
	case CANARY_TRIGGERS:
		break;
	}
}

static void
tell_found(const struct canary_test *test, enum canary_phase phase,
	   enum canary_side side, FILE *to)
{
	const struct canary_found *found = &test->found[phase][side];
	bool right = is_right(found, phase);

	fprintf(to, "   %s %s, %s: ", right ? "  " : "!!", phase_names[phase],
		side_names[side]);
	if (found->heard)
		/* 8,000 bytes of G.711 a second */
		fprintf(to, "found, %.1f s", (double)found->heard / 8000);
	else if (!found->plain)
		fputs("not found", to);
	if (found->plain)
		fprintf(to, "%sfound unencrypted",
			found->heard ? ", and " : "");
	if (!right && *found->where)
		fprintf(to, " (in %s)", found->where);
	fputc('\n', to);
}

static void
tell_test(const struct canary *canary, size_t i, FILE *to)
{
	const struct canary_test *test = &canary->tests[i];
	const struct canary_call *call = &test->call;
	char clean[SPANREC_TEXT_BYTES];

	fprintf(to, "%zu. %s, ", i + 1,
		spanrec_text_clean(test->payment.name, clean, sizeof(clean)));
	tell_trigger(test, to);
	if (test->untested) {
		fprintf(to, ": NOT TESTED\n      %s\n\n", test->untested);
		return;
	}
	fprintf(to, ": %s\n", canary_passed(test) ? "PASSED" : "FAILED");
	fprintf(to, "      a call from %s to %s",
		call->outgoing ? call->inside : call->outside,
		call->outgoing ? call->outside : call->inside);
	if (*call->queue)
		fprintf(to, " by %s", call->queue);
	fprintf(to, ", recorded by the rule '%s'\n",
		spanrec_text_clean(call->verdict.rule, clean, sizeof(clean)));
	for (int phase = 0; phase < CANARY_PHASES; phase++)
		for (int side = 0; side < CANARY_SIDES; side++)
			if (is_said(test, (enum canary_phase)phase))
				tell_found(test, (enum canary_phase)phase,
					   (enum canary_side)side, to);
	fputc('\n', to);
}

static void
tell_digits(const struct canary *canary, FILE *to)
{
	const struct canary_found *digits = &canary->digits;

	fprintf(to, "The digits of the card: %s",
		digits_found(canary) ? "FOUND" : "not found anywhere");
	if (digits->heard)
		fprintf(to, ", %" PRIu64 " keyed digits in recordings",
			digits->heard);
	if (digits_found(canary))
		fprintf(to, " (in %s)", digits->where);
	fputc('\n', to);
}

void
canary_tell(const struct canary *canary, FILE *to)
{
	char text[SPANREC_TEXT_BYTES];
	bool ran = canary->files > 0;

	tell_head(canary, to);
	if (ran) {
		spanrec_text_wrap(
		    to,
		    "What was done: for each trigger of each payment a call "
		    "that this policy records was played to the recorder. "
		    "Both sides spoke a control marker, and from half of the "
		    "look-back before the trigger until the end of the "
		    "payment a card marker, bytes that were made at random "
		    "for this test; the caller keyed the digits of a card. "
		    "Then every recording was decrypted and every file was "
		    "searched. Control markers have to be found, and in "
		    "decrypted recordings only; card markers and digits have "
		    "to be found nowhere.",
		    0);
		fputs("\n", to);
	}
	for (size_t i = 0; i < canary->tests_count; i++)
		tell_test(canary, i, to);
	if (ran) {
		tell_digits(canary, to);
		fprintf(to,
			"Searched: %" PRIu64 " recordings, %" PRIu64
			" files, %" PRIu64 " bytes\n",
			canary->recordings, canary->files, canary->bytes);
	}
	canary_summary(canary, text, sizeof(text));
	fprintf(to, "\nResult: %s\n", text);
}
