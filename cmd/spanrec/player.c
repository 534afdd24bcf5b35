/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/spanrec/player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sonic.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

#define SEEK_S     5
#define FAR_SEEK_S 30

/** Levels of so many periods are known: more than a sink holds. */
#define LEVELS 64

/** What is heard now, for a level: 100 ms. */
#define LEVEL_PERIODS 5

/** Periods that are waited for the last sound: a sink that tells no end of it
 * is left. */
#define LAST_PERIODS 50

/** From a source that was stopped for a key: no exit code. */
#define AGAIN 1000

struct level {
	uint64_t until; /**< in frames of the sink */
	int16_t peak[2];
};

struct run {
	const struct spanrec_player *player;
	size_t period; /**< in frames */
	/* the source began at this frame, and so many frames went to the sink
	 * since */
	uint64_t begun, written;
	int speed;
	bool paused, quit;
	sonicStream sonic; /**< NULL: as fast as it was */
	struct level levels[LEVELS];
	size_t level; /**< the latest */
};

/* ---- what is heard ----------------------------------------------------- */

/* So many frames of the sink were heard since the source began. */
static uint64_t
heard(const struct run *run)
{
	const struct spanrec_sink *sink = run->player->sink;
	uint64_t delay = run->paused ? 0 : sink->delay(sink->ctx);

	return delay < run->written ? run->written - delay : 0;
}

/* The frame of the source that is to be heard next. */
static uint64_t
place(const struct run *run, uint64_t sink_frames)
{
	uint64_t at =
	    run->begun + sink_frames * (uint64_t)run->speed / SPANREC_SPEED_ONE;

	return at < run->player->frames ? at : run->player->frames;
}

static int16_t
loudness(int16_t sample)
{
	return sample >= 0           ? sample
	       : sample == INT16_MIN ? INT16_MAX
				     : (int16_t)-sample;
}

static void
note_level(struct run *run, const int16_t *pcm, size_t frames)
{
	unsigned channels = run->player->channels, k;
	struct level *level;
	size_t i;

	run->level = (run->level + 1) % LEVELS;
	level = &run->levels[run->level];
	*level = (struct level){ .until = run->written };
	for (i = 0; i < frames * channels; i++) {
		int16_t loud = loudness(pcm[i]);

		k = channels == 2 ? i % 2 : 0;
		if (loud > level->peak[k])
			level->peak[k] = loud;
	}
}

static void
show(struct run *run)
{
	const struct spanrec_player *player = run->player;
	uint64_t now = heard(run), since;
	struct spanrec_playing playing = { .frame = place(run, now),
					   .channels = player->channels,
					   .speed = run->speed,
					   .paused = run->paused };
	size_t i, k;

	since = LEVEL_PERIODS * run->period;
	since = now > since ? now - since : 0;
	for (i = 0; !run->paused && i < LEVELS; i++) {
		const struct level *level = &run->levels[i];

		if (level->until <= since || level->until > now + run->period)
			continue;
		for (k = 0; k < 2; k++) {
			if (level->peak[k] > playing.peak[k])
				playing.peak[k] = level->peak[k];
		}
	}
	player->show(player->ctx, &playing);
}

/* ---- keys -------------------------------------------------------------- */

static void
stop_sonic(struct run *run)
{
	if (run->sonic)
		sonicDestroyStream(run->sonic);
	run->sonic = NULL;
}

/* Let the source begin there. */
static void
begin_at(struct run *run, uint64_t frame)
{
	const struct spanrec_sink *sink = run->player->sink;

	sink->drop(sink->ctx);
	stop_sonic(run);
	memset(run->levels, 0, sizeof(run->levels));
	run->begun = frame;
	run->written = 0;
}

static void
seek(struct run *run, uint64_t from, int seconds)
{
	uint64_t by = (uint64_t)abs(seconds) * run->player->hz;

	if (seconds < 0)
		from = from > by ? from - by : 0;
	else
		from = from + by < run->player->frames ? from + by
						       : run->player->frames;
	begin_at(run, from);
}

/* @return AGAIN, 0: it goes no further */
static int
change_speed(struct run *run, uint64_t at, int tenths)
{
	int speed = run->speed + tenths;

	if (speed < SPANREC_SPEED_MIN || speed > SPANREC_SPEED_MAX)
		return 0;
	begin_at(run, at);
	run->speed = speed;
	return AGAIN;
}

