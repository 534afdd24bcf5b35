/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of an interface while it is captured from, with root's rights
 * and without any; what is wrong with one at the open; what the kernel answers
 * about it. All but the last as root, in a network namespace of this process.
 */
#include "capture/live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "capture/link_priv.h"
#include "cmd/testing/cable.h"
#include "cmd/testing/testing.h"

static int
setup(void **state)
{
	(void)state;
	return testing_cable_new() ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	testing_rights(true);
	return 0;
}

/* ---- what the kernel answers --------------------------------------------- */

enum { ANSWER_MAX = 512 };

struct answer {
	_Alignas(struct nlmsghdr) uint8_t bytes[ANSWER_MAX];
	uint32_t n;
};

static void
begin(struct answer *answer, uint16_t type, const void *body, size_t n)
{
	const struct nlmsghdr head = { .nlmsg_type = type };

	memset(answer, 0, sizeof(*answer));
	memcpy(answer->bytes, &head, sizeof(head));
	memcpy(answer->bytes + NLMSG_HDRLEN, body, n);
	answer->n = NLMSG_SPACE(n);
}

static void
add(struct answer *answer, uint16_t type, const void *body, size_t n)
{
	const struct rtattr head = { (uint16_t)RTA_LENGTH(n), type };

	assert_true(answer->n + RTA_SPACE(n) <= ANSWER_MAX);
	memcpy(answer->bytes + answer->n, &head, sizeof(head));
	memcpy(answer->bytes + answer->n + RTA_LENGTH(0), body, n);
	answer->n += RTA_SPACE(n);
}

/* As a block of exactly n bytes, said to be `said` long. */
static int
read_answer(const struct answer *answer, uint32_t n, uint32_t said,
	    struct capture__link *link)
{
	uint8_t *copy = testing_copy(answer->bytes, n);
	int r;

	if (n >= sizeof(said))
		memcpy(copy, &said, sizeof(said)); /* nlmsg_len is first */
	r = capture__link_read(copy, n, link);
	free(copy);
	return r;
}

static void
make_link(struct answer *answer)
{
	const struct ifinfomsg info = { .ifi_index = 7,
					.ifi_type = ARPHRD_ETHER,
					.ifi_flags = IFF_UP | IFF_RUNNING };
	const struct rtnl_link_stats64 stats = { .rx_packets = 1,
						 .rx_errors = 2,
						 .rx_dropped = 3,
						 .rx_length_errors = 4,
						 .rx_crc_errors = 5,
						 .rx_frame_errors = 6,
						 .rx_missed_errors = 100,
						 .rx_fifo_errors = 200,
						 .rx_over_errors = 300 };

	begin(answer, RTM_NEWLINK, &info, sizeof(info));
	add(answer, IFLA_IFNAME, "span0", 6);
	add(answer, IFLA_MTU, "\0\0\0", 3);
	add(answer, IFLA_STATS64, &stats, sizeof(stats));
}

static void
an_answer(void **state)
{
	struct capture__link link;
	struct answer answer;
	uint32_t n;
	int r;

	(void)state;
	make_link(&answer);
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), 0);
	assert_int_equal(link.index, 7);
	assert_int_equal(link.type, ARPHRD_ETHER);
	assert_true(link.up);
	assert_string_equal(link.name, "span0");
	assert_int_equal(link.drops[0], 100);
	assert_int_equal(link.drops[1], 200);
	assert_int_equal(link.drops[2], 300);
	/* Cut, and known to be: never more than what is there. */
	for (n = 0; n < answer.n; n++) {
		r = read_answer(&answer, n, n, &link);
		assert_true(r == 0 || r == -EIO);
		assert_true(r < 0 ||
			    n >= NLMSG_SPACE(sizeof(struct ifinfomsg)));
		assert_int_equal(read_answer(&answer, n, answer.n, &link),
				 -EIO);
	}
	/* A whole answer and more behind it. */
	assert_int_equal(read_answer(&answer, answer.n, answer.n - 200, &link),
			 -EIO);
}

