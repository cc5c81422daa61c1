#include "farewell.h"

#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/fd.h"

#define SAY_MAX 64		/* that were told something, */
#define WAIT_MAX 256		/* and that lost their handler */
#define LINGER_NS 500000000LL
#define LINGER_BYTES 65536
#define WAIT_BYTES ((size_t)1 << 40)	/* as much as comes in the time */
#define STEP_BYTES (1 << 20)		/* of them a turn */

/* Those of one kind. */
struct lingerers {
	TAILQ_HEAD(lingering_list, lingering) list; /* the oldest first */
	unsigned count, max;
};

struct lingering {
	TAILQ_ENTRY(lingering) next;
	struct lingerers *among;
	int fd;
	struct loop_source *source;
	struct loop_timer timer;
	size_t left;			/* bytes that are still discarded */
};

struct farewell {
	struct loop *loop;
	struct lingerers said, waiting;
};

struct farewell *
farewell_new(struct loop *loop)
{
	struct farewell *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->loop = loop;
	TAILQ_INIT(&g->said.list);
	TAILQ_INIT(&g->waiting.list);
	g->said.max = SAY_MAX;
	g->waiting.max = WAIT_MAX;
	return g;
}

static void
end(struct lingering *x)
{
	TAILQ_REMOVE(&x->among->list, x, next);
	x->among->count--;
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
	while ((x = TAILQ_FIRST(&g->said.list)) != NULL ||
	    (x = TAILQ_FIRST(&g->waiting.list)) != NULL)
		end(x);
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
	size_t step = x->left < STEP_BYTES ? x->left : STEP_BYTES;
	ssize_t n = recv(x->fd, NULL, step, MSG_DONTWAIT | MSG_TRUNC);

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
stay(struct farewell *g, struct lingerers *among, int fd, size_t bytes, int64_t ns)
{
	struct lingering *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		close(fd);
		return;
	}
	if (among->count == among->max)
		end(TAILQ_FIRST(&among->list));
	*x = (struct lingering){ .among = among, .fd = fd, .left = bytes };
	TAILQ_INSERT_TAIL(&among->list, x, next);
	among->count++;
	loop_arm(g->loop, &x->timer, loop_now(g->loop) + ns, leave_due, x);
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
		stay(g, &g->said, fd, LINGER_BYTES, LINGER_NS);
	else
		close(fd);
}

void
farewell_wait(struct farewell *g, int fd, int64_t ns, bool is_tcp)
{
	shutdown(fd, SHUT_WR);
	if (is_tcp)
		stay(g, &g->waiting, fd, WAIT_BYTES, ns);
	else
		close(fd);
}
