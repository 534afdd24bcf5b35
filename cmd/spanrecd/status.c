/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the recorder is, as JSON: what `spanrec status`, `list --live` and
 * `registrations` show. Everything that can be read without asking another
 * thread; warnings in words are made here, where it is known what is wrong.
 */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/backups.h"
#include "cmd/common/guard.h"
#include "cmd/common/home.h"
#include "cmd/common/json.h"
#include "cmd/common/version.h"
#include "cmd/spanrecd/control_priv.h"
#include "cmd/spanrecd/summary.h"
#include "sip/registrar.h"

static const int64_t MS_NS = 1000000LL;
/* What failed so long ago is no news. */
static const int64_t NEWS_NS = 300 * 1000000000LL;

enum { TEXT_BYTES = 256 };

/* ---- interfaces ---------------------------------------------------------- */

static const char *const links[] = {
	[CAPTURE_LINK_UP] = "up",
	[CAPTURE_LINK_DOWN] = "down",
	[CAPTURE_LINK_GONE] = "gone",
};

static void
link_of(struct capture_thread *t, struct capture_live_state *state)
{
	pthread_mutex_lock(&t->link_lock);
	*state = t->link;
	pthread_mutex_unlock(&t->link_lock);
}

static void
warn(json_t *warnings, const char *text)
{
	(void)json_array_append_new(warnings, json_clean(text));
}

/* Threads of one interface stand side by side. */
static json_t *
interface_json(struct pipeline *p, uint32_t *next, json_t *warnings)
{
	uint64_t frames = 0, kernel = 0, interface = 0;
	struct capture_live_state state, other;
	char text[TEXT_BYTES];
	uint32_t i = *next;

	link_of(&p->captures[i], &state);
	other = state;
	while (i < p->captures_count && strcmp(state.name, other.name) == 0) {
		struct counters *counters = &p->captures[i].counters;

		frames += counter_get(counters, COUNTER_frames);
		kernel += counter_get(counters, COUNTER_kernel_drops);
		interface += counter_get(counters, COUNTER_interface_drops);
		if (++i < p->captures_count)
			link_of(&p->captures[i], &other);
	}
	*next = i;
	if (state.link != CAPTURE_LINK_UP) {
		snprintf(text, sizeof(text), "%s is %s: nothing is seen there",
			 state.name, links[state.link]);
		warn(warnings, text);
	}
	return json_pack(
	    "{s:o,s:s,s:o,s:o,s:o}", "name", json_clean(state.name), "state",
	    links[state.link], "frames", json_number(frames), "kernel_drops",
	    json_number(kernel), "interface_drops", json_number(interface));
}

static json_t *
interfaces_json(struct pipeline *p, json_t *warnings)
{
	json_t *list = json_array();
	uint32_t i = 0;

	while (i < p->captures_count)
		(void)json_array_append_new(list,
					    interface_json(p, &i, warnings));
	return list;
}

/* ---- gauges and counters ------------------------------------------------- */

static uint64_t
percent(const struct capture_ring *ring)
{
	/* The longest record is a quarter of the ring. */
	return (uint64_t)capture_ring_used(ring) * 25 /
	       capture_ring_record_max(ring);
}

static uint64_t
greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
gauge_calls(const struct control_state *c, uint64_t *gauges)
{
	const struct control_call *call;

	gauges[GAUGE_calls_max] = c->settings.calls_max;
	for (call = c->calls; call; call = call->hh.next) {
		bool kept = call->verdict.decision == POLICY_RECORD ||
			    call->verdict.decision == POLICY_LISTEN_DENY;

		bool paused = call->family->state.pause != POLICY_NOT_PAUSED;

		gauges[GAUGE_calls]++;
		gauges[GAUGE_calls_paused] += kept && paused;
		gauges[GAUGE_calls_recorded] += kept && !paused;
	}
}

static void
gauge_registrations(const struct control_state *c, uint64_t *gauges)
{
	gauges[GAUGE_registrations] =
	    sip_registrar_count(sip_tracker_registrar_peek(c->tracker));
	gauges[GAUGE_registrations_max] = c->settings.registrations_max;
}

