#include "carrier.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../pure/xalloc.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "carry.h"

#define MS 1000000LL
#define MOST 4			/* processes of one service */
#define MANY 8			/* connections that each has before one more is started */
#define WAIT_NS (50 * MS)	/* for the outcome of a spawn */
#define ANSWER_NS (1000 * MS)	/* for its word that it took a connection, so often: */
#define ANSWERS 5		/* what stops berthd too, and then both, must not count as one long silence */
#define IDLE_NS (1000 * MS)
#define AGAIN_NS (20 * MS)
#define REAP_AGAIN_NS (100 * MS)
#define TRIES 3			/* processes that die with it before they took it */
#define PACKETS 16		/* read in one turn */
#define HELD_MOST 16		/* zombies of one service that somebody holds */

TAILQ_HEAD(carry_queue, carry);

struct carrier {
	LIST_ENTRY(carrier) next;	/* in its service's list, or among those that leave */
	struct pool *pool;
	struct pool_service *service;	/* NULL: it leaves */
	struct service *version;	/* held */
	pid_t pid;
	int pidfd;
	int fd;				/* a socket for orders, */
	int news;			/* and a pipe for events: no descriptors come through it */
	struct loop_source *life, *link;
	struct spawn_job *job;		/* while the outcome of its start is outstanding */
	char **argv;			/* owned */
	bool useless;			/* it was killed, or has closed its link */
	int64_t started_ns;
	struct loop_timer timer;	/* it has nothing to do, or cannot be reaped */
	struct loop_timer again;	/* something is to be sent */
	struct loop_timer answer;
	size_t unanswered;		/* given, and not taken yet */
	unsigned silent;		/* times that `answer` was due since it said something of them */
	struct carry **slot;		/* owned: what it has */
	uint32_t *spare;		/* owned: numbers of free slots */
	size_t slots, nspare;
	struct carry_queue unsent;
	uint64_t user_us, system_us;	/* that its connections have used */
};

static LIST_HEAD(, carrier) leaving = LIST_HEAD_INITIALIZER(leaving);

static void carrier_ready(void *arg, uint32_t events);
static void life_ready(void *arg, uint32_t events);

static size_t
active(const struct carrier *w)
{
	return w->slots - w->nspare;
}

/* ---- start ---- */

/* false: the outcome is outstanding. */
static bool
settle(struct carrier *w)
{
	struct spawn_result res = { 0 };

	if (w->job == NULL)
		return true;
	spawn_poll(w->job, &res);
	if (res.state == SPAWN_PENDING)
		return false;
	if (res.state == SPAWN_STARTED)
		spawn_set_oom(w->job, w->pid);
	spawn_give(w->pool->spawner, w->job);
	w->job = NULL;
	return true;
}

static void
kill_it(struct carrier *w)
{
	w->useless = true;
	loop_remove(w->link);
	w->link = NULL;
	syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
}

/* Its start is held, or it was stopped. */
static void
answer_due(void *arg)
{
	struct carrier *w = arg;
	struct loop *loop = w->pool->loop;

	if (++w->silent < ANSWERS)
		loop_arm(loop, &w->answer, loop_now(loop) + ANSWER_NS, answer_due, w);
	else
		kill_it(w);
}

static void
watch_answer(struct carrier *w)
{
	struct loop *loop = w->pool->loop;

	w->silent = 0;
	if (w->unanswered == 0)
		loop_disarm(&w->answer);
	else
		loop_arm(loop, &w->answer, loop_now(loop) + ANSWER_NS, answer_due, w);
}

/* A half-made one, at the end of berthd, still reads its plan. */
static void
carrier_free(struct carrier *w)
{
	loop_remove(w->link);
	loop_remove(w->life);
	loop_disarm(&w->timer);
	loop_disarm(&w->again);
	loop_disarm(&w->answer);
	fd_close(&w->fd);
	fd_close(&w->news);
	fd_close(&w->pidfd);
	free(w->slot);
	free(w->spare);
	if (!settle(w))
		return;
	for (size_t i = 0; w->argv != NULL && w->argv[i] != NULL; i++)
		free(w->argv[i]);
	free(w->argv);
	spec_release(w->version);
	free(w);
}

