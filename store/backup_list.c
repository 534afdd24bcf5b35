/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What there is in a backup, as text: a manifest of all files but recordings,
 * and for each day a list of those. A list is written anew, under a new name,
 * only if something of its day has changed; the manifest names all of them with
 * their hashes, and ends with a hash of itself. All of it is read as if a
 * stranger had written it.
 */
#include "store/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/backup_priv.h"

#define MANIFEST  "manifest"
#define FIRST     "spanrec-manifest-1\n"
#define FIRST_ANY "spanrec-manifest-"
#define HEX_BYTES (2 * STORE_HASH_BYTES)

/* ---- text that grows ---------------------------------------------------- */

struct writing {
	char *text;
	size_t n, room;
	int error;
};

static void add(struct writing *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct writing *w, const char *format, ...)
{
	char line[512], *grown;
	va_list ap;
	size_t n;

	va_start(ap, format);
	n = (size_t)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (w->error || n >= sizeof(line)) {
		w->error = w->error ? w->error : -ENAMETOOLONG;
		return;
	}
	if (w->n + n + 1 > w->room) {
		w->room = 2 * w->room + 4096;
		grown = realloc(w->text, w->room);
		if (!grown) {
			w->error = -ENOMEM;
			return;
		}
		w->text = grown;
	}
	memcpy(w->text + w->n, line, n + 1);
	w->n += n;
}

static int
written(struct writing *w, char **text, size_t *n)
{
	if (w->error || !w->text) {
		free(w->text);
		*text = NULL;
		*n = 0;
		return w->error ? w->error : -ENOMEM;
	}
	*text = w->text;
	*n = w->n;
	return 0;
}

/* ---- text that is read -------------------------------------------------- */

/** One line, cut into words at single blanks. */
#define WORDS_MAX 6
struct line {
	char text[512];
	char *words[WORDS_MAX];
	size_t count;
};

/** @return 1, 0: at the end, -EBADMSG */
static int
line_next(struct line *line, const char **text, const char *end)
{
	const char *stop;
	size_t n;
	char *at;

	if (*text == end)
		return 0;
	stop = memchr(*text, '\n', (size_t)(end - *text));
	n = stop ? (size_t)(stop - *text) : sizeof(line->text);
	if (n >= sizeof(line->text) || memchr(*text, 0, n))
		return -EBADMSG;
	memcpy(line->text, *text, n);
	line->text[n] = '\0';
	*text = stop + 1;
	line->count = 0;
	at = line->text;
	do {
		if (line->count == WORDS_MAX)
			return -EBADMSG;
		line->words[line->count++] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = '\0';
	} while (at);
	return 1;
}

static int
number_parse(const char *word, uint64_t most, uint64_t *v)
{
	char *end;

	if (word[0] < '0' || word[0] > '9')
		return -EBADMSG;
	errno = 0;
	*v = strtoull(word, &end, 10);
	return errno || *end || *v > most ? -EBADMSG : 0;
}

static int
small_parse(const char *word, uint32_t *v)
{
	uint64_t wide = 0;
	int r = number_parse(word, UINT32_MAX, &wide);

	*v = (uint32_t)wide;
	return r;
}

static int
hash_parse(const char *word, uint8_t *hash, size_t n)
{
	if (strlen(word) != 2 * n || store_unhex(hash, n, word))
		return -EBADMSG;
	return 0;
}

/* ---- a day -------------------------------------------------------------- */

int
store__day_add(struct store__day_list *list, const struct store__kept *kept)
{
	size_t room = list->room ? 2 * list->room : 64;
	void *grown;

	if (list->count == list->room) {
		grown = reallocarray(list->kept, room, sizeof(*list->kept));
		if (!grown)
			return -ENOMEM;
		list->kept = grown;
		list->room = room;
	}
	list->kept[list->count++] = *kept;
	return 0;
}

