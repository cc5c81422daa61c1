#include "pool.h"

#include <sys/sysinfo.h>

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/overflow.h"
#include "../sys/log.h"
#include "../sys/machine.h"
#include "../sys/onlooker.h"
#include "../sys/sockdiag.h"
#include "carry.h"
#include "child.h"
#include "errpipe.h"
#include "evict.h"
#include "farewell.h"
#include "listener.h"
#include "proxied.h"

#define SOURCES 32768		/* entries in the table: 2 MiB when all were used */
#define LOAD_NS 1000000000LL	/* how long a sample of the load average is good */
#define LINE_WINDOW_NS 1000000000LL
#define REFUSAL_WINDOW_NS 5000000000LL

static void read_machine(struct pool *p);
static void recount_reserve(struct pool_service *ps);

static void
note_start(struct pool *p)
{
	p->stats->head->pid = getpid();
	p->stats->head->started_realtime_ns = log_realtime_ns();
}

void
pool_init(struct pool *p, struct loop *loop, struct spawner *spawner,
    const struct launch_daemon *daemon)
{
	uint8_t key[16];

	*p = (struct pool){ .loop = loop, .spawner = spawner, .daemon = *daemon,
		.started_ns = loop_now(loop) };
	p->statsfile = statsfile_anonymous();
	p->stats = statsfile_stats(p->statsfile);
	note_start(p);
	TAILQ_INIT(&p->services);
	TAILQ_INIT(&p->ready);
	TAILQ_INIT(&p->blocked);
	TAILQ_INIT(&p->touched);
	TAILQ_INIT(&p->surveys);
	TAILQ_INIT(&p->starved);
	p->onlooker = onlooker_new(loop);
	p->diag = sockdiag_new();
	read_machine(p);
	p->limit = capacity_of(&p->capacity).connections;
	arc4random_buf(key, sizeof(key));
	p->peers = peers_new(SOURCES, key);
	p->evict = evict_new(p);
	p->farewell = farewell_new(loop);
	p->proxied = proxied_new(p);
	assert(p->proxied != NULL && p->peers != NULL && p->onlooker != NULL && p->evict != NULL && p->farewell != NULL);
	TAILQ_INIT(&p->idle_pipes);
}

void
pool_open_statistics(struct pool *p, const char *path)
{
	struct diag note, why;
	struct statsfile *f = statsfile_open(path, &note, &why);
	uint64_t lost;

	if (f == NULL) {
		log_message(RECORD_WARNING, "warning", "statistics: %s: what is counted ends with "
		    "this process", why.text);
		return;
	}
	if (note.text[0] != '\0')
		log_message(RECORD_NOTICE, "note", "statistics: %s; it begins anew", note.text);
	statsfile_close(p->statsfile);
	p->statsfile = f;
	p->stats = statsfile_stats(f);
	lost = stats_settle(p->stats);
	if (lost > 0)
		log_message(RECORD_NOTICE, "note", "%llu connections of the berthd before were lost "
		    "sight of", (unsigned long long)lost);
	p->peak = (uint32_t)p->stats->head->peak;
	note_start(p);
}

void
pool_note_turn(struct pool *p)
{
	struct stats_head *h = p->stats->head;

	h->turn_ns = loop_now(p->loop);
	h->active = p->active;
	h->peak = p->peak;
	h->limit = p->limit;
}

void
pool_sweep_statistics(struct pool *p)
{
	statsfile_sweep(p->statsfile);
}

/* Its slot in the statistics file. */
static void
take_slot(struct pool_service *ps)
{
	static bool said;
	bool full;

	ps->slot = statsfile_take(ps->pool->statsfile, ps->name, &full);
	ps->count = &ps->slot->count;
	if (full && !said)
		log_message(RECORD_WARNING, "warning", "statistics: no room for %s: what is counted of "
		    "it ends with this process", ps->name);
	said = said || full;
}

void
pool_fini(struct pool *p)
{
	statsfile_close(p->statsfile);
	carrier_fini();
	loop_disarm(&p->load_timer);
	proxied_free(p->proxied);
	evict_free(p->evict);
	farewell_free(p->farewell);
	onlooker_free(p->onlooker);
	sockdiag_free(p->diag);
	peers_free(p->peers);
}

