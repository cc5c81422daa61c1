#include "child.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../builtin/builtin.h"
#include "../pure/deadline.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "../sys/procs.h"
#include "../sys/sockdiag.h"
#include "account.h"
#include "admission.h"
#include "carry.h"
#include "evict.h"
#include "farewell.h"
#include "judge.h"
#include "mux.h"
#include "post.h"
#include "survey.h"

#define MS 1000000LL
#define WAIT_NS (50 * MS)	/* for the outcome of a spawn */
#define HELD_POLL_NS (10 * MS)
#define HELD_KILL_NS (5000 * MS)
#define SWEEP_NS (20 * MS)
#define REAP_AGAIN_NS (50 * MS)
#define PORTS_MAX 16384
#define EVICTED_TERM_NS (100 * MS)
#define EVICTED_KILL_NS (900 * MS)

static void child_ready(void *arg, uint32_t events);
static void held_due(void *arg);

const char *
child_peer_text(const struct addr *peer, uid_t uid, char *buf, size_t size)
{
	if (peer->u.sa.sa_family != AF_UNIX)
		return addr_format(peer, buf, size);
	if (uid == (uid_t)-1)
		snprintf(buf, size, "unknown");
	else
		snprintf(buf, size, "uid:%u", (unsigned)uid);
	return buf;
}

const char *
child_log_peer(const struct service *s, const struct addr *peer, uid_t uid, char *buf, size_t size)
{
	struct source source;

	if (s->log.peer == SPEC_PEER_NONE || peer->len == 0)
		return NULL;
	if (s->log.peer == SPEC_PEER_FULL)
		return child_peer_text(peer, uid, buf, size);
	source = source_of(peer, uid, s->limits.source_prefix.ipv4, s->limits.source_prefix.ipv6);
	return source_format(&source, buf, size);
}

const char *
child_peer_host(const struct addr *peer, uid_t uid, char *buf, size_t size)
{
	if (peer->u.sa.sa_family == AF_UNIX)
		return child_peer_text(peer, uid, buf, size);
	return addr_host(peer, buf, size);
}

/* ---- log lines ---- */

static void
record_child(struct record *r, const struct child *c, enum record_level level, const char *word)
{
	record_init(r, level, word);
	record_text(r, "service", c->service->name);
	record_number(r, "connection", (int64_t)c->connection);
}

/* How many handlers of a service there may be; 0: any number. */
static uint32_t
limit_of(const struct service *s)
{
	return s->wait ? s->handlers.max : s->limits.connections;
}

static void
log_start(const struct child *c)
{
	char peer[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX], active[32];
	uint32_t limit = limit_of(c->version);
	struct record r;

	if (!c->version->log.connections || !log_wants(RECORD_INFO))
		return;
	if (limit != 0)
		snprintf(active, sizeof(active), "%u/%u", c->active, limit);
	else
		snprintf(active, sizeof(active), "%u/none", c->active);
	record_child(&r, c, RECORD_INFO, "start");
	record_number(&r, "pid", c->pid);
	record_text(&r, "peer",
	    child_log_peer(c->version, &c->peer, c->peer_uid, peer, sizeof(peer)));
	record_text(&r, "local", addr_format(&c->local, local, sizeof(local)));
	record_text(&r, "active", active);
	log_record(&r);
}

static void
log_exit(const struct child *c, const siginfo_t *si, int64_t lived_ns)
{
	char sig[16];
	struct record r;

	if (!c->version->log.connections || !log_wants(RECORD_INFO))
		return;
	record_child(&r, c, RECORD_INFO, "exit");
	record_number(&r, "pid", c->pid);
	record_text(&r, "cause", cause_word(c->cause));
	if (si->si_code == CLD_EXITED)
		record_number(&r, "status", si->si_status);
	else
		record_text(&r, "signal", cause_signal(si->si_status, sig, sizeof(sig)));
	record_seconds(&r, "duration", lived_ns);
	log_record(&r);
}

