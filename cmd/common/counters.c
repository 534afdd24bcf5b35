/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of counters and gauges, joined, and how people read bytes. */
#include "cmd/common/counters.h"

#include <stdio.h>

const struct counter_row counter_rows[COUNTER_ROWS_COUNT] = {
#define X(name, unit, text) { #name, unit, text },
	COUNTERS(X)
#undef X
#define X(name, unit, text)                                                    \
	{ "foreign_" #name, unit, text ": seen, cannot be recorded" },
	    CAPTURE_FOREIGN_KINDS(X)
#undef X
#define X(name, text) { "capture_" #name, "frames", text },
		CAPTURE_OUTCOMES(X)
#undef X
#define X(name, unit, text) { "capture_" #name, unit, text },
		    CAPTURE_DECODE_COUNTERS(X)
#undef X
#define X(name, unit, text) { "tcp_" #name, unit, text },
			CAPTURE_TCP_COUNTERS(X)
#undef X
#define X(name, unit, text) { "stream_" #name, unit, text },
			    SIP_STREAM_COUNTERS(X)
#undef X
#define X(name, unit, text) { "sip_" #name, unit, text },
				SIP_COUNTERS(X)
#undef X
};

const struct counter_row gauge_rows[GAUGE_COUNT] = {
#define X(name, unit, text) { #name, unit, text },
	GAUGES(X)
#undef X
};

void
counter_bytes_text(uint64_t bytes, char text[COUNTER_BYTES_TEXT_BYTES])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
					     "TiB",   "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1023.95) {
		value /= 1024;
		unit++;
	}
	snprintf(text, COUNTER_BYTES_TEXT_BYTES, "%.*f %s", unit ? 1 : 0, value,
		 units[unit]);
}
