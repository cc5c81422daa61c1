/*
 * dispatch - from a ready listener to a handler
 */
#ifndef BERTH_DISPATCH_H
#define BERTH_DISPATCH_H

#include "child.h"
#include "pool.h"

/*
 * Serve the services whose turn it is, a bounded number of connections, and look for victims.  True when there is more to
 * do at once.
 */
bool dispatch_turn(struct pool *p);

/* The pending connection of l is refused: counted, logged, reset.  rule: the text of the rule that did it; NULL or "" none. */
void dispatch_refuse(struct listener *l, enum admit_verdict reason, const char *rule);

/* The pending connection of from is l's now: with its turn among those that wait for resources, and its time. */
void dispatch_move_short(struct listener *l, struct listener *from);

/* Count and log the refusal of a connection that is nobody's pending one; its fd stays the caller's. */
void dispatch_note_refusal(struct pool_service *ps, const struct arrival *a, enum admit_verdict reason,
    const char *rule);

/* What l waits for is not that there are resources again: its time does not run. */
void dispatch_forget_short(struct listener *l);

/*
 * A connection that is nobody's pending one, and has no place: judge it as any of its service, and start its handler.  What has no place at
 * once is refused.  ADMIT_OK: its fd was taken over; else it was counted and logged, and stays the caller's.
 */
enum admit_verdict dispatch_serve(struct pool_service *ps, const struct child_work *w);

/*
 * The same for one that has its place since it was accepted: only its source is judged.  ADMIT_OK: fd and place were taken over; else both
 * stay the caller's, and nothing was counted.  ADMIT_RESOURCES, ADMIT_PAUSED: it may be tried again.  rule: of ADMIT_RULE_MAX bytes.
 */
enum admit_verdict dispatch_serve_placed(struct pool_service *ps, const struct child_work *w, char *rule);

#endif
