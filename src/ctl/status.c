/* berthctl status: how berthd is, what is wrong and what to do about it, on one screen */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../pure/stats.h"
#include "../pure/totals.h"
#include "ctl.h"
#include "inquiry.h"

#define INDENT 10
#define PROBLEMS_MAX 8		/* without --all */
#define SLOTS_MAX 12

/* ---- problems ---- */

static enum ctl_colour
grade_colour(const char *grade)
{
	if (strcmp(grade, "note") == 0)
		return CTL_FAINT;
	return strcmp(grade, "error") == 0 ? CTL_BAD : CTL_CARE;
}

static void
print_lines(const char *head, const json_t *lines)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
		ctl_paragraph(head, CTL_PLAIN, INDENT + 2 * (head[0] != '\0'), "%s",
		    json_string_value(line));
}

static void
print_problem(const json_t *p)
{
	const char *grade = ctl_string(p, "grade"), *service = ctl_string(p, "service");

	ctl_paragraph(grade, grade_colour(grade), INDENT, "%s%s%s", service,
	    service[0] != '\0' ? ": " : "", ctl_string(p, "problem"));
	print_lines("", json_object_get(p, "details"));
	print_lines("        ->", json_object_get(p, "todo"));
}

static void
print_problems(const json_t *problems, bool all)
{
	size_t n = json_array_size(problems), i;
	const json_t *p;

	if (n > 0)
		(void)putchar('\n');
	json_array_foreach(problems, i, p) {
		/* "and 1 more" is as long as that one may be */
		if (!all && i == PROBLEMS_MAX && n > PROBLEMS_MAX + 1) {
			ctl_print(stdout, "and %zu more: berthctl status --all", n - i);
			break;
		}
		print_problem(p);
	}
}

/* ---- the head of the screen ---- */

/* What all services together have counted: an object of accepted, refused, failed and evicted. */
static json_t *
count_all(const json_t *services)
{
	struct totals t = totals_make(services);

	return json_pack("{s:I,s:I,s:I,s:I}", "accepted", (json_int_t)t.accepted, "refused",
	    (json_int_t)t.refused, "failed", (json_int_t)t.failed, "evicted", (json_int_t)t.evicted);
}

/* How many services are in each state that occurs; open is there in any case. */
static json_t *
count_states(const json_t *services)
{
	json_t *states = json_object();

	for (size_t i = 0; totals_states[i] != NULL; i++) {
		size_t n = totals_in_state(services, totals_states[i]);

		if (n > 0 || i == 0)
			(void)json_object_set_new(states, totals_states[i], json_integer((json_int_t)n));
	}
	return states;
}

static void
print_counted(const json_t *counted)
{
	ctl_paragraph("counted", CTL_FAINT, INDENT,
	    "%lld accepted, %lld refused, %lld failed, %lld evicted", ctl_number(counted, "accepted"),
	    ctl_number(counted, "refused"), ctl_number(counted, "failed"),
	    ctl_number(counted, "evicted"));
}

static void
print_pool(long long active, long long limit, long long peak)
{
	ctl_paragraph("pool", CTL_FAINT, INDENT, "%lld of %lld places taken, at most %lld so far", active,
	    limit, peak);
}

static void
print_screen(const json_t *answer, const json_t *services, bool all)
{
	const json_t *berthd = json_object_get(answer, "berthd"), *pool = json_object_get(answer, "pool");
	const json_t *problems = json_object_get(answer, "problems");
	char health[ADVICE_HEALTH_MAX], up[CTL_DURATION_MAX], states[TOTALS_STATES_MAX];

	ctl_paragraph("health", advice_is_bad(problems) ? CTL_BAD : CTL_GOOD, INDENT, "%s",
	    advice_health(problems, health, sizeof(health)));
	ctl_paragraph("berthd", CTL_FAINT, INDENT, "%s, pid %lld, up %s", ctl_string(berthd, "version"),
	    ctl_number(berthd, "pid"),
	    ctl_duration(json_number_value(json_object_get(berthd, "uptime")), up, sizeof(up)));
	print_pool(ctl_number(pool, "active"), ctl_number(pool, "limit"), ctl_number(pool, "peak"));
	ctl_paragraph("services", CTL_FAINT, INDENT, "%s", json_array_size(services) == 0 ? "none"
	    : totals_states_text(services, states, sizeof(states)));
	print_counted(json_object_get(answer, "counted"));
	print_problems(problems, all);
}

static int
report_answer(const struct ctl *c, const struct inquiry *q, bool all)
{
	struct advice_facts facts = inquiry_facts(q);
	json_t *problems = advice_make(&facts);
	bool bad = advice_is_bad(problems);
	json_t *answer = json_pack("{s:s,s:O,s:O,s:o,s:o,s:o}", "health", bad ? "trouble" : "ok", "berthd",
	    json_object_get(q->status, "berthd"), "pool", json_object_get(q->status, "pool"), "services",
	    count_states(q->services), "counted", count_all(q->services), "problems", problems);

	if (c->json)
		ctl_print_json(answer);
	else
		print_screen(answer, q->services, all);
	json_decref(answer);
	return bad ? CTL_NO : 0;
}

/* ---- no answer: what is seen from outside ---- */

static double
seconds_of(int64_t ns)
{
	return (double)ns / 1e9;
}

