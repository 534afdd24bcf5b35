/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkpcap SCRIPT.call > FILE.pcap: options, files, and what is said on stderr.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/mkpcap/mkpcap.h"

/** A script that is longer is a mistake. */
#define SCRIPT_BYTES_MAX (16u << 20)

struct options {
	const char *script; /* NULL: standard input */
	const char *out;    /* NULL: standard output */
	const char *counts; /* NULL: for people, on stderr */
	uint32_t without;   /* 0: none */
	bool list;
	bool check;
	bool quiet;
};

static void
usage(FILE *to)
{
	fputs("usage: mkpcap [-lnq] [-o FILE.pcap] [--counts FILE] "
	      "[--without N] [SCRIPT.call]\n"
	      "\n"
	      "Makes a capture file from a call script; see mkpcap(1).\n"
	      "\n"
	      "  -o, --out FILE     write to FILE, not to standard output\n"
	      "      --counts FILE  what was done to each stream, one JSON "
	      "object a line\n"
	      "      --without N    leave out message N, as --list numbers "
	      "them\n"
	      "  -l, --list         only list the messages\n"
	      "  -n, --check        only check the script\n"
	      "  -q, --quiet        do not tell on stderr what was done\n"
	      "  -h, --help         show this\n",
	      to);
}

/* The whole script. @return malloc'd, or NULL with errno */
static char *
script_read(const char *path, size_t *n)
{
	FILE *from = path ? fopen(path, "rb") : stdin;
	char *text = malloc(SCRIPT_BYTES_MAX + 1);

	if (from && text) {
		*n = fread(text, 1, SCRIPT_BYTES_MAX + 1, from);
		if (*n > SCRIPT_BYTES_MAX)
			errno = EFBIG;
		else if (!ferror(from))
			goto out;
	}
	free(text);
	text = NULL;
out:
	if (from && path)
		fclose(from);
	return text;
}

static void
errors_print(const struct mkpcap_errors *errors, const char *path)
{
	const char *name = path ? path : "(standard input)";

	for (uint32_t i = 0; i < errors->count && i < MKPCAP_ERRORS_MAX; i++) {
		if (errors->errors[i].line == 0)
			fprintf(stderr, "%s: %s\n", name,
				errors->errors[i].text);
		else
			fprintf(stderr, "%s:%u:%u: %s\n", name,
				errors->errors[i].line,
				errors->errors[i].column,
				errors->errors[i].text);
	}
	if (errors->count > MKPCAP_ERRORS_MAX)
		fprintf(stderr, "%s: %u more mistakes\n", name,
			errors->count - MKPCAP_ERRORS_MAX);
}

static const char *
side_name(enum mkpcap_side side)
{
	return side == MKPCAP_CALLER ? "caller" : "callee";
}

static void
counts_tell(const struct mkpcap_capture *capture)
{
	uint32_t n;
	const struct mkpcap_count *count = mkpcap_counts(capture, &n);

	fprintf(stderr, "mkpcap: %u packets, %u RTP streams\n",
		mkpcap_packets(capture), n);
	for (; n--; count++)
		fprintf(stderr,
			"mkpcap: %s %s 0x%08x %s: %" PRIu64 " packets, %" PRIu64
			" lost, %" PRIu64 " duplicate, %" PRIu64
			" reordered, %" PRIu64 " late\n",
			count->call, side_name(count->side), count->ssrc,
			count->codec, count->packets, count->lost,
			count->duplicate, count->reordered, count->late);
}

/* A JSON string: quotes, backslashes and control bytes escaped. */
static void
json_text(FILE *to, const char *text)
{
	putc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', to);
		if ((unsigned char)*text < ' ')
			fprintf(to, "\\u%04x", (unsigned)*text);
		else
			putc(*text, to);
	}
	putc('"', to);
}

