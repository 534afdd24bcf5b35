/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody, as the policy asks for them: by name and by the names of their
 * groups. */
#ifndef CMD_COMMON_PERSON_H
#define CMD_COMMON_PERSON_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"
#include "store/store.h"

#define PERSON_GROUPS_MAX 64

/** It points into itself, so it is not copied. */
struct person {
	struct policy_person person;
	char user[STORE_NAME_BYTES];
	char *groups[PERSON_GROUPS_MAX];
};

/**
 * Look somebody up. Whoever the system does not know, or where there is no
 * memory, has no groups.
 *
 * @param person person_fini it
 * @thread any
 * @cost may ask a directory service
 */
void person_init(struct person *person, const char *user);
void person_fini(struct person *person);

/** The same, on the heap. @return NULL: no memory */
struct person *person_new(const char *user);
/** NULL is fine. */
void person_free(struct person **person);

/** What the policy says about somebody, in an archive. */
struct person_asked {
	const struct person *person;
	const struct policy *policy; /**< in force */
	struct store_archive *archive;
	enum policy_right right;
};

/**
 * May they do that with a segment, by the area that it has? One that is not
 * there is nobody's secret: whoever does it says so.
 *
 * @param why [why_bytes] in words, if not
 * @return 0, -EACCES, -EBADMSG, -EIO
 * @thread that of the archive
 */
int person_may_segment(const struct person_asked *asked, const char *id,
		       char *why, size_t why_bytes)
	__attribute__((warn_unused_result));

/** ... wherever it may be? */
bool person_may_all(const struct person_asked *asked, char *why,
		    size_t why_bytes);

#endif
