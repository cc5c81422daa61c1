/*
 * relay - what berthd and its relay helper (src/libexec/relay.c) say to each other, and the PROXY header
 *
 *	berth-relay CONNECT_TIMEOUT_MS none|v1|v2 INDEX=TARGET...
 *
 * berthd makes the command line, never a client.  Descriptors: 0 and 1 the client's connection, 2 the log
 * pipe, 3 the status pipe or socket (closed: nobody wants to know).  The targets are tried in the order
 * given, each for at most the timeout; on 3 comes one struct relay_event for each that failed and one for
 * the one that answered, then 3 is closed.  Exit status: 0 both directions have ended, or a reset was carried on;
 * EX_UNAVAILABLE (69) no target answered, stderr says why for each; EX_OSERR (71) no pipes; EX_USAGE (64).
 */
#ifndef BERTH_RELAY_H
#define BERTH_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define RELAY_STATUS_FD 3

enum relay_kind { RELAY_CONNECTED = 1, RELAY_FAILED = 2 };

/* One record on descriptor 3, in the machine's byte order; eight bytes, so it arrives whole or not at all. */
struct relay_event {
	uint16_t kind;		/* enum relay_kind */
	uint16_t index;		/* of the target, as on the command line */
	int32_t error;		/* FAILED: errno of socket(2) or connect(2); ETIMEDOUT: the timeout */
};
_Static_assert(sizeof(struct relay_event) == 8, "one record is eight bytes");

struct relay_target {
	uint16_t index;
	const char *text;	/* "tcp:10.0.0.2:80": the part of the argument that names it, not owned */
	struct addr addr;
};

/*
 * Parse "INDEX=tcp:A.B.C.D:PORT", "INDEX=tcp:[IPV6]:PORT" or "INDEX=unix:/PATH".  INDEX 0 to 65535, PORT 1 to
 * 65535, both without a leading zero.  No scope, no names, no abstract unix socket.  *out is only written on success.
 */
bool relay_target_parse(const char *arg, struct relay_target *out);

enum relay_proxy { RELAY_PROXY_NONE, RELAY_PROXY_V1, RELAY_PROXY_V2 };

/* "none", "v1" or "v2". */
bool relay_proxy_parse(const char *text, enum relay_proxy *out);

/* The two ends of the client's connection as UCSPI has them in the environment; NULL: not there. */
struct relay_ends {
	const char *remote_ip, *remote_port, *local_ip, *local_port;
};

/*
 * The header that goes before the client's bytes (haproxy doc/proxy-protocol.txt, 2.1 and 2.2): TCP4 or TCP6;
 * "PROXY UNKNOWN" or command PROXY with family UNSPEC where the ends are no two addresses of one family (a
 * unix client).  An IPv6 scope ("fe80::1%2") is left out: the protocol has no place for it.  Returns its length,
 * 0 for NONE.
 */
#define RELAY_HEADER_MAX 107
size_t relay_header(enum relay_proxy version, const struct relay_ends *ends, char buf[static RELAY_HEADER_MAX]);

/*
 * Append text to the string in buf[size], or as much as fits with "..." at its end.  For a program without stdio.
 */
void relay_append(char *buf, size_t size, const char *text);

#endif
