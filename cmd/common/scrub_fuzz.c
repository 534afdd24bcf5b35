/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for a step of a scrub: any JSON is read or refused; what is read
 * fits its room, and is the same again when it is told. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/scrub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *request = json_loadb((const char *)data, n, 0, NULL), *told;
	struct scrub_step *step = NULL, *again;

	if (request && scrub_step_parse(&step, request) == 0) {
		assert(memchr(step->scrub.id, 0, sizeof(step->scrub.id)));
		assert(step->type != SCRUB_WRITE ||
		       step->piece.n <= SCRUB_PIECE_BYTES);
		told = scrub_step_json(step);
		/* More sides than a number of JSON has are none. */
		if (told && step->scrub.sides <= INT32_MAX) {
			assert(scrub_step_parse(&again, told) == 0);
			assert(memcmp(step, again, sizeof(*step)) == 0);
			free(again);
		}
		json_decref(told);
	}
	free(step);
	json_decref(request);
	return 0;
}
