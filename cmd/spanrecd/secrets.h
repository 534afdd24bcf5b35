/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys of SRTP of one conversation, as its writer was told them, and its
 * streams that are decrypted by them. In memory only, and wiped when the
 * conversation is over.
 *
 * All legs of a conversation have their keys here, and a key stays when another
 * comes: which one a stream is encrypted by, its packets prove. By which keys
 * a frame may be is a function of capture times alone: by those that were
 * announced until the reorder window after it.
 */
#ifndef CMD_SPANRECD_SECRETS_H
#define CMD_SPANRECD_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/table.h"
#include "cmd/spanrecd/events.h"
#include "rtp/decrypt.h"

/** Keys of a conversation, the latest. */
#define SECRETS_MAX 40

/** Streams of it that are decrypted, those that were heard last; as many that no
 * key has proved yet, and as many that report. */
#define SECRETS_STREAMS_MAX 32

struct secrets_keys;
struct secrets_stream;
struct secrets_reporter;

/** All zero: there are no keys. */
struct secrets {
	struct secrets_keys *keys; /**< NULL: none were told */
	struct secrets_stream *first;
	struct secrets_reporter *reporters; /**< the latest begun */
	uint32_t reporters_count;
	int64_t now_ns; /**< latest frame so far */
};

enum secrets_answer {
	SECRETS_PLAIN,     /**< it is not encrypted */
	SECRETS_DECRYPTED, /**< it was */
	SECRETS_REFUSED    /**< it is, and no key proves it */
};

struct secrets_question {
	const struct capture_flow_key *flow;
	enum sip_party speaker; /**< the end of the conversation */
	bool secure; /**< by its SDP it is encrypted */
	bool wanted; /**< somebody will look at it; else a stream that can be
		      * found again by its tags is left alone */
	int64_t window_ns; /**< reorder window */
};

/** @param event WRITER_KEYS. @return 0, -ENOMEM */
int secrets_add(struct secrets *secrets, const struct writer_event *event)
	__attribute__((warn_unused_result));

/**
 * Decrypt a frame, if it is encrypted.
 *
 * @param frame as the jitter buffer gives it; DECRYPTED: its payload is the
 *        decrypted one, valid until secrets_forget
 */
enum secrets_answer secrets_open(struct secrets *secrets,
				 const struct secrets_question *question,
				 struct rtp_frame *frame);

/** The frame last opened is not in use any more: wipe it. Without that, asking
 * for it again gives the same. */
void secrets_forget(struct secrets *secrets);

/**
 * Decrypt a packet of SRTCP.
 *
 * @param question `secure` and `wanted` do not matter; `flow` is that of the
 *        packet, its SSRC that of who reports
 * @param packet [n] no longer than RTP_DECRYPT_RTCP_MAX
 * @param plain [RTP_DECRYPT_RTCP_MAX] 4-byte aligned
 * @return bytes of the RTCP; -ENOKEY: there are no keys; -EBADMSG: none of them
 *         proves it; -EALREADY: it was there before; -ENOMEM, -ENOSPC: too many
 *         report
 */
int secrets_open_rtcp(struct secrets *secrets,
		      const struct secrets_question *question, int64_t time_ns,
		      const uint8_t *packet, size_t n, uint8_t *plain)
	__attribute__((warn_unused_result));

/** Wipe all of it. */
void secrets_clear(struct secrets *secrets);

#endif
