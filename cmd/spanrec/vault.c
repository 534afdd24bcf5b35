/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The private key: where it is, the passphrase that it may be sealed by, and
 * saying in words why it does not open. */
#include "cmd/spanrec/spanrec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/spanrec/key_priv.h"

#define TRIES 3

const char *
spanrec_key_path(const struct spanrec *spanrec)
{
	return spanrec->key_option ? spanrec->key_option
				   : spanrec->home.key_path;
}

/* ---- passphrases ------------------------------------------------------- */

/* A byte at a time: what follows the line is not ours.
 * @return 0, -EMSGSIZE, -ECANCELED, -errno */
static int
read_line(int fd, struct store_passphrase *passphrase)
{
	ssize_t got;
	char c;

	passphrase->n = 0;
	for (;;) {
		got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0 || c == '\n')
			break;
		if (c == 3 && isatty(fd))
			return -ECANCELED;
		if (passphrase->n == sizeof(passphrase->text))
			return -EMSGSIZE;
		passphrase->text[passphrase->n++] = c;
	}
	if (passphrase->n && passphrase->text[passphrase->n - 1] == '\r')
		passphrase->n--;
	return 0;
}

static int
read_failed(const char *path, int error)
{
	if (error == -EMSGSIZE)
		log_error("the passphrase in %s is longer than %d bytes", path,
			  STORE_PASSPHRASE_BYTES);
	else if (error == -ECANCELED)
		log_error("no passphrase was given");
	else
		log_error("the passphrase in %s cannot be read: %s", path,
			  strerror(-error));
	return error == -ENOENT ? EXIT_FAILED : exit_code(error);
}

int
spanrec_passphrase_file(const char *path, struct store_passphrase *passphrase)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return read_failed(path, -errno);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IWGRP | S_IRWXO)))
		log_warning("the passphrase file %s can be read by everybody, "
			    "or written by others than its owner; mend that "
			    "with: chmod 600 %s",
			    path, path);
	r = read_line(fd, passphrase);
	close(fd);
	if (r)
		return read_failed(path, r);
	if (passphrase->n)
		return 0;
	log_error("%s holds no passphrase: its first line is empty", path);
	return EXIT_FAILED;
}

/* Without echo. A key that would stop us is read as one, so that the terminal
 * does not stay without it. */
static int
read_hidden(int fd, const char *prompt, struct store_passphrase *passphrase)
{
	struct termios before, hidden;
	sigset_t ends, masked;
	int r;

	if (tcgetattr(fd, &before))
		return -errno;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &masked);
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	r = tcsetattr(fd, TCSAFLUSH, &hidden) ? -errno : 0;
	(void)!write(fd, prompt, strlen(prompt));
	if (r == 0)
		r = read_line(fd, passphrase);
	(void)!write(fd, "\n", 1);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	sigprocmask(SIG_SETMASK, &masked, NULL);
	return r;
}

static int
no_terminal(const char *option)
{
	if (option)
		log_error("a new passphrase is needed, and there is no "
			  "terminal to ask for it: give %s F",
			  option);
	else
		log_error("a passphrase is needed, and there is no terminal to "
			  "ask for it: give --passphrase-file F, or set "
			  "'passphrase_file' in spanrec.yaml");
	return EXIT_NOT_ALLOWED;
}

/* From the terminal, without echo.
 * @param option of a file for a new one; NULL: it is that of a key that there
 * is
 * @return exit code */
static int
ask(const char *prompt, const char *option, struct store_passphrase *passphrase)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return no_terminal(option);
	r = read_hidden(fd, prompt, passphrase);
	close(fd);
	return r ? read_failed("/dev/tty", r) : 0;
}

int
spanrec_passphrase_new(const char *option, const char *file,
		       struct store_passphrase **passphrase)
{
	struct store_passphrase *again = store_passphrase_new();
	struct store_passphrase *p = store_passphrase_new();
	int rc = EXIT_FAILED;

