/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What leads to a row of the index: its keys in the other tables. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/store_priv.h"
#include "store/cases.h"

/** @param text NULL: none @param time_ns NULL: none */
static void
way_add(struct store__ways *ways, MDB_dbi table, const char *text,
	const int64_t *time_ns, const struct store_segment *segment)
{
	struct store__way *way = &ways->way[ways->count++];

	assert(ways->count <= STORE__WAYS_MAX);
	way->table = table;
	way->key.bytes = 0;
	if (text)
		store__key_text(&way->key, text);
	if (time_ns)
		store__key_time(&way->key, *time_ns);
	store__key_segment(&way->key, segment->call, segment->segment);
}

/** Different numbers that are not empty. */
struct numbers {
	size_t count;
	char number[STORE__NUMBERS_MAX][STORE_NUMBER_BYTES];
};

static void
number_add(struct numbers *numbers, const char *number, size_t n)
{
	char *to = numbers->number[numbers->count];

	if (n == 0 || n >= STORE_NUMBER_BYTES ||
	    numbers->count == STORE__NUMBERS_MAX)
		return;
	for (size_t i = 0; i < numbers->count; i++)
		if (strncmp(numbers->number[i], number, n) == 0 &&
		    numbers->number[i][n] == '\0')
			return;
	memcpy(to, number, n);
	to[n] = '\0';
	numbers->count++;
}

static void
numbers_of(struct numbers *numbers, const struct store_segment *segment)
{
	const char *parties[] = { segment->from, segment->to, segment->local,
				  segment->remote };
	const char *line = segment->others;
	size_t n;

	numbers->count = 0;
	for (size_t i = 0; i < sizeof(parties) / sizeof(*parties); i++)
		number_add(numbers, parties[i], strlen(parties[i]));
	for (; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		number_add(numbers, line, n);
	}
}

bool
store__has_number(const struct store_segment *segment, const char *number)
{
	struct numbers numbers;

	numbers_of(&numbers, segment);
	for (size_t i = 0; i < numbers.count; i++)
		if (strcmp(numbers.number[i], number) == 0)
			return true;
	return false;
}

int64_t
store__length_most(const char *class)
{
	int64_t most = STORE__LONG_NS;

	if (class[0] < 'a' || class[0] > 'z' || class[1])
		return INT64_MAX;
	for (char c = 'a'; c <= class[0]; c++)
		if (__builtin_mul_overflow(most, 2, &most))
			return INT64_MAX;
	return most;
}

bool
store__length_class(char class[2], const struct store_segment *segment)
{
	int64_t length;

	if (__builtin_sub_overflow(segment->end_ns, segment->start_ns, &length))
		length = segment->end_ns > segment->start_ns ? INT64_MAX : 0;
	if (length <= STORE__LONG_NS)
		return false;
	memcpy(class, "a", 2);
	while (length > store__length_most(class))
		class[0]++;
	return true;
}

enum store_state
store_segment_unheld(const struct store_segment *segment)
{
	/* What is being recorded cannot be held. */
	return segment->state == STORE_STATE_HELD &&
		       segment->held_from != STORE_STATE_RECORDING
		   ? segment->held_from
		   : segment->state;
}

void
store_segment_counts(const struct store_segment *segment,
		     const char **retention, int64_t *from_ns)
{
	*retention = segment->retention;
	*from_ns = segment->call_start_ns;
	/* Of what was purged the note counts, from the start of the call. */
	if (segment->state == STORE_STATE_PURGED)
		return;
	for (size_t i = 0; i < STORE_SUCCESSORS_MAX; i++) {
		const struct store_successor *one = &segment->successors[i];

		if (!one->retention[0] || one->from_ns < *from_ns)
			continue;
		*retention = one->retention;
		*from_ns = one->from_ns;
	}
}

