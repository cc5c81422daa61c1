#include "../../src/pure/addr.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "unit.h"

static struct addr
inet4(const char *host, uint16_t port)
{
	struct addr a = { .len = sizeof(a.u.in) };

	a.u.in.sin_family = AF_INET;
	inet_pton(AF_INET, host, &a.u.in.sin_addr);
	addr_set_port(&a, port);
	return a;
}

static struct addr
inet6(const char *host, uint32_t scope, uint16_t port)
{
	struct addr a = { .len = sizeof(a.u.in6) };

	a.u.in6.sin6_family = AF_INET6;
	a.u.in6.sin6_scope_id = scope;
	inet_pton(AF_INET6, host, &a.u.in6.sin6_addr);
	addr_set_port(&a, port);
	return a;
}

static struct addr
unix_name(const char *name, size_t len)
{
	struct addr a = { .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len) };

	a.u.un.sun_family = AF_UNIX;
	memcpy(a.u.un.sun_path, name, len);
	return a;
}

static void
test_format(void)
{
	char full[108];
	struct {
		const char *label;
		struct addr a;
		const char *text, *host;
		uint16_t port;
	} rows[] = {
		{ "IPv4 is host:port", inet4("192.0.2.7", 4711), "192.0.2.7:4711", "192.0.2.7", 4711 },
		{ "IPv6 has brackets", inet6("2001:db8::1", 0, 79), "[2001:db8::1]:79", "2001:db8::1",
		    79 },
		{ "a scope is a number after %", inet6("fe80::1", 2, 65535), "[fe80::1%2]:65535",
		    "fe80::1%2", 65535 },
		{ "the wildcard is [::]", inet6("::", 0, 0), "[::]:0", "::", 0 },
		{ "a mapped address shows what it is", inet6("::ffff:1.2.3.4", 0, 9),
		    "[::ffff:1.2.3.4]:9", "::ffff:1.2.3.4", 9 },
		{ "a unix path is itself", unix_name("/run/x.sock", 12), "/run/x.sock", "", 0 },
		{ "a unix path without its NUL is itself", unix_name("/run/x", 6), "/run/x", "", 0 },
		{ "an abstract name begins with @", unix_name("\0abc", 4), "@abc", "", 0 },
		{ "a NUL inside an abstract name is shown as @", unix_name("\0a\0c", 4), "@a@c", "", 0 },
		{ "a unix socket without a name is unnamed", unix_name("", 0), "unnamed", "", 0 },
		{ "no address is none", { .len = 0 }, "none", "", 0 },
		{ "a path that fills sun_path is not overrun", unix_name(full, sizeof(full)), full, "",
		    0 },
	};

	memset(full, 'p', sizeof(full));
	rows[11].a = unix_name(full, sizeof(full));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ADDR_TEXT_MAX], host[ADDR_TEXT_MAX];

		addr_format(&rows[i].a, text, sizeof(text));
		addr_host(&rows[i].a, host, sizeof(host));
		UNIT_CHECK(rows[i].label, strncmp(text, rows[i].text, 108) == 0 &&
		    strcmp(host, rows[i].host) == 0 && addr_port(&rows[i].a) == rows[i].port,
		    "got %s, host %s, port %u", text, host, addr_port(&rows[i].a));
	}
}

static void
test_equal(void)
{
	const struct {
		const char *label;
		struct addr a, b;
		bool equal;
	} rows[] = {
		{ "the same IPv4 address", inet4("1.2.3.4", 5), inet4("1.2.3.4", 5), true },
		{ "another port is another address", inet4("1.2.3.4", 5),
		    inet4("1.2.3.4", 6), false },
		{ "another host", inet4("1.2.3.4", 5), inet4("1.2.3.5", 5), false },
		{ "another family", inet4("0.0.0.0", 5), inet6("::", 0, 5), false },
		{ "another scope is another address", inet6("fe80::1", 1, 5), inet6("fe80::1", 2, 5), false },
		{ "the same IPv6 address", inet6("fe80::1", 1, 5), inet6("fe80::1", 1, 5), true },
		{ "a path with and without its NUL", unix_name("/x", 3), unix_name("/x", 2), true },
		{ "another path", unix_name("/x", 3), unix_name("/y", 3), false },
		{ "an abstract name is not a path", unix_name("\0x", 2), unix_name("/x", 2), false },
		{ "an abstract name counts by its length", unix_name("\0x", 2), unix_name("\0x\0", 3), false },
		{ "two without an address", { .len = 0 }, { .len = 0 }, true },
		{ "one without an address", { .len = 0 }, inet4("1.2.3.4", 5), false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool equal = addr_equal(&rows[i].a, &rows[i].b);

		UNIT_CHECK(rows[i].label, equal == rows[i].equal &&
		    equal == addr_equal(&rows[i].b, &rows[i].a), "equal %d", equal);
	}
}

static void
test_unmap(void)
{
	const struct {
		const char *label;
		struct addr a;
		const char *want;
	} rows[] = {
		{ "a mapped address becomes IPv4, port kept", inet6("::ffff:1.2.3.4", 0, 80),
		    "1.2.3.4:80" },
		{ "a compatible address (::1.2.3.4) stays", inet6("::1.2.3.4", 0, 80),
		    "[::1.2.3.4]:80" },
		{ "an IPv6 address stays", inet6("2001:db8::1", 0, 80), "[2001:db8::1]:80" },
		{ "an IPv4 address stays", inet4("1.2.3.4", 80), "1.2.3.4:80" },
		{ "a unix address stays", unix_name("/x", 3), "/x" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = rows[i].a;
		char text[ADDR_TEXT_MAX];

		addr_unmap(&a);
		addr_format(&a, text, sizeof(text));
		UNIT_CHECK(rows[i].label, strcmp(text, rows[i].want) == 0, "got %s, want %s", text,
		    rows[i].want);
	}
}

int
main(void)
{
	test_format();
	test_equal();
	test_unmap();
	return unit_done();
}
