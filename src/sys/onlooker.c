#include "onlooker.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aide.h"
#include "fd.h"
#include "procs.h"

#define IDLE_NS 1000000000LL
#define ANSWER_MS 50		/* what is asked takes less than 10 ms */
#define ANSWER_TRIES 10		/* as long as it was only not given a processor */
#define SLOW_NS 10000000LL	/* of processor time, for one question */
#define OTHERS_MAX 256		/* processes beside the leaders, in one question */
#define LOST_MAX 4		/* that were let go and do not end: no more are made */
#define PRIORITY -10

enum subject { LOOK, SOCKET, SHUT, HEAD, DROP, DISCONNECT };

struct question {
	uint64_t number;
	enum subject subject;
	size_t count;			/* LOOK, SOCKET */
	union {
		struct {
			struct look {
				pid_t leader;
				size_t first, n;	/* of others */
				uint64_t socket;
				bool any, switches;
			} handler[ONLOOKER_BATCH];
			pid_t others[OTHERS_MAX];
		} look;
		struct onlooker_socket socket[ONLOOKER_BATCH];
		struct sock shared;	/* HEAD, DROP, DISCONNECT: its descriptor comes along */
		struct {
			pid_t pid;
			int fd;
			uint64_t cookie;
			char text[ONLOOKER_TEXT_MAX];
			size_t len;
		} shut;
	};
};

struct answer {
	uint64_t number;
	bool slow;			/* it took long; of several handlers the last one */
	int error;
	struct sock_head head;
	size_t count;			/* of what follows */
	union {
		struct {
			enum waiting waiting;
			struct waiting_report report;
		} look[ONLOOKER_BATCH];
		struct {
			bool slow;
			int error;
			struct sockdiag_tcp tcp;
		} socket[ONLOOKER_BATCH];
	};
};

static size_t
question_bytes(const struct question *q)
{
	switch (q->subject) {
	case LOOK:
		return offsetof(struct question, look) + sizeof(q->look);
	case SOCKET:
		return offsetof(struct question, socket) + q->count * sizeof(q->socket[0]);
	case SHUT:
		return offsetof(struct question, shut) + sizeof(q->shut);
	case HEAD:
	case DROP:
	case DISCONNECT:
		break;
	}
	return offsetof(struct question, shared) + sizeof(q->shared);
}

static size_t
answer_bytes(const struct question *q, const struct answer *a)
{
	size_t each = q->subject == SOCKET ? sizeof(a->socket[0]) : sizeof(a->look[0]);

	return offsetof(struct answer, look) + a->count * each;
}

struct onlooker {
	struct aide aide;
	uint64_t number;
	bool keep, direct;
	struct sockdiag *diag;		/* of its own: direct */
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
	if (o->direct)
		o->diag = sockdiag_new();
	return o;
}

/* ---- what is done, in the child or directly ---- */

static int64_t
processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The handlers, until one takes long. */
static void
do_look(const struct question *q, struct answer *a)
{
	int64_t began = processor_time(), now;

	a->slow = false;
	for (size_t i = 0; i < q->count && !a->slow; i++) {
		const struct look *l = &q->look.handler[i];

		a->look[i].waiting = waiting_look(l->leader, q->look.others + l->first, l->n,
		    l->socket, l->any, l->switches, &a->look[i].report);
		a->count = i + 1;
		now = processor_time();
		a->slow = now - began > SLOW_NS;
		began = now;
	}
}

static int
do_socket(struct sockdiag *d, const struct onlooker_socket *s, struct sockdiag_tcp *tcp)
{
	if (d == NULL)
		return EOPNOTSUPP;
	if (s->is_unix)
		return sockdiag_unix(d, s->inode, s->cookie, &tcp->unread, &tcp->unsent);
	return sockdiag_tcp(d, &s->local, &s->peer, s->device, s->cookie, tcp);
}

