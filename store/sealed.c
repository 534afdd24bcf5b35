/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Private keys sealed by a passphrase: Argon2id makes a key of it that seals
 * the private one. What that costs stands in the file, within bounds, so that
 * a file of somebody else cannot ask for all memory of the machine.
 */
#include "store/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define SEALED_WORD "spanrec-private-sealed-1 "
#define BASE64      sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define CHECK_BYTES 4

/* ops 4 | KiB 4 | salt 16 | nonce 24 | public 32 | sealed 32 + 16 | check 4 */
#define SALT_AT      8
#define NONCE_AT     24
#define PUBLIC_AT    48
#define TEXT_AT      80
#define CHECK_AT     128
#define SEALED_BYTES 132
#define SEALED_CHARS 176 /* 132 * 4 / 3, exactly */

/* libsodium's own least; the most is what it calls "sensitive". */
#define OPS_MIN 1
#define OPS_MAX crypto_pwhash_OPSLIMIT_SENSITIVE
#define KIB_MIN (crypto_pwhash_MEMLIMIT_MIN / 1024)
#define KIB_MAX (crypto_pwhash_MEMLIMIT_SENSITIVE / 1024)

_Static_assert(crypto_pwhash_SALTBYTES == NONCE_AT - SALT_AT &&
		   STORE__NONCE_BYTES == PUBLIC_AT - NONCE_AT &&
		   TEXT_AT + 32 + STORE__TAG_BYTES == CHECK_AT,
	       "the fields of a sealed key are as long as they are");

static const struct store_work usual = {
	.ops = crypto_pwhash_OPSLIMIT_MODERATE,
	.kib = crypto_pwhash_MEMLIMIT_MODERATE / 1024,
};

/* ---- passphrases ------------------------------------------------------- */

struct store_passphrase *
store_passphrase_new(void)
{
	return store__secret_new(sizeof(struct store_passphrase));
}

void
store_passphrase_free(struct store_passphrase **passphrase)
{
	store__secret_free(*passphrase, sizeof(**passphrase),
			   sizeof(**passphrase));
	*passphrase = NULL;
}

/* ---- the text of a sealed key ------------------------------------------ */

static void
check_of(uint8_t check[CHECK_BYTES], const uint8_t bytes[CHECK_AT])
{
	uint8_t hash[STORE_HASH_BYTES];

	store_hash(hash, bytes, CHECK_AT);
	memcpy(check, hash, CHECK_BYTES);
}

/** @return [32] in locked memory; NULL: no memory */
static uint8_t *
derive(const uint8_t bytes[SEALED_BYTES], const struct store_passphrase *p)
{
	uint8_t *key = store__secret_new(32);

	if (key && crypto_pwhash(key, 32, p->text, p->n, bytes + SALT_AT,
				 store__le_get(bytes, 4),
				 store__le_get(bytes + 4, 4) * 1024,
				 crypto_pwhash_ALG_ARGON2ID13)) {
		store__secret_free(key, 32, 32);
		key = NULL;
	}
	return key;
}

int
store__sealed_make(char *text, const struct store_identity *identity,
		   const struct store_passphrase *p,
		   const struct store_work *work)
{
	uint8_t bytes[SEALED_BYTES], *key;
	size_t n = strlen(SEALED_WORD);

	store__le_put(bytes, work->ops, 4);
	store__le_put(bytes + 4, work->kib, 4);
	randombytes_buf(bytes + SALT_AT, PUBLIC_AT - SALT_AT);
	memcpy(bytes + PUBLIC_AT, identity->pub.bytes, 32);
	key = derive(bytes, p);
	if (!key)
		return -ENOMEM;
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
	    bytes + TEXT_AT, NULL, identity->secret, 32, bytes, TEXT_AT, NULL,
	    bytes + NONCE_AT, key);
	store__secret_free(key, 32, 32);
	check_of(bytes + CHECK_AT, bytes);
	memcpy(text, SEALED_WORD, n);
	sodium_bin2base64(text + n, SEALED_CHARS + 1, bytes, sizeof(bytes),
			  BASE64);
	return 0;
}

