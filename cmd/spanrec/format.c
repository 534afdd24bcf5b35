/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --json or --csv: one of them. */
#include "cmd/spanrec/spanrec.h"

error_t
spanrec_format_option(const struct argp_state *state,
		      enum spanrec_format *format, enum spanrec_format wanted)
{
	if (*format != SPANREC_TABLE && *format != wanted) {
		argp_error(state, "--json or --csv, not both");
		return EINVAL;
	}
	*format = wanted;
	return 0;
}
