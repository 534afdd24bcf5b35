/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Payload types that mean the same everywhere (RFC 3551 tables 4 and 5), for
 * streams whose SDP does not name them or was never seen; and the parameters of
 * those whose SDP does.
 */
#include "rtp/rtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Indexed by payload type; an empty encoding is unassigned or reserved. G722
 * has a clock of 8000 by an old mistake that is kept (section 4.5.2). */
static const struct {
	char encoding[8];
	uint32_t clock_hz;
	uint8_t channels;
} formats[] = {
	[0] = { "PCMU", 8000, 1 },   [3] = { "GSM", 8000, 1 },
	[4] = { "G723", 8000, 1 },   [5] = { "DVI4", 8000, 1 },
	[6] = { "DVI4", 16000, 1 },  [7] = { "LPC", 8000, 1 },
	[8] = { "PCMA", 8000, 1 },   [9] = { "G722", 8000, 1 },
	[10] = { "L16", 44100, 2 },  [11] = { "L16", 44100, 1 },
	[12] = { "QCELP", 8000, 1 }, [13] = { "CN", 8000, 1 },
	[14] = { "MPA", 90000, 1 },  [15] = { "G728", 8000, 1 },
	[16] = { "DVI4", 11025, 1 }, [17] = { "DVI4", 22050, 1 },
	[18] = { "G729", 8000, 1 },  [25] = { "CelB", 90000, 1 },
	[26] = { "JPEG", 90000, 1 }, [28] = { "nv", 90000, 1 },
	[31] = { "H261", 90000, 1 }, [32] = { "MPV", 90000, 1 },
	[33] = { "MP2T", 90000, 1 }, [34] = { "H263", 90000, 1 },
};

bool
rtp_format_static(uint8_t payload_type, struct rtp_format *format)
{
	if (payload_type >= sizeof(formats) / sizeof(formats[0]) ||
	    !formats[payload_type].encoding[0])
		return false;
	*format = (struct rtp_format){
		.clock_hz = formats[payload_type].clock_hz,
		.payload_type = payload_type,
		.channels = formats[payload_type].channels,
	};
	memcpy(format->encoding, formats[payload_type].encoding,
	       sizeof(formats[payload_type].encoding));
	return true;
}

bool
rtp_format_is(const struct rtp_format *format, const char *encoding)
{
	return strcasecmp(format->encoding, encoding) == 0;
}

bool
rtp_format_equal(const struct rtp_format *a, const struct rtp_format *b)
{
	return a->clock_hz == b->clock_hz && a->channels == b->channels &&
	       strcmp(a->parameters, b->parameters) == 0 &&
	       strcmp(a->encoding, b->encoding) == 0;
}

/* Digits only, at most `max`. @return behind them; NULL: there is no such
 * number
 */
static const char *
read_number(const char *text, uint32_t max, uint32_t *value)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || n > max)
		return NULL;
	*value = (uint32_t)n;
	return end;
}

/* Printable, no blanks. @return behind it; NULL: it is empty or does not fit */
static const char *
read_word(char *to, size_t bytes, const char *text, const char *until)
{
	size_t n = strcspn(text, until);

	if (n == 0 || n >= bytes)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return NULL;
	}
	memcpy(to, text, n);
	to[n] = '\0';
	return text + n;
}

int
rtp_format_read(struct rtp_format *format, const char *text)
{
	uint32_t type, channels = 1;

	*format = (struct rtp_format){ 0 };
	text = read_number(text, 127, &type);
	if (!text || *text != '=')
		return -EINVAL;
	text = read_word(format->encoding, sizeof(format->encoding), text + 1,
			 "/");
	if (!text || *text != '/')
		return -EINVAL;
	text = read_number(text + 1, 1000000, &format->clock_hz);
	if (!text || format->clock_hz == 0)
		return -EINVAL;
	if (*text == '/')
		text = read_number(text + 1, UINT8_MAX, &channels);
	if (!text || channels == 0)
		return -EINVAL;
	if (*text == ';')
		text = read_word(format->parameters, sizeof(format->parameters),
				 text + 1, "");
	if (!text || *text)
		return -EINVAL;
	format->payload_type = (uint8_t)type;
	format->channels = (uint8_t)channels;
	return 0;
}

const char *
rtp_format_parameter(const struct rtp_format *format, const char *name,
		     size_t *n)
{
	const size_t name_bytes = strlen(name);
	const char *p = format->parameters;

	while (*p) {
		size_t bytes = strcspn(p, ";");

		if (bytes >= name_bytes &&
		    strncasecmp(p, name, name_bytes) == 0 &&
		    (bytes == name_bytes || p[name_bytes] == '=')) {
			*n = bytes - name_bytes - (bytes > name_bytes);
			return p + bytes - *n;
		}
		p += bytes + (p[bytes] == ';');
	}
	return NULL;
}

bool
rtp_format_flag(const struct rtp_format *format, const char *name)
{
	size_t n;
	const char *value = rtp_format_parameter(format, name, &n);

	while (value && n && *value == '0') {
		value++;
		n--;
	}
	return value && n && *value >= '1' && *value <= '9';
}