static void
do_sockets(struct sockdiag *d, const struct question *q, struct answer *a)
{
	int64_t began = processor_time(), now;

	for (a->count = 0; a->count < q->count; a->count++) {
		a->socket[a->count].tcp = (struct sockdiag_tcp){ 0 };
		a->socket[a->count].error = do_socket(d, &q->socket[a->count], &a->socket[a->count].tcp);
		now = processor_time();
		a->socket[a->count].slow = now - began > SLOW_NS;
		began = now;
	}
}

static int
do_shut(pid_t pid, int number, uint64_t cookie, const char *text, size_t len)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd, error = 0;
	uint64_t its;

	if (pidfd < 0)
		return errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	error = fd < 0 ? errno : 0;
	close(pidfd);
	if (fd < 0)
		return error;
	if (!sockdiag_name(fd, &its, NULL) || its != cookie) {
		close(fd);
		return EBADF;
	}
	if (len > 0)
		send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_RDWR);
	close(fd);
	return 0;
}

static void
do_question(struct sockdiag *d, const struct question *q, struct answer *a)
{
	switch (q->subject) {
	case LOOK:
		do_look(q, a);
		break;
	case SOCKET:
		do_sockets(d, q, a);
		break;
	case SHUT:
		a->error = do_shut(q->shut.pid, q->shut.fd, q->shut.cookie, q->shut.text,
		    q->shut.len);
		break;
	case HEAD:
		sock_head(q->shared.fd, &a->head);
		break;
	case DROP:
		sock_drop(q->shared.fd);
		break;
	case DISCONNECT:
		sock_disconnect(&q->shared);
		break;
	}
}

/* ---- the child ---- */

static bool
is_about_shared(enum subject s)
{
	return s == HEAD || s == DROP || s == DISCONNECT;
}

/* A question, and the descriptor that it may be about. */
static ssize_t
receive(int from, struct question *q)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = q, .iov_len = sizeof(*q) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (n > 0 && is_about_shared(q->subject)) {
		q->shared.fd = -1;
		if (h != NULL && h->cmsg_type == SCM_RIGHTS)
			memcpy(&q->shared.fd, CMSG_DATA(h), sizeof(int));
	}
	return n;
}

static void
look_on(int fd)
{
	struct sockdiag *d = sockdiag_new();
	static struct question q;
	static struct answer a;
	ssize_t n;

	setpriority(PRIO_PROCESS, 0, PRIORITY);
	while ((n = receive(fd, &q)) > 0 && (size_t)n == question_bytes(&q)) {
		int64_t began = processor_time();

		a.number = q.number;
		a.error = 0;
		a.count = 0;
		do_question(d, &q, &a);
		if (is_about_shared(q.subject))
			close(q.shared.fd);
		if (q.subject != LOOK)
			a.slow = processor_time() - began > SLOW_NS;
		n = (ssize_t)answer_bytes(&q, &a);
		if (send(fd, &a, (size_t)n, MSG_NOSIGNAL) != n)
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
	sockdiag_free(o->diag);
	free(o);
}

static void
idle_due(void *arg)
{
	let_go(arg, false);
}

/* One is there; false: it cannot be had. */
static bool
begin(struct onlooker *o)
{
	if (o->aide.fd < 0 && (aide_leaving_count(&o->aide) >= LOST_MAX ||
	    !aide_start(&o->aide, "berthd-look", false, look_on)))
		return false;
	if (!o->keep)
		loop_arm(o->aide.loop, &o->idle, loop_now(o->aide.loop) + IDLE_NS, idle_due, o);
	return true;
}

void
onlooker_keep(struct onlooker *o, bool keep)
{
	o->keep = keep && !o->direct;
	if (o->direct)
		return;
	if (keep && begin(o))
		loop_disarm(&o->idle);
	else if (o->aide.fd >= 0)
		loop_arm(o->aide.loop, &o->idle, loop_now(o->aide.loop) + IDLE_NS, idle_due, o);
}

/* Has it not been given a processor?  Then it is not stuck. */
static bool
is_starved(pid_t pid)
{
	struct procs_entry e;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return procs_stat(AT_FDCWD, path, &e) == 0 && e.state == 'R';
}

enum awaited { ANSWERED, LOST, STUCK };

/* LOST: the child has ended (killed, for want of memory perhaps). */
static enum awaited
await(struct onlooker *o, struct answer *a)
{
	struct pollfd p = { .fd = o->aide.fd, .events = POLLIN };

	for (int i = 0; i < ANSWER_TRIES; i++) {
		/* looked at once more after it was not runnable: it may have answered in between */
		bool starved = i == 0 || is_starved(o->aide.pid);

		if (poll(&p, 1, starved ? ANSWER_MS : 0) > 0)
			return recv(o->aide.fd, a, sizeof(*a), MSG_DONTWAIT) > 0 ? ANSWERED : LOST;
		if (!starved)
			break;
	}
	return STUCK;
}

static bool
ask(struct onlooker *o, struct question *q)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = q, .iov_len = question_bytes(q) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	q->number = ++o->number;
	if (is_about_shared(q->subject)) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &q->shared.fd, sizeof(int));
	}
	return sendmsg(o->aide.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
}

