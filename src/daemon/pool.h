/*
 * pool - the running side: services, their listeners, their live handlers
 *
 * All running state hangs from struct pool.  A struct service (pure/spec.h) is the configured
 * value; struct pool_service its running side, which outlives its file while handlers live.
 *
 * One reconcile: whoever changes something that decides whether listeners are served calls
 * pool_touch(); pool_refresh(), at the end of every turn, decides anew for the services that were touched.
 * Nothing else puts a service into the ready queue or takes it out.
 *
 * Listeners are edge-triggered: an event marks the listener ready, and it stays so until its queue was
 * seen empty.  While a gate holds its service back, the first further event takes it out of the epoll set, so that a
 * flood on a full service costs nothing.  No step on the path of one connection grows with the
 * number of services or of handlers.
 */
#ifndef BERTH_POOL_H
#define BERTH_POOL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "../pure/admit.h"
#include "../pure/backoff.h"
#include "../pure/lines.h"
#include "../pure/ratelog.h"
#include "../pure/spec.h"
#include "../pure/throttle.h"
#include "../sys/loop.h"
#include "../sys/sock.h"
#include "../sys/spawn.h"

struct pool_service;

/* One endpoint of a service: a socket, or the reason why there is none. */
struct listener {
	TAILQ_ENTRY(listener) next;		/* in its service's list, in the order of the file */
	TAILQ_ENTRY(listener) next_ready;	/* in its service's list of ready ones */
	struct pool_service *service;
	struct endpoint_key key;		/* as asked for */
	char endpoint[sizeof(((struct endpoint *)0)->text)]; /* the string in the file */
	struct sock sock;			/* fd -1: waiting */
	struct loop_source *source;
	bool ready;		/* its queue may hold connections */
	bool armed;		/* in the epoll set */
	bool fresh;		/* made by the reload that is running */
	bool newborn;		/* ... and opened by it: nobody knows its port yet */
	bool stopping;		/* serves `quota` more, then closes */
	int quota;
	/* a connection accepted before a shortage: tried again first */
	int pending_fd;		/* -1: none */
	struct addr pending_peer;
	int64_t pending_since_ns;
	/* waiting: */
	char reason[160], said[160];	/* why; what was logged last */
	struct backoff backoff;
	struct loop_timer retry;
};

TAILQ_HEAD(listener_list, listener);

struct child;
TAILQ_HEAD(child_list, child);

struct pool_counters {
	uint64_t accepted, ended, failed, refused;
};

struct pool_service {
	TAILQ_ENTRY(pool_service) next;		/* pool->services, by name */
	TAILQ_ENTRY(pool_service) next_ready, next_touched;
	struct pool *pool;
	char *name;				/* owned */
	struct service *service;		/* held; NULL: no good version yet, or removed */
	char *file;				/* owned; where it was read from; NULL removed */
	struct diag_list errors, warnings;
	struct listener_list listeners;
	struct listener_list ready;
	struct child_list children;
	uint32_t active;			/* places taken */
	uint32_t held;				/* spawns whose outcome is outstanding */
	bool queued;				/* in pool->ready */
	bool touched;				/* in pool->touched */
	bool removed;				/* no file: lives on for its handlers */
	bool seen, rebuild;			/* during a reload only */
	enum admit_verdict gate;
	struct throttle throttle;
	struct loop_timer throttle_timer;
	struct ratelog stderr_rate, refuse_rate, fail_rate;
	struct loop_timer rate_timer;
	LIST_HEAD(, errpipe) pipes;		/* stderr pipes that are still read */
	LIST_HEAD(, errpipe) idle_pipes;	/* ... and those kept for the next handler */
	struct pool_counters count;
};

TAILQ_HEAD(pool_service_list, pool_service);

struct pool {
	struct loop *loop;
	struct spawner *spawner;
	struct launch_daemon daemon;
	struct pool_service_list services;	/* by name */
	struct pool_service_list ready;		/* with ready listeners and no gate, round robin */
	struct pool_service_list touched;
	uint32_t active, limit;			/* places; limit 0: none */
	uint32_t computed_limit;		/* what the machine allows */
	uint64_t next_connection;
	bool short_of_resources;
	int64_t shortage_since_ns;
	struct backoff shortage;
	struct loop_timer shortage_timer;
	TAILQ_HEAD(, errpipe) idle_pipes;	/* of all services, the longest idle first */
	unsigned idle_count;
	bool draining, leaving;			/* berthd stops; and leaves its handlers */
};

/* An empty pool; its limit is not set yet. */
void pool_init(struct pool *p, struct loop *loop, struct spawner *spawner,
    const struct launch_daemon *daemon);

/*
 * Places for all services together: `connections` of berth.json, or with 0 what files, processes and memory
 * allow (computed once, with the arithmetic in the log).
 */
void pool_set_limit(struct pool *p, uint32_t connections);

/* NULL: none of that name. */
struct pool_service *pool_find(struct pool *p, const char *name);

/* The running side of a name; made when there is none.  Never NULL. */
struct pool_service *pool_add(struct pool *p, const char *name);

/* Free a removed service as soon as nothing of it runs any more. */
void pool_reap_service(struct pool_service *ps);

/* Something that decides about this service has changed. */
void pool_touch(struct pool_service *ps);

/* Decide anew for every service that was touched. */
void pool_refresh(struct pool *p);

/* May any connection be accepted now? */
enum admit_verdict pool_gate(const struct pool *p);

/* Take and give back one place of the pool and of the service. */
void pool_take_place(struct pool_service *ps);
void pool_give_place(struct pool_service *ps);

/*
 * accept(2) or clone(2) had no resources: nothing is accepted until a timer, or the end of any handler.
 * pool_shortage_over() after the first success.
 */
void pool_shortage(struct pool *p, int error);
void pool_shortage_over(struct pool *p);
void pool_shortage_wake(struct pool *p);

/* How a handler ended, for the throttle; logs a throttle that begins or ends. */
void pool_note_end(struct pool_service *ps, enum throttle_end end, int status, int64_t lived_ns,
    const struct source *source, const char *what);
void pool_note_lived(struct pool_service *ps);
void pool_reset_throttle(struct pool_service *ps);

/* A log line that may flood: false when it was only counted.  word: of the summary. */
bool pool_may_log(struct pool_service *ps, struct ratelog *r, const char *word);

#endif
