#define NCURSES_WIDECHAR 1

#include "topscreen.h"

#include <sys/ioctl.h>

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/xalloc.h"

#define ESCAPE_MS 50		/* a lone Esc is one when nothing follows for that long */

enum colour { COLOUR_NONE, COLOUR_NOTE, COLOUR_TROUBLE, COLOUR_GOOD };

static SCREEN *screen;
static bool colours;

/* ---- the terminal ---- */

static void
start_colours(void)
{
	const char *no = getenv("NO_COLOR");

	colours = (no == NULL || no[0] == '\0') && has_colors() && start_color() == OK;
	if (!colours)
		return;
	(void)use_default_colors();
	(void)init_pair(COLOUR_NOTE, COLOR_YELLOW, -1);
	(void)init_pair(COLOUR_TROUBLE, COLOR_RED, -1);
	(void)init_pair(COLOUR_GOOD, COLOR_GREEN, -1);
}

/* Terminals say these in two ways, and not all keep to the one that was asked for. */
static void
define_keys(void)
{
	static const struct { const char *sequence; int key; } keys[] = {
		{ "\033[A", KEY_UP }, { "\033[B", KEY_DOWN }, { "\033[C", KEY_RIGHT }, { "\033[D", KEY_LEFT },
		{ "\033[H", KEY_HOME }, { "\033[F", KEY_END },
		{ "\033OA", KEY_UP }, { "\033OB", KEY_DOWN }, { "\033OC", KEY_RIGHT }, { "\033OD", KEY_LEFT },
		{ "\033OH", KEY_HOME }, { "\033OF", KEY_END },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		(void)define_key(keys[i].sequence, keys[i].key);
}

bool
topscreen_open(void)
{
	(void)set_escdelay(ESCAPE_MS);
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return false;
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)intrflush(stdscr, FALSE);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	define_keys();
	start_colours();
	return true;
}

void
topscreen_close(void)
{
	topscreen_leave();
	delscreen(screen);
	screen = NULL;
}

void
topscreen_leave(void)
{
	(void)endwin();
}

void
topscreen_renew(void)
{
	(void)endwin();
	(void)refresh();
	topscreen_resize();
}

void
topscreen_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		(void)resizeterm(size.ws_row, size.ws_col);
	(void)clearok(stdscr, TRUE);
}

int
topscreen_key(void)
{
	static const struct { wint_t curses; int ours; } keys[] = {
		{ KEY_UP, TOPSCREEN_UP }, { KEY_DOWN, TOPSCREEN_DOWN }, { KEY_PPAGE, TOPSCREEN_PAGE_UP },
		{ KEY_NPAGE, TOPSCREEN_PAGE_DOWN }, { KEY_HOME, TOPSCREEN_HOME }, { KEY_END, TOPSCREEN_END },
		{ KEY_LEFT, TOPSCREEN_LEFT }, { KEY_RIGHT, TOPSCREEN_RIGHT },
		{ KEY_BACKSPACE, TOPSCREEN_BACK }, { KEY_DC, TOPSCREEN_DELETE }, { KEY_F(1), TOPSCREEN_HELP },
		{ KEY_ENTER, '\r' },
	};
	wint_t c;
	int kind;

	do
		kind = get_wch(&c);
	while (kind == KEY_CODE_YES && c == KEY_RESIZE);	/* resizeterm() types it */
	if (kind == ERR)
		return TOPSCREEN_NONE;
	if (kind != KEY_CODE_YES)
		return c == 0x7f || c == '\b' ? TOPSCREEN_BACK : (int)c;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].curses == c)
			return keys[i].ours;
	}
	return TOPSCREEN_OTHER;
}

/* ---- drawing ---- */

static attr_t
look(enum colour c)
{
	return colours ? (attr_t)COLOR_PAIR(c) : A_NORMAL;
}

/* Text at x, in so many columns. */
static void
put(int y, int x, int width, const char *text, bool right)
{
	int used;
	char *cut = toplayout_cut(text, width, &used);

	(void)mvaddstr(y, right ? x + width - used : x, cut);
	free(cut);
}

/* A line as wide as the screen. */
static void
put_line(int y, const char *text, attr_t how)
{
	if (y < 0)
		return;
	(void)attrset(how);
	(void)mvhline(y, 0, ' ', COLS);
	put(y, 0, COLS, text, false);
	(void)attrset(A_NORMAL);
}

static void
draw_summary(const struct topscreen *s, int lines)
{
	for (int i = 0; i < lines; i++) {
		char *text = topmodel_summary(s->model, i);
		bool problem = i == 0 && s->problem != NULL;

		put_line(i, problem ? s->problem : text,
		    problem ? A_BOLD | look(COLOUR_TROUBLE) : i == 0 ? A_BOLD : A_NORMAL);
		free(text);
	}
}

static void
draw_title(const struct topscreen *s, int y)
{
	char *title = topmodel_title(s->choice, s->table);
	int pace = (int)strlen(s->pace);

	if (y >= 0) {
		(void)attrset(A_BOLD | look(COLOUR_GOOD));
		put(y, 0, COLS - pace - 1, title, false);
		put(y, COLS - pace, pace, s->pace, true);
		(void)attrset(A_NORMAL);
	}
	free(title);
}

static void
draw_head(const struct topscreen *s, int y, const struct toplayout_column *c, size_t columns)
{
	put_line(y, "", A_REVERSE);
	for (size_t i = 0; i < columns; i++) {
		const struct top_column *of = &s->table->column[c[i].column];

		/* the one that is sorted by stands out */
		(void)attrset(A_REVERSE | (c[i].column == s->choice->sort ? A_BOLD | A_UNDERLINE : 0));
		put(y, c[i].x, c[i].width, of->title, topmodel_is_number(of));
	}
	(void)attrset(A_NORMAL);
}

