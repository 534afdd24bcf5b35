/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See process.h. */
#include "cmd/common/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int
process_guard(void)
{
	const struct rlimit none = { 0, 0 };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
#ifdef SPANREC_SANITIZED
	/* The leak checker attaches to its own process. */
	return 0;
#else
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
#endif
}

static const char *damage_words;
static int damage_exit;

static void
on_damage(int number)
{
	(void)!write(STDERR_FILENO, damage_words, strlen(damage_words));
	_exit(damage_exit);
}

void
process_on_damage(const char *words, int exit_code)
{
	damage_words = words;
	damage_exit = exit_code;
#ifdef SPANREC_SANITIZED
	(void)on_damage; /* sanitizers tell where it was */
#else
	signal(SIGBUS, on_damage);
	signal(SIGSEGV, on_damage);
#endif
}

void
process_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