/* ENOENT of a file that is there is its interpreter's (execve(2)): name that. */
static bool
explain_interpreter(const char *path, char *buf, size_t size)
{
	char head[256], *p, *end;
	ssize_t n;
	int fd = fd_high(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));

	if (fd < 0)
		return false;
	n = pread(fd, head, sizeof(head) - 1, 0);
	close(fd);
	if (n < 0)
		return false;
	head[n] = '\0';
	if (strncmp(head, "#!", 2) != 0) {
		snprintf(buf, size, "its dynamic loader is missing: %s", strerror(ENOENT));
		return true;
	}
	p = head + 2 + strspn(head + 2, " \t");
	end = p + strcspn(p, " \t\r\n");
	*end = '\0';
	snprintf(buf, size, "bad interpreter %s: %s", p, strerror(ENOENT));
	return true;
}

static void
explain(const struct service *s, enum spawn_step step, int error, char *buf, size_t size)
{
	if (error == 0)
		snprintf(buf, size, "ended by a signal");
	else if (step != SPAWN_STEP_EXEC || error != ENOENT || s->exec == NULL ||
	    !explain_interpreter(s->exec[0], buf, size))
		snprintf(buf, size, "%s", strerror(error));
}

/* A step of the spawn failed: a line of its own, never a start and an exit. */
static void
log_failure(const struct child *c, enum spawn_step step, const char *error)
{
	struct pool_service *ps = c->service;
	char peer[ADDR_TEXT_MAX];
	struct record r;

	if (!pool_may_log(ps, POOL_FAIL))
		return;
	record_child(&r, c, RECORD_ERROR, "fail");
	record_text(&r, "peer",
	    child_log_peer(c->version, &c->peer, c->peer_uid, peer, sizeof(peer)));
	record_text(&r, "step", spawn_step_name(step));
	record_text(&r, "error", error);
	if (step == SPAWN_STEP_EXEC)
		record_text(&r, "path", c->version->exec != NULL ? c->version->exec[0] : "berth-relay");
	if (step == SPAWN_STEP_CHDIR)
		record_text(&r, "path", c->version->process.working_directory);
	if (step >= SPAWN_STEP_SETGROUPS && step <= SPAWN_STEP_SETUID)
		record_text(&r, "user", c->version->identity.user);
	log_record(&r);
}

/* ---- ending ---- */

static void
child_free(struct child *c)
{
	struct pool_service *ps = c->service;

	assert(c->job == NULL);
	if (c->state == CHILD_FAILED)
		ps->count->failed++;
	peers_release(c->history);
	survey_forget(ps->pool, c);
	evict_gone(c);
	post_ended(c);
	mux_close(c->mux);
	carry_close(c->carry);
	if (c->kept >= 0)
		farewell_wait(ps->pool->farewell, c->kept, c->version->timeouts.linger_ns,
		    c->tuple_peer.u.sa.sa_family != AF_UNIX);
	loop_disarm(&c->timer);
	loop_disarm(&c->watch);
	loop_disarm(&c->lived);
	loop_drop(c->source);
	fd_close(&c->pidfd);
	errpipe_discard(c->err);
	TAILQ_REMOVE(&ps->children, c, next);
	spec_release(c->version);
	pool_give_place(ps);
	free(c);
}

static struct admission_client
client_of(const struct child *c)
{
	return (struct admission_client){ .peer = &c->peer, .uid = c->peer_uid };
}

static void
lived_due(void *arg)
{
	struct child *c = arg;

	pool_note_lived(c->service);
}

/* Report it when it reaches the age that counts as a success. */
static void
watch_life(struct child *c)
{
	loop_arm(c->service->pool->loop, &c->lived, c->started_ns + THROTTLE_LIVED_NS, lived_due, c);
}

/*
 * An end for the throttle.  When it makes successes count again, the live handlers that have not reached the
 * age yet are watched too: the youngest are at the end of the list.
 */
