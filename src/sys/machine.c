#include "machine.h"

#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* This and more is no limit: RLIM_INFINITY, and cgroup v1's LONG_MAX rounded down to a page. */
#define UNLIMITED (UINT64_C(1) << 62)

/* What is looked for, by the type of the file system and the controller (v2 has one hierarchy for all). */
static const struct kind {
	const char *type, *controller, *file;
	size_t member;
} kinds[] = {
	{ "cgroup2", "", "pids.max", offsetof(struct machine, cgroup_pids) },
	{ "cgroup2", "", "memory.max", offsetof(struct machine, cgroup_memory_bytes) },
	{ "cgroup", "pids", "pids.max", offsetof(struct machine, cgroup_pids) },
	{ "cgroup", "memory", "memory.limit_in_bytes",
	    offsetof(struct machine, cgroup_memory_bytes) },
};

/* A line of mountinfo, within that line. */
struct mount {
	char *root, *point, *type, *options;
};

/* ---- numbers ---- */

static int64_t
limit(uint64_t n)
{
	return n >= UNLIMITED ? 0 : n == 0 ? 1 : (int64_t)n;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return (a == 0 || (b != 0 && b < a)) ? b : a;
}

/* The number that is all of a file; anything else ("max") is no limit. */
static int64_t
limit_in(const char *path)
{
	char text[64];
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || text[0] < '0' || text[0] > '9')
		return 0;
	text[n] = '\0';
	return limit(strtoull(text, NULL, 10));
}

static int64_t
limit_of(int resource)
{
	struct rlimit r;

	return getrlimit(resource, &r) == 0 ? limit(r.rlim_cur) : 0;
}

static int64_t
physical_bytes(void)
{
	struct sysinfo s;

	return sysinfo(&s) == 0 ? limit((uint64_t)s.totalram * s.mem_unit) : 0;
}

/* ---- control groups ---- */

/* Is it an element of a list with commas?  The empty word is in the empty list. */
static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word), n;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		if (n == len && strncmp(list, word, len) == 0)
			return true;
		if (list[n] == '\0')
			return false;
	}
}

/* "\040" is a space, and so on (proc(5)). */
static void
unescape(char *s)
{
	char *out = s;

	while (*s != '\0') {
		if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else
			*out++ = *s++;
	}
	*out = '\0';
}

static bool
split_mount(char *line, struct mount *m)
{
	char *field[5], *word;

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < 5; i++)
		if ((field[i] = strsep(&line, " ")) == NULL)
			return false;
	/* options and optional fields, as many as there are */
	while ((word = strsep(&line, " ")) != NULL && strcmp(word, "-") != 0)
		;
	m->type = strsep(&line, " ");
	word = strsep(&line, " "); /* the device, which may be empty */
	m->options = strsep(&line, " ");
	if (word == NULL || m->options == NULL)
		return false;
	m->root = field[3];
	m->point = field[4];
	unescape(m->root);
	unescape(m->point);
	return true;
}

/* The path of the own group in the hierarchy of a controller, from lines "ID:CONTROLLERS:PATH". */
static bool
find_own(const char *cgroup, const char *controller, char *buf, size_t size)
{
	FILE *f = fopen(cgroup, "re");
	char *line = NULL, *rest, *controllers;
	size_t cap = 0;
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && getline(&line, &cap, f) > 0) {
		rest = line;
		rest[strcspn(rest, "\n")] = '\0';
		strsep(&rest, ":");
		controllers = strsep(&rest, ":");
		found = rest != NULL && has_word(controllers, controller) &&
		    (size_t)snprintf(buf, size, "%s", rest) < size;
	}
	free(line);
	fclose(f);
	return found;
}

/* How many ".." a path begins with: so far above the root of the cgroup namespace it lies. */
static unsigned
count_ups(const char *path, const char **rest)
{
	unsigned n = 0;

	while (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0')) {
		path += 3;
		n++;
	}
	*rest = path;
	return n;
}

/*
 * The directory of group `own`, seen through a mount of group m->root.  A root above that of the
 * namespace ("/..") does not tell the names on the way down: then the mount point stands for it,
 * which is above it at any rate.  false: the group is not below the mount.
 */
static bool
find_dir(const struct mount *m, const char *own, char *buf, size_t size)
{
	size_t len = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
	const char *rest, *end;
	unsigned up = count_ups(m->root, &end);

	if (strncmp(own, m->root, len) == 0 && (own[len] == '/' || own[len] == '\0'))
		rest = own + len;
	else if (*end == '\0' && up > count_ups(own, &rest))
		rest = "";
	else
		return false;
	if (count_ups(rest, &end) > 0)
		return false;
	if (strcmp(rest, "/") == 0)
		rest = "";
	return (size_t)snprintf(buf, size, "%s%s", m->point, rest) < size;
}

/* The smallest limit in a directory, which is cut, and in those above it up to its first `top` bytes. */
static int64_t
least_limit(char *dir, size_t top, const char *file)
{
	char path[PATH_MAX + 32];
	int64_t least = 0;

	for (;;) {
		snprintf(path, sizeof(path), "%s/%s", dir, file);
		least = smaller(least, limit_in(path));
		if (strlen(dir) <= top)
			return least;
		*strrchr(dir, '/') = '\0';
	}
}

static void
read_mount(struct machine *m, const struct mount *mount, const char *cgroup)
{
	char own[PATH_MAX], dir[PATH_MAX];
	int64_t *member;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *k = &kinds[i];

		if (strcmp(mount->type, k->type) != 0 ||
		    (k->controller[0] != '\0' && !has_word(mount->options, k->controller)) ||
		    !find_own(cgroup, k->controller, own, sizeof(own)) ||
		    !find_dir(mount, own, dir, sizeof(dir)))
			continue;
		member = (int64_t *)(void *)((char *)m + k->member);
		*member = smaller(*member, least_limit(dir, strlen(mount->point), k->file));
	}
}

static void
read_cgroups(struct machine *m, const char *cgroup, const char *mountinfo)
{
	FILE *f = fopen(mountinfo, "re");
	struct mount mount;
	char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		return;
	while (getline(&line, &cap, f) > 0)
		if (split_mount(line, &mount))
			read_mount(m, &mount, cgroup);
	free(line);
	fclose(f);
}

void
machine_read(struct machine *m, bool root)
{
	*m = (struct machine){ .nofile = limit_of(RLIMIT_NOFILE),
		.nproc = root ? 0 : limit_of(RLIMIT_NPROC),
		.pid_max = limit_in("/proc/sys/kernel/pid_max"),
		.threads_max = limit_in("/proc/sys/kernel/threads-max"),
		.memory_bytes = physical_bytes() };
	read_cgroups(m, "/proc/self/cgroup", "/proc/self/mountinfo");
}
