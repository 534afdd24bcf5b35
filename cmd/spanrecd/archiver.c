/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The archive thread: the only one that writes keyring and index. Does what
 * the writers ask for in batches, because a durable commit costs the same for
 * one row as for a thousand.
 *
 *   begun:  key into its slot -> sync -> row -> commit -> answer, at once
 *   ended:  kept until sync_s has passed; files synced -> rows -> commit;
 *           at once where a recording is taken back: row -> purge
 *   discarded:  the same, and all that the call has in the archive
 *
 * so that a key is durable before the first chunk is sealed with it, and a row
 * says "stored" only when its file is durable too.
 *
 * For the control thread it keeps the live table, the ledger and cases, and
 * while the recorder is live it purges each minute what is due, a little at a
 * time, lets recordings give way where the disk fills and the policy has some
 * that do, and signs the ledger each hour.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/common/clocks.h"
#include "cmd/common/exit.h"
#include "cmd/common/guard.h"
#include "cmd/common/log.h"
#include "cmd/common/person.h"
#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/pipeline.h"
#include "cmd/spanrecd/room.h"
#include "cmd/spanrecd/taken_back.h"
#include "store/audit.h"
#include "store/cases.h"
#include "store/room.h"

enum { BATCH_ROWS = 1000 };
/* Who waits for one commit. */
enum { BATCH_TOKENS = 64 };
/* An index that has less than this part of it left is full for recordings. */
enum { FULL_SHARE = 20 };
/* Deletions before the others get their turn. */
enum { SWEEP_LIMIT = STORE_PURGE_MANY };
static const int64_t NAP_NS = 20 * 1000000LL;
static const int64_t SWEEP_NS = 60 * 1000000000LL;

struct answer {
	uint32_t writer;
	struct archive_answer answer;
};

/* A recording that ended. */
struct ended {
	struct ended *next;
	enum archive_request_type type; /* not OPEN */
	uint8_t traces;                 /* enum policy_traces */
	struct store_segment row;       /* DISCARD: of it call and reason */
};

struct archiver_state {
	struct pipeline *pipeline;
	struct store_archive *archive;
	uint32_t answers_count;
	struct answer answers[BATCH_ROWS];
	struct ended *first, *last;
	uint32_t ended_count;
	uint32_t open_count;      /* recordings that grow */
	bool urgent;              /* one of those that ended is to go at once */
	bool over;                /* nothing more will come */
	bool index_full;          /* for recordings */
	int64_t synced_ns;        /* monotonic */
	int64_t signed_ns;        /* monotonic */
	int64_t swept_ns;         /* monotonic: when the last sweep was over */
	bool sweeping;            /* it is not over, only the others' turn */
	struct store_pulse pulse; /* as the archive has it */
	bool pulse_known;
	char confirmed_by[STORE_NAME_BYTES]; /* the clock; "": nobody did */
	uint64_t sweep_token;                /* who waits for it; 0: nobody */
	struct sweep_result swept;           /* so far */
	int sweep_error;                     /* so far; the first */
	const struct policy *policy;         /* by which is purged */
	struct policy *own_policy;           /* the same, if it was reloaded */
	struct clocks *clocks;
	struct room room; /* on the disk */
};

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Is what is left of the index kept for deletions, holds and the ledger? */
static bool
look_at_index(struct archiver_state *a)
{
	struct store_index_room room;

	if (store_index_room(a->archive, &room) < 0)
		return false;
	atomic_store(&a->pipeline->index_used_bytes, room.used_bytes);
	atomic_store(&a->pipeline->index_map_bytes, room.map_bytes);
	a->index_full =
	    room.map_bytes - room.used_bytes < room.map_bytes / FULL_SHARE;
	return a->index_full;
}

static void
fail(struct archiver_state *a, int error, const char *what)
{
	const char *why = strerror(-error);
	int none = 0;

	atomic_store(&a->pipeline->failed_ns, clock_ns(CLOCK_REALTIME));
	/* Not the disk, and another remedy. */
	if (error == -ENOSPC && look_at_index(a))
		why = "the index is full: set index_map_mib higher, and start "
		      "the recorder again";
	if (atomic_compare_exchange_strong(&a->pipeline->archive_error, &none,
					   error))
		log_error("%s: %s", what, why);
	else
		log_warning("%s: %s", what, why);
}

/* ---- recordings that begin ----------------------------------------------- */

