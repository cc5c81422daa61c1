/*
 * bucket - how many a second: GCRA, one number of state
 *
 * The generic cell rate algorithm (ITU-T I.371) in the form of a virtual scheduling: `tat` is the
 * theoretical arrival time of the next conforming event.  Monotonic nanoseconds; a wall clock that steps changes nothing.
 * The time between two events is rounded up to whole nanoseconds: never more than the rate gets through.
 */
#ifndef BERTH_BUCKET_H
#define BERTH_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* A rate as configured: `count` events in `per_ns`, at most `burst` at once.  count 0: no rate at all. */
struct bucket_rate {
	uint32_t count, burst;	/* burst 0 is as 1 */
	int64_t per_ns;
};

struct bucket {
	int64_t tat_ns;		/* 0: full */
};

/* Would one event now conform?  Changes nothing. */
bool bucket_allows(const struct bucket *b, const struct bucket_rate *r, int64_t now_ns);

/* Take one event that bucket_allows() let in. */
void bucket_charge(struct bucket *b, const struct bucket_rate *r, int64_t now_ns);

/* Give back one event that bucket_charge() took and that did not come to be. */
void bucket_refund(struct bucket *b, const struct bucket_rate *r);

/* When the next event will conform: now_ns or later. */
int64_t bucket_next_ns(const struct bucket *b, const struct bucket_rate *r, int64_t now_ns);

/* Nothing is left to remember: the bucket is as good as a fresh one. */
bool bucket_is_full(const struct bucket *b, int64_t now_ns);

/*
 * The rate has changed to r (a reload): what was taken under the old one counts on, but the bucket is at
 * most empty, so that a wait under a slow old rate does not outlive it.
 */
void bucket_fit(struct bucket *b, const struct bucket_rate *r, int64_t now_ns);

#endif
