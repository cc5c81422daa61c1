#include "carry.h"

#include <sys/epoll.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/xalloc.h"
#include "../sys/fd.h"
#include "../sys/log.h"
#include "../sys/paths.h"

#define PROGRAM "berth-relay"
#define ARGUMENT_MAX 224	/* "INDEX=TARGET": a target is an address, or a unix path */

struct carry_targets {
	unsigned refs;			/* the service, and its connections */
	char **name;			/* owned */
	struct target *target;
	size_t count, next;
};

struct carry {
	struct child *child;
	struct carry_targets *targets;	/* held */
	int fd;
	struct loop_source *source;
	unsigned records;		/* that were read */
	size_t current;			/* counted as its target */
	size_t first;			/* which it may be the one to probe, */
	bool heard;			/* and of which it has said how it is */
	char **argv;			/* owned */
};

const char *
carry_program(void)
{
	static const char *found;

	/* it is looked for until it is there */
	if (found == NULL)
		found = paths_helper(PROGRAM);
	return found;
}

/* ---- targets ---- */

static void
release(struct carry_targets *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->name[i]);
	free(t->name);
	free(t->target);
	free(t);
}

void
carry_free_targets(struct carry_targets *t)
{
	release(t);
}

static void
inherit(struct carry_targets *t, size_t i, const struct carry_targets *old)
{
	for (size_t k = 0; old != NULL && k < old->count; k++)
		if (strcmp(old->name[k], t->name[i]) == 0) {
			/* its connections go on with the old list */
			t->target[i] = old->target[k];
			t->target[i].active = 0;
			t->target[i].probed = false;
		}
}

static bool
is_same(const struct carry_targets *t, const struct service *s)
{
	if (t == NULL || s == NULL || s->what != SPEC_RELAY || t->count != s->relay.count)
		return false;
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->name[i], s->relay.to[i]) != 0)
			return false;
	return true;
}

void
carry_fit(struct pool_service *ps)
{
	const struct service *s = ps->service;
	struct carry_targets *t = NULL, *old = ps->targets;

	if (is_same(old, s))
		return;
	if (s != NULL && s->what == SPEC_RELAY) {
		t = xcalloc(1, sizeof(*t));
		t->refs = 1;
		t->count = s->relay.count;
		t->name = xcalloc(t->count, sizeof(*t->name));
		t->target = xcalloc(t->count, sizeof(*t->target));
		for (size_t i = 0; i < t->count; i++) {
			t->name[i] = xstrdup(s->relay.to[i]);
			inherit(t, i, old);
		}
	}
	ps->targets = t;
	release(old);
}

/* ---- what the program tells ---- */

static void
log_target(const struct carry *x, size_t i, const char *word, const char *error, int64_t pause)
{
	struct record r;

	record_init(&r, error != NULL ? RECORD_WARNING : RECORD_NOTICE, word);
	record_text(&r, "service", x->child->service->name);
	record_text(&r, "target", x->targets->name[i]);
	record_text(&r, "error", error);
	if (pause > 0)
		record_seconds(&r, "seconds", pause);
	log_record(&r);
}

/* Our own shortage, not the target's fault. */
static bool
is_ours(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
	    error == EADDRNOTAVAIL;
}

static void
note_failed(struct carry *x, size_t i, int error)
{
	struct target *t = &x->targets->target[i];
	int64_t now = loop_now(x->child->service->pool->loop);
	unsigned before = t->failures;

	if (is_ours(error)) {
		t->probed = false;	/* nothing is known: the next one tries it */
		return;
	}
	targets_failed(t, now);
	if (t->failures > before)
		log_target(x, i, "target-down", strerror(error), t->until_ns - now);
}

static void
move_to(struct carry *x, size_t i)
{
	x->targets->target[x->current].active--;
	x->current = i;
	x->targets->target[i].active++;
}

