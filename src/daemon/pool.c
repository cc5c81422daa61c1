#include "pool.h"

#include <sys/resource.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/log.h"
#include "errpipe.h"

#define RATE_WINDOW_NS 1000000000LL
#define RATE_BURST_STDERR 200
#define RATE_BURST 10

void
pool_init(struct pool *p, struct loop *loop, struct spawner *spawner,
    const struct launch_daemon *daemon)
{
	*p = (struct pool){ .loop = loop, .spawner = spawner, .daemon = *daemon };
	p->next_connection = 1;
	TAILQ_INIT(&p->services);
	TAILQ_INIT(&p->ready);
	TAILQ_INIT(&p->touched);
	TAILQ_INIT(&p->idle_pipes);
}

#define FDS_KEPT 128		/* for the loop, the log, the control socket and its clients */
#define FDS_PER_HANDLER 2	/* pidfd and stderr pipe */
#define HANDLER_BYTES (4LL * 1024 * 1024)

static uint32_t
clamp(int64_t n)
{
	return n < 1 ? 1 : n > 1000000 ? 1000000 : (uint32_t)n;
}

/* What the limits of this process and the machine's memory allow. */
static uint32_t
compute_limit(const struct pool *p)
{
	struct rlimit fds = { 0 }, procs = { 0 };
	int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	uint32_t by_fds, by_memory, by_procs = 1000000, least;

	getrlimit(RLIMIT_NOFILE, &fds);
	getrlimit(RLIMIT_NPROC, &procs);
	by_fds = clamp(fds.rlim_cur > 1000000000 ? 1000000
	    : ((int64_t)fds.rlim_cur - FDS_KEPT) / FDS_PER_HANDLER);
	by_memory = clamp(memory / HANDLER_BYTES);
	if (!p->daemon.root && procs.rlim_cur != RLIM_INFINITY)
		by_procs = clamp((int64_t)procs.rlim_cur);
	least = by_fds < by_memory ? by_fds : by_memory;
	least = least < by_procs ? least : by_procs;
	log_message(RECORD_INFO, "note",
	    "limits.connections is %u: files allow %u, memory %u, processes %u", least, by_fds,
	    by_memory, by_procs);
	return least;
}

void
pool_set_limit(struct pool *p, uint32_t connections)
{
	if (connections == 0 && p->computed_limit == 0)
		p->computed_limit = compute_limit(p);
	p->limit = connections != 0 ? connections : p->computed_limit;
}

struct pool_service *
pool_find(struct pool *p, const char *name)
{
	struct pool_service *ps;

	TAILQ_FOREACH(ps, &p->services, next)
		if (strcmp(ps->name, name) == 0)
			return ps;
	return NULL;
}

struct pool_service *
pool_add(struct pool *p, const char *name)
{
	struct pool_service *ps, *after;

	/* names mostly come in order: look from the end */
	TAILQ_FOREACH_REVERSE(after, &p->services, pool_service_list, next) {
		int c = strcmp(after->name, name);

		if (c == 0)
			return after;
		if (c < 0)
			break;
	}
	ps = calloc(1, sizeof(*ps));
	assert(ps != NULL);
	ps->pool = p;
	ps->name = strdup(name);
	assert(ps->name != NULL);
	TAILQ_INIT(&ps->listeners);
	TAILQ_INIT(&ps->ready);
	TAILQ_INIT(&ps->children);
	LIST_INIT(&ps->pipes);
	LIST_INIT(&ps->idle_pipes);
	if (after != NULL)
		TAILQ_INSERT_AFTER(&p->services, after, ps, next);
	else
		TAILQ_INSERT_HEAD(&p->services, ps, next);
	return ps;
}

void
pool_reap_service(struct pool_service *ps)
{
	struct pool *p = ps->pool;

	if (!ps->removed || ps->active > 0 || !LIST_EMPTY(&ps->pipes) || !TAILQ_EMPTY(&ps->listeners) ||
	    !TAILQ_EMPTY(&ps->children))
		return;
	/* closing a pipe touches the service: only then is it off the lists */
	errpipe_close_idle(ps);
	if (ps->queued)
		TAILQ_REMOVE(&p->ready, ps, next_ready);
	if (ps->touched)
		TAILQ_REMOVE(&p->touched, ps, next_touched);
	TAILQ_REMOVE(&p->services, ps, next);
	loop_disarm(&ps->throttle_timer);
	loop_disarm(&ps->rate_timer);
	spec_release(ps->service);
	diag_list_free(&ps->errors);
	diag_list_free(&ps->warnings);
	free(ps->file);
	free(ps->name);
	free(ps);
}

void
pool_touch(struct pool_service *ps)
{
	if (ps->touched)
		return;
	ps->touched = true;
	TAILQ_INSERT_TAIL(&ps->pool->touched, ps, next_touched);
}

static enum admit_verdict
service_gate(const struct pool_service *ps)
{
	struct admit_service_facts f = { .active = ps->active,
		.limit = ps->service != NULL ? ps->service->limits.connections : 0,
		.throttled = throttle_holds(&ps->throttle) };

	return admit_service(&f);
}

