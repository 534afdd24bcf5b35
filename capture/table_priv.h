/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared with the test, which checks the hash against known answers. */
#ifndef CAPTURE_TABLE_PRIV_H
#define CAPTURE_TABLE_PRIV_H

#include "capture/table.h"

/** SipHash-1-3 of the 40 bytes of a key. @param hash_key [16] */
uint64_t capture__table_hash(const uint8_t *hash_key,
			     const struct capture_flow_key *key);

#endif
