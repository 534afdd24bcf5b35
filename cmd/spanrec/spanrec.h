/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spanrec, the command line for people: what its files share.
 *
 *   main.c      starts it: the clock, no core dumps
 *   commands.c  the table of commands, help, options of all commands
 *   open.c      home, policy and archive, with words for what fails
 *   vault.c     the private key and its passphrase, likewise
 *   ask.c       the recorder that runs beside us: asking it
 *   unfinished.c  deletions that an error stopped
 *   backups.c   what is known of a backup, on a line
 *   screen.c    the state of a recorder on one screen
 *   select.c    an id or the beginning of one -> the segments of one call
 *   time.c      times as people type them, and as they read them
 *   text.c      text from the network made safe for a terminal, JSON, CSV
 *   output.c    a segment as a row of a table, a JSON line, a CSV line
 *   rows.c      the same of lists that the recorder tells
 *   source.c    one recording, frame by frame (audio_priv.h)
 *   order.c     the frames of several in order of time, those that are heard
 *   audio.c     recordings -> sound
 *   withheld.c  what no other hop may tell
 *   wav.c       sound -> WAV
 *   gaps.c      what is missing of a recording
 *   marks.c     what is missing of a call, as it is told with its sound
 *   copy.c      a file that is there as a whole or not at all (export_priv.h)
 *   player.c play_*.c
 *               the player (player.h, play_priv.h)
 *   waveform.c waveform_*.c
 *               the sound of a call as a picture (waveform_priv.h)
 *   tags.c export_*.c
 *               what else a copy tells, and its formats (export_priv.h)
 *   init.c list.c show.c why.c play.c export.c verify.c purge.c
 *   hold.c case.c sar.c (cases_priv.h, sar_priv.h)
 *   status.c live.c registrations.c pause.c reload.c
 *               one command each (live.c: list --live)
 *   policy.c    the commands about policies; policy_*.c: one each
 *   audit.c     audit; audit_*.c: its parts (audit_priv.h)
 *   scrub.c     scrub; scrub_agree.c: its second half (scrub_priv.h)
 *   canary.c    canary; canary_*.c: its parts (canary_priv.h)
 *   key.c       key; key_*.c: its parts (key_priv.h)
 *
 * What is heard of recordings, and what is missing of them, is in audio.h.
 *
 * Functions that return int and are documented with "exit code" have said on
 * stderr what is wrong when it is not 0 (cmd/common/exit.h).
 */
#ifndef CMD_SPANREC_SPANREC_H
#define CMD_SPANREC_SPANREC_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/common/clocks.h"
#include "cmd/common/guard.h"
#include "cmd/common/home.h"
#include "cmd/common/version.h"
#include "policy/policy.h"
#include "rtp/rtp.h"
#include "store/store.h"
#include "store/audit.h"
#include "store/keys.h"

struct spanrec_selection;
struct spanrec_sink;

/** One run of the program. */
struct spanrec {
	/* given by main or by a test */
	FILE *out;       /**< where results go */
	int64_t now_ns;  /**< the wall clock */
	const struct guard_reading *clocks_read; /**< NULL: of this machine */
	int patience_ms; /**< for answers of the recorder; 0: as is usual */
	int sample_ms;   /**< rates are measured so long; 0: a second */
	const struct spanrec_sink *sink; /**< NULL: the sound card */
	/* options of all commands */
	const char *home_option;
	const char *key_option, *passphrase_option; /**< files; NULL: none */
	bool quiet;
	/* what spanrec_open opened */
	struct home home;
	struct store_signer *signer; /**< of the ledger; NULL: not loaded */
	struct policy *policy;
	const struct policy_zone *zone; /**< of the policy; borrowed */
	struct clocks *clocks; /**< policies out of the archive */
	struct policy_zone *utc; /**< the zone, if the policy is not for us */
	bool beside; /**< a recorder holds the archive; it writes for us */
	bool writes; /**< the archive is open to write */
	bool no_signer; /**< there is no key that signs the ledger */
	/** why this user may not do what was asked for; "": it was not for that
	 * that it was refused */
	char denied[256];
	char denied_id[STORE_SEGMENT_ID_BYTES]; /**< what it was about */
	struct store_archive *archive;
	struct store_identity *identity; /**< NULL: no private key here */
	struct store_passphrase *passphrase; /**< of it; NULL: not asked for */
};

