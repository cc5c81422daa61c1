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
#include "../pure/capacity.h"
#include "../pure/lines.h"
#include "../pure/pauses.h"
#include "../pure/peers.h"
#include "../pure/ratelog.h"
#include "../pure/spec.h"
#include "../pure/throttle.h"
#include "../sys/loop.h"
#include "../sys/sock.h"
#include "../sys/spawn.h"
#include "../sys/statsfile.h"

struct child;
struct evict;
struct farewell;
struct carry_targets;
struct onlooker;
struct proxied;
struct sockdiag;
struct survey;
struct pool_service;

/* A connection that was accepted and has no handler yet. */
struct arrival {
	int fd;				/* owned; -1: none */
	struct addr peer;
	uid_t uid;			/* of a unix peer, else -1 */
	gid_t gid;
	pid_t pid;
	int64_t arrived_ns;		/* in the accept queue; on unix sockets: when it was accepted */
	int64_t short_since_ns;		/* a shortage of resources keeps it since; 0: none does */
	bool tried;			/* no victim was found for it */
};

/* One endpoint of a service: a socket, or the reason why there is none. */
struct listener {
	TAILQ_ENTRY(listener) next;		/* in its service's list, in the order of the file */
	TAILQ_ENTRY(listener) next_ready;	/* in its service's list of ready or of holding ones */
	TAILQ_ENTRY(listener) next_starved;
	TAILQ_ENTRY(listener) next_want;	/* of those whose pending connection wants a victim */
	struct pool_service *service;
	struct endpoint_key key;		/* as asked for */
	char endpoint[sizeof(((struct endpoint *)0)->text)]; /* the string in the file */
	struct sock sock;			/* fd -1: waiting */
	struct loop_source *source;
	bool ready;		/* its queue may hold connections */
	enum { LISTENER_IDLE, LISTENER_READY, LISTENER_HOLDING } listed;
	bool armed;		/* in the epoll set */
	bool fresh;		/* made by the reload that is running */
	bool newborn;		/* ... and opened by it: nobody knows its port yet */
	bool stopping;		/* serves `quota` more, then closes */
	int quota;
	struct arrival pending;	/* at most one: nothing more is accepted before it is settled */
	bool holds;		/* ... and nothing is to be done for it before something happens */
	bool starves;		/* ... because there were no resources for it (pool->starved) */
	bool wants;		/* ... but a victim is looked for: now, or (wants_later) again in a while */
	bool wants_later;
	int64_t wants_since_ns;
	struct child *victim;	/* ... whose place it is waiting for */
	struct loop_timer hold_timer;
	/* with wait (post.h): */
	uint32_t handlers;	/* live ones that serve this socket */
	bool wanted;		/* one more is to be started, whatever the queue says */
	unsigned unread;	/* in a row: ended without taking what they were started for */
	struct sock_head head;	/* ... a datagram, */
	int depth;		/* ... or a queue of so many; -1: not known */
	bool arrived;		/* ... and somebody has come since */
	int64_t demand_ns;	/* when one more was needed */
	struct loop_timer post_timer, quiet_timer;
	/* waiting: */
	char reason[160], said[160];	/* why; what was logged last */
	struct backoff backoff;
	struct loop_timer retry;
};

TAILQ_HEAD(listener_list, listener);

TAILQ_HEAD(child_list, child);

/* Lines of a service that may flood, beside `refuse`. */
enum pool_line { POOL_STDERR, POOL_FAIL, POOL_PENALTY, POOL_LINES };

