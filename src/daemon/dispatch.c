#include "dispatch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/log.h"
#include "child.h"
#include "listener.h"

#define BATCH 16			/* connections a turn: a few ms of work */
#define PENDING_NS 10000000000LL	/* a connection waits that long for resources */

static void
refuse(struct pool_service *ps, const struct addr *peer, enum admit_verdict reason)
{
	char text[ADDR_TEXT_MAX];
	struct record r;

	ps->count.refused++;
	if (!pool_may_log(ps, &ps->refuse_rate, "refuse"))
		return;
	record_init(&r, RECORD_NOTICE, "refuse");
	record_text(&r, "service", ps->name);
	record_text(&r, "peer", child_peer_text(peer, (uid_t)-1, text, sizeof(text)));
	record_text(&r, "reason", admit_word(reason));
	log_record(&r);
}

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

/* Give one accepted connection its berth.  It is closed here, or handed on, or stays pending. */
static void
serve(struct listener *l, int fd, const struct addr *peer)
{
	struct pool_service *ps = l->service;
	struct addr local;

	if (l->key.kind == ENDPOINT_TCP && sock_is_gone(fd)) {
		refuse(ps, peer, ADMIT_GONE);
		close(fd);
		return;
	}
	find_local(l, fd, &local);
	pool_take_place(ps);
	if (child_start(ps, fd, peer, &local) == CHILD_STARTED) {
		pool_shortage_over(ps->pool);
		return;
	}
	pool_give_place(ps);
	if (l->pending_since_ns == 0)
		l->pending_since_ns = loop_now(ps->pool->loop);
	l->pending_fd = fd;
	l->pending_peer = *peer;
	pool_shortage(ps->pool, errno);
}

static void
serve_pending(struct listener *l)
{
	int fd = l->pending_fd;
	int64_t now = loop_now(l->service->pool->loop);

	l->pending_fd = -1;
	if (now - l->pending_since_ns >= PENDING_NS) {
		l->pending_since_ns = 0;
		refuse(l->service, &l->pending_peer, ADMIT_RESOURCES);
		close(fd);
		return;
	}
	serve(l, fd, &l->pending_peer);
	if (l->pending_fd < 0)
		l->pending_since_ns = 0;
}

/* A stopping listener serves what its queue held at the time of the command, then closes. */
static void
count_down(struct listener *l, int served)
{
	if (!l->stopping)
		return;
	l->quota -= served;
	if (l->quota <= 0 && l->pending_fd < 0)
		listener_remove(l);
}

/* One step of one listener. */
static void
step(struct listener *l)
{
	struct pool *p = l->service->pool;
	struct addr peer;
	int fd;

	if (l->pending_fd >= 0) {
		serve_pending(l);
		count_down(l, 0);
		return;
	}
	switch (sock_accept(l->sock.fd, &fd, &peer)) {
	case SOCK_CONNECTION:
		l->service->count.accepted++;
		serve(l, fd, &peer);
		count_down(l, 1);
		return;
	case SOCK_QUEUE_EMPTY:
		pool_shortage_over(p);
		listener_mark_empty(l);
		count_down(l, l->quota);
		return;
	case SOCK_ONE_LOST:
		count_down(l, 1);
		return;
	case SOCK_NO_RESOURCES:
		pool_shortage(p, errno);
		return;
	case SOCK_BROKEN:
		listener_broken(l, errno);
		return;
	}
}

/* The next turn of this service goes to its next ready listener. */
static void
rotate(struct pool_service *ps, struct listener *l)
{
	TAILQ_REMOVE(&ps->ready, l, next_ready);
	TAILQ_INSERT_TAIL(&ps->ready, l, next_ready);
}

bool
dispatch_turn(struct pool *p)
{
	pool_refresh(p);
	for (int i = 0; i < BATCH && pool_gate(p) == ADMIT_OK; i++) {
		struct pool_service *ps = TAILQ_FIRST(&p->ready);
		struct listener *l;

		if (ps == NULL)
			break;
		TAILQ_REMOVE(&p->ready, ps, next_ready);
		TAILQ_INSERT_TAIL(&p->ready, ps, next_ready);
		l = TAILQ_FIRST(&ps->ready);
		rotate(ps, l);
		step(l);
		pool_refresh(p);
	}
	return !TAILQ_EMPTY(&p->ready) && pool_gate(p) == ADMIT_OK;
}
