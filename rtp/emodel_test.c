/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rtp/emodel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
near(double is, double should_be, double within)
{
	if (fabs(is - should_be) > within)
		fail_msg("%f is not %f", is, should_be);
}

static double
r_of(const char *encoding, double loss, double burst_ratio)
{
	struct rtp_impairment impairment;
	double r;

	assert_true(rtp_emodel_impairment(encoding, &impairment));
	assert_true(rtp_emodel_r(&impairment, loss, burst_ratio, &r));
	return r;
}

/* Everything that is not codec and loss, by the equations of G.107 with the
 * defaults of its table 3 and no delay. */
static double
r_of_the_whole_model(void)
{
	const double slr = 8, rlr = 2, ds = 3, stmr = 15, lstr = 18;
	const double telr = 65, wepl = 110, qdu = 1, nc = -70, nfor = -64;
	const double ps = 35, pr = 35;
	double olr = slr + rlr, nfo = nfor + rlr;
	double nos = ps - slr - ds - 100 +
		     0.004 * (ps - olr - ds - 14) * (ps - olr - ds - 14);
	double pre = pr + 10 * log10(1 + pow(10, (10 - lstr) / 10));
	double nor = rlr - 121 + pre + 0.008 * (pre - 35) * (pre - 35);
	double no = 10 * log10(pow(10, nc / 10) + pow(10, nos / 10) +
			       pow(10, nor / 10) + pow(10, nfo / 10));
	double ro = 15 - 1.5 * (slr + no);
	double xolr = olr + 0.2 * (64 + no - rlr);
	double iolr = 20 * (pow(1 + pow(xolr / 8, 8), 1. / 8) - xolr / 8);
	double stmro = -10 * log10(pow(10, -stmr / 10) +
				   exp(-0. / 4) * pow(10, -telr / 10));
	double ist = 12 * pow(1 + pow((stmro - 13) / 6, 8), 1. / 8) -
		     28 * pow(1 + pow((stmro + 1) / 19.4, 35), 1. / 35) -
		     13 * pow(1 + pow((stmro - 3) / 33, 13), 1. / 13) + 29;
	double q = 37 - 15 * log10(qdu);
	double g = 1.07 + 0.258 * q + 0.0602 * q * q;
	double y = (ro - 100) / 15 + 46 / 8.4 - g / 9;
	double z = 46. / 30 - g / 40;
	double iq = 15 * log10(1 + pow(10, y) + pow(10, z));
	/* what a listener hears of his own echo; the talker's is 0 at T = 0 */
	double rle = 10.5 * (wepl + 7);
	double idle = (ro - rle) / 2 + sqrt((ro - rle) * (ro - rle) / 4 + 169);

	return ro - (iolr + ist + iq) - idle;
}

/* G.107: "R = 93.2"; by annex B that is a MOS of 4.41. */
static void
default_connection(void **state)
{
	near(r_of_the_whole_model(), RTP_EMODEL_R_DEFAULT, 0.06);
	near(r_of("PCMU", 0, 1), 93.2, 1e-9);
	near(rtp_emodel_mos(93.2), 4.41, 0.005);
}

/* G.107 table B.1: R and the MOS of it. */
static void
published_mos(void **state)
{
	static const struct {
		double r, mos;
	} rows[] = { { 90, 4.34 },
		     { 80, 4.03 },
		     { 70, 3.60 },
		     { 60, 3.10 },
		     { 50, 2.58 } };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		near(rtp_emodel_mos(rows[i].r), rows[i].mos, 0.0061);
	near(rtp_emodel_mos(-5), 1, 1e-9);
	near(rtp_emodel_mos(0), 1, 1e-9);
	near(rtp_emodel_mos(3), 1, 1e-9);
	near(rtp_emodel_mos(100), 4.5, 1e-9);
	near(rtp_emodel_mos(120), 4.5, 1e-9);
}

/* Ie,eff by hand from the Ie and Bpl of G.113 appendix I; and beside it what
 * was measured with random loss (the appendix of 2002, table I.2), which is
 * near. */
static void
published_loss(void **state)
{
	static const struct {
		const char *encoding;
		double loss, ie_eff, measured; /* -1: none was */
	} rows[] = {
		{ "PCMA", 0, 0, 0 },
		{ "PCMA", 1, 95 / 26.1, 5 },
		{ "PCMU", 2, 190 / 27.1, 7 },
		{ "PCMU", 3, 285 / 28.1, 10 },
		{ "PCMU", 5, 475 / 30.1, 15 },
		{ "PCMU", 10, 950 / 35.1, 25 },
		{ "G729", 0, 11, 11 },
		{ "G729", 1, 11 + 84 / 20., 15 },
		{ "G729", 2, 11 + 168 / 21., 19 },
		{ "G729", 4, 11 + 336 / 23., 26 },
		{ "G729", 8, 11 + 672 / 27., 36 },
		{ "G729", 10, 11 + 840 / 29., -1 },
		{ "G723", 0, 15, 15 },
		{ "G723", 2, 15 + 160 / 18.1, 24 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double ie_eff = 93.2 - r_of(rows[i].encoding, rows[i].loss, 1);

		near(ie_eff, rows[i].ie_eff, 1e-9);
		if (rows[i].measured >= 0)
			near(ie_eff, rows[i].measured, 3);
	}
}

/* G.107 equation 7-29: the same loss in runs twice as long. */
static void
bursts(void **state)
{
	near(93.2 - r_of("PCMU", 5, 2), 475 / 27.6, 1e-9);
	near(93.2 - r_of("G729", 4, 4), 11 + 336 / 20., 1e-9);
}

static void
more_loss_is_never_better(void **state)
{
	static const char *const encodings[] = { "pcma", "G729", "G723",
						 "GSM-EFR" };
	size_t i;
	int loss;

	for (i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		double before = 5, burst_before = 5;

		for (loss = 0; loss <= 1000; loss++) {
			double tenth = loss / 10.;
			double mos =
			    rtp_emodel_mos(r_of(encodings[i], tenth, 1));
			double burst =
			    rtp_emodel_mos(r_of(encodings[i], tenth, 3));

			assert_true(mos <= before && burst <= burst_before);
			assert_true(burst <= mos && burst >= 1);
			before = mos;
			burst_before = burst;
		}
	}
}

static void
what_is_not_known(void **state)
{
	static const char *const none[] = { "G722", "opus",    "AMR-WB",
					    "",     "unknown", "L16" };
	struct rtp_impairment impairment;
	double r;
	size_t i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(rtp_emodel_impairment(none[i], &impairment));
	assert_true(rtp_emodel_impairment("GSM", &impairment));
	assert_true(rtp_emodel_r(&impairment, 0, 1, &r));
	near(r, 73.2, 1e-9);
	assert_false(rtp_emodel_r(&impairment, 0.1, 1, &r));
}

static void
out_of_range(void **state)
{
	near(r_of("PCMA", -3, 1), 93.2, 1e-9);
	near(r_of("PCMA", 200, 1), r_of("PCMA", 100, 1), 1e-9);
	near(r_of("PCMA", 5, 0), r_of("PCMA", 5, 1), 1e-9);
	near(r_of("PCMA", 5, 99), r_of("PCMA", 5, 8), 1e-9);
	near(r_of("PCMA", NAN, NAN), 93.2, 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_connection),
		cmocka_unit_test(published_mos),
		cmocka_unit_test(published_loss),
		cmocka_unit_test(bursts),
		cmocka_unit_test(more_loss_is_never_better),
		cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
