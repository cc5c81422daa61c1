#include "spec.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "spec_table.h"
#include "xalloc.h"

#define NAME_MAX_BYTES 64
#define PATH_TEXT_MAX 128

bool
spec_file_name(const char *file, char **name)
{
	size_t len = strlen(file);

	if (len <= 5 || strcmp(file + len - 5, ".json") != 0)
		return false;
	len -= 5;
	if (len > NAME_MAX_BYTES || !isascii((unsigned char)file[0]) ||
	    !isalnum((unsigned char)file[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)file[i]) ||
		    (!isalnum((unsigned char)file[i]) && strchr("._@-", file[i]) == NULL))
			return false;
	*name = xstrdup(file);
	(*name)[len] = '\0';
	return true;
}

/* ---- the value ---- */

struct service *
spec_blank(void)
{
	struct service *s = xcalloc(1, sizeof(*s));

	s->refs = 1;
	s->socket.owner_uid = (uid_t)-1;
	s->socket.group_gid = (gid_t)-1;
	s->socket.ip_tos = -1;
	return s;
}

struct service *
spec_hold(struct service *s)
{
	assert(s->refs > 0);
	s->refs++;
	return s;
}

void
spec_release(struct service *s)
{
	if (s == NULL)
		return;
	assert(s->refs > 0);
	if (--s->refs > 0)
		return;
	for (size_t i = 0; i < s->ngroups; i++)
		free(s->groups[i].name);
	free(s->groups);
	free(s->user.name);
	free(s->group.name);
	free(s->socket.owner.name);
	free(s->socket.group.name);
	free(s->name);
	free(s->description);
	free(s->listen);
	spec_type_free_list(s->exec);
	spec_type_free_list(s->relay.to);
	free(s->argv0);
	spec_type_free_list(s->process.environment);
	spec_type_free_list(s->process.pass_environment);
	free(s->process.working_directory);
	spec_admission_free(s);
	free(s->identity.groups);
	free(s->identity.user);
	free(s->identity.home);
	free(s->identity.shell);
	free(s->own);
	free(s->merged);
	free(s);
}

/* ---- parsing ---- */

/* The same endpoint but for the port: whether the two stand for a socket in common. */
static bool
share_host(const struct endpoint *a, const struct endpoint *b)
{
	struct endpoint x = *a, y = *b;
	struct endpoint_key kx, ky;

	x.first = x.last = y.first = y.last = 1;
	/* whether their kinds can meet is share_kind()'s business */
	if (endpoint_is_unix(x.kind) && endpoint_is_unix(y.kind))
		y.kind = x.kind;
	x.port_name[0] = y.port_name[0] = '\0';
	for (size_t i = 0; i < endpoint_count(&x); i++)
		for (size_t j = 0; j < endpoint_count(&y); j++) {
			endpoint_expand(&x, i, "", &kx);
			endpoint_expand(&y, j, "", &ky);
			if (endpoint_key_cmp(&kx, &ky) == 0)
				return true;
		}
	return false;
}

static bool
share_port(const struct endpoint *a, const struct endpoint *b)
{
	/* the number of a name is known only after the look-up */
	if ((a->port_name[0] != '\0' && a->first == 0) || (b->port_name[0] != '\0' && b->first == 0))
		return strcmp(a->port_name, b->port_name) == 0;
	return a->first <= b->last && b->first <= a->last;
}

/* A path is one file, whatever kind of socket it is. */
static bool
share_kind(const struct endpoint *a, const struct endpoint *b)
{
	return a->kind == b->kind || (endpoint_is_unix(a->kind) && endpoint_is_unix(b->kind) &&
	    a->address.u.un.sun_path[0] != '\0');
}

void
spec_check_listen(struct spec_reader *r, const struct service *s)
{
	spec_read_push(r, "listen");
	for (size_t i = 1; i < s->nlisten; i++)
		for (size_t j = 0; j < i; j++) {
			const struct endpoint *a = &s->listen[j], *b = &s->listen[i];

			if (!share_kind(a, b) || !share_port(a, b) || !share_host(a, b))
				continue;
			spec_read_fail(r, "\"%s\" and \"%s\" name the same endpoint", a->text, b->text);
			break;
		}
	spec_read_pop(r);
}

