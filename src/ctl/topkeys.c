/* The keys of berthctl top */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../pure/scalar.h"
#include "../pure/xalloc.h"
#include "../sys/loop.h"
#include "top.h"

/* ---- the row, and where it leads ---- */

static const struct top_row *
selected(const struct top *t)
{
	size_t row = t->place[t->view].row;

	return row < t->table.count ? &t->table.row[row] : NULL;
}

static void
forget_place(struct place *p)
{
	free(p->key);
	*p = (struct place){ 0 };
}

static void
move(struct top *t, long by)
{
	struct place *p = &t->place[t->view];
	long row = (long)p->row + by, last = (long)t->table.count - 1;

	if (last < 0)
		return;
	p->row = (size_t)(row < 0 ? 0 : row > last ? last : row);
	free(p->key);
	p->key = xstrdup(t->table.row[p->row].key);
}

/* service: whose connections; NULL: of all. */
static void
turn(struct top *t, enum top_view view, const char *service)
{
	char *copy = service == NULL ? NULL : xstrdup(service);

	if (view == TOP_CONNECTIONS) {
		free(t->service);
		t->service = copy;
		forget_place(&t->place[view]);
		t->choice[view].service = t->service;
		t->choice[view].filter[0] = '\0';
	}
	t->view = view;
	toplink_turn(&t->link, view, t->service, loop_clock());
}

/* The service that the selected row is about; NULL: none. */
static const char *
service_here(const struct top *t)
{
	const struct top_row *row = selected(t);

	if (row == NULL || row->total || t->view == TOP_CONNECTIONS)
		return NULL;
	return row->cell[t->view == TOP_SERVICES ? 0 : 1].text;
}

/* ---- keys ---- */

static void
sort_beside(struct top *t, int by)
{
	struct top_choice *c = &t->choice[t->view];
	size_t columns;

	(void)topmodel_columns(t->view, &columns);
	topmodel_sort_by(c, (c->sort + columns + (size_t)by) % columns);
}

static bool
sort_by_letter(struct top *t, int key)
{
	size_t columns;
	const struct top_column *column = topmodel_columns(t->view, &columns);

	for (size_t i = 0; i < columns; i++) {
		if (column[i].letter == key) {
			topmodel_sort_by(&t->choice[t->view], i);
			return true;
		}
	}
	return false;
}

static void
step_back(struct top *t)
{
	if (t->choice[t->view].filter[0] != '\0')
		t->choice[t->view].filter[0] = '\0';
	else if (t->view != TOP_SERVICES)
		turn(t, TOP_SERVICES, NULL);
}

static void
ask_to_kill(struct top *t)
{
	const struct top_row *row = selected(t);

	if (t->view != TOP_CONNECTIONS) {
		top_say(t, "first go to a connection: Enter or c");
		return;
	}
	if (row == NULL)
		return;
	t->mode = TOP_MODE_KILL;
	t->victim = (json_int_t)row->cell[0].number;
	top_say(t, "end connection %s of %s, peer %s? y/n", row->cell[0].text, row->cell[1].text,
	    row->cell[2].text);
}

static void
pause_or_go_on(struct top *t)
{
	t->paused = !t->paused;
	t->next_ns = loop_clock();
}

static void
change_interval(struct top *t, int by)
{
	char text[SCALAR_DURATION_MAX];

	t->interval_ns = topmodel_interval(t->interval_ns, by);
	t->next_ns = loop_clock() + t->interval_ns;
	top_say(t, "every %s", scalar_format_duration(t->interval_ns, text, sizeof(text)));
}

/* Keys that move the row; false: it is none of these. */
static bool
key_moves(struct top *t, int key)
{
	long page = topscreen_rows();

	switch (key) {
	case TOPSCREEN_UP:
		move(t, -1);
		return true;
	case TOPSCREEN_DOWN:
		move(t, 1);
		return true;
	case TOPSCREEN_PAGE_UP:
		move(t, -page);
		return true;
	case TOPSCREEN_PAGE_DOWN:
		move(t, page);
		return true;
	case TOPSCREEN_HOME:
		move(t, -(long)t->table.count);
		return true;
	case TOPSCREEN_END:
		move(t, (long)t->table.count);
		return true;
	default:
		return false;
	}
}

