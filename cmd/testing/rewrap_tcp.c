/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rewrap: SIP datagrams as TCP connections.
 *
 * Each pair of endpoints has one connection, opened by who sends first. A
 * message is put at the end of what its sender has to send, and that is cut
 * into segments of random sizes. What is left over, less than a segment, waits
 * for the next message if that is the same sender's and comes soon, so that a
 * segment has the end of one message and the beginning of another; else it is
 * sent at once, since the other side would not answer before.
 *
 * For the same reason nothing is moved beyond the next message of the other
 * side: networks change the order of segments, but not of cause and effect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/testing/rewrap.h"

enum {
	TYPE_IP4 = 0x0800,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
	TCP = 6,
	MAC_BYTES = 6,
	PREFIX_BYTES_MAX = 64,

	FLAG_SYN = 0x02,
	FLAG_PUSH = 0x08,
	FLAG_ACK = 0x10
};

#define WAIT_NS    (10 * REWRAP_MS_NS) /* for the next message */
#define SHUFFLE_NS (30 * REWRAP_MS_NS)
#define NEVER_NS   INT64_MAX

/* One end of a connection. */
struct side {
	uint8_t address[16];
	uint32_t port;
	uint8_t prefix[PREFIX_BYTES_MAX]; /* of its frames, in front of IP */
	uint32_t sequence;                /* of the next byte it sends */
	struct rewrap_buffer pending;     /* not yet sent */
	uint64_t size;           /* of its next segment; 0: not drawn */
	uint64_t segments;       /* with data, sent or lost */
	uint64_t unacknowledged; /* of these */
	int64_t seen_ns;         /* of the last one to be seen */
};

struct connection {
	bool v6;
	uint32_t prefix_bytes;
	uint32_t id;          /* of IPv4 */
	int64_t now_ns;       /* of the last segment */
	int64_t until_ns;     /* nothing is moved beyond */
	uint64_t messages;    /* sent */
	size_t last;          /* message found */
	struct side sides[2]; /* who opened it is the first */
};

/* A message to be sent. */
struct message {
	int64_t time_ns;
	size_t connection, side;
	size_t next;   /* message of the connection; 0: none */
	uint8_t *text; /* owned */
	size_t n;
};

struct segment {
	uint32_t flags;
	const uint8_t *bytes;
	uint32_t n;
	int64_t time_ns;
};

struct tcp {
	struct rewrap_traffic *traffic;
	const struct rewrap_tcp_options *options;
	struct connection *connections;
	size_t connections_count;
	struct message *messages;
	size_t messages_count;
};

static int
out_of_memory(struct tcp *tcp)
{
	(void)rewrap_fail(tcp->traffic, -ENOMEM, "out of memory");
	return -ENOMEM;
}

/* ---- segments ------------------------------------------------------------ */

static uint8_t *
put_ip(uint8_t *ip, struct connection *connection, size_t from, uint32_t n)
{
	const struct side *source = &connection->sides[from];
	const struct side *target = &connection->sides[!from];

	if (connection->v6) {
		rewrap_put32(ip, 0x60000000);
		rewrap_put16(ip + 4, n);
		ip[6] = TCP;
		ip[7] = 64;
		memcpy(ip + 8, source->address, 16);
		memcpy(ip + 24, target->address, 16);
		return ip + IP6_BYTES;
	}
	rewrap_put16(ip, 0x4500);
	rewrap_put16(ip + 2, IP4_BYTES + n);
	rewrap_put16(ip + 4, ++connection->id);
	rewrap_put16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = 64;
	ip[9] = TCP;
	memcpy(ip + 12, source->address, 4);
	memcpy(ip + 16, target->address, 4);
	rewrap_ip4_sum(ip);
	return ip + IP4_BYTES;
}

/* The header of TCP is whole but for its checksum, and data is behind it. */
static void
tcp_sum(const struct connection *connection, uint8_t *tcp, uint32_t n)
{
	size_t address_bytes = connection->v6 ? 16 : 4;
	uint32_t sum = TCP + n;

	for (size_t i = 0; i < 2; i++)
		sum = rewrap_sum(sum, connection->sides[i].address,
				 address_bytes);
	rewrap_put16(tcp + 16, rewrap_fold(rewrap_sum(sum, tcp, n)));
}

