/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the control thread share. All of it is that thread's own.
 *
 *   control.c    the loop: SIP of all capture threads by time, ticks, watermark
 *   calls.c      conversations and their legs, by what SIP tells
 *   segments.c   ... their segments, and what the policy says of them
 *   orphans.c    calls of streams that no SIP announces
 *   happen.c     ... what happens in them that the policy is told of
 *   parties.c    ... who talks to whom
 *   tell.c       ... and what the writers are told
 *   keys.c       keyed digits, each once, by time
 *   livetable.c  calls in progress kept in the archive, and brought back
 *   recall.c     ... those of which only that they are not recorded is kept
 *   server.c     the control socket: connections, lines
 *   command.c    what can be asked through it: pause, resume, ...
 *   reload.c     ... settings and policy, read again
 *   status.c     ... and how the recorder is
 */
#ifndef CMD_SPANRECD_CONTROL_PRIV_H
#define CMD_SPANRECD_CONTROL_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "cmd/spanrecd/forecast.h"
#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/pipeline.h"

struct server;
struct command;
struct control_mark;
struct keys;
struct orphans;

/** A call that turned out to be part of another. */
struct control_part {
	struct control_part *next;
	char id[STORE_CALL_ID_BYTES];
};

/**
 * What people call a call: conversations that follow one another, or run side
 * by side, from the first INVITE until the last party has gone.
 */
struct control_family {
	UT_hash_handle hh; /**< by id */
	char id[STORE_CALL_ID_BYTES];
	struct control_call *first; /**< its conversations in progress */
	uint32_t past;              /**< ... and those that may be followed */
	uint32_t segments;          /**< begun so far */
	struct control_part *parts; /**< what was a call of its own before */
	int64_t start_ns;
	struct policy_state state; /**< what has happened that binds the policy */
	struct policy_keys keys;   /**< keyed a moment ago; in memory only */
	int64_t since_ns; /**< what may become a card number was begun then;
			   * INT64_MAX: nothing was */
};

/** A conversation that is over, and may be followed by another; and a key may
 * turn up yet that was pressed in it. */
struct control_past {
	UT_hash_handle hh; /**< by number, in order of ending */
	uint64_t number;
	uint32_t writer;
	struct policy_verdict verdict; /**< at its end */
	struct control_family *family;
	int64_t until_ns;
};

/** A SIP call that is a leg of a conversation. */
struct control_leg {
	UT_hash_handle hh; /**< by number */
	uint64_t number;   /**< of the SIP tracker */
	const struct sip_call *sip; /**< until its END; then `gone` */
	struct sip_call *gone; /**< it is over: as it was, until who it was with
				* is not in the current segment any more */
	struct control_call *call;
	struct control_leg *prev, *next; /**< in order of joining */
	bool counts; /**< answered, or it made the conversation what it is */
	int newcomer; /**< the end at which it brought who took another's place;
		       * -1: none */
	const char *by; /**< how it is known as a leg; NULL: the first */
	char registered[2][SIP_USER_BYTES]; /**< [party] who was logged in at
					     * its address; "": not known */
};

/** Numbers of the segments that earlier runs made of what would have been one.
 * Of more than fit the last are kept. */
struct control_before {
	uint32_t count;
	uint32_t segment[16];
};

