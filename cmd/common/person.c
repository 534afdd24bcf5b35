/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody, and what the policy lets them do. */
#include "cmd/common/person.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest entry of the user and group databases. */
#define ENTRY_BYTES (256 * 1024)

static char *
group_name(gid_t gid, char *buffer)
{
	struct group entry, *found = NULL;

	(void)getgrgid_r(gid, &entry, buffer, ENTRY_BYTES, &found);
	return found ? strdup(found->gr_name) : NULL;
}

void
person_init(struct person *person, const char *user)
{
	struct passwd entry, *found = NULL;
	char *buffer = malloc(ENTRY_BYTES);
	gid_t ids[PERSON_GROUPS_MAX];
	int count = PERSON_GROUPS_MAX;

	*person = (struct person){ 0 };
	snprintf(person->user, sizeof(person->user), "%s", user);
	person->person.user = person->user;
	person->person.groups = (const char *const *)person->groups;
	if (buffer)
		(void)getpwnam_r(user, &entry, buffer, ENTRY_BYTES, &found);
	if (found && getgrouplist(user, found->pw_gid, ids, &count) >= 0)
		for (int i = 0; i < count; i++) {
			char **name =
			    &person->groups[person->person.groups_count];

			*name = group_name(ids[i], buffer);
			person->person.groups_count += *name != NULL;
		}
	free(buffer);
}

void
person_fini(struct person *person)
{
	for (size_t i = 0; i < person->person.groups_count; i++)
		free(person->groups[i]);
	person->person.groups_count = 0;
}

struct person *
person_new(const char *user)
{
	struct person *person = malloc(sizeof(*person));

	if (person)
		person_init(person, user);
	return person;
}

void
person_free(struct person **person)
{
	if (*person)
		person_fini(*person);
	free(*person);
	*person = NULL;
}

int
person_may_segment(const struct person_asked *asked, const char *id, char *why,
		   size_t why_bytes)
{
	struct store_segment segment;
	struct policy_wish wish = { .right = asked->right,
				    .area = segment.area };
	int r = store_segment_get(asked->archive, id, &segment);

	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	return policy_may(asked->policy, &asked->person->person, &wish, why,
			  why_bytes)
		   ? 0
		   : -EACCES;
}

bool
person_may_all(const struct person_asked *asked, char *why, size_t why_bytes)
{
	/* Of no area: who has the right for all areas has it for this. */
	const struct policy_wish wish = { .right = asked->right, .area = "" };

	return policy_may(asked->policy, &asked->person->person, &wish, why,
			  why_bytes);
}
