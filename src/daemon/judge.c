#include "judge.h"

#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../pure/overflow.h"
#include "../sys/log.h"
#include "../sys/onlooker.h"
#include "../sys/sockdiag.h"

#define UNSEEN_NS 60000000000LL

/* Bytes have moved since the last look, by what the kernel says of the time; or not, whatever it says. */
static void
remember(struct child *c, const struct sockdiag_tcp *t, int64_t now)
{
	int64_t ago = t->last_sent_ns < t->last_received_ns ? t->last_sent_ns : t->last_received_ns;
	bool first = c->seen.moved_ns == 0;

	if (!first && t->received == c->seen.received && t->acked == c->seen.acked)
		return;
	c->seen.moved_ns = now - ago > c->started_ns ? now - ago : c->started_ns;
	c->seen.received = t->received;
	c->seen.acked = t->acked;
}

static void
cannot_look(int error, struct victim_look *look, char *why, size_t size)
{
	look->closed = error == ENOENT;
	snprintf(why, size, "%s", error == ENOENT ? "its connection is closed"
	    : error == ETIMEDOUT ? "looking at it takes too long" : strerror(error));
}

/* It made its onlooker wait: whoever can do that could do it with each of its handlers. */
static bool
is_unseen(const struct pool_service *ps)
{
	return loop_now(ps->pool->loop) < ps->unseen_until_ns;
}

static void
turn_away(struct pool_service *ps)
{
	if (is_unseen(ps))
		return;
	ps->unseen_until_ns = loop_now(ps->pool->loop) + UNSEEN_NS;
	log_message(RECORD_WARNING, "warning", "%s: looking at a handler took too long: none is "
	    "looked at for 60s", ps->name);
}

static void
take_tcp(struct child *c, struct onlooker_socket *s, struct victim_look *look)
{
	struct sockdiag_tcp *t = &s->tcp;
	int64_t now = loop_now(c->service->pool->loop);

	/* a PROXY header is not the client's */
	t->received -= t->received < c->header_length ? t->received : c->header_length;
	remember(c, t, now);
	c->inode = t->inode;
	*look = (struct victim_look){ .age_ns = now - c->started_ns,
		.idle_ns = now - c->seen.moved_ns, .received = t->received, .acked = t->acked,
		.unread = t->unread, .unsent = t->unsent, .unacked = t->unacked, .waits = true,
		.known = true };
}

static void
take_unix(struct child *c, const struct onlooker_socket *s, struct victim_look *look)
{
	int64_t now = loop_now(c->service->pool->loop);

	*look = (struct victim_look){ .age_ns = now - c->started_ns,
		.idle_ns = c->seen.moved_ns != 0 ? now - c->seen.moved_ns : 0, .received = 1,
		.acked = 1, .unread = s->tcp.unread, .unsent = s->tcp.unsent, .waits = true,
		.known = true };
}

static void
take_socket(struct child *c, struct onlooker_socket *s, struct victim_look *look, char *why)
{
	if (s->slow)
		turn_away(c->service);
	if (s->error != 0)
		cannot_look(s->error, look, why, JUDGE_WHY);
	else if (s->is_unix)
		take_unix(c, s, look);
	else
		take_tcp(c, s, look);
}

static void
begin_look(const struct child *c, struct victim_look *look, char *why)
{
	int64_t now = loop_now(c->service->pool->loop);

	*look = (struct victim_look){ .age_ns = now - c->started_ns,
		.idle_ns = now - (c->seen.moved_ns != 0 ? c->seen.moved_ns : c->started_ns) };
	why[0] = '\0';
}

/* May it be asked about at all? */
static bool
is_askable(const struct child *c, char *why)
{
	if (c->waits)
		snprintf(why, JUDGE_WHY, "it accepts by itself (wait)");
	else if (is_unseen(c->service))
		snprintf(why, JUDGE_WHY, "handlers of its service take too long to be looked at");
	return why[0] == '\0';
}

void
judge_sockets(struct child *const *c, size_t n, struct victim_look *look, char (*why)[JUDGE_WHY])
{
	static struct onlooker_socket s[JUDGE_BATCH];
	size_t asked[JUDGE_BATCH], count = 0;

	assert(n <= JUDGE_BATCH);
	for (size_t i = 0; i < n; i++) {
		begin_look(c[i], &look[i], why[i]);
		if (!is_askable(c[i], why[i]))
			continue;
		s[count] = (struct onlooker_socket){ .local = c[i]->tuple_local,
			.is_unix = c[i]->tuple_peer.u.sa.sa_family == AF_UNIX,
			.peer = c[i]->tuple_peer, .device = c[i]->device, .inode = c[i]->inode,
			.cookie = c[i]->cookie };
		asked[count++] = i;
	}
	if (count > 0)
		onlooker_sockets(c[0]->service->pool->onlooker, s, count);
	for (size_t k = 0; k < count; k++)
		take_socket(c[asked[k]], &s[k], &look[asked[k]], why[asked[k]]);
}

