#include "waiting.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "procs.h"

#define PROCESSES_MAX 64
#define TASKS_MAX 64		/* of the whole session */
#define SET_MAX 64		/* descriptors in one set, */
#define SETS_MAX 256		/* and in all of them */
#define OPEN_MAX_SEEN 1024	/* open descriptors that are searched for the other ends, over the session */

enum kind { KIND_OTHER, KIND_SOCKET, KIND_PIPE };

/* What an open descriptor refers to. */
struct object {
	enum kind kind;
	uint64_t inode;
};

/* A pipe or socket that a task reads: it is fine when another process of the session holds its other end. */
struct end {
	pid_t pid;		/* who reads */
	struct object other;	/* of a pipe: itself */
	bool inside;
};

struct look {
	pid_t leader;
	struct object connection;
	bool any, switches;
	pid_t pid[PROCESSES_MAX]; /* 0: not of the session */
	size_t npid, ntask;
	struct end end[TASKS_MAX];
	size_t nend;
	size_t nset;		/* descriptors in sets */
	unsigned searched;	/* open descriptors */
	struct waiting_report *r;
};

struct task {
	struct look *l;
	pid_t pid, tid;
	int dir;		/* /proc/PID: never another process of that number */
};

struct call {
	long nr;
	uint64_t a[6], sp;
};

/*
 * Every function that returns enum waiting says what it has against the handler: WAITING_FOR_CLIENT is
 * nothing.  r->pid is set as soon as somebody is seen waiting.
 */
__attribute__((format(printf, 4, 5))) static enum waiting
say(struct look *l, enum waiting w, pid_t pid, const char *format, ...)
{
	size_t size = sizeof(l->r->why);
	va_list ap;
	int n = snprintf(l->r->why, size, "pid %d: ", (int)pid);

	va_start(ap, format);
	vsnprintf(l->r->why + n, size - (size_t)n, format, ap);
	va_end(ap);
	return w;
}

/* Something of /proc could not be read, errno says why: one that has ended is no obstacle. */
static enum waiting
unread(struct look *l, pid_t pid, const char *what)
{
	int error = errno;

	if (error == ENOENT || error == ESRCH)
		return WAITING_FOR_CLIENT;
	if (error == EPERM || error == EACCES)
		return say(l, WAITING_FORBIDDEN, pid, "its %s needs CAP_SYS_PTRACE", what);
	return say(l, WAITING_UNKNOWN, pid, "%s: %s", what, strerror(error));
}

/* ---- one task's files in /proc ---- */

static int
task_open(const struct task *t, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%d/%s", (int)t->tid, name);
	return openat(t->dir, path, flags | O_CLOEXEC);
}

