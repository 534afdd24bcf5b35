/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Session descriptions (RFC 8866, RFC 3264): the audio streams in them.
 *
 * Read by a scan of our own, not by libosip2's parser. That one refused more
 * than half of the variants that real phones send (no last line end, an empty
 * s=, a= before c=), takes time quadratic in the number of formats, and what a
 * recorder needs is four kinds of line:
 *
 *   c=IN IP4 192.0.2.1         where: of the session, or of the stream above
 *   m=audio 49170 RTP/AVP 8 0  what, and at which port; 0: refused
 *   a=rtpmap:97 AMR/8000       which number means what ...
 *   a=fmtp:97 octet-align=1    ... and how it is packed
 *   a=sendonly, a=crypto:...   which way, and whether it can be understood
 *   a=candidate:...            where else, as ICE (RFC 8839) tries
 *
 * Everything else is passed over, whatever it looks like.
 */
#include <errno.h>
#include <string.h>

#include "sip/sip_priv.h"

/** Candidates of a stream that are kept. */
#define CANDIDATES_MAX 4

/** What a c= line said. */
enum address { NOT_GIVEN, GIVEN, HELD, NAMED };

/** One level of a description: the session, or one m= section. */
struct section {
	struct capture_endpoint address;
	enum address kind;
	enum sip_direction direction;
	bool secure;
};

struct reader {
	struct sip_sdp *sdp;
	struct section session;
	struct section stream;
	struct sip_media media; /**< of the m= section being read */
	struct capture_endpoint candidate[CANDIDATES_MAX];
	uint32_t candidates;
	bool in_media;  /**< an m= line was there */
	bool in_audio;  /**< ... and it is one that is kept */
	uint32_t lines; /**< m= lines */
	bool known;     /**< a line that only SDP has was there */
	bool open_any, send_any, receive_any;
};

/** Static assignments for audio, RFC 3551 section 6, table 4. */
static const struct {
	uint8_t payload_type;
	uint8_t channels;
	uint32_t clock_hz;
	const char *encoding;
} static_formats[] = {
	{ 0, 1, 8000, "PCMU" },   { 3, 1, 8000, "GSM" },
	{ 4, 1, 8000, "G723" },   { 5, 1, 8000, "DVI4" },
	{ 6, 1, 16000, "DVI4" },  { 7, 1, 8000, "LPC" },
	{ 8, 1, 8000, "PCMA" },   { 9, 1, 8000, "G722" },
	{ 10, 2, 44100, "L16" },  { 11, 1, 44100, "L16" },
	{ 12, 1, 8000, "QCELP" }, { 13, 1, 8000, "CN" },
	{ 14, 1, 90000, "MPA" },  { 15, 1, 8000, "G728" },
	{ 16, 1, 11025, "DVI4" }, { 17, 1, 22050, "DVI4" },
	{ 18, 1, 8000, "G729" },
};

static void
set_format(struct sip_format *format, struct sip_text encoding,
	   uint32_t clock_hz, uint32_t channels)
{
	sip__text_clean(format->encoding, sizeof(format->encoding), encoding);
	format->clock_hz = clock_hz;
	format->channels = (uint8_t)(channels < 255 ? channels : 255);
}

static void
add_format(struct reader *r, uint32_t payload_type)
{
	struct sip_format *format;

	if (payload_type > 127)
		return;
	if (r->media.formats_count == SIP_FORMATS_MAX) {
		r->sdp->cut = true;
		return;
	}
	format = &r->media.formats[r->media.formats_count++];
	memset(format, 0, sizeof(*format));
	format->payload_type = (uint8_t)payload_type;
	for (size_t i = 0;
	     i < sizeof(static_formats) / sizeof(static_formats[0]); i++) {
		struct sip_text name = { static_formats[i].encoding,
					 strlen(static_formats[i].encoding) };

		if (static_formats[i].payload_type == payload_type)
			set_format(format, name, static_formats[i].clock_hz,
				   static_formats[i].channels);
	}
}

/** The next word of a line; empty at its end. */
static struct sip_text
next_word(struct sip_text *line)
{
	struct sip_text word;

	*line = sip__text_trim(*line);
	word = *line;
	if (line->n == 0)
		return word;
	for (size_t i = 0; i < line->n; i++) {
		if (line->p[i] == ' ' || line->p[i] == '\t') {
			word.n = i;
			break;
		}
	}
	line->p += word.n;
	line->n -= word.n;
	return word;
}

static bool
is_zero(const struct capture_endpoint *ep)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t v6[16];

	return memcmp(ep->addr, v4, 16) == 0 || memcmp(ep->addr, v6, 16) == 0;
}

