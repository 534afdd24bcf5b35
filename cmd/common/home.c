/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding the parts, and the table of settings: its rows are the reader, the
 * file that `init` writes and the manual.
 */
#include "cmd/common/home.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

#define SETTINGS_NAME "spanrec.yaml"
#define CREDENTIAL    "credential:"
#define SETTINGS_ETC  "/etc/spanrec/" SETTINGS_NAME

/** A byte more than any file of ours may have: the reader will complain. */
#define FILE_BYTES_MAX ((size_t)4 * 1024 * 1024 + 1)

/** Warnings of a policy that go into the log. */
#define LINT_LOGGED 5U

#define AT(member) offsetof(struct home_settings, member)
#define PATH_BYTES (POLICY_TEXT_BYTES - 1)

static const struct policy_field settings[] = {
	{ "archive", POLICY_FIELD_TEXT, AT(archive), 0, PATH_BYTES, "", "''",
	  "Directory of the archive. Empty: archive in the home directory." },
	{ "policy", POLICY_FIELD_TEXT, AT(policy), 0, PATH_BYTES, "", "''",
	  "The policy file. Empty: policy.yaml in the home directory." },
	{ "key", POLICY_FIELD_TEXT, AT(key), 0, PATH_BYTES, "", "''",
	  "The private key; a host that only records has none.\n"
	  "Empty: vault.key in the home directory. credential:NAME is a\n"
	  "credential that systemd hands over (LoadCredential=)." },
	{ "passphrase_file", POLICY_FIELD_TEXT, AT(passphrase_file), 0,
	  PATH_BYTES, "", "''",
	  "A file whose first line is the passphrase of the private key, if it\n"
	  "is sealed by one; or credential:NAME. Empty: whoever needs the key\n"
	  "is asked at the terminal." },
	{ "audit_key", POLICY_FIELD_TEXT, AT(audit_key), 0, PATH_BYTES, "",
	  "''",
	  "The key that signs what was done to the archive; who records makes\n"
	  "one where there is none. Empty: audit.key in the home directory." },
	{ "interfaces", POLICY_FIELD_TEXTS, AT(interfaces), 0, POLICY_TEXTS_MAX,
	  "", "[]",
	  "Network interfaces that the mirror ports of the switch feed." },
	{ "ring_mib", POLICY_FIELD_U32, AT(ring_mib), 1, 2047, "MiB", "64",
	  "Frames wait here for a capture thread; each thread has one for each\n"
	  "interface. 64 MiB hold a second and more of 2,000 calls." },
	{ "block_ms", POLICY_FIELD_U32, AT(block_ms), 1, 1000, "ms", "20",
	  "The kernel hands frames over in blocks; one that does not fill is\n"
	  "handed over after so long, or twice so long at most." },
	{ "overload", POLICY_FIELD_TEXT, AT(overload), 0, PATH_BYTES, "",
	  "new-calls",
	  "What gives way while the recorder cannot keep up: 'new-calls' are\n"
	  "not recorded, so that calls in progress stay whole; or 'packets',\n"
	  "of all calls alike." },
	{ "behind_ms", POLICY_FIELD_U32, AT(behind_ms), 500, 60000, "ms",
	  "1000", "So far behind the wire, the recorder cannot keep up." },
	{ "control", POLICY_FIELD_TEXT, AT(control), 0, PATH_BYTES, "", "''",
	  "The socket through which spanrec talks to the recorder while it\n"
	  "runs. Empty: control.sock in the home directory." },
	{ "control_group", POLICY_FIELD_TEXT, AT(control_group), 0, PATH_BYTES,
	  "", "''",
	  "A group of users who may do so besides root and the account of the\n"
	  "recorder, which must be a member too. Empty: nobody else." },
	{ "threads", POLICY_FIELD_U32, AT(threads), 1, 64, "", "1",
	  "Capture threads, and as many threads that write." },
	{ "reorder_ms", POLICY_FIELD_U32, AT(reorder_ms), 1, 2000, "ms", "200",
	  "How late a packet may come and still find its place." },
	{ "claim_ms", POLICY_FIELD_U32, AT(claim_ms), 0, 10000, "ms", "2000",
	  "Media waits in memory so long for the SDP that announces it." },
	{ "linger_ms", POLICY_FIELD_U32, AT(linger_ms), 0, 10000, "ms", "500",
	  "Media that comes so long after a BYE still belongs to the call." },
	{ "flows_max", POLICY_FIELD_U32, AT(flows_max), 16, 1 << 20, "",
	  "16384",
	  "Media streams at a time for each capture thread; a call has two." },
	{ "flow_slots", POLICY_FIELD_U32, AT(flow_slots), 128, 32768, "", "256",
	  "Packets of one stream that may wait in its jitter buffer;\n"
	  "a power of two." },
	{ "flow_log_kib", POLICY_FIELD_U32, AT(flow_log_kib), 4, 16384, "KiB",
	  "128",
	  "Bytes of one stream that may wait in its jitter buffer;\n"
	  "a power of two." },
	{ "flow_idle_ms", POLICY_FIELD_U32, AT(flow_idle_ms), 1000, 3600000,
	  "ms", "10000", "A stream that is silent so long is forgotten." },
	{ "sip_ring_kib", POLICY_FIELD_U32, AT(sip_ring_kib), 256, 1 << 20,
	  "KiB", "4096",
	  "SIP that waits between a capture thread and the control thread;\n"
	  "a power of two." },
	{ "fragments_mib", POLICY_FIELD_U32, AT(fragments_mib), 1, 1024, "MiB",
	  "16",
	  "IP fragments that wait for the others, for each capture thread;\n"
	  "more, and the oldest are given up." },
	{ "tcp_connections_max", POLICY_FIELD_U32, AT(tcp_connections_max), 64,
	  1 << 20, "", "16384",
	  "TCP connections at a time that are looked into for SIP, for each\n"
	  "capture thread; more, and the oldest are given up, without SIP\n"
	  "first: a quarter is kept for those." },
	{ "tcp_mib", POLICY_FIELD_U32, AT(tcp_mib), 1, 4096, "MiB", "64",
	  "Bytes of TCP connections that wait for the rest of a message, for\n"
	  "each capture thread." },
	{ "storage", POLICY_FIELD_TEXT, AT(storage), 0, PATH_BYTES, "",
	  "as-received",
	  "How sound is stored: 'as-received'; or 'opus': what is sent at\n"
	  "48 kbit/s and more is made smaller, and is not any more what the\n"
	  "telephones sent." },
	{ "opus_bit_rate", POLICY_FIELD_U32, AT(opus_bit_rate), 6000, 64000,
	  "bit/s", "24000", "Of each side stored as Opus." },
	{ "opus_complexity", POLICY_FIELD_U32, AT(opus_complexity), 0, 10, "",
	  "5", "Work for it: 0 is the least, 10 sounds best." },
	{ "lookback_mib", POLICY_FIELD_U32, AT(lookback_mib), 1, 1 << 20, "MiB",
	  "1024",
	  "Audio that waits since the policy may reach back to it; more, and\n"
	  "packets are left out." },
	{ "dead_air_s", POLICY_FIELD_U32, AT(dead_air_s), 0, 3600, "s", "10",
	  "A call in which nobody is heard for so long is marked; 0: none is." },
	{ "calls_max", POLICY_FIELD_U32, AT(calls_max), 16, 1 << 20, "",
	  "20000",
	  "Calls at a time; more, and one is given up: of those that nobody\n"
	  "answered before those that talk, the oldest idle ones first." },
	{ "registrations_max", POLICY_FIELD_U32, AT(registrations_max), 16,
	  1 << 20, "", "20000", "Telephones logged in at a time." },
	{ "idle_timeout_s", POLICY_FIELD_U32, AT(idle_timeout_s), 10, 86400,
	  "s", "60", "An answered call without media and SIP is over." },
	{ "setup_timeout_s", POLICY_FIELD_U32, AT(setup_timeout_s), 10, 86400,
	  "s", "180", "A call that nobody answers is over." },
	{ "sync_s", POLICY_FIELD_U32, AT(sync_s), 1, 60, "s", "5",
	  "Recordings reach stable storage so often: what a power cut takes." },
	{ "sign_s", POLICY_FIELD_U32, AT(sign_s), 1, 86400, "s", "3600",
	  "What was done to the archive is signed so often, if anything was." },
	{ "index_map_mib", POLICY_FIELD_U64, AT(index_map_mib), 64, 1 << 24,
	  "MiB", "65536",
	  "Room reserved for the index; the disk is used as it fills." },
	{ "disk_warn_days", POLICY_FIELD_U32, AT(disk_warn_days), 0, 3650,
	  "days", "14",
	  "Warn when the disk of the archive will be full in less, as it has\n"
	  "been filling in the last hour or day; 0: do not." },
	{ "disk_warn_percent", POLICY_FIELD_U32, AT(disk_warn_percent), 0, 99,
	  "%", "5", "Warn when less of it is free; 0: do not." },
	{ "disk_give_way_percent", POLICY_FIELD_U32, AT(disk_give_way_percent),
	  1, 50, "%", "2",
	  "When less of it is free, recordings of which the policy says that\n"
	  "they give way ('gives_way') are deleted, the oldest first." },
	{ "backup", POLICY_FIELD_TEXTS, AT(backup), 0, POLICY_TEXTS_MAX, "",
	  "[]",
	  "Folders of backups ('spanrec backup'). Who deletes tells them what\n"
	  "was deleted, when they can be reached." },
	{ "backup_periods", POLICY_FIELD_TEXTS, AT(backup_periods), 0,
	  POLICY_TEXTS_MAX, "", "[]",
	  "Folders with the keys of their periods, where these lie apart: such\n"
	  "keys go in time also while the backup cannot be reached." },
};

