/*
 * monitor - the method Monitor: events as they are recorded
 *
 * A cursor into the ring of the statistics (pure/stats.h): a client costs nothing while it does not read, and
 * is told how many events it has lost when the ring has gone past it.
 */
#ifndef BERTH_MONITOR_H
#define BERTH_MONITOR_H

#include "../pure/stats.h"
#include "client.h"

/* Answer in parts until the client goes.  service: only its events, NULL: all; past: begin with so many. */
void monitor_begin(struct client *c, const struct wire_call *call, const struct stats *s,
    const char *service, uint64_t past);

#endif
