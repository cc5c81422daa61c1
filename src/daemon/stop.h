/*
 * stop - the orderly end
 *
 * Serve what each queue held at the moment of the command, accept no more, let handlers end for
 * stop_grace, then TERM, then after each one's timeouts.stop KILL.  A second command skips the grace.
 */
#ifndef BERTH_STOP_H
#define BERTH_STOP_H

#include "pool.h"

/* The command came.  leave: end at once and leave the handlers running. */
void stop_begin(struct pool *p, int64_t grace_ns, bool leave);

/* It came again. */
void stop_hurry(struct pool *p);

/* Is there nothing left to wait for? */
bool stop_is_done(const struct pool *p);

/* Close whatever is still open and forget all services; handlers that live are left alone. */
void stop_fini(struct pool *p);

#endif
