#include "bucket.h"

#include <assert.h>

#define FAR_NS (INT64_MAX / 4)	/* 73 years: sums of three such times do not overflow */

/* Between two events. */
static int64_t
interval_ns(const struct bucket_rate *r)
{
	int64_t ns = r->per_ns / r->count + (r->per_ns % r->count != 0);

	assert(r->per_ns > 0);
	return ns < FAR_NS ? ns : FAR_NS;
}

/* How far ahead of its time an event may come: room for all of a burst but one. */
static int64_t
tolerance_ns(const struct bucket_rate *r)
{
	int64_t one = interval_ns(r), more = r->burst > 0 ? r->burst - 1 : 0;

	return more > FAR_NS / one ? FAR_NS : more * one;
}

bool
bucket_allows(const struct bucket *b, const struct bucket_rate *r, int64_t now_ns)
{
	return r->count == 0 || b->tat_ns - tolerance_ns(r) <= now_ns;
}

void
bucket_charge(struct bucket *b, const struct bucket_rate *r, int64_t now_ns)
{
	if (r->count == 0)
		return;
	if (b->tat_ns < now_ns)
		b->tat_ns = now_ns;
	b->tat_ns += interval_ns(r);
}

void
bucket_refund(struct bucket *b, const struct bucket_rate *r)
{
	if (r->count != 0)
		b->tat_ns -= interval_ns(r);
}

int64_t
bucket_next_ns(const struct bucket *b, const struct bucket_rate *r, int64_t now_ns)
{
	if (bucket_allows(b, r, now_ns))
		return now_ns;
	return b->tat_ns - tolerance_ns(r);
}

bool
bucket_is_full(const struct bucket *b, int64_t now_ns)
{
	return b->tat_ns <= now_ns;
}

void
bucket_fit(struct bucket *b, const struct bucket_rate *r, int64_t now_ns)
{
	int64_t empty = r->count == 0 ? 0 : now_ns + tolerance_ns(r) + interval_ns(r);

	if (b->tat_ns > empty)
		b->tat_ns = empty;
}