static attr_t
row_look(const struct topscreen *s, const struct top_row *row, bool selected)
{
	attr_t how = row->mood == TOP_TROUBLE ? look(COLOUR_TROUBLE) :
	    row->mood == TOP_NOTE ? look(COLOUR_NOTE) : A_NORMAL;

	if (selected)
		how |= A_REVERSE;
	if (row->total)
		how |= A_BOLD;
	return s->problem != NULL ? how | A_DIM : how;
}

static void
draw_row(const struct topscreen *s, int y, size_t n, const struct toplayout_column *c, size_t columns)
{
	const struct top_row *row = &s->table->row[n];
	attr_t how = row_look(s, row, n == s->selected);

	put_line(y, "", how);
	(void)attrset(how);
	for (size_t i = 0; i < columns; i++)
		put(y, c[i].x, c[i].width, row->cell[c[i].column].text,
		    topmodel_is_number(&s->table->column[c[i].column]));
	(void)attrset(A_NORMAL);
}

static const char *
empty_text(const struct topscreen *s)
{
	if (s->table->of > 0)
		return "nothing matches the filter";
	if (s->choice->view == TOP_CONNECTIONS)
		return s->model->connections != NULL ? "no connections" : "no answer yet";
	if (s->model->services == NULL)
		return "no answer yet";
	return s->choice->view == TOP_REFUSALS ? "nothing was refused" : "no services";
}

static void
draw_table(const struct topscreen *s, const struct toplayout *at)
{
	struct toplayout_column c[TOP_COLUMNS];
	size_t columns = toplayout_columns(s->table, s->choice->sort, COLS, c);

	draw_head(s, at->head, c, columns);
	if (s->table->count == 0)
		put_line(at->body, empty_text(s), A_NORMAL);
	for (size_t i = s->first; i < s->table->count && i < s->first + (size_t)at->rows; i++)
		draw_row(s, at->body + (int)(i - s->first), i, c, columns);
}

/* ---- help ---- */

static const char *const help_lines[] = {
	"KEYS                                 Esc leaves this help",
	"  Up Down PgUp PgDn Home End         another row",
	"  Enter                              connections of the service in this row",
	"  s  c  r  Tab                       services, connections of all, refusals",
	"  Esc  Backspace                     no filter; back to the services",
	"  k  Del                             end the connection in this row (asks first)",
	"  <  >  Left Right                   sort by the column before, behind",
	"  R                                  the other way round",
	"  /                                  only rows with this text (Enter keeps it)",
	"  p  Space                           pause, go on",
	"  +  -                               look less often, more often",
	"  Ctrl-L                             draw anew",
	"  q                                  quit",
	"",
	"A capital letter sorts this table by a column:",
};
#define HELP_LINES (sizeof(help_lines) / sizeof(help_lines[0]))
_Static_assert(TOPSCREEN_HELP_LAST == HELP_LINES - 1, "the letters can always be seen");

/* "N SERVICE  S STATE ...": from column *next on, as many as fit. */
static void
letters_line(const struct topscreen *s, size_t *next, char *buf, size_t size)
{
	size_t used = 1, limit = (size_t)COLS < size ? (size_t)COLS : size;

	(void)strlcpy(buf, " ", size);
	for (; *next < s->table->columns; ++*next) {
		const struct top_column *c = &s->table->column[*next];
		size_t more = strlen(c->title) + 4;

		if (used + more >= limit)
			break;
		used += (size_t)snprintf(buf + used, size - used, " %c %s ", c->letter, c->title);
	}
}

static void
draw_help(const struct topscreen *s)
{
	char letters[512];
	size_t line = 0, next = 0, first = s->help_first;
	int y = 0, last = LINES - 1;

	for (; line < HELP_LINES; line++) {
		if (line >= first && y < last)
			put_line(y++, help_lines[line], line == 0 ? A_BOLD : A_NORMAL);
	}
	for (; next < s->table->columns && y < last; line++) {
		letters_line(s, &next, letters, sizeof(letters));
		if (line >= first)
			put_line(y++, letters, A_NORMAL);
	}
	put_line(last, "Up Down: more  Esc: back  q: quit", A_REVERSE);
}

/* ---- all of it ---- */

static const char *
keys_text(enum top_view view)
{
	switch (view) {
	case TOP_CONNECTIONS:
		return "? help  q quit  k kill  s services  r refusals  / filter  < > sort  R reverse";
	case TOP_REFUSALS:
		return "? help  q quit  Enter connections  s services  / filter  < > sort  R reverse";
	case TOP_SERVICES:
	case TOP_VIEWS:
		break;
	}
	return "? help  q quit  Enter connections  r refusals  / filter  < > sort  R reverse";
}

static void
draw_bottom(const struct topscreen *s, const struct toplayout *at)
{
	int y = at->message >= 0 ? at->message : at->keys;

	put_line(at->keys, keys_text(s->choice->view), A_REVERSE);
	if (s->message != NULL)
		put_line(y, s->message, s->question ? A_BOLD | A_REVERSE : A_BOLD);
}

int
topscreen_rows(void)
{
	struct toplayout at;

	return toplayout_lines(LINES, COLS, &at) ? at.rows : 1;
}

void
topscreen_draw(const struct topscreen *s)
{
	struct toplayout at;

	(void)erase();
	if (!toplayout_lines(LINES, COLS, &at)) {
		put_line(0, "too small", A_NORMAL);
	} else if (s->help) {
		draw_help(s);
	} else {
		draw_summary(s, at.summaries);
		draw_title(s, at.title);
		draw_table(s, &at);
		draw_bottom(s, &at);
	}
	(void)refresh();
}
