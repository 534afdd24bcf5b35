/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening what commands work on, and saying in words why that failed. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static int
archive_failed(const struct spanrec *spanrec, int error)
{
	const char *path = spanrec->home.archive_path;
	int writer;

	switch (error) {
	case -ENOENT:
		log_error("there is no archive in %s; 'spanrec init HOME' "
			  "makes one",
			  path);
		return EXIT_NOT_FOUND;
	case -EBUSY:
		writer = store_archive_writer(path);
		if (writer > 0)
			log_error("process %d is writing to the archive %s, "
				  "and what you ask for must be written into "
				  "it; stop that process first",
				  writer, path);
		else
			log_error("another process is writing to the archive "
				  "%s, and what you ask for must be written "
				  "into it; stop that process first",
				  path);
		return EXIT_FAILED;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		log_error("the archive %s may not be opened by this user: %s",
			  path, strerror(-error));
		return EXIT_NOT_ALLOWED;
	case -EPROTO:
		log_error("the archive %s was made by a newer version of "
			  "spanrec; use that version",
			  path);
		return EXIT_FAILED;
	case -EBADMSG:
		log_error("the index of the archive %s is damaged; restore it "
			  "from a backup",
			  path);
		return EXIT_DAMAGED;
	default:
		log_error("the archive %s cannot be opened: %s", path,
			  strerror(-error));
		return exit_code(error);
	}
}

static void
report_recovery(const struct store_recovery *recovery)
{
	if (recovery->failed)
		log_error("of what the last writer left %" PRIu64 " things are "
			  "damaged or could not be finished; 'spanrec verify' "
			  "names them",
			  recovery->failed);
	if (!recovery->interrupted && !recovery->empty && !recovery->purges)
		return;
	log_info("the last writer had not ended properly: %" PRIu64
		 " recordings closed as interrupted, %" PRIu64
		 " without content, %" PRIu64 " deletions finished",
		 recovery->interrupted, recovery->empty, recovery->purges);
}

/* Home and policy. @return exit code */
static int
open_parts(struct spanrec *spanrec)
{
	int rc;

	rc = home_open(&spanrec->home, spanrec->home_option);
	if (rc)
		return rc;
	rc = home_policy(&spanrec->home, NULL, &spanrec->policy, NULL, NULL);
	if (rc)
		return rc;
	spanrec->zone = policy_zone_peek(spanrec->policy);
	if (clocks_new(&spanrec->clocks)) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	return spanrec_person_check(spanrec);
}

/* @return 0, -errno */
static int
open_archive(struct spanrec *spanrec, enum store_mode mode)
{
	struct store_archive_config config = { 0 };
	struct store_recovery recovery = { 0 };
	int rc;

	config.map_bytes = spanrec->home.settings.index_map_mib << 20;
	rc = store_archive_open(&spanrec->archive, spanrec->home.archive_path,
				mode, &config, &recovery);
	if (!rc)
		report_recovery(&recovery);
	return rc;
}

int
spanrec_open(struct spanrec *spanrec, enum store_mode mode)
{
	int error, rc = open_parts(spanrec);

	if (rc)
		return rc;
	error = open_archive(spanrec, mode);
	return error < 0 ? archive_failed(spanrec, error) : 0;
}

/* Is who holds the archive, or may write it where we may not, a recorder that
 * can be asked? Better known before recordings are read than after.
 * @param error why we do not write it @return exit code */
static int
find_recorder(struct spanrec *spanrec, int error)
{
	struct control_client client;
	int rc = control_client_init(&client, &spanrec->home);

	spanrec->beside = !rc;
	if (rc == EXIT_NOT_FOUND)
		rc = archive_failed(spanrec, error);
	else if (rc)
		control_client_complain(&client);
	control_client_fini(&client);
	return rc;
}

