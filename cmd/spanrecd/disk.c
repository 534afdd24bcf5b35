/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room for the archive: what there is, when it is used up, and who is told
 * before. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cmd/common/counters.h"
#include "cmd/common/log.h"
#include "cmd/spanrecd/control_priv.h"
#include "cmd/spanrecd/room.h"

enum { INDEX_FULL_PERCENT = 90, WORDS_BYTES = 256, DAY_S = 86400 };

static const int64_t DAY_NS = DAY_S * INT64_C(1000000000);

struct disk {
	struct giveway_disk is;
	struct forecast_rate rate;
};

/* Not by the wall clock, which may be set. */
static int64_t
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

static int
look(const struct control_state *c, struct disk *disk)
{
	int r = room_disk(c->pipeline->config.home->archive_path, &disk->is);

	if (r < 0)
		return r;
	disk->rate = forecast_rate(&c->forecast, now_s(), disk->is.free_bytes);
	return 0;
}

static bool
less_than(uint64_t part, uint64_t whole, uint32_t percent)
{
	return whole && (double)part * 100 < (double)whole * percent;
}

static void
rate_words(char words[WORDS_BYTES], const struct disk *disk)
{
	char rate[COUNTER_BYTES_TEXT_BYTES];
	const uint64_t hours = disk->rate.full_in_s / 3600;

	counter_bytes_text(disk->rate.bytes_hour, rate);
	(void)!snprintf(words, WORDS_BYTES,
			"the disk of the archive will be full in %" PRIu64
			" %s if it goes on so: %s less an hour",
			hours < 48 ? hours : hours / 24,
			hours < 48 ? "hours" : "days", rate);
}

/** @return whether there is something to be told */
static bool
disk_words(char words[WORDS_BYTES], const struct control_state *c,
	   const struct disk *disk)
{
	const struct home_settings *settings = &c->settings;

	if (less_than(disk->is.free_bytes, disk->is.total_bytes,
		      settings->disk_warn_percent)) {
		(void)!snprintf(words, WORDS_BYTES,
				"the disk of the archive is nearly full: "
				"%" PRIu64 " MiB are free",
				disk->is.free_bytes >> 20);
		return true;
	}
	if (less_than(disk->is.free_files, disk->is.total_files,
		      settings->disk_warn_percent)) {
		(void)!snprintf(words, WORDS_BYTES,
				"the disk of the archive is nearly full: it "
				"can have %" PRIu64 " files more",
				disk->is.free_files);
		return true;
	}
	if (!disk->rate.known ||
	    disk->rate.full_in_s >= (uint64_t)settings->disk_warn_days * DAY_S)
		return false;
	rate_words(words, disk);
	return true;
}

/** Of the index, which has a limit of its own. */
static bool
index_words(char words[WORDS_BYTES], const struct control_state *c)
{
	uint64_t used = atomic_load(&c->pipeline->index_used_bytes);
	uint64_t map = atomic_load(&c->pipeline->index_map_bytes);

	if (!map || less_than(used, map, INDEX_FULL_PERCENT))
		return false;
	(void)!snprintf(words, WORDS_BYTES,
			"the index of the archive is nearly full: %" PRIu64
			" of %" PRIu64 " MiB are used; set index_map_mib "
			"higher, and start the recorder again",
			used >> 20, map >> 20);
	return true;
}

/* What gave way is news for a day. */
static void
warn_gave_way(const struct control_state *c, json_t *warnings)
{
	uint64_t gave_way = pipeline_counter(c->pipeline, COUNTER_gave_way);
	int64_t last_ns = atomic_load(&c->pipeline->gave_way_ns);
	char words[WORDS_BYTES];

	if (atomic_load(&c->pipeline->none_gives_way))
		(void)json_array_append_new(
		    warnings,
		    json_string("the disk of the archive is nearly full, and "
				"nothing can give way any more: new recordings "
				"stop when it is full"));
	if (!last_ns || control__wall_ns() - last_ns > DAY_NS)
		return;
	(void)!snprintf(words, sizeof(words),
			"the disk of the archive was full: %" PRIu64
			" recording%s gave way before %s time ('spanrec report "
			"deletions')",
			gave_way, gave_way == 1 ? "" : "s",
			gave_way == 1 ? "its" : "their");
	(void)json_array_append_new(warnings, json_string(words));
}