/* An older kernel's counters are fewer; and there may be no padding. */
static void
short_attributes(void **state)
{
	const struct ifinfomsg info = { .ifi_index = 7 };
	char name[CAPTURE_LIVE_NAME_BYTES + 1];
	uint64_t few[2] = { 1, 2 };
	struct capture__link link;
	struct answer answer;

	(void)state;
	begin(&answer, RTM_NEWLINK, &info, sizeof(info));
	add(&answer, IFLA_STATS64, few, sizeof(few));
	add(&answer, IFLA_IFNAME, "", 0);
	add(&answer, IFLA_IFNAME, "abcde", 5); /* without its NUL */
	answer.n -= 3;
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), 0);
	assert_int_equal(link.drops[0] + link.drops[1] + link.drops[2], 0);
	assert_string_equal(link.name, "abcd");
	assert_false(link.up);
	memset(name, 'x', sizeof(name));
	begin(&answer, RTM_NEWLINK, &info, sizeof(info));
	add(&answer, IFLA_IFNAME, name, sizeof(name));
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), 0);
	assert_string_equal(link.name, "");
	/* Shorter than its own head: it would never end. */
	answer.bytes[NLMSG_SPACE(sizeof(info))] = 0;
	answer.bytes[NLMSG_SPACE(sizeof(info)) + 1] = 0;
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), -EIO);
}

static void
no_answer(void **state)
{
	struct nlmsgerr error = { .error = -ENODEV };
	struct capture__link link;
	struct answer answer;

	(void)state;
	begin(&answer, NLMSG_ERROR, &error, sizeof(error));
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link),
			 -ENODEV);
	assert_int_equal(
	    read_answer(&answer, answer.n - 4, answer.n - 4, &link), -EIO);
	error.error = 0; /* an acknowledgement */
	begin(&answer, NLMSG_ERROR, &error, sizeof(error));
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), -EIO);
	error.error = 19;
	begin(&answer, NLMSG_ERROR, &error, sizeof(error));
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), -EIO);
	begin(&answer, NLMSG_DONE, &error, sizeof(error));
	assert_int_equal(read_answer(&answer, answer.n, answer.n, &link), -EIO);
}

/* ---- what the kernel is asked -------------------------------------------- */

/* Nobody answers: what was asked is what counts. */
static size_t
asked(int index, const char *name, uint8_t *bytes, size_t n)
{
	const struct timeval wait = { .tv_usec = 10 * 1000 };
	struct capture__link link;
	ssize_t got;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	assert_int_equal(
	    setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	assert_int_equal(capture__link_get(fd[0], index, name, &link), -EIO);
	got = recv(fd[1], bytes, n, MSG_DONTWAIT);
	assert_true(got >= (ssize_t)NLMSG_SPACE(sizeof(struct ifinfomsg)));
	close(fd[0]);
	close(fd[1]);
	return (size_t)got;
}

/* One attribute, with its padding, and nothing behind it. */
static void
a_question(void **state)
{
	static const char *const names[] = { "a", "lo", "abc", "span0",
					     "fifteen-letters" };
	const size_t head = NLMSG_SPACE(sizeof(struct ifinfomsg));
	_Alignas(struct nlmsghdr) uint8_t bytes[ANSWER_MAX];
	const struct nlmsghdr *request = (const void *)bytes;
	struct rtattr name;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = asked(0, names[i], bytes, sizeof(bytes));
		assert_int_equal(request->nlmsg_len, n);
		assert_int_equal(request->nlmsg_type, RTM_GETLINK);
		memcpy(&name, bytes + head, sizeof(name));
		assert_int_equal(name.rta_type, IFLA_IFNAME);
		assert_int_equal(name.rta_len,
				 RTA_LENGTH(strlen(names[i]) + 1));
		assert_string_equal((char *)bytes + head + RTA_LENGTH(0),
				    names[i]);
		assert_int_equal(n, head + RTA_ALIGN(name.rta_len));
	}
	n = asked(7, NULL, bytes, sizeof(bytes));
	assert_int_equal(request->nlmsg_len, n);
	assert_int_equal(n, head);
}

/* ---- what a card dropped ------------------------------------------------- */

static uint64_t
count(struct capture__link_drops *drops, uint64_t missed, uint64_t fifo,
      uint64_t over)
{
	const struct capture__link link = { .drops = { missed, fifo, over } };

	return capture__link_drops_count(drops, &link);
}

