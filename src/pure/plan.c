#include "plan.h"

#include <stdlib.h>

#include "addr.h"

/* Sorting both sides by key makes equal keys neighbours; ties keep the order of the arrays. */
struct sorted {
	const struct endpoint_key *key;
	size_t index;
};

static int
by_key(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int c = endpoint_key_cmp(x->key, y->key);

	if (c != 0)
		return c;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* The wants w[0..nw) and the open sockets h[0..nh) of one key. */
struct group {
	const struct sorted *w, *h;
	size_t nw, nh;
};

static void
take_own(const struct plan_have *have, struct plan_want *want, bool *used, const struct group *g)
{
	for (size_t i = 0; i < g->nw; i++) {
		struct plan_want *w = &want[g->w[i].index];

		for (size_t j = 0; j < g->nh && w->action == PLAN_OPEN; j++) {
			size_t from = g->h[j].index;

			if (used[from] || have[from].service != w->service)
				continue;
			used[from] = true;
			w->action = PLAN_TAKE;
			w->from = from;
		}
	}
}

static void
take_left(struct plan_want *want, bool *used, const struct group *g)
{
	size_t j = 0;

	for (size_t i = 0; i < g->nw; i++) {
		struct plan_want *w = &want[g->w[i].index];

		while (j < g->nh && used[g->h[j].index])
			j++;
		if (j == g->nh)
			return;
		if (w->action != PLAN_OPEN)
			continue;
		used[g->h[j].index] = true;
		w->action = PLAN_TAKE;
		w->from = g->h[j].index;
	}
}

/* One endpoint, one holder: whoever took it, else the first by name. */
static void
settle_conflicts(struct plan_want *want, const struct group *g)
{
	size_t holder = PLAN_NONE;

	for (size_t i = 0; i < g->nw; i++)
		if (want[g->w[i].index].action == PLAN_TAKE)
			holder = g->w[i].index;
	if (holder == PLAN_NONE)
		holder = g->w[0].index;
	for (size_t i = 0; i < g->nw; i++) {
		struct plan_want *w = &want[g->w[i].index];

		if (g->w[i].index == holder)
			continue;
		w->action = PLAN_CONFLICT;
		w->holder = want[holder].service;
	}
}

static bool
is_port_zero(const struct endpoint_key *k)
{
	return !endpoint_is_unix(k->kind) && addr_port(&k->addr) == 0;
}

static void
settle_group(const struct plan_have *have, struct plan_want *want, bool *used,
    const struct group *g)
{
	take_own(have, want, used, g);
	if (is_port_zero(g->w[0].key)) {
		take_left(want, used, g);
		return;
	}
	for (size_t i = 0; i < g->nw; i++)
		if (want[g->w[i].index].action == PLAN_TAKE) {
			settle_conflicts(want, g);
			return;
		}
	if (g->nh > 0)
		take_left(want, used, g);
	settle_conflicts(want, g);
}

static size_t
run_length(const struct sorted *s, size_t from, size_t n, const struct endpoint_key *key)
{
	size_t len = 0;

	while (from + len < n && endpoint_key_cmp(s[from + len].key, key) == 0)
		len++;
	return len;
}

int
plan_make(const struct plan_have *have, size_t nhave, struct plan_want *want, size_t nwant,
    bool *used)
{
	struct sorted *h = calloc(nhave + 1, sizeof(*h)), *w = calloc(nwant + 1, sizeof(*w));
	size_t j = 0;

	if (h == NULL || w == NULL) {
		free(h);
		free(w);
		return -1;
	}
	for (size_t i = 0; i < nhave; i++) {
		h[i] = (struct sorted){ &have[i].key, i };
		used[i] = false;
	}
	for (size_t i = 0; i < nwant; i++) {
		w[i] = (struct sorted){ &want[i].key, i };
		want[i].action = PLAN_OPEN;
		want[i].from = want[i].holder = PLAN_NONE;
	}
	qsort(h, nhave, sizeof(*h), by_key);
	qsort(w, nwant, sizeof(*w), by_key);
	for (size_t i = 0; i < nwant;) {
		struct group g = { .w = w + i, .nw = run_length(w, i, nwant, w[i].key) };

		while (j < nhave && endpoint_key_cmp(h[j].key, w[i].key) < 0)
			j++;
		g.h = h + j;
		g.nh = run_length(h, j, nhave, w[i].key);
		settle_group(have, want, used, &g);
		i += g.nw;
	}
	free(h);
	free(w);
	return 0;
}
