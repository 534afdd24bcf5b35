/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames from a network interface: an AF_PACKET socket with a TPACKET_V3 ring,
 * through libpcap. See packet(7).
 *
 * Never in immediate mode: the kernel would wake us for each frame, and drop
 * bursts. libpcap opens and reads; the group of sockets, the counts of drops
 * and the interface's ups and downs are done here, since libpcap knows
 * interfaces by name only.
 */
#include "capture/live.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/decode.h"
#include "capture/link_priv.h"

/* Since Linux 6.2; older ones take it and do nothing. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum { SNAP_BYTES = 65535, LINKTYPE_RAW = 101 };
/* libpcap takes the size as int, in bytes. */
enum { RING_MIB_MAX = 2047 };

struct live_source {
	struct capture_source head;
	struct capture_source_stats stats;
	pcap_t *pcap;
	int fd;        /* of pcap */
	int link_fd;   /* of capture__link_get */
	int link_type; /* LINKTYPE_ */
	int index;     /* of the interface; 0 while it is gone */
	uint16_t type; /* of the interface: ARPHRD_ */
	bool grouped;
	bool first;       /* of its group: it tells for all of them */
	bool lost;        /* gone, and cannot be bound again */
	int64_t begin_ns; /* frames before it are left out */
	struct capture__link_drops drops;
	char name[CAPTURE_LIVE_NAME_BYTES]; /* at the open */
	char error[CAPTURE_ERROR_BYTES];
};

/* For the callback of pcap_dispatch. */
struct delivery {
	struct live_source *live;
	capture_frame_fn fn;
	void *ctx;
	int frames;
};

static const struct capture_source_ops live_ops;

static struct live_source *
live_source(struct capture_source *source)
{
	assert(source->ops == &live_ops);
	return (struct live_source *)source;
}

/* ---- opening ------------------------------------------------------------- */

static int
no_interface(const char *name, char *error)
{
	char names[CAPTURE_ERROR_BYTES / 2];

	capture__link_names(names, sizeof(names));
	snprintf(error, CAPTURE_ERROR_BYTES,
		 "there is no interface %.64s; there are: %s", name, names);
	return -ENODEV;
}

static int
no_right(const char *name, char *error)
{
	snprintf(error, CAPTURE_ERROR_BYTES,
		 "no right to capture on %.64s: start as root, or with the "
		 "capability CAP_NET_RAW (spanrecd.service gives it)",
		 name);
	return -EPERM;
}

static int
activate_error(struct live_source *live, const char *name, int code,
	       const struct capture_live_config *config, char *error)
{
	const char *text = pcap_geterr(live->pcap);

	switch (code) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return no_interface(name, error);
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return no_right(name, error);
	case PCAP_ERROR_IFACE_NOT_UP:
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "the interface %.64s is down: ip link set %.64s up",
			 name, name);
		return -ENETDOWN;
	default:
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "cannot capture on %.64s with a ring of %" PRIu32
			 " MiB: %.200s",
			 name, config->ring_bytes >> 20, text);
		return strstr(text, "allocate") || strstr(text, "memory")
			   ? -ENOMEM
			   : -EIO;
	}
}

static int
link_type_of(pcap_t *pcap)
{
	int dlt = pcap_datalink(pcap);

	/* DLT_RAW has another number on each system; files have this one. */
	return dlt == DLT_RAW ? LINKTYPE_RAW : dlt;
}

static int
check_config(const struct capture_live_config *config, char *error)
{
	if (config->ring_bytes > 0 &&
	    config->ring_bytes <= (uint32_t)RING_MIB_MAX << 20 &&
	    config->block_ms > 0 && config->block_ms <= INT_MAX)
		return 0;
	snprintf(error, CAPTURE_ERROR_BYTES,
		 "a ring of %" PRIu32 " bytes with blocks of %" PRIu32
		 " ms: the ring can be up to %d MiB, and neither nothing",
		 config->ring_bytes, config->block_ms, RING_MIB_MAX);
	return -EINVAL;
}

