/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The body is lines of "Name: value"; many values are words "KEY=text":
 *
 *   VQSessionReport: CallTerm
 *   CallID: 6dg37f1890463
 *   LocalAddr: IP=192.0.2.1 PORT=5000 SSRC=0x1a2b3c4d
 *   RemoteAddr: IP=192.0.2.2 PORT=6000 SSRC=0x5e6f7a8b
 *   LocalMetrics:
 *   PacketLoss: NLR=5.0 JDR=2.0
 *   Delay: RTD=200
 *   QualityEst: MOSLQ=4.1 MOSCQ=4.0
 *   RemoteMetrics: ...
 */
#include "sip/report.h"

#include <string.h>

#include "sip/sip_priv.h"

/* How far it was read. */
struct reader {
	struct sip_report *report;
	bool local;  /* what follows is of what its sender has heard */
	bool listen; /* report->r is of listening alone */
};

/** The next word of a line; empty at its end. */
static struct sip_text
next_word(struct sip_text *line)
{
	*line = sip__text_trim(*line);
	return sip__text_cut(*line, ' ', line);
}

/* "4.1" as 410; more digits are cut. */
static uint32_t
hundredths(struct sip_text text)
{
	uint32_t whole, part = 0;
	size_t n = sip__text_number(text, &whole);

	if (n == 0 || whole > 1000000)
		return 0;
	text = sip__text_from(text, n);
	if (text.n > 1 && text.p[0] == '.') {
		text = sip__text_from(text, 1);
		text.n = text.n < 2 ? text.n : 2;
		n = sip__text_number(text, &part);
		if (n == 1)
			part *= 10;
	}
	return whole * 100 + part;
}

/* What cannot be is not said. */
static uint32_t
at_most(uint32_t value, uint32_t max)
{
	return value <= max ? value : 0;
}

static uint32_t
hexadecimal(struct sip_text text)
{
	uint32_t value = 0;
	size_t i;

	if (sip__text_begins(text, SIP_TEXT("0x")))
		text = sip__text_from(text, 2);
	for (i = 0; i < text.n && i < 8; i++) {
		char c = text.p[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return 0;
		value = value << 4 | (uint32_t)digit;
	}
	return value;
}

static void
read_address(struct capture_endpoint *endpoint, uint32_t *ssrc,
	     struct sip_text value)
{
	struct sip_text word, ip = { NULL, 0 }, text;
	uint32_t port = 0;

	for (word = next_word(&value); word.n; word = next_word(&value)) {
		struct sip_text name = sip__text_cut(word, '=', &text);

		if (sip__text_same(name, SIP_TEXT("IP")))
			ip = text;
		else if (sip__text_same(name, SIP_TEXT("PORT")))
			sip__text_number(text, &port);
		else if (sip__text_same(name, SIP_TEXT("SSRC")) && ssrc)
			*ssrc = hexadecimal(text);
	}
	/* IPv6 may stand in brackets. */
	if (ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']')
		ip = (struct sip_text){ ip.p + 1, ip.n - 2 };
	if (ip.n == 0 || port > 65535 ||
	    capture_endpoint_parse(endpoint, ip.p, ip.n, (uint16_t)port))
		endpoint->port = 0;
}

static void
read_figure(struct reader *r, struct sip_text name, struct sip_text text)
{
	struct sip_report *report = r->report;

	if (sip__text_same(name, SIP_TEXT("NLR")))
		report->loss = at_most(hundredths(text), 10000);
	else if (sip__text_same(name, SIP_TEXT("JDR")))
		report->discard = at_most(hundredths(text), 10000);
	else if (sip__text_same(name, SIP_TEXT("RTD")))
		report->round_trip_ms = at_most(hundredths(text) / 100, 65535);
	else if (sip__text_same(name, SIP_TEXT("MOSLQ")))
		report->mos_lq = at_most(hundredths(text), 500);
	else if (sip__text_same(name, SIP_TEXT("MOSCQ")))
		report->mos_cq = at_most(hundredths(text), 500);
	else if (sip__text_same(name, SIP_TEXT("RCQ"))) {
		report->r = at_most(hundredths(text) / 100, 120);
		r->listen = false;
	} else if (sip__text_same(name, SIP_TEXT("RLQ")) &&
		   (report->r == 0 || r->listen)) {
		report->r = at_most(hundredths(text) / 100, 120);
		r->listen = true;
	}
}

static void
read_line(struct reader *r, struct sip_text line)
{
	struct sip_report *report = r->report;
	struct sip_text value, word, text;
	struct sip_text name = sip__text_trim(sip__text_cut(line, ':', &value));

	value = sip__text_trim(value);
	if (sip__text_same(name, SIP_TEXT("CallID"))) {
		if (!sip__text_clean(report->call_id, sizeof(report->call_id),
				     value))
			report->call_id[0] = '\0';
	} else if (sip__text_same(name, SIP_TEXT("LocalAddr"))) {
		read_address(&report->local, NULL, value);
	} else if (sip__text_same(name, SIP_TEXT("RemoteAddr"))) {
		read_address(&report->remote, &report->remote_ssrc, value);
	} else if (sip__text_same(name, SIP_TEXT("LocalMetrics"))) {
		r->local = true;
	} else if (sip__text_same(name, SIP_TEXT("RemoteMetrics"))) {
		r->local = false;
	} else if (r->local) {
		for (word = next_word(&value); word.n;
		     word = next_word(&value)) {
			struct sip_text key = sip__text_cut(word, '=', &text);

			if (text.p)
				read_figure(r, key, text);
		}
	}
}

/* The head is stepped over but for what the body is. */
static bool
find_body(struct sip_text *message)
{
	struct sip_text line, value;
	bool found = false;

	while (sip__text_line(message, &line) && line.n) {
		struct sip_text name =
		    sip__text_trim(sip__text_cut(line, ':', &value));

		if (sip__text_same(name, SIP_TEXT("Content-Type")) ||
		    sip__text_same(name, SIP_TEXT("c")))
			found |=
			    sip__text_begins(sip__text_trim(value),
					     SIP_TEXT("application/vq-rtcpxr"));
	}
	return found;
}

bool
sip_report_read(struct sip_report *report, const uint8_t *message, size_t n)
{
	struct sip_text text = { (const char *)message, n }, line;
	struct reader r = { .report = report };

	if (!sip__text_begins(text, SIP_TEXT("PUBLISH ")) &&
	    !sip__text_begins(text, SIP_TEXT("NOTIFY ")))
		return false;
	memset(report, 0, sizeof(*report));
	if (!find_body(&text))
		return false;
	while (sip__text_line(&text, &line))
		read_line(&r, line);
	return report->call_id[0] && report->local.port && report->remote.port;
}
