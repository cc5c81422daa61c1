#include "client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/xalloc.h"
#include "../sys/paths.h"
#include "ctl.h"

#define READ_BYTES	65536
#define REPLY_MAX	(256u << 20)	/* no list of services is longer than that */

const char *
client_path(const char *given)
{
	const char *env = getenv("BERTH_CONTROL");

	if (given != NULL)
		return given;
	return env != NULL && env[0] != '\0' ? env : paths_control();
}

/* Why there is no connection, and what to do about it. */
static int
connect_failed(const char *path, int error, struct diag *why)
{
	if (error == EACCES || error == EPERM) {
		diag_set(why, "%s: not allowed to connect: only root, the user that runs berthd, and "
		    "members of its control.group (berth.json) may", path);
		return EX_NOPERM;
	}
	if (error == EAGAIN)
		diag_set(why, "%s: the daemon does not answer: nobody has been let in for long", path);
	else if (error == ENOENT || error == ECONNREFUSED)
		diag_set(why, "%s: no daemon there (%s): start berthd, or name the control socket "
		    "with --control PATH or $BERTH_CONTROL%s", path, strerror(error),
		    strcmp(path, CLIENT_SYSTEM) == 0 ? "" :
		    " (the system's is " CLIENT_SYSTEM ")");
	else
		diag_set(why, "%s: no daemon there: cannot connect: %s", path, strerror(error));
	return EX_UNAVAILABLE;
}

/* option: SO_RCVTIMEO; or SO_SNDTIMEO, which is for connect(2) too.  seconds: 0 for ever. */
static void
set_patience(int fd, int option, int seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	(void)setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv));
}

