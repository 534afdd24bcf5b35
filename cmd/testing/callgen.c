/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * callgen --interface IF --calls N --seconds S [...]: the traffic of many
 * telephone calls, made while it is sent, at the pace of real telephones.
 *
 * Each call is complete: INVITE, 100, 180, 200, ACK, sound both ways in
 * packets of 20 ms, BYE, 200. Each side has a tone of its own: callers have
 * 300 to 1790 Hz, callees 1800 to 3290, and no two of 22,500 calls in a row
 * have the same pair, so that a swap, a leak and a mix-up show.
 *
 * Nobody answers: the frames go to addresses of no host here, so that a kernel
 * on the way takes them for somebody else's, and only who listens to
 * everything sees them. Neither end needs an IP address.
 *
 * Time is a wheel that turns once in 20 ms. Each call has a place on it for
 * its caller and, half a turn away, one for its callee, and does one thing
 * when its place comes by: a step of signalling or a packet of sound. That
 * spreads packets evenly, and needs no queue of what comes next.
 */
#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/testing/callgen.h"

#define SECOND_NS INT64_C(1000000000)
#define PERIOD_NS (SECOND_NS / 50) /* one packet of each stream */
#define TICKS     80               /* of the wheel: 250 us each */
#define CATCH_UP  4                /* times the pace, when late */

/* What a call does next. Signalling goes on by one step a turn. */
enum step {
	STEP_INVITE = 0,
	STEP_TRYING = 1,
	STEP_RINGING = 4,
	STEP_ANSWER = 9,
	STEP_ACK = 10,
	STEP_TALK = 11, /* until there is nothing left to say: BYE */
	STEP_GONE = 12, /* the response to BYE */
	STEP_IDLE = 13
};

static int64_t
clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* ---- calls --------------------------------------------------------------- */

static int
call_start(struct callgen *generator, struct callgen_call *call)
{
	uint32_t slot = (uint32_t)(call - generator->calls);

	call->record =
	    (struct callgen_record){ .number = generator->started++,
				     .slot = slot,
				     .generation = call->generation++ };
	call->record.start_ns = clock_ns(CLOCK_REALTIME);
	callgen_side_init(generator, call, CALLER);
	callgen_side_init(generator, call, CALLEE);
	generator->active++;
	call->step = STEP_TRYING;
	return callgen_send_message(generator, call, &callgen_invite);
}

/* For the manifest: what is known of a call, at its end or at that of all. */
static int
call_keep(struct callgen *generator, struct callgen_call *call)
{
	size_t n = generator->records_count;
	struct callgen_record *records = generator->records;

	if ((n & (n - 1)) == 0) /* grows by doubling */
		records = realloc(records, (n ? n * 2 : 1) * sizeof(*records));
	if (!records)
		return -ENOMEM;
	generator->records = records;
	for (unsigned i = 0; i < 2; i++)
		call->record.packets[i] = call->sides[i].packets;
	records[generator->records_count++] = call->record;
	return 0;
}

static int
call_answer(struct callgen *generator, struct callgen_call *call)
{
	call->record.answer_ns = clock_ns(CLOCK_REALTIME);
	return callgen_send_message(generator, call, &callgen_answer);
}

/* A packet, or the end. By then the callee has sent as many: its place on the
 * wheel is between two of the caller. */
static int
call_talk(struct callgen *generator, struct callgen_call *call)
{
	if (!generator->ending &&
	    call->sides[CALLER].turns < generator->turns_max)
		return callgen_send_sound(generator, &call->sides[CALLER]);
	call->step = STEP_GONE;
	call->record.end_ns = clock_ns(CLOCK_REALTIME);
	return callgen_send_message(generator, call, &callgen_bye);
}

static int
call_end(struct callgen *generator, struct callgen_call *call)
{
	int rc = callgen_send_message(generator, call, &callgen_gone);

	/* What was sent is counted when it has left. */
	if (rc == 0)
		rc = callgen_batch_flush(&generator->batch);
	call->step = STEP_IDLE;
	generator->active--;
	return rc ? rc : call_keep(generator, call);
}

