/* spec_read - from text to a JSON object, and from the object, by the table, to a structure */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec_table.h"
#include "xalloc.h"

#define PATH_TEXT_MAX 256
#define NAME_MAX_NEAR 32	/* a longer name is near to nothing */

/* ---- the path and the messages ---- */

void
spec_read_push(struct spec_reader *r, const char *name)
{
	assert(r->depth < sizeof(r->path) / sizeof(r->path[0]));
	r->path[r->depth++] = name;
}

void
spec_read_pop(struct spec_reader *r)
{
	assert(r->depth > 0);
	r->depth--;
}

/* "process.environment.TZ", "exec[1]".  Names of the file are quoted only where they need it. */
static const char *
path_text(const struct spec_reader *r, const char *last, char buf[PATH_TEXT_MAX])
{
	char q[DIAG_QUOTE_MAX];
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i <= r->depth && at < PATH_TEXT_MAX; i++) {
		const char *name = i < r->depth ? r->path[i] : last;

		if (name == NULL)
			break;
		diag_quote(name, q, sizeof(q));
		q[strlen(q) - 1] = '\0';
		at += (size_t)snprintf(buf + at, PATH_TEXT_MAX - at, "%s%s",
		    i > 0 && name[0] != '[' ? "." : "", q + 1);
	}
	return buf;
}

void
spec_read_fail(struct spec_reader *r, const char *fmt, ...)
{
	char path[PATH_TEXT_MAX];
	struct diag why;
	va_list ap;

	va_start(ap, fmt);
	diag_vset(&why, fmt, ap);
	va_end(ap);
	path_text(r, NULL, path);
	diag_list_add(r->errs, "%s: %s%s%s", r->file, path, path[0] != '\0' ? ": " : "", why.text);
}

static const char *
describe(const json_t *value, char *buf, size_t size)
{
	size_t n;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		snprintf(buf, size, "an object");
		break;
	case JSON_ARRAY:
		snprintf(buf, size, json_array_size(value) ? "an array" : "an empty array");
		break;
	case JSON_STRING:
		diag_quote(json_string_value(value), buf, size);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
	default:
		n = json_dumpb(value, buf, size - 1,
		    JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
		buf[n < size ? n : 0] = '\0';
		break;
	}
	return buf;
}

void
spec_read_mismatch(struct spec_reader *r, const char *expect, const json_t *value)
{
	char found[DIAG_QUOTE_MAX];

	spec_read_fail(r, "expected %s, found %s", expect, describe(value, found, sizeof(found)));
}

/* "a", "b" or "c" */
static void
list_words(const struct spec_word *words, char *buf, size_t size)
{
	size_t at = 0;

	for (const struct spec_word *w = words; w->name != NULL && at < size; w++) {
		const char *between = w == words ? "" : w[1].name == NULL ? " or " : ", ";

		at += (size_t)snprintf(buf + at, size - at, "%s\"%s\"", between, w->name);
	}
}

void
spec_read_mismatch_key(struct spec_reader *r, const struct spec_key *k, const json_t *value)
{
	const char *none = k->flags & SPEC_NONE ? " (or null for none)" : "";
	char what[256], expect[300];

	if (k->type->expect != NULL)
		snprintf(what, sizeof(what), "%s", k->type->expect);
	else if (k->words != NULL)
		list_words(k->words, what, sizeof(what));
	else
		snprintf(what, sizeof(what), "a whole number from %lld to %lld", (long long)k->min,
		    (long long)k->max);
	snprintf(expect, sizeof(expect), "%s%s", what, none);
	spec_read_mismatch(r, expect, value);
}

/* ---- unknown keys ---- */

