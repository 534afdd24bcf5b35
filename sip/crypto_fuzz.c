/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows a=crypto:, twice into one list. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sip_crypto_list list = { 0 };
	char *copy = malloc(n ? n : 1);
	uint32_t once;

	if (!copy)
		return 0;
	if (n)
		memcpy(copy, bytes, n);
	(void)!sip_crypto_read(&list, copy, n);
	once = list.count;
	(void)!sip_crypto_read(&list, copy, n);
	assert(list.count >= once && list.count <= SIP_CRYPTO_MAX);
	assert(list.count == 2 * once || list.count == SIP_CRYPTO_MAX);
	for (uint32_t i = 0; i < list.count; i++) {
		const struct sip_crypto *c = &list.crypto[i];

		assert(c->key_bytes > 0 && c->key_bytes <= SIP_CRYPTO_KEY_MAX);
		assert(c->mki_bytes <= SIP_CRYPTO_MKI_MAX);
		assert(memchr(c->suite, '\0', sizeof(c->suite)));
		if (i >= once && i < 2 * once)
			assert(memcmp(c->key, list.crypto[i - once].key,
				      sizeof(c->key)) == 0);
	}
	free(copy);
	return 0;
}
