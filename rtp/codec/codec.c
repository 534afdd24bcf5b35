/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which decoder belongs to an encoding name. */
#include "rtp/codec/codec_priv.h"

#include <strings.h>

static const struct rtp_codec *const codecs[] = {
	&rtp__codec_pcma,
	&rtp__codec_pcmu,
};

const struct rtp_codec *
rtp_codec_find(const char *encoding)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		if (strcasecmp(codecs[i]->encoding, encoding) == 0)
			return codecs[i];
	}
	return NULL;
}
