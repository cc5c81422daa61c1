#include "listener.h"

#include <sys/epoll.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/log.h"
#include "../sys/sockdiag.h"
#include "dispatch.h"
#include "evict.h"
#include "post.h"

#define POLLED (EPOLLIN | EPOLLET)
#define UNPOLLED EPOLLET	/* errors and hang-ups are reported all the same: once */
#define PAIR_TRIES 16

static bool try_open(struct listener *l, struct diag *why);

static struct sock_options
options(const struct listener *l)
{
	const struct service *s = l->service->service;

	return (struct sock_options){ .backlog = s->socket.backlog,
		.blocking = s->wait, .transparent = s->socket.transparent,
		.defer_accept_s = (int)((s->socket.defer_accept_ns + 999999999) / 1000000000),
		.user_timeout_ms = (int)(s->socket.user_timeout_ns / 1000000),
		.mark = s->socket.mark, .ip_tos = s->socket.ip_tos,
		.receive_buffer = (int)s->socket.receive_buffer,
		.send_buffer = (int)s->socket.send_buffer, .keep_alive = s->socket.keep_alive, .no_delay = s->socket.no_delay,
		.free_bind = s->socket.free_bind, .mode = s->socket.mode,
		.owner = s->socket.owner_uid, .group = s->socket.group_gid };
}

static void
log_listener(enum record_level level, const char *word, const struct listener *l,
    const char *reason)
{
	char address[ADDR_TEXT_MAX];
	struct record r;

	if (!log_wants(level))
		return;
	record_init(&r, level, word);
	record_text(&r, "service", l->service->name);
	record_text(&r, "endpoint", l->endpoint);
	record_text(&r, "address",
	    addr_format(listener_is_open(l) ? &l->sock.bound : &l->key.addr, address,
		sizeof(address)));
	record_text(&r, "reason", reason);
	if (reason != NULL && loop_armed(&l->retry))
		record_seconds(&r, "retry", l->retry.due_ns - loop_now(l->service->pool->loop));
	log_record(&r);
}

/* Said once; tries that fail for the same reason are for debugging. */
static void
log_waiting(struct listener *l)
{
	bool same = strcmp(l->said, l->reason) == 0;

	log_listener(same ? RECORD_DEBUG : RECORD_WARNING, "waiting", l, l->reason);
	strlcpy(l->said, l->reason, sizeof(l->said));
}

struct listener *
listener_add(struct pool_service *ps, const struct endpoint_key *key, const char *endpoint)
{
	struct listener *l = calloc(1, sizeof(*l));

	assert(l != NULL);
	l->service = ps;
	l->key = *key;
	l->sock.fd = l->pending.fd = -1;
	strlcpy(l->endpoint, endpoint, sizeof(l->endpoint));
	TAILQ_INSERT_TAIL(&ps->listeners, l, next);
	return l;
}

/* Into the list where it belongs: with something to accept or to decide, or with a connection that waits. */
static void
enlist(struct listener *l)
{
	struct pool_service *ps = l->service;
	bool pending = l->pending.fd >= 0;
	int list = pending && l->holds ? LISTENER_HOLDING
	    : pending || l->ready ? LISTENER_READY : LISTENER_IDLE;

	if (list == (int)l->listed)
		return;
	if (l->listed == LISTENER_READY)
		TAILQ_REMOVE(&ps->ready, l, next_ready);
	else if (l->listed == LISTENER_HOLDING)
		TAILQ_REMOVE(&ps->holding, l, next_ready);
	if (list == LISTENER_READY && pending)
		TAILQ_INSERT_HEAD(&ps->ready, l, next_ready);
	else if (list == LISTENER_READY)
		TAILQ_INSERT_TAIL(&ps->ready, l, next_ready);
	else if (list == LISTENER_HOLDING)
		TAILQ_INSERT_TAIL(&ps->holding, l, next_ready);
	l->listed = list;
	pool_touch(ps);
}

/*
 * The queue is not empty any more (edge-triggered).  While nothing is accepted from it, one
 * event is enough to know: further ones would only wake us for nothing.
 */
static void
listener_ready(void *arg, uint32_t events)
{
	struct listener *l = arg;
	struct pool_service *ps = l->service;

	(void)events;
	if (l->ready && (ps->queue != POOL_READY || l->listed == LISTENER_HOLDING ||
	    ps->pool->short_of_resources)) {
		if (l->armed && loop_watch(l->source, UNPOLLED))
			l->armed = false;
		return;
	}
	listener_mark_ready(l);
}

void
listener_mark_ready(struct listener *l)
{
	l->ready = true;
	enlist(l);
}

void
listener_mark_empty(struct listener *l)
{
	if (!l->ready)
		return;
	l->ready = false;
	enlist(l);
	if (!l->armed && l->source != NULL && loop_watch(l->source, POLLED))
		l->armed = true;
}

