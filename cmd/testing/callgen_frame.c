/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What callgen sends: who its calls are, frames, sound, SIP messages.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/testing/callgen.h"
#include "rtp/g711.h"
#include "rtp/rtp.h"

#define PATIENCE 50     /* times a batch tries again before it gives up */
#define PAUSE_NS 100000 /* between two tries */

#define SIP_PORT     5060
#define EXTENSIONS   400000
#define CALLER_FIRST 200000
#define CALLEE_FIRST 600000

#define ETHERNET_BYTES 14
#define IP_BYTES       20
#define UDP_BYTES      8
#define RTP_BYTES      12
#define SIP_AT         (ETHERNET_BYTES + IP_BYTES + UDP_BYTES)
#define SOUND_BYTES    160

#define TONE_FIRST 300 /* Hz */
#define TONE_STEP  10
#define PEAK       8000

/* ---- tones --------------------------------------------------------------- */

/* The code whose value comes nearest. */
static uint8_t
nearest(const int16_t *values, double sample)
{
	unsigned best = 0;

	for (unsigned i = 1; i < 256; i++)
		if (fabs(values[i] - sample) < fabs(values[best] - sample))
			best = i;
	return (uint8_t)best;
}

void
callgen_tones_make(struct callgen *generator, enum callgen_law law)
{
	const int16_t *values = rtp_g711_values(law == PCMA ? "PCMA" : "PCMU");
	uint8_t wave[CALLGEN_TONE_BYTES];

	for (unsigned i = 0; i < CALLGEN_TONE_BYTES; i++)
		wave[i] = nearest(
		    values, PEAK * sin(2 * M_PI * i / CALLGEN_TONE_BYTES));
	/* wave is 10 Hz; every other tone is one of its multiples. */
	for (unsigned tone = 0; tone < 2 * CALLGEN_TONES; tone++)
		for (unsigned i = 0; i < CALLGEN_TONE_BYTES; i++)
			generator->tones[law][tone][i] =
			    wave[i * (tone + TONE_FIRST / TONE_STEP) %
				 CALLGEN_TONE_BYTES];
}

/* Its place in the table. 37 and 53 have no factor in common with 150: calls
 * one after the other sound quite different. */
static unsigned
tone_of(uint32_t number, enum callgen_side_name side)
{
	uint64_t n = number;
	uint64_t tone = side == CALLER ? n * 37 : n * 53 + n / CALLGEN_TONES;

	return (unsigned)(tone % CALLGEN_TONES) +
	       (side == CALLER ? 0 : CALLGEN_TONES);
}

unsigned
callgen_tone_hz(uint32_t number, enum callgen_side_name side)
{
	return TONE_FIRST + TONE_STEP * tone_of(number, side);
}

/* ---- who a call is ------------------------------------------------------- */

/* splitmix64 of the seed, the call and the side. */
uint64_t
callgen_random(const struct callgen *generator, uint32_t number,
	       enum callgen_side_name side)
{
	uint64_t z =
	    generator->options.seed +
	    (number * UINT64_C(2) + side + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint32_t
address_of(const struct callgen_record *record, enum callgen_side_name side)
{
	uint32_t network = side == CALLER ? 0x0a010000 : 0x0a020000;

	return network + (record->slot / 250 << 8) + 1 + record->slot % 250;
}

const char *
callgen_address(const struct callgen_record *record,
		enum callgen_side_name side, char text[16])
{
	struct in_addr address = { htonl(address_of(record, side)) };

	inet_ntop(AF_INET, &address, text, 16);
	return text;
}

uint16_t
callgen_port(const struct callgen *generator,
	     const struct callgen_record *record)
{
	return (uint16_t)(generator->options.port + record->generation %
							CALLGEN_PORTS *
							CALLGEN_PORT_STEP);
}

uint32_t
callgen_extension(const struct callgen_record *record,
		  enum callgen_side_name side)
{
	return record->number % EXTENSIONS +
	       (side == CALLER ? CALLER_FIRST : CALLEE_FIRST);
}

enum callgen_law
callgen_law(const struct callgen_record *record)
{
	return record->number % 2 ? PCMA : PCMU;
}

void
callgen_call_id(const struct callgen *generator,
		const struct callgen_record *record, char text[64])
{
	char address[16];

	snprintf(text, 64, "%" PRIx64 "-%u@%s", generator->options.seed,
		 record->number, callgen_address(record, CALLER, address));
}

/* ---- frames -------------------------------------------------------------- */

static uint8_t *
put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t value)
{
	return put16(put16(p, value >> 16), value);
}

/* A locally administered address with the IP one in it. */
static uint8_t *
put_mac(uint8_t *p, uint32_t address)
{
	return put32(put16(p, 0x0200), address);
}

static void
put_checksum(uint8_t *ip, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum);
}

/* Ethernet, IP and UDP from one side to the other; IP ID 0. The checksum of
 * UDP is 0: none. @return the sum over the IP header */
