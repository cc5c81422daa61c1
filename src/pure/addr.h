/*
 * addr - socket addresses as values
 */
#ifndef BERTH_ADDR_H
#define BERTH_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Longest text that addr_format() makes, with its NUL. */
#define ADDR_TEXT_MAX 160

struct addr {
	socklen_t len;		/* as accept(2) and bind(2) use it; 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
};

/*
 * Text for people and logs: "192.0.2.7:4711", "[2001:db8::1]:79" (with %scope
 * as a number where there is one), "/run/x.sock", "@abstract", and "unnamed" for
 * a unix socket without a name.  Control bytes in a path are left as they are;
 * whoever prints escapes.  Returns buf.
 */
const char *addr_format(const struct addr *a, char *buf, size_t size);

/* The host part alone ("192.0.2.7", "2001:db8::1", "fe80::1%2"), "" for unix.  Returns buf. */
const char *addr_host(const struct addr *a, char *buf, size_t size);

/* Port in host order; 0 for unix. */
uint16_t addr_port(const struct addr *a);

/* Set the port of an IPv4 or IPv6 address; nothing happens for unix. */
void addr_set_port(struct addr *a, uint16_t port);

/*
 * Fold an IPv4-mapped IPv6 address (::ffff:a.b.c.d, RFC 4291 2.5.5.2) into the
 * IPv4 address that it is; every other address stays.
 */
void addr_unmap(struct addr *a);

/* 0.0.0.0 or :: , of an IPv4 or IPv6 address. */
bool addr_is_wildcard(const struct addr *a);

/* Same family, address, scope and port, or same unix path. */
bool addr_equal(const struct addr *a, const struct addr *b);

#endif
