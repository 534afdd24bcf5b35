/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which exit code tells an error best. Usage errors have no errno value: the
 * programs return EXIT_USAGE by themselves. */
#include "cmd/common/exit.h"

#include <errno.h>

int
exit_code(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENODEV:
		return EXIT_NOT_FOUND;
	case -EACCES:
	case -EPERM:
		return EXIT_NOT_ALLOWED;
	case -EBADMSG:
	case -ENOKEY:
		return EXIT_DAMAGED;
	default:
		return error < 0 ? EXIT_FAILED : EXIT_DONE;
	}
}
