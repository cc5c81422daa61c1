/*
 * aide - a forked process of berthd's own that does what berthd must not, and a socket to it
 *
 * A copy of berthd without its descriptors, that ends with it.  It speaks over a SOCK_SEQPACKET socket and runs until that is
 * closed.  Reaped by the loop.
 */
#ifndef BERTH_AIDE_H
#define BERTH_AIDE_H

#include <sys/queue.h>
#include <sys/types.h>

#include "loop.h"

struct aide {
	struct loop *loop;
	int fd;			/* -1: there is none */
	pid_t pid;
	LIST_HEAD(, aide_leaving) leaving; /* let go, and not reaped yet */
};

void aide_init(struct aide *a, struct loop *loop);

/*
 * Start it.  name: as ps(1) shows it.  drop: without privileges, as user and group 65533 if berthd is root
 * (65534 where there is no such number).  run: gets its end as fd 3,
 * beside 0 to 2; when it returns the process ends.  false and errno.
 */
bool aide_start(struct aide *a, const char *name, bool drop, void (*run)(int fd));

/* Let it go: by the end of file, or by force.  Harmless when there is none. */
void aide_stop(struct aide *a, bool by_force);

/* How many were let go and have not ended. */
unsigned aide_leaving_count(const struct aide *a);

/* At the end: what is not reaped yet is left to whoever reaps for berthd. */
void aide_fini(struct aide *a);

#endif