static int
put_begun(struct archiver_state *a, struct answer *answer,
	  struct store_segment *row, const struct store_sealed_key *key)
{
	int r =
	    store_keyring_add(a->archive, row->key_day, key, &row->key_slot);

	if (r < 0)
		return r;
	answer->answer.day = row->key_day;
	answer->answer.slot = row->key_slot;
	return store_segment_put(a->archive, row);
}

static void
add_ended(struct archiver_state *a, struct ended *ended)
{
	if (a->last)
		a->last->next = ended;
	else
		a->first = ended;
	a->last = ended;
	a->ended_count++;
}

static void
put_ended(struct archiver_state *a, const struct archive_request *request,
	  uint32_t bytes)
{
	struct ended *ended = calloc(1, sizeof(*ended));

	if (!ended) {
		fail(a, -ENOMEM, "a recording is not entered into the index");
		counter_add(&a->pipeline->archiver.counters,
			    COUNTER_index_failed, 1);
		return;
	}
	ended->type = request->type;
	ended->traces = request->traces;
	a->urgent |= request->type != ARCHIVE_CLOSE;
	if (request->type != ARCHIVE_DISCARD && request->row.key_day &&
	    a->open_count)
		a->open_count--;
	memcpy(&ended->row, &request->row,
	       bytes - offsetof(struct archive_request, row));
	add_ended(a, ended);
}

/* Take what the writers ask for; rows of what begins go into the batch, unless
 * there was an error before. */
static int
collect(struct archiver_state *a, int r)
{
	const struct archive_request *request;
	uint32_t i, bytes;

	for (i = 0; i < a->pipeline->writers_count; i++) {
		struct capture_ring *ring = a->pipeline->writers[i].requests;

		while (a->answers_count < BATCH_ROWS &&
		       (request = capture_ring_peek(ring, &bytes))) {
			if (request->type == ARCHIVE_OPEN) {
				struct answer *answer =
				    &a->answers[a->answers_count++];
				struct store_segment row = { 0 };

				memset(answer, 0, sizeof(*answer));
				memcpy(&row, &request->row, SEGMENT_HEAD_BYTES);
				answer->writer = i;
				answer->answer.segment = request->segment;
				if (r == 0)
					r = put_begun(a, answer, &row,
						      &request->key);
			} else {
				put_ended(a, request, bytes);
			}
			capture_ring_release(ring);
		}
	}
	return r;
}

static void
send_answers(struct archiver_state *a, int error)
{
	uint32_t i;

	for (i = 0; i < a->answers_count; i++) {
		struct writer *writer =
		    &a->pipeline->writers[a->answers[i].writer];
		struct archive_answer *room;

		while (!(room = capture_ring_reserve(writer->answers,
						     sizeof(*room)))) {
			sem_post(&writer->wake);
			pipeline_nap(&a->pipeline->archiver.wake, NAP_NS);
		}
		*room = a->answers[i].answer;
		room->error = error;
		capture_ring_commit(writer->answers, sizeof(*room));
		sem_post(&writer->wake);
	}
	a->answers_count = 0;
}

static bool
asked(const struct archiver_state *a)
{
	uint32_t i;

	for (i = 0; i < a->pipeline->writers_count; i++)
		if (capture_ring_peek(a->pipeline->writers[i].requests, NULL))
			return true;
	return false;
}

/* A batch that fails fails as a whole: the writers are told, and go on
 * without these recordings. */
static void
run_begun(struct archiver_state *a)
{
	int r = a->index_full ? -ENOSPC : store_batch_begin(a->archive);
	bool begun = r == 0;

	r = collect(a, r);
	if (r == 0 && a->answers_count)
		r = store_keyring_sync(a->archive);
	if (begun && r == 0 && a->answers_count)
		r = store_batch_commit(a->archive);
	else if (begun)
		store_batch_abort(a->archive);
	if (r < 0)
		fail(a, r, "cannot begin a recording");
	else
		a->open_count += a->answers_count;
	send_answers(a, r);
}

/* ---- recordings that ended ----------------------------------------------- */

/* Audio that a later decision forbids: its key goes at once. */
static int
take_back(struct archiver_state *a, const struct ended *ended)
{
	int r = taken_back_finish(a->archive, &ended->row, ended->traces);

	/* Who holds it knows why; asking again would change nothing. */
	if (r == -EPERM) {
		log_warning("%s is held: it stays, though it was decided "
			    "against (%s)",
			    ended->row.id, ended->row.reason);
		return 0;
	}
	if (r < 0)
		fail(a, r, "cannot take a recording back");
	return r;
}