/* The place of the caller came by; signalling of the callee goes with it. */
static int
caller_turn(struct callgen *generator, struct callgen_call *call)
{
	unsigned step = call->step;

	if (step < STEP_TALK)
		call->step++;
	switch (step) {
	case STEP_TRYING:
		return callgen_send_message(generator, call, &callgen_trying);
	case STEP_RINGING:
		return callgen_send_message(generator, call, &callgen_ringing);
	case STEP_ANSWER:
		return call_answer(generator, call);
	case STEP_ACK:
		return callgen_send_message(generator, call, &callgen_ack);
	case STEP_TALK:
		return call_talk(generator, call);
	case STEP_GONE:
		return call_end(generator, call);
	default:
		return 0;
	}
}

static int
callee_turn(struct callgen *generator, struct callgen_call *call)
{
	struct callgen_side *side = &call->sides[CALLEE];

	if (call->step != STEP_TALK || generator->ending ||
	    side->turns >= generator->turns_max)
		return 0;
	return callgen_send_sound(generator, side);
}

/* ---- the wheel ----------------------------------------------------------- */

/* The first calls begin one after the other, those that follow at once. */
static bool
may_start(const struct callgen *generator, uint32_t slot, int64_t elapsed_ns)
{
	return !generator->ending &&
	       (double)elapsed_ns * generator->options.rate_up >=
		   (double)slot * (double)SECOND_NS;
}

/* All whose place is here. */
static int
wheel_tick(struct callgen *generator, uint64_t tick)
{
	const uint32_t ticks = generator->ticks;
	const uint32_t place = (uint32_t)(tick % ticks);
	const int64_t elapsed_ns =
	    (int64_t)(tick * (uint64_t)generator->period_ns / ticks);
	uint32_t slot;
	int rc = 0;

	if (generator->muted && !generator->ending)
		return 0;
	for (slot = place; rc == 0 && slot < generator->options.calls;
	     slot += ticks) {
		struct callgen_call *call = &generator->calls[slot];

		if (call->step != STEP_IDLE)
			rc = caller_turn(generator, call);
		else if (may_start(generator, slot, elapsed_ns))
			rc = call_start(generator, call);
	}
	for (slot = (place + ticks / 2) % ticks;
	     rc == 0 && slot < generator->options.calls; slot += ticks)
		rc = callee_turn(generator, &generator->calls[slot]);
	return rc ? rc : callgen_batch_flush(&generator->batch);
}

/* Sleep until then. @return the signal that came, or 0 */
static int
wait_until(int64_t then_ns)
{
	int64_t left_ns = then_ns - clock_ns(CLOCK_MONOTONIC);
	struct timespec left = { 0 };
	sigset_t signals;
	int number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (left_ns > 0) {
		left.tv_sec = left_ns / SECOND_NS;
		left.tv_nsec = left_ns % SECOND_NS;
	}
	number = sigtimedwait(&signals, NULL, &left);
	return number > 0 ? number : 0;
}

/* What time and signals ask for. @return false: stop at once */
static bool
wheel_control(struct callgen *generator, int64_t elapsed_ns, int number)
{
	const struct callgen_options *options = &generator->options;
	const double elapsed = (double)elapsed_ns / (double)SECOND_NS;

	if (number == SIGINT)
		return false;
	if (number == SIGTERM || elapsed >= options->seconds)
		generator->ending = true;
	if (options->stop_media > 0 && elapsed >= options->stop_media)
		generator->muted = true;
	return !generator->ending || generator->active > 0;
}

