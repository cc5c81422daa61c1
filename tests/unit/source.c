#include "../../src/pure/source.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* "192.0.2.7", "2001:db8::1", "unix", "none" */
static struct addr
address(const char *text)
{
	struct addr a = { 0 };

	if (inet_pton(AF_INET, text, &a.u.in.sin_addr) == 1) {
		a.u.in.sin_family = AF_INET;
		a.len = sizeof(a.u.in);
	} else if (inet_pton(AF_INET6, text, &a.u.in6.sin6_addr) == 1) {
		a.u.in6.sin6_family = AF_INET6;
		a.u.in6.sin6_scope_id = 7;
		a.len = sizeof(a.u.in6);
	} else if (strcmp(text, "unix") == 0) {
		a.u.un.sun_family = AF_UNIX;
		a.len = sizeof(a.u.un.sun_family);
	}
	addr_set_port(&a, 4711);
	return a;
}

static void
test_of(void)
{
	static const struct {
		const char *label, *peer;
		unsigned ipv4, ipv6;
		const char *want;
	} rows[] = {
		{ "an IPv4 address is itself", "192.0.2.7", 32, 64, "192.0.2.7" },
		{ "cut to a prefix", "192.0.2.7", 24, 64, "192.0.2.0/24" },
		{ "that ends inside a byte", "192.0.255.255", 19, 64, "192.0.224.0/19" },
		{ "one source for all of IPv4", "192.0.2.7", 0, 64, "0.0.0.0/0" },
		{ "IPv6 by its /64", "2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64" },
		{ "all of an IPv6 address", "2001:db8::1", 32, 128, "2001:db8::1" },
		{ "a /56", "2001:db8:1:2ff::1", 32, 56, "2001:db8:1:200::/56" },
		{ "a /127", "2001:db8::3", 32, 127, "2001:db8::2/127" },
		{ "one source for all of IPv6", "2001:db8::1", 32, 0, "::/0" },
		{ "an IPv4-mapped address is its IPv4 address", "::ffff:192.0.2.7", 32, 64, "192.0.2.7" },
		{ "cut as one", "::ffff:192.0.2.7", 16, 64, "192.0.0.0/16" },
		{ "an address that only looks mapped is not", "::fffe:192.0.2.7", 32, 128,
		    "::fffe:c000:207" },
		{ "a unix peer is its uid", "unix", 32, 64, "uid:1000" },
		{ "no address is none", "none", 32, 64, "none" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct addr peer = address(rows[i].peer);
		struct source s = source_of(&peer, 1000, rows[i].ipv4, rows[i].ipv6);
		char got[SOURCE_TEXT_MAX];

		source_format(&s, got, sizeof(got));
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0, "got %s, want %s", got,
		    rows[i].want);
	}
}

