/*
 * carry - relayed connections: which targets, and how they are
 *
 * A connection of a service with `relay` is carried by berthd's own small program, executed like any handler.  It is given the
 * targets in the order in which to try them, and tells over a pipe which failed and which answered.  What is known of the targets belongs
 * to the service and outlives its file's versions.
 */
#ifndef BERTH_CARRY_H
#define BERTH_CARRY_H

#include "child.h"

struct carry;		/* of one connection */
struct carry_targets;	/* of a service */

/* For a handler that is about to be started.  *status: its fd 3, to be closed by the caller.  NULL and errno. */
struct carry *carry_open(struct child *c, int *status);
void carry_close(struct carry *x);		/* NULL is harmless */

/* The program and its arguments, while x lives. */
const char *carry_program(void);		/* NULL: it is not installed */
char *const *carry_arguments(const struct carry *x);

/* The service has another version: what is known of a target that it still has is kept. */
void carry_fit(struct pool_service *ps);
void carry_free_targets(struct carry_targets *t);	/* NULL is harmless */

#endif
