#include "recent.h"

#include <stdbool.h>
#include <string.h>

/* An address without its port, in place. */
static void
strip_port(char *peer)
{
	char *colon = strrchr(peer, ':'), *bracket = strrchr(peer, ']');

	if (colon == NULL || strncmp(peer, "uid:", 4) == 0 || strchr(peer, '/') != NULL)
		return;
	if (bracket == NULL) {
		/* more than one: an IPv6 address without a port */
		if (strchr(peer, ':') == colon)
			*colon = '\0';
		return;
	}
	*bracket = '\0';
	memmove(peer, peer + 1, strlen(peer));
}

static void
count_up(json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	(void)json_object_set_new(object, key, json_integer(n + 1));
}

/* The burst of its service; NULL: it has begun with a later event. */
static json_t *
burst_of(json_t *all, const struct stats_event *e, int64_t now_ns)
{
	json_t *b = json_object_get(all, e->service);
	double since = (double)(now_ns - e->realtime_ns) / 1e9, gap = (double)RECENT_GAP_NS / 1e9;

	if (b == NULL) {
		b = json_pack("{s:i,s:f,s:b,s:{},s:{}}", "count", 0, "seconds", 0.0, "more", 0,
		    "reasons", "sources");
		if (b == NULL || json_object_set_new(all, e->service, b) != 0)
			return NULL;
	}
	/* a clock that was set back makes no pause */
	if (json_object_get(b, "begun") != NULL ||
	    since - json_real_value(json_object_get(b, "seconds")) > gap) {
		(void)json_object_set_new(b, "begun", json_true());
		return NULL;
	}
	(void)json_object_set_new(b, "seconds", json_real(since > 0 ? since : 0));
	return b;
}

static void
add(json_t *all, struct stats_event *e, int64_t now_ns)
{
	json_t *b = burst_of(all, e, now_ns);

	if (b == NULL)
		return;
	count_up(b, "count");
	if (e->reason < ADMIT_VERDICTS)
		count_up(json_object_get(b, "reasons"), admit_word(e->reason));
	strip_port(e->peer);
	if (e->peer[0] != '\0')
		count_up(json_object_get(b, "sources"), e->peer);
}

/* The source with the most refusals, taken out. */
static json_t *
take_most(json_t *sources)
{
	const char *source, *most = NULL;
	json_t *count, *row;
	json_int_t best = 0;

	json_object_foreach(sources, source, count) {
		if (json_integer_value(count) > best) {
			best = json_integer_value(count);
			most = source;
		}
	}
	if (most == NULL)
		return NULL;
	row = json_pack("{s:s,s:I}", "source", most, "count", best);
	(void)json_object_del(sources, most);
	return row;
}

static void
finish(json_t *b, bool ring_is_full)
{
	json_t *sources = json_incref(json_object_get(b, "sources")), *list = json_array(), *row;

	(void)json_object_set_new(b, "of", json_integer((json_int_t)json_object_size(sources)));
	while (json_array_size(list) < RECENT_SOURCES && (row = take_most(sources)) != NULL)
		(void)json_array_append_new(list, row);
	json_decref(sources);
	(void)json_object_set_new(b, "sources", list);
	(void)json_object_set_new(b, "more", json_boolean(ring_is_full &&
	    json_object_get(b, "begun") == NULL));
	(void)json_object_del(b, "begun");
}

json_t *
recent_refusals(const struct stats *s, int64_t now_ns)
{
	uint64_t next = s->head->next_event, oldest = next > STATS_EVENTS ? next - STATS_EVENTS : 1;
	json_t *all = json_object(), *b;
	const char *service;
	struct stats_event e;
	void *after;

	for (uint64_t n = next; n > oldest; n--)
		if (stats_event(s, n - 1, &e) && e.what == STATS_REFUSE)
			add(all, &e, now_ns);
	json_object_foreach_safe(all, after, service, b) {
		if (json_integer_value(json_object_get(b, "count")) == 0)
			(void)json_object_del(all, service);
		else
			finish(b, oldest > 1);
	}
	return all;
}