	if (!p || !again)
		log_error("not enough memory");
	else if (file)
		rc = spanrec_passphrase_file(file, p);
	else
		rc = ask("New passphrase: ", option, p);
	if (!rc && !file)
		rc = ask("The same again: ", option, again);
	if (!rc && !file &&
	    (p->n != again->n || memcmp(p->text, again->text, p->n) != 0)) {
		log_error("these are two different passphrases; nothing was "
			  "changed");
		rc = EXIT_USAGE;
	} else if (!rc && !p->n) {
		log_error("an empty passphrase protects nothing; nothing was "
			  "changed");
		rc = EXIT_USAGE;
	}
	store_passphrase_free(&again);
	if (rc)
		store_passphrase_free(&p);
	*passphrase = p;
	return rc;
}

/* From a file, if there is one for this key. */
static const char *
passphrase_path(const struct spanrec *spanrec)
{
	if (spanrec->passphrase_option)
		return spanrec->passphrase_option;
	if (!spanrec->key_option && *spanrec->home.passphrase_path)
		return spanrec->home.passphrase_path;
	return NULL;
}

/* ---- opening it -------------------------------------------------------- */

/* Not an error: who may listen is a matter of the house. It may have a group
 * for that; nobody means everybody. */
static void
check_key_mode(const char *path)
{
	struct stat st;

	if (!stat(path, &st) && (st.st_mode & (S_IWGRP | S_IRWXO)))
		log_warning("the private key %s can be read by everybody, or "
			    "written by others than its owner, and who reads "
			    "it can listen to everything; mend that with: "
			    "chmod 600 %s, or 640 for a group of those who "
			    "listen",
			    path, path);
}

static int
wrong_passphrase(struct spanrec *spanrec, const char *path)
{
	return spanrec_deny(spanrec, "",
			    "the passphrase is wrong; the key %.150s is sealed "
			    "by another one",
			    path);
}

static int
open_asked(struct spanrec *spanrec, const char *path)
{
	char prompt[200];
	int rc, r = -EKEYREJECTED;

	snprintf(prompt, sizeof(prompt), "Passphrase of %.150s: ", path);
	for (int i = 0; i < TRIES && r == -EKEYREJECTED; i++) {
		if (i)
			log_error("the passphrase is wrong");
		rc = ask(prompt, NULL, spanrec->passphrase);
		if (rc)
			return rc;
		r = store_identity_open(&spanrec->identity, path,
					spanrec->passphrase);
	}
	if (r == -EKEYREJECTED)
		return wrong_passphrase(spanrec, path);
	return r ? spanrec_key_failed(spanrec, path, r) : 0;
}

/* @return exit code */
static int
open_sealed(struct spanrec *spanrec, const char *path)
{
	const char *file = passphrase_path(spanrec);
	int rc, r;

	if (!spanrec->passphrase)
		spanrec->passphrase = store_passphrase_new();
	if (!spanrec->passphrase) {
		log_error("not enough memory");
		return EXIT_FAILED;
	}
	if (!file)
		return open_asked(spanrec, path);
	rc = spanrec_passphrase_file(file, spanrec->passphrase);
	if (rc)
		return rc;
	r = store_identity_open(&spanrec->identity, path, spanrec->passphrase);
	if (r == -EKEYREJECTED)
		return wrong_passphrase(spanrec, path);
	return r ? spanrec_key_failed(spanrec, path, r) : 0;
}

/* "archive key 0123456789abcdef, escrow key ..." */
static void
wanted_words(struct spanrec *spanrec, char *text, size_t bytes)
{
	struct store_recipient recipients[STORE_RECIPIENTS_MAX];
	char fingerprint[STORE_FINGERPRINT_TEXT];
	int count = spanrec->archive
			? store_recipients(spanrec->archive, recipients)
			: 0;
	size_t n = 0;

	snprintf(text, bytes, "a key kept elsewhere");
	for (int i = 0; i < count && n < bytes; i++) {
		store_fingerprint_text(fingerprint, &recipients[i].pub);
		n += (size_t)snprintf(
		    text + n, bytes - n, "%s%s key %s", i ? " and " : "",
		    store_recipient_role_name(recipients[i].role), fingerprint);
	}
}

