/*
 * conffile - read a configuration file that nobody else could have written
 *
 * As root, the opened file (fstat(2)) and every directory above it must belong to root and not be
 * writable by others, nor by a group other than root's; a sticky directory of root's such as
 * /tmp counts as safe.  Symbolic links are followed, and the target is held to the same.
 */
#ifndef BERTH_CONFFILE_H
#define BERTH_CONFFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "../pure/diag.h"

struct conffile {
	char *text;		/* owned; NUL-terminated beyond len */
	size_t len;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/*
 * Read a regular file of at most SPEC_FILE_MAX bytes.  false: why tells, without the path in front ("is
 * writable by group 100").  errno is ENOENT when there is no such file.  Never blocks on a fifo or device.
 */
bool conffile_read(const char *path, bool as_root, struct conffile *out, struct diag *why);
void conffile_fini(struct conffile *f);

/* The checks on a directory and all above it, alone.  Absent: true (nothing can be read from it). */
bool conffile_dir_check(const char *dir, bool as_root, struct diag *why);

#endif
