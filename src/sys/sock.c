#include "sock.h"

#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83	/* asm-generic/socket.h of Linux 6.16 */
#endif

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static bool
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static enum sock_outcome
explain(enum sock_outcome outcome, struct diag *why, const char *step)
{
	int error = errno;

	if (error == EADDRINUSE) {
		diag_set(why, "address already in use");
		return SOCK_IN_USE;
	}
	if (error == EAFNOSUPPORT || error == EPROTONOSUPPORT)
		outcome = SOCK_NO_FAMILY;
	diag_set(why, "%s: %s", step, strerror(error));
	return outcome;
}

/* ---- unix paths ---- */

static bool
is_path(const struct addr *a)
{
	return a->u.sa.sa_family == AF_UNIX && a->u.un.sun_path[0] == '/';
}

/* connect(2) to a unix address: a socket, or -1 and errno. */
static int
dial(const struct addr *a, int type)
{
	int fd = fd_high(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), saved;

	if (fd < 0)
		return -1;
	if (connect(fd, &a->u.sa, a->len) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

pid_t
sock_server(const char *path)
{
	struct addr a = { .len = sizeof(a.u.un) };
	pid_t pid = 0;
	uid_t uid;
	gid_t gid;
	int fd;

	a.u.un.sun_family = AF_UNIX;
	if (strlcpy(a.u.un.sun_path, path, sizeof(a.u.un.sun_path)) >= sizeof(a.u.un.sun_path))
		return 0;
	if ((fd = dial(&a, SOCK_STREAM)) < 0)
		return 0;
	sock_credentials(fd, &uid, &gid, &pid);
	close(fd);
	return pid;
}

/* Remove what is in the way if it is a socket that nobody serves. */
static bool
clear_stale(const struct addr *a, struct diag *why)
{
	struct stat st;
	int fd;

	if (lstat(a->u.un.sun_path, &st) < 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		diag_set(why, "%s exists and is not a socket", a->u.un.sun_path);
		return false;
	}
	if ((fd = dial(a, SOCK_DGRAM)) >= 0 || errno != ECONNREFUSED) {
		fd_close(&fd);
		diag_set(why, "address already in use: another program serves %s",
		    a->u.un.sun_path);
		return false;
	}
	return unlink(a->u.un.sun_path) == 0;
}

/* The path appears with its final mode: no moment in which more may connect than should. */
static int
bind_path(int fd, const struct addr *a, mode_t mode)
{
	mode_t old = umask(~mode & 0777);
	int ret = bind(fd, &a->u.sa, a->len);
	int saved = errno;

	umask(old);
	errno = saved;
	return ret;
}

/*
 * Mode and owner of the path that we made, through an fd on that very inode: whoever may write to the
 * directory may have put something else, or a link, in its place.
 */
static bool
own_path(const struct sock *s, const char *path, const struct sock_options *opt, struct diag *why)
{
	char link[48];
	struct stat st;
	int fd = fd_high(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_dev != s->dev ||
	    st.st_ino != s->ino) {
		fd_close(&fd);
		diag_set(why, "%s is not the socket that was bound any more", path);
		return false;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", opt->owner != (uid_t)-1 ? opt->owner : s->uid,
		opt->group != (gid_t)-1 ? opt->group : s->gid, AT_EMPTY_PATH) < 0 ||
	    ((st.st_mode & 0777) != opt->mode && chmod(link, opt->mode) < 0)) {
		explain(SOCK_ERROR, why, "mode or owner");
		fd_close(&fd);
		return false;
	}
	fd_close(&fd);
	return true;
}

static enum sock_outcome
bind_unix(struct sock *s, const struct addr *a, const struct sock_options *opt, struct diag *why)
{
	struct stat st;
	int ret;

	if (!is_path(a))
		return bind(s->fd, &a->u.sa, a->len) == 0 ? SOCK_OPENED
							  : explain(SOCK_ERROR, why, "bind");
	ret = bind_path(s->fd, a, opt->mode);
	if (ret < 0 && errno == EADDRINUSE) {
		if (!clear_stale(a, why))
			return SOCK_IN_USE;
		ret = bind_path(s->fd, a, opt->mode);
	}
	if (ret < 0)
		return explain(SOCK_ERROR, why, "bind");
	if (lstat(a->u.un.sun_path, &st) < 0)
		return explain(SOCK_ERROR, why, "lstat");
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->uid = st.st_uid;
	s->gid = st.st_gid;
	if ((opt->owner != (uid_t)-1 || opt->group != (gid_t)-1) &&
	    !own_path(s, a->u.un.sun_path, opt, why))
		return SOCK_ERROR;
	return SOCK_OPENED;
}

/* ---- tcp ---- */

static bool
free_bind(int fd, int family)
{
	return family == AF_INET ? set_int(fd, IPPROTO_IP, IP_FREEBIND, 1)
				 : set_int(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
}

static enum sock_outcome
bind_inet(struct sock *s, const struct endpoint_key *key, const struct sock_options *opt,
    struct diag *why)
{
	struct addr a = key->addr;
	int family = a.u.sa.sa_family;

	/* with datagrams it would let a second program in */
	if (key->kind == ENDPOINT_TCP && !set_int(s->fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return explain(SOCK_ERROR, why, "SO_REUSEADDR");
	if (family == AF_INET6 && !set_int(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return explain(SOCK_ERROR, why, "IPV6_V6ONLY");
	if (key->device[0] != '\0' && setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, key->device,
	    (socklen_t)strlen(key->device) + 1) < 0)
		return explain(SOCK_ERROR, why, "SO_BINDTODEVICE");
	if (opt->free_bind && !addr_is_wildcard(&a) && !free_bind(s->fd, family))
		return explain(SOCK_ERROR, why, "IP_FREEBIND");
	if (key->scope[0] != '\0' && (a.u.in6.sin6_scope_id = if_nametoindex(key->scope)) == 0) {
		diag_set(why, "there is no interface %s", key->scope);
		return SOCK_ERROR;
	}
	if (bind(s->fd, &a.u.sa, a.len) < 0)
		return explain(SOCK_ERROR, why, "bind");
	return SOCK_OPENED;
}

/* What is so already is not set: it may need a privilege, as 0 does too. */
static bool
ensure_int(int fd, int level, int name, int value)
{
	int now = 0;
	socklen_t len = sizeof(now);

	if (getsockopt(fd, level, name, &now, &len) == 0 && now == value)
		return true;
	return set_int(fd, level, name, value);
}

/* The kernel cuts a size to its limit without a word (socket(7)): then it is said here.  It reports twice what was set. */
static bool
set_buffer(int fd, int force, int name, int value, const char *key, struct diag *why)
{
	int now = 0;
	socklen_t len = sizeof(now);

	if (value == 0 || set_int(fd, SOL_SOCKET, force, value))
		return true;
	if (!set_int(fd, SOL_SOCKET, name, value)) {
		diag_set(why, "socket.%s: %s", key, strerror(errno));
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, name, &now, &len) == 0 && now / 2 < value) {
		diag_set(why, "socket.%s: the kernel allows %d bytes (net.core.%s)", key, now / 2,
		    name == SO_RCVBUF ? "rmem_max" : "wmem_max");
		return false;
	}
	return true;
}

/*
 * Options by their keys: what the kernel or a lack of privilege refuses is said by name.  Connections inherit all of them
 * from their listener.  One that is not set any more goes back to the kernel's default, where that is a number.
 */
static bool
apply_options(int fd, enum endpoint_kind kind, int family, const struct sock_options *opt,
    struct diag *why)
{
	bool tcp = kind == ENDPOINT_TCP, inet = family != AF_UNIX, six = family == AF_INET6;
	const struct { const char *key; bool set; int level, name, value; } rows[] = {
		{ "keep_alive", tcp, SOL_SOCKET, SO_KEEPALIVE, opt->keep_alive },
		{ "no_delay", tcp, IPPROTO_TCP, TCP_NODELAY, opt->no_delay },
		{ "defer_accept", tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT, opt->defer_accept_s },
		{ "user_timeout", tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, opt->user_timeout_ms },
		{ "mark", inet, SOL_SOCKET, SO_MARK, (int)opt->mark },
		{ "ip_tos", inet, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TCLASS : IP_TOS,
		    opt->ip_tos >= 0 ? opt->ip_tos : 0 },
		{ "transparent", inet, six ? IPPROTO_IPV6 : IPPROTO_IP,
		    six ? IPV6_TRANSPARENT : IP_TRANSPARENT, opt->transparent },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].set && !ensure_int(fd, rows[i].level, rows[i].name, rows[i].value)) {
			diag_set(why, "socket.%s: %s", rows[i].key, strerror(errno));
			return false;
		}
	return set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, opt->receive_buffer, "receive_buffer", why) &&
	    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, opt->send_buffer, "send_buffer", why);
}

static int
type_of(enum endpoint_kind kind)
{
	if (endpoint_is_datagram(kind))
		return SOCK_DGRAM;
	return kind == ENDPOINT_UNIX_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* What is set on an open socket: options, and its queue. */
static enum sock_outcome
prepare(int fd, enum endpoint_kind kind, int family, const struct sock_options *opt,
    struct diag *why)
{
	if (!apply_options(fd, kind, family, opt, why))
		return SOCK_ERROR;
	if (!endpoint_is_datagram(kind) && listen(fd, opt->backlog) < 0)
		return explain(SOCK_ERROR, why, "listen");
	return SOCK_OPENED;
}

enum sock_outcome
sock_listen(const struct endpoint_key *key, const struct sock_options *opt, struct sock *out,
    struct diag *why)
{
	int family = key->addr.u.sa.sa_family, type = type_of(key->kind) | SOCK_CLOEXEC;
	enum sock_outcome outcome;

	*out = (struct sock){ .fd = -1 };
	out->fd = fd_high(socket(family, opt->blocking ? type : type | SOCK_NONBLOCK, 0));
	if (out->fd < 0)
		return explain(SOCK_ERROR, why, "socket");
	outcome = family == AF_UNIX ? bind_unix(out, &key->addr, opt, why)
				    : bind_inet(out, key, opt, why);
	if (outcome == SOCK_OPENED)
		outcome = prepare(out->fd, key->kind, family, opt, why);
	if (outcome == SOCK_OPENED)
		sock_local(out->fd, &out->bound);
	else
		sock_close(out);
	return outcome;
}

bool
sock_apply(const struct sock *s, const struct endpoint_key *key, const struct sock_options *opt,
    struct diag *why)
{
	if (prepare(s->fd, key->kind, key->addr.u.sa.sa_family, opt, why) != SOCK_OPENED)
		return false;
	return !is_path(&key->addr) || own_path(s, key->addr.u.un.sun_path, opt, why);
}

bool
sock_set_blocking(const struct sock *s, bool blocking)
{
	int flags = fcntl(s->fd, F_GETFL);

	if (flags < 0)
		return false;
	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return fcntl(s->fd, F_SETFL, flags) == 0;
}

/* ---- shared sockets ---- */

void
sock_head(int fd, struct sock_head *head)
{
	/* room for the time and nothing behind it: no passed descriptor is installed */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
	struct msghdr m = { .msg_name = &head->from.u, .msg_namelen = sizeof(head->from.u),
		.msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int was = 0;
	socklen_t len = sizeof(was);

	*head = (struct sock_head){ 0 };
	/* the first look that asks for it stamps a datagram that has none */
	getsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &was, &len);
	set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	head->size = recvmsg(fd, &m, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (!was)
		set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 0);
	head->from.len = head->size >= 0 ? m.msg_namelen : 0;
	c = head->size >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
		memcpy(&head->at, CMSG_DATA(c), sizeof(head->at));
}

bool
sock_head_equal(const struct sock_head *a, const struct sock_head *b)
{
	return a->size == b->size && a->from.len == b->from.len &&
	    memcmp(&a->from.u, &b->from.u, a->from.len) == 0 && a->at.tv_sec == b->at.tv_sec &&
	    a->at.tv_nsec == b->at.tv_nsec;
}

void
sock_drop(int fd)
{
	/* an error is one of the network that waited its turn: then the datagram comes next */
	if (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno != EAGAIN)
		recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
}

bool
sock_is_spent(const struct sock *s, enum endpoint_kind kind)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };
	int listens = 1;
	socklen_t len = sizeof(listens);

	/* a unix listener says that it listens even then */
	if (kind != ENDPOINT_TCP)
		return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP)) != 0;
	return getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens == 0;
}

