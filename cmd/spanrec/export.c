/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * export: a copy in the clear, which leaves the care of the archive. So the
 * ledger says who made it, what for and where it went; it can be read by its
 * maker only; and it is there as a whole or not at all: it is written under
 * another name in the same folder, and removed when anything goes wrong or
 * somebody presses ^C.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"

enum { OUT = 0x200, MIX, FORCE, NO_CONCEAL };

struct arguments {
	struct spanrec *spanrec;
	struct spanrec_authority authority;
	const char *id, *out;
	enum spanrec_channels channels;
	bool no_conceal;
	bool force;
};

static const struct argp_option options[] = {
	{ "out", OUT, "FILE.wav", 0, "The file to write. Required", 0 },
	{ "mix", MIX, NULL, 0,
	  "Both sides in one channel, instead of left our side and right the "
	  "other",
	  0 },
	{ "force", FORCE, NULL, 0, "Overwrite FILE if it exists", 0 },
	{ "no-conceal", NO_CONCEAL, NULL, 0,
	  "Silence where packets were lost; else up to 60 ms are made up from "
	  "what lies around them, as a telephone does",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Write a copy of a call to a file that only you can read. The copy is not "
    "sealed and not deleted on time: that is up to you.\v"
    "This version writes WAV. Who made the copy is written into the ledger of "
    "the archive first. While a recorder runs, it does that; while another "
    "process writes to the archive, nothing is exported.\n\n"
    "Examples:\n"
    "  spanrec export 20190328T1415 --out call.wav --purpose dispute\n"
    "  spanrec export 20190328T1415 --out call.wav --mix --purpose training\n";

static error_t
parse_argument(struct arguments *arguments, char *value,
	       struct argp_state *state)
{
	if (arguments->id)
		argp_error(state, "one ID at a time");
	arguments->id = value;
	return 0;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->authority;
		state->child_inputs[1] = arguments->spanrec;
		return 0;
	case OUT:
		arguments->out = value;
		return 0;
	case MIX:
		arguments->channels = SPANREC_MIX;
		return 0;
	case FORCE:
		arguments->force = true;
		return 0;
	case NO_CONCEAL:
		arguments->no_conceal = true;
		return 0;
	case ARGP_KEY_ARG:
		return parse_argument(arguments, value, state);
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which call? Give its ID");
		return EINVAL;
	case ARGP_KEY_END:
		if (!arguments->out)
			argp_error(state, "where to? Give --out FILE.wav");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- the file ---------------------------------------------------------- */

/* A file under another name until it is whole. */
struct copy {
	struct spanrec *spanrec;
	const struct spanrec_audio *audio;
	const char *path;
	char temporary[PATH_MAX];
	FILE *file;
	sigset_t stops, before; /**< signals that would leave it behind */
	struct progress progress;
	uint64_t written;
};

static int
copy_failed(const struct copy *copy, int error)
{
	if (error == -EEXIST)
		log_error("%s exists; give another name, or --force to "
			  "overwrite it",
			  copy->path);
	else if (error == -EOVERFLOW)
		log_error("%s: the call is too long for a WAV file, which "
			  "holds 4 GiB; export its segments one by one",
			  copy->path);
	else
		log_error("%s cannot be written: %s", copy->path,
			  strerror(-error));
	/* a folder that is not there is not a recording that is not there */
	return error == -ENOENT ? EXIT_FAILED : exit_code(error);
}

/* Signals are kept waiting and asked for between samples, so that the copy is
 * removed before the program ends. */
static void
hold_signals(struct copy *copy)
{
	sigemptyset(&copy->stops);
	sigaddset(&copy->stops, SIGINT);
	sigaddset(&copy->stops, SIGTERM);
	sigaddset(&copy->stops, SIGHUP);
	sigaddset(&copy->stops, SIGQUIT);
	sigprocmask(SIG_BLOCK, &copy->stops, &copy->before);
}

static bool
must_stop(const struct copy *copy)
{
	const struct timespec at_once = { 0, 0 };

	return sigtimedwait(&copy->stops, NULL, &at_once) > 0;
}

/* @return 0, -errno */
static int
copy_open(struct copy *copy)
{
	char folder[PATH_MAX];
	int n, fd, rc;

	snprintf(folder, sizeof(folder), "%s", copy->path);
	n = snprintf(copy->temporary, sizeof(copy->temporary),
		     "%s/.spanrec-XXXXXX", dirname(folder));
	if (n < 0 || n >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = mkostemp(copy->temporary, O_CLOEXEC); /* makes it 0600 */
	if (fd < 0) {
		rc = -errno;
		*copy->temporary = '\0';
		return rc;
	}
	copy->file = fdopen(fd, "w");
	if (!copy->file) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return 0;
}

/* Everything is on the disk, under the temporary name. @return 0, -errno */
static int
copy_close(struct copy *copy)
{
	int rc = 0;

	errno = 0;
	if (fflush(copy->file) == EOF || fsync(fileno(copy->file)) < 0)
		rc = errno ? -errno : -EIO;
	if (fclose(copy->file) == EOF && !rc)
		rc = -errno;
	copy->file = NULL;
	return rc;
}

/* Give it its name: with link(2) unless forced, which never overwrites.
 * @return 0, -errno */
static int
copy_publish(struct copy *copy, bool force)
{
	if (force) {
		if (rename(copy->temporary, copy->path) < 0)
			return -errno;
		*copy->temporary = '\0';
		return 0;
	}
	if (!renameat2(AT_FDCWD, copy->temporary, AT_FDCWD, copy->path,
		       RENAME_NOREPLACE)) {
		*copy->temporary = '\0';
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* some file systems know no such rename; a link is as careful */
	return link(copy->temporary, copy->path) < 0 ? -errno : 0;
}

static void
copy_fini(struct copy *copy)
{
	if (copy->file)
		fclose(copy->file);
	if (*copy->temporary)
		unlink(copy->temporary);
	sigprocmask(SIG_SETMASK, &copy->before, NULL);
}

static int
copy_samples(void *ctx, const int16_t *pcm, size_t frames)
{
	struct copy *copy = ctx;
	int rc;

	if (must_stop(copy)) {
		log_error("stopped; %s was not written", copy->path);
		return EXIT_FAILED;
	}
	rc = spanrec_wav_samples(copy->file, pcm,
				 frames * spanrec_audio_channels(copy->audio));
	if (rc < 0)
		return copy_failed(copy, rc);
	copy->written += frames;
	if (!copy->spanrec->quiet)
		progress_update(&copy->progress, copy->written,
				copy->audio->frames);
	return 0;
}

/* @return exit code */
static int
copy_write(struct copy *copy)
{
	int rc = copy_open(copy);

	if (!rc)
		rc = spanrec_wav_header(
		    copy->file, spanrec_audio_channels(copy->audio),
		    spanrec_audio_hz(copy->audio), copy->audio->frames);
	if (rc < 0)
		return copy_failed(copy, rc);
	progress_init(&copy->progress, "exporting");
	rc = spanrec_audio_render(copy->spanrec, copy->audio, copy_samples,
				  copy);
	progress_fini(&copy->progress);
	if (rc)
		return rc;
	rc = copy_close(copy);
	return rc < 0 ? copy_failed(copy, rc) : 0;
}

/* ---- the command ------------------------------------------------------- */

/* @return exit code */
static int
check_format(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot && !strcasecmp(dot, ".wav"))
		return 0;
	if (dot && (!strcasecmp(dot, ".ogg") || !strcasecmp(dot, ".flac") ||
		    !strcasecmp(dot, ".pcap")))
		log_error("this version cannot write %s files, only .wav; give "
			  "--out FILE.wav",
			  dot);
	else
		log_error("--out %s: the end of the name says the format, and "
			  "this version writes .wav only",
			  path);
	return EXIT_USAGE;
}

/* @return exit code */
static int
check_target(const struct arguments *arguments)
{
	const struct copy copy = { .path = arguments->out };
	struct stat st;

	if (lstat(arguments->out, &st) < 0)
		return errno == ENOENT ? 0 : copy_failed(&copy, -errno);
	if (S_ISDIR(st.st_mode))
		return copy_failed(&copy, -EISDIR);
	return arguments->force ? 0 : copy_failed(&copy, -EEXIST);
}

/* The ledger comes between the copy and its name. @return exit code */
static int
write_down(const struct arguments *arguments, const struct copy *copy)
{
	char detail[sizeof(((struct store_ledger_entry *)NULL)->detail)],
	    name[PATH_MAX], path[2 * PATH_MAX], *folder;
	size_t n;

	/* the folder in full, and the name that the copy will have in it */
	folder = realpath(copy->temporary, NULL);
	if (folder)
		*strrchr(folder, '/') = '\0';
	snprintf(name, sizeof(name), "%s", copy->path);
	snprintf(path, sizeof(path), "%s/%s", folder ? folder : ".",
		 basename(name));
	free(folder);
	/* half of the room is for the path */
	spanrec_authority_text(&arguments->authority, detail,
			       sizeof(detail) / 2);
	n = strlen(detail);
	n += (size_t)snprintf(detail + n, sizeof(detail) - n, ", to ");
	spanrec_path_shorten(path, detail + n, sizeof(detail) - n);
	return spanrec_ledger_add(arguments->spanrec, "export",
				  copy->audio->selection, detail);
}

static int export(struct arguments *arguments,
		  const struct spanrec_audio *audio)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct copy copy = { .spanrec = spanrec,
			     .audio = audio,
			     .path = arguments->out };
	char length[SPANREC_TIME_BYTES];
	int rc, error;

	hold_signals(&copy);
	rc = copy_write(&copy);
	if (!rc)
		rc = write_down(arguments, &copy);
	if (!rc) {
		error = copy_publish(&copy, arguments->force);
		if (error < 0)
			rc = copy_failed(&copy, error);
	}
	copy_fini(&copy);
	if (!rc && !spanrec->quiet) {
		spanrec_duration(audio->end_ns - audio->start_ns, length);
		fprintf(spanrec->out, "%s: %s, %s\n", arguments->out, length,
			spanrec_audio_channels(audio) == 2
			    ? "left our side, right the other side"
			    : "both sides in one channel");
	}
	return rc || !audio->torn ? rc : EXIT_DAMAGED;
}

static int
run(struct arguments *arguments, struct spanrec_selection *selection)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct spanrec_audio audio = { .selection = selection,
				       .channels = arguments->channels,
				       .no_conceal = arguments->no_conceal };
	int rc;

	rc = check_format(arguments->out);
	if (!rc)
		rc = check_target(arguments);
	if (!rc)
		rc = spanrec_authority_open(spanrec, &arguments->authority,
					    POLICY_RIGHT_EXPORT, arguments->id,
					    selection);
	if (!rc)
		rc = spanrec_audio_measure(spanrec, &audio);
	if (!rc)
		rc = export(arguments, &audio);
	spanrec_audio_fini(&audio);
	return rc;
}

int
spanrec_export(struct spanrec *spanrec, int argc, char **argv)
{
	const struct argp_child children[] = { spanrec_authority_options[0],
					       spanrec_global_options[0],
					       { 0 } };
	const struct argp argp = { .options = options,
				   .parser = parse,
				   .args_doc = "ID",
				   .doc = doc,
				   .children = children };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_selection selection = { 0 };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	rc = run(&arguments, &selection);
	spanrec_selection_fini(&selection);
	return rc;
}
