#include "identity.h"

#include <sys/queue.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

#define GROUPS_MAX 65536

static void
failed(struct lookup *e, const char *what, int error)
{
	e->state = LOOKUP_FAILED;
	snprintf(e->error, sizeof(e->error), "%s: %s", what, strerror(error));
}

/*
 * getpwnam(3) says "not found" with errno 0, ENOENT, ESRCH, EBADF or EPERM, depending on the
 * module; anything else is a failure of the name service.
 */
static bool
means_absent(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

static char *
copy(const char *s, const char *otherwise)
{
	char *c = strdup(s != NULL && s[0] != '\0' ? s : otherwise);

	assert(c != NULL);
	return c;
}

static void
user_groups(struct lookup *e, const struct passwd *pw)
{
	int n = 64;

	for (;;) {
		gid_t *g = reallocarray(e->groups, (size_t)n, sizeof(*g));
		int had = n;

		assert(g != NULL);
		e->groups = g;
		if (getgrouplist(pw->pw_name, pw->pw_gid, g, &n) >= 0)
			break;
		if (n <= had)
			n = had * 2;
		if (n > GROUPS_MAX) {
			failed(e, "getgrouplist", E2BIG);
			return;
		}
	}
	e->ngroups = (size_t)n;
}

static void
answer_user(struct lookup *e)
{
	struct passwd *pw;
	char number[16];

	errno = 0;
	pw = e->numeric ? getpwuid(e->id) : getpwnam(e->name);
	if (pw != NULL) {
		e->state = LOOKUP_FOUND;
		e->uid = pw->pw_uid;
		e->gid = pw->pw_gid;
		e->user = copy(pw->pw_name, "nobody");
		e->home = copy(pw->pw_dir, "/");
		e->shell = copy(pw->pw_shell, "/bin/sh");
		user_groups(e, pw);
	} else if (!means_absent(errno)) {
		failed(e, e->numeric ? "getpwuid" : "getpwnam", errno);
	} else if (e->numeric) {
		snprintf(number, sizeof(number), "%u", (unsigned)e->id);
		e->state = LOOKUP_FOUND;
		e->uid = e->id;
		e->gid = e->id;
		e->user = copy(number, "");
		e->home = copy("/", "");
		e->shell = copy("/bin/sh", "");
	} else {
		e->state = LOOKUP_ABSENT;
	}
}

static void
answer_group(struct lookup *e)
{
	struct group *gr;

	if (e->numeric) {
		e->state = LOOKUP_FOUND;
		e->gid = e->id;
		return;
	}
	errno = 0;
	gr = getgrnam(e->name);
	if (gr != NULL) {
		e->state = LOOKUP_FOUND;
		e->gid = gr->gr_gid;
	} else if (!means_absent(errno)) {
		failed(e, "getgrnam", errno);
	} else {
		e->state = LOOKUP_ABSENT;
	}
}

static void
answer_port(struct lookup *e)
{
	char name[80], *slash;
	struct servent *se;

	snprintf(name, sizeof(name), "%s", e->name);
	slash = strchr(name, '/');
	if (slash != NULL)
		*slash++ = '\0';
	se = getservbyname(name, slash);
	e->state = se != NULL ? LOOKUP_FOUND : LOOKUP_ABSENT;
	if (se != NULL)
		e->port = ntohs((uint16_t)se->s_port);
}

/* Not a name, but a file that may be on a file system that hangs as well. */
static void
answer_program(struct lookup *e)
{
	struct stat st;

	if (stat(e->name, &st) < 0) {
		e->state = LOOKUP_ABSENT;
		snprintf(e->error, sizeof(e->error), "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
		e->state = LOOKUP_ABSENT;
		snprintf(e->error, sizeof(e->error), "is not an executable file");
	} else {
		e->state = LOOKUP_FOUND;
	}
}

static void
answer(struct lookup *e)
{
	switch (e->kind) {
	case LOOKUP_USER:
		answer_user(e);
		break;
	case LOOKUP_GROUP:
		answer_group(e);
		break;
	case LOOKUP_PORT:
		answer_port(e);
		break;
	case LOOKUP_PROGRAM:
		answer_program(e);
		break;
	}
}

void
identity_answer(struct lookup_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entry[i].state == LOOKUP_OPEN)
			answer(&t->entry[i]);
}

/* ---- the child's answers on their way through the pipe ---- */

struct answer_head {		/* followed by the groups, then the texts, each with its NUL */
	uint32_t index, state, uid, gid, ngroups, port, text_len;
	char error[128];
};

static void
send_answer(int fd, uint32_t index, const struct lookup *e)
{
	struct answer_head h = { .index = index, .state = e->state, .uid = e->uid, .gid = e->gid,
		.ngroups = (uint32_t)e->ngroups, .port = e->port };
	const char *text[3] = { e->user, e->home, e->shell };

	memcpy(h.error, e->error, sizeof(h.error));
	for (int i = 0; i < 3; i++)
		h.text_len += text[i] != NULL ? (uint32_t)strlen(text[i]) + 1 : 1;
	if (!fd_write_all(fd, &h, sizeof(h)) ||
	    !fd_write_all(fd, e->groups, e->ngroups * sizeof(gid_t)))
		_exit(1);
	for (int i = 0; i < 3; i++)
		if (!fd_write_all(fd, text[i] != NULL ? text[i] : "", text[i] ? strlen(text[i]) + 1 : 1))
			_exit(1);
}

static void
child_answers(struct lookup_table *t, int fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(fd, FD_SLOT_SOCKET);
	/* no copy of a listener may outlive berthd here */
	if (syscall(SYS_close_range, FD_SLOT_STDERR, ~0U, 0) < 0)
		for (int i = FD_SLOT_STDERR; i < 65536; i++)
			close(i);
	for (size_t i = 0; i < t->count; i++) {
		if (t->entry[i].state != LOOKUP_OPEN)
			continue;
		answer(&t->entry[i]);
		send_answer(FD_SLOT_SOCKET, (uint32_t)i, &t->entry[i]);
	}
	_exit(0);
}

struct identity_query {
	struct loop *loop;
	struct lookup_table *table;
	identity_done *done;
	void *arg;
	pid_t pid;
	int fd;
	struct loop_source *source;
	struct loop_timer timer;
	int64_t wait_ns;
	char *buf;		/* owned: bytes not yet understood */
	size_t len, room;
};

/* One whole answer at p?  Its length, or 0 when more must come. */
static size_t
answer_size(const char *p, size_t len)
{
	struct answer_head h;
	size_t n;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	n = sizeof(h) + (size_t)h.ngroups * sizeof(gid_t) + h.text_len;
	return n <= len ? n : 0;
}

static void
take_answer(struct lookup_table *t, const char *p)
{
	struct answer_head h;
	struct lookup *e;
	const char *text;

	memcpy(&h, p, sizeof(h));
	assert(h.index < t->count && h.ngroups <= GROUPS_MAX);
	e = &t->entry[h.index];
	assert(e->state == LOOKUP_OPEN);
	e->state = (enum lookup_state)h.state;
	e->uid = h.uid;
	e->gid = h.gid;
	e->port = (uint16_t)h.port;
	memcpy(e->error, h.error, sizeof(e->error));
	if ((e->ngroups = h.ngroups) > 0) {
		e->groups = reallocarray(NULL, h.ngroups, sizeof(gid_t));
		assert(e->groups != NULL);
		memcpy(e->groups, p + sizeof(h), h.ngroups * sizeof(gid_t));
	}
	if (e->kind != LOOKUP_USER || e->state != LOOKUP_FOUND)
		return;
	text = p + sizeof(h) + h.ngroups * sizeof(gid_t);
	e->user = copy(text, "");
	text += strlen(text) + 1;
	e->home = copy(text, "/");
	text += strlen(text) + 1;
	e->shell = copy(text, "/bin/sh");
}

static bool start_child(struct identity_query *q);

/* Killed, and not reaped yet. */
static LIST_HEAD(, corpse) corpses = LIST_HEAD_INITIALIZER(corpses);

struct corpse {
	LIST_ENTRY(corpse) next;
	pid_t pid;
	int pidfd;
	struct loop_source *source;
};

static void
corpse_ready(void *arg, uint32_t events)
{
	struct corpse *c = arg;

	(void)events;
	waitpid(c->pid, NULL, WNOHANG);
	loop_remove(c->source);
	LIST_REMOVE(c, next);
	fd_close(&c->pidfd);
	free(c);
}

/*
 * Killed, but on a hung file system not yet dead: reaped when its pidfd says so, as waiting here would
 * be the very hang that the child is for.
 */
static void
end_child(struct identity_query *q)
{
	struct corpse *c;

	loop_disarm(&q->timer);
	loop_remove(q->source);
	q->source = NULL;
	fd_close(&q->fd);
	q->len = 0;
	if (q->pid == 0)
		return;
	kill(q->pid, SIGKILL);
	if (waitpid(q->pid, NULL, WNOHANG) == 0 && (c = calloc(1, sizeof(*c))) != NULL) {
		c->pid = q->pid;
		c->pidfd = fd_high((int)syscall(SYS_pidfd_open, q->pid, 0));
		if (c->pidfd < 0 ||
		    (c->source = loop_add(q->loop, c->pidfd, EPOLLIN, corpse_ready, c)) == NULL) {
			fd_close(&c->pidfd);
			free(c);
		} else {
			LIST_INSERT_HEAD(&corpses, c, next);
		}
	}
	q->pid = 0;
}

void
identity_cancel(struct identity_query *q)
{
	if (q == NULL)
		return;
	end_child(q);
	free(q->buf);
	free(q);
}

static struct lookup *
first_open(struct lookup_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entry[i].state == LOOKUP_OPEN)
			return &t->entry[i];
	return NULL;
}

