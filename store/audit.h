/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit chain: signed heads of the ledger, anchors that are kept elsewhere, is
 * it what it was, and what stands in it for numbers. Threads and errors are those of
 * store/store.h. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/store.h"

/* ---- the audit chain: heads and anchors (heads.c) ---------------------- */

#define STORE_ARCHIVE_ID_BYTES 16
#define STORE_AUDIT_KEY_BYTES 32
#define STORE_SIGNATURE_BYTES 64

/** A private key (Ed25519) that signs heads of the ledger, in locked memory.
 * It opens nothing. */
struct store_signer;

/** Make one in a new file, 0600, synced. @return 0, -EEXIST, -EACCES, ... */
int store_signer_create(const char *path) __attribute__((warn_unused_result));
/** @return 0, -ENOENT, -EACCES, -EBADMSG (not such a key), -ENOMEM */
int store_signer_load(struct store_signer **signer, const char *path)
	__attribute__((warn_unused_result));
void store_signer_free(struct store_signer **signer);

/** A signed head: the ledger of this archive had this entry at this time, and
 * with it all that come before. */
struct store_head {
	uint64_t number; /**< of the entry */
	int64_t time_ns; /**< of the signature; whole seconds */
	uint8_t hash[STORE_HASH_BYTES]; /**< of the entry */
	uint8_t archive[STORE_ARCHIVE_ID_BYTES];
	uint8_t key[STORE_AUDIT_KEY_BYTES]; /**< public, that checks it */
	uint8_t signature[STORE_SIGNATURE_BYTES];
};

/**
 * Sign the last entry of the ledger and keep the head in the index; in the
 * batch, if one is open (an error then undoes that), else durable on return. A
 * key that signs for the first time is entered into the ledger and into
 * audit.pub, the list of those that ever did.
 *
 * @param actor for that entry
 * @return 0; 1: there is nothing new, *head is the last one; -ENOENT: the
 *         ledger is empty; -EBADMSG: its last entry is damaged, or a head
 *         vouches for another one of its number; -EROFS, ...
 */
int store_head_sign(struct store_archive *archive,
		    const struct store_signer *signer, int64_t now_ns,
		    const char *actor, struct store_head *head)
	__attribute__((warn_unused_result));

/** The last head that is kept. @return 0, -ENOENT, -EBADMSG, -EIO */
int store_head_last(struct store_archive *archive, struct store_head *head)
	__attribute__((warn_unused_result));

/** Every head, in order; unread ones are left out. @return 0, what fn
 * returned, -EIO */
int store_heads(struct store_archive *archive,
		int (*fn)(void *ctx, const struct store_head *head), void *ctx)
	__attribute__((warn_unused_result));

/** A head as one line of text, to be kept elsewhere. */
#define STORE_ANCHOR_BYTES 384
void store_anchor_text(char text[STORE_ANCHOR_BYTES],
		       const struct store_head *head);
/** @param text [n] one line, without what ends it @return 0; -EBADMSG: no
 * anchor; -EKEYREJECTED: one, but its signature is wrong */
int store_anchor_parse(struct store_head *head, const char *text, size_t n)
	__attribute__((warn_unused_result));

/* ---- the audit chain: verification (audit.c) --------------------------- */

enum store_audit_fault {
	STORE_AUDIT_ALTERED,   /**< entries that do not fit their own hash */
	STORE_AUDIT_MISSING,   /**< not there, but later ones are */
	STORE_AUDIT_UNLINKED,  /**< the last does not follow from the others:
				* one of them is not what it was */
	STORE_AUDIT_REWRITTEN, /**< what hangs together is not what was vouched
				* for: one of them at least is another one */
	STORE_AUDIT_CUT,       /**< the last ones, that there were, are gone */
	STORE_AUDIT_STRAY,     /**< behind these stands what has no number */
	STORE_AUDIT_FORGED,    /**< a head whose signature is wrong */
	STORE_AUDIT_FOREIGN,   /**< a head of another archive, or signed by a
				* key of which this one knows nothing */
	STORE_AUDIT_UNSIGNED   /**< no head at all, though the ledger says that
				* a key began to sign */
};

struct store_audit_finding {
	enum store_audit_fault fault;
	uint64_t from, to;   /**< entries, both included */
	bool anchor;         /**< found by an anchor, not by a head; or it is
			      * what is foreign */
	uint64_t head;       /**< number of that head or anchor; 0: none */
	int64_t head_ns;     /**< its time */
};

/** What can still be relied on: entries that hang together up to one for which
 * a head or an anchor vouches. */
struct store_audit_range {
	uint64_t from, to;
	uint64_t anchored; /**< up to this one an anchor does; 0: only heads */
};
#define STORE_AUDIT_RANGES_MAX 16

struct store_audit {
	uint64_t entries;
	uint64_t last;         /**< number of the last one */
	uint64_t findings;
	uint64_t first_wrong;  /**< the first entry that may not be what it was;
				* 0: none */
	uint64_t heads;        /**< whose signature is right */
	uint64_t signed_until; /**< the last entry that a head vouches for; 0
				* where an anchor contradicts: whoever did that
				* may have the key that signs heads */
	int64_t signed_ns;     /**< when that was signed */
	uint64_t anchored_until;
	int64_t anchored_ns;
	uint32_t ranges_count; /**< more are not told */
	struct store_audit_range ranges[STORE_AUDIT_RANGES_MAX];
};

/**
 * Check the whole chain, against the heads that are kept and against anchors.
 * An edit, an insertion, a deletion and a change of order are found by the
 * chain, also without anchors, unless it was written anew with right hashes:
 * that, and that the last entries were cut off, is found by heads, if whoever
 * did it has no key to sign and left them; and by anchors in any case, up to
 * the entry that they name.
 *
 * @param anchors [count] from store_anchor_parse
 * @param fn each finding; 0 to go on; may be NULL
 * @param audit filled in any case
 * @return 0: all was read (audit->findings says whether it is sound); what fn
 *         returned; -ENOMEM, -EIO
 * @cost short read transactions; works beside the writer
 */
int store_audit_verify(struct store_archive *archive,
		       const struct store_head *anchors, size_t count,
		       int (*fn)(void *ctx,
				 const struct store_audit_finding *finding),
		       void *ctx, struct store_audit *audit)
	__attribute__((warn_unused_result));

/* ---- pseudonyms (pseudonym.c) ------------------------------------------ */

/** "n-k7q2mx4pabcd" with its NUL. */
#define STORE_PSEUDONYM_BYTES 15

/**
 * What stands in the ledger for a number or a name: the same for the same one
 * within a calendar month (UTC), so that entries can be found by it as long as
 * the key of that month lives; afterwards nobody can tell whose it was.
 *
 * @param time_ns of the entry
 * @return 0; -ENOENT: opened to read, and there is no key of that month (none
 *         was needed, or it is gone); -EBADMSG, -ENOSPC, -EIO
 * @cost a sync in the first use of a month
 */
int store_pseudonym(struct store_archive *archive, int64_t time_ns,
		    const char *number, char text[STORE_PSEUDONYM_BYTES])
	__attribute__((warn_unused_result));

/**
 * Overwrite the keys of months that were over at a time. The ledger can be
 * verified as before; what its pseudonyms stood for is gone.
 *
 * @return how many, or negative errno
 */
int store_pseudonyms_forget(struct store_archive *archive, int64_t before_ns)
	__attribute__((warn_unused_result));

#endif
