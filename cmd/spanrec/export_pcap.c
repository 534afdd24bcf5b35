/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies as packets: each RTP packet with its addresses, ports, SSRC, sequence
 * number, timestamp and capture time, for whoever has to look at a call in
 * Wireshark, or has a decoder that we have not. What was not stored is not in
 * it: other layers, header extensions and padding, and packets that were
 * dropped. What an archive stores as Opus is Opus here.
 *
 * File:   d4 c3 b2 a1 in nanoseconds | 2.4 | 0 | 0 | longest | raw IP (101)
 * Packet: seconds | nanoseconds | bytes | bytes | IP | UDP | RTP | payload
 */
#include "cmd/spanrec/audio_priv.h"
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "rtp/transcode.h"

#define PCAP_MAGIC_NS    0xa1b23c4dU
#define PCAP_LINK_RAW_IP 101
#define PCAP_LENGTH_MAX  65535

#define FILE_BYTES   24
#define RECORD_BYTES 16
#define IPV4_BYTES   20
#define IPV6_BYTES   40
#define UDP_BYTES    8
#define RTP_BYTES    12
#define IP_UDP       17
#define IP_HOPS      64
#define NS_PER_S     INT64_C(1000000000)

/** Of what the recorder made Opus, whatever it was: its type means something
 * else to whoever reads the file. */
#define OPUS_TYPE 127

struct pcap {
	const struct spanrec_audio *audio;
	FILE *to;
	spanrec_pcap_fn fn;
	void *ctx;
	int error; /**< of the file; 0: none */
};

/* ---- bytes ------------------------------------------------------------- */

static void
put_le16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, v & 0xFFFF);
	put_le16(p + 2, v >> 16);
}

static void
put_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v & 0xFFFF);
}

/* RFC 1071 */
static uint32_t
sum(uint32_t so_far, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		so_far += (uint32_t)p[i] << 8 | p[i + 1];
	if (n % 2)
		so_far += (uint32_t)p[n - 1] << 8;
	return so_far;
}

static unsigned
checksum(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xFFFF) + (total >> 16);
	return ~total & 0xFFFF;
}

/* ---- one packet -------------------------------------------------------- */