static void
drops_of_a_card(void **state)
{
	const struct capture__link before = { .drops = { 10, 1000, 0 } };
	const struct capture__link again = { .drops = { 5, 5, 5 } };
	struct capture__link_drops drops = { 0 };

	(void)state;
	capture__link_drops_begin(&drops, &before);
	assert_int_equal(count(&drops, 10, 1000, 0), 0);
	/* An old count that is large hides nothing. */
	assert_int_equal(count(&drops, 17, 1000, 0), 7);
	/* Counted twice by the driver, once by us. */
	assert_int_equal(count(&drops, 30, 1020, 0), 20);
	/* The driver was reset: what it counts now came since. */
	assert_int_equal(count(&drops, 2, 0, 0), 22);
	assert_int_equal(count(&drops, 2, 0, 0), 22);
	/* Another interface under the name: what it dropped before is not
	 * ours, what the other did stays. */
	capture__link_drops_begin(&drops, &again);
	assert_int_equal(count(&drops, 5, 5, 5), 22);
	assert_int_equal(count(&drops, 6, 5, 5), 23);
}

/* ---- ups and downs ------------------------------------------------------- */

static struct capture_source *
open_one(const char *interface)
{
	const struct capture_live_config config = { .interface = interface,
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };
	char error[CAPTURE_ERROR_BYTES];
	struct capture_source *source;
	int r = capture_live_open(&source, 1, &config, error);

	if (r < 0)
		fail_msg("%s", error);
	return source;
}

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	struct testing_frame got;

	if (testing_frame_read(&got, frame->bytes, frame->captured_bytes))
		++*(uint32_t *)ctx;
}

/* @return frames that come until nothing did for a while */
static uint32_t
take(struct capture_source *source)
{
	uint32_t frames = 0;
	int waited, n;

	for (waited = 0; waited < 60; waited += 5) {
		n = capture_source_dispatch(source, 100, on_frame, &frames);
		assert_true(n >= 0);
		if (n > 0)
			waited = 0;
		else
			testing_nap(5);
	}
	return frames;
}

static void
send_some(const char *interface, uint32_t count)
{
	struct testing_frame frame = { 0 };
	int fd = testing_cable_end(interface);

	for (frame.number = 0; frame.number < count; frame.number++)
		testing_frame_send(fd, &frame);
	close(fd);
}

/* Frames are sent and links changed with root's rights, all else without. */
static void
frames_come(struct capture_source *source, bool rights)
{
	send_some("gen", 5);
	testing_rights(rights);
	assert_int_equal(take(source), 5);
}

static void
shell(const char *line)
{
	assert_int_equal(testing_shell(line), 0);
}

static void
state_is(struct capture_source *source, const char *name,
	 enum capture_link link)
{
	struct capture_live_state state;

	assert_int_equal(capture_live_state(source, &state), 0);
	assert_string_equal(state.name, name);
	assert_int_equal(state.link, link);
}

static const bool with = true, without = false;

static void
down_and_up(void **state)
{
	bool rights = *(const bool *)*state;
	struct capture_source *source = open_one("span0");

	frames_come(source, rights);
	state_is(source, "span0", CAPTURE_LINK_UP);
	shell("ip link set span0 down");
	assert_int_equal(take(source), 0);
	state_is(source, "span0", CAPTURE_LINK_DOWN);
	shell("ip link set span0 up");
	testing_cable_wait("span0");
	state_is(source, "span0", CAPTURE_LINK_UP);
	frames_come(source, rights);
	shell("ip link set gen down"); /* the cable is out */
	state_is(source, "span0", CAPTURE_LINK_DOWN);
	shell("ip link set gen up");
	testing_cable_wait("span0");
	frames_come(source, rights);
	/* What came before it went down is not lost with it. */
	send_some("gen", 3);
	shell("ip link set span0 down");
	testing_rights(rights);
	assert_int_equal(take(source), 3);
	capture_source_free(&source);
}

