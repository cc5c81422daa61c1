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
#include "reload.h"
#include "survey.h"

/* berthd itself, and its pool. */
json_t *snapshot_status(const struct pool *p, const struct reload *r);

/* buckets: with those of the histograms.  only: one service; NULL for all. */
json_t *snapshot_service(const struct pool_service *ps, bool buckets);

/*
 * All services, for a millisecond at each call: into a list that is begun as NULL and is the caller's.  True when it is complete.
 * Each service is as of one moment; those that come or go meanwhile may be in it or not.
 */
bool snapshot_more_services(struct pool *p, bool buckets, json_t **list);

/*
 * Of a complete survey (SURVEY_ALL): the connections that still live, for a millisecond at each call.  *at is 0 at first.
 * True when the list is complete.
 */
bool snapshot_more_connections(const struct survey *s, size_t *at, json_t *list);

#endif
