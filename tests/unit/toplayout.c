#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ctl/toplayout.h"
#include "unit.h"

static void
check_cut(const char *locale)
{
	static const struct {
		const char *label, *text;
		int columns;
		const char *utf8, *c;	/* want: in a locale with UTF-8, in one without */
		int used;		/* of utf8 */
	} table[] = {
		{ "what fits stays", "abc", 3, "abc", "abc", 3 },
		{ "what does not ends in +", "abcd", 3, "ab+", "ab+", 3 },
		{ "one column", "abcd", 1, "+", "+", 1 },
		{ "no column", "abcd", 0, "", "", 0 },
		{ "nothing", "", 5, "", "", 0 },
		{ "an escape sequence is shown", "\033[2Jx", 20, "\\x1b[2Jx", "\\x1b[2Jx", 8 },
		{ "an escape is not cut in the middle", "\033\033", 7, "\\x1b+", "\\x1b+", 5 },
		{ "newline, tab, carriage return and delete are shown", "\n\t\r\177", 20, "\\x0a\\x09\\x0d\\x7f",
		    "\\x0a\\x09\\x0d\\x7f", 16 },
		{ "so is a C1 control", "\302\233", 20, "\\xc2\\x9b", "\\xc2\\x9b", 8 },
		{ "so is what is no UTF-8", "a\377b", 20, "a\\xffb", "a\\xffb", 6 },
		{ "so is what turns the direction of writing", "\342\200\256x", 20, "\\xe2\\x80\\xaex",
		    "\\xe2\\x80\\xaex", 13 },
		{ "a letter of two bytes", "\303\274x", 20, "\303\274x", "\\xc3\\xbcx", 2 },
		{ "a wide character takes two columns", "\346\227\245x", 20, "\346\227\245x", "\\xe6\\x97\\xa5x", 3 },
		{ "and is not cut in half", "\346\227\245\346\234\254x", 4, "\346\227\245+", "+", 3 },
	};
	bool utf8 = strcmp(locale, "C") != 0;

	if (setlocale(LC_CTYPE, locale) == NULL) {
		printf("Bail out! no locale %s\n", locale);
		return;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *want = utf8 ? table[i].utf8 : table[i].c;
		int used;
		char *got = toplayout_cut(table[i].text, table[i].columns, &used);

		UNIT_CHECK(table[i].label, strcmp(got, want) == 0 && used <= table[i].columns &&
		    (!utf8 || used == table[i].used), "%s: got %s, %d; want %s, %d", locale, got, used, want,
		    table[i].used);
		free(got);
	}
}

static void
check_lines(void)
{
	static const struct { const char *label; int height, width; bool good; int summaries, rows; } table[] = {
		{ "80x24", 24, 80, true, 3, 17 },
		{ "the least with a summary of three lines", 12, 80, true, 3, 5 },
		{ "less has one", 11, 80, true, 1, 6 },
		{ "the least with a title and a line for messages", 8, 80, true, 1, 3 },
		{ "less has neither", 7, 80, true, 1, 4 },
		{ "the least of all", 5, 30, true, 1, 2 },
		{ "too low", 4, 80, false, 0, 0 },
		{ "too narrow", 24, 29, false, 0, 0 },
		{ "one by one", 1, 1, false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct toplayout at;
		bool good = toplayout_lines(table[i].height, table[i].width, &at);

		UNIT_CHECK(table[i].label, good == table[i].good && at.summaries == table[i].summaries &&
		    at.rows == table[i].rows && (!good || (at.body + at.rows <= at.keys &&
		    at.keys == table[i].height - 1)), "got %d %d %d", good, at.summaries, at.rows);
	}
}

static void
check_first(void)
{
	static const struct { const char *label; size_t first, selected, count; int rows; size_t want; } table[] = {
		{ "what is visible stays where it is", 2, 4, 20, 5, 2 },
		{ "up just as far as needed", 7, 4, 20, 5, 4 },
		{ "down just as far as needed", 0, 9, 20, 5, 5 },
		{ "no empty line while there are rows", 18, 19, 20, 5, 15 },
		{ "all fit", 3, 3, 4, 5, 0 },
		{ "none", 3, 0, 0, 5, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t got = toplayout_first(table[i].first, table[i].selected, table[i].count, table[i].rows);

		UNIT_CHECK(table[i].label, got == table[i].want, "got %zu, want %zu", got, table[i].want);
	}
}

/* "0@0+8 3@9+4": column, place and width. */
static const char *
layout(const struct top_table *t, size_t must, int width)
{
	static char buf[512];
	struct toplayout_column c[TOP_COLUMNS];
	size_t n = toplayout_columns(t, must, width, c), used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(buf + used, sizeof(buf) - used, "%s%zu@%d+%d", i > 0 ? " " : "",
		    c[i].column, c[i].x, c[i].width);
	return buf;
}

static void
check_columns(void)
{
	static const struct top_column columns[] = {
		{ "NAME", TOP_TEXT, "", 6, 'N' }, { "STATE", TOP_WORD, "", 5, 'S' }, { "N1", TOP_COUNT, "", 4, 'A' },
		{ "N2", TOP_COUNT, "", 0, 'B' }, { "LONG", TOP_TEXT, "", 5, 'C' }, { "REST", TOP_REST, "", 8, 'D' },
	};
	struct top_row row = { .key = NULL, .cell = { { "longername", 0 }, { "open", 0 }, { "1", 0 },
	    { "123456", 0 }, { "0123456789", 0 }, { "some more text here", 0 } } };
	struct top_table t = { columns, 6, &row, 1, 1 };
	static const struct { const char *label; size_t must; int width; const char *want; } table[] = {
		{ "with room for all of it nothing is cut", 0, 200, "0@0+10 1@11+5 2@17+4 3@22+6 4@29+10 5@40+19" },
		{ "with less, texts are cut; those to the left get what is left first", 0, 48,
		    "0@0+10 1@11+5 2@17+4 3@22+6 4@29+10 5@40+8" },
		{ "and less", 0, 40, "0@0+7 1@8+5 2@14+4 3@19+6 4@26+5 5@32+8" },
		{ "what does not fit is left out", 0, 38, "0@0+10 1@11+5 2@17+4 3@22+6 4@29+9" },
		{ "the first column and the one that must be seen", 5, 30, "0@0+8 3@9+6 4@16+5 5@22+8" },
		{ "as few as can be are passed over", 4, 29, "0@0+10 2@11+4 3@16+6 4@23+6" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		UNIT_CHECK(table[i].label, strcmp(layout(&t, table[i].must, table[i].width), table[i].want) == 0,
		    "got %s, want %s", layout(&t, table[i].must, table[i].width), table[i].want);
	row.cell[3].text = "1234567890123456789012345678901234567890";
	UNIT_CHECK("one that is too wide for the screen is cut",
	    strcmp(layout(&t, 3, 30), "0@0+6 3@7+23") == 0, "got %s", layout(&t, 3, 30));
	t.count = 0;
	UNIT_CHECK("a table without rows has its titles", strcmp(layout(&t, 0, 80),
	    "0@0+4 1@5+5 2@11+4 3@16+2 4@19+4 5@24+8") == 0, "got %s", layout(&t, 0, 80));
}

int
main(void)
{
	check_cut("C.UTF-8");
	check_cut("C");
	check_lines();
	check_first();
	check_columns();
	return unit_done();
}
