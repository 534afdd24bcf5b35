/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a policy. Lists are NULL, and empty, where nothing was read. */
#include "policy/test_priv.h"

#include <stdlib.h>

static void
areas_free(struct policy *p)
{
	for (size_t i = 0; i < p->groups_count; i++)
		free(p->groups[i].numbers.items);
	free(p->groups);
	for (size_t i = 0; i < p->sites_count; i++) {
		free(p->sites[i].extensions.items);
		free(p->sites[i].networks.items);
	}
	free(p->sites);
	for (size_t i = 0; i < p->areas_count; i++) {
		free(p->areas[i].extensions.items);
		free(p->areas[i].queues.items);
		free(p->areas[i].sites.items);
		free(p->areas[i].confidential.items);
	}
	free(p->areas);
}

static void
calls_free(struct policy *p)
{
	for (size_t i = 0; i < p->exemptions_count; i++)
		free(p->exemptions[i].numbers.items);
	free(p->exemptions);
	for (size_t i = 0; i < p->listen_denies_count; i++)
		free(p->listen_denies[i].numbers.items);
	free(p->listen_denies);
	for (size_t i = 0; i < p->payments_count; i++) {
		free(p->payments[i].areas.items);
		free(p->payments[i].targets.items);
	}
	free(p->payments);
	free(p->opt_out.areas.items);
	for (size_t i = 0; i < p->rules_count; i++) {
		free(p->rules[i].numbers.items);
		free(p->rules[i].from.items);
		free(p->rules[i].to.items);
		free(p->rules[i].queues.items);
		free(p->rules[i].areas.items);
		free(p->rules[i].sites.items);
	}
	free(p->rules);
}

static void
people_free(struct policy *p)
{
	for (size_t i = 0; i < p->purposes_count; i++)
		free(p->purposes[i].authorisers.items);
	free(p->purposes);
	free(p->owners.items);
	for (size_t i = 0; i < p->roles_count; i++) {
		free(p->roles[i].users.items);
		free(p->roles[i].groups.items);
	}
	free(p->roles);
	for (size_t i = 0; i < p->grants_count; i++) {
		free(p->grants[i].areas.items);
		free(p->grants[i].purposes.items);
	}
	free(p->grants);
	for (size_t i = 0; i < p->releases_count; i++) {
		free(p->releases[i].reasons.items);
		free(p->releases[i].authorisers.items);
	}
	free(p->releases);
	free(p->reminders);
	for (size_t i = 0; i < p->announced_count; i++)
		free(p->announced[i].numbers.items);
	free(p->announced);
	for (size_t i = 0; i < p->samples_count; i++)
		free(p->samples[i].areas.items);
	free(p->samples);
}

void
policy_free(struct policy **policy)
{
	struct policy *p = *policy;

	*policy = NULL;
	if (!p)
		return;
	policy__lookup_free(&p->lookup);
	policy_zone_free(&p->zone);
	free(p->numbering.internal.items);
	free(p->numbering.external.items);
	free(p->networks.items);
	free(p->document.consulted);
	free(p->document.history);
	free(p->classes);
	areas_free(p);
	calls_free(p);
	people_free(p);
	policy__tests_free(p);
	policy__texts_free(&p->texts);
	free(p);
}
