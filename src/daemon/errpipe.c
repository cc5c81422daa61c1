#include "errpipe.h"

#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/log.h"

#define READ_BYTES 65536
#define READS_A_TURN 2
#define FINISH_READS 20			/* a pipe holds 16 pages; a writer may still be at it */
#define FLOOD_PAUSE_NS 10000000LL	/* between two turns while the service floods */
#define IDLE_MAX 64			/* pipes kept for the next handler, of all services */

struct errpipe {
	LIST_ENTRY(errpipe) next;	/* in its service's list of pipes, or of idle ones */
	TAILQ_ENTRY(errpipe) next_idle;	/* in the pool's list of idle ones */
	struct pool_service *service;
	int fd;
	uid_t uid;			/* who owns the pipe's inode */
	gid_t gid;
	struct loop_source *source;
	struct loop_timer again;	/* armed: there is more to read then */
	struct lines lines;
	uint64_t connection;
	pid_t pid;			/* 0: idle, or nothing started yet */
	bool ended;			/* end of file: nobody can write any more */
	bool orphan;			/* its handler has ended */
};

/* Shared by all pipes: one read at a time. */
static char buffer[READ_BYTES];

static void
emit(void *arg, const char *line, size_t len, bool cut)
{
	struct errpipe *e = arg;
	struct pool_service *ps = e->service;
	struct record r;

	if (!pool_may_log(ps, POOL_STDERR))
		return;
	record_init(&r, RECORD_NOTICE, "stderr");
	record_text(&r, "service", ps->name);
	record_number(&r, "connection", (int64_t)e->connection);
	record_number(&r, "pid", e->pid);
	record_bytes(&r, "line", line, len);
	if (cut)
		record_text(&r, "cut", "yes");
	log_record(&r);
}

static void
close_pipe(struct errpipe *e)
{
	lines_end(&e->lines, emit, e);
	loop_disarm(&e->again);
	loop_remove(e->source);
	fd_close(&e->fd);
	LIST_REMOVE(e, next);
	pool_touch(e->service);
	free(e);
}

static void
leave_idle(struct errpipe *e)
{
	struct pool *p = e->service->pool;

	TAILQ_REMOVE(&p->idle_pipes, e, next_idle);
	p->idle_count--;
}

static void
close_idle(struct errpipe *e)
{
	leave_idle(e);
	close_pipe(e);
}

/*
 * At end of file the pipe has no writer and can have none again but by us: the next handler of the same user may
 * have it, which saves most of the cost of a new one.  The one that has been idle for longest makes room, whoever's it is.
 */
static void
retire(struct errpipe *e)
{
	struct pool_service *ps = e->service;

	if (!e->ended || ps->removed || ps->pool->shortage_since_ns != 0) {
		close_pipe(e);
		return;
	}
	if (ps->pool->idle_count >= IDLE_MAX)
		close_idle(TAILQ_FIRST(&ps->pool->idle_pipes));
	lines_end(&e->lines, emit, e);
	e->pid = 0;
	e->orphan = false;
	LIST_REMOVE(e, next);
	LIST_INSERT_HEAD(&ps->idle_pipes, e, next);
	TAILQ_INSERT_TAIL(&ps->pool->idle_pipes, e, next_idle);
	ps->pool->idle_count++;
}

/* At most `times` reads.  True when there may be more. */
static bool
read_some(struct errpipe *e, int times)
{
	for (int i = 0; i < times && !e->ended; i++) {
		ssize_t n = read(e->fd, buffer, sizeof(buffer));

		if (n > 0)
			lines_feed(&e->lines, buffer, (size_t)n, emit, e);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && errno == EAGAIN)
			return false;
		else
			e->ended = true;
	}
	return !e->ended;
}

static void
go_on(void *arg)
{
	struct errpipe *e = arg;
	struct loop *loop = e->service->pool->loop;
	bool floods;

	if (read_some(e, READS_A_TURN)) {
		floods = e->service->line[POOL_STDERR].held > 0;
		loop_arm(loop, &e->again, loop_now(loop) + (floods ? FLOOD_PAUSE_NS : 0), go_on, e);
	} else if (e->ended && e->orphan) {
		retire(e);
	}
}

