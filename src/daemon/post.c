#include "post.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "../sys/log.h"
#include "../sys/sockdiag.h"
#include "child.h"
#include "judge.h"
#include "listener.h"

#define MS 1000000LL
#define GATHER_NS (20 * MS)	/* after an event: so long are the others given to take it */
#define QUIET_NS (5000 * MS)	/* without demand: one too many may go */
#define STOP_NS (20 * MS)
#define UNREAD_MAX 3		/* handlers that left the same datagram, or a queue that did not shrink */

static bool
is_together(const struct pool_service *ps)
{
	return ps->service != NULL && ps->service->socket_as == SPEC_LISTEN_FDS;
}

/* The listener that stands for all sockets that one handler gets: the one that its handlers are counted at, else the first. */
static struct listener *
lead(struct listener *l)
{
	struct listener *o, *first = NULL;

	if (!is_together(l->service))
		return l;
	TAILQ_FOREACH(o, &l->service->listeners, next) {
		if (o->handlers > 0)
			return o;
		if (first == NULL && listener_is_open(o))
			first = o;
	}
	return first != NULL ? first : l;
}

static void
look_away(struct listener *l)
{
	struct listener *o;

	if (!is_together(l->service)) {
		listener_look_away(l);
		return;
	}
	TAILQ_FOREACH(o, &l->service->listeners, next)
		listener_look_away(o);
}

static void
look_again(struct listener *l)
{
	struct listener *o;

	if (!is_together(l->service)) {
		listener_look_again(l);
		return;
	}
	TAILQ_FOREACH(o, &l->service->listeners, next)
		listener_look_again(o);
}

/* What is in its queue; where that is not known, whether there is anything. */
static int
depth_of(const struct listener *l)
{
	int queue = listener_queue(l);

	return queue >= 0 ? queue : sock_is_readable(l->sock.fd);
}

/* ---- starting ---- */

/* The sockets of one handler.  Returns how many; *fd is to be freed where it is not `one`. */
static size_t
collect(const struct listener *l, int one[1], int **fd)
{
	const struct listener *o;
	size_t n = 0;

	*fd = one;
	one[0] = l->sock.fd;
	if (!is_together(l->service))
		return 1;
	TAILQ_FOREACH(o, &l->service->listeners, next)
		n += listener_is_open(o);
	*fd = calloc(n + 1, sizeof(**fd));
	if (*fd == NULL)
		return 0;
	n = 0;
	TAILQ_FOREACH(o, &l->service->listeners, next)
		if (listener_is_open(o))
			(*fd)[n++] = o->sock.fd;
	return n;
}

/* What is there for a handler that starts now. */
static void
note_work(struct listener *l)
{
	/* one before it may have changed that */
	if (lead(l)->handlers == 0)
		sock_set_blocking(&l->sock, true);
	if (endpoint_is_datagram(l->key.kind))
		onlooker_head(l->service->pool->onlooker, l->sock.fd, &l->head);
	else
		l->depth = depth_of(l);
	l->arrived = false;
}

static void
each_of(struct listener *l, void (*what)(struct listener *l))
{
	struct listener *o, *next;

	if (!is_together(l->service)) {
		what(l);
		return;
	}
	TAILQ_FOREACH_SAFE(o, &l->service->listeners, next, next)
		if (listener_is_open(o))
			what(o);
}

/* One more handler for l.  false: not now. */
static bool
start_one(struct listener *l)
{
	struct pool_service *ps = l->service;
	struct child_work w = { .post = l, .local = &l->sock.bound };
	int one[1], *fd;
	bool started;

	w.count = collect(l, one, &fd);
	w.socket = fd;
	if (w.count == 0)
		return false;
	each_of(l, note_work);
	ps->count->accepted++;
	pool_take_place(ps);
	l->handlers++;
	started = child_start(ps, &w) == CHILD_STARTED;
	if (!started) {
		int error = errno;

		l->handlers--;
		ps->count->accepted--;
		pool_give_place(ps);
		pool_shortage(ps->pool, POOL_SHORT_OF_START, error);
	} else {
		pool_shortage_over(ps->pool, POOL_SHORT_OF_START);
	}
	if (fd != one)
		free(fd);
	return started;
}

static void gather_due(void *arg);
static void quiet_due(void *arg);

/* More live than must: one may go when it is quiet. */
static void
watch_surplus(struct listener *l)
{
	struct loop *loop = l->service->pool->loop;
	uint32_t least = l->service->service->handlers.min;

	l->demand_ns = loop_now(loop);
	if (l->handlers > (least > 1 ? least : 1) && !loop_armed(&l->quiet_timer))
		loop_arm(loop, &l->quiet_timer, l->demand_ns + QUIET_NS, quiet_due, l);
}

static void
gather(struct listener *l)
{
	struct loop *loop = l->service->pool->loop;

	look_away(l);
	loop_arm(loop, &l->post_timer, loop_now(loop) + GATHER_NS, gather_due, l);
}