static bool
is_mapped(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = { [10] = 0xFF, [11] = 0xFF };

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

/* RFC 791. @return bytes */
static size_t
put_ipv4(uint8_t *p, const struct store_stream_info *info, size_t udp_bytes)
{
	memset(p, 0, IPV4_BYTES);
	p[0] = 0x45;
	put_be16(p + 2, (unsigned)(IPV4_BYTES + udp_bytes));
	p[6] = 0x40; /* not to be fragmented */
	p[8] = IP_HOPS;
	p[9] = IP_UDP;
	memcpy(p + 12, info->src_addr + 12, 4);
	memcpy(p + 16, info->dst_addr + 12, 4);
	put_be16(p + 10, checksum(sum(0, p, IPV4_BYTES)));
	return IPV4_BYTES;
}

/* RFC 8200. @return bytes */
static size_t
put_ipv6(uint8_t *p, const struct store_stream_info *info, size_t udp_bytes)
{
	memset(p, 0, IPV6_BYTES);
	p[0] = 0x60;
	put_be16(p + 4, (unsigned)udp_bytes);
	p[6] = IP_UDP;
	p[7] = IP_HOPS;
	memcpy(p + 8, info->src_addr, 16);
	memcpy(p + 24, info->dst_addr, 16);
	return IPV6_BYTES;
}

/* RFC 768; the addresses are summed with it, in either version of IP. */
static void
put_udp_checksum(uint8_t *udp, size_t n, const uint8_t *addresses,
		 size_t addresses_bytes)
{
	uint32_t total = sum(IP_UDP + (uint32_t)n, addresses, addresses_bytes);
	unsigned check = checksum(sum(total, udp, n));

	put_be16(udp + 6, check ? check : 0xFFFF);
}

/* RFC 3550 section 5.1 */
static void
put_rtp(uint8_t *p, const struct spanrec_ordered *ordered)
{
	const struct store_frame *frame = &ordered->frame;
	bool ours = rtp_transcode_behind_ns(&ordered->format) > 0;

	p[0] = 0x80;
	p[1] = (uint8_t)((frame->marker ? 0x80 : 0) |
			 (ours ? OPUS_TYPE : frame->payload_type & 0x7F));
	put_be16(p + 2, frame->sequence);
	put_be32(p + 4, frame->timestamp);
	put_be32(p + 8, ordered->info->ssrc);
	memcpy(p + RTP_BYTES, frame->payload, frame->payload_bytes);
}

/* @param packet [PCAP_LENGTH_MAX] @return bytes; 0: no packet is so long */
static size_t
put_packet(uint8_t *packet, const struct spanrec_ordered *ordered)
{
	const struct store_stream_info *info = ordered->info;
	size_t n = UDP_BYTES + RTP_BYTES + ordered->frame.payload_bytes, ip;
	uint8_t *udp;

	if (n > PCAP_LENGTH_MAX - IPV6_BYTES)
		return 0;
	if (is_mapped(info->src_addr) && is_mapped(info->dst_addr))
		ip = put_ipv4(packet, info, n);
	else
		ip = put_ipv6(packet, info, n);
	udp = packet + ip;
	put_be16(udp, info->src_port);
	put_be16(udp + 2, info->dst_port);
	put_be16(udp + 4, (unsigned)n);
	put_be16(udp + 6, 0);
	put_rtp(udp + UDP_BYTES, ordered);
	if (ip == IPV4_BYTES)
		put_udp_checksum(udp, n, packet + 12, 8);
	else
		put_udp_checksum(udp, n, packet + 8, 32);
	return ip + n;
}

/* ---- the file ---------------------------------------------------------- */

static int
write_bytes(struct pcap *pcap, const uint8_t *bytes, size_t n)
{
	errno = 0;
	if (fwrite(bytes, 1, n, pcap->to) == n)
		return 0;
	pcap->error = errno ? -errno : -EIO;
	return EXIT_FAILED;
}

static int
write_head(struct pcap *pcap)
{
	uint8_t head[FILE_BYTES] = { 0 };

	put_le32(head, PCAP_MAGIC_NS);
	put_le16(head + 4, 2);
	put_le16(head + 6, 4);
	put_le32(head + 16, PCAP_LENGTH_MAX);
	put_le32(head + 20, PCAP_LINK_RAW_IP);
	return write_bytes(pcap, head, sizeof(head));
}

static bool
is_wanted(const struct pcap *pcap, enum store_side side)
{
	switch (pcap->audio->channels) {
	case SPANREC_LEFT:
		return side == STORE_LEFT;
	case SPANREC_RIGHT:
		return side == STORE_RIGHT;
	default:
		return true;
	}
}

/* Must it stay untold, for what was left out of another stream? The same as
 * for what is heard. @return 1, 0, -ENOMEM */
static int
is_withheld(const struct pcap *pcap, const struct spanrec_ordered *ordered)
{
	const struct store_frame *frame = &ordered->frame;
	struct spanrec_withheld *withheld =
	    &pcap->audio->withheld[ordered->segment];
	int64_t earlier_ns = spanrec_earlier_ns(&ordered->format, frame);
	int rc = spanrec_withheld_ask(withheld, ordered->side, frame->stream,
				      frame->time_ns);

	/* What it brings along was there before. */
	if (rc == 0 && earlier_ns > 0 && frame->time_ns > earlier_ns)
		rc =
		    spanrec_withheld_ask(withheld, ordered->side, frame->stream,
					 frame->time_ns - earlier_ns);
	return rc;
}

static int
write_frame(void *ctx, const struct spanrec_ordered *ordered)
{
	uint8_t bytes[RECORD_BYTES + PCAP_LENGTH_MAX];
	int64_t time_ns = ordered->frame.time_ns;
	struct pcap *pcap = ctx;
	size_t n;
	int rc;

	if (!is_wanted(pcap, ordered->side))
		return 0;
	rc = is_withheld(pcap, ordered);
	if (rc) {
		if (rc < 0)
			pcap->error = rc;
		return rc < 0 ? EXIT_FAILED : 0;
	}
	rc = pcap->fn(pcap->ctx, time_ns);
	n = put_packet(bytes + RECORD_BYTES, ordered);
	if (rc || !n)
		return rc;
	put_le32(bytes, (uint32_t)(time_ns / NS_PER_S));
	put_le32(bytes + 4, (uint32_t)(time_ns % NS_PER_S));
	put_le32(bytes + 8, (uint32_t)n);
	put_le32(bytes + 12, (uint32_t)n);
	return write_bytes(pcap, bytes, RECORD_BYTES + n);
}

int
spanrec_pcap_write(struct spanrec *spanrec, const struct spanrec_audio *audio,
		   FILE *to, spanrec_pcap_fn fn, void *ctx, int *error)
{
	const struct spanrec_wanted wanted = { .as_received = true,
					       .seen = audio->seen };
	struct pcap pcap = { .audio = audio, .to = to, .fn = fn, .ctx = ctx };
	bool hidden;
	int rc = write_head(&pcap);

	if (!rc)
		rc = spanrec_order_run(spanrec, audio->selection, &wanted,
				       write_frame, &pcap, &hidden);
	if (!rc)
		rc = spanrec_audio_confirm(audio);
	*error = pcap.error;
	return rc;
}
