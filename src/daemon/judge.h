/*
 * judge - what a live connection is doing, seen from outside
 *
 * The connection's descriptor was given away, so the kernel is asked about it (sock_diag(7)), and its handler is looked
 * at (proc(5)).  A connection is idle since its counts of bytes last moved: the times that the kernel keeps only say
 * when that was, because the retransmissions to a client that has gone refresh them.  Unix sockets have no such counts: idle is
 * how long the handler has been seen without a context switch, so it takes two looks.
 */
#ifndef BERTH_JUDGE_H
#define BERTH_JUDGE_H

#include "../sys/onlooker.h"
#include "../sys/waiting.h"
#include "child.h"

/* Other processes of a handler's session, as of a pass over /proc (see survey.h). */
struct judge_session {
	const pid_t *pid;
	size_t count;
};

/*
 * The kernel's view of connections, JUDGE_BATCH at most at once; their handlers are not looked at: waits is true.  look[i].known is
 * false where the kernel has none, or it could not be looked at, and why[i] says why; idle_ns is since it last had.
 */
#define JUDGE_BATCH ONLOOKER_BATCH
#define JUDGE_WHY 64
void judge_sockets(struct child *const *c, size_t n, struct victim_look *look, char (*why)[JUDGE_WHY]);

/* Of one. */
void judge_socket(struct child *c, struct victim_look *look, char why[JUDGE_WHY]);

/* Shut its connection down, with its goodbye; report: of the look that found a process that has it.  False: not done. */
bool judge_shut(struct child *c, const struct waiting_report *report);

/* Then its handler: is it seen waiting?  Fills look->waits, known and, on unix sockets, idle_ns. */
enum waiting judge_handler(struct child *c, const struct judge_session *others,
    struct victim_look *look, struct waiting_report *report);

/*
 * The same for JUDGE_BATCH handlers at most at once; returns how many of the first were looked at, one at least: who takes
 * long is the last.
 */
struct judge_item {
	struct child *child;
	struct judge_session others;
	bool switches;			/* they are wanted; of unix connections they always are */
	struct victim_look *look;
	struct waiting_report report;
	enum waiting waiting;
};
size_t judge_handlers(struct judge_item *item, size_t n);

/* A handler that accepts by itself: is it seen waiting for work on its socket? */
enum waiting judge_post(struct child *c, const struct judge_session *others,
    struct waiting_report *report);

/* What it comes to by the rules of the version that it was started from. */
enum victim_state judge_state(const struct child *c, const struct victim_look *look);

/* May its place be taken at all: it runs, nobody ends it, and its service has "evict" in its chain. */
bool judge_is_evictable(const struct child *c);

#endif
