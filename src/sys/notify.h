/*
 * notify - tell a service manager how we are (sd_notify(3)), without libsystemd
 *
 * One datagram for each message to $NOTIFY_SOCKET (a path, or '@' and an abstract name).  Never
 * blocks: what the socket does not take now is sent again 100 ms later, the newest message of
 * each sort only.
 */
#ifndef BERTH_NOTIFY_H
#define BERTH_NOTIFY_H

#include <stdint.h>

#include "loop.h"

/*
 * Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.  Without a socket every other call does nothing.  When a
 * watchdog is asked of this process, WATCHDOG=1 is sent at half its interval from then on.
 */
void notify_init(struct loop *l);

void notify_ready(const char *status);		/* READY=1, STATUS= */
void notify_reloading(int64_t monotonic_ns);	/* RELOADING=1 and MONOTONIC_USEC= in one datagram */
void notify_stopping(const char *status);	/* STOPPING=1, STATUS= */
void notify_status(const char *status);		/* STATUS= */
void notify_fini(void);

#endif
