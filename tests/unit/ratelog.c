#include <stddef.h>

#include "../../src/pure/ratelog.h"
#include "unit.h"

#define WINDOW 100

int
main(void)
{
	/* One story: the steps follow each other.  Burst 2, window 100. */
	static const struct {
		const char *label;
		int64_t now;
		bool take;		/* ratelog_take() before */
		bool want;
		uint64_t want_summary;
		int64_t want_due;
	} table[] = {
		{ "the first line is written", 1000, false, true, 0, 0 },
		{ "so is the burst", 1010, false, true, 0, 0 },
		{ "the next is counted, and a summary is due at the window's end", 1020, false, false, 0,
		    1100 },
		{ "so are all until the window's end", 1099, false, false, 0, 1100 },
		{ "at its end the count is handed out, and a line is written", 1100, false, true, 2, 0 },
		{ "a summary is handed out once", 1150, false, true, 0, 0 },
		{ "the second window holds too", 1151, false, false, 0, 1200 },
		{ "after the count was taken a new window begins", 1160, true, true, 0, 0 },
		{ "that window has its own burst", 1161, false, true, 0, 0 },
		{ "and its own start", 1259, false, false, 0, 1260 },
		{ "a quiet time ends a window", 9000, false, true, 1, 0 },
		{ "a window without lines held has no summary", 99000, false, true, 0, 0 },
	};
	struct ratelog r = { 0 };
	uint64_t summary, taken;

	UNIT_CHECK("before the first line nothing is due", ratelog_due_ns(&r, WINDOW) == 0, "due");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].take) {
			taken = ratelog_take(&r);
			UNIT_CHECK("take gives the lines held", taken == 1, "got %ju",
			    (uintmax_t)taken);
		}
		bool said = ratelog_allow(&r, 2, WINDOW, table[i].now, &summary);
		UNIT_CHECK(table[i].label, said == table[i].want &&
		    summary == table[i].want_summary &&
		    ratelog_due_ns(&r, WINDOW) == table[i].want_due,
		    "got %d %ju %jd, want %d %ju %jd", said, (uintmax_t)summary,
		    (intmax_t)ratelog_due_ns(&r, WINDOW), table[i].want,
		    (uintmax_t)table[i].want_summary, (intmax_t)table[i].want_due);
	}
	r = (struct ratelog){ 0 };
	UNIT_CHECK("with a burst of 0 every line is counted",
	    !ratelog_allow(&r, 0, WINDOW, 5, &summary) && r.held == 1, "written");
	return unit_done();
}
