/*
 * pageview - the status page as HTML: what berthd answered and what pure/advice makes of it, and nothing from elsewhere
 *
 * Whatever was answered or found out is text in it, by pure/html; its style sheet and its script are ours and named by their
 * hashes in the policy, and the browser is told to take no other.
 */
#ifndef BERTH_PAGEVIEW_H
#define BERTH_PAGEVIEW_H

#include <jansson.h>

struct pageview {
	const char *host;	/* this machine */
	const char *health;	/* of berthd, in a word or some */
	const json_t *problems;	/* advice_make(), advice_unanswered() */
	const json_t *status;	/* answers of the control socket: Status(); NULL: there are none */
	const json_t *services;	/* List(buckets), its array */
	const json_t *connections; /* Connections(), its array */
	unsigned refresh;	/* seconds; 0: it is kept as a file, without a script */
};

/* The page.  The caller frees it. */
char *pageview_render(const struct pageview *v);

/*
 * The Content-Security-Policy of a page that refreshes itself, or of one that does not.  The page has it as well; as
 * a header it says in addition that nobody may frame it.  The caller frees it.
 */
char *pageview_policy(unsigned refresh);

#endif