/** @return 0, -ENOENT: it is no sealed key, -EBADMSG */
static int
sealed_decode(uint8_t bytes[SEALED_BYTES], const char *text, size_t n)
{
	uint8_t check[CHECK_BYTES];
	size_t word = strlen(SEALED_WORD), got = 0;

	while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	if (n < word || memcmp(text, SEALED_WORD, word) != 0)
		return -ENOENT;
	if (n != word + SEALED_CHARS ||
	    sodium_base642bin(bytes, SEALED_BYTES, text + word, SEALED_CHARS,
			      NULL, &got, NULL, BASE64) ||
	    got != SEALED_BYTES)
		return -EBADMSG;
	check_of(check, bytes);
	if (memcmp(check, bytes + CHECK_AT, CHECK_BYTES) != 0 ||
	    store__le_get(bytes, 4) < OPS_MIN ||
	    store__le_get(bytes, 4) > OPS_MAX ||
	    store__le_get(bytes + 4, 4) < KIB_MIN ||
	    store__le_get(bytes + 4, 4) > KIB_MAX)
		return -EBADMSG;
	return 0;
}

static int
sealed_open(struct store_identity *identity, const uint8_t bytes[SEALED_BYTES],
	    const struct store_passphrase *p)
{
	uint8_t *key = derive(bytes, p);
	int r;

	if (!key)
		return -ENOMEM;
	/* The check said that nothing happened to it by accident. */
	r = crypto_aead_xchacha20poly1305_ietf_decrypt(
		identity->secret, NULL, NULL, bytes + TEXT_AT,
		32 + STORE__TAG_BYTES, bytes, TEXT_AT, bytes + NONCE_AT, key)
		? -EKEYREJECTED
		: 0;
	store__secret_free(key, 32, 32);
	if (r == 0 &&
	    (crypto_scalarmult_base(identity->pub.bytes, identity->secret) ||
	     memcmp(identity->pub.bytes, bytes + PUBLIC_AT, 32) != 0))
		r = -EBADMSG;
	return r;
}

/** The one line of a private key. @return its length, or 0 */
static size_t
only_line(const char **line, const char *text, size_t n)
{
	const char *end = text + n, *other;
	size_t found = store__key_line(line, &text, end);

	return store__key_line(&other, &text, end) ? 0 : found;
}

int
store__key_file_parse(struct store_key_file *found,
		      struct store_identity *identity, const char *text,
		      size_t n, const struct store_passphrase *p)
{
	uint8_t bytes[SEALED_BYTES];
	const char *line;
	size_t line_bytes = only_line(&line, text, n);
	int r = line_bytes ? sealed_decode(bytes, line, line_bytes) : -EBADMSG;

	memset(found, 0, sizeof(*found));
	if (r == -ENOENT) {
		r = store__identity_parse(identity, text, n);
		found->pub = identity->pub;
		return r;
	}
	if (r)
		return r;
	found->sealed = true;
	memcpy(found->pub.bytes, bytes + PUBLIC_AT, 32);
	if (!store__public_usable(&found->pub))
		return -EBADMSG;
	return p ? sealed_open(identity, bytes, p) : -ENOKEY;
}

/* ---- files ------------------------------------------------------------- */

static int
file_read(struct store_key_file *found, struct store_identity **identity,
	  const char *path, const struct store_passphrase *p)
{
	struct store_identity *id = store__secret_new(sizeof(*id));
	char *text = store__secret_new(STORE__KEY_FILE_BYTES);
	int r = -ENOMEM;

	*identity = NULL;
	memset(found, 0, sizeof(*found));
	if (id && text) {
		r = store__key_file_read(text, path);
		if (r >= 0)
			r = store__key_file_parse(found, id, text, (size_t)r,
						  p);
	}
	if (r == 0)
		*identity = id;
	else
		store__secret_free(id, sizeof(*id), sizeof(*id));
	store__secret_free(text, STORE__KEY_FILE_BYTES, STORE__KEY_FILE_BYTES);
	return r;
}

int
store_key_file_look(struct store_key_file *found, const char *path)
{
	struct store_identity *identity;
	int r = file_read(found, &identity, path, NULL);

	store_identity_free(&identity);
	return r == -ENOKEY ? 0 : r;
}

int
store_identity_open(struct store_identity **identity, const char *path,
		    const struct store_passphrase *passphrase)
{
	struct store_key_file found;

	return file_read(&found, identity, path, passphrase);
}

/** Its file, whole. @param text [STORE__KEY_FILE_BYTES] @return bytes, -errno
 */
