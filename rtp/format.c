/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Payload types that mean the same everywhere (RFC 3551 tables 4 and 5), for
 * streams whose SDP does not name them or was never seen; and the parameters of
 * those whose SDP does.
 */
#include "rtp/rtp.h"

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
