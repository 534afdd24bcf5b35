/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See secret.h. */
#include "capture/secret.h"

#include <string.h>
#include <sys/mman.h>

void *
capture_secret_new(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, bytes, MADV_DONTDUMP);
	(void)mlock2(p, bytes, MLOCK_ONFAULT);
	return p;
}

void
capture_secret_free(void *p, size_t bytes)
{
	if (!p)
		return;
	explicit_bzero(p, bytes);
	munmap(p, bytes);
}
