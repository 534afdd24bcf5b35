/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folder of a home that is made. */
#include "cmd/spanrec/folder_priv.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* @return 1 empty, 0 not, -errno */
static int
folder_is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int empty = 1;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			empty = 0;
	}
	closedir(dir);
	return empty;
}

int
spanrec_folder_make(const char *path, bool *made)
{
	int rc;

	*made = false;
	if (!mkdir(path, 0700)) {
		*made = true;
		return 0;
	}
	if (errno != EEXIST) {
		rc = -errno;
		log_error("%s cannot be made: %s%s", path, strerror(-rc),
			  rc == -ENOENT ? "; make the folder above it first"
					: "");
		return rc == -ENOENT ? EXIT_FAILED : exit_code(rc);
	}
	rc = folder_is_empty(path);
	if (rc == -ENOTDIR) {
		log_error("%s is there and is no folder; choose another place",
			  path);
		return EXIT_FAILED;
	}
	if (rc == 0) {
		log_error("%s exists and is not empty; choose another place, "
			  "or empty it first",
			  path);
		return EXIT_FAILED;
	}
	if (rc == 1 && chmod(path, 0700) < 0)
		rc = -errno;
	if (rc < 0) {
		log_error("%s cannot be used: %s", path, strerror(-rc));
		return exit_code(rc);
	}
	return 0;
}