/* Keys that choose what is shown; false: it is none of these. */
static bool
key_turns(struct top *t, int key)
{
	switch (key) {
	case '\r':
	case '\n':
		if (service_here(t) != NULL)
			turn(t, TOP_CONNECTIONS, service_here(t));
		return true;
	case 's':
		turn(t, TOP_SERVICES, NULL);
		return true;
	case 'c':
		turn(t, TOP_CONNECTIONS, NULL);
		return true;
	case 'r':
		turn(t, TOP_REFUSALS, NULL);
		return true;
	case '\t':
		turn(t, (t->view + 1) % TOP_VIEWS, NULL);
		return true;
	case '\033':
	case TOPSCREEN_BACK:
		step_back(t);
		return true;
	default:
		return false;
	}
}

/* Keys that sort; false: it is none of these. */
static bool
key_sorts(struct top *t, int key)
{
	switch (key) {
	case '<':
	case TOPSCREEN_LEFT:
		sort_beside(t, -1);
		return true;
	case '>':
	case TOPSCREEN_RIGHT:
		sort_beside(t, 1);
		return true;
	case 'R':
		t->choice[t->view].falling = !t->choice[t->view].falling;
		return true;
	default:
		return sort_by_letter(t, key);
	}
}

static void
key_of_table(struct top *t, int key)
{
	if (key_moves(t, key))
		return;
	t->stale = true;
	if (key_turns(t, key) || key_sorts(t, key))
		return;
	switch (key) {
	case 'q':
		t->quit = true;
		break;
	case '?':
	case 'h':
	case TOPSCREEN_HELP:
		t->mode = TOP_MODE_HELP;
		t->help_first = 0;
		break;
	case '/':
		t->mode = TOP_MODE_FILTER;
		break;
	case 'k':
	case TOPSCREEN_DELETE:
		ask_to_kill(t);
		break;
	case 'p':
	case ' ':
		pause_or_go_on(t);
		break;
	case '+':
	case '-':
		change_interval(t, key == '+' ? 1 : -1);
		break;
	case '\f':
		topscreen_renew();
		break;
	default:
		top_say(t, "? tells the keys");
	}
}

static void
key_of_help(struct top *t, int key)
{
	if (key == TOPSCREEN_UP && t->help_first > 0)
		t->help_first--;
	else if (key == TOPSCREEN_DOWN && t->help_first < TOPSCREEN_HELP_LAST)
		t->help_first++;
	else if (key == 'q')
		t->quit = true;
	else if (key != TOPSCREEN_UP && key != TOPSCREEN_DOWN)
		t->mode = TOP_MODE_TABLE;
}

static void
key_of_question(struct top *t, int key)
{
	t->mode = TOP_MODE_TABLE;
	if (key != 'y')
		top_say(t, "connection %lld: left alone", (long long)t->victim);
	else if (toplink_kill(&t->link, t->victim, loop_clock()))
		top_say(t, "connection %lld: asked berthd to end it", (long long)t->victim);
	else
		top_say(t, "connection %lld: berthd is away", (long long)t->victim);
}

/* Without its last character, in UTF-8 or what else the locale has. */
static void
shorten(char *text)
{
	size_t at = 0, last = 0, n;
	mbstate_t state = { 0 };

	while (text[at] != '\0') {
		n = mbrlen(text + at, strlen(text + at), &state);
		last = at;
		at += n == 0 || n > strlen(text + at) ? 1 : n;
	}
	text[last] = '\0';
}

static void
lengthen(char *text, size_t size, wchar_t c)
{
	char bytes[MB_LEN_MAX + 1];
	mbstate_t state = { 0 };
	size_t n = wcrtomb(bytes, c, &state);

	if (c < ' ' || n == (size_t)-1 || strlen(text) + n >= size)
		return;
	bytes[n] = '\0';
	(void)strlcat(text, bytes, size);
}

static void
key_of_filter(struct top *t, int key)
{
	char *filter = t->choice[t->view].filter;

	t->stale = true;
	if (key == '\r' || key == '\n' || key == '\033')
		t->mode = TOP_MODE_TABLE;
	if (key == '\033' || key == ('u' & 0x1f))
		filter[0] = '\0';
	else if (key == TOPSCREEN_BACK)
		shorten(filter);
	else if (key < TOPSCREEN_UP)
		lengthen(filter, TOP_FILTER_MAX, (wchar_t)key);
}

void
top_take_key(struct top *t, int key)
{
	static void (*const takers[])(struct top *, int) = {
		[TOP_MODE_TABLE] = key_of_table, [TOP_MODE_HELP] = key_of_help, [TOP_MODE_FILTER] = key_of_filter,
		[TOP_MODE_KILL] = key_of_question,
	};

	if (t->mode != TOP_MODE_KILL)
		t->message[0] = '\0';
	takers[t->mode](t, key);
}
