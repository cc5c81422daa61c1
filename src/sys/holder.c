#include "holder.h"

#include <arpa/inet.h>

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/addr.h"

#define TCP_LISTEN_STATE 0x0a

/* A socket as /proc/net shows it. */
struct holding {
	unsigned long long inode;
	unsigned uid;
	bool has_uid;
};

/* ---- which socket ---- */

/* Nothing of this family yet. */
static struct addr
blank(bool six)
{
	struct addr a = { .len = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in) };

	a.u.sa.sa_family = six ? AF_INET6 : AF_INET;
	return a;
}

/* "192.0.2.7:80", "[2001:db8::1%2]:80"; the scope is passed over. */
static bool
parse(const char *text, struct addr *a)
{
	char host[ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	bool six = text[0] == '[';

	*a = blank(six);
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text + six, (size_t)(colon - text) - six);
	host[(size_t)(colon - text) - six] = '\0';
	host[strcspn(host, "%]")] = '\0';
	addr_set_port(a, (uint16_t)atoi(colon + 1));
	return inet_pton(a->u.sa.sa_family, host,
	    six ? (void *)&a->u.in6.sin6_addr : (void *)&a->u.in.sin_addr) == 1;
}

/* The words of an address in hexadecimal, each as it lies in memory. */
static bool
parse_hex(const char *hex, bool six, struct addr *a)
{
	uint32_t word[4] = { 0 };
	unsigned port;

	*a = blank(six);
	if (six ? sscanf(hex, "%8x%8x%8x%8x:%x", &word[0], &word[1], &word[2], &word[3], &port) != 5
		: sscanf(hex, "%8x:%x", &word[0], &port) != 2)
		return false;
	if (six)
		memcpy(&a->u.in6.sin6_addr, word, sizeof(word));
	else
		a->u.in.sin_addr.s_addr = word[0];
	addr_set_port(a, (uint16_t)port);
	addr_unmap(a);
	return true;
}

/* May this one be all addresses of the other's family? */
static bool
covers(const struct addr *a, const struct addr *b)
{
	return addr_is_wildcard(a) &&
	    (a->u.sa.sa_family == AF_INET6 || a->u.sa.sa_family == b->u.sa.sa_family);
}

/* Would a socket that is bound to one keep another from the other? */
static bool
excludes(const struct addr *a, const struct addr *b)
{
	if (addr_port(a) != addr_port(b))
		return false;
	if (covers(a, b) || covers(b, a))
		return true;
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return false;
	return a->u.sa.sa_family == AF_INET
	    ? a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr
	    : IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr);
}

static bool
ip_line(const char *line, bool tcp, bool six, const struct addr *wanted, struct holding *h)
{
	char local[64];
	struct addr a;
	unsigned state;

	if (sscanf(line, " %*[^:]: %63s %*s %x %*s %*s %*s %u %*s %llu", local, &state, &h->uid,
	    &h->inode) != 4)
		return false;
	h->has_uid = true;
	return (!tcp || state == TCP_LISTEN_STATE) && parse_hex(local, six, &a) && excludes(&a, wanted);
}

/* Its last word is the path. */
static bool
unix_line(const char *line, const char *path, struct holding *h)
{
	size_t len = strcspn(line, "\n"), n = strlen(path);

	h->has_uid = false;
	return len > n && strncmp(line + len - n, path, n) == 0 && line[len - n - 1] == ' ' &&
	    sscanf(line, "%*s %*s %*s %*s %*s %*s %llu", &h->inode) == 1;
}

static bool
search(const char *file, const char *kind, const char *address, struct holding *h)
{
	FILE *f = fopen(file, "re");
	bool ip = strncmp(kind, "unix", 4) != 0, six = file[strlen(file) - 1] == '6', found = false;
	struct addr wanted;
	char *line = NULL;
	size_t room = 0;

	if (f == NULL)
		return false;
	if (!ip || parse(address, &wanted)) {
		while (!found && getline(&line, &room, f) > 0)
			found = ip ? ip_line(line, kind[0] == 't', six, &wanted, h)
				   : unix_line(line, address, h);
	}
	free(line);
	(void)fclose(f);
	return found;
}

static bool
find_socket(const char *kind, const char *address, struct holding *h)
{
	char four[32], six[32];

	if (strncmp(kind, "unix", 4) == 0)
		return search("/proc/net/unix", kind, address, h);
	(void)snprintf(four, sizeof(four), "/proc/net/%.8s", kind);
	(void)snprintf(six, sizeof(six), "/proc/net/%.8s6", kind);
	return search(address[0] == '[' ? six : four, kind, address, h) ||
	    search(address[0] == '[' ? four : six, kind, address, h);
}

/* ---- whose it is ---- */

/* Has the process whose directory in /proc this is a descriptor that leads there? */
static bool
has_descriptor(int proc, const char *pid, const char *target)
{
	char path[300], link[64];
	struct dirent *e;
	bool found = false;
	ssize_t n;
	DIR *d;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	while (!found && (e = readdir(d)) != NULL) {
		n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		if (n > 0) {
			link[n] = '\0';
			found = strcmp(link, target) == 0;
		}
	}
	(void)closedir(d);
	return found;
}

static bool
name_process(int proc, const char *pid, char *buf, size_t size)
{
	char path[300], name[32];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/comm", pid);
	if ((fd = openat(proc, path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	n = read(fd, name, sizeof(name) - 1);
	(void)close(fd);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	(void)snprintf(buf, size, "%s (pid %.16s)", name, pid);
	return true;
}

static bool
find_process(unsigned long long inode, char *buf, size_t size)
{
	DIR *d = opendir("/proc");
	char target[48];
	struct dirent *e;
	bool found = false;

	if (d == NULL)
		return false;
	(void)snprintf(target, sizeof(target), "socket:[%llu]", inode);
	while (!found && (e = readdir(d)) != NULL)
		found = isdigit((unsigned char)e->d_name[0]) &&
		    has_descriptor(dirfd(d), e->d_name, target) &&
		    name_process(dirfd(d), e->d_name, buf, size);
	(void)closedir(d);
	return found;
}

bool
holder_find(const char *kind, const char *address, char *buf, size_t size)
{
	struct holding h = { 0 };

	if (!find_socket(kind, address, &h))
		return false;
	if (find_process(h.inode, buf, size))
		return true;
	if (h.has_uid)
		(void)snprintf(buf, size, "a process of user %u", h.uid);
	return h.has_uid;
}
