/*
 * proxy - the PROXY protocol: headers of version 1 (a line) and version 2 (binary)
 *
 * haproxy's doc/proxy-protocol.txt (2020/03/05) rules.  Where it leaves a choice:
 *
 * - What cannot become a header any more is bad at that byte, before the rest was waited for: a
 *   client that speaks HTTP is refused for its first byte.  No address is used before the whole
 *   header is there.
 * - Version 1: up to 107 bytes with CR LF, whatever the family.  After UNKNOWN comes CR LF, or a
 *   space and anything up to CR LF.  TCP6 takes what inet_pton(3) takes, so the last 32 bits may be
 *   dotted.
 * - Version 2: the whole 16-bit length is accepted, since whatever follows the addresses has to be
 *   skipped; whoever reads learns the length from the first 16 bytes and may refuse a long one
 *   (haproxy and nginx stop at a few KiB).
 * - The real endpoints count, by the protocol's fall-back to UNSPEC, for DGRAM (this header came over
 *   a stream, and nobody shook hands with the source of a datagram), for UNIX, and where the family
 *   or the transport is UNSPEC.
 * - LOCAL and UNSPEC: the block is skipped unread.  Otherwise what follows the addresses must be TLVs
 *   that end exactly with the header.  CRC32C has 4 bytes, occurs once and must be right; UNIQUE_ID
 *   has at most 128 bytes; the others are skipped unread, and so is what is inside of SSL.
 */
#ifndef BERTH_PROXY_H
#define BERTH_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "diag.h"

#define PROXY_LINE_MAX 107		/* longest header of version 1, CR LF included */
#define PROXY_HEADER_MAX (16 + 65535)	/* longest header of version 2 */

enum proxy_outcome {
	PROXY_MORE,		/* so far the beginning of a header */
	PROXY_DONE,		/* a whole header, perhaps with payload behind it */
	PROXY_BAD		/* not a header, and nothing that follows makes it one */
};

struct proxy_header {
	size_t length;		/* bytes of the header, exactly: the payload begins here */
	bool local;		/* the header tells no addresses that count: the real endpoints do */
	struct addr source;	/* the client; none (len 0) where local */
	struct addr destination; /* what the client connected to; none where local */
};

/*
 * The header at the beginning of buf, of which len bytes are there (0: none yet).  It is called again
 * with all bytes from the first whenever more arrived: it remembers nothing and changes nothing in buf.
 *
 * PROXY_MORE: *need is the length of the shortest header that begins so, more than len: a caller that
 * reads need - len bytes and asks again never takes a byte of the payload, and needs no MSG_PEEK.
 * For version 2 it is the exact length from byte 16 on.  At most PROXY_HEADER_MAX.  If the
 * peer closes now the header is partial, and the connection is to be dropped.
 * PROXY_DONE: *out is the header.  IPv4-mapped addresses are folded (addr_unmap), each by itself, so
 * source and destination may differ in family.
 * PROXY_BAD: *why (may be NULL) says what is wrong, in printable ASCII.
 *
 * What is not said to be written is left as it was.
 */
enum proxy_outcome proxy_parse(const uint8_t *buf, size_t len, struct proxy_header *out,
    size_t *need, struct diag *why);

/*
 * Write a header, to be sent at once; returns its length.  source, destination: of the client's
 * connection, as getpeername(2) and getsockname(2) gave them.  IPv4-mapped addresses are folded; an
 * IPv4 address beside an IPv6 one is written IPv4-mapped; a scope is left out.  Anything but two
 * internet addresses becomes "PROXY UNKNOWN", or PROXY with UNSPEC.  The line is not NUL-terminated.
 */
#define PROXY_FORMAT_MAX (PROXY_LINE_MAX + 1)
size_t proxy_format_v1(uint8_t buf[PROXY_FORMAT_MAX], const struct addr *source,
    const struct addr *destination);
/* local: of our own, such as a health check; no addresses are sent, and they may be NULL. */
size_t proxy_format_v2(uint8_t buf[PROXY_FORMAT_MAX], bool local, const struct addr *source,
    const struct addr *destination);

#endif
