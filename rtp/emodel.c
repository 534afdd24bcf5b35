/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See emodel.h. */
#include "rtp/emodel.h"

#include <stddef.h>
#include <strings.h>

static const double IE_MAX = 95; /* of equation 7-29 */
/* Of table 3. It was shown to be right up to 2, and beyond for losses of less
 * than 2 % (annex A). */
static const double BURST_MAX = 8;
/* Where annex B gives one. */
static const double MOS_MAX = 4.5;

/* Ie by table I.1, or where there is a Bpl both by table I.4. Without VAD,
 * G.729A has an Ie of 10 and no Bpl, and G.723.1 at 5.3 kbit/s 19 and none. */
static const struct {
	const char *encoding;
	struct rtp_impairment impairment;
} codecs[] = {
	{ "PCMA", { 0, 25.1 } }, /* I.4: with PLC, packets of 10 ms */
	{ "PCMU", { 0, 25.1 } },
	{ "G729", { 11, 19.0 } }, /* I.4: annex A with VAD, 20 ms */
	{ "G729A", { 11, 19.0 } },
	{ "G729B", { 11, 19.0 } },
	{ "G729AB", { 11, 19.0 } },
	{ "G723", { 15, 16.1 } },   /* I.4: 6.3 kbit/s with VAD, 30 ms */
	{ "GSM-EFR", { 5, 10.0 } }, /* I.4: 20 ms */
	{ "GSM", { 20, 0 } },       /* I.1: RPE-LTP, GSM 06.10 */
	{ "GSM-HR-08", { 23, 0 } }, /* I.1: VSELP, GSM 06.20 */
	{ "G728", { 7, 0 } },       /* I.1: at 16 kbit/s */
	{ "G726-40", { 2, 0 } },    /* I.1 */
	{ "G726-32", { 7, 0 } },    /* I.1 */
	{ "G721", { 7, 0 } },
	{ "G726-24", { 25, 0 } },     /* I.1 */
	{ "G726-16", { 50, 0 } },     /* I.1 */
	{ "AAL2-G726-40", { 2, 0 } }, /* the same, packed otherwise */
	{ "AAL2-G726-32", { 7, 0 } },
	{ "AAL2-G726-24", { 25, 0 } },
	{ "AAL2-G726-16", { 50, 0 } },
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
