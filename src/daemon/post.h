/*
 * post - handlers that serve a listening socket themselves (wait)
 *
 * berthd polls the socket, starts a handler when there is something for it, and looks away until it has ended.  With
 * `handlers` more share the socket: `min` are kept running; while the queue is not empty one more is started at a time, up to `max`, and one that
 * is seen waiting for work after a quiet while is let go.  With socket_as "listen_fds" a handler gets all sockets of its
 * service: the first listener then stands for all.
 */
#ifndef BERTH_POST_H
#define BERTH_POST_H

#include "pool.h"

struct child;

/* l has something to be served: start a handler for it, if it may have one more.  Its service's gate is open. */
void post_step(struct listener *l);

/* A handler of the listener c->post (NULL: it is gone) has ended. */
void post_ended(struct child *c);

/*
 * A handler of c->post ends: is that the third in a row which left what it was started for?  A datagram is then dropped, unread.
 * Before post_ended().
 */
enum post_left { POST_LEFT_NOTHING, POST_LEFT, POST_LEFT_AGAIN };
enum post_left post_left_work(struct child *c);

/* `to` has the socket of `from` from now on, with its handlers; post_moved() when it is watched. */
void post_move(struct listener *to, struct listener *from);
void post_moved(struct listener *l);

/* l goes: what its handlers serve is no longer ours. */
void post_forget(struct listener *l);

/* The service is open, or changed: keep `handlers.min` running. */
void post_fill(struct pool_service *ps);

/* It serves clients by rules that are old now, or berthd stops: TERM to all wait handlers. */
void post_end_all(struct pool_service *ps);

#endif
