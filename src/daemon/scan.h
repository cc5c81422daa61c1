/*
 * scan - the service files as they are now
 */
#ifndef BERTH_SCAN_H
#define BERTH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "../pure/spec.h"
#include "../sys/dirwatch.h"

/* One NAME.json, good or bad. */
struct scan_file {
	char *name, *path;	/* owned */
	dev_t dev;		/* what it was when it was read */
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	bool unusable;		/* its directory cannot be used now */
	bool fresh;		/* read in this scan, not yet resolved */
	struct service *service;/* held; NULL: bad */
	struct diag_list errors;
};

struct scan {
	struct scan_file *file;	/* by name */
	size_t count, room;
	struct diag_list errors;/* of directories */
};

/*
 * Look at all directories (the first that has a name wins; a symbolic link to /dev/null masks it).
 * before: the last scan, or NULL; what did not change since is moved out of it instead of read again, unless
 * reread.  watch: gets the directories and the links; may be NULL.
 */
void scan_directories(struct scan *out, struct scan *before, bool reread,
    const struct spec_context *ctx, char *const *directories, struct dirwatch *watch);

void scan_fini(struct scan *s);

#endif