/* Turn it. Who is late catches up, but not all at once. */
static int
wheel_run(struct callgen *generator)
{
	const int64_t origin_ns = clock_ns(CLOCK_MONOTONIC);
	const int64_t tick_ns = generator->period_ns / generator->ticks;
	int64_t began_ns = origin_ns, late_ns;
	int rc = 0;

	for (uint64_t tick = 0; rc == 0; tick++) {
		int64_t due_ns = origin_ns + (int64_t)tick * tick_ns;
		int64_t soonest_ns = began_ns + tick_ns / CATCH_UP;
		int number =
		    wait_until(due_ns > soonest_ns ? due_ns : soonest_ns);

		began_ns = clock_ns(CLOCK_MONOTONIC);
		late_ns = began_ns - due_ns;
		if (late_ns > generator->totals.lateness_ns)
			generator->totals.lateness_ns = late_ns;
		if (!wheel_control(generator, began_ns - origin_ns, number))
			break;
		rc = wheel_tick(generator, tick);
	}
	/* Calls that are stopped in the middle are in the manifest too. */
	for (uint32_t slot = 0; slot < generator->options.calls; slot++)
		if (rc == 0 && generator->calls[slot].step != STEP_IDLE)
			rc = call_keep(generator, &generator->calls[slot]);
	return rc;
}

/* ---- what was done ------------------------------------------------------- */

