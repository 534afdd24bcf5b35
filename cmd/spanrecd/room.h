/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Room on the disk for what is recorded: when less is free than a setting says,
 * recordings give way if the policy has any that do. In rounds: what is missing is
 * measured once, and so much is deleted, a little at a time, before it is measured
 * again; for some file systems take their time until what was deleted is free, and
 * nobody is to lose more by that.
 */
#ifndef CMD_SPANRECD_ROOM_H
#define CMD_SPANRECD_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/common/giveway.h"

struct pipeline;

/** All zero: nothing is known. */
struct room {
	int64_t look_ns; /**< monotonic: the disk is not looked at before */
	bool making;     /**< a round is not over */
	bool none_told;  /**< that more should give way, and none can */
	/* of the round */
	struct giveway_want want;   /**< what is left of it */
	struct giveway_disk before; /**< when it began */
	uint64_t recordings, bytes; /**< deleted so far */
};

/* ---- when, without a disk ------------------------------------------------- */

/** It was looked at. @return whether a round begins */
bool room_look(struct room *room, const struct giveway_disk *disk,
	       uint32_t percent, int64_t now_ns);

enum room_news { ROOM_MORE, /**< the round goes on */
		 ROOM_MADE, /**< it is over */
		 ROOM_NONE /**< it is over, and nothing gave way in it */ };

/** A part of a round was done. */
enum room_news room_note(struct room *room, const struct giveway_result *part,
			 int64_t now_ns);

/** A round is over in which some gave way: did that make room? If not, the next
 * begins later: something else fills the disk, or keeps what was deleted. */
bool room_helped(struct room *room, const struct giveway_disk *disk,
		 int64_t now_ns);

/* ---- for the archive thread ------------------------------------------------ */

/** The disk of an archive. @return 0, -errno */
int room_disk(const char *archive_path, struct giveway_disk *disk)
	__attribute__((warn_unused_result));

/** Should recordings give way now? @cost a system call each few seconds, unless
 * nothing of the policy gives way */
bool room_wanted(struct room *room, struct pipeline *pipeline,
		 const struct policy *policy);

/** Not now: by the clock it cannot be told which may. */
void room_put_off(struct room *room);

/** Let some give way, count them, and tell. */
void room_make(struct room *room, struct pipeline *pipeline,
	       const struct giveway_config *config);

#endif
