/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clock guard: may the purge go by the clock on the wall? A clock that was
 * set by mistake, a battery that is flat, a time server that lies: nothing of
 * it may delete what has to be kept. The archive remembers when its clock was
 * trusted last (struct store_pulse), and what is shown now is held against it.
 *
 *   the clock now                                       verdict
 *   the policy wants it synchronised, and it is not     unsynchronised
 *   the archive knows of no time yet                    trusted
 *
 *   synchronised, within a year of what it should be    trusted
 *   synchronised, further off, and what it should be
 *     was never sure (not synchronised, not confirmed)  trusted
 *
 *   since the same start of the machine, within 5 min
 *     (and 0.5 ms a second) of what it should be        trusted
 *     less                                              set back
 *     more                                              ahead
 *   since another start, from 5 min less to 7 days
 *     more than when it was trusted last                trusted
 *     less                                              set back
 *     more                                              ahead
 *
 * What it should be: since the same start the time at which it was trusted
 * first, or was sure last, and all that has passed since then, also asleep;
 * many small steps add up to a large one. Since another start nobody knows how
 * long the machine was off: the time of the last trust, at least.
 *
 * So a recorder that was off for three weeks goes on by itself as soon as a
 * time server is heard, or else waits for somebody who says that the clock is
 * right; and one whose clock comes up in 2036 waits. A year, because that is
 * more than a recorder is off for, and less than what the errors of time
 * servers come to (1,024 weeks, where a receiver counts them anew). While it is
 * not trusted nothing is deleted by it, and what was trusted stays what it was:
 * where the clock is put right again, the purge goes on.
 *
 * Somebody's word (guard_confirm) is as good as a time server's, but not where
 * the policy wants one.
 */
#ifndef CMD_COMMON_GUARD_H
#define CMD_COMMON_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/pulse.h"

/** It may be so much off, since the same start of the machine. */
#define GUARD_JUMP_NS   (INT64_C(300) * 1000000000)
/** ... and one part in so many of the time that has passed: no oscillator is
 * worse, nor does the kernel slew faster. */
#define GUARD_DRIFT     2000
/** Since another start: a recorder may be off for so long. */
#define GUARD_OFF_NS    (INT64_C(7) * 86400 * 1000000000)
/** No time server is believed further. */
#define GUARD_SERVER_NS (INT64_C(366) * 86400 * 1000000000)

/** What the clocks of a machine show at a moment. */
struct guard_reading {
	int64_t wall_ns;
	int64_t boottime_ns;            /**< since its start, asleep too */
	uint8_t boot[STORE_BOOT_BYTES]; /**< which start; all 0: unknown */
	bool synchronised;              /**< the kernel says so */
};

enum guard_verdict {
	GUARD_TRUSTED,
	GUARD_SET_BACK,
	GUARD_AHEAD,
	GUARD_UNSYNCHRONISED,
	GUARD_VERDICT_COUNT
};

/** The clocks of this machine. @cost four system calls, one of them a file */
void guard_read(struct guard_reading *reading);

/**
 * @param last what the archive remembers; all 0: nothing
 * @param synchronised does the policy want that? policy_clock_synchronised
 */
enum guard_verdict guard_decide(const struct store_pulse *last,
				const struct guard_reading *now,
				bool synchronised);

/** This clock was trusted: remember it. */
void guard_trust(struct store_pulse *pulse, const struct guard_reading *now);

/** Somebody says that it is right. */
void guard_confirm(struct store_pulse *pulse, const struct guard_reading *now);

/** What the ledger says of it, under "clock". */
#define GUARD_CONFIRMED "the clock is right, whatever it showed before"

/** "the clock was set back: ..., so nothing is purged"; "" if it is trusted.
 * What to do is in there. */
const char *guard_text(enum guard_verdict verdict);

/** A purge that did not end well for so long is worth an alarm. */
#define GUARD_STALE_NS (INT64_C(600) * 1000000000)

struct sweep_result;

/**
 * A sweep ended, or the guard did not let it begin: remember how.
 *
 * @param swept NULL: it did not begin
 * @param error what sweep_run returned
 */
void guard_note(struct store_pulse *pulse, int64_t now_ns,
		enum guard_verdict verdict, const struct sweep_result *swept,
		int error);

/** "12 minutes", "3 hours", "184 days". @return text */
const char *guard_span_text(int64_t span_ns, char *text, size_t bytes);

#endif