static int
counts_write(const struct mkpcap_capture *capture, const char *path)
{
	FILE *to = fopen(path, "w");
	uint32_t n;
	const struct mkpcap_count *count = mkpcap_counts(capture, &n);

	if (!to)
		return -errno;
	for (; n--; count++) {
		fputs("{\"call\": ", to);
		json_text(to, count->call);
		fputs(", \"sip_call_id\": ", to);
		json_text(to, count->call_id);
		fprintf(to,
			", \"side\": \"%s\", \"ssrc\": %u, \"codec\": \"%s\", "
			"\"packets\": %" PRIu64 ", \"lost\": %" PRIu64
			", \"duplicate\": %" PRIu64 ", \"reordered\": %" PRIu64
			", \"late\": %" PRIu64 ", \"first_ns\": %" PRId64
			", \"last_ns\": %" PRId64 "}\n",
			side_name(count->side), count->ssrc, count->codec,
			count->packets, count->lost, count->duplicate,
			count->reordered, count->late, count->first_ns,
			count->last_ns);
	}
	return fclose(to) ? -errno : 0;
}

static int
capture_write(const struct mkpcap_capture *capture, const char *path)
{
	FILE *to = path ? fopen(path, "wb") : stdout;
	int rc;

	if (!to)
		return -errno;
	rc = mkpcap_write(capture, to);
	if ((path ? fclose(to) : fflush(to)) && rc == 0)
		rc = -errno;
	return rc;
}

static int
run(const struct options *options, const char *text, size_t n)
{
	struct mkpcap_script *script = NULL;
	struct mkpcap_capture *capture = NULL;
	struct mkpcap_errors errors;
	const char *what = "mkpcap";
	int rc = mkpcap_parse(&script, text, n, &errors);

	if (rc == 0)
		rc = mkpcap_build(&capture, script, &errors);
	if (rc == -EINVAL)
		errors_print(&errors, options->script);
	if (rc || options->check)
		goto out;
	if (options->without && mkpcap_leave_out(capture, options->without)) {
		fprintf(stderr, "mkpcap: there is no message %u\n",
			options->without);
		rc = -EINVAL;
		goto out;
	}
	if (options->list) {
		what = "standard output";
		rc = mkpcap_list(capture, stdout);
		goto out;
	}
	what = options->out ? options->out : "standard output";
	rc = capture_write(capture, options->out);
	if (rc == 0 && options->counts) {
		what = options->counts;
		rc = counts_write(capture, what);
	}
	if (rc == 0 && !options->quiet)
		counts_tell(capture);
out:
	if (rc && rc != -EINVAL)
		fprintf(stderr, "mkpcap: %s: %s\n", what, strerror(-rc));
	mkpcap_capture_free(&capture);
	mkpcap_script_free(&script);
	return rc ? EXIT_FAILED : EXIT_DONE;
}

/* A number from 1. */
static int
number_read(const char *text, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 ||
	    value > UINT32_MAX)
		return -EINVAL;
	*number = (uint32_t)value;
	return 0;
}

static int
options_read(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "counts", required_argument, NULL, 'c' },
		{ "without", required_argument, NULL, 'w' },
		{ "list", no_argument, NULL, 'l' },
		{ "check", no_argument, NULL, 'n' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:lnqh", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			options->out = optarg;
			break;
		case 'c':
			options->counts = optarg;
			break;
		case 'w':
			if (number_read(optarg, &options->without))
				return -EINVAL;
			break;
		case 'l':
			options->list = true;
			break;
		case 'n':
			options->check = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_DONE);
		default:
			return -EINVAL;
		}
	}
	if (optind < argc)
		options->script = argv[optind++];
	return optind == argc ? 0 : -EINVAL;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	char *text;
	size_t n;
	int rc;

	if (options_read(&options, argc, argv)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!options.out && !options.check && !options.list &&
	    isatty(STDOUT_FILENO)) {
		fputs("mkpcap: a capture is nothing to look at: say where it "
		      "goes with -o FILE\n",
		      stderr);
		return EXIT_USAGE;
	}
	text = script_read(options.script, &n);
	if (!text) {
		fprintf(stderr, "mkpcap: %s: %s\n",
			options.script ? options.script : "standard input",
			strerror(errno));
		return EXIT_FAILED;
	}
	rc = run(&options, text, n);
	free(text);
	return rc;
}
