/*
 * capacity - how many handlers may live at once, where berth.json does not say
 *
 * The default of limits.connections in berth.json: the least of what descriptors, processes and memory
 * allow, from 1 to 1000000, and the arithmetic as a line for the log.  A limit that is unknown
 * bounds nothing.  A handler that forks, or that takes more memory, needs a number in berth.json.
 */
#ifndef BERTH_CAPACITY_H
#define BERTH_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

/* Most that limits.connections can be (pure/spec_keys.c). */
#define CAPACITY_MAX 1000000

/*
 * Descriptors of berthd itself: the loop, the log, the control socket and its clients, watched
 * directories, files of a reload; and those of the handlers that are being started: the connection
 * and the other end of the stderr pipe, which berthd closes when the handler has them.
 */
#define CAPACITY_FILES_KEPT 256
/* Descriptors for each handler as long as it lives: its pidfd, and berthd's end of the stderr pipe. */
#define CAPACITY_FILES_EACH 2

/*
 * Of a limit on processes this part, rounded up, and at least this many stay for others: pid_max and
 * threads_max count the whole machine with the kernel's own threads and each thread of a handler,
 * nproc whatever else the user runs, a control group berthd, its helpers and the children of handlers.
 * The 32 are for small limits, of which a tenth is next to nothing.
 */
#define CAPACITY_PROCESSES_PART 10	/* a tenth */
#define CAPACITY_PROCESSES_KEPT 32

/* Memory for each handler, berthd's and the kernel's share (sockets, page tables) included. */
#define CAPACITY_MEMORY_EACH (4 * 1024 * 1024)

/* As sys/machine.h reads them; 0: unknown or unlimited. */
struct capacity_facts {
	int64_t nofile;			/* descriptors that berthd may have */
	int64_t nproc;			/* processes of berthd's user */
	int64_t pid_max, threads_max;	/* of the machine */
	int64_t cgroup_pids;		/* of berthd's control group and those above it */
	int64_t memory_bytes;		/* physical */
	int64_t cgroup_memory_bytes;	/* of the control group */
	uint32_t listeners;		/* endpoints that berthd holds open: a descriptor each */
};

/* What decided.  Of equals, the first in this order. */
enum capacity_bound {
	CAPACITY_BY_FILES, CAPACITY_BY_PROCESSES, CAPACITY_BY_MEMORY,
	CAPACITY_BY_MAXIMUM		/* all three allow CAPACITY_MAX or more */
};

struct capacity {
	uint32_t connections;		/* 1 to CAPACITY_MAX */
	enum capacity_bound bound;
};

struct capacity capacity_of(const struct capacity_facts *f);

/*
 * The arithmetic behind capacity_of(f) on one line, without a newline.  What decided stands after "by":
 * files, processes, memory, or its maximum; in brackets, which limit was the smallest of its sort:
 *   limits.connections is 2048, by memory: files (20000 - 256 - 12) / 2 = 9866,
 *   processes 32768 - 3277 = 29491 (kernel.pid_max), memory 8G / 4M = 2048 (physical)
 * The brackets: RLIMIT_NPROC, pids.max, kernel.pid_max, kernel.threads-max; control group, physical.
 * A result below 1 is shown as it comes out; an unknown limit is "files unlimited".
 * CAPACITY_TEXT_MAX, with the NUL, always suffices; a smaller buf (size at least 1) cuts.  Returns buf.
 */
#define CAPACITY_TEXT_MAX 320
const char *capacity_format(const struct capacity_facts *f, char *buf, size_t size);

#endif
