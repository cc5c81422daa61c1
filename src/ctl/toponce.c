/* berthctl top --once: what the screen would show, as text or JSON */
#include <sys/ioctl.h>

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../sys/loop.h"
#include "top.h"

#define ONCE_TIME	(10 * TOP_SECOND)	/* for each answer */

static void
print_cells(const struct top_table *table, const struct top_row *row, const struct toplayout_column *c,
    size_t columns)
{
	int x = 0, used;

	for (size_t i = 0; i < columns; i++) {
		const struct top_column *of = &table->column[c[i].column];
		const char *text = row == NULL ? of->title : row->cell[c[i].column].text;
		char *cut = toplayout_cut(text, c[i].width, &used);
		int at = topmodel_is_number(of) ? c[i].x + c[i].width - used : c[i].x;

		if (used > 0)
			(void)printf("%*s%s", at - x, "", cut);
		x = used > 0 ? at + used : x;
		free(cut);
	}
	(void)putchar('\n');
}

static void
print_text(char *text)
{
	char *cut = toplayout_cut(text, INT_MAX, NULL);

	(void)puts(cut);
	free(cut);
	free(text);
}

static void
print_table(struct top *t, enum top_view view, int width)
{
	struct toplayout_column c[TOP_COLUMNS];
	size_t columns;

	t->view = view;
	topmodel_table_free(&t->table);
	topmodel_table(&t->model, &t->choice[view], &t->table);
	columns = toplayout_columns(&t->table, 0, width, c);
	(void)putchar('\n');
	print_text(topmodel_title(&t->choice[view], &t->table));
	if (t->table.count == 0)
		return;
	print_cells(&t->table, NULL, c, columns);
	for (size_t i = 0; i < t->table.count; i++)
		print_cells(&t->table, &t->table.row[i], c, columns);
}

static void
print_once(struct top *t)
{
	struct winsize size;
	int width = INT_MAX / 2;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= TOPLAYOUT_WIDTH_MIN)
		width = size.ws_col;
	for (int i = 0; i < TOP_SUMMARY; i++)
		print_text(topmodel_summary(&t->model, i));
	if (t->service != NULL) {
		print_table(t, TOP_CONNECTIONS, width);
		return;
	}
	print_table(t, TOP_SERVICES, width);
	print_table(t, TOP_REFUSALS, width);
}

/* Ask, and wait for all answers; the exit status. */
static int
ask_and_wait(struct top *t)
{
	int64_t end = loop_clock() + ONCE_TIME;
	struct pollfd p;

	toplink_ask(&t->link, t->view, t->service, loop_clock());
	while (t->link.failed == 0 && t->link.said.text[0] == '\0' && t->link.count > 0 && loop_clock() < end) {
		p = (struct pollfd){ t->link.client.fd, client_events(&t->link.client), 0 };
		(void)poll(&p, 1, (int)((end - loop_clock()) / TOP_MS) + 1);
		(void)toplink_step(&t->link, loop_clock());
	}
	if (t->link.said.text[0] != '\0') {
		ctl_complain("%s", t->link.said.text);
		return CTL_NO;
	}
	if (t->link.failed == 0 && t->link.count > 0)
		ctl_complain("berthd does not answer");
	else if (t->link.failed != 0)
		ctl_complain("%s", t->link.why.text);
	return t->link.failed == 0 && t->link.count > 0 ? EX_UNAVAILABLE : t->link.failed;
}

int
top_once(struct top *t, bool as_json)
{
	struct timespec interval = { t->interval_ns / TOP_SECOND, t->interval_ns % TOP_SECOND };
	json_t *answer;
	int status = ask_and_wait(t);

	if (status == 0) {
		(void)nanosleep(&interval, NULL);
		status = ask_and_wait(t);
	}
	if (status != 0)
		return status;
	if (!as_json) {
		print_once(t);
		return 0;
	}
	answer = topmodel_json(&t->model);
	ctl_print_json(answer);
	json_decref(answer);
	return 0;
}
