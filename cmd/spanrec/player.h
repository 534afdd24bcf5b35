/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The player: sound from a source to a sink, as keys want it. It knows neither
 * a sound card nor a terminal nor a clock; those are behind the borders below,
 * so that a test can drive it with its own.
 *
 * Whatever a key does, it does at once: what the sink took and nobody heard yet
 * is dropped, and the source begins again with what was to be heard next.
 */
#ifndef CMD_SPANREC_PLAYER_H
#define CMD_SPANREC_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/spanrec/audio.h"

/** Keys are looked at after each so much sound [ms]. */
#define SPANREC_PERIOD_MS 20

/** Speed in tenths: slowest, as it was, fastest. */
#define SPANREC_SPEED_MIN  5
#define SPANREC_SPEED_ONE  10
#define SPANREC_SPEED_MAX  20

/** Where the sound goes. A frame is one sample of each channel. */
struct spanrec_sink {
	void *ctx;
	/** @return exit code, told */
	int (*open)(void *ctx, unsigned channels, uint32_t hz);
	/**
	 * Take sound. Waits for room, but not longer than a period lasts.
	 *
	 * @return frames that were taken, which may be 0; negative errno, told
	 */
	int (*write)(void *ctx, const int16_t *pcm, size_t frames);
	/** Frames that were taken and not heard yet. */
	size_t (*delay)(void *ctx);
	/** Be silent at once, and forget what was not heard. */
	void (*drop)(void *ctx);
	/** No more comes: the rest is heard, without waiting for it. */
	void (*finish)(void *ctx);
	void (*close)(void *ctx);
};

enum spanrec_key {
	SPANREC_KEY_NONE,
	SPANREC_KEY_PAUSE,    /**< or go on */
	SPANREC_KEY_BACK,     /**< 5 s */
	SPANREC_KEY_FORWARD,
	SPANREC_KEY_FAR_BACK, /**< 30 s */
	SPANREC_KEY_FAR_FORWARD,
	SPANREC_KEY_SLOWER,   /**< a tenth */
	SPANREC_KEY_FASTER,
	SPANREC_KEY_QUIT
};

/** What is shown while it plays. */
struct spanrec_playing {
	uint64_t frame;       /**< that is heard now */
	unsigned channels;
	int16_t peak[2];      /**< of what was heard just now */
	int speed;            /**< in tenths */
	bool paused;
};

struct spanrec_player {
	void *ctx; /**< of the functions below */
	/**
	 * Give fn the sound from a frame on.
	 *
	 * @return 0: that was all; what fn returned; exit code
	 */
	int (*source)(void *ctx, uint64_t from, spanrec_audio_fn fn,
		      void *fn_ctx);
	/** The next key. @param wait_ms at most; 0: what is there */
	enum spanrec_key (*key)(void *ctx, int wait_ms);
	/** Called after each period. */
	void (*show)(void *ctx, const struct spanrec_playing *playing);
	const struct spanrec_sink *sink; /**< open */
	unsigned channels;
	uint32_t hz;
	uint64_t frames; /**< there are */
	uint64_t from;   /**< begin here */
};

/** Play to the end, or until a key quits. @return exit code */
int spanrec_player_run(const struct spanrec_player *player)
	__attribute__((warn_unused_result));

#endif
