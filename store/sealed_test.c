/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/testing/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/fixture_priv.h"
#include "store/keys.h"

/* The least there can be: it is not the work that is tested. */
static const struct store_work cheap = { .ops = 1, .kib = 8 };

static struct store_passphrase *
passphrase(const char *text)
{
	struct store_passphrase *p = store_passphrase_new();

	assert_non_null(p);
	p->n = strlen(text);
	memcpy(p->text, text, p->n);
	return p;
}

/** @param text [STORE__SEALED_TEXT_BYTES] of the key of the fixture */
static void
make(const struct fixture *fx, const char *words, char *text)
{
	struct store_passphrase *p = passphrase(words);

	assert_int_equal(store__sealed_make(text, fx->identity, p, &cheap), 0);
	store_passphrase_free(&p);
}

static int
parse(const char *text, size_t n, const char *words,
      struct store_key_file *found, struct store_identity *identity)
{
	struct store_passphrase *p = words ? passphrase(words) : NULL;
	int r = store__key_file_parse(found, identity, text, n, p);

	store_passphrase_free(&p);
	return r;
}

static void
test_text(void **state)
{
	struct fixture *fx = *state;
	char text[STORE__SEALED_TEXT_BYTES], again[STORE__SEALED_TEXT_BYTES];
	struct store_identity identity;
	struct store_key_file found;

	make(fx, "correct horse", text);
	make(fx, "correct horse", again);
	assert_string_not_equal(text, again);
	assert_int_equal(
	    parse(text, strlen(text), "correct horse", &found, &identity), 0);
	assert_true(found.sealed);
	assert_memory_equal(&identity, fx->identity, sizeof(identity));
	assert_memory_equal(&found.pub, &fx->pub, sizeof(found.pub));
	assert_int_equal(
	    parse(text, strlen(text), "correct horsf", &found, &identity),
	    -EKEYREJECTED);
	assert_int_equal(parse(text, strlen(text), "", &found, &identity),
			 -EKEYREJECTED);
	memset(&found, 0, sizeof(found));
	assert_int_equal(parse(text, strlen(text), NULL, &found, &identity),
			 -ENOKEY);
	assert_memory_equal(&found.pub, &fx->pub, sizeof(found.pub));
}

/** Damage is never taken for a wrong passphrase. */
static void
test_damage(void **state)
{
	struct fixture *fx = *state;
	char text[STORE__SEALED_TEXT_BYTES];
	struct store_identity identity;
	struct store_key_file found;
	size_t n;

	make(fx, "x", text);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		char *copy = malloc(i ? i : 1);

		memcpy(copy, text, i);
		assert_int_equal(parse(copy, i, "x", &found, &identity),
				 -EBADMSG);
		free(copy);
	}
	for (size_t i = 0; i < n; i++) {
		const char kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(parse(text, n, "x", &found, &identity),
				 -EBADMSG);
		text[i] = kept;
	}
	assert_int_equal(parse(text, n, "x", &found, &identity), 0);
}

/** A file cannot ask for more than there may be. */
static void
test_bounds(void **state)
{
	static const struct {
		uint32_t ops, kib;
		int result;
	} cases[] = {
		{ 1, 8, -ENOKEY },    { 4, 1 << 20, -ENOKEY },
		{ 0, 8, -EBADMSG },   { 5, 8, -EBADMSG },
		{ 1, 7, -EBADMSG },   { 1, (1 << 20) + 1, -EBADMSG },
		{ 1, ~0u, -EBADMSG }, { ~0u, 8, -EBADMSG },
	};
	struct fixture *fx = *state;
	char text[STORE__SEALED_TEXT_BYTES];
	struct store_identity identity;
	struct store_key_file found;
	uint8_t bytes[132], hash[STORE_HASH_BYTES];
	const size_t word = strlen("spanrec-private-sealed-1 ");
	size_t n;

	make(fx, "x", text);
	assert_int_equal(
	    sodium_base642bin(bytes, sizeof(bytes), text + word,
			      strlen(text) - word, NULL, &n, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		store__le_put(bytes, cases[i].ops, 4);
		store__le_put(bytes + 4, cases[i].kib, 4);
		store_hash(hash, bytes, 128);
		memcpy(bytes + 128, hash, 4);
		sodium_bin2base64(text + word, sizeof(text) - word, bytes,
				  sizeof(bytes),
				  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		assert_int_equal(
		    parse(text, strlen(text), NULL, &found, &identity),
		    cases[i].result);
	}
}

static void
test_change(void **state)
{
	struct fixture *fx = *state;
	struct store_passphrase *p = passphrase("new"),
				*other = passphrase("o");
	struct store_identity *identity;
	struct store_key_file found;
	char part[300];
	struct stat st;

	/* What a crash left of an earlier attempt is in nobody's way. */
	snprintf(part, sizeof(part), "%s.part", fx->key_path);
	assert_int_equal(store__file_create(AT_FDCWD, part, "half", 4, 0600),
			 0);
	assert_int_equal(chmod(fx->key_path, 0640), 0);
	assert_int_equal(
	    store_identity_change(fx->identity, fx->key_path, p, &cheap), 0);
	assert_int_equal(access(part, F_OK), -1);
	assert_int_equal(stat(fx->key_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(store_identity_load(&identity, fx->key_path), -ENOKEY);
	assert_int_equal(store_identity_open(&identity, fx->key_path, other),
			 -EKEYREJECTED);
	assert_null(identity);
	assert_int_equal(store_identity_open(&identity, fx->key_path, p), 0);
	assert_memory_equal(identity, fx->identity, sizeof(*identity));
	store_identity_free(&identity);
	assert_int_equal(store_key_file_look(&found, fx->key_path), 0);
	assert_true(found.sealed);
	assert_int_equal(
	    store_identity_change(fx->identity, fx->key_path, NULL, &cheap), 0);
	assert_int_equal(store_identity_load(&identity, fx->key_path), 0);
	store_identity_free(&identity);
	assert_int_equal(
	    store_identity_change(fx->identity, "no/such", NULL, &cheap),
	    -ENOENT);
	store_passphrase_free(&p);
	store_passphrase_free(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_damage, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_bounds, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_change, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
