/*
 * today - the wall clock, for the two services that tell it
 */
#ifndef BERTH_TODAY_H
#define BERTH_TODAY_H

#include <stddef.h>

#include "../pure/small.h"

#define TODAY_MAX SMALL_DAYTIME_MAX

/* What BUILTIN_DAYTIME or BUILTIN_TIME answers now; local time is /etc/localtime's, or TZ's.  Returns the length. */
size_t today_answer(enum builtin which, char out[TODAY_MAX]);

#endif
