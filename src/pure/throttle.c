#include "throttle.h"

#define SECOND 1000000000LL

static int64_t
fault(struct throttle *t, int64_t now_ns)
{
	int64_t pause;

	t->deaths = 0;
	/* ends of connections that were started before the pause add nothing to it */
	if (t->until_ns != 0)
		return 0;
	pause = t->faults >= 6 ? 60 * SECOND : SECOND << t->faults;
	t->faults++;
	t->trying = false;
	t->until_ns = now_ns + pause;
	return pause;
}

static bool
success(struct throttle *t)
{
	bool was = t->faults != 0;

	t->faults = 0;
	t->deaths = 0;
	t->trying = false;
	t->until_ns = 0;
	return was;
}

/* Remember the source of a death; true when it completes three. */
static bool
third_source(struct throttle *t, const struct source *source)
{
	for (unsigned i = 0; i < t->deaths; i++)
		if (source_equal(&t->source[i], source))
			return false;
	t->source[t->deaths++] = *source;
	return t->deaths == THROTTLE_SOURCES;
}

int64_t
throttle_ended(struct throttle *t, enum throttle_end end, int status, int64_t lived_ns,
    const struct source *source, int64_t now_ns, bool *recovered)
{
	*recovered = false;
	if (end != THROTTLE_NOT_STARTED && end != THROTTLE_NOT_SERVED && (lived_ns >= THROTTLE_LIVED_NS ||
	    (end == THROTTLE_EXITED && status == 0))) {
		*recovered = success(t);
		return 0;
	}
	if (end == THROTTLE_NOT_STARTED || end == THROTTLE_NOT_SERVED)
		return fault(t, now_ns);
	if (end == THROTTLE_EXITED && (status == 126 || status == 127))
		return fault(t, now_ns);
	if (end == THROTTLE_SIGNALLED && third_source(t, source))
		return fault(t, now_ns);
	t->trying = false;
	return 0;
}

bool
throttle_lived(struct throttle *t)
{
	return success(t);
}

bool
throttle_watches(const struct throttle *t)
{
	return t->faults != 0 || t->deaths != 0;
}

bool
throttle_holds(const struct throttle *t)
{
	return t->until_ns != 0 || t->trying;
}

void
throttle_try(struct throttle *t)
{
	t->until_ns = 0;
}

void
throttle_admitted(struct throttle *t)
{
	if (t->faults != 0)
		t->trying = true;
}

bool
throttle_reset(struct throttle *t)
{
	return success(t);
}
