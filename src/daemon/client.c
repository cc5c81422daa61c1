#include "client.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/log.h"
#include "../sys/sock.h"
#include "methods.h"

#define READ_BYTES 4096
#define TURN_NS 1000000LL	/* for all clients: others have things to do */
#define TURN_MAX_NS 4000000LL	/* ... where these have taken half as long */
#define NOTES_BURST 10
#define NOTES_WINDOW_NS 1000000000LL

struct client {
	TAILQ_ENTRY(client) next;
	TAILQ_ENTRY(client) next_busy;
	TAILQ_ENTRY(client) next_unsent;
	struct client_set *set;
	int fd;
	struct loop_source *source;
	uint32_t watched;		/* what source waits for */
	uid_t uid;
	char *in;			/* owned: calls that were not made yet; NULL: none */
	size_t in_len, in_room;
	char *out;			/* owned: what is still to be sent; NULL: nothing */
	size_t out_len, out_sent;
	const struct client_work *work;	/* the call that it made last is not answered yet */
	void *work_arg;
	bool oneway;			/* ... and nobody wants to know */
	bool doing;			/* in a method, or in work->step() */
	bool busy;			/* in set->busy */
	bool stuck;			/* in set->unsent */
	bool in_eof;			/* nothing more comes; make the calls that came, then close */
};

static void settle(struct client *c);

/* Its work is done, or in vain. */
static void
end_work(struct client *c)
{
	const struct client_work *w = c->work;

	if (w == NULL)
		return;
	c->work = NULL;
	if (w->end != NULL)
		w->end(c, c->work_arg);
	c->work_arg = NULL;
}

static void
set_busy(struct client *c, bool busy)
{
	if (busy == c->busy)
		return;
	c->busy = busy;
	if (busy) {
		TAILQ_INSERT_TAIL(&c->set->busy, c, next_busy);
		c->set->nbusy++;
	} else {
		TAILQ_REMOVE(&c->set->busy, c, next_busy);
		c->set->nbusy--;
	}
}

static void
set_stuck(struct client *c, bool stuck)
{
	if (stuck == c->stuck)
		return;
	c->stuck = stuck;
	if (stuck)
		TAILQ_INSERT_TAIL(&c->set->unsent, c, next_unsent);
	else
		TAILQ_REMOVE(&c->set->unsent, c, next_unsent);
}

static void
forget_out(struct client *c)
{
	c->set->unsent_bytes -= c->out_len;
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_sent = 0;
	set_stuck(c, false);
}

bool
client_give_spare(struct client_set *set)
{
	if (set->spare < 0)
		return false;
	fd_close(&set->spare);
	return true;
}

void
client_keep_spare(struct client_set *set)
{
	if (set->spare < 0)
		set->spare = fd_high(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void
client_free(struct client *c)
{
	end_work(c);
	set_busy(c, false);
	forget_out(c);
	TAILQ_REMOVE(&c->set->all, c, next);
	c->set->count--;
	loop_remove(c->source);
	fd_close(&c->fd);
	client_keep_spare(c->set);
	free(c->in);
	free(c);
}

/* ---- what is said of clients ---- */

static bool
may_note(struct client_set *set)
{
	uint64_t left_out;

	if (!ratelog_allow(&set->notes, NOTES_BURST, NOTES_WINDOW_NS, loop_now(set->loop), &left_out))
		return false;
	if (left_out > 0)
		log_message(RECORD_NOTICE, "note", "control: %llu notes were left out",
		    (unsigned long long)left_out);
	return true;
}

void
client_note(const struct client *c, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!may_note(c->set))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_message(RECORD_NOTICE, "note", "control: uid %u %s", (unsigned)c->uid, text);
}

/* ---- sending ---- */

/* As much as the socket takes; false: nobody is there to read it. */
static bool
flush(struct client *c)
{
	size_t before = c->out_sent;

	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			/* it reads, slowly: then it is not the one that has been stuck for longest */
			if (c->out_sent > before)
				set_stuck(c, false);
			set_stuck(c, true);
			return true;
		}
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			c->out_sent += (size_t)n;
	}
	forget_out(c);
	return true;
}

/* Takes the text over.  The length comes by pointer: it is set while the arguments are evaluated. */
static void
post(struct client *c, char *message, const size_t *len)
{
	assert(message != NULL);
	c->set->unsent_bytes += *len;
	if (c->out == NULL) {
		c->out = message;
		c->out_len = *len;
		return;
	}
	c->out = realloc(c->out, c->out_len + *len);
	assert(c->out != NULL);
	memcpy(c->out + c->out_len, message, *len);
	c->out_len += *len;
	free(message);
}

