#include "dispatch.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../pure/overflow.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "account.h"
#include "admission.h"
#include "child.h"
#include "evict.h"
#include "farewell.h"
#include "listener.h"
#include "post.h"
#include "proxied.h"

#define BATCH 16			/* connections a turn, */
#define TURN_NS 2000000LL		/* and for how long: others have things to do */
#define PENDING_NS 10000000000LL	/* a connection waits that long for resources */

/* ---- refusing ---- */

static bool
is_tcp(const struct listener *l)
{
	return l->key.kind == ENDPOINT_TCP;
}

/* Who has gone by itself was not refused: a health check that connects and resets, for one. */
static bool
is_quiet(const struct pool_service *ps, enum admit_verdict reason)
{
	return reason == ADMIT_GONE && ps->service != NULL && !ps->service->log.connections;
}

void
dispatch_note_refusal(struct pool_service *ps, const struct arrival *a, enum admit_verdict reason,
    const char *rule)
{
	char text[ADDR_TEXT_MAX];
	struct record r;

	account_refusal(ps, a, reason);
	if (is_quiet(ps, reason) || !pool_may_log_refusal(ps, reason))
		return;
	record_init(&r, RECORD_NOTICE, "refuse");
	record_text(&r, "service", ps->name);
	record_text(&r, "peer", ps->service == NULL ? NULL
	    : child_log_peer(ps->service, &a->peer, a->uid, text, sizeof(text)));
	record_text(&r, "reason", admit_word(reason));
	/* a rule of access may be about one address */
	if (rule != NULL && strncmp(rule, "access: ", 8) == 0 &&
	    (ps->service == NULL || ps->service->log.peer != SPEC_PEER_FULL))
		rule = "access";
	if (rule != NULL && rule[0] != '\0')
		record_text(&r, "rule", rule);
	log_record(&r);
}

/* It is no longer pending: its fd is the caller's. */
static int
settle(struct listener *l)
{
	int fd = l->pending.fd;

	evict_cancel(l);
	if (l->starves)
		TAILQ_REMOVE(&l->service->pool->starved, l, next_starved);
	l->starves = false;
	l->pending.fd = -1;
	l->service->pending--;
	listener_resume(l);
	return fd;
}

static int
count_refusal(struct listener *l, enum admit_verdict reason, const char *rule)
{
	dispatch_note_refusal(l->service, &l->pending, reason, rule);
	return settle(l);
}

void
dispatch_refuse(struct listener *l, enum admit_verdict reason, const char *rule)
{
	bool tcp = is_tcp(l);

	sock_reset(count_refusal(l, reason, rule), tcp);
}

/* ---- one connection ---- */

/* The listener's own address where that says it all, else the connection's. */
static void
find_local(const struct listener *l, int fd, struct addr *local)
{
	const struct addr *b = &l->sock.bound;

	if ((b->u.sa.sa_family == AF_INET && b->u.in.sin_addr.s_addr == htonl(INADDR_ANY)) ||
	    (b->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&b->u.in6.sin6_addr)))
		sock_local(fd, local);
	else
		*local = *b;
}

/* A stopping listener serves what its queue held at the time of the command, then closes. */
static void
close_if_served(struct listener *l)
{
	if (l->stopping && l->quota <= 0 && l->pending.fd < 0)
		listener_remove(l);
}

static void
short_due(void *arg)
{
	struct listener *l = arg;

	dispatch_refuse(l, ADMIT_RESOURCES, "none in 10s");
	close_if_served(l);
}

/* There were no resources for a handler: it stays pending, for so long at most, and is tried before all that come. */
static void
keep_short(struct listener *l, int error)
{
	struct arrival *a = &l->pending;
	struct pool *p = l->service->pool;

	if (a->short_since_ns == 0)
		a->short_since_ns = loop_now(p->loop);
	if (!l->starves)
		TAILQ_INSERT_TAIL(&p->starved, l, next_starved);
	l->starves = true;
	if (l->listed == LISTENER_READY) {
		TAILQ_REMOVE(&l->service->ready, l, next_ready);
		TAILQ_INSERT_HEAD(&l->service->ready, l, next_ready);
	}
	loop_arm(p->loop, &l->hold_timer, a->short_since_ns + PENDING_NS, short_due, l);
	pool_shortage(p, POOL_SHORT_OF_START, error);
}

