#include "../../src/pure/overflow.h"

#include <inttypes.h>
#include <string.h>

#include "unit.h"

#define MS INT64_C(1000000)
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static char busy[] = "421 busy\r\n";

#define EVICT { .kind = SPEC_STEP_EVICT }
#define WAIT { .kind = SPEC_STEP_WAIT }
#define WAIT_300 { .kind = SPEC_STEP_WAIT, .wait_ns = 300 * MS }
#define WAIT_700 { .kind = SPEC_STEP_WAIT, .wait_ns = 700 * MS }
#define REFUSE { .kind = SPEC_STEP_REFUSE }
#define BANNER { .kind = SPEC_STEP_BANNER, .banner = busy }

static const struct chain {
	const char *name;
	struct spec_step step[4];
	size_t count;
	bool evicts, leaves; /* for want of a place */
	bool leaves_rate;
} wait = { "wait", { WAIT }, 1, false, true, true },
  refuse = { "refuse", { REFUSE }, 1, false, false, false },
  banner = { "banner", { BANNER }, 1, false, false, false },
  timed = { "wait 300ms, refuse", { WAIT_300, REFUSE }, 2, false, false, false },
  twice = { "wait 300ms, wait 700ms, banner", { WAIT_300, WAIT_700, BANNER }, 3, false, false, false },
  evict = { "evict, wait", { EVICT, WAIT }, 2, true, false, true },
  evict_banner = { "evict, banner", { EVICT, BANNER }, 2, true, false, false },
  evict_timed = { "evict, wait 300ms, refuse", { EVICT, WAIT_300, REFUSE }, 3, true, false, false },
  late = { "wait 300ms, evict, wait 700ms, refuse", { WAIT_300, EVICT, WAIT_700, REFUSE }, 4, true,
	  false, false };

static const struct {
	const char *label;
	const struct chain *chain;
	enum admit_verdict verdict;
	int64_t age_ns;
	bool tried;
	struct overflow want;
} rows[] = {
#define FULL ADMIT_SERVICE_FULL
#define POOL ADMIT_POOL_FULL
	{ "wait: for ever", &wait, FULL, 0, false, { .action = OVERFLOW_HOLD } },
	{ "wait: also after a day", &wait, FULL, 86400000 * MS, false, { .action = OVERFLOW_HOLD } },
	{ "refuse: at once", &refuse, FULL, 0, false, { .action = OVERFLOW_REFUSE } },
	{ "refuse: when the pool is full", &refuse, POOL, 0, false, { .action = OVERFLOW_REFUSE } },
	{ "banner: at once, with its text", &banner, FULL, 0, false,
	    { .action = OVERFLOW_BANNER, .banner = busy } },
	{ "a wait with a time: up to that age", &timed, FULL, 0, false,
	    { .action = OVERFLOW_HOLD, .hold_ns = 300 * MS } },
	{ "the age does not move it", &timed, FULL, 200 * MS, false,
	    { .action = OVERFLOW_HOLD, .hold_ns = 300 * MS } },
	{ "a nanosecond before its end", &timed, FULL, 300 * MS - 1, false,
	    { .action = OVERFLOW_HOLD, .hold_ns = 300 * MS } },
	{ "at its end the next step", &timed, FULL, 300 * MS, false, { .action = OVERFLOW_REFUSE } },
	{ "whoever has waited in the queue for longer does not wait again", &timed, FULL,
	    5000 * MS, false, { .action = OVERFLOW_REFUSE } },
	{ "both times count from the arrival", &twice, FULL, 300 * MS, false,
	    { .action = OVERFLOW_HOLD, .hold_ns = 700 * MS } },
	{ "so the second ends at its own time", &twice, FULL, 700 * MS, false,
	    { .action = OVERFLOW_BANNER, .banner = busy } },
	{ "evict: a place is taken", &evict, FULL, 0, false, { .action = OVERFLOW_EVICT } },
	{ "evict: when the pool is full", &evict, POOL, 0, false, { .action = OVERFLOW_EVICT } },
	{ "nobody found: wait, and one that is found later is welcome", &evict, FULL, 0, true,
	    { .action = OVERFLOW_HOLD, .evicts = true } },
	{ "nobody found: the banner", &evict_banner, POOL, 0, true,
	    { .action = OVERFLOW_BANNER, .banner = busy } },
	{ "nobody found: welcome as long as the wait lasts", &evict_timed, FULL, 299 * MS, true,
	    { .action = OVERFLOW_HOLD, .hold_ns = 300 * MS, .evicts = true } },
	{ "nobody found in all that time", &evict_timed, FULL, 300 * MS, true,
	    { .action = OVERFLOW_REFUSE } },
	{ "a victim is asked for once, also of an old one", &evict_timed, FULL, 900 * MS, false,
	    { .action = OVERFLOW_EVICT } },
	{ "a wait before evict: no victim yet", &late, FULL, 100 * MS, false,
	    { .action = OVERFLOW_HOLD, .hold_ns = 300 * MS } },
	{ "then one", &late, FULL, 300 * MS, false, { .action = OVERFLOW_EVICT } },
	{ "then a wait with hope", &late, FULL, 400 * MS, true,
	    { .action = OVERFLOW_HOLD, .hold_ns = 700 * MS, .evicts = true } },
	{ "then the end", &late, FULL, 700 * MS, true, { .action = OVERFLOW_REFUSE } },
	{ "evict answers no rate: the next step", &evict_banner, ADMIT_SERVICE_RATE, 0, false,
	    { .action = OVERFLOW_BANNER, .banner = busy } },
	{ "nor the load", &evict_banner, ADMIT_LOAD, 0, false,
	    { .action = OVERFLOW_BANNER, .banner = busy } },
	{ "a wait for a rate hopes for no victim", &evict, ADMIT_SERVICE_RATE, 0, false,
	    { .action = OVERFLOW_HOLD } },
	{ "also when one was looked for", &evict_timed, ADMIT_LOAD, 0, true,
	    { .action = OVERFLOW_HOLD, .hold_ns = 300 * MS } },
	{ "a rate is waited for as long as the chain says", &timed, ADMIT_SERVICE_RATE, 300 * MS,
	    false, { .action = OVERFLOW_REFUSE } },
	{ "refuse answers the load", &refuse, ADMIT_LOAD, 0, false, { .action = OVERFLOW_REFUSE } },
	{ "no chain answers a throttle: clients wait", &refuse, ADMIT_THROTTLED, 0, false,
	    { .action = OVERFLOW_HOLD } },
	{ "nor a want of resources", &evict_banner, ADMIT_RESOURCES, 9000 * MS, false,
	    { .action = OVERFLOW_HOLD } },
	{ "nor a pause, however long", &timed, ADMIT_PAUSED, 9000 * MS, false, { .action = OVERFLOW_HOLD } },
	{ "nor the end of berthd", &timed, ADMIT_DRAINING, 9000 * MS, false,
	    { .action = OVERFLOW_HOLD } },
};

