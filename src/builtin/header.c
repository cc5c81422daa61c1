#include "header.h"

#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/proxy.h"
#include "conn.h"

#define BATCH 64
#define ENDED (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

struct reading {
	TAILQ_ENTRY(reading) next;	/* in the order of their deadlines */
	uint64_t number;
	bool take;
	int fd;
	int64_t deadline_ns;
};

struct reader {
	int control, epoll;
	TAILQ_HEAD(reading_list, reading) list;
};

/* Tell, and forget.  berthd takes answers as they come: this may wait for it. */
static void
answer(struct reader *r, struct reading *x, enum header_outcome outcome,
    const struct proxy_header *h)
{
	struct header_answer a = { .number = x->number, .outcome = outcome };

	if (h != NULL) {
		a.length = x->take ? 0 : (uint32_t)h->length;
		a.local = h->local;
		a.source = h->source;
		a.destination = h->destination;
	}
	send(r->control, &a, sizeof(a), MSG_NOSIGNAL);
	TAILQ_REMOVE(&r->list, x, next);
	/* berthd has the connection too: closing our descriptor does not take it out of the set (epoll(7), Q6) */
	epoll_ctl(r->epoll, EPOLL_CTL_DEL, x->fd, NULL);
	close(x->fd);
	free(x);
}

static void
complete(struct reader *r, struct reading *x, const struct proxy_header *h)
{
	uint8_t buf[HEADER_MAX];

	if (x->take && recv(x->fd, buf, h->length, MSG_DONTWAIT) != (ssize_t)h->length)
		answer(r, x, HEADER_BAD, NULL);
	else
		answer(r, x, HEADER_DONE, h);
}

/*
 * Something has come.  What is there is looked at from its beginning, at most HEADER_MAX bytes.  ended: the client has said all
 * that it will say.
 */
static void
look(struct reader *r, struct reading *x, bool ended)
{
	uint8_t buf[HEADER_MAX];
	ssize_t n = recv(x->fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	enum proxy_outcome p = PROXY_MORE;
	struct proxy_header h;
	size_t need = 0;

	if (n > 0)
		p = proxy_parse(buf, (size_t)n, &h, &need, NULL);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		ended = true;
	if (p == PROXY_DONE)
		complete(r, x, &h);
	else if (p == PROXY_BAD || need > HEADER_MAX)
		answer(r, x, HEADER_BAD, NULL);
	else if (ended)
		answer(r, x, HEADER_ENDED, NULL);
}

/* An aide that is new gets them in any order. */
static void
insert(struct reader *r, struct reading *x)
{
	struct reading *o;

	TAILQ_FOREACH_REVERSE(o, &r->list, reading_list, next)
		if (o->deadline_ns <= x->deadline_ns)
			break;
	if (o != NULL)
		TAILQ_INSERT_AFTER(&r->list, o, x, next);
	else
		TAILQ_INSERT_HEAD(&r->list, x, next);
}

/* Edge-triggered: a part of a header that lies there does not wake anybody. */
static void
take_order(struct reader *r, const struct header_order *order, int fd)
{
	struct reading *x = calloc(1, sizeof(*x));
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };

	if (x == NULL) {
		close(fd);
		return;
	}
	*x = (struct reading){ .number = order->number, .take = order->take, .fd = fd,
		.deadline_ns = order->deadline_ns };
	e.data.ptr = x;
	insert(r, x);
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		answer(r, x, HEADER_BAD, NULL);
}

/* false: berthd has gone. */
static bool
receive(struct reader *r)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct header_order order;
	struct iovec iov = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(r->control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *h;
	int fd;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n != (ssize_t)sizeof(order))
		return false;
	h = CMSG_FIRSTHDR(&m);
	if (h == NULL || h->cmsg_type != SCM_RIGHTS)
		return true;	/* no descriptor was left for it: berthd's own deadline ends it */
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	take_order(r, &order, fd);
	return true;
}

static int
wait_ms(const struct reader *r, int64_t now)
{
	const struct reading *first = TAILQ_FIRST(&r->list);
	int64_t left = first != NULL ? first->deadline_ns - now : 0;

	if (first == NULL)
		return -1;
	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

static void
end_late(struct reader *r)
{
	struct reading *x;
	int64_t now = conn_now_ns();

	while ((x = TAILQ_FIRST(&r->list)) != NULL && x->deadline_ns <= now)
		answer(r, x, HEADER_LATE, NULL);
}

void
header_run(int fd)
{
	struct reader r = { .control = fd, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct epoll_event e = { .events = EPOLLIN }, got[BATCH];
	bool open = true;

	TAILQ_INIT(&r.list);
	if (r.epoll < 0 || epoll_ctl(r.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return;
	while (open) {
		int n = epoll_wait(r.epoll, got, BATCH, wait_ms(&r, conn_now_ns()));

		for (int i = 0; i < n; i++) {
			struct reading *x = got[i].data.ptr;

			if (x == NULL)
				open = receive(&r) && open;
			else
				look(&r, x, (got[i].events & ENDED) != 0);
		}
		end_late(&r);
	}
}
