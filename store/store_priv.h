/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the archive share among themselves. Layouts are those of
 * store/FORMAT.md; integers in files are little-endian, in keys of the index
 * big-endian, so that they sort. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include <endian.h>
#include <errno.h>
#include <lmdb.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#include "store/store.h"
#include "store/audit.h"
#include "store/cases.h"
#include "store/keys.h"
#include "store/scrub.h"

#define STORE__DIR_MODE 0750
#define STORE__FILE_MODE 0640

#define NS_PER_S INT64_C(1000000000)

/* ---- bytes (seal.c) ---------------------------------------------------- */

/* n is 1 to 8. */
static inline void
store__le_put(uint8_t *p, uint64_t v, size_t n)
{
	v = htole64(v);
	memcpy(p, &v, n);
}

static inline uint64_t
store__le_get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return le64toh(v);
}

static inline void
store__be_put(uint8_t *p, uint64_t v, size_t n)
{
	v = htobe64(v << 8 * (8 - n));
	memcpy(p, &v, n);
}

static inline uint64_t
store__be_get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return be64toh(v) >> 8 * (8 - n);
}

/** Zeroed pages for keys and plaintext: locked where that is permitted, never
 * in a core dump, resident only as far as touched. @return NULL: no memory */
void *store__secret_new(size_t bytes);
/** Wipe the first `used` bytes and unmap. NULL is fine. */
void store__secret_free(void *secret, size_t bytes, size_t used);

/** All n bytes or an error. @return 0, -ENODATA (end of file), -errno */
int store__pread(int fd, void *bytes, size_t n, uint64_t offset)
	__attribute__((warn_unused_result));
int store__pwrite(int fd, const void *bytes, size_t n, uint64_t offset)
	__attribute__((warn_unused_result));
/** Make a file whole or not at all: new, written, and synced, its name too. */
int store__file_create(int dir_fd, const char *path, const void *bytes,
		       size_t n, unsigned mode)
	__attribute__((warn_unused_result));

/**
 * Open a file of the archive. Whoever put something else in its place (a link,
 * a FIFO, a folder) leads nobody astray and makes nobody wait.
 *
 * @param flags O_RDONLY, O_WRONLY, O_RDWR, O_CREAT (0640)
 * @return fd, or negative errno; -EBADMSG: it is no regular file
 */
int store__file_open(int dir_fd, const char *path, int flags)
	__attribute__((warn_unused_result));
/** Make the names in the folder of a file durable. */
int store__parent_sync(int dir_fd, const char *path)
	__attribute__((warn_unused_result));

/** Is this an error of our process, and says nothing about the file? */
static inline bool
store__error_is_ours(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -ENOTSUP;
}

/* ---- AEAD (seal.c) ----------------------------------------------------- */

#define STORE__TAG_BYTES 16
#define STORE__NONCE_BYTES 24

/** One AEAD. Text is sealed and opened in place; the tag follows it. */
struct store__cipher {
	uint8_t id; /**< as in the header of a .rec file */
	int (*available)(void);
	int (*seal)(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
		    const uint8_t *nonce, const uint8_t *key);
	int (*open)(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
		    const uint8_t *nonce, const uint8_t *key);
};

enum { STORE__XCHACHA20_POLY1305 = 1, STORE__AES256_GCM = 2 };

/** @return NULL: unknown, or this processor cannot */
const struct store__cipher *store__cipher_find(uint8_t id);
/** The faster of those that this processor can. */
const struct store__cipher *store__cipher_best(void);
/** STREAM: the chunk's number and whether it is the last. */
void store__nonce_make(uint8_t nonce[STORE__NONCE_BYTES], uint32_t chunk,
		       bool final);

/* ---- keys (keys.c) ----------------------------------------------------- */

struct store_identity {
	struct store_public pub;
	uint8_t secret[crypto_box_SECRETKEYBYTES];
};

/** @return 0, or -EBADMSG */
int store__public_parse(struct store_public *pub, const char *text, size_t n)
	__attribute__((warn_unused_result));
/** One public key a line, "#" begins a comment. @return count or -EBADMSG */
int store__recipients_parse(struct store_public *recipients, const char *text,
			    size_t n) __attribute__((warn_unused_result));
int store__identity_parse(struct store_identity *identity, const char *text,
			  size_t n) __attribute__((warn_unused_result));
/** Can anything be sealed to it? (X25519 has a few points that yield zero.) */
bool store__public_usable(const struct store_public *pub);