/* Edge-triggered.  A hang-up without data needs no read to be understood. */
static void
pipe_ready(void *arg, uint32_t events)
{
	struct errpipe *e = arg;

	if (e->pid == 0 || loop_armed(&e->again))
		return;
	if (!(events & EPOLLIN) && (events & EPOLLHUP) && e->orphan) {
		e->ended = true;
		retire(e);
		return;
	}
	if (events & EPOLLIN)
		go_on(e);
	else if (events & EPOLLHUP)
		e->ended = true;
}

/*
 * A second open of the pipe, through /proc, is a file description of its own: read-write, and
 * blocking although ours is not.
 */
static int
open_again(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Without /proc the handler gets the plain write end. */
static int
handler_end_of(int write_end)
{
	int fd = open_again(write_end), saved;

	if (fd < 0 && errno == ENOENT)
		return fcntl(write_end, F_SETFL, 0) == 0 ? write_end : -1;
	saved = errno;
	close(write_end);
	errno = saved;
	return fd;
}

static struct errpipe *
new_pipe(struct pool_service *ps, uid_t uid, gid_t gid, int *handler_end)
{
	struct errpipe *e = calloc(1, sizeof(*e));
	int fds[2] = { -1, -1 }, saved;

	if (e == NULL)
		return NULL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		goto fail;
	if ((*handler_end = handler_end_of(fds[1])) < 0)
		goto fail;
	if (ps->pool->daemon.root && fchown(*handler_end, uid, gid) < 0)
		goto fail;
	*e = (struct errpipe){ .service = ps, .fd = fds[0], .uid = uid, .gid = gid };
	e->source = loop_add(ps->pool->loop, e->fd, EPOLLIN | EPOLLET, pipe_ready, e);
	if (e->source != NULL)
		return e;
fail:
	saved = errno;
	fd_close(&fds[0]);
	fd_close(handler_end);
	free(e);
	errno = saved;
	return NULL;
}

/* An idle one of the same owner, if there is one and it can be opened. */
static struct errpipe *
old_pipe(struct pool_service *ps, uid_t uid, gid_t gid, int *handler_end)
{
	struct errpipe *e = LIST_FIRST(&ps->idle_pipes);

	if (e == NULL)
		return NULL;
	if (e->uid != uid || e->gid != gid || (*handler_end = open_again(e->fd)) < 0) {
		close_idle(e);
		return NULL;
	}
	LIST_REMOVE(e, next);
	leave_idle(e);
	e->ended = e->orphan = false;
	e->pid = 0;
	return e;
}

struct errpipe *
errpipe_open(struct pool_service *ps, uid_t uid, gid_t gid, uint64_t connection, int *handler_end)
{
	struct errpipe *e;

	*handler_end = -1;
	e = old_pipe(ps, uid, gid, handler_end);
	if (e == NULL)
		e = new_pipe(ps, uid, gid, handler_end);
	if (e == NULL)
		return NULL;
	e->connection = connection;
	LIST_INSERT_HEAD(&ps->pipes, e, next);
	return e;
}

void
errpipe_set_pid(struct errpipe *e, pid_t pid)
{
	if (e != NULL)
		e->pid = pid;
}

void
errpipe_discard(struct errpipe *e)
{
	if (e != NULL)
		close_pipe(e);
}

void
errpipe_finish(struct errpipe *e)
{
	if (e == NULL)
		return;
	loop_disarm(&e->again);
	e->orphan = true;
	if (read_some(e, FINISH_READS))
		loop_arm(e->service->pool->loop, &e->again, loop_now(e->service->pool->loop), go_on, e);
	else if (e->ended)
		retire(e);
}

void
errpipe_close_idle(struct pool_service *ps)
{
	struct errpipe *e, *next;

	LIST_FOREACH_SAFE(e, &ps->idle_pipes, next, next)
		close_idle(e);
}

void
errpipe_close_all(struct pool_service *ps)
{
	struct errpipe *e, *next;

	LIST_FOREACH_SAFE(e, &ps->pipes, next, next)
		errpipe_finish(e);
	LIST_FOREACH_SAFE(e, &ps->pipes, next, next)
		close_pipe(e);
	errpipe_close_idle(ps);
}

void
errpipe_close_idle_all(struct pool *p)
{
	struct errpipe *e;

	while ((e = TAILQ_FIRST(&p->idle_pipes)) != NULL)
		close_idle(e);
}
