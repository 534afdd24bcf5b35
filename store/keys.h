/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done with keys besides sealing: private keys that a passphrase seals,
 * recipients that come and go, and the slots of what is stored sealed anew to
 * them. Threads and errors are those of store/store.h.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "store/store.h"

/* ---- passphrases (sealed.c) -------------------------------------------- */

#define STORE_PASSPHRASE_BYTES 1024

/** In locked memory that no core dump has. */
struct store_passphrase {
	size_t n;
	char text[STORE_PASSPHRASE_BYTES];
};

/** @return NULL: no memory */
struct store_passphrase *store_passphrase_new(void);
/** Wipes it; NULL is fine. */
void store_passphrase_free(struct store_passphrase **passphrase);

/** What a file of a private key tells without a passphrase. */
struct store_key_file {
	bool sealed;
	struct store_public pub;
};

/** @return 0, -ENOENT, -EACCES, -EBADMSG (not a key file), ... */
int store_key_file_look(struct store_key_file *found, const char *path)
	__attribute__((warn_unused_result));

/**
 * store_identity_load, and of one that is sealed, too.
 *
 * @param passphrase NULL: none is at hand
 * @return as store_identity_load; -ENOKEY: it is sealed, and there is no
 *         passphrase; -EKEYREJECTED: it is not this one
 * @cost of a sealed one what its file asks for, at most 1 GiB and some seconds
 */
int store_identity_open(struct store_identity **identity, const char *path,
			const struct store_passphrase *passphrase)
	__attribute__((warn_unused_result));

/** store_identity_create, sealed by a passphrase; NULL: plain. */
int store_identity_make(const char *path,
			const struct store_passphrase *passphrase,
			struct store_public *pub)
	__attribute__((warn_unused_result));

/** What deriving a key from a passphrase costs: passes over so much memory. */
struct store_work {
	uint32_t ops, kib;
};

/**
 * Seal the file of a private key by another passphrase, or by none (NULL): a new
 * file, synced, takes its name and its mode; what was in the old one is
 * overwritten first if it has no other name, as far as the file system writes in
 * place.
 *
 * @param work NULL: the usual; less is for tests
 * @return 0; then the file is the new one. Else -errno: it is the old one
 */
int store_identity_change(const struct store_identity *identity,
			  const char *path,
			  const struct store_passphrase *passphrase,
			  const struct store_work *work)
	__attribute__((warn_unused_result));

/* ---- recipients (recipients.c) ----------------------------------------- */

/** 16 hexadecimal digits and a NUL. */
#define STORE_FINGERPRINT_TEXT (2 * STORE_FINGERPRINT_BYTES + 1)

/** The first 8 bytes of the BLAKE2b-256 of a public key. */
void store_fingerprint(uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
		       const struct store_public *pub);
void store_fingerprint_text(char text[STORE_FINGERPRINT_TEXT],
			    const struct store_public *pub);
/** @return 0, -EBADMSG: no public key as text */
int store_public_parse(struct store_public *pub, const char *text)
	__attribute__((warn_unused_result));

enum store_recipient_role { STORE_RECIPIENT_ARCHIVE, STORE_RECIPIENT_ESCROW,
			    STORE_RECIPIENT_ROLE_COUNT };

/** "archive", "escrow" */
const char *store_recipient_role_name(enum store_recipient_role role);

/** Whom new recordings are sealed to. */
struct store_recipient {
	struct store_public pub;
	enum store_recipient_role role;
	int64_t since_ns; /**< 0: since the archive was made */
};

/** Those of the file, as it is now. @return count, -EBADMSG, -ENOENT, ... */
int store_recipients(struct store_archive *archive,
		     struct store_recipient recipients[STORE_RECIPIENTS_MAX])
	__attribute__((warn_unused_result));

/**
 * Change them: those of recordings that begin from now on. Durable when it
 * returns, with its entry in the ledger ("key-add", "key-remove",
 * "key-rotate").
 *
 * @param remove NULL: none; else it goes, and `add` takes its place
 * @param add NULL: none comes
 * @return 0; -EALREADY: they are so; -ENOENT: `remove` is none of them;
 *         -EEXIST: `add` is one in another role; -E2BIG: there would be more
 *         than STORE_RECIPIENTS_MAX; -EPERM: none of the archive would be left;
 *         -EINVAL (`add` is no key that can be sealed to), -EROFS, -EBUSY (a
 *         batch is open), -ENOSPC, -EIO
 * @thread the archive's; writers may go on sealing
 */
int store_recipients_change(struct store_archive *archive,
			    const struct store_public *remove,
			    const struct store_recipient *add,
			    const char *actor)
	__attribute__((warn_unused_result));

/* ---- slots sealed anew (reseal.c) -------------------------------------- */

/** A slot of a keyring, as it is found. */
struct store_slot {
	uint32_t day, slot;
	bool readable; /**< false: damaged, or it cannot be read */
	bool known;    /**< whom it is sealed to is written down */
	struct store_sealed_key sealed;
};

/** Every slot with a key, or with what cannot be read, in order of days.
 * @return 0, what fn returned, -errno */
int store_slots(struct store_archive *archive,
		int (*fn)(void *ctx, const struct store_slot *slot), void *ctx)
	__attribute__((warn_unused_result));

/** Whom a recording is sealed to.
 * @return 0, -ENOKEY (destroyed, or never was), -EBADMSG, -EIO */
int store_recording_keys(struct store_archive *archive,
			 const struct store_segment *segment,
			 struct store_sealed_key *sealed)
	__attribute__((warn_unused_result));

/** Slots in one step: as text they fit a request to the recorder. */
#define STORE_RESEAL_MAX 48

#define STORE_SLOT_CHECK_BYTES 16

struct store_reseal {
	uint32_t day, slot;
	uint8_t old[STORE_SLOT_CHECK_BYTES]; /**< of the slot that was read */
	struct store_sealed_key new;
};

/** Who wants it, and when that is: for the ledger. */
struct store_reseal_by {
	const char *actor;
	int64_t now_ns;
};

/** Is it sealed to these recipients, and to nobody else? */
bool store_slot_is_for(const struct store_slot *slot,
		       const struct store_recipient *recipients, size_t count);

/**
 * Seal the key of a slot to other recipients.
 *
 * @return 0; -ENOKEY: this key does not open it
 * @cost about 64 us, and as much for each recipient
 */
int store_reseal_make(struct store_reseal *reseal,
		      const struct store_identity *identity,
		      const struct store_slot *slot,
		      const struct store_recipient *recipients, size_t count)
	__attribute__((warn_unused_result));

/**
 * Overwrite slots with what was made of them, all of one call durably: first
 * into a file of its own, from which it is done again if a crash comes in the
 * middle. A slot that meanwhile was destroyed, or is another one, stays as it is.
 * How many, to whom and who wanted it is entered into the ledger ("key-reseal")
 * before that.
 *
 * @param many [count] at most STORE_RESEAL_MAX; sealed to the recipients of now,
 *        else nothing is done
 * @param done of them
 * @return 0; -ESTALE: the recipients are others by now; -EINVAL, -EROFS, -EBUSY
 *         (a batch is open), -ENOSPC, -EIO
 * @cost four syncs, and one for each day
 */
int store_reseal(struct store_archive *archive,
		 const struct store_reseal *many, size_t count,
		 const struct store_reseal_by *by, size_t *done)
	__attribute__((warn_unused_result));

#endif
