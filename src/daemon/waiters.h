/*
 * waiters - who waits for the report of a run
 */
#ifndef BERTH_WAITERS_H
#define BERTH_WAITERS_H

#include <jansson.h>

/*
 * Called when a run has ended.  report: {"added": [names], "changed": [{"service", "keys"}], "removed":
 * [names], "errors": [texts], "notes": [texts]}, borrowed.
 */
typedef void reload_done(void *arg, json_t *report);

/* In the order in which they came; empty: zero. */
struct waiters {
	struct waiter *first;
};

/* done may be NULL: nobody is told. */
void waiters_add(struct waiters *w, reload_done *done, void *arg);

/* Tell everybody, and empty the list.  Who comes meanwhile is not told. */
void waiters_answer(struct waiters *w, json_t *report);

/* All of this arg have gone. */
void waiters_forget(struct waiters *w, const void *arg);

#endif
