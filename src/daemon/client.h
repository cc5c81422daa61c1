/*
 * client - one client of the control socket
 *
 * It has one call at a time.  The answer is posted at once (client_reply(), client_fail()), or it takes long or
 * comes in parts: then the method begins a piece of work, and what the client sends meanwhile waits.
 *
 * Nobody is waited for: a client is read and written without blocking, and nothing is done for it before its last
 * answer was sent.  Calls and steps of work are done at the end of a turn, one each for every client that has some,
 * for a bounded time.  So a client costs a descriptor, at most WIRE_CALL_MAX bytes of calls and one answer; the
 * answers that are not sent yet are bounded together, and who has not read for longest is dropped for them.
 */
#ifndef BERTH_CLIENT_H
#define BERTH_CLIENT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>

#include "../pure/ratelog.h"
#include "../pure/wire.h"
#include "../sys/loop.h"

struct client;
struct control;

/* ---- for methods ---- */

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

struct control *client_control(const struct client *c);

/* By SO_PEERCRED; (uid_t)-1: not known. */
uid_t client_uid(const struct client *c);

/* Uid 0 or berthd's own: may change something, and finds a place when others do not. */
bool client_is_administrator(const struct client *c);

/* A line in the log about this client, after "control: uid N "; a few a second, the rest is counted. */
void client_note(const struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- for the control socket ---- */

#define CLIENT_MAX 1024		/* clients at a time */
#define CLIENT_KEPT 64		/* of these for administrators alone */
#define CLIENT_MAX_EACH 64	/* for any other user */
#define CLIENT_UNSENT_MAX (64u << 20) /* bytes of answers */

struct client_set {
	struct control *control;
	struct loop *loop;
	TAILQ_HEAD(, client) all;
	TAILQ_HEAD(, client) busy;	/* with calls that were not made, or work: in the order of their turns */
	TAILQ_HEAD(, client) unsent;	/* whose answer is not sent yet: in the order in which they got stuck */
	unsigned count, nbusy;
	size_t unsent_bytes;
	int spare;		/* a descriptor for one administrator, when there is no other; -1: given */
	struct ratelog notes;
};

void client_set_init(struct client_set *set, struct control *control, struct loop *loop);
void client_set_fini(struct client_set *set);

/*
 * Serve the client at the other end of fd, which is taken over.  One that gets no place is told why.  While the spare
 * descriptor is given, only an administrator gets one.
 */
void client_add(struct client_set *set, int fd);

/* Close the spare descriptor, so that one more client can be accepted; false: there is none. */
bool client_give_spare(struct client_set *set);
/* Have it back as soon as there is a descriptor. */
void client_keep_spare(struct client_set *set);

/* At the end of a turn.  True: there is more to do at once. */
bool client_turn(struct client_set *set);

#endif
