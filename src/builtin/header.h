/*
 * header - reads PROXY headers for berthd, in a process of its own without privileges
 *
 * It gets connections one by one, looks at what has come without taking it (MSG_PEEK), and tells berthd what the header says and how
 * long it is; berthd discards so many bytes itself.  So nothing is lost when this process dies: berthd still has the
 * connection, with all that came.  Only of a unix stream, which cannot be drained so, the header is taken here.
 */
#ifndef BERTH_HEADER_H
#define BERTH_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "../pure/addr.h"

#define HEADER_NS 5000000000LL	/* for the whole header, however it trickles */
#define HEADER_MAX 4096		/* longer ones are refused (pure/proxy.h) */

/* From berthd, with the connection (SCM_RIGHTS). */
struct header_order {
	uint64_t number;
	int64_t deadline_ns;	/* CLOCK_MONOTONIC: of the connection, whoever reads it */
	bool take;		/* a unix stream */
};

enum header_outcome { HEADER_DONE, HEADER_BAD, HEADER_LATE, HEADER_ENDED };

/* To berthd. */
struct header_answer {
	uint64_t number;
	enum header_outcome outcome;
	uint32_t length;	/* DONE: bytes of the header that are still there */
	bool local;		/* the connection's own addresses count */
	struct addr source, destination;
};

/* Serve until `fd` is closed. */
void header_run(int fd);

#endif
