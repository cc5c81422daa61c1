#include "proxied.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../builtin/header.h"
#include "../sys/aide.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "admission.h"
#include "child.h"
#include "dispatch.h"

#define DEADLINE_NS (HEADER_NS + 500000000LL)	/* should the aide not say it */
#define AGAIN_NS 100000000LL			/* before the next aide, when one has died */
#define SHORT_NS 10000000000LL			/* a connection waits that long for resources */
#define SHORT_AGAIN_NS 50000000LL
#define BUCKETS 256

struct reading {
	TAILQ_ENTRY(reading) next;	/* of all, in the order of their arrival */
	TAILQ_ENTRY(reading) next_unsent;
	LIST_ENTRY(reading) next_bucket;
	struct proxied *proxied;
	struct pool_service *service;	/* lives: the connection has a place in it */
	uint64_t number;
	struct arrival arrival;
	struct addr local;
	bool unsent;
	int64_t began_ns, sent_ns;	/* when it was accepted; when the aide of now got it */
	struct loop_timer deadline;
	/* from here on its header is known, and arrival and local are what it says */
	struct addr tuple_peer, tuple_local;
	uint32_t header_length;
	int64_t known_ns;
};

struct proxied {
	struct pool *pool;
	struct aide aide;
	struct loop_source *source;
	bool keep;
	uint64_t next_number;
	TAILQ_HEAD(reading_list, reading) list;
	TAILQ_HEAD(, reading) unsent;
	LIST_HEAD(, reading) bucket[BUCKETS];
	struct loop_timer again;
};

static void begin(struct proxied *x);
static void again_due(void *arg);

struct proxied *
proxied_new(struct pool *p)
{
	struct proxied *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->pool = p;
	aide_init(&x->aide, p->loop);
	TAILQ_INIT(&x->list);
	TAILQ_INIT(&x->unsent);
	return x;
}

/* ---- readings ---- */

/* It is no longer read: its place and its fd are the caller's. */
static struct reading
settle(struct reading *r)
{
	struct reading copy = *r;
	struct proxied *x = r->proxied;

	TAILQ_REMOVE(&x->list, r, next);
	LIST_REMOVE(r, next_bucket);
	if (r->unsent)
		TAILQ_REMOVE(&x->unsent, r, next_unsent);
	loop_disarm(&r->deadline);
	r->service->reading--;
	free(r);
	/* the last one that an aide stayed for: it is let go when nobody is in the middle of its answers */
	if (!x->keep && TAILQ_EMPTY(&x->list))
		loop_arm(x->pool->loop, &x->again, loop_now(x->pool->loop), again_due, x);
	return copy;
}

static void
refuse(struct reading *r, enum admit_verdict v, const char *rule)
{
	struct reading copy = settle(r);
	bool by_source = v == ADMIT_DENIED || v == ADMIT_PENALTY || v == ADMIT_SOURCE_FULL ||
	    v == ADMIT_SOURCE_RATE;

	/* who is refused for its source costs its service nothing */
	if (by_source && copy.service->service != NULL)
		bucket_refund(&copy.service->bucket, &copy.service->service->limits.rate);
	dispatch_note_refusal(copy.service, &copy.arrival, v, rule);
	pool_give_place(copy.service);
	sock_reset(copy.arrival.fd, copy.tuple_peer.u.sa.sa_family != AF_UNIX);
}

/* ---- what the header says ---- */

static bool
is_internet(const struct addr *a)
{
	return (a->u.sa.sa_family == AF_INET && a->len == sizeof(a->u.in)) ||
	    (a->u.sa.sa_family == AF_INET6 && a->len == sizeof(a->u.in6));
}

/* Take the header off, unread; false: it is not there. */
static bool
discard(int fd, uint32_t length)
{
	return length == 0 ||
	    recv(fd, NULL, length, MSG_DONTWAIT | MSG_TRUNC) == (ssize_t)length;
}

static void try_due(void *arg);

