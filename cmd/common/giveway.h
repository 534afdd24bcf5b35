/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A full disk: which recordings are deleted before their time to make room. The
 * policy says which classes give way; of these the oldest go first, none below
 * its floor, none that is held, and no more than are needed.
 */
#ifndef CMD_COMMON_GIVEWAY_H
#define CMD_COMMON_GIVEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/common/clocks.h"
#include "policy/policy.h"
#include "store/store.h"

/** What the ledger says of it, behind what was done. */
#define GIVEWAY_WHY "gave way: the disk was full"

/** The disk of an archive. */
struct giveway_disk {
	uint64_t free_bytes, total_bytes;
	uint64_t free_files, total_files; /**< 0 of 0: it has no such limit */
};

/** Room that is to be made. */
struct giveway_want {
	uint64_t bytes, files;
};

/** A part of a disk, in what it is measured in. */
uint64_t giveway_least(uint64_t whole, uint32_t percent);

/**
 * What is to be deleted when less than a part of a disk is free: as much as is
 * missing, and an eighth of that part, but at most 1 GiB, so that not each call
 * that comes needs some more.
 *
 * @param want all 0 where nothing is
 * @return whether anything is
 */
bool giveway_wanted(const struct giveway_disk *disk, uint32_t percent,
		    struct giveway_want *want);

struct giveway_config {
	struct store_archive *archive; /**< to write; no batch */
	const struct policy *policy;   /**< of today */
	struct clocks *clocks;
	int64_t now_ns;
	const char *actor; /**< for the certificates */
	/** What is wrong; may be NULL. */
	void (*tell)(void *ctx, bool error, const char *words);
	void *ctx;
};

struct giveway_result {
	uint64_t recordings; /**< deleted */
	uint64_t bytes;      /**< ... of audio in them; of files it is more */
	uint64_t failed;     /**< told */
	bool more;           /**< there may be others that can give way */
};

/**
 * Delete recordings that give way, those of the oldest calls first, until they
 * are so many and had so many bytes, or there are no more, and at most
 * STORE_PURGE_MANY. What is due leaves itself to the sweep. Damaged ones stay:
 * somebody should look at them.
 *
 * @param want what is still wanted then is left in it
 * @return 0, or the first error; what could be deleted was
 * @thread the archive's
 * @cost as store_purge_many; reads the recordings of these classes that are too
 *       young, held, or past their floor and not in want, up to the first that
 *       is below its floor
 */
int giveway_run(const struct giveway_config *config, struct giveway_want *want,
		struct giveway_result *result)
	__attribute__((warn_unused_result));

#endif
