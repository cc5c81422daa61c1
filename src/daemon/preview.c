#include "preview.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/plan.h"
#include "../sys/identity.h"
#include "../sys/marks.h"
#include "../sys/paths.h"
#include "apply.h"
#include "listener.h"
#include "steer.h"

#define SPACING_NS 100000000LL	/* between the end of one run and the next, at least, */
#define SHARE 10		/* ... so that they take a tenth of the time: anybody may ask */

struct preview {
	struct loop *loop;
	preview_describe *describe;
	void *describe_arg;
	struct loop_timer timer;
	int64_t last_end_ns, spent_ns;	/* of the last run, or of the one that runs */
	struct waiters waiting, running_for;
	/* one run: */
	bool running;
	struct preview_facts facts;
	struct spec_context ctx;
	struct scan now;
	struct lookup_table asked;
	struct identity_query *query;
	json_t *report;
};

/* ---- what would be in force ---- */

/* A service that is there now, or would be. */
struct future {
	struct pool_service *ps;	/* NULL: it is not there now */
	const struct scan_file *file;	/* NULL: it has none any more */
	const char *name;
	const struct service *service;	/* its version then; NULL: none */
	bool booked;
};

struct forecast {
	struct future *of;
	size_t count;
	uint64_t reserved;
	uint32_t limit;
	json_t *report;
	struct marks disabled;
	struct plan_have *have;
	struct plan_want *want;
	const char **endpoint;		/* of each want, as in its file */
	size_t nhave, nwant, want_room;
};

/* Both lists are sorted by name. */
static void
merge(struct forecast *x, struct pool *p, const struct scan *now)
{
	struct pool_service *ps;
	size_t i = 0, room = now->count;

	TAILQ_FOREACH(ps, &p->services, next)
		room++;
	x->of = calloc(room + 1, sizeof(*x->of));
	assert(x->of != NULL);
	for (ps = TAILQ_FIRST(&p->services); ps != NULL || i < now->count;) {
		int order = ps == NULL ? 1 : i == now->count ? -1
		    : strcmp(ps->name, now->file[i].name);
		struct future *f = &x->of[x->count++];

		if (order <= 0) {
			f->ps = ps;
			f->name = ps->name;
			ps = TAILQ_NEXT(ps, next);
		}
		if (order >= 0) {
			f->file = &now->file[i++];
			f->name = f->file->name;
		}
	}
}

static const struct service *
version_now(const struct future *f)
{
	return f->ps != NULL && !f->ps->removed ? f->ps->service : NULL;
}

static void
report_errors(struct forecast *x, struct diag_list *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		apply_report(x->report, "errors", errors->text[i]);
}

/* The new version, if it is good and its reserve fits; else the one of now. */
static void
book(struct forecast *x, struct future *f)
{
	const struct service *s = f->file->service, *before = version_now(f);
	struct diag_list errors = { 0 }, unsaid = { 0 };

	f->booked = true;
	for (size_t i = 0; i < f->file->errors.count; i++)
		diag_list_add(&errors, "%s", f->file->errors.text[i]);
	f->service = before;
	if (s != NULL && spec_check_reserve(s, f->file->path, &x->reserved, x->limit, &errors))
		f->service = s;
	else if (before != NULL)
		spec_check_reserve(before, f->file->path, &x->reserved, x->limit, &unsaid);
	report_errors(x, &errors);
	diag_list_free(&errors);
	diag_list_free(&unsaid);
}

static bool
holds_reserve(const struct future *f)
{
	const struct service *before = version_now(f);

	return before != NULL && before->limits.reserve > 0 && !f->ps->overbooked;
}

/* As take_files() does it: who holds a reserve comes first. */
static void
book_all(struct forecast *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->of[i].file != NULL && holds_reserve(&x->of[i]))
			book(x, &x->of[i]);
	for (size_t i = 0; i < x->count; i++)
		if (x->of[i].file != NULL && !x->of[i].booked)
			book(x, &x->of[i]);
}

static void
report_change(struct forecast *x, const struct future *f)
{
	const struct service *before = version_now(f);

	if (f->file == NULL) {
		if (!f->ps->removed)
			apply_report(x->report, "removed", f->name);
	} else if (before == NULL) {
		if (f->service != NULL)
			apply_report(x->report, "added", f->name);
	} else if (!spec_equal(before, f->service)) {
		json_array_append_new(json_object_get(x->report, "changed"), json_pack("{s:s,s:o}",
		    "service", f->name, "keys", spec_changes(before, f->service)));
	}
}

