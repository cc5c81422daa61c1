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

#include "../pure/wire.h"

struct client {
	int fd;
	char path[108];		/* for messages */
	char *buf;		/* owned: bytes read and not yet taken */
	size_t len, room;
};

/*
 * Connect.  path: as given with --control; NULL: $BERTH_CONTROL, else the place of the daemon that
 * this user would start.  0; EX_UNAVAILABLE; EX_NOPERM.
 */
int client_open(struct client *c, const char *path);
void client_close(struct client *c);

/* Send one call.  parameters: borrowed, NULL for none.  more: many replies are welcome. */
int client_send(struct client *c, const char *method, json_t *parameters, bool more);

/* Wait for the next reply; r is the caller's to release when 0 is returned. */
int client_receive(struct client *c, struct wire_reply *r);

/*
 * One call to io.berth.Control on a connection of its own.  method: "List"; parameters: taken
 * over, NULL for none.  0: *answer are the parameters of a good reply, a new reference.  An error
 * reply is explained: 1 for no such service, EX_USAGE for a parameter that is none, EX_NOPERM,
 * EX_UNAVAILABLE for what this daemon does not know.
 */
int client_call(const char *path, const char *method, json_t *parameters, json_t **answer);

#endif