static void
note_end(struct child *c, enum throttle_end end, int status, int64_t lived_ns, const char *what)
{
	struct pool_service *ps = c->service;
	bool watched = throttle_watches(&ps->throttle);
	int64_t young = loop_now(ps->pool->loop) - THROTTLE_LIVED_NS;
	struct admission_client who = client_of(c);
	struct source source = admission_source(ps->service != NULL ? ps->service : c->version, &who);
	struct child *o;

	/* without clients that it knows each death is one of its own */
	if (c->waits)
		memcpy(source.bytes, &c->connection, sizeof(c->connection));
	pool_note_end(ps, end, status, lived_ns, &source, what);
	if (watched || !throttle_watches(&ps->throttle))
		return;
	TAILQ_FOREACH_REVERSE(o, &ps->children, child_list, next) {
		if (o->started_ns <= young)
			break;
		/* without a source it is a zombie that waits for its tracer, or is relayed */
		if (o != c && o->state == CHILD_RUNNING &&
		    (o->source != NULL || o->carry != NULL))
			watch_life(o);
	}
}

static void reap(struct child *c);

static void
reap_again(void *arg)
{
	struct child *c = arg;

	if (c->state == CHILD_ENDING)
		child_ready(c, 0);
	else
		reap(c);
}

/*
 * The pidfd is ready, but there is nothing to wait for: a tracer of its user holds the zombie (ptrace(2)).  It keeps its
 * place, and is asked for by a timer: the pidfd would be ready all the time.
 */
static void
not_yet(struct child *c)
{
	struct loop *loop = c->service->pool->loop;

	loop_remove(c->source);
	c->source = NULL;
	loop_arm(loop, &c->lived, loop_now(loop) + REAP_AGAIN_NS, reap_again, c);
}

/* What its end costs its source. */
static int64_t
penalty_of(const struct child *c, const siginfo_t *si)
{
	const struct service *s = c->service->service != NULL ? c->service->service : c->version;

	if (c->cause == CAUSE_FIRST_BYTE)
		return s->penalties.first_byte_ns;
	if (c->cause != CAUSE_EXIT || c->state != CHILD_RUNNING)
		return 0;
	if (si->si_code != CLD_EXITED)
		return s->penalties.signal_ns;
	return s->penalties.exit_ns != NULL ? s->penalties.exit_ns[si->si_status & 0xff] : 0;
}

static void
note_exit(struct child *c, const siginfo_t *si, int64_t lived_ns)
{
	struct admission_client who = client_of(c);
	char what[64], sig[16];
	enum post_left left = POST_LEFT_NOTHING;

	if (c->waits && c->state == CHILD_RUNNING && c->cause == CAUSE_EXIT &&
	    lived_ns < THROTTLE_LIVED_NS)
		left = post_left_work(c);
	admission_penalise(c->service, c->history, &who, penalty_of(c, si));
	if (c->state != CHILD_RUNNING || c->cause != CAUSE_EXIT) {
		note_end(c, THROTTLE_STOPPED, 0, lived_ns, "");
	} else if (left == POST_LEFT_AGAIN) {
		note_end(c, THROTTLE_NOT_SERVED, 0, lived_ns,
		    "three handlers in a row ended without serving what waits");
	} else if (left == POST_LEFT && (si->si_code != CLD_EXITED || si->si_status == 0)) {
		/* no success, and no fault yet */
		note_end(c, THROTTLE_STOPPED, 0, lived_ns, "");
	} else if (si->si_code == CLD_EXITED) {
		snprintf(what, sizeof(what), "exit status %d", si->si_status);
		note_end(c, THROTTLE_EXITED, si->si_status, lived_ns, what);
	} else {
		snprintf(what, sizeof(what), "%d deaths by signal in a row (%s)", THROTTLE_SOURCES,
		    cause_signal(si->si_status, sig, sizeof(sig)));
		note_end(c, THROTTLE_SIGNALLED, si->si_status, lived_ns, what);
	}
}

void
child_ended(struct child *c, const siginfo_t *si, const struct rusage *used)
{
	int64_t now = loop_now(c->service->pool->loop);
	int64_t lived = (c->ended_ns != 0 ? c->ended_ns : now) - c->started_ns;

	errpipe_finish(c->err);
	c->err = NULL;
	if (c->state != CHILD_FAILED) {
		log_exit(c, si, lived);
		account_exit(c, si, used, lived);
		note_exit(c, si, lived);
	}
	child_free(c);
}

