#include "log.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

#define QUEUE_BYTES	(256 * 1024)
#define CLOSE_WAIT_MS	100
#define IOV_COUNT	64

/* One formatted record that the target has not taken. */
struct entry {
	uint64_t count;		/* records that are lost with it: 1, or what a notice counts */
	bool notice;		/* ... which were lost before */
	size_t len;
	char bytes[];
};

/* What became of an attempt to write. */
enum taken {
	TAKEN,			/* something was written */
	FULL,			/* not now */
	FAILED,			/* an error that waiting does not mend */
	GONE			/* nobody there; what is queued stays */
};

/*
 * A target and what waits for it: entries from head to tail of mem.  It lies in the bss, whose
 * pages cost nothing until something waits.
 */
struct sink {
	enum taken (*take)(struct sink *);
	int fd;			/* -1: not open */
	size_t head, tail;
	size_t done;		/* bytes of the first entry that are written */
	uint64_t dropped;	/* records lost and not reported yet */
	struct loop_source *writable;	/* set: the loop says when to go on */
	_Alignas(struct entry) char mem[QUEUE_BYTES];
};

/* How stderr is written without ever blocking; by what it is. */
enum stream_way {
	STREAM_WRITE,		/* a file, or a description of our own with O_NONBLOCK */
	STREAM_ATOMIC,		/* such a description of a pipe: whole lines up to PIPE_BUF */
	STREAM_SEND,		/* a socket: MSG_DONTWAIT */
	STREAM_POLL		/* a description that blocks and is not ours to change */
};

static enum taken stream_take(struct sink *s);
static enum taken datagram_take(struct sink *s);

static struct sink stream = { .take = stream_take, .fd = -1 };
static struct sink datagram = { .take = datagram_take, .fd = -1 };

static struct {
	struct loop *loop;
	enum spec_log_target target;	/* never auto */
	enum spec_log_format format;
	int level;
	uint64_t dropped;		/* records lost since the start */
	enum stream_way way;		/* of stream.fd */
	const char *journal, *syslog;
} state = {
	.target = SPEC_LOG_STDERR,
	.format = SPEC_LOG_TEXT,
	.level = RECORD_INFO,
	.journal = "/run/systemd/journal/socket",
	.syslog = "/dev/log",
};

/* ---- the queue ---- */

static size_t
entry_size(size_t len)
{
	size_t align = _Alignof(struct entry);

	return (sizeof(struct entry) + len + align - 1) / align * align;
}

static bool
queue_empty(const struct sink *s)
{
	return s->head == s->tail;
}

static struct entry *
queue_at(struct sink *s, size_t at)
{
	return (struct entry *)(void *)(s->mem + at);
}

/* notice: how many lost records it reports; 0: it is a record itself. */
static void
queue_push(struct sink *s, const char *bytes, size_t len, uint64_t notice)
{
	size_t size = entry_size(len);
	struct entry *e;

	if (QUEUE_BYTES - s->tail < size) {
		memmove(s->mem, s->mem + s->head, s->tail - s->head);
		s->tail -= s->head;
		s->head = 0;
	}
	assert(QUEUE_BYTES - s->tail >= size);
	e = queue_at(s, s->tail);
	e->count = notice > 0 ? notice : 1;
	e->notice = notice > 0;
	e->len = len;
	memcpy(e->bytes, bytes, len);
	s->tail += size;
}

static void
queue_pop(struct sink *s)
{
	assert(!queue_empty(s));
	s->head += entry_size(queue_at(s, s->head)->len);
	s->done = 0;
	if (queue_empty(s))
		s->head = s->tail = 0;
}

/* So many records are lost; again: they were before, and their notice is. */
static void
lose(struct sink *s, uint64_t count, bool again)
{
	s->dropped += count;
	if (!again)
		state.dropped += count;
}

/* `written` bytes from the head of the queue are out. */
static void
queue_advance(struct sink *s, size_t written)
{
	while (written > 0) {
		size_t rest = queue_at(s, s->head)->len - s->done;

		if (written < rest) {
			s->done += written;
			return;
		}
		written -= rest;
		queue_pop(s);
	}
}

