/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is who: from the addresses of a message to what is kept of a person.
 * Everything kept is valid UTF-8 without control characters, since it goes
 * into listings, JSON and file names of exports.
 */
#include <string.h>
#include <strings.h>

#include "sip/sip_priv.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t
sip__unescape(char *out, size_t out_bytes, struct sip_text text)
{
	size_t used = 0;

	for (size_t i = 0; i < text.n && used < out_bytes; i++) {
		int high = -1, low = -1;

		if (text.p[i] == '%' && i + 2 < text.n) {
			high = hex_digit(text.p[i + 1]);
			low = hex_digit(text.p[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			out[used++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[used++] = text.p[i];
		}
	}
	return used;
}

/** "Anne \"Nan\" Lee" -> Anne "Nan" Lee. @return length */
static size_t
unquote(char *out, size_t out_bytes, struct sip_text text)
{
	size_t used = 0;

	if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"') {
		text.p++;
		text.n -= 2;
	}
	for (size_t i = 0; i < text.n && used < out_bytes; i++) {
		if (text.p[i] == '\\' && i + 1 < text.n)
			i++;
		out[used++] = text.p[i];
	}
	return used;
}

static bool
set_user(char *user, const struct sip_address *address)
{
	/* a number's own parameters (RFC 3966) do not belong to it */
	struct sip_text raw = sip__text_cut(address->user, ';', NULL);
	char plain[4 * SIP_USER_BYTES];

	if (address->escaped)
		raw = (struct sip_text){
			plain, sip__unescape(plain, sizeof(plain), raw)
		};
	return sip__text_clean(user, SIP_USER_BYTES, raw);
}

static bool
set_display(char *display, const struct sip_address *address)
{
	char plain[4 * SIP_DISPLAY_BYTES];
	struct sip_text raw = { plain, unquote(plain, sizeof(plain),
					       address->display) };

	return sip__text_clean(display, SIP_DISPLAY_BYTES, sip__text_trim(raw));
}

bool
sip__is_anonymous(const struct sip_address *address)
{
	return sip__text_same(address->host, SIP_TEXT("anonymous.invalid")) ||
	       sip__text_same(address->user, SIP_TEXT("anonymous"));
}

bool
sip__is_named(const char *user)
{
	static const char *const nobody[] = { "",           "anonymous",
					      "unknown",    "unavailable",
					      "restricted", "private",
					      "asterisk" };

	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++)
		if (strcasecmp(user, nobody[i]) == 0)
			return false;
	return true;
}

bool
sip__identity_set(struct sip_identity *identity,
		  const struct sip_address *address)
{
	bool whole = set_user(identity->user, address);

	whole &= set_display(identity->display, address);
	whole &= sip__text_clean(identity->host, SIP_HOST_BYTES, address->host);
	identity->anonymous = sip__is_anonymous(address);
	return whole;
}

bool
sip__identity_assert(struct sip_identity *identity,
		     const struct sip_address *address)
{
	struct sip_identity asserted;
	bool whole;

	memset(&asserted, 0, sizeof(asserted));
	whole = sip__identity_set(&asserted, address);
	if (asserted.user[0] == '\0' || asserted.anonymous)
		return true;
	memcpy(identity->user, asserted.user, sizeof(identity->user));
	memcpy(identity->host, asserted.host, sizeof(identity->host));
	if (asserted.display[0])
		memcpy(identity->display, asserted.display,
		       sizeof(identity->display));
	return whole;
}

bool
sip__identity_other(struct sip_call *call, const char *user)
{
	if (!sip__is_named(user) ||
	    strcmp(user, call->party[SIP_CALLEE].user) == 0 ||
	    strcmp(user, call->party[SIP_CALLER].user) == 0)
		return true;
	for (uint32_t i = 0; i < call->others_count; i++)
		if (strcmp(user, call->others[i]) == 0)
			return true;
	if (call->others_count == SIP_OTHERS_MAX)
		return false;
	memcpy(call->others[call->others_count++], user, strlen(user) + 1);
	return true;
}

static bool
add_other(struct sip_call *call, const struct sip_address *address)
{
	char user[SIP_USER_BYTES];
	bool whole = set_user(user, address);

	return sip__identity_other(call, user) && whole;
}

_Static_assert(SIP_OTHERS_MAX > SIP_DIVERTED_MAX + 1,
	       "who is called now, and From, are not left out");

bool
sip__identity_redirect(struct sip_call *call, const struct sip_address *to)
{
	struct sip_identity *callee = &call->party[SIP_CALLEE];
	struct sip_identity now, before;

	memset(&now, 0, sizeof(now));
	sip__identity_set(&now, to);
	if (now.user[0] == '\0' || strcmp(now.user, callee->user) == 0)
		return false;
	before = *callee;
	*callee = now;
	sip__identity_other(call, before.user);
	return true;
}

bool
sip__identity_others(struct sip_call *call, const struct sip_msg *msg)
{
	bool whole = true;

	for (uint32_t i = 0; i < msg->related.diverted_count; i++)
		whole &= add_other(call, &msg->related.diverted[i]);
	/* who is called now; To says who was dialled */
	whole &= add_other(call, &msg->uri);
	/* what the called sees, where the network asserts another number */
	whole &= add_other(call, &msg->from);
	return whole;
}
