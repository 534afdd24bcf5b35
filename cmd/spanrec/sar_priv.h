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

/** What there is of the numbers of a request, in any of the searches for it, and
 * what is held for it.
 * @param only in this one; NULL: in all
 * @param found spanrec_sar_found_fini it, also on failure @return exit code */
int spanrec_sar_find(struct spanrec *spanrec, const struct store_case *sar,
		     const struct store_case_search *only,
		     struct spanrec_sar_found *found)
	__attribute__((warn_unused_result));
void spanrec_sar_found_fini(struct spanrec_sar_found *found);

/** Read the command line, open the archive; who may not hold, may not.
 * @return exit code */
int spanrec_sar_begin(struct spanrec_case_options *options,
		      const struct spanrec_case_usage *usage, int argc,
		      char **argv, enum store_mode mode)
	__attribute__((warn_unused_result));

/** "SAR-1: the answer is due by 2019-04-30 (...)" */
void spanrec_sar_tell_due(const struct spanrec *spanrec,
			  const struct store_case *sar);

/** The period of a search, for people. @return text */
const char *
spanrec_sar_period(const struct spanrec *spanrec,
		   const struct store_case_search *search,
		   char text[2 * SPANREC_TIME_BYTES + 16]);

/** Numbers of the subject, with commas. @return text */
const char *spanrec_sar_subjects(const struct store_case *sar,
				 char text[SPANREC_TEXT_BYTES]);

/** "SAR-1 was answered on 2019-05-02, 2 days late: it was due by ..." */
void spanrec_sar_print_answer(const struct spanrec *spanrec,
			      const struct store_case *sar);

/** Write the certificate. @param path of a new file; NULL: to spanrec->out
 * @return exit code */
int spanrec_sar_certify(struct spanrec *spanrec, const struct store_case *sar,
			const char *path) __attribute__((warn_unused_result));

/* the words that follow `sar`: sar_clock.c, sar_list.c */
int spanrec_sar_pause(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar_resume(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar_extend(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar_answer(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar_reopen(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar_list(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar_show(struct spanrec *spanrec, int argc, char **argv);

#endif
