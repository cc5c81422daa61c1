/*
 * spawn - start a process for a connection, at a cost that does not grow with berthd
 *
 * One clone(2) that copies neither page tables (CLONE_VM) nor the fd table (CLONE_FILES): the
 * child works on a stack of its own, unshares the part of the table that it needs (close_range(2)
 * with CLOSE_RANGE_UNSHARE, Linux 5.9), applies the plan with raw system calls and executes.
 * berthd waits for that on the futex word that the kernel clears at execve and at exit
 * (CLONE_CHILD_CLEARTID), never longer than it was told: a child that is held (stopped by a
 * process of its user, or a program on a hung file system) becomes a pending job.
 *
 * Where the kernel or a seccomp filter refuses close_range or CLONE_FILES, the fd table is copied
 * instead: same behaviour, slower with many fds.
 */
#ifndef BERTH_SPAWN_H
#define BERTH_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../pure/launch.h"

/* What the child was doing; the name is that of the system call ("setresuid"). */
enum spawn_step {
	SPAWN_STEP_PIPE, SPAWN_STEP_CLONE, SPAWN_STEP_OOM, SPAWN_STEP_UNSHARE, SPAWN_STEP_SETSID, SPAWN_STEP_STDIO,
	SPAWN_STEP_RLIMIT, SPAWN_STEP_NICE, SPAWN_STEP_SETGROUPS, SPAWN_STEP_SETGID,
	SPAWN_STEP_SETUID, SPAWN_STEP_CHDIR, SPAWN_STEP_SIGNALS, SPAWN_STEP_EXEC, SPAWN_STEPS
};
const char *spawn_step_name(enum spawn_step step);

enum spawn_state {
	SPAWN_STARTED,		/* execve succeeded (or a signal ended the child at that moment) */
	SPAWN_FAILED,		/* step and error say why; there is a process to reap when pid > 0 */
	SPAWN_PENDING		/* not known yet: ask again with spawn_poll() */
};

struct spawn_job;
struct spawner;

/* mode of the table: for the log at start. */
struct spawner *spawn_new(void);	/* NULL and errno */
void spawn_free(struct spawner *sp);	/* pending jobs must have been released */
bool spawn_shares_table(const struct spawner *sp);

/* A job with a stack and a plan (job->launch, to be filled by launch_build()); NULL: no memory. */
struct spawn_job *spawn_take(struct spawner *sp);
struct launch *spawn_launch(struct spawn_job *job);

/* Give it back: after its outcome is known, never while it is pending. */
void spawn_give(struct spawner *sp, struct spawn_job *job);

struct spawn_result {
	enum spawn_state state;
	enum spawn_step step;	/* of SPAWN_FAILED */
	int error;		/* errno; 0: the child died (was killed) at that step */
	pid_t pid;		/* 0: there is no process */
	int pidfd;		/* owned by the caller; -1 without a process */
};

/*
 * Start the job's launch with `socket` as fd 0 and 1 and `err` as fd 2 (-1: /dev/null), or, where it says listen_fds, with the
 * `count` sockets as fd 3 and up.  All stay the caller's, a connection to be closed at once whatever came out (except that it may be
 * kept for another try when clone failed).  extra: fd 3 of the handler beside its connection; -1: none.  More than one descriptor
 * for a handler costs a copy of the fd table.  Waits at most wait_ns for the outcome (0: only until the child is off berthd's fd table).
 */
void spawn_start(struct spawner *sp, struct spawn_job *job, const int *socket, size_t count, int extra,
    int err, int64_t wait_ns, struct spawn_result *out);

/*
 * The same for code of our own: a forked child, set up as any handler, then calls run(arg) with the socket as fd 0 and 1 and, if it
 * is not -1, `extra` as fd 3; nothing else is open.  run must not return.  A copy of berthd's memory goes with it.  Waits
 * at most wait_ns.
 */
void spawn_run(struct spawner *sp, struct spawn_job *job, int socket, int extra, int err, int64_t wait_ns,
    void (*run)(void *arg), void *arg, struct spawn_result *out);

/*
 * A pending job turned out to be started: its oom_score_adj, which was berthd's while it waited, is set now.
 */
void spawn_set_oom(const struct spawn_job *job, pid_t pid);

/* The outcome of a pending job as of now, without waiting: state, step and error are set. */
void spawn_poll(const struct spawn_job *job, struct spawn_result *out);

#endif
