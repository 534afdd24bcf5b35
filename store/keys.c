/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Key pairs as people handle them: one line of text with a check, so that a
 * key that lost a character in an e-mail is refused instead of sealing
 * recordings that nobody can ever open.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/keys.h"
#include "store/store_priv.h"

#define PUBLIC_WORD    "spanrec-public-1 "
#define PRIVATE_WORD   "spanrec-private-1 "
#define CHECK_BYTES    4
#define KEY_TEXT_CHARS 48 /* (32 + 4) * 4 / 3, exactly: no padding */
#define BASE64         sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(sizeof(PUBLIC_WORD) + KEY_TEXT_CHARS <= STORE_PUBLIC_TEXT_BYTES,
	       "the text form of a public key does not fit");

static void
key_check(uint8_t check[CHECK_BYTES], const uint8_t key[32])
{
	uint8_t hash[STORE_HASH_BYTES];

	store_hash(hash, key, 32);
	memcpy(check, hash, CHECK_BYTES);
}

void
store__key_text_make(char text[STORE_PUBLIC_TEXT_BYTES], const char *word,
		     const uint8_t key[32])
{
	uint8_t bytes[32 + CHECK_BYTES];
	size_t n;

	memcpy(bytes, key, 32);
	key_check(bytes + 32, key);
	n = (size_t)snprintf(text, STORE_PUBLIC_TEXT_BYTES, "%s", word);
	sodium_bin2base64(text + n, KEY_TEXT_CHARS + 1, bytes, sizeof(bytes),
			  BASE64);
	sodium_memzero(bytes, sizeof(bytes));
}

int
store__key_text_parse(uint8_t key[32], const char *word, const char *text,
		      size_t n)
{
	uint8_t bytes[32 + CHECK_BYTES], check[CHECK_BYTES];
	size_t word_bytes = strlen(word), got = 0;
	int r = -EBADMSG;

	while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	if (n != word_bytes + KEY_TEXT_CHARS ||
	    memcmp(text, word, word_bytes) != 0)
		return -EBADMSG;
	if (sodium_base642bin(bytes, sizeof(bytes), text + word_bytes,
			      KEY_TEXT_CHARS, NULL, &got, NULL, BASE64) == 0 &&
	    got == sizeof(bytes)) {
		key_check(check, bytes);
		if (memcmp(check, bytes + 32, CHECK_BYTES) == 0) {
			memcpy(key, bytes, 32);
			r = 0;
		}
	}
	sodium_memzero(bytes, sizeof(bytes));
	return r;
}

size_t
store__key_line(const char **line, const char **text, const char *end)
{
	while (*text < end) {
		const char *newline =
		    memchr(*text, '\n', (size_t)(end - *text));
		size_t n = (size_t)((newline ? newline : end) - *text);

		*line = *text;
		*text = newline ? newline + 1 : end;
		if (n && (*line)[0] != '#' && (*line)[0] != '\r')
			return n;
	}
	return 0;
}

bool
store__public_usable(const struct store_public *pub)
{
	static const uint8_t scalar[32] = { 8 };
	uint8_t shared[32];

	return crypto_scalarmult(shared, scalar, pub->bytes) == 0;
}

int
store__public_parse(struct store_public *pub, const char *text, size_t n)
{
	int r = store__key_text_parse(pub->bytes, PUBLIC_WORD, text, n);

	if (r == 0 && !store__public_usable(pub))
		r = -EBADMSG;
	return r;
}

int
store__recipients_parse(struct store_public *recipients, const char *text,
			size_t n)
{
	const char *end = text + n, *line;
	int count = 0;

	while ((n = store__key_line(&line, &text, end)) > 0) {
		if (count == STORE_RECIPIENTS_MAX ||
		    store__public_parse(&recipients[count], line, n))
			return -EBADMSG;
		count++;
	}
	return count ? count : -EBADMSG;
}

int
store__identity_parse(struct store_identity *identity, const char *text,
		      size_t n)
{
	const char *end = text + n, *line;
	int r;

	n = store__key_line(&line, &text, end);
	if (n == 0)
		return -EBADMSG;
	r = store__key_text_parse(identity->secret, PRIVATE_WORD, line, n);
	if (r == 0 && store__key_line(&line, &text, end))
		r = -EBADMSG;
	if (r == 0)
		r = crypto_scalarmult_base(identity->pub.bytes,
					   identity->secret)
			? -EBADMSG
			: 0;
	return r;
}

int
store__key_file_read(char text[STORE__KEY_FILE_BYTES], const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;
	int r;

	if (fd < 0)
		return -errno;
	do {
		got = read(fd, text + n, STORE__KEY_FILE_BYTES - n);
		if (got > 0)
			n += (size_t)got;
	} while ((got > 0 && n < STORE__KEY_FILE_BYTES) ||
		 (got < 0 && errno == EINTR));
	r = got < 0 ? -errno : (int)n;
	close(fd);
	/* Key files are a line or two; a longer one is something else. */
	return r == STORE__KEY_FILE_BYTES ? -EBADMSG : r;
}

/* ---- private keys ------------------------------------------------------ */

void
store__private_text(char text[STORE_PUBLIC_TEXT_BYTES],
		    const struct store_identity *identity)
{
	store__key_text_make(text, PRIVATE_WORD, identity->secret);
}

int
store_identity_create(const char *path, struct store_public *pub)
{
	return store_identity_make(path, NULL, pub);
}

int
store_identity_load(struct store_identity **identity, const char *path)
{
	return store_identity_open(identity, path, NULL);
}

void
store_identity_free(struct store_identity **identity)
{
	store__secret_free(*identity, sizeof(**identity), sizeof(**identity));
	*identity = NULL;
}

void
store_identity_public(const struct store_identity *identity,
		      struct store_public *pub)
{
	*pub = identity->pub;
}

/* ---- public keys ------------------------------------------------------- */

void
store_public_text(char text[STORE_PUBLIC_TEXT_BYTES],
		  const struct store_public *pub)
{
	store__key_text_make(text, PUBLIC_WORD, pub->bytes);
}

int
store_public_load(struct store_public *pub, const char *path)
{
	struct store_public all[STORE_RECIPIENTS_MAX];
	char text[STORE__KEY_FILE_BYTES] = "";
	int r = store__key_file_read(text, path);

	if (r < 0)
		return r;
	r = store__recipients_parse(all, text, (size_t)r);
	if (r != 1)
		return -EBADMSG;
	*pub = all[0];
	return 0;
}

int
store_public_save(const struct store_public *pub, const char *path)
{
	char text[STORE_PUBLIC_TEXT_BYTES + 1];
	size_t n;

	store_public_text(text, pub);
	n = strlen(text);
	text[n++] = '\n';
	return store__file_create(AT_FDCWD, path, text, n, 0644);
}
