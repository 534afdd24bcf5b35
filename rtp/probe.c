/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See probe.h. */
#include "rtp/probe.h"

#include <stddef.h>

/* A packet may be so far ahead of the one before: a second of short packets is
 * missing; or so far behind: it is late. */
enum { AHEAD = 100, BEHIND = 16 };

/* RFC 3551 section 6. */
enum { SOUND_LAST = 23, DYNAMIC_FIRST = 96 };

bool
rtp_probe_type(uint8_t payload_type)
{
	return payload_type <= SOUND_LAST || payload_type >= DYNAMIC_FIRST;
}

/* Codecs whose packets are as long as their sound: bytes in so many ticks. */
static const struct {
	uint8_t payload_type, bytes, ticks;
} fixed[] = {
	{ 0, 1, 1 },    /* PCMU */
	{ 3, 33, 160 }, /* GSM */
	{ 8, 1, 1 },    /* PCMA */
	{ 9, 1, 1 },    /* G722, whose clock is 8000 Hz (RFC 3551 4.5.2) */
	{ 18, 10, 80 }, /* G729 */
};

/* Is a packet longer than the time to the next, by a tag of SRTP? */
static bool
is_longer(const struct rtp_hdr *hdr, uint32_t bytes, uint32_t ticks)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		uint64_t sound = (uint64_t)ticks * fixed[i].bytes;

		if (fixed[i].payload_type != hdr->payload_type)
			continue;
		if (sound == 0 || sound % fixed[i].ticks)
			return false;
		sound /= fixed[i].ticks;
		return bytes == sound + 4 || bytes == sound + 10 ||
		       bytes == sound + 16;
	}
	return false;
}

/* If it turns out to be a stream, what came of it just before is of it, too. */
static void
begin(struct rtp_probe *probe, const struct rtp_hdr *hdr, int64_t time_ns)
{
	bool before = probe->count && time_ns - probe->first_ns <= RTP_PROBE_NS;

	*probe =
	    (struct rtp_probe){ .first_ns = before ? probe->first_ns : time_ns,
				.timestamp = hdr->timestamp,
				.bytes = hdr->payload_bytes,
				.sequence = hdr->sequence,
				.count = 1 };
}

/* The next packet, or one of the next. */
static bool
follow(struct rtp_probe *probe, const struct rtp_hdr *hdr)
{
	uint16_t ahead = (uint16_t)(hdr->sequence - probe->sequence);
	uint32_t ticks = hdr->timestamp - probe->timestamp;

	if (ahead == 1 && is_longer(hdr, probe->bytes, ticks))
		probe->longer++;
	probe->sequence = hdr->sequence;
	probe->timestamp = hdr->timestamp;
	probe->bytes = hdr->payload_bytes;
	/* Of the same moment: sound goes on. */
	return ticks && ++probe->count == RTP_PROBE_PACKETS;
}

bool
rtp_probe_packet(struct rtp_probe *probe, const struct rtp_hdr *hdr,
		 int64_t time_ns)
{
	uint16_t ahead = (uint16_t)(hdr->sequence - probe->sequence);
	uint32_t ticks = hdr->timestamp - probe->timestamp;

	if (probe->count >= RTP_PROBE_PACKETS || hdr->payload_bytes == 0 ||
	    !rtp_probe_type(hdr->payload_type))
		return false;
	if (probe->count && time_ns - probe->first_ns <= RTP_PROBE_NS) {
		/* once more, or late */
		if ((uint16_t)-ahead <= BEHIND)
			return false;
		if (ahead <= AHEAD && ticks <= INT32_MAX)
			return follow(probe, hdr);
	}
	begin(probe, hdr, time_ns);
	return false;
}

bool
rtp_probe_encrypted(const struct rtp_probe *probe)
{
	return probe->count == RTP_PROBE_PACKETS &&
	       probe->longer == RTP_PROBE_PACKETS - 1;
}
