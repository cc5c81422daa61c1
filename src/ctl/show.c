/* berthctl show: the configuration of one service */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/xalloc.h"
#include "ctl.h"

static void
show_value(struct ctl_table *t, const char *key, const json_t *value, const char *from)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert(text != NULL);
	ctl_table_row(t, key, text, from[0] == '\0' ? "-" : from, NULL);
	free(text);
}

/*
 * One row a value.  An object is one value where its origin is known as a whole, else it is opened
 * up.
 */
static void
show_config(struct ctl_table *t, const char *prefix, json_t *config, const json_t *origin)
{
	const char *key;
	json_t *value;
	char *path;

	json_object_foreach(config, key, value) {
		int n = asprintf(&path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);

		assert(n >= 0);
		if (json_object_get(origin, path) == NULL && json_object_size(value) > 0)
			show_config(t, path, value, origin);
		else
			show_value(t, path, value, ctl_string(origin, path));
		free(path);
	}
}

static void
show_list(struct ctl_table *t, const char *label, const json_t *texts)
{
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
		ctl_table_row(t, label, json_string_value(text), NULL);
}

static void
show_service(const json_t *s)
{
	static const char *const texts[] = { "name", "description", "file", "state", "gate" };
	long long limit = ctl_number(s, "limit");
	struct ctl_table t = { 0 };
	const json_t *e;
	char numbers[128];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (ctl_string(s, texts[i])[0] != '\0')
			ctl_table_row(&t, texts[i], ctl_string(s, texts[i]), NULL);
	}
	(void)snprintf(numbers, sizeof(numbers), limit > 0 ? "%lld of %lld" : "%lld",
	    ctl_number(s, "active"), limit);
	ctl_table_row(&t, "active", numbers, NULL);
	(void)snprintf(numbers, sizeof(numbers), "%lld, of these failed: %lld",
	    ctl_number(s, "accepted"), ctl_number(s, "failed"));
	ctl_table_row(&t, "accepted", numbers, NULL);
	json_array_foreach(json_object_get(s, "endpoints"), i, e) {
		char *text;
		int n = asprintf(&text, "%s  %s  %s%s%s", ctl_string(e, "endpoint"),
		    ctl_string(e, "state"), ctl_string(e, "address"),
		    ctl_string(e, "reason")[0] != '\0' ? "  " : "", ctl_string(e, "reason"));

		assert(n >= 0);
		ctl_table_row(&t, "endpoint", text, NULL);
		free(text);
	}
	show_list(&t, "error", json_object_get(s, "errors"));
	show_list(&t, "warning", json_object_get(s, "warnings"));
	ctl_table_print(&t);
}

int
ctl_show(struct ctl *c, int argc, char **argv)
{
	struct ctl_table t = { 0 };
	json_t *answer;
	int status;

	ctl_arguments(c, argc, argv, 1, 1);
	status = client_call(c->control, "Show", ctl_service_parameter(c, argv[optind]),
	    &answer);
	if (status != 0)
		return status;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		show_service(json_object_get(answer, "service"));
		(void)putchar('\n');
		ctl_table_row(&t, "KEY", "VALUE", "FROM", NULL);
		show_config(&t, "", json_object_get(answer, "config"),
		    json_object_get(answer, "origin"));
		ctl_table_print(&t);
	}
	json_decref(answer);
	return 0;
}
