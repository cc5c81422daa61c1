/*
 * deadline - timeouts.idle and timeouts.first_byte: is a connection to be ended, and if not, when to look again
 *
 * Nobody counts along: the kernel is asked when the earliest deadline is due, and what it says moves it.
 */
#ifndef BERTH_DEADLINE_H
#define BERTH_DEADLINE_H

#include "victim.h"

enum deadline { DEADLINE_NONE, DEADLINE_IDLE, DEADLINE_FIRST_BYTE };

/*
 * look: as of now.  One that is closed while its handler lives on is idle since it was last seen to move, look->idle_ns; of one that
 * cannot be looked at nothing is said: it lives on, and is looked at again.  idle_ns, first_byte_ns: 0 none.  *next_ns: how long from now until it is to be looked at again; 0: never.
 */
enum deadline deadline_check(const struct victim_look *look, int64_t idle_ns, int64_t first_byte_ns,
    int64_t *next_ns);

#endif
