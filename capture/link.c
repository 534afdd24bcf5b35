/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network interfaces through rtnetlink: what they are called now, whether they
 * are up, what they dropped. Asked by number, because a name may come to mean
 * another interface, and not through /sys, which may be another namespace's.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "capture/link_priv.h"

enum { REPLY_BYTES = 32768, WAIT_S = 1 };

struct request {
	struct nlmsghdr head;
	struct ifinfomsg info;
	struct rtattr name_attr;
	char name[IFNAMSIZ];
};

int
capture__link_open(void)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* ---- the answer ---------------------------------------------------------- */

/*
 * By what the kernel says of its counters (linux/if_link.h), a card without
 * room for a frame counts it as missed; older drivers as a FIFO error or as
 * over, for which they take one another, and some in two of the three.
 *
 * Not dropped: there the kernel itself counts what no protocol of this host
 * wanted, which a mirror port is full of. (A few cards of virtual machines tell
 * of theirs only there.) Not errors of length, checksum or alignment: those
 * frames were damaged on the wire.
 */
static void
read_drops(struct capture__link *link, const uint8_t *bytes, size_t n)
{
	struct rtnl_link_stats64 stats = { 0 };

	memcpy(&stats, bytes, n < sizeof(stats) ? n : sizeof(stats));
	link->drops[0] = stats.rx_missed_errors;
	link->drops[1] = stats.rx_fifo_errors;
	link->drops[2] = stats.rx_over_errors;
}

static void
read_attribute(struct capture__link *link, unsigned type, const uint8_t *bytes,
	       size_t n)
{
	if (type == IFLA_STATS64)
		read_drops(link, bytes, n);
	if (type == IFLA_IFNAME && n > 0 && n <= sizeof(link->name)) {
		memcpy(link->name, bytes, n);
		link->name[n - 1] = '\0';
	}
}

/* The macros for this want a signed length, and say so nowhere. */
static int
read_attributes(struct capture__link *link, const uint8_t *bytes, size_t n)
{
	while (n >= sizeof(struct rtattr)) {
		struct rtattr head;
		size_t whole;

		memcpy(&head, bytes, sizeof(head));
		if (head.rta_len < RTA_LENGTH(0) || head.rta_len > n)
			return -EIO;
		read_attribute(link, head.rta_type, bytes + RTA_LENGTH(0),
			       head.rta_len - RTA_LENGTH(0));
		whole = RTA_ALIGN(head.rta_len);
		if (whole > n) /* the last may go without its padding */
			whole = n;
		bytes += whole;
		n -= whole;
	}
	return 0;
}

static int
read_error(const struct nlmsghdr *head)
{
	const struct nlmsgerr *error = NLMSG_DATA(head);

	if (head->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
		return -EIO;
	/* 0 would be an acknowledgement, which nobody asked for. */
	return error->error < 0 ? error->error : -EIO;
}

int
capture__link_read(const void *reply, size_t n, struct capture__link *link)
{
	const struct nlmsghdr *head = reply;
	const struct ifinfomsg *info = NLMSG_DATA(head);

	memset(link, 0, sizeof(*link));
	if (n < sizeof(*head) || head->nlmsg_len < sizeof(*head) ||
	    head->nlmsg_len > n)
		return -EIO;
	if (head->nlmsg_type == NLMSG_ERROR)
		return read_error(head);
	if (head->nlmsg_type != RTM_NEWLINK ||
	    head->nlmsg_len < NLMSG_SPACE(sizeof(*info)))
		return -EIO;
	link->index = info->ifi_index;
	link->type = info->ifi_type;
	link->up =
	    (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	return read_attributes(
	    link, (const uint8_t *)reply + NLMSG_SPACE(sizeof(*info)),
	    head->nlmsg_len - NLMSG_SPACE(sizeof(*info)));
}

void
capture__link_drops_begin(struct capture__link_drops *drops,
			  const struct capture__link *link)
{
	memcpy(drops->last, link->drops, sizeof(drops->last));
}

/*
 * The largest, not the sum: never more than was dropped, and never nothing
 * where something was.
 */
uint64_t
capture__link_drops_count(struct capture__link_drops *drops,
			  const struct capture__link *link)
{
	uint64_t most = 0;
	int i;

	for (i = 0; i < CAPTURE__LINK_DROPS; i++) {
		/* Some drivers begin at 0 again when they are reset. */
		drops->more[i] +=
		    link->drops[i] -
		    (link->drops[i] < drops->last[i] ? 0 : drops->last[i]);
		drops->last[i] = link->drops[i];
		if (drops->more[i] > most)
			most = drops->more[i];
	}
	return most;
}

/* ---- asking -------------------------------------------------------------- */

static int
ask(int fd, int index, const char *name)
{
	struct request request = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.info)),
			  .nlmsg_type = RTM_GETLINK,
			  .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = index },
	};

	if (name) {
		size_t n = strlen(name) + 1;

		if (n > sizeof(request.name))
			return -ENODEV;
		memcpy(request.name, name, n);
		request.name_attr.rta_type = IFLA_IFNAME;
		request.name_attr.rta_len = (unsigned short)RTA_LENGTH(n);
		/* The kernel logs a warning for bytes that are no attribute. */
		request.head.nlmsg_len += (uint32_t)RTA_SPACE(n);
	}
	while (send(fd, &request, request.head.nlmsg_len, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int
capture__link_get(int fd, int index, const char *name,
		  struct capture__link *link)
{
	_Alignas(struct nlmsghdr) char reply[REPLY_BYTES];
	ssize_t n;
	int r;

	/* An answer that came too late for the one who asked. */
	while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
		;
	r = ask(fd, index, name);
	if (r < 0)
		return r;
	do {
		n = recv(fd, reply, sizeof(reply), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EIO : -errno;
	return capture__link_read(reply, (size_t)n, link);
}

void
capture__link_names(char *text, uint32_t n)
{
	struct if_nameindex *all = if_nameindex(), *one;
	size_t used = 0;

	text[0] = '\0';
	for (one = all; one && one->if_index; one++) {
		snprintf(text + used, n - used, "%s%s", used ? ", " : "",
			 one->if_name);
		used = strlen(text);
	}
	if (all)
		if_freenameindex(all);
}
