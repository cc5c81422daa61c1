/*
 * preview - what a reload would report, if it were made now
 *
 * The files are read, and names looked up (outside the loop) as a reload does it, then compared with what is in force.
 * Nothing is kept of that.
 */
#ifndef BERTH_PREVIEW_H
#define BERTH_PREVIEW_H

#include "reload.h"
#include "scan.h"

struct preview;

/* What is in force, and what berth.json says now. */
struct preview_facts {
	struct pool *pool;
	char *const *directories;
	const struct scan *before;		/* of the last reload */
	const struct lookup_table *known;	/* ... and its answers; lives as long as the preview */
	json_t *defaults;			/* owned by the preview from now on; NULL none */
	uint32_t limit;				/* places of the pool */
};

/* A run begins: fill in the facts, and report what is to be said of berth.json. */
typedef void preview_describe(void *arg, struct preview_facts *facts, json_t *report);

struct preview *preview_new(struct loop *l, preview_describe *describe, void *arg);
void preview_free(struct preview *v);	/* NULL is harmless */

/* done gets the report of a run that began after this call, never from within it; then, or when it was told to, it is forgotten. */
void preview_ask(struct preview *v, reload_done *done, void *arg);
void preview_forget(struct preview *v, void *arg);

/* No more runs: who waits gets a report that says that berthd stops. */
void preview_stop(struct preview *v);

#endif
