/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slots: written, read, destroyed, never used twice. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store_sealed_key
sealed_with(uint8_t byte)
{
	struct store_sealed_key sealed = { .count = 2 };

	memset(sealed.sealed, byte, 2 * STORE_SEALED_KEY_BYTES);
	return sealed;
}

static void
test_add_and_read(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed, got;
	uint32_t slot;

	for (uint32_t i = 0; i < 10; i++) {
		sealed = sealed_with((uint8_t)(i + 1));
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
		    0);
		assert_int_equal(slot, i);
	}
	assert_int_equal(store_keyring_sync(fx->archive), 0);
	for (uint32_t i = 0; i < 10; i++) {
		sealed = sealed_with((uint8_t)(i + 1));
		assert_int_equal(
		    store__keyring_read(fx->archive, FIXTURE_DAY, i, &got), 0);
		assert_memory_equal(&got, &sealed, sizeof(got));
	}
	assert_int_equal(
	    store__keyring_read(fx->archive, FIXTURE_DAY, 10, &got), -ENOKEY);
	assert_int_equal(store__keyring_read(fx->archive, 20200101, 0, &got),
			 -ENOKEY);
	assert_int_equal(store_keyring_add(fx->archive, 0, &sealed, &slot),
			 -EINVAL);
}

/** The slot of store/FORMAT.md: the file key 00 01 ... 1f, sealed to the
 * public key of its example; slot 5 of its day. */
static const char example[] =
    "534b4559010101007814340105000000675dd574ed7789310b3d2e7681f3790b"
    "466c773b1521fecf36577958371ea52f40fa8f07de13cda0622dae5944d91c12"
    "d4d938c4b4feec1fdceef5d83263ea62f57cbe5ce983b3cbc16d73d324e1a238";
static const char example_check[] = "7f87e0664af5aabb489d2b966896e436";
static const char example_identity[] =
    "spanrec-private-1 QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9iCTzZ\n";

#define EXAMPLE_USED  96
#define EXAMPLE_SLOT  5
#define EXAMPLE_CHECK 16

static void
test_example(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = { .count = 1 }, got;
	uint8_t slot[STORE__SLOT_BYTES] = { 0 }, key[STORE_FILE_KEY_BYTES];
	struct store_identity identity;
	char path[300];
	uint8_t *file;
	uint32_t at;
	size_t n;

	assert_int_equal(sodium_hex2bin(slot, EXAMPLE_USED, example,
					strlen(example), NULL, &n, NULL),
			 0);
	assert_int_equal(
	    sodium_hex2bin(slot + STORE__SLOT_BYTES - EXAMPLE_CHECK,
			   EXAMPLE_CHECK, example_check, strlen(example_check),
			   NULL, &n, NULL),
	    0);
	memcpy(sealed.sealed[0], slot + 16, STORE_SEALED_KEY_BYTES);
	for (uint32_t i = 0; i <= EXAMPLE_SLOT; i++)
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &at),
		    0);
	assert_int_equal(at, EXAMPLE_SLOT);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	file = testing_read_file(path, &n);
	assert_int_equal(n, (EXAMPLE_SLOT + 1) * STORE__SLOT_BYTES);
	assert_memory_equal(file + EXAMPLE_SLOT * STORE__SLOT_BYTES, slot,
			    sizeof(slot));
	free(file);

	assert_int_equal(
	    store__slot_decode(slot, FIXTURE_DAY, EXAMPLE_SLOT, &got),
	    STORE__SLOT_KEY);
	assert_int_equal(got.count, 1);
	assert_int_equal(store__identity_parse(&identity, example_identity,
					       strlen(example_identity)),
			 0);
	assert_int_equal(
	    crypto_box_seal_open(key, got.sealed[0], STORE_SEALED_KEY_BYTES,
				 identity.pub.bytes, identity.secret),
	    0);
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(key[i], i);
}

/** More days at once than files are kept open, and a reopen between. */
static void
test_many_days(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed, got;
	uint32_t slot;

	for (uint32_t i = 0; i < 60; i++) {
		sealed = sealed_with((uint8_t)(i + 1));
		if (i == 31) {
			store_archive_close(&fx->archive);
			fixture_open(fx);
		}
		assert_int_equal(store_keyring_add(fx->archive,
						   20190301 + i % 7, &sealed,
						   &slot),
				 0);
		assert_int_equal(slot, i / 7);
	}
	assert_int_equal(store_keyring_sync(fx->archive), 0);
	for (uint32_t i = 0; i < 60; i++) {
		sealed = sealed_with((uint8_t)(i + 1));
		assert_int_equal(store__keyring_read(fx->archive,
						     20190301 + i % 7, i / 7,
						     &got),
				 0);
		assert_memory_equal(&got, &sealed, sizeof(got));
	}
}

static void
test_destroy(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed, got;
	char path[300];
	uint8_t *bytes;
	uint32_t slot;
	size_t n;

	for (uint8_t i = 0; i < 3; i++) {
		sealed = sealed_with((uint8_t)('A' + i));
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
		    0);
	}
	for (int again = 0; again < 2; again++)
		assert_int_equal(
		    store__keyring_destroy(fx->archive, FIXTURE_DAY, 1), 0);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 1, &got),
			 -ENOKEY);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 0, &got),
			 0);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 2, &got),
			 0);
	/* One that never was, of a file and of none, which is not made. */
	assert_int_equal(store__keyring_destroy(fx->archive, FIXTURE_DAY, 9),
			 -ENOKEY);
	assert_int_equal(
	    store__keyring_destroy(fx->archive, FIXTURE_DAY + 1, 0), -ENOKEY);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-29.keys", fx->dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(
	    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot), 0);
	assert_int_equal(slot, 3);

	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	bytes = testing_read_file(path, &n);
	assert_int_equal(n, 4 * STORE__SLOT_BYTES);
	assert_non_null(memmem(bytes, n, "AAAAAAAA", 8));
	assert_null(memmem(bytes, n, "BBBBBBBB", 8));
	free(bytes);
}

