/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder as a whole: its threads and what lies between them. The only
 * place where capture, sip, rtp, policy and store meet.
 *
 *   capture ×N   capture_thread.c   frames -> jitter buffers, SIP rings
 *                live_thread.c      ... of an interface
 *   control ×1   control.c          SIP -> calls, policy, media table, watermark
 *   writer  ×M   writer.c           jitter buffers -> sealed recordings
 *                writer_calls.c     ... of the conversations that are its own
 *   archive ×1   archiver.c         keyring, index, syncs
 *
 * Times that are shared, each written by one thread:
 *
 *   position   of a capture thread: every frame before it was handled; the
 *              number of the frame, and its time
 *   watermark  of control: all SIP up to it was understood
 *   drained    of a writer: every frame up to it was taken, or is nobody's
 *              for good. Of all writers
 *              together: the least of theirs, but it rests while a flow is
 *              on its way from one to another
 *   keys       of control: every key in what was drained up to it was looked
 *              at, and what came of it stands in the rings of the writers
 *
 * A writer takes frames up to watermark - window. Where streams that no SIP
 * announces are recorded (orphans), such a frame waits for somebody to claim it
 * as long as media may be ahead of its SDP, and then for a call to be made of
 * it: `drained` is so much behind. Where the policy may reach
 * back it seals them only when they are older than that, by the time of keys.
 *
 * Of a file every capture thread reads all frames and keeps the flows that
 * hash to it. It waits when it is `lead` ahead of the slowest writer, so memory
 * stays small; and when a jitter buffer is full it waits until everything due
 * was drained before it sheds, so that the same file gives the same result
 * however the threads are scheduled.
 *
 * Of an interface every capture thread has a socket, and frames of its own. It
 * never waits: what finds no room is shed and counted. Its position moves on
 * with the wall clock where the wire is quiet. There are no numbers of frames
 * that all threads agree on; their times order the SIP messages.
 */
#ifndef CMD_SPANRECD_PIPELINE_H
#define CMD_SPANRECD_PIPELINE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "capture/decode.h"
#include "capture/live.h"
#include "capture/ring.h"
#include "capture/sightings.h"
#include "capture/source.h"
#include "capture/tcp.h"
#include "cmd/common/counters.h"
#include "cmd/common/guard.h"
#include "cmd/common/home.h"
#include "cmd/spanrecd/flows.h"
#include "cmd/spanrecd/hold.h"
#include "cmd/spanrecd/media.h"
#include "policy/policy.h"
#include "sip/sip.h"
#include "store/store.h"
#include "store/audit.h"

/** Most threads of one kind. */
#define PIPELINE_THREADS_MAX 64

/** Watermark and positions once the input is over. */
#define PIPELINE_OVER (INT64_MAX / 4)
/** ... and before it began. */
#define PIPELINE_BEFORE (INT64_MIN / 4)

/** Spans of time in which the kernel dropped frames, the latest few. */
#define CAPTURE_DROPS_MAX 64
struct capture_drops {
	_Atomic uint32_t count; /**< so far; the last ones are in `span` */
	struct {
		_Atomic int64_t from_ns, until_ns;
	} span[CAPTURE_DROPS_MAX];
};

struct capture_thread {
	struct pipeline *pipeline;
	uint32_t index;
	pthread_t thread;
	struct capture_source *source;
	struct capture_decoder *decoder;
	struct capture_tcp *tcp;
	struct capture_sightings *sightings; /**< of what cannot be recorded */
	struct flows *flows;
	struct capture_ring *sip;
	struct capture_ring *rtcp[PIPELINE_THREADS_MAX]; /**< to each writer */
	struct counters counters;
	struct capture_drops drops;
	_Atomic uint64_t outcomes[CAPTURE_OUTCOME_COUNT];
	_Atomic uint64_t decode_counters[CAPTURE_DECODE_COUNTERS_COUNT];
	_Atomic uint64_t tcp_counters[CAPTURE_TCP_COUNTERS_COUNT];
	_Atomic uint64_t stream_counters[SIP_STREAM_COUNTERS_COUNT];
	_Atomic int64_t first_ns; /**< of its frames; PIPELINE_OVER: none yet.
				   * Seen by whoever sees a later position */
	_Atomic int64_t position_ns;     /**< frames before it were handled */
	_Atomic uint64_t position_frame; /**< ... and those before this one */
	_Atomic int64_t offset_ns; /**< added after the clock was set back */
	_Atomic uint64_t bytes_done;  /**< of the input ... */
	_Atomic uint64_t bytes_total; /**< ... for the progress bar */
	sem_t wake; /**< posted by writers when they have drained more */
	int error;  /**< negative errno of the source; after the join */
	pthread_mutex_t link_lock; /**< once a second; not on the way of a packet */
	struct capture_live_state link; /**< of a live source */
	/* the thread's own */
	uint64_t frame;
	int64_t now_ns;
	int64_t ticked_ns; /**< of a file: a whole multiple of what is between
			    * two ticks */
	int64_t rtcp_closed_ns; /**< no report is taken before: there is no room */
	int64_t stats_ns; /**< live: when the counts of the source were read */
	struct sip_stream_counters streams;
	uint8_t message[SIP_STREAM_MESSAGE_MAX]; /**< of a WebSocket, unmasked */
	uint32_t batch_count; /**< packets that are not put yet, in order */
	struct flows_packet batch[FLOWS_BATCH];
	uint8_t payload[FLOWS_BATCH][RTP_JITTER_PAYLOAD_MAX]; /**< theirs */
};

