#include "capacity.h"

#include <stdbool.h>
#include <stdio.h>

#define UNLIMITED INT64_MAX
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One limit of several of a sort. */
struct limit {
	int64_t n;		/* 0: none */
	const char *name;
};

static struct limit
least(const struct limit *l, size_t count)
{
	struct limit found = { 0, NULL };

	for (size_t i = 0; i < count; i++)
		if (l[i].n > 0 && (found.n == 0 || l[i].n < found.n))
			found = l[i];
	return found;
}

static struct limit
least_processes(const struct capacity_facts *f)
{
	const struct limit all[] = { { f->nproc, "RLIMIT_NPROC" }, { f->cgroup_pids, "pids.max" },
		{ f->pid_max, "kernel.pid_max" }, { f->threads_max, "kernel.threads-max" } };

	return least(all, COUNT(all));
}

static struct limit
least_memory(const struct capacity_facts *f)
{
	const struct limit all[] = { { f->cgroup_memory_bytes, "control group" },
		{ f->memory_bytes, "physical" } };

	return least(all, COUNT(all));
}

/* ---- handlers that each sort allows; below 1 too, or UNLIMITED ---- */

static int64_t
by_files(const struct capacity_facts *f)
{
	if (f->nofile <= 0)
		return UNLIMITED;
	return (f->nofile - CAPACITY_FILES_KEPT - f->listeners) / CAPACITY_FILES_EACH;
}

static int64_t
processes_kept(int64_t n)
{
	int64_t part = n / CAPACITY_PROCESSES_PART + (n % CAPACITY_PROCESSES_PART != 0);

	return part > CAPACITY_PROCESSES_KEPT ? part : CAPACITY_PROCESSES_KEPT;
}

static int64_t
by_processes(const struct capacity_facts *f)
{
	int64_t n = least_processes(f).n;

	return n > 0 ? n - processes_kept(n) : UNLIMITED;
}

static int64_t
by_memory(const struct capacity_facts *f)
{
	int64_t n = least_memory(f).n;

	return n > 0 ? n / CAPACITY_MEMORY_EACH : UNLIMITED;
}

struct capacity
capacity_of(const struct capacity_facts *f)
{
	const int64_t allows[] = { [CAPACITY_BY_FILES] = by_files(f),
		[CAPACITY_BY_PROCESSES] = by_processes(f), [CAPACITY_BY_MEMORY] = by_memory(f),
		[CAPACITY_BY_MAXIMUM] = CAPACITY_MAX };
	enum capacity_bound bound = CAPACITY_BY_MAXIMUM;

	for (size_t i = COUNT(allows); i-- > 0;)
		if (allows[i] < CAPACITY_MAX && allows[i] <= allows[bound])
			bound = (enum capacity_bound)i;
	return (struct capacity){ .bound = bound,
		.connections = allows[bound] < 1 ? 1 : (uint32_t)allows[bound] };
}

/* ---- the text ---- */

static const char *
files_text(const struct capacity_facts *f, char *buf, size_t size)
{
	if (f->nofile <= 0)
		return "files unlimited";
	snprintf(buf, size, "files (%jd - %d - %u) / %d = %jd", (intmax_t)f->nofile,
	    CAPACITY_FILES_KEPT, f->listeners, CAPACITY_FILES_EACH, (intmax_t)by_files(f));
	return buf;
}

static const char *
processes_text(const struct capacity_facts *f, char *buf, size_t size)
{
	struct limit l = least_processes(f);

	if (l.n == 0)
		return "processes unlimited";
	snprintf(buf, size, "processes %jd - %jd = %jd (%s)", (intmax_t)l.n,
	    (intmax_t)processes_kept(l.n), (intmax_t)by_processes(f), l.name);
	return buf;
}

/* Cut to whole units, the quotient is the same. */
static const char *
memory_text(const struct capacity_facts *f, char *buf, size_t size)
{
	struct limit l = least_memory(f);
	bool whole = l.n % GIB == 0;

	if (l.n == 0)
		return "memory unlimited";
	snprintf(buf, size, "memory %jd%c / %jdM = %jd (%s)", (intmax_t)(l.n / (whole ? GIB : MIB)),
	    whole ? 'G' : 'M', (intmax_t)(CAPACITY_MEMORY_EACH / MIB), (intmax_t)by_memory(f),
	    l.name);
	return buf;
}

const char *
capacity_format(const struct capacity_facts *f, char *buf, size_t size)
{
	static const char *const words[] = { [CAPACITY_BY_FILES] = "files",
		[CAPACITY_BY_PROCESSES] = "processes", [CAPACITY_BY_MEMORY] = "memory",
		[CAPACITY_BY_MAXIMUM] = "its maximum" };
	struct capacity c = capacity_of(f);
	char files[96], processes[112], memory[80];

	snprintf(buf, size, "limits.connections is %u, by %s: %s, %s, %s", c.connections,
	    words[c.bound], files_text(f, files, sizeof(files)),
	    processes_text(f, processes, sizeof(processes)),
	    memory_text(f, memory, sizeof(memory)));
	return buf;
}
