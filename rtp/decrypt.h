/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frames of one SRTP stream, decrypted by whichever of some keys proves
 * them. Who listens to a wire is told more than he needs: both ends offer
 * several keys, a new one is announced before it is used, and a call that is
 * met in its middle has a rollover counter that nobody tells. So what the tag
 * of a packet proves is what counts, and nothing else is believed.
 *
 * A packet that no key proves is not sound: it is refused. Anybody can send
 * such packets, so to look for their key costs no more than a budget has: a
 * stream that a key has proved has one of its own, all others of a call have one
 * together. The less is in it, the more a stream has to have shown that it is
 * one: what comes in sequence is tried to the last.
 */
#ifndef RTP_DECRYPT_H
#define RTP_DECRYPT_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/jitter.h"
#include "rtp/srtp.h"

/** Rollovers that are tried of a stream met in its middle: 46 hours of 50
 * packets a second. */
#define RTP_DECRYPT_ROLLOVERS 128

/** A key that may be the one. */
struct rtp_decrypt_key {
	uint64_t id; /**< never that of another key of this stream */
	const struct rtp_srtp_key *key;
};

/** Keys that may be tried at once; when new ones are told it is so many again.
 * A key costs 1, about 30 us; all its rollovers RTP_DECRYPT_SEARCH. */
#define RTP_DECRYPT_TRIES    2048
#define RTP_DECRYPT_SEARCH   10
#define RTP_DECRYPT_TRIES_HZ 128 /**< that come back, in capture time */

/** What looking for keys may cost yet. All zero: everything. */
struct rtp_decrypt_budget {
	uint64_t generation; /**< of the keys, the latest so far */
	uint32_t tries;
	int64_t time_ns; /**< they came back until then */
};

/** Those of a stream, the likeliest first. */
struct rtp_decrypt_keys {
	uint64_t generation; /**< another one when the keys are others */
	uint32_t count;
	const struct rtp_decrypt_key *key;
	/** For packets that nothing proves (UNAUTHENTICATED_SRTP); NULL: such
	 * are refused. */
	const struct rtp_decrypt_key *unproved;
	/** By the SDP it is encrypted; else it mostly is not, and is tried
	 * seldom, and never at all rollovers. */
	bool secure;
	/** Of all streams that nothing has proved, together. */
	struct rtp_decrypt_budget *budget;
};

enum rtp_decrypt_answer {
	RTP_DECRYPT_DONE,
	RTP_DECRYPT_REFUSED /**< no key proves it */
};

struct rtp_decrypt;

/** @return 0, -ENOMEM */
int rtp_decrypt_new(struct rtp_decrypt **stream, uint32_t ssrc)
	__attribute__((warn_unused_result));
/** Wiped before it is given back. */
void rtp_decrypt_free(struct rtp_decrypt **stream);

/**
 * Decrypt a frame; they come in order. Asking again for the last one gives the
 * same, until rtp_decrypt_forget.
 *
 * @param frame as the jitter buffer gives it; DONE: its payload and body are
 *        the decrypted ones, borrowed until the next call
 * @cost 3 us for 20 ms of G.711; of what is refused mostly that, 30 us for each
 *       key where they are tried, and 0.3 ms where all rollovers are
 */
enum rtp_decrypt_answer
rtp_decrypt_frame(struct rtp_decrypt *stream, struct rtp_frame *frame,
		  const struct rtp_decrypt_keys *keys);

/** The frame is not in use any more: its sound is wiped. */
void rtp_decrypt_forget(struct rtp_decrypt *stream);

/** Did a key prove any frame so far? */
bool rtp_decrypt_proved(const struct rtp_decrypt *stream);

/* ---- RTCP ---------------------------------------------------------------- */

/** Longest packet that is looked at. */
#define RTP_DECRYPT_RTCP_MAX 1500

/** SRTCP of one reporter. */
struct rtp_decrypt_rtcp;

/** @return 0, -ENOMEM */
int rtp_decrypt_rtcp_new(struct rtp_decrypt_rtcp **stream, uint32_t ssrc)
	__attribute__((warn_unused_result));
void rtp_decrypt_rtcp_free(struct rtp_decrypt_rtcp **stream);

/**
 * Prove and decrypt a packet. Each tells its number, so that no rollovers have
 * to be tried; and each has a tag, so that none is believed without.
 *
 * @param keys `unproved` and `searches` are of no use here
 * @param packet [n], of this SSRC, not longer than RTP_DECRYPT_RTCP_MAX
 * @param plain [RTP_DECRYPT_RTCP_MAX], 4-byte aligned: the RTCP
 * @return its bytes; -EBADMSG: no key proves it; -EALREADY: it was there
 *         before; -ENOMEM
 * @cost 3 us; with another key 30 us each. Of what goes on being refused most is
 *       not looked at
 */
int rtp_decrypt_rtcp(struct rtp_decrypt_rtcp *stream,
		     const struct rtp_decrypt_keys *keys, const uint8_t *packet,
		     size_t n, uint8_t *plain)
	__attribute__((warn_unused_result));

#endif
