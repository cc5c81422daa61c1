/*
 * holder - which process has a socket that is bound to an address (proc_net(5))
 *
 * Everybody may read the user of an IP socket; to see which process it is, one has to be root or that user.
 */
#ifndef BERTH_HOLDER_H
#define BERTH_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * kind: "tcp", "udp", "unix" and so on, as in an endpoint; address: as addr_format() writes it.  "nginx (pid 812)", or "a process of
 * user 33".  false: nobody has it, or it cannot be seen.
 */
bool holder_find(const char *kind, const char *address, char *buf, size_t size);

#endif
