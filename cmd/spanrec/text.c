/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names and numbers in a recording come from whoever sent the SIP message.
 * Here they become harmless: for a terminal, which would obey escape
 * sequences; for JSON, which must be UTF-8; for a spreadsheet, which would
 * calculate.
 */
#include "cmd/spanrec/spanrec.h"

#include <string.h>

#define REPLACEMENT  "\xEF\xBF\xBD" /**< U+FFFD in UTF-8 */
#define WRAP_COLUMNS 78

/*
 * Length of the character at p, or 0: not UTF-8 (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF), or a control character. Reads no
 * further than the NUL, since that is no continuation byte.
 *
 * Controls of the direction of writing (U+202A to 202E, 2066 to 2069) make a
 * number look like another one, and go on to the end of the line; U+2028 and
 * 2029 end the line.
 */
static size_t
character_bytes(const unsigned char *p)
{
	uint32_t code;
	size_t n, i;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7F;
	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		n = 2;
		code = p[0] & 0x1F;
	} else if ((p[0] & 0xF0) == 0xE0) {
		n = 3;
		code = p[0] & 0x0F;
	} else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		n = 4;
		code = p[0] & 0x07;
	} else {
		return 0;
	}
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3F);
	}
	if (code < 0xA0 || (n == 3 && code < 0x800) ||
	    (code >= 0xD800 && code <= 0xDFFF) || (n == 4 && code < 0x10000) ||
	    code > 0x10FFFF)
		return 0;
	if ((code >= 0x2028 && code <= 0x202E) ||
	    (code >= 0x2066 && code <= 0x2069))
		return 0;
	return n;
}

const char *
spanrec_text_clean(const char *text, char *clean, size_t n)
{
	size_t used = 0;

	while (*text) {
		size_t bytes = character_bytes((const unsigned char *)text);
		const char *from = bytes ? text : REPLACEMENT;
		size_t out = bytes ? bytes : strlen(REPLACEMENT);

		if (used + out >= n)
			break;
		memcpy(clean + used, from, out);
		used += out;
		text += bytes ? bytes : 1;
	}
	clean[used] = '\0';
	return clean;
}

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

void
spanrec_path_shorten(const char *path, char *to, size_t n)
{
	static const char dots[] = "...";
	size_t room = n < sizeof(dots) ? 0 : n - sizeof(dots);
	size_t bytes = strlen(path), head, tail;
	const char *name = strrchr(path, '/');

	if (bytes < n) {
		memcpy(to, path, bytes + 1);
		return;
	}
	tail = name ? strlen(name) : bytes;
	if (tail > room)
		tail = room;
	head = room - tail;
	while (head && is_continuation(path[head]))
		head--;
	while (tail && is_continuation(path[bytes - tail]))
		tail--;
	snprintf(to, n, "%.*s%s%s", (int)head, path, dots, path + bytes - tail);
}

static bool
is_formula(const char *text)
{
	if (!*text || !strchr("=+-@\t\r", *text))
		return false;
	return *text != '+' || text[1 + strspn(text + 1, "0123456789")];
}

void
spanrec_csv_field(FILE *to, const char *text)
{
	const char *apostrophe = is_formula(text) ? "'" : "";

	if (!strpbrk(text, ",\"\r\n")) {
		fprintf(to, "%s%s", apostrophe, text);
		return;
	}
	fprintf(to, "\"%s", apostrophe);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

void
spanrec_text_wrap(FILE *to, const char *text, int indent)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > WRAP_COLUMNS) {
			fprintf(to, "\n%*s", indent, "");
			column = (size_t)indent;
		} else if (column) {
			fputc(' ', to);
			column++;
		}
		fprintf(to, "%.*s", (int)n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}