static void
gauge_threads(const struct control_state *c, uint64_t *gauges)
{
	const struct pipeline *p = c->pipeline;
	uint32_t i;

	for (i = 0; i < p->captures_count; i++) {
		const struct capture_thread *t = &p->captures[i];

		gauges[GAUGE_flows] += flows_used(t->flows);
		gauges[GAUGE_flows_max] += c->settings.flows_max;
		gauges[GAUGE_sip_ring] =
		    greater(gauges[GAUGE_sip_ring], percent(t->sip));
	}
	gauges[GAUGE_request_ring] = percent(p->control.requests);
	for (i = 0; i < p->writers_count; i++) {
		gauges[GAUGE_event_ring] = greater(
		    gauges[GAUGE_event_ring], percent(p->writers[i].events));
		gauges[GAUGE_request_ring] =
		    greater(gauges[GAUGE_request_ring],
			    percent(p->writers[i].requests));
	}
	/* Those of libuv's pool come on top where it was used: it is not. */
	gauges[GAUGE_threads] = p->captures_count + p->writers_count + 4;
}

static void
gauge_process(uint64_t *gauges)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	unsigned long pages, shared;
	DIR *fds;

	if (statm) {
		/* Without the index, which is mapped from its file. */
		if (fscanf(statm, "%*u %lu %lu", &pages, &shared) == 2)
			gauges[GAUGE_memory] = (pages - shared) *
					       (uint64_t)sysconf(_SC_PAGESIZE) /
					       1024;
		fclose(statm);
	}
	fds = opendir("/proc/self/fd");
	if (!fds)
		return;
	while (readdir(fds))
		gauges[GAUGE_open_files]++;
	closedir(fds);
	/* ".", ".." and the folder itself */
	if (gauges[GAUGE_open_files] > 3)
		gauges[GAUGE_open_files] -= 3;
}

static json_t *
gauges_json(const struct control_state *c)
{
	uint64_t gauges[GAUGE_COUNT] = { 0 };
	json_t *object = json_object();
	uint32_t i;

	gauge_calls(c, gauges);
	gauge_registrations(c, gauges);
	gauge_threads(c, gauges);
	gauge_process(gauges);
	gauges[GAUGE_behind_ms] =
	    c->behind_ns > 0 ? (uint64_t)(c->behind_ns / MS_NS) : 0;
	for (i = 0; i < GAUGE_COUNT; i++)
		(void)json_object_set_new(object, gauge_rows[i].name,
					  json_number(gauges[i]));
	return object;
}

static json_t *
counters_json(const uint64_t *values)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < COUNTER_ROWS_COUNT; i++)
		(void)json_object_set_new(object, counter_rows[i].name,
					  json_number(values[i]));
	return object;
}

/* ---- retention -------------------------------------------------- */

static json_t *
due_json(const struct control_state *c, json_t *warnings)
{
	const struct sweep_result *swept = &c->swept;
	bool any = c->swept_ns && swept->next_due_ns != INT64_MAX;
	char text[TEXT_BYTES], words[REQUEST_WORDS_BYTES];

	if (swept->overdue) {
		snprintf(text, sizeof(text),
			 "%" PRIu64 " recordings are past their time and not "
			 "deleted",
			 swept->overdue);
		warn(warnings, text);
	}
	if (swept->failed)
		warn(warnings, "not all that is due could be purged: the log "
			       "says why");
	for (unsigned i = 0; request_watch_words(&swept->watch, i, words); i++)
		warn(warnings, words);
	return json_pack(
	    "{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "next",
	    any ? json_time(swept->next_due_ns) : json_null(), "next_id",
	    any ? json_clean(swept->next_id) : json_null(), "overdue",
	    json_number(swept->overdue), "swept", json_time(c->swept_ns),
	    "sweep_failed", json_number(swept->failed), "requests_overdue",
	    json_number(swept->watch.overdue), "reviews_due",
	    json_number(swept->watch.reviews));
}

/* ---- what cannot be recorded --------------------------------------------- */