void
post_step(struct listener *l)
{
	const struct service *s = l->service->service;
	struct listener *at = l;

	l = lead(l);
	if (!listener_is_open(l) || l->handlers >= s->handlers.max) {
		at->arrived = true;
		listener_look_away(at);
		return;
	}
	/* those that live are given a moment to take it */
	if (l->handlers > 0 && !l->wanted) {
		l->demand_ns = loop_now(l->service->pool->loop);
		gather(l);
		return;
	}
	if (!start_one(l))
		return;
	l->wanted = l->handlers < s->handlers.min;
	if (l->wanted)
		return;
	watch_surplus(l);
	if (l->handlers < s->handlers.max)
		gather(l);
	else
		each_of(l, listener_mark_taken);
}

/* ---- more, and fewer ---- */

/* The moment is over: is there still something that nobody took? */
static void
gather_due(void *arg)
{
	struct listener *l = arg;
	const struct service *s = l->service->service;

	if (s == NULL || !listener_is_open(l))
		return;
	if (l->handlers == 0) {
		look_again(l);
	} else if (l->key.kind == ENDPOINT_TCP && sock_queue(l->sock.fd) > 0 &&
	    l->handlers < s->handlers.max) {
		l->wanted = true;
		listener_mark_ready(l);
	} else {
		look_again(l);
	}
}

/* The stop takes a moment to reach it, longer on a busy machine: meanwhile it runs. */
static enum waiting
judge_stopped(struct child *c, const struct judge_session *nobody, struct waiting_report *report)
{
	int64_t end = loop_clock() + STOP_NS;
	enum waiting w;

	do {
		w = judge_post(c, nobody, report);
		if (w == WAITING_BUSY)
			sched_yield();
	} while (w == WAITING_BUSY && loop_clock() < end);
	return w;
}

/* A handler of l that waits for work, seen so twice, the second time while it is stopped. */
static bool
let_one_go(struct listener *l)
{
	struct judge_session nobody = { 0 };
	struct waiting_report report;
	struct child *c;

	TAILQ_FOREACH(c, &l->service->children, next) {
		if (c->post != l || c->state != CHILD_RUNNING || c->cause != CAUSE_EXIT)
			continue;
		if (judge_post(c, &nobody, &report) != WAITING_FOR_CLIENT)
			continue;
		kill(-c->pid, SIGSTOP);
		if (judge_stopped(c, &nobody, &report) == WAITING_FOR_CLIENT &&
		    !sock_is_readable(l->sock.fd)) {
			child_end(c, CAUSE_STOP);
			return true;
		}
		kill(-c->pid, SIGCONT);
	}
	return false;
}

static void
quiet_due(void *arg)
{
	struct listener *l = arg;
	struct loop *loop = l->service->pool->loop;
	const struct service *s = l->service->service;
	uint32_t least;

	if (s == NULL || !listener_is_open(l))
		return;
	least = s->handlers.min > 1 ? s->handlers.min : 1;
	if (l->handlers <= least)
		return;
	if (loop_now(loop) - l->demand_ns >= QUIET_NS)
		let_one_go(l);
	loop_arm(loop, &l->quiet_timer, loop_now(loop) + QUIET_NS, quiet_due, l);
}

void
post_fill(struct pool_service *ps)
{
	const struct service *s = ps->service;
	struct listener *l;

	if (!pool_is_served(ps) || !s->wait || s->handlers.min == 0)
		return;
	TAILQ_FOREACH(l, &ps->listeners, next) {
		if (lead(l) != l || !listener_is_open(l) || l->handlers >= s->handlers.min)
			continue;
		l->wanted = true;
		listener_mark_ready(l);
	}
}

/* ---- ends ---- */

static void
drop_stale(struct listener *l)
{
	char from[ADDR_TEXT_MAX];
	struct record r;

	onlooker_drop(l->service->pool->onlooker, l->sock.fd);
	l->service->count->dropped++;
	record_init(&r, RECORD_WARNING, "drop");
	record_text(&r, "service", l->service->name);
	record_text(&r, "endpoint", l->endpoint);
	record_text(&r, "peer", child_log_peer(l->service->service, &l->head.from,
	    (uid_t)-1, from, sizeof(from)));
	record_number(&r, "bytes", (int64_t)l->head.size);
	record_text(&r, "reason", "three handlers in a row ended without reading it");
	log_record(&r);
}

/* It ended, and what it was started for is still there. */
static bool
left_work(const struct listener *l)
{
	struct sock_head now;

	if (endpoint_is_datagram(l->key.kind)) {
		onlooker_head(l->service->pool->onlooker, l->sock.fd, &now);
		return now.size >= 0 && sock_head_equal(&now, &l->head);
	}
	/* somebody has come, and the queue is no longer than before: then somebody was taken from it */
	return l->depth > 0 && depth_of(l) >= l->depth + l->arrived;
}

