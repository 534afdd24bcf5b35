/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The steps of a call as SIP messages (RFC 3261): tags, branches and CSeq as a
 * pair of phones would write them, all made from the name of the call, so that
 * a response is told from the script alone.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

struct out {
	char *p;
	size_t n;
	bool full;
};

static void put(struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct out *out, const char *format, ...)
{
	size_t room = MKPCAP_MESSAGE_MAX - out->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out->p + out->n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		out->full = true;
	else
		out->n += (size_t)n;
}

static void
put_byte(struct out *out, char byte)
{
	if (out->n + 1 >= MKPCAP_MESSAGE_MAX)
		out->full = true;
	else
		out->p[out->n++] = byte;
}

/* The lines of a block with CR LF, without their "|" and one blank. */
static void
put_block(struct out *out, const struct mkpcap_text *block, bool unterminated)
{
	const char *p = block->p;
	const char *end = p ? p + block->n : p;

	while (p != end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		const char *next = stop ? stop + 1 : end;

		if (!stop)
			stop = end;
		if (*p == '|') {
			p++;
			if (p < stop && *p == ' ')
				p++;
			for (; p < stop && *p != '\r'; p++)
				put_byte(out, *p);
			if (next < end || !unterminated)
				put(out, "\r\n");
		}
		p = next;
	}
}

/* ---- dialog -------------------------------------------------------------- */

/* "2041" with step 1 in the third repetition: "2043". */
static void
user_init(char user[64], const struct mkpcap_text *text, uint64_t shift)
{
	uint32_t first = text->n;
	int width;

	while (first && isdigit((unsigned char)text->p[first - 1]))
		first--;
	width = (int)(text->n - first);
	if (shift == 0 || width == 0 || width > 17) {
		snprintf(user, 64, "%.*s", (int)text->n, text->p);
		return;
	}
	snprintf(
	    user, 64, "%.*s%0*llu", (int)first, text->p, width,
	    (unsigned long long)(strtoull(text->p + first, NULL, 10) + shift));
}

void
mkpcap__dialog_init(struct mkpcap_dialog *dialog,
		    const struct mkpcap_script *script,
		    const struct mkpcap_call *call, uint32_t instance)
{
	const struct mkpcap_repeat none = { 0 };
	const struct mkpcap_repeat *repeat =
	    call->repeat == MKPCAP_NONE ? &none
					: &script->repeats[call->repeat];
	uint64_t hash;
	char number[16] = "";

	memset(dialog, 0, sizeof(*dialog));
	dialog->script = script;
	dialog->call = call;
	dialog->instance = instance;
	dialog->port_shift = instance * repeat->port_step;
	if (instance)
		snprintf(number, sizeof(number), "-%u", instance + 1);
	snprintf(dialog->name, sizeof(dialog->name), "%.*s%s",
		 (int)call->name.n, call->name.p, number);
	if (call->id.n && instance)
		snprintf(dialog->id, sizeof(dialog->id), "%u-%.*s",
			 instance + 1, (int)call->id.n, call->id.p);
	else if (call->id.n)
		snprintf(dialog->id, sizeof(dialog->id), "%.*s",
			 (int)call->id.n, call->id.p);
	else
		snprintf(dialog->id, sizeof(dialog->id), "%s@mkpcap",
			 dialog->name);
	hash = mkpcap__hash(MKPCAP_HASH, dialog->name, strlen(dialog->name));
	for (int side = 0; side < 2; side++) {
		struct mkpcap_party *party = &dialog->party[side];

		user_init(party->user, &call->user[side],
			  (uint64_t)instance * repeat->user_step);
		party->host = &script->hosts[call->host[side]];
		party->cseq = side == MKPCAP_CALLER ? 100 : 200;
		snprintf(party->tag, sizeof(party->tag), "%c%08x",
			 side == MKPCAP_CALLER ? 'a' : 'b', (unsigned)hash);
	}
}

static struct mkpcap_request *
request_find(struct mkpcap_dialog *dialog, const char *method,
	     enum mkpcap_side side)
{
	for (uint32_t i = 0; i < dialog->requests_count; i++)
		if (strcmp(dialog->requests[i].method, method) == 0 &&
		    dialog->requests[i].side == side)
			return &dialog->requests[i];
	return NULL;
}

