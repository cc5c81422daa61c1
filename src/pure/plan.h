/*
 * plan - which open sockets a new configuration takes over, and which it opens and closes
 */
#ifndef BERTH_PLAN_H
#define BERTH_PLAN_H

#include <stddef.h>

#include "endpoint.h"

#define PLAN_NONE ((size_t)-1)

/* One socket that is open now.  service: the owner's number, in the order of names. */
struct plan_have {
	struct endpoint_key key;
	size_t service;
};

enum plan_action {
	PLAN_TAKE,		/* the open socket `from`, its own or another service's */
	PLAN_OPEN,
	PLAN_CONFLICT		/* another service keeps it: `holder` */
};

/* One socket that the new configuration wants; the array is in the order of service names. */
struct plan_want {
	struct endpoint_key key;
	size_t service;
	/* result: */
	enum plan_action action;
	size_t from;		/* index into have, for PLAN_TAKE */
	size_t holder;		/* service number, for PLAN_CONFLICT */
};

/*
 * Decide for every want.  The one that holds an endpoint keeps it as long as it wants it; else it
 * goes to the first by name.  Port 0 never conflicts: each want takes one open socket with that key, its own
 * service's first.  used[i] becomes true when have[i] is taken; the others are to be closed.
 * O(n log n), but for wants of port 0 with one key, which are few.  Returns 0, or -1 when memory cannot be had.
 */
int plan_make(const struct plan_have *have, size_t nhave, struct plan_want *want, size_t nwant,
    bool *used);

#endif
