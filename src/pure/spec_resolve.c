/* spec_resolve - from names to numbers */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "spec_table.h"
#include "xalloc.h"

struct resolver {
	struct spec_reader r;
	const struct spec_context *ctx;
	const struct lookup_table *table;
	bool *transient;
};

/* The answer if it is a good one; else NULL and a complaint about `what`, such as 'user "x"'. */
static const struct lookup *
good(struct resolver *v, const struct lookup *l, const char *what)
{
	if (l != NULL && l->state == LOOKUP_FOUND) {
		*v->transient |= l->stale;
		return l;
	}
	if (l != NULL && l->state == LOOKUP_ABSENT) {
		spec_read_fail(&v->r, "there is no %s", what);
		return NULL;
	}
	spec_read_fail(&v->r, "cannot look up %s: %s", what,
	    l == NULL || l->error[0] == '\0' ? "no answer" : l->error);
	*v->transient = true;
	return NULL;
}

/* One of LOOKUP_USER, LOOKUP_GROUP; id is for one that is asked by number. */
static const struct lookup *
answer(struct resolver *v, enum lookup_kind kind, const char *name, uint32_t id)
{
	const char *noun = kind == LOOKUP_USER ? "user" : "group";
	char q[DIAG_QUOTE_MAX], what[DIAG_QUOTE_MAX + 16];

	if (name == NULL) {
		snprintf(what, sizeof(what), "%s %u", noun, id);
		return good(v, lookup_find_id(v->table, kind, id), what);
	}
	snprintf(what, sizeof(what), "%s %s", noun, diag_quote(name, q, sizeof(q)));
	return good(v, lookup_find_name(v->table, kind, name), what);
}

/* The number of a user or a group; what stands in *id stays when it is not known. */
static bool
number_of(struct resolver *v, const char *key, enum lookup_kind kind,
    const struct spec_ident *who, uint32_t *id)
{
	const struct lookup *l;

	if (who->numeric) {
		*id = who->id;
		return true;
	}
	spec_read_push(&v->r, key);
	l = answer(v, kind, who->name, 0);
	spec_read_pop(&v->r);
	if (l != NULL)
		*id = kind == LOOKUP_USER ? l->uid : l->gid;
	return l != NULL;
}

static void
resolve_ports(struct resolver *v, struct service *s)
{
	char question[SPEC_QUESTION_MAX], what[DIAG_QUOTE_MAX + 64], q[DIAG_QUOTE_MAX];

	spec_read_push(&v->r, "listen");
	for (size_t i = 0; i < s->nlisten; i++) {
		struct endpoint *e = &s->listen[i];
		const struct lookup *l;

		if (e->port_name[0] == '\0')
			continue;
		spec_port_question(e, question, sizeof(question));
		snprintf(what, sizeof(what), "%s port %s in services(5)", endpoint_kind_name(e->kind),
		    diag_quote(e->port_name, q, sizeof(q)));
		l = good(v, lookup_find_name(v->table, LOOKUP_PORT, question), what);
		if (l != NULL && l->port == 0)
			spec_read_fail(&v->r, "%s has the number 0", what);
		else if (l != NULL)
			e->first = e->last = l->port;
	}
	spec_read_pop(&v->r);
}

static void
add_group(struct spec_identity *id, gid_t gid)
{
	for (size_t i = 0; i < id->ngroups; i++)
		if (id->groups[i] == gid)
			return;
	id->groups = xreallocarray(id->groups, id->ngroups + 1, sizeof(*id->groups));
	id->groups[id->ngroups++] = gid;
}

/* USER, HOME and the like from the answer about the user. */
static void
fill_user(struct spec_identity *id, const struct lookup *user)
{
	id->uid = user->uid;
	id->gid = user->gid;
	id->user = xstrdup(user->user != NULL ? user->user : user->name != NULL ? user->name : "");
	id->home = xstrdup(user->home != NULL ? user->home : "/");
	id->shell = xstrdup(user->shell != NULL ? user->shell : "/bin/sh");
}

