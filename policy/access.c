/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may do what with a recording: owners everything; others what a line of
 * the access matrix gives to a role that they hold, by themselves or through a
 * group of the system.
 */
#include "policy/policy_priv.h"

#include <stdarg.h>
#include <string.h>

const char *
policy_right_name(enum policy_right right)
{
	static const char *const names[POLICY_RIGHT_COUNT] = {
		[POLICY_RIGHT_FIND] = "find",
		[POLICY_RIGHT_PLAY] = "play",
		[POLICY_RIGHT_EXPORT] = "export",
		[POLICY_RIGHT_SHARE] = "share",
		[POLICY_RIGHT_DELETE] = "delete",
		[POLICY_RIGHT_HOLD] = "hold",
		[POLICY_RIGHT_PAUSE] = "pause",
		[POLICY_RIGHT_REPORT] = "report",
		[POLICY_RIGHT_OPERATE] = "operate",
		[POLICY_RIGHT_POLICY] = "policy",
	};

	return (unsigned)right < POLICY_RIGHT_COUNT ? names[right] : "?";
}

static bool
is_named(const struct policy__names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (!strcmp(names->items[i], name))
			return true;
	}
	return false;
}

static bool
holds(const struct policy *policy, const struct policy_person *person,
      const char *role)
{
	for (size_t i = 0; i < policy->roles_count; i++) {
		const struct policy__role *one = &policy->roles[i];

		if (strcmp(one->name, role) != 0)
			continue;
		if (is_named(&one->users, person->user))
			return true;
		for (size_t g = 0; g < person->groups_count; g++) {
			if (is_named(&one->groups, person->groups[g]))
				return true;
		}
	}
	return false;
}

static bool
area_fits(const struct policy *policy, const struct policy__set *areas,
	  const char *area)
{
	for (size_t i = 0; i < areas->count; i++) {
		if (!strcmp(policy->areas[areas->items[i]].name, area))
			return true;
	}
	return areas->all;
}

static const struct policy__purpose *
purpose_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->purposes_count; i++) {
		if (!strcmp(policy->purposes[i].name, name))
			return &policy->purposes[i];
	}
	return NULL;
}

/** Somebody, what he wants, and the words for why not. */
struct request {
	const struct policy *policy;
	const struct policy_person *person;
	const struct policy_wish *wish;
	char *why;
	size_t why_bytes;
};

static bool __attribute__((format(printf, 2, 3)))
refuse(const struct request *request, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(request->why, request->why_bytes, format, arguments);
	va_end(arguments);
	return false;
}

/** @return false, and why */
static bool
purpose_allows(const struct request *request)
{
	const struct policy_wish *wish = request->wish;
	const struct policy__purpose *purpose;

	if (!wish->purpose)
		return true;
	purpose = purpose_find(request->policy, wish->purpose);
	if (!purpose)
		return refuse(request, "the policy knows no purpose '%.40s'",
			      wish->purpose);
	if (purpose->play_only && (wish->right == POLICY_RIGHT_EXPORT ||
				   wish->right == POLICY_RIGHT_SHARE))
		return refuse(request,
			      "for the purpose '%s' recordings are played, and "
			      "no copies made",
			      purpose->name);
	return true;
}

static bool
is_granted(const struct request *request, const struct policy__grant *grant)
{
	const struct policy_wish *wish = request->wish;

	return grant->rights >> wish->right & 1 &&
	       holds(request->policy, request->person, grant->role) &&
	       area_fits(request->policy, &grant->areas, wish->area) &&
	       (!wish->purpose || !grant->purposes.count ||
		is_named(&grant->purposes, wish->purpose));
}

bool
policy_person_known(const struct policy *policy,
		    const struct policy_person *person)
{
	if (policy_user_is_owner(policy, person->user))
		return true;
	for (size_t i = 0; i < policy->roles_count; i++) {
		if (holds(policy, person, policy->roles[i].name))
			return true;
	}
	return false;
}

uint32_t
policy_purpose_needs(const struct policy *policy, const char *purpose)
{
	const struct policy__purpose *one = purpose_find(policy, purpose);

	if (!one)
		return 0;
	return (one->needs_case ? POLICY_NEEDS_CASE : 0U) |
	       (one->needs_advice ? POLICY_NEEDS_ADVICE : 0U) |
	       (one->needs_approver || one->authorisers.count
		    ? POLICY_NEEDS_APPROVER
		    : 0U);
}

bool
policy_authorises(const struct policy *policy,
		  const struct policy_person *person, const char *purpose)
{
	const struct policy__purpose *one = purpose_find(policy, purpose);

	if (!one)
		return false;
	/* whoever it may be, as long as he is one of ours */
	if (!one->authorisers.count)
		return policy_person_known(policy, person);
	for (size_t i = 0; i < one->authorisers.count; i++) {
		if (holds(policy, person, one->authorisers.items[i]))
			return true;
	}
	return false;
}

bool
policy_may(const struct policy *policy, const struct policy_person *person,
	   const struct policy_wish *wish, char *why, size_t why_bytes)
{
	const struct request request = { policy, person, wish, why, why_bytes };
	const char *purpose = wish->purpose;

	if (why_bytes)
		why[0] = '\0';
	if (!purpose_allows(&request))
		return false;
	if (policy_user_is_owner(policy, person->user))
		return true;
	for (size_t i = 0; i < policy->grants_count; i++) {
		if (is_granted(&request, &policy->grants[i]))
			return true;
	}
	return refuse(&request,
		      "the access matrix does not give '%.40s' the right to "
		      "%s%s%s%.40s%s%s%.40s",
		      person->user,
		      wish->right == POLICY_RIGHT_POLICY ? "change the " : "",
		      policy_right_name(wish->right),
		      *wish->area ? " what is of '" : "", wish->area,
		      *wish->area ? "'" : "", purpose ? " for " : "",
		      purpose ? purpose : "");
}