/** A conversation in progress: two ends, one writer, one segment at a time. */
struct control_call {
	UT_hash_handle hh; /**< by number */
	uint64_t number;   /**< of the conversation */
	struct control_family *family;
	struct control_call *prev, *next; /**< in the family */
	struct control_leg *legs;
	uint32_t writer;
	uint32_t segment; /**< number of the current one; 0: none yet */
	char key[STORE_SEGMENT_ID_BYTES]; /**< in the live table */
	enum store_kind kind; /**< but for holds */
	char began[STORE_NAME_BYTES]; /**< why the current segment */
	bool held;
	bool sided;     /**< it is known which side is left */
	bool reached;   /**< somebody was reached by a leg that a switch made */
	bool in_queue;  /**< who was called is a queue of the policy, so far */
	bool joined;    /**< it goes on in another conversation */
	bool orphan;    /**< of streams that no SIP announced */
	uint64_t conference; /**< those of one hear each other; 0: none */
	char target[SIP_USER_BYTES]; /**< who was asked to be called */
	int64_t answer_ns;           /**< 0: not answered */
	struct policy_verdict verdict;
	struct policy_verdict earlier; /**< until decided_ns, for keys, which
					* are heard of later than SIP */
	int64_t decided_ns;
	struct policy_verdict bound[2]; /**< [held] the last one of the same
					 * talk: it may only get stricter */
	bool is_bound[2];
	uint8_t policy[STORE_HASH_BYTES]; /**< that decided */
	char sip_call_ids[STORE_SIP_CALL_IDS_BYTES]; /**< of the current segment,
					* those of legs that are gone too */
	uint8_t head[SEGMENT_HEAD_BYTES]; /**< of the current segment's row */
	struct writer_streams streams;    /**< live: that it has had */
	int64_t sip_ns; /**< of the last SIP that changed something */
	/* live table */
	struct control_before before; /**< of the current segment */
	bool taken_back; /**< something of it was recorded, and may not be */
	bool dirty; /**< changed since it was last kept */
	struct control_call *next_dirty;
};

/** Numbers of others that the policy is asked about: more than a conversation
 * of a dozen legs has. */
enum { CONTROL_OTHERS_MAX = 64 };

/** Who talks to whom, as SIP has it. All of it borrowed. */
struct control_parties {
	const struct sip_identity *end[2]; /**< by enum sip_party */
	const char *name[2]; /**< that the policy is asked about */
	const uint8_t *addr[2];            /**< signalling, [16] */
	bool logged_in[2];
	bool unknown[2]; /**< it is a host, nobody knows whose */
	uint32_t others_count;
	const char *other[CONTROL_OTHERS_MAX];
	uint32_t dialled_count; /**< to get to who talks now */
	const char *dialled[CONTROL_OTHERS_MAX];
};

/** A conversation that is over, and still in the live table. */
struct control_gone {
	struct control_gone *next;
	int64_t at_ns; /**< wall clock: not before */
	char key[STORE_SEGMENT_ID_BYTES];
};

/** A segment of an earlier run that is to be taken back. */
struct control_taken {
	struct control_taken *next;
	char id[STORE_SEGMENT_ID_BYTES];
	uint8_t head[SEGMENT_HEAD_BYTES]; /**< as it is decided now */
	uint8_t traces;
};

/** A conversation of an earlier run, on its way back. */
struct control_saved {
	struct control_saved *next;
	char key[STORE_SEGMENT_ID_BYTES];
	struct store_segment row; /**< of its last segment, then of the one to
				   * go on with; no streams */
	uint32_t recorded; /**< the last one, if it has a row; 0: it has not */
	uint32_t state_bytes;
	uint8_t state[];
};

/** An id given in this run. */
struct given_id {
	UT_hash_handle hh;
	struct given_id *next;
	int64_t start_ns;
	char id[STORE_CALL_ID_BYTES];
};

#define CONTROL_MINUTES 60

/** What the counters of loss were at the end of each of the last minutes. */
struct control_minutes {
	int64_t minute; /**< since boot: the one that goes on; 0: none yet */
	struct {
		uint64_t reported, mirror_lost;
	} at[CONTROL_MINUTES];
};

