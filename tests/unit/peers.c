#include "../../src/pure/peers.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "unit.h"

#define S INT64_C(1000000000)
#define MIN (60 * S)
#define PREFIXES 100000

static const uint8_t key[16] = "a key for a test";

static struct source
prefix(uint32_t n)
{
	struct source s = { .family = AF_INET, .bits = 32,
		.bytes = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };

	return s;
}

static void
test_entries(void)
{
	struct peers *t = peers_new(0, key);
	struct source a = prefix(1), b = prefix(2), none = { 0 }, wide = prefix(1);
	struct peer *p, *q;

	UNIT_CHECK("an unknown source is not found", peers_find(t, 1, &a) == NULL, "found");
	UNIT_CHECK("nor made by looking", peers_find(t, 1, &a) == NULL, "found");
	p = peers_get(t, 1, &a, 0);
	UNIT_CHECK("an entry is made", p != NULL && p->service == 1 && source_equal(&p->source, &a) &&
	    p->live == 0 && p->balance_ns == 0 && bucket_is_full(&p->bucket, 0), "%p", (void *)p);
	UNIT_CHECK("and found again", peers_find(t, 1, &a) == p && peers_get(t, 1, &a, 0) == p, "other");
	peers_hold(p);
	q = peers_get(t, 2, &a, 0);
	UNIT_CHECK("another service has its own", q != NULL && q != p && q->live == 0, "the same");
	UNIT_CHECK("another source has its own", peers_get(t, 1, &b, 0) != p, "the same");
	wide.bits = 24;
	UNIT_CHECK("another length is another source", peers_find(t, 1, &wide) == NULL, "the same");
	UNIT_CHECK("handlers are counted", p->live == 1, "%u", p->live);
	peers_release(p);
	UNIT_CHECK("and released", p->live == 0, "%u", p->live);
	UNIT_CHECK("so far nothing has failed open", peers_failed_open(t) == 0, "%" PRIu64,
	    peers_failed_open(t));
	UNIT_CHECK("who is no source has no entry, and is counted", peers_get(t, 1, &none, 0) == NULL &&
	    peers_find(t, 1, &none) == NULL && peers_failed_open(t) == 1, "%" PRIu64,
	    peers_failed_open(t));
	peers_hold(NULL);
	peers_release(NULL);
	peers_penalise(NULL, S, S, 0);
	UNIT_CHECK("no entry has no balance", peers_balance_ns(NULL, 5) == 0, "some");
	peers_free(t);
	peers_free(NULL);
}

static void
test_balance(void)
{
	/* one story: what is added at a time, and the balance then and later */
	static const struct {
		const char *label;
		int64_t add, max, now, want, later, want_later;
	} steps[] = {
		{ "a first penalty", 5 * S, 10 * MIN, 100 * S, 5 * S, 101 * S, 4 * S },
		{ "adds to what is left", 5 * S, 10 * MIN, 102 * S, 8 * S, 103 * S, 7 * S },
		{ "it falls to nothing", 0, 10 * MIN, 110 * S, 0, 200 * S, 0 },
		{ "it begins anew at nothing", 5 * S, 10 * MIN, 300 * S, 5 * S, 305 * S, 0 },
		{ "one above the bound is the bound", 20 * MIN, 10 * MIN, 400 * S, 10 * MIN, 460 * S,
		    9 * MIN },
		{ "many do not pass it", 9 * MIN, 10 * MIN, 460 * S, 10 * MIN, 460 * S, 10 * MIN },
		{ "nothing added is nothing changed", 0, 10 * MIN, 520 * S, 9 * MIN, 520 * S, 9 * MIN },
		{ "a bound that was lowered holds at the next", S, 1 * MIN, 520 * S, 1 * MIN, 521 * S,
		    59 * S },
		{ "a clock that stands still takes nothing", 0, MIN, 400 * S, 1 * MIN, 400 * S, 1 * MIN },
		{ "a hundred years are bounded too", INT64_MAX, 10 * MIN, 600 * S, 10 * MIN, 660 * S,
		    9 * MIN },
	};
	struct peer p = { 0 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int64_t got, later;

		peers_penalise(&p, steps[i].add, steps[i].max, steps[i].now);
		got = peers_balance_ns(&p, steps[i].now);
		later = peers_balance_ns(&p, steps[i].later);
		UNIT_CHECK(steps[i].label, got == steps[i].want && later == steps[i].want_later,
		    "got %" PRId64 " then %" PRId64, got, later);
	}
}

/* ---- the whole table ---- */

struct seen {
	size_t count;
	const struct peer *first, *last;
	uint32_t live;
};

static void
see(void *arg, struct peer *p)
{
	struct seen *s = arg;

	s->count++;
	s->first = s->first == NULL || p < s->first ? p : s->first;
	s->last = p > s->last ? p : s->last;
	s->live += p->live;
}