/* Frames of which nothing can be read are better refused than not recorded. */
static int
check_link_type(const struct live_source *live, const char *name, char *error)
{
	const char *dlt;

	if (capture_link_known(live->link_type))
		return 0;
	dlt = pcap_datalink_val_to_name(pcap_datalink(live->pcap));
	snprintf(error, CAPTURE_ERROR_BYTES,
		 "frames of the interface %.64s are of link type %d (%s), "
		 "which is not understood",
		 name, live->link_type, dlt ? dlt : "unknown");
	return -EINVAL;
}

/*
 * In non-blocking mode libpcap never waits, not even for an interface that is
 * down to come up. Nor do programs that we start inherit the socket: with it
 * they could capture.
 *
 * What we send ourselves, libpcap leaves out when it reads; where the kernel
 * knows how to, it already does not spend room in the ring on it.
 */
static int
tame(struct live_source *live, const char *name, char *error)
{
	char text[PCAP_ERRBUF_SIZE];
	const int on = 1;

	live->fd = pcap_get_selectable_fd(live->pcap);
	if (pcap_setnonblock(live->pcap, 1, text) < 0 ||
	    pcap_setdirection(live->pcap, PCAP_D_IN) < 0 ||
	    fcntl(live->fd, F_SETFD, FD_CLOEXEC) < 0) {
		snprintf(error, CAPTURE_ERROR_BYTES, "%.64s: %.200s", name,
			 pcap_geterr(live->pcap));
		return -EIO;
	}
	(void)setsockopt(live->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
			 sizeof(on));
	return 0;
}

static int
activate(struct live_source *live, const struct capture_live_config *config,
	 char *error)
{
	char text[PCAP_ERRBUF_SIZE];
	int r;

	live->pcap = pcap_create(config->interface, text);
	if (!live->pcap) {
		snprintf(error, CAPTURE_ERROR_BYTES, "%.64s: %.200s",
			 config->interface, text);
		return -ENOMEM;
	}
	/* These fail for a handle that is active already, which it is not. */
	(void)pcap_set_snaplen(live->pcap, SNAP_BYTES);
	(void)pcap_set_promisc(live->pcap, 1);
	(void)pcap_set_timeout(live->pcap, (int)config->block_ms);
	(void)pcap_set_buffer_size(live->pcap, (int)config->ring_bytes);
	(void)pcap_set_tstamp_precision(live->pcap, PCAP_TSTAMP_PRECISION_NANO);
	r = pcap_activate(live->pcap);
	if (r < 0)
		return activate_error(live, config->interface, r, config,
				      error);
	live->link_type = link_type_of(live->pcap);
	r = check_link_type(live, config->interface, error);
	return r < 0 ? r : tame(live, config->interface, error);
}

static int
find_link(struct live_source *live, const char *name, char *error)
{
	struct capture__link link;
	int r;

	live->link_fd = capture__link_open();
	r = live->link_fd < 0
		? live->link_fd
		: capture__link_get(live->link_fd, 0, name, &link);
	if (r == -ENODEV)
		return no_interface(name, error);
	if (r < 0) {
		snprintf(error, CAPTURE_ERROR_BYTES,
			 "cannot ask about the interface %.64s: %s", name,
			 strerror(-r));
		return r;
	}
	snprintf(live->name, sizeof(live->name), "%s", link.name);
	live->index = link.index;
	live->type = link.type;
	capture__link_drops_begin(&live->drops, &link);
	return 0;
}

static int
open_one(struct capture_source **source,
	 const struct capture_live_config *config, char *error)
{
	struct live_source *live = calloc(1, sizeof(*live));
	int r;

	if (!live) {
		snprintf(error, CAPTURE_ERROR_BYTES, "out of memory");
		return -ENOMEM;
	}
	live->head.ops = &live_ops;
	live->link_fd = -1;
	live->first = true;
	*source = &live->head;
	r = find_link(live, config->interface, error);
	if (r == 0)
		r = activate(live, config, error);
	if (r < 0)
		capture_source_free(source);
	return r;
}

