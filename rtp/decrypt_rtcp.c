/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See decrypt.h. */
#include "rtp/decrypt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of what goes on being refused the first are tried with all keys, then one of
 * so many. */
enum { REFUSED_AT_FIRST = 16, REFUSED_EVERY = 16 };

/* Two mirror ports show a packet twice. But who begins a session anew under the
 * same key counts from 0 again: so many in a row are no copies. */
enum { REPEATED_MAX = 4 };

struct rtp_decrypt_rtcp {
	uint32_t ssrc;
	struct rtp_srtp *session; /* NULL: no key has proved anything yet */
	uint64_t id;              /* of its key */
	uint32_t refused;         /* in a row, since the keys are these */
	uint32_t repeated;        /* in a row */
	uint64_t generation;      /* of the keys that were tried last */
};

int
rtp_decrypt_rtcp_new(struct rtp_decrypt_rtcp **stream, uint32_t ssrc)
{
	*stream = calloc(1, sizeof(**stream));
	if (!*stream)
		return -ENOMEM;
	(*stream)->ssrc = ssrc;
	return 0;
}

void
rtp_decrypt_rtcp_free(struct rtp_decrypt_rtcp **stream)
{
	if (!*stream)
		return;
	rtp_srtp_free(&(*stream)->session);
	free(*stream);
	*stream = NULL;
}

struct rtcp_packet {
	const uint8_t *bytes;
	size_t n;
	uint8_t *plain; /* a try may leave anything there */
};

/* @return bytes, -EBADMSG, -EALREADY */
static int
prove(struct rtp_srtp *session, struct rtcp_packet *packet)
{
	size_t n = packet->n;
	int r;

	memcpy(packet->plain, packet->bytes, n);
	r = rtp_srtp_unprotect_rtcp(session, packet->plain, &n);
	return r < 0 ? r : (int)n;
}

/* A key, and the session that shows that it is the right one. */
struct proof {
	uint64_t id;
	struct rtp_srtp *session;
};

/* Whether it is encrypted each packet says; the tag proves that, too. */
static int
try_key(const struct rtp_decrypt_rtcp *d, const struct rtp_decrypt_key *key,
	struct rtcp_packet *packet, struct proof *proof)
{
	struct rtp_srtp_key as_sent = *key->key;
	int r;

	as_sent.unencrypted_rtcp =
	    !rtp_srtp_is_encrypted_rtcp(key->key, packet->bytes, packet->n);
	r = rtp_srtp_new_rtcp(&proof->session, &as_sent, d->ssrc, false);
	explicit_bzero(&as_sent, sizeof(as_sent));
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	proof->id = key->id;
	r = prove(proof->session, packet);
	if (r < 0)
		rtp_srtp_free(&proof->session);
	return r < 0 ? -EBADMSG : r;
}

static int
look_for_key(const struct rtp_decrypt_rtcp *d,
	     const struct rtp_decrypt_keys *keys, struct rtcp_packet *packet,
	     struct proof *proof)
{
	uint32_t nth = d->refused + 1;
	int r = -EBADMSG;

	if (nth > REFUSED_AT_FIRST && nth % REFUSED_EVERY)
		return -EBADMSG;
	for (uint32_t i = 0; i < keys->count && r == -EBADMSG; i++)
		r = try_key(d, &keys->key[i], packet, proof);
	return r;
}

/* By its number a packet seems to be one of before: that is looked at before
 * its tag. A copy it is only if it is of the same key, too. */
static int
decrypt(struct rtp_decrypt_rtcp *d, const struct rtp_decrypt_keys *keys,
	struct rtcp_packet *packet)
{
	struct proof proof;
	int r = d->session ? prove(d->session, packet) : -EBADMSG, found;

	if (r >= 0)
		return r;
	found = look_for_key(d, keys, packet, &proof);
	if (found < 0)
		return found;
	if (r == -EALREADY && proof.id == d->id &&
	    ++d->repeated <= REPEATED_MAX) {
		rtp_srtp_free(&proof.session);
		return -EALREADY;
	}
	rtp_srtp_free(&d->session);
	d->session = proof.session;
	d->id = proof.id;
	return found;
}

int
rtp_decrypt_rtcp(struct rtp_decrypt_rtcp *d,
		 const struct rtp_decrypt_keys *keys, const uint8_t *packet,
		 size_t n, uint8_t *plain)
{
	struct rtcp_packet in = { packet, n, plain };
	int r;

	assert(n <= RTP_DECRYPT_RTCP_MAX);
	if (keys->generation != d->generation)
		d->refused = 0;
	d->generation = keys->generation;
	r = decrypt(d, keys, &in);
	if (r >= 0)
		d->refused = d->repeated = 0;
	else if (r == -EBADMSG)
		d->refused++;
	return r;
}
