/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real messages of script lines, so that all of the parser is run. */
#include "cmd/testing/sip_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/testing/testing.h"

#define MS 1000000LL

static void __attribute__((format(printf, 2, 3)))
print(struct testing_sip_log *log, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(log->text + log->n, sizeof(log->text) - log->n, format,
		      arguments);
	va_end(arguments);
	assert_true(n >= 0 && log->n + (size_t)n < sizeof(log->text));
	log->n += (size_t)n;
}

static uint64_t
name(struct testing_sip_names *names, uint64_t number)
{
	assert_true(number > 0 && number < TESTING_SIP_NAMES);
	if (names->of[number] == 0)
		names->of[number] = ++names->last;
	return names->of[number];
}

/** "of #1 same by session-id", "after #1 transfer by refer" */
static void
print_link(struct testing_sip_log *log, const struct sip_event *event)
{
	static const char *const types[] = { "same", "transfer", "pickup",
					     "consult" };
	const struct sip_link *link = event->link;

	if (!link)
		return;
	print(log, " %s #%llu %s by %s%s",
	      event->call->conversation == link->with ? "of" : "after",
	      (unsigned long long)name(&log->calls, link->with),
	      types[link->type], sip_link_by_name(link->by),
	      event->call->crossed ? " crossed" : "");
}

void
testing_sip_note(void *ctx, const struct sip_event *event)
{
	static const char *const parties[] = { "caller", "callee" };
	static const char *const causes[] = { "bye",     "cancel", "rejected",
					      "timeout", "shed",   "input" };
	char text[CAPTURE_ENDPOINT_TEXT_BYTES];
	struct testing_sip_log *log = ctx;

	if (event->type == SIP_EVENT_GOES_ON) {
		log->went_on++;
		return;
	}
	print(log, "%lld #%llu ", (long long)(event->time_ns / MS),
	      (unsigned long long)name(&log->calls, event->call->number));
	switch (event->type) {
	case SIP_EVENT_CALL:
		print(log, "call %s>%s", event->call->party[0].user,
		      event->call->party[1].user);
		print_link(log, event);
		break;
	case SIP_EVENT_IDENTITY:
		print(log, "identity %s>%s", event->call->party[0].user,
		      event->call->party[1].user);
		break;
	case SIP_EVENT_RINGING:
		print(log, "ringing");
		break;
	case SIP_EVENT_ANSWER:
		print(log, "answer");
		break;
	case SIP_EVENT_MEDIA_OPEN:
	case SIP_EVENT_MEDIA_CLOSE:
		print(
		    log, "%s%llu %s %s",
		    event->type == SIP_EVENT_MEDIA_OPEN ? "+" : "-",
		    (unsigned long long)name(&log->media, event->media->number),
		    parties[event->media->party],
		    capture_endpoint_text(&event->media->receive, text));
		break;
	case SIP_EVENT_HOLD:
		print(log, "hold by %s", parties[event->party]);
		break;
	case SIP_EVENT_RESUME:
		print(log, "resume by %s", parties[event->party]);
		break;
	case SIP_EVENT_HEADER:
		print(log, "header '%s' is '%s' by %s%s", event->header->name,
		      event->header->value, parties[event->party],
		      event->header->info ? " in INFO" : "");
		break;
	case SIP_EVENT_KEY:
		print(log, "key %c by %s", event->keyed->key,
		      parties[event->party]);
		if (event->keyed->duration_ms)
			print(log, " for %u", event->keyed->duration_ms);
		if (event->keyed->again)
			print(log, " again");
		break;
	case SIP_EVENT_REFER:
		print(log, "refer by %s to %s", parties[event->party],
		      event->target->user);
		break;
	case SIP_EVENT_MOVE:
		print(log, "move");
		print_link(log, event);
		break;
	case SIP_EVENT_GOES_ON:
		break;
	case SIP_EVENT_END:
		print(log, "end %s %d by %s", causes[event->cause],
		      event->status, parties[event->party]);
		break;
	}
	print(log, "\n");
}

/* ---- messages of script lines -------------------------------------------- */

struct options {
	char branch[32], from_tag[32], to_tag[32], call_id[32], sdp[64],
	    pai[32], from[32], to[32];
	char profile[32];
	char headers[512];
	char body[256];
};

static void
put_blanks(char *text)
{
	for (; *text; text++)
		if (*text == '~')
			*text = ' ';
}

/** @param lines one or, of a header that is folded, several; ~ is a blank */
static void
add_header(struct options *o, char *lines)
{
	char *line, *save;

	put_blanks(lines);
	for (line = strtok_r(lines, "|", &save); line;
	     line = strtok_r(NULL, "|", &save)) {
		size_t n = strlen(o->headers);
		size_t room = sizeof(o->headers) - n;
		int more = snprintf(o->headers + n, room, "%s\r\n", line);

		assert_true(more > 0 && (size_t)more < room);
	}
}

