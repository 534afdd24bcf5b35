/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The archive: sealed recordings, the keys to them, and the index.
 *
 *   names.c      enumerations in words, ids, days, paths
 *   seal.c       AEADs (libsodium), memory for secrets
 *   keys.c       key pairs and recipients as text
 *   sealed.c     private keys that a passphrase seals (keys.h)
 *   recipients.c whom new recordings are sealed to, and changing that
 *   reseal.c     keys of what is stored sealed anew to others
 *   item.c       the bytes of a .rec file (store/FORMAT.md)
 *   recording.c  writing a .rec file
 *   reader.c     reading it
 *   keyring.c    fixed slots, one file a day: file keys sealed to recipients
 *   row.c        rows of the index as bytes
 *   index.c      LMDB: the tables, transactions, rows and what leads to them
 *   ways.c       what leads to a row
 *   live.c       calls in progress, for the recorder that is started again
 *   search.c     walks over rows in short read transactions
 *   ledger.c     hash-chained log of what was done to the archive
 *   heads.c      signed heads of it, and anchors that are kept elsewhere
 *   audit.c      is the chain what it was?
 *   pseudonym.c  what stands in it for numbers
 *   scrub.c      a part taken out of a recording by two people
 *   scrub_make.c ... the new file
 *   purge.c      tombstone -> key slot overwritten -> unlink -> certificate
 *   pulse.c      when the clock was trusted last, how the purge went
 *   cases.c      cases, and recordings that are held for them
 *   verify.c     what is damaged, what is missing
 *   archive.c    making and opening an archive; recovery after a crash
 *
 * Threads: a struct store_archive is for one thread, except that recordings
 * made from it may each be used by one other thread (they only borrow its
 * directory and recipients). It may be handed on: what a control thread reads
 * before it starts the thread of the archive, or after it joined it, is read
 * as well as by that one (calls in progress, rows); only a batch has to end in
 * the thread in which it began. At the same time no two may use it, but for
 * what says "@thread any"; nor may one process open an archive twice, LMDB's
 * locks do not allow that. One process writes at a time: the write lock is
 * taken by store_archive_open.
 *
 * Errors are negative errno values; besides the usual ones:
 *   -EBADMSG   damaged: does not authenticate, or contradicts itself
 *   -ENOKEY    no key opens it (another archive's, or destroyed)
 *   -ENOENT    no such thing
 *   -EBUSY     another process holds the write lock
 *   -EPROTO    made by a newer version of spanrec
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** "20190328T141503Z-k7q2mx4p" with its NUL; see store_call_id_make. */
#define STORE_CALL_ID_BYTES 28
/** "<call>-4294967295" with its NUL. */
#define STORE_SEGMENT_ID_BYTES 40
#define STORE_HASH_BYTES 32
#define STORE_STREAMS_MAX 32   /**< RTP streams of one recording */
#define STORE_RECIPIENTS_MAX 4 /**< archive key, escrow keys */

/** Once, before anything else. @return 0, or -EIO: no randomness */
int store_init(void) __attribute__((warn_unused_result));

/** BLAKE2b-256. Policies are named by it; cmd passes hashes to the others. */
void store_hash(uint8_t hash[STORE_HASH_BYTES], const void *bytes, size_t n);

/** 2 * n hexadecimal digits and a NUL. */
void store_hex(char *text, const void *bytes, size_t n);

/** The other way round. @param text 2 * n hexadecimal digits and a NUL
 * @return 0, -EINVAL */
int store_unhex(void *bytes, size_t n, const char *text)
	__attribute__((warn_unused_result));

/**
 * Call id: UTC start, then 8 characters of base-32 (RFC 4648 alphabet, lower
 * case) of a hash of the dialog's Call-ID and From tag, and of `bump`, which
 * counts collisions.
 */
void store_call_id_make(char id[STORE_CALL_ID_BYTES], int64_t start_ns,
			const char *sip_call_id, const char *from_tag,
			uint32_t bump);

/** The UTC day of a time, as in keyrings and paths: 20190328. */
uint32_t store_day(int64_t time_ns);

/* ---- keys -------------------------------------------------------------- */

#define STORE_PUBLIC_BYTES 32
#define STORE_FILE_KEY_BYTES 32

struct store_public {
	uint8_t bytes[STORE_PUBLIC_BYTES];
};

/** A private key in locked memory. */
struct store_identity;

/**
 * Make a key pair and write the private half to a new file, 0600, synced.
 *
 * @return 0, -EEXIST, -EACCES, -ENOSPC, -EIO, ...
 */
int store_identity_create(const char *path, struct store_public *pub)
	__attribute__((warn_unused_result));
/** @return 0, -ENOENT, -EACCES, -EBADMSG (not a key file), -ENOMEM */
int store_identity_load(struct store_identity **identity, const char *path)
	__attribute__((warn_unused_result));
void store_identity_free(struct store_identity **identity);
void store_identity_public(const struct store_identity *identity,
			   struct store_public *pub);

/** Text form of a public key, one line, as in files and `--public-key`. */
#define STORE_PUBLIC_TEXT_BYTES 80
void store_public_text(char text[STORE_PUBLIC_TEXT_BYTES],
		       const struct store_public *pub);
/** @return 0, -ENOENT, -EACCES, -EBADMSG */
int store_public_load(struct store_public *pub, const char *path)
	__attribute__((warn_unused_result));
int store_public_save(const struct store_public *pub, const char *path)
	__attribute__((warn_unused_result));

/* ---- archive ----------------------------------------------------------- */

struct store_archive;

enum store_mode {
	STORE_READ,  /**< may run beside the writer */
	STORE_WRITE, /**< takes the write lock; recovers what a crash left */
	STORE_PURGE  /**< ... and may use the room that is set aside, so that
		      * deleting works on a full disk */
};

/** What recovery found; for the log. */
struct store_recovery {
	uint64_t interrupted; /**< recordings closed as "interrupted" */
	uint64_t cut_bytes;   /**< of half-written chunks, cut off */
	uint64_t empty;       /**< opened, nothing of them on the disk */
	uint64_t purges;      /**< purges that a crash had stopped, finished */
	uint64_t scrubs;      /**< parts that were being taken out: proposed
			       * again */
	uint64_t keys;        /**< without a row: recordings that did not come
			       * to be, unless there are `unknown` ones */
	uint64_t unknown;     /**< files without a row: the index is older than
			       * they are; store_verify_orphans names them */
	uint64_t failed;      /**< recordings marked as damaged, purges still not
			       * finished, entries of the index that cannot be
			       * read: store_verify_orphans names the last two */
};

/** Zero means the default. */
struct store_archive_config {
	uint64_t map_bytes;  /**< LMDB map, reserved sparse; 0: 64 GiB */
	int64_t now_ns;      /**< when what a crash stopped is finished, for
			      * the certificates; 0: by the clock */
};

/**
 * Make an archive in a directory that is empty or does not exist.
 *
 * @param recipients [count] new recordings are sealed to each of them
 * @return 0, -EEXIST (there is something), -EACCES, -ENOSPC, ...
 */
int store_archive_create(const char *dir,
			 const struct store_public *recipients, size_t count)
	__attribute__((warn_unused_result));

/**
 * @param recovery filled with STORE_WRITE; may be NULL
 * @return 0, -ENOENT (no archive), -EBUSY, -EACCES, -EPROTO, -EBADMSG, -EIO
 */
int store_archive_open(struct store_archive **archive, const char *dir,
		       enum store_mode mode,
		       const struct store_archive_config *config,
		       struct store_recovery *recovery)
	__attribute__((warn_unused_result));
void store_archive_close(struct store_archive **archive);

/** Process id of the writer, for the message behind -EBUSY; 0 if unknown. */
int store_archive_writer(const char *dir);

/** Keep a policy that decides something: policy/<hash>.yaml. Idempotent. */
int store_archive_keep_policy(struct store_archive *archive, const void *text,
			      size_t n, uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));

