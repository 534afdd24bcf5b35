/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clocks a second time, slowly and in another way, to hold the real ones
 * against: the calendar is counted day by day, offsets are those of the C
 * library, and a moment is found by what a clock on the wall shows.
 */
#ifndef CMD_TESTING_SLOW_CLOCK_H
#define CMD_TESTING_SLOW_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** From when on which offset holds. */
struct slow_span {
	int64_t from_s;
	int32_t offset_s;
};

struct slow_zone {
	size_t count;
	struct slow_span *spans;
};

/** All that happens in a zone from 1968 to 2130. Sets TZ of the process; aborts
 * if memory is short. */
void slow_zone_init(struct slow_zone *zone, const char *name);
void slow_zone_fini(struct slow_zone *zone);

/**
 * So many months later by the calendar on the wall, on the last day of the
 * month where that has not so many days. From 1970 to 2125.
 *
 * @param first_ns when a clock on the wall first shows that time, or one behind
 * @param last_ns when it last shows it, or one before
 */
void slow_months(const struct slow_zone *zone, int64_t start_ns,
		 unsigned months, int64_t *first_ns, int64_t *last_ns);

/** What the clock on the wall shows, in ns as if it were UTC. */
int64_t slow_local_ns(const struct slow_zone *zone, int64_t time_ns);

/** When the clock on the wall first shows that. */
int64_t slow_first_ns(const struct slow_zone *zone, int64_t local_ns);

/** So many months before that time on the wall; -1: there is no such day. */
int64_t slow_months_before(int64_t local_ns, unsigned months);

#endif
