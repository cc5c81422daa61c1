/*
 * source - what counts as one source of connections
 *
 * An IPv4 address (IPv4-mapped ones are their IPv4 address) or IPv6 address cut to a prefix, or the uid at the other end
 * of a unix socket.
 */
#ifndef BERTH_SOURCE_H
#define BERTH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"
#include "diag.h"

/* Longest text that source_format() makes, with its NUL. */
#define SOURCE_TEXT_MAX 64

struct source {
	uint8_t family;		/* AF_INET, AF_INET6, AF_UNIX; 0: none */
	uint8_t bits;		/* prefix length; 0 for AF_UNIX */
	uint8_t bytes[16];	/* the prefix, the rest zero; AF_UNIX: the uid, big-endian, in the first four */
};

/* ipv4, ipv6: prefix lengths (limits.source_prefix).  uid: of a unix peer.  A peer without an address has family 0. */
struct source source_of(const struct addr *peer, uid_t uid, unsigned ipv4, unsigned ipv6);

bool source_equal(const struct source *a, const struct source *b);

/* Does the address or prefix `a` lie within prefix `outer`? */
bool source_within(const struct source *a, const struct source *outer);

/*
 * "10.0.0.0/8", "192.0.2.7" (all bits), "2001:db8::/32", "uid:1000".  Refused: host names, set bits beyond the prefix (says which
 * prefix was probably meant), IPv4-mapped prefixes of 96 bits and more become their IPv4 prefix, shorter ones that would
 * mix the families are refused, but for "::/0": that is every IPv6 address, and no IPv4 one.
 */
bool source_parse(const char *text, struct source *out, struct diag *why);

/*
 * One client: "192.0.2.7", "2001:db8::1", with a port as in the log too ("192.0.2.7:4711", "[2001:db8::1]:4711"), or "uid:1000".
 * *uid is that of a unix peer, else -1.
 */
bool source_parse_peer(const char *text, struct addr *peer, uid_t *uid, struct diag *why);

/* "192.0.2.7" (all bits), "192.0.2.0/24", "2001:db8::/64", "uid:1000", "none".  Returns buf. */
const char *source_format(const struct source *s, char *buf, size_t size);

#endif