/* ---- commands.c -------------------------------------------------------- */

/**
 * Run one command line. Exits on --help and on usage errors, as argp does.
 *
 * @param argv [argc] with the program's name first
 * @return exit code
 */
int spanrec_run(struct spanrec *spanrec, int argc, char **argv);

/** Close what spanrec_run left open. */
void spanrec_fini(struct spanrec *spanrec);

/**
 * Options of all commands, as the child parser of each command's own; its
 * input is the struct spanrec.
 */
extern const struct argp_child spanrec_global_options[];

/* each is given its own part of the command line; exit code */
int spanrec_init(struct spanrec *spanrec, int argc, char **argv);
int spanrec_policy(struct spanrec *spanrec, int argc, char **argv);
int spanrec_canary(struct spanrec *spanrec, int argc, char **argv);
int spanrec_key(struct spanrec *spanrec, int argc, char **argv);
int spanrec_backup(struct spanrec *spanrec, int argc, char **argv);
int spanrec_restore(struct spanrec *spanrec, int argc, char **argv);
int spanrec_list(struct spanrec *spanrec, int argc, char **argv);
int spanrec_find(struct spanrec *spanrec, int argc, char **argv);
int spanrec_show(struct spanrec *spanrec, int argc, char **argv);
int spanrec_why(struct spanrec *spanrec, int argc, char **argv);
int spanrec_play(struct spanrec *spanrec, int argc, char **argv);
int spanrec_export(struct spanrec *spanrec, int argc, char **argv);
int spanrec_verify(struct spanrec *spanrec, int argc, char **argv);
int spanrec_audit(struct spanrec *spanrec, int argc, char **argv);
int spanrec_report(struct spanrec *spanrec, int argc, char **argv);
int spanrec_purge(struct spanrec *spanrec, int argc, char **argv);
int spanrec_hold(struct spanrec *spanrec, int argc, char **argv);
int spanrec_case(struct spanrec *spanrec, int argc, char **argv);
int spanrec_sar(struct spanrec *spanrec, int argc, char **argv);
int spanrec_scrub(struct spanrec *spanrec, int argc, char **argv);
int spanrec_status(struct spanrec *spanrec, int argc, char **argv);
int spanrec_pause(struct spanrec *spanrec, int argc, char **argv);
int spanrec_resume(struct spanrec *spanrec, int argc, char **argv);
int spanrec_reload(struct spanrec *spanrec, int argc, char **argv);
int spanrec_registrations(struct spanrec *spanrec, int argc, char **argv);

/* ---- actions.c --------------------------------------------------------- */

/** What a word that follows a command does. */
struct spanrec_action {
	const char *name, *arguments, *summary;
	/** given its own part of the command line; exit code */
	int (*run)(struct spanrec *spanrec, int argc, char **argv);
};

struct spanrec_actions {
	const char *command;
	const char *summary; /**< what they are for; it is wrapped */
	const struct spanrec_action *list;
	size_t count; /**< one at least */
};

/** Do what the next word says, or tell what it may be. @return exit code */
int spanrec_actions_run(struct spanrec *spanrec,
			const struct spanrec_actions *actions, int argc,
			char **argv);

/* ---- open.c ------------------------------------------------------------ */

/** Open home, policy and archive, for whom that policy gives access.
 * @return exit code */
int spanrec_open(struct spanrec *spanrec, enum store_mode mode)
	__attribute__((warn_unused_result));

/**
 * The same, or, if a recorder holds the archive, to read it beside that: then
 * spanrec->beside, and what is to be written the recorder must be asked for.
 *
 * @param mode STORE_WRITE or STORE_PURGE
 * @return exit code
 */
