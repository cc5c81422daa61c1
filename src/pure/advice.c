#include "advice.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "text.h"
#include "totals.h"
#include "xalloc.h"

#define HOLDING_MAX 5		/* services that are named for holding places */
#define ERRORS_MAX 4		/* of one file */
#define ADDRESSES_MAX 4		/* that are named for one reason */

enum grade { GRADE_ERROR, GRADE_WARNING, GRADE_NOTE, GRADES };

static const char *const grades[GRADES] = { "error", "warning", "note" };

struct advice {
	const struct advice_facts *f;
	json_t *list[GRADES];
};

/* ---- values ---- */

static const char *
string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static long long
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool
is(const json_t *o, const char *key, const char *word)
{
	return strcmp(string(o, key), word) == 0;
}

static const char *
plural(long long n)
{
	return n == 1 ? "" : "s";
}

/* ---- a problem ---- */

static json_t * __attribute__((format(printf, 1, 0)))
vtext(const char *fmt, va_list ap)
{
	json_t *j = json_vsprintf(fmt, ap);

	return j != NULL ? j : json_string("(not UTF-8)");
}

/* service: NULL for none.  Borrowed. */
static json_t * __attribute__((format(printf, 4, 5)))
problem(struct advice *a, enum grade g, const json_t *service, const char *fmt, ...)
{
	json_t *p, *text;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(fmt, ap);
	va_end(ap);
	p = json_pack("{s:s,s:O?,s:o,s:[],s:[]}", "grade", grades[g], "service",
	    service == NULL ? json_null() : json_object_get(service, "name"), "problem", text,
	    "details", "todo");
	assert(p != NULL && json_array_append_new(a->list[g], p) == 0);
	return p;
}

static void __attribute__((format(printf, 2, 3)))
detail(json_t *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)json_array_append_new(json_object_get(p, "details"), vtext(fmt, ap));
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3)))
todo(json_t *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)json_array_append_new(json_object_get(p, "todo"), vtext(fmt, ap));
	va_end(ap);
}

/* ---- files ---- */

bool
advice_split(const char *error, const char *file, size_t *file_len, const char **rest)
{
	const char *end;

	if (file != NULL && file[0] != '\0') {
		if (strncmp(error, file, strlen(file)) != 0 || error[strlen(file)] != ':')
			return false;
		*file_len = strlen(file);
	} else {
		if ((end = strstr(error, ".json:")) == NULL)
			return false;
		*file_len = (size_t)(end - error) + 5;
	}
	*rest = error + *file_len + 1;
	*rest += strspn(*rest, " ");
	return true;
}

/* "FILE:LINE: key: ...", where berthctl knows the line. */
static void
error_detail(const struct advice *a, json_t *p, const char *error, const char *file)
{
	long long line = number(a->f->lines, error);
	const char *rest;
	size_t len;

	if (line > 0 && advice_split(error, file, &len, &rest))
		detail(p, "%.*s:%lld: %s", (int)len, error, line, rest);
	else
		detail(p, "%s", error);
}

static void
error_details(const struct advice *a, json_t *p, const json_t *errors, const char *file)
{
	size_t i, n = json_array_size(errors);
	const json_t *e;

	json_array_foreach(errors, i, e) {
		/* a remark of the same length says less than the last one */
		if (i == ERRORS_MAX && n > ERRORS_MAX + 1) {
			detail(p, "and %zu more", n - ERRORS_MAX);
			break;
		}
		error_detail(a, p, json_string_value(e), file);
	}
}

/* ---- limits ---- */

static const json_t *
config(const struct advice *a, const char *service, const char *group)
{
	return json_object_get(json_object_get(json_object_get(a->f->shown, service), "config"),
	    group);
}

/* Which file says what this key is: "limits.rate in /etc/berth/services.d/x.json (10/s)". */
static void
where(const struct advice *a, const json_t *service, const char *group, const char *key, char *buf,
    size_t size)
{
	const char *name = string(service, "name");
	const json_t *shown = json_object_get(a->f->shown, name);
	const json_t *value = json_object_get(config(a, name, group), key);
	bool settings;
	char *text;

	(void)snprintf(buf, size, "%s.%s", group, key);
	settings = is(json_object_get(shown, "origin"), buf, "berth.json");
	if (settings)
		text_append(buf, size, " in defaults of %s",
		    string(json_object_get(a->f->status, "berthd"), "settings"));
	else if (string(service, "file")[0] != '\0')
		text_append(buf, size, " in %s", string(service, "file"));
	text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text != NULL)
		text_append(buf, size, ", now %s", text);
	free(text);
}

