/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as an answer of the kernel about an interface. The answer is a
 * block of its own, so that the first byte read past its end is found.
 */
#include "capture/link_priv.h"

#include <assert.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Most lengths would be wrong, and nothing behind them be looked at. */
static void
mend_length(uint8_t *reply, size_t n)
{
	uint32_t length = (uint32_t)n;

	if (n >= sizeof(struct nlmsghdr))
		memcpy(reply, &length, sizeof(length));
}

static void
check(const uint8_t *reply, size_t n)
{
	struct capture__link link, again;
	int r = capture__link_read(reply, n, &link);

	assert(r <= 0);
	assert(memchr(link.name, '\0', sizeof(link.name)));
	assert(capture__link_read(reply, n, &again) == r);
	assert(memcmp(&link, &again, sizeof(link)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *reply = malloc(n ? n : 1);

	assert(reply);
	memcpy(reply, data, n);
	check(reply, n);
	mend_length(reply, n);
	check(reply, n);
	free(reply);
	return 0;
}