/* ---- whose its endpoints would be ---- */

static void
add_want(struct forecast *x, const struct endpoint_key *key, const char *text, size_t number)
{
	if (x->nwant == x->want_room) {
		x->want_room = x->want_room * 2 + 64;
		x->want = reallocarray(x->want, x->want_room, sizeof(*x->want));
		x->endpoint = reallocarray(x->endpoint, x->want_room, sizeof(*x->endpoint));
		assert(x->want != NULL && x->endpoint != NULL);
	}
	x->want[x->nwant] = (struct plan_want){ .key = *key, .service = number };
	x->endpoint[x->nwant++] = text;
}

static void
add_wants(struct forecast *x, size_t number)
{
	const struct future *f = &x->of[number];
	const struct service *s = f->service;
	struct endpoint_key key;

	if (s == NULL || !s->enabled || marks_has(&x->disabled, f->name) ||
	    (f->ps != NULL && f->ps->drained))
		return;
	for (size_t i = 0; i < s->nlisten; i++)
		for (size_t j = 0; j < endpoint_count(&s->listen[i]); j++) {
			endpoint_expand(&s->listen[i], j, s->socket.bind_to_device, &key);
			add_want(x, &key, s->listen[i].text, number);
		}
}

static void
add_haves(struct forecast *x)
{
	const struct listener *l;
	size_t room = 0;

	for (size_t n = 0; n < x->count; n++)
		if (x->of[n].ps != NULL)
			TAILQ_FOREACH(l, &x->of[n].ps->listeners, next)
				room++;
	x->have = calloc(room + 1, sizeof(*x->have));
	assert(x->have != NULL);
	for (size_t n = 0; n < x->count; n++)
		if (x->of[n].ps != NULL)
			TAILQ_FOREACH(l, &x->of[n].ps->listeners, next)
				if (listener_is_open(l) && !l->stopping)
					x->have[x->nhave++] = (struct plan_have){
						.key = l->key, .service = n };
}

/* An endpoint that waits now, and would be tried again: what kept it. */
static const char *
kept_by(const struct pool_service *ps, const struct endpoint_key *key)
{
	const struct listener *l;

	if (ps != NULL)
		TAILQ_FOREACH(l, &ps->listeners, next)
			if (!listener_is_open(l) && l->reason[0] != '\0' &&
			    endpoint_key_cmp(&l->key, key) == 0)
				return l->reason;
	return NULL;
}

static void
report_waiting(struct forecast *x, size_t i)
{
	const struct plan_want *w = &x->want[i];
	const struct future *f = &x->of[w->service];
	const char *reason = NULL;
	char holder[NAME_MAX + 32], text[DIAG_MAX + 320];

	if (w->action == PLAN_CONFLICT) {
		snprintf(holder, sizeof(holder), "held by service %s", x->of[w->holder].name);
		reason = holder;
	} else if (w->action == PLAN_OPEN) {
		reason = kept_by(f->ps, &w->key);
	}
	if (reason == NULL)
		return;
	snprintf(text, sizeof(text), "%s: %s: waiting: %s", f->name, x->endpoint[i], reason);
	apply_report(x->report, "errors", text);
}

static void
plan_endpoints(struct forecast *x)
{
	bool *used;
	int ret;

	for (size_t n = 0; n < x->count; n++)
		add_wants(x, n);
	add_haves(x);
	used = calloc(x->nhave + 1, sizeof(*used));
	assert(used != NULL);
	ret = plan_make(x->have, x->nhave, x->want, x->nwant, used);
	assert(ret == 0);
	for (size_t i = 0; i < x->nwant; i++)
		report_waiting(x, i);
	free(used);
}

static void
foretell(const struct preview *v)
{
	struct forecast x = { .limit = v->facts.limit, .report = v->report };
	struct diag why;

	if (!marks_read(paths_state(), STEER_DISABLED, &x.disabled, &why))
		apply_report(x.report, "errors", why.text);
	merge(&x, v->facts.pool, &v->now);
	book_all(&x);
	for (size_t i = 0; i < x.count; i++)
		report_change(&x, &x.of[i]);
	plan_endpoints(&x);
	marks_free(&x.disabled);
	free(x.of);
	free(x.have);
	free(x.want);
	free(x.endpoint);
}

