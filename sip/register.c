/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * REGISTER and its responses, read: whose registration it is, from how far it
 * comes, and the lists of contacts (RFC 3261 sections 10 and 20.10).
 *
 * Contacts are compared by user, host and port alone: what else is in a URI
 * tells registrations of one telephone apart, not telephones.
 */
#include <stdio.h>
#include <string.h>

#include "sip/sip_priv.h"

/** Cut the first element off a list; commas in "" and <> are not between. */
static struct sip_text
cut_element(struct sip_text list, struct sip_text *rest)
{
	bool quoted = false, in_uri = false;
	size_t i;

	*rest = (struct sip_text){ NULL, 0 };
	for (i = 0; i < list.n; i++) {
		char c = list.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"' && !in_uri)
			quoted = !quoted;
		else if (!quoted && (c == '<' || c == '>'))
			in_uri = c == '<';
		else if (!quoted && !in_uri && c == ',') {
			*rest =
			    (struct sip_text){ list.p + i + 1, list.n - i - 1 };
			break;
		}
	}
	list.n = i < list.n ? i : list.n;
	return sip__text_trim(list);
}

/** The URI of an element, and what parameters the header has. */
static struct sip_text
cut_uri(struct sip_text value, struct sip_text *parameters)
{
	size_t open = sip__find_unquoted(value, '<');

	if (open == value.n)
		return sip__text_trim(sip__text_cut(value, ';', parameters));
	return sip__text_trim(sip__text_cut(
	    (struct sip_text){ value.p + open + 1, value.n - open - 1 }, '>',
	    parameters));
}

/** Digits, or what a server may have put in quotes against the RFC. */
static bool
seconds(struct sip_text text, uint32_t *s)
{
	if (text.n && text.p[0] == '"') {
		text.p++;
		text.n--;
	}
	return sip__text_number(text, s) > 0;
}

static bool
small_letters(char *out, size_t out_bytes, struct sip_text text)
{
	bool whole = sip__text_clean(out, out_bytes, text);

	for (; *out; out++)
		if (*out >= 'A' && *out <= 'Z')
			*out = (char)(*out | 0x20);
	return whole;
}

/** "host:port", "[v6]:port", "host"; 0: no port is given. */
static uint16_t
port_of(struct sip_text hostport)
{
	struct sip_text rest = hostport;
	uint32_t port;

	if (hostport.n && hostport.p[0] == '[')
		sip__text_cut(hostport, ']', &rest);
	sip__text_cut(rest, ':', &rest);
	if (!rest.p || !sip__text_number(rest, &port) || port > UINT16_MAX)
		return 0;
	return (uint16_t)port;
}

/** Where nothing else is said (section 19.1.2). */
static uint16_t
default_port(struct sip_text scheme, struct sip_text parameters)
{
	struct sip_text transport =
	    sip__parameter(parameters, SIP_TEXT("transport"));

	return sip__text_same(scheme, SIP_TEXT("sips")) ||
		       sip__text_same(transport, SIP_TEXT("tls"))
		   ? 5061
		   : 5060;
}

/** @return false: it is no SIP URI, or does not fit */
static bool
read_uri(struct sip_contact *contact, struct sip_text uri)
{
	struct sip_text scheme, rest, hostport, parameters;
	struct sip_address address = { 0 };
	struct sip_identity who = { 0 };
	bool v6;
	uint16_t port;
	int n;

	scheme = sip__text_trim(sip__text_cut(uri, ':', &rest));
	if (!rest.p || (!sip__text_same(scheme, SIP_TEXT("sip")) &&
			!sip__text_same(scheme, SIP_TEXT("sips"))))
		return false;
	sip__scan_uri(&address, uri);
	sip__text_cut(rest, '@', &hostport);
	hostport = hostport.p ? hostport : rest;
	hostport = sip__text_cut(hostport, ';', &parameters);
	port = port_of(sip__text_trim(sip__text_cut(hostport, '?', NULL)));
	if (!port)
		port = default_port(scheme, parameters);
	if (!address.host.n || !sip__identity_set(&who, &address) ||
	    !small_letters(who.host, sizeof(who.host), address.host))
		return false;
	if (capture_endpoint_parse(&contact->at, who.host, strlen(who.host),
				   port))
		contact->at.port = 0;
	v6 = strchr(who.host, ':') != NULL;
	n = snprintf(contact->text, sizeof(contact->text), "%s%s%s%s%s:%u",
		     who.user, who.user[0] ? "@" : "", v6 ? "[" : "", who.host,
		     v6 ? "]" : "", port);
	return n > 0 && (size_t)n < sizeof(contact->text);
}

static bool
read_contact(struct sip_contact *contact, struct sip_text value)
{
	struct sip_text uri, parameters, expires;

	*contact = (struct sip_contact){ 0 };
	uri = cut_uri(value, &parameters);
	if (!read_uri(contact, uri))
		return false;
	expires = sip__parameter(parameters, SIP_TEXT("expires"));
	contact->expires = expires.p && seconds(expires, &contact->expires_s);
	return true;
}

/** The same one once more: the longer time counts. */
static bool
merge_contact(struct sip_register *reg, const struct sip_contact *contact)
{
	for (uint32_t i = 0; i < reg->count; i++) {
		struct sip_contact *one = &reg->contact[i];

		if (strcmp(one->text, contact->text) != 0)
			continue;
		if (!contact->expires || !one->expires)
			one->expires = false;
		else if (contact->expires_s > one->expires_s)
			one->expires_s = contact->expires_s;
		return true;
	}
	return false;
}

static void
read_contacts(struct sip_register *reg, const struct sip_head *head)
{
	struct sip_text at = { NULL, 0 }, list, one;
	struct sip_contact contact;

	while (sip__head_next(head, SIP_FIELD_CONTACT, &at, &list)) {
		while (list.p) {
			one = cut_element(list, &list);
			if (one.n == 0)
				continue;
			if (sip__text_equal(one, SIP_TEXT("*")))
				reg->all = true;
			else if (!read_contact(&contact, one))
				reg->left_out++;
			else if (merge_contact(reg, &contact))
				continue;
			else if (reg->count == SIP_CONTACTS_MAX)
				reg->left_out++;
			else
				reg->contact[reg->count++] = contact;
		}
	}
}

static uint32_t
count_hops(const struct sip_head *head)
{
	struct sip_text at = { NULL, 0 }, list;
	uint32_t n = 0;

	while (sip__head_next(head, SIP_FIELD_VIA, &at, &list))
		while (list.p)
			n += cut_element(list, &list).n > 0;
	return n;
}

bool
sip__register_read(struct sip_register *reg, const struct sip_msg *msg)
{
	struct sip_identity who = { 0 };

	*reg = (struct sip_register){ .hops = count_hops(msg->head) };
	if (!msg->to.user.n || !sip__identity_set(&who, &msg->to) ||
	    !small_letters(reg->host, sizeof(reg->host), msg->to.host))
		return false;
	memcpy(reg->user, who.user, sizeof(reg->user));
	reg->expires =
	    seconds(msg->head->field[SIP_FIELD_EXPIRES], &reg->expires_s);
	read_contacts(reg, msg->head);
	return true;
}
