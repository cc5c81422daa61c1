#include "../../src/pure/amount.h"

#include <limits.h>
#include <string.h>

#include "unit.h"

static void
check(const char *label, const char *got, const char *want)
{
	UNIT_CHECK(label, strcmp(got, want) == 0, "got \"%s\", want \"%s\"", got, want);
}

static void
test_duration(void)
{
	static const struct { const char *label; double input; const char *want; } rows[] = {
		{ "nothing", 0, "0ms" },
		{ "below nothing", -3, "0ms" },
		{ "a microsecond", 1e-6, "0.001ms" },
		{ "two digits below 10 ms", 0.0002, "0.2ms" },
		{ "rounded", 0.00123, "1.2ms" },
		{ "whole milliseconds from 10", 0.0404, "40ms" },
		{ "a fraction that is none in binary", 0.057, "57ms" },
		{ "the last millisecond", 0.999, "999ms" },
		{ "what rounds to a second is one", 0.9999, "1.0s" },
		{ "tenths below 10 s", 4.24, "4.2s" },
		{ "whole seconds from 10", 42.9, "42s" },
		{ "the last second", 59.99, "59s" },
		{ "a minute", 60, "1min" },
		{ "minutes and seconds", 200, "3min20s" },
		{ "from 10 minutes without seconds", 2559, "42min" },
		{ "an hour", 3600, "1h" },
		{ "hours and minutes", 7500, "2h5min" },
		{ "seconds beside hours are left out", 3659, "1h" },
		{ "from 10 hours without minutes", 86399, "23h" },
		{ "a day", 86400, "1d" },
		{ "days and hours", 4 * 86400 + 3700, "4d1h" },
		{ "years are days", 1e9, "11574d" },
	};
	char buf[AMOUNT_TEXT_MAX];
	size_t longest = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(rows[i].label, amount_duration(rows[i].input, buf, sizeof(buf)), rows[i].want);
	for (double s = 1e-9; s < 1e8; s *= 1.01) {
		size_t n = strlen(amount_duration(s, buf, sizeof(buf)));

		longest = n > longest ? n : longest;
	}
	UNIT_CHECK("at most eight characters", longest <= 8, "got %zu", longest);
}

static void
test_bytes(void)
{
	static const struct { const char *label; long long input; const char *want; } rows[] = {
		{ "no bytes", 0, "0" }, { "fewer than none", -1, "0" }, { "bytes", 1023, "1023" },
		{ "one K", 1024, "1.0K" }, { "tenths", 1536, "1.5K" },
		{ "rounded down", 2047, "1.9K" }, { "from 10 whole ones", 12 * 1024 + 1023, "12K" },
		{ "the last K", 1024 * 1024 - 1, "1023K" }, { "M", 3 << 20, "3.0M" },
		{ "E", 1LL << 62, "4.0E" },
	};
	char buf[AMOUNT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(rows[i].label, amount_bytes(rows[i].input, buf, sizeof(buf)), rows[i].want);
}

static void
test_count(void)
{
	static const struct { const char *label; long long input; size_t size; const char *want; } rows[] = {
		{ "none", 0, 32, "0" }, { "three digits", 999, 32, "999" },
		{ "four", 1000, 32, "1,000" }, { "six", 123456, 32, "123,456" },
		{ "seven", 1234567, 32, "1,234,567" },
		{ "a sign is no digit", -123456, 32, "-123,456" },
		{ "the most there are", LLONG_MAX, 32, "9,223,372,036,854,775,807" },
		{ "the least", LLONG_MIN, 32, "-9,223,372,036,854,775,808" },
		{ "cut at the end of the buffer", 1234567, 5, "1,23" },
	};
	char buf[AMOUNT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(rows[i].label, amount_count(rows[i].input, buf, rows[i].size), rows[i].want);
}

int
main(void)
{
	test_duration();
	test_bytes();
	test_count();
	return unit_done();
}
