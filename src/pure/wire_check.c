/*
 * The parameters of a call against the description that is served: what the description says of a method is what
 * it takes.  It is read anew for each call; a few kilobytes are no time.
 */
#include "wire.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* One "name: type" of a method's input; the texts lie in the description. */
struct field {
	const char *name, *type;
	size_t name_len, type_len;
	bool maybe;		/* ?type */
};

/* Where the input of a method begins, after "("; NULL: there is no such method. */
static const char *
find_method(const char *description, const char *method, size_t len)
{
	static const char keyword[] = "\nmethod ";

	while ((description = strstr(description, keyword)) != NULL) {
		description += sizeof(keyword) - 1;
		if (strncmp(description, method, len) == 0 && description[len] == '(')
			return description + len + 1;
	}
	return NULL;
}

/* Where the next word begins; *len: of the letters, digits and underscores there. */
static const char *
word(const char *at, size_t *len)
{
	at += strspn(at, " \t\n,:");
	for (*len = 0; isalnum((unsigned char)at[*len]) || at[*len] == '_'; ++*len)
		;
	return at;
}

/* The next field of an input, and where it ends; NULL: there is none. */
static const char *
next_field(const char *at, struct field *f)
{
	f->name = word(at, &f->name_len);
	if (f->name_len == 0)
		return NULL;
	f->type = word(f->name + f->name_len, &f->type_len);
	f->maybe = f->type[0] == '?';
	if (f->maybe)
		f->type = word(f->type + 1, &f->type_len);
	return f->type + f->type_len;
}

static bool
is_word(const char *text, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(text, want, len) == 0;
}

static bool
has_type(const json_t *value, const struct field *f)
{
	static const struct {
		const char *name;
		bool integer, real, string, boolean, object;
	} types[] = {
		{ "int", .integer = true },
		{ "float", .integer = true, .real = true },
		{ "string", .string = true },
		{ "bool", .boolean = true },
		{ "object", .object = true },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_word(f->type, f->type_len, types[i].name))
			return (types[i].integer && json_is_integer(value)) ||
			    (types[i].real && json_is_real(value)) ||
			    (types[i].string && json_is_string(value)) ||
			    (types[i].boolean && json_is_boolean(value)) ||
			    (types[i].object && json_is_object(value));
	return false;
}

/* The first field of the input that is missing or of another type; NULL: all are good.  Caller frees. */
static char *
bad_field(const char *input, const json_t *parameters)
{
	const json_t *value;
	struct field f;
	char *name;

	while ((input = next_field(input, &f)) != NULL) {
		name = strndup(f.name, f.name_len);
		value = name == NULL ? NULL : json_object_get(parameters, name);
		if (value == NULL || json_is_null(value) ? !f.maybe : !has_type(value, &f))
			return name;
		free(name);
	}
	return NULL;
}

static bool
is_field(const char *input, const char *key)
{
	struct field f;

	while ((input = next_field(input, &f)) != NULL)
		if (is_word(f.name, f.name_len, key))
			return true;
	return false;
}

/* The first parameter that is none; NULL: all are known.  Caller frees. */
static char *
unknown_field(const char *input, json_t *parameters)
{
	const char *key;
	json_t *value;

	json_object_foreach(parameters, key, value)
		if (!is_field(input, key))
			return strdup(key);
	return NULL;
}

enum wire_fault
wire_check_call(const struct wire_call *call, char **bad)
{
	static const struct {
		const char *name, *description;
	} interfaces[] = {
		{ "io.berth.Control", wire_interface_control },
		{ "org.varlink.service", wire_interface_service },
	};
	const char *dot = strrchr(call->method, '.'), *input = NULL;
	bool known = false;

	*bad = NULL;
	for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
		if (!is_word(call->method, (size_t)(dot - call->method), interfaces[i].name))
			continue;
		known = true;
		input = find_method(interfaces[i].description, dot + 1, strlen(dot + 1));
	}
	if (input == NULL)
		return known ? WIRE_NO_METHOD : WIRE_NO_INTERFACE;
	*bad = unknown_field(input, call->parameters);
	if (*bad == NULL)
		*bad = bad_field(input, call->parameters);
	return *bad == NULL ? WIRE_NO_FAULT : WIRE_BAD_PARAMETER;
}
