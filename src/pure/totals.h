/*
 * totals - what the services of an answer come to, together
 *
 * An answer of the control socket (pure/wire_interface.c): what is absent in one counts as 0.
 */
#ifndef BERTH_TOTALS_H
#define BERTH_TOTALS_H

#include <jansson.h>
#include <stddef.h>

/* The states that a service can be in, what is usual first; ended by NULL. */
extern const char *const totals_states[];

/* *sum += n, up to what there is room for. */
void totals_add(long long *sum, long long n);

/* How many of these services are in one state. */
size_t totals_in_state(const json_t *services, const char *state);

/* "2 open, 1 disabled": those that occur; "" there is no service.  Returns buf. */
#define TOTALS_STATES_MAX 256
const char *totals_states_text(const json_t *services, char *buf, size_t size);

/* All numbers of an object: refusals by reason. */
long long totals_sum(const json_t *object);

/*
 * What follows `after` in the order of counts, the largest first, and of names where counts are the same; after NULL:
 * the first.  NULL: none that is above 0.
 */
const char *totals_next(const json_t *counts, const char *after);

/* "source-full 10, denied 2", in that order; "" there is none.  Returns buf. */
const char *totals_counts_text(const json_t *counts, char *buf, size_t size);

/* Connections in the queues of these endpoints; -1: the kernel tells of none. */
long long totals_queue(const json_t *endpoints);

struct totals {
	long long accepted, pending, active, ended, failed, evicted, refused;
};

struct totals totals_make(const json_t *services);

#endif
