/*
 * machine - what bounds the number of processes, descriptors and bytes here
 *
 * Limits of this process (getrlimit(2)), of the machine (proc(5), sysinfo(2)) and of the control
 * groups that it is in (cgroups(7), cgroup_namespaces(7); versions 2 and 1, which may be mounted side
 * by side).  The own group stands in /proc/self/cgroup, the way to it in /proc/self/mountinfo.  Groups
 * above the root of a cgroup namespace or of a container's mount cannot be seen, and count as unlimited.
 */
#ifndef BERTH_MACHINE_H
#define BERTH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Each is 0 when it is unknown (unreadable, absent) or unlimited, else 1 or more: a limit of 0 is
 * given as 1.
 */
struct machine {
	int64_t nofile;			/* soft RLIMIT_NOFILE */
	int64_t nproc;			/* soft RLIMIT_NPROC: processes of the real user, handlers or not */
	int64_t pid_max;		/* kernel.pid_max: numbers, one above the largest */
	int64_t threads_max;		/* kernel.threads-max */
	int64_t cgroup_pids;		/* smallest pids.max of the own control group and those above it */
	int64_t memory_bytes;		/* physical memory */
	int64_t cgroup_memory_bytes;	/* smallest memory.max (v1: memory.limit_in_bytes), likewise */
};

/*
 * Read all of it anew.  root: berthd is root, or has CAP_SYS_ADMIN or CAP_SYS_RESOURCE, whom
 * RLIMIT_NPROC does not bind (nproc is 0).  Never fails: what cannot be read is unknown.  Opens and
 * closes files of /proc and of the cgroup file systems: for the start, not for each connection.
 */
void machine_read(struct machine *m, bool root);

#endif
