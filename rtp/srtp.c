/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See srtp.h. The only file that knows libsrtp2. */
#include "rtp/srtp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>

#include "rtp/rtp.h"

/* Packets that came before and come again are told apart over this distance;
 * the jitter buffer has left nothing to tell. */
enum { REPLAY_WINDOW = 128 };

/* Of SRTCP: 31 bits, and whether it is encrypted (RFC 3711 section 3.4). */
enum { INDEX_BYTES = 4, ENCRYPTED = 0x80, RTCP_HEAD_BYTES = 8 };

struct rtp_srtp {
	srtp_t session;
	uint32_t ssrc;
	uint32_t roc;
	bool mki;
	uint32_t rtcp_bytes_min;
	uint32_t trailer_bytes; /* of each packet of SRTP: MKI and tag */
};

static const struct {
	const char *name;
	uint8_t key_bytes, salt_bytes, tag_bytes;
} suites[RTP_SRTP_SUITES_COUNT] = {
#define X(name, key, salt, tag) { #name, key, salt, tag },
	RTP_SRTP_SUITES(X)
#undef X
};

/* By drafts of RFC 6188, and by what implements it. */
static const struct {
	const char *name;
	enum rtp_srtp_suite suite;
} aliases[] = {
	{ "AES_CM_192_HMAC_SHA1_80", RTP_SRTP_AES_192_CM_HMAC_SHA1_80 },
	{ "AES_CM_192_HMAC_SHA1_32", RTP_SRTP_AES_192_CM_HMAC_SHA1_32 },
	{ "AES_CM_256_HMAC_SHA1_80", RTP_SRTP_AES_256_CM_HMAC_SHA1_80 },
	{ "AES_CM_256_HMAC_SHA1_32", RTP_SRTP_AES_256_CM_HMAC_SHA1_32 },
};

int
rtp_srtp_suite(const char *name)
{
	for (int i = 0; i < RTP_SRTP_SUITES_COUNT; i++)
		if (strcasecmp(name, suites[i].name) == 0)
			return i;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcasecmp(name, aliases[i].name) == 0)
			return (int)aliases[i].suite;
	return -ENOENT;
}

const char *
rtp_srtp_suite_name(enum rtp_srtp_suite suite)
{
	return suites[suite].name;
}

uint32_t
rtp_srtp_key_bytes(enum rtp_srtp_suite suite)
{
	return (uint32_t)suites[suite].key_bytes + suites[suite].salt_bytes;
}

bool
rtp_srtp_key_equal(const struct rtp_srtp_key *a, const struct rtp_srtp_key *b)
{
	return a->suite == b->suite && a->unencrypted == b->unencrypted &&
	       a->unauthenticated == b->unauthenticated &&
	       a->mki_bytes == b->mki_bytes && a->mki == b->mki &&
	       memcmp(a->bytes, b->bytes, rtp_srtp_key_bytes(a->suite)) == 0;
}

uint32_t
rtp_srtp_tag_bytes(enum rtp_srtp_suite suite)
{
	return suites[suite].tag_bytes;
}

/* ---- sessions ------------------------------------------------------------ */

static void
set_cipher(srtp_crypto_policy_t *policy, enum rtp_srtp_suite suite)
{
	static void (*const set[RTP_SRTP_SUITES_COUNT])(
	    srtp_crypto_policy_t *) = {
		[RTP_SRTP_AES_CM_128_HMAC_SHA1_80] =
		    srtp_crypto_policy_set_rtp_default,
		[RTP_SRTP_AES_CM_128_HMAC_SHA1_32] =
		    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
		[RTP_SRTP_AES_192_CM_HMAC_SHA1_80] =
		    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
		[RTP_SRTP_AES_192_CM_HMAC_SHA1_32] =
		    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32,
		[RTP_SRTP_AES_256_CM_HMAC_SHA1_80] =
		    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
		[RTP_SRTP_AES_256_CM_HMAC_SHA1_32] =
		    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
		[RTP_SRTP_AEAD_AES_128_GCM] =
		    srtp_crypto_policy_set_aes_gcm_128_16_auth,
		[RTP_SRTP_AEAD_AES_256_GCM] =
		    srtp_crypto_policy_set_aes_gcm_256_16_auth,
	};

	set[suite](policy);
}

/* The tag of SRTCP is never short. */
static enum rtp_srtp_suite
suite_of_rtcp(enum rtp_srtp_suite suite)
{
	switch (suite) {
	case RTP_SRTP_AES_CM_128_HMAC_SHA1_32:
		return RTP_SRTP_AES_CM_128_HMAC_SHA1_80;
	case RTP_SRTP_AES_192_CM_HMAC_SHA1_32:
		return RTP_SRTP_AES_192_CM_HMAC_SHA1_80;
	case RTP_SRTP_AES_256_CM_HMAC_SHA1_32:
		return RTP_SRTP_AES_256_CM_HMAC_SHA1_80;
	default:
		return suite;
	}
}