static int
by_number(const void *a, const void *b)
{
	const struct callgen_record *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void
time_write(FILE *to, const char *name, int64_t time_ns)
{
	if (time_ns)
		fprintf(to, "\"%s\": %" PRId64 ", ", name, time_ns);
	else
		fprintf(to, "\"%s\": null, ", name);
}

static void
side_write(FILE *to, const struct callgen *generator,
	   const struct callgen_record *record, enum callgen_side_name side)
{
	char address[16];

	fprintf(to,
		"\"%s\": {\"address\": \"%s:%u\", \"ssrc\": \"0x%08x\", "
		"\"tone_hz\": %u, \"packets\": %" PRIu64 "}",
		side == CALLER ? "caller" : "callee",
		callgen_address(record, side, address),
		callgen_port(generator, record),
		(uint32_t)callgen_random(generator, record->number, side),
		callgen_tone_hz(record->number, side), record->packets[side]);
}

static void
record_write(FILE *to, const struct callgen *generator,
	     const struct callgen_record *record)
{
	char id[64];

	callgen_call_id(generator, record, id);
	fprintf(to,
		"{\"sip_call_id\": \"%s\", \"from\": \"%u\", "
		"\"to\": \"%u\", \"codec\": \"PCM%c\", ",
		id, callgen_extension(record, CALLER),
		callgen_extension(record, CALLEE),
		callgen_law(record) == PCMA ? 'A' : 'U');
	time_write(to, "start_ns", record->start_ns);
	time_write(to, "answer_ns", record->answer_ns);
	time_write(to, "end_ns", record->end_ns);
	side_write(to, generator, record, CALLER);
	fputs(", ", to);
	side_write(to, generator, record, CALLEE);
	fputs("}\n", to);
}

static int
manifest_write(struct callgen *generator)
{
	FILE *to = fopen(generator->options.manifest, "w");
	int rc;

	if (!to)
		return -errno;
	if (generator->records_count)
		qsort(generator->records, generator->records_count,
		      sizeof(struct callgen_record), by_number);
	for (size_t i = 0; i < generator->records_count; i++)
		record_write(to, generator, &generator->records[i]);
	rc = ferror(to) ? -EIO : 0;
	return fclose(to) && rc == 0 ? -errno : rc;
}

/* Frames that the interface took and threw away: they count as sent. */
static uint64_t
interface_drops(const char *interface)
{
	struct ifaddrs *all, *one;
	uint64_t drops = 0;

	if (getifaddrs(&all))
		return 0;
	for (one = all; one; one = one->ifa_next)
		if (one->ifa_addr && one->ifa_data &&
		    one->ifa_addr->sa_family == AF_PACKET &&
		    strcmp(one->ifa_name, interface) == 0)
			drops = ((struct rtnl_link_stats *)one->ifa_data)
				    ->tx_dropped;
	freeifaddrs(all);
	return drops;
}

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
totals_print(const struct callgen *generator, double seconds, uint64_t drops)
{
	const struct callgen_totals *totals = &generator->totals;

	printf("{\"packets\": %" PRIu64 ", \"rtp_packets\": %" PRIu64
	       ", \"calls\": %u, \"send_errors\": %" PRIu64
	       ", \"unsent\": %" PRIu64 ", \"interface_drops\": %" PRIu64
	       ", \"seconds\": %.3f, \"cpu_s\": %.3f, "
	       "\"lateness_ms\": %.3f}\n",
	       totals->packets, totals->rtp, generator->started, totals->errors,
	       totals->unsent, drops, seconds, cpu_seconds(),
	       (double)totals->lateness_ns / 1e6);
}

/* ---- options ------------------------------------------------------------- */

static void
usage(FILE *to)
{
	fputs(
	    "usage: callgen --interface IF --calls N --seconds S [...]\n"
	    "\n"
	    "Sends the traffic of N telephone calls at a time.\n"
	    "\n"
	    "  --interface IF        where to; its other end sees the frames\n"
	    "  --calls N             at a time\n"
	    "  --seconds S           then every call gets its BYE\n"
	    "  --rate-up R           begin so many a second (N / 2)\n"
	    "  --call-seconds D      of sound in each; then another follows\n"
	    "                        (until the end)\n"
	    "  --port BASE           first RTP port, an even one (10000)\n"
	    "  --manifest FILE       write what was sent, a line for each call\n"
	    "  --seed X              of Call-IDs and the like (the clock)\n"
	    "  --burst FACTOR        so many times faster than real calls\n"
	    "  --stop-media-after S  not a frame more until the end\n"
	    "  --help                show this\n"
	    "\n"
	    "SIGTERM ends as --seconds does; SIGINT at once, without BYE.\n"
	    "The last line of the output says what was sent, as JSON.\n",
	    to);
}

static bool
number_read(const char *text, double min, double max, double *number)
{
	char *end;

	errno = 0;
	*number = strtod(text, &end);
	return end != text && *end == '\0' && errno == 0 && *number >= min &&
	       *number <= max;
}

static bool
whole_read(const char *text, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 &&
	       *number <= max;
}

enum {
	OPTION_INTERFACE = 256,
	OPTION_CALLS,
	OPTION_SECONDS,
	OPTION_RATE_UP,
	OPTION_CALL_SECONDS,
	OPTION_PORT,
	OPTION_MANIFEST,
	OPTION_SEED,
	OPTION_BURST,
	OPTION_STOP_MEDIA,
	OPTION_HELP
};

static const struct option long_options[] = {
	{ "interface", required_argument, NULL, OPTION_INTERFACE },
	{ "calls", required_argument, NULL, OPTION_CALLS },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "rate-up", required_argument, NULL, OPTION_RATE_UP },
	{ "call-seconds", required_argument, NULL, OPTION_CALL_SECONDS },
	{ "port", required_argument, NULL, OPTION_PORT },
	{ "manifest", required_argument, NULL, OPTION_MANIFEST },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "burst", required_argument, NULL, OPTION_BURST },
	{ "stop-media-after", required_argument, NULL, OPTION_STOP_MEDIA },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

