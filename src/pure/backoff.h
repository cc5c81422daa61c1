/*
 * backoff - how long to wait before the next try
 */
#ifndef BERTH_BACKOFF_H
#define BERTH_BACKOFF_H

#include <stdint.h>

/* Number of tries that failed in a row; 0 after a success. */
struct backoff {
	unsigned failures;
};

/*
 * One more failure: the pause before the next try, in ns.
 * doubling: 1 s, 2, 4 ... 60 s (an endpoint that cannot be bound).
 * shortage: 10, 30, 70, 150, 250, 250 ... ms (accept or clone without resources).
 */
int64_t backoff_doubling(struct backoff *b);
int64_t backoff_shortage(struct backoff *b);

/* Success. */
void backoff_reset(struct backoff *b);

#endif
