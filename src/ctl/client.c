#include "client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/xalloc.h"
#include "../sys/paths.h"
#include "ctl.h"

#define READ_BYTES	65536
#define REPLY_MAX	(256u << 20)	/* no list of services is longer than that */
#define SYSTEM_CONTROL	"/run/berth/control"

static const char *
control_path(const char *given)
{
	const char *env = getenv("BERTH_CONTROL");

	if (given != NULL)
		return given;
	return env != NULL && env[0] != '\0' ? env : paths_control();
}

/* Why there is no connection, and what to do about it. */
static int
connect_failed(const char *path, int error)
{
	if (error == EACCES || error == EPERM) {
		ctl_complain("%s: not allowed to connect: only root, the user that runs berthd, and "
		    "members of its control.group (berth.json) may", path);
		return EX_NOPERM;
	}
	if (error == ENOENT || error == ECONNREFUSED)
		ctl_complain("%s: no daemon there (%s): start berthd, or name the control socket "
		    "with --control PATH or $BERTH_CONTROL%s", path, strerror(error),
		    strcmp(path, SYSTEM_CONTROL) == 0 ? "" :
		    " (the system's is " SYSTEM_CONTROL ")");
	else
		ctl_complain("%s: no daemon there: cannot connect: %s", path, strerror(error));
	return EX_UNAVAILABLE;
}

int
client_open(struct client *c, const char *given)
{
	const char *path = control_path(given);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int error;

	*c = (struct client){ .fd = -1 };
	if (path == NULL) {
		ctl_complain("no daemon there: XDG_RUNTIME_DIR is not set; name the control socket "
		    "with --control PATH (the system's is " SYSTEM_CONTROL ")");
		return EX_UNAVAILABLE;
	}
	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >= sizeof(un.sun_path)) {
		ctl_complain("%s: no daemon there: a socket's path has at most %zu bytes", path,
		    sizeof(un.sun_path) - 1);
		return EX_UNAVAILABLE;
	}
	(void)strlcpy(c->path, path, sizeof(c->path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return 0;
	error = errno;
	client_close(c);
	return connect_failed(path, error);
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	free(c->buf);
	c->buf = NULL;
	c->len = c->room = 0;
}

static int
lost(const struct client *c, const char *reason)
{
	ctl_complain("%s: the daemon is gone: %s", c->path, reason);
	return EX_UNAVAILABLE;
}

int
client_send(struct client *c, const char *method, json_t *parameters, bool more)
{
	size_t len, done = 0;
	char *text = wire_format_call(method, parameters, more, &len);
	ssize_t n = 0;

	assert(text != NULL);
	while (done < len && n >= 0) {
		n = send(c->fd, text + done, len - done, MSG_NOSIGNAL);
		if (n > 0)
			done += (size_t)n;
		else if (errno == EINTR)
			n = 0;
	}
	free(text);
	return n < 0 ? lost(c, strerror(errno)) : 0;
}

/* Read some more; 0 or the exit status. */
static int
fill(struct client *c)
{
	ssize_t n;

	if (c->room - c->len < READ_BYTES) {
		c->room = c->room * 2 + READ_BYTES;
		if (c->room > REPLY_MAX)
			return lost(c, "its answer has no end");
		c->buf = xreallocarray(c->buf, c->room, 1);
	}
	do
		n = recv(c->fd, c->buf + c->len, c->room - c->len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return lost(c, strerror(errno));
	if (n == 0)
		return lost(c, "it closed the connection");
	c->len += (size_t)n;
	return 0;
}

int
client_receive(struct client *c, struct wire_reply *r)
{
	struct diag why;
	size_t len, seen = 0;
	char *end = NULL;
	int status;
	bool good;

	while (c->len == seen || (end = memchr(c->buf + seen, '\0', c->len - seen)) == NULL) {
		seen = c->len;
		if ((status = fill(c)) != 0)
			return status;
	}
	len = (size_t)(end - c->buf);
	good = wire_parse_reply(c->buf, len, r, &why);
	c->len -= len + 1;
	memmove(c->buf, end + 1, c->len);
	if (good)
		return 0;
	ctl_complain("%s: the answer is none of berthd's: %s", c->path, why.text);
	return EX_UNAVAILABLE;
}

/* Say which parameter the daemon does not take; the exit status. */
static int
explain_parameter(const struct wire_reply *r, const json_t *parameters)
{
	const char *key = ctl_string(r->parameters, "parameter");
	const char *value = ctl_string(parameters, key);

	if (value[0] == '\0')
		ctl_complain("%s: refused by the daemon", key);
	else
		ctl_complain("%s: no %s that the daemon takes", value, key);
	return EX_USAGE;
}

/* Say what an error reply to a call with these parameters means; the exit status. */
static int
explain(const struct client *c, const struct wire_reply *r, const json_t *parameters)
{
	const char *name = strrchr(r->error, '.');

	name = name == NULL ? r->error : name + 1;
	if (strcmp(name, "NoSuchService") == 0) {
		ctl_complain("%s: no such service", ctl_string(r->parameters, "service"));
		return CTL_NO;
	}
	if (strcmp(name, "PermissionDenied") == 0) {
		ctl_complain("%s: not allowed: only root and the user that runs berthd may", c->path);
		return EX_NOPERM;
	}
	if (strcmp(name, "MethodNotFound") == 0 || strcmp(name, "InterfaceNotFound") == 0 ||
	    strcmp(name, "MethodNotImplemented") == 0) {
		ctl_complain("%s: the daemon there does not know this command: is it another "
		    "version than berthctl?", c->path);
		return EX_UNAVAILABLE;
	}
	if (strcmp(name, "InvalidParameter") == 0)
		return explain_parameter(r, parameters);
	ctl_complain("%s: the daemon answers: %s", c->path, r->error);
	return CTL_NO;
}

int
client_call(const char *path, const char *method, json_t *parameters, json_t **answer)
{
	struct wire_reply r = { 0 };
	struct client c;
	char full[128];
	int status;

	*answer = NULL;
	(void)snprintf(full, sizeof(full), "io.berth.Control.%s", method);
	status = client_open(&c, path);
	if (status == 0)
		status = client_send(&c, full, parameters, false);
	if (status == 0)
		status = client_receive(&c, &r);
	if (status == 0 && r.error != NULL)
		status = explain(&c, &r, parameters);
	else if (status == 0)
		*answer = json_incref(r.parameters);
	wire_reply_fini(&r);
	client_close(&c);
	json_decref(parameters);
	return status;
}
