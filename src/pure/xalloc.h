/*
 * xalloc - memory that is there, or an abort
 *
 * Parsing a configuration has no use for a half-made value: running out of memory here is an
 * assertion.  Nothing on the path of one connection allocates through this.
 */
#ifndef BERTH_XALLOC_H
#define BERTH_XALLOC_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static inline void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	assert(p != NULL);
	return p;
}

static inline void *
xreallocarray(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count ? count : 1, size);

	assert(p != NULL);
	return p;
}

static inline char *
xstrdup(const char *s)
{
	char *p = strdup(s);

	assert(p != NULL);
	return p;
}

#endif
