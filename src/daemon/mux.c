#include "mux.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../builtin/builtin.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "../sys/sockdiag.h"
#include "dispatch.h"
#include "farewell.h"

#define FDS_MAX 253	/* in one packet (SCM_MAX_FD) */
#define SERVED "+\r\n"
#define NOT_SERVED "-Service not available\r\n"

struct mux {
	struct child *child;
	int fd;
	struct loop_source *source;
	struct builtin_mux *list;	/* owned; the names are those of live services only while the child is made */
	size_t count;
};

static bool
is_reachable(const struct pool_service *ps)
{
	return pool_is_enabled(ps) && ps->service->tcpmux;
}

static bool
make_list(struct mux *m, struct pool *p)
{
	struct pool_service *ps;
	size_t room = 0;

	TAILQ_FOREACH(ps, &p->services, next)
		room += is_reachable(ps);
	m->list = calloc(room + 1, sizeof(*m->list));
	if (m->list == NULL)
		return false;
	TAILQ_FOREACH(ps, &p->services, next)
		if (is_reachable(ps))
			m->list[m->count++] = (struct builtin_mux){ .number = ps->number,
				.name = ps->name };
	return true;
}

/* ---- what comes back ---- */

/* The descriptors that came: the only one, or -1; what else came is closed. */
static int
only_descriptor(struct msghdr *m)
{
	int fd = -1, all[FDS_MAX];
	size_t n = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(all, CMSG_DATA(h), n * sizeof(int));
	}
	if (n == 1)
		fd = all[0];
	for (size_t i = 0; n > 1 && i < n; i++)
		close(all[i]);
	return fd;
}

/* One packet of the right length with one descriptor; -1: not that. */
static int
receive(int from, uint32_t *number)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct builtin_mux_call call = { 0 };
	struct iovec iov = { .iov_base = &call, .iov_len = sizeof(call) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(from, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd = n >= 0 ? only_descriptor(&m) : -1;

	if (n != (ssize_t)sizeof(call) || call.magic != BUILTIN_MUX_MAGIC ||
	    (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		fd_close(&fd);
		return -1;
	}
	*number = call.number;
	return fd_high(fd);
}

/* Only the connection that it was given may come back. */
static bool
is_own(const struct child *c, int fd)
{
	uint64_t cookie;

	return sockdiag_name(fd, &cookie, NULL) && cookie == c->cookie;
}

/* A service of the list that it was given, as it is now; NULL: none. */
static struct pool_service *
find_service(const struct mux *m, uint32_t number)
{
	struct pool_service *ps;
	bool listed = false;

	for (size_t i = 0; i < m->count; i++)
		listed = listed || m->list[i].number == number;
	if (!listed)
		return NULL;
	TAILQ_FOREACH(ps, &m->child->service->pool->services, next)
		if (ps->number == number && is_reachable(ps))
			return ps;
	return NULL;
}

/*
 * As any connection of that service, but that it cannot wait.  The "+" goes out first, as the program may speak at once; where it is not
 * served after all the connection ends.
 */
static void
serve(struct pool_service *ps, const struct child *from, int fd)
{
	struct arrival a = { .fd = fd, .peer = from->peer, .uid = (uid_t)-1, .gid = (gid_t)-1,
		.arrived_ns = loop_now(ps->pool->loop) };
	struct child_work w = { .arrival = &a, .local = &from->local, .socket = &a.fd, .count = 1,
		.tuple_peer = &from->tuple_peer, .tuple_local = &from->tuple_local,
		.greeting = SERVED };

	ps->count->accepted++;
	pool_touch(ps);
	if (dispatch_serve(ps, &w) != ADMIT_OK)
		farewell_say(ps->pool->farewell, fd, NOT_SERVED, true);
}

static void
complain(const struct mux *m, const char *what)
{
	log_message(RECORD_WARNING, "warning", "%s: connection %llu: tcpmux child: %s",
	    m->child->service->name, (unsigned long long)m->child->connection, what);
}

static void
mux_ready(void *arg, uint32_t events)
{
	struct mux *m = arg;
	struct pool_service *ps;
	uint32_t number = 0;
	int fd;

	(void)events;
	/* once: whatever else it has to say is not heard */
	loop_remove(m->source);
	m->source = NULL;
	if ((fd = receive(m->fd, &number)) < 0) {
		fd_close(&m->fd);
		return;
	}
	fd_close(&m->fd);
	if (!is_own(m->child, fd)) {
		complain(m, "gave back another descriptor than it was given");
		close(fd);
		return;
	}
	if ((ps = find_service(m, number)) == NULL) {
		complain(m, "asked for a service that it was not given, or that is gone");
		farewell_say(m->child->service->pool->farewell, fd, NOT_SERVED, true);
		return;
	}
	serve(ps, m->child, fd);
}

struct mux *
mux_open(struct child *c, int *back)
{
	struct mux *m = calloc(1, sizeof(*m));
	int pair[2];

	if (m == NULL)
		return NULL;
	m->child = c;
	m->fd = -1;
	if (!make_list(m, c->service->pool) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		mux_close(m);
		return NULL;
	}
	m->fd = fd_high(pair[0]);
	*back = fd_high(pair[1]);
	if (m->fd >= 0 && *back >= 0)
		m->source = loop_add(c->service->pool->loop, m->fd, EPOLLIN, mux_ready, m);
	if (m->source != NULL)
		return m;
	fd_close(back);
	mux_close(m);
	return NULL;
}

void
mux_close(struct mux *m)
{
	if (m == NULL)
		return;
	/* its end may be seen before what it has said */
	if (m->source != NULL)
		mux_ready(m, 0);
	fd_close(&m->fd);
	free(m->list);
	free(m);
}

void
mux_run(struct mux *m)
{
	builtin_tcpmux(0, 3, m->list, m->count);
}
