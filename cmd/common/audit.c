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

/** A number and what it is of, behind what is there already. */
static void
add_count(char *text, size_t bytes, uint64_t count, const char *one,
	  const char *many)
{
	const size_t used = strlen(text);

	if (count)
		(void)!snprintf(text + used, bytes - used, "%s%" PRIu64 " %s",
				used ? ", " : "", count,
				count == 1 ? one : many);
}

bool
audit_recovery_text(const struct store_recovery *recovery, char *text,
		    size_t bytes)
{
	const struct {
		uint64_t count;
		const char *one, *many;
	} parts[] = {
		{ recovery->interrupted, "recording closed as interrupted",
		  "recordings closed as interrupted" },
		{ recovery->empty, "of them without content",
		  "of them without content" },
		{ recovery->cut_bytes, "byte of half-written chunks cut",
		  "bytes of half-written chunks cut" },
		{ recovery->purges, "deletion finished", "deletions finished" },
		{ recovery->scrubs,
		  "part that was being taken out proposed again",
		  "parts that were being taken out proposed again" },
		{ recovery->keys, "key without a recording",
		  "keys without a recording" },
		{ recovery->unknown, "file that the index does not know",
		  "files that the index does not know" },
		{ recovery->failed, "thing not mended", "things not mended" },
	};

	*text = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		add_count(text, bytes, parts[i].count, parts[i].one,
			  parts[i].many);
	return *text;
}

void
audit_recovery_tell(const struct store_recovery *recovery)
{
	char text[sizeof(((struct store_ledger_entry *)0)->detail)];

	if (audit_recovery_text(recovery, text, sizeof(text)))
		log_info("recovered after an interruption: %s", text);
	if (recovery->failed)
		log_warning("%" PRIu64 " thing%s in the archive could not be "
			    "mended; 'spanrec verify' names what is wrong",
			    recovery->failed, recovery->failed == 1 ? "" : "s");
	if (recovery->unknown)
		log_error(
		    "%" PRIu64 " recording%s in the archive that its "
		    "index does not know: was an older index put back? "
		    "They stay, cannot be found, and are not deleted when "
		    "their time is over; 'spanrec verify' names them",
		    recovery->unknown,
		    recovery->unknown == 1 ? " is" : "s are");
}
