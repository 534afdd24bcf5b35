/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands between a stolen disk and the audio: AEADs from libsodium behind
 * one struct of functions, hashes, and memory that keys and plaintext may live
 * in. Also whole reads and writes, which all files of the archive need.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

int
store_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void
store_hash(uint8_t hash[STORE_HASH_BYTES], const void *bytes, size_t n)
{
	crypto_generichash(hash, STORE_HASH_BYTES, bytes, n, NULL, 0);
}

void
store_hex(char *text, const void *bytes, size_t n)
{
	sodium_bin2hex(text, 2 * n + 1, bytes, n);
}

int
store_unhex(void *bytes, size_t n, const char *text)
{
	const char *end;
	size_t got;

	return sodium_hex2bin(bytes, n, text, strlen(text), NULL, &got, &end) ||
		       got != n || *end
		   ? -EINVAL
		   : 0;
}

/* ---- memory ------------------------------------------------------------ */

void *
store__secret_new(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/*
	 * Neighbouring mappings become one in the kernel; a huge page over
	 * many of them would make resident what nobody touched. Locking is
	 * limited by RLIMIT_MEMLOCK, and recording goes on without it.
	 */
	(void)madvise(p, bytes, MADV_NOHUGEPAGE);
	(void)madvise(p, bytes, MADV_DONTDUMP);
	(void)mlock2(p, bytes, MLOCK_ONFAULT);
	return p;
}

void
store__secret_free(void *secret, size_t bytes, size_t used)
{
	if (!secret)
		return;
	sodium_memzero(secret, used);
	munmap(secret, bytes);
}

/* ---- files ------------------------------------------------------------- */

int
store__pread(int fd, void *bytes, size_t n, uint64_t offset)
{
	uint8_t *p = bytes;

	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENODATA;
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

int
store__pwrite(int fd, const void *bytes, size_t n, uint64_t offset)
{
	const uint8_t *p = bytes;

	while (n) {
		ssize_t put = pwrite(fd, p, n, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		n -= (size_t)put;
		offset += (uint64_t)put;
	}
	return 0;
}

int
store__parent_sync(int dir_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent =
	    slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd, r = 0;

	if (!parent)
		return -ENOMEM;
	fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		r = -errno;
	close(fd);
	return r;
}

int
store__file_create(int dir_fd, const char *path, const void *bytes, size_t n,
		   unsigned mode)
{
	int fd = openat(dir_fd, path,
			O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
			(mode_t)mode);
	int r;

	if (fd < 0)
		return -errno;
	r = store__pwrite(fd, bytes, n, 0);
	if (r == 0 && fsync(fd))
		r = -errno;
	if (close(fd) && r == 0)
		r = -errno;
	if (r == 0)
		r = store__parent_sync(dir_fd, path);
	if (r)
		(void)unlinkat(dir_fd, path, 0);
	return r;
}

int
store__file_open(int dir_fd, const char *path, int flags)
{
	struct stat st;
	int fd =
	    openat(dir_fd, path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		   STORE__FILE_MODE);

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == EISDIR ||
			       errno == ENOTDIR
			   ? -EBADMSG
			   : -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EBADMSG;
	}
	return fd;
}

/* ---- AEAD -------------------------------------------------------------- */

void
store__nonce_make(uint8_t nonce[STORE__NONCE_BYTES], uint32_t chunk, bool final)
{
	memset(nonce, 0, STORE__NONCE_BYTES);
	store__le_put(nonce, chunk, 8);
	nonce[8] = final;
}

static int
always(void)
{
	return 1;
}

static int
xchacha_seal(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
	     const uint8_t *nonce, const uint8_t *key)
{
	return crypto_aead_xchacha20poly1305_ietf_encrypt(
	    text, NULL, text, n, ad, ad_bytes, NULL, nonce, key);
}

static int
xchacha_open(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
	     const uint8_t *nonce, const uint8_t *key)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		   text, NULL, NULL, text, n + STORE__TAG_BYTES, ad, ad_bytes,
		   nonce, key)
		   ? -EBADMSG
		   : 0;
}

static int
aes_seal(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
	 const uint8_t *nonce, const uint8_t *key)
{
	return crypto_aead_aes256gcm_encrypt(text, NULL, text, n, ad, ad_bytes,
					     NULL, nonce, key);
}

static int
aes_open(uint8_t *text, size_t n, const uint8_t *ad, size_t ad_bytes,
	 const uint8_t *nonce, const uint8_t *key)
{
	return crypto_aead_aes256gcm_decrypt(text, NULL, NULL, text,
					     n + STORE__TAG_BYTES, ad, ad_bytes,
					     nonce, key)
		   ? -EBADMSG
		   : 0;
}

/* Fastest first: see store_bench.c. */
static const struct store__cipher ciphers[] = {
	{ .id = STORE__AES256_GCM,
	  .available = crypto_aead_aes256gcm_is_available,
	  .seal = aes_seal,
	  .open = aes_open },
	{ .id = STORE__XCHACHA20_POLY1305,
	  .available = always,
	  .seal = xchacha_seal,
	  .open = xchacha_open },
};

const struct store__cipher *
store__cipher_find(uint8_t id)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++)
		if (ciphers[i].id == id && ciphers[i].available())
			return &ciphers[i];
	return NULL;
}

const struct store__cipher *
store__cipher_best(void)
{
	const struct store__cipher *cipher = ciphers;

	while (!cipher->available())
		cipher++;
	return cipher;
}
