#include "inquiry.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../pure/locate.h"
#include "../pure/recent.h"
#include "../pure/spec.h"
#include "../pure/xalloc.h"
#include "../sys/holder.h"
#include "../sys/log.h"
#include "../sys/loop.h"
#include "../sys/paths.h"
#include "../sys/procs.h"
#include "../sys/statsfile.h"
#include "ctl.h"

#define SHOWN_MAX 20		/* services whose configuration is asked for */
#define HOLDERS_MAX 20		/* addresses whose holder is looked for, all processes each time */

/* ---- questions ---- */

/*
 * The next answer, in the order of the questions.  0, with *answer a new reference, or NULL for an error that is
 * explained by why.  Else the connection is of no more use.
 */
static int
await(struct inquiry *q, struct client *c, json_t **answer, struct diag *why)
{
	struct wire_reply r;
	int64_t left;
	bool taken = false;
	int status;

	*answer = NULL;
	while ((status = client_take(c, &r, &taken, why)) == 0 && !taken) {
		struct pollfd p = { .fd = c->fd, .events = client_events(c) };

		left = (q->end_ns - loop_clock()) / 1000000;
		if (left <= 0) {
			q->silent = true;
			diag_set(why, "%s: the daemon does not answer: there was no answer within %d seconds",
			    c->path, INQUIRY_SECONDS);
			return EX_UNAVAILABLE;
		}
		(void)poll(&p, 1, (int)left + 1);
	}
	if (status != 0)
		return status;
	q->answered = true;
	if (r.error != NULL)
		status = client_explain(c, &r, NULL, why);
	else
		*answer = json_incref(r.parameters);
	wire_reply_fini(&r);
	return *answer == NULL ? status : 0;
}

/* One member of the next answer. */
static int
await_member(struct inquiry *q, struct client *c, const char *member, json_t **value, struct diag *why)
{
	json_t *answer;
	int status = await(q, c, &answer, why);

	if (status != 0)
		return status;
	*value = json_incref(json_object_get(answer, member));
	json_decref(answer);
	return 0;
}

/* All of it is asked before the first is answered, so that it is of one moment as far as that goes. */
static int
ask_first(struct inquiry *q, struct client *c, enum inquiry_scope scope, struct diag *why)
{
	bool buckets = scope != INQUIRY_PROBLEMS, connections = scope == INQUIRY_ALL;
	int status;

	client_post(c, "Status", NULL);
	client_post(c, "List", buckets ? json_pack("{s:b}", "buckets", 1) : NULL);
	if (connections)
		client_post(c, "Connections", NULL);
	status = await(q, c, &q->status, why);
	if (status == 0)
		status = await_member(q, c, "services", &q->services, why);
	if (status == 0 && connections)
		status = await_member(q, c, "connections", &q->connections, why);
	return status;
}

/* What is missing here is not said; who a service has gone meanwhile has an error for an answer. */
static void
ask_details(struct inquiry *q, struct client *c)
{
	const char *asked[SHOWN_MAX];
	bool connections = q->connections == NULL && advice_wants_connections(q->status, q->services);
	bool penalties = advice_wants_penalties(q->refusals);
	size_t i, n = 0;
	struct diag why;
	json_t *s, *answer;

	if (connections)
		client_post(c, "Connections", NULL);
	if (penalties)
		client_post(c, "Penalties", NULL);
	json_array_foreach(q->services, i, s) {
		if (n == SHOWN_MAX || !advice_wants_show(q->status, s, q->refusals))
			continue;
		asked[n++] = ctl_string(s, "name");
		client_post(c, "Show", json_pack("{s:s}", "service", ctl_string(s, "name")));
	}
	if (connections && await_member(q, c, "connections", &q->connections, &why) != 0)
		return;
	if (penalties && await_member(q, c, "penalties", &q->penalties, &why) != 0)
		return;
	q->shown = json_object();
	for (i = 0; i < n; i++) {
		if (await(q, c, &answer, &why) == EX_UNAVAILABLE)
			return;
		if (answer != NULL)
			(void)json_object_set_new(q->shown, asked[i], answer);
	}
}

