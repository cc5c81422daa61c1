/*
 * onlooker - waiting_look() in a process of its own
 *
 * What /proc shows of a process can be made to block by that process: a file system of its own (FUSE) under its memory, an
 * epoll set that it holds locked.  So berthd does not look itself: a child that is made when it is needed does, and berthd waits
 * for its word for a bounded time.  One that does not come back is killed, and forgotten.  The child ends when nobody has
 * asked for a second, unless it is to be kept: where there are no processes left it could not be made.  It has a table of descriptors of its own, so that looking takes none of berthd's.
 *
 * A berthd that is not root looks by itself: its handlers are of its own user and could stop it anyway, and a system with Yama
 * (kernel.yama.ptrace_scope 1) lets a process look at its own descendants, which they are of berthd but not of its child.
 */
#ifndef BERTH_ONLOOKER_H
#define BERTH_ONLOOKER_H

#include "loop.h"
#include "waiting.h"

struct onlooker;

struct onlooker *onlooker_new(struct loop *loop);	/* NULL: no memory */
void onlooker_free(struct onlooker *o);			/* NULL is harmless */

/* From now on the child is there all the time, or only when it is needed. */
void onlooker_keep(struct onlooker *o, bool keep);

/*
 * As waiting_look() does.  *stuck: its word did not come in time, so that looking at this session again would cost that time
 * again; then, and where no child can be made, WAITING_UNKNOWN.
 */
enum waiting onlooker_look(struct onlooker *o, pid_t leader, const pid_t *others, size_t n,
    uint64_t socket, bool any, struct waiting_report *r, bool *stuck);

#endif
