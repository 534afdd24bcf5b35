/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a recorder answers: one line, or two of a recorder that was asked twice.
 * Whatever is in them, the screen is UTF-8 that a terminal does not obey.
 */
#include "cmd/spanrec/spanrec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The state in one answer, as status takes it; NULL: it is none. */
static json_t *
read_status(struct control_client *client, const uint8_t *data, size_t n)
{
	json_t *answer, *status;
	int rc = control_client_parse(client, (const char *)data, n, &answer);

	assert(rc >= EXIT_DONE && rc <= EXIT_DAMAGED);
	assert(!rc == !!answer);
	assert(!rc || *control_client_error(client));
	status = json_incref(json_object_get(answer, "status"));
	json_decref(answer);
	return status;
}

/* Printable UTF-8 and newlines. */
static void
check_text(const char *text, size_t bytes)
{
	json_t *json;
	size_t i;

	assert(strlen(text) == bytes);
	for (i = 0; i < bytes; i++)
		assert(text[i] == '\n' ||
		       ((unsigned char)text[i] >= 0x20 && text[i] != 0x7F));
	json = json_string(text); /* refuses what is no UTF-8 */
	assert(json);
	json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct control_client client = { .fd = -1 };
	struct spanrec_screen screen = { 0 };
	struct policy_zone *zone;
	const uint8_t *end = n ? memchr(data, '\n', n) : NULL;
	json_t *status, *before = NULL;
	char *text = NULL;
	size_t bytes;
	FILE *to;

	if (policy_zone_load(&zone, "UTC"))
		return 0;
	if (end) {
		before = read_status(&client, data, (size_t)(end - data));
		n -= (size_t)(end - data) + 1;
		data = end + 1;
	}
	status = read_status(&client, data, n);
	to = open_memstream(&text, &bytes);
	assert(to);
	screen.zone = zone;
	screen.before = before;
	spanrec_screen_print(to, &screen, status);
	fclose(to);
	check_text(text, bytes);
	free(text);
	json_decref(status);
	json_decref(before);
	control_client_fini(&client);
	policy_zone_free(&zone);
	return 0;
}