static bool
gives_way(const struct advice *a, const char *service)
{
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(config(a, service, "limits"), "overflow"), i, step) {
		const char *s = json_string_value(step);

		if (s != NULL && strcmp(s, "evict") == 0)
			return true;
	}
	return false;
}

/* Its handlers that wait for a client that says nothing; -1: not known. */
static long long
dormant(const struct advice *a, const char *service)
{
	const json_t *c;
	long long n = 0;
	size_t i;

	if (a->f->connections == NULL)
		return -1;
	json_array_foreach(a->f->connections, i, c) {
		if (is(c, "service", service))
			n += is(c, "state", "silent") || is(c, "state", "dormant") ||
			    is(c, "state", "overdue");
	}
	return n;
}

/* Clients that wait for a service, as far as the kernel tells. */
static long long
queued(const json_t *service)
{
	long long n = number(service, "pending"), queue = totals_queue(json_object_get(service, "endpoints"));

	if (queue > 0)
		totals_add(&n, queue);
	return n;
}

/* "2 places, 1 of them dormant"; n as of dormant() */
static const char *
places_text(long long places, long long n, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%lld place%s", places, plural(places));
	if (n > 0 && places == 1)
		text_append(buf, size, ", for a dormant connection");
	else if (n > 0)
		text_append(buf, size, ", %lld of them dormant", n);
	return buf;
}

static void
waiting_detail(json_t *p, const json_t *service)
{
	long long n = queued(service);

	if (n > 0)
		detail(p, "%lld client%s of %s wait%s in its queue", n, plural(n),
		    string(service, "name"), n == 1 ? "s" : "");
}

/* ---- berthd ---- */

static void
look_at_settings(struct advice *a, const json_t *berthd)
{
	const json_t *errors = json_object_get(berthd, "errors");
	json_t *p;

	if (json_array_size(errors) == 0)
		return;
	p = problem(a, GRADE_ERROR, NULL,
	    "the settings are bad; what was in force before them goes on");
	error_details(a, p, errors, NULL);
	todo(p, "correct what is named there, then `berthctl reload`");
}

static void
look_at_stop(struct advice *a, const json_t *berthd, const json_t *pool)
{
	long long n = number(pool, "active");

	if (json_is_true(json_object_get(berthd, "stopping")))
		(void)problem(a, GRADE_WARNING, NULL, "berthd is stopping: it accepts no more, and waits for "
		    "%lld handler%s to end, until stop_grace is over", n, plural(n));
}

static void
look_at_losses(struct advice *a, const json_t *berthd, const json_t *pool)
{
	long long lines = number(berthd, "log_dropped"), open = number(pool, "failed_open");
	json_t *p;

	if (json_is_null(json_object_get(berthd, "statistics"))) {
		p = problem(a, GRADE_WARNING, NULL,
		    "what is counted ends with this process: it has no statistics file");
		todo(p, "the line \"statistics\" at its start, in its log, says why");
	}
	if (lines > 0)
		(void)problem(a, GRADE_NOTE, NULL,
		    "the log has not taken %lld line%s since the start", lines, plural(lines));
	if (open > 0)
		(void)problem(a, GRADE_NOTE, NULL, "%lld connection%s judged without history: "
		    "the table of sources was full", open, open == 1 ? " was" : "s were");
}

static void
look_at_shortage(struct advice *a, const json_t *pool)
{
	json_t *p;

	if (!json_is_true(json_object_get(pool, "shortage")))
		return;
	p = problem(a, GRADE_ERROR, NULL, "the system has no descriptor, memory or process to give: "
	    "nothing is accepted for the moment");
	todo(p, "the lines \"shortage\" in berthd's log say which of them; raise it "
	    "(LimitNOFILE=, TasksMax=, MemoryMax= of berth.service)");
	todo(p, "or let fewer in: limits.connections in berth.json, now %lld", number(pool, "limit"));
}

/* ---- the pool ---- */

static bool
pool_is_full(const json_t *pool)
{
	return number(pool, "limit") > 0 && number(pool, "active") >= number(pool, "limit");
}