struct discarding {
	struct archiver_state *a;
	const struct store_segment *row;
	int error; /* the first; the others go all the same */
};

static int
discard_one(void *ctx, const struct store_segment *segment)
{
	struct discarding *d = ctx;
	const char *reason = d->row->reason;
	int r;

	/* The id of its call may be the beginning of another's. */
	if (strcmp(segment->call, d->row->call) != 0)
		return 0;
	r = store_discard(d->a->archive, segment->id, clock_ns(CLOCK_REALTIME),
			  "spanrecd", reason, reason);
	/* One that grows is taken back by its writer. One that is held stays:
	 * who holds it knows why. */
	if (r == -EPERM)
		log_warning("%s is held: it stays, though its call goes (%s)",
			    segment->id, reason);
	else if (r < 0 && r != -EBUSY && d->error == 0)
		d->error = r;
	return 0;
}

/* All that a call has in the archive. */
static int
discard(struct archiver_state *a, const struct ended *ended)
{
	const struct store_query query = { .id_prefix = ended->row.call,
					   .purged = true };
	struct discarding d = { .a = a, .row = &ended->row };
	int r = store_search(a->archive, &query, discard_one, &d);

	if (r == 0)
		r = d.error;
	if (r < 0)
		fail(a, r, "cannot discard a call");
	return r;
}

/* An old capture may be of calls that should be gone by now. */
static void
count_overdue(struct archiver_state *a, const struct store_segment *row)
{
	struct policy_clock clock;

	if (row->key_day == 0)
		return;
	(void)policy_clock(a->policy, row->retention, row->call_start_ns,
			   &clock);
	if (clock.due_ns <= clock_ns(CLOCK_REALTIME))
		counter_add(&a->pipeline->archiver.counters, COUNTER_overdue,
			    1);
}

/* Some leave no trace but a number; unless recorded at first, with a key that
 * has to be destroyed. */
static int
put_row(struct archiver_state *a, struct ended *ended)
{
	struct store_segment *row = &ended->row;
	bool recorded =
	    row->decision == STORE_RECORD || row->decision == STORE_LISTEN_DENY;
	bool counted = row->decision == STORE_OUT_OF_SCOPE ||
		       ended->traces == POLICY_TRACES_COUNT;
	int r;

	if (!recorded && counted && row->key_day == 0)
		return store_counter_add(
		    a->archive, store_day(row->call_start_ns), row->reason, 1);
	if (!recorded && ended->traces != POLICY_TRACES_FULL)
		store_segment_strip(row);
	count_overdue(a, row);
	r = ended->type == ARCHIVE_TAKE_BACK
		? taken_back_begin(a->archive, row, ended->traces)
		: store_segment_put(a->archive, row);
	/* One that is held by now is told when it is to go. */
	return r == -EALREADY || r == -EPERM ? 0 : r;
}

static int
put_rows(struct archiver_state *a)
{
	struct ended *ended;
	int r = store_archive_sync(a->archive);

	if (r < 0)
		return r;
	r = store_batch_begin(a->archive);
	if (r < 0)
		return r;
	for (ended = a->first; ended && r == 0; ended = ended->next)
		if (ended->type != ARCHIVE_DISCARD)
			r = put_row(a, ended);
	if (r < 0) {
		store_batch_abort(a->archive);
		return r;
	}
	return store_batch_commit(a->archive);
}

/* What must not be there, now that its row is. @return 0, or what failed */
static int
remove_ended(struct archiver_state *a, const struct ended *ended)
{
	switch (ended->type) {
	case ARCHIVE_TAKE_BACK:
		return take_back(a, ended);
	case ARCHIVE_DISCARD:
		return discard(a, ended);
	case ARCHIVE_OPEN:
	case ARCHIVE_CLOSE:
		break;
	}
	return 0;
}

static void
run_ended(struct archiver_state *a)
{
	struct ended *ended = a->first;
	int r = put_rows(a);

	if (r < 0) {
		fail(a, r, "cannot enter recordings into the index");
		counter_add(&a->pipeline->archiver.counters,
			    COUNTER_index_failed, a->ended_count);
	}
	a->first = a->last = NULL;
	a->ended_count = 0;
	a->urgent = false;
	while (ended) {
		struct ended *next = ended->next;

		ended->next = NULL;
		/* A key that must go is not given up on while we run. */
		if (ended->type != ARCHIVE_CLOSE &&
		    (r < 0 || remove_ended(a, ended) < 0) && !a->over)
			add_ended(a, ended);
		else
			free(ended);
		ended = next;
	}
	a->synced_ns = clock_ns(CLOCK_MONOTONIC);
}

