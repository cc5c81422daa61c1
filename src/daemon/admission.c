#include "admission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/overflow.h"
#include "../pure/scalar.h"
#include "../sys/log.h"
#include "child.h"
#include "listener.h"

#define OPEN_WINDOW_NS 60000000000LL

struct source
admission_source(const struct service *s, const struct admission_client *who)
{
	return source_of(who->peer, who->uid, s->limits.source_prefix.ipv4,
	    s->limits.source_prefix.ipv6);
}

static bool
has_penalties(const struct service *s)
{
	return s->penalties.signal_ns != 0 || s->penalties.first_byte_ns != 0 ||
	    s->penalties.exit_ns != NULL;
}

bool
admission_has_history(const struct service *s)
{
	return s->limits.connections_per_source != 0 || s->limits.rate_per_source.count != 0 ||
	    has_penalties(s);
}

struct admit_source_facts
admission_facts(const struct pool_service *ps, const struct admission_client *who)
{
	const struct service *s = ps->service;
	struct admit_source_facts f = { .access = &s->access, .peer = who->peer, .uid = who->uid,
		.limit = s->limits.connections_per_source, .now_ns = loop_now(ps->pool->loop) };
	struct source source;

	if (!admission_has_history(s))
		return f;
	source = admission_source(s, who);
	f.entry = peers_find(ps->pool->peers, ps->number, &source);
	f.rate = s->limits.rate_per_source.count != 0 ? &s->limits.rate_per_source : NULL;
	f.threshold_ns = has_penalties(s) ? s->penalties.threshold_ns : 0;
	return f;
}

/* The table is full of busy sources: say so, once a minute. */
static void
note_open(struct pool *p)
{
	uint64_t now = peers_failed_open(p->peers), summary;

	if (now == p->failed_open)
		return;
	if (ratelog_allow(&p->open_rate, 1, OPEN_WINDOW_NS, loop_now(p->loop), &summary))
		log_message(RECORD_WARNING, "warning", "the table of sources is full: %llu "
		    "connections so far were judged without their history",
		    (unsigned long long)now);
	p->failed_open = now;
}

static struct peer *
entry_of(struct pool_service *ps, const struct admission_client *who)
{
	struct pool *p = ps->pool;
	struct source source;
	struct peer *entry;

	if (ps->service == NULL || !admission_has_history(ps->service))
		return NULL;
	source = admission_source(ps->service, who);
	entry = peers_get(p->peers, ps->number, &source, loop_now(p->loop));
	note_open(p);
	return entry;
}

struct peer *
admission_charge(struct pool_service *ps, const struct admission_client *who, bool rate_taken)
{
	const struct service *s = ps->service;
	struct admit_cost cost = { .entry = entry_of(ps, who),
		.rate_per_source = s->limits.rate_per_source.count != 0
		    ? &s->limits.rate_per_source : NULL,
		.bucket = &ps->bucket, .rate = s->limits.rate.count != 0 && !rate_taken ? &s->limits.rate : NULL,
		.now_ns = loop_now(ps->pool->loop) };

	admit_charge(&cost);
	return cost.entry;
}

void
admission_take_rate(struct pool_service *ps)
{
	const struct bucket_rate *rate = &ps->service->limits.rate;

	if (rate->count == 0)
		return;
	bucket_charge(&ps->bucket, rate, loop_now(ps->pool->loop));
	pool_touch(ps);
}

struct peer *
admission_hold(struct pool_service *ps, const struct admission_client *who)
{
	struct peer *entry = entry_of(ps, who);

	peers_hold(entry);
	return entry;
}

/* ---- penalties ---- */

static void
log_penalty(const struct pool_service *ps, const struct peer *entry, int64_t balance_ns)
{
	char text[SOURCE_TEXT_MAX];
	struct record r;

	record_init(&r, RECORD_NOTICE, "penalty");
	record_text(&r, "service", ps->name);
	if (ps->service->log.peer != SPEC_PEER_NONE)
		record_text(&r, "source", source_format(&entry->source, text, sizeof(text)));
	record_seconds(&r, "balance", balance_ns);
	log_record(&r);
}

