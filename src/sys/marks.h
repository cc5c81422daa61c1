/*
 * marks - empty files by whose names something is remembered over restarts and boots
 *
 * They are STATE/KIND/NAME, in a directory that nobody but berthd could have written.  Only whether there is one
 * counts: nothing is read from it.
 */
#ifndef BERTH_MARKS_H
#define BERTH_MARKS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../pure/diag.h"

struct marks {
	char **name;		/* owned, sorted */
	size_t count, room;
};

/*
 * The marks of one kind.  state NULL, or a directory that is not there: none.  false: they cannot be read, why tells with the
 * path in front.
 */
bool marks_read(const char *state, const char *kind, struct marks *out, struct diag *why);
bool marks_has(const struct marks *m, const char *name);
void marks_free(struct marks *m);

/*
 * Make a mark, or remove it; as it is before is fine.  Directories that are not there are made.  True: it is so and stays so when the machine
 * loses its power now (fsync(2): takes as long as the disk does).  false: nothing has changed, and why tells why not.
 * path: of the mark, in any case.
 */
bool marks_set(const char *state, const char *kind, const char *name, bool on,
    char path[static PATH_MAX], struct diag *why);

#endif
