/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room on the disk: when recordings give way, and who is told. */
#include "cmd/spanrecd/room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "cmd/common/counters.h"
#include "cmd/common/log.h"
#include "cmd/spanrecd/pipeline.h"

#define SECOND_NS INT64_C(1000000000)

static const int64_t LOOK_NS = 5 * SECOND_NS;
/* Where deleting made no room. */
static const int64_t LATER_NS = 30 * SECOND_NS;
/* Where nothing can be deleted, until some are old enough. */
static const int64_t NONE_NS = 60 * SECOND_NS;

/* ---- when ---------------------------------------------------------------- */

bool
room_look(struct room *room, const struct giveway_disk *disk, uint32_t percent,
	  int64_t now_ns)
{
	room->look_ns = now_ns + LOOK_NS;
	room->before = *disk;
	room->recordings = room->bytes = 0;
	room->making = giveway_wanted(disk, percent, &room->want);
	return room->making;
}

enum room_news
room_note(struct room *room, const struct giveway_result *part, int64_t now_ns)
{
	const bool left = room->want.bytes || room->want.files;

	room->recordings += part->recordings;
	room->bytes += part->bytes;
	/* Those that cannot be deleted are not tried for ever. */
	if (left && part->more && part->recordings)
		return ROOM_MORE;
	room->making = false;
	room->look_ns = now_ns + (room->recordings ? LOOK_NS : NONE_NS);
	return room->recordings ? ROOM_MADE : ROOM_NONE;
}

bool
room_helped(struct room *room, const struct giveway_disk *disk, int64_t now_ns)
{
	if (disk->free_bytes >= room->before.free_bytes + room->bytes / 2)
		return true;
	room->look_ns = now_ns + LATER_NS;
	return false;
}

/* ---- for the archive thread ---------------------------------------------- */

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

int
room_disk(const char *archive_path, struct giveway_disk *disk)
{
	struct statvfs fs;

	if (statvfs(archive_path, &fs) < 0)
		return -errno;
	disk->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	disk->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	disk->free_files = fs.f_favail;
	disk->total_files = fs.f_files;
	return 0;
}

static void
note_none(struct room *room, struct pipeline *p, bool none)
{
	if (none && !room->none_told)
		log_error("the disk of the archive is nearly full, and nothing "
			  "can give way any more: new recordings stop when it "
			  "is full");
	room->none_told = none;
	atomic_store(&p->none_gives_way, none);
}

bool
room_wanted(struct room *room, struct pipeline *p, const struct policy *policy)
{
	const int64_t now = now_ns(CLOCK_MONOTONIC);
	struct giveway_disk disk;

	if (!p->config.home || !policy_gives_way(policy, NULL)) {
		room->making = false;
		note_none(room, p, false);
		return false;
	}
	if (room->making)
		return true;
	if (now < room->look_ns ||
	    room_disk(p->config.home->archive_path, &disk) < 0)
		return false;
	if (room_look(room, &disk, p->config.settings->disk_give_way_percent,
		      now))
		return true;
	note_none(room, p, false);
	return false;
}

void
room_put_off(struct room *room)
{
	room->making = false;
	room->look_ns = now_ns(CLOCK_MONOTONIC) + NONE_NS;
}

/* Loudly, each time. */
static void
tell_made(struct room *room, struct pipeline *p)
{
	char bytes[COUNTER_BYTES_TEXT_BYTES], more[COUNTER_BYTES_TEXT_BYTES];
	struct giveway_disk disk;
	uint64_t gained;

	atomic_store(&p->gave_way_ns, now_ns(CLOCK_REALTIME));
	counter_bytes_text(room->bytes, bytes);
	log_warning("the disk of the archive is full: %" PRIu64
		    " recording%s gave way before %s time, as the policy says "
		    "(%s of audio)",
		    room->recordings, room->recordings == 1 ? "" : "s",
		    room->recordings == 1 ? "its" : "their", bytes);
	if (room_disk(p->config.home->archive_path, &disk) < 0 ||
	    room_helped(room, &disk, now_ns(CLOCK_MONOTONIC)))
		return;
	gained = disk.free_bytes > room->before.free_bytes
		     ? disk.free_bytes - room->before.free_bytes
		     : 0;
	counter_bytes_text(gained, more);
	log_error("that made no more room than %s: something else fills the "
		  "disk of the archive, or keeps what was deleted, as a "
		  "snapshot does",
		  more);
}

void
room_make(struct room *room, struct pipeline *p,
	  const struct giveway_config *config)
{
	struct giveway_result part;
	int r = giveway_run(config, &room->want, &part);

	if (r < 0)
		atomic_store(&p->failed_ns, now_ns(CLOCK_REALTIME));
	counter_add(&p->archiver.counters, COUNTER_gave_way, part.recordings);
	switch (room_note(room, &part, now_ns(CLOCK_MONOTONIC))) {
	case ROOM_MORE:
		break;
	case ROOM_MADE:
		tell_made(room, p);
		note_none(room, p, false);
		break;
	case ROOM_NONE:
		/* What failed was told; it is another fault. */
		note_none(room, p, r == 0 && !part.failed);
		break;
	}
}