/* What is not sent is bounded for all together: who has been stuck for longest does not read at all. */
static void
make_room(struct client *c)
{
	struct client *slow;

	while (c->set->unsent_bytes > CLIENT_UNSENT_MAX &&
	    (slow = TAILQ_FIRST(&c->set->unsent)) != NULL && slow != c) {
		client_note(slow, "does not read its answer of %zu bytes: dropped", slow->out_len);
		client_free(slow);
	}
}

void
client_reply(struct client *c, const struct wire_call *call, json_t *parameters)
{
	size_t len = 0;

	if (!call->oneway)
		post(c, wire_format_reply(parameters, false, &len), &len);
	json_decref(parameters);
}

void
client_fail(struct client *c, const struct wire_call *call, const char *error, json_t *parameters)
{
	size_t len = 0;

	if (!call->oneway)
		post(c, wire_format_error(error, parameters, &len), &len);
	json_decref(parameters);
}

/* ---- answers that come later ---- */

void
client_begin(struct client *c, const struct wire_call *call, const struct client_work *work,
    void *arg)
{
	assert(c->work == NULL);
	c->work = work;
	c->work_arg = arg;
	c->oneway = call->oneway;
}

void
client_part(struct client *c, json_t *parameters)
{
	size_t len = 0;

	if (!c->oneway)
		post(c, wire_format_reply(parameters, true, &len), &len);
	json_decref(parameters);
}

static void
finish(struct client *c, char *message, size_t len)
{
	if (c->oneway)
		free(message);
	else
		post(c, message, &len);
	end_work(c);
	if (!c->doing)
		settle(c);
}

void
client_finish(struct client *c, json_t *parameters)
{
	size_t len = 0;
	char *message = wire_format_reply(parameters, false, &len);

	json_decref(parameters);
	finish(c, message, len);
}

/* ---- turns ---- */

static bool
has_call(const struct client *c)
{
	return c->in_len > 0 && memchr(c->in, '\0', c->in_len) != NULL;
}

/* A part that comes at the end of the room is no call, and never will be. */
static bool
is_too_long(const struct client *c)
{
	return c->in_len >= WIRE_CALL_MAX && !has_call(c);
}

static void
watch(struct client *c, uint32_t events)
{
	if (c->source != NULL && events != c->watched && loop_watch(c->source, events))
		c->watched = events;
}

/* After anything that happened to it: send, and see what it waits for now.  May free the client. */
static void
settle(struct client *c)
{
	bool more_calls = has_call(c);

	if ((c->out != NULL && !flush(c)) || is_too_long(c) ||
	    (c->in_eof && c->out == NULL && c->work == NULL && !more_calls)) {
		client_free(c);
		return;
	}
	set_busy(c, c->out == NULL && (c->work != NULL ? c->work->step != NULL : more_calls));
	if (c->out != NULL)
		watch(c, EPOLLOUT);
	else
		watch(c, c->in_eof || c->in_len >= WIRE_CALL_MAX ? 0 : EPOLLIN);
	make_room(c);
}

/* Make the first call of the buffer; false: it is none, and what follows cannot be trusted to be in step. */
static bool
next_call(struct client *c)
{
	char *end = memchr(c->in, '\0', c->in_len);
	size_t len = (size_t)(end - c->in);
	struct wire_call call;
	struct diag why;
	bool good = wire_parse_call(c->in, len, &call, &why);

	c->in_len -= len + 1;
	if (c->in_len == 0) {
		free(c->in);
		c->in = NULL;
		c->in_room = 0;
	} else {
		memmove(c->in, end + 1, c->in_len);
	}
	if (!good) {
		log_message(RECORD_DEBUG, "note", "control: uid %u sent what is no call: %s",
		    (unsigned)c->uid, why.text);
		return false;
	}
	methods_call(c, &call);
	wire_call_fini(&call);
	return true;
}

/* One step of its work, or one call.  May free the client.  True: there is more to do for it at once. */
static bool
advance(struct client *c)
{
	bool good = true, more = true;

	c->doing = true;
	if (c->work != NULL)
		more = c->work->step(c, c->work_arg) || c->work == NULL;
	else
		good = next_call(c);
	c->doing = false;
	if (good)
		settle(c);
	else
		client_free(c);
	return more;
}

/* When this turn's time is over. */
static int64_t
turn_over(const struct client_set *set)
{
	int64_t now = loop_clock(), ours = 2 * (now - loop_now(set->loop));

	return now + (ours < TURN_NS ? TURN_NS : ours > TURN_MAX_NS ? TURN_MAX_NS : ours);
}

