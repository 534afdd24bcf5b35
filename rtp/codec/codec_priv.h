/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decoders, each in the file of its codec. */
#ifndef RTP_CODEC_CODEC_PRIV_H
#define RTP_CODEC_CODEC_PRIV_H

#include "rtp/rtp.h"

extern const struct rtp_codec rtp__codec_pcma;
extern const struct rtp_codec rtp__codec_pcmu;

#endif