/* The leader is a zombie: take its status and let it go. */
static void
reap(struct child *c)
{
	bool leave = c->service->pool->draining &&
	    (c->state == CHILD_KILLED || c->state == CHILD_FAILED);
	struct rusage used = { 0 };
	siginfo_t si = { 0 };

	/* what it used is told by the system call alone (waitid(2)) */
	if (syscall(SYS_waitid, P_PIDFD, c->pidfd, &si, WEXITED | WNOHANG | __WALL, &used) == 0 &&
	    si.si_pid == 0 && !leave) {
		not_yet(c);
		return;
	}
	/* no status to be had: it was killed, and its tracer keeps it; berthd stops all the same */
	if (si.si_pid == 0)
		si = (siginfo_t){ .si_code = CLD_KILLED, .si_status = SIGKILL };
	child_ended(c, &si, &used);
}

static void
signal_group(const struct child *c, int sig)
{
	if (c->carry != NULL) {
		carry_signal(c->carry, sig);
		return;
	}
	/* before setsid there is no group of its own: only the process itself */
	if (c->state == CHILD_HELD)
		syscall(SYS_pidfd_send_signal, c->pidfd, sig, NULL, 0);
	else
		kill(-c->pid, sig);
}

/* Leaders that have ended after a TERM, while their group may still live. */
static struct {
	TAILQ_HEAD(, child) list;
	struct loop_timer timer;
} ended = { .list = TAILQ_HEAD_INITIALIZER(ended.list) };

static void
stop_due(void *arg)
{
	child_kill(arg);
}

void
child_kill(struct child *c)
{
	if (c->state == CHILD_KILLED || c->state == CHILD_FAILED)
		return;
	signal_group(c, SIGKILL);
	if (c->state == CHILD_HELD) {
		c->killed_early = true;
		return;
	}
	c->state = CHILD_KILLED;
	loop_disarm(&c->timer);
	if (c->exited) {
		TAILQ_REMOVE(&ended.list, c, next_ended);
		c->exited = false;
		reap(c);
	}
}

void
child_end(struct child *c, enum cause cause)
{
	struct loop *loop = c->service->pool->loop;
	int64_t stop_ns = EVICTED_KILL_NS;

	if (c->state == CHILD_HELD) {
		c->cause = cause;
		child_kill(c);
		return;
	}
	if (c->state != CHILD_RUNNING)
		return;
	/* an evicted one is that, whoever ends it */
	if (c->cause != CAUSE_EVICTED) {
		c->cause = cause;
		stop_ns = c->version->timeouts.stop_ns;
	}
	signal_group(c, SIGTERM);
	/* a stopped handler gets the TERM only when it goes on */
	signal_group(c, SIGCONT);
	c->state = CHILD_ENDING;
	loop_disarm(&c->watch);
	loop_arm(loop, &c->timer, loop_now(loop) + stop_ns, stop_due, c);
}

static void
evicted_due(void *arg)
{
	child_end(arg, CAUSE_EVICTED);
}

void
child_evicted(struct child *c)
{
	struct loop *loop = c->service->pool->loop;

	c->cause = CAUSE_EVICTED;
	account_eviction(c);
	loop_disarm(&c->watch);
	loop_arm(loop, &c->timer, loop_now(loop) + EVICTED_TERM_NS, evicted_due, c);
}

static void
lifetime_due(void *arg)
{
	child_end(arg, CAUSE_LIFETIME);
}

/* ---- timeouts.idle and first_byte ---- */

/* Look when the deadline is due, not before: what has moved since moves it. */
static void
watch_due(void *arg)
{
	struct child *c = arg;
	struct loop *loop = c->service->pool->loop;
	int64_t idle = c->version->timeouts.idle_ns, first = c->version->timeouts.first_byte_ns;
	struct victim_look look;
	enum deadline due;
	int64_t next;
	char why[JUDGE_WHY];

	judge_socket(c, &look, why);
	due = deadline_check(&look, idle, first, &next);
	if (due == DEADLINE_FIRST_BYTE)
		child_end(c, CAUSE_FIRST_BYTE);
	else if (due == DEADLINE_IDLE)
		child_end(c, CAUSE_IDLE);
	else if (next != 0)
		loop_arm(loop, &c->watch, loop_now(loop) + next, watch_due, c);
}

