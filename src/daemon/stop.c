#include "stop.h"

#include "child.h"
#include "listener.h"
#include "post.h"
#include "proxied.h"

static struct loop_timer grace;

/* Who is paused would wait for the end of the grace, in vain. */
static void
stop_listener(struct listener *l)
{
	if (l->service->pauses.on)
		listener_remove(l);
	else
		listener_drain(l);
}

static void
each_listener(struct pool *p, void (*what)(struct listener *l))
{
	struct pool_service *ps;
	struct listener *l, *next;

	TAILQ_FOREACH(ps, &p->services, next)
		TAILQ_FOREACH_SAFE(l, &ps->listeners, next, next)
			what(l);
}

static void
grace_over(void *arg)
{
	struct pool *p = arg;
	struct pool_service *ps;
	struct child *c, *next;

	each_listener(p, listener_remove);
	proxied_refuse(p->proxied, NULL);
	TAILQ_FOREACH(ps, &p->services, next)
		TAILQ_FOREACH_SAFE(c, &ps->children, next, next)
			child_end(c, CAUSE_STOP);
}

void
stop_begin(struct pool *p, int64_t grace_ns, bool leave)
{
	struct pool_service *ps;

	p->draining = true;
	if (leave) {
		each_listener(p, listener_remove);
		p->leaving = true;
		return;
	}
	TAILQ_FOREACH(ps, &p->services, next) {
		post_end_all(ps);
		if (ps->pauses.on)
			proxied_refuse(p->proxied, ps);
	}
	each_listener(p, stop_listener);
	loop_arm(p->loop, &grace, loop_now(p->loop) + grace_ns, grace_over, p);
}

void
stop_hurry(struct pool *p)
{
	loop_arm(p->loop, &grace, loop_now(p->loop), grace_over, p);
}

bool
stop_is_done(const struct pool *p)
{
	const struct pool_service *ps;

	if (!p->draining)
		return false;
	if (p->leaving)
		return true;
	if (p->active > 0)
		return false;
	TAILQ_FOREACH(ps, &p->services, next)
		if (!TAILQ_EMPTY(&ps->listeners))
			return false;
	return true;
}

void
stop_fini(struct pool *p)
{
	struct pool_service *ps, *next;

	loop_disarm(&grace);
	each_listener(p, listener_remove);
	proxied_refuse(p->proxied, NULL);
	loop_disarm(&p->shortage_timer);
	TAILQ_FOREACH_SAFE(ps, &p->services, next, next) {
		struct child *c, *next_child;

		TAILQ_FOREACH_SAFE(c, &ps->children, next, next_child)
			child_forget(c);
		errpipe_close_all(ps);
		pool_log_held(ps);
		ps->removed = true;
		pool_reap_service(ps);
	}
}