int spanrec_open_beside(struct spanrec *spanrec, enum store_mode mode)
	__attribute__((warn_unused_result));

/**
 * Open no more than the home. Times are those of the site where the policy can
 * be read, else UTC.
 *
 * @return exit code
 */
int spanrec_open_home(struct spanrec *spanrec)
	__attribute__((warn_unused_result));

/**
 * Load the private key into spanrec->identity. That it is an escrow key goes
 * into the ledger.
 *
 * @param needed false: having no key is no error, and nothing is said; nobody is
 *        asked for a passphrase
 * @return exit code; EXIT_NOT_ALLOWED: there is none, or the passphrase is
 *         wrong
 */
int spanrec_open_key(struct spanrec *spanrec, bool needed)
	__attribute__((warn_unused_result));
/** Is there one that a passphrase seals, and somebody to be asked for that? */
bool spanrec_key_asks(const struct spanrec *spanrec);

/**
 * Write down who heard or copied what, before it leaves: an entry for each
 * segment that has sound.
 *
 * @return exit code
 */
int spanrec_ledger_add(struct spanrec *spanrec, const char *action,
		       const struct spanrec_selection *selection,
		       const char *detail)
	__attribute__((warn_unused_result));

/**
 * Write one entry into the ledger, or, beside a recorder, let that do it. The
 * actor is who runs this.
 *
 * @return exit code; 0: it is durable
 */
int spanrec_ledger_enter(struct spanrec *spanrec,
			 struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));

/**
 * Write down what no one waits for (who was refused, what is damaged), whatever
 * is open by then: the archive may be closed, and be open to write afterwards.
 * Where that cannot be done, nothing is said.
 *
 * @param entry time and actor are filled in
 */
void spanrec_ledger_note(struct spanrec *spanrec,
			 struct store_ledger_entry *entry);

/** Sign what was written into the archive that is open, where there is a key
 * for that. */
void spanrec_ledger_sign(struct spanrec *spanrec);

/* ---- init.c ------------------------------------------------------------ */

/**
 * Make a home in a folder that is empty or does not exist.
 *
 * @param pub NULL: with a private key of its own
 * @return exit code; nothing is left behind unless 0
 */
int spanrec_home_make(const char *home, const struct store_public *pub)
	__attribute__((warn_unused_result));

/* ---- ask.c ------------------------------------------------------------- */

struct json_t;

/** How long to wait for an answer that usually comes within so long. */
int spanrec_patience_ms(const struct spanrec *spanrec, int usual_ms);

/**
 * Ask the recorder of the home that is open one question.
 *
 * @param request taken; NULL: there was no memory for it
 * @param answer json_decref it; NULL on failure, which was printed
 * @return exit code; EXIT_NOT_FOUND: there is no recorder, or it has no such
 *         thing
 */
int spanrec_ask(struct spanrec *spanrec, struct json_t *request,
		int timeout_ms, struct json_t **answer)
	__attribute__((warn_unused_result));

/**
 * Let the recorder write into the ledger that segments were played or
 * exported by this user.
 *
 * @return exit code; 0: the entries are durable
 */
int spanrec_ask_ledger(struct spanrec *spanrec, const char *action,
		       const struct spanrec_selection *selection,
		       const char *detail)
	__attribute__((warn_unused_result));

/** Let the recorder write one entry, with its time and this user. */
int spanrec_ask_entry(struct spanrec *spanrec,
		      const struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));

/** A member that is a text, else "". Borrowed. */
const char *spanrec_json_text(const struct json_t *object, const char *name);

/** Give a row a text, whatever bytes it has. @return 0, -1: out of memory */
int spanrec_json_set(struct json_t *row, const char *name, const char *text)
	__attribute__((warn_unused_result));

/** A member that is a whole number: what is none is 0, as is less than 0. */
uint64_t spanrec_json_count(const struct json_t *object, const char *name);

/** Print a value on one line, in ASCII: a terminal obeys nothing in it.
 * @return exit code */
int spanrec_json_print_ascii(FILE *to, const struct json_t *value)
	__attribute__((warn_unused_result));

