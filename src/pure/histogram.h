/*
 * histogram - how long things took, in buckets that never change
 *
 * Durations in ns, counted by upper bounds of 1, 2, 5, 10 ... from 1 us to 5000 s, and one bucket
 * above.  A bound is inclusive, as `le` of OpenMetrics is; its cumulative buckets are the running sums
 * of bucket[].  Plain numbers of fixed width, no pointer, all zero when empty: it may lie in shared
 * memory, with one writer.  Each number stays at its largest value instead of wrapping.
 */
#ifndef BERTH_HISTOGRAM_H
#define BERTH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 31	/* the last has no bound: le="+Inf" */

struct histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t bucket[HISTOGRAM_BUCKETS]; /* each for itself, not cumulative */
};

/* One more duration; a negative one counts as 0. */
void histogram_add(struct histogram *h, int64_t ns);

/* Upper bound of bucket i < HISTOGRAM_BUCKETS, in ns: 1000, 2000, 5000 ...; INT64_MAX for the last. */
int64_t histogram_bound_ns(size_t i);

/*
 * An estimate from above: `permille` thousandths of the durations, or more, were no longer than this.
 * It is the upper bound of the bucket that holds rank ceil(count * permille / 1000); 500 is the
 * median, 0 the shortest, 1000 and more the longest.  INT64_MAX: longer than 5000 s.  0 when empty.
 */
int64_t histogram_quantile_ns(const struct histogram *h, unsigned permille);

#endif