static int
segment_add(struct tcp *tcp, struct connection *connection, size_t from,
	    const struct segment *segment)
{
	static const uint8_t mss[4] = { 2, 4, 0x05, 0xb4 };
	const struct side *source = &connection->sides[from];
	uint32_t options = segment->flags & FLAG_SYN ? sizeof(mss) : 0;
	uint32_t n = TCP_BYTES + options + segment->n;
	uint32_t ip_bytes = connection->v6 ? IP6_BYTES : IP4_BYTES;
	struct rewrap_frame frame = {
		.time_ns = segment->time_ns,
		.n = connection->prefix_bytes + ip_bytes + n,
		.ip_tail = ip_bytes + n,
	};
	uint8_t *p, *header;

	frame.bytes = calloc(1, frame.n);
	if (!frame.bytes)
		return out_of_memory(tcp);
	memcpy(frame.bytes, source->prefix, connection->prefix_bytes);
	header =
	    put_ip(frame.bytes + connection->prefix_bytes, connection, from, n);
	p = rewrap_put16(header, source->port);
	p = rewrap_put16(p, connection->sides[!from].port);
	p = rewrap_put32(p, source->sequence);
	p = rewrap_put32(p, segment->flags & FLAG_ACK
				? connection->sides[!from].sequence
				: 0);
	*p++ = (uint8_t)((TCP_BYTES + options) / 4 << 4);
	*p++ = (uint8_t)segment->flags;
	rewrap_put16(p, 65535); /* window */
	memcpy(header + TCP_BYTES, mss, options);
	if (segment->n)
		memcpy(header + TCP_BYTES + options, segment->bytes,
		       segment->n);
	tcp_sum(connection, header, n);
	if (tcp->options->order == REWRAP_TCP_DOUBLED &&
	    rewrap_add_copy(tcp->traffic, &frame)) {
		free(frame.bytes);
		return -ENOMEM;
	}
	return rewrap_add(tcp->traffic, frame);
}

static int64_t
tick(struct connection *connection)
{
	return connection->now_ns += REWRAP_US_NS;
}

/* What has come is acknowledged, when it has been seen. */
static int
acknowledge(struct tcp *tcp, struct connection *connection, size_t from)
{
	struct side *other = &connection->sides[!from];
	struct segment segment = { .flags = FLAG_ACK,
				   .time_ns = tick(connection) };

	other->unacknowledged = 0;
	if (segment.time_ns <= other->seen_ns)
		segment.time_ns = other->seen_ns + 1;
	return segment_add(tcp, connection, from, &segment);
}

/* Later by up to 30 ms, but not beyond the next message of the other side, of
 * which a part is left for who acknowledges. */
static int64_t
shuffled(struct tcp *tcp, const struct connection *connection, int64_t time_ns)
{
	int64_t room_ns = SHUFFLE_NS;

	if (connection->until_ns - time_ns - REWRAP_MS_NS < room_ns)
		room_ns = connection->until_ns - time_ns - REWRAP_MS_NS;
	if (room_ns <= 0)
		return time_ns;
	return time_ns +
	       (int64_t)rewrap_random(tcp->traffic, (uint64_t)room_ns + 1);
}

static int
data_send(struct tcp *tcp, struct connection *connection, size_t from,
	  uint32_t n)
{
	struct side *side = &connection->sides[from];
	bool shuffle = tcp->options->order == REWRAP_TCP_SHUFFLED;
	struct segment segment = {
		.flags = FLAG_ACK | FLAG_PUSH,
		.bytes = side->pending.bytes,
		.n = n,
		.time_ns = tick(connection),
	};
	int rc = 0;

	if (shuffle)
		segment.time_ns = shuffled(tcp, connection, segment.time_ns);
	if (side->seen_ns < segment.time_ns)
		side->seen_ns = segment.time_ns;
	if (++side->segments != tcp->options->lost)
		rc = segment_add(tcp, connection, from, &segment);
	side->sequence += n;
	side->pending.n -= n;
	memmove(side->pending.bytes, side->pending.bytes + n, side->pending.n);
	side->unacknowledged++;
	/* Every second segment, as RFC 9293 section 3.8.6.3 wants it. */
	if (rc == 0 && side->unacknowledged >= 2 && !shuffle)
		rc = acknowledge(tcp, connection, !from);
	return rc;
}

