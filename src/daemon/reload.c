#include "reload.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../pure/plan.h"
#include "../sys/conffile.h"
#include "../sys/dirwatch.h"
#include "../sys/identity.h"
#include "../sys/log.h"
#include "../sys/notify.h"
#include "../sys/paths.h"
#include "apply.h"
#include "preview.h"
#include "scan.h"

#define QUIET_NS 100000000LL	/* files are read when nothing has changed for that long ... */
#define PATIENCE_NS 500000000LL	/* ... or this long after the first change */
#define SPACING_NS 100000000LL	/* between the end of one run and the next */

struct reload {
	struct pool *pool;
	struct reload_options opt;
	struct settings *settings;
	struct diag_list bad_settings;	/* as of the last reading */
	int log_level;			/* by an administrator; -1: as configured */
	struct preview *preview;
	char *const *directories;
	struct dirwatch *watch;
	struct scan scan;
	struct lookup_table known;	/* the answers in force */
	struct backoff retry;		/* of look-ups that failed for now */
	struct loop_timer timer;	/* the next run */
	int64_t first_change_ns, last_end_ns;
	bool next_full;			/* the next run reads everything */
	int64_t ask_at_ns;		/* a name failed: the run after that time asks again; 0: none did */
	struct waiters waiting, running_for;
	reload_done *first;
	void *first_arg;
	bool stopped;
	/* one run: */
	bool running, full, ask, reread, news;
	struct spec_context ctx;
	struct scan now;
	struct lookup_table asked;
	struct identity_query *query;
	json_t *report;
};

static void begin(void *arg);

/* ---- berth.json ---- */

struct settings *
reload_read_settings(const char *path, bool must_exist, struct diag_list *errs)
{
	struct settings *s;
	struct conffile c;
	struct diag why;

	if (!conffile_read(path, geteuid() == 0, &c, &why)) {
		if (errno == ENOENT && !must_exist)
			return settings_default();
		diag_list_add(errs, "%s: %s", path, why.text);
		return NULL;
	}
	s = settings_parse(path, c.text, c.len, errs);
	conffile_fini(&c);
	return s;
}

