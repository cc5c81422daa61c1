#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ctl/topmodel.h"
#include "unit.h"

#define SECOND 1000000000LL

static json_t *
parse(const char *text)
{
	json_error_t error;
	json_t *v = json_loads(text, 0, &error);

	if (v == NULL)
		printf("Bail out! %s: %s\n", error.text, text);
	return v;
}

static void
services(struct topmodel *m, int64_t now_ns, const char *text)
{
	json_t *v = parse(text);

	topmodel_services(m, v, now_ns);
	json_decref(v);
}

static double
rate_of(const struct topmodel *m, size_t i, const char *counter)
{
	const json_t *r = json_object_get(json_object_get(json_array_get(m->services, i), "rates"), counter);

	return json_is_number(r) ? json_number_value(r) : NAN;
}

static bool
same(double a, double b)
{
	return isnan(a) ? isnan(b) : fabs(a - b) < 1e-9;
}

static void
check_rates(void)
{
	/* One story: the steps follow each other.  Times in seconds. */
	static const struct {
		const char *label, *list;
		int64_t at;
		bool forget;
		double accepted, refused;
	} table[] = {
		{ "of the first list no rate is known",
		    "{\"services\":[{\"name\":\"a\",\"accepted\":10,\"refused\":{\"load\":1}}]}", 10, false, NAN, NAN },
		{ "a rate is what was counted since, by the time between",
		    "{\"services\":[{\"name\":\"a\",\"accepted\":15,\"refused\":{\"load\":2,\"denied\":4}}]}",
		    12, false, 2.5, 2.5 },
		{ "nothing counted is 0",
		    "{\"services\":[{\"name\":\"a\",\"accepted\":15,\"refused\":{\"load\":2,\"denied\":4}}]}",
		    13, false, 0, 0 },
		{ "a counter that went back has no rate",
		    "{\"services\":[{\"name\":\"a\",\"accepted\":3,\"refused\":{\"load\":2,\"denied\":4}}]}",
		    14, false, NAN, 0 },
		{ "and has one again after that",
		    "{\"services\":[{\"name\":\"a\",\"accepted\":4,\"refused\":{\"load\":2,\"denied\":4}}]}",
		    15, false, 1, 0 },
		{ "two lists of one moment tell none",
		    "{\"services\":[{\"name\":\"a\",\"accepted\":9,\"refused\":{\"load\":9}}]}", 15, false, NAN, NAN },
		{ "another service that comes first has none",
		    "{\"services\":[{\"name\":\"0\",\"accepted\":9,\"refused\":{}},{\"name\":\"a\",\"accepted\":9}]}",
		    16, false, NAN, NAN },
		{ "in the list after that it has one",
		    "{\"services\":[{\"name\":\"0\",\"accepted\":10,\"refused\":{}},{\"name\":\"a\",\"accepted\":9}]}",
		    17, false, 1, 0 },
		{ "after another daemon's list there is none",
		    "{\"services\":[{\"name\":\"0\",\"accepted\":50,\"refused\":{}}]}", 18, true, NAN, NAN },
	};
	struct topmodel m = { 0 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].forget)
			topmodel_forget(&m);
		services(&m, table[i].at * SECOND, table[i].list);
		UNIT_CHECK(table[i].label, same(rate_of(&m, 0, "accepted"), table[i].accepted) &&
		    same(rate_of(&m, 0, "refused"), table[i].refused), "got %g %g, want %g %g",
		    rate_of(&m, 0, "accepted"), rate_of(&m, 0, "refused"), table[i].accepted, table[i].refused);
	}
	topmodel_fini(&m);
}

/* The keys of a table's rows, with a space between. */
static const char *
keys(const struct top_table *t)
{
	static char buf[512];

	buf[0] = '\0';
	for (size_t i = 0; i < t->count; i++) {
		(void)strlcat(buf, i > 0 ? "," : "", sizeof(buf));
		(void)strlcat(buf, t->row[i].key, sizeof(buf));
	}
	return buf;
}

static size_t
column(enum top_view view, const char *title)
{
	size_t n, i;
	const struct top_column *c = topmodel_columns(view, &n);

	for (i = 0; i < n && strcmp(c[i].title, title) != 0; i++)
		;
	return i;
}

