#include "../../src/pure/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LABEL_MAX 160
#define READS_MAX 50

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc0\x00\x02\x07\xc6\x33\x64\x09\x12\x67\x00\x50"
#define SEVEN "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define NINE "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"
#define SIX SEVEN NINE "\x12\x67\x00\x50"
#define WANT_FOUR "192.0.2.7:4711 > 198.51.100.9:80"
#define WANT_SIX "[2001:db8::7]:4711 > [2001:db8::9]:80"
#define X10 "xxxxxxxxxx"
#define FULL "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define DOTTED "0000:0000:0000:0000:0000:ffff:255.255.255.255"	/* 45 characters */
#define HUNDRED8 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxx"

/* Bytes and how many; a NUL may be among them. */
#define B(bytes) (bytes), sizeof(bytes) - 1

struct good {
	const char *label, *bytes;
	size_t len;
	const char *want;	/* "source > destination"; NULL: local */
};

static const struct good good_lines[] = {
	{ "v1: TCP4", B("PROXY TCP4 192.0.2.7 198.51.100.9 4711 80\r\n"), WANT_FOUR },
	{ "v1: the shortest TCP4", B("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0 > 0.0.0.0:0" },
	{ "v1: the longest TCP4", B("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	    "255.255.255.255:65535 > 255.255.255.255:65535" },
	{ "v1: TCP6", B("PROXY TCP6 2001:db8::7 2001:db8::9 4711 80\r\n"), WANT_SIX },
	{ "v1: TCP6 in capitals", B("PROXY TCP6 2001:DB8::7 2001:DB8::9 4711 80\r\n"), WANT_SIX },
	{ "v1: TCP6 with leading zeros of groups",
	    B("PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0007 2001:0db8::0009 4711 80\r\n"), WANT_SIX },
	{ "v1: the shortest TCP6", B("PROXY TCP6 :: :: 0 0\r\n"), "[::]:0 > [::]:0" },
	{ "v1: the longest TCP6 (104)", B("PROXY TCP6 " FULL " " FULL " 65535 65535\r\n"),
	    "[" FULL "]:65535 > [" FULL "]:65535" },
	{ "v1: eight groups, and a :: for one", B("PROXY TCP6 1:2:3:4:5:6:7:8 1::3:4:5:6:7:8 1 2\r\n"),
	    "[1:2:3:4:5:6:7:8]:1 > [1:0:3:4:5:6:7:8]:2" },
	{ "v1: :: at either end", B("PROXY TCP6 ::2:3:4:5:6:7:8 1:2:3:4:5:6:7:: 1 2\r\n"),
	    "[0:2:3:4:5:6:7:8]:1 > [1:2:3:4:5:6:7:0]:2" },
	{ "v1: IPv4-mapped in TCP6 is folded",
	    B("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.9 4711 80\r\n"), WANT_FOUR },
	{ "v1: IPv4-mapped in hexadecimal too",
	    B("PROXY TCP6 ::ffff:c000:207 ::FFFF:C633:6409 4711 80\r\n"), WANT_FOUR },
	{ "v1: each address is folded by itself",
	    B("PROXY TCP6 ::ffff:192.0.2.7 2001:db8::9 4711 80\r\n"),
	    "192.0.2.7:4711 > [2001:db8::9]:80" },
	{ "v1: a dotted end that is not mapped", B("PROXY TCP6 64:ff9b::192.0.2.7 :: 1 2\r\n"),
	    "[64:ff9b::c000:207]:1 > [::]:2" },
	{ "v1: dotted addresses in a line of 107",
	    B("PROXY TCP6 " DOTTED " 000:0000:0000:0000:0000:ffff:255.255.255.255 0 0\r\n"),
	    "255.255.255.255:0 > 255.255.255.255:0" },
	{ "v1: UNKNOWN, short", B("PROXY UNKNOWN\r\n"), NULL },
	{ "v1: UNKNOWN and a space", B("PROXY UNKNOWN \r\n"), NULL },
	{ "v1: UNKNOWN with addresses", B("PROXY UNKNOWN 192.0.2.7 198.51.100.9 4711 80\r\n"), NULL },
	{ "v1: UNKNOWN, longest by the specification (107)",
	    B("PROXY UNKNOWN " FULL " " FULL " 65535 65535\r\n"), NULL },
	{ "v1: UNKNOWN ignores spaces, NUL and what is no ASCII",
	    B("PROXY UNKNOWN   \0\x80\xff PROXY TCP4\r\n"), NULL },
	{ "v1: UNKNOWN is not ended by a lone LF", B("PROXY UNKNOWN a\nb\r\n"), NULL },
	{ "v1: UNKNOWN is not ended by a lone CR", B("PROXY UNKNOWN a\rb\r\n"), NULL },
	{ "v1: UNKNOWN is not ended by LF CR", B("PROXY UNKNOWN a\n\rb\r\n"), NULL },
	{ "v1: of CR CR LF the last two end it", B("PROXY UNKNOWN a\r\r\n"), NULL },
	{ "v1: as haproxy 2.6 writes it", B("PROXY TCP4 127.0.0.1 127.0.0.1 55956 18702\r\n"),
	    "127.0.0.1:55956 > 127.0.0.1:18702" },
};

static const struct good good_binaries[] = {
	{ "v2: LOCAL", B(SIG "\x20\x00\0\0"), NULL },
	{ "v2: LOCAL skips its block", B(SIG "\x20\x00\0\x05" "12345"), NULL },
	{ "v2: LOCAL with addresses", B(SIG "\x20\x11\0\x0c" FOUR), NULL },
	{ "v2: LOCAL with too few bytes for its family", B(SIG "\x20\x21\0\x01" "x"), NULL },
	{ "v2: LOCAL with an unknown family", B(SIG "\x20\x4f\0\0"), NULL },
	{ "v2: LOCAL with all bits", B(SIG "\x20\xff\0\x02" "\xff\xff"), NULL },
	{ "v2: LOCAL with a wrong checksum", B(SIG "\x20\x00\0\x07" "\x03\0\x04" "abcd"), NULL },
	{ "v2: LOCAL with broken TLVs", B(SIG "\x20\x11\0\x0e" FOUR "\x04\xff"), NULL },
	{ "v2: UNSPEC", B(SIG "\x21\x00\0\0"), NULL },
	{ "v2: UNSPEC with bytes", B(SIG "\x21\x00\0\x03" "abc"), NULL },
	{ "v2: UNSPEC STREAM", B(SIG "\x21\x01\0\0"), NULL },
	{ "v2: UNSPEC DGRAM", B(SIG "\x21\x02\0\x0c" FOUR), NULL },
	{ "v2: INET UNSPEC", B(SIG "\x21\x10\0\x0c" FOUR), NULL },
	{ "v2: INET UNSPEC without addresses", B(SIG "\x21\x10\0\0"), NULL },
	{ "v2: INET6 UNSPEC", B(SIG "\x21\x20\0\x24" SIX), NULL },
	{ "v2: UNIX UNSPEC", B(SIG "\x21\x30\0\0"), NULL },
	{ "v2: INET STREAM", B(SIG "\x21\x11\0\x0c" FOUR), WANT_FOUR },
	{ "v2: INET6 STREAM", B(SIG "\x21\x21\0\x24" SIX), WANT_SIX },
	{ "v2: INET DGRAM over a stream: the real endpoints", B(SIG "\x21\x12\0\x0c" FOUR), NULL },
	{ "v2: INET6 DGRAM over a stream: the real endpoints", B(SIG "\x21\x22\0\x24" SIX), NULL },
	{ "v2: UNIX STREAM: the real endpoints",
	    B(SIG "\x21\x31\0\xd8" HUNDRED8 HUNDRED8), NULL },
	{ "v2: UNIX DGRAM: the real endpoints",
	    B(SIG "\x21\x32\0\xd8" HUNDRED8 HUNDRED8), NULL },
	{ "v2: UNIX and a TLV",
	    B(SIG "\x21\x31\0\xdb" HUNDRED8 HUNDRED8 "\x04\0\0"), NULL },
	{ "v2: IPv4-mapped in INET6 is folded",
	    B(SIG "\x21\x21\0\x24" "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07"
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x09" "\x12\x67\x00\x50"), WANT_FOUR },
	{ "v2: ports are big-endian", B(SIG "\x21\x11\0\x0c" "\1\2\3\4\5\6\7\x08\xff\xfe\x00\x01"),
	    "1.2.3.4:65534 > 5.6.7.8:1" },
	{ "v2: ALPN", B(SIG "\x21\x11\0\x11" FOUR "\x01\0\x02h2"), WANT_FOUR },
	{ "v2: AUTHORITY", B(SIG "\x21\x11\0\x1a" FOUR "\x02\0\x0b" "example.com"), WANT_FOUR },
	{ "v2: AUTHORITY with bytes that are no name",
	    B(SIG "\x21\x11\0\x13" FOUR "\x02\0\x04" "\r\n\0\xff"), WANT_FOUR },
	{ "v2: an empty NOOP", B(SIG "\x21\x11\0\x0f" FOUR "\x04\0\0"), WANT_FOUR },
	{ "v2: NOOP with bytes", B(SIG "\x21\x11\0\x11" FOUR "\x04\0\x02" "\x03\0"), WANT_FOUR },
	{ "v2: UNIQUE_ID", B(SIG "\x21\x11\0\x13" FOUR "\x05\0\x04" "id-1"), WANT_FOUR },
	{ "v2: an empty UNIQUE_ID", B(SIG "\x21\x11\0\x0f" FOUR "\x05\0\0"), WANT_FOUR },
	{ "v2: NETNS", B(SIG "\x21\x21\0\x2a" SIX "\x30\0\x03" "ns1"), WANT_SIX },
	{ "v2: SSL with TLVs inside",
	    B(SIG "\x21\x11\0\x2c" FOUR "\x20\0\x1d" "\x01\0\0\0\0" "\x21\0\x07" "TLSv1.3"
	    "\x22\0\x0b" "example.com"), WANT_FOUR },
	{ "v2: what is inside of SSL is not read",
	    B(SIG "\x21\x11\0\x16" FOUR "\x20\0\x07" "\x01\0\0\0\0" "\x21\xff"), WANT_FOUR },
	{ "v2: several TLVs, one type twice",
	    B(SIG "\x21\x11\0\x20" FOUR "\x01\0\x02h2" "\xea\0\x04" "\1vpc" "\xea\0\x00" "\xff\0\x02zz"),
	    WANT_FOUR },
	{ "v2: CRC32C", B(SIG "\x21\x11\0\x13" FOUR "\x03\0\x04" "\xaa\xef\x4c\x59"), WANT_FOUR },
	{ "v2: CRC32C between others",
	    B(SIG "\x21\x21\0\x36" SIX "\x01\0\x02h2" "\x03\0\x04" "\x8b\xb9\x04\xcc" "\x04\0\x03xyz"),
	    WANT_SIX },
	{ "v2: as haproxy 2.6 writes it, with CRC32C, UNIQUE_ID and SSL",
	    B(SIG "\x21\x11\0\x2b" "\x7f\0\0\x01\x7f\0\0\x01\xc3\x88\x49\x0d"
	    "\x03\0\x04" "\xd7\x40\x37\x3b" "\x05\0\x0d" "7F000001:C388"
	    "\x20\0\x05\0\0\0\0\0"), "127.0.0.1:50056 > 127.0.0.1:18701" },
	{ "v2: as haproxy 2.6 writes it for a unix client",
	    B(SIG "\x20\x00\0\x07" "\x03\0\x04" "\xa9\xb8\x7e\x8f"), NULL },
};

struct wrong {
	const char *label, *bytes;
	size_t len, at;		/* bytes that are there when it is refused; 0: all */
	const char *why;	/* part of it */
};

static const struct wrong wrong_lines[] = {
	{ "HTTP is refused for its first byte", B("GET / HTTP/1.1\r\n"), 1, "byte 1 is 0x47" },
	{ "HTTP that begins like it", B("PUT /x HTTP/1.1\r\n"), 2, "byte 2 is 0x55" },
	{ "TLS", B("\x16\x03\x01\x02\0\x01"), 1, "byte 1 is 0x16" },
	{ "SSH", B("SSH-2.0-OpenSSH_9.2\r\n"), 1, "byte 1 is 0x53" },
	{ "a NUL", B("\0"), 1, "byte 1 is 0x00" },
	{ "v1: in small letters", B("proxy TCP4 "), 1, "byte 1" },
	{ "v1: a space before", B(" PROXY TCP4 "), 1, "byte 1" },
	{ "v1: two spaces behind PROXY", B("PROXY  TCP4 "), 7, "byte 7 is 0x20" },
	{ "v1: a tab behind PROXY", B("PROXY\tTCP4 "), 6, "byte 6 is 0x09" },
	{ "v1: nothing behind PROXY", B("PROXY\r\n"), 6, "byte 6 is 0x0d" },
	{ "v1: a protocol in small letters", B("PROXY tcp4 "), 7, "byte 7" },
	{ "v1: UDP4", B("PROXY UDP4 192.0.2.7 198.51.100.9 4711 80\r\n"), 8, "byte 8" },
	{ "v1: TCP5", B("PROXY TCP5 "), 10, "byte 10 is 0x35" },
	{ "v1: TCP", B("PROXY TCP 192.0.2.7"), 10, "byte 10 is 0x20" },
	{ "v1: TCP4 and nothing", B("PROXY TCP4\r\n"), 11, "byte 11 is 0x0d" },
	{ "v1: TCP46", B("PROXY TCP46 "), 11, "byte 11 is 0x36" },
	{ "v1: UNKNOWNX", B("PROXY UNKNOWNX\r\n"), 14, "byte 14 is 0x58" },
	{ "v1: UNKNOWN and a lone LF", B("PROXY UNKNOWN\n"), 14, "byte 14 is 0x0a" },
	{ "v1: UNKNOWN and a lone CR", B("PROXY UNKNOWN\rGET"), 15, "byte 15 is 0x47" },
	{ "v1: UNKNOWN and a tab", B("PROXY UNKNOWN\t\r\n"), 14, "byte 14 is 0x09" },
	{ "v1: UNKNOWN of 108 bytes", B("PROXY UNKNOWN " FULL " " FULL " 65535 65535x\r\n"), 106,
	    "no CR LF within 107 bytes" },
	{ "v1: UNKNOWN whose CR is byte 107", B("PROXY UNKNOWN " FULL " " FULL " 65535 65535 \r\n"),
	    106, "no CR LF within 107 bytes" },
	{ "v1: UNKNOWN with a lone CR as byte 106",
	    B("PROXY UNKNOWN " FULL " " FULL " 65535 65535\rx\r\n"), 107, "no CR LF within 107 bytes" },
	{ "v1: TCP6 of 108 bytes", B("PROXY TCP6 " DOTTED " " DOTTED " 0 0\r\n"), 102,
	    "no CR LF within 107 bytes" },
	{ "v1: two spaces before the source", B("PROXY TCP4  192.0.2.7 "), 12, "source address \"\"" },
	{ "v1: two spaces before the destination", B("PROXY TCP4 192.0.2.7  198"), 22,
	    "destination address \"\"" },
	{ "v1: two spaces before a port", B("PROXY TCP4 192.0.2.7 198.51.100.9  4711"), 35,
	    "source port \"\"" },
	{ "v1: two spaces before the other", B("PROXY TCP4 192.0.2.7 198.51.100.9 1  2"), 37,
	    "destination port \"\"" },
	{ "v1: a space at the end", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2 \r\n"), 38,
	    "destination port is not followed by CR LF" },
	{ "v1: a fifth field", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2 3\r\n"), 38,
	    "destination port is not followed by CR LF" },
	{ "v1: a field too few", B("PROXY TCP4 192.0.2.7 198.51.100.9 1\r\n"), 36,
	    "source port is not followed by one space" },
	{ "v1: no ports", B("PROXY TCP4 192.0.2.7 198.51.100.9\r\n"), 34,
	    "destination address is not followed by one space" },
	{ "v1: no fields", B("PROXY TCP4 \r\n"), 12, "source address \"\"" },
	{ "v1: a tab between fields", B("PROXY TCP4 192.0.2.7\t"), 21, "source address" },
	{ "v1: a NUL between fields", B("PROXY TCP4 192.0.2.7\0 198.51.100.9 1 2\r\n"), 21,
	    "source address \"192.0.2.7?\"" },
	{ "v1: a NUL behind the last", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2\0\r\n"), 38,
	    "destination port \"2?\"" },
	{ "v1: no ASCII", B("PROXY TCP4 192.0.2.7\xff"), 21, "source address \"192.0.2.7?\"" },
	{ "v1: a lone LF", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2\n"), 38, "destination port \"2?\"" },
	{ "v1: a lone CR", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2\rGET"), 39,
	    "destination port is not followed by CR LF" },
	{ "v1: CR CR LF", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2\r\r\n"), 39,
	    "destination port is not followed by CR LF" },
	{ "v1: LF CR", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 2\n\r"), 38, "destination port" },
	{ "v1: a port of 65536", B("PROXY TCP4 192.0.2.7 198.51.100.9 65536 80\r\n"), 39,
	    "source port \"65536\"" },
	{ "v1: a port of six digits", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 100000\r\n"), 42,
	    "destination port \"100000\"" },
	{ "v1: a port of 2^32 and more", B("PROXY TCP4 1.2.3.4 1.2.3.4 4294967376 80\r\n"), 33,
	    "source port \"429496\"" },
	{ "v1: a leading zero of a port", B("PROXY TCP4 192.0.2.7 198.51.100.9 080 80\r\n"), 36,
	    "source port \"08\"" },
	{ "v1: 00 is no port", B("PROXY TCP4 192.0.2.7 198.51.100.9 1 00\r\n"), 38,
	    "destination port \"00\"" },
	{ "v1: a port with a plus", B("PROXY TCP4 192.0.2.7 198.51.100.9 +80 80\r\n"), 35,
	    "source port \"+\"" },
	{ "v1: a port below 0", B("PROXY TCP4 192.0.2.7 198.51.100.9 -1 80\r\n"), 35, "source port \"-\"" },
	{ "v1: a port in hexadecimal", B("PROXY TCP4 192.0.2.7 198.51.100.9 0x50 80\r\n"), 36,
	    "source port \"0x\"" },
	{ "v1: a port with a fraction", B("PROXY TCP4 192.0.2.7 198.51.100.9 80.0 80\r\n"), 37,
	    "source port \"80.\"" },
	{ "v1: a leading zero of an octet", B("PROXY TCP4 192.0.02.7 198.51.100.9 1 2\r\n"), 19,
	    "source address \"192.0.02\"" },
	{ "v1: an octet 00", B("PROXY TCP4 192.00.2.7 "), 17, "source address \"192.00\"" },
	{ "v1: an octet of 256", B("PROXY TCP4 192.0.256.7 "), 20, "source address \"192.0.256\"" },
	{ "v1: three octets", B("PROXY TCP4 192.0.2 198.51.100.9 1 2\r\n"), 19,
	    "source address \"192.0.2\"" },
	{ "v1: five octets", B("PROXY TCP4 192.0.2.7.1 "), 21, "source address \"192.0.2.7.\"" },
	{ "v1: two dots", B("PROXY TCP4 192..2.7 "), 16, "source address \"192..\"" },
	{ "v1: a dot first", B("PROXY TCP4 .192.0.2.7 "), 12, "source address \".\"" },
	{ "v1: an address as one number", B("PROXY TCP4 3221225991 "), 14, "source address \"322\"" },
	{ "v1: an octet in hexadecimal", B("PROXY TCP4 0xc0.0.2.7 "), 13, "source address \"0x\"" },
	{ "v1: an octet below 0", B("PROXY TCP4 -1.0.2.7 "), 12, "source address \"-\"" },
	{ "v1: an address and a port", B("PROXY TCP4 192.0.2.7:80 "), 21, "source address \"192.0.2.7:\"" },
	{ "v1: a name", B("PROXY TCP4 localhost localhost 1 2\r\n"), 12, "source address \"l\"" },
	{ "v1: IPv6 in TCP4", B("PROXY TCP4 2001:db8::7 2001:db8::9 1 2\r\n"), 15,
	    "source address \"2001\"" },
	{ "v1: :: in TCP4", B("PROXY TCP4 :: :: 1 2\r\n"), 12, "source address \":\"" },
	{ "v1: IPv6 as the destination of TCP4", B("PROXY TCP4 192.0.2.7 ::1 1 2\r\n"), 22,
	    "destination address \":\"" },
	{ "v1: IPv4 in TCP6", B("PROXY TCP6 192.0.2.7 198.51.100.9 1 2\r\n"), 15,
	    "source address \"192.\"" },
	{ "v1: IPv4 as the destination of TCP6", B("PROXY TCP6 ::1 192.0.2.7 1 2\r\n"), 19,
	    "destination address \"192.\"" },
	{ "v1: a zone", B("PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n"), 19, "source address \"fe80::1%\"" },
	{ "v1: a numbered zone", B("PROXY TCP6 fe80::2 fe80::1%2 1 2\r\n"), 27,
	    "destination address \"fe80::1%\"" },
	{ "v1: brackets", B("PROXY TCP6 [::1] [::1] 1 2\r\n"), 12, "source address \"[\"" },
	{ "v1: a prefix", B("PROXY TCP6 ::1/128 ::1 1 2\r\n"), 15, "source address \"::1/\"" },
	{ "v1: two ::", B("PROXY TCP6 1::2::3 ::1 1 2\r\n"), 17, "source address \"1::2::\"" },
	{ "v1: three colons", B("PROXY TCP6 ::: ::1 1 2\r\n"), 14, "source address \":::\"" },
	{ "v1: a lone colon first", B("PROXY TCP6 :1:2:3:4:5:6:7:8 ::1 1 2\r\n"), 13,
	    "source address \":1\"" },
	{ "v1: a lone colon last", B("PROXY TCP6 ::1: ::1 1 2\r\n"), 16, "source address \"::1:\"" },
	{ "v1: seven groups", B("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n"), 25,
	    "source address \"1:2:3:4:5:6:7\"" },
	{ "v1: nine groups", B("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n"), 27,
	    "source address \"1:2:3:4:5:6:7:8:\"" },
	{ "v1: eight groups and a ::", B("PROXY TCP6 1::2:3:4:5:6:7:8 "), 26,
	    "source address \"1::2:3:4:5:6:7:\"" },
	{ "v1: a group of five digits", B("PROXY TCP6 ::00001 ::1 1 2\r\n"), 18,
	    "source address \"::00001\"" },
	{ "v1: a group that is no hexadecimal", B("PROXY TCP6 ::g ::1 1 2\r\n"), 14,
	    "source address \"::g\"" },
	{ "v1: a leading zero in a dotted end", B("PROXY TCP6 ::ffff:192.0.02.7 ::1 1 2\r\n"), 26,
	    "source address \"::ffff:192.0.02\"" },
	{ "v1: an octet of 256 in a dotted end", B("PROXY TCP6 ::ffff:192.0.256.7 ::1 1 2\r\n"), 27,
	    "source address \"::ffff:192.0.256\"" },
	{ "v1: a dotted end too early", B("PROXY TCP6 1:2:3.4.5.6 ::1 1 2\r\n"), 17,
	    "source address \"1:2:3.\"" },
};

static const struct wrong wrong_binaries[] = {
	{ "v2: a byte of the signature", B("\r\n\r\n\0\r\nQUIT\r"), 12, "byte 12 is 0x0d" },
	{ "v2: the signature's NUL", B("\r\n\r\n\r\n"), 5, "byte 5 is 0x0d" },
	{ "v2: only line ends", B("\r\nGET /"), 3, "byte 3 is 0x47" },
	{ "v2: version 1", B(SIG "\x11\x11\0\x0c" FOUR), 13, "version 1 instead of 2" },
	{ "v2: version 3", B(SIG "\x31\x11\0\x0c" FOUR), 13, "version 3 instead of 2" },
	{ "v2: version 0", B(SIG "\x01\x11\0\x0c" FOUR), 13, "version 0 instead of 2" },
	{ "v2: LOCAL of version 3", B(SIG "\x30\x00\0\0"), 13, "version 3 instead of 2" },
	{ "v2: command 2", B(SIG "\x22\x11\0\x0c" FOUR), 13, "command 2 is neither" },
	{ "v2: command 15", B(SIG "\x2f\x11\0\x0c" FOUR), 13, "command 15 is neither" },
	{ "v2: family 4", B(SIG "\x21\x41\0\x0c" FOUR), 14, "address family 4 is unknown" },
	{ "v2: family 15", B(SIG "\x21\xf1\0\x0c" FOUR), 14, "address family 15 is unknown" },
	{ "v2: family 4, UNSPEC transport", B(SIG "\x21\x40\0\0"), 14, "address family 4 is unknown" },
	{ "v2: transport 3", B(SIG "\x21\x13\0\x0c" FOUR), 14, "transport 3 is unknown" },
	{ "v2: transport 15", B(SIG "\x21\x1f\0\x0c" FOUR), 14, "transport 15 is unknown" },
	{ "v2: transport 3, UNSPEC family", B(SIG "\x21\x03\0\0"), 14, "transport 3 is unknown" },
	{ "v2: INET without addresses", B(SIG "\x21\x11\0\0"), 16, "0 bytes of addresses instead of 12" },
	{ "v2: INET with 11 bytes", B(SIG "\x21\x11\0\x0b" FOUR), 16,
	    "11 bytes of addresses instead of 12" },
	{ "v2: INET DGRAM with 11 bytes", B(SIG "\x21\x12\0\x0b" FOUR), 16, "11 bytes of addresses" },
	{ "v2: INET6 with the addresses of INET", B(SIG "\x21\x21\0\x0c" FOUR), 16,
	    "12 bytes of addresses instead of 36" },
	{ "v2: INET6 with 35 bytes", B(SIG "\x21\x21\0\x23" SIX), 16, "35 bytes of addresses" },
	{ "v2: INET6 DGRAM with 35 bytes", B(SIG "\x21\x22\0\x23" SIX), 16, "35 bytes of addresses" },
	{ "v2: UNIX with 215 bytes", B(SIG "\x21\x31\0\xd7" HUNDRED8 HUNDRED8), 16,
	    "215 bytes of addresses instead of 216" },
	{ "v2: UNIX DGRAM with 215 bytes", B(SIG "\x21\x32\0\xd7" HUNDRED8 HUNDRED8), 16,
	    "215 bytes of addresses" },
	{ "v2: one byte is no TLV", B(SIG "\x21\x11\0\x0d" FOUR "\x04"), 0,
	    "1 bytes are left behind the last TLV" },
	{ "v2: two bytes are no TLV", B(SIG "\x21\x11\0\x0e" FOUR "\x04\0"), 0, "2 bytes are left" },
	{ "v2: two bytes behind a TLV", B(SIG "\x21\x11\0\x13" FOUR "\x01\0\x02h2" "\0\0"), 0,
	    "2 bytes are left" },
	{ "v2: a TLV one byte too long", B(SIG "\x21\x11\0\x11" FOUR "\x01\0\x03h2"), 0,
	    "TLV 0x01 has 3 bytes, but 2 are left" },
	{ "v2: the longest TLV in a short header", B(SIG "\x21\x11\0\x11" FOUR "\x01\xff\xffh2"), 0,
	    "TLV 0x01 has 65535 bytes, but 2 are left" },
	{ "v2: a TLV that reaches into the payload",
	    B(SIG "\x21\x11\0\x14" FOUR "\x02\0\x0a" "1234512345"), 36, "TLV 0x02 has 10 bytes" },
	{ "v2: a broken TLV behind the addresses of UNIX",
	    B(SIG "\x21\x31\0\xd9" HUNDRED8 HUNDRED8 "\x04"), 0, "1 bytes are left" },
	{ "v2: a broken TLV of a DGRAM", B(SIG "\x21\x12\0\x0d" FOUR "\x04"), 0, "1 bytes are left" },
	{ "v2: a wrong CRC32C", B(SIG "\x21\x11\0\x13" FOUR "\x03\0\x04" "\xaa\xef\x4c\x58"), 0,
	    "TLV CRC32C: the checksum is wrong" },
	{ "v2: a CRC32C of zeros", B(SIG "\x21\x11\0\x13" FOUR "\x03\0\x04\0\0\0\0"), 0,
	    "TLV CRC32C: the checksum is wrong" },
	{ "v2: a CRC32C in the other byte order",
	    B(SIG "\x21\x11\0\x13" FOUR "\x03\0\x04" "\x59\x4c\xef\xaa"), 0, "the checksum is wrong" },
	{ "v2: a wrong CRC32C of a DGRAM",
	    B(SIG "\x21\x12\0\x13" FOUR "\x03\0\x04" "\xaa\xef\x4c\x59"), 0, "the checksum is wrong" },
	{ "v2: a CRC32C of 3 bytes", B(SIG "\x21\x11\0\x12" FOUR "\x03\0\x03" "abc"), 0,
	    "TLV CRC32C has 3 bytes instead of 4" },
	{ "v2: a CRC32C of 5 bytes", B(SIG "\x21\x11\0\x14" FOUR "\x03\0\x05" "abcde"), 0,
	    "TLV CRC32C has 5 bytes instead of 4" },
	{ "v2: an empty CRC32C", B(SIG "\x21\x11\0\x0f" FOUR "\x03\0\0"), 0, "has 0 bytes instead of 4" },
	{ "v2: CRC32C twice, the first of them right",
	    B(SIG "\x21\x11\0\x1a" FOUR "\x03\0\x04" "\xb8\xb5\x81\xa0" "\x03\0\x04\0\0\0\0"), 0,
	    "TLV CRC32C occurs twice" },
};

/* Of a copy of exactly this size, so that a sanitizer sees what reads beyond it. */
static enum proxy_outcome
parse(const void *bytes, size_t len, struct proxy_header *h, size_t *need, struct diag *why)
{
	uint8_t *exact = calloc(len > 0 ? len : 1, 1);
	enum proxy_outcome o;

	if (exact == NULL)
		abort();
	memcpy(exact, bytes, len);
	why->text[0] = '\0';
	o = proxy_parse(exact, len, h, need, why);
	if (memcmp(exact, bytes, len) != 0)
		abort();
	free(exact);
	return o;
}

/* "source > destination", "local" */
static const char *
addresses(const struct proxy_header *h, char *buf, size_t size)
{
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

	if (h->local && h->source.len == 0 && h->destination.len == 0)
		snprintf(buf, size, "local");
	else
		snprintf(buf, size, "%s > %s", addr_format(&h->source, from, sizeof(from)),
		    addr_format(&h->destination, to, sizeof(to)));
	return buf;
}

/* It is a header of this length, whatever comes behind it. */
static void
check_whole(const char *label, const void *bytes, size_t len, size_t length, const char *want)
{
	char got[2 * ADDR_TEXT_MAX + 8] = "";
	struct proxy_header h = { 0 };
	size_t need = 0;
	struct diag why;
	enum proxy_outcome o = parse(bytes, len, &h, &need, &why);

	if (o == PROXY_DONE)
		addresses(&h, got, sizeof(got));
	UNIT_CHECK(label, o == PROXY_DONE && h.length == length && strcmp(got, want) == 0,
	    "outcome %d, length %zu, %s (%s); want %zu, %s", o, h.length, got, why.text, length, want);
}

/* At each byte there is more to come, and no more than there is of the header. */
static void
check_splits(const struct good *g)
{
	size_t need = 0, before = 0, at;
	char label[LABEL_MAX];
	struct proxy_header h;
	struct diag why;

	for (at = 0; at < g->len; at++) {
		if (parse(g->bytes, at, &h, &need, &why) != PROXY_MORE || need <= at ||
		    need > g->len || need < before)
			break;
		before = need;
	}
	snprintf(label, sizeof(label), "%s: split at every byte", g->label);
	UNIT_CHECK(label, at == g->len, "at %zu of %zu: need %zu (%s)", at, g->len, need, why.text);
}

/* A reader that always reads what is needed ends at the header's end (UNKNOWN: by steps of two). */
static void
check_reader(const struct good *g)
{
	size_t len = 0, need = 0, reads = 0;
	char label[LABEL_MAX];
	struct proxy_header h;
	struct diag why;

	while (len <= g->len && reads < READS_MAX && parse(g->bytes, len, &h, &need, &why) == PROXY_MORE) {
		len = need;
		reads++;
	}
	snprintf(label, sizeof(label), "%s: read by need", g->label);
	UNIT_CHECK(label, len == g->len && reads < READS_MAX, "%zu of %zu bytes after %zu reads", len,
	    g->len, reads);
}

static void
check_good(const struct good *g)
{
	static const char payload[] = "\r\n\0PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n";
	const char *want = g->want != NULL ? g->want : "local";
	char label[LABEL_MAX], *both = malloc(g->len + sizeof(payload));

	if (both == NULL)
		abort();
	memcpy(both, g->bytes, g->len);
	memcpy(both + g->len, payload, sizeof(payload));
	check_whole(g->label, g->bytes, g->len, g->len, want);
	snprintf(label, sizeof(label), "%s: payload behind it", g->label);
	check_whole(label, both, g->len + sizeof(payload), g->len, want);
	check_splits(g);
	check_reader(g);
	free(both);
}

static void
check_wrong(const struct wrong *w)
{
	size_t at = w->at > 0 ? w->at : w->len, need = 0;
	struct proxy_header h;
	char label[LABEL_MAX];
	struct diag why;
	enum proxy_outcome o = parse(w->bytes, at - 1, &h, &need, &why);

	snprintf(label, sizeof(label), "%s: not before byte %zu", w->label, at);
	UNIT_CHECK(label, o == PROXY_MORE, "outcome %d (%s)", o, why.text);
	o = parse(w->bytes, at, &h, &need, &why);
	UNIT_CHECK(w->label, o == PROXY_BAD && strstr(why.text, w->why) != NULL,
	    "outcome %d, %s; want %s", o, why.text, w->why);
	o = parse(w->bytes, w->len, &h, &need, &why);
	snprintf(label, sizeof(label), "%s: whatever comes behind", w->label);
	UNIT_CHECK(label, o == PROXY_BAD, "outcome %d", o);
}

static void
test_tables(void)
{
	for (size_t i = 0; i < ROWS(good_lines); i++)
		check_good(&good_lines[i]);
	for (size_t i = 0; i < ROWS(good_binaries); i++)
		check_good(&good_binaries[i]);
	for (size_t i = 0; i < ROWS(wrong_lines); i++)
		check_wrong(&wrong_lines[i]);
	for (size_t i = 0; i < ROWS(wrong_binaries); i++)
		check_wrong(&wrong_binaries[i]);
}

static void
test_need(void)
{
	static const struct {
		const char *label, *bytes;
		size_t len, need;
	} rows[] = {
		{ "nothing: the shortest header is PROXY UNKNOWN", B(""), 15 },
		{ "P", B("P"), 15 },
		{ "a CR is version 2", B("\r"), 16 },
		{ "PROXY", B("PROXY"), 15 },
		{ "T: TCP6 is the shorter one", B("PROXY T"), 22 },
		{ "TCP4", B("PROXY TCP4"), 32 },
		{ "TCP4 and a space", B("PROXY TCP4 "), 32 },
		{ "an octet", B("PROXY TCP4 1"), 32 },
		{ "more of it", B("PROXY TCP4 192"), 34 },
		{ "a dot", B("PROXY TCP4 192."), 34 },
		{ "a whole address may go on", B("PROXY TCP4 192.0.2.7"), 34 },
		{ "or end", B("PROXY TCP4 192.0.2.7 "), 34 },
		{ "ports", B("PROXY TCP4 192.0.2.7 198.51.100.9 "), 39 },
		{ "a port", B("PROXY TCP4 192.0.2.7 198.51.100.9 47"), 40 },
		{ "the last port", B("PROXY TCP4 192.0.2.7 198.51.100.9 4711 8"), 42 },
		{ "the last port may go on", B("PROXY TCP4 192.0.2.7 198.51.100.9 4711 80"), 43 },
		{ "LF", B("PROXY TCP4 192.0.2.7 198.51.100.9 4711 80\r"), 43 },
		{ "TCP6", B("PROXY TCP6 "), 22 },
		{ "a colon", B("PROXY TCP6 :"), 22 },
		{ "a group", B("PROXY TCP6 2001"), 26 },
		{ "a group and a colon", B("PROXY TCP6 2001:"), 26 },
		{ "the last group", B("PROXY TCP6 1:2:3:4:5:6:7:"), 35 },
		{ "a dotted end", B("PROXY TCP6 ::ffff:1."), 34 },
		{ "UNKNOWN", B("PROXY UNKNOWN"), 15 },
		{ "UNKNOWN and CR", B("PROXY UNKNOWN\r"), 15 },
		{ "UNKNOWN and a space", B("PROXY UNKNOWN "), 16 },
		{ "UNKNOWN and more", B("PROXY UNKNOWN abc"), 19 },
		{ "UNKNOWN, more, CR", B("PROXY UNKNOWN abc\r"), 19 },
		{ "UNKNOWN with 105 bytes", B("PROXY UNKNOWN " FULL " " FULL " 65535 65535"), 107 },
		{ "UNKNOWN with 106 bytes, the last of them CR",
		    B("PROXY UNKNOWN " FULL " " FULL " 65535 65535\r"), 107 },
		{ "the signature", B(SIG), 16 },
		{ "15 bytes of version 2", B(SIG "\x21\x11\0"), 16 },
		{ "16 bytes of version 2", B(SIG "\x21\x11\x01\x02"), 16 + 258 },
		{ "17 bytes of version 2", B(SIG "\x21\x11\x01\x02" "x"), 16 + 258 },
		{ "the longest header", B(SIG "\x20\x00\xff\xff"), PROXY_HEADER_MAX },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char label[LABEL_MAX];
		struct proxy_header h;
		struct diag why;
		size_t need = 0;
		enum proxy_outcome o = parse(rows[i].bytes, rows[i].len, &h, &need, &why);

		snprintf(label, sizeof(label), "need: %s", rows[i].label);
		UNIT_CHECK(label, o == PROXY_MORE && need == rows[i].need, "outcome %d, need %zu, want %zu",
		    o, need, rows[i].need);
	}
}

/* One byte in all its values: those that are not refused. */
static void
test_every_value(void)
{
	static const struct {
		const char *label, *bytes;
		size_t len, at;		/* which byte */
		const char *taken;
		size_t count;
	} rows[] = {
		{ "first bytes of a header", B("?"), 0, B("\rP") },
		{ "versions and commands", B(SIG "?\x00\0\0"), 12, B("\x20\x21") },
		{ "families and transports", B(SIG "\x21?\0\xd8" HUNDRED8 HUNDRED8), 13,
		    /* x is no TLV: of those that are read only the longest addresses fill the block */
		    B("\x00\x01\x02\x10\x20\x30\x31\x32") },
		{ "bytes behind UNKNOWN", B("PROXY UNKNOWN?"), 13, B("\r ") },
		{ "bytes behind TCP", B("PROXY TCP?"), 9, B("46") },
		{ "bytes that begin an IPv4 address", B("PROXY TCP4 ?"), 11, B("0123456789") },
		{ "bytes that begin an IPv6 address", B("PROXY TCP6 ?"), 11,
		    B("0123456789:ABCDEFabcdef") },
		{ "bytes that go on with an IPv4 address", B("PROXY TCP4 0?"), 12, B(".") },
		{ "bytes that go on with a port", B("PROXY TCP4 1.2.3.4 1.2.3.4 6553?"), 31,
		    B(" 012345") },
		{ "bytes behind the last port", B("PROXY TCP4 1.2.3.4 1.2.3.4 1 0?"), 30, B("\r") },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		int value, refused = 0;

		for (value = 0; value < 256; value++) {
			char bytes[300];
			struct proxy_header h;
			struct diag why;
			size_t need;
			bool taken = memchr(rows[i].taken, value, rows[i].count) != NULL;

			memcpy(bytes, rows[i].bytes, rows[i].len);
			bytes[rows[i].at] = (char)value;
			if ((parse(bytes, rows[i].len, &h, &need, &why) != PROXY_BAD) != taken)
				break;
			refused += !taken;
		}
		UNIT_CHECK(rows[i].label, value == 256 && refused == 256 - (int)rows[i].count,
		    "0x%02x", (unsigned)value);
	}
}

static void
test_tlv_types(void)
{
	static const char bytes[] = SIG "\x21\x11\0\x11" FOUR "?\0\x02zz";
	char copy[sizeof(bytes)];
	struct proxy_header h;
	struct diag why;
	size_t need;
	int type;

	memcpy(copy, bytes, sizeof(bytes));
	for (type = 0; type < 256; type++) {
		copy[28] = (char)type;
		if ((parse(copy, sizeof(bytes) - 1, &h, &need, &why) == PROXY_DONE) != (type != 3))
			break;
	}
	UNIT_CHECK("v2: TLVs of every type but CRC32C are skipped", type == 256, "0x%02x", (unsigned)type);
}

static void
test_sum_of_every_bit(void)
{
	static const char bytes[] =
	    SIG "\x21\x21\0\x36" SIX "\x01\0\x02h2" "\x03\0\x04" "\x8b\xb9\x04\xcc" "\x04\0\x03xyz";
	size_t len = sizeof(bytes) - 1, bit;
	struct proxy_header h;
	struct diag why;
	size_t need;

	/* the addresses, the values of the TLVs, the checksum: not a type or a length */
	for (bit = 16 * 8; bit < len * 8; bit++) {
		size_t at = bit / 8;
		char copy[sizeof(bytes)];

		if ((at >= 52 && at < 55) || (at >= 57 && at < 60) || (at >= 64 && at < 67))
			continue;
		memcpy(copy, bytes, len);
		copy[at] = (char)(copy[at] ^ 1 << bit % 8);
		if (parse(copy, len, &h, &need, &why) != PROXY_BAD ||
		    strstr(why.text, "checksum is wrong") == NULL)
			break;
	}
	UNIT_CHECK("v2: CRC32C tells every bit", bit == len * 8, "bit %zu (%s)", bit, why.text);
}

/* Lengths that no literal has. */
static void
test_long(void)
{
	static const struct {
		const char *label, *begin;
		size_t beginning, length;
		const char *want;	/* NULL: bad */
	} rows[] = {
		{ "v2: LOCAL of 65535 bytes", B(SIG "\x20\x00\xff\xff"), 16 + 65535, "local" },
		{ "v2: UNSPEC of 65535 bytes", B(SIG "\x21\x00\xff\xff"), 16 + 65535, "local" },
		{ "v2: a NOOP up to 65535 bytes", B(SIG "\x21\x11\xff\xff" FOUR "\x04\xff\xf0"),
		    16 + 65535, WANT_FOUR },
		{ "v2: a NOOP one too long there", B(SIG "\x21\x11\xff\xff" FOUR "\x04\xff\xf1"),
		    16 + 65535, NULL },
		{ "v2: nothing but empty TLVs", B(SIG "\x21\x11\xff\xff" FOUR), 16 + 65535, WANT_FOUR },
		{ "v2: UNIQUE_ID of 128 bytes", B(SIG "\x21\x11\0\x8f" FOUR "\x05\0\x80"), 159, WANT_FOUR },
		{ "v2: UNIQUE_ID of 129 bytes", B(SIG "\x21\x11\0\x90" FOUR "\x05\0\x81"), 160, NULL },
	};
	static uint8_t buf[PROXY_HEADER_MAX + 1];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct proxy_header h;
		struct diag why;
		size_t need = 0;
		enum proxy_outcome o;

		memset(buf, 0, sizeof(buf));
		memcpy(buf, rows[i].begin, rows[i].beginning);
		o = parse(buf, rows[i].length - 1, &h, &need, &why);
		UNIT_CHECK(rows[i].label, o == PROXY_MORE && need == rows[i].length,
		    "one byte before: outcome %d, need %zu", o, need);
		if (rows[i].want != NULL) {
			check_whole(rows[i].label, buf, sizeof(buf), rows[i].length, rows[i].want);
			continue;
		}
		o = parse(buf, sizeof(buf), &h, &need, &why);
		UNIT_CHECK(rows[i].label, o == PROXY_BAD, "outcome %d", o);
	}
}

static void
test_untouched(void)
{
	struct proxy_header h = { .length = 4711 };
	uint8_t byte = 'G';
	size_t need = 4711;

	UNIT_CHECK("without a place for the reason", proxy_parse(&byte, 1, &h, &need, NULL) == PROXY_BAD,
	    "not bad");
	UNIT_CHECK("what is bad leaves the rest alone", h.length == 4711 && need == 4711, "%zu, %zu",
	    h.length, need);
	UNIT_CHECK("no byte yet, and no buffer", proxy_parse(NULL, 0, &h, &need, NULL) == PROXY_MORE &&
	    need == 15, "need %zu", need);
}

/* ---- writing ---- */

/* "192.0.2.7", "2001:db8::1" (scope 7), "unix", "none" */
static struct addr
address(const char *text, uint16_t port)
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
	addr_set_port(&a, port);
	return a;
}

static const struct written {
	const char *label, *source, *destination;
	uint16_t from, to;
	const char *line;
	const char *binary;	/* behind the signature */
	size_t len;
	const char *want;	/* as it is understood */
} written[] = {
	{ "IPv4", "192.0.2.7", "198.51.100.9", 4711, 80,
	    "PROXY TCP4 192.0.2.7 198.51.100.9 4711 80\r\n", B("\x21\x11\0\x0c" FOUR), WANT_FOUR },
	{ "IPv6, without its scope", "2001:db8::7", "2001:db8::9", 4711, 80,
	    "PROXY TCP6 2001:db8::7 2001:db8::9 4711 80\r\n", B("\x21\x21\0\x24" SIX), WANT_SIX },
	{ "IPv4-mapped is IPv4", "::ffff:192.0.2.7", "::ffff:198.51.100.9", 4711, 80,
	    "PROXY TCP4 192.0.2.7 198.51.100.9 4711 80\r\n", B("\x21\x11\0\x0c" FOUR), WANT_FOUR },
	{ "IPv4 beside IPv6 is mapped", "192.0.2.7", "2001:db8::9", 4711, 80,
	    "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::9 4711 80\r\n",
	    B("\x21\x21\0\x24" "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07" NINE "\x12\x67\x00\x50"),
	    "192.0.2.7:4711 > [2001:db8::9]:80" },
	{ "the longest", FULL, FULL, 65535, 65535, "PROXY TCP6 " FULL " " FULL " 65535 65535\r\n",
	    NULL, 0, "[" FULL "]:65535 > [" FULL "]:65535" },
	{ "unix", "unix", "unix", 0, 0, "PROXY UNKNOWN\r\n", B("\x21\x00\0\0"), "local" },
	{ "no source", "none", "192.0.2.7", 0, 80, "PROXY UNKNOWN\r\n", B("\x21\x00\0\0"), "local" },
	{ "a unix destination", "192.0.2.7", "unix", 1, 0, "PROXY UNKNOWN\r\n", B("\x21\x00\0\0"),
	    "local" },
};

static void
test_written(void)
{
	for (size_t i = 0; i < ROWS(written); i++) {
		const struct written *w = &written[i];
		struct addr s = address(w->source, w->from), d = address(w->destination, w->to);
		uint8_t buf[PROXY_FORMAT_MAX];
		size_t len = proxy_format_v1(buf, &s, &d);
		char label[LABEL_MAX];

		snprintf(label, sizeof(label), "write v1: %s", w->label);
		UNIT_CHECK(label, len == strlen(w->line) && memcmp(buf, w->line, len) == 0, "%.*s", (int)len,
		    (char *)buf);
		check_whole(label, buf, len, len, w->want);
		len = proxy_format_v2(buf, false, &s, &d);
		snprintf(label, sizeof(label), "write v2: %s", w->label);
		if (w->binary != NULL)
			UNIT_CHECK(label, len == 12 + w->len && memcmp(buf, SIG, 12) == 0 &&
			    memcmp(buf + 12, w->binary, w->len) == 0, "length %zu", len);
		check_whole(label, buf, len, len, w->want);
	}
}

static void
test_written_local(void)
{
	struct addr a = address("192.0.2.7", 80);
	uint8_t buf[PROXY_FORMAT_MAX];
	size_t len = proxy_format_v2(buf, true, NULL, NULL);

	UNIT_CHECK("write v2: LOCAL", len == 16 && memcmp(buf, SIG "\x20\0\0\0", 16) == 0, "length %zu",
	    len);
	len = proxy_format_v2(buf, true, &a, &a);
	UNIT_CHECK("write v2: LOCAL sends no addresses", len == 16 &&
	    memcmp(buf, SIG "\x20\0\0\0", 16) == 0, "length %zu", len);
	check_whole("write v2: LOCAL is understood", buf, len, len, "local");
}

int
main(void)
{
	test_tables();
	test_need();
	test_every_value();
	test_tlv_types();
	test_sum_of_every_bit();
	test_long();
	test_untouched();
	test_written();
	test_written_local();
	return unit_done();
}
