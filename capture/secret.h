/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for keys, and for sound that waits: out of core dumps, and out of swap
 * as far as the limit on locked memory goes. What is small shares pages with
 * others of about its size.
 */
#ifndef CAPTURE_SECRET_H
#define CAPTURE_SECRET_H

#include <stddef.h>

/**
 * Zeroed, aligned to 64 bytes.
 *
 * @return NULL: out of memory
 * @thread any
 * @cost 50 ns, now and then some system calls; those always beyond 4 KiB
 */
void *capture_secret_new(size_t bytes);
/** Wiped, and given back. @param p NULL: nothing is done. @param bytes as asked
 * for. @thread any */
void capture_secret_free(void *p, size_t bytes);

#endif
