/* SPDX-License-Identifier: GPL-3.0-or-later */
/* First byte: is the body cut? The rest is the body. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct sip_sdp sdp;
	char *copy;
	bool cut;

	if (n == 0)
		return 0;
	cut = bytes[0] & 1;
	copy = malloc(n - 1);
	memcpy(copy, bytes + 1, n - 1);
	if (sip__sdp_parse(&sdp, (struct sip_text){ copy, n - 1 }, cut) == 0) {
		assert(sdp.count <= SIP_AUDIO_MAX);
		assert(sdp.count == 0 || sdp.directed);
		for (uint32_t i = 0; i < sdp.count; i++) {
			const struct sip_media *m = &sdp.audio[i];

			assert(m->receive.port != 0);
			/* candidates stand behind the stream that they are of
			 */
			assert(i == 0 || m->index > m[-1].index ||
			       (m->candidate && m->index == m[-1].index));
			assert(m->formats_count <= SIP_FORMATS_MAX);
			for (uint32_t f = 0; f < m->formats_count; f++)
				assert(m->formats[f].payload_type < 128 &&
				       memchr(m->formats[f].encoding, '\0',
					      SIP_ENCODING_BYTES) &&
				       strlen(sip_format_parameters(
					   m, &m->formats[f])) <
					   SIP_PARAMETERS_BYTES);
			assert(!m->parameters[SIP_MEDIA_PARAMETERS_BYTES - 1]);
		}
	}
	free(copy);
	return 0;
}