struct pool_service {
	TAILQ_ENTRY(pool_service) next;		/* pool->services, by name */
	TAILQ_ENTRY(pool_service) next_ready, next_touched;
	struct pool *pool;
	char *name;				/* owned */
	struct service *service;		/* held; NULL: no good version yet, or removed */
	char *file;				/* owned; where it was read from; NULL removed */
	struct diag_list errors, warnings;
	bool warned;				/* of warnings, in the log */
	struct listener_list listeners;
	struct listener_list ready;		/* something to accept, or to decide */
	struct listener_list holding;		/* their pending connection waits for a place */
	struct child_list children;
	uint32_t number;			/* in the table of sources: never used twice */
	uint32_t active;			/* places taken */
	uint32_t pending;			/* connections accepted, without a handler yet */
	uint32_t reading;			/* of the places: connections whose PROXY header is read */
	uint32_t unused;			/* places reserved and not taken */
	uint32_t credit;			/* connections left in this round */
	uint32_t held;				/* spawns whose outcome is outstanding */
	enum { POOL_OUT, POOL_READY, POOL_BLOCKED } queue;
	struct carry_targets *targets;		/* with relay (carry.h) */
	LIST_HEAD(, carrier) carriers;		/* ... its processes (carrier.h) */
	bool heir;				/* a place was made for it */
	int64_t unseen_until_ns;		/* its handlers are not looked at before (judge.c) */
	size_t weighed;				/* while a victim is chosen: its place among the services */
	bool touched;				/* in pool->touched */
	bool removed;				/* no file: lives on for its handlers */
	bool overbooked;			/* its reserve does not fit into the pool: it has none */
	bool seen, rebuild;			/* during a reload only */
	enum admit_verdict gate;
	/* what was ordered (steer.h) */
	struct pauses pauses;
	bool drained;				/* its endpoints close, or are closed */
	bool disabled;				/* by an administrator, for longer than berthd lives */
	struct loop_timer drain_timer;
	struct throttle throttle;
	struct loop_timer throttle_timer;
	struct bucket bucket;			/* limits.rate */
	struct loop_timer gate_timer;		/* a rate or the load may let in again */
	struct ratelog line[POOL_LINES], refusal[ADMIT_VERDICTS]; /* what the log is not told one by one */
	struct loop_timer held_timer;
	LIST_HEAD(, errpipe) pipes;		/* stderr pipes that are still read */
	LIST_HEAD(, errpipe) idle_pipes;	/* ... and those kept for the next handler */
	struct stats_slot *slot;		/* in the statistics file */
	struct stats_counters *count;		/* ... its counters (account.h) */
};

TAILQ_HEAD(pool_service_list, pool_service);

struct pool {
	struct loop *loop;
	struct spawner *spawner;
	struct launch_daemon daemon;
	struct pool_service_list services;	/* by name */
	struct pool_service_list ready;		/* something to do: weighted round robin */
	struct pool_service_list blocked;	/* ... but no place in the pool: in the order of their turns */
	struct pool_service_list touched;
	struct peers *peers;
	uint32_t next_number;
	uint32_t active, peak;			/* places taken */
	uint32_t limit;				/* places */
	uint32_t configured_limit;		/* by berth.json; 0: computed */
	struct capacity_facts capacity;		/* what it was computed from */
	char capacity_text[CAPACITY_TEXT_MAX];	/* the last that was logged */
	uint64_t unused;			/* reserved and not taken, of all services */
	double load_max;			/* limits.load of berth.json; 0: none */
	double load;				/* as of load_at_ns */
	int64_t load_at_ns;
	struct onlooker *onlooker;
	struct sockdiag *diag;			/* for the queues of unix listeners; NULL: the kernel has none */
	struct evict *evict;
	TAILQ_HEAD(, survey) surveys;		/* that are being made, or used */
	struct proxied *proxied;
	struct farewell *farewell;
	struct ratelog open_rate;		/* connections judged without history */
	uint64_t failed_open;			/* ... as of the last look */
	struct statsfile *statsfile;
	struct stats *stats;			/* ... what lies in it */
	bool short_of_resources;
	int64_t shortage_since_ns;
	struct backoff shortage;
	struct loop_timer shortage_timer;
	TAILQ_HEAD(, listener) starved;		/* their pending connection waits for resources: tried first */
	enum pool_shortage_of { POOL_SHORT_OF_ACCEPT, POOL_SHORT_OF_START } short_of;
	struct loop_timer load_timer;
	TAILQ_HEAD(, errpipe) idle_pipes;	/* of all services, the longest idle first */
	unsigned idle_count;
	int64_t started_ns;
	bool draining, leaving;			/* berthd stops; and leaves its handlers */
};

/* An empty pool; its limit is not set yet, and what it counts ends with the process. */
void pool_init(struct pool *p, struct loop *loop, struct spawner *spawner,
    const struct launch_daemon *daemon);

/*
 * Before the first service: count in this file from now on, on top of what the berthd before has counted.  Where that cannot be, it is
 * logged, and counts end with the process.
 */
