/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much room the index has left. */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include <stdint.h>

struct store_archive;

/** Of the map, in bytes. */
struct store_index_room {
	uint64_t used_bytes; /**< without the pages that were given back */
	uint64_t map_bytes;  /**< no more than this, whatever room the disk has */
};

/**
 * @return 0, -EBADMSG, -EIO, ...
 * @thread the archive's
 * @cost reads the list of free pages
 */
int store_index_room(struct store_archive *archive,
		     struct store_index_room *room)
	__attribute__((warn_unused_result));

#endif