static bool
left_any(struct listener *l)
{
	struct listener *o;

	if (!is_together(l->service))
		return listener_is_open(l) && left_work(l);
	TAILQ_FOREACH(o, &l->service->listeners, next)
		if (listener_is_open(o) && left_work(o))
			return true;
	return false;
}

static void
drop_left(struct listener *l)
{
	if (endpoint_is_datagram(l->key.kind) && left_work(l))
		drop_stale(l);
}

/* It is one of those that are kept running, which does not stay. */
static bool
is_kept(const struct listener *l)
{
	const struct service *s = l->service->service;

	return s != NULL && s->wait && l->handlers <= s->handlers.min;
}

enum post_left
post_left_work(struct child *c)
{
	struct listener *l = c->post;

	if (l == NULL || !(is_kept(l) || (l->handlers == 1 && left_any(l)))) {
		if (l != NULL)
			l->unread = 0;
		return POST_LEFT_NOTHING;
	}
	if (++l->unread < UNREAD_MAX)
		return POST_LEFT;
	/* the next one that does so is throttled at once, for longer */
	l->unread = UNREAD_MAX - 1;
	each_of(l, drop_left);
	return POST_LEFT_AGAIN;
}

static void
mend(struct listener *l)
{
	const struct service *s = l->service->service;

	if (endpoint_is_datagram(l->key.kind))
		onlooker_disconnect(l->service->pool->onlooker, &l->sock);
	if (sock_is_spent(&l->sock, l->key.kind)) {
		listener_broken(l, "a handler has shut it down");
		return;
	}
	if (!s->wait)
		sock_set_blocking(&l->sock, false);
	listener_look_again(l);
}

/* Had it all sockets of its service, whatever that has become? */
static void
mend_all(struct listener *l, bool together)
{
	struct listener *o, *next;

	if (!together) {
		mend(l);
		return;
	}
	TAILQ_FOREACH_SAFE(o, &l->service->listeners, next, next)
		if (listener_is_open(o) && o->handlers == 0)
			mend(o);
}

void
post_ended(struct child *c)
{
	struct listener *l = c->post;
	const struct service *s;

	if (l == NULL)
		return;
	assert(l->handlers > 0);
	l->handlers--;
	c->post = NULL;
	s = l->service->service;
	if (s == NULL)
		return;
	if (l->handlers == 0)
		mend_all(l, c->version->socket_as == SPEC_LISTEN_FDS);
	else if (s->wait)
		look_again(l);
	if (s->wait && l->handlers < s->handlers.min)
		post_fill(l->service);
}

void
post_end_all(struct pool_service *ps)
{
	struct child *c, *next;

	TAILQ_FOREACH_SAFE(c, &ps->children, next, next)
		if (c->waits)
			child_end(c, CAUSE_STOP);
}

/* ---- moving ---- */

/* A socket may have changed services while they live: they are anybody's. */
static void
assign(struct listener *from, struct listener *to)
{
	struct pool_service *ps;
	struct child *c;

	TAILQ_FOREACH(ps, &from->service->pool->services, next)
		TAILQ_FOREACH(c, &ps->children, next)
			if (c->post == from)
				c->post = to;
}

void
post_move(struct listener *to, struct listener *from)
{
	to->handlers = from->handlers;
	if (from->handlers > 0)
		assign(from, to);
	from->handlers = 0;
}

/* A handler that has all sockets of ps, by an older version perhaps. */
static bool
is_shared(const struct pool_service *ps)
{
	const struct child *c;

	TAILQ_FOREACH(c, &ps->children, next)
		if (c->post != NULL && c->version->socket_as == SPEC_LISTEN_FDS)
			return true;
	return false;
}

void
post_moved(struct listener *l)
{
	const struct service *s = l->service->service;

	if (l->handlers > 0 && s->wait)
		watch_surplus(l);
	if (l->handlers == 0 && is_shared(l->service))
		listener_look_away(l);
	else if (l->handlers == 0)
		sock_set_blocking(&l->sock, s->wait);
	else if (!s->wait || l->handlers >= s->handlers.max)
		listener_look_away(l);
}

/* Where its handlers have other sockets of the service too: one of these. */
static struct listener *
heir_of(struct listener *l)
{
	struct listener *o;

	if (is_shared(l->service))
		TAILQ_FOREACH(o, &l->service->listeners, next)
			if (o != l && listener_is_open(o))
				return o;
	return NULL;
}

void
post_forget(struct listener *l)
{
	struct listener *o = NULL;

	loop_disarm(&l->post_timer);
	loop_disarm(&l->quiet_timer);
	if (l->handlers > 0 && (o = heir_of(l)) != NULL)
		o->handlers += l->handlers;
	if (l->handlers > 0)
		assign(l, o);
	l->handlers = 0;
}
