/* spec_wait - wait: the handler accepts, or receives, by itself, so that berthd never sees its clients */
#include <stdio.h>
#include <stdlib.h>

#include "spec_table.h"

static const struct endpoint *
find_endpoint(const struct service *s, bool datagram)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (endpoint_is_datagram(s->listen[i].kind) == datagram)
			return &s->listen[i];
	return NULL;
}

/* Is it a wait service?  Datagrams make it one. */
static void
finish_kind(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	const struct endpoint *datagram = find_endpoint(s, true), *stream = find_endpoint(s, false);
	const json_t *wait = json_object_get(own, "wait");
	char text[2 * sizeof(datagram->text) + 96], q[DIAG_QUOTE_MAX];

	if (datagram == NULL || s->wait)
		return;
	if (stream != NULL && s->what == SPEC_EXEC) {
		snprintf(text, sizeof(text), "must be true for a service with datagrams (%s) and "
		    "connections (%s)", datagram->text, stream->text);
		spec_read_fail_at(r, NULL, "wait", text);
	} else if (json_is_false(wait)) {
		snprintf(text, sizeof(text), "cannot be false with %s: datagrams are always served so",
		    diag_quote(datagram->text, q, sizeof(q)));
		spec_read_fail_at(r, NULL, "wait", text);
	}
	s->wait = true;
	json_object_set_new(merged, "wait", json_true());
}

/* What concerns clients that berthd never sees. */
static void
finish_clients(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	static const struct { const char *group, *key; } rows[] = {
		{ NULL, "access" }, { NULL, "evict" }, { NULL, "penalties" },
		{ "limits", "connections" }, { "limits", "connections_per_source" },
		{ "limits", "rate_per_source" }, { "limits", "burst_per_source" },
		{ "limits", "source_prefix" }, { "limits", "overflow" },
		{ "timeouts", "idle" }, { "timeouts", "first_byte" },
		{ "timeouts", "linger" }, { NULL, "tcpmux" }, { NULL, "proxy_protocol" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		spec_read_not_here(r, rows[i].group, rows[i].key, own, merged,
		    "cannot apply with wait: the program accepts by itself, berthd sees none of its clients");
	s->limits.connections = s->limits.connections_per_source = 0;
	s->limits.rate_per_source.count = 0;
	s->timeouts.idle_ns = s->timeouts.first_byte_ns = 0;
	s->penalties.signal_ns = s->penalties.first_byte_ns = 0;
	free(s->penalties.exit_ns);
	s->penalties.exit_ns = NULL;
	s->tcpmux = false;
	s->timeouts.linger_ns = 0;
	s->proxy.from.set = false;
	s->access.allow.set = s->access.deny.set = false;
	s->access.allow.count = s->access.deny.count = 0;
	spec_admission_wait(s);
}

void
spec_wait_finish(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	finish_kind(r, s, own, merged);
	if (s->handlers.max < s->handlers.min)
		spec_read_fail_at(r, "handlers", "max", "is below handlers.min");
	if (!s->wait) {
		spec_read_not_here(r, NULL, "handlers", own, merged,
		    "needs \"wait\": true: without it each connection has a handler of its own");
		return;
	}
	finish_clients(r, s, own, merged);
	if (s->stderr_to == SPEC_STDERR_SOCKET)
		spec_read_fail_at(r, NULL, "stderr",
		    "cannot be \"socket\" with wait: the program's socket is no connection");
}