void
admission_penalise(struct pool_service *ps, struct peer *entry,
    const struct admission_client *who, int64_t add_ns)
{
	int64_t now = loop_now(ps->pool->loop), before, after;
	const struct service *s = ps->service;

	if (add_ns == 0 || s == NULL)
		return;
	if (entry == NULL && (entry = entry_of(ps, who)) == NULL)
		return;
	before = peers_balance_ns(entry, now);
	peers_penalise(entry, add_ns, s->penalties.max_ns, now);
	after = peers_balance_ns(entry, now);
	if (before < s->penalties.threshold_ns && after >= s->penalties.threshold_ns &&
	    pool_may_log(ps, POOL_PENALTY))
		log_penalty(ps, entry, after);
}

struct gathering {
	struct pool *pool;
	const struct pool_service *only;	/* NULL: all */
	const struct source *within;		/* NULL: all */
	struct pool_service **by_number;	/* sorted */
	size_t count;
	unsigned forgiven;
	json_t *list;
};

static int
by_number(const void *a, const void *b)
{
	const struct pool_service *x = *(struct pool_service *const *)a;
	const struct pool_service *y = *(struct pool_service *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void
gather(struct pool *p, struct gathering *g, void (*seen)(void *arg, struct peer *entry))
{
	struct pool_service *ps;
	size_t room = 0;

	g->pool = p;
	TAILQ_FOREACH(ps, &p->services, next)
		room++;
	g->by_number = calloc(room + 1, sizeof(ps));
	if (g->by_number == NULL)
		return;
	TAILQ_FOREACH(ps, &p->services, next)
		g->by_number[g->count++] = ps;
	qsort(g->by_number, g->count, sizeof(ps), by_number);
	peers_each(p->peers, seen, g);
	free(g->by_number);
}

/* The service of an entry that has a balance and is asked for; NULL: passed over. */
static struct pool_service *
owner_of(const struct gathering *g, const struct peer *entry)
{
	struct pool_service key = { .number = entry->service }, *k = &key, **found;

	if (peers_balance_ns(entry, loop_now(g->pool->loop)) == 0)
		return NULL;
	if (g->within != NULL && !source_within(&entry->source, g->within) &&
	    !source_within(g->within, &entry->source))
		return NULL;
	found = bsearch(&k, g->by_number, g->count, sizeof(k), by_number);
	if (found == NULL || (g->only != NULL && *found != g->only) || (*found)->service == NULL)
		return NULL;
	return *found;
}

static void
list_penalty(void *arg, struct peer *entry)
{
	struct gathering *g = arg;
	const struct pool_service *ps = owner_of(g, entry);
	int64_t balance = peers_balance_ns(entry, loop_now(g->pool->loop));
	char text[SOURCE_TEXT_MAX];

	if (ps == NULL)
		return;
	json_array_append_new(g->list, json_pack("{s:s,s:s,s:f,s:f,s:b,s:I}", "service", ps->name,
	    "source", source_format(&entry->source, text, sizeof(text)), "balance",
	    (double)balance / 1e9, "threshold", (double)ps->service->penalties.threshold_ns / 1e9,
	    "refused", balance >= ps->service->penalties.threshold_ns, "live",
	    (json_int_t)entry->live));
}

static void
forgive(void *arg, struct peer *entry)
{
	struct gathering *g = arg;

	if (owner_of(g, entry) == NULL)
		return;
	entry->balance_ns = 0;
	g->forgiven++;
}

json_t *
admission_penalties(struct pool *p, const struct pool_service *service)
{
	struct gathering g = { .only = service, .list = json_array() };

	gather(p, &g, list_penalty);
	return json_pack("{s:o,s:I}", "penalties", g.list, "failed_open",
	    (json_int_t)peers_failed_open(p->peers));
}

unsigned
admission_forgive(struct pool *p, const struct pool_service *service,
    const struct source *within)
{
	struct gathering g = { .only = service, .within = within };

	gather(p, &g, forgive);
	return g.forgiven;
}

/* ---- explain ---- */

struct explanation {
	json_t *checks;
	enum admit_verdict verdict;	/* of the first that did not pass */
	char rule[ADMIT_RULE_MAX];	/* ... and its text */
	bool closed;			/* nobody can connect at all */
};

static void
check(struct explanation *x, const char *name, enum admit_verdict v, const char *rule)
{
	if (!x->closed && x->verdict == ADMIT_OK && v != ADMIT_OK) {
		x->verdict = v;
		strlcpy(x->rule, rule, sizeof(x->rule));
	}
	json_array_append_new(x->checks, json_pack("{s:s,s:s,s:s}", "check", name, "verdict",
	    v == ADMIT_OK ? "passes" : admit_word(v), "rule", rule));
}

/* One rule of the source alone, so that each shows what it says. */
static void
check_source(struct explanation *x, const char *name, struct admit_source_facts f,
    const char *passes)
{
	enum admit_verdict v = admit_source(&f);
	char rule[ADMIT_RULE_MAX];

	check(x, name, v, v == ADMIT_OK ? passes : admit_source_rule(&f, rule, sizeof(rule)));
}

static void
explain_source(struct explanation *x, const struct service *s, const struct admit_source_facts *f)
{
	struct admit_source_facts one;
	char text[ADMIT_RULE_MAX], a[SCALAR_DURATION_MAX], b[SCALAR_RATE_MAX];

	access_passes(f->access, f->peer, f->uid, text, sizeof(text));
	one = (struct admit_source_facts){ .access = f->access, .peer = f->peer, .uid = f->uid };
	check_source(x, "access", one, text);
	one = *f;
	one.access = NULL;
	one.limit = 0;
	one.rate = NULL;
	if (f->threshold_ns != 0) {
		scalar_format_duration(peers_balance_ns(f->entry, f->now_ns), a, sizeof(a));
		snprintf(text, sizeof(text), "the balance is %s", a);
		check_source(x, "penalties", one, text);
	}
	one.threshold_ns = 0;
	if ((one.limit = f->limit) != 0) {
		snprintf(text, sizeof(text), "%u of %u live", f->entry != NULL ? f->entry->live : 0,
		    f->limit);
		check_source(x, "connections_per_source", one, text);
	}
	one.limit = 0;
	if ((one.rate = f->rate) != NULL) {
		snprintf(text, sizeof(text), "within %s",
		    scalar_format_rate(&s->limits.rate_per_source, b, sizeof(b)));
		check_source(x, "rate_per_source", one, text);
	}
}

static void
check_service(struct explanation *x, const char *name, struct admit_service_facts f,
    const char *passes)
{
	enum admit_verdict v = admit_service(&f);
	char rule[ADMIT_RULE_MAX];

	check(x, name, v, v == ADMIT_OK ? passes : admit_service_rule(&f, rule, sizeof(rule)));
}

static void
explain_service(struct explanation *x, const struct admit_service_facts *f)
{
	struct admit_service_facts one = { .paused = f->paused, .now_ns = f->now_ns };
	char text[ADMIT_RULE_MAX], rate[SCALAR_RATE_MAX];

	check_service(x, "pause", one, "the service is not paused");
	one.paused = false;
	one.throttled = f->throttled;
	check_service(x, "throttle", one, "the service is not at fault");
	one.throttled = false;
	if (f->rate != NULL) {
		one.bucket = f->bucket;
		one.rate = f->rate;
		snprintf(text, sizeof(text), "within %s",
		    scalar_format_rate(f->rate, rate, sizeof(rate)));
		check_service(x, "rate", one, text);
		one.rate = NULL;
	}
	if (f->load_max > 0) {
		one.load = f->load;
		one.load_max = f->load_max;
		snprintf(text, sizeof(text), "%.2f, below %g", f->load, f->load_max);
		check_service(x, "load", one, text);
		one.load_max = 0;
	}
	if ((one.limit = f->limit) != 0) {
		one.active = f->active;
		snprintf(text, sizeof(text), "%u of %u live", f->active, f->limit);
		check_service(x, "connections", one, text);
	}
}

static void
explain_pool(struct explanation *x, const struct admit_pool_facts *f)
{
	enum admit_verdict v = admit_pool(f);
	char text[ADMIT_RULE_MAX];

	if (v == ADMIT_OK)
		snprintf(text, sizeof(text), "%u of %u live", f->active, f->limit);
	else
		admit_pool_rule(f, text, sizeof(text));
	check(x, "pool", v, text);
}

/* Can it be reached at all?  NULL: yes; else why not. */
static const char *
why_closed(const struct pool_service *ps)
{
	const struct listener *l;

	if (ps->pool->draining)
		return "berthd is stopping";
	if (ps->removed)
		return "its file is gone";
	if (!ps->service->enabled)
		return "it is disabled: \"enabled\" of its file is false";
	if (ps->disabled)
		return "it is disabled: see berthctl enable";
	if (ps->drained)
		return "it is drained: see berthctl resume";
	TAILQ_FOREACH(l, &ps->listeners, next)
		if (listener_is_open(l))
			return NULL;
	return "none of its endpoints is open";
}

static void
explain_endpoints(struct explanation *x, const struct pool_service *ps)
{
	const char *closed = why_closed(ps);

	if (closed == NULL) {
		check(x, "endpoints", ADMIT_OK, "open");
		return;
	}
	x->closed = true;
	strlcpy(x->rule, closed, sizeof(x->rule));
	json_array_append_new(x->checks, json_pack("{s:s,s:s,s:s}", "check", "endpoints",
	    "verdict", "closed", "rule", closed));
}

static bool
is_of_source(enum admit_verdict v)
{
	return v == ADMIT_DENIED || v == ADMIT_PENALTY || v == ADMIT_SOURCE_FULL ||
	    v == ADMIT_SOURCE_RATE;
}

/* What the chain would do with a connection that arrives now: "waits ...", or "is ...". */
static const char *
describe_chain(const struct service *s, enum admit_verdict v, char *buf, size_t size)
{
	static const char *const ends[] = { [OVERFLOW_HOLD] = "waits", [OVERFLOW_REFUSE] = "is reset",
		[OVERFLOW_BANNER] = "is sent the banner and closed" };
	struct overflow_facts f = { .step = s->limits.overflow, .count = s->limits.noverflow,
		.verdict = v };
	struct overflow o = overflow_decide(&f);
	char wait[SCALAR_DURATION_MAX];
	size_t len = 0;

	if (o.action == OVERFLOW_EVICT) {
		len = (size_t)snprintf(buf, size, "takes the place of an idle connection; if there is none, ");
		f.tried = true;
		o = overflow_decide(&f);
	}
	while (o.action == OVERFLOW_HOLD && o.hold_ns != 0 && len < size) {
		len += (size_t)snprintf(buf + len, size - len, "waits up to %s, then ",
		    scalar_format_duration(o.hold_ns, wait, sizeof(wait)));
		f.age_ns = o.hold_ns;
		o = overflow_decide(&f);
		if (o.action != OVERFLOW_EVICT)
			continue;
		len += (size_t)snprintf(buf + len, size - len, "takes the place of an idle connection or ");
		f.tried = true;
		o = overflow_decide(&f);
	}
	if (len < size)
		snprintf(buf + len, size - len, "%s", ends[o.action]);
	return buf;
}

static bool
is_refused(const struct service *s, enum admit_verdict v)
{
	struct overflow_facts f = { .step = s->limits.overflow, .count = s->limits.noverflow,
		.verdict = v };
	struct overflow o = overflow_decide(&f);

	return is_of_source(v) || o.action == OVERFLOW_REFUSE || o.action == OVERFLOW_BANNER;
}

json_t *
admission_explain(const struct pool_service *ps, const struct admission_client *who)
{
	struct explanation x = { .checks = json_array() };
	const struct service *s = ps->service;
	struct source source = admission_source(s, who);
	struct admit_source_facts f = admission_facts(ps, who);
	struct admit_service_facts sf = pool_service_facts(ps);
	struct admit_pool_facts pf = pool_facts(ps);
	char text[SOURCE_TEXT_MAX], peer[ADDR_TEXT_MAX], then[256];
	const char *verdict = "admitted";

	explain_endpoints(&x, ps);
	explain_source(&x, s, &f);
	explain_service(&x, &sf);
	explain_pool(&x, &pf);
	snprintf(then, sizeof(then), "is served");
	if (x.closed) {
		verdict = "refused";
		snprintf(then, sizeof(then), "cannot connect");
	} else if (x.verdict != ADMIT_OK) {
		verdict = is_refused(s, x.verdict) ? "refused" : "waits";
		if (is_of_source(x.verdict))
			snprintf(then, sizeof(then), "is reset");
		else
			describe_chain(s, x.verdict, then, sizeof(then));
	}
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "service", ps->name, "peer",
	    child_peer_host(who->peer, who->uid, peer, sizeof(peer)), "source",
	    source_format(&source, text, sizeof(text)), "verdict", verdict, "reason",
	    x.closed ? "closed" : admit_word(x.verdict), "rule", x.rule, "then", then, "checks", x.checks);
}
