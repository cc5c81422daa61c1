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
#define FINISH_READS 20			/* a pipe holds 16 pages; a writer may still be at it */
#define FLOOD_PAUSE_NS 10000000LL	/* between two reads while the service floods */

struct errpipe {
	LIST_ENTRY(errpipe) next;
	struct pool_service *service;
	int fd;
	struct loop_source *source;
	struct loop_timer pause;
	struct lines lines;
	uint64_t connection;
	pid_t pid;
	bool orphan;		/* its handler has ended */
};

/* Shared by all pipes: one read at a time. */
static char buffer[READ_BYTES];

static void
emit(void *arg, const char *line, size_t len, bool cut)
{
	struct errpipe *e = arg;
	struct pool_service *ps = e->service;
	struct record r;

	if (!pool_may_log(ps, &ps->stderr_rate, "stderr"))
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
	struct pool_service *ps = e->service;

	lines_end(&e->lines, emit, e);
	loop_disarm(&e->pause);
	loop_remove(e->source);
	fd_close(&e->fd);
	LIST_REMOVE(e, next);
	pool_touch(ps);
	free(e);
}

/* One read.  1: something came; 0: nothing now; -1: end of file. */
static int
read_once(struct errpipe *e)
{
	ssize_t n = read(e->fd, buffer, sizeof(buffer));

	if (n > 0) {
		lines_feed(&e->lines, buffer, (size_t)n, emit, e);
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void
pause_over(void *arg)
{
	struct errpipe *e = arg;

	loop_watch(e->source, EPOLLIN);
}

static void
pipe_ready(void *arg, uint32_t events)
{
	struct errpipe *e = arg;
	struct loop *loop = e->service->pool->loop;

	(void)events;
	if (loop_armed(&e->pause))
		return;
	if (read_once(e) < 0) {
		if (e->orphan)
			close_pipe(e);
		else
			loop_watch(e->source, EPOLLET);
		return;
	}
	if (e->service->stderr_rate.held > 0) {
		loop_watch(e->source, EPOLLET);
		loop_arm(loop, &e->pause, loop_now(loop) + FLOOD_PAUSE_NS, pause_over, e);
	}
}

/*
 * The second open of the pipe, through /proc, is a file description of its own: read-write, and
 * blocking although ours is not.  Without /proc the handler gets the plain write end.
 */
static int
reopen(int write_end)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", write_end);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(write_end);
		return fd;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
		int saved = errno;

		close(write_end);
		errno = saved;
		return -1;
	}
	return fcntl(write_end, F_SETFL, 0) == 0 ? write_end : -1;
}

struct errpipe *
errpipe_open(struct pool_service *ps, uid_t uid, gid_t gid, uint64_t connection, int *handler_end)
{
	struct errpipe *e = calloc(1, sizeof(*e));
	int fds[2] = { -1, -1 }, saved;

	*handler_end = -1;
	if (e == NULL)
		return NULL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		goto fail;
	*handler_end = reopen(fds[1]);
	fds[1] = -1;
	if (*handler_end < 0)
		goto fail;
	if (ps->pool->daemon.root && fchown(*handler_end, uid, gid) < 0)
		goto fail;
	*e = (struct errpipe){ .service = ps, .fd = fds[0], .connection = connection };
	if ((e->source = loop_add(ps->pool->loop, e->fd, EPOLLIN, pipe_ready, e)) == NULL)
		goto fail;
	LIST_INSERT_HEAD(&ps->pipes, e, next);
	return e;
fail:
	saved = errno;
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	fd_close(handler_end);
	free(e);
	errno = saved;
	return NULL;
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
	int got = 1;

	if (e == NULL)
		return;
	for (int i = 0; i < FINISH_READS && got > 0; i++)
		got = read_once(e);
	if (got < 0) {
		close_pipe(e);
		return;
	}
	e->orphan = true;
}

void
errpipe_close_all(struct pool_service *ps)
{
	struct errpipe *e, *next;

	LIST_FOREACH_SAFE(e, &ps->pipes, next, next)
		errpipe_finish(e);
	LIST_FOREACH_SAFE(e, &ps->pipes, next, next)
		close_pipe(e);
}