static void
check_order(void)
{
	static const struct {
		const char *label, *by;
		bool turned;
		const char *filter, *want;
	} table[] = {
		{ "by name at first, in any case", "SERVICE", false, "", "a10,a2,B,c" },
		{ "texts fall when turned round", "SERVICE", true, "", "c,B,a2,a10" },
		{ "numbers fall; what is equal stands by name, and by numbers in it", "ACTIVE", false, "", "c,B,a2,a10" },
		{ "and rise when turned round", "ACTIVE", true, "", "a2,a10,B,c" },
		{ "what is not known comes last", "QUEUE", false, "", "a10,c,B,a2" },
		{ "in both orders", "QUEUE", true, "", "c,a10,B,a2" },
		{ "an object of numbers counts as their sum", "REFUSED", false, "", "B,c,a2,a10" },
		{ "a text that is not there comes last", "DESCRIPTION", false, "", "c,a10,B,a2" },
		{ "in both orders, too", "DESCRIPTION", true, "", "a10,c,B,a2" },
		{ "a filter looks at names", "SERVICE", false, "A1", "a10" },
		{ "at other texts, in any case", "SERVICE", false, "mAiL", "c" },
		{ "at words", "SERVICE", false, "invalid", "B" },
		{ "not at numbers", "SERVICE", false, "30", "" },
	};
	struct topmodel m = { 0 };
	struct top_choice c;
	struct top_table t;

	services(&m, SECOND, "{\"services\":["
	    "{\"name\":\"B\",\"state\":\"invalid\",\"active\":5,\"refused\":{\"load\":2,\"denied\":2}},"
	    "{\"name\":\"a10\",\"state\":\"open\",\"active\":1,\"endpoints\":[{\"queue\":2},{\"queue\":null},"
	    "{\"queue\":3}],\"refused\":{},\"description\":\"Zoo\"},"
	    "{\"name\":\"a2\",\"state\":\"open\",\"active\":1,\"endpoints\":[{\"queue\":null}],\"refused\":{}},"
	    "{\"name\":\"c\",\"state\":\"open\",\"active\":30,\"endpoints\":[{\"queue\":0}],"
	    "\"refused\":{\"load\":3},\"description\":\"e-mail\"}]}");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		topmodel_begin(&c, TOP_SERVICES);
		topmodel_sort_by(&c, column(TOP_SERVICES, table[i].by));
		c.falling ^= table[i].turned;
		(void)strlcpy(c.filter, table[i].filter, sizeof(c.filter));
		topmodel_table(&m, &c, &t);
		UNIT_CHECK(table[i].label, strcmp(keys(&t), table[i].want) == 0 && t.of == 4,
		    "got %s of %zu, want %s", keys(&t), t.of, table[i].want);
		topmodel_table_free(&t);
	}
	topmodel_begin(&c, TOP_SERVICES);
	topmodel_table(&m, &c, &t);
	UNIT_CHECK("a row is found by its key", topmodel_find(&t, "a2") == 1 &&
	    topmodel_find(&t, "gone") == t.count, "%zu", topmodel_find(&t, "a2"));
	UNIT_CHECK("a bad service is trouble, an open one is not",
	    t.row[2].mood == TOP_TROUBLE && t.row[3].mood == TOP_PLAIN, "%d %d", t.row[2].mood, t.row[3].mood);
	topmodel_table_free(&t);
	topmodel_fini(&m);
}

static void
check_refusals(void)
{
	struct topmodel m = { 0 };
	struct top_choice c;
	struct top_table t;

	services(&m, SECOND, "{\"services\":[{\"name\":\"a\",\"refused\":{\"load\":1,\"denied\":0}},"
	    "{\"name\":\"b\",\"refused\":{\"load\":2,\"denied\":5}}]}");
	services(&m, 3 * SECOND, "{\"services\":[{\"name\":\"a\",\"refused\":{\"load\":5,\"denied\":0}},"
	    "{\"name\":\"b\",\"refused\":{\"load\":10,\"denied\":5}},{\"name\":\"new\",\"refused\":{\"load\":20}}]}");
	topmodel_begin(&c, TOP_REFUSALS);
	topmodel_table(&m, &c, &t);
	UNIT_CHECK("reasons of all services come first, then those of each; never occurred is no row",
	    strcmp(keys(&t), "load (all),denied (all),load new,load b,denied b,load a") == 0, "%s", keys(&t));
	UNIT_CHECK("counts of a reason are added up over services", t.row[0].cell[3].number == 35,
	    "%g", t.row[0].cell[3].number);
	UNIT_CHECK("rates are too, as far as they are known", same(t.row[0].cell[2].number, 6),
	    "%g", t.row[0].cell[2].number);
	UNIT_CHECK("of a new service none is", strcmp(t.row[2].cell[2].text, "-") == 0, "%s",
	    t.row[2].cell[2].text);
	UNIT_CHECK("shares are of all that was refused", strcmp(t.row[0].cell[4].text, "87.5%") == 0,
	    "%s", t.row[0].cell[4].text);
	topmodel_table_free(&t);
	topmodel_fini(&m);
}

