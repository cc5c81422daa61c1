/*
 * control - the Varlink service on the control socket
 *
 * Whoever can connect may read; changing needs uid 0 or berthd's own (SO_PEERCRED).  A client is read and
 * written without blocking, one call at a time, in bounded buffers: a slow, silent or hostile one
 * costs an fd and delays nobody.
 */
#ifndef BERTH_CONTROL_H
#define BERTH_CONTROL_H

#include "pool.h"
#include "reload.h"

struct control;

/*
 * Open the socket at path (its directory is made when absent), 0600.  A lock file beside it (path.lock)
 * keeps a second berthd away: then NULL, and why names the pid that has it.
 */
struct control *control_new(struct pool *p, const char *path, struct diag *why);

/* From when reloads are possible. */
void control_set_reload(struct control *c, struct reload *r);

/* 0660 and this group, from now on. */
bool control_set_group(struct control *c, gid_t gid, struct diag *why);

/* Go on with an answer that takes long; true when there is more to do at once. */
bool control_turn(struct control *c);

/* What it was given. */
struct pool *control_pool(const struct control *c);
struct reload *control_reload(const struct control *c);

/* Close, and remove the socket and its lock.  NULL is harmless. */
void control_free(struct control *c);

#endif
