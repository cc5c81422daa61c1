#include "drain.h"

#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"

#define BATCH 64
#define STEP_BYTES (1 << 20)	/* discarded at once */

struct draining {
	TAILQ_ENTRY(draining) next;	/* by deadline */
	int fd;
	int64_t deadline_ns;
};

struct drain {
	int control, epoll;
	unsigned count;
	TAILQ_HEAD(draining_list, draining) list;
};

static void
end(struct drain *d, struct draining *x)
{
	/* others have the connection too: closing would not end the registration */
	epoll_ctl(d->epoll, EPOLL_CTL_DEL, x->fd, NULL);
	TAILQ_REMOVE(&d->list, x, next);
	d->count--;
	close(x->fd);
	free(x);
}

static void
insert(struct drain *d, struct draining *x)
{
	struct draining *o;

	TAILQ_FOREACH_REVERSE(o, &d->list, draining_list, next)
		if (o->deadline_ns <= x->deadline_ns)
			break;
	if (o != NULL)
		TAILQ_INSERT_AFTER(&d->list, o, x, next);
	else
		TAILQ_INSERT_HEAD(&d->list, x, next);
	d->count++;
}

/* tcp(7): MSG_TRUNC without a buffer discards. */
static void
discard(struct drain *d, struct draining *x)
{
	ssize_t n = recv(x->fd, NULL, STEP_BYTES, MSG_DONTWAIT | MSG_TRUNC);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		end(d, x);
}

static void
take(struct drain *d, int64_t ns, int fd)
{
	struct draining *x = calloc(1, sizeof(*x));
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = x };

	if (x == NULL) {
		close(fd);
		return;
	}
	*x = (struct draining){ .fd = fd, .deadline_ns = conn_now_ns() + ns };
	if (d->count >= DRAIN_MAX)
		end(d, TAILQ_FIRST(&d->list));
	insert(d, x);
	shutdown(fd, SHUT_WR);
	if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		end(d, x);
}

/* false: berthd has gone. */
static bool
receive(struct drain *d)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct drain_order order;
	struct iovec iov = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(d->control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n != (ssize_t)sizeof(order))
		return false;
	if (h == NULL || h->cmsg_type != SCM_RIGHTS)
		return true;
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	take(d, order.ns, fd);
	return true;
}

static int
wait_ms(const struct drain *d)
{
	const struct draining *first = TAILQ_FIRST(&d->list);
	int64_t left = first != NULL ? first->deadline_ns - conn_now_ns() : 0;

	if (first == NULL)
		return -1;
	return left <= 0 ? 0 : left > 60000000000 ? 60000 : (int)(left / 1000000) + 1;
}

static void
end_late(struct drain *d)
{
	struct draining *x;
	int64_t now = conn_now_ns();

	while ((x = TAILQ_FIRST(&d->list)) != NULL && x->deadline_ns <= now)
		end(d, x);
}

void
drain_run(int fd)
{
	struct drain d = { .control = fd, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct epoll_event e = { .events = EPOLLIN }, got[BATCH];
	bool open = true;

	TAILQ_INIT(&d.list);
	if (d.epoll < 0 || epoll_ctl(d.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return;
	while (open) {
		int n = epoll_wait(d.epoll, got, BATCH, wait_ms(&d));

		/* orders last: one may end a connection of this batch to make room */
		for (int i = 0; i < n; i++)
			if (got[i].data.ptr != NULL)
				discard(&d, got[i].data.ptr);
		for (int i = 0; i < n; i++)
			if (got[i].data.ptr == NULL)
				open = receive(&d);
		end_late(&d);
	}
}
