/*
 * http - answer one HTTP request on descriptors 0 and 1
 *
 * For a command that is the handler of a service: one process for one connection, which reads what a client sent.
 * It reads one request (pure/request.h), answers it and says "Connection: close".  GET and HEAD only.  What it
 * does not serve is answered with 400, 404, 405, 408, 421, 431 or 505, and not logged.
 */
#ifndef BERTH_HTTP_H
#define BERTH_HTTP_H

#include <stddef.h>

#include "../pure/request.h"

struct http_answer {
	char *body;		/* on the heap; http releases it */
	size_t len;
	const char *type;	/* Content-Type */
	const char *headers;	/* more header lines, each with its CR LF; NULL: none */
};

struct http_page {
	const char *path;	/* "/metrics" */
	/*
	 * Make the answer, within seconds; HEAD needs it too, for its length.  0; or the exit status of a command that
	 * has explained itself on stderr: then the client is told 503, with a body that was made all the same, or with
	 * nothing more.
	 */
	int (*make)(void *arg, const struct request *r, struct http_answer *a);
	void *arg;
};

/*
 * Serve one request with one of n pages.  The request has timeout_ms to be complete, and the answer as long to be
 * taken.  A make() that is held nevertheless, by a disk for one, is ended with the process by SIGALRM.  Every answer
 * says "no-store" and "nosniff".
 *
 * Where the connection's own address is a loopback one, a Host that is neither an address nor "localhost" gets 421: a
 * page from elsewhere, in a browser on this machine, could have let its own name lead here and read the answer.
 *
 * Returns the exit status: 0 also for a client that sent junk or has gone; what make() returned.
 */
int http_serve_one(const struct http_page *pages, size_t n, int timeout_ms);

#endif
