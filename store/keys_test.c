/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files and recipients: what is written is read, what is damaged is
 * refused, and the public half alone opens nothing. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static int
setup(void **state)
{
	assert_int_equal(store_init(), 0);
	*state = testing_folder();
	return 0;
}

static int
teardown(void **state)
{
	testing_folder_remove(*state);
	return 0;
}

static void
test_key_file(void **state)
{
	struct store_identity *identity;
	struct store_public pub, again;
	struct stat st;
	char path[300];

	snprintf(path, sizeof(path), "%s/key", (char *)*state);
	assert_int_equal(store_identity_create(path, &pub), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(store_identity_create(path, &again), -EEXIST);
	assert_int_equal(store_identity_load(&identity, path), 0);
	store_identity_public(identity, &again);
	assert_memory_equal(&pub, &again, sizeof(pub));
	store_identity_free(&identity);
	assert_null(identity);
	store_identity_free(&identity);
	snprintf(path, sizeof(path), "%s/none", (char *)*state);
	assert_int_equal(store_identity_load(&identity, path), -ENOENT);
	snprintf(path, sizeof(path), "%s/none/key", (char *)*state);
	assert_int_equal(store_identity_create(path, &again), -ENOENT);
}

static void
test_public_file(void **state)
{
	char path[300], text[STORE_PUBLIC_TEXT_BYTES];
	struct store_public pub, again;

	snprintf(path, sizeof(path), "%s/key", (char *)*state);
	assert_int_equal(store_identity_create(path, &pub), 0);
	/* A private key is no public key. */
	assert_int_equal(store_public_load(&again, path), -EBADMSG);
	snprintf(path, sizeof(path), "%s/pub", (char *)*state);
	assert_int_equal(store_public_load(&again, path), -ENOENT);
	assert_int_equal(store_public_save(&pub, path), 0);
	assert_int_equal(store_public_save(&pub, path), -EEXIST);
	assert_int_equal(store_public_load(&again, path), 0);
	assert_memory_equal(&pub, &again, sizeof(pub));
	store_public_text(text, &pub);
	assert_int_equal(strncmp(text, "spanrec-public-1 ", 17), 0);
	assert_int_equal(strlen(text), 65);
}

/** Every truncation and every changed character of a key file is refused. */
static void
test_damaged_key_file(void **state)
{
	struct store_identity identity;
	struct store_public pub;
	char path[300], *copy;
	uint8_t *text;
	size_t n, first;
	int accepted = 0;

	snprintf(path, sizeof(path), "%s/key", (char *)*state);
	assert_int_equal(store_identity_create(path, &pub), 0);
	text = testing_read_file(path, &n);
	text[n] = '\0';
	first =
	    (size_t)(strstr((char *)text, "spanrec-private") - (char *)text);
	for (size_t i = 0; i + 1 < n; i++) {
		copy = testing_copy(text, i);
		assert_int_equal(store__identity_parse(&identity, copy, i),
				 -EBADMSG);
		free(copy);
	}
	for (size_t i = first; i + 1 < n; i++) {
		copy = testing_copy(text, n);
		copy[i] ^= 1;
		accepted += store__identity_parse(&identity, copy, n) == 0;
		free(copy);
	}
	assert_int_equal(accepted, 0);
	copy = testing_copy(text, n - 1); /* without its last newline */
	assert_int_equal(store__identity_parse(&identity, copy, n - 1), 0);
	assert_memory_equal(&identity.pub, &pub, sizeof(pub));
	free(copy);
	free(text);
}

static void
test_recipients(void **state)
{
	struct store_public pubs[5], got[STORE_RECIPIENTS_MAX];
	char text[600], path[300], one[STORE_PUBLIC_TEXT_BYTES];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "# who may listen\n\n");
	for (unsigned i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%u", (char *)*state, i);
		assert_int_equal(store_identity_create(path, &pubs[i]), 0);
		store_public_text(one, &pubs[i]);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", one,
				      i % 2 ? "\r\n" : "\n");
		assert_int_equal(store__recipients_parse(got, text, n),
				 i < 4 ? (int)i + 1 : -EBADMSG);
		if (i < 4)
			assert_memory_equal(got, pubs, (i + 1) * 32);
	}
	assert_int_equal(store__recipients_parse(got, "", 0), -EBADMSG);
	assert_int_equal(store__recipients_parse(got, "# none\n", 7), -EBADMSG);
	assert_int_equal(store__recipients_parse(got, "hello\n", 6), -EBADMSG);
}

/** Points to which everybody could compute the shared secret. */
static void
test_unusable_public_key(void **state)
{
	struct store_public zero = { { 0 } }, one = { { 1 } }, got;
	char text[STORE_PUBLIC_TEXT_BYTES];

	store_public_text(text, &zero);
	assert_int_equal(store__public_parse(&got, text, strlen(text)),
			 -EBADMSG);
	store_public_text(text, &one);
	assert_int_equal(store__public_parse(&got, text, strlen(text)),
			 -EBADMSG);
}

/** With everything that the recorder can read, its account opens nothing. */
static void
test_public_half_opens_nothing(void **state)
{
	struct store_identity *wrong, forged;
	struct store_reader *reader;
	struct store_segment s;
	struct fixture fx;
	char path[300];

	fixture_init(&fx);
	fixture_record(&fx, &s, 0, 1000);
	/* Another private key. */
	snprintf(path, sizeof(path), "%s/other", fx.home);
	assert_int_equal(store_identity_create(path, &forged.pub), 0);
	assert_int_equal(store_identity_load(&wrong, path), 0);
	assert_int_equal(store_reader_open(&reader, fx.archive, wrong, &s),
			 -ENOKEY);
	/* The right public half with a wrong secret, and with itself. */
	forged = *wrong;
	forged.pub = fx.pub;
	assert_int_equal(store_reader_open(&reader, fx.archive, &forged, &s),
			 -ENOKEY);
	memcpy(forged.secret, fx.pub.bytes, 32);
	assert_int_equal(store_reader_open(&reader, fx.archive, &forged, &s),
			 -ENOKEY);
	assert_null(reader);
	assert_int_equal(
	    store_reader_open(&reader, fx.archive, fx.identity, &s), 0);
	store_reader_close(&reader);
	store_identity_free(&wrong);
	fixture_fini(&fx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_key_file),
		TEST(test_public_file),
		TEST(test_damaged_key_file),
		TEST(test_recipients),
		TEST(test_unusable_public_key),
		TEST(test_public_half_opens_nothing),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