/* ---- unfinished.c ------------------------------------------------------- */

/** Why the deletion of what is "purged" is not finished: key or file are still
 * there. @return words that follow a colon; NULL: it is, or it is not purged */
const char *spanrec_unfinished(const struct spanrec *spanrec,
			       const struct store_segment *segment);

/* ---- backups.c --------------------------------------------------------- */

#define SPANREC_BACKUP_TEXT_BYTES 160

/** "2019-03-28 14:15:03 in /media/backup, 3 deletions wait", of an object of
 * backups_json. @return true: somebody should see to it */
bool spanrec_backup_text(const struct policy_zone *zone,
			 const struct json_t *row,
			 char text[SPANREC_BACKUP_TEXT_BYTES]);

/* ---- screen.c ---------------------------------------------------------- */

#define SPANREC_SCREEN_COLUMNS 80

struct spanrec_screen {
	const struct policy_zone *zone;
	/** what the recorder told a while before, so that rates can be shown;
	 * may be NULL */
	const struct json_t *before;
	bool colours;
};

/** Show what the recorder told: the "status" of its answer. */
void spanrec_screen_print(FILE *to, const struct spanrec_screen *screen,
			  const struct json_t *status);

/* ---- authority.c ------------------------------------------------------- */

struct spanrec_selection;

/** By what somebody may do what he does: --purpose, --case, ... NULL: not
 * given. The child parsers of a command that asks for it; their input is this
 * struct. */
struct spanrec_authority {
	const char *purpose, *case_ref, *approver, *advice;
};
extern const struct argp_child spanrec_authority_options[];

/** "purpose dispute, case C-9", for the ledger; cut to fit. */
void spanrec_authority_text(const struct spanrec_authority *authority,
			    char *text, size_t bytes);

/** Name of the user who runs this, by the real user id. */
void spanrec_actor(char actor[STORE_NAME_BYTES]);

/** Say why this user may not do what was asked for; the ledger is told when the
 * command ends. @param id what it is about, "" @return EXIT_NOT_ALLOWED */
int spanrec_deny(struct spanrec *spanrec, const char *id, const char *format,
		 ...) __attribute__((format(printf, 3, 4)));

/** Does the policy give this user any access? @return exit code */
int spanrec_person_check(struct spanrec *spanrec)
	__attribute__((warn_unused_result));

/** policy_may, for this user. */
bool spanrec_may(const struct spanrec *spanrec,
		 const struct policy_wish *wish, char *why, size_t why_bytes);

/** The area that was asked about last. Zeroed: none, and to find calls. */
struct spanrec_asked {
	enum policy_right right;
	char area[STORE_NAME_BYTES];
	bool asked, may;
};

/** Has this user the right for the calls of an area? Rows of one area often
 * stand together, so the last answer is kept. */
bool spanrec_may_area(const struct spanrec *spanrec,
		      struct spanrec_asked *last, const char *area);

/** Has this user a right for one area at least? @return exit code */
int spanrec_may_some(struct spanrec *spanrec, enum policy_right right)
	__attribute__((warn_unused_result));

/** Has this user a right wherever it may be? @return exit code */
int spanrec_may_all(struct spanrec *spanrec, enum policy_right right)
	__attribute__((warn_unused_result));

/**
 * Open the archive, and what is heard in the segments that an id means: if this
 * user may do that with them, for this purpose, with what the policy wants for
 * it.
 *
 * @param selection to be finished by spanrec_selection_fini
 * @return exit code; the reason was printed
 */
int spanrec_authority_open(struct spanrec *spanrec,
			   const struct spanrec_authority *authority,
			   enum policy_right right, const char *id,
			   struct spanrec_selection *selection)
	__attribute__((warn_unused_result));

/* ---- select.c ---------------------------------------------------------- */

/** Segments of one call, in order of time. */
struct spanrec_selection {
	struct store_segment *segments;
	size_t count;
};

