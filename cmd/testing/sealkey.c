/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sealkey FILE PASSPHRASE-FILE: seal a private key anew by its passphrase, with
 * as little work as there can be. For tests that open it many times.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/keys.h"

static const struct store_work cheap = { .ops = 1, .kib = 8 };

static int
read_passphrase(const char *path, struct store_passphrase *passphrase)
{
	FILE *from = fopen(path, "re");
	char *end;

	if (!from)
		return -errno;
	if (!fgets(passphrase->text, sizeof(passphrase->text), from))
		passphrase->text[0] = '\0';
	fclose(from);
	end = strchr(passphrase->text, '\n');
	if (end)
		*end = '\0';
	passphrase->n = strlen(passphrase->text);
	return 0;
}

static int
seal(const char *path, const struct store_passphrase *passphrase)
{
	struct store_identity *identity;
	int r = store_identity_open(&identity, path, passphrase);

	if (r == 0)
		r = store_identity_change(identity, path, passphrase, &cheap);
	store_identity_free(&identity);
	return r;
}

int
main(int argc, char **argv)
{
	struct store_passphrase *passphrase;
	int r;

	if (argc != 3) {
		fputs("usage: sealkey FILE PASSPHRASE-FILE\n", stderr);
		return 2;
	}
	r = store_init();
	passphrase = store_passphrase_new();
	if (r == 0)
		r = passphrase ? read_passphrase(argv[2], passphrase) : -ENOMEM;
	if (r == 0)
		r = seal(argv[1], passphrase);
	store_passphrase_free(&passphrase);
	if (r)
		fprintf(stderr, "sealkey: %s: %s\n", argv[1], strerror(-r));
	return r ? 1 : 0;
}
