/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the two files of callgen share: callgen.c is what happens when, and
 * callgen_frame.c what is sent.
 */
#ifndef CMD_TESTING_CALLGEN_H
#define CMD_TESTING_CALLGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CALLGEN_BATCH       64    /**< frames a system call */
#define CALLGEN_CALLS_MAX   64000 /**< at a time: as many addresses */
#define CALLGEN_PORTS       500   /**< that a telephone takes in turn... */
#define CALLGEN_PORT_STEP   4     /**< ...so far apart */
#define CALLGEN_FRAME_BYTES 1514
#define CALLGEN_SOUND_AT    (14 + 20 + 8 + 12) /**< Ethernet, IP, UDP, RTP */

/** Tones are multiples of 10 Hz: five packets hold a whole number of waves. */
#define CALLGEN_TONES      150
#define CALLGEN_TONE_BYTES (5 * 160)

enum callgen_side_name { CALLER, CALLEE };
enum callgen_law { PCMU, PCMA };

struct callgen_options {
	const char *interface;
	const char *manifest; /**< NULL: none */
	uint64_t calls;       /**< at a time */
	double seconds;
	double rate_up;       /**< calls a second */
	double call_seconds;  /**< of sound; 0: until the end */
	double burst;         /**< times the pace of real calls */
	double stop_media;    /**< seconds; 0: never */
	uint64_t port;
	uint64_t seed;
};

/** One stream. */
struct callgen_side {
	uint8_t header[CALLGEN_SOUND_AT]; /**< but what each packet changes */
	uint32_t ip_sum; /**< over the IP header without its ID */
	uint32_t timestamp;
	uint16_t sequence, ip_id;
	uint16_t tone_at;
	const uint8_t *tone;
	uint64_t turns;   /**< in which it had a packet to send */
	uint64_t packets; /**< sent */
};

/** What the manifest tells of a call; the rest follows from its number. */
struct callgen_record {
	uint32_t number, slot, generation;
	int64_t start_ns, answer_ns, end_ns; /**< UTC; 0: did not happen */
	uint64_t packets[2];
};

struct callgen_call {
	unsigned step;
	uint32_t generation;
	struct callgen_record record;
	struct callgen_side sides[2];
};

struct callgen_totals {
	uint64_t packets, rtp, errors, unsent;
	int64_t lateness_ns;
};

/** Frames on their way out. */
struct callgen_batch {
	int fd;
	unsigned count;
	struct callgen_totals *totals;
	struct callgen_side *owners[CALLGEN_BATCH]; /**< NULL: signalling */
	struct iovec pieces[CALLGEN_BATCH];
	struct mmsghdr messages[CALLGEN_BATCH];
	uint8_t frames[CALLGEN_BATCH][CALLGEN_FRAME_BYTES];
};

struct callgen {
	struct callgen_options options;
	int64_t period_ns;  /**< the wheel turns once */
	uint32_t ticks;     /**< in so many steps */
	uint64_t turns_max; /**< packets a side of a call sends */
	uint32_t started, active;
	bool ending, muted;
	struct callgen_call *calls;
	struct callgen_record *records;
	size_t records_count;
	struct callgen_totals totals;
	struct callgen_batch batch;
	uint8_t tones[2][2 * CALLGEN_TONES][CALLGEN_TONE_BYTES];
};

/** The messages of a call. */
extern const struct callgen_message callgen_invite, callgen_trying,
    callgen_ringing, callgen_answer, callgen_ack, callgen_bye, callgen_gone;

void callgen_tones_make(struct callgen *generator, enum callgen_law law);

/** Who a call is: all of it follows from its number, slot and generation. */
unsigned callgen_tone_hz(uint32_t number, enum callgen_side_name side);
/** @return what is random about a side; the SSRC is in its low 32 bits */
uint64_t callgen_random(const struct callgen *generator, uint32_t number,
			enum callgen_side_name side);
const char *callgen_address(const struct callgen_record *record,
			    enum callgen_side_name side, char text[16]);
uint16_t callgen_port(const struct callgen *generator,
		      const struct callgen_record *record);
uint32_t callgen_extension(const struct callgen_record *record,
			   enum callgen_side_name side);
enum callgen_law callgen_law(const struct callgen_record *record);
void callgen_call_id(const struct callgen *generator,
		     const struct callgen_record *record, char text[64]);

/** @return 0, or what the system said */
int callgen_batch_open(struct callgen_batch *batch, const char *interface);
/**
 * Send what has gathered. A frame that does not go out in spite of all
 * patience is left out, as on a cable that was pulled: telephones do not wait
 * either.
 *
 * @return 0, or an error that is not about one frame
 */
int callgen_batch_flush(struct callgen_batch *batch);

/** Get a stream ready, from what call->record says. */
void callgen_side_init(struct callgen *generator, struct callgen_call *call,
		       enum callgen_side_name name);
/** The next packet of a stream. @return 0, or as callgen_batch_flush */
int callgen_send_sound(struct callgen *generator, struct callgen_side *side);
/** @return 0, or as callgen_batch_flush */
int callgen_send_message(struct callgen *generator,
			 const struct callgen_call *call,
			 const struct callgen_message *message);

#endif
