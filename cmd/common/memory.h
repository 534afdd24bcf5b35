/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much memory this process is given. In a control group it is killed when it
 * takes more, where malloc(3) would not fail before: so what takes the most is
 * made to fit at the start.
 */
#ifndef CMD_COMMON_MEMORY_H
#define CMD_COMMON_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/common/home.h"

/**
 * The least of RLIMIT_DATA and the limits of the control groups that it is in,
 * of version 1 and 2.
 *
 * @return [bytes], 0: nobody limits it, or it cannot be told
 */
uint64_t memory_given(void);

/** Of the control groups alone, for tests.
 * @param groups "/proc/self/cgroup" @param mount "/sys/fs/cgroup" */
uint64_t memory_of_groups(const char *groups, const char *mount);

/**
 * Lower settings that would take more than their part of it when all is full:
 * strangers can fill all of it. Three eighths are for jitter buffers, an eighth
 * each for calls, for look-back and for TCP, and less for fragments.
 *
 * @param bytes as of memory_given @param threads that capture
 * @return whether any was lowered
 */
bool memory_fit(struct home_settings *settings, uint64_t bytes,
		uint32_t threads);

#endif
