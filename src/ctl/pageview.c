#include "pageview.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../pure/amount.h"
#include "../pure/html.h"
#include "../pure/xalloc.h"
#include "ctl.h"
#include "pagechart.h"
#include "pageparts.h"
#include "pagetables.h"

#define FINDINGS_MAX 50		/* of a level; more are only counted */

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

enum level { BAD, WARN };

static const char *const level_kinds[] = { "bad", "warn" }, *const level_words[] = { "error", "warning" };

/* Items of a list, by level. */
struct findings {
	struct html list[2];
	size_t count[2];
};

static void
find(struct findings *f, enum level level, const char *where, const char *text, const char *more)
{
	struct html *h = &f->list[level];

	if (f->count[level]++ >= FINDINGS_MAX)
		return;
	html_markup(h, "<li>");
	pageparts_badge(h, level_kinds[level], level_words[level]);
	html_put(h, "<span><b>%s</b>: %s%s%s</span></li>\n", where, text, more[0] != '\0' ? ": " : "", more);
}

static void
find_texts(struct findings *f, enum level level, const char *where, const json_t *texts)
{
	const json_t *t;
	size_t i;

	json_array_foreach(texts, i, t)
		find(f, level, where, json_string_value(t), "");
}

static void
find_in_service(struct findings *f, const json_t *s)
{
	const char *name = ctl_string(s, "name"), *gate = ctl_string(s, "gate");
	const json_t *e;
	size_t i;

	find_texts(f, BAD, name, json_object_get(s, "errors"));
	json_array_foreach(json_object_get(s, "endpoints"), i, e)
		if (ctl_string(e, "reason")[0] != '\0')
			find(f, strcmp(ctl_string(e, "state"), "waiting") == 0 ? BAD : WARN, name,
			    ctl_string(e, "endpoint"), ctl_string(e, "reason"));
	if (gate[0] != '\0')
		find(f, WARN, name, "starts no handler now", gate);
	find_texts(f, WARN, name, json_object_get(s, "warnings"));
}

static void
find_in_daemon(struct findings *f, const struct pageview *v)
{
	const json_t *d = daemon_of(v), *pool = pool_of(v);
	char dropped[AMOUNT_TEXT_MAX];

	find_texts(f, BAD, "berthd", json_object_get(d, "errors"));
	if (json_is_true(json_object_get(d, "stopping")))
		find(f, WARN, "berthd", "it is stopping", "");
	if (json_is_true(json_object_get(pool, "shortage")))
		find(f, BAD, "pool", "accepting is paused", "the system has no descriptor, memory or process to give");
	if (ctl_number(pool, "active") >= ctl_number(pool, "limit"))
		find(f, WARN, "pool", "all places are taken", "");
	if (ctl_string(d, "statistics")[0] == '\0')
		find(f, WARN, "berthd", "no statistics file", "the counts end with this process");
	if (ctl_number(pool, "failed_open") > 0)
		find(f, WARN, "pool", "the table of sources was full",
		    "connections were judged without their history");
	if (ctl_number(d, "log_dropped") > 0)
		find(f, WARN, "log", "lines that no log took",
		    amount_count(ctl_number(d, "log_dropped"), dropped, sizeof(dropped)));
}

static void
find_all(struct findings *f, const struct pageview *v)
{
	const json_t *s;
	size_t i;

	find_in_daemon(f, v);
	json_array_foreach(v->services, i, s)
		find_in_service(f, s);
}

/* Errors first. */
static void
put_findings(struct html *h, struct findings *f)
{
	if (f->count[BAD] + f->count[WARN] > 0)
		html_markup(h, "<h2>What is wrong</h2>\n");
	for (enum level level = BAD; level <= WARN; level++) {
		char *items = html_take(&f->list[level]);

		if (f->count[level] > 0) {
			html_markup(h, "<ul class=\"findings card\">\n");
			html_markup(h, items);
			html_markup(h, "</ul>\n");
		}
		pageparts_more(h, FINDINGS_MAX, f->count[level], level_words[level], "berthctl list");
		free(items);
	}
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

struct totals {
	long long open, accepted, pending, ended, failed, evicted, refused;
};

static struct totals
totals_of(const json_t *services)
{
	struct totals t = { 0 };
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s) {
		t.open += strcmp(ctl_string(s, "state"), "open") == 0;
		t.accepted += ctl_number(s, "accepted");
		t.pending += ctl_number(s, "pending");
		t.ended += ctl_number(s, "ended");
		t.failed += ctl_number(s, "failed");
		t.evicted += ctl_number(s, "evicted");
		t.refused += pageparts_refused(s);
	}
	return t;
}

