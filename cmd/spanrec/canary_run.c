/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A scratch home, in memory where there is room, and the recorder itself that
 * records the calls into it, each as a capture. Whatever stops this, the
 * scratch home does not stay.
 */
#include "cmd/spanrec/canary_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

#define RECORDER_SECONDS 300
#define ROOM_BYTES       (UINT64_C(256) << 20)

extern char **environ;

/* ---- the scratch folder -------------------------------------------------- */

int
canary_path(const struct canary *canary, const char *name, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", canary->folder, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

void
canary_name(char name[CANARY_NAME_BYTES], size_t which, const char *end)
{
	snprintf(name, CANARY_NAME_BYTES, "call-%zu.%s", which + 1, end);
}

bool
canary_is_capture(const char *name)
{
	const char *dot = strrchr(name, '.');

	return !strncmp(name, "call-", 5) && dot && !strcmp(dot, ".pcap");
}

static bool
has_room(const char *folder)
{
	struct statvfs fs;

	return !access(folder, W_OK | X_OK) && !statvfs(folder, &fs) &&
	       fs.f_bavail * fs.f_frsize >= ROOM_BYTES;
}

/* @return 0, -errno */
static int
make_folder(struct canary *canary)
{
	const char *parent = getenv("TMPDIR");
	char path[PATH_MAX];
	int n;

	if (canary->keep) {
		if (mkdir(canary->keep, 0700) < 0)
			return -errno;
		return realpath(canary->keep, canary->folder) ? 0 : -errno;
	}
	if (has_room("/dev/shm"))
		parent = "/dev/shm";
	else if (!parent || !*parent)
		parent = "/tmp";
	n = snprintf(path, sizeof(path), "%s/spanrec-canary-XXXXXX", parent);
	if (n < 0 || n >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!mkdtemp(path))
		return -errno;
	memcpy(canary->folder, path, sizeof(path));
	return 0;
}

void
canary_wipe(struct canary *canary)
{
	char *const paths[] = { canary->folder, NULL };
	FTSENT *entry;
	FTS *fts;

	if (!*canary->folder || canary->keep)
		return;
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	while (fts && (entry = fts_read(fts))) {
		if (entry->fts_info != FTS_D && remove(entry->fts_path) < 0)
			log_warning("%s could not be removed: %s",
				    entry->fts_path, strerror(errno));
	}
	if (fts)
		fts_close(fts);
	canary->folder[0] = '\0';
}

/* ---- the scratch home ---------------------------------------------------- */

static int
write_policy(const struct canary *canary)
{
	char path[PATH_MAX];
	int rc = canary_path(canary, "home/policy.yaml", path);
	FILE *to;

	if (rc)
		return rc;
	to = fopen(path, "we");
	if (!to)
		return -errno;
	fwrite(canary->draft.text, 1, canary->draft.bytes, to);
	rc = ferror(to) ? -EIO : 0;
	if (fclose(to) && !rc)
		rc = -errno;
	return rc;
}

/* @return exit code */
static int
make_home(struct canary *canary)
{
	char path[PATH_MAX];
	int rc = make_folder(canary);

	if (rc == -EEXIST) {
		log_error("%s exists; --keep makes a folder", canary->keep);
		return EXIT_FAILED;
	}
	if (!rc)
		rc = canary_path(canary, "home", path);
	if (!rc) {
		rc = spanrec_home_make(path, NULL);
		if (rc)
			return rc;
		rc = write_policy(canary);
	}
	if (!rc)
		return 0;
	log_error("a scratch archive cannot be made: %s", strerror(-rc));
	return exit_code(rc);
}

/* ---- the recorder -------------------------------------------------------- */

static bool
recorder_at(struct canary *canary, const char *folder, const char *name)
{
	int n = snprintf(canary->recorder, sizeof(canary->recorder), "%s/%s",
			 folder, name);

	return n > 0 && n < PATH_MAX && !access(canary->recorder, X_OK);
}

/* Beside this program, or where `make install` puts it; else in PATH. */
static void
find_recorder(struct canary *canary)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		dirname(self);
		if (recorder_at(canary, self, "spanrecd") ||
		    recorder_at(canary, self, "../sbin/spanrecd"))
			return;
	}
	snprintf(canary->recorder, sizeof(canary->recorder), "spanrecd");
}

