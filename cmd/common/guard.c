/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the purge may go by the clock, and how it went. */
#include "cmd/common/guard.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/sweep.h"

#define BOOT_PATH "/proc/sys/kernel/random/boot_id"

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static unsigned
hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* A UUID, "-" between its parts; what cannot be read is another start. */
static void
read_boot(uint8_t boot[STORE_BOOT_BYTES])
{
	int fd = open(BOOT_PATH, O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	size_t digits = 0;

	memset(boot, 0, STORE_BOOT_BYTES);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n && digits < 2 * (size_t)STORE_BOOT_BYTES;
	     i++) {
		uint8_t *byte = &boot[digits / 2];

		if (!isxdigit((unsigned char)text[i]))
			continue;
		*byte = (uint8_t)((unsigned)*byte << 4 |
				  hex_value((char)tolower(text[i])));
		digits++;
	}
}

void
guard_read(struct guard_reading *reading)
{
	struct timex timex = { .modes = 0 };
	int state = adjtimex(&timex);

	reading->wall_ns = clock_ns(CLOCK_REALTIME);
	reading->boottime_ns = clock_ns(CLOCK_BOOTTIME);
	read_boot(reading->boot);
	reading->synchronised =
	    state >= 0 && state != TIME_ERROR && !(timex.status & STA_UNSYNC);
}

/* ---- the verdict ------------------------------------------------------- */

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static bool
same_start(const struct store_pulse *last, const struct guard_reading *now)
{
	static const uint8_t none[STORE_BOOT_BYTES];

	return memcmp(last->boot, none, sizeof(none)) != 0 &&
	       memcmp(last->boot, now->boot, sizeof(none)) == 0 &&
	       now->boottime_ns >= last->anchor_boottime_ns;
}

static enum guard_verdict
within(int64_t wall_ns, int64_t expected_ns, int64_t less_ns, int64_t more_ns)
{
	if (wall_ns < add(expected_ns, -less_ns))
		return GUARD_SET_BACK;
	return wall_ns > add(expected_ns, more_ns) ? GUARD_AHEAD
						   : GUARD_TRUSTED;
}

enum guard_verdict
guard_decide(const struct store_pulse *last, const struct guard_reading *now,
	     bool synchronised)
{
	bool same = same_start(last, now);
	int64_t passed_ns =
	    same ? now->boottime_ns - last->anchor_boottime_ns : 0;
	int64_t expected_ns =
	    same ? add(last->anchor_ns, passed_ns) : last->trusted_ns;
	int64_t jump_ns = GUARD_JUMP_NS + passed_ns / GUARD_DRIFT;

	if (synchronised && !now->synchronised)
		return GUARD_UNSYNCHRONISED;
	if (!last->trusted_ns || (now->synchronised && !last->sure))
		return GUARD_TRUSTED;
	if (now->synchronised)
		return within(now->wall_ns, expected_ns, GUARD_SERVER_NS,
			      GUARD_SERVER_NS);
	return within(now->wall_ns, expected_ns, jump_ns,
		      same ? jump_ns : GUARD_OFF_NS);
}

static void
set_anchor(struct store_pulse *pulse, const struct guard_reading *now,
	   bool sure)
{
	memcpy(pulse->boot, now->boot, sizeof(pulse->boot));
	pulse->anchor_ns = now->wall_ns;
	pulse->anchor_boottime_ns = now->boottime_ns;
	pulse->sure = sure;
}

void
guard_trust(struct store_pulse *pulse, const struct guard_reading *now)
{
	if (now->synchronised || !pulse->trusted_ns || !same_start(pulse, now))
		set_anchor(pulse, now, now->synchronised);
	pulse->trusted_ns = now->wall_ns;
}

void
guard_confirm(struct store_pulse *pulse, const struct guard_reading *now)
{
	set_anchor(pulse, now, true);
	pulse->trusted_ns = now->wall_ns;
}

const char *
guard_text(enum guard_verdict verdict)
{
	static const char *const texts[GUARD_VERDICT_COUNT] = {
		[GUARD_TRUSTED] = "",
		[GUARD_SET_BACK] =
		    ("the clock was set back behind the time at which it was "
		     "trusted last: nothing is purged until it is right, or "
		     "'spanrec purge --clock-is-right' says that it is"),
		[GUARD_AHEAD] =
		    ("the clock is far ahead of the time at which it was "
		     "trusted last: nothing is purged until it is right, a "
		     "time server says so, or 'spanrec purge "
		     "--clock-is-right' does"),
		[GUARD_UNSYNCHRONISED] =
		    ("the policy wants a clock that is synchronised, and it is "
		     "not: nothing is purged until a time server is heard"),
	};

	return verdict < GUARD_VERDICT_COUNT ? texts[verdict] : "";
}

/* ---- how it went ------------------------------------------------------- */

void
guard_note(struct store_pulse *pulse, int64_t now_ns,
	   enum guard_verdict verdict, const struct sweep_result *swept,
	   int error)
{
	pulse->swept_ns = now_ns;
	pulse->verdict = (uint8_t)verdict;
	if (!swept)
		return;
	pulse->overdue = swept->overdue;
	pulse->failed = swept->failed;
	if (error == 0 && swept->failed == 0)
		pulse->well_ns = now_ns;
}

const char *
guard_span_text(int64_t span_ns, char *text, size_t bytes)
{
	const int64_t minutes = span_ns / (INT64_C(60) * 1000000000);

	if (minutes < 120)
		snprintf(text, bytes, "%" PRId64 " minute%s", minutes,
			 minutes == 1 ? "" : "s");
	else if (minutes < INT64_C(48) * 60)
		snprintf(text, bytes, "%" PRId64 " hours", minutes / 60);
	else
		snprintf(text, bytes, "%" PRId64 " days",
			 minutes / INT64_C(1440));
	return text;
}
