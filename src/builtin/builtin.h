/*
 * builtin - the services that berth brings along
 *
 * Code for a forked child of berthd: a copy of its memory, privileges already dropped to the service's user, a session of its own, signals
 * at their default, fd 2 the log, and nothing else open but what is given here.  Nothing returns: the child ends by _exit(2), so
 * that what berthd registered or buffered stays berthd's.  It ends with 0 also when the client left; with 1 and a
 * line on fd 2 when the socket itself is at fault.  No SIGPIPE is raised.
 *
 * A client may hold a connection for as long as the service's timeouts let it: only where this header says so is there a limit.
 */
#ifndef BERTH_BUILTIN_H
#define BERTH_BUILTIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../pure/small.h"

/*
 * Serve one connection (datagram false: a stream socket) or one datagram socket.  Not for BUILTIN_TCPMUX.
 *
 *           a connection                                              a datagram
 * echo      every byte; the client's half-close ends it after         the same, an empty one too
 *           what is pending was sent
 * discard   read to the end, nothing is answered                      no answer
 * chargen   lines until the client closes; input is ignored, and so   SMALL_CHARGEN_MAX bytes at most, and
 *           is its end: a client that only shut down still gets them  never more than it had
 * daytime   the line, then closed                                     the line
 * time      four bytes, then closed                                   four bytes
 *
 * "Then closed": shut down at once, and closed when the client has closed or after 2 s, what it sent being read and dropped:
 * unread bytes would make the kernel reset the connection and destroy the answer.
 *
 * A datagram socket is served until nothing has come for 30 s.  It may be shared, blocking, with others.  Answers go out from
 * the address that was asked: for that, IP_PKTINFO or IPV6_RECVPKTINFO is set on it and stays.  Peers by small_unanswerable(),
 * datagrams sent to a broadcast or multicast address, and ones longer than 65535 bytes get no answer; of those one line a
 * minute on fd 2 gives the reason, without an address (log.peer), and the number of more.  An answer that would have to wait
 * is dropped.
 */
void builtin_serve(enum builtin which, int fd, bool datagram) __attribute__((noreturn));

/*
 * Before it: datagrams from these source ports get no answer either, from whichever host: those of berthd's own datagram endpoints, so that no
 * loop can be built of two of them.  Borrowed.
 */
void builtin_refuse_ports(const uint16_t *port, size_t n);

/* A service that may be reached through tcpmux.  Borrowed. */
struct builtin_mux {
	uint32_t number;	/* what berthd is told */
	const char *name;
};

/* What berthd is told, in one packet of exactly this length, with exactly one descriptor (SCM_RIGHTS): the connection. */
#define BUILTIN_MUX_MAGIC 0x6d757831U
struct builtin_mux_call {
	uint32_t magic;		/* BUILTIN_MUX_MAGIC */
	uint32_t number;	/* of one of the list; never trusted: berthd looks it up in the list that it gave */
};

/*
 * RFC 1078 on the stream connection fd (not SOCK_SEQPACKET, which knows no single bytes).  Reads the request line and not
 * a byte more: what follows it belongs to the handler.  HELP is answered by the names, one per line, in the order of the list.
 * A listed name (the first that is the same but for case) sends a struct builtin_mux_call over `back` (SOCK_SEQPACKET), and the
 * child ends without having answered or read more: berthd decides, and answers + or -.  Any other line, none within 10 s of
 * the call (absolute), or a berthd that does not take it within them: "-Service not available\r\n", then closed as above.
 *
 * The list holds only what may be reached so, chosen by berthd: what is not in it has no number (CVE-2012-0862).  Whose privileges
 * the service gets is decided by berthd, from its own file, never here (CVE-2013-4342).
 */
void builtin_tcpmux(int fd, int back, const struct builtin_mux *list, size_t n)
    __attribute__((noreturn));

#endif
