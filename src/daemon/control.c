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
#include "admission.h"
#include "snapshot.h"

#ifndef BERTH_VERSION
#define BERTH_VERSION "unknown"
#endif

#define CLIENTS_MAX 1024
#define READ_BYTES 4096
#define LOCK_TRIES 100
#define BACKLOG 128
#define AGAIN_NS 100000000LL

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
	bool busy;			/* a reload or a survey answers later */
	bool oneway;			/* ... and nobody wants to know */
	struct survey *survey;		/* of connections, that is being made for it */
	TAILQ_ENTRY(client) next_survey;
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
	TAILQ_HEAD(, client) surveying;
	unsigned count;
};

static void serve(struct client *c);

static void
refill(struct control *ctl)
{
	if (ctl->spare < 0)
		ctl->spare = fd_high(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void
end_survey(struct client *c)
{
	if (c->survey == NULL)
		return;
	TAILQ_REMOVE(&c->control->surveying, c, next_survey);
	survey_free(c->survey);
	c->survey = NULL;
}

static void
client_free(struct client *c)
{
	struct control *ctl = c->control;

	reload_forget(ctl->reload, c);
	end_survey(c);
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

static void
reply(struct client *c, const struct wire_call *call, json_t *parameters)
{
	size_t len = 0;

	if (!call->oneway)
		post(c, wire_format_reply(parameters, false, &len), &len);
	json_decref(parameters);
}

static void
fail(struct client *c, const struct wire_call *call, const char *error, json_t *parameters)
{
	size_t len = 0;

	if (!call->oneway)
		post(c, wire_format_error(error, parameters, &len), &len);
	json_decref(parameters);
}

/* ---- methods ---- */

static const char *
string_of(const struct wire_call *call, const char *key)
{
	return json_string_value(json_object_get(call->parameters, key));
}

static void
get_info(struct client *c, const struct wire_call *call)
{
	reply(c, call, json_pack("{s:s,s:s,s:s,s:s,s:[s,s]}", "vendor", "berth", "product",
	    "berthd", "version", BERTH_VERSION, "url", "", "interfaces", "org.varlink.service",
	    "io.berth.Control"));
}

static void
get_description(struct client *c, const struct wire_call *call)
{
	const char *name = string_of(call, "interface"), *text = NULL;

	if (name == NULL) {
		fail(c, call, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "interface"));
		return;
	}
	if (strcmp(name, "io.berth.Control") == 0)
		text = wire_interface_control;
	else if (strcmp(name, "org.varlink.service") == 0)
		text = wire_interface_service;
	if (text == NULL)
		fail(c, call, "org.varlink.service.InterfaceNotFound",
		    json_pack("{s:s}", "interface", name));
	else
		reply(c, call, json_pack("{s:s}", "description", text));
}

static void
list(struct client *c, const struct wire_call *call)
{
	reply(c, call, snapshot_list(c->control->pool));
}

/* The service that a call names; NULL: it was answered with an error. */
static struct pool_service *
named_service(struct client *c, const struct wire_call *call)
{
	const char *name = string_of(call, "service");
	struct pool_service *ps;

	if (name == NULL) {
		fail(c, call, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "service"));
		return NULL;
	}
	ps = pool_find(c->control->pool, name);
	if (ps == NULL)
		fail(c, call, "io.berth.Control.NoSuchService", json_pack("{s:s}", "service", name));
	return ps;
}

static void
show(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = named_service(c, call);
	json_t *shown;

	if (ps == NULL)
		return;
	shown = ps->service != NULL
	    ? spec_show(ps->service, reload_settings(c->control->reload)->defaults)
	    : json_pack("{s:{},s:{}}", "config", "origin");
	json_object_set_new(shown, "service", snapshot_service(ps));
	reply(c, call, shown);
}

/* The service that a call may name: true with *ps NULL where it names none; false: it was answered with an error. */
static bool
any_service(struct client *c, const struct wire_call *call, struct pool_service **ps)
{
	json_t *name = json_object_get(call->parameters, "service");

	*ps = NULL;
	if (name == NULL || json_is_null(name))
		return true;
	return (*ps = named_service(c, call)) != NULL;
}

static void
connections(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps;

	if (!any_service(c, call, &ps))
		return;
	c->survey = survey_new(c->control->pool, ps, SURVEY_ALL);
	if (c->survey == NULL) {
		fail(c, call, "io.berth.Control.NoMemory", json_object());
		return;
	}
	TAILQ_INSERT_TAIL(&c->control->surveying, c, next_survey);
	c->busy = true;
	c->oneway = call->oneway;
}

/* An answer that comes later than the call. */
static void
answer_late(struct client *c, json_t *parameters)
{
	size_t len = 0;

	c->busy = false;
	if (!c->oneway)
		post(c, wire_format_reply(parameters, false, &len), &len);
	serve(c);
}

/* The surveys take turns, a step each. */
bool
control_turn(struct control *ctl)
{
	struct client *c = TAILQ_FIRST(&ctl->surveying);
	json_t *answer;

	if (c == NULL)
		return false;
	TAILQ_REMOVE(&ctl->surveying, c, next_survey);
	TAILQ_INSERT_TAIL(&ctl->surveying, c, next_survey);
	if (survey_step(c->survey)) {
		answer = snapshot_connections(c->survey);
		end_survey(c);
		answer_late(c, answer);
		json_decref(answer);
	}
	return !TAILQ_EMPTY(&ctl->surveying);
}

static void
bad_parameter(struct client *c, const struct wire_call *call, const char *name)
{
	fail(c, call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", name));
}

static void
explain(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = named_service(c, call);
	const char *text = string_of(call, "peer");
	struct admission_client who;
	struct addr peer;
	struct diag why;

	if (ps == NULL)
		return;
	if (text == NULL || !source_parse_peer(text, &peer, &who.uid, &why)) {
		bad_parameter(c, call, "peer");
		return;
	}
	if (ps->service == NULL) {
		fail(c, call, "io.berth.Control.NoGoodVersion",
		    json_pack("{s:s}", "service", ps->name));
		return;
	}
	who.peer = &peer;
	reply(c, call, admission_explain(ps, &who));
}

static void
penalties(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps;

	if (any_service(c, call, &ps))
		reply(c, call, admission_penalties(c->control->pool, ps));
}

static void
forgive(struct client *c, const struct wire_call *call)
{
	const char *text = string_of(call, "source");
	struct pool_service *ps;
	struct source within;
	struct diag why;
	bool all = text != NULL && strcmp(text, "all") == 0;

	if (!any_service(c, call, &ps))
		return;
	if (text == NULL || (!all && !source_parse(text, &within, &why)))
		bad_parameter(c, call, "source");
	else
		reply(c, call, json_pack("{s:I}", "forgiven", (json_int_t)admission_forgive(
		    c->control->pool, ps, all ? NULL : &within)));
}

static void
reload_done_for(void *arg, json_t *report)
{
	answer_late(arg, report);
}

static void
reload(struct client *c, const struct wire_call *call)
{
	c->busy = true;
	c->oneway = call->oneway;
	if (reload_all(c->control->reload, reload_done_for, c))
		return;
	c->busy = false;
	reply(c, call, json_pack("{s:[],s:[],s:[],s:[s],s:[]}", "added", "changed", "removed",
	    "errors", "berthd is stopping", "notes"));
}

static const struct method {
	const char *name;
	bool changes;			/* needs uid 0 or berthd's own */
	void (*call)(struct client *c, const struct wire_call *call);
} methods[] = {
	{ "org.varlink.service.GetInfo", false, get_info },
	{ "org.varlink.service.GetInterfaceDescription", false, get_description },
	{ "io.berth.Control.List", false, list },
	{ "io.berth.Control.Show", false, show },
	{ "io.berth.Control.Connections", false, connections },
	{ "io.berth.Control.Explain", false, explain },
	{ "io.berth.Control.Penalties", false, penalties },
	{ "io.berth.Control.Forgive", true, forgive },
	{ "io.berth.Control.Reload", true, reload },
};

static bool
known_interface(const char *method)
{
	return strncmp(method, "org.varlink.service.", 20) == 0 ||
	    strncmp(method, "io.berth.Control.", 17) == 0;
}

static void
unknown_method(struct client *c, const struct wire_call *call)
{
	char name[256];
	char *dot;

	if (known_interface(call->method)) {
		fail(c, call, "org.varlink.service.MethodNotFound",
		    json_pack("{s:s}", "method", call->method));
		return;
	}
	strlcpy(name, call->method, sizeof(name));
	if ((dot = strrchr(name, '.')) != NULL)
		*dot = '\0';
	fail(c, call, "org.varlink.service.InterfaceNotFound", json_pack("{s:s}", "interface", name));
}

static void
dispatch(struct client *c, const struct wire_call *call)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct method *m = &methods[i];

		if (strcmp(m->name, call->method) != 0)
			continue;
		if (m->changes && c->uid != 0 && c->uid != geteuid()) {
			log_message(RECORD_NOTICE, "note", "control: uid %u may not call %s",
			    (unsigned)c->uid, m->name);
			fail(c, call, "org.varlink.service.PermissionDenied", json_object());
			return;
		}
		m->call(c, call);
		return;
	}
	unknown_method(c, call);
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
	dispatch(c, &call);
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
		if (c->out != NULL || c->busy)
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
	if (n < 0 || (n == 0 && (!c->busy || (events & EPOLLHUP)))) {
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
	TAILQ_INIT(&c->surveying);
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