static void
put_tiles(struct html *h, const struct pageview *v)
{
	struct totals t = totals_of(v->services);

	html_markup(h, "<ul class=\"tiles\">\n");
	put_pool_tile(h, pool_of(v));
	put_tile(h, "Accepted", t.accepted);
	html_markup(h, "<span class=\"sub\">");
	pageparts_count(h, t.ended);
	html_markup(h, " ended, ");
	pageparts_count(h, t.pending);
	html_markup(h, " pending</span></li>\n");
	put_tile(h, "Refused", t.refused);
	html_markup(h, "<span class=\"sub\">");
	pageparts_count(h, t.failed);
	html_markup(h, " failed, ");
	pageparts_count(h, t.evicted);
	html_markup(h, " evicted</span></li>\n");
	put_tile(h, "Open services", t.open);
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
	char *text;
	int n = asprintf(&text, "default-src 'none'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'"
	    "%s%s%s%s", page_style_hash, refresh > 0 ? "; connect-src 'self'; script-src '" : "",
	    refresh > 0 ? page_script_hash : "", refresh > 0 ? "'" : "", frames ? "; frame-ancestors 'none'" : "");

	assert(n >= 0);
	return text;
}

char *
pageview_policy(unsigned refresh)
{
	return policy(refresh, true);
}

static void
put_head(struct html *h, const struct pageview *v, const char *state)
{
	char *csp = policy(v->refresh, false);

	html_put(h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n<title>%s: berth %s</title>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n", csp, v->host, state);
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
	if (v->trouble == NULL) {
		html_markup(h, "as of ");
		put_time(h, json_number_value(json_object_get(d, "started")) +
		    json_number_value(json_object_get(d, "uptime")));
	}
	if (v->refresh > 0)
		html_put(h, "%severy %lld s", v->trouble == NULL ? ", " : "asked again ", (long long)v->refresh);
	html_markup(h, "</p>");
}

/* What is replaced by a newer one is marked. */
static void
put_top(struct html *h, const struct pageview *v, const char *kind, const char *state)
{
	if (v->refresh > 0)
		html_put(h, "<body data-refresh=\"%lld\">\n", (long long)v->refresh);
	else
		html_markup(h, "<body>\n");
	html_put(h, "<header>\n<div class=\"head\" data-live><h1>berth on %s</h1>", v->host);
	pageparts_badge(h, kind, state);
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
put_answers(struct html *h, const struct pageview *v, struct findings *f)
{
	put_tiles(h, v);
	put_findings(h, f);
	pagetables_services(h, v->services);
	pagetables_refusals(h, v->services);
	pagetables_waits(h, v->services);
	pagetables_connections(h, v->connections);
	put_berthd(h, v);
}

char *
pageview_render(const struct pageview *v)
{
	struct findings f = { 0 };
	struct html h = { 0 };
	const char *state = "does not answer";
	enum level level = BAD;

	if (v->trouble == NULL) {
		find_all(&f, v);
		level = f.count[BAD] > 0 ? BAD : WARN;
		state = f.count[BAD] > 0 ? "in trouble" : f.count[WARN] > 0 ? "with warnings" : "in order";
	}
	put_head(&h, v, state);
	put_top(&h, v, v->trouble == NULL && f.count[BAD] + f.count[WARN] == 0 ? "good" : level_kinds[level], state);
	if (v->trouble != NULL)
		html_put(&h, "<p class=\"lost\">%s</p>\n", v->trouble);
	else
		put_answers(&h, v, &f);
	put_bottom(&h, v);
	return html_take(&h);
}
