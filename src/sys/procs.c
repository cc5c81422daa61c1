#include "procs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
look(int dir, const char *name, procs_seen *seen, void *arg)
{
	char path[32], text[512], *p, state;
	int fd, parent, group;
	ssize_t n;

	snprintf(path, sizeof(path), "%.16s/stat", name);
	if ((fd = openat(dir, path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	/* the name may hold anything, also ')': the last one ends it */
	if ((p = strrchr(text, ')')) == NULL ||
	    sscanf(p + 1, " %c %d %d", &state, &parent, &group) != 3)
		return;
	seen(arg, (pid_t)atoi(name), state, parent, group);
}

int
procs_each(procs_seen *seen, void *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			look(dirfd(d), e->d_name, seen, arg);
	closedir(d);
	return 0;
}