void
pool_set_limits(struct pool *p, uint32_t connections, double load)
{
	struct pool_service *ps;

	p->configured_limit = connections;
	p->load_max = load;
	p->limit = connections != 0 ? connections : capacity_of(&p->capacity).connections;
	TAILQ_FOREACH(ps, &p->services, next)
		pool_touch(ps);
}

static void
read_machine(struct pool *p)
{
	struct machine m;

	machine_read(&m, p->daemon.root);
	p->capacity = (struct capacity_facts){ .nofile = m.nofile, .nproc = m.nproc,
		.pid_max = m.pid_max, .threads_max = m.threads_max,
		.cgroup_pids = m.cgroup_pids, .memory_bytes = m.memory_bytes,
		.cgroup_memory_bytes = m.cgroup_memory_bytes };
}

void
pool_compute_limit(struct pool *p, uint32_t listeners, bool again)
{
	char text[CAPACITY_TEXT_MAX];
	uint32_t limit;

	if (again)
		read_machine(p);
	p->capacity.listeners = listeners;
	limit = capacity_of(&p->capacity).connections;
	if (p->configured_limit == 0)
		p->limit = limit;
	else if (p->configured_limit <= limit)
		return;
	capacity_format(&p->capacity, text, sizeof(text));
	if (strcmp(text, p->capacity_text) == 0)
		return;
	strlcpy(p->capacity_text, text, sizeof(p->capacity_text));
	if (p->configured_limit == 0)
		log_message(RECORD_INFO, "note", "%s", text);
	else
		log_message(RECORD_WARNING, "warning", "limits.connections of berth.json is %u, more "
		    "than this machine seems to bear: computed, %s", p->configured_limit, text);
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
	TAILQ_INIT(&ps->holding);
	TAILQ_INIT(&ps->children);
	ps->number = ++p->next_number;
	take_slot(ps);
	LIST_INIT(&ps->pipes);
	LIST_INIT(&ps->idle_pipes);
	if (after != NULL)
		TAILQ_INSERT_AFTER(&p->services, after, ps, next);
	else
		TAILQ_INSERT_HEAD(&p->services, ps, next);
	return ps;
}

/* Into a queue, at its end or its head, or out of all. */
static void
move(struct pool_service *ps, int queue, bool first)
{
	struct pool *p = ps->pool;
	struct pool_service_list *to = queue == POOL_READY ? &p->ready : &p->blocked;

	if (queue == (int)ps->queue && !(first && queue != POOL_OUT))
		return;
	if (ps->queue != POOL_OUT)
		TAILQ_REMOVE(ps->queue == POOL_READY ? &p->ready : &p->blocked, ps, next_ready);
	ps->queue = queue;
	if (queue == POOL_OUT)
		ps->credit = 0;
	else if (first)
		TAILQ_INSERT_HEAD(to, ps, next_ready);
	else
		TAILQ_INSERT_TAIL(to, ps, next_ready);
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
	pool_log_held(ps);
	move(ps, POOL_OUT, false);
	if (ps->touched)
		TAILQ_REMOVE(&p->touched, ps, next_touched);
	TAILQ_REMOVE(&p->services, ps, next);
	p->unused -= ps->unused;
	loop_disarm(&ps->drain_timer);
	loop_disarm(&ps->throttle_timer);
	loop_disarm(&ps->gate_timer);
	loop_disarm(&ps->held_timer);
	carry_free_service(ps);
	spec_release(ps->service);
	diag_list_free(&ps->errors);
	diag_list_free(&ps->warnings);
	/* the next berthd goes on counting */
	if (p->draining)
		statsfile_leave(p->statsfile, ps->slot);
	else
		statsfile_give(p->statsfile, ps->slot);
	free(ps->file);
	free(ps->name);
	free(ps);
}

bool
pool_is_enabled(const struct pool_service *ps)
{
	return ps->service != NULL && !ps->removed && ps->service->enabled && !ps->disabled;
}