static void
make_arguments(struct carrier *w)
{
	const struct service *s = w->version;
	char ms[24];

	snprintf(ms, sizeof(ms), "%lld", (long long)((s->relay.connect_timeout_ns + MS - 1) / MS));
	w->argv = xcalloc(s->relay.count + 3, sizeof(*w->argv));
	w->argv[0] = xstrdup("berth-relay");
	w->argv[1] = xstrdup(ms);
	for (size_t i = 0; i < s->relay.count; i++)
		w->argv[i + 2] = xstrdup(s->relay.to[i]);
}

/* `process` is for one handler; many connections need more descriptors and CPU than one. */
static void
drop_limits(struct launch *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nrlimits; i++)
		if (l->rlimits[i].resource != RLIMIT_NOFILE && l->rlimits[i].resource != RLIMIT_CPU)
			l->rlimits[n++] = l->rlimits[i];
	l->nrlimits = n;
}

/* The outcome of a start is outstanding: berthd was held up by it, and is not again. */
static bool
is_held_up(const struct pool_service *ps)
{
	const struct carrier *w;

	LIST_FOREACH(w, &ps->carriers, next)
		if (w->job != NULL)
			return true;
	return ps->held > 0;
}

static void
spawn(struct carrier *w, const struct child *c, int theirs, struct spawn_result *out)
{
	struct launch_connection lc = { .local = &c->local, .program = carry_program(), .sockets = 1 };
	struct spawner *sp = w->pool->spawner;

	make_arguments(w);
	lc.arguments = w->argv;
	launch_build(spawn_launch(w->job), &w->pool->daemon, w->version, &lc);
	drop_limits(spawn_launch(w->job));
	spawn_start(sp, w->job, &theirs, 1, -1, -1, is_held_up(c->service) ? 0 : WAIT_NS, out);
	w->pid = out->pid;
	w->pidfd = out->pidfd;
	if (out->state != SPAWN_PENDING) {
		spawn_give(sp, w->job);
		w->job = NULL;
	}
}

static bool
watch_it(struct carrier *w)
{
	struct loop *loop = w->pool->loop;

	w->link = loop_add(loop, w->news, EPOLLIN, carrier_ready, w);
	w->life = loop_add(loop, w->pidfd, EPOLLIN, life_ready, w);
	return w->link != NULL && w->life != NULL;
}

static struct carrier *
carrier_new(const struct child *c)
{
	struct carrier *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->pool = c->service->pool;
	w->service = c->service;
	w->version = spec_hold(c->version);
	w->fd = w->news = w->pidfd = -1;
	w->started_ns = loop_now(w->pool->loop);
	TAILQ_INIT(&w->unsent);
	return w;
}

static bool send_order(struct carrier *w, const struct relay_order *o, int fd);

/*
 * Nothing is ever read from the socket: whoever is at the other end could send descriptors, and the close(2) of one
 * blocks for as long as its SO_LINGER says.
 */
static bool
make_link(struct carrier *w, int *theirs)
{
	const struct relay_order o = { .kind = RELAY_NEWS };
	int pair[2], pipe[2];
	bool done;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	w->fd = fd_high(pair[0]);
	*theirs = fd_high(pair[1]);
	if (w->fd < 0 || *theirs < 0 || pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	w->news = fd_high(pipe[0]);
	pipe[1] = fd_high(pipe[1]);
	done = w->news >= 0 && pipe[1] >= 0 && shutdown(w->fd, SHUT_RD) == 0 &&
	    send_order(w, &o, pipe[1]);
	fd_close(&pipe[1]);
	return done;
}

static void leave(struct carrier *w);
static void life_due(void *arg);

static struct carrier *
start(struct child *c, struct spawn_result *out)
{
	struct carrier *w = carrier_new(c);
	struct loop *loop = c->service->pool->loop;
	int theirs = -1;

	*out = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_PIPE, .pidfd = -1 };
	if (w == NULL || !make_link(w, &theirs) ||
	    (w->job = spawn_take(w->pool->spawner)) == NULL)
		out->error = errno;
	else
		spawn(w, c, theirs, out);
	fd_close(&theirs);
	if (w == NULL || w->pid == 0) {
		if (w != NULL)
			carrier_free(w);
		return NULL;
	}
	LIST_INSERT_HEAD(&c->service->carriers, w, next);
	if (!watch_it(w)) {
		*out = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_PIPE,
			.error = errno };
		kill_it(w);
		loop_arm(loop, &w->timer, loop_now(loop) + AGAIN_NS, life_due, w);
	}
	if (out->state != SPAWN_FAILED)
		return w;
	out->pid = 0;
	leave(w);
	return NULL;
}