static int
key_missing(struct spanrec *spanrec, const char *path)
{
	char wanted[256];

	wanted_words(spanrec, wanted, sizeof(wanted));
	log_error("there is no private key here (%s): this archive is sealed "
		  "to %s; listen where that key is, or name it: --key FILE, or "
		  "'key:' in %s. If all copies of it are lost, nobody can "
		  "listen any more but who has an escrow key",
		  *path ? path : "none is named", wanted,
		  spanrec->home.settings_path);
	return EXIT_NOT_ALLOWED;
}

int
spanrec_key_failed(struct spanrec *spanrec, const char *path, int error)
{
	switch (error) {
	case -ENOENT:
		return key_missing(spanrec, path);
	case -EACCES:
		log_error("the private key %s may not be read by this user",
			  path);
		return EXIT_NOT_ALLOWED;
	case -EBADMSG:
		log_error("%s is not a private key of spanrec, or is damaged",
			  path);
		return EXIT_DAMAGED;
	default:
		log_error("the private key %s cannot be read: %s", path,
			  strerror(-error));
		return exit_code(error);
	}
}

/* ---- whose it is ------------------------------------------------------- */

/* What comes next may be for reading only: then it is entered if that can be.
 * @return exit code */
static int
enter_escrow(struct spanrec *spanrec, const char *fingerprint)
{
	struct store_ledger_entry entry = { .action = "key-escrow",
					    .time_ns = spanrec->now_ns };

	(void)snprintf(entry.detail, sizeof(entry.detail),
		       "escrow key %s was opened", fingerprint);
	log_warning("this is the escrow key %s: that it was used goes into the "
		    "ledger",
		    fingerprint);
	if (spanrec->beside || spanrec->writes)
		return spanrec_ledger_enter(spanrec, &entry);
	spanrec_ledger_note(spanrec, &entry);
	if (spanrec->archive)
		return 0;
	log_error("the ledger could not be written, so the escrow key is not "
		  "used");
	return EXIT_FAILED;
}

/* @return exit code */
static int
check_whose(struct spanrec *spanrec)
{
	struct store_recipient recipients[STORE_RECIPIENTS_MAX];
	char fingerprint[STORE_FINGERPRINT_TEXT], wanted[256];
	struct store_public pub;
	int count;

	if (!spanrec->archive)
		return 0;
	count = store_recipients(spanrec->archive, recipients);
	store_identity_public(spanrec->identity, &pub);
	store_fingerprint_text(fingerprint, &pub);
	for (int i = 0; i < count; i++) {
		if (memcmp(&recipients[i].pub, &pub, sizeof(pub)) != 0)
			continue;
		return recipients[i].role == STORE_RECIPIENT_ESCROW
			   ? enter_escrow(spanrec, fingerprint)
			   : 0;
	}
	wanted_words(spanrec, wanted, sizeof(wanted));
	log_warning("%s is key %s, but new recordings are sealed to %s: it "
		    "opens only what was sealed to it",
		    spanrec_key_path(spanrec), fingerprint, wanted);
	return 0;
}

int
spanrec_open_key(struct spanrec *spanrec, bool needed)
{
	const char *path = spanrec_key_path(spanrec);
	bool told = needed || spanrec->key_option;
	int r = store_identity_open(&spanrec->identity, path, NULL);

	if (r == 0)
		check_key_mode(path);
	/* Who did not ask for the key is not asked for its passphrase. */
	if (r == -ENOKEY && !told && !passphrase_path(spanrec))
		return 0;
	if (r == -ENOKEY) {
		int rc = open_sealed(spanrec, path);

		return rc ? rc : check_whose(spanrec);
	}
	if (!told && (r == -ENOENT || r == -EACCES))
		return 0;
	return r ? spanrec_key_failed(spanrec, path, r) : check_whose(spanrec);
}

bool
spanrec_key_asks(const struct spanrec *spanrec)
{
	struct store_key_file found;

	return !passphrase_path(spanrec) && isatty(STDIN_FILENO) &&
	       store_key_file_look(&found, spanrec_key_path(spanrec)) == 0 &&
	       found.sealed;
}
