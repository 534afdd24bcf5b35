/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of purges and scrubs share: the keys of a recording, a search
 * through every file, and a death between two steps. Goes behind
 * cmd/testing/testing.h. */
#ifndef STORE_PURGE_FIXTURE_PRIV_H
#define STORE_PURGE_FIXTURE_PRIV_H

#include "store/fixture_priv.h"

#include <ftw.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- keys -------------------------------------------------------------- */

/** Its file key, and that key as the keyring has it. */
static inline void
file_key(struct fixture *fx, const struct store_segment *s,
	 struct store_sealed_key *sealed, uint8_t key[STORE_FILE_KEY_BYTES])
{
	assert_int_equal(
	    store__keyring_read(fx->archive, s->key_day, s->key_slot, sealed),
	    0);
	assert_int_equal(
	    crypto_box_seal_open(key, sealed->sealed[0], STORE_SEALED_KEY_BYTES,
				 fx->identity->pub.bytes, fx->identity->secret),
	    0);
}

/* ---- search through every file ----------------------------------------- */

/** nftw has no context. */
static struct {
	const void *bytes;
	size_t n;
	unsigned files, indexes;
} needle;

static inline int
look_into(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	uint8_t *bytes;
	size_t n;

	(void)st;
	(void)ftw;
	if (flag != FTW_F)
		return 0;
	bytes = testing_read_file(path, &n);
	needle.files += memmem(bytes, n, needle.bytes, needle.n) != NULL;
	needle.indexes += strstr(path, "/index/data.mdb") != NULL;
	free(bytes);
	return 0;
}

/** How many files have these bytes in them? */
static inline unsigned
files_with(const struct fixture *fx, const void *bytes, size_t n)
{
	needle.bytes = bytes;
	needle.n = n;
	needle.files = needle.indexes = 0;
	assert_int_equal(nftw(fx->home, look_into, 16, FTW_PHYS), 0);
	assert_int_equal(needle.indexes, 1);
	return needle.files;
}

/* ---- a crash between two steps ----------------------------------------- */

static struct {
	int step, after;
} death;

static inline void
die(int step)
{
	if (step == death.step && death.after-- == 0)
		_exit(77);
}

/**
 * Do it in a process of its own, which dies at a step. The archive is closed
 * then.
 *
 * @param after so many times the step was done before
 */
static inline void
crash(struct fixture *fx, int step, int after,
      void (*fn)(struct fixture *fx, void *ctx), void *ctx)
{
	int status;

	store_archive_close(&fx->archive);
	if (fork() == 0) {
		if (store_archive_open(&fx->archive, fx->dir, STORE_WRITE,
				       &fixture_config, NULL))
			_exit(1);
		death.step = step;
		death.after = after;
		fx->archive->fault = die;
		fn(fx, ctx);
		_exit(2);
	}
	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 77);
}

#endif