int
spanrec_open_beside(struct spanrec *spanrec, enum store_mode mode)
{
	int error, rc = open_parts(spanrec);

	if (rc)
		return rc;
	error = open_archive(spanrec, mode);
	if (error == -EBUSY || error == -EACCES) {
		rc = find_recorder(spanrec, error);
		if (rc)
			return rc;
		error = open_archive(spanrec, STORE_READ);
	}
	return error < 0 ? archive_failed(spanrec, error) : 0;
}

/* Who may ask the recorder need not be able to read the policy. */
static int
find_zone(struct spanrec *spanrec)
{
	struct policy_errors errors;
	char *text;
	size_t n;
	int rc = home_file_read(spanrec->home.policy_path, &text, &n);

	if (!rc)
		rc = policy_load(&spanrec->policy, text, n, &errors);
	free(text);
	if (!rc)
		spanrec->zone = policy_zone_peek(spanrec->policy);
	else
		rc = policy_zone_load(&spanrec->utc, "UTC");
	if (!spanrec->zone)
		spanrec->zone = spanrec->utc;
	return rc;
}

int
spanrec_open_home(struct spanrec *spanrec)
{
	int rc = home_open(&spanrec->home, spanrec->home_option);

	if (rc)
		return rc;
	if (!find_zone(spanrec))
		return 0;
	log_error("not enough memory");
	return EXIT_FAILED;
}

/* Not an error: who may listen is a matter of the house. */
static void
check_key_mode(const char *path)
{
	struct stat st;

	if (!stat(path, &st) && (st.st_mode & (S_IRGRP | S_IROTH)))
		log_warning("the private key %s can be read by others than "
			    "its owner, and who reads it can listen to "
			    "everything; mend that with: chmod 600 %s",
			    path, path);
}

int
spanrec_open_key(struct spanrec *spanrec, bool needed)
{
	const char *path = spanrec->home.key_path;
	int rc;

	rc = store_identity_load(&spanrec->identity, path);
	if (!rc)
		check_key_mode(path);
	if (!rc || (!needed && (rc == -ENOENT || rc == -EACCES)))
		return 0;
	switch (rc) {
	case -ENOENT:
		log_error("there is no private key here (%s): this archive is "
			  "sealed to a key kept elsewhere; listen where that "
			  "key is, or name it as 'key:' in %s",
			  *path ? path : "none is named",
			  spanrec->home.settings_path);
		return EXIT_NOT_ALLOWED;
	case -EACCES:
		log_error("the private key %s may not be read by this user",
			  path);
		return EXIT_NOT_ALLOWED;
	case -EBADMSG:
		log_error("%s is not a private key of spanrec, or is damaged",
			  path);
		return EXIT_DAMAGED;
	default:
		log_error("the private key %s cannot be read: %s", path,
			  strerror(-rc));
		return exit_code(rc);
	}
}

int
spanrec_ledger_enter(struct spanrec *spanrec, struct store_ledger_entry *entry)
{
	int rc;

	spanrec_actor(entry->actor);
	if (spanrec->beside)
		return spanrec_ask_entry(spanrec, entry);
	rc = store_ledger_append(spanrec->archive, entry);
	if (!rc)
		return 0;
	log_error("the ledger of the archive could not be written: %s",
		  strerror(-rc));
	return exit_code(rc);
}

int
spanrec_ledger_add(struct spanrec *spanrec, const char *action,
		   const struct spanrec_selection *selection,
		   const char *detail)
{
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns };
	size_t i;
	int rc;

	if (spanrec->beside)
		return spanrec_ask_ledger(spanrec, action, selection, detail);
	snprintf(entry.action, sizeof(entry.action), "%s", action);
	snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	spanrec_actor(entry.actor);
	for (i = 0; i < selection->count; i++) {
		if (!spanrec_segment_audible(&selection->segments[i]))
			continue;
		snprintf(entry.subject, sizeof(entry.subject), "%s",
			 selection->segments[i].id);
		rc = store_ledger_append(spanrec->archive, &entry);
		if (rc < 0) {
			log_error("the ledger of the archive could not be "
				  "written (%s), so nothing was done",
				  strerror(-rc));
			return exit_code(rc);
		}
	}
	return 0;
}
