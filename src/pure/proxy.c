#include "proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN 12
#define HEAD_LEN 16		/* signature, version and command, family and transport, length */
#define TLV_HEAD_LEN 3
#define TLV_CRC32C 0x03
#define TLV_UNIQUE_ID 0x05
#define UNIQUE_ID_MAX 128
#define FIELD_MAX (INET6_ADDRSTRLEN - 1)	/* longest address in a line */

/* The arguments of proxy_parse(). */
struct input {
	const uint8_t *buf;
	size_t len;
	struct proxy_header *out;
	size_t *need;
	struct diag *why;
};

static enum proxy_outcome parse_unknown(const struct input *in);
static enum proxy_outcome parse_tcp4(const struct input *in);
static enum proxy_outcome parse_tcp6(const struct input *in);
static enum proxy_outcome parse_v2(const struct input *in);

/* The ways in which a header begins. */
static const struct start {
	const char *bytes;
	size_t len;
	size_t shortest;	/* header that begins so */
	enum proxy_outcome (*parse)(const struct input *in);
} starts[] = {
	{ "PROXY UNKNOWN\r\n", 15, 15, parse_unknown },
	{ "PROXY UNKNOWN ", 14, 16, parse_unknown },
	{ "PROXY TCP4 ", 11, 32, parse_tcp4 },		/* 0.0.0.0 0.0.0.0 0 0 */
	{ "PROXY TCP6 ", 11, 22, parse_tcp6 },		/* :: :: 0 0 */
	{ SIGNATURE, SIGNATURE_LEN, HEAD_LEN, parse_v2 },
};
#define STARTS (sizeof(starts) / sizeof(starts[0]))

