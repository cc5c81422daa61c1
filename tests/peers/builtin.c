/*
 * builtin [--datagram] NAME                      serve fd 0 by berthd's own code, with berthd's limits
 * builtin --silence MS NAME                      a datagram socket, until it was silent for so long
 * builtin [--timeout MS] tcpmux BACK [NUMBER=NAME ...]
 *
 * What berthd's child does when it serves a built-in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/builtin/builtin.h"
#include "../../src/builtin/datagram.h"
#include "../../src/builtin/mux.h"

#define LIST_MAX 10000

static struct builtin_mux list[LIST_MAX];

static int64_t
ms(const char *text)
{
	return strtoll(text, NULL, 10) * 1000000;
}

static enum builtin
which_of(const char *name)
{
	for (enum builtin b = BUILTIN_ECHO; b <= BUILTIN_TCPMUX; b++)
		if (strcmp(name, small_name(b)) == 0)
			return b;
	fprintf(stderr, "builtin: no service %s\n", name);
	exit(64);
}

static void
tcpmux(int64_t timeout_ns, int argc, char **argv)
{
	size_t n = 0;

	for (int i = 1; i < argc && n < LIST_MAX; i++, n++) {
		list[n].number = strtoul(argv[i], NULL, 10);
		list[n].name = strchr(argv[i], '=') + 1;
	}
	if (timeout_ns == 0)
		builtin_tcpmux(STDIN_FILENO, atoi(argv[0]), list, n);
	_exit(!mux_serve(STDIN_FILENO, atoi(argv[0]), list, n, timeout_ns));
}

int
main(int argc, char **argv)
{
	int64_t timeout_ns = 0, silence_ns = 0;
	bool datagram = false;
	enum builtin which;

	for (argv++, argc--; argc > 1 && argv[0][0] == '-'; argv++, argc--) {
		if (strcmp(argv[0], "--datagram") == 0) {
			datagram = true;
			continue;
		}
		if (strcmp(argv[0], "--timeout") == 0)
			timeout_ns = ms(argv[1]);
		else
			silence_ns = ms(argv[1]);
		argv++;
		argc--;
	}
	if (argc < 1)
		return 64;
	which = which_of(argv[0]);
	if (which == BUILTIN_TCPMUX && argc > 1)
		tcpmux(timeout_ns, argc - 1, argv + 1);
	if (silence_ns != 0)
		_exit(!datagram_serve(which, STDIN_FILENO, silence_ns));
	builtin_serve(which, STDIN_FILENO, datagram);
}
