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
