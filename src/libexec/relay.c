/*
 * berth-relay - connections of one service, carried to a target and back
 *
 * What it is told and what it tells is in pure/relay.h.  Bytes go from one socket to the other through a pipe: splice(2) fills
 * it and empties it, and nothing is read while it holds something.  So a direction waits for exactly one thing at a time, and no
 * byte is copied into this process.  A pipe is taken for what has come, and given back when it is empty: a connection
 * on which nothing moves costs two descriptors and less than 300 bytes.
 *
 * Nothing here blocks, and all that is known of a connection is in its struct conn.  Linked statically, with a small libc where
 * there is one: it is started when the first connection comes (tests/bench/relay).
 */
#include "../pure/relay.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

_Static_assert(RELAY_EVENTS * sizeof(struct relay_event) <= PIPE_BUF, "an incomplete write");

#define PIPE_BYTES 65536	/* what a new pipe holds at least, where pages are not fragments */
#define PIPE_BYTES_BULK 524288	/* a megabyte is a tenth cheaper still, and leaves half as many to others */
#define CHUNK 1048576		/* more than a pipe takes at once */
#define PIPES_KEPT 16
#define READY 128
#define ORDERS 32		/* taken in one turn */
#define AGAIN_MS 20
#define UNWATCHED UINT32_MAX

enum { CLIENT, TARGET, ENDS };

struct pipe {
	int fd[2];
	bool large;		/* it was made larger, or may not be */
};

struct end {
	struct conn *conn;
	int fd;
	uint32_t watched;	/* by epoll; UNWATCHED: not in its set */
};

/* One direction: bytes from end[i] through the pipe to end[!i]. */
struct way {
	struct pipe pipe;	/* fd -1: none */
	size_t held;		/* bytes in the pipe; 0: waits for the source, else for the sink */
	bool bulk;		/* it has filled a pipe */
	bool ended;		/* the source has ended, and the sink was told */
	uint64_t carried;
};

struct conn {
	TAILQ_ENTRY(conn) next;	/* among the fresh, the connecting or the gone */
	enum { FRESH, CONNECTING, CARRYING, GONE } state;
	uint32_t slot;
	struct end end[ENDS];
	struct way way[ENDS];
	struct relay_order *order;	/* owned, until it is CARRYING */
	uint16_t tried;
	bool full;		/* the queue of a unix target is: connect(2) says so at once */
	int64_t due_ms;		/* CONNECTING */
};

TAILQ_HEAD(conn_list, conn);

static struct {
	int epoll;
	bool linked;		/* there may be orders */
	bool heard;		/* berthd reads what it is told */
	int news;		/* where it is told; -1: not yet */
	uint32_t watched;	/* of the link */
	bool stuck;		/* `news` is watched: it is full */
	struct addr target[TARGETS_MAX];
	size_t targets;
	int64_t timeout_ms, now_ms, again_ms;
	struct conn **slot;
	size_t slots, live, full;
	struct conn_list fresh, connecting, gone;
	struct relay_event *event;	/* not sent yet */
	size_t events, room;
	struct pipe kept[PIPES_KEPT];
	size_t nkept;
} r = { .linked = true, .heard = true, .news = -1, .watched = UNWATCHED, .fresh = TAILQ_HEAD_INITIALIZER(r.fresh),
	.connecting = TAILQ_HEAD_INITIALIZER(r.connecting), .gone = TAILQ_HEAD_INITIALIZER(r.gone) };

static _Noreturn void
die(int status, const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;		/* there is nobody else to tell */
	_exit(status);
}

static void *
need(void *memory)
{
	if (memory == NULL)
		die(EX_OSERR, "berth-relay: no memory\n");
	return memory;
}

static void
read_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	r.now_ms = t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* false and errno: there is a limit of the user's, for all his processes (epoll(7), max_user_watches). */
static bool
watch(int fd, uint32_t *watched, uint32_t events, void *what)
{
	struct epoll_event e = { .events = events, .data.ptr = what };

	if (*watched == events)
		return true;
	if (epoll_ctl(r.epoll, *watched == UNWATCHED ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) < 0)
		return false;
	*watched = events;
	return true;
}

static void
watch_link(void)
{
	if (r.linked && !watch(RELAY_LINK, &r.watched, r.events > 0 ? 0 : EPOLLIN, NULL))
		die(EX_OSERR, "berth-relay: epoll_ctl\n");
}

