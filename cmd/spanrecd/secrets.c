/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See secrets.h. */
#include "cmd/spanrecd/secrets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/secret.h"

/* Keys that a frame is tried with; phones offer eight suites at most. */
enum { TRIED_MAX = 16 };

/* What no key has proved gives way to another stream, where there are too many,
 * after so many packets, which were tried often enough, or after so long a
 * silence: whoever makes up an SSRC for each packet has no second one. */
enum { PACKETS_BEFORE_GIVING_WAY = 64 };
static const int64_t SILENCE_NS = 100000000;

struct secret {
	int64_t from_ns;
	uint64_t id;
	enum sip_party end; /* that sends by it */
	uint32_t tag;
	struct rtp_srtp_key key;
};

struct secrets_keys {
	uint64_t added; /* so far: of the latest the id */
	struct rtp_decrypt_budget budget;
	struct secret secret[SECRETS_MAX]; /* a ring */
};

/* Of RTCP, which tells all by itself: there is nothing to put in order. */
struct secrets_reporter {
	struct secrets_reporter *next;
	struct capture_flow_key flow;
	struct rtp_decrypt_rtcp *decrypt;
	bool proved; /* by a key */
};

struct secrets_stream {
	struct secrets_stream *next; /* one that was heard before */
	struct capture_flow_key flow;
	struct rtp_decrypt *decrypt;
	uint32_t packets;
	int64_t last_ns;
};

static uint32_t
count_of(const struct secrets_keys *keys)
{
	return keys->added < SECRETS_MAX ? (uint32_t)keys->added : SECRETS_MAX;
}

/* The latest is 0. */
static const struct secret *
latest(const struct secrets_keys *keys, uint32_t i)
{
	return &keys->secret[(keys->added - 1 - i) % SECRETS_MAX];
}

static bool
is_known(const struct secrets_keys *keys, enum sip_party end,
	 const struct writer_key *key)
{
	for (uint32_t i = 0; i < count_of(keys); i++) {
		const struct secret *s = latest(keys, i);

		if (s->end == end && s->tag == key->tag &&
		    rtp_srtp_key_equal(&s->key, &key->key))
			return true;
	}
	return false;
}

int
secrets_add(struct secrets *secrets, const struct writer_event *event)
{
	struct secrets_keys *keys = secrets->keys;
	const struct writer_keys *told = &event->keys;

	if (!keys) {
		keys = capture_secret_new(sizeof(*keys));
		if (!keys)
			return -ENOMEM;
		secrets->keys = keys;
	}
	/* The first of a description is its best: it is to be the latest. */
	for (uint32_t i = told->count; i-- > 0;) {
		struct secret *s = &keys->secret[keys->added % SECRETS_MAX];

		if (is_known(keys, told->end, &told->key[i]))
			continue;
		*s = (struct secret){ .from_ns = event->time_ns,
				      .id = ++keys->added,
				      .end = told->end,
				      .tag = told->key[i].tag,
				      .key = told->key[i].key };
	}
	return 0;
}

/* ---- which keys ---------------------------------------------------------- */

/* Those of an end that are known by then, the latest first. */
static uint32_t
list_keys(const struct secrets_keys *keys, enum sip_party end, int64_t until_ns,
	  struct rtp_decrypt_key *list, uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count_of(keys) && n < room; i++) {
		const struct secret *s = latest(keys, i);

		if (s->end == end && s->from_ns <= until_ns)
			list[n++] = (struct rtp_decrypt_key){ s->id, &s->key };
	}
	return n;
}

/* By what was told by then, not by what is there: that is chance. */
static uint64_t
newest_id(const struct secrets_keys *keys, int64_t until_ns)
{
	uint32_t i = 0;

	while (i < count_of(keys) && latest(keys, i)->from_ns > until_ns)
		i++;
	return i < count_of(keys) ? latest(keys, i)->id : 0;
}

/* The latest of an end by then; NULL: none. */
static const struct secret *
latest_of(const struct secrets_keys *keys, enum sip_party end, int64_t until_ns)
{
	for (uint32_t i = 0; i < count_of(keys); i++) {
		const struct secret *s = latest(keys, i);

		if (s->end == end && s->from_ns <= until_ns)
			return s;
	}
	return NULL;
}

/* What an answer names like this was agreed on. */
static const struct secret *
find_like(const struct secrets_keys *keys, const struct secret *like,
	  enum sip_party end, int64_t until_ns)
{
	for (uint32_t i = 0; like && i < count_of(keys); i++) {
		const struct secret *s = latest(keys, i);

		if (s->end == end && s->from_ns <= until_ns &&
		    s->tag == like->tag && s->key.suite == like->key.suite &&
		    s->key.unauthenticated && like->key.unauthenticated)
			return s;
	}
	return NULL;
}

/* Nothing proves a key of which packets bear no tag. It counts where both ends
 * have it, and one of them as its best: that is who answered (RFC 4568 section
 * 6.3: it is negotiated). */
