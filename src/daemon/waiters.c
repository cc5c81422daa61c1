#include "waiters.h"

#include <assert.h>
#include <stdlib.h>

struct waiter {
	struct waiter *next;
	reload_done *done;	/* NULL: it has gone */
	void *arg;
};

void
waiters_add(struct waiters *w, reload_done *done, void *arg)
{
	struct waiter *x = calloc(1, sizeof(*x)), **last = &w->first;

	assert(x != NULL);
	*x = (struct waiter){ .done = done, .arg = arg };
	while (*last != NULL)
		last = &(*last)->next;
	*last = x;
}

void
waiters_answer(struct waiters *w, json_t *report)
{
	struct waiter *x = w->first;

	w->first = NULL;
	while (x != NULL) {
		struct waiter *next = x->next;

		if (x->done != NULL)
			x->done(x->arg, report);
		free(x);
		x = next;
	}
}

void
waiters_forget(struct waiters *w, const void *arg)
{
	for (struct waiter *x = w->first; x != NULL; x = x->next)
		if (x->arg == arg)
			x->done = NULL;
}