/* The text of a file, ended by NUL; its length, or -1 and errno (E2BIG: it does not fit). */
static ssize_t
task_text(const struct task *t, const char *name, char *buf, size_t size)
{
	int fd = task_open(t, name, O_RDONLY), error;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	/* a line is all that there is, and comes at once */
	while ((n = read(fd, buf + len, size - len)) > 0 && (len += (size_t)n) < size)
		if (buf[len - 1] == '\n')
			break;
	error = n < 0 ? errno : len == size ? E2BIG : 0;
	close(fd);
	if (error != 0) {
		errno = error;
		return -1;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

/* What the link `path` of a directory of descriptors says. */
static struct object
object_at(int dir, const char *path)
{
	unsigned long long inode;
	char link[64];
	ssize_t n = readlinkat(dir, path, link, sizeof(link) - 1);

	if (n < 0)
		return (struct object){ KIND_OTHER, 0 };
	link[n] = '\0';
	if (sscanf(link, "socket:[%llu]", &inode) == 1)
		return (struct object){ KIND_SOCKET, inode };
	if (sscanf(link, "pipe:[%llu]", &inode) == 1)
		return (struct object){ KIND_PIPE, inode };
	return (struct object){ KIND_OTHER, 0 };
}

static struct object
task_object(const struct task *t, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%d/fd/%d", (int)t->tid, fd);
	return object_at(t->dir, path);
}

static bool
same(struct object a, struct object b)
{
	return a.kind != KIND_OTHER && a.kind == b.kind && a.inode == b.inode;
}

static bool
is_connection(const struct task *t, int fd)
{
	return same(task_object(t, fd), t->l->connection);
}

static bool
read_at(const struct task *t, const char *name, uint64_t at, void *buf, size_t len)
{
	int fd = task_open(t, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, buf, len, (off_t)at);
	close(fd);
	return n == (ssize_t)len;
}

/*
 * Reading what is not in memory would wait for a file system, and that may be the handler's own (FUSE): so
 * a page must be present, or private and swapped out (Documentation/admin-guide/mm/pagemap.rst).
 */
static bool
read_memory(const struct task *t, uint64_t at, void *buf, size_t len)
{
	const uint64_t present = 1ULL << 63, swapped = 1ULL << 62, shared = 1ULL << 61;
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE), page[2];
	size_t pages;

	if (len == 0 || len > size || at > INT64_MAX - len)
		return false;
	pages = (size_t)((at + len - 1) / size - at / size) + 1;
	if (!read_at(t, "pagemap", at / size * sizeof(page[0]), page, pages * sizeof(page[0])))
		return false;
	for (size_t i = 0; i < pages; i++)
		if ((page[i] & present) == 0 && (page[i] & (swapped | shared)) != swapped)
			return false;
	return read_at(t, "mem", at, buf, len);
}

/*
 * Do its system calls have berthd's numbers?  The auxiliary vector begins with a small number (getauxval(3)) in
 * a word of the program's own size.  Not its executable: opening that waits for the file system on which it lies.
 */
static bool
is_native(const struct task *t)
{
	uint64_t word;

	return read_at(t, "auxv", 0, &word, sizeof(word)) &&
	    (word < 4096) == (sizeof(long) == sizeof(word));
}

/* ---- what a blocked call waits for ---- */

static void
found(const struct task *t, int fd)
{
	struct waiting_report *r = t->l->r;

	if (r->pid != 0)
		return;
	r->pid = t->pid;
	r->fd = fd;
}

static enum waiting
in_read(const struct task *t, int fd)
{
	struct object o = task_object(t, fd);
	struct look *l = t->l;

	if (o.kind == KIND_OTHER)
		return say(l, WAITING_BUSY, t->pid, "reads something else");
	if (same(o, l->connection))
		found(t, fd);
	else
		l->end[l->nend++] = (struct end){ t->pid, o, false };
	return WAITING_FOR_CLIENT;
}

/* A set of descriptors that is waited on. */
struct set {
	int fd;			/* the connection, for input; -1: it is not there */
	bool writes;		/* waits until the connection can be written */
	unsigned others;
};

static void
set_add(struct set *s, int fd, bool connection, bool in, bool out)
{
	if (!connection)
		s->others++;
	if (connection && in)
		s->fd = fd;
	if (connection && out)
		s->writes = true;
}

static enum waiting
too_many(const struct task *t)
{
	return say(t->l, WAITING_UNKNOWN, t->pid, "waits for very many descriptors");
}

/* n: how many descriptors it has. */
static enum waiting
judge(const struct task *t, const struct set *s, size_t n)
{
	if ((t->l->nset += n) > SETS_MAX)
		return too_many(t);
	if (s->writes)
		return say(t->l, WAITING_BUSY, t->pid, "waits until it can write");
	if (s->fd < 0)
		return say(t->l, WAITING_BUSY, t->pid, "waits for something else");
	if (s->others > 0 && !t->l->any)
		return say(t->l, WAITING_BUSY, t->pid, "waits for other descriptors too");
	found(t, s->fd);
	return WAITING_FOR_CLIENT;
}

static enum waiting
no_memory(const struct task *t)
{
	return say(t->l, WAITING_UNKNOWN, t->pid, "its memory cannot be read");
}

static enum waiting
in_poll(const struct task *t, uint64_t at, unsigned count)
{
	struct set s = { .fd = -1 };
	struct pollfd p[SET_MAX];

	if (count > SET_MAX)
		return too_many(t);
	if (count > 0 && !read_memory(t, at, p, count * sizeof(p[0])))
		return no_memory(t);
	for (unsigned i = 0; i < count; i++)
		if (p[i].fd >= 0)
			set_add(&s, p[i].fd, is_connection(t, p[i].fd),
			    (p[i].events & (POLLIN | POLLRDNORM)) != 0,
			    (p[i].events & (POLLOUT | POLLWRNORM)) != 0);
	return judge(t, &s, count);
}

static enum waiting
in_select(const struct task *t, int count, const uint64_t *at)
{
	struct set s = { .fd = -1 };
	fd_set set[3];		/* for input, for output, for exceptions */
	size_t bytes, n = 0;

	if (count < 0 || count > FD_SETSIZE)
		return too_many(t);
	bytes = ((size_t)count + NFDBITS - 1) / NFDBITS * sizeof(long);
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		if (at[i] != 0 && bytes > 0 && !read_memory(t, at[i], &set[i], bytes))
			return no_memory(t);
	}
	for (int fd = 0; fd < count; fd++) {
		bool in = FD_ISSET(fd, &set[0]), out = FD_ISSET(fd, &set[1]);

		if (!in && !out && !FD_ISSET(fd, &set[2]))
			continue;
		if (++n > SET_MAX)
			return too_many(t);
		set_add(&s, fd, is_connection(t, fd), in, out);
	}
	return judge(t, &s, n);
}

