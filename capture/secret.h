/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for keys that lie in memory for as long as a call: whole pages, out of
 * core dumps, and out of swap as far as the limit on locked memory goes.
 */
#ifndef CAPTURE_SECRET_H
#define CAPTURE_SECRET_H

#include <stddef.h>

/** Zeroed. @return NULL: out of memory. @cost a system call or three */
void *capture_secret_new(size_t bytes);
/** Wiped, and given back. @param p NULL: nothing is done */
void capture_secret_free(void *p, size_t bytes);

#endif
