/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See decrypt.h. */
#include "rtp/decrypt.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "capture/secret.h"

/* So many in a row are refused before all rollovers are tried again: a single
 * bad packet is no reason, and a key that changes begins at a rollover that is
 * near. */
enum { REFUSED_BEFORE_SEARCH = 4 };

/* Of what goes on being refused the first are tried with all keys, each of
 * them, for a new key is told just before it is used; then one of so many. */
enum { REFUSED_AT_FIRST = 64, REFUSED_EVERY = 16 };

/* Whoever makes up an SSRC for each packet, or for a few, may not spend what a
 * stream needs that comes at the same time. What is left for: */
enum {
	SEQUENCE = 4, /* packets of a stream in sequence */
	LEFT_FOR_SEQUENCE = RTP_DECRYPT_TRIES / 4,
	LEFT_FOR_FIRST = RTP_DECRYPT_TRIES / 2 /* of its packets */
};

/* So much may be missing in a sequence. */
enum { MISSING_MAX = 16 };

struct rtp_decrypt {
	uint32_t ssrc;
	struct rtp_srtp *session; /* NULL: no key has proved anything yet */
	uint64_t id;              /* of its key */
	bool unproved;
	bool proved;
	uint32_t refused;              /* in a row, since the keys are these */
	uint32_t run;                  /* in sequence, so far */
	struct rtp_decrypt_budget own; /* once it was proved */
	uint64_t generation;           /* of the keys that were tried last */
	/* the frame of before */
	bool kept;
	enum rtp_decrypt_answer answer;
	uint32_t sequence;
	int64_t time_ns;
	struct rtp_hdr hdr; /* in the packet */
	size_t n;
	alignas(8) uint8_t packet[RTP_FIXED_BYTES + RTP_JITTER_PAYLOAD_MAX];
};

int
rtp_decrypt_new(struct rtp_decrypt **stream, uint32_t ssrc)
{
	*stream = capture_secret_new(sizeof(**stream));
	if (!*stream)
		return -ENOMEM;
	(*stream)->ssrc = ssrc;
	return 0;
}

void
rtp_decrypt_free(struct rtp_decrypt **stream)
{
	if (!*stream)
		return;
	rtp_srtp_free(&(*stream)->session);
	capture_secret_free(*stream, sizeof(**stream));
	*stream = NULL;
}

static void
put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

/* As it came, for the tag is of all of it. What a try has made of it before
 * may be anything. */
static void
make_packet(struct rtp_decrypt *d, const struct rtp_frame *frame)
{
	uint8_t *p = d->packet;

	p[0] = 0x80 | frame->flags;
	p[1] = (uint8_t)(frame->marker << 7 | frame->payload_type);
	p[2] = (uint8_t)(frame->sequence >> 8);
	p[3] = (uint8_t)frame->sequence;
	put32(p + 4, frame->timestamp);
	put32(p + 8, d->ssrc);
	if (frame->body_bytes)
		memcpy(p + RTP_FIXED_BYTES, frame->body, frame->body_bytes);
	d->n = RTP_FIXED_BYTES + (size_t)frame->body_bytes;
}

static bool
proves(struct rtp_decrypt *d, struct rtp_srtp *session,
       const struct rtp_frame *frame)
{
	make_packet(d, frame);
	return rtp_srtp_unprotect(session, d->packet, &d->n) == 0;
}

/* ---- looking for the key ------------------------------------------------- */

/* Which rollovers to try, in this order. */
struct rollovers {
	uint32_t count;
	uint32_t roc[RTP_DECRYPT_ROLLOVERS + 3];
};

/* What is likely: a new key may begin at 0 (RFC 4568 section 6.4) or go on,
 * and the number may just have gone round. */
