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
		request.head.nlmsg_len =
		    NLMSG_LENGTH(sizeof(request.info)) +
		    (uint32_t)RTA_SPACE(sizeof(request.name));
	}
	return send(fd, &request, request.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

/*
 * What never reached the kernel: no buffer at the card, or a queue overrun.
 * Some drivers count one frame under two of these names, so this is a bound.
 * rx_dropped is not among them: there the kernel counts what no protocol
 * wanted, which on a mirror port is nearly all.
 */
static uint64_t
drops_of(const struct rtattr *attribute)
{
	struct rtnl_link_stats64 stats = { 0 };
	size_t n = RTA_PAYLOAD(attribute);

	if (n > sizeof(stats))
		n = sizeof(stats);
	memcpy(&stats, RTA_DATA(attribute), n);
	return stats.rx_missed_errors + stats.rx_fifo_errors +
	       stats.rx_over_errors;
}

static void
read_attribute(const struct rtattr *attribute, struct capture__link *link)
{
	size_t n = RTA_PAYLOAD(attribute);

	if (attribute->rta_type == IFLA_STATS64)
		link->drops = drops_of(attribute);
	if (attribute->rta_type == IFLA_IFNAME && n > 0 &&
	    n <= sizeof(link->name)) {
		memcpy(link->name, RTA_DATA(attribute), n);
		link->name[n - 1] = '\0';
	}
}

/* @return 0, -ENODEV, -EIO */
static int
read_reply(const struct nlmsghdr *head, size_t n, struct capture__link *link)
{
	const struct ifinfomsg *info = NLMSG_DATA(head);
	const struct rtattr *attribute;
	size_t left;

	if (!NLMSG_OK(head, n))
		return -EIO;
	if (head->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(head);

		if (head->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
			return -EIO;
		return error->error ? error->error : -EIO;
	}
	if (head->nlmsg_type != RTM_NEWLINK ||
	    head->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return -EIO;
	memset(link, 0, sizeof(*link));
	link->index = info->ifi_index;
	link->up =
	    (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	left = IFLA_PAYLOAD(head);
	for (attribute = IFLA_RTA(info); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		read_attribute(attribute, link);
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
	return read_reply((const struct nlmsghdr *)reply, (size_t)n, link);
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
