/*
 * fdcheck - a handler that says what it was given, one fact a line
 *
 * fd N TARGET blocking|nonblocking read|write|both        SigBlk SigIgn SigCgt NoNewPrivs Cap* as /proc has them
 * umask 0022   cwd /   uid R E S   gid R E S   groups N...   nice N   oom_score_adj N   rlimit NAME SOFT HARD
 * pid N  ppid N  sid N  pgid N  tty none|NAME   argv I TEXT   env NAME=VALUE (sorted)
 *
 * With an argument "hold" it then stays until its input ends.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void
report_fd(int fd)
{
	static const char *const mode[] = { "read", "write", "both", "?" };
	char link[64], target[PATH_MAX];
	int flags = fcntl(fd, F_GETFL);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	printf("fd %d %s %s %s\n", fd, target, flags & O_NONBLOCK ? "nonblocking" : "blocking",
	    mode[flags & O_ACCMODE]);
}

static int
compare_int(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void
report_fds(void)
{
	static int fds[4096];
	size_t count = 0;
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL && count < 4096)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			fds[count++] = atoi(e->d_name);
	closedir(d);
	qsort(fds, count, sizeof(fds[0]), compare_int);
	for (size_t i = 0; i < count; i++)
		report_fd(fds[i]);
}

static void
report_status(void)
{
	static const char *const wanted[] = { "SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Cap",
	    "Seccomp:" };
	FILE *f = fopen("/proc/self/status", "r");
	char line[512];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				fputs(line, stdout);
	fclose(f);
}

static void
report_ids(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg, groups[NGROUPS_MAX];
	int n;

	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	printf("uid %u %u %u\ngid %u %u %u\ngroups", r, e, s, rg, eg, sg);
	n = getgroups(NGROUPS_MAX, groups);
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	putchar('\n');
}

static void
report_limit(const char *name, int resource)
{
	struct rlimit r;
	char soft[32] = "unlimited", hard[32] = "unlimited";

	if (getrlimit((__rlimit_resource_t)resource, &r) < 0)
		return;
	if (r.rlim_cur != RLIM_INFINITY)
		snprintf(soft, sizeof(soft), "%llu", (unsigned long long)r.rlim_cur);
	if (r.rlim_max != RLIM_INFINITY)
		snprintf(hard, sizeof(hard), "%llu", (unsigned long long)r.rlim_max);
	printf("rlimit %s %s %s\n", name, soft, hard);
}

static void
report_limits(void)
{
	static const struct { const char *name; int resource; } limits[] = {
		{ "as", RLIMIT_AS }, { "core", RLIMIT_CORE }, { "cpu", RLIMIT_CPU },
		{ "data", RLIMIT_DATA }, { "fsize", RLIMIT_FSIZE }, { "locks", RLIMIT_LOCKS },
		{ "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE },
		{ "nice", RLIMIT_NICE }, { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC },
		{ "rss", RLIMIT_RSS }, { "rtprio", RLIMIT_RTPRIO }, { "rttime", RLIMIT_RTTIME },
		{ "sigpending", RLIMIT_SIGPENDING }, { "stack", RLIMIT_STACK },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		report_limit(limits[i].name, limits[i].resource);
}

static void
report_oom(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "r");
	int value;

	if (f == NULL)
		return;
	if (fscanf(f, "%d", &value) == 1)
		printf("oom_score_adj %d\n", value);
	fclose(f);
}

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
report_process(void)
{
	char cwd[PATH_MAX];
	mode_t mask = umask(0);
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	umask(mask);
	printf("umask %04o\ncwd %s\nnice %d\n", (unsigned)mask,
	    getcwd(cwd, sizeof(cwd)) != NULL ? cwd : "?", getpriority(PRIO_PROCESS, 0));
	printf("pid %d\nppid %d\nsid %d\npgid %d\ntty %s\n", getpid(), getppid(), getsid(0),
	    getpgrp(), tty < 0 ? "none" : "some");
	if (tty >= 0)
		close(tty);
}

int
main(int argc, char *argv[])
{
	size_t count = 0;
	char buf[512];

	/* the fds first: nothing of ours may stand among them */
	report_fds();
	report_status();
	report_process();
	report_ids();
	report_oom();
	report_limits();
	for (int i = 0; i < argc; i++)
		printf("argv %d %s\n", i, argv[i]);
	while (environ[count] != NULL)
		count++;
	qsort(environ, count, sizeof(*environ), compare_text);
	for (size_t i = 0; i < count; i++)
		printf("env %s\n", environ[i]);
	printf("end\n");
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
			;
	return 0;
}