static void
take_event(struct carry *x, const struct relay_event *e)
{
	struct target *t;

	if (e->index >= x->targets->count)
		return;
	t = &x->targets->target[e->index];
	x->heard = x->heard || e->index == x->first;
	if (e->kind == RELAY_FAILED) {
		note_failed(x, e->index, e->error);
	} else if (e->kind == RELAY_CONNECTED) {
		if (t->failures > 0)
			log_target(x, e->index, "target-up", NULL, 0);
		targets_answered(t);
		move_to(x, e->index);
	}
}

/* false: it says nothing more. */
static bool
read_events(struct carry *x)
{
	struct relay_event e[8];
	ssize_t n = read(x->fd, e, sizeof(e));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	for (size_t i = 0; i < (size_t)n / sizeof(e[0]); i++)
		take_event(x, &e[i]);
	x->records += (unsigned)((size_t)n / sizeof(e[0]));
	/* there is one for each target; whoever has more to say is not the relay */
	return n > 0 && (size_t)n % sizeof(e[0]) == 0 && x->records <= x->targets->count;
}

static void
carry_ready(void *arg, uint32_t events)
{
	struct carry *x = arg;

	(void)events;
	if (read_events(x))
		return;
	loop_remove(x->source);
	x->source = NULL;
	fd_close(&x->fd);
}

/* ---- one connection ---- */

/* "5000", or with a text "3=tcp:10.0.0.2:80". */
static char *
argument(int64_t number, const char *text)
{
	char buf[ARGUMENT_MAX];

	snprintf(buf, sizeof(buf), "%lld%s%s", (long long)number, text != NULL ? "=" : "",
	    text != NULL ? text : "");
	return xstrdup(buf);
}

static void
make_arguments(struct carry *x, const struct service *s)
{
	static const char *const proxies[] = { [RELAY_PROXY_NONE] = "none", [RELAY_PROXY_V1] = "v1",
		[RELAY_PROXY_V2] = "v2" };
	struct carry_targets *t = x->targets;
	uint16_t order[TARGETS_MAX];
	size_t n = 0;

	targets_order(t->target, t->count, s->relay.balance, &t->next,
	    loop_now(x->child->service->pool->loop), order);
	x->current = x->first = order[0];
	t->target[x->current].active++;
	x->argv = xcalloc(t->count + 4, sizeof(*x->argv));
	x->argv[n++] = xstrdup(PROGRAM);
	x->argv[n++] = argument((s->relay.connect_timeout_ns + 999999) / 1000000, NULL);
	x->argv[n++] = xstrdup(proxies[s->relay.send_proxy]);
	for (size_t i = 0; i < t->count; i++)
		x->argv[n++] = argument(order[i], t->name[order[i]]);
}

struct carry *
carry_open(struct child *c, int *status)
{
	struct pool_service *ps = c->service;
	struct carry *x = calloc(1, sizeof(*x));
	int pair[2];

	if (carry_program() == NULL) {
		free(x);
		errno = ENOENT;
		return NULL;
	}
	if (x == NULL || ps->targets == NULL || pipe2(pair, O_CLOEXEC) < 0) {
		free(x);
		return NULL;
	}
	x->child = c;
	x->targets = ps->targets;
	x->targets->refs++;
	make_arguments(x, c->version);
	x->fd = fd_high(pair[0]);
	*status = fd_high(pair[1]);
	if (x->fd >= 0 && *status >= 0 && fcntl(x->fd, F_SETFL, O_NONBLOCK) == 0)
		x->source = loop_add(ps->pool->loop, x->fd, EPOLLIN, carry_ready, x);
	if (x->source != NULL)
		return x;
	fd_close(status);
	carry_close(x);
	return NULL;
}

void
carry_close(struct carry *x)
{
	if (x == NULL)
		return;
	/* its end may be seen before what it has said */
	for (size_t i = 0; i <= TARGETS_MAX && x->source != NULL && read_events(x); i++)
		;
	loop_remove(x->source);
	fd_close(&x->fd);
	x->targets->target[x->current].active--;
	if (!x->heard)
		x->targets->target[x->first].probed = false;
	release(x->targets);
	for (size_t i = 0; x->argv[i] != NULL; i++)
		free(x->argv[i]);
	free(x->argv);
	free(x);
}

char *const *
carry_arguments(const struct carry *x)
{
	return x->argv;
}