void
judge_socket(struct child *c, struct victim_look *look, char why[JUDGE_WHY])
{
	judge_sockets(&c, 1, look, (char (*)[JUDGE_WHY])why);
}

bool
judge_shut(struct child *c, const struct waiting_report *report)
{
	bool slow;
	int error = onlooker_shut(c->service->pool->onlooker, report->pid, report->fd, c->cookie,
	    c->version->evict.goodbye, &slow);

	if (slow)
		turn_away(c->service);
	errno = error;
	return error == 0;
}

/* Why it is not looked at; NULL: it is. */
static const char *
excuse(const struct child *c)
{
	if (c->carry != NULL)
		return "it is relayed";
	return is_unseen(c->service) ? "handlers of its service take too long to be looked at" : NULL;
}

/* How many of the first were looked at, one at least. */
static size_t
look(struct judge_item *item, size_t n)
{
	static struct onlooker_handler h[JUDGE_BATCH];
	const char *why = excuse(item->child);
	size_t asked, done;

	if (why != NULL) {
		item->waiting = WAITING_UNKNOWN;
		item->report = (struct waiting_report){ .fd = -1 };
		strlcpy(item->report.why, why, sizeof(item->report.why));
		return 1;
	}
	for (asked = 0; asked < n && excuse(item[asked].child) == NULL; asked++) {
		const struct child *c = item[asked].child;

		h[asked] = (struct onlooker_handler){ .leader = c->pid,
			.others = item[asked].others.pid, .n = item[asked].others.count,
			.socket = c->inode,
			.switches = item[asked].switches ||
			    c->tuple_peer.u.sa.sa_family == AF_UNIX,
			.any = c->version->evict.waiting == SPEC_WAITING_ANY };
	}
	done = onlooker_handlers(item->child->service->pool->onlooker, h, asked);
	for (size_t i = 0; i < done; i++) {
		item[i].waiting = h[i].waiting;
		item[i].report = h[i].report;
		if (h[i].slow)
			turn_away(item[i].child->service);
	}
	return done;
}

enum waiting
judge_post(struct child *c, const struct judge_session *others, struct waiting_report *report)
{
	struct judge_item item = { .child = c, .others = *others, .switches = true };
	struct stat st;

	if (c->post == NULL || fstat(c->post->sock.fd, &st) < 0)
		return WAITING_UNKNOWN;
	c->inode = (uint32_t)st.st_ino;
	look(&item, 1);
	*report = item.report;
	return item.waiting;
}

/* What a look at its handler says of a connection. */
static void
take_handler(const struct judge_item *i)
{
	struct child *c = i->child;
	int64_t now = loop_now(c->service->pool->loop);

	i->look->waits = i->waiting == WAITING_FOR_CLIENT;
	if (i->waiting == WAITING_UNKNOWN || i->waiting == WAITING_FORBIDDEN)
		i->look->known = false;
	/* one that was not seen, or has no process of its own, has not been still either */
	if (i->waiting == WAITING_UNKNOWN || c->tuple_peer.u.sa.sa_family != AF_UNIX)
		return;
	if (c->seen.moved_ns == 0 || i->report.switches != c->seen.switches) {
		c->seen.switches = i->report.switches;
		c->seen.moved_ns = now;
	}
	i->look->idle_ns = now - c->seen.moved_ns;
}

size_t
judge_handlers(struct judge_item *item, size_t n)
{
	size_t done = look(item, n);

	for (size_t i = 0; i < done; i++)
		take_handler(&item[i]);
	return done;
}

enum waiting
judge_handler(struct child *c, const struct judge_session *others, struct victim_look *out,
    struct waiting_report *report)
{
	struct judge_item item = { .child = c, .others = *others, .switches = true,
		.look = out };

	judge_handlers(&item, 1);
	*report = item.report;
	return item.waiting;
}

enum victim_state
judge_state(const struct child *c, const struct victim_look *look)
{
	struct victim_rule rule = { .min_idle_ns = c->version->evict.min_idle_ns,
		.keep_alive_ns = c->version->evict.keep_alive_ns };

	return victim_judge(look, &rule);
}

bool
judge_is_evictable(const struct child *c)
{
	const struct service *s = c->service->service != NULL ? c->service->service : c->version;

	return c->state == CHILD_RUNNING && c->cause == CAUSE_EXIT && !c->waits && c->carry == NULL &&
	    overflow_evicts(s->limits.overflow, s->limits.noverflow);
}
