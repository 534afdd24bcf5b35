/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Payloads of speech and what others make of them: ffmpeg 5.1 of G.722, GSM,
 * L16, Speex and Opus, the codec's own library of G.729 and AMR, and the blocks
 * of the Recommendation written down in another language of G.726.
 */
#include "rtp/decoder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define PAYLOADS_MAX 3
#define POINTS       24

static const struct vector {
	struct rtp_format format;
	const char *payloads[PAYLOADS_MAX];
	uint32_t sample_hz;
	size_t samples;
	size_t first, step; /* where the points are */
	int off;            /* they may be: floating point */
	int16_t points[POINTS];
} vectors
    [] = {
	    { { .encoding = "G722", .clock_hz = 8000, .channels = 1 },
	      { "942185218620a028a92bad2daeb070f1f375f87a9e59d65351904f9010d052d454d75a9c1edffb3bfb78f4f2b23171f1f172f23574b4f676ba79f936b6f8f2fa7b7ed99d9358d1901152d6d358579817",
		"df5edddffb7a7ef676b430f1317271f3f4f2f474f577bb3db53fbd68d56d7a9c7d977dd652db52d359529c52dc5894dc9ddffff8fa7ff573b7b7ee33fc6afc2df9f3f9f936f9ffb55cbd2cb8d2e5537a",
		"1f1b7fd1fe5258d5d85b167f175ddb7df9d9331eb9b2ff6ffbf66f7e75ed7cf4f07c3d74fd7495313a93e4d272bdd6f7549c5bd9dd575cdb1b7ad6bb95f657f1ddb6dd73be7c33795f69d9b9f0fa5b31" },
	      16000,
	      480,
	      19,
	      20,
	      0,
	      { -880,  6773,   -6849, -10746, 5040,   8584,   4858,  -12062,
		-5554, 9064,   5779,  67,     -12437, 763,    10484, 2292,
		-5518, -11542, 6490,  9181,   2088,   -11255, -5826, 7680 } },
	    { { .encoding = "GSM", .clock_hz = 8000, .channels = 1 },
	      { "d4198ba5a250147923492724584c56de841725a40cc96c73500b6128ad6d8dbb00",
		"d3589e2591bf242cbfdeb31e5e8600a3565d5bbf273e4df1a6e461e43b382ef89f" },
	      8000,
	      320,
	      12,
	      13,
	      0,
	      { 2528,   -12440, 3752, 2984,   -3728,  -7584, 9048, 3760,
		-11992, 1168,   8720, 848,    -11352, 8584,  2728, -6656,
		-2456,  8728,   1744, -12536, 3480,   5952,  2936, -7704 } },
	    { { .encoding = "G726-16", .clock_hz = 8000, .channels = 1 },
	      { "555555c5aafbfeff03450401d00d74fffabeff3f101101710cc7f1afb82cf2cc74c7c10d30c7fdbb" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 124,  916,  -3452, -10952, -9052, -716, 9688,  9504,
		4404, 6316, -7872, -14484, -8384, 2260, 10324, 8912,
		4316, 3100, -8620, -10888, -6000, 5104, 10940, 7216 } },
	    { { .encoding = "AAL2-G726-16", .clock_hz = 8000, .channels = 1 },
	      { "55555553aaefbfffc051104007701dffafbefffc0444404d30d34ffa2e388f331dd343700cd37fee" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 124,  916,  -3452, -10952, -9052, -716, 9688,  9504,
		4404, 6316, -7872, -14484, -8384, 2260, 10324, 8912,
		4316, 3100, -8620, -10888, -6000, 5104, 10940, 7216 } },
	    { { .encoding = "G726-24", .clock_hz = 8000, .channels = 1 },
	      { "dbb66ddbb6c465dbb66d6dfb7f22698aa44489922b526297a65bd7b56dfff9124952a4444f72adbb63bba66dd7eeefe75f22e94b1259cf9d39eaefd6" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 152,  2048, -4136, -11984, -9872, -100, 7140,  9476,
		5036, 4876, -6620, -13040, -8004, 2788, 9728,  8964,
		3856, 3320, -9240, -11968, -5376, 4456, 10284, 8080 } },
	    { { .encoding = "AAL2-G726-24", .clock_hz = 8000, .channels = 1 },
	      { "6db6db6db64eb2db6db6edb7fc949345244a2513d1489dacd35baebb6dbf3d929248a44ae49e9d7f1db5d36daed7fdcfec94976492b2e7e2f157fd6e" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 152,  2048, -4136, -11984, -9872, -100, 7140,  9476,
		5036, 4876, -6620, -13040, -8004, 2788, 9728,  8964,
		3856, 3320, -9240, -11968, -5376, 4456, 10284, 8080 } },
	    { { .encoding = "G726-32", .clock_hz = 8000, .channels = 1 },
	      { "77777777773312dfab9ababacbcbdded1f2154454554343423132324443fdd9b9bbacabbbdeced1e112545454434343322316cb4f6fe1bc99dcccdcbbddfffe2421664222514335e2e1f7ffeb4e1cefb" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 416,  5800, -3648, -13540, -9984, -404, 7608,  9584,
		5612, 4740, -6120, -13816, -8052, 2220, 9280,  8808,
		3876, 3272, -8952, -12276, -5508, 4516, 10136, 7608 } },
	    { { .encoding = "AAL2-G726-32", .clock_hz = 8000, .channels = 1 },
	      { "77777777773321fdbaa9ababbcbcdddef1124554544543433231324244f3ddb9b9abacbbdbcedee111525454444343332213c64b6fefb19cd9ccdcbcdbfdff2e24614622524133e5e2f1f7ef4b1eecbf" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 416,  5800, -3648, -13540, -9984, -404, 7608,  9584,
		5612, 4740, -6120, -13816, -8052, 2220, 9280,  8808,
		3876, 3272, -8952, -12276, -5508, 4516, 10136, 7608 } },
	    { { .encoding = "G726-40", .clock_hz = 8000, .channels = 1 },
	      { "efbdf7de7bef3d75c8cfd7d65aadbd17e7acf5ee5e0c720e4a08a1838c41a49851082206fdb277a698da6bf1cd19ebbd3927611c83d049e79c630e318504a353ba8bf78f07ddb9e29cf3d5db7efefff8e39c631641872471ca47bc7cf1db15ab16de71e6" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 524,  5804, -3244, -13504, -10360, -500, 7980,  10264,
		5684, 4932, -6484, -14436, -8300,  2404, 9804,  9192,
		4092, 3532, -9512, -13536, -5956,  4904, 11212, 8528 } },
	    { { .encoding = "AAL2-G726-40", .clock_hz = 8000, .channels = 1 },
	      { "7bdef7bdef7bdea393f9bdab5adad7be339d6b7df086439d0942107418c8214c329104323e5def34c52d7b62f9ce35bdf38408ce6420e939ce731c8629026d25375f3bfc0e9bcd719ce6faddbfcffc7f19ce732c8839122397e8e17e2fb6e25d4bcee33c" },
	      8000,
	      160,
	      5,
	      6,
	      0,
	      { 524,  5804, -3244, -13504, -10360, -500, 7980,  10264,
		5684, 4932, -6484, -14436, -8300,  2404, 9804,  9192,
		4092, 3532, -9512, -13536, -5956,  4904, 11212, 8528 } },
	    { { .encoding = "L16", .clock_hz = 8000, .channels = 1 },
	      { "255823f62327211e1eef1bd91d121b7c19731b1d18b216ab13e50ec60a8e0288fabaf25ee95be0ced904d39bce93cbe2c97fca9dcbdcce09d3ced7b1de4ee4fb" },
	      8000,
	      32,
	      0,
	      1,
	      0,
	      { 9560,  9206,  8999,  8478,  7919,  7129,   7442,   7036,
		6515,  6941,  6322,  5803,  5093,  3782,   2702,   648,
		-1350, -3490, -5797, -7986, -9980, -11365, -12653, -13342 } },
	    { { .encoding = "G729", .clock_hz = 8000, .channels = 1 },
	      { "e98848c000fadd5781fc91795311e055b1aa41a9a20e5436f89f716bd1be",
		"0abc5555fabf54317a8108ab554a376730423e7322131515e099f31e10b9",
		"793d565a81554d3d07f1080a550e780f731b41e72a6b54e31599f103bab90a0b559e1461522e05c1682bd547d50e7031468911b955080fee727f853f" },
	      8000,
	      960,
	      39,
	      40,
	      0,
	      { 0,     17,    473,    -2996, -8971, -6227, -3723, 6736,
		11550, 4290,  -10091, -2883, -7216, 2600,  11097, 6428,
		-3477, -6681, -9425,  -1666, 10076, 9755,  -1293, -7623 } },
	    { { .encoding = "AMR",
		.clock_hz = 8000,
		.channels = 1,
		.parameters = "octet-align=0" },
	      { "f06af7d5c3fa1b7ee8805c712a00",
		"f861079f9d57ae5ff99f0bba18040daf3abd5ec707515159e50e4e76155abea38698ba02b08900" },
	      8000,
	      640,
	      25,
	      26,
	      0,
	      { -8,     0,    256,   -80,   976,   -2608, 1056,  424,
		-7392,  7792, -9416, 9848,  -4680, 9904,  -7760, 7096,
		-10632, 1128, 1280,  -7208, 8864,  -5584, 10536, -4576 } },
	    { { .encoding = "AMR",
		.clock_hz = 8000,
		.channels = 1,
		.parameters = "octet-align=1" },
	      { "f004abdf570fe86dfba20171c4a8",
		"f0848404e7e755eb97fe67c2ee860102b5e757abd8e0ea2a2b3ca1c8e76155abea38698ba02b0890" },
	      8000,
	      640,
	      25,
	      26,
	      0,
	      { -8,     0,    256,   -80,   976,   -2608, 1056,  424,
		-7392,  7792, -9416, 9848,  -4680, 9904,  -7760, 7096,
		-10632, 1128, 1280,  -7208, 8864,  -5584, 10536, -4576 } },
	    { { .encoding = "AMR",
		.clock_hz = 8000,
		.channels = 1,
		.parameters = "octet-align=0" },
	      { "f3c0858b22376a79733b35aebdc1d10db000010f83a982dc00001e0852f7d03c",
		"fbef3c2605bee67908f93c0b1a1cf2264b4c16d3a73e2e4c978f105fbaa7e54be441822064678fff01e6cba9f73a98578e07c66fd6cdebe71b23e430c8674bd02605bfe6783fc6b4de19618462fa7c4c6b3e6b5925251138ed7f069389cf40" },
	      8000,
	      640,
	      25,
	      26,
	      0,
	      { 0,     -80,  536,   -7808, 9344,  -9592, 2064,  -1376,
		-6544, 8096, -5424, 10760, -3328, 8688,  -9336, 3848,
		-9096, -920, 3392,  -7232, 7520,  -5720, 10984, -4704 } },
	    { { .encoding = "AMR",
		.clock_hz = 8000,
		.channels = 1,
		.parameters = "octet-align=1" },
	      { "f03c02162c88dda9e5ccecd6baf7074436c000043e0ea60b70000078214bdf40f0",
		"f0bcbc3c09816fb99e423e4f02c6873c8992d305b4e9cf8b9325e3c417eea9f952f910060881919e3ffc079b2ea7dcea615e381f19bf5b37af9c6c8f90c3219d2f4009816ff99e0ff1ad3786586118be9f131acf9ad64949444e3b5fc1a4e273d0" },
	      8000,
	      640,
	      25,
	      26,
	      0,
	      { 0,     -80,  536,   -7808, 9344,  -9592, 2064,  -1376,
		-6544, 8096, -5424, 10760, -3328, 8688,  -9336, 3848,
		-9096, -920, 3392,  -7232, 7520,  -5720, 10984, -4704 } },
	    { { .encoding = "AMR-WB",
		.clock_hz = 16000,
		.channels = 1,
		.parameters = "octet-align=0" },
	      { "f06a917a85bd56d068e9ce9f5a6e327a2064",
		"f841a18afe103bf692783166a46884ef4c991aac5f76ff5a4b825f0086c7a21cebbcc2" },
	      16000,
	      960,
	      39,
	      40,
	      0,
	      { -4,    0,     1460, 484,    3684,   -9184, 7472,  -9036,
		8860,  -1472, 3364, 2872,   -12716, 9068,  -5024, 7476,
		-3336, -188,  1416, -14196, 8580,   1288,  6464,  -3576 } },
	    { { .encoding = "AMR-WB",
		.clock_hz = 16000,
		.channels = 1,
		.parameters = "octet-align=1" },
	      { "f004aa45ea16f55b41a3a73a7d69b8c9e88190",
		"f08404a18afe103bf692783166a46884ef4c9910aac5f76ff5a4b825f0086c7a21cebbcc20" },
	      16000,
	      960,
	      39,
	      40,
	      0,
	      { -4,    0,     1460, 484,    3684,   -9184, 7472,  -9036,
		8860,  -1472, 3364, 2872,   -12716, 9068,  -5024, 7476,
		-3336, -188,  1416, -14196, 8580,   1288,  6464,  -3576 } },
	    { { .encoding = "AMR-WB",
		.clock_hz = 16000,
		.channels = 1,
		.parameters = "octet-align=0" },
	      { "f17d93aaae7dded110e64aa3fc413cae3b137733371159951933595971239f5718",
		"f945be74a5d83e530b7ec940ef552a0dc2aa681e5e446b0fbe15a2e0c8c02c1e445df0a57f99b81eab56c42799db7ed4deafd4656cc6db6ba2fcd368b87c4bb840c0" },
	      16000,
	      960,
	      39,
	      40,
	      0,
	      { -4,    0,     -80,  272,    3060,   -9624, 7796,  -9372,
		9244,  -1348, 820,  812,    -11192, 8744,  -4340, 7708,
		-1028, -1664, 4768, -14964, 8568,   628,   4296,  -1524 } },
	    { { .encoding = "AMR-WB",
		.clock_hz = 16000,
		.channels = 1,
		.parameters = "octet-align=1" },
	      { "f014f64eaab9f77b4443992a8ff104f2b8ec4ddcccdc45665464cd6565c48e7d5c60",
		"f09414be74a5d83e530b7ec940ef552a0dc2aa681e5e446b0fbe15a2e0c8c02c1e4458be14aff33703d56ad884f33b6fda9bd5fa8cad98db6d745f9a6d170f89770818" },
	      16000,
	      960,
	      39,
	      40,
	      0,
	      { -4,    0,     -80,  272,    3060,   -9624, 7796,  -9372,
		9244,  -1348, 820,  812,    -11192, 8744,  -4340, 7708,
		-1028, -1664, 4768, -14964, 8568,   628,   4296,  -1524 } },
	    { { .encoding = "speex", .clock_hz = 8000, .channels = 1 },
	      { "29db319d5800007fffffffffff82a1d012f2e6fe648f57917434e3ad7ac783cb7bb5256f6ad205f8143ec8a67e54c23dbe6ea273f63c781f9ed31afd8bd1d025b9",
		"20509d53dd9e848d0639dbdd822fc1a3fa9af09d97bfcaac0acffd520508159c6f45660a039d8bf2bccf483fff35c191f03ffdba089436" },
	      8000,
	      640,
	      25,
	      26,
	      2,
	      { 0,     -3,    -3,    -6031, -2248,  2808,   -5743, 12039,
		-5754, 13147, -8542, 6574,  -10303, -138,   -428,  -6549,
		10517, -6324, 9667,  -1825, 9809,   -10844, 5506,  -7056 } },
	    { { .encoding = "speex", .clock_hz = 16000, .channels = 1 },
	      { "29db319db800007fffffffffff81a1fffff1b352f4c3558ba5ced37436e7904ce25e0b7f0e5abb60b5ad62b02d60a5a020a08aa285f9003b5395fbe1403d63cc99eafb3d3bbead924cf07e3b176275677e7e473a3be08876ad978f4b1d47",
		"20509d53f8ab5c593633e88978edf203e74cc8b5d4a3fb984fefb5892ffa4af320508163db82169ede73d7cd2341ed73e88234cc3743ffa3507455a99cf95ab7" },
	      16000,
	      1280,
	      52,
	      53,
	      2,
	      { 0,     0,     7,     -694,   -8972,  6478,   -8068, -1434,
		5435,  -3328, 13232, -10913, 9118,   -13082, 1996,  2205,
		-5280, 8088,  112,   9117,   -13512, 7392,   -8164, -888 } },
	    { { .encoding = "speex", .clock_hz = 32000, .channels = 1 },
	      { "29ce639eb800007fffffffffff898dffffffcfde2bc0bd99e759ff55f72798ad440d095223eabb61b5ad62b5ab60116d6011b8193b61da0b285f9003b53e43d835cdda97ff9e71fcb400b5fedacf07fe5785915ec567d3f4878ef26484ba78f0d0c5909330f2c5bce44d862938874275",
		"2850ec05553ec7d41a500456b09fafe985afc3b679cf37d243fdfadb3ea7ce79be31a4d3653a9d546c2c02ce1bc32223e3752cb93b6bd67428508c02563d5fa5342796ac1f9e6fc3b5ef365d980fffdc0a9cc6a0aae7d3da590755b54f6a9df1cd7fb13176f1c8a951a88d9938d9571b" },
	      32000,
	      2560,
	      105,
	      106,
	      2,
	      { 0,      0,      -1,     33,     488,   3294,  -146,  11542,
		-11065, 10051,  -13810, 1953,   -1717, -3427, 8430,  -1858,
		9569,   -12809, 7053,   -10585, -469,  2674,  -3433, 8247 } },
	    { { .encoding = "opus", .clock_hz = 48000, .channels = 2 },
	      { "4885070613f0a45ed3b7465da0c0d84fd3d47ace1d2035adb59df62fb2fcb74fc60f9aebdc96a0",
		"48b4d3e20b74cfa6774562d1248b4cbec084b7224cb4d7a083ede58ab531103a49861b4ca5cc312cf0",
		"48b5195007ca0e5294c3bc6713b1fe9356f377067e0d401e38" },
	      48000,
	      2880,
	      312,
	      107,
	      8,
	      { 9674, -9311,  4961,  3231,  -9928, 9897, -491,  -2054,
		5266, -11653, 10877, -1109, -8769, 8766, -1678, 2227,
		2635, -13085, 8000,  -1101, -6057, 8295, -882,  3441 } },
	    { { .encoding = "opus", .clock_hz = 48000, .channels = 2 },
	      { "78849d4613f0a45ed4c943d2621f7d4158c3c9e1c10329e3054c9f9c0509f4df42e52380ace775fc010febf62185c2fce38047d055a6fa2712c66bfa2392ff57ce55f430650ae49938b0b431",
		"78afdc170b822c63dda90a97fcb7d604fa0fe6b56e417a5051f1cc8f62571e669df0d80ace891eb50ab107b0b4a9053b5c3e99e96feb04bf9012b6eb29d51881f904a8",
		"78b05e9e1feed4ef34d0c1b71a0ac0dec6cac72b63586aee1de847ee36ee4eb4016a6d3a31085be087e5749d155b1be6edc5c6f97861b37818d22ccc8cf2c3b0a3" },
	      48000,
	      2880,
	      312,
	      107,
	      8,
	      { 12436, -5315,  140,  6204, -11426, 7606, 1525, -5615,
		7290,  -10156, 6694, 2476, -11721, 9045, 1892, -1679,
		5976,  -11850, 5297, 1693, -10037, 7659, 4770, -409 } },
    };
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static int16_t pcm[RTP_DECODER_SAMPLES_MAX];

