#include "stats.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "berthst1"
#define PAGE 4096

static const char *const whats[STATS_WHATS] = {
	[STATS_NOTHING] = "", [STATS_START] = "start", [STATS_EXIT] = "exit",
	[STATS_REFUSE] = "refuse", [STATS_FAIL] = "fail", [STATS_EVICT] = "evict",
};

_Static_assert(sizeof(struct stats_head) <= PAGE, "the head is a page");
_Static_assert(sizeof(struct stats_event) * STATS_EVENTS % PAGE == 0, "slots begin on a page");

size_t
stats_bytes(size_t slots)
{
	return PAGE + sizeof(struct stats_event) * STATS_EVENTS + slots * sizeof(struct stats_slot);
}

struct stats
stats_parts(void *base, size_t room)
{
	char *at = base;

	return (struct stats){ .head = base, .event = (void *)(at + PAGE),
		.slot = (void *)(at + stats_bytes(0)), .room = room };
}

static void
say(char *layout, const char *word)
{
	strlcat(layout, word, STATS_LAYOUT);
	strlcat(layout, " ", STATS_LAYOUT);
}

static void
describe(char *layout)
{
	char size[32];

	layout[0] = '\0';
	for (unsigned i = 0; i < ADMIT_VERDICTS; i++)
		say(layout, admit_word(i));
	say(layout, ";");
	for (unsigned i = 0; i < CAUSES; i++)
		say(layout, cause_word(i));
	say(layout, ";");
	for (unsigned i = 0; i < STATS_WHATS; i++)
		say(layout, whats[i]);
	snprintf(size, sizeof(size), "; %zu", sizeof(struct stats_counters));
	say(layout, size);
}

void
stats_init(struct stats_head *h)
{
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->head_bytes = PAGE;
	h->event_bytes = sizeof(struct stats_event);
	h->slot_bytes = sizeof(struct stats_slot);
	h->events = STATS_EVENTS;
	describe(h->layout);
	h->next_connection = h->next_event = 1;
}

bool
stats_check(const struct stats_head *h, size_t bytes, struct diag *why)
{
	char layout[STATS_LAYOUT];

	if (bytes < stats_bytes(0) || memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0) {
		diag_set(why, "is not a statistics file of berth");
		return false;
	}
	describe(layout);
	if (h->head_bytes != PAGE || h->event_bytes != sizeof(struct stats_event) ||
	    h->slot_bytes != sizeof(struct stats_slot) || h->events != STATS_EVENTS ||
	    strncmp(h->layout, layout, sizeof(layout)) != 0) {
		diag_set(why, "was written by another version of berthd");
		return false;
	}
	if (h->slots > STATS_SLOTS || bytes < stats_bytes(h->slots)) {
		diag_set(why, "is %zu bytes, too short for %llu services", bytes,
		    (unsigned long long)h->slots);
		return false;
	}
	return true;
}

uint64_t
stats_open(const struct stats_counters *c)
{
	uint64_t done = c->ended + c->failed;

	for (size_t i = 0; i < ADMIT_VERDICTS; i++)
		done += c->refused[i];
	return c->accepted - done;
}

/* Its berthd may have been killed between two counts of one connection. */
static uint64_t
settle_one(struct stats_counters *c)
{
	uint64_t lost = stats_open(c), known = 0;

	/* it was refused or ended, and not yet accepted */
	if (lost > INT64_MAX) {
		c->accepted -= lost;
		lost = 0;
	}
	c->ended += lost;
	/* it was ended, and not yet by a cause; or the other way round */
	for (size_t i = 0; i < CAUSES; i++)
		known += i != CAUSE_LOST ? c->cause[i] : 0;
	if (known <= c->ended)
		c->cause[CAUSE_LOST] = c->ended - known;
	return lost;
}

uint64_t
stats_settle(struct stats *s)
{
	uint64_t all = 0, newest = 0;

	for (size_t i = 0; i < s->head->slots; i++) {
		s->slot[i].name[STATS_NAME - 1] = '\0';
		all += settle_one(&s->slot[i].count);
	}
	for (size_t i = 0; i < STATS_EVENTS; i++)
		if (s->event[i].number > newest)
			newest = s->event[i].number;
	s->head->next_event = newest + 1;
	if (s->head->next_connection == 0)
		s->head->next_connection = 1;
	s->head->active = 0;
	return all;
}

void
stats_record(struct stats *s, const struct stats_event *e)
{
	uint64_t number = s->head->next_event++;
	struct stats_event *at = &s->event[number % STATS_EVENTS];

	/* a reader looks at the number before and after it has copied */
	__atomic_store_n(&at->number, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy((char *)at + sizeof(at->number), (const char *)e + sizeof(e->number),
	    sizeof(*e) - sizeof(e->number));
	__atomic_store_n(&at->number, number, __ATOMIC_RELEASE);
}

bool
stats_event(const struct stats *s, uint64_t number, struct stats_event *out)
{
	const struct stats_event *at = &s->event[number % STATS_EVENTS];

	if (number == 0 || __atomic_load_n(&at->number, __ATOMIC_ACQUIRE) != number)
		return false;
	*out = *at;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&at->number, __ATOMIC_RELAXED) != number)
		return false;
	out->service[STATS_NAME - 1] = out->peer[STATS_PEER - 1] = '\0';
	return true;
}