struct writer {
	struct pipeline *pipeline;
	uint32_t index;
	pthread_t thread;
	struct capture_ring *events;   /**< from control */
	struct capture_ring *reports;  /**< to control */
	struct capture_ring *requests; /**< to the archive thread */
	struct capture_ring *answers;  /**< from the archive thread */
	struct counters counters;
	_Atomic int64_t drained_ns;
	_Atomic uint64_t settled; /**< handovers when its last pass began */
	_Atomic uint32_t full;    /**< control waits for room in `events` */
	sem_t wake; /**< posted when the watermark moved, or an answer came */
	struct writer_state *state; /**< the thread's own */
};

struct control {
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t kick; /**< anybody: there is something for control to do */
	struct capture_ring *requests; /**< to the archive thread */
	struct capture_ring *answers;  /**< from the archive thread */
	struct counters counters;
	struct control_state *state; /**< the thread's own */
};

struct archiver {
	pthread_t thread;
	sem_t wake;
	struct counters counters;
	struct archiver_state *state; /**< the thread's own */
};

struct pipeline_config {
	const struct home_settings *settings;
	const struct policy *policy;
	uint8_t policy_hash[STORE_HASH_BYTES];
	struct store_archive *archive; /**< opened STORE_WRITE */
	struct store_signer *signer;   /**< of its ledger; NULL: none */
	/** [sources_count] one for each capture thread. Of files each gives
	 * all frames, of interfaces its own. Taken by pipeline_start. */
	struct capture_source **sources;
	uint32_t sources_count;
	uint32_t writers_count;
	bool orphans; /**< of files: make calls of streams that no SIP
		       * announces */
	const struct rtp_format *orphan_formats; /**< what dynamic payload types
						  * mean in them; borrowed */
	uint32_t orphan_formats_count; /**< at most WRITER_FORMATS_MAX */
	uint64_t memory_bytes; /**< live: as of memory_given() */
	bool live;        /**< the sources are interfaces */
	bool several;     /**< ... more than one, that may show the same */
	/* live, to read them again; all borrowed */
	const struct home *home;
	const char *home_option; /**< --home, or NULL */
	const char *policy_path; /**< --policy, or NULL: the home's */
	const char *account;     /**< live: that it runs as; borrowed */
	const char *reason_for_root; /**< live; NULL: it does not run as root */
	struct backups_view *backups; /**< live; NULL: none; borrowed */
	int control_fd;   /**< live: the listening socket, taken; -1: none */
	int64_t start_ns; /**< live: of the recorder; what was captured before
			   * is not looked at */
	int64_t shift_ns; /**< added to every capture time of a file */
};