static enum proxy_outcome bad(const struct input *in, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum proxy_outcome
bad(const struct input *in, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_vset(in->why, fmt, ap);
	va_end(ap);
	diag_prefix(in->why, "PROXY header: ");
	return PROXY_BAD;
}

static enum proxy_outcome
more(const struct input *in, size_t need)
{
	*in->need = need;
	return PROXY_MORE;
}

/* ---- version 1 ---- */

/* What of the input a line may reach into. */
static size_t
line_len(const struct input *in)
{
	return in->len < PROXY_LINE_MAX ? in->len : PROXY_LINE_MAX;
}

static enum proxy_outcome
more_of_line(const struct input *in, size_t need)
{
	if (need > PROXY_LINE_MAX)
		return bad(in, "no CR LF within %d bytes", PROXY_LINE_MAX);
	return more(in, need);
}

static enum proxy_outcome
parse_unknown(const struct input *in)
{
	size_t len = line_len(in);
	const uint8_t *end = memmem(in->buf, len, "\r\n", 2);

	if (end == NULL)
		return more_of_line(in, len + (in->buf[len - 1] == '\r' ? 1 : 2));
	in->out->local = true;
	in->out->length = (size_t)(end - in->buf) + 2;
	return PROXY_DONE;
}

/* The fields of a line behind TCP4 or TCP6. */
static const struct field {
	const char *name;
	bool destination, port;
	const char *rest[2];	/* the shortest that may follow: TCP4, TCP6 */
} fields[] = {
	{ "source address", false, false, { " 0.0.0.0 0 0\r\n", " :: 0 0\r\n" } },
	{ "destination address", true, false, { " 0 0\r\n", " 0 0\r\n" } },
	{ "source port", false, true, { " 0\r\n", " 0\r\n" } },
	{ "destination port", true, true, { "\r\n", "\r\n" } },
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/*
 * The ways to complete what may become an address or a port, the shortest first: what none of them
 * completes is wrong already.  (Of IPv6 a group, "::", or the rest of a dotted end is missing at most.)
 */
static const char *const completions[] = {
	"", "0", ":", "::", ".0", "0.0", ".0.0", "0.0.0", ".0.0.0", "0.0.0.0"
};
#define COMPLETIONS (sizeof(completions) / sizeof(completions[0]))

/* 0 to 65535, nothing but digits, no leading zero. */
static bool
read_port(const char *text, uint16_t *port)
{
	size_t len = strspn(text, "0123456789");
	unsigned n = 0;

	if (len < 1 || len > 5 || text[len] != '\0' || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	*port = (uint16_t)n;
	return n <= 65535;
}

/* a: its family is set.  inet_pton(3) takes no sign, space, zone or leading zero of an octet. */
static bool
read_field(const struct field *f, const char *text, struct addr *a)
{
	uint16_t port;

	if (f->port) {
		if (!read_port(text, &port))
			return false;
		addr_set_port(a, port);
		return true;
	}
	if (a->u.sa.sa_family == AF_INET)
		return inet_pton(AF_INET, text, &a->u.in.sin_addr) == 1;
	return inet_pton(AF_INET6, text, &a->u.in6.sin6_addr) == 1;
}

/* How many bytes text lacks at least to be such a field; -1: it never is one. */
static int
missing(const struct field *f, const char *text, const struct addr *a)
{
	char whole[FIELD_MAX + sizeof("0.0.0.0")];
	struct addr scratch = *a;

	for (size_t i = 0; i < COMPLETIONS; i++) {
		snprintf(whole, sizeof(whole), "%s%s", text, completions[i]);
		if (strlen(whole) <= FIELD_MAX && read_field(f, whole, &scratch))
			return (int)strlen(completions[i]);
	}
	return -1;
}

/* The bytes as text, cut where no field is as long; what is not printable is '?', which none has. */
static void
copy_text(const uint8_t *bytes, size_t len, char text[FIELD_MAX + 2])
{
	if (len > FIELD_MAX + 1)
		len = FIELD_MAX + 1;
	for (size_t i = 0; i < len; i++)
		text[i] = bytes[i] > ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '?';
	text[len] = '\0';
}

/* The space or CR LF that ends a field, where `rest` begins; *at is behind it then. */
static enum proxy_outcome
skip_end(const struct input *in, const struct field *f, const char *rest, size_t *at)
{
	size_t end = *at, len = strspn(rest, " \r\n");

	for (; *at < end + len; ++*at) {
		if (*at == line_len(in))
			return more_of_line(in, end + strlen(rest));
		if (in->buf[*at] != (uint8_t)rest[*at - end])
			return bad(in, "%s is not followed by %s", f->name,
			    rest[0] == ' ' ? "one space" : "CR LF");
	}
	return PROXY_DONE;
}

/* The field at *at, which then is behind it and what ends it.  a: its family is set. */
static enum proxy_outcome
parse_field(const struct input *in, const struct field *f, struct addr *a, size_t *at)
{
	const char *rest = f->rest[a->u.sa.sa_family == AF_INET6];
	char text[FIELD_MAX + 2], q[DIAG_QUOTE_MAX];
	size_t end = *at;
	int lacks;

	while (end < line_len(in) && in->buf[end] != ' ' && in->buf[end] != '\r')
		end++;
	copy_text(in->buf + *at, end - *at, text);
	lacks = missing(f, text, a);
	if (lacks < 0 || (lacks > 0 && end < line_len(in)))
		return bad(in, "%s %s", f->name, diag_quote(text, q, sizeof(q)));
	if (lacks > 0)
		return more_of_line(in, end + (size_t)lacks + strlen(rest));
	read_field(f, text, a);
	*at = end;
	return skip_end(in, f, rest, at);
}

static enum proxy_outcome
parse_tcp(const struct input *in, sa_family_t family, socklen_t len)
{
	size_t at = strlen("PROXY TCP4 ");
	struct proxy_header *h = in->out;

	h->source.u.sa.sa_family = h->destination.u.sa.sa_family = family;
	h->source.len = h->destination.len = len;
	for (const struct field *f = fields; f < fields + FIELDS; f++) {
		struct addr *a = f->destination ? &h->destination : &h->source;
		enum proxy_outcome o = parse_field(in, f, a, &at);

		if (o != PROXY_DONE)
			return o;
	}
	h->length = at;
	return PROXY_DONE;
}

static enum proxy_outcome
parse_tcp4(const struct input *in)
{
	return parse_tcp(in, AF_INET, sizeof(struct sockaddr_in));
}

static enum proxy_outcome
parse_tcp6(const struct input *in)
{
	return parse_tcp(in, AF_INET6, sizeof(struct sockaddr_in6));
}

/* ---- version 2 ---- */

enum { UNSPEC, INET, INET6, UNIX, FAMILIES };
enum { STREAM = 1, DGRAM, TRANSPORTS };

/* Both addresses and ports. */
static const size_t address_len[FAMILIES] = { 0, 12, 36, 216 };

static size_t
big16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* Reflected CRC32c (RFC 4960, appendix B) without the complements around it; NULL bytes are zeros. */
static uint32_t
crc_add(uint32_t crc, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= bytes != NULL ? bytes[i] : 0;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/* The checksum of the header with the four bytes at `at` taken as zeros. */
static bool
sum_is_right(const struct input *in, size_t length, size_t at)
{
	uint32_t crc = crc_add(UINT32_MAX, in->buf, at), sent;

	crc = crc_add(crc, NULL, sizeof(sent));
	crc = ~crc_add(crc, in->buf + at + sizeof(sent), length - at - sizeof(sent));
	memcpy(&sent, in->buf + at, sizeof(sent));
	return crc == ntohl(sent);
}

/* The one whose value of n bytes is at `at`. */
static enum proxy_outcome
check_tlv(const struct input *in, size_t length, uint8_t type, size_t at, size_t n, bool *summed)
{
	if (type == TLV_UNIQUE_ID && n > UNIQUE_ID_MAX)
		return bad(in, "TLV UNIQUE_ID has %zu bytes, more than %d", n, UNIQUE_ID_MAX);
	if (type != TLV_CRC32C)
		return PROXY_DONE;
	if (n != sizeof(uint32_t))
		return bad(in, "TLV CRC32C has %zu bytes instead of 4", n);
	/* which of two would have been zero for the other is nowhere said */
	if (*summed)
		return bad(in, "TLV CRC32C occurs twice");
	*summed = true;
	if (!sum_is_right(in, length, at))
		return bad(in, "TLV CRC32C: the checksum is wrong");
	return PROXY_DONE;
}

/* What is left of the header from `at` on. */
static enum proxy_outcome
check_tlvs(const struct input *in, size_t length, size_t at)
{
	enum proxy_outcome o = PROXY_DONE;
	bool summed = false;

	while (o == PROXY_DONE && at < length) {
		const uint8_t *tlv = in->buf + at;
		size_t n;

		if (length - at < TLV_HEAD_LEN)
			return bad(in, "%zu bytes are left behind the last TLV", length - at);
		at += TLV_HEAD_LEN;
		n = big16(tlv + 1);
		if (n > length - at)
			return bad(in, "TLV 0x%02x has %zu bytes, but %zu are left", tlv[0], n,
			    length - at);
		o = check_tlv(in, length, tlv[0], at, n, &summed);
		at += n;
	}
	return o;
}

/* As much of the first 16 bytes as is there. */
static enum proxy_outcome
check_head(const struct input *in, bool proxy)
{
	const uint8_t *b = in->buf;

	if (in->len > 12 && b[12] >> 4 != 2)
		return bad(in, "version %d instead of 2", b[12] >> 4);
	if (in->len > 12 && (b[12] & 0xf) > 1)
		return bad(in, "command %d is neither LOCAL nor PROXY", b[12] & 0xf);
	if (in->len > 13 && proxy && b[13] >> 4 >= FAMILIES)
		return bad(in, "address family %d is unknown", b[13] >> 4);
	if (in->len > 13 && proxy && (b[13] & 0xf) >= TRANSPORTS)
		return bad(in, "transport %d is unknown", b[13] & 0xf);
	return in->len < HEAD_LEN ? more(in, HEAD_LEN) : PROXY_DONE;
}

static void
take_addresses(const uint8_t *from, struct addr *source, struct addr *destination, int family)
{
	size_t n = address_len[family];

	if (family == INET) {
		source->len = destination->len = sizeof(struct sockaddr_in);
		source->u.in.sin_family = destination->u.in.sin_family = AF_INET;
		memcpy(&source->u.in.sin_addr, from, 4);
		memcpy(&destination->u.in.sin_addr, from + 4, 4);
	} else {
		source->len = destination->len = sizeof(struct sockaddr_in6);
		source->u.in6.sin6_family = destination->u.in6.sin6_family = AF_INET6;
		memcpy(&source->u.in6.sin6_addr, from, 16);
		memcpy(&destination->u.in6.sin6_addr, from + 16, 16);
	}
	addr_set_port(source, (uint16_t)big16(from + n - 4));
	addr_set_port(destination, (uint16_t)big16(from + n - 2));
}

static enum proxy_outcome
parse_v2(const struct input *in)
{
	bool proxy = in->len > 12 && (in->buf[12] & 0xf) == 1, known;
	enum proxy_outcome o = check_head(in, proxy);
	struct proxy_header *h = in->out;
	int family, transport;

	if (o != PROXY_DONE)
		return o;
	family = in->buf[13] >> 4;
	transport = in->buf[13] & 0xf;
	known = proxy && family != UNSPEC && transport != UNSPEC;
	h->length = HEAD_LEN + big16(in->buf + 14);
	if (known && h->length < HEAD_LEN + address_len[family])
		return bad(in, "%zu bytes of addresses instead of %zu", h->length - HEAD_LEN,
		    address_len[family]);
	if (in->len < h->length)
		return more(in, h->length);
	if (known)
		o = check_tlvs(in, h->length, HEAD_LEN + address_len[family]);
	h->local = !known || family == UNIX || transport == DGRAM;
	if (!h->local)
		take_addresses(in->buf + HEAD_LEN, &h->source, &h->destination, family);
	return o;
}

/* ---- both ---- */

/* How many bytes of it are at the beginning of the input. */
static size_t
common(const struct start *s, const struct input *in)
{
	size_t n = 0;

	while (n < s->len && n < in->len && in->buf[n] == (uint8_t)s->bytes[n])
		n++;
	return n;
}

static enum proxy_outcome
parse_start(const struct input *in)
{
	size_t shortest = 0, longest = 0;

	for (const struct start *s = starts; s < starts + STARTS; s++) {
		size_t n = common(s, in);

		if (n == s->len)
			return s->parse(in);
		if (n == in->len && (shortest == 0 || s->shortest < shortest))
			shortest = s->shortest;
		if (n > longest)
			longest = n;
	}
	if (shortest > 0)
		return more(in, shortest);
	return bad(in, "byte %zu is 0x%02x, so it is neither version 1 nor 2", longest + 1,
	    in->buf[longest]);
}

enum proxy_outcome
proxy_parse(const uint8_t *buf, size_t len, struct proxy_header *out, size_t *need,
    struct diag *why)
{
	struct proxy_header h = { 0 };
	const struct input in = { .buf = buf, .len = len, .out = &h, .need = need, .why = why };
	enum proxy_outcome o = parse_start(&in);

	assert(o != PROXY_MORE || *need > len);
	if (o != PROXY_DONE)
		return o;
	addr_unmap(&h.source);
	addr_unmap(&h.destination);
	*out = h;
	return PROXY_DONE;
}

/* ---- writing ---- */

static bool
is_internet(const struct addr *a)
{
	return a->len > 0 && (a->u.sa.sa_family == AF_INET || a->u.sa.sa_family == AF_INET6);
}

/* The opposite of addr_unmap(): the 16 bytes of an IPv4 address among IPv6 ones. */
static void
map(struct addr *a)
{
	struct sockaddr_in in = a->u.in;

	if (a->u.sa.sa_family == AF_INET6)
		return;
	*a = (struct addr){ .len = sizeof(a->u.in6) };
	a->u.in6.sin6_family = AF_INET6;
	a->u.in6.sin6_port = in.sin_port;
	memset(&a->u.in6.sin6_addr.s6_addr[10], 0xff, 2);
	memcpy(&a->u.in6.sin6_addr.s6_addr[12], &in.sin_addr, 4);
}

/* Make two internet addresses one family, which it returns; AF_UNSPEC: they are not two. */
static sa_family_t
pair(const struct addr *source, const struct addr *destination, struct addr *s, struct addr *d)
{
	if (!is_internet(source) || !is_internet(destination))
		return AF_UNSPEC;
	*s = *source;
	*d = *destination;
	addr_unmap(s);
	addr_unmap(d);
	if (s->u.sa.sa_family != d->u.sa.sa_family) {
		map(s);
		map(d);
	}
	return s->u.sa.sa_family;
}

static const void *
address_bytes(const struct addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return &a->u.in.sin_addr;
	return &a->u.in6.sin6_addr;
}

size_t
proxy_format_v1(uint8_t buf[PROXY_FORMAT_MAX], const struct addr *source,
    const struct addr *destination)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], line[PROXY_FORMAT_MAX];
	struct addr s, d;
	sa_family_t family = pair(source, destination, &s, &d);
	int len;

	if (family == AF_UNSPEC) {
		len = snprintf(line, sizeof(line), "PROXY UNKNOWN\r\n");
	} else {
		inet_ntop(family, address_bytes(&s), from, sizeof(from));
		inet_ntop(family, address_bytes(&d), to, sizeof(to));
		len = snprintf(line, sizeof(line), "PROXY TCP%d %s %s %u %u\r\n",
		    family == AF_INET ? 4 : 6, from, to, addr_port(&s), addr_port(&d));
	}
	assert(len > 0 && len <= PROXY_LINE_MAX);
	memcpy(buf, line, (size_t)len);
	return (size_t)len;
}

size_t
proxy_format_v2(uint8_t buf[PROXY_FORMAT_MAX], bool local, const struct addr *source,
    const struct addr *destination)
{
	struct addr s, d;
	sa_family_t family = local ? AF_UNSPEC : pair(source, destination, &s, &d);
	int kind = family == AF_INET ? INET : family == AF_INET6 ? INET6 : UNSPEC;
	size_t n = address_len[kind], half = n / 2 - 2;
	uint16_t ports[2];

	memcpy(buf, SIGNATURE, SIGNATURE_LEN);
	buf[12] = local ? 0x20 : 0x21;
	buf[13] = (uint8_t)(kind == UNSPEC ? 0 : kind << 4 | STREAM);
	buf[14] = 0;
	buf[15] = (uint8_t)n;
	if (kind == UNSPEC)
		return HEAD_LEN;
	memcpy(buf + HEAD_LEN, address_bytes(&s), half);
	memcpy(buf + HEAD_LEN + half, address_bytes(&d), half);
	ports[0] = htons(addr_port(&s));
	ports[1] = htons(addr_port(&d));
	memcpy(buf + HEAD_LEN + 2 * half, ports, sizeof(ports));
	return HEAD_LEN + n;
}
