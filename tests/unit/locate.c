#include "../../src/pure/locate.h"

#include <string.h>

#include "unit.h"

static const char file[] =
    "{\n"
    "  \"listen\": [\"tcp:1\",\n"
    "    \"tcp:2\"],\n"
    "  \"limits\": { \"rate\": 5,\n"
    "    \"overflow\": [{\"wait\": \"1s\"},\n"
    "      {\"banner\": \"a\\\"]}b\", \"x\": 1}] },\n"
    "  \"process\": {\"environment\": {\n"
    "      \"A.B\": 1, \"AB\": 2 }},\n"
    "  \"rate\": null\n"
    "}\n";

static void
test_key(void)
{
	static const struct {
		const char *label, *path;
		unsigned want; /* 0: it is not there */
	} rows[] = {
		{ "a key", "listen", 2 },
		{ "an element", "listen[1]", 3 },
		{ "the first element", "listen[0]", 2 },
		{ "a key of an object", "limits.rate", 4 },
		{ "of an element of an array", "limits.overflow[1].x", 6 },
		{ "past quotes and brackets in a string", "limits.overflow[1].banner", 6 },
		{ "the same name further out", "rate", 9 },
		{ "a name with a dot", "process.environment.A.B", 8 },
		{ "one name begins another", "process.environment.A", 7 },
		{ "what is missing has the line of its parent", "limits.burst.x", 4 },
		{ "an element that is missing too", "listen[7]", 2 },
		{ "nothing of it is there", "exec", 0 },
		{ "an empty path", "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned line = 0;
		bool found = locate_key(file, sizeof(file) - 1, rows[i].path, &line);

		UNIT_CHECK(rows[i].label, found == (rows[i].want > 0) && line == rows[i].want,
		    "%s: %u, not %u", rows[i].path, line, rows[i].want);
	}
}

/* Each beginning of a file, as if it had been cut: nothing but an answer. */
static void
test_cut(void)
{
	unsigned line = 0, found = 0;

	for (size_t len = 0; len < sizeof(file); len++) {
		char text[sizeof(file)];

		memcpy(text, file, len);
		found += locate_key(text, len, "limits.overflow[1].x", &line);
	}
	UNIT_CHECK("a text that was cut", found > 0 && line == 6, "%u of them, line %u", found, line);
}

static void
test_path(void)
{
	static const struct {
		const char *label, *message, *want; /* "": it names none */
	} rows[] = {
		{ "a value", "limits.rate: expected a rate such as \"50/s\", found 5", "limits.rate" },
		{ "a key that is not known", "\"limits.rat\" is not a known key; did you mean \"limits.rate\"?",
		    "limits.rat" },
		{ "a quoted word that is no key", "\"x\" is strange", "" },
		{ "no key at all", "expected an object", "" },
		{ "nothing", "", "" },
		{ "a key that is too long", "limits.connections_per_source_and_more_than_that: x", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[40] = "";
		bool got = locate_path(rows[i].message, buf, sizeof(buf));

		UNIT_CHECK(rows[i].label, got == (rows[i].want[0] != '\0') && strcmp(buf, rows[i].want) == 0,
		    "\"%s\", not \"%s\"", buf, rows[i].want);
	}
}

int
main(void)
{
	test_key();
	test_cut();
	test_path();
	return unit_done();
}
