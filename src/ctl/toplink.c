#include "toplink.h"

#include <stdlib.h>
#include <string.h>

#include "../pure/xalloc.h"

static const char *const methods[] = {
	[TOPLINK_STATUS] = "Status", [TOPLINK_LIST] = "List", [TOPLINK_CONNECTIONS] = "Connections",
	[TOPLINK_KILL] = "Kill",
};

void
toplink_init(struct toplink *l, const char *control, struct topmodel *model)
{
	*l = (struct toplink){ .control = control, .client = { .fd = -1 }, .model = model };
}

void
toplink_fini(struct toplink *l)
{
	client_close(&l->client);
}

/* status: of l->why. */
static void
lose(struct toplink *l, int status)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->asked[i].what == TOPLINK_KILL)
			diag_set(&l->said, "connection %lld: berthd went away before it answered",
			    (long long)l->asked[i].connection);
	}
	client_close(&l->client);
	l->count = 0;
	l->failed = status;
}

static bool
connected(struct toplink *l)
{
	int status;

	if (l->client.fd >= 0)
		return true;
	status = client_start(&l->client, l->control, &l->why);
	if (status != 0) {
		lose(l, status);
		return false;
	}
	l->no_status = false;
	topmodel_forget(l->model);
	return true;
}

/* parameters: taken over. */
static void
post(struct toplink *l, enum toplink_question what, json_t *parameters, int64_t now_ns)
{
	if (l->count == TOPLINK_ASKED) {
		json_decref(parameters);
		return;
	}
	if (l->count == 0)
		l->asked_ns = now_ns;
	l->asked[l->count++] = (struct asked){ .what = what,
		.connection = json_integer_value(json_object_get(parameters, "connection")) };
	client_post(&l->client, methods[what], parameters);
}

static void
ask_connections(struct toplink *l, const char *service, int64_t now_ns)
{
	post(l, TOPLINK_CONNECTIONS, service == NULL ? NULL : json_pack("{s:s}", "service", service), now_ns);
}

void
toplink_ask(struct toplink *l, enum top_view view, const char *service, int64_t now_ns)
{
	if (l->count > 0 || !connected(l))
		return;
	if (!l->no_status)
		post(l, TOPLINK_STATUS, NULL, now_ns);
	if (view == TOP_CONNECTIONS)
		ask_connections(l, service, now_ns);
	post(l, TOPLINK_LIST, NULL, now_ns);
}

void
toplink_turn(struct toplink *l, enum top_view view, const char *service, int64_t now_ns)
{
	for (size_t i = 0; i < l->count; i++)
		l->asked[i].stale |= l->asked[i].what == TOPLINK_CONNECTIONS;
	topmodel_forget_connections(l->model);
	if (view == TOP_CONNECTIONS && l->client.fd >= 0)
		ask_connections(l, service, now_ns);
}

bool
toplink_kill(struct toplink *l, json_int_t connection, int64_t now_ns)
{
	if (l->client.fd < 0 || l->count == TOPLINK_ASKED)
		return false;
	post(l, TOPLINK_KILL, json_pack("{s:I}", "connection", connection), now_ns);
	return true;
}

/* ---- answers ---- */

static void
take_error(struct toplink *l, const struct asked *a, const struct wire_reply *r)
{
	if (a->what == TOPLINK_STATUS)
		l->no_status = true;
	else if (a->what == TOPLINK_CONNECTIONS)
		topmodel_connections(l->model, NULL);
	if (a->what != TOPLINK_STATUS)
		(void)client_explain(&l->client, r, NULL, &l->said);
}

static void
take_answer(struct toplink *l, const struct asked *a, const struct wire_reply *r, int64_t now_ns)
{
	switch (a->what) {
	case TOPLINK_STATUS:
		topmodel_status(l->model, r->parameters);
		break;
	case TOPLINK_LIST:
		topmodel_services(l->model, r->parameters, now_ns);
		l->answered_ns = now_ns;
		l->failed = 0;
		l->why.text[0] = '\0';
		break;
	case TOPLINK_CONNECTIONS:
		topmodel_connections(l->model, r->parameters);
		break;
	case TOPLINK_KILL:
		diag_set(&l->said, json_integer_value(json_object_get(r->parameters, "ended")) > 0 ?
		    "connection %lld: told to end" : "connection %lld: it was ending already",
		    (long long)a->connection);
		break;
	}
}

/* The first that was asked is answered. */
static void
take(struct toplink *l, const struct wire_reply *r, int64_t now_ns)
{
	struct asked a = l->asked[0];

	l->count--;
	memmove(l->asked, l->asked + 1, l->count * sizeof(l->asked[0]));
	l->asked_ns = now_ns;
	if (a.stale)
		return;
	if (r->error != NULL)
		take_error(l, &a, r);
	else
		take_answer(l, &a, r, now_ns);
}

bool
toplink_step(struct toplink *l, int64_t now_ns)
{
	struct wire_reply r = { 0 };
	bool taken = true, changed = false;
	int status = 0;

	if (l->client.fd < 0)
		return false;
	while (status == 0 && taken) {
		status = client_take(&l->client, &r, &taken, &l->why);
		if (status != 0 || !taken)
			continue;
		if (client_refused(&r))
			status = client_explain(&l->client, &r, NULL, &l->why);
		else if (l->count > 0)
			take(l, &r, now_ns);
		wire_reply_fini(&r);
		changed = true;
	}
	if (status != 0)
		lose(l, status);
	return changed || status != 0;
}