static void
renamed(void **state)
{
	bool rights = *(const bool *)*state;
	struct capture_source *source = open_one("span0");

	shell("ip link set span0 down && ip link set span0 name other");
	testing_rights(rights);
	assert_int_equal(take(source), 0);
	state_is(source, "other", CAPTURE_LINK_DOWN);
	shell("ip link set other up");
	testing_cable_wait("other");
	frames_come(source, rights);
	state_is(source, "other", CAPTURE_LINK_UP);
	/* Since Linux 6.2 this can be done while it is up. */
	if (testing_shell("ip link set other name third 2>/dev/null") == 0) {
		frames_come(source, rights);
		state_is(source, "third", CAPTURE_LINK_UP);
		shell("ip link set third name other");
	}
	/* Somebody else takes the old name. */
	shell("ip link add span0 type veth peer name gen2 && "
	      "ip link set span0 up && ip link set gen2 up");
	state_is(source, "other", CAPTURE_LINK_UP);
	frames_come(source, rights);
	send_some("gen2", 5);
	testing_rights(rights);
	assert_int_equal(take(source), 0);
	capture_source_free(&source);
}

static void
new_cable(const char *options)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "ip link add gen type veth peer name span0 %s && "
		 "ip link set gen up && ip link set span0 up",
		 options);
	shell(line);
	testing_cable_wait("span0");
}

static void
taken_away(void **state)
{
	bool rights = *(const bool *)*state;
	struct capture_source *source = open_one("span0");
	int k;

	for (k = 0; k < 3; k++) {
		send_some("gen", 3);
		shell("ip link del gen");
		testing_rights(rights);
		assert_int_equal(take(source), 3);
		state_is(source, "span0", CAPTURE_LINK_GONE);
		state_is(source, "span0", CAPTURE_LINK_GONE);
		new_cable("");
		assert_int_equal(take(source), 0);
		state_is(source, "span0", CAPTURE_LINK_UP);
		assert_int_equal(testing_shell("ip -d link show span0 | "
					       "grep -q 'promiscuity 0'"),
				 1);
		frames_come(source, rights);
	}
	/* Back, but down at first. */
	shell("ip link del gen");
	state_is(source, "span0", CAPTURE_LINK_GONE);
	shell("ip link add gen type veth peer name span0");
	state_is(source, "span0", CAPTURE_LINK_DOWN);
	shell("ip link set gen up && ip link set span0 up");
	testing_cable_wait("span0");
	frames_come(source, rights);
	state_is(source, "span0", CAPTURE_LINK_UP);
	capture_source_free(&source);
}

/* Nobody looked in between, and the number is the old one. */
static void
replaced(void **state)
{
	bool rights = *(const bool *)*state;
	struct capture_source *source;

	shell("ip link del gen");
	new_cable("index 77");
	testing_rights(true);
	source = open_one("span0");
	frames_come(source, rights);
	shell("ip link del gen");
	new_cable("index 77");
	state_is(source, "span0", CAPTURE_LINK_UP);
	frames_come(source, rights);
	capture_source_free(&source);
}

/* A process with a network namespace of its own. */
static pid_t
elsewhere(void)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

/* Into another namespace, as for a container, and back with its number. */
static void
moved_away(void **state)
{
	bool rights = *(const bool *)*state;
	struct capture_source *source = open_one("span0");
	pid_t pid = elsewhere();
	char line[128];

	testing_rights(rights);
	snprintf(line, sizeof(line), "ip link set span0 netns %d", (int)pid);
	shell(line);
	state_is(source, "span0", CAPTURE_LINK_GONE);
	snprintf(line, sizeof(line),
		 "nsenter -t %d -n ip link set span0 netns $$", (int)pid);
	shell(line);
	shell("ip link set span0 up");
	testing_cable_wait("span0");
	state_is(source, "span0", CAPTURE_LINK_UP);
	frames_come(source, rights);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	capture_source_free(&source);
}

