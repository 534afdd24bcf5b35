/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts spanrec. All else is in commands.c, where tests can reach it. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <time.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/common/process.h"

int
main(int argc, char **argv)
{
	struct spanrec spanrec = { .out = stdout };
	struct timespec now;
	int rc;

	/* libsmartcols measures the width of characters by the locale. Numbers
	 * keep their decimal point: programs read them. */
	setlocale(LC_CTYPE, "");
	log_init("spanrec", LOG_LEVEL_INFO);
	rc = process_guard();
	if (rc < 0) {
		log_error("core dumps cannot be switched off (%s), and one "
			  "would hold keys: not going on",
			  strerror(-rc));
		return EXIT_FAILED;
	}
	process_on_damage("spanrec: the index of the archive cannot be read "
			  "any further: it is damaged, or its disk is (else "
			  "this is a fault of spanrec). Take archive/index "
			  "from a backup\n",
			  EXIT_DAMAGED);
	rc = store_init();
	if (rc < 0) {
		log_error("the system gives no random numbers: %s",
			  strerror(-rc));
		return EXIT_FAILED;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	spanrec.now_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;

	rc = spanrec_run(&spanrec, argc, argv);
	spanrec_fini(&spanrec);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("the output could not be written: %s",
			  strerror(errno));
		return rc ? rc : EXIT_FAILED;
	}
	return rc;
}