/* A registration outlives close(2) while berthd has its copy. */
static void
unwatch(struct end *e)
{
	if (e->watched != UNWATCHED)
		epoll_ctl(r.epoll, EPOLL_CTL_DEL, e->fd, NULL);
	e->watched = UNWATCHED;
}

/* ---- what berthd is told ---- */

static void
tell(const struct conn *c, enum relay_kind kind, uint16_t target, int error)
{
	if (!r.heard)
		return;
	if (r.events == r.room) {
		r.room = r.room * 2 + RELAY_EVENTS;
		r.event = need(reallocarray(r.event, r.room, sizeof(*r.event)));
	}
	r.event[r.events++] = (struct relay_event){ .slot = c->slot, .kind = (uint16_t)kind,
		.target = target, .error = error };
}

static uint64_t
us_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

static void
tell_end(const struct conn *c, int status)
{
	struct relay_event *e;
	struct rusage used;

	tell(c, RELAY_ENDED, 0, status);
	if (!r.heard)
		return;
	e = &r.event[r.events - 1];
	getrusage(RUSAGE_SELF, &used);
	e->received = c->way[CLIENT].carried;
	e->sent = c->way[TARGET].carried;
	e->user_us = us_of(&used.ru_utime);
	e->system_us = us_of(&used.ru_stime);
	e->max_rss_kib = (uint32_t)used.ru_maxrss;
}

/* Not while there is no need: where berthd has gone epoll would say so for ever. */
static void
watch_news(bool stuck)
{
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = NULL };

	if (stuck == r.stuck)
		return;
	if (epoll_ctl(r.epoll, stuck ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, r.news, &e) < 0)
		die(EX_OSERR, "berth-relay: epoll_ctl\n");
	r.stuck = stuck;
}

/*
 * While something is left no orders are read, and nothing is done with what they brought.  When berthd has gone there may be orders
 * still.
 */
static void
send_events(void)
{
	size_t sent = 0, n;

	while (sent < r.events) {
		n = r.events - sent < RELAY_EVENTS ? r.events - sent : RELAY_EVENTS;
		if (write(r.news, r.event + sent, n * sizeof(*r.event)) >= 0)
			sent += n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			r.heard = false;
		if (!r.heard)
			sent = r.events;
	}
	if (sent > 0)
		memmove(r.event, r.event + sent, (r.events - sent) * sizeof(*r.event));
	r.events -= sent;
	watch_news(r.events > 0);
	watch_link();
}

/* ---- pipes ---- */

static bool
take_pipe(struct way *w)
{
	if (r.nkept > 0)
		w->pipe = r.kept[--r.nkept];
	else if (pipe2(w->pipe.fd, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	else
		w->pipe.large = false;
	return true;
}

/*
 * A pipe grows at the first sign of bulk, and not before: pipes count against a limit of the user's, past which
 * new ones get two pages (pipe(7), pipe-user-pages-soft).
 */
static void
grow_pipe(struct way *w)
{
	w->bulk = w->bulk || w->held >= PIPE_BYTES;
	if (!w->bulk || w->pipe.large)
		return;
	w->pipe.large = true;
	fcntl(w->pipe.fd[1], F_SETPIPE_SZ, PIPE_BYTES_BULK);
}

/* A large one goes on being used by its way, or by nobody. */
static void
give_pipe(struct way *w)
{
	if (w->pipe.fd[0] < 0)
		return;
	if (w->held == 0 && !w->pipe.large && r.nkept < PIPES_KEPT) {
		r.kept[r.nkept++] = w->pipe;
	} else {
		close(w->pipe.fd[0]);
		close(w->pipe.fd[1]);
	}
	w->pipe.fd[0] = -1;
}

/* ---- the end of a connection ---- */

static void
close_end(struct end *e)
{
	if (e->fd < 0)
		return;
	unwatch(e);
	close(e->fd);
	e->fd = -1;
}

static void
leave_list(struct conn *c)
{
	if (c->state == CONNECTING) {
		TAILQ_REMOVE(&r.connecting, c, next);
		r.full -= c->full;
	} else if (c->state == FRESH) {
		TAILQ_REMOVE(&r.fresh, c, next);
	}
}

/* Freed at the end of the turn: events that were read may name it. */
static void
finish(struct conn *c, int status)
{
	leave_list(c);
	c->state = GONE;
	for (int i = 0; i < ENDS; i++) {
		give_pipe(&c->way[i]);
		close_end(&c->end[i]);
	}
	tell_end(c, status);
	r.slot[c->slot] = NULL;
	r.live--;
	TAILQ_INSERT_TAIL(&r.gone, c, next);
}

/* What close(2) makes of it is a reset, for the end that is still there; a unix socket knows none. */
static void
reset_both(struct conn *c, int status)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	for (int i = 0; i < ENDS; i++)
		setsockopt(c->end[i].fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	finish(c, status);
}

static void
free_gone(void)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&r.gone)) != NULL) {
		TAILQ_REMOVE(&r.gone, c, next);
		free(c->order);
		free(c);
	}
}