static bool
find_unproved(const struct secrets_keys *keys, enum sip_party speaker,
	      int64_t until_ns, struct rtp_decrypt_key *found)
{
	enum sip_party other = speaker == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
	const struct secret *own = latest_of(keys, speaker, until_ns);

	if (!find_like(keys, own, other, until_ns))
		own = find_like(keys, latest_of(keys, other, until_ns), speaker,
				until_ns);
	if (own)
		*found = (struct rtp_decrypt_key){ own->id, &own->key };
	return own != NULL;
}

/* ---- streams ------------------------------------------------------------- */

static void
forget(struct secrets_stream *stream)
{
	rtp_decrypt_free(&stream->decrypt);
	free(stream);
}

static struct secrets_stream *
begin(const struct capture_flow_key *flow)
{
	struct secrets_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->flow = *flow;
	if (rtp_decrypt_new(&stream->decrypt, flow->ssrc) < 0) {
		free(stream);
		return NULL;
	}
	return stream;
}

static void
drop(struct secrets *secrets, struct secrets_stream *stream)
{
	struct secrets_stream **link = &secrets->first;

	while (*link != stream)
		link = &(*link)->next;
	*link = stream->next;
	forget(stream);
}

static void
put_first(struct secrets *secrets, struct secrets_stream *stream)
{
	stream->next = secrets->first;
	secrets->first = stream;
}

/* Which of two that nothing has proved is worth less? */
static bool
is_worse(const struct secrets_stream *a, const struct secrets_stream *b,
	 int64_t now_ns)
{
	bool silent = now_ns - a->last_ns >= SILENCE_NS;

	if (!b)
		return silent || a->packets >= PACKETS_BEFORE_GIVING_WAY;
	if (silent != (now_ns - b->last_ns >= SILENCE_NS))
		return silent;
	return a->packets <= b->packets;
}

/* Is there room for one that nothing has proved? It never takes that of one
 * that was. */
static bool
make_room(struct secrets *secrets)
{
	struct secrets_stream *stream, *worst = NULL;
	uint32_t n = 0;

	for (stream = secrets->first; stream; stream = stream->next) {
		if (rtp_decrypt_proved(stream->decrypt))
			continue;
		n++;
		if (is_worse(stream, NULL, secrets->now_ns) &&
		    (!worst || is_worse(stream, worst, secrets->now_ns)))
			worst = stream;
	}
	if (n < SECRETS_STREAMS_MAX)
		return true;
	if (worst)
		drop(secrets, worst);
	return worst != NULL;
}

/* It becomes the first. NULL: there is no room for it, or no memory. */
static struct secrets_stream *
find_stream(struct secrets *secrets, const struct capture_flow_key *flow)
{
	struct secrets_stream **link = &secrets->first, *stream;

	while ((stream = *link) && !capture_flow_key_equal(&stream->flow, flow))
		link = &stream->next;
	if (stream)
		*link = stream->next;
	else
		stream = make_room(secrets) ? begin(flow) : NULL;
	if (stream)
		put_first(secrets, stream);
	return stream;
}

/* One more was proved, the first: the one heard longest ago may go. */
static void
limit_proved(struct secrets *secrets)
{
	struct secrets_stream *stream, *last = NULL;
	uint32_t n = 0;

	for (stream = secrets->first; stream; stream = stream->next) {
		if (!rtp_decrypt_proved(stream->decrypt))
			continue;
		n++;
		last = stream;
	}
	if (n > SECRETS_STREAMS_MAX)
		drop(secrets, last);
}

static enum rtp_decrypt_answer
decrypt(struct secrets *secrets, struct secrets_stream *stream,
	struct rtp_frame *frame, const struct rtp_decrypt_keys *keys)
{
	bool before = rtp_decrypt_proved(stream->decrypt);
	enum rtp_decrypt_answer answer =
	    rtp_decrypt_frame(stream->decrypt, frame, keys);

	if (!before && rtp_decrypt_proved(stream->decrypt))
		limit_proved(secrets);
	return answer;
}

static bool
is_left_alone(const struct secrets_question *q,
	      const struct secrets_stream *stream,
	      const struct rtp_decrypt_keys *keys)
{
	return !q->wanted && !keys->unproved &&
	       (rtp_decrypt_proved(stream->decrypt) || q->secure);
}

/* By which keys: who is who may have been taken for the other. */
static uint32_t
list_both(const struct secrets_keys *keys, enum sip_party speaker,
	  int64_t until_ns, struct rtp_decrypt_key *list, uint32_t room)
{
	enum sip_party other = speaker == SIP_CALLER ? SIP_CALLEE : SIP_CALLER;
	uint32_t n = list_keys(keys, speaker, until_ns, list, room);

	return n + list_keys(keys, other, until_ns, list + n, room - n);
}

enum secrets_answer
secrets_open(struct secrets *secrets, const struct secrets_question *q,
	     struct rtp_frame *frame)
{
	const enum secrets_answer otherwise =
	    q->secure ? SECRETS_REFUSED : SECRETS_PLAIN;
	int64_t until_ns = frame->time_ns + q->window_ns;
	struct rtp_decrypt_key list[TRIED_MAX], unproved;
	struct rtp_decrypt_keys keys = { .key = list };
	struct secrets_stream *stream;

