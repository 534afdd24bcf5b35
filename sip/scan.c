/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The head of a message, and the tolerant scan.
 *
 * A recorder may not lose a call because a phone writes a display name without
 * quotes: what libosip2 refuses, or may not be given for its size, is read
 * here line by line, and whatever cannot be made out is left empty. All of it
 * is linear in the length of the message: the first of each header counts,
 * others are passed over.
 *
 * Where the body begins and ends is settled here for both: libosip2 is not
 * told of a body at all, for it refuses those that the snap length cut.
 */
#include <errno.h>
#include <string.h>

#include "sip/sip_priv.h"

/** Full and compact names (RFC 3261 section 7.3.3). */
static const struct {
	struct sip_text name;
	char compact;
	enum sip_field field;
} fields[] = {
#define FIELD(name, compact, field)                                            \
	{                                                                      \
		{ (name), sizeof(name) - 1 }, (compact), SIP_FIELD_##field     \
	}
	FIELD("via", 'v', VIA),
	FIELD("from", 'f', FROM),
	FIELD("to", 't', TO),
	FIELD("call-id", 'i', CALL_ID),
	FIELD("cseq", 0, CSEQ),
	FIELD("contact", 'm', CONTACT),
	FIELD("expires", 0, EXPIRES),
	FIELD("content-type", 'c', CONTENT_TYPE),
	FIELD("content-length", 'l', CONTENT_LENGTH),
	FIELD("p-asserted-identity", 0, ASSERTED),
	FIELD("remote-party-id", 0, REMOTE_PARTY),
	FIELD("p-preferred-identity", 0, PREFERRED),
	FIELD("privacy", 0, PRIVACY),
	FIELD("diversion", 0, DIVERSION),
	FIELD("history-info", 0, HISTORY),
	FIELD("refer-to", 'r', REFER_TO),
	FIELD("referred-by", 'b', REFERRED_BY),
	FIELD("replaces", 0, REPLACES),
	FIELD("session-id", 0, SESSION),
	FIELD("p-charging-vector", 0, CHARGING),
	/* the same in all legs of a call, by who makes the switch */
	FIELD("cisco-guid", 0, VENDOR),
	FIELD("av-global-session-id", 0, VENDOR),
	FIELD("x-genesys-calluuid", 0, VENDOR),
	FIELD("x-inin-crn", 0, VENDOR),
	FIELD("x-broadworks-correlation-info", 0, VENDOR),
	FIELD("p-siemens-corr-id", 0, VENDOR),
	FIELD("x-siemens-call-id", 0, VENDOR),
	FIELD("x-ucid", 0, VENDOR),
	FIELD("x-cid", 0, VENDOR),
	FIELD("x-call-id", 0, VENDOR),
	FIELD("x-linkedid", 0, VENDOR),
#undef FIELD
};