struct carrier *
carrier_choose(struct child *c, struct spawn_result *out)
{
	struct carrier *w, *best = NULL, *more;
	long most = sysconf(_SC_NPROCESSORS_ONLN);
	long count = 0, held = 0;

	LIST_FOREACH(w, &c->service->carriers, next) {
		held += w->life == NULL;
		if (w->version != c->version || w->useless)
			continue;
		count++;
		if (best == NULL || active(w) < active(best))
			best = w;
	}
	*out = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_CLONE,
		.error = EBUSY, .pidfd = -1 };
	if (held < HELD_MOST &&
	    (best == NULL || (active(best) >= MANY && count < most && count < MOST)))
		if ((more = start(c, out)) != NULL)
			best = more;
	if (best != NULL)
		*out = (struct spawn_result){ .state = SPAWN_STARTED, .pid = best->pid, .pidfd = -1 };
	return best;
}

/* ---- end ---- */

/* It ends by itself when its link does and it has no connections any more. */
static void
leave(struct carrier *w)
{
	LIST_REMOVE(w, next);
	LIST_INSERT_HEAD(&leaving, w, next);
	w->service = NULL;
	loop_remove(w->link);
	w->link = NULL;
	loop_disarm(&w->again);
	fd_close(&w->fd);
	fd_close(&w->news);
}

static void
idle_due(void *arg)
{
	struct carrier *w = arg;

	if (w->service != NULL && active(w) == 0)
		leave(w);
}

static void
watch_idle(struct carrier *w)
{
	struct loop *loop = w->pool->loop;
	bool current = w->service != NULL && w->service->service == w->version;

	if (w->service != NULL && w->job == NULL && !w->useless && active(w) == 0)
		loop_arm(loop, &w->timer, loop_now(loop) + (current ? IDLE_NS : 0), idle_due, w);
}

void
carrier_fit(struct pool_service *ps)
{
	struct carrier *w;

	LIST_FOREACH(w, &ps->carriers, next)
		watch_idle(w);
}

void
carrier_free_all(struct pool_service *ps)
{
	struct carrier *w;

	while ((w = LIST_FIRST(&ps->carriers)) != NULL)
		leave(w);
}

void
carrier_fini(void)
{
	struct carrier *w;

	while ((w = LIST_FIRST(&leaving)) != NULL) {
		LIST_REMOVE(w, next);
		carrier_free(w);
	}
}

/* ---- orders ---- */

static bool
take_slot(struct carrier *w, struct carry *x)
{
	if (w->nspare == 0) {
		size_t n = w->slots * 2 + 16;
		struct carry **slot = reallocarray(w->slot, n, sizeof(*slot));
		uint32_t *spare = reallocarray(w->spare, n, sizeof(*spare));

		w->slot = slot != NULL ? slot : w->slot;
		w->spare = spare != NULL ? spare : w->spare;
		if (slot == NULL || spare == NULL)
			return false;
		memset(w->slot + w->slots, 0, (n - w->slots) * sizeof(*w->slot));
		for (; w->slots < n; w->slots++)
			w->spare[w->nspare++] = (uint32_t)w->slots;
	}
	x->order->slot = x->slot = w->spare[--w->nspare];
	w->slot[x->slot] = x;
	return true;
}

static bool
send_order(struct carrier *w, const struct relay_order *o, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)o, .iov_len = sizeof(*o) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *h;

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(int));
	}
	return sendmsg(w->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(*o);
}

static bool
send_carry(struct carrier *w, struct carry *x)
{
	struct relay_order drop = { .slot = x->slot, .kind = RELAY_DROP };

	if (x->take && !send_order(w, x->order, x->child->kept))
		return false;
	x->take = false;
	if (x->drop && !send_order(w, &drop, -1))
		return false;
	x->drop = false;
	return true;
}

