/*
 * pageparts - pieces that the parts of the status page are made of
 */
#ifndef BERTH_PAGEPARTS_H
#define BERTH_PAGEPARTS_H

#include <jansson.h>
#include <stddef.h>

#include "../pure/html.h"

/* "1,234,567" */
void pageparts_count(struct html *h, long long count);

/* A cell of a table with it, at its right; nothing is written fainter. */
void pageparts_count_cell(struct html *h, long long count);

/* For what is not known. */
void pageparts_dash_cell(struct html *h);

/* A word that is to be seen.  kind: good, warn, bad or quiet: a colour, and a shape for those who do not see it. */
void pageparts_badge(struct html *h, const char *kind, const char *text);

/* After a list of which not more than `shown` are there: how many are not, and the command that has them all.  what: may be "". */
void pageparts_more(struct html *h, size_t shown, size_t count, const char *what, const char *command);

/*
 * A table in a box of its own, which scrolls where it is wider than the screen; between them come its head and the
 * rows of its body, which `end` closes.
 */
void pageparts_table_begin(struct html *h, const char *label);
void pageparts_table_end(struct html *h);

#endif
