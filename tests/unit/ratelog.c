#include <stddef.h>

#include "../../src/pure/ratelog.h"
#include "unit.h"

#define WINDOW 100

/* One story, window 100: what is rolled is taken at the end of each window, as a timer would. */
static void
burst(void)
{
	static const struct {
		const char *label;
		int64_t now;
		bool roll;		/* ratelog_roll() instead of a line */
		bool want;
		uint64_t want_held;	/* afterwards; rolled: what it gave */
		int64_t want_due;
	} table[] = {
		{ "the first line of a burst is written", 1000, false, true, 0, 0 },
		{ "the second is counted", 1000, false, false, 1, 1100 },
		{ "so are all others", 1099, false, false, 2, 1100 },
		{ "at the window's end the count is handed out", 1100, true, false, 2, 0 },
		{ "the burst goes on: no line is written", 1101, false, false, 1, 1200 },
		{ "a count that is fetched late includes what came meanwhile", 1250, false, false, 2, 1200 },
		{ "and all of it is handed out", 1260, true, false, 2, 0 },
		{ "within a window after that it still goes on", 1359, false, false, 1, 1360 },
		{ "its last count", 1360, true, false, 1, 0 },
		{ "after a window without any the first is written again", 1460, false, true, 0, 0 },
		{ "a line a window after the first is a burst of its own", 1560, false, true, 0, 0 },
		{ "and one sooner is not", 1659, false, false, 1, 1660 },
	};
	struct ratelog r = { 0 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t held = table[i].roll ? ratelog_roll(&r, table[i].now) : 0;
		bool said = !table[i].roll && ratelog_begins(&r, WINDOW, table[i].now);

		if (!table[i].roll)
			held = r.held;
		UNIT_CHECK(table[i].label, said == table[i].want && held == table[i].want_held &&
		    ratelog_due_ns(&r, WINDOW) == table[i].want_due,
		    "got %d %ju %jd, want %d %ju %jd", said, (uintmax_t)held,
		    (intmax_t)ratelog_due_ns(&r, WINDOW), table[i].want,
		    (uintmax_t)table[i].want_held, (intmax_t)table[i].want_due);
	}
}

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
	burst();
	r = (struct ratelog){ 0 };
	UNIT_CHECK("with a burst of 0 every line is counted",
	    !ratelog_allow(&r, 0, WINDOW, 5, &summary) && r.held == 1, "written");
	return unit_done();
}
