/*
 * client - one client of the control socket, as the methods see it
 *
 * It has one call at a time.  The answer is posted at once (client_reply(), client_fail()), or it takes long or
 * comes in parts: then the method begins a piece of work, and what the client sends meanwhile waits.
 */
#ifndef BERTH_CLIENT_H
#define BERTH_CLIENT_H

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>

#include "../pure/wire.h"

struct client;
struct control;

/* Answer a call; parameters are taken over.  A oneway call gets no answer: then both do nothing. */
void client_reply(struct client *c, const struct wire_call *call, json_t *parameters);
void client_fail(struct client *c, const struct wire_call *call, const char *error,
    json_t *parameters);

struct client_work {
	/*
	 * At turns of the loop, when all that was posted has been sent: do a bounded step.  True: more is to be done at
	 * once.  NULL: a callback will call client_finish().
	 */
	bool (*step)(struct client *c, void *arg);
	/* Finished, or the client has gone: release arg.  May be NULL. */
	void (*end)(struct client *c, void *arg);
};

/* This call is answered later, by client_finish(); arg is the work's. */
void client_begin(struct client *c, const struct wire_call *call, const struct client_work *work,
    void *arg);

/* One of several answers (`continues`); only where the call said `more`.  Parameters are taken over. */
void client_part(struct client *c, json_t *parameters);

/* The last or only answer.  Outside of a step the client may be gone afterwards. */
void client_finish(struct client *c, json_t *parameters);
void client_finish_error(struct client *c, const char *error, json_t *parameters);

struct control *client_control(const struct client *c);

/* By SO_PEERCRED; (uid_t)-1: not known. */
uid_t client_uid(const struct client *c);

#endif