static void
list_rollovers(const struct rtp_decrypt *d, bool search, struct rollovers *list)
{
	uint32_t now = d->session ? rtp_srtp_roc(d->session) : 0;
	uint32_t half = RTP_DECRYPT_ROLLOVERS / 2;
	uint32_t first = now > half ? now - half : 0;

	list->count = 0;
	list->roc[list->count++] = 0;
	list->roc[list->count++] = now;
	list->roc[list->count++] = now + 1;
	for (uint32_t i = 0; search && i < RTP_DECRYPT_ROLLOVERS; i++)
		list->roc[list->count++] = first + i;
}

static bool
try_key(struct rtp_decrypt *d, const struct rtp_decrypt_key *key,
	const struct rollovers *list, const struct rtp_frame *frame)
{
	struct rtp_srtp *session;

	/* That it is there, and how it is, does not say that it is right: the
	 * others may be. */
	if (key->key->unauthenticated ||
	    rtp_srtp_new(&session, key->key, d->ssrc, false) < 0)
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->roc[i])
			rtp_srtp_set_roc(session, list->roc[i]);
		else if (i > 0)
			continue; /* it was the first */
		if (!proves(d, session, frame))
			continue;
		rtp_srtp_free(&d->session);
		d->session = session;
		d->id = key->id;
		d->unproved = false;
		d->proved = true;
		return true;
	}
	rtp_srtp_free(&session);
	return false;
}

/* Nothing can be proved, and both ends want it so. */
static bool
begin_unproved(struct rtp_decrypt *d, const struct rtp_decrypt_keys *keys,
	       const struct rtp_frame *frame)
{
	if (!keys->unproved || d->session ||
	    rtp_srtp_new(&d->session, keys->unproved->key, d->ssrc, false) < 0)
		return false;
	d->id = keys->unproved->id;
	d->unproved = true;
	return proves(d, d->session, frame);
}

/* ---- what it may cost ---------------------------------------------------- */

static void
refill(struct rtp_decrypt_budget *budget, uint64_t generation, int64_t now_ns)
{
	const int64_t try_ns = 1000000000 / RTP_DECRYPT_TRIES_HZ;
	int64_t more = (now_ns - budget->time_ns) / try_ns;

	if (generation > budget->generation) {
		budget->generation = generation;
		budget->tries = RTP_DECRYPT_TRIES;
		budget->time_ns = now_ns;
	} else if (more >= RTP_DECRYPT_TRIES - (int64_t)budget->tries) {
		budget->tries = RTP_DECRYPT_TRIES;
		if (more > 0)
			budget->time_ns = now_ns;
	} else if (more > 0) {
		budget->tries += (uint32_t)more;
		budget->time_ns += more * try_ns;
	}
}

/* Has it come to the first, second, fourth, eighth ... that is refused in a
 * row? All rollovers are tried with these only. */
static bool
is_doubled(uint32_t n)
{
	return (n & (n - 1)) == 0;
}

/* What the nth of them must leave for others to be tried with all keys;
 * RTP_DECRYPT_TRIES: it never is. */
static uint32_t
left_for_others(const struct rtp_decrypt *d,
		const struct rtp_decrypt_keys *keys, uint32_t n)
{
	if (is_doubled(n))
		return d->run >= SEQUENCE ? 0 : LEFT_FOR_SEQUENCE;
	if ((keys->secure || d->proved) &&
	    (n <= REFUSED_AT_FIRST || n % REFUSED_EVERY == 0))
		return LEFT_FOR_FIRST;
	return RTP_DECRYPT_TRIES;
}

/* ... and at all rollovers. */
static bool
is_searched(const struct rtp_decrypt *d, const struct rtp_decrypt_keys *keys,
	    uint32_t n)
{
	return is_doubled(n) && keys->secure &&
	       (!d->session || n >= REFUSED_BEFORE_SEARCH);
}

