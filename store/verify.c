/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is everything there, and is it what was recorded? Without the private key:
 * framing, length, and the hash of heads and tags, which show cuts, swaps and
 * what was put together anew; with it: every byte, and that the counts of
 * packets add up. And the other way round: what is there that should not be.
 */
#include "store/store.h"
#include "store/scrub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

static int found(struct store_finding *finding, enum store_finding_type type,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/** @return 1, for `return found(...)` */
static int
found(struct store_finding *finding, enum store_finding_type type,
      const char *format, ...)
{
	va_list ap;

	finding->type = type;
	va_start(ap, format);
	vsnprintf(finding->detail, sizeof(finding->detail), format, ap);
	va_end(ap);
	return 1;
}

/* ---- what needs no key ------------------------------------------------- */

static int
check_erased(const struct store_archive *archive,
	     const struct store_segment *segment, struct store_finding *finding)
{
	struct store_sealed_key sealed;
	char path[STORE__PATH_BYTES];
	int r;

	if (!segment->key_day)
		return 0;
	store__recording_path(path, segment->key_day, segment->id,
			      segment->scrubs);
	if (faccessat(archive->dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return found(finding, STORE_FINDING_NOT_ERASED,
			     "purged, but %s is there", path);
	if (errno != ENOENT)
		return -errno;
	r = store__keyring_read(archive, segment->key_day, segment->key_slot,
				&sealed);
	if (r == 0)
		return found(finding, STORE_FINDING_NOT_ERASED,
			     "purged, but its key is there: day %" PRIu32
			     ", slot %" PRIu32,
			     segment->key_day, segment->key_slot);
	if (r == -EBADMSG)
		return found(finding, STORE_FINDING_NOT_ERASED,
			     "purged, but its key is not marked as destroyed: "
			     "day %" PRIu32 ", slot %" PRIu32
			     " holds other bytes",
			     segment->key_day, segment->key_slot);
	return r == -ENOKEY ? 0 : r;
}

/** Does the length of the file agree with the index? */
static int
check_length(const struct store__walk *walk,
	     const struct store_segment *segment, struct store_finding *finding)
{
	const bool open = segment->state == STORE_STATE_RECORDING;

	if (walk->malformed && !open)
		return found(finding, STORE_FINDING_DAMAGED,
			     "chunk %" PRIu32 " at offset %" PRIu64
			     " has a damaged head",
			     walk->chunks, walk->good_bytes);
	if (walk->chunks < segment->chunks)
		return found(finding, STORE_FINDING_CUT,
			     "cut off at offset %" PRIu64 ": %" PRIu32
			     " of %" PRIu32 " chunks are there",
			     walk->good_bytes, walk->chunks, segment->chunks);
	if (open)
		return 0;
	if (walk->chunks > segment->chunks ||
	    walk->good_bytes != walk->file_bytes)
		return found(finding, STORE_FINDING_DAMAGED,
			     "there is more than the %" PRIu32
			     " chunks that the index knows",
			     segment->chunks);
	if (store_segment_unheld(segment) == STORE_STATE_STORED && !walk->final)
		return found(finding, STORE_FINDING_CUT,
			     "chunk %" PRIu32 " at offset %" PRIu64
			     " should be there and be the last",
			     walk->chunks, walk->good_bytes);
	return 0;
}

static int
check_framing(struct store__walk *walk, int fd,
	      const struct store_segment *segment,
	      struct store_finding *finding)
{
	int r = store__walk_file(walk, fd);

	if (r == -EBADMSG && walk->file_bytes < STORE__HEADER_BYTES)
		return found(finding, STORE_FINDING_CUT,
			     "cut off within the header");
	if (r == -EBADMSG || r == -EPROTO)
		return found(finding, STORE_FINDING_DAMAGED,
			     r == -EPROTO ? "the header is of a version that "
					    "is not known"
					  : "the header is damaged");
	if (r)
		return r;
	if (strcmp(walk->header.id, segment->id) != 0)
		return found(finding, STORE_FINDING_SWAPPED,
			     "this is the file of %s", walk->header.id);
	if (walk->header.key_day != segment->key_day ||
	    walk->header.key_slot != segment->key_slot)
		return found(finding, STORE_FINDING_DAMAGED,
			     "the header names another key than the index");
	return check_length(walk, segment, finding);
}

/* ---- what does --------------------------------------------------------- */

struct counted {
	uint64_t frames[STORE_STREAMS_MAX];
	uint64_t missing[STORE_STREAMS_MAX][STORE_REASON_COUNT]; /**< in gaps */
	uint64_t payload_bytes;
	uint32_t totals;                    /**< items seen */
	uint32_t scrubs;                    /**< likewise */
	uint8_t replaced[STORE_HASH_BYTES]; /**< as the last of them says */
	struct store_stream streams[STORE_STREAMS_MAX];
};

static bool
adds_up(const struct store_stream *s)
{
	uint64_t sum = s->stored + s->late + s->duplicate;

	for (size_t i = 0; i < STORE_REASON_COUNT; i++)
		sum += s->dropped[i];
	return sum == s->seen && !s->dropped[STORE_REASON_loss] &&
	       !s->dropped[STORE_REASON_kernel] &&
	       s->expected == s->seen - s->duplicate + s->lost;
}

/** Do the gaps tell of no more packets than the totals? */
static bool
gaps_fit(const uint64_t missing[STORE_REASON_COUNT],
	 const struct store_stream *s)
{
	uint64_t unseen = 0;

	for (size_t i = 0; i < STORE_REASON_COUNT; i++) {
		if (i == STORE_REASON_loss || i == STORE_REASON_overrun ||
		    i == STORE_REASON_kernel)
			unseen += missing[i];
		else if (missing[i] > s->dropped[i])
			return false;
	}
	return unseen <= s->lost + s->late + s->dropped[STORE_REASON_overrun];
}

static bool
same_counts(const struct store_stream *a, const struct store_stream *b)
{
	return a->side == b->side && a->ssrc == b->ssrc && a->seen == b->seen &&
	       a->stored == b->stored && a->late == b->late &&
	       a->duplicate == b->duplicate && a->lost == b->lost &&
	       a->expected == b->expected && a->gaps == b->gaps &&
	       memcmp(a->dropped, b->dropped, sizeof(a->dropped)) == 0;
}

static int
check_counts(const struct counted *counted, const struct store_segment *segment,
	     struct store_finding *finding)
{
	if (counted->totals != segment->streams_count)
		return found(finding, STORE_FINDING_COUNTS,
			     "totals of %" PRIu32
			     " streams in the file, %" PRIu32 " in the index",
			     counted->totals, segment->streams_count);
	for (uint32_t i = 0; i < counted->totals; i++) {
		const struct store_stream *s = &counted->streams[i];

		if (!adds_up(s))
			return found(finding, STORE_FINDING_COUNTS,
				     "the packets of stream %" PRIu32
				     " do not add up",
				     i);
		if (!gaps_fit(counted->missing[i], s))
			return found(finding, STORE_FINDING_COUNTS,
				     "the gaps of stream %" PRIu32
				     " have more packets than its totals",
				     i);
		if (counted->frames[i] != s->stored)
			return found(finding, STORE_FINDING_COUNTS,
				     "stream %" PRIu32 " has %" PRIu64
				     " frames, its totals say %" PRIu64,
				     i, counted->frames[i], s->stored);
		if (!same_counts(s, &segment->streams[i]))
			return found(finding, STORE_FINDING_COUNTS,
				     "the totals of stream %" PRIu32
				     " differ between file and index",
				     i);
	}
	if (counted->payload_bytes != segment->bytes)
		return found(finding, STORE_FINDING_COUNTS,
			     "%" PRIu64
			     " bytes of payload in the file, %" PRIu64
			     " in the index",
			     counted->payload_bytes, segment->bytes);
	return 0;
}

/** Do file and index name the same file as the one that was before? */
static int
check_scrubs(const struct counted *counted, const struct store_segment *segment,
	     struct store_finding *finding)
{
	if (counted->scrubs == segment->scrubs &&
	    memcmp(counted->replaced, segment->replaced, STORE_HASH_BYTES) == 0)
		return 0;
	return found(finding, STORE_FINDING_COUNTS,
		     "parts were taken out %" PRIu32
		     " times by the file, %" PRIu32
		     " times by the index, or of another file",
		     counted->scrubs, segment->scrubs);
}

static int
count_items(struct store_reader *reader, struct counted *counted,
	    struct store_finding *finding)
{
	struct store_item item;
	uint64_t offset;
	uint32_t chunk;
	int r;

	while ((r = store_reader_next(reader, &item)) > 0) {
		if (item.type == STORE_ITEM_FRAME) {
			counted->frames[item.stream]++;
			counted->payload_bytes += item.frame.payload_bytes;
		}
		if (item.type == STORE_ITEM_GAP)
			counted->missing[item.stream][item.gap.reason] +=
			    item.gap.packets;
		if (item.type == STORE_ITEM_TOTALS) {
			counted->streams[item.stream] = item.totals;
			counted->totals++;
		}
		if (item.type == STORE_ITEM_SCRUBBED) {
			memcpy(counted->replaced, item.scrubbed.file_hash,
			       STORE_HASH_BYTES);
			counted->scrubs++;
		}
	}
	if (r != -EBADMSG)
		return r;
	store__reader_place(reader, &chunk, &offset);
	return found(finding, STORE_FINDING_DAMAGED,
		     "chunk %" PRIu32 " at offset %" PRIu64
		     " does not authenticate",
		     chunk, offset);
}

/** "0123456789abcdef or fedcba9876543210". @return text */
static const char *
keys_text(const struct store_sealed_key *sealed, char *text, size_t bytes)
{
	static const uint8_t unknown[STORE_FINGERPRINT_BYTES];
	char one[2 * STORE_FINGERPRINT_BYTES + 1];
	size_t n = 0;

	snprintf(text, bytes, "another one");
	for (uint32_t i = 0; i < sealed->count; i++) {
		if (memcmp(sealed->fingerprints[i], unknown, sizeof(unknown)) ==
		    0)
			continue;
		store_hex(one, sealed->fingerprints[i],
			  STORE_FINGERPRINT_BYTES);
		n += (size_t)snprintf(text + n, bytes - n, "%s%s",
				      n ? " or " : "key ", one);
	}
	return text;
}

/** @param error of reading it, or of opening it with the private key */
static int
key_finding(const struct store_archive *archive,
	    const struct store_segment *segment, int error,
	    struct store_finding *finding)
{
	const uint32_t day = segment->key_day, slot = segment->key_slot;
	struct store_sealed_key sealed;
	char keys[STORE_RECIPIENTS_MAX * (2 * STORE_FINGERPRINT_BYTES + 4) + 8];

	if (error == -ENOKEY &&
	    store__keyring_read(archive, day, slot, &sealed) == 0)
		return found(finding, STORE_FINDING_KEY_OTHER,
			     "slot %" PRIu32 " of day %" PRIu32
			     " is sealed to %s, not to this private key",
			     slot, day, keys_text(&sealed, keys, sizeof(keys)));
	return found(finding, STORE_FINDING_KEY_MISSING,
		     "the key in slot %" PRIu32 " of day %" PRIu32 " is %s",
		     slot, day, error == -EBADMSG ? "damaged" : "gone");
}

/** Whether it is the right one shows only with the private key. */
static int
check_slot(const struct store_archive *archive,
	   const struct store_segment *segment, struct store_finding *finding)
{
	struct store_sealed_key sealed;
	int r = store__keyring_read(archive, segment->key_day,
				    segment->key_slot, &sealed);

	return r == -ENOKEY || r == -EBADMSG
		   ? key_finding(archive, segment, r, finding)
		   : r;
}

static int
check_contents(struct store_archive *archive,
	       const struct store_identity *identity,
	       const struct store_segment *segment,
	       struct store_finding *finding)
{
	const enum store_state state = store_segment_unheld(segment);
	struct counted *counted = NULL;
	struct store_reader *reader;
	bool final;
	int r = store_reader_open(&reader, archive, identity, segment);

	/* The header was sound a moment ago: what is damaged is the slot. */
	if (r == -ENOKEY || r == -EBADMSG)
		return key_finding(archive, segment, r, finding);
	if (r)
		return r;
	counted = calloc(1, sizeof(*counted));
	r = counted ? count_items(reader, counted, finding) : -ENOMEM;
	/* One that was interrupted has no totals to hold against. */
	if (r == 0) {
		(void)store__reader_chunks(reader, &final);
		if (final && state != STORE_STATE_INTERRUPTED &&
		    state != STORE_STATE_RECORDING)
			r = check_counts(counted, segment, finding);
		if (r == 0)
			r = check_scrubs(counted, segment, finding);
	}
	free(counted);
	store_reader_close(&reader);
	return r;
}

static int
check_file(struct store_archive *archive, const struct store_identity *identity,
	   const struct store_segment *segment, struct store_finding *finding)
{
	struct store__walk walk;
	char path[STORE__PATH_BYTES];
	int fd, r;

	store__recording_path(path, segment->key_day, segment->id,
			      segment->scrubs);
	fd = store__file_open(archive->dir_fd, path, O_RDONLY);
	if (fd == -EBADMSG)
		return found(finding, STORE_FINDING_DAMAGED, "%s is no file",
			     path);
	if (fd < 0 && fd != -ENOENT)
		return fd;
	if (fd < 0 && segment->chunks == 0 &&
	    store_segment_unheld(segment) != STORE_STATE_STORED)
		return 0; /* stopped before anything was on the disk */
	if (fd < 0)
		return found(finding, STORE_FINDING_FILE_MISSING,
			     "%s is not there", path);
	r = check_framing(&walk, fd, segment, finding);
	close(fd);
	if (r == 0)
		r = identity
			? check_contents(archive, identity, segment, finding)
			: check_slot(archive, segment, finding);
	if (r == 0 && segment->state != STORE_STATE_RECORDING &&
	    memcmp(walk.hash, segment->file_hash, STORE_HASH_BYTES) != 0)
		return found(finding, STORE_FINDING_DAMAGED,
			     "the hash of its chunks differs from the index");
	return r;
}

int
store_verify(struct store_archive *archive,
	     const struct store_identity *identity,
	     const struct store_segment *segment, struct store_finding *finding)
{
	int r = 0;

	memset(finding, 0, sizeof(*finding));
	finding->id = segment->id;
	if (segment->state == STORE_STATE_PURGED)
		r = check_erased(archive, segment, finding);
	else if (segment->key_day)
		r = check_file(archive, identity, segment, finding);
	else if (store_segment_unheld(segment) == STORE_STATE_STORED)
		r = found(finding, STORE_FINDING_FILE_MISSING,
			  "the index names no key for it");
	/* A bad place on the disk is damage like any other. */
	if (r < 0 && !store__error_is_ours(r))
		return found(finding, STORE_FINDING_DAMAGED,
			     "it cannot be read: %s", strerror(-r));
	return r;
}

/* ---- what should not be there ------------------------------------------ */

typedef int (*finding_fn)(void *ctx, const struct store_finding *finding);

struct orphans {
	struct store_archive *archive;
	finding_fn fn;
	void *ctx;
	MDB_dbi table;                   /**< whose keys are looked at */
	struct store__policies policies; /**< those that decided */
	struct used_slot *slots;
	size_t count, room;
};

/** A slot that a row knows. */
struct used_slot {
	uint64_t day_slot;
	bool purged;
};

#define FILE_NAME_BYTES 512

static int
tell(const struct orphans *o, enum store_finding_type type, const char *name,
     const char *detail)
{
	struct store_finding finding = { .id = name };

	found(&finding, type, "%s", detail);
	return o->fn(o->ctx, &finding);
}

static int
row_find(const struct orphans *o, const char *id, struct store_segment *segment)
{
	MDB_txn *txn;
	int r = store__read_begin(o->archive, &txn);

	if (r)
		return r;
	r = store__row_get(o->archive, txn, id, segment);
	store__read_end(o->archive, txn);
	return r;
}

/** What may not be read is no damage, but has a name. @param r negative errno
 */
static int
refused(const struct orphans *o, const char *path, int r)
{
	return r == -EACCES || r == -EPERM
		   ? tell(o, STORE_FINDING_REFUSED, path, strerror(-r))
		   : r;
}

/** A file of a recording that has another one now, or had. */
static int
audio_version(struct orphans *o, const char *path,
	      const struct store_segment *segment, uint32_t scrubs)
{
	struct store_scrub scrub;
	int r = store_scrub_get(o->archive, segment->id, &scrub);

	if (r && r != -ENOENT && r != -EBADMSG && r != -EPROTO)
		return r;
	/* Beside a writer: it is being made. What is done and not finished is
	 * told by itself. */
	if (r == 0 && scrub.state == STORE_SCRUB_BEGUN &&
	    scrubs == segment->scrubs + 1)
		return 0;
	if (r == 0 && scrub.state == STORE_SCRUB_DONE &&
	    scrubs == segment->scrubs - 1)
		return 0;
	if (scrubs < segment->scrubs)
		return tell(o, STORE_FINDING_NOT_ERASED, path,
			    "a part was taken out of this recording, and this "
			    "is a file from before");
	return tell(o, STORE_FINDING_FILE_UNKNOWN, path,
		    "no row of the index knows this file");
}

/** @param path of a file below audio/ */
static int
audio_file(struct orphans *o, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char id[STORE_SEGMENT_ID_BYTES], right_path[STORE__PATH_BYTES];
	struct store_segment segment;
	uint32_t scrubs;
	int r = store__recording_name_parse(name, id, &scrubs);

	r = r ? -ENOENT : row_find(o, id, &segment);
	if (r == -ENOENT)
		return tell(o, STORE_FINDING_FILE_UNKNOWN, path,
			    "no row of the index knows this file");
	if (r == -EBADMSG || r == -EPROTO)
		return 0; /* the row is told by itself */
	if (r)
		return r;
	if (segment.state == STORE_STATE_PURGED)
		return tell(o, STORE_FINDING_NOT_ERASED, path,
			    "this recording was purged");
	store__recording_path(right_path, segment.key_day, segment.id, scrubs);
	if (strcmp(path, right_path) != 0)
		return tell(o, STORE_FINDING_FILE_UNKNOWN, path,
			    "this recording belongs in another folder");
	return scrubs == segment.scrubs
		   ? 0
		   : audio_version(o, path, &segment, scrubs);
}

/** @param depth of folders below: audio/2019/03/28 has three */
static int
audio_folder(struct orphans *o, const char *path, int depth)
{
	char below[FILE_NAME_BYTES];
	struct dirent *entry;
	DIR *dir;
	int r = 0;
	int fd = openat(o->archive->dir_fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return refused(o, path, -errno);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path,
			     entry->d_name) >= (int)sizeof(below))
			r = -ENAMETOOLONG;
		else if (depth > 0 && entry->d_type == DT_DIR)
			r = audio_folder(o, below, depth - 1);
		else
			r = audio_file(o, below);
	}
	closedir(dir);
	return r;
}

static int
slot_add(struct orphans *o, const struct used_slot *slot)
{
	struct used_slot *slots;
	size_t room;

	if (o->count == o->room) {
		room = o->room ? 2 * o->room : 1024;
		slots = realloc(o->slots, room * sizeof(*slots));
		if (!slots)
			return -ENOMEM;
		o->slots = slots;
		o->room = room;
	}
	o->slots[o->count++] = *slot;
	return 0;
}

static int
slot_note(struct orphans *o, const struct store_segment *segment)
{
	const struct used_slot slot = {
		.day_slot =
		    (uint64_t)segment->key_day << 32 | segment->key_slot,
		.purged = segment->state == STORE_STATE_PURGED,
	};

	return segment->key_day ? slot_add(o, &slot) : 0;
}

/** The key of a file that is being made, or that is to go. */
static int
scrub_check(void *ctx, const struct store_scrub *scrub)
{
	const struct used_slot slot = {
		.day_slot = (uint64_t)scrub->key_day << 32 | scrub->key_slot
	};
	struct orphans *o = ctx;
	struct store_segment segment;
	int r = scrub->key_day ? slot_add(o, &slot) : 0;

	if (r == 0 && scrub->state == STORE_SCRUB_DONE)
		return tell(o, STORE_FINDING_NOT_ERASED, scrub->id,
			    "a part was taken out of it, and what was before "
			    "is not deleted yet");
	if (r == 0)
		r = row_find(o, scrub->id, &segment);
	if (r == -ENOENT)
		return tell(o, STORE_FINDING_INDEX, scrub->id,
			    "a part is to be taken out of it, but the index "
			    "has no row of it");
	return r == -EBADMSG || r == -EPROTO ? 0 : r;
}

static int
scrub_skipped(void *ctx, const struct store__key *key, int error)
{
	struct orphans *o = ctx;
	char name[STORE__KEY_NAME_BYTES];

	store__key_name(name, key);
	return tell(o, STORE_FINDING_INDEX, name,
		    error == -EPROTO
			? "that a part is to be taken out of it is noted in a "
			  "version that is not known"
			: "that a part is to be taken out of it is noted, but "
			  "cannot be read");
}

/* ---- the index --------------------------------------------------------- */

/** Do all keys lead to this row that should, and does it fit its holds? */
static int
row_ways(struct orphans *o, const char *id)
{
	struct store_finding finding = { .id = id };
	struct store_segment segment;
	const char *missing = NULL, *holds = NULL;
	MDB_txn *txn;
	int r = store__read_begin(o->archive, &txn);

	if (r)
		return r;
	/* Read again: beside a writer, row and keys have to be of one time. */
	r = store__row_get(o->archive, txn, id, &segment);
	if (r == 0) {
		missing = store__way_missing(o->archive, txn, &segment);
		holds = store__holds_wrong(o->archive, txn, &segment);
	}
	store__read_end(o->archive, txn);
	if (r && r != -ENOENT && r != -EBADMSG && r != -EPROTO)
		return r;
	r = 0;
	if (missing) {
		found(&finding, STORE_FINDING_INDEX,
		      "the index has its row, but no key to it in '%s'",
		      missing);
		r = o->fn(o->ctx, &finding);
	}
	return r == 0 && holds ? tell(o, STORE_FINDING_INDEX, id, holds) : r;
}

static int
row_check(void *ctx, const struct store_segment *segment)
{
	struct orphans *o = ctx;
	int r = slot_note(o, segment);

	if (r == 0)
		r = store__policies_note(&o->policies, segment->policy);
	return r ? r : row_ways(o, segment->id);
}

static int
row_skipped(void *ctx, const struct store__key *key, int error)
{
	struct orphans *o = ctx;
	char name[STORE__KEY_NAME_BYTES];

	store__key_name(name, key);
	return tell(o, STORE_FINDING_INDEX, name,
		    error == -EPROTO
			? "its row in the index is of a version that is not "
			  "known"
			: "its row in the index cannot be read");
}

static int
way_check(void *ctx, const struct store_segment *segment)
{
	struct orphans *o = ctx;

	if (o->table != o->archive->tables.purging)
		return 0;
	return tell(o, STORE_FINDING_NOT_ERASED, segment->id,
		    "its deletion was begun, and is not finished");
}

static int
way_skipped(void *ctx, const struct store__key *key, int error)
{
	struct orphans *o = ctx;
	char name[STORE__KEY_NAME_BYTES];
	struct store_finding finding = { .id = name };

	/* A row that cannot be read was told already, once. */
	if (error == -EBADMSG || error == -EPROTO)
		return 0;
	store__key_name(name, key);
	found(&finding, STORE_FINDING_INDEX,
	      error == -ENOENT
		  ? "the index has a key in '%s', but no row to it"
		  : "the index has a key in '%s' that is not its row's",
	      store__table_name(o->archive, o->table));
	return o->fn(o->ctx, &finding);
}

static int
call_skipped(void *ctx, const struct store__key *key, int error)
{
	struct orphans *o = ctx;
	char name[STORE__KEY_NAME_BYTES];

	store__key_name(name, key);
	return tell(o, STORE_FINDING_INDEX, name,
		    error == -EPROTO
			? "a call in progress is noted in a version that is "
			  "not known"
			: "a call in progress is noted, but cannot be read");
}

static int
index_check(struct orphans *o)
{
	const struct store__tables *t = &o->archive->tables;
	const MDB_dbi ways[] = { t->times,  t->numbers,    t->extensions,
				 t->clocks, t->tombstones, t->live,
				 t->longer, t->purging };
	int r = store__table_walk(o->archive, t->segments, row_check,
				  row_skipped, o);

	for (size_t i = 0; r == 0 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (!ways[i])
			continue;
		o->table = ways[i];
		r = store__table_walk(o->archive, ways[i], way_check,
				      way_skipped, o);
	}
	if (r == 0)
		r = store__scrub_walk(o->archive, scrub_check, scrub_skipped,
				      o);
	return r ? r : store__live_walk(o->archive, NULL, call_skipped, o);
}

/* ---- the keyring ------------------------------------------------------- */

static int
slot_compare(const void *a, const void *b)
{
	const struct used_slot *x = a, *y = b;

	return (x->day_slot > y->day_slot) - (x->day_slot < y->day_slot);
}

/** @param state STORE__SLOT_KEY, or -EBADMSG: neither a key nor destroyed */
static int
keyring_slot(struct orphans *o, const char *name, uint64_t day_slot, int state)
{
	struct used_slot *used, key = { .day_slot = day_slot };

	used = o->count ? bsearch(&key, o->slots, o->count, sizeof(key),
				  slot_compare)
			: NULL;
	/* A recording tells of its own key; and where no row knows it, it is
	 * one that a crash cut short. */
	if (state == -EBADMSG)
		return used && used->purged
			   ? tell(o, STORE_FINDING_NOT_ERASED, name,
				  "this recording was purged, but its key is "
				  "not marked as destroyed: other bytes are "
				  "there")
			   : 0;
	if (used && !used->purged)
		return 0;
	if (used)
		return tell(o, STORE_FINDING_NOT_ERASED, name,
			    "this recording was purged");
	return tell(o, STORE_FINDING_KEY_UNUSED, name,
		    "no row that can be read knows this key");
}

/** @param bytes NULL: not all of it is there */
static int
slot_check(struct orphans *o, const char *name, uint64_t day_slot,
	   const uint8_t *bytes)
{
	struct store_sealed_key sealed;
	int state = -EBADMSG;

	if (bytes && sodium_is_zero(bytes, STORE__SLOT_BYTES))
		return 0;
	if (bytes)
		state = store__slot_decode(bytes, (uint32_t)(day_slot >> 32),
					   (uint32_t)day_slot, &sealed);
	return state == STORE__SLOT_DESTROYED
		   ? 0
		   : keyring_slot(o, name, day_slot, state);
}

static int
keyring_slots(struct orphans *o, const char *path, uint32_t day, int fd)
{
	uint8_t bytes[STORE__SLOT_BYTES];
	char name[FILE_NAME_BYTES];
	off_t data;
	int r = 0;

	/* From data to data: a hole may be of any length, and has no keys. */
	for (uint32_t slot = 0; r == 0; slot++) {
		data = lseek(fd, (off_t)slot * STORE__SLOT_BYTES, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		if (data / STORE__SLOT_BYTES >= UINT32_MAX)
			return tell(o, STORE_FINDING_DAMAGED, path,
				    "it goes on where there can be no slot");
		slot = (uint32_t)(data / STORE__SLOT_BYTES);
		r = store__pread(fd, bytes, sizeof(bytes),
				 (uint64_t)slot * sizeof(bytes));
		snprintf(name, sizeof(name), "%s slot %" PRIu32, path, slot);
		if (r == -EIO)
			r = tell(o, STORE_FINDING_DAMAGED, name,
				 "it cannot be read");
		else if (r == 0 || r == -ENODATA)
			r = slot_check(o, name, (uint64_t)day << 32 | slot,
				       r == 0 ? bytes : NULL);
	}
	return r;
}

/** Is as much there as the index knows was there? */
static int
keyring_length(const struct orphans *o, const char *path, uint32_t day, int fd)
{
	char words[80];
	uint64_t known, slots;
	struct stat st;
	MDB_txn *txn;
	int r = fstat(fd, &st) ? -errno : store__read_begin(o->archive, &txn);

	if (r)
		return r;
	r = store__index_slots(o->archive, txn, day, &known);
	store__read_end(o->archive, txn);
	slots =
	    ((uint64_t)st.st_size + STORE__SLOT_BYTES - 1) / STORE__SLOT_BYTES;
	if (r || slots >= known)
		return r;
	(void)!snprintf(words, sizeof(words),
			"cut off: %" PRIu64 " of %" PRIu64 " slots are there",
			slots, known);
	return tell(o, STORE_FINDING_CUT, path, words);
}

static int
keyring_file(struct orphans *o, const char *name)
{
	char path[STORE__PATH_BYTES], right_path[STORE__PATH_BYTES];
	unsigned year, month, mday;
	uint32_t day;
	int fd, r;

	if (sscanf(name, "%4u-%2u-%2u", &year, &month, &mday) != 3)
		return tell(o, STORE_FINDING_FILE_UNKNOWN, name,
			    "this is no keyring");
	day = year * 10000 + month * 100 + mday;
	snprintf(path, sizeof(path), "keyring/%.60s", name);
	store__keyring_path(right_path, day);
	if (strcmp(path, right_path) != 0)
		return tell(o, STORE_FINDING_FILE_UNKNOWN, name,
			    "this is no keyring");
	fd = store__file_open(o->archive->dir_fd, path, O_RDONLY);
	if (fd == -EACCES)
		return refused(o, path, fd);
	if (fd < 0)
		return store__error_is_ours(fd)
			   ? fd
			   : tell(o, STORE_FINDING_DAMAGED, path,
				  "it cannot be read");
	r = keyring_slots(o, path, day, fd);
	if (r == 0)
		r = keyring_length(o, path, day, fd);
	close(fd);
	return r;
}

static int
keyring_folder(struct orphans *o)
{
	struct dirent *entry;
	DIR *dir;
	int r = 0;
	int fd = openat(o->archive->dir_fd, "keyring",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return refused(o, "keyring", -errno);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			r = keyring_file(o, entry->d_name);
	closedir(dir);
	return r;
}

int
store_verify_orphans(struct store_archive *archive,
		     int (*fn)(void *ctx, const struct store_finding *),
		     void *ctx)
{
	struct orphans o = { .archive = archive, .fn = fn, .ctx = ctx };
	const char *table = "";
	int r = store__index_read(archive, &table);

	if (r == -EBADMSG)
		r = tell(&o, STORE_FINDING_INDEX, table,
			 "a page of this table of the index cannot be read");
	if (r == 0)
		r = audio_folder(&o, "audio", 3);
	if (r == 0)
		r = index_check(&o);
	if (r == 0 && o.count)
		qsort(o.slots, o.count, sizeof(*o.slots), slot_compare);
	if (r == 0)
		r = keyring_folder(&o);
	if (r == 0)
		r = store__policies_check(archive, &o.policies, fn, ctx);
	store__policies_fini(&o.policies);
	free(o.slots);
	return r;
}