enum sip_method
sip__method(struct sip_text name)
{
	static const struct {
		struct sip_text name;
		enum sip_method method;
	} methods[] = {
		{ { "INVITE", 6 }, SIP_METHOD_INVITE },
		{ { "ACK", 3 }, SIP_METHOD_ACK },
		{ { "BYE", 3 }, SIP_METHOD_BYE },
		{ { "CANCEL", 6 }, SIP_METHOD_CANCEL },
		{ { "PRACK", 5 }, SIP_METHOD_PRACK },
		{ { "UPDATE", 6 }, SIP_METHOD_UPDATE },
		{ { "REFER", 5 }, SIP_METHOD_REFER },
		{ { "NOTIFY", 6 }, SIP_METHOD_NOTIFY },
		{ { "INFO", 4 }, SIP_METHOD_INFO },
		{ { "REGISTER", 8 }, SIP_METHOD_REGISTER },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (sip__text_equal(name, methods[i].name))
			return methods[i].method;
	return SIP_METHOD_OTHER;
}

static enum sip_field
field_of(struct sip_text name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (name.n == 1 ? (name.p[0] | 0x20) == fields[i].compact
				: sip__text_same(name, fields[i].name))
			return fields[i].field;
	return SIP_FIELD_COUNT;
}

/** Copy lines up to the empty one, unfolded (RFC 3261 section 7.3.1). */
static void
copy_lines(struct sip_head *head, struct sip_text message)
{
	struct sip_text line;
	char *out = head->text;

	while (sip__text_line(&message, &line)) {
		if (line.n == 0) {
			head->complete = true;
			break;
		}
		if (out > head->text &&
		    (line.p[0] == ' ' || line.p[0] == '\t')) {
			line = sip__text_trim(line);
			out[-2] = ' ';
			out--;
		}
		/* to libosip2 these are the end of the text, or of a line */
		if (memchr(line.p, '\0', line.n) ||
		    memchr(line.p, '\r', line.n))
			head->regular = false;
		memcpy(out, line.p, line.n);
		out += line.n;
		*out++ = '\r';
		*out++ = '\n';
	}
	*out++ = '\r';
	*out++ = '\n';
	memset(out, '\0', 4);
	head->n = (size_t)(out - head->text);
	head->body = message;
}

static const bool is_separator[256] = {
	[';'] = true, [','] = true, ['?'] = true, ['&'] = true
};

/**
 * Escapes that libosip2 undoes too early: %00 is then the end of its string,
 * and a user is cut at what was %3B, as at the ; of his parameters.
 */
static bool
has_early_escape(struct sip_text text)
{
	for (sip__text_cut(text, '%', &text); text.p;
	     sip__text_cut(text, '%', &text))
		if (sip__text_begins(text, SIP_TEXT("00")) ||
		    sip__text_begins(text, SIP_TEXT("3b")))
			return true;
	return false;
}

/** Count what costs libosip2 time out of proportion, by line. */
static void
count_line(struct sip_head *head, struct sip_text line)
{
	head->headers++;
	if (line.n > head->line_bytes_longest)
		head->line_bytes_longest = line.n;
	for (size_t i = 0; i < line.n; i++)
		head->separators += is_separator[(uint8_t)line.p[i]];
}

static void
index_line(struct sip_head *head, struct sip_text line)
{
	struct sip_text value, name;
	enum sip_field f;

	name = sip__text_trim(sip__text_cut(line, ':', &value));
	f = field_of(name);
	if (!value.p || f == SIP_FIELD_COUNT || head->field[f].n)
		return;
	head->field[f] = sip__text_trim(value);
	/* hidden from libosip2, which is given no body */
	if (f == SIP_FIELD_CONTENT_LENGTH)
		head->text[name.p - head->text] = 'X';
}

/**
 * Read here for both: libosip2 takes a status of 4294967596 for 300, and
 * "SIP/2.0 200" without a reason makes it lose the first Via.
 */
static int
read_start(struct sip_head *head, struct sip_text start)
{
	struct sip_text rest;
	bool response;
	uint32_t status;

	if (!sip__is_start_line(start, &response))
		return -EBADMSG;
	sip__text_cut(start, ' ', &rest);
	rest = sip__text_trim(rest);
	if (!response) {
		head->method = sip__text_cut(start, ' ', NULL);
		head->uri = sip__text_cut(rest, ' ', NULL);
		/* wrong, but what is meant is plain (RFC 4475 3.1.2.7) */
		if (head->uri.n && head->uri.p[0] == '<') {
			rest = (struct sip_text){ head->uri.p + 1,
						  head->uri.n - 1 };
			head->uri = sip__text_cut(rest, '>', NULL);
			head->regular = false;
		}
		return 0;
	}
	if (sip__text_number(rest, &status) != 3 || status < 100 ||
	    status > 699)
		return -EBADMSG;
	head->status = (int)status;
	if (start.n < sizeof("SIP/2.0 200 ") - 1 || start.p[11] != ' ')
		head->regular = false;
	return 0;
}

int
sip__head_read(struct sip_head *head, char *copy, struct sip_text message)
{
	struct sip_text text, line;

	while (message.n && (message.p[0] == '\r' || message.p[0] == '\n' ||
			     message.p[0] == '\0')) {
		message.p++;
		message.n--;
	}
	if (message.n > SIP_MESSAGE_BYTES_MAX)
		message.n = SIP_MESSAGE_BYTES_MAX;
	*head = (struct sip_head){ .text = copy, .regular = true };
	copy_lines(head, message);
	text = (struct sip_text){ head->text, head->n };
	if (has_early_escape(text))
		head->regular = false;
	if (!sip__text_line(&text, &line) || read_start(head, line))
		return -EBADMSG;
	count_line(head, line);
	while (sip__text_line(&text, &line) && line.n) {
		count_line(head, line);
		index_line(head, line);
	}
	return 0;
}

bool
sip__head_next(const struct sip_head *head, enum sip_field field,
	       struct sip_text *at, struct sip_text *value)
{
	struct sip_text line, name;

	if (!at->p) {
		*at = (struct sip_text){ head->text, head->n };
		sip__text_line(at, &line);
	}
	while (sip__text_line(at, &line) && line.n) {
		name = sip__text_trim(sip__text_cut(line, ':', value));
		if (!value->p || field_of(name) != field)
			continue;
		*value = sip__text_trim(*value);
		return true;
	}
	return false;
}

/* ---- the tolerant scan ------------------------------------------------- */

void
sip__scan_uri(struct sip_address *address, struct sip_text uri)
{
	struct sip_text rest, user, host, scheme;

	scheme = sip__text_trim(sip__text_cut(uri, ':', &rest));
	if (!rest.p)
		return;
	address->escaped = true;
	if (!sip__text_same(scheme, SIP_TEXT("sip")) &&
	    !sip__text_same(scheme, SIP_TEXT("sips"))) {
		address->user = sip__text_trim(sip__text_cut(rest, ';', NULL));
		return;
	}
	user = sip__text_cut(rest, '@', &host);
	if (host.p)
		address->user = sip__text_cut(user, ':', NULL);
	else
		host = rest;
	host = sip__text_cut(sip__text_cut(host, ';', NULL), '?', NULL);
	host = sip__text_trim(host);
	if (host.n && host.p[0] == '[')
		address->host = sip__text_cut(
		    (struct sip_text){ host.p + 1, host.n - 1 }, ']', NULL);
	else
		address->host = sip__text_trim(sip__text_cut(host, ':', NULL));
}

size_t
sip__find_unquoted(struct sip_text text, char c)
{
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		if (quoted && text.p[i] == '\\')
			i++;
		else if (text.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && text.p[i] == c)
			return i;
	}
	return text.n;
}

