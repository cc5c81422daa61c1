/*
 * farewell - let a last text arrive: close a connection only when its client has had the time to read
 *
 * Closing a socket that has unread input resets it, and the reset may destroy the text that was just sent.  So the
 * sending direction is shut down, what comes is discarded in the kernel (no byte of it reaches berthd), and the socket is closed when
 * the client has closed, after 64 KiB or after 500 ms.  A bounded number lingers; the oldest makes room.
 */
#ifndef BERTH_FAREWELL_H
#define BERTH_FAREWELL_H

#include "../sys/loop.h"

struct farewell;

struct farewell *farewell_new(struct loop *loop);	/* NULL: no memory */
void farewell_free(struct farewell *g);		/* closes all; NULL is harmless */

/*
 * Send the text (what the socket's buffer takes), shut down, and close fd, which is taken over, when it is time.
 * is_tcp: a unix stream cannot be drained without reading it, and needs not: it is closed at once.
 */
void farewell_say(struct farewell *g, int fd, const char *text, bool is_tcp);

/* From now on the aide that drains is there, or only when it is needed: whether any service has timeouts.linger. */
void farewell_keep(struct farewell *g, bool keep);

/*
 * The handler of fd, which is taken over, has ended: shut down, take what its client still sends for up to ns, and close when the
 * client has closed.  An aide does it (builtin/drain.h); where there is none, it is closed at once.
 */
void farewell_wait(struct farewell *g, int fd, int64_t ns, bool is_tcp);

#endif