/* An exact-size copy. */
static uint8_t *
from_hex(const char *hex, size_t *n)
{
	uint8_t bytes[512];

	*n = strlen(hex) / 2;
	assert_true(*n <= sizeof(bytes));
	for (size_t i = 0; i < *n; i++) {
		const char byte[3] = { hex[2 * i], hex[2 * i + 1] };

		bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return testing_copy(bytes, *n);
}

static size_t
decode_all(struct rtp_decoder *decoder, const struct vector *v)
{
	size_t done = 0, n;

	for (size_t i = 0; i < PAYLOADS_MAX && v->payloads[i]; i++) {
		uint8_t *payload = from_hex(v->payloads[i], &n);
		int r = rtp_decoder_decode(decoder, pcm + done,
					   v->samples - done, payload, n);

		assert_true(r > 0);
		done += (size_t)r;
		free(payload);
	}
	return done;
}

static struct rtp_decoder *
open_decoder(const struct vector *v)
{
	struct rtp_decoder *decoder;

	assert_true(rtp_decoder_knows(&v->format));
	assert_int_equal(rtp_decoder_open(&decoder, &v->format), 0);
	assert_int_equal(rtp_decoder_sample_hz(decoder), v->sample_hz);
	return decoder;
}

static void
known_sound(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct rtp_decoder *decoder = open_decoder(v);

		assert_int_equal(decode_all(decoder, v), v->samples);
		for (size_t p = 0; p < POINTS; p++) {
			int got = pcm[v->first + p * v->step];

			if (abs(got - v->points[p]) <= v->off)
				continue;
			fail_msg("%s, point %zu: %d, not %d",
				 v->format.encoding, p, got, v->points[p]);
		}
		rtp_decoder_close(&decoder);
	}
}