#define STORE__KEY_FILE_BYTES 4096

/** "spanrec-private-1 ..." */
void store__private_text(char text[STORE_PUBLIC_TEXT_BYTES],
			 const struct store_identity *identity);

#define STORE__SEALED_TEXT_BYTES 256
/** @param text [STORE__SEALED_TEXT_BYTES] @return 0, -ENOMEM */
int store__sealed_make(char *text, const struct store_identity *identity,
		       const struct store_passphrase *p,
		       const struct store_work *work)
	__attribute__((warn_unused_result));
/** The text of a private key, sealed or not. @param p NULL: none at hand
 * @return as store_identity_open */
int store__key_file_parse(struct store_key_file *found,
			  struct store_identity *identity, const char *text,
			  size_t n, const struct store_passphrase *p)
	__attribute__((warn_unused_result));

/** A key as text: a word that says what it is, the key and a check. */
void store__key_text_make(char text[STORE_PUBLIC_TEXT_BYTES], const char *word,
			  const uint8_t key[32]);
/** @param text one line, without what ends it @return 0, -EBADMSG */
int store__key_text_parse(uint8_t key[32], const char *word, const char *text,
			  size_t n) __attribute__((warn_unused_result));
/** Next line that is neither empty nor a comment. @return its length, or 0 at
 * the end */
size_t store__key_line(const char **line, const char **text, const char *end);
/** @return bytes, or negative errno; -EBADMSG: too long */
int store__key_file_read(char text[STORE__KEY_FILE_BYTES], const char *path)
	__attribute__((warn_unused_result));

/* ---- recipients, slots sealed anew (recipients.c, reseal.c) ------------- */

/** Take over those of the file. @return 0, -ENOENT, -EBADMSG, -ENOMEM, ... */
int store__recipients_load(struct store_archive *archive)
	__attribute__((warn_unused_result));
void store__recipients_free(struct store_archive *archive);
/** Is it sealed to those in force, and does it say so? */
bool store__sealed_to_all(const struct store_archive *archive,
			  const struct store_sealed_key *sealed);
/** Do again what a crash or an error left of store_reseal. Safe to repeat.
 * @return 0, -errno: what is left stays in the file */
int store__reseal_finish(struct store_archive *archive)
	__attribute__((warn_unused_result));
/** Is this slot among what is left? True if that cannot be read. */
bool store__reseal_has(const struct store_archive *archive, uint32_t day,
		       uint32_t slot);

/* ---- names and paths (names.c) ----------------------------------------- */

#define STORE__PATH_BYTES 80

/** @return 0, or -EINVAL if the text is no segment id */
int store__segment_id_parse(const char *id, char call[STORE_CALL_ID_BYTES],
			    uint32_t *segment)
	__attribute__((warn_unused_result));
void store__segment_id_make(char id[STORE_SEGMENT_ID_BYTES], const char *call,
			    uint32_t segment);
/** "audio/2019/03/28/<id>.rec"; "<id>.2.rec" after the first scrub, ...
 * @param scrubs as the row says */
void store__recording_path(char path[STORE__PATH_BYTES], uint32_t day,
			   const char *id, uint32_t scrubs);
/** The other way round, from the last part of such a path.
 * @return 0, or -EINVAL */
int store__recording_name_parse(const char *name,
				char id[STORE_SEGMENT_ID_BYTES],
				uint32_t *scrubs)
	__attribute__((warn_unused_result));
/** "keyring/2019-03-28.keys" */
void store__keyring_path(char path[STORE__PATH_BYTES], uint32_t day);
/** Names become parts of paths: no slash, no leading dot, printable. */
bool store__id_sound(const char *id);

/* ---- .rec files (item.c, recording.c, reader.c) ------------------------ */

#define STORE__HEADER_BYTES 72
#define STORE__HEAD_BYTES 16 /**< cleartext before each chunk */
#define STORE__CHUNK_BYTES 32768 /**< of plaintext, at most */
#define STORE__AD_BYTES (STORE__HEADER_BYTES + STORE__HEAD_BYTES)
/** 31 days. Heads are in the clear and believed after a crash: what they may
 * claim has to end somewhere. */
#define STORE__SECOND_MAX 2678400

