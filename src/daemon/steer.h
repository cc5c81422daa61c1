/*
 * steer - what an administrator orders while berthd runs: pause, drain, disable a service, and undo that
 *
 * Paused: no handler is started; connections stay where they are, and time does not count for them (pure/pauses.h).
 * Drained: what the queues held at the command is served, then the endpoints close.  Both last until they are undone, or
 * berthd ends, or the service's file is removed; a reload leaves them as they are.  Disabled: as if the file
 * said so, for longer than berthd lives (sys/marks.h).
 */
#ifndef BERTH_STEER_H
#define BERTH_STEER_H

#include <limits.h>

#include "pool.h"

/* The kind of mark that says so. */
#define STEER_DISABLED "disabled"

/* false: it is paused already. */
bool steer_pause(struct pool_service *ps);

/* Undo steer_pause() and steer_drain(); false: there is nothing to undo. */
bool steer_resume(struct pool_service *ps);

/*
 * Serve what waits, then close.  A pause ends by that.  Handlers that accept by themselves (`wait`) are asked to end at once, as at a
 * removal.  deadline_ns: when those that still live are ended, and what still waits is refused (loop_now()); 0: as they
 * like, or as was said before.
 */
void steer_drain(struct pool_service *ps, int64_t deadline_ns);

/* Is anything left of a service that is drained: endpoints, connections, handlers? */
bool steer_is_over(const struct pool_service *ps);

/* Connections that a drained service is still to serve; -1: the kernel does not tell. */
int steer_queued(const struct pool_service *ps);

/*
 * Keep it disabled, or let its file decide.  false: that could not be written down, and nothing has changed; why tells, of this
 * path.
 */
bool steer_disable(struct pool_service *ps, bool disable, char path[static PATH_MAX],
    struct diag *why);

/* Is one of this name to be kept disabled, whether there is such a service or not? */
bool steer_is_marked(const char *name);
/* ... and now it is not.  Only for one that is marked: its name is that of a file.  false: as with steer_disable(). */
bool steer_unmark(const char *name, char path[static PATH_MAX], struct diag *why);

/* During a reload: there is a mark, or none. */
void steer_set_disabled(struct pool_service *ps, bool disabled);

/* Its file is gone: with it goes what was ordered. */
void steer_forget(struct pool_service *ps);

#endif
