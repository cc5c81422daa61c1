/*
 * sdsink - a datagram socket that prints what it is sent: a service manager, a journal, a syslog
 *
 * sdsink [--seconds N] [--stall] [--buffer BYTES] PATH | @NAME
 *
 * Each datagram is printed as it is (control bytes but newline as \xHH), ended by a line "--".  --stall: binds and never
 * reads.  --buffer: SO_RCVBUF.  Ends after N seconds (60), or by a signal.
 */
#include <ctype.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "peer.h"

static void
print_datagram(const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)buf[i]) && buf[i] != '\n')
			printf("\\x%02x", (unsigned char)buf[i]);
		else
			putchar(buf[i]);
	if (len == 0 || buf[len - 1] != '\n')
		putchar('\n');
	printf("--\n");
	fflush(stdout);
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "stall", no_argument, NULL, 'x' },
		{ "buffer", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 }
	};
	static char buf[262144];
	int64_t end_ms = 60000;
	bool stall = false;
	char endpoint[256];
	struct peer_address at;
	int c, fd, buffer = 0;
	ssize_t n;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': end_ms = peer_parse_ms(optarg); break;
		case 'x': stall = true; break;
		case 'b': buffer = atoi(optarg); break;
		default: return PEER_USAGE;
		}
	}
	if (argc - optind != 1)
		errx(PEER_USAGE, "usage: sdsink [options] PATH");
	snprintf(endpoint, sizeof(endpoint), "unix:%s", argv[optind]);
	peer_parse(endpoint, &at);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	if (buffer > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (bind(fd, (struct sockaddr *)&at.sa, at.len) < 0)
		err(1, "%s", argv[optind]);
	end_ms += peer_now_ms();
	for (;;) {
		struct pollfd p = { .fd = stall ? -1 : fd, .events = POLLIN };
		int64_t left = end_ms - peer_now_ms();

		if (left <= 0)
			return 0;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		if ((n = recv(fd, buf, sizeof(buf), 0)) >= 0)
			print_datagram(buf, (size_t)n);
	}
}