/* What open recordings have written reaches the disk too. */
static void
run_sync(struct archiver_state *a)
{
	int r = store_archive_sync(a->archive);

	if (r < 0)
		fail(a, r, "cannot sync the recordings");
	a->synced_ns = clock_ns(CLOCK_MONOTONIC);
}

/* ---- for the control thread ---------------------------------------------- */

static void
answer_control(struct archiver_state *a, const struct control_answer *answer)
{
	struct pipeline *p = a->pipeline;
	struct control_answer *room;

	/* It never waits for this thread: there will be room. */
	while (
	    !(room = capture_ring_reserve(p->control.answers, sizeof(*room)))) {
		uv_async_send(&p->control.kick);
		pipeline_nap(&p->archiver.wake, NAP_NS);
	}
	*room = *answer;
	capture_ring_commit(p->control.answers, sizeof(*room));
	uv_async_send(&p->control.kick);
}

static void
answer_token(struct archiver_state *a, uint64_t token, int error)
{
	const struct control_answer answer = { .token = token, .error = error };

	if (token)
		answer_control(a, &answer);
}

static bool
of_a_batch(const struct control_request *request)
{
	return request->type == CONTROL_LIVE_PUT ||
	       request->type == CONTROL_LIVE_DELETE ||
	       request->type == CONTROL_LEDGER;
}

static int
put_kept(struct archiver_state *a, const struct control_request *request)
{
	struct store_ledger_entry entry;
	struct store_segment row = { 0 };

	if (request->type == CONTROL_LEDGER) {
		entry = request->entry;
		return store_ledger_put(a->archive, &entry);
	}
	if (request->type == CONTROL_LIVE_DELETE)
		return store_live_delete(a->archive, request->live.key);
	memcpy(&row, request->live.head, SEGMENT_HEAD_BYTES);
	return store_live_put(a->archive, request->live.key, &row,
			      request->state, request->state_bytes);
}

/* As many changes of the live table and entries of the ledger as are there, in
 * one transaction: who waits for one waits for what stands before it, too. */
static void
run_kept(struct archiver_state *a)
{
	struct capture_ring *ring = a->pipeline->control.requests;
	const struct control_request *request;
	uint64_t tokens[BATCH_TOKENS];
	uint32_t count = 0, i;
	int r = store_batch_begin(a->archive);
	bool begun = r == 0;

	while (count < BATCH_TOKENS &&
	       (request = capture_ring_peek(ring, NULL)) &&
	       of_a_batch(request)) {
		if (r == 0)
			r = put_kept(a, request);
		if (request->token)
			tokens[count++] = request->token;
		capture_ring_release(ring);
	}
	if (begun && r == 0)
		r = store_batch_commit(a->archive);
	else if (begun)
		store_batch_abort(a->archive);
	if (r < 0)
		fail(a, r, "cannot keep the calls in progress, and the ledger");
	for (i = 0; i < count; i++)
		answer_token(a, tokens[i], r);
}

/* ---- heads of the ledger ------------------------------------------------- */

static int
sign(struct archiver_state *a)
{
	struct store_head head;
	int r;

	a->signed_ns = clock_ns(CLOCK_MONOTONIC);
	if (!a->pipeline->config.signer)
		return -ENOKEY;
	r = store_head_sign(a->archive, a->pipeline->config.signer,
			    clock_ns(CLOCK_REALTIME), "spanrecd", &head);
	if (r < 0 && r != -ENOENT)
		fail(a, r, "cannot sign the ledger");
	return r < 0 ? r : 0;
}

static void
sign_if_due(struct archiver_state *a)
{
	int64_t every_ns =
	    (int64_t)a->pipeline->config.settings->sign_s * 1000000000;

	if (a->pipeline->config.live && !a->over &&
	    clock_ns(CLOCK_MONOTONIC) - a->signed_ns >= every_ns)
		(void)sign(a);
}

/* What an earlier run recorded of a segment that is decided against now: it
 * goes with those that end. */
