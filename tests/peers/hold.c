/*
 * hold - open connections and keep them
 *
 * hold [-n COUNT] [--greeted] [--timeout SECONDS] [--source ADDR] tcp:HOST:PORT | unix:PATH
 *
 * Prints "held COUNT" when all are connected (--greeted: and have each sent something).  Each
 * line on stdin is sent on every connection and must come back as it is: prints
 * {"alive":N,"lost":N}.  At the end of stdin, or after 300 s, closes all.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "peer.h"

#define COUNT_MAX 4000
#define HELD_MAX_MS 300000

static int fds[COUNT_MAX];
static int64_t timeout_ms = 20000;

static bool
wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = deadline_ms - peer_now_ms();

	return poll(&p, 1, left > 0 ? (int)left : 0) > 0;
}

static int
connect_one(const struct peer_address *to, const struct peer_address *source)
{
	int64_t over_ms = peer_now_ms() + timeout_ms;
	int error, fd;

	/* the queue of a unix socket is full */
	while ((fd = peer_connect(to, source)) < 0 && errno == EAGAIN && peer_now_ms() < over_ms)
		usleep(2000);
	if (fd < 0)
		err(peer_verdict(errno), "connect");
	if (!wait_for(fd, POLLOUT, peer_now_ms() + timeout_ms))
		errx(PEER_TIMEOUT, "connect: no answer");
	if ((error = peer_connect_error(fd)) != 0)
		errx(peer_verdict(error), "connect: %s", strerror(error));
	return fd;
}

/* Drop what the other side says first. */
static void
greeting(int fd)
{
	char buf[4096];

	if (!wait_for(fd, POLLIN, peer_now_ms() + timeout_ms))
		errx(PEER_TIMEOUT, "no greeting");
	if (read(fd, buf, sizeof(buf)) <= 0)
		errx(PEER_RESET, "closed before the greeting");
}

static bool
echoes(int fd, const char *text, size_t len)
{
	int64_t deadline_ms = peer_now_ms() + timeout_ms;
	char buf[4096];
	size_t got = 0;
	ssize_t n;

	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		return false;
	while (got < len) {
		if (!wait_for(fd, POLLIN, deadline_ms))
			return false;
		if ((n = read(fd, buf + got, len - got)) <= 0)
			return false;
		got += (size_t)n;
	}
	return memcmp(buf, text, len) == 0;
}

static void
check(int count, const char *text, size_t len)
{
	int alive = 0;

	for (int i = 0; i < count; i++)
		alive += echoes(fds[i], text, len);
	printf("{\"alive\":%d,\"lost\":%d}\n", alive, count - alive);
	fflush(stdout);
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "greeted", no_argument, NULL, 'g' },
		{ "timeout", required_argument, NULL, 't' },
		{ "source", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	struct peer_address to, from, *source = NULL;
	bool greeted = false;
	int c, count = 1;
	char text[2048];
	ssize_t n;

	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		switch (c) {
		case 'n': count = atoi(optarg); break;
		case 'g': greeted = true; break;
		case 't': timeout_ms = peer_parse_ms(optarg); break;
		case 'a': peer_parse_ip(optarg, 0, &from); source = &from; break;
		default: return PEER_USAGE;
		}
	}
	if (argc - optind != 1 || count < 1 || count > COUNT_MAX)
		errx(PEER_USAGE, "usage: hold [options] tcp:HOST:PORT | unix:PATH");
	signal(SIGPIPE, SIG_IGN);
	peer_parse(argv[optind], &to);
	for (int i = 0; i < count; i++)
		fds[i] = connect_one(&to, source);
	for (int i = 0; greeted && i < count; i++)
		greeting(fds[i]);
	printf("held %d\n", count);
	fflush(stdout);
	while (wait_for(STDIN_FILENO, POLLIN, peer_now_ms() + HELD_MAX_MS) &&
	    (n = read(STDIN_FILENO, text, sizeof(text))) > 0)
		check(count, text, (size_t)n);
	return 0;
}
