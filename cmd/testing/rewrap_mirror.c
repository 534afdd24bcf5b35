/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rewrap: what a mirror does to frames: each twice, and in another order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/testing/rewrap.h"

enum {
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
	TYPE_AT = 12,
	TAG_BYTES = 4,
	VLAN_OTHER = 200
};

#define LATER_NS (50 * REWRAP_MS_NS)

/* One more hop. */
static void
hop(struct rewrap_frame *frame)
{
	uint8_t *ip = frame->bytes + frame->n - frame->ip_tail;

	if (rewrap_ip_bytes(frame) == 0)
		return;
	if (ip[0] >> 4 == 6) {
		ip[7] = (uint8_t)(ip[7] - (ip[7] > 1));
		return;
	}
	ip[8] = (uint8_t)(ip[8] - (ip[8] > 1));
	rewrap_ip4_sum(ip);
}

/* Another number in the outermost tag, or a tag where there is none. There is
 * room for one. */
static void
vlan_change(struct rewrap_frame *frame)
{
	uint8_t *p = frame->bytes + TYPE_AT;
	uint32_t type = rewrap_get16(p);

	if (type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD) {
		p[3] ^= 1;
		return;
	}
	memmove(p + TAG_BYTES, p, frame->n - TYPE_AT);
	rewrap_put16(rewrap_put16(p, TYPE_VLAN), VLAN_OTHER);
	frame->n += TAG_BYTES;
}

static int
copy_add(struct rewrap_traffic *traffic, const struct rewrap_frame *frame,
	 bool vlan)
{
	static const uint8_t macs[12] = { 0x02, 0, 0, 0, 0xbb, 1,
					  0x02, 0, 0, 0, 0xbb, 2 };
	struct rewrap_frame copy = *frame;

	copy.bytes = malloc(frame->n + TAG_BYTES);
	if (!copy.bytes)
		return rewrap_fail(traffic, -ENOMEM, "out of memory");
	memcpy(copy.bytes, frame->bytes, frame->n);
	memcpy(copy.bytes, macs, sizeof(macs));
	copy.time_ns += (int64_t)rewrap_random(traffic, LATER_NS + 1);
	hop(&copy);
	if (vlan)
		vlan_change(&copy);
	return rewrap_add(traffic, copy);
}

int
rewrap_double(struct rewrap_traffic *traffic, bool vlan)
{
	size_t count = traffic->count;
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct rewrap_frame frame = traffic->frames[i];

		rc = copy_add(traffic, &frame, vlan);
	}
	rewrap_sort(traffic);
	return rc;
}

void
rewrap_reorder(struct rewrap_traffic *traffic, int64_t max_ns)
{
	for (size_t i = 0; i < traffic->count; i++)
		traffic->frames[i].time_ns +=
		    (int64_t)rewrap_random(traffic, (uint64_t)max_ns + 1);
	rewrap_sort(traffic);
}