/* The service with the most handlers but those that were named already. */
static const json_t *
next_holding(const json_t *services, json_t *named)
{
	const json_t *s, *most = NULL;
	size_t i;

	json_array_foreach(services, i, s) {
		if (json_object_get(named, string(s, "name")) == NULL && number(s, "active") > 0 &&
		    (most == NULL || number(s, "active") > number(most, "active")))
			most = s;
	}
	if (most != NULL)
		(void)json_object_set_new(named, string(most, "name"), json_true());
	return most;
}

/* Who holds the places.  Returns the one that has most dormant ones and does not give way, or NULL. */
static const json_t *
holding_details(const struct advice *a, json_t *p)
{
	const json_t *s, *stubborn = NULL;
	json_t *named = json_object();
	char text[96];

	for (int i = 0; i < HOLDING_MAX && (s = next_holding(a->f->services, named)) != NULL; i++) {
		const char *name = string(s, "name");
		long long n = dormant(a, name);

		detail(p, "%s holds %s", name, places_text(number(s, "active"), n, text, sizeof(text)));
		if (n > 0 && !gives_way(a, name) &&
		    (stubborn == NULL || n > dormant(a, string(stubborn, "name"))))
			stubborn = s;
	}
	json_decref(named);
	return stubborn;
}

static void
look_at_pool(struct advice *a, const json_t *berthd, const json_t *pool)
{
	long long limit = number(pool, "limit");
	bool configured = strncmp(string(pool, "arithmetic"), "set by ", 7) == 0;
	const json_t *stubborn, *s;
	json_t *p;
	size_t i;

	if (!pool_is_full(pool))
		return;
	if (limit == 1)
		p = problem(a, GRADE_WARNING, NULL, "the pool is full: its only place is taken");
	else
		p = problem(a, GRADE_WARNING, NULL, "the pool is full: all %lld places are taken", limit);
	stubborn = holding_details(a, p);
	json_array_foreach(a->f->services, i, s) {
		if (is(s, "gate", "pool-full"))
			waiting_detail(p, s);
	}
	if (stubborn != NULL)
		todo(p, "let %s give way: \"evict\" in limits.overflow of %s, and of those whose clients "
		    "wait", string(stubborn, "name"), string(stubborn, "file"));
	if (configured)
		todo(p, "raise limits.connections in %s, now %lld", string(berthd, "settings"), limit);
	else
		todo(p, "raise limits.connections in berth.json: %lld was computed, %s", limit,
		    string(pool, "arithmetic"));
	todo(p, "`berthctl connections` tells who they are; limits.reserve keeps places for a service");
}

/* ---- a service ---- */

static void
look_at_file(struct advice *a, const json_t *s)
{
	const char *file = string(s, "file");
	bool served = json_array_size(json_object_get(s, "endpoints")) > 0;
	const json_t *errors = json_object_get(s, "errors");
	json_t *p;

	if (json_array_size(errors) == 0)
		return;
	p = problem(a, GRADE_ERROR, s, served
	    ? "its file is bad; the last good version goes on" : "its file is bad, and it is not served");
	error_details(a, p, errors, file);
	if (file[0] != '\0')
		todo(p, "correct it: it is read again when it is saved; `berthctl check %s` tells whether it "
		    "is right", file);
}

/* "tcp" of "tcp:80", with the address as the key of holders. */
static void
holder_key(const json_t *endpoint, char *buf, size_t size)
{
	const char *text = string(endpoint, "endpoint");

	(void)snprintf(buf, size, "%.*s %s", (int)strcspn(text, ":"), text,
	    string(endpoint, "address"));
}

/* Who has the address of this one; "" it is not known. */
static const char *
holder_of(const struct advice *a, const json_t *endpoint)
{
	char key[256];

	holder_key(endpoint, key, sizeof(key));
	return string(a->f->holders, key);
}

/* The one that has all of them, as far as they are named; "" there is none, or it is not known. */
static const char *
common_holder(const struct advice *a, const json_t *endpoints)
{
	const char *first = holder_of(a, json_array_get(endpoints, 0));
	const json_t *e;
	size_t i;

	json_array_foreach(endpoints, i, e) {
		if (i < ADDRESSES_MAX && strcmp(holder_of(a, e), first) != 0)
			return "";
	}
	return first;
}

