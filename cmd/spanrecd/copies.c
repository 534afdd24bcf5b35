/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See copies.h. */
#include "cmd/spanrecd/copies.h"

#include <string.h>

enum { UNKNOWN, TAKEN, MISSING };

/* How far behind the newest; negative: before it. */
static int16_t
behind(const struct copies *c, uint16_t sequence)
{
	return (int16_t)(uint16_t)(c->newest - sequence);
}

/* Make a number the newest. What was at the places it passes is forgotten. */
static void
advance(struct copies *c, uint16_t sequence)
{
	int16_t ahead = (int16_t)-behind(c, sequence);

	if (!c->begun || ahead >= COPIES_PACKETS || ahead <= -COPIES_PACKETS) {
		memset(c->state, UNKNOWN, sizeof(c->state));
		c->newest = sequence;
	}
	c->begun = true;
	for (; ahead > 0 && c->newest != sequence; ahead--) {
		c->newest++;
		c->state[c->newest % COPIES_PACKETS] = UNKNOWN;
	}
}

enum copies_answer
copies_look(const struct copies *c, uint16_t sequence, uint32_t timestamp)
{
	uint32_t at = sequence % COPIES_PACKETS;
	int16_t age = behind(c, sequence);

	if (!c->begun || age < 0 || age >= COPIES_PACKETS)
		return COPIES_NEW;
	if (c->state[at] == MISSING)
		return COPIES_FOUND;
	return c->state[at] == TAKEN && c->timestamp[at] == timestamp
		   ? COPIES_AGAIN
		   : COPIES_NEW;
}

void
copies_note(struct copies *c, uint16_t sequence, uint32_t timestamp)
{
	advance(c, sequence);
	c->state[sequence % COPIES_PACKETS] = TAKEN;
	c->timestamp[sequence % COPIES_PACKETS] = timestamp;
}

uint32_t
copies_gap(struct copies *c, uint16_t first, uint32_t count)
{
	uint32_t missing = 0;

	for (; count > 0; count--, first++) {
		uint8_t *state = &c->state[first % COPIES_PACKETS];

		advance(c, first);
		missing += *state == UNKNOWN;
		if (*state == UNKNOWN)
			*state = MISSING;
	}
	return missing;
}