/* @return AGAIN, 0: nothing is to change */
static int
obey(struct run *run, enum spanrec_key key)
{
	uint64_t at = place(run, heard(run));

	switch (key) {
	case SPANREC_KEY_PAUSE:
		begin_at(run, at);
		run->paused = !run->paused;
		return AGAIN;
	case SPANREC_KEY_BACK:
		seek(run, at, -SEEK_S);
		return AGAIN;
	case SPANREC_KEY_FORWARD:
		seek(run, at, SEEK_S);
		return AGAIN;
	case SPANREC_KEY_FAR_BACK:
		seek(run, at, -FAR_SEEK_S);
		return AGAIN;
	case SPANREC_KEY_FAR_FORWARD:
		seek(run, at, FAR_SEEK_S);
		return AGAIN;
	case SPANREC_KEY_SLOWER:
		return change_speed(run, at, -1);
	case SPANREC_KEY_FASTER:
		return change_speed(run, at, 1);
	case SPANREC_KEY_QUIT:
		begin_at(run, at);
		run->quit = true;
		return AGAIN;
	default:
		return 0;
	}
}

static int
ask(struct run *run, int wait_ms)
{
	const struct spanrec_player *player = run->player;

	show(run);
	return obey(run, player->key(player->ctx, wait_ms));
}

/* ---- sound ------------------------------------------------------------- */

/* One period at most. @return 0, AGAIN, exit code */
static int
give(struct run *run, const int16_t *pcm, size_t frames)
{
	const struct spanrec_player *player = run->player;
	int rc, n;

	while (frames) {
		n = player->sink->write(player->sink->ctx, pcm, frames);
		if (n < 0)
			return EXIT_FAILED;
		run->written += (uint64_t)n;
		if (n)
			note_level(run, pcm, (size_t)n);
		pcm += (size_t)n * player->channels;
		frames -= (size_t)n;
		rc = ask(run, 0);
		if (rc)
			return rc;
	}
	return 0;
}

static int
out_of_memory(void)
{
	log_error("not enough memory to play at another speed");
	return exit_code(-ENOMEM);
}

/* What came out of the change of speed. */
static int
give_changed(struct run *run)
{
	int16_t *pcm;
	int rc = 0, n = 0;

	pcm = calloc(run->period * run->player->channels, sizeof(*pcm));
	if (!pcm)
		return out_of_memory();
	while (!rc && run->sonic &&
	       (n = sonicReadShortFromStream(run->sonic, pcm,
					     (int)run->period)) > 0)
		rc = give(run, pcm, (size_t)n);
	free(pcm);
	return rc;
}

static int
give_at_speed(struct run *run, const int16_t *pcm, size_t frames)
{
	const struct spanrec_player *player = run->player;

	if (run->speed == SPANREC_SPEED_ONE)
		return give(run, pcm, frames);
	if (!run->sonic) {
		run->sonic =
		    sonicCreateStream((int)player->hz, (int)player->channels);
		if (!run->sonic)
			return out_of_memory();
		sonicSetSpeed(run->sonic,
			      (float)run->speed / SPANREC_SPEED_ONE);
	}
	/* it only reads; its header does not say so */
	if (!sonicWriteShortToStream(run->sonic, (short *)pcm, (int)frames))
		return out_of_memory();
	return give_changed(run);
}

static int
samples(void *ctx, const int16_t *pcm, size_t frames)
{
	struct run *run = ctx;
	int rc = 0;

	while (!rc && frames) {
		size_t n = frames < run->period ? frames : run->period;

		rc = give_at_speed(run, pcm, n);
		pcm += n * run->player->channels;
		frames -= n;
	}
	return rc;
}

/* The source is at its end; what was not heard yet is. @return as give */
static int
play_rest(struct run *run)
{
	const struct spanrec_sink *sink = run->player->sink;
	int rc = 0, i;

	if (run->sonic && !sonicFlushStream(run->sonic))
		return out_of_memory();
	if (run->sonic)
		rc = give_changed(run);
	if (!rc)
		sink->finish(sink->ctx);
	for (i = 0; !rc && i < LAST_PERIODS && sink->delay(sink->ctx); i++)
		rc = ask(run, SPANREC_PERIOD_MS);
	if (!rc)
		show(run);
	return rc;
}

int
spanrec_player_run(const struct spanrec_player *player)
{
	struct run run = { .player = player,
			   .period = player->hz * SPANREC_PERIOD_MS / 1000,
			   .begun = player->from,
			   .speed = SPANREC_SPEED_ONE };
	int rc = AGAIN;

	while (rc == AGAIN && !run.quit) {
		if (run.paused) {
			ask(&run, SPANREC_PERIOD_MS);
			continue;
		}
		rc = player->source(player->ctx, run.begun, samples, &run);
		if (!rc)
			rc = play_rest(&run);
	}
	stop_sonic(&run);
	return rc == AGAIN ? 0 : rc;
}