/* Judge it as what it is, with the place that it has.  Where there are no resources it waits for them, as any connection. */
static void
try(struct reading *r)
{
	struct loop *loop = r->proxied->pool->loop;
	struct child_work w = { .arrival = &r->arrival, .local = &r->local, .socket = &r->arrival.fd,
		.count = 1, .tuple_peer = &r->tuple_peer, .tuple_local = &r->tuple_local,
		.header_length = r->header_length, .rate_taken = true };
	char rule[ADMIT_RULE_MAX];
	enum admit_verdict v = dispatch_serve_placed(r->service, &w, rule);

	if (v == ADMIT_OK)
		settle(r);
	else if (v == ADMIT_PAUSED)
		loop_disarm(&r->deadline);
	else if (v == ADMIT_RESOURCES && loop_now(loop) - r->known_ns < SHORT_NS)
		loop_arm(loop, &r->deadline, loop_now(loop) + SHORT_AGAIN_NS, try_due, r);
	else
		refuse(r, v, rule);
}

static void
try_due(void *arg)
{
	try(arg);
}

static void
serve(struct reading *r, const struct header_answer *a)
{
	r->known_ns = loop_now(r->proxied->pool->loop);
	r->header_length = a->length;
	if (!a->local) {
		r->arrival.peer = a->source;
		r->arrival.uid = (uid_t)-1;
		r->local = a->destination;
	}
	try(r);
}

static void
take_answer(struct reading *r, const struct header_answer *a)
{
	bool good = a->outcome == HEADER_DONE && a->length <= HEADER_MAX &&
	    (a->local || (is_internet(&a->source) && is_internet(&a->destination)));
	bool gone = false;

	if (r->tuple_peer.u.sa.sa_family != AF_UNIX)
		sock_look(r->arrival.fd, &gone, NULL);
	if (gone)
		refuse(r, ADMIT_GONE, NULL);
	else if (a->outcome == HEADER_LATE)
		refuse(r, ADMIT_BAD_HEADER, "no PROXY header in 5s");
	else if (a->outcome == HEADER_ENDED)
		refuse(r, ADMIT_BAD_HEADER, "it ended before its PROXY header");
	else if (!good || !discard(r->arrival.fd, a->length))
		refuse(r, ADMIT_BAD_HEADER, "no valid PROXY header");
	else
		serve(r, a);
}

static struct reading *
find(struct proxied *x, uint64_t number)
{
	struct reading *r;

	LIST_FOREACH(r, &x->bucket[number % BUCKETS], next_bucket)
		if (r->number == number)
			return r;
	return NULL;
}

static void lost(struct proxied *x);

/* The aide should have said it: it is stuck, or somebody has stopped it. */
static void
deadline_due(void *arg)
{
	struct reading *r = arg;
	struct proxied *x = r->proxied;

	struct loop *loop = x->pool->loop;
	bool had_time = !r->unsent && loop_now(loop) - r->sent_ns >= HEADER_NS;

	refuse(r, ADMIT_BAD_HEADER, "no PROXY header in 5s");
	if (x->source != NULL && had_time)
		lost(x);
}

/* ---- the aide ---- */

/* false: the aide takes nothing now. */
static bool
send_order(struct proxied *x, struct reading *r)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct header_order order = { .number = r->number,
		.deadline_ns = r->began_ns + HEADER_NS,
		.take = r->arrival.peer.u.sa.sa_family == AF_UNIX };
	struct iovec iov = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &r->arrival.fd, sizeof(int));
	return sendmsg(x->aide.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(order);
}

