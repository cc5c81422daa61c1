#include "snapshot.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../sys/log.h"
#include "child.h"
#include "listener.h"
#include "steer.h"

#ifndef BERTH_VERSION
#define BERTH_VERSION "unknown"
#endif

#define STEP_NS 1000000LL

/* A path or description may hold bytes that are not UTF-8; a JSON string cannot. */
static json_t *
text(const char *s)
{
	json_t *j = s != NULL ? json_string(s) : json_null();

	return j != NULL ? j : json_string("(not UTF-8)");
}

static json_t *
strings(const struct diag_list *list)
{
	json_t *a = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(a, text(list->text[i]));
	return a;
}

static json_t *
snapshot_daemon(const struct pool *p, const struct reload *r)
{
	const struct stats_head *h = p->stats->head;
	const char *settings;
	struct diag_list errs = { 0 };
	json_t *directories = json_array(), *errors;
	bool exists;

	for (char *const *d = reload_directories(r); *d != NULL; d++)
		json_array_append_new(directories, text(*d));
	reload_errors(r, &errs);
	errors = strings(&errs);
	diag_list_free(&errs);
	settings = reload_settings_file(r, &exists);
	return json_pack("{s:s,s:i,s:f,s:f,s:b,s:I,s:o,s:o,s:o,s:o,s:s,s:I}", "version", BERTH_VERSION, "pid",
	    (int)getpid(), "started", (double)h->started_realtime_ns / 1e9, "uptime",
	    (double)(loop_now(p->loop) - p->started_ns) / 1e9, "stopping", (int)p->draining,
	    "generation", (json_int_t)h->generation, "statistics", text(statsfile_path(p->statsfile)),
	    "settings", exists ? text(settings) : json_null(), "directories", directories, "errors", errors,
	    "log_level", spec_log_level_name(log_level()), "log_dropped", (json_int_t)log_dropped());
}

json_t *
snapshot_status(const struct pool *p, const struct reload *r)
{
	char computed[CAPACITY_TEXT_MAX], arithmetic[CAPACITY_TEXT_MAX + 64];

	capacity_format(&p->capacity, computed, sizeof(computed));
	snprintf(arithmetic, sizeof(arithmetic), p->configured_limit != 0 ? "set by berth.json; computed, %s" : "%s",
	    computed);
	return json_pack("{s:o,s:{s:I,s:I,s:I,s:s,s:b,s:I}}", "berthd", snapshot_daemon(p, r), "pool", "active",
	    (json_int_t)p->active, "peak", (json_int_t)p->peak, "limit",
	    (json_int_t)p->limit, "arithmetic", arithmetic,
	    "shortage", (int)p->short_of_resources, "failed_open", (json_int_t)peers_failed_open(p->peers));
}

static json_t *
snapshot_endpoint(const struct listener *l)
{
	const char *reason = l->reason[0] != '\0' ? l->reason : NULL;
	char address[ADDR_TEXT_MAX];
	int queue;

	addr_format(listener_is_open(l) ? &l->sock.bound : &l->key.addr, address, sizeof(address));
	if (listener_is_open(l) && !sock_address_present(&l->sock.bound))
		reason = "this host does not have the address";
	queue = listener_queue(l);
	return json_pack("{s:s,s:o,s:s,s:o,s:o}", "endpoint", l->endpoint, "address", text(address),
	    "state", listener_is_open(l) ? "listening" : "waiting", "reason", text(reason), "queue",
	    queue >= 0 ? json_integer(queue) : json_null());
}

/* NULL: it is not. */
static const char *
disabled_by(const struct pool_service *ps)
{
	if (ps->disabled)
		return "state";
	return ps->service != NULL && !ps->service->enabled ? "file" : NULL;
}

static const char *
state_of(const struct pool_service *ps)
{
	const struct listener *l;

	if (ps->removed)
		return "removed";
	if (ps->pool->draining)
		return "draining";
	if (ps->errors.count > 0)
		return "invalid";
	if (disabled_by(ps) != NULL)
		return "disabled";
	if (ps->drained)
		return steer_is_over(ps) ? "drained" : "draining";
	if (ps->pauses.on)
		return "paused";
	TAILQ_FOREACH(l, &ps->listeners, next)
		if (listener_is_open(l))
			return "open";
	return "waiting";
}

/* Why its listeners are not served now, in the one vocabulary; NULL: they are. */
static const char *
gate_of(const struct pool_service *ps)
{
	enum admit_verdict gate = ps->gate;

	if (ps->pool->draining || ps->drained)
		return admit_word(ADMIT_DRAINING);
	if (TAILQ_EMPTY(&ps->listeners))
		return NULL;
	if (ps->pauses.on)
		gate = ADMIT_PAUSED;
	else if (gate == ADMIT_OK || gate == ADMIT_PAUSED)
		gate = pool_verdict(ps);
	return gate != ADMIT_OK ? admit_word(gate) : NULL;
}

