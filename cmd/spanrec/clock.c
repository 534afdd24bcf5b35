/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Until when a segment lives. The policy of today decides about every class
 * that it knows, so that a change holds for what is stored. A class that it
 * does not know may never have been in it: spanrecd can be given another policy
 * file than that of the home. Then the policy that decided has the word, which
 * the archive keeps under its hash.
 */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct spanrec_kept {
	bool tried;
	uint8_t hash[STORE_HASH_BYTES];
	struct policy *policy; /**< NULL: missing or not what it was */
};

int
spanrec_kept_new(struct spanrec_kept **kept)
{
	*kept = calloc(1, sizeof(**kept));
	return *kept ? 0 : -ENOMEM;
}

void
spanrec_kept_free(struct spanrec_kept **kept)
{
	if (*kept)
		policy_free(&(*kept)->policy);
	free(*kept);
	*kept = NULL;
}

/* @return 0, -EBADMSG: not the text of that name, -EINVAL, -ENOENT, ... */
static int
load(const struct spanrec *spanrec, const uint8_t hash[STORE_HASH_BYTES],
     struct policy **policy)
{
	char path[PATH_MAX], name[2 * STORE_HASH_BYTES + 1], *text;
	uint8_t found[STORE_HASH_BYTES];
	struct policy_errors errors;
	size_t n;
	int rc;

	store_hex(name, hash, STORE_HASH_BYTES);
	rc = snprintf(path, sizeof(path), "%s/policy/%s.yaml",
		      spanrec->home.archive_path, name);
	if (rc < 0 || rc >= PATH_MAX)
		return -ENAMETOOLONG;
	rc = home_file_read(path, &text, &n);
	if (rc)
		return rc;
	store_hash(found, text, n);
	rc = memcmp(found, hash, STORE_HASH_BYTES)
		 ? -EBADMSG
		 : policy_load(policy, text, n, &errors);
	free(text);
	return rc;
}

/* Segments of one policy come in a row: the last one is enough.
 * @return 0 (*policy may be NULL), -ENOMEM */
static int
find(const struct spanrec *spanrec, const uint8_t hash[STORE_HASH_BYTES],
     const struct policy **policy)
{
	struct spanrec_kept *kept = spanrec->kept;

	if (!kept->tried || memcmp(kept->hash, hash, STORE_HASH_BYTES) != 0) {
		policy_free(&kept->policy);
		kept->tried = false;
		/* want of memory says nothing of the file */
		if (load(spanrec, hash, &kept->policy) == -ENOMEM)
			return -ENOMEM;
		memcpy(kept->hash, hash, STORE_HASH_BYTES);
		kept->tried = true;
	}
	*policy = kept->policy;
	return 0;
}

int
spanrec_clock(const struct spanrec *spanrec,
	      const struct store_segment *segment, struct policy_clock *clock)
{
	const struct policy *policy;
	struct policy_clock then;
	int rc = policy_clock(spanrec->policy, segment->retention,
			      segment->call_start_ns, clock);

	if (rc != -ENOENT)
		return rc;
	rc = find(spanrec, segment->policy, &policy);
	if (rc)
		return rc;
	if (!policy || policy_clock(policy, segment->retention,
				    segment->call_start_ns, &then))
		return -ENOENT;
	/* how long notes stay is no matter of classes: today's policy says */
	if (then.ceiling_ns > clock->metadata_ns)
		clock->metadata_ns = then.ceiling_ns;
	then.metadata_ns = clock->metadata_ns;
	*clock = then;
	return SPANREC_CLOCK_KEPT;
}
