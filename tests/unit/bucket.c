#include "../../src/pure/bucket.h"

#include <inttypes.h>
#include <stddef.h>

#include "unit.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define DAY (86400 * S)
#define EVENTS 4000

/* One story a rate: each step asks at a time, and takes an event if it may. */
static void
test_story(void)
{
	static const struct bucket_rate ten = { 10, 3, S }, slow = { 1, 1, 60 * S }, none = { 0, 0, 0 };
	static const struct {
		const char *label;
		const struct bucket_rate *rate;	/* another one than before: a fresh bucket */
		int64_t now;
		bool want;
		int64_t want_next;	/* before it is taken */
	} steps[] = {
		{ "a fresh bucket holds a burst: one", &ten, 5 * S, true, 5 * S },
		{ "two", &ten, 5 * S, true, 5 * S },
		{ "three", &ten, 5 * S, true, 5 * S },
		{ "the fourth waits for a tenth of a second", &ten, 5 * S, false, 5 * S + 100 * MS },
		{ "to the nanosecond", &ten, 5 * S + 100 * MS - 1, false, 5 * S + 100 * MS },
		{ "then it may", &ten, 5 * S + 100 * MS, true, 5 * S + 100 * MS },
		{ "and the next waits as long", &ten, 5 * S + 100 * MS, false, 5 * S + 200 * MS },
		{ "what was refused costs nothing", &ten, 5 * S + 200 * MS, true, 5 * S + 200 * MS },
		{ "a long rest fills a burst, no more: one", &ten, 900 * S, true, 900 * S },
		{ "(two)", &ten, 900 * S, true, 900 * S },
		{ "(three)", &ten, 900 * S, true, 900 * S },
		{ "not four", &ten, 900 * S, false, 900 * S + 100 * MS },
		{ "a burst of one: one", &slow, 0, true, 0 },
		{ "and then one a minute", &slow, 59 * S, false, 60 * S },
		{ "(the minute is over)", &slow, 60 * S, true, 60 * S },
		{ "no rate lets everything in", &none, 1, true, 1 },
		{ "(everything)", &none, 1, true, 1 },
	};
	const struct bucket_rate *last = NULL;
	struct bucket b = { 0 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct bucket_rate *r = steps[i].rate;
		int64_t next;
		bool got;

		if (r != last)
			b = (struct bucket){ 0 };
		last = r;
		next = bucket_next_ns(&b, r, steps[i].now);
		got = bucket_allows(&b, r, steps[i].now);
		UNIT_CHECK(steps[i].label, got == steps[i].want && next == steps[i].want_next &&
		    bucket_allows(&b, r, steps[i].now) == got,
		    "got %d next %" PRId64 ", want %d %" PRId64, got, next, steps[i].want,
		    steps[i].want_next);
		if (got)
			bucket_charge(&b, r, steps[i].now);
	}
}

static uint64_t
random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* count events in a time t: at most burst + t * count / per, by whole numbers */
static bool
within(const struct bucket_rate *r, int64_t count, int64_t t)
{
	return (__int128)(count - r->burst) * r->per_ns <= (__int128)t * r->count;
}

/* Offer events at random times, several times as many as the rate lets through. */
static size_t
offer(const struct bucket_rate *r, uint64_t seed, int64_t at[EVENTS])
{
	int64_t step = r->per_ns / r->count, now = DAY;
	struct bucket b = { 0 };
	size_t n = 0;

	for (int i = 0; i < EVENTS; i++) {
		/* mostly a flood, now and then a rest */
		now += random_next(&seed) % 50 == 0 ? 5 * step :
		    (int64_t)(random_next(&seed) % (uint64_t)(step / 2 + 2));
		if (!bucket_allows(&b, r, now))
			continue;
		bucket_charge(&b, r, now);
		at[n++] = now;
	}
	return n;
}

