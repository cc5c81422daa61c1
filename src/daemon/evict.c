#include "evict.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/overflow.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "../sys/sock.h"
#include "../sys/sockdiag.h"
#include "listener.h"
#include "survey.h"

#define MS 1000000LL
#define FRESH_NS (50 * MS)	/* what was seen serves for so long */
#define NONE_MIN_NS (10 * MS)	/* that there was nobody holds for at least so long */
#define NONE_MAX_NS (250 * MS)	/* and at most */
#define SHARE 10		/* surveys take at most a tenth of the time */
#define VICTIM_NS EVICT_VICTIM_NS
#define TURN_NS (3 * MS)	/* of closer looks a turn, */
#define TRIES 8			/* and so many */
#define SPARES 5		/* descriptors that looking takes at once */
#define MEMBERS 64
#define STOP_LOOKS 5		/* for a handler to be seen stopped */

struct evict {
	struct pool *pool;
	TAILQ_HEAD(, listener) wants;	/* now */
	TAILQ_HEAD(, listener) later;	/* were told that there is nobody */
	struct loop_timer again;
	bool shortage;			/* one is wanted for want of resources */
	struct survey *survey;		/* NULL: none */
	bool complete;
	int64_t fresh_until_ns, none_until_ns;
	struct victim_candidate *candidate; /* as many as the survey has items */
	struct victim_service *service;
	bool told;			/* that looking is forbidden */
	int64_t until_ns;		/* closer looks of this turn end */
	int spare[SPARES];		/* given up while looking, so that it is possible without a free one */
};

