/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * {CALL.id}, {CALL.caller} and {CALL.callee} in a header: what another dialog
 * is named by, as in Replaces (RFC 3891) and in a Refer-To with it (RFC 3515),
 * where it is escaped: {CALL.id%}.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

static int
reference_word(const struct mkpcap_text *word, enum mkpcap_named *named)
{
	static const char *const words[] = { "caller", "callee", "id" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (mkpcap__is(word, words[i])) {
			*named = (enum mkpcap_named)i;
			return 0;
		}
	}
	return -EBADMSG;
}

int
mkpcap__reference(const struct mkpcap_script *script,
		  const struct mkpcap_text *text,
		  struct mkpcap_reference *reference)
{
	const char *close = memchr(text->p, '}', text->n);
	const char *dot, *p = text->p + 1;
	struct mkpcap_text name, word;

	if (!close)
		return -EBADMSG;
	dot = memchr(p, '.', (size_t)(close - p));
	if (!dot)
		return -EBADMSG;
	name = (struct mkpcap_text){ p, (uint32_t)(dot - p) };
	word = (struct mkpcap_text){ dot + 1, (uint32_t)(close - dot - 1) };
	reference->escaped = word.n && word.p[word.n - 1] == '%';
	word.n -= reference->escaped;
	if (reference_word(&word, &reference->named))
		return -EBADMSG;
	for (uint32_t i = 0; i < script->calls_count; i++) {
		if (!mkpcap__same(&name, &script->calls[i].name))
			continue;
		reference->call = i;
		return (int)(close + 1 - text->p);
	}
	return -ENOENT;
}

/* The callee's tag as the last "tag" up to this time set it. */
static void
tag_find(const struct mkpcap_script *script, uint32_t call, int64_t at_ns,
	 char tag[64])
{
	int64_t last_ns = INT64_MIN;

	for (uint32_t i = 0; i < script->steps_count; i++) {
		const struct mkpcap_step *step = &script->steps[i];

		if (step->what == MKPCAP_PLAIN || step->call != call ||
		    step->tag.n == 0 || step->at_ns > at_ns ||
		    step->at_ns < last_ns)
			continue;
		last_ns = step->at_ns;
		snprintf(tag, 64, "%.*s", (int)step->tag.n, step->tag.p);
	}
}

void
mkpcap__reference_text(const struct mkpcap_dialog *dialog,
		       const struct mkpcap_reference *reference, int64_t at_ns,
		       char text[MKPCAP_REFERENCE_MAX])
{
	const struct mkpcap_script *script = dialog->script;
	const struct mkpcap_call *call = &script->calls[reference->call];
	bool together = call->repeat == dialog->call->repeat;
	struct mkpcap_dialog other;
	const char *p = other.id;
	size_t n = 0;

	mkpcap__dialog_init(&other, script, call,
			    together ? dialog->instance : 0);
	tag_find(script, reference->call, at_ns,
		 other.party[MKPCAP_CALLEE].tag);
	if (reference->named != MKPCAP_NAMED_ID)
		p = other.party[reference->named == MKPCAP_NAMED_CALLEE].tag;
	for (; *p && n + 4 < MKPCAP_REFERENCE_MAX; p++) {
		/* RFC 3261 section 25.1, unreserved */
		bool plain = !reference->escaped ||
			     isalnum((unsigned char)*p) ||
			     strchr("-_.!~*'()", *p);

		n += (size_t)snprintf(text + n, MKPCAP_REFERENCE_MAX - n,
				      plain ? "%c" : "%%%02X",
				      (unsigned char)*p);
	}
	text[n] = '\0';
}