bool
pool_is_served(const struct pool_service *ps)
{
	return pool_is_enabled(ps) && !ps->drained;
}

void
pool_touch(struct pool_service *ps)
{
	if (ps->touched)
		return;
	ps->touched = true;
	TAILQ_INSERT_TAIL(&ps->pool->touched, ps, next_touched);
}

/* ---- gates ---- */

/* The load average of one minute; /proc would cost a descriptor. */
static double
load_now(struct pool *p)
{
	int64_t now = loop_now(p->loop);
	struct sysinfo si;

	if (p->load_at_ns == 0 || now - p->load_at_ns >= LOAD_NS) {
		if (sysinfo(&si) == 0)
			p->load = (double)si.loads[0] / (1 << SI_LOAD_SHIFT);
		p->load_at_ns = now;
	}
	return p->load;
}

struct admit_service_facts
pool_service_facts(const struct pool_service *ps)
{
	const struct service *s = ps->service;
	struct pool *p = ps->pool;
	struct admit_service_facts f = { .active = ps->active, .paused = ps->pauses.on,
		.throttled = throttle_holds(&ps->throttle), .bucket = &ps->bucket,
		.now_ns = loop_now(p->loop) };

	if (s == NULL)
		return f;
	f.limit = s->limits.connections;
	f.rate = s->limits.rate.count != 0 ? &s->limits.rate : NULL;
	f.load_max = s->limits.load;
	if (f.load_max > 0)
		f.load = load_now(p);
	return f;
}

struct admit_pool_facts
pool_facts(const struct pool_service *ps)
{
	struct pool *p = ps->pool;

	return (struct admit_pool_facts){ .active = p->active, .limit = p->limit,
		.others_unused = p->unused - ps->unused, .own_unused = ps->unused,
		.load_max = p->load_max, .load = p->load_max > 0 ? load_now(p) : 0,
		.short_of_resources = p->short_of_resources };
}

/* Is there a place in the pool for this service? */
static enum admit_verdict
pool_gate(const struct pool_service *ps)
{
	struct admit_pool_facts f = pool_facts(ps);

	return admit_pool(&f);
}

enum admit_verdict
pool_verdict(const struct pool_service *ps)
{
	struct admit_service_facts f = pool_service_facts(ps);
	enum admit_verdict v = admit_service(&f);

	return v != ADMIT_OK ? v : pool_gate(ps);
}

static void
gate_due(void *arg)
{
	pool_touch(arg);
}

/* A gate that opens by itself: when to look again. */
static void
watch_gate(struct pool_service *ps, const struct admit_service_facts *f)
{
	struct loop *loop = ps->pool->loop;

	if (ps->gate == ADMIT_SERVICE_RATE)
		loop_arm(loop, &ps->gate_timer, bucket_next_ns(f->bucket, f->rate, f->now_ns),
		    gate_due, ps);
	else if (ps->gate == ADMIT_LOAD)
		loop_arm(loop, &ps->gate_timer, f->now_ns + LOAD_NS, gate_due, ps);
	else
		loop_disarm(&ps->gate_timer);
}

static bool
has_listeners(const struct pool_service *ps)
{
	return !TAILQ_EMPTY(&ps->ready) || !TAILQ_EMPTY(&ps->holding);
}

/* Is there something that its chain of limits.overflow says to do now, without a place? */
static bool
can_act(const struct pool_service *ps, enum admit_verdict v)
{
	const struct service *s = ps->service;

	return s != NULL && !TAILQ_EMPTY(&ps->ready) &&
	    !overflow_leaves(s->limits.overflow, s->limits.noverflow, v);
}

/* The pool's own load is a gate of every service: it opens by time, as theirs does. */
static void
decide_gate(struct pool_service *ps)
{
	struct admit_service_facts f = pool_service_facts(ps);
	enum admit_verdict before = ps->gate;

	ps->gate = admit_service(&f);
	if (ps->gate == ADMIT_OK && ps->pool->load_max > 0 && has_listeners(ps) &&
	    pool_gate(ps) == ADMIT_LOAD)
		ps->gate = ADMIT_LOAD;
	watch_gate(ps, &f);
	if (ps->gate != before && ps->gate != ADMIT_OK)
		listener_resume_all(ps);
}

