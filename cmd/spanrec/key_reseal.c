/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps of changing keys, done here or by the recorder; and all recordings
 * sealed anew to the recipients of now, which takes who has a key of before. */
#include "cmd/spanrec/key_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* A recording that began before the change may reach its slot after it. */
#define SETTLE_MS 1000
#define NAMED_MAX 20

int
spanrec_key_open(struct spanrec *spanrec)
{
	char actor[STORE_NAME_BYTES];
	int rc = spanrec_open_beside(spanrec, STORE_WRITE);

	if (rc)
		return rc;
	spanrec_actor(actor);
	if (policy_user_is_owner(spanrec->policy, actor))
		return 0;
	return spanrec_deny(spanrec, "",
			    "keys are changed by an owner, and '%s' is none of "
			    "those whom %.100s names under 'access'",
			    actor, spanrec->home.policy_path);
}

int
spanrec_rekey_step(struct spanrec *spanrec, struct rekey_step *step)
{
	json_t *answer;
	int r;

	if (spanrec->beside) {
		r = spanrec_ask(spanrec, rekey_step_json(step),
				CONTROL_TIMEOUT_MS, &answer);
		json_decref(answer);
		return r;
	}
	spanrec_actor(step->actor);
	r = rekey_step_run(spanrec->archive, step, spanrec->now_ns);
	if (r == 0)
		return 0;
	log_error("%s", rekey_step_error(r));
	return exit_code(r);
}

/* Is there nothing to be done? It is known before the recorder is asked. */
static bool
is_so(struct spanrec *spanrec, const struct rekey_step *step)
{
	struct store_recipient all[STORE_RECIPIENTS_MAX];
	int count = store_recipients(spanrec->archive, all);
	bool has = !step->adds, lacks = true;

	for (int i = 0; i < count; i++) {
		has |= step->adds && all[i].role == step->add.role &&
		       !memcmp(&all[i].pub, &step->add.pub, sizeof(all[i].pub));
		lacks &= !step->removes ||
			 memcmp(&all[i].pub, &step->remove, sizeof(all[i].pub));
	}
	return count > 0 && has && lacks;
}

int
spanrec_rekey_change(struct spanrec *spanrec, const struct store_public *remove,
		     const struct store_public *add,
		     enum store_recipient_role role)
{
	struct rekey_step *step = calloc(1, sizeof(*step));
	int rc = 0;

	if (!step) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	step->removes = remove != NULL;
	step->adds = add != NULL;
	if (remove)
		step->remove = *remove;
	if (add)
		step->add.pub = *add;
	step->add.role = role;
	if (!is_so(spanrec, step))
		rc = spanrec_rekey_step(spanrec, step);
	if (!rc)
		spanrec_ledger_sign(spanrec);
	free(step);
	return rc;
}

/* ---- all that is stored -------------------------------------------------- */

struct walk {
	struct spanrec *spanrec;
	struct store_recipient recipients[STORE_RECIPIENTS_MAX];
	size_t count;
	struct rekey_step *step;
	uint64_t slots, right, sent, unopened, unread;
	struct {
		uint32_t day, slot;
	} named[NAMED_MAX];
	size_t names;
};

/* A slot that is not sealed anew is named, if there are not too many. */
static void
name(struct walk *walk, const struct store_slot *slot)
{
	if (walk->names == NAMED_MAX)
		return;
	walk->named[walk->names].day = slot->day;
	walk->named[walk->names++].slot = slot->slot;
}

static int
flush(struct walk *walk)
{
	int rc = 0;

	if (walk->step->count)
		rc = spanrec_rekey_step(walk->spanrec, walk->step);
	walk->sent += walk->step->count;
	walk->step->count = 0;
	return rc;
}

