/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rewrap [OPTION...] IN OUT: the traffic of a capture as another network would
 * carry it and another mirror would deliver it. The same calls must come out
 * of OUT as of IN.
 *
 * IN has Ethernet frames, with SIP and RTP in UDP, as mkpcap makes them; what
 * else is in it goes through as it is. The passes come in this order, each
 * over all frames; who wants another order runs rewrap twice:
 *
 *   --tcp        SIP from UDP to TCP         rewrap_tcp.c, rewrap_message.c
 *   --mtu        packets cut into fragments  rewrap_ip.c
 *   --wrap       frames put into tunnels     rewrap_wrap.c, wrap.c
 *   --outer-mtu  the tunnels' packets cut    rewrap_ip.c
 *   --double     every frame twice           rewrap_mirror.c
 *   --reorder    frames a little later       rewrap_mirror.c
 *   --link       another link type           rewrap_link.c
 *
 * What is random follows from --seed: the same options give the same bytes.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/testing/rewrap.h"

#define MTU_MIN     68 /* of IPv4, RFC 791 */
#define PACKET_MAX  65535
#define SEGMENT_MAX 65000
#define REORDER_MAX 3600000 /* an hour */

struct options {
	const char *in, *out;
	enum wrap wraps[REWRAP_WRAPS_MAX];
	size_t wraps_count;
	enum rewrap_link link;
	uint64_t mtu, outer_mtu; /* 0: none */
	bool fragments_told;
	enum rewrap_fragments fragments;
	bool tcp_told; /* what makes sense with --tcp only */
	struct rewrap_tcp_options tcp;
	bool twice, twice_vlan;
	uint64_t reorder_ms;
	uint64_t seed;
};

enum {
	KEY_WRAP = 256,
	KEY_LINK,
	KEY_MTU,
	KEY_OUTER_MTU,
	KEY_FRAGMENTS,
	KEY_TCP,
	KEY_WS,
	KEY_NO_SYN,
	KEY_KEEPALIVE,
	KEY_NO_LENGTH,
	KEY_TCP_ORDER,
	KEY_DOUBLE,
	KEY_DOUBLE_VLAN,
	KEY_REORDER,
	KEY_SEED
};

static const struct argp_option argp_options[] = {
	{ NULL, 0, NULL, 0, "Encapsulation:", 1 },
	{ "wrap", KEY_WRAP, "LIST", 0,
	  "put every frame into these, separated by commas, the outermost "
	  "first; names are below",
	  1 },
	{ "link", KEY_LINK, "TYPE", 0,
	  "link type of OUT: ether (as without), null, loop, raw, sll, sll2, "
	  "erf, erf-ext (with a further header), ppp, chdlc",
	  1 },
	{ NULL, 0, NULL, 0, "Fragments:", 2 },
	{ "mtu", KEY_MTU, "BYTES", 0,
	  "cut IP packets that are longer, before they are wrapped", 2 },
	{ "outer-mtu", KEY_OUTER_MTU, "BYTES", 0,
	  "cut the outermost IP packets that are longer", 2 },
	{ "fragments", KEY_FRAGMENTS, "HOW", 0,
	  "in-order (as without), reverse, shuffled, doubled, overlap (by 8 "
	  "bytes, the same)",
	  2 },
	{ NULL, 0, NULL, 0, "SIP over TCP:", 3 },
	{ "tcp", KEY_TCP, "MIN-MAX", 0,
	  "the SIP messages of each pair of endpoints as one connection, in "
	  "segments of MIN to MAX bytes that heed no message's end",
	  3 },
	{ "ws", KEY_WS, NULL, 0,
	  "in WebSocket: an upgrade first, the client's frames masked, every "
	  "second message in two frames with a ping between them",
	  3 },
	{ "no-syn", KEY_NO_SYN, NULL, 0,
	  "without the three segments that begin a connection", 3 },
	{ "keepalive", KEY_KEEPALIVE, NULL, 0,
	  "with pings and pongs of RFC 5626 between messages", 3 },
	{ "no-length", KEY_NO_LENGTH, NULL, 0,
	  "without the messages' Content-Length", 3 },
	{ "tcp-order", KEY_TCP_ORDER, "HOW", 0,
	  "in-order (as without), shuffled (within 30 ms), doubled (each "
	  "segment twice), lost=N (the Nth data segment of each direction is "
	  "acknowledged and not there)",
	  3 },
	{ NULL, 0, NULL, 0, "Mirroring:", 4 },
	{ "double", KEY_DOUBLE, NULL, 0,
	  "each frame twice, the second one up to 50 ms later, with other MAC "
	  "addresses and one hop more: both ports of a router",
	  4 },
	{ "double-vlan", KEY_DOUBLE_VLAN, NULL, 0,
	  "with --double: the second one in another VLAN", 4 },
	{ "reorder", KEY_REORDER, "MS", 0,
	  "move each frame by 0 to MS milliseconds", 4 },
	{ NULL, 0, NULL, 0, "Other:", 5 },
	{ "seed", KEY_SEED, "N", 0, "of what is random (1)", 5 },
	{ 0 }
};