bool
sip__next_element(struct sip_text *text, struct sip_text *element)
{
	size_t end, open;

	if (text->n == 0)
		return false;
	end = sip__find_unquoted(*text, ',');
	/* a comma within <> is the URI's */
	open = sip__find_unquoted((struct sip_text){ text->p, end }, '<');
	if (open < end) {
		size_t close = sip__find_unquoted(*text, '>');

		if (close < text->n && close > end) {
			struct sip_text rest = sip__text_from(*text, close);

			end = close + sip__find_unquoted(rest, ',');
		}
	}
	*element = sip__text_trim((struct sip_text){ text->p, end });
	*text = end < text->n ? sip__text_from(*text, end + 1)
			      : (struct sip_text){ NULL, 0 };
	return true;
}

struct sip_text
sip__parameter(struct sip_text text, struct sip_text name)
{
	struct sip_text one, value, rest;

	while (text.p) {
		size_t end = sip__find_unquoted(text, ';');

		one = (struct sip_text){ text.p, end };
		rest = (struct sip_text){ NULL, 0 };
		if (end < text.n)
			rest = (struct sip_text){ text.p + end + 1,
						  text.n - end - 1 };
		text = rest;
		one = sip__text_cut(one, '=', &value);
		if (!value.p || !sip__text_same(sip__text_trim(one), name))
			continue;
		value = sip__text_trim(value);
		for (size_t i = 0; i < value.n; i++)
			if (strchr(" \t,", value.p[i]))
				value.n = i;
		return value;
	}
	return (struct sip_text){ NULL, 0 };
}