/* ---- carrying ---- */

static int
waits_for(const struct conn *c, int i)
{
	return c->way[i].held > 0 ? !i : i;
}

static uint32_t
waits_until(const struct way *w)
{
	return w->held > 0 ? EPOLLOUT : EPOLLIN;
}

/* An end that nobody waits for is watched all the same: it may be reset, which epoll tells unasked. */
static void
ask(struct conn *c)
{
	uint32_t events[ENDS] = { 0, 0 };

	for (int i = 0; i < ENDS; i++)
		if (!c->way[i].ended)
			events[waits_for(c, i)] |= waits_until(&c->way[i]);
	for (int i = 0; i < ENDS; i++)
		if ((events[i] != 0 || c->end[i].watched != UNWATCHED) &&
		    !watch(c->end[i].fd, &c->end[i].watched, events[i], &c->end[i])) {
			reset_both(c, EX_OSERR);
			return;
		}
}

/*
 * splice(2) stops before urgent data: it says 0 or EAGAIN, for ever.  recv(2) goes past it, and says what the end
 * is.  With SO_OOBINLINE the urgent byte is among the others.  Returns what splice would have.
 */
static ssize_t
read_by_hand(int fd, const struct way *w)
{
	char buf[512];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	return n <= 0 ? n : write(w->pipe.fd[1], buf, (size_t)n);	/* it is empty */
}

/* false: the connection is gone. */
static bool
fill(struct conn *c, int i)
{
	struct way *w = &c->way[i];
	ssize_t n;

	if (w->pipe.fd[0] < 0 && !take_pipe(w)) {
		reset_both(c, EX_OSERR);
		return false;
	}
	n = splice(c->end[i].fd, NULL, w->pipe.fd[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n == 0 || (n < 0 && errno == EAGAIN))
		n = read_by_hand(c->end[i].fd, w);
	if (n > 0) {
		w->held = (size_t)n;
		grow_pipe(w);
	} else if (n == 0) {
		w->ended = true;
		shutdown(c->end[!i].fd, SHUT_WR);
	} else if (errno != EAGAIN) {
		reset_both(c, 0);
		return false;
	}
	return true;
}

static bool
drain(struct conn *c, int i)
{
	struct way *w = &c->way[i];
	ssize_t n = splice(w->pipe.fd[0], NULL, c->end[!i].fd, NULL, w->held,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0) {
		w->held -= (size_t)n;
		w->carried += (uint64_t)n;
	} else if (n == 0 || errno != EAGAIN) {
		reset_both(c, 0);
		return false;
	}
	return true;
}

static bool
carry_way(struct conn *c, int i)
{
	struct way *w = &c->way[i];

	if (w->held == 0 && !fill(c, i))
		return false;
	if (w->held > 0 && !drain(c, i))
		return false;
	/* what is bulk comes at once again */
	if (w->held == 0 && (!w->bulk || w->ended))
		give_pipe(w);
	return true;
}

/*
 * An error or a hang-up at an end that nothing was asked of.  An error is a reset.  A hang-up alone is a unix peer
 * that has closed: it gets no answer any more, but what it sent is carried on, and epoll, which would say so for
 * ever, does not look at it until something is to be written there.
 */
static void
unasked(struct end *e, uint32_t events)
{
	if (events & EPOLLERR)
		reset_both(e->conn, 0);
	else if (events & EPOLLHUP)
		unwatch(e);
}

/* An error, too, is taken by the call that was waited for. */
static void
carry(struct end *e, uint32_t events)
{
	struct conn *c = e->conn;
	int which = (int)(e - c->end);

	if (e->watched == 0) {
		unasked(e, events);
		return;
	}
	for (int i = 0; i < ENDS; i++) {
		const struct way *w = &c->way[i];

		if (w->ended || waits_for(c, i) != which ||
		    (events & (waits_until(w) | EPOLLERR | EPOLLHUP)) == 0)
			continue;
		if (!carry_way(c, i))
			return;
	}
	if (c->way[CLIENT].ended && c->way[TARGET].ended)
		finish(c, 0);
	else
		ask(c);
}

/* ---- reaching a target ---- */

/*
 * A splice into a socket blocks unless the socket says otherwise.  The flag lies in the open file description;
 * the client's is ours alone, or a copy of berthd's, which only ever shuts it down.
 */
static void
connected(struct conn *c)
{
	const struct relay_order *o = c->order;
	int yes = 1;

	leave_list(c);
	c->state = CARRYING;
	tell(c, RELAY_CONNECTED, o->target[c->tried], 0);
	fcntl(c->end[CLIENT].fd, F_SETFL, O_RDWR | O_NONBLOCK);
	for (int i = 0; i < ENDS; i++)
		setsockopt(c->end[i].fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof(yes));
	/* a fresh socket has room for it */
	if (o->header_length > 0 && send(c->end[TARGET].fd, o->header, o->header_length,
	    MSG_NOSIGNAL) != o->header_length) {
		reset_both(c, 0);
		return;
	}
	free(c->order);
	c->order = NULL;
	ask(c);
}

static int
open_target(struct conn *c, const struct addr *a)
{
	int yes = 1, fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && a->u.sa.sa_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	}
	return c->end[TARGET].fd = fd;
}

