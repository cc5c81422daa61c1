#include "totals.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

const char *const totals_states[] = { "open", "waiting", "paused", "drained", "draining", "invalid",
	"disabled", "removed", NULL };

static long long
number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* A berthd that is none may have counts of any size. */
void
totals_add(long long *sum, long long n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = n > 0 ? LLONG_MAX : LLONG_MIN;
}

size_t
totals_in_state(const json_t *services, const char *state)
{
	const json_t *s;
	size_t n = 0, i;

	json_array_foreach(services, i, s) {
		const char *its = json_string_value(json_object_get(s, "state"));

		n += its != NULL && strcmp(its, state) == 0;
	}
	return n;
}

const char *
totals_states_text(const json_t *services, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t k = 0; totals_states[k] != NULL; k++) {
		size_t n = totals_in_state(services, totals_states[k]);

		if (n > 0)
			text_append(buf, size, "%s%zu %s", buf[0] != '\0' ? ", " : "", n, totals_states[k]);
	}
	return buf;
}

long long
totals_sum(const json_t *object)
{
	long long sum = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
		totals_add(&sum, json_integer_value(value));
	return sum;
}

const char *
totals_next(const json_t *counts, const char *after)
{
	long long last = after == NULL ? LLONG_MAX : number(counts, after);
	const char *key, *best = NULL;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)counts, key, value) {
		long long count = json_integer_value(value), most = best == NULL ? 0 : number(counts, best);

		if (count > last || (count == last && after != NULL && strcmp(key, after) <= 0))
			continue;
		if (count > most || (count == most && best != NULL && strcmp(key, best) < 0))
			best = key;
	}
	return best;
}

const char *
totals_counts_text(const json_t *counts, char *buf, size_t size)
{
	const char *key = NULL, *sep = "";

	buf[0] = '\0';
	while ((key = totals_next(counts, key)) != NULL) {
		text_append(buf, size, "%s%s %lld", sep, key, number(counts, key));
		sep = ", ";
	}
	return buf;
}

long long
totals_queue(const json_t *endpoints)
{
	const json_t *e, *queue;
	long long sum = -1;
	size_t i;

	json_array_foreach(endpoints, i, e) {
		queue = json_object_get(e, "queue");
		if (!json_is_integer(queue))
			continue;
		if (sum < 0)
			sum = 0;
		totals_add(&sum, json_integer_value(queue));
	}
	return sum;
}

struct totals
totals_make(const json_t *services)
{
	struct totals t = { 0 };
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s) {
		totals_add(&t.accepted, number(s, "accepted"));
		totals_add(&t.pending, number(s, "pending"));
		totals_add(&t.active, number(s, "active"));
		totals_add(&t.ended, number(s, "ended"));
		totals_add(&t.failed, number(s, "failed"));
		totals_add(&t.evicted, number(s, "evicted"));
		totals_add(&t.refused, totals_sum(json_object_get(s, "refused")));
	}
	return t;
}
