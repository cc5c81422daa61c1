#include "spawn.h"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"
#include "rawcall.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

#define STACK_BYTES (64 * 1024)
#define GUARD_BYTES 4096
#define KILL_NS 5000000000LL

/* Nothing of the sanitizers' runtime may run on the borrowed memory. */
#define CHILD_CODE __attribute__((no_sanitize("address", "undefined"), noinline))

/*
 * What a forked child says of its set-up: in memory that both have only until it runs, so that nothing that gets hold
 * of the child later can write to berthd.
 */
struct forked {
	volatile int step, error;
	volatile uint32_t done;
};

struct spawn_job {
	struct spawn_job *next;		/* in the spawner's list of free jobs */
	struct launch launch;
	char *stack;			/* mapping with its guard at the low end */
	bool shared_table;
	int *sockets;			/* owned; where there is more than one */
	size_t nsockets;
	int extra;
	/* written by the child and the kernel: */
	volatile uint32_t alive;	/* CLONE_CHILD_CLEARTID word: 0 after execve or exit */
	volatile uint32_t unshared;	/* the child no longer uses berthd's fd table */
	volatile int step, error;
	/* or, of a forked child: */
	struct forked *forked;
	pid_t forked_pid;
};

struct spawner {
	struct spawn_job *free;
	int null, oom;		/* /dev/null; /proc/self/oom_score_adj or -1 */
	bool shared_table;
};

static const char *const step_names[SPAWN_STEPS] = {
	[SPAWN_STEP_PIPE] = "pipe", [SPAWN_STEP_CLONE] = "clone", [SPAWN_STEP_OOM] = "oom_score_adj",
	[SPAWN_STEP_UNSHARE] = "close_range", [SPAWN_STEP_SETSID] = "setsid",
	[SPAWN_STEP_STDIO] = "dup3", [SPAWN_STEP_RLIMIT] = "setrlimit",
	[SPAWN_STEP_NICE] = "setpriority", [SPAWN_STEP_SETGROUPS] = "setgroups",
	[SPAWN_STEP_SETGID] = "setresgid", [SPAWN_STEP_SETUID] = "setresuid",
	[SPAWN_STEP_CHDIR] = "chdir", [SPAWN_STEP_SIGNALS] = "sigprocmask",
	[SPAWN_STEP_EXEC] = "execve",
};

const char *
spawn_step_name(enum spawn_step step)
{
	assert((unsigned)step < SPAWN_STEPS);
	return step_names[step];
}

/* ---- the child: raw system calls only, on a stack of its own, in berthd's memory ---- */

#define CALL(n, ...) CALL_(n, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_(n, a, b, c, d, e, ...) \
	rawcall((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static inline __attribute__((always_inline, noreturn)) void
child_fail(struct spawn_job *job, long ret)
{
	job->error = (int)-ret;
	for (;;)
		CALL(SYS_exit_group, 127);
}

#define STEP(job, s, call)                               \
	do {                                             \
		(job)->step = (s);                       \
		long ret_ = (call);                      \
		if (ret_ < 0)                            \
			child_fail((job), ret_);         \
	} while (0)

/* The number that is its own, as text where its environment has room for it. */
static inline __attribute__((always_inline)) void
child_pid(char *text)
{
	long pid = CALL(SYS_getpid), left = pid;
	int digits = 0;

	do
		digits++;
	while ((left /= 10) > 0);
	text[digits] = '\0';
	while (digits > 0) {
		text[--digits] = (char)('0' + pid % 10);
		pid /= 10;
	}
}

/* Sockets at 3 and up; one that lies where another belongs is moved out of the way first. */
static inline __attribute__((always_inline)) void
child_listen_fds(struct spawn_job *job)
{
	int n = (int)job->nsockets, *from = job->sockets;
	long null;

	STEP(job, SPAWN_STEP_STDIO, null = CALL(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC));
	STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, null, 0, 0));
	STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, null, 1, 0));
	CALL(SYS_close, null);
	child_pid(job->launch.listen_pid);
	if (n == 1) {
		STEP(job, SPAWN_STEP_STDIO, CALL(SYS_fcntl, FD_SLOT_SOCKET, F_SETFD, 0));
		return;
	}
	for (int i = 0; i < n; i++) {
		for (int j = i + 1; j < n; j++)
			if (from[j] == 3 + i)
				STEP(job, SPAWN_STEP_STDIO,
				    from[j] = (int)CALL(SYS_fcntl, from[j], F_DUPFD_CLOEXEC, 3 + n));
		if (from[i] == 3 + i)
			STEP(job, SPAWN_STEP_STDIO, CALL(SYS_fcntl, 3 + i, F_SETFD, 0));
		else
			STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, from[i], 3 + i, 0));
	}
}