static void
send_all(struct proxied *x)
{
	struct reading *r;

	while (x->source != NULL && (r = TAILQ_FIRST(&x->unsent)) != NULL && send_order(x, r)) {
		TAILQ_REMOVE(&x->unsent, r, next_unsent);
		r->unsent = false;
		r->sent_ns = loop_now(x->pool->loop);
	}
	if (x->source != NULL)
		loop_watch(x->source, TAILQ_EMPTY(&x->unsent) ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static void
again_due(void *arg)
{
	struct proxied *x = arg;

	if (x->keep || !TAILQ_EMPTY(&x->list))
		begin(x);
	else
		proxied_keep(x, false);
}

/* It has ended, or is of no use: what it was given is given to the next. */
static void
lost(struct proxied *x)
{
	struct reading *r;

	loop_remove(x->source);
	x->source = NULL;
	aide_stop(&x->aide, true);
	TAILQ_FOREACH(r, &x->list, next) {
		if (r->unsent || r->known_ns != 0)
			continue;
		r->unsent = true;
		TAILQ_INSERT_TAIL(&x->unsent, r, next_unsent);
	}
	if (x->keep || !TAILQ_EMPTY(&x->list))
		loop_arm(x->pool->loop, &x->again, loop_now(x->pool->loop) + AGAIN_NS, again_due, x);
}

static void
aide_ready(void *arg, uint32_t events)
{
	struct proxied *x = arg;
	struct header_answer a;
	struct reading *r;
	ssize_t n;

	(void)events;
	for (int i = 0; i < 16; i++) {
		n = recv(x->aide.fd, &a, sizeof(a), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0 && errno == ECONNRESET)
			continue;	/* it died with orders unread: what it has said comes after that */
		if (n != (ssize_t)sizeof(a)) {
			lost(x);
			return;
		}
		if ((r = find(x, a.number)) != NULL && !r->unsent && r->known_ns == 0)
			take_answer(r, &a);
	}
	send_all(x);
}

static void
begin(struct proxied *x)
{
	if (x->source != NULL)
		return;
	loop_disarm(&x->again);
	if (aide_start(&x->aide, "berthd-proxy", true, header_run))
		x->source = loop_add(x->pool->loop, x->aide.fd, EPOLLIN, aide_ready, x);
	if (x->source == NULL) {
		lost(x);
		return;
	}
	send_all(x);
}

void
proxied_keep(struct proxied *x, bool keep)
{
	x->keep = keep;
	if (keep) {
		begin(x);
	} else if (TAILQ_EMPTY(&x->list)) {
		loop_disarm(&x->again);
		loop_remove(x->source);
		x->source = NULL;
		aide_stop(&x->aide, false);
	}
}

void
proxied_refuse(struct proxied *x, const struct pool_service *ps)
{
	struct reading *r, *after;

	TAILQ_FOREACH_SAFE(r, &x->list, next, after)
		if (ps == NULL || r->service == ps)
			refuse(r, ADMIT_DRAINING, NULL);
}

void
proxied_resume(struct proxied *x, const struct pool_service *ps)
{
	struct reading *r, *after;

	TAILQ_FOREACH_SAFE(r, &x->list, next, after)
		if (r->service == ps && r->known_ns != 0) {
			r->known_ns = loop_now(x->pool->loop);
			try(r);
		}
}

void
proxied_free(struct proxied *x)
{
	if (x == NULL)
		return;
	proxied_refuse(x, NULL);
	proxied_keep(x, false);
	aide_fini(&x->aide);
	free(x);
}

/* ---- from dispatch ---- */

enum proxied_peer
proxied_judge(const struct service *s, const struct arrival *a)
{
	struct access from = { .allow = s->proxy.from };

	if (!s->proxy.from.set)
		return PROXIED_DIRECT;
	if (access_passes(&from, &a->peer, a->uid, NULL, 0))
		return PROXIED_HEADER;
	return s->proxy.direct ? PROXIED_DIRECT : PROXIED_REFUSED;
}

bool
proxied_take(struct pool_service *ps, const struct arrival *a, const struct addr *local)
{
	struct proxied *x = ps->pool->proxied;
	struct loop *loop = x->pool->loop;
	struct reading *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return false;
	*r = (struct reading){ .proxied = x, .service = ps, .number = ++x->next_number,
		.arrival = *a, .local = *local, .tuple_peer = a->peer, .tuple_local = *local,
		.unsent = true, .began_ns = loop_now(loop) };
	TAILQ_INSERT_TAIL(&x->list, r, next);
	TAILQ_INSERT_TAIL(&x->unsent, r, next_unsent);
	LIST_INSERT_HEAD(&x->bucket[r->number % BUCKETS], r, next_bucket);
	loop_arm(loop, &r->deadline, loop_now(loop) + DEADLINE_NS, deadline_due, r);
	ps->reading++;
	/* the next one is under way */
	if (!loop_armed(&x->again))
		begin(x);
	send_all(x);
	return true;
}
