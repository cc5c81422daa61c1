#include "apply.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/overflow.h"
#include "../pure/plan.h"
#include "../sys/log.h"
#include "../sys/marks.h"
#include "../sys/onlooker.h"
#include "../sys/paths.h"
#include "evict.h"
#include "farewell.h"
#include "listener.h"
#include "post.h"
#include "proxied.h"
#include "steer.h"

json_t *
apply_new_report(void)
{
	return json_pack("{s:[],s:[],s:[],s:[],s:[]}", "added", "changed", "removed", "errors",
	    "notes");
}

void
apply_report(json_t *report, const char *key, const char *text)
{
	json_t *s = json_string(text);

	/* what is not UTF-8 in a path cannot be a JSON string: say that instead of losing it */
	if (s == NULL)
		s = json_string("(a message with invalid UTF-8: see the log)");
	json_array_append_new(json_object_get(report, key), s);
}

/* ---- which services are new, changed, bad, gone ---- */

static void
log_errors(const struct pool_service *ps)
{
	for (size_t i = 0; i < ps->errors.count; i++) {
		struct record r;

		record_init(&r, RECORD_ERROR, "invalid");
		record_text(&r, "service", ps->name);
		record_text(&r, "error", ps->errors.text[i]);
		log_record(&r);
	}
}

static bool
same_errors(const struct diag_list *a, const struct diag_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return false;
	return true;
}

/* True when they are not those of the last time. */
static bool
take_errors(struct pool_service *ps, const struct diag_list *errors, json_t *report)
{
	bool news = !same_errors(&ps->errors, errors);

	if (news) {
		diag_list_free(&ps->errors);
		for (size_t i = 0; i < errors->count; i++)
			diag_list_add(&ps->errors, "%s", errors->text[i]);
		log_errors(ps);
	}
	for (size_t i = 0; i < errors->count; i++)
		apply_report(report, "errors", errors->text[i]);
	return news;
}

/* Is its program there, as far as the look-up could tell? */
static void
take_warnings(struct pool_service *ps, const struct lookup_table *answers)
{
	const struct service *s = ps->service;
	const struct lookup *e = NULL;
	struct diag_list was = ps->warnings;

	if (s != NULL && s->exec != NULL)
		e = lookup_find_name(answers, LOOKUP_PROGRAM, s->exec[0]);
	if (e == NULL)
		return;
	ps->warnings = (struct diag_list){ 0 };
	if (e->state != LOOKUP_FOUND)
		diag_list_add(&ps->warnings, "%s: %s: each connection tries again", s->exec[0],
		    e->state == LOOKUP_ABSENT ? e->error : "could not be looked at in time");
	ps->warned = ps->warned && same_errors(&was, &ps->warnings);
	diag_list_free(&was);
}

/* What a disabled service would need is worth a line when it is to be served. */
static void
log_warnings(struct pool *p)
{
	struct pool_service *ps;

	TAILQ_FOREACH(ps, &p->services, next) {
		bool wanted = pool_is_enabled(ps) && ps->warnings.count > 0;

		if (wanted && !ps->warned)
			log_message(RECORD_WARNING, "warning", "%s: exec: %s", ps->name,
			    ps->warnings.text[0]);
		ps->warned = wanted;
	}
}

static void
take_version(struct pool_service *ps, struct service *s, bool fresh, json_t *report)
{
	bool was_there = ps->service != NULL && !ps->removed;
	struct service *before = ps->service;

	if (was_there && spec_equal(ps->service, s)) {
		/* the same in effect: keep the object that handlers share */
		if (fresh)
			pool_reset_throttle(ps);
		return;
	}
	/* what it serves by itself would be served by old rules */
	if (was_there && before->wait && !spec_equal_but_text(before, s))
		post_end_all(ps);
	if (was_there)
		json_array_append_new(json_object_get(report, "changed"),
		    json_pack("{s:s,s:o}", "service", ps->name, "keys",
			spec_changes(ps->service, s)));
	else
		apply_report(report, "added", ps->name);
	ps->service = spec_hold(s);
	ps->rebuild = true;
	ps->removed = false;
	pool_reset_throttle(ps);
	pool_fit(ps, before);
	spec_release(before);
}

/*
 * What is reserved so far, with the service of this file: the new version, unless its reserve does not fit (then NULL,
 * and errors says so); then the one before, as far as that fits.
 */
static struct service *
book(struct pool_service *ps, const struct scan_file *f, uint64_t *reserved,
    struct diag_list *errors)
{
	struct service *s = f->service;
	struct diag_list unsaid = { 0 };