/**
 * Find what an id means: a segment, a call, or the beginning of an id that
 * fits one call only.
 *
 * @param selection free with spanrec_selection_fini, also on failure
 * @return exit code
 */
int spanrec_select(struct spanrec *spanrec, const char *id,
		   struct spanrec_selection *selection)
	__attribute__((warn_unused_result));
/** The id of the one segment or call that an id means, for the ledger; what is
 * none or several, or where no archive is open, as it was typed. */
void spanrec_id_meant(const struct spanrec *spanrec, const char *id,
		      char meant[STORE_SEGMENT_ID_BYTES]);
void spanrec_selection_fini(struct spanrec_selection *selection);

/** A list of segment ids, so that nothing is changed while it is searched. */
struct spanrec_ids {
	char (*ids)[STORE_SEGMENT_ID_BYTES];
	size_t count, capacity;
};
/** @return 0, -ENOMEM */
int spanrec_ids_add(struct spanrec_ids *ids, const char *id)
	__attribute__((warn_unused_result));
void spanrec_ids_fini(struct spanrec_ids *ids);

/* ---- list.c ------------------------------------------------------------ */

struct spanrec_period;

/** What an option names that is a time, or a stretch of it: --from, --to, and
 * --around with its plus-minus. @return exit code */
int spanrec_time_option(const struct spanrec *spanrec, const char *option,
			const char *text, struct spanrec_period *period)
	__attribute__((warn_unused_result));

/** The period of --from and --to, either of which may be NULL.
 * @return exit code */
int spanrec_period_option(const struct spanrec *spanrec, const char *from,
			  const char *to, struct store_query *query)
	__attribute__((warn_unused_result));

/* ---- time.c ------------------------------------------------------------ */

#define SPANREC_TIME_BYTES 48

/** What a text names: a day is 24 hours long, a minute has no length. */
struct spanrec_period {
	int64_t from_ns, to_ns;
};

/**
 * "2019-03-28", "2019-03-28 14:15", "2019-03-28T14:15:03.250Z", "14:15",
 * "-7d", "-2h", "yesterday", "today", "now".
 *
 * @param zone of times that do not end in Z
 * @return 0, -EINVAL
 */
int spanrec_period_parse(const char *text, const struct policy_zone *zone,
			 int64_t now_ns, struct spanrec_period *period)
	__attribute__((warn_unused_result));

/**
 * "T ±20m", "T +-20m", or "T": a quarter of an hour on both sides.
 *
 * @return 0, -EINVAL
 */
int spanrec_around_parse(const char *text, const struct policy_zone *zone,
			 int64_t now_ns, struct spanrec_period *period)
	__attribute__((warn_unused_result));

/** A place in a recording: "90", "1:30", "1:02:03.5". @return 0, -EINVAL */
int spanrec_offset_parse(const char *text, int64_t *offset_ns)
	__attribute__((warn_unused_result));

/** What spanrec_time_utc writes. @return 0, -EINVAL */
int spanrec_time_utc_parse(const char *text, int64_t *time_ns)
	__attribute__((warn_unused_result));

/** "2019-03-28T14:15:03.250Z" */
void spanrec_time_utc(int64_t time_ns, char text[SPANREC_TIME_BYTES]);
/** "2019-03-28 14:15:03", in the zone */
void spanrec_time_local(const struct policy_zone *zone, int64_t time_ns,
			char text[SPANREC_TIME_BYTES]);
/** "2019-03-28 14:15:03 GMT" */
void spanrec_time_zoned(const struct policy_zone *zone, int64_t time_ns,
			char text[SPANREC_TIME_BYTES]);
/** "1:05", "1:02:03" */
void spanrec_duration(int64_t duration_ns, char text[SPANREC_TIME_BYTES]);

/* ---- text.c ------------------------------------------------------------ */

/** Room for what spanrec_text_clean makes of any text of a segment. */
#define SPANREC_TEXT_BYTES (3 * STORE_SIP_CALL_IDS_BYTES)

