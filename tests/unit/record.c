#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "../../src/pure/record.h"
#include "unit.h"

static void
text_of_one_value(void)
{
	static const struct {
		const char *label, *input;
		size_t len;
		const char *want;
	} table[] = {
		{ "a plain value stands as it is", "abc", 3, "w k=abc" },
		{ "an empty value is quoted", "", 0, "w k=\"\"" },
		{ "a value with a space is quoted", "a b", 3, "w k=\"a b\"" },
		{ "a value with an equals sign is quoted", "a=b", 3, "w k=\"a=b\"" },
		{ "a quote is escaped, and the value quoted", "a\"b", 3, "w k=\"a\\x22b\"" },
		{ "a backslash is escaped, and the value quoted", "a\\b", 3, "w k=\"a\\x5cb\"" },
		{ "a newline is escaped", "a\nb", 3, "w k=a\\x0ab" },
		{ "a NUL is escaped", "a\0b", 3, "w k=a\\x00b" },
		{ "DEL is escaped", "\x7f", 1, "w k=\\x7f" },
		{ "valid UTF-8 stands", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		    "w k=\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "the last character of Unicode stands", "\xf4\x8f\xbf\xbf", 4, "w k=\xf4\x8f\xbf\xbf" },
		{ "above the last character is escaped", "\xf4\x90\x80\x80", 4,
		    "w k=\\xf4\\x90\\x80\\x80" },
		{ "a C1 control is escaped", "\xc2\x9b", 2, "w k=\\xc2\\x9b" },
		{ "a lone continuation byte is escaped", "a\x80", 2, "w k=a\\x80" },
		{ "an overlong form is escaped", "\xc0\xaf", 2, "w k=\\xc0\\xaf" },
		{ "an overlong form of three bytes is escaped", "\xe0\x80\xaf", 3,
		    "w k=\\xe0\\x80\\xaf" },
		{ "a surrogate is escaped", "\xed\xa0\x80", 3, "w k=\\xed\\xa0\\x80" },
		{ "a character that the value's end cuts is escaped", "\xe2\x82", 2,
		    "w k=\\xe2\\x82" },
		{ "a character broken by another goes on with the other", "\xe2\x82" "a", 3,
		    "w k=\\xe2\\x82" "a" },
	};
	char buf[200];
	struct record r;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		record_init(&r, RECORD_INFO, "w");
		record_bytes(&r, "k", table[i].input, table[i].len);
		size_t n = record_format_text(&r, buf, sizeof(buf));
		UNIT_CHECK(table[i].label, strcmp(buf, table[i].want) == 0 && n == strlen(buf),
		    "got '%s' (%zu), want '%s'", buf, n, table[i].want);
	}
}

static void
seconds(void)
{
	static const struct {
		const char *label;
		int64_t ns;
		const char *want;
	} table[] = {
		{ "milliseconds are cut, not rounded", 12999999, "w t=0.012" },
		{ "no time is 0.000", 0, "w t=0.000" },
		{ "seconds and milliseconds", 61001000000, "w t=61.001" },
		{ "a negative time keeps its sign", -1500000000, "w t=-1.500" },
		{ "there is no negative zero", -999, "w t=0.000" },
		{ "the largest number does not overflow", INT64_MAX, "w t=9223372036.854" },
		{ "the smallest number does not overflow", INT64_MIN, "w t=-9223372036.854" },
	};
	char buf[100];
	struct record r;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		record_init(&r, RECORD_INFO, "w");
		record_seconds(&r, "t", table[i].ns);
		record_format_text(&r, buf, sizeof(buf));
		UNIT_CHECK(table[i].label, strcmp(buf, table[i].want) == 0, "got '%s', want '%s'",
		    buf, table[i].want);
	}
}

