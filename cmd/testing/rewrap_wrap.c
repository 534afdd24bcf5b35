/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rewrap: every frame into tunnels. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/testing/rewrap.h"

enum {
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTICAST = 0x8848,

	TYPE_AT = 12,
	ETHER_BYTES = 14,
	SNAP_LENGTH_AT = 12,
	PPPOE_LENGTH_AT = 18,

	PACKET_MAX = 65535,
	NAME_BYTES = 32
};

/* Names that say more than those of wrap.h. */
static const struct {
	const char *name;
	enum wrap wrap;
} others[] = {
	{ "gre-key-seq-sum", WRAP_gre_full },
	{ "geneve-opt", WRAP_geneve_options },
	{ "gtpu-ext", WRAP_gtpu_extension },
	{ "hep3", WRAP_hep },
};

/* The same but for "_", which is "-" to users? */
static bool
same_name(const char *ours, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < n && ours[i]; i++)
		if (name[i] != (ours[i] == '_' ? '-' : ours[i]))
			return false;
	return i == n && !ours[i];
}

int
rewrap_wrap_find(const char *name, size_t n)
{
	int i;

	for (i = 0; i < (int)(sizeof(others) / sizeof(*others)); i++)
		if (same_name(others[i].name, name, n))
			return (int)others[i].wrap;
	for (i = 0; i < WRAP_COUNT; i++)
		if (same_name(wrap_name((enum wrap)i), name, n))
			return i;
	return -1;
}

/* Its name for users. @param text [NAME_BYTES] */
static const char *
user_name(enum wrap wrap, char *text)
{
	char *c;

	snprintf(text, NAME_BYTES, "%s", wrap_name(wrap));
	for (c = text; *c; c++)
		if (*c == '_')
			*c = '-';
	return text;
}

void
rewrap_wraps_tell(FILE *to)
{
	char name[NAME_BYTES];
	size_t i;

	for (i = 0; i < WRAP_COUNT; i++)
		fprintf(to, "%s%s", i ? " " : "",
			user_name((enum wrap)i, name));
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		fprintf(to, " %s", others[i].name);
}

static bool
is_ip(uint32_t type)
{
	return type == TYPE_IP4 || type == TYPE_IP6;
}

/* Do two headers tell everything about what is between them? wrap_frame takes
 * any type where a field says the type; but a tag is no network protocol, and
 * a length no type. */
static bool
carries(enum wrap wrap, uint32_t type)
{
	switch (wrap) {
	case WRAP_gre:
	case WRAP_gre_full:
	case WRAP_gre_route:
	case WRAP_geneve_ip:
		return is_ip(type) || type == TYPE_MPLS ||
		       type == TYPE_MPLS_MULTICAST;
	default:
		return true;
	}
}

/* Where the outermost IP header is now, and what length is in front of it. */
static void
places_find(struct rewrap_frame *frame, enum wrap wrap)
{
	if (is_ip(rewrap_get16(frame->bytes + TYPE_AT))) {
		frame->ip_tail = frame->n - ETHER_BYTES;
		frame->length_tail = 0;
	} else if (wrap == WRAP_snap) {
		frame->length_tail = frame->n - SNAP_LENGTH_AT;
	} else if (wrap == WRAP_pppoe) {
		frame->length_tail = frame->n - PPPOE_LENGTH_AT;
	}
}

/* @return 0; -EINVAL: this wrapping cannot carry that; -ENOMEM */
static int
wrap_once(struct rewrap_frame *frame, enum wrap wrap)
{
	const struct wrap_moment moment = {
		.number = (uint32_t)frame->order,
		.time_ns = frame->time_ns,
	};
	uint8_t *out;
	uint32_t n;

	if (!carries(wrap, rewrap_get16(frame->bytes + TYPE_AT)))
		return -EINVAL;
	out = malloc(frame->n + WRAP_BYTES_MAX);
	if (!out)
		return -ENOMEM;
	n = wrap_frame_at(wrap, frame->bytes, frame->n, &moment, out);
	if (n == 0 || n - ETHER_BYTES > PACKET_MAX) {
		free(out);
		return -EINVAL;
	}
	free(frame->bytes);
	frame->bytes = out;
	frame->n = n;
	places_find(frame, wrap);
	return 0;
}

static int
frame_wrap(struct rewrap_frame *frame, enum wrap wrap)
{
	int rc = wrap_once(frame, wrap);

	/* Packets only, and this is none: networks put a frame into GRE. */
	if (rc == -EINVAL && wrap != WRAP_hep &&
	    !is_ip(rewrap_get16(frame->bytes + TYPE_AT)))
		rc = wrap_once(frame, WRAP_gre_teb);
	else
		return rc;
	return rc ? rc : wrap_once(frame, wrap);
}

static int
frame_wrap_all(struct rewrap_traffic *traffic, struct rewrap_frame *frame,
	       const enum wrap *wraps, size_t count)
{
	char name[NAME_BYTES];
	uint32_t n = frame->n;

	while (count--) {
		int rc = frame_wrap(frame, wraps[count]);

		if (rc == -ENOMEM)
			return rewrap_fail(traffic, rc, "out of memory");
		if (rc)
			return rewrap_fail(traffic, rc,
					   "frame %" PRIu64 " of %u bytes does "
					   "not go into %s",
					   frame->order + 1, n,
					   user_name(wraps[count], name));
	}
	return 0;
}

int
rewrap_wrap(struct rewrap_traffic *traffic, const enum wrap *wraps,
	    size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < traffic->count && rc == 0; i++)
		rc = frame_wrap_all(traffic, &traffic->frames[i], wraps, count);
	return rc;
}
