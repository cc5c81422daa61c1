/*
 * berth-relay - one connection, carried to a target and back
 *
 * What it is told and what it tells is in pure/relay.h.  Each direction has a pipe: splice(2) fills it from one
 * socket and empties it into the other, and nothing is read while it holds something.  So a direction waits for
 * exactly one thing at a time, and no byte is copied into this process.
 *
 * No stdio and no allocation: what the program costs is its start, so it is linked statically, with a small libc
 * where there is one (tests/bench/relay shows what that brings).
 */
#include "../pure/relay.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define CLIENT STDIN_FILENO
#define TARGETS_SAID 4096	/* bytes of the message that no target answers; PIPE_BUF */
#define PIPE_BYTES 65536	/* what a new pipe holds at least, where pages are not fragments */
#define PIPE_BYTES_BULK 524288	/* a megabyte is a tenth cheaper still, and leaves half as many to others */
#define CHUNK 1048576		/* more than a pipe takes at once */

enum end { END_CLIENT, END_TARGET, ENDS };

/* One direction: bytes from ends[from] through the pipe to the other end. */
struct way {
	enum end from, to;
	int pipe[2];
	size_t held;		/* bytes in the pipe; 0: waits for the source, else for the sink */
	bool bulk;		/* the pipe was made larger, or may not be */
	bool ended;		/* the source has ended, and the sink was told */
};

static struct {
	int fd[ENDS];
	struct way way[2];
	int status;		/* to berthd, -1: closed */
} r = { .fd = { CLIENT, -1 }, .status = -1 };

static void
say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;		/* there is nobody else to tell */
}

static _Noreturn void
die(int status, const char *text)
{
	say(text);
	_exit(status);
}

/* What close(2) makes of it is a reset, for the end that is still there; a unix socket knows none. */
static _Noreturn void
reset_both(void)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	for (int i = 0; i < ENDS; i++)
		setsockopt(r.fd[i], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	_exit(EX_OK);
}

/* ---- reaching a target ---- */

static void
report(enum relay_kind kind, uint16_t target, int error)
{
	struct relay_event e = { .kind = (uint16_t)kind, .index = target, .error = error };
	ssize_t n;

	if (r.status < 0)
		return;
	n = write(r.status, &e, sizeof(e));
	(void)n;		/* berthd has gone: the connection goes on */
}

/*
 * The timeout is that of a blocking connect(2), SO_SNDTIMEO in socket(7): unlike poll(2) it also waits for room
 * in the queue of a unix listener.  It ends with EINPROGRESS, or EAGAIN for unix.  Returns 0 or an errno.
 */
static int
connect_target(const struct relay_target *t, const struct timeval *timeout)
{
	int yes = 1, error, fd = socket(t->addr.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, sizeof(*timeout));
	if (t->addr.u.sa.sa_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	}
	if (connect(fd, &t->addr.u.sa, t->addr.len) == 0) {
		r.fd[END_TARGET] = fd;
		return 0;
	}
	error = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
	close(fd);
	return error;
}

/* The first target that answers; none: the end. */
static void
reach(char *const targets[], const struct timeval *timeout)
{
	char text[TARGETS_SAID] = "no target answers: ";
	struct relay_target t;
	int error;

	for (size_t i = 0; targets[i] != NULL; i++) {
		if (!relay_target_parse(targets[i], &t))
			die(EX_USAGE, "berth-relay: bad target\n");
		error = connect_target(&t, timeout);
		report(error == 0 ? RELAY_CONNECTED : RELAY_FAILED, t.index, error);
		if (error == 0)
			return;
		if (i > 0)
			relay_append(text, sizeof(text) - 1, "; ");
		relay_append(text, sizeof(text) - 1, t.text);
		relay_append(text, sizeof(text) - 1, ": ");
		relay_append(text, sizeof(text) - 1, strerror(error));
	}
	relay_append(text, sizeof(text), "\n");
	die(EX_UNAVAILABLE, text);
}

/* A fresh socket has room for it. */
static void
send_header(enum relay_proxy version)
{
	struct relay_ends ends = {
		.remote_ip = getenv("TCPREMOTEIP"), .remote_port = getenv("TCPREMOTEPORT"),
		.local_ip = getenv("TCPLOCALIP"), .local_port = getenv("TCPLOCALPORT"),
	};
	char header[RELAY_HEADER_MAX];
	size_t len = relay_header(version, &ends, header);

	if (len > 0 && send(r.fd[END_TARGET], header, len, 0) != (ssize_t)len)
		reset_both();
}

/* ---- carrying ---- */

static void
end_way(struct way *w)
{
	w->ended = true;
	shutdown(r.fd[w->to], SHUT_WR);
}

/*
 * A pipe grows at the first sign of bulk, and not before: pipes count against a limit of the user's, past which
 * new ones get two pages (pipe(7), pipe-user-pages-soft).
 */
static void
grow(struct way *w)
{
	if (w->bulk || w->held < PIPE_BYTES)
		return;
	w->bulk = true;
	fcntl(w->pipe[1], F_SETPIPE_SZ, PIPE_BYTES_BULK);
}

/*
 * splice(2) stops before urgent data: it says 0 or EAGAIN, for ever.  recv(2) goes past it, and says what the end
 * is.  With SO_OOBINLINE the urgent byte is among the others.  Returns what splice would have.
 */
