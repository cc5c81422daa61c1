#include "endpoint.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[ENDPOINT_KINDS] = {
	[ENDPOINT_TCP] = "tcp",
	[ENDPOINT_UDP] = "udp",
	[ENDPOINT_UNIX] = "unix",
	[ENDPOINT_UNIX_DGRAM] = "unix-dgram",
	[ENDPOINT_UNIX_SEQPACKET] = "unix-seqpacket",
};

const char *
endpoint_kind_name(enum endpoint_kind kind)
{
	assert(kind < ENDPOINT_KINDS);
	return kind_names[kind];
}

bool
endpoint_is_unix(enum endpoint_kind kind)
{
	return kind == ENDPOINT_UNIX || kind == ENDPOINT_UNIX_DGRAM || kind == ENDPOINT_UNIX_SEQPACKET;
}

bool
endpoint_is_datagram(enum endpoint_kind kind)
{
	return kind == ENDPOINT_UDP || kind == ENDPOINT_UNIX_DGRAM;
}

/* ---- parsing: each step explains without the endpoint's text, which endpoint_parse() adds ---- */

static bool
parse_kind(const char *word, enum endpoint_kind *kind, struct diag *why)
{
	char known[96] = "", q[DIAG_QUOTE_MAX];

	for (int k = 0; k < ENDPOINT_KINDS; k++) {
		size_t at = strlen(known);

		if (strcmp(kind_names[k], word) == 0) {
			*kind = (enum endpoint_kind)k;
			return true;
		}
		snprintf(known + at, sizeof(known) - at, "%s%s", at ? ", " : "", kind_names[k]);
	}
	diag_set(why, "%s is not a known kind of endpoint (known: %s)",
	    diag_quote(word, q, sizeof(q)), known);
	return false;
}

/* Digits only, no leading zero, at most 65535. */
static bool
parse_number(const char *text, size_t len, uint16_t *port, struct diag *why)
{
	unsigned n = 0;

	if (len > 1 && text[0] == '0') {
		diag_set(why, "port \"%.*s\" has a leading zero", (int)len, text);
		return false;
	}
	for (size_t i = 0; i < len && n <= UINT16_MAX; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	if (n > UINT16_MAX) {
		diag_set(why, "port \"%.*s\" is out of range (0 to 65535)", (int)len, text);
		return false;
	}
	*port = (uint16_t)n;
	return true;
}

static bool
not_a_port(const char *text, struct diag *why)
{
	char q[DIAG_QUOTE_MAX];

	diag_set(why, "expected a port number, a range such as \"7000-7010\" or a services(5) name, "
	    "found %s", diag_quote(text, q, sizeof(q)));
	return false;
}

static bool
parse_range(const char *text, struct endpoint *e, struct diag *why)
{
	size_t digits = strspn(text, "0123456789");
	const char *second = text + digits + 1;

	if (digits == 0 || text[digits] != '-' || *second == '\0' ||
	    second[strspn(second, "0123456789")] != '\0')
		return not_a_port(text, why);
	if (!parse_number(text, digits, &e->first, why) ||
	    !parse_number(second, strlen(second), &e->last, why))
		return false;
	if (e->first == 0) {
		diag_set(why, "a port range begins at 1");
		return false;
	}
	if (e->first > e->last) {
		diag_set(why, "the port range %s runs backwards", text);
		return false;
	}
	return true;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool
parse_port_name(const char *text, struct endpoint *e, struct diag *why)
{
	if (text[strspn(text, LETTERS DIGITS "._+-")] != '\0')
		return not_a_port(text, why);
	if (strlen(text) >= sizeof(e->port_name)) {
		diag_set(why, "a port name has at most %zu characters", sizeof(e->port_name) - 1);
		return false;
	}
	memcpy(e->port_name, text, strlen(text) + 1);
	return true;
}

static bool
parse_port(const char *text, struct endpoint *e, struct diag *why)
{
	size_t len = strlen(text);

	if (len == 0) {
		diag_set(why, "the port is missing");
		return false;
	}
	if (strpbrk(text, LETTERS) != NULL)
		return parse_port_name(text, e, why);
	if (strspn(text, DIGITS) != len)
		return parse_range(text, e, why);
	if (!parse_number(text, len, &e->first, why))
		return false;
	e->last = e->first;
	return true;
}

/* What stands between the brackets: an IPv6 literal, perhaps with %scope.  It is written to. */
static bool
parse_ipv6(char *host, struct endpoint *e, struct diag *why)
{
	struct sockaddr_in6 *in6 = &e->address.u.in6;
	char *scope = strchr(host, '%'), q[DIAG_QUOTE_MAX], v4[INET_ADDRSTRLEN];

	if (scope != NULL) {
		*scope++ = '\0';
		if (*scope == '\0' || strlen(scope) >= sizeof(e->scope) ||
		    strpbrk(scope, "/% \t\n") != NULL) {
			diag_set(why, "%s is not an interface name of 1 to %zu characters",
			    diag_quote(scope, q, sizeof(q)), sizeof(e->scope) - 1);
			return false;
		}
		memcpy(e->scope, scope, strlen(scope) + 1);
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1) {
		diag_set(why, "%s is not an IPv6 address", diag_quote(host, q, sizeof(q)));
		return false;
	}
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], v4, sizeof(v4));
		diag_set(why, "[%s] is an IPv4 address: use %s", host, v4);
		return false;
	}
	in6->sin6_family = e->family = AF_INET6;
	e->address.len = sizeof(*in6);
	return true;
}