/* The nearest name so far. */
struct near {
	const char *name;	/* that is asked about */
	unsigned distance;	/* of the best; more than the bound: none yet */
	char path[PATH_TEXT_MAX];
};

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edit distance where two neighbours that changed places count one (optimal string alignment). */
static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned d[NAME_MAX_NEAR + 1][NAME_MAX_NEAR + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NAME_MAX_NEAR || lb > NAME_MAX_NEAR)
		return NAME_MAX_NEAR;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++)
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = least(d[i - 1][j], d[i][j - 1]) + 1;

			best = least(best, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = least(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	return d[la][lb];
}

static void
near_start(struct near *n, const char *name)
{
	size_t len = strlen(name);

	n->name = name;
	n->distance = (len < 3 ? 1 : len < 6 ? 2 : 3);	/* this far is too far */
	n->path[0] = '\0';
}

static void
near_try(struct near *n, const struct spec_reader *at, const char *candidate, unsigned penalty)
{
	unsigned d = edit_distance(n->name, candidate) + penalty;

	if (d < n->distance) {
		n->distance = d;
		path_text(at, candidate, n->path);
	}
}

/* Every key of the table: those where the reader stands, and the same name elsewhere. */
static void
near_walk(struct near *n, const struct spec_reader *r, struct spec_reader *at,
    const struct spec_key *table, const struct spec_key *here)
{
	for (const struct spec_key *k = table; k->name != NULL; k++) {
		if (k->flags & r->forbidden)
			continue;
		if (table == here)
			near_try(n, at, k->name, 0);
		else if (strcmp(n->name, k->name) == 0)
			near_try(n, at, k->name, 1);
		if (k->inside != NULL) {
			spec_read_push(at, k->name);
			near_walk(n, r, at, k->inside, here);
			spec_read_pop(at);
		}
	}
}

static void
report_unknown(struct spec_reader *r, const char *name, const struct near *n)
{
	char path[PATH_TEXT_MAX];

	path_text(r, name, path);
	if (n->path[0] != '\0')
		diag_list_add(r->errs, "%s: \"%s\" is not a known key; did you mean \"%s\"?", r->file,
		    path, n->path);
	else
		diag_list_add(r->errs, "%s: \"%s\" is not a known key", r->file, path);
}

static bool
is_part_of(const struct spec_key *keys, const struct spec_key *table)
{
	if (keys == table)
		return true;
	for (const struct spec_key *k = table; k->name != NULL; k++)
		if (k->inside != NULL && is_part_of(keys, k->inside))
			return true;
	return false;
}

/* The table that `keys` is a part of: service and settings are the two roots. */
static const struct spec_key *
root_of(const struct spec_key *keys)
{
	return is_part_of(keys, spec_keys_service) ? spec_keys_service : spec_keys_settings;
}

void
spec_read_unknown(struct spec_reader *r, const struct spec_key *keys, const char *name)
{
	const struct spec_key *root = root_of(keys);
	struct spec_reader at = { .file = r->file };
	struct near n;

	/* `defaults` is a table inside a table: its name stays in front */
	if (r->depth > 0 && root == spec_keys_service && r->forbidden != 0)
		spec_read_push(&at, r->path[0]);
	near_start(&n, name);
	near_walk(&n, r, &at, root, keys);
	report_unknown(r, name, &n);
}

void
spec_read_unknown_name(struct spec_reader *r, const char *(*name_at)(size_t), const char *name)
{
	struct near n;

	near_start(&n, name);
	for (size_t i = 0; name_at(i) != NULL; i++)
		near_try(&n, r, name_at(i), 0);
	report_unknown(r, name, &n);
}

/* ---- by the table ---- */

static const struct spec_key *
find_key(const struct spec_key *keys, const char *name)
{
	for (const struct spec_key *k = keys; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void
read_key(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (k->flags & r->forbidden)
		spec_read_fail(r, "belongs in the file of each service, not in defaults");
	else if (k->inside == NULL)
		k->type->read(r, k, value, into);
	else if (json_is_object(value))
		spec_read_object(r, k->inside, value, into);
	else
		spec_read_mismatch(r, "an object", value);
}

void
spec_read_object(struct spec_reader *r, const struct spec_key *keys, const json_t *object,
    void *into)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		const struct spec_key *k = find_key(keys, name);

		if (k == NULL) {
			spec_read_unknown(r, keys, name);
			continue;
		}
		spec_read_push(r, k->name);
		read_key(r, k, value, into);
		spec_read_pop(r);
	}
}

void
spec_read_required(struct spec_reader *r, const struct spec_key *keys, const json_t *object)
{
	for (const struct spec_key *k = keys; k->name != NULL; k++)
		if (k->flags & SPEC_REQUIRED && json_object_get(object, k->name) == NULL) {
			spec_read_push(r, k->name);
			spec_read_fail(r, "required, but missing");
			spec_read_pop(r);
		}
}

json_t *
spec_read_fallbacks(const struct spec_key *keys)
{
	json_t *object = json_object(), *value;

	for (const struct spec_key *k = keys; k->name != NULL; k++) {
		if (k->inside != NULL)
			value = spec_read_fallbacks(k->inside);
		else if (k->fallback != NULL)
			value = json_loads(k->fallback, JSON_DECODE_ANY, NULL);
		else
			continue;
		assert(value != NULL);
		/* an object of keys that have no default says nothing, and could not stand in every file */
		if (k->inside != NULL && json_object_size(value) == 0)
			json_decref(value);
		else
			json_object_set_new_nocheck(object, k->name, value);
	}
	return object;
}

void
spec_read_merge(json_t *into, const json_t *from)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)from, name, value) {
		json_t *old = json_object_get(into, name);

		if (!json_is_object(value)) {
			json_object_set_nocheck(into, name, value);
			continue;
		}
		/* an object is copied, never shared: it may be merged into later */
		if (!json_is_object(old)) {
			json_object_set_new_nocheck(into, name, json_object());
			old = json_object_get(into, name);
		}
		spec_read_merge(old, value);
	}
}