/** A slot that was copied to another place is not that place's key. */
static void
test_replaced_slot(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = sealed_with(1), got;
	uint8_t slots[2 * STORE__SLOT_BYTES], *copy;
	char path[300];
	uint32_t slot;
	int fd;

	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
		    0);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	fd = open(path, O_RDWR);
	assert_int_equal(store__pread(fd, slots, sizeof(slots), 0), 0);
	assert_int_equal(
	    store__pwrite(fd, slots, STORE__SLOT_BYTES, STORE__SLOT_BYTES), 0);
	close(fd);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 1, &got),
			 -EBADMSG);

	copy = testing_copy(slots, STORE__SLOT_BYTES);
	assert_int_equal(store__slot_decode(copy, FIXTURE_DAY, 0, &got),
			 STORE__SLOT_KEY);
	assert_int_equal(store__slot_decode(copy, FIXTURE_DAY + 1, 0, &got),
			 -EBADMSG);
	for (size_t i = 0; i < STORE__SLOT_BYTES * 8; i += 7) {
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(store__slot_decode(copy, FIXTURE_DAY, 0, &got),
				 -EBADMSG);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	free(copy);
}

/** A crash in the middle of a slot: it counts as taken, the next are whole. */
static void
test_torn_slot(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = sealed_with(1), got;
	char path[300];
	uint32_t slot;

	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
		    0);
	store_archive_close(&fx->archive);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	assert_int_equal(truncate(path, 700), 0);
	fixture_open(fx);
	assert_int_equal(
	    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot), 0);
	assert_int_equal(slot, 2);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 0, &got),
			 0);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 1, &got),
			 -EBADMSG);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 2, &got),
			 0);
}

static uint32_t
add(struct fixture *fx)
{
	struct store_sealed_key sealed = sealed_with(1);
	uint32_t slot;

	assert_int_equal(
	    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot), 0);
	return slot;
}

/** The file is lost, and made anew: what rows name stays taken, also when the
 * rows are gone. */
static void
test_lost_file(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key got;
	struct store_segment s;
	char path[300];

	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(add(fx), i);
	fixture_segment(&s, 0);
	s.key_day = FIXTURE_DAY;
	for (unsigned i = 0; i < 2; i++) {
		s.key_slot = i ? 1 : 4;
		fixture_put(fx, &s);
	}
	assert_int_equal(store_purge(fx->archive, s.id, 1, "me", "x"), 0);
	assert_int_equal(store_forget_one(fx->archive, s.id), 0);
	store_archive_close(&fx->archive);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	assert_int_equal(unlink(path), 0);
	fixture_open(fx);
	assert_int_equal(add(fx), 5);
	assert_int_equal(add(fx), 6);
	/* The hole below holds nothing. */
	assert_int_equal(store__keyring_destroy(fx->archive, FIXTURE_DAY, 4),
			 -ENOKEY);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 5, &got),
			 0);
}

/** Made long without being written: it has no slots there. */
static void
test_sparse_file(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key got;
	char path[300];
	uint32_t slot;

	assert_int_equal(add(fx), 0);
	store_archive_close(&fx->archive);
	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	if (truncate(path, INT64_C(8) << 40))
		skip();
	fixture_open(fx);
	slot = add(fx);
	/* What is around the first slot was written with it, page by page. */
	assert_in_range(slot, 1, 65536 / STORE__SLOT_BYTES);
	assert_int_equal(
	    store__keyring_read(fx->archive, FIXTURE_DAY, slot, &got), 0);
	assert_int_equal(store__keyring_read(fx->archive, FIXTURE_DAY, 0, &got),
			 0);
}

/** Something else in the place of the file. */
static void
test_no_file(void **state)
{
	struct fixture *fx = *state;
	struct store_sealed_key sealed = sealed_with(1);
	char path[300];
	uint32_t slot;

	snprintf(path, sizeof(path), "%s/keyring/2019-03-28.keys", fx->dir);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(i == 0   ? symlink("/dev/zero", path)
				 : i == 1 ? mkdir(path, 0700)
					  : mkfifo(path, 0600),
				 0);
		assert_int_equal(
		    store__keyring_read(fx->archive, FIXTURE_DAY, 0, &sealed),
		    -EBADMSG);
		assert_int_equal(
		    store_keyring_add(fx->archive, FIXTURE_DAY, &sealed, &slot),
		    -EBADMSG);
		assert_int_equal(
		    store__keyring_destroy(fx->archive, FIXTURE_DAY, 0),
		    -EBADMSG);
		assert_int_equal(remove(path), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_add_and_read),  TEST(test_example),
		TEST(test_many_days),     TEST(test_destroy),
		TEST(test_replaced_slot), TEST(test_torn_slot),
		TEST(test_lost_file),     TEST(test_sparse_file),
		TEST(test_no_file),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