void
sip__scan_address(struct sip_address *address, struct sip_text value)
{
	struct sip_text uri, rest = { NULL, 0 };
	size_t open = sip__find_unquoted(value, '<');

	*address = (struct sip_address){ 0 };
	/* a quote that is never closed hides the rest: look again without */
	if (open == value.n && value.n && memchr(value.p, '<', value.n))
		open = (size_t)((const char *)memchr(value.p, '<', value.n) -
				value.p);
	if (open < value.n) {
		address->display =
		    sip__text_trim((struct sip_text){ value.p, open });
		uri = sip__text_cut(
		    (struct sip_text){ value.p + open + 1, value.n - open - 1 },
		    '>', &rest);
	} else {
		/* without <> parameters are the header's (section 20) */
		uri = sip__text_cut(value, ';', &rest);
	}
	sip__scan_uri(address, sip__text_trim(uri));
	if (rest.p)
		address->tag = sip__parameter(rest, SIP_TEXT("tag"));
}

int
sip__scan(struct sip_msg *msg, const struct sip_head *head)
{
	struct sip_text cseq = head->field[SIP_FIELD_CSEQ];
	struct sip_text via = head->field[SIP_FIELD_VIA];
	size_t digits;

	*msg = (struct sip_msg){ .status = head->status };
	msg->call_id = head->field[SIP_FIELD_CALL_ID];
	digits = sip__text_number(cseq, &msg->cseq);
	if (msg->call_id.n == 0 || digits == 0)
		return -EBADMSG;
	cseq.p += digits;
	cseq.n -= digits;
	msg->method =
	    sip__method(msg->status ? sip__text_trim(cseq) : head->method);
	if (head->uri.n)
		sip__scan_uri(&msg->uri, head->uri);
	sip__scan_address(&msg->from, head->field[SIP_FIELD_FROM]);
	sip__scan_address(&msg->to, head->field[SIP_FIELD_TO]);
	sip__scan_address(&msg->contact, head->field[SIP_FIELD_CONTACT]);
	/* of several hops in one header, the first is the topmost */
	via.n = sip__find_unquoted(via, ',');
	if (via.n)
		msg->branch = sip__parameter(via, SIP_TEXT("branch"));
	return 0;
}

/* ---- what libosip2 leaves as text --------------------------------------- */

/** The part of a multipart body (RFC 2046 section 5.1) that is SDP. */
static struct sip_text
multipart_sdp(struct sip_text body, struct sip_text boundary)
{
	struct sip_text none = { NULL, 0 }, part = none, line, name, value;
	enum { OUTSIDE, HEADERS, WANTED } in = OUTSIDE;
	bool wanted = false;

	while (sip__text_line(&body, &line)) {
		bool edge = line.n >= boundary.n + 2 && line.p[0] == '-' &&
			    line.p[1] == '-' &&
			    memcmp(line.p + 2, boundary.p, boundary.n) == 0;

		if (in == WANTED && edge)
			break;
		if (in == WANTED)
			part.n = (size_t)(line.p + line.n - part.p);
		else if (edge) {
			in = HEADERS;
			wanted = false;
		} else if (in == HEADERS && line.n == 0) {
			in = wanted ? WANTED : OUTSIDE;
			part = wanted ? body : none;
			part.n = 0;
		} else if (in == HEADERS) {
			name = sip__text_trim(sip__text_cut(line, ':', &value));
			wanted |=
			    value.p &&
			    field_of(name) == SIP_FIELD_CONTENT_TYPE &&
			    sip__text_has(value, SIP_TEXT("application/sdp"));
		}
	}
	return part;
}

static void
find_sdp(struct sip_msg *msg)
{
	struct sip_text parameters, boundary;

	if (msg->body.n == 0)
		return;
	if (sip__text_begins(msg->content_type, SIP_TEXT("application/sdp")) ||
	    (msg->content_type.n == 0 &&
	     sip__text_begins(msg->body, SIP_TEXT("v=0")))) {
		msg->sdp = msg->body;
		return;
	}
	if (!sip__text_begins(msg->content_type, SIP_TEXT("multipart/")))
		return;
	sip__text_cut(msg->content_type, ';', &parameters);
	boundary = sip__parameter(parameters, SIP_TEXT("boundary"));
	if (boundary.n > 1 && boundary.p[0] == '"') {
		boundary.p++;
		boundary.n--;
		boundary = sip__text_cut(boundary, '"', NULL);
	}
	if (boundary.n)
		msg->sdp = multipart_sdp(msg->body, boundary);
}