	for (size_t i = 0; i < f->errors.count; i++)
		diag_list_add(errors, "%s", f->errors.text[i]);
	ps->overbooked = false;
	if (s != NULL && spec_check_reserve(s, f->path, reserved, ps->pool->limit, errors))
		return s;
	if (ps->service != NULL && !ps->removed)
		ps->overbooked = !spec_check_reserve(ps->service, f->path, reserved,
		    ps->pool->limit, &unsaid);
	diag_list_free(&unsaid);
	return NULL;
}

static bool
take_file(struct pool *p, const struct scan_file *f, const struct lookup_table *answers,
    uint64_t *reserved, json_t *report)
{
	struct pool_service *ps = pool_add(p, f->name);
	struct diag_list errors = { 0 };
	struct service *s = book(ps, f, reserved, &errors);
	bool news;

	ps->seen = true;
	free(ps->file);
	ps->file = strdup(f->path);
	assert(ps->file != NULL);
	news = take_errors(ps, &errors, report);
	diag_list_free(&errors);
	if (s != NULL)
		take_version(ps, s, f->fresh, report);
	else if (ps->removed && ps->service != NULL) {
		/* its handlers live on, but what was removed does not come back by a bad file */
		spec_release(ps->service);
		ps->service = NULL;
	}
	ps->removed = false;
	pool_fit(ps, ps->service);
	take_warnings(ps, answers);
	return news;
}

static void
take_removal(struct pool_service *ps, json_t *report)
{
	static const struct diag_list none;

	if (!ps->removed)
		apply_report(report, "removed", ps->name);
	if (ps->service != NULL && ps->service->wait && !ps->removed)
		post_end_all(ps);
	ps->removed = true;
	ps->rebuild = true;
	steer_forget(ps);
	free(ps->file);
	ps->file = NULL;
	take_errors(ps, &none, report);
	pool_fit(ps, ps->service);
}

static bool
holds_reserve(struct pool *p, const struct scan_file *f)
{
	const struct pool_service *ps;

	/* pool_find() walks all services: not for those that have nothing to hold */
	if (f->service != NULL && f->service->limits.reserve == 0)
		return false;
	ps = pool_find(p, f->name);
	return ps != NULL && ps->service != NULL && !ps->removed && !ps->overbooked &&
	    ps->service->limits.reserve > 0;
}

/* Who was disabled by an administrator; where that cannot be read it is as it was. */
static void
take_marks(struct pool *p, json_t *report)
{
	struct pool_service *ps;
	struct marks marks;
	struct diag why;

	if (!marks_read(paths_state(), STEER_DISABLED, &marks, &why)) {
		log_message(RECORD_ERROR, "error", "%s", why.text);
		apply_report(report, "errors", why.text);
		return;
	}
	TAILQ_FOREACH(ps, &p->services, next)
		steer_set_disabled(ps, marks_has(&marks, ps->name));
	marks_free(&marks);
}

static bool
take_files(struct pool *p, const struct scan *scan, const struct lookup_table *answers, bool full,
    json_t *report)
{
	struct pool_service *ps;
	uint64_t reserved = 0;
	bool news = false, *taken;

	TAILQ_FOREACH(ps, &p->services, next)
		ps->seen = ps->rebuild = false;
	/* who holds a reserve keeps it as long as it wants it, as with endpoints; at the start the first by name */
	taken = calloc(scan->count + 1, sizeof(*taken));
	assert(taken != NULL);
	for (size_t i = 0; i < scan->count; i++)
		if ((taken[i] = holds_reserve(p, &scan->file[i])))
			news = take_file(p, &scan->file[i], answers, &reserved, report) || news;
	for (size_t i = 0; i < scan->count; i++)
		if (!taken[i])
			news = take_file(p, &scan->file[i], answers, &reserved, report) || news;
	free(taken);
	TAILQ_FOREACH(ps, &p->services, next) {
		if (!ps->seen)
			take_removal(ps, report);
		else if (full)
			pool_reset_throttle(ps);
	}
	take_marks(p, report);
	return news;
}

/* ---- sockets ---- */

struct apply {
	struct plan_have *have;
	struct listener **have_listener;
	bool *used;
	size_t nhave;
	struct plan_want *want;
	const char **endpoint;		/* of each want, as in its file */
	size_t nwant, want_room;
	struct pool_service **service;	/* by number */
	size_t nservices;
	struct listener **open;		/* to be opened */
	size_t nopen;
};