/* Send what there is, in whole segments, and the rest of it where asked. */
static int
pending_send(struct tcp *tcp, struct connection *connection, size_t from,
	     bool rest)
{
	const struct rewrap_tcp_options *options = tcp->options;
	struct side *side = &connection->sides[from];
	int rc = 0;

	while (rc == 0 && side->pending.n) {
		if (!side->size)
			side->size =
			    options->min +
			    rewrap_random(tcp->traffic,
					  options->max - options->min + 1);
		if (side->pending.n < side->size) {
			if (!rest)
				break;
			side->size = side->pending.n;
		}
		rc = data_send(tcp, connection, from, (uint32_t)side->size);
		side->size = 0;
	}
	if (rc == 0 && side->unacknowledged)
		rc = acknowledge(tcp, connection, !from);
	/* Whoever speaks next has seen all this. */
	if (connection->now_ns < side->seen_ns)
		connection->now_ns = side->seen_ns;
	return rc;
}

/* ---- connections --------------------------------------------------------- */

static int
handshake(struct tcp *tcp, struct connection *connection)
{
	static const uint8_t flags[] = { FLAG_SYN, FLAG_SYN | FLAG_ACK,
					 FLAG_ACK };
	int rc = 0;

	for (size_t i = 0; i < 3 && rc == 0; i++) {
		const struct segment segment = { .flags = flags[i],
						 .time_ns = tick(connection) };

		if (!tcp->options->no_syn)
			rc = segment_add(tcp, connection, i % 2, &segment);
		if (flags[i] & FLAG_SYN)
			connection->sides[i % 2].sequence++;
	}
	return rc;
}

static int
upgrade(struct tcp *tcp, struct connection *connection)
{
	struct side *sides = connection->sides;
	int rc;

	if (rewrap_append(&sides[0].pending, rewrap_ws_request,
			  strlen(rewrap_ws_request)) ||
	    rewrap_append(&sides[1].pending, rewrap_ws_response,
			  strlen(rewrap_ws_response)))
		return out_of_memory(tcp);
	rc = pending_send(tcp, connection, 0, true);
	return rc ? rc : pending_send(tcp, connection, 1, true);
}

static int
connection_open(struct tcp *tcp, struct connection *connection)
{
	int rc = handshake(tcp, connection);

	if (rc == 0 && tcp->options->websocket)
		rc = upgrade(tcp, connection);
	return rc;
}

/* ---- messages ------------------------------------------------------------ */

/* Append a WebSocket frame; the client's are masked. */
static int
ws_append(struct tcp *tcp, struct connection *connection, size_t from,
	  uint32_t first, const struct message *payload)
{
	uint8_t mask[4];

	rewrap_put32(mask,
		     (uint32_t)rewrap_random(tcp->traffic, UINT64_C(1) << 32));
	if (rewrap_ws_append(&connection->sides[from].pending, first,
			     from == 0 ? mask : NULL, payload->text,
			     payload->n))
		return out_of_memory(tcp);
	return 0;
}

/* Every second message in two frames, and a ping between these.
 *
 * @return 1: the other side owes a pong; 0; -ENOMEM */
static int
ws_message_append(struct tcp *tcp, struct connection *connection,
		  const struct message *message)
{
	struct message ping = { .text = (uint8_t *)"rewrap", .n = 6 };
	struct message head = *message, tail = *message;
	size_t from = message->side;

	if (connection->messages % 2 == 0 || message->n < 2)
		return ws_append(tcp, connection, from,
				 REWRAP_WS_FIN | REWRAP_WS_TEXT, message);
	head.n = 1 + rewrap_random(tcp->traffic, message->n - 1);
	tail.text += head.n;
	tail.n -= head.n;
	if (ws_append(tcp, connection, from, REWRAP_WS_TEXT, &head) ||
	    ws_append(tcp, connection, from, REWRAP_WS_FIN | REWRAP_WS_PING,
		      &ping) ||
	    ws_append(tcp, connection, from,
		      REWRAP_WS_FIN | REWRAP_WS_CONTINUATION, &tail))
		return -ENOMEM;
	return 1;
}

