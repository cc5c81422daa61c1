/*
 * mix - clients of many kinds, to many services, and what each of them saw, as one line of JSON
 *
 * mix [--seed N] [-n COUNT] [-c CONCURRENCY] [--sources N] [--timeout SECONDS] NAME=KINDS@tcp:HOST:PORT ...
 *
 * Each connection is to one of the services, of one of the letters of its KINDS, from one of 127.0.0.2 and so on: all three by
 * chance, which the seed decides.  A letter that stands there twice is taken twice as often.
 *
 *     a  says "hello", half-closes, reads to the end
 *     s  the same after 0 to 30 ms
 *     b  says "75", half-closes, reads to the end
 *     t  says "hello", waits for the answer, stays for 0 to 300 ms, half-closes, reads to the end
 *     r  resets at once
 *     l  resets after 0 to 30 ms
 *     p  a PROXY header of 192.0.2.1 to 192.0.2.8, then as a
 *     g  something else where a header should be, then as a
 *     e  half a header, half-closes, reads to the end
 *
 * {"NAME":{"all":9,"reply":5,"goodbye":0,"banner":1,"reset":2,"end":0,"left":1,"other":0},...}
 * reply: its own words; goodbye: "goodbye" after them, or alone; banner: "421 busy"; reset, end: not a byte before it; left: reset
 * by itself.  other is explained on stderr, and makes the exit status 1.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "peer.h"

#define CONCURRENCY_MAX 512
#define TARGETS_MAX 64
#define SAYS_MAX 128
#define HEARD_MAX 256
#define SHORT_MS 30
#define LONG_MS 300

enum seen { REPLY, GOODBYE, BANNER, RESET, END, LEFT, OTHER, SEEN };
static const char *const seen_name[SEEN] = { "reply", "goodbye", "banner", "reset", "end", "left", "other" };

static struct target {
	const char *name, *kinds;
	struct peer_address at;
	long all, seen[SEEN];
} targets[TARGETS_MAX];
static int ntargets;

static struct line {
	int fd;				/* -1: none */
	struct target *target;
	char kind;
	bool connected, said, closed;	/* its own side */
	int64_t end_ms;			/* it has timed out */
	int64_t due_ms;			/* when it does its next thing */
	int64_t stay_ms;
	char says[SAYS_MAX], heard[HEARD_MAX];
	const char *answer;		/* the part of says that is to come back */
	size_t got;
} lines[CONCURRENCY_MAX];

static uint64_t state = 1;
static int64_t timeout_ms = 60000;
static int sources = 8;

/* splitmix64 */
static unsigned
chance(unsigned n)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15U);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return (unsigned)((z ^ (z >> 31)) % n);
}

/* ---- one connection ---- */

static enum seen
classify(const struct line *l, int error)
{
	size_t n = strlen(l->answer);

	if (l->got == 0)
		return error == 0 ? END : peer_verdict(error) == PEER_RESET ? RESET : OTHER;
	if (error != 0)
		return strcmp(l->heard, "421 busy\n") == 0 ? BANNER : OTHER;
	if (strcmp(l->heard, l->answer) == 0)
		return REPLY;
	if (strcmp(l->heard, "421 busy\n") == 0)
		return BANNER;
	if (strncmp(l->heard, l->answer, n) == 0 && strcmp(l->heard + n, "goodbye\n") == 0)
		return GOODBYE;
	return strcmp(l->heard, "goodbye\n") == 0 ? GOODBYE : OTHER;
}

static void
finish(struct line *l, enum seen seen, int error)
{
	if (seen == OTHER)
		fprintf(stderr, "%s: %c: %s after \"%s\"\n", l->target->name, l->kind, strerror(error), l->heard);
	l->target->seen[seen]++;
	close(l->fd);
	l->fd = -1;
}

static void
leave(struct line *l)
{
	peer_linger0(l->fd);
	finish(l, LEFT, 0);
}

static void
half_close(struct line *l)
{
	shutdown(l->fd, SHUT_WR);
	l->closed = true;
}

static void
speak(struct line *l)
{
	l->said = true;
	if (send(l->fd, l->says, strlen(l->says), MSG_NOSIGNAL) < 0)
		finish(l, classify(l, errno), errno);
	else if (l->kind != 't')
		half_close(l);
}

static void
receive(struct line *l)
{
	ssize_t n = read(l->fd, l->heard + l->got, sizeof(l->heard) - 1 - l->got);

	if (n > 0) {
		l->got += (size_t)n;
		l->heard[l->got] = '\0';
		if (l->said && !l->closed && strcmp(l->heard, l->answer) == 0)
			l->due_ms = peer_now_ms() + l->stay_ms;
		if (l->got == sizeof(l->heard) - 1)
			finish(l, OTHER, 0);
	} else if (n == 0) {
		finish(l, classify(l, 0), 0);
	} else if (errno != EAGAIN) {
		finish(l, classify(l, errno), errno);
	}
}

static void
act(struct line *l)
{
	l->due_ms = INT64_MAX;
	if (l->kind == 'r' || l->kind == 'l')
		leave(l);
	else if (!l->said)
		speak(l);
	else if (!l->closed)
		half_close(l);
}

