/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a key file, a recipients file, a slot of a keyring: what is
 * accepted can be written again and is then the same. */
#include <assert.h>
#include <string.h>

#include "store/store.h"
#include "store/store_priv.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return store_init();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_public recipients[STORE_RECIPIENTS_MAX], again;
	char text[STORE_PUBLIC_TEXT_BYTES];
	struct store_identity identity;
	struct store_sealed_key sealed;
	struct store_key_file file;
	int count;

	count = store__recipients_parse(recipients, (const char *)data, size);
	assert(count <= STORE_RECIPIENTS_MAX && count != 0);
	for (int i = 0; i < count; i++) {
		store_public_text(text, &recipients[i]);
		assert(store__public_parse(&again, text, strlen(text)) == 0);
		assert(memcmp(&again, &recipients[i], sizeof(again)) == 0);
	}
	if (store__key_file_parse(&file, &identity, (const char *)data, size,
				  NULL) == -ENOKEY)
		assert(file.sealed && store__public_usable(&file.pub));
	if (store__identity_parse(&identity, (const char *)data, size) == 0)
		assert(store__public_usable(&identity.pub));
	if (size == STORE__SLOT_BYTES &&
	    store__slot_decode(data, 20190328, 0, &sealed) == STORE__SLOT_KEY)
		assert(sealed.count >= 1 &&
		       sealed.count <= STORE_RECIPIENTS_MAX);
	return 0;
}