/* The request that a response answers: the last one, unless it names another
 * by its method, by who answers, or by both. */
static struct mkpcap_request *
request_answered(struct mkpcap_dialog *dialog, const struct mkpcap_step *step)
{
	const char *method = step->method;
	struct mkpcap_request *found = NULL;

	if (!method && dialog->last)
		method = dialog->last->method;
	if (!method)
		return NULL;
	if (step->sided)
		return request_find(dialog, method, !step->side);
	if (dialog->last && strcmp(method, dialog->last->method) == 0)
		return dialog->last;
	if (dialog->invite && strcmp(method, "INVITE") == 0)
		return dialog->invite;
	found = request_find(dialog, method, MKPCAP_CALLER);
	return found ? found : request_find(dialog, method, MKPCAP_CALLEE);
}

/* Note a new request of one side; ACK and CANCEL take after the INVITE. */
static struct mkpcap_request *
request_new(struct mkpcap_dialog *dialog, const struct mkpcap_step *step)
{
	const struct mkpcap_request *invite = dialog->invite;
	struct mkpcap_request *request;
	enum mkpcap_side side = step->side;
	bool ack = strcmp(step->method, "ACK") == 0;
	bool cancel = strcmp(step->method, "CANCEL") == 0;

	if ((ack || cancel) && step->sided)
		invite = request_find(dialog, "INVITE", side);
	if ((ack || cancel) && !invite)
		return NULL;
	if (ack || cancel)
		side = invite->side;
	request = request_find(dialog, step->method, side);
	if (!request)
		request = &dialog->requests[dialog->requests_count++];
	if (ack || cancel) {
		*request = *invite;
		request->tagged = ack ? dialog->tagged : invite->tagged;
	} else {
		if (strcmp(step->method, "INVITE") == 0) {
			dialog->tagged &= dialog->answered;
			dialog->invite = request;
		}
		request->side = side;
		request->cseq = ++dialog->party[side].cseq;
		request->tagged = dialog->tagged || side == MKPCAP_CALLEE;
		request->refused = false;
	}
	request->method = step->method;
	if (!ack)
		dialog->last = request;
	return request;
}

/* ---- headers ------------------------------------------------------------- */

static void
put_uri(struct out *out, const struct mkpcap_party *party)
{
	const struct mkpcap_host *host = party->host;

	put(out, host->v6 ? "sip:%s@[%.*s]" : "sip:%s@%.*s", party->user,
	    (int)host->address.n, host->address.p);
	if (host->sip_port != 5060)
		put(out, ":%u", host->sip_port);
}

/* A text of the script, with what it refers to filled in. */
static void
put_text(struct out *out, const struct mkpcap_dialog *dialog,
	 const struct mkpcap_text *text, int64_t at_ns)
{
	char value[MKPCAP_REFERENCE_MAX];
	struct mkpcap_reference reference;
	struct mkpcap_text rest = *text;

	while (rest.n) {
		int n = 1;

		if (*rest.p == '{')
			n = mkpcap__reference(dialog->script, &rest,
					      &reference);
		if (n > 1) {
			mkpcap__reference_text(dialog, &reference, at_ns,
					       value);
			put(out, "%s", value);
		} else {
			n = 1;
			put_byte(out, *rest.p);
		}
		rest.p += n;
		rest.n -= (uint32_t)n;
	}
}

static void
put_via(struct out *out, const struct mkpcap_dialog *dialog,
	const struct mkpcap_request *request)
{
	const struct mkpcap_host *host = dialog->party[request->side].host;
	/* RFC 3261 sections 9.1 and 17.1.1.3: CANCEL, and ACK to a refusal,
	 * belong to the transaction of the INVITE. */
	bool own = strcmp(request->method, "CANCEL") != 0 &&
		   (strcmp(request->method, "ACK") != 0 || !request->refused);
	const char *method = own ? request->method : "INVITE";
	uint64_t hash =
	    mkpcap__hash(MKPCAP_HASH, dialog->name, strlen(dialog->name));

	hash = mkpcap__hash(hash, method, strlen(method));
	hash = mkpcap__hash(hash, &request->cseq, sizeof(request->cseq));
	hash = mkpcap__hash(hash, &request->side, sizeof(request->side));
	put(out,
	    host->v6 ? "Via: SIP/2.0/UDP [%.*s]:%u;branch=z9hG4bK%016llx\r\n"
		     : "Via: SIP/2.0/UDP %.*s:%u;branch=z9hG4bK%016llx\r\n",
	    (int)host->address.n, host->address.p, host->sip_port,
	    (unsigned long long)hash);
}

