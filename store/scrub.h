/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part taken out of a recording by two people. Threads and errors are those of
 * store/store.h. */
#ifndef STORE_SCRUB_H
#define STORE_SCRUB_H

#include "store/store.h"

/* ---- a part taken out (scrub.c) ---------------------------------------- */

#define STORE_WHY_BYTES 160

/** A relay that passes sound on is behind by no more. Where it may be one, so
 * much more is taken out. */
#define STORE_RELAY_NS INT64_C(200000000)

/** Somebody, as the system knows them. */
struct store_person {
	uint32_t uid;
	char name[STORE_NAME_BYTES];
};

enum store_scrub_state {
	STORE_SCRUB_PROPOSED, /**< waits for a second person */
	STORE_SCRUB_BEGUN,    /**< has a new key; the old file holds */
	STORE_SCRUB_DONE,     /**< the new file holds; the old key has to go */
	STORE_SCRUB_STATE_COUNT
};

/**
 * A part of a recording that is to be taken out. There is one at a time for a
 * recording; it ends with the certificate in the ledger.
 */
struct store_scrub {
	char id[STORE_SEGMENT_ID_BYTES];
	enum store_scrub_state state;
	int64_t from_ns, until_ns; /**< [from, until) */
	uint32_t sides;            /**< bits, STORE_SIDES_BOTH */
	char why[STORE_WHY_BYTES];
	uint32_t although_held; /**< 1: also if it is held, and it stays so */
	struct store_person proposer, agreer;
	int64_t proposed_ns, agreed_ns;
	uint32_t key_day;  /**< BEGUN: the new key; DONE: the one that goes */
	uint32_t key_slot;
	uint32_t scrubs;   /**< BEGUN, DONE: the old row's */
	uint8_t file_hash[STORE_HASH_BYTES]; /**< BEGUN, DONE: of the old file */
};

/**
 * Propose it: an entry of `scrubs` and one of the ledger, in one transaction.
 *
 * @param scrub id, times, sides, why, although_held, proposer and proposed_ns
 *        are given
 * @return 0; -EINVAL (times, sides, or no reason); -ENOENT (no such recording);
 *         -EPERM (held, and not although_held); -EBUSY (being recorded, or a batch is open);
 *         -EBADMSG (damaged); -EEXIST (one was proposed); -EROFS, -ENOSPC,
 *         -EIO
 */
int store_scrub_propose(struct store_archive *archive,
			const struct store_scrub *scrub)
	__attribute__((warn_unused_result));

/** @return 0, -ENOENT, -EBADMSG, -EIO */
int store_scrub_get(struct store_archive *archive, const char *id,
		    struct store_scrub *scrub)
	__attribute__((warn_unused_result));

/** All that are there, by id; fn may write. @return 0, what fn returned,
 * -EBADMSG, -EIO */
int store_scrubs(struct store_archive *archive,
		 int (*fn)(void *ctx, const struct store_scrub *scrub),
		 void *ctx) __attribute__((warn_unused_result));

/** @return 0, -ENOENT, -EALREADY (it was done), -EBUSY, -EROFS, -ENOSPC, -EIO */
int store_scrub_withdraw(struct store_archive *archive, const char *id,
			 const struct store_person *who, int64_t now_ns)
	__attribute__((warn_unused_result));

/**
 * A second person agrees: the new key gets its slot, durably. Whatever an
 * earlier attempt left goes first. Then come store_scrub_write for the new file
 * from its beginning to its end, and store_scrub_commit.
 *
 * @param sealed the key of the new file (store_recording_seal_key)
 * @param begun what store_scrub_make needs to know
 * @return 0; -EACCES (it is the person who proposed it); -ENOENT (nobody
 *         proposed it); -ESTALE (sealed to others than the recipients of now);
 *         else as store_scrub_propose
 */
int store_scrub_begin(struct store_archive *archive, const char *id,
		      const struct store_person *who, int64_t now_ns,
		      const struct store_sealed_key *sealed,
		      struct store_scrub *begun)
	__attribute__((warn_unused_result));

/** What became of a recording: packets of a stream that went, and gaps that
 * came, how long the file is. */
struct store_scrub_result {
	uint64_t removed[STORE_STREAMS_MAX];
	uint64_t gaps[STORE_STREAMS_MAX];
	uint64_t payload_bytes; /**< that went */
	uint64_t file_bytes;
	uint32_t chunks;
	uint8_t file_hash[STORE_HASH_BYTES];
};

/**
 * How much sound of before it a packet brings along: a codec's matter, which
 * this folder knows nothing of.
 *
 * @param format of its payload type; NULL: the recording was not told
 * @return [ns] before its own; 0: none
 */
typedef int64_t (*store_scrub_earlier_fn)(const struct store_format *format,
					  const struct store_frame *frame);

/** What it takes to read a recording for that. */
struct store_scrub_reading {
	const struct store_identity *identity;
	store_scrub_earlier_fn earlier;
};

/**
 * Make the new file: read the recording, and write what stays.
 *
 * A packet goes if it was captured in the range, or if any of its sound is
 * heard there, or any that it brings along. So as not to cut into one that
 * reaches over the end, its neighbour tells how long packets are.
 *
 * @param archive may be opened to read
 * @param recording new, with the key that was sealed for store_scrub_begin;
 *        of no use afterwards but to be freed
 * @param fd empty, to write; stays open. Holds no plaintext
 * @return 0, -EBADMSG (damaged), -ESTALE (it has changed), -ENOKEY, -ENOENT,
 *         -ENOSPC, -EIO, ...
 */
int store_scrub_make(struct store_archive *archive,
		     const struct store_scrub_reading *reading,
		     const struct store_scrub *begun,
		     struct store_recording *recording, int fd,
		     struct store_scrub_result *result)
	__attribute__((warn_unused_result));

/**
 * A piece of the new file, each behind the one before.
 *
 * @param begun who goes on with what: id and slot
 * @return 0; -ESTALE (it was begun anew by somebody else, or ended); -EFBIG
 *         (longer than it can be); -ENOENT, -EROFS, -ENOSPC, -EIO
 */
int store_scrub_write(struct store_archive *archive,
		      const struct store_scrub *begun, uint64_t offset,
		      const void *bytes, size_t n)
	__attribute__((warn_unused_result));

/**
 * The new file is whole: it takes the place of the old one, whose key and file
 * go. What a crash leaves undone, the next STORE_WRITE open finishes.
 *
 * What can be seen without the key is checked: header, framing, hash, counts.
 *
 * @param begun id, slot and agreer
 * @return 0; -ESTALE (as above, or the recording has changed); -EBADMSG (it is
 *         not the file that it should be); -EPERM (held by now); -ENOENT,
 *         -EBUSY, -EROFS, -ENOSPC, -EIO
 */
int store_scrub_commit(struct store_archive *archive,
		       const struct store_scrub *begun,
		       const struct store_scrub_result *result, int64_t now_ns)
	__attribute__((warn_unused_result));

#endif
