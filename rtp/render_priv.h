/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files share that make sound of frames:
 *
 *   render.c        which frames, and taking
 *   render_place.c  where a frame goes
 *   render_sound.c  what is heard there
 */
#ifndef RTP_RENDER_PRIV_H
#define RTP_RENDER_PRIV_H

#include "rtp/codec/noise.h"
#include "rtp/decoder.h"
#include "rtp/drift.h"
#include "rtp/resample.h"
#include "rtp/rtp.h"
#include "rtp/tracks.h"

#define RTP__SIDES 2

/** Codecs that a stream changes between without losing their memory. */
#define RTP__DECODERS 4

/** A second at the highest rate, and what the resampler kept. */
#define RTP__PCM_SAMPLES (RTP_DECODER_SAMPLES_MAX + RTP_RESAMPLE_KEPT_MAX)

/** Before any first frame: far from all places, and nothing overflows. */
#define RTP__POSITION_NONE (INT64_MIN / 2)

/** A step of a stream from a timestamp on, by so many samples. */
struct rtp__slip {
	uint32_t timestamp;
	int64_t by; /**< 0: there is none */
};

/** Where the frames of a stream go. Positions are samples of the output. */
struct rtp__place {
	uint32_t group;     /**< of streams placed by the same timestamps */
	uint32_t clock_hz;  /**< of these; 0: nothing was placed yet */
	uint32_t timestamp; /**< of the frame before */
	int64_t base;       /**< where ticks count from */
	int64_t ticks;      /**< of the clock, less than a second's */
	bool marked;         /**< that one had the marker */
	uint32_t off_frames; /**< in a row, to the same side */
	int64_t off_least;   /**< of these */
	struct rtp_drift drift;
	int64_t to_go;          /**< for drift, not yet begun */
	struct rtp__slip slip;  /**< the next step */
	uint32_t slip_timestamp; /**< of the last one that was begun */
};

struct rtp__decoder {
	struct rtp_format format;
	struct rtp_decoder *decoder; /**< NULL: room */
};

struct rtp__stream {
	uint32_t id;
	uint8_t channel;
	struct rtp__place place;
	/* sequence */
	bool began;
	uint16_t sequence;
	/* sound */
	struct rtp__decoder decoders[RTP__DECODERS];
	uint32_t next_decoder; /**< which is given up for another one */
	struct rtp_decoder *decoder; /**< of the last frame; borrowed */
	uint32_t sample_hz;          /**< of its PCM */
	int64_t end;                 /**< where its sound ended */
	int64_t frame_samples;       /**< of the last one, of the output */
	int64_t stretch;             /**< make the next one longer by so many */
	/* a pause */
	bool noisy;
	bool noise_of_codec; /**< made by its decoder; else by `noise` */
	int64_t quiet_from;  /**< noise ends here, if nothing else does it */
	struct rtp_noise noise;
	/* another rate */
	struct rtp_resample *resample;
	uint32_t resample_hz; /**< that goes in */
	bool kept;            /**< something is in it */
	bool kept_made_up;
	int64_t resample_end; /**< where the next that comes out goes */
};

struct rtp_render {
	uint32_t sample_hz;
	bool conceal;
	int64_t start_ns;
	int64_t taken; /**< samples */
	int64_t end;   /**< sample */
	int64_t heard; /**< what was received ends before this sample */
	struct rtp_tracks sides[RTP__SIDES];
	struct rtp__stream *streams;
	uint32_t streams_count;
	uint32_t groups_count;
	struct rtp_render_stats stats;
	int16_t decoded[RTP__PCM_SAMPLES];
	int16_t out[RTP__PCM_SAMPLES];
};

/* ---- render_place.c ------------------------------------------------------ */

/** The sample of a time, rounded down; before the start it is negative. */
int64_t rtp__render_position(const struct rtp_render *render, int64_t time_ns);

/**
 * Where a frame goes.
 *
 * @param clock_hz of its timestamp, not 0
 * @param stretch set to what its sound has to get longer by: the next one
 *        follows so much later
 */
int64_t rtp__render_place(struct rtp_render *render, struct rtp__stream *stream,
			  const struct rtp_render_frame *frame,
			  uint32_t clock_hz, int64_t *stretch);

/* ---- render_sound.c ------------------------------------------------------ */

/** Of a frame, or of one that came along with a later one. */
struct rtp__piece {
	struct rtp_decoder *decoder; /**< of the stream */
	const uint8_t *payload;
	uint32_t bytes;
	int64_t position;
};

/** The stream's decoder of a format. @return 0, -ENOTSUP, -ENOMEM */
int rtp__sound_decoder(struct rtp__stream *stream,
		       const struct rtp_format *format,
		       struct rtp_decoder **decoder);

/**
 * Decode by this decoder, which becomes the present one, and put what comes of
 * it where it belongs.
 *
 * @return 1: at least a part of it; 0: it lies outside; -EBADMSG, -ENOMEM,
 *         -ENOBUFS
 */
int rtp__sound_put(struct rtp_render *render, struct rtp__stream *stream,
		   const struct rtp__piece *piece);

/**
 * Make up sound after the end of the stream.
 *
 * @param samples of the output, up to RTP__CONCEAL_MS
 * @param next the one after it; NULL: there is more silence first, into which
 *        it fades
 * @return 0, -ENOMEM, -ENOBUFS
 */
int rtp__sound_conceal(struct rtp_render *render, struct rtp__stream *stream,
		       int64_t samples, const struct rtp__piece *next);
#define RTP__CONCEAL_MS 60

/** Noise from the end of the stream on, until here or its own end, in pieces of
 * RTP__NOISE_MS but for the last. @return 0, -ENOMEM, -ENOBUFS */
int rtp__sound_noise(struct rtp_render *render, struct rtp__stream *stream,
		     int64_t until);
#define RTP__NOISE_MS 20

/** Put what the resampler keeps. @return 0, -ENOMEM, -ENOBUFS */
int rtp__sound_end(struct rtp_render *render, struct rtp__stream *stream);

void rtp__sound_fini(struct rtp__stream *stream);

#endif
