/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings and policy read again while the recorder runs: by SIGHUP, or by
 * `spanrec reload`. All or nothing: a mistake in either keeps both as they
 * were.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/home.h"
#include "cmd/common/log.h"
#include "cmd/common/memory.h"
#include "cmd/spanrecd/control_priv.h"
#include "cmd/spanrecd/notify.h"

static const int64_t SECOND_NS = 1000000000LL;

/** What was read, before any of it is in force. */
struct fresh {
	struct home home;
	struct policy *policy;  /* of the control thread */
	struct policy *archive; /* the same, of the archive thread */
	char *text;             /* of the policy */
	size_t text_bytes;
	uint8_t hash[STORE_HASH_BYTES];
};

/* @return 0, or an exit code; the log says why */
static int
load(const struct control_state *c, struct fresh *fresh)
{
	const struct pipeline_config *config = &c->pipeline->config;
	int r = home_open(&fresh->home, config->home_option);

	if (r == 0)
		r = home_policy(&fresh->home, config->policy_path,
				&fresh->policy, &fresh->text,
				&fresh->text_bytes);
	if (r == 0)
		r = home_policy(&fresh->home, config->policy_path,
				&fresh->archive, NULL, NULL);
	if (r != 0)
		return r;
	r = store_archive_keep_policy(config->archive, fresh->text,
				      fresh->text_bytes, fresh->hash);
	if (r == 0) {
		home_policy_lint(&fresh->home, config->policy_path,
				 fresh->policy, false);
		return 0;
	}
	log_error("cannot keep the policy in the archive: %s", strerror(-r));
	return exit_code(r);
}

static void
enforce(struct control_state *c, struct fresh *fresh)
{
	const struct home_settings *s = &fresh->home.settings;

	policy_free(&c->own_policy);
	c->policy = c->own_policy = fresh->policy;
	fresh->policy = NULL;
	memcpy(c->policy_hash, fresh->hash, sizeof(c->policy_hash));
	memcpy(c->settings.overload, s->overload, sizeof(s->overload));
	c->settings.behind_ms = s->behind_ms;
	c->settings.idle_timeout_s = s->idle_timeout_s;
	c->settings.setup_timeout_s = s->setup_timeout_s;
	sip_tracker_set_timeouts(c->tracker, s->idle_timeout_s * SECOND_NS,
				 s->setup_timeout_s * SECOND_NS);
	control__watch(c);
	control__decide_again(c);
}

/* Before it is in force. */
static void
enter_change(struct control_state *c, const char *by, const struct fresh *fresh)
{
	char before[2 * STORE_HASH_BYTES + 1], now[sizeof(before)], detail[256];
	struct policy_document document;

	store_hex(before, c->policy_hash, STORE_HASH_BYTES);
	store_hex(now, fresh->hash, STORE_HASH_BYTES);
	policy_document_peek(fresh->policy, &document);
	if (memcmp(fresh->hash, c->policy_hash, sizeof(fresh->hash)) == 0)
		snprintf(detail, sizeof(detail),
			 "settings read again, policy %.16s as before", now);
	else
		snprintf(detail, sizeof(detail),
			 "policy %.16s after %.16s%s%.30s%s%.40s", now, before,
			 *document.revision ? ", revision " : "",
			 document.revision,
			 *document.approver ? ", approved by " : "",
			 document.approver);
	(void)control__ledger(c, by, "reload", "", detail);
}

int
control__reload(struct control_state *c, const char *by, char *text,
		size_t text_bytes)
{
	struct fresh fresh = { 0 };
	struct control_request *request = NULL;
	char names[256];
	int r;

	notify_reloading();
	r = load(c, &fresh);
	if (r == 0) {
		request = control__request(c, CONTROL_POLICY, 0);
		if (!request)
			log_error("the archive does not keep up");
	}
	if (request) {
		bool same =
		    memcmp(fresh.hash, c->policy_hash, sizeof(fresh.hash)) == 0;

		(void)memory_fit(&fresh.home.settings,
				 c->pipeline->config.memory_bytes,
				 c->pipeline->captures_count);
		home_settings_restart(&c->settings, &fresh.home.settings, names,
				      sizeof(names));
		request->policy = fresh.archive;
		fresh.archive = NULL;
		control__request_commit(c, request);
		enter_change(c, by, &fresh);
		enforce(c, &fresh);
		snprintf(text, text_bytes,
			 "settings read again; the policy %s%s%s",
			 same ? "is the same" : "is a new one",
			 *names ? "; after a restart only: " : "", names);
		log_info("%s", text);
	} else {
		r = r ? r : EXIT_FAILED;
		snprintf(text, text_bytes,
			 "settings and policy stay as they were: the log of "
			 "the recorder says why");
		(void)control__ledger(c, by, "reload", "",
				      "refused: settings and policy stay as "
				      "they were");
		log_error("settings and policy stay as they were");
	}
	policy_free(&fresh.policy);
	policy_free(&fresh.archive);
	free(fresh.text);
	notify_ready();
	return r;
}
