/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is logged in where, as REGISTER and its answers tell (RFC 3261 section
 * 10): for each address-of-record the contacts that are bound to it.
 *
 * A registrar of its own for looking on. What a server accepts is believed: its
 * 2xx lists all contacts that it has of an address-of-record, and those that it
 * leaves out are gone. A request alone is a claim. It is kept for as long as an
 * answer may take, and nobody is found by it; one that asks for a registration
 * to end, and whose answer is not seen, ends it after that time.
 *
 * The tracker owns one, feeds it, and lets its time pass. Nothing of it is
 * saved: after a restart it is learned again as telephones refresh, which takes
 * as long as they are registered for, an hour at most by default.
 */
#ifndef SIP_REGISTRAR_H
#define SIP_REGISTRAR_H

#include "sip/sip.h"

/** "2041@192.0.2.7:5060"; a longer contact is not kept. */
#define SIP_CONTACT_BYTES 192

/** A contact of an address-of-record. */
struct sip_registration {
	char user[SIP_USER_BYTES]; /**< of the address-of-record: "2041" */
	char host[SIP_HOST_BYTES]; /**< its domain, in small letters */
	char contact[SIP_CONTACT_BYTES]; /**< user@host:port, port given */
	struct capture_endpoint from; /**< that sent the REGISTER; port 0: it
				       * was not seen, only its answer */
	struct capture_endpoint server; /**< that answered, or was asked */
	bool direct;      /**< `from` is the telephone's, not a proxy's */
	bool confirmed;   /**< a 2xx was seen; else it is a claim */
	int64_t since_ns; /**< first confirmed, or claimed */
	int64_t until_ns; /**< unless it is refreshed before */
};

struct sip_registrar;

/**
 * That of an address-of-record with this user part which was confirmed last.
 *
 * @param user as in From: "2041"
 * @return borrowed until the next input or tick; NULL: nobody of that name is
 *         logged in
 * @thread that of the tracker
 * @cost O(1)
 */
const struct sip_registration *
sip_registrar_find_user(const struct sip_registrar *registrar,
			const char *user);

/**
 * Who is logged in at an address: one that sends REGISTER for exactly one
 * address-of-record, directly, or is the contact of it. Where several are
 * logged in there is no answer, nor is there at a server: it speaks for all.
 *
 * @return borrowed until the next input or tick, or NULL
 * @thread that of the tracker
 * @cost O(1)
 */
const struct sip_registration *
sip_registrar_find_address(const struct sip_registrar *registrar,
			   const struct capture_endpoint *at);

/** @param registration borrowed during the call */
typedef void (*sip_registration_fn)(void *ctx,
				    const struct sip_registration *one);

/** All of them, claims too, in no order. @cost O(how many there are) */
void sip_registrar_walk(const struct sip_registrar *registrar,
			sip_registration_fn fn, void *ctx);

/** How many there are, claims too; a gauge. */
uint32_t sip_registrar_count(const struct sip_registrar *registrar);

/** That of a tracker; its callback may ask it. @ownership the tracker's */
const struct sip_registrar *
sip_tracker_registrar_peek(const struct sip_tracker *tracker);

#endif
