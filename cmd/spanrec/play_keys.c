/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a terminal sends for the keys of the player. */
#include "cmd/spanrec/play_priv.h"

#include <string.h>

#define ESCAPE '\033'

static const struct {
	const char *bytes;
	enum spanrec_key key;
} keys[] = {
	{ " ", SPANREC_KEY_PAUSE },
	{ "p", SPANREC_KEY_PAUSE },
	{ "q", SPANREC_KEY_QUIT },
	{ "Q", SPANREC_KEY_QUIT },
	{ "\003", SPANREC_KEY_QUIT }, /* Control-C */
	{ "\004", SPANREC_KEY_QUIT }, /* Control-D */
	{ "\034", SPANREC_KEY_QUIT }, /* Control-\ */
	{ "[", SPANREC_KEY_SLOWER },
	{ "]", SPANREC_KEY_FASTER },
	/* arrows, in the normal and the application mode of a keypad */
	{ "\033[D", SPANREC_KEY_BACK },
	{ "\033OD", SPANREC_KEY_BACK },
	{ "\033[C", SPANREC_KEY_FORWARD },
	{ "\033OC", SPANREC_KEY_FORWARD },
	/* Page Up and Page Down */
	{ "\033[5~", SPANREC_KEY_FAR_BACK },
	{ "\033[6~", SPANREC_KEY_FAR_FORWARD },
};

/* ECMA-48: ESC [ parameters, and a byte from @ to ~; ESC O and one byte. */
static bool
is_complete(const struct spanrec_keyboard *keyboard)
{
	char last = keyboard->held[keyboard->count - 1];

	if (keyboard->held[0] != ESCAPE)
		return true;
	switch (keyboard->count) {
	case 1:
		return false;
	case 2:
		return last != '[' && last != 'O';
	default:
		return keyboard->held[1] == 'O' || (last >= '@' && last <= '~');
	}
}

enum spanrec_key
spanrec_keyboard_byte(struct spanrec_keyboard *keyboard, char byte)
{
	size_t i, n;

	/* whatever came before, it begins anew here */
	if (byte == ESCAPE)
		keyboard->count = 0;
	keyboard->held[keyboard->count++] = byte;
	if (!is_complete(keyboard)) {
		/* too long for any key that is meant for us */
		if (keyboard->count == sizeof(keyboard->held))
			keyboard->count = sizeof(keyboard->held) - 1;
		return SPANREC_KEY_NONE;
	}
	n = keyboard->count;
	keyboard->count = 0;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].bytes) == n &&
		    !memcmp(keys[i].bytes, keyboard->held, n))
			return keys[i].key;
	}
	return SPANREC_KEY_NONE;
}
