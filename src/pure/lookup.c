#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static struct lookup *
find(const struct lookup_table *t, enum lookup_kind kind, const char *name, uint32_t id)
{
	for (size_t i = 0; i < t->count; i++) {
		struct lookup *e = &t->entry[i];

		if (e->kind != kind || e->numeric != (name == NULL))
			continue;
		if (name != NULL ? strcmp(e->name, name) == 0 : e->id == id)
			return e;
	}
	return NULL;
}

static size_t
ask(struct lookup_table *t, enum lookup_kind kind, const char *name, uint32_t id)
{
	struct lookup *e = find(t, kind, name, id);

	if (e != NULL)
		return (size_t)(e - t->entry);
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 8;
		t->entry = xreallocarray(t->entry, t->room, sizeof(*t->entry));
	}
	t->entry[t->count] = (struct lookup){
		.kind = kind, .numeric = name == NULL, .id = id,
		.name = name != NULL ? xstrdup(name) : NULL,
		.uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	return t->count++;
}

size_t
lookup_ask_name(struct lookup_table *t, enum lookup_kind kind, const char *name)
{
	return ask(t, kind, name, 0);
}

size_t
lookup_ask_id(struct lookup_table *t, enum lookup_kind kind, uint32_t id)
{
	return ask(t, kind, NULL, id);
}

const struct lookup *
lookup_find_name(const struct lookup_table *t, enum lookup_kind kind, const char *name)
{
	return find(t, kind, name, 0);
}

const struct lookup *
lookup_find_id(const struct lookup_table *t, enum lookup_kind kind, uint32_t id)
{
	return find(t, kind, NULL, id);
}

static char *
copy_text(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
drop_answer(struct lookup *e)
{
	free(e->groups);
	free(e->user);
	free(e->home);
	free(e->shell);
	e->groups = NULL;
	e->ngroups = 0;
	e->user = e->home = e->shell = NULL;
}

static void
copy_answer(struct lookup *to, const struct lookup *from)
{
	drop_answer(to);
	to->uid = from->uid;
	to->gid = from->gid;
	to->port = from->port;
	to->user = copy_text(from->user);
	to->home = copy_text(from->home);
	to->shell = copy_text(from->shell);
	if (from->ngroups > 0) {
		to->groups = xcalloc(from->ngroups, sizeof(*to->groups));
		memcpy(to->groups, from->groups, from->ngroups * sizeof(*to->groups));
		to->ngroups = from->ngroups;
	}
}

void
lookup_keep_good(struct lookup_table *now, const struct lookup_table *before)
{
	for (size_t i = 0; i < now->count; i++) {
		struct lookup *e = &now->entry[i];
		const struct lookup *old;

		if (e->state != LOOKUP_OPEN && e->state != LOOKUP_FAILED)
			continue;
		old = find(before, e->kind, e->name, e->id);
		if (old == NULL || old->state != LOOKUP_FOUND)
			continue;
		if (e->error[0] == '\0')
			snprintf(e->error, sizeof(e->error), "no answer");
		copy_answer(e, old);
		e->state = LOOKUP_FOUND;
		e->stale = true;
	}
}

void
lookup_keep_failed(struct lookup_table *now, const struct lookup_table *before)
{
	for (size_t i = 0; i < now->count; i++) {
		struct lookup *e = &now->entry[i];
		const struct lookup *old = find(before, e->kind, e->name, e->id);

		if (e->state != LOOKUP_OPEN || old == NULL || old->state != LOOKUP_FAILED)
			continue;
		memcpy(e->error, old->error, sizeof(e->error));
		e->state = LOOKUP_FAILED;
	}
}

void
lookup_fail(struct lookup_table *t, const char *why)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->entry[i].state != LOOKUP_OPEN)
			continue;
		t->entry[i].state = LOOKUP_FAILED;
		snprintf(t->entry[i].error, sizeof(t->entry[i].error), "%s", why);
	}
}

void
lookup_free(struct lookup_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		drop_answer(&t->entry[i]);
		free(t->entry[i].name);
	}
	free(t->entry);
	*t = (struct lookup_table){0};
}
