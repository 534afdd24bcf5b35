/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ns for each datagram that is not RTP: SIP, and what only might have been. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sip/sip.h"

#define ROUNDS 3000000

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
run(const char *name, const void *bytes, size_t n)
{
	int64_t start = now_ns();
	unsigned found = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sip_glance glance;

		found += sip_prefilter(bytes, n, &glance) == 1;
		/* the call may not be lifted out of the loop */
		__asm__ volatile("" : : "r"(&glance), "r"(bytes) : "memory");
	}
	printf("prefilter %-10s %8.1f ns (%u of %u are SIP)\n", name,
	       (double)(now_ns() - start) / ROUNDS, found, ROUNDS);
}

int
main(void)
{
	static const char invite[] =
	    "INVITE sip:2002@pbx.example SIP/2.0\r\n"
	    "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK776asdhds;rport\r\n"
	    "Max-Forwards: 70\r\n"
	    "Contact: <sip:2001@10.0.0.1:5060>\r\n"
	    "To: <sip:2002@pbx.example>\r\n"
	    "From: \"Anne\" <sip:2001@pbx.example>;tag=1928301774\r\n"
	    "Call-ID: a84b4c76e66710@10.0.0.1\r\n"
	    "CSeq: 314159 INVITE\r\n\r\n";
	static const char http[] = "GET /provisioning/0004f2.cfg HTTP/1.1\r\n";
	static const char stun[] = "\x00\x01\x00\x00\x21\x12\xa4\x42zzzzzzzz";

	run("INVITE", invite, sizeof(invite) - 1);
	run("HTTP", http, sizeof(http) - 1);
	run("STUN", stun, sizeof(stun) - 1);
	return 0;
}
