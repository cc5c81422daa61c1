/*
 * overflow - what becomes of a connection for which there is no place: limits.overflow
 *
 * A chain of steps is walked anew each time, from the age of the connection and from what was tried: there is no state
 * but those two.  "evict" answers a lack of places only, never a rate or the load; what it could not do at once is
 * tried again for as long as a wait behind it lasts.
 */
#ifndef BERTH_OVERFLOW_H
#define BERTH_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admit.h"
#include "spec.h"

enum overflow_action {
	OVERFLOW_HOLD,		/* it waits */
	OVERFLOW_EVICT,		/* a place is to be taken from another */
	OVERFLOW_REFUSE,	/* reset */
	OVERFLOW_BANNER		/* text, then close */
};

struct overflow_facts {
	const struct spec_step *step;	/* the chain */
	size_t count;
	enum admit_verdict verdict;	/* why there is no place */
	int64_t age_ns;			/* of the connection, since its arrival in the queue */
	bool tried;			/* no victim was found for it */
};

struct overflow {
	enum overflow_action action;
	int64_t hold_ns;	/* HOLD: up to this age; 0: for ever */
	bool evicts;		/* HOLD: a victim that is found meanwhile is welcome */
	const char *banner;	/* BANNER: borrowed from the chain */
};

struct overflow overflow_decide(const struct overflow_facts *f);

/*
 * Nothing is to be done for a connection before there is a place: it stays in the kernel's queue, not accepted.  So
 * it is where the chain waits at once and for ever, and for every verdict that no chain answers.
 */
bool overflow_leaves(const struct spec_step *step, size_t count, enum admit_verdict verdict);

/* Has the chain the step "evict"?  Only then may its service lose a connection. */
bool overflow_evicts(const struct spec_step *step, size_t count);

#endif
