/*
 * stats - what is counted and recorded, as it lies in shared memory
 *
 * One file, written by one berthd through its mapping and read by anybody who may: a head, a ring with the last
 * STATS_EVENTS events, then a slot of counters for each service.  Numbers of fixed width, no pointers.  It outlives
 * berthd, however that ends: the next one goes on counting, after stats_settle() has counted what was lost.
 *
 * The counters of a slot satisfy at the end of every turn
 *     accepted = pending + active + ended + failed + the sum of refused,
 * so that pending + active is known from the others alone.
 *
 * A head tells by sizes and words what is where (stats_check()): a program that was built with another
 * vocabulary of reasons does not touch the file.
 */
#ifndef BERTH_STATS_H
#define BERTH_STATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admit.h"
#include "cause.h"
#include "diag.h"
#include "histogram.h"

#define STATS_EVENTS 4096
#define STATS_SLOTS 16384	/* at most */
#define STATS_NAME 72		/* a service's name, with its NUL */
#define STATS_PEER 72		/* a peer's text, with its NUL; a longer one is cut */

struct stats_counters {
	uint64_t accepted, ended, failed, evicted;
	uint64_t dropped;			/* datagrams that no handler read */
	uint64_t peak;				/* most places at once */
	uint64_t refused[ADMIT_VERDICTS];
	uint64_t cause[CAUSES];			/* of all that ended */
	uint64_t status[256], signal[65];	/* of those whose end was seen */
	uint64_t cpu_user_ns, cpu_system_ns;	/* of handlers that ended, and what they waited for (getrusage(2)) */
	uint64_t max_rss_bytes;
	uint64_t received, sent;		/* bytes, as of the last look at each that ended */
	struct histogram queue_wait, spawn, lifetime;
};

struct stats_slot {
	char name[STATS_NAME];
	uint64_t generation;		/* which berthd used it last; 0: free */
	struct stats_counters count;
};

enum stats_what {
	STATS_NOTHING, STATS_START, STATS_EXIT, STATS_REFUSE, STATS_FAIL, STATS_EVICT, STATS_WHATS
};

struct stats_event {
	uint64_t number;		/* 1 is the first ever; 0: is being written */
	int64_t realtime_ns;
	uint64_t connection;		/* 0: it has no number */
	int64_t duration_ns;		/* exit */
	uint32_t pid;			/* 0: none */
	uint8_t what;			/* enum stats_what */
	uint8_t reason;			/* refuse: enum admit_verdict */
	uint8_t cause;			/* exit: enum cause */
	uint8_t signal;			/* exit: 0: it exited, */
	uint8_t status;			/* ... with this */
	uint8_t spare[3];
	char service[STATS_NAME];
	char peer[STATS_PEER];		/* as log.peer has it; "" none */
};

#define STATS_LAYOUT 512

struct stats_head {
	char magic[8];
	uint32_t head_bytes, event_bytes, slot_bytes, events;
	char layout[STATS_LAYOUT];	/* the words, in the order of their numbers */
	uint64_t generation;		/* how many a berthd has begun to write it */
	uint64_t next_connection, next_event;
	uint64_t slots;			/* that have been used, free ones among them */
	int64_t pid;			/* of the last berthd */
	int64_t started_realtime_ns;
	int64_t turn_ns;		/* CLOCK_MONOTONIC: when its last turn ended */
	uint64_t active, peak, limit;	/* of the pool */
};

/* The parts of a file in memory; room: slots that may be touched. */
struct stats {
	struct stats_head *head;
	struct stats_event *event;	/* STATS_EVENTS of them */
	struct stats_slot *slot;
	size_t room;
};

/* Bytes of a file with so many slots. */
size_t stats_bytes(size_t slots);

/* Where the parts are in a mapping of stats_bytes(room) bytes. */
struct stats stats_parts(void *base, size_t room);

/* A new head, in zeroed memory. */
void stats_init(struct stats_head *h);

/* Was this written by a program with the same layout?  bytes: of the file.  why says what differs. */
bool stats_check(const struct stats_head *h, size_t bytes, struct diag *why);

/*
 * A berthd takes the file over: the connections of the one before that have not ended are counted as ended, cause lost; the
 * ring goes on where it was, or anew when its number cannot be right.  Returns how many connections were lost.
 */
uint64_t stats_settle(struct stats *s);

/* Connections that are pending or have a handler. */
uint64_t stats_open(const struct stats_counters *c);

/* Record; the number is given here. */
void stats_record(struct stats *s, const struct stats_event *e);

/*
 * The event of this number, copied.  false: it is not there any more, or not yet.
 */
bool stats_event(const struct stats *s, uint64_t number, struct stats_event *out);

/* The counters as members of the type Service of wire_interface.c; pending is not among them.  New reference. */
json_t *stats_json(const struct stats_counters *c, bool buckets);

/* The type Event.  New reference. */
json_t *stats_event_json(const struct stats_event *e);

#endif
