/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What people would think of a narrowband voice connection: the E-model
 * (ITU-T G.107, 06/2015), of which a listener at a tap knows codec and loss
 * only. Everything else is at its default (table 3), delay and echo too:
 *
 *   R = 93.2 - Ie,eff
 *   Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl / BurstR + Bpl)    (equation 7-29)
 *
 * Pure arithmetic; any thread, no allocation.
 */
#ifndef RTP_EMODEL_H
#define RTP_EMODEL_H

#include <stdbool.h>

/** R with all parameters at their defaults (G.107 clause 7.7). */
#define RTP_EMODEL_R_DEFAULT 93.2

/** What a codec costs: ITU-T G.113 appendix I (11/2007). */
struct rtp_impairment {
	double ie;  /**< equipment impairment factor, without loss */
	double bpl; /**< packet-loss robustness; 0: none was published */
};

/**
 * Impairment of a codec by its encoding name (RFC 3551), in any case. G.711 is
 * taken to conceal losses (G.711 appendix I), as telephones do.
 *
 * @return false: none was published for the narrowband scale, among them all
 *         wideband codecs
 */
bool rtp_emodel_impairment(const char *encoding,
			   struct rtp_impairment *impairment)
	__attribute__((warn_unused_result));

/**
 * Rating factor R.
 *
 * @param loss [%] of packets, 0 to 100
 * @param burst_ratio mean length of a run of losses, over that of as much loss
 *        at random; what is not within 1 to 8 is taken to be the nearest
 * @return false: there is loss, and how the codec bears it is not published
 */
bool rtp_emodel_r(const struct rtp_impairment *impairment, double loss,
		  double burst_ratio, double *r)
	__attribute__((warn_unused_result));

/** Mean opinion score, conversational, of R: 1 to 4.5 (G.107 annex B). */
double rtp_emodel_mos(double r);

#endif