/* flags: of socket(2), SOCK_NONBLOCK or 0. */
static int
connect_to(struct client *c, const char *given, int flags, struct diag *why)
{
	const char *path = client_path(given);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int error, status;

	*c = (struct client){ .fd = -1 };
	if (path == NULL) {
		diag_set(why, "no daemon there: XDG_RUNTIME_DIR is not set; name the control socket "
		    "with --control PATH (the system's is " CLIENT_SYSTEM ")");
		return EX_UNAVAILABLE;
	}
	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >= sizeof(un.sun_path)) {
		diag_set(why, "%s: no daemon there: a socket's path has at most %zu bytes", path,
		    sizeof(un.sun_path) - 1);
		return EX_UNAVAILABLE;
	}
	(void)strlcpy(c->path, path, sizeof(c->path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (c->fd >= 0)
		set_patience(c->fd, SO_SNDTIMEO, CLIENT_SECONDS);
	if (c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return 0;
	error = errno;
	client_close(c);
	status = connect_failed(path, error, why);
	errno = error;
	return status;
}

static int
said(int status, const struct diag *why)
{
	if (status != 0)
		ctl_complain("%s", why->text);
	return status;
}

int
client_start(struct client *c, const char *given, struct diag *why)
{
	return connect_to(c, given, SOCK_NONBLOCK, why);
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	free(c->buf);
	free(c->out);
	c->buf = c->out = NULL;
	c->len = c->room = c->seen = c->out_len = 0;
}

static int
lost(const struct client *c, const char *reason, struct diag *why)
{
	diag_set(why, "%s: the daemon is gone: %s", c->path, reason);
	return EX_UNAVAILABLE;
}

void
client_post(struct client *c, const char *method, json_t *parameters)
{
	size_t len;
	char full[128], *text;

	(void)snprintf(full, sizeof(full), "io.berth.Control.%s", method);
	text = wire_format_call(full, parameters, false, &len);
	json_decref(parameters);
	assert(text != NULL);
	c->out = xreallocarray(c->out, c->out_len + len, 1);
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
	free(text);
}

/* Send what is to be sent, as much of it as the socket takes, or has taken in time. */
static int
flush(struct client *c, struct diag *why)
{
	ssize_t n;

	while (c->out_len > 0) {
		n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		/* who gets no place is told so, and not heard: what it says is the answer */
		if (n < 0 && errno == EPIPE)
			n = (ssize_t)c->out_len;
		if (n < 0)
			return errno == EAGAIN ? 0 : lost(c, strerror(errno), why);
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
	return 0;
}

/* Connect, and send one call.  Once there was an answer, there may be more; until then a daemon that hangs is not waited for. */
static int
send_call(struct client *c, const char *path, const char *method, json_t *parameters, bool more)
{
	struct diag why;
	char full[128];
	int status = connect_to(c, path, 0, &why);

	if (status == 0) {
		(void)snprintf(full, sizeof(full), "io.berth.Control.%s", method);
		c->out = wire_format_call(full, parameters, more, &c->out_len);
		assert(c->out != NULL);
		set_patience(c->fd, SO_RCVTIMEO, CLIENT_SECONDS);
		status = flush(c, &why);
	}
	return said(status, &why);
}

static int
silent(const struct client *c, struct diag *why)
{
	diag_set(why, "%s: the daemon does not answer: there was no answer within %d seconds", c->path,
	    CLIENT_SECONDS);
	return EX_UNAVAILABLE;
}

/* Read some more; 0 or the exit status.  Of a socket that does not wait, or not for long, there may be nothing: *none. */
static int
fill(struct client *c, bool *none, struct diag *why)
{
	ssize_t n;

	*none = false;
	if (c->room - c->len < READ_BYTES) {
		c->room = c->room * 2 + READ_BYTES;
		if (c->room > REPLY_MAX)
			return lost(c, "its answer has no end", why);
		c->buf = xreallocarray(c->buf, c->room, 1);
	}
	do
		n = recv(c->fd, c->buf + c->len, c->room - c->len, 0);
	while (n < 0 && errno == EINTR);
	*none = n < 0 && errno == EAGAIN;
	if (n < 0)
		return *none ? 0 : lost(c, strerror(errno), why);
	if (n == 0)
		return lost(c, "it closed the connection", why);
	c->len += (size_t)n;
	return 0;
}

/* Where the first message ends, of what has been read; NULL: it is not there as a whole. */
static char *
message_end(struct client *c)
{
	char *end = NULL;

	if (c->len > c->seen)
		end = memchr(c->buf + c->seen, '\0', c->len - c->seen);
	c->seen = end == NULL ? c->len : 0;
	return end;
}

static int
take_message(struct client *c, char *end, struct wire_reply *r, struct diag *why)
{
	struct diag wrong;
	size_t len = (size_t)(end - c->buf);
	bool good = wire_parse_reply(c->buf, len, r, &wrong);

	c->len -= len + 1;
	memmove(c->buf, end + 1, c->len);
	if (good)
		return 0;
	diag_set(why, "%s: the answer is none of berthd's: %s", c->path, wrong.text);
	return EX_UNAVAILABLE;
}

/* Wait for the next reply; r is the caller's to release when 0 is returned. */
static int
receive(struct client *c, struct wire_reply *r)
{
	struct diag why;
	char *end;
	int status = 0;
	bool none;

	while ((end = message_end(c)) == NULL && status == 0) {
		status = fill(c, &none, &why);
		if (none)
			status = silent(c, &why);
	}
	if (status == 0)
		status = take_message(c, end, r, &why);
	return said(status, &why);
}

short
client_events(const struct client *c)
{
	return c->out_len > 0 ? POLLIN | POLLOUT : POLLIN;
}

int
client_take(struct client *c, struct wire_reply *r, bool *taken, struct diag *why)
{
	char *end;
	int status = flush(c, why);
	bool none = false;

	*taken = false;
	while ((end = message_end(c)) == NULL && status == 0 && !none)
		status = fill(c, &none, why);
	if (end == NULL || status != 0)
		return status;
	status = take_message(c, end, r, why);
	*taken = status == 0;
	return status;
}

/* Say which parameter the daemon does not take; the exit status. */
static int
explain_parameter(const struct wire_reply *r, const json_t *parameters, struct diag *why)
{
	const char *key = ctl_string(r->parameters, "parameter");
	const char *value = ctl_string(parameters, key);

	if (value[0] == '\0')
		diag_set(why, "%s: refused by the daemon", key);
	else
		diag_set(why, "%s: no %s that the daemon takes", value, key);
	return EX_USAGE;
}

static const char *
error_name(const struct wire_reply *r)
{
	const char *dot = r->error == NULL ? NULL : strrchr(r->error, '.');

	return dot == NULL ? "" : dot + 1;
}

bool
client_refused(const struct wire_reply *r)
{
	return strcmp(error_name(r), "TooManyClients") == 0 || strcmp(error_name(r), "Shortage") == 0;
}

int
client_explain(const struct client *c, const struct wire_reply *r, const json_t *parameters,
    struct diag *why)
{
	const char *name = error_name(r);

	if (strcmp(name, "NoSuchService") == 0) {
		diag_set(why, "%s: no such service", ctl_string(r->parameters, "service"));
		return CTL_NO;
	}
	if (strcmp(name, "NoSuchConnection") == 0) {
		diag_set(why, "%lld: no such connection", ctl_number(r->parameters, "connection"));
		return CTL_NO;
	}
	if (strcmp(name, "NotKept") == 0) {
		diag_set(why, "%s: cannot be written: %s: nothing has changed",
		    ctl_string(r->parameters, "path"), ctl_string(r->parameters, "message"));
		return CTL_NO;
	}
	if (strcmp(name, "Stopping") == 0) {
		diag_set(why, "%s: berthd is stopping: it takes no more orders", c->path);
		return CTL_NO;
	}
	if (strcmp(name, "PermissionDenied") == 0) {
		diag_set(why, "%s: not allowed: only root and the user that runs berthd may", c->path);
		return EX_NOPERM;
	}
	if (strcmp(name, "MethodNotFound") == 0 || strcmp(name, "InterfaceNotFound") == 0 ||
	    strcmp(name, "MethodNotImplemented") == 0) {
		diag_set(why, "%s: the daemon there does not know this command: is it another "
		    "version than berthctl?", c->path);
		return EX_UNAVAILABLE;
	}
	if (strcmp(name, "InvalidParameter") == 0)
		return explain_parameter(r, parameters, why);
	if (strcmp(name, "TooManyClients") == 0) {
		diag_set(why, "%s: too many clients are connected (the limit is %lld): try again "
		    "later, or as root", c->path, ctl_number(r->parameters, "limit"));
		return EX_UNAVAILABLE;
	}
	if (strcmp(name, "Shortage") == 0) {
		diag_set(why, "%s: berthd has no descriptor left but one for root: try again later, "
		    "or as root", c->path);
		return EX_UNAVAILABLE;
	}
	diag_set(why, "%s: the daemon answers: %s", c->path, r->error);
	return CTL_NO;
}

int
client_call(const char *path, const char *method, json_t *parameters, json_t **answer)
{
	struct wire_reply r = { 0 };
	struct client c;
	struct diag why;
	int status = send_call(&c, path, method, parameters, false);

	*answer = NULL;
	/* it looks names up, for as long as a name service takes */
	if (status == 0 && strcmp(method, "Reload") == 0)
		set_patience(c.fd, SO_RCVTIMEO, 0);
	if (status == 0)
		status = receive(&c, &r);
	if (status == 0 && r.error != NULL)
		status = said(client_explain(&c, &r, parameters, &why), &why);
	else if (status == 0)
		*answer = json_incref(r.parameters);
	wire_reply_fini(&r);
	client_close(&c);
	json_decref(parameters);
	return status;
}

/* Until there is a reply; with SIGPIPE, as if something had been written, when nobody is left to read that. */
static int
wait_for_part(struct client *c, int reader)
{
	struct pollfd p[] = { { .fd = c->fd, .events = POLLIN }, { .fd = reader } };

	while (message_end(c) == NULL && p[0].revents == 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return CTL_NO;
		if ((p[1].revents & (POLLERR | POLLHUP)) != 0) {
			(void)raise(SIGPIPE);
			return CTL_NO;
		}
	}
	return 0;
}

int
client_follow(const char *path, const char *method, json_t *parameters, int reader, client_part *part,
    void *arg)
{
	struct wire_reply r;
	struct client c;
	struct diag why;
	int status = send_call(&c, path, method, parameters, true);
	bool more = true;

	while (status == 0 && more && (status = receive(&c, &r)) == 0) {
		more = r.continues && r.error == NULL;
		if (r.error != NULL)
			status = said(client_explain(&c, &r, parameters, &why), &why);
		else
			status = part(arg, r.parameters, more);
		wire_reply_fini(&r);
		set_patience(c.fd, SO_RCVTIMEO, 0);
		if (status == 0 && more)
			status = wait_for_part(&c, reader);
	}
	client_close(&c);
	json_decref(parameters);
	return status;
}
