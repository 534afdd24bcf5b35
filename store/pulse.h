/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the purge knows of time. Threads and errors are those of store/store.h. */
#ifndef STORE_PULSE_H
#define STORE_PULSE_H

#include "store/store.h"

#define STORE_BOOT_BYTES 16

/** When the clock was trusted last, by which a purge went, and how that went.
 * What it means is a matter of cmd/common/guard.h. */
struct store_pulse {
	int64_t trusted_ns;         /**< wall clock, 0: never */
	int64_t anchor_ns;          /**< ... since when it is held against ... */
	int64_t anchor_boottime_ns; /**< ... time since the start of ... */
	uint8_t boot[STORE_BOOT_BYTES]; /**< ... this machine; 0: unknown */
	bool sure;        /**< a time server, or somebody, said so */
	uint8_t verdict;  /**< about the clock, at the last sweep */
	int64_t swept_ns; /**< when the last ended, or was refused; 0: never */
	int64_t well_ns;  /**< when the last ended that left nothing undone */
	uint64_t overdue; /**< as the last one left them */
	uint64_t failed;
};

/**
 * @param pulse all 0 on failure
 * @return 0; -ENOENT: none was kept yet; -EBADMSG, -EPROTO, -EIO
 */
int store_pulse_get(struct store_archive *archive, struct store_pulse *pulse)
	__attribute__((warn_unused_result));

/**
 * Durable when it returns.
 *
 * @param entry goes into the ledger in the same transaction; NULL: none
 * @return 0, -EROFS, -EBUSY (a batch is open), -ENOSPC, -EIO
 * @cost a sync
 */
int store_pulse_put(struct store_archive *archive,
		    const struct store_pulse *pulse,
		    struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));

#endif
