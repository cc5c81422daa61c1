/*
 * listener - the endpoints of a service: opened, retried, moved, closed
 */
#ifndef BERTH_LISTENER_H
#define BERTH_LISTENER_H

#include "pool.h"

/*
 * Make a listener for one key of ps, at the end of its list, not yet open.  endpoint: the string in the file.
 * Aborts when memory cannot be had.
 */
struct listener *listener_add(struct pool_service *ps, const struct endpoint_key *key,
    const char *endpoint);

/*
 * Try to open it.  Not possible: it waits, `reason` tells, and it is tried again after 1 s, doubling to
 * 60 s.  Returns true when it listens, or when its family does not exist and nobody asked for it by name.
 */
bool listener_open(struct listener *l);

/* It waits because another service of ours has the endpoint; the reload that changes that wakes it. */
void listener_wait_for(struct listener *l, const char *holder);

/* l replaces `from`, which waits for the same endpoint: go on with its back-off, say nothing twice. */
void listener_inherit(struct listener *l, const struct listener *from);

/*
 * Take over the open socket of `from`, with the connections in its queue and its pending one;
 * `from` is left without and is removed.  The options of the new owner are applied.
 */
void listener_take(struct listener *l, struct listener *from);

/* Close the socket (a pending connection is refused as `draining`), forget the listener.  NULL is harmless. */
void listener_remove(struct listener *l);

/*
 * Serve what its queue holds now (of a unix socket where the kernel does not tell: until it is empty), then remove it; at once
 * where nobody waits, and with `wait`, whose handlers accept by themselves.  l may be gone afterwards.
 */
void listener_drain(struct listener *l);

/* It goes on after all. */
void listener_undrain(struct listener *l);

/* Its queue may hold connections; it was seen empty. */
void listener_mark_ready(struct listener *l);
void listener_mark_empty(struct listener *l);

/* A handler that accepts takes it from here; the next event, if any, is a new client. */
void listener_mark_taken(struct listener *l);

/* Others accept from it: no event is wanted; and again, at once if there is something. */
void listener_look_away(struct listener *l);
void listener_look_again(struct listener *l);

/* Nothing is to be done for its pending connection before until_ns (loop_now(); 0: for ever), or a place, or listener_resume(). */
void listener_hold(struct listener *l, int64_t until_ns);
void listener_resume(struct listener *l);

/* Why the service has no place has changed: what waits for one is decided anew, but for those whose victim is ending. */
void listener_resume_all(struct pool_service *ps);

/* The socket is of no use any more: close it, and open it again by the retry timer.  l may be gone afterwards. */
void listener_broken(struct listener *l, const char *reason);

/* Is there a socket? */
static inline bool listener_is_open(const struct listener *l) { return l->sock.fd >= 0; }

/* Connections in its accept queue, or what sock_diag(7) knows of a unix socket's; -1: not known. */
int listener_queue(const struct listener *l);

#endif
