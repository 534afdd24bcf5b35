/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a check found damaged in a backup: a list of paths in it, so that the
 * next backup copies these anew, which else looks at sizes alone.
 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/backup_priv.h"

#define NOTED "damaged"
#define FIRST "spanrec-damaged-1\n"

int
store__noted_add(struct store__noted *noted, const char *path)
{
	size_t room = noted->room ? 2 * noted->room : 16;
	const size_t n = strlen(path);
	void *grown;

	if (n >= sizeof(*noted->paths))
		return 0;
	if (noted->count == noted->room) {
		grown = reallocarray(noted->paths, room, sizeof(*noted->paths));
		if (!grown)
			return -ENOMEM;
		noted->paths = grown;
		noted->room = room;
	}
	memcpy(noted->paths[noted->count++], path, n + 1);
	return 0;
}

static int
path_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool
store__noted_has(const struct store__noted *noted, const char *path)
{
	char key[STORE__BACKUP_PATH_BYTES];
	const size_t n = strlen(path);

	if (!noted->count || n >= sizeof(key))
		return false;
	memcpy(key, path, n + 1);
	return bsearch(key, noted->paths, noted->count, sizeof(*noted->paths),
		       path_compare) != NULL;
}

void
store__noted_fini(struct store__noted *noted)
{
	free(noted->paths);
	*noted = (struct store__noted){ 0 };
}

/** As if a stranger had written it: each line a path, or it is passed over. */
static int
lines_take(struct store__noted *noted, char *text)
{
	char *line, *rest = text + strlen(FIRST);
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n")))
		if (store__backup_path_sound(line))
			r = store__noted_add(noted, line);
	if (noted->count)
		qsort(noted->paths, noted->count, sizeof(*noted->paths),
		      path_compare);
	return r;
}

void
store__noted_read(const struct store__backup *backup,
		  struct store__noted *noted)
{
	char *text;
	size_t n;
	int r = store__read_all(backup->dir_fd, NOTED, &text, &n);

	*noted = (struct store__noted){ 0 };
	if (r == 0 && strncmp(text, FIRST, strlen(FIRST)) == 0)
		r = lines_take(noted, text);
	free(text);
	if (r)
		store__noted_fini(noted);
}

int
store__noted_write(const struct store__backup *backup,
		   struct store__noted *noted)
{
	size_t n = strlen(FIRST), room = n + 1;
	char *text;
	int r;

	if (!noted->count)
		return unlinkat(backup->dir_fd, NOTED, 0) && errno != ENOENT
			   ? -errno
			   : 0;
	room += noted->count * sizeof(*noted->paths);
	text = malloc(room);
	if (!text)
		return -ENOMEM;
	memcpy(text, FIRST, n);
	/* Each once. */
	qsort(noted->paths, noted->count, sizeof(*noted->paths), path_compare);
	for (size_t i = 0; i < noted->count; i++) {
		const size_t length = strlen(noted->paths[i]);

		if (i && strcmp(noted->paths[i - 1], noted->paths[i]) == 0)
			continue;
		memcpy(text + n, noted->paths[i], length);
		n += length;
		text[n++] = '\n';
	}
	r = store__write_to(backup, backup->dir_fd, NOTED, text, n);
	free(text);
	return r == 0 && fsync(backup->dir_fd) ? -errno : r;
}
