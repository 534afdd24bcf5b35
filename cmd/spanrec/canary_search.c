/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking for what was said: in every decrypted recording, and in every file
 * of the scratch archive and what the recorder printed, as it is.
 *
 * A marker is said again and again, so any eight bytes one after the other in
 * it, wherever they begin, tell it: there are 32 such windows of each. Of all
 * markers they lie sorted in one array, and a bitmap of their first two bytes
 * makes the search of what has none of them quick.
 */
#include "cmd/spanrec/canary_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "rtp/tones.h"

#define WINDOW 8

struct window {
	uint8_t bytes[WINDOW];
	uint32_t test;
	uint8_t phase, side;
};

struct search {
	struct canary *canary;
	struct window *windows;
	size_t count;
	uint8_t begins[65536 / 8]; /* bit: some window begins so */
	/* scratch archive */
	struct store_archive *archive;
	struct store_identity *identity;
};

static int
window_compare(const void *a, const void *b)
{
	return memcmp(a, b, WINDOW);
}

static unsigned
begin_of(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static void
add_marker(struct search *search, uint32_t test, int phase, int side)
{
	const uint8_t *marker = search->canary->tests[test].marker[phase][side];

	for (size_t i = 0; i < CANARY_MARKER_BYTES; i++) {
		struct window *window = &search->windows[search->count++];

		for (size_t k = 0; k < WINDOW; k++)
			window->bytes[k] =
			    marker[(i + k) % CANARY_MARKER_BYTES];
		window->test = test;
		window->phase = (uint8_t)phase;
		window->side = (uint8_t)side;
		search->begins[begin_of(window->bytes) / 8] |=
		    (uint8_t)(1 << begin_of(window->bytes) % 8);
	}
}

static int
search_init(struct search *search)
{
	size_t tests = search->canary->tests_count;
	size_t most =
	    tests * CANARY_PHASES * CANARY_SIDES * CANARY_MARKER_BYTES;

	search->windows = calloc(most, sizeof(*search->windows));
	if (!search->windows)
		return -ENOMEM;
	for (uint32_t test = 0; test < tests; test++)
		for (int phase = 0; phase < CANARY_PHASES; phase++)
			for (int side = 0; side < CANARY_SIDES; side++)
				add_marker(search, test, phase, side);
	qsort(search->windows, search->count, sizeof(*search->windows),
	      window_compare);
	return 0;
}

/* Whose eight bytes are these? NULL: nobody's */
static const struct window *
window_at(const struct search *search, const uint8_t *bytes)
{
	unsigned begin = begin_of(bytes);

	if (!(search->begins[begin / 8] >> begin % 8 & 1))
		return NULL;
	return bsearch(bytes, search->windows, search->count,
		       sizeof(*search->windows), window_compare);
}

static struct canary_found *
found_of(const struct search *search, const struct window *window)
{
	return &search->canary->tests[window->test]
		    .found[window->phase][window->side];
}

/* ---- decrypted ----------------------------------------------------------- */

/* One stream of a recording, its payloads one after the other. */
struct stream {
	uint8_t *bytes;
	size_t count, room;
	enum store_side side;
	bool events[128]; /* payload types that are telephone-event */
	struct rtp_tones *tones;
	uint32_t sequence; /* extended */
};

struct recording {
	const struct store_segment *segment;
	struct stream streams[STORE_STREAMS_MAX];
};

static int
add_payload(struct stream *stream, const struct store_frame *frame)
{
	size_t wanted = stream->count + frame->payload_bytes;

	if (!frame->payload_bytes)
		return 0;
	if (wanted > stream->room) {
		size_t room = wanted < 65536 ? 65536 : 2 * wanted;
		uint8_t *bytes = realloc(stream->bytes, room);

		if (!bytes)
			return -ENOMEM;
		stream->bytes = bytes;
		stream->room = room;
	}
	memcpy(stream->bytes + stream->count, frame->payload,
	       frame->payload_bytes);
	stream->count = wanted;
	return 0;
}

static void
say_where(struct canary_found *found, const struct recording *recording,
	  enum store_side side)
{
	if (!*found->where)
		snprintf(found->where, sizeof(found->where), "%s, %s side",
			 recording->segment->id,
			 side == STORE_LEFT ? "left" : "right");
}

static void
note_digit(struct search *search, const struct recording *recording,
	   enum store_side side)
{
	search->canary->digits.heard++;
	say_where(&search->canary->digits, recording, side);
}

static void
note_tones(struct search *search, const struct recording *recording,
	   enum store_side side, const struct rtp_tones_told *told)
{
	for (uint32_t i = 0; i < told->keys_count; i++)
		note_digit(search, recording, side);
}

/* All that is said is G.711. */
static int
hear(struct search *search, const struct recording *recording,
     struct stream *stream, const struct store_frame *frame)
{
	struct rtp_tones_told told = { 0 };
	struct rtp_format format;
	struct rtp_tones_frame in = { .timestamp = frame->timestamp,
				      .format = &format,
				      .payload = frame->payload,
				      .payload_bytes = frame->payload_bytes };

	if (!rtp_format_static(frame->payload_type, &format))
		return -EBADMSG;
	if (!stream->tones && rtp_tones_new(&stream->tones))
		return -ENOMEM;
	stream->sequence += (uint16_t)(frame->sequence - stream->sequence);
	in.sequence = stream->sequence;
	rtp_tones_take(stream->tones, &in, &told);
	note_tones(search, recording, stream->side, &told);
	return 0;
}

static int
take_frame(struct search *search, const struct recording *recording,
	   struct stream *stream, const struct store_frame *frame)
{
	int rc = 0;

	if (stream->events[frame->payload_type & 127])
		note_digit(search, recording, stream->side);
	else
		rc = hear(search, recording, stream, frame);
	return rc ? rc : add_payload(stream, frame);
}

static int
take_item(struct search *search, struct recording *recording,
	  const struct store_item *item)
{
	struct stream *stream = &recording->streams[item->stream];

	switch (item->type) {
	case STORE_ITEM_STREAM:
		stream->side = item->info.side;
		return 0;
	case STORE_ITEM_FORMAT:
		stream->events[item->format.payload_type & 127] =
		    !strcasecmp(item->format.encoding, "telephone-event");
		return 0;
	case STORE_ITEM_FRAME:
		return take_frame(search, recording, stream, &item->frame);
	case STORE_ITEM_GAP:
	case STORE_ITEM_TOTALS:
	case STORE_ITEM_SCRUBBED:
		break;
	}
	return 0;
}

static void
look_into(struct search *search, const struct recording *recording,
	  const struct stream *stream)
{
	struct rtp_tones_told told = { 0 };

	if (stream->tones)
		rtp_tones_end(stream->tones, &told);
	note_tones(search, recording, stream->side, &told);
	for (size_t i = 0; i + WINDOW <= stream->count; i++) {
		const struct window *window =
		    window_at(search, stream->bytes + i);

		if (!window)
			continue;
		found_of(search, window)->heard++;
		say_where(found_of(search, window), recording, stream->side);
	}
	search->canary->bytes += stream->count;
}

/* @return 0, -errno */
static int
read_recording(struct search *search, struct recording *recording)
{
	struct store_reader *reader;
	struct store_item item;
	int rc = store_reader_open(&reader, search->archive, search->identity,
				   recording->segment);

	if (rc)
		return rc;
	while ((rc = store_reader_next(reader, &item)) == 1) {
		rc = item.stream < STORE_STREAMS_MAX
			 ? take_item(search, recording, &item)
			 : -EBADMSG;
		if (rc)
			break;
	}
	store_reader_close(&reader);
	return rc;
}

/* A store_segment_fn. */
static int
search_recording(void *ctx, const struct store_segment *segment)
{
	struct search *search = ctx;
	struct recording *recording;
	int rc;

	if (segment->state == STORE_STATE_NONE ||
	    segment->state == STORE_STATE_PURGED)
		return 0;
	recording = calloc(1, sizeof(*recording));
	if (!recording)
		return -ENOMEM;
	recording->segment = segment;
	rc = read_recording(search, recording);
	for (size_t i = 0; i < STORE_STREAMS_MAX; i++) {
		if (!rc)
			look_into(search, recording, &recording->streams[i]);
		rtp_tones_free(&recording->streams[i].tones);
		free(recording->streams[i].bytes);
	}
	free(recording);
	search->canary->recordings++;
	return rc;
}

static int
search_archive(struct search *search)
{
	const struct store_query all = { .purged = true };
	char path[PATH_MAX];
	int rc = canary_path(search->canary, "home/vault.key", path);

	if (!rc)
		rc = store_identity_load(&search->identity, path);
	if (!rc)
		rc = canary_path(search->canary, "home/archive", path);
	if (!rc)
		rc = store_archive_open(&search->archive, path, STORE_READ,
					NULL, NULL);
	if (!rc)
		rc = store_search(search->archive, &all, search_recording,
				  search);
	if (!rc && store_rows_skipped(search->archive))
		rc = -EBADMSG;
	store_archive_close(&search->archive);
	store_identity_free(&search->identity);
	return rc;
}

/* ---- as it is ------------------------------------------------------------ */

static void
found_plain(struct canary_found *found, const char *name)
{
	if (!found->plain++)
		snprintf(found->where, sizeof(found->where), "the file %s",
			 name);
}

static void
search_bytes(struct search *search, const uint8_t *bytes, size_t n,
	     const char *name)
{
	static const char digits[] = CANARY_CARD_NUMBER;

	for (size_t i = 0; i + WINDOW <= n; i++) {
		const struct window *window = window_at(search, bytes + i);

		if (window)
			found_plain(found_of(search, window), name);
	}
	if (memmem(bytes, n, digits, sizeof(digits) - 1))
		found_plain(&search->canary->digits, name);
	search->canary->files++;
	search->canary->bytes += n;
}

static int
search_file(struct search *search, const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	void *bytes;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	if (!rc && st.st_size) {
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
			     fd, 0);
		if (bytes == MAP_FAILED) {
			rc = -errno;
		} else {
			search_bytes(search, bytes, (size_t)st.st_size, name);
			munmap(bytes, (size_t)st.st_size);
		}
	}
	close(fd);
	return rc;
}

/* All but the captures, which the recorder was given. */
static int
search_files(struct search *search)
{
	char *const paths[] = { search->canary->folder, NULL };
	size_t skip = strlen(search->canary->folder) + 1;
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	int rc = 0;

	if (!fts)
		return -errno;
	while (!rc && (entry = fts_read(fts))) {
		if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
		    entry->fts_info == FTS_NS)
			rc = -entry->fts_errno;
		else if (entry->fts_info == FTS_F &&
			 !(entry->fts_level == 1 &&
			   canary_is_capture(entry->fts_name)))
			rc = search_file(search, entry->fts_path,
					 entry->fts_path + skip);
	}
	fts_close(fts);
	return rc;
}

int
canary_search(struct canary *canary)
{
	struct search search = { .canary = canary };
	int rc = search_init(&search);

	if (!rc)
		rc = search_archive(&search);
	if (!rc)
		rc = search_files(&search);
	free(search.windows);
	if (!rc)
		return 0;
	log_error("the scratch archive cannot be searched: %s", strerror(-rc));
	return exit_code(rc);
}
