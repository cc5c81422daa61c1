#include "sockdiag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

struct sockdiag {
	int fd;
	bool works;			/* tcp was answered once: without its module all is ENOENT */
	uint32_t seq;
};

void
sockdiag_free(struct sockdiag *d)
{
	if (d == NULL)
		return;
	fd_close(&d->fd);
	free(d);
}

/* One request, one answer; the kernel answers before send() returns.  The answer's payload, or NULL and *error. */
static struct nlmsghdr *
ask(struct sockdiag *d, const void *request, size_t len, char *buf, size_t size, int *error)
{
	struct {
		struct nlmsghdr h;
		char body[128];
	} msg = { .h = { .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST } };
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf;
	ssize_t n;

	msg.h.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	msg.h.nlmsg_seq = ++d->seq;
	memcpy(NLMSG_DATA(&msg.h), request, len);
	if (send(d->fd, &msg, msg.h.nlmsg_len, MSG_DONTWAIT) < 0) {
		*error = errno;
		return NULL;
	}
	do {
		n = recv(d->fd, buf, size, MSG_DONTWAIT);
	} while (n > 0 && (!NLMSG_OK(h, n) || h->nlmsg_seq != d->seq));
	if (n <= 0) {
		*error = n < 0 ? errno : EIO;
		return NULL;
	}
	if (h->nlmsg_type == NLMSG_ERROR) {
		*error = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
		return NULL;
	}
	return h;
}

static const void *
attribute(struct nlmsghdr *h, size_t fixed, unsigned short type, size_t *len)
{
	char *p = (char *)NLMSG_DATA(h) + NLMSG_ALIGN(fixed);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(fixed));
	struct rtattr *a = (struct rtattr *)(void *)p;

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == type) {
			*len = RTA_PAYLOAD(a);
			return RTA_DATA(a);
		}
	return NULL;
}

static void
set_end(const struct addr *a, __be16 *port, __be32 *host)
{
	if (a->u.sa.sa_family == AF_INET) {
		*port = a->u.in.sin_port;
		memcpy(host, &a->u.in.sin_addr, 4);
	} else {
		*port = a->u.in6.sin6_port;
		memcpy(host, &a->u.in6.sin6_addr, 16);
	}
}

/* Has the client sent its FIN?  (include/net/tcp_states.h) */
static bool
has_ended(uint8_t state)
{
	enum { TIME_WAIT = 6, CLOSE_WAIT = 8, LAST_ACK = 9, CLOSING = 11 };

	return state == TIME_WAIT || state == CLOSE_WAIT || state == LAST_ACK || state == CLOSING;
}

int
sockdiag_tcp(struct sockdiag *d, const struct addr *local, const struct addr *peer, int device,
    uint64_t cookie, struct sockdiag_tcp *out)
{
	char buf[4096] __attribute__((aligned(8)));
	struct inet_diag_req_v2 req = { .sdiag_family = (uint8_t)local->u.sa.sa_family,
		.sdiag_protocol = IPPROTO_TCP, .idiag_ext = 1 << (INET_DIAG_INFO - 1),
		.idiag_states = ~0U };
	struct tcp_info info = { 0 };
	struct inet_diag_msg *m;
	struct nlmsghdr *h;
	const void *p;
	size_t len;
	int error = 0;

	set_end(local, &req.id.idiag_sport, req.id.idiag_src);
	set_end(peer, &req.id.idiag_dport, req.id.idiag_dst);
	req.id.idiag_if = (uint32_t)device;
	req.id.idiag_cookie[0] = (uint32_t)cookie;
	req.id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
	if ((h = ask(d, &req, sizeof(req), buf, sizeof(buf), &error)) == NULL)
		return error == ENOENT && !d->works ? EOPNOTSUPP : error;
	m = NLMSG_DATA(h);
	if ((p = attribute(h, sizeof(*m), INET_DIAG_INFO, &len)) == NULL)
		return ENOENT;
	memcpy(&info, p, len < sizeof(info) ? len : sizeof(info));
	/* the kernel counts the end of what the client sends as a byte */
	if (has_ended(m->idiag_state) && info.tcpi_bytes_received > 0)
		info.tcpi_bytes_received--;
	d->works = true;
	*out = (struct sockdiag_tcp){ .received = info.tcpi_bytes_received,
		.acked = info.tcpi_bytes_acked, .unread = m->idiag_rqueue,
		.unsent = info.tcpi_notsent_bytes, .unacked = info.tcpi_unacked,
		.last_sent_ns = (int64_t)info.tcpi_last_data_sent * 1000000,
		.last_received_ns = (int64_t)info.tcpi_last_data_recv * 1000000,
		.inode = m->idiag_inode };
	return 0;
}

int
sockdiag_unix(struct sockdiag *d, uint32_t inode, uint64_t cookie, uint32_t *unread,
    uint32_t *unsent)
{
	char buf[4096] __attribute__((aligned(8)));
	struct unix_diag_req req = { .sdiag_family = AF_UNIX, .udiag_states = ~0U,
		.udiag_ino = inode, .udiag_show = UDIAG_SHOW_RQLEN,
		.udiag_cookie = { (uint32_t)cookie, (uint32_t)(cookie >> 32) } };
	struct unix_diag_rqlen queue;
	struct nlmsghdr *h;
	const void *p;
	size_t len;
	int error = 0;

	if ((h = ask(d, &req, sizeof(req), buf, sizeof(buf), &error)) == NULL)
		return error;
	p = attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_RQLEN, &len);
	if (p == NULL || len < sizeof(queue))
		return ENOENT;
	memcpy(&queue, p, sizeof(queue));
	*unread = queue.udiag_rqueue;
	*unsent = queue.udiag_wqueue;
	return 0;
}

bool
sockdiag_name(int fd, uint64_t *cookie, uint32_t *inode)
{
	socklen_t len = sizeof(*cookie);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len) < 0)
		return false;
	if (inode == NULL)
		return true;
	if (fstat(fd, &st) < 0)
		return false;
	*inode = (uint32_t)st.st_ino;
	return true;
}

/* Without its module all is ENOENT: ask about a socket of our own. */
static void
try_tcp(struct sockdiag *d)
{
	struct addr local = { .len = sizeof(local.u.in) }, peer = { .len = sizeof(peer.u.in) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockdiag_tcp t;
	socklen_t len = sizeof(local.u.in);
	uint64_t cookie;

	local.u.in.sin_family = peer.u.in.sin_family = AF_INET;
	local.u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, &local.u.sa, len) == 0 && listen(fd, 0) == 0 &&
	    getsockname(fd, &local.u.sa, &len) == 0 && sockdiag_name(fd, &cookie, NULL))
		sockdiag_tcp(d, &local, &peer, 0, cookie, &t);
	fd_close(&fd);
}

struct sockdiag *
sockdiag_new(void)
{
	struct sockdiag *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->fd = fd_high(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	if (d->fd >= 0) {
		try_tcp(d);
		return d;
	}
	free(d);
	return NULL;
}