static void
times(void)
{
	static const struct {
		const char *label;
		int64_t ns;
		const char *want;
	} table[] = {
		{ "the epoch", 0, "1970-01-01T00:00:00.000Z" },
		{ "milliseconds of the wall clock", 1767225600123999999, "2026-01-01T00:00:00.123Z" },
		{ "a leap day", 1709210096000000000, "2024-02-29T12:34:56.000Z" },
		{ "the day after a leap day", 1709251200000000000, "2024-03-01T00:00:00.000Z" },
		{ "the end of a year", 1735689599999000000, "2024-12-31T23:59:59.999Z" },
		{ "before the epoch", -1, "1969-12-31T23:59:59.999Z" },
		{ "2000 was a leap year", 951782400000000000, "2000-02-29T00:00:00.000Z" },
	};
	char buf[200], want[200];
	struct record r;

	record_init(&r, RECORD_DEBUG, "w");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(want, sizeof(want),
		    "{\"time\":\"%s\",\"level\":\"debug\",\"event\":\"w\"}", table[i].want);
		record_format_json(&r, table[i].ns, buf, sizeof(buf));
		UNIT_CHECK(table[i].label, strcmp(buf, want) == 0, "got %s, want %s", buf, want);
	}
}

static void
sample(struct record *r)
{
	record_init(r, RECORD_INFO, "exit");
	record_text(r, "service", "finger");
	record_text(r, "absent", NULL);
	record_number(r, "connection", 17);
	record_text(r, "message", "a \"b\" \\\n\xff");
	record_seconds(r, "duration", 12000000);
}

static void
forms(void)
{
	static const char text[] = "exit service=finger connection=17 "
	    "message=\"a \\x22b\\x22 \\x5c\\x0a\\xff\" duration=0.012";
	static const char json[] = "{\"time\":\"2026-01-01T00:00:00.123Z\",\"level\":\"info\","
	    "\"event\":\"exit\",\"service\":\"finger\",\"connection\":17,"
	    "\"message\":\"a \\\"b\\\" \\\\\\\\x0a\\\\xff\",\"duration\":0.012}";
	static const char journal[] = "PRIORITY=6\nSYSLOG_IDENTIFIER=berthd\nBERTH_EVENT=exit\n"
	    "MESSAGE=exit service=finger connection=17 "
	    "message=\"a \\x22b\\x22 \\x5c\\x0a\\xff\" duration=0.012\n"
	    "BERTH_SERVICE=finger\nBERTH_CONNECTION=17\n"
	    "BERTH_MESSAGE=a \\x22b\\x22 \\x5c\\x0a\\xff\nBERTH_DURATION=0.012\n";
	static const char syslog[] = "<30>Jan  2 03:04:05 berthd[17]: exit service=finger "
	    "connection=17 message=\"a \\x22b\\x22 \\x5c\\x0a\\xff\" duration=0.012";
	char buf[RECORD_MAX];
	struct record r;
	size_t n;

	sample(&r);
	n = record_format_text(&r, buf, sizeof(buf));
	UNIT_CHECK("text: a NULL value adds no field", strcmp(buf, text) == 0 && n == strlen(text),
	    "got '%s', want '%s'", buf, text);
	n = record_format_json(&r, 1767225600123000000, buf, sizeof(buf));
	UNIT_CHECK("JSON: numbers are numbers, strings are escaped",
	    strcmp(buf, json) == 0 && n == strlen(json), "got '%s', want '%s'", buf, json);
	n = record_format_journal(&r, buf, sizeof(buf));
	UNIT_CHECK("journal: one line a field, values escaped but not quoted",
	    n == strlen(journal) && memcmp(buf, journal, n) == 0, "got '%.*s', want '%s'", (int)n,
	    buf, journal);
	n = record_format_syslog(&r, "Jan  2 03:04:05", 17, buf, sizeof(buf));
	UNIT_CHECK("syslog: facility daemon and the record's level",
	    strcmp(buf, syslog) == 0 && n == strlen(syslog), "got '%s', want '%s'", buf, syslog);
}

