#include "survey.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/procs.h"

#define PROCESSES 32		/* at once: of 10 us each */
#define STEP_NS 1000000LL
#define MEMBERS 64		/* of a session; more is unknown anyway */

static bool
is_wanted(const struct child *c, enum survey_kind kind)
{
	return kind == SURVEY_ALL ? c->state != CHILD_FAILED : judge_is_evictable(c);
}

static size_t
count_children(struct pool *p, const struct pool_service *service)
{
	return service != NULL ? service->active : p->active;
}

static int
by_connection(const void *a, const void *b)
{
	const struct survey_item *x = a, *y = b;

	return x->connection < y->connection ? -1 : x->connection > y->connection;
}

struct survey *
survey_new(struct pool *p, const struct pool_service *service, enum survey_kind kind)
{
	struct survey *s = calloc(1, sizeof(*s));
	size_t room = count_children(p, service);
	struct pool_service *ps;
	struct child *c;

	if (s == NULL || (s->item = calloc(room + 1, sizeof(*s->item))) == NULL) {
		free(s);
		return NULL;
	}
	s->pool = p;
	s->kind = kind;
	s->begun_ns = loop_now(p->loop);
	TAILQ_FOREACH(ps, &p->services, next) {
		if (service != NULL && service != ps)
			continue;
		TAILQ_FOREACH(c, &ps->children, next)
			if (s->count < room && is_wanted(c, kind))
				s->item[s->count++] = (struct survey_item){ .child = c,
					.connection = c->connection };
	}
	qsort(s->item, s->count, sizeof(*s->item), by_connection);
	TAILQ_INSERT_TAIL(&p->surveys, s, next);
	return s;
}

void
survey_free(struct survey *s)
{
	if (s == NULL)
		return;
	TAILQ_REMOVE(&s->pool->surveys, s, next);
	for (size_t i = 0; i < s->count; i++)
		free(s->item[i].why);
	procs_close(s->walk);
	free(s->item);
	free(s->member);
	free(s);
}

void
survey_forget(struct pool *p, const struct child *c)
{
	struct survey_item key = { .connection = c->connection }, *found;
	struct survey *s;

	TAILQ_FOREACH(s, &p->surveys, next) {
		found = bsearch(&key, s->item, s->count, sizeof(*s->item), by_connection);
		if (found != NULL && found->child == c)
			found->child = NULL;
	}
}

/* ---- steps ---- */

static void
look_at_sockets(struct survey *s)
{
	struct child *c[JUDGE_BATCH];
	struct survey_item *item[JUDGE_BATCH];
	struct victim_look look[JUDGE_BATCH];
	char why[JUDGE_BATCH][JUDGE_WHY];
	size_t n = 0;

	for (; s->socket < s->count && n < JUDGE_BATCH; s->socket++) {
		if (s->item[s->socket].child == NULL)
			continue;
		item[n] = &s->item[s->socket];
		c[n] = item[n]->child;
		n++;
	}
	if (n > 0)
		judge_sockets(c, n, look, why);
	for (size_t i = 0; i < n; i++) {
		item[i]->look = look[i];
		item[i]->state = judge_state(c[i], &look[i]);
		if (why[i][0] != '\0')
			item[i]->why = strdup(why[i]);
	}
}

static bool
is_to_be_looked_at(struct survey *s, struct survey_item *item)
{
	const struct child *c = item->child;

	if (c == NULL || !item->look.known || c->state != CHILD_RUNNING)
		return false;
	if (s->kind == SURVEY_EVICTABLE && c->tuple_peer.u.sa.sa_family != AF_UNIX)
		return false;
	if (!s->blind)
		return true;
	item->look.known = false;
	item->state = VICTIM_UNKNOWN;
	return false;
}

/* The next handlers, until one takes long. */
static void
look_at_handlers(struct survey *s)
{
	static pid_t pid[JUDGE_BATCH][MEMBERS];
	static struct judge_item asked[JUDGE_BATCH];
	struct survey_item *item[JUDGE_BATCH];
	size_t n = 0, done;

	for (; s->handler < s->count && n < JUDGE_BATCH; s->handler++) {
		if (!is_to_be_looked_at(s, &s->item[s->handler]))
			continue;
		item[n] = &s->item[s->handler];
		asked[n] = (struct judge_item){ .child = item[n]->child, .look = &item[n]->look,
			.others = survey_session(s, item[n]->child, pid[n], MEMBERS) };
		n++;
	}
	if (n == 0)
		return;
	done = judge_handlers(asked, n);
	for (size_t i = 0; i < done; i++) {
		if (asked[i].waiting != WAITING_FOR_CLIENT) {
			free(item[i]->why);
			item[i]->why = strdup(asked[i].report.why);
		}
		item[i]->state = judge_state(item[i]->child, &item[i]->look);
	}
	if (done < n)
		s->handler = (size_t)(item[done] - s->item);
}

static void
member_seen(void *arg, const struct procs_entry *e)
{
	struct survey *s = arg;
	struct survey_member *more;

	if (e->pid == e->session || e->session == 0 || e->state == 'Z' || e->state == 'X')
		return;
	if (s->nmember == s->member_room) {
		more = reallocarray(s->member, s->member_room * 2 + 64, sizeof(*more));
		if (more == NULL) {
			s->blind = true;
			return;
		}
		s->member = more;
		s->member_room = s->member_room * 2 + 64;
	}
	s->member[s->nmember++] = (struct survey_member){ .session = e->session, .pid = e->pid };
}

static int
by_session(const void *a, const void *b)
{
	const struct survey_member *x = a, *y = b;

	if (x->session != y->session)
		return x->session < y->session ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void
walk(struct survey *s)
{
	if (s->walk == NULL && (s->walk = procs_open()) == NULL)
		s->blind = true;
	if (s->walk != NULL && procs_step(s->walk, PROCESSES, member_seen, s))
		return;
	procs_close(s->walk);
	s->walk = NULL;
	s->walked = true;
	if (s->nmember > 0)
		qsort(s->member, s->nmember, sizeof(*s->member), by_session);
}

static bool
is_complete(const struct survey *s)
{
	return s->socket == s->count && (s->walked || s->count == 0) && s->handler == s->count;
}

bool
survey_step(struct survey *s)
{
	int64_t end = loop_clock() + STEP_NS;

	do {
		if (s->socket < s->count)
			look_at_sockets(s);
		else if (!s->walked && s->count > 0)
			walk(s);
		else if (s->handler < s->count)
			look_at_handlers(s);
	} while (!is_complete(s) && loop_clock() < end);
	return is_complete(s);
}

/* ---- sessions ---- */

struct judge_session
survey_session(const struct survey *s, const struct child *c, pid_t *pid, size_t room)
{
	size_t low = 0, high = s->nmember, n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->member[mid].session < c->pid)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->nmember && s->member[low].session == c->pid && n < room; low++)
		pid[n++] = s->member[low].pid;
	return (struct judge_session){ .pid = pid, .count = n };
}
