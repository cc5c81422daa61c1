/*
 * launch - how one handler is to be started, as data
 *
 * launch_build() turns a service, a connection and what is known of berthd itself into the list
 * of settings that the child applies (sys/spawn.h) and the strings of its environment.  Steps
 * that would change nothing are left out here, so that the child makes no system call for them.
 */
#ifndef BERTH_LAUNCH_H
#define BERTH_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "addr.h"
#include "spec.h"

/* What a handler must not inherit from berthd, read once at start. */
struct launch_daemon {
	bool root;
	uid_t uid;
	gid_t gid;
	int nice;
	mode_t umask;
	int oom_score_adj;
	bool nofile_raised;		/* berthd raised its own limit: handlers get `nofile` */
	struct rlimit nofile;		/* as berthd was started with */
	char *const *environment;	/* berthd's own, for process.pass_environment */
};

/* The connection that the handler is for. */
struct launch_connection {
	uint64_t number;
	uint32_t active, limit;		/* this one included; limit 0: none */
	const struct addr *peer, *local; /* peer NULL: a handler that accepts by itself */
	bool datagram;
	const char *program;		/* relay: berthd's own helper, */
	char *const *arguments;		/* ... with these, NULL-terminated; else NULL */
	size_t sockets;			/* how many it gets as LISTEN_FDS; else 1 */
	uid_t peer_uid;			/* unix: SO_PEERCRED; peer_pid 0: not known */
	gid_t peer_gid;
	pid_t peer_pid;
};

#define LAUNCH_PID_MAX 12	/* digits and NUL */

struct launch_rlimit {
	int resource;
	struct rlimit value;
};

/*
 * The plan.  Zeroed before its first use, then used again and again: env and text keep their
 * room.  Everything else is borrowed from the service, which must be held until the child has executed.
 */
struct launch {
	const char *path;		/* NULL: no program, spawn_run() */
	char *const *argv;
	char **env;			/* owned array, NULL-terminated */
	size_t env_count, env_room;
	char *text;			/* owned: the strings made here, which env points into */
	size_t text_len, text_room;
	char **argv_own;		/* owned: argv where argv0 differs */
	bool stderr_is_socket;
	bool listen_fds;		/* sockets are 3 and up, 0 and 1 are /dev/null */
	char *listen_pid;		/* points into env: LAUNCH_PID_MAX bytes for the number that only the child knows */
	struct launch_rlimit rlimits[RLIM_NLIMITS];
	size_t nrlimits;
	bool set_nice, set_umask, set_oom, set_ids;
	int nice, oom_score_adj;
	mode_t umask;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
	const char *directory;		/* NULL: stays in berthd's, which is "/" */
};

/* Fill in *l.  Aborts when memory for the environment cannot be had. */
void launch_build(struct launch *l, const struct launch_daemon *d, const struct service *s,
    const struct launch_connection *c);

/* Release what a struct launch owns; leaves it zeroed. */
void launch_fini(struct launch *l);

#endif