#define STORE__ITEM_HEAD_BYTES 4
#define STORE__STREAM_BYTES (STORE__ITEM_HEAD_BYTES + 44)
#define STORE__FORMAT_BYTES (STORE__ITEM_HEAD_BYTES + 32)
/** ... with the longest parameters. */
#define STORE__FORMAT_BYTES_MAX (STORE__FORMAT_BYTES + 63)
#define STORE__FRAME_BYTES (STORE__ITEM_HEAD_BYTES + 16) /**< and payload */
#define STORE__GAP_BYTES (STORE__ITEM_HEAD_BYTES + 24)
#define STORE__SCRUBBED_BYTES (STORE__ITEM_HEAD_BYTES + 56)
#define STORE__TOTALS_BYTES                                               \
	(STORE__ITEM_HEAD_BYTES + 80 + 8 * STORE_REASON_COUNT +           \
	 STORE_NAME_BYTES)

struct store__header {
	uint8_t cipher;
	uint32_t key_day, key_slot;
	int64_t start_ns;
	char id[STORE_SEGMENT_ID_BYTES];
};

void store__header_encode(uint8_t bytes[STORE__HEADER_BYTES],
			  const struct store__header *header);
/** @return 0, -EBADMSG, -EPROTO */
int store__header_decode(struct store__header *header,
			 const uint8_t bytes[STORE__HEADER_BYTES])
	__attribute__((warn_unused_result));

struct store__head {
	bool final;
	uint32_t text_bytes;
	uint32_t chunk;
	uint32_t second; /**< of the youngest frame so far, since start_ns, at
			  * most STORE__SECOND_MAX */
};

void store__head_encode(uint8_t bytes[STORE__HEAD_BYTES],
			const struct store__head *head);
/**
 * The one judge of what a valid head is.
 *
 * @param chunk the number it must have
 * @param second of the chunk before, 0 at the first: it must not fall
 * @return 0, or -EBADMSG
 */
int store__head_decode(struct store__head *head,
		       const uint8_t bytes[STORE__HEAD_BYTES], uint32_t chunk,
		       uint32_t second) __attribute__((warn_unused_result));

size_t store__stream_encode(uint8_t *p, uint8_t stream,
			    const struct store_stream_info *info);
/** @param p [STORE__FORMAT_BYTES_MAX] */
size_t store__format_encode(uint8_t *p, uint8_t stream,
			    const struct store_format *format);
size_t store__frame_encode(uint8_t *p, const struct store_frame *frame);
size_t store__gap_encode(uint8_t *p, const struct store_gap *gap);
size_t store__totals_encode(uint8_t *p, uint8_t stream,
			    const struct store_stream *totals);
size_t store__scrubbed_encode(uint8_t *p,
			      const struct store_scrubbed *scrubbed);

/**
 * @param known false: an item of a type that later versions may write
 * @return bytes it takes (> 0), or -EBADMSG
 */
int store__item_decode(struct store_item *item, bool *known, const uint8_t *p,
		       size_t n) __attribute__((warn_unused_result));

/**
 * The streams and formats told so far, as encoded items. Each chunk begins
 * with all of them, so that one can be read without those before it.
 */
struct store__preamble {
	uint8_t *items;
	uint32_t bytes;
};

#define STORE__PREAMBLE_BYTES 8192 /**< at most */

/**
 * Add an encoded STREAM or FORMAT item, or replace the FORMAT it updates.
 *
 * @return 1: it was not known; 0: nothing new; -ENOSPC; -ENOMEM; -EBADMSG: a
 *         stream of this number is known as another one
 */
int store__preamble_put(struct store__preamble *preamble, const uint8_t *item,
			size_t n) __attribute__((warn_unused_result));

/** store_recording_begin with a file that is there already.
 * @param fd empty; taken only if 0 is returned */
int store__recording_begin_at(struct store_recording *recording, int fd,
			      uint32_t day, uint32_t slot)
	__attribute__((warn_unused_result));
/** As store_recording_gap, for the item that tells what a file replaces. */
int store__recording_scrubbed(struct store_recording *recording,
			      const struct store_scrubbed *scrubbed)
	__attribute__((warn_unused_result));

/** What can be told of a .rec file without its key. */
struct store__walk {
	struct store__header header;
	uint32_t chunks;     /**< complete ones */
	uint32_t second;     /**< of the last */
	bool final;          /**< the last says so */
	bool malformed;      /**< what follows good_bytes is no valid head */
	uint64_t good_bytes; /**< up to the end of the last */
	uint64_t file_bytes;
	uint8_t hash[STORE_HASH_BYTES];
};

