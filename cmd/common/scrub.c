/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step of a scrub as JSON, and done. Nothing that comes through the socket
 * is trusted: store_scrub_commit looks at what became of it. */
#include "cmd/common/scrub.h"
#include "store/scrub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const char *const names[SCRUB_STEP_COUNT] = {
	[SCRUB_PROPOSE] = "propose", [SCRUB_WITHDRAW] = "withdraw",
	[SCRUB_BEGIN] = "begin",     [SCRUB_WRITE] = "write",
	[SCRUB_COMMIT] = "commit",
};

/* ---- to JSON ----------------------------------------------------------- */

static json_t *
hex_json(const void *bytes, size_t n)
{
	char *text = malloc(2 * n + 1);
	json_t *json;

	if (!text)
		return NULL;
	store_hex(text, bytes, n);
	json = json_string(text);
	free(text);
	return json;
}

static json_t *
keys_json(const struct store_sealed_key *sealed)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < sealed->count; i++)
		(void)json_array_append_new(
		    array, hex_json(sealed->sealed[i], STORE_SEALED_KEY_BYTES));
	return array;
}

static json_t *
fingerprints_json(const struct store_sealed_key *sealed)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < sealed->count; i++)
		(void)json_array_append_new(
		    array,
		    hex_json(sealed->fingerprints[i], STORE_FINGERPRINT_BYTES));
	return array;
}

static json_t *
counts_json(const uint64_t counts[STORE_STREAMS_MAX])
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < STORE_STREAMS_MAX; i++)
		(void)json_array_append_new(
		    array, json_integer((json_int_t)counts[i]));
	return array;
}

json_t *
scrub_step_json(const struct scrub_step *step)
{
	const struct store_scrub_result *result = &step->result;
	const char *name = names[step->type], *id = step->scrub.id;
	const json_int_t slot = step->scrub.key_slot;

	switch (step->type) {
	case SCRUB_PROPOSE:
		return json_pack(
		    "{ss ss ss sI sI si ss si}", "op", "scrub", "step", name,
		    "id", id, "from", (json_int_t)step->scrub.from_ns, "until",
		    (json_int_t)step->scrub.until_ns, "sides",
		    (int)step->scrub.sides, "why", step->scrub.why,
		    "although_held", (int)step->scrub.although_held);
	case SCRUB_BEGIN:
		return json_pack("{ss ss ss so so}", "op", "scrub", "step",
				 name, "id", id, "keys",
				 keys_json(&step->sealed), "recipients",
				 fingerprints_json(&step->sealed));
	case SCRUB_WRITE:
		return json_pack("{ss ss ss sI sI so}", "op", "scrub", "step",
				 name, "id", id, "slot", slot, "offset",
				 (json_int_t)step->piece.offset, "bytes",
				 hex_json(step->piece.bytes, step->piece.n));
	case SCRUB_COMMIT:
		return json_pack("{ss ss ss sI so so sI sI sI so}", "op",
				 "scrub", "step", name, "id", id, "slot", slot,
				 "removed", counts_json(result->removed),
				 "gaps", counts_json(result->gaps),
				 "payload_bytes",
				 (json_int_t)result->payload_bytes,
				 "file_bytes", (json_int_t)result->file_bytes,
				 "chunks", (json_int_t)result->chunks, "hash",
				 hex_json(result->file_hash, STORE_HASH_BYTES));
	case SCRUB_WITHDRAW:
	case SCRUB_STEP_COUNT:
		break;
	}
	return json_pack("{ss ss ss}", "op", "scrub", "step", name, "id", id);
}

/* ---- from JSON --------------------------------------------------------- */

static int
text_get(const json_t *request, const char *name, char *text, size_t bytes)
{
	const char *given = json_string_value(json_object_get(request, name));

	if (!given || strlen(given) >= bytes)
		return -EINVAL;
	memcpy(text, given, strlen(given) + 1);
	return 0;
}

static int
number_get(const json_t *number, uint64_t most, uint64_t *v)
{
	json_int_t given = json_integer_value(number);

	if (!json_is_integer(number) || given < 0 || (uint64_t)given > most)
		return -EINVAL;
	*v = (uint64_t)given;
	return 0;
}

static int
small_get(const json_t *request, const char *name, uint32_t *v)
{
	uint64_t wide = 0;
	int r = number_get(json_object_get(request, name), UINT32_MAX, &wide);

	*v = (uint32_t)wide;
	return r;
}

static int
large_get(const json_t *request, const char *name, uint64_t *v)
{
	return number_get(json_object_get(request, name), INT64_MAX, v);
}

static int
time_get(const json_t *request, const char *name, int64_t *time_ns)
{
	const json_t *given = json_object_get(request, name);

	*time_ns = json_integer_value(given);
	return json_is_integer(given) ? 0 : -EINVAL;
}

static int
bytes_get(const json_t *text, void *bytes, size_t n)
{
	const char *given = json_string_value(text);

	return given && strlen(given) == 2 * n ? store_unhex(bytes, n, given)
					       : -EINVAL;
}

static int
counts_get(const json_t *request, const char *name,
	   uint64_t counts[STORE_STREAMS_MAX])
{
	const json_t *array = json_object_get(request, name);
	int r = json_array_size(array) == STORE_STREAMS_MAX ? 0 : -EINVAL;

	for (size_t i = 0; i < STORE_STREAMS_MAX && r == 0; i++)
		r = number_get(json_array_get(array, i), INT64_MAX, &counts[i]);
	return r;
}

