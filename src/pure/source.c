#include "source.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UID_MAX_TEXT "4294967294"	/* (uid_t)-1 is nobody's */

/* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static unsigned
all_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

/* Clear what lies beyond the prefix. */
static void
cut(uint8_t bytes[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits <= 8 * i ? 0 : bits - 8 * i;

		bytes[i] &= (uint8_t)(0xff00 >> keep);
	}
}

static struct source
of_uid(uint32_t uid)
{
	uint32_t big = htonl(uid);
	struct source s = { .family = AF_UNIX };

	memcpy(s.bytes, &big, sizeof(big));
	return s;
}

struct source
source_of(const struct addr *peer, uid_t uid, unsigned ipv4, unsigned ipv6)
{
	struct addr a = *peer;
	struct source s = { 0 };

	addr_unmap(&a);
	if (a.len == 0)
		return s;
	if (a.u.sa.sa_family == AF_UNIX)
		return of_uid(uid);
	if (a.u.sa.sa_family == AF_INET) {
		assert(ipv4 <= 32);
		s = (struct source){ .family = AF_INET, .bits = (uint8_t)ipv4 };
		memcpy(s.bytes, &a.u.in.sin_addr, 4);
	} else if (a.u.sa.sa_family == AF_INET6) {
		assert(ipv6 <= 128);
		s = (struct source){ .family = AF_INET6, .bits = (uint8_t)ipv6 };
		memcpy(s.bytes, &a.u.in6.sin6_addr, 16);
	}
	cut(s.bytes, s.bits);
	return s;
}