/* ---- what berthd does not say ---- */

/* Who waits for this has waited long enough. */
static bool
is_late(const struct inquiry *q)
{
	return loop_clock() > q->end_ns;
}

static void
read_ring(struct inquiry *q)
{
	const char *path = ctl_string(json_object_get(q->status, "berthd"), "statistics");
	struct stats stats;
	struct diag why;

	if (path[0] == '\0' || !statsfile_read(path, &stats, &why))
		return;
	q->refusals = recent_refusals(&stats, log_realtime_ns());
	statsfile_free_copy(&stats);
}

/* Caller frees; NULL: it cannot be read, or is too long for a file of ours. */
static char *
read_file(const char *path, size_t *len)
{
	char *text = xcalloc(SPEC_FILE_MAX + 1, 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, SPEC_FILE_MAX + 1);
	if (fd >= 0)
		(void)close(fd);
	if (n >= 0 && n <= SPEC_FILE_MAX) {
		*len = (size_t)n;
		return text;
	}
	free(text);
	return NULL;
}

static void
find_line(struct inquiry *q, const char *error, const char *file)
{
	char key[256], *path, *text = NULL;
	const char *rest;
	size_t file_len, len;
	unsigned line;

	if (!advice_split(error, file, &file_len, &rest) || isdigit((unsigned char)rest[0]) ||
	    !locate_path(rest, key, sizeof(key)))
		return;
	path = strndup(error, file_len);
	assert(path != NULL);
	text = read_file(path, &len);
	if (text != NULL && locate_key(text, len, key, &line))
		(void)json_object_set_new(q->lines, error, json_integer(line));
	free(text);
	free(path);
}

static void
find_lines(struct inquiry *q, const json_t *errors, const char *file)
{
	const json_t *e;
	size_t i;

	json_array_foreach(errors, i, e) {
		if (is_late(q))
			return;
		if (json_is_string(e))
			find_line(q, json_string_value(e), file);
	}
}

static void
find_holders(struct inquiry *q, const json_t *endpoints)
{
	char key[256], kind[32], holder[96];
	const json_t *e;
	size_t i;

	json_array_foreach(endpoints, i, e) {
		if (json_object_size(q->holders) == HOLDERS_MAX || is_late(q))
			return;
		if (strncmp(ctl_string(e, "reason"), "address already in use", 22) != 0)
			continue;
		(void)strlcpy(kind, ctl_string(e, "endpoint"), sizeof(kind));
		kind[strcspn(kind, ":")] = '\0';
		(void)snprintf(key, sizeof(key), "%s %s", kind, ctl_string(e, "address"));
		if (json_object_get(q->holders, key) == NULL)
			(void)json_object_set_new(q->holders, key,
			    holder_find(kind, ctl_string(e, "address"), holder, sizeof(holder))
			    ? ctl_text(holder) : json_null());
	}
}

static void
look_around(struct inquiry *q)
{
	const json_t *s;
	size_t i;

	q->lines = json_object();
	q->holders = json_object();
	find_lines(q, json_object_get(json_object_get(q->status, "berthd"), "errors"), NULL);
	json_array_foreach(q->services, i, s) {
		find_lines(q, json_object_get(s, "errors"), ctl_string(s, "file"));
		find_holders(q, json_object_get(s, "endpoints"));
	}
}