/* One question and its answer; false: there is none. */
static bool
converse(struct onlooker *o, struct question *q, struct answer *a, bool *slow)
{
	enum awaited w = LOST;

	*slow = false;
	if (o->direct) {
		*a = (struct answer){ 0 };
		do_question(o->diag, q, a);
		return true;
	}
	for (int i = 0; i < 2 && w == LOST; i++) {
		if (!begin(o))
			return false;
		w = ask(o, q) ? await(o, a) : LOST;
		if (w != ANSWERED)
			let_go(o, true);
	}
	*slow = w == STUCK || (w == ANSWERED && a->slow);
	if (w != ANSWERED && o->keep)
		begin(o);
	return w == ANSWERED;
}

static void
cannot(struct onlooker_handler *h, const char *why)
{
	h->waiting = WAITING_UNKNOWN;
	h->report = (struct waiting_report){ .fd = -1 };
	snprintf(h->report.why, sizeof(h->report.why), "%s", why);
}

static void
look_directly_at(struct onlooker_handler *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h[i].waiting = waiting_look(h[i].leader, h[i].others, h[i].n, h[i].socket, h[i].any,
		    h[i].switches, &h[i].report);
}

/* As many of them as one question has room for. */
static size_t
put(struct question *q, const struct onlooker_handler *h, size_t n)
{
	size_t others = 0, i;

	q->subject = LOOK;
	for (i = 0; i < n && others + h[i].n <= OTHERS_MAX; i++) {
		q->look.handler[i] = (struct look){ h[i].leader, others, h[i].n, h[i].socket,
			h[i].any, h[i].switches };
		if (h[i].n > 0)
			memcpy(q->look.others + others, h[i].others, h[i].n * sizeof(*h[i].others));
		others += h[i].n;
	}
	return q->count = i;
}

/* How many were looked at. */
static size_t
look_at(struct onlooker *o, struct onlooker_handler *h, size_t n, enum awaited *w)
{
	static struct question q;
	struct answer a;

	put(&q, h, n);
	*w = ask(o, &q) ? await(o, &a) : LOST;
	if (*w != ANSWERED) {
		let_go(o, true);
		return 0;
	}
	for (size_t i = 0; i < a.count; i++) {
		h[i].waiting = a.look[i].waiting;
		h[i].report = a.look[i].report;
		h[i].slow = a.slow && i + 1 == a.count;
	}
	return a.count;
}

/* It got stuck at one of them: which one? */
static size_t
look_one_by_one(struct onlooker *o, struct onlooker_handler *h, size_t n)
{
	size_t done = 0;

	do
		onlooker_handlers(o, &h[done], 1);
	while (!h[done++].slow && done < n);
	return done;
}

