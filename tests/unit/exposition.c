#include "../../src/pure/exposition.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const struct exposition_family
    counter = { "a_bytes", EXPOSITION_COUNTER, "bytes", "Some." },
    gauge = { "b", EXPOSITION_GAUGE, NULL, "How many." },
    info = { "c", EXPOSITION_INFO, NULL, "What." },
    states = { "d", EXPOSITION_STATESET, NULL, "Which." },
    histogram = { "e_seconds", EXPOSITION_HISTOGRAM, "seconds", "How long." };

/* The head of a family with one sample of 1, in both formats. */
static void
test_family(void)
{
	static const struct {
		const char *label;
		const struct exposition_family *family;
		const char *want, *want_text;
	} rows[] = {
		{ "a counter with its unit; its samples end in _total", &counter,
		    "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes Some.\na_bytes_total 1\n# EOF\n",
		    "# TYPE a_bytes_total counter\n# HELP a_bytes_total Some.\na_bytes_total 1\n" },
		{ "a gauge", &gauge, "# TYPE b gauge\n# HELP b How many.\nb 1\n# EOF\n",
		    "# TYPE b gauge\n# HELP b How many.\nb 1\n" },
		{ "info is a gauge in the text format", &info, "# TYPE c info\n# HELP c What.\nc_info 1\n# EOF\n",
		    "# TYPE c_info gauge\n# HELP c_info What.\nc_info 1\n" },
		{ "so is a set of states", &states, "# TYPE d stateset\n# HELP d Which.\nd 1\n# EOF\n",
		    "# TYPE d gauge\n# HELP d Which.\nd 1\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int openmetrics = 0; openmetrics < 2; openmetrics++) {
			const char *want = openmetrics ? rows[i].want : rows[i].want_text;
			struct exposition x;
			size_t len;
			char *text;

			exposition_init(&x, openmetrics);
			exposition_family(&x, rows[i].family);
			exposition_integer(&x, NULL, 0, 1);
			text = exposition_finish(&x, &len);
			UNIT_CHECK(rows[i].label, strcmp(text, want) == 0 && len == strlen(want),
			    "got:\n%s\nwant:\n%s", text, want);
			free(text);
		}
	}
}

static void
test_label(void)
{
	static const struct {
		const char *label, *value, *want;
	} rows[] = {
		{ "plain", "finger", "finger" },
		{ "empty", "", "" },
		{ "quotes and backslashes are escaped", "a\"b\\c", "a\\\"b\\\\c" },
		{ "a newline is \\n and no line's end", "a\n# EOF\n", "a\\n# EOF\\n" },
		{ "what steers a terminal is not passed on", "\x1b[31m\r\x7f", "\\\\x1b[31m\\\\x0d\\\\x7f" },
		{ "nor in the form of two bytes", "\xc2\x9b", "\\\\xc2\\\\x9b" },
		{ "UTF-8 stays", "\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac" },
		{ "invalid UTF-8 does not", "\xff""a\xc3", "\\\\xff""a\\\\xc3" },
		{ "braces and commas need nothing", "a} 1,b=", "a} 1,b=" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct exposition_label labels[] = { { "x", "y" }, { "l", rows[i].value } };
		struct exposition x;
		char want[128], *text;
		size_t len;

		exposition_init(&x, true);
		x.family = &gauge;
		exposition_integer(&x, labels, 2, -7);
		text = exposition_finish(&x, &len);
		(void)snprintf(want, sizeof(want), "b{x=\"y\",l=\"%s\"} -7\n# EOF\n", rows[i].want);
		UNIT_CHECK(rows[i].label, strcmp(text, want) == 0, "got %s, want %s", text, want);
		free(text);
	}
}

static void
test_real(void)
{
	static const struct {
		const char *label;
		double value;
		const char *want;
	} rows[] = {
		{ "nothing", 0, "0.0" },
		{ "a whole number is no integer", 5000, "5000.0" },
		{ "no more digits than it takes", 0.1, "0.1" },
		{ "all that it takes", 1795284395.3590133, "1795284395.3590133" },
		{ "small ones", 1e-06, "1e-06" },
		{ "large ones", 1e+15, "1e+15" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct exposition x;
		char want[64], *text;
		size_t len;

		exposition_init(&x, false);
		x.family = &gauge;
		exposition_real(&x, NULL, 0, rows[i].value);
		text = exposition_finish(&x, &len);
		(void)snprintf(want, sizeof(want), "b %s\n", rows[i].want);
		UNIT_CHECK(rows[i].label, strcmp(text, want) == 0, "got %s, want %s", text, want);
		free(text);
	}
}

static bool
has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at != NULL && (at == text || at[-1] == '\n');
}

static void
test_histogram(void)
{
	static const struct exposition_label own[] = { { "s", "q" } };
	static const struct {
		const char *label, *line;
	} rows[] = {
		{ "the first bound is a microsecond", "e_seconds_bucket{s=\"q\",le=\"1e-06\"} 3\n" },
		{ "buckets add up", "e_seconds_bucket{s=\"q\",le=\"2e-06\"} 7\n" },
		{ "a bound of a second is a real number", "e_seconds_bucket{s=\"q\",le=\"1.0\"} 7\n" },
		{ "the last bound", "e_seconds_bucket{s=\"q\",le=\"5000.0\"} 7\n" },
		{ "beyond it", "e_seconds_bucket{s=\"q\",le=\"+Inf\"} 12\n" },
		{ "the count is that of all buckets", "e_seconds_count{s=\"q\"} 12\n" },
		{ "the sum", "e_seconds_sum{s=\"q\"} 2.5\n" },
	};
	uint64_t bucket[HISTOGRAM_BUCKETS] = { 3, 4 };
	struct exposition x;
	size_t len;
	char *text;

	bucket[HISTOGRAM_BUCKETS - 1] = 5;
	exposition_init(&x, true);
	exposition_family(&x, &histogram);
	exposition_histogram(&x, own, 1, bucket, 2.5);
	text = exposition_finish(&x, &len);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		UNIT_CHECK(rows[i].label, has(text, rows[i].line), "no %s in:\n%s", rows[i].line, text);
	free(text);
}

int
main(void)
{
	test_family();
	test_label();
	test_real();
	test_histogram();
	return unit_done();
}