/** @return 0, -EBADMSG (no header: not a byte is good), -EPROTO, -EIO */
int store__walk_file(struct store__walk *walk, int fd)
	__attribute__((warn_unused_result));

/** @param fd of the .rec file; taken, closed on failure too */
int store__reader_new(struct store_reader **reader, int fd,
		      const uint8_t key[STORE_FILE_KEY_BYTES],
		      const struct store_segment *segment)
	__attribute__((warn_unused_result));
/** Chunk and file offset of the item last read, or that failed. */
void store__reader_place(const struct store_reader *reader, uint32_t *chunk,
			 uint64_t *offset);
/** Chunks opened so far, and whether the last was the final one. */
uint32_t store__reader_chunks(const struct store_reader *reader, bool *final);

/* ---- keyring (keyring.c) ----------------------------------------------- */

#define STORE__SLOT_BYTES 512

enum store__slot_state { STORE__SLOT_KEY = 1, STORE__SLOT_DESTROYED = 2 };

/** The slot as it stands there. @return enum store__slot_state; -ENOENT: there is
 * none, or no file; -EBADMSG; -EIO @thread any */
int store__keyring_look(const struct store_archive *archive, uint32_t day,
			uint32_t slot, struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));
/** Write a slot of a keyring that nobody has open. Not synced. */
int store__keyring_put(int dir_fd, uint32_t day, uint32_t slot,
		       const struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));
/** @return 0, -ENOKEY (destroyed, or never was), -EBADMSG, -EIO */
int store__keyring_read(const struct store_archive *archive, uint32_t day,
			uint32_t slot, struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));
/** The bytes of a slot that holds a key. */
void store__slot_encode(uint8_t bytes[STORE__SLOT_BYTES], uint32_t day,
			uint32_t slot, const struct store_sealed_key *sealed);
/** The check at its end. */
void store__slot_check(uint8_t check[STORE_SLOT_CHECK_BYTES], uint32_t day,
		       uint32_t slot, const struct store_sealed_key *sealed);
/** Write these over a slot; not durable before store_keyring_sync.
 * @return 0, -ENOENT (no such keyring), ... */
int store__keyring_replace(struct store_archive *archive, uint32_t day,
			   uint32_t slot,
			   const uint8_t bytes[STORE__SLOT_BYTES])
	__attribute__((warn_unused_result));
/** A slot whose key has to go. */
struct store__doomed {
	uint32_t slot;
	int result; /**< 0; -ENOKEY: neither a key nor what is left of one is
		     * there; -EBADMSG, -EIO, ... */
};

/** Slots of a day: those that the index knows were taken, and those that
 * anything was written to. @return 0, -ENOENT (no keyring of that day), ... */
int store__keyring_slots(struct store_archive *archive, uint32_t day,
			 uint64_t *known, uint64_t *written)
	__attribute__((warn_unused_result));

/** Overwrite and sync, mark as destroyed and sync: two syncs for all of them.
 * Safe to repeat. */
void store__keyring_destroy_many(struct store_archive *archive, uint32_t day,
				 struct store__doomed *doomed, size_t count);
/** One of them. @return its result */
int store__keyring_destroy(struct store_archive *archive, uint32_t day,
			   uint32_t slot) __attribute__((warn_unused_result));
/** @return a state, or -EBADMSG: neither */
int store__slot_decode(const uint8_t bytes[STORE__SLOT_BYTES], uint32_t day,
		       uint32_t slot, struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));
void store__keyring_close(struct store_archive *archive);

/* ---- rows (row.c) ------------------------------------------------------ */

#define STORE__ROW_BYTES 24576 /**< longest encoded row */

/** @return bytes written to row [STORE__ROW_BYTES] */
size_t store__row_encode(uint8_t *row, const struct store_segment *segment);
/** @return 0, -EBADMSG, -EPROTO */
int store__row_decode(struct store_segment *segment, const uint8_t *row,
		      size_t n) __attribute__((warn_unused_result));
/** All but the id. @return bytes written to row [STORE__ROW_BYTES] */
size_t store__scrub_encode(uint8_t *row, const struct store_scrub *scrub);
/** All but the id, which is left empty. @return 0, -EBADMSG, -EPROTO */
int store__scrub_decode(struct store_scrub *scrub, const uint8_t *row, size_t n)
	__attribute__((warn_unused_result));