/*
 * The set keeps files, not numbers, and a number may be another file's by now: so the inode that it says must be
 * the connection's and the number too.  An edge-triggered EPOLLOUT is armed all the time (go, node): it says nothing.
 */
static enum waiting
in_epoll(const struct task *t, int epfd)
{
	char name[32], text[8192], *line, *rest = text;
	struct set s = { .fd = -1 };
	unsigned long long inode;
	unsigned events;
	size_t n = 0;
	int fd;

	snprintf(name, sizeof(name), "fdinfo/%d", epfd);
	if (task_text(t, name, text, sizeof(text)) < 0)
		return say(t->l, WAITING_UNKNOWN, t->pid, "its epoll set cannot be read");
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "tfd:", 4) != 0)
			continue;
		if (++n > SET_MAX)
			return too_many(t);
		if (sscanf(line, "tfd: %d events: %x data: %*x pos:%*d ino:%llx", &fd, &events,
			&inode) != 3)
			return say(t->l, WAITING_UNKNOWN, t->pid, "its epoll set cannot be read");
		set_add(&s, fd, inode == t->l->connection.inode && is_connection(t, fd),
		    (events & (EPOLLIN | EPOLLRDNORM)) != 0,
		    (events & (EPOLLOUT | EPOLLWRNORM)) != 0 && (events & EPOLLET) == 0);
	}
	return judge(t, &s, n);
}

static enum waiting
in_other(const struct task *t, long nr)
{
	static const struct {
		long nr;
		const char *name;
	} names[] = {
		{ SYS_write, "write" }, { SYS_writev, "writev" }, { SYS_sendto, "sendto" },
		{ SYS_sendmsg, "sendmsg" }, { SYS_sendfile, "sendfile" }, { SYS_splice, "splice" },
		{ SYS_nanosleep, "nanosleep" }, { SYS_clock_nanosleep, "clock_nanosleep" },
		{ SYS_futex, "futex" }, { SYS_accept, "accept" }, { SYS_accept4, "accept4" },
		{ SYS_connect, "connect" }, { SYS_openat, "openat" }, { SYS_flock, "flock" },
		{ SYS_fcntl, "fcntl" }, { SYS_fsync, "fsync" }, { SYS_fdatasync, "fdatasync" },
		{ SYS_rt_sigsuspend, "sigsuspend" }, { SYS_rt_sigtimedwait, "sigtimedwait" },
		{ SYS_clone, "clone" }, { SYS_execve, "execve" },
#ifdef SYS_pause
		{ SYS_pause, "pause" }, { SYS_vfork, "vfork" },
#endif
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].nr == nr)
			return say(t->l, WAITING_BUSY, t->pid, "blocked in %s", names[i].name);
	return say(t->l, WAITING_BUSY, t->pid, "system call %ld", nr);
}

/*
 * restart_syscall(2) has the arguments of the call that it goes on with, but not its number.  poll, nanosleep,
 * clock_nanosleep and futex use it, with these second arguments: a count; a pointer or 0; 0; an operation, of which
 * FUTEX_WAIT_BITSET (9) is the only one that could be the count of a small set.
 */
