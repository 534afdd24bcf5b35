/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tests that a policy brings along: what came, beside what must come. */
#include "policy/test_run_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/** A test that is looked at. */
struct check {
	const struct policy *policy;
	const struct policy__test *test;
	const struct policy__run *run;
	const char *file;
	FILE *to;
	size_t segment; /**< from 1; 0: none of them */
	bool failed;
};

static const char *const decisions[] = {
	[POLICY_RECORD] = "record",
	[POLICY_DROP] = "drop",
	[POLICY_LISTEN_DENY] = "listen-deny",
	[POLICY_OUT_OF_SCOPE] = "out-of-scope",
};
static const char *const kinds[] = {
	[POLICY_KIND_AGENT] = "agent",       [POLICY_KIND_QUEUE] = "queue",
	[POLICY_KIND_HOLD] = "hold",         [POLICY_KIND_CONSULT] = "consult",
	[POLICY_KIND_TRANSFER] = "transfer", [POLICY_KIND_PAYMENT] = "payment",
};
static const char *const routes[] = {
	[POLICY_IN] = "in",
	[POLICY_OUT] = "out",
	[POLICY_INTERNAL] = "internal",
	[POLICY_TRANSIT] = "transit",
};
static const char *const traces[] = {
	[POLICY_TRACES_FULL] = "full",
	[POLICY_TRACES_MINIMAL] = "minimal",
	[POLICY_TRACES_COUNT] = "count-only",
};

/* ---- words --------------------------------------------------------------- */

