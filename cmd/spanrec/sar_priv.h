/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of `spanrec sar` share. */
#ifndef CMD_SPANREC_SAR_PRIV_H
#define CMD_SPANREC_SAR_PRIV_H

#include "cmd/spanrec/cases_priv.h"
#include "store/cases.h"

/** Segments in which a subject had part, in order of time. */
struct spanrec_sar_found {
	struct store_segment *segments;
	size_t count, capacity;
	uint64_t skipped; /**< rows that cannot be read */
};

/** What there is of the numbers and the period of a request.
 * @param found spanrec_sar_found_fini it, also on failure @return exit code */
int spanrec_sar_find(struct spanrec *spanrec, const struct store_case *sar,
		     struct spanrec_sar_found *found)
	__attribute__((warn_unused_result));
void spanrec_sar_found_fini(struct spanrec_sar_found *found);

/** By when it has to be answered; if it is paused, as if it went on today. */
void spanrec_sar_due(const struct spanrec *spanrec,
		     const struct store_case *sar, struct policy_date *due);

/** Write the certificate. @param path of a new file; NULL: to spanrec->out
 * @return exit code */
int spanrec_sar_certify(struct spanrec *spanrec, const struct store_case *sar,
			const char *path) __attribute__((warn_unused_result));

#endif
