/*
 * endpoint - what one string of `listen` says, and the sockets it stands for
 *
 * "KIND:[HOST:]PORT" or "KIND:PATH" (contract: Endpoints).  The string is parsed
 * into a struct endpoint; a port name is filled in later by a look-up; then the
 * endpoint is expanded into one struct endpoint_key for each socket to open.
 */
#ifndef BERTH_ENDPOINT_H
#define BERTH_ENDPOINT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "diag.h"

enum endpoint_kind {
	ENDPOINT_TCP,
	ENDPOINT_UDP,
	ENDPOINT_UNIX,
	ENDPOINT_UNIX_DGRAM,
	ENDPOINT_UNIX_SEQPACKET,
	ENDPOINT_KINDS
};

/* "tcp", "udp", "unix", "unix-dgram", "unix-seqpacket". */
const char *endpoint_kind_name(enum endpoint_kind kind);

/* Has it a path or an abstract name, and no port?  Are there datagrams, and no connections? */
bool endpoint_is_unix(enum endpoint_kind kind);
bool endpoint_is_datagram(enum endpoint_kind kind);

struct endpoint {
	enum endpoint_kind kind;
	int family;		/* AF_UNSPEC: no host: both families; AF_INET, AF_INET6, AF_UNIX */
	struct addr address;	/* port 0; for AF_UNIX the whole address; len 0 for AF_UNSPEC */
	char scope[IF_NAMESIZE];/* of an IPv6 literal "[fe80::1%eth0]", as written; "" none */
	uint16_t first, last;	/* ports, host order, first <= last; 0,0: the kernel picks */
	char port_name[64];	/* a services(5) name that waits for its number; "" none */
	char text[192];		/* as written in the file */
};

/*
 * Parse one string.  Host names are refused (berth asks no DNS); so are a leading
 * zero in a port, ports above 65535, a range that runs backwards or contains 0,
 * an IPv6 literal without brackets, a unix path that is relative, empty or longer
 * than sun_path holds.  A mapped address "[::ffff:1.2.3.4]" is refused with the
 * IPv4 literal as a suggestion.  Returns false and explains on error; *out is
 * only written on success.
 */
bool endpoint_parse(const char *text, struct endpoint *out, struct diag *why);

/* One socket to open, and the identity under which a reload moves it. */
struct endpoint_key {
	enum endpoint_kind kind;
	struct addr addr;	/* with the port; scope id 0 until it is bound */
	char scope[IF_NAMESIZE];
	char device[IF_NAMESIZE]; /* socket.bind_to_device; "" none */
	bool wildcard_half;	/* made from an endpoint without a host: absent IPv6 is no error */
	bool pair_port;		/* port 0 of a pair: take the port of the IPv4 half before it */
};

/* How many keys endpoint_expand() makes.  Needs port_name resolved. */
size_t endpoint_count(const struct endpoint *e);

/*
 * Write key number i (0 <= i < endpoint_count(e)).  Order: port by port, IPv4 before IPv6.
 * device: socket.bind_to_device or "".
 */
void endpoint_expand(const struct endpoint *e, size_t i, const char *device,
    struct endpoint_key *out);

/* Total order: 0 when a listener for one can be moved to the other (scope, device, port equal). */
int endpoint_key_cmp(const struct endpoint_key *a, const struct endpoint_key *b);

/*
 * True when the kernel would not let both be bound at once: equal keys, or the
 * same family and port where one is the wildcard address (tcp(7); device equal or
 * either without one), or one path, of whichever kind.  Port 0 overlaps with nothing.
 */
bool endpoint_key_overlaps(const struct endpoint_key *a, const struct endpoint_key *b);

/* "tcp:127.0.0.1:7777", "tcp:[::]:7777", "unix:/run/x".  Returns buf. */
const char *endpoint_key_format(const struct endpoint_key *k, char *buf, size_t size);

#endif