/* accepted = pending + active + ended + failed + refused: what does not add up was lost, or counted twice. */
static void
check_accounts(const struct pool_service *ps)
{
	assert(stats_open(ps->count) == ps->pending + ps->active);
}

/* Before all others, those that are in the middle of a round too: with at least one connection left in its own. */
static void
put_heir(struct pool_service *ps)
{
	uint32_t credit = ps->credit;

	move(ps, POOL_READY, true);
	ps->credit = credit > 0 ? credit : 1;
}

void
pool_refresh(struct pool *p)
{
	struct pool_service *ps;

	while ((ps = TAILQ_FIRST(&p->touched)) != NULL) {
		bool serve;

		TAILQ_REMOVE(&p->touched, ps, next_touched);
		ps->touched = false;
		check_accounts(ps);
		recount_reserve(ps);
		decide_gate(ps);
		serve = ps->gate == ADMIT_OK ? has_listeners(ps) : can_act(ps, ps->gate);
		if (!serve)
			move(ps, POOL_OUT, false);
		else if (ps->heir && pool_gate(ps) == ADMIT_OK)
			put_heir(ps);
		else if (ps->queue == POOL_OUT || can_act(ps, ADMIT_POOL_FULL))
			move(ps, POOL_READY, false);
		else if (ps->queue == POOL_BLOCKED && ps->unused > 0)
			move(ps, POOL_BLOCKED, true);
		ps->heir = false;
		pool_reap_service(ps);
	}
}

/* ---- turns ---- */

/*
 * Those that a full pool holds back stand in a queue of their own, so that each place costs one look, however
 * many wait; they come before all but one that is in the middle of its round.  A round of a service is as many
 * connections as its weight.
 */
struct pool_service *
pool_next(struct pool *p)
{
	struct pool_service *ps, *first;
	struct listener *l;

	if (p->short_of_resources)
		return NULL;
	TAILQ_FOREACH(l, &p->starved, next_starved)
		if (l->service->queue != POOL_OUT && l->service->gate == ADMIT_OK &&
		    pool_gate(l->service) == ADMIT_OK)
			return l->service;
	first = TAILQ_FIRST(&p->ready);
	if ((first == NULL || first->credit == 0) && (ps = TAILQ_FIRST(&p->blocked)) != NULL &&
	    pool_gate(ps) == ADMIT_OK) {
		move(ps, POOL_READY, true);
		return ps;
	}
	while ((ps = TAILQ_FIRST(&p->ready)) != NULL) {
		if (ps->gate != ADMIT_OK || pool_gate(ps) == ADMIT_OK || can_act(ps, pool_gate(ps)))
			return ps;
		/* who has a reserve left stands before all that have none: a place may be for it alone */
		first = TAILQ_FIRST(&p->blocked);
		move(ps, POOL_BLOCKED,
		    ps->unused > 0 || (ps->credit > 0 && (first == NULL || first->unused == 0)));
	}
	return NULL;
}

static void
load_due(void *arg)
{
	(void)arg;	/* the turn that it makes looks again */
}

void
pool_watch_load(struct pool *p)
{
	if (p->load_max <= 0 || (TAILQ_EMPTY(&p->ready) && TAILQ_EMPTY(&p->blocked)) ||
	    load_now(p) < p->load_max)
		return;
	if (!loop_armed(&p->load_timer))
		loop_arm(p->loop, &p->load_timer, loop_now(p->loop) + LOAD_NS, load_due, p);
}

void
pool_served(struct pool_service *ps)
{
	if (ps->credit == 0)
		ps->credit = ps->service != NULL ? ps->service->limits.weight : 1;
	if (--ps->credit > 0 || ps->queue != POOL_READY)
		return;
	move(ps, POOL_OUT, false);
	move(ps, POOL_READY, false);
}

/* ---- places ---- */

uint32_t
pool_reserve(const struct pool_service *ps)
{
	bool over = ps->drained && TAILQ_EMPTY(&ps->listeners);

	return pool_is_enabled(ps) && !ps->overbooked && !over ? ps->service->limits.reserve : 0;
}

