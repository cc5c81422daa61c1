#include "aide.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../pure/spec.h"
#include "fd.h"

/* A process of the same user could stop it: one whom no handler runs as (pure/spec).  Else nobody. */
#define ALONE SPEC_UID_ALONE
#define NOBODY 65534

/* One that was let go, until it can be reaped. */
struct aide_leaving {
	LIST_ENTRY(aide_leaving) next;
	int pidfd;
	struct loop_source *source;
};

void
aide_init(struct aide *a, struct loop *loop)
{
	*a = (struct aide){ .loop = loop, .fd = -1 };
}

static bool
drop_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	if (geteuid() != 0)
		return true;
	if (setgroups(0, NULL) < 0)
		return false;
	if (setresgid(ALONE, ALONE, ALONE) == 0 && setresuid(ALONE, ALONE, ALONE) == 0)
		return true;
	return setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static void __attribute__((noreturn))
be_aide(int fd, pid_t parent, const char *name, bool drop, void (*run)(int fd))
{
	if (dup2(fd, 3) < 0)
		_exit(1);
	closefrom(4);
	if (drop && !drop_privileges())
		_exit(1);
	/* a change of ids forgets the signal */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, name, 0, 0, 0);
	if (getppid() == parent)
		run(3);
	_exit(0);
}

bool
aide_start(struct aide *a, const char *name, bool drop, void (*run)(int fd))
{
	pid_t parent = getpid();
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	a->pid = fork();
	if (a->pid == 0)
		be_aide(pair[1], parent, name, drop, run);
	error = errno;
	close(pair[1]);
	if (a->pid < 0) {
		close(pair[0]);
		errno = error;
		return false;
	}
	a->fd = fd_high(pair[0]);
	if (a->fd >= 0)
		return true;
	error = errno;
	kill(a->pid, SIGKILL);
	waitpid(a->pid, NULL, 0);
	errno = error;
	return false;
}

static void
left(void *arg, uint32_t events)
{
	struct aide_leaving *x = arg;
	siginfo_t si;

	(void)events;
	waitid(P_PIDFD, (id_t)x->pidfd, &si, WEXITED | WNOHANG);
	LIST_REMOVE(x, next);
	loop_remove(x->source);
	close(x->pidfd);
	free(x);
}

/* Where it cannot be watched it is reaped at once, or not at all: one zombie, until berthd ends. */
void
aide_stop(struct aide *a, bool by_force)
{
	struct aide_leaving *x;
	int pidfd;

	if (a->fd < 0)
		return;
	fd_close(&a->fd);
	if (by_force)
		kill(a->pid, SIGKILL);
	x = calloc(1, sizeof(*x));
	pidfd = fd_high((int)syscall(SYS_pidfd_open, a->pid, 0));
	if (x != NULL && pidfd >= 0) {
		*x = (struct aide_leaving){ .pidfd = pidfd };
		x->source = loop_add(a->loop, pidfd, EPOLLIN, left, x);
		if (x->source != NULL) {
			LIST_INSERT_HEAD(&a->leaving, x, next);
			return;
		}
	}
	fd_close(&pidfd);
	free(x);
	waitpid(a->pid, NULL, WNOHANG);
}

unsigned
aide_leaving_count(const struct aide *a)
{
	const struct aide_leaving *x;
	unsigned n = 0;

	LIST_FOREACH(x, &a->leaving, next)
		n++;
	return n;
}

void
aide_fini(struct aide *a)
{
	struct aide_leaving *x;

	while ((x = LIST_FIRST(&a->leaving)) != NULL)
		left(x, 0);
}