/* ---- values -------------------------------------------------------------- */

/* @return behind the number, NULL: there is none, or it is too large */
static const char *
whole_read(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno ? NULL : end;
}

static void
whole_option(struct argp_state *state, const char *text, uint64_t min,
	     uint64_t max, uint64_t *value)
{
	const char *end = whole_read(text, value);

	if (!end || *end || *value < min || *value > max)
		argp_error(state,
			   "'%s' is no number from %" PRIu64 " to %" PRIu64,
			   text, min, max);
}

static void
wrap_option(struct argp_state *state, const char *text, struct options *options)
{
	do {
		size_t n = strcspn(text, ",");
		int wrap = rewrap_wrap_find(text, n);

		if (wrap < 0)
			argp_error(state, "'%.*s' is no encapsulation", (int)n,
				   text);
		else if (options->wraps_count == REWRAP_WRAPS_MAX)
			argp_error(state, "more than %d encapsulations",
				   REWRAP_WRAPS_MAX);
		else
			options->wraps[options->wraps_count++] =
			    (enum wrap)wrap;
		text += n;
	} while (*text++ == ',');
}

static void
link_option(struct argp_state *state, const char *text, struct options *options)
{
	int link = rewrap_link_find(text);

	if (link < 0)
		argp_error(state, "'%s' is no link type", text);
	else
		options->link = (enum rewrap_link)link;
}

static void
fragments_option(struct argp_state *state, const char *text,
		 struct options *options)
{
	static const char *const names[] = {
		[REWRAP_IN_ORDER] = "in-order", [REWRAP_REVERSE] = "reverse",
		[REWRAP_SHUFFLED] = "shuffled", [REWRAP_DOUBLED] = "doubled",
		[REWRAP_OVERLAP] = "overlap",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], text) == 0) {
			options->fragments = (enum rewrap_fragments)i;
			options->fragments_told = true;
			return;
		}
	argp_error(state, "'%s' is no way for fragments to come", text);
}

static void
tcp_option(struct argp_state *state, const char *text,
	   struct rewrap_tcp_options *tcp)
{
	const char *end = whole_read(text, &tcp->min);

	if (end && *end == '-')
		end = whole_read(end + 1, &tcp->max);
	else
		end = NULL;
	if (!end || *end || tcp->min == 0 || tcp->min > tcp->max ||
	    tcp->max > SEGMENT_MAX)
		argp_error(state, "'%s' is not MIN-MAX, from 1 to %d", text,
			   SEGMENT_MAX);
}

static void
tcp_order_option(struct argp_state *state, const char *text,
		 struct rewrap_tcp_options *tcp)
{
	if (strcmp(text, "in-order") == 0) {
		tcp->order = REWRAP_TCP_IN_ORDER;
	} else if (strcmp(text, "shuffled") == 0) {
		tcp->order = REWRAP_TCP_SHUFFLED;
	} else if (strcmp(text, "doubled") == 0) {
		tcp->order = REWRAP_TCP_DOUBLED;
	} else if (strncmp(text, "lost=", 5) == 0) {
		tcp->order = REWRAP_TCP_LOST;
		whole_option(state, text + 5, 1, UINT32_MAX, &tcp->lost);
	} else {
		argp_error(state, "'%s' is no way for segments to come", text);
	}
}

/* ---- options ------------------------------------------------------------- */

static bool
tcp_parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;
	struct rewrap_tcp_options *tcp = &options->tcp;

	switch (key) {
	case KEY_WS:
		tcp->websocket = true;
		break;
	case KEY_NO_SYN:
		tcp->no_syn = true;
		break;
	case KEY_KEEPALIVE:
		tcp->keepalive = true;
		break;
	case KEY_NO_LENGTH:
		tcp->no_length = true;
		break;
	case KEY_TCP_ORDER:
		tcp_order_option(state, value, tcp);
		break;
	default:
		return false;
	}
	options->tcp_told = true;
	return true;
}

/* What does not go together. HEP is made of whole UDP datagrams. */
static void
options_check(struct argp_state *state, const struct options *options)
{
	if (!options->out)
		argp_usage(state);
	if (options->tcp_told && !options->tcp.max)
		argp_error(state, "this needs --tcp: --ws, --no-syn, "
				  "--keepalive, --no-length, --tcp-order");
	if (options->fragments_told && !options->mtu && !options->outer_mtu)
		argp_error(state, "--fragments needs --mtu or --outer-mtu");
	if (options->twice_vlan && !options->twice)
		argp_error(state, "--double-vlan needs --double");
	for (size_t i = 0; i < options->wraps_count; i++) {
		if (options->wraps[i] != WRAP_hep)
			continue;
		if (i + 1 < options->wraps_count)
			argp_error(state, "hep3 carries what is in a UDP "
					  "datagram, and no frames: it must be "
					  "the last of --wrap");
		if (options->tcp.max || options->mtu)
			argp_error(state, "hep3 carries what is in a UDP "
					  "datagram: not with --tcp or --mtu");
	}
}