static bool
same_strings(char *const *a, char *const *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_ident(const struct spec_ident *a, const struct spec_ident *b)
{
	return a->set == b->set && a->numeric == b->numeric && a->id == b->id &&
	    same_text(a->name, b->name);
}

static int
configured_level(const struct reload *r)
{
	return r->opt.log_level >= 0 ? r->opt.log_level : r->settings->log_level;
}

static void
apply_log(const struct reload *r)
{
	const struct settings *s = r->settings;

	pool_log_all_held(r->pool);
	log_open(r->pool->loop, s->log_target,
	    r->opt.log_format >= 0 ? (enum spec_log_format)r->opt.log_format : s->log_format,
	    r->log_level >= 0 ? r->log_level : configured_level(r));
}

/* What a reload cannot change keeps its old value, and is noted. */
static void
note_fixed(const struct reload *r, const struct settings *now, json_t *report)
{
	const struct settings *old = r->settings;

	if (!same_strings(old->services, now->services) && r->opt.services == NULL)
		apply_report(report, "notes", "services: takes effect at the next start");
	if (!same_text(old->control_socket, now->control_socket) && r->opt.control == NULL)
		apply_report(report, "notes", "control.socket: takes effect at the next start");
	if (!same_ident(&old->control_group, &now->control_group))
		apply_report(report, "notes", "control.group: takes effect at the next start");
}

static const char *
settings_file(const struct reload *r)
{
	return r->opt.settings_file != NULL ? r->opt.settings_file : paths_settings();
}

static void
read_settings(struct reload *r)
{
	struct diag_list errs = { 0 };
	struct settings *now = reload_read_settings(settings_file(r), r->opt.settings_file != NULL, &errs);

	for (size_t i = 0; i < errs.count; i++) {
		log_message(RECORD_ERROR, "error", "%s", errs.text[i]);
		apply_report(r->report, "errors", errs.text[i]);
	}
	diag_list_free(&r->bad_settings);
	r->bad_settings = errs;
	if (now == NULL)
		return;
	note_fixed(r, now, r->report);
	if (now->log_level != r->settings->log_level)
		r->log_level = -1;
	if (!(r->settings->defaults == now->defaults ||
		(r->settings->defaults != NULL && now->defaults != NULL &&
		    json_equal(r->settings->defaults, now->defaults))))
		r->reread = true;
	/* the strings that stay in use are those of the start */
	char **services = now->services;
	char *socket = now->control_socket;
	now->services = r->settings->services;
	now->control_socket = r->settings->control_socket;
	r->settings->services = services;
	r->settings->control_socket = socket;
	struct spec_ident group = now->control_group;
	now->control_group = r->settings->control_group;
	r->settings->control_group = group;
	settings_free(r->settings);
	r->settings = now;
	apply_log(r);
	pool_set_limits(r->pool, now->limits_connections, now->limits_load);
}

/* ---- one run ---- */

static void
schedule(struct reload *r, int64_t at_ns)
{
	int64_t soonest = r->last_end_ns + SPACING_NS;

	if (r->stopped || r->running)
		return;
	if (at_ns < soonest)
		at_ns = soonest;
	loop_arm(r->pool->loop, &r->timer, at_ns, begin, r);
}

static void
files_changed(void *arg)
{
	struct reload *r = arg;
	int64_t now = loop_now(r->pool->loop), at;

	if (r->first_change_ns == 0)
		r->first_change_ns = now;
	at = now + QUIET_NS;
	if (at > r->first_change_ns + PATIENCE_NS)
		at = r->first_change_ns + PATIENCE_NS;
	/* never later than what is planned anyway */
	if (!(r->next_full && loop_armed(&r->timer) && r->timer.due_ns <= at))
		schedule(r, at);
}

/*
 * Look-ups that failed for a passing reason: try again later.  What runs before that for a changed file does not
 * ask for them: it would take as long as they do.
 */
static void
retry_lookups(struct reload *r, bool transient)
{
	if (transient && r->ask_at_ns == 0)
		r->ask_at_ns = loop_now(r->pool->loop) + backoff_doubling(&r->retry);
	else if (!transient && r->ask)
		backoff_reset(&r->retry);
	if (r->ask_at_ns != 0 && (!loop_armed(&r->timer) || r->timer.due_ns > r->ask_at_ns))
		schedule(r, r->ask_at_ns);
}

static void
log_report(const struct reload *r)
{
	struct record rec;
	static const char *const keys[] = { "added", "changed", "removed", "errors" };
	bool any = r->full || r->news;

	for (size_t i = 0; i < 3; i++)
		any = any || json_array_size(json_object_get(r->report, keys[i])) > 0;
	if (!any)
		return;
	record_init(&rec, RECORD_NOTICE, "reload");
	for (size_t i = 0; i < 4; i++)
		record_number(&rec, keys[i],
		    (int64_t)json_array_size(json_object_get(r->report, keys[i])));
	log_record(&rec);
}

static void
status_text(const struct reload *r, char *buf, size_t size)
{
	size_t services = 0, bad = 0;
	const struct pool_service *ps;

	TAILQ_FOREACH(ps, &r->pool->services, next) {
		services += !ps->removed;
		bad += ps->errors.count > 0;
	}
	if (bad > 0)
		snprintf(buf, size, "%zu services, %zu with errors: see berthctl list", services,
		    bad);
	else
		snprintf(buf, size, "%zu services", services);
}

static void
end_run(struct reload *r)
{
	reload_done *first = r->first;
	char status[128];

	if (first == NULL)
		log_report(r);
	r->first = NULL;
	r->running = false;
	r->last_end_ns = loop_now(r->pool->loop);
	status_text(r, status, sizeof(status));
	notify_ready(status);
	if (first != NULL)
		first(r->first_arg, r->report);
	waiters_answer(&r->running_for, r->report);
	json_decref(r->report);
	r->report = NULL;
	if (r->waiting.first != NULL)
		schedule(r, r->last_end_ns);
	else if (r->first_change_ns != 0)
		schedule(r, r->last_end_ns + QUIET_NS);
}

/* Did the name service change an answer that is in force? */
static bool
answers_differ(const struct lookup_table *a, const struct lookup_table *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct lookup *x = &a->entry[i];
		const struct lookup *y = x->numeric ? lookup_find_id(b, x->kind, x->id)
						    : lookup_find_name(b, x->kind, x->name);

		if (y == NULL || x->kind == LOOKUP_PROGRAM)
			continue;
		if (x->state != y->state || x->uid != y->uid || x->gid != y->gid ||
		    x->port != y->port || x->ngroups != y->ngroups ||
		    !same_text(x->user, y->user) || !same_text(x->home, y->home) ||
		    !same_text(x->shell, y->shell) ||
		    (x->ngroups > 0 &&
			memcmp(x->groups, y->groups, x->ngroups * sizeof(gid_t)) != 0))
			return true;
	}
	return false;
}

/* A service that did not change, to be resolved anew: from its own object. */
static void
renew(struct reload *r, struct scan_file *f)
{
	struct service *old = f->service;

	if (f->fresh || old == NULL)
		return;
	f->service = spec_parse(&r->ctx, f->path, f->name, old->own, strlen(old->own), &f->errors);
	f->fresh = true;
	spec_release(old);
}