/**
 * Copy text that came from the network. Bytes that are not UTF-8, and control
 * characters (a terminal would obey them), become U+FFFD.
 *
 * @param clean [n] cut at a whole character if there is no room
 * @return clean
 */
const char *spanrec_text_clean(const char *text, char *clean, size_t n);

/**
 * Copy a path, without its middle if there is no room: the name at its end
 * stays whole, or at least the end of the name.
 *
 * @param to [n]
 */
void spanrec_path_shorten(const char *path, char *to, size_t n);

/**
 * Write one field of a CSV line as RFC 4180 wants it. A text that a
 * spreadsheet would take for a formula gets a leading apostrophe; telephone
 * numbers ("+44...") stay as they are.
 */
void spanrec_csv_field(FILE *to, const char *text);

/** A list of texts as one field, with blanks between. */
void spanrec_csv_list(FILE *to, const struct json_t *list);

/** Write words, in lines of at most 78 columns.
 * @param indent [columns] of all lines but the first */
void spanrec_text_wrap(FILE *to, const char *text, int indent);

/* ---- output.c ---------------------------------------------------------- */

enum spanrec_format {
	SPANREC_TABLE, /**< for people */
	SPANREC_JSON,  /**< one object a line */
	SPANREC_CSV
};

/** What --json or --csv says: both at once are refused. @return of a parser */
error_t spanrec_format_option(const struct argp_state *state,
			      enum spanrec_format *format,
			      enum spanrec_format wanted)
	__attribute__((warn_unused_result));

/** Shows segments, one after the other. */
struct spanrec_output;

/** @return 0, -ENOMEM */
int spanrec_output_new(struct spanrec_output **output,
		       const struct spanrec *spanrec,
		       enum spanrec_format format)
	__attribute__((warn_unused_result));
/** @return 0, -ENOMEM */
int spanrec_output_segment(struct spanrec_output *output,
			   const struct store_segment *segment)
	__attribute__((warn_unused_result));
/** Tables are printed here, because the columns fit their widest text. */
int spanrec_output_end(struct spanrec_output *output)
	__attribute__((warn_unused_result));
void spanrec_output_free(struct spanrec_output **output);

/** One segment with the fields of `list --json`. @return NULL: no memory */
struct json_t *spanrec_segment_json(const struct spanrec *spanrec,
				    const struct store_segment *segment);
/** Print an object on one line and free it. @return 0, -ENOMEM (also: NULL) */
int spanrec_json_print(FILE *to, struct json_t *object);

/** Streams in the order in which they are shown: side, time, SSRC. */
void spanrec_streams_sort(const struct store_segment *segment,
			  const struct store_stream *sorted[STORE_STREAMS_MAX]);

/** Is there a file with sound in it? */
bool spanrec_segment_audible(const struct store_segment *segment);

/** Has nobody told what it is? "unknown-96" of a payload type that is in no SDP */
bool spanrec_encoding_untold(const char *encoding);
/** What to do then. */
#define SPANREC_ENCODING_ADVICE \
	"if it came from a capture without signalling, reading that with " \
	"--again, --orphan-rtp and --payload-type says what it is " \
	"(spanrecd(8))"

/** In one word: "stored", "drop", "no audio", ... */
const char *spanrec_segment_state(const struct store_segment *segment);
/** To be recorded, and yet there was nothing: calls nobody answered. */
bool spanrec_segment_silent(const struct store_segment *segment);
/** From one time to another; rows may say anything, so it never overflows. */
int64_t spanrec_span_ns(int64_t from_ns, int64_t to_ns);
/** Whole seconds of an interrupted recording that are on the disk. */
int64_t spanrec_seconds_stored(const struct store_segment *segment);

/* ---- until.c ----------------------------------------------------------- */

/** Until when there is what of a segment [UTC, ns]; 0: that does not apply. Of
 * a call without a recording there is only the note. */
struct spanrec_until {
	int64_t floor_ns;   /**< the recording is kept until then: by its class,
			     * or as was promised when a hold ended */
	int64_t due_ns;     /**< the next purge after it deletes it; not while
			     * it is held, nor once it is deleted */
	int64_t ceiling_ns; /**< it must be gone by then, but for a hold */
	int64_t note_ns;    /**< the note that there was a call goes; not while
			     * the recording is held */
};