json_t *
snapshot_service(const struct pool_service *ps, bool buckets)
{
	const struct service *s = ps->service;
	json_t *endpoints = json_array(), *warnings = strings(&ps->warnings), *all;
	const struct listener *l;

	TAILQ_FOREACH(l, &ps->listeners, next)
		if (listener_is_open(l) || l->reason[0] != '\0')
			json_array_append_new(endpoints, snapshot_endpoint(l));
	all = json_pack("{s:s,s:o,s:o,s:s,s:o,s:I,s:I,s:o,s:o,s:o}", "name", ps->name,
	    "description", text(s != NULL ? s->description : NULL), "file", text(ps->file),
	    "state", state_of(ps), "gate", text(gate_of(ps)), "active",
	    (json_int_t)(ps->active - ps->reading), "limit", (json_int_t)(s != NULL ? s->limits.connections : 0), "endpoints",
	    endpoints, "errors", strings(&ps->errors), "warnings", warnings);
	json_object_set_new(all, "disabled", text(disabled_by(ps)));
	json_object_set_new(all, "pending", json_integer((json_int_t)(ps->pending + ps->reading)));
	json_object_update_new(all, stats_json(ps->count, buckets));
	return all;
}

/* The first one after the last that is in the list; NULL: there is none. */
static const struct pool_service *
next_service(struct pool *p, const json_t *list)
{
	const json_t *last = json_array_get(list, json_array_size(list) - 1);
	const char *name = json_string_value(json_object_get(last, "name"));
	const struct pool_service *ps;

	TAILQ_FOREACH(ps, &p->services, next)
		if (name == NULL || strcmp(ps->name, name) > 0)
			return ps;
	return NULL;
}

bool
snapshot_more_services(struct pool *p, bool buckets, json_t **list)
{
	const struct pool_service *ps;
	int64_t end = loop_clock() + STEP_NS;

	if (*list == NULL)
		*list = json_array();
	/* by the clock: each endpoint costs some system calls, and one service may have thousands */
	for (ps = next_service(p, *list); ps != NULL; ps = TAILQ_NEXT(ps, next)) {
		json_array_append_new(*list, snapshot_service(ps, buckets));
		if (loop_clock() >= end)
			return TAILQ_NEXT(ps, next) == NULL;
	}
	return true;
}

/* NULL: it runs, and what was seen says more. */
static const char *
stage_of(const struct child *c)
{
	if (c->state == CHILD_HELD)
		return "starting";
	if (c->state == CHILD_KILLED)
		return "killed";
	return c->state == CHILD_RUNNING && c->cause == CAUSE_EXIT ? NULL : "ending";
}

static json_t *
number_if(bool known, uint64_t n)
{
	return known ? json_integer((json_int_t)n) : json_null();
}

static json_t *
snapshot_child(const struct survey_item *item)
{
	const struct child *c = item->child;
	char peer[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];
	int64_t lived = loop_now(c->service->pool->loop) - c->started_ns;
	const char *stage = stage_of(c);
	bool seen = c->seen.moved_ns != 0, counted = seen && c->tuple_peer.u.sa.sa_family != AF_UNIX;

	return json_pack("{s:I,s:s,s:i,s:o,s:o,s:f,s:s,s:o,s:o,s:o,s:o}", "connection",
	    (json_int_t)c->connection, "service", c->service->name, "pid", (int)c->pid, "peer",
	    text(c->waits ? "none" : child_peer_text(&c->peer, c->peer_uid, peer, sizeof(peer))), "local",
	    text(addr_format(&c->local, local, sizeof(local))), "started", (double)lived / 1e9,
	    "state", stage != NULL ? stage : victim_word(item->state), "idle",
	    seen ? json_real((double)item->look.idle_ns / 1e9) : json_null(), "received",
	    number_if(counted, c->seen.received), "sent", number_if(counted, c->seen.acked), "why",
	    text(stage == NULL ? item->why : NULL));
}

bool
snapshot_more_connections(const struct survey *s, size_t *at, json_t *list)
{
	int64_t end = loop_clock() + STEP_NS;

	for (; *at < s->count && loop_clock() < end; ++*at)
		if (s->item[*at].child != NULL && s->item[*at].child->state != CHILD_FAILED)
			json_array_append_new(list, snapshot_child(&s->item[*at]));
	return *at == s->count;
}