/* ---- a run ---- */

static void begin(void *arg);

static void
schedule(struct preview *v)
{
	int64_t now = loop_now(v->loop), pause = (SHARE - 1) * v->spent_ns;
	int64_t soonest = v->last_end_ns + (pause > SPACING_NS ? pause : SPACING_NS);

	if (!v->running && v->waiting.first != NULL && !loop_armed(&v->timer))
		loop_arm(v->loop, &v->timer, now > soonest ? now : soonest, begin, v);
}

/* Release what the run has made. */
static void
end(struct preview *v)
{
	v->running = false;
	v->last_end_ns = loop_now(v->loop);
	scan_fini(&v->now);
	lookup_free(&v->asked);
	json_decref(v->facts.defaults);
	json_decref(v->report);
	v->facts.defaults = v->report = NULL;
}

static void
resolve(struct preview *v)
{
	bool transient = false;

	for (size_t i = 0; i < v->now.count; i++) {
		struct scan_file *f = &v->now.file[i];

		if (f->service == NULL || spec_resolve(f->service, &v->ctx, f->path, &v->asked,
		    &f->errors, &transient))
			continue;
		spec_release(f->service);
		f->service = NULL;
	}
}

static void
looked_up(void *arg)
{
	struct preview *v = arg;
	json_t *report = json_incref(v->report);
	int64_t began = loop_clock();

	v->query = NULL;
	lookup_keep_good(&v->asked, v->facts.known);
	resolve(v);
	for (size_t i = 0; i < v->now.errors.count; i++)
		apply_report(report, "errors", v->now.errors.text[i]);
	foretell(v);
	end(v);
	v->spent_ns += loop_clock() - began;
	waiters_answer(&v->running_for, report);
	json_decref(report);
	schedule(v);
}

static void
look_up(struct preview *v)
{
	char why[128];

	for (size_t i = 0; i < v->now.count; i++)
		if (v->now.file[i].service != NULL)
			spec_wants(v->now.file[i].service, &v->asked);
	if (v->asked.count > 0) {
		v->query = identity_start(v->loop, &v->asked, looked_up, v);
		if (v->query != NULL)
			return;
		snprintf(why, sizeof(why), "no process for look-ups: %s", strerror(errno));
		lookup_fail(&v->asked, why);
	}
	looked_up(v);
}

static void
begin(void *arg)
{
	struct preview *v = arg;
	const struct launch_daemon *daemon;
	int64_t began = loop_clock();

	v->running = true;
	v->running_for = v->waiting;
	v->waiting = (struct waiters){ 0 };
	v->report = apply_new_report();
	assert(v->report != NULL);
	v->describe(v->describe_arg, &v->facts, v->report);
	daemon = &v->facts.pool->daemon;
	v->ctx = (struct spec_context){ .root = daemon->root, .uid = daemon->uid, .gid = daemon->gid,
		.defaults = v->facts.defaults };
	/* everything is read anew: nothing is taken out of what is in force */
	scan_directories(&v->now, (struct scan *)v->facts.before, true, &v->ctx, v->facts.directories,
	    NULL);
	v->spent_ns = loop_clock() - began;
	look_up(v);
}

/* ---- from outside ---- */

struct preview *
preview_new(struct loop *l, preview_describe *describe, void *arg)
{
	struct preview *v = calloc(1, sizeof(*v));

	assert(v != NULL);
	v->loop = l;
	v->describe = describe;
	v->describe_arg = arg;
	return v;
}

void
preview_ask(struct preview *v, reload_done *done, void *arg)
{
	waiters_add(&v->waiting, done, arg);
	schedule(v);
}

void
preview_forget(struct preview *v, void *arg)
{
	waiters_forget(&v->waiting, arg);
	waiters_forget(&v->running_for, arg);
}

void
preview_stop(struct preview *v)
{
	json_t *report = apply_new_report();

	loop_disarm(&v->timer);
	identity_cancel(v->query);
	v->query = NULL;
	if (v->running)
		end(v);
	apply_report(report, "errors", "berthd is stopping");
	waiters_answer(&v->running_for, report);
	waiters_answer(&v->waiting, report);
	json_decref(report);
}

void
preview_free(struct preview *v)
{
	if (v == NULL)
		return;
	preview_stop(v);
	free(v);
}
