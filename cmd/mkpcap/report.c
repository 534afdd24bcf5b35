/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP (RFC 3550 section 6): a sender report with one block, the name of who
 * sends it, and if wanted VoIP metrics (RFC 3611 section 4.7).
 */
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

#define CLOCK_HZ 8000
/** From 1900 to 1970. */
#define NTP_SECONDS 2208988800u

/* ---- rtcp CALL SIDE at TIME ... ------------------------------------------ */

static int
number(struct mkpcap_line *line, const char *what, uint64_t max, uint32_t *to)
{
	uint64_t value;
	int rc = mkpcap__number(line, what, max, &value);

	if (rc == 0)
		*to = (uint32_t)value;
	return rc;
}

static int
option_voip(struct mkpcap_line *line, struct mkpcap_report *report)
{
	uint32_t loss, discard, mos;
	int rc;

	if ((rc = number(line, "the loss of 256", 255, &loss)) ||
	    (rc = number(line, "what is discarded of 256", 255, &discard)) ||
	    (rc = number(line, "the MOS in tenths", 127, &mos)))
		return rc;
	report->voip = true;
	report->voip_loss = (uint8_t)loss;
	report->voip_discard = (uint8_t)discard;
	report->voip_mos = (uint8_t)mos;
	return 0;
}

static int
option(struct mkpcap_line *line, struct mkpcap_report *report)
{
	if (mkpcap__accept(line, "lost"))
		return number(line, "the count of lost packets", 0x7fffff,
			      &report->lost);
	if (mkpcap__accept(line, "highest"))
		return number(line, "the number of a packet", UINT32_MAX,
			      &report->highest);
	if (mkpcap__accept(line, "jitter"))
		return mkpcap__duration(line, "the jitter", &report->jitter_ns);
	if (mkpcap__accept(line, "round-trip"))
		return mkpcap__duration(line, "the round trip",
					&report->round_trip_ns);
	if (mkpcap__accept(line, "voip"))
		return option_voip(line, report);
	if (mkpcap__accept(line, "mux")) {
		report->mux = true;
		return 0;
	}
	line->next++;
	return mkpcap__fail(line, "there is no option \"%.*s\" here",
			    (int)line->words[line->next - 1].text.n,
			    line->words[line->next - 1].text.p);
}

int
mkpcap__report_options(struct mkpcap_line *line, struct mkpcap_report *report)
{
	int rc = mkpcap__expect(line, "at");

	if (rc == 0)
		rc = mkpcap__duration(line, "the time", &report->at_ns);
	while (rc == 0 && line->next < line->count)
		rc = option(line, report);
	return rc;
}

/* ---- bytes --------------------------------------------------------------- */

struct writer {
	uint8_t *bytes;
	uint32_t n;
};

static void
put(struct writer *w, uint32_t value, uint32_t bytes)
{
	while (bytes--)
		w->bytes[w->n++] = (uint8_t)(value >> 8 * bytes);
}

static void
put_head(struct writer *w, uint32_t first, uint32_t type, uint32_t words)
{
	put(w, first, 1);
	put(w, type, 1);
	put(w, words, 2);
}

/* Seconds and a fraction of 32 bits. */
static uint64_t
ntp(int64_t time_ns)
{
	uint64_t s = (uint64_t)(time_ns / SECOND_NS) + NTP_SECONDS;
	uint64_t ns = (uint64_t)(time_ns % SECOND_NS);

	return s << 32 | (ns << 32) / SECOND_NS;
}

/* How many packets of a stream have left by then, lost ones too. */
static uint32_t
sent_by(const struct mkpcap_stream *stream, int64_t at_ns)
{
	uint32_t slots = mkpcap__slots(stream->media), sent = 0;

	for (uint32_t i = 0; i < slots; i++)
		sent += mkpcap__slot_ns(stream->media, i) < at_ns &&
			mkpcap__slot_sent(stream->media, i);
	return sent;
}

static void
put_block(struct writer *w, const struct mkpcap_rtcp *rtcp)
{
	const struct mkpcap_report *report = rtcp->report;
	uint32_t highest = report->highest
			       ? report->highest
			       : sent_by(rtcp->about, report->at_ns);
	int64_t held_ns =
	    rtcp->time_ns - rtcp->heard_ns - report->round_trip_ns;
	bool answers = rtcp->heard_ns && report->round_trip_ns;

	put(w, rtcp->about->ssrc, 4);
	put(w, 0, 1);
	put(w, report->lost, 3);
	put(w, rtcp->about->seq + highest - 1, 4);
	put(w, (uint32_t)(report->jitter_ns * CLOCK_HZ / SECOND_NS), 4);
	put(w, answers ? (uint32_t)(ntp(rtcp->heard_ns) >> 16) : 0, 4);
	put(w, answers ? (uint32_t)((held_ns << 16) / SECOND_NS) : 0, 4);
}

static void
put_voip(struct writer *w, const struct mkpcap_rtcp *rtcp, uint32_t ssrc)
{
	const struct mkpcap_report *report = rtcp->report;

	put_head(w, 0x80, 207, 10);
	put(w, ssrc, 4);
	put_head(w, 7, 0, 8);
	put(w, rtcp->about->ssrc, 4);
	put(w, report->voip_loss, 1);
	put(w, report->voip_discard, 1);
	put(w, 0, 2); /* densities */
	put(w, 0, 4); /* durations */
	put(w, (uint32_t)(report->round_trip_ns / MS_NS), 2);
	put(w, 0, 2);
	put(w, 127u << 24 | 127u << 16 | 127u << 8 | 16, 4);
	put(w, 127u << 8 | 127, 2); /* R */
	put(w, report->voip_mos, 1);
	put(w, 127, 1);
	put(w, 0, 4); /* jitter buffer */
	put(w, 0, 4);
}

uint32_t
mkpcap__rtcp(const struct mkpcap_rtcp *rtcp, uint8_t *bytes)
{
	struct writer w = { .bytes = bytes };
	uint32_t ssrc = rtcp->own ? rtcp->own->ssrc : 1;
	uint64_t now = ntp(rtcp->time_ns);

	put_head(&w, 0x81, 200, 12);
	put(&w, ssrc, 4);
	put(&w, (uint32_t)(now >> 32), 4);
	put(&w, (uint32_t)now, 4);
	put(&w, 0, 4); /* its timestamp, packets, bytes */
	put(&w, 0, 4);
	put(&w, 0, 4);
	put_block(&w, rtcp);
	put_head(&w, 0x81, 202, 2);
	put(&w, ssrc, 4);
	put(&w, 1u << 24 | 1u << 16 | (uint32_t)'a' << 8, 4);
	if (rtcp->report->voip)
		put_voip(&w, rtcp, ssrc);
	return w.n;
}