/* Writers do not tell when: what they could not write is news for a while. */
static void
note_failed(struct control_state *c)
{
	uint64_t failed =
	    pipeline_counter(c->pipeline, COUNTER_recordings_failed);

	if (failed > c->failed_seen)
		atomic_store(&c->pipeline->failed_ns, control__wall_ns());
	c->failed_seen = failed;
}

void
control__disk_note(struct control_state *c)
{
	char words[WORDS_BYTES];
	struct disk disk;
	const int64_t now = now_s();
	bool little;

	if (!c->pipeline->config.live || !c->pipeline->config.home ||
	    now == c->disk_looked_s || look(c, &disk) < 0)
		return;
	c->disk_looked_s = now;
	note_failed(c);
	forecast_note(&c->forecast, now, disk.is.free_bytes);
	little = disk_words(words, c, &disk) || index_words(words, c);
	if (little && !c->disk_told)
		log_error("%s", words);
	else if (!little && c->disk_told)
		log_info("there is room for the archive again");
	c->disk_told = little;
}

/** How many recordings there is room for, if they are as long as those of this
 * run so far. */
static json_t *
recordings_left(const struct control_state *c, const struct disk *disk)
{
	uint64_t recordings = pipeline_counter(c->pipeline, COUNTER_recordings);
	uint64_t bytes = pipeline_counter(c->pipeline, COUNTER_payload_bytes);

	/* Too few say nothing; those that grow have not all their bytes. */
	if (recordings < 20 || !bytes)
		return json_null();
	return json_integer((json_int_t)((double)disk->is.free_bytes /
					 (double)bytes * (double)recordings));
}

/** Below so much free recordings give way, if the policy has any that do. */
static json_t *
give_way_json(const struct control_state *c, const struct giveway_disk *disk)
{
	if (!policy_gives_way(c->policy, NULL))
		return json_null();
	return json_integer((json_int_t)giveway_least(
	    disk->total_bytes, c->settings.disk_give_way_percent));
}

json_t *
control__disk_json(struct control_state *c, json_t *warnings)
{
	char words[WORDS_BYTES];
	struct disk disk;
	json_t *object;

	if (index_words(words, c))
		(void)json_array_append_new(warnings, json_string(words));
	warn_gave_way(c, warnings);
	if (look(c, &disk) < 0)
		return json_null();
	if (disk_words(words, c, &disk))
		(void)json_array_append_new(warnings, json_string(words));
	object =
	    json_pack("{s:I,s:I,s:o,s:I,s:I}", "free_bytes",
		      (json_int_t)disk.is.free_bytes, "total_bytes",
		      (json_int_t)disk.is.total_bytes, "recordings_left",
		      recordings_left(c, &disk), "index_used_bytes",
		      (json_int_t)atomic_load(&c->pipeline->index_used_bytes),
		      "index_map_bytes",
		      (json_int_t)atomic_load(&c->pipeline->index_map_bytes));
	(void)json_object_set_new(object, "give_way_below_bytes",
				  give_way_json(c, &disk.is));
	(void)json_object_set_new(
	    object, "bytes_hour",
	    disk.rate.known ? json_integer((json_int_t)disk.rate.bytes_hour)
			    : json_null());
	(void)json_object_set_new(
	    object, "full_in_s",
	    disk.rate.full_in_s == UINT64_MAX
		? json_null()
		: json_integer((json_int_t)disk.rate.full_in_s));
	return object;
}