/** A policy is no longer than this. */
#define STORE_POLICY_BYTES_MAX (4 << 20)

/**
 * Read a policy that is kept.
 *
 * @param text malloc'd, without a NUL; NULL on failure
 * @return 0, -ENOENT, -EBADMSG (not the text of that name), -ENOMEM, -EMFILE,
 *         -EIO, ...
 */
int store_archive_policy(struct store_archive *archive,
			 const uint8_t hash[STORE_HASH_BYTES], char **text,
			 size_t *n) __attribute__((warn_unused_result));

/** Every policy that is kept, by its name, in no order. @return 0, what fn
 * returned, -EMFILE, -ENOMEM, -EIO */
int store_archive_policies(struct store_archive *archive,
			   int (*fn)(void *ctx,
				     const uint8_t hash[STORE_HASH_BYTES]),
			   void *ctx) __attribute__((warn_unused_result));

/* ---- rows of the index ------------------------------------------------- */

#define STORE_NUMBER_BYTES 64
#define STORE_NAME_BYTES 48
/** Call-IDs, one a line: as many as fit. */
#define STORE_SIP_CALL_IDS_BYTES 512
#define STORE_DISPLAY_BYTES 96
#define STORE_OTHERS_BYTES 256

enum store_kind { STORE_AGENT, STORE_QUEUE, STORE_HOLD, STORE_CONSULT,
		  STORE_TRANSFER, STORE_PAYMENT, STORE_KIND_COUNT };
enum store_route { STORE_IN, STORE_OUT, STORE_INTERNAL, STORE_TRANSIT,
		   STORE_ROUTE_COUNT };
enum store_decision { STORE_RECORD, STORE_DROP, STORE_LISTEN_DENY,
		      STORE_OUT_OF_SCOPE, STORE_DECISION_COUNT };
enum store_state { STORE_STATE_RECORDING, STORE_STATE_INTERRUPTED,
		   STORE_STATE_STORED, STORE_STATE_HELD, STORE_STATE_PURGED,
		   STORE_STATE_DAMAGED, STORE_STATE_NONE /**< not recorded */,
		   STORE_STATE_COUNT };

/** Why audio is not there: in gaps, and in the counts of dropped packets. Loss
 * and kernel are of gaps only; such packets count as lost. */