static void
dequeue(struct carrier *w, struct carry *x)
{
	if (x->queued)
		TAILQ_REMOVE(&w->unsent, x, next);
	x->queued = false;
}

static void send_all(struct carrier *w);

static void
again_due(void *arg)
{
	send_all(arg);
}

/* The link is full, or too many descriptors are on their way (unix(7), ETOOMANYREFS); each event is another occasion. */
static void
send_all(struct carrier *w)
{
	struct loop *loop = w->pool->loop;
	struct carry *x;

	if (w->useless)
		return;
	while ((x = TAILQ_FIRST(&w->unsent)) != NULL && send_carry(w, x))
		dequeue(w, x);
	if (x != NULL && !loop_armed(&w->again))
		loop_arm(loop, &w->again, loop_now(loop) + AGAIN_NS, again_due, w);
}

static void
enqueue(struct carrier *w, struct carry *x)
{
	bool first = TAILQ_EMPTY(&w->unsent);

	if (!x->queued)
		TAILQ_INSERT_TAIL(&w->unsent, x, next);
	x->queued = true;
	if (first)
		send_all(w);
}

bool
carrier_give(struct carrier *w, struct carry *x)
{
	if (!take_slot(w, x))
		return false;
	loop_disarm(&w->timer);
	if (w->unanswered++ == 0)
		watch_answer(w);
	x->carrier = w;
	x->take = true;
	enqueue(w, x);
	return true;
}

void
carrier_drop(struct carry *x)
{
	if (x->carrier == NULL)
		return;
	if (x->dropped) {
		kill_it(x->carrier);
		return;
	}
	x->dropped = x->drop = true;
	enqueue(x->carrier, x);
}

void
carrier_forget(struct carry *x)
{
	struct carrier *w = x->carrier;

	if (w == NULL)
		return;
	dequeue(w, x);
	w->slot[x->slot] = NULL;
	w->spare[w->nspare++] = x->slot;
	x->carrier = NULL;
	if (!x->taken) {
		w->unanswered--;
		watch_answer(w);
	}
	watch_idle(w);
}

/* ---- events ---- */

/* What it has used since the last of its connections ended is this one's. */
static void
charge(struct carrier *w, uint64_t user_us, uint64_t system_us, struct rusage *used)
{
	uint64_t user = user_us > w->user_us ? user_us - w->user_us : 0;
	uint64_t system = system_us > w->system_us ? system_us - w->system_us : 0;

	used->ru_utime = (struct timeval){ (time_t)(user / 1000000), (long)(user % 1000000) };
	used->ru_stime = (struct timeval){ (time_t)(system / 1000000), (long)(system % 1000000) };
	w->user_us += user;
	w->system_us += system;
}

/* One thread cannot use more time than there was, nor carry 100 bytes in each ns. */
static bool
is_credible(const struct carrier *w, const struct relay_event *e)
{
	uint64_t ns = (uint64_t)(loop_now(w->pool->loop) - w->started_ns + 1000 * MS);

	return e->user_us <= ns / 1000 && e->system_us <= ns / 1000 && e->received / 100 <= ns &&
	    e->sent / 100 <= ns;
}

/* false: no process of ours says that. */
static bool
take_event(struct carrier *w, const struct relay_event *e)
{
	struct carry *x = e->slot < w->slots ? w->slot[e->slot] : NULL;
	struct rusage used = { .ru_maxrss = e->max_rss_kib };

	if (x == NULL || x->take || (e->kind == RELAY_TAKEN && x->taken) || !is_credible(w, e))
		return false;
	if (e->kind == RELAY_TAKEN) {
		w->unanswered--;
		watch_answer(w);
	}
	if (e->kind != RELAY_ENDED)
		return carry_event(x, e);
	charge(w, e->user_us, e->system_us, &used);
	carry_ended(x, e, &used);
	return true;
}

/* false: there is nothing more to be heard now. */
static bool
hear(struct carrier *w)
{
	static struct relay_event e[RELAY_EVENTS];
	ssize_t n = read(w->news, e, sizeof(e));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0 || (size_t)n % sizeof(e[0]) != 0) {
		kill_it(w);
		return false;
	}
	for (size_t i = 0; i < (size_t)n / sizeof(e[0]); i++)
		if (!take_event(w, &e[i])) {
			kill_it(w);
			return false;
		}
	return true;
}

