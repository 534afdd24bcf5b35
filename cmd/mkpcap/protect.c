/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SRTP, by the keys that the script names (RFC 3711, RFC 4568). */
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "cmd/common/crypto.h"
#include "cmd/mkpcap/mkpcap_priv.h"

int
mkpcap__crypto(const struct mkpcap_text *text, struct rtp_srtp_key *key)
{
	struct sip_crypto_list list = { 0 };
	struct rtp_srtp_key unused;

	if (sip_crypto_read(&list, text->p, text->n) < 0 || list.count != 1 ||
	    crypto_key(key ? key : &unused, &list.crypto[0]) < 0)
		return -EINVAL;
	return 0;
}

static uint32_t
crypto_at(const struct mkpcap_media *media, int64_t at_ns)
{
	uint32_t which = 0;

	for (uint32_t i = 1; i < media->crypto_count; i++)
		if (at_ns >= media->crypto[i].at_ns)
			which = i;
	return which;
}

static uint32_t
ssrc_of(const uint8_t *rtp)
{
	return (uint32_t)rtp[8] << 24 | (uint32_t)rtp[9] << 16 |
	       (uint32_t)rtp[10] << 8 | rtp[11];
}

int
mkpcap__protect(struct mkpcap_cipher *cipher, const struct mkpcap_media *media,
		uint32_t slot, uint8_t *rtp, uint32_t *bytes)
{
	uint32_t which = crypto_at(media, mkpcap__slot_ns(media, slot));
	struct rtp_srtp_key key;
	size_t n = *bytes;
	int rc;

	if (media->crypto_count == 0)
		return 0;
	if (cipher->srtp && cipher->crypto != which)
		rtp_srtp_free(&cipher->srtp);
	if (!cipher->srtp) {
		rc = mkpcap__crypto(&media->crypto[which].text, &key);
		if (rc == 0)
			rc = rtp_srtp_new(&cipher->srtp, &key, ssrc_of(rtp),
					  true);
		if (rc)
			return rc;
		if (media->rollovers)
			rtp_srtp_set_roc(cipher->srtp, media->rollovers);
		cipher->crypto = which;
	}
	rc = rtp_srtp_protect(cipher->srtp, rtp, &n);
	*bytes = (uint32_t)n;
	return rc;
}

/* An index cannot be set: packets that nobody gets make it grow. */
static int
protect_nth(struct rtp_srtp *srtp, uint32_t nth, uint8_t *bytes, uint32_t *n)
{
	alignas(8) uint8_t unused[MKPCAP_RTCP_MAX + RTP_SRTCP_TRAILER_MAX];
	size_t count;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < nth; i++) {
		count = *n;
		memcpy(unused, bytes, count);
		rc = rtp_srtp_protect_rtcp(srtp, unused, &count);
	}
	count = *n;
	if (rc == 0)
		rc = rtp_srtp_protect_rtcp(srtp, bytes, &count);
	*n = (uint32_t)count;
	return rc;
}

int
mkpcap__protect_rtcp(const struct mkpcap_rtcp *rtcp, uint32_t nth,
		     uint8_t *bytes, uint32_t *n)
{
	const struct mkpcap_media *media = rtcp->own ? rtcp->own->media : NULL;
	struct rtp_srtp_key key;
	struct rtp_srtp *srtp;
	int rc;

	if (!media || media->crypto_count == 0)
		return 0;
	rc = mkpcap__crypto(
	    &media->crypto[crypto_at(media, rtcp->report->at_ns)].text, &key);
	if (rc == 0)
		rc = rtp_srtp_new_rtcp(&srtp, &key, rtcp->own->ssrc, true);
	if (rc)
		return rc;
	rc = protect_nth(srtp, nth, bytes, n);
	rtp_srtp_free(&srtp);
	return rc;
}

void
mkpcap__cipher_fini(struct mkpcap_cipher *cipher)
{
	rtp_srtp_free(&cipher->srtp);
}