void
listener_mark_taken(struct listener *l)
{
	l->ready = false;
	enlist(l);
}

void
listener_look_away(struct listener *l)
{
	l->ready = false;
	enlist(l);
	if (l->armed && l->source != NULL && loop_watch(l->source, UNPOLLED))
		l->armed = false;
}

void
listener_look_again(struct listener *l)
{
	/* also where it is armed: that says again what has been said before */
	if (l->source != NULL && loop_watch(l->source, POLLED))
		l->armed = true;
}

static void
hold_due(void *arg)
{
	struct listener *l = arg;

	/* what was awaited is decided anew; a victim that would not end is nobody's */
	evict_cancel(l);
	listener_resume(l);
}

void
listener_hold(struct listener *l, int64_t until_ns)
{
	l->holds = true;
	enlist(l);
	if (until_ns != 0)
		loop_arm(l->service->pool->loop, &l->hold_timer, until_ns, hold_due, l);
	else
		loop_disarm(&l->hold_timer);
}

void
listener_resume(struct listener *l)
{
	l->holds = false;
	loop_disarm(&l->hold_timer);
	enlist(l);
	pool_touch(l->service);
}

static void
retry_due(void *arg)
{
	struct listener *l = arg;

	if (listener_open(l))
		log_listener(RECORD_NOTICE, "listen", l, NULL);
	l->newborn = false;
}

void
listener_resume_all(struct pool_service *ps)
{
	struct listener *l, *next;

	TAILQ_FOREACH_SAFE(l, &ps->holding, next_ready, next)
		if (l->victim == NULL) {
			evict_cancel(l);
			listener_resume(l);
		}
}

/* The IPv4 half of a pair with port 0, for whose port the IPv6 half is meant. */
static struct listener *
pair_of(const struct listener *l)
{
	struct listener *other = TAILQ_PREV(l, listener_list, next);

	return l->key.pair_port && other != NULL && listener_is_open(other) ? other : NULL;
}

static void
close_socket(struct listener *l)
{
	loop_remove(l->source);
	l->source = NULL;
	l->armed = false;
	sock_close(&l->sock);
}

/*
 * Both halves of a pair with port 0 get one number: where the IPv4 port is taken in IPv6, both are
 * given up and another is tried.
 */
static bool
open_pair(struct listener *l, struct listener *half, struct diag *why)
{
	struct sock_options opt = options(l);
	struct endpoint_key key = l->key;

	for (int i = 0; i < PAIR_TRIES; i++) {
		enum sock_outcome out;

		addr_set_port(&key.addr, addr_port(&half->sock.bound));
		out = sock_listen(&key, &opt, &l->sock, why);
		if (out == SOCK_OPENED || out == SOCK_NO_FAMILY)
			return out == SOCK_OPENED;
		if (out != SOCK_IN_USE || half->ready || !half->newborn)
			return false;
		close_socket(half);
		if (!listener_open(half))
			return false;
	}
	return false;
}

static bool
watch(struct listener *l, struct diag *why)
{
	struct loop *loop = l->service->pool->loop;

	l->source = loop_add(loop, l->sock.fd, POLLED, listener_ready, l);
	if (l->source == NULL) {
		diag_set(why, "epoll_ctl: %s", strerror(errno));
		sock_close(&l->sock);
		return false;
	}
	l->armed = true;
	return true;
}

static bool
try_open(struct listener *l, struct diag *why)
{
	struct sock_options opt = options(l);
	struct listener *half = pair_of(l);

	if (half != NULL) {
		if (!open_pair(l, half, why))
			return false;
	} else if (sock_listen(&l->key, &opt, &l->sock, why) != SOCK_OPENED) {
		return false;
	}
	return watch(l, why);
}

/* Of an endpoint without a host, a family that this kernel lacks is no error. */
static bool
family_is_missing(const struct listener *l)
{
	int fd;

	if (!l->key.wildcard_half)
		return false;
	fd = socket(l->key.addr.u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		close(fd);
		return false;
	}
	return errno == EAFNOSUPPORT;
}

/* If another service of ours has an address that excludes this one, say which. */
static void
name_holder(struct listener *l)
{
	struct pool_service *ps;
	struct listener *o;

	TAILQ_FOREACH(ps, &l->service->pool->services, next)
		TAILQ_FOREACH(o, &ps->listeners, next)
			if (o != l && listener_is_open(o) &&
			    endpoint_key_overlaps(&o->key, &l->key)) {
				char text[ADDR_TEXT_MAX + 16];

				snprintf(l->reason, sizeof(l->reason), "held by service %s (%s)",
				    ps->name, endpoint_key_format(&o->key, text, sizeof(text)));
				return;
			}
}

