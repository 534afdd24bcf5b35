/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cgroups(7): each line of /proc/self/cgroup is "number:controllers:path", that
 * of version 2 without controllers. A limit of a group above holds as well. */
#include "cmd/common/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LINE_BYTES (PATH_MAX + 256)
/* Version 1 says "none" by a number that is about the largest there is. */
#define NONE (UINT64_C(1) << 60)

/** @param a, b 0: no limit */
static uint64_t
least(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/** @return 0: no limit, or "max" */
static uint64_t
limit_read(const char *folder, const char *name)
{
	char path[LINE_BYTES + 64], text[32] = "";
	uint64_t bytes;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	bytes = strtoull(text, NULL, 10);
	return bytes < NONE ? bytes : 0;
}

/** Of a group and all above it, up to where they are mounted: where that is a
 * group itself, as in a container, what lies above is not to be seen. */
static uint64_t
group_limit(const char *mount, const char *path, const char *name)
{
	char folder[LINE_BYTES];
	uint64_t found = 0;
	char *slash;
	size_t root = strlen(mount);
	int n = snprintf(folder, sizeof(folder), "%s%s", mount, path);

	if (n < 0 || (size_t)n >= sizeof(folder))
		return 0;
	for (;;) {
		found = least(found, limit_read(folder, name));
		slash = strrchr(folder, '/');
		if (!slash || (size_t)(slash - folder) < root)
			return found;
		*slash = '\0';
	}
}

static bool
has_word(const char *list, const char *word)
{
	const size_t n = strlen(word);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, word, n) == 0 &&
		    (list[n] == ',' || list[n] == '\0'))
			return true;
	}
	return false;
}

uint64_t
memory_of_groups(const char *groups, const char *mount)
{
	char line[LINE_BYTES], old[PATH_MAX];
	char *controllers, *path;
	uint64_t found = 0;
	FILE *file = fopen(groups, "re");

	if (!file)
		return 0;
	snprintf(old, sizeof(old), "%s/memory", mount);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		controllers = strchr(line, ':');
		path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if (!*controllers)
			found = least(found,
				      group_limit(mount, path, "memory.max"));
		else if (has_word(controllers, "memory"))
			found =
			    least(found, group_limit(old, path,
						     "memory.limit_in_bytes"));
	}
	fclose(file);
	return found;
}

uint64_t
memory_given(void)
{
	uint64_t found =
	    memory_of_groups("/proc/self/cgroup", "/sys/fs/cgroup");
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY)
		found = least(found, limit.rlim_cur);
	return found;
}

/* ---- what is made to fit --------------------------------------------------
 */

/* Of 32 parts. What is left is for recordings, the kernel, and all else. */
enum { FLOWS = 12, CALLS = 4, LOOKBACK = 4, TCP = 4, FRAGMENTS = 1, ALL = 32 };

/* A place of a packet in a jitter buffer, and more than a call takes before it
 * is recorded (sip_bench). */
enum { SLOT_BYTES = 32, CALL_BYTES = 8192 };

static bool
lower(uint32_t *setting, uint64_t bytes, uint64_t each, uint32_t least_of_it)
{
	uint64_t fit = bytes / each;

	if (fit < least_of_it)
		fit = least_of_it;
	if (*setting <= fit)
		return false;
	*setting = (uint32_t)fit;
	return true;
}

bool
memory_fit(struct home_settings *s, uint64_t bytes, uint32_t threads)
{
	const uint64_t flow =
	    s->flow_log_kib * UINT64_C(1024) + s->flow_slots * SLOT_BYTES;
	const uint64_t part = bytes / ALL, mib = UINT64_C(1) << 20;
	bool lowered;

	if (!bytes)
		return false;
	/* The least that settings may be. */
	lowered = lower(&s->flows_max, part * FLOWS / threads, flow, 16);
	lowered |= lower(&s->calls_max, part * CALLS, CALL_BYTES, 16);
	lowered |= lower(&s->lookback_mib, part * LOOKBACK, mib, 1);
	lowered |= lower(&s->tcp_mib, part * TCP / threads, mib, 1);
	lowered |= lower(&s->fragments_mib, part * FRAGMENTS / threads, mib, 1);
	return lowered;
}