static void
add_want(struct apply *a, const struct endpoint_key *key, const char *text, size_t service)
{
	if (a->nwant == a->want_room) {
		a->want_room = a->want_room ? a->want_room * 2 : 64;
		a->want = reallocarray(a->want, a->want_room, sizeof(*a->want));
		a->endpoint = reallocarray(a->endpoint, a->want_room, sizeof(*a->endpoint));
		assert(a->want != NULL && a->endpoint != NULL);
	}
	a->want[a->nwant] = (struct plan_want){ .key = *key, .service = service };
	a->endpoint[a->nwant++] = text;
}

static void
add_wants(struct apply *a, const struct pool_service *ps, size_t number)
{
	const struct service *s = ps->service;
	struct endpoint_key key;

	if (!pool_is_served(ps))
		return;
	for (size_t i = 0; i < s->nlisten; i++) {
		size_t n = endpoint_count(&s->listen[i]);

		for (size_t j = 0; j < n; j++) {
			endpoint_expand(&s->listen[i], j, s->socket.bind_to_device, &key);
			add_want(a, &key, s->listen[i].text, number);
		}
	}
}

/* It serves the rest of its queue: a reload lets it. */
static bool
is_draining(const struct listener *l)
{
	const struct pool_service *ps = l->service;

	return l->stopping && ps->drained && pool_is_enabled(ps) && !ps->service->wait;
}

static void
gather(struct apply *a, struct pool *p)
{
	struct pool_service *ps;
	struct listener *l;
	size_t listeners = 0, n = 0;

	TAILQ_FOREACH(ps, &p->services, next) {
		a->nservices++;
		TAILQ_FOREACH(l, &ps->listeners, next)
			listeners++;
	}
	a->service = calloc(a->nservices + 1, sizeof(*a->service));
	a->have = calloc(listeners + 1, sizeof(*a->have));
	a->have_listener = calloc(listeners + 1, sizeof(*a->have_listener));
	a->used = calloc(listeners + 1, sizeof(*a->used));
	assert(a->service && a->have && a->have_listener && a->used);
	TAILQ_FOREACH(ps, &p->services, next) {
		TAILQ_FOREACH(l, &ps->listeners, next) {
			if (is_draining(l))
				continue;
			if (!listener_is_open(l)) {
				/* waiting ones are made anew, which tries them at once */
				ps->rebuild = true;
				continue;
			}
			a->have[a->nhave] = (struct plan_have){ .key = l->key, .service = n };
			a->have_listener[a->nhave++] = l;
		}
		add_wants(a, ps, n);
		a->service[n++] = ps;
	}
}

/* A service that did not change stays as it is unless the plan says otherwise. */
static void
mark_rebuilds(struct apply *a)
{
	for (size_t i = 0; i < a->nwant; i++) {
		const struct plan_want *w = &a->want[i];

		if (w->action != PLAN_TAKE || a->have[w->from].service != w->service)
			a->service[w->service]->rebuild = true;
	}
	for (size_t i = 0; i < a->nhave; i++)
		if (!a->used[i])
			a->service[a->have[i].service]->rebuild = true;
}

static void
inherit_wait(struct listener *l)
{
	struct listener *old;

	TAILQ_FOREACH(old, &l->service->listeners, next)
		if (!old->fresh && !listener_is_open(old) &&
		    endpoint_key_cmp(&old->key, &l->key) == 0) {
			listener_inherit(l, old);
			return;
		}
}

/* New listener objects behind the old ones; the open sockets move over. */
static void
move_sockets(struct apply *a)
{
	a->open = calloc(a->nwant + 1, sizeof(*a->open));
	assert(a->open != NULL);
	for (size_t i = 0; i < a->nwant; i++) {
		const struct plan_want *w = &a->want[i];
		struct pool_service *ps = a->service[w->service];
		struct listener *l;

		if (!ps->rebuild)
			continue;
		l = listener_add(ps, &w->key, a->endpoint[i]);
		l->fresh = true;
		switch (w->action) {
		case PLAN_TAKE:
			listener_take(l, a->have_listener[w->from]);
			a->have_listener[w->from] = NULL;
			break;
		case PLAN_OPEN:
			inherit_wait(l);
			a->open[a->nopen++] = l;
			break;
		case PLAN_CONFLICT:
			inherit_wait(l);
			listener_wait_for(l, a->service[w->holder]->name);
			break;
		}
	}
}

/* What the kernel would not let us open beside it is closed first. */
static void
close_excluding(struct apply *a, const struct listener *l)
{
	for (size_t i = 0; i < a->nhave; i++) {
		if (a->used[i] || a->have_listener[i] == NULL ||
		    !endpoint_key_overlaps(&a->have[i].key, &l->key))
			continue;
		listener_remove(a->have_listener[i]);
		a->have_listener[i] = NULL;
	}
}

