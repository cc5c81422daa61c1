#include "account.h"

#include <string.h>

#include "../sys/log.h"

static struct stats_event
event_of(const struct pool_service *ps, enum stats_what what)
{
	struct stats_event e = { .what = (uint8_t)what, .realtime_ns = log_realtime_ns() };

	strlcpy(e.service, ps->name, sizeof(e.service));
	return e;
}

static struct stats_event
event_of_child(const struct child *c, enum stats_what what)
{
	struct stats_event e = event_of(c->service, what);
	char peer[ADDR_TEXT_MAX];
	const char *text = child_log_peer(c->version, &c->peer, c->peer_uid, peer, sizeof(peer));

	e.connection = c->connection;
	e.pid = (uint32_t)c->pid;
	if (text != NULL)
		strlcpy(e.peer, text, sizeof(e.peer));
	return e;
}

static void
record(const struct pool_service *ps, const struct stats_event *e)
{
	stats_record(ps->pool->stats, e);
}

void
account_start(const struct child *c)
{
	struct stats_event e = event_of_child(c, STATS_START);

	record(c->service, &e);
}

static uint64_t
ns_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_usec * 1000;
}

void
account_exit(const struct child *c, const siginfo_t *si, const struct rusage *used,
    int64_t lived_ns)
{
	struct stats_event e = event_of_child(c, STATS_EXIT);
	struct stats_counters *n = c->service->count;
	uint64_t rss = (uint64_t)used->ru_maxrss * 1024;

	e.cause = (uint8_t)c->cause;
	e.duration_ns = lived_ns;
	n->ended++;
	n->cause[c->cause]++;
	if (si->si_code == CLD_EXITED) {
		e.status = (uint8_t)si->si_status;
		n->status[e.status]++;
	} else {
		e.signal = (uint8_t)si->si_status;
		n->signal[e.signal % (sizeof(n->signal) / sizeof(n->signal[0]))]++;
	}
	n->cpu_user_ns += ns_of(&used->ru_utime);
	n->cpu_system_ns += ns_of(&used->ru_stime);
	if (rss > n->max_rss_bytes)
		n->max_rss_bytes = rss;
	if (c->tuple_peer.u.sa.sa_family != AF_UNIX || c->carry != NULL) {
		n->received += c->seen.received;
		n->sent += c->seen.acked;
	}
	histogram_add(&n->lifetime, lived_ns);
	record(c->service, &e);
}

void
account_failure(const struct child *c)
{
	struct stats_event e = event_of_child(c, STATS_FAIL);

	record(c->service, &e);
}

void
account_eviction(const struct child *c)
{
	struct stats_event e = event_of_child(c, STATS_EVICT);

	c->service->count->evicted++;
	record(c->service, &e);
}

void
account_refusal(const struct pool_service *ps, const struct arrival *a, enum admit_verdict reason)
{
	struct stats_event e = event_of(ps, STATS_REFUSE);
	const char *text = NULL;
	char peer[ADDR_TEXT_MAX];

	if (ps->service != NULL)
		text = child_log_peer(ps->service, &a->peer, a->uid, peer, sizeof(peer));
	if (text != NULL)
		strlcpy(e.peer, text, sizeof(e.peer));
	e.reason = (uint8_t)reason;
	ps->count->refused[reason]++;
	record(ps, &e);
}
