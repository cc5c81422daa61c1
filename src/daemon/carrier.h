/*
 * carrier - the relay processes of a service, and what each of them holds
 *
 * A service with `relay` has a few processes (src/libexec/relay.c), that were started as any handler of its version would be, and are
 * given connections over a socket.  berthd keeps its copy of a connection until it hears that it was taken: one that dies loses no
 * other.  A process that has had nothing to do for a second, or whose version is no more, is let go.
 */
#ifndef BERTH_CARRIER_H
#define BERTH_CARRIER_H

#include <sys/resource.h>

#include <signal.h>

#include "../pure/relay.h"
#include "child.h"

struct carrier;

/* One relayed connection, as long as its child lives (carry.h). */
struct carry {
	struct child *child;
	struct carry_targets *targets;	/* held */
	unsigned records;		/* of targets, that were read */
	size_t current;			/* counted as its target */
	size_t first;			/* which it may be the one to probe, */
	bool heard;			/* and of which it has said how it is */
	char *why;			/* owned: why targets failed; NULL: none did */
	/* for its carrier: */
	struct carrier *carrier;	/* NULL: none has it */
	uint32_t slot;			/* ... under this number */
	TAILQ_ENTRY(carry) next;	/* in its queue */
	struct relay_order *order;	/* owned, until it was taken */
	bool queued, take, drop;	/* what is to be sent */
	bool taken;
	bool dropped;			/* berthd itself ends it */
	unsigned tries;
};

/*
 * The process for one more connection of c's service: the one with the fewest.  It is started if there is none, or if all have many.
 * NULL: *out says what failed.  Else it has the pid.
 */
struct carrier *carrier_choose(struct child *c, struct spawn_result *out);

/* x->child->kept is to be carried.  false: no memory. */
bool carrier_give(struct carrier *w, struct carry *x);

/* Close it: x->dropped is set.  A second time: the process does not answer, and is killed. */
void carrier_drop(struct carry *x);

/* Whatever becomes of x, it is not waited for. */
void carrier_forget(struct carry *x);

/* The service has another version, or none: let go whom nobody needs. */
void carrier_fit(struct pool_service *ps);

/* The service is no more; berthd ends. */
void carrier_free_all(struct pool_service *ps);
void carrier_fini(void);

#endif