/* RFC 4568 section 6.3: parts of the protection may be left out. The tag of an
 * AEAD is no part that can be. */
static void
set_services(srtp_crypto_policy_t *policy, const struct rtp_srtp_key *key)
{
	unsigned services = (unsigned)policy->sec_serv;

	if (key->unencrypted)
		services &= ~(unsigned)sec_serv_conf;
	if (key->unauthenticated && policy->auth_type != SRTP_NULL_AUTH) {
		services &= ~(unsigned)sec_serv_auth;
		policy->auth_type = SRTP_NULL_AUTH;
		policy->auth_key_len = 0;
		policy->auth_tag_len = 0;
	}
	policy->sec_serv = (srtp_sec_serv_t)services;
}

static uint32_t
tag_of(const struct rtp_srtp_key *key)
{
	bool aead = key->suite == RTP_SRTP_AEAD_AES_128_GCM ||
		    key->suite == RTP_SRTP_AEAD_AES_256_GCM;

	return key->unauthenticated && !aead ? 0 : suites[key->suite].tag_bytes;
}

/* Most significant byte first, with zeros before. */
static void
put_mki(uint8_t *bytes, const struct rtp_srtp_key *key)
{
	uint64_t rest = key->mki;

	for (uint32_t i = key->mki_bytes; i-- > 0; rest >>= 8)
		bytes[i] = (uint8_t)rest;
}

