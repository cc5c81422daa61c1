/*
 * orders - the methods of the control socket by which an administrator changes what runs
 *
 * Each order that is carried out is one line `order command=... uid=...` in the log.
 */
#ifndef BERTH_ORDERS_H
#define BERTH_ORDERS_H

#include "client.h"
#include "pool.h"

/* As pure/wire_interface.c describes them; of whoever calls the first six it is known that it may. */
void orders_pause(struct client *c, const struct wire_call *call);
void orders_resume(struct client *c, const struct wire_call *call);
void orders_drain(struct client *c, const struct wire_call *call);
void orders_kill(struct client *c, const struct wire_call *call);
void orders_disable(struct client *c, const struct wire_call *call);
void orders_enable(struct client *c, const struct wire_call *call);
void orders_log_level(struct client *c, const struct wire_call *call);

/* For the others: that line.  ps: NULL, it is not about one service. */
void orders_log(const struct client *c, const char *command, const struct pool_service *ps);

#endif
