/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See secret.h. Memory can be locked by whole pages only. So there are slabs,
 * of which each gives blocks of one size:
 *
 *   | slab | block | block | ...        | not used yet |
 *   ^ a multiple of SLAB_BYTES: a block knows its slab by its address
 *
 * A slab that has a free block is in the list of its size. Free blocks are
 * zero, but for a pointer to the next one.
 */
#include "capture/secret.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	SLAB_BYTES = 64 * 1024,
	UNIT_BYTES = 64,
	SMALL_BYTES = 4096,
	SIZES = SMALL_BYTES / UNIT_BYTES
};

struct block {
	struct block *next;
};

struct slab {
	struct slab *next, *before; /* that have a free block, too */
	struct block *free;
	uint32_t fresh; /* offset: from here on never used */
	uint32_t used;  /* blocks */
};

/* Those of the whole process, as malloc's: whoever frees a block need not be
 * who made it. */
static struct {
	pthread_mutex_t mutex;
	struct slab *slabs[SIZES + 1]; /* by units of a block */
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* A sanitizer sees the end of a block of malloc's only. */
#if defined(__SANITIZE_ADDRESS__)
#define PLAIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLAIN 1
#endif
#endif
#ifndef PLAIN
#define PLAIN 0
#endif

static void *
map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void
protect(void *p, size_t bytes)
{
	(void)madvise(p, bytes, MADV_DONTDUMP);
	(void)mlock2(p, bytes, MLOCK_ONFAULT);
}

/* ---- slabs --------------------------------------------------------------- */

static void
link_slab(struct slab *slab, uint32_t units)
{
	slab->before = NULL;
	slab->next = pool.slabs[units];
	if (slab->next)
		slab->next->before = slab;
	pool.slabs[units] = slab;
}

static void
unlink_slab(struct slab *slab, uint32_t units)
{
	if (slab->before)
		slab->before->next = slab->next;
	else
		pool.slabs[units] = slab->next;
	if (slab->next)
		slab->next->before = slab->before;
}

static struct slab *
new_slab(uint32_t units)
{
	uint8_t *p = map((size_t)2 * SLAB_BYTES);
	struct slab *slab;
	size_t before;

	if (!p)
		return NULL;
	before = -(uintptr_t)p % SLAB_BYTES;
	if (before)
		munmap(p, before);
	slab = (struct slab *)(void *)(p + before);
	munmap((uint8_t *)slab + SLAB_BYTES, SLAB_BYTES - before);
	protect(slab, SLAB_BYTES);
	slab->fresh = UNIT_BYTES;
	link_slab(slab, units);
	return slab;
}

static bool
is_full(const struct slab *slab, uint32_t units)
{
	return !slab->free && slab->fresh + units * UNIT_BYTES > SLAB_BYTES;
}

static void *
take_block(struct slab *slab, uint32_t units)
{
	struct block *block = slab->free;

	if (block) {
		slab->free = block->next;
		block->next = NULL;
	} else {
		block = (struct block *)(void *)((uint8_t *)slab + slab->fresh);
		slab->fresh += units * UNIT_BYTES;
	}
	slab->used++;
	if (is_full(slab, units))
		unlink_slab(slab, units);
	return block;
}

static void
put_block(struct block *block, uint32_t units)
{
	struct slab *slab =
	    (struct slab *)((uintptr_t)block & ~(uintptr_t)(SLAB_BYTES - 1));

	if (is_full(slab, units))
		link_slab(slab, units);
	block->next = slab->free;
	slab->free = block;
	slab->used--;
	/* The last one stays, lest a call that comes and goes costs one. */
	if (slab->used == 0 && (slab->next || slab->before)) {
		unlink_slab(slab, units);
		munmap(slab, SLAB_BYTES);
	}
}

/* ---- */

static uint32_t
units_of(size_t bytes)
{
	return bytes ? (uint32_t)((bytes + UNIT_BYTES - 1) / UNIT_BYTES) : 1;
}

void *
capture_secret_new(size_t bytes)
{
	uint32_t units = units_of(bytes);
	struct slab *slab;
	void *p = NULL;

	if (PLAIN)
		return calloc(1, bytes);
	if (bytes > SMALL_BYTES) {
		p = map(bytes);
		if (p)
			protect(p, bytes);
		return p;
	}
	pthread_mutex_lock(&pool.mutex);
	slab = pool.slabs[units];
	if (!slab)
		slab = new_slab(units);
	if (slab)
		p = take_block(slab, units);
	pthread_mutex_unlock(&pool.mutex);
	return p;
}

void
capture_secret_free(void *p, size_t bytes)
{
	if (!p)
		return;
	explicit_bzero(p, bytes);
	if (PLAIN) {
		free(p);
	} else if (bytes > SMALL_BYTES) {
		munmap(p, bytes);
	} else {
		pthread_mutex_lock(&pool.mutex);
		put_block(p, units_of(bytes));
		pthread_mutex_unlock(&pool.mutex);
	}
}
