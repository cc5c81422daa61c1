#include "onlooker.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "procs.h"

#define IDLE_NS 1000000000LL
#define ANSWER_MS 100		/* a look takes less than 10 ms */
#define ANSWER_TRIES 10		/* as long as it was only not given a processor */
#define OTHERS_MAX 64
#define PRIORITY -5

struct question {
	uint64_t number;
	pid_t leader, others[OTHERS_MAX];
	size_t n;
	uint64_t socket;
	bool any;
};

struct answer {
	uint64_t number;
	enum waiting waiting;
	struct waiting_report report;
};

/* A child that was let go, until it can be reaped. */
struct leaving {
	LIST_ENTRY(leaving) next;
	int pidfd;
	struct loop_source *source;
};

struct onlooker {
	struct loop *loop;
	int fd;				/* -1: there is no child */
	pid_t pid;
	uint64_t number;
	bool keep, direct;
	struct loop_timer idle;
	LIST_HEAD(, leaving) leaving;
};

struct onlooker *
onlooker_new(struct loop *loop)
{
	struct onlooker *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->loop = loop;
	o->fd = -1;
	o->direct = geteuid() != 0;
	return o;
}

/* ---- the child ---- */

static void __attribute__((noreturn))
look_on(int fd, pid_t parent)
{
	struct question q;
	struct answer a;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "berthd-look", 0, 0, 0);
	setpriority(PRIO_PROCESS, 0, PRIORITY);
	if (getppid() != parent || dup2(fd, 3) < 0)
		_exit(1);
	closefrom(4);
	while (recv(3, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		a = (struct answer){ .number = q.number };
		a.waiting = waiting_look(q.leader, q.others, q.n, q.socket, q.any, &a.report);
		if (send(3, &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a))
			break;
	}
	_exit(0);
}

/* ---- berthd ---- */

/* What is not dead yet goes to whoever reaps for berthd. */
static void
left(void *arg, uint32_t events)
{
	struct leaving *x = arg;
	siginfo_t si;

	(void)events;
	waitid(P_PIDFD, (id_t)x->pidfd, &si, WEXITED | WNOHANG);
	LIST_REMOVE(x, next);
	loop_remove(x->source);
	close(x->pidfd);
	free(x);
}

/*
 * Let the child go: it ends at the end of file, or by the signal.  Where it cannot be watched it is reaped at once, or not at all: one
 * zombie, until berthd ends.
 */
static void
let_go(struct onlooker *o, bool by_force)
{
	struct leaving *x = calloc(1, sizeof(*x));
	int pidfd;

	loop_disarm(&o->idle);
	fd_close(&o->fd);
	if (by_force)
		kill(o->pid, SIGKILL);
	pidfd = fd_high((int)syscall(SYS_pidfd_open, o->pid, 0));
	if (x != NULL && pidfd >= 0) {
		*x = (struct leaving){ .pidfd = pidfd };
		x->source = loop_add(o->loop, pidfd, EPOLLIN, left, x);
		if (x->source != NULL) {
			LIST_INSERT_HEAD(&o->leaving, x, next);
			return;
		}
	}
	fd_close(&pidfd);
	free(x);
	waitpid(o->pid, NULL, WNOHANG);
}

void
onlooker_free(struct onlooker *o)
{
	struct leaving *x;

	if (o == NULL)
		return;
	if (o->fd >= 0)
		let_go(o, true);
	while ((x = LIST_FIRST(&o->leaving)) != NULL)
		left(x, 0);
	free(o);
}

static void
idle_due(void *arg)
{
	let_go(arg, false);
}

static bool
begin(struct onlooker *o)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	o->pid = fork();
	if (o->pid == 0)
		look_on(pair[1], parent);
	close(pair[1]);
	if (o->pid < 0) {
		close(pair[0]);
		return false;
	}
	o->fd = fd_high(pair[0]);
	if (o->fd >= 0)
		return true;
	kill(o->pid, SIGKILL);
	waitpid(o->pid, NULL, 0);
	return false;
}

void
onlooker_keep(struct onlooker *o, bool keep)
{
	o->keep = keep && !o->direct;
	if (o->direct)
		return;
	if (keep && o->fd < 0)
		begin(o);
	if (keep)
		loop_disarm(&o->idle);
	else if (o->fd >= 0)
		loop_arm(o->loop, &o->idle, loop_now(o->loop) + IDLE_NS, idle_due, o);
}

/* Has it not been given a processor?  Then it is not stuck. */
static bool
is_runnable(pid_t pid)
{
	struct procs_entry e;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return procs_stat(AT_FDCWD, path, &e) == 0 && e.state == 'R';
}

enum awaited { ANSWERED, LOST, STUCK };

/* LOST: the child has ended (killed, for want of memory perhaps). */
static enum awaited
ask(struct onlooker *o, const struct question *q, struct answer *a)
{
	struct pollfd p = { .fd = o->fd, .events = POLLIN };

	if (send(o->fd, q, sizeof(*q), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(*q))
		return LOST;
	for (int i = 0; i < ANSWER_TRIES; i++) {
		if (poll(&p, 1, ANSWER_MS) > 0)
			return recv(o->fd, a, sizeof(*a), MSG_DONTWAIT) == (ssize_t)sizeof(*a) &&
			    a->number == q->number ? ANSWERED : LOST;
		if (!is_runnable(o->pid))
			break;
	}
	return STUCK;
}

static enum waiting
cannot(struct waiting_report *r, const char *why)
{
	*r = (struct waiting_report){ .fd = -1 };
	snprintf(r->why, sizeof(r->why), "%s", why);
	return WAITING_UNKNOWN;
}

enum waiting
onlooker_look(struct onlooker *o, pid_t leader, const pid_t *others, size_t n, uint64_t socket,
    bool any, struct waiting_report *r, bool *stuck)
{
	struct question q = { .number = ++o->number, .leader = leader, .n = n, .socket = socket,
		.any = any };
	enum awaited awaited = LOST;
	struct answer a;

	*stuck = false;
	if (o->direct)
		return waiting_look(leader, others, n, socket, any, r);
	if (n > OTHERS_MAX)
		return cannot(r, "its session is too large");
	if (n > 0)
		memcpy(q.others, others, n * sizeof(*others));
	for (int i = 0; i < 2; i++) {
		if (o->fd < 0 && !begin(o))
			return cannot(r, "no process to look with");
		if (!o->keep)
			loop_arm(o->loop, &o->idle, loop_now(o->loop) + IDLE_NS, idle_due, o);
		awaited = ask(o, &q, &a);
		if (awaited == ANSWERED) {
			*r = a.report;
			return a.waiting;
		}
		let_go(o, true);
		if (awaited == STUCK)
			break;
	}
	*stuck = awaited == STUCK;
	if (o->keep)
		begin(o);
	return cannot(r, *stuck ? "looking at it takes too long" : "the process to look with ends");
}
