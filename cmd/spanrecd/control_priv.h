/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the control thread share. All of it is that thread's own.
 *
 *   control.c    the loop: SIP of all capture threads by time, ticks, watermark
 *   calls.c      calls: their ids, decisions, segments; what writers are told
 *   keys.c       keyed digits, each once, by time
 *   livetable.c  calls in progress kept in the archive, and brought back
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

#include "cmd/spanrecd/events.h"
#include "cmd/spanrecd/pipeline.h"

struct server;
struct command;
struct keys;

/** A call in progress. */
struct control_call {
	UT_hash_handle hh;
	uint64_t number; /**< of the SIP tracker */
	uint32_t writer;
	uint32_t segments; /**< begun so far */
	bool held[2];      /**< [party]: has put the other on hold */
	char id[STORE_CALL_ID_BYTES];
	struct policy_verdict verdict;
	uint8_t policy[STORE_HASH_BYTES]; /**< that decided */
	int64_t paused_ns;                /**< since when; 0: it is recorded */
	/* what was decided about, for another policy */
	char from[SIP_HOST_BYTES], to[SIP_HOST_BYTES];
	uint8_t from_addr[16], to_addr[16];
	int64_t start_ns;
	uint8_t head[SEGMENT_HEAD_BYTES]; /**< of the current segment's row */
	struct writer_streams streams;    /**< live: that it has had */
	int64_t sip_ns; /**< of the last SIP that changed something */
	/* live table */
	bool dirty; /**< changed since it was last kept */
	struct control_call *next_dirty;
};

/** A call that is over, and still in the live table. */
struct control_gone {
	struct control_gone *next;
	char id[STORE_CALL_ID_BYTES];
};

/** A call of an earlier run, on its way back. */
struct control_saved {
	struct control_saved *next;
	struct store_segment row; /**< of its last segment, then of the one to
				   * go on with; no streams */
	bool recorded; /**< the last one has a row */
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

struct control_state {
	struct pipeline *pipeline;
	struct sip_tracker *tracker;
	const struct policy *policy; /**< in force */
	struct policy *own_policy;   /**< the same, if it was reloaded */
	uint8_t policy_hash[STORE_HASH_BYTES];
	struct home_settings settings; /**< in force */
	struct control_call *calls;    /**< uthash by number */
	struct given_id *ids;          /**< uthash by id */
	struct given_id *oldest, *newest;
	struct alive_report *reports; /**< not yet due */
	size_t reports_count, reports_capacity;
	struct keys *keys;
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
	struct control_call *dirty;
	struct control_gone *gone;
	int64_t kept_ns; /**< wall clock: live table last written */
	struct server *server;
	struct command *commands; /**< that wait */
	uint64_t last_token;
	struct sweep_result swept; /**< the last one */
	int64_t swept_ns;          /**< when; 0: not yet */
};

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
/** Tell the writers when the first frame of this run came. */
void control__tell_first(struct control_state *c, int64_t time_ns);
/** @return NULL: no call of this number is in progress */
struct control_call *control__call_find(const struct control_state *c,
					uint64_t number);
void control__calls_free(struct control_state *c);
/**
 * Stop recording a call, or go on with it; no effect if it is so already. A
 * pause holds for all that no writer has taken yet, a resume from now on.
 *
 * Only while control__may_act.
 */
void control__pause(struct control_state *c, struct control_call *call,
		    bool pause);
/** Decide about every call again, by the policy in force: what it forbids
 * ends now, what it allows holds for new calls. Only while control__may_act. */
void control__decide_again(struct control_state *c);

/* keys.c */

/** @return 0, -ENOMEM */
int control__keys_new(struct control_state *c)
	__attribute__((warn_unused_result));
/** A key was shown by a stream of a call, or by INFO. It waits. */
void control__key_shown(struct control_state *c, uint64_t call,
			const struct key_report *report);
/** SIP_EVENT_KEY of who speaks on a side. */
void control__key_by_info(struct control_state *c,
			  const struct sip_event *event, enum store_side side);
/**
 * Tell the policy of keys, each once.
 *
 * @param drained_ns every frame up to it was taken, and what the writers have
 *        reported since was collected
 */
void control__keys_settle(struct control_state *c, int64_t drained_ns);
/** Leaves no trace in memory. */
void control__keys_free(struct control_state *c);

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
/** Read what an earlier run has kept. Before the threads run. @return 0,
 * negative errno */
int control__live_load(struct control_state *c);
/** Bring these calls back. Writers must run. */
void control__live_restore(struct control_state *c);
bool control__saved_local_is_caller(const struct control_saved *saved);
/** Since when it is paused; 0: it is not. */
int64_t control__saved_paused_ns(const struct control_saved *saved);
/** When SIP last changed something. Bringing it back is none. */
int64_t control__saved_sip_ns(const struct control_saved *saved);
/** The streams that it is known to have had. */
void control__saved_streams(const struct control_saved *saved,
			    struct writer_streams *streams);
void control__live_free(struct control_state *c);

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

/* reload.c */

/**
 * Read the settings and the policy again. Only while control__may_act.
 *
 * @param text [text_bytes] what came of it; the log has more
 * @return 0, or an exit code, and then all is as it was
 */
int control__reload(struct control_state *c, char *text, size_t text_bytes);

/* status.c */

struct json_t;
struct json_t *control__status(struct control_state *c);
/** Calls in progress. */
struct json_t *control__calls(struct control_state *c);

#endif
