/*
 * procs - what /proc says of processes, in one pass
 */
#ifndef BERTH_PROCS_H
#define BERTH_PROCS_H

#include <sys/types.h>

/* One process: state is the letter of proc(5) ('R', 'S', 'T', 'Z', ...). */
typedef void procs_seen(void *arg, pid_t pid, char state, pid_t parent, pid_t group);

/* Call seen for every process in /proc.  Returns 0, or -1 and errno when /proc cannot be read. */
int procs_each(procs_seen *seen, void *arg);

#endif