/*
 * Wait until no frame is on its way to the sockets as they were when it came:
 * the kernel does so, as it does nowhere else for us, where it takes a packet
 * socket away.
 */
static void
wait_for_stragglers(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
}

/*
 * One group for all sources of an interface. The kernel's hash is over
 * addresses and ports and is the same for both directions, so that a flow stays
 * with its source. Fragments hash by addresses alone, as do frames in tunnels
 * by those of the tunnel.
 */
static int
join(struct capture_source **sources, uint32_t count, char *error)
{
	const uint32_t how =
	    PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	uint32_t value = (how | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct live_source *live = live_source(sources[i]);
		socklen_t n = sizeof(value);

		/* The first one gets a number that no other process uses. */
		if (setsockopt(live->fd, SOL_PACKET, PACKET_FANOUT, &value,
			       sizeof(value)) < 0 ||
		    (i == 0 && getsockopt(live->fd, SOL_PACKET, PACKET_FANOUT,
					  &value, &n) < 0)) {
			int r = -errno;

			snprintf(error, CAPTURE_ERROR_BYTES,
				 "%s: its frames cannot be shared among "
				 "threads: %s",
				 live->name, strerror(-r));
			return r;
		}
		if (i == 0)
			value = (value & 0xffff) | how << 16;
		live->grouped = true;
		live->first = i == 0;
	}
	wait_for_stragglers();
	return 0;
}

int
capture_live_open(struct capture_source **sources, uint32_t count,
		  const struct capture_live_config *config, char *error)
{
	uint32_t i;
	int r;

	error[0] = '\0';
	r = check_config(config, error);
	for (i = 0; i < count; i++)
		sources[i] = NULL;
	for (i = 0; i < count && r == 0; i++)
		r = open_one(&sources[i], config, error);
	if (r == 0 && count > 1)
		r = join(sources, count, error);
	for (i = 0; i < count && r < 0; i++)
		capture_source_free(&sources[i]);
	return r;
}

void
capture_live_begin(struct capture_source *source, int64_t now_ns)
{
	live_source(source)->begin_ns = now_ns;
}

void
capture_live_begun(struct capture_source *source)
{
	live_source(source)->begin_ns = INT64_MIN;
}

/* ---- reading ------------------------------------------------------------- */

static void
deliver(u_char *user, const struct pcap_pkthdr *hdr, const u_char *bytes)
{
	struct delivery *d = (struct delivery *)(void *)user;
	struct live_source *live = d->live;
	struct capture_frame frame = {
		.time_ns = (int64_t)hdr->ts.tv_sec * 1000000000 +
			   hdr->ts.tv_usec, /* nanoseconds, as asked for */
		.bytes = bytes,
		.captured_bytes = hdr->caplen,
		.wire_bytes = hdr->len,
		.link_type = live->link_type,
	};

	d->frames++;
	if (frame.time_ns < live->begin_ns ||
	    !capture_time_valid(frame.time_ns))
		return;
	live->stats.frames++;
	live->stats.truncated += frame.captured_bytes < frame.wire_bytes;
	d->fn(d->ctx, &frame);
}

static int
live_dispatch(struct capture_source *source, uint32_t frames_max,
	      capture_frame_fn fn, void *ctx)
{
	struct live_source *live = live_source(source);
	struct delivery d = { .live = live, .fn = fn, .ctx = ctx };

	if (live->lost)
		return -ENODEV;
	/* An error is an interface that went down or away, or is called by
	 * another name since: libpcap then has one each time that nothing is
	 * waiting. What is waiting it gives in any case. */
	(void)pcap_dispatch(live->pcap,
			    frames_max > INT_MAX ? INT_MAX : (int)frames_max,
			    deliver, (u_char *)&d);
	return d.frames;
}

static int
live_fd(const struct capture_source *source)
{
	return ((const struct live_source *)source)->fd;
}

