/*
 * peer - what our test clients share: endpoints, time, arguments
 *
 * Everything here is small and static: each peer is one file and this.
 */
#ifndef BERTH_TESTS_PEER_H
#define BERTH_TESTS_PEER_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PEER __attribute__((unused)) static

enum peer_exit {		/* dial's exit status */
	PEER_OK = 0,
	PEER_ERROR = 1,		/* none of the below */
	PEER_REFUSED = 2,	/* nobody listens there */
	PEER_RESET = 3,		/* connected, then reset */
	PEER_TIMEOUT = 4,
	PEER_USAGE = 64
};

struct peer_address {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* HOST is an IPv4 literal or an IPv6 literal, in brackets or not. */
PEER void
peer_parse_ip(const char *host, uint16_t port, struct peer_address *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->sa;
	char buf[128];

	if (*host == '[')
		host++;
	if (strlen(host) >= sizeof(buf))
		errx(PEER_USAGE, "%s: not an address", host);
	strcpy(buf, host);
	buf[strcspn(buf, "]")] = '\0';
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, buf, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		out->len = sizeof(*in4);
	} else if (inet_pton(AF_INET6, buf, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		out->len = sizeof(*in6);
	} else
		errx(PEER_USAGE, "%s: not an address", buf);
}

/* tcp:HOST:PORT, unix:PATH, unix:@NAME */
PEER void
peer_parse(const char *endpoint, struct peer_address *out)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&out->sa;
	char host[128];
	const char *colon;
	size_t len;

	if (strncmp(endpoint, "unix:", 5) == 0) {
		endpoint += 5;
		len = strlen(endpoint);
		if (len == 0 || len >= sizeof(un->sun_path))
			errx(PEER_USAGE, "%s: path too long or empty", endpoint);
		memset(out, 0, sizeof(*out));
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, endpoint, len);
		out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
		if (*endpoint == '@') {
			un->sun_path[0] = '\0';
			out->len--;
		}
		return;
	}
	colon = strrchr(endpoint, ':');
	if (strncmp(endpoint, "tcp:", 4) != 0 || colon == endpoint + 3 ||
	    (size_t)(colon - endpoint - 4) >= sizeof(host))
		errx(PEER_USAGE, "%s: expected tcp:HOST:PORT or unix:PATH", endpoint);
	memcpy(host, endpoint + 4, (size_t)(colon - endpoint - 4));
	host[colon - endpoint - 4] = '\0';
	peer_parse_ip(host, (uint16_t)atoi(colon + 1), out);
}

/* A non-blocking socket that is being connected to `to` from `from` (NULL: any); -1 and errno. */
PEER int
peer_connect(const struct peer_address *to, const struct peer_address *from)
{
	int saved, fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (from != NULL && bind(fd, (const struct sockaddr *)&from->sa, from->len) < 0)
		err(PEER_ERROR, "bind");
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len) < 0 && errno != EINPROGRESS) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* What became of a connect: 0 or an errno. */
PEER int
peer_connect_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

PEER enum peer_exit
peer_verdict(int error)
{
	switch (error) {
	case 0:
		return PEER_OK;
	case ECONNREFUSED:
	case ENOENT:
		return PEER_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return PEER_RESET;
	case ETIMEDOUT:
		return PEER_TIMEOUT;
	default:
		return PEER_ERROR;
	}
}

/* Make close() send RST. */
PEER void
peer_linger0(int fd)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

PEER int64_t
peer_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

PEER int64_t
peer_parse_ms(const char *seconds)
{
	return (int64_t)(atof(seconds) * 1000);
}

#endif