/* Cut anywhere, and with a byte more; then the whole one still decodes. */
static void
truncated(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct rtp_decoder *decoder = open_decoder(v);
		size_t n;
		uint8_t *whole = from_hex(v->payloads[0], &n);
		int samples = rtp_decoder_decode(
		    decoder, pcm, RTP_DECODER_SAMPLES_MAX, whole, n);

		assert_true(samples > 0);
		for (size_t cut = 0; cut <= n; cut++) {
			uint8_t *part = testing_copy(whole, cut);
			int r = rtp_decoder_decode(
			    decoder, pcm, RTP_DECODER_SAMPLES_MAX, part, cut);

			assert_true(r == -EBADMSG || r >= 0);
			assert_true(cut || r == 0);
			free(part);
		}
		assert_int_equal(
		    rtp_decoder_decode(decoder, pcm, (size_t)samples, whole, n),
		    samples);
		for (int room = 0; room < samples; room += 7) {
			pcm[room] = 12345;
			assert_int_equal(rtp_decoder_decode(decoder, pcm,
							    (size_t)room, whole,
							    n),
					 -ENOSPC);
			assert_int_equal(pcm[room], 12345);
		}
		free(whole);
		rtp_decoder_close(&decoder);
	}
}

static void
huge(void **state)
{
	uint8_t *payload = malloc(65536);

	for (size_t i = 0; i < VECTORS; i++) {
		struct rtp_decoder *decoder = open_decoder(&vectors[i]);

		for (int byte = 0; byte < 256; byte += 5) {
			int r;

			memset(payload, byte, 65536);
			r = rtp_decoder_decode(decoder, pcm,
					       RTP_DECODER_SAMPLES_MAX, payload,
					       65535);
			assert_true(r == -EBADMSG || r == -ENOSPC ||
				    (r >= 0 && r <= RTP_DECODER_SAMPLES_MAX));
			assert_int_equal(
			    rtp_decoder_decode(decoder, pcm,
					       RTP_DECODER_SAMPLES_MAX, payload,
					       65536),
			    -EBADMSG);
		}
		rtp_decoder_close(&decoder);
	}
	free(payload);
}

