#include "pageview.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../pure/advice.h"
#include "../pure/amount.h"
#include "../pure/html.h"
#include "../pure/text.h"
#include "../pure/totals.h"
#include "../pure/xalloc.h"
#include "ctl.h"
#include "pagechart.h"
#include "pageparts.h"
#include "pagetables.h"

#define PROBLEMS_MAX 50		/* more are only counted */

/* Made from page.css and page.js by the Makefile, with the hashes by which a policy names them. */
extern const char page_style[], page_style_hash[], page_script[], page_script_hash[];

static const json_t *
daemon_of(const struct pageview *v)
{
	return json_object_get(v->status, "berthd");
}

static const json_t *
pool_of(const struct pageview *v)
{
	return json_object_get(v->status, "pool");
}

static void
put_time(struct html *h, double seconds)
{
	time_t at = (time_t)seconds;
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &tm);
	html_put(h, "%s", text);
}

/* ---- what is wrong ---- */

static const char *
kind_of(const char *grade)
{
	if (strcmp(grade, "error") == 0)
		return "bad";
	return strcmp(grade, "warning") == 0 ? "warn" : "quiet";
}

static void
put_details(struct html *h, const json_t *details)
{
	const json_t *d;
	size_t i;

	json_array_foreach(details, i, d)
		html_put(h, "<span class=\"sub\">%s</span>", json_string_value(d));
}

/* What stands between two ` is a command. */
static void
put_todo(struct html *h, const char *todo)
{
	char *parts = xstrdup(todo), *at = parts, *part;
	bool command = false;

	html_markup(h, "<span class=\"todo\">");
	while ((part = strsep(&at, "`")) != NULL) {
		html_put(h, command ? "<code>%s</code>" : "%s", part);
		command = !command;
	}
	html_markup(h, "</span>");
	free(parts);
}

static void
put_problem(struct html *h, const json_t *p)
{
	const char *service = ctl_string(p, "service");
	const json_t *todo;
	size_t i;

	html_markup(h, "<li>");
	pageparts_badge(h, kind_of(ctl_string(p, "grade")), ctl_string(p, "grade"));
	html_markup(h, "<div>");
	if (service[0] != '\0')
		html_put(h, "<b>%s</b>: ", service);
	html_put(h, "%s", ctl_string(p, "problem"));
	put_details(h, json_object_get(p, "details"));
	json_array_foreach(json_object_get(p, "todo"), i, todo)
		put_todo(h, json_string_value(todo));
	html_markup(h, "</div></li>\n");
}

static void
put_problems(struct html *h, const json_t *problems)
{
	const json_t *p;
	size_t i;

	if (json_array_size(problems) == 0)
		return;
	html_put(h, "<h2>%s</h2>\n<ul class=\"findings card\">\n",
	    advice_is_bad(problems) ? "What is wrong, and what to do" : "To be known");
	json_array_foreach(problems, i, p)
		if (i < PROBLEMS_MAX)
			put_problem(h, p);
	html_markup(h, "</ul>\n");
	pageparts_more(h, PROBLEMS_MAX, json_array_size(problems), "", "berthctl status --all");
}

/* ---- the first look ---- */

static void
put_tile(struct html *h, const char *name, long long count)
{
	html_put(h, "<li><span class=\"label\">%s</span><span class=\"big\">", name);
	pageparts_count(h, count);
	html_markup(h, "</span>");
}

static void
put_pool_tile(struct html *h, const json_t *pool)
{
	put_tile(h, "Live handlers", ctl_number(pool, "active"));
	html_markup(h, "<span class=\"sub\">of ");
	pageparts_count(h, ctl_number(pool, "limit"));
	html_markup(h, " places, peak ");
	pageparts_count(h, ctl_number(pool, "peak"));
	pagechart_bar(h, ctl_number(pool, "active"), ctl_number(pool, "limit"));
	html_markup(h, "</span></li>\n");
}

static void
put_berthd_tile(struct html *h, const json_t *d)
{
	char up[AMOUNT_TEXT_MAX];

	html_put(h, "<li><span class=\"label\">berthd is up</span><span class=\"big\">%s</span>"
	    "<span class=\"sub\">pid %lld, version %s</span></li>\n",
	    amount_duration(json_number_value(json_object_get(d, "uptime")), up, sizeof(up)),
	    ctl_number(d, "pid"), ctl_string(d, "version"));
}

/* One with two more counts below. */
static void
put_counts_tile(struct html *h, const char *name, long long count, long long one, const char *what,
    long long other, const char *other_what)
{
	put_tile(h, name, count);
	html_markup(h, "<span class=\"sub\">");
	pageparts_count(h, one);
	html_put(h, " %s, ", what);
	pageparts_count(h, other);
	html_put(h, " %s</span></li>\n", other_what);
}

static void
put_tiles(struct html *h, const struct pageview *v)
{
	struct totals t = totals_make(v->services);

	html_markup(h, "<ul class=\"tiles\">\n");
	put_pool_tile(h, pool_of(v));
	put_counts_tile(h, "Accepted", t.accepted, t.ended, "ended", t.pending, "pending");
	put_counts_tile(h, "Refused", t.refused, t.failed, "failed", t.evicted, "evicted");
	put_tile(h, "Open services", (long long)totals_in_state(v->services, "open"));
	html_markup(h, "<span class=\"sub\">of ");
	pageparts_count(h, (long long)json_array_size(v->services));
	html_markup(h, "</span></li>\n");
	put_berthd_tile(h, daemon_of(v));
	html_markup(h, "</ul>\n");
}