static void
resolve(struct reload *r, bool *transient)
{
	bool differ = answers_differ(&r->asked, &r->known);

	for (size_t i = 0; i < r->now.count; i++) {
		struct scan_file *f = &r->now.file[i];

		if (differ)
			renew(r, f);
		if (f->service == NULL || !f->fresh)
			continue;
		if (!spec_resolve(f->service, &r->ctx, f->path, &r->asked, &f->errors, transient)) {
			spec_release(f->service);
			f->service = NULL;
			f->ino = 0;	/* read and resolved again in the next run */
		}
	}
}

/* All answers are there: everything from here to the end happens in one go. */
static void
looked_up(void *arg)
{
	struct reload *r = arg;
	bool transient = false;

	r->query = NULL;
	lookup_keep_good(&r->asked, &r->known);
	resolve(r, &transient);
	for (size_t i = 0; i < r->now.errors.count; i++) {
		log_message(RECORD_ERROR, "error", "%s", r->now.errors.text[i]);
		apply_report(r->report, "errors", r->now.errors.text[i]);
	}
	r->news = apply_scan(r->pool, &r->now, &r->asked, r->full, r->report);
	for (size_t i = 0; i < r->now.count; i++)
		r->now.file[i].fresh = false;
	scan_fini(&r->scan);
	r->scan = r->now;
	r->now = (struct scan){ 0 };
	lookup_free(&r->known);
	r->known = r->asked;
	r->asked = (struct lookup_table){ 0 };
	end_run(r);
	retry_lookups(r, transient);
}

/* Answers that are known and not asked again in a run that was caused by one changed file. */
static void
reuse_answers(struct reload *r)
{
	lookup_keep_good(&r->asked, &r->known);
	for (size_t i = 0; i < r->asked.count; i++)
		r->asked.entry[i].stale = false;
	if (r->ask_at_ns != 0)
		lookup_keep_failed(&r->asked, &r->known);
}

static void
look_up(struct reload *r)
{
	bool open = false;
	char why[128];

	for (size_t i = 0; i < r->now.count; i++)
		if (r->now.file[i].service != NULL)
			spec_wants(r->now.file[i].service, &r->asked);
	/* a retry asks only for what failed */
	if (!r->full)
		reuse_answers(r);
	for (size_t i = 0; i < r->asked.count; i++)
		open = open || r->asked.entry[i].state == LOOKUP_OPEN;
	if (!open) {
		looked_up(r);
		return;
	}
	r->query = identity_start(r->pool->loop, &r->asked, looked_up, r);
	if (r->query != NULL)
		return;
	snprintf(why, sizeof(why), "no process for look-ups: %s", strerror(errno));
	lookup_fail(&r->asked, why);
	looked_up(r);
}

static void
begin(void *arg)
{
	struct reload *r = arg;

	r->running = true;
	r->full = r->next_full || r->first != NULL;
	r->reread = false;
	r->ask = r->full ||
	    (r->ask_at_ns != 0 && loop_now(r->pool->loop) >= r->ask_at_ns);
	r->next_full = false;
	if (r->ask)
		r->ask_at_ns = 0;
	r->first_change_ns = 0;
	r->running_for = r->waiting;
	r->waiting = (struct waiters){ 0 };
	r->report = apply_new_report();
	assert(r->report != NULL);
	if (r->first == NULL)
		notify_reloading(loop_now(r->pool->loop));
	if (r->full && r->first == NULL)
		read_settings(r);
	r->ctx = (struct spec_context){ .root = r->pool->daemon.root, .uid = r->pool->daemon.uid,
		.gid = r->pool->daemon.gid, .defaults = r->settings->defaults };
	scan_directories(&r->now, &r->scan, r->reread, &r->ctx, r->directories, r->watch);
	look_up(r);
}

/* ---- only looking ---- */

/* What berth.json says now, and what of it a reload could not change. */
static void
describe_preview(void *arg, struct preview_facts *facts, json_t *report)
{
	const struct reload *r = arg;
	struct diag_list errs = { 0 };
	struct settings *now = reload_read_settings(settings_file(r), r->opt.settings_file != NULL, &errs);
	const struct settings *s = now != NULL ? now : r->settings;

	for (size_t i = 0; i < errs.count; i++)
		apply_report(report, "errors", errs.text[i]);
	diag_list_free(&errs);
	if (now != NULL)
		note_fixed(r, now, report);
	*facts = (struct preview_facts){ .pool = r->pool, .directories = r->directories,
		.before = &r->scan, .known = &r->known, .defaults = json_incref(s->defaults),
		.limit = s->limits_connections != 0 ? s->limits_connections
		    : capacity_of(&r->pool->capacity).connections };
	settings_free(now);
}

