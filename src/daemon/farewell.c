#include "farewell.h"

#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../builtin/drain.h"
#include "../sys/aide.h"
#include "../sys/fd.h"
#include "../sys/sock.h"

#define SAY_MAX 64		/* that were told something, at once */
#define LINGER_NS 500000000LL
#define LINGER_BYTES 65536

struct lingering {
	TAILQ_ENTRY(lingering) next;
	struct farewell *farewell;
	int fd;
	struct loop_source *source;
	struct loop_timer timer;
	size_t left;			/* bytes that are still discarded */
};

struct farewell {
	struct loop *loop;
	TAILQ_HEAD(, lingering) list;	/* the oldest first */
	unsigned count;
	struct aide aide;
};

struct farewell *
farewell_new(struct loop *loop)
{
	struct farewell *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->loop = loop;
	TAILQ_INIT(&g->list);
	aide_init(&g->aide, loop);
	return g;
}

static void
end(struct lingering *x)
{
	TAILQ_REMOVE(&x->farewell->list, x, next);
	x->farewell->count--;
	loop_disarm(&x->timer);
	loop_remove(x->source);
	fd_close(&x->fd);
	free(x);
}

void
farewell_free(struct farewell *g)
{
	struct lingering *x;

	if (g == NULL)
		return;
	while ((x = TAILQ_FIRST(&g->list)) != NULL)
		end(x);
	aide_stop(&g->aide, false);
	aide_fini(&g->aide);
	free(g);
}

static void
leave_due(void *arg)
{
	end(arg);
}

/* MSG_TRUNC without a buffer: tcp(7) discards. */
static void
more_came(void *arg, uint32_t events)
{
	struct lingering *x = arg;
	ssize_t n = recv(x->fd, NULL, x->left, MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (size_t)n >= x->left) {
		end(x);
		return;
	}
	x->left -= (size_t)n;
}

static void
stay(struct farewell *g, int fd)
{
	struct lingering *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		close(fd);
		return;
	}
	if (g->count == SAY_MAX)
		end(TAILQ_FIRST(&g->list));
	*x = (struct lingering){ .farewell = g, .fd = fd, .left = LINGER_BYTES };
	TAILQ_INSERT_TAIL(&g->list, x, next);
	g->count++;
	loop_arm(g->loop, &x->timer, loop_now(g->loop) + LINGER_NS, leave_due, x);
	x->source = loop_add(g->loop, fd, EPOLLIN, more_came, x);
	if (x->source == NULL)
		end(x);
}

void
farewell_say(struct farewell *g, int fd, const char *text, bool is_tcp)
{
	send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	if (is_tcp)
		stay(g, fd);
	else
		close(fd);
}

/* ---- those that lost their handler ---- */

static bool
begin(struct farewell *g)
{
	return g->aide.fd >= 0 || aide_start(&g->aide, "berthd-drain", true, drain_run);
}

void
farewell_keep(struct farewell *g, bool keep)
{
	if (keep)
		begin(g);
	else
		aide_stop(&g->aide, false);
}

static bool
order(struct farewell *g, int fd, int64_t ns)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct drain_order o = { .ns = ns };
	struct iovec iov = { .iov_base = &o, .iov_len = sizeof(o) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	return sendmsg(g->aide.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(o);
}

/* An aide that has died is replaced. */
void
farewell_wait(struct farewell *g, int fd, int64_t ns, bool is_tcp)
{
	/* of the handler: neither berthd's close(2) nor that of the aide, which has others too, waits that long */
	sock_take_linger_back(fd);
	for (int i = 0; is_tcp && i < 2 && begin(g); i++) {
		/* one that is late is let be: the connection is closed without its time */
		if (order(g, fd, ns) || errno == EAGAIN)
			break;
		aide_stop(&g->aide, true);
	}
	close(fd);
}
