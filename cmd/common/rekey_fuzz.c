/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for a step of changing keys: any JSON is read or refused; what is
 * read fits its room, and is the same again when it is told. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/rekey.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return store_init();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *request = json_loadb((const char *)data, n, 0, NULL), *told;
	struct rekey_step *step = NULL, *again;

	if (request && rekey_step_parse(&step, request) == 0) {
		assert(step->count <= STORE_RESEAL_MAX);
		told = rekey_step_json(step);
		assert(rekey_step_parse(&again, told) == 0);
		assert(memcmp(step, again, sizeof(*step)) == 0);
		free(again);
		json_decref(told);
	}
	free(step);
	json_decref(request);
	return 0;
}