#define STORE_REASONS(X)                                                  \
	X(loss, "never seen on the mirror port")                          \
	X(overrun, "shed by this recorder for want of room")              \
	X(encrypted, "encrypted, no key seen that fits")                  \
	X(dtmf, "a keyed digit")                                          \
	X(policy, "left out by a decision of the policy")                 \
	X(interrupted, "the recorder was stopped or killed")              \
	X(paused, "left out while recording was paused")                  \
	X(kernel, "lost while the kernel dropped frames: this recorder "  \
		  "did not keep up")                                        \
	X(payment, "left out while a payment was made")                   \
	X(opt_out, "left out since the caller did not want to be recorded") \
	X(scrub, "taken out afterwards by two people")

enum store_reason {
#define X(name, text) STORE_REASON_##name,
	STORE_REASONS(X)
#undef X
	STORE_REASON_COUNT
};

const char *store_kind_name(enum store_kind v);
const char *store_route_name(enum store_route v);       /**< "in" ... */
const char *store_decision_name(enum store_decision v); /**< "listen-deny" */
const char *store_state_name(enum store_state v);
const char *store_reason_name(enum store_reason v);

enum store_side { STORE_LEFT, STORE_RIGHT }; /**< local, remote */

/**
 * How a stream fared. First what was counted here (RFC 3550, RFC 3611), then what
 * telephones said of it. Zero: it was not measured, or nobody said so.
 */
struct store_quality {
	uint32_t measured;   /**< packets of which the times are in this */
	uint32_t reordered;  /**< packets that came after a later one */
	uint32_t jitter_us, jitter_max_us; /**< RFC 3550 A.8: mean, largest */
	uint32_t ptime_us;   /**< of most packets */
	uint32_t span_ms;    /**< from first to last, by timestamps ... */
	uint32_t silence_ms; /**< ... not sent, by a sender that detects it */
	uint32_t longest_gap_ms; /**< for want of lost packets */
	uint32_t bursts, burst_packets, burst_lost; /**< RFC 3611 4.7.2 */
	uint32_t gaps, gap_packets, gap_lost;
	uint32_t mos;        /**< hundredths, estimated by ITU-T G.107 */
	uint32_t mirror_lost;  /**< of lost: the receiver has them */
	uint32_t network_lost; /**< ... the receiver lacks them, too */
	uint32_t reports;      /**< RTCP report blocks about it */
	uint32_t reported_packets; /**< that the receiver expected, of these */
	uint32_t reported_lost;
	uint32_t reported_jitter_us; /**< largest */
	uint32_t tap_round_trip_us;  /**< from here to the receiver and back */
	uint32_t voip_reports; /**< RFC 3611 VoIP metrics, RFC 6035 */
	uint32_t voip_loss, voip_discard; /**< hundredths of a percent */
	uint32_t voip_round_trip_ms;
	uint32_t voip_r;                   /**< 1 to 100 */
	uint32_t voip_mos_lq, voip_mos_cq; /**< hundredths */
};

/**
 * One RTP stream of a recording. In packets:
 *   seen = stored + sum of dropped + late + duplicate
 *   expected = seen - duplicate + lost
 */
struct store_stream {
	enum store_side side;
	uint32_t ssrc;
	char codec[STORE_NAME_BYTES];
	uint64_t seen, stored, late, duplicate, lost, expected;
	uint64_t dropped[STORE_REASON_COUNT];
	uint64_t gaps;        /**< runs of missing or dropped packets */
	int64_t first_ns, last_ns;
	struct store_quality quality;
};

/** What is wrong with the media of a call that was answered. */
enum store_flag {
	STORE_ONE_WAY = 1,  /**< one side was never heard of */
	STORE_DEAD_AIR = 2, /**< nobody was heard for long: see dead_air_s */
	STORE_NO_MEDIA = 4  /**< there was none */
};
#define STORE_FLAGS_ALL 7

/** A retention class that counts from when a case was closed. */
struct store_successor {
	char retention[STORE_NAME_BYTES]; /**< "": none */
	int64_t from_ns;
};
#define STORE_SUCCESSORS_MAX 8

