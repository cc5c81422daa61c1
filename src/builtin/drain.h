/*
 * drain - lets connections whose handler has ended come to their end, in a process of its own (timeouts.linger)
 *
 * Each is shut down, what its client still sends is discarded in the kernel, unread, and it is closed when the client has closed or its
 * time is over.  Shutting down waits for whoever works on the connection, and a handler may have left somebody: that
 * is not for berthd to wait for.
 */
#ifndef BERTH_DRAIN_H
#define BERTH_DRAIN_H

#include <stdint.h>

#define DRAIN_MAX 1024	/* at once; the one that has the least time left makes room */

/* From berthd, with the connection (SCM_RIGHTS). */
struct drain_order {
	int64_t ns;
};

/* Serve until `fd` is closed. */
void drain_run(int fd);

#endif
