/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing the ledger of an archive. */
#include "cmd/common/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/log.h"
#include "store/audit.h"

/* Root makes it for whoever records. */
static void
give_away(const char *path, const char *archive)
{
	struct stat st;

	if (geteuid() != 0 || stat(archive, &st) < 0)
		return;
	if (lchown(path, st.st_uid, st.st_gid) < 0)
		log_warning("%s cannot be given to the owner of the archive: "
			    "%s",
			    path, strerror(errno));
}

struct store_signer *
audit_signer(const struct home *home, bool quiet)
{
	const char *path = home->audit_key_path;
	struct store_signer *signer = NULL;
	int r = -ENOENT;

	if (*path)
		r = store_signer_load(&signer, path);
	if (r == -ENOENT && *path) {
		r = store_signer_create(path);
		if (r == 0) {
			give_away(path, home->archive_path);
			r = store_signer_load(&signer, path);
		}
	}
	if (r == 0 || quiet)
		return signer;
	if (!*path)
		log_warning("what is done to the archive is not signed: "
			    "'audit_key' in %s names no key for it",
			    home->settings_path);
	else
		log_warning("what is done to the archive is not signed: the "
			    "key %s cannot be read or made: %s",
			    path,
			    r == -EBADMSG ? "it is no such key" : strerror(-r));
	return NULL;
}

static int
enter(struct store_archive *archive, const struct store_signer *signer,
      struct store_ledger_entry *entries, size_t count)
{
	struct store_head head;
	struct timespec now;
	int r = store_batch_begin(archive);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r >= 0; i++)
		r = store_ledger_put(archive, &entries[i]);
	clock_gettime(CLOCK_REALTIME, &now);
	if (r >= 0 && signer && count)
		r = store_head_sign(archive, signer,
				    (int64_t)now.tv_sec * 1000000000,
				    entries[0].actor, &head);
	if (r < 0)
		store_batch_abort(archive);
	else
		r = store_batch_commit(archive);
	return r;
}

int
audit_enter(struct store_archive *archive, const struct store_signer *signer,
	    struct store_ledger_entry *entries, size_t count)
{
	int r = enter(archive, signer, entries, count);

	/* What was done is worth more than the signature. */
	if (r < 0 && r != -EBUSY && signer) {
		r = enter(archive, NULL, entries, count);
		if (r >= 0)
			log_warning("what was done is entered into the ledger, "
				    "but could not be signed");
	}
	return r;
}

static const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

bool
audit_recovery_text(const struct store_recovery *recovery, char *text,
		    size_t bytes)
{
	snprintf(text, bytes,
		 "%" PRIu64 " recording%s closed as interrupted, %" PRIu64
		 " without content, %" PRIu64
		 " bytes of half-written chunks cut, %" PRIu64
		 " deletion%s finished, %" PRIu64 " thing%s not mended",
		 recovery->interrupted, plural(recovery->interrupted),
		 recovery->empty, recovery->cut_bytes, recovery->purges,
		 plural(recovery->purges), recovery->failed,
		 plural(recovery->failed));
	return recovery->interrupted || recovery->empty || recovery->purges ||
	       recovery->failed;
}
