#include "small.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_1900_TO_1970 2208988800ULL

const char *
small_name(enum builtin which)
{
	static const char *const name[] = {
		[BUILTIN_ECHO] = "echo", [BUILTIN_DISCARD] = "discard", [BUILTIN_CHARGEN] = "chargen",
		[BUILTIN_DAYTIME] = "daytime", [BUILTIN_TIME] = "time", [BUILTIN_TCPMUX] = "tcpmux",
	};

	assert((size_t)which < sizeof(name) / sizeof(name[0]));
	return name[which];
}

/* Not strftime: its names depend on the locale. */
size_t
small_daytime(const struct tm *tm, char out[SMALL_DAYTIME_MAX])
{
	static const char day[] = "SunMonTueWedThuFriSat";
	static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int len;

	assert(tm->tm_wday >= 0 && tm->tm_wday < 7 && tm->tm_mon >= 0 && tm->tm_mon < 12);
	len = snprintf(out, SMALL_DAYTIME_MAX, "%.3s %.3s %2u %02u:%02u:%02u %lld\r\n",
	    day + 3 * tm->tm_wday, month + 3 * tm->tm_mon, tm->tm_mday % 100U, tm->tm_hour % 100U,
	    tm->tm_min % 100U, tm->tm_sec % 100U, 1900LL + tm->tm_year);
	assert(len > 0 && len < SMALL_DAYTIME_MAX);
	return len;
}

void
small_time(int64_t unix_seconds, uint8_t out[SMALL_TIME_LEN])
{
	uint32_t t = (uint32_t)((uint64_t)unix_seconds + SECONDS_1900_TO_1970);

	out[0] = t >> 24;
	out[1] = t >> 16;
	out[2] = t >> 8;
	out[3] = t;
}

void
small_chargen_line(uint64_t k, char out[SMALL_LINE])
{
	for (unsigned i = 0; i < SMALL_LINE - 2; i++)
		out[i] = ' ' + (k % SMALL_LINES + i) % SMALL_LINES;
	out[SMALL_LINE - 2] = '\r';
	out[SMALL_LINE - 1] = '\n';
}

size_t
small_chargen_datagram(uint64_t k, size_t request, char out[SMALL_CHARGEN_MAX])
{
	size_t want = request < SMALL_CHARGEN_MAX ? request : SMALL_CHARGEN_MAX;
	char line[SMALL_LINE];

	for (size_t at = 0; at < want; at += SMALL_LINE) {
		small_chargen_line(k++, line);
		memcpy(out + at, line, want - at < SMALL_LINE ? want - at : SMALL_LINE);
	}
	return want;
}

/*
 * Ports whose services answer a datagram that they did not expect, and so could be set upon each other (CERT CA-1996-01;
 * CVE-1999-0103; "loop DoS", CVE-2024-2169), or that are the usual victims of reflection, so that no real
 * client has one as its source.  A kernel picks none of them for a client; below 1024 only root can bind them.
 */
#define PORT(number, name) { number, "source port " #number " (" name ")" }
static const struct {
	uint16_t number;
	const char *why;
} reflectors[] = {
	PORT(7, "echo"),		/* returns everything: the classic partner */
	PORT(9, "discard"),		/* answers nothing, but no client lives there; BSD refuses it too */
	PORT(11, "systat"),		/* answers any datagram with the list of users */
	PORT(13, "daytime"),		/* answers any datagram */
	PORT(17, "qotd"),		/* answers any datagram */
	PORT(19, "chargen"),		/* answers any datagram, elsewhere amplified */
	PORT(37, "time"),		/* answers any datagram */
	PORT(53, "domain"),		/* answers garbage with FORMERR, and old servers the answer too */
	PORT(69, "tftp"),		/* answers an error with an error */
	PORT(111, "sunrpc"),		/* portmap: answers and forwards calls */
	PORT(123, "ntp"),		/* CVE-2009-3563: mode 7 answers its own error */
	PORT(137, "netbios-ns"),	/* name service: answers status requests, amplified */
	PORT(138, "netbios-dgm"),	/* its error datagrams */
	PORT(161, "snmp"),		/* answers, amplified */
	PORT(389, "cldap"),		/* answers, amplified */
	PORT(427, "svrloc"),		/* CVE-2023-29552: amplified */
	PORT(464, "kpasswd"),		/* CVE-2002-2443: answers errors with errors */
	PORT(500, "isakmp"),		/* answers with notifications, retransmits */
	PORT(520, "rip"),		/* RIPv1: answers with its table */
	PORT(1434, "ms-sql-m"),		/* answers one byte with much */
	PORT(1900, "ssdp"),		/* answers, amplified */
	PORT(3702, "ws-discovery"),	/* answers garbage with a fault, amplified */
	PORT(5060, "sip"),		/* answers garbage with 400 */
	PORT(5353, "mdns"),		/* answers unicast too */
	PORT(11211, "memcache"),	/* answers garbage with ERROR */
};
#undef PORT

static const char *
reflector(uint16_t port, uint16_t own_port)
{
	if (port == 0)
		return "source port 0";
	if (port == own_port)
		return "source port like our own";
	for (size_t i = 0; i < sizeof(reflectors) / sizeof(reflectors[0]); i++)
		if (reflectors[i].number == port)
			return reflectors[i].why;
	return NULL;
}

/* nobody or many?  peer is unmapped */
static const char *
nobody(const struct addr *peer)
{
	if (peer->u.sa.sa_family == AF_INET6) {
		const struct in6_addr *a = &peer->u.in6.sin6_addr;

		if (IN6_IS_ADDR_UNSPECIFIED(a))
			return "unspecified source";
		return IN6_IS_ADDR_MULTICAST(a) ? "multicast source" : NULL;
	}
	uint32_t a = ntohl(peer->u.in.sin_addr.s_addr);

	if (a >> 24 == 0)
		return "unspecified source";
	if (a >> 24 == 255)
		return "broadcast source";
	return IN_MULTICAST(a) ? "multicast source" : NULL;
}

const char *
small_unanswerable(const struct addr *peer, uint16_t own_port)
{
	struct addr a = *peer;
	const char *why;

	if (a.len <= sizeof(a.u.sa.sa_family))
		return "source without a name";
	if (a.u.sa.sa_family == AF_UNIX)
		return NULL;
	if (a.u.sa.sa_family != AF_INET && a.u.sa.sa_family != AF_INET6)
		return "source of an unknown kind";
	addr_unmap(&a);
	why = nobody(&a);
	return why != NULL ? why : reflector(addr_port(&a), own_port);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool
small_mux_same(const char *name, size_t name_len, const char *listed)
{
	if (strlen(listed) != name_len)
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (lower(name[i]) != lower(listed[i]))
			return false;
	return true;
}

enum small_mux
small_mux_parse(const char *line, size_t len, const char **name, size_t *name_len)
{
	if (len == 0 || line[len - 1] != '\n')
		return SMALL_MUX_BAD;
	len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0 || len > SMALL_MUX_NAME_MAX)
		return SMALL_MUX_BAD;
	for (size_t i = 0; i < len; i++)
		if (line[i] < 0x21 || line[i] > 0x7e)
			return SMALL_MUX_BAD;
	if (small_mux_same(line, len, "help"))
		return SMALL_MUX_HELP;
	*name = line;
	*name_len = len;
	return SMALL_MUX_NAME;
}
