/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP in WebSocket (RFC 7118): each message of WebSocket is a SIP message, or
 * a keep-alive. A message may come in several frames, with frames of control
 * between them; all stay in the stream until the last is there.
 *
 * RFC 6455 section 5.2:
 *
 * | FIN, RSV 3 bits, opcode 4 | MASK, length 7 | length, 16 or 64 bits, if
 * the 7 are 126 or 127 | key, 32 bits, if MASK | payload
 */
#include <errno.h>
#include <string.h>

#include "capture/rd.h"
#include "sip/sip_priv.h"

enum {
	OPCODE_CONTINUATION = 0,
	OPCODE_TEXT = 1,
	OPCODE_BINARY = 2,
	OPCODE_CONTROL = 8, /* and above */
	CONTROL_BYTES_MAX = 125,
	/* Nobody sends as much at once: these are no frames. */
	PAYLOAD_MAX = 1 << 20,
	/* So many messages in a row that are no SIP are something else. */
	ODD_MAX = 32,
	/* Enough to see how a message begins. */
	GLANCE_BYTES = 128
};

struct frame {
	bool fin;
	bool compressed;
	uint8_t opcode;
	uint8_t key[4];
	uint32_t header_bytes;
	uint64_t payload_bytes;
};

/* @return 0, -EAGAIN: more is needed, -EBADMSG: this is no frame */
static int
frame_read(struct frame *f, const uint8_t *bytes, uint32_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	uint32_t first = capture_rd_u8(&rd);
	uint32_t second = capture_rd_u8(&rd);
	const uint8_t *key;

	*f = (struct frame){
		.fin = first & 0x80,
		.compressed = first & 0x70,
		.opcode = first & 0x0f,
		.payload_bytes = second & 0x7f,
	};
	if (f->payload_bytes == 126) {
		f->payload_bytes = capture_rd_u16(&rd);
	} else if (f->payload_bytes == 127) {
		f->payload_bytes = (uint64_t)capture_rd_u32(&rd) << 32;
		f->payload_bytes |= capture_rd_u32(&rd);
	}
	if (second & 0x80) {
		key = capture_rd_take(&rd, 4);
		if (key)
			memcpy(f->key, key, 4);
	}
	if (rd.failed)
		return -EAGAIN;
	f->header_bytes = (uint32_t)(rd.p - bytes);
	if (f->opcode >= OPCODE_CONTROL
		? !f->fin || f->payload_bytes > CONTROL_BYTES_MAX
		: f->opcode > OPCODE_BINARY)
		return -EBADMSG;
	return f->payload_bytes > PAYLOAD_MAX ? -EBADMSG : 0;
}

/* @param out [n] */
static void
unmask(uint8_t *out, const struct frame *f, const uint8_t *payload, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = payload[i] ^ f->key[i % 4];
}

bool
sip__websocket_begins(const uint8_t *bytes, uint32_t n)
{
	uint8_t glance[GLANCE_BYTES];
	struct sip_text text, line;
	struct frame f;
	bool response;
	uint32_t have;

	if (frame_read(&f, bytes, n) < 0 || f.compressed ||
	    (f.opcode != OPCODE_TEXT && f.opcode != OPCODE_BINARY))
		return false;
	have = n - f.header_bytes;
	if (have > f.payload_bytes)
		have = (uint32_t)f.payload_bytes;
	if (have > sizeof(glance))
		have = sizeof(glance);
	unmask(glance, &f, bytes + f.header_bytes, have);
	text = (struct sip_text){ (const char *)glance, have };
	/* Of a first line that is longer, the beginning of a response is
	 * enough, and of a request a URI. */
	return sip__text_line(&text, &line) &&
	       (sip__is_start_line(line, &response) ||
		(have == sizeof(glance) && !text.p &&
		 sip__text_has(line, SIP_TEXT(" sip:"))));
}

/* ---- one message --------------------------------------------------------- */

/* Put the payloads of its frames together; of the last not all may be there.
 * @return bytes; 0: too long */
static uint32_t
join(struct sip__input *in, uint32_t end)
{
	uint8_t *out = in->reader->scratch;
	uint32_t at = 0, n = 0, bytes;
	struct frame f;

	while (at < end) {
		if (frame_read(&f, in->bytes + at, end - at) < 0)
			return 0;
		at += f.header_bytes;
		bytes = (uint32_t)f.payload_bytes;
		if (bytes > end - at)
			bytes = end - at;
		if (f.opcode < OPCODE_CONTROL) {
			if (bytes > SIP_STREAM_MESSAGE_MAX - n)
				return 0;
			unmask(out + n, &f, in->bytes + at, bytes);
			n += bytes;
		}
		at += bytes;
	}
	return n;
}

/* All frames of a message are there, up to `end`. */
static enum sip__step
take_message(struct sip__input *in, uint32_t end)
{
	struct sip__stream *s = in->s;
	uint32_t odd = s->odd + 1;
	uint32_t n = join(in, end);
	struct sip_glance glance;

	if (n == 0 && end > SIP_STREAM_MESSAGE_MAX) {
		in->reader->counters->over_limit++;
	} else {
		int r = sip_prefilter(in->reader->scratch, n, &glance);

		if (r == 1) {
			in->reader->counters->websocket++;
			sip__deliver(in, in->reader->scratch, n, 0);
		} else if (r == -EAGAIN) {
			in->reader->counters->keepalives++;
		}
		if (r != 0)
			odd = 0;
	}
	sip__consume(in, end);
	sip__stream_mode(s, SIP_MODE_WEBSOCKET);
	s->odd = odd;
	return odd > ODD_MAX ? SIP_STEP_NOT_SIP : SIP_STEP_ON;
}

