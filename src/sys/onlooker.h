/*
 * onlooker - looks at connections and handlers, in a process of its own
 *
 * What the kernel says of a connection takes its lock, which a handler can hold: by a write from memory that does not come (a hung
 * NFS, a file system of its own).  What /proc shows of a process can be made to block in the same way.  So a root berthd does not look
 * itself: a child does (sys/aide.h), and berthd waits for its word for a bounded time.  One that does not come back, or takes
 * long, is `slow`: whoever asks should leave alone what made it so.  The child ends when nobody has asked for a second, unless it is to
 * be kept: where there are no processes left it could not be made.  It has a table of descriptors of its own.
 *
 * A berthd that is not root looks by itself: its handlers are of its own user and could stop it anyway, and a system with Yama
 * (kernel.yama.ptrace_scope 1) lets a process look at its own descendants, which they are of berthd but not of its child.
 */
#ifndef BERTH_ONLOOKER_H
#define BERTH_ONLOOKER_H

#include "loop.h"
#include "sock.h"
#include "sockdiag.h"
#include "waiting.h"

#define ONLOOKER_TEXT_MAX 4096	/* bytes of a goodbye */
#define ONLOOKER_BATCH 32	/* sockets, or handlers, at once */

struct onlooker;

struct onlooker *onlooker_new(struct loop *loop);	/* NULL: no memory */
void onlooker_free(struct onlooker *o);			/* NULL is harmless */

/* From now on the child is there all the time, or only when it is needed. */
void onlooker_keep(struct onlooker *o, bool keep);

/* One handler: what is asked, and what came of it. */
struct onlooker_handler {
	pid_t leader;
	const pid_t *others;
	size_t n;
	uint64_t socket;
	bool any, switches;		/* as waiting_look() has them */
	/* answer: */
	enum waiting waiting;
	struct waiting_report report;
	bool slow;
};

/*
 * Look at up to ONLOOKER_BATCH handlers in one go, as waiting_look() does; where it could not be looked, WAITING_UNKNOWN.
 * Returns how many of the first it has looked at, one at least: a slow one is the last, for the next may be slow for the
 * same reason.
 */
size_t onlooker_handlers(struct onlooker *o, struct onlooker_handler *h, size_t n);

/* One connection: what is asked, and what came of it. */
struct onlooker_socket {
	bool is_unix;
	struct addr local, peer;	/* tcp */
	int device;
	uint32_t inode;			/* unix */
	uint64_t cookie;
	/* answer: */
	int error;			/* as sockdiag_tcp(); ETIMEDOUT: it could not be looked at */
	bool slow;
	struct sockdiag_tcp tcp;	/* unix: unread and unsent alone */
};

/* Up to ONLOOKER_BATCH connections, in one go. */
void onlooker_sockets(struct onlooker *o, struct onlooker_socket *s, size_t n);

/*
 * Shut down the connection that is descriptor fd of process pid, if it is the one with this cookie; text goes before (NULL: none).
 * Returns 0, or an errno (EPERM: not allowed; EBADF: it is another; ETIMEDOUT: not done in time).
 */
int onlooker_shut(struct onlooker *o, pid_t pid, int fd, uint64_t cookie, const char *text,
    bool *slow);

/*
 * A datagram socket that handlers share with berthd: what stands at the head of its queue; drop that, unread; undo what a
 * handler did to it by connect(2).  Each takes a lock that a handler may hold.  false: not done in time (head: as if it were empty).
 */
bool onlooker_head(struct onlooker *o, int fd, struct sock_head *head);
bool onlooker_drop(struct onlooker *o, int fd);
bool onlooker_disconnect(struct onlooker *o, const struct sock *s);

#endif