/** Was there anything of it to be kept, or is there? */
bool spanrec_segment_recorded(const struct store_segment *segment);

/** @param until filled in any case @return as clocks_of */
int spanrec_until(const struct spanrec *spanrec,
		  const struct store_segment *segment,
		  struct spanrec_until *until)
	__attribute__((warn_unused_result));

/* ---- damage.c ---------------------------------------------------------- */

/** What 'spanrec verify' enters of a recording that it found damaged before. */
#define SPANREC_SOUND_AGAIN "sound again"

/** For store_ledger_walk: what verify found of recordings.
 * @param damaged object: words by id @return 0, -ENOMEM */
int spanrec_damage_add(void *damaged, const struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));

/* ---- applied.c --------------------------------------------------------- */

/** A policy that 'spanrec policy apply' put in force. */
struct spanrec_applied {
	int64_t time_ns;
	uint8_t hash[STORE_HASH_BYTES];
	char by[STORE_NAME_BYTES];
};

/** Those of the ledger, in its order. Zeroed: none. */
struct spanrec_applied_list {
	struct spanrec_applied *items;
	size_t count, capacity;
};

/** Add what an entry of the ledger says, if it is one of these.
 * @return 0, -ENOMEM */
int spanrec_applied_add(struct spanrec_applied_list *list,
			const struct store_ledger_entry *entry)
	__attribute__((warn_unused_result));
void spanrec_applied_fini(struct spanrec_applied_list *list);

/**
 * The clocks of a segment when the last of these was in force, to say whether
 * it went in time. What a policy made due when it was put in force was not
 * overdue before: the ceiling is not earlier than that, with the usual margin.
 *
 * @param list none: the policy of today says
 * @return 0, -ENOMEM, -EMFILE, -ENFILE, -EBADMSG, -EIO
 */
int spanrec_clock_then(const struct spanrec *spanrec,
		       const struct spanrec_applied_list *list,
		       const struct store_segment *segment,
		       struct policy_clock *clock)
	__attribute__((warn_unused_result));

/* ---- number.c ---------------------------------------------------------- */

/**
 * A number in the spelling of the index. One that is none, and no name that
 * there is a call of, is refused; one that the policy's numbering does not know
 * by its form is warned of.
 *
 * @return exit code
 */
int spanrec_number_option(const struct spanrec *spanrec, const char *option,
			  const char *text, char number[POLICY_NUMBER_BYTES])
	__attribute__((warn_unused_result));
/** The same of --extension; one that is not ours is warned of. */
int spanrec_extension_option(const struct spanrec *spanrec, const char *text,
			     char number[POLICY_NUMBER_BYTES])
	__attribute__((warn_unused_result));

/* ---- counts.c ---------------------------------------------------------- */

#define SPANREC_COUNTS_MAX 8

/** Calls of which the policy keeps no more than a count of each day. */
struct spanrec_counts {
	size_t count;
	struct {
		char name[STORE_NAME_BYTES];
		uint64_t count;
	} of[SPANREC_COUNTS_MAX];
};

/** Of the days of a period; 0: no end. @return 0, -EBADMSG, -EIO */
int spanrec_counts_read(const struct spanrec *spanrec, int64_t from_ns,
			int64_t to_ns, struct spanrec_counts *counts)
	__attribute__((warn_unused_result));
/** "3 calls opt-out, 2 ..." */
void spanrec_counts_print(FILE *to, const struct spanrec_counts *counts);

/* ---- quality.c --------------------------------------------------------- */

