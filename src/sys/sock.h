/*
 * sock - listening sockets: open, accept, look at
 */
#ifndef BERTH_SOCK_H
#define BERTH_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../pure/addr.h"
#include "../pure/diag.h"
#include "../pure/endpoint.h"

struct sock_options {
	int backlog;
	bool keep_alive, no_delay;	/* set on the listener: accepted sockets inherit both */
	bool transparent;		/* IP_TRANSPARENT, ip(7) */
	int defer_accept_s;		/* TCP_DEFER_ACCEPT, tcp(7); 0: not set */
	int user_timeout_ms;		/* TCP_USER_TIMEOUT, tcp(7); 0: not set */
	uint32_t mark;			/* SO_MARK, socket(7); 0: not set */
	int ip_tos;			/* IP_TOS, IPV6_TCLASS; -1: not set */
	int receive_buffer, send_buffer; /* SO_RCVBUF, SO_SNDBUF in bytes; 0: not set */
	bool blocking;			/* for programs that accept by themselves: berthd only polls it */
	bool free_bind;			/* bind an address that this host does not have (yet), ip(7) */
	mode_t mode;			/* of a unix path */
	uid_t owner;			/* of a unix path; (uid_t)-1, (gid_t)-1: leave */
	gid_t group;
};

enum sock_outcome {
	SOCK_OPENED,
	SOCK_IN_USE,		/* bind(2) or listen(2) said EADDRINUSE, or the path is served or no socket */
	SOCK_NO_FAMILY,		/* this kernel has no such address family */
	SOCK_ERROR		/* anything else */
};

/* An opened listener. */
struct sock {
	int fd;			/* owned; CLOEXEC, FD_FIRST or above; blocking as the options said */
	struct addr bound;	/* with the kernel's port */
	dev_t dev;		/* the unix path's inode, so that only our own is ever removed */
	ino_t ino;
	uid_t uid;		/* and its owner as it was born, for when none is configured */
	gid_t gid;
};

/*
 * Open, bind and listen.  A unix path is born with its mode (umask around bind); a path that is
 * taken is replaced only if it is a socket that nobody serves (connect(2) says ECONNREFUSED).  why explains
 * every outcome but SOCK_OPENED: "address already in use".
 */
enum sock_outcome sock_listen(const struct endpoint_key *key, const struct sock_options *opt,
    struct sock *out, struct diag *why);

/*
 * Apply options to an open listener, as far as they can change: all but free_bind and blocking.  An owner or group
 * that is not set is the one that the path was born with.
 */
bool sock_apply(const struct sock *s, const struct endpoint_key *key, const struct sock_options *opt,
    struct diag *why);

/* Blocking or not: of the open file description, so that every process that has it sees it. */
bool sock_set_blocking(const struct sock *s, bool blocking);

/* What stands at the head of a datagram socket's queue. */
struct sock_head {
	ssize_t size;		/* of the datagram in bytes; -1: the queue is empty */
	struct addr from;
	struct timespec at;	/* when it came: no other one is taken for it */
};

/* Look at it; no byte of it is read. */
void sock_head(int fd, struct sock_head *head);
bool sock_head_equal(const struct sock_head *a, const struct sock_head *b);

/* Drop it, unread, with what was passed in it. */
void sock_drop(int fd);

/* A handler has left the shared socket of no use: a listener that was shut down, a datagram socket that was. */
bool sock_is_spent(const struct sock *s, enum endpoint_kind kind);

/* ... or connected to one peer, as careless programs do with datagram sockets: undo that.  The kernel
 * then forgets a port that it has picked itself: it is bound again. */
void sock_disconnect(const struct sock *s);

/* Is there something to accept or to receive now? */
bool sock_is_readable(int fd);

/* Close; a unix path is removed if it is still the inode that we made.  fd becomes -1. */
void sock_close(struct sock *s);

enum sock_accepted {
	SOCK_CONNECTION,
	SOCK_QUEUE_EMPTY,
	SOCK_ONE_LOST,		/* an error of that one connection (accept(2)): go on */
	SOCK_NO_RESOURCES,	/* EMFILE, ENFILE, ENOBUFS, ENOMEM: errno tells */
	SOCK_BROKEN		/* the listener itself cannot accept: errno tells */
};

/* accept4(2): *fd is owned by the caller, blocking and CLOEXEC; *peer as accept gave it, unmapped. */
enum sock_accepted sock_accept(int listener, int *fd, struct addr *peer);

/* The connection's own address (getsockname), unmapped. */
void sock_local(int fd, struct addr *local);

/*
 * A TCP connection: has its client reset it already, and how long ago was its handshake or the last byte that was sent on it: right
 * after accept(2), how long it has waited in the queue (tcpi_last_data_sent, with a grain of 4 ms).  waited_ns may be NULL.
 */
void sock_look(int fd, bool *gone, int64_t *waited_ns);

/*
 * Close a connection that others have or had, too, and set it to -1.  SO_LINGER is everybody's who has it, and the last
 * close(2) would wait that long (socket(7)): it is taken back, unless it is a reset.  -1 is harmless.
 */
void sock_let_go(int *fd);

/* The first half of it. */
void sock_take_linger_back(int fd);

/*
 * Nobody can send descriptors to this unix socket (SO_PASSRIGHTS, Linux 6.16; before that nothing refuses them).  Where they come
 * unasked the kernel closes them in the call that reads, which waits as long as SO_LINGER of one says.
 */
void sock_refuse_rights(int fd);

/* Close; a TCP connection is reset (SO_LINGER of 0, socket(7)), so that its client sees that it was refused. */
void sock_reset(int fd, bool is_tcp);

/*
 * The interface that a connection is tied to, as sock_diag(7) wants to know it: the scope of a link-local address, or, if
 * is_bound, SO_BINDTODEVICE.  0: none.
 */
int sock_device(int fd, const struct addr *local, bool is_bound);

/* SO_PEERCRED of a unix connection; false: none. */
bool sock_credentials(int fd, uid_t *uid, gid_t *gid, pid_t *pid);

/*
 * Connections in the accept queue now; tcp only (tcpi_unacked of a listener).  -1: not known.
 */
int sock_queue(int listener);

/* Has this host the address now?  (A bound address may be absent with free_bind.) */
bool sock_address_present(const struct addr *a);

/* Somebody who serves a unix socket path, or 0: the pid from SO_PEERCRED. */
pid_t sock_server(const char *path);

#endif
