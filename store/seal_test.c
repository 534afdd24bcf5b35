/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hashes, AEADs and memory for secrets; names and ids. */
#include "cmd/testing/testing.h"
#include "store/fixture_priv.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_hash(void **state)
{
	uint8_t hash[STORE_HASH_BYTES];
	char text[2 * STORE_HASH_BYTES + 1];

	store_hash(hash, "abc", 3);
	store_hex(text, hash, sizeof(hash));
	/* b2sum -l 256 */
	assert_string_equal(text, "bddd813c634239723171ef3fee98579b"
				  "94964e3bb1cb3e427262c8c068d52319");
}

static void
test_bytes(void **state)
{
	uint8_t p[8] = { 0 };

	store__le_put(p, 0x0102030405060708, 8);
	assert_int_equal(p[0], 8);
	assert_int_equal(store__le_get(p, 8), 0x0102030405060708);
	assert_int_equal(store__le_get(p, 3), 0x060708);
	store__be_put(p, 0x01020304, 4);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[4], 4);
	assert_int_equal(store__be_get(p, 4), 0x01020304);
	assert_int_equal(store__be_get(p, 8), 0x0102030404030201);
}

static void
cipher_works(uint8_t id)
{
	const struct store__cipher *cipher = store__cipher_find(id);
	const uint8_t key[STORE_FILE_KEY_BYTES] = { 1, 2, 3 };
	uint8_t nonce[STORE__NONCE_BYTES], text[100 + STORE__TAG_BYTES];
	uint8_t ad[20] = "header", copy[sizeof(text)];

	for (size_t n = 0; n <= 100; n++) {
		memset(text, 'x', sizeof(text));
		store__nonce_make(nonce, 7, false);
		assert_int_equal(cipher->seal(text, n, ad, 20, nonce, key), 0);
		memcpy(copy, text, sizeof(text));
		assert_int_equal(cipher->open(text, n, ad, 20, nonce, key), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(text[i], 'x');
	}
	/* Any other bit, and it does not open. */
	for (size_t i = 0; i < sizeof(text) * 8; i++) {
		memcpy(text, copy, sizeof(text));
		text[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(cipher->open(text, 100, ad, 20, nonce, key),
				 -EBADMSG);
	}
	memcpy(text, copy, sizeof(text));
	assert_int_equal(cipher->open(text, 100, ad, 19, nonce, key), -EBADMSG);
	memcpy(text, copy, sizeof(text));
	store__nonce_make(nonce, 7, true);
	assert_int_equal(cipher->open(text, 100, ad, 20, nonce, key), -EBADMSG);
	memcpy(text, copy, sizeof(text));
	store__nonce_make(nonce, 8, false);
	assert_int_equal(cipher->open(text, 100, ad, 20, nonce, key), -EBADMSG);
}

static void
test_xchacha(void **state)
{
	cipher_works(STORE__XCHACHA20_POLY1305);
}

static void
test_aes(void **state)
{
	if (!store__cipher_find(STORE__AES256_GCM))
		skip();
	cipher_works(STORE__AES256_GCM);
	assert_int_equal(store__cipher_best()->id, STORE__AES256_GCM);
}

static void
test_unknown_cipher(void **state)
{
	assert_null(store__cipher_find(0));
	assert_null(store__cipher_find(3));
	assert_null(store__cipher_find(255));
}

static void
test_secret_memory(void **state)
{
	const size_t bytes = 10 * 4096;
	char line[256], range[64];
	bool found = false, dump = true;
	uint8_t *p = store__secret_new(bytes);
	FILE *maps = fopen("/proc/self/smaps", "r");

	assert_non_null(p);
	assert_true(sodium_is_zero(p, bytes));
	assert_non_null(maps);
	snprintf(range, sizeof(range), "%lx-", (unsigned long)p);
	while (fgets(line, sizeof(line), maps)) {
		if (strncmp(line, range, strlen(range)) == 0)
			found = true;
		if (found && strncmp(line, "VmFlags:", 8) == 0) {
			dump = strstr(line, " dd") == NULL;
			break;
		}
	}
	fclose(maps);
	if (found) /* else merged with a neighbour, whose flags are the same */
		assert_false(dump);
	store__secret_free(p, bytes, 100);
	store__secret_free(NULL, bytes, 100);
}

/* ---- names ------------------------------------------------------------- */

static void
test_names(void **state)
{
	assert_string_equal(store_kind_name(STORE_PAYMENT), "payment");
	assert_string_equal(store_route_name(STORE_TRANSIT), "transit");
	assert_string_equal(store_decision_name(STORE_OUT_OF_SCOPE),
			    "out-of-scope");
	assert_string_equal(store_state_name(STORE_STATE_RECORDING),
			    "recording");
	assert_string_equal(store_state_name(STORE_STATE_NONE), "none");
	assert_string_equal(store_reason_name(STORE_REASON_loss), "loss");
	assert_string_equal(store_reason_name(STORE_REASON_paused), "paused");
	assert_string_equal(store_reason_name(STORE_REASON_kernel), "kernel");
	assert_string_equal(store_reason_name(STORE_REASON_COUNT), "?");
	assert_string_equal(store_kind_name((enum store_kind) - 1), "?");
}

static void
test_call_id(void **state)
{
	char a[STORE_CALL_ID_BYTES], b[STORE_CALL_ID_BYTES];

	store_call_id_make(a, FIXTURE_START_NS, "abc@host", "tag", 0);
	assert_int_equal(strlen(a), 25);
	assert_int_equal(strncmp(a, "20190328T141503Z-", 17), 0);
	assert_int_equal(strspn(a + 17, "abcdefghijklmnopqrstuvwxyz234567"), 8);
	store_call_id_make(b, FIXTURE_START_NS + 999999999, "abc@host", "tag",
			   0);
	assert_string_equal(a, b);
	store_call_id_make(b, FIXTURE_START_NS, "abc@host", "tag", 1);
	assert_string_not_equal(a, b);
	/* Where one ends and the other begins matters. */
	store_call_id_make(a, FIXTURE_START_NS, "ab", "c", 0);
	store_call_id_make(b, FIXTURE_START_NS, "a", "bc", 0);
	assert_string_not_equal(a, b);
	store_call_id_make(a, -1, "ab", "c", 0);
	assert_int_equal(strncmp(a, "19691231T235959Z-", 17), 0);
}

static void
test_day(void **state)
{
	assert_int_equal(store_day(FIXTURE_START_NS), 20190328);
	assert_int_equal(store_day(0), 19700101);
	assert_int_equal(store_day(-1), 19691231);
	/* 2020-02-29 23:59:59.999999999 and the next */
	assert_int_equal(store_day(INT64_C(1583020799999999999)), 20200229);
	assert_int_equal(store_day(INT64_C(1583020800000000000)), 20200301);
}

static void
test_segment_id(void **state)
{
	static const char *const bad[] = { "",
					   "-1",
					   "c",
					   "c-",
					   "c-0",
					   "c-01",
					   "c-1x",
					   "c-4294967296",
					   "c--x",
					   "a/b-1",
					   "1234567890123456789012345678-1" };
	char call[STORE_CALL_ID_BYTES], id[STORE_SEGMENT_ID_BYTES];
	uint32_t segment;

	assert_int_equal(
	    store__segment_id_parse("20190328T141503Z-k7q2mx4p-4294967295",
				    call, &segment),
	    0);
	assert_string_equal(call, "20190328T141503Z-k7q2mx4p");
	assert_int_equal(segment, UINT32_MAX);
	store__segment_id_make(id, call, segment);
	assert_string_equal(id, "20190328T141503Z-k7q2mx4p-4294967295");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
		    store__segment_id_parse(bad[i], call, &segment), -EINVAL);
}

static void
test_paths(void **state)
{
	char path[STORE__PATH_BYTES];

	store__recording_path(path, 20190328, "c-1", 0);
	assert_string_equal(path, "audio/2019/03/28/c-1.rec");
	store__recording_path(path, 20190328, "c-1", 1);
	assert_string_equal(path, "audio/2019/03/28/c-1.2.rec");
	store__keyring_path(path, 20190328);
	assert_string_equal(path, "keyring/2019-03-28.keys");
}

/** Which recording a file is of, and how often it was made anew. */
static void
test_recording_names(void **state)
{
	const struct {
		const char *name, *id;
		uint32_t scrubs;
	} rows[] = {
		{ "c-1.rec", "c-1", 0 },
		{ "c-1.2.rec", "c-1", 1 },
		{ "c-12.30.rec", "c-12", 29 },
		{ "c.2-1.rec", "c.2-1", 0 },
		{ "a.rec-1.rec", "a.rec-1", 0 },
		{ "c-1.4294967295.rec", "c-1", 4294967294 },
		{ "c-1.4294967296.rec", NULL, 0 },
		{ "c-1.1.rec", NULL, 0 },
		{ "c-1.02.rec", NULL, 0 },
		{ "c-1.2.3.rec", NULL, 0 },
		{ "c-1.2x.rec", NULL, 0 },
		{ "c-01.rec", NULL, 0 },
		{ "c-1", NULL, 0 },
		{ ".rec", NULL, 0 },
		{ "", NULL, 0 },
	};
	char id[STORE_SEGMENT_ID_BYTES], long_name[200];
	uint32_t scrubs;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = store__recording_name_parse(rows[i].name, id, &scrubs);

		assert_int_equal(r, rows[i].id ? 0 : -EINVAL);
		if (r)
			continue;
		assert_string_equal(id, rows[i].id);
		assert_int_equal(scrubs, rows[i].scrubs);
	}
	memset(long_name, 'c', sizeof(long_name));
	memcpy(long_name + 150, "-1.rec", 7);
	assert_int_equal(store__recording_name_parse(long_name, id, &scrubs),
			 -EINVAL);
}

static void
test_unhex(void **state)
{
	uint8_t bytes[2] = { 0 };

	assert_int_equal(store_unhex(bytes, 2, "a05F"), 0);
	assert_memory_equal(bytes, "\xa0\x5f", 2);
	assert_int_equal(store_unhex(bytes, 2, "a05"), -EINVAL);
	assert_int_equal(store_unhex(bytes, 2, "a05fa"), -EINVAL);
	assert_int_equal(store_unhex(bytes, 2, "a05fa0"), -EINVAL);
	assert_int_equal(store_unhex(bytes, 2, "a0 5"), -EINVAL);
	assert_int_equal(store_unhex(bytes, 2, ""), -EINVAL);
	assert_int_equal(store_unhex(bytes, 0, ""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_xchacha),
		cmocka_unit_test(test_aes),
		cmocka_unit_test(test_unknown_cipher),
		cmocka_unit_test(test_secret_memory),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_call_id),
		cmocka_unit_test(test_day),
		cmocka_unit_test(test_segment_id),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_recording_names),
		cmocka_unit_test(test_unhex),
	};

	return store_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
