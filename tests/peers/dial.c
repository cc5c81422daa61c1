/*
 * dial - one connection: what comes on stdin goes there, what comes back goes to stdout
 *
 * dial [--no-half-close] [--hold] [--linger0] [--no-stdin] [--timeout SECONDS] [--source ADDR]
 *     tcp:HOST:PORT | unix:PATH
 *
 * Ends when the other side has closed.  Exit status: enum peer_exit.
 * --hold: stay until stdin ends, then close; --linger0: after stdin, reset instead of closing;
 * --no-half-close: do not say that stdin has ended; --no-stdin: do not read it.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>

#include "peer.h"

static bool half_close = true, hold, linger0, no_stdin;
static int64_t deadline_ms;

static int
left_ms(void)
{
	int64_t left = deadline_ms - peer_now_ms();

	if (left <= 0)
		exit(PEER_TIMEOUT);
	return (int)left;
}

static void
wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error;

	while (poll(&p, 1, left_ms()) <= 0)
		;
	if ((error = peer_connect_error(fd)) != 0) {
		warnx("connect: %s", strerror(error));
		exit(peer_verdict(error));
	}
}

static void
write_out(const char *buf, size_t len)
{
	ssize_t n;

	for (; len > 0; buf += n, len -= (size_t)n)
		if ((n = write(STDOUT_FILENO, buf, len)) < 0)
			err(PEER_ERROR, "stdout");
}

/* Returns true at end of file. */
static bool
receive(int fd)
{
	static char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		write_out(buf, (size_t)n);
	if (n < 0 && errno != EAGAIN) {
		warn("read");
		exit(peer_verdict(errno));
	}
	return n == 0;
}

struct outgoing {
	char buf[65536];
	size_t at, len;
	bool ended;		/* stdin has */
};

/* Returns false when nobody will take more. */
static bool
transmit(int fd, struct outgoing *o)
{
	ssize_t n = send(fd, o->buf + o->at, o->len - o->at, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	o->at += (size_t)n;
	return true;
}

static void
take_stdin(struct outgoing *o)
{
	ssize_t n = read(STDIN_FILENO, o->buf, sizeof(o->buf));

	o->at = 0;
	o->len = n > 0 ? (size_t)n : 0;
	o->ended = n <= 0;
}

static void
stdin_ended(int fd)
{
	if (linger0) {
		peer_linger0(fd);
		close(fd);
		exit(PEER_OK);
	}
	if (hold)
		exit(PEER_OK);
	if (half_close)
		shutdown(fd, SHUT_WR);
}

static void
converse(int fd)
{
	static struct outgoing o;
	bool told = false;

	o.ended = no_stdin;
	for (;;) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		    { .fd = STDIN_FILENO, .events = POLLIN } };

		if (o.ended && o.at == o.len && !told) {
			told = true;
			if (!no_stdin || linger0)
				stdin_ended(fd);
		}
		if (o.at < o.len)
			p[0].events |= POLLOUT;
		if (o.ended || o.at < o.len)
			p[1].fd = -1;
		if (poll(p, 2, left_ms()) <= 0)
			continue;
		if (p[1].revents)
			take_stdin(&o);
		if (p[0].revents & POLLOUT && o.at < o.len && !transmit(fd, &o))
			o.at = o.len;
		if (p[0].revents & (POLLIN | POLLHUP | POLLERR) && receive(fd))
			return;
	}
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "no-half-close", no_argument, NULL, 'n' },
		{ "hold", no_argument, NULL, 'h' },
		{ "linger0", no_argument, NULL, 'l' },
		{ "no-stdin", no_argument, NULL, 'i' },
		{ "timeout", required_argument, NULL, 't' },
		{ "source", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	struct peer_address to, from, *source = NULL;
	int64_t timeout_ms = 20000;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n': half_close = false; break;
		case 'h': hold = true; break;
		case 'l': linger0 = true; break;
		case 'i': no_stdin = true; break;
		case 't': timeout_ms = peer_parse_ms(optarg); break;
		case 's': peer_parse_ip(optarg, 0, &from); source = &from; break;
		default: return PEER_USAGE;
		}
	}
	if (argc - optind != 1)
		errx(PEER_USAGE, "usage: dial [options] tcp:HOST:PORT | unix:PATH");
	signal(SIGPIPE, SIG_IGN);
	deadline_ms = peer_now_ms() + timeout_ms;
	peer_parse(argv[optind], &to);
	if ((fd = peer_connect(&to, source)) < 0) {
		warn("connect");
		return (int)peer_verdict(errno);
	}
	wait_connected(fd);
	converse(fd);
	return PEER_OK;
}
