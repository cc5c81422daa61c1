/*
 * targets - where a relayed connection goes: which targets, in which order
 *
 * The chosen one is tried first, the others after it, before the first byte only.  A target that failed is left out for 1 s,
 * doubling to 30 s; when that is over, one connection tries it first.  Where none is left all are tried.
 */
#ifndef BERTH_TARGETS_H
#define BERTH_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGETS_MAX 64

enum targets_balance { TARGETS_ROUND_ROBIN, TARGETS_LEAST_CONNECTIONS };

struct target {
	uint32_t active;	/* connections */
	unsigned failures;	/* in a row; 0: it is live */
	int64_t until_ns;	/* left out before */
	bool probed;		/* one connection is trying it */
};

/*
 * Write the order for one more connection into order[0..n).  *next: the turn of round robin, kept by the caller.  A target
 * whose time is over comes first, and is probed by this connection alone.
 */
void targets_order(struct target *t, size_t n, enum targets_balance balance, size_t *next,
    int64_t now_ns, uint16_t *order);

/* It did not answer, or it did. */
void targets_failed(struct target *t, int64_t now_ns);
void targets_answered(struct target *t);

#endif
