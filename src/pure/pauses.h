/*
 * pauses - the times in which a service was paused: they do not count for those that wait
 *
 * When a connection in the kernel's queue came is known only when it is accepted, so that what has passed is
 * remembered: the last pauses one by one, those before them as one of the same length.
 */
#ifndef BERTH_PAUSES_H
#define BERTH_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

#define PAUSES_KEPT 8

struct pauses {
	struct {
		int64_t from_ns, to_ns;	/* monotonic, one after the other */
	} past[PAUSES_KEPT];
	unsigned count;
	bool on;		/* one lasts, */
	int64_t since_ns;	/* since then */
};

/* A pause begins, or ends.  false: nothing has changed by that. */
bool pauses_begin(struct pauses *p, int64_t now_ns);
bool pauses_end(struct pauses *p, int64_t now_ns);

/*
 * How much of the time from from_ns to to_ns was spent paused.  Exact, but for a from_ns between those that were too many to
 * be remembered one by one.
 */
int64_t pauses_within(const struct pauses *p, int64_t from_ns, int64_t to_ns);

#endif