static inline __attribute__((always_inline)) void
child_descriptors(struct spawn_job *job)
{
	const struct launch *l = &job->launch;
	int err = l->stderr_is_socket ? FD_SLOT_SOCKET : FD_SLOT_STDERR;

	if (job->shared_table)
		STEP(job, SPAWN_STEP_UNSHARE,
		    CALL(SYS_close_range, FD_FIRST, ~0U, CLOSE_RANGE_UNSHARE));
	job->unshared = 1;
	STEP(job, SPAWN_STEP_SETSID, CALL(SYS_setsid));
	STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, err, 2, 0));
	if (l->listen_fds) {
		child_listen_fds(job);
		return;
	}
	STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, FD_SLOT_SOCKET, 0, 0));
	STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, FD_SLOT_SOCKET, 1, 0));
	if (job->extra >= 0)
		STEP(job, SPAWN_STEP_STDIO, CALL(SYS_dup3, job->extra, 3, 0));
	/* the slots, and whatever a copied table holds, are closed by execve: all are CLOEXEC */
}

static inline __attribute__((always_inline)) void
child_privileges(struct spawn_job *job)
{
	const struct launch *l = &job->launch;

	for (size_t i = 0; i < l->nrlimits; i++)
		STEP(job, SPAWN_STEP_RLIMIT,
		    CALL(SYS_prlimit64, 0, l->rlimits[i].resource, &l->rlimits[i].value, 0));
	if (l->set_nice)
		STEP(job, SPAWN_STEP_NICE, CALL(SYS_setpriority, 0 /* PRIO_PROCESS */, 0, l->nice));
	if (l->set_umask)
		CALL(SYS_umask, l->umask);
	if (!l->set_ids)
		return;
	STEP(job, SPAWN_STEP_SETGROUPS, CALL(SYS_setgroups, l->ngroups, l->groups));
	STEP(job, SPAWN_STEP_SETGID, CALL(SYS_setresgid, l->gid, l->gid, l->gid));
	STEP(job, SPAWN_STEP_SETUID, CALL(SYS_setresuid, l->uid, l->uid, l->uid));
}

static int CHILD_CODE
child_main(void *arg)
{
	struct spawn_job *job = arg;
	const struct launch *l = &job->launch;
	uint64_t no_signals = 0;

	child_descriptors(job);
	child_privileges(job);
	if (l->directory != NULL)
		STEP(job, SPAWN_STEP_CHDIR, CALL(SYS_chdir, l->directory));
	STEP(job, SPAWN_STEP_SIGNALS,
	    CALL(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, 0, sizeof(no_signals)));
	STEP(job, SPAWN_STEP_EXEC, CALL(SYS_execve, l->path, l->argv, l->env));
	return 127;
}

/* ---- berthd's side ---- */

/* Until the word is cleared or ns have passed, whichever is first. */
static void
wait_cleared(struct spawn_job *job, int64_t ns)
{
	int64_t end = loop_clock() + ns, left = ns;

	while (job->alive != 0 && left > 0) {
		struct timespec t = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

		syscall(SYS_futex, &job->alive, FUTEX_WAIT, 1, &t, NULL, 0);
		left = end - loop_clock();
	}
}

/*
 * Until the child left the shared table: until then the slots must stay as they are.  Only a process of
 * berthd's own user can hold it there; after 5 s it is killed.
 */
static void
wait_unshared(struct spawn_job *job, int pidfd)
{
	int64_t end = loop_clock() + KILL_NS;

	while (job->alive != 0 && !job->unshared) {
		wait_cleared(job, 50000);
		if (loop_clock() > end)
			syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	}
}