/* Its frames would be read as what they are not. */
static void
of_another_kind(void **state)
{
	bool rights = *(const bool *)*state;
	struct capture_source *source;
	uint32_t frames = 0;

	if (access("/dev/net/tun", F_OK) < 0)
		skip();
	source = open_one("span0");
	testing_rights(rights);
	shell("ip link del gen && ip tuntap add mode tun name span0 && "
	      "ip link set span0 up");
	state_is(source, "span0", CAPTURE_LINK_GONE);
	assert_int_equal(capture_source_dispatch(source, 10, on_frame, &frames),
			 -ENODEV);
	assert_non_null(
	    strstr(capture_source_error(source), "of another kind"));
	capture_source_free(&source);
}

static void
of_a_group(void **state)
{
	const struct capture_live_config config = { .interface = "span0",
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };
	bool rights = *(const bool *)*state;
	struct capture_source *sources[2];
	char error[CAPTURE_ERROR_BYTES];
	uint32_t frames = 0, i;

	assert_int_equal(capture_live_open(sources, 2, &config, error), 0);
	testing_rights(rights);
	shell("ip link set span0 down && ip link set span0 name other && "
	      "ip link set other up");
	testing_cable_wait("other");
	send_some("gen", 5);
	testing_rights(rights);
	assert_int_equal(take(sources[0]) + take(sources[1]), 5);
	shell("ip link del gen");
	for (i = 0; i < 2; i++) {
		state_is(sources[i], "span0", CAPTURE_LINK_GONE);
		assert_int_equal(take(sources[i]), 0);
		assert_string_equal(capture_source_error(sources[i]), "");
	}
	new_cable("");
	for (i = 0; i < 2; i++) {
		state_is(sources[i], "span0", CAPTURE_LINK_GONE);
		assert_int_equal(
		    capture_source_dispatch(sources[i], 10, on_frame, &frames),
		    -ENODEV);
		assert_non_null(
		    strstr(capture_source_error(sources[i]), "span0"));
		capture_source_free(&sources[i]);
	}
}

