/*
 * stream - the small services over a connection
 */
#ifndef BERTH_STREAM_H
#define BERTH_STREAM_H

#include <stdbool.h>

#include "../pure/small.h"

/* Serve the connection fd to its end, as builtin_serve() says.  false, with errno: it ended by an error. */
bool stream_serve(enum builtin which, int fd);

#endif
