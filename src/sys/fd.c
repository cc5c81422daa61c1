#include "fd.h"

#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int
fd_high(int fd)
{
	int high, saved;

	if (fd < 0 || fd >= FD_FIRST)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
	saved = errno;
	close(fd);
	errno = saved;
	return high;
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool
fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* close_range(2) is Linux 5.9; a seccomp filter may refuse it. */
static void
close_inherited(void)
{
	struct dirent *e;
	DIR *d;

	if (syscall(SYS_close_range, FD_SLOT_SOCKET, ~0U, 0) == 0)
		return;
	if ((d = opendir("/proc/self/fd")) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		int fd = atoi(e->d_name);

		if (fd >= FD_SLOT_SOCKET && fd != dirfd(d))
			close(fd);
	}
	closedir(d);
}

int
fd_init(void)
{
	int null;

	do {
		if ((null = open("/dev/null", O_RDWR)) < 0)
			return -1;
	} while (null <= 2);
	close(null);
	close_inherited();
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
		return -1;
	for (int slot = FD_SLOT_SOCKET; slot <= FD_SLOT_STDERR; slot++)
		if (null != slot && dup3(null, slot, O_CLOEXEC) < 0)
			return -1;
	if (null > FD_SLOT_STDERR)
		close(null);
	return 0;
}