struct control_state {
	struct pipeline *pipeline;
	struct sip_tracker *tracker;
	bool unsupported_told; /**< that suites of SRTP are not supported */
	const struct policy *policy; /**< in force */
	struct policy *own_policy;   /**< the same, if it was reloaded */
	uint8_t policy_hash[STORE_HASH_BYTES];
	struct home_settings settings; /**< in force */
	struct control_call *calls;    /**< conversations: uthash by number */
	struct control_leg *legs;      /**< uthash by number */
	struct control_family *families; /**< uthash by id */
	struct control_past *past;       /**< uthash by number */
	struct given_id *ids;          /**< uthash by id */
	struct given_id *oldest, *newest;
	struct alive_report *reports; /**< not yet due */
	size_t reports_count, reports_capacity;
	struct keys *keys;
	struct orphans *orphans; /**< NULL: they are not asked for */
	int64_t grid_ns; /**< the last tick */
	int64_t published_ns;
	int64_t sent_ns; /**< latest time of an event that was sent */
	bool finished;
	bool loop_made, kick_made;
	/* live only */
	bool first_told;       /**< to the writers: when the first frame came */
	int64_t behind_ns;     /**< of the watermark, behind the wire */
	int64_t overloaded_ns; /**< by control__wire_ns: overloaded until then */
	uint64_t shed_seen;    /**< packets shed when that was looked at */
	int64_t looked_ns;     /**< ... at */
	struct control_saved *saved, *saved_last; /**< calls to bring back */
	struct control_saved *restoring; /**< the one being brought back */
	struct control_mark *marks; /**< calls to know again: uthash by mark */
	uint64_t last_leg; /**< number of the SIP call that came last */
	struct control_call *dirty;
	struct control_gone *gone;
	struct control_taken *taken;
	int64_t kept_ns; /**< wall clock: live table last written */
	struct server *server;
	int64_t refused_ns; /**< when a refusal was entered last */
	struct command *commands; /**< that wait */
	uint64_t last_token;
	struct control_minutes minutes;
	struct forecast forecast;  /**< of the disk */
	int64_t disk_looked_s;
	uint64_t failed_seen;      /**< recordings, when that was looked at */
	bool disk_told;            /**< in the log: that it fills */
	struct sweep_result swept; /**< the last one */
	int64_t swept_ns;          /**< when; 0: not yet */
};

/* disk.c */

/** Time passes: note what is free, and tell once when it gets little. */
void control__disk_note(struct control_state *c);
/** Room of the archive and when it is full, for the status. @param warnings
 * added to */
struct json_t *control__disk_json(struct control_state *c,
				  struct json_t *warnings);

/* mirror.c */

/** Time passes: keep what the last hour is compared with. */
void control__mirror_note(struct control_state *c);
/** What the mirror port lost, as far as telephones report, for the status. */
struct json_t *control__mirror_json(struct control_state *c);

/* control.c */

int64_t control__wall_ns(void);
/** The wall clock as capture times go on by it: one that was set back is later
 * by as much as they are. */
int64_t control__wire_ns(const struct control_state *c);
/** Publish a watermark: all SIP up to it was understood. */
void control__publish(struct control_state *c, int64_t watermark_ns);
/** Take what the writers report out of their rings. */
void control__collect_reports(struct control_state *c);
/**
 * Room for a request to the archive thread, that wants no answer.
 *
 * @param state_bytes at most so many follow
 * @return NULL: there is none now
 */
struct control_request *control__request(struct control_state *c,
					 enum control_request_type type,
					 uint32_t state_bytes);
/** Hand it over, with as many bytes of state as it says now. */
void control__request_commit(struct control_state *c,
			     const struct control_request *request);
/** May events be sent that take effect at the watermark? Else they would stand
 * behind others that do not yet. */
bool control__may_act(const struct control_state *c);
bool control__overloaded(const struct control_state *c);

/* calls.c */

/** What the SIP tracker tells: sip_event_fn, ctx is the control_state. */
void control__on_sip_event(void *ctx, const struct sip_event *event);
/** @return NULL: no conversation of this number is in progress */
struct control_call *control__call_find(const struct control_state *c,
					uint64_t number);
void control__calls_free(struct control_state *c);
/** @return NULL: it is not over, or was long ago */
struct control_past *control__past_find(const struct control_state *c,
					uint64_t conversation);
/** Legs that are gone are forgotten: others talk now. */
void control__legs_prune(struct control_call *call);
/** A conversation had media at a time: all of its legs are alive. */
void control__call_alive(struct control_state *c, uint64_t number,
			 int64_t time_ns);

/* segments.c */

/** Why a segment begins. */
struct control_cause {
	const char *what; /**< "transfer" */
	const char *by;   /**< "refer", or NULL */
	bool anew; /**< others talk: what was decided before does not bind */
};

