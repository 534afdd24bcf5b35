/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Are the policies that decided still kept, and what they were? Each is named
 * by the hash of its text.
 */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

int
store__policies_note(struct store__policies *policies,
		     const uint8_t hash[STORE_HASH_BYTES])
{
	static const uint8_t none[STORE_HASH_BYTES];
	uint8_t(*grown)[STORE_HASH_BYTES];

	if (memcmp(hash, none, sizeof(none)) == 0)
		return 0;
	/* the last one first: neighbours are mostly of one policy */
	for (size_t i = policies->count; i-- > 0;)
		if (memcmp(policies->hashes[i], hash, STORE_HASH_BYTES) == 0)
			return 0;
	grown =
	    realloc(policies->hashes, (policies->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	policies->hashes = grown;
	memcpy(grown[policies->count++], hash, STORE_HASH_BYTES);
	return 0;
}

void
store__policies_fini(struct store__policies *policies)
{
	free(policies->hashes);
	*policies = (struct store__policies){ 0 };
}

struct checking {
	struct store__policies *policies;
	int (*fn)(void *ctx, const struct store_finding *);
	void *ctx;
	struct store_archive *archive;
};

static int
note_kept(void *ctx, const uint8_t hash[STORE_HASH_BYTES])
{
	const struct checking *checking = ctx;

	return store__policies_note(checking->policies, hash);
}

/* @return 0, or what stops all */
static int
check(const struct checking *checking, const uint8_t hash[STORE_HASH_BYTES])
{
	char hex[2 * STORE_HASH_BYTES + 1];
	char name[sizeof("policy/.yaml") + 2 * STORE_HASH_BYTES];
	struct store_finding finding = { .id = name,
					 .type = STORE_FINDING_DAMAGED };
	char *text;
	size_t n;
	int r = store_archive_policy(checking->archive, hash, &text, &n);

	free(text);
	if (r == 0 ||
	    (r != -ENOENT && r != -EBADMSG && r != -EIO && r != -EACCES))
		return r;
	if (r == -EACCES)
		finding.type = STORE_FINDING_REFUSED;
	store_hex(hex, hash, STORE_HASH_BYTES);
	snprintf(name, sizeof(name), "policy/%s.yaml", hex);
	snprintf(finding.detail, sizeof(finding.detail), "%s",
		 r == -ENOENT
		     ? "the policy that decided about recordings is missing"
		 : r == -EBADMSG ? "it is not the policy of that name any more"
		 : r == -EACCES  ? strerror(EACCES)
				 : "it cannot be read");
	return checking->fn(checking->ctx, &finding);
}

int
store__policies_check(struct store_archive *archive,
		      struct store__policies *policies,
		      int (*fn)(void *ctx, const struct store_finding *),
		      void *ctx)
{
	struct checking checking = {
		.policies = policies, .fn = fn, .ctx = ctx, .archive = archive
	};
	int r = store_archive_policies(archive, note_kept, &checking);

	for (size_t i = 0; i < policies->count && r == 0; i++)
		r = check(&checking, policies->hashes[i]);
	return r;
}
