#include "histogram.h"

#include <assert.h>

#define US INT64_C(1000)
#define MS (1000 * US)
#define S (1000 * MS)

static const int64_t bounds[HISTOGRAM_BUCKETS] = {
	1 * US, 2 * US, 5 * US, 10 * US, 20 * US, 50 * US, 100 * US, 200 * US, 500 * US,
	1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS,
	1 * S, 2 * S, 5 * S, 10 * S, 20 * S, 50 * S, 100 * S, 200 * S, 500 * S,
	1000 * S, 2000 * S, 5000 * S, INT64_MAX,
};

static uint64_t
add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void
histogram_add(struct histogram *h, int64_t ns)
{
	size_t i = 0;

	if (ns < 0)
		ns = 0;
	while (ns > bounds[i])
		i++;
	h->bucket[i] = add(h->bucket[i], 1);
	h->count = add(h->count, 1);
	h->sum_ns = add(h->sum_ns, (uint64_t)ns);
}

int64_t
histogram_bound_ns(size_t i)
{
	assert(i < HISTOGRAM_BUCKETS);
	return bounds[i];
}

/* ceil(count * permille / 1000), from 1 to count; without the product, which may be too large. */
static uint64_t
rank_of(uint64_t count, unsigned permille)
{
	uint64_t rank;

	if (permille >= 1000)
		return count;
	rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;
	return rank > 0 ? rank : 1;
}

int64_t
histogram_quantile_ns(const struct histogram *h, unsigned permille)
{
	uint64_t rank = rank_of(h->count, permille), seen = 0;

	if (h->count == 0)
		return 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen = add(seen, h->bucket[i]);
		if (seen >= rank)
			return bounds[i];
	}
	/* a reader of shared memory may see count before the bucket: the last one is near enough */
	return bounds[HISTOGRAM_BUCKETS - 1];
}