static bool
parse_ipv4(const char *host, struct endpoint *e, struct diag *why)
{
	struct sockaddr_in *in = &e->address.u.in;
	struct in6_addr six;
	char q[DIAG_QUOTE_MAX];

	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		e->family = AF_INET;
		e->address.len = sizeof(*in);
		return true;
	}
	if (inet_pton(AF_INET6, host, &six) == 1)
		diag_set(why, "an IPv6 address needs brackets: [%s]", host);
	else if (strchr(host, ':') != NULL)
		diag_set(why, "%s is not an address (an IPv6 address needs brackets, as in [::1])",
		    diag_quote(host, q, sizeof(q)));
	else
		diag_set(why, "%s is not an address (berth asks no DNS): use 127.0.0.1 or [::1]",
		    diag_quote(host, q, sizeof(q)));
	return false;
}

/* "[HOST:]PORT".  rest is written to. */
static bool
parse_tcp(char *rest, struct endpoint *e, struct diag *why)
{
	char *colon, *end;

	e->family = AF_UNSPEC;
	if (rest[0] == '[') {
		if ((end = strchr(rest, ']')) == NULL) {
			diag_set(why, "the bracket is not closed");
			return false;
		}
		if (end[1] != ':') {
			diag_set(why, "expected \":PORT\" after the bracket");
			return false;
		}
		*end = '\0';
		return parse_ipv6(rest + 1, e, why) && parse_port(end + 2, e, why);
	}
	if ((colon = strrchr(rest, ':')) == NULL)
		return parse_port(rest, e, why);
	*colon = '\0';
	if (rest[0] != '\0' && strcmp(rest, "*") != 0 && !parse_ipv4(rest, e, why))
		return false;
	return parse_port(colon + 1, e, why);
}

static bool
parse_unix(const char *path, struct endpoint *e, struct diag *why)
{
	struct sockaddr_un *un = &e->address.u.un;
	size_t len = strlen(path);

	if (path[0] != '/' && path[0] != '@') {
		diag_set(why, "expected an absolute path, or @NAME for an abstract one");
		return false;
	}
	if (path[0] == '@' && len == 1) {
		diag_set(why, "the abstract name is empty");
		return false;
	}
	if (len >= sizeof(un->sun_path)) {
		diag_set(why, "the path has %zu bytes; a unix socket takes at most %zu", len,
		    sizeof(un->sun_path) - 1);
		return false;
	}
	memcpy(un->sun_path, path, len);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	un->sun_family = AF_UNIX;
	e->family = AF_UNIX;
	/* unix(7): an abstract name is as long as the length says, a path counts its NUL */
	e->address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
	    (path[0] != '@'));
	return true;
}

static bool
parse_parts(char *copy, struct endpoint *e, struct diag *why)
{
	char *colon = strchr(copy, ':');

	if (colon == NULL) {
		diag_set(why, "expected KIND:[HOST:]PORT or KIND:PATH, as in \"tcp:7777\"");
		return false;
	}
	*colon = '\0';
	if (!parse_kind(copy, &e->kind, why))
		return false;
	return endpoint_is_unix(e->kind) ? parse_unix(colon + 1, e, why) :
	    parse_tcp(colon + 1, e, why);
}

bool
endpoint_parse(const char *text, struct endpoint *out, struct diag *why)
{
	struct endpoint e = {0};
	char copy[sizeof(e.text)], q[sizeof(e.text) + 8];
	size_t len = strlen(text);

	diag_quote(text, q, sizeof(q));
	if (len >= sizeof(e.text)) {
		diag_set(why, "%s: an endpoint has at most %zu bytes", q, sizeof(e.text) - 1);
		return false;
	}
	memcpy(e.text, text, len + 1);
	memcpy(copy, text, len + 1);
	if (!parse_parts(copy, &e, why)) {
		diag_prefix(why, "%s: ", q);
		return false;
	}
	*out = e;
	return true;
}