/*
 * The kernel counts for each socket, of a group too, and begins anew after each
 * answer. libpcap is never asked, so that it misses none of them; it would read
 * files of /sys each time. The count of times that the ring was full says
 * nothing about frames.
 */
static void
read_drops(struct live_source *live)
{
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t n = sizeof(stats);

	if (getsockopt(live->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &n) ==
	    0)
		live->stats.kernel_drops += stats.tp_drops;
}

static void
live_stats(struct capture_source *source, struct capture_source_stats *stats)
{
	struct live_source *live = live_source(source);

	read_drops(live);
	*stats = live->stats;
}

static const char *
live_error(const struct capture_source *source)
{
	return ((const struct live_source *)source)->error;
}

static void
live_free(struct capture_source *source)
{
	struct live_source *live = live_source(source);

	if (live->pcap)
		pcap_close(live->pcap);
	if (live->link_fd >= 0)
		close(live->link_fd);
	free(live);
}

static const struct capture_source_ops live_ops = {
	.dispatch = live_dispatch,
	.fd = live_fd,
	.stats = live_stats,
	.error = live_error,
	.free = live_free,
};

/* ---- the interface ------------------------------------------------------- */

/* Neither of these needs any right that the socket does not carry. */
static int
bind_again(struct live_source *live, const struct capture__link *link)
{
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_protocol = htons(ETH_P_ALL),
					     .sll_ifindex = link->index };
	const struct packet_mreq promiscuous = { .mr_ifindex = link->index,
						 .mr_type = PACKET_MR_PROMISC };

	if (bind(live->fd, (const struct sockaddr *)&address, sizeof(address)) <
	    0)
		return -errno;
	if (setsockopt(live->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
		       &promiscuous, sizeof(promiscuous)) < 0)
		return -errno;
	return 0;
}

/*
 * The kernel unbinds a socket when the interface is taken away, or to another
 * namespace. Its number alone does not tell: it may be given again.
 */
static bool
is_bound(const struct live_source *live)
{
	struct sockaddr_ll address = { 0 };
	socklen_t n = sizeof(address);

	return live->index != 0 &&
	       getsockname(live->fd, (struct sockaddr *)&address, &n) == 0 &&
	       address.sll_ifindex == live->index;
}

static int
lose(struct live_source *live, const char *why)
{
	snprintf(live->error, sizeof(live->error),
		 "the interface %s was taken away and came back: it has to be "
		 "opened again (%s)",
		 live->name, why);
	live->lost = true;
	return -ENODEV;
}

/* It was taken away: is there one of its name again? */
static int
look_for(struct live_source *live, struct capture__link *link)
{
	int r = capture__link_get(live->link_fd, 0, live->name, link);

	if (r < 0)
		return r;
	if (live->grouped)
		return lose(live, "several threads share it");
	if (link->type != live->type)
		return lose(live, "it is of another kind");
	r = bind_again(live, link);
	if (r == -ENODEV || r == -ENXIO) /* away once more */
		return -ENODEV;
	if (r < 0)
		return lose(live, strerror(-r));
	live->index = link->index;
	capture__link_drops_begin(&live->drops, link);
	return 0;
}

int
capture_live_state(struct capture_source *source,
		   struct capture_live_state *state)
{
	struct live_source *live = live_source(source);
	struct capture__link link = { 0 };
	int r = -ENODEV;

	if (is_bound(live))
		r = capture__link_get(live->link_fd, live->index, NULL, &link);
	if (r == -ENODEV) {
		live->index = 0;
		r = look_for(live, &link);
	}
	memset(state, 0, sizeof(*state));
	if (r == -ENODEV) {
		memcpy(state->name, live->name, sizeof(state->name));
		state->link = CAPTURE_LINK_GONE;
		return 0;
	}
	if (r < 0)
		return -EIO;
	memcpy(state->name, link.name, sizeof(state->name));
	state->link = link.up ? CAPTURE_LINK_UP : CAPTURE_LINK_DOWN;
	if (live->first)
		live->stats.interface_drops =
		    capture__link_drops_count(&live->drops, &link);
	return 0;
}
