#include "methods.h"

#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "control.h"
#include "monitor.h"
#include "orders.h"
#include "snapshot.h"

static struct pool *
pool_of(const struct client *c)
{
	return control_pool(client_control(c));
}

const char *
methods_string(const struct wire_call *call, const char *key)
{
	return json_string_value(json_object_get(call->parameters, key));
}

static void
get_info(struct client *c, const struct wire_call *call)
{
	client_reply(c, call, json_pack("{s:s,s:s,s:s,s:s,s:[s,s]}", "vendor", "berth", "product",
	    "berthd", "version", BERTH_VERSION, "url", "", "interfaces", "org.varlink.service",
	    "io.berth.Control"));
}

static void
get_description(struct client *c, const struct wire_call *call)
{
	const char *name = methods_string(call, "interface"), *text = NULL;

	if (strcmp(name, "io.berth.Control") == 0)
		text = wire_interface_control;
	else if (strcmp(name, "org.varlink.service") == 0)
		text = wire_interface_service;
	if (text == NULL)
		client_fail(c, call, "org.varlink.service.InterfaceNotFound",
		    json_pack("{s:s}", "interface", name));
	else
		client_reply(c, call, json_pack("{s:s}", "description", text));
}

struct pool_service *
methods_service(struct client *c, const struct wire_call *call)
{
	const char *name = methods_string(call, "service");
	struct pool_service *ps = pool_find(pool_of(c), name);

	if (ps == NULL)
		client_fail(c, call, "io.berth.Control.NoSuchService", json_pack("{s:s}", "service", name));
	return ps;
}

static void
show(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = methods_service(c, call);
	json_t *shown;

	if (ps == NULL)
		return;
	shown = ps->service != NULL
	    ? spec_show(ps->service, reload_settings(control_reload(client_control(c)))->defaults)
	    : json_pack("{s:{},s:{}}", "config", "origin");
	json_object_set_new(shown, "service", snapshot_service(ps, false));
	client_reply(c, call, shown);
}

bool
methods_any_service(struct client *c, const struct wire_call *call, struct pool_service **ps)
{
	json_t *name = json_object_get(call->parameters, "service");

	*ps = NULL;
	if (name == NULL || json_is_null(name))
		return true;
	return (*ps = methods_service(c, call)) != NULL;
}

static void
status(struct client *c, const struct wire_call *call)
{
	client_reply(c, call, snapshot_status(pool_of(c), control_reload(client_control(c))));
}

struct listing {
	json_t *services;
	bool buckets;
};

static bool
list_more(struct client *c, void *arg)
{
	struct listing *l = arg;

	if (!snapshot_more_services(pool_of(c), l->buckets, &l->services))
		return true;
	client_finish(c, json_pack("{s:O}", "services", l->services));
	return false;
}

static void
list_end(struct client *c, void *arg)
{
	struct listing *l = arg;

	(void)c;
	json_decref(l->services);
	free(l);
}

static const struct client_work listing = { list_more, list_end };

static void
list(struct client *c, const struct wire_call *call)
{
	bool buckets = json_is_true(json_object_get(call->parameters, "buckets"));
	struct pool_service *ps;
	struct listing *l;

	if (!methods_any_service(c, call, &ps))
		return;
	if (ps != NULL) {
		client_reply(c, call, json_pack("{s:[o]}", "services", snapshot_service(ps, buckets)));
		return;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		client_fail(c, call, "io.berth.Control.NoMemory", json_object());
		return;
	}
	l->buckets = buckets;
	client_begin(c, call, &listing, l);
}

/* First all are looked at, then they are told: of who has ended meanwhile nothing is. */
struct look {
	struct survey *survey;
	bool complete;
	json_t *told;
	size_t next;
};

static bool
look_more(struct client *c, void *arg)
{
	struct look *l = arg;

	if (!l->complete)
		l->complete = survey_step(l->survey);
	else if (snapshot_more_connections(l->survey, &l->next, l->told)) {
		client_finish(c, json_pack("{s:O}", "connections", l->told));
		return false;
	}
	return true;
}

static void
look_end(struct client *c, void *arg)
{
	struct look *l = arg;

	(void)c;
	survey_free(l->survey);
	json_decref(l->told);
	free(l);
}

static const struct client_work looking = { look_more, look_end };

static void
connections(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps;
	struct look *l;

	if (!methods_any_service(c, call, &ps))
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL || (l->survey = survey_new(pool_of(c), ps, SURVEY_ALL)) == NULL) {
		free(l);
		client_fail(c, call, "io.berth.Control.NoMemory", json_object());
		return;
	}
	l->told = json_array();
	client_begin(c, call, &looking, l);
}