static void
take_back_earlier(struct archiver_state *a,
		  const struct control_request *request)
{
	struct ended *ended = calloc(1, sizeof(*ended));
	struct store_segment as = { 0 };
	int r = -ENOMEM;

	memcpy(&as, request->taken.head, SEGMENT_HEAD_BYTES);
	if (ended)
		r = store_segment_get(a->archive, request->taken.id,
				      &ended->row);
	if (r < 0 && r != -ENOENT)
		fail(a, r, "cannot take a recording back");
	if (r < 0 || strcmp(ended->row.id, request->taken.id) != 0 ||
	    !taken_back_decide(&ended->row, &as)) {
		free(ended);
		return;
	}
	ended->type = ARCHIVE_TAKE_BACK;
	ended->traces = request->taken.traces;
	a->urgent = true;
	add_ended(a, ended);
}

static void
take_policy(struct archiver_state *a, struct policy *policy)
{
	policy_free(&a->own_policy);
	a->own_policy = policy;
	a->policy = policy;
}

/* By the policy by which is purged: that in force. */
static struct person_asked
asked_of(struct archiver_state *a, const struct person *person)
{
	return (struct person_asked){ .person = person,
				      .policy = a->policy,
				      .archive = a->archive };
}

/* On a case. Others than those who asked need not know why it was refused. */
static void
run_act(struct archiver_state *a, const struct control_request *request)
{
	struct control_answer answer = { .token = request->token,
					 .act = request->act };
	struct person_asked asked = asked_of(a, request->by);
	struct person *by = request->by;

	answer.refused = act_check(&asked, request->act, &answer.refusal);
	if (!answer.refused)
		answer.error =
		    store_act(a->archive, request->act, answer.failed);
	person_free(&by);
	answer_control(a, &answer);
}

/* May they delete of that recording? @return 0, -errno */
static int
check_scrub(struct archiver_state *a, const struct control_request *request,
	    struct control_answer *answer)
{
	struct person_asked asked = asked_of(a, request->by);
	struct act_refusal *refusal = &answer->refusal;
	int r;

	asked.right = POLICY_RIGHT_DELETE;
	memcpy(refusal->id, request->scrub->scrub.id, sizeof(refusal->id));
	r = person_may_segment(&asked, refusal->id, refusal->text,
			       sizeof(refusal->text));
	if (r == -EACCES)
		answer->refused = EXIT_NOT_ALLOWED;
	return r;
}

/* A step that is refused is no fault of the archive. */
static void
run_scrub(struct archiver_state *a, const struct control_request *request)
{
	struct control_answer answer = { .token = request->token };
	struct person *by = request->by;

	answer.error = check_scrub(a, request, &answer);
	if (!answer.error)
		answer.error = scrub_step_run(a->archive, request->scrub,
					      clock_ns(CLOCK_REALTIME));
	if (answer.error == -ENOSPC || answer.error == -EIO)
		fail(a, answer.error, "cannot take a part out of a recording");
	free(request->scrub);
	person_free(&by);
	answer_control(a, &answer);
}

/* Who asks was found to be allowed to. */
static void
run_rekey(struct archiver_state *a, const struct control_request *request)
{
	int r = rekey_step_run(a->archive, request->rekey,
			       clock_ns(CLOCK_REALTIME));

	if (r == -ENOSPC || r == -EIO)
		fail(a, r, "cannot change keys");
	free(request->rekey);
	answer_token(a, request->token, r);
}

static void
sweep_begin(struct archiver_state *a)
{
	a->sweeping = true;
	a->swept = (struct sweep_result){ 0 };
	a->sweep_error = 0;
}

static void
run_control(struct archiver_state *a)
{
	struct capture_ring *ring = a->pipeline->control.requests;
	const struct control_request *request;

	while ((request = capture_ring_peek(ring, NULL))) {
		switch (request->type) {
		case CONTROL_LIVE_PUT:
		case CONTROL_LIVE_DELETE:
		case CONTROL_LEDGER:
			run_kept(a);
			continue;
		case CONTROL_HEAD:
			answer_token(a, request->token, sign(a));
			break;
		case CONTROL_TAKE_BACK:
			take_back_earlier(a, request);
			break;
		case CONTROL_ACT:
			run_act(a, request);
			break;
		case CONTROL_SCRUB:
			run_scrub(a, request);
			break;
		case CONTROL_REKEY:
			run_rekey(a, request);
			break;
		case CONTROL_POLICY:
			take_policy(a, request->policy);
			break;
		case CONTROL_SWEEP:
			answer_token(a, a->sweep_token, -EINTR);
			a->sweep_token = request->token;
			if (request->sweep.clock_is_right)
				memcpy(a->confirmed_by, request->sweep.by,
				       sizeof(a->confirmed_by));
			sweep_begin(a);
			break;
		}
		capture_ring_release(ring);
	}
}

