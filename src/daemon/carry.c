#include "carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../pure/proxy.h"
#include "../pure/text.h"
#include "../pure/xalloc.h"
#include "../sys/log.h"
#include "../sys/paths.h"
#include "../sys/sock.h"

#define PROGRAM "berth-relay"
#define WHY_MAX 4096

struct carry_targets {
	unsigned refs;			/* the service, and its connections */
	char **name;			/* owned */
	struct target *target;
	size_t count, next;
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
carry_free_service(struct pool_service *ps)
{
	carrier_free_all(ps);
	release(ps->targets);
	ps->targets = NULL;
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

	carrier_fit(ps);
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
	    error == EADDRNOTAVAIL || error == ENOSPC;
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
append_why(struct carry *x, size_t i, int error)
{
	if (x->why == NULL && (x->why = calloc(1, WHY_MAX)) == NULL)
		return;
	text_append(x->why, WHY_MAX, "%s%s: %s", x->why[0] == '\0' ? "no target answers: " : "; ",
	    x->targets->name[i], strerror(error));
}

static void
move_to(struct carry *x, size_t i)
{
	x->targets->target[x->current].active--;
	x->current = i;
	x->targets->target[i].active++;
}

/* Each target is heard of once; false: it is not so. */
static bool
note_target(struct carry *x, const struct relay_event *e)
{
	struct target *t;

	if (!x->taken || e->target >= x->targets->count || x->records++ >= x->targets->count)
		return false;
	t = &x->targets->target[e->target];
	x->heard = x->heard || e->target == x->first;
	if (e->kind == RELAY_FAILED) {
		append_why(x, e->target, e->error);
		note_failed(x, e->target, e->error);
		return true;
	}
	if (t->failures > 0)
		log_target(x, e->target, "target-up", NULL, 0);
	targets_answered(t);
	move_to(x, e->target);
	return true;
}

bool
carry_event(struct carry *x, const struct relay_event *e)
{
	if (e->kind == RELAY_FAILED || e->kind == RELAY_CONNECTED)
		return note_target(x, e);
	if (e->kind != RELAY_TAKEN)
		return false;
	x->taken = true;
	free(x->order);
	x->order = NULL;
	sock_let_go(&x->child->kept);
	return true;
}

/* ---- its end ---- */

/* As if the process had said it on stderr. */
static void
log_why(const struct carry *x)
{
	const struct child *c = x->child;
	struct record r;

	if (x->why == NULL || c->version->stderr_to != SPEC_STDERR_LOG ||
	    !pool_may_log(c->service, POOL_STDERR))
		return;
	record_init(&r, RECORD_NOTICE, "stderr");
	record_text(&r, "service", c->service->name);
	record_number(&r, "connection", (int64_t)c->connection);
	record_number(&r, "pid", c->pid);
	record_text(&r, "line", x->why);
	log_record(&r);
}

void
carry_ended(struct carry *x, const struct relay_event *e, const struct rusage *used)
{
	siginfo_t si = { .si_code = CLD_EXITED, .si_status = e->error & 0xff };

	if (x->dropped)
		si = (siginfo_t){ .si_code = CLD_KILLED,
			.si_status = x->child->state == CHILD_KILLED ? SIGKILL : SIGTERM };
	else if (e->error == EX_UNAVAILABLE)
		log_why(x);
	x->child->seen.received = e->received;
	x->child->seen.acked = e->sent;
	child_ended(x->child, &si, used);
}

void
carry_lost(struct carry *x, const siginfo_t *si, const struct rusage *used)
{
	if (!x->dropped)
		x->child->cause = CAUSE_LOST;
	child_ended(x->child, si, used);
}

/* ---- one connection ---- */

static void
make_header(const struct child *c, struct relay_order *o)
{
	o->header_length = 0;
	if (c->version->relay.send_proxy == RELAY_PROXY_V1)
		o->header_length = (uint16_t)proxy_format_v1(o->header, &c->peer, &c->local);
	else if (c->version->relay.send_proxy == RELAY_PROXY_V2)
		o->header_length = (uint16_t)proxy_format_v2(o->header, false, &c->peer, &c->local);
}

static struct carry *
carry_open(struct child *c)
{
	struct pool_service *ps = c->service;
	struct carry_targets *t = ps->targets;
	struct carry *x = calloc(1, sizeof(*x));

	if (x == NULL || (x->order = calloc(1, sizeof(*x->order))) == NULL) {
		free(x);
		return NULL;
	}
	x->child = c;
	x->targets = t;
	t->refs++;
	targets_order(t->target, t->count, c->version->relay.balance, &t->next,
	    loop_now(ps->pool->loop), x->order->target);
	x->order->kind = RELAY_TAKE;
	x->order->count = (uint16_t)t->count;
	make_header(c, x->order);
	x->current = x->first = x->order->target[0];
	t->target[x->current].active++;
	return x;
}

void
carry_close(struct carry *x)
{
	if (x == NULL)
		return;
	carrier_forget(x);
	sock_let_go(&x->child->kept);
	x->targets->target[x->current].active--;
	if (!x->heard)
		x->targets->target[x->first].probed = false;
	release(x->targets);
	free(x->order);
	free(x->why);
	free(x);
}

void
carry_start(struct child *c, int fd, struct spawn_result *out)
{
	struct carrier *w;

	*out = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_EXEC,
		.error = ENOENT, .pidfd = -1 };
	if (carry_program() == NULL || (w = carrier_choose(c, out)) == NULL)
		return;
	if ((c->carry = carry_open(c)) != NULL) {
		c->kept = fd;
		if (carrier_give(w, c->carry))
			return;
		c->kept = -1;
		carry_close(c->carry);
		c->carry = NULL;
	}
	*out = (struct spawn_result){ .state = SPAWN_FAILED, .step = SPAWN_STEP_PIPE,
		.error = ENOMEM, .pidfd = -1 };
}

/* The process that had it has died before it took it. */
void
carry_again(struct carry *x)
{
	struct child *c = x->child;
	siginfo_t si = { .si_code = CLD_EXITED, .si_status = EX_OSERR };
	struct rusage used = { 0 };
	struct spawn_result res;
	struct carrier *w = carrier_choose(c, &res);

	if (w == NULL || !carrier_give(w, x)) {
		carry_lost(x, &si, &used);
		return;
	}
	c->pid = res.pid;
}

void
carry_signal(struct carry *x, int sig)
{
	if (sig == SIGTERM || sig == SIGKILL)
		carrier_drop(x);
}