static bool
is_number(const struct sip_address *address)
{
	struct sip_text user = sip__text_cut(address->user, ';', NULL);
	char plain[SIP_USER_BYTES];
	size_t n = sip__unescape(plain, sizeof(plain), user), digits = 0;

	for (size_t i = 0; i < n; i++) {
		if (plain[i] >= '0' && plain[i] <= '9')
			digits++;
		else if (!memchr("+-.() ", plain[i], 6))
			return false;
	}
	return digits > 0;
}

/** Of a Remote-Party-ID. */
static struct sip_text
after_uri(struct sip_text element)
{
	size_t close = sip__find_unquoted(element, '>');

	return close < element.n ? sip__text_from(element, close + 1)
				 : (struct sip_text){ NULL, 0 };
}

/** "party" may say that it is not. */
static bool
is_of_sender(struct sip_text remote_party, bool response)
{
	struct sip_text parameters = after_uri(remote_party);
	struct sip_text who = sip__parameter(parameters, SIP_TEXT("party"));

	return parameters.p &&
	       (!who.p || sip__text_same(who, response ? SIP_TEXT("called")
						       : SIP_TEXT("calling")));
}

static bool
is_private(struct sip_text remote_party)
{
	struct sip_text how =
	    sip__parameter(after_uri(remote_party), SIP_TEXT("privacy"));

	return sip__text_begins(how, SIP_TEXT("full")) ||
	       sip__text_begins(how, SIP_TEXT("uri"));
}

/** Of a sip: and a tel: URI (RFC 3325 section 9.1), or of several lines, the
 * one that is a number; else the first. */
static void
find_asserted(struct sip_msg *msg, const struct sip_head *head,
	      enum sip_field field)
{
	struct sip_text at = { NULL, 0 }, line, element;
	struct sip_address one;

	if (head->field[field].n == 0)
		return;
	while (sip__head_next(head, field, &at, &line)) {
		while (sip__next_element(&line, &element)) {
			if (field == SIP_FIELD_REMOTE_PARTY &&
			    !is_of_sender(element, msg->status != 0))
				continue;
			if (field == SIP_FIELD_REMOTE_PARTY &&
			    is_private(element))
				msg->related.withheld = true;
			sip__scan_address(&one, element);
			if (is_number(&one) && !is_number(&msg->asserted))
				msg->asserted = one;
			else if (msg->asserted.user.n == 0)
				msg->asserted = one;
		}
	}
}

/** What the network says comes first; who hides tells his own switch. */
static void
find_sender(struct sip_msg *msg, const struct sip_head *head)
{
	find_asserted(msg, head, SIP_FIELD_ASSERTED);
	if (msg->asserted.user.n == 0)
		find_asserted(msg, head, SIP_FIELD_REMOTE_PARTY);
	if (msg->asserted.user.n == 0 && msg->status == 0 &&
	    sip__is_anonymous(&msg->from))
		find_asserted(msg, head, SIP_FIELD_PREFERRED);
}

void
sip__scan_rest(struct sip_msg *msg, const struct sip_head *head,
	       size_t missing_bytes)
{
	uint32_t length;

	msg->content_type = head->field[SIP_FIELD_CONTENT_TYPE];
	msg->body = head->body;
	msg->cut = missing_bytes > 0 || !head->complete;
	if (sip__text_number(head->field[SIP_FIELD_CONTENT_LENGTH], &length)) {
		/* what follows in the datagram is no part of it (18.3) */
		msg->cut = length > msg->body.n;
		if (length < msg->body.n)
			msg->body.n = length;
	}
	find_sdp(msg);
	sip__related_read(&msg->related, head, msg);
	find_sender(msg, head);
}
