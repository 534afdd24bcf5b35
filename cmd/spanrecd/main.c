/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spanrecd: the recorder. Arguments, and which way to run. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/home.h"
#include "cmd/common/log.h"
#include "cmd/common/process.h"
#include "cmd/common/version.h"
#include "cmd/spanrecd/run.h"

const char *argp_program_version = "spanrecd " SPANREC_VERSION;

enum {
	OPTION_SHIFT = 256,
	OPTION_AGAIN,
	OPTION_AS_ROOT,
	OPTION_ORPHAN_RTP,
	OPTION_PAYLOAD_TYPE
};

/* ---- arguments ----------------------------------------------------------- */

static const char doc[] =
    "Record telephone calls into an archive: from network interfaces that "
    "mirror ports feed, until it is stopped, or from captures.\v"
    "Examples:\n"
    "  spanrec init /srv/calls\n"
    "  spanrecd --home /srv/calls --interface eth1\n"
    "  spanrecd --home /srv/calls --read monday.pcap\n"
    "  spanrec --home /srv/calls list\n"
    "\n"
    "Several captures are merged by time, as those of several mirror ports.\n"
    "SIGTERM closes every recording and ends it; SIGHUP reads the settings\n"
    "and the policy again.\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed,\n"
    "5 damaged. See spanrecd(8).";

static const struct argp_option argp_options[] = {
	{ "home", 'H', "DIR", 0,
	  "The home that `spanrec init` made (default: $SPANREC_HOME, then "
	  "what /etc/spanrec/spanrec.yaml names)",
	  0 },
	{ "interface", 'i', "IF", 0,
	  "Record from this network interface until stopped; may be given "
	  "several times (default: the setting)",
	  0 },
	{ "as-root", OPTION_AS_ROOT, "REASON", 0,
	  "Keep running as root, for a reason that status and log will tell; "
	  "else the recorder becomes the account that owns the archive",
	  0 },
	{ "read", 'r', "FILE", 0,
	  "Record from this capture (pcap or pcapng; - is standard input) and "
	  "exit; more files may follow",
	  0 },
	{ "policy", 'p', "FILE", 0, "Use this policy, not the home's", 0 },
	{ "threads", 't', "N", 0,
	  "Capture threads, and as many that write (default: the setting)", 0 },
	{ "shift", OPTION_SHIFT, "now", 0,
	  "Move the times of the capture so that it ends now: for a "
	  "demonstration with an old one",
	  0 },
	{ "again", OPTION_AGAIN, 0, 0,
	  "Read a capture also if it was read into this archive before: its "
	  "calls are there twice then",
	  0 },
	{ "orphan-rtp", OPTION_ORPHAN_RTP, 0, 0,
	  "Of a capture, record RTP streams that no SIP call announces, too: as "
	  "calls of two addresses, if the policy records who is not known",
	  0 },
	{ "payload-type", OPTION_PAYLOAD_TYPE, "N=CODEC/HZ[/CHANNELS]", 0,
	  "What a dynamic payload type means in such streams, for example "
	  "96=opus/48000/2, as SDP would say it; may be given several times",
	  0 },
	{ "check", 'n', 0, 0, "Check settings, policy and archive, and exit",
	  0 },
	{ "quiet", 'q', 0, 0, "No progress bar, no summary", 0 },
	{ 0 },
};

static uint32_t
parse_threads(struct argp_state *state, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || n < 1 ||
	    n > PIPELINE_THREADS_MAX)
		argp_error(state,
			   "--threads takes a number from 1 to %d, "
			   "not '%s'",
			   PIPELINE_THREADS_MAX, arg);
	return (uint32_t)n;
}

static void
add_file(struct argp_state *state, struct run_options *o, const char *file)
{
	if (o->files_count == RUN_FILES_MAX)
		argp_error(state, "more than %d captures at a time",
			   RUN_FILES_MAX);
	o->files[o->files_count++] = file;
}

