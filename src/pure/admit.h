/*
 * admit - may a connection of this service be given a berth now, and if not, why
 *
 * One vocabulary of reasons: the word is the one in the log, the counters, the control socket and the
 * manual.  Reasons join the list when the thing they name is built.
 *
 * Narrow before wide: the source, the service, the pool.  Each function looks and changes nothing; only
 * when all of them have said ok is admit_charge() called.  So a connection that is refused for its source
 * costs neither a token nor a place, and nobody is evicted for it.
 */
#ifndef BERTH_ADMIT_H
#define BERTH_ADMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "bucket.h"
#include "peers.h"

enum admit_verdict {
	ADMIT_OK,
	ADMIT_DENIED,		/* access of the service */
	ADMIT_PENALTY,		/* penalties of the service: the source's balance */
	ADMIT_SOURCE_FULL,	/* limits.connections_per_source */
	ADMIT_SOURCE_RATE,	/* limits.rate_per_source */
	ADMIT_SERVICE_FULL,	/* limits.connections of the service */
	ADMIT_SERVICE_RATE,	/* limits.rate */
	ADMIT_POOL_FULL,	/* limits.connections of berth.json, or what is left beside reserves */
	ADMIT_LOAD,		/* limits.load of the service or of berth.json */
	ADMIT_THROTTLED,	/* the service is at fault: see throttle.h */
	ADMIT_PAUSED,		/* the service was told to wait (berthctl pause) */
	ADMIT_DRAINING,		/* berthd is stopping, or the service is drained, disabled or gone */
	ADMIT_RESOURCES,	/* no fd, memory or process to be had */
	ADMIT_BAD_HEADER,	/* proxy_protocol: its PROXY header is bad, missing or late */
	ADMIT_GONE,		/* reset by the client before a handler was started */
	ADMIT_VERDICTS
};

/* "service-full" and so on; "ok". */
const char *admit_word(enum admit_verdict v);

/* Longest text of the admit_*_rule() functions, with its NUL. */
#define ADMIT_RULE_MAX 160

/* What decides about one source, after the accept: it can only be refused.  Times are monotonic. */
struct admit_source_facts {
	const struct access *access;	/* NULL: no rules */
	const struct addr *peer;	/* for access */
	uid_t uid;			/* of a unix peer */
	const struct peer *entry;	/* its history with this service; NULL: none (none yet, or the table was full) */
	int64_t threshold_ns;		/* penalties.threshold; 0: none */
	uint32_t limit;			/* limits.connections_per_source; 0: none */
	const struct bucket_rate *rate;	/* limits.rate_per_source; NULL: none */
	int64_t now_ns;
};

/* ADMIT_DENIED, ADMIT_PENALTY, ADMIT_SOURCE_FULL, ADMIT_SOURCE_RATE or ADMIT_OK. */
enum admit_verdict admit_source(const struct admit_source_facts *f);

/* What decides whether a service's listeners are served. */
struct admit_service_facts {
	uint32_t active, limit;		/* live handlers; limits.connections, 0: none */
	bool paused;			/* pauses.on */
	bool throttled;			/* throttle_holds() */
	const struct bucket *bucket;	/* of the service; NULL: full */
	const struct bucket_rate *rate;	/* limits.rate; NULL: none */
	double load, load_max;		/* the load average of 1 minute; limits.load, 0: none */
	int64_t now_ns;			/* monotonic */
};

/*
 * ADMIT_PAUSED, ADMIT_THROTTLED, ADMIT_SERVICE_RATE, ADMIT_LOAD, ADMIT_SERVICE_FULL or ADMIT_OK.  Full comes
 * last: it is said only where a place is all that is missing, so that an eviction helps.
 */
enum admit_verdict admit_service(const struct admit_service_facts *f);

/* What decides for all services at once, for one that wants a place. */
struct admit_pool_facts {
	uint32_t active, limit;		/* live handlers of all services; limits.connections of berth.json, 0: none */
	uint64_t others_unused;		/* sum of max(0, reserve - active) over the other services */
	uint32_t own_unused;		/* the same of this service: above 0 it is below its reserve */
	double load, load_max;		/* limits.load of berth.json, 0: none */
	bool short_of_resources;
};

/*
 * ADMIT_RESOURCES, ADMIT_LOAD, ADMIT_POOL_FULL or ADMIT_OK.  A service below its reserve gets in while there is a place at all;
 * the others while the unused reserves of all but themselves stay free.
 */
enum admit_verdict admit_pool(const struct admit_pool_facts *f);

/*
 * The rule that gave the verdict, by the name of its key: "limits.connections_per_source is 3", "access: deny 10.0.0.0/8",
 * "penalties.threshold is 15s, the balance 16s"; "" for ADMIT_OK.  Returns buf.
 */
const char *admit_source_rule(const struct admit_source_facts *f, char *buf, size_t size);
const char *admit_service_rule(const struct admit_service_facts *f, char *buf, size_t size);
const char *admit_pool_rule(const struct admit_pool_facts *f, char *buf, size_t size);

/* What an admitted connection costs. */
struct admit_cost {
	struct peer *entry;		/* gets one more live handler: peers_release() at its end; NULL: no history */
	const struct bucket_rate *rate_per_source; /* of entry->bucket; NULL: none */
	struct bucket *bucket;		/* of the service; NULL: none */
	const struct bucket_rate *rate;	/* NULL: none */
	int64_t now_ns;
};

/* Charge it.  The place in service and pool is the caller's to count. */
void admit_charge(const struct admit_cost *cost);

#endif
