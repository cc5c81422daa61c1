/*
 * survey - a look at many connections, in small steps
 *
 * Asking the kernel costs some microseconds a connection, and a look at a handler some ten: of thousands that is too long for
 * one turn of the loop.  So a survey is made in steps of about a millisecond: the sockets, then one pass over /proc
 * for the members of their sessions, then the handlers, as far as they are asked for.  Connections that end meanwhile drop out.
 */
#ifndef BERTH_SURVEY_H
#define BERTH_SURVEY_H

#include "judge.h"

struct survey_item {
	struct child *child;		/* NULL: it has ended */
	uint64_t connection;
	struct victim_look look;
	enum victim_state state;	/* without a look at the handler: as if it waited */
	char *why;			/* owned; why it is busy or unknown; NULL */
};

/* Which connections, and how deep. */
enum survey_kind {
	SURVEY_EVICTABLE,	/* that may be taken; handlers only of unix sockets */
	SURVEY_ALL		/* handlers too */
};

struct survey {
	TAILQ_ENTRY(survey) next;	/* in pool->surveys */
	struct pool *pool;
	enum survey_kind kind;
	struct survey_item *item;	/* by connection number */
	size_t count;
	int64_t begun_ns;
	/* progress: */
	size_t socket, handler;		/* the next to be looked at */
	struct procs_walk *walk;
	bool walked;
	bool blind;			/* /proc could not be read: nothing can be said of handlers */
	struct survey_member { pid_t session, pid; } *member; /* by session */
	size_t nmember, member_room;
};

/* service: NULL for all.  NULL: no memory. */
struct survey *survey_new(struct pool *p, const struct pool_service *service,
    enum survey_kind kind);
void survey_free(struct survey *s);	/* NULL is harmless */

/* Go on a little; true when it is complete. */
bool survey_step(struct survey *s);

/* Who else is in the session of c, into pid[0..room). */
struct judge_session survey_session(const struct survey *s, const struct child *c, pid_t *pid,
    size_t room);

/* c ends. */
void survey_forget(struct pool *p, const struct child *c);

#endif