/** A segment of the conversation begins. */
void control__segment_begin(struct control_state *c, struct control_call *call,
			    struct control_cause cause, int64_t time_ns);
/** It is known who answered, and nobody has talked yet: what was decided of who
 * was dialled does not bind. One more begins if it was stricter. */
void control__segment_reached(struct control_state *c,
			      struct control_call *call,
			      struct control_cause cause, int64_t time_ns);
/** More is known of its current one. @param decide the policy is asked again:
 * it may get stricter */
void control__segment_update(struct control_state *c,
			     struct control_call *call, bool decide,
			     int64_t time_ns);
/** The policy is asked again; if it got stricter, a segment begins. */
void control__segment_review(struct control_state *c,
			     struct control_call *call,
			     struct control_cause cause, int64_t time_ns);
/** The conversation goes on from an earlier run: c->restoring. */
void control__segment_go_on(struct control_state *c, struct control_call *call,
			    int64_t time_ns);
/** What was the conversation with, turned out to be a queue. */
void control__segment_was_queue(struct control_state *c,
				struct control_call *call, int64_t time_ns);
/** The conversation goes on, but from then on nothing of it is recorded, for
 * good: a segment begins, or the current one becomes that.
 * @param payment it is one for a payment */
void control__segment_stop(struct control_state *c, struct control_call *call,
			   struct control_cause cause, bool payment,
			   int64_t from_ns);
/** Decide about every call again, by the policy in force: what it forbids
 * ends now, what it allows holds for new calls. Only while control__may_act. */
void control__decide_again(struct control_state *c);

/* happen.c */

/** Tell the policy, and do what it says. @return false: it refuses to resume */
bool control__happened(struct control_state *c, struct control_family *family,
		       const struct policy_verdict *verdict,
		       const struct policy_event *event);
/** A key, once. Only while control__may_act. */
void control__key_pressed(struct control_state *c, uint64_t conversation,
			  const struct key_report *report);
/** Somebody is to be called for who is in the call. */
void control__target_asked(struct control_state *c, struct control_call *call,
			   const char *user, int64_t time_ns);
/** SIP_EVENT_HEADER of a leg. */
void control__header_seen(struct control_state *c, struct control_call *call,
			  const struct sip_event *event);
/** Have the SIP tracker look for what the policy in force waits for. */
void control__watch(struct control_state *c);
/** @param end where he stands who did it */
void control__put_on_hold(struct control_state *c, struct control_call *call,
			  enum sip_party end, int64_t time_ns);
/**
 * Stop recording a call, or go on with it, because somebody asks for it; no
 * effect if it is so already. A pause holds for all that is not sealed yet and
 * as far back as the policy says, and for all of its conversations to come; a
 * resume from now on.
 *
 * Only while control__may_act.
 *
 * @param family has a conversation in progress
 * @return false: it is not recorded again
 */
bool control__pause(struct control_state *c, struct control_family *family,
		    bool pause);
/** On the grid: every frame up to then was taken. */
void control__time_passed(struct control_state *c, int64_t time_ns);
/** A conversation ends, and perhaps its call. Before its writer is told. */
void control__call_ends(struct control_state *c,
			const struct control_call *call, int64_t time_ns);
/** A conversation of one call becomes part of another, which is bound by what
 * bound the one. */
void control__state_joined(struct control_state *c,
			   const struct control_family *from,
			   struct control_family *to);
/** Tell the writer of a conversation that begins. */
void control__state_tell(struct control_state *c,
			 const struct control_call *call);

/* keys.c */

/** @return 0, -ENOMEM */
int control__keys_new(struct control_state *c)
	__attribute__((warn_unused_result));
/** A key was shown in a conversation, by a stream or INFO. It waits. */
void control__key_shown(struct control_state *c, uint64_t call,
			const struct key_report *report);
/** SIP_EVENT_KEY of a leg. */
void control__key_by_info(struct control_state *c,
			  const struct control_call *call,
			  const struct sip_event *event);
/**
 * Tell the policy of keys, each once.
 *
 * @param drained_ns every frame up to it was taken, and what the writers have
 *        reported since was collected
 */
