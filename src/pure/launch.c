#include "launch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_USER "/usr/local/bin:/usr/bin:/bin"

/* Room for `more` bytes of text; the entries of env that point into the old text follow it. */
static void
text_room(struct launch *l, size_t more)
{
	size_t room = l->text_room ? l->text_room : 1024;
	char *text;

	if (l->text_len + more <= l->text_room)
		return;
	while (room < l->text_len + more)
		room *= 2;
	text = malloc(room);
	assert(text != NULL);
	if (l->text != NULL) {
		memcpy(text, l->text, l->text_len);
		for (size_t i = 0; i < l->env_count; i++)
			if (l->env[i] >= l->text && l->env[i] < l->text + l->text_len)
				l->env[i] = text + (l->env[i] - l->text);
		free(l->text);
	}
	l->text = text;
	l->text_room = room;
}

static void
env_push(struct launch *l, char *string)
{
	if (l->env_count + 1 >= l->env_room) {
		l->env_room = l->env_room ? l->env_room * 2 : 32;
		l->env = reallocarray(l->env, l->env_room, sizeof(*l->env));
		assert(l->env != NULL);
	}
	l->env[l->env_count++] = string;
	l->env[l->env_count] = NULL;
}

static void
env_text(struct launch *l, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);
	char *at;

	text_room(l, n + v + 2);
	at = l->text + l->text_len;
	memcpy(at, name, n);
	at[n] = '=';
	memcpy(at + n + 1, value, v + 1);
	l->text_len += n + v + 2;
	env_push(l, at);
}

static void
env_number(struct launch *l, const char *name, uint64_t value)
{
	char digits[24], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do {
		*--p = (char)('0' + value % 10);
	} while ((value /= 10) != 0);
	env_text(l, name, p);
}

