/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom recordings are sealed to: the file `recipients`, which says of each key
 * what it is for and since when, in a comment that older readers step over.
 * It is replaced as a whole; writers that seal meanwhile have the old ones or
 * the new ones.
 */
#include "store/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_priv.h"

#define FILE_BYTES 4096
#define LINE_BYTES 64
#define NEW_NAME   "recipients.new"

static const char *const roles[STORE_RECIPIENT_ROLE_COUNT] = {
	[STORE_RECIPIENT_ARCHIVE] = "archive",
	[STORE_RECIPIENT_ESCROW] = "escrow",
};

const char *
store_recipient_role_name(enum store_recipient_role role)
{
	return role < STORE_RECIPIENT_ROLE_COUNT ? roles[role] : "?";
}

/* ---- fingerprints ------------------------------------------------------ */

void
store_fingerprint(uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
		  const struct store_public *pub)
{
	uint8_t hash[STORE_HASH_BYTES];

	store_hash(hash, pub->bytes, sizeof(pub->bytes));
	memcpy(fingerprint, hash, STORE_FINGERPRINT_BYTES);
}

void
store_fingerprint_text(char text[STORE_FINGERPRINT_TEXT],
		       const struct store_public *pub)
{
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];

	store_fingerprint(fingerprint, pub);
	store_hex(text, fingerprint, sizeof(fingerprint));
}

int
store_public_parse(struct store_public *pub, const char *text)
{
	return store__public_parse(pub, text, strlen(text));
}

/* ---- the file ---------------------------------------------------------- */

/** "# escrow since 2026-11-29T05:30:00Z", and "# since ..." of no role. */
static void
comment_parse(struct store_recipient *next, const char *line, size_t n)
{
	char text[LINE_BYTES], role[16] = "", time[24] = "";
	struct tm tm = { 0 };

	if (n >= sizeof(text))
		return;
	memcpy(text, line, n);
	text[n] = '\0';
	if (sscanf(text, "# %15s since %23s", role, time) != 2)
		return;
	for (uint32_t i = 0; i < STORE_RECIPIENT_ROLE_COUNT; i++)
		if (strcmp(role, roles[i]) == 0)
			next->role = (enum store_recipient_role)i;
	if (strptime(time, "%Y-%m-%dT%H:%M:%SZ", &tm))
		next->since_ns = timegm(&tm) * NS_PER_S;
}

/** @return count, -EBADMSG */
static int
file_parse(struct store_recipient recipients[STORE_RECIPIENTS_MAX],
	   const char *text, size_t n)
{
	const char *end = text + n;
	struct store_recipient next = { 0 };
	int count = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line = text;
		size_t bytes = (size_t)((newline ? newline : end) - text);

		text = newline ? newline + 1 : end;
		if (bytes && *line == '#')
			comment_parse(&next, line, bytes);
		if (!bytes || *line == '#' || *line == '\r')
			continue;
		if (count == STORE_RECIPIENTS_MAX ||
		    store__public_parse(&next.pub, line, bytes))
			return -EBADMSG;
		recipients[count++] = next;
		/* Made with the archive: one of it, then those of escrow. */
		next =
		    (struct store_recipient){ .role = STORE_RECIPIENT_ESCROW };
	}
	return count ? count : -EBADMSG;
}

int
store_recipients(struct store_archive *archive,
		 struct store_recipient recipients[STORE_RECIPIENTS_MAX])
{
	char text[FILE_BYTES];
	ssize_t n;
	int r;
	int fd = store__file_open(archive->dir_fd, "recipients", O_RDONLY);

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text));
	r = n < 0 ? -errno : 0;
	close(fd);
	if (r)
		return r;
	if (n == sizeof(text))
		return -EBADMSG;
	return file_parse(recipients, text, (size_t)n);
}

/** @param text [FILE_BYTES] */
static size_t
file_make(char *text, const struct store_recipient *recipients, int count)
{
	char when[24];
	struct tm tm;
	time_t t;
	size_t n = 0;

	for (int i = 0; i < count; i++) {
		const struct store_recipient *one = &recipients[i];

		t = (time_t)(one->since_ns / NS_PER_S);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ",
			 gmtime_r(&t, &tm));
		n += (size_t)snprintf(text + n, FILE_BYTES - n,
				      "# %s since %s\n", roles[one->role],
				      one->since_ns ? when : "it was made");
		store_public_text(text + n, &one->pub);
		n += strlen(text + n);
		text[n++] = '\n';
	}
	return n;
}

/* ---- those that are in force ------------------------------------------- */

