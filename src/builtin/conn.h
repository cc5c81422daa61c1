/*
 * conn - one stream connection: wait, send, part
 *
 * The flags of the socket are left alone (O_NONBLOCK lies in the description that berthd shares): what must not block says
 * MSG_DONTWAIT.  Nothing raises SIGPIPE.  Times are of the monotonic clock.
 */
#ifndef BERTH_CONN_H
#define BERTH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONN_FOREVER INT64_MAX	/* a deadline */

int64_t conn_now_ns(void);

/*
 * Wait for events as poll(2); returns revents, or 0: the deadline has come, errno is ETIMEDOUT.  Once it has, that is the answer
 * whether fd is ready or not: who never pauses cannot put it off.
 */
short conn_wait(int fd, short events, int64_t deadline_ns);

/* Send everything, as slowly as the client takes it.  false, with errno: the connection is over, or ETIMEDOUT. */
bool conn_send(int fd, const void *bytes, size_t len, int64_t deadline_ns);

/*
 * Nothing more will be sent: shut down, then read and drop until the client has closed too, for at most 2 s, so that
 * no reset overtakes the answer.
 */
void conn_part(int fd);

/* Is this errno of recv(2) or send(2) about the other side or the way there, not about us? */
bool conn_errno_is_peers(int error);

#endif
