#include "../../src/pure/relay.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

static void
test_targets(void)
{
	static const struct {
		const char *label, *arg;
		int family, port;	/* family 0: refused */
	} rows[] = {
		{ "an IPv4 target", "tcp:10.0.0.2:80", AF_INET, 80 },
		{ "an IPv6 target", "tcp:[2001:db8::1]:65535", AF_INET6, 65535 },
		{ "a unix target", "unix:/run/x=y", AF_UNIX, 0 },
		{ "a port with a leading zero", "tcp:10.0.0.2:080", 0, 0 },
		{ "port 0", "tcp:10.0.0.2:0", 0, 0 },
		{ "a port above 65535", "tcp:10.0.0.2:65536", 0, 0 },
		{ "no port", "tcp:10.0.0.2", 0, 0 },
		{ "an empty port", "tcp:10.0.0.2:", 0, 0 },
		{ "no address", "tcp::80", 0, 0 },
		{ "a name", "tcp:localhost:80", 0, 0 },
		{ "IPv6 without brackets", "tcp:2001:db8::1:80", 0, 0 },
		{ "IPv4 in brackets", "tcp:[10.0.0.2]:80", 0, 0 },
		{ "an open bracket", "tcp:[::1:80", 0, 0 },
		{ "a bracket and nothing", "tcp:[:80", 0, 0 },
		{ "an IPv6 scope", "tcp:[fe80::1%2]:80", 0, 0 },
		{ "a relative path", "unix:run/x", 0, 0 },
		{ "an empty path", "unix:", 0, 0 },
		{ "another kind", "udp:10.0.0.2:80", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = { 0 };
		bool ok = relay_target_parse(rows[i].arg, &a);
		int family = a.u.sa.sa_family;
		int port = family == AF_UNIX ? 0 : addr_port(&a);

		UNIT_CHECK(rows[i].label, ok == (rows[i].family != 0) && family == rows[i].family &&
		    port == rows[i].port, "%s: %s, family %d, port %d", rows[i].arg,
		    ok ? "taken" : "refused", family, port);
	}
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void
test_headers(void)
{
	static const char longest[] = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
	static const char ff[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	static const struct {
		const char *label;
		enum relay_proxy version;
		struct relay_ends ends;
		const char *want;
		size_t len;
	} rows[] = {
#define TEXT(t) t, sizeof(t) - 1
		{ "none is nothing", RELAY_PROXY_NONE, { "192.0.2.7", "4711", "192.0.2.1", "80" }, TEXT("") },
		{ "v1, IPv4", RELAY_PROXY_V1, { "192.0.2.7", "4711", "192.0.2.1", "80" },
		    TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n") },
		{ "v1, IPv6", RELAY_PROXY_V1, { "2001:db8::7", "4711", "::1", "80" },
		    TEXT("PROXY TCP6 2001:db8::7 ::1 4711 80\r\n") },
		{ "v1, the longest", RELAY_PROXY_V1, { ff, "65535", ff, "65535" }, TEXT(longest) },
		{ "v1, a scope is left out", RELAY_PROXY_V1, { "fe80::7%2", "4711", "fe80::1%2", "80" },
		    TEXT("PROXY TCP6 fe80::7 fe80::1 4711 80\r\n") },
		{ "v1, a unix client", RELAY_PROXY_V1, { 0 }, TEXT("PROXY UNKNOWN\r\n") },
		{ "v1, one end only", RELAY_PROXY_V1, { "192.0.2.7", "4711", NULL, NULL }, TEXT("PROXY UNKNOWN\r\n") },
		{ "v1, two families", RELAY_PROXY_V1, { "192.0.2.7", "4711", "::1", "80" }, TEXT("PROXY UNKNOWN\r\n") },
		{ "v1, what is no address", RELAY_PROXY_V1, { "x\r\ny", "4711", "z", "80" }, TEXT("PROXY UNKNOWN\r\n") },
		{ "v1, what is no port", RELAY_PROXY_V1, { "192.0.2.7", "4711 ", "192.0.2.1", "80" },
		    TEXT("PROXY UNKNOWN\r\n") },
		{ "v2, IPv4", RELAY_PROXY_V2, { "192.0.2.7", "4711", "192.0.2.1", "80" },
		    TEXT(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x50") },
		{ "v2, IPv6", RELAY_PROXY_V2, { "2001:db8::7", "4711", "::1", "65535" },
		    TEXT(SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x12\x67\xff\xff") },
		{ "v2, a scope is left out", RELAY_PROXY_V2, { "fe80::7%2", "1", "fe80::1%2", "2" },
		    TEXT(SIGNATURE "\x21\x21\0\x24\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\7"
		    "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2") },
		{ "v2, a unix client", RELAY_PROXY_V2, { 0 }, TEXT(SIGNATURE "\x21\0\0\0") },
#undef TEXT
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[RELAY_HEADER_MAX];
		size_t len = relay_header(rows[i].version, &rows[i].ends, buf);

		UNIT_CHECK(rows[i].label, len == rows[i].len && memcmp(buf, rows[i].want, len) == 0,
		    "%zu bytes, want %zu: %.*s", len, rows[i].len, (int)len, buf);
	}
}

static void
test_append(void)
{
	char buf[12] = "";

	relay_append(buf, sizeof(buf), "hello ");
	relay_append(buf, sizeof(buf), "world");
	UNIT_CHECK("what fits exactly is there", strcmp(buf, "hello world") == 0, "%s", buf);
	relay_append(buf, sizeof(buf), "");
	UNIT_CHECK("nothing more is no cut", strcmp(buf, "hello world") == 0, "%s", buf);
	relay_append(buf, sizeof(buf), "!");
	UNIT_CHECK("a cut shows", strcmp(buf, "hello wo...") == 0, "%s", buf);
}

int
main(void)
{
	test_targets();
	test_headers();
	test_append();
	return unit_done();
}