static void
open_sockets(struct apply *a)
{
	for (size_t i = 0; i < a->nopen; i++) {
		close_excluding(a, a->open[i]);
		listener_open(a->open[i]);
	}
}

/* There are new datagram ports: built-in services that live do not know that they are not to be answered. */
static void
renew_builtins(struct apply *a)
{
	bool news = false;

	for (size_t i = 0; i < a->nopen; i++)
		news = news || a->open[i]->key.kind == ENDPOINT_UDP;
	for (size_t n = 0; news && n < a->nservices; n++) {
		const struct service *s = a->service[n]->service;

		if (s != NULL && s->what == SPEC_BUILTIN && s->wait)
			post_end_all(a->service[n]);
	}
}

static void
close_rest(struct apply *a)
{
	for (size_t n = 0; n < a->nservices; n++) {
		struct pool_service *ps = a->service[n];
		struct listener *l, *next;

		/* whose header is known waits for the end of a pause, which may never come */
		if (ps->reading > 0 && !pool_is_enabled(ps))
			proxied_refuse(ps->pool->proxied, ps);
		if (!ps->rebuild)
			continue;
		TAILQ_FOREACH_SAFE(l, &ps->listeners, next, next) {
			if (!l->fresh && !is_draining(l)) {
				listener_remove(l);
				continue;
			}
			l->fresh = l->newborn = false;
			/* it may wait by a rule that is another now */
			if (l->stopping && l->victim == NULL) {
				evict_cancel(l);
				listener_resume(l);
			}
		}
		if (ps->removed)
			pool_log_held(ps);
		post_fill(ps);
	}
}

static void
report_waiting(struct apply *a, json_t *report)
{
	struct listener *l;
	char text[DIAG_MAX + 320];

	for (size_t n = 0; n < a->nservices; n++)
		TAILQ_FOREACH(l, &a->service[n]->listeners, next) {
			if (listener_is_open(l) || l->reason[0] == '\0')
				continue;
			snprintf(text, sizeof(text), "%s: %s: waiting: %s", a->service[n]->name,
			    l->endpoint, l->reason);
			apply_report(report, "errors", text);
		}
}

static void
apply_free(struct apply *a)
{
	free(a->have);
	free(a->have_listener);
	free(a->used);
	free(a->want);
	free(a->endpoint);
	free(a->service);
	free(a->open);
}

/* Will connections or shared sockets have to be looked at? */
static bool
needs_looks(const struct service *s)
{
	return s->wait || overflow_evicts(s->limits.overflow, s->limits.noverflow);
}

static bool
is_proxied(const struct service *s)
{
	return s->proxy.from.set;
}

static bool
lingers(const struct service *s)
{
	return s->timeouts.linger_ns != 0;
}

/* Does any open service need it? */
static bool
any(const struct apply *a, bool (*needs)(const struct service *s))
{
	for (size_t n = 0; n < a->nservices; n++) {
		const struct pool_service *ps = a->service[n];

		if (pool_is_enabled(ps) && needs(ps->service))
			return true;
	}
	return false;
}

/* How many sockets the files ask for. */
static uint32_t
count_sockets(const struct scan *scan)
{
	uint32_t n = 0;

	for (size_t i = 0; i < scan->count; i++) {
		const struct service *s = scan->file[i].service;

		for (size_t j = 0; s != NULL && s->enabled && j < s->nlisten; j++)
			n += (uint32_t)endpoint_count(&s->listen[j]);
	}
	return n;
}

static void
open_and_close(struct apply *a, struct pool *p)
{
	int ret;

	gather(a, p);
	ret = plan_make(a->have, a->nhave, a->want, a->nwant, a->used);
	assert(ret == 0);
	mark_rebuilds(a);
	move_sockets(a);
	open_sockets(a);
	renew_builtins(a);
	close_rest(a);
	onlooker_keep(p->onlooker, any(a, needs_looks));
	proxied_keep(p->proxied, any(a, is_proxied));
	farewell_keep(p->farewell, any(a, lingers));
}

void
apply_sockets(struct pool *p)
{
	struct apply a = { 0 };
	struct pool_service *ps;

	TAILQ_FOREACH(ps, &p->services, next)
		ps->rebuild = false;
	log_warnings(p);
	open_and_close(&a, p);
	apply_free(&a);
}

bool
apply_scan(struct pool *p, const struct scan *scan, const struct lookup_table *answers, bool full,
    json_t *report)
{
	struct apply a = { 0 };
	bool news;

	pool_compute_limit(p, count_sockets(scan), full);
	news = take_files(p, scan, answers, full, report);
	log_warnings(p);
	open_and_close(&a, p);
	report_waiting(&a, report);
	apply_free(&a);
	return news;
}
