/*
 * carry - relayed connections: which targets, and how they are
 *
 * A connection of a service with `relay` is carried by one of the service's own processes (carrier.h).  That is given the
 * targets in the order in which to try them, and tells which failed and which answered.  What is known of the targets belongs
 * to the service and outlives its file's versions.  For child.c it is a handler without a process of its own.
 */
#ifndef BERTH_CARRY_H
#define BERTH_CARRY_H

#include "carrier.h"

struct carry_targets;	/* of a service */

/* berthd's own program; NULL: it is not installed. */
const char *carry_program(void);

/*
 * Start it: c->carry and c->kept are set, and fd is the child's.  Where that fails fd stays the caller's, and *out says what it was, as
 * of a spawn.
 */
void carry_start(struct child *c, int fd, struct spawn_result *out);

/* Send it a signal, as far as there is something like it: child_ended() comes later. */
void carry_signal(struct carry *x, int sig);

void carry_close(struct carry *x);		/* NULL is harmless */

/* From its carrier: what it says (false: it should not); then one of these. */
bool carry_event(struct carry *x, const struct relay_event *e);
void carry_ended(struct carry *x, const struct relay_event *e, const struct rusage *used);
void carry_lost(struct carry *x, const siginfo_t *si, const struct rusage *used);
void carry_again(struct carry *x);

/* The service has another version: what is known of a target that it still has is kept. */
void carry_fit(struct pool_service *ps);

/* The service is no more. */
void carry_free_service(struct pool_service *ps);

#endif