static enum waiting
in_restart(const struct task *t, const uint64_t *a)
{
#ifdef SYS_poll
	if (a[1] >= 1 && a[1] <= SET_MAX && a[1] != 9)
		return in_poll(t, a[0], (unsigned)a[1]);
#endif
	(void)a;
	return say(t->l, WAITING_UNKNOWN, t->pid, "goes on with a call that was interrupted");
}

/*
 * A signal that is about to be handled, in a stopped task: the number is the call's, the arguments are the
 * handler's, and what comes next is not the call.  They lie in the frame at sp (arch's rt_sigframe).
 */
static bool
is_signal_frame(const struct call *c)
{
#ifdef __x86_64__
	return c->a[2] == c->sp + 8;
#else
	return c->a[1] == c->sp && c->a[2] == c->sp + 128;
#endif
}

static enum waiting
in_call(const struct task *t, const struct call *c)
{
	if (c->nr == SYS_wait4 || c->nr == SYS_waitid)
		return WAITING_FOR_CLIENT;
	if (is_signal_frame(c))
		return say(t->l, WAITING_UNKNOWN, t->pid, "stopped in a signal handler");
	switch (c->nr) {
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_accept:
	case SYS_accept4:
		return in_read(t, (int)c->a[0]);
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll:
		return in_poll(t, c->a[0], (unsigned)c->a[1]);
#ifdef SYS_select
	case SYS_select:
#endif
	case SYS_pselect6:
		return in_select(t, (int)c->a[0], &c->a[1]);
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_epoll_pwait:
		return in_epoll(t, (int)c->a[0]);
	case SYS_restart_syscall:
		return in_restart(t, c->a);
	default:
		return in_other(t, c->nr);
	}
}

/* ---- tasks ---- */

/* "running", "-1 SP PC" or "NR A0 ... A5 SP PC"; a dead task has "-1 0x0 0x0". */
static enum waiting
judge_call(const struct task *t, const char *text)
{
	unsigned long long a[6], sp;
	struct call c;

	if (strncmp(text, "running", 7) == 0)
		return say(t->l, WAITING_BUSY, t->pid, "runs");
	if (strcmp(text, "-1 0x0 0x0\n") == 0)
		return WAITING_FOR_CLIENT;
	if (strncmp(text, "-1 ", 3) == 0)
		return say(t->l, WAITING_UNKNOWN, t->pid, "stopped outside a system call");
	if (sscanf(text, "%ld %llx %llx %llx %llx %llx %llx %llx", &c.nr, &a[0], &a[1], &a[2],
		&a[3], &a[4], &a[5], &sp) != 8)
		return say(t->l, WAITING_UNKNOWN, t->pid, "its system call cannot be read");
	/* a stack above 4 GiB is none of a 32-bit program's */
	if (sp <= UINT32_MAX && !is_native(t))
		return say(t->l, WAITING_UNKNOWN, t->pid, "a program of another architecture");
	for (int i = 0; i < 6; i++)
		c.a[i] = a[i];
	c.sp = sp;
	return in_call(t, &c);
}

static enum waiting
count_switches(const struct task *t)
{
	static const char *const key[] = { "\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:" };
	char text[8192], *p;

	if (task_text(t, "status", text, sizeof(text)) < 0)
		return unread(t->l, t->pid, "status");
	for (int i = 0; i < 2; i++) {
		if ((p = strstr(text, key[i])) == NULL)
			return say(t->l, WAITING_UNKNOWN, t->pid, "status: no context switches");
		t->l->r->switches += strtoull(p + strlen(key[i]), NULL, 10);
	}
	return WAITING_FOR_CLIENT;
}

static enum waiting
add_process(struct look *l, pid_t pid)
{
	for (size_t i = 0; i < l->npid; i++)
		if (l->pid[i] == pid)
			return WAITING_FOR_CLIENT;
	if (l->npid == PROCESSES_MAX)
		return say(l, WAITING_UNKNOWN, l->leader, "its session is very large");
	l->pid[l->npid++] = pid;
	return WAITING_FOR_CLIENT;
}