static void
watch_connection(struct child *c)
{
	const struct service *v = c->version;
	int64_t least = v->timeouts.idle_ns;

	if (least == 0 || (v->timeouts.first_byte_ns != 0 && v->timeouts.first_byte_ns < least))
		least = v->timeouts.first_byte_ns;
	if (least != 0)
		loop_arm(c->service->pool->loop, &c->watch, c->started_ns + least, watch_due, c);
}

/* ---- leaders whose group may still live ---- */

struct sweep {
	struct child **by_pid;		/* sorted */
	size_t count;
	bool *alive;
};

static int
by_pid(const void *a, const void *b)
{
	const struct child *x = *(struct child *const *)a, *y = *(struct child *const *)b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void
sweep_seen(void *arg, pid_t pid, char state, pid_t parent, pid_t group)
{
	struct sweep *s = arg;
	struct child key = { .pid = group }, *k = &key, **found;

	(void)parent;
	if (pid == group || state == 'Z' || state == 'X')
		return;
	found = bsearch(&k, s->by_pid, s->count, sizeof(*s->by_pid), by_pid);
	if (found != NULL)
		s->alive[found - s->by_pid] = true;
}

/* One pass over /proc for all of them, at most ten times a second. */
static void
sweep_due(void *arg)
{
	struct pool *p = arg;
	struct child *c, **all;
	struct sweep s = { 0 };
	size_t room = 0;

	TAILQ_FOREACH(c, &ended.list, next_ended)
		room++;
	if (room == 0)
		return;
	all = s.by_pid = calloc(room, sizeof(*s.by_pid));
	s.alive = calloc(room, sizeof(*s.alive));
	assert(all != NULL && s.alive != NULL);
	TAILQ_FOREACH(c, &ended.list, next_ended)
		all[s.count++] = c;
	qsort(all, s.count, sizeof(*all), by_pid);
	if (procs_each(sweep_seen, &s) < 0)
		memset(s.alive, 1, s.count);
	for (size_t i = 0; i < s.count; i++) {
		if (s.alive[i])
			continue;
		TAILQ_REMOVE(&ended.list, all[i], next_ended);
		all[i]->exited = false;
		reap(all[i]);
	}
	free(all);
	free(s.alive);
	if (!TAILQ_EMPTY(&ended.list))
		loop_arm(p->loop, &ended.timer, loop_now(p->loop) + 5 * SWEEP_NS, sweep_due, p);
}

static void
wait_for_group(struct child *c)
{
	struct pool *p = c->service->pool;

	c->exited = true;
	c->ended_ns = loop_now(p->loop);
	loop_disarm(&c->lived);
	loop_remove(c->source);
	c->source = NULL;
	TAILQ_INSERT_TAIL(&ended.list, c, next_ended);
	if (!loop_armed(&ended.timer))
		loop_arm(p->loop, &ended.timer, loop_now(p->loop) + SWEEP_NS, sweep_due, p);
}

/* ---- starting ---- */

static void
now_running(struct child *c)
{
	struct pool_service *ps = c->service;
	struct loop *loop = ps->pool->loop;

	c->state = CHILD_RUNNING;
	if (ps->warnings.count > 0)
		diag_list_free(&ps->warnings);
	log_start(c);
	account_start(c);
	if (c->version->timeouts.lifetime_ns != 0)
		loop_arm(loop, &c->timer, c->started_ns + c->version->timeouts.lifetime_ns,
		    lifetime_due, c);
	watch_connection(c);
	if (throttle_watches(&ps->throttle))
		watch_life(c);
}

static void
now_failed(struct child *c, enum spawn_step step, int error, const char *held)
{
	char text[320], what[384];

	if (held != NULL)
		snprintf(text, sizeof(text), "%s", held);
	else
		explain(c->version, step, error, text, sizeof(text));
	log_failure(c, step, text);
	account_failure(c);
	snprintf(what, sizeof(what), "%s: %s", spawn_step_name(step), text);
	note_end(c, c->killed_early ? THROTTLE_STOPPED : THROTTLE_NOT_STARTED, 0, 0, what);
	c->state = CHILD_FAILED;
	loop_disarm(&c->timer);
}

static void
release_job(struct child *c)
{
	spawn_give(c->service->pool->spawner, c->job);
	c->job = NULL;
}

/* A job's outcome has come, or not yet; true when it is known. */
static bool
settle(struct child *c)
{
	struct spawn_result res = { 0 };

	spawn_poll(c->job, &res);
	if (res.state == SPAWN_PENDING)
		return false;
	if (res.state == SPAWN_STARTED)
		spawn_set_oom(c->job, c->pid);
	release_job(c);
	/* it polled for this outcome, which may have come through the pidfd */
	loop_disarm(&c->timer);
	c->service->held--;
	if (c->state == CHILD_FAILED)
		return true;		/* was killed for taking too long, and reported then */
	if (res.state == SPAWN_STARTED)
		now_running(c);
	else
		now_failed(c, res.step, res.error, NULL);
	if (c->killed_early && c->state == CHILD_RUNNING) {
		/* the KILL that it was sent half-made is on its way */
		c->state = CHILD_KILLED;
		if (c->cause == CAUSE_EXIT)
			c->cause = CAUSE_STOP;
		loop_disarm(&c->timer);
		loop_disarm(&c->watch);
	}
	return true;
}

/* The pidfd cannot be watched (no memory, or epoll's limit): the handler is ended, and reaped by a timer. */
static void
unwatched(struct child *c)
{
	struct loop *loop = c->service->pool->loop;

	log_message(RECORD_ERROR, "error", "%s: epoll_ctl: %s", c->service->name, strerror(errno));
	child_kill(c);
	if (c->state != CHILD_HELD)
		loop_arm(loop, &c->lived, loop_now(loop) + REAP_AGAIN_NS, reap_again, c);
}

static void
held_due(void *arg)
{
	struct child *c = arg;
	struct loop *loop = c->service->pool->loop;
	struct spawn_result res = { 0 };

	if (settle(c)) {
		if (c->source == NULL)
			unwatched(c);
		return;
	}
	if (c->state != CHILD_FAILED && loop_now(loop) >= c->held_until_ns) {
		spawn_poll(c->job, &res);
		signal_group(c, SIGKILL);
		now_failed(c, res.step, 0, "held for 5s");
	}
	loop_arm(loop, &c->timer, loop_now(loop) + HELD_POLL_NS, held_due, c);
}

static void
child_ready(void *arg, uint32_t events)
{
	struct child *c = arg;
	siginfo_t si = { 0 };

	(void)events;
	if (c->job != NULL && !settle(c))
		return;
	if (c->state != CHILD_ENDING) {
		reap(c);
		return;
	}
	if (waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
	    si.si_pid == 0)
		not_yet(c);
	else
		wait_for_group(c);
}

static void
set_client(struct child *c, const struct child_work *w)
{
	const struct arrival *a = w->arrival;
	bool is_bound = c->version->socket.bind_to_device[0] != '\0';

	c->peer_uid = (uid_t)-1;
	c->post = w->post;
	c->waits = a == NULL;
	if (a == NULL)
		return;
	c->peer = a->peer;
	c->peer_uid = a->uid;
	c->tuple_peer = w->tuple_peer != NULL ? *w->tuple_peer : a->peer;
	c->tuple_local = w->tuple_local != NULL ? *w->tuple_local : *w->local;
	c->header_length = w->header_length;
	c->device = sock_device(a->fd, &c->tuple_local, is_bound);
	sockdiag_name(a->fd, &c->cookie,
	    c->tuple_peer.u.sa.sa_family == AF_UNIX ? &c->inode : NULL);
}

static struct child *
child_new(struct pool_service *ps, const struct child_work *w)
{
	struct child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->service = ps;
	c->version = spec_hold(ps->service);
	c->pidfd = c->kept = -1;
	c->local = *w->local;
	c->started_ns = loop_now(ps->pool->loop);
	/* one whose header was read is still counted among those that are read */
	c->active = ps->active - ps->reading + (w->rate_taken ? 1 : 0);
	set_client(c, w);
	TAILQ_INSERT_TAIL(&ps->children, c, next);
	return c;
}

/* Undo child_new() for a connection that will be tried again: its place stays taken for the caller. */
static void
child_undo(struct child *c, struct spawn_job *job)
{
	struct pool_service *ps = c->service;
	int saved = errno;

	mux_close(c->mux);
	carry_close(c->carry);
	errpipe_discard(c->err);
	fd_close(&c->pidfd);
	TAILQ_REMOVE(&ps->children, c, next);
	spec_release(c->version);
	free(c);
	if (job != NULL)
		spawn_give(ps->pool->spawner, job);
	errno = saved;
}

static void
build(struct child *c, struct spawn_job *job, const struct child_work *w)
{
	struct launch_connection lc = { .number = c->connection, .active = c->active,
		.limit = limit_of(c->version), .local = &c->local, .sockets = w->count };

	if (w->arrival != NULL) {
		lc.peer = &c->peer;
		lc.peer_uid = w->arrival->uid;
		lc.peer_gid = w->arrival->gid;
		lc.peer_pid = w->arrival->pid;
	} else {
		lc.datagram = endpoint_is_datagram(w->post->key.kind);
	}
	launch_build(spawn_launch(job), &c->service->pool->daemon, c->version, &lc);
}

static bool
lacks_resources(const struct spawn_result *res)
{
	return res->state == SPAWN_FAILED && res->pid == 0 &&
	    (res->step == SPAWN_STEP_CLONE || res->step == SPAWN_STEP_PIPE) &&
	    (res->error == EAGAIN || res->error == ENOMEM || res->error == EMFILE ||
		res->error == ENFILE || res->error == ENOBUFS);
}

/* The clone is made (or was refused for good): the child takes it from here. */
static void
adopt(struct child *c, struct spawn_job *job, const struct spawn_result *res)
{
	struct pool_service *ps = c->service;
	struct loop *loop = ps->pool->loop;

	c->pid = res->pid;
	c->pidfd = res->pidfd;
	errpipe_set_pid(c->err, c->pid);
	c->job = job;
	switch (res->state) {
	case SPAWN_STARTED:
		release_job(c);
		now_running(c);
		break;
	case SPAWN_FAILED:
		release_job(c);
		now_failed(c, res->step, res->error, NULL);
		break;
	case SPAWN_PENDING:
		c->state = CHILD_HELD;
		ps->held++;
		c->held_until_ns = c->started_ns + HELD_KILL_NS;
		loop_arm(loop, &c->timer, loop_now(loop) + HELD_POLL_NS, held_due, c);
		break;
	}
	if (c->pid == 0) {
		child_free(c);
		return;
	}
	if (c->carry == NULL &&
	    (c->source = loop_add(loop, c->pidfd, EPOLLIN, child_ready, c)) == NULL)
		unwatched(c);
}

/* In the child, of the memory that it has a copy of: which datagram ports are berthd's own. */
static size_t
own_datagram_ports(const struct pool *p, uint16_t *port, size_t room)
{
	const struct pool_service *ps;
	const struct listener *l;
	size_t n = 0;

	TAILQ_FOREACH(ps, &p->services, next)
		TAILQ_FOREACH(l, &ps->listeners, next)
			if (l->key.kind == ENDPOINT_UDP && l->sock.fd >= 0 && n < room)
				port[n++] = addr_port(&l->sock.bound);
	return n;
}

static void
run_builtin(void *arg)
{
	static uint16_t port[PORTS_MAX];
	const struct child *c = arg;

	if (c->waits)
		builtin_refuse_ports(port,
		    own_datagram_ports(c->service->pool, port, PORTS_MAX));
	builtin_serve(c->version->builtin, 0, c->waits);
}

static void
run_mux(void *arg)
{
	mux_run(arg);
}

/* A service of our own: forked, not executed. */
static void
start_builtin(struct child *c, struct spawn_job *job, const struct child_work *w, int err,
    int64_t wait_ns, struct spawn_result *res)
{
	struct pool *p = c->service->pool;
	int back = -1;

	if (c->version->builtin != BUILTIN_TCPMUX) {
		spawn_run(p->spawner, job, w->socket[0], -1, err, wait_ns, run_builtin, c, res);
		return;
	}
	if ((c->mux = mux_open(c, &back)) == NULL) {
		*res = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_PIPE,
			.error = errno, .pidfd = -1 };
		return;
	}
	spawn_run(p->spawner, job, w->socket[0], back, err, wait_ns, run_mux, c->mux, res);
	close(back);
}