/* The first few addresses, and who has them. */
static void
address_details(const struct advice *a, json_t *p, const json_t *endpoints)
{
	size_t i, n = json_array_size(endpoints);
	const json_t *e;

	json_array_foreach(endpoints, i, e) {
		const char *holder = holder_of(a, e);

		if (i == ADDRESSES_MAX && n > ADDRESSES_MAX + 1) {
			detail(p, "and %zu more", n - ADDRESSES_MAX);
			break;
		}
		if (holder[0] != '\0')
			detail(p, "%s is held by %s", string(e, "address"), holder);
		else if (n > 1)
			detail(p, "%s", string(e, "address"));
	}
}

static void
say_in_use(json_t *p, const json_t *s, const char *holder, bool many)
{
	const char *file = string(s, "file");

	if (holder[0] != '\0')
		todo(p, "stop %s, or give it another endpoint: listen in %s", holder, file);
	else if (many)
		todo(p, "stop the programs that have them (`ss -lnp` as root tells which they are), or take "
		    "other endpoints: listen in %s", file);
	else
		todo(p, "stop the program that has it (`ss -lnp` as root tells which it is), or take "
		    "another endpoint: listen in %s", file);
}

/* Endpoints that wait for one reason. */
static void
look_at_waiting(struct advice *a, const json_t *s, const json_t *endpoints, const char *reason)
{
	size_t n = json_array_size(endpoints);
	json_t *p;

	if (n == 1)
		p = problem(a, GRADE_ERROR, s, "%s cannot be opened: %s",
		    string(json_array_get(endpoints, 0), "endpoint"), reason);
	else
		p = problem(a, GRADE_ERROR, s, "%zu addresses cannot be opened: %s", n, reason);
	address_details(a, p, endpoints);
	if (strncmp(reason, "held by service ", 16) == 0) {
		todo(p, "give one of the two another endpoint: listen in %s", string(s, "file"));
		return;
	}
	if (strncmp(reason, "address already in use", 22) == 0)
		say_in_use(p, s, common_holder(a, endpoints), n > 1);
	else
		todo(p, "correct listen in %s, or what is named there", string(s, "file"));
	todo(p, "it is tried again every few seconds; `berthctl reload` tries it at once");
}

/* Open, but. */
static void
look_at_remark(struct advice *a, const json_t *s, const json_t *endpoints, const char *reason)
{
	size_t n = json_array_size(endpoints);
	json_t *p;

	if (n == 1) {
		p = problem(a, GRADE_NOTE, s, "%s: %s", string(json_array_get(endpoints, 0), "address"), reason);
	} else {
		p = problem(a, GRADE_NOTE, s, "%zu addresses: %s", n, reason);
		address_details(a, p, endpoints);
	}
	todo(p, "nobody can reach it before this host has that address (`ip address`)");
}

/* Those that wait, or those that do not, by their reason: a range has as many as it has ports. */
static json_t *
by_reason(const json_t *endpoints, bool waiting)
{
	json_t *all = json_object(), *of;
	const json_t *e;
	size_t i;

	json_array_foreach(endpoints, i, e) {
		const char *reason = string(e, "reason");

		if (is(e, "state", "waiting") != waiting || (!waiting && reason[0] == '\0'))
			continue;
		of = json_object_get(all, reason);
		if (of == NULL) {
			of = json_array();
			(void)json_object_set_new(all, reason, of);
		}
		(void)json_array_append(of, (json_t *)(uintptr_t)e);
	}
	return all;
}

static void
look_at_endpoints(struct advice *a, const json_t *s)
{
	json_t *waiting = by_reason(json_object_get(s, "endpoints"), true), *endpoints;
	json_t *open = by_reason(json_object_get(s, "endpoints"), false);
	const char *reason;

	json_object_foreach(waiting, reason, endpoints)
		look_at_waiting(a, s, endpoints, reason);
	json_object_foreach(open, reason, endpoints)
		look_at_remark(a, s, endpoints, reason);
	json_decref(waiting);
	json_decref(open);
}

/* Its program, and whether it fails. */
static void
look_at_program(struct advice *a, const json_t *s)
{
	const json_t *warnings = json_object_get(s, "warnings"), *w;
	bool throttled = is(s, "gate", "throttled");
	json_t *p;
	size_t i;

	if (json_array_size(warnings) == 0 && !throttled)
		return;
	p = problem(a, GRADE_ERROR, s, throttled
	    ? "its handlers fail, so it is throttled: clients wait, one is let in now and then"
	    : "its program cannot be started");
	json_array_foreach(warnings, i, w)
		detail(p, "%s", json_string_value(w));
	if (number(s, "failed") > 0)
		detail(p, "%lld connection%s lost for it so far", number(s, "failed"),
		    number(s, "failed") == 1 ? " was" : "s were");
	waiting_detail(p, s);
	if (json_array_size(warnings) > 0)
		todo(p, "install the program, or correct exec in %s", string(s, "file"));
	else
		todo(p, "berthd's log says how they end: `journalctl BERTH_SERVICE=%s`, or "
		    "`berthctl monitor --recorded --service %s`", string(s, "name"), string(s, "name"));
	if (throttled)
		todo(p, "then `berthctl reload` lets it try at once");
}

