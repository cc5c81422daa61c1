#include "control.h"

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../pure/wire.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "client.h"
#include "methods.h"

#define CLIENTS_MAX 1024
#define READ_BYTES 4096
#define LOCK_TRIES 100
#define BACKLOG 128
#define AGAIN_NS 100000000LL
#define TURN_NS 1000000LL	/* for answers that take long: others have things to do */

struct client {
	TAILQ_ENTRY(client) next;
	struct control *control;
	int fd;
	struct loop_source *source;
	uid_t uid;
	char *in;			/* owned: bytes of calls not yet answered */
	size_t in_len, in_room;
	char *out;			/* owned: what is still to be sent */
	size_t out_len, out_sent;
	const struct client_work *work;	/* the call that it made last is not answered yet */
	void *work_arg;
	bool oneway;			/* ... and nobody wants to know */
	bool stepping;			/* in work->step() */
	TAILQ_ENTRY(client) next_working;
	bool in_eof;			/* nothing more comes; answer what came, then close */
};

struct control {
	struct pool *pool;
	struct reload *reload;
	struct endpoint_key key;
	struct sock sock;
	struct loop_source *source;
	char *path, *lock_path;		/* owned */
	int lock;
	int spare;			/* given up when no fd is left, so that one more client gets in */
	struct loop_timer again;
	TAILQ_HEAD(, client) clients;
	TAILQ_HEAD(, client) working;
	unsigned workers;
	unsigned count;
};

static void serve(struct client *c);

