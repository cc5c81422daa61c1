/* berthctl reload: take the configuration files into force, or tell what that would change */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/xalloc.h"
#include "ctl.h"

/* Append to an owned string. */
static void
append(char **text, const char *more)
{
	size_t len = *text == NULL ? 0 : strlen(*text);

	*text = xreallocarray(*text, len + strlen(more) + 1, 1);
	(void)strcpy(*text + len, more);
}

/* "a b c", or with sep ", ". Caller frees; NULL for an empty array. */
static char *
join(const json_t *names, const char *sep)
{
	const json_t *name;
	char *text = NULL;
	size_t i;

	json_array_foreach(names, i, name) {
		if (i > 0)
			append(&text, sep);
		append(&text, json_is_string(name) ? json_string_value(name) : "?");
	}
	return text;
}

/* "b (user), c (limits.connections, user)" */
static char *
join_changes(const json_t *changes)
{
	const json_t *change;
	char *text = NULL, *keys;
	size_t i;

	json_array_foreach(changes, i, change) {
		if (i > 0)
			append(&text, ", ");
		append(&text, ctl_string(change, "service"));
		keys = join(json_object_get(change, "keys"), ", ");
		if (keys != NULL) {
			append(&text, " (");
			append(&text, keys);
			append(&text, ")");
		}
		free(keys);
	}
	return text;
}

/* One line, if there is something to say; frees the text. */
static bool
print_changes(const char *label, char *text)
{
	if (text == NULL)
		return false;
	ctl_print(stdout, "%s: %s", label, text);
	free(text);
	return true;
}

static void
print_lines(FILE *to, const char *before, const json_t *lines)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
		ctl_print(to, "%s%s", before, json_is_string(line) ? json_string_value(line) : "?");
}

static void
print_report(const json_t *answer, bool dry)
{
	bool changed = print_changes("added", join(json_object_get(answer, "added"), " "));

	changed |= print_changes("changed", join_changes(json_object_get(answer, "changed")));
	changed |= print_changes("removed", join(json_object_get(answer, "removed"), " "));
	if (!changed)
		(void)puts(dry ? "nothing would change" : "nothing changed");
	print_lines(stdout, "note: ", json_object_get(answer, "notes"));
	(void)fflush(stdout);
	print_lines(stderr, "", json_object_get(answer, "errors"));
}

int
ctl_reload(struct ctl *c, int argc, char **argv)
{
	json_t *answer, *parameters = NULL;
	bool dry = false;
	int status;

	while (ctl_option(c, argc, argv) != -1)
		dry = true;
	ctl_count(c, argc, argv, 0, 0);
	if (dry)
		parameters = json_pack("{s:b}", "dry_run", 1);
	status = client_call(c->control, "Reload", parameters, &answer);
	if (status != 0)
		return status;
	if (c->json)
		ctl_print_json(answer);
	else
		print_report(answer, dry);
	status = json_array_size(json_object_get(answer, "errors")) > 0 ? CTL_NO : 0;
	json_decref(answer);
	return status;
}
