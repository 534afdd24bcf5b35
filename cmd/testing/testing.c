/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/testing/testing.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local unsigned fail_at;
static _Thread_local unsigned allocations;
static _Thread_local const void *watched;
static _Thread_local size_t watched_bytes;
static _Thread_local unsigned not_wiped;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __real_free(void *p);
void __wrap_free(void *p);

static int
must_fail(void)
{
	allocations++;
	return fail_at && allocations == fail_at;
}

void *
__wrap_malloc(size_t n)
{
	return must_fail() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t count, size_t n)
{
	return must_fail() ? NULL : __real_calloc(count, n);
}

static bool
is_watched(void *p)
{
	return p && watched_bytes && malloc_usable_size(p) >= watched_bytes &&
	       memmem(p, malloc_usable_size(p), watched, watched_bytes);
}

void *
__wrap_realloc(void *p, size_t n)
{
	bool bad = is_watched(p);
	uintptr_t before = (uintptr_t)p;
	void *grown = must_fail() ? NULL : __real_realloc(p, n);

	not_wiped += bad && grown && (uintptr_t)grown != before;
	return grown;
}

void
__wrap_free(void *p)
{
	not_wiped += is_watched(p);
	__real_free(p);
}

void
testing_watch_free(const void *bytes, size_t n)
{
	watched = bytes;
	watched_bytes = n;
	not_wiped = 0;
}

unsigned
testing_not_wiped(void)
{
	return not_wiped;
}

void
testing_fail_allocation(unsigned nth)
{
	fail_at = nth;
	allocations = 0;
}

unsigned
testing_allocations(void)
{
	return allocations;
}

void *
testing_copy(const void *bytes, size_t n)
{
	void *copy = __real_malloc(n);

	assert(copy || n == 0);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

char *
testing_folder(void)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/spanrec-test-XXXXXX", base ? base : "/tmp") < 0)
		abort();
	if (!mkdtemp(path)) {
		perror(path);
		abort();
	}
	return path;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
testing_folder_remove(char *path)
{
	if (path)
		nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
}

unsigned
testing_folder_count(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned n = 0;

	if (!dir) {
		perror(path);
		abort();
	}
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return n;
}

uint8_t *
testing_read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;
	long length;

	if (!f || fseek(f, 0, SEEK_END) || (length = ftell(f)) < 0) {
		perror(path);
		abort();
	}
	rewind(f);
	bytes = __real_malloc((size_t)length + 1);
	assert(bytes);
	*n = fread(bytes, 1, (size_t)length, f);
	fclose(f);
	return bytes;
}

void
testing_write_file(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) {
		perror(path);
		abort();
	}
}
