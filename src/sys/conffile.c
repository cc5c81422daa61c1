#include "conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/spec.h"
#include "fd.h"

static bool
safe_stat(const struct stat *st, struct diag *why)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

	if (st->st_uid != 0) {
		diag_set(why, "belongs to uid %u, expected root (berthd runs as root)",
		    (unsigned)st->st_uid);
		return false;
	}
	if ((st->st_mode & S_IWOTH) && !sticky) {
		diag_set(why, "is writable by others (mode %04o)", (unsigned)st->st_mode & 07777);
		return false;
	}
	if ((st->st_mode & S_IWGRP) && st->st_gid != 0 && !sticky) {
		diag_set(why, "is writable by group %u (mode %04o)", (unsigned)st->st_gid,
		    (unsigned)st->st_mode & 07777);
		return false;
	}
	return true;
}

/* `path` is absolute and free of links: look at it and at each directory above. */
static bool
check_upwards(char *path, struct diag *why)
{
	struct stat st;

	for (;;) {
		char *slash = strrchr(path, '/');

		if (stat(path[0] ? path : "/", &st) < 0) {
			diag_set(why, "cannot stat %s: %s", path, strerror(errno));
			return false;
		}
		if (!safe_stat(&st, why)) {
			diag_prefix(why, "directory %s ", path[0] ? path : "/");
			return false;
		}
		if (path[0] == '\0' || slash == NULL)
			return true;
		*slash = '\0';
	}
}

bool
conffile_dir_check(const char *dir, bool as_root, struct diag *why)
{
	char real[PATH_MAX];

	if (!as_root)
		return true;
	if (realpath(dir, real) == NULL) {
		if (errno == ENOENT)
			return true;
		diag_set(why, "cannot resolve %s: %s", dir, strerror(errno));
		return false;
	}
	return check_upwards(real, why);
}

/* The directory of the opened file, as the kernel names it; for a link that is the target's. */
static bool
check_parents(int fd, struct diag *why)
{
	char link[64], real[PATH_MAX];
	ssize_t n;
	char *slash;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if ((n = readlink(link, real, sizeof(real) - 1)) < 0) {
		diag_set(why, "cannot find its directory: %s: %s", link, strerror(errno));
		return false;
	}
	real[n] = '\0';
	if ((slash = strrchr(real, '/')) == NULL) {
		diag_set(why, "has no directory");
		return false;
	}
	*slash = '\0';
	return check_upwards(real, why);
}

static bool
check_regular(const struct stat *st, struct diag *why)
{
	if (!S_ISREG(st->st_mode)) {
		diag_set(why, "is not a regular file");
		return false;
	}
	if (st->st_size > SPEC_FILE_MAX) {
		diag_set(why, "has %lld bytes, expected at most %d", (long long)st->st_size,
		    SPEC_FILE_MAX);
		return false;
	}
	return true;
}

static bool
read_all(int fd, struct conffile *out, struct diag *why)
{
	ssize_t n;

	if ((out->text = malloc(SPEC_FILE_MAX + 2)) == NULL) {
		diag_set(why, "cannot be read: %s", strerror(errno));
		return false;
	}
	for (out->len = 0; out->len <= SPEC_FILE_MAX; out->len += (size_t)n) {
		n = read(fd, out->text + out->len, SPEC_FILE_MAX + 1 - out->len);
		if (n < 0) {
			diag_set(why, "cannot be read: %s", strerror(errno));
			return false;
		}
		if (n == 0)
			break;
	}
	if (out->len > SPEC_FILE_MAX) {
		diag_set(why, "has more than %d bytes", SPEC_FILE_MAX);
		return false;
	}
	out->text[out->len] = '\0';
	char *fit = realloc(out->text, out->len + 1);
	if (fit != NULL)
		out->text = fit;
	return true;
}

bool
conffile_read(const char *path, bool as_root, struct conffile *out, struct diag *why)
{
	struct stat st;
	int fd, saved;

	*out = (struct conffile){ 0 };
	if ((fd = fd_high(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY))) < 0) {
		saved = errno;
		diag_set(why, "cannot be opened: %s", strerror(errno));
		errno = saved;
		return false;
	}
	if (fstat(fd, &st) < 0) {
		diag_set(why, "cannot be examined: %s", strerror(errno));
		goto fail;
	}
	if (!check_regular(&st, why))
		goto fail;
	if (as_root && (!safe_stat(&st, why) || !check_parents(fd, why)))
		goto fail;
	if (!read_all(fd, out, why))
		goto fail;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->size = st.st_size;
	out->mtime = st.st_mtim;
	out->ctime = st.st_ctim;
	close(fd);
	return true;
fail:
	close(fd);
	conffile_fini(out);
	errno = EINVAL;
	return false;
}

void
conffile_fini(struct conffile *f)
{
	free(f->text);
	f->text = NULL;
	f->len = 0;
}
