/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By what calls are found, other than their Call-ID, and registrations: keyed
 * hashes, each of which may be that of several.
 */
#include <stdlib.h>

#include <utlist.h>

#include "sip/sip_priv.h"

/* NOLINTBEGIN(readability-function-size): the macros of uthash nest */

static struct sip_slot *
slot_find(struct sip_slot *slots, uint64_t hash)
{
	struct sip_slot *slot;

	HASH_FIND (hh, slots, &hash, sizeof(hash), slot)
		;
	return slot;
}

static struct sip_slot *
slot_get(struct sip_slot **slots, uint64_t hash)
{
	struct sip_slot *slot = slot_find(*slots, hash);

	if (slot)
		return slot;
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->hash = hash;
	HASH_ADD(hh, *slots, hash, sizeof(slot->hash), slot);
	if (slot->hh.tbl)
		return slot;
	free(slot);
	return NULL;
}

static void
slot_free(struct sip_slot **slots, struct sip_slot *slot)
{
	HASH_DEL(*slots, slot);
	free(slot);
}

/* NOLINTEND(readability-function-size) */

void
sip__slot_leave(struct sip_slot **slots, struct sip_key *key)
{
	struct sip_slot *slot = key->slot;

	if (!slot)
		return;
	DL_DELETE(slot->first, key);
	if (!slot->first)
		slot_free(slots, slot);
	key->slot = NULL;
}

void
sip__slot_enter(struct sip_slot **slots, struct sip_key *key)
{
	key->slot = slot_get(slots, key->hash);
	if (key->slot)
		DL_PREPEND(key->slot->first, key);
}

struct sip_key *
sip__slot_first(struct sip_slot *slots, uint64_t hash)
{
	struct sip_slot *slot = hash ? slot_find(slots, hash) : NULL;

	return slot ? slot->first : NULL;
}

/* ---- of calls ------------------------------------------------------------ */

void
sip__key_drop(struct sip_key *key)
{
	if (key->slot)
		sip__slot_leave(&key->call->tracker->slots, key);
	*key = (struct sip_key){ 0 };
}

void
sip__key_set(struct sip_call_state *call, struct sip_key *key, uint64_t hash,
	     enum sip_party party)
{
	if (key->slot)
		sip__key_drop(key);
	*key = (struct sip_key){ .hash = hash, .call = call, .party = party };
	if (hash)
		sip__slot_enter(&call->tracker->slots, key);
}

const struct sip_key *
sip__key_first(const struct sip_tracker *t, uint64_t hash)
{
	return sip__slot_first(t->slots, hash);
}