static void
fail_entry(struct lookup *e, const char *why)
{
	e->state = LOOKUP_FAILED;
	snprintf(e->error, sizeof(e->error), "%s", why);
}

/* The child has ended or was too slow: give up the name that it was at, and go on with the rest. */
static void
go_on(struct identity_query *q, const char *why)
{
	identity_done *done = q->done;
	struct lookup *at = first_open(q->table);
	void *arg = q->arg;

	end_child(q);
	if (at != NULL)
		fail_entry(at, why);
	q->wait_ns = IDENTITY_NEXT_NS;
	if (first_open(q->table) != NULL && start_child(q))
		return;
	while ((at = first_open(q->table)) != NULL)
		fail_entry(at, "no process for look-ups");
	identity_cancel(q);
	done(arg);
}

/* Take what has come.  Returns the number of answers, or -1 at the end of the stream. */
static int
take_answers(struct identity_query *q)
{
	size_t used = 0, n;
	ssize_t got;
	int taken = 0;

	if (q->room - q->len < 65536) {
		q->room = q->len + 131072;
		q->buf = realloc(q->buf, q->room);
		assert(q->buf != NULL);
	}
	got = read(q->fd, q->buf + q->len, q->room - q->len);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1;
	q->len += (size_t)got;
	while ((n = answer_size(q->buf + used, q->len - used)) > 0) {
		take_answer(q->table, q->buf + used);
		used += n;
		taken++;
	}
	memmove(q->buf, q->buf + used, q->len - used);
	q->len -= used;
	return taken;
}