static struct spawn_job *
job_new(void)
{
	struct spawn_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->stack = mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (job->stack == MAP_FAILED) {
		free(job);
		return NULL;
	}
	mprotect(job->stack, GUARD_BYTES, PROT_NONE);
	return job;
}

static void
job_free(struct spawn_job *job)
{
	munmap(job->stack, STACK_BYTES + GUARD_BYTES);
	launch_fini(&job->launch);
	free(job->sockets);
	free(job);
}

struct spawn_job *
spawn_take(struct spawner *sp)
{
	struct spawn_job *job = sp->free;

	if (job == NULL)
		return job_new();
	sp->free = job->next;
	return job;
}

struct launch *
spawn_launch(struct spawn_job *job)
{
	return &job->launch;
}

void
spawn_give(struct spawner *sp, struct spawn_job *job)
{
	assert(job->alive == 0);
	if (job->forked != NULL)
		munmap(job->forked, sizeof(*job->forked));
	job->forked = NULL;
	job->next = sp->free;
	sp->free = job;
}

/*
 * oom_score_adj goes with the memory: the kernel copies what one of those who share it writes to
 * all of them (__set_oom_adj(), fs/proc/base.c).  So berthd's own is the handler's until the execve,
 * through which the child keeps what it inherited, and is put back then.
 */
static bool
write_oom(const struct spawner *sp, int value)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", value);

	if (sp->oom < 0) {
		errno = ENOENT;
		return false;
	}
	return pwrite(sp->oom, text, (size_t)n, 0) == n;
}

static int
read_oom(const struct spawner *sp)
{
	char text[16] = "";

	if (sp->oom < 0 || pread(sp->oom, text, sizeof(text) - 1, 0) < 0)
		return 0;
	return atoi(text);
}

static pid_t
clone_child(struct spawner *sp, struct spawn_job *job, int *pidfd)
{
	int flags = CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID | SIGCHLD;
	pid_t pid;

	job->alive = 1;
	job->shared_table = sp->shared_table && job->nsockets <= 1 && job->extra < 0;
	job->unshared = !job->shared_table;
	job->error = 0;
	job->step = job->shared_table ? SPAWN_STEP_UNSHARE : SPAWN_STEP_SETSID;
	if (job->shared_table)
		flags |= CLONE_FILES;
	*pidfd = -1;
	pid = clone(child_main, job->stack + GUARD_BYTES + STACK_BYTES, flags, job, pidfd, NULL,
	    (void *)&job->alive);
	if (pid < 0 && job->shared_table && (errno == EINVAL || errno == EPERM || errno == ENOSYS)) {
		/* a filter came after the probe at start */
		sp->shared_table = false;
		return clone_child(sp, job, pidfd);
	}
	if (pid < 0)
		job->step = SPAWN_STEP_CLONE;
	return pid;
}

void
spawn_set_oom(const struct spawn_job *job, pid_t pid)
{
	char path[40], text[16];
	int fd, n;

	if (!job->launch.set_oom)
		return;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	n = snprintf(text, sizeof(text), "%d", job->launch.oom_score_adj);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return;
	if (write(fd, text, (size_t)n) != n)
		(void)0;	/* it has ended, or berthd may not: it keeps berthd's own */
	close(fd);
}

/* ---- code of our own ---- */

static void __attribute__((noreturn))
forked_fail(struct forked *f, int error)
{
	f->error = error;
	f->done = 1;
	_exit(127);
}

#define MUST(f, s, ok)                                   \
	do {                                             \
		(f)->step = (s);                         \
		if (!(ok))                               \
			forked_fail((f), errno);         \
	} while (0)

static void
forked_descriptors(struct forked *f, const struct launch *l, int socket, int extra, int err)
{
	/* what is to be kept goes out of the way of 0 to 3 first: all of berthd's own lies above them */
	MUST(f, SPAWN_STEP_SETSID, setsid() >= 0);
	MUST(f, SPAWN_STEP_STDIO, dup2(l->stderr_is_socket ? socket : err, 2) >= 0);
	MUST(f, SPAWN_STEP_STDIO, dup2(socket, 0) >= 0 && dup2(socket, 1) >= 0);
	if (extra >= 0)
		MUST(f, SPAWN_STEP_STDIO, dup2(extra, 3) >= 0);
	closefrom(extra >= 0 ? 4 : 3);
}

