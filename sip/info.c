/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keyed digits in INFO (RFC 6086; their bodies are older and nobody's
 * standard):
 *
 *   application/dtmf-relay   Signal=5    "Signal= 5", "signal: 5" too; 10 and
 *                            Duration=160  11 for * and #, 12 to 15 for A to D
 *   application/dtmf         5           or the same as above
 *
 * A key is told once, however often its INFO is sent or seen: by who sent it
 * and CSeq, which a retransmission and every hop have in common. One that was
 * challenged is sent again as another INFO, and that is told to be the same.
 *
 * What was keyed is passed on and kept nowhere here.
 */
#include <string.h>

#include "sip/sip_priv.h"

/** @return the key, or '\0': none */
static char
key_of(struct sip_text value)
{
	static const char names[] = "0123456789*#ABCD";
	uint32_t code;
	const char *at;

	value = sip__text_trim(value);
	if (value.n == 1) {
		char c = value.p[0];

		if (c >= 'a' && c <= 'd')
			c = (char)(c - 'a' + 'A');
		at = memchr(names, c, sizeof(names) - 1);
		return at ? *at : '\0';
	}
	if (value.n != 2 || sip__text_number(value, &code) != 2 || code < 10 ||
	    code > 15)
		return '\0';
	return names[code];
}

/** "name=value" or "name: value"; *value is NULL if it is neither. */
static struct sip_text
split(struct sip_text line, struct sip_text *value)
{
	struct sip_text name = sip__text_cut(line, '=', value);

	if (!value->p)
		name = sip__text_cut(line, ':', value);
	return sip__text_trim(name);
}

static void
read_line(struct sip_keyed *keyed, struct sip_text line, bool bare)
{
	struct sip_text value, name = split(line, &value);

	if (!value.p) {
		if (bare && !keyed->key)
			keyed->key = key_of(line);
	} else if (sip__text_same(name, SIP_TEXT("Signal"))) {
		if (!keyed->key)
			keyed->key = key_of(value);
	} else if (sip__text_same(name, SIP_TEXT("Duration"))) {
		sip__text_number(sip__text_trim(value), &keyed->duration_ms);
	}
}

/** @return false: there is no key in it */
static bool
read_body(struct sip_keyed *keyed, const struct sip_msg *msg)
{
	struct sip_text body = msg->body, line;
	struct sip_text type =
	    sip__text_trim(sip__text_cut(msg->content_type, ';', NULL));
	const char *end = body.p + body.n;
	bool bare = sip__text_same(type, SIP_TEXT("application/dtmf"));

	*keyed = (struct sip_keyed){ .key = '\0' };
	if (!bare && !sip__text_same(type, SIP_TEXT("application/dtmf-relay")))
		return false;
	while (sip__text_line(&body, &line)) {
		/* "1" may have been "10" */
		if (msg->cut && line.p + line.n == end)
			break;
		read_line(keyed, line, bare);
	}
	return keyed->key != '\0';
}

static uint32_t *
last_txn(struct sip_info *info)
{
	return &info->txn[(info->count - 1) % SIP_INFO_MAX];
}

/** @return was it seen before? It is now. */
static bool
seen(struct sip_info *info, uint32_t txn)
{
	uint32_t known =
	    info->count < SIP_INFO_MAX ? info->count : SIP_INFO_MAX;

	for (uint32_t i = 0; i < known; i++)
		if (info->txn[i] == txn)
			return true;
	info->count++;
	*last_txn(info) = txn;
	return false;
}

static void
request(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_info *info = &call->info[turn->party];
	struct sip_keyed keyed;

	if (!read_body(&keyed, turn->msg) || seen(info, (uint32_t)turn->txn))
		return;
	keyed.again = info->challenged;
	info->challenged = false;
	sip__emit(call, (struct sip_event){ .type = SIP_EVENT_KEY,
					    .time_ns = turn->time_ns,
					    .party = turn->party,
					    .keyed = &keyed });
	explicit_bzero(&keyed, sizeof(keyed));
}

void
sip__info_input(struct sip_call_state *call, const struct sip_turn *turn)
{
	struct sip_info *info;
	int status = turn->msg->status;

	if (status == 0) {
		request(call, turn);
		return;
	}
	/* who asked is who did not answer */
	info = &call->info[turn->party == SIP_CALLER ? SIP_CALLEE : SIP_CALLER];
	if ((status == 401 || status == 407) && info->count &&
	    *last_txn(info) == (uint32_t)turn->txn)
		info->challenged = true;
}