#define SETTINGS_COUNT (sizeof(settings) / sizeof(settings[0]))

/** Two sources of one interface would see every packet twice. */
static int
interfaces_check(const struct home *home)
{
	const struct policy_texts *set = &home->settings.interfaces;
	size_t i, j;

	for (i = 1; i < set->count; i++) {
		for (j = 0; j < i; j++) {
			if (strcmp(set->text[i], set->text[j]) == 0) {
				log_error("%s: 'interfaces' names '%s' twice",
					  home->settings_path, set->text[i]);
				return EXIT_FAILED;
			}
		}
	}
	return 0;
}

/** What the limits of the table cannot say: powers of two, a choice of words.
 */
static int
settings_check(const struct home *home)
{
	const struct home_settings *s = &home->settings;
	const struct {
		const char *name;
		uint32_t value;
	} powers[] = {
		{ "flow_slots", s->flow_slots },
		{ "flow_log_kib", s->flow_log_kib },
		{ "sip_ring_kib", s->sip_ring_kib },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		if (powers[i].value & (powers[i].value - 1)) {
			log_error("%s: '%s' must be a power of two, but is %u",
				  home->settings_path, powers[i].name,
				  powers[i].value);
			err = EXIT_FAILED;
		}
	}
	if (strcmp(s->overload, "new-calls") != 0 &&
	    strcmp(s->overload, "packets") != 0) {
		log_error("%s: 'overload' is 'new-calls' or 'packets', not "
			  "'%s'",
			  home->settings_path, s->overload);
		err = EXIT_FAILED;
	}
	if (strcmp(s->storage, "as-received") != 0 &&
	    strcmp(s->storage, "opus") != 0) {
		log_error("%s: 'storage' is 'as-received' or 'opus', not '%s'",
			  home->settings_path, s->storage);
		err = EXIT_FAILED;
	}
	if (interfaces_check(home) != 0)
		err = EXIT_FAILED;
	return err;
}

