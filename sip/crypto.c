/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of SRTP in a session description (RFC 4568):
 *
 *   a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1c\
 *     fHAwJSoj|2^20|1:4;inline:... KDR=0 UNENCRYPTED_SRTP
 *
 * tag, suite, then keys, each with how long it may be used (which does not
 * matter to who only listens) and its identifier with the length of that, then
 * parameters. Each key becomes one struct sip_crypto. What a suite is, sip/
 * does not know.
 */
#include <errno.h>
#include <string.h>

#include "sip/sip_priv.h"

static struct sip_text
next_word(struct sip_text *line)
{
	*line = sip__text_trim(*line);
	return sip__text_cut(*line, ' ', line);
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/** RFC 4648 section 4; padding may be missing. @return 0, -EBADMSG */
static int
read_base64(struct sip_crypto *crypto, struct sip_text text)
{
	uint32_t bits = 0, have = 0, n = 0;

	while (text.n && text.p[text.n - 1] == '=')
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		int value = base64_value(text.p[i]);

		if (value < 0)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == sizeof(crypto->key))
			return -EBADMSG;
		crypto->key[n++] = (uint8_t)(bits >> have);
	}
	crypto->key_bytes = (uint8_t)n;
	return n ? 0 : -EBADMSG;
}

/** "1:4": identifier, and bytes of it in each packet. */
static int
read_mki(struct sip_crypto *crypto, struct sip_text text)
{
	struct sip_text length;
	uint32_t bytes;

	text = sip__text_cut(text, ':', &length);
	if (text.n == 0 || text.n > 19)
		return -EBADMSG;
	crypto->mki = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -EBADMSG;
		crypto->mki = crypto->mki * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (sip__text_number(length, &bytes) != length.n || bytes == 0 ||
	    bytes > SIP_CRYPTO_MKI_MAX)
		return -EBADMSG;
	crypto->mki_bytes = (uint8_t)bytes;
	return 0;
}

/** "inline:KEY|2^20|1:4"; of what follows the key, what has a colon is its
 * identifier. */
static int
read_key(struct sip_crypto *crypto, struct sip_text text)
{
	struct sip_text method, part, rest;

	method = sip__text_cut(text, ':', &text);
	if (!sip__text_same(method, SIP_TEXT("inline")) || !text.p)
		return -EBADMSG;
	part = sip__text_cut(text, '|', &rest);
	if (read_base64(crypto, part) < 0)
		return -EBADMSG;
	while (rest.p) {
		part = sip__text_cut(rest, '|', &rest);
		if (memchr(part.p, ':', part.n) && read_mki(crypto, part) < 0)
			return -EBADMSG;
	}
	return 0;
}

static void
read_parameter(struct sip_crypto *crypto, struct sip_text text)
{
	struct sip_text name, value;

	name = sip__text_cut(text, '=', &value);
	if (sip__text_same(name, SIP_TEXT("UNENCRYPTED_SRTP")))
		crypto->unencrypted = true;
	else if (sip__text_same(name, SIP_TEXT("UNENCRYPTED_SRTCP")))
		crypto->unencrypted_rtcp = true;
	else if (sip__text_same(name, SIP_TEXT("UNAUTHENTICATED_SRTP")))
		crypto->unauthenticated = true;
	else if (sip__text_same(name, SIP_TEXT("KDR")))
		crypto->derives = !sip__text_equal(value, SIP_TEXT("0"));
}

int
sip_crypto_read(struct sip_crypto_list *list, const char *text, size_t n)
{
	struct sip_text line = { text, n };
	struct sip_crypto all = { 0 };
	struct sip_text keys, word;
	int r = 0;

	if (!sip__text_number(next_word(&line), &all.tag))
		return -EBADMSG;
	word = next_word(&line);
	if (word.n == 0 || word.n >= sizeof(all.suite))
		return -EBADMSG;
	sip__text_clean(all.suite, sizeof(all.suite), word);
	keys = next_word(&line);
	for (word = next_word(&line); word.n; word = next_word(&line))
		read_parameter(&all, word);
	do {
		struct sip_crypto *one = &list->crypto[list->count];

		if (list->count == SIP_CRYPTO_MAX)
			return -ENOSPC;
		*one = all;
		word = sip__text_cut(keys, ';', &keys);
		r = read_key(one, word);
		if (r < 0)
			explicit_bzero(one, sizeof(*one));
		else
			list->count++;
	} while (keys.p && r == 0);
	return r;
}

bool
sip__crypto_same(const struct sip_crypto_list *a,
		 const struct sip_crypto_list *b)
{
	uint32_t n = a ? a->count : 0;

	if (n != (b ? b->count : 0))
		return false;
	/* Both were zeroed before they were filled. */
	return n == 0 ||
	       memcmp(a->crypto, b->crypto, n * sizeof(a->crypto[0])) == 0;
}