static void query_due(void *arg);

/* The time is for one name: each answer starts it anew. */
static void
query_ready(void *arg, uint32_t events)
{
	struct identity_query *q = arg;
	int taken = take_answers(q);

	(void)events;
	if (taken > 0)
		loop_arm(q->loop, &q->timer, loop_now(q->loop) + q->wait_ns, query_due, q);
	else if (taken < 0)
		go_on(q, "the look-up process ended early");
}

static void
query_due(void *arg)
{
	struct identity_query *q = arg;

	/* an answer that nobody has read yet is no hanging name */
	if (take_answers(q) > 0)
		loop_arm(q->loop, &q->timer, loop_now(q->loop) + q->wait_ns, query_due, q);
	else
		go_on(q, "the name service did not answer in time");
}

static bool
start_child(struct identity_query *q)
{
	int fds[2] = { -1, -1 }, saved;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	if ((q->fd = fd_high(fds[0])) < 0 || fcntl(q->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    (q->source = loop_add(q->loop, q->fd, EPOLLIN, query_ready, q)) == NULL ||
	    (q->pid = fork()) < 0) {
		saved = errno;
		loop_remove(q->source);
		q->source = NULL;
		q->pid = 0;
		fd_close(&q->fd);
		fd_close(&fds[1]);
		errno = saved;
		return false;
	}
	if (q->pid == 0)
		child_answers(q->table, fds[1]);
	close(fds[1]);
	loop_arm(q->loop, &q->timer, loop_now(q->loop) + q->wait_ns, query_due, q);
	return true;
}

struct identity_query *
identity_start(struct loop *l, struct lookup_table *t, identity_done *done, void *arg)
{
	struct identity_query *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	*q = (struct identity_query){ .loop = l, .table = t, .done = done, .arg = arg, .fd = -1,
		.wait_ns = IDENTITY_WAIT_NS };
	if (start_child(q))
		return q;
	free(q);
	return NULL;
}
