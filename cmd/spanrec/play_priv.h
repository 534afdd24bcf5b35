/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of play share beside player.h:
 *
 *   play.c         the command
 *   player.c       the player
 *   play_card.c    a sound card as its sink
 *   play_terminal.c
 *                  a terminal: its keys, and a line that is drawn over itself
 *   play_keys.c    bytes of a terminal -> keys
 *   play_line.c    what is played now -> a line of text
 */
#ifndef CMD_SPANREC_PLAY_PRIV_H
#define CMD_SPANREC_PLAY_PRIV_H

#include "cmd/spanrec/player.h"

/* ---- play_card.c --------------------------------------------------------- */

/** The sound card of the system, by ALSA. One at a time. */
struct spanrec_card;

/** @param sink its border, borrowed from the card @return 0, -ENOMEM */
int spanrec_card_new(struct spanrec_card **card,
		     const struct spanrec_sink **sink)
	__attribute__((warn_unused_result));
void spanrec_card_free(struct spanrec_card **card);

/* ---- play_keys.c --------------------------------------------------------- */

/** A row of bytes that is not complete yet. All zero: none. */
struct spanrec_keyboard {
	char held[8];
	size_t count;
};

/** What key a byte completes. */
enum spanrec_key spanrec_keyboard_byte(struct spanrec_keyboard *keyboard,
				       char byte);

/* ---- play_line.c --------------------------------------------------------- */

/** What the line tells of. All borrowed. */
struct spanrec_line {
	const struct spanrec_audio *audio; /**< the whole of it */
	const struct spanrec_marks *marks;
	bool quiet; /**< keys, but no line */
};

/** Room for a line of a terminal. */
#define SPANREC_LINE_BYTES 1024

/**
 * Levels, time, and what is missing here.
 *
 * @param columns of the terminal
 * @param utf8 whether it shows more than ASCII
 */
void spanrec_line_text(const struct spanrec_line *line,
		       const struct spanrec_playing *playing, int columns,
		       bool utf8, char text[SPANREC_LINE_BYTES]);

/* ---- play_terminal.c ----------------------------------------------------- */

struct spanrec_terminal;

/**
 * Take the terminal: keys are read as they are pressed, and the signals that
 * end a program become a key, so that it is given back as it was. Where there
 * is no terminal there are no keys, and no line.
 *
 * @return 0, -ENOMEM
 */
int spanrec_terminal_new(struct spanrec_terminal **terminal,
			 const struct spanrec_line *line)
	__attribute__((warn_unused_result));
void spanrec_terminal_free(struct spanrec_terminal **terminal);

/* as those of struct spanrec_player */
enum spanrec_key spanrec_terminal_key(struct spanrec_terminal *terminal,
				      int wait_ms);
void spanrec_terminal_show(struct spanrec_terminal *terminal,
			   const struct spanrec_playing *playing);

/** Was it a signal that ended it? */
bool spanrec_terminal_killed(const struct spanrec_terminal *terminal);

#endif