/* All places of the service are taken. */
static void
look_at_places(struct advice *a, const json_t *s)
{
	const char *name = string(s, "name");
	long long n = dormant(a, name), places = number(s, "limit");
	char text[512];
	json_t *p;

	if (places == 1)
		p = problem(a, GRADE_WARNING, s, "its only place is taken%s",
		    n > 0 ? ", by a dormant connection" : "");
	else if (n > 0)
		p = problem(a, GRADE_WARNING, s, "all its %lld places are taken, %lld of them dormant", places, n);
	else
		p = problem(a, GRADE_WARNING, s, "all its %lld places are taken", places);
	waiting_detail(p, s);
	if (n > 0 && !gives_way(a, name))
		todo(p, "let dormant ones give way: \"evict\" in limits.overflow of %s",
		    string(s, "file"));
	where(a, s, "limits", "connections", text, sizeof(text));
	todo(p, "raise %s", text);
	todo(p, "`berthctl connections %s` tells who they are and what they do", name);
}

static void
look_at_rate(struct advice *a, const json_t *s, const char *what, const char *key)
{
	char text[512];
	json_t *p = problem(a, GRADE_WARNING, s, "its clients wait: %s", what);

	waiting_detail(p, s);
	where(a, s, "limits", key, text, sizeof(text));
	todo(p, "raise %s", text);
}

static void
look_at_gate(struct advice *a, const json_t *s)
{
	const char *name = string(s, "name");
	json_t *p;

	if (is(s, "state", "drained")) {
		p = problem(a, GRADE_NOTE, s, "it is drained: its endpoints are closed");
		todo(p, "`berthctl resume %s` opens them again", name);
	} else if (is(s, "gate", "paused")) {
		p = problem(a, GRADE_NOTE, s, "it is paused: its clients wait in their queue");
		waiting_detail(p, s);
		todo(p, "`berthctl resume %s` lets them in", name);
	} else if (is(s, "gate", "service-full")) {
		look_at_places(a, s);
	} else if (is(s, "gate", "service-rate")) {
		look_at_rate(a, s, "limits.rate is used up", "rate");
	} else if (is(s, "gate", "load")) {
		look_at_rate(a, s, "the load average is too high for it", "load");
	} else if (is(s, "gate", "pool-full") &&
	    !pool_is_full(json_object_get(a->f->status, "pool"))) {
		p = problem(a, GRADE_WARNING, s,
		    "its clients wait: what is left of the pool is reserved for others");
		waiting_detail(p, s);
		todo(p, "raise limits.connections in berth.json, or lower limits.reserve of others");
	}
}

/* ---- refusals ---- */

/* What decides, by reason: what to look at in the service's file; NULL: it is not there. */
static const char *
key_of(const char *reason)
{
	static const struct { const char *reason, *key; } keys[] = {
		{ "denied", "access" }, { "penalty", "penalties" },
		{ "source-full", "limits.connections_per_source" },
		{ "source-rate", "limits.rate_per_source" },
		{ "service-full", "limits.connections" }, { "service-rate", "limits.rate" },
		{ "load", "limits.load" }, { "bad-header", "proxy_protocol" },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].reason, reason) == 0)
			return keys[i].key;
	}
	return NULL;
}

static void
sources_detail(json_t *p, const json_t *burst)
{
	const json_t *sources = json_object_get(burst, "sources"), *s;
	long long others = number(burst, "of") - (long long)json_array_size(sources);
	char text[512] = "";
	size_t i;

	json_array_foreach(sources, i, s)
		text_append(text, sizeof(text), "%s%s (%lld)", i > 0 ? ", " : "", string(s, "source"),
		    number(s, "count"));
	if (others > 0)
		text_append(text, sizeof(text), " and %lld more source%s", others, plural(others));
	if (text[0] != '\0')
		detail(p, "from %s", text);
}

