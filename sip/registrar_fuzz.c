/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any row of REGISTER, their responses and ticks, of a few telephones, users,
 * hops and transactions, so that they meet; or a head with a Contact header of
 * any bytes. A row is 8 bytes:
 *
 *   u8 what    a message, or one with bytes as they are; its status
 *   u8 who     sends and gets it, and over how many hops
 *   u16 txn    Call-ID, CSeq, user
 *   u16 list   contacts, and how long they are to last
 *   u16 time   ms that pass, up to twice the time of a claim
 *
 * Whatever comes: no more are kept than may be, what is over goes with the
 * next tick, and whom an address is said to be of is confirmed and sends from
 * there, or has his contact there.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/rd.h"
#include "sip/sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { REGISTRATIONS_MAX = 6 };

static const int64_t MS_NS = 1000000LL;

struct row {
	unsigned what, who, txn, list, time;
};

static void
ignore(void *ctx, const struct sip_event *event)
{
	(void)ctx;
	(void)event;
}

/* ---- messages ------------------------------------------------------------ */

static size_t
add(char *text, size_t used, size_t room, const char *more)
{
	int n = snprintf(text + used, room - used, "%s", more);

	return (size_t)n < room - used ? used + (size_t)n : room - 1;
}

static size_t
add_contacts(char *text, size_t used, size_t room, unsigned list)
{
	static const char *const contacts[] = {
		"Contact: <sip:1@0.0.0.1>;expires=5\r\n",
		"m: sip:1@[::2]:5070;expires=0\r\n",
		"Contact: <sip:2@0.0.0.1:5060;ob>, <sip:2@0.0.0.3>\r\n",
		"Contact: *\r\n",
		"Expires: 0\r\n",
		"Expires: 40\r\n",
	};

	for (unsigned i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++)
		if (list >> i & 1)
			used = add(text, used, room, contacts[i]);
	return used;
}

static size_t
build(char *text, size_t room, const struct row *row)
{
	static const char *const starts[] = {
		"REGISTER sip:h SIP/2.0", "SIP/2.0 200 OK",
		"SIP/2.0 401 Challenge",  "REGISTER sip:h SIP/2.0",
		"SIP/2.0 200 OK",         "SIP/2.0 100 Trying",
	};
	int n = snprintf(text, room,
			 "%s\r\nVia: SIP/2.0/UDP h%s\r\nFrom: <sip:%u@h>\r\n"
			 "To: <sip:%u@h>\r\nCall-ID: %u\r\n"
			 "CSeq: %u REGISTER\r\n",
			 starts[row->what % 6], row->who & 4 ? ", b" : "",
			 row->txn & 3, row->txn & 3, row->txn >> 2 & 3,
			 row->txn >> 4 & 3);

	return add_contacts(text, (size_t)n, room, row->list);
}

static void
place(struct capture_endpoint *at, unsigned who)
{
	*at = (struct capture_endpoint){ .addr = { [10] = 0xff, [11] = 0xff },
					 .port = 5060 };
	at->addr[15] = (uint8_t)(1 + who);
}

static void
run(struct sip_tracker *tracker, const struct row *row, struct capture_rd *rd,
    int64_t now_ns)
{
	struct capture_pkt pkt = { .time_ns = now_ns };
	char text[2048];
	size_t n = build(text, sizeof(text) - 512, row), more;
	uint8_t *copy;

	if (row->what & 64) {
		more = capture_rd_left(rd) < 255 ? capture_rd_left(rd) : 255;
		more = row->what < 128 ? more : more / 2;
		n = add(text, n, sizeof(text) - 256, "Contact: ");
		if (more)
			memcpy(text + n, capture_rd_take(rd, more), more);
		n += more;
	}
	copy = malloc(n);
	if (!copy)
		abort();
	memcpy(copy, text, n);
	pkt.payload = copy;
	pkt.payload_bytes = (uint32_t)n;
	place(&pkt.src, row->who & 3);
	place(&pkt.dst, row->who >> 3 & 3);
	(void)sip_tracker_input(tracker, &pkt);
	free(copy);
}

/* ---- what must hold ------------------------------------------------------ */

struct seen {
	const struct sip_registrar *registrar;
	uint32_t count;
	int64_t now_ns;
	bool ticked;
};

static void
check(void *ctx, const struct sip_registration *one)
{
	const struct sip_registration *found;
	struct seen *seen = ctx;

	seen->count++;
	assert(one->user[0] && one->contact[0]);
	assert(strlen(one->contact) < SIP_CONTACT_BYTES);
	assert(!seen->ticked || one->until_ns > seen->now_ns);
	found = sip_registrar_find_user(seen->registrar, one->user);
	assert(found ? found->confirmed && strcmp(found->user, one->user) == 0
		     : !one->confirmed);
}

static void
check_all(const struct sip_tracker *tracker, int64_t now_ns, bool ticked)
{
	struct seen seen = { .registrar = sip_tracker_registrar_peek(tracker),
			     .now_ns = now_ns,
			     .ticked = ticked };
	struct capture_endpoint at;

	sip_registrar_walk(seen.registrar, check, &seen);
	assert(seen.count == sip_registrar_count(seen.registrar));
	assert(seen.count <= REGISTRATIONS_MAX);
	for (unsigned who = 0; who < 4; who++) {
		const struct sip_registration *one;

		place(&at, who);
		one = sip_registrar_find_address(seen.registrar, &at);
		assert(!one || (one->confirmed && one->direct &&
				memcmp(one->from.addr, at.addr, 16) == 0));
	}
}

static bool
next(struct row *row, struct capture_rd *rd)
{
	if (capture_rd_left(rd) < 8)
		return false;
	row->what = capture_rd_u8(rd);
	row->who = capture_rd_u8(rd);
	row->txn = capture_rd_u16(rd);
	row->list = capture_rd_u16(rd);
	row->time = capture_rd_u16(rd);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct sip_config config = { .registrations_max =
					       REGISTRATIONS_MAX,
					   .hash_key = "of the fuzzers" };
	struct capture_rd rd = capture_rd_init(bytes, n);
	struct sip_tracker *tracker;
	int64_t now_ns = 1000000 * MS_NS;
	struct row row;

	if (sip_tracker_new(&tracker, &config, ignore, NULL))
		abort();
	while (next(&row, &rd)) {
		bool tick = row.what & 32;

		now_ns += row.time * MS_NS;
		run(tracker, &row, &rd, now_ns);
		if (tick)
			sip_tracker_tick(tracker, now_ns);
		check_all(tracker, now_ns, tick);
	}
	sip_tracker_tick(tracker, INT64_MAX);
	assert(sip_registrar_count(sip_tracker_registrar_peek(tracker)) == 0);
	sip_tracker_free(&tracker);
	return 0;
}
