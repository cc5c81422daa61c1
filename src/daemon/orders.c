#include "orders.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/log.h"
#include "apply.h"
#include "child.h"
#include "control.h"
#include "methods.h"
#include "steer.h"

#define LOOK_NS 50000000LL		/* between two looks at what is drained */
#define DEADLINE_MAX (366 * 86400.0)	/* seconds */
#define KILLS 64			/* a step */

static struct pool *
pool_of(const struct client *c)
{
	return control_pool(client_control(c));
}

static void
begin_line(struct record *r, const struct client *c, const char *command,
    const struct pool_service *ps)
{
	record_init(r, RECORD_NOTICE, "order");
	record_text(r, "command", command);
	if (ps != NULL)
		record_text(r, "service", ps->name);
	record_number(r, "uid", client_uid(c) == (uid_t)-1 ? -1 : (int64_t)client_uid(c));
}

void
orders_log(const struct client *c, const char *command, const struct pool_service *ps)
{
	struct record r;

	begin_line(&r, c, command, ps);
	log_record(&r);
}

/* What is left of berthd is not to be steered. */
static bool
is_stopping(struct client *c, const struct wire_call *call)
{
	if (!pool_of(c)->draining)
		return false;
	client_fail(c, call, "io.berth.Control.Stopping", json_object());
	return true;
}

/* What is left of a service is no more to be steered; NULL: the call was answered. */
static struct pool_service *
find_service(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = methods_service(c, call);

	if (ps == NULL || is_stopping(c, call))
		return NULL;
	if (!ps->removed)
		return ps;
	client_fail(c, call, "io.berth.Control.NoSuchService", json_pack("{s:s}", "service", ps->name));
	return NULL;
}

static void
answer_changed(struct client *c, const struct wire_call *call, const char *command,
    const struct pool_service *ps, bool changed)
{
	if (changed)
		orders_log(c, command, ps);
	client_reply(c, call, json_pack("{s:b}", "changed", (int)changed));
}

void
orders_pause(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = find_service(c, call);

	if (ps != NULL)
		answer_changed(c, call, "pause", ps, steer_pause(ps));
}

void
orders_resume(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = find_service(c, call);

	if (ps != NULL)
		answer_changed(c, call, "resume", ps, steer_resume(ps));
}

/* ---- disable, enable ---- */

static void
fail_not_kept(struct client *c, const struct wire_call *call, const char *path, const struct diag *why)
{
	json_t *where = json_string(path);

	log_message(RECORD_ERROR, "error", "%s: %s", path, why->text);
	client_fail(c, call, "io.berth.Control.NotKept", json_pack("{s:o,s:s}", "path",
	    where != NULL ? where : json_string("(not UTF-8)"), "message", why->text));
}

/* What was ordered could be written down; else the call was answered. */
static bool
keep(struct client *c, const struct wire_call *call, struct pool_service *ps, bool disable)
{
	char path[PATH_MAX];
	struct diag why;

	if (steer_disable(ps, disable, path, &why))
		return true;
	fail_not_kept(c, call, path, &why);
	return false;
}

void
orders_disable(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = find_service(c, call);
	bool before = ps != NULL && ps->disabled;

	if (ps != NULL && keep(c, call, ps, true))
		answer_changed(c, call, "disable", ps, !before);
}

/* A mark may be left of a service that has no file any more. */
static void
enable_absent(struct client *c, const struct wire_call *call, const char *name)
{
	char path[PATH_MAX];
	struct record r;
	struct diag why;

	if (!steer_unmark(name, path, &why)) {
		fail_not_kept(c, call, path, &why);
		return;
	}
	begin_line(&r, c, "enable", NULL);
	record_text(&r, "service", name);
	log_record(&r);
	client_reply(c, call, json_pack("{s:b,s:b}", "changed", 1, "enabled", 0));
}

void
orders_enable(struct client *c, const struct wire_call *call)
{
	const char *name = methods_string(call, "service");
	struct pool_service *ps = pool_find(pool_of(c), name);
	bool before = ps != NULL && ps->disabled;

	if ((ps == NULL || ps->removed) && !pool_of(c)->draining && steer_is_marked(name)) {
		enable_absent(c, call, name);
		return;
	}
	if ((ps = find_service(c, call)) == NULL || !keep(c, call, ps, false))
		return;
	if (before)
		orders_log(c, "enable", ps);
	client_reply(c, call, json_pack("{s:b,s:b}", "changed", (int)before, "enabled",
	    (int)pool_is_enabled(ps)));
}

/* ---- drain ---- */

/* Which services a client watches: by number, as they may be gone before it is. */
struct drain {
	struct pool *pool;
	struct drained { uint32_t number; char *name; bool resumed; } *of;	/* sorted by number */
	size_t count;
	int queued;			/* as of the last look; -1: not known */
	uint32_t active;
	bool over, told;
	int64_t next_ns;		/* of the next look */
	struct loop_timer timer;
};

