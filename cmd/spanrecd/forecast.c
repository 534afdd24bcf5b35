/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the disk will be full. By what is free, not by what we write: others
 * write too, and what is purged is free again. */
#include "cmd/spanrecd/forecast.h"

enum { MINUTE_S = 60, HOUR_S = 3600, KNOWN_S = 600 };

static void
note(struct forecast_sample *samples, uint32_t room, uint32_t *count,
     const struct forecast_sample *sample, int64_t every_s)
{
	if (*count &&
	    sample->at_s - samples[(*count - 1) % room].at_s < every_s)
		return;
	samples[(*count)++ % room] = *sample;
}

void
forecast_note(struct forecast *forecast, int64_t now_s, uint64_t free_bytes)
{
	const struct forecast_sample sample = { now_s, free_bytes };

	note(forecast->minutes, FORECAST_MINUTES, &forecast->minutes_count,
	     &sample, MINUTE_S);
	note(forecast->hours, FORECAST_HOURS, &forecast->hours_count, &sample,
	     HOUR_S);
}

/** Since the oldest that is kept. */
static void
rate_since(struct forecast_rate *rate, const struct forecast_sample *samples,
	   uint32_t room, uint32_t count, const struct forecast_sample *now)
{
	const struct forecast_sample *oldest =
	    &samples[count > room ? count % room : 0];
	uint64_t bytes_hour, passed_s;

	if (!count || now->at_s - oldest->at_s < KNOWN_S)
		return;
	rate->known = true;
	if (now->free_bytes >= oldest->free_bytes)
		return;
	passed_s = (uint64_t)(now->at_s - oldest->at_s);
	/* In floating point: a disk of petabytes would overflow. */
	bytes_hour = (uint64_t)((double)(oldest->free_bytes - now->free_bytes) *
				HOUR_S / (double)passed_s);
	if (bytes_hour > rate->bytes_hour)
		rate->bytes_hour = bytes_hour;
}

struct forecast_rate
forecast_rate(const struct forecast *forecast, int64_t now_s,
	      uint64_t free_bytes)
{
	const struct forecast_sample now = { now_s, free_bytes };
	struct forecast_rate rate = { .full_in_s = UINT64_MAX };

	rate_since(&rate, forecast->minutes, FORECAST_MINUTES,
		   forecast->minutes_count, &now);
	rate_since(&rate, forecast->hours, FORECAST_HOURS,
		   forecast->hours_count, &now);
	if (rate.bytes_hour)
		rate.full_in_s = (uint64_t)((double)free_bytes /
					    (double)rate.bytes_hour * HOUR_S);
	return rate;
}
