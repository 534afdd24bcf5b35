/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A step of changing keys as JSON, and done. Nothing that comes through the
 * socket is trusted but that it is sealed so that the new key opens it: only
 * who has that could see. */
#include "cmd/common/rekey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define HEX_BYTES (2 * STORE_SEALED_KEY_BYTES + 1)

/* ---- to JSON ----------------------------------------------------------- */

static void
append_hex(json_t *array, const void *bytes, size_t n)
{
	char text[HEX_BYTES];

	store_hex(text, bytes, n);
	(void)json_array_append_new(array, json_string(text));
}

static json_t *
slot_json(const struct store_reseal *one)
{
	json_t *array =
	    json_pack("[I I]", (json_int_t)one->day, (json_int_t)one->slot);

	append_hex(array, one->old, sizeof(one->old));
	for (uint32_t i = 0; i < one->new.count; i++)
		append_hex(array, one->new.sealed[i], STORE_SEALED_KEY_BYTES);
	return array;
}

static json_t *
reseal_json(const struct rekey_step *step)
{
	json_t *slots = json_array(), *whose = json_array();
	const struct store_sealed_key *first = &step->many[0].new;

	for (uint32_t i = 0; step->count && i < first->count; i++)
		append_hex(whose, first->fingerprints[i],
			   STORE_FINGERPRINT_BYTES);
	for (size_t i = 0; i < step->count; i++)
		(void)json_array_append_new(slots, slot_json(&step->many[i]));
	return json_pack("{ss ss so so}", "op", "key", "step", "reseal",
			 "recipients", whose, "slots", slots);
}

json_t *
rekey_step_json(const struct rekey_step *step)
{
	char text[STORE_PUBLIC_TEXT_BYTES];
	json_t *json;

	if (step->type == REKEY_RESEAL)
		return reseal_json(step);
	json = json_pack("{ss ss}", "op", "key", "step", "change");
	if (step->removes) {
		store_public_text(text, &step->remove);
		(void)json_object_set_new(json, "remove", json_string(text));
	}
	if (step->adds) {
		store_public_text(text, &step->add.pub);
		(void)json_object_set_new(json, "add", json_string(text));
		(void)json_object_set_new(
		    json, "role",
		    json_string(store_recipient_role_name(step->add.role)));
	}
	return json;
}

/* ---- from JSON --------------------------------------------------------- */

static int
bytes_get(const json_t *text, void *bytes, size_t n)
{
	const char *given = json_string_value(text);

	return given && strlen(given) == 2 * n ? store_unhex(bytes, n, given)
					       : -EINVAL;
}

static int
small_get(const json_t *number, uint32_t *v)
{
	json_int_t given = json_integer_value(number);

	if (!json_is_integer(number) || given < 0 || given > UINT32_MAX)
		return -EINVAL;
	*v = (uint32_t)given;
	return 0;
}

/** @param have whether there is one */
static int
public_get(const json_t *text, bool *have, struct store_public *pub)
{
	*have = text != NULL;
	if (!text)
		return 0;
	return json_is_string(text) &&
		       store_public_parse(pub, json_string_value(text)) == 0
		   ? 0
		   : -EINVAL;
}

static int
change_get(struct rekey_step *step, const json_t *request)
{
	const char *role = json_string_value(json_object_get(request, "role"));
	int r = public_get(json_object_get(request, "remove"), &step->removes,
			   &step->remove);

	if (r == 0)
		r = public_get(json_object_get(request, "add"), &step->adds,
			       &step->add.pub);
	if (r || (!step->adds && !step->removes))
		return -EINVAL;
	if (!step->adds)
		return 0;
	while (role && step->add.role < STORE_RECIPIENT_ROLE_COUNT &&
	       strcmp(role, store_recipient_role_name(step->add.role)) != 0)
		step->add.role++;
	return role && step->add.role < STORE_RECIPIENT_ROLE_COUNT ? 0
								   : -EINVAL;
}

static int
slot_get(struct store_reseal *one, const json_t *slot, const json_t *whose)
{
	size_t count = json_array_size(whose);
	int r = json_array_size(slot) == count + 3 ? 0 : -EINVAL;

	if (r == 0)
		r = small_get(json_array_get(slot, 0), &one->day);
	if (r == 0)
		r = small_get(json_array_get(slot, 1), &one->slot);
	if (r == 0)
		r = bytes_get(json_array_get(slot, 2), one->old,
			      sizeof(one->old));
	for (size_t i = 0; i < count && r == 0; i++) {
		r = bytes_get(json_array_get(slot, 3 + i), one->new.sealed[i],
			      STORE_SEALED_KEY_BYTES);
		if (r == 0)
			r = bytes_get(json_array_get(whose, i),
				      one->new.fingerprints[i],
				      STORE_FINGERPRINT_BYTES);
	}
	one->new.count = (uint32_t)count;
	return r;
}

static int
reseal_get(struct rekey_step *step, const json_t *request)
{
	const json_t *slots = json_object_get(request, "slots");
	const json_t *whose = json_object_get(request, "recipients");
	int r = 0;

	step->count = json_array_size(slots);
	if (step->count == 0 || step->count > STORE_RESEAL_MAX ||
	    json_array_size(whose) == 0 ||
	    json_array_size(whose) > STORE_RECIPIENTS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < step->count && r == 0; i++)
		r = slot_get(&step->many[i], json_array_get(slots, i), whose);
	return r;
}

int
rekey_step_parse(struct rekey_step **step, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "step"));
	int r = -EINVAL;

	*step = calloc(1, sizeof(**step));
	if (!*step)
		return -ENOMEM;
	if (name && strcmp(name, "change") == 0) {
		r = change_get(*step, request);
	} else if (name && strcmp(name, "reseal") == 0) {
		(*step)->type = REKEY_RESEAL;
		r = reseal_get(*step, request);
	}
	if (r) {
		free(*step);
		*step = NULL;
	}
	return r;
}

/* ---- done -------------------------------------------------------------- */

int
rekey_step_run(struct store_archive *archive, const struct rekey_step *step,
	       int64_t now_ns)
{
	const struct store_reseal_by by = { step->actor, now_ns };
	struct store_recipient add = step->add;
	size_t done;

	if (step->type == REKEY_RESEAL)
		return store_reseal(archive, step->many, step->count, &by,
				    &done);
	add.since_ns = now_ns;
	return store_recipients_change(archive,
				       step->removes ? &step->remove : NULL,
				       step->adds ? &add : NULL, step->actor);
}

const char *
rekey_step_error(int error)
{
	switch (error) {
	case -EINVAL:
		return "that is nothing that could be done with keys";
	case -ENOENT:
		return "that key is none of those that new recordings are "
		       "sealed to; 'spanrec key list' shows them";
	case -EEXIST:
		return "that key is there already, for another purpose";
	case -EALREADY:
		return "that key is there already";
	case -E2BIG:
		return "there are as many keys as there can be (4); remove one "
		       "first";
	case -EPERM:
		return "that is the last key of the archive: nobody but who "
		       "has an escrow key could listen any more; 'spanrec key "
		       "rotate' puts another one in its place";
	case -ESTALE:
		return "meanwhile somebody else changed the keys; look at "
		       "'spanrec key list' and begin again";
	default:
		return strerror(-error);
	}
}