static void
add_sighting(json_t *list, const struct capture_sighting *host)
{
	enum capture_foreign kinds[CAPTURE_FOREIGN_COUNT];
	uint32_t i, n = capture_sighting_kinds(host, kinds);
	char text[CAPTURE_ADDRESS_TEXT_BYTES];

	capture_address_text(host->addr, text);
	for (i = 0; i < n; i++)
		(void)json_array_append_new(
		    list,
		    json_pack("{s:s,s:s,s:o,s:o}", "host", text, "kind",
			      capture_foreign_name(kinds[i]), "count",
			      json_number(host->count[kinds[i]]), "last_seen",
			      json_time(host->last_ns[kinds[i]])));
}

/* One for each host and kind; the host with most first. */
static json_t *
unrecordable_json(const struct pipeline *p)
{
	struct capture_sighting *hosts;
	json_t *list = json_array();
	int i, count = pipeline_sightings(p, &hosts);

	for (i = 0; i < count; i++)
		add_sighting(list, &hosts[i]);
	free(hosts);
	return list;
}

/* ---- all of it ----------------------------------------------------------- */

/* A purge that stands still is as bad as one that fails, and cannot tell. */
static void
warn_purge(struct pipeline *p, json_t *warnings)
{
	enum guard_verdict verdict = atomic_load(&p->clock_verdict);
	int64_t quiet_ns = pipeline_purge_quiet_ns(p);
	char text[TEXT_BYTES], span[32];

	if (verdict != GUARD_TRUSTED)
		warn(warnings, guard_text(verdict));
	if (quiet_ns <= GUARD_STALE_NS)
		return;
	snprintf(text, sizeof(text),
		 "no purge has ended well for %s: what is due may not be gone",
		 guard_span_text(quiet_ns, span, sizeof(span)));
	warn(warnings, text);
}

static void
warn_state(const struct control_state *c, const uint64_t *values,
	   json_t *warnings)
{
	struct pipeline *p = c->pipeline;
	int64_t now_ns = control__wall_ns();
	int64_t failed_ns = atomic_load(&p->failed_ns);
	int error = atomic_load(&p->archive_error);
	char text[TEXT_BYTES];

	if (error == 0)
		error = atomic_load(&p->recording_error);
	if (failed_ns && now_ns - failed_ns < NEWS_NS) {
		snprintf(text, sizeof(text),
			 "the archive could not be written: %s",
			 strerror(-error));
		warn(warnings, text);
	}
	if (control__wire_ns(c) < c->overloaded_ns)
		warn(warnings, strcmp(c->settings.overload, "new-calls") == 0
				   ? "the recorder does not keep up: new calls "
				     "are not recorded"
				   : "the recorder does not keep up: packets "
				     "are lost");
	warn_purge(p, warnings);
	if (summary_unclaimed(values, text))
		warn(warnings, text);
	if (values[COUNTER_keys_shed])
		warn(warnings, "keys were lost for want of room: a payment, or "
			       "an opt-out, may not have been seen");
	if (values[COUNTER_card_numbers])
		warn(warnings, "a card number was keyed in a call that nothing "
			       "had paused: see the ledger");
	if (values[COUNTER_clock_set_back])
		warn(warnings, "the clock was set back: recordings are dated "
			       "too late until the recorder is restarted");
}