/* How much of its reserve is free: places that are nobody else's. */
static void
recount_reserve(struct pool_service *ps)
{
	uint32_t reserve = pool_reserve(ps);
	uint32_t unused = reserve > ps->active ? reserve - ps->active : 0;

	ps->pool->unused += unused;
	ps->pool->unused -= ps->unused;
	ps->unused = unused;
}

void
pool_take_place(struct pool_service *ps)
{
	struct pool *p = ps->pool;

	if (++ps->active > ps->count->peak)
		ps->count->peak = ps->active;
	if (++p->active > p->peak)
		p->peak = p->active;
	recount_reserve(ps);
	pool_touch(ps);
}

void
pool_give_place(struct pool_service *ps)
{
	assert(ps->active > 0 && ps->pool->active > 0);
	ps->active--;
	ps->pool->active--;
	recount_reserve(ps);
	pool_touch(ps);
	pool_shortage_wake(ps->pool);
}

void
pool_prefer(struct pool_service *ps)
{
	ps->heir = true;
	pool_touch(ps);
}

static void
fit_peer(void *arg, struct peer *entry)
{
	const struct pool_service *ps = arg;

	if (entry->service == ps->number)
		bucket_fit(&entry->bucket, &ps->service->limits.rate_per_source,
		    loop_now(ps->pool->loop));
}

void
pool_fit(struct pool_service *ps, const struct service *before)
{
	const struct service *s = ps->service;

	recount_reserve(ps);
	pool_touch(ps);
	if (s != before || ps->targets == NULL)
		carry_fit(ps);
	if (s == NULL)
		return;
	if (s->limits.rate.count != 0)
		bucket_fit(&ps->bucket, &s->limits.rate, loop_now(ps->pool->loop));
	child_recount_sources(ps, before);
	if (before != NULL && s->limits.rate_per_source.count != 0 &&
	    memcmp(&before->limits.rate_per_source, &s->limits.rate_per_source,
		sizeof(s->limits.rate_per_source)) != 0)
		peers_each(ps->pool->peers, fit_peer, ps);
}

/* ---- shortage of resources ---- */

static void
shortage_due(void *arg)
{
	struct pool *p = arg;

	p->short_of_resources = false;
}

void
pool_shortage(struct pool *p, enum pool_shortage_of what, int error)
{
	p->short_of = what;
	if (p->shortage_since_ns == 0) {
		struct record r;

		p->shortage_since_ns = loop_now(p->loop);
		record_init(&r, RECORD_WARNING, "shortage");
		record_text(&r, "error", strerror(error));
		log_record(&r);
	}
	p->short_of_resources = true;
	errpipe_close_idle_all(p);
	evict_for_shortage(p->evict);
}

void
pool_shortage_pause(struct pool *p)
{
	loop_arm(p->loop, &p->shortage_timer, loop_now(p->loop) + backoff_shortage(&p->shortage),
	    shortage_due, p);
}

void
pool_shortage_wait(struct pool *p, int64_t ns)
{
	loop_arm(p->loop, &p->shortage_timer, loop_now(p->loop) + ns, shortage_due, p);
}