/* The target is the one whose turn it is.  0: it is connected, or will be; else an errno. */
static int
try_target(struct conn *c)
{
	const struct addr *a = &r.target[c->order->target[c->tried]];
	bool full;

	if (c->end[TARGET].fd < 0 && open_target(c, a) < 0)
		return errno;
	if (connect(c->end[TARGET].fd, &a->u.sa, a->len) == 0) {
		connected(c);
		return 0;
	}
	full = errno == EAGAIN && a->u.sa.sa_family == AF_UNIX;
	if (errno != EINPROGRESS && !full)
		return errno;
	r.full += full;
	r.full -= c->full;
	c->full = full;
	if (full || watch(c->end[TARGET].fd, &c->end[TARGET].watched, EPOLLOUT, &c->end[TARGET]))
		return 0;
	return errno;
}

/* The next target; at its first call, the first. */
static void
reach(struct conn *c)
{
	int error;

	for (; c->tried < c->order->count; c->tried++) {
		leave_list(c);
		c->state = CONNECTING;
		c->full = false;
		c->due_ms = r.now_ms + r.timeout_ms;
		TAILQ_INSERT_TAIL(&r.connecting, c, next);
		if ((error = try_target(c)) == 0)
			return;
		tell(c, RELAY_FAILED, c->order->target[c->tried], error);
		close_end(&c->end[TARGET]);
	}
	finish(c, EX_UNAVAILABLE);
}

static void
reach_next(struct conn *c, int error)
{
	tell(c, RELAY_FAILED, c->order->target[c->tried], error);
	close_end(&c->end[TARGET]);
	c->tried++;
	reach(c);
}

static void
reached(struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(c->end[TARGET].fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0)
		reach_next(c, error);
	else
		connected(c);
}

/* They stand in the order of their time: it is the same for all. */
static void
look_at_connecting(void)
{
	struct conn *c, *next;
	int error;

	while ((c = TAILQ_FIRST(&r.connecting)) != NULL && c->due_ms <= r.now_ms)
		reach_next(c, ETIMEDOUT);
	if (r.full == 0 || r.now_ms < r.again_ms)
		return;
	r.again_ms = r.now_ms + AGAIN_MS;
	TAILQ_FOREACH_SAFE(c, &r.connecting, next, next)
		if (c->full && (error = try_target(c)) != 0)
			reach_next(c, error);
}

static int
wait_ms(void)
{
	const struct conn *c = TAILQ_FIRST(&r.connecting);
	int64_t ms = c != NULL ? c->due_ms - r.now_ms : -1;

	if (c == NULL)
		return -1;
	if (r.full > 0 && ms > AGAIN_MS)
		ms = AGAIN_MS;
	return ms < 0 ? 0 : (int)(ms > INT_MAX ? INT_MAX : ms);
}

/* ---- orders ---- */