static void
forked_privileges(struct forked *f, const struct launch *l)
{
	for (size_t i = 0; i < l->nrlimits; i++)
		MUST(f, SPAWN_STEP_RLIMIT, setrlimit((unsigned)l->rlimits[i].resource,
		    &l->rlimits[i].value) == 0);
	if (l->set_nice)
		MUST(f, SPAWN_STEP_NICE, setpriority(PRIO_PROCESS, 0, l->nice) == 0);
	umask(l->umask);
	if (l->set_ids) {
		MUST(f, SPAWN_STEP_SETGROUPS, setgroups(l->ngroups, l->groups) == 0);
		MUST(f, SPAWN_STEP_SETGID, setresgid(l->gid, l->gid, l->gid) == 0);
		MUST(f, SPAWN_STEP_SETUID, setresuid(l->uid, l->uid, l->uid) == 0);
	}
	if (l->directory != NULL)
		MUST(f, SPAWN_STEP_CHDIR, chdir(l->directory) == 0);
}

/* execve would put every disposition and the mask back. */
static void
forked_signals(struct forked *f)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	MUST(f, SPAWN_STEP_SIGNALS, sigprocmask(SIG_SETMASK, &none, NULL) == 0);
}

static void __attribute__((noreturn))
forked_main(struct forked *f, const struct launch *l, const int fd[3], void (*run)(void *arg),
    void *arg)
{
	forked_descriptors(f, l, fd[0], fd[1], fd[2]);
	forked_privileges(f, l);
	forked_signals(f);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	environ = l->env;
	f->step = SPAWN_STEP_EXEC;
	f->done = 1;
	munmap(f, sizeof(*f));
	run(arg);
	_exit(0);
}

/* Until it runs, has failed or is gone; a process of its user can hold it up once it has its ids. */
static void
await_forked(const struct forked *f, int pidfd, int64_t wait_ns)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t end = loop_clock() + wait_ns;

	while (!f->done && loop_clock() < end && poll(&p, 1, 0) == 0)
		sched_yield();
}

/* Still ours to reap. */
static bool
is_gone(pid_t pid)
{
	siginfo_t si = { 0 };

	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid == pid;
}

static void
poll_forked(const struct spawn_job *job, struct spawn_result *out)
{
	const struct forked *f = job->forked;
	bool gone = !f->done && is_gone(job->forked_pid);

	out->step = (enum spawn_step)f->step;
	out->error = f->error;
	if (f->done)
		out->state = f->error == 0 ? SPAWN_STARTED : SPAWN_FAILED;
	else
		out->state = gone ? SPAWN_FAILED : SPAWN_PENDING;
}

void
spawn_run(struct spawner *sp, struct spawn_job *job, int socket, int extra, int err, int64_t wait_ns,
    void (*run)(void *arg), void *arg, struct spawn_result *out)
{
	int fd[3] = { socket, extra, err >= 0 ? err : sp->null };
	struct forked *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*out = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_CLONE, .pidfd = -1 };
	job->alive = 0;
	if (f == MAP_FAILED) {
		out->error = ENOMEM;
		return;
	}
	job->forked = f;
	f->step = SPAWN_STEP_CLONE;
	out->pid = job->forked_pid = fork();
	if (out->pid == 0)
		forked_main(f, &job->launch, fd, run, arg);
	if (out->pid < 0 || (out->pidfd = fd_high((int)syscall(SYS_pidfd_open, out->pid, 0))) < 0) {
		out->error = errno;
		if (out->pid > 0) {
			kill(out->pid, SIGKILL);
			waitpid(out->pid, NULL, 0);
		}
		out->pid = 0;
		return;
	}
	await_forked(f, out->pidfd, wait_ns);
	poll_forked(job, out);
	if (out->state == SPAWN_STARTED)
		spawn_set_oom(job, out->pid);
}

void
spawn_poll(const struct spawn_job *job, struct spawn_result *out)
{
	if (job->forked != NULL) {
		poll_forked(job, out);
		return;
	}
	out->step = (enum spawn_step)job->step;
	out->error = job->error;
	if (job->alive != 0)
		out->state = SPAWN_PENDING;
	else if (job->error != 0 || job->step != SPAWN_STEP_EXEC)
		out->state = SPAWN_FAILED;
	else
		out->state = SPAWN_STARTED;
}

