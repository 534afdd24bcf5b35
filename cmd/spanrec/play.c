/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * play: to the sound card, or as WAV to a pipe. That somebody listened, and
 * what for, is in the ledger before the first sample is heard.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <alsa/asoundlib.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/progress.h"

#define LATENCY_US 200000

enum { FROM = 0x200, SIDE };

struct arguments {
	struct spanrec *spanrec;
	struct spanrec_authority authority;
	const char *id, *from;
	enum spanrec_channels channels;
	bool to_pipe;
};

static const struct argp_option options[] = {
	{ "from", FROM, "0:30", 0, "Begin so far into the call", 0 },
	{ "side", SIDE, "left|right", 0,
	  "One side only: left is local, right is remote", 0 },
	{ 0 },
};

static const char doc[] =
    "Listen to a call on the sound card: left is our side, right the other "
    "one. With - after the ID, write WAV to standard output instead, for a "
    "program in a pipe.\v"
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
	case ARGP_KEY_ARG:
		return parse_argument(arguments, value, state);
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which call? Give its ID");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- where the sound goes ---------------------------------------------- */

struct player {
	struct spanrec *spanrec;
	const struct spanrec_audio *audio;
	snd_pcm_t *card;
	struct progress progress;
	uint64_t played;
};

static int
pipe_samples(void *ctx, const int16_t *pcm, size_t frames)
{
	struct player *player = ctx;
	int rc =
	    spanrec_wav_samples(player->spanrec->out, pcm,
				frames * spanrec_audio_channels(player->audio));

	if (rc < 0) {
		log_error("the sound could not be written: %s", strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}

static struct spanrec_wav
wav_of(const struct spanrec_audio *audio)
{
	return (struct spanrec_wav){ .channels = spanrec_audio_channels(audio),
				     .hz = spanrec_audio_hz(audio),
				     .frames = audio->frames };
}

static int
play_to_pipe(struct player *player)
{
	const struct spanrec_audio *audio = player->audio;
	const struct spanrec_wav wav = wav_of(audio);
	int rc = spanrec_wav_header(player->spanrec->out, &wav);

	if (rc < 0) {
		log_error("the sound could not be written: %s", strerror(-rc));
		return exit_code(rc);
	}
	return spanrec_audio_render(player->spanrec, audio, pipe_samples,
				    player);
}

static int
card_samples(void *ctx, const int16_t *pcm, size_t frames)
{
	struct player *player = ctx;
	unsigned channels = spanrec_audio_channels(player->audio);

	while (frames) {
		snd_pcm_sframes_t n = snd_pcm_writei(player->card, pcm, frames);

		if (n < 0)
			n = snd_pcm_recover(player->card, (int)n, 1);
		if (n < 0) {
			log_error("the sound card stopped: %s",
				  snd_strerror((int)n));
			return EXIT_FAILED;
		}
		pcm += (size_t)n * channels;
		frames -= (size_t)n;
		player->played += (uint64_t)n;
		if (!player->spanrec->quiet)
			progress_update(&player->progress, player->played,
					player->audio->frames);
	}
	return 0;
}

/* ALSA would print its own account of what fails on stderr. */
static void
say_nothing(const char *file, int line, const char *function, int error,
	    const char *format, ...)
{
}

/* @return exit code */
static int
open_card(struct player *player)
{
	int rc;

	snd_lib_error_set_handler(say_nothing);
	rc = snd_pcm_open(&player->card, "default", SND_PCM_STREAM_PLAYBACK, 0);
	if (rc >= 0)
		rc = snd_pcm_set_params(player->card, SND_PCM_FORMAT_S16,
					SND_PCM_ACCESS_RW_INTERLEAVED,
					spanrec_audio_channels(player->audio),
					spanrec_audio_hz(player->audio), 1,
					LATENCY_US);
	if (rc >= 0)
		return 0;
	log_error("there is no sound card that works here (%s); write the "
		  "sound to a program instead: spanrec play ID - --purpose P "
		  "| PROGRAM",
		  snd_strerror(rc));
	return EXIT_FAILED;
}

static void
close_card(struct player *player)
{
	if (player->card)
		snd_pcm_close(player->card);
	player->card = NULL;
	snd_config_update_free_global();
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

/* The card is opened before the ledger is written: no card, no entry. */
static int
play(struct arguments *arguments, const struct spanrec_selection *selection,
     const struct spanrec_audio *audio)
{
	struct player player = { .spanrec = arguments->spanrec,
				 .audio = audio };
	char detail[sizeof(((struct store_ledger_entry *)NULL)->detail)];
	int rc;

	rc = arguments->to_pipe ? check_pipe(audio) : open_card(&player);
	spanrec_authority_text(&arguments->authority, detail, sizeof(detail));
	if (!rc)
		rc = spanrec_ledger_add(arguments->spanrec, "play", selection,
					detail);
	if (!rc && arguments->to_pipe) {
		rc = play_to_pipe(&player);
	} else if (!rc) {
		progress_init(&player.progress, "playing");
		rc = spanrec_audio_render(arguments->spanrec, audio,
					  card_samples, &player);
		if (!rc)
			snd_pcm_drain(player.card);
		progress_fini(&player.progress);
	}
	close_card(&player);
	return rc || !audio->torn ? rc : EXIT_DAMAGED;
}

/* ---- what is played ---------------------------------------------------- */

static int
begin_later(const struct arguments *arguments, struct spanrec_audio *audio)
{
	char length[SPANREC_TIME_BYTES];
	int64_t offset_ns;

	if (!arguments->from)
		return 0;
	if (spanrec_offset_parse(arguments->from, &offset_ns)) {
		log_error("--from '%s' is no place in a call; write 0:30 or "
			  "1:02:03",
			  arguments->from);
		return EXIT_USAGE;
	}
	if (offset_ns >= audio->end_ns - audio->start_ns) {
		spanrec_duration(audio->end_ns - audio->start_ns, length);
		log_error("--from %s is after the end: the call is %s long",
			  arguments->from, length);
		return EXIT_USAGE;
	}
	spanrec_audio_skip(audio, offset_ns);
	return 0;
}

static int
run(struct arguments *arguments, struct spanrec_selection *selection)
{
	struct spanrec *spanrec = arguments->spanrec;
	struct spanrec_audio audio = { .selection = selection,
				       .channels = arguments->channels };
	int rc;

	rc =
	    spanrec_authority_open(spanrec, &arguments->authority,
				   POLICY_RIGHT_PLAY, arguments->id, selection);
	if (!rc)
		rc = spanrec_audio_measure(spanrec, &audio);
	if (!rc)
		rc = begin_later(arguments, &audio);
	if (!rc)
		rc = play(arguments, selection, &audio);
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