static int
bare_append(struct tcp *tcp, struct connection *connection, size_t from,
	    const struct message *message)
{
	if (tcp->options->websocket)
		return ws_append(tcp, connection, from,
				 REWRAP_WS_FIN | REWRAP_WS_TEXT, message);
	if (rewrap_append(&connection->sides[from].pending, message->text,
			  message->n))
		return out_of_memory(tcp);
	return 0;
}

/* Send what answers to pings. */
static int
pongs_send(struct tcp *tcp, struct connection *connection, size_t from,
	   bool crlf, bool websocket)
{
	struct message pong = { .text = (uint8_t *)"rewrap", .n = 6 };
	struct message line = { .text = (uint8_t *)"\r\n", .n = 2 };
	int rc = 0;

	if (crlf)
		rc = bare_append(tcp, connection, from, &line);
	if (rc == 0 && websocket)
		rc = ws_append(tcp, connection, from,
			       REWRAP_WS_FIN | REWRAP_WS_PONG, &pong);
	return rc ? rc : pending_send(tcp, connection, from, true);
}

/* When does the other side say something again? */
static int64_t
until_find(const struct tcp *tcp, const struct message *message)
{
	size_t i = message->next;

	while (i && tcp->messages[i].side == message->side)
		i = tcp->messages[i].next;
	return i ? tcp->messages[i].time_ns : NEVER_NS;
}

static bool
more_comes_soon(const struct tcp *tcp, const struct message *message)
{
	const struct message *next = &tcp->messages[message->next];

	return message->next && next->side == message->side &&
	       next->time_ns - message->time_ns <= WAIT_NS;
}

static int
message_send(struct tcp *tcp, struct message *message)
{
	struct connection *connection = &tcp->connections[message->connection];
	struct message ping = { .text = (uint8_t *)"\r\n\r\n", .n = 4 };
	bool first = connection->messages == 0, keepalive, rest;
	int pong = 0, rc = 0;

	if (connection->now_ns < message->time_ns)
		connection->now_ns = message->time_ns;
	connection->until_ns = until_find(tcp, message);
	if (first)
		rc = connection_open(tcp, connection);
	keepalive = tcp->options->keepalive && !first;
	if (rc == 0 && keepalive)
		rc = bare_append(tcp, connection, message->side, &ping);
	if (tcp->options->no_length)
		message->n = rewrap_length_drop(message->text, message->n);
	if (rc == 0 && tcp->options->websocket)
		rc = pong = ws_message_append(tcp, connection, message);
	else if (rc == 0)
		rc = bare_append(tcp, connection, message->side, message);
	if (rc < 0)
		return rc;
	connection->messages++;
	rest = keepalive || pong || !more_comes_soon(tcp, message);
	rc = pending_send(tcp, connection, message->side, rest);
	if (rc == 0 && (keepalive || pong))
		rc = pongs_send(tcp, connection, !message->side, keepalive,
				pong > 0);
	return rc;
}

/* ---- datagrams ----------------------------------------------------------- */

static bool
is_side(const struct side *side, const uint8_t *address, uint32_t port, bool v6)
{
	return side->port == port &&
	       memcmp(side->address, address, v6 ? 16 : 4) == 0;
}

/* @return which connection, with the side that sent it; or none, as the count
 */
static size_t
connection_find(const struct tcp *tcp, const struct rewrap_datagram *datagram,
		size_t *side)
{
	const struct rewrap_datagram *d = datagram;
	size_t i, k;

	for (i = 0; i < tcp->connections_count; i++)
		for (k = 0; k < 2; k++) {
			const struct connection *c = &tcp->connections[i];

			*side = k;
			if (c->v6 == d->v6 &&
			    is_side(&c->sides[k], d->from, d->from_port,
				    d->v6) &&
			    is_side(&c->sides[!k], d->to, d->to_port, d->v6))
				return i;
		}
	*side = 0;
	return i;
}

