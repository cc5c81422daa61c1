/*
 * request - the head of one HTTP/1 request (RFC 9110, 9112), strictly
 *
 * For a program that answers one request and closes: what comes after the head is of no interest.  Lines end
 * with CR LF, nothing is folded, nothing is guessed.
 */
#ifndef BERTH_REQUEST_H
#define BERTH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_HEAD_MAX 16384	/* bytes with the empty line: browsers send every cookie of "localhost" */

enum request_progress {
	REQUEST_MORE,		/* it is not complete yet */
	REQUEST_WHOLE,
	REQUEST_BAD		/* no bytes that may follow make a request of it */
};

/* Look at what has come so far.  WHOLE: *head is the number of bytes up to and with the empty line. */
enum request_progress request_progress(const char *buf, size_t len, size_t *head);

enum request_method { REQUEST_GET, REQUEST_HEAD, REQUEST_OTHER };

struct request {
	enum request_method method;
	const char *path;	/* "/metrics": as sent, nothing decoded */
	const char *query;	/* what follows the first "?"; "": nothing */
	const char *host;	/* as sent, with its port; "": HTTP/1.0 without one */
	char accept[1024];	/* all of Accept as one list; "": absent, or too long to be looked at */
};

/*
 * Read a whole head.  It is cut into strings where it lies, and the request points into it.  Returns 0, or the status
 * to answer with: 400, or 505 for another version than HTTP/1.
 */
int request_parse(char *buf, size_t head, struct request *r);

/*
 * How much a type is wanted by an Accept list, in thousandths: 0 where no item of it names it.  A wildcard is a name
 * of its own and has to be asked for.  version: what the parameter of that name has to be, where the item has one;
 * NULL: no matter.
 */
unsigned request_quality(const char *accept, const char *type, const char *version);

/*
 * Whether a Host is one by which a page of somebody else's, in a browser on this machine, cannot come: an address,
 * or "localhost".  A name could be made to lead here by whoever owns it.
 */
bool request_host_is_literal(const char *host);

#endif
