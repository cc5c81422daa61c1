#include "../../src/pure/victim.h"

#include <string.h>

#include "unit.h"

#define S INT64_C(1000000000)
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOBODY ((size_t)-1)

static void
test_judge(void)
{
	static const struct victim_rule five = { 5 * S, 0 }, alive = { 5 * S, 60 * S },
	    hasty = { 5 * S, 2 * S }, zero = { 0, 0 };
	static const struct {
		const char *label;
		struct victim_look look;
		const struct victim_rule *rule;
		enum victim_state want;
	} rows[] = {
		{ "it cannot be looked at", { .age_ns = 900 * S, .idle_ns = 900 * S, .received = 1,
		    .waits = true }, &five, VICTIM_UNKNOWN },
		{ "the handler does not wait", { .age_ns = 900 * S, .idle_ns = 900 * S, .received = 1,
		    .known = true }, &five, VICTIM_BUSY },
		{ "nor for a client who has said nothing", { .age_ns = 900 * S, .idle_ns = 900 * S,
		    .known = true }, &five, VICTIM_BUSY },

		{ "silent since the accept", { .age_ns = 5 * S, .idle_ns = 5 * S, .waits = true,
		    .known = true }, &five, VICTIM_SILENT },
		{ "but not for long enough", { .age_ns = 5 * S - 1, .idle_ns = 5 * S - 1, .waits = true,
		    .known = true }, &five, VICTIM_BUSY },
		{ "silent after a greeting that arrived", { .age_ns = 6 * S, .idle_ns = 1 * S,
		    .acked = 20, .waits = true, .known = true }, &five, VICTIM_SILENT },
		{ "a request that nobody has read yet", { .age_ns = 900 * S, .idle_ns = 1, .unread = 4,
		    .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "a response to silence, on its way", { .age_ns = 900 * S, .idle_ns = 1, .acked = 9000,
		    .unsent = 1, .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "the same, stopped by the client", { .age_ns = 900 * S, .idle_ns = 900 * S,
		    .acked = 9000, .unacked = 1, .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "a greeting that a client who is gone never takes", { .age_ns = 900 * S,
		    .idle_ns = 899 * S, .unacked = 1, .waits = true, .known = true }, &five,
		    VICTIM_SILENT },
		{ "a greeting that was sent just now", { .age_ns = 900 * S, .idle_ns = 4 * S,
		    .unacked = 1, .waits = true, .known = true }, &five, VICTIM_BUSY },

		{ "dormant", { .age_ns = 900 * S, .idle_ns = 5 * S, .received = 10, .acked = 10,
		    .waits = true, .known = true }, &five, VICTIM_DORMANT },
		{ "but not for long enough", { .age_ns = 900 * S, .idle_ns = 5 * S - 1, .received = 10,
		    .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "a request that nobody has read yet", { .age_ns = 900 * S, .idle_ns = 900 * S,
		    .received = 10, .unread = 1, .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "a response not sent yet", { .age_ns = 900 * S, .idle_ns = 900 * S, .received = 10,
		    .unsent = 1, .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "a response not acknowledged yet", { .age_ns = 900 * S, .idle_ns = 900 * S,
		    .received = 10, .unacked = 1, .waits = true, .known = true }, &five, VICTIM_BUSY },
		{ "without keep_alive nothing is overdue", { .age_ns = 9000 * S, .idle_ns = 9000 * S,
		    .received = 10, .waits = true, .known = true }, &five, VICTIM_DORMANT },
		{ "idle for as long as keep_alive is not overdue", { .age_ns = 900 * S,
		    .idle_ns = 60 * S, .received = 10, .waits = true, .known = true }, &alive,
		    VICTIM_DORMANT },
		{ "for longer it is", { .age_ns = 900 * S, .idle_ns = 60 * S + 1, .received = 10,
		    .waits = true, .known = true }, &alive, VICTIM_OVERDUE },
		{ "min_idle holds when keep_alive is shorter", { .age_ns = 900 * S, .idle_ns = 3 * S,
		    .received = 10, .waits = true, .known = true }, &hasty, VICTIM_BUSY },
		{ "a silent one is never overdue", { .age_ns = 900 * S, .idle_ns = 900 * S,
		    .waits = true, .known = true }, &alive, VICTIM_SILENT },
		{ "min_idle 0: at once", { .received = 1, .waits = true, .known = true }, &zero,
		    VICTIM_DORMANT },
		{ "min_idle 0: a response is one still", { .received = 1, .unacked = 1, .waits = true,
		    .known = true }, &zero, VICTIM_BUSY },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum victim_state got = victim_judge(&rows[i].look, rows[i].rule);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %s, want %s", victim_word(got),
		    victim_word(rows[i].want));
	}
}

static void
test_services(void)
{
	static const struct {
		const char *label;
		struct victim_service a, b;
		bool want;
	} rows[] = {
		{ "more live handlers stand first", { 5, 0, 1, 0 }, { 4, 0, 1, 0 }, true },
		{ "fewer do not", { 4, 0, 1, 0 }, { 5, 0, 1, 0 }, false },
		{ "equal ones do not", { 5, 0, 1, 0 }, { 5, 0, 1, 0 }, false },
		{ "a reserve does not count", { 9, 5, 1, 0 }, { 5, 0, 1, 0 }, false },
		{ "a weight divides", { 9, 0, 3, 0 }, { 4, 0, 1, 0 }, false },
		{ "10 of weight 3 are more than 3 of weight 1", { 10, 0, 3, 0 }, { 3, 0, 1, 0 }, true },
		{ "9 of weight 3 are 3 of weight 1: the more active", { 9, 0, 3, 0 }, { 3, 0, 1, 0 },
		    true },
		{ "below its reserve stands last", { 2, 5, 1, 0 }, { 1, 1, 1, 0 }, false },
		{ "behind any other", { 1, 1, 1, 0 }, { 2, 5, 1, 0 }, true },
		{ "large numbers do not overflow", { 1000000, 0, 1000, 0 }, { 1000000, 0, 999, 0 },
		    false },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		UNIT_CHECK(rows[i].label, victim_service_before(&rows[i].a, &rows[i].b) == rows[i].want,
		    "want %d", rows[i].want);
}

static const struct victim_service services[] = {
	/* active, reserve, weight, order */
	{ 15, 0, 1, VICTIM_OLDEST },		/* 0: the largest share */
	{ 14, 0, 1, VICTIM_LONGEST_IDLE },	/* 1 */
	{ 20, 18, 1, VICTIM_OLDEST },		/* 2: two above its reserve */
	{ 10, 10, 1, VICTIM_OLDEST },		/* 3: at its reserve */
	{ 14, 0, 1, VICTIM_OLDEST },		/* 4: equal to 1 */
};

static void
test_choose(void)
{
	/* state, started, idle, overdue, service */
	static const struct {
		const char *label;
		size_t n;
		struct victim_candidate c[4];
		size_t want;
	} rows[] = {
		{ "nobody there, nobody taken", 0, { { 0 } }, NOBODY },
		{ "busy and unknown ones are passed over", 2, { { VICTIM_BUSY, 1, 99 * S, 0, 0 },
		    { VICTIM_UNKNOWN, 1, 99 * S, 0, 0 } }, NOBODY },
		{ "the only candidate", 3, { { VICTIM_BUSY, 1, 9 * S, 0, 0 },
		    { VICTIM_DORMANT, 2, 9 * S, 0, 0 }, { VICTIM_BUSY, 3, 9 * S, 0, 0 } }, 1 },
		{ "oldest: the oldest start", 3, { { VICTIM_DORMANT, 2, 9 * S, 0, 0 },
		    { VICTIM_DORMANT, 1, 6 * S, 0, 0 }, { VICTIM_DORMANT, 3, 99 * S, 0, 0 } }, 1 },
		{ "longest_idle: the longest idleness", 3, { { VICTIM_DORMANT, 2, 9 * S, 0, 1 },
		    { VICTIM_DORMANT, 1, 6 * S, 0, 1 }, { VICTIM_DORMANT, 3, 99 * S, 0, 1 } }, 2 },
		{ "equally idle: the oldest start", 2, { { VICTIM_DORMANT, 2, 9 * S, 0, 1 },
		    { VICTIM_DORMANT, 1, 9 * S, 0, 1 } }, 1 },
		{ "equal in all: the first", 2, { { VICTIM_DORMANT, 1, 9 * S, 0, 0 },
		    { VICTIM_DORMANT, 1, 9 * S, 0, 0 } }, 0 },
		{ "a silent one before a dormant one", 2, { { VICTIM_DORMANT, 1, 99 * S, 0, 0 },
		    { VICTIM_SILENT, 9, 5 * S, 0, 0 } }, 1 },
		{ "also by longest_idle", 2, { { VICTIM_SILENT, 9, 5 * S, 0, 1 },
		    { VICTIM_DORMANT, 1, 99 * S, 0, 1 } }, 0 },
		{ "silent ones by the service's order", 2, { { VICTIM_SILENT, 9, 50 * S, 0, 0 },
		    { VICTIM_SILENT, 1, 5 * S, 0, 0 } }, 1 },
		{ "the service with the largest share", 2, { { VICTIM_DORMANT, 1, 99 * S, 0, 1 },
		    { VICTIM_DORMANT, 9, 5 * S, 0, 0 } }, 1 },
		{ "its dormant one before another's silent one", 2, { { VICTIM_SILENT, 1, 99 * S, 0, 1 },
		    { VICTIM_DORMANT, 9, 5 * S, 0, 0 } }, 1 },
		{ "the next service when it has none", 2, { { VICTIM_BUSY, 1, 99 * S, 0, 0 },
		    { VICTIM_DORMANT, 9, 5 * S, 0, 1 } }, 1 },
		{ "what is reserved is no share", 2, { { VICTIM_SILENT, 1, 99 * S, 0, 2 },
		    { VICTIM_DORMANT, 9, 5 * S, 0, 1 } }, 1 },
		{ "above its reserve it may lose one", 1, { { VICTIM_SILENT, 1, 99 * S, 0, 2 } }, 0 },
		{ "at its reserve it loses none", 1, { { VICTIM_SILENT, 1, 99 * S, 0, 3 } }, NOBODY },
		{ "equal shares: the first service", 2, { { VICTIM_SILENT, 1, 99 * S, 0, 4 },
		    { VICTIM_DORMANT, 9, 5 * S, 0, 1 } }, 1 },
		{ "an overdue one before all others", 3, { { VICTIM_SILENT, 1, 99 * S, 0, 0 },
		    { VICTIM_OVERDUE, 9, 2 * S, 1 * S, 1 }, { VICTIM_DORMANT, 1, 99 * S, 0, 0 } }, 1 },
		{ "the most overdue of all", 3, { { VICTIM_OVERDUE, 1, 99 * S, 1 * S, 0 },
		    { VICTIM_OVERDUE, 9, 5 * S, 4 * S, 1 }, { VICTIM_OVERDUE, 2, 9 * S, 3 * S, 0 } }, 1 },
		{ "equally overdue: the oldest start", 2, { { VICTIM_OVERDUE, 2, 9 * S, 1 * S, 0 },
		    { VICTIM_OVERDUE, 1, 5 * S, 1 * S, 1 } }, 1 },
		{ "overdue ones count at the reserve too", 1, { { VICTIM_OVERDUE, 2, 9 * S, 1 * S, 3 } },
		    0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t got = victim_choose(rows[i].c, rows[i].n, services);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %zd, want %zd", (ssize_t)got,
		    (ssize_t)rows[i].want);
	}
}

static uint64_t
random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* The choice does not hang on the order in which candidates are told. */
static void
test_any_order(void)
{
	struct victim_candidate c[20];
	uint64_t seed = 7;
	size_t bad = 0, never = 0;

	for (int round = 0; round < 2000; round++) {
		size_t a, b;
		struct victim_candidate first;

		for (size_t i = 0; i < ROWS(c); i++)
			c[i] = (struct victim_candidate){ .service = random_next(&seed) % ROWS(services),
				.state = (enum victim_state)(random_next(&seed) % VICTIM_OVERDUE),
				.started_ns = (int64_t)(round * 100 + i),
				.idle_ns = (int64_t)(random_next(&seed) % 4) };
		a = victim_choose(c, ROWS(c), services);
		if (a == NOBODY)
			continue;
		first = c[a];
		never += first.state == VICTIM_BUSY || first.state == VICTIM_UNKNOWN ||
		    first.service == 3;
		for (size_t i = ROWS(c) - 1; i > 0; i--) {
			size_t j = random_next(&seed) % (i + 1);
			struct victim_candidate t = c[i];

			c[i] = c[j];
			c[j] = t;
		}
		b = victim_choose(c, ROWS(c), services);
		bad += b == NOBODY || c[b].started_ns != first.started_ns;
	}
	UNIT_CHECK("the order of the candidates makes no difference", bad == 0, "%zu", bad);
	UNIT_CHECK("whoever is busy, unknown, or of a service at its reserve is never taken",
	    never == 0, "%zu", never);
}

int
main(void)
{
	static const struct {
		const char *label;
		enum victim_state input;
		const char *want;
	} words[] = {
		{ "word: unknown", VICTIM_UNKNOWN, "unknown" }, { "word: busy", VICTIM_BUSY, "busy" },
		{ "word: silent", VICTIM_SILENT, "silent" },
		{ "word: dormant", VICTIM_DORMANT, "dormant" },
		{ "word: overdue", VICTIM_OVERDUE, "overdue" },
	};

	for (size_t i = 0; i < ROWS(words); i++)
		UNIT_CHECK(words[i].label, strcmp(victim_word(words[i].input), words[i].want) == 0,
		    "got %s", victim_word(words[i].input));
	test_judge();
	test_services();
	test_choose();
	test_any_order();
	return unit_done();
}