static void
refill(struct control *ctl)
{
	if (ctl->spare < 0)
		ctl->spare = fd_high(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

/* Its work is done, or in vain. */
static void
end_work(struct client *c)
{
	const struct client_work *w = c->work;

	if (w == NULL)
		return;
	TAILQ_REMOVE(&c->control->working, c, next_working);
	c->control->workers--;
	c->work = NULL;
	if (w->end != NULL)
		w->end(c, c->work_arg);
	c->work_arg = NULL;
}

static void
client_free(struct client *c)
{
	struct control *ctl = c->control;

	end_work(c);
	TAILQ_REMOVE(&ctl->clients, c, next);
	ctl->count--;
	loop_remove(c->source);
	fd_close(&c->fd);
	refill(ctl);
	free(c->in);
	free(c->out);
	free(c);
}

/* ---- sending ---- */

/* As much as the socket takes; false when the client is lost (and freed). */
static bool
flush(struct client *c)
{
	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			loop_watch(c->source, EPOLLOUT);
			return true;
		}
		if (n < 0) {
			client_free(c);
			return false;
		}
		c->out_sent += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_sent = 0;
	loop_watch(c->source, c->in_eof ? 0 : EPOLLIN);
	return true;
}

/* Takes the text over.  The length comes by pointer: it is set while the arguments are evaluated. */
static void
post(struct client *c, char *message, const size_t *len)
{
	char *out;

	out = realloc(c->out, c->out_len + *len);
	assert(out != NULL);
	memcpy(out + c->out_len, message, *len);
	c->out = out;
	c->out_len += *len;
	free(message);
}

void
client_reply(struct client *c, const struct wire_call *call, json_t *parameters)
{
	size_t len = 0;

	if (!call->oneway)
		post(c, wire_format_reply(parameters, false, &len), &len);
	json_decref(parameters);
}

void
client_fail(struct client *c, const struct wire_call *call, const char *error, json_t *parameters)
{
	size_t len = 0;

	if (!call->oneway)
		post(c, wire_format_error(error, parameters, &len), &len);
	json_decref(parameters);
}

/* ---- answers that come later ---- */

void
client_begin(struct client *c, const struct wire_call *call, const struct client_work *work,
    void *arg)
{
	assert(c->work == NULL);
	c->work = work;
	c->work_arg = arg;
	c->oneway = call->oneway;
	TAILQ_INSERT_TAIL(&c->control->working, c, next_working);
	c->control->workers++;
}

void
client_part(struct client *c, json_t *parameters)
{
	size_t len = 0;

	if (!c->oneway)
		post(c, wire_format_reply(parameters, true, &len), &len);
	json_decref(parameters);
}

/* Within a step the rest is done when it returns; else at once. */
static void
finish(struct client *c, char *message, size_t len)
{
	if (c->oneway)
		free(message);
	else
		post(c, message, &len);
	end_work(c);
	if (!c->stepping)
		serve(c);
}

void
client_finish(struct client *c, json_t *parameters)
{
	size_t len = 0;
	char *message = wire_format_reply(parameters, false, &len);

	json_decref(parameters);
	finish(c, message, len);
}

void
client_finish_error(struct client *c, const char *error, json_t *parameters)
{
	size_t len = 0;
	char *message = wire_format_error(error, parameters, &len);

	json_decref(parameters);
	finish(c, message, len);
}

/* A step, and what follows from it.  May free the client.  True when it has more to do at once. */
static bool
step(struct client *c)
{
	bool more;

	c->stepping = true;
	more = c->work->step(c, c->work_arg);
	c->stepping = false;
	if (c->work != NULL && c->out == NULL)
		return more;
	more = more && c->work != NULL;
	serve(c);
	return more;
}

/* Those that work take turns, a step each, for a bounded time. */
bool
control_turn(struct control *ctl)
{
	int64_t over = loop_clock() + TURN_NS;
	struct client *c;
	bool more = false;

	for (unsigned n = ctl->workers; n > 0 && (c = TAILQ_FIRST(&ctl->working)) != NULL; n--) {
		if (loop_clock() >= over)
			return true;
		TAILQ_REMOVE(&ctl->working, c, next_working);
		TAILQ_INSERT_TAIL(&ctl->working, c, next_working);
		if (c->work->step != NULL && c->out == NULL && step(c))
			more = true;
	}
	return more;
}

/* ---- what methods may know ---- */

struct control *
client_control(const struct client *c)
{
	return c->control;
}

uid_t
client_uid(const struct client *c)
{
	return c->uid;
}

struct pool *
control_pool(const struct control *c)
{
	return c->pool;
}

struct reload *
control_reload(const struct control *c)
{
	return c->reload;
}

/* ---- receiving ---- */

enum next { NEXT_NONE, NEXT_SERVED, NEXT_LOST };

/* Answer the next whole call in the buffer.  NEXT_LOST: the client was freed. */
static enum next
next_call(struct client *c)
{
	char *end = c->in_len > 0 ? memchr(c->in, '\0', c->in_len) : NULL;
	struct wire_call call;
	struct diag why;
	size_t len;
	bool good;

	if (end == NULL)
		return NEXT_NONE;
	len = (size_t)(end - c->in);
	good = wire_parse_call(c->in, len, &call, &why);
	memmove(c->in, end + 1, c->in_len - len - 1);
	c->in_len -= len + 1;
	if (!good) {
		/* what follows junk cannot be trusted to be in step */
		client_free(c);
		return NEXT_LOST;
	}
	methods_call(c, &call);
	wire_call_fini(&call);
	return NEXT_SERVED;
}

/* Answer calls as long as the answers go out at once.  May free the client. */
static void
serve(struct client *c)
{
	enum next next;

	do {
		if (c->out != NULL && !flush(c))
			return;
		if (c->out != NULL || c->work != NULL)
			return;
	} while ((next = next_call(c)) == NEXT_SERVED);
	if (next == NEXT_NONE && c->in_eof)
		client_free(c);
}

static bool
grow(struct client *c)
{
	char *in;

	if (c->in_room - c->in_len >= READ_BYTES)
		return true;
	if (c->in_len >= WIRE_CALL_MAX)
		return false;
	in = realloc(c->in, c->in_room + READ_BYTES);
	if (in == NULL)
		return false;
	c->in = in;
	c->in_room += READ_BYTES;
	return true;
}

static void
client_ready(void *arg, uint32_t events)
{
	struct client *c = arg;
	ssize_t n;

	if (c->out != NULL) {
		if (events & (EPOLLERR | EPOLLHUP))
			client_free(c);
		else
			serve(c);
		return;
	}
	if (!grow(c)) {
		client_free(c);
		return;
	}
	n = recv(c->fd, c->in + c->in_len, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && (c->work == NULL || (events & EPOLLHUP)))) {
		client_free(c);
		return;
	}
	if (n == 0) {
		c->in_eof = true;
		loop_watch(c->source, 0);
		return;
	}
	c->in_len += (size_t)n;
	serve(c);
}

static void
client_add(struct control *ctl, int fd)
{
	struct client *c;
	pid_t pid;
	gid_t gid;

	if (ctl->count >= CLIENTS_MAX || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	*c = (struct client){ .control = ctl, .fd = fd, .uid = (uid_t)-1 };
	sock_credentials(fd, &c->uid, &gid, &pid);
	c->source = loop_add(ctl->pool->loop, fd, EPOLLIN, client_ready, c);
	if (c->source == NULL) {
		close(fd);
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&ctl->clients, c, next);
	ctl->count++;
}

static void
look_again(void *arg)
{
	struct control *ctl = arg;

	refill(ctl);
	loop_watch(ctl->source, EPOLLIN);
}

static void
control_ready(void *arg, uint32_t events)
{
	struct control *ctl = arg;
	struct addr peer;
	int fd;

	(void)events;
	for (int i = 0; i < 16; i++) {
		enum sock_accepted got = sock_accept(ctl->sock.fd, &fd, &peer);

		if (got == SOCK_CONNECTION) {
			client_add(ctl, fd);
		} else if (got == SOCK_NO_RESOURCES && ctl->spare >= 0) {
			fd_close(&ctl->spare);
		} else if (got == SOCK_NO_RESOURCES || got == SOCK_BROKEN) {
			loop_watch(ctl->source, 0);
			loop_arm(ctl->pool->loop, &ctl->again,
			    loop_now(ctl->pool->loop) + AGAIN_NS, look_again, ctl);
			return;
		} else {
			return;
		}
	}
}

/* ---- the socket itself ---- */

/*
 * A berthd that was killed in the middle of a spawn leaves the lock to the half-made child, which drops
 * it within moments: only a holder that lives is final.
 */
static bool
lock_in_time(struct control *c, struct diag *why)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };
	pid_t pid = 0;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(c->lock, LOCK_EX | LOCK_NB) == 0)
			return true;
		pid = sock_server(c->path);
		if (pid != 0 && (kill(pid, 0) == 0 || errno == EPERM)) {
			diag_set(why, "%s: berthd is running already, as pid %d", c->path,
			    (int)pid);
			return false;
		}
		nanosleep(&pause, NULL);
	}
	diag_set(why, "%s: another berthd holds it", c->lock_path);
	return false;
}