static void
test_decide(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct overflow_facts f = { .step = rows[i].chain->step, .count = rows[i].chain->count,
			.verdict = rows[i].verdict, .age_ns = rows[i].age_ns, .tried = rows[i].tried };
		struct overflow got = overflow_decide(&f), want = rows[i].want;

		UNIT_CHECK(rows[i].label,
		    got.action == want.action && got.hold_ns == want.hold_ns &&
			got.evicts == want.evicts && got.banner == want.banner,
		    "%s: got %d until %" PRId64 " (evicts %d), want %d until %" PRId64 " (evicts %d)",
		    rows[i].chain->name, (int)got.action, got.hold_ns, got.evicts, (int)want.action,
		    want.hold_ns, want.evicts);
	}
}

static void
test_chains(void)
{
	static const struct chain *const all[] = { &wait, &refuse, &banner, &timed, &twice, &evict,
		&evict_banner, &evict_timed, &late };
	static const enum admit_verdict no_chain[] = { ADMIT_THROTTLED, ADMIT_PAUSED,
		ADMIT_RESOURCES, ADMIT_DRAINING };
	char label[128];

	for (size_t i = 0; i < ROWS(all); i++) {
		const struct chain *c = all[i];
		bool full = overflow_leaves(c->step, c->count, ADMIT_SERVICE_FULL);
		bool pool = overflow_leaves(c->step, c->count, ADMIT_POOL_FULL);
		bool rate = overflow_leaves(c->step, c->count, ADMIT_SERVICE_RATE);
		bool left = true;

		for (size_t k = 0; k < ROWS(no_chain); k++)
			left = left && overflow_leaves(c->step, c->count, no_chain[k]);
		snprintf(label, sizeof(label), "%s: who is left in the queue", c->name);
		UNIT_CHECK(label, full == c->leaves && pool == c->leaves && rate == c->leaves_rate && left,
		    "full %d, pool %d, rate %d, what no chain answers %d", full, pool, rate, left);
		snprintf(label, sizeof(label), "%s: may its service lose a connection", c->name);
		UNIT_CHECK(label, overflow_evicts(c->step, c->count) == c->evicts, "want %d", c->evicts);
	}
}

int
main(void)
{
	test_decide();
	test_chains();
	return unit_done();
}
