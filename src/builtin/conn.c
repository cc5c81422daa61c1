#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define PART_NS INT64_C(2000000000)

int64_t
conn_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* For poll(2): rounded up, so that it never wakes too early and then turns in a circle. */
static int
left_ms(int64_t deadline_ns)
{
	int64_t left;

	if (deadline_ns == CONN_FOREVER)
		return -1;
	left = (deadline_ns - conn_now_ns() + 999999) / 1000000;
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

short
conn_wait(int fd, short events, int64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = events };
	int left, n;

	while ((left = left_ms(deadline_ns)) != 0) {
		n = poll(&p, 1, left);
		if (n > 0)
			return p.revents;
		assert(n == 0 || errno == EINTR);
	}
	errno = ETIMEDOUT;
	return 0;
}

bool
conn_send(int fd, const void *bytes, size_t len, int64_t deadline_ns)
{
	const char *at = bytes;
	ssize_t n;

	while (len > 0) {
		n = send(fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0 && conn_wait(fd, POLLOUT, deadline_ns) == 0)
			return false;
		if (n > 0) {
			at += n;
			len -= n;
		}
	}
	return true;
}

void
conn_part(int fd)
{
	int64_t deadline_ns = conn_now_ns() + PART_NS;
	char buf[4096];
	ssize_t n;

	if (shutdown(fd, SHUT_WR) != 0)
		return;
	do {
		if (conn_wait(fd, POLLIN, deadline_ns) == 0)
			return;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
}

bool
conn_errno_is_peers(int error)
{
	static const int peers[] = {
		EPIPE, ECONNRESET, ECONNREFUSED, ECONNABORTED, ENOTCONN, ETIMEDOUT, EHOSTUNREACH,
		EHOSTDOWN, ENETUNREACH, ENETDOWN, ENONET, EPROTO, ENOPROTOOPT, EACCES, EPERM,
	};

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		if (peers[i] == error)
			return true;
	return false;
}