void
dispatch_move_short(struct listener *l, struct listener *from)
{
	if (!from->starves)
		return;
	TAILQ_INSERT_BEFORE(from, l, next_starved);
	TAILQ_REMOVE(&l->service->pool->starved, from, next_starved);
	from->starves = false;
	l->starves = true;
	loop_arm(l->service->pool->loop, &l->hold_timer, l->pending.short_since_ns + PENDING_NS,
	    short_due, l);
}

void
dispatch_forget_short(struct listener *l)
{
	if (!l->starves)
		return;
	TAILQ_REMOVE(&l->service->pool->starved, l, next_starved);
	l->starves = false;
	l->pending.short_since_ns = 0;
	loop_disarm(&l->hold_timer);
}

/*
 * A start takes more descriptors for a moment than a live handler keeps: in a shortage those for looking are lent, if
 * what will be kept is there without them.
 */
static bool
borrow(struct listener *l)
{
	struct pool *p = l->service->pool;
	int probe;

	if (p->shortage_since_ns == 0)
		return true;
	if (l->service->service->stderr_to == SPEC_STDERR_LOG) {
		probe = dup(l->pending.fd);
		if (probe < 0)
			return false;
		close(probe);
	}
	evict_lend(p->evict);
	return true;
}

static enum child_outcome
try_start(struct listener *l, const struct child_work *w)
{
	enum child_outcome out;
	int error;

	if (!borrow(l))
		return CHILD_NO_RESOURCES;
	out = child_start(l->service, w);
	error = errno;
	if (l->service->pool->shortage_since_ns != 0)
		evict_take_back(l->service->pool->evict);
	errno = error;
	return out;
}

/* Give the pending connection its berth. */
static void
start(struct listener *l)
{
	struct pool_service *ps = l->service;
	struct addr local;
	struct child_work w = { .arrival = &l->pending, .local = &local, .socket = &l->pending.fd,
		.count = 1 };

	find_local(l, l->pending.fd, &local);
	pool_take_place(ps);
	if (try_start(l, &w) != CHILD_STARTED) {
		int error = errno;

		pool_give_place(ps);
		keep_short(l, error);
		return;
	}
	settle(l);
	pool_shortage_over(ps->pool, POOL_SHORT_OF_START);
}

/* No place: what limits.overflow says. */
static void
overflow(struct listener *l, enum admit_verdict v)
{
	const struct service *s = l->service->service;
	struct arrival *a = &l->pending;
	int64_t now = loop_now(l->service->pool->loop);
	int64_t from = a->arrived_ns + pauses_within(&l->service->pauses, a->arrived_ns, now);
	struct overflow_facts f = { .step = s->limits.overflow, .count = s->limits.noverflow,
		.verdict = v, .age_ns = now - from, .tried = a->tried };
	struct overflow o = overflow_decide(&f);
	bool tcp = is_tcp(l);

	switch (o.action) {
	case OVERFLOW_HOLD:
		listener_hold(l, o.hold_ns != 0 ? from + o.hold_ns : 0);
		if (o.evicts)
			evict_want(l, true);
		break;
	case OVERFLOW_EVICT:
		listener_hold(l, 0);
		evict_want(l, false);
		break;
	case OVERFLOW_REFUSE:
		dispatch_refuse(l, v, NULL);
		break;
	case OVERFLOW_BANNER:
		farewell_say(l->service->pool->farewell, count_refusal(l, v, NULL), o.banner, tcp);
		break;
	}
}

/* ADMIT_DRAINING: its service is no more; ADMIT_PAUSED: it starts nobody now; else what its source says. */
static enum admit_verdict
judge_client(struct pool_service *ps, const struct arrival *a, char *rule)
{
	struct admission_client who = { .peer = &a->peer, .uid = a->uid };
	struct admit_source_facts f;
	enum admit_verdict v;

	rule[0] = '\0';
	if (!pool_is_enabled(ps))
		return ADMIT_DRAINING;
	if (ps->pauses.on)
		return ADMIT_PAUSED;
	f = admission_facts(ps, &who);
	v = admit_source(&f);
	admit_source_rule(&f, rule, ADMIT_RULE_MAX);
	return v;
}

