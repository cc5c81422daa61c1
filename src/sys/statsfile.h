/*
 * statsfile - the statistics (pure/stats) in a file: mapped by berthd, read by others
 *
 * The mapping is shared with the file, so what is written is there whatever becomes of berthd; it is not passed on to
 * children that are forked (MADV_DONTFORK), which must not touch it.  Space is allocated before it is touched: a full
 * file system is an error here, never a SIGBUS.
 */
#ifndef BERTH_STATSFILE_H
#define BERTH_STATSFILE_H

#include <sys/types.h>

#include "../pure/stats.h"

struct statsfile;

/*
 * Take the file over, or make a new one, readable for nobody else (0600); one that is of another layout, or not berthd's own, is replaced, and *note
 * says why ("" when there is nothing to say; owned by the caller, as a struct diag).  NULL with why: it cannot be.
 * Whoever calls holds the lock that makes it the only berthd there.
 */
struct statsfile *statsfile_open(const char *path, struct diag *note, struct diag *why);

/* The same in memory of this process alone. */
struct statsfile *statsfile_anonymous(void);

/* The file is left as it is. */
void statsfile_close(struct statsfile *f);

struct stats *statsfile_stats(struct statsfile *f);

/* NULL: anonymous. */
const char *statsfile_path(const struct statsfile *f);

/* Readable for this group from now on; false and errno. */
bool statsfile_set_group(struct statsfile *f, gid_t gid);

/*
 * The slot of a service: the one it had, or a free one.  Never NULL: where there is no room in the file it lies in memory alone,
 * which is noted once by *full.
 */
struct stats_slot *statsfile_take(struct statsfile *f, const char *name, bool *full);

/* The service is gone: its slot is cleared. */
void statsfile_give(struct statsfile *f, struct stats_slot *s);

/* berthd ends: it stays as it is. */
void statsfile_leave(struct statsfile *f, struct stats_slot *s);

/* Clear the slots that no service of this berthd has taken. */
void statsfile_sweep(struct statsfile *f);

/*
 * For readers: a copy of the file as it is now, in memory of the caller's, freed by statsfile_free_copy().  Of a file that
 * cannot be opened or read, errno is kept.  room of the copy is head->slots.
 */
bool statsfile_read(const char *path, struct stats *copy, struct diag *why);
void statsfile_free_copy(struct stats *copy);

#endif