static int
kept_compare(const void *a, const void *b)
{
	const struct store__kept *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void
store__day_sort(struct store__day_list *list)
{
	if (list->count)
		qsort(list->kept, list->count, sizeof(*list->kept),
		      kept_compare);
}

const struct store__kept *
store__day_find(const struct store__day_list *list, const char *id)
{
	struct store__kept key = { .day = 0 };

	if (!list->count ||
	    snprintf(key.id, sizeof(key.id), "%s", id) >= (int)sizeof(key.id))
		return NULL;
	return bsearch(&key, list->kept, list->count, sizeof(key),
		       kept_compare);
}

void
store__day_remove(struct store__day_list *list, const char *id)
{
	const struct store__kept *found = store__day_find(list, id);
	size_t i;

	if (!found)
		return;
	i = (size_t)(found - list->kept);
	memmove(&list->kept[i], &list->kept[i + 1],
		(--list->count - i) * sizeof(*list->kept));
}

bool
store__day_has_file(const struct store__day_list *list, const char *name)
{
	const struct store__kept *kept;
	char id[STORE_SEGMENT_ID_BYTES];
	uint32_t scrubs;

	if (store__recording_name_parse(name, id, &scrubs))
		return false;
	kept = store__day_find(list, id);
	return kept && kept->scrubs == scrubs;
}

void
store__day_fini(struct store__day_list *list)
{
	free(list->kept);
	*list = (struct store__day_list){ 0 };
}

int
store__day_text(const struct store__day_list *list, char **text, size_t *n)
{
	struct writing w = { 0 };
	char hex[HEX_BYTES + 1];

	for (size_t i = 0; i < list->count; i++) {
		const struct store__kept *kept = &list->kept[i];

		store_hex(hex, kept->hash, STORE_HASH_BYTES);
		add(&w, "%s %" PRIu32 " %" PRIu32 " %" PRIu64 " %s\n", kept->id,
		    kept->scrubs, kept->slot, kept->bytes, hex);
	}
	return written(&w, text, n);
}

static int
kept_parse(struct store__kept *kept, const struct line *line, uint32_t day)
{
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;
	int r;

	*kept = (struct store__kept){ .day = day };
	if (line->count != 5 || strlen(line->words[0]) >= sizeof(kept->id) ||
	    store__segment_id_parse(line->words[0], call, &segment))
		return -EBADMSG;
	memcpy(kept->id, line->words[0], strlen(line->words[0]) + 1);
	r = small_parse(line->words[1], &kept->scrubs);
	if (r == 0)
		r = small_parse(line->words[2], &kept->slot);
	if (r == 0)
		r = number_parse(line->words[3], INT64_MAX, &kept->bytes);
	return r ? r : hash_parse(line->words[4], kept->hash, STORE_HASH_BYTES);
}

int
store__day_parse(struct store__day_list *list, uint32_t day, const char *text,
		 size_t n)
{
	const char *end = text + n;
	struct store__kept kept;
	struct line line;
	int next, r = 0;

	*list = (struct store__day_list){ .day = day };
	while (r == 0 && (next = line_next(&line, &text, end)) != 0) {
		r = next < 0 ? next : kept_parse(&kept, &line, day);
		/* In order, each once: so it can be searched. */
		if (r == 0 && list->count &&
		    strcmp(list->kept[list->count - 1].id, kept.id) >= 0)
			r = -EBADMSG;
		if (r == 0)
			r = store__day_add(list, &kept);
	}
	if (r)
		store__day_fini(list);
	return r;
}

void
store__day_path(char path[STORE__BACKUP_PATH_BYTES], uint32_t day,
		uint64_t generation)
{
	snprintf(path, STORE__BACKUP_PATH_BYTES,
		 "days/%04" PRIu32 "-%02" PRIu32 "-%02" PRIu32 ".%" PRIu64,
		 day / 10000, day / 100 % 100, day % 100, generation);
}

bool
store__day_path_parse(const char *path, uint32_t *day)
{
	char again[STORE__BACKUP_PATH_BYTES];
	uint32_t part[3];
	uint64_t generation;
	char words[11];

	if (strncmp(path, "days/", 5) != 0 || strlen(path) < 17)
		return false;
	memcpy(words, path + 5, 10);
	words[10] = words[4] = words[7] = '\0';
	if (small_parse(words, &part[0]) || small_parse(words + 5, &part[1]) ||
	    small_parse(words + 8, &part[2]) ||
	    number_parse(path + 16, UINT64_MAX, &generation))
		return false;
	*day = part[0] * 10000 + part[1] * 100 + part[2];
	store__day_path(again, *day, generation);
	return strcmp(again, path) == 0;
}

int
store__day_read(const struct store__backup *backup,
		const struct store__manifest *manifest, uint32_t day,
		struct store__day_list *list)
{
	uint8_t hash[STORE_HASH_BYTES];
	uint32_t other;
	char *text = NULL;
	size_t n = 0;
	int r;

	*list = (struct store__day_list){ .day = day };
	for (size_t i = 0; i < manifest->count; i++) {
		const struct store__listed *file = &manifest->files[i];

		if (!store__day_path_parse(file->path, &other) || other != day)
			continue;
		r = store__read_all(backup->dir_fd, file->path, &text, &n);
		if (r)
			return r == -ENOENT ? -EBADMSG : r;
		store_hash(hash, text, n);
		r = memcmp(hash, file->hash, sizeof(hash)) != 0 ? -EBADMSG : 0;
		if (r == 0)
			r = store__day_parse(list, day, text, n);
		free(text);
		return r;
	}
	return 0;
}

/* ---- the manifest ------------------------------------------------------- */

int
store__manifest_add(struct store__manifest *manifest, const char *path,
		    uint64_t bytes, const uint8_t hash[STORE_HASH_BYTES])
{
	size_t room = manifest->room ? 2 * manifest->room : 64;
	struct store__listed *file;
	void *grown;

	if (strlen(path) >= sizeof(file->path))
		return -ENAMETOOLONG;
	if (manifest->count == manifest->room) {
		grown = reallocarray(manifest->files, room, sizeof(*file));
		if (!grown)
			return -ENOMEM;
		manifest->files = grown;
		manifest->room = room;
	}
	file = &manifest->files[manifest->count++];
	memcpy(file->path, path, strlen(path) + 1);
	file->bytes = bytes;
	memcpy(file->hash, hash, STORE_HASH_BYTES);
	return 0;
}

void
store__manifest_fini(struct store__manifest *manifest)
{
	free(manifest->files);
	*manifest = (struct store__manifest){ 0 };
}

const struct store__listed *
store__manifest_find(const struct store__manifest *manifest, const char *path)
{
	for (size_t i = 0; i < manifest->count; i++)
		if (strcmp(manifest->files[i].path, path) == 0)
			return &manifest->files[i];
	return NULL;
}

int
store__manifest_text(const struct store__manifest *m, char **text, size_t *n)
{
	uint8_t hash[STORE_HASH_BYTES];
	struct writing w = { 0 };
	char hex[HEX_BYTES + 1];

	store_hex(hex, m->id, sizeof(m->id));
	add(&w, FIRST "backup %s\ngeneration %" PRIu64 "\n", hex,
	    m->generation);
	add(&w, "began %" PRId64 "\nmade %" PRId64 "\n", m->began_ns,
	    m->made_ns);
	store_hex(hex, m->ledger_hash, STORE_HASH_BYTES);
	add(&w, "ledger %" PRIu64 " %s\n", m->ledger, hex);
	add(&w, "recordings %" PRIu64 "\nbytes %" PRIu64 "\nopen %" PRIu64 "\n",
	    m->recordings, m->bytes, m->open);
	for (size_t i = 0; i < m->count; i++) {
		store_hex(hex, m->files[i].hash, STORE_HASH_BYTES);
		add(&w, "file %s %" PRIu64 " %s\n", m->files[i].path,
		    m->files[i].bytes, hex);
	}
	if (w.error == 0) {
		store_hash(hash, w.text, w.n);
		store_hex(hex, hash, STORE_HASH_BYTES);
		add(&w, "end %s\n", hex);
	}
	return written(&w, text, n);
}

bool
store__backup_path_sound(const char *path)
{
	if (path[0] == '/' || path[0] == '.' || path[0] == '\0' ||
	    strstr(path, "/.") || strstr(path, "//"))
		return false;
	for (; *path; path++)
		if (*path <= ' ' || *path > '~')
			return false;
	return true;
}

static int
file_parse(struct store__manifest *m, const struct line *line)
{
	uint8_t hash[STORE_HASH_BYTES];
	uint64_t bytes;
	int r = line->count == 4 && store__backup_path_sound(line->words[1])
		    ? 0
		    : -EBADMSG;

	if (r == 0)
		r = number_parse(line->words[2], INT64_MAX, &bytes);
	if (r == 0)
		r = hash_parse(line->words[3], hash, sizeof(hash));
	return r ? r : store__manifest_add(m, line->words[1], bytes, hash);
}

static int
field_parse(struct store__manifest *m, const struct line *line)
{
	uint64_t began = 0, made = 0;
	const struct {
		const char *name;
		uint64_t *to;
	} numbers[] = {
		{ "generation", &m->generation },
		{ "began", &began },
		{ "made", &made },
		{ "recordings", &m->recordings },
		{ "bytes", &m->bytes },
		{ "open", &m->open },
	};
	int r = -EBADMSG;

	if (line->count < 2)
		return -EBADMSG;
	if (strcmp(line->words[0], "file") == 0)
		return file_parse(m, line);
	if (strcmp(line->words[0], "backup") == 0)
		return hash_parse(line->words[1], m->id, sizeof(m->id));
	if (strcmp(line->words[0], "ledger") == 0 && line->count == 3) {
		r = number_parse(line->words[1], INT64_MAX, &m->ledger);
		return r ? r
			 : hash_parse(line->words[2], m->ledger_hash,
				      STORE_HASH_BYTES);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strcmp(line->words[0], numbers[i].name) == 0)
			r = number_parse(line->words[1], INT64_MAX,
					 numbers[i].to);
	if (began)
		m->began_ns = (int64_t)began;
	if (made)
		m->made_ns = (int64_t)made;
	return r;
}

/** The last line is "end " and a hash of all before. @return where it is */
static const char *
end_check(const char *text, size_t n)
{
	const size_t last = STORE__MANIFEST_END_BYTES;
	uint8_t hash[STORE_HASH_BYTES];
	char hex[HEX_BYTES + 1];
	const char *end;

	if (n < last)
		return NULL;
	end = text + n - last;
	store_hash(hash, text, n - last);
	store_hex(hex, hash, STORE_HASH_BYTES);
	if (memcmp(end, "end ", 4) != 0 || end[last - 1] != '\n' ||
	    memcmp(end + 4, hex, HEX_BYTES) != 0)
		return NULL;
	return end;
}

int
store__manifest_parse(struct store__manifest *m, const char *text, size_t n)
{
	const char *end;
	struct line line;
	int next, r = 0;

	*m = (struct store__manifest){ 0 };
	if (n < strlen(FIRST_ANY) ||
	    memcmp(text, FIRST_ANY, strlen(FIRST_ANY)) != 0)
		return -EBADMSG;
	end = end_check(text, n);
	if (!end)
		return -EBADMSG;
	if (n < strlen(FIRST) || memcmp(text, FIRST, strlen(FIRST)) != 0)
		return -EPROTO;
	text += strlen(FIRST);
	while (r == 0 && (next = line_next(&line, &text, end)) != 0)
		r = next < 0 ? next : field_parse(m, &line);
	if (r == 0 && m->generation == 0)
		r = -EBADMSG;
	if (r)
		store__manifest_fini(m);
	return r;
}

int
store__manifest_read(const struct store__backup *backup,
		     struct store__manifest *manifest)
{
	char *text;
	size_t n;
	int r = store__read_all(backup->dir_fd, MANIFEST, &text, &n);

	*manifest = (struct store__manifest){ 0 };
	if (r == 0)
		r = store__manifest_parse(manifest, text, n);
	free(text);
	if (r == 0 &&
	    memcmp(manifest->id, backup->id, sizeof(manifest->id)) != 0) {
		store__manifest_fini(manifest);
		r = -EBADMSG;
	}
	return r;
}