static error_t
argument_parse(char *value, struct options *options)
{
	if (options->out)
		return ARGP_ERR_UNKNOWN;
	if (options->in)
		options->out = value;
	else
		options->in = value;
	return 0;
}

static error_t
option_parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_WRAP:
		wrap_option(state, value, options);
		return 0;
	case KEY_LINK:
		link_option(state, value, options);
		return 0;
	case KEY_MTU:
		whole_option(state, value, MTU_MIN, PACKET_MAX, &options->mtu);
		return 0;
	case KEY_OUTER_MTU:
		whole_option(state, value, MTU_MIN, PACKET_MAX,
			     &options->outer_mtu);
		return 0;
	case KEY_FRAGMENTS:
		fragments_option(state, value, options);
		return 0;
	case KEY_TCP:
		tcp_option(state, value, &options->tcp);
		return 0;
	case KEY_DOUBLE:
		options->twice = true;
		return 0;
	case KEY_DOUBLE_VLAN:
		options->twice_vlan = true;
		return 0;
	case KEY_REORDER:
		whole_option(state, value, 0, REORDER_MAX,
			     &options->reorder_ms);
		return 0;
	case KEY_SEED:
		whole_option(state, value, 0, UINT64_MAX, &options->seed);
		return 0;
	case ARGP_KEY_ARG:
		return argument_parse(value, options);
	case ARGP_KEY_END:
		options_check(state, options);
		return 0;
	default:
		return tcp_parse(key, value, state) ? 0 : ARGP_ERR_UNKNOWN;
	}
}

/* The names of encapsulations, behind the options. */
static char *
help_filter(int key, const char *text, void *input)
{
	char *names = NULL;
	size_t n;
	FILE *to;

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	to = open_memstream(&names, &n);
	if (!to)
		return (char *)text;
	fputs("Encapsulations: ", to);
	rewrap_wraps_tell(to);
	fputs(".\n\nWhat carries IP packets only (mpls, ipip, gtpu ...) is "
	      "given frames that hold another kind in GRE. hep3 carries UDP "
	      "datagrams and must be the last; a capture that has anything "
	      "else is refused, so filter it before (tcpdump -r IN -w OUT "
	      "udp). Four names are second names: gre-key-seq-sum (gre-full), "
	      "geneve-opt, gtpu-ext, hep3 (hep).",
	      to);
	return fclose(to) ? (char *)text : names;
}

/* ---- all of it ----------------------------------------------------------- */

static int
traffic_change(struct rewrap_traffic *traffic, const struct options *options)
{
	int rc = 0;

	if (options->tcp.max)
		rc = rewrap_tcp(traffic, &options->tcp);
	if (rc == 0 && options->mtu)
		rc = rewrap_fragment(traffic, (uint32_t)options->mtu,
				     options->fragments);
	if (rc == 0)
		rc = rewrap_wrap(traffic, options->wraps, options->wraps_count);
	if (rc == 0 && options->outer_mtu)
		rc = rewrap_fragment(traffic, (uint32_t)options->outer_mtu,
				     options->fragments);
	if (rc == 0 && options->twice)
		rc = rewrap_double(traffic, options->twice_vlan);
	if (rc == 0 && options->reorder_ms)
		rewrap_reorder(traffic,
			       (int64_t)options->reorder_ms * REWRAP_MS_NS);
	return rc;
}

static int
traffic_write(struct rewrap_traffic *traffic, const struct options *options)
{
	FILE *to = fopen(options->out, "wb");
	int rc;

	if (!to)
		return rewrap_fail(traffic, -errno, "%s", strerror(errno));
	rc = rewrap_write(traffic, options->link, to);
	if (fclose(to) && rc == 0)
		rc = rewrap_fail(traffic, -errno, "%s", strerror(errno));
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = option_parse,
		.args_doc = "IN OUT",
		.doc = "The traffic of a capture as another network carries it "
		       "and another mirror delivers it. IN has Ethernet "
		       "frames.\v",
		.help_filter = help_filter,
	};
	struct options options = { .seed = 1 };
	struct rewrap_traffic traffic = { 0 };
	const char *file;
	int rc;

	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &options))
		return EXIT_USAGE;
	traffic.random = options.seed;
	file = options.in;
	rc = rewrap_read(&traffic, file);
	if (rc == 0)
		rc = traffic_change(&traffic, &options);
	if (rc == 0) {
		file = options.out;
		rc = traffic_write(&traffic, &options);
	}
	if (rc)
		fprintf(stderr, "rewrap: %s: %s\n", file, traffic.error);
	rewrap_fini(&traffic);
	return rc ? exit_code(rc) : EXIT_DONE;
}