static void
put_parties(struct out *out, const struct mkpcap_dialog *dialog,
	    const struct mkpcap_request *request, bool tagged)
{
	const struct mkpcap_party *from = &dialog->party[request->side];
	const struct mkpcap_party *to = &dialog->party[!request->side];

	put(out, "From: <");
	put_uri(out, from);
	put(out, ">;tag=%s\r\nTo: <", from->tag);
	put_uri(out, to);
	put(out, tagged ? ">;tag=%s\r\n" : ">\r\n", to->tag);
	put(out, "Call-ID: %s\r\nCSeq: %u %s\r\n", dialog->id, request->cseq,
	    request->method);
}

/* ---- bodies -------------------------------------------------------------- */

/* What the message names replaces what was named before; an answer that names
 * no codecs takes those of the offer. */
static int
sdp_update(struct mkpcap_dialog *dialog, struct mkpcap_party *party,
	   const struct mkpcap_sdp *sdp)
{
	const struct mkpcap_sdp *codecs =
	    &dialog->party[party == &dialog->party[0]].sdp;

	if (sdp->ported) {
		party->sdp.port = sdp->port;
		if (sdp->port)
			party->sdp.port =
			    (uint16_t)(sdp->port + dialog->port_shift);
		if (!party->ported)
			party->first_port = party->sdp.port;
		party->ported = true;
	}
	if (!party->ported)
		return -ENXIO;
	if (sdp->codecs_count)
		codecs = sdp;
	else if (party->sdp.codecs_count)
		codecs = &party->sdp;
	party->sdp.codecs_count = codecs->codecs_count;
	memmove(party->sdp.codecs, codecs->codecs, sizeof(codecs->codecs));
	if (party->sdp.codecs_count == 0)
		party->sdp.codecs[party->sdp.codecs_count++] = &mkpcap__pcma;
	if (sdp->address.n)
		party->sdp.address = sdp->address;
	party->sdp.directed = sdp->directed;
	party->sdp.direction = sdp->direction;
	party->sdp.crypto_count = sdp->crypto_count;
	memcpy(party->sdp.crypto, sdp->crypto, sizeof(sdp->crypto));
	party->sdp_version++;
	return 0;
}

static void
put_sdp(struct out *out, const struct mkpcap_party *party)
{
	static const char *const directions[] = { "sendrecv", "sendonly",
						  "recvonly", "inactive" };
	const struct mkpcap_sdp *sdp = &party->sdp;
	const struct mkpcap_text *host = &party->host->address;
	const struct mkpcap_text *media = sdp->address.n ? &sdp->address : host;
	const char *family = party->host->v6 ? "IP6" : "IP4";

	put(out,
	    "v=0\r\no=- 1 %u IN %s %.*s\r\ns=-\r\nc=IN %s %.*s\r\nt=0 0\r\n",
	    party->sdp_version, family, (int)host->n, host->p, family,
	    (int)media->n, media->p);
	put(out, "m=audio %u RTP/%s", sdp->port,
	    sdp->crypto_count ? "SAVP" : "AVP");
	for (uint32_t i = 0; i < sdp->codecs_count; i++)
		put(out, " %u", sdp->codecs[i]->payload_type);
	put(out, "\r\n");
	for (uint32_t i = 0; i < sdp->codecs_count; i++)
		put(out, "a=rtpmap:%u %s\r\n", sdp->codecs[i]->payload_type,
		    sdp->codecs[i]->rtpmap);
	for (uint32_t i = 0; i < sdp->crypto_count; i++)
		put(out, "a=crypto:%.*s\r\n", (int)sdp->crypto[i].n,
		    sdp->crypto[i].p);
	if (sdp->directed)
		put(out, "a=%s\r\n", directions[sdp->direction]);
}

