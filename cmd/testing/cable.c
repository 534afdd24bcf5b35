/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/testing/cable.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#define MS_NS INT64_C(1000000)

/* ---- the cable ----------------------------------------------------------- */

int
testing_shell(const char *line)
{
	int status = system(line); /* NOLINT: a test's own words */

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *
testing_cable_new(void)
{
	if (geteuid() != 0)
		return "not root";
	if (unshare(CLONE_NEWNET) < 0)
		return "no network namespaces";
	/* No neighbour discovery among the frames, where that can be had. */
	(void)testing_shell("cd /proc/sys/net/ipv6/conf 2>/dev/null && "
			    "{ echo 1 >all/disable_ipv6; "
			    "echo 1 >default/disable_ipv6; } 2>/dev/null");
	if (testing_shell("ip link set lo up && "
			  "ip link add gen type veth peer name span0 && "
			  "ip link set gen up && ip link set span0 up") != 0)
		return "no cable of two interfaces";
	testing_cable_wait("gen");
	testing_cable_wait("span0");
	return NULL;
}

void
testing_cable_wait(const char *interface)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), i;

	assert(fd >= 0);
	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	for (i = 0; i < 1000; i++) {
		if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 &&
		    (request.ifr_flags & IFF_RUNNING))
			break;
		testing_nap(5);
	}
	assert(i < 1000);
	close(fd);
}

int
testing_cable_end(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	int fd;

	testing_rights(true);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	assert(fd >= 0);
	address.sll_ifindex = (int)if_nametoindex(interface);
	assert(address.sll_ifindex != 0);
	assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* ---- rights, time -------------------------------------------------------- */

static void
set_rights(bool permitted, bool effective)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];
	int i;

	assert(syscall(SYS_capget, &head, data) == 0);
	for (i = 0; i < 2; i++) {
		if (!permitted)
			data[i].permitted = data[i].inheritable = 0;
		data[i].effective = effective ? data[i].permitted : 0;
	}
	assert(syscall(SYS_capset, &head, data) == 0);
}

/* The kernel asks for the effective ones only, and they can be had back. */
void
testing_rights(bool on)
{
	set_rights(true, on);
}

void
testing_rights_give_up(void)
{
	set_rights(false, false);
}

int64_t
testing_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

void
testing_nap(unsigned ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * MS_NS };

	nanosleep(&ts, NULL);
}

/* ---- frames -------------------------------------------------------------- */

enum { ETHER_BYTES = 14, TAG_BYTES = 4, HEADS_BYTES = 42, MARK = 0x5eed };

struct mark {
	uint16_t magic;
	uint16_t flow;
	uint32_t number;
};

static void
put16(uint8_t *bytes, uint32_t v)
{
	bytes[0] = (uint8_t)(v >> 8);
	bytes[1] = (uint8_t)v;
}

/* Swap source and destination of IPv4 and UDP. */
static void
turn(uint8_t *ip)
{
	uint8_t kept[4];

	memcpy(kept, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, kept, 4);
	memcpy(kept, ip + 20, 2);
	memcpy(ip + 20, ip + 22, 2);
	memcpy(ip + 22, kept, 2);
}

size_t
testing_frame_write(const struct testing_frame *frame, uint8_t *bytes)
{
	static const uint8_t heads[HEADS_BYTES] = {
		2,    0, 0,    0, 0, 1, 2,  0, 0, 0, 0,  2,
		0x08, 0, 0x45, 0, 0, 0, 0,  0, 0, 0, 64, 17,
		0,    0, 10,   1, 0, 1, 10, 2, 0, 1, /* addresses */
		0x27, 0, 0x4e, 0, 0, 0, 0,  0        /* ports, length, sum */
	};
	const struct mark mark = { MARK, frame->flow, frame->number };
	size_t n = frame->bytes ? frame->bytes : TESTING_FRAME_MIN, i;
	uint8_t *ip = bytes + ETHER_BYTES;

	assert(n >= TESTING_FRAME_MIN && n <= TESTING_FRAME_MAX);
	assert(frame->flow <= UINT8_MAX);
	memcpy(bytes, heads, sizeof(heads));
	put16(ip + 2, (uint32_t)n - ETHER_BYTES);
	put16(ip + 24, (uint32_t)n - ETHER_BYTES - 20);
	ip[21] = ip[23] = (uint8_t)frame->flow;
	if (frame->back)
		turn(ip);
	memcpy(bytes + HEADS_BYTES, &mark, sizeof(mark));
	for (i = HEADS_BYTES + sizeof(mark); i < n; i++)
		bytes[i] = (uint8_t)(i * 7 + frame->number);
	if (!frame->vlan)
		return n;
	memmove(bytes + 12 + TAG_BYTES, bytes + 12, n - 12);
	put16(bytes + 12, 0x8100);
	put16(bytes + 14, frame->vlan);
	return n + TAG_BYTES;
}

bool
testing_frame_read(struct testing_frame *frame, const uint8_t *bytes, size_t n)
{
	struct mark mark;

	memset(frame, 0, sizeof(*frame));
	if (n >= TESTING_FRAME_MIN + TAG_BYTES && bytes[12] == 0x81 &&
	    bytes[13] == 0) {
		frame->vlan = (uint16_t)(bytes[14] << 8 | bytes[15]);
		bytes += TAG_BYTES;
		n -= TAG_BYTES;
	}
	if (n < TESTING_FRAME_MIN)
		return false;
	memcpy(&mark, bytes + HEADS_BYTES, sizeof(mark));
	frame->number = mark.number;
	frame->flow = mark.flow;
	frame->bytes = (uint32_t)n;
	frame->back = bytes[ETHER_BYTES + 13] == 2;
	return mark.magic == MARK;
}

void
testing_frame_send(int fd, const struct testing_frame *frame)
{
	uint8_t bytes[TESTING_FRAME_MAX + TAG_BYTES];
	size_t n = testing_frame_write(frame, bytes);

	while (send(fd, bytes, n, 0) < 0)
		assert(errno == ENOBUFS || errno == EINTR);
}
