/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a datagram SIP? Runs on every packet that is not RTP, on the capture
 * thread: by content, never by port, for phones and trunks use any.
 *
 *   INVITE sip:2041@pbx SIP/2.0      METHOD SP uri SP SIP/2.0
 *   SIP/2.0 200 OK                   RFC 3261 section 7
 *
 * RTP and RTCP begin with 0x80 to 0xbf, STUN with 0x00 or 0x01, DTLS with
 * 0x14 to 0x19: none is the first letter of a method. HTTP and RTSP look alike
 * up to the version at the end of the first line.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "sip/sip.h"
#include "sip/sip_priv.h"

static bool
is_token(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-.!%*_+`'~", c));
}

/** METHOD SP uri SP SIP/2.0; spaces in and after the URI are let pass. */
static bool
is_request_line(struct sip_text line)
{
	struct sip_text version = SIP_TEXT(" SIP/2.0");
	size_t method = 0;

	while (method < line.n && is_token(line.p[method]))
		method++;
	if (method == 0 || method > SIP_METHOD_BYTES_MAX || method == line.n ||
	    line.p[method] != ' ')
		return false;
	line = sip__text_trim(
	    (struct sip_text){ line.p + method, line.n - method });
	/* a URI of at least "a:" stands before the version */
	if (line.n < version.n + 2)
		return false;
	return sip__text_same(
		   (struct sip_text){ line.p + line.n - version.n, version.n },
		   version) &&
	       memchr(line.p, ':', line.n - version.n);
}

bool
sip__is_start_line(struct sip_text line, bool *response)
{
	*response = sip__text_begins(line, SIP_TEXT("SIP/2.0 "));
	return *response || is_request_line(line);
}

/** The value of a header line if it is the Call-ID; else p is NULL. */
static struct sip_text
call_id_value(struct sip_text line)
{
	struct sip_text none = { NULL, 0 }, value, name;

	if (line.n == 0 || !strchr("CcIi", line.p[0]))
		return none;
	name = sip__text_trim(sip__text_cut(line, ':', &value));
	if (!value.p || !(sip__text_same(name, SIP_TEXT("call-id")) ||
			  sip__text_same(name, SIP_TEXT("i"))))
		return none;
	return sip__text_trim(value);
}

static void
find_call_id(struct sip_text text, struct sip_glance *glance)
{
	struct sip_text line, value = { NULL, 0 };

	while (sip__text_line(&text, &line) && line.n) {
		if (!value.p)
			value = call_id_value(line);
		else if (line.p[0] == ' ' || line.p[0] == '\t')
			value = sip__text_trim(line); /* folded */
		if (!text.p)
			return; /* no end of line: this may be half of it */
		if (value.n) {
			glance->call_id = value.p;
			glance->call_id_bytes = (uint32_t)value.n;
			return;
		}
	}
}

int
sip_prefilter(const uint8_t *bytes, size_t n, struct sip_glance *glance)
{
	struct sip_text text = { (const char *)bytes, n }, line;

	*glance = (struct sip_glance){ 0 };
	while (text.n &&
	       (text.p[0] == '\r' || text.p[0] == '\n' || text.p[0] == '\0')) {
		text.p++;
		text.n--;
	}
	if (text.n == 0)
		return -EAGAIN;
	if (!is_token(text.p[0]) || !sip__text_line(&text, &line) ||
	    !sip__is_start_line(line, &glance->response))
		return 0;
	find_call_id(text, glance);
	return 1;
}