/** A segment: recorded, or not and why. The row that `spanrec list` shows. */
struct store_segment {
	char id[STORE_SEGMENT_ID_BYTES];
	char call[STORE_CALL_ID_BYTES];
	uint32_t segment;  /**< from 1 */
	enum store_kind kind;
	char began[STORE_NAME_BYTES]; /**< why: "call", "hold", "transfer: refer" */
	char from[STORE_NUMBER_BYTES];   /**< caller, normalised */
	char to[STORE_NUMBER_BYTES];
	char local[STORE_NUMBER_BYTES];  /**< extension; "" in transit */
	char remote[STORE_NUMBER_BYTES];
	enum store_route direction;
	char area[STORE_NAME_BYTES];
	int64_t call_start_ns;  /**< the clocks count from here */
	int64_t start_ns, end_ns;
	int64_t answer_ns;      /**< of the call; 0 if not answered */
	char end_cause[STORE_NAME_BYTES]; /**< "bye", "timeout", ... */
	enum store_decision decision;
	char reason[STORE_NAME_BYTES];
	char rule[STORE_NAME_BYTES];
	uint8_t policy[STORE_HASH_BYTES];
	char retention[STORE_NAME_BYTES]; /**< class of the clocks */
	enum store_state state;
	char sip_call_ids[STORE_SIP_CALL_IDS_BYTES];
	char from_sent[STORE_NUMBER_BYTES]; /**< as SIP had it */
	char to_sent[STORE_NUMBER_BYTES];
	char from_name[STORE_DISPLAY_BYTES]; /**< display name, UTF-8 */
	char to_name[STORE_DISPLAY_BYTES];
	char others[STORE_OTHERS_BYTES]; /**< numbers, normalised, one a line, of
					  * others who had part: dialled first,
					  * diverted from, rung or left */
	uint64_t bytes;         /**< of payload stored */
	uint32_t chunks;        /**< sealed chunks in the file */
	uint32_t key_day;       /**< 20190328: which keyring file, 0 none */
	uint32_t key_slot;
	uint8_t file_hash[STORE_HASH_BYTES]; /**< see FORMAT.md; closed ones */
	int64_t purged_ns;      /**< tombstones */
	uint32_t gave_way;      /**< 1: tombstones of what was purged before its
				 * time, for room on the disk */
	enum store_state held_from; /**< held: what it is apart from that */
	int64_t not_before_ns;  /**< a hold ended: kept until then; 0: none did */
	/** Classes that count beside its own since holds ended. */
	struct store_successor successors[STORE_SUCCESSORS_MAX];
	uint32_t flags;         /**< of enum store_flag, what is wrong with it */
	uint32_t dead_air_s;    /**< longest time in which nobody was heard */
	uint32_t scrubs;        /**< how often a part was taken out of it */
	uint8_t replaced[STORE_HASH_BYTES]; /**< file_hash before the last */
	uint32_t streams_count;
	struct store_stream streams[STORE_STREAMS_MAX];
};

/**
 * Read one row. `id` may be a unique prefix of a segment id.
 *
 * @return 0, -ENOENT, -EEXIST (the prefix fits several), -EBADMSG, -EIO
 */
int store_segment_get(struct store_archive *archive, const char *id,
		      struct store_segment *segment)
	__attribute__((warn_unused_result));

/** What to look for; zero and NULL mean any. */
struct store_query {
	int64_t from_ns, to_ns;  /**< segments that touch [from, to) */
	const char *number;      /**< from, to, local, remote or one of the
				  * others: normalised */
	const char *extension;   /**< local */
	const char *area;
	const char *id_prefix;
	bool purged;             /**< tombstones too */
	uint64_t limit;
};

/** @return 0 to go on, anything else stops and is returned by the search */
typedef int (*store_segment_fn)(void *ctx, const struct store_segment *segment);

/** Call fn for each match, in order of start (with id_prefix: of id). Short
 * read transactions inside: a slow fn does not hold back the writer, and may
 * itself write. Rows that cannot be read are stepped over: see
 * store_rows_skipped. */
int store_search(struct store_archive *archive, const struct store_query *query,
		 store_segment_fn fn, void *ctx)
	__attribute__((warn_unused_result));

/** How often the last store_search, store_due, store_tombstones,
 * store_purge_pending or store_segment_get that ended had to step over a row that cannot be read, or a key that leads to none.
 * store_verify_orphans names them. */
uint64_t store_rows_skipped(const struct store_archive *archive);

/**
 * Rows are written in batches by the one thread that holds the write lock:
 * begin, any number of puts, commit (durable when it returns).
 *
 * An error of a put, but for -EALREADY, undoes the whole batch; commit returns
 * it again, so that it is enough to look there. What has a transaction of its
 * own (purge, forget, ledger) is refused with -EBUSY while a batch is open.
 *
 * @return 0, -EROFS (opened to read), -EBUSY (a batch is open), -ENOSPC (disk
 *         or map full), -EINVAL (id, call and segment differ), -EIO;
 *         put: -EALREADY (was purged: nothing was put, the batch goes on)
 */
int store_batch_begin(struct store_archive *archive)
	__attribute__((warn_unused_result));
int store_segment_put(struct store_archive *archive,
		      const struct store_segment *segment)
	__attribute__((warn_unused_result));
int store_batch_commit(struct store_archive *archive)
	__attribute__((warn_unused_result));
void store_batch_abort(struct store_archive *archive);

/**
 * Counts by day of what has no row ("calls out of scope"); in a batch.
 *
 * @param day 20190328, see store_day
 */
int store_counter_add(struct store_archive *archive, uint32_t day,
		      const char *name, uint64_t by)
	__attribute__((warn_unused_result));
/**
 * Every count of some days, in order of day and name.
 *
 * @param from_day first, until_day last: 20190328
 * @param fn may not write; returns 0 to go on
 * @return 0, what fn returned, -EBADMSG, -EIO
 */
int store_counters(struct store_archive *archive, uint32_t from_day,
		   uint32_t until_day,
		   int (*fn)(void *ctx, uint32_t day, const char *name,
			     uint64_t count),
		   void *ctx) __attribute__((warn_unused_result));
/** 0 if it was never counted. */
int store_counter_get(struct store_archive *archive, uint32_t day,
		      const char *name, uint64_t *count)
	__attribute__((warn_unused_result));

/* ---- calls in progress (live.c) ---------------------------------------- */

/** What the recorder may keep of one conversation, at most. */
#define STORE_LIVE_BYTES_MAX 32768
#define STORE_LIVE_KEY_BYTES 16