bool
source_equal(const struct source *a, const struct source *b)
{
	return a->family == b->family && a->bits == b->bits &&
	    memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool
source_within(const struct source *a, const struct source *outer)
{
	uint8_t bytes[16];

	if (a->family == 0 || a->family != outer->family || a->bits < outer->bits)
		return false;
	memcpy(bytes, a->bytes, sizeof(bytes));
	if (a->family != AF_UNIX)
		cut(bytes, outer->bits);
	return memcmp(bytes, outer->bytes, sizeof(bytes)) == 0;
}

/* ---- text ---- */

static bool
refuse_form(const char *text, struct diag *why)
{
	char q[DIAG_QUOTE_MAX];

	diag_set(why, "expected an address or a prefix such as \"192.0.2.7\", \"10.0.0.0/8\" or "
	    "\"2001:db8::/32\", found %s (berth asks no DNS)", diag_quote(text, q, sizeof(q)));
	return false;
}

static bool
parse_uid(const char *text, struct source *out, struct diag *why)
{
	const char *digits = text + strlen("uid:"), *wrong = "empty";
	char q[DIAG_QUOTE_MAX];
	long long uid = 0;

	if (digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0')
		uid = strtonum(digits, 0, 4294967294LL, &wrong);
	if (wrong != NULL) {
		diag_set(why, "%s: a uid is a number from 0 to " UID_MAX_TEXT,
		    diag_quote(text, q, sizeof(q)));
		return false;
	}
	*out = of_uid((uint32_t)uid);
	return true;
}

/* The part behind the slash; -1: not a number up to max. */
static int
parse_bits(const char *text, unsigned max)
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len < 1 || len > 3 || strspn(text, "0123456789") != len || (text[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	return n <= max ? (int)n : -1;
}

/* The address before the slash, all bits. */
static bool
parse_host(const char *text, size_t len, struct source *s)
{
	char host[INET6_ADDRSTRLEN];

	*s = (struct source){ 0 };
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, s->bytes) == 1)
		s->family = AF_INET;
	else if (inet_pton(AF_INET6, host, s->bytes) == 1)
		s->family = AF_INET6;
	else
		return false;
	s->bits = (uint8_t)all_bits(s->family);
	return true;
}

/* A shorter prefix that IPv4-mapped addresses lie in; ::/0 is plainly every IPv6 address. */
static bool
mixes_families(const struct source *s)
{
	static const uint8_t none[16];
	uint8_t whole[16] = { 0 };

	if (s->family != AF_INET6 || s->bits >= 96 ||
	    (s->bits == 0 && memcmp(s->bytes, none, sizeof(none)) == 0))
		return false;
	if (memcmp(s->bytes, mapped, sizeof(mapped)) == 0)
		return true;
	memcpy(whole, mapped, sizeof(mapped));
	cut(whole, s->bits);
	return s->bits > 0 && memcmp(s->bytes, whole, sizeof(whole)) == 0;
}

/* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
static void
fold(struct source *s)
{
	uint8_t four[16] = { 0 };

	if (s->family != AF_INET6 || s->bits < 96 || memcmp(s->bytes, mapped, sizeof(mapped)) != 0)
		return;
	memcpy(four, s->bytes + 12, 4);
	*s = (struct source){ .family = AF_INET, .bits = (uint8_t)(s->bits - 96) };
	memcpy(s->bytes, four, sizeof(four));
}

static bool
check_beyond(const char *text, const struct source *s, struct diag *why)
{
	char q[DIAG_QUOTE_MAX], meant[SOURCE_TEXT_MAX];
	struct source shorter = *s;

	cut(shorter.bytes, s->bits);
	if (source_equal(&shorter, s))
		return true;
	diag_set(why, "%s has bits set beyond its first %u: did you mean \"%s\"?",
	    diag_quote(text, q, sizeof(q)), s->bits, source_format(&shorter, meant, sizeof(meant)));
	return false;
}

bool
source_parse(const char *text, struct source *out, struct diag *why)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char q[DIAG_QUOTE_MAX];
	struct source s;
	int bits;

	if (strncmp(text, "uid:", 4) == 0)
		return parse_uid(text, out, why);
	if (!parse_host(text, len, &s))
		return refuse_form(text, why);
	bits = slash != NULL ? parse_bits(slash + 1, s.bits) : s.bits;
	if (bits < 0) {
		diag_set(why, "%s: the length of an %s prefix is a number from 0 to %u",
		    diag_quote(text, q, sizeof(q)), s.family == AF_INET ? "IPv4" : "IPv6", s.bits);
		return false;
	}
	s.bits = (uint8_t)bits;
	if (mixes_families(&s)) {
		diag_set(why, "%s mixes IPv4 and IPv6 addresses: write the IPv4 prefix itself, as in "
		    "\"10.0.0.0/8\"", diag_quote(text, q, sizeof(q)));
		return false;
	}
	if (!check_beyond(text, &s, why))
		return false;
	fold(&s);
	*out = s;
	return true;
}

/* The address of "HOST:PORT" or "[HOST]:PORT", without a scope; a bare IPv6 address has no port. */
static void
strip_port(char *text)
{
	char *close = strchr(text, ']'), *colon = strchr(text, ':');

	if (text[0] == '[' && close != NULL) {
		if (close[1] != '\0' && (close[1] != ':' || close[2] == '\0' ||
		    close[2 + strspn(close + 2, "0123456789")] != '\0'))
			return;
		*close = '\0';
		memmove(text, text + 1, strlen(text));
	} else if (colon != NULL && strchr(text, '.') != NULL && strchr(colon + 1, ':') == NULL &&
	    colon[1] != '\0' && colon[1 + strspn(colon + 1, "0123456789")] == '\0') {
		*colon = '\0';
	}
	if (strchr(text, ':') != NULL)
		text[strcspn(text, "%")] = '\0';
}

bool
source_parse_peer(const char *text, struct addr *peer, uid_t *uid, struct diag *why)
{
	char host[ADDR_TEXT_MAX];
	struct source s;
	uint32_t number;

	*peer = (struct addr){ 0 };
	*uid = (uid_t)-1;
	if (strlen(text) >= sizeof(host) || strchr(text, '/') != NULL)
		return refuse_form(text, why);
	memcpy(host, text, strlen(text) + 1);
	strip_port(host);
	if (!source_parse(host, &s, why))
		return false;
	peer->u.sa.sa_family = s.family;
	if (s.family == AF_INET) {
		memcpy(&peer->u.in.sin_addr, s.bytes, sizeof(peer->u.in.sin_addr));
		peer->len = sizeof(peer->u.in);
	} else if (s.family == AF_INET6) {
		memcpy(&peer->u.in6.sin6_addr, s.bytes, sizeof(peer->u.in6.sin6_addr));
		peer->len = sizeof(peer->u.in6);
	} else {
		memcpy(&number, s.bytes, sizeof(number));
		*uid = ntohl(number);
		peer->len = sizeof(sa_family_t);
	}
	return true;
}

const char *
source_format(const struct source *s, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	uint32_t uid;

	assert(size > 0);
	if (s->family == AF_UNIX) {
		memcpy(&uid, s->bytes, sizeof(uid));
		snprintf(buf, size, "uid:%u", ntohl(uid));
	} else if (s->family == AF_INET || s->family == AF_INET6) {
		inet_ntop(s->family, s->bytes, host, sizeof(host));
		if (s->bits == all_bits(s->family))
			snprintf(buf, size, "%s", host);
		else
			snprintf(buf, size, "%s/%u", host, s->bits);
	} else
		snprintf(buf, size, "none");
	return buf;
}
