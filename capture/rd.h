/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded reader: the only way this project touches a byte of a packet.
 *
 * A reader that is asked for more than there is gives zeros, and stays failed
 * for good, so that a decoder may read a whole header and check once.
 */
#ifndef CAPTURE_RD_H
#define CAPTURE_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_rd {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

static inline struct capture_rd
capture_rd_init(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	/* NULL + 0 is not defined in C. */
	return (struct capture_rd){ .p = p, .end = n ? p + n : p };
}

/** Bytes not read yet. */
static inline size_t
capture_rd_left(const struct capture_rd *rd)
{
	return (size_t)(rd->end - rd->p);
}

/**
 * Borrow the next n bytes and step over them.
 *
 * @return the slice, or NULL (and the reader is failed) if there are fewer
 */
static inline const uint8_t *
capture_rd_take(struct capture_rd *rd, size_t n)
{
	const uint8_t *p = rd->p;

	if (rd->failed || capture_rd_left(rd) < n) {
		rd->failed = true;
		return NULL;
	}
	rd->p += n;
	return p;
}

/**
 * A reader of its own for the next n bytes, which this one steps over. Where n
 * is constant the compiler knows the bounds, and reading a whole header field
 * by field costs no checks but the first.
 *
 * @return failed (as rd is then too) if there are fewer
 */
static inline struct capture_rd
capture_rd_split(struct capture_rd *rd, size_t n)
{
	const uint8_t *p = capture_rd_take(rd, n);

	if (!p)
		return (struct capture_rd){ .failed = true };
	return capture_rd_init(p, n);
}

static inline uint8_t
capture_rd_u8(struct capture_rd *rd)
{
	const uint8_t *p = capture_rd_take(rd, 1);

	return p ? p[0] : 0;
}

/** Network byte order, as all of these. */
static inline uint16_t
capture_rd_u16(struct capture_rd *rd)
{
	const uint8_t *p = capture_rd_take(rd, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t
capture_rd_u32(struct capture_rd *rd)
{
	const uint8_t *p = capture_rd_take(rd, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			   (uint32_t)p[2] << 8 | p[3]
		 : 0;
}

/** Cut the rest down to n bytes (trailers, padding); never lengthens. */
static inline void
capture_rd_limit(struct capture_rd *rd, size_t n)
{
	if (capture_rd_left(rd) > n)
		rd->end = rd->p + n;
}

#endif
