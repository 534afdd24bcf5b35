/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * play: to the sound card, or as WAV to a pipe. That somebody listened, and
 * what for, is in the ledger before the first sample is heard.
 */
#include "cmd/spanrec/play_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

#define SECOND_NS INT64_C(1000000000)

enum { FROM = 0x200, SIDE, NO_CONCEAL };

struct arguments {
	struct spanrec *spanrec;
	struct spanrec_authority authority;
	const char *id, *from;
	enum spanrec_channels channels;
	bool no_conceal;
	bool to_pipe;
	bool to_file; /**< the pipe is none: it is a copy */
};

static const struct argp_option options[] = {
	{ "from", FROM, "0:30", 0, "Begin so far into the call", 0 },
	{ "side", SIDE, "left|right", 0,
	  "One side only: left is local, right is remote", 0 },
	{ "no-conceal", NO_CONCEAL, NULL, 0,
	  "Silence where packets were lost; else up to 60 ms are made up from "
	  "what lies around them, as a telephone does",
	  0 },
	{ 0 },
};

static const char doc[] =
    "Listen to a call on the sound card: left is our side, right the other "
    "one. With - after the ID, write WAV to standard output instead, for a "
    "program in a pipe; into a file it is a copy, and takes the right to "
    "export.\v"
    "At a terminal the space bar pauses, the arrows left and right go 5 "
    "seconds back and forth, Page Up and Page Down 30; [ and ] change the "
    "speed between 0.5 and 2, with the pitch as it was; q quits. A line shows "
    "the level of both sides, the time, and what is missing where.\n\n"
    "Who listened is written into the ledger of the archive first. While a "
    "recorder runs, it does that; while another process writes to the "
    "archive, nothing is played.\n\n"
    "Examples:\n"
    "  spanrec play 20190328T1415 --purpose quality\n"
    "  spanrec play 20190328T1415 --purpose dispute --from 1:30 --side right\n"
    "  spanrec play 20190328T1415 - --purpose quality | aplay\n";

