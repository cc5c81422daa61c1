#include "../../src/pure/targets.h"

#include <inttypes.h>
#include <string.h>

#include "unit.h"

#define S INT64_C(1000000000)

/* "021": tried in this order. */
static const char *
order_text(struct target *t, size_t n, enum targets_balance balance, size_t *next, int64_t now)
{
	static char text[TARGETS_MAX + 1];
	uint16_t order[TARGETS_MAX];

	memset(text, 0, sizeof(text));
	targets_order(t, n, balance, next, now, order);
	for (size_t i = 0; i < n; i++)
		text[i] = order[i] < n ? (char)('0' + order[i]) : '?';
	return text;
}

/* Rows: the state before, the order for one connection, and whose turn it is then. */

#define LIVE(n) { .active = (n) }
#define DOWN(until) { .failures = 1, .until_ns = (until) }
#define PROBED(until) { .failures = 1, .until_ns = (until), .probed = true }
#define RR TARGETS_ROUND_ROBIN
#define LEAST TARGETS_LEAST_CONNECTIONS

static void
orders(void)
{
	static const struct {
		const char *label;
		enum targets_balance balance;
		size_t n;
		struct target t[4];
		size_t next;
		int64_t now_ns;
		const char *order;
		size_t want_next;
		size_t want_probed;	/* n: nobody is */
	} rows[] = {
		{ "one target", RR, 1, { LIVE(0) }, 0, S, "0", 0, 1 },
		{ "round robin begins with the first", RR, 3, { LIVE(0), LIVE(0), LIVE(0) }, 0, S,
		    "012", 1, 3 },
		{ "then the second; those after it come in their order", RR, 3,
		    { LIVE(0), LIVE(0), LIVE(0) }, 1, S, "120", 2, 3 },
		{ "after the last the first", RR, 3, { LIVE(0), LIVE(0), LIVE(0) }, 2, S, "201", 0, 3 },
		{ "round robin does not look at connections", RR, 3, { LIVE(9), LIVE(0), LIVE(0) }, 0, S,
		    "012", 1, 3 },
		{ "a failed one loses its turn and is the last resort", RR, 3,
		    { DOWN(9 * S), LIVE(0), LIVE(0) }, 0, S, "120", 2, 3 },
		{ "and wherever it stands", RR, 3, { LIVE(0), DOWN(9 * S), LIVE(0) }, 0, S, "021", 1, 3 },
		{ "two failed ones: only one is left", RR, 3, { DOWN(9 * S), LIVE(0), DOWN(9 * S) }, 2, S,
		    "120", 2, 3 },
		{ "all failed: all are tried, in turn", RR, 3,
		    { DOWN(9 * S), DOWN(9 * S), DOWN(9 * S) }, 0, S, "012", 1, 3 },
		{ "and the next connection begins with the next", RR, 3,
		    { DOWN(9 * S), DOWN(9 * S), DOWN(9 * S) }, 1, S, "120", 2, 3 },
		{ "all failed, by connections: the same", LEAST, 3,
		    { DOWN(9 * S), DOWN(9 * S), DOWN(9 * S) }, 2, S, "201", 0, 3 },
		{ "a nanosecond before its time it is left out", RR, 2, { DOWN(9 * S), LIVE(0) }, 0,
		    9 * S - 1, "10", 0, 2 },
		{ "when its time has come it is tried first", RR, 2, { DOWN(9 * S), LIVE(0) }, 1,
		    9 * S, "01", 1, 0 },
		{ "which is nobody's turn", RR, 3, { LIVE(0), LIVE(0), DOWN(2 * S) }, 1, 3 * S, "201", 1,
		    2 },
		{ "while one connection tries it, others do not", RR, 2, { PROBED(2 * S), LIVE(0) }, 0,
		    3 * S, "10", 0, 2 },
		{ "two are due: one connection tries one of them", RR, 3,
		    { DOWN(2 * S), LIVE(0), DOWN(2 * S) }, 1, 3 * S, "012", 1, 0 },
		{ "and the next the other", RR, 3, { PROBED(2 * S), LIVE(0), DOWN(2 * S) }, 1, 3 * S,
		    "210", 1, 2 },
		{ "due by connections: it is tried first all the same", LEAST, 2,
		    { LIVE(0), { .failures = 1, .until_ns = 2 * S, .active = 9 } }, 0, 3 * S, "10", 0, 1 },
		{ "the fewest connections", LEAST, 3, { LIVE(3), LIVE(1), LIVE(2) }, 0, S, "120", 2, 3 },
		{ "the fewest of the live ones", LEAST, 3, { DOWN(9 * S), LIVE(2), LIVE(1) }, 0, S, "210",
		    0, 3 },
		{ "equal: whose turn it is", LEAST, 3, { LIVE(1), LIVE(1), LIVE(1) }, 1, S, "120", 2, 3 },
		{ "equal, but for the one whose turn it is", LEAST, 3, { LIVE(1), LIVE(2), LIVE(1) }, 1,
		    S, "201", 0, 3 },
		{ "an idle one though it was just used", LEAST, 3, { LIVE(1), LIVE(0), LIVE(1) }, 2, S,
		    "120", 2, 3 },
		{ "a turn that is past the end of a shorter list", RR, 2, { LIVE(0), LIVE(0) }, 5, S,
		    "10", 0, 2 },
		{ "the same, all failed", RR, 2, { DOWN(9 * S), DOWN(9 * S) }, 5, S, "10", 0, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target t[4];
		size_t next = rows[i].next, probed = rows[i].n;
		const char *got;

		memcpy(t, rows[i].t, sizeof(t));
		got = order_text(t, rows[i].n, rows[i].balance, &next, rows[i].now_ns);
		for (size_t k = 0; k < rows[i].n; k++)
			if (t[k].probed && !rows[i].t[k].probed)
				probed = k;
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].order) == 0 &&
		    next == rows[i].want_next && probed == rows[i].want_probed,
		    "got %s next %zu probed %zu, want %s next %zu probed %zu", got, next, probed,
		    rows[i].order, rows[i].want_next, rows[i].want_probed);
	}
}