int
store__recipients_load(struct store_archive *archive)
{
	struct store_recipient read[STORE_RECIPIENTS_MAX];
	struct store__recipients *all;
	int count = store_recipients(archive, read);

	if (count < 0)
		return count;
	all = calloc(1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	all->count = (uint32_t)count;
	for (int i = 0; i < count; i++)
		all->pub[i] = read[i].pub;
	all->before = atomic_load(&archive->recipients);
	atomic_store(&archive->recipients, all);
	return 0;
}

void
store__recipients_free(struct store_archive *archive)
{
	struct store__recipients *all = atomic_load(&archive->recipients);

	/* Whoever sealed to earlier ones has ended by now. */
	while (all) {
		struct store__recipients *before = all->before;

		free(all);
		all = before;
	}
	atomic_store(&archive->recipients, NULL);
}

bool
store__sealed_to_all(const struct store_archive *archive,
		     const struct store_sealed_key *sealed)
{
	const struct store__recipients *all = atomic_load(&archive->recipients);
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	bool same = sealed->count == all->count;

	for (uint32_t i = 0; same && i < all->count; i++) {
		store_fingerprint(fingerprint, &all->pub[i]);
		same = memcmp(fingerprint, sealed->fingerprints[i],
			      sizeof(fingerprint)) == 0;
	}
	return same;
}

/* ---- changing them ----------------------------------------------------- */

static int
find(const struct store_recipient *recipients, int count,
     const struct store_public *pub)
{
	for (int i = 0; i < count; i++)
		if (memcmp(&recipients[i].pub, pub, sizeof(*pub)) == 0)
			return i;
	return -1;
}

static bool
any_of_archive(const struct store_recipient *recipients, int count)
{
	for (int i = 0; i < count; i++)
		if (recipients[i].role == STORE_RECIPIENT_ARCHIVE)
			return true;
	return false;
}

/** @return count, or what store_recipients_change returns */
static int
change(struct store_recipient *recipients, int count,
       const struct store_public *remove, const struct store_recipient *add)
{
	int old = remove ? find(recipients, count, remove) : -1;
	int new = add ? find(recipients, count, &add->pub) : -1;

	if (new >= 0 && recipients[new].role != add->role)
		return -EEXIST;
	if (new >= 0 && old < 0)
		return -EALREADY;
	if (remove && old < 0)
		return -ENOENT;
	if (add && new < 0 && old >= 0) {
		recipients[old] = *add;
	} else if (old >= 0) {
		memmove(&recipients[old], &recipients[old + 1],
			(size_t)(count - old - 1) * sizeof(*recipients));
		count--;
	} else if (count == STORE_RECIPIENTS_MAX) {
		return -E2BIG;
	} else if (add) {
		recipients[count++] = *add;
	}
	return any_of_archive(recipients, count) ? count : -EPERM;
}

static int
change_enter(struct store_archive *archive, const struct store_public *remove,
	     const struct store_recipient *add, int64_t now_ns,
	     const char *actor)
{
	struct store_ledger_entry entry = { .time_ns = now_ns };
	char old[STORE_FINGERPRINT_TEXT], new[STORE_FINGERPRINT_TEXT];

	if (remove)
		store_fingerprint_text(old, remove);
	if (add)
		store_fingerprint_text(new, &add->pub);
	snprintf(entry.action, sizeof(entry.action), "%s",
		 !remove ? "key-add"
		 : add   ? "key-rotate"
			 : "key-remove");
	snprintf(entry.actor, sizeof(entry.actor), "%s", actor);
	if (remove && add)
		(void)snprintf(entry.detail, sizeof(entry.detail),
			       "%s key %s takes the place of %s",
			       roles[add->role], new, old);
	else if (add)
		(void)snprintf(entry.detail, sizeof(entry.detail), "%s key %s",
			       roles[add->role], new);
	else
		(void)snprintf(entry.detail, sizeof(entry.detail), "key %s",
			       old);
	return store_ledger_append(archive, &entry);
}

static int
file_replace(struct store_archive *archive,
	     const struct store_recipient *recipients, int count)
{
	char text[FILE_BYTES];
	size_t n = file_make(text, recipients, count);
	int r;

	if (unlinkat(archive->dir_fd, NEW_NAME, 0) && errno != ENOENT)
		return -errno;
	r = store__file_create(archive->dir_fd, NEW_NAME, text, n,
			       STORE__FILE_MODE);
	if (r == 0 &&
	    renameat(archive->dir_fd, NEW_NAME, archive->dir_fd, "recipients"))
		r = -errno;
	if (r)
		(void)unlinkat(archive->dir_fd, NEW_NAME, 0);
	return r ? r : store__parent_sync(archive->dir_fd, "recipients");
}

int
store_recipients_change(struct store_archive *archive,
			const struct store_public *remove,
			const struct store_recipient *add, const char *actor)
{
	struct store_recipient recipients[STORE_RECIPIENTS_MAX];
	struct timespec now;
	int count, r;

	if (archive->mode != STORE_WRITE)
		return -EROFS;
	if (archive->batch)
		return -EBUSY;
	if (add && (!store__public_usable(&add->pub) ||
		    add->role >= STORE_RECIPIENT_ROLE_COUNT))
		return -EINVAL;
	count = store_recipients(archive, recipients);
	if (count < 0)
		return count;
	count = change(recipients, count, remove, add);
	if (count < 0)
		return count;
	/* Rather an entry of what then failed than none of what was done. */
	clock_gettime(CLOCK_REALTIME, &now);
	r = change_enter(archive, remove, add,
			 add ? add->since_ns : now.tv_sec * NS_PER_S, actor);
	if (r == 0)
		r = file_replace(archive, recipients, count);
	return r ? r : store__recipients_load(archive);
}