static void
test_size(void)
{
	static const struct {
		const char *label;
		uint32_t entries;
		size_t want;
	} rows[] = {
		{ "no size is the smallest", 0, 64 }, { "64 is the smallest", 64, 64 },
		{ "65 is 128", 65, 128 }, { "a power of two is itself", 4096, 4096 },
		{ "others are rounded up", 5000, 8192 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peers *t = peers_new(rows[i].entries, key);
		struct seen seen = { 0 };

		for (uint32_t n = 0; n < PREFIXES; n++) {
			struct source s = prefix(n);

			peers_hold(peers_get(t, 1, &s, 0));
		}
		peers_each(t, see, &seen);
		UNIT_CHECK(rows[i].label, seen.count <= rows[i].want &&
		    seen.last - seen.first < (ptrdiff_t)rows[i].want, "%zu entries over %td",
		    seen.count, seen.last - seen.first + 1);
		UNIT_CHECK("  it fills nearly whole", seen.count >= rows[i].want * 9 / 10, "%zu",
		    seen.count);
		UNIT_CHECK("  who finds no entry is let in without history, and counted",
		    seen.live + peers_failed_open(t) == PREFIXES, "%u and %" PRIu64, seen.live,
		    peers_failed_open(t));
		peers_free(t);
	}
}

static void
test_walk(void)
{
	static const struct bucket_rate rate = { 1, 1, S };
	struct peers *t = peers_new(4096, key);
	struct source held = prefix(7), owing = prefix(8);
	struct peer *p = peers_get(t, 1, &held, 0), *q = peers_get(t, 1, &owing, 0);
	struct seen seen = { 0 };
	uint64_t lost = 0;

	peers_hold(p);
	peers_penalise(q, 10 * MIN, 10 * MIN, 0);
	/* a walk through 100000 prefixes, ten a second: each is remembered for its second */
	for (uint32_t n = 0; n < PREFIXES; n++) {
		struct source s = prefix(1000 + n);
		int64_t now = n * (S / 10);
		struct peer *e = peers_get(t, 1, &s, now);

		if (e != NULL)
			bucket_charge(&e->bucket, &rate, now);
		else
			lost++;
	}
	peers_each(t, see, &seen);
	UNIT_CHECK("idle entries are used again: a walk loses nobody", lost == 0, "%" PRIu64, lost);
	UNIT_CHECK("and takes no more memory", seen.count <= 4096, "%zu", seen.count);
	UNIT_CHECK("a live handler's entry stays where it was", peers_find(t, 1, &held) == p &&
	    p->live == 1, "%p", (void *)p);
	UNIT_CHECK("a balance that has fallen is not kept", peers_find(t, 1, &owing) == NULL, "%p",
	    (void *)q);
	peers_free(t);
}

static void
test_kept(void)
{
	static const struct bucket_rate rate = { 1, 1, 3600 * S };
	struct peers *t = peers_new(64, key);
	struct source owing = prefix(1), spent = prefix(2);
	struct peer *p = peers_get(t, 1, &owing, 0), *q = peers_get(t, 1, &spent, 0);

	peers_penalise(p, 10 * MIN, 10 * MIN, 0);
	bucket_charge(&q->bucket, &rate, 0);
	for (uint32_t n = 0; n < PREFIXES; n++) {
		struct source s = prefix(1000 + n);

		peers_get(t, 1, &s, S);
	}
	UNIT_CHECK("a flood of others does not wash a penalty away", peers_find(t, 1, &owing) == p &&
	    peers_balance_ns(p, S) == 10 * MIN - S, "%" PRId64, peers_balance_ns(p, S));
	UNIT_CHECK("nor a rate that was used up", peers_find(t, 1, &spent) == q &&
	    !bucket_allows(&q->bucket, &rate, S), "%" PRId64, q->bucket.tat_ns);
	UNIT_CHECK("and nobody among them was lost", peers_failed_open(t) == 0, "%" PRIu64,
	    peers_failed_open(t));
	peers_free(t);
}

/* 100000 at once, in a table for them: two sets for each source make room for nearly all. */
static void
test_full(void)
{
	struct peers *t = peers_new(PREFIXES, key);

	for (uint32_t n = 0; n < PREFIXES; n++) {
		struct source s = prefix(n << 8);

		peers_hold(peers_get(t, n % 3, &s, 0));
	}
	UNIT_CHECK("100000 live sources in a table for as many: under one in a thousand fails open",
	    peers_failed_open(t) < PREFIXES / 1000, "%" PRIu64, peers_failed_open(t));
	peers_free(t);
}

int
main(void)
{
	test_entries();
	test_balance();
	test_size();
	test_walk();
	test_kept();
	test_full();
	return unit_done();
}
