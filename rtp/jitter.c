/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The jitter buffer. What jitter.h does not say:
 *
 * Memory: struct rtp_jitter (a cache line for the producer, one for what it
 * rarely needs, one for the consumer), then the slots, the log, and a bitmap
 * of shed numbers that is not touched before something is shed.
 *
 * The log is cut into blocks of 2 KiB. The producer fills one block after the
 * other and takes the one that was freed last, before one that was never
 * used, so that a flow touches little more than it holds and yet has the
 * whole log when the consumer stalls:
 *
 *   block:  entry | entry | ... | SKIP |       | link (u32)
 *                                              `-> next block in use
 *
 * A slot is one 64-bit word, (sequence << 32 | offset in the log). It is
 * looked up when packets come out of order; in order, the oldest entry of the
 * log is the next frame, and the slot line stays untouched by the consumer.
 *
 * Time: entries carry the time they become due, which is the latest capture
 * time so far and thus never falls along the log. If the oldest entry is not
 * due, nothing is.
 *
 * Numbers start in cycle 1 (1 << 16) and a flow ends before bit 31, so that
 * they compare as plain integers, and no tag of an old slot comes round again.
 */
#include "rtp/jitter.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

/* RFC 3550 appendix A.1. */
#define MAX_DROPOUT  3000
#define MAX_MISORDER 100

#define CACHE_LINE   64
#define BLOCK_BYTES  2048u
#define LINK_BYTES   8u
#define SKIP_BYTES   8u
#define NO_BLOCK     UINT32_MAX
#define NO_ENTRY     UINT32_MAX
#define FIRST_CYCLE  (1u << 16)
#define SEQUENCE_END (1u << 31)
#define NOT_BEGUN    1u

/* Offset in a slot that holds no frame: a late packet was noted. */
#define MARK UINT32_MAX

/* Shed numbers are told apart over this distance; a power of two that
 * exceeds MAX_DROPOUT and the slots of most set-ups together. */
#define SHED_BITS 4096u

/* So far rtp_jitter_run looks. */
#define RUN_NUMBERS 8u

/* Frames taken before the room they held is given back, at the latest. */
#define PUBLISH_EVERY 8

enum kind { FRAME, TAKEN, DUPLICATE, LATE, SHED, SKIP };

struct entry {
	uint32_t sequence; /* a SKIP has no more than the first 8 bytes */
	uint16_t bytes;    /* that follow, and WHOLE */
	uint8_t kind;
	uint8_t type;       /* marker << 7 | payload type */
	uint32_t timestamp; /* SHED: how many were shed up to this one */
	uint32_t behind_ns; /* capture time = due - behind */
	int64_t due_ns;
};

/* What follows is not the payload alone, but all of the packet that is behind
 * the fixed header, and then a byte with the flags of that. */
#define WHOLE 0x8000u

static_assert(sizeof(struct entry) == 24, "as rtp_jitter_bytes promises");
static_assert(RTP_JITTER_PAYLOAD_MAX ==
		  BLOCK_BYTES - LINK_BYTES - SKIP_BYTES - sizeof(struct entry),
	      "the longest payload fills a block");

struct producer {
	_Atomic uint32_t head; /* end of the log: offset of the next entry */
	uint32_t newest;       /* highest sequence number stored */
	uint32_t fast_until;   /* below it, the next in order has its slot */
	uint32_t block_end;    /* of entries in this block */
	int64_t clock_ns;      /* latest capture time */
	uint32_t mask;         /* slots - 1 */
	uint32_t log;          /* from the start of the buffer */
	int64_t window_ns;
	uint32_t next_seen; /* what the consumer last published */
	uint32_t tail_seen;
	uint32_t block_oldest; /* in use; its link leads to the next */
	uint32_t block_free;  /* freed last; its link leads to the one before */
	uint32_t block_fresh; /* from here on never used */
	uint32_t log_bytes;
};

/* Written while packets are shed only. */
struct shed {
	_Atomic int64_t time_ns; /* of the last one, on the buffer's clock */
	_Atomic uint32_t total;  /* since the start, modulo 2^32 */
	uint32_t noted;          /* of these, in the log */
	uint32_t newest;         /* highest number */
	uint32_t last;
};

struct consumer {
	_Atomic uint64_t progress; /* next << 32 | tail, for the producer */
	uint32_t next;             /* sequence number, or NOT_BEGUN */
	uint32_t tail;             /* offset of the oldest entry not passed */
	uint32_t head_seen;
	uint32_t first; /* sequence number, taken first */
	uint32_t mask;
	uint32_t log;
	uint32_t shed_taken;
	uint32_t gap_missing; /* the gap before next, not taken yet */
	uint32_t gap_shed;
	uint32_t unpublished;
	uint32_t lent; /* offset of the entry taken last, or NO_ENTRY */
};

struct rtp_jitter {
	alignas(CACHE_LINE) struct producer producer;
	alignas(CACHE_LINE) struct shed shed;
	alignas(CACHE_LINE) struct consumer consumer;
	alignas(CACHE_LINE) _Atomic uint64_t slots[];
};

static_assert(sizeof(struct producer) == CACHE_LINE, "one line");
static_assert(sizeof(struct consumer) <= CACHE_LINE, "one line");

/* ---- both sides -------------------------------------------------------- */

/* Entries and links are aligned to 8 bytes by construction. */
static void *
at(struct rtp_jitter *jitter, uint32_t log, uint32_t offset)
{
	return (uint8_t *)jitter + log + offset;
}

static uint32_t *
block_link(struct rtp_jitter *jitter, uint32_t log, uint32_t offset)
{
	return at(jitter, log, (offset | (BLOCK_BYTES - 1)) - LINK_BYTES + 1);
}

static _Atomic uint32_t *
shed_word(struct rtp_jitter *jitter, uint32_t sequence)
{
	const struct producer *p = &jitter->producer;
	_Atomic uint32_t *bits = at(jitter, p->log, p->log_bytes);

	return &bits[sequence % SHED_BITS / 32];
}

static uint32_t
shed_bit(uint32_t sequence)
{
	return 1u << sequence % 32;
}

static uint32_t
slot_sequence(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

/* The slot of the first frame from `next` on. There is one. */
static uint64_t
lowest_frame(struct rtp_jitter *jitter, uint32_t mask, uint32_t next)
{
	uint64_t lowest = UINT64_MAX;

	for (uint32_t s = next; s <= next + mask; s++) {
		uint64_t slot = atomic_load_explicit(&jitter->slots[s & mask],
						     memory_order_acquire);

		if ((uint32_t)slot == MARK || slot_sequence(slot) < next)
			continue;
		if (slot < lowest)
			lowest = slot;
		if (slot_sequence(slot) == s)
			break;
	}
	assert(lowest != UINT64_MAX);
	return lowest;
}

size_t
rtp_jitter_bytes(const struct rtp_jitter_config *config)
{
	return sizeof(struct rtp_jitter) +
	       config->slots * sizeof(_Atomic uint64_t) + config->log_bytes +
	       SHED_BITS / 8;
}

struct rtp_jitter *
rtp_jitter_init(void *memory, const struct rtp_jitter_config *config,
		const struct rtp_hdr *first)
{
	struct rtp_jitter *jitter = memory;
	uint32_t mask = config->slots - 1;
	uint32_t newest = FIRST_CYCLE + first->sequence - 1;
	uint32_t log = (uint32_t)(sizeof(*jitter) +
				  config->slots * sizeof(jitter->slots[0]));

	assert(config->slots >= 128 && config->slots <= 32768);
	assert((config->slots & mask) == 0);
	assert(config->log_bytes >= 2 * BLOCK_BYTES);
	assert(config->log_bytes <= 1u << 24);
	assert((config->log_bytes & (config->log_bytes - 1)) == 0);
	assert(config->window_ns >= 0 && (uintptr_t)memory % CACHE_LINE == 0);
	memset(memory, 0, log);
	jitter->producer = (struct producer){
		.newest = newest,
		.block_end = BLOCK_BYTES - LINK_BYTES - SKIP_BYTES,
		.mask = mask,
		.log = log,
		.window_ns = config->window_ns,
		.block_free = NO_BLOCK,
		.block_fresh = BLOCK_BYTES,
		.log_bytes = config->log_bytes,
	};
	jitter->consumer = (struct consumer){
		.progress = (uint64_t)NOT_BEGUN << 32,
		.next = NOT_BEGUN,
		.mask = mask,
		.log = log,
		.lent = NO_ENTRY,
	};
	return jitter;
}

/* ---- producer ---------------------------------------------------------- */

static uint32_t
head_of(const struct producer *p)
{
	return atomic_load_explicit(&p->head, memory_order_relaxed);
}

void
rtp_jitter_prefetch(const struct rtp_jitter *jitter)
{
	__builtin_prefetch(&jitter->producer, 1);
}

void
rtp_jitter_prefetch_end(const struct rtp_jitter *jitter)
{
	const struct producer *p = &jitter->producer;
	const uint8_t *end = (const uint8_t *)jitter + p->log + head_of(p);

	/* Header and 160 bytes of G.711, from anywhere in a line. */
	__builtin_prefetch(end, 1);
	__builtin_prefetch(end + CACHE_LINE, 1);
	__builtin_prefetch(end + 2 * CACHE_LINE, 1);
	__builtin_prefetch(&jitter->slots[(p->newest + 1) & p->mask], 1);
}

/* Learn how far the consumer has got; true if that is news. Its next and its
 * tail are one word: whatever room is given back, its frames are below next. */
static bool
refresh(struct rtp_jitter *jitter)
{
	struct producer *p = &jitter->producer;
	uint64_t progress = atomic_load_explicit(&jitter->consumer.progress,
						 memory_order_acquire);
	uint32_t next = (uint32_t)(progress >> 32);
	uint32_t tail = (uint32_t)progress;
	bool news = next != p->next_seen || tail != p->tail_seen;

	p->next_seen = next;
	p->tail_seen = tail;
	return news;
}

static uint32_t
free_block(struct rtp_jitter *jitter)
{
	struct producer *p = &jitter->producer;
	uint32_t block;

	refresh(jitter);
	while (p->block_oldest != (p->tail_seen & ~(BLOCK_BYTES - 1))) {
		uint32_t *link = block_link(jitter, p->log, p->block_oldest);

		block = *link;
		*link = p->block_free;
		p->block_free = p->block_oldest;
		p->block_oldest = block;
	}
	block = p->block_free;
	if (block != NO_BLOCK) {
		p->block_free = *block_link(jitter, p->log, block);
	} else if (p->block_fresh < p->log_bytes) {
		block = p->block_fresh;
		p->block_fresh += BLOCK_BYTES;
	}
	return block;
}

/* Room for an entry at the head of the log; no more than a block holds. */
static struct entry *
reserve(struct rtp_jitter *jitter, size_t bytes)
{
	struct producer *p = &jitter->producer;
	uint32_t head = head_of(p);
	struct entry *skip = at(jitter, p->log, head);
	uint32_t block;

	if (head + bytes <= p->block_end)
		return skip;
	block = free_block(jitter);
	if (block == NO_BLOCK)
		return NULL;
	skip->kind = SKIP;
	*block_link(jitter, p->log, head) = block;
	p->block_end = block + BLOCK_BYTES - LINK_BYTES - SKIP_BYTES;
	atomic_store_explicit(&p->head, block, memory_order_release);
	return at(jitter, p->log, block);
}

static size_t
entry_bytes(size_t bytes)
{
	return sizeof(struct entry) + ((bytes + 7) & ~(size_t)7);
}

static void
publish_entry(struct producer *p, size_t bytes)
{
	atomic_store_explicit(&p->head, head_of(p) + (uint32_t)bytes,
			      memory_order_release);
}

static uint32_t
behind_ns(int64_t clock_ns, int64_t time_ns)
{
	uint64_t behind = (uint64_t)clock_ns - (uint64_t)time_ns;

	return behind < UINT32_MAX ? (uint32_t)behind : UINT32_MAX;
}

static void
fill_entry(struct entry *e, enum kind kind, uint32_t sequence,
	   const struct rtp_hdr *hdr)
{
	e->sequence = sequence;
	e->bytes = 0;
	e->kind = (uint8_t)kind;
	e->type = (uint8_t)(hdr->marker << 7 | hdr->payload_type);
	e->timestamp = hdr->timestamp;
}

static uint32_t
kept_bytes(const struct rtp_hdr *hdr)
{
	return hdr->flags ? rtp_hdr_body_bytes(hdr) + 1 : hdr->payload_bytes;
}

static __attribute__((noinline)) void
keep_whole(struct entry *e, const struct rtp_hdr *hdr)
{
	uint32_t bytes = rtp_hdr_body_bytes(hdr);

	if (bytes)
		memcpy(e + 1, rtp_hdr_body(hdr), bytes);
	((uint8_t *)(e + 1))[bytes] = hdr->flags;
	e->bytes |= WHOLE;
}

/* Write a frame at the head of the log, where there is room. Its time is that
 * of the clock, less `behind`. */
static inline void
store_frame(struct rtp_jitter *jitter, uint32_t sequence,
	    const struct rtp_hdr *hdr, uint32_t behind)
{
	struct producer *p = &jitter->producer;
	uint32_t head = head_of(p);
	struct entry *e = at(jitter, p->log, head);
	uint32_t bytes = kept_bytes(hdr);

	fill_entry(e, FRAME, sequence, hdr);
	e->bytes = (uint16_t)bytes;
	e->behind_ns = behind;
	e->due_ns = p->clock_ns;
	if (hdr->flags)
		keep_whole(e, hdr);
	else if (bytes)
		memcpy(e + 1, hdr->payload, bytes);
	atomic_store_explicit(&jitter->slots[sequence & p->mask],
			      (uint64_t)sequence << 32 | head,
			      memory_order_release);
	atomic_store_explicit(&p->head, head + (uint32_t)entry_bytes(bytes),
			      memory_order_release);
}

/* Shed packets are noted as soon as there is room; one note may stand for
 * several. */
static void
note_shed(struct rtp_jitter *jitter)
{
	struct producer *p = &jitter->producer;
	struct shed *shed = &jitter->shed;
	uint32_t total =
	    atomic_load_explicit(&shed->total, memory_order_relaxed);
	struct entry *e;

	if (shed->noted == total)
		return;
	e = reserve(jitter, sizeof(*e));
	if (!e)
		return;
	*e = (struct entry){
		.sequence = shed->last,
		.kind = SHED,
		.timestamp = total,
		.due_ns = p->clock_ns,
	};
	shed->noted = total;
	publish_entry(p, sizeof(*e));
}

/* No room. Is there anything the consumer can take at this time? */
static enum rtp_put
full(struct rtp_jitter *jitter, int64_t clock_ns)
{
	struct producer *p = &jitter->producer;
	int64_t due_ns = clock_ns - p->window_ns - 1;
	uint64_t lowest;
	struct entry *e;

	/* It took some since we found no room: that may be enough. */
	if (refresh(jitter))
		return RTP_PUT_FULL;
	assert(p->tail_seen != head_of(p));
	e = at(jitter, p->log, p->tail_seen);
	if (e->kind == SKIP)
		return RTP_PUT_FULL;
	if (e->due_ns > due_ns)
		return RTP_PUT_NO_ROOM;
	if (e->kind != FRAME || e->sequence < p->next_seen)
		return RTP_PUT_FULL;
	lowest = lowest_frame(jitter, p->mask, p->next_seen);
	e = at(jitter, p->log, (uint32_t)lowest);
	return e->due_ns <= due_ns ? RTP_PUT_FULL : RTP_PUT_NO_ROOM;
}

/*
 * Was a frame with a higher number captured a window or more before? What the
 * consumer is past is late in any case. Frames it has taken but not told us
 * about are still in the log.
 */
static bool
is_late(struct rtp_jitter *jitter, uint32_t sequence, int64_t clock_ns)
{
	struct producer *p = &jitter->producer;

	if (sequence < p->next_seen)
		return true;
	for (uint32_t s = sequence + 1; s <= p->newest; s++) {
		uint64_t slot = atomic_load_explicit(
		    &jitter->slots[s & p->mask], memory_order_relaxed);
		const struct entry *e;

		if (slot_sequence(slot) != s || (uint32_t)slot == MARK)
			continue;
		e = at(jitter, p->log, (uint32_t)slot);
		if (e->due_ns <= clock_ns - p->window_ns)
			return true;
	}
	return false;
}

static enum rtp_put
put_note(struct rtp_jitter *jitter, enum kind kind, uint32_t sequence,
	 const struct rtp_hdr *hdr, int64_t time_ns)
{
	struct producer *p = &jitter->producer;
	int64_t clock_ns = time_ns > p->clock_ns ? time_ns : p->clock_ns;
	struct entry *e = reserve(jitter, sizeof(*e));

	if (!e)
		return full(jitter, clock_ns);
	p->clock_ns = clock_ns;
	fill_entry(e, kind, sequence, hdr);
	e->behind_ns = behind_ns(clock_ns, time_ns);
	e->due_ns = clock_ns;
	if (kind == LATE)
		atomic_store_explicit(&jitter->slots[sequence & p->mask],
				      (uint64_t)sequence << 32 | MARK,
				      memory_order_release);
	publish_entry(p, sizeof(*e));
	return kind == LATE ? RTP_PUT_LATE : RTP_PUT_DUPLICATE;
}

/* After a frame was stored the long way: how far does the short one go? */
static void
stored(struct rtp_jitter *jitter, uint32_t sequence)
{
	struct producer *p = &jitter->producer;
	struct shed *shed = &jitter->shed;
	uint32_t reach = p->next_seen + p->mask + 1;
	uint32_t total =
	    atomic_load_explicit(&shed->total, memory_order_relaxed);

	if (sequence > p->newest)
		p->newest = sequence;
	p->fast_until = reach < SEQUENCE_END ? reach : SEQUENCE_END;
	if (total == 0)
		return;
	/* A copy of a shed packet found room after all. */
	atomic_fetch_and_explicit(shed_word(jitter, sequence),
				  ~shed_bit(sequence), memory_order_relaxed);
	if (shed->noted != total || shed->newest > p->newest)
		p->fast_until = 0;
}

/* The slot has a frame that was not taken yet. While that is not even due,
 * nobody sends so many packets that those since the last one, stored or shed,
 * were lost: the sender has jumped. */
static enum rtp_put
slot_in_use(struct rtp_jitter *jitter, uint32_t sequence, int64_t clock_ns)
{
	enum rtp_put put = full(jitter, clock_ns);
	uint32_t last = jitter->producer.newest;

	if (jitter->shed.newest > last)
		last = jitter->shed.newest;
	return put == RTP_PUT_NO_ROOM && sequence > last + MAX_MISORDER
		   ? RTP_PUT_RESTART
		   : put;
}

/* Out of order, at the edge of a block, or the first for a while. Kept out of
 * rtp_jitter_put, which then saves fewer registers. */
static __attribute__((noinline)) enum rtp_put
put_slowly(struct rtp_jitter *jitter, const struct rtp_hdr *hdr,
	   int64_t time_ns)
{
	struct producer *p = &jitter->producer;
	int64_t clock_ns = time_ns > p->clock_ns ? time_ns : p->clock_ns;
	int ahead = rtp_seq_distance((uint16_t)p->newest, hdr->sequence);
	uint32_t sequence = p->newest + (uint32_t)ahead;
	uint64_t slot;

	if (ahead > MAX_DROPOUT || ahead < -MAX_MISORDER ||
	    sequence >= SEQUENCE_END)
		return RTP_PUT_RESTART;
	refresh(jitter);
	note_shed(jitter);
	slot = atomic_load_explicit(&jitter->slots[sequence & p->mask],
				    memory_order_relaxed);
	if (slot_sequence(slot) == sequence)
		return put_note(jitter, DUPLICATE, sequence, hdr, time_ns);
	if ((uint32_t)slot != MARK && slot_sequence(slot) >= p->next_seen)
		return slot_in_use(jitter, sequence, clock_ns);
	if (ahead < 0 && is_late(jitter, sequence, clock_ns))
		return put_note(jitter, LATE, sequence, hdr, time_ns);
	if (kept_bytes(hdr) > RTP_JITTER_PAYLOAD_MAX)
		return RTP_PUT_NO_ROOM;
	if (!reserve(jitter, entry_bytes(kept_bytes(hdr))))
		return full(jitter, clock_ns);
	p->clock_ns = clock_ns;
	store_frame(jitter, sequence, hdr, behind_ns(clock_ns, time_ns));
	stored(jitter, sequence);
	return RTP_PUT_STORED;
}

enum rtp_put
rtp_jitter_put(struct rtp_jitter *jitter, const struct rtp_hdr *hdr,
	       int64_t time_ns)
{
	struct producer *p = &jitter->producer;
	uint32_t sequence = p->newest + 1;
	size_t bytes = entry_bytes(kept_bytes(hdr));

	if (hdr->sequence != (uint16_t)sequence || sequence >= p->fast_until ||
	    time_ns < p->clock_ns || head_of(p) + bytes > p->block_end)
		return put_slowly(jitter, hdr, time_ns);
	p->clock_ns = time_ns;
	p->newest = sequence;
	store_frame(jitter, sequence, hdr, 0);
	return RTP_PUT_STORED;
}

void
rtp_jitter_shed(struct rtp_jitter *jitter, const struct rtp_hdr *hdr,
		int64_t time_ns)
{
	struct producer *p = &jitter->producer;
	struct shed *shed = &jitter->shed;
	int ahead = rtp_seq_distance((uint16_t)p->newest, hdr->sequence);
	uint32_t sequence = p->newest + (uint32_t)ahead;
	uint32_t total =
	    atomic_load_explicit(&shed->total, memory_order_relaxed);
	uint64_t slot = atomic_load_explicit(&jitter->slots[sequence & p->mask],
					     memory_order_relaxed);

	if (total == 0) /* the memory may be that of an old buffer */
		for (uint32_t s = 0; s < SHED_BITS; s += 32)
			atomic_store_explicit(shed_word(jitter, s), 0,
					      memory_order_relaxed);
	if (slot_sequence(slot) != sequence && sequence >= p->next_seen)
		atomic_fetch_or_explicit(shed_word(jitter, sequence),
					 shed_bit(sequence),
					 memory_order_relaxed);
	if (time_ns > p->clock_ns)
		p->clock_ns = time_ns;
	if (sequence > shed->newest)
		shed->newest = sequence;
	shed->last = sequence;
	p->fast_until = 0;
	atomic_store_explicit(&shed->time_ns, p->clock_ns,
			      memory_order_relaxed);
	atomic_store_explicit(&shed->total, total + 1, memory_order_release);
	note_shed(jitter);
}

int64_t
rtp_jitter_last_ns(const struct rtp_jitter *jitter)
{
	return jitter->producer.clock_ns;
}

/* ---- consumer ---------------------------------------------------------- */

static void
publish_progress(struct consumer *c)
{
	uint64_t progress = (uint64_t)c->next << 32 | c->tail;

	c->unpublished = 0;
	if (progress !=
	    atomic_load_explicit(&c->progress, memory_order_relaxed))
		atomic_store_explicit(&c->progress, progress,
				      memory_order_release);
}

static void
lend(struct rtp_jitter *jitter, const struct entry *e)
{
	struct consumer *c = &jitter->consumer;

	c->lent = (uint32_t)((const uint8_t *)e -
			     (const uint8_t *)at(jitter, c->log, 0));
}

/* The sound of what was taken last is not in use any more, and must not lie
 * about until somebody else's comes in its place. */
static void
wipe_lent(struct rtp_jitter *jitter)
{
	struct consumer *c = &jitter->consumer;
	struct entry *e;

	if (c->lent == NO_ENTRY)
		return;
	e = at(jitter, c->log, c->lent);
	memset(e + 1, 0, e->bytes & ~WHOLE);
	c->lent = NO_ENTRY;
}

/* The oldest entry of the log that is not passed yet, or NULL. */
static struct entry *
oldest_entry(struct rtp_jitter *jitter)
{
	struct consumer *c = &jitter->consumer;
	struct entry *e;

	for (;;) {
		if (c->tail == c->head_seen) {
			c->head_seen = atomic_load_explicit(
			    &jitter->producer.head, memory_order_acquire);
			if (c->tail == c->head_seen)
				return NULL;
		}
		e = at(jitter, c->log, c->tail);
		if (e->kind != SKIP)
			return e;
		c->tail = *block_link(jitter, c->log, c->tail);
	}
}

static void
pass(struct consumer *c, const struct entry *e)
{
	c->tail += (uint32_t)entry_bytes(e->bytes & ~WHOLE);
}

/* Pass what asks for nothing: frames taken before their turn in the log, and
 * notes of shed packets that were told already. */
static struct entry *
oldest_open_entry(struct rtp_jitter *jitter)
{
	struct consumer *c = &jitter->consumer;
	struct entry *e;

	while ((e = oldest_entry(jitter))) {
		bool told = e->kind == SHED && e->timestamp == c->shed_taken;

		if (e->kind != TAKEN && !told)
			break;
		pass(c, e);
	}
	return e;
}

static void
show_number(struct rtp_frame *frame, const struct entry *e)
{
	*frame = (struct rtp_frame){
		.time_ns = e->due_ns - e->behind_ns,
		.sequence = e->sequence,
		.timestamp = e->timestamp,
		.payload_type = e->type & 0x7f,
		.marker = e->type >> 7,
	};
}

/* Where the payload is was found when it came. */
static __attribute__((noinline)) void
show_whole(struct rtp_frame *frame, const struct entry *e)
{
	struct rtp_hdr hdr = { 0 };

	frame->body_bytes = (uint16_t)((e->bytes & ~WHOLE) - 1);
	frame->flags = hdr.flags = frame->body[frame->body_bytes];
	if (rtp_hdr_parse_body(&hdr, frame->body, frame->body_bytes) < 0)
		hdr.payload_bytes = 0;
	else
		frame->payload = hdr.payload;
	frame->payload_bytes = (uint16_t)hdr.payload_bytes;
}

static void
show(struct rtp_frame *frame, const struct entry *e)
{
	show_number(frame, e);
	frame->body = frame->payload = (const uint8_t *)(e + 1);
	frame->body_bytes = frame->payload_bytes = e->bytes;
	if (e->bytes & WHOLE)
		show_whole(frame, e);
}

/* Shed packets that never found room for a note, once all else is out. */
static enum rtp_take
peek_shed_unnoted(struct rtp_jitter *jitter, int64_t due_ns,
		  struct rtp_frame *frame)
{
	struct consumer *c = &jitter->consumer;
	struct shed *shed = &jitter->shed;
	int64_t time_ns;

	if (atomic_load_explicit(&shed->total, memory_order_acquire) ==
	    c->shed_taken)
		return RTP_TAKE_NONE;
	time_ns = atomic_load_explicit(&shed->time_ns, memory_order_relaxed);
	if (time_ns > due_ns)
		return RTP_TAKE_NONE;
	*frame = (struct rtp_frame){ .time_ns = time_ns, .sequence = c->next };
	return RTP_TAKE_SHED;
}

static enum rtp_take
peek_note(struct rtp_jitter *jitter, const struct entry *e,
	  struct rtp_frame *frame)
{
	const struct consumer *c = &jitter->consumer;

	show_number(frame, e);
	switch ((enum kind)e->kind) {
	case DUPLICATE:
		return RTP_TAKE_DUPLICATE;
	case SHED:
		frame->timestamp = 0;
		return RTP_TAKE_SHED;
	default:
		frame->in_range = e->sequence >= c->first;
		return RTP_TAKE_LATE;
	}
}

/* How many of `missing` numbers were shed; each is counted once. */
static uint32_t
count_shed(struct rtp_jitter *jitter, uint32_t sequence, uint32_t missing)
{
	uint32_t n = missing < SHED_BITS ? missing : SHED_BITS;
	uint32_t shed = 0;

	if (atomic_load_explicit(&jitter->shed.total, memory_order_acquire) ==
	    0)
		return 0;
	for (uint32_t s = sequence; s < sequence + n; s++) {
		uint32_t bit = shed_bit(s);
		uint32_t word = atomic_fetch_and_explicit(
		    shed_word(jitter, s), ~bit, memory_order_relaxed);

		shed += (word & bit) != 0;
	}
	return shed;
}

static enum rtp_take
peek_gap(const struct consumer *c, const struct entry *after,
	 struct rtp_frame *frame)
{
	show_number(frame, after);
	frame->sequence = c->next - c->gap_missing;
	frame->missing = c->gap_missing;
	frame->shed = c->gap_shed;
	return RTP_TAKE_GAP;
}

/*
 * The frame whose turn it is, `e` being the oldest in the log. When it is not
 * the next number, the gap before it is settled here and now: what comes for
 * it from now on is late.
 */
static struct entry *
next_frame(struct rtp_jitter *jitter, struct entry *e, int64_t due_ns)
{
	struct consumer *c = &jitter->consumer;
	uint64_t lowest;

	if (e->sequence == c->next)
		return e;
	lowest = lowest_frame(jitter, c->mask, c->next);
	e = at(jitter, c->log, (uint32_t)lowest);
	if (e->due_ns > due_ns || e->sequence == c->next)
		return e;
	if (c->next == NOT_BEGUN) {
		c->first = e->sequence;
	} else {
		c->gap_missing = e->sequence - c->next;
		c->gap_shed = count_shed(jitter, c->next, c->gap_missing);
	}
	c->next = e->sequence;
	return e;
}

/* What is next, and the entry that says so. */
static enum rtp_take
look(struct rtp_jitter *jitter, int64_t due_ns, struct rtp_frame *frame,
     struct entry **entry)
{
	struct consumer *c = &jitter->consumer;
	struct entry *e = oldest_open_entry(jitter);

	*entry = e;
	if (!e)
		return peek_shed_unnoted(jitter, due_ns, frame);
	if (e->due_ns > due_ns)
		return RTP_TAKE_NONE;
	/* A frame that came behind our back, when the clock of the caller
	 * ran ahead of the packets, is late. */
	if (e->kind != FRAME || e->sequence < c->next)
		return peek_note(jitter, e, frame);
	*entry = e = next_frame(jitter, e, due_ns);
	if (e->due_ns > due_ns)
		return RTP_TAKE_NONE;
	if (c->gap_missing)
		return peek_gap(c, e, frame);
	show(frame, e);
	return RTP_TAKE_FRAME;
}

enum rtp_take
rtp_jitter_peek(struct rtp_jitter *jitter, int64_t due_ns,
		struct rtp_frame *frame)
{
	struct entry *e;
	enum rtp_take kind;

	wipe_lent(jitter);
	kind = look(jitter, due_ns, frame, &e);
	if (kind == RTP_TAKE_NONE)
		publish_progress(&jitter->consumer);
	return kind;
}

uint32_t
rtp_jitter_run(struct rtp_jitter *jitter, const struct rtp_frame *frame)
{
	const struct consumer *c = &jitter->consumer;
	int64_t until_ns = frame->time_ns + jitter->producer.window_ns;
	uint32_t run = 1;

	for (uint32_t i = 1; i <= RUN_NUMBERS; i++) {
		uint32_t sequence = frame->sequence + i;
		uint64_t slot = atomic_load_explicit(
		    &jitter->slots[sequence & c->mask], memory_order_acquire);
		const struct entry *e;

		if ((uint32_t)slot == MARK || slot_sequence(slot) != sequence)
			continue;
		e = at(jitter, c->log, (uint32_t)slot);
		run += e->due_ns <= until_ns;
	}
	return run;
}

enum rtp_take
rtp_jitter_take(struct rtp_jitter *jitter, int64_t due_ns,
		struct rtp_frame *frame)
{
	struct consumer *c = &jitter->consumer;
	enum rtp_take kind;
	struct entry *e;

	/* Now, because the frame taken last is not in use any more. */
	wipe_lent(jitter);
	if (c->unpublished == PUBLISH_EVERY)
		publish_progress(c);
	c->unpublished++;
	kind = look(jitter, due_ns, frame, &e);
	switch (kind) {
	case RTP_TAKE_NONE:
		publish_progress(c);
		break;
	case RTP_TAKE_GAP:
		c->gap_missing = 0;
		break;
	case RTP_TAKE_FRAME:
		c->next++;
		lend(jitter, e);
		if (e == at(jitter, c->log, c->tail))
			pass(c, e);
		else
			e->kind = TAKEN;
		break;
	case RTP_TAKE_SHED:
		c->shed_taken++;
		break;
	case RTP_TAKE_DUPLICATE:
	case RTP_TAKE_LATE:
		lend(jitter, e);
		pass(c, e);
		break;
	}
	return kind;
}

void
rtp_jitter_prefetch_take(const struct rtp_jitter *jitter)
{
	__builtin_prefetch(&jitter->consumer, 1);
	__builtin_prefetch(&jitter->producer);
}

bool
rtp_jitter_empty(struct rtp_jitter *jitter)
{
	return !oldest_open_entry(jitter) &&
	       atomic_load_explicit(&jitter->shed.total,
				    memory_order_acquire) ==
		   jitter->consumer.shed_taken;
}