void
sock_disconnect(const struct sock *s)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct addr peer = { .len = sizeof(peer.u) }, own;

	if (getpeername(s->fd, &peer.u.sa, &peer.len) < 0)
		return;
	connect(s->fd, &none, sizeof(none));
	sock_local(s->fd, &own);
	if (own.u.sa.sa_family != AF_UNIX && addr_port(&own) != addr_port(&s->bound))
		(void)!bind(s->fd, &s->bound.u.sa, s->bound.len);
}

bool
sock_is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

void
sock_close(struct sock *s)
{
	const char *path = s->bound.u.un.sun_path;
	struct stat st;
	struct addr a;

	if (s->fd < 0)
		return;
	if (s->ino != 0) {
		sock_local(s->fd, &a);
		path = a.u.un.sun_path;
		if (lstat(path, &st) == 0 && st.st_ino == s->ino && st.st_dev == s->dev)
			unlink(path);
	}
	fd_close(&s->fd);
	s->ino = 0;
}

enum sock_accepted
sock_accept(int listener, int *fd, struct addr *peer)
{
	*peer = (struct addr){ .len = sizeof(peer->u) };
	*fd = accept4(listener, &peer->u.sa, &peer->len, SOCK_CLOEXEC);
	if (*fd >= 0) {
		addr_unmap(peer);
		return SOCK_CONNECTION;
	}
	switch (errno) {
	case EAGAIN:
		return SOCK_QUEUE_EMPTY;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return SOCK_NO_RESOURCES;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
	case EFAULT:
		return SOCK_BROKEN;
	default:
		/* ECONNABORTED, EPROTO, EINTR, ENOTCONN, and the network errors of accept(2) */
		return SOCK_ONE_LOST;
	}
}