void
methods_bad_parameter(struct client *c, const struct wire_call *call, const char *name)
{
	client_fail(c, call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", name));
}

static void
explain(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps = methods_service(c, call);
	const char *text = methods_string(call, "peer");
	struct admission_client who;
	struct addr peer;
	struct diag why;

	if (ps == NULL)
		return;
	if (!source_parse_peer(text, &peer, &who.uid, &why)) {
		methods_bad_parameter(c, call, "peer");
		return;
	}
	if (ps->service == NULL) {
		client_fail(c, call, "io.berth.Control.NoGoodVersion",
		    json_pack("{s:s}", "service", ps->name));
		return;
	}
	who.peer = &peer;
	client_reply(c, call, admission_explain(ps, &who));
}

static void
penalties(struct client *c, const struct wire_call *call)
{
	struct pool_service *ps;

	if (methods_any_service(c, call, &ps))
		client_reply(c, call, admission_penalties(pool_of(c), ps));
}

static void
forgive(struct client *c, const struct wire_call *call)
{
	const char *text = methods_string(call, "source");
	struct pool_service *ps;
	struct source within;
	struct diag why;
	bool all = strcmp(text, "all") == 0;

	if (!methods_any_service(c, call, &ps))
		return;
	if (!all && !source_parse(text, &within, &why))
		methods_bad_parameter(c, call, "source");
	else {
		orders_log(c, "forgive", ps);
		client_reply(c, call, json_pack("{s:I}", "forgiven", (json_int_t)admission_forgive(
		    pool_of(c), ps, all ? NULL : &within)));
	}
}

static void
monitor(struct client *c, const struct wire_call *call)
{
	json_int_t past = json_integer_value(json_object_get(call->parameters, "past"));
	struct pool_service *ps;

	if (!methods_any_service(c, call, &ps))
		return;
	if (past < 0)
		methods_bad_parameter(c, call, "past");
	else
		monitor_begin(c, call, pool_of(c)->stats, ps == NULL ? NULL : ps->name,
		    (uint64_t)past);
}

static void
reload_done_for(void *arg, json_t *report)
{
	client_finish(arg, json_incref(report));
}

static void
reload_end(struct client *c, void *arg)
{
	reload_forget(arg, c);
}

static const struct client_work reloading = { NULL, reload_end };

static void
reload(struct client *c, const struct wire_call *call)
{
	struct reload *r = control_reload(client_control(c));
	bool dry = json_is_true(json_object_get(call->parameters, "dry_run"));

	if (!dry && !methods_may_change(c, call))
		return;
	if (!dry)
		orders_log(c, "reload", NULL);
	if ((dry ? reload_preview : reload_all)(r, reload_done_for, c))
		client_begin(c, call, &reloading, r);
	else
		client_reply(c, call, json_pack("{s:[],s:[],s:[],s:[s],s:[]}", "added", "changed",
		    "removed", "errors", "berthd is stopping", "notes"));
}

/* What a method is, beside what its description says. */
enum method_kind {
	METHOD_READS,
	METHOD_CHANGES,			/* needs uid 0 or berthd's own */
	METHOD_STREAMS			/* needs `more` */
};

static const struct method {
	const char *name;
	enum method_kind kind;
	/* Every parameter is of the type that is described, and all are there that have to be. */
	void (*call)(struct client *c, const struct wire_call *call);
} methods[] = {
	{ "org.varlink.service.GetInfo", METHOD_READS, get_info },
	{ "org.varlink.service.GetInterfaceDescription", METHOD_READS, get_description },
	{ "io.berth.Control.Status", METHOD_READS, status },
	{ "io.berth.Control.List", METHOD_READS, list },
	{ "io.berth.Control.Show", METHOD_READS, show },
	{ "io.berth.Control.Connections", METHOD_READS, connections },
	{ "io.berth.Control.Explain", METHOD_READS, explain },
	{ "io.berth.Control.Penalties", METHOD_READS, penalties },
	{ "io.berth.Control.Forgive", METHOD_CHANGES, forgive },
	{ "io.berth.Control.Monitor", METHOD_STREAMS, monitor },
	{ "io.berth.Control.Pause", METHOD_CHANGES, orders_pause },
	{ "io.berth.Control.Resume", METHOD_CHANGES, orders_resume },
	{ "io.berth.Control.Drain", METHOD_CHANGES, orders_drain },
	{ "io.berth.Control.Kill", METHOD_CHANGES, orders_kill },
	{ "io.berth.Control.Disable", METHOD_CHANGES, orders_disable },
	{ "io.berth.Control.Enable", METHOD_CHANGES, orders_enable },
	/* these two change nothing by some calls: they ask for themselves */
	{ "io.berth.Control.LogLevel", METHOD_READS, orders_log_level },
	{ "io.berth.Control.Reload", METHOD_READS, reload },
};

static void
no_interface(struct client *c, const struct wire_call *call)
{
	const char *dot = strrchr(call->method, '.');

	client_fail(c, call, "org.varlink.service.InterfaceNotFound", json_pack("{s:s%}", "interface",
	    call->method, (size_t)(dot - call->method)));
}

static void
no_method(struct client *c, const struct wire_call *call, const char *error)
{
	client_fail(c, call, error, json_pack("{s:s}", "method", call->method));
}

bool
methods_may_change(struct client *c, const struct wire_call *call)
{
	if (client_is_administrator(c))
		return true;
	client_note(c, "may not call %s", call->method);
	client_fail(c, call, "org.varlink.service.PermissionDenied", json_object());
	return false;
}

static const struct method *
find_method(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* The call is as described: make it, if this client may. */
static void
call_method(struct client *c, const struct wire_call *call)
{
	const struct method *m = find_method(call->method);

	if (m == NULL) {
		no_method(c, call, "org.varlink.service.MethodNotImplemented");
	} else if (m->kind == METHOD_CHANGES && !methods_may_change(c, call)) {
		return;
	} else if (call->upgrade) {
		methods_bad_parameter(c, call, "upgrade");
	} else if (m->kind == METHOD_STREAMS && !call->more) {
		client_fail(c, call, "org.varlink.service.ExpectedMore", json_object());
	} else {
		m->call(c, call);
	}
}

void
methods_call(struct client *c, const struct wire_call *call)
{
	char *bad;

	switch (wire_check_call(call, &bad)) {
	case WIRE_NO_INTERFACE:
		no_interface(c, call);
		break;
	case WIRE_NO_METHOD:
		no_method(c, call, "org.varlink.service.MethodNotFound");
		break;
	case WIRE_BAD_PARAMETER:
		methods_bad_parameter(c, call, bad);
		break;
	case WIRE_NO_FAULT:
		call_method(c, call);
	}
	free(bad);
}
