#include "../../src/pure/totals.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* ' for " */
static json_t *
parse(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *v;

	for (char *c = copy; *c != '\0'; c++) {
		if (*c == '\'')
			*c = '"';
	}
	v = json_loads(copy, 0, &error);
	if (v == NULL)
		printf("Bail out! %s: %s\n", error.text, text);
	free(copy);
	return v;
}

static void
test_states(void)
{
	static const struct {
		const char *label, *services, *want;
	} rows[] = {
		{ "no services, no text", "[]", "" },
		{ "states that occur, what is usual first",
		    "[{'state':'removed'},{'state':'disabled'},{'state':'open'},{'state':'open'}]",
		    "2 open, 1 disabled, 1 removed" },
		{ "one that is not known, or has none, is in none", "[{'state':'new'},{},{'state':'paused'}]", "1 paused" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *services = parse(rows[i].services);
		char text[TOTALS_STATES_MAX];

		UNIT_CHECK(rows[i].label, strcmp(totals_states_text(services, text, sizeof(text)), rows[i].want) == 0,
		    "%s", text);
		json_decref(services);
	}
}

static void
test_counts(void)
{
	static const struct {
		const char *label, *counts, *want;
		long long sum;
	} rows[] = {
		{ "none", "{}", "", 0 },
		{ "none above 0", "{'denied':0,'load':0}", "", 0 },
		{ "the most first", "{'denied':2,'load':0,'source-full':10}", "source-full 10, denied 2", 12 },
		{ "more than there is room for", "{'b':9223372036854775807,'a':1}", "b 9223372036854775807, a 1",
		    LLONG_MAX },
		{ "less, too", "{'a':-9223372036854775807,'b':-9}", "", LLONG_MIN },
		{ "as many: by name", "{'c':1,'a':1,'d':2,'b':1}", "d 2, a 1, b 1, c 1", 5 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *counts = parse(rows[i].counts);
		char text[64];

		UNIT_CHECK(rows[i].label, strcmp(totals_counts_text(counts, text, sizeof(text)), rows[i].want) == 0 &&
		    totals_sum(counts) == rows[i].sum, "%s, sum %lld", text, totals_sum(counts));
		json_decref(counts);
	}
	UNIT_CHECK("what is not there counts as nothing", totals_sum(NULL) == 0 && totals_next(NULL, NULL) == NULL, "not so");
}

static void
test_short_buffer(void)
{
	json_t *counts = parse("{'aaaa':2,'bbbb':1}");
	char text[8];

	UNIT_CHECK("a text is cut where there is no room", strcmp(totals_counts_text(counts, text, sizeof(text)), "aaaa 2,") == 0,
	    "%s", text);
	json_decref(counts);
}

static void
test_queue(void)
{
	static const struct {
		const char *label, *endpoints;
		long long want;
	} rows[] = {
		{ "no endpoints: not known", "[]", -1 },
		{ "the kernel tells of none", "[{'queue':null},{}]", -1 },
		{ "empty is 0", "[{'queue':null},{'queue':0}]", 0 },
		{ "more than there is room for", "[{'queue':9223372036854775807},{'queue':9}]", LLONG_MAX },
		{ "all together", "[{'queue':2},{'queue':null},{'queue':3}]", 5 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *endpoints = parse(rows[i].endpoints);

		UNIT_CHECK(rows[i].label, totals_queue(endpoints) == rows[i].want, "%lld", totals_queue(endpoints));
		json_decref(endpoints);
	}
}

static void
test_totals(void)
{
	json_t *services = parse("[{'accepted':10,'pending':1,'active':2,'ended':3,'failed':1,'evicted':2,"
	    "'refused':{'load':1,'denied':2}},{'accepted':1,'ended':1},{}]");
	struct totals t = totals_make(services);

	UNIT_CHECK("of all services", t.accepted == 11 && t.pending == 1 && t.active == 2 && t.ended == 4 &&
	    t.failed == 1 && t.evicted == 2 && t.refused == 3, "%lld %lld %lld %lld %lld %lld %lld", t.accepted,
	    t.pending, t.active, t.ended, t.failed, t.evicted, t.refused);
	json_decref(services);
	services = parse("[{'accepted':9223372036854775807,'refused':{'load':9223372036854775807}},"
	    "{'accepted':1,'refused':{'load':1}}]");
	t = totals_make(services);
	UNIT_CHECK("of all services, as much as there is room for", t.accepted == LLONG_MAX && t.refused == LLONG_MAX,
	    "%lld %lld", t.accepted, t.refused);
	json_decref(services);
}

int
main(void)
{
	test_states();
	test_counts();
	test_short_buffer();
	test_queue();
	test_totals();
	return unit_done();
}
