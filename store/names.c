/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of things: enumerations in words, ids of calls and segments, days, and
 * the paths that follow from them. */
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store_priv.h"

static const char *
name_of(const char *const *names, size_t count, size_t v)
{
	return v < count ? names[v] : "?";
}

const char *
store_kind_name(enum store_kind v)
{
	static const char *const names[STORE_KIND_COUNT] = {
		"agent", "queue", "hold", "consult", "transfer", "payment"
	};

	return name_of(names, STORE_KIND_COUNT, v);
}

const char *
store_route_name(enum store_route v)
{
	static const char *const names[STORE_ROUTE_COUNT] = { "in", "out",
							      "internal",
							      "transit" };

	return name_of(names, STORE_ROUTE_COUNT, v);
}

const char *
store_decision_name(enum store_decision v)
{
	static const char *const names[STORE_DECISION_COUNT] = {
		"record", "drop", "listen-deny", "out-of-scope"
	};

	return name_of(names, STORE_DECISION_COUNT, v);
}

const char *
store_state_name(enum store_state v)
{
	static const char *const names[STORE_STATE_COUNT] = {
		"recording", "interrupted", "stored", "held",
		"purged",    "damaged",     "none"
	};

	return name_of(names, STORE_STATE_COUNT, v);
}

const char *
store_reason_name(enum store_reason v)
{
	static const char *const names[STORE_REASON_COUNT] = {
#define X(name, text) #name,
		STORE_REASONS(X)
#undef X
	};

	return name_of(names, STORE_REASON_COUNT, v);
}

/** Whole seconds since 1970, rounded down before 1970 too. */
static time_t
seconds_of(int64_t time_ns)
{
	return (time_t)(time_ns / NS_PER_S - (time_ns % NS_PER_S < 0));
}

uint32_t
store_day(int64_t time_ns)
{
	time_t seconds = seconds_of(time_ns);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 +
			  tm.tm_mday);
}

void
store_call_id_make(char id[STORE_CALL_ID_BYTES], int64_t start_ns,
		   const char *sip_call_id, const char *from_tag, uint32_t bump)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	crypto_generichash_state state;
	uint8_t bytes[4], hash[STORE_HASH_BYTES];
	time_t seconds = seconds_of(start_ns);
	struct tm tm;
	uint64_t bits;
	size_t n;

	store__le_put(bytes, bump, sizeof(bytes));
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	/* With their NULs: "a" "bc" is not "ab" "c". */
	crypto_generichash_update(&state, (const uint8_t *)sip_call_id,
				  strlen(sip_call_id) + 1);
	crypto_generichash_update(&state, (const uint8_t *)from_tag,
				  strlen(from_tag) + 1);
	crypto_generichash_update(&state, bytes, sizeof(bytes));
	crypto_generichash_final(&state, hash, sizeof(hash));

	gmtime_r(&seconds, &tm);
	n = strftime(id, STORE_CALL_ID_BYTES, "%Y%m%dT%H%M%SZ-", &tm);
	bits = store__be_get(hash, 5);
	for (int i = 7; i >= 0; i--)
		id[n++] = alphabet[bits >> 5 * i & 31];
	id[n] = '\0';
}

bool
store__id_sound(const char *id)
{
	size_t n = strnlen(id, STORE_SEGMENT_ID_BYTES);

	if (n == 0 || n == STORE_SEGMENT_ID_BYTES || id[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '/')
			return false;
	return true;
}

int
store__segment_id_parse(const char *id, char call[STORE_CALL_ID_BYTES],
			uint32_t *segment)
{
	const char *dash = strrchr(id, '-');
	uint64_t v = 0;
	size_t n = dash ? (size_t)(dash - id) : 0;

	if (!store__id_sound(id) || n == 0 || n >= STORE_CALL_ID_BYTES)
		return -EINVAL;
	/* One spelling of a number only: "-07" is not "-7". */
	if (dash[1] < '1' || dash[1] > '9')
		return -EINVAL;
	for (const char *p = dash + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > UINT32_MAX)
			return -EINVAL;
	}
	memcpy(call, id, n);
	call[n] = '\0';
	*segment = (uint32_t)v;
	return 0;
}

void
store__segment_id_make(char id[STORE_SEGMENT_ID_BYTES], const char *call,
		       uint32_t segment)
{
	snprintf(id, STORE_SEGMENT_ID_BYTES, "%.*s-%" PRIu32,
		 STORE_CALL_ID_BYTES - 1, call, segment);
}

void
store__recording_path(char path[STORE__PATH_BYTES], uint32_t day,
		      const char *id, uint32_t scrubs)
{
	char again[16] = "";

	if (scrubs)
		snprintf(again, sizeof(again), ".%" PRIu64,
			 (uint64_t)scrubs + 1);
	snprintf(path, STORE__PATH_BYTES,
		 "audio/%04" PRIu32 "/%02" PRIu32 "/%02" PRIu32 "/%.*s%s.rec",
		 day / 10000 % 10000, day / 100 % 100, day % 100,
		 STORE_SEGMENT_ID_BYTES - 1, id, again);
}

int
store__recording_name_parse(const char *name, char id[STORE_SEGMENT_ID_BYTES],
			    uint32_t *scrubs)
{
	char call[STORE_CALL_ID_BYTES], text[STORE__PATH_BYTES];
	uint32_t segment;
	char *dot, *after;
	unsigned long v;
	size_t n = strlen(name);

	if (n < 4 || n - 4 >= sizeof(text) || strcmp(name + n - 4, ".rec") != 0)
		return -EINVAL;
	memcpy(text, name, n - 4);
	text[n - 4] = '\0';
	*scrubs = 0;
	if (store__segment_id_parse(text, call, &segment)) {
		/* "<id>.2": an id itself ends with a dash and digits. */
		dot = strrchr(text, '.');
		if (!dot || dot[1] < '1' || dot[1] > '9')
			return -EINVAL;
		v = strtoul(dot + 1, &after, 10);
		if (*after || v < 2 || v > UINT32_MAX)
			return -EINVAL;
		*scrubs = (uint32_t)(v - 1);
		*dot = '\0';
		if (store__segment_id_parse(text, call, &segment))
			return -EINVAL;
	}
	memcpy(id, text, strlen(text) + 1); /* parsed: it is no longer */
	return 0;
}

void
store__keyring_path(char path[STORE__PATH_BYTES], uint32_t day)
{
	snprintf(path, STORE__PATH_BYTES,
		 "keyring/%04" PRIu32 "-%02" PRIu32 "-%02" PRIu32 ".keys",
		 day / 10000 % 10000, day / 100 % 100, day % 100);
}