static void
turn(struct line *l, short revents)
{
	int error;

	if (revents != 0 && !l->connected) {
		if ((error = peer_connect_error(l->fd)) != 0) {
			finish(l, classify(l, error), error);
			return;
		}
		l->connected = true;
		l->due_ms = peer_now_ms() + (l->kind == 's' || l->kind == 'l' ? l->stay_ms : 0);
	} else if (revents != 0) {
		receive(l);
	}
	if (l->fd >= 0 && l->connected && peer_now_ms() >= l->due_ms)
		act(l);
	if (l->fd >= 0 && peer_now_ms() > l->end_ms)
		finish(l, OTHER, ETIMEDOUT);
}

static const char *
words(char kind)
{
	switch (kind) {
	case 'b': return "75\n";
	case 'g': return "GET / HTTP/1.0\n";
	case 'e': return "PROXY TCP4 192.0.";
	default: return "hello\n";
	}
}

static void
begin(struct line *l)
{
	struct target *t = &targets[chance((unsigned)ntargets)];
	struct peer_address from;
	char source[32];

	*l = (struct line){ .fd = -1, .target = t, .kind = t->kinds[chance((unsigned)strlen(t->kinds))],
		.end_ms = peer_now_ms() + timeout_ms, .due_ms = INT64_MAX };
	l->stay_ms = chance(l->kind == 't' ? LONG_MS : SHORT_MS);
	if (l->kind == 'p')
		snprintf(l->says, sizeof(l->says), "PROXY TCP4 192.0.2.%u 198.51.100.1 4711 79\r\n", 1 + chance(8));
	l->answer = l->says + strlen(l->says);
	strcat(l->says, words(l->kind));
	snprintf(source, sizeof(source), "127.0.0.%u", 2 + chance((unsigned)sources));
	peer_parse_ip(source, 0, &from);
	t->all++;
	if ((l->fd = peer_connect(&t->at, &from)) < 0)
		err(1, "%s", t->name);
}

/* ---- all of them ---- */

static void
run(long count, int concurrency)
{
	struct pollfd p[CONCURRENCY_MAX];
	int busy;

	for (int i = 0; i < concurrency; i++)
		lines[i].fd = -1;
	do {
		busy = 0;
		for (int i = 0; i < concurrency; i++) {
			if (lines[i].fd < 0 && count > 0) {
				begin(&lines[i]);
				count--;
			}
			p[i] = (struct pollfd){ .fd = lines[i].fd, .events = lines[i].connected ? POLLIN : POLLOUT };
			busy += lines[i].fd >= 0;
		}
		poll(p, (nfds_t)concurrency, 3);
		for (int i = 0; i < concurrency; i++)
			if (lines[i].fd >= 0)
				turn(&lines[i], p[i].revents);
	} while (busy > 0 || count > 0);
}

static void
add_target(char *arg)
{
	struct target *t = &targets[ntargets++];
	char *kinds = strchr(arg, '='), *at = strchr(arg, '@');

	if (ntargets > TARGETS_MAX || kinds == NULL || at == NULL || at - kinds < 2)
		errx(PEER_USAGE, "%s: expected NAME=KINDS@tcp:HOST:PORT", arg);
	*kinds++ = '\0';
	*at++ = '\0';
	if (kinds[strspn(kinds, "asbtrlpge")] != '\0')
		errx(PEER_USAGE, "%s: no such kind", kinds);
	t->name = arg;
	t->kinds = kinds;
	peer_parse(at, &t->at);
}

static void
print_target(const struct target *t)
{
	printf("%s\"%s\":{\"all\":%ld", t == targets ? "{" : ",", t->name, t->all);
	for (int i = 0; i < SEEN; i++)
		printf(",\"%s\":%ld", seen_name[i], t->seen[i]);
	printf("}%s", t == &targets[ntargets - 1] ? "}\n" : "");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "sources", required_argument, NULL, 'a' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	int c, concurrency = 64;
	long count = 1, other = 0;

	while ((c = getopt_long(argc, argv, "n:c:", options, NULL)) != -1) {
		switch (c) {
		case 'n': count = atol(optarg); break;
		case 'c': concurrency = atoi(optarg); break;
		case 's': state = strtoull(optarg, NULL, 10); break;
		case 'a': sources = atoi(optarg); break;
		case 't': timeout_ms = peer_parse_ms(optarg); break;
		default: return PEER_USAGE;
		}
	}
	for (int i = optind; i < argc; i++)
		add_target(argv[i]);
	if (ntargets == 0 || concurrency < 1 || concurrency > CONCURRENCY_MAX || sources < 1)
		errx(PEER_USAGE, "usage: mix [options] NAME=KINDS@tcp:HOST:PORT ...");
	signal(SIGPIPE, SIG_IGN);
	run(count, concurrency);
	for (int i = 0; i < ntargets; i++) {
		print_target(&targets[i]);
		other += targets[i].seen[OTHER];
	}
	return other != 0;
}
