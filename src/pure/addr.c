#include "addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define UN_HEAD offsetof(struct sockaddr_un, sun_path)

/* Length of the unix name: of a path without its NUL, of an abstract name with its leading NUL. */
static size_t
un_len(const struct addr *a)
{
	size_t room;

	if (a->len <= UN_HEAD)
		return 0;
	room = a->len - UN_HEAD;
	if (room > sizeof(a->u.un.sun_path))
		room = sizeof(a->u.un.sun_path);
	return a->u.un.sun_path[0] == '\0' ? room : strnlen(a->u.un.sun_path, room);
}

static const char *
format_unix(const struct addr *a, char *buf, size_t size)
{
	size_t len = un_len(a), i;

	if (len == 0) {
		snprintf(buf, size, "unnamed");
		return buf;
	}
	for (i = 0; i < len && i + 1 < size; i++)
		buf[i] = a->u.un.sun_path[i] == '\0' ? '@' : a->u.un.sun_path[i];
	buf[i] = '\0';
	return buf;
}

const char *
addr_format(const struct addr *a, char *buf, size_t size)
{
	char host[ADDR_TEXT_MAX];

	assert(size > 0);
	if (a->len == 0)
		snprintf(buf, size, "none");
	else if (a->u.sa.sa_family == AF_UNIX)
		format_unix(a, buf, size);
	else if (a->u.sa.sa_family == AF_INET6)
		snprintf(buf, size, "[%s]:%u", addr_host(a, host, sizeof(host)), addr_port(a));
	else if (a->u.sa.sa_family == AF_INET)
		snprintf(buf, size, "%s:%u", addr_host(a, host, sizeof(host)), addr_port(a));
	else
		snprintf(buf, size, "unknown");
	return buf;
}

const char *
addr_host(const struct addr *a, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	assert(size > 0);
	buf[0] = '\0';
	if (a->len == 0)
		return buf;
	if (a->u.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->u.in.sin_addr, text, sizeof(text));
		snprintf(buf, size, "%s", text);
	} else if (a->u.sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->u.in6.sin6_addr, text, sizeof(text));
		if (a->u.in6.sin6_scope_id != 0)
			snprintf(buf, size, "%s%%%u", text, a->u.in6.sin6_scope_id);
		else
			snprintf(buf, size, "%s", text);
	}
	return buf;
}

uint16_t
addr_port(const struct addr *a)
{
	if (a->len == 0)
		return 0;
	if (a->u.sa.sa_family == AF_INET)
		return ntohs(a->u.in.sin_port);
	if (a->u.sa.sa_family == AF_INET6)
		return ntohs(a->u.in6.sin6_port);
	return 0;
}

void
addr_set_port(struct addr *a, uint16_t port)
{
	if (a->len == 0)
		return;
	if (a->u.sa.sa_family == AF_INET)
		a->u.in.sin_port = htons(port);
	else if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
}

void
addr_unmap(struct addr *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (a->len == 0 || a->u.sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return;
	in.sin_port = a->u.in6.sin6_port;
	memcpy(&in.sin_addr, &a->u.in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
	memset(&a->u, 0, sizeof(a->u));
	a->u.in = in;
	a->len = sizeof(in);
}

static bool
same_internet_host(const struct addr *a, const struct addr *b)
{
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr) &&
	    a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}

bool
addr_is_wildcard(const struct addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return false;
	if (a->u.sa.sa_family == AF_UNIX)
		return un_len(a) == un_len(b) &&
		    memcmp(a->u.un.sun_path, b->u.un.sun_path, un_len(a)) == 0;
	return addr_port(a) == addr_port(b) && same_internet_host(a, b);
}
