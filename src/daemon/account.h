/*
 * account - what happened to a connection: counted, and recorded for whoever watches
 *
 * Each of these is one event of the flight recorder (pure/stats) and what it changes in the counters of its service; log lines
 * are the caller's, and may be fewer.
 */
#ifndef BERTH_ACCOUNT_H
#define BERTH_ACCOUNT_H

#include <sys/resource.h>

#include <signal.h>

#include "child.h"

/* Its handler runs. */
void account_start(const struct child *c);

/* Its handler has ended: how, and what it used. */
void account_exit(const struct child *c, const siginfo_t *si, const struct rusage *used,
    int64_t lived_ns);

/* No handler came to be, by a fault of the service: recorded; counted in `failed` when it has been reaped. */
void account_failure(const struct child *c);

/* Its place goes to another. */
void account_eviction(const struct child *c);

/* It was refused. */
void account_refusal(const struct pool_service *ps, const struct arrival *a,
    enum admit_verdict reason);

#endif