/* ---- text ---- */

static void
fail_at(struct spec_reader *r, int line, int column, const char *text)
{
	diag_list_add(r->errs, "%s:%d:%d: %s", r->file, line, column, text);
}

static void
fail_at_nul(struct spec_reader *r, const char *text, size_t at)
{
	int line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	fail_at(r, line, column, "a NUL byte has no place in a JSON text");
}

/* The key whose closing quote stands before text[end], as it is written, quotes included. */
static void
key_before(const char *text, size_t end, char *buf, size_t size)
{
	size_t first = end < 2 ? 0 : end - 2;

	while (first > 0 && !(text[first] == '"' && text[first - 1] != '\\'))
		first--;
	snprintf(buf, size, "%.*s", (int)(end - first), text + first);
}

/* jansson repeats bytes of the file, and both it and we may have cut them inside a character. */
static void
clean(char *message)
{
	json_t *valid = json_string(message);

	for (char *p = message; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p) || (valid == NULL && !isascii((unsigned char)*p)))
			*p = '?';
	json_decref(valid);
}

static void
fail_syntax(struct spec_reader *r, const char *text, size_t len, const json_error_t *e)
{
	char key[DIAG_QUOTE_MAX], message[2 * DIAG_QUOTE_MAX + JSON_ERROR_TEXT_LENGTH];

	if (json_error_code(e) == json_error_duplicate_key && e->position > 0 &&
	    (size_t)e->position <= len) {
		key_before(text, (size_t)e->position, key, sizeof(key));
		snprintf(message, sizeof(message), "duplicate key %s", key);
	} else
		snprintf(message, sizeof(message), "%s", e->text);
	clean(message);
	fail_at(r, e->line, e->column > 0 ? e->column : 1, message);
}

static bool
only_space(const char *text, size_t len)
{
	while (len > 0 && memchr(" \t\r\n", text[len - 1], 4) != NULL)
		len--;
	return len == 0;
}

json_t *
spec_read_text(struct spec_reader *r, const char *text, size_t len)
{
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	json_error_t error;
	json_t *object;

	if (len > SPEC_FILE_MAX) {
		spec_read_fail(r, "the file is longer than %d bytes", SPEC_FILE_MAX);
		return NULL;
	}
	if (nul != NULL) {
		fail_at_nul(r, text, (size_t)(nul - text));
		return NULL;
	}
	if (only_space(text, len)) {
		spec_read_fail(r, "the file is empty: expected one JSON object");
		return NULL;
	}
	if ((object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error)) == NULL) {
		fail_syntax(r, text, len, &error);
		return NULL;
	}
	if (!json_is_object(object)) {
		spec_read_fail(r, "expected one JSON object, found an array");
		json_decref(object);
		return NULL;
	}
	return object;
}

/* ---- keys that cannot apply ---- */

void
spec_read_fail_at(struct spec_reader *r, const char *group, const char *key, const char *text)
{
	if (group != NULL)
		spec_read_push(r, group);
	spec_read_push(r, key);
	spec_read_fail(r, "%s", text);
	spec_read_pop(r);
	if (group != NULL)
		spec_read_pop(r);
}

static json_t *
holder(const json_t *object, const char *group)
{
	return group != NULL ? json_object_get(object, group) : (json_t *)(uintptr_t)object;
}

static bool
asks(const json_t *value)
{
	return value != NULL && !json_is_null(value) && !json_is_false(value) &&
	    !(json_is_integer(value) && json_integer_value(value) == 0) &&
	    !(json_is_object(value) && json_object_size(value) == 0);
}

void
spec_read_not_here(struct spec_reader *r, const char *group, const char *key,
    const json_t *own, json_t *merged, const char *text)
{
	const json_t *value = json_object_get(holder(own, group), key);

	if (value == NULL)
		json_object_del(holder(merged, group), key);
	else if (asks(value))
		spec_read_fail_at(r, group, key, text);
}
