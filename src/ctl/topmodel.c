#include "topmodel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/amount.h"
#include "../pure/text.h"
#include "../pure/totals.h"
#include "../pure/xalloc.h"

#define MS 1000000LL

/* ---- columns ---- */

static const struct top_column service_columns[] = {
	{ "SERVICE", TOP_TEXT, "name", 16, 'N' },
	{ "STATE", TOP_WORD, "state", 5, 'S' },
	{ "GATE", TOP_WORD, "gate", 4, 'G' },
	{ "ACTIVE", TOP_COUNT, "active", 0, 'A' },
	{ "LIMIT", TOP_COUNT, "limit", 0, 'L' },
	{ "PEAK", TOP_COUNT, "peak", 0, 'P' },
	{ "QUEUE", TOP_QUEUE, "endpoints", 0, 'Q' },
	{ "ACC/s", TOP_RATE, "rates.accepted", 0, 'C' },
	{ "REF/s", TOP_RATE, "rates.refused", 0, 'E' },
	{ "ACCEPTED", TOP_COUNT, "accepted", 0, 'T' },
	{ "REFUSED", TOP_SUM, "refused", 0, 'F' },
	{ "FAILED", TOP_COUNT, "failed", 0, 'X' },
	{ "EVICTED", TOP_COUNT, "evicted", 0, 'V' },
	{ "PENDING", TOP_COUNT, "pending", 0, 'D' },
	{ "ENDED", TOP_COUNT, "ended", 0, 'H' },
	{ "WAIT99", TOP_P99, "histograms.queue_wait", 0, 'W' },
	{ "SPAWN99", TOP_P99, "histograms.spawn", 0, 'Y' },
	{ "LIFE50", TOP_P50, "histograms.lifetime", 0, 'Z' },
	{ "CPU/s", TOP_RATE, "rates.cpu", 0, 'U' },
	{ "MAXRSS", TOP_BYTES, "max_rss", 0, 'M' },
	{ "IN", TOP_BYTES, "received", 0, 'I' },
	{ "OUT", TOP_BYTES, "sent", 0, 'O' },
	{ "DESCRIPTION", TOP_REST, "description", 24, 'B' },
};

static const struct top_column connection_columns[] = {
	{ "CONN", TOP_NUMBER, "connection", 0, 'N' },
	{ "SERVICE", TOP_TEXT, "service", 12, 'S' },
	{ "PEER", TOP_TEXT, "peer", 15, 'P' },
	{ "PID", TOP_NUMBER, "pid", 0, 'D' },
	{ "AGE", TOP_SECONDS, "started", 4, 'A' },
	{ "IDLE", TOP_SECONDS, "idle", 4, 'L' },
	{ "IN", TOP_BYTES, "received", 4, 'I' },
	{ "OUT", TOP_BYTES, "sent", 4, 'O' },
	{ "STATE", TOP_WORD, "state", 5, 'T' },
	{ "LOCAL", TOP_TEXT, "local", 15, 'C' },
	{ "WHY", TOP_REST, "why", 8, 'W' },
};