static void
check_user(struct spec_reader *r, const struct spec_context *ctx, const json_t *merged)
{
	if (ctx->root && json_object_get(merged, "user") == NULL)
		diag_list_add(r->errs, "%s: user: required when berthd runs as root (say \"root\" if "
		    "you mean it)", r->file);
}

static json_t *
effective(const json_t *defaults, const json_t *own)
{
	json_t *merged = spec_read_fallbacks(spec_keys_service);

	if (defaults != NULL)
		spec_read_merge(merged, defaults);
	spec_read_merge(merged, own);
	return merged;
}

static char *
dump(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, JSON_COMPACT | flags);

	assert(text != NULL);
	return text;
}

struct service *
spec_parse(const struct spec_context *ctx, const char *file, const char *name, const char *text,
    size_t len, struct diag_list *errs)
{
	struct spec_reader r = { .file = file, .errs = errs };
	size_t before = errs->count;
	json_t *own, *merged;
	struct service *s;

	if ((own = spec_read_text(&r, text, len)) == NULL)
		return NULL;
	merged = effective(ctx->defaults, own);
	s = spec_blank();
	s->name = xstrdup(name);
	s->identity.uid = ctx->uid;
	s->identity.gid = ctx->gid;
	spec_read_object(&r, spec_keys_service, merged, s);
	spec_read_required(&r, spec_keys_service, merged);
	check_user(&r, ctx, merged);
	spec_check_listen(&r, s);
	spec_admission_finish(&r, s, own, merged);
	spec_what_finish(&r, s, own, merged);
	spec_wait_finish(&r, s, own, merged);
	if (errs->count == before) {
		s->own = dump(own, 0);
		s->merged = dump(merged, JSON_SORT_KEYS);
	} else {
		spec_release(s);
		s = NULL;
	}
	json_decref(merged);
	json_decref(own);
	return s;
}

/* ---- what it wants known ---- */

void
spec_port_question(const struct endpoint *e, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", e->port_name, endpoint_kind_name(e->kind));
}

static void
want_ident(struct lookup_table *t, enum lookup_kind kind, const struct spec_ident *who)
{
	/* the number of a group or of a path's owner is the answer already */
	if (who->set && !who->numeric)
		lookup_ask_name(t, kind, who->name);
}

static void
want_port(struct lookup_table *t, const struct endpoint *e)
{
	char question[SPEC_QUESTION_MAX];

	if (e->port_name[0] == '\0')
		return;
	spec_port_question(e, question, sizeof(question));
	lookup_ask_name(t, LOOKUP_PORT, question);
}

void
spec_wants(const struct service *s, struct lookup_table *t)
{
	if (!s->user.set)	/* only legal where berthd is not root: its own */
		lookup_ask_id(t, LOOKUP_USER, s->identity.uid);
	else if (s->user.numeric)
		lookup_ask_id(t, LOOKUP_USER, s->user.id);
	want_ident(t, LOOKUP_USER, &s->user);
	want_ident(t, LOOKUP_GROUP, &s->group);
	for (size_t i = 0; i < s->ngroups; i++)
		want_ident(t, LOOKUP_GROUP, &s->groups[i]);
	want_ident(t, LOOKUP_USER, &s->socket.owner);
	want_ident(t, LOOKUP_GROUP, &s->socket.group);
	for (size_t i = 0; i < s->nlisten; i++)
		want_port(t, &s->listen[i]);
	if (s->exec != NULL)
		lookup_ask_name(t, LOOKUP_PROGRAM, s->exec[0]);
}