static void
check_connections(void)
{
	json_t *v = parse("{\"connections\":[{\"connection\":9,\"service\":\"a\",\"pid\":1234567,\"started\":3,"
	    "\"idle\":null,\"received\":2048,\"sent\":null,\"state\":\"busy\"},{\"connection\":100000,\"pid\":5,"
	    "\"service\":\"a\",\"started\":70,\"state\":\"overdue\"}]}");
	struct topmodel m = { 0 };
	struct top_choice c;
	struct top_table t;
	char *title;

	topmodel_begin(&c, TOP_CONNECTIONS);
	c.service = "a";
	topmodel_table(&m, &c, &t);
	UNIT_CHECK("before the first answer there is no row", t.count == 0, "%zu", t.count);
	topmodel_table_free(&t);
	topmodel_connections(&m, v);
	topmodel_table(&m, &c, &t);
	UNIT_CHECK("the oldest comes first", strcmp(keys(&t), "100000,9") == 0, "%s", keys(&t));
	UNIT_CHECK("numbers of connections and processes have all their digits",
	    strcmp(t.row[0].cell[0].text, "100000") == 0 && strcmp(t.row[1].cell[3].text, "1234567") == 0,
	    "%s %s", t.row[0].cell[0].text, t.row[1].cell[3].text);
	UNIT_CHECK("what the kernel does not tell is -", strcmp(t.row[1].cell[5].text, "-") == 0 &&
	    strcmp(t.row[1].cell[7].text, "-") == 0 && strcmp(t.row[1].cell[6].text, "2.0K") == 0,
	    "%s %s %s", t.row[1].cell[5].text, t.row[1].cell[7].text, t.row[1].cell[6].text);
	title = topmodel_title(&c, &t);
	UNIT_CHECK("the title tells whose, how many and in which order",
	    strcmp(title, "connections of a: 2, by AGE falling") == 0, "%s", title);
	free(title);
	topmodel_table_free(&t);
	topmodel_fini(&m);
	json_decref(v);
}

static void
check_summary(void)
{
	struct topmodel m = { 0 };
	json_t *v = parse("{\"berthd\":{\"version\":\"1.0\",\"pid\":17,\"uptime\":7500,\"stopping\":true,"
	    "\"errors\":[\"x\"],\"log_dropped\":3},\"pool\":{\"active\":4,\"peak\":9,\"limit\":100,\"shortage\":true}}");
	char *line[TOP_SUMMARY];
	static const char *const want[] = {
		"berthd 1.0  pid 17  up 2h5min  STOPPING  SHORT OF RESOURCES  BAD berth.json  log lines lost: 3",
		"pool 4/100, peak 9  services 2: 1 open, 1 invalid",
		"per second: accepted 2.0, refused 0, ended 0, failed 0",
	};
	char *text;

	text = topmodel_summary(&m, 1);
	UNIT_CHECK("before any answer nothing is claimed", strcmp(text, "pool -/-, peak -  services 0") == 0,
	    "%s", text);
	free(text);
	services(&m, SECOND, "{\"services\":[{\"name\":\"a\",\"state\":\"open\",\"active\":4,\"accepted\":1},"
	    "{\"name\":\"b\",\"state\":\"invalid\"}]}");
	text = topmodel_summary(&m, 1);
	UNIT_CHECK("of a daemon without Status the active ones are added up",
	    strncmp(text, "pool 4/-, peak -", 16) == 0, "%s", text);
	free(text);
	text = topmodel_summary(&m, 2);
	UNIT_CHECK("rates that are not known are -",
	    strcmp(text, "per second: accepted -, refused -, ended -, failed -") == 0, "%s", text);
	free(text);
	topmodel_status(&m, v);
	services(&m, 2 * SECOND, "{\"services\":[{\"name\":\"a\",\"state\":\"open\",\"active\":4,\"accepted\":3},"
	    "{\"name\":\"b\",\"state\":\"invalid\"}]}");
	for (int i = 0; i < TOP_SUMMARY; i++) {
		line[i] = topmodel_summary(&m, i);
		UNIT_CHECK("a line of the summary", strcmp(line[i], want[i]) == 0, "got %s, want %s", line[i],
		    want[i]);
		free(line[i]);
	}
	json_decref(v);
	topmodel_fini(&m);
}

