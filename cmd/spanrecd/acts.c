/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the program enters into the ledger before its threads start and after
 * they ended. A start that no stop precedes was a crash.
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/audit.h"
#include "cmd/common/log.h"
#include "cmd/common/version.h"
#include "cmd/spanrecd/run.h"

static void
entry_init(struct store_ledger_entry *entry,
	   const struct pipeline_config *config, const char *action)
{
	const struct passwd *user = config->live ? NULL : getpwuid(getuid());
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	memset(entry, 0, sizeof(*entry));
	entry->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	snprintf(entry->action, sizeof(entry->action), "%s", action);
	snprintf(entry->actor, sizeof(entry->actor), "%s",
		 user ? user->pw_name : "spanrecd");
}

static void
enter(const struct pipeline_config *config, struct store_ledger_entry *entries,
      size_t count)
{
	int r = audit_enter(config->archive, config->signer, entries, count);

	if (r < 0)
		log_error("the ledger of the archive could not be written: %s",
			  strerror(-r));
}

void
run_enter(const struct pipeline_config *config, const char *action,
	  const char *detail)
{
	struct store_ledger_entry entry;

	entry_init(&entry, config, action);
	snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
	enter(config, &entry, 1);
}

void
run_enter_start(const struct pipeline_config *config,
		const struct store_recovery *recovery)
{
	char hex[2 * STORE_HASH_BYTES + 1];
	struct store_ledger_entry entries[2], *entry = entries;
	struct policy_document document;

	entry_init(entry, config, "recovery");
	entry +=
	    audit_recovery_text(recovery, entry->detail, sizeof(entry->detail));
	entry_init(entry, config, "start");
	policy_document_peek(config->policy, &document);
	store_hex(hex, config->policy_hash, STORE_HASH_BYTES);
	snprintf(entry->detail, sizeof(entry->detail),
		 "spanrecd " SPANREC_VERSION
		 ", %s, policy %.16s%s%.30s%s%.40s%s%.60s",
		 config->live ? "live" : "from capture files", hex,
		 *document.revision ? ", revision " : "", document.revision,
		 *document.approver ? ", approved by " : "", document.approver,
		 config->reason_for_root ? ", as root: " : "",
		 config->reason_for_root ? config->reason_for_root : "");
	enter(config, entries, (size_t)(entry - entries) + 1);
}

void
run_enter_stop(const struct pipeline_config *config,
	       const struct pipeline *pipeline, int code)
{
	struct store_ledger_entry entry;
	uint64_t values[COUNTER_ROWS_COUNT] = { 0 };

	entry_init(&entry, config, "stop");
	if (pipeline)
		pipeline_counters(pipeline, &pipeline->sip_counters, values);
	snprintf(entry.detail, sizeof(entry.detail),
		 "exit code %d; RTP packets: %" PRIu64 " seen, %" PRIu64
		 " stored, %" PRIu64 " lost, %" PRIu64
		 " of these by this recorder; recordings: %" PRIu64
		 " begun, %" PRIu64 " not complete",
		 code, values[COUNTER_rtp], values[COUNTER_stored],
		 values[COUNTER_lost], values[COUNTER_lost_here],
		 values[COUNTER_recordings], values[COUNTER_recordings_failed]);
	enter(config, &entry, 1);
}
