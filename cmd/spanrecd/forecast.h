/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the disk will be full, as it has been filling lately. */
#ifndef CMD_SPANRECD_FORECAST_H
#define CMD_SPANRECD_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

enum { FORECAST_MINUTES = 60, FORECAST_HOURS = 24 };

struct forecast_sample {
	int64_t at_s;
	uint64_t free_bytes;
};

/** What was free a while ago. All zero: nothing is known. */
struct forecast {
	struct forecast_sample minutes[FORECAST_MINUTES];
	struct forecast_sample hours[FORECAST_HOURS];
	uint32_t minutes_count, hours_count; /**< noted so far */
};

/** How it goes on if it goes on so. */
struct forecast_rate {
	bool known;           /**< ten minutes of samples are there at least */
	uint64_t bytes_hour;  /**< less each hour; 0: it does not get less */
	uint64_t full_in_s;   /**< UINT64_MAX: not, if so */
};

/** Once a second or more seldom: keeps one a minute, and one an hour.
 * @param now_s of a clock that is not set */
void forecast_note(struct forecast *forecast, int64_t now_s,
		   uint64_t free_bytes);

/** At the rate of the last hour or of the last day, whichever is faster. */
struct forecast_rate forecast_rate(const struct forecast *forecast,
				   int64_t now_s, uint64_t free_bytes);

#endif
