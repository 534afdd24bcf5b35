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

/** What a codec costs: ITU-T G.113 appendix I (11/2007; unchanged in 2024). */
struct rtp_impairment {
	double ie;  /**< equipment impairment factor, without loss: table I.1 */
	double bpl; /**< packet-loss robustness: table I.4; 0: it has none */
};

/**
 * Impairment of a codec by its encoding name (RFC 3551), in any case. Of those
 * that table I.4 has in several ways it is the one that telephones use: G.711
 * that conceals losses by its appendix I, G.729 annex A with VAD, G.723.1 at
 * 6.3 kbit/s with VAD.
 *
 * @return false: that appendix has none. Wideband codecs (G.722, AMR-WB) are on
 *         another scale (its appendix IV, G.107.1); AMR, iLBC, Speex, Opus are in
 *         neither
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
