/*
 * admission - the running side's facts for pure/admit: what one source may
 */
#ifndef BERTH_ADMISSION_H
#define BERTH_ADMISSION_H

#include <jansson.h>

#include "pool.h"

/* The client of an arrival, or of a handler. */
struct admission_client {
	const struct addr *peer;
	uid_t uid;		/* of a unix peer, else -1 */
};

/* Who it counts as, by limits.source_prefix of s. */
struct source admission_source(const struct service *s, const struct admission_client *who);

/* Has a service any rule for which the history of a source must be known? */
bool admission_has_history(const struct service *s);

/*
 * The facts about one client of ps, which has a service, as of now.  Nothing is changed.
 */
struct admit_source_facts admission_facts(const struct pool_service *ps,
    const struct admission_client *who);

/*
 * It was admitted: charge it, to its source and to the service.  Returns its source's entry, to be released at the end of
 * its handler; NULL: there is no history to be kept, or the table was full (which is counted, and said at times).
 */
struct peer *admission_charge(struct pool_service *ps, const struct admission_client *who,
    bool rate_taken);

/* limits.rate for a connection that gets its handler later: then rate_taken. */
void admission_take_rate(struct pool_service *ps);

/* A live handler's entry, without a charge: likewise. */
struct peer *admission_hold(struct pool_service *ps, const struct admission_client *who);

/* Its handler ended badly: add_ns more on the source's balance.  entry: as admission_charge() gave it. */
void admission_penalise(struct pool_service *ps, struct peer *entry,
    const struct admission_client *who, int64_t add_ns);

/*
 * What would become of a connection of this client now, and by which rule: the type Explanation of pure/wire_interface.c.  New
 * reference.
 */
json_t *admission_explain(const struct pool_service *ps, const struct admission_client *who);

/* Sources with a balance; service: NULL for all.  New reference. */
json_t *admission_penalties(struct pool *p, const struct pool_service *service);

/* Forgive all sources within `within` (NULL: all); how many had a balance. */
unsigned admission_forgive(struct pool *p, const struct pool_service *service,
    const struct source *within);

#endif
