/* spec_what - what serves a connection: a program, or what stands in its place */
#include <stdio.h>

#include "spec_table.h"

#define CONNECT_TIMEOUT_NS 5000000000LL

static const char *const kinds[] = { "exec", "builtin", "relay", NULL };

/* Exactly one. */
static void
finish_kind(struct spec_reader *r, const json_t *own)
{
	const char *first = NULL;

	for (size_t i = 0; kinds[i] != NULL; i++) {
		if (json_object_get(own, kinds[i]) == NULL)
			continue;
		if (first != NULL)
			diag_list_add(r->errs, "%s: %s: cannot stand beside %s: a service has one of them",
			    r->file, kinds[i], first);
		first = kinds[i];
	}
	if (first == NULL)
		diag_list_add(r->errs, "%s: exec: required, but missing (or \"builtin\", or \"relay\")",
		    r->file);
}

static void
not_beside(struct spec_reader *r, const char *key, const json_t *own, json_t *merged,
    const char *text)
{
	spec_read_not_here(r, NULL, key, own, merged, text);
}

static const struct endpoint *
find_kind(const struct service *s, enum endpoint_kind kind)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (s->listen[i].kind == kind)
			return &s->listen[i];
	return NULL;
}

static bool
has_datagram(const struct service *s)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (endpoint_is_datagram(s->listen[i].kind))
			return true;
	return false;
}

static bool
has_stream(const struct service *s)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (!endpoint_is_datagram(s->listen[i].kind))
			return true;
	return false;
}

/*
 * Where only `defaults` asks for what cannot be here it is passed over: the value that the row has without it.
 */
static bool
is_own(const json_t *own, json_t *merged, const char *key)
{
	if (json_object_get(own, key) != NULL)
		return true;
	json_object_del(merged, key);
	return false;
}

/* What only a program of the user's can use. */
static void
finish_no_program(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged,
    const char *what)
{
	char text[96];

	not_beside(r, "argv0", own, merged, "there is no program of yours that could see it");
	snprintf(text, sizeof(text), "cannot be here beside %s", what);
	if (s->stderr_to == SPEC_STDERR_SOCKET && is_own(own, merged, "stderr"))
		spec_read_fail_at(r, NULL, "stderr", text);
	if (s->stderr_to == SPEC_STDERR_SOCKET)
		s->stderr_to = SPEC_STDERR_LOG;
	if (s->socket_as == SPEC_LISTEN_FDS && is_own(own, merged, "socket_as"))
		spec_read_fail_at(r, NULL, "socket_as", text);
	s->socket_as = SPEC_STDIO;
	if (s->handlers.max > 1 && is_own(own, merged, "handlers"))
		spec_read_fail_at(r, NULL, "handlers", text);
	s->handlers.min = 0;
	s->handlers.max = 1;
	if (s->wait && has_stream(s) && is_own(own, merged, "wait"))
		spec_read_fail_at(r, NULL, "wait", text);
	s->wait = s->wait && !has_stream(s);
}

static void
finish_builtin(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	finish_no_program(r, s, own, merged, "builtin");
	if (has_stream(s) && has_datagram(s))
		spec_read_fail_at(r, NULL, "listen", "a built-in service has connections or datagrams: "
		    "make two files");
	if (s->builtin != BUILTIN_TCPMUX)
		return;
	not_beside(r, "tcpmux", own, merged, "a tcpmux service cannot be reached through one");
	s->tcpmux = false;
	for (size_t i = 0; i < s->nlisten; i++)
		if (s->listen[i].kind != ENDPOINT_TCP)
			spec_read_fail_at(r, NULL, "builtin", "tcpmux is served over tcp only");
}

/* The chain of `defaults` loses the step that cannot be here. */
static void
finish_relay_chain(struct spec_reader *r, struct service *s, const json_t *own)
{
	size_t n = 0;

	for (size_t i = 0; i < s->limits.noverflow; i++)
		if (s->limits.overflow[i].kind != SPEC_STEP_EVICT)
			s->limits.overflow[n++] = s->limits.overflow[i];
	if (n < s->limits.noverflow &&
	    json_object_get(json_object_get(own, "limits"), "overflow") != NULL)
		spec_read_fail_at(r, "limits", "overflow",
		    "cannot be \"evict\" beside relay: a relayed connection is never seen to be idle");
	s->limits.noverflow = n;
}

static void
finish_relay(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	if (json_object_get(json_object_get(own, "relay"), "to") == NULL)
		spec_read_fail_at(r, "relay", "to", "is missing: where are connections carried to?");
	if (s->relay.connect_timeout_ns == 0)
		s->relay.connect_timeout_ns = CONNECT_TIMEOUT_NS;
	finish_no_program(r, s, own, merged, "relay");
	not_beside(r, "evict", own, merged,
	    "cannot apply to relay: a relayed connection is never seen to be idle");
	spec_read_not_here(r, "timeouts", "linger", own, merged,
	    "cannot apply to relay, which closes as its target does");
	s->timeouts.linger_ns = 0;
	if (find_kind(s, ENDPOINT_UNIX_SEQPACKET) != NULL || has_datagram(s))
		spec_read_fail_at(r, NULL, "relay", "carries streams of bytes, not datagrams or unix-seqpacket");
	finish_relay_chain(r, s, own);
}

/* A header comes before the first byte, from peers that are named. */
static void
finish_proxy(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	const json_t *given = json_object_get(own, "proxy_protocol");

	if (given == NULL && !s->proxy.from.set)
		return;
	if (!s->proxy.from.set)
		spec_read_fail_at(r, "proxy_protocol", "from",
		    "is missing: a header is believed only from proxies that are named");
	not_beside(r, "tcpmux", own, merged, "cannot stand beside proxy_protocol");
	s->tcpmux = false;
	for (size_t i = 0; i < s->nlisten; i++)
		if (endpoint_is_unix(s->listen[i].kind) && s->listen[i].kind != ENDPOINT_UNIX) {
			not_beside(r, "proxy_protocol", own, merged, "needs streams of bytes");
			s->proxy.from.set = false;
		}
}

void
spec_what_finish(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	finish_kind(r, own);
	if (s->what == SPEC_RELAY || json_object_get(own, "relay") != NULL)
		finish_relay(r, s, own, merged);
	if (s->what == SPEC_BUILTIN)
		finish_builtin(r, s, own, merged);
	finish_proxy(r, s, own, merged);
	if (s->tcpmux && find_kind(s, ENDPOINT_TCP) == NULL) {
		not_beside(r, "tcpmux", own, merged, "needs a tcp endpoint");
		s->tcpmux = false;
	}
}