static int
by_number(const void *a, const void *b)
{
	const struct drained *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static struct drain *
drain_new(struct pool *p, const struct pool_service *only)
{
	struct drain *d = calloc(1, sizeof(*d));
	const struct pool_service *ps;
	size_t room = 1;

	assert(d != NULL);
	d->pool = p;
	TAILQ_FOREACH(ps, &p->services, next)
		room++;
	d->of = calloc(room, sizeof(*d->of));
	assert(d->of != NULL);
	TAILQ_FOREACH(ps, &p->services, next) {
		if (ps->removed || (only != NULL && ps != only))
			continue;
		d->of[d->count] = (struct drained){ .number = ps->number, .name = strdup(ps->name) };
		assert(d->of[d->count].name != NULL);
		d->count++;
	}
	qsort(d->of, d->count, sizeof(*d->of), by_number);
	return d;
}

static void
drain_free(struct drain *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->of[i].name);
	free(d->of);
	loop_disarm(&d->timer);
	free(d);
}

/* What is left of them.  True: the numbers are others than at the last look. */
static bool
drain_look(struct drain *d)
{
	const struct pool_service *ps;
	int queued = 0, before = d->queued;
	uint32_t active = 0, active_before = d->active;

	d->over = true;
	TAILQ_FOREACH(ps, &d->pool->services, next) {
		struct drained key = { .number = ps->number }, *of;
		int more;

		of = bsearch(&key, d->of, d->count, sizeof(key), by_number);
		if (of == NULL)
			continue;
		of->resumed = of->resumed || (!ps->drained && !ps->removed);
		if (of->resumed)
			continue;
		d->over = d->over && steer_is_over(ps);
		active += ps->active;
		more = steer_queued(ps);
		queued = queued < 0 || more < 0 ? -1 : queued + more;
	}
	d->queued = queued;
	d->active = active;
	return queued != before || active != active_before;
}

static json_t *
drain_report(const struct drain *d)
{
	json_t *names = json_array();

	for (size_t i = 0; i < d->count; i++)
		if (!d->of[i].resumed)
			json_array_append_new(names, json_string(d->of[i].name));
	return json_pack("{s:o,s:o,s:I}", "services", names, "queued",
	    d->queued >= 0 ? json_integer(d->queued) : json_null(), "active", (json_int_t)d->active);
}

static void
look_due(void *arg)
{
	(void)arg;	/* the turn that it makes looks */
}

/* Numbers change by events, each of which makes a turn; where these come fast, not every one is looked at. */
static bool
drain_more(struct client *c, void *arg)
{
	struct drain *d = arg;
	int64_t now = loop_now(d->pool->loop);
	bool news;

	if (now < d->next_ns) {
		if (!loop_armed(&d->timer))
			loop_arm(d->pool->loop, &d->timer, d->next_ns, look_due, d);
		return false;
	}
	d->next_ns = now + LOOK_NS;
	news = drain_look(d);
	if (d->over) {
		client_finish(c, drain_report(d));
	} else if (news || !d->told) {
		d->told = true;
		client_part(c, drain_report(d));
	}
	return false;
}

static void
drain_end(struct client *c, void *arg)
{
	(void)c;
	drain_free(arg);
}

static const struct client_work draining = { drain_more, drain_end };

static void
begin_drain(struct client *c, const struct drain *d, struct pool_service *only, double deadline)
{
	int64_t ns = (int64_t)(deadline * 1e9);
	struct pool_service *ps, *next;
	struct record r;

	TAILQ_FOREACH_SAFE(ps, &d->pool->services, next, next)
		if (!ps->removed && (only == NULL || ps == only))
			steer_drain(ps, deadline >= 0 ? loop_now(d->pool->loop) + ns : 0);
	/* who waits for an endpoint of theirs gets it, when it is free */
	apply_sockets(d->pool);
	begin_line(&r, c, "drain", only);
	if (deadline >= 0)
		record_seconds(&r, "deadline", ns);
	log_record(&r);
}

void
orders_drain(struct client *c, const struct wire_call *call)
{
	const json_t *given = json_object_get(call->parameters, "deadline");
	double deadline = json_is_number(given) ? json_number_value(given) : -1;
	const json_t *name = json_object_get(call->parameters, "service");
	bool all = name == NULL || json_is_null(name);
	struct pool_service *only = all ? NULL : find_service(c, call);
	struct drain *d;

	if (only == NULL && (!all || is_stopping(c, call)))
		return;
	if (json_is_number(given) && !(deadline >= 0 && deadline <= DEADLINE_MAX)) {
		methods_bad_parameter(c, call, "deadline");
		return;
	}
	d = drain_new(pool_of(c), only);
	begin_drain(c, d, only, deadline);
	if (call->more) {
		client_begin(c, call, &draining, d);
		return;
	}
	drain_look(d);
	client_reply(c, call, drain_report(d));
	drain_free(d);
}

/* ---- kill ---- */

struct killing {
	struct pool *pool;
	uint64_t connection;		/* 0: any */
	uint32_t service;		/* its number; 0: any */
	char *name;			/* owned; of the service, for the log; NULL any */
	char *peer;			/* owned, as given; NULL any */
	struct source within;
	uint64_t below;			/* who comes now is not meant */
	unsigned ended;
	bool logged;
};

