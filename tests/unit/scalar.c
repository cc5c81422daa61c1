#include "../../src/pure/scalar.h"

#include <string.h>

#include "unit.h"

#define MS 1000000LL

static void
test_duration(void)
{
	static const struct {
		const char *label, *input;
		int64_t want;
		const char *why;	/* NULL: accepted */
	} rows[] = {
		{ "milliseconds", "250ms", 250 * MS, NULL },
		{ "seconds", "10s", 10000 * MS, NULL },
		{ "minutes", "5min", 300000 * MS, NULL },
		{ "hours", "2h", 7200000 * MS, NULL },
		{ "days", "1d", 86400000 * MS, NULL },
		{ "zero with a unit", "0s", 0, NULL },
		{ "leading zeros", "007s", 7000 * MS, NULL },
		{ "the longest", "36500d", 36500 * 86400000LL * MS, NULL },
		{ "longer than the longest", "36501d", 0,
		    "\"36501d\" is out of range: a duration is at most 36500d" },
		{ "too many digits", "99999999999999999999999h", 0,
		    "\"99999999999999999999999h\" is out of range: a duration is at most 36500d" },
		{ "a bare number needs a unit", "50", 0, "\"50\" needs a unit, as in \"50s\"" },
		{ "empty", "", 0, "expected a duration such as \"250ms\", \"10s\", \"5min\", \"2h\" or "
		    "\"1d\", found \"\"" },
		{ "a unit alone", "s", 0, "found \"s\"" },
		{ "a sign", "-1s", 0, "found \"-1s\"" },
		{ "a space before the unit", "10 s", 0, "found \"10 s\"" },
		{ "a space behind", "10s ", 0, "found \"10s \"" },
		{ "a fraction", "1.5s", 0, "found \"1.5s\"" },
		{ "an unknown unit", "10m", 0, "found \"10m\"" },
		{ "a unit in upper case", "10S", 0, "found \"10S\"" },
		{ "two units", "1h30min", 0, "found \"1h30min\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag why = { "" };
		int64_t ns = -1;
		bool ok = scalar_duration(rows[i].input, &ns, &why);

		UNIT_CHECK(rows[i].label, rows[i].why == NULL ? ok && ns == rows[i].want :
		    !ok && strstr(why.text, rows[i].why) != NULL, "%s: got %lld, %s", rows[i].input,
		    (long long)ns, why.text);
	}
}

static void
test_size(void)
{
	static const struct {
		const char *label, *input;
		uint64_t want;
		const char *why;
	} rows[] = {
		{ "bytes", "512B", 512, NULL },
		{ "kibibytes", "64K", 65536, NULL },
		{ "mebibytes", "16M", 16 << 20, NULL },
		{ "gibibytes", "1G", 1ULL << 30, NULL },
		{ "tebibytes", "2T", 2ULL << 40, NULL },
		{ "the largest in T", "8388607T", 8388607ULL << 40, NULL },
		{ "2^63 is out of range", "8388608T", 0,
		    "\"8388608T\" is out of range: a size is below 8388608T" },
		{ "2^64 bytes are out of range", "18446744073709551616B", 0, "is out of range" },
		{ "a bare number", "64", 0, "\"64\" needs a unit, as in \"64K\"" },
		{ "a unit in lower case", "64k", 0, "expected a size such as" },
		{ "KB", "64KB", 0, "expected a size such as" },
		{ "empty", "", 0, "expected a size such as" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag why = { "" };
		uint64_t bytes = 1;
		bool ok = scalar_size(rows[i].input, &bytes, &why);

		UNIT_CHECK(rows[i].label, rows[i].why == NULL ? ok && bytes == rows[i].want :
		    !ok && strstr(why.text, rows[i].why) != NULL, "%s: got %llu, %s",
		    rows[i].input, (unsigned long long)bytes, why.text);
	}
}

static void
test_rate(void)
{
	static const struct {
		const char *label, *input;
		uint32_t count;
		int64_t per;
		const char *why;
	} rows[] = {
		{ "a second", "50/s", 50, 1000 * MS, NULL },
		{ "a minute", "10/min", 10, 60000 * MS, NULL },
		{ "an hour", "100/h", 100, 3600000 * MS, NULL },
		{ "a day", "1/d", 1, 86400000 * MS, NULL },
		{ "a millisecond", "2/ms", 2, MS, NULL },
		{ "N per duration", "5/10s", 5, 10000 * MS, NULL },
		{ "one of a unit may be written", "5/1s", 5, 1000 * MS, NULL },
		{ "the largest count", "1000000/s", 1000000, 1000 * MS, NULL },
		{ "the longest time", "1/365d", 1, 365 * 86400000LL * MS, NULL },
		{ "a bare number needs a unit", "50", 0, 0, "\"50\" needs a unit, as in \"50/s\"" },
		{ "so does a bare duration", "50/10", 0, 0, "\"50/10\" needs a unit, as in \"50/10s\"" },
		{ "none at all", "0/s", 0, 0, "\"0/s\" is out of range: a rate is from 1 to 1000000, over "
		    "at least 1ms and at most 365d" },
		{ "too many", "1000001/s", 0, 0, "is out of range" },
		{ "too many digits", "99999999999999999999999/s", 0, 0, "is out of range" },
		{ "in no time", "5/0s", 0, 0, "is out of range" },
		{ "too long a time", "1/366d", 0, 0, "is out of range" },
		{ "too many digits of time", "1/99999999999999999999999s", 0, 0, "is out of range" },
		{ "empty", "", 0, 0, "expected a rate such as \"50/s\", \"10/min\", \"100/h\" or "
		    "\"5/10s\", found \"\"" },
		{ "no time", "50/", 0, 0, "found \"50/\"" },
		{ "no count", "/s", 0, 0, "found \"/s\"" },
		{ "a fraction", "0.5/s", 0, 0, "found \"0.5/s\"" },
		{ "a sign", "-5/s", 0, 0, "found \"-5/s\"" },
		{ "a space", "5 / s", 0, 0, "found \"5 / s\"" },
		{ "an unknown unit", "5/sec", 0, 0, "found \"5/sec\"" },
		{ "a duration", "10s", 0, 0, "found \"10s\"" },
		{ "two times", "5/s/s", 0, 0, "found \"5/s/s\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bucket_rate rate = { 0, 7, 0 };
		struct diag why = { "" };
		bool ok = scalar_rate(rows[i].input, &rate, &why);

		UNIT_CHECK(rows[i].label, (rows[i].why == NULL ? ok && rate.count == rows[i].count &&
		    rate.per_ns == rows[i].per : !ok && strstr(why.text, rows[i].why) != NULL) &&
		    rate.burst == 7, "%s: got %u in %lld, %s", rows[i].input, rate.count,
		    (long long)rate.per_ns, why.text);
	}
}

static void
test_format_rate(void)
{
	static const struct {
		const char *label;
		struct bucket_rate rate;
		const char *want;
	} rows[] = {
		{ "one of a unit goes without its number", { 50, 0, 1000 * MS }, "50/s" },
		{ "others have it", { 5, 0, 10000 * MS }, "5/10s" },
		{ "ten of something is not one of it", { 5, 0, 600000 * MS }, "5/10min" },
		{ "a time is written with its largest unit", { 1, 0, 3600000 * MS }, "1/h" },
		{ "the longest", { 1000000, 0, 365 * 86400000LL * MS }, "1000000/365d" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bucket_rate again = { 0 };
		char buf[SCALAR_RATE_MAX];

		scalar_format_rate(&rows[i].rate, buf, sizeof(buf));
		UNIT_CHECK(rows[i].label, strcmp(buf, rows[i].want) == 0 &&
		    scalar_rate(buf, &again, NULL) && again.count == rows[i].rate.count &&
		    again.per_ns == rows[i].rate.per_ns, "got %s, want %s", buf, rows[i].want);
	}
}

static void
test_mode(void)
{
	static const struct {
		const char *label, *input;
		bool ok;
		mode_t want;
	} rows[] = {
		{ "three digits", "022", true, 022 },
		{ "four digits", "0660", true, 0660 },
		{ "nothing", "000", true, 0 },
		{ "everything", "777", true, 0777 },
		{ "set-id bits are refused", "4755", false, 0 },
		{ "an 8 is not octal", "088", false, 0 },
		{ "two digits", "22", false, 0 },
		{ "five digits", "00660", false, 0 },
		{ "a prefix", "0o660", false, 0 },
		{ "symbols", "u=rw", false, 0 },
		{ "empty", "", false, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag why = { "" };
		mode_t mode = 0;
		bool ok = scalar_mode(rows[i].input, &mode, &why);

		UNIT_CHECK(rows[i].label, ok == rows[i].ok && mode == rows[i].want,
		    "%s: got %o, %s", rows[i].input, mode, why.text);
	}
}

static void
test_format(void)
{
	static const struct {
		const char *label;
		int64_t ns;
		const char *want;
	} rows[] = {
		{ "seconds are the largest whole unit", 10000 * MS, "10s" },
		{ "milliseconds where seconds are not whole", 1500 * MS, "1500ms" },
		{ "minutes", 60000 * MS, "1min" },
		{ "90 seconds are not whole minutes", 90000 * MS, "90s" },
		{ "hours", 7200000 * MS, "2h" },
		{ "days", 86400000 * MS, "1d" },
		{ "zero", 0, "0s" },
		{ "less than a millisecond is zero", 999999, "0s" },
		{ "parts of a millisecond are dropped", 10000 * MS + 1, "10s" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[32];

		scalar_format_duration(rows[i].ns, buf, sizeof(buf));
		UNIT_CHECK(rows[i].label, strcmp(buf, rows[i].want) == 0, "got %s, want %s", buf,
		    rows[i].want);
	}
}

int
main(void)
{
	test_duration();
	test_size();
	test_rate();
	test_mode();
	test_format();
	test_format_rate();
	return unit_done();
}
