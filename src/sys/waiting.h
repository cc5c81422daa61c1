/*
 * waiting - is a handler seen waiting for its client?
 *
 * It waits when at least one task of its session is blocked in a read of the connection, or in poll,
 * select or epoll for input on it (and on nothing else, unless `any`), and every other task is blocked in
 * such a call, in wait4 or waitid, or in a read of a pipe or socketpair whose other end another process of
 * the session holds.  Where the socket is a listening one, accept is such a call too.  A timeout does not matter.  Dead tasks and zombies count for nothing.
 *
 * /proc/PID/task/TID/syscall gives the call, mem what its arguments point to, fdinfo an epoll set
 * (proc(5)); sock_diag(7) the other end of a socketpair.  Needs the rights of ptrace(2): CAP_SYS_PTRACE as
 * root, else the same uid and a dumpable process.
 *
 * Two things that one look cannot tell:
 * - The tasks are looked at one after the other.  Work that moves between them meanwhile may be missed:
 *   so look again after they were stopped, and compare `switches`.
 * - A task that is stopped or frozen shows the call in which it was stopped also when that call had just
 *   ended and its result was not yet seen by the program.  So a look at stopped tasks means something
 *   only when a look before has said the same, and the connection has not received anything since.
 *   Stopping or freezing adds exactly one to the switches of each blocked task; more: it did something.
 *
 * After a stop read, recv, ppoll, select and wait4 go on as they were.  poll goes on as restart_syscall with the
 * same arguments, and is recognised; other calls with a timeout (nanosleep, futex) are then WAITING_UNKNOWN.
 * epoll_wait, and recv under SO_RCVTIMEO, return EINTR to the program (signal(7)): a stop is not unseen.
 *
 * Nothing is written, signalled or attached to, and no file of the handler's is opened: only /proc.  Memory is
 * read only where that needs no input: a page that is not there is unknown.  Of one session are looked at up to
 * 64 tasks, 64 descriptors of a set and 256 of all sets, and, where somebody reads a pipe or socketpair, 1,024
 * open descriptors; more is unknown.  Two descriptors are open at a time; without them it is unknown.
 */
#ifndef BERTH_WAITING_H
#define BERTH_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum waiting {
	WAITING_FOR_CLIENT,
	WAITING_BUSY,		/* it does something else */
	WAITING_UNKNOWN,	/* it cannot be told: why says what stands in the way */
	WAITING_FORBIDDEN	/* berthd may not look */
};

struct waiting_report {
	char why[96];		/* "pid 17: blocked in nanosleep", "... system call 230"; FOR_CLIENT: "" */
	pid_t pid;		/* FOR_CLIENT: a process that waits, */
	int fd;			/* and its descriptor of the connection; else 0 and -1 */
	uint64_t switches;	/* context switches up to now, over all tasks that were looked at */
};

/*
 * leader: the handler, which leads its session.  others[0..n): every other process of the session as of a moment
 * ago (procs.h); one that is gone, or of another session by now, is passed over, and children made since are found.
 * socket: inode of the connection.  any: other descriptors may be in the set too.  switches: count them, which costs a
 * fifth more; else they stay 0.
 */
enum waiting waiting_look(pid_t leader, const pid_t *others, size_t n, uint64_t socket, bool any,
    bool switches, struct waiting_report *r);

#endif
