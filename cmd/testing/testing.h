/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all tests share: exact-size copies, allocation failures, temporary
 * folders. Linked into tests only (the linker wraps malloc there).
 */
#ifndef CMD_TESTING_TESTING_H
#define CMD_TESTING_TESTING_H

#include <stddef.h>
#include <stdint.h>

/**
 * A heap copy of exactly n bytes, so that the address sanitizer sees the first
 * byte read past the end. Never fails (aborts). Free with free().
 */
void *testing_copy(const void *bytes, size_t n);

/**
 * Let the nth allocation from now on (1 = the next) fail, once. 0 switches
 * off. Only allocations made by code linked into the test count, not those
 * inside shared libraries. Per thread.
 */
void testing_fail_allocation(unsigned nth);

/** Allocations since the last call of testing_fail_allocation. */
unsigned testing_allocations(void);

/**
 * From now on count the blocks that are given back with these bytes in them:
 * secrets that nobody has wiped. n 0 switches off. As above, and per thread.
 */
void testing_watch_free(const void *bytes, size_t n);

/** ... so many, since. */
unsigned testing_not_wiped(void);

/**
 * Make a new folder under $TMPDIR or /tmp.
 *
 * @return its path; free() it after testing_folder_remove
 */
char *testing_folder(void);
/** Remove it with all it holds, and free the path. */
void testing_folder_remove(char *path);

/** How many names there are in a folder; aborts if it cannot be read. */
unsigned testing_folder_count(const char *path);

/** Read a whole file; aborts if it cannot. *n is its length. */
uint8_t *testing_read_file(const char *path, size_t *n);
void testing_write_file(const char *path, const void *bytes, size_t n);

#endif