static void
read_options(struct options *o, const char *words)
{
	char copy[512], *save, *word;

	assert_true(strlen(words) < sizeof(copy));
	memcpy(copy, words, strlen(words) + 1);
	*o = (struct options){ .from_tag = "x",
			       .call_id = "call",
			       .from = "2001",
			       .to = "2002",
			       .profile = "RTP/AVP" };
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		assert_non_null(value);
		*value++ = '\0';
		if (strcmp(word, "b") == 0)
			snprintf(o->branch, sizeof(o->branch), "%s", value);
		else if (strcmp(word, "f") == 0)
			snprintf(o->from_tag, sizeof(o->from_tag), "%s", value);
		else if (strcmp(word, "t") == 0)
			snprintf(o->to_tag, sizeof(o->to_tag), "%s", value);
		else if (strcmp(word, "i") == 0)
			snprintf(o->call_id, sizeof(o->call_id), "%s", value);
		else if (strcmp(word, "sdp") == 0)
			snprintf(o->sdp, sizeof(o->sdp), "%s", value);
		else if (strcmp(word, "pai") == 0)
			snprintf(o->pai, sizeof(o->pai), "%s", value);
		else if (strcmp(word, "from") == 0)
			snprintf(o->from, sizeof(o->from), "%s", value);
		else if (strcmp(word, "to") == 0)
			snprintf(o->to, sizeof(o->to), "%s", value);
		else if (strcmp(word, "h") == 0)
			add_header(o, value);
		else if (strcmp(word, "body") == 0)
			snprintf(o->body, sizeof(o->body), "%s", value);
		else if (strcmp(word, "rtp") == 0)
			snprintf(o->profile, sizeof(o->profile), "%s", value);
		else
			fail_msg("option %s", word);
	}
}

static void
write_sdp(struct testing_sip_log *sdp, const struct options *o)
{
	char address[64] = "", direction[16] = "sendrecv";
	unsigned port = 0;

	assert_true(
	    sscanf(o->sdp, "%63[^:]:%u/%15s", address, &port, direction) >= 2);
	print(sdp,
	      "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n",
	      address, address);
	print(sdp, "m=audio %u %s 8 101\r\na=%s\r\n", port, o->profile,
	      direction);
}

/** @param text type|line|line...; ~ is a blank */
static void
write_body(struct testing_sip_log *body, char *text, const char **type)
{
	char *line, *save;

	put_blanks(text);
	*type = strtok_r(text, "|", &save);
	while ((line = strtok_r(NULL, "|", &save)))
		print(body, "%s\r\n", line);
}

/** @param what "INVITE" or "200/INVITE" */
static void
write_message(struct testing_sip_log *m, const char *what, unsigned cseq,
	      struct options *o)
{
	const char *method = strchr(what, '/');
	struct testing_sip_log body = { .n = 0 };
	const char *type = "application/sdp";

	if (o->sdp[0])
		write_sdp(&body, o);
	else if (o->body[0])
		write_body(&body, o->body, &type);
	if (method)
		print(m, "SIP/2.0 %.3s Whatever\r\n", what);
	else
		print(m, "%s sip:%s@pbx.example SIP/2.0\r\n", what, o->to);
	print(m, "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK%s\r\n", o->branch);
	print(m, "From: <sip:%s@pbx.example>;tag=%s\r\n", o->from, o->from_tag);
	print(m, "To: <sip:%s@pbx.example>%s%s\r\n", o->to,
	      o->to_tag[0] ? ";tag=" : "", o->to_tag);
	print(m, "Call-ID: %s\r\nCSeq: %u %s\r\n", o->call_id, cseq,
	      method ? method + 1 : what);
	if (o->pai[0])
		print(m, "P-Asserted-Identity: <sip:%s@pbx.example>\r\n",
		      o->pai);
	print(m, "%s", o->headers);
	if (body.n)
		print(m, "Content-Type: %s\r\n", type);
	print(m, "Content-Length: %zu\r\n\r\n%.*s", body.n, (int)body.n,
	      body.text);
}

static void
endpoint(struct capture_endpoint *ep, char who)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "10.0.0.%d", who - 'A' + 1);

	assert_int_equal(capture_endpoint_parse(ep, text, (size_t)n, 5060), 0);
}

void
testing_sip_line(struct sip_tracker *tracker, const char *line)
{
	struct capture_pkt pkt;
	struct testing_sip_log message = { .n = 0 };
	char what[32], from, to;
	struct options o;
	long long ms;
	unsigned cseq;
	uint8_t *bytes;
	int n = 0;

	assert_int_equal(sscanf(line, "%lld %31s%n", &ms, what, &n), 2);
	if (strcmp(what, "tick") == 0) {
		sip_tracker_tick(tracker, ms * MS);
		return;
	}
	if (strcmp(what, "finish") == 0) {
		sip_tracker_finish(tracker, ms * MS);
		return;
	}
	if (strcmp(what, "alive") == 0) {
		sip_tracker_alive(tracker, strtoull(line + n, NULL, 10),
				  ms * MS);
		return;
	}
	assert_int_equal(sscanf(line, "%lld %c>%c %31s %u%n", &ms, &from, &to,
				what, &cseq, &n),
			 5);
	read_options(&o, line + n);
	write_message(&message, what, cseq, &o);
	bytes = testing_copy(message.text, message.n);
	pkt = (struct capture_pkt){ .time_ns = ms * MS,
				    .payload = bytes,
				    .payload_bytes = (uint32_t)message.n };
	endpoint(&pkt.src, from);
	endpoint(&pkt.dst, to);
	assert_int_equal(sip_tracker_input(tracker, &pkt), 0);
	free(bytes);
}

void
testing_sip_run(struct sip_tracker *tracker, const char *script)
{
	char line[512];
	size_t n;

	for (; *script; script += n + 1) {
		n = strcspn(script, "\n");
		assert_true(n < sizeof(line));
		memcpy(line, script, n);
		line[n] = '\0';
		testing_sip_line(tracker, line);
	}
}
