/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recordings that were decided against, and a recorder that was killed before
 * they were gone. */
#include "cmd/spanrecd/taken_back.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/spanrecd/control_priv.h"
#include "cmd/testing/calls.h"
#include "cmd/testing/testing.h"
#include "store/cases.h"

struct world {
	char *folder;
	char id[STORE_SEGMENT_ID_BYTES]; /* of a recording */
	char call[TESTING_CALLS][STORE_CALL_ID_BYTES];
	struct store_archive *archive;
	struct store_recovery found;
};

static void
begin(struct world *w)
{
	assert_int_equal(store_archive_open(&w->archive, w->folder, STORE_WRITE,
					    NULL, &w->found),
			 0);
}

/* As a kill leaves it, but for what the kernel writes in any case. */
static void
killed(struct world *w)
{
	store_archive_close(&w->archive);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct store_identity *identity;
	struct store_public pub;
	char path[512];

	assert_non_null(w);
	w->folder = testing_folder();
	snprintf(path, sizeof(path), "%s/key", w->folder);
	assert_int_equal(store_identity_create(path, &pub), 0);
	assert_int_equal(store_identity_load(&identity, path), 0);
	store_identity_free(&identity);
	snprintf(path, sizeof(path), "%s/archive", w->folder);
	assert_int_equal(store_archive_create(path, &pub, 1), 0);
	testing_calls_fill(path, w->call);
	free(w->folder);
	w->folder = testing_copy(path, strlen(path) + 1);
	snprintf(w->id, sizeof(w->id), "%s-1", w->call[1]);
	begin(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	store_archive_close(&w->archive);
	*strrchr(w->folder, '/') = '\0';
	testing_folder_remove(w->folder);
	free(w);
	return 0;
}

static void
get(struct world *w, struct store_segment *row)
{
	assert_int_equal(store_segment_get(w->archive, w->id, row), 0);
}

static int
no_finding(void *ctx, const struct store_finding *finding)
{
	(void)ctx;
	fail_msg("%s: %s", finding->id, finding->detail);
	return 0;
}

/* Neither key nor file nor anything that leads there; numbers as they may. */
static void
assert_gone(struct world *w, bool numbers)
{
	struct store_segment row;

	get(w, &row);
	assert_int_equal(row.state, STORE_STATE_PURGED);
	assert_int_equal(row.decision, STORE_DROP);
	assert_string_equal(row.reason, "exempt");
	assert_int_equal(*row.from != '\0', numbers);
	assert_int_equal(store_verify_orphans(w->archive, no_finding, NULL), 0);
	assert_int_equal(store_purge(w->archive, w->id, 1, "ann", "again"),
			 -EALREADY);
}

static void
forbid(struct store_segment *row)
{
	row->decision = STORE_DROP;
	snprintf(row->reason, sizeof(row->reason), "exempt");
}

static void
begin_taking_back(struct world *w, uint8_t traces)
{
	struct store_segment row;

	get(w, &row);
	forbid(&row);
	assert_int_equal(store_batch_begin(w->archive), 0);
	assert_int_equal(taken_back_begin(w->archive, &row, traces), 0);
	assert_int_equal(store_batch_commit(w->archive), 0);
}

static void
killed_in_between(void **state)
{
	struct world *w = *state;
	struct store_segment row;

	begin_taking_back(w, POLICY_TRACES_FULL);
	get(w, &row);
	assert_int_equal(row.state, STORE_STATE_PURGED);
	killed(w);
	begin(w);
	assert_int_equal(w->found.purges, 1);
	assert_gone(w, true);
}

static void
finished(void **state)
{
	struct world *w = *state;
	struct store_segment row;

	begin_taking_back(w, POLICY_TRACES_MINIMAL);
	get(w, &row);
	assert_int_equal(
	    taken_back_finish(w->archive, &row, POLICY_TRACES_MINIMAL), 0);
	assert_gone(w, false);
	assert_int_equal(
	    taken_back_finish(w->archive, &row, POLICY_TRACES_MINIMAL), 0);
}

static void
counted_only(void **state)
{
	struct world *w = *state;
	struct store_segment row;
	uint64_t count;

	begin_taking_back(w, POLICY_TRACES_COUNT);
	get(w, &row);
	assert_int_equal(
	    taken_back_finish(w->archive, &row, POLICY_TRACES_COUNT), 0);
	assert_int_equal(store_segment_get(w->archive, w->id, &row), -ENOENT);
	assert_int_equal(
	    store_counter_get(w->archive, 20190328, "exempt", &count), 0);
	assert_int_equal(count, 1);
}

/* What the next run does with what this one kept of the call. */
static void
load_live(struct world *w)
{
	struct control_state *c = calloc(1, sizeof(*c));
	struct pipeline *p = calloc(1, sizeof(*p));

	assert_non_null(c);
	assert_non_null(p);
	c->pipeline = p;
	p->config.live = true;
	p->config.archive = w->archive;
	assert_int_equal(control__live_load(c), 0);
	control__live_free(c);
	free(p);
	free(c);
}

static void
keep_live(struct world *w, void (*change)(struct store_segment *row))
{
	struct store_segment row;
	const uint8_t state[1] = { 0 };

	get(w, &row);
	if (change)
		change(&row);
	row.streams_count = 0;
	assert_int_equal(store_batch_begin(w->archive), 0);
	assert_int_equal(
	    store_live_put(w->archive, w->id, &row, state, sizeof(state)), 0);
	assert_int_equal(store_batch_commit(w->archive), 0);
	killed(w);
	begin(w);
}

static void
killed_before(void **state)
{
	struct world *w = *state;

	keep_live(w, forbid);
	assert_int_equal(w->found.purges, 0);
	load_live(w);
	assert_gone(w, false);
	/* once more: the table is as it was */
	load_live(w);
	assert_gone(w, false);
}

/* Who holds it knows why. */
static void
held(void **state)
{
	struct world *w = *state;
	struct store_segment row;

	get(w, &row);
	row.state = STORE_STATE_HELD;
	assert_int_equal(store_batch_begin(w->archive), 0);
	assert_int_equal(store_segment_put(w->archive, &row), 0);
	assert_int_equal(store_batch_commit(w->archive), 0);
	keep_live(w, forbid);
	load_live(w);
	get(w, &row);
	assert_int_equal(row.state, STORE_STATE_HELD);
	assert_int_equal(row.decision, STORE_RECORD);
}

/* Somebody holds it between the decision and the row that says so. */
static void
held_meanwhile(void **state)
{
	struct world *w = *state;
	char failed[STORE_SEGMENT_ID_BYTES];
	struct store_act act = { .type = STORE_ACT_OPEN,
				 .now_ns = 1,
				 .actor = "ann",
				 .approver = "bob",
				 .reason = "needed",
				 .review_ns = INT64_MAX,
				 .of = { .name = "C-1" } };
	struct store_segment row, there;

	get(w, &row);
	forbid(&row);
	assert_int_equal(store_act(w->archive, &act, failed), 0);
	act.type = STORE_ACT_HOLD;
	act.ids = &w->id;
	act.count = 1;
	assert_int_equal(store_act(w->archive, &act, failed), 0);
	assert_int_equal(store_batch_begin(w->archive), 0);
	assert_int_equal(
	    taken_back_begin(w->archive, &row, POLICY_TRACES_COUNT), 0);
	assert_int_equal(store_batch_commit(w->archive), 0);
	for (uint8_t traces = 0; traces <= POLICY_TRACES_COUNT; traces++)
		assert_int_equal(taken_back_finish(w->archive, &row, traces),
				 0);
	get(w, &there);
	assert_int_equal(there.state, STORE_STATE_HELD);
	assert_int_equal(there.decision, STORE_RECORD);
}

/* Nothing of it was decided against. */
static void
goes_on(void **state)
{
	struct world *w = *state;
	struct store_segment row;

	keep_live(w, NULL);
	load_live(w);
	get(w, &row);
	assert_int_equal(row.state, STORE_STATE_STORED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(killed_in_between), T(finished), T(counted_only),
		T(killed_before),     T(held),     T(held_meanwhile),
		T(goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