/**
 * A conversation in progress: its current segment, and what the recorder needs
 * to go on with it, which the archive does not look into. A call may have
 * several at once. In a batch, under the same rules as store_segment_put.
 *
 * @param key the id of its first segment; replaces what was kept under it
 * @param segment of the same call; its streams are not kept
 * @param state [state_bytes] NULL if there is none
 * @return 0; as store_segment_put, but for -EALREADY; -EINVAL also: more than
 *         STORE_LIVE_BYTES_MAX
 * @cost copies the state into the map once; no allocation of ours
 */
int store_live_put(struct store_archive *archive, const char *key,
		   const struct store_segment *segment, const void *state,
		   size_t state_bytes) __attribute__((warn_unused_result));

/** The conversation has ended. In a batch. @return 0, also if it was not there; as
 * store_segment_put */
int store_live_delete(struct store_archive *archive, const char *key)
	__attribute__((warn_unused_result));

/**
 * @param segment without streams
 * @param state [state_bytes] borrowed until fn returns, not aligned
 * @return 0 to go on, anything else stops and is returned by the walk
 */
typedef int (*store_live_fn)(void *ctx, const char *key,
			     const struct store_segment *segment,
			     const void *state, size_t state_bytes);

/**
 * Every conversation of the table, in order of key, so that those of a call
 * stand together; with an open batch, as it stands in
 * there. Entries that cannot be read are stepped over. An archive that no
 * writer has opened since it learned of this table has none.
 *
 * @param fn may read the archive, but not write: it looks into the index itself
 * @param skipped [entries] that could not be read; filled in any case
 * @return 0, what fn returned, -EIO
 * @cost one read transaction for all of it: a slow fn keeps old pages alive
 */
int store_live_walk(struct store_archive *archive, store_live_fn fn, void *ctx,
		    uint64_t *skipped) __attribute__((warn_unused_result));

/**
 * The key under which states of calls are hashed. Made at random by the first
 * writer that asks, and kept in the index, so that a recorder that is started
 * again finds what it kept. It is no secret to those who may read the index:
 * all it does is to keep strangers on the network from choosing texts that
 * fall together in a table of hashes.
 *
 * @return 0; -EBUSY: to be made, and a batch is open; -EROFS: to be made, and
 *         opened to read; -EBADMSG, -ENOSPC, -EIO
 */
int store_live_key(struct store_archive *archive,
		   uint8_t key[STORE_LIVE_KEY_BYTES])
	__attribute__((warn_unused_result));

/** Does any committed segment have this call id? For bumping. 1, 0, negative
 * errno. @thread any, also beside the one that writes */
int store_call_exists(struct store_archive *archive, const char *call_id);

/* ---- recordings: writing ----------------------------------------------- */

/** A recording being written. Each belongs to one thread at a time. */
struct store_recording;

struct store_recording_spec {
	const char *id;         /**< segment id */
	int64_t start_ns;       /**< of the segment */
};

/**
 * Choose a file key in locked memory. No file yet, no system call.
 *
 * @param archive must outlive the recording
 */
int store_recording_new(struct store_recording **recording,
			const struct store_archive *archive,
			const struct store_recording_spec *spec)
	__attribute__((warn_unused_result));

/** A file key, sealed to each recipient: what goes into the keyring. */
#define STORE_SEALED_KEY_BYTES 80
/** The first bytes of the BLAKE2b-256 of a public key. */
#define STORE_FINGERPRINT_BYTES 8
struct store_sealed_key {
	uint32_t count;
	/** whose each is; all zero: from before this was written down */
	uint8_t fingerprints[STORE_RECIPIENTS_MAX][STORE_FINGERPRINT_BYTES];
	uint8_t sealed[STORE_RECIPIENTS_MAX][STORE_SEALED_KEY_BYTES];
};
/** @cost about 64 us a recipient */
void store_recording_seal_key(const struct store_recording *recording,
			      struct store_sealed_key *sealed);

/**
 * Reserve a slot and write the sealed key into it; not durable before
 * store_keyring_sync.
 *
 * @param day 20190328: day of the call start, UTC
 * @thread the archive's
 */
int store_keyring_add(struct store_archive *archive, uint32_t day,
		      const struct store_sealed_key *sealed, uint32_t *slot)
	__attribute__((warn_unused_result));
int store_keyring_sync(struct store_archive *archive)
	__attribute__((warn_unused_result));

/**
 * Create the file and write its header; from now on chunks reach the disk.
 * Before it, frames wait in the chunk under construction.
 *
 * @param day, slot where the key is, durably
 * @return 0, -EEXIST, -ENOSPC, -EMFILE, -EIO, ...; after an error there is no
 *         file, and it may be called again
 */
int store_recording_begin(struct store_recording *recording, uint32_t day,
			  uint32_t slot) __attribute__((warn_unused_result));

/** A stream of the recording, told once before its first frame. */
struct store_stream_info {
	enum store_side side;
	uint32_t ssrc;
	uint8_t src_addr[16], dst_addr[16]; /**< IPv4 mapped */
	uint16_t src_port, dst_port;
};
/** What a payload type of a stream means; before its first frame. */
struct store_format {
	uint8_t payload_type;
	uint8_t channels;
	uint32_t clock_hz;
	char encoding[24];
	char parameters[64]; /**< of a=fmtp, without blanks */
};
/** @return stream number (>= 0), or -ENOSPC (STORE_STREAMS_MAX), -ENOBUFS */
int store_recording_stream(struct store_recording *recording,
			   const struct store_stream_info *info)
	__attribute__((warn_unused_result));