/* Content-Type, Content-Length and the body. @param body scratch */
static int
put_body(struct out *out, struct mkpcap_dialog *dialog,
	 const struct mkpcap_step *step, struct mkpcap_party *sender)
{
	struct out body = { .p = malloc(MKPCAP_MESSAGE_MAX) };
	int rc = 0;

	if (!body.p)
		return -ENOMEM;
	for (uint32_t i = 0; i < step->headers_count; i++) {
		put_text(out, dialog, &step->headers[i], step->at_ns);
		put(out, "\r\n");
	}
	if (step->sdp.present)
		rc = sdp_update(dialog, sender, &step->sdp);
	if (step->body_type.n) {
		put_block(&body, &step->block, step->unterminated);
		put(out, "Content-Type: %.*s\r\n", (int)step->body_type.n,
		    step->body_type.p);
	} else if (step->sdp.present) {
		put_sdp(&body, sender);
		put(out, "Content-Type: application/sdp\r\n");
	}
	put(out, "Content-Length: %zu\r\n\r\n", body.n);
	if (out->n + body.n > MKPCAP_MESSAGE_MAX || out->full || body.full)
		rc = -EMSGSIZE;
	else
		memcpy(out->p + out->n, body.p, body.n);
	out->n += body.n;
	free(body.p);
	return rc;
}

/* ---- messages ------------------------------------------------------------ */

static void
put_contact(struct out *out, const struct mkpcap_party *party)
{
	put(out, "Contact: <");
	put_uri(out, party);
	put(out, ">\r\n");
}

static int
request_make(struct mkpcap_dialog *dialog, const struct mkpcap_step *step,
	     struct out *out, enum mkpcap_side *from)
{
	const struct mkpcap_request *request = request_new(dialog, step);

	if (!request)
		return -ENOENT;
	*from = request->side;
	put(out, "%s ", request->method);
	if (step->uri.n)
		put_text(out, dialog, &step->uri, step->at_ns);
	else
		put_uri(out, &dialog->party[!*from]);
	put(out, " SIP/2.0\r\n");
	put_via(out, dialog, request);
	put(out, "Max-Forwards: 70\r\n");
	put_parties(out, dialog, request, request->tagged);
	if (strcmp(request->method, "CANCEL") != 0)
		put_contact(out, &dialog->party[*from]);
	return put_body(out, dialog, step, &dialog->party[*from]);
}

static int
response_make(struct mkpcap_dialog *dialog, const struct mkpcap_step *step,
	      struct out *out, enum mkpcap_side *from)
{
	struct mkpcap_request *request = request_answered(dialog, step);
	struct mkpcap_party *sender;
	bool invite;

	if (!request)
		return -ENOENT;
	*from = !request->side;
	sender = &dialog->party[*from];
	invite = strcmp(request->method, "INVITE") == 0;
	if (step->status > 100 && request->side == MKPCAP_CALLER)
		dialog->tagged = true;
	if (invite && step->status >= 200) {
		dialog->answered |= step->status < 300;
		request->refused = step->status >= 300;
	}
	put(out, "SIP/2.0 %u %.*s\r\n", step->status, (int)step->reason.n,
	    step->reason.p);
	put_via(out, dialog, request);
	put_parties(out, dialog, request,
		    step->status > 100 || request->tagged);
	if (step->status > 100 && step->status < 300)
		put_contact(out, sender);
	return put_body(out, dialog, step, sender);
}

int
mkpcap__message(struct mkpcap_dialog *dialog, const struct mkpcap_step *step,
		char *text, enum mkpcap_side *from)
{
	struct mkpcap_party *callee = &dialog->party[MKPCAP_CALLEE];
	struct out out = { .p = text };
	int rc;

	if (step->tag.n)
		snprintf(callee->tag, sizeof(callee->tag), "%.*s",
			 (int)step->tag.n, step->tag.p);
	rc = step->what == MKPCAP_REQUEST
		 ? request_make(dialog, step, &out, from)
		 : response_make(dialog, step, &out, from);
	return rc ? rc : (int)out.n;
}

int
mkpcap__plain(const struct mkpcap_step *step, char *text)
{
	struct out out = { .p = text };

	for (uint32_t i = 0; i < step->bytes.n / 2; i++)
		put_byte(&out, (char)mkpcap__hex_at(&step->bytes, i));
	put_block(&out, &step->block, step->unterminated);
	return out.full ? -EMSGSIZE : (int)out.n;
}
