/*
 * toplink - what `berthctl top` asks berthd, without waiting for it
 *
 * Questions go out when the socket takes them, and answers go into the model when they come.  A berthd
 * that is away is tried again at the next question.
 */
#ifndef BERTH_TOPLINK_H
#define BERTH_TOPLINK_H

#include "client.h"
#include "topmodel.h"

#define TOPLINK_ASKED 16

struct toplink {
	const char *control;	/* as given; NULL: not given */
	struct client client;	/* fd -1: no connection */
	struct topmodel *model;
	struct asked {
		enum toplink_question {
			TOPLINK_STATUS, TOPLINK_LIST, TOPLINK_CONNECTIONS, TOPLINK_KILL
		} what;
		bool stale;	/* the answer is not wanted any more */
		json_int_t connection;	/* of KILL */
	} asked[TOPLINK_ASKED];	/* in the order of the answers */
	size_t count;
	int64_t asked_ns;	/* since when the first of them is waited for */
	int64_t answered_ns;	/* when the last list came; 0: none yet */
	bool no_status;		/* berthd is of a version that does not know Status */
	int failed;		/* 0, or the exit status for what is wrong */
	struct diag why;	/* why there is no connection; "": there is one */
	struct diag said;	/* what became of a question of the user; "": nothing new */
};

void toplink_init(struct toplink *l, const char *control, struct topmodel *model);
void toplink_fini(struct toplink *l);

/*
 * Ask for everything that a view needs, unless an answer is still waited for.  service: whose
 * connections; NULL: of all.
 */
void toplink_ask(struct toplink *l, enum top_view view, const char *service, int64_t now_ns);

/* The view changes: connections that were asked for are not wanted, those of the new one are asked for at once. */
void toplink_turn(struct toplink *l, enum top_view view, const char *service, int64_t now_ns);

/* End this connection; what became of it is said later.  false: there is no berthd to be told. */
bool toplink_kill(struct toplink *l, json_int_t connection, int64_t now_ns);

/* After poll(2): send, read, and give answers to the model.  true: something has changed. */
bool toplink_step(struct toplink *l, int64_t now_ns);

#endif