int store_recording_format(struct store_recording *recording, int stream,
			   const struct store_format *format)
	__attribute__((warn_unused_result));

struct store_frame {
	int64_t time_ns;
	uint32_t timestamp;
	uint16_t sequence;
	uint16_t payload_bytes;
	uint8_t stream;
	uint8_t payload_type;
	bool marker;
	const uint8_t *payload; /**< borrowed */
};

/**
 * Append a frame. Seals and writes a chunk when one is full: 32 KiB, or the
 * frames of one second of capture time (a grid of whole seconds since
 * start_ns). A frame that comes a little behind the grid goes into the chunk
 * that is open; so the same frames give exactly the same chunks if they are fed
 * in passes that do not reach over a second of the grid, each with a flush
 * behind it, and nearly the same if not.
 *
 * @return 0; -ENOBUFS: the chunk is full and store_recording_begin was not
 *         called yet (nothing was appended: try again later); -ENOSPC, -EIO
 *         from the disk: the recording is closed as far as it got, and every
 *         later call returns the same; -EMSGSIZE: longer than a chunk;
 *         -EINVAL: no such stream
 * @cost copies the payload once; a write system call per chunk
 */
int store_recording_frame(struct store_recording *recording,
			  const struct store_frame *frame)
	__attribute__((warn_unused_result));

/** Append a gap of a stream: so many packets, so long, why. Times are those
 * of the frames around it. */
struct store_gap {
	uint8_t stream;
	enum store_reason reason;
	uint32_t packets;
	int64_t from_ns, until_ns;
};
int store_recording_gap(struct store_recording *recording,
			const struct store_gap *gap)
	__attribute__((warn_unused_result));

/** Seal what waits, if its second of the grid is over at now_ns. Before
 * store_recording_begin it does nothing. */
int store_recording_flush(struct store_recording *recording, int64_t now_ns)
	__attribute__((warn_unused_result));

/**
 * How a finished recording is entered into the index: what really reached the
 * file. Frames of a chunk that could not be written are not in it, even though
 * store_recording_frame took them. The row's `stored` of stream n has to be
 * frames[n], what is missing to it was dropped.
 */
struct store_recording_result {
	uint64_t payload_bytes;
	uint64_t frames[STORE_STREAMS_MAX]; /**< by stream number */
	uint32_t chunks; /**< written whole */
	uint8_t file_hash[STORE_HASH_BYTES]; /**< see FORMAT.md */
};

/**
 * Write the totals and the final chunk, close the file. Not synced: the
 * archive thread does that (store_archive_sync) before it commits the row.
 *
 * @param segment its streams are written into the file as the totals:
 *        streams[n] are those of stream number n of the recording
 * @param result filled in any case
 * @return 0; -ENOSPC, -EIO, now or before: closed without a final chunk, and
 *         *result says how far it got, for a row in state interrupted;
 *         -EINVAL: there is no file, store_recording_begin was not called or
 *         failed (*result is all zero); -EALREADY: was finished
 */
int store_recording_finish(struct store_recording *recording,
			   const struct store_segment *segment,
			   struct store_recording_result *result)
	__attribute__((warn_unused_result));

/** Forget it; with unlink, its file too. Key memory is wiped. */
void store_recording_free(struct store_recording **recording, bool unlink);

/** Make all files written so far durable (syncfs). @thread the archive's */
int store_archive_sync(struct store_archive *archive)
	__attribute__((warn_unused_result));

/* ---- recordings: reading ----------------------------------------------- */

struct store_reader;

/**
 * Open a recording with a private key. One that was purged is refused as soon
 * as its row says so, though its file and key may be there a little longer. It
 * is for the caller to see that the decision in the row lets anybody listen.
 *
 * @return 0, -ENOENT (no file, or purged), -ENOKEY, -EBADMSG, -EPROTO, -ENOMEM, -ENOTSUP
 *         (sealed with AES-256-GCM, for which this processor has no help)
 */
int store_reader_open(struct store_reader **reader,
		      struct store_archive *archive,
		      const struct store_identity *identity,
		      const struct store_segment *segment)
	__attribute__((warn_unused_result));
void store_reader_close(struct store_reader **reader);

/** Sides of a recording, as bits: 1 << STORE_LEFT, 1 << STORE_RIGHT. */
#define STORE_SIDES_BOTH 3

/** The file replaces another one, from which a part was taken out. */
struct store_scrubbed {
	uint8_t file_hash[STORE_HASH_BYTES]; /**< of the other one */
	int64_t from_ns, until_ns;           /**< what was taken out */
	uint32_t sides;
};

enum store_item_type { STORE_ITEM_STREAM, STORE_ITEM_FORMAT, STORE_ITEM_FRAME,
		       STORE_ITEM_GAP, STORE_ITEM_TOTALS, STORE_ITEM_SCRUBBED };

