#include "../../src/pure/diag.h"

#include <string.h>

#include "unit.h"

static void
test_quote(void)
{
	static const struct {
		const char *label, *input, *want;
		size_t size;
	} rows[] = {
		{ "a plain text is put between quotes", "echo", "\"echo\"", 32 },
		{ "an empty text is two quotes", "", "\"\"", 32 },
		{ "a quote and a backslash get a backslash", "a\"b\\c", "\"a\\\"b\\\\c\"", 32 },
		{ "control bytes become \\xHH", "a\nb\x1b\x7f", "\"a\\x0Ab\\x1B\\x7F\"", 32 },
		{ "UTF-8 stays", "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", 32 },
		{ "what does not fit ends in dots", "abcdefgh", "\"abc...\"", 9 },
		{ "a cut never splits a character", "a\xe2\x82\xac\xe2\x82\xac", "\"a...\"", 9 },
		{ "a cut never splits an escape", "ab\ncdef", "\"ab...\"", 10 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[64];

		diag_quote(rows[i].input, buf, rows[i].size);
		UNIT_CHECK(rows[i].label, strcmp(buf, rows[i].want) == 0 &&
		    strlen(buf) < rows[i].size, "got %s, want %s", buf, rows[i].want);
	}
}

static void
test_text(void)
{
	char longer[DIAG_MAX + 100];
	struct diag why;

	diag_set(NULL, "%d", 1);
	diag_prefix(NULL, "%d", 1);
	diag_set(&why, "port %d", 7);
	diag_prefix(&why, "%s: ", "listen");
	UNIT_CHECK("a prefix is put in front", strcmp(why.text, "listen: port 7") == 0, "got %s",
	    why.text);

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	diag_set(&why, "%s", longer);
	UNIT_CHECK("a long text is cut", strlen(why.text) == DIAG_MAX - 1, "length %zu",
	    strlen(why.text));
	memcpy(longer + DIAG_MAX - 3, "\xe2\x82\xac", 3);
	diag_set(&why, "%s", longer);
	UNIT_CHECK("a long text is cut before a character that does not fit",
	    strlen(why.text) == DIAG_MAX - 3, "length %zu", strlen(why.text));
	memcpy(longer + DIAG_MAX - 4, "\xe2\x82\xac", 3);
	diag_set(&why, "%s", longer);
	UNIT_CHECK("a character that just fits stays", strlen(why.text) == DIAG_MAX - 1,
	    "length %zu", strlen(why.text));
}

static void
test_list(void)
{
	struct diag_list list = {0};
	bool good = true;

	for (int i = 0; i < 100; i++)
		diag_list_add(&list, "message %d", i);
	for (int i = 0; i < 100; i++) {
		char want[32];

		snprintf(want, sizeof(want), "message %d", i);
		good = good && strcmp(list.text[i], want) == 0;
	}
	UNIT_CHECK("a list keeps every message in order", good && list.count == 100, "count %zu",
	    list.count);
	diag_list_free(&list);
	UNIT_CHECK("a freed list is empty", list.count == 0 && list.text == NULL, "count %zu",
	    list.count);
	diag_list_free(&list);
}

int
main(void)
{
	test_quote();
	test_text();
	test_list();
	return unit_done();
}