static int
propose_get(struct store_scrub *scrub, const json_t *request)
{
	int r = time_get(request, "from", &scrub->from_ns);

	if (r == 0)
		r = time_get(request, "until", &scrub->until_ns);
	if (r == 0)
		r = small_get(request, "sides", &scrub->sides);
	if (r == 0 && json_object_get(request, "although_held"))
		r = small_get(request, "although_held", &scrub->although_held);
	if (r == 0 && scrub->although_held > 1)
		r = -EINVAL;
	return r ? r : text_get(request, "why", scrub->why, sizeof(scrub->why));
}

static int
begin_get(struct store_sealed_key *sealed, const json_t *request)
{
	const json_t *keys = json_object_get(request, "keys");
	const json_t *whose = json_object_get(request, "recipients");
	size_t count = json_array_size(keys);
	int r = count > 0 && count <= STORE_RECIPIENTS_MAX &&
			json_array_size(whose) == count
		    ? 0
		    : -EINVAL;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = bytes_get(json_array_get(keys, i), sealed->sealed[i],
			      STORE_SEALED_KEY_BYTES);
		if (r == 0)
			r = bytes_get(json_array_get(whose, i),
				      sealed->fingerprints[i],
				      STORE_FINGERPRINT_BYTES);
	}
	sealed->count = (uint32_t)count;
	return r;
}

static int
write_get(struct scrub_step *step, const json_t *request)
{
	const json_t *bytes = json_object_get(request, "bytes");
	int r = small_get(request, "slot", &step->scrub.key_slot);

	if (r == 0)
		r = large_get(request, "offset", &step->piece.offset);
	step->piece.n = json_string_length(bytes) / 2;
	if (r || step->piece.n > SCRUB_PIECE_BYTES)
		return -EINVAL;
	return bytes_get(bytes, step->piece.bytes, step->piece.n);
}

static int
commit_get(struct scrub_step *step, const json_t *request)
{
	struct store_scrub_result *result = &step->result;
	int r = small_get(request, "slot", &step->scrub.key_slot);

	if (r == 0)
		r = counts_get(request, "removed", result->removed);
	if (r == 0)
		r = counts_get(request, "gaps", result->gaps);
	if (r == 0)
		r = large_get(request, "payload_bytes", &result->payload_bytes);
	if (r == 0)
		r = large_get(request, "file_bytes", &result->file_bytes);
	if (r == 0)
		r = small_get(request, "chunks", &result->chunks);
	return r ? r
		 : bytes_get(json_object_get(request, "hash"),
			     result->file_hash, STORE_HASH_BYTES);
}

static int
step_get(struct scrub_step *step, const json_t *request)
{
	char name[16];
	int r = text_get(request, "step", name, sizeof(name));

	while (r == 0 && step->type < SCRUB_STEP_COUNT &&
	       strcmp(names[step->type], name) != 0)
		step->type++;
	if (r == 0)
		r = text_get(request, "id", step->scrub.id,
			     sizeof(step->scrub.id));
	if (r)
		return r;
	switch (step->type) {
	case SCRUB_PROPOSE:
		return propose_get(&step->scrub, request);
	case SCRUB_WITHDRAW:
		return 0;
	case SCRUB_BEGIN:
		return begin_get(&step->sealed, request);
	case SCRUB_WRITE:
		return write_get(step, request);
	case SCRUB_COMMIT:
		return commit_get(step, request);
	case SCRUB_STEP_COUNT:
		break;
	}
	return -EINVAL;
}

int
scrub_step_parse(struct scrub_step **step, const json_t *request)
{
	int r;

	*step = calloc(1, sizeof(**step));
	if (!*step)
		return -ENOMEM;
	r = step_get(*step, request);
	if (r) {
		free(*step);
		*step = NULL;
	}
	return r;
}

/* ---- done -------------------------------------------------------------- */

int
scrub_step_run(struct store_archive *archive, const struct scrub_step *step,
	       int64_t now_ns)
{
	struct store_scrub scrub = step->scrub;

	switch (step->type) {
	case SCRUB_PROPOSE:
		scrub.proposer = step->who;
		scrub.proposed_ns = now_ns;
		return store_scrub_propose(archive, &scrub);
	case SCRUB_WITHDRAW:
		return store_scrub_withdraw(archive, scrub.id, &step->who,
					    now_ns);
	case SCRUB_BEGIN:
		return store_scrub_begin(archive, step->scrub.id, &step->who,
					 now_ns, &step->sealed, &scrub);
	case SCRUB_WRITE:
		scrub.agreer = step->who;
		return store_scrub_write(archive, &scrub, step->piece.offset,
					 step->piece.bytes, step->piece.n);
	case SCRUB_COMMIT:
		scrub.agreer = step->who;
		return store_scrub_commit(archive, &scrub, &step->result,
					  now_ns);
	case SCRUB_STEP_COUNT:
		break;
	}
	return -EINVAL;
}

const char *
scrub_step_error(int error)
{
	switch (error) {
	case -EINVAL:
		return "that is nothing that could be taken out";
	case -ENOENT:
		return "there is no such recording, or nobody proposed to take "
		       "a part out of it";
	case -EPERM:
		return "it is held: what must not stay in it all the same has "
		       "to be proposed with --although-held";
	case -EACCES:
		return "whoever proposed it cannot agree to it: that takes a "
		       "second person";
	case -EEXIST:
		return "a part is to be taken out of it already; 'spanrec scrub "
		       "list' shows it";
	case -EALREADY:
		return "that was done already";
	case -ESTALE:
		return "meanwhile somebody else went on with it; look at "
		       "'spanrec scrub list' and begin again";
	case -EBUSY:
		return "it is still being recorded";
	case -EBADMSG:
		return "it is damaged; 'spanrec verify' tells where";
	default:
		return strerror(-error);
	}
}
