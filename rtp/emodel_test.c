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

/* The parts of R that are not codec and loss. */
struct connection {
	double ro, is, id;
};

/* What a talker hears of his own echo. */
static double
talker_echo(double no, double t)
{
	const double telr = 65, rlr = 2;
	double terv = telr - 40 * log10((1 + t / 10) / (1 + t / 150)) +
		      6 * exp(-0.3 * t * t);
	double half = (-1.5 * (no - rlr) - (80 + 2.5 * (terv - 14))) / 2;

	return (half + sqrt(half * half + 100) - 1) * (1 - exp(-t));
}

/* ... a listener of his. */
static double
listener_echo(double ro, double t)
{
	const double wepl = 110;
	double half = (ro - 10.5 * (wepl + 7) * pow(2 * t + 1, -1. / 4)) / 2;

	return half + sqrt(half * half + 169);
}

/* ... and what waiting costs, for those whom it disturbs most. */
static double
long_delay(double t)
{
	double x = t > 100 ? log2(t / 100) : 0;

	return 25 * (pow(1 + pow(x, 6), 1. / 6) -
		     3 * pow(1 + pow(x / 3, 6), 1. / 6) + 2);
}

/* By the equations of G.107 with the defaults of its table 3.
 * @param t one way [ms] */
static struct connection
whole_model(double t)
{
	const double slr = 8, rlr = 2, ds = 3, stmr = 15, lstr = 18;
	const double telr = 65, qdu = 1, nc = -70, nfor = -64;
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
				   exp(-t / 4) * pow(10, -telr / 10));
	double ist = 12 * pow(1 + pow((stmro - 13) / 6, 8), 1. / 8) -
		     28 * pow(1 + pow((stmro + 1) / 19.4, 35), 1. / 35) -
		     13 * pow(1 + pow((stmro - 3) / 33, 13), 1. / 13) + 29;
	double q = 37 - 15 * log10(qdu);
	double g = 1.07 + 0.258 * q + 0.0602 * q * q;
	double y = (ro - 100) / 15 + 46 / 8.4 - g / 9;
	double z = 46. / 30 - g / 40;
	double iq = 15 * log10(1 + pow(10, y) + pow(10, z));

	return (struct connection){
		.ro = ro,
		.is = iolr + ist + iq,
		.id = talker_echo(no, t) + listener_echo(ro, t) + long_delay(t)
	};
}

/* G.107: "R = 93.2", of which 94.77 are Ro, 1.41 Is and 0.15 Id; by annex B
 * that is a MOS of 4.41. */
static void
default_connection(void **state)
{
	struct connection c = whole_model(0);

	near(c.ro, 94.77, 0.005);
	near(c.is, 1.41, 0.005);
	near(c.id, 0.15, 0.005);
	near(c.ro - c.is - c.id, RTP_EMODEL_R_DEFAULT, 0.06);
	near(r_of("PCMU", 0, 1), 93.2, 1e-9);
	near(rtp_emodel_mos(93.2), 4.41, 0.005);
}

/* A planner's example: 150 ms one way, by which a listener at a tap does not
 * go, and 2 % of random loss. */
static void
published_example(void **state)
{
	double delay = whole_model(150).id - whole_model(0).id;
	double g729 = r_of("G729", 2, 1), g711 = r_of("PCMA", 2, 1);

	near(whole_model(150).id, 3.8, 0.05);
	near(93.2 - g729, 19.0, 0.05);
	near(g729 - delay, 70.5, 0.1);
	near(rtp_emodel_mos(g729 - delay), 3.62, 0.01);
	near(93.2 - g711, 7.0, 0.05);
	near(g711 - delay, 82.5, 0.1);
	near(rtp_emodel_mos(g711 - delay), 4.12, 0.01);
	/* Nothing is lost by waiting up to 100 ms but by the echo. */
	near(long_delay(100), 0, 1e-9);
	assert_true(whole_model(400).id > 20);
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

/* Ie,eff by hand from the Ie and Bpl of G.113 appendix I; and beside it what it
 * was fitted to, by the appendix of 09/1999 (tables I.2 and I.3, random loss).
 * That of GSM-EFR is the farthest off, by 2.8 at 1 %. */
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
		{ "G729", 0.5, 11 + 42 / 19.5, 13 },
		{ "G729", 1, 11 + 84 / 20., 15 },
		{ "G729", 1.5, 11 + 126 / 20.5, 17 },
		{ "G729", 2, 11 + 168 / 21., 19 },
		{ "G729", 3, 11 + 252 / 22., 23 },
		{ "G729", 4, 11 + 336 / 23., 26 },
		{ "G729", 8, 11 + 672 / 27., 36 },
		{ "G729A", 10, 11 + 840 / 29., -1 },
		{ "g729ab", 10, 11 + 840 / 29., -1 },
		{ "G729", 16, 11 + 1344 / 35., 49 },
		{ "G723", 0, 15, 15 },
		{ "G723", 0.5, 15 + 40 / 16.6, 17 },
		{ "G723", 1, 15 + 80 / 17.1, 19 },
		{ "G723", 1.5, 15 + 120 / 17.6, 22 },
		{ "G723", 2, 15 + 160 / 18.1, 24 },
		{ "G723", 3, 15 + 240 / 19.1, 27 },
		{ "G723", 4, 15 + 320 / 20.1, 32 },
		{ "G723", 8, 15 + 640 / 24.1, 41 },
		{ "G723", 16, 15 + 1280 / 32.1, 55 },
		{ "GSM-EFR", 0, 5, 5 },
		{ "GSM-EFR", 1, 5 + 90 / 11., 16 },
		{ "GSM-EFR", 2, 5 + 180 / 12., 21 },
		{ "GSM-EFR", 3, 5 + 270 / 13., 26 },
		{ "GSM-EFR", 5, 5 + 450 / 15., 33 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double ie_eff = 93.2 - r_of(rows[i].encoding, rows[i].loss, 1);

		near(ie_eff, rows[i].ie_eff, 1e-9);
		if (rows[i].measured >= 0)
			near(ie_eff, rows[i].measured, 3);
	}
}

/* G.113 table I.1, of codecs that have no Bpl. */
static void
published_codecs(void **state)
{
	static const struct {
		const char *encoding;
		double ie;
	} rows[] = {
		{ "G726-40", 2 },       { "G726-32", 7 },
		{ "G726-24", 25 },      { "G726-16", 50 },
		{ "AAL2-G726-40", 2 },  { "AAL2-G726-32", 7 },
		{ "AAL2-G726-24", 25 }, { "AAL2-G726-16", 50 },
		{ "G728", 7 },          { "GSM", 20 },
		{ "GSM-HR-08", 23 },
	};
	struct rtp_impairment impairment;
	double r;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		near(r_of(rows[i].encoding, 0, 1), 93.2 - rows[i].ie, 1e-9);
		assert_true(
		    rtp_emodel_impairment(rows[i].encoding, &impairment));
		assert_false(rtp_emodel_r(&impairment, 0.1, 1, &r));
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
	static const char *const none[] = { "G722", "opus",  "AMR-WB", "AMR",
					    "iLBC", "speex", "SILK",   "L16",
					    "CN",   "",      "unknown" };
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
		cmocka_unit_test(published_example),
		cmocka_unit_test(published_mos),
		cmocka_unit_test(published_loss),
		cmocka_unit_test(published_codecs),
		cmocka_unit_test(bursts),
		cmocka_unit_test(more_loss_is_never_better),
		cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