static bool
option_read(struct callgen_options *options, int key, const char *value)
{
	switch (key) {
	case OPTION_INTERFACE:
		options->interface = value;
		return true;
	case OPTION_MANIFEST:
		options->manifest = value;
		return true;
	case OPTION_CALLS:
		return whole_read(value, CALLGEN_CALLS_MAX, &options->calls);
	case OPTION_PORT:
		return whole_read(value,
				  65536 - CALLGEN_PORTS * CALLGEN_PORT_STEP,
				  &options->port) &&
		       options->port > 0 && options->port % 2 == 0;
	case OPTION_SEED:
		return whole_read(value, UINT64_MAX, &options->seed);
	case OPTION_SECONDS:
		return number_read(value, 0, 1e7, &options->seconds);
	case OPTION_RATE_UP:
		return number_read(value, 1e-3, 1e9, &options->rate_up);
	case OPTION_CALL_SECONDS:
		return number_read(value, 0.02, 1e7, &options->call_seconds);
	case OPTION_BURST:
		return number_read(value, 0.01, 1e4, &options->burst);
	case OPTION_STOP_MEDIA:
		return number_read(value, 1e-3, 1e7, &options->stop_media);
	default:
		return false;
	}
}

static void
options_parse(struct callgen_options *options, int argc, char **argv)
{
	int key;

	*options = (struct callgen_options){ .port = 10000, .burst = 1 };
	options->seed = (uint64_t)clock_ns(CLOCK_REALTIME);
	while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (key == OPTION_HELP) {
			usage(stdout);
			exit(EXIT_DONE);
		}
		if (option_read(options, key, optarg))
			continue;
		if (key != '?')
			fprintf(stderr, "callgen: '%s' will not do\n", optarg);
		usage(stderr);
		exit(EXIT_USAGE);
	}
	if (optind < argc || !options->interface || options->calls == 0 ||
	    options->seconds <= 0) {
		usage(stderr);
		exit(EXIT_USAGE);
	}
	if (options->rate_up <= 0)
		options->rate_up = (double)options->calls / 2;
}

/* ---- all of it ----------------------------------------------------------- */

static int
generator_new(struct callgen **to, const struct callgen_options *options)
{
	struct callgen *generator = calloc(1, sizeof(*generator));

	*to = generator;
	if (!generator)
		return -ENOMEM;
	generator->options = *options;
	generator->calls = calloc(options->calls, sizeof(struct callgen_call));
	if (!generator->calls)
		return -ENOMEM;
	for (uint64_t i = 0; i < options->calls; i++)
		generator->calls[i].step = STEP_IDLE;
	generator->period_ns = (int64_t)((double)PERIOD_NS / options->burst);
	/* Ticks do not get shorter where the wheel turns faster. */
	generator->ticks = TICKS;
	while (generator->ticks > 2 &&
	       generator->period_ns / generator->ticks < PERIOD_NS / TICKS)
		generator->ticks /= 2;
	generator->turns_max =
	    options->call_seconds > 0
		? (uint64_t)llround(options->call_seconds * (double)SECOND_NS /
				    (double)generator->period_ns)
		: UINT64_MAX;
	callgen_tones_make(generator, PCMU);
	callgen_tones_make(generator, PCMA);
	generator->batch.totals = &generator->totals;
	return callgen_batch_open(&generator->batch, options->interface);
}

static void
generator_free(struct callgen *generator)
{
	if (!generator)
		return;
	if (generator->batch.fd > 0)
		close(generator->batch.fd);
	free(generator->calls);
	free(generator->records);
	free(generator);
}

/* Sleeps end when they should, and signals wait until they are asked for. */
static void
process_init(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
}

int
main(int argc, char **argv)
{
	struct callgen *generator;
	struct callgen_options options;
	int64_t began_ns;
	uint64_t drops;
	int rc;

	options_parse(&options, argc, argv);
	process_init();
	rc = generator_new(&generator, &options);
	if (rc == 0) {
		drops = interface_drops(options.interface);
		began_ns = clock_ns(CLOCK_MONOTONIC);
		rc = wheel_run(generator);
		if (rc == 0 && options.manifest)
			rc = manifest_write(generator);
		totals_print(generator,
			     (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) /
				 (double)SECOND_NS,
			     interface_drops(options.interface) - drops);
	}
	if (rc)
		fprintf(stderr, "callgen: %s: %s\n", options.interface,
			strerror(-rc));
	generator_free(generator);
	return rc ? exit_code(rc) : EXIT_DONE;
}