struct pipeline {
	struct pipeline_config config;
	struct media_times times;
	int64_t lag_ns;  /**< of `drained` behind the watermark */
	int64_t lead_ns; /**< of capture before the slowest writer */
	uint8_t hash_key[16]; /**< of tables keyed by addresses from the wire */
	uint32_t captures_count, writers_count;
	struct capture_thread captures[PIPELINE_THREADS_MAX];
	struct writer writers[PIPELINE_THREADS_MAX];
	struct control control;
	struct archiver archiver;
	_Atomic int64_t watermark_ns;
	_Atomic uint64_t handovers; /**< of flows between writers, so far */
	_Atomic int64_t settled_ns; /**< drained, and no flow on its way */
	_Atomic int64_t keys_ns;
	struct hold_budget held;
	_Atomic uint32_t capture_over; /**< capture threads that ended */
	_Atomic uint32_t writers_over; /**< all ended; nobody kicks any more */
	_Atomic uint32_t archive_over; /**< no more requests will come */
	_Atomic uint32_t stop;         /**< asked to end early */
	_Atomic uint32_t reload;       /**< asked to read the settings again */
	_Atomic int archive_error;   /**< first failure of the index or keyring */
	_Atomic int recording_error; /**< ... of a recording */
	_Atomic uint64_t index_used_bytes, index_map_bytes; /**< 0: unknown */
	_Atomic int64_t failed_ns;   /**< wall clock: the last of either */
	_Atomic int64_t gave_way_ns; /**< wall clock: when recordings gave way
				      * last; 0: none did */
	_Atomic bool none_gives_way; /**< more should, and none can */
	_Atomic enum guard_verdict clock_verdict; /**< is it purged? */
	_Atomic int64_t purged_ns;   /**< since boot: when a purge last ended
				      * well; at first, when we began */
	struct sip_counters sip_counters; /**< after the join */
};

/**
 * Make all threads and start them.
 *
 * @param config copied; its sources are taken, also on failure
 * @param error [CAPTURE_ERROR_BYTES] what is wrong, in words
 * @return 0, or negative errno and nothing runs
 */
int pipeline_start(struct pipeline **pipeline,
		   const struct pipeline_config *config, char *error)
	__attribute__((warn_unused_result));

/** Ask it to end where it is: as at the end of the input. Signal-safe. */
void pipeline_stop(struct pipeline *pipeline);

/** Read the settings and the policy again. @thread any */
void pipeline_reload(struct pipeline *pipeline);

/** 1 while it runs; 0 once all threads are about to end. */
int pipeline_running(const struct pipeline *pipeline);

/** How much of the input was read, in bytes. */
void pipeline_progress(const struct pipeline *pipeline, uint64_t *done,
		       uint64_t *total);

/** Wait for the end of all threads. */
void pipeline_join(struct pipeline *pipeline);
void pipeline_free(struct pipeline **pipeline);

/** Sum of a counter over all threads. @thread any */
uint64_t pipeline_counter(const struct pipeline *pipeline, enum counter which);

/**
 * Every counter, in the order of counter_rows.
 *
 * @param sip what the tracker counts: of the control thread, or after the join
 * @param values [COUNTER_ROWS_COUNT]
 * @thread any
 */
void pipeline_counters(const struct pipeline *pipeline,
		       const struct sip_counters *sip, uint64_t *values);

/**
 * Hosts at which was seen what cannot be recorded, of all capture threads
 * together: each once, most first.
 *
 * @param hosts free() them; NULL if there are none
 * @return how many, at most CAPTURE_SIGHTINGS_HOSTS_MAX; -ENOMEM
 * @thread any
 */
int pipeline_sightings(const struct pipeline *pipeline,
		       struct capture_sighting **hosts)
	__attribute__((warn_unused_result));

/** How long ago the last purge ended well, or, if none did, it began to run.
 * @thread any */
int64_t pipeline_purge_quiet_ns(struct pipeline *pipeline);

/** Every frame up to this time was taken, by whichever writer. @thread any */
int64_t pipeline_drained(struct pipeline *pipeline);

/** Did the kernel drop frames of this thread between two times? @thread any */
bool capture_thread_dropped(const struct capture_thread *thread,
			    int64_t from_ns, int64_t until_ns);

/* Bodies of the threads, one file each. */
void *capture_thread_main(void *thread);
void *live_thread_main(void *thread);
void *control_main(void *pipeline);
void *writer_main(void *writer);
void *archiver_main(void *pipeline);

int control_new(struct pipeline *pipeline) __attribute__((warn_unused_result));
void control_free(struct pipeline *pipeline);
int writer_new(struct writer *writer) __attribute__((warn_unused_result));
void writer_free(struct writer *writer);
int archiver_new(struct pipeline *pipeline)
	__attribute__((warn_unused_result));
void archiver_free(struct pipeline *pipeline);

/** Wait on a semaphore, at most so long; what it stands for is looked at
 * again anyway. */
void pipeline_nap(sem_t *wake, int64_t ns_max);

#endif
