/*
 * advice - what is wrong with a berthd, and what to do about it
 *
 * All facts are answers of the control socket (pure/wire_interface.c) or what berthctl has found out by itself; any that
 * is NULL is not known, and nothing is said of it.
 */
#ifndef BERTH_ADVICE_H
#define BERTH_ADVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct advice_facts {
	const json_t *status;		/* of Status */
	const json_t *services;		/* of List: an array */
	const json_t *connections;	/* of Connections: an array */
	const json_t *penalties;	/* of Penalties: an array */
	const json_t *shown;		/* of Show, by service */
	const json_t *refusals;		/* recent_refusals() */
	const json_t *holders;		/* who has an address that an endpoint waits for, by "KIND ADDRESS"; null: it was not found out */
	const json_t *lines;		/* the line of an error that names none, by error */
};

/* So many refusals in a burst are worth a word. */
#define ADVICE_REFUSALS 10

/*
 * What is wrong, the worst first: an array of
 *   grade: error (something is not served), warning (clients wait or are refused, or soon will), note (as somebody wanted it)
 *   service: null when it is not about one
 *   problem: one line; details: lines; todo: lines, what to do about it
 * New reference.
 */
json_t *advice_make(const struct advice_facts *f);

/* What there is of a berthd that has not answered. */
struct advice_silence {
	const char *control;	/* the path of its socket */
	bool socket;		/* there is one */
	bool listening;		/* ... and it can be connected to */
	long long pid;		/* of the last berthd that counted in its statistics file; 0: there is none */
	bool alive;		/* ... it is still there */
	char state;		/* ... of its process, proc(5) */
	double turn;		/* ... seconds since the end of its last turn; below 0: not known */
	double waited;		/* seconds that berthctl has waited for an answer */
	const char *start;	/* the command that starts it */
	bool managed;		/* by systemd, as berth.service */
};

/* As advice_make(): the one problem that matters. */
json_t *advice_unanswered(const struct advice_silence *s);

/* Is there an error or a warning? */
bool advice_is_bad(const json_t *problems);

/* "ok", "trouble: 2 things are wrong".  Returns buf. */
#define ADVICE_HEALTH_MAX 64
const char *advice_health(const json_t *problems, char *buf, size_t size);

/* What berthctl has to find out for advice_make(): is a service short of places, or the pool? */
bool advice_wants_connections(const json_t *status, const json_t *services);
/* ... is there a burst of refusals for penalties? */
bool advice_wants_penalties(const json_t *refusals);
/* ... has this one a gate, or a burst of refusals, so that its limits matter? */
bool advice_wants_show(const json_t *status, const json_t *service, const json_t *refusals);

/*
 * "FILE" of an error "FILE: key: ..." or "FILE:LINE:COLUMN: ...", and the rest after it; false: it has no such beginning.  file is
 * the service's; NULL: any that ends in .json.
 */
bool advice_split(const char *error, const char *file, size_t *file_len, const char **rest);

#endif