/* Children of another session are dropped when it is their turn. */
static enum waiting
add_children(const struct task *t)
{
	enum waiting w = WAITING_FOR_CLIENT;
	char text[1024], *p = text, *end;
	long pid;

	if (task_text(t, "children", text, sizeof(text)) < 0)
		return say(t->l, WAITING_UNKNOWN, t->pid, "children: %s", strerror(errno));
	while (w == WAITING_FOR_CLIENT && (pid = strtol(p, &end, 10)) > 0) {
		w = add_process(t->l, (pid_t)pid);
		p = end;
	}
	return w;
}

static enum waiting
look_task(const struct task *t)
{
	enum waiting w = t->l->switches ? count_switches(t) : WAITING_FOR_CLIENT;
	char text[256];

	if (w != WAITING_FOR_CLIENT)
		return w;
	if (task_text(t, "syscall", text, sizeof(text)) < 0)
		return unread(t->l, t->pid, "syscall");
	if ((w = judge_call(t, text)) != WAITING_FOR_CLIENT)
		return w;
	return strncmp(text, "-1 ", 3) == 0 ? w : add_children(t);
}

/* ---- processes ---- */

/* The ids of its tasks; how many, or -1 and errno. */
static int
list_tasks(pid_t pid, int dir, pid_t *tid, int max)
{
	struct dirent *e;
	struct stat st;
	int n = 0, fd;
	DIR *d;

	/* proc counts them as links, and most have but one: a system call instead of seven */
	if (fstatat(dir, "task", &st, 0) == 0 && st.st_nlink == 3) {
		*tid = pid;
		return 1;
	}
	fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		fd_close(&fd);
		return -1;
	}
	while (n < max && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			tid[n++] = (pid_t)atoi(e->d_name);
	closedir(d);
	return n;
}

static enum waiting
look_tasks(struct look *l, pid_t pid, int dir)
{
	enum waiting w = WAITING_FOR_CLIENT;
	pid_t tid[TASKS_MAX + 1];
	int n = list_tasks(pid, dir, tid, TASKS_MAX + 1);

	if (n < 0)
		return unread(l, pid, "task");
	if ((l->ntask += (size_t)n) > TASKS_MAX)
		return say(l, WAITING_UNKNOWN, pid, "its session has very many tasks");
	for (int i = 0; i < n && w == WAITING_FOR_CLIENT; i++)
		w = look_task(&(struct task){ l, pid, tid[i], dir });
	return w;
}

/* A number that is another session's by now, or nobody's, becomes 0. */
static enum waiting
look_process(struct look *l, pid_t *pid)
{
	struct procs_entry e = { .session = 0 };
	enum waiting w;
	char path[32];
	int dir;

	snprintf(path, sizeof(path), "/proc/%d", (int)*pid);
	if ((dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		w = unread(l, *pid, "directory in /proc");
	else if (procs_stat(dir, "stat", &e) < 0)
		w = unread(l, *pid, "stat");
	else
		w = e.session == l->leader ? look_tasks(l, *pid, dir) : WAITING_FOR_CLIENT;
	fd_close(&dir);
	if (e.session != l->leader)
		*pid = 0;
	return w;
}

/* ---- the other ends of what is read ---- */

/* The inode at the other end of a unix socket, 0: it is none, or not connected.  Returns 0 or an errno. */
static int
ask_peer(int fd, uint64_t inode, uint32_t *peer)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} ask = { { .nlmsg_len = sizeof(ask), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		      .nlmsg_flags = NLM_F_REQUEST },
		{ .sdiag_family = AF_UNIX, .udiag_states = ~0U, .udiag_ino = (uint32_t)inode,
		    .udiag_show = UDIAG_SHOW_PEER, .udiag_cookie = { ~0U, ~0U } } };
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf;
	struct rtattr *a;
	ssize_t n;
	int left;

	*peer = 0;
	/* the kernel answers before send() returns */
	if (send(fd, &ask, sizeof(ask), MSG_DONTWAIT) < 0 ||
	    (n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) < 0)
		return errno;
	if (!NLMSG_OK(h, n))
		return EIO;
	if (h->nlmsg_type == NLMSG_ERROR)
		return -((struct nlmsgerr *)NLMSG_DATA(h))->error;
	left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(struct unix_diag_msg)));
	a = (struct rtattr *)(void *)(buf + NLMSG_SPACE(sizeof(struct unix_diag_msg)));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == UNIX_DIAG_PEER)
			memcpy(peer, RTA_DATA(a), sizeof(*peer));
	return 0;
}