size_t store__entry_encode(uint8_t *row, const struct store_ledger_entry *e);
int store__entry_decode(struct store_ledger_entry *e, const uint8_t *row,
			size_t n) __attribute__((warn_unused_result));

size_t store__case_encode(uint8_t *row, const struct store_case *c);
int store__case_decode(struct store_case *c, const uint8_t *row, size_t n)
	__attribute__((warn_unused_result));
size_t store__hold_encode(uint8_t *row, const struct store_hold *hold);
int store__hold_decode(struct store_hold *hold, const uint8_t *row, size_t n)
	__attribute__((warn_unused_result));

/* ---- index (index.c, search.c) ----------------------------------------- */

/** The databases of the index: name of the member and in the file. */
#define STORE__TABLES(X) STORE__TABLES_FIRST(X) STORE__TABLES_LATER(X)

#define STORE__TABLES_FIRST(X)                                            \
	X(meta)       /* schema, longest segment */                       \
	X(segments)   /* call, 0, segment -> row */                       \
	X(times)      /* start, call, 0, segment */                       \
	X(numbers)    /* number, 0, start, call, 0, segment */            \
	X(extensions) /* extension, 0, start, call, 0, segment */         \
	X(clocks)     /* class, 0, call start, call, 0, segment */        \
	X(live)       /* call, 0, segment: being recorded */              \
	X(purging)    /* call, 0, segment -> certificate to be */         \
	X(ledger)     /* number -> previous hash, hash, entry */          \
	X(counters)   /* day, name -> count */

/** Archives of earlier builds lack these: whoever writes makes them; to those
 * who only read they are 0, which is no table of ours. */
#define STORE__TABLES_LATER(X)                                            \
	X(calls)      /* call -> call in progress */              \
	X(tombstones) /* class, 0, call start, call, 0, segment */        \
	X(longer)     /* length, 0, start, call, 0, segment: those over   \
		       * STORE__LONG_NS */                                \
	X(heads)      /* number of an entry of the ledger -> signature */             \
	X(cases)      /* name, 0 -> case */                        \
	X(holds)      /* call, 0, segment, case, 0 -> hold */      \
	X(held_for)   /* case, 0, call, 0, segment */      \
	X(scrubs)     /* call, 0, segment -> part to be taken out */

struct store__tables {
#define X(name) MDB_dbi name;
	STORE__TABLES(X)
#undef X
};

#define STORE__KEY_BYTES 511 /**< the longest that LMDB can have */

struct store__key {
	size_t bytes;
	uint8_t data[STORE__KEY_BYTES];
};

#define STORE__KEY_NAME_BYTES 128

void store__key_text(struct store__key *key, const char *text);
void store__key_time(struct store__key *key, int64_t time_ns);
void store__key_segment(struct store__key *key, const char *call,
			uint32_t segment);
/** The segment id of a key of `segments`, or the key in hexadecimal, cut. */
void store__key_name(char name[STORE__KEY_NAME_BYTES],
		     const struct store__key *key);
static inline MDB_val
store__key_val(struct store__key *key)
{
	return (MDB_val){ .mv_size = key->bytes, .mv_data = key->data };
}

/** Negative errno for what LMDB returns. */
int store__index_error(int rc);
/** Read every page of every table. @param table the one that was read last
 * @return 0, -EBADMSG: a page of it cannot be read, -EIO */
int store__index_read(struct store_archive *archive, const char **table)
	__attribute__((warn_unused_result));
int store__index_create(const char *dir) __attribute__((warn_unused_result));
int store__index_open(struct store_archive *archive, const char *dir,
		      uint64_t map_bytes) __attribute__((warn_unused_result));
void store__index_close(struct store_archive *archive);

/** A read transaction; the open batch, if there is one. */
int store__read_begin(struct store_archive *archive, MDB_txn **txn)
	__attribute__((warn_unused_result));
void store__read_end(struct store_archive *archive, MDB_txn *txn);
/** A write transaction of its own. @return 0, -EBUSY (batch), -EROFS, ... */
int store__write_begin(struct store_archive *archive, MDB_txn **txn)
	__attribute__((warn_unused_result));
/** @return 0, -ENOSPC, -EIO; the transaction is over in any case */
int store__write_commit(struct store_archive *archive, MDB_txn *txn)
	__attribute__((warn_unused_result));

/** @return 0, -ENOENT, -EBADMSG, -EPROTO, -EIO */
int store__row_get(const struct store_archive *archive, MDB_txn *txn,
		   const char *id, struct store_segment *segment)
	__attribute__((warn_unused_result));