static const char *
seconds_of(const json_t *o, const char *key, char buf[AMOUNT_TEXT_MAX])
{
	return amount_duration(json_number_value(json_object_get(o, key)), buf, AMOUNT_TEXT_MAX);
}

/* Balances of the service's sources at or above the threshold. */
static long long
penalties_details(const struct advice *a, json_t *p, const char *service)
{
	char balance[AMOUNT_TEXT_MAX], threshold[AMOUNT_TEXT_MAX];
	const json_t *row;
	long long n = 0;
	size_t i;

	json_array_foreach(a->f->penalties, i, row) {
		if (!is(row, "service", service) || !json_is_true(json_object_get(row, "refused")))
			continue;
		if (n++ < 3)
			detail(p, "%s has a balance of penalties of %s; below %s it is let in again",
			    string(row, "source"), seconds_of(row, "balance", balance),
			    seconds_of(row, "threshold", threshold));
	}
	if (n > 3)
		detail(p, "and %lld more sources have one", n - 3);
	return n;
}

/* A source to name in a command: no prefix, and one that explain takes. */
static const char *
example_source(const json_t *burst)
{
	const char *s = string(json_array_get(json_object_get(burst, "sources"), 0), "source");

	return s[0] == '\0' || strchr(s, '/') != NULL ? "ADDR" : s;
}

static void
look_at_refusals(struct advice *a, const json_t *s)
{
	const char *name = string(s, "name"), *key, *reason;
	const json_t *burst = json_object_get(a->f->refusals, name), *counts = json_object_get(burst, "reasons");
	char reasons[256], since[AMOUNT_TEXT_MAX];
	json_t *p;

	if (number(burst, "count") < ADVICE_REFUSALS)
		return;
	amount_duration(json_number_value(json_object_get(burst, "seconds")), since, sizeof(since));
	p = problem(a, GRADE_WARNING, s, "it refuses connections, %s%lld for %s: %s",
	    json_is_true(json_object_get(burst, "more")) ? "more than " : "", number(burst, "count"),
	    since, totals_counts_text(counts, reasons, sizeof(reasons)));
	sources_detail(p, burst);
	todo(p, "`berthctl explain %s --peer %s` tells which rule it is, with its numbers", name,
	    example_source(burst));
	if (penalties_details(a, p, name) > 0)
		todo(p, "`berthctl penalties %s` lists them; with --forgive %s that one is let in", name,
		    example_source(burst));
	reason = totals_next(counts, NULL);
	key = reason == NULL ? NULL : key_of(reason);
	if (key != NULL)
		todo(p, "if they should be served: %s in %s", key, string(s, "file"));
}

/* ---- all of it ---- */

static void
look_at_service(struct advice *a, const json_t *s)
{
	if (is(s, "state", "removed"))
		return;
	look_at_file(a, s);
	/* whether it could be served is nobody's trouble before somebody wants it to be */
	if (is(s, "state", "disabled"))
		return;
	look_at_endpoints(a, s);
	look_at_program(a, s);
	look_at_gate(a, s);
	look_at_refusals(a, s);
}

static void
look_at_services(struct advice *a, const json_t *berthd)
{
	const char *directory = json_string_value(json_array_get(json_object_get(berthd, "directories"), 0));
	const json_t *s;
	json_t *p;
	size_t i;

	json_array_foreach(a->f->services, i, s)
		look_at_service(a, s);
	if (json_array_size(a->f->services) > 0)
		return;
	p = problem(a, GRADE_NOTE, NULL, "there are no services");
	todo(p, "a file NAME.json in %s makes one: `berthctl new NAME` writes one to begin with",
	    directory == NULL ? "services.d" : directory);
}

json_t *
advice_make(const struct advice_facts *f)
{
	const json_t *berthd = json_object_get(f->status, "berthd");
	const json_t *pool = json_object_get(f->status, "pool");
	struct advice a = { .f = f };
	json_t *all = json_array();

	for (int g = 0; g < GRADES; g++)
		a.list[g] = json_array();
	look_at_settings(&a, berthd);
	look_at_stop(&a, berthd, pool);
	look_at_shortage(&a, pool);
	look_at_pool(&a, berthd, pool);
	look_at_services(&a, berthd);
	look_at_losses(&a, berthd, pool);
	for (int g = 0; g < GRADES; g++) {
		(void)json_array_extend(all, a.list[g]);
		json_decref(a.list[g]);
	}
	return all;
}

