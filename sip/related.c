/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a message says of other dialogs: the one it takes the place of, the one
 * it asks for, the call that it is a leg of; and who had part in the call
 * before. Nothing of it makes a message wrong: what cannot be made out is left
 * empty.
 */
#include <string.h>

#include "sip/sip_priv.h"

/* ---- dialogs that are named ---------------------------------------------- */

/** "call-id;to-tag=1;from-tag=2;early-only" */
static void
read_replaces(struct sip_dialog_id *id, struct sip_text value)
{
	struct sip_text parameters;
	struct sip_text call_id =
	    sip__text_trim(sip__text_cut(value, ';', &parameters));

	if (call_id.n == 0 ||
	    !sip__text_clean(id->call_id, sizeof(id->call_id), call_id)) {
		id->call_id[0] = '\0';
		return;
	}
	sip__text_clean(id->to_tag, sizeof(id->to_tag),
			sip__parameter(parameters, SIP_TEXT("to-tag")));
	sip__text_clean(id->from_tag, sizeof(id->from_tag),
			sip__parameter(parameters, SIP_TEXT("from-tag")));
}

/** <sip:user@host?Replaces=...&Require=replaces>: headers of a request that
 * is to be sent (RFC 3261 section 19.1.1). */
static void
read_refer_to(struct sip_related *related, struct sip_text value)
{
	char plain[SIP_CALL_ID_BYTES + 3 * SIP_TAG_BYTES];
	struct sip_text headers, one, content;
	size_t open;

	sip__scan_address(&related->refer_to, value);
	open = sip__find_unquoted(value, '<');
	if (open < value.n)
		value = sip__text_cut(sip__text_from(value, open), '>', NULL);
	sip__text_cut(value, '?', &headers);
	while (headers.p) {
		one = sip__text_cut(headers, '&', &headers);
		one = sip__text_cut(one, '=', &content);
		if (!sip__text_same(one, SIP_TEXT("replaces")) || !content.p)
			continue;
		content = (struct sip_text){
			plain, sip__unescape(plain, sizeof(plain), content)
		};
		read_replaces(&related->replaces, content);
	}
}

/* ---- ids of the whole call ----------------------------------------------- */

/** Of a shorter one nobody can say that no other call has it. */
#define ID_BYTES_MIN   8
#define UUID_HEX_BYTES 32

static struct sip_text
long_enough(struct sip_text id, size_t least)
{
	id = sip__text_trim(id);
	for (size_t i = 0; i < id.n && id.n >= least; i++)
		if (id.p[i] != id.p[0])
			return id;
	return (struct sip_text){ NULL, 0 };
}

/** Not the nil one, of which all digits are 0. */
static struct sip_text
without_nil(struct sip_text uuid)
{
	return long_enough(uuid, UUID_HEX_BYTES);
}

static struct sip_text
unquoted(struct sip_text text)
{
	if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		return (struct sip_text){ text.p + 1, text.n - 2 };
	return text;
}

/** "icid-value=...;icid-generated-at=..." */
static struct sip_text
charging_id(struct sip_text value)
{
	return long_enough(
	    unquoted(sip__parameter(value, SIP_TEXT("icid-value"))),
	    ID_BYTES_MIN);
}

/* ---- people -------------------------------------------------------------- */

static void
add_diverted(struct sip_related *related, struct sip_text value)
{
	struct sip_address *address;

	if (related->diverted_count == SIP_DIVERTED_MAX)
		return;
	address = &related->diverted[related->diverted_count];
	sip__scan_address(address, value);
	related->diverted_count += address->user.n > 0;
}

/**
 * Of a History-Info (RFC 7044) each entry but the last is one that the call was
 * diverted from.
 */
static void
read_history(struct sip_related *related, const struct sip_head *head)
{
	struct sip_text at = { NULL, 0 }, line, element;
	struct sip_text before = { NULL, 0 };

	while (sip__head_next(head, SIP_FIELD_HISTORY, &at, &line)) {
		while (sip__next_element(&line, &element)) {
			if (before.p)
				add_diverted(related, before);
			before = element;
		}
	}
}

static void
read_diversion(struct sip_related *related, const struct sip_head *head)
{
	struct sip_text at = { NULL, 0 }, line, element;

	while (sip__head_next(head, SIP_FIELD_DIVERSION, &at, &line))
		while (sip__next_element(&line, &element))
			add_diverted(related, element);
}

static bool
is_withheld(struct sip_text privacy)
{
	struct sip_text one;

	while (privacy.p) {
		one = sip__text_trim(sip__text_cut(privacy, ';', &privacy));
		if (sip__text_same(one, SIP_TEXT("id")) ||
		    sip__text_same(one, SIP_TEXT("user")) ||
		    sip__text_same(one, SIP_TEXT("header")))
			return true;
	}
	return false;
}

/* ---- all of it ----------------------------------------------------------- */

static int
fragment_status(const struct sip_msg *msg)
{
	struct sip_text text = msg->body, rest;
	uint32_t status;

	if (!sip__text_begins(msg->content_type, SIP_TEXT("message/sipfrag")) ||
	    !sip__text_begins(text, SIP_TEXT("SIP/2.0 ")))
		return 0;
	sip__text_cut(text, ' ', &rest);
	return sip__text_number(rest, &status) == 3 && status >= 100 &&
		       status <= 699
		   ? (int)status
		   : 0;
}

void
sip__related_read(struct sip_related *related, const struct sip_head *head,
		  const struct sip_msg *msg)
{
	const struct sip_text *field = head->field;

	*related = (struct sip_related){ 0 };
	/* "uuid;remote=uuid": of who sent it, and of the other end */
	related->session =
	    without_nil(sip__text_cut(field[SIP_FIELD_SESSION], ';', NULL));
	if (field[SIP_FIELD_CHARGING].n)
		related->charging = charging_id(field[SIP_FIELD_CHARGING]);
	related->vendor = long_enough(field[SIP_FIELD_VENDOR], ID_BYTES_MIN);
	related->withheld = is_withheld(field[SIP_FIELD_PRIVACY]);
	if (field[SIP_FIELD_REFERRED_BY].n)
		sip__scan_address(&related->referred_by,
				  field[SIP_FIELD_REFERRED_BY]);
	if (field[SIP_FIELD_DIVERSION].n)
		read_diversion(related, head);
	else if (field[SIP_FIELD_HISTORY].n)
		read_history(related, head);
	if (msg->method == SIP_METHOD_INVITE && field[SIP_FIELD_REPLACES].n)
		read_replaces(&related->replaces, field[SIP_FIELD_REPLACES]);
	if (msg->method == SIP_METHOD_REFER && field[SIP_FIELD_REFER_TO].n)
		read_refer_to(related, field[SIP_FIELD_REFER_TO]);
	if (msg->method == SIP_METHOD_NOTIFY)
		related->fragment = fragment_status(msg);
}
