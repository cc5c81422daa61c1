/*
 * client - talk to a running berthd over its control socket (varlink.org)
 *
 * A function that fails has explained itself on stderr and returns the exit status for it.
 */
#ifndef BERTH_CLIENT_H
#define BERTH_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../pure/diag.h"
#include "../pure/wire.h"

#define CLIENT_SYSTEM "/run/berth/control"	/* of the berthd that root runs */
#define CLIENT_SECONDS 15	/* a berthd that does not hang has answered, whatever there is to answer */

struct client {
	int fd;
	char path[108];		/* for messages */
	char *buf;		/* owned: bytes read and not yet taken */
	size_t len, room, seen;	/* seen: up to there is no end of a message */
	char *out;		/* owned: what was not sent yet */
	size_t out_len;
};

/*
 * Where the control socket is: as given with --control; NULL: $BERTH_CONTROL, else the place of the daemon that this user
 * would start.  NULL: nobody says.
 */
const char *client_path(const char *given);

/*
 * One call to io.berth.Control on a connection of its own; but for Reload, within CLIENT_SECONDS.  method: "List"; parameters: taken
 * over, NULL for none.  0: *answer are the parameters of a good reply, a new reference.  An error
 * reply is explained: 1 for no such service, EX_USAGE for a parameter that is none, EX_NOPERM,
 * EX_UNAVAILABLE for what this daemon does not know.
 */
int client_call(const char *path, const char *method, json_t *parameters, json_t **answer);

/* The parameters of a good reply; more: it is not the last.  Not 0: that is enough, and the exit status. */
typedef int client_part(void *arg, json_t *parameters, bool more);

/*
 * One call that is answered in parts, as client_call(): the first within CLIENT_SECONDS, the others when something has
 * happened.  reader: a descriptor that part() writes to, where it is to be noticed at once that nobody reads it any more:
 * the process ends by SIGPIPE, as with its next write; -1: none.
 */
int client_follow(const char *path, const char *method, json_t *parameters, int reader, client_part *part,
    void *arg);

/*
 * For those that have more to do than to wait.  These print nothing: why says what is wrong, and the
 * exit status is returned as above.  What was posted is answered in order.
 */

/*
 * Connect; the socket does not block from then on.  path: as of client_path().  0; EX_UNAVAILABLE, with errno EAGAIN: there is a berthd,
 * and nobody has been accepted for long; EX_NOPERM.
 */
int client_start(struct client *c, const char *path, struct diag *why);
void client_close(struct client *c);

/* A call to io.berth.Control that is sent as soon as the socket takes it.  parameters: taken over, or NULL. */
void client_post(struct client *c, const char *method, json_t *parameters);

/* What to poll(2) its fd for. */
short client_events(const struct client *c);

/*
 * Send and read as much as goes at once.  *taken: there was a reply, and r is the caller's to release;
 * there may be another.  Not 0: the connection is of no more use.
 */
int client_take(struct client *c, struct wire_reply *r, bool *taken, struct diag *why);

/* Is it no answer to a call, but that there is no place for this client?  It is to be explained, and the connection of no use. */
bool client_refused(const struct wire_reply *r);

/* What an error reply to a call with these parameters (borrowed, or NULL) means, and the exit status for it. */
int client_explain(const struct client *c, const struct wire_reply *r, const json_t *parameters,
    struct diag *why);

#endif