/* Who has opened the socket at the other end; 0: not known. */
static long long
peer_pid(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

int
inquiry_make(struct inquiry *q, const char *path, enum inquiry_scope scope, struct diag *why)
{
	struct client c;
	int status;

	*q = (struct inquiry){ .control = "", .end_ns = loop_clock() + INQUIRY_SECONDS * INT64_C(1000000000) };
	errno = 0;
	status = client_start(&c, path, why);
	q->silent = status == EX_UNAVAILABLE && errno == EAGAIN;
	(void)strlcpy(q->control, c.path, sizeof(q->control));
	if (status != 0)
		return status;
	q->pid = peer_pid(c.fd);
	status = ask_first(q, &c, scope, why);
	if (status == 0 && scope != INQUIRY_NUMBERS) {
		read_ring(q);
		ask_details(q, &c);
		look_around(q);
	}
	client_close(&c);
	return status;
}

void
inquiry_fini(struct inquiry *q)
{
	json_t *all[] = { q->status, q->services, q->connections, q->penalties, q->shown, q->refusals,
		q->holders, q->lines };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		json_decref(all[i]);
	*q = (struct inquiry){ .control = "" };
}

struct advice_facts
inquiry_facts(const struct inquiry *q)
{
	return (struct advice_facts){ .status = q->status, .services = q->services,
		.connections = q->connections, .penalties = q->penalties, .shown = q->shown,
		.refusals = q->refusals, .holders = q->holders, .lines = q->lines };
}

/* ---- from outside ---- */

bool
inquiry_unanswered(const struct inquiry *q, int status)
{
	return status == EX_UNAVAILABLE && q->control[0] != '\0' && !q->answered;
}

/* Is this process a berthd, and in which state? */
static bool
is_berthd(long long pid, char *state)
{
	char path[48], name[16] = "";
	struct procs_entry e;
	ssize_t n = -1;
	int fd;

	if (pid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%lld/comm", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
		n = read(fd, name, sizeof(name) - 1);
		(void)close(fd);
	}
	(void)snprintf(path, sizeof(path), "/proc/%lld/stat", pid);
	if (n <= 0 || strcmp(name, "berthd\n") != 0 || procs_stat(AT_FDCWD, path, &e) < 0)
		return false;
	*state = e.state;
	return e.state != 'Z' && e.state != 'X';
}

/* How somebody who looks for this socket starts a berthd that has it. */
static void
say_start(struct inquiry_outside *o)
{
	const char *ours = paths_control();
	bool system = strcmp(o->silence.control, CLIENT_SYSTEM) == 0;

	o->silence.managed = system && access("/run/systemd/system", F_OK) == 0;
	if (o->silence.managed)
		(void)strlcpy(o->start, "systemctl start berth", sizeof(o->start));
	else if (ours != NULL && strcmp(o->silence.control, ours) == 0)
		(void)strlcpy(o->start, "berthd", sizeof(o->start));
	else
		(void)snprintf(o->start, sizeof(o->start), "berthd --control %s", o->silence.control);
	o->silence.start = o->start;
}

void
inquiry_outside(const struct inquiry *q, struct inquiry_outside *o)
{
	struct advice_silence *s = &o->silence;
	struct stat st;

	*o = (struct inquiry_outside){ .silence = { .control = q->control, .turn = -1,
		.waited = INQUIRY_SECONDS, .listening = q->silent } };
	s->socket = lstat(q->control, &st) == 0 && S_ISSOCK(st.st_mode);
	o->counted = statsfile_read(paths_statistics(q->control), &o->stats, &o->why);
	s->pid = q->pid;
	if (o->counted) {
		if (s->pid == 0)
			s->pid = o->stats.head->pid;
		if (o->stats.head->turn_ns > 0 && o->stats.head->turn_ns <= loop_clock())
			s->turn = (double)(loop_clock() - o->stats.head->turn_ns) / 1e9;
	}
	s->alive = is_berthd(s->pid, &s->state);
	o->health = s->alive || q->silent ? "silent" : "not running";
	say_start(o);
}

void
inquiry_outside_fini(struct inquiry_outside *o)
{
	if (o->counted)
		statsfile_free_copy(&o->stats);
	o->counted = false;
}
