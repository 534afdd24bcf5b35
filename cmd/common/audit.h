/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program that writes into an archive needs for its ledger: the key that
 * signs it, and entries with a head behind them. */
#ifndef CMD_COMMON_AUDIT_H
#define CMD_COMMON_AUDIT_H

#include <stddef.h>

#include "cmd/common/home.h"
#include "store/store.h"
#include "store/audit.h"

/**
 * Load the key that signs heads; where there is none, make one, which belongs
 * to the owner of the archive. Without it everything works, but nothing is
 * signed.
 *
 * @param quiet say nothing of a key that may not be read or made
 * @return NULL: there is none, and a warning says why
 */
struct store_signer *audit_signer(const struct home *home, bool quiet);

/**
 * Enter what was done, and sign it, all in one commit.
 *
 * @param signer NULL: it is not signed
 * @return 0, or negative errno as store_ledger_put
 */
int audit_enter(struct store_archive *archive,
		const struct store_signer *signer,
		struct store_ledger_entry *entries, size_t count)
	__attribute__((warn_unused_result));

/** "2 recordings closed as interrupted, ..." of what a crash left. @return
 * false: it left nothing */
bool audit_recovery_text(const struct store_recovery *recovery, char *text,
			 size_t bytes);

/** The same into the log, and what somebody should look at. */
void audit_recovery_tell(const struct store_recovery *recovery);

#endif