bool
reload_preview(struct reload *r, reload_done *done, void *arg)
{
	if (r->stopped)
		return false;
	preview_ask(r->preview, done, arg);
	return true;
}

void
reload_set_log_level(struct reload *r, int level)
{
	r->log_level = level;
	apply_log(r);
}

/* ---- from outside ---- */

struct reload *
reload_new(struct pool *p, const struct reload_options *opt, struct settings *settings,
    reload_done *first, void *arg)
{
	struct reload *r = calloc(1, sizeof(*r));

	assert(r != NULL);
	r->pool = p;
	r->opt = *opt;
	r->settings = settings;
	r->first = first;
	r->first_arg = arg;
	r->log_level = -1;
	r->preview = preview_new(p->loop, describe_preview, r);
	r->directories = opt->services != NULL ? opt->services
	    : settings->services != NULL       ? settings->services
					       : paths_services();
	r->watch = dirwatch_new(p->loop, files_changed, r);
	if (r->watch == NULL)
		log_message(RECORD_WARNING, "warning",
		    "inotify: %s: changed files are not noticed; use berthctl reload or SIGHUP",
		    strerror(errno));
	return r;
}

void
reload_start(struct reload *r)
{
	schedule(r, loop_now(r->pool->loop));
}

void
reload_free(struct reload *r)
{
	if (r == NULL)
		return;
	reload_stop(r);
	preview_free(r->preview);
	dirwatch_free(r->watch);
	scan_fini(&r->scan);
	lookup_free(&r->known);
	settings_free(r->settings);
	diag_list_free(&r->bad_settings);
	free(r);
}

const struct settings *
reload_settings(const struct reload *r)
{
	return r->settings;
}

void
reload_errors(const struct reload *r, struct diag_list *errs)
{
	for (size_t i = 0; i < r->bad_settings.count; i++)
		diag_list_add(errs, "%s", r->bad_settings.text[i]);
	for (size_t i = 0; i < r->scan.errors.count; i++)
		diag_list_add(errs, "%s", r->scan.errors.text[i]);
}

const char *
reload_settings_file(const struct reload *r, bool *exists)
{
	*exists = access(settings_file(r), F_OK) == 0;
	return settings_file(r);
}

char *const *
reload_directories(const struct reload *r)
{
	return r->directories;
}

bool
reload_all(struct reload *r, reload_done *done, void *arg)
{
	if (r->stopped)
		return false;
	waiters_add(&r->waiting, done, arg);
	r->next_full = true;
	schedule(r, loop_now(r->pool->loop));
	return true;
}

void
reload_forget(struct reload *r, void *arg)
{
	if (r == NULL)
		return;
	waiters_forget(&r->waiting, arg);
	waiters_forget(&r->running_for, arg);
	preview_forget(r->preview, arg);
}

void
reload_stop(struct reload *r)
{
	json_t *report = apply_new_report();

	r->stopped = true;
	loop_disarm(&r->timer);
	identity_cancel(r->query);
	r->query = NULL;
	r->running = false;
	preview_stop(r->preview);
	apply_report(report, "errors", "berthd is stopping");
	waiters_answer(&r->running_for, report);
	waiters_answer(&r->waiting, report);
	json_decref(report);
	json_decref(r->report);
	r->report = NULL;
	scan_fini(&r->now);
	lookup_free(&r->asked);
}

/* ---- berthd -t ---- */

size_t
reload_check(const struct settings *s, char *const *directories, struct diag_list *errs)
{
	struct spec_context ctx = { .root = geteuid() == 0, .uid = geteuid(), .gid = getegid(),
		.defaults = s->defaults };
	struct lookup_table asked = { 0 };
	struct scan scan;
	uint64_t reserved = 0;
	size_t good = 0;
	bool transient = false;

	scan_directories(&scan, NULL, false, &ctx, directories, NULL);
	for (size_t i = 0; i < scan.count; i++)
		if (scan.file[i].service != NULL)
			spec_wants(scan.file[i].service, &asked);
	identity_answer(&asked);
	for (size_t i = 0; i < scan.errors.count; i++)
		diag_list_add(errs, "%s", scan.errors.text[i]);
	for (size_t i = 0; i < scan.count; i++) {
		struct scan_file *f = &scan.file[i];

		if (f->service != NULL && spec_resolve(f->service, &ctx, f->path, &asked,
		    &f->errors, &transient) && spec_check_reserve(f->service, f->path, &reserved,
		    s->limits_connections, &f->errors))
			good++;
		for (size_t j = 0; j < f->errors.count; j++)
			diag_list_add(errs, "%s", f->errors.text[j]);
	}
	scan_fini(&scan);
	lookup_free(&asked);
	return good;
}
