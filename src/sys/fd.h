/*
 * fd - file descriptor numbers
 *
 * 0, 1, 2 are berthd's own; 3 and 4 are the slots through which a child gets its socket and its
 * error pipe (sys/spawn.h) and hold /dev/null otherwise; everything else of berthd's is at 5 or above.
 */
#ifndef BERTH_FD_H
#define BERTH_FD_H

#include <stdbool.h>
#include <stddef.h>

#define FD_SLOT_SOCKET 3
#define FD_SLOT_STDERR 4
#define FD_FIRST 5

/*
 * Move a new fd to FD_FIRST or above (CLOEXEC); the low one is closed.  A negative fd is returned as it is with errno
 * untouched; -1 and errno when there is no room.
 */
int fd_high(int fd);

/* Close and set to -1; -1 is harmless. */
void fd_close(int *fd);

/* Write all of it to a blocking descriptor; false and errno. */
bool fd_write_all(int fd, const void *bytes, size_t len);

/*
 * Before anything else is opened: 0, 1, 2 exist (else /dev/null), whatever was inherited above is
 * closed (close_range(2); where it is refused, the entries of /proc/self/fd), the slots hold
 * /dev/null.  Returns 0, or -1 and errno.
 */
int fd_init(void);

#endif
