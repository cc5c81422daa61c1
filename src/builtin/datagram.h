/*
 * datagram - the small services over a datagram socket
 */
#ifndef BERTH_DATAGRAM_H
#define BERTH_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../pure/small.h"

/* As builtin_refuse_ports(). */
void datagram_refuse_ports(const uint16_t *port, size_t n);

/*
 * Answer the datagrams of fd, as builtin_serve() says, until none has come for silence_ns.  false, with errno: the
 * socket is at fault.
 */
bool datagram_serve(enum builtin which, int fd, int64_t silence_ns);

#endif
