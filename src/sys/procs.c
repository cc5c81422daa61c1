#include "procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

struct procs_walk {
	int dir;
	size_t at, len;		/* the part of names that was not looked at yet */
	/* not opendir(3): for its 32 KiB the kernel lists 1,000 processes at once */
	char names[4096] __attribute__((aligned(8)));
};

int
procs_stat(int dir, const char *path, struct procs_entry *e)
{
	char text[512], *p;
	ssize_t n;
	int fd, saved;

	if ((fd = openat(dir, path, O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	saved = errno;
	close(fd);
	errno = n < 0 ? saved : ESRCH;
	if (n <= 0)
		return -1;
	text[n] = '\0';
	/* the name may hold anything, also ')': the last one ends it */
	if ((p = strrchr(text, ')')) == NULL ||
	    sscanf(p + 1, " %c %d %d %d", &e->state, &e->parent, &e->group, &e->session) != 4)
		return -1;
	e->pid = (pid_t)atoi(text);
	return 0;
}

/* The process of one name in /proc; false: it is none, or has ended. */
static bool
look(int dir, const char *name, struct procs_entry *e)
{
	char path[32];

	if (name[0] < '1' || name[0] > '9')
		return false;
	snprintf(path, sizeof(path), "%.16s/stat", name);
	return procs_stat(dir, path, e) == 0;
}

int
procs_each(procs_seen *seen, void *arg)
{
	DIR *d = opendir("/proc");
	struct procs_entry p;
	struct dirent *e;

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (look(dirfd(d), e->d_name, &p))
			seen(arg, p.pid, p.state, p.parent, p.group);
	closedir(d);
	return 0;
}

struct procs_walk *
procs_open(void)
{
	struct procs_walk *w = malloc(sizeof(*w));
	int saved;

	if (w == NULL)
		return NULL;
	w->at = w->len = 0;
	w->dir = fd_high(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (w->dir >= 0)
		return w;
	saved = errno;
	free(w);
	errno = saved;
	return NULL;
}

void
procs_close(struct procs_walk *w)
{
	if (w == NULL)
		return;
	fd_close(&w->dir);
	free(w);
}

/* The next name in /proc; NULL: there is none. */
static const char *
next_name(struct procs_walk *w)
{
	const struct dirent64 *e;
	ssize_t n;

	if (w->at == w->len) {
		if ((n = getdents64(w->dir, w->names, sizeof(w->names))) <= 0)
			return NULL;
		w->at = 0;
		w->len = (size_t)n;
	}
	e = (const struct dirent64 *)(const void *)(w->names + w->at);
	w->at += e->d_reclen;
	return e->d_name;
}

bool
procs_step(struct procs_walk *w, unsigned max,
    void (*seen)(void *arg, const struct procs_entry *e), void *arg)
{
	struct procs_entry p;
	const char *name;

	for (unsigned n = 0; n < max; n++) {
		if ((name = next_name(w)) == NULL)
			return false;
		if (look(w->dir, name, &p))
			seen(arg, &p);
	}
	return true;
}