static void
test_parse(void)
{
	static const struct {
		const char *label, *input;
		const char *want;	/* as it is written back */
		const char *why;	/* NULL: accepted */
	} rows[] = {
		{ "an address", "192.0.2.7", "192.0.2.7", NULL },
		{ "a prefix", "10.0.0.0/8", "10.0.0.0/8", NULL },
		{ "all bits are an address", "192.0.2.7/32", "192.0.2.7", NULL },
		{ "everything", "0.0.0.0/0", "0.0.0.0/0", NULL },
		{ "an IPv6 address", "2001:DB8::0:1", "2001:db8::1", NULL },
		{ "an IPv6 prefix", "2001:db8::/32", "2001:db8::/32", NULL },
		{ "every IPv6 address", "::/0", "::/0", NULL },
		{ "loopback", "::1/128", "::1", NULL },
		{ "a uid", "uid:1000", "uid:1000", NULL },
		{ "the highest uid", "uid:4294967294", "uid:4294967294", NULL },
		{ "a mapped address is IPv4", "::ffff:10.0.0.1", "10.0.0.1", NULL },
		{ "a mapped prefix is an IPv4 prefix", "::ffff:10.0.0.0/104", "10.0.0.0/8", NULL },
		{ "all mapped addresses are all of IPv4", "::ffff:0:0/96", "0.0.0.0/0", NULL },

		{ "bits beyond the prefix", "10.1.2.3/8", NULL,
		    "\"10.1.2.3/8\" has bits set beyond its first 8: did you mean \"10.0.0.0/8\"?" },
		{ "one bit beyond an odd prefix", "192.0.2.129/25", NULL, "mean \"192.0.2.128/25\"?" },
		{ "bits beyond an IPv6 prefix", "2001:db8::1/32", NULL, "mean \"2001:db8::/32\"?" },
		{ "bits beyond a mapped prefix", "::ffff:10.1.0.0/104", NULL, "has bits set beyond" },
		{ "a prefix that holds the mapped ones", "::/80", NULL,
		    "\"::/80\" mixes IPv4 and IPv6 addresses: write the IPv4 prefix itself, as in "
		    "\"10.0.0.0/8\"" },
		{ "the longest such", "::fffe:0:0/95", NULL, "mixes IPv4 and IPv6" },
		{ "the shortest such", "::/1", NULL, "mixes IPv4 and IPv6" },
		{ "a mapped address with a short length", "::ffff:10.0.0.0/8", NULL, "mixes IPv4 and IPv6" },
		{ "a mapped address with no length at all", "::ffff:10.0.0.0/0", NULL,
		    "mixes IPv4 and IPv6" },
		{ "a prefix beside the mapped ones", "::/97", "::/97", NULL },
		{ "a host name", "localhost", NULL, "expected an address or a prefix such as "
		    "\"192.0.2.7\", \"10.0.0.0/8\" or \"2001:db8::/32\", found \"localhost\" (berth asks no "
		    "DNS)" },
		{ "a domain", ".example.org", NULL, "found \".example.org\"" },
		{ "empty", "", NULL, "found \"\"" },
		{ "a length alone", "/8", NULL, "found \"/8\"" },
		{ "a short form", "10.0/16", NULL, "found \"10.0/16\"" },
		{ "leading zeros, octal to some", "010.0.0.1", NULL, "found \"010.0.0.1\"" },
		{ "a port", "10.0.0.1:80", NULL, "found \"10.0.0.1:80\"" },
		{ "brackets", "[::1]", NULL, "found \"[::1]\"" },
		{ "a scope", "fe80::1%eth0", NULL, "found \"fe80::1%eth0\"" },
		{ "a space", " 10.0.0.1", NULL, "found \" 10.0.0.1\"" },
		{ "a space behind", "10.0.0.0/8 ", NULL, "from 0 to 32" },
		{ "a long text", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    NULL, "expected an address" },
		{ "too long a length", "10.0.0.0/33", NULL,
		    "\"10.0.0.0/33\": the length of an IPv4 prefix is a number from 0 to 32" },
		{ "too long for IPv6", "::1/129", NULL, "of an IPv6 prefix is a number from 0 to 128" },
		{ "no length", "10.0.0.0/", NULL, "from 0 to 32" },
		{ "a netmask", "10.0.0.0/255.0.0.0", NULL, "from 0 to 32" },
		{ "a leading zero in the length", "10.0.0.0/08", NULL, "from 0 to 32" },
		{ "a negative length", "10.0.0.0/-1", NULL, "from 0 to 32" },
		{ "two lengths", "10.0.0.0/8/8", NULL, "from 0 to 32" },
		{ "a length that overflows", "10.0.0.0/4294967304", NULL, "from 0 to 32" },
		{ "no uid", "uid:", NULL, "\"uid:\": a uid is a number from 0 to 4294967294" },
		{ "a user name", "uid:root", NULL, "a uid is a number" },
		{ "a uid that is nobody's", "uid:4294967295", NULL, "a uid is a number" },
		{ "a uid with a sign", "uid:+1", NULL, "a uid is a number" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct diag why = { "" };
		char got[SOURCE_TEXT_MAX] = "";
		struct source s;
		bool ok = source_parse(rows[i].input, &s, &why);

		if (ok)
			source_format(&s, got, sizeof(got));
		UNIT_CHECK(rows[i].label, rows[i].why == NULL ? ok && strcmp(got, rows[i].want) == 0 :
		    !ok && strstr(why.text, rows[i].why) != NULL, "%s: got %s, %s", rows[i].input, got,
		    why.text);
	}
	UNIT_CHECK("nobody need hear why", !source_parse("x", &(struct source){ 0 }, NULL), "parsed");
}

static void
test_within(void)
{
	static const struct {
		const char *label, *a, *outer;
		bool want;
	} rows[] = {
		{ "an address is within its prefix", "10.1.2.3", "10.0.0.0/8", true },
		{ "and within itself", "10.1.2.3", "10.1.2.3", true },
		{ "not within a neighbour", "10.1.2.3", "10.1.2.2", false },
		{ "a prefix is within a shorter one", "10.1.0.0/16", "10.0.0.0/8", true },
		{ "and within itself", "10.0.0.0/8", "10.0.0.0/8", true },
		{ "not within a longer one", "10.0.0.0/8", "10.0.0.0/16", false },
		{ "the last address of a prefix", "10.127.255.255", "10.0.0.0/9", true },
		{ "the first behind it", "10.128.0.0", "10.0.0.0/9", false },
		{ "everything is within /0", "255.255.255.255", "0.0.0.0/0", true },
		{ "a mapped address is within the IPv4 prefix", "::ffff:10.0.0.1", "10.0.0.0/8", true },
		{ "no IPv4 address is within ::/0", "::ffff:10.0.0.1", "::/0", false },
		{ "every IPv6 address is", "2001:db8::1", "::/0", true },
		{ "no IPv6 address is within 0.0.0.0/0", "::1", "0.0.0.0/0", false },
		{ "a uid is within itself", "uid:7", "uid:7", true },
		{ "and in nothing else", "uid:7", "uid:8", false },
		{ "certainly in no prefix", "uid:7", "0.0.0.0/0", false },
	};
	struct source none = { 0 };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct source a, outer;
		bool got;

		if (!source_parse(rows[i].a, &a, NULL) || !source_parse(rows[i].outer, &outer, NULL)) {
			UNIT_CHECK(rows[i].label, false, "not parsed");
			continue;
		}
		got = source_within(&a, &outer);
		UNIT_CHECK(rows[i].label, got == rows[i].want, "%s in %s: got %d", rows[i].a,
		    rows[i].outer, got);
		UNIT_CHECK("  each is within the other: they are equal", source_equal(&a, &outer) ==
		    (source_within(&a, &outer) && source_within(&outer, &a)), "%s %s", rows[i].a,
		    rows[i].outer);
	}
	UNIT_CHECK("none is within nothing, not even itself", !source_within(&none, &none), "within");
}

