/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recordings that were begun and then decided against: nobody may ever listen
 * to them, and their key goes. What is left of them is as much as the decision
 * allows.
 */
#ifndef CMD_SPANRECD_TAKEN_BACK_H
#define CMD_SPANRECD_TAKEN_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/**
 * Enter its row: in a batch. From the commit on it is gone, whatever happens to
 * this process. One that is held by now stays: who holds it knows why.
 *
 * @param row as it was decided; stripped if the traces are not full
 * @param traces enum policy_traces
 * @return as store_segment_put
 * @thread the archive's
 */
int taken_back_begin(struct store_archive *archive, struct store_segment *row,
		     uint8_t traces) __attribute__((warn_unused_result));

/** Destroy key and file, unless it is held. It can be repeated. @return as
 * store_purge, but for -EALREADY, -ENOENT and -EPERM: 0 @thread the archive's */
int taken_back_finish(struct store_archive *archive,
		      const struct store_segment *row, uint8_t traces)
	__attribute__((warn_unused_result));

/**
 * A row that says of a recording of earlier what is decided now.
 *
 * @param row as it is in the archive
 * @param as what was decided: decision, reason, rule, retention
 * @return false: there is nothing to take back; or it is held, and who holds it
 * knows why
 */
bool taken_back_decide(struct store_segment *row,
		       const struct store_segment *as);

#endif
