#include "../../src/pure/endpoint.h"

#include <string.h>

#include "unit.h"

#define LONG64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
/* "/" and 106 more: as much as sun_path holds with its NUL */
#define PATH107 "/" LONG64 "0123456789012345678901234567890123456789ab"

static void
test_parse(void)
{
	static const struct {
		const char *label, *input, *want;	/* want: the keys; or what is in the error */
	} rows[] = {
		{ "a port is every address of both families", "tcp:7777",
		    "tcp:0.0.0.0:7777 tcp:[::]:7777" },
		{ "a star is every address too", "tcp:*:7777", "tcp:0.0.0.0:7777 tcp:[::]:7777" },
		{ "an empty host is every address too", "tcp::7777", "tcp:0.0.0.0:7777 tcp:[::]:7777" },
		{ "an IPv4 literal", "tcp:127.0.0.1:80", "tcp:127.0.0.1:80" },
		{ "0.0.0.0 is IPv4 only", "tcp:0.0.0.0:80", "tcp:0.0.0.0:80" },
		{ "[::] is IPv6 only", "tcp:[::]:80", "tcp:[::]:80" },
		{ "an IPv6 literal is shown short", "tcp:[2001:DB8:0:0::1]:80",
		    "tcp:[2001:db8::1]:80" },
		{ "a scope stays as written", "tcp:[fe80::1%eth0]:80", "tcp:[fe80::1%eth0]:80" },
		{ "port 0", "tcp:127.0.0.1:0", "tcp:127.0.0.1:0" },
		{ "port 0 of both families is a pair", "tcp:0", "tcp:0.0.0.0:0 tcp:[::]:0+pair" },
		{ "the highest port", "tcp:127.0.0.1:65535", "tcp:127.0.0.1:65535" },
		{ "a range, port by port, IPv4 first", "tcp:7-8",
		    "tcp:0.0.0.0:7 tcp:[::]:7 tcp:0.0.0.0:8 tcp:[::]:8" },
		{ "a range of one address", "tcp:[::1]:65534-65535", "tcp:[::1]:65534 tcp:[::1]:65535" },
		{ "a range of one port", "tcp:[::1]:9-9", "tcp:[::1]:9" },
		{ "a port name waits for its number", "tcp:http", "name http" },
		{ "a port name with digits and signs", "tcp:127.0.0.1:iso-tsap_3.c+x",
		    "name iso-tsap_3.c+x" },
		{ "a unix path", "unix:/run/x", "unix:/run/x" },
		{ "a unix path may contain colons", "unix:/run/a:b", "unix:/run/a:b" },
		{ "an abstract name", "unix:@berth", "unix:@berth" },
		{ "a path as long as sun_path takes", "unix:" PATH107, "unix:" PATH107 },

		{ "a path longer than that", "unix:" PATH107 "x", "the path has 108 bytes" },
		{ "an abstract name longer than that", "unix:@" PATH107, "at most 107" },
		{ "a longer text yet", "unix:" PATH107 PATH107, "at most 191 bytes" },
		{ "a relative path", "unix:run/x", "expected an absolute path" },
		{ "an empty path", "unix:", "expected an absolute path" },
		{ "an empty abstract name", "unix:@", "the abstract name is empty" },
		{ "no kind", "7777", "\"7777\": expected KIND:[HOST:]PORT or KIND:PATH" },
		{ "empty", "", "\"\": expected KIND:" },
		{ "an unknown kind names the known ones", "sctp:53", "\"sctp:53\": \"sctp\" is not a known kind "
		    "of endpoint (known: tcp, udp, unix, unix-dgram, unix-seqpacket)" },
		{ "a kind in upper case", "TCP:53", "not a known kind" },
		{ "a beginning of a kind", "tc:53", "not a known kind" },
		{ "a host name", "tcp:localhost:80", "\"tcp:localhost:80\": \"localhost\" is not an "
		    "address (berth asks no DNS): use 127.0.0.1 or [::1]" },
		{ "an address with three parts", "tcp:127.0.1:80", "\"127.0.1\" is not an address" },
		{ "an address with leading zeros", "tcp:127.0.0.01:80", "is not an address" },
		{ "IPv6 without brackets", "tcp:::1:80", "an IPv6 address needs brackets: [::1]" },
		{ "IPv6 without brackets or port", "tcp:fe80::1", "needs brackets" },
		{ "brackets around IPv4", "tcp:[127.0.0.1]:80", "is not an IPv6 address" },
		{ "an open bracket", "tcp:[::1:80", "the bracket is not closed" },
		{ "nothing behind the bracket", "tcp:[::1]", "expected \":PORT\"" },
		{ "text behind the bracket", "tcp:[::1]x:80", "expected \":PORT\"" },
		{ "a mapped address", "tcp:[::ffff:1.2.3.4]:80",
		    "[::ffff:1.2.3.4] is an IPv4 address: use 1.2.3.4" },
		{ "an empty scope", "tcp:[fe80::1%]:80", "is not an interface name" },
		{ "a scope that is too long", "tcp:[fe80::1%abcdefghijklmnop]:80",
		    "is not an interface name" },
		{ "no port", "tcp:", "the port is missing" },
		{ "no port behind an address", "tcp:127.0.0.1:", "the port is missing" },
		{ "an address alone", "tcp:127.0.0.1", "expected a port number" },
		{ "a leading zero", "tcp:080", "has a leading zero" },
		{ "two zeros", "tcp:00", "has a leading zero" },
		{ "a port above 65535", "tcp:65536", "port \"65536\" is out of range (0 to 65535)" },
		{ "a port that would wrap", "tcp:4294967376", "is out of range" },
		{ "a negative port", "tcp:-1", "expected a port number" },
		{ "a sign", "tcp:+80", "expected a port number" },
		{ "a space", "tcp: 80", "expected a port number" },
		{ "a letter beyond ASCII", "tcp:h\xc3\xbc", "expected a port number" },
		{ "a name that is too long", "tcp:" LONG64, "at most 63 characters" },
		{ "a range that runs backwards", "tcp:8-7", "runs backwards" },
		{ "a range with 0", "tcp:0-7", "begins at 1" },
		{ "a range with a leading zero", "tcp:1-07", "has a leading zero" },
		{ "a range without an end", "tcp:7-", "expected a port number" },
		{ "a range with three parts", "tcp:7-8-9", "expected a port number" },
		{ "a range beyond 65535", "tcp:7-65536", "is out of range" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[1024] = "", text[ADDR_TEXT_MAX + 16];
		struct endpoint e = { .family = -1 };
		struct endpoint_key k;
		struct diag why = { "" };
		bool ok = endpoint_parse(rows[i].input, &e, &why);

		if (ok && e.port_name[0] != '\0')
			snprintf(got, sizeof(got), "name %s", e.port_name);
		for (size_t j = 0; ok && e.port_name[0] == '\0' && j < endpoint_count(&e); j++) {
			size_t at = strlen(got);

			endpoint_expand(&e, j, "", &k);
			snprintf(got + at, sizeof(got) - at, "%s%s%s", at > 0 ? " " : "",
			    endpoint_key_format(&k, text, sizeof(text)), k.pair_port ? "+pair" : "");
		}
		UNIT_CHECK(rows[i].label, ok ? strcmp(got, rows[i].want) == 0 && why.text[0] == '\0' &&
		    strcmp(e.text, rows[i].input) == 0 :
		    strstr(why.text, rows[i].want) != NULL && e.family == -1,
		    "%s: got '%s' '%s', want '%s'", rows[i].input, got, why.text, rows[i].want);
	}
}

static struct endpoint_key
key(const char *text, size_t i, const char *device)
{
	struct endpoint_key k = {0};
	struct endpoint e;

	if (endpoint_parse(text, &e, NULL))
		endpoint_expand(&e, i, device, &k);
	return k;
}

static void
test_pairs(void)
{
	static const struct {
		const char *label, *a, *adev, *b, *bdev;
		bool equal, overlap;
	} rows[] = {
		{ "the same", "tcp:127.0.0.1:80", "", "tcp:127.0.0.1:80", "", true, true },
		{ "another port", "tcp:127.0.0.1:80", "", "tcp:127.0.0.1:81", "", false, false },
		{ "another address", "tcp:127.0.0.1:80", "", "tcp:127.0.0.2:80", "", false, false },
		{ "a wildcard covers an address", "tcp:80", "", "tcp:127.0.0.1:80", "", false, true },
		{ "the half of a pair is the wildcard itself", "tcp:80", "", "tcp:0.0.0.0:80", "", true,
		    true },
		{ "the families are apart", "tcp:0.0.0.0:80", "", "tcp:[::]:80", "", false, false },
		{ "port 0 overlaps with nothing", "tcp:127.0.0.1:0", "", "tcp:0.0.0.0:0", "", false,
		    false },
		{ "two devices are apart", "tcp:127.0.0.1:80", "eth0", "tcp:127.0.0.1:80", "eth1",
		    false, false },
		{ "a device and none meet", "tcp:127.0.0.1:80", "eth0", "tcp:127.0.0.1:80", "", false,
		    true },
		{ "two scopes are apart", "tcp:[fe80::1%a]:80", "", "tcp:[fe80::1%b]:80", "", false,
		    false },
		{ "a scope and the wildcard meet", "tcp:[fe80::1%a]:80", "", "tcp:[::]:80", "", false,
		    true },
		{ "the same path", "unix:/x", "", "unix:/x", "eth0", true, true },
		{ "another path", "unix:/x", "", "unix:/xy", "", false, false },
		{ "an abstract name and a path", "unix:/x", "", "unix:@x", "", false, false },
		{ "another kind", "unix:/x", "", "tcp:0.0.0.0:80", "", false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint_key a = key(rows[i].a, 0, rows[i].adev);
		struct endpoint_key b = key(rows[i].b, 0, rows[i].bdev);
		int ab = endpoint_key_cmp(&a, &b), ba = endpoint_key_cmp(&b, &a);

		UNIT_CHECK(rows[i].label, (ab == 0) == rows[i].equal && (ab < 0) == (ba > 0) &&
		    endpoint_key_overlaps(&a, &b) == rows[i].overlap &&
		    endpoint_key_overlaps(&b, &a) == rows[i].overlap, "cmp %d and %d, overlaps %d", ab,
		    ba, endpoint_key_overlaps(&a, &b));
	}
}

static void
test_order(void)
{
	struct endpoint_key a = key("tcp:[fe80::1%a]:80", 0, ""), b = a, half = key("tcp:80", 1, "");

	b.addr.u.in6.sin6_scope_id = 7;
	UNIT_CHECK("a scope's number, known once bound, makes no other key",
	    endpoint_key_cmp(&a, &b) == 0, "%d", endpoint_key_cmp(&a, &b));
	UNIT_CHECK("both halves of a wildcard say so", half.wildcard_half &&
	    key("tcp:80", 0, "").wildcard_half && !a.wildcard_half, "%d", half.wildcard_half);
	UNIT_CHECK("a kind has a name", strcmp(endpoint_kind_name(ENDPOINT_UNIX), "unix") == 0, "%s",
	    endpoint_kind_name(ENDPOINT_UNIX));
}

int
main(void)
{
	test_parse();
	test_pairs();
	test_order();
	return unit_done();
}