bool
listener_open(struct listener *l)
{
	struct loop *loop = l->service->pool->loop;
	struct diag why = { "" };

	assert(!listener_is_open(l));
	loop_disarm(&l->retry);
	l->reason[0] = '\0';
	if (try_open(l, &why)) {
		backoff_reset(&l->backoff);
		l->newborn = true;
		l->said[0] = '\0';
		log_listener(RECORD_DEBUG, "listen", l, NULL);
		return true;
	}
	if (family_is_missing(l))
		return true;
	strlcpy(l->reason, why.text, sizeof(l->reason));
	if (strncmp(why.text, "address already in use", 22) == 0)
		name_holder(l);
	loop_arm(loop, &l->retry, loop_now(loop) + backoff_doubling(&l->backoff), retry_due, l);
	log_waiting(l);
	return false;
}

void
listener_wait_for(struct listener *l, const char *holder)
{
	snprintf(l->reason, sizeof(l->reason), "held by service %s", holder);
	log_waiting(l);
}

void
listener_inherit(struct listener *l, const struct listener *from)
{
	l->backoff = from->backoff;
	strlcpy(l->said, from->said, sizeof(l->said));
}

static void
forget(struct listener *l)
{
	post_forget(l);
	loop_disarm(&l->retry);
	l->ready = false;
	listener_resume(l);
	TAILQ_REMOVE(&l->service->listeners, l, next);
	pool_touch(l->service);
	free(l);
}

static void
wait_for_retry(struct listener *l, const char *reason)
{
	struct loop *loop = l->service->pool->loop;

	strlcpy(l->reason, reason, sizeof(l->reason));
	loop_arm(loop, &l->retry, loop_now(loop) + backoff_doubling(&l->backoff), retry_due, l);
	log_waiting(l);
}

/* With the socket goes the connection that waits before it; it is decided anew, unless a victim is ending for it. */
static void
take_pending(struct listener *l, struct listener *from)
{
	evict_move(l, from);
	l->pending = from->pending;
	dispatch_move_short(l, from);
	l->pending.tried = false;
	from->pending.fd = -1;
	from->service->pending--;
	l->service->pending++;
	if (l->service != from->service) {
		from->service->count->accepted--;
		l->service->count->accepted++;
	}
	if (l->victim != NULL)
		listener_hold(l, loop_now(l->service->pool->loop) + EVICT_VICTIM_NS);
	else
		enlist(l);
}

void
listener_take(struct listener *l, struct listener *from)
{
	struct sock_options opt = options(l);
	struct diag why;

	assert(!listener_is_open(l) && listener_is_open(from));
	loop_remove(from->source);
	from->source = NULL;
	l->sock = from->sock;
	from->sock.fd = -1;
	if (from->ready)
		listener_mark_ready(l);
	if (from->pending.fd >= 0)
		take_pending(l, from);
	post_move(l, from);
	forget(from);
	if (!sock_apply(&l->sock, &l->key, &opt, &why))
		log_message(RECORD_WARNING, "warning", "%s: %s: %s", l->service->name, l->endpoint,
		    why.text);
	if (watch(l, &why))
		post_moved(l);
	else
		wait_for_retry(l, why.text);
}

void
listener_remove(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->pending.fd >= 0)
		dispatch_refuse(l, ADMIT_DRAINING, NULL);
	close_socket(l);
	forget(l);
}

void
listener_drain(struct listener *l)
{
	const struct service *s = l->service->service;
	int queue = listener_queue(l);

	if (l->stopping)
		return;
	if (s == NULL || s->wait || !listener_is_open(l))
		queue = 0;
	l->quota = queue >= 0 ? queue : INT_MAX;
	l->stopping = true;
	if (l->quota == 0 && l->pending.fd < 0)
		listener_remove(l);
	else
		listener_mark_ready(l);
}

void
listener_undrain(struct listener *l)
{
	l->stopping = false;
	l->quota = 0;
}

void
listener_broken(struct listener *l, const char *reason)
{
	if (l->stopping) {
		listener_remove(l);
		return;
	}
	listener_mark_empty(l);
	close_socket(l);
	wait_for_retry(l, reason);
}

int
listener_queue(const struct listener *l)
{
	struct sockdiag *diag = l->service->pool->diag;
	uint32_t inode, queue, backlog;
	uint64_t cookie;

	if (!listener_is_open(l))
		return -1;
	if (l->key.kind == ENDPOINT_TCP)
		return sock_queue(l->sock.fd);
	if (diag == NULL || l->key.kind == ENDPOINT_UDP ||
	    !sockdiag_name(l->sock.fd, &cookie, &inode) ||
	    sockdiag_unix(diag, inode, cookie, &queue, &backlog) != 0)
		return -1;
	return (int)queue;
}