void
sock_local(int fd, struct addr *local)
{
	*local = (struct addr){ .len = sizeof(local->u) };
	if (getsockname(fd, &local->u.sa, &local->len) < 0)
		local->len = 0;
	addr_unmap(local);
}

void
sock_look(int fd, bool *gone, int64_t *waited_ns)
{
	struct tcp_info info = { 0 };
	socklen_t len = waited_ns == NULL ? offsetof(struct tcp_info, tcpi_ca_state)
					  : offsetof(struct tcp_info, tcpi_last_ack_sent);
	bool known = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0;

	/* the state is the first byte; 7 is TCP_CLOSE (include/net/tcp_states.h) */
	*gone = known && info.tcpi_state == 7;
	if (waited_ns != NULL)
		*waited_ns = known ? (int64_t)info.tcpi_last_data_sent * 1000000 : 0;
}

void
sock_take_linger_back(int fd)
{
	struct linger l = { 0 };
	socklen_t len = sizeof(l);

	if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len) < 0 || l.l_onoff == 0 || l.l_linger == 0)
		return;
	l = (struct linger){ 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

void
sock_let_go(int *fd)
{
	if (*fd >= 0)
		sock_take_linger_back(*fd);
	fd_close(fd);
}

void
sock_refuse_rights(int fd)
{
	int no = 0;

	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
}

void
sock_reset(int fd, bool is_tcp)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (is_tcp)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

int
sock_device(int fd, const struct addr *local, bool is_bound)
{
	char name[IF_NAMESIZE] = "";
	socklen_t len = sizeof(name);

	if (is_bound && getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 &&
	    name[0] != '\0')
		return (int)if_nametoindex(name);
	return local->u.sa.sa_family == AF_INET6 ? (int)local->u.in6.sin6_scope_id : 0;
}

bool
sock_credentials(int fd, uid_t *uid, gid_t *gid, pid_t *pid)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0)
		return false;
	*uid = c.uid;
	*gid = c.gid;
	*pid = c.pid;
	return true;
}

int
sock_queue(int listener)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(int);
	int listens = 0;

	/* of anything else TCP_INFO takes the lock, which a handler that made it so may hold */
	if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens)
		return -1;
	len = sizeof(info);
	if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -1;
	return (int)info.tcpi_unacked;
}

bool
sock_address_present(const struct addr *a)
{
	struct addr probe = *a;
	bool present;
	int fd;

	if (a->u.sa.sa_family == AF_UNIX || addr_is_wildcard(a))
		return true;
	if ((fd = fd_high(socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0))) < 0)
		return true;
	addr_set_port(&probe, 0);
	present = bind(fd, &probe.u.sa, probe.len) == 0 || errno != EADDRNOTAVAIL;
	close(fd);
	return present;
}