/* ---- comparison ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_groups(const struct spec_identity *a, const struct spec_identity *b)
{
	return a->ngroups == b->ngroups && (a->ngroups == 0 ||
	    memcmp(a->groups, b->groups, a->ngroups * sizeof(*a->groups)) == 0);
}

static bool
same_user(const struct spec_identity *a, const struct spec_identity *b)
{
	return a->uid == b->uid && same_text(a->user, b->user) && same_text(a->home, b->home) &&
	    same_text(a->shell, b->shell);
}

static bool
same_ports(const struct service *a, const struct service *b)
{
	if (a->nlisten != b->nlisten)
		return false;
	for (size_t i = 0; i < a->nlisten; i++)
		if (a->listen[i].first != b->listen[i].first ||
		    a->listen[i].last != b->listen[i].last)
			return false;
	return true;
}

bool
spec_equal(const struct service *a, const struct service *b)
{
	return strcmp(a->merged, b->merged) == 0 && same_user(&a->identity, &b->identity) &&
	    a->identity.gid == b->identity.gid && same_groups(&a->identity, &b->identity) &&
	    a->socket.owner_uid == b->socket.owner_uid &&
	    a->socket.group_gid == b->socket.group_gid && same_ports(a, b);
}

static void
add_change(json_t *list, const char *dotted)
{
	size_t i;
	json_t *e;

	json_array_foreach(list, i, e)
		if (strcmp(json_string_value(e), dotted) == 0)
			return;
	json_array_append_new(list, json_string(dotted));
}

static void
compare(json_t *list, const struct spec_key *keys, const char *prefix, const json_t *a,
    const json_t *b)
{
	char dotted[PATH_TEXT_MAX], below[PATH_TEXT_MAX + 1];

	for (const struct spec_key *k = keys; k->name != NULL; k++) {
		const json_t *va = json_object_get(a, k->name), *vb = json_object_get(b, k->name);

		snprintf(dotted, sizeof(dotted), "%s%s", prefix, k->name);
		if (k->inside != NULL) {
			snprintf(below, sizeof(below), "%s.", dotted);
			compare(list, k->inside, below, va, vb);
		} else if (va != vb && !json_equal(va, vb))
			add_change(list, dotted);
	}
}

json_t *
spec_changes(const struct service *a, const struct service *b)
{
	json_t *list = json_array();
	json_t *va = json_loads(a->merged, 0, NULL), *vb = json_loads(b->merged, 0, NULL);

	compare(list, spec_keys_service, "", va, vb);
	json_decref(va);
	json_decref(vb);
	/* the same names may stand for other numbers now */
	if (!same_ports(a, b))
		add_change(list, "listen");
	if (!same_user(&a->identity, &b->identity))
		add_change(list, "user");
	if (a->identity.gid != b->identity.gid)
		add_change(list, "group");
	if (!same_groups(&a->identity, &b->identity))
		add_change(list, "groups");
	if (a->socket.owner_uid != b->socket.owner_uid)
		add_change(list, "socket.owner");
	if (a->socket.group_gid != b->socket.group_gid)
		add_change(list, "socket.group");
	return list;
}

bool
spec_equal_but_text(const struct service *a, const struct service *b)
{
	json_t *changes = spec_changes(a, b), *key;
	bool equal = true;
	size_t i;

	json_array_foreach(changes, i, key)
		equal = equal && strcmp(json_string_value(key), "description") == 0;
	json_decref(changes);
	return equal;
}

/* ---- show ---- */

/* own and defaults are where the walk stands in them; NULL where they have nothing. */
static void
add_origins(json_t *origin, const char *prefix, const json_t *config, const json_t *own,
    const json_t *defaults)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)config, name, value) {
		const json_t *o = json_object_get(own, name), *d = json_object_get(defaults, name);
		size_t room = strlen(prefix) + strlen(name) + 2;
		char *dotted = xcalloc(room, 1);

		snprintf(dotted, room, "%s%s", prefix, name);
		if (json_object_size(value) > 0) {
			strlcat(dotted, ".", room);
			add_origins(origin, dotted, value, o, d);
		} else
			json_object_set_new(origin, dotted, json_string(o != NULL ? "file" :
			    d != NULL ? "berth.json" : "default"));
		free(dotted);
	}
}

json_t *
spec_show(const struct service *s, const json_t *defaults)
{
	json_t *config = json_loads(s->merged, 0, NULL), *own = json_loads(s->own, 0, NULL);
	json_t *origin = json_object();

	add_origins(origin, "", config, own, defaults);
	json_decref(own);
	return json_pack("{s:o, s:o}", "config", config, "origin", origin);
}

/* ---- log levels ---- */

int
spec_log_level(const char *name)
{
	for (const struct spec_word *w = spec_keys_levels; w->name != NULL; w++)
		if (strcmp(w->name, name) == 0)
			return w->value;
	return -1;
}

const char *
spec_log_level_name(int level)
{
	for (const struct spec_word *w = spec_keys_levels; w->name != NULL; w++)
		if (w->value == level)
			return w->name;
	return NULL;
}
