#include "backoff.h"

#include <stddef.h>

#define MS 1000000LL

int64_t
backoff_doubling(struct backoff *b)
{
	unsigned n = b->failures++;

	return n >= 6 ? 60000 * MS : (1000 * MS) << n;
}

int64_t
backoff_shortage(struct backoff *b)
{
	static const int64_t pause[] = { 10 * MS, 30 * MS, 70 * MS, 150 * MS, 250 * MS };
	size_t n = b->failures++;

	return n < sizeof(pause) / sizeof(pause[0]) ? pause[n] : 250 * MS;
}

void
backoff_reset(struct backoff *b)
{
	b->failures = 0;
}
