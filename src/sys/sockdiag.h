/*
 * sockdiag - look at a connection whose fd we gave away (sock_diag(7))
 *
 * By 4-tuple and cookie: a wrong cookie is ENOENT, so that a port that was used again is never taken
 * for the old connection.  Needs no privilege.
 */
#ifndef BERTH_SOCKDIAG_H
#define BERTH_SOCKDIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "../pure/addr.h"

struct sockdiag;

struct sockdiag *sockdiag_new(void);	/* NULL and errno */
void sockdiag_free(struct sockdiag *d);	/* NULL is harmless */

/* What the kernel knows of a TCP connection. */
struct sockdiag_tcp {
	uint64_t received, acked;	/* bytes: tcpi_bytes_received (without the FIN), tcpi_bytes_acked */
	uint32_t unread, unsent, unacked; /* bytes in the receive queue; not yet sent; segments not acknowledged */
	int64_t last_sent_ns, last_received_ns; /* ago, with a grain of 4 ms; data only, not keep-alives */
	uint32_t inode;
};

/*
 * local and peer as accept(2) gave them; device: the index of the interface that it is bound to, or that its addresses are
 * scoped to; 0: none.  Returns 0, or an errno (ENOENT: the connection is
 * closed; EOPNOTSUPP: so it may be, but this kernel has not answered for any yet).
 */
int sockdiag_tcp(struct sockdiag *d, const struct addr *local, const struct addr *peer, int device,
    uint64_t cookie, struct sockdiag_tcp *out);

/* Bytes queued in a unix connection, by inode and cookie: not yet read here, not yet read there.  0 or an errno. */
int sockdiag_unix(struct sockdiag *d, uint32_t inode, uint64_t cookie, uint32_t *unread,
    uint32_t *unsent);

/* SO_COOKIE and inode of a socket that is still ours; inode NULL: not wanted.  false and errno. */
bool sockdiag_name(int fd, uint64_t *cookie, uint32_t *inode);

#endif