static uint32_t
put_headers(uint8_t *frame, const struct callgen_record *record,
	    enum callgen_side_name side, uint16_t port, size_t payload_bytes)
{
	uint32_t from = address_of(record, side);
	uint32_t to = address_of(record, !side);
	uint8_t *p = put_mac(put_mac(frame, to), from);
	uint8_t *ip = put16(p, 0x0800);
	uint32_t sum = 0;

	p = put16(ip, 0x45b8); /* version, length; expedited forwarding */
	p = put16(p, (uint32_t)(IP_BYTES + UDP_BYTES + payload_bytes));
	p = put32(p, 0x00004000); /* ID; do not fragment */
	p = put32(p, 0x40110000); /* time to live, UDP, checksum */
	p = put32(put32(p, from), to);
	for (unsigned i = 0; i < IP_BYTES; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	put_checksum(ip, sum);
	p = put16(put16(p, port), port);
	put32(p, (uint32_t)(UDP_BYTES + payload_bytes) << 16);
	return sum;
}

/* ---- sending ------------------------------------------------------------- */

int
callgen_batch_open(struct callgen_batch *batch, const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	int on = 1, bytes = 8 << 20;

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (address.sll_ifindex == 0)
		return -errno;
	/* Protocol 0: it sends, and is given nothing. */
	batch->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (batch->fd < 0)
		return -errno;
	if (bind(batch->fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(batch->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on,
		       sizeof(on)))
		return -errno;
	(void)setsockopt(batch->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
			 sizeof(bytes));
	for (unsigned i = 0; i < CALLGEN_BATCH; i++) {
		batch->pieces[i].iov_base = batch->frames[i];
		batch->messages[i].msg_hdr.msg_iov = &batch->pieces[i];
		batch->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

static void
batch_sent(struct callgen_batch *batch, unsigned first, unsigned n)
{
	batch->totals->packets += n;
	for (unsigned i = first; i < first + n; i++) {
		if (!batch->owners[i])
			continue;
		batch->owners[i]->packets++;
		batch->totals->rtp++;
	}
}

/* Is it worth while to try again? */
static bool
transient(int error)
{
	return error == ENOBUFS || error == EAGAIN || error == EINTR;
}

/* A frame that does not go out in spite of all patience is left out, as on a
 * cable that was pulled: telephones do not wait either. */
int
callgen_batch_flush(struct callgen_batch *batch)
{
	const struct timespec pause = { 0, PAUSE_NS };
	unsigned done = 0, tries = 0;

	while (done < batch->count) {
		int n = sendmmsg(batch->fd, batch->messages + done,
				 batch->count - done, 0);

		if (n > 0) {
			batch_sent(batch, done, (unsigned)n);
			done += (unsigned)n;
			continue;
		}
		if (!transient(errno) && errno != ENETDOWN)
			return -errno;
		batch->totals->errors++;
		if (errno != ENETDOWN && tries++ < PATIENCE) {
			nanosleep(&pause, NULL);
			continue;
		}
		batch->totals->unsent++;
		done++;
	}
	batch->count = 0;
	return 0;
}

/* Room for one more frame; NULL: cannot send. */
static uint8_t *
batch_frame(struct callgen_batch *batch, struct callgen_side *owner,
	    size_t bytes)
{
	if (batch->count == CALLGEN_BATCH && callgen_batch_flush(batch))
		return NULL;
	batch->owners[batch->count] = owner;
	batch->pieces[batch->count].iov_len = bytes;
	return batch->frames[batch->count++];
}

int
callgen_send_sound(struct callgen *generator, struct callgen_side *side)
{
	uint8_t *frame = batch_frame(&generator->batch, side,
				     CALLGEN_SOUND_AT + SOUND_BYTES);
	uint8_t *rtp;

	if (!frame)
		return -errno;
	memcpy(frame, side->header, CALLGEN_SOUND_AT);
	memcpy(frame + CALLGEN_SOUND_AT, side->tone + side->tone_at,
	       SOUND_BYTES);
	put16(frame + ETHERNET_BYTES + 4, ++side->ip_id);
	put_checksum(frame + ETHERNET_BYTES, side->ip_sum + side->ip_id);
	rtp = frame + SIP_AT;
	if (side->turns++ == 0)
		rtp[1] |= 0x80; /* marker */
	put32(put16(rtp + 2, side->sequence++), side->timestamp);
	side->timestamp += SOUND_BYTES;
	side->tone_at =
	    (uint16_t)((side->tone_at + SOUND_BYTES) % CALLGEN_TONE_BYTES);
	return 0;
}

/* ---- signalling ---------------------------------------------------------- */

/* What the messages of a call differ in. */
struct callgen_message {
	const char *response; /* NULL: a request */
	const char *method;
	unsigned cseq;
	enum callgen_side_name from; /* who sends it */
	bool tagged;                 /* To has a tag */
	bool sdp;
};

const struct callgen_message callgen_invite = { NULL,   "INVITE", 1,
						CALLER, false,    true };
const struct callgen_message callgen_trying = { "100 Trying", "INVITE", 1,
						CALLEE,       false,    false };
const struct callgen_message callgen_ringing = {
	"180 Ringing", "INVITE", 1, CALLEE, true, false
};
const struct callgen_message callgen_answer = { "200 OK", "INVITE", 1,
						CALLEE,   true,     true };
const struct callgen_message callgen_ack = {
	NULL, "ACK", 1, CALLER, true, false
};
const struct callgen_message callgen_bye = {
	NULL, "BYE", 2, CALLER, true, false
};
const struct callgen_message callgen_gone = { "200 OK", "BYE", 2,
					      CALLEE,   true,  false };

struct text {
	char *at;
	size_t used, size;
};

static void __attribute__((format(printf, 2, 3)))
say(struct text *text, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text->at + text->used, text->size - text->used, format,
		      list);
	va_end(list);
	if (n < 0 || (size_t)n >= text->size - text->used)
		abort(); /* all that is said fits into a frame */
	text->used += (size_t)n;
}

static void
say_sdp(struct text *text, const struct callgen *generator,
	const struct callgen_record *record, enum callgen_side_name side)
{
	char address[16];
	bool alaw = callgen_law(record) == PCMA;

	callgen_address(record, side, address);
	say(text,
	    "v=0\r\no=- %u 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
	    "m=audio %u RTP/AVP %u\r\na=rtpmap:%u PCM%c/8000\r\na=ptime:20\r\n",
	    record->number, address, address, callgen_port(generator, record),
	    alaw ? 8u : 0u, alaw ? 8u : 0u, alaw ? 'A' : 'U');
}

static void
say_message(struct text *text, const struct callgen *generator,
	    const struct callgen_record *record,
	    const struct callgen_message *message)
{
	uint32_t from = callgen_extension(record, CALLER);
	uint32_t to = callgen_extension(record, CALLEE);
	char caller[16], callee[16], id[64], body[512];
	struct text sdp = { body, 0, sizeof(body) };

	callgen_address(record, CALLER, caller);
	callgen_address(record, CALLEE, callee);
	callgen_call_id(generator, record, id);
	if (message->sdp)
		say_sdp(&sdp, generator, record, message->from);
	if (message->response)
		say(text, "SIP/2.0 %s\r\n", message->response);
	else
		say(text, "%s sip:%u@%s SIP/2.0\r\n", message->method, to,
		    callee);
	say(text, "Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK%u%s\r\n", caller,
	    SIP_PORT, record->number, message->method);
	if (!message->response)
		say(text, "Max-Forwards: 70\r\n");
	say(text, "From: <sip:%u@%s>;tag=a%u\r\nTo: <sip:%u@%s>", from, caller,
	    record->number, to, callee);
	if (message->tagged)
		say(text, ";tag=b%u", record->number);
	say(text, "\r\nCall-ID: %s\r\nCSeq: %u %s\r\n", id, message->cseq,
	    message->method);
	if (message->sdp)
		say(text,
		    "Contact: <sip:%u@%s:%d>\r\n"
		    "Content-Type: application/sdp\r\n",
		    message->from == CALLER ? from : to,
		    message->from == CALLER ? caller : callee, SIP_PORT);
	say(text, "Content-Length: %zu\r\n\r\n%.*s", sdp.used, (int)sdp.used,
	    body);
}

int
callgen_send_message(struct callgen *generator, const struct callgen_call *call,
		     const struct callgen_message *message)
{
	uint8_t *frame = batch_frame(&generator->batch, NULL, 0);
	struct text text = { (char *)frame + SIP_AT, 0,
			     CALLGEN_FRAME_BYTES - SIP_AT };

	if (!frame)
		return -errno;
	say_message(&text, generator, &call->record, message);
	put_headers(frame, &call->record, message->from, SIP_PORT, text.used);
	generator->batch.pieces[generator->batch.count - 1].iov_len =
	    SIP_AT + text.used;
	return 0;
}
void
callgen_side_init(struct callgen *generator, struct callgen_call *call,
		  enum callgen_side_name name)
{
	const struct callgen_record *record = &call->record;
	uint64_t random = callgen_random(generator, record->number, name);
	enum callgen_law law = callgen_law(record);
	struct callgen_side *side = &call->sides[name];
	uint8_t *rtp = side->header + SIP_AT;

	memset(side, 0, sizeof(*side));
	side->ip_sum = put_headers(side->header, record, name,
				   callgen_port(generator, record),
				   RTP_BYTES + SOUND_BYTES);
	rtp[0] = 0x80; /* version 2 */
	rtp[1] = law == PCMA ? 8 : 0;
	put32(rtp + 8, (uint32_t)random);
	side->sequence = (uint16_t)(random >> 32);
	side->timestamp = (uint32_t)(random >> 24);
	side->tone = generator->tones[law][tone_of(record->number, name)];
}