/** @return 0, -EISDIR, -EOPNOTSUPP, -errno */
static int
regular_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -EOPNOTSUPP;
}

int
home_folder_sync(const char *path)
{
	char dir[PATH_MAX];
	int fd, r;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

int
home_file_read(const char *path, char **text, size_t *n)
{
	/* O_NONBLOCK: opening a FIFO would wait for who writes to it */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got;
	int err;

	*text = NULL;
	*n = 0;
	if (fd < 0)
		return -errno;
	err = regular_check(fd);
	if (err)
		goto out;
	*text = malloc(FILE_BYTES_MAX);
	if (!*text) {
		err = -ENOMEM;
		goto out;
	}
	do {
		got = read(fd, *text + *n, FILE_BYTES_MAX - *n);
		if (got > 0)
			*n += (size_t)got;
		else if (got < 0 && errno != EINTR)
			err = -errno;
	} while (!err && got != 0 && *n < FILE_BYTES_MAX);
out:
	close(fd);
	if (err) {
		free(*text);
		*text = NULL;
	}
	return err;
}

static const char *
read_error_text(int err)
{
	if (err == -EOPNOTSUPP)
		return "it is no regular file; pipes and devices are not "
		       "read";
	return strerror(-err);
}

/**
 * Where a part is: as set, relative to the home; or its usual name there.
 *
 * @return false: the path is too long
 */
static bool
part_path(const struct home *home, const char *set, const char *usual,
	  char path[PATH_MAX])
{
	const char *name = set[0] ? set : usual;
	int w;

	if (name[0] == '/' || !home->dir[0])
		w = snprintf(path, PATH_MAX, "%s", set);
	else
		w = snprintf(path, PATH_MAX, "%s/%s", home->dir, name);
	return w >= 0 && w < PATH_MAX;
}

/**
 * Where a secret is: a path as part_path has it, or what systemd hands over to
 * this process alone. One that it did not hand over is at no path.
 */
static bool
secret_path(const struct home *home, const char *set, const char *usual,
	    char path[PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	const char *name = set + strlen(CREDENTIAL);
	int w;

	if (strncmp(set, CREDENTIAL, strlen(CREDENTIAL)) != 0)
		return part_path(home, set, usual, path);
	path[0] = '\0';
	if (!dir || !*name || *name == '.' || strchr(name, '/'))
		return true;
	w = snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return w >= 0 && w < PATH_MAX;
}

static int
parts_find(struct home *home)
{
	const struct home_settings *s = &home->settings;

	if (!home->dir[0] && (!s->archive[0] || !s->policy[0])) {
		log_error("%s must name the 'archive' and the 'policy'; or "
			  "give a home: --home DIR",
			  home->settings_path);
		return EXIT_FAILED;
	}
	if (!part_path(home, s->archive, "archive", home->archive_path) ||
	    !part_path(home, s->policy, "policy.yaml", home->policy_path) ||
	    !secret_path(home, s->key, "vault.key", home->key_path) ||
	    (s->passphrase_file[0] && !secret_path(home, s->passphrase_file, "",
						   home->passphrase_path)) ||
	    !part_path(home, s->audit_key, "audit.key", home->audit_key_path) ||
	    !part_path(home, s->control, "control.sock", home->control_path)) {
		log_error("%s: the path of the home is too long",
			  home->settings_path);
		return EXIT_FAILED;
	}
	return 0;
}

/** Say why the settings cannot be read, and what to do. */
static int
settings_missing(const struct home *home, int err)
{
	struct stat st;

	if (err != -ENOENT && err != -ENOTDIR) {
		log_error("%s: %s", home->settings_path, read_error_text(err));
		return exit_code(err);
	}
	if (!home->dir[0])
		log_error("which home? give --home DIR or set SPANREC_HOME; "
			  "without them %s is read, and there is none",
			  home->settings_path);
	else if (stat(home->dir, &st) < 0 && errno == ENOENT)
		log_error("%s does not exist; make a home there with: "
			  "spanrec init %s",
			  home->dir, home->dir);
	else
		log_error("%s is not a spanrec home: no " SETTINGS_NAME
			  " in it; make one with: spanrec init %s",
			  home->dir, home->dir);
	return EXIT_NOT_FOUND;
}

static int
settings_read(struct home *home)
{
	struct policy_errors errors;
	char *text;
	size_t n;
	int err = home_file_read(home->settings_path, &text, &n);

	if (err)
		return settings_missing(home, err);
	err = policy_fields_load(settings, SETTINGS_COUNT, &home->settings,
				 text, n, &errors);
	free(text);
	if (err == -EINVAL)
		policy_errors_print(&errors, home->settings_path, stderr);
	else if (err)
		log_error("%s: %s", home->settings_path, strerror(-err));
	return err ? exit_code(err) : settings_check(home);
}

int
home_open(struct home *home, const char *option)
{
	const char *dir = option ? option : getenv("SPANREC_HOME");
	int w, err;

	memset(home, 0, sizeof(*home));
	if (!dir || !dir[0]) {
		w = snprintf(home->settings_path, sizeof(home->settings_path),
			     SETTINGS_ETC);
	} else {
		w = snprintf(home->settings_path, sizeof(home->settings_path),
			     "%s/" SETTINGS_NAME, dir);
		if (w < PATH_MAX)
			snprintf(home->dir, sizeof(home->dir), "%s", dir);
	}
	if (w < 0 || w >= PATH_MAX) {
		log_error("the path of the home is too long");
		return EXIT_USAGE;
	}
	err = settings_read(home);
	return err ? err : parts_find(home);
}

int
home_settings_write(FILE *to)
{
	fputs("# Settings of spanrec. What is left out has the value shown "
	      "here.\n"
	      "# Paths that do not begin with / are relative to this "
	      "directory.\n\n",
	      to);
	return policy_fields_write(settings, SETTINGS_COUNT, to);
}

static bool
texts_equal(const struct policy_texts *a, const struct policy_texts *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return false;
	return true;
}

static bool
setting_equal(const struct policy_field *field, const void *a, const void *b)
{
	switch (field->type) {
	case POLICY_FIELD_BOOL:
		return memcmp(a, b, sizeof(bool)) == 0;
	case POLICY_FIELD_U32:
		return memcmp(a, b, sizeof(uint32_t)) == 0;
	case POLICY_FIELD_U64:
		return memcmp(a, b, sizeof(uint64_t)) == 0;
	case POLICY_FIELD_TEXT:
		return strcmp(a, b) == 0;
	case POLICY_FIELD_TEXTS:
		break;
	}
	return texts_equal(a, b);
}

/* What a recorder takes over without a restart; the private key it never
 * reads. */
static bool
setting_live(const struct policy_field *field)
{
	return field->offset == AT(policy) || field->offset == AT(key) ||
	       field->offset == AT(passphrase_file) ||
	       field->offset == AT(overload) ||
	       field->offset == AT(behind_ms) ||
	       field->offset == AT(idle_timeout_s) ||
	       field->offset == AT(setup_timeout_s);
}

void
home_settings_restart(const struct home_settings *before,
		      const struct home_settings *after, char *names, size_t n)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct policy_field *field = &settings[i];
		const char *a = (const char *)before + field->offset;
		const char *b = (const char *)after + field->offset;

		if (setting_live(field) || setting_equal(field, a, b))
			continue;
		snprintf(names + used, n - used, "%s%s", used ? ", " : "",
			 field->name);
		used = strlen(names);
	}
}