static void
test_bound(void)
{
	static const struct bucket_rate rates[] = {
		{ 50, 50, S }, { 3, 1, S }, { 7, 100, 10 * S }, { 999999, 1000, S }, { 1, 5, DAY },
		{ 1000000, 1000000, MS }, { 1, 1, MS },
	};
	static int64_t at[EVENTS];

	for (size_t k = 0; k < sizeof(rates) / sizeof(rates[0]); k++) {
		const struct bucket_rate *r = &rates[k];
		size_t n = offer(r, k + 1, at), bad = 0;

		for (size_t i = 0; i < n; i++)
			for (size_t j = i; j < n; j++)
				bad += !within(r, (int64_t)(j - i + 1), at[j] - at[i]);
		UNIT_CHECK("in any time, no more than burst + rate * time gets through", bad == 0,
		    "rate %u burst %u: %zu of %zu events", r->count, r->burst, bad, n);
		UNIT_CHECK("and never less than the burst", n >= r->burst || n == EVENTS, "%zu", n);
	}
}

static void
test_flow(void)
{
	static const struct bucket_rate r = { 100, 1, S };
	struct bucket b = { 0 };
	unsigned got = 0;

	for (int64_t now = S; now < 11 * S; now += MS)
		if (bucket_allows(&b, &r, now)) {
			bucket_charge(&b, &r, now);
			got++;
		}
	UNIT_CHECK("a steady flood gets the rate, exactly", got == 1000, "got %u", got);
}

static void
test_fit(void)
{
	static const struct bucket_rate slow = { 1, 1, 365 * DAY }, fast = { 1, 2, S },
	    none = { 0, 0, 0 };
	struct bucket b = { 0 };

	UNIT_CHECK("a fresh bucket is full", bucket_is_full(&b, 0), "not");
	bucket_charge(&b, &slow, S);
	UNIT_CHECK("one that gave is not", !bucket_is_full(&b, S + 364 * DAY), "full");
	UNIT_CHECK("until it has filled", bucket_is_full(&b, S + 365 * DAY), "not");
	bucket_fit(&b, &slow, 2 * S);
	UNIT_CHECK("the same rate again changes nothing", b.tat_ns == S + 365 * DAY, "%" PRId64,
	    b.tat_ns);
	bucket_fit(&b, &fast, 10 * S);
	UNIT_CHECK("under a faster rate it is empty", !bucket_allows(&b, &fast, 10 * S) &&
	    bucket_next_ns(&b, &fast, 10 * S) == 11 * S, "next %" PRId64,
	    bucket_next_ns(&b, &fast, 10 * S));
	bucket_fit(&b, &none, 10 * S);
	UNIT_CHECK("without a rate nothing is left", bucket_is_full(&b, 10 * S), "%" PRId64, b.tat_ns);
	bucket_charge(&b, &none, 10 * S);
	UNIT_CHECK("nor is anything charged", bucket_is_full(&b, 0), "%" PRId64, b.tat_ns);
}

static void
test_far(void)
{
	static const struct bucket_rate r = { 1, 1000000, 365 * DAY };
	struct bucket b = { 0 };
	int64_t now = 10 * 365 * DAY;
	unsigned n = 0;

	while (n < 1000000 && bucket_allows(&b, &r, now)) {
		bucket_charge(&b, &r, now);
		n++;
	}
	UNIT_CHECK("the slowest rate with the largest burst does not overflow", n > 50 && n < 1000000 &&
	    b.tat_ns > now && bucket_next_ns(&b, &r, now) > now, "%u, %" PRId64, n, b.tat_ns);
}

static void
test_refund(void)
{
	static const struct bucket_rate r = { 2, 2, 10 * S };
	struct bucket b = { 0 };

	bucket_charge(&b, &r, 100 * S);
	bucket_charge(&b, &r, 100 * S);
	UNIT_CHECK("both of a burst are taken", !bucket_allows(&b, &r, 100 * S), "%" PRId64, b.tat_ns);
	bucket_refund(&b, &r);
	UNIT_CHECK("one that is given back can be taken again", bucket_allows(&b, &r, 100 * S),
	    "%" PRId64, b.tat_ns);
	bucket_charge(&b, &r, 100 * S);
	UNIT_CHECK("and no more", !bucket_allows(&b, &r, 100 * S), "%" PRId64, b.tat_ns);
	bucket_refund(&b, &(struct bucket_rate){ 0 });
	UNIT_CHECK("without a rate nothing is given back", !bucket_allows(&b, &r, 100 * S), "%" PRId64,
	    b.tat_ns);
}

int
main(void)
{
	test_story();
	test_refund();
	test_bound();
	test_flow();
	test_fit();
	test_far();
	return unit_done();
}
