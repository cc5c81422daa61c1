/*
 * child - one live handler: started, ended, reaped
 *
 * Reaped by its pidfd, at a cost that does not grow with their number.  Each handler leads a session and a
 * process group of its own.  Once berthd has sent TERM to the group, the leader is not reaped before
 * the group is empty or was killed, so that no recycled group id is ever signalled; after an
 * ordinary exit nothing is signalled at all.
 */
#ifndef BERTH_CHILD_H
#define BERTH_CHILD_H

#include "../pure/cause.h"
#include <sys/resource.h>

#include <signal.h>

#include "errpipe.h"
#include "pool.h"

enum child_state {
	CHILD_HELD,		/* the spawn's outcome is outstanding */
	CHILD_FAILED,		/* did not start: only to be reaped */
	CHILD_RUNNING,
	CHILD_ENDING,		/* TERM was sent */
	CHILD_KILLED		/* KILL was sent */
};

struct child {
	TAILQ_ENTRY(child) next;		/* in its service's list */
	TAILQ_ENTRY(child) next_ended;		/* leaders that wait for their group to empty */
	struct pool_service *service;
	struct service *version;		/* held: what it was started from */
	struct spawn_job *job;			/* while HELD */
	enum child_state state;
	enum cause cause;
	bool exited;				/* ENDING: the leader has, its group perhaps not */
	bool killed_early;			/* HELD, and berthd itself ended it */
	pid_t pid;
	int pidfd;
	struct loop_source *source;
	struct errpipe *err;
	struct loop_timer timer;		/* lifetime, held, then stop */
	struct loop_timer watch;		/* timeouts.idle and first_byte */
	struct loop_timer lived;		/* while its service is throttled */
	uint64_t connection;
	uint32_t active;			/* for the start line */
	int64_t started_ns, held_until_ns;
	int64_t ended_ns;			/* of a leader whose group may live on */
	struct addr peer, local;
	struct addr tuple_peer, tuple_local;	/* as the kernel has them: a PROXY header may say others */
	uint32_t header_length;			/* ... and its bytes are not the client's */
	uid_t peer_uid;
	struct peer *history;			/* held: its entry in the table of sources; NULL: none */
	uint64_t cookie;			/* of its connection, for sock_diag(7) */
	uint32_t inode;				/* unix: from the start; tcp: as of the last look */
	int device;				/* it is bound to; 0: none */
	struct {
		uint64_t received, acked;	/* bytes */
		uint64_t switches;		/* unix: context switches of its session */
		int64_t moved_ns;		/* when they last moved; 0: not looked at yet */
	} seen;					/* at the last look (judge.h) */
	bool waits;				/* it accepts by itself: there is no peer (post.h) */
	struct listener *post;			/* ... which socket it serves; NULL: one that is gone */
	int kept;				/* its connection, with timeouts.linger, or until it is carried; else -1 */
	struct carry *carry;			/* of a relayed connection; NULL */
	struct mux *mux;			/* of a tcpmux handler; NULL */
	struct listener *heir;			/* whose pending connection gets its place */
};

/* What became of a connection that child_start() was given. */
enum child_outcome {
	CHILD_STARTED,		/* or held, or failed and logged: the connection was closed here */
	CHILD_NO_RESOURCES	/* still the caller's: try again later; errno tells */
};

/* What a handler is started for. */
struct child_work {
	const struct arrival *arrival;	/* NULL: a listening socket, */
	struct listener *post;		/* of this listener */
	const struct addr *local;
	const int *socket;		/* its descriptors, `count` of them; a connection is closed here */
	size_t count;
	const struct addr *tuple_peer, *tuple_local; /* the connection's own addresses, where arrival has others; or NULL */
	uint32_t header_length;		/* bytes that came before the first of the client's */
	bool rate_taken;		/* limits.rate was charged before */
	const char *greeting;		/* sent when a handler is as good as started; NULL none */
};

/*
 * Start a handler of ps, whose place was taken by the caller, and charge it; the place is given back when the
 * handler has been reaped, or at once when none came to be.
 */
enum child_outcome child_start(struct pool_service *ps, const struct child_work *w);

/* TERM to its group, then after timeouts.stop KILL. */
void child_end(struct child *c, enum cause cause);

/* Its connection was shut down for another: TERM after 100 ms, KILL after 1 s. */
void child_evicted(struct child *c);

/* limits.source_prefix, or whether sources are counted at all, has changed from that version: count the live ones anew. */
void child_recount_sources(struct pool_service *ps, const struct service *before);

/* A relayed connection has come to its end (carry.h); used: what it cost.  c is freed. */
void child_ended(struct child *c, const siginfo_t *si, const struct rusage *used);

/* KILL to its group now. */
void child_kill(struct child *c);

/* At the end of berthd: forget a handler that lives on. */
void child_forget(struct child *c);

/* "uid:1000" or "192.0.2.7:4711" for the log and the control socket.  Returns buf. */
const char *child_peer_text(const struct addr *peer, uid_t uid, char *buf, size_t size);

/* What the log may say of a client, by log.peer of the service; NULL: nothing. */
const char *child_log_peer(const struct service *s, const struct addr *peer, uid_t uid, char *buf,
    size_t size);

/* The same without a port: "192.0.2.7". */
const char *child_peer_host(const struct addr *peer, uid_t uid, char *buf, size_t size);

/* For pid 1 of a container: reap strangers that were left to us. */
void child_reap_strangers(struct pool *p);

#endif
