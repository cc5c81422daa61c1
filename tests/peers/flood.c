/*
 * flood - many connections, and how each of them went, as one line of JSON
 *
 * flood [-n COUNT] [-c CONCURRENCY] [--send TEXT] [--expect TEXT] [--timeout SECONDS]
 *     [--until FILE] [--pause MS] [--source ADDR] tcp:HOST:PORT | unix:PATH
 *
 * Each connection sends TEXT, half-closes, and reads to the end.  --expect: exactly these bytes,
 * or the connection counts as bad.  --timeout is for one connection.  --until FILE: go on until it exists (and at
 * most 120 s).  --pause MS: each of the CONCURRENCY lines rests that long between connections.
 * {"ok":1,"refused":0,"reset":0,"timeout":0,"bad":0,"error":0,"slowest_ms":3}; exit status 0 when all are ok.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "peer.h"

#define CONCURRENCY_MAX 2000
#define ANSWER_MAX 65536
#define UNTIL_MAX_MS 120000

struct line {
	int fd;			/* -1: resting */
	bool connected;
	int64_t began_ms, rest_until_ms;
	size_t got;
	bool wrong;		/* what came differs from what was expected */
};

static struct line lines[CONCURRENCY_MAX];
static struct peer_address to, from, *source;
static const char *send_text = "", *expect;
static int64_t timeout_ms = 10000, pause_ms, slowest_ms;
static long count_ok, count_refused, count_reset, count_timeout, count_bad, count_error;

static void
finish(struct line *l, enum peer_exit how)
{
	int64_t now = peer_now_ms();

	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->rest_until_ms = now + pause_ms;
	if (now - l->began_ms > slowest_ms)
		slowest_ms = now - l->began_ms;
	switch (how) {
	case PEER_OK:
		if (expect != NULL && (l->wrong || l->got != strlen(expect)))
			count_bad++;
		else
			count_ok++;
		break;
	case PEER_REFUSED: count_refused++; break;
	case PEER_RESET: count_reset++; break;
	case PEER_TIMEOUT: count_timeout++; break;
	case PEER_ERROR:
	case PEER_USAGE:
	default: count_error++; break;
	}
}

static void
begin(struct line *l)
{
	*l = (struct line){ .fd = -1, .began_ms = peer_now_ms() };
	if ((l->fd = peer_connect(&to, source)) < 0)
		finish(l, peer_verdict(errno));
}

static void
connected(struct line *l)
{
	int error = peer_connect_error(l->fd);

	if (error != 0) {
		finish(l, peer_verdict(error));
		return;
	}
	l->connected = true;
	if (*send_text != '\0' &&
	    send(l->fd, send_text, strlen(send_text), MSG_NOSIGNAL) < 0) {
		finish(l, peer_verdict(errno));
		return;
	}
	shutdown(l->fd, SHUT_WR);
}

static void
receive(struct line *l)
{
	static char buf[ANSWER_MAX];
	ssize_t n = read(l->fd, buf, sizeof(buf));

	if (n > 0) {
		if (expect != NULL && (l->got + (size_t)n > strlen(expect) ||
		    memcmp(expect + l->got, buf, (size_t)n) != 0))
			l->wrong = true;
		l->got += (size_t)n;
	} else if (n == 0)
		finish(l, PEER_OK);
	else if (errno != EAGAIN)
		finish(l, peer_verdict(errno));
}

static void
turn(struct line *l, short revents)
{
	if (l->fd < 0)
		return;
	if (!l->connected) {
		if (revents)
			connected(l);
	} else if (revents)
		receive(l);
	if (l->fd >= 0 && peer_now_ms() - l->began_ms > timeout_ms)
		finish(l, PEER_TIMEOUT);
}

static void
run(long total, int concurrency, const char *until)
{
	static struct pollfd p[CONCURRENCY_MAX];
	int64_t start_ms = peer_now_ms();
	bool over = false;
	long begun = 0;
	int busy;

	for (int i = 0; i < concurrency; i++)
		lines[i].fd = -1;
	do {
		int64_t now = peer_now_ms();

		if (until != NULL)
			over = over || access(until, F_OK) == 0 || now - start_ms > UNTIL_MAX_MS;
		busy = 0;
		for (int i = 0; i < concurrency; i++) {
			struct line *l = &lines[i];

			if (l->fd < 0 && !over && (until != NULL || begun < total) &&
			    now >= l->rest_until_ms) {
				begun++;
				begin(l);
			}
			p[i] = (struct pollfd){ .fd = l->fd,
			    .events = l->connected ? POLLIN : POLLOUT };
			busy += l->fd >= 0;
		}
		poll(p, (nfds_t)concurrency, 5);
		for (int i = 0; i < concurrency; i++)
			turn(&lines[i], p[i].revents);
	} while (busy > 0 || (!over && (until != NULL || begun < total)));
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "send", required_argument, NULL, 's' },
		{ "expect", required_argument, NULL, 'e' },
		{ "timeout", required_argument, NULL, 't' },
		{ "until", required_argument, NULL, 'u' },
		{ "pause", required_argument, NULL, 'p' },
		{ "source", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	const char *until = NULL;
	int c, concurrency = 1;
	long total = 1;

	while ((c = getopt_long(argc, argv, "n:c:", options, NULL)) != -1) {
		switch (c) {
		case 'n': total = atol(optarg); break;
		case 'c': concurrency = atoi(optarg); break;
		case 's': send_text = optarg; break;
		case 'e': expect = optarg; break;
		case 't': timeout_ms = peer_parse_ms(optarg); break;
		case 'u': until = optarg; break;
		case 'p': pause_ms = atol(optarg); break;
		case 'a': peer_parse_ip(optarg, 0, &from); source = &from; break;
		default: return PEER_USAGE;
		}
	}
	if (argc - optind != 1 || concurrency < 1 || concurrency > CONCURRENCY_MAX)
		errx(PEER_USAGE, "usage: flood [options] tcp:HOST:PORT | unix:PATH");
	signal(SIGPIPE, SIG_IGN);
	peer_parse(argv[optind], &to);
	run(total, concurrency, until);
	printf("{\"ok\":%ld,\"refused\":%ld,\"reset\":%ld,\"timeout\":%ld,\"bad\":%ld,"
	    "\"error\":%ld,\"slowest_ms\":%lld}\n", count_ok, count_refused, count_reset,
	    count_timeout, count_bad, count_error, (long long)slowest_ms);
	return count_refused + count_reset + count_timeout + count_bad + count_error ? 1 : 0;
}