bool
client_turn(struct client_set *set)
{
	int64_t over = turn_over(set);
	struct client *c;
	bool more;

	do {
		more = false;
		for (unsigned n = set->nbusy; n > 0 && (c = TAILQ_FIRST(&set->busy)) != NULL; n--) {
			if (loop_clock() >= over)
				return true;
			TAILQ_REMOVE(&set->busy, c, next_busy);
			TAILQ_INSERT_TAIL(&set->busy, c, next_busy);
			if (advance(c))
				more = true;
		}
	} while (more && set->nbusy > 0);
	return false;
}

/* ---- receiving ---- */

/* Room for some more; false: there is no memory. */
static bool
grow(struct client *c)
{
	char *in;

	if (c->in_room - c->in_len > 0)
		return true;
	in = realloc(c->in, c->in_room + READ_BYTES);
	if (in == NULL)
		return false;
	c->in = in;
	c->in_room += READ_BYTES;
	return true;
}

/* Nothing more comes.  Calls that nobody waits for are made all the same; false: nothing else is to be done. */
static bool
last_seen(struct client *c, bool gone)
{
	c->in_eof = true;
	if (!gone)
		return true;
	if (c->out != NULL || (c->work != NULL && !c->oneway))
		return false;
	/* it would be reported for ever */
	loop_remove(c->source);
	c->source = NULL;
	return true;
}

static void
client_ready(void *arg, uint32_t events)
{
	bool gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
	struct client *c = arg;
	ssize_t n;

	if (c->out != NULL || c->in_len >= WIRE_CALL_MAX) {
		if (gone && (c->out != NULL || c->work != NULL))
			client_free(c);
		else
			settle(c);
		return;
	}
	if (!grow(c)) {
		client_free(c);
		return;
	}
	n = recv(c->fd, c->in + c->in_len, c->in_room - c->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->in_len += (size_t)n;
	else if (!last_seen(c, gone || n < 0)) {
		client_free(c);
		return;
	}
	settle(c);
}

/* ---- coming and going ---- */

struct control *
client_control(const struct client *c)
{
	return c->set->control;
}

uid_t
client_uid(const struct client *c)
{
	return c->uid;
}

bool
client_is_administrator(const struct client *c)
{
	return c->uid == 0 || c->uid == geteuid();
}

/* Takes c over. */
static void
refuse(struct client *c, const char *error, unsigned limit)
{
	json_t *parameters = json_object();
	struct client_set *set = c->set;
	char *text;
	size_t len;

	if (limit > 0)
		json_object_set_new(parameters, "limit", json_integer(limit));
	text = wire_format_error(error, parameters, &len);
	assert(text != NULL);
	(void)send(c->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	client_note(c, "gets no place, of %u that are taken: %s", set->count, error);
	fd_close(&c->fd);
	client_keep_spare(set);
	free(text);
	json_decref(parameters);
	free(c);
}

static unsigned
count_of(const struct client_set *set, uid_t uid)
{
	const struct client *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &set->all, next)
		n += c->uid == uid;
	return n;
}

/* Is there a place?  Else the client was refused. */
static bool
let_in(struct client *c)
{
	const struct client_set *set = c->set;
	bool administrator = client_is_administrator(c);
	unsigned places = administrator ? CLIENT_MAX : CLIENT_MAX - CLIENT_KEPT;

	if (set->spare < 0 && !administrator)
		refuse(c, "io.berth.Control.Shortage", 0);
	else if (set->count >= places)
		refuse(c, "io.berth.Control.TooManyClients", places);
	else if (!administrator && count_of(set, c->uid) >= CLIENT_MAX_EACH)
		refuse(c, "io.berth.Control.TooManyClients", CLIENT_MAX_EACH);
	else
		return true;
	return false;
}

void
client_add(struct client_set *set, int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	pid_t pid;
	gid_t gid;

	if (c == NULL) {
		close(fd);
		return;
	}
	*c = (struct client){ .set = set, .fd = fd, .uid = (uid_t)-1, .watched = EPOLLIN };
	sock_credentials(fd, &c->uid, &gid, &pid);
	if (!let_in(c))
		return;
	c->source = loop_add(set->loop, fd, EPOLLIN, client_ready, c);
	if (c->source == NULL) {
		close(fd);
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&set->all, c, next);
	set->count++;
}

void
client_set_init(struct client_set *set, struct control *control, struct loop *loop)
{
	*set = (struct client_set){ .control = control, .loop = loop, .spare = -1 };
	client_keep_spare(set);
	TAILQ_INIT(&set->all);
	TAILQ_INIT(&set->busy);
	TAILQ_INIT(&set->unsent);
}

void
client_set_fini(struct client_set *set)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&set->all)) != NULL)
		client_free(c);
	fd_close(&set->spare);
}
