#include "../../src/pure/relay.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

static void
test_targets(void)
{
	static const struct {
		const char *label, *arg;
		int index;		/* -1: refused */
		int family, port;
		const char *text;
	} rows[] = {
		{ "an IPv4 target", "0=tcp:10.0.0.2:80", 0, AF_INET, 80, "tcp:10.0.0.2:80" },
		{ "an IPv6 target", "7=tcp:[2001:db8::1]:65535", 7, AF_INET6, 65535, "tcp:[2001:db8::1]:65535" },
		{ "a unix target", "65535=unix:/run/x=y", 65535, AF_UNIX, 0, "unix:/run/x=y" },
		{ "no index", "tcp:10.0.0.2:80", -1, 0, 0, NULL },
		{ "an empty index", "=tcp:10.0.0.2:80", -1, 0, 0, NULL },
		{ "an index above 65535", "65536=tcp:10.0.0.2:80", -1, 0, 0, NULL },
		{ "a leading zero", "01=tcp:10.0.0.2:80", -1, 0, 0, NULL },
		{ "port 0", "1=tcp:10.0.0.2:0", -1, 0, 0, NULL },
		{ "a port above 65535", "1=tcp:10.0.0.2:65536", -1, 0, 0, NULL },
		{ "no port", "1=tcp:10.0.0.2", -1, 0, 0, NULL },
		{ "an empty port", "1=tcp:10.0.0.2:", -1, 0, 0, NULL },
		{ "no address", "1=tcp::80", -1, 0, 0, NULL },
		{ "a name", "1=tcp:localhost:80", -1, 0, 0, NULL },
		{ "IPv6 without brackets", "1=tcp:2001:db8::1:80", -1, 0, 0, NULL },
		{ "IPv4 in brackets", "1=tcp:[10.0.0.2]:80", -1, 0, 0, NULL },
		{ "an open bracket", "1=tcp:[::1:80", -1, 0, 0, NULL },
		{ "a bracket and nothing", "1=tcp:[:80", -1, 0, 0, NULL },
		{ "an IPv6 scope", "1=tcp:[fe80::1%2]:80", -1, 0, 0, NULL },
		{ "a relative path", "1=unix:run/x", -1, 0, 0, NULL },
		{ "an empty path", "1=unix:", -1, 0, 0, NULL },
		{ "another kind", "1=udp:10.0.0.2:80", -1, 0, 0, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct relay_target t = { 0 };
		bool ok = relay_target_parse(rows[i].arg, &t);
		int port = t.addr.u.sa.sa_family == AF_INET6 ? ntohs(t.addr.u.in6.sin6_port) :
		    t.addr.u.sa.sa_family == AF_INET ? ntohs(t.addr.u.in.sin_port) : 0;

		UNIT_CHECK(rows[i].label, ok == (rows[i].index >= 0) && (!ok ||
		    (t.index == rows[i].index && t.addr.u.sa.sa_family == rows[i].family &&
		    port == rows[i].port && strcmp(t.text, rows[i].text) == 0)),
		    "%s: %s, index %u, family %d, port %d", rows[i].arg, ok ? "taken" : "refused", t.index,
		    t.addr.u.sa.sa_family, port);
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
	enum relay_proxy v = RELAY_PROXY_NONE;

	relay_append(buf, sizeof(buf), "hello ");
	relay_append(buf, sizeof(buf), "world");
	UNIT_CHECK("what fits exactly is there", strcmp(buf, "hello world") == 0, "%s", buf);
	relay_append(buf, sizeof(buf), "");
	UNIT_CHECK("nothing more is no cut", strcmp(buf, "hello world") == 0, "%s", buf);
	relay_append(buf, sizeof(buf), "!");
	UNIT_CHECK("a cut shows", strcmp(buf, "hello wo...") == 0, "%s", buf);
	UNIT_CHECK("v2 is a version", relay_proxy_parse("v2", &v) && v == RELAY_PROXY_V2, "%d", v);
	UNIT_CHECK("v3 is none", !relay_proxy_parse("v3", &v), "%d", v);
}

int
main(void)
{
	test_targets();
	test_headers();
	test_append();
	return unit_done();
}
