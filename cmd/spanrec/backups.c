/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of backups, on a line. */
#include "cmd/spanrec/spanrec.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

/* So much of a path has room on a line of 80 columns. */
#define PATH_ALONE  45
#define PATH_BESIDE 25

bool
spanrec_backup_text(const struct policy_zone *zone, const json_t *row,
		    char text[SPANREC_BACKUP_TEXT_BYTES])
{
	const uint64_t waiting = spanrec_json_count(row, "waiting");
	const bool lost = *spanrec_json_text(row, "error");
	const char *made = spanrec_json_text(row, "made");
	char clean[SPANREC_TEXT_BYTES], path[PATH_ALONE];
	char when[SPANREC_TIME_BYTES] = "none yet", ill[48] = "";
	int64_t made_ns;

	if (!spanrec_time_utc_parse(made, &made_ns))
		spanrec_time_local(zone, made_ns, when);
	if (waiting)
		snprintf(ill, sizeof(ill), ", %" PRIu64 " deletion%s wait%s",
			 waiting, waiting == 1 ? "" : "s",
			 waiting == 1 ? "s" : "");
	else if (lost)
		snprintf(ill, sizeof(ill), ", not reached");
	spanrec_text_clean(spanrec_json_text(row, "path"), clean,
			   sizeof(clean));
	spanrec_path_shorten(clean, path, *ill ? PATH_BESIDE : PATH_ALONE);
	snprintf(text, SPANREC_BACKUP_TEXT_BYTES, "%s in %s%s", when, path,
		 ill);
	return *ill;
}