enum child_outcome
child_start(struct pool_service *ps, const struct child_work *w)
{
	struct pool *p = ps->pool;
	struct child *c = child_new(ps, w);
	struct spawn_job *job = spawn_take(p->spawner);
	int64_t begun = loop_clock();
	struct admission_client who;
	struct spawn_result res;
	int64_t wait_ns = ps->held > 0 ? 0 : WAIT_NS;
	int err = -1;

	if (c == NULL || job == NULL) {
		errno = ENOMEM;
		goto no_resources;
	}
	/* taken before there is a process that has it: whatever becomes of berthd, it is not given twice */
	c->connection = p->stats->head->next_connection++;
	if (c->version->stderr_to == SPEC_STDERR_LOG && c->version->what != SPEC_RELAY &&
	    (c->err = errpipe_open(ps, c->version->identity.uid, c->version->identity.gid,
		 c->connection, &err)) == NULL) {
		res = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_PIPE,
			.error = errno, .pidfd = -1 };
		goto started;
	}
	if (c->version->what != SPEC_RELAY)
		build(c, job, w);
	if (w->greeting != NULL)
		send(w->socket[0], w->greeting, strlen(w->greeting), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (c->version->what == SPEC_BUILTIN)
		start_builtin(c, job, w, err, wait_ns, &res);
	else if (c->version->what == SPEC_RELAY)
		carry_start(c, w->socket[0], &res);
	else
		spawn_start(p->spawner, job, w->socket, w->count, -1, err, wait_ns, &res);
	fd_close(&err);
started:
	if (lacks_resources(&res)) {
		errno = res.error;
		goto no_resources;
	}
	histogram_add(&ps->count->spawn, loop_clock() - begun);
	throttle_admitted(&ps->throttle);
	who = client_of(c);
	c->history = admission_charge(ps, &who, w->rate_taken);
	pool_touch(ps);
	if (w->arrival != NULL && (c->version->timeouts.linger_ns != 0 || c->carry != NULL))
		c->kept = w->arrival->fd;
	else if (w->arrival != NULL)
		close(w->arrival->fd);
	adopt(c, job, &res);
	return CHILD_STARTED;
no_resources:
	if (c != NULL && c->connection != 0)
		p->stats->head->next_connection--;
	if (c != NULL)
		child_undo(c, job);
	else if (job != NULL)
		spawn_give(p->spawner, job);
	return CHILD_NO_RESOURCES;
}

