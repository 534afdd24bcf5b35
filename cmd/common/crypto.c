/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See crypto.h. */
#include "cmd/common/crypto.h"

#include <errno.h>
#include <string.h>

int
crypto_key(struct rtp_srtp_key *key, const struct sip_crypto *crypto)
{
	int suite = rtp_srtp_suite(crypto->suite);
	bool aead = suite == RTP_SRTP_AEAD_AES_128_GCM ||
		    suite == RTP_SRTP_AEAD_AES_256_GCM;

	memset(key, 0, sizeof(*key));
	/* KDR: libsrtp2 has no such thing, and nobody was seen to use it. */
	if (suite < 0 || crypto->derives ||
	    crypto->mki_bytes > RTP_SRTP_MKI_MAX ||
	    crypto->key_bytes != rtp_srtp_key_bytes((enum rtp_srtp_suite)suite))
		return -ENOTSUP;
	key->suite = (enum rtp_srtp_suite)suite;
	/* An AEAD encrypts and proves in one. */
	key->unencrypted = crypto->unencrypted && !aead;
	key->unauthenticated = crypto->unauthenticated && !aead;
	/* With an AEAD, too: the bit that says so is in each packet. */
	key->unencrypted_rtcp = crypto->unencrypted_rtcp;
	key->mki_bytes = crypto->mki_bytes;
	key->mki = crypto->mki;
	memcpy(key->bytes, crypto->key, crypto->key_bytes);
	return 0;
}
