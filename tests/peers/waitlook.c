/*
 * waitlook - what sys/waiting says of a session
 *
 * waitlook [--any] [--children] [--loop N] LEADER INODE
 *
 * Prints "client", "busy WHY", "unknown WHY" or "forbidden WHY", then "pid=P fd=F switches=S".  INODE: of the
 * connection's socket.  The other processes of the session are found by one pass over /proc; with --children only
 * waiting_look() itself finds them.  --loop: look N times, and print the microseconds of one.
 * Linked with src/sys.
 */
#include <err.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/sys/procs.h"
#include "../../src/sys/waiting.h"

static struct {
	pid_t leader, pid[1024];
	size_t n;
} session;

static void
seen(void *arg, const struct procs_entry *e)
{
	(void)arg;
	if (e->session == session.leader && e->pid != session.leader && session.n < 1024)
		session.pid[session.n++] = e->pid;
}

static void
find_others(void)
{
	struct procs_walk *w = procs_open();

	if (w == NULL)
		err(1, "/proc");
	while (procs_step(w, 16, seen, NULL))
		;
	procs_close(w);
}

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

int
main(int argc, char *argv[])
{
	static const char *const words[] = { "client", "busy", "unknown", "forbidden" };
	static const struct option options[] = {
		{ "any", no_argument, NULL, 'a' },
		{ "children", no_argument, NULL, 'c' },
		{ "loop", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 }
	};
	bool any = false, children = false;
	struct waiting_report r;
	enum waiting w;
	int c, loops = 1;
	double start;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'a': any = true; break;
		case 'c': children = true; break;
		case 'l': loops = atoi(optarg); break;
		default: return 64;
		}
	}
	if (argc - optind != 2 || (session.leader = atoi(argv[optind])) <= 0)
		errx(64, "usage: waitlook [--any] [--children] [--loop N] LEADER INODE");
	if (!children)
		find_others();
	start = now_us();
	for (int i = 0; i < loops || i == 0; i++)
		w = waiting_look(session.leader, session.pid, session.n,
		    strtoull(argv[optind + 1], NULL, 10), any, true, &r);
	if (loops > 1)
		printf("%.1f us\n", (now_us() - start) / loops);
	printf("%s%s%s\n", words[w], r.why[0] == '\0' ? "" : " ", r.why);
	printf("pid=%d fd=%d switches=%llu\n", (int)r.pid, r.fd, (unsigned long long)r.switches);
	return 0;
}
