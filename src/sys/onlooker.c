#include "onlooker.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aide.h"
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

struct onlooker {
	struct aide aide;
	uint64_t number;
	bool keep, direct;
	struct loop_timer idle;
};

struct onlooker *
onlooker_new(struct loop *loop)
{
	struct onlooker *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	aide_init(&o->aide, loop);
	o->direct = geteuid() != 0;
	return o;
}

/* ---- the child ---- */

static void
look_on(int fd)
{
	struct question q;
	struct answer a;

	setpriority(PRIO_PROCESS, 0, PRIORITY);
	while (recv(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		a = (struct answer){ .number = q.number };
		a.waiting = waiting_look(q.leader, q.others, q.n, q.socket, q.any, &a.report);
		if (send(fd, &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a))
			break;
	}
}

/* ---- berthd ---- */

static void
let_go(struct onlooker *o, bool by_force)
{
	loop_disarm(&o->idle);
	aide_stop(&o->aide, by_force);
}

void
onlooker_free(struct onlooker *o)
{
	if (o == NULL)
		return;
	let_go(o, true);
	aide_fini(&o->aide);
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
	return aide_start(&o->aide, "berthd-look", false, look_on);
}

void
onlooker_keep(struct onlooker *o, bool keep)
{
	o->keep = keep && !o->direct;
	if (o->direct)
		return;
	if (keep && o->aide.fd < 0)
		begin(o);
	if (keep)
		loop_disarm(&o->idle);
	else if (o->aide.fd >= 0)
		loop_arm(o->aide.loop, &o->idle, loop_now(o->aide.loop) + IDLE_NS, idle_due, o);
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
	struct pollfd p = { .fd = o->aide.fd, .events = POLLIN };

	if (send(o->aide.fd, q, sizeof(*q), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(*q))
		return LOST;
	for (int i = 0; i < ANSWER_TRIES; i++) {
		if (poll(&p, 1, ANSWER_MS) > 0)
			return recv(o->aide.fd, a, sizeof(*a), MSG_DONTWAIT) == (ssize_t)sizeof(*a) &&
			    a->number == q->number ? ANSWERED : LOST;
		if (!is_runnable(o->aide.pid))
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
		if (o->aide.fd < 0 && !begin(o))
			return cannot(r, "no process to look with");
		if (!o->keep)
			loop_arm(o->aide.loop, &o->idle, loop_now(o->aide.loop) + IDLE_NS, idle_due, o);
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