/* ---- purge --------------------------------------------------------------- */

static void
add_up(struct sweep_result *sum, const struct sweep_result *part)
{
	struct sweep_result total = *part;

	total.recordings += sum->recordings;
	total.segments += sum->segments;
	total.bytes += sum->bytes;
	total.tombstones += sum->tombstones;
	total.cases += sum->cases;
	*sum = total;
}

/* The same words each minute while the cause lasts. */
static void
tell(void *ctx, bool error, const char *words)
{
	(void)ctx;
	log_warning("%s%s", error ? "purge: " : "", words);
}

static void
keep_pulse(struct archiver_state *a, struct store_ledger_entry *entry)
{
	int r = store_pulse_put(a->archive, &a->pulse, entry);

	if (r < 0)
		fail(a, r, "cannot note how the purge went");
}

static void
sweep(struct archiver_state *a)
{
	struct sweep_config config = { .archive = a->archive,
				       .policy = a->policy,
				       .clocks = a->clocks,
				       .tell = tell,
				       .now_ns = clock_ns(CLOCK_REALTIME),
				       .actor = "spanrecd",
				       .limit = SWEEP_LIMIT };
	struct control_answer answer = { .token = a->sweep_token,
					 .swept = true };
	struct sweep_result part = { 0 };

	answer.error = sweep_run(&config, &part);
	add_up(&a->swept, &part);
	if (!a->sweep_error)
		a->sweep_error = answer.error;
	/* One that cannot be deleted does not keep the others. */
	a->sweeping = part.more && (part.segments || part.tombstones);
	if (a->sweeping)
		return;
	answer.error = a->sweep_error;
	if (answer.error < 0)
		fail(a, answer.error, "not all that is due could be purged");
	if (a->swept.segments)
		log_info("purged %llu segments, %llu with audio",
			 (unsigned long long)a->swept.segments,
			 (unsigned long long)a->swept.recordings);
	guard_note(&a->pulse, config.now_ns, GUARD_TRUSTED, &a->swept,
		   answer.error);
	keep_pulse(a, NULL);
	if (answer.error == 0)
		atomic_store(&a->pipeline->purged_ns, clock_ns(CLOCK_BOOTTIME));
	answer.sweep = a->swept;
	answer_control(a, &answer);
	a->sweep_token = 0;
	a->swept_ns = clock_ns(CLOCK_MONOTONIC);
}

/* Somebody says that the clock is right, whatever it shows. */
static void
confirm_clock(struct archiver_state *a, const struct guard_reading *now)
{
	struct store_ledger_entry entry = { .time_ns = now->wall_ns,
					    .action = "clock",
					    .detail = GUARD_CONFIRMED };

	memcpy(entry.actor, a->confirmed_by, sizeof(entry.actor));
	log_warning("%s says that the clock is right", a->confirmed_by);
	a->confirmed_by[0] = '\0';
	guard_confirm(&a->pulse, now);
	keep_pulse(a, &entry);
}

static void
note_refused(struct archiver_state *a, const struct guard_reading *now,
	     enum guard_verdict verdict, bool news)
{
	if (news)
		log_error("%s", guard_text(verdict));
	counter_add(&a->pipeline->archiver.counters, COUNTER_purge_refused, 1);
	guard_note(&a->pulse, now->wall_ns, verdict, NULL, 0);
	keep_pulse(a, NULL);
}

/* Nothing is deleted by a clock that may be wrong; what can be read of before
 * is asked, and kept with what the sweep comes to. */
