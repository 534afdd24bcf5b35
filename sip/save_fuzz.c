/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of messages as in tracker_fuzz.h, and among them, by `what`:
 *
 *   3   the recorder is killed and started again: every call comes back
 *   4   the same, with one byte of a state changed and the hash made right
 *   5   bytes as they are for a state, the hash made right
 *   6   bytes as they are for a state
 *
 * The seeds are states of calls that go on after them.
 *
 * A state is restored to what gives the same state again, or refused; and what
 * must hold of any call holds of those that were restored.
 */
#include <endian.h>
#include <errno.h>

#include "sip/tracker_fuzz.h"

/** Version, check of the key; and the hash at the end. */
#define HEAD_BYTES 5
#define SEAL_BYTES 8

struct saved {
	uint8_t bytes[SIP_SAVE_BYTES_MAX];
	size_t n;
};

/** Another tracker: its calls have the numbers of those before. */
static void
world_forget(void)
{
	struct world times = { .now_ns = world.now_ns,
			       .first_ns = world.first_ns,
			       .most_ns = world.most_ns };

	world = times;
}

static void
ignore(void *ctx, const struct sip_event *event)
{
	(void)ctx;
	(void)event;
}

static void
seal(struct saved *saved, const struct sip_tracker *tracker)
{
	struct sip_text body = { (const char *)saved->bytes,
				 saved->n - SEAL_BYTES };
	uint64_t hash = htole64(sip__tracker_hash(tracker, body));

	memcpy(saved->bytes + body.n, &hash, SEAL_BYTES);
}

/** What is restored is what was saved, but for the time. */
static void
check_same(const struct saved *saved)
{
	static struct sip_tracker *tracker;
	static struct saved same;

	if (!tracker)
		tracker = tracker_make();
	tracker->fn = ignore;
	if (sip_tracker_restore(tracker, saved->bytes, saved->n, 0, INT64_MIN))
		return;
	assert(sip_tracker_save(tracker, tracker->last_call, same.bytes,
				sizeof(same.bytes)) == (int)saved->n);
	assert(memcmp(same.bytes, saved->bytes, saved->n) == 0);
	sip_tracker_finish(tracker, INT64_MAX);
	assert(sip_tracker_calls(tracker) == 0);
}

/** @param with a leg of its conversation, or 0. @return 0, or why it was
 * refused */
static int
restore(struct sip_tracker *tracker, const struct saved *saved, uint64_t with)
{
	uint64_t number = tracker->last_call + 1;
	uint8_t *copy = malloc(saved->n + !saved->n);
	int64_t most_ns = world.most_ns;
	int rc;

	check_same(saved);
	memcpy(copy, saved->bytes, saved->n);
	world.most_ns = INT64_MAX; /* its own times are whatever it says */
	world.restoring = true;
	rc = sip_tracker_restore(tracker, copy, saved->n, with, world.now_ns);
	world.restoring = false;
	world.most_ns = most_ns;
	free(copy);
	assert((rc == 0) == (world.calls[number] == LIVE));
	assert(rc || world.conversation[number] ==
			 (with ? world.conversation[with] : number));
	check_tracker(tracker);
	if (rc == 0 && world.last_ns[number] > most_ns)
		world.most_ns = world.last_ns[number];
	return rc;
}

/** @param seed 0: not damaged */
static struct sip_tracker *
restart(struct sip_tracker *from, uint32_t seed)
{
	static struct saved saved[OPEN_MAX];
	uint64_t conversations[OPEN_MAX], number[OPEN_MAX];
	struct sip_tracker *to = tracker_make();
	unsigned count = 0;
	int rc;

	for (uint64_t i = 1; i <= from->last_call; i++) {
		int n = sip_tracker_save(from, i, saved[count % OPEN_MAX].bytes,
					 sizeof(saved[0].bytes));

		assert(n > 0 || n == -ENOENT);
		if (n < 0)
			continue;
		conversations[count] = world.conversation[i];
		saved[count++].n = (size_t)n;
	}
	assert(count == sip_tracker_calls(from) && count <= OPEN_MAX);
	sip_tracker_free(&from);
	world_forget();
	for (unsigned i = 0; i < count; i++) {
		size_t at = HEAD_BYTES +
			    (seed >> 8 & 0xffff) % (saved[i].n - HEAD_BYTES);

		saved[i].bytes[at] ^= (uint8_t)seed;
		uint64_t with = 0;

		for (unsigned j = 0; j < i && !with; j++)
			if (conversations[j] == conversations[i])
				with = number[j];
		saved[i].bytes[at] ^= (uint8_t)seed;
		if (seed)
			seal(&saved[i], to);
		rc = restore(to, &saved[i], with);
		assert(rc == 0 || seed);
		number[i] = rc ? 0 : to->last_call;
	}
	return to;
}

static void
arbitrary(struct sip_tracker *tracker, const struct row *row,
	  struct capture_rd *rd)
{
	static struct saved saved;
	size_t n;
	const uint8_t *bytes = row_bytes(row, rd, &n);
	const uint32_t check =
	    htole32((uint32_t)sip__tracker_hash(tracker, SIP_SAVE_KEY_CHECK));

	if (row->what % 16 == 6) {
		memcpy(saved.bytes, bytes, n);
		saved.n = n;
	} else {
		saved.bytes[0] = SIP_SAVE_VERSION;
		memcpy(saved.bytes + 1, &check, sizeof(check));
		memcpy(saved.bytes + HEAD_BYTES, bytes, n);
		saved.n = HEAD_BYTES + n + SEAL_BYTES;
		seal(&saved, tracker);
	}
	(void)restore(tracker, &saved, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct capture_rd rd = capture_rd_init(bytes, n);
	struct sip_tracker *tracker = world_begin();
	struct row row;

	while (row_next(&row, &rd)) {
		switch (row.what % 16) {
		case 3:
			tracker = restart(tracker, 0);
			break;
		case 4:
			tracker = restart(tracker, row.seed);
			break;
		case 5:
		case 6:
			arbitrary(tracker, &row, &rd);
			break;
		default:
			row_run(tracker, &row, &rd);
		}
	}
	world_end(tracker);
	return 0;
}