enum admit_verdict
dispatch_serve_placed(struct pool_service *ps, const struct child_work *w, char *rule)
{
	enum admit_verdict v = judge_client(ps, w->arrival, rule);
	int error;

	if (v != ADMIT_OK)
		return v;
	if (child_start(ps, w) == CHILD_STARTED) {
		pool_shortage_over(ps->pool, POOL_SHORT_OF_START);
		return ADMIT_OK;
	}
	error = errno;
	strlcpy(rule, strerror(error), ADMIT_RULE_MAX);
	pool_shortage(ps->pool, POOL_SHORT_OF_START, error);
	return ADMIT_RESOURCES;
}

enum admit_verdict
dispatch_serve(struct pool_service *ps, const struct child_work *w)
{
	char rule[ADMIT_RULE_MAX];
	enum admit_verdict v = judge_client(ps, w->arrival, rule);

	if (v == ADMIT_OK && ps->drained)
		v = ADMIT_DRAINING;
	if (v == ADMIT_OK)
		v = pool_verdict(ps);
	if (v == ADMIT_OK) {
		pool_take_place(ps);
		if (child_start(ps, w) == CHILD_STARTED)
			return ADMIT_OK;
		v = ADMIT_RESOURCES;
		strlcpy(rule, strerror(errno), sizeof(rule));
		pool_give_place(ps);
	}
	dispatch_note_refusal(ps, w->arrival, v, rule);
	return v;
}

/* Its client is behind a proxy that says who: it has its place while the header is read. */
static void
hand_over(struct listener *l)
{
	struct pool_service *ps = l->service;
	struct addr local;

	find_local(l, l->pending.fd, &local);
	pool_take_place(ps);
	if (proxied_take(ps, &l->pending, &local)) {
		admission_take_rate(ps);
		settle(l);
		return;
	}
	pool_give_place(ps);
	keep_short(l, ENOMEM);
}

/* Its source says no: the rule, and the verdict. */
static enum admit_verdict
judge_source(struct listener *l, enum proxied_peer proxied, char *rule, size_t size)
{
	struct pool_service *ps = l->service;
	struct admission_client who = { .peer = &l->pending.peer, .uid = l->pending.uid };
	struct admit_source_facts f;
	enum admit_verdict v;

	rule[0] = '\0';
	if (proxied == PROXIED_HEADER)
		return ADMIT_OK;	/* who it is will be known when its header was read */
	if (proxied == PROXIED_REFUSED) {
		strlcpy(rule, "proxy_protocol.from", size);
		return ADMIT_DENIED;
	}
	f = admission_facts(ps, &who);
	v = admit_source(&f);
	admit_source_rule(&f, rule, size);
	return v;
}

/* A connection that is pending: its source first, then its service and the pool; nothing is charged before all agree. */
static void
consider(struct listener *l)
{
	struct pool_service *ps = l->service;
	enum proxied_peer proxied = proxied_judge(ps->service, &l->pending);
	char rule[ADMIT_RULE_MAX];
	enum admit_verdict v = judge_source(l, proxied, rule, sizeof(rule));

	if (v != ADMIT_OK)
		dispatch_refuse(l, v, rule);
	else if ((v = pool_verdict(ps)) != ADMIT_OK)
		overflow(l, v);
	else if (proxied == PROXIED_HEADER)
		hand_over(l);
	else
		start(l);
}

/* When it came, and who: true when it is still there. */
static bool
look(struct listener *l)
{
	struct arrival *a = &l->pending;
	int64_t waited = 0;
	bool gone = false;

	if (!is_tcp(l)) {
		if (a->uid == (uid_t)-1)
			sock_credentials(a->fd, &a->uid, &a->gid, &a->pid);
	} else {
		sock_look(a->fd, &gone, &waited);
	}
	if (a->arrived_ns == 0) {
		a->arrived_ns = loop_now(l->service->pool->loop) - waited;
		if (is_tcp(l))
			histogram_add(&l->service->count->queue_wait, waited);
	}
	return !gone;
}