/* ---- no answer ---- */

static void
look_at_absence(struct advice *a, const struct advice_silence *s)
{
	json_t *p = problem(a, GRADE_ERROR, NULL, "berthd is not running");

	if (s->socket && s->pid > 0)
		detail(p, "%s was left over: pid %lld did not end by itself, it was killed or has crashed",
		    s->control, s->pid);
	else if (s->socket)
		detail(p, "%s was left over: its berthd was killed or has crashed", s->control);
	else
		detail(p, "there is no socket %s", s->control);
	todo(p, "`%s` starts it", s->start);
	if (s->managed)
		todo(p, "`journalctl -u berth -n 50` tells how it ended");
	else
		todo(p, "is it another one that you mean? Say --control PATH, or set $BERTH_CONTROL");
}

static void
look_at_state(json_t *p, const struct advice_silence *s)
{
	switch (s->state) {
	case 'T':
	case 't':
		detail(p, "its process is stopped, by a signal or a debugger");
		todo(p, "`kill -CONT %lld` lets it go on", s->pid);
		break;
	case 'D':
		detail(p, "its process waits in the kernel, mostly for a disk or a network file system");
		todo(p, "`cat /proc/%lld/stack` tells where; look at the disks with its files and its log",
		    s->pid);
		break;
	case 'R':
		detail(p, "its process runs: it has more to do than it can, or spins");
		todo(p, "`top -p %lld` tells whether it is short of a processor", s->pid);
		break;
	default:
		todo(p, "`strace -p %lld` tells what it waits for", s->pid);
		break;
	}
}

static void
look_at_silence(struct advice *a, const struct advice_silence *s)
{
	char ago[AMOUNT_TEXT_MAX];
	json_t *p;

	if (s->listening)
		p = problem(a, GRADE_ERROR, NULL, "berthd hangs: pid %lld has not answered within %.0fs",
		    s->pid, s->waited);
	else
		p = problem(a, GRADE_ERROR, NULL, "berthd runs as pid %lld, but %s %s", s->pid, s->control,
		    s->socket ? "does not lead to it" : "is gone");
	if (s->turn >= 0) {
		detail(p, "its last sign of life was %s ago",
		    amount_duration(s->turn, ago, sizeof(ago)));
	}
	if (s->listening)
		look_at_state(p, s);
	if (s->managed)
		todo(p, "`systemctl restart berth` begins anew; connections that are open end with it");
	else
		todo(p, "`kill %lld`, if need be with -KILL, then `%s`", s->pid, s->start);
}

json_t *
advice_unanswered(const struct advice_silence *s)
{
	struct advice a = { .list = { json_array() } };

	if (s->alive || s->listening)
		look_at_silence(&a, s);
	else
		look_at_absence(&a, s);
	return a.list[GRADE_ERROR];
}

static size_t
count_bad(const json_t *problems)
{
	const json_t *p;
	size_t n = 0, i;

	json_array_foreach(problems, i, p)
		n += !is(p, "grade", grades[GRADE_NOTE]);
	return n;
}

bool
advice_is_bad(const json_t *problems)
{
	return count_bad(problems) > 0;
}

const char *
advice_health(const json_t *problems, char *buf, size_t size)
{
	size_t n = count_bad(problems);

	if (n == 0)
		(void)snprintf(buf, size, "ok");
	else
		(void)snprintf(buf, size, "trouble: %zu thing%s wrong", n, n == 1 ? " is" : "s are");
	return buf;
}

bool
advice_wants_connections(const json_t *status, const json_t *services)
{
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s) {
		if (is(s, "gate", "service-full"))
			return true;
	}
	return pool_is_full(json_object_get(status, "pool"));
}

static bool
is_burst(const json_t *burst)
{
	return number(burst, "count") >= ADVICE_REFUSALS;
}

bool
advice_wants_penalties(const json_t *refusals)
{
	const char *service;
	json_t *burst;

	json_object_foreach((json_t *)(uintptr_t)refusals, service, burst) {
		if (is_burst(burst) && number(json_object_get(burst, "reasons"), "penalty") > 0)
			return true;
	}
	return false;
}

bool
advice_wants_show(const json_t *status, const json_t *service, const json_t *refusals)
{
	return string(service, "gate")[0] != '\0' ||
	    is_burst(json_object_get(refusals, string(service, "name"))) ||
	    (number(service, "active") > 0 && pool_is_full(json_object_get(status, "pool")));
}
