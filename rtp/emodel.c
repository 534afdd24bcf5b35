/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See emodel.h. */
#include "rtp/emodel.h"

#include <stddef.h>
#include <strings.h>

static const double IE_MAX = 95; /* of equation 7-29 */
static const double BURST_MAX = 8;
/* Where annex B gives one. */
static const double MOS_MAX = 4.5;

/* G.113 appendix I. G.729 is that of annex A, which is what is sent;
 * G.723 that of 6.3 kbit/s. */
static const struct {
	const char *encoding;
	struct rtp_impairment impairment;
} codecs[] = {
	{ "PCMA", { 0, 25.1 } },       { "PCMU", { 0, 25.1 } },
	{ "G729", { 11, 19.0 } },      { "G723", { 15, 16.1 } },
	{ "GSM-EFR", { 5, 10 } },      { "GSM", { 20, 0 } },
	{ "GSM-HR-08", { 23, 0 } },    { "G728", { 7, 0 } },
	{ "G726-40", { 2, 0 } },       { "G726-32", { 7, 0 } },
	{ "G726-24", { 25, 0 } },      { "G726-16", { 50, 0 } },
	{ "AAL2-G726-40", { 2, 0 } },  { "AAL2-G726-32", { 7, 0 } },
	{ "AAL2-G726-24", { 25, 0 } }, { "AAL2-G726-16", { 50, 0 } },
};

bool
rtp_emodel_impairment(const char *encoding, struct rtp_impairment *impairment)
{
	size_t i;

	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		if (strcasecmp(codecs[i].encoding, encoding) == 0) {
			*impairment = codecs[i].impairment;
			return true;
		}
	}
	return false;
}

static double
within(double value, double least, double most)
{
	/* What is no number is the least, too. */
	if (!(value > least))
		return least;
	return value < most ? value : most;
}

bool
rtp_emodel_r(const struct rtp_impairment *impairment, double loss,
	     double burst_ratio, double *r)
{
	double ie = impairment->ie, eff = ie;

	loss = within(loss, 0, 100);
	burst_ratio = within(burst_ratio, 1, BURST_MAX);
	if (loss > 0 && impairment->bpl <= 0)
		return false;
	if (loss > 0)
		eff += (IE_MAX - ie) * loss /
		       (loss / burst_ratio + impairment->bpl);
	*r = RTP_EMODEL_R_DEFAULT - eff;
	return true;
}

double
rtp_emodel_mos(double r)
{
	double mos;

	if (r <= 0)
		return 1;
	if (r >= 100)
		return MOS_MAX;
	mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
	/* The polynomial dips below 1 for the least R. */
	return mos < 1 ? 1 : mos;
}