static void
check_json(void)
{
	struct topmodel m = { 0 };
	json_t *v;

	services(&m, SECOND, "{\"services\":[{\"name\":\"a\",\"accepted\":1}]}");
	v = topmodel_json(&m);
	UNIT_CHECK("of one list the time between is null, and Status that is not known too",
	    json_is_null(json_object_get(v, "seconds")) && json_is_null(json_object_get(v, "status")) &&
	    json_object_get(v, "connections") == NULL, "no");
	json_decref(v);
	services(&m, 3 * SECOND, "{\"services\":[{\"name\":\"a\",\"accepted\":1}]}");
	v = topmodel_json(&m);
	UNIT_CHECK("of two it is in seconds", json_number_value(json_object_get(v, "seconds")) == 2, "no");
	json_decref(v);
	topmodel_fini(&m);
}

static void
check_numbers(void)
{
	static const struct {
		const char *label;
		double n;
		const char *count, *rate;
	} table[] = {
		{ "not known", NAN, "-", "-" },
		{ "nothing", 0, "0", "0" },
		{ "hardly ever", 0.004, "0", "0.01" },
		{ "seldom", 0.03, "0", "0.03" },
		{ "below ten", 1.26, "1", "1.3" },
		{ "rounded up to ten", 9.96, "10", "10" },
		{ "above ten", 17.4, "17", "17" },
		{ "the last with all digits", 99999, "99999", "99999" },
		{ "thousands", 100000, "100k", "100k" },
		{ "rounded into the next unit", 999600, "1.0M", "1.0M" },
		{ "millions", 1234567, "1.2M", "1.2M" },
		{ "milliards", 12345678901.0, "12G", "12G" },
		{ "the largest unit", 9.99e14, "999T", "999T" },
	};
	char count[TOP_NUMBER_MAX], rate[TOP_NUMBER_MAX];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		(void)topmodel_count(table[i].n, count, sizeof(count));
		(void)topmodel_rate(table[i].n, rate, sizeof(rate));
		UNIT_CHECK(table[i].label, strcmp(count, table[i].count) == 0 && strcmp(rate, table[i].rate) == 0,
		    "got %s %s, want %s %s", count, rate, table[i].count, table[i].rate);
	}
}

static void
check_intervals(void)
{
	static const struct { const char *label; int64_t ms; int by; int64_t want; } table[] = {
		{ "longer", 2000, 1, 5000 },
		{ "shorter", 2000, -1, 1000 },
		{ "from one that is not in the list, up", 700, 1, 1000 },
		{ "and down", 700, -1, 500 },
		{ "no longer than the longest", 60000, 1, 60000 },
		{ "no shorter than the shortest", 100, -1, 100 },
		{ "what is longer than all stays", 3600000, 1, 3600000 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t got = topmodel_interval(table[i].ms * 1000000, table[i].by) / 1000000;

		UNIT_CHECK(table[i].label, got == table[i].want, "got %lld", (long long)got);
	}
}

static void
check_columns(void)
{
	for (enum top_view v = 0; v < TOP_VIEWS; v++) {
		bool taken[128] = { ['R'] = true }, good = true;	/* R turns the order round */
		size_t n;
		const struct top_column *c = topmodel_columns(v, &n);

		for (size_t i = 0; i < n; i++) {
			good = good && c[i].letter >= 'A' && c[i].letter <= 'Z' && !taken[(int)c[i].letter];
			taken[(int)c[i].letter] = true;
		}
		UNIT_CHECK("each column of a view has a capital letter of its own", good, "view %d", v);
	}
}

static void
check_nonsense(void)
{
	static const char *const answers[] = { "{}", "{\"services\":5}", "{\"services\":[5,null,[],{}]}",
		"{\"services\":[{\"name\":5,\"refused\":[],\"endpoints\":{},\"histograms\":7,\"cpu\":null}]}" };
	struct topmodel m = { 0 };
	struct top_choice c;
	struct top_table t;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		services(&m, (int64_t)i * SECOND, answers[i]);
		for (enum top_view v = 0; v < TOP_VIEWS; v++) {
			topmodel_begin(&c, v);
			topmodel_table(&m, &c, &t);
			UNIT_CHECK("an answer that is none of berthd's does no harm", t.count <= 4, "%zu", t.count);
			topmodel_table_free(&t);
		}
	}
	topmodel_fini(&m);
}

int
main(void)
{
	check_rates();
	check_order();
	check_refusals();
	check_connections();
	check_summary();
	check_json();
	check_numbers();
	check_intervals();
	check_columns();
	check_nonsense();
	return unit_done();
}