/** "IN IP4 192.0.2.1/127": network, kind, address, and a TTL of multicast. */
static void
read_address(struct section *section, struct sip_text line)
{
	struct sip_text text;

	next_word(&line);
	next_word(&line);
	text = sip__text_cut(next_word(&line), '/', NULL);
	if (text.n == 0)
		return;
	if (capture_endpoint_parse(&section->address, text.p, text.n, 0))
		section->kind = NAMED;
	else
		section->kind = is_zero(&section->address) ? HELD : GIVEN;
}

/** Streams like the one just kept, to where else it may come. */
static void
keep_candidates(struct reader *r)
{
	for (uint32_t i = 0; i < r->candidates; i++) {
		if (capture_endpoint_equal(&r->candidate[i], &r->media.receive))
			continue;
		if (r->sdp->count == SIP_AUDIO_MAX) {
			r->sdp->cut = true;
			return;
		}
		r->sdp->audio[r->sdp->count] = r->media;
		r->sdp->audio[r->sdp->count].receive = r->candidate[i];
		r->sdp->audio[r->sdp->count].candidate = true;
		r->sdp->count++;
	}
}

/** The m= section is over: keep its stream if media can come to it. */
static void
finish_media(struct reader *r)
{
	const struct section *where = &r->stream;

	if (!r->in_audio || r->media.receive.port == 0)
		return;
	if (where->kind == NOT_GIVEN)
		where = &r->session;
	r->sdp->directed = true;
	if (where->kind == HELD) { /* RFC 3264 section 8.4: the old hold */
		r->send_any = true;
		return;
	}
	r->open_any |= r->stream.direction == SIP_SENDRECV;
	r->send_any |= r->stream.direction == SIP_SENDONLY;
	r->receive_any |= r->stream.direction == SIP_RECVONLY;
	if (where->kind != GIVEN) {
		r->sdp->no_address++;
		return;
	}
	if (r->sdp->count == SIP_AUDIO_MAX) {
		r->sdp->cut = true;
		return;
	}
	memcpy(r->media.receive.addr, where->address.addr, 16);
	r->media.direction = r->stream.direction;
	r->media.secure |= r->stream.secure;
	r->sdp->audio[r->sdp->count++] = r->media;
	keep_candidates(r);
}

/** "audio 49170/2 RTP/AVP 8 0 101" */
static void
read_media(struct reader *r, struct sip_text line)
{
	struct sip_text kind, protocol, word;
	uint32_t port = 0, type;

	finish_media(r);
	memset(&r->media, 0, sizeof(r->media));
	r->stream = (struct section){ .direction = r->session.direction,
				      .secure = r->session.secure };
	r->candidates = 0;
	r->media.index = r->lines++;
	r->in_media = true;
	kind = next_word(&line);
	sip__text_number(next_word(&line), &port);
	protocol = next_word(&line);
	r->in_audio = sip__text_same(kind, SIP_TEXT("audio")) &&
		      sip__text_has(protocol, SIP_TEXT("RTP/")) &&
		      port <= 65535;
	if (!r->in_audio)
		return;
	r->media.receive.port = (uint16_t)port;
	r->media.secure = sip__text_has(protocol, SIP_TEXT("SAVP"));
	for (word = next_word(&line); word.n; word = next_word(&line))
		if (sip__text_number(word, &type) == word.n)
			add_format(r, type);
}

/** "97 AMR-WB/16000/1" */
static void
read_rtpmap(struct reader *r, struct sip_text value)
{
	uint32_t type, clock_hz = 0, channels = 1;
	struct sip_text name, clock, rest;

	if (!sip__text_number(next_word(&value), &type))
		return;
	name = sip__text_cut(next_word(&value), '/', &clock);
	clock = sip__text_cut(clock, '/', &rest);
	sip__text_number(clock, &clock_hz);
	if (rest.p && !sip__text_number(rest, &channels))
		channels = 1;
	for (uint32_t i = 0; i < r->media.formats_count; i++)
		if (r->media.formats[i].payload_type == type)
			set_format(&r->media.formats[i], name, clock_hz,
				   channels);
}

bool
sip__parameters_keep(struct sip_media *media, struct sip_format *format,
		     const char *text)
{
	size_t used = 1;

	for (uint32_t i = 0; i < media->formats_count; i++) {
		size_t at = media->formats[i].parameters;

		if (at)
			at += strlen(media->parameters + at) + 1;
		if (at > used)
			used = at;
	}
	if (!*text)
		return true;
	if (strlen(text) >= sizeof(media->parameters) - used)
		return false;
	memcpy(media->parameters + used, text, strlen(text) + 1);
	format->parameters = (uint8_t)used;
	return true;
}