static int
file_text(char *text, const struct store_identity *identity,
	  const struct store_passphrase *p, const struct store_work *work)
{
	static const char comment[] =
	    "# Opens every recording of its archive. Keep a copy in a safe: "
	    "without it\n# nobody can listen to anything any more.\n";
	static const char sealed_comment[] =
	    "# Sealed by a passphrase, without which it opens nothing.\n";
	size_t n = (size_t)snprintf(text, STORE__KEY_FILE_BYTES, "%s%s",
				    comment, p ? sealed_comment : "");
	int r = 0;

	if (p)
		r = store__sealed_make(text + n, identity, p,
				       work ? work : &usual);
	else
		store__private_text(text + n, identity);
	if (r)
		return r;
	n += strlen(text + n);
	text[n++] = '\n';
	return (int)n;
}

/** A new file, which must not be there. */
static int
file_write(const char *path, const struct store_identity *identity,
	   const struct store_passphrase *p, const struct store_work *work)
{
	char *text = store__secret_new(STORE__KEY_FILE_BYTES);
	int r = text ? file_text(text, identity, p, work) : -ENOMEM;

	if (r > 0)
		r = store__file_create(AT_FDCWD, path, text, (size_t)r, 0600);
	store__secret_free(text, STORE__KEY_FILE_BYTES, STORE__KEY_FILE_BYTES);
	return r;
}

/** @return 0, -EEXIST, -errno */
static int
name_take(const char *part, const char *path)
{
	struct stat st;

	if (renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system that cannot do it at once. */
	if (lstat(path, &st) == 0)
		return -EEXIST;
	return rename(part, path) ? -errno : 0;
}

/** A new file, whole or not at all: half of a key would be in the way of
 * whoever tries again after a crash. */
static int
file_make(const char *path, const struct store_identity *identity,
	  const struct store_passphrase *p)
{
	char part[4096];
	struct stat st;
	int r, n = snprintf(part, sizeof(part), "%s.part", path);

	if (n < 0 || (size_t)n >= sizeof(part))
		return -ENAMETOOLONG;
	if (lstat(path, &st) == 0)
		return -EEXIST;
	if (unlink(part) && errno != ENOENT)
		return -errno;
	r = file_write(part, identity, p, NULL);
	if (r)
		return r;
	r = name_take(part, path);
	if (r)
		(void)unlink(part);
	return r ? r : store__parent_sync(AT_FDCWD, path);
}

int
store_identity_make(const char *path, const struct store_passphrase *passphrase,
		    struct store_public *pub)
{
	struct store_identity *id = store__secret_new(sizeof(*id));
	int r;

	if (!id)
		return -ENOMEM;
	crypto_box_keypair(id->pub.bytes, id->secret);
	r = file_make(path, id, passphrase);
	*pub = id->pub;
	store__secret_free(id, sizeof(*id), sizeof(*id));
	return r;
}

/** As far as the file system writes in place. */
static void
overwrite(int fd)
{
	uint8_t bytes[STORE__KEY_FILE_BYTES];
	struct stat st;

	if (fstat(fd, &st) || st.st_nlink || st.st_size < 0 ||
	    st.st_size > (off_t)sizeof(bytes))
		return;
	randombytes_buf(bytes, sizeof(bytes));
	if (store__pwrite(fd, bytes, (size_t)st.st_size, 0) == 0)
		(void)fdatasync(fd);
}

int
store_identity_change(const struct store_identity *identity, const char *path,
		      const struct store_passphrase *passphrase,
		      const struct store_work *work)
{
	char part[4096];
	struct stat st;
	int n = snprintf(part, sizeof(part), "%s.part", path);
	int fd, r;

	if (n < 0 || (size_t)n >= sizeof(part))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) ? -errno : 0;
	/* What a crash left of an earlier attempt: the file holds. */
	if (r == 0 && unlink(part) && errno != ENOENT)
		r = -errno;
	if (r == 0)
		r = file_write(part, identity, passphrase, work);
	if (r == 0 && ((chown(part, st.st_uid, st.st_gid) &&
			(st.st_uid != geteuid() || st.st_mode & S_IRWXG)) ||
		       chmod(part, st.st_mode & 0777) || rename(part, path)))
		r = -errno;
	if (r == 0)
		r = store__parent_sync(AT_FDCWD, path);
	if (r)
		(void)unlink(part);
	else
		overwrite(fd);
	close(fd);
	return r;
}
