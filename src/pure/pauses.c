#include "pauses.h"

#include <string.h>

/* The two oldest become one of their length, at the end of the second: right for all that came before both. */
static void
make_room(struct pauses *p)
{
	p->past[1].from_ns -= p->past[0].to_ns - p->past[0].from_ns;
	memmove(p->past, p->past + 1, (PAUSES_KEPT - 1) * sizeof(p->past[0]));
	p->count--;
}

bool
pauses_begin(struct pauses *p, int64_t now_ns)
{
	if (p->on)
		return false;
	p->on = true;
	p->since_ns = now_ns;
	return true;
}

bool
pauses_end(struct pauses *p, int64_t now_ns)
{
	if (!p->on)
		return false;
	if (p->count == PAUSES_KEPT)
		make_room(p);
	p->past[p->count].from_ns = p->since_ns;
	p->past[p->count++].to_ns = now_ns;
	p->on = false;
	return true;
}

static int64_t
overlap(int64_t a_from, int64_t a_to, int64_t b_from, int64_t b_to)
{
	int64_t from = a_from > b_from ? a_from : b_from;
	int64_t to = a_to < b_to ? a_to : b_to;

	return to > from ? to - from : 0;
}

int64_t
pauses_within(const struct pauses *p, int64_t from_ns, int64_t to_ns)
{
	int64_t sum = p->on ? overlap(p->since_ns, to_ns, from_ns, to_ns) : 0;

	for (unsigned i = 0; i < p->count; i++)
		sum += overlap(p->past[i].from_ns, p->past[i].to_ns, from_ns, to_ns);
	return sum;
}