/** Write a row and all that leads to it. @return -EALREADY: was purged */
int store__row_put(const struct store_archive *archive, MDB_txn *txn,
		   const struct store_segment *segment)
	__attribute__((warn_unused_result));
int store__row_remove(const struct store_archive *archive, MDB_txn *txn,
		      const struct store_segment *segment)
	__attribute__((warn_unused_result));

/** Searches by time begin this much earlier, and look for what was longer in
 * the table `longer`. */
#define STORE__LONG_NS (900 * NS_PER_S)

/** Which of the texts in `longer`, "a" for up to twice STORE__LONG_NS, "b" for
 * up to four times, ... @return false: none */
bool store__length_class(char class[2], const struct store_segment *segment);
/** The most that is of such a class; of what is none INT64_MAX. */
int64_t store__length_most(const char *class);

/** No segment is longer: for archives of before that have no `longer`. */
int store__index_longest(const struct store_archive *archive, MDB_txn *txn,
			 uint64_t *longest_ns)
	__attribute__((warn_unused_result));

/** One more than the highest slot that a row of this day ever had. */
int store__index_slots(const struct store_archive *archive, MDB_txn *txn,
		       uint32_t day, uint64_t *slots)
	__attribute__((warn_unused_result));

/** So many are taken. @param slots not less than before */
int store__index_slots_put(const struct store_archive *archive, MDB_txn *txn,
			   uint32_t day, uint64_t slots)
	__attribute__((warn_unused_result));

/** One more of what has no row. @return 0, -EINVAL (name), ... */
int store__counter_put(const struct store_archive *archive, MDB_txn *txn,
		       uint32_t day, const char *name, uint64_t by)
	__attribute__((warn_unused_result));

/** The batch met an error: it is undone. @return error */
int store__batch_fail(struct store_archive *archive, int error);

/** Does the id say what call and segment say, and does every text end? */
bool store__segment_sound(const struct store_segment *segment);
/** Does anybody in it bear this number? */
bool store__has_number(const struct store_segment *segment, const char *number);

const char *store__table_name(const struct store_archive *archive,
			      MDB_dbi table);
/* Numbers of a row that it is found by; ways to it in all: these, and times,
 * extensions, clocks or tombstones, live or longer (ways.c). */
#define STORE__NUMBERS_MAX 20
#define STORE__WAYS_MAX    (STORE__NUMBERS_MAX + 4)

/** A key under which a row can be found. */
struct store__way {
	MDB_dbi table;
	struct store__key key;
};

struct store__ways {
	size_t count;
	struct store__way way[STORE__WAYS_MAX];
};

/** A class that counts from a time; of one that does already the later time
 * matters. @return 0, -EOVERFLOW: there is no room for another one */
int store__successor_add(struct store_segment *segment, const char *retention,
			 int64_t from_ns) __attribute__((warn_unused_result));

void store__ways_of(struct store__ways *ways,
		    const struct store__tables *tables,
		    const struct store_segment *segment);
/** From the ways that led to the old row to those of the new one. */
int store__ways_change(MDB_txn *txn, struct store__ways *from,
		       struct store__ways *to)
	__attribute__((warn_unused_result));
/** Does this row have this key in this table? */
bool store__way_right(const struct store_archive *archive, MDB_dbi table,
		      const MDB_val *key, const struct store_segment *segment);
/** @return NULL: all keys that lead to the row are there; or a table that has
 * none */
const char *store__way_missing(const struct store_archive *archive,
			       MDB_txn *txn,
			       const struct store_segment *segment);

/**
 * A key with which there is something wrong.
 *
 * @param key of the segment it leads to; all of it if it leads nowhere
 * @param error -EBADMSG, -EPROTO: the row cannot be read; -ENOENT: there is
 *        none; -ESTALE: there is, but it does not have this key
 */
typedef int (*store__skipped_fn)(void *ctx, const struct store__key *key,
				 int error);

/** Walk the rows that a table leads to, in short transactions, as store_search
 * does. @param skipped may be NULL */
int store__table_walk(struct store_archive *archive, MDB_dbi table,
		      store_segment_fn fn, store__skipped_fn skipped, void *ctx)
	__attribute__((warn_unused_result));

/* ---- what a crash leaves (leftovers.c) --------------------------------- */

