/*
 * Feeds any bytes to spec_parse(), as root and not, and to settings_parse(): no crash, no leak, and
 * either a value or at least one message, never both.  What was read must survive its own dump.
 * Compiled with -DREPLAY it reads the files that its arguments name.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/pure/spec.h"
#include "replay.h"

/* A message must fit into JSON: control replies carry it. */
static void
check_messages(const struct diag_list *errs)
{
	for (size_t i = 0; i < errs->count; i++) {
		json_t *text = json_string(errs->text[i]);

		assert(text != NULL);
		json_decref(text);
	}
}

static void
check_again(const struct spec_context *ctx, const struct service *s)
{
	struct diag_list errs = {0};
	struct service *again = spec_parse(ctx, "x.json", "x", s->merged, strlen(s->merged), &errs);
	json_t *changes;

	/* defaults may make the object longer than a file may be */
	if (again != NULL) {
		changes = spec_changes(s, again);
		assert(spec_equal(s, again) && json_array_size(changes) == 0);
		json_decref(changes);
	} else
		assert(strlen(s->merged) > SPEC_FILE_MAX);
	spec_release(again);
	diag_list_free(&errs);
}

static void
try_service(const struct spec_context *ctx, const char *text, size_t len)
{
	struct diag_list errs = {0};
	struct service *s = spec_parse(ctx, "x.json", "x", text, len, &errs);
	struct lookup_table table = {0};
	bool transient = false;
	json_t *show;

	assert((s != NULL) == (errs.count == 0));
	check_messages(&errs);
	if (s != NULL) {
		check_again(ctx, s);
		show = spec_show(s, NULL);
		assert(show != NULL);
		json_decref(show);
		spec_wants(s, &table);
		assert(!spec_resolve(s, ctx, "x.json", &table, &errs, &transient) || ctx->root);
		check_messages(&errs);
	}
	lookup_free(&table);
	spec_release(s);
	diag_list_free(&errs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct spec_context self = { .uid = 1000, .gid = 1000 }, root = { .root = true };
	/* a copy of exactly this size: reading beyond it is seen */
	char *text = malloc(size > 0 ? size : 1);
	struct diag_list errs = {0};
	struct settings *settings;

	assert(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	try_service(&self, text, size);
	try_service(&root, text, size);
	settings = settings_parse("berth.json", text, size, &errs);
	assert((settings != NULL) == (errs.count == 0));
	check_messages(&errs);
	settings_free(settings);
	diag_list_free(&errs);
	free(text);
	return 0;
}
