#include "mux.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

/* 1: a byte; 0: the end; -1: with errno */
static ssize_t
read_byte(int fd, char *c, int64_t deadline_ns)
{
	ssize_t n;

	while ((n = recv(fd, c, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
		if (conn_wait(fd, POLLIN, deadline_ns) == 0)
			return -1;
	return n;
}

/*
 * Byte by byte: the next one may be the handler's, and looking ahead (MSG_PEEK) would find an unfinished line ready again and
 * again.  *len: what was read, a line only if it ends in LF.  false, with errno: the client has gone.
 */
static bool
read_line(int fd, char line[SMALL_MUX_LINE], size_t *len, int64_t deadline_ns)
{
	ssize_t n = 1;

	*len = 0;
	while (n == 1 && *len < SMALL_MUX_LINE && (*len == 0 || line[*len - 1] != '\n')) {
		n = read_byte(fd, &line[*len], deadline_ns);
		if (n == 1)
			(*len)++;
	}
	return n >= 0 || errno == ETIMEDOUT;
}

static const struct builtin_mux *
find(const struct builtin_mux *list, size_t n, const char *name, size_t name_len)
{
	for (size_t i = 0; i < n; i++)
		if (small_mux_same(name, name_len, list[i].name))
			return &list[i];
	return NULL;
}

/* In one piece.  false, with errno: `back` has not taken it, and the connection is still ours. */
static bool
give_back(int fd, int back, uint32_t number, int64_t deadline_ns)
{
	struct builtin_mux_call call = { BUILTIN_MUX_MAGIC, number };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct iovec iov = { &call, sizeof(call) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	    .msg_controllen = sizeof(control) };

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	while (sendmsg(back, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EAGAIN || conn_wait(back, POLLOUT, deadline_ns) == 0) {
			dprintf(STDERR_FILENO, "tcpmux: not handed over: %s\n", strerror(errno));
			return false;
		}
	return true;
}

static bool
part_with(int fd, const char *text, size_t len, int64_t deadline_ns)
{
	if (!conn_send(fd, text, len, deadline_ns))
		return false;
	conn_part(fd);
	return true;
}

static bool
help(int fd, const struct builtin_mux *list, size_t n, int64_t deadline_ns)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool over;

	if (f == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s\r\n", list[i].name);
	if (fclose(f) != 0)
		return false;
	over = part_with(fd, text, len, deadline_ns);
	free(text);
	return over;
}

bool
mux_serve(int fd, int back, const struct builtin_mux *list, size_t n, int64_t timeout_ns)
{
	static const char refusal[] = "-Service not available\r\n";
	int64_t deadline_ns = conn_now_ns() + timeout_ns;
	const struct builtin_mux *found = NULL;
	char line[SMALL_MUX_LINE];
	const char *name;
	size_t len, name_len;

	if (!read_line(fd, line, &len, deadline_ns))
		return false;
	switch (small_mux_parse(line, len, &name, &name_len)) {
	case SMALL_MUX_HELP:
		return help(fd, list, n, deadline_ns);
	case SMALL_MUX_NAME:
		found = find(list, n, name, name_len);
		break;
	case SMALL_MUX_BAD:
		break;
	}
	if (found != NULL && give_back(fd, back, found->number, deadline_ns))
		return true;
	return part_with(fd, refusal, sizeof(refusal) - 1, deadline_ns);
}
