/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files share that write copies in the clear:
 *
 *   copy.c         a file that is there as a whole or not at all
 *   tags.c         what else a copy tells: who, when, which gaps
 *   export.c       the command
 *   export_wav.c export_flac.c export_opus.c
 *                  one format each
 *   export_pcap.c  packets instead of sound
 */
#ifndef CMD_SPANREC_EXPORT_PRIV_H
#define CMD_SPANREC_EXPORT_PRIV_H

#include <limits.h>
#include <signal.h>

#include "cmd/spanrec/audio.h"

/* ---- copy.c -------------------------------------------------------------- */

/** A file under another name until it is whole. */
struct spanrec_copy {
	const char *path; /**< the name that it gets; borrowed */
	char temporary[PATH_MAX]; /**< empty: it has no name yet */
	FILE *file;
	int fd; /**< of a file without a name; -1: it has one */
	sigset_t stops, before; /**< signals that would leave it behind */
};

/** Is there room for a file of this name? @return exit code */
int spanrec_copy_check(const char *path, bool force)
	__attribute__((warn_unused_result));

/**
 * Begin a file that only this user can read. Until it is finished signals that
 * end a program wait: ask spanrec_copy_stopped.
 *
 * @param copy spanrec_copy_fini it in any case
 * @return exit code
 */
int spanrec_copy_begin(struct spanrec_copy *copy, const char *path)
	__attribute__((warn_unused_result));

/** Did one of these signals come? Says so. */
bool spanrec_copy_stopped(const struct spanrec_copy *copy);

/** Say what failed. @param error negative errno @return exit code */
int spanrec_copy_failed(const struct spanrec_copy *copy, int error);

/** Everything is on the disk, under another name. @return exit code */
int spanrec_copy_sync(struct spanrec_copy *copy)
	__attribute__((warn_unused_result));

/** The path in full. @param path [bytes] */
void spanrec_copy_path(const struct spanrec_copy *copy, char *path,
		       size_t bytes);

/** Give it its name; what has it is overwritten only with force.
 * @return exit code */
int spanrec_copy_publish(struct spanrec_copy *copy, bool force)
	__attribute__((warn_unused_result));

/** What did not get its name is removed. */
void spanrec_copy_fini(struct spanrec_copy *copy);

/* ---- tags.c -------------------------------------------------------------- */

/** So many gaps stand in a copy; of more their number is told. */
#define SPANREC_TAGS_GAPS_MAX 1000

/** Texts "NAME=value" in UTF-8, in the manner of Vorbis comments. */
struct spanrec_tags {
	char **texts;
	size_t count, capacity;
};

/**
 * All but the gaps.
 *
 * @param audio measured or foreseen
 * @param tags for spanrec_tags_fini in any case
 * @return exit code
 */
int spanrec_tags_make(const struct spanrec *spanrec,
		      const struct spanrec_audio *audio,
		      const struct spanrec_authority *authority,
		      struct spanrec_tags *tags)
	__attribute__((warn_unused_result));
/** Add the gaps. @param audio measured or settled @return exit code */
int spanrec_tags_gaps(const struct spanrec_audio *audio,
		      struct spanrec_tags *tags)
	__attribute__((warn_unused_result));
void spanrec_tags_fini(struct spanrec_tags *tags);

/** The value of the first that has this name, else "". Borrowed. */
const char *spanrec_tags_value(const struct spanrec_tags *tags,
			       const char *name);

/* ---- formats ------------------------------------------------------------- */

/** The sound that is going to be written. */
struct spanrec_sound {
	unsigned channels;
	uint32_t hz;
	uint64_t frames;
	const struct spanrec_tags *tags; /**< borrowed until it is closed */
};

/** One format. All give 0 or negative errno; -EOVERFLOW: it cannot hold so
 * much, told by open. */
struct spanrec_encoding {
	const char *name;
	bool gaps_last; /**< gaps may be added to the tags, and the number of
			 * frames is found, until it is closed */
	int (*open)(void **encoder, const struct spanrec_sound *sound,
		    FILE *to);
	/** @param pcm [frames * channels] */
	int (*samples)(void *encoder, const int16_t *pcm, size_t frames);
	/** What is left is written, and the encoder freed, in any case. */
	int (*close)(void **encoder);
};

extern const struct spanrec_encoding spanrec_encoding_wav;
extern const struct spanrec_encoding spanrec_encoding_flac;
extern const struct spanrec_encoding spanrec_encoding_opus;

/** Called now and then. @return exit code, which stops */
typedef int (*spanrec_pcap_fn)(void *ctx, int64_t time_ns);

/**
 * Write the packets of a recording, as they were received: all of them, also
 * those that are not heard since others are, but not what must not be heard.
 *
 * @param audio measured or foreseen; its channels say which sides
 * @param fn called for each packet, before it is written
 * @return exit code, SPANREC_AUDIO_AGAIN; *error is negative where writing
 *         failed, and nothing was said then
 */
int spanrec_pcap_write(struct spanrec *spanrec,
		       const struct spanrec_audio *audio, FILE *to,
		       spanrec_pcap_fn fn, void *ctx, int *error)
	__attribute__((warn_unused_result));

#endif