static int
create(struct rtp_srtp *srtp, const struct rtp_srtp_key *key)
{
	uint8_t mki[RTP_SRTP_MKI_MAX];
	uint8_t bytes[SRTP_MAX_KEY_LEN] = { 0 };
	srtp_master_key_t master = { .key = bytes,
				     .mki_id = mki,
				     .mki_size = key->mki_bytes };
	srtp_master_key_t *masters[] = { &master };
	srtp_policy_t policy = { .ssrc = { ssrc_specific, srtp->ssrc },
				 .window_size = REPLAY_WINDOW,
				 /* a mirror shows some packets twice */
				 .allow_repeat_tx = 1 };
	srtp_err_status_t r;

	set_cipher(&policy.rtp, key->suite);
	set_cipher(&policy.rtcp, key->suite);
	set_services(&policy.rtp, key);
	if (key->unencrypted_rtcp)
		policy.rtcp.sec_serv = sec_serv_auth;
	memcpy(bytes, key->bytes, rtp_srtp_key_bytes(key->suite));
	if (key->mki_bytes) {
		put_mki(mki, key);
		policy.keys = masters;
		policy.num_master_keys = 1;
	} else {
		policy.key = bytes;
	}
	r = srtp_create(&srtp->session, &policy);
	explicit_bzero(bytes, sizeof(bytes));
	if (r == srtp_err_status_ok)
		return 0;
	return r == srtp_err_status_alloc_fail ? -ENOMEM : -EINVAL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

/* Debian's libsrtp2 has NSS behind it, which it loads with the first session
 * and unloads with the last one: 20 ms each time, and not at all where the file
 * system is out of sight. So there is one session for as long as the process
 * lives; nothing is encrypted by it but a packet that shows that it works. */
static struct rtp_srtp anchor;

static void
load(void)
{
	const struct rtp_srtp_key key = { 0 };
	alignas(8) uint8_t packet[RTP_SRTP_TRAILER_MAX + 16] = { 0x80 };
	size_t n = 16;

	loaded = srtp_init() == srtp_err_status_ok &&
		 create(&anchor, &key) == 0 &&
		 rtp_srtp_protect(&anchor, packet, &n) == 0;
}

int
rtp_srtp_init(void)
{
	pthread_once(&once, load);
	return loaded ? 0 : -ENOSYS;
}

int
rtp_srtp_new(struct rtp_srtp **srtp, const struct rtp_srtp_key *key,
	     uint32_t ssrc, bool sender)
{
	int r = rtp_srtp_init();
	struct rtp_srtp *s;

	*srtp = NULL;
	if (r < 0)
		return r;
	if (key->suite >= RTP_SRTP_SUITES_COUNT ||
	    key->mki_bytes > RTP_SRTP_MKI_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ssrc = ssrc;
	s->mki = key->mki_bytes > 0;
	s->rtcp_bytes_min = (uint32_t)(RTCP_HEAD_BYTES + INDEX_BYTES) +
			    key->mki_bytes + suites[key->suite].tag_bytes;
	s->trailer_bytes = key->mki_bytes + tag_of(key);
	r = create(s, key);
	if (r < 0) {
		free(s);
		return r;
	}
	*srtp = s;
	return 0;
}

void
rtp_srtp_free(struct rtp_srtp **srtp)
{
	if (!*srtp)
		return;
	/* It wipes what it gives back. */
	(void)srtp_dealloc((*srtp)->session);
	free(*srtp);
	*srtp = NULL;
}

void
rtp_srtp_set_roc(struct rtp_srtp *srtp, uint32_t roc)
{
	srtp->roc = roc;
	(void)srtp_set_stream_roc(srtp->session, srtp->ssrc, roc);
}

uint32_t
rtp_srtp_roc(const struct rtp_srtp *srtp)
{
	return srtp->roc;
}

/* ---- packets ------------------------------------------------------------- */

static int
answer(struct rtp_srtp *srtp, srtp_err_status_t r)
{
	switch (r) {
	case srtp_err_status_ok:
		(void)srtp_get_stream_roc(srtp->session, srtp->ssrc,
					  &srtp->roc);
		return 0;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return -EALREADY;
	default:
		return -EBADMSG;
	}
}

int
rtp_srtp_protect(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
{
	int bytes = (int)*n;

	assert(*n <= UINT16_MAX);
	if (srtp_protect_mki(srtp->session, packet, &bytes, srtp->mki, 0) !=
	    srtp_err_status_ok)
		return -EINVAL;
	*n = (size_t)bytes;
	return 0;
}

/* libsrtp2 subtracts the lengths of MKI and tag from that of the packet, and
 * does not always look whether there is so much: where the MKI lies in the head
 * the rest is taken for 4 GB. */
static bool
is_long_enough(const struct rtp_srtp *srtp, const uint8_t *packet, size_t n)
{
	struct rtp_hdr hdr = { 0 };

	if (n < RTP_FIXED_BYTES)
		return false;
	/* Where the padding ends is encrypted. */
	hdr.flags = packet[0] & 0x1f;
	return rtp_hdr_parse_body(&hdr, packet + RTP_FIXED_BYTES,
				  n - RTP_FIXED_BYTES) == 0 &&
	       hdr.payload_bytes >= srtp->trailer_bytes;
}

int
rtp_srtp_unprotect(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
{
	int bytes = (int)*n;
	int r;

	assert(*n <= UINT16_MAX);
	if (!is_long_enough(srtp, packet, *n))
		return -EBADMSG;
	r = answer(
	    srtp, srtp_unprotect_mki(srtp->session, packet, &bytes, srtp->mki));
	if (r == 0)
		*n = (size_t)bytes;
	return r;
}

/* ---- RTCP ---------------------------------------------------------------- */

/* libsrtp2 looks for an MKI in SRTCP in front of a tag as long as that of SRTP:
 * so this session has the same for both. */
int
rtp_srtp_new_rtcp(struct rtp_srtp **srtp, const struct rtp_srtp_key *key,
		  uint32_t ssrc, bool sender)
{
	struct rtp_srtp_key of_rtcp = *key;
	int r;

	of_rtcp.suite = suite_of_rtcp(key->suite);
	of_rtcp.unencrypted = of_rtcp.unauthenticated = false;
	r = rtp_srtp_new(srtp, &of_rtcp, ssrc, sender);
	explicit_bzero(&of_rtcp, sizeof(of_rtcp));
	return r;
}

int
rtp_srtp_protect_rtcp(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
{
	int bytes = (int)*n;

	assert(*n <= UINT16_MAX);
	if (srtp_protect_rtcp_mki(srtp->session, packet, &bytes, srtp->mki,
				  0) != srtp_err_status_ok)
		return -EINVAL;
	*n = (size_t)bytes;
	return 0;
}

int
rtp_srtp_unprotect_rtcp(struct rtp_srtp *srtp, uint8_t *packet, size_t *n)
{
	int bytes = (int)*n;

	assert(*n <= UINT16_MAX);
	if (*n < srtp->rtcp_bytes_min)
		return -EBADMSG;
	switch (
	    srtp_unprotect_rtcp_mki(srtp->session, packet, &bytes, srtp->mki)) {
	case srtp_err_status_ok:
		*n = (size_t)bytes;
		return 0;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
		return -EALREADY;
	default:
		return -EBADMSG;
	}
}

bool
rtp_srtp_is_encrypted_rtcp(const struct rtp_srtp_key *key,
			   const uint8_t *packet, size_t n)
{
	bool aead = key->suite == RTP_SRTP_AEAD_AES_128_GCM ||
		    key->suite == RTP_SRTP_AEAD_AES_256_GCM;
	/* The tag of an AEAD is before the index, others behind it. */
	size_t behind = (size_t)INDEX_BYTES + key->mki_bytes;

	if (!aead)
		behind += suites[suite_of_rtcp(key->suite)].tag_bytes;
	return n >= behind && packet[n - behind] & ENCRYPTED;
}