/* A frame that is no part of a message that can be read, from `line` on, and
 * what there is of that message. */
static enum sip__step
step_over(struct sip__input *in, const struct frame *f)
{
	struct sip__stream *s = in->s;
	uint32_t odd = s->known ? s->odd : s->odd + 1;
	uint64_t bytes = s->line + f->header_bytes + f->payload_bytes;

	sip__stream_mode(s, SIP_MODE_WEBSOCKET);
	s->odd = odd;
	s->skip = bytes;
	return odd > ODD_MAX ? SIP_STEP_NOT_SIP : SIP_STEP_ON;
}

static bool
has_whole_head(const uint8_t *bytes, uint32_t n)
{
	struct sip_text text = { (const char *)bytes, n }, line;
	bool begun = false;

	while (sip__text_line(&text, &line)) {
		if (begun && line.n == 0 && text.p)
			return true;
		begun |= line.n > 0;
	}
	return false;
}

/*
 * Nothing more comes of what has begun. As of a body in a stream without
 * frames, what is there of it is enough.
 *
 * @param f whose payload is not all there; NULL: nor is its header
 */
static enum sip__step
take_rest(struct sip__input *in, const struct frame *f)
{
	uint32_t n, end = in->s->line, missing = 1; /* ... at least */
	struct sip_glance glance;

	if (f && f->opcode < OPCODE_CONTROL) {
		end = in->count;
		missing = (uint32_t)(in->s->line + f->header_bytes +
				     f->payload_bytes - end);
	}
	n = join(in, end);
	if (sip_prefilter(in->reader->scratch, n, &glance) == 1 &&
	    has_whole_head(in->reader->scratch, n)) {
		in->reader->counters->websocket++;
		sip__deliver(in, in->reader->scratch, n, missing);
	} else {
		in->reader->counters->holes++;
	}
	sip__consume(in, in->count);
	sip__stream_mode(in->s, SIP_MODE_WEBSOCKET);
	return SIP_STEP_WAIT;
}

/* There is no place for more of the message. The next frame is found. */
static enum sip__step
make_room(struct sip__input *in, const struct frame *f)
{
	in->reader->counters->over_limit++;
	if (f)
		return step_over(in, f);
	sip__consume(in, in->s->line);
	in->s->line = in->s->has = 0;
	return SIP_STEP_WAIT;
}

enum sip__step
sip__websocket_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	struct frame f;
	int r;

	for (;;) {
		r = frame_read(&f, in->bytes + s->line, in->count - s->line);
		if (r == -EBADMSG) {
			/* With what there was of a message before it: else that
			 * would be found, and come to this, for ever. */
			in->reader->counters->junk += s->line;
			sip__consume(in, s->line);
			sip__stream_mode(s, SIP_MODE_WEBSOCKET_SEARCH);
			return SIP_STEP_ON;
		}
		if (r == 0 && f.compressed) {
			in->reader->counters->compressed++;
			return step_over(in, &f);
		}
		/* The rest of what was stepped over. */
		if (r == 0 && f.opcode == OPCODE_CONTINUATION && !s->has)
			return step_over(in, &f);
		if (r == 0 && f.opcode != OPCODE_CONTINUATION &&
		    f.opcode < OPCODE_CONTROL && s->has) {
			/* Of the message before it the end is missing. */
			in->reader->counters->holes++;
			sip__consume(in, s->line);
			s->line = s->has = 0;
			return SIP_STEP_ON;
		}
		if (r == 0 && s->line + f.header_bytes + f.payload_bytes >
				  2 * SIP_STREAM_MESSAGE_MAX) {
			in->reader->counters->over_limit++;
			return step_over(in, &f);
		}
		if (r == -EAGAIN ||
		    in->count - s->line - f.header_bytes < f.payload_bytes)
			break;
		s->line += f.header_bytes + (uint32_t)f.payload_bytes;
		if (f.opcode >= OPCODE_CONTROL) {
			if (s->has) /* in the middle of a message */
				continue;
			sip__consume(in, s->line);
			s->line = 0;
			return SIP_STEP_ON;
		}
		if (f.fin)
			return take_message(in, s->line);
		s->has = 1;
	}
	if (in->piece->last)
		return take_rest(in, r == 0 ? &f : NULL);
	if (in->piece->full)
		return make_room(in, r == 0 ? &f : NULL);
	return SIP_STEP_WAIT;
}

/* Are these whole frames, and nothing but pings and keep-alives? */
static bool
is_idle(const uint8_t *bytes, uint32_t n)
{
	struct frame f;
	uint32_t at = 0;

	while (at < n) {
		if (frame_read(&f, bytes + at, n - at) < 0 || f.compressed)
			return false;
		at += f.header_bytes;
		if (f.payload_bytes > n - at || f.opcode < OPCODE_CONTROL)
			return false;
		at += (uint32_t)f.payload_bytes;
	}
	return n > 0;
}

/* A frame begins where a segment does, nearly always. */
enum sip__step
sip__websocket_search(struct sip__input *in)
{
	if (sip__websocket_begins(in->bytes, in->count) ||
	    is_idle(in->bytes, in->count)) {
		sip__stream_mode(in->s, SIP_MODE_WEBSOCKET);
		return SIP_STEP_ON;
	}
	return sip__count_junk(in, in->count) ? SIP_STEP_WAIT
					      : SIP_STEP_NOT_SIP;
}
