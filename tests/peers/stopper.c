/*
 * stopper - the attack of a service's own user: stop every process of this user, again and again
 *
 * stopper SECONDS
 *
 * kill(-1, SIGSTOP) reaches whatever has our user id: so it refuses to run as root, with
 * capabilities, or as a user below 60000, where somebody else might live.  Prints "stopping" when it begins.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int
powerless(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long long caps = 1;
	char line[256];

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "CapEff:", 7) == 0)
			caps = strtoull(line + 7, NULL, 16);
	fclose(f);
	return caps == 0;
}

int
main(int argc, char *argv[])
{
	time_t end;

	if (argc != 2 || atoi(argv[1]) < 1 || atoi(argv[1]) > 120)
		errx(64, "usage: stopper SECONDS");
	if (getuid() < 60000 || getuid() == 65534 || getuid() != geteuid() || !powerless())
		errx(77, "refused: run me as a user of my own, without capabilities");
	printf("stopping\n");
	fflush(stdout);
	end = time(NULL) + atoi(argv[1]);
	while (time(NULL) < end)
		for (int i = 0; i < 1000; i++)
			kill(-1, SIGSTOP);
	return 0;
}
