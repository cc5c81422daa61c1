#include "monitor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS 128	/* of one part: a few hundred microseconds */

struct monitor {
	const struct stats *stats;
	char *service;		/* owned; NULL: all */
	uint64_t next;		/* the first event that was not looked at */
	bool begun;		/* a part was sent */
};

static uint64_t
oldest(const struct monitor *m)
{
	uint64_t end = m->stats->head->next_event;

	return end > STATS_EVENTS ? end - STATS_EVENTS : 1;
}

/* The event of this number, where it is one for this client. */
static bool
wanted(const struct monitor *m, uint64_t number, struct stats_event *e)
{
	return stats_event(m->stats, number, e) &&
	    (m->service == NULL || strcmp(m->service, e->service) == 0);
}

/* Where so many of its events begin. */
static uint64_t
before(const struct monitor *m, uint64_t past)
{
	uint64_t at = m->stats->head->next_event, first = oldest(m);
	struct stats_event e;

	while (past > 0 && at > first)
		past -= wanted(m, --at, &e);
	return at;
}

/* How many the ring has lost since the last look; the cursor is on one that is there. */
static uint64_t
catch_up(struct monitor *m)
{
	uint64_t lost, first = oldest(m);

	if (m->next >= first)
		return 0;
	lost = first - m->next;
	m->next = first;
	return lost;
}

static json_t *
collect(struct monitor *m)
{
	uint64_t end = m->stats->head->next_event;
	json_t *events = json_array();
	struct stats_event e;

	for (; m->next < end && json_array_size(events) < EVENTS; m->next++)
		if (wanted(m, m->next, &e))
			json_array_append_new(events, stats_event_json(&e));
	return events;
}

static bool
more(struct client *c, void *arg)
{
	struct monitor *m = arg;
	uint64_t lost = catch_up(m);
	json_t *events;

	if (m->begun && m->next == m->stats->head->next_event)
		return false;
	events = collect(m);
	if (m->begun && lost == 0 && json_array_size(events) == 0) {
		json_decref(events);
		return false;
	}
	m->begun = true;
	client_part(c, json_pack("{s:o,s:I}", "events", events, "lost", (json_int_t)lost));
	return m->next < m->stats->head->next_event;
}

static void
end(struct client *c, void *arg)
{
	struct monitor *m = arg;

	(void)c;
	free(m->service);
	free(m);
}

static const struct client_work monitoring = { more, end };

void
monitor_begin(struct client *c, const struct wire_call *call, const struct stats *s,
    const char *service, uint64_t past)
{
	struct monitor *m = calloc(1, sizeof(*m));

	assert(m != NULL);
	m->stats = s;
	if (service != NULL) {
		m->service = strdup(service);
		assert(m->service != NULL);
	}
	m->next = before(m, past);
	client_begin(c, call, &monitoring, m);
}
