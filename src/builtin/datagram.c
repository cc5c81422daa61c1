#include "datagram.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../pure/ratelog.h"
#include "conn.h"
#include "today.h"

#define LONGEST 65535
#define SAY_EVERY_NS INT64_C(60000000000)

struct datagram {
	struct addr peer;
	const char *why_not;	/* not answered, whoever the peer is; NULL: may be */
	struct {		/* for the answer: from the address that was asked */
		_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		size_t len;	/* 0: the kernel chooses */
	} control;
	size_t len;
	char bytes[LONGEST + 1];
};

struct server {
	enum builtin which;
	int fd;
	uint16_t own_port;
	uint64_t answers;	/* chargen's lines begin with this one */
	struct ratelog said;
};

/* Learn of each datagram which of our addresses it was sent to. */
static void
server_init(struct server *s, enum builtin which, int fd)
{
	struct addr own = { .len = sizeof(own.u) };
	int on = 1;

	*s = (struct server){ .which = which, .fd = fd };
	if (getsockname(fd, &own.u.sa, &own.len) != 0)
		return;
	s->own_port = addr_port(&own);
	if (own.u.sa.sa_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	else if (own.u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

static void
keep_control(struct datagram *d, int level, int type, const void *info, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)d->control.bytes;

	memset(d->control.bytes, 0, sizeof(d->control.bytes));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), info, len);
	d->control.len = CMSG_SPACE(len);
}

/*
 * ipi_spec_dst is our own address that answers for ipi_addr, the one in the header: the two differ for a broadcast or multicast.
 * What came before server_init(), as the first datagram of a handler mostly did, has none.  Then what is not seen
 * to be a group is taken for ours; the kernel sends nothing from an address that is not.
 */
static bool
own_address(struct in_pktinfo *info)
{
	uint32_t to = ntohl(info->ipi_addr.s_addr);

	if (IN_MULTICAST(to) || to == INADDR_BROADCAST)
		return false;
	if (info->ipi_spec_dst.s_addr == 0)
		info->ipi_spec_dst = info->ipi_addr;
	return info->ipi_spec_dst.s_addr == info->ipi_addr.s_addr;
}

/* The way back is the routing table's business, but a link-local address lives on one interface. */
static void
note_arrival(struct datagram *d, struct cmsghdr *c)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
	bool group = false;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&v4, CMSG_DATA(c), sizeof(v4));
		v4.ipi_ifindex = 0;
		group = !own_address(&v4);
		keep_control(d, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&v6, CMSG_DATA(c), sizeof(v6));
		if (!IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
			v6.ipi6_ifindex = 0;
		group = IN6_IS_ADDR_MULTICAST(&v6.ipi6_addr);
		keep_control(d, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
	if (group)
		d->why_not = "sent to a broadcast or multicast address";
}

/* false, with errno: none (EAGAIN: another one took it, or its checksum was wrong) */
static bool
receive(int fd, struct datagram *d)
{
	_Alignas(struct cmsghdr) char control[256];
	struct iovec iov = { d->bytes, sizeof(d->bytes) };
	struct msghdr m = { .msg_name = &d->peer.u, .msg_namelen = sizeof(d->peer.u), .msg_iov = &iov,
	    .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	if (n < 0)
		return false;
	d->len = n;
	d->peer.len = m.msg_namelen;
	d->why_not = (m.msg_flags & MSG_TRUNC) != 0 || n > LONGEST ? "too long" : NULL;
	d->control.len = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		note_arrival(d, c);
	return true;
}

/* The answer's bytes: room, or the datagram's own. */
static const char *
compose(struct server *s, const struct datagram *d, char room[SMALL_CHARGEN_MAX], size_t *len)
{
	if (s->which == BUILTIN_ECHO) {
		*len = d->len;
		return d->bytes;
	}
	if (s->which == BUILTIN_CHARGEN)
		*len = small_chargen_datagram(s->answers++, d->len, room);
	else
		*len = today_answer(s->which, room);
	return room;
}

/* Lost answers are no news: a datagram may be lost anyway. */
static void
answer(struct server *s, struct datagram *d)
{
	char room[SMALL_CHARGEN_MAX];
	struct iovec iov;
	struct msghdr m = { .msg_name = &d->peer.u, .msg_namelen = d->peer.len, .msg_iov = &iov,
	    .msg_iovlen = 1, .msg_controllen = d->control.len };

	iov.iov_base = (void *)compose(s, d, room, &iov.iov_len);
	if (d->control.len > 0)
		m.msg_control = d->control.bytes;
	(void)sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
say_held(const struct server *s, uint64_t held)
{
	if (held > 0)
		dprintf(STDERR_FILENO, "%s: %llu more datagrams were not answered\n", small_name(s->which),
		    (unsigned long long)held);
}

static void
say_refusal(struct server *s, const char *why)
{
	uint64_t held;
	bool say = ratelog_allow(&s->said, 1, SAY_EVERY_NS, conn_now_ns(), &held);

	say_held(s, held);
	if (say)
		dprintf(STDERR_FILENO, "%s: a datagram was not answered: %s\n", small_name(s->which), why);
}

/* For this process, which serves one socket. */
static struct {
	const uint16_t *port;
	size_t count;
} refused;

void
datagram_refuse_ports(const uint16_t *port, size_t n)
{
	refused.port = port;
	refused.count = n;
}

static const char *
unanswerable(const struct addr *peer, uint16_t own_port)
{
	const char *why = small_unanswerable(peer, own_port);
	uint16_t port = addr_port(peer);

	for (size_t i = 0; why == NULL && i < refused.count; i++)
		if (port != 0 && refused.port[i] == port)
			return "source port of another service here";
	return why;
}

static void
serve_one(struct server *s, struct datagram *d)
{
	const char *why;

	if (s->which == BUILTIN_DISCARD)
		return;
	why = d->why_not != NULL ? d->why_not : unanswerable(&d->peer, s->own_port);
	if (why == NULL)
		answer(s, d);
	else
		say_refusal(s, why);
}

bool
datagram_serve(enum builtin which, int fd, int64_t silence_ns)
{
	int64_t end_ns = conn_now_ns() + silence_ns;
	struct datagram d;
	struct server s;

	assert(which != BUILTIN_TCPMUX);
	server_init(&s, which, fd);
	while (conn_wait(fd, POLLIN, end_ns) != 0) {
		if (receive(fd, &d)) {
			end_ns = conn_now_ns() + silence_ns;
			serve_one(&s, &d);
		} else if (errno != EAGAIN && !conn_errno_is_peers(errno))
			return false;
	}
	say_held(&s, ratelog_take(&s.said));
	return true;
}
