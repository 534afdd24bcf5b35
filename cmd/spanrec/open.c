/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening what commands work on (but for the key: vault.c), and saying in words
 * why that failed. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/common/audit.h"
#include "cmd/common/control.h"
#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "store/audit.h"

/* Is it an archive that has lost its index? */
static bool
has_keys(const char *archive_path)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/keyring", archive_path);
	return access(path, F_OK) == 0;
}

static int
archive_failed(const struct spanrec *spanrec, int error)
{
	const char *path = spanrec->home.archive_path;
	int writer;

	switch (error) {
	case -ENOENT:
		if (has_keys(path)) {
			log_error("the index of the archive %s is missing, and "
				  "its keys are there: take archive/index from "
				  "a backup",
				  path);
			return EXIT_DAMAGED;
		}
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

/* What a crash left is mended: the ledger says so. */
static void
note_recovery(struct spanrec *spanrec, const struct store_recovery *recovery)
{
	struct store_ledger_entry entry = { .time_ns = spanrec->now_ns,
					    .action = "recovery" };

	if (!audit_recovery_text(recovery, entry.detail, sizeof(entry.detail)))
		return;
	spanrec_actor(entry.actor);
	if (store_ledger_append(spanrec->archive, &entry))
		log_warning("the ledger of the archive could not be written");
}

/* @return 0, -errno */
static int
open_archive(struct spanrec *spanrec, enum store_mode mode)
{
	struct store_archive_config config = { 0 };
	struct store_recovery recovery = { 0 };
	int rc;

	config.map_bytes = spanrec->home.settings.index_map_mib << 20;
	config.now_ns = spanrec->now_ns;
	rc = store_archive_open(&spanrec->archive, spanrec->home.archive_path,
				mode, &config, &recovery);
	spanrec->writes = !rc && mode != STORE_READ;
	if (!rc)
		audit_recovery_tell(&recovery);
	if (spanrec->writes)
		note_recovery(spanrec, &recovery);
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

/* The key that signs the ledger; NULL: there is none for this user. */
static const struct store_signer *
signer(struct spanrec *spanrec)
{
	if (!spanrec->signer && !spanrec->no_signer)
		spanrec->signer = audit_signer(&spanrec->home, true);
	spanrec->no_signer = !spanrec->signer;
	return spanrec->signer;
}

/* @return false: there is no recorder to be asked */
static bool
note_beside(struct spanrec *spanrec, const struct store_ledger_entry *entry)
{
	struct control_client client;
	json_t *answer = NULL;
	char detail[3 * sizeof(entry->detail)];
	int rc = control_client_init(&client, &spanrec->home);

	spanrec_text_clean(entry->detail, detail, sizeof(detail));
	if (!rc)
		(void)!control_client_ask(
		    &client,
		    json_pack("{ss ss s[s] ss}", "op", "ledger", "action",
			      entry->action, "subjects", entry->subject,
			      "detail", detail),
		    spanrec_patience_ms(spanrec, CONTROL_TIMEOUT_MS), &answer);
	json_decref(answer);
	control_client_fini(&client);
	return rc != EXIT_NOT_FOUND;
}

void
spanrec_ledger_note(struct spanrec *spanrec, struct store_ledger_entry *entry)
{
	struct store_archive_config config = { 0 };

	if (!*spanrec->home.archive_path)
		return;
	entry->time_ns = spanrec->now_ns;
	spanrec_actor(entry->actor);
	if (!spanrec->writes) {
		if (note_beside(spanrec, entry))
			return;
		/* One process must not have it open twice. */
		store_archive_close(&spanrec->archive);
		config.map_bytes = spanrec->home.settings.index_map_mib << 20;
		config.now_ns = spanrec->now_ns;
		if (store_archive_open(&spanrec->archive,
				       spanrec->home.archive_path, STORE_WRITE,
				       &config, NULL))
			return;
		spanrec->writes = true;
	}
	(void)!audit_enter(spanrec->archive, signer(spanrec), entry, 1);
}

void
spanrec_ledger_sign(struct spanrec *spanrec)
{
	struct store_head head;
	char actor[STORE_NAME_BYTES];

	if (!spanrec->writes || !spanrec->archive || !signer(spanrec))
		return;
	spanrec_actor(actor);
	(void)!store_head_sign(spanrec->archive, spanrec->signer,
			       spanrec->now_ns, actor, &head);
}

int
spanrec_ledger_enter(struct spanrec *spanrec, struct store_ledger_entry *entry)
{
	int rc;

	spanrec_actor(entry->actor);
	if (spanrec->beside)
		return spanrec_ask_entry(spanrec, entry);
	rc = audit_enter(spanrec->archive, signer(spanrec), entry, 1);
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
	struct store_ledger_entry *entries;
	size_t i, count = 0;
	int rc;

	if (spanrec->beside)
		return spanrec_ask_ledger(spanrec, action, selection, detail);
	entries = calloc(selection->count + 1, sizeof(*entries));
	for (i = 0; entries && i < selection->count; i++) {
		struct store_ledger_entry *entry = &entries[count];

		if (!spanrec_segment_audible(&selection->segments[i]))
			continue;
		count++;
		entry->time_ns = spanrec->now_ns;
		snprintf(entry->action, sizeof(entry->action), "%s", action);
		snprintf(entry->detail, sizeof(entry->detail), "%s", detail);
		snprintf(entry->subject, sizeof(entry->subject), "%s",
			 selection->segments[i].id);
		spanrec_actor(entry->actor);
	}
	rc = entries ? audit_enter(spanrec->archive, signer(spanrec), entries,
				   count)
		     : -ENOMEM;
	free(entries);
	if (rc >= 0)
		return 0;
	log_error("the ledger of the archive could not be written (%s), so "
		  "nothing was done",
		  strerror(-rc));
	return exit_code(rc);
}