static const struct top_column refusal_columns[] = {
	{ "REASON", TOP_WORD, "reason", 12, 'N' },
	{ "SERVICE", TOP_TEXT, "service", 24, 'S' },
	{ "REF/s", TOP_RATE, "rate", 8, 'E' },
	{ "REFUSED", TOP_COUNT, "refused", 10, 'F' },
	{ "SHARE", TOP_PERCENT, "share", 7, 'P' },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct view {
	const char *name;
	const struct top_column *column;
	size_t columns, sort;	/* sort: what it begins with */
} views[TOP_VIEWS] = {
	[TOP_SERVICES] = { "services", service_columns, COUNT(service_columns), 0 },
	[TOP_CONNECTIONS] = { "connections", connection_columns, COUNT(connection_columns), 4 },
	[TOP_REFUSALS] = { "refusals", refusal_columns, COUNT(refusal_columns), 3 },
};

const struct top_column *
topmodel_columns(enum top_view view, size_t *count)
{
	assert(views[view].columns <= TOP_COLUMNS);
	*count = views[view].columns;
	return views[view].column;
}

bool
topmodel_is_number(const struct top_column *c)
{
	return c->kind < TOP_WORD;
}

void
topmodel_sort_by(struct top_choice *c, size_t column)
{
	c->sort = column;
	c->falling = topmodel_is_number(&views[c->view].column[column]);
}

void
topmodel_begin(struct top_choice *c, enum top_view view)
{
	*c = (struct top_choice){ .view = view };
	topmodel_sort_by(c, views[view].sort);
}

/* ---- numbers ---- */

/* One decimal below ten, none above; what would be rounded to the next unit is in the next unit. */
static const char *
in_units(double n, const char *units, char *buf, size_t size)
{
	while (n >= 999.5 && units[1] != '\0') {
		n /= 1000;
		units++;
	}
	(void)snprintf(buf, size, n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[0]);
	return buf;
}

const char *
topmodel_count(double n, char *buf, size_t size)
{
	if (isnan(n))
		(void)snprintf(buf, size, "-");
	else if (n < 99999.5)
		(void)snprintf(buf, size, "%.0f", n);
	else
		(void)in_units(n / 1000, "kMGT", buf, size);
	return buf;
}

const char *
topmodel_rate(double n, char *buf, size_t size)
{
	if (n > 0 && n < 0.095)
		(void)snprintf(buf, size, "%.2f", n < 0.01 ? 0.01 : n);
	else if (n > 0 && n < 9.95)
		(void)snprintf(buf, size, "%.1f", n);
	else
		(void)topmodel_count(n, buf, size);
	return buf;
}

int64_t
topmodel_interval(int64_t ns, int by)
{
	static const int64_t steps[] = { 100 * MS, 200 * MS, 500 * MS, 1000 * MS, 2000 * MS, 5000 * MS,
		10000 * MS, 30000 * MS, 60000 * MS };
	size_t i;

	if (by > 0) {
		for (i = 0; i < COUNT(steps) && steps[i] <= ns; i++)
			;
		return i < COUNT(steps) ? steps[i] : ns;
	}
	for (i = COUNT(steps); i > 0 && steps[i - 1] >= ns; i--)
		;
	return i > 0 ? steps[i - 1] : ns;
}

/* ---- values ---- */

static const json_t *
at_path(const json_t *v, const char *path)
{
	const char *dot;

	for (; (dot = strchr(path, '.')) != NULL; path = dot + 1)
		v = json_object_getn(v, path, (size_t)(dot - path));
	return json_object_get(v, path);
}

static const char *
text_of(const json_t *v, const char *path)
{
	const char *s = json_string_value(at_path(v, path));

	return s == NULL ? "" : s;
}

static double
number_of(const json_t *v)
{
	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* NAN: the kernel tells of none. */
static double
queue_of(const json_t *endpoints)
{
	long long n = totals_queue(endpoints);

	return n < 0 ? NAN : (double)n;
}

/* NAN: of nothing yet. */
static double
quantile_of(const json_t *histogram, const char *which)
{
	return json_number_value(json_object_get(histogram, "count")) > 0 ?
	    number_of(json_object_get(histogram, which)) : NAN;
}

static double
cpu_of(const json_t *service)
{
	return json_number_value(at_path(service, "cpu.user")) +
	    json_number_value(at_path(service, "cpu.system"));
}

/* ---- rates ---- */

/* What lies between two counts, per second. */
static json_t *
rate(double now, double before, double seconds)
{
	if (seconds <= 0 || !(now >= before))
		return json_null();
	return json_real((now - before) / seconds);
}

static json_t *
rates_of_reasons(const json_t *now, const json_t *before, double seconds)
{
	json_t *rates = json_object();
	const char *reason;
	const json_t *v;

	json_object_foreach((json_t *)(uintptr_t)now, reason, v)
		(void)json_object_set_new(rates, reason, rate(json_number_value(v),
		    json_number_value(json_object_get(before, reason)), seconds));
	return rates;
}

/* before: NULL, or the same service as it was; seconds: 0 when there is none. */
static json_t *
rates_of(const json_t *s, const json_t *before, double seconds)
{
	static const char *const counters[] = { "accepted", "ended", "failed", "evicted" };
	const json_t *refused = json_object_get(s, "refused"), *was = json_object_get(before, "refused");
	json_t *rates = json_object();

	for (size_t i = 0; i < COUNT(counters); i++)
		(void)json_object_set_new(rates, counters[i],
		    rate(json_number_value(json_object_get(s, counters[i])),
		    json_number_value(json_object_get(before, counters[i])), seconds));
	(void)json_object_set_new(rates, "refused", rate((double)totals_sum(refused), (double)totals_sum(was), seconds));
	(void)json_object_set_new(rates, "cpu", rate(cpu_of(s), cpu_of(before), seconds));
	(void)json_object_set_new(rates, "reasons", rates_of_reasons(refused, was, seconds));
	return rates;
}

/* ---- answers ---- */

static json_t *
by_name(const json_t *services)
{
	json_t *out = json_object(), *s;
	size_t i;

	json_array_foreach(services, i, s)
		(void)json_object_set(out, text_of(s, "name"), s);
	return out;
}

void
topmodel_status(struct topmodel *m, json_t *answer)
{
	json_decref(m->status);
	m->status = json_incref(answer);
}

void
topmodel_services(struct topmodel *m, json_t *answer, int64_t now_ns)
{
	json_t *services = json_object_get(answer, "services"), *s, *was;
	bool first = m->services == NULL || m->forgotten;
	size_t i;

	json_decref(m->before);
	m->before = first ? NULL : by_name(m->services);
	m->seconds = first ? 0 : (double)(now_ns - m->services_ns) / 1e9;
	m->forgotten = false;
	json_decref(m->services);
	m->services = json_is_array(services) ? json_incref(services) : json_array();
	m->services_ns = now_ns;
	json_array_foreach(m->services, i, s) {
		was = json_object_get(m->before, text_of(s, "name"));
		(void)json_object_set_new(s, "rates", rates_of(s, was, was == NULL ? 0 : m->seconds));
	}
}

void
topmodel_connections(struct topmodel *m, json_t *answer)
{
	json_t *connections = json_object_get(answer, "connections");

	json_decref(m->connections);
	m->connections = json_is_array(connections) ? json_incref(connections) : json_array();
}

void
topmodel_forget(struct topmodel *m)
{
	m->forgotten = true;
}

void
topmodel_forget_connections(struct topmodel *m)
{
	json_decref(m->connections);
	m->connections = NULL;
}

void
topmodel_fini(struct topmodel *m)
{
	json_decref(m->status);
	json_decref(m->services);
	json_decref(m->before);
	json_decref(m->connections);
	*m = (struct topmodel){ 0 };
}

/* ---- refusals ---- */

#define ALL_SERVICES "(all)"

static json_t *
refusal_row(const char *service, const char *reason, double refused, json_t *its_rate, double all)
{
	return json_pack("{s:s, s:s, s:f, s:f, s:o}", "service", service, "reason", reason,
	    "refused", refused, "share", all > 0 ? 100 * refused / all : 0, "rate", its_rate);
}

/* Of two rates of which one may be unknown. */
static json_t *
add_rates(const json_t *a, const json_t *b)
{
	if (!json_is_number(a) && !json_is_number(b))
		return json_null();
	return json_real(json_number_value(a) + json_number_value(b));
}

/* totals: by reason, what there is so far of all services. */
static void
add_refusals(json_t *rows, json_t *totals, const json_t *s, double all)
{
	const json_t *its_rates = at_path(s, "rates.reasons"), *v;
	const char *reason;

	json_object_foreach(json_object_get(s, "refused"), reason, v) {
		json_t *its_rate = json_object_get(its_rates, reason);
		const json_t *total = json_object_get(totals, reason);
		double n = json_number_value(v);

		if (n <= 0)
			continue;
		(void)json_array_append_new(rows, refusal_row(text_of(s, "name"), reason, n,
		    json_incref(its_rate), all));
		(void)json_object_set_new(totals, reason, refusal_row(ALL_SERVICES, reason,
		    n + json_number_value(json_object_get(total, "refused")),
		    add_rates(its_rate, json_object_get(total, "rate")), all));
	}
}

/* A row for each reason of each service, and one for each reason of all. */
static json_t *
refusals(const json_t *services)
{
	json_t *rows = json_array(), *totals = json_object(), *v;
	const char *reason;
	double all = 0;
	size_t i;

	json_array_foreach(services, i, v)
		all += (double)totals_sum(json_object_get(v, "refused"));
	json_array_foreach(services, i, v)
		add_refusals(rows, totals, v, all);
	json_object_foreach(totals, reason, v) {
		(void)json_object_set_new(v, "total", json_true());
		(void)json_array_append(rows, v);
	}
	json_decref(totals);
	return rows;
}

/* ---- rows ---- */

static double
cell_number(const struct top_column *c, const json_t *v)
{
	if (c->kind == TOP_P50 || c->kind == TOP_P99)
		return quantile_of(v, c->kind == TOP_P50 ? "p50" : "p99");
	if (c->kind == TOP_SUM)
		return (double)totals_sum(v);
	return c->kind == TOP_QUEUE ? queue_of(v) : number_of(v);
}

static const char *
number_text(const struct top_column *c, double n, char *buf, size_t size)
{
	if (isnan(n) || (n <= 0 && strcmp(c->path, "limit") == 0))
		(void)snprintf(buf, size, "-");
	else if (c->kind == TOP_NUMBER)
		(void)snprintf(buf, size, "%.0f", n);
	else if (c->kind == TOP_SECONDS || c->kind == TOP_P50 || c->kind == TOP_P99)
		(void)amount_duration(n, buf, size);
	else if (c->kind == TOP_BYTES)
		(void)amount_bytes((long long)n, buf, size);
	else if (c->kind == TOP_PERCENT)
		(void)snprintf(buf, size, "%.1f%%", n);
	else if (c->kind == TOP_RATE)
		(void)topmodel_rate(n, buf, size);
	else
		(void)topmodel_count(n, buf, size);
	return buf;
}

static struct top_cell
cell(const struct top_column *c, const json_t *row)
{
	const json_t *v = at_path(row, c->path);
	char buf[AMOUNT_TEXT_MAX + TOP_NUMBER_MAX];
	double n;

	if (!topmodel_is_number(c))
		return (struct top_cell){ xstrdup(text_of(row, c->path)), NAN };
	n = cell_number(c, v);
	return (struct top_cell){ xstrdup(number_text(c, n, buf, sizeof(buf))), n };
}

static bool
is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

static enum top_mood
mood(const json_t *row)
{
	static const char *const bad[] = { "invalid", "waiting", NULL };
	static const char *const odd[] = { "paused", "drained", "draining", "removed", "overdue", "ending",
		"killed", NULL };
	const char *state = text_of(row, "state");

	if (is_one_of(state, bad) || json_array_size(json_object_get(row, "errors")) > 0)
		return TOP_TROUBLE;
	if (is_one_of(state, odd) || text_of(row, "gate")[0] != '\0' ||
	    json_number_value(json_object_get(row, "rate")) > 0)
		return TOP_NOTE;
	return TOP_PLAIN;
}

static char *
row_key(enum top_view view, const json_t *row)
{
	if (view == TOP_CONNECTIONS)
		return text_make("%lld", (long long)json_integer_value(json_object_get(row, "connection")));
	if (view == TOP_REFUSALS)
		return text_make("%s %s", text_of(row, "reason"), text_of(row, "service"));
	return xstrdup(text_of(row, "name"));
}

static bool
matches(const struct top_table *t, const struct top_row *row, const char *filter)
{
	if (filter[0] == '\0')
		return true;
	for (size_t i = 0; i < t->columns; i++) {
		if (!topmodel_is_number(&t->column[i]) && strcasestr(row->cell[i].text, filter) != NULL)
			return true;
	}
	return false;
}

static void
row_free(struct top_table *t, struct top_row *row)
{
	free(row->key);
	for (size_t i = 0; i < t->columns; i++)
		free(row->cell[i].text);
}

static void
add_row(struct top_table *t, const struct top_choice *c, const json_t *v)
{
	struct top_row *row = &t->row[t->count];

	*row = (struct top_row){ .key = row_key(c->view, v), .mood = mood(v),
		.total = json_is_true(json_object_get(v, "total")) };
	for (size_t i = 0; i < t->columns; i++)
		row->cell[i] = cell(&t->column[i], v);
	if (matches(t, row, c->filter))
		t->count++;
	else
		row_free(t, row);
}

/* ---- order ---- */

struct order {
	size_t column;
	bool number, falling;
};

static int
compare_numbers(double a, double b, bool falling)
{
	if (isnan(a) || isnan(b))
		return isnan(a) - isnan(b);
	if (a == b)
		return 0;
	return (a < b) == falling ? 1 : -1;
}

static int
compare_texts(const char *a, const char *b, bool falling)
{
	int by;

	if (a[0] == '\0' || b[0] == '\0')
		return (a[0] == '\0') - (b[0] == '\0');
	by = strcasecmp(a, b);
	return falling ? -by : by;
}

/* What is equal stands by its name, so that it does not jump. */
static int
compare_rows(const void *va, const void *vb, void *of)
{
	const struct top_row *a = va, *b = vb;
	const struct order *o = of;
	const struct top_cell *x = &a->cell[o->column], *y = &b->cell[o->column];
	int by = b->total - a->total;

	if (by == 0)
		by = o->number ? compare_numbers(x->number, y->number, o->falling) :
		    compare_texts(x->text, y->text, o->falling);
	return by != 0 ? by : strverscmp(a->key, b->key);
}

static json_t *
rows_of(const struct topmodel *m, enum top_view view)
{
	if (view == TOP_REFUSALS)
		return refusals(m->services);
	return json_incref(view == TOP_CONNECTIONS ? m->connections : m->services);
}

void
topmodel_table(const struct topmodel *m, const struct top_choice *c, struct top_table *out)
{
	json_t *rows = rows_of(m, c->view), *v;
	struct order order;
	size_t i;

	*out = (struct top_table){ .of = json_array_size(rows) };
	out->column = topmodel_columns(c->view, &out->columns);
	out->row = xcalloc(out->of, sizeof(*out->row));
	json_array_foreach(rows, i, v)
		add_row(out, c, v);
	json_decref(rows);
	order = (struct order){ c->sort, topmodel_is_number(&out->column[c->sort]), c->falling };
	qsort_r(out->row, out->count, sizeof(*out->row), compare_rows, &order);
}

void
topmodel_table_free(struct top_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		row_free(t, &t->row[i]);
	free(t->row);
	*t = (struct top_table){ 0 };
}

size_t
topmodel_find(const struct top_table *t, const char *key)
{
	size_t i;

	for (i = 0; i < t->count && strcmp(t->row[i].key, key) != 0; i++)
		;
	return i;
}

/* ---- beside the table ---- */

static char *
daemon_line(const struct topmodel *m)
{
	const json_t *d = json_object_get(m->status, "berthd");
	size_t errors = json_array_size(json_object_get(d, "errors"));
	double dropped = json_number_value(json_object_get(d, "log_dropped"));
	char up[AMOUNT_TEXT_MAX], lines[TOP_NUMBER_MAX];

	if (d == NULL)
		return xstrdup("berthd");
	return text_make("berthd %s  pid %lld  up %s%s%s%s%s%s", text_of(d, "version"),
	    (long long)json_integer_value(json_object_get(d, "pid")),
	    amount_duration(json_number_value(json_object_get(d, "uptime")), up, sizeof(up)),
	    json_is_true(json_object_get(d, "stopping")) ? "  STOPPING" : "",
	    json_is_true(at_path(m->status, "pool.shortage")) ? "  SHORT OF RESOURCES" : "",
	    errors > 0 ? "  BAD berth.json" : "",
	    dropped > 0 ? "  log lines lost: " : "",
	    dropped > 0 ? topmodel_count(dropped, lines, sizeof(lines)) : "");
}

/* Of all services; NAN: of none it is known. */
static double
total(const json_t *services, const char *path)
{
	double sum = NAN;
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s) {
		double n = number_of(at_path(s, path));

		if (!isnan(n))
			sum = isnan(sum) ? n : sum + n;
	}
	return sum;
}

static char *
pool_line(const struct topmodel *m)
{
	const json_t *pool = json_object_get(m->status, "pool");
	double limit = number_of(json_object_get(pool, "limit"));
	char active[TOP_NUMBER_MAX], most[TOP_NUMBER_MAX], peak[TOP_NUMBER_MAX];
	char states[TOTALS_STATES_MAX];

	totals_states_text(m->services, states, sizeof(states));
	return text_make("pool %s/%s, peak %s  services %zu%s%s",
	    topmodel_count(pool != NULL ? number_of(json_object_get(pool, "active")) :
	    total(m->services, "active"), active, sizeof(active)),
	    topmodel_count(limit, most, sizeof(most)),
	    topmodel_count(number_of(json_object_get(pool, "peak")), peak, sizeof(peak)), json_array_size(m->services),
	    states[0] != '\0' ? ": " : "", states);
}

static char *
rates_line(const struct topmodel *m)
{
	static const char *const of[] = { "rates.accepted", "rates.refused", "rates.ended", "rates.failed" };
	char n[COUNT(of)][TOP_NUMBER_MAX];

	for (size_t i = 0; i < COUNT(of); i++)
		(void)topmodel_rate(total(m->services, of[i]), n[i], sizeof(n[i]));
	return text_make("per second: accepted %s, refused %s, ended %s, failed %s", n[0], n[1], n[2], n[3]);
}

char *
topmodel_summary(const struct topmodel *m, int line)
{
	return line == 0 ? daemon_line(m) : line == 1 ? pool_line(m) : rates_line(m);
}

char *
topmodel_title(const struct top_choice *c, const struct top_table *t)
{
	const char *title = t->column[c->sort].title;
	const char *order = c->falling ? "falling" : "rising";
	bool one = c->view == TOP_CONNECTIONS && c->service != NULL;

	if (c->filter[0] == '\0')
		return text_make("%s%s%s: %zu, by %s %s", views[c->view].name, one ? " of " : "",
		    one ? c->service : "", t->count, title, order);
	return text_make("%s%s%s: %zu of %zu with \"%s\", by %s %s", views[c->view].name, one ? " of " : "",
	    one ? c->service : "", t->count, t->of, c->filter, title, order);
}

json_t *
topmodel_json(const struct topmodel *m)
{
	return json_pack("{s:O?, s:o, s:O?, s:O*}", "status", m->status, "seconds",
	    m->seconds > 0 ? json_real(m->seconds) : json_null(), "services", m->services,
	    "connections", m->connections);
}