/* Does the service set this name itself? */
static bool
env_overridden(const struct service *s, const char *name)
{
	size_t n = strlen(name);

	for (char **e = s->process.environment; e != NULL && *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return true;
	for (char **e = s->process.pass_environment; e != NULL && *e != NULL; e++)
		if (strcmp(*e, name) == 0)
			return true;
	return false;
}

static const char *
env_get(char *const *environment, const char *name)
{
	size_t n = strlen(name);

	for (; environment != NULL && *environment != NULL; environment++)
		if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
			return *environment + n + 1;
	return NULL;
}

static bool
own_environment(const struct service *s, const char *name)
{
	size_t n = strlen(name);

	for (char **e = s->process.environment; e != NULL && *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return true;
	return false;
}

/* PATH USER LOGNAME HOME SHELL, then what `process` says. */
static void
environment_base(struct launch *l, const struct launch_daemon *d, const struct service *s)
{
	const struct spec_identity *id = &s->identity;
	const struct { const char *name, *value; } base[] = {
		{ "PATH", id->uid == 0 ? PATH_ROOT : PATH_USER },
		{ "USER", id->user }, { "LOGNAME", id->user },
		{ "HOME", id->home }, { "SHELL", id->shell },
	};

	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++)
		if (base[i].value != NULL && !env_overridden(s, base[i].name))
			env_text(l, base[i].name, base[i].value);
	for (char **e = s->process.pass_environment; e != NULL && *e != NULL; e++) {
		const char *value = env_get(d->environment, *e);

		if (value != NULL && !own_environment(s, *e))
			env_text(l, *e, value);
	}
	for (char **e = s->process.environment; e != NULL && *e != NULL; e++)
		env_push(l, *e);
}

/*
 * UCSPI, systemd and xinetd names for TCP and UDP (contract: environment).  Where a datagram went to is for its
 * receiver to ask (IP_PKTINFO, ip(7)).
 */
static void
environment_inet(struct launch *l, const struct launch_connection *c)
{
	char host[ADDR_TEXT_MAX];

	env_text(l, "PROTO", c->datagram ? "UDP" : "TCP");
	if (!c->datagram) {
		env_text(l, "TCPLOCALIP", addr_host(c->local, host, sizeof(host)));
		env_number(l, "TCPLOCALPORT", addr_port(c->local));
	}
	if (c->peer == NULL)
		return;
	addr_host(c->peer, host, sizeof(host));
	env_text(l, "TCPREMOTEIP", host);
	env_text(l, "REMOTE_ADDR", host);
	env_text(l, "REMOTE_HOST", host);
	env_number(l, "TCPREMOTEPORT", addr_port(c->peer));
	env_number(l, "REMOTE_PORT", addr_port(c->peer));
}

/* REMOTE_ADDR is the peer's path where it has one, as systemd.socket(5) has it; abstract ones with '@'. */
static void
environment_unix(struct launch *l, const struct launch_connection *c)
{
	char text[ADDR_TEXT_MAX];

	env_text(l, "PROTO", "UNIX");
	env_text(l, "UNIXLOCALPATH", addr_format(c->local, text, sizeof(text)));
	if (c->peer == NULL)
		return;
	if (c->peer_pid != 0) {
		env_number(l, "UNIXREMOTEEUID", c->peer_uid);
		env_number(l, "UNIXREMOTEEGID", c->peer_gid);
		env_number(l, "UNIXREMOTEPID", (uint64_t)c->peer_pid);
	}
	if (c->peer->len > offsetof(struct sockaddr_un, sun_path))
		env_text(l, "REMOTE_ADDR", addr_format(c->peer, text, sizeof(text)));
}

/*
 * sd_listen_fds(3).  Each socket has the service's name, or, where it is one connection, "connection".  The number of the process
 * is filled in by itself; its text comes last, so that none that is made after it moves it.
 */
static void
environment_listen(struct launch *l, const struct service *s, const struct launch_connection *c)
{
	const char *name = c->peer == NULL ? s->name : "connection";
	size_t len = strlen(name) + 1;
	char *names = calloc(c->sockets, len);

	assert(names != NULL && c->sockets > 0);
	for (size_t i = 0; i < c->sockets; i++) {
		memcpy(names + i * len, name, len - 1);
		names[i * len + len - 1] = i + 1 < c->sockets ? ':' : '\0';
	}
	env_number(l, "LISTEN_FDS", c->sockets);
	env_text(l, "LISTEN_FDNAMES", names);
	env_text(l, "LISTEN_PID", "00000000000");
	l->listen_pid = l->env[l->env_count - 1] + strlen("LISTEN_PID=");
	free(names);
}

static void
build_environment(struct launch *l, const struct launch_daemon *d, const struct service *s,
    const struct launch_connection *c)
{
	l->env_count = l->text_len = 0;
	environment_base(l, d, s);
	if (c->local->u.sa.sa_family == AF_UNIX)
		environment_unix(l, c);
	else
		environment_inet(l, c);
	env_text(l, "BERTH_SERVICE", s->name);
	env_number(l, "BERTH_CONNECTION", c->number);
	env_number(l, "BERTH_ACTIVE", c->active);
	env_number(l, "BERTH_LIMIT", c->limit);
	l->listen_fds = s->socket_as == SPEC_LISTEN_FDS;
	l->listen_pid = NULL;
	if (l->listen_fds)
		environment_listen(l, s, c);
}

static void
build_argv(struct launch *l, const struct service *s, const struct launch_connection *c)
{
	size_t n = 0;

	free(l->argv_own);
	l->argv_own = NULL;
	l->path = c->program;
	l->argv = c->arguments;
	if (s->exec == NULL)
		return;
	l->path = s->exec[0];
	l->argv = s->exec;
	if (s->argv0 == NULL)
		return;
	while (s->exec[n] != NULL)
		n++;
	l->argv_own = reallocarray(NULL, n + 1, sizeof(char *));
	assert(l->argv_own != NULL);
	memcpy(l->argv_own, s->exec, (n + 1) * sizeof(char *));
	l->argv_own[0] = s->argv0;
	l->argv = l->argv_own;
}

static void
build_rlimits(struct launch *l, const struct launch_daemon *d, const struct service *s)
{
	l->nrlimits = 0;
	for (int r = 0; r < (int)RLIM_NLIMITS; r++) {
		const struct spec_rlimit *want = &s->process.rlimits[r];

		if (want->set)
			l->rlimits[l->nrlimits++] = (struct launch_rlimit){ r,
			    { .rlim_cur = want->soft, .rlim_max = want->hard } };
		else if (r == RLIMIT_NOFILE && d->nofile_raised)
			l->rlimits[l->nrlimits++] = (struct launch_rlimit){ r, d->nofile };
	}
}

void
launch_build(struct launch *l, const struct launch_daemon *d, const struct service *s,
    const struct launch_connection *c)
{
	build_argv(l, s, c);
	build_environment(l, d, s, c);
	build_rlimits(l, d, s);
	l->stderr_is_socket = s->stderr_to == SPEC_STDERR_SOCKET;
	l->nice = s->process.nice;
	/* what an ordinary user's berthd was started with is not its to undo */
	l->set_nice = l->nice != d->nice && (d->root || l->nice > d->nice || l->nice < 0);
	l->umask = s->process.umask;
	l->set_umask = l->umask != d->umask;
	/* a protected daemon does not protect its handlers; a raised score is not ours to lower */
	l->oom_score_adj = s->process.oom_score_adj_set ? s->process.oom_score_adj : 0;
	l->set_oom = s->process.oom_score_adj_set ? l->oom_score_adj != d->oom_score_adj
						  : d->oom_score_adj < 0;
	l->set_ids = d->root;
	l->uid = s->identity.uid;
	l->gid = s->identity.gid;
	l->groups = s->identity.groups;
	l->ngroups = s->identity.ngroups;
	l->directory = strcmp(s->process.working_directory, "/") == 0 ? NULL
								      : s->process.working_directory;
}

void
launch_fini(struct launch *l)
{
	free(l->env);
	free(l->text);
	free(l->argv_own);
	*l = (struct launch){ 0 };
}