static int
connection_add(struct tcp *tcp, const struct rewrap_frame *frame,
	       const struct rewrap_datagram *datagram)
{
	struct connection *more =
	    reallocarray(tcp->connections, tcp->connections_count + 1,
			 sizeof(*tcp->connections));
	size_t address_bytes = datagram->v6 ? 16 : 4;
	struct connection *connection;
	struct side *sides;

	if (!more)
		return out_of_memory(tcp);
	tcp->connections = more;
	connection = &more[tcp->connections_count++];
	*connection = (struct connection){
		.v6 = datagram->v6,
		.prefix_bytes = frame->n - frame->ip_tail,
	};
	sides = connection->sides;
	memcpy(sides[0].address, datagram->from, address_bytes);
	memcpy(sides[1].address, datagram->to, address_bytes);
	sides[0].port = datagram->from_port;
	sides[1].port = datagram->to_port;
	for (size_t i = 0; i < 2; i++) {
		memcpy(sides[i].prefix, frame->bytes, connection->prefix_bytes);
		sides[i].sequence =
		    (uint32_t)rewrap_random(tcp->traffic, UINT64_C(1) << 32);
	}
	/* The other side's frames go the other way. */
	memcpy(sides[1].prefix, frame->bytes + MAC_BYTES, MAC_BYTES);
	memcpy(sides[1].prefix + MAC_BYTES, frame->bytes, MAC_BYTES);
	return 0;
}

/* Keep what a frame says, if it is SIP.
 *
 * @return 1: kept; 0: it is not; -ENOMEM */
static int
message_keep(struct tcp *tcp, const struct rewrap_frame *frame)
{
	struct message *message = &tcp->messages[tcp->messages_count];
	struct rewrap_datagram datagram;
	struct connection *connection;
	int rc;

	if (frame->n - frame->ip_tail > PREFIX_BYTES_MAX ||
	    !rewrap_datagram_peek(frame, &datagram) ||
	    !rewrap_is_sip(datagram.payload, datagram.payload_bytes))
		return 0;
	message->time_ns = frame->time_ns;
	message->connection = connection_find(tcp, &datagram, &message->side);
	if (message->connection == tcp->connections_count) {
		rc = connection_add(tcp, frame, &datagram);
		if (rc)
			return rc;
	}
	message->text = malloc(datagram.payload_bytes);
	if (!message->text)
		return out_of_memory(tcp);
	memcpy(message->text, datagram.payload, datagram.payload_bytes);
	message->n = datagram.payload_bytes;
	connection = &tcp->connections[message->connection];
	/* Message 0 follows upon none: 0 is none. */
	if (connection->messages)
		tcp->messages[connection->last].next = tcp->messages_count;
	connection->last = tcp->messages_count++;
	connection->messages++;
	return 1;
}

/* Take the SIP out of the frames. */
static int
messages_find(struct tcp *tcp, struct rewrap_frame *frames, size_t count)
{
	int rc = 0;

	tcp->messages = calloc(count + 1, sizeof(*tcp->messages));
	if (!tcp->messages)
		return out_of_memory(tcp);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = message_keep(tcp, &frames[i]);
		if (rc)
			continue;
		rc = rewrap_add(tcp->traffic, frames[i]);
		frames[i].bytes = NULL;
	}
	for (size_t i = 0; i < tcp->connections_count; i++)
		tcp->connections[i].messages = 0;
	return rc < 0 ? rc : 0;
}

int
rewrap_tcp(struct rewrap_traffic *traffic,
	   const struct rewrap_tcp_options *options)
{
	struct tcp tcp = { .traffic = traffic, .options = options };
	size_t count, i;
	struct rewrap_frame *frames = rewrap_take(traffic, &count);
	int rc = messages_find(&tcp, frames, count);

	for (i = 0; i < tcp.messages_count && rc == 0; i++)
		rc = message_send(&tcp, &tcp.messages[i]);
	for (i = 0; i < tcp.messages_count; i++)
		free(tcp.messages[i].text);
	for (i = 0; i < 2 * tcp.connections_count; i++)
		free(tcp.connections[i / 2].sides[i % 2].pending.bytes);
	free(tcp.messages);
	free(tcp.connections);
	rewrap_frames_free(frames, count);
	rewrap_sort(traffic);
	return rc;
}
