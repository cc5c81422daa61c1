/*
 * cause - how a connection ended: `cause=` in its exit line, and in the counters
 */
#ifndef BERTH_CAUSE_H
#define BERTH_CAUSE_H

#include <stddef.h>

enum cause {
	CAUSE_EXIT,		/* its handler ended by itself */
	CAUSE_LIFETIME,		/* timeouts.lifetime */
	CAUSE_IDLE,		/* timeouts.idle */
	CAUSE_FIRST_BYTE,	/* timeouts.first_byte */
	CAUSE_EVICTED,		/* another needed its place */
	CAUSE_KILLED,		/* berthctl kill */
	CAUSE_STOP,		/* its service, or berthd, stops */
	CAUSE_LOST,		/* its relay process has died; or berthd was killed, and it was not seen */
	CAUSES
};

/* "first-byte" and so on. */
const char *cause_word(enum cause c);

/* "TERM" and so on: of a handler that a signal has ended; a number where it has no name.  Returns buf. */
const char *cause_signal(int sig, char *buf, size_t size);

#endif
