/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What networks and mirrors do to a frame on its way: each wrapping takes an
 * Ethernet frame and gives another with it, or with the packet in it, inside.
 * So any may be put into any other, as far as that makes sense.
 */
#ifndef CMD_TESTING_WRAP_H
#define CMD_TESTING_WRAP_H

#include <stdint.h>

/** Name. */
#define WRAPS(X)                                                               \
	X(vlan)                                                                \
	X(qinq)                                                                \
	X(qinq9100)                                                            \
	X(vntag)                                                               \
	X(pbb)                                                                 \
	X(snap)                                                                \
	X(mpls)                                                                \
	X(mpls_pw)                                                             \
	X(mpls_pw_numbered)                                                    \
	X(mpls_eth)                                                            \
	X(pppoe)                                                               \
	X(gre)                                                                 \
	X(gre_full)                                                            \
	X(gre_teb)                                                             \
	X(gre_mpls)                                                            \
	X(gre_route)                                                           \
	X(pptp)                                                                \
	X(erspan1)                                                             \
	X(erspan2)                                                             \
	X(erspan3)                                                             \
	X(erspan3_sub)                                                         \
	X(erspan3_ip)                                                          \
	X(vxlan)                                                               \
	X(vxlan_gbp)                                                           \
	X(vxlan_linux)                                                         \
	X(vxlan_gpe)                                                           \
	X(vxlan_gpe_ip)                                                        \
	X(geneve)                                                              \
	X(geneve_options)                                                      \
	X(geneve_ip)                                                           \
	X(tzsp)                                                                \
	X(l2tp)                                                                \
	X(l2tp_full)                                                           \
	X(gtpu)                                                                \
	X(gtpu_extension)                                                      \
	X(ipip)                                                                \
	X(ip6ip)                                                               \
	X(mplsip)                                                              \
	X(etherip)                                                             \
	X(ah)                                                                  \
	X(hep)

enum wrap {
#define X(name) WRAP_##name,
	WRAPS(X)
#undef X
	    WRAP_COUNT
};

/** Bytes that one wrapping adds at most. */
#define WRAP_BYTES_MAX 160

/** @return its name, as above */
const char *wrap_name(enum wrap wrap);
/** @return the wrapping, or -1 */
int wrap_find(const char *name, uint32_t n);

/** What a wrapping tells of a frame that is not in it. */
struct wrap_moment {
	uint32_t number; /**< of the frame, for those that count */
	int64_t time_ns; /**< UTC, since 1970 */
};

/**
 * Wrap an Ethernet frame.
 *
 * @param out [n + WRAP_BYTES_MAX]
 * @return bytes of it; 0: this cannot carry what the frame holds
 */
uint32_t wrap_frame(enum wrap wrap, const uint8_t *frame, uint32_t n,
		    uint8_t *out);

/** The same, with number and time; wrap_frame has some of its own. */
uint32_t wrap_frame_at(enum wrap wrap, const uint8_t *frame, uint32_t n,
		       const struct wrap_moment *moment, uint8_t *out);

#endif
