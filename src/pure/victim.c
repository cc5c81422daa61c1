#include "victim.h"

#include <assert.h>

const char *
victim_word(enum victim_state s)
{
	static const char *const words[VICTIM_STATES] = {
		[VICTIM_UNKNOWN] = "unknown",
		[VICTIM_BUSY] = "busy",
		[VICTIM_SILENT] = "silent",
		[VICTIM_DORMANT] = "dormant",
		[VICTIM_OVERDUE] = "overdue",
	};

	assert((unsigned)s < VICTIM_STATES);
	return words[s];
}

/*
 * The client has sent nothing.  What the handler said of itself may still be on its way: a greeting
 * that a client who has gone will never acknowledge is no response, but once the client has taken a
 * part, the rest is one.
 */
static enum victim_state
judge_silence(const struct victim_look *look, const struct victim_rule *rule)
{
	bool moving = look->unsent > 0 || look->unacked > 0;

	if (look->age_ns < rule->min_idle_ns)
		return VICTIM_BUSY;
	if (moving && (look->acked > 0 || look->idle_ns < rule->min_idle_ns))
		return VICTIM_BUSY;
	return VICTIM_SILENT;
}

enum victim_state
victim_judge(const struct victim_look *look, const struct victim_rule *rule)
{
	if (!look->known)
		return VICTIM_UNKNOWN;
	if (!look->waits || look->unread > 0)
		return VICTIM_BUSY;
	if (look->received == 0)
		return judge_silence(look, rule);
	if (look->unsent > 0 || look->unacked > 0 || look->idle_ns < rule->min_idle_ns)
		return VICTIM_BUSY;
	if (rule->keep_alive_ns > 0 && look->idle_ns > rule->keep_alive_ns)
		return VICTIM_OVERDUE;
	return VICTIM_DORMANT;
}

/* ---- whose turn it is ---- */

static int64_t
above_reserve(const struct victim_service *s)
{
	return (int64_t)s->active - s->reserve;
}

static int64_t
weight(const struct victim_service *s)
{
	return s->weight > 0 ? s->weight : 1;
}

bool
victim_service_before(const struct victim_service *a, const struct victim_service *b)
{
	/* a quotient each, compared without dividing: 32 by 32 bits fit */
	int64_t x = above_reserve(a) * weight(b), y = above_reserve(b) * weight(a);

	return x != y ? x > y : a->active > b->active;
}

static bool
is_older(const struct victim_candidate *a, const struct victim_candidate *b)
{
	return a->started_ns < b->started_ns;
}

/* Both of one service: silent ones first, then by its order. */
static bool
before_in_service(const struct victim_candidate *a, const struct victim_candidate *b,
    enum victim_order order)
{
	if (a->state != b->state)
		return a->state == VICTIM_SILENT;
	if (order == VICTIM_LONGEST_IDLE && a->idle_ns != b->idle_ns)
		return a->idle_ns > b->idle_ns;
	return is_older(a, b);
}

static bool
before(const struct victim_candidate *a, const struct victim_candidate *b,
    const struct victim_service *s)
{
	const struct victim_service *x = &s[a->service], *y = &s[b->service];

	if (a->service == b->service)
		return before_in_service(a, b, x->order);
	if (victim_service_before(x, y) || victim_service_before(y, x))
		return victim_service_before(x, y);
	return a->service < b->service;
}

static bool
more_overdue(const struct victim_candidate *a, const struct victim_candidate *b)
{
	return a->overdue_ns != b->overdue_ns ? a->overdue_ns > b->overdue_ns : is_older(a, b);
}

size_t
victim_choose(const struct victim_candidate *c, size_t n, const struct victim_service *s)
{
	size_t overdue = (size_t)-1, other = (size_t)-1;

	for (size_t i = 0; i < n; i++) {
		if (c[i].state == VICTIM_OVERDUE) {
			if (overdue == (size_t)-1 || more_overdue(&c[i], &c[overdue]))
				overdue = i;
		} else if ((c[i].state == VICTIM_SILENT || c[i].state == VICTIM_DORMANT) &&
		    above_reserve(&s[c[i].service]) > 0) {
			if (other == (size_t)-1 || before(&c[i], &c[other], s))
				other = i;
		}
	}
	return overdue != (size_t)-1 ? overdue : other;
}
