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

#include "../sys/fd.h"
#include "../sys/log.h"
#include "client.h"

#define LOCK_TRIES 100
#define BACKLOG 128
#define AGAIN_NS 100000000LL
#define ACCEPTS 16

struct control {
	struct pool *pool;
	struct reload *reload;
	struct endpoint_key key;
	struct sock sock;
	struct loop_source *source;
	char *path, *lock_path;		/* owned */
	int lock;
	struct loop_timer again;
	struct client_set clients;
};

bool
control_turn(struct control *c)
{
	return client_turn(&c->clients);
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

static void
look_again(void *arg)
{
	struct control *ctl = arg;

	client_keep_spare(&ctl->clients);
	loop_watch(ctl->source, EPOLLIN);
}

static void
look_later(struct control *ctl)
{
	struct loop *l = ctl->pool->loop;

	loop_watch(ctl->source, 0);
	loop_arm(l, &ctl->again, loop_now(l) + AGAIN_NS, look_again, ctl);
}

/* The next client, by the spare descriptor where there is no other. */
static enum sock_accepted
accept_one(struct control *ctl, int *fd)
{
	struct addr peer;
	enum sock_accepted got = sock_accept(ctl->sock.fd, fd, &peer);

	if (got == SOCK_NO_RESOURCES && client_give_spare(&ctl->clients))
		got = sock_accept(ctl->sock.fd, fd, &peer);
	return got;
}

static void
control_ready(void *arg, uint32_t events)
{
	struct control *ctl = arg;
	enum sock_accepted got = SOCK_CONNECTION;
	int fd;

	(void)events;
	for (int i = 0; i < ACCEPTS && got == SOCK_CONNECTION; i++) {
		got = accept_one(ctl, &fd);
		if (got == SOCK_CONNECTION)
			client_add(&ctl->clients, fd);
	}
	if (got == SOCK_NO_RESOURCES || got == SOCK_BROKEN)
		look_later(ctl);
	client_keep_spare(&ctl->clients);
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
	if (sock_listen(&c->key, &opt, &c->sock, why) != SOCK_OPENED) {
		diag_prefix(why, "%s: ", c->path);
		return false;
	}
	/* what is accepted there inherits it */
	sock_refuse_rights(c->sock.fd);
	return true;
}

struct control *
control_new(struct pool *p, const char *path, struct diag *why)
{
	struct control *c = calloc(1, sizeof(*c));

	assert(c != NULL);
	c->pool = p;
	c->lock = c->sock.fd = -1;
	client_set_init(&c->clients, c, p->loop);
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
	if (c == NULL)
		return;
	client_set_fini(&c->clients);
	loop_disarm(&c->again);
	loop_remove(c->source);
	sock_close(&c->sock);
	unlink(c->lock_path);
	fd_close(&c->lock);
	free(c->path);
	free(c->lock_path);
	free(c);
}
