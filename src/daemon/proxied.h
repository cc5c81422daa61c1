/*
 * proxied - connections whose client a PROXY header names (proxy_protocol)
 *
 * berthd reads no byte of it: an aide without privileges looks at what has come, and says what the header names and how long it is; then
 * so many bytes are discarded in the kernel and the connection goes on as that of its real client.  berthd keeps its
 * descriptor meanwhile, so that an aide that dies loses nothing: the next one is given the same connections.  From the
 * accept on such a connection has its place.
 */
#ifndef BERTH_PROXIED_H
#define BERTH_PROXIED_H

#include "pool.h"

struct proxied;

struct proxied *proxied_new(struct pool *p);	/* NULL: no memory */
void proxied_free(struct proxied *x);		/* NULL is harmless */

/* A service, or all of berthd (NULL), ends: whoever has no handler yet is refused as `draining`. */
void proxied_refuse(struct proxied *x, const struct pool_service *ps);

/* It is not paused any more: those whose header is known get their handlers. */
void proxied_resume(struct proxied *x, const struct pool_service *ps);

/* From now on the aide is there, or not: whether any service has proxy_protocol. */
void proxied_keep(struct proxied *x, bool keep);

/* What is to be done with a peer of a service: nothing, a header is awaited, or it is refused. */
enum proxied_peer { PROXIED_DIRECT, PROXIED_HEADER, PROXIED_REFUSED };
enum proxied_peer proxied_judge(const struct service *s, const struct arrival *a);

/*
 * Take over a connection (its fd and its place) and give it its handler, or refuse it, when its header is known.  false: no memory; it is still
 * the caller's.
 */
bool proxied_take(struct pool_service *ps, const struct arrival *a, const struct addr *local);

#endif