struct store_item {
	enum store_item_type type;
	uint8_t stream;
	union {
		struct store_stream_info info;
		struct store_format format;
		struct store_frame frame;
		struct store_gap gap;
		struct store_stream totals;
		struct store_scrubbed scrubbed; /**< of no stream */
	};
};

/**
 * The next item; frames borrow memory of the reader until the next call.
 *
 * @return 1; 0 at the end (the final chunk was there, or the recording is
 *         marked interrupted and all its chunks were read); -EBADMSG: damaged
 *         here, or cut short
 */
int store_reader_next(struct store_reader *reader, struct store_item *item)
	__attribute__((warn_unused_result));

/** Go to the chunk that holds time_ns without reading what lies before. The
 * streams and formats known there are told again by the chunk, if they were
 * not told before. */
int store_reader_seek(struct store_reader *reader, int64_t time_ns)
	__attribute__((warn_unused_result));

/* ---- verify, purge, ledger --------------------------------------------- */

enum store_finding_type {
	STORE_FINDING_NONE,
	STORE_FINDING_FILE_MISSING,  /**< the row says there is a file */
	STORE_FINDING_FILE_UNKNOWN,  /**< a file without a row */
	STORE_FINDING_DAMAGED,       /**< does not authenticate */
	STORE_FINDING_CUT,           /**< fewer chunks than the index knows */
	STORE_FINDING_SWAPPED,       /**< another recording's file */
	STORE_FINDING_KEY_MISSING,   /**< the slot is empty, or damaged */
	STORE_FINDING_KEY_OTHER,     /**< ... is sealed to another private key */
	STORE_FINDING_COUNTS,        /**< conservation does not hold */
	STORE_FINDING_NOT_ERASED,    /**< purged, but file or key is there */
	STORE_FINDING_KEY_UNUSED,    /**< a key that no row knows: a crash came
				      * between key and row; harmless */
	STORE_FINDING_INDEX,         /**< a row that cannot be read, or cannot be
				      * found, or is looked for and not there */
	STORE_FINDING_REFUSED        /**< who checks may not read it: nothing is
				      * known of it */
};

struct store_finding {
	enum store_finding_type type;
	const char *id;     /**< segment, or file name, or key in hexadecimal */
	char detail[160];   /**< in words, with the chunk and offset */
};

/**
 * Check one recording: header, id, every chunk, the number of chunks, the
 * totals and conservation. Without identity what can be checked without it:
 * framing, chunk count, file hash.
 *
 * @return 0: sound; 1: *finding says what is wrong; negative errno
 */
int store_verify(struct store_archive *archive,
		 const struct store_identity *identity,
		 const struct store_segment *segment,
		 struct store_finding *finding)
	__attribute__((warn_unused_result));

/** Files and key slots that no row knows; purged ones that still exist, and
 * purges that were not finished; rows of the index that cannot be read, are
 * not found by every key they should have, or are missing behind a key. */
int store_verify_orphans(struct store_archive *archive,
			 int (*fn)(void *ctx, const struct store_finding *),
			 void *ctx) __attribute__((warn_unused_result));

/** Segments of one class whose call began before a time, oldest first. Steps
 * over what cannot be read, as store_search does. */
int store_due(struct store_archive *archive, const char *retention,
	      int64_t started_before_ns, store_segment_fn fn, void *ctx)
	__attribute__((warn_unused_result));

/** All retention classes that have segments. */
int store_classes(struct store_archive *archive,
		  int (*fn)(void *ctx, const char *retention), void *ctx)
	__attribute__((warn_unused_result));

/** The same for those that were purged: store_due and store_classes do not
 * know them any more. An archive that no writer has opened since it learned of
 * this way to them seems to have none. */
int store_tombstones(struct store_archive *archive, const char *retention,
		     int64_t started_before_ns, store_segment_fn fn, void *ctx)
	__attribute__((warn_unused_result));
int store_tombstone_classes(struct store_archive *archive,
			    int (*fn)(void *ctx, const char *retention),
			    void *ctx) __attribute__((warn_unused_result));

/**
 * Purge one recording: tombstone -> key slot overwritten and synced -> file
 * unlinked -> certificate in the ledger. Each step is safe to repeat; what a
 * crash or an error left undone is finished by calling it again, and by the
 * next STORE_WRITE open. The hold check and the tombstone are one transaction.
 * Segments without a recording lose nothing but get their tombstone too. Where
 * the key is not there any more, the certificate says so in words.
 *
 * The tombstone has the time at which it began, the certificate that at which
 * the last of it was gone.
 *
 * @param why rule and reason, for the certificate; of one that had begun before,
 *        what was given then
 * @return 0, -ENOENT, -EPERM (held), -EALREADY (purged before), -EBUSY (being
 *         recorded, or a batch is open), -EROFS, -ENOSPC, -EIO
 */
int store_purge(struct store_archive *archive, const char *id, int64_t now_ns,
		const char *actor, const char *why)
	__attribute__((warn_unused_result));

/**
 * Enter a row whose recording must not be there, as a tombstone, and note that
 * its purge has begun: in a batch, as store_segment_put. Behind the commit
 * store_purge or store_discard goes on with it, or the next STORE_WRITE open:
 * there is no moment at which the row would let anybody listen.
 *
 * @param reason as for store_discard; NULL: as for store_purge
 * @return as store_segment_put; -EPERM (held: nothing was put, the batch goes
 *         on)
 */
