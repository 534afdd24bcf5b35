/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the keys of SRTP in a session description to those that decrypt. */
#ifndef CMD_COMMON_CRYPTO_H
#define CMD_COMMON_CRYPTO_H

#include "rtp/srtp.h"
#include "sip/sip.h"

/**
 * @return 0, -ENOTSUP: by a suite that is not supported, or its key has not the
 *         length that it should
 */
int crypto_key(struct rtp_srtp_key *key, const struct sip_crypto *crypto)
	__attribute__((warn_unused_result));

#endif