static bool
is_meant(const struct killing *k, const struct child *c)
{
	struct source source;

	if (c->connection >= k->below || (k->connection != 0 && c->connection != k->connection))
		return false;
	if (c->state != CHILD_RUNNING && (c->state != CHILD_HELD || c->killed_early))
		return false;
	if (k->peer == NULL)
		return true;
	if (c->waits)
		return false;
	source = source_of(&c->peer, c->peer_uid, 32, 128);
	return source_within(&source, &k->within);
}

/* A bounded number at once: who was sent TERM is not met again. */
static bool
kill_some(struct killing *k)
{
	struct pool_service *ps;
	struct child *c, *next;
	unsigned n = 0;

	TAILQ_FOREACH(ps, &k->pool->services, next) {
		if (k->service != 0 && ps->number != k->service)
			continue;
		TAILQ_FOREACH_SAFE(c, &ps->children, next, next) {
			if (!is_meant(k, c))
				continue;
			if (n++ == KILLS)
				return true;
			child_end(c, CAUSE_KILLED);
			k->ended++;
		}
	}
	return false;
}

static void
log_kill(const struct client *c, struct killing *k)
{
	struct record r;

	k->logged = true;
	begin_line(&r, c, "kill", NULL);
	if (k->name != NULL)
		record_text(&r, "service", k->name);
	if (k->connection != 0)
		record_number(&r, "connection", (int64_t)k->connection);
	if (k->peer != NULL)
		record_text(&r, "peer", k->peer);
	record_number(&r, "ended", k->ended);
	log_record(&r);
}

static bool
kill_more(struct client *c, void *arg)
{
	struct killing *k = arg;

	if (kill_some(k))
		return true;
	log_kill(c, k);
	client_finish(c, json_pack("{s:i}", "ended", (int)k->ended));
	return false;
}

static void
kill_end(struct client *c, void *arg)
{
	struct killing *k = arg;

	/* its client has gone in the middle: some were ended all the same */
	if (!k->logged)
		log_kill(c, k);
	free(k->name);
	free(k->peer);
	free(k);
}

static const struct client_work killing = { kill_more, kill_end };

static bool
lives(const struct pool *p, uint64_t connection)
{
	const struct pool_service *ps;
	const struct child *c;

	TAILQ_FOREACH(ps, &p->services, next)
		TAILQ_FOREACH(c, &ps->children, next)
			if (c->connection == connection && c->state != CHILD_FAILED)
				return true;
	return false;
}

static char *
copy(const char *text)
{
	char *own = text != NULL ? strdup(text) : NULL;

	assert((own == NULL) == (text == NULL));
	return own;
}

static struct killing *
killing_new(struct pool *p, json_int_t connection, const struct pool_service *ps, const char *peer,
    const struct source *within)
{
	struct killing *k = calloc(1, sizeof(*k));

	assert(k != NULL);
	k->pool = p;
	k->connection = (uint64_t)connection;
	k->service = ps != NULL ? ps->number : 0;
	k->name = copy(ps != NULL ? ps->name : NULL);
	k->peer = copy(peer);
	k->within = *within;
	k->below = p->stats->head->next_connection;
	return k;
}

void
orders_kill(struct client *c, const struct wire_call *call)
{
	const json_t *given = json_object_get(call->parameters, "connection");
	json_int_t number = json_integer_value(given);
	const char *peer = methods_string(call, "peer");
	struct source within = { 0 };
	struct pool_service *ps;
	struct diag why;

	if (!methods_any_service(c, call, &ps))
		return;
	if (peer != NULL && !source_parse(peer, &within, &why)) {
		methods_bad_parameter(c, call, "peer");
	} else if (!json_is_integer(given) && ps == NULL && peer == NULL) {
		/* nothing was named: that is not everything */
		methods_bad_parameter(c, call, "connection");
	} else if (json_is_integer(given) && (number <= 0 || !lives(pool_of(c), (uint64_t)number))) {
		client_fail(c, call, "io.berth.Control.NoSuchConnection",
		    json_pack("{s:I}", "connection", number));
	} else {
		client_begin(c, call, &killing,
		    killing_new(pool_of(c), number, ps, peer, &within));
	}
}

/* ---- the log ---- */

/* The line is written by whichever level says more. */
static void
set_log_level(const struct client *c, int level)
{
	bool less = level < log_level();
	struct record r;

	begin_line(&r, c, "log-level", NULL);
	record_text(&r, "level", spec_log_level_name(level));
	if (less)
		log_record(&r);
	reload_set_log_level(control_reload(client_control(c)), level);
	if (!less)
		log_record(&r);
}

void
orders_log_level(struct client *c, const struct wire_call *call)
{
	const char *name = methods_string(call, "level");
	int level = name != NULL ? spec_log_level(name) : -1;

	if (name != NULL && !methods_may_change(c, call))
		return;
	if (name != NULL && level < 0) {
		methods_bad_parameter(c, call, "level");
		return;
	}
	if (name != NULL)
		set_log_level(c, level);
	client_reply(c, call, json_pack("{s:s}", "level", spec_log_level_name(log_level())));
}
