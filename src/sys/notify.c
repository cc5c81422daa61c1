#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

#define AGAIN_NS 100000000LL

static struct {
	struct loop *loop;
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	struct loop_timer again, watchdog;
	int64_t watchdog_ns;
	char state[256];	/* what is still to be sent; "" nothing */
} n = { .fd = -1 };

static bool
send_now(const char *text)
{
	ssize_t sent = sendto(n.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&n.to, n.to_len);

	return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS && errno != EINTR);
}

static void
again_due(void *arg)
{
	(void)arg;
	if (n.state[0] == '\0')
		return;
	if (send_now(n.state))
		n.state[0] = '\0';
	else
		loop_arm(n.loop, &n.again, loop_now(n.loop) + AGAIN_NS, again_due, NULL);
}

static void
say(const char *text)
{
	if (n.fd < 0)
		return;
	strlcpy(n.state, text, sizeof(n.state));
	again_due(NULL);
}

static void
watchdog_due(void *arg)
{
	(void)arg;
	send_now("WATCHDOG=1");
	loop_arm(n.loop, &n.watchdog, loop_now(n.loop) + n.watchdog_ns / 2, watchdog_due, NULL);
}

static void
watchdog_init(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (usec == NULL || (pid != NULL && atol(pid) != (long)getpid()))
		return;
	n.watchdog_ns = strtoll(usec, NULL, 10) * 1000;
	if (n.watchdog_ns > 0)
		watchdog_due(NULL);
}

void
notify_init(struct loop *l)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	n.loop = l;
	if (len < 2 || (path[0] != '/' && path[0] != '@') || len >= sizeof(n.to.sun_path))
		return;
	n.fd = fd_high(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (n.fd < 0)
		return;
	n.to.sun_family = AF_UNIX;
	memcpy(n.to.sun_path, path, len + 1);
	n.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	if (path[0] == '@') {
		n.to.sun_path[0] = '\0';
		n.to_len--;
	}
	watchdog_init();
}

void
notify_ready(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	say(text);
}

void
notify_reloading(int64_t monotonic_ns)
{
	char text[256];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)(monotonic_ns / 1000));
	say(text);
}

void
notify_stopping(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=%s", status);
	say(text);
}

void
notify_status(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "STATUS=%s", status);
	if (n.fd >= 0 && n.state[0] == '\0')
		say(text);
}

void
notify_fini(void)
{
	loop_disarm(&n.again);
	loop_disarm(&n.watchdog);
	fd_close(&n.fd);
}
