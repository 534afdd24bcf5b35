/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sound of the known calls as pictures. */
#include "cmd/spanrec/fixture_priv.h"

#include <png.h>

/* Text, cut into lines. */
static size_t
lines_of(char *text, char *lines[16])
{
	size_t n = 0;
	char *rest = text, *line;

	while (n < 16 && (line = strsep(&rest, "\n")) && *line)
		lines[n++] = line;
	return n;
}

/* From there on, so many of them. */
static void
assert_row(const char *line, size_t from, char letter, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_int_equal(line[from + i], letter);
}

#define LABEL 27 /* columns before the sound */
#define WIDTH 52

static void
test_sketch(void **state)
{
	const struct fixture *f = *state;
	char *text, *lines[16];
	/* the gap: from 0.98 to 1.2 of 3 seconds */
	size_t first = WIDTH * 98 / 300, last = WIDTH * 120 / 300;

	text = run(f, NOW, EXIT_DONE, "show %s-1 --waveform --purpose quality",
		   f->call[0]);
	assert_int_equal(lines_of(text, lines), 7);
	assert_has(lines[0], "-1, 2019-03-28 14:15:03 GMT, 0:03");
	assert_has(lines[1], "left 2750            peak  ");
	assert_has(lines[3], "right +441534440440  peak  ");
	assert_int_equal(strlen(lines[1]), LABEL + WIDTH);
	/* a little less than half of full scale, 14 bits; so is its mean */
	assert_row(lines[1], LABEL, '#', WIDTH - 1);
	assert_row(lines[2], LABEL, '#', WIDTH - 1);
	assert_row(lines[3], LABEL, '#', first);
	assert_row(lines[3], LABEL + first, 'x', last - first + 1);
	assert_row(lines[3], LABEL + last + 1, '#', WIDTH - last - 2);
	assert_row(lines[4], LABEL + first + 2, 'x', last - first - 2);
	assert_has(lines[5], "|14:15:03 ");
	assert_string_equal(lines[6], "x loss: 1, 0.220 s");
	free(text);

	/* the whole call; and as other ways to say it */
	text = run(f, NOW, EXIT_DONE, "show --waveform=- %s --purpose quality",
		   f->call[0]);
	assert_has(text, f->call[0]);
	assert_has(text, ", 0:06\n");
	free(text);
	free(run(f, NOW, EXIT_DONE, "show %s --waveform - --purpose quality",
		 f->call[0]));
}

static void
test_svg(void **state)
{
	const struct fixture *f = *state;
	char path[512];
	struct stat st;
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "%s/a.svg", f->folder);
	free(run(f, NOW, EXIT_DONE, "show %s-1 --waveform %s --purpose quality",
		 f->call[0], path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	bytes = testing_read_file(path, &n);
	bytes = realloc(bytes, n + 1);
	assert_non_null(bytes);
	bytes[n] = '\0';
	assert_has((char *)bytes, "<svg xmlns=");
	assert_has((char *)bytes, ">left 2750</text>");
	assert_has((char *)bytes, ">right +441534440440</text>");
	assert_has((char *)bytes, ">14:15:04</text>");
	assert_has((char *)bytes, ">loss: 1, 0.220 s</text>");
	/* from 0.98 s on, 900 columns are 3 s */
	assert_has((char *)bytes,
		   "<rect x=\"314\" y=\"200\" width=\"67\" height=\"120\" "
		   "fill=\"#d62728\"><title>right: loss, 0.220 s</title>");
	assert_has((char *)bytes, "</svg>\n");
	free(bytes);
}

/* Read back by libpng: a lane of sound, and the gap in its colour. */
static void
test_png(void **state)
{
	const struct fixture *f = *state;
	png_image image = { .version = PNG_IMAGE_VERSION };
	char path[512];
	uint8_t *pixels;

	snprintf(path, sizeof(path), "%s/a.png", f->folder);
	free(run(f, NOW, EXIT_DONE, "show --waveform %s %s-1 --purpose quality",
		 path, f->call[0]));
	assert_true(png_image_begin_read_from_file(&image, path));
	assert_int_equal(image.width, 940);
	image.format = PNG_FORMAT_RGB;
	pixels = malloc(PNG_IMAGE_SIZE(image));
	assert_non_null(pixels);
	assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
#define PIXEL(x, y) (pixels + 3 * ((y)*940 + (x)))
	assert_memory_equal(PIXEL(100, 100), "\x31\x82\xBD", 3);
	assert_memory_equal(PIXEL(100, 55), "\xF2\xF2\xF2", 3);
	assert_memory_equal(PIXEL(313, 205), "\xF2\xF2\xF2", 3);
	assert_memory_equal(PIXEL(314, 205), "\xD6\x27\x28", 3);
	assert_memory_equal(PIXEL(380, 205), "\xD6\x27\x28", 3);
	assert_memory_equal(PIXEL(381, 205), "\xF2\xF2\xF2", 3);
	assert_memory_equal(PIXEL(330, 270), "\xD6\x27\x28", 3);
	assert_memory_equal(PIXEL(100, 270), "\x31\xA3\x54", 3);
	/* the L of "left" begins with an upright line */
	assert_memory_equal(PIXEL(22, 42), "\x22\x22\x22", 3);
#undef PIXEL
	free(pixels);
}

static void
deny_listening(struct store_segment *segment)
{
	segment->decision = STORE_LISTEN_DENY;
}

/* Seeing is hearing: the same purpose, the same entry, the same refusals. */
static void
test_rights(void **state)
{
	const struct fixture *f = *state;
	char path[512], id[STORE_SEGMENT_ID_BYTES], *text;

	snprintf(path, sizeof(path), "%s/a.svg", f->folder);
	free(run(f, NOW, EXIT_USAGE, "show %s --waveform", f->call[0]));
	free(run(f, NOW, EXIT_NOT_ALLOWED, "show %s --waveform --purpose fun",
		 f->call[0]));
	free(run(f, NOW, EXIT_USAGE, "show %s --waveform a.jpg --purpose abuse",
		 f->call[0]));
	free(run(f, NOW, EXIT_NOT_FOUND,
		 "show %s --waveform %s --purpose abuse", f->call[2], path));
	testing_write_file(path, "precious", 8);
	free(run(f, NOW, EXIT_FAILED, "show %s --waveform %s --purpose abuse",
		 f->call[0], path));
	text = run(f, NOW, EXIT_DONE, "show %s", f->call[0]);
	assert_has_not(text, "play by");
	free(text);
	free(run(f, NOW, EXIT_DONE,
		 "show %s --waveform %s --force --purpose dispute", f->call[0],
		 path));
	free(run(f, NOW, EXIT_DONE, "show %s --waveform --purpose training",
		 f->call[0]));
	text = run(f, NOW, EXIT_DONE, "show %s-2", f->call[0]);
	assert_has(text, ": purpose dispute, waveform to /");
	assert_has(text, ": purpose training, waveform\n");
	free(text);

	snprintf(id, sizeof(id), "%.27s-1", f->call[1]);
	edit(f, id, deny_listening);
	text = run(f, NOW, EXIT_NOT_ALLOWED,
		   "show %s --waveform --purpose abuse", id);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_sketch),
		FIXTURE_TEST(test_svg),
		FIXTURE_TEST(test_png),
		FIXTURE_TEST(test_rights),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