static void
cutting(void)
{
	static const struct {
		const char *label, *value;
		size_t size;
		const char *want;
	} table[] = {
		{ "a quoted value that is cut keeps its closing quote", "a b c", 10, "w k=\"a b\"" },
		{ "a value is cut at a character", "a\xe2\x82\xac", 8, "w k=a" },
		{ "an escape is not cut", "a\n", 9, "w k=a" },
		{ "a field of which nothing fits is left out", "a b", 6, "w" },
		{ "a word that does not fit is left out", "a", 1, "" },
	};
	char buf[100];
	struct record r;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		record_init(&r, RECORD_INFO, "w");
		record_text(&r, "k", table[i].value);
		record_number(&r, "n", 123456);
		size_t n = record_format_text(&r, buf, table[i].size);
		UNIT_CHECK(table[i].label, strcmp(buf, table[i].want) == 0 && n == strlen(buf),
		    "got '%s', want '%s'", buf, table[i].want);
	}
}

/* At every size: in bounds, terminated, and JSON is an object (or nothing) all the same. */
static void
every_size(void)
{
	struct record r;
	bool text_ok = true, json_ok = true, journal_ok = true, syslog_ok = true;

	sample(&r);
	record_text(&r, "umlaut", "\xc3\xa4\xe2\x82\xac z");
	for (size_t size = 0; size < 500; size++) {
		char *buf = malloc(size + 1);	/* exact, for the sanitizer */
		size_t n;

		buf = realloc(buf, size > 0 ? size : 1);
		n = record_format_text(&r, buf, size);
		text_ok &= size == 0 ? n == 0 : n < size && strlen(buf) == n;
		n = record_format_syslog(&r, "Jan  2 03:04:05", 17, buf, size);
		syslog_ok &= size == 0 ? n == 0 : n < size && strlen(buf) == n;
		n = record_format_journal(&r, buf, size);
		journal_ok &= size == 0 ? n == 0 : n < size && (n == 0 || buf[n - 1] == '\n');
		n = record_format_json(&r, 0, buf, size);
		json_ok &= size == 0 ? n == 0 : n < size && strlen(buf) == n;
		if (n > 0) {
			json_t *j = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
			json_ok &= j != NULL;
			json_decref(j);
		}
		free(buf);
	}
	UNIT_CHECK("text stays inside every size", text_ok, "see above");
	UNIT_CHECK("syslog stays inside every size", syslog_ok, "see above");
	UNIT_CHECK("journal: every size ends with a whole line", journal_ok, "see above");
	UNIT_CHECK("JSON that is cut is still JSON", json_ok, "see above");
}

static void
largest(void)
{
	static char bytes[4608], buf[RECORD_MAX];
	struct record r;
	size_t n;

	memset(bytes, 0x01, sizeof(bytes));
	record_init(&r, RECORD_INFO, "stderr");
	record_bytes(&r, "message", bytes, sizeof(bytes));
	n = record_format_text(&r, buf, sizeof(buf));
	UNIT_CHECK("RECORD_MAX holds 4.5 KiB of control bytes as text",
	    n == strlen("stderr message=") + 4 * sizeof(bytes), "got %zu", n);
	n = record_format_json(&r, 0, buf, sizeof(buf));
	UNIT_CHECK("RECORD_MAX holds 4.5 KiB of control bytes as JSON",
	    n > 5 * sizeof(bytes) && strcmp(buf + n - 7, "\\\\x01\"}") == 0, "got %zu", n);
}

static void
too_many_fields(void)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct record r;

		(void)close(STDERR_FILENO);
		record_init(&r, RECORD_INFO, "w");
		for (int i = 0; i <= RECORD_FIELDS; i++)
			record_number(&r, "k", i);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	UNIT_CHECK("more fields than a record has is a broken invariant", WIFSIGNALED(status),
	    "status %#x", (unsigned)status);
}

int
main(void)
{
	text_of_one_value();
	seconds();
	times();
	forms();
	cutting();
	every_size();
	largest();
	too_many_fields();
	return unit_done();
}
