#include "../../src/pure/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void
test_ask(void)
{
	struct lookup_table t = {0};
	size_t http = lookup_ask_name(&t, LOOKUP_PORT, "http/tcp");
	size_t root = lookup_ask_name(&t, LOOKUP_USER, "root");
	size_t zero = lookup_ask_id(&t, LOOKUP_USER, 0);
	size_t again, other;
	char name[32];

	again = lookup_ask_name(&t, LOOKUP_USER, "root");
	UNIT_CHECK("a name is in the table once", again == root && t.count == 3, "%zu, %zu", again,
	    root);
	other = lookup_ask_name(&t, LOOKUP_GROUP, "root");
	UNIT_CHECK("a user and a group of one name are two questions", other != root, "%zu", other);
	UNIT_CHECK("a number is not the name of its digits",
	    lookup_ask_name(&t, LOOKUP_USER, "0") != zero, "%zu", zero);
	UNIT_CHECK("asking a number again is nothing",
	    lookup_ask_id(&t, LOOKUP_USER, 0) == zero, "%zu", zero);
	UNIT_CHECK("entries are in the order of asking",
	    http == 0 && root == 1 && zero == 2 && other == 3, "%zu %zu %zu %zu", http, root, zero,
	    other);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		lookup_ask_name(&t, LOOKUP_USER, name);
	}
	UNIT_CHECK("what was asked is found", lookup_find_name(&t, LOOKUP_USER, "user99") ==
	    &t.entry[t.count - 1], "count %zu", t.count);
	UNIT_CHECK("what was not asked is not found",
	    lookup_find_name(&t, LOOKUP_USER, "user100") == NULL &&
	    lookup_find_id(&t, LOOKUP_USER, 1) == NULL, "count %zu", t.count);
	lookup_free(&t);
	UNIT_CHECK("a freed table is empty", t.count == 0 && t.entry == NULL, "count %zu", t.count);
	lookup_free(&t);
}

static void
set_answer(struct lookup *e)
{
	e->state = LOOKUP_FOUND;
	e->uid = 7;
	e->gid = 8;
	e->groups = calloc(2, sizeof(*e->groups));
	e->groups[0] = 8;
	e->groups[1] = 9;
	e->ngroups = 2;
	e->user = strdup("seven");
	e->home = strdup("/home/seven");
	e->shell = strdup("/bin/sh");
}

static void
test_keep_good(void)
{
	static const struct {
		const char *label;
		enum lookup_state now, before;
		bool kept;
	} rows[] = {
		{ "a failure keeps the last good answer", LOOKUP_FAILED, LOOKUP_FOUND, true },
		{ "no answer in time keeps the last good answer", LOOKUP_OPEN, LOOKUP_FOUND, true },
		{ "absence is an answer", LOOKUP_ABSENT, LOOKUP_FOUND, false },
		{ "a failure after absence stays a failure", LOOKUP_FAILED, LOOKUP_ABSENT, false },
		{ "a failure after a failure stays a failure", LOOKUP_FAILED, LOOKUP_FAILED, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lookup_table now = {0}, before = {0};
		struct lookup *e;

		lookup_ask_name(&before, LOOKUP_USER, "other");
		lookup_ask_name(&before, LOOKUP_USER, "seven");
		lookup_ask_name(&now, LOOKUP_USER, "seven");
		before.entry[1].state = rows[i].before;
		if (rows[i].before == LOOKUP_FOUND)
			set_answer(&before.entry[1]);
		now.entry[0].state = rows[i].now;
		lookup_keep_good(&now, &before);
		lookup_free(&before);
		e = &now.entry[0];
		if (rows[i].kept)
			UNIT_CHECK(rows[i].label, e->state == LOOKUP_FOUND && e->stale && e->uid == 7 &&
			    e->gid == 8 && e->ngroups == 2 && e->groups[1] == 9 &&
			    strcmp(e->home, "/home/seven") == 0 && e->error[0] != '\0', "state %d",
			    e->state);
		else
			UNIT_CHECK(rows[i].label, e->state == rows[i].now && !e->stale, "state %d",
			    e->state);
		lookup_free(&now);
	}
}

static void
test_fresh(void)
{
	struct lookup_table now = {0}, before = {0};

	lookup_ask_name(&before, LOOKUP_USER, "seven");
	set_answer(&before.entry[0]);
	lookup_ask_name(&now, LOOKUP_USER, "seven");
	set_answer(&now.entry[0]);
	now.entry[0].uid = 70;
	lookup_keep_good(&now, &before);
	UNIT_CHECK("a fresh answer is not replaced", now.entry[0].uid == 70 && !now.entry[0].stale,
	    "uid %u", now.entry[0].uid);
	lookup_free(&now);
	lookup_free(&before);
}

static void
test_keep_failed(void)
{
	static const struct {
		const char *label;
		enum lookup_state now, before, after;
	} rows[] = {
		{ "what failed before has failed", LOOKUP_OPEN, LOOKUP_FAILED, LOOKUP_FAILED },
		{ "what was absent before is asked again", LOOKUP_OPEN, LOOKUP_ABSENT, LOOKUP_OPEN },
		{ "what was never answered is asked", LOOKUP_OPEN, LOOKUP_OPEN, LOOKUP_OPEN },
		{ "an answer of now stays", LOOKUP_ABSENT, LOOKUP_FAILED, LOOKUP_ABSENT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lookup_table now = {0}, before = {0};
		struct lookup *e;

		lookup_ask_name(&before, LOOKUP_USER, "seven");
		before.entry[0].state = rows[i].before;
		strcpy(before.entry[0].error, "why");
		lookup_ask_name(&now, LOOKUP_USER, "other");
		lookup_ask_name(&now, LOOKUP_USER, "seven");
		now.entry[1].state = rows[i].now;
		lookup_keep_failed(&now, &before);
		e = &now.entry[1];
		UNIT_CHECK(rows[i].label, e->state == rows[i].after &&
		    (strcmp(e->error, "why") == 0) == (e->state == LOOKUP_FAILED) &&
		    now.entry[0].state == LOOKUP_OPEN, "state %d", e->state);
		lookup_free(&now);
		lookup_free(&before);
	}
}

static void
test_fail(void)
{
	struct lookup_table t = {0};

	lookup_ask_name(&t, LOOKUP_USER, "open");
	lookup_ask_name(&t, LOOKUP_USER, "found");
	t.entry[1].state = LOOKUP_FOUND;
	lookup_fail(&t, "no process");
	UNIT_CHECK("what is open has failed", t.entry[0].state == LOOKUP_FAILED &&
	    strcmp(t.entry[0].error, "no process") == 0, "state %d", t.entry[0].state);
	UNIT_CHECK("an answer is left alone", t.entry[1].state == LOOKUP_FOUND, "state %d",
	    t.entry[1].state);
	lookup_free(&t);
}

int
main(void)
{
	test_ask();
	test_keep_good();
	test_keep_failed();
	test_fail();
	test_fresh();
	return unit_done();
}
