/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slices of text. SIP and SDP are read as slices of the message, so that
 * nothing is copied before it is known to be wanted.
 */
#include <endian.h>
#include <string.h>
#include <strings.h>

#include "sip/sip_priv.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct sip_text
sip__text_trim(struct sip_text text)
{
	while (text.n && is_space(text.p[0])) {
		text.p++;
		text.n--;
	}
	while (text.n && is_space(text.p[text.n - 1]))
		text.n--;
	return text;
}

struct sip_text
sip__text_cut(struct sip_text text, char c, struct sip_text *rest)
{
	const char *at = text.n ? memchr(text.p, c, text.n) : NULL;
	size_t before = at ? (size_t)(at - text.p) : text.n;

	if (rest && at)
		*rest = (struct sip_text){ at + 1, text.n - before - 1 };
	else if (rest)
		*rest = (struct sip_text){ NULL, 0 };
	return (struct sip_text){ text.p, before };
}

struct sip_text
sip__text_from(struct sip_text text, size_t at)
{
	return (struct sip_text){ text.p + at, text.n - at };
}

bool
sip__text_equal(struct sip_text a, struct sip_text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
sip__text_same(struct sip_text a, struct sip_text b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool
sip__text_begins(struct sip_text text, struct sip_text with)
{
	return text.n >= with.n && strncasecmp(text.p, with.p, with.n) == 0;
}

bool
sip__text_has(struct sip_text text, struct sip_text word)
{
	for (; text.n >= word.n; text.p++, text.n--)
		if (strncasecmp(text.p, word.p, word.n) == 0)
			return true;
	return false;
}

size_t
sip__text_number(struct sip_text text, uint32_t *value)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		number = number * 10 + (uint64_t)(text.p[i] - '0');
		if (number > UINT32_MAX)
			number = UINT32_MAX;
	}
	*value = (uint32_t)number;
	return i;
}

bool
sip__text_line(struct sip_text *text, struct sip_text *line)
{
	if (text->n == 0)
		return false;
	*line = sip__text_cut(*text, '\n', text);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/**
 * Length of the UTF-8 character at the start of text (RFC 3629 section 4),
 * or 0 where there is none: no overlong forms, no surrogates.
 */
static size_t
utf8_length(struct sip_text text)
{
	const uint8_t *p = (const uint8_t *)text.p;
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (text.n < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool
sip__text_clean(char *out, size_t out_bytes, struct sip_text text)
{
	size_t used = 0;

	while (text.n) {
		size_t n = utf8_length(text);
		bool good = n > 1 || (n == 1 && (uint8_t)text.p[0] >= 0x20 &&
				      text.p[0] != 0x7f);
		size_t wanted = good ? n : 3;

		if (used + wanted >= out_bytes)
			break;
		memcpy(out + used, good ? text.p : "\xef\xbf\xbd", wanted);
		used += wanted;
		n = n ? n : 1;
		text.p += n;
		text.n -= n;
	}
	out[used] = '\0';
	return text.n == 0;
}

/** Up to 8 bytes, little-endian. */
static uint64_t
load64(const void *p, size_t n)
{
	uint64_t word = 0;

	if (n)
		memcpy(&word, p, n);
	return le64toh(word);
}

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t
sip__hash(const uint8_t *key, struct sip_text text)
{
	uint64_t k0 = load64(key, 8);
	uint64_t k1 = load64(key + 8, 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			  k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	size_t left = text.n;
	const char *p = text.p;
	uint64_t word;

	for (; left >= 8; left -= 8, p += 8) {
		word = load64(p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = load64(p, left) | (uint64_t)text.n << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