int
home_policy(const struct home *home, const char *path, struct policy **policy,
	    char **text, size_t *text_bytes)
{
	struct policy_errors errors;
	char *bytes;
	size_t n;
	int err;

	if (!path)
		path = home->policy_path;
	err = home_file_read(path, &bytes, &n);
	if (err) {
		log_error("cannot read the policy %s: %s", path,
			  read_error_text(err));
		return exit_code(err);
	}
	err = policy_load(policy, bytes, n, &errors);
	if (err == -EINVAL)
		policy_errors_print(&errors, path, stderr);
	else if (err)
		log_error("%s: %s", path, strerror(-err));
	if (err || !text) {
		free(bytes);
		return err ? exit_code(err) : 0;
	}
	*text = bytes;
	*text_bytes = n;
	return 0;
}

void
home_policy_lint(const struct home *home, const char *path,
		 const struct policy *policy, bool all)
{
	struct policy_errors warnings;
	struct timespec now;

	if (!path)
		path = home->policy_path;
	clock_gettime(CLOCK_REALTIME, &now);
	policy_lint(policy, now.tv_sec * INT64_C(1000000000) + now.tv_nsec,
		    &warnings);
	if (all)
		policy_warnings_print(&warnings, path, stderr);
	for (uint32_t i = 0; !all && i < warnings.count && i < LINT_LOGGED; i++)
		log_warning("%s:%u: %s", path, warnings.errors[i].line,
			    warnings.errors[i].text);
	if (!all && warnings.count > LINT_LOGGED)
		log_warning("%s: and %u more warnings; 'spanrec policy check' "
			    "prints them",
			    path, warnings.count - LINT_LOGGED + warnings.more);
}