/* Add what it is without blanks, all or nothing. */
static void
add_parameter(char text[SIP_PARAMETERS_BYTES], struct sip_text parameter)
{
	char *const begin = text + strlen(text);
	char *const end = text + SIP_PARAMETERS_BYTES - 1;
	char *first = begin, *p;

	if (begin > text && begin < end)
		*first++ = ';';
	p = first;
	for (size_t i = 0; i < parameter.n; i++) {
		char c = parameter.p[i];

		if (c == ' ' || c == '\t')
			continue;
		if (c < 0x21 || c > 0x7e || p == end) {
			p = first;
			break;
		}
		*p++ = c;
	}
	if (p > first)
		*p = '\0';
	else
		*begin = '\0';
}

/** "97 octet-align=1; mode-set=0,2" */
static void
read_fmtp(struct reader *r, struct sip_text value)
{
	char text[SIP_PARAMETERS_BYTES] = "";
	struct sip_text parameter;
	uint32_t type;

	if (!sip__text_number(next_word(&value), &type))
		return;
	while (value.p) {
		parameter = sip__text_cut(value, ';', &value);
		add_parameter(text, parameter);
	}
	for (uint32_t i = 0; i < r->media.formats_count; i++) {
		struct sip_format *format = &r->media.formats[i];

		if (format->payload_type == type && !format->parameters &&
		    !sip__parameters_keep(&r->media, format, text))
			r->sdp->cut = true;
	}
}

/** "1 1 UDP 2130706431 192.0.2.1 8998 typ host": foundation, component (1 is
 * RTP), transport, priority, address, port. */
static void
read_candidate(struct reader *r, struct sip_text value)
{
	struct capture_endpoint *to = &r->candidate[r->candidates];
	struct sip_text component, transport, address;
	uint32_t port = 0;

	next_word(&value);
	component = next_word(&value);
	transport = next_word(&value);
	next_word(&value);
	address = next_word(&value);
	sip__text_number(next_word(&value), &port);
	if (!sip__text_equal(component, SIP_TEXT("1")) ||
	    !sip__text_same(transport, SIP_TEXT("UDP")) || port == 0 ||
	    port > 65535 || r->candidates == CANDIDATES_MAX ||
	    capture_endpoint_parse(to, address.p, address.n, (uint16_t)port))
		return;
	for (uint32_t i = 0; i < r->candidates; i++)
		if (capture_endpoint_equal(&r->candidate[i], to))
			return;
	r->candidates++;
}

static void
read_attribute(struct reader *r, struct sip_text line)
{
	struct section *section = r->in_media ? &r->stream : &r->session;
	struct sip_text value, name;

	name = sip__text_trim(sip__text_cut(line, ':', &value));
	if (sip__text_same(name, SIP_TEXT("sendrecv")))
		section->direction = SIP_SENDRECV;
	else if (sip__text_same(name, SIP_TEXT("sendonly")))
		section->direction = SIP_SENDONLY;
	else if (sip__text_same(name, SIP_TEXT("recvonly")))
		section->direction = SIP_RECVONLY;
	else if (sip__text_same(name, SIP_TEXT("inactive")))
		section->direction = SIP_INACTIVE;
	else if (sip__text_same(name, SIP_TEXT("crypto")) ||
		 sip__text_same(name, SIP_TEXT("fingerprint")))
		section->secure = true;
	else if (sip__text_same(name, SIP_TEXT("rtpmap")) && r->in_audio)
		read_rtpmap(r, value);
	else if (sip__text_same(name, SIP_TEXT("fmtp")) && r->in_audio)
		read_fmtp(r, value);
	else if (sip__text_same(name, SIP_TEXT("candidate")) && r->in_audio)
		read_candidate(r, value);
}

static void
read_line(struct reader *r, struct sip_text line)
{
	char type;

	line = sip__text_trim(line);
	if (line.n < 2 || line.p[1] != '=')
		return;
	type = line.p[0];
	line.p += 2;
	line.n -= 2;
	r->known |= type == 'v' || type == 'm';
	if (type == 'c')
		read_address(r->in_media ? &r->stream : &r->session, line);
	else if (type == 'm')
		read_media(r, line);
	else if (type == 'a')
		read_attribute(r, line);
}

int
sip__sdp_parse(struct sip_sdp *sdp, struct sip_text text, bool cut)
{
	struct reader r = { .sdp = sdp };
	struct sip_text line;

	sdp->count = sdp->no_address = 0;
	sdp->directed = sdp->cut = false;
	while (sip__text_line(&text, &line)) {
		if (cut && !text.p)
			break; /* half a line: "m=audio 4" is not port 4 */
		read_line(&r, line);
	}
	finish_media(&r);
	sdp->direction = r.open_any || (r.send_any && r.receive_any)
			     ? SIP_SENDRECV
			 : r.send_any    ? SIP_SENDONLY
			 : r.receive_any ? SIP_RECVONLY
					 : SIP_INACTIVE;
	return r.known ? 0 : -EBADMSG;
}
