#include "toplayout.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "../pure/record.h"
#include "../pure/xalloc.h"

/* ---- lines ---- */

bool
toplayout_lines(int height, int width, struct toplayout *out)
{
	int line = 0;

	*out = (struct toplayout){ .title = -1, .message = -1 };
	if (height < TOPLAYOUT_HEIGHT_MIN || width < TOPLAYOUT_WIDTH_MIN)
		return false;
	out->summaries = height >= 12 ? TOP_SUMMARY : 1;
	line = out->summaries;
	if (height >= 8)
		out->title = line++;
	out->head = line++;
	out->body = line;
	out->keys = height - 1;
	if (height >= 8)
		out->message = height - 2;
	out->rows = (out->message >= 0 ? out->message : out->keys) - out->body;
	return true;
}

size_t
toplayout_first(size_t first, size_t selected, size_t count, int rows)
{
	size_t room = (size_t)rows;

	if (selected < first)
		first = selected;
	if (selected >= first + room)
		first = selected - room + 1;
	if (first + room > count)
		first = count > room ? count - room : 0;
	return first;
}

/* ---- text ---- */

/* Characters that turn the direction of what follows, or show nothing. */
static bool
turns(wchar_t c)
{
	return c == 0x61c || c == 0xfeff || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f);
}

/* How many columns the character at text takes, *n: its bytes; -1: its first byte has to be escaped. */
static int
char_width(const char *text, size_t len, size_t *n)
{
	mbstate_t state = { 0 };
	wchar_t c;

	*n = 1;
	if (*text >= ' ' && *text <= '~')
		return 1;
	*n = record_plain_char(text, len);
	if (*n == 0 || mbrtowc(&c, text, len, &state) != *n || turns(c))
		return -1;
	return wcwidth(c);
}

int
toplayout_width(const char *text)
{
	size_t len = strlen(text), n;
	int width = 0, w;

	for (size_t i = 0; i < len; i += w < 0 ? 1 : n) {
		w = char_width(text + i, len - i, &n);
		width += w < 0 ? 4 : w;
	}
	return width;
}

char *
toplayout_cut(const char *text, int columns, int *used)
{
	size_t len = strlen(text), at = 0, n, step;
	char *out = xcalloc(4 * len + 2, 1);
	bool all = toplayout_width(text) <= columns;
	int room = all ? columns : columns - 1, width = 0, w;

	for (size_t i = 0; i < len; i += step) {
		w = char_width(text + i, len - i, &n);
		step = w < 0 ? 1 : n;
		if (width + (w < 0 ? 4 : w) > room)
			break;
		if (w < 0)
			at += (size_t)snprintf(out + at, 5, "\\x%02x", (unsigned char)text[i]);
		else
			at = (size_t)((char *)mempcpy(out + at, text + i, n) - out);
		width += w < 0 ? 4 : w;
	}
	if (!all && columns > 0) {
		out[at] = '+';
		width++;
	}
	if (used != NULL)
		*used = width;
	return out;
}

/* ---- columns ---- */

/* What all of a column's cells need. */
static int
natural_width(const struct top_table *t, size_t column)
{
	int width = toplayout_width(t->column[column].title), w;

	for (size_t i = 0; i < t->count; i++) {
		w = toplayout_width(t->row[i].cell[column].text);
		width = w > width ? w : width;
	}
	return width;
}

/* What a column takes at least, so that the others find room. */
static int
least_width(const struct top_column *c, int natural)
{
	int title = (int)strlen(c->title);

	if (c->kind == TOP_REST)
		return c->width > title ? c->width : title;
	if (c->kind == TOP_TEXT && natural > c->width)
		return c->width > title ? c->width : title;
	return natural > c->width || c->kind == TOP_TEXT ? natural : c->width;
}

struct widths {
	int natural[TOP_COLUMNS], least[TOP_COLUMNS];
};

/* How many columns from `from` on fit into so much room; *left: what is left of it. */
static size_t
fitting(const struct top_table *t, const struct widths *w, size_t from, int room, int *left)
{
	size_t n = 0;

	while (from + n < t->columns && w->least[from + n] + 1 <= room) {
		room -= w->least[from + n] + 1;
		n++;
	}
	*left = room;
	return n;
}

static void
place(struct toplayout_column *c, size_t column, int width, int *x)
{
	*c = (struct toplayout_column){ column, *x, width };
	*x += width + 1;
}

/* What is left goes to texts that are cut, from the left. */
static int
widen(const struct top_table *t, const struct widths *w, size_t column, int *left)
{
	int width = w->least[column], more = w->natural[column] - width;

	if (more > *left)
		more = *left;
	if (topmodel_is_number(&t->column[column]) || more <= 0)
		return width;
	*left -= more;
	return width + more;
}

size_t
toplayout_columns(const struct top_table *t, size_t must, int width,
    struct toplayout_column out[TOP_COLUMNS])
{
	struct widths w = { 0 };
	size_t from, n = 0, count = 0;
	int room, left = 0, x = 0;

	for (size_t i = 0; i < t->columns; i++) {
		w.natural[i] = natural_width(t, i);
		w.least[i] = least_width(&t->column[i], w.natural[i]);
	}
	room = width - w.least[0];
	for (from = 1; from < t->columns; from++) {
		n = fitting(t, &w, from, room, &left);
		if (from + n > must || from == must)
			break;
	}
	if (n == 0 && from < t->columns && room > 1) {	/* not even one fits as a whole */
		w.least[from] = room - 1;
		n = 1;
		left = 0;
	}
	place(&out[count++], 0, widen(t, &w, 0, &left), &x);
	for (size_t i = from; i < from + n; i++)
		place(&out[count++], i, widen(t, &w, i, &left), &x);
	return count;
}
