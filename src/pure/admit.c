#include "admit.h"

#include <assert.h>
#include <stddef.h>

static const char *const words[ADMIT_VERDICTS] = {
	[ADMIT_OK] = "ok",
	[ADMIT_SERVICE_FULL] = "service-full",
	[ADMIT_POOL_FULL] = "pool-full",
	[ADMIT_THROTTLED] = "throttled",
	[ADMIT_DRAINING] = "draining",
	[ADMIT_RESOURCES] = "resources",
	[ADMIT_GONE] = "gone",
};

const char *
admit_word(enum admit_verdict v)
{
	assert((unsigned)v < ADMIT_VERDICTS);
	return words[v];
}

enum admit_verdict
admit_service(const struct admit_service_facts *f)
{
	if (f->throttled)
		return ADMIT_THROTTLED;
	if (f->limit != 0 && f->active >= f->limit)
		return ADMIT_SERVICE_FULL;
	return ADMIT_OK;
}

enum admit_verdict
admit_pool(const struct admit_pool_facts *f)
{
	if (f->short_of_resources)
		return ADMIT_RESOURCES;
	if (f->limit != 0 && f->active >= f->limit)
		return ADMIT_POOL_FULL;
	return ADMIT_OK;
}
