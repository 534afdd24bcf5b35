/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rewrap: SIP messages, and WebSocket frames around them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/testing/rewrap.h"

#define VERSION "SIP/2.0"
#define LENGTH  "Content-Length"

int
rewrap_append(struct rewrap_buffer *buffer, const void *bytes, size_t n)
{
	if (buffer->room - buffer->n < n) {
		size_t room = (buffer->n + n) * 2;
		uint8_t *more = realloc(buffer->bytes, room);

		if (!more)
			return -ENOMEM;
		buffer->bytes = more;
		buffer->room = room;
	}
	if (n)
		memcpy(buffer->bytes + buffer->n, bytes, n);
	buffer->n += n;
	return 0;
}

/* ---- SIP ----------------------------------------------------------------- */

/* METHOD URI SIP/2.0, or SIP/2.0 CODE REASON (RFC 3261 section 7). */
bool
rewrap_is_sip(const uint8_t *payload, size_t n)
{
	static const char version[] = VERSION;
	const size_t bytes = sizeof(version) - 1;
	const uint8_t *end = memmem(payload, n, "\r\n", 2);
	size_t line = end ? (size_t)(end - payload) : 0;

	if (line <= bytes)
		return false;
	if (memcmp(payload, version, bytes) == 0)
		return payload[bytes] == ' ';
	return payload[0] >= 'A' && payload[0] <= 'Z' &&
	       payload[line - bytes - 1] == ' ' &&
	       memcmp(payload + line - bytes, version, bytes) == 0;
}

/* Also in its compact form. */
static bool
is_length(const uint8_t *line, size_t n)
{
	const uint8_t *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t)(colon - line) : 0;

	while (name > 0 && (line[name - 1] == ' ' || line[name - 1] == '\t'))
		name--;
	if (name == 1)
		return line[0] == 'l' || line[0] == 'L';
	return name == strlen(LENGTH) &&
	       strncasecmp((const char *)line, LENGTH, name) == 0;
}

size_t
rewrap_length_drop(uint8_t *message, size_t n)
{
	size_t at = 0;

	for (;;) {
		uint8_t *line = message + at;
		uint8_t *end = memmem(line, n - at, "\r\n", 2);
		size_t bytes = end ? (size_t)(end - line) + 2 : 0;

		if (bytes <= 2) /* the end of the header, or of all */
			return n;
		if (is_length(line, bytes)) {
			n -= bytes;
			memmove(line, line + bytes, n - at);
		} else {
			at += bytes;
		}
	}
}

/* ---- WebSocket ----------------------------------------------------------- */

const char rewrap_ws_request[] =
    "GET / HTTP/1.1\r\n"
    "Host: proxy.example.com\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Origin: http://www.example.com\r\n"
    "Sec-WebSocket-Protocol: sip\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n";

const char rewrap_ws_response[] =
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    "Sec-WebSocket-Protocol: sip\r\n\r\n";

int
rewrap_ws_append(struct rewrap_buffer *buffer, uint32_t first,
		 const uint8_t *mask, const uint8_t *payload, size_t n)
{
	/* A datagram is no longer than 65535 bytes: no length of 64 bits. */
	uint32_t masked = mask ? 0x80 : 0;
	uint8_t header[8], *p = header;
	uint8_t *at;

	*p++ = (uint8_t)first;
	*p++ = (uint8_t)(masked | (n < 126 ? n : 126));
	if (n >= 126)
		p = rewrap_put16(p, (uint32_t)n);
	if (mask) {
		memcpy(p, mask, 4);
		p += 4;
	}
	if (rewrap_append(buffer, header, (size_t)(p - header)) ||
	    rewrap_append(buffer, payload, n))
		return -ENOMEM;
	at = buffer->bytes + buffer->n - n;
	for (size_t i = 0; mask && i < n; i++)
		at[i] ^= mask[i % 4];
	return 0;
}