static const char *
what_word(enum stats_what what)
{
	return what < STATS_WHATS ? whats[what] : "";
}

/* ---- as JSON ---- */

static json_t *
number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static double
seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static json_t *
histogram_json(const struct histogram *h, bool buckets)
{
	json_t *all = json_null();

	if (buckets) {
		all = json_array();
		for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
			json_array_append_new(all, number(h->bucket[i]));
	}
	return json_pack("{s:o,s:f,s:f,s:f,s:f,s:o}", "count", number(h->count), "sum",
	    seconds(h->sum_ns), "mean", h->count > 0 ? seconds(h->sum_ns) / (double)h->count : 0.0,
	    "p50", seconds((uint64_t)histogram_quantile_ns(h, 500)), "p99",
	    seconds((uint64_t)histogram_quantile_ns(h, 990)), "buckets", all);
}

static json_t *
refused_json(const struct stats_counters *c)
{
	json_t *o = json_object();

	for (int v = ADMIT_OK + 1; v < ADMIT_VERDICTS; v++)
		json_object_set_new(o, admit_word((enum admit_verdict)v), number(c->refused[v]));
	return o;
}

static json_t *
causes_json(const struct stats_counters *c)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < CAUSES; i++)
		json_object_set_new(o, cause_word(i), number(c->cause[i]));
	return o;
}

static json_t *
statuses_json(const struct stats_counters *c)
{
	json_t *o = json_object();
	char key[16];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(key, sizeof(key), "%u", i);
		if (c->status[i] != 0)
			json_object_set_new(o, key, number(c->status[i]));
	}
	return o;
}

static json_t *
signals_json(const struct stats_counters *c)
{
	json_t *o = json_object();
	char key[16];

	for (unsigned i = 0; i < sizeof(c->signal) / sizeof(c->signal[0]); i++)
		if (c->signal[i] != 0)
			json_object_set_new(o, cause_signal((int)i, key, sizeof(key)), number(c->signal[i]));
	return o;
}

json_t *
stats_json(const struct stats_counters *c, bool buckets)
{
	json_t *all = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "accepted", number(c->accepted), "ended",
	    number(c->ended), "failed", number(c->failed), "evicted", number(c->evicted), "dropped",
	    number(c->dropped), "peak", number(c->peak));
	json_t *more = json_pack("{s:o,s:o,s:o,s:o,s:{s:f,s:f},s:o,s:o,s:o,s:{s:o,s:o,s:o}}", "refused",
	    refused_json(c), "causes", causes_json(c), "statuses", statuses_json(c), "signals",
	    signals_json(c), "cpu", "user", seconds(c->cpu_user_ns), "system", seconds(c->cpu_system_ns),
	    "max_rss", number(c->max_rss_bytes), "received", number(c->received), "sent",
	    number(c->sent), "histograms", "queue_wait", histogram_json(&c->queue_wait, buckets),
	    "spawn", histogram_json(&c->spawn, buckets), "lifetime",
	    histogram_json(&c->lifetime, buckets));

	json_object_update_new(all, more);
	return all;
}

static json_t *
text(const char *s, size_t size)
{
	size_t len = strnlen(s, size);
	json_t *j = len > 0 ? json_stringn(s, len) : json_null();

	return j != NULL ? j : json_string("(not UTF-8)");
}

json_t *
stats_event_json(const struct stats_event *e)
{
	bool exits = e->what == STATS_EXIT;
	char key[16];

	return json_pack("{s:o,s:f,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "number",
	    number(e->number), "time", (double)e->realtime_ns / 1e9, "event",
	    what_word(e->what), "service", text(e->service, STATS_NAME), "connection",
	    e->connection != 0 ? number(e->connection) : json_null(), "pid",
	    e->pid != 0 ? number(e->pid) : json_null(), "peer", text(e->peer, STATS_PEER), "reason",
	    e->what == STATS_REFUSE && e->reason < ADMIT_VERDICTS ? json_string(admit_word(e->reason))
								   : json_null(),
	    "cause", exits && e->cause < CAUSES ? json_string(cause_word(e->cause)) : json_null(),
	    "status", exits && e->signal == 0 ? number(e->status) : json_null(), "signal",
	    exits && e->signal != 0 ? json_string(cause_signal(e->signal, key, sizeof(key)))
				    : json_null(),
	    "duration", exits ? json_real(seconds((uint64_t)e->duration_ns)) : json_null());
}