static struct conn *
take(const struct relay_order *o, int fd)
{
	struct conn *c = need(calloc(1, sizeof(*c)));

	c->slot = o->slot;
	c->end[CLIENT] = (struct end){ .conn = c, .fd = fd, .watched = UNWATCHED };
	c->end[TARGET] = (struct end){ .conn = c, .fd = -1, .watched = UNWATCHED };
	c->way[CLIENT].pipe.fd[0] = c->way[TARGET].pipe.fd[0] = -1;
	c->order = need(malloc(sizeof(*o)));
	*c->order = *o;
	if (o->slot >= r.slots) {
		size_t n = (size_t)o->slot * 2 + 64;

		r.slot = need(reallocarray(r.slot, n, sizeof(*r.slot)));
		memset(r.slot + r.slots, 0, (n - r.slots) * sizeof(*r.slot));
		r.slots = n;
	}
	r.slot[o->slot] = c;
	r.live++;
	TAILQ_INSERT_TAIL(&r.fresh, c, next);
	return c;
}

/* berthd is believed, but for what would be a fault of this program's. */
static void
obey(const struct relay_order *o, int fd)
{
	struct conn *old = o->slot < r.slots ? r.slot[o->slot] : NULL, *c;

	if (o->kind == RELAY_NEWS && (r.news = fd) < 0)
		die(EX_OSERR, "berth-relay: no descriptors\n");
	if (o->kind == RELAY_DROP && old != NULL)
		finish(old, 0);
	if (o->kind != RELAY_TAKE || old != NULL)
		return;
	c = take(o, fd);
	if (fd < 0)
		finish(c, EX_OSERR);	/* there was no room for a descriptor */
	else
		tell(c, RELAY_TAKEN, 0, 0);
}

static ssize_t
read_order(struct relay_order *o, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = o, .iov_len = sizeof(*o) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(RELAY_LINK, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (h != NULL && h->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(h), sizeof(*fd));
	return n;
}

static void
read_orders(void)
{
	struct relay_order o;
	ssize_t n;
	int fd;

	for (int i = 0; i < ORDERS; i++) {
		n = read_order(&o, &fd);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && (errno == EINTR || errno == ECONNRESET))
			continue;	/* it went without having read all; the orders come now */
		if (n != (ssize_t)sizeof(o)) {
			r.linked = r.heard = false;
			r.events = 0;
			close(RELAY_LINK);
			return;
		}
		obey(&o, fd);
	}
}

/* ---- the loop ---- */

static void
ready(struct end *e, uint32_t events)
{
	if (e == NULL) {
		if (r.linked && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			read_orders();
	} else if (e->conn->state == CARRYING) {
		carry(e, events);
	} else if (e->conn->state == CONNECTING) {
		reached(e->conn);
	}
}

static void
turn(void)
{
	struct epoll_event e[READY];
	struct conn *c;
	int n = epoll_wait(r.epoll, e, READY, wait_ms());

	read_clock();
	for (int i = 0; i < n; i++)
		ready(e[i].data.ptr, e[i].events);
	look_at_connecting();
	send_events();
	/* all of them were told, and nobody else will be given these any more; what is told now is of their targets */
	if (r.events == 0)
		while ((c = TAILQ_FIRST(&r.fresh)) != NULL)
			reach(c);
	send_events();
	free_gone();
}

static bool
parse_timeout(const char *text, int64_t *ms)
{
	char *end;

	*ms = strtol(text, &end, 10);
	return *text >= '1' && *text <= '9' && *end == '\0';
}

static bool
parse(int argc, char *argv[])
{
	if (argc < 3 || argc - 2 > TARGETS_MAX || !parse_timeout(argv[1], &r.timeout_ms))
		return false;
	for (r.targets = 0; r.targets < (size_t)argc - 2; r.targets++)
		if (!relay_target_parse(argv[r.targets + 2], &r.target[r.targets]))
			return false;
	return true;
}

static void
set_up(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	close(STDOUT_FILENO);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if ((r.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die(EX_OSERR, "berth-relay: epoll_create1\n");
}

int
main(int argc, char *argv[])
{
	if (!parse(argc, argv))
		die(EX_USAGE, "usage: berth-relay CONNECT_TIMEOUT_MS TARGET...\n");
	set_up();
	read_clock();
	watch_link();
	while (r.linked || r.live > 0)
		turn();
	return EX_OK;
}