int
store__successor_add(struct store_segment *segment, const char *retention,
		     int64_t from_ns)
{
	struct store_successor *room = NULL;

	if (!*retention)
		return 0;
	for (size_t i = STORE_SUCCESSORS_MAX; i-- > 0;) {
		struct store_successor *one = &segment->successors[i];

		if (!one->retention[0])
			room = one;
		if (strcmp(one->retention, retention) == 0) {
			if (one->from_ns < from_ns)
				one->from_ns = from_ns;
			return 0;
		}
	}
	if (!room)
		return -EOVERFLOW;
	snprintf(room->retention, sizeof(room->retention), "%s", retention);
	room->from_ns = from_ns;
	return 0;
}

void
store__ways_of(struct store__ways *ways, const struct store__tables *tables,
	       const struct store_segment *segment)
{
	struct numbers numbers;
	const char *class;
	char length[2];
	int64_t from_ns;

	ways->count = 0;
	way_add(ways, tables->times, NULL, &segment->start_ns, segment);
	numbers_of(&numbers, segment);
	for (size_t i = 0; i < numbers.count; i++)
		way_add(ways, tables->numbers, numbers.number[i],
			&segment->start_ns, segment);
	if (segment->local[0])
		way_add(ways, tables->extensions, segment->local,
			&segment->start_ns, segment);
	store_segment_counts(segment, &class, &from_ns);
	if (segment->state != STORE_STATE_PURGED)
		way_add(ways, tables->clocks, class, &from_ns, segment);
	else if (tables->tombstones)
		way_add(ways, tables->tombstones, segment->retention,
			&segment->call_start_ns, segment);
	if (segment->state == STORE_STATE_RECORDING)
		way_add(ways, tables->live, NULL, NULL, segment);
	else if (tables->longer && store__length_class(length, segment))
		way_add(ways, tables->longer, length, &segment->start_ns,
			segment);
}

static bool
ways_hold(const struct store__ways *ways, const struct store__way *way)
{
	for (size_t i = 0; i < ways->count; i++)
		if (ways->way[i].table == way->table &&
		    ways->way[i].key.bytes == way->key.bytes &&
		    memcmp(ways->way[i].key.data, way->key.data,
			   way->key.bytes) == 0)
			return true;
	return false;
}

bool
store__way_right(const struct store_archive *archive, MDB_dbi table,
		 const MDB_val *key, const struct store_segment *segment)
{
	const struct store__tables *tables = &archive->tables;
	struct store__way way = { .table = table };
	struct store__ways ways;

	if (table == tables->segments)
		return true;
	if (table == tables->purging)
		return segment->state == STORE_STATE_PURGED;
	if (key->mv_size > sizeof(way.key.data))
		return false;
	way.key.bytes = key->mv_size;
	memcpy(way.key.data, key->mv_data, key->mv_size);
	store__ways_of(&ways, tables, segment);
	return ways_hold(&ways, &way);
}

const char *
store__way_missing(const struct store_archive *archive, MDB_txn *txn,
		   const struct store_segment *segment)
{
	struct store__ways ways;
	MDB_val key, none;

	store__ways_of(&ways, &archive->tables, segment);
	for (size_t i = 0; i < ways.count; i++) {
		key = store__key_val(&ways.way[i].key);
		if (mdb_get(txn, ways.way[i].table, &key, &none) ==
		    MDB_NOTFOUND)
			return store__table_name(archive, ways.way[i].table);
	}
	return NULL;
}

int
store__ways_change(MDB_txn *txn, struct store__ways *from,
		   struct store__ways *to)
{
	MDB_val key, none = { .mv_size = 0, .mv_data = NULL };
	int rc = 0;

	for (size_t i = 0; i < from->count && rc == 0; i++) {
		if (ways_hold(to, &from->way[i]))
			continue;
		key = store__key_val(&from->way[i].key);
		rc = mdb_del(txn, from->way[i].table, &key, NULL);
		if (rc == MDB_NOTFOUND)
			rc = 0;
	}
	for (size_t i = 0; i < to->count && rc == 0; i++) {
		if (ways_hold(from, &to->way[i]))
			continue;
		key = store__key_val(&to->way[i].key);
		rc = mdb_put(txn, to->way[i].table, &key, &none, 0);
	}
	return store__index_error(rc);
}
