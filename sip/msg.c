/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One message, read by libosip2: the only file that knows the library.
 *
 * It allocates some 70 times for a head, so it is given a bump arena: a
 * pointer moves, and nothing is ever freed. When the arena is full the whole
 * message has failed, for the library often returns success with parts
 * missing when memory runs out. Its lists are walked from the front for each
 * element, hence the limits of size and count before it is called at all; a
 * message over a limit gets the tolerant scan only, and so does one that it
 * refuses.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <osipparser2/osip_parser.h>

#include "sip/sip_priv.h"

/** A usual head takes 8 KiB of it, one of 60 KiB does not fit. */
#define ARENA_BYTES ((size_t)128 << 10)
#define ARENA_ALIGN ((size_t)16)

struct arena {
	_Alignas(ARENA_ALIGN) uint8_t bytes[ARENA_BYTES];
	size_t used;
	bool exhausted;
};

struct sip_parser {
	struct sip_config limits;
	char copy[SIP_HEAD_BYTES];
	struct sip_head head;
	struct arena arena;
};

/*
 * The one mutable global of the folder: libosip2's allocator has no argument
 * that could carry the arena.
 */
static _Thread_local struct arena *arena;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/** Each block is preceded by its length, which realloc needs. */
static void *
arena_malloc(size_t n)
{
	uint8_t *block;
	size_t room;

	if (!arena)
		return NULL;
	room = ARENA_BYTES - arena->used;
	if (arena->exhausted || n > room || room - n < 2 * ARENA_ALIGN) {
		arena->exhausted = true;
		return NULL;
	}
	block = arena->bytes + arena->used;
	memcpy(block, &n, sizeof(n));
	arena->used +=
	    ARENA_ALIGN + (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	return block + ARENA_ALIGN;
}

static void *
arena_realloc(void *old, size_t n)
{
	void *block = arena_malloc(n);
	size_t old_n;

	if (!old || !block)
		return block;
	memcpy(&old_n, (uint8_t *)old - ARENA_ALIGN, sizeof(old_n));
	memcpy(block, old, old_n < n ? old_n : n);
	return block;
}

static void
arena_free(void *block)
{
	(void)block;
}

static void
print_nothing(const char *file, int line, osip_trace_level_t level,
	      const char *format, va_list arguments)
{
	(void)file;
	(void)line;
	(void)level;
	(void)format;
	(void)arguments;
}

static void
library_init(void)
{
	parser_init();
	osip_trace_initialize_func(END_TRACE_LEVEL, print_nothing);
	osip_set_allocators(arena_malloc, arena_realloc, arena_free);
}

int
sip__parser_new(struct sip_parser **parser, const struct sip_config *config)
{
	pthread_once(&library_once, library_init);
	*parser = calloc(1, sizeof(**parser));
	if (!*parser)
		return -ENOMEM;
	(*parser)->limits = *config;
	return 0;
}

void
sip__parser_free(struct sip_parser **parser)
{
	free(*parser);
	*parser = NULL;
}

static struct sip_text
text_of(const char *string)
{
	return (struct sip_text){ string, string ? strlen(string) : 0 };
}

static void
take_uri(struct sip_address *address, const osip_uri_t *uri)
{
	if (!uri)
		return;
	address->user = text_of(uri->username);
	address->host = text_of(uri->host);
	/* tel: and other schemes are kept as they came */
	if (uri->string) {
		address->user = sip__text_cut(text_of(uri->string), ';', NULL);
		address->host = (struct sip_text){ NULL, 0 };
		address->escaped = true;
	}
}

/** To and Contact have the same layout: osip_to_t is osip_from_t. */
static void
take_address(struct sip_address *address, osip_from_t *from)
{
	char name[] = "tag";
	osip_generic_param_t *tag = NULL;

	if (!from)
		return;
	address->display = text_of(from->displayname);
	take_uri(address, from->url);
	osip_from_param_get_byname(from, name, &tag);
	if (tag)
		address->tag = text_of(tag->gvalue);
}

static int
take_message(struct sip_msg *msg, const struct sip_head *head,
	     osip_message_t *m)
{
	osip_via_t *via = osip_list_get(&m->vias, 0);
	osip_generic_param_t *branch = NULL;
	char name[] = "branch";
	char *call_id = NULL;

	if (!m->call_id || !m->cseq || !m->cseq->number || !m->cseq->method ||
	    !m->from || !m->to || !via)
		return -EBADMSG;
	if (osip_call_id_to_str(m->call_id, &call_id) != OSIP_SUCCESS)
		return -EBADMSG;
	*msg = (struct sip_msg){ .status = head->status };
	msg->method =
	    sip__method(head->status ? text_of(m->cseq->method) : head->method);
	if (!sip__text_number(text_of(m->cseq->number), &msg->cseq))
		return -EBADMSG;
	msg->call_id = text_of(call_id);
	take_uri(&msg->uri, m->req_uri);
	take_address(&msg->from, m->from);
	take_address(&msg->to, m->to);
	take_address(&msg->contact, osip_list_get(&m->contacts, 0));
	osip_via_param_get_byname(via, name, &branch);
	if (branch)
		msg->branch = text_of(branch->gvalue);
	return msg->call_id.n ? 0 : -EBADMSG;
}

static int
read_with_library(struct sip_parser *parser, struct sip_msg *msg,
		  const struct sip_head *head)
{
	osip_message_t *m = NULL;
	int rc = -EBADMSG;

	parser->arena.used = 0;
	parser->arena.exhausted = false;
	arena = &parser->arena;
	if (osip_message_init(&m) == OSIP_SUCCESS &&
	    osip_message_parse(m, head->text, head->n) == OSIP_SUCCESS)
		rc = take_message(msg, head, m);
	if (arena->exhausted)
		rc = -EBADMSG;
	arena = NULL;
	return rc;
}

static bool
is_over_limit(const struct sip_config *limits, const struct sip_head *head,
	      size_t message_bytes)
{
	return message_bytes > limits->message_bytes_max ||
	       head->headers > limits->headers_max ||
	       head->line_bytes_longest > limits->line_bytes_max ||
	       head->separators > limits->separators_max;
}

int
sip__msg_parse(struct sip_parser *parser, struct sip_msg *msg,
	       struct sip_text message, size_t missing_bytes)
{
	enum sip_reading reading = SIP_READ;
	struct sip_head *head = &parser->head;

	if (sip__head_read(head, parser->copy, message))
		return -EBADMSG;
	if (is_over_limit(&parser->limits, head, message.n))
		reading = SIP_READ_OVER_LIMIT;
	else if (!head->regular || read_with_library(parser, msg, head))
		reading = SIP_READ_FALLBACK;
	if (reading != SIP_READ && sip__scan(msg, head))
		return -EBADMSG;
	msg->reading = reading;
	msg->head = head;
	sip__scan_rest(msg, head, missing_bytes);
	return 0;
}