void
pool_refresh(struct pool *p)
{
	struct pool_service *ps;

	while ((ps = TAILQ_FIRST(&p->touched)) != NULL) {
		bool serve;

		TAILQ_REMOVE(&p->touched, ps, next_touched);
		ps->touched = false;
		ps->gate = service_gate(ps);
		serve = ps->gate == ADMIT_OK && !TAILQ_EMPTY(&ps->ready);
		if (serve && !ps->queued)
			TAILQ_INSERT_TAIL(&p->ready, ps, next_ready);
		else if (!serve && ps->queued)
			TAILQ_REMOVE(&p->ready, ps, next_ready);
		ps->queued = serve;
		pool_reap_service(ps);
	}
}

enum admit_verdict
pool_gate(const struct pool *p)
{
	struct admit_pool_facts f = { .active = p->active, .limit = p->limit,
		.short_of_resources = p->short_of_resources };

	return admit_pool(&f);
}

void
pool_take_place(struct pool_service *ps)
{
	ps->active++;
	ps->pool->active++;
	pool_touch(ps);
}

void
pool_give_place(struct pool_service *ps)
{
	assert(ps->active > 0 && ps->pool->active > 0);
	ps->active--;
	ps->pool->active--;
	pool_touch(ps);
	pool_shortage_wake(ps->pool);
}

/* ---- shortage of resources ---- */

static void
shortage_due(void *arg)
{
	struct pool *p = arg;

	p->short_of_resources = false;
}

void
pool_shortage(struct pool *p, int error)
{
	if (p->shortage.failures == 0) {
		struct record r;

		p->shortage_since_ns = loop_now(p->loop);
		record_init(&r, RECORD_WARNING, "shortage");
		record_text(&r, "error", strerror(error));
		log_record(&r);
	}
	p->short_of_resources = true;
	loop_arm(p->loop, &p->shortage_timer, loop_now(p->loop) + backoff_shortage(&p->shortage),
	    shortage_due, p);
}

void
pool_shortage_over(struct pool *p)
{
	struct record r;

	if (p->shortage.failures == 0)
		return;
	backoff_reset(&p->shortage);
	loop_disarm(&p->shortage_timer);
	p->short_of_resources = false;
	record_init(&r, RECORD_NOTICE, "shortage-over");
	record_seconds(&r, "duration", loop_now(p->loop) - p->shortage_since_ns);
	log_record(&r);
}

void
pool_shortage_wake(struct pool *p)
{
	if (p->short_of_resources) {
		loop_disarm(&p->shortage_timer);
		p->short_of_resources = false;
	}
}

/* ---- throttle ---- */

static void
throttle_due(void *arg)
{
	struct pool_service *ps = arg;

	throttle_try(&ps->throttle);
	pool_touch(ps);
}

static void
log_recovered(struct pool_service *ps)
{
	struct record r;

	loop_disarm(&ps->throttle_timer);
	pool_touch(ps);
	record_init(&r, RECORD_NOTICE, "recovered");
	record_text(&r, "service", ps->name);
	log_record(&r);
}

void
pool_note_end(struct pool_service *ps, enum throttle_end end, int status, int64_t lived_ns,
    const struct source *source, const char *what)
{
	int64_t now = loop_now(ps->pool->loop), pause;
	bool recovered;
	struct record r;

	pause = throttle_ended(&ps->throttle, end, status, lived_ns, source, now, &recovered);
	pool_touch(ps);
	if (recovered)
		log_recovered(ps);
	if (pause == 0)
		return;
	loop_arm(ps->pool->loop, &ps->throttle_timer, now + pause, throttle_due, ps);
	record_init(&r, RECORD_WARNING, "throttle");
	record_text(&r, "service", ps->name);
	record_seconds(&r, "seconds", pause);
	record_text(&r, "reason", what);
	log_record(&r);
}

void
pool_note_lived(struct pool_service *ps)
{
	if (throttle_lived(&ps->throttle))
		log_recovered(ps);
}

void
pool_reset_throttle(struct pool_service *ps)
{
	if (throttle_reset(&ps->throttle))
		log_recovered(ps);
}

/* ---- lines that may flood ---- */

static void
summarise(struct pool_service *ps, const char *word, uint64_t held)
{
	struct record r;

	if (held == 0)
		return;
	record_init(&r, RECORD_WARNING, word);
	record_text(&r, "service", ps->name);
	record_number(&r, "suppressed", (int64_t)held);
	log_record(&r);
}

static void
rate_due(void *arg)
{
	struct pool_service *ps = arg;

	summarise(ps, "stderr", ratelog_take(&ps->stderr_rate));
	summarise(ps, "refuse", ratelog_take(&ps->refuse_rate));
	summarise(ps, "fail", ratelog_take(&ps->fail_rate));
}

bool
pool_may_log(struct pool_service *ps, struct ratelog *r, const char *word)
{
	uint32_t burst = r == &ps->stderr_rate ? RATE_BURST_STDERR : RATE_BURST;
	int64_t now = loop_now(ps->pool->loop);
	uint64_t summary;
	bool allowed = ratelog_allow(r, burst, RATE_WINDOW_NS, now, &summary);

	summarise(ps, word, summary);
	if (!allowed && !loop_armed(&ps->rate_timer))
		loop_arm(ps->pool->loop, &ps->rate_timer, now + RATE_WINDOW_NS, rate_due, ps);
	return allowed;
}