/* ---- berthd ---- */

static void
put_fact(struct html *h, const char *name, const char *value)
{
	html_put(h, "<dt>%s</dt><dd>%s</dd>\n", name, value[0] != '\0' ? value : "none");
}

static void
put_berthd(struct html *h, const struct pageview *v)
{
	const json_t *d = daemon_of(v), *directories = json_object_get(d, "directories"), *dir;
	size_t i;

	html_markup(h, "<h2>berthd</h2>\n<dl class=\"facts card\">\n<dt>Started</dt><dd>");
	put_time(h, json_number_value(json_object_get(d, "started")));
	html_put(h, ", generation %lld of its statistics</dd>\n", ctl_number(d, "generation"));
	put_fact(h, "Statistics", ctl_string(d, "statistics"));
	put_fact(h, "Settings", ctl_string(d, "settings"));
	html_markup(h, "<dt>Services</dt><dd>");
	json_array_foreach(directories, i, dir)
		html_put(h, "%s%s", i > 0 ? ", " : "", json_string_value(dir));
	html_markup(h, "</dd>\n");
	put_fact(h, "Places", ctl_string(pool_of(v), "arithmetic"));
	put_fact(h, "Log level", ctl_string(d, "log_level"));
	html_markup(h, "</dl>\n");
}

/* ---- the document ---- */

/* frames: where it can be said that nobody may put the page into a frame, which is in a header only. */
static char *
policy(unsigned refresh, bool frames)
{
	return text_make("default-src 'none'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'"
	    "%s%s%s%s", page_style_hash, refresh > 0 ? "; connect-src 'self'; script-src '" : "",
	    refresh > 0 ? page_script_hash : "", refresh > 0 ? "'" : "", frames ? "; frame-ancestors 'none'" : "");
}

char *
pageview_policy(unsigned refresh)
{
	return policy(refresh, true);
}

static void
put_head(struct html *h, const struct pageview *v)
{
	char *csp = policy(v->refresh, false);

	html_put(h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n<title>%s: berth %s</title>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n", csp, v->host, v->health);
	html_markup(h, "<style>");
	html_markup(h, page_style);
	html_markup(h, "</style>\n");
	if (v->refresh > 0)
		html_put(h, "<noscript><meta http-equiv=\"refresh\" content=\"%lld\"></noscript>\n", (long long)v->refresh);
	html_markup(h, "</head>\n");
	free(csp);
}

static void
put_as_of(struct html *h, const struct pageview *v)
{
	const json_t *d = daemon_of(v);

	html_markup(h, "<p class=\"asof\">");
	if (v->status != NULL) {
		html_markup(h, "as of ");
		put_time(h, json_number_value(json_object_get(d, "started")) +
		    json_number_value(json_object_get(d, "uptime")));
	}
	if (v->refresh > 0)
		html_put(h, "%severy %lld s", v->status != NULL ? ", " : "asked again ", (long long)v->refresh);
	html_markup(h, "</p>");
}

/* What is replaced by a newer one is marked. */
static void
put_top(struct html *h, const struct pageview *v)
{
	const char *worst = ctl_string(json_array_get(v->problems, 0), "grade");

	if (v->refresh > 0)
		html_put(h, "<body data-refresh=\"%lld\">\n", (long long)v->refresh);
	else
		html_markup(h, "<body>\n");
	html_put(h, "<header>\n<div class=\"head\" data-live><h1>berth on %s</h1>", v->host);
	pageparts_badge(h, advice_is_bad(v->problems) ? kind_of(worst) : "good", v->health);
	put_as_of(h, v);
	html_markup(h, "</div>\n");
	if (v->refresh > 0)
		html_markup(h, "<button id=\"hold\" type=\"button\" hidden>Pause</button>\n");
	html_markup(h, "</header>\n<p id=\"lost\" class=\"lost\" role=\"status\" hidden></p>\n<main data-live>\n");
}

static void
put_bottom(struct html *h, const struct pageview *v)
{
	html_put(h, "</main>\n<footer>berth %s. This page reads and changes nothing.</footer>\n", BERTH_VERSION);
	if (v->refresh > 0) {
		html_markup(h, "<script>");
		html_markup(h, page_script);
		html_markup(h, "</script>\n");
	}
	html_markup(h, "</body>\n</html>\n");
}

static void
put_answers(struct html *h, const struct pageview *v)
{
	put_tiles(h, v);
	put_problems(h, v->problems);
	pagetables_services(h, v->services);
	pagetables_refusals(h, v->services);
	pagetables_waits(h, v->services);
	pagetables_connections(h, v->connections);
	put_berthd(h, v);
}

char *
pageview_render(const struct pageview *v)
{
	struct html h = { 0 };

	put_head(&h, v);
	put_top(&h, v);
	if (v->status != NULL)
		put_answers(&h, v);
	else
		put_problems(&h, v->problems);
	put_bottom(&h, v);
	return html_take(&h);
}