/*
 * The supplementary list: exactly `groups`, or the user's own with `group` in the place of the
 * primary one, which getgrouplist(3) has among them; a number without an entry has none.
 */
static void
fill_groups(struct resolver *v, struct service *s, const struct lookup *user)
{
	uint32_t gid;

	for (size_t i = 0; i < s->ngroups; i++)
		if (number_of(v, "groups", LOOKUP_GROUP, &s->groups[i], &gid))
			add_group(&s->identity, gid);
	for (size_t i = 0; !s->groups_set && i < user->ngroups; i++)
		add_group(&s->identity,
		    user->groups[i] == user->gid ? s->identity.gid : user->groups[i]);
}

static const struct lookup *
user_answer(struct resolver *v, const struct service *s)
{
	const struct lookup *l;

	spec_read_push(&v->r, "user");
	l = answer(v, LOOKUP_USER, s->user.set ? s->user.name : NULL,
	    s->user.set ? s->user.id : v->ctx->uid);
	spec_read_pop(&v->r);
	return l;
}

static void
fail_key(struct resolver *v, const char *key, const char *text)
{
	spec_read_push(&v->r, key);
	spec_read_fail(&v->r, "%s", text);
	spec_read_pop(&v->r);
}

static void
resolve_as_root(struct resolver *v, struct service *s)
{
	const struct lookup *user = user_answer(v, s);

	if (user != NULL)
		fill_user(&s->identity, user);
	if (user != NULL && user->uid == SPEC_UID_ALONE)
		fail_key(v, "user", SPEC_UID_ALONE_TEXT " is kept for what reads clients' bytes for berthd: a handler of "
		    "that user could stop it");
	if (s->group.set)
		number_of(v, "group", LOOKUP_GROUP, &s->group, &s->identity.gid);
	if (user != NULL)
		fill_groups(v, s, user);
}

/* Without root there is one identity, berthd's own; the file may name it, but no other. */
static void
resolve_as_self(struct resolver *v, struct service *s)
{
	const struct lookup *user = user_answer(v, s);
	uint32_t gid = v->ctx->gid;
	char text[128];

	if (user != NULL)
		fill_user(&s->identity, user);
	if (user != NULL && user->uid != v->ctx->uid) {
		snprintf(text, sizeof(text),
		    "uid %u is not berthd's own (%u), and only root can change it", user->uid, v->ctx->uid);
		fail_key(v, "user", text);
	}
	if (s->group.set && number_of(v, "group", LOOKUP_GROUP, &s->group, &gid) &&
	    gid != v->ctx->gid) {
		snprintf(text, sizeof(text),
		    "gid %u is not berthd's own (%u), and only root can change it", gid, v->ctx->gid);
		fail_key(v, "group", text);
	}
	if (s->groups_set)
		fail_key(v, "groups", "must be absent: only root can change them");
	s->identity.uid = v->ctx->uid;
	s->identity.gid = v->ctx->gid;
}

static void
forget_identity(struct spec_identity *id)
{
	free(id->groups);
	free(id->user);
	free(id->home);
	free(id->shell);
	*id = (struct spec_identity){ .uid = id->uid, .gid = id->gid };
}

bool
spec_resolve(struct service *s, const struct spec_context *ctx, const char *file,
    const struct lookup_table *t, struct diag_list *errs, bool *transient)
{
	struct resolver v = { .r = { .file = file, .errs = errs }, .ctx = ctx, .table = t,
		.transient = transient };
	size_t before = errs->count;

	forget_identity(&s->identity);
	resolve_ports(&v, s);
	if (errs->count == before)
		spec_check_listen(&v.r, s);
	if (ctx->root)
		resolve_as_root(&v, s);
	else
		resolve_as_self(&v, s);
	spec_read_push(&v.r, "socket");
	if (s->socket.owner.set)
		number_of(&v, "owner", LOOKUP_USER, &s->socket.owner, &s->socket.owner_uid);
	if (s->socket.group.set)
		number_of(&v, "group", LOOKUP_GROUP, &s->socket.group, &s->socket.group_gid);
	spec_read_pop(&v.r);
	return errs->count == before;
}