/* The pauses: a failure each time its time is over. */
static void
pauses(void)
{
	static const struct { const char *label; int64_t seconds; } rows[] = {
		{ "left out for a second", 1 }, { "then for two", 2 }, { "four", 4 }, { "eight", 8 },
		{ "sixteen", 16 }, { "thirty, not thirty-two", 30 }, { "and no longer", 30 },
		{ "ever", 30 },
	};
	struct target t = { 0 };
	int64_t now = 7 * S;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		targets_failed(&t, now);
		UNIT_CHECK(rows[i].label, t.until_ns - now == rows[i].seconds * S && t.failures == i + 1,
		    "got %" PRId64 " ns after %u failures", t.until_ns - now, t.failures);
		now = t.until_ns;
	}
	for (int i = 0; i < 100; i++) {
		targets_failed(&t, now);
		now = t.until_ns;
	}
	targets_failed(&t, now);
	UNIT_CHECK("not after a hundred times either", t.until_ns - now == 30 * S,
	    "got %" PRId64, t.until_ns - now);
	targets_answered(&t);
	UNIT_CHECK("an answer ends it", t.failures == 0 && !t.probed, "%u failures", t.failures);
	targets_failed(&t, now);
	UNIT_CHECK("and after that it is a second again", t.until_ns - now == S && t.failures == 1,
	    "got %" PRId64, t.until_ns - now);
}

static void
life(void)
{
	struct target t[2] = { 0 };
	size_t next = 0;
	const char *got;

	/* three connections were under way when it failed for the first of them */
	targets_failed(&t[0], 10 * S);
	targets_failed(&t[0], 10 * S + 1);
	targets_failed(&t[0], 10 * S + 2);
	UNIT_CHECK("those that were under way too count as one failure",
	    t[0].failures == 1 && t[0].until_ns == 11 * S, "%u failures, until %" PRId64,
	    t[0].failures, t[0].until_ns);
	got = order_text(t, 2, RR, &next, 11 * S);
	UNIT_CHECK("one connection tries it", strcmp(got, "01") == 0 && t[0].probed, "got %s", got);
	for (int i = 0; i < 3; i++) {
		got = order_text(t, 2, RR, &next, 12 * S);
		UNIT_CHECK("and no other while it does", strcmp(got, "10") == 0, "got %s", got);
	}
	targets_failed(&t[0], 12 * S);
	UNIT_CHECK("it failed again: twice as long", !t[0].probed && t[0].until_ns == 14 * S,
	    "until %" PRId64, t[0].until_ns);
	got = order_text(t, 2, RR, &next, 13 * S);
	UNIT_CHECK("which it is left out for", strcmp(got, "10") == 0, "got %s", got);
	got = order_text(t, 2, RR, &next, 14 * S);
	UNIT_CHECK("then one connection tries it", strcmp(got, "01") == 0 && t[0].probed, "got %s", got);
	targets_answered(&t[0]);
	next = 0;
	got = order_text(t, 2, RR, &next, 14 * S);
	UNIT_CHECK("it answered: it has its turn again", strcmp(got, "01") == 0 && next == 1 && !t[0].probed,
	    "got %s, next %zu", got, next);
	got = order_text(t, 2, RR, &next, 14 * S);
	UNIT_CHECK("as the other has", strcmp(got, "10") == 0 && next == 0, "got %s, next %zu", got, next);
}

/* Everybody gets the same share, in whatever order the calls come. */
static void
shares(void)
{
	struct target t[TARGETS_MAX] = { 0 };
	unsigned count[TARGETS_MAX] = { 0 }, least = 0, most = 0;
	uint16_t order[TARGETS_MAX];
	bool seen[TARGETS_MAX] = { false };
	size_t next = 0, distinct = 0;

	for (int i = 0; i < 10 * TARGETS_MAX; i++) {
		targets_order(t, TARGETS_MAX, RR, &next, S, order);
		count[order[0]]++;
	}
	for (size_t i = 0; i < TARGETS_MAX; i++) {
		least = i == 0 || count[i] < least ? count[i] : least;
		most = count[i] > most ? count[i] : most;
		distinct += order[i] < TARGETS_MAX && !seen[order[i]];
		if (order[i] < TARGETS_MAX)
			seen[order[i]] = true;
	}
	UNIT_CHECK("as many targets as there may be: the same share each", least == 10 && most == 10,
	    "from %u to %u", least, most);
	UNIT_CHECK("each of them is in the order once", distinct == TARGETS_MAX, "%zu", distinct);
	for (int i = 0; i < 100; i++) {
		targets_order(t, 4, LEAST, &next, S, order);
		t[order[0]].active++;
	}
	for (size_t i = 0; i < 4; i++)
		UNIT_CHECK("connections that stay are spread evenly", t[i].active == 25, "%u", t[i].active);
	t[2].active = 0;
	for (int i = 0; i < 25; i++) {
		targets_order(t, 4, LEAST, &next, S, order);
		t[order[0]].active++;
	}
	UNIT_CHECK("a target that has lost all of them gets all the next", t[2].active == 25, "%u",
	    t[2].active);
}

int
main(void)
{
	orders();
	pauses();
	life();
	shares();
	return unit_done();
}