/* @return 0, a positive exit code, -errno */
static int
reseal_slot(void *ctx, const struct store_slot *slot)
{
	struct walk *walk = ctx;
	int r;

	walk->slots++;
	if (!slot->readable) {
		walk->unread++;
		name(walk, slot);
		return 0;
	}
	if (store_slot_is_for(slot, walk->recipients, walk->count)) {
		walk->right++;
		return 0;
	}
	r = store_reseal_make(&walk->step->many[walk->step->count],
			      walk->spanrec->identity, slot, walk->recipients,
			      walk->count);
	if (r == -ENOKEY) {
		walk->unopened++;
		name(walk, slot);
		return 0;
	}
	if (r)
		return r;
	return ++walk->step->count == STORE_RESEAL_MAX ? flush(walk) : 0;
}

/* @return exit code */
static int
walk_once(struct walk *walk)
{
	int rc;

	walk->slots = walk->right = walk->unopened = walk->unread = 0;
	walk->sent = 0;
	walk->names = 0;
	rc = store_slots(walk->spanrec->archive, reseal_slot, walk);
	if (rc == 0)
		rc = flush(walk);
	if (rc >= 0)
		return rc;
	log_error("the keyrings of %s cannot be read: %s",
		  walk->spanrec->home.archive_path, strerror(-rc));
	return exit_code(rc);
}

/* Which recording a slot is of. */
struct whose {
	const struct walk *walk;
	char id[NAMED_MAX][STORE_SEGMENT_ID_BYTES];
};

static int
find_whose(void *ctx, const struct store_segment *segment)
{
	struct whose *whose = ctx;

	for (size_t i = 0; i < whose->walk->names; i++)
		if (segment->key_day == whose->walk->named[i].day &&
		    segment->key_slot == whose->walk->named[i].slot)
			memcpy(whose->id[i], segment->id, sizeof(whose->id[i]));
	return 0;
}

static void
tell_names(const struct walk *walk)
{
	const struct store_query all = { .purged = true };
	const uint64_t more = walk->unopened + walk->unread - walk->names;
	struct whose *whose = calloc(1, sizeof(*whose));

	if (!whose)
		return;
	whose->walk = walk;
	(void)!store_search(walk->spanrec->archive, &all, find_whose, whose);
	for (size_t i = 0; i < walk->names; i++)
		fprintf(walk->spanrec->out,
			"  %s (day %" PRIu32 ", slot %" PRIu32 ")\n",
			*whose->id[i] ? whose->id[i]
				      : "a key without a recording",
			walk->named[i].day, walk->named[i].slot);
	if (more)
		fprintf(walk->spanrec->out, "  and %" PRIu64 " more\n", more);
	free(whose);
}

static void
tell(const struct walk *walk, uint64_t sent)
{
	FILE *out = walk->spanrec->out;

	fprintf(out,
		"%" PRIu64 " keys of recordings: %" PRIu64
		" sealed anew, %" PRIu64 " are for these recipients\n",
		walk->slots, sent, walk->right);
	if (walk->unopened)
		fprintf(out,
			"%" PRIu64 " are not opened by this key, and stay as "
			"they are:\n",
			walk->unopened);
	else if (walk->unread)
		fprintf(out, "%" PRIu64 " are damaged:\n", walk->unread);
	if (walk->unopened || walk->unread)
		tell_names(walk);
}

int
spanrec_reseal_all(struct spanrec *spanrec)
{
	struct walk walk = { .spanrec = spanrec };
	uint64_t sent = 0;
	int rc, count = store_recipients(spanrec->archive, walk.recipients);

	if (count < 0)
		return spanrec_key_failed(spanrec, "recipients", count);
	walk.count = (size_t)count;
	walk.step = calloc(1, sizeof(*walk.step));
	if (!walk.step) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	walk.step->type = REKEY_RESEAL;
	/* Until nothing comes any more that was begun before. */
	do {
		if (spanrec->beside)
			usleep(SETTLE_MS * 1000);
		rc = walk_once(&walk);
		sent += walk.sent;
	} while (!rc && walk.sent);
	spanrec_ledger_sign(spanrec);
	if (!rc)
		tell(&walk, sent);
	else
		log_error(
		    "not all keys were sealed anew; the same command goes "
		    "on with it");
	free(walk.step);
	return rc;
}