/* "2026-11-21 18:01:22", local time. */
static const char *
date_of(int64_t realtime_ns, char *buf, size_t size)
{
	time_t t = (time_t)(realtime_ns / 1000000000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(buf, size, "%F %T", &tm) == 0)
		buf[0] = '\0';
	return buf;
}

/* When something was last recorded; 0: there is nothing. */
static int64_t
last_event_ns(const struct stats *s)
{
	struct stats_event e;

	return s->head->next_event > 1 && stats_event(s, s->head->next_event - 1, &e) ? e.realtime_ns : 0;
}

static json_t *
slots_json(const struct stats *s)
{
	json_t *services = json_array(), *one;

	for (size_t i = 0; i < s->head->slots; i++) {
		if (s->slot[i].generation == 0)
			continue;
		one = stats_json(&s->slot[i].count, false);
		(void)json_object_set_new(one, "name", json_stringn(s->slot[i].name,
		    strnlen(s->slot[i].name, STATS_NAME)));
		(void)json_object_set_new(one, "open",
		    json_integer((json_int_t)stats_open(&s->slot[i].count)));
		(void)json_array_append_new(services, one);
	}
	return services;
}

/* The counters of the file as an object; null: there is none that can be read. */
static json_t *
statistics_json(const struct inquiry_outside *o)
{
	const struct stats_head *h = o->stats.head;
	json_t *services;

	if (!o->counted)
		return json_null();
	services = slots_json(&o->stats);
	return json_pack("{s:I,s:f,s:f,s:I,s:I,s:I,s:o,s:o}", "pid", (json_int_t)h->pid, "started",
	    seconds_of(h->started_realtime_ns), "last_event", seconds_of(last_event_ns(&o->stats)),
	    "active", (json_int_t)h->active, "peak", (json_int_t)h->peak, "limit", (json_int_t)h->limit,
	    "counted", count_all(services), "services", services);
}

static void
print_slots(const json_t *services)
{
	struct ctl_table t = { 0 };
	const json_t *s;
	size_t i;

	ctl_table_row(&t, "SERVICE", "OPEN", "ACCEPTED", "REFUSED", "FAILED", NULL);
	json_array_foreach(services, i, s) {
		char n[4][24];

		if (i == SLOTS_MAX)
			break;
		(void)snprintf(n[0], sizeof(n[0]), "%lld", ctl_number(s, "open"));
		(void)snprintf(n[1], sizeof(n[1]), "%lld", ctl_number(s, "accepted"));
		(void)snprintf(n[2], sizeof(n[2]), "%lld", totals_sum(json_object_get(s, "refused")));
		(void)snprintf(n[3], sizeof(n[3]), "%lld", ctl_number(s, "failed"));
		ctl_table_row(&t, ctl_string(s, "name"), n[0], n[1], n[2], n[3], NULL);
	}
	if (json_array_size(services) > SLOTS_MAX)
		ctl_table_note(&t, "and %zu more services", json_array_size(services) - SLOTS_MAX);
	(void)putchar('\n');
	ctl_table_print(&t);
}

static void
print_outside(const struct inquiry_outside *o, const json_t *answer)
{
	const json_t *statistics = json_object_get(answer, "statistics");
	const struct stats_head *h = o->stats.head;
	char started[32], last[32];
	int64_t event_ns;

	ctl_paragraph("health", CTL_BAD, INDENT, "%s", ctl_string(answer, "health"));
	if (!o->counted) {
		ctl_paragraph("counted", CTL_FAINT, INDENT, "nothing is known: %s", o->why.text);
	} else {
		event_ns = last_event_ns(&o->stats);
		ctl_paragraph(o->silence.alive ? "berthd" : "the last", CTL_FAINT, INDENT,
		    "pid %lld, started %s%s%s", (long long)h->pid,
		    date_of(h->started_realtime_ns, started, sizeof(started)),
		    event_ns > 0 ? ", last connection " : "",
		    event_ns > 0 ? date_of(event_ns, last, sizeof(last)) : "");
		print_pool((long long)h->active, (long long)h->limit, (long long)h->peak);
		print_counted(json_object_get(statistics, "counted"));
	}
	print_problems(json_object_get(answer, "problems"), true);
	if (json_array_size(json_object_get(statistics, "services")) > 0)
		print_slots(json_object_get(statistics, "services"));
}

static void
report_outside(const struct ctl *c, const struct inquiry *q)
{
	struct inquiry_outside o;
	json_t *answer;

	inquiry_outside(q, &o);
	answer = json_pack("{s:s,s:s,s:o,s:o}", "health", o.health, "control", q->control, "statistics",
	    statistics_json(&o), "problems", advice_unanswered(&o.silence));
	if (c->json)
		ctl_print_json(answer);
	else
		print_outside(&o, answer);
	json_decref(answer);
	inquiry_outside_fini(&o);
}

int
ctl_status(struct ctl *c, int argc, char **argv)
{
	bool all = false;
	struct inquiry q;
	struct diag why;
	int status;

	while (ctl_option(c, argc, argv) != -1)
		all = true;
	ctl_count(c, argc, argv, 0, 0);
	status = inquiry_make(&q, c->control, INQUIRY_PROBLEMS, &why);
	if (status == 0)
		status = report_answer(c, &q, all);
	else if (inquiry_unanswered(&q, status))
		report_outside(c, &q);
	else
		ctl_complain("%s", why.text);
	inquiry_fini(&q);
	return status;
}
