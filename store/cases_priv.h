/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What cases.c and holds.c share. All of it is done in the transaction of one
 * act: 0, or a negative errno, which undoes it. */
#ifndef STORE_CASES_PRIV_H
#define STORE_CASES_PRIV_H

#include "store/cases.h"
#include "store/store_priv.h"

/** Doing one act. */
struct store__doing {
	struct store_archive *archive;
	MDB_txn *txn;
	const struct store_act *act;
	struct store_case of;              /**< as it stands in the archive */
	char called[STORE_CASE_BYTES + 8]; /**< "case CMP-9" */
	char *failed;
	char *reason; /**< of a case that is closed, for the ledger */
};

#define STORE__DETAIL_BYTES sizeof(((struct store_ledger_entry *)0)->detail)

void store__hold_key(struct store__key *key,
		     const struct store_segment *segment, const char *name);
void store__held_for_key(struct store__key *key, const char *name,
			 const struct store_segment *segment);

/** @return -ENOENT: there is none */
int store__case_get(const struct store_archive *archive, MDB_txn *txn,
		    const char *name, struct store_case *found)
	__attribute__((warn_unused_result));
int store__case_put(const struct store__doing *d, const struct store_case *c)
	__attribute__((warn_unused_result));

/** An entry of the ledger. */
int store__case_enter(const struct store__doing *d, const char *action,
		      const char *subject, const char *detail)
	__attribute__((warn_unused_result));

/**
 * Note and reason, for the ledger: whoever reads that may know what a case was
 * about, not who called.
 *
 * @param segment NULL: none
 */
int store__case_reason(const struct store__doing *d,
		       const struct store_segment *segment,
		       char text[STORE__DETAIL_BYTES])
	__attribute__((warn_unused_result));

/** @param at the keys that begin with it; empty: all @return 0, what fn
 * returned, negative errno */
int store__cases_walk(MDB_txn *txn, MDB_dbi table, struct store__key *at,
		      int (*fn)(void *ctx, const MDB_val *key,
				const MDB_val *value),
		      void *ctx) __attribute__((warn_unused_result));

/** Of one segment, for the case: -ENOENT where there is no such hold; else as
 * store_act. */
int store__hold_add(const struct store__doing *d, const char *id)
	__attribute__((warn_unused_result));
int store__hold_end(const struct store__doing *d, const char *id)
	__attribute__((warn_unused_result));
/** It is needed for longer: what was said before stays in the ledger. */
int store__hold_review(const struct store__doing *d, const char *id)
	__attribute__((warn_unused_result));
/** One that ended with the case. */
int store__hold_again(const struct store__doing *d, const char *id)
	__attribute__((warn_unused_result));
/** The answer is due later, and so what is held for it is looked at later. */
int store__hold_later(const struct store__doing *d, const char *id)
	__attribute__((warn_unused_result));

#endif
