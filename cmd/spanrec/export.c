/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * export: a copy in the clear, which leaves the care of the archive. So the
 * ledger says who made it, what for, in which format and where it went; and
 * the copy says so, too, and what is missing of it.
 */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"

/* So often it is asked whether somebody stops the export. */
#define STOPPED_PACKETS 256

#define SECOND_NS 1000000000

enum { OUT = 0x200, FORMAT, CHANNELS, MIX, FORCE, NO_CONCEAL };

/** A format, by its name or the end of the file's. */
struct format {
	const char *name;
	const char *ends[2];
	const struct spanrec_encoding *encoding; /**< NULL: packets */
};

static const struct format formats[] = {
	{ "wav", { ".wav" }, &spanrec_encoding_wav },
	{ "flac", { ".flac" }, &spanrec_encoding_flac },
	{ "opus", { ".opus", ".ogg" }, &spanrec_encoding_opus },
	{ "pcap", { ".pcap" }, NULL },
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

struct arguments {
	struct spanrec *spanrec;
	struct spanrec_authority authority;
	const char *id, *out, *format_name;
	const struct format *format;
	enum spanrec_channels channels;
	bool no_conceal;
	bool force;
};

static const struct argp_option options[] = {
	{ "out", OUT, "FILE", 0, "The file to write. Required", 0 },
	{ "format", FORMAT, "wav|flac|opus|pcap", 0,
	  "What it is, if the end of its name does not say so: .wav, .flac, "
	  ".opus or .ogg, .pcap",
	  0 },
	{ "channels", CHANNELS, "stereo|left|right|mono", 0,
	  "Left our side and right the other, as is usual; one of them alone; "
	  "or both in one channel",
	  0 },
	{ "mix", MIX, NULL, 0, "The same as --channels mono", 0 },
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
    "WAV and FLAC are the sound as it is, Opus is small, and a pcap has the "
    "packets as they were received. A copy of sound tells whose call it is, "
    "when it was, what is missing and why, and who made the copy and what "
    "for. That is written into the ledger of the archive, too, before the "
    "copy has its name. While a recorder runs, it does that; while another "
    "process writes to the archive, nothing is exported.\n\n"
    "Examples:\n"
    "  spanrec export 20190328T1415 --out call.wav --purpose dispute\n"
    "  spanrec export 20190328T1415 --out call.opus --mix --purpose training\n";

static error_t
parse_argument(struct arguments *arguments, char *value,
	       struct argp_state *state)
{
	if (arguments->id)
		argp_error(state, "one ID at a time");
	arguments->id = value;
	return 0;
}

static void
parse_channels(struct arguments *arguments, const char *value,
	       struct argp_state *state)
{
	if (!strcmp(value, "stereo"))
		arguments->channels = SPANREC_STEREO;
	else if (!strcmp(value, "left"))
		arguments->channels = SPANREC_LEFT;
	else if (!strcmp(value, "right"))
		arguments->channels = SPANREC_RIGHT;
	else if (!strcmp(value, "mono"))
		arguments->channels = SPANREC_MIX;
	else
		argp_error(state, "--channels is stereo, left, right or mono");
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
	case FORMAT:
		arguments->format_name = value;
		return 0;
	case CHANNELS:
		parse_channels(arguments, value, state);
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
			argp_error(state, "where to? Give --out FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- the format -------------------------------------------------------- */

static const struct format *
format_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < FORMATS; i++) {
		if (!strcasecmp(name, formats[i].name))
			return &formats[i];
	}
	return NULL;
}

static const struct format *
format_by_end(const char *path)
{
	const char *dot = strrchr(path, '.');
	size_t i, k;

	for (i = 0; dot && i < FORMATS; i++) {
		for (k = 0; k < 2 && formats[i].ends[k]; k++) {
			if (!strcasecmp(dot, formats[i].ends[k]))
				return &formats[i];
		}
	}
	return NULL;
}

/* @return exit code */
static int
choose_format(struct arguments *arguments)
{
	if (arguments->format_name) {
		arguments->format = format_by_name(arguments->format_name);
		if (!arguments->format) {
			log_error("--format %s: it is wav, flac, opus or pcap",
				  arguments->format_name);
			return EXIT_USAGE;
		}
	} else {
		arguments->format = format_by_end(arguments->out);
		if (!arguments->format) {
			log_error("--out %s: the end of the name says the "
				  "format: only .wav, .flac, .opus, .ogg or "
				  ".pcap; or give --format",
				  arguments->out);
			return EXIT_USAGE;
		}
	}
	if (!arguments->format->encoding &&
	    arguments->channels == SPANREC_MIX) {
		log_error("packets cannot be mixed: leave --mix away, or give "
			  "a format of sound");
		return EXIT_USAGE;
	}
	return 0;
}

/* ---- the copy ---------------------------------------------------------- */

/* A copy that is being written. */
struct export
{
	struct spanrec *spanrec;
	struct spanrec_audio *audio;
	const struct spanrec_encoding *encoding;
	struct spanrec_copy copy;
	void *encoder;
	struct progress progress;
	uint64_t written; /* samples of each channel, or packets */
};

static int
write_samples(void *ctx, const int16_t *pcm, size_t frames)
{
	struct export *export = ctx;
	int rc;

	if (spanrec_copy_stopped(&export->copy))
		return EXIT_FAILED;
	rc = export->encoding->samples(export->encoder, pcm, frames);
	if (rc < 0)
		return spanrec_copy_failed(&export->copy, rc);
	export->written += frames;
	if (!export->spanrec->quiet)
		progress_update(&export->progress, export->written,
				export->audio->frames);
	return 0;
}

/* All was read and is genuine; now the gaps are known. @return exit code */
static int
tell_gaps(struct export *export, struct spanrec_tags *tags)
{
	int rc = spanrec_audio_settle(export->audio);

	return rc || !export->encoding->gaps_last
		   ? rc
		   : spanrec_tags_gaps(export->audio, tags);
}

/* @return exit code */
static int
write_sound(struct export *export, struct spanrec_tags *tags)
{
	const struct spanrec_sound sound = {
		.channels = spanrec_audio_channels(export->audio),
		.hz = spanrec_audio_hz(export->audio),
		.frames = export->audio->frames,
		.tags = tags,
	};
	int rc, error;

	error =
	    export->encoding->open(&export->encoder, &sound, export->copy.file);
	if (error < 0)
		return spanrec_copy_failed(&export->copy, error);
	rc = spanrec_audio_render(export->spanrec, export->audio, write_samples,
				  export);
	if (!rc)
		rc = tell_gaps(export, tags);
	error = export->encoding->close(&export->encoder);
	if (!rc && error < 0)
		rc = spanrec_copy_failed(&export->copy, error);
	return rc;
}

static int
before_packet(void *ctx, int64_t time_ns)
{
	struct export *export = ctx;
	const struct spanrec_audio *audio = export->audio;

	/* asking costs as much as a packet */
	if (export->written++ % STOPPED_PACKETS == 0 &&
	    spanrec_copy_stopped(&export->copy))
		return EXIT_FAILED;
	if (!export->spanrec->quiet)
		progress_update(&export->progress,
				(uint64_t)(time_ns - audio->start_ns),
				(uint64_t)(audio->end_ns - audio->start_ns));
	return 0;
}

/* @return exit code */
static int
write_packets(struct export *export)
{
	int error, rc;

	rc = spanrec_pcap_write(export->spanrec, export->audio,
				export->copy.file, before_packet, export,
				&error);
	if (error < 0)
		return spanrec_copy_failed(&export->copy, error);
	return rc;
}

/* The ledger comes between the copy and its name. @return exit code */
static int
write_down(const struct arguments *arguments, const struct export *export)
{
	char detail[sizeof(((struct store_ledger_entry *)NULL)->detail)],
	    path[2 * PATH_MAX];
	size_t n;

	spanrec_copy_path(&export->copy, path, sizeof(path));
	/* half of the room is for the path */
	spanrec_authority_text(&arguments->authority, detail,
			       sizeof(detail) / 2);
	n = strlen(detail);
	n += (size_t)snprintf(detail + n, sizeof(detail) - n, ", %s to ",
			      arguments->format->name);
	spanrec_path_shorten(path, detail + n, sizeof(detail) - n);
	return spanrec_ledger_add(arguments->spanrec, "export",
				  export->audio->selection, detail);
}

/* @return exit code */
static int
write_copy(const struct arguments *arguments, struct export *export)
{
	struct spanrec_tags tags;
	int rc = spanrec_tags_make(arguments->spanrec, export->audio,
				   &arguments->authority, &tags);

	if (!rc && export->encoding && !export->encoding->gaps_last)
		rc = spanrec_tags_gaps(export->audio, &tags);
	if (!rc)
		rc = spanrec_copy_begin(&export->copy, arguments->out);
	progress_init(&export->progress, "exporting");
	if (!rc && export->encoding)
		rc = write_sound(export, &tags);
	else if (!rc)
		rc = write_packets(export);
	progress_fini(&export->progress);
	spanrec_tags_fini(&tags);
	if (!rc)
		rc = spanrec_copy_sync(&export->copy);
	if (!rc)
		rc = write_down(arguments, export);
	if (!rc)
		rc = spanrec_copy_publish(&export->copy, arguments->force);
	spanrec_copy_fini(&export->copy);
	return rc;
}

/* ---- the command ------------------------------------------------------- */

static const char *
what_is_in(const struct arguments *arguments)
{
	if (!arguments->format->encoding)
		return "packets";
	switch (arguments->channels) {
	case SPANREC_STEREO:
		return "left our side, right the other side";
	case SPANREC_LEFT:
		return "our side";
	case SPANREC_RIGHT:
		return "the other side";
	default:
		return "both sides in one channel";
	}
}

/* Of sound that was written, or of the segments. */
static int64_t
length_ns(const struct export *export)
{
	const struct spanrec_audio *audio = export->audio;
	uint64_t hz = spanrec_audio_hz(audio);

	if (!export->encoding)
		return audio->end_ns - audio->start_ns;
	return (int64_t)(export->written / hz) * SECOND_NS +
	       (int64_t)(export->written % hz * SECOND_NS / hz);
}

static int export(struct arguments *arguments, struct spanrec_audio *audio)
{
	struct export export = { .spanrec = arguments->spanrec,
				 .audio = audio,
				 .encoding = arguments->format->encoding };
	char length[SPANREC_TIME_BYTES];
	int rc = write_copy(arguments, &export);

	if (!rc && !arguments->spanrec->quiet) {
		spanrec_duration(length_ns(&export), length);
		fprintf(arguments->spanrec->out, "%s: %s, %s\n", arguments->out,
			length, what_is_in(arguments));
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
	const struct spanrec_encoding *encoding;
	int rc;

	rc = choose_format(arguments);
	if (rc)
		return rc;
	encoding = arguments->format->encoding;
	audio.as_received = !encoding;
	rc = spanrec_copy_check(arguments->out, arguments->force);
	if (!rc)
		rc = spanrec_authority_open(spanrec, &arguments->authority,
					    POLICY_RIGHT_EXPORT, arguments->id,
					    selection);
	if (!rc)
		rc = !encoding || encoding->gaps_last
			 ? spanrec_audio_foresee(spanrec, &audio)
			 : spanrec_audio_measure(spanrec, &audio);
	if (!rc)
		rc = export(arguments, &audio);
	if (rc == SPANREC_AUDIO_AGAIN) {
		rc = spanrec_audio_measure(spanrec, &audio);
		if (!rc)
			rc = export(arguments, &audio);
	}
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