static double
power(size_t from, size_t n)
{
	double sum = 0;

	for (size_t i = from; i < from + n; i++)
		sum += (double)pcm[i] * pcm[i];
	return sum / (double)n;
}

/*
 * All that was asked for is written and nothing behind it; what is made up goes
 * on from the sound before, and ends; a decoder that has heard nothing has
 * nothing to make up.
 */
static void
concealed(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct rtp_decoder *decoder = open_decoder(v);
		const size_t ms = v->sample_hz / 1000;
		double before;

		rtp_decoder_conceal(decoder, pcm, 30 * ms, NULL, 0);
		assert_true(power(0, 30 * ms) < 100);
		rtp_decoder_close(&decoder);
		decoder = open_decoder(v);
		decode_all(decoder, v);
		before = power(0, v->samples);
		for (size_t n = 0; n < 70 * ms; n += 1 + n * 2) {
			pcm[n] = 12345;
			rtp_decoder_conceal(decoder, pcm, n, NULL, 0);
			assert_int_equal(pcm[n], 12345);
		}
		rtp_decoder_close(&decoder);
		decoder = open_decoder(v);
		decode_all(decoder, v);
		rtp_decoder_conceal(decoder, pcm, 400 * ms, NULL, 0);
		assert_true(power(0, 10 * ms) > before / 100);
		assert_true(power(380 * ms, 20 * ms) < before / 20);
		rtp_decoder_close(&decoder);
	}
}

static void
allocations_fail(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		struct rtp_decoder *decoder;
		unsigned nth = 0;
		int r;

		do {
			testing_fail_allocation(++nth);
			r = rtp_decoder_open(&decoder, &vectors[i].format);
			testing_fail_allocation(0);
			assert_true(r == 0 || r == -ENOMEM);
		} while (r);
		assert_true(nth > 1);
		rtp_decoder_close(&decoder);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sound),
		cmocka_unit_test(truncated),
		cmocka_unit_test(huge),
		cmocka_unit_test(concealed),
		cmocka_unit_test(allocations_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