static bool
clock_trusted(struct archiver_state *a)
{
	bool synchronised = policy_clock_synchronised(a->policy);
	enum guard_verdict verdict, before;
	struct guard_reading now;
	int r;

	if (!a->pulse_known) {
		r = store_pulse_get(a->archive, &a->pulse);
		if (r < 0 && r != -ENOENT)
			fail(a, r, "cannot read when the clock was trusted");
		a->pulse_known = true;
	}
	guard_read(&now);
	if (a->confirmed_by[0])
		confirm_clock(a, &now);
	verdict = guard_decide(&a->pulse, &now, synchronised);
	before = atomic_exchange(&a->pipeline->clock_verdict, verdict);
	if (verdict != GUARD_TRUSTED) {
		note_refused(a, &now, verdict, verdict != before);
		return false;
	}
	if (before != GUARD_TRUSTED)
		log_info("the clock is trusted again: the purge goes on");
	guard_trust(&a->pulse, &now);
	return true;
}

static void
sweep_if_due(struct archiver_state *a)
{
	if (!a->pipeline->config.live || a->over)
		return;
	if (!a->sweeping) {
		if (clock_ns(CLOCK_MONOTONIC) - a->swept_ns < SWEEP_NS)
			return;
		sweep_begin(a);
	}
	if (clock_trusted(a)) {
		sweep(a);
		return;
	}
	a->sweeping = false;
	a->swept_ns = clock_ns(CLOCK_MONOTONIC);
	answer_token(a, a->sweep_token, -ETIME);
	a->sweep_token = 0;
}

/* What is due goes first; what gives way goes before its time. */
static void
make_room_if_wanted(struct archiver_state *a)
{
	const struct giveway_config config = { .archive = a->archive,
					       .policy = a->policy,
					       .clocks = a->clocks,
					       .now_ns =
						   clock_ns(CLOCK_REALTIME),
					       .actor = "spanrecd",
					       .tell = tell };

	if (!a->pipeline->config.live || a->over || a->sweeping ||
	    !room_wanted(&a->room, a->pipeline, a->policy))
		return;
	if (clock_trusted(a))
		room_make(&a->room, a->pipeline, &config);
	else
		room_put_off(&a->room);
}

/* ---- the loop ------------------------------------------------------------ */

static bool
sync_due(const struct archiver_state *a)
{
	int64_t sync_ns =
	    (int64_t)a->pipeline->config.settings->sync_s * 1000000000;

	return a->urgent || a->ended_count >= BATCH_ROWS ||
	       clock_ns(CLOCK_MONOTONIC) - a->synced_ns >= sync_ns;
}

static void
sync_if_due(struct archiver_state *a)
{
	if (!a->over && !sync_due(a))
		return;
	(void)look_at_index(a);
	if (a->ended_count)
		run_ended(a);
	else if (a->open_count)
		run_sync(a);
}

void *
archiver_main(void *pipeline)
{
	struct pipeline *p = pipeline;
	struct archiver_state *a = p->archiver.state;

	pthread_setname_np(pthread_self(), "archive");
	a->synced_ns = clock_ns(CLOCK_MONOTONIC);
	(void)look_at_index(a);
	do {
		/* Before the rings are looked at, so that nothing is left. */
		a->over = atomic_load_explicit(&p->archive_over,
					       memory_order_acquire);
		while (asked(a)) {
			run_begun(a);
			sync_if_due(a);
		}
		run_control(a);
		sync_if_due(a);
		sign_if_due(a);
		sweep_if_due(a);
		make_room_if_wanted(a);
		if (!a->over && !a->sweeping && !a->room.making)
			pipeline_nap(&p->archiver.wake, NAP_NS);
	} while (!a->over);
	return NULL;
}

int
archiver_new(struct pipeline *p)
{
	int r;

	p->archiver.state = calloc(1, sizeof(*p->archiver.state));
	if (!p->archiver.state)
		return -ENOMEM;
	r = clocks_new(&p->archiver.state->clocks);
	if (r < 0)
		return r;
	p->archiver.state->pipeline = p;
	p->archiver.state->archive = p->config.archive;
	p->archiver.state->policy = p->config.policy;
	p->archiver.state->signed_ns = clock_ns(CLOCK_MONOTONIC);
	atomic_store(&p->purged_ns, clock_ns(CLOCK_BOOTTIME));
	p->archiver.state->swept_ns = clock_ns(CLOCK_MONOTONIC) - SWEEP_NS;
	return 0;
}

void
archiver_free(struct pipeline *p)
{
	struct archiver_state *a = p->archiver.state;

	while (a && a->first) {
		struct ended *ended = a->first;

		a->first = ended->next;
		free(ended);
	}
	if (a) {
		clocks_free(&a->clocks);
		policy_free(&a->own_policy);
	}
	free(a);
	p->archiver.state = NULL;
}
