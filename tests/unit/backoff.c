#include <inttypes.h>

#include "../../src/pure/backoff.h"
#include "unit.h"

#define MS INT64_C(1000000)

int
main(void)
{
	static const struct {
		const char *label;
		int64_t (*next)(struct backoff *);
		unsigned input;		/* failures before this one */
		int64_t want;
	} rows[] = {
		{ "an endpoint is tried again after a second", backoff_doubling, 0, 1000 * MS },
		{ "then after two", backoff_doubling, 1, 2000 * MS },
		{ "four", backoff_doubling, 2, 4000 * MS },
		{ "eight", backoff_doubling, 3, 8000 * MS },
		{ "sixteen", backoff_doubling, 4, 16000 * MS },
		{ "thirty-two", backoff_doubling, 5, 32000 * MS },
		{ "a minute, not sixty-four seconds", backoff_doubling, 6, 60000 * MS },
		{ "and no longer", backoff_doubling, 7, 60000 * MS },
		{ "not after a week either", backoff_doubling, 10080, 60000 * MS },
		{ "nor when a shift would have overflown", backoff_doubling, 64, 60000 * MS },
		{ "a shortage: 10 ms", backoff_shortage, 0, 10 * MS },
		{ "30 ms", backoff_shortage, 1, 30 * MS },
		{ "70 ms", backoff_shortage, 2, 70 * MS },
		{ "150 ms", backoff_shortage, 3, 150 * MS },
		{ "250 ms", backoff_shortage, 4, 250 * MS },
		{ "and 250 ms each time after that", backoff_shortage, 5, 250 * MS },
		{ "for as long as it takes", backoff_shortage, 1000000, 250 * MS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct backoff b = { rows[i].input };
		int64_t got = rows[i].next(&b);

		UNIT_CHECK(rows[i].label, got == rows[i].want && b.failures == rows[i].input + 1,
		    "got %" PRId64 " with %u failures, want %" PRId64, got, b.failures, rows[i].want);
	}

	struct backoff b = { 5 };
	int64_t pause;

	backoff_reset(&b);
	pause = backoff_shortage(&b);
	UNIT_CHECK("after a success a shortage begins at 10 ms again", pause == 10 * MS,
	    "got %" PRId64, pause);
	backoff_reset(&b);
	pause = backoff_doubling(&b);
	UNIT_CHECK("and an endpoint at a second", pause == 1000 * MS, "got %" PRId64, pause);
	return unit_done();
}
