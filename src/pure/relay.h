/*
 * relay - what berthd and its relay processes (src/libexec/relay.c) say to each other
 *
 *	berth-relay CONNECT_TIMEOUT_MS TARGET...
 *
 * berthd makes the command line, never a client.  Descriptor 0 is a SOCK_SEQPACKET socket from berthd: an order is a packet, with
 * a descriptor (SCM_RIGHTS): of the pipe for events, once and first, or the client's connection where one is to be taken.  Events go
 * through the pipe, RELAY_EVENTS in a write at most, which is one piece therefore (pipe(7), PIPE_BUF).  A
 * connection has the slot that its order names until RELAY_ENDED; nothing is done with it before RELAY_TAKEN has been sent.
 * The targets are tried in the order given, each for at most the timeout.  When the socket ends, the process does as soon as its
 * connections have.
 */
#ifndef BERTH_RELAY_H
#define BERTH_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "proxy.h"
#include "targets.h"

#define RELAY_LINK 0
#define RELAY_EVENTS 64

enum relay_order_kind {
	RELAY_TAKE = 1,		/* comes with a connection */
	RELAY_DROP,		/* close what is in the slot, if anything is */
	RELAY_NEWS		/* comes with the pipe for events */
};

struct relay_order {
	uint32_t slot;
	uint16_t kind;			/* enum relay_order_kind */
	uint16_t count;			/* TAKE: in `target` */
	uint16_t target[TARGETS_MAX];	/* in the order to try: of the command line, from 0 */
	uint16_t header_length;		/* bytes that go before the client's */
	uint8_t header[PROXY_FORMAT_MAX];
};

enum relay_kind {
	RELAY_TAKEN = 1,	/* berthd need not keep its copy */
	RELAY_FAILED,		/* a target: errno of socket(2) or connect(2); ETIMEDOUT: the timeout */
	RELAY_CONNECTED,	/* this one answered */
	RELAY_ENDED		/* error: 0, EX_UNAVAILABLE (no target answers) or EX_OSERR (no descriptors) */
};

struct relay_event {
	uint32_t slot;
	uint16_t kind;		/* enum relay_kind */
	uint16_t target;
	int32_t error;
	uint32_t max_rss_kib;	/* ENDED, and the rest: of the whole process until now */
	uint64_t received, sent; /* bytes of the client, and to it */
	uint64_t user_us, system_us; /* CPU, as max_rss_kib */
};

/*
 * Parse "tcp:A.B.C.D:PORT", "tcp:[IPV6]:PORT" or "unix:/PATH".  PORT 1 to 65535 without a leading zero.  No scope, no names, no
 * abstract unix socket.  *out is only written on success.
 */
bool relay_target_parse(const char *text, struct addr *out);

enum relay_proxy { RELAY_PROXY_NONE, RELAY_PROXY_V1, RELAY_PROXY_V2 };

#endif
