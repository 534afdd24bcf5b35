/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands about keys: what their files share. */
#ifndef CMD_SPANREC_KEY_PRIV_H
#define CMD_SPANREC_KEY_PRIV_H

#include "cmd/common/rekey.h"
#include "cmd/spanrec/spanrec.h"

/* each is given its own part of the command line; exit code */
int spanrec_key_new(struct spanrec *spanrec, int argc, char **argv);
int spanrec_key_list(struct spanrec *spanrec, int argc, char **argv);
int spanrec_key_rotate(struct spanrec *spanrec, int argc, char **argv);
int spanrec_key_escrow(struct spanrec *spanrec, int argc, char **argv);
int spanrec_key_remove(struct spanrec *spanrec, int argc, char **argv);
int spanrec_key_passphrase(struct spanrec *spanrec, int argc, char **argv);

/* ---- vault.c ------------------------------------------------------------ */

/** --key, or what the settings name; "": none. */
const char *spanrec_key_path(const struct spanrec *spanrec);
/** Say why a private key cannot be opened. @return exit code */
int spanrec_key_failed(struct spanrec *spanrec, const char *path, int error);
/** From the first line of a file. @return exit code */
int spanrec_passphrase_file(const char *path,
			    struct store_passphrase *passphrase)
	__attribute__((warn_unused_result));
/** A new one. @param option the one that names a file for it
 * @param file NULL: from the terminal, twice
 * @param passphrase store_passphrase_free it; NULL on failure
 * @return exit code */
int spanrec_passphrase_new(const char *option, const char *file,
			   struct store_passphrase **passphrase)
	__attribute__((warn_unused_result));

/* ---- key.c -------------------------------------------------------------- */

/** Make FILE and, if that is wanted, FILE.pub.
 * @param passphrase NULL: plain @return exit code */
int spanrec_key_make(const char *file,
		     const struct store_passphrase *passphrase,
		     bool public_half, struct store_public *pub)
	__attribute__((warn_unused_result));

/* ---- key_reseal.c ------------------------------------------------------- */

/** Open the archive for an owner, who changes keys. @return exit code */
int spanrec_key_open(struct spanrec *spanrec)
	__attribute__((warn_unused_result));
/** Do a step, or let the recorder do it. @param step -EALREADY is no failure
 * @return exit code */
int spanrec_rekey_step(struct spanrec *spanrec, struct rekey_step *step)
	__attribute__((warn_unused_result));
/** One of the two may be NULL. @return exit code */
int spanrec_rekey_change(struct spanrec *spanrec,
			 const struct store_public *remove,
			 const struct store_public *add,
			 enum store_recipient_role role)
	__attribute__((warn_unused_result));
/** Seal the keys of all recordings that spanrec->identity opens to the
 * recipients of now, and tell what came of it. @return exit code */
int spanrec_reseal_all(struct spanrec *spanrec)
	__attribute__((warn_unused_result));

#endif