int store_purge_begin(struct store_archive *archive,
		      const struct store_segment *row, int64_t now_ns,
		      const char *actor, const char *why, const char *reason)
	__attribute__((warn_unused_result));

/** Leave nothing in a row that tells who had part: numbers, names, call-ids. */
void store_segment_strip(struct store_segment *segment);

/**
 * Purge one segment of which nothing may be left but a number: its tombstone is
 * stripped from the first, and goes when the certificate is written; the first
 * of its call counts one more on the day of that. One that was purged before loses its
 * tombstone. As store_purge it can be repeated.
 *
 * @param reason of the decision, a code: "opt-out"; the name of the counter
 * @return 0, -ENOENT, -EPERM (held), -EBUSY (being recorded, or a batch is
 *         open), -EROFS, -ENOSPC, -EIO
 */
int store_discard(struct store_archive *archive, const char *id, int64_t now_ns,
		  const char *actor, const char *why, const char *reason)
	__attribute__((warn_unused_result));

/** Those whose purge has begun and, because of an error, is not finished: calling
 * store_purge again is what helps. Steps over what cannot be read, as
 * store_search does. */
int store_purge_pending(struct store_archive *archive, store_segment_fn fn,
			void *ctx) __attribute__((warn_unused_result));

/** Is it one of those? @return 1, 0, -EBADMSG, -EIO */
int store_purge_is_pending(struct store_archive *archive, const char *id)
	__attribute__((warn_unused_result));

/**
 * Remove the row of one tombstone, whose own metadata clock is over.
 *
 * @return 0, -ENOENT, -EPERM (not purged), -EBUSY (its purge is not finished),
 *         -EROFS, -ENOSPC, -EIO
 */
int store_forget_one(struct store_archive *archive, const char *id)
	__attribute__((warn_unused_result));

/** One entry of the ledger; each holds the hash of the one before. */
struct store_ledger_entry {
	uint64_t number;
	int64_t time_ns;
	char action[STORE_NAME_BYTES]; /**< "purge", "export", "play", ... */
	char subject[STORE_SEGMENT_ID_BYTES];
	char actor[STORE_NAME_BYTES];
	char detail[256];
	uint8_t previous[STORE_HASH_BYTES];
	uint8_t hash[STORE_HASH_BYTES];
};

/** Append in a transaction of its own, durable (time, action, subject, actor
 * and detail are given; number and hashes are filled in). */
int store_ledger_append(struct store_archive *archive,
			struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));
/** The last entry, whose hash vouches for all before it: an anchor to be kept
 * elsewhere. @return 0, -ENOENT (the ledger is empty), -EBADMSG, -EIO */
int store_ledger_head(struct store_archive *archive,
		      struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));

/** The number of the last entry; 0: there is none, or it cannot be read.
 * @thread any, also beside the one that writes */
uint64_t store_ledger_number(const struct store_archive *archive);

/** All entries in order. @return 0, -EBADMSG: the chain is broken at the
 * entry passed last, or what fn returned */
int store_ledger_walk(struct store_archive *archive,
		      int (*fn)(void *ctx, const struct store_ledger_entry *),
		      void *ctx) __attribute__((warn_unused_result));

/**
 * The policy that was put in force last by an entry "policy" of the ledger, whose
 * detail begins with its hash.
 *
 * @return 0, -ENOENT (none ever was), -EBADMSG, -EIO
 */
int store_policy_applied(struct store_archive *archive,
			 uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));

/* ---- many at once (purge.c) ---------------------------------------------- */

/** So many at once, at most: all others wait for the archive that long. */
#define STORE_PURGE_MANY 256

/** One of many to be purged or forgotten. */
struct store_purge {
	char id[STORE_SEGMENT_ID_BYTES]; /**< given */
	bool gives_way;  /**< given: before its time, for room on the disk; its
			  * tombstone tells */
	int result;      /**< what store_purge or store_forget_one would
			  * return */
	uint64_t bytes;  /**< of payload, of what was purged */
	uint32_t chunks; /**< 0: there was no sound */
	uint32_t key_day, key_slot, scrubs;
	bool key_found;
};

/**
 * store_purge of many, with as few syncs as of one, and one more a day and
 * folder. What is wrong with one of them does not keep the others.
 *
 * @param many [count] at most STORE_PURGE_MANY; an id that is there twice is
 *        -EALREADY for one of them
 * @return 0: each has its result; else what stops all (-EROFS, -EBUSY: a batch
 *         is open, -ENOSPC, -EDQUOT), the result of each that is not done
 * @cost two transactions, each a sync; for each day two syncs of its keyring and
 *       one of its folder; no allocation but LMDB's
 */
int store_purge_many(struct store_archive *archive, struct store_purge *many,
		     size_t count, int64_t now_ns, const char *actor,
		     const char *why) __attribute__((warn_unused_result));

/** store_forget_one of many, in one transaction. As store_purge_many. */
int store_forget_many(struct store_archive *archive, struct store_purge *many,
		      size_t count) __attribute__((warn_unused_result));

/** The same as store_ledger_append, in a batch, under the rules of
 * store_segment_put: many entries cost one commit. */
int store_ledger_put(struct store_archive *archive,
		     struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));

#endif
