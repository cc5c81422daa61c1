/*
 * dirwatch - tell when service directories change (inotify(7))
 *
 * A directory that does not exist yet is waited for by watching the nearest ancestor that does.
 */
#ifndef BERTH_DIRWATCH_H
#define BERTH_DIRWATCH_H

#include "loop.h"

struct dirwatch;
typedef void dirwatch_changed(void *arg);

/*
 * Watch nothing yet.  NULL and errno when inotify cannot be had (reload by signal and by
 * berthctl works all the same).
 */
struct dirwatch *dirwatch_new(struct loop *l, dirwatch_changed *changed, void *arg);
void dirwatch_free(struct dirwatch *w);	/* NULL is harmless */

/*
 * Begin a new set of watches, add directories and files (the targets of symbolic links), and drop what was
 * not named again.  Begin and the directories come before the directory is read, so that no change falls between.
 * dirwatch_dir returns 0, or an errno when the directory cannot be watched.
 */
void dirwatch_begin(struct dirwatch *w);
int dirwatch_dir(struct dirwatch *w, const char *dir);
void dirwatch_file(struct dirwatch *w, const char *path);
void dirwatch_end(struct dirwatch *w);

#endif
