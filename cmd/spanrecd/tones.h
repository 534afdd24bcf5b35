/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is keyed in the sound of a conversation that waits (hold.h): keys are
 * told, and what waits and has a tone in it is marked, so that it is never
 * stored.
 */
#ifndef CMD_SPANRECD_TONES_H
#define CMD_SPANRECD_TONES_H

#include <stdint.h>

#include "cmd/common/counters.h"
#include "cmd/spanrecd/hold.h"
#include "cmd/spanrecd/keyed.h"

/**
 * So long a frame waits, at least, where sound is heard [ns]. Enough for all
 * that rtp/tones.h needs, if it comes as late as it may.
 */
#define TONES_WAIT_NS INT64_C(1000000000)

/**
 * Hear a frame that was put on hold. Where there is no memory for that, it is
 * marked. Packets of which nobody could hear the keys are counted.
 *
 * @return 0, -ENOMEM
 */
int tones_hear(struct keyed *keyed, struct hold *hold,
	       const struct keyed_frame *in, struct counters *counters)
	__attribute__((warn_unused_result));

/** Before anything leaves: what of these streams had its last frame a while
 * before now_ns may have ended in a tone. */
void tones_settle(const struct keyed *keyed, struct hold *hold, int64_t now_ns);

#endif
