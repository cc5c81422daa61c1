#include "stream.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "today.h"

#define BUFFER 16384

/* At the end everything read has been sent: the exit closes without a reset. */
static bool
serve_echo(int fd)
{
	char buf[BUFFER];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (!conn_send(fd, buf, n, CONN_FOREVER))
			return false;
	return n == 0;
}

static bool
serve_discard(int fd)
{
	char buf[BUFFER];
	ssize_t n;

	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0);
	return n == 0;
}

/* Read and drop what is there.  At the end of input only output is waited for. */
static bool
drop_input(int fd, short *events)
{
	char buf[BUFFER];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == 0)
		*events &= ~POLLIN;
	return n >= 0 || errno == EAGAIN;
}

static bool
send_some(int fd, const char *bytes, size_t len, size_t *sent)
{
	ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	*sent = n > 0 ? n : 0;
	return n >= 0 || errno == EAGAIN;
}

/* The pattern has a period of SMALL_LINES lines: it is made once, and sent round and round. */
static bool
serve_chargen(int fd)
{
	char ring[SMALL_LINES * SMALL_LINE];
	short events = POLLIN | POLLOUT, ready;
	size_t at = 0, sent;

	for (size_t k = 0; k < SMALL_LINES; k++)
		small_chargen_line(k, ring + k * SMALL_LINE);
	for (;;) {
		ready = conn_wait(fd, events, CONN_FOREVER);
		if ((ready & (POLLERR | POLLHUP)) != 0)
			return true;
		if ((ready & POLLIN) != 0 && !drop_input(fd, &events))
			return false;
		if ((ready & POLLOUT) == 0)
			continue;
		if (!send_some(fd, ring + at, sizeof(ring) - at, &sent))
			return false;
		at = (at + sent) % sizeof(ring);
	}
}

/* All at once into an empty send buffer: no client can make this wait. */
static bool
serve_answer(int fd, const void *bytes, size_t len)
{
	if (!conn_send(fd, bytes, len, CONN_FOREVER))
		return false;
	conn_part(fd);
	return true;
}

bool
stream_serve(enum builtin which, int fd)
{
	char answer[TODAY_MAX];

	switch (which) {
	case BUILTIN_ECHO:
		return serve_echo(fd);
	case BUILTIN_DISCARD:
		return serve_discard(fd);
	case BUILTIN_CHARGEN:
		return serve_chargen(fd);
	case BUILTIN_DAYTIME:
	case BUILTIN_TIME:
		return serve_answer(fd, answer, today_answer(which, answer));
	case BUILTIN_TCPMUX:
		break;
	}
	assert(!"a stream service");
	return false;
}
