#include "steer.h"

#include <limits.h>

#include "../sys/marks.h"
#include "../sys/paths.h"
#include "apply.h"
#include "child.h"
#include "dispatch.h"
#include "listener.h"
#include "post.h"
#include "proxied.h"

/* ---- pause ---- */

bool
steer_pause(struct pool_service *ps)
{
	struct listener *l;

	if (!pauses_begin(&ps->pauses, loop_now(ps->pool->loop)))
		return false;
	TAILQ_FOREACH(l, &ps->listeners, next)
		dispatch_forget_short(l);
	pool_touch(ps);
	return true;
}

static bool
end_pause(struct pool_service *ps)
{
	if (!pauses_end(&ps->pauses, loop_now(ps->pool->loop)))
		return false;
	proxied_resume(ps->pool->proxied, ps);
	pool_touch(ps);
	return true;
}

/* ---- drain ---- */

static void
deadline_due(void *arg)
{
	struct pool_service *ps = arg;
	struct listener *l, *next;
	struct child *c, *after;

	TAILQ_FOREACH_SAFE(l, &ps->listeners, next, next)
		listener_remove(l);
	proxied_refuse(ps->pool->proxied, ps);
	TAILQ_FOREACH_SAFE(c, &ps->children, next, after)
		child_end(c, CAUSE_STOP);
}

void
steer_drain(struct pool_service *ps, int64_t deadline_ns)
{
	struct listener *l, *next;

	ps->drained = true;
	end_pause(ps);
	post_end_all(ps);
	TAILQ_FOREACH_SAFE(l, &ps->listeners, next, next)
		listener_drain(l);
	if (deadline_ns != 0)
		loop_arm(ps->pool->loop, &ps->drain_timer, deadline_ns, deadline_due, ps);
	pool_touch(ps);
}

static void
end_drain(struct pool_service *ps)
{
	struct listener *l;

	ps->drained = false;
	loop_disarm(&ps->drain_timer);
	TAILQ_FOREACH(l, &ps->listeners, next)
		listener_undrain(l);
	pool_touch(ps);
}

bool
steer_is_over(const struct pool_service *ps)
{
	return TAILQ_EMPTY(&ps->listeners) && ps->active == 0;
}

int
steer_queued(const struct pool_service *ps)
{
	uint32_t queued = ps->pending;
	const struct listener *l;

	TAILQ_FOREACH(l, &ps->listeners, next) {
		if (l->quota == INT_MAX)
			return -1;
		queued += (uint32_t)l->quota;
	}
	return (int)queued;
}

bool
steer_resume(struct pool_service *ps)
{
	bool paused = end_pause(ps), drained = ps->drained;

	if (drained) {
		end_drain(ps);
		apply_sockets(ps->pool);
	}
	return paused || drained;
}

void
steer_forget(struct pool_service *ps)
{
	end_drain(ps);
	end_pause(ps);
}

/* ---- disable ---- */

void
steer_set_disabled(struct pool_service *ps, bool disabled)
{
	if (disabled == ps->disabled)
		return;
	ps->disabled = disabled;
	if (disabled && ps->service != NULL && ps->service->wait)
		post_end_all(ps);
	pool_touch(ps);
}

bool
steer_disable(struct pool_service *ps, bool disable, char path[static PATH_MAX], struct diag *why)
{
	if (!marks_set(paths_state(), STEER_DISABLED, ps->name, disable, path, why))
		return false;
	if (disable == ps->disabled)
		return true;
	steer_set_disabled(ps, disable);
	apply_sockets(ps->pool);
	return true;
}

bool
steer_is_marked(const char *name)
{
	struct marks marks;
	struct diag why;
	bool has;

	if (!marks_read(paths_state(), STEER_DISABLED, &marks, &why))
		return false;
	has = marks_has(&marks, name);
	marks_free(&marks);
	return has;
}

bool
steer_unmark(const char *name, char path[static PATH_MAX], struct diag *why)
{
	return marks_set(paths_state(), STEER_DISABLED, name, false, path, why);
}
