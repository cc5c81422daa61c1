#include "cause.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const words[CAUSES] = {
	[CAUSE_EXIT] = "exit", [CAUSE_LIFETIME] = "lifetime", [CAUSE_IDLE] = "idle",
	[CAUSE_FIRST_BYTE] = "first-byte", [CAUSE_EVICTED] = "evicted", [CAUSE_KILLED] = "killed",
	[CAUSE_STOP] = "stop", [CAUSE_LOST] = "lost",
};

const char *
cause_word(enum cause c)
{
	assert(c < CAUSES);
	return words[c];
}

const char *
cause_signal(int sig, char *buf, size_t size)
{
	const char *name = sigabbrev_np(sig);

	if (name != NULL)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%d", sig);
	return buf;
}