/** "1:30", "1:02:03", "0:30.250" */
static void
say_offset(FILE *to, int64_t offset_ns)
{
	int64_t ms = offset_ns / 1000000, s = ms / 1000;

	if (s >= 3600)
		fprintf(to, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600,
			s / 60 % 60, s % 60);
	else
		fprintf(to, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
	if (ms % 1000)
		fprintf(to, ".%03" PRId64, ms % 1000);
}

/** "2019-10-15 09:50" */
static void
say_time(const struct check *c, int64_t time_ns)
{
	struct policy_civil civil;

	policy_zone_civil(c->policy->zone, time_ns, &civil);
	fprintf(c->to, "%04" PRId32 "-%02u-%02u %02u:%02u", civil.year,
		civil.month, civil.day, civil.hour, civil.minute);
	if (civil.second)
		fprintf(c->to, ":%02u", civil.second);
}

static void
say_gap(FILE *to, int64_t from_ns, int64_t until_ns, const char *reason)
{
	say_offset(to, from_ns);
	fputs(" to ", to);
	say_offset(to, until_ns);
	fprintf(to, " (%s)", reason);
}

/** Begin a line that tells of a failure. */
static void
complain(struct check *c, const struct policy__place *at)
{
	c->failed = true;
	fprintf(c->to, "%s:%" PRIu32 ": test '%s': ", c->file, at->line,
		c->test->name);
	if (!c->segment)
		return;
	fprintf(c->to, "segment %zu (", c->segment);
	say_offset(c->to, c->run->segments[c->segment - 1].from_ns);
	fputs("): ", c->to);
}

/* ---- one segment --------------------------------------------------------- */

static void
check_text(struct check *c, const struct policy__test_expect *expect,
	   const char *what, const char *came, const char *wanted)
{
	if (!wanted || !strcmp(came, wanted))
		return;
	complain(c, &expect->at);
	if (*came)
		fprintf(c->to, "%s is '%s', expected '%s'\n", what, came,
			wanted);
	else
		fprintf(c->to, "it has no %s, expected '%s'\n", what, wanted);
}

/** @param wanted -1: nothing in particular */
static void
check_word(struct check *c, const struct policy__test_expect *expect,
	   const char *what, const char *const *words, const int pair[2])
{
	if (pair[1] < 0 || pair[0] == pair[1])
		return;
	complain(c, &expect->at);
	fprintf(c->to, "%s is %s, expected %s\n", what, words[pair[0]],
		words[pair[1]]);
}

static bool
is_recorded(const struct policy__run_segment *segment)
{
	return segment->verdict.decision == POLICY_RECORD ||
	       segment->verdict.decision == POLICY_LISTEN_DENY;
}

static void
check_decision(struct check *c, const struct policy__test_expect *expect,
	       const struct policy__run_segment *segment)
{
	const struct policy_verdict *v = &segment->verdict;

	if (expect->decision < 0 || (int)v->decision == expect->decision)
		return;
	complain(c, &expect->at);
	fprintf(c->to, "decision is %s (%s", decisions[v->decision], v->reason);
	if (v->rule[0])
		fprintf(c->to, ", by '%s'", v->rule);
	fprintf(c->to, "), expected %s\n", decisions[expect->decision]);
}

static void
check_time(struct check *c, const struct policy__test_expect *expect,
	   const char *what, int64_t came_ns, int64_t wanted_ns)
{
	if (!wanted_ns || came_ns == wanted_ns)
		return;
	complain(c, &expect->at);
	fprintf(c->to, "it is %s ", what);
	say_time(c, came_ns);
	fputs(", expected ", c->to);
	say_time(c, wanted_ns);
	fputc('\n', c->to);
}

static void
check_gives_way(struct check *c, const struct policy__test_expect *expect,
		const struct policy_clock *clock)
{
	if (expect->room_ns && clock->gives_way) {
		check_time(c, expect, "giving way from", clock->floor_ns,
			   expect->room_ns);
	} else if (expect->room_ns) {
		complain(c, &expect->at);
		fputs("it does not give way, expected from ", c->to);
		say_time(c, expect->room_ns);
		fputs(" on\n", c->to);
	} else if (expect->stays && clock->gives_way) {
		complain(c, &expect->at);
		fputs("it gives way from ", c->to);
		say_time(c, clock->floor_ns);
		fputs(" on, expected that it does not\n", c->to);
	}
}

static void
check_clock(struct check *c, const struct policy__test_expect *expect,
	    const struct policy__run_segment *segment)
{
	struct policy_clock clock;

	if (!expect->due_ns && !expect->ceiling_ns && !expect->room_ns &&
	    !expect->stays)
		return;
	if (!is_recorded(segment)) {
		complain(c, &expect->at);
		fputs("it is not recorded, so it is not kept until then\n",
		      c->to);
		return;
	}
	/* rules name classes that there are */
	(void)policy_clock(c->policy, segment->verdict.retention,
			   c->test->call.start_ns, &clock);
	check_time(c, expect, "kept until", clock.due_ns, expect->due_ns);
	check_time(c, expect, "gone by", clock.ceiling_ns, expect->ceiling_ns);
	check_gives_way(c, expect, &clock);
}

/* ---- gaps ---------------------------------------------------------------- */

static const char *
gap_reason(const struct policy__run_gap *gap)
{
	return gap->pause == POLICY_PAUSED_FOR_PAYMENT ? "payment" : "paused";
}

/** The part of a gap that lies in a segment. @return false: there is none */
static bool
gap_in(const struct policy__run_segment *segment,
       const struct policy__run_gap *gap, int64_t *from_ns, int64_t *until_ns)
{
	*from_ns =
	    gap->from_ns > segment->from_ns ? gap->from_ns : segment->from_ns;
	*until_ns = gap->until_ns < segment->until_ns ? gap->until_ns
						      : segment->until_ns;
	return is_recorded(segment) && *from_ns < *until_ns;
}

static bool
gaps_fit(const struct check *c, const struct policy__test_expect *expect,
	 const struct policy__run_segment *segment)
{
	int64_t from_ns, until_ns;
	uint32_t found = 0;

	for (size_t i = 0; i < c->run->gaps_count; i++) {
		const struct policy__run_gap *gap = &c->run->gaps[i];
		const struct policy__test_gap *wanted = &expect->gaps[found];

		if (!gap_in(segment, gap, &from_ns, &until_ns))
			continue;
		if (found++ == expect->gaps_count ||
		    wanted->from_ns != from_ns ||
		    wanted->until_ns != until_ns ||
		    strcmp(wanted->reason, gap_reason(gap)) != 0)
			return false;
	}
	return found == expect->gaps_count;
}

static void
check_gaps(struct check *c, const struct policy__test_expect *expect,
	   const struct policy__run_segment *segment)
{
	int64_t from_ns, until_ns;
	const char *joint = "";
	uint32_t i;

	if (!expect->has_gaps || gaps_fit(c, expect, segment))
		return;
	complain(c, &expect->at);
	fputs("left out of it is ", c->to);
	for (i = 0; i < c->run->gaps_count; i++) {
		if (!gap_in(segment, &c->run->gaps[i], &from_ns, &until_ns))
			continue;
		fputs(joint, c->to);
		say_gap(c->to, from_ns, until_ns, gap_reason(&c->run->gaps[i]));
		joint = ", ";
	}
	fprintf(c->to, "%s, expected ", *joint ? "" : "nothing");
	for (i = 0; i < expect->gaps_count; i++) {
		fputs(i ? ", " : "", c->to);
		say_gap(c->to, expect->gaps[i].from_ns,
			expect->gaps[i].until_ns, expect->gaps[i].reason);
	}
	fputs(i ? "\n" : "nothing\n", c->to);
}

/* ---- one test ------------------------------------------------------------ */

static void
check_segment(struct check *c, const struct policy__test_expect *expect,
	      const struct policy__run_segment *segment)
{
	const struct policy_verdict *v = &segment->verdict;
	bool consult = segment->talk != 0;

	if (segment->from_ns != expect->offset_ns) {
		complain(c, &expect->at);
		fputs("it was expected at ", c->to);
		say_offset(c->to, expect->offset_ns);
		fputc('\n', c->to);
	}
	if (consult != expect->consult) {
		complain(c, &expect->at);
		fprintf(c->to, "it is %s consultation, expected %s\n",
			consult ? "a" : "no", consult ? "none" : "one");
	}
	check_decision(c, expect, segment);
	if (c->failed)
		return;
	check_word(c, expect, "kind", kinds,
		   (int[]){ (int)segment->kind, expect->kind });
	check_word(c, expect, "direction", routes,
		   (int[]){ (int)v->route, expect->route });
	check_word(c, expect, "what is traced", traces,
		   (int[]){ (int)v->traces, expect->traces });
	check_text(c, expect, "reason", v->reason, expect->reason);
	check_text(c, expect, "rule", v->rule, expect->rule);
	check_text(c, expect, "area", v->area, expect->area);
	check_text(c, expect, "retention", v->retention, expect->retention);
	check_clock(c, expect, segment);
	check_gaps(c, expect, segment);
	if (segment->discarded == expect->discarded)
		return;
	complain(c, &expect->at);
	fprintf(c->to, "what was recorded of it is %s, expected otherwise\n",
		segment->discarded ? "discarded" : "kept");
}

/** There are more or fewer than were expected. */
static void
check_count(struct check *c)
{
	const struct policy__run *run = c->run;
	size_t i;

	c->segment = 0;
	if (run->segments_count == c->test->expects_count)
		return;
	complain(c, &c->test->at);
	fprintf(c->to, "%zu segment%s came, expected %" PRIu32 ": ",
		run->segments_count, run->segments_count == 1 ? "" : "s",
		c->test->expects_count);
	for (i = 0; i < run->segments_count; i++) {
		const struct policy__run_segment *one = &run->segments[i];

		fputs(i ? ", " : "", c->to);
		say_offset(c->to, one->from_ns);
		fprintf(c->to, " %s %s (%s)", kinds[one->kind],
			decisions[one->verdict.decision], one->verdict.reason);
	}
	fputc('\n', c->to);
}

static bool
check_test(struct check *c)
{
	size_t i;

	/* what follows a failure often fails since it does */
	for (i = 0; !c->failed && i < c->run->segments_count &&
		    i < c->test->expects_count;
	     i++) {
		c->segment = i + 1;
		check_segment(c, &c->test->expects[i], &c->run->segments[i]);
	}
	check_count(c);
	return !c->failed;
}

int
policy_test_run(const struct policy *policy, const char *file, FILE *to,
		struct policy_test_result *result)
{
	memset(result, 0, sizeof(*result));
	for (size_t i = 0; i < policy->tests_count; i++) {
		struct policy__run run;
		struct check c = { .policy = policy,
				   .test = &policy->tests[i],
				   .run = &run,
				   .file = file,
				   .to = to };
		int rc = policy__run_test(policy, c.test, &run);

		if (!rc && check_test(&c))
			result->passed++;
		else if (!rc)
			result->failed++;
		policy__run_free(&run);
		if (rc)
			return rc;
	}
	return 0;
}
