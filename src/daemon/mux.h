/*
 * mux - tcpmux: a connection comes back from the child that read its request line (RFC 1078)
 *
 * The child has no privileges and no names: it was given a list of numbers, and gives back the connection that it was given, and one
 * of them.  Whether the service behind it is served is decided here, by that service's own access rules and limits, and it
 * runs as its own user (CVE-2012-0862, CVE-2013-4342).  What cannot be served at once is told so: nothing waits.
 */
#ifndef BERTH_MUX_H
#define BERTH_MUX_H

#include "child.h"

struct mux;

/* For a child that is about to be started.  *back: its end, to be closed by the caller.  NULL and errno. */
struct mux *mux_open(struct child *c, int *back);
void mux_close(struct mux *m);		/* NULL is harmless */

/* In the child, with `back` as fd 3: does not return. */
void mux_run(struct mux *m) __attribute__((noreturn));

#endif