/* ---- keys ---- */

size_t
endpoint_count(const struct endpoint *e)
{
	if (endpoint_is_unix(e->kind))
		return 1;
	assert(e->port_name[0] == '\0' || e->first != 0);
	return (size_t)(e->last - e->first + 1) * (e->family == AF_UNSPEC ? 2 : 1);
}

static void
wildcard(struct addr *a, bool six)
{
	if (six) {
		a->u.in6.sin6_family = AF_INET6;
		a->len = sizeof(a->u.in6);
	} else {
		a->u.in.sin_family = AF_INET;
		a->len = sizeof(a->u.in);
	}
}

void
endpoint_expand(const struct endpoint *e, size_t i, const char *device, struct endpoint_key *out)
{
	bool both = e->family == AF_UNSPEC;
	uint16_t port;

	assert(i < endpoint_count(e));
	assert(strlen(device) < sizeof(out->device));
	*out = (struct endpoint_key){ .kind = e->kind, .addr = e->address };
	if (endpoint_is_unix(e->kind))
		return;
	port = (uint16_t)(e->first + (both ? i / 2 : i));
	if (both) {
		wildcard(&out->addr, i % 2 == 1);
		out->wildcard_half = true;
		out->pair_port = port == 0 && i % 2 == 1;
	}
	addr_set_port(&out->addr, port);
	memcpy(out->scope, e->scope, sizeof(out->scope));
	memcpy(out->device, device, strlen(device));
}

static int
cmp_number(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

/* Host only: bytes of the address, or of the unix name. */
static int
cmp_host(const struct addr *a, const struct addr *b)
{
	if (a->u.sa.sa_family == AF_INET)
		return memcmp(&a->u.in.sin_addr, &b->u.in.sin_addr, sizeof(a->u.in.sin_addr));
	if (a->u.sa.sa_family == AF_INET6)
		return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr,
		    sizeof(a->u.in6.sin6_addr));
	if (a->len != b->len)
		return cmp_number(a->len, b->len);
	return memcmp(&a->u.un, &b->u.un, a->len);
}

int
endpoint_key_cmp(const struct endpoint_key *a, const struct endpoint_key *b)
{
	int c;

	if ((c = cmp_number(a->kind, b->kind)) != 0)
		return c;
	if ((c = cmp_number(a->addr.u.sa.sa_family, b->addr.u.sa.sa_family)) != 0)
		return c;
	if ((c = cmp_number(addr_port(&a->addr), addr_port(&b->addr))) != 0)
		return c;
	if ((c = cmp_host(&a->addr, &b->addr)) != 0)
		return c;
	if ((c = strcmp(a->scope, b->scope)) != 0)
		return c;
	return strcmp(a->device, b->device);
}

static bool
devices_meet(const struct endpoint_key *a, const struct endpoint_key *b)
{
	/* a scope binds a link-local address to its interface as SO_BINDTODEVICE does */
	const char *da = a->device[0] != '\0' ? a->device : a->scope;
	const char *db = b->device[0] != '\0' ? b->device : b->scope;

	return da[0] == '\0' || db[0] == '\0' || strcmp(da, db) == 0;
}

bool
endpoint_key_overlaps(const struct endpoint_key *a, const struct endpoint_key *b)
{
	if (a->addr.u.sa.sa_family != b->addr.u.sa.sa_family)
		return false;
	/* a path is one file; each kind has abstract names of its own */
	if (endpoint_is_unix(a->kind) && a->addr.u.un.sun_path[0] != '\0')
		return cmp_host(&a->addr, &b->addr) == 0;
	if (a->kind != b->kind)
		return false;
	if (endpoint_is_unix(a->kind))
		return cmp_host(&a->addr, &b->addr) == 0;
	if (addr_port(&a->addr) != addr_port(&b->addr) || addr_port(&a->addr) == 0)
		return false;
	if (!devices_meet(a, b))
		return false;
	return addr_is_wildcard(&a->addr) || addr_is_wildcard(&b->addr) || cmp_host(&a->addr, &b->addr) == 0;
}

const char *
endpoint_key_format(const struct endpoint_key *k, char *buf, size_t size)
{
	char text[ADDR_TEXT_MAX];
	struct addr a = k->addr;

	if (a.u.sa.sa_family == AF_INET6 && k->scope[0] != '\0') {
		a.u.in6.sin6_scope_id = 0;
		snprintf(buf, size, "%s:[%s%%%s]:%u", endpoint_kind_name(k->kind),
		    addr_host(&a, text, sizeof(text)), k->scope, addr_port(&a));
	} else
		snprintf(buf, size, "%s:%s", endpoint_kind_name(k->kind),
		    addr_format(&a, text, sizeof(text)));
	return buf;
}