void
child_recount_sources(struct pool_service *ps, const struct service *before)
{
	const struct service *s = ps->service;
	struct child *c;

	if (before != NULL && admission_has_history(s) == admission_has_history(before) &&
	    s->limits.source_prefix.ipv4 == before->limits.source_prefix.ipv4 &&
	    s->limits.source_prefix.ipv6 == before->limits.source_prefix.ipv6)
		return;
	TAILQ_FOREACH(c, &ps->children, next) {
		struct admission_client who = client_of(c);

		peers_release(c->history);
		c->history = admission_hold(ps, &who);
	}
}

void
child_forget(struct child *c)
{
	if (c->exited)
		TAILQ_REMOVE(&ended.list, c, next_ended);
	loop_disarm(&ended.timer);
	/* the pipe stays in its service's list; a half-made child still reads its version's strings */
	c->err = NULL;
	if (c->job != NULL)
		spec_hold(c->version);
	c->job = NULL;
	child_free(c);
}

/* ---- strangers ---- */

static void
stranger_seen(void *arg, pid_t pid, char state, pid_t parent, pid_t group)
{
	struct pool *p = arg;
	struct pool_service *ps;
	struct child *c;

	(void)group;
	if (state != 'Z' || parent != getpid())
		return;
	TAILQ_FOREACH(ps, &p->services, next)
		TAILQ_FOREACH(c, &ps->children, next)
			if (c->pid == pid)
				return;
	waitpid(pid, NULL, WNOHANG);
}

void
child_reap_strangers(struct pool *p)
{
	procs_each(stranger_seen, p);
}