/* All is lost, but the rest of a line of which a part is out: without it the next would be glued on. */
static void
queue_drop(struct sink *s)
{
	size_t end = s->head, tail = s->tail;

	if (s->done > 0)
		end += entry_size(queue_at(s, s->head)->len);
	s->tail = end;
	while (end < tail) {
		const struct entry *e = queue_at(s, end);

		lose(s, e->count, e->notice);
		end += entry_size(e->len);
	}
	if (queue_empty(s))
		s->head = s->tail = 0;
}

/* ---- formats ---- */

static size_t
format_syslog(const struct record *r, char *buf, size_t size)
{
	time_t now = time(NULL);
	char stamp[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	return record_format_syslog(r, stamp, (int)getpid(), buf, size);
}

int64_t
log_realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static size_t
format_line(const struct record *r, char *buf, size_t size)
{
	size_t len;

	if (state.target == SPEC_LOG_STDERR && state.format == SPEC_LOG_JSON) {
		len = record_format_json(r, log_realtime_ns(), buf, size - 1);
	} else {
		len = record_format_text(r, buf, size - 1);
	}
	buf[len] = '\n';
	return len + 1;
}

static size_t
format_for(const struct sink *s, const struct record *r, char *buf, size_t size)
{
	if (s == &stream)
		return format_line(r, buf, size);
	if (state.target == SPEC_LOG_JOURNAL)
		return record_format_journal(r, buf, size);
	return format_syslog(r, buf, size);
}

static size_t
format_dropped(const struct sink *s, char *buf, size_t size)
{
	struct record r;

	record_init(&r, RECORD_WARNING, "dropped");
	record_number(&r, "count", (int64_t)s->dropped);
	return format_for(s, &r, buf, size);
}

/* ---- sinks ---- */

static bool sink_flush(struct sink *s);

static void
sink_ready(void *arg, uint32_t events)
{
	(void)events;
	(void)sink_flush(arg);
}

static void
sink_wait(struct sink *s)
{
	if (state.loop != NULL && s->writable == NULL)
		s->writable = loop_add(state.loop, s->fd, EPOLLOUT, sink_ready, s);
}

/* Not only unwatched: an error on the fd would be reported all the same, again and again. */
static void
sink_unwait(struct sink *s)
{
	loop_remove(s->writable);
	s->writable = NULL;
}

/* Put a record, and before it the report of those that were lost; false: it is lost too. */
static bool
sink_push(struct sink *s, const char *bytes, size_t len)
{
	char notice[512];
	size_t notice_len = s->dropped > 0 ? format_dropped(s, notice, sizeof(notice)) : 0;
	size_t need = entry_size(len) + (notice_len > 0 ? entry_size(notice_len) : 0);

	if (need > QUEUE_BYTES - (s->tail - s->head)) {
		lose(s, 1, false);
		return false;
	}
	if (notice_len > 0) {
		queue_push(s, notice, notice_len, s->dropped);
		s->dropped = 0;
	}
	queue_push(s, bytes, len, 0);
	return true;
}

/* After losses and a queue that went out, the report is not held back until the next record. */
static bool
sink_report(struct sink *s)
{
	char notice[512];
	size_t len;

	if (s->dropped == 0)
		return false;
	len = format_dropped(s, notice, sizeof(notice));
	queue_push(s, notice, len, s->dropped);
	s->dropped = 0;
	return true;
}

/* Write as much as the target takes now; true when the rest waits for it. */
static bool
sink_flush(struct sink *s)
{
	enum taken taken = TAKEN;

	while (!queue_empty(s) && taken == TAKEN) {
		taken = s->take(s);
		if (taken == TAKEN && queue_empty(s))
			(void)sink_report(s);
	}
	if (taken == FULL) {
		sink_wait(s);
		return true;
	}
	if (taken == FAILED)
		queue_drop(s);
	sink_unwait(s);
	return false;
}

/* ---- stderr ---- */

/*
 * O_NONBLOCK belongs to the open file description, which others write to as well: a pipe or a
 * terminal is opened anew.  That fails where we may not (a pipe made by another user).
 */
static void
stream_open(void)
{
	struct stat st;
	int fd;

	stream.fd = STDERR_FILENO;
	state.way = STREAM_WRITE;
	if (fstat(STDERR_FILENO, &st) != 0)
		return;
	if (S_ISSOCK(st.st_mode)) {
		state.way = STREAM_SEND;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		fd = fd_high(open("/proc/self/fd/2",
		    O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC));
		if (fd < 0) {
			state.way = STREAM_POLL;
			return;
		}
		stream.fd = fd;
		state.way = S_ISFIFO(st.st_mode) ? STREAM_ATOMIC : STREAM_WRITE;
	}
}

/*
 * The entries that go out with the next call.  On a pipe never more than the kernel writes in one
 * piece, so that lines of others come between ours but not into them; one entry at least.
 */
static int
stream_gather(struct sink *s, struct iovec iov[IOV_COUNT])
{
	size_t most = state.way == STREAM_ATOMIC || state.way == STREAM_POLL ? PIPE_BUF : SIZE_MAX;
	size_t skip = s->done, at = s->head, total = 0;
	int n = 0;

	while (at < s->tail && n < IOV_COUNT) {
		struct entry *e = queue_at(s, at);

		if (n > 0 && total + e->len > most)
			break;
		iov[n].iov_base = e->bytes + skip;
		iov[n].iov_len = e->len - skip;
		total += iov[n++].iov_len;
		at += entry_size(e->len);
		skip = 0;
	}
	if (state.way == STREAM_POLL && iov[0].iov_len > PIPE_BUF)
		iov[0].iov_len = PIPE_BUF;
	return n;
}

static bool
writable_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

static enum taken
stream_take(struct sink *s)
{
	struct iovec iov[IOV_COUNT];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;
	int count;

	if (s->fd < 0)
		stream_open();
	count = stream_gather(s, iov);
	if (state.way == STREAM_POLL && !writable_now(s->fd))
		return FULL;
	do {
		msg.msg_iovlen = (size_t)count;
		n = state.way == STREAM_SEND ?
		    sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) : writev(s->fd, iov, count);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? FULL : FAILED;
	queue_advance(s, (size_t)n);
	return TAKEN;
}

static void
stream_record(const struct record *r)
{
	static char line[RECORD_MAX + 1];
	size_t len = format_line(r, line, sizeof(line));

	if (entry_size(len) + entry_size(512) > QUEUE_BYTES - (stream.tail - stream.head) &&
	    stream.writable == NULL)
		(void)sink_flush(&stream);
	(void)sink_push(&stream, line, len);
	if (state.loop == NULL)
		(void)sink_flush(&stream);
}

/* JOURNAL_STREAM of systemd.exec(5): "device:inode" of the stderr that the journal gave us. */
static bool
stream_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return env != NULL && sscanf(env, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* ---- the journal and syslog ---- */

static void
datagram_disconnect(void)
{
	sink_unwait(&datagram);
	fd_close(&datagram.fd);
}

static bool
datagram_connect(void)
{
	const char *path = state.target == SPEC_LOG_JOURNAL ? state.journal : state.syslog;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	datagram_disconnect();
	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >= sizeof(un.sun_path))
		return false;
	datagram.fd = fd_high(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (datagram.fd >= 0 &&
	    connect(datagram.fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return true;
	datagram_disconnect();
	return false;
}

/*
 * Send the first entry.  A receiver that was restarted has another socket under the same name:
 * connecting again is tried once.
 */
static enum taken
datagram_take(struct sink *s)
{
	const struct entry *e = queue_at(s, s->head);
	bool fresh = s->fd < 0;

	if (fresh && !datagram_connect())
		return GONE;
	while (send(s->fd, e->bytes, e->len, MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN)
			return FULL;
		if (errno == ENOBUFS || errno == ENOMEM)
			return FAILED;
		if (errno == EINTR)
			continue;
		if (errno == EMSGSIZE) {
			lose(s, e->count, e->notice);
			break;
		}
		if (fresh || !datagram_connect()) {
			datagram_disconnect();
			return GONE;
		}
		fresh = true;
	}
	queue_pop(s);
	return TAKEN;
}

/* Nobody was there for the last record: what waited before it stays for the next connection, it does not.  false: it is not there. */
static bool
take_back(bool pushed, size_t end, size_t size)
{
	if (pushed) {
		if (datagram.tail != end || datagram.head + size > end)
			return false;
		datagram.tail -= size;
	} else {
		if (datagram.dropped == 0)
			return false;
		datagram.dropped--;
		state.dropped--;
	}
	return true;
}

/* false: nobody is there, the record has to go elsewhere. */
static bool
datagram_record(const struct record *r)
{
	static char bytes[RECORD_MAX];
	size_t len = format_for(&datagram, r, bytes, sizeof(bytes));
	bool pushed = sink_push(&datagram, bytes, len);
	size_t end = datagram.tail;

	if (datagram.writable != NULL)
		return true;
	(void)sink_flush(&datagram);
	return datagram.fd >= 0 || !take_back(pushed, end, entry_size(len));
}

/* ---- the log ---- */

void
log_set_paths(const char *journal, const char *syslog)
{
	datagram_disconnect();
	state.journal = journal;
	state.syslog = syslog;
}

void
log_open(struct loop *loop, enum spec_log_target target, enum spec_log_format format, int level)
{
	if (target == SPEC_LOG_AUTO)
		target = stream_is_journal() ? SPEC_LOG_JOURNAL : SPEC_LOG_STDERR;
	log_flush();
	sink_unwait(&stream);
	sink_unwait(&datagram);
	if (target != state.target) {
		datagram_disconnect();
		queue_drop(&datagram);
		if (target == SPEC_LOG_STDERR) {
			stream.dropped += datagram.dropped;
			datagram.dropped = 0;
		}
	}
	state.loop = loop;
	state.target = target;
	state.format = format;
	state.level = level;
	log_flush();
}

int
log_level(void)
{
	return state.level;
}

bool
log_wants(enum record_level level)
{
	return (int)level <= state.level;
}

void
log_record(const struct record *r)
{
	if (!log_wants(r->level))
		return;
	if (state.target == SPEC_LOG_STDERR || !datagram_record(r))
		stream_record(r);
}

void
log_message(enum record_level level, const char *word, const char *fmt, ...)
{
	char message[2 * DIAG_MAX];
	struct record r;
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	record_init(&r, level, word);
	record_text(&r, "message", message);
	log_record(&r);
}

void
log_flush(void)
{
	if (stream.writable == NULL)
		(void)sink_flush(&stream);
	/* Without a connection the next record looks for one. */
	if (datagram.writable == NULL && datagram.fd >= 0)
		(void)sink_flush(&datagram);
}

uint64_t
log_dropped(void)
{
	return state.dropped;
}

static int64_t
monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Write out what waits, for at most CLOSE_WAIT_MS. */
static void
drain(void)
{
	int64_t end = monotonic_ms() + CLOSE_WAIT_MS, left = CLOSE_WAIT_MS;
	struct pollfd p[2] = { { .events = POLLOUT }, { .events = POLLOUT } };

	while (left > 0) {
		p[0].fd = sink_flush(&stream) ? stream.fd : -1;
		p[1].fd = sink_flush(&datagram) ? datagram.fd : -1;
		if (p[0].fd < 0 && p[1].fd < 0)
			return;
		(void)poll(p, 2, (int)left);
		left = end - monotonic_ms();
	}
}

/* There will be no next record to report with. */
static void
report_last(void)
{
	queue_drop(&datagram);
	stream.dropped += datagram.dropped;
	datagram.dropped = 0;
	if (queue_empty(&stream) && sink_report(&stream))
		(void)sink_flush(&stream);
}

void
log_close(void)
{
	state.loop = NULL;
	sink_unwait(&stream);
	sink_unwait(&datagram);
	drain();
	report_last();
	datagram_disconnect();
	if (stream.fd > STDERR_FILENO)
		(void)close(stream.fd);
	stream.fd = -1;
	stream.head = stream.tail = stream.done = 0;
}
