/* settings - berth.json as a value (spec.h) */
#include <assert.h>
#include <string.h>

#include "spec_table.h"
#include "xalloc.h"

/* Read object over the built-in values. */
static struct settings *
read_settings(struct spec_reader *r, const json_t *object)
{
	struct settings *s = xcalloc(1, sizeof(*s));
	json_t *merged = spec_read_fallbacks(spec_keys_settings);

	spec_read_merge(merged, object);
	spec_read_object(r, spec_keys_settings, merged, s);
	json_decref(merged);
	return s;
}

struct settings *
settings_default(void)
{
	struct diag_list errs = {0};
	struct spec_reader r = { .file = "built-in", .errs = &errs };
	json_t *nothing = json_object();
	struct settings *s = read_settings(&r, nothing);

	assert(errs.count == 0);
	json_decref(nothing);
	return s;
}

struct settings *
settings_parse(const char *file, const char *text, size_t len, struct diag_list *errs)
{
	struct spec_reader r = { .file = file, .errs = errs };
	size_t before = errs->count;
	struct settings *s;
	json_t *object;

	if ((object = spec_read_text(&r, text, len)) == NULL)
		return NULL;
	s = read_settings(&r, object);
	json_decref(object);
	if (errs->count == before)
		return s;
	settings_free(s);
	return NULL;
}

void
settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	spec_type_free_list(s->services);
	free(s->control_socket);
	free(s->control_group.name);
	json_decref(s->defaults);
	free(s);
}