/* What it had said.  Its end may be in other hands too, and more come. */
static void
hear_rest(struct carrier *w)
{
	int left = 0;

	if (w->news >= 0)
		ioctl(w->news, FIONREAD, &left);
	for (; left > 0 && hear(w); left -= (int)(RELAY_EVENTS * sizeof(struct relay_event)))
		;
}

static void
carrier_ready(void *arg, uint32_t events)
{
	struct carrier *w = arg;

	(void)events;
	settle(w);
	for (int i = 0; i < PACKETS && !w->useless && hear(w); i++)
		;
	send_all(w);
}

/* ---- death ---- */

static void
log_death(const struct carrier *w, const siginfo_t *si, uint32_t lost)
{
	char how[64];

	if (si->si_code == CLD_EXITED)
		snprintf(how, sizeof(how), "exited with status %d", si->si_status);
	else
		snprintf(how, sizeof(how), "was ended by signal %d", si->si_status);
	log_message(RECORD_WARNING, "warning", "%s: its relay process %d %s: %u connections are lost",
	    w->version->name, (int)w->pid, how, lost);
}

/* One that dies within a second of its start would do so again and again. */
static void
note_death(struct carrier *w, const siginfo_t *si)
{
	int64_t lived = loop_now(w->pool->loop) - w->started_ns;
	struct source nobody = { 0 };
	uint32_t lost = 0;

	for (size_t i = 0; i < w->slots; i++)
		lost += w->slot[i] != NULL && w->slot[i]->taken;
	log_death(w, si, lost);
	if (lived < THROTTLE_LIVED_NS && !w->pool->draining)
		pool_note_end(w->service, THROTTLE_NOT_STARTED, 0, 0, &nobody,
		    "its relay process died");
}

/* What it had taken is lost; what it had not is given to another. */
static void
lose_all(struct carrier *w, const siginfo_t *si, struct rusage *used)
{
	uint64_t user = (uint64_t)used->ru_utime.tv_sec * 1000000 + (uint64_t)used->ru_utime.tv_usec;
	uint64_t system = (uint64_t)used->ru_stime.tv_sec * 1000000 +
	    (uint64_t)used->ru_stime.tv_usec;
	struct carry *x;

	if (w->service != NULL && w->life != NULL)
		note_death(w, si);
	w->useless = true;
	loop_remove(w->link);
	w->link = NULL;
	charge(w, user, system, used);
	for (size_t i = 0; i < w->slots; i++) {
		if ((x = w->slot[i]) == NULL)
			continue;
		carrier_forget(x);
		if (x->taken || x->dropped || ++x->tries == TRIES)
			carry_lost(x, si, used);
		else
			carry_again(x);
		*used = (struct rusage){ 0 };
	}
}

/*
 * The pidfd is ready, but there is nothing to wait for: a tracer of its user holds the zombie (ptrace(2)).  It carries
 * nothing any more, and is asked for by a timer: the pidfd would be ready all the time.
 */
static void
not_yet(struct carrier *w)
{
	struct loop *loop = w->pool->loop;

	loop_remove(w->life);
	w->life = NULL;
	loop_disarm(&w->again);
	fd_close(&w->fd);
	fd_close(&w->news);
	loop_arm(loop, &w->timer, loop_now(loop) + REAP_AGAIN_NS, life_due, w);
}

static void
life_due(void *arg)
{
	struct carrier *w = arg;
	struct rusage used = { 0 };
	siginfo_t si = { 0 };
	bool held;

	/* what it used is told by the system call alone (waitid(2)) */
	held = syscall(SYS_waitid, P_PIDFD, w->pidfd, &si, WEXITED | WNOHANG | __WALL, &used) == 0 &&
	    si.si_pid == 0;
	if (si.si_pid == 0)
		si = (siginfo_t){ .si_code = CLD_KILLED, .si_status = SIGKILL };
	hear_rest(w);
	settle(w);
	lose_all(w, &si, &used);
	if (held) {
		not_yet(w);
		return;
	}
	LIST_REMOVE(w, next);
	carrier_free(w);
}

static void
life_ready(void *arg, uint32_t events)
{
	(void)events;
	life_due(arg);
}
