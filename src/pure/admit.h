/*
 * admit - may a connection of this service be given a berth now, and if not, why
 *
 * One vocabulary of reasons: the word is the one in the log, the counters, the control socket and the
 * manual.  Reasons join the list when the thing they name is built.
 */
#ifndef BERTH_ADMIT_H
#define BERTH_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

enum admit_verdict {
	ADMIT_OK,
	ADMIT_SERVICE_FULL,	/* limits.connections of the service */
	ADMIT_POOL_FULL,	/* limits.connections of berth.json */
	ADMIT_THROTTLED,	/* the service is at fault: see throttle.h */
	ADMIT_DRAINING,		/* berthd is stopping */
	ADMIT_RESOURCES,	/* no fd, memory or process to be had */
	ADMIT_GONE,		/* reset by the client before a handler was started */
	ADMIT_VERDICTS
};

/* "service-full" and so on; "ok". */
const char *admit_word(enum admit_verdict v);

/* What decides whether a service's listeners are served. */
struct admit_service_facts {
	uint32_t active, limit;		/* limit 0: none */
	bool throttled;
};
enum admit_verdict admit_service(const struct admit_service_facts *f);

/* What decides for all services at once. */
struct admit_pool_facts {
	uint32_t active, limit;
	bool short_of_resources;
};
enum admit_verdict admit_pool(const struct admit_pool_facts *f);

#endif
