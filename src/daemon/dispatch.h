/*
 * dispatch - from a ready listener to a handler
 */
#ifndef BERTH_DISPATCH_H
#define BERTH_DISPATCH_H

#include "pool.h"

/*
 * Serve ready listeners round robin, a bounded number of connections a turn, as long as the pool's
 * gate is open.  True when there is more to do at once.
 */
bool dispatch_turn(struct pool *p);

#endif
