#include "pageparts.h"

#include "../pure/amount.h"
#include "ctl.h"

void
pageparts_count(struct html *h, long long count)
{
	char text[AMOUNT_TEXT_MAX];

	html_put(h, "%s", amount_count(count, text, sizeof(text)));
}

void
pageparts_count_cell(struct html *h, long long count)
{
	html_put(h, "<td class=\"n%s\">", count == 0 ? " zero" : "");
	pageparts_count(h, count);
	html_markup(h, "</td>");
}

void
pageparts_dash_cell(struct html *h)
{
	html_markup(h, "<td class=\"n zero\">–</td>");
}

void
pageparts_badge(struct html *h, const char *kind, const char *text)
{
	html_put(h, "<span class=\"badge %s\">%s</span>", kind, text);
}

void
pageparts_more(struct html *h, size_t shown, size_t count, const char *what, const char *command)
{
	if (count <= shown)
		return;
	html_markup(h, "<p class=\"note\">and ");
	pageparts_count(h, (long long)(count - shown));
	html_put(h, " more%s%s: <code>%s</code></p>\n", what[0] != '\0' ? " " : "", what, command);
}

void
pageparts_table_begin(struct html *h, const char *label)
{
	html_put(h, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">\n<table>\n", label);
}

void
pageparts_table_end(struct html *h)
{
	html_markup(h, "</tbody>\n</table>\n</div>\n");
}