void control__keys_settle(struct control_state *c, int64_t drained_ns);
/** Leaves no trace in memory. */
void control__keys_free(struct control_state *c);

/* parties.c */

/** Is an address that of the same host? */
bool control__same_host(const struct capture_endpoint *a,
			const struct capture_endpoint *b);
/** Who stands at an end of a conversation.
 * @param found which party of the leg it is
 * @return the leg; NULL: it has none */
const struct control_leg *control__stands_at(const struct control_call *call,
					     enum sip_party end,
					     enum sip_party *found);
void control__parties(const struct control_state *c,
		      const struct control_call *call,
		      struct control_parties *parties);
/** A party as it was sent. A trunk may be known by its host alone. */
const char *control__name_sent(const struct sip_identity *party);

/* orphans.c. All but the first two do nothing where orphans are not asked for. */

/** Is this the number of such a call? */
bool control__is_orphan(uint64_t number);
/** A stream began. Only where they are asked for. */
void control__orphans_stream(struct control_state *c,
			     const struct sip_record *record);
/** @return 0, -ENOMEM */
int control__orphans_new(struct control_state *c)
	__attribute__((warn_unused_result));
void control__orphans_free(struct control_state *c);
/** Do any need ticks? */
bool control__orphans_wait(const struct control_state *c);
/** MEDIA_OPEN or MEDIA_CLOSE, that all writers are told next. What SIP announces
 * is no orphan's any more. @return 0, -ENOMEM */
int control__orphans_media(struct control_state *c,
			   const struct writer_event *event)
	__attribute__((warn_unused_result));
/** A writer reports that such a call had media. */
void control__orphan_alive(struct control_state *c, uint64_t number,
			   int64_t time_ns);
/** All SIP up to then is understood, and the writers have taken what is due. */
void control__orphans_tick(struct control_state *c, int64_t grid_ns);
/** The input is over: decide what still waits. Before SIP calls end. */
void control__orphans_decide(struct control_state *c, int64_t last_ns);
/** ... and end them. */
void control__orphans_finish(struct control_state *c, int64_t last_ns);

/* tell.c */

/** MEDIA_OPEN, MEDIA_CLOSE of such a call. */
void control__tell_all(struct control_state *c,
		       const struct writer_event *event);
/** Tell the writers when the first frame of this run came. */
void control__tell_first(struct control_state *c, int64_t time_ns);
/** SEGMENT or UPDATE: call->head. */
void control__tell_head(struct control_state *c, struct control_call *call,
			enum writer_event_type type, bool resumed,
			int64_t time_ns);
/**
 * PAUSE, RESUME, HOLD, RELEASE, KEEP: takes effect once all that the writer
 * was told before has.
 *
 * @param call number of the conversation, which may be over
 * @param reason of the gap, where it pauses
 */
void control__tell_pause(struct control_state *c, uint64_t call,
			 uint32_t writer, enum writer_event_type type,
			 enum store_reason reason, int64_t at_ns);
/** DISCARD, likewise. @param id of the call that goes */
void control__tell_discard(struct control_state *c, uint64_t call,
			   uint32_t writer, const char id[STORE_CALL_ID_BYTES]);
/** A telephone reports of what it has heard. */
void control__tell_report(struct control_state *c,
			  const struct sip_report *report, int64_t time_ns);
/** DOUBT or TRUST. */
void control__tell_doubt(struct control_state *c,
			 const struct control_call *call,
			 enum writer_event_type type, int64_t time_ns);
void control__tell_media(struct control_state *c,
			 const struct control_call *call,
			 const struct sip_event *sip);
/** @param sip END or MOVE of its last leg */
void control__tell_end(struct control_state *c, const struct control_call *call,
		       const struct sip_event *sip);

/* livetable.c */

/** A call has changed, or begun. */
void control__live_change(struct control_state *c, struct control_call *call);
/** A call has this stream. It may be known already. */
void control__live_stream(struct control_state *c, uint64_t call_number,
			  const struct capture_flow_key *stream);
/** A call is over: it is to leave the table. */
void control__live_remove(struct control_state *c,
			  const struct control_call *call);
