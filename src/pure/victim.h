/*
 * victim - whose connection is taken when a place is needed
 *
 * Order (contract, The pool): the most overdue of all; else, in the service with the largest
 * (active - reserve) / weight that has a candidate and is above its reserve: silent ones first, then dormant ones, each by
 * the service's order: the oldest start, or the longest idleness.  A connection that is busy, or
 * cannot be judged, is never a candidate.
 */
#ifndef BERTH_VICTIM_H
#define BERTH_VICTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a connection was seen to do.  The words are those of `berthctl connections`. */
enum victim_state { VICTIM_UNKNOWN, VICTIM_BUSY, VICTIM_SILENT, VICTIM_DORMANT, VICTIM_OVERDUE, VICTIM_STATES };
const char *victim_word(enum victim_state s);

/* The kernel's view of a connection, and whether its handler is seen waiting for it. */
struct victim_look {
	int64_t age_ns;			/* since the accept */
	int64_t idle_ns;		/* since bytes last moved, either way */
	uint64_t received, acked;	/* bytes so far, without a PROXY header; a unix socket, where nobody counts: 1 and 1 */
	uint32_t unread, unsent, unacked; /* bytes (or segments) still on their way */
	bool waits;			/* the handler waits for its client */
	bool known;			/* false: it could not be looked at, */
	bool closed;			/* ... because there is no connection any more */
};

struct victim_rule {
	int64_t min_idle_ns, keep_alive_ns; /* keep_alive_ns 0: none */
};

/*
 * Judge one connection.
 *   unknown: could not be looked at.  busy: the handler does not wait, bytes are on their way, or min_idle is not over.
 *   silent: the client has sent nothing since the accept, min_idle_ns ago or more.  A greeting on its way to it is no
 *   response as long as nothing of it has arrived and nothing has moved for min_idle_ns.
 *   dormant: bytes have come, none is on its way, idle for min_idle_ns or more.  overdue: for more than keep_alive_ns.
 */
enum victim_state victim_judge(const struct victim_look *look, const struct victim_rule *rule);

enum victim_order { VICTIM_OLDEST, VICTIM_LONGEST_IDLE };

struct victim_candidate {
	enum victim_state state;	/* SILENT, DORMANT or OVERDUE; others are passed over */
	int64_t started_ns, idle_ns, overdue_ns; /* overdue_ns: beyond keep_alive */
	size_t service;			/* index into the services */
};

/* Where a service takes a place from itself, because only it is full, reserve is given as 0: it loses nothing by that. */
struct victim_service {
	uint32_t active, reserve, weight; /* weight 1 to 1000 */
	enum victim_order order;
};

/* Index of the victim in c[0..n), or (size_t)-1.  Equals are settled by the older start, then by the lower index. */
size_t victim_choose(const struct victim_candidate *c, size_t n, const struct victim_service *s);

/* Does service a stand before b in the order of services (larger (active - reserve) / weight, ties by more active)? */
bool victim_service_before(const struct victim_service *a, const struct victim_service *b);

#endif
