/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP and SRTCP (RFC 3711): packets of one SSRC under one master key, proved
 * and decrypted; and, for what makes test captures, encrypted. libsrtp2 is
 * behind it.
 */
#ifndef RTP_SRTP_H
#define RTP_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * One row per suite: name, bytes of its key, of its salt, of its tag; other
 * names by which it goes are in srtp.c. RFC 4568 section 6.2, RFC 6188, RFC
 * 7714 section 14.
 */
#define RTP_SRTP_SUITES(X)                                                     \
	X(AES_CM_128_HMAC_SHA1_80, 16, 14, 10)                                 \
	X(AES_CM_128_HMAC_SHA1_32, 16, 14, 4)                                  \
	X(AES_192_CM_HMAC_SHA1_80, 24, 14, 10)                                 \
	X(AES_192_CM_HMAC_SHA1_32, 24, 14, 4)                                  \
	X(AES_256_CM_HMAC_SHA1_80, 32, 14, 10)                                 \
	X(AES_256_CM_HMAC_SHA1_32, 32, 14, 4)                                  \
	X(AEAD_AES_128_GCM, 16, 12, 16)                                        \
	X(AEAD_AES_256_GCM, 32, 12, 16)

enum rtp_srtp_suite {
#define X(name, key, salt, tag) RTP_SRTP_##name,
	RTP_SRTP_SUITES(X)
#undef X
	    RTP_SRTP_SUITES_COUNT
};

/** Longest master key with its salt. */
#define RTP_SRTP_KEY_MAX 46

/** Longest master key identifier (RFC 4568 section 6.1). */
#define RTP_SRTP_MKI_MAX 128

/** So much longer than RTP is a packet at most. */
#define RTP_SRTP_TRAILER_MAX (16 + RTP_SRTP_MKI_MAX)

/** What a crypto attribute of the SDP says. Wipe it where it was. */
struct rtp_srtp_key {
	enum rtp_srtp_suite suite;
	bool unencrypted;     /**< UNENCRYPTED_SRTP: proved only */
	bool unauthenticated; /**< UNAUTHENTICATED_SRTP: it has no tag; SRTCP
			       * always has one */
	bool unencrypted_rtcp; /**< UNENCRYPTED_SRTCP: likewise */
	uint8_t mki_bytes;    /**< 0: packets bear none */
	uint64_t mki;
	uint8_t bytes[RTP_SRTP_KEY_MAX]; /**< master key, then master salt */
};

/** The suite of this name, whatever the case. @return it, or -ENOENT: one that
 * is not supported, such as F8 and NULL */
int rtp_srtp_suite(const char *name);
/** Its name, as registered. */
const char *rtp_srtp_suite_name(enum rtp_srtp_suite suite);
/** Master key and salt of a suite. */
uint32_t rtp_srtp_key_bytes(enum rtp_srtp_suite suite);
/** Is it the same key, for the same packets? */
bool rtp_srtp_key_equal(const struct rtp_srtp_key *a,
			const struct rtp_srtp_key *b);
/** By how much its packets grow, without an MKI. */
uint32_t rtp_srtp_tag_bytes(enum rtp_srtp_suite suite);

/**
 * Load what libsrtp2 needs: once, before a process shuts itself off from the
 * file system. Otherwise the first session does it.
 *
 * @return 0, -ENOSYS: there is no SRTP in this process
 * @cost 30 ms, the first time
 */
int rtp_srtp_init(void) __attribute__((warn_unused_result));

struct rtp_srtp;

/**
 * @param sender it is to encrypt
 * @return 0, -ENOMEM, -EINVAL, -ENOSYS
 * @cost 20 to 30 us
 */
int rtp_srtp_new(struct rtp_srtp **srtp, const struct rtp_srtp_key *key,
		 uint32_t ssrc, bool sender) __attribute__((warn_unused_result));
/** Wiped before it is given back. */
void rtp_srtp_free(struct rtp_srtp **srtp);

/**
 * Of a new session: how often the sequence number has gone round before its
 * first packet (RFC 3711 section 3.3.1). It is 0 if not said.
 */
void rtp_srtp_set_roc(struct rtp_srtp *srtp, uint32_t roc);

/** ... as of the last packet. */
uint32_t rtp_srtp_roc(const struct rtp_srtp *srtp);

/**
 * Encrypt a packet in place.
 *
 * @param packet RTP; 4-byte aligned, with room for RTP_SRTP_TRAILER_MAX more
 * @param n its bytes, before and after
 * @return 0, -EINVAL
 */
int rtp_srtp_protect(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
	__attribute__((warn_unused_result));

/**
 * Prove and decrypt a packet in place.
 *
 * @param packet SRTP of this SSRC; 4-byte aligned
 * @param n its bytes, before and after
 * @return 0; -EBADMSG: it is not proved by this key at this rollover;
 *         -EALREADY: it was there before, or is too old to know. After an error
 *         the packet may be anything, and the session is what it was
 * @cost about 3 us for 20 ms of G.711, no allocation but by the library
 */
int rtp_srtp_unprotect(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
	__attribute__((warn_unused_result));

/** At most so much longer than RTCP is a packet of SRTCP: its index, too. */
#define RTP_SRTCP_TRAILER_MAX (4 + RTP_SRTP_TRAILER_MAX)

/**
 * The same for RTCP, and nothing else: compound packets that this SSRC reports
 * (RFC 3711 section 3.4). Tags are of 80 bits, or those of the AEAD, whatever
 * those of SRTP are (RFC 4568 section 6.2, RFC 6188 section 4).
 */
int rtp_srtp_new_rtcp(struct rtp_srtp **srtp, const struct rtp_srtp_key *key,
		      uint32_t ssrc, bool sender)
	__attribute__((warn_unused_result));

/**
 * @param packet 4-byte aligned, with room for RTP_SRTCP_TRAILER_MAX more
 */
int rtp_srtp_protect_rtcp(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
	__attribute__((warn_unused_result));

/**
 * ... proved and decrypted in place.
 *
 * @return 0; -EBADMSG: it is not proved by this key, or encrypted where the key
 *         says that it is not, or the other way round; -EALREADY: it was there
 *         before, or is too old to know
 */
int rtp_srtp_unprotect_rtcp(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
	__attribute__((warn_unused_result));

/**
 * Does a packet of SRTCP under such a key say that it is encrypted (the bit E of
 * RFC 3711 section 3.4, RFC 7714 section 9.2)? Nothing is proved by that.
 *
 * @return false also if it is too short to say
 */
bool rtp_srtp_is_encrypted_rtcp(const struct rtp_srtp_key *key,
				const uint8_t *packet, size_t n);

#endif