void pool_open_statistics(struct pool *p, const char *path);

/* A turn has ended: what readers of the file see of the pool. */
void pool_note_turn(struct pool *p);

/* After the first run: forget the counts of services that are no more. */
void pool_sweep_statistics(struct pool *p);

/* At the end, when there are no services any more (stop_fini()). */
void pool_fini(struct pool *p);

/* limits of berth.json: connections (0: computed by pool_compute_limit()), load (0: none). */
void pool_set_limits(struct pool *p, uint32_t connections, double load);

/*
 * What files, processes and memory allow beside so many listeners: the places for all services together where berth.json
 * names no number.  The arithmetic goes to the log, when it is another than the last time; where berth.json names more, as a
 * warning.  again: look at the machine anew.
 */
void pool_compute_limit(struct pool *p, uint32_t listeners, bool again);

/* NULL: none of that name. */
struct pool_service *pool_find(struct pool *p, const char *name);

/* The running side of a name; made when there is none.  Never NULL. */
struct pool_service *pool_add(struct pool *p, const char *name);

/* Free a removed service as soon as nothing of it runs any more. */
void pool_reap_service(struct pool_service *ps);

/* Has it a good file, and neither that nor an administrator says that it is disabled? */
bool pool_is_enabled(const struct pool_service *ps);

/* ... and are its endpoints to be open? */
bool pool_is_served(const struct pool_service *ps);

/* Something that decides about this service has changed. */
void pool_touch(struct pool_service *ps);

/* Decide anew for every service that was touched. */
void pool_refresh(struct pool *p);

/* What keeps a connection of this service from a place now: its own gate, else the pool's. */
enum admit_verdict pool_verdict(const struct pool_service *ps);

/* What the pool's gate and the service's own decide upon, as of now. */
struct admit_pool_facts pool_facts(const struct pool_service *ps);
struct admit_service_facts pool_service_facts(const struct pool_service *ps);

/*
 * Whose turn it is: a service with something to accept or to decide, and the right to do it.  NULL: nobody's.
 * pool_served(): it had one connection.
 */
struct pool_service *pool_next(struct pool *p);
void pool_served(struct pool_service *ps);

/* While limits.load of berth.json holds somebody back, see to it that it is looked at again. */
void pool_watch_load(struct pool *p);

/* The reserve that it has in fact: none without a file, disabled, when it was drained, or where it does not fit. */
uint32_t pool_reserve(const struct pool_service *ps);

/* Take and give back one place of the pool and of the service. */
void pool_take_place(struct pool_service *ps);
void pool_give_place(struct pool_service *ps);

/* A place was made for this service: it comes before all that wait for one. */
void pool_prefer(struct pool_service *ps);

/* The service has another version, or none: what depends on it is fitted. */
void pool_fit(struct pool_service *ps, const struct service *before);

/*
 * accept(2) or clone(2) had no resources: nothing is accepted until a connection that is evicted for it has ended, or,
 * if there is none, until a timer or the end of any handler.  pool_shortage_over() after the first success of what had failed.
 */
void pool_shortage(struct pool *p, enum pool_shortage_of what, int error);
void pool_shortage_pause(struct pool *p);
void pool_shortage_wait(struct pool *p, int64_t ns);	/* a victim ends: its user may hold it up */
void pool_shortage_over(struct pool *p, enum pool_shortage_of what);
void pool_shortage_wake(struct pool *p);

/* How a handler ended, for the throttle; logs a throttle that begins or ends. */
void pool_note_end(struct pool_service *ps, enum throttle_end end, int status, int64_t lived_ns,
    const struct source *source, const char *what);
void pool_note_lived(struct pool_service *ps);
void pool_reset_throttle(struct pool_service *ps);

/*
 * Is this line to be written?  false: it was counted, and a summary will stand for it; or its level is not logged at
 * all.  Lines and the counts of summaries together are always exact.  Of refusals for one reason the first is written,
 * until five seconds have passed without one.
 */
bool pool_may_log(struct pool_service *ps, enum pool_line what);
bool pool_may_log_refusal(struct pool_service *ps, enum admit_verdict reason);

/* Write what was counted, now, and count anew: the last moment at which somebody may, or the rules are others. */
void pool_log_held(struct pool_service *ps);
void pool_log_all_held(struct pool *p);

#endif
