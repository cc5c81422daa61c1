/*
 * procs - what /proc says of processes: in one pass, or some at a time
 */
#ifndef BERTH_PROCS_H
#define BERTH_PROCS_H

#include <stdbool.h>
#include <sys/types.h>

/* One process: state is the letter of proc(5) ('R', 'S', 'T', 'Z', ...). */
typedef void procs_seen(void *arg, pid_t pid, char state, pid_t parent, pid_t group);

/* Call seen for every process in /proc.  Returns 0, or -1 and errno when /proc cannot be read. */
int procs_each(procs_seen *seen, void *arg);

struct procs_entry {
	pid_t pid, parent, group, session;
	char state;
};

/*
 * The process whose /proc/PID/stat is `path`, relative to the directory `dir` (openat(2)).  Returns 0,
 * or -1 and errno: ENOENT or ESRCH when it has ended.
 */
int procs_stat(int dir, const char *path, struct procs_entry *e);

/*
 * A pass in steps, for a caller that has other things to do in between.  Between two steps processes come and
 * go: one that lives through the whole pass is seen once.  The walk holds one descriptor (sys/fd.h).
 */
struct procs_walk;

struct procs_walk *procs_open(void);		/* NULL and errno */
void procs_close(struct procs_walk *w);		/* NULL is harmless */

/* Call seen for up to `max` processes more.  false: the pass is over, or /proc cannot be read. */
bool procs_step(struct procs_walk *w, unsigned max,
    void (*seen)(void *arg, const struct procs_entry *e), void *arg);

#endif