static void
test_peer(void)
{
	static const struct {
		const char *label, *input, *want;	/* want: its host, or "uid N", or "" refused */
	} rows[] = {
		{ "an IPv4 address", "192.0.2.7", "192.0.2.7" },
		{ "with the port that the log prints", "192.0.2.7:4711", "192.0.2.7" },
		{ "an IPv6 address", "2001:db8::1", "2001:db8::1" },
		{ "in brackets", "[2001:db8::1]", "2001:db8::1" },
		{ "in brackets, with a port", "[2001:db8::1]:79", "2001:db8::1" },
		{ "a mapped one is its IPv4 address", "::ffff:10.0.0.1", "10.0.0.1" },
		{ "with the scope that the log prints", "[fe80::1%2]:79", "fe80::1" },
		{ "a user", "uid:1000", "uid 1000" },
		{ "a prefix is not one client", "10.0.0.0/8", "" },
		{ "a port without digits", "192.0.2.7:", "" },
		{ "a port of letters", "192.0.2.7:http", "" },
		{ "an open bracket", "[2001:db8::1", "" },
		{ "text behind the bracket", "[2001:db8::1]x", "" },
		{ "a bracket with a colon alone", "[2001:db8::1]:", "" },
		{ "a name", "localhost", "" },
		{ "nothing", "", "" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char got[ADDR_TEXT_MAX] = "";
		struct addr peer;
		struct diag why;
		uid_t uid;

		if (source_parse_peer(rows[i].input, &peer, &uid, &why)) {
			if (uid != (uid_t)-1)
				snprintf(got, sizeof(got), "uid %u", (unsigned)uid);
			else
				addr_host(&peer, got, sizeof(got));
		}
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0, "got %s, want %s", got,
		    rows[i].want);
	}
}

int
main(void)
{
	test_of();
	test_peer();
	test_parse();
	test_within();
	return unit_done();
}
