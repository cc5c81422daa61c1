/*
 * throttle - a service that is itself at fault is not polled for a while
 *
 * The pause is 1 s, doubling to 60 s; at the end of each one connection is let in, and the next
 * only after that one has shown how it ends.  One success, or a reload of the file, resets it.
 *   success: the handler lived 1 s, or exited 0.
 *   fault: a step of the spawn or the execve failed, exit status 126 or 127, three handlers in a row that did not
 *   take what they were started for (wait), or three deaths by
 *   signal in a row within 1 s of their start, from three source prefixes, with no success between.
 * Any other end is neither: a client that makes its handler fail cannot switch a service off.
 */
#ifndef BERTH_THROTTLE_H
#define BERTH_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

#define THROTTLE_LIVED_NS 1000000000LL
#define THROTTLE_SOURCES 3

struct throttle {
	unsigned faults;	/* in a row; 0: healthy */
	int64_t until_ns;	/* not polled before; 0: no pause is running */
	bool trying;		/* after a pause: the one that was let in has not ended yet */
	unsigned deaths;	/* distinct prefixes in `source` */
	struct source source[THROTTLE_SOURCES];
};

/* How a handler ended, or that it could not be started. */
enum throttle_end {
	THROTTLE_NOT_STARTED,	/* a step of the spawn failed, or the execve */
	THROTTLE_NOT_SERVED,	/* one that accepts by itself leaves what it was started for, again and again */
	THROTTLE_EXITED,	/* status */
	THROTTLE_SIGNALLED,	/* by a signal that berthd did not send */
	THROTTLE_STOPPED	/* by berthd: says nothing, unless it had lived 1 s */
};

/*
 * Take one end into account.  Returns the pause in ns when a pause begins now (the caller polls again and calls
 * throttle_try() when it is over), 0 otherwise.  *recovered: this end was the success that reset a throttle.
 */
int64_t throttle_ended(struct throttle *t, enum throttle_end end, int status, int64_t lived_ns,
    const struct source *source, int64_t now_ns, bool *recovered);

/* A live handler has lived for 1 s: true when that reset a throttle. */
bool throttle_lived(struct throttle *t);

/* Would a success change anything?  While it would, handlers that reach 1 s must be reported. */
bool throttle_watches(const struct throttle *t);

/* Are connections held back now?  (A pause is running, or the one that was let in has not ended.) */
bool throttle_holds(const struct throttle *t);

/* The pause is over: one may come in.  throttle_admitted() says that it did. */
void throttle_try(struct throttle *t);
void throttle_admitted(struct throttle *t);

/* The file was read anew: start afresh.  True when a throttle ended by that. */
bool throttle_reset(struct throttle *t);

#endif
