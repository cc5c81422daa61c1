#include "peers.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"

/*
 * Two sets stand open to every source, and a new one goes where more is idle: with half a hash for each
 * set the table fills nearly whole before a busy source finds both of its sets full.
 */
#define SET 8
#define ENTRIES_MIN 64
#define ENTRIES_MAX (UINT32_C(1) << 24)

struct peers {
	uint8_t key[16];
	uint32_t sets;		/* a power of two */
	uint64_t failed_open;
	struct peer entry[];	/* sets * SET; family 0: never used */
};

struct peers *
peers_new(uint32_t entries, const uint8_t key[16])
{
	uint32_t n = ENTRIES_MIN;
	struct peers *t;

	while (n < entries && n < ENTRIES_MAX)
		n *= 2;
	t = calloc(1, sizeof(*t) + n * sizeof(t->entry[0]));
	if (t == NULL)
		return NULL;
	memcpy(t->key, key, sizeof(t->key));
	t->sets = n / SET;
	return t;
}

void
peers_free(struct peers *t)
{
	free(t);
}

static void
find_sets(struct peers *t, uint32_t service, const struct source *s, struct peer *set[2])
{
	uint8_t text[sizeof(service) + 2 + sizeof(s->bytes)];
	uint64_t hash;

	memcpy(text, &service, sizeof(service));
	text[sizeof(service)] = s->family;
	text[sizeof(service) + 1] = s->bits;
	memcpy(text + sizeof(service) + 2, s->bytes, sizeof(s->bytes));
	hash = siphash(t->key, text, sizeof(text));
	set[0] = &t->entry[((uint32_t)hash & (t->sets - 1)) * SET];
	set[1] = &t->entry[((uint32_t)(hash >> 32) & (t->sets - 1)) * SET];
}

static struct peer *
find(struct peer *set[2], uint32_t service, const struct source *s)
{
	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < SET; j++) {
			struct peer *p = &set[i][j];

			if (p->service == service && p->source.family != 0 &&
			    source_equal(&p->source, s))
				return p;
		}
	return NULL;
}

struct peer *
peers_find(struct peers *t, uint32_t service, const struct source *s)
{
	struct peer *set[2];

	if (s->family == 0)
		return NULL;
	find_sets(t, service, s, set);
	return find(set, service, s);
}

static bool
is_idle(const struct peer *p, int64_t now_ns)
{
	return p->source.family == 0 || (p->live == 0 && bucket_is_full(&p->bucket, now_ns) &&
	    peers_balance_ns(p, now_ns) == 0);
}

/* An idle entry of the set, and how many there are. */
static struct peer *
find_idle(struct peer *set, int64_t now_ns, unsigned *count)
{
	struct peer *found = NULL;

	*count = 0;
	for (size_t i = 0; i < SET; i++)
		if (is_idle(&set[i], now_ns)) {
			found = &set[i];
			++*count;
		}
	return found;
}

struct peer *
peers_get(struct peers *t, uint32_t service, const struct source *s, int64_t now_ns)
{
	struct peer *set[2], *p, *idle[2];
	unsigned count[2];

	if (s->family == 0) {
		t->failed_open++;
		return NULL;
	}
	find_sets(t, service, s, set);
	if ((p = find(set, service, s)) != NULL)
		return p;
	for (size_t i = 0; i < 2; i++)
		idle[i] = find_idle(set[i], now_ns, &count[i]);
	p = idle[count[1] > count[0]];
	if (p == NULL) {
		t->failed_open++;
		return NULL;
	}
	*p = (struct peer){ .service = service, .source = *s };
	return p;
}

void
peers_hold(struct peer *p)
{
	if (p != NULL)
		p->live++;
}

void
peers_release(struct peer *p)
{
	if (p == NULL)
		return;
	assert(p->live > 0);
	p->live--;
}

int64_t
peers_balance_ns(const struct peer *p, int64_t now_ns)
{
	int64_t fallen;

	if (p == NULL)
		return 0;
	fallen = now_ns > p->balance_at_ns ? now_ns - p->balance_at_ns : 0;
	return p->balance_ns > fallen ? p->balance_ns - fallen : 0;
}

void
peers_penalise(struct peer *p, int64_t add_ns, int64_t max_ns, int64_t now_ns)
{
	int64_t old = peers_balance_ns(p, now_ns);

	if (p == NULL || add_ns <= 0)
		return;
	p->balance_ns = add_ns > max_ns || old > max_ns - add_ns ? max_ns : old + add_ns;
	p->balance_at_ns = now_ns;
}

uint64_t
peers_failed_open(const struct peers *t)
{
	return t->failed_open;
}

void
peers_each(struct peers *t, void (*seen)(void *arg, struct peer *p), void *arg)
{
	for (size_t i = 0; i < (size_t)t->sets * SET; i++)
		if (t->entry[i].source.family != 0)
			seen(arg, &t->entry[i]);
}