static void
keep_sockets(struct spawn_job *job, const int *socket, size_t count)
{
	job->nsockets = count;
	if (count <= 1)
		return;
	job->sockets = reallocarray(job->sockets, count, sizeof(*socket));
	assert(job->sockets != NULL);
	memcpy(job->sockets, socket, count * sizeof(*socket));
}

void
spawn_start(struct spawner *sp, struct spawn_job *job, const int *socket, size_t count, int extra,
    int err, int64_t wait_ns, struct spawn_result *out)
{
	bool set_oom = job->launch.set_oom;
	int oom = set_oom ? read_oom(sp) : 0;

	*out = (struct spawn_result){ .pidfd = -1 };
	keep_sockets(job, socket, count);
	job->extra = extra;
	if (set_oom && !write_oom(sp, job->launch.oom_score_adj)) {
		out->state = SPAWN_FAILED;
		out->step = SPAWN_STEP_OOM;
		out->error = errno;
		return;
	}
	/* dup3 onto an open slot needs no free fd: it cannot fail for want of one */
	if (dup3(socket[0], FD_SLOT_SOCKET, O_CLOEXEC) < 0 ||
	    (err >= 0 && dup3(err, FD_SLOT_STDERR, O_CLOEXEC) < 0)) {
		out->state = SPAWN_FAILED;
		out->step = SPAWN_STEP_STDIO;
		out->error = errno;
	} else if ((out->pid = clone_child(sp, job, &out->pidfd)) < 0) {
		out->pid = 0;
		out->state = SPAWN_FAILED;
		out->step = (enum spawn_step)job->step;
		out->error = errno;
		job->alive = 0;
	} else {
		wait_cleared(job, wait_ns);
		wait_unshared(job, out->pidfd);
		spawn_poll(job, out);
	}
	if (set_oom)
		write_oom(sp, oom);
	dup3(sp->null, FD_SLOT_SOCKET, O_CLOEXEC);
	if (err >= 0)
		dup3(sp->null, FD_SLOT_STDERR, O_CLOEXEC);
}

/* ---- can the fd table be shared here? ---- */

static int CHILD_CODE
probe_main(void *arg)
{
	struct spawn_job *job = arg;
	long ret = CALL(SYS_close_range, FD_FIRST, ~0U, CLOSE_RANGE_UNSHARE);

	CALL(SYS_exit_group, ret < 0 ? 1 : 0);
	return job == NULL;
}

static bool
probe_shared(void)
{
	struct spawn_job *job = job_new();
	int pidfd = -1, status = 1;
	siginfo_t si = { 0 };
	pid_t pid;

	if (job == NULL)
		return false;
	job->alive = 1;
	pid = clone(probe_main, job->stack + GUARD_BYTES + STACK_BYTES,
	    CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CHILD_CLEARTID | SIGCHLD, job, &pidfd, NULL,
	    (void *)&job->alive);
	if (pid > 0 && waitid(P_PID, (id_t)pid, &si, WEXITED | __WALL) == 0)
		status = si.si_code == CLD_EXITED ? si.si_status : 1;
	fd_close(&pidfd);
	job_free(job);
	return pid > 0 && status == 0;
}

struct spawner *
spawn_new(void)
{
	struct spawner *sp = calloc(1, sizeof(*sp));

	if (sp == NULL)
		return NULL;
	sp->oom = fd_high(open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
	if ((sp->null = fd_high(open("/dev/null", O_RDWR | O_CLOEXEC))) < 0) {
		spawn_free(sp);
		return NULL;
	}
	sp->shared_table = probe_shared();
	return sp;
}

bool
spawn_shares_table(const struct spawner *sp)
{
	return sp->shared_table;
}

void
spawn_free(struct spawner *sp)
{
	struct spawn_job *job;

	if (sp == NULL)
		return;
	while ((job = sp->free) != NULL) {
		sp->free = job->next;
		job_free(job);
	}
	fd_close(&sp->null);
	fd_close(&sp->oom);
	free(sp);
}
