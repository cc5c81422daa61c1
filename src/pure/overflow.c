#include "overflow.h"

#include <assert.h>

static bool
wants_place(enum admit_verdict v)
{
	return v == ADMIT_SERVICE_FULL || v == ADMIT_POOL_FULL;
}

static bool
is_answered(enum admit_verdict v)
{
	return wants_place(v) || v == ADMIT_SERVICE_RATE || v == ADMIT_LOAD;
}

struct overflow
overflow_decide(const struct overflow_facts *f)
{
	bool evicts = false;

	if (!is_answered(f->verdict))
		return (struct overflow){ .action = OVERFLOW_HOLD };
	for (size_t i = 0; i < f->count; i++) {
		const struct spec_step *s = &f->step[i];

		switch (s->kind) {
		case SPEC_STEP_EVICT:
			evicts = wants_place(f->verdict);
			if (evicts && !f->tried)
				return (struct overflow){ .action = OVERFLOW_EVICT };
			break;
		case SPEC_STEP_WAIT:
			if (s->wait_ns == 0 || f->age_ns < s->wait_ns)
				return (struct overflow){ .action = OVERFLOW_HOLD,
					.hold_ns = s->wait_ns, .evicts = evicts };
			break;
		case SPEC_STEP_REFUSE:
			return (struct overflow){ .action = OVERFLOW_REFUSE };
		case SPEC_STEP_BANNER:
			return (struct overflow){ .action = OVERFLOW_BANNER, .banner = s->banner };
		}
	}
	/* spec_parse() lets no chain end so */
	assert(!"a chain of limits.overflow without an end");
	return (struct overflow){ .action = OVERFLOW_HOLD };
}

bool
overflow_leaves(const struct spec_step *step, size_t count, enum admit_verdict verdict)
{
	struct overflow_facts f = { .step = step, .count = count, .verdict = verdict };
	struct overflow o = overflow_decide(&f);

	return o.action == OVERFLOW_HOLD && o.hold_ns == 0 && !o.evicts;
}

bool
overflow_evicts(const struct spec_step *step, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (step[i].kind == SPEC_STEP_EVICT)
			return true;
	return false;
}