static void
add_interface(struct argp_state *state, struct run_options *o, const char *name)
{
	size_t i;

	/* Two sources of one interface would see every packet twice. */
	for (i = 0; i < o->interfaces_count; i++)
		if (strcmp(o->interfaces[i], name) == 0)
			argp_error(state, "--interface %s is given twice",
				   name);
	if (o->interfaces_count == RUN_INTERFACES_MAX)
		argp_error(state, "more than %d interfaces",
			   RUN_INTERFACES_MAX);
	o->interfaces[o->interfaces_count++] = name;
}

/* As SDP has it: "96 opus/48000/2", with "=" for the blank; format parameters
 * may follow. */
static void
add_format(struct argp_state *state, struct run_options *o, const char *arg)
{
	struct rtp_format format;
	uint32_t i;

	if (rtp_format_read(&format, arg) < 0)
		argp_error(state,
			   "--payload-type takes N=CODEC/HZ[/CHANNELS]"
			   "[;PARAMETERS] with N from 0 to 127, not '%s'",
			   arg);
	for (i = 0; i < o->formats_count; i++)
		if (o->formats[i].payload_type == format.payload_type)
			argp_error(state, "--payload-type %u is given twice",
				   format.payload_type);
	if (o->formats_count == WRITER_FORMATS_MAX)
		argp_error(state, "more than %d payload types",
			   WRITER_FORMATS_MAX);
	o->formats[o->formats_count++] = format;
}

/* Each capture thread reads the input for itself, and so does --shift. */
static void
check_input(struct argp_state *state, const struct run_options *o)
{
	if (o->read && o->interfaces_count)
		argp_error(state, "--read and --interface: one or the other");
	if (o->shift_now && !o->read)
		argp_error(state, "--shift is for captures: --read FILE");
	if (o->again && !o->read)
		argp_error(state, "--again is for captures: --read FILE");
	if (o->orphans && !o->read)
		argp_error(state, "--orphan-rtp is for captures: --read FILE");
	if (o->formats_count && !o->orphans)
		argp_error(state, "--payload-type is for streams without SDP: "
				  "--orphan-rtp");
	if (run_reads_stdin(o) && (o->threads > 1 || o->shift_now))
		argp_error(state, "standard input can be read once only: not "
				  "with --threads above 1 or --shift");
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case 'H':
		o->home = arg;
		break;
	case 'p':
		o->policy = arg;
		break;
	case 'r':
		o->read = true;
		add_file(state, o, arg);
		break;
	case 'i':
		add_interface(state, o, arg);
		break;
	case OPTION_AS_ROOT:
		if (!*arg)
			argp_error(state, "--as-root needs a reason");
		o->reason_for_root = arg;
		break;
	case 't':
		o->threads = parse_threads(state, arg);
		break;
	case OPTION_SHIFT:
		if (strcmp(arg, "now") != 0)
			argp_error(state, "--shift takes 'now', not '%s'", arg);
		o->shift_now = true;
		break;
	case OPTION_AGAIN:
		o->again = true;
		break;
	case OPTION_ORPHAN_RTP:
		o->orphans = true;
		break;
	case OPTION_PAYLOAD_TYPE:
		add_format(state, o, arg);
		break;
	case 'n':
		o->check_only = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case ARGP_KEY_ARG:
		if (!o->read)
			argp_error(state,
				   "'%s': captures are given with "
				   "--read FILE",
				   arg);
		add_file(state, o, arg);
		break;
	case ARGP_KEY_END:
		check_input(state, o);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct argp argp = { .options = argp_options,
					  .parser = parse,
					  .args_doc = "[FILE...]",
					  .doc = doc };
	struct run_options options = { 0 };
	struct home home;
	int r;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	log_init("spanrecd", LOG_LEVEL_INFO);
	r = process_guard();
	if (r == 0)
		r = store_init();
	if (r < 0) {
		log_error("cannot protect keys in memory: %s", strerror(-r));
		return EXIT_FAILED;
	}
	process_raise_files();
	run_catch_signals(!options.read);
	r = home_open(&home, options.home);
	if (r == 0)
		run_fit_memory(&options, &home);
	if (r == 0 && (options.read || options.check_only)) {
		r = run_files(&options, &home);
	} else if (r == 0) {
		r = run_live(&options, &home);
	}
	if (r == 0 && fflush(stdout) == EOF)
		r = EXIT_FAILED;
	return r;
}
