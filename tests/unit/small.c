#include "../../src/pure/small.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OWN 7777

static void
test_daytime(void)
{
	static const struct {
		const char *label;
		struct tm tm;
		const char *want;
	} rows[] = {
		{ "daytime: the moment of the RFC's example, on its true weekday",
		    { .tm_wday = 1, .tm_mon = 1, .tm_mday = 22, .tm_hour = 17, .tm_min = 37, .tm_sec = 43,
		    .tm_year = 82 }, "Mon Feb 22 17:37:43 1982\r\n" },
		{ "daytime: a day of one digit is padded with a space",
		    { .tm_wday = 6, .tm_mon = 0, .tm_mday = 1, .tm_year = 100 },
		    "Sat Jan  1 00:00:00 2000\r\n" },
		{ "daytime: a leap second",
		    { .tm_wday = 0, .tm_mon = 11, .tm_mday = 31, .tm_hour = 23, .tm_min = 59, .tm_sec = 60,
		    .tm_year = 116 }, "Sun Dec 31 23:59:60 2016\r\n" },
		{ "daytime: a year of five digits",
		    { .tm_wday = 3, .tm_mon = 8, .tm_mday = 30, .tm_year = 8100 },
		    "Wed Sep 30 00:00:00 10000\r\n" },
		{ "daytime: the last year there is fits",
		    { .tm_wday = 4, .tm_mon = 4, .tm_mday = 9, .tm_year = 2147483647 },
		    "Thu May  9 00:00:00 2147485547\r\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[SMALL_DAYTIME_MAX];
		size_t len = small_daytime(&rows[i].tm, out);

		UNIT_CHECK(rows[i].label, len == strlen(rows[i].want) && strcmp(out, rows[i].want) == 0,
		    "got %s, want %s", out, rows[i].want);
	}
}

static void
test_time(void)
{
	static const struct {
		const char *label;
		int64_t input;
		uint32_t want;
	} rows[] = {
		{ "time: 1970, as the RFC has it", 0, 2208988800U },
		{ "time: 1976, as the RFC has it", 189302400, 2398291200U },
		{ "time: 1980, as the RFC has it", 315532800, 2524521600U },
		{ "time: 1983-05-01, as the RFC has it", 420595200, 2629584000U },
		{ "time: 1858-11-17, as the RFC has it (-1297728000)", -3506716800, (uint32_t)-1297728000 },
		{ "time: 1900 is 0", -2208988800, 0 },
		{ "time: the last second of the era, 2036-02-07T06:28:15Z", 2085978495, 0xffffffffU },
		{ "time: the next one is 0, 2036-02-07T06:28:16Z", 2085978496, 0 },
		{ "time: and on it goes", 2085978497, 1 },
		{ "time: 2038 is not the end", 2147483648, 61505152U },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t o[SMALL_TIME_LEN];
		uint32_t got;

		small_time(rows[i].input, o);
		got = (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];
		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %08x, want %08x", got, rows[i].want);
	}
}

static void
test_chargen(void)
{
	static const struct {
		const char *label;
		uint64_t k;
		const char *want;
	} rows[] = {
		{ "chargen: line 0 begins with the space", 0,
		    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n" },
		{ "chargen: line 1 is one on", 1,
		    "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n" },
		{ "chargen: line 24 comes round: after '~' the space", 24,
		    "89:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ \r\n" },
		{ "chargen: line 94 begins with '~'", 94,
		    "~ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdef\r\n" },
		{ "chargen: line 95 is line 0", 95,
		    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[SMALL_LINE];

		small_chargen_line(rows[i].k, out);
		UNIT_CHECK(rows[i].label, memcmp(out, rows[i].want, SMALL_LINE) == 0, "got %.74s", out);
	}
}

static void
test_chargen_datagram(void)
{
	static const struct {
		const char *label;
		size_t request, want;
	} rows[] = {
		{ "chargen datagram: nothing for nothing", 0, 0 },
		{ "chargen datagram: a byte for a byte", 1, 1 },
		{ "chargen datagram: a line", 74, 74 },
		{ "chargen datagram: more than a line", 75, 75 },
		{ "chargen datagram: the RFC's limit", 512, 512 },
		{ "chargen datagram: no more than that", 513, 512 },
		{ "chargen datagram: nor for the longest request", 65507, 512 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[SMALL_CHARGEN_MAX + 1], line[SMALL_LINE];
		size_t len, bad = 0;

		memset(out, 1, sizeof(out));
		len = small_chargen_datagram(3, rows[i].request, out);
		for (size_t at = 0; at < len; at++) {
			small_chargen_line(3 + at / SMALL_LINE, line);
			bad += out[at] != line[at % SMALL_LINE];
		}
		UNIT_CHECK(rows[i].label, len == rows[i].want && bad == 0 && out[len] == 1,
		    "length %zu, want %zu; %zu bytes differ", len, rows[i].want, bad);
	}
}

static struct addr
address(const char *host, uint16_t port)
{
	struct addr a;

	memset(&a, 0, sizeof(a));
	if (strcmp(host, "unix") == 0) {
		a.u.un.sun_family = AF_UNIX;
		strcpy(a.u.un.sun_path, "/run/x");
		a.len = sizeof(a.u.un);
	} else if (strcmp(host, "unnamed") == 0) {
		a.u.un.sun_family = AF_UNIX;
		a.len = sizeof(sa_family_t);
	} else if (strcmp(host, "packet") == 0) {
		a.u.sa.sa_family = AF_PACKET;
		a.len = 20;
	} else if (inet_pton(AF_INET6, host, &a.u.in6.sin6_addr) == 1) {
		a.u.in6.sin6_family = AF_INET6;
		a.len = sizeof(a.u.in6);
	} else if (inet_pton(AF_INET, host, &a.u.in.sin_addr) == 1) {
		a.u.in.sin_family = AF_INET;
		a.len = sizeof(a.u.in);
	}
	addr_set_port(&a, port);
	return a;
}

static void
test_unanswerable(void)
{
	static const struct {
		const char *label, *host;
		uint16_t port;
		const char *want;	/* NULL: may be answered */
	} rows[] = {
		{ "a client", "192.0.2.7", 40000, NULL },
		{ "a client over IPv6", "2001:db8::1", 40000, NULL },
		{ "a client over IPv4-mapped IPv6", "::ffff:192.0.2.7", 40000, NULL },
		{ "a link-local client", "fe80::1", 40000, NULL },
		{ "loopback, which the wire cannot forge", "127.0.0.1", 40000, NULL },
		{ "IPv6 loopback", "::1", 40000, NULL },
		{ "a low port that is no service's", "192.0.2.7", 1023, NULL },
		{ "a named unix socket", "unix", 0, NULL },

		{ "port 0", "192.0.2.7", 0, "source port 0" },
		{ "echo", "192.0.2.7", 7, "source port 7 (echo)" },
		{ "echo over IPv6", "2001:db8::1", 7, "source port 7 (echo)" },
		{ "echo over IPv4-mapped IPv6", "::ffff:192.0.2.7", 7, "source port 7 (echo)" },
		{ "echo on loopback", "127.0.0.1", 7, "source port 7 (echo)" },
		{ "discard", "192.0.2.7", 9, "source port 9 (discard)" },
		{ "systat", "192.0.2.7", 11, "source port 11 (systat)" },
		{ "daytime", "192.0.2.7", 13, "source port 13 (daytime)" },
		{ "qotd", "192.0.2.7", 17, "source port 17 (qotd)" },
		{ "chargen", "192.0.2.7", 19, "source port 19 (chargen)" },
		{ "time", "192.0.2.7", 37, "source port 37 (time)" },
		{ "domain", "192.0.2.7", 53, "source port 53 (domain)" },
		{ "tftp", "192.0.2.7", 69, "source port 69 (tftp)" },
		{ "sunrpc", "192.0.2.7", 111, "source port 111 (sunrpc)" },
		{ "ntp", "192.0.2.7", 123, "source port 123 (ntp)" },
		{ "netbios name service", "192.0.2.7", 137, "source port 137 (netbios-ns)" },
		{ "snmp", "192.0.2.7", 161, "source port 161 (snmp)" },
		{ "cldap", "192.0.2.7", 389, "source port 389 (cldap)" },
		{ "ssdp", "192.0.2.7", 1900, "source port 1900 (ssdp)" },
		{ "memcache", "192.0.2.7", 11211, "source port 11211 (memcache)" },
		{ "our own port on another host", "192.0.2.7", OWN, "source port like our own" },

		{ "0.0.0.0", "0.0.0.0", 40000, "unspecified source" },
		{ "the network 0", "0.1.2.3", 40000, "unspecified source" },
		{ "::", "::", 40000, "unspecified source" },
		{ "IPv4-mapped 0.0.0.0", "::ffff:0.0.0.0", 40000, "unspecified source" },
		{ "the lowest IPv4 multicast", "224.0.0.0", 40000, "multicast source" },
		{ "the highest IPv4 multicast", "239.255.255.255", 40000, "multicast source" },
		{ "below multicast", "223.255.255.255", 40000, NULL },
		{ "IPv6 multicast", "ff02::1", 40000, "multicast source" },
		{ "IPv4-mapped multicast", "::ffff:224.0.0.1", 40000, "multicast source" },
		{ "broadcast", "255.255.255.255", 40000, "broadcast source" },
		{ "IPv4-mapped broadcast", "::ffff:255.255.255.255", 40000, "broadcast source" },
		{ "an unnamed unix socket", "unnamed", 0, "source without a name" },
		{ "no address at all", "", 0, "source without a name" },
		{ "another family", "packet", 0, "source of an unknown kind" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = address(rows[i].host, rows[i].port);
		const char *got = small_unanswerable(&a, OWN);
		const char *want = rows[i].want;

		UNIT_CHECK(rows[i].label, got == NULL ? want == NULL : want != NULL && strcmp(got, want) == 0,
		    "got %s, want %s", got ? got : "none", want ? want : "none");
	}
}

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define NAME256 FIFTY FIFTY FIFTY FIFTY FIFTY "abcdef"

static void
test_mux_parse(void)
{
	static const struct {
		const char *label, *input;
		enum small_mux kind;
		const char *want;
	} rows[] = {
		{ "mux: a name and CRLF", "echo\r\n", SMALL_MUX_NAME, "echo" },
		{ "mux: LF alone, as BSD takes it", "echo\n", SMALL_MUX_NAME, "echo" },
		{ "mux: the case stays for the one who looks", "EcHo\r\n", SMALL_MUX_NAME, "EcHo" },
		{ "mux: every graphic character", "!a+b~\r\n", SMALL_MUX_NAME, "!a+b~" },
		{ "mux: the longest name", NAME256 "\r\n", SMALL_MUX_NAME, NAME256 },
		{ "mux: one more", NAME256 "x\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: one more, without CR", NAME256 "x\n", SMALL_MUX_BAD, NULL },
		{ "mux: HELP", "HELP\r\n", SMALL_MUX_HELP, NULL },
		{ "mux: help in any case", "hElp\n", SMALL_MUX_HELP, NULL },
		{ "mux: not help yet", "helpme\r\n", SMALL_MUX_NAME, "helpme" },
		{ "mux: empty", "\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: emptier", "\n", SMALL_MUX_BAD, NULL },
		{ "mux: no bytes", "", SMALL_MUX_BAD, NULL },
		{ "mux: no end", "echo", SMALL_MUX_BAD, NULL },
		{ "mux: CR alone is no end", "echo\r", SMALL_MUX_BAD, NULL },
		{ "mux: two CR", "echo\r\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: a CR inside", "ec\rho\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: a space", "echo x\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: a space at the end", "echo \r\n", SMALL_MUX_BAD, NULL },
		{ "mux: a control character", "ec\033ho\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: DEL", "echo\177\r\n", SMALL_MUX_BAD, NULL },
		{ "mux: a byte above ASCII", "ech\303\266\r\n", SMALL_MUX_BAD, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *name = NULL;
		size_t len = 0;
		enum small_mux kind = small_mux_parse(rows[i].input, strlen(rows[i].input), &name, &len);

		UNIT_CHECK(rows[i].label, kind == rows[i].kind && (rows[i].want == NULL ? name == NULL :
		    name != NULL && len == strlen(rows[i].want) && memcmp(name, rows[i].want, len) == 0),
		    "kind %d, want %d; name %.*s", kind, rows[i].kind, (int)len, name ? name : "none");
	}
	UNIT_CHECK("mux: a NUL inside", small_mux_parse("ec\0ho\r\n", 7, &(const char *){ NULL },
	    &(size_t){ 0 }) == SMALL_MUX_BAD, "it was taken");
}

static void
test_mux_same(void)
{
	static const struct {
		const char *label, *name, *listed;
		bool want;
	} rows[] = {
		{ "same: itself", "echo", "echo", true },
		{ "same: upper case asked", "ECHO", "echo", true },
		{ "same: upper case listed", "echo", "Echo", true },
		{ "same: a beginning is not", "ech", "echo", false },
		{ "same: nor a continuation", "echoo", "echo", false },
		{ "same: only letters have a case", "a@b", "a`b", false },
		{ "same: nor do brackets", "a[b", "a{b", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		UNIT_CHECK(rows[i].label, small_mux_same(rows[i].name, strlen(rows[i].name),
		    rows[i].listed) == rows[i].want, "%s and %s", rows[i].name, rows[i].listed);
	UNIT_CHECK("same: a name ends where it says", small_mux_same("echoing", 4, "echo"), "it does not");
}

int
main(void)
{
	test_daytime();
	test_time();
	test_chargen();
	test_chargen_datagram();
	test_unanswerable();
	test_mux_parse();
	test_mux_same();
	return unit_done();
}
