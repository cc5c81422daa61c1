#include "marks.h"

#include <sys/stat.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* STATE/KIND, if it is nobody else's; -1: why tells, and errno is ENOENT where there is none. */
static int
open_kind(const char *state, const char *kind, struct diag *why)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", state, kind);
	fd = fd_high(open(path, DIRECTORY));
	if (fd < 0) {
		diag_set(why, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return fd;
	diag_set(why, "%s: could have been written by others", path);
	fd_close(&fd);
	errno = EPERM;
	return -1;
}

/* ---- reading ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
add(struct marks *m, const char *name)
{
	if (m->count == m->room) {
		m->room = m->room * 2 + 8;
		m->name = reallocarray(m->name, m->room, sizeof(*m->name));
		assert(m->name != NULL);
	}
	m->name[m->count] = strdup(name);
	assert(m->name[m->count] != NULL);
	m->count++;
}

bool
marks_read(const char *state, const char *kind, struct marks *out, struct diag *why)
{
	struct dirent *e;
	DIR *d;
	int fd, error;

	*out = (struct marks){ 0 };
	if (state == NULL)
		return true;
	if ((fd = open_kind(state, kind, why)) < 0)
		return errno == ENOENT;
	if ((d = fdopendir(fd)) == NULL) {
		diag_set(why, "%s/%s: %s", state, kind, strerror(errno));
		fd_close(&fd);
		return false;
	}
	while ((errno = 0, e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			add(out, e->d_name);
	error = errno;
	closedir(d);
	if (out->count > 0)
		qsort(out->name, out->count, sizeof(*out->name), by_name);
	if (error == 0)
		return true;
	diag_set(why, "%s/%s: %s", state, kind, strerror(error));
	marks_free(out);
	return false;
}

bool
marks_has(const struct marks *m, const char *name)
{
	return m->count > 0 &&
	    bsearch(&name, m->name, m->count, sizeof(*m->name), by_name) != NULL;
}

void
marks_free(struct marks *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->name[i]);
	free(m->name);
	*m = (struct marks){ 0 };
}

/* ---- writing ---- */

static bool
sync_directory(const char *path)
{
	int fd = fd_high(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	bool done = fd >= 0 && fsync(fd) == 0;
	int error = errno;

	fd_close(&fd);
	errno = error;
	return done;
}

/* Make a directory, and it is known to be in the one above. */
static bool
make_one(char *path)
{
	char *slash = strrchr(path, '/');
	bool done;

	if (mkdir(path, 0755) < 0)
		return errno == EEXIST;
	if (slash == path)
		return sync_directory("/");
	*slash = '\0';
	done = sync_directory(path);
	*slash = '/';
	return done;
}

/* ... and all above it. */
static bool
make_all(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		bool done;

		*slash = '\0';
		done = make_one(path);
		*slash = '/';
		if (!done)
			return false;
	}
	return make_one(path);
}

static int
open_or_make(const char *state, const char *kind, struct diag *why)
{
	char path[PATH_MAX];
	int fd = open_kind(state, kind, why);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(path, sizeof(path), "%s/%s", state, kind);
	if (make_all(path))
		return open_kind(state, kind, why);
	diag_set(why, "%s: %s", path, strerror(errno));
	return -1;
}

static bool
make_mark(int dir, const char *name)
{
	int fd = fd_high(openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
	bool made = fd >= 0;
	int error = 0;

	if (fd < 0 && errno != EEXIST)
		return false;
	if ((made && fsync(fd) < 0) || fsync(dir) < 0)
		error = errno;
	fd_close(&fd);
	if (error != 0 && made)
		unlinkat(dir, name, 0);
	errno = error;
	return error == 0;
}

static bool
remove_mark(int dir, const char *name)
{
	bool removed = unlinkat(dir, name, 0) == 0;
	int error;

	if (!removed && errno != ENOENT)
		return false;
	if (fsync(dir) == 0)
		return true;
	error = errno;
	if (removed)
		make_mark(dir, name);
	errno = error;
	return false;
}

bool
marks_set(const char *state, const char *kind, const char *name, bool on,
    char path[static PATH_MAX], struct diag *why)
{
	bool done;
	int dir;

	snprintf(path, PATH_MAX, "%s/%s/%s", state != NULL ? state : "", kind, name);
	if (state == NULL) {
		diag_set(why, "there is no state directory: neither STATE_DIRECTORY nor HOME is set");
		return false;
	}
	dir = on ? open_or_make(state, kind, why) : open_kind(state, kind, why);
	if (dir < 0)
		return !on && errno == ENOENT;
	done = on ? make_mark(dir, name) : remove_mark(dir, name);
	if (!done)
		diag_set(why, "%s", strerror(errno));
	fd_close(&dir);
	return done;
}
