/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Damage that was found, as the ledger has it. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

int
spanrec_damage_add(void *damaged, const struct store_ledger_entry *entry)
{
	if (strcmp(entry->action, "verify") != 0 || !*entry->subject)
		return 0;
	if (strcmp(entry->detail, SPANREC_SOUND_AGAIN) == 0) {
		(void)!json_object_del(damaged, entry->subject);
		return 0;
	}
	return spanrec_json_set(damaged, entry->subject, entry->detail)
		   ? -ENOMEM
		   : 0;
}
