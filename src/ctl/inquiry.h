/*
 * inquiry - everything that pure/advice.h is told of a berthd
 */
#ifndef BERTH_INQUIRY_H
#define BERTH_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "../pure/advice.h"
#include "../pure/stats.h"
#include "client.h"

#define INQUIRY_SECONDS 5	/* within these a berthd that does not hang has answered */

struct inquiry {
	char control[108];	/* the path of its socket; "" there is none to look for */
	json_t *status, *services, *connections, *penalties, *shown, *refusals, *holders, *lines;
				/* owned references; see struct advice_facts */
	long long pid;		/* of the one that was connected to; 0: not known */
	bool answered;		/* something, be it an error */
	bool silent;		/* it is there, and there was no answer in time */
	int64_t end_ns;		/* no answer is waited for longer */
};

enum inquiry_scope {
	INQUIRY_NUMBERS,	/* status and services, with the buckets of histograms; nothing else is found out */
	INQUIRY_PROBLEMS,	/* what pure/advice.h wants to know */
	INQUIRY_ALL		/* that, the buckets, and connections where nothing is wrong with them, too */
};

/*
 * Ask the berthd at path (as for client_path()).  It takes INQUIRY_SECONDS at most: what was not found out by then, beside the first answers, is
 * not known.  0; else an exit status, with why: EX_UNAVAILABLE also when it is silent.  inquiry_fini() after all of them.
 */
int inquiry_make(struct inquiry *q, const char *path, enum inquiry_scope scope, struct diag *why);
void inquiry_fini(struct inquiry *q);

struct advice_facts inquiry_facts(const struct inquiry *q);

/* Is the outside of it all that can be told?  status: of inquiry_make(). */
bool inquiry_unanswered(const struct inquiry *q, int status);

/* A berthd that has not answered, as it is seen from outside; q as inquiry_make() left it. */
struct inquiry_outside {
	struct advice_silence silence;
	const char *health;	/* "silent"; "not running" */
	char start[160];	/* what silence.start points to */
	bool counted;		/* there is a statistics file that can be read */
	struct stats stats;	/* ... a copy */
	struct diag why;	/* ... else why not */
};

void inquiry_outside(const struct inquiry *q, struct inquiry_outside *o);
void inquiry_outside_fini(struct inquiry_outside *o);

#endif
