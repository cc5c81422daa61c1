#include "targets.h"

#define SECOND 1000000000LL
#define PAUSE_MAX (30 * SECOND)

static bool
is_live(const struct target *t)
{
	return t->failures == 0;
}

static bool
is_due(const struct target *t, int64_t now_ns)
{
	return t->failures > 0 && !t->probed && now_ns >= t->until_ns;
}

/* Of the live ones: whose turn it is; n: none. */
static size_t
choose(const struct target *t, size_t n, enum targets_balance balance, size_t next)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		size_t k = (next + i) % n;

		if (!is_live(&t[k]))
			continue;
		if (balance == TARGETS_ROUND_ROBIN)
			return k;
		if (best == n || t[k].active < t[best].active)
			best = k;
	}
	return best;
}

void
targets_order(struct target *t, size_t n, enum targets_balance balance, size_t *next,
    int64_t now_ns, uint16_t *order)
{
	size_t first = n, count = 0;

	for (size_t i = 0; i < n && first == n; i++)
		if (is_due(&t[i], now_ns))
			first = i;
	if (first < n) {
		t[first].probed = true;
	} else if ((first = choose(t, n, balance, *next)) < n) {
		*next = (first + 1) % n;
	} else {
		first = *next % n;
		*next = (first + 1) % n;
	}
	order[count++] = (uint16_t)first;
	for (int live = 1; live >= 0; live--)
		for (size_t i = 1; i < n; i++) {
			size_t k = (first + i) % n;

			if (is_live(&t[k]) == (live == 1))
				order[count++] = (uint16_t)k;
		}
}

void
targets_failed(struct target *t, int64_t now_ns)
{
	int64_t pause = t->failures >= 5 ? PAUSE_MAX : SECOND << t->failures;

	t->probed = false;
	/* those that were under way when it was left out say nothing new */
	if (t->failures > 0 && now_ns < t->until_ns)
		return;
	t->failures++;
	t->until_ns = now_ns + pause;
}

void
targets_answered(struct target *t)
{
	t->failures = 0;
	t->probed = false;
}