/** MOS of a call: that of its worse side; 0 where there is no telling. */
double spanrec_segment_mos(const struct store_segment *segment);
/** The same for JSON, null where there is no telling. */
struct json_t *spanrec_mos_json(const struct store_segment *segment);
/** What is wrong with its media: a list of words. @return NULL: no memory */
struct json_t *spanrec_flags_json(const struct store_segment *segment);
/** All figures of a stream; null: there are none. @return NULL: no memory */
struct json_t *spanrec_quality_json(const struct store_stream *stream);
/** What is wrong with its media in words; "": nothing. */
void spanrec_flags_text(const struct store_segment *segment,
			char text[SPANREC_TEXT_BYTES]);
/** Figures of its streams as a table, if there are any, and what telephones
 * report. @return 0, -ENOMEM */
int spanrec_quality_show(FILE *to, const struct store_segment *segment)
	__attribute__((warn_unused_result));

/* ---- rows.c ------------------------------------------------------------ */

/** How the objects of a list are shown. */
struct spanrec_rows {
	const char *const *headings; /**< of the table */
	size_t headings_count;
	/** What stands under one. @param text room for it, if it is made here
	 * @return text, or part of the row */
	const char *(*cell)(const struct spanrec *spanrec,
			    const struct json_t *row, size_t column,
			    char text[SPANREC_TIME_BYTES]);
	unsigned may_be_cut;      /**< columns, where there is no room: bits */
	const char *const *names; /**< members in the order of CSV */
	size_t names_count;
	const char *none; /**< said where the table is empty */
};

/** Print a list that a recorder told. @return exit code */
int spanrec_rows_print(const struct spanrec *spanrec,
		       const struct spanrec_rows *rows,
		       const struct json_t *list, enum spanrec_format format)
	__attribute__((warn_unused_result));

/** Did the last search read every row that it met? @return exit code;
 * EXIT_DAMAGED: the reason was printed */
int spanrec_rows_complete(const struct spanrec *spanrec)
	__attribute__((warn_unused_result));
/** The same of so many rows. */
int spanrec_rows_skipped(uint64_t skipped) __attribute__((warn_unused_result));

/** A time as the recorder tells it, in the time zone of the site; what is none,
 * as it is. @return text */
const char *spanrec_rows_time(const struct spanrec *spanrec, const char *utc,
			      char text[SPANREC_TIME_BYTES]);

/* ---- live.c ------------------------------------------------------------ */

/** Show the calls that are in progress. @return exit code */
int spanrec_live(struct spanrec *spanrec, enum spanrec_format format)
	__attribute__((warn_unused_result));

/* ---- waveform.c -------------------------------------------------------- */

/** A picture of the sound of a call that is wanted. */
struct spanrec_waveform {
	const char *id;
	const char *path; /**< NULL: in the terminal */
	bool force;       /**< overwrite it */
	const struct spanrec_authority *authority;
};

/** Is this the name of a picture that can be made? */
bool spanrec_waveform_is_picture(const char *name);

/** For who may play it; as play does, it writes that down. @return exit code */
int spanrec_waveform_show(struct spanrec *spanrec,
			  const struct spanrec_waveform *waveform)
	__attribute__((warn_unused_result));

/* ---- wav.c ------------------------------------------------------------- */

struct spanrec_tags;

/** What a WAV header tells. */
struct spanrec_wav {
	unsigned channels;
	uint32_t hz;
	uint64_t frames;
	const struct spanrec_tags *tags; /**< may be NULL */
};

/**
 * Write a WAV header. With tags the file is not whole before spanrec_wav_end.
 *
 * @return 0, -EOVERFLOW (WAV counts bytes in 32 bits), -EIO and others of stdio
 */
int spanrec_wav_header(FILE *to, const struct spanrec_wav *wav)
	__attribute__((warn_unused_result));
/** After the samples: the tags, as they are by then. @param to a file, at its
 * end @return as above */
int spanrec_wav_end(FILE *to, const struct spanrec_wav *wav)
	__attribute__((warn_unused_result));
/** Is there a WAV header for so much? */
bool spanrec_wav_fits(const struct spanrec_wav *wav);
/** @param pcm [count] @return 0, -ENOSPC, -EIO, ... */
int spanrec_wav_samples(FILE *to, const int16_t *pcm, size_t count)
	__attribute__((warn_unused_result));

#endif