/* Not only not in force, but given up for good. */
static void
rights_given_up(void **state)
{
	struct capture_source *source = open_one("span0");
	int status, ready[2], again[2];
	uint32_t frames = 0;
	char c = 'x';
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(again), 0);
	pid = fork();
	if (pid == 0) {
		struct capture_live_state link;

		testing_rights_give_up();
		if (write(ready[1], &c, 1) != 1 || read(again[0], &c, 1) != 1)
			_exit(1);
		if (capture_live_state(source, &link) < 0 ||
		    link.link != CAPTURE_LINK_UP ||
		    write(ready[1], &c, 1) != 1 || read(again[0], &c, 1) != 1)
			_exit(2);
		testing_nap(50);
		(void)capture_source_dispatch(source, 100, on_frame, &frames);
		_exit(frames == 5 ? 0 : 3);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	shell("ip link del gen");
	new_cable("");
	assert_int_equal(write(again[1], &c, 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	send_some("gen", 5);
	assert_int_equal(write(again[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	capture_source_free(&source);
	close(ready[0]);
	close(ready[1]);
	close(again[0]);
	close(again[1]);
}

/* ---- what is wrong ------------------------------------------------------- */

static void
cannot_open(const struct capture_live_config *config, int wanted,
	    const char *words)
{
	struct capture_source *sources[2];
	char error[CAPTURE_ERROR_BYTES];
	int before = dup(0), after;

	close(before);
	memset(error, 'x', sizeof(error));
	assert_int_equal(capture_live_open(sources, 2, config, error), wanted);
	assert_null(sources[0]);
	assert_null(sources[1]);
	assert_non_null(memchr(error, '\0', sizeof(error)));
	if (!strstr(error, words))
		fail_msg("'%s' does not say '%s'", error, words);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

static void
no_interface(void **state)
{
	static const char *const names[] = {
		"eth99",
		"",
		"any",
		"a-name-that-no-interface-can-have",
		"sixteen-letters-",
		"fifteen-letters"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct capture_live_config config = { .interface =
								names[i],
							    .ring_bytes = 1
									  << 20,
							    .block_ms = 10 };

		cannot_open(&config, -ENODEV, "there is no interface ");
		cannot_open(&config, -ENODEV, names[i]);
		cannot_open(&config, -ENODEV, "there are: lo, ");
		cannot_open(&config, -ENODEV, "span0");
	}
}

/* More interfaces than there is room for in the error. */
static void
many_interfaces(void **state)
{
	const struct capture_live_config config = { .interface = "eth99",
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };

	(void)state;
	shell("for i in 1 2 3 4 5 6 7 8 9; do ip link add a-long-name-$i "
	      "type veth peer name a-long-peer-$i || exit; done");
	cannot_open(&config, -ENODEV, "there are: lo, ");
}

static void
interface_down(void **state)
{
	const struct capture_live_config config = { .interface = "span0",
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };

	(void)state;
	shell("ip link set span0 down");
	cannot_open(&config, -ENETDOWN, "ip link set span0 up");
}

static void
no_right(void **state)
{
	const struct capture_live_config config = { .interface = "span0",
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };

	(void)state;
	testing_rights(false);
	cannot_open(&config, -EPERM, "no right to capture on span0");
}

static void
sizes_out_of_range(void **state)
{
	struct capture_live_config config = { .interface = "span0",
					      .ring_bytes = 2048u << 20,
					      .block_ms = 10 };

	(void)state;
	cannot_open(&config, -EINVAL, "up to 2047 MiB");
	config.ring_bytes = 0; /* what 4096 MiB are in 32 bits */
	cannot_open(&config, -EINVAL, "up to 2047 MiB");
	config.ring_bytes = 1 << 20;
	config.block_ms = 0;
	cannot_open(&config, -EINVAL, "0 ms");
	config.block_ms = UINT32_MAX;
	cannot_open(&config, -EINVAL, "4294967295 ms");
}

/* An interface of another link type is made of a tap. */
static void
link_type_unknown(void **state)
{
	const struct capture_live_config config = { .interface = "radio",
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };
	struct ifreq request = { .ifr_name = "radio",
				 .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETLINK, ARPHRD_IEEE80211_RADIOTAP), 0);
	shell("ip link set radio up");
	cannot_open(&config, -EINVAL, "IEEE802_11_RADIO");
	close(fd);
}

/* No group can be made of interfaces that are more than it takes. */
static void
group_too_large(void **state)
{
	enum { COUNT = 257 };
	const struct capture_live_config config = { .interface = "span0",
						    .ring_bytes = 1,
						    .block_ms = 10 };
	static struct capture_source *sources[COUNT];
	char error[CAPTURE_ERROR_BYTES];
	int i;

	(void)state;
	assert_true(capture_live_open(sources, COUNT, &config, error) < 0);
	assert_non_null(strstr(error, "cannot be shared"));
	for (i = 0; i < COUNT; i++)
		assert_null(sources[i]);
}

static void
out_of_memory(void **state)
{
	const struct capture_live_config config = { .interface = "span0",
						    .ring_bytes = 1 << 20,
						    .block_ms = 10 };
	unsigned nth;

	(void)state;
	for (nth = 1; nth <= 2; nth++) {
		testing_fail_allocation(nth);
		cannot_open(&config, -ENOMEM, "out of memory");
		assert_int_equal(testing_allocations(), nth);
	}
	testing_fail_allocation(0);
}

#define WITH(test)                                                             \
	{                                                                      \
#test ", with rights", test, setup, teardown, (void *)&with    \
	}
#define WITHOUT(test)                                                          \
	{                                                                      \
#test ", without rights", test, setup, teardown,               \
		    (void *)&without                                           \
	}
#define BOTH(test) WITH(test), WITHOUT(test)

static int
run_as_root(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(down_and_up),        BOTH(renamed),
		BOTH(taken_away),         BOTH(replaced),
		BOTH(moved_away),         BOTH(of_another_kind),
		BOTH(of_a_group),         WITH(rights_given_up),
		WITH(no_interface),       WITH(many_interfaces),
		WITH(interface_down),     WITH(no_right),
		WITH(sizes_out_of_range), WITH(link_type_unknown),
		WITH(group_too_large),    WITH(out_of_memory),
	};

	return cmocka_run_group_tests_name("as root", tests, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer),
		cmocka_unit_test(short_attributes),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(a_question),
		cmocka_unit_test(drops_of_a_card),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	const char *why = testing_cable_new();

	if (why) {
		printf("skipped: %s\n", why);
		return failed;
	}
	return failed + run_as_root();
}
