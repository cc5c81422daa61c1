#include "../../src/pure/histogram.h"

#include <inttypes.h>

#include "unit.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define S (1000 * MS)
#define LAST (HISTOGRAM_BUCKETS - 1)

/* One duration into an empty histogram: the bucket that it falls into. */
static void
test_bucket(void)
{
	static const struct {
		const char *label;
		int64_t input;
		size_t want;
		uint64_t want_sum;
	} rows[] = {
		{ "nothing at all is in the first bucket", 0, 0, 0 },
		{ "a negative duration counts as 0", -5, 0, 0 },
		{ "the most negative too", INT64_MIN, 0, 0 },
		{ "a bound is inclusive", 1 * US, 0, 1000 },
		{ "a nanosecond more is in the next", 1 * US + 1, 1, 1001 },
		{ "2 us", 2 * US, 1, 2000 },
		{ "3 us", 3 * US, 2, 3000 },
		{ "10 us", 10 * US, 3, 10000 },
		{ "1 ms", 1 * MS, 9, 1000000 },
		{ "1 s", 1 * S, 18, 1000000000 },
		{ "an hour", 3600 * S, 29, UINT64_C(3600000000000) },
		{ "5000 s", 5000 * S, 29, UINT64_C(5000000000000) },
		{ "more is above all bounds", 5000 * S + 1, LAST, UINT64_C(5000000000001) },
		{ "the longest there is", INT64_MAX, LAST, INT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct histogram h = { 0 };

		histogram_add(&h, rows[i].input);
		UNIT_CHECK(rows[i].label, h.bucket[rows[i].want] == 1 && h.count == 1 &&
		    h.sum_ns == rows[i].want_sum,
		    "bucket %zu has %" PRIu64 " of %" PRIu64 ", sum %" PRIu64 ", want 1 of 1, sum %"
		    PRIu64, rows[i].want, h.bucket[rows[i].want], h.count, h.sum_ns, rows[i].want_sum);
	}
}

static void
test_bounds(void)
{
	static const struct {
		const char *label;
		size_t input;
		int64_t want;
	} rows[] = {
		{ "the first bound is 1 us", 0, 1 * US },
		{ "then 2", 1, 2 * US },
		{ "5", 2, 5 * US },
		{ "10", 3, 10 * US },
		{ "the last is 5000 s", LAST - 1, 5000 * S },
		{ "above is no bound", LAST, INT64_MAX },
	};
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t got = histogram_bound_ns(rows[i].input);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %" PRId64 ", want %" PRId64, got,
		    rows[i].want);
	}
	for (size_t i = 1; i < LAST && wrong == 0; i++) {
		int64_t low = histogram_bound_ns(i - 1), high = histogram_bound_ns(i);

		if (high != 2 * low && 2 * high != 5 * low)
			wrong = i;
	}
	UNIT_CHECK("each is 2 or 2.5 times the one before", wrong == 0, "bound %zu is not", wrong);
	UNIT_CHECK("plain numbers, without holes",
	    sizeof(struct histogram) == (HISTOGRAM_BUCKETS + 2) * sizeof(uint64_t), "got %zu, want %zu",
	    sizeof(struct histogram), (HISTOGRAM_BUCKETS + 2) * sizeof(uint64_t));
}

static void
test_quantile(void)
{
	static const struct {
		const char *label;
		struct { uint64_t n; int64_t ns; } input[3];
		unsigned permille;
		int64_t want;
	} rows[] = {
		{ "empty: 0", { { 0 } }, 500, 0 },
		{ "empty: 0 of all", { { 0 } }, 1000, 0 },
		{ "of one, the median is its bound", { { 1, 3 * MS } }, 500, 5 * MS },
		{ "so is the shortest", { { 1, 3 * MS } }, 0, 5 * MS },
		{ "and the longest", { { 1, 3 * MS } }, 1000, 5 * MS },
		{ "of two, the median is the shorter", { { 1, 1 * MS }, { 1, 1 * S } }, 500, 1 * MS },
		{ "half and a little is the longer", { { 1, 1 * MS }, { 1, 1 * S } }, 501, 1 * S },
		{ "990 of a thousand are short: the 990th", { { 990, 1 * MS }, { 10, 1 * S } }, 990,
		    1 * MS },
		{ "the 991st is long", { { 990, 1 * MS }, { 10, 1 * S } }, 991, 1 * S },
		{ "a rank is rounded up", { { 9, 1 * MS }, { 1, 1 * S } }, 901, 1 * S },
		{ "empty buckets between are passed",
		    { { 5, 1 * US }, { 5, 1 * MS }, { 5, 1000 * S } }, 600, 1 * MS },
		{ "more than all is all", { { 5, 1 * US }, { 1, 20 * MS } }, 4000, 20 * MS },
		{ "above all bounds: nobody knows how long", { { 1, 1 * MS }, { 3, 9000 * S } }, 500,
		    INT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct histogram h = { 0 };
		int64_t got;

		for (size_t k = 0; k < 3; k++)
			for (uint64_t n = rows[i].input[k].n; n > 0; n--)
				histogram_add(&h, rows[i].input[k].ns);
		got = histogram_quantile_ns(&h, rows[i].permille);
		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %" PRId64 ", want %" PRId64, got,
		    rows[i].want);
	}
}

static void
test_saturation(void)
{
	struct histogram h = { .count = UINT64_MAX - 1, .sum_ns = UINT64_MAX - 1 };
	int64_t got;

	h.bucket[0] = UINT64_MAX - 1;
	histogram_add(&h, 500);
	histogram_add(&h, 500);
	UNIT_CHECK("full numbers stay full", h.count == UINT64_MAX && h.sum_ns == UINT64_MAX &&
	    h.bucket[0] == UINT64_MAX, "got count %" PRIu64 " sum %" PRIu64 " bucket %" PRIu64,
	    h.count, h.sum_ns, h.bucket[0]);
	histogram_add(&h, 1 * MS);
	got = histogram_quantile_ns(&h, 999);
	UNIT_CHECK("and have quantiles", got == 1 * US, "got %" PRId64 ", want %" PRId64, got, 1 * US);

	h = (struct histogram){ .count = UINT64_MAX };
	h.bucket[0] = h.bucket[9] = UINT64_MAX / 2;
	h.bucket[18] = 1;
	got = histogram_quantile_ns(&h, 999);
	UNIT_CHECK("a rank does not overflow", got == 1 * MS, "got %" PRId64 ", want %" PRId64, got,
	    1 * MS);

	h = (struct histogram){ .count = 2 };
	h.bucket[0] = 1;
	got = histogram_quantile_ns(&h, 1000);
	UNIT_CHECK("a count ahead of its bucket is no harm", got == INT64_MAX,
	    "got %" PRId64 ", want %" PRId64, got, INT64_MAX);
}

int
main(void)
{
	test_bucket();
	test_bounds();
	test_quantile();
	test_saturation();
	return unit_done();
}