/**
 * Count keys that no row knows, and files that have such a key and no row.
 *
 * @return 0, -ENOMEM
 * @cost a system call or two a day that has a keyring; where there are such
 *       keys, a look for a row for each file of that day
 */
int store__leftovers_find(struct store_archive *archive,
			  struct store_recovery *found)
	__attribute__((warn_unused_result));

/* ---- calls in progress (live.c) ---------------------------------------- */

#define STORE__LIVE_HEAD_BYTES 7

/**
 * @param value [n] of the table `calls`
 * @param state where it is in there
 * @return 0, -EBADMSG, -EPROTO
 */
int store__live_decode(struct store_segment *segment, const uint8_t **state,
		       size_t *state_bytes, const uint8_t *value, size_t n)
	__attribute__((warn_unused_result));

/** store_live_walk that tells what it steps over. @param fn NULL: nothing else
 * is of interest @param ctx of both */
int store__live_walk(struct store_archive *archive, store_live_fn fn,
		     store__skipped_fn skipped, void *ctx)
	__attribute__((warn_unused_result));

/* ---- ledger, purge, verify --------------------------------------------- */

/** No name or number is looked for in it: whoever calls this knows that there
 * is none. */
int store__ledger_put(struct store_archive *archive, MDB_txn *txn,
		      struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));
/**
 * Put pseudonyms in place of the numbers and names of who had part in a
 * segment, in what somebody typed for an entry of the ledger.
 *
 * @param text [bytes] what then is too long is cut
 * @return as store_pseudonym
 */
int store__hide_parties(struct store_archive *archive, int64_t time_ns,
			const struct store_segment *segment, char *text,
			size_t bytes) __attribute__((warn_unused_result));
/** The same for numbers, one a line. */
int store__hide_numbers(struct store_archive *archive, int64_t time_ns,
			const char *numbers, char *text, size_t bytes)
	__attribute__((warn_unused_result));
/** The last entry. @return 0, -ENOENT: the ledger is empty, -EBADMSG, ... */
int store__ledger_last(struct store_archive *archive, MDB_txn *txn,
		       struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));
/** Decode an entry and see that its own hash is right. @return 0, -EBADMSG */
int store__ledger_decode(struct store_ledger_entry *entry, const MDB_val *key,
			 const MDB_val *value)
	__attribute__((warn_unused_result));
/** Which key went, by a certificate ("purge", "scrub").
 * @return false: it does not say, since there was none */
bool store__certificate_key(const struct store_ledger_entry *entry,
			    uint32_t *day, uint32_t *slot);
/** Finish every purge that was begun, from any step on, and count those that
 * were finished, and those that again were not. */
int store__purge_finish_all(struct store_archive *archive, int64_t now_ns,
			    struct store_recovery *found)
	__attribute__((warn_unused_result));

/** A purge, or with forget one that leaves not even a note, that was done before
 * to the archive from which this one was restored; the policy has no more
 * to say to it. @return 0, -ENOENT, -EALREADY, ... as store_purge */
int store__purge_replay(struct store_archive *archive, const char *id,
			int64_t now_ns, const char *actor, const char *why,
			bool forget) __attribute__((warn_unused_result));

/* ---- heads (heads.c) --------------------------------------------------- */

#define STORE__HEAD_VALUE_BYTES                                           \
	(8 + STORE_HASH_BYTES + STORE_ARCHIVE_ID_BYTES +                  \
	 STORE_AUDIT_KEY_BYTES + STORE_SIGNATURE_BYTES)
#define STORE__AUDIT_KEYS_MAX 32

/** @return 0, -EBADMSG: not as long as one is; whether it is signed, nobody
 * has looked */
int store__head_value_decode(struct store_head *head, const uint8_t *key,
			     size_t key_bytes, const uint8_t *value, size_t n)
	__attribute__((warn_unused_result));
bool store__head_signed(const struct store_head *head);
/** Those of audit.pub. @return count, 0: there is none; negative errno */
int store__audit_keys(const struct store_archive *archive,
		      uint8_t keys[STORE__AUDIT_KEYS_MAX]
				  [STORE_AUDIT_KEY_BYTES])
	__attribute__((warn_unused_result));
/** @return 0, -ENOENT: it has none yet, ... */
int store__archive_id(const struct store_archive *archive, MDB_txn *txn,
		      uint8_t id[STORE_ARCHIVE_ID_BYTES])
	__attribute__((warn_unused_result));

/* ---- cases (cases.c) ---------------------------------------------------- */