size_t
onlooker_handlers(struct onlooker *o, struct onlooker_handler *h, size_t n)
{
	enum awaited w = LOST;
	size_t done = 0;

	h->slow = false;
	if (o->direct) {
		look_directly_at(h, n);
		return n;
	}
	if (h->n > OTHERS_MAX) {
		cannot(h, "its session is too large");
		return 1;
	}
	for (int i = 0; i < 2 && w == LOST && begin(o); i++)
		done = look_at(o, h, n, &w);
	if (w == STUCK && n > 1)
		return look_one_by_one(o, h, n);
	if (w != ANSWERED) {
		h->slow = w == STUCK;
		cannot(h, h->slow ? "looking at it takes too long" : "no process to look with");
		done = 1;
	}
	if (o->keep)
		begin(o);
	return done;
}

int
onlooker_shut(struct onlooker *o, pid_t pid, int fd, uint64_t cookie, const char *text, bool *slow)
{
	static struct question q;
	struct answer a;

	q.subject = SHUT;
	q.shut.pid = pid;
	q.shut.fd = fd;
	q.shut.cookie = cookie;
	q.shut.len = text != NULL ? strnlen(text, sizeof(q.shut.text)) : 0;
	memcpy(q.shut.text, text != NULL ? text : "", q.shut.len);
	return converse(o, &q, &a, slow) ? a.error : ETIMEDOUT;
}

static void
look_directly(struct onlooker *o, struct onlooker_socket *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i].error = do_socket(o->diag, &s[i], &s[i].tcp);
}

/* How the question was answered. */
static enum awaited
ask_sockets(struct onlooker *o, struct onlooker_socket *s, size_t n)
{
	static struct question q;
	struct answer a;
	enum awaited w;

	q.subject = SOCKET;
	q.count = n;
	memcpy(q.socket, s, n * sizeof(*s));
	w = ask(o, &q) ? await(o, &a) : LOST;
	if (w != ANSWERED)
		let_go(o, true);
	for (size_t i = 0; w == ANSWERED && i < n; i++) {
		s[i].error = a.socket[i].error;
		s[i].tcp = a.socket[i].tcp;
		s[i].slow = a.socket[i].slow;
	}
	return w;
}

void
onlooker_sockets(struct onlooker *o, struct onlooker_socket *s, size_t n)
{
	enum awaited w = LOST;

	if (o->direct) {
		look_directly(o, s, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		s[i].error = ETIMEDOUT;
	for (int i = 0; i < 2 && w == LOST && begin(o); i++)
		w = ask_sockets(o, s, n);
	/* it got stuck at one of them: which one? */
	if (w == STUCK && n > 1)
		for (size_t i = 0; i < n; i++)
			onlooker_sockets(o, &s[i], 1);
	else
		s->slow = s->slow || w == STUCK;
	if (o->keep)
		begin(o);
}

/* ---- shared datagram sockets ---- */

static bool
about(struct onlooker *o, enum subject subject, const struct sock *s, struct answer *a)
{
	static struct question q;
	bool slow;

	q.subject = subject;
	q.shared = *s;
	return converse(o, &q, a, &slow);
}

bool
onlooker_head(struct onlooker *o, int fd, struct sock_head *head)
{
	struct sock s = { .fd = fd };
	struct answer a;

	*head = (struct sock_head){ .size = -1 };
	if (!about(o, HEAD, &s, &a))
		return false;
	*head = a.head;
	return true;
}

bool
onlooker_drop(struct onlooker *o, int fd)
{
	struct sock s = { .fd = fd };
	struct answer a;

	return about(o, DROP, &s, &a);
}

bool
onlooker_disconnect(struct onlooker *o, const struct sock *s)
{
	struct answer a;

	return about(o, DISCONNECT, s, &a);
}
