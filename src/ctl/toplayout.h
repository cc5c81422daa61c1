/*
 * toplayout - what of a table fits on a screen, and where
 *
 * Widths are columns of a screen, in the character set of the locale.
 */
#ifndef BERTH_TOPLAYOUT_H
#define BERTH_TOPLAYOUT_H

#include "topmodel.h"

#define TOPLAYOUT_WIDTH_MIN	30
#define TOPLAYOUT_HEIGHT_MIN	5

/* The lines of a screen. */
struct toplayout {
	int summaries;		/* lines of the summary, from line 0 */
	int title, head, body, message, keys;	/* where each begins; -1: there is no room for it */
	int rows;		/* of the body; at least 1 */
};

/* false: the screen is too small for anything. */
bool toplayout_lines(int height, int width, struct toplayout *out);

struct toplayout_column {
	size_t column;		/* of the table */
	int x, width;
};

/*
 * The columns that fit on a screen so wide (at least TOPLAYOUT_WIDTH_MIN): the first, and from there on so
 * many that follow each other that column `must` is among them.  Returns how many.
 */
size_t toplayout_columns(const struct top_table *t, size_t must, int width,
    struct toplayout_column out[TOP_COLUMNS]);

/* The row that is shown first, so that `selected` is visible; first: the one that was. */
size_t toplayout_first(size_t first, size_t selected, size_t count, int rows);

/* How many columns toplayout_cut() needs for all of a text. */
int toplayout_width(const char *text);

/*
 * A text for a terminal, in at most so many columns; where something is left out it ends in "+".  What the
 * locale cannot print, what steers a terminal and what turns the direction of writing is shown as \xHH.
 * Caller frees; *used, unless NULL: how many columns.
 */
char *toplayout_cut(const char *text, int columns, int *used);

#endif
