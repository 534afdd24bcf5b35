/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What tests share: a script (see cmd/testing/sip_script.h) whose recorder is
 * killed between two lines and started again. All calls are brought back, those
 * of one conversation as one; calls and media keep their names, so that the
 * text is that of a run without a restart.
 */
#ifndef SIP_RESTART_FEED_H
#define SIP_RESTART_FEED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/sip_script.h"
#include "cmd/testing/testing.h"
#include "sip/sip_priv.h"

struct restart_feed {
	struct sip_tracker *tracker;
	sip_event_fn fn;
	struct testing_sip_log log;
	struct sip_counters counters; /**< of the trackers before, too */
	bool restarted;
};

static inline struct sip_tracker *
restart_feed_tracker(sip_event_fn fn, struct testing_sip_log *log)
{
	static const struct sip_config config = { .hash_key =
						      "0123456789abcde" };
	struct sip_tracker *tracker;

	assert_int_equal(sip_tracker_new(&tracker, &config, fn, log), 0);
	return tracker;
}

static inline void
restart_feed_count(struct restart_feed *feed)
{
	const struct sip_counters *c = sip_tracker_counters_peek(feed->tracker);

#define X(name, unit, text) feed->counters.name += c->name;
	SIP_COUNTERS(X)
#undef X
}

/** Names of media for the text: the same streams in both, in order. */
static inline void
restart_feed_rename(struct testing_sip_names *names,
		    const struct testing_sip_names *before,
		    const struct sip_call_state *call,
		    const struct sip_call_state *was)
{
	const struct sip_stream *s = call->streams, *old = was->streams;

	assert_int_equal(call->streams_count, was->streams_count);
	for (; s && old; s = s->next, old = old->next)
		names->of[s->media.number] = before->of[old->media.number];
	assert_true(!s && !old);
}

/** A leg of the same conversation that is back. @return its number, or 0 */
static inline uint64_t
restart_feed_with(const struct sip_tracker *to,
		  const struct sip_call_state *was)
{
	const struct sip_call_state *leg, *back;

	for (leg = was->leg_next; leg != was; leg = leg->leg_next) {
		back = sip__call_find_id(to, leg->pub.call_id);
		if (back)
			return back->pub.number;
	}
	return 0;
}

static inline void
restart_feed_call(struct restart_feed *feed, struct sip_tracker *to,
		  struct testing_sip_log *log, uint64_t number, int64_t now_ns)
{
	const struct sip_call_state *was = sip__call_find(feed->tracker,
							  number);
	const struct sip_call_state *call;
	uint8_t bytes[SIP_SAVE_BYTES_MAX], *copy;
	uint64_t with;
	size_t lines = 0;
	int n;

	if (!was)
		return;
	n = sip_tracker_save(feed->tracker, number, bytes, sizeof(bytes));
	assert_true(n > 0);
	copy = testing_copy(bytes, (size_t)n);
	with = restart_feed_with(to, was);
	log->n = 0;
	assert_int_equal(
	    sip_tracker_restore(to, copy, (size_t)n, with, now_ns), 0);
	free(copy);
	for (size_t i = 0; i < log->n; i++)
		lines += log->text[i] == '\n';
	assert_int_equal(lines, 1 + was->streams_count);
	call = sip__call_find(to, to->last_call);
	assert_int_equal(call->pub.crossed, was->pub.crossed);
	log->calls.of[call->pub.number] = feed->log.calls.of[number];
	restart_feed_rename(&log->media, &feed->log.media, call, was);
}

/** @param now_ns the last sign of life, so that time-outs are the same */
static inline void
restart_feed_restart(struct restart_feed *feed, int64_t now_ns)
{
	static struct testing_sip_log log;
	struct sip_tracker *tracker;

	memset(&log, 0, sizeof(log));
	tracker = restart_feed_tracker(testing_sip_note, &log);
	for (uint64_t i = 1; i <= feed->tracker->last_call; i++)
		restart_feed_call(feed, tracker, &log, i, now_ns);
	restart_feed_count(feed);
	sip_tracker_free(&feed->tracker);
	feed->tracker = tracker;
	feed->tracker->fn = feed->fn;
	feed->tracker->ctx = &feed->log;
	log.calls.last = feed->log.calls.last;
	log.media.last = feed->log.media.last;
	feed->log.calls = log.calls;
	feed->log.media = log.media;
	feed->restarted = true;
}

/**
 * @param fn like testing_sip_note, with &feed->log for ctx
 * @param after restart after this line, if there is a call; -1: after each
 */
static inline void
restart_feed_run(struct restart_feed *feed, sip_event_fn fn, const char *script,
		 int after)
{
	int64_t life_ns = 0;
	char line[512];
	size_t n;

	memset(feed, 0, sizeof(*feed));
	feed->fn = fn;
	feed->tracker = restart_feed_tracker(fn, &feed->log);
	for (int i = 0; *script; script += n + 1, i++) {
		n = strcspn(script, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, script);
		testing_sip_line(feed->tracker, line);
		if (!strstr(line, "tick"))
			life_ns = strtoll(line, NULL, 10) * 1000000;
		if ((i == after || after < 0) &&
		    sip_tracker_calls(feed->tracker) > 0)
			restart_feed_restart(feed, life_ns);
	}
	restart_feed_count(feed);
	sip_tracker_free(&feed->tracker);
}

static inline int
restart_feed_lines(const char *script)
{
	int lines = 0;

	for (; *script; script++)
		lines += *script == '\n';
	return lines;
}

#endif