/** Its memory goes; what was not kept of it so far is not. */
void control__live_forget(struct control_state *c,
			  const struct control_call *call);
/** Hand to the archive thread what has changed. @param now even if that was
 * done a moment ago. @return false: there was no room for all of it */
bool control__live_flush(struct control_state *c, bool now);
/** What was recorded of the current segment may have to be taken back: that is
 * kept for the next run at once, and what earlier runs recorded of it goes. */
void control__live_take_back(struct control_state *c,
			     struct control_call *call);
/** Read what an earlier run has kept. Before the threads run. @return 0,
 * negative errno */
int control__live_load(struct control_state *c);
/** Bring these calls back. Writers must run. */
void control__live_restore(struct control_state *c);
/** Have the row of a conversation leave the table. */
void control__live_remove_key(struct control_state *c, const char *key);
bool control__saved_local_is_caller(const struct control_saved *saved);
bool control__saved_reached(const struct control_saved *saved);
enum policy_traces control__saved_traces(const struct control_saved *saved);
enum store_kind control__saved_kind(const struct control_saved *saved);
/** What has happened in it. */
void control__saved_state(const struct control_saved *saved,
			  struct policy_state *state);
/** What the current segment was in earlier runs, the last one too. */
void control__saved_before(const struct control_saved *saved,
			   struct control_before *before);
/** When SIP last changed something. Bringing it back is none. */
int64_t control__saved_sip_ns(const struct control_saved *saved);
/** The streams that it is known to have had. */
void control__saved_streams(const struct control_saved *saved,
			    struct writer_streams *streams);
void control__live_free(struct control_state *c);

/* recall.c */

/** Legs of a conversation of an earlier run are to be known again.
 * @param marks [count] u64 each, not aligned */
void control__recall_add(struct control_state *c,
			 const struct control_saved *saved,
			 const uint8_t *marks, uint32_t count);
/** A leg is new: if it is one of those, what was decided binds its
 * conversation. Before that is decided. */
void control__recall(struct control_state *c, struct control_call *call,
		     const struct sip_call *sip);
void control__recall_free(struct control_state *c);

/* server.c */

/**
 * Serve a listening socket on the loop.
 *
 * @param fd taken
 */
int control__server_new(struct control_state *c, int fd)
	__attribute__((warn_unused_result));
/** Answer a request. The connection may be gone: then nothing happens.
 * @param text one line of JSON, without its end */
void control__server_reply(struct server *server, uint64_t client,
			   const char *text);
/** Go on with what connections have sent ahead. */
void control__server_next(struct server *server);
/** Close all of it; what is left is done by the loop. */
void control__server_close(struct server *server);
/** After the loop has ended. */
void control__server_free(struct server **server);

/* command.c */

/** Who asks. */
struct control_asker {
	uint64_t client; /**< for control__server_reply */
	char name[STORE_NAME_BYTES];
	uint32_t uid;
	bool allowed; /**< to ask anything at all */
};
/** A request: begin to do it. */
void control__command(struct control_state *c,
		      const struct control_asker *asker, const char *line,
		      size_t n);
/** Go on with commands that waited. */
void control__commands_run(struct control_state *c);
void control__answers_take(struct control_state *c);
void control__commands_free(struct control_state *c);
/** Enter something into the ledger; nobody waits for it. @return false: there
 * is no room, which was logged */
bool control__ledger(struct control_state *c, const char *actor,
		     const char *action, const char *subject,
		     const char *detail);

/* reload.c */

/**
 * Read the settings and the policy again. Only while control__may_act.
 *
 * @param by who wants it, for the ledger
 * @param text [text_bytes] what came of it; the log has more
 * @return 0, or an exit code, and then all is as it was
 */
int control__reload(struct control_state *c, const char *by, char *text,
		    size_t text_bytes);

/* status.c */

struct json_t;
struct json_t *control__status(struct control_state *c);
/** Calls in progress. */
struct json_t *control__calls(struct control_state *c);
/** Who is logged in where. */
struct json_t *control__registrations(struct control_state *c);

#endif
