#include "admit.h"

#include <assert.h>
#include <stdio.h>

#include "scalar.h"

static const char *const words[ADMIT_VERDICTS] = {
	[ADMIT_OK] = "ok",
	[ADMIT_DENIED] = "denied",
	[ADMIT_PENALTY] = "penalty",
	[ADMIT_SOURCE_FULL] = "source-full",
	[ADMIT_SOURCE_RATE] = "source-rate",
	[ADMIT_SERVICE_FULL] = "service-full",
	[ADMIT_SERVICE_RATE] = "service-rate",
	[ADMIT_POOL_FULL] = "pool-full",
	[ADMIT_LOAD] = "load",
	[ADMIT_THROTTLED] = "throttled",
	[ADMIT_PAUSED] = "paused",
	[ADMIT_DRAINING] = "draining",
	[ADMIT_RESOURCES] = "resources",
	[ADMIT_BAD_HEADER] = "bad-header",
	[ADMIT_GONE] = "gone",
};

const char *
admit_word(enum admit_verdict v)
{
	assert((unsigned)v < ADMIT_VERDICTS);
	return words[v];
}

static bool
is_spent(const struct bucket *b, const struct bucket_rate *r, int64_t now_ns)
{
	return b != NULL && r != NULL && !bucket_allows(b, r, now_ns);
}

static bool
is_loaded(double load, double max)
{
	return max > 0 && load >= max;
}

/* ---- verdicts ---- */

enum admit_verdict
admit_source(const struct admit_source_facts *f)
{
	if (f->access != NULL && !access_passes(f->access, f->peer, f->uid, NULL, 0))
		return ADMIT_DENIED;
	if (f->entry == NULL)
		return ADMIT_OK;
	if (f->threshold_ns > 0 && peers_balance_ns(f->entry, f->now_ns) >= f->threshold_ns)
		return ADMIT_PENALTY;
	if (f->limit != 0 && f->entry->live >= f->limit)
		return ADMIT_SOURCE_FULL;
	if (is_spent(&f->entry->bucket, f->rate, f->now_ns))
		return ADMIT_SOURCE_RATE;
	return ADMIT_OK;
}

enum admit_verdict
admit_service(const struct admit_service_facts *f)
{
	if (f->paused)
		return ADMIT_PAUSED;
	if (f->throttled)
		return ADMIT_THROTTLED;
	if (is_spent(f->bucket, f->rate, f->now_ns))
		return ADMIT_SERVICE_RATE;
	if (is_loaded(f->load, f->load_max))
		return ADMIT_LOAD;
	if (f->limit != 0 && f->active >= f->limit)
		return ADMIT_SERVICE_FULL;
	return ADMIT_OK;
}

enum admit_verdict
admit_pool(const struct admit_pool_facts *f)
{
	uint64_t kept = f->own_unused > 0 ? 0 : f->others_unused;

	if (f->short_of_resources)
		return ADMIT_RESOURCES;
	if (is_loaded(f->load, f->load_max))
		return ADMIT_LOAD;
	if (f->limit != 0 && f->active + kept >= f->limit)
		return ADMIT_POOL_FULL;
	return ADMIT_OK;
}

/* ---- the rules behind them ---- */

static void
rate_rule(const char *key, const struct bucket_rate *r, char *buf, size_t size)
{
	char text[SCALAR_RATE_MAX];

	snprintf(buf, size, "%s is %s, %u at once", key,
	    scalar_format_rate(r, text, sizeof(text)), r->burst);
}

static void
access_rule(const struct admit_source_facts *f, char *buf, size_t size)
{
	char text[ACCESS_TEXT_MAX];

	access_passes(f->access, f->peer, f->uid, text, sizeof(text));
	snprintf(buf, size, "access: %s", text);
}

/* The balance is rounded up: one that refuses is never said to be below the threshold. */
static void
penalty_rule(const struct admit_source_facts *f, char *buf, size_t size)
{
	char threshold[SCALAR_DURATION_MAX], balance[SCALAR_DURATION_MAX];
	int64_t ms = 1000000, ns = peers_balance_ns(f->entry, f->now_ns) + ms - 1;

	snprintf(buf, size, "penalties.threshold is %s, the balance %s",
	    scalar_format_duration(f->threshold_ns, threshold, sizeof(threshold)),
	    scalar_format_duration(ns, balance, sizeof(balance)));
}

const char *
admit_source_rule(const struct admit_source_facts *f, char *buf, size_t size)
{
	enum admit_verdict v = admit_source(f);

	assert(size > 0);
	buf[0] = '\0';
	if (v == ADMIT_DENIED)
		access_rule(f, buf, size);
	else if (v == ADMIT_PENALTY)
		penalty_rule(f, buf, size);
	else if (v == ADMIT_SOURCE_FULL)
		snprintf(buf, size, "limits.connections_per_source is %u", f->limit);
	else if (v == ADMIT_SOURCE_RATE)
		rate_rule("limits.rate_per_source", f->rate, buf, size);
	return buf;
}

const char *
admit_service_rule(const struct admit_service_facts *f, char *buf, size_t size)
{
	enum admit_verdict v = admit_service(f);

	assert(size > 0);
	buf[0] = '\0';
	if (v == ADMIT_PAUSED)
		snprintf(buf, size, "the service is paused");
	else if (v == ADMIT_THROTTLED)
		snprintf(buf, size, "the service is at fault");
	else if (v == ADMIT_SERVICE_RATE)
		rate_rule("limits.rate", f->rate, buf, size);
	else if (v == ADMIT_LOAD)
		snprintf(buf, size, "limits.load is %g, the load average %.2f", f->load_max, f->load);
	else if (v == ADMIT_SERVICE_FULL)
		snprintf(buf, size, "limits.connections is %u", f->limit);
	return buf;
}

const char *
admit_pool_rule(const struct admit_pool_facts *f, char *buf, size_t size)
{
	enum admit_verdict v = admit_pool(f);

	assert(size > 0);
	buf[0] = '\0';
	if (v == ADMIT_RESOURCES)
		snprintf(buf, size, "no descriptor, memory or process is to be had");
	else if (v == ADMIT_LOAD)
		snprintf(buf, size, "limits.load of berth.json is %g, the load average %.2f",
		    f->load_max, f->load);
	else if (v == ADMIT_POOL_FULL && f->active < f->limit)
		snprintf(buf, size, "limits.connections of berth.json is %u, and the %u places left "
		    "are reserved", f->limit, f->limit - f->active);
	else if (v == ADMIT_POOL_FULL)
		snprintf(buf, size, "limits.connections of berth.json is %u", f->limit);
	return buf;
}

/* ---- the price ---- */

void
admit_charge(const struct admit_cost *cost)
{
	peers_hold(cost->entry);
	if (cost->entry != NULL && cost->rate_per_source != NULL)
		bucket_charge(&cost->entry->bucket, cost->rate_per_source, cost->now_ns);
	if (cost->bucket != NULL && cost->rate != NULL)
		bucket_charge(cost->bucket, cost->rate, cost->now_ns);
}
