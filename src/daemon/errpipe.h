/*
 * errpipe - what handlers write on stderr, as lines in the log
 *
 * The handler's end is opened read-write (so that no death of berthd gives it SIGPIPE) and belongs
 * to the service's user (so that /dev/stderr can be opened).  berthd reads its own end without blocking, a bounded
 * amount a turn; a flood is read on and counted, slowly.
 */
#ifndef BERTH_ERRPIPE_H
#define BERTH_ERRPIPE_H

#include "pool.h"

struct errpipe;

/*
 * Make a pipe for a handler of ps.  *handler_end: to be given to the handler and closed by the
 * caller.  NULL and errno on failure (EMFILE ...).
 */
struct errpipe *errpipe_open(struct pool_service *ps, uid_t uid, gid_t gid, uint64_t connection,
    int *handler_end);

/* From now on lines carry this pid. */
void errpipe_set_pid(struct errpipe *e, pid_t pid);

/* Nothing was started: close it. */
void errpipe_discard(struct errpipe *e);

/*
 * The handler has ended: log what is left, so that it comes before the exit line.  If a descendant still holds the pipe
 * it is read on until end of file, else it is closed; either way it is no longer the caller's.
 * NULL is harmless.
 */
void errpipe_finish(struct errpipe *e);

/* Pipes kept for the next handler of ps, or of anybody: close them. */
void errpipe_close_idle(struct pool_service *ps);
void errpipe_close_idle_all(struct pool *p);

/* At the end of berthd: log what is there now, and close. */
void errpipe_close_all(struct pool_service *ps);

#endif