static ssize_t
read_by_hand(struct way *w)
{
	char buf[512];
	ssize_t n = recv(r.fd[w->from], buf, sizeof(buf), MSG_DONTWAIT);

	return n <= 0 ? n : write(w->pipe[1], buf, (size_t)n);	/* it is empty */
}

static void
fill(struct way *w)
{
	ssize_t n = splice(r.fd[w->from], NULL, w->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n == 0 || (n < 0 && errno == EAGAIN))
		n = read_by_hand(w);
	if (n > 0) {
		w->held = (size_t)n;
		grow(w);
	} else if (n == 0)
		end_way(w);
	else if (errno != EAGAIN)
		reset_both();
}

static void
drain(struct way *w)
{
	ssize_t n = splice(w->pipe[0], NULL, r.fd[w->to], NULL, w->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0)
		w->held -= (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		reset_both();
}

static enum end
waits_for(const struct way *w)
{
	return w->held > 0 ? w->to : w->from;
}

static short
waits_until(const struct way *w)
{
	return w->held > 0 ? POLLOUT : POLLIN;
}

/* An error, too, is taken by the call that was waited for. */
static void
carry(struct way *w, const struct pollfd p[ENDS])
{
	if (w->ended || (p[waits_for(w)].revents & (waits_until(w) | POLLERR | POLLHUP)) == 0)
		return;
	if (w->held == 0)
		fill(w);
	if (w->held > 0)
		drain(w);
}

/* What to wait for.  An end that nobody waits for may still be reset, which poll tells unasked. */
static void
ask(struct pollfd p[ENDS], const bool gone[ENDS])
{
	for (int i = 0; i < ENDS; i++) {
		p[i].fd = r.fd[i];
		p[i].events = p[i].revents = 0;
	}
	for (int i = 0; i < 2; i++) {
		const struct way *w = &r.way[i];

		if (!w->ended)
			p[waits_for(w)].events |= waits_until(w);
	}
	for (int i = 0; i < ENDS; i++) {
		if (gone[i] && p[i].events == 0)
			p[i].fd = -1;
	}
}

/*
 * An error or a hang-up at an end that nothing was asked of.  An error is a reset.  A hang-up alone is a unix peer
 * that has closed: it gets no answer any more, but what it sent is carried on, and poll, which would say so for
 * ever, does not look at it until something is to be written there.
 */
static void
unasked(const struct pollfd p[ENDS], bool gone[ENDS])
{
	for (int i = 0; i < ENDS; i++) {
		if (p[i].events != 0 || (p[i].revents & (POLLERR | POLLHUP)) == 0)
			continue;
		if (p[i].revents & POLLERR)
			reset_both();
		gone[i] = true;
	}
}

static void
carry_all(void)
{
	struct pollfd p[ENDS];
	bool gone[ENDS] = { false, false };

	while (!r.way[0].ended || !r.way[1].ended) {
		ask(p, gone);
		if (poll(p, ENDS, -1) < 0)
			continue;	/* EINTR: nothing else can happen */
		for (int i = 0; i < 2; i++)
			carry(&r.way[i], p);
		unasked(p, gone);
	}
}

/* ---- start ---- */

static bool
parse_timeout(const char *text, struct timeval *out)
{
	char *end;
	long ms = strtol(text, &end, 10);

	if (*text < '1' || *text > '9' || *end != '\0')
		return false;
	out->tv_sec = ms / 1000;
	out->tv_usec = ms % 1000 * 1000;
	return true;
}

static void
make_ways(void)
{
	for (int i = 0; i < 2; i++) {
		struct way *w = &r.way[i];

		w->from = i == 0 ? END_CLIENT : END_TARGET;
		w->to = i == 0 ? END_TARGET : END_CLIENT;
		if (pipe2(w->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
			die(EX_OSERR, "berth-relay: no pipe: too many are open\n");
	}
}

/*
 * A splice into a socket blocks unless the socket says otherwise: neither SPLICE_F_NONBLOCK nor poll helps, and
 * two peers that both write would hold each other up for ever.  The flag lies in the open file description;
 * the client's is ours alone, or a copy of berthd's, which only ever shuts it down.
 */
static void
prepare_ends(void)
{
	int yes = 1;

	for (int i = 0; i < ENDS; i++) {
		fcntl(r.fd[i], F_SETFL, O_RDWR | O_NONBLOCK);
		setsockopt(r.fd[i], SOL_SOCKET, SO_OOBINLINE, &yes, sizeof(yes));
	}
}

int
main(int argc, char *argv[])
{
	struct timeval timeout;
	enum relay_proxy version;

	if (argc < 4 || !parse_timeout(argv[1], &timeout) || !relay_proxy_parse(argv[2], &version))
		die(EX_USAGE, "usage: berth-relay CONNECT_TIMEOUT_MS none|v1|v2 INDEX=TARGET...\n");
	if (fcntl(RELAY_STATUS_FD, F_GETFD) >= 0)
		r.status = RELAY_STATUS_FD;
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	close(STDOUT_FILENO);
	make_ways();
	reach(argv + 3, &timeout);
	if (r.status >= 0)
		close(r.status);
	send_header(version);
	prepare_ends();
	carry_all();
	return EX_OK;
}