static bool
try_keys(struct rtp_decrypt *d, const struct rtp_decrypt_keys *keys,
	 bool search, uint32_t left, const struct rtp_frame *frame)
{
	struct rtp_decrypt_budget *budget = d->proved ? &d->own : keys->budget;
	uint32_t each = search ? RTP_DECRYPT_SEARCH : 1;
	struct rollovers list;

	if (budget->tries < left + each * keys->count)
		return false;
	list_rollovers(d, search, &list);
	for (uint32_t i = 0; i < keys->count; i++) {
		budget->tries -= each;
		if (try_key(d, &keys->key[i], &list, frame))
			return true;
	}
	return false;
}

static bool
look_for_key(struct rtp_decrypt *d, const struct rtp_decrypt_keys *keys,
	     const struct rtp_frame *frame)
{
	uint32_t n = d->refused + 1, left = left_for_others(d, keys, n);

	if (left == RTP_DECRYPT_TRIES)
		return false;
	refill(d->proved ? &d->own : keys->budget, keys->generation,
	       frame->time_ns);
	if (try_keys(d, keys, false, left, frame))
		return true;
	/* Without a sequence only while there is plenty. */
	left = d->run >= SEQUENCE ? 0 : LEFT_FOR_FIRST;
	return is_searched(d, keys, n) && try_keys(d, keys, true, left, frame);
}

/* ---- */

static void
count_run(struct rtp_decrypt *d, const struct rtp_frame *frame)
{
	uint32_t step = frame->sequence - d->sequence;

	if (d->run == 0 || step == 0 || step > MISSING_MAX)
		d->run = 1;
	else if (d->run < SEQUENCE)
		d->run++;
}

static bool
is_gone(const struct rtp_decrypt *d, const struct rtp_decrypt_keys *keys)
{
	return d->unproved && (!keys->unproved || keys->unproved->id != d->id);
}

static enum rtp_decrypt_answer
decrypt(struct rtp_decrypt *d, const struct rtp_decrypt_keys *keys,
	const struct rtp_frame *frame)
{
	if (keys->generation != d->generation)
		d->refused = 0;
	d->generation = keys->generation;
	/* What is not proved goes by what was agreed on last. */
	if (is_gone(d, keys))
		rtp_srtp_free(&d->session);
	if ((d->session && proves(d, d->session, frame)) ||
	    look_for_key(d, keys, frame) || begin_unproved(d, keys, frame)) {
		d->refused = 0;
		return RTP_DECRYPT_DONE;
	}
	d->refused++;
	return RTP_DECRYPT_REFUSED;
}

/* ---- frames -------------------------------------------------------------- */

static void
show(const struct rtp_decrypt *d, struct rtp_frame *frame)
{
	frame->payload = d->hdr.payload;
	frame->payload_bytes = (uint16_t)d->hdr.payload_bytes;
	frame->body = d->packet + RTP_FIXED_BYTES;
	frame->body_bytes = (uint16_t)(d->n - RTP_FIXED_BYTES);
}

enum rtp_decrypt_answer
rtp_decrypt_frame(struct rtp_decrypt *d, struct rtp_frame *frame,
		  const struct rtp_decrypt_keys *keys)
{
	if (!d->kept || d->sequence != frame->sequence ||
	    d->time_ns != frame->time_ns) {
		count_run(d, frame);
		d->answer = decrypt(d, keys, frame);
		d->kept = true;
		d->sequence = frame->sequence;
		d->time_ns = frame->time_ns;
		/* Only now is it known where the padding is. */
		if (d->answer == RTP_DECRYPT_DONE &&
		    rtp_hdr_parse(&d->hdr, d->packet, d->n) < 0)
			d->hdr = (struct rtp_hdr){ 0 };
	}
	if (d->answer == RTP_DECRYPT_DONE)
		show(d, frame);
	return d->answer;
}

void
rtp_decrypt_forget(struct rtp_decrypt *d)
{
	if (d->kept && d->answer == RTP_DECRYPT_DONE)
		explicit_bzero(d->packet, d->n);
	d->kept = false;
}

bool
rtp_decrypt_proved(const struct rtp_decrypt *d)
{
	return d->proved;
}
