/*
 * mux - the conversation of RFC 1078, up to the name
 */
#ifndef BERTH_MUX_H
#define BERTH_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builtin.h"

/*
 * As builtin_tcpmux() says, all of it within timeout_ns.  true: over; if it was given back, the connection must not be
 * touched any more.  false, with errno: it ended by an error.
 */
bool mux_serve(int fd, int back, const struct builtin_mux *list, size_t n, int64_t timeout_ns);

#endif
