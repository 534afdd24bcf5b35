/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A canvas that writes SVG 1.1. */
#include "cmd/spanrec/waveform_priv.h"

#include <errno.h>
#include <stdlib.h>

struct svg {
	struct spanrec_canvas canvas; /**< first */
	FILE *to;
};

static FILE *
file_of(const struct spanrec_canvas *canvas)
{
	return ((const struct svg *)(const void *)canvas)->to;
}

/* XML 1.0 section 2.4; whatever it is, nothing in it is obeyed. */
static void
put_escaped(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		default:
			fputc(*text, to);
		}
	}
}

static void
svg_box(struct spanrec_canvas *canvas, const int at[4], uint32_t colour,
	const char *title)
{
	FILE *to = file_of(canvas);

	fprintf(to,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
		"fill=\"#%06x\"",
		at[0], at[1], at[2], at[3], (unsigned)colour);
	if (!title) {
		fputs("/>\n", to);
		return;
	}
	fputs("><title>", to);
	put_escaped(to, title);
	fputs("</title></rect>\n", to);
}

/* One pixel wide; a line without length is a pixel high. */
static void
svg_lines(struct spanrec_canvas *canvas, int x, const int *columns,
	  size_t count, uint32_t colour)
{
	FILE *to = file_of(canvas);
	size_t i;

	fprintf(to, "<path stroke=\"#%06x\" stroke-width=\"1\" d=\"",
		(unsigned)colour);
	for (i = 0; i < count; i++)
		fprintf(to, "M%zu.5 %dV%d", (size_t)x + i, columns[2 * i],
			columns[2 * i + 1] + 1);
	fputs("\"/>\n", to);
}

static void
svg_text(struct spanrec_canvas *canvas, const int at[2], uint32_t colour,
	 const char *text)
{
	FILE *to = file_of(canvas);

	fprintf(to, "<text x=\"%d\" y=\"%d\" fill=\"#%06x\">", at[0], at[1],
		(unsigned)colour);
	put_escaped(to, text);
	fputs("</text>\n", to);
}

static int
svg_finish(struct spanrec_canvas *canvas)
{
	FILE *to = file_of(canvas);
	int rc;

	errno = 0;
	fputs("</g>\n</svg>\n", to);
	rc = fflush(to) == EOF || ferror(to) ? (errno ? -errno : -EIO) : 0;
	free(canvas);
	return rc;
}

struct spanrec_canvas *
spanrec_canvas_svg(FILE *to, int width, int height)
{
	struct svg *svg = calloc(1, sizeof(*svg));

	if (!svg)
		return NULL;
	svg->canvas =
	    (struct spanrec_canvas){ svg_box, svg_lines, svg_text, svg_finish };
	svg->to = to;
	fprintf(to,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\">\n"
		"<g font-family=\"monospace\" font-size=\"10\">\n",
		width, height, width, height);
	return &svg->canvas;
}
