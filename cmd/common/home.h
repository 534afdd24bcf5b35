/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where things are: a home directory made by `spanrec init`, or the parts that
 * /etc/spanrec/spanrec.yaml names; and the settings in it.
 */
#ifndef CMD_COMMON_HOME_H
#define CMD_COMMON_HOME_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "policy/policy.h"

/** One member per row of the table in home.c, which has units, limits,
 * defaults and texts. */
struct home_settings {
	/* where the parts are; empty: in the home directory */
	char archive[POLICY_TEXT_BYTES];
	char policy[POLICY_TEXT_BYTES];
	char key[POLICY_TEXT_BYTES];
	char passphrase_file[POLICY_TEXT_BYTES];
	char audit_key[POLICY_TEXT_BYTES];
	/* recording */
	char control[POLICY_TEXT_BYTES];
	char control_group[POLICY_TEXT_BYTES];
	struct policy_texts interfaces;
	uint32_t ring_mib;  /**< kernel ring of each capture thread */
	uint32_t block_ms;  /**< frames wait in it at most about twice so long */
	char overload[POLICY_TEXT_BYTES]; /**< "new-calls", "packets" */
	uint32_t behind_ms; /**< so far behind the wire is overload */
	uint32_t threads;          /**< capture threads, and as many writers */
	char storage[POLICY_TEXT_BYTES]; /**< "as-received", "opus" */
	uint32_t opus_bit_rate;   /**< bits a second of a side */
	uint32_t opus_complexity; /**< 0 to 10 */
	uint32_t reorder_ms;       /**< reorder window of the jitter buffer */
	uint32_t claim_ms;         /**< media waits so long for its SDP: 2000 */
	uint32_t linger_ms;        /**< media after a BYE still belongs: 500 */
	uint32_t flows_max;        /**< per capture thread */
	uint32_t flow_slots;       /**< jitter buffer slots per flow */
	uint32_t flow_log_kib;     /**< jitter buffer bytes per flow */
	uint32_t flow_idle_ms;     /**< a silent flow is forgotten: 10000 */
	uint32_t sip_ring_kib;     /**< per capture thread */
	uint32_t fragments_mib;    /**< per capture thread */
	uint32_t tcp_connections_max; /**< per capture thread */
	uint32_t tcp_mib;          /**< per capture thread */
	uint32_t lookback_mib;     /**< of all calls together */
	uint32_t dead_air_s;       /**< nobody is heard so long; 0: never */
	uint32_t calls_max;
	uint32_t registrations_max;
	uint32_t idle_timeout_s;   /**< answered calls without media or SIP */
	uint32_t setup_timeout_s;  /**< calls nobody answers */
	uint32_t sync_s;           /**< recordings reach stable storage */
	uint32_t sign_s;           /**< the ledger is signed so often */
	uint64_t index_map_mib;    /**< LMDB map, reserved sparse */
	uint32_t disk_warn_days;    /**< full in less: warn; 0: never */
	uint32_t disk_warn_percent; /**< less free: warn; 0: never */
	uint32_t disk_give_way_percent; /**< less free: what the policy says
					 * gives way does */
	/* told of deletions; see cmd/common/backups.h */
	struct policy_texts backup;
	struct policy_texts backup_periods;
};

struct home {
	char dir[PATH_MAX];      /**< "" when /etc names the parts */
	char settings_path[PATH_MAX];
	char archive_path[PATH_MAX];
	char policy_path[PATH_MAX];
	char key_path[PATH_MAX]; /**< "": a credential that is not here */
	char passphrase_path[PATH_MAX]; /**< "" where there is none */
	char audit_key_path[PATH_MAX]; /**< "" where there is none */
	char control_path[PATH_MAX]; /**< "" where there is none */
	struct home_settings settings;
};

/**
 * Find the home: `option` (--home), else $SPANREC_HOME, else
 * /etc/spanrec/spanrec.yaml; read its settings. Prints what is wrong.
 *
 * @param option may be NULL
 * @return 0, or an exit code (see cmd/common/exit.h), error already printed
 */
int home_open(struct home *home, const char *option)
	__attribute__((warn_unused_result));

/**
 * Read a small regular file. Never waits: what is no regular file, such as a
 * pipe that nobody writes to, is refused.
 *
 * @param text malloc'd
 * @return 0, -EISDIR, -EOPNOTSUPP (no regular file), -ENOENT, ...
 */
int home_file_read(const char *path, char **text, size_t *text_bytes)
	__attribute__((warn_unused_result));

/** What was given or lost a name in the folder of a file stays so when the
 * power goes. @return 0, -errno */
int home_folder_sync(const char *path) __attribute__((warn_unused_result));

/** Write the commented settings file of all defaults. @return 0, -errno */
int home_settings_write(FILE *to);

/**
 * Which settings differ that a recorder which runs cannot change: they hold
 * after a restart. It reads the policy again, by the name that is set now, and
 * the keys never.
 *
 * @param names [n] their names, with commas; "": none
 */
void home_settings_restart(const struct home_settings *before,
			   const struct home_settings *after, char *names,
			   size_t n);

/**
 * Read and check a policy file; print every mistake as file:line:column.
 *
 * @param path NULL: the home's
 * @param text the file's bytes, malloc'd, for store_archive_keep_policy; may
 *        be NULL
 * @return 0, or an exit code, error already printed
 */
int home_policy(const struct home *home, const char *path,
		struct policy **policy, char **text, size_t *text_bytes)
	__attribute__((warn_unused_result));

/**
 * Say what is unwise in a policy today.
 *
 * @param path as it was loaded from
 * @param all print each, as file:line:column; else the first few are logged
 */
void home_policy_lint(const struct home *home, const char *path,
		      const struct policy *policy, bool all);

#endif