static error_t
parse_argument(struct arguments *arguments, char *value,
	       struct argp_state *state)
{
	if (!arguments->id)
		arguments->id = value;
	else if (!strcmp(value, "-") && !arguments->to_pipe)
		arguments->to_pipe = true;
	else
		argp_error(state, "one ID, and perhaps - after it");
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
	case FROM:
		arguments->from = value;
		return 0;
	case SIDE:
		if (!strcmp(value, "left"))
			arguments->channels = SPANREC_LEFT;
		else if (!strcmp(value, "right"))
			arguments->channels = SPANREC_RIGHT;
		else
			argp_error(state, "--side is left or right");
		return 0;
	case NO_CONCEAL:
		arguments->no_conceal = true;
		return 0;
	case ARGP_KEY_ARG:
		return parse_argument(arguments, value, state);
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which call? Give its ID");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- a pipe ------------------------------------------------------------ */

static int
pipe_failed(int error)
{
	log_error("the sound could not be written: %s", strerror(-error));
	return exit_code(error);
}

struct pipe {
	FILE *to;
	unsigned channels;
};

static int
pipe_samples(void *ctx, const int16_t *pcm, size_t frames)
{
	const struct pipe *pipe = ctx;
	int rc = spanrec_wav_samples(pipe->to, pcm, frames * pipe->channels);

	return rc < 0 ? pipe_failed(rc) : 0;
}

static struct spanrec_wav
wav_of(const struct spanrec_audio *audio)
{
	return (struct spanrec_wav){ .channels = spanrec_audio_channels(audio),
				     .hz = spanrec_audio_hz(audio),
				     .frames = audio->frames };
}

/* A pipe can hold what a WAV header can tell. @return exit code */
static int
check_pipe(const struct spanrec_audio *audio)
{
	const struct spanrec_wav wav = wav_of(audio);

	if (spanrec_wav_fits(&wav))
		return 0;
	log_error("the call is too long for a WAV, which holds 4 GiB; play its "
		  "segments one by one");
	return EXIT_FAILED;
}

/* @return exit code */
static int
play_to_pipe(struct spanrec *spanrec, const struct spanrec_audio *audio)
{
	const struct spanrec_wav wav = wav_of(audio);
	struct pipe pipe = { .to = spanrec->out, .channels = wav.channels };
	int rc = spanrec_wav_header(pipe.to, &wav);

	if (rc < 0)
		return pipe_failed(rc);
	return spanrec_audio_render(spanrec, audio, pipe_samples, &pipe);
}

/* ---- a sound card ------------------------------------------------------ */

struct playing {
	struct spanrec *spanrec;
	const struct spanrec_audio *audio; /**< the whole of it */
	struct spanrec_terminal *terminal;
};

/* Each time from another place. */
static int
sound_from(void *ctx, uint64_t from, spanrec_audio_fn fn, void *fn_ctx)
{
	const struct playing *playing = ctx;
	struct spanrec_audio audio = *playing->audio;
	uint64_t hz = spanrec_audio_hz(&audio);

	if (from >= audio.frames)
		return 0;
	/* without an overflow however long it is */
	spanrec_audio_skip(&audio, (int64_t)(from / hz) * SECOND_NS +
				       (int64_t)(from % hz * SECOND_NS / hz));
	return spanrec_audio_render(playing->spanrec, &audio, fn, fn_ctx);
}

static enum spanrec_key
next_key(void *ctx, int wait_ms)
{
	const struct playing *playing = ctx;

	return spanrec_terminal_key(playing->terminal, wait_ms);
}

static void
show_playing(void *ctx, const struct spanrec_playing *now)
{
	const struct playing *playing = ctx;

	spanrec_terminal_show(playing->terminal, now);
}

/* @return exit code */
static int
play_to_sink(struct playing *playing, const struct spanrec_sink *sink,
	     int64_t from_ns)
{
	const struct spanrec_audio *audio = playing->audio;
	const struct spanrec_player player = {
		.ctx = playing,
		.source = sound_from,
		.key = next_key,
		.show = show_playing,
		.sink = sink,
		.channels = spanrec_audio_channels(audio),
		.hz = spanrec_audio_hz(audio),
		.frames = audio->frames,
		.from =
		    (uint64_t)((double)from_ns * spanrec_audio_hz(audio) / 1e9),
	};
	struct spanrec_line line = { .audio = audio,
				     .quiet = playing->spanrec->quiet };
	struct spanrec_marks marks;
	int rc = spanrec_marks_make(audio, &marks);

	line.marks = &marks;
	if (!rc && spanrec_terminal_new(&playing->terminal, &line) < 0) {
		log_error("not enough memory for the terminal");
		rc = EXIT_FAILED;
	}
	if (!rc)
		rc = spanrec_player_run(&player);
	if (!rc && spanrec_terminal_killed(playing->terminal))
		rc = EXIT_FAILED;
	spanrec_terminal_free(&playing->terminal);
	spanrec_marks_fini(&marks);
	return rc;
}

/* ---- both -------------------------------------------------------------- */

/* @return exit code */
static int
write_down(const struct arguments *arguments,
	   const struct spanrec_selection *selection)
{
	char detail[sizeof(((struct store_ledger_entry *)NULL)->detail)];
	const char *where =
	    arguments->to_file ? ", to a file" : ", to a program";
	size_t n;

	spanrec_authority_text(&arguments->authority, detail,
			       sizeof(detail) - 20);
	n = strlen(detail);
	if (arguments->to_pipe)
		snprintf(detail + n, sizeof(detail) - n, "%s", where);
	return spanrec_ledger_add(arguments->spanrec, "play", selection,
				  detail);
}

/* The card is opened before the ledger is written: no card, no entry. */
static int
play_to_card(struct arguments *arguments, const struct spanrec_audio *audio,
	     int64_t from_ns)
{
	struct playing playing = { .spanrec = arguments->spanrec,
				   .audio = audio };
	const struct spanrec_sink *sink = arguments->spanrec->sink;
	struct spanrec_card *card = NULL;
	int rc;

	if (!sink && spanrec_card_new(&card, &sink) < 0) {
		log_error("not enough memory for the sound card");
		return EXIT_FAILED;
	}
	rc = sink->open(sink->ctx, spanrec_audio_channels(audio),
			spanrec_audio_hz(audio));
	if (!rc)
		rc = write_down(arguments, audio->selection);
	if (!rc)
		rc = play_to_sink(&playing, sink, from_ns);
	sink->close(sink->ctx);
	spanrec_card_free(&card);
	return rc;
}

static int
play(struct arguments *arguments, struct spanrec_audio *audio, int64_t from_ns)
{
	int rc;

	if (arguments->to_pipe) {
		spanrec_audio_skip(audio, from_ns);
		rc = check_pipe(audio);
		if (!rc)
			rc = write_down(arguments, audio->selection);
		if (!rc)
			rc = play_to_pipe(arguments->spanrec, audio);
	} else {
		rc = play_to_card(arguments, audio, from_ns);
	}
	return rc || !audio->torn ? rc : EXIT_DAMAGED;
}

/* ---- what is played ---------------------------------------------------- */

static int
begin_later(const struct arguments *arguments,
	    const struct spanrec_audio *audio, int64_t *from_ns)
{
	char length[SPANREC_TIME_BYTES];

	if (!arguments->from)
		return 0;
	if (spanrec_offset_parse(arguments->from, from_ns)) {
		log_error("--from '%s' is no place in a call; write 0:30 or "
			  "1:02:03",
			  arguments->from);
		return EXIT_USAGE;
	}
	if (*from_ns >= audio->end_ns - audio->start_ns) {
		spanrec_duration(audio->end_ns - audio->start_ns, length);
		log_error("--from %s is after the end: the call is %s long",
			  arguments->from, length);
		return EXIT_USAGE;
	}
	return 0;
}

static bool
is_file(FILE *out)
{
	struct stat st;

	return fstat(fileno(out), &st) == 0 && S_ISREG(st.st_mode);
}

static int
run(struct arguments *arguments, struct spanrec_selection *selection)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct spanrec_audio audio = { .selection = selection,
				       .channels = arguments->channels,
				       .no_conceal = arguments->no_conceal };
	int64_t from_ns = 0;
	int rc;

