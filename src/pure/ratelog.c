#include "ratelog.h"

bool
ratelog_allow(struct ratelog *r, uint32_t burst, int64_t window_ns, int64_t now_ns,
    uint64_t *summary)
{
	*summary = 0;
	if (r->window_start_ns == 0 || now_ns - r->window_start_ns >= window_ns) {
		*summary = ratelog_take(r);
		r->window_start_ns = now_ns;
	}
	if (r->said < burst) {
		r->said++;
		return true;
	}
	r->held++;
	return false;
}

int64_t
ratelog_due_ns(const struct ratelog *r, int64_t window_ns)
{
	return r->held > 0 ? r->window_start_ns + window_ns : 0;
}

uint64_t
ratelog_take(struct ratelog *r)
{
	uint64_t held = r->held;

	*r = (struct ratelog){ 0 };
	return held;
}

bool
ratelog_begins(struct ratelog *r, int64_t window_ns, int64_t now_ns)
{
	bool over = r->window_start_ns == 0 || now_ns - r->window_start_ns >= window_ns;

	if (!over || r->held > 0) {
		r->held++;
		return false;
	}
	*r = (struct ratelog){ .window_start_ns = now_ns, .said = 1 };
	return true;
}

uint64_t
ratelog_roll(struct ratelog *r, int64_t now_ns)
{
	uint64_t held = r->held;

	*r = (struct ratelog){ .window_start_ns = now_ns };
	return held;
}
