/*
 * snapshot - the running side as JSON, for the control socket
 *
 * First the picture, then the sending: nothing here is held on to.  Types as in
 * pure/wire_interface.c.  All return new references.
 */
#ifndef BERTH_SNAPSHOT_H
#define BERTH_SNAPSHOT_H

#include <jansson.h>

#include "pool.h"

json_t *snapshot_service(const struct pool_service *ps);
json_t *snapshot_list(struct pool *p);

/* service: NULL for all. */
json_t *snapshot_connections(struct pool *p, const struct pool_service *service);

#endif