	if (!secrets->keys)
		return otherwise;
	if (frame->time_ns > secrets->now_ns)
		secrets->now_ns = frame->time_ns;
	stream = find_stream(secrets, q->flow);
	if (!stream)
		return otherwise;
	stream->packets++;
	stream->last_ns = frame->time_ns;
	keys.count =
	    list_both(secrets->keys, q->speaker, until_ns, list, TRIED_MAX);
	keys.generation = newest_id(secrets->keys, until_ns);
	keys.secure = q->secure;
	keys.budget = &secrets->keys->budget;
	if (q->secure &&
	    find_unproved(secrets->keys, q->speaker, until_ns, &unproved))
		keys.unproved = &unproved;
	if (is_left_alone(q, stream, &keys))
		return SECRETS_REFUSED;
	if (decrypt(secrets, stream, frame, &keys) == RTP_DECRYPT_DONE)
		return SECRETS_DECRYPTED;
	return rtp_decrypt_proved(stream->decrypt) ? SECRETS_REFUSED
						   : otherwise;
}

void
secrets_forget(struct secrets *secrets)
{
	if (secrets->first)
		rtp_decrypt_forget(secrets->first->decrypt);
}

/* ---- RTCP ---------------------------------------------------------------- */

static void
forget_reporter(struct secrets *secrets, struct secrets_reporter **place)
{
	struct secrets_reporter *reporter = *place;

	*place = reporter->next;
	rtp_decrypt_rtcp_free(&reporter->decrypt);
	free(reporter);
	secrets->reporters_count--;
}

/* Who reports mostly speaks, under the same SSRC. */
static bool
speaks(const struct secrets *secrets, uint32_t ssrc)
{
	const struct secrets_stream *stream;

	for (stream = secrets->first; stream; stream = stream->next)
		if (stream->flow.ssrc == ssrc &&
		    rtp_decrypt_proved(stream->decrypt))
			return true;
	return false;
}

/* Anybody can make up reports: who speaks takes the place of the oldest of whom
 * no key has proved one. @return false: there is none */
static bool
make_reporter_room(struct secrets *secrets, uint32_t ssrc)
{
	struct secrets_reporter **place, **oldest = NULL;

	if (secrets->reporters_count < SECRETS_STREAMS_MAX)
		return true;
	if (!speaks(secrets, ssrc))
		return false;
	for (place = &secrets->reporters; *place; place = &(*place)->next)
		if (!(*place)->proved)
			oldest = place;
	if (oldest)
		forget_reporter(secrets, oldest);
	return oldest != NULL;
}

static int
find_reporter(struct secrets *secrets, const struct capture_flow_key *flow,
	      struct secrets_reporter **found)
{
	struct secrets_reporter *reporter = secrets->reporters;
	int r;

	while (reporter && !capture_flow_key_equal(&reporter->flow, flow))
		reporter = reporter->next;
	*found = reporter;
	if (reporter)
		return 0;
	if (!make_reporter_room(secrets, flow->ssrc))
		return -ENOSPC;
	reporter = calloc(1, sizeof(*reporter));
	if (!reporter)
		return -ENOMEM;
	r = rtp_decrypt_rtcp_new(&reporter->decrypt, flow->ssrc);
	if (r < 0) {
		free(reporter);
		return r;
	}
	reporter->flow = *flow;
	reporter->next = secrets->reporters;
	secrets->reporters = reporter;
	secrets->reporters_count++;
	*found = reporter;
	return 0;
}

int
secrets_open_rtcp(struct secrets *secrets, const struct secrets_question *q,
		  int64_t time_ns, const uint8_t *packet, size_t n,
		  uint8_t *plain)
{
	int64_t until_ns = time_ns + q->window_ns;
	struct rtp_decrypt_key list[TRIED_MAX];
	struct rtp_decrypt_keys keys = { .key = list };
	struct secrets_reporter *reporter;
	int r;

	if (!secrets->keys)
		return -ENOKEY;
	r = find_reporter(secrets, q->flow, &reporter);
	if (r < 0)
		return r;
	keys.count =
	    list_both(secrets->keys, q->speaker, until_ns, list, TRIED_MAX);
	keys.generation = newest_id(secrets->keys, until_ns);
	r = rtp_decrypt_rtcp(reporter->decrypt, &keys, packet, n, plain);
	reporter->proved |= r >= 0;
	return r;
}

void
secrets_clear(struct secrets *secrets)
{
	while (secrets->reporters)
		forget_reporter(secrets, &secrets->reporters);
	while (secrets->first) {
		struct secrets_stream *stream = secrets->first;

		secrets->first = stream->next;
		forget(stream);
	}
	capture_secret_free(secrets->keys, sizeof(*secrets->keys));
	secrets->keys = NULL;
	secrets->now_ns = 0;
}
