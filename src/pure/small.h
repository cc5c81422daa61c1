/*
 * small - the small services as bytes: RFC 862, 863, 864, 867, 868, and the request of RFC 1078
 */
#ifndef BERTH_SMALL_H
#define BERTH_SMALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"

enum builtin {
	BUILTIN_ECHO, BUILTIN_DISCARD, BUILTIN_CHARGEN, BUILTIN_DAYTIME, BUILTIN_TIME, BUILTIN_TCPMUX
};

/* Its name in a service file: "echo". */
const char *small_name(enum builtin which);

/*
 * RFC 867, the line that ctime(3) makes, with CRLF: "Tue Feb 22 17:37:43 1982\r\n" (the day of the month is padded with a
 * space).  tm: local time.  Returns the length, 26 for a year of four digits; a NUL follows.
 */
#define SMALL_DAYTIME_MAX 40
size_t small_daytime(const struct tm *tm, char out[SMALL_DAYTIME_MAX]);

/*
 * RFC 868: seconds since 1900-01-01 00:00 UTC, big-endian, modulo 2^32: begins anew at
 * 2036-02-07T06:28:16Z.  unix_seconds: as time(2), any value.
 */
#define SMALL_TIME_LEN 4
void small_time(int64_t unix_seconds, uint8_t out[SMALL_TIME_LEN]);

/*
 * RFC 864: line k (from 0) has 72 characters of the ring ' ' to '~', beginning with character k of it, and CRLF.  Line
 * SMALL_LINES is line 0 again.  No NUL.
 */
#define SMALL_LINES 95
#define SMALL_LINE 74
void small_chargen_line(uint64_t k, char out[SMALL_LINE]);

/*
 * The answer to one chargen datagram of `request` bytes: the pattern from line k on, as long as the request and at most
 * SMALL_CHARGEN_MAX (RFC 864), so that nothing is amplified.  Returns its length; no NUL.
 */
#define SMALL_CHARGEN_MAX 512
size_t small_chargen_datagram(uint64_t k, size_t request, char out[SMALL_CHARGEN_MAX]);

/*
 * Why a datagram from this peer must not be answered, for the log (a literal that names no address), or NULL: it may be.
 * Refused are: a source that could answer in its turn (a port of the table in small.c, or own_port: our like on
 * another host), so that no forged source makes two services talk for ever; and one that names nobody or many (no
 * port, 0.0.0.0/8, 255.0.0.0/8, ::, multicast, a unix socket without a name).  IPv4-mapped addresses are their IPv4
 * address.  own_port: of the socket that received it.  127.0.0.0/8 may be: the kernel drops it from the wire.
 */
const char *small_unanswerable(const struct addr *peer, uint16_t own_port);

/*
 * A request to tcpmux: as read up to and with its LF, at most SMALL_MUX_LINE bytes.  The RFC ends it with CRLF; LF alone is
 * taken too, as BSD does.
 */
#define SMALL_MUX_NAME_MAX 256
#define SMALL_MUX_LINE (SMALL_MUX_NAME_MAX + 2)

enum small_mux {
	SMALL_MUX_NAME,		/* *name, *name_len: borrowed from the line */
	SMALL_MUX_HELP,		/* "HELP", in any case: reserved by the RFC */
	SMALL_MUX_BAD		/* empty, too long, no LF, or a byte that no name has (not 0x21 to 0x7e) */
};
enum small_mux small_mux_parse(const char *line, size_t len, const char **name, size_t *name_len);

/* Is this the listed service?  ASCII case does not matter, in any locale. */
bool small_mux_same(const char *name, size_t name_len, const char *listed);

#endif