/* ---- one listener ---- */

enum taken { TAKEN, TAKEN_NONE, TAKEN_BROKEN };

/* One whose queue is not known (INT_MAX) goes on until it is empty. */
static void
one_less(struct listener *l)
{
	if (l->quota > 0 && l->quota < INT_MAX)
		l->quota--;
}

/* The head of the queue becomes the pending connection.  BROKEN: l may be gone. */
static enum taken
take(struct listener *l)
{
	struct pool *p = l->service->pool;
	struct addr peer;
	char reason[96];
	int fd, error;

	switch (sock_accept(l->sock.fd, &fd, &peer)) {
	case SOCK_CONNECTION:
		l->pending = (struct arrival){ .fd = fd, .peer = peer, .uid = (uid_t)-1,
			.gid = (gid_t)-1 };
		l->service->count->accepted++;
		l->service->pending++;
		one_less(l);
		return TAKEN;
	case SOCK_QUEUE_EMPTY:
		pool_shortage_over(p, POOL_SHORT_OF_ACCEPT);
		l->quota = 0;
		listener_mark_empty(l);
		return TAKEN_NONE;
	case SOCK_ONE_LOST:
		one_less(l);
		return TAKEN_NONE;
	case SOCK_NO_RESOURCES:
		/* accept(2) takes a descriptor before it looks: nobody may be there at all */
		error = errno;
		if (!sock_is_readable(l->sock.fd)) {
			l->quota = 0;
			listener_mark_empty(l);
			return TAKEN_NONE;
		}
		pool_shortage(p, POOL_SHORT_OF_ACCEPT, error);
		return TAKEN_NONE;
	case SOCK_BROKEN:
		break;
	}
	snprintf(reason, sizeof(reason), "accept: %s", strerror(errno));
	listener_broken(l, reason);
	return TAKEN_BROKEN;
}

/* One step of one listener; it may be gone afterwards. */
static void
step(struct listener *l)
{
	enum taken t;

	if (l->pending.fd < 0 && l->service->service->wait) {
		post_step(l);
		return;
	}
	t = l->pending.fd >= 0 ? TAKEN : take(l);
	if (t == TAKEN_BROKEN)
		return;
	if (t == TAKEN && look(l))
		consider(l);
	else if (t == TAKEN)
		dispatch_refuse(l, ADMIT_GONE, NULL);
	close_if_served(l);
}

/*
 * A connection that is to be decided comes first: a place was made for it, or its time is up.  Then those that wait
 * for a place, if there is one; then each ready listener in turn.
 */
static struct listener *
next_listener(struct pool_service *ps)
{
	struct listener *l = TAILQ_FIRST(&ps->pool->starved), *waits = TAILQ_FIRST(&ps->holding);

	if (l != NULL && l->service == ps && l->listed == LISTENER_READY)
		return l;
	l = TAILQ_FIRST(&ps->ready);
	if (l != NULL && l->pending.fd >= 0)
		return l;
	if (waits != NULL && pool_verdict(ps) == ADMIT_OK)
		return waits;
	if (l == NULL)
		return NULL;
	TAILQ_REMOVE(&ps->ready, l, next_ready);
	TAILQ_INSERT_TAIL(&ps->ready, l, next_ready);
	return l;
}

/* Starts may take long, one by one, when the processors are busy. */
static bool
is_over(const struct pool *p, int done)
{
	return done > 0 && loop_clock() >= loop_now(p->loop) + TURN_NS;
}

bool
dispatch_turn(struct pool *p)
{
	struct pool_service *ps;
	bool looking;

	pool_refresh(p);
	for (int i = 0; i < BATCH && !is_over(p, i) && (ps = pool_next(p)) != NULL; i++) {
		struct listener *l = next_listener(ps);

		if (l != NULL)
			step(l);
		else
			pool_touch(ps);
		pool_served(ps);
		pool_refresh(p);
	}
	looking = evict_turn(p->evict);
	pool_refresh(p);
	if (looking || pool_next(p) != NULL)
		return true;
	pool_watch_load(p);
	return false;
}
