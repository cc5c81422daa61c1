#include "../../src/pure/pauses.h"

#include <inttypes.h>

#include "unit.h"

#define S INT64_C(1000000000)
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Paused from 10 to 20, from 30 to 35, and since 50. */
static struct pauses
three(void)
{
	struct pauses p = { .count = 0 };

	pauses_begin(&p, 10 * S);
	pauses_end(&p, 20 * S);
	pauses_begin(&p, 30 * S);
	pauses_end(&p, 35 * S);
	pauses_begin(&p, 50 * S);
	return p;
}

static void
test_within(void)
{
	static const struct {
		const char *label;
		int64_t from, to, want;	/* seconds */
	} rows[] = {
		{ "before the first pause nothing is taken off", 1, 9, 0 },
		{ "up to its very beginning", 1, 10, 0 },
		{ "what came before a pause gets all of it", 1, 25, 10 },
		{ "what is looked at in the middle gets a part", 1, 14, 4 },
		{ "what came in the middle gets the rest", 14, 25, 6 },
		{ "all within one pause", 12, 17, 5 },
		{ "between two pauses", 20, 30, 0 },
		{ "two pauses add up", 1, 40, 15 },
		{ "from the middle of one to the middle of the next", 15, 32, 7 },
		{ "what came after both gets nothing of them", 36, 49, 0 },
		{ "the one that lasts counts up to now", 1, 58, 23 },
		{ "what came while it lasts is as young as when it came", 52, 58, 6 },
		{ "no time at all", 15, 15, 0 },
		{ "a time that ends before it begins", 18, 12, 0 },
	};
	struct pauses p = three();

	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t got = pauses_within(&p, rows[i].from * S, rows[i].to * S);

		UNIT_CHECK(rows[i].label, got == rows[i].want * S, "got %" PRId64 " ns", got);
	}
}

static void
test_switch(void)
{
	struct pauses p = { .count = 0 };

	UNIT_CHECK("what does not last does not end", !pauses_end(&p, S), "ended");
	UNIT_CHECK("the first begins", pauses_begin(&p, S), "did not");
	UNIT_CHECK("the second time it has begun before", !pauses_begin(&p, 2 * S), "again");
	UNIT_CHECK("it counts from the first", pauses_within(&p, 0, 3 * S) == 2 * S, "%" PRId64,
	    pauses_within(&p, 0, 3 * S));
	UNIT_CHECK("it ends", pauses_end(&p, 4 * S) && !p.on, "did not");
	UNIT_CHECK("and is over", pauses_within(&p, 0, 100 * S) == 3 * S, "%" PRId64,
	    pauses_within(&p, 0, 100 * S));
}

/* A hundred pauses of one second, each ten seconds after the one before. */
static void
test_many(void)
{
	struct pauses p = { .count = 0 };
	int64_t got;

	for (int i = 0; i < 100; i++) {
		pauses_begin(&p, (1000 + 10 * i) * S);
		pauses_end(&p, (1001 + 10 * i) * S);
	}
	got = pauses_within(&p, 0, 5000 * S);
	UNIT_CHECK("what came before all of them gets all, however many", got == 100 * S,
	    "got %" PRId64 " ns", got);
	got = pauses_within(&p, 1975 * S, 5000 * S);
	UNIT_CHECK("the last ones are known one by one", got == 2 * S, "got %" PRId64 " ns", got);
	got = pauses_within(&p, 1500 * S, 5000 * S);
	UNIT_CHECK("never more than all", got >= 0 && got <= 100 * S, "got %" PRId64 " ns", got);
}

int
main(void)
{
	test_within();
	test_switch();
	test_many();
	return unit_done();
}