void
pool_shortage_over(struct pool *p, enum pool_shortage_of what)
{
	struct record r;

	if (p->shortage_since_ns == 0 || (what == POOL_SHORT_OF_ACCEPT && p->short_of != what))
		return;
	backoff_reset(&p->shortage);
	loop_disarm(&p->shortage_timer);
	p->short_of_resources = false;
	record_init(&r, RECORD_NOTICE, "shortage-over");
	record_seconds(&r, "duration", loop_now(p->loop) - p->shortage_since_ns);
	log_record(&r);
	p->shortage_since_ns = 0;
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

static const struct {
	const char *word;
	enum record_level level;
	uint32_t burst;			/* lines in a window */
} lines[POOL_LINES] = {
	[POOL_STDERR] = { "stderr", RECORD_NOTICE, 200 },
	[POOL_FAIL] = { "fail", RECORD_ERROR, 10 },
	[POOL_PENALTY] = { "penalty", RECORD_NOTICE, 10 },
};

/* Of the level of the lines that it stands for, so that a level has all of them or none. */
static void
log_held(struct pool_service *ps, enum record_level level, const char *word, const char *reason, uint64_t count,
    int64_t since_ns)
{
	struct record r;

	if (count == 0)
		return;
	record_init(&r, level, word);
	record_text(&r, "service", ps->name);
	record_text(&r, "reason", reason);
	record_number(&r, "count", (int64_t)count);
	record_seconds(&r, "duration", loop_now(ps->pool->loop) - since_ns);
	log_record(&r);
}

static void
log_held_line(struct pool_service *ps, enum pool_line what)
{
	struct ratelog *r = &ps->line[what];
	int64_t since = r->window_start_ns;

	log_held(ps, lines[what].level, lines[what].word, NULL, ratelog_take(r), since);
}

/* ends: the next refusal begins a burst. */
static void
log_held_refusal(struct pool_service *ps, enum admit_verdict reason, bool ends)
{
	struct ratelog *r = &ps->refusal[reason];
	int64_t since = r->window_start_ns;
	uint64_t held = ends ? ratelog_take(r) : ratelog_roll(r, loop_now(ps->pool->loop));

	log_held(ps, RECORD_NOTICE, "refuse", admit_word(reason), held, since);
}

static void
held_due(void *arg)
{
	struct pool_service *ps = arg;
	int64_t now = loop_now(ps->pool->loop), next = INT64_MAX, due;

	for (int i = 0; i < POOL_LINES; i++) {
		due = ratelog_due_ns(&ps->line[i], LINE_WINDOW_NS);
		if (due != 0 && due <= now)
			log_held_line(ps, (enum pool_line)i);
		else if (due != 0 && due < next)
			next = due;
	}
	for (int v = 0; v < ADMIT_VERDICTS; v++) {
		due = ratelog_due_ns(&ps->refusal[v], REFUSAL_WINDOW_NS);
		if (due != 0 && due <= now)
			log_held_refusal(ps, (enum admit_verdict)v, false);
		else if (due != 0 && due < next)
			next = due;
	}
	if (next != INT64_MAX)
		loop_arm(ps->pool->loop, &ps->held_timer, next, held_due, ps);
}

/* One was counted: it is told at the end of its window. */
static void
hold(struct pool_service *ps, int64_t due_ns)
{
	if (!loop_armed(&ps->held_timer) || ps->held_timer.due_ns > due_ns)
		loop_arm(ps->pool->loop, &ps->held_timer, due_ns, held_due, ps);
}

bool
pool_may_log(struct pool_service *ps, enum pool_line what)
{
	struct ratelog *r = &ps->line[what];
	int64_t since = r->window_start_ns;
	uint64_t before;
	bool allowed;

	if (!log_wants(lines[what].level))
		return false;
	allowed = ratelog_allow(r, lines[what].burst, LINE_WINDOW_NS, loop_now(ps->pool->loop), &before);
	log_held(ps, lines[what].level, lines[what].word, NULL, before, since);
	if (!allowed)
		hold(ps, ratelog_due_ns(r, LINE_WINDOW_NS));
	return allowed;
}

bool
pool_may_log_refusal(struct pool_service *ps, enum admit_verdict reason)
{
	struct ratelog *r = &ps->refusal[reason];

	if (!log_wants(RECORD_NOTICE))
		return false;
	if (ratelog_begins(r, REFUSAL_WINDOW_NS, loop_now(ps->pool->loop)))
		return true;
	hold(ps, ratelog_due_ns(r, REFUSAL_WINDOW_NS));
	return false;
}

void
pool_log_held(struct pool_service *ps)
{
	for (int i = 0; i < POOL_LINES; i++)
		log_held_line(ps, (enum pool_line)i);
	for (int v = 0; v < ADMIT_VERDICTS; v++)
		log_held_refusal(ps, (enum admit_verdict)v, true);
	loop_disarm(&ps->held_timer);
}

void
pool_log_all_held(struct pool *p)
{
	struct pool_service *ps;

	TAILQ_FOREACH(ps, &p->services, next)
		pool_log_held(ps);
}
