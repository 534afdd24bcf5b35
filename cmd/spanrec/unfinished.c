/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletions that an error stopped, or that are under way: the index says that
 * it is gone, and the key or the file is still there. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>

#include "store/keys.h"

const char *
spanrec_unfinished(const struct spanrec *spanrec,
		   const struct store_segment *segment)
{
	struct store_sealed_key sealed;
	int r;

	if (segment->state != STORE_STATE_PURGED ||
	    store_purge_is_pending(spanrec->archive, segment->id) != 1)
		return NULL;
	r = store_recording_keys(spanrec->archive, segment, &sealed);
	if (r == -ENOKEY)
		return "its key is destroyed, and its file is not removed yet";
	return r == 0 ? "its key is not destroyed yet"
		      : "whether its key is destroyed cannot be told";
}
