/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts from the network: whatever comes in, UTF-8 without control characters
 * comes out, and a CSV field reads back as what was written. */
#include "cmd/spanrec/spanrec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Read one CSV field (RFC 4180) in place; it must be the whole text. */
static void
csv_read(char *field)
{
	char *to = field, *from = field;

	if (*from != '"') {
		assert(!strpbrk(field, ",\"\r\n"));
		return;
	}
	for (from++; *from; from++) {
		if (*from == '"' && *++from != '"')
			break;
		*to++ = *from;
	}
	assert(!*from);
	*to = '\0';
}

static void
check_csv(const char *text)
{
	char *field = NULL;
	const char *read;
	size_t bytes;
	FILE *to = open_memstream(&field, &bytes);

	assert(to);
	spanrec_csv_field(to, text);
	fclose(to);
	csv_read(field);
	read = field;
	if (strcmp(read, text) != 0 && *read == '\'')
		read++;
	assert(!strcmp(read, text));
	free(field);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1), clean[256];
	json_t *json;
	size_t i;

	if (!text)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';

	spanrec_text_clean(text, clean, sizeof(clean));
	assert(strlen(clean) < sizeof(clean));
	json = json_string(clean); /* refuses what is no UTF-8 */
	assert(json);
	json_decref(json);
	for (i = 0; clean[i]; i++)
		assert((unsigned char)clean[i] >= 0x20 && clean[i] != 0x7F);
	check_csv(text);
	free(text);
	return 0;
}