/** Is it held for any case? @return 1, 0, negative errno */
int store__hold_any(const struct store_archive *archive, MDB_txn *txn,
		    const struct store_segment *segment)
	__attribute__((warn_unused_result));
/** Do the holds of a segment fit its row, and their cases them?
 * @return NULL, or what is wrong, in words */
const char *store__holds_wrong(const struct store_archive *archive,
			       MDB_txn *txn,
			       const struct store_segment *segment);
/** The row goes: its holds do too. */
int store__holds_remove(const struct store_archive *archive, MDB_txn *txn,
			const struct store_segment *segment)
	__attribute__((warn_unused_result));

/* ---- a part taken out (scrub.c) ---------------------------------------- */

typedef int (*store__scrub_fn)(void *ctx, const struct store_scrub *scrub);

/** store_scrubs that tells what it steps over. @param fn may be NULL */
int store__scrub_walk(struct store_archive *archive, store__scrub_fn fn,
		      store__skipped_fn skipped, void *ctx)
	__attribute__((warn_unused_result));
/** What went, in the counts of the streams of a row.
 * @return 0, -EBADMSG: more than there was */
int store__scrub_counts(struct store_segment *segment,
			const struct store_scrub_result *result)
	__attribute__((warn_unused_result));
/** Those that wait for their end: what was done is finished, what was begun is
 * undone. Counted as store__purge_finish_all counts. */
int store__scrub_finish_all(struct store_archive *archive, int64_t now_ns,
			    struct store_recovery *found)
	__attribute__((warn_unused_result));
/** The recording goes: so does what there is of a new file and its key, and
 * the proposal. Safe to repeat. */
int store__scrub_drop(struct store_archive *archive, const char *id,
		      int64_t now_ns)
	__attribute__((warn_unused_result));

/* ---- archive (archive.c) ----------------------------------------------- */

#define STORE__KEYRINGS_OPEN 4

/** Keyring files in use: around midnight two, from captures several. */
struct store__keyring {
	uint32_t day; /**< 0: not in use */
	int fd;
	uint64_t slots; /**< taken: the next one's number */
	bool dirty;
	uint64_t used; /**< when last; the least goes */
};

/** Whom is sealed to; does not change. Earlier ones stay until the end, since
 * somebody may be sealing to them. */
struct store__recipients {
	struct store__recipients *before;
	uint32_t count;
	struct store_public pub[STORE_RECIPIENTS_MAX];
};

struct store_archive {
	enum store_mode mode;
	int dir_fd;
	int lock_fd;
	/** replaced by the archive's thread, read by any */
	_Atomic(struct store__recipients *) recipients;
	bool reseal_left; /**< something in the file `reseal` is not done */
	const struct store__cipher *cipher;
	struct store__keyring keyrings[STORE__KEYRINGS_OPEN];
	uint64_t keyring_uses;
	bool keyring_created; /**< a name in keyring/ is not durable yet */
	MDB_env *env;
	struct store__tables tables;
	MDB_txn *batch;
	int batch_error;
	bool reserve_used; /**< by a deletion; not set aside again yet */
	uint64_t skipped; /**< keys, by the last walk that ended */
	/** Tests die in here, between the steps of a purge. */
	void (*fault)(int step);
};

/** A deletion finds no room on the disk: give up what is set aside for that.
 * @return true: it is worth another try */
bool store__reserve_use(struct store_archive *archive);
/** Set it aside again, if it was used and there is room. */
void store__reserve_keep(struct store_archive *archive);

static inline void
store__step(const struct store_archive *archive, int step)
{
	if (archive->fault)
		archive->fault(step);
}

/* ---- verify_policies.c --------------------------------------------------- */

/** Hashes of policies, each once. All zero: none. */
struct store__policies {
	uint8_t (*hashes)[STORE_HASH_BYTES];
	size_t count;
};

/** One more; no hash (all zero) is none. @return 0, -ENOMEM */
int store__policies_note(struct store__policies *policies,
			 const uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));
void store__policies_fini(struct store__policies *policies);

/** Is each of these, and each that the archive keeps, there and what it was?
 * @param fn told of those that are not @return 0, or what fn returned, or what
 * stopped it */
int store__policies_check(struct store_archive *archive,
			  struct store__policies *policies,
			  int (*fn)(void *ctx, const struct store_finding *),
			  void *ctx) __attribute__((warn_unused_result));

#endif