json_t *
control__status(struct control_state *c)
{
	const struct pipeline_config *config = &c->pipeline->config;
	uint64_t values[COUNTER_ROWS_COUNT];
	char hash[2 * STORE_HASH_BYTES + 1];
	json_t *warnings = json_array(), *status;

	pipeline_counters(c->pipeline, sip_tracker_counters_peek(c->tracker),
			  values);
	/* What came late was counted as lost in the same span. */
	if (values[COUNTER_lost_here] > values[COUNTER_lost])
		values[COUNTER_lost_here] = values[COUNTER_lost];
	store_hex(hash, c->policy_hash, sizeof(c->policy_hash));
	warn_state(c, values, warnings);
	status = json_pack(
	    "{s:s,s:i,s:o,s:o,s:o,s:o,s:s}", "version", SPANREC_VERSION, "pid",
	    (int)getpid(), "account", json_clean(config->account), "started",
	    json_time(config->start_ns), "now", json_time(control__wall_ns()),
	    "archive", json_clean(config->home->archive_path), "policy", hash);
	if (config->reason_for_root)
		(void)json_object_set_new(status, "reason_for_root",
					  json_clean(config->reason_for_root));
	(void)json_object_set_new(status, "interfaces",
				  interfaces_json(c->pipeline, warnings));
	(void)json_object_set_new(status, "gauges", gauges_json(c));
	(void)json_object_set_new(status, "counters", counters_json(values));
	(void)json_object_set_new(status, "mirror_loss",
				  control__mirror_json(c));
	(void)json_object_set_new(status, "unrecordable",
				  unrecordable_json(c->pipeline));
	(void)json_object_set_new(status, "disk",
				  control__disk_json(c, warnings));
	(void)json_object_set_new(status, "due", due_json(c, warnings));
	if (config->backups)
		backups_view_json(config->backups, status, warnings);
	(void)json_object_set_new(status, "warnings", warnings);
	return status;
}

/* ---- calls --------------------------------------------------------------- */

static json_t *
call_json(const struct control_call *call)
{
	const struct policy_state *state = &call->family->state;
	struct store_segment row = { 0 };
	json_t *object;

	memcpy(&row, call->head, SEGMENT_HEAD_BYTES);
	object = json_pack(
	    "{s:s,s:i,s:s,s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:o}", "id",
	    call->family->id, "segment", (int)call->segment, "kind",
	    store_kind_name(row.kind), "from", json_clean(row.from), "to",
	    json_clean(row.to), "local", json_clean(row.local), "remote",
	    json_clean(row.remote), "direction",
	    store_route_name(row.direction), "area", json_clean(row.area),
	    "start", json_time(row.call_start_ns), "answer",
	    json_time(row.answer_ns));
	(void)json_object_set_new(
	    object, "decision", json_string(store_decision_name(row.decision)));
	(void)json_object_set_new(object, "reason", json_clean(row.reason));
	(void)json_object_set_new(object, "rule", json_clean(row.rule));
	(void)json_object_set_new(object, "paused", json_boolean(state->pause));
	(void)json_object_set_new(
	    object, "paused_since",
	    json_time(state->pause ? state->paused_ns : 0));
	(void)json_object_set_new(object, "paused_by",
				  json_clean(state->pause ? state->by : ""));
	(void)json_object_set_new(object, "sip_call_ids",
				  json_lines(row.sip_call_ids, json_clean));
	return object;
}

json_t *
control__calls(struct control_state *c)
{
	const struct control_call *call;
	json_t *list = json_array();

	for (call = c->calls; call; call = call->hh.next)
		if (call->verdict.traces != POLICY_TRACES_COUNT)
			(void)json_array_append_new(list, call_json(call));
	return list;
}

/* ---- registrations ------------------------------------------------------- */

static json_t *
endpoint_json(const struct capture_endpoint *at)
{
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];

	return at->port ? json_string(capture_endpoint_text(at, text))
			: json_null();
}

static void
add_registration(void *ctx, const struct sip_registration *one)
{
	char record[SIP_USER_BYTES + SIP_HOST_BYTES + 1];

	snprintf(record, sizeof(record), "%s@%s", one->user, one->host);
	(void)json_array_append_new(
	    ctx, json_pack("{s:o,s:o,s:o,s:o,s:b,s:o,s:s,s:o,s:o}", "record",
			   json_clean(record), "user", json_clean(one->user),
			   "contact", json_clean(one->contact), "from",
			   endpoint_json(&one->from), "direct", one->direct,
			   "server", endpoint_json(&one->server), "state",
			   one->confirmed ? "confirmed" : "claimed", "since",
			   json_time(one->since_ns), "expires",
			   json_time(one->until_ns)));
}

json_t *
control__registrations(struct control_state *c)
{
	json_t *list = json_array();

	sip_registrar_walk(sip_tracker_registrar_peek(c->tracker),
			   add_registration, list);
	return list;
}
