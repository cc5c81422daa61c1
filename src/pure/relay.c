#include "relay.h"

#include <arpa/inet.h>
#include <string.h>

/* Decimal digits up to `end`, no sign, no leading zero. */
static bool
parse_number(const char *p, const char *end, uint16_t *out)
{
	uint32_t n = 0;

	if (p == end || (*p == '0' && p + 1 != end))
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || (n = n * 10 + (uint32_t)(*p - '0')) > UINT16_MAX)
			return false;
	}
	*out = (uint16_t)n;
	return true;
}

/* inet_pton(3) for either family; a scope is dropped.  The length is 4, 16 or, for no address, 0. */
static size_t
parse_ip(const char *text, size_t len, uint8_t out[16])
{
	char host[INET6_ADDRSTRLEN];

	if (len >= sizeof(host))
		return 0;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, out) == 1)
		return 4;
	return inet_pton(AF_INET6, host, out) == 1 ? 16 : 0;
}

static bool
parse_tcp(const char *text, struct addr *out)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	bool bracket = *text == '[';
	uint8_t ip[16];
	uint16_t port;
	size_t len;

	if (colon == NULL || !parse_number(colon + 1, colon + strlen(colon), &port) || port == 0)
		return false;
	if (bracket && (++text >= end || *--end != ']'))
		return false;
	len = parse_ip(text, (size_t)(end - text), ip);
	if (len != (bracket ? 16 : 4))
		return false;
	memset(out, 0, sizeof(*out));
	if (bracket) {
		out->u.in6.sin6_family = AF_INET6;
		out->u.in6.sin6_port = htons(port);
		memcpy(&out->u.in6.sin6_addr, ip, 16);
		out->len = sizeof(out->u.in6);
	} else {
		out->u.in.sin_family = AF_INET;
		out->u.in.sin_port = htons(port);
		memcpy(&out->u.in.sin_addr, ip, 4);
		out->len = sizeof(out->u.in);
	}
	return true;
}

static bool
parse_unix(const char *path, struct addr *out)
{
	size_t len = strlen(path);

	if (*path != '/' || len >= sizeof(out->u.un.sun_path))
		return false;
	memset(out, 0, sizeof(*out));
	out->u.un.sun_family = AF_UNIX;
	memcpy(out->u.un.sun_path, path, len + 1);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return true;
}

bool
relay_target_parse(const char *text, struct addr *out)
{
	struct addr a;

	if (strncmp(text, "tcp:", 4) == 0) {
		if (!parse_tcp(text + 4, &a))
			return false;
	} else if (strncmp(text, "unix:", 5) != 0 || !parse_unix(text + 5, &a))
		return false;
	*out = a;
	return true;
}

/* Both ends in the order of the v2 header: source, destination, their ports. */
struct pair {
	size_t len;		/* of one address; 0: the ends are not known */
	uint8_t ip[2][16];
	uint16_t port[2];
};

static struct pair
read_pair(const struct relay_ends *e)
{
	struct pair p = { 0 };
	size_t remote, local;

	if (e->remote_ip == NULL || e->remote_port == NULL || e->local_ip == NULL || e->local_port == NULL)
		return p;
	remote = parse_ip(e->remote_ip, strcspn(e->remote_ip, "%"), p.ip[0]);
	local = parse_ip(e->local_ip, strcspn(e->local_ip, "%"), p.ip[1]);
	if (remote == local &&
	    parse_number(e->remote_port, e->remote_port + strlen(e->remote_port), &p.port[0]) &&
	    parse_number(e->local_port, e->local_port + strlen(e->local_port), &p.port[1]))
		p.len = remote;
	return p;
}

void
relay_append(char *buf, size_t size, const char *text)
{
	size_t have = strlen(buf), len = strlen(text), room = size - 1 - have;

	memcpy(buf + have, text, len < room ? len : room);
	buf[have + (len < room ? len : room)] = '\0';
	if (len > room && size > 3)
		memcpy(buf + size - 4, "...", 4);
}

/* Up to the scope, and a space. */
static void
append_host(char *buf, const char *ip)
{
	size_t have = strlen(buf), len = strcspn(ip, "%");

	memcpy(buf + have, ip, len);
	memcpy(buf + have + len, " ", 2);
}

/* The texts were parsed, so they are as short as addresses and ports are. */
static size_t
header_v1(const struct pair *p, const struct relay_ends *e, char *out)
{
	char line[RELAY_HEADER_MAX + 1] = "PROXY ";

	if (p->len == 0) {
		relay_append(line, sizeof(line), "UNKNOWN");
	} else {
		relay_append(line, sizeof(line), p->len == 4 ? "TCP4 " : "TCP6 ");
		append_host(line, e->remote_ip);
		append_host(line, e->local_ip);
		relay_append(line, sizeof(line), e->remote_port);
		relay_append(line, sizeof(line), " ");
		relay_append(line, sizeof(line), e->local_port);
	}
	relay_append(line, sizeof(line), "\r\n");
	memcpy(out, line, strlen(line));
	return strlen(line);
}

static size_t
header_v2(const struct pair *p, char *out)
{
	size_t len = p->len == 0 ? 0 : 2 * p->len + 4, at = 16;

	memcpy(out, "\r\n\r\n\0\r\nQUIT\n\x21", 13);	/* version 2, command PROXY */
	out[13] = p->len == 0 ? 0x00 : p->len == 4 ? 0x11 : 0x21;	/* UNSPEC, TCP over IPv4, over IPv6 */
	out[14] = 0;
	out[15] = (char)len;
	for (int i = 0; i < 2; i++, at += p->len)
		memcpy(out + at, p->ip[i], p->len);
	for (int i = 0; i < 2 && p->len != 0; i++) {
		out[at++] = (char)(p->port[i] >> 8);
		out[at++] = (char)(p->port[i] & 0xff);
	}
	return 16 + len;
}

size_t
relay_header(enum relay_proxy version, const struct relay_ends *ends, char buf[static RELAY_HEADER_MAX])
{
	struct pair p = read_pair(ends);

	if (version == RELAY_PROXY_V1)
		return header_v1(&p, ends, buf);
	return version == RELAY_PROXY_V2 ? header_v2(&p, buf) : 0;
}
