/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A terminal. While it is ours it sends keys at once and shows none of them,
 * and signals that would end us are read like keys: so it is given back as it
 * was whatever ends the player.
 */
#include "cmd/spanrec/play_priv.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cmd/common/log.h"

#define REDRAW_NS INT64_C(100000000)
#define COLUMNS   80

struct spanrec_terminal {
	struct spanrec_line line;
	bool has_keys, has_line, utf8, killed;
	struct termios before;
	sigset_t signals_before;
	int signals; /**< signalfd */
	struct spanrec_keyboard keyboard;
	struct spanrec_playing drawn;
	int64_t drawn_ns;
};

/* ---- keys -------------------------------------------------------------- */

/* @return 0, -errno */
static int
take_signals(struct spanrec_terminal *terminal)
{
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	sigaddset(&stops, SIGQUIT);
	terminal->signals = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
	if (terminal->signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &stops, &terminal->signals_before);
	return 0;
}

static void
take_keys(struct spanrec_terminal *terminal)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &raw) < 0)
		return;
	terminal->before = raw;
	if (take_signals(terminal) < 0)
		return;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	terminal->has_keys = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void
give_keys_back(struct spanrec_terminal *terminal)
{
	if (!terminal->has_keys)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
	close(terminal->signals);
	sigprocmask(SIG_SETMASK, &terminal->signals_before, NULL);
}

static enum spanrec_key
wait_without_keys(int wait_ms)
{
	if (wait_ms)
		poll(NULL, 0, wait_ms);
	return SPANREC_KEY_NONE;
}

/* A signal that came is taken, so that it does not end us later. */
static bool
was_signalled(struct spanrec_terminal *terminal)
{
	struct signalfd_siginfo info;

	while (read(terminal->signals, &info, sizeof(info)) > 0)
		terminal->killed = true;
	return terminal->killed;
}

enum spanrec_key
spanrec_terminal_key(struct spanrec_terminal *terminal, int wait_ms)
{
	struct pollfd from[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				  { .fd = terminal->signals,
				    .events = POLLIN } };
	enum spanrec_key key = SPANREC_KEY_NONE;
	char byte;

	if (!terminal->has_keys)
		return wait_without_keys(wait_ms);
	if (poll(from, 2, wait_ms) <= 0)
		return SPANREC_KEY_NONE;
	if (was_signalled(terminal))
		return SPANREC_KEY_QUIT;
	while (key == SPANREC_KEY_NONE && read(STDIN_FILENO, &byte, 1) == 1)
		key = spanrec_keyboard_byte(&terminal->keyboard, byte);
	/* the terminal is gone, and its signal is under way */
	if (key == SPANREC_KEY_NONE && (from[0].revents & (POLLHUP | POLLERR)))
		key = SPANREC_KEY_QUIT;
	return key;
}

/* ---- the line ---------------------------------------------------------- */

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
draw(const char *text, size_t n)
{
	while (n) {
		ssize_t done = write(STDERR_FILENO, text, n);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
}

static int
columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return COLUMNS;
}

void
spanrec_terminal_show(struct spanrec_terminal *terminal,
		      const struct spanrec_playing *playing)
{
	char text[SPANREC_LINE_BYTES], line[SPANREC_LINE_BYTES + 16];
	int64_t now_ns = clock_ns();
	int n;

	/* what somebody did is shown at once */
	if (!terminal->has_line || (now_ns < terminal->drawn_ns + REDRAW_NS &&
				    playing->paused == terminal->drawn.paused &&
				    playing->speed == terminal->drawn.speed))
		return;
	spanrec_line_text(&terminal->line, playing, columns(), terminal->utf8,
			  text);
	/* to the left, the text, nothing behind it */
	n = snprintf(line, sizeof(line), "\r%s\033[K", text);
	draw(line, (size_t)n);
	terminal->drawn = *playing;
	terminal->drawn_ns = now_ns;
}

/* ---- both -------------------------------------------------------------- */

int
spanrec_terminal_new(struct spanrec_terminal **terminal,
		     const struct spanrec_line *line)
{
	const char *term = getenv("TERM");
	struct spanrec_terminal *t = calloc(1, sizeof(*t));

	*terminal = t;
	if (!t)
		return -ENOMEM;
	t->line = *line;
	t->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	t->has_line = !line->quiet && isatty(STDERR_FILENO) && term &&
		      strcmp(term, "dumb") != 0;
	take_keys(t);
	if (t->has_keys && t->has_line)
		log_info("space pause, arrows 5 s, pages 30 s, [ ] speed, q "
			 "quit");
	return 0;
}

void
spanrec_terminal_free(struct spanrec_terminal **terminal)
{
	if (!*terminal)
		return;
	if ((*terminal)->has_line)
		draw("\r\033[K", 4);
	give_keys_back(*terminal);
	free(*terminal);
	*terminal = NULL;
}

bool
spanrec_terminal_killed(const struct spanrec_terminal *terminal)
{
	return terminal->killed;
}