/* Put the peer in the place of each socket. */
static enum waiting
find_peers(struct look *l, int fd)
{
	uint32_t peer;
	int error;

	for (struct end *e = l->end; e < l->end + l->nend; e++) {
		if (e->other.kind != KIND_SOCKET)
			continue;
		error = ask_peer(fd, e->other.inode, &peer);
		if (error == ENOENT || (error == 0 && peer == 0))
			return say(l, WAITING_BUSY, e->pid, "reads another socket");
		if (error != 0)
			return say(l, WAITING_UNKNOWN, e->pid, "sock_diag: %s", strerror(error));
		e->other.inode = peer;
	}
	return WAITING_FOR_CLIENT;
}

static enum waiting
check_sockets(struct look *l)
{
	enum waiting w;
	size_t i = 0;
	int fd;

	while (i < l->nend && l->end[i].other.kind != KIND_SOCKET)
		i++;
	if (i == l->nend)
		return WAITING_FOR_CLIENT;
	fd = fd_high(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	if (fd < 0)
		return say(l, WAITING_UNKNOWN, l->end[i].pid, "sock_diag: %s", strerror(errno));
	w = find_peers(l, fd);
	close(fd);
	return w;
}

/* pid holds the descriptor `name` of the directory `dir`: is it an end that somebody else reads from? */
static void
match(struct look *l, pid_t pid, int dir, const char *name)
{
	struct object o = object_at(dir, name);
	struct stat st;

	for (struct end *e = l->end; e < l->end + l->nend; e++) {
		if (e->pid == pid || !same(o, e->other))
			continue;
		/* the link's own mode tells how it was opened (proc(5)) */
		if (o.kind == KIND_SOCKET || (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
						 (st.st_mode & S_IWUSR) != 0))
			e->inside = true;
	}
}

static void
search(struct look *l, pid_t pid)
{
	struct dirent *e;
	char path[32];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((d = opendir(path)) == NULL)
		return;
	while (l->searched < OPEN_MAX_SEEN && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		l->searched++;
		match(l, pid, dirfd(d), e->d_name);
	}
	closedir(d);
}

static enum waiting
check_ends(struct look *l)
{
	enum waiting w = check_sockets(l);

	if (w != WAITING_FOR_CLIENT || l->nend == 0)
		return w;
	for (size_t i = 0; i < l->npid; i++)
		if (l->pid[i] != 0)
			search(l, l->pid[i]);
	for (const struct end *e = l->end; e < l->end + l->nend; e++) {
		if (e->inside)
			continue;
		if (l->searched == OPEN_MAX_SEEN)
			return say(l, WAITING_UNKNOWN, e->pid, "its session has very many files open");
		return say(l, WAITING_BUSY, e->pid, "reads a %s from outside its session",
		    e->other.kind == KIND_PIPE ? "pipe" : "socket");
	}
	return w;
}

/* ---- the session ---- */

static enum waiting
look_session(struct look *l, const pid_t *others, size_t n)
{
	enum waiting w = add_process(l, l->leader);

	for (size_t i = 0; i < n && w == WAITING_FOR_CLIENT; i++)
		w = add_process(l, others[i]);
	/* it grows by the children that are found */
	for (size_t i = 0; i < l->npid && w == WAITING_FOR_CLIENT; i++)
		w = look_process(l, &l->pid[i]);
	if (w == WAITING_FOR_CLIENT)
		w = check_ends(l);
	if (w == WAITING_FOR_CLIENT && l->r->pid == 0)
		w = say(l, WAITING_BUSY, l->leader, "nobody waits for the client");
	return w;
}

enum waiting
waiting_look(pid_t leader, const pid_t *others, size_t n, uint64_t socket, bool any,
    bool switches, struct waiting_report *r)
{
	struct look l = { .leader = leader, .connection = { KIND_SOCKET, socket }, .any = any, .switches = switches,
		.r = r };
	enum waiting w;

	*r = (struct waiting_report){ .fd = -1 };
	w = look_session(&l, others, n);
	if (w == WAITING_FOR_CLIENT) {
		r->why[0] = '\0';
	} else {
		r->pid = 0;
		r->fd = -1;
	}
	return w;
}
