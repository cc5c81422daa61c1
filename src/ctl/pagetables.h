/*
 * pagetables - what the status page has of services and connections
 *
 * Each is a heading and what comes below; the array is that of List(buckets) or of Connections().
 */
#ifndef BERTH_PAGETABLES_H
#define BERTH_PAGETABLES_H

#include <jansson.h>

#include "../pure/html.h"

void pagetables_services(struct html *h, const json_t *services);
void pagetables_refusals(struct html *h, const json_t *services);
void pagetables_waits(struct html *h, const json_t *services);
void pagetables_connections(struct html *h, const json_t *connections);

#endif
