#include "builtin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "datagram.h"
#include "mux.h"
#include "stream.h"

#define SECOND_NS INT64_C(1000000000)

static void finish(enum builtin which, bool over) __attribute__((noreturn));

static void
finish(enum builtin which, bool over)
{
	if (over || conn_errno_is_peers(errno))
		_exit(0);
	dprintf(STDERR_FILENO, "%s: %s\n", small_name(which), strerror(errno));
	_exit(1);
}

void
builtin_serve(enum builtin which, int fd, bool datagram)
{
	finish(which, datagram ? datagram_serve(which, fd, 30 * SECOND_NS) : stream_serve(which, fd));
}

void
builtin_refuse_ports(const uint16_t *port, size_t n)
{
	datagram_refuse_ports(port, n);
}

void
builtin_tcpmux(int fd, int back, const struct builtin_mux *list, size_t n)
{
	finish(BUILTIN_TCPMUX, mux_serve(fd, back, list, n, 10 * SECOND_NS));
}
