#include "../../src/pure/capacity.h"

#include <string.h>

#include "unit.h"

#define M (INT64_C(1) << 20)
#define G (INT64_C(1) << 30)
#define BIG INT64_MAX

static void
test_number(void)
{
	static const struct {
		const char *label;
		struct capacity_facts input;
		uint32_t want;
		enum capacity_bound want_bound;
	} rows[] = {
		{ "what is unknown bounds nothing", { 0 }, 1000000, CAPACITY_BY_MAXIMUM },
		{ "256 files stay, a handler has two", { .nofile = 20000 }, 9872, CAPACITY_BY_FILES },
		{ "a listener has one", { .nofile = 20000, .listeners = 12 }, 9866, CAPACITY_BY_FILES },
		{ "half a handler is none", { .nofile = 20000, .listeners = 13 }, 9865,
		    CAPACITY_BY_FILES },
		{ "one handler is served with the fewest files", { .nofile = 1 }, 1,
		    CAPACITY_BY_FILES },
		{ "with more listeners than files too", { .nofile = 1024, .listeners = UINT32_MAX }, 1,
		    CAPACITY_BY_FILES },
		{ "two files above what stays: one", { .nofile = 258 }, 1, CAPACITY_BY_FILES },
		{ "four: two", { .nofile = 260 }, 2, CAPACITY_BY_FILES },
		{ "a tenth of pid_max stays, rounded up", { .pid_max = 32768 }, 29491,
		    CAPACITY_BY_PROCESSES },
		{ "of threads_max", { .threads_max = 192730 }, 173457, CAPACITY_BY_PROCESSES },
		{ "of nproc", { .nproc = 96365 }, 86728, CAPACITY_BY_PROCESSES },
		{ "of the control group's", { .cgroup_pids = 4915 }, 4423, CAPACITY_BY_PROCESSES },
		{ "32 at least", { .cgroup_pids = 100 }, 68, CAPACITY_BY_PROCESSES },
		{ "a tenth where it is 32", { .cgroup_pids = 320 }, 288, CAPACITY_BY_PROCESSES },
		{ "and where it is more", { .cgroup_pids = 321 }, 288, CAPACITY_BY_PROCESSES },
		{ "one handler is served with the fewest processes", { .cgroup_pids = 1 }, 1,
		    CAPACITY_BY_PROCESSES },
		{ "the smallest of the four counts",
		    { .nproc = 400, .pid_max = 32768, .threads_max = 500, .cgroup_pids = 600 }, 360,
		    CAPACITY_BY_PROCESSES },
		{ "4 MiB for a handler", { .memory_bytes = 8 * G }, 2048, CAPACITY_BY_MEMORY },
		{ "less is no handler", { .memory_bytes = 8 * G - 1 }, 2047, CAPACITY_BY_MEMORY },
		{ "the control group's when it is smaller",
		    { .memory_bytes = 8 * G, .cgroup_memory_bytes = 512 * M }, 128,
		    CAPACITY_BY_MEMORY },
		{ "and not when it is larger",
		    { .memory_bytes = 8 * G, .cgroup_memory_bytes = 64 * G }, 2048,
		    CAPACITY_BY_MEMORY },
		{ "one handler is served with the least memory", { .cgroup_memory_bytes = 1 }, 1,
		    CAPACITY_BY_MEMORY },
		{ "the least of the three decides: files",
		    { .nofile = 1024, .pid_max = 32768, .memory_bytes = 8 * G }, 384,
		    CAPACITY_BY_FILES },
		{ "processes", { .nofile = 20000, .pid_max = 1000, .memory_bytes = 8 * G }, 900,
		    CAPACITY_BY_PROCESSES },
		{ "memory", { .nofile = 20000, .pid_max = 32768, .memory_bytes = 8 * G }, 2048,
		    CAPACITY_BY_MEMORY },
		{ "of equals the first", { .nofile = 456, .cgroup_pids = 132, .memory_bytes = 400 * M },
		    100, CAPACITY_BY_FILES },
		{ "a million is the most", { .nofile = BIG, .pid_max = 4194304, .memory_bytes = BIG },
		    1000000, CAPACITY_BY_MAXIMUM },
		{ "one below is bounded", { .nofile = 2000254 }, 999999, CAPACITY_BY_FILES },
		{ "exactly a million is not", { .nofile = 2000256 }, 1000000, CAPACITY_BY_MAXIMUM },
		{ "no limit is too large", { BIG, BIG, BIG, BIG, BIG, BIG, BIG, UINT32_MAX }, 1000000,
		    CAPACITY_BY_MAXIMUM },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct capacity got = capacity_of(&rows[i].input);

		UNIT_CHECK(rows[i].label,
		    got.connections == rows[i].want && got.bound == rows[i].want_bound,
		    "got %u by %d, want %u by %d", got.connections, (int)got.bound, rows[i].want,
		    (int)rows[i].want_bound);
	}
}

static void
test_text(void)
{
	static const struct {
		const char *label;
		struct capacity_facts input;
		const char *want;
	} rows[] = {
		{ "the line says all three, and what decided",
		    { .nofile = 20000, .pid_max = 32768, .threads_max = 192730, .memory_bytes = 8 * G,
		      .listeners = 12 },
		    "limits.connections is 2048, by memory: files (20000 - 256 - 12) / 2 = 9866, "
		    "processes 32768 - 3277 = 29491 (kernel.pid_max), memory 8G / 4M = 2048 "
		    "(physical)" },
		{ "the smaller memory, in whole units",
		    { .nofile = 1024, .nproc = 400, .threads_max = 500, .memory_bytes = 8 * G,
		      .cgroup_memory_bytes = 1536 * M + 4096 },
		    "limits.connections is 360, by processes: files (1024 - 256 - 0) / 2 = 384, "
		    "processes 400 - 40 = 360 (RLIMIT_NPROC), memory 1536M / 4M = 384 (control "
		    "group)" },
		{ "a result below 1 is shown as it comes out", { .nofile = 100, .cgroup_pids = 20 },
		    "limits.connections is 1, by files: files (100 - 256 - 0) / 2 = -78, processes 20 "
		    "- 32 = -12 (pids.max), memory unlimited" },
		{ "nothing known", { 0 },
		    "limits.connections is 1000000, by its maximum: files unlimited, processes "
		    "unlimited, memory unlimited" },
		{ "the longest fits",
		    { BIG, 0, 0, BIG, 0, 0, BIG, UINT32_MAX },
		    "limits.connections is 1000000, by its maximum: files (9223372036854775807 - 256 "
		    "- 4294967295) / 2 = 4611686016279904128, processes 9223372036854775807 - "
		    "922337203685477581 = 8301034833169298226 (kernel.threads-max), memory "
		    "8796093022207M / 4M = 2199023255551 (control group)" },
	};
	char buf[CAPACITY_TEXT_MAX], small[20];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = capacity_format(&rows[i].input, buf, sizeof(buf));

		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0, "got %s, want %s", got,
		    rows[i].want);
	}
	capacity_format(&rows[0].input, small, sizeof(small));
	UNIT_CHECK("a small buffer cuts", strcmp(small, "limits.connections ") == 0, "got %s, want %s",
	    small, "limits.connections ");
}

int
main(void)
{
	test_number();
	test_text();
	return unit_done();
}