/* @return 0, -errno */
static int
spawn(const struct canary *canary, const char *capture, const char *output,
      pid_t *child)
{
	char home[PATH_MAX],
	    *argv[] = { (char *)"spanrecd", (char *)"--home", home,
			(char *)"--read",   (char *)capture,  NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc = canary_path(canary, "home", home);

	if (rc)
		return rc;
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, output,
					 O_WRONLY | O_CREAT | O_EXCL, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	rc = -posix_spawnp(child, canary->recorder, &actions, &attributes, argv,
			   environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

/* Also asks for signals that are to stop this. @return status, -errno */
static int
wait_for(pid_t child, const sigset_t *stops)
{
	const struct timespec moment = { 0, 10 * 1000000 };
	time_t until = time(NULL) + RECORDER_SECONDS;
	int status, rc = 0;
	pid_t pid;

	while ((pid = waitpid(child, &status, WNOHANG)) == 0) {
		if (sigtimedwait(stops, NULL, &moment) > 0)
			rc = -EINTR;
		else if (time(NULL) > until)
			rc = -ETIMEDOUT;
		if (!rc)
			continue;
		kill(child, SIGKILL);
		pid = waitpid(child, &status, 0);
		break;
	}
	return rc ? rc : pid < 0 ? -errno : status;
}

/* What it said before it failed, without its summary. */
static void
show_output(const char *path)
{
	char line[SPANREC_TEXT_BYTES], clean[3 * SPANREC_TEXT_BYTES];
	FILE *from = fopen(path, "re");

	while (from && fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		fprintf(stderr, "  %s\n",
			spanrec_text_clean(line, clean, sizeof(clean)));
	}
	if (from)
		fclose(from);
}

/* @return exit code */
static int
record(const struct canary *canary, const char *capture, const char *output,
       const sigset_t *stops)
{
	pid_t child;
	int rc = spawn(canary, capture, output, &child);

	if (!rc)
		rc = wait_for(child, stops);
	if (rc == 0)
		return 0;
	if (rc == -EINTR) {
		log_error("stopped; there is no certificate");
		return EXIT_FAILED;
	}
	if (rc < 0) {
		log_error("the recorder %s could not be run: %s",
			  canary->recorder, strerror(-rc));
		return EXIT_FAILED;
	}
	log_error("the recorder %s failed on a synthetic call:",
		  canary->recorder);
	show_output(output);
	return EXIT_FAILED;
}

/* @return exit code */
static int
play(const struct canary *canary, size_t which, const sigset_t *stops)
{
	char name[CANARY_NAME_BYTES], capture[PATH_MAX], output[PATH_MAX];
	int rc;

	canary_name(name, which, "pcap");
	rc = canary_path(canary, name, capture);
	canary_name(name, which, "txt");
	if (!rc)
		rc = canary_path(canary, name, output);
	if (!rc)
		rc = canary_capture(canary, which, capture);
	if (rc) {
		log_error("a synthetic call cannot be made: %s", strerror(-rc));
		return EXIT_FAILED;
	}
	rc = record(canary, capture, output, stops);
	if (!canary->keep)
		unlink(capture);
	return rc;
}

int
canary_run(struct canary *canary)
{
	sigset_t stops, before;
	int rc;

	find_recorder(canary);
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	sigaddset(&stops, SIGQUIT);
	sigprocmask(SIG_BLOCK, &stops, &before);
	rc = make_home(canary);
	for (size_t i = 0; !rc && i < canary->tests_count; i++) {
		if (!canary->tests[i].untested)
			rc = play(canary, i, &stops);
	}
	if (rc)
		canary_wipe(canary);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