	arguments->to_file = arguments->to_pipe && is_file(spanrec->out);
	rc = spanrec_authority_open(spanrec, &arguments->authority,
				    arguments->to_file ? POLICY_RIGHT_EXPORT
						       : POLICY_RIGHT_PLAY,
				    arguments->id, selection);
	if (!rc)
		rc = spanrec_audio_measure(spanrec, &audio);
	if (!rc)
		rc = begin_later(arguments, &audio, &from_ns);
	if (!rc)
		rc = play(arguments, &audio, from_ns);
	spanrec_audio_fini(&audio);
	return rc;
}

int
spanrec_play(struct spanrec *spanrec, int argc, char **argv)
{
	const struct argp_child children[] = { spanrec_authority_options[0],
					       spanrec_global_options[0],
					       { 0 } };
	const struct argp argp = { .options = options,
				   .parser = parse,
				   .args_doc = "ID [-]",
				   .doc = doc,
				   .children = children };
	struct arguments arguments = { .spanrec = spanrec };
	struct spanrec_selection selection = { 0 };
	int rc;

	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	if (arguments.to_pipe && isatty(fileno(spanrec->out))) {
		log_error("sound is not written to a terminal; send it to a "
			  "program (spanrec play ID - ... | PROGRAM) or use "
			  "'spanrec export'");
		return EXIT_USAGE;
	}
	rc = run(&arguments, &selection);
	spanrec_selection_fini(&selection);
	return rc;
}
