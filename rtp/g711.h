/* SPDX-License-Identifier: GPL-3.0-or-later */
/* G.711 (ITU-T, 1988): A-law and mu-law, one byte a sample at 8000 Hz. */
#ifndef RTP_G711_H
#define RTP_G711_H

#include <stdint.h>

/** The values of the codes of "PCMA" or "PCMU" (in any case), scaled to 16 bits;
 * NULL: another encoding. */
const int16_t *rtp_g711_values(const char *encoding);

#endif