static void
refill(struct evict *e)
{
	for (size_t i = 0; i < SPARES; i++)
		if (e->spare[i] < 0)
			e->spare[i] = fd_high(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void
lend(struct evict *e)
{
	for (size_t i = 0; i < SPARES; i++)
		fd_close(&e->spare[i]);
}

void
evict_lend(struct evict *e)
{
	lend(e);
}

void
evict_take_back(struct evict *e)
{
	refill(e);
}

struct evict *
evict_new(struct pool *p)
{
	struct evict *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->pool = p;
	TAILQ_INIT(&e->wants);
	TAILQ_INIT(&e->later);
	for (size_t i = 0; i < SPARES; i++)
		e->spare[i] = -1;
	refill(e);
	return e;
}

static void
forget_survey(struct evict *e)
{
	survey_free(e->survey);
	e->survey = NULL;
	e->complete = false;
	free(e->candidate);
	free(e->service);
	e->candidate = NULL;
	e->service = NULL;
}

void
evict_free(struct evict *e)
{
	if (e == NULL)
		return;
	forget_survey(e);
	loop_disarm(&e->again);
	lend(e);
	free(e);
}

/* ---- who wants ---- */

static void
again_due(void *arg)
{
	struct evict *e = arg;
	struct listener *l;

	while ((l = TAILQ_FIRST(&e->later)) != NULL) {
		TAILQ_REMOVE(&e->later, l, next_want);
		TAILQ_INSERT_TAIL(&e->wants, l, next_want);
		l->wants_later = false;
		l->wants_since_ns = loop_now(e->pool->loop);
	}
}

void
evict_want(struct listener *l, bool later)
{
	struct evict *e = l->service->pool->evict;
	struct loop *loop = e->pool->loop;
	int64_t soon = loop_now(loop) + NONE_MIN_NS;

	if (l->wants || l->victim != NULL)
		return;
	l->wants = true;
	l->wants_later = later;
	l->wants_since_ns = loop_now(loop);
	if (!later) {
		TAILQ_INSERT_TAIL(&e->wants, l, next_want);
		return;
	}
	TAILQ_INSERT_TAIL(&e->later, l, next_want);
	if (!loop_armed(&e->again))
		loop_arm(loop, &e->again, e->none_until_ns > soon ? e->none_until_ns : soon,
		    again_due, e);
}

static void
unlist(struct listener *l)
{
	struct evict *e = l->service->pool->evict;

	if (!l->wants)
		return;
	if (l->wants_later)
		TAILQ_REMOVE(&e->later, l, next_want);
	else
		TAILQ_REMOVE(&e->wants, l, next_want);
	l->wants = l->wants_later = false;
	if (TAILQ_EMPTY(&e->later))
		loop_disarm(&e->again);
}

void
evict_cancel(struct listener *l)
{
	unlist(l);
	if (l->victim != NULL)
		l->victim->heir = NULL;
	l->victim = NULL;
}

void
evict_move(struct listener *to, struct listener *from)
{
	unlist(from);
	to->victim = from->victim;
	from->victim = NULL;
	if (to->victim != NULL)
		to->victim->heir = to;
}

void
evict_for_shortage(struct evict *e)
{
	e->shortage = true;
}

void
evict_gone(struct child *c)
{
	struct listener *l = c->heir;

	if (l == NULL)
		return;
	l->victim = NULL;
	c->heir = NULL;
	listener_resume(l);
	pool_prefer(l->service);
}

/* ---- the choice ---- */

/* May the place of c serve a connection of ps?  NULL: of anybody's. */
static bool
helps(const struct child *c, const struct pool_service *ps, enum admit_verdict v)
{
	const struct pool_service *owner = c->service;

	if (ps == NULL || owner == ps)
		return true;
	if (v == ADMIT_SERVICE_FULL)
		return false;
	/* within its own reserve a place that is given up stays its own */
	return ps->unused > 0 || owner->active > pool_reserve(owner);
}

static void
weigh(struct victim_service *s, const struct child *c, bool own)
{
	const struct service *v = c->service->service != NULL ? c->service->service : c->version;

	*s = (struct victim_service){ .active = c->service->active,
		.reserve = own ? 0 : pool_reserve(c->service), .weight = v->limits.weight,
		.order = v->evict.order };
}

/* Index of the best item for a connection of ps, or (size_t)-1. */
static size_t
choose(struct evict *e, const struct pool_service *ps, enum admit_verdict v)
{
	bool own = ps != NULL && v == ADMIT_SERVICE_FULL;
	struct survey *s = e->survey;
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->item[i].child != NULL)
			s->item[i].child->service->weighed = (size_t)-1;
	for (size_t i = 0; i < s->count; i++) {
		const struct survey_item *item = &s->item[i];
		struct child *c = item->child;
		struct victim_candidate *k = &e->candidate[i];

		*k = (struct victim_candidate){ .state = VICTIM_BUSY };
		if (c == NULL || !judge_is_evictable(c) || !helps(c, ps, v))
			continue;
		if (c->service->weighed == (size_t)-1)
			weigh(&e->service[c->service->weighed = n++], c, own);
		k->state = item->state;
		k->started_ns = c->started_ns;
		k->idle_ns = item->look.idle_ns;
		k->overdue_ns = item->look.idle_ns - c->version->evict.keep_alive_ns;
		k->service = c->service->weighed;
	}
	return victim_choose(e->candidate, s->count, e->service);
}

/* ---- the deed ---- */

static void
log_evict(const struct child *c, enum victim_state state, int64_t idle_ns, const char *wanted_by)
{
	char peer[ADDR_TEXT_MAX];
	struct record r;

	if (!c->version->log.connections || !log_wants(RECORD_INFO))
		return;
	record_init(&r, RECORD_INFO, "evict");
	record_text(&r, "service", c->service->name);
	record_number(&r, "connection", (int64_t)c->connection);
	record_number(&r, "pid", c->pid);
	record_text(&r, "peer",
	    child_log_peer(c->version, &c->peer, c->peer_uid, peer, sizeof(peer)));
	record_text(&r, "state", victim_word(state));
	record_seconds(&r, "idle", idle_ns);
	record_text(&r, "for", wanted_by);
	log_record(&r);
}

static bool
has_moved(const struct victim_look *a, const struct victim_look *b)
{
	return !b->known || a->received != b->received || a->acked != b->acked ||
	    b->unread != 0 || a->unsent != b->unsent || a->unacked != b->unacked;
}

static void
tell_forbidden(struct evict *e, const char *why)
{
	if (e->told)
		return;
	e->told = true;
	log_message(RECORD_WARNING, "warning", "nothing is evicted: %s", why);
}

/*
 * Is every task of its session seen waiting, at one moment?  They are looked at one after the other, so that work could be handed
 * on behind our back: none of them may have run between two such looks.
 */
static bool
is_waiting(struct evict *e, struct survey_item *item, struct waiting_report *report)
{
	struct child *c = item->child;
	struct judge_session others;
	pid_t pid[MEMBERS];
	uint64_t switches;
	enum waiting w;

	if (e->survey->blind)
		return false;
	others = survey_session(e->survey, c, pid, MEMBERS);
	w = judge_handler(c, &others, &item->look, report);
	if (w == WAITING_FORBIDDEN)
		tell_forbidden(e, report->why);
	if (w != WAITING_FOR_CLIENT)
		return false;
	switches = report->switches;
	return judge_handler(c, &others, &item->look, report) == WAITING_FOR_CLIENT &&
	    report->switches == switches;
}

/*
 * Nobody counts what a unix socket has received: has its handler, which is stopped, taken up something since it was looked at?  The
 * look at the socket comes after this one.  The stop wakes it first: where processors are busy it is on its way for a moment, and
 * seen running.
 */
static bool
is_at_work(struct evict *e, struct child *c)
{
	struct judge_session others;
	struct waiting_report report;
	struct victim_look look;
	pid_t pid[MEMBERS];
	enum waiting w = WAITING_BUSY;

	if (c->peer.u.sa.sa_family != AF_UNIX)
		return false;
	others = survey_session(e->survey, c, pid, MEMBERS);
	for (int i = 0; i < STOP_LOOKS && w == WAITING_BUSY; i++) {
		if (i > 0)
			sched_yield();
		w = judge_handler(c, &others, &look, &report);
	}
	return w != WAITING_FOR_CLIENT;
}

/*
 * Stopped, looked at for the last time, and taken.  The stop reaches a handler that sleeps before it has read anything, so what
 * has not been received by now is not being worked at.
 */
static bool
take(struct evict *e, struct survey_item *item, const struct waiting_report *report,
    const char *wanted_by)
{
	struct child *c = item->child;
	struct victim_look look;
	char why[JUDGE_WHY];
	bool taken;

	kill(-c->pid, SIGSTOP);
	taken = !is_at_work(e, c);
	judge_socket(c, &look, why);
	taken = taken && !has_moved(&item->look, &look) && judge_shut(c, report);
	kill(-c->pid, SIGCONT);
	if (!taken) {
		if (errno == EPERM)
			tell_forbidden(e, "pidfd_getfd: berthd may not (CAP_SYS_PTRACE)");
		item->look = look;
		item->state = VICTIM_BUSY;
		return false;
	}
	log_evict(c, item->state, item->look.idle_ns, wanted_by);
	child_evicted(c);
	return true;
}

/* Look again, closer.  True: it was taken.  False: the item says what it is by now. */
static bool
try_item(struct evict *e, struct survey_item *item, const char *wanted_by)
{
	struct child *c = item->child;
	struct waiting_report report;
	int64_t idle = item->look.idle_ns;
	char why[JUDGE_WHY];

	errno = 0;
	judge_socket(c, &item->look, why);
	item->state = judge_state(c, &item->look);
	/* it has moved since, and may not be the first any more */
	if (item->look.idle_ns < idle || item->state < VICTIM_SILENT)
		return false;
	if (!is_waiting(e, item, &report)) {
		item->state = VICTIM_BUSY;
		return false;
	}
	item->state = judge_state(c, &item->look);
	return item->state >= VICTIM_SILENT && take(e, item, &report, wanted_by);
}

enum found { FOUND, FOUND_NONE, FOUND_LATER };

/* A victim for ps (NULL: for want of resources), within so many closer looks. */
static enum found
find(struct evict *e, const struct pool_service *ps, enum admit_verdict v, unsigned *tries,
    struct child **victim)
{
	size_t i;

	while ((i = choose(e, ps, v)) != (size_t)-1) {
		struct survey_item *item = &e->survey->item[i];

		if (*tries == 0 || loop_clock() > e->until_ns)
			return FOUND_LATER;
		--*tries;
		if (try_item(e, item, ps != NULL ? ps->name : "resources")) {
			*victim = item->child;
			item->child = NULL;
			return FOUND;
		}
	}
	return FOUND_NONE;
}

/* ---- surveys ---- */

/* When the first that is not idle for long enough may be. */
static int64_t
earliest(const struct survey *s)
{
	int64_t least = NONE_MAX_NS;

	for (size_t i = 0; i < s->count; i++) {
		const struct survey_item *item = &s->item[i];
		int64_t left;

		if (item->child == NULL || !item->look.known)
			continue;
		left = item->child->version->evict.min_idle_ns - item->look.idle_ns;
		if (left > 0 && left < least)
			least = left;
	}
	return least;
}

/* The clock goes on while a survey is made: it is asked itself. */
static bool
go_on(struct evict *e)
{
	struct survey *s = e->survey;
	int64_t now, spent;

	if (e->complete)
		return true;
	if (!survey_step(s))
		return false;
	e->candidate = calloc(s->count + 1, sizeof(*e->candidate));
	e->service = calloc(s->count + 1, sizeof(*e->service));
	if (e->candidate == NULL || e->service == NULL)
		s->count = 0;
	e->complete = true;
	now = loop_now(e->pool->loop);
	spent = (loop_clock() - s->begun_ns) * SHARE;
	e->fresh_until_ns = now + (spent > FRESH_NS ? spent : FRESH_NS);
	e->none_until_ns = now + earliest(s);
	if (e->none_until_ns < now + NONE_MIN_NS)
		e->none_until_ns = now + NONE_MIN_NS;
	if (e->none_until_ns < now + spent)
		e->none_until_ns = now + spent;
	return true;
}

/* Is what was seen good enough to say that there is nobody? */
static bool
is_certain(const struct evict *e, int64_t since_ns)
{
	return e->survey->begun_ns >= since_ns || loop_now(e->pool->loop) < e->none_until_ns;
}

/* ---- turns ---- */

static void
found_none(struct listener *l)
{
	bool again = l->pending.tried;

	unlist(l);
	l->pending.tried = true;
	if (again)
		evict_want(l, true);
	else
		listener_resume(l);
}

static void
found(struct listener *l, struct child *victim)
{
	unlist(l);
	listener_hold(l, loop_now(l->service->pool->loop) + VICTIM_NS);
	l->victim = victim;
	victim->heir = l;
}

/* Does one place suffice?  After a limit was lowered it may not: then nobody is ended for nothing. */
static bool
one_helps(const struct pool_service *ps, enum admit_verdict v)
{
	struct admit_pool_facts f = pool_facts(ps);
	uint64_t kept = f.own_unused > 0 ? 0 : f.others_unused;

	if (v == ADMIT_SERVICE_FULL && ps->active > ps->service->limits.connections)
		return false;
	return f.active + kept <= f.limit;
}

/* True: l is settled for now. */
static bool
serve_want(struct evict *e, struct listener *l, unsigned *tries)
{
	enum admit_verdict v = pool_verdict(l->service);
	struct child *victim;
	bool gone = false;

	if (l->pending.peer.u.sa.sa_family != AF_UNIX)
		sock_look(l->pending.fd, &gone, NULL);
	if (gone || (v != ADMIT_SERVICE_FULL && v != ADMIT_POOL_FULL)) {
		unlist(l);
		listener_resume(l);
		return true;
	}
	if (!one_helps(l->service, v)) {
		found_none(l);
		return true;
	}
	switch (find(e, l->service, v, tries, &victim)) {
	case FOUND:
		found(l, victim);
		return true;
	case FOUND_NONE:
		if (!is_certain(e, l->wants_since_ns)) {
			forget_survey(e);
			return false;
		}
		found_none(l);
		return true;
	case FOUND_LATER:
		return false;
	}
	return false;
}

static bool
serve_shortage(struct evict *e, unsigned *tries)
{
	struct pool *p = e->pool;
	struct child *victim;

	if (!p->short_of_resources) {
		e->shortage = false;
		return true;
	}
	switch (find(e, NULL, ADMIT_RESOURCES, tries, &victim)) {
	case FOUND:
		e->shortage = false;
		pool_shortage_wait(p, VICTIM_NS);
		return true;
	case FOUND_NONE:
		e->shortage = false;
		pool_shortage_pause(p);
		return true;
	case FOUND_LATER:
		return false;
	}
	return false;
}

static void
serve_all(struct evict *e)
{
	unsigned tries = TRIES;
	struct listener *l;

	e->until_ns = loop_clock() + TURN_NS;
	if (e->shortage && !serve_shortage(e, &tries))
		return;
	while (e->survey != NULL && (l = TAILQ_FIRST(&e->wants)) != NULL)
		if (!serve_want(e, l, &tries))
			break;
}

static bool
is_asked(const struct evict *e)
{
	return e->shortage || !TAILQ_EMPTY(&e->wants);
}

/* Nothing could be looked at: nobody is found. */
static void
give_up(struct evict *e)
{
	struct listener *l;

	if (e->shortage)
		pool_shortage_pause(e->pool);
	e->shortage = false;
	e->none_until_ns = loop_now(e->pool->loop) + NONE_MAX_NS;
	while ((l = TAILQ_FIRST(&e->wants)) != NULL)
		found_none(l);
}

bool
evict_turn(struct evict *e)
{
	bool ready, short_of = e->pool->shortage_since_ns != 0;
	int64_t now = loop_now(e->pool->loop);

	if (!is_asked(e)) {
		/* whoever asked has gone: what is half seen would be stale */
		if (e->survey != NULL && (!e->complete || now >= e->fresh_until_ns))
			forget_survey(e);
		return false;
	}
	if (e->complete && now >= e->fresh_until_ns)
		forget_survey(e);
	if (e->survey == NULL &&
	    (e->survey = survey_new(e->pool, NULL, SURVEY_EVICTABLE)) == NULL) {
		give_up(e);
		return false;
	}
	if (short_of)
		lend(e);
	ready = go_on(e);
	if (ready)
		serve_all(e);
	if (short_of)
		refill(e);
	return is_asked(e);
}
