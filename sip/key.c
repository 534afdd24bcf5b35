/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By what calls are found, other than their Call-ID: keyed hashes, each of
 * which may be that of several calls.
 */
#include <stdlib.h>

#include <utlist.h>

#include "sip/sip_priv.h"

/* NOLINTBEGIN(readability-function-size): the macros of uthash nest */

static struct sip_slot *
slot_find(const struct sip_tracker *t, uint64_t hash)
{
	struct sip_slot *slot;

	HASH_FIND (hh, t->slots, &hash, sizeof(hash), slot)
		;
	return slot;
}

static struct sip_slot *
slot_get(struct sip_tracker *t, uint64_t hash)
{
	struct sip_slot *slot = slot_find(t, hash);

	if (slot)
		return slot;
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->hash = hash;
	HASH_ADD(hh, t->slots, hash, sizeof(slot->hash), slot);
	if (slot->hh.tbl)
		return slot;
	free(slot);
	return NULL;
}

static void
slot_free(struct sip_tracker *t, struct sip_slot *slot)
{
	HASH_DEL(t->slots, slot);
	free(slot);
}

void
sip__key_drop(struct sip_key *key)
{
	struct sip_slot *slot = key->slot;

	if (slot) {
		DL_DELETE(slot->first, key);
		if (!slot->first)
			slot_free(key->call->tracker, slot);
	}
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
		key->slot = slot_get(call->tracker, hash);
	if (key->slot)
		DL_PREPEND(key->slot->first, key);
}

const struct sip_key *
sip__key_first(const struct sip_tracker *t, uint64_t hash)
{
	const struct sip_slot *slot = hash ? slot_find(t, hash) : NULL;

	return slot ? slot->first : NULL;
}

/* NOLINTEND(readability-function-size) */