/*
 * The lock is on a file that is removed at the end: after taking it, the path must still lead to
 * the same file.
 */
static bool
take_lock(struct control *c, struct diag *why)
{
	struct stat a, b;

	for (;;) {
		c->lock = fd_high(open(c->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
		if (c->lock < 0) {
			diag_set(why, "%s: %s", c->lock_path, strerror(errno));
			return false;
		}
		if (!lock_in_time(c, why))
			return false;
		if (fstat(c->lock, &a) == 0 && stat(c->lock_path, &b) == 0 && a.st_ino == b.st_ino)
			return true;
		fd_close(&c->lock);
	}
}

static bool
make_directory(const char *path, struct diag *why)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	char *slash;

	strlcpy(dir, path, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return true;
	*slash = '\0';
	if (mkdir(dir, geteuid() == 0 ? 0755 : 0700) == 0 || errno == EEXIST)
		return true;
	diag_set(why, "%s: %s", dir, strerror(errno));
	return false;
}

static bool
open_socket(struct control *c, struct diag *why)
{
	struct sock_options opt = { .backlog = BACKLOG, .mode = 0600, .owner = (uid_t)-1,
		.group = (gid_t)-1 };
	struct sockaddr_un *un = &c->key.addr.u.un;

	if (strlen(c->path) >= sizeof(un->sun_path)) {
		diag_set(why, "%s: longer than a socket path can be", c->path);
		return false;
	}
	un->sun_family = AF_UNIX;
	strlcpy(un->sun_path, c->path, sizeof(un->sun_path));
	c->key.kind = ENDPOINT_UNIX;
	c->key.addr.len = sizeof(*un);
	if (sock_listen(&c->key, &opt, &c->sock, why) == SOCK_OPENED)
		return true;
	diag_prefix(why, "%s: ", c->path);
	return false;
}

struct control *
control_new(struct pool *p, const char *path, struct diag *why)
{
	struct control *c = calloc(1, sizeof(*c));

	assert(c != NULL);
	c->pool = p;
	c->lock = c->sock.fd = c->spare = -1;
	TAILQ_INIT(&c->clients);
	TAILQ_INIT(&c->working);
	c->path = strdup(path);
	if (asprintf(&c->lock_path, "%s.lock", path) < 0)
		c->lock_path = NULL;
	assert(c->path != NULL && c->lock_path != NULL);
	if (!make_directory(path, why) || !take_lock(c, why))
		goto fail;
	if (!open_socket(c, why)) {
		unlink(c->lock_path);
		goto fail;
	}
	c->source = loop_add(p->loop, c->sock.fd, EPOLLIN, control_ready, c);
	refill(c);
	if (c->source != NULL)
		return c;
	diag_set(why, "epoll_ctl: %s", strerror(errno));
	sock_close(&c->sock);
	unlink(c->lock_path);
fail:
	fd_close(&c->lock);
	free(c->path);
	free(c->lock_path);
	free(c);
	return NULL;
}

void
control_set_reload(struct control *c, struct reload *r)
{
	c->reload = r;
}

bool
control_set_group(struct control *c, gid_t gid, struct diag *why)
{
	struct sock_options opt = { .backlog = BACKLOG, .mode = 0660, .owner = (uid_t)-1,
		.group = gid };

	return sock_apply(&c->sock, &c->key, &opt, why);
}

void
control_free(struct control *c)
{
	struct client *cl, *next;

	if (c == NULL)
		return;
	TAILQ_FOREACH_SAFE(cl, &c->clients, next, next)
		client_free(cl);
	loop_disarm(&c->again);
	fd_close(&c->spare);
	loop_remove(c->source);
	sock_close(&c->sock);
	unlink(c->lock_path);
	fd_close(&c->lock);
	free(c->path);
	free(c->lock_path);
	free(c);
}
