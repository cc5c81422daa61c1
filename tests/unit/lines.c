#include <stdlib.h>
#include <string.h>

#include "../../src/pure/lines.h"
#include "unit.h"

/* Lines as "<line>" or "<line+>" when cut. */
struct seen {
	char *text;
	size_t len;
};

static void
see(void *arg, const char *line, size_t len, bool cut)
{
	struct seen *s = arg;

	s->text = realloc(s->text, s->len + len + 4);
	s->text[s->len++] = '<';
	memcpy(s->text + s->len, line, len);
	s->len += len;
	if (cut)
		s->text[s->len++] = '+';
	s->text[s->len++] = '>';
	s->text[s->len] = '\0';
}

static void
reads(void)
{
	static const struct {
		const char *label, *read[4], *want;
	} table[] = {
		{ "one read, one line", { "a\n" }, "<a>" },
		{ "one read, three lines", { "a\nbb\nc\n" }, "<a><bb><c>" },
		{ "a line over three reads", { "a", "b", "c\n" }, "<abc>" },
		{ "an empty line is a line", { "\n\na\n" }, "<><><a>" },
		{ "a carriage return before the newline goes", { "a\r\n" }, "<a>" },
		{ "so it does in another read", { "a\r", "\n" }, "<a>" },
		{ "only one of them", { "a\r\r\n" }, "<a\r>" },
		{ "elsewhere it stays", { "a\rb\n" }, "<a\rb>" },
		{ "a line of a carriage return is empty", { "\r\n" }, "<>" },
		{ "an unfinished line is emitted at the end", { "a\nb" }, "<a><b>" },
		{ "at the end there is no empty line", { "a\n" }, "<a>" },
		{ "nothing read, nothing emitted", { "" }, "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct seen s = { 0 };
		struct lines l = { 0 };

		for (int k = 0; k < 4 && table[i].read[k] != NULL; k++)
			lines_feed(&l, table[i].read[k], strlen(table[i].read[k]), see, &s);
		lines_end(&l, see, &s);
		UNIT_CHECK(table[i].label, strcmp(s.text == NULL ? "" : s.text, table[i].want) == 0 &&
		    l.part == NULL, "got %s, want %s", s.text == NULL ? "" : s.text, table[i].want);
		free(s.text);
	}
}

/* Lines of a length around the limit, in reads of a size. */
static void
long_lines(void)
{
	static const struct {
		const char *label;
		size_t len;
		const char *end;	/* after len times 'x' */
		size_t want_len;
		bool want_cut;
	} table[] = {
		{ "the longest line is whole", LINES_MAX, "\n", LINES_MAX, false },
		{ "the longest line is whole with a carriage return too", LINES_MAX, "\r\n",
		    LINES_MAX, false },
		{ "one byte more is cut", LINES_MAX + 1, "\n", LINES_MAX, true },
		{ "a carriage return in the middle counts", LINES_MAX, "\rx\n", LINES_MAX, true },
		{ "the rest of a line that is cut is dropped", 3 * LINES_MAX, "\n", LINES_MAX, true },
		{ "the longest line without an end is whole", LINES_MAX, "", LINES_MAX, false },
	};
	static const size_t sizes[] = { 1, 7, LINES_MAX - 1, LINES_MAX, LINES_MAX + 1, 65536 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool good = true;
		size_t total = table[i].len + strlen(table[i].end);
		char *bytes = malloc(total + 3), *want = malloc(table[i].want_len + 16);

		memset(bytes, 'x', table[i].len);
		strcpy(bytes + table[i].len, table[i].end);
		if (table[i].end[0] != '\0')
			strcpy(bytes + total, "y\n");
		want[0] = '<';
		memset(want + 1, 'x', table[i].want_len);
		sprintf(want + 1 + table[i].want_len, "%s>%s", table[i].want_cut ? "+" : "",
		    table[i].end[0] != '\0' ? "<y>" : "");
		total = strlen(bytes);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			struct seen s = { 0 };
			struct lines l = { 0 };

			for (size_t at = 0; at < total; at += sizes[k])
				lines_feed(&l, bytes + at, total - at < sizes[k] ? total - at : sizes[k],
				    see, &s);
			lines_end(&l, see, &s);
			good &= s.text != NULL && strcmp(s.text, want) == 0;
			free(s.text);
		}
		UNIT_CHECK(table[i].label, good, "in some size of read");
		free(bytes);
		free(want);
	}
}

static void
memory(void)
{
	struct seen s = { 0 };
	struct lines l = { 0 };

	lines_feed(&l, "a\nb\n", 4, see, &s);
	UNIT_CHECK("whole lines keep no memory", l.part == NULL, "room %zu", l.room);
	lines_feed(&l, "c", 1, see, &s);
	UNIT_CHECK("an unfinished line keeps some", l.part != NULL, "none");
	lines_feed(&l, "\n", 1, see, &s);
	UNIT_CHECK("and gives it back at its end", l.part == NULL, "room %zu", l.room);
	for (int i = 0; i < 10000; i++)
		lines_feed(&l, "xxxxxxxxxx", 10, see, &s);
	UNIT_CHECK("a line without an end is emitted once, at the limit, and keeps no memory",
	    l.part == NULL && l.skip && s.len == strlen("<a><b><c>") + LINES_MAX + 3,
	    "room %zu, emitted %zu", l.room, s.len);
	lines_end(&l, see, &s);
	UNIT_CHECK("the end leaves nothing behind", l.part == NULL && !l.skip, "skip %d", l.skip);
	free(s.text);
}

int
main(void)
{
	reads();
	long_lines();
	memory();
	return unit_done();
}
