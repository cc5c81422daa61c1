#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* One message is one JSON object; NULL and an explanation otherwise. */
static json_t *
message_parse(const char *text, size_t len, struct diag *why)
{
	json_error_t err;
	json_t *message;

	message = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
	if (message == NULL) {
		diag_set(why, "message: not JSON: %s", err.text);
		return NULL;
	}
	if (!json_is_object(message)) {
		diag_set(why, "message: not a JSON object");
		json_decref(message);
		return NULL;
	}
	return message;
}

/* A flag that may be absent. */
static bool
take_flag(const json_t *message, const char *key, bool *out, struct diag *why)
{
	const json_t *v = json_object_get(message, key);

	*out = json_is_true(v);
	if (v == NULL || json_is_null(v) || json_is_boolean(v))
		return true;
	diag_set(why, "%s: must be true or false", key);
	return false;
}

/* The parameters that the message has, or an empty object. */
static bool
take_parameters(const json_t *message, json_t **out, struct diag *why)
{
	json_t *v = json_object_get(message, "parameters");

	if (v == NULL || json_is_null(v))
		*out = json_object();
	else if (json_is_object(v))
		*out = json_incref(v);
	else
		diag_set(why, "parameters: must be an object");
	return *out != NULL;
}

/* "interface.Method": an interface name of the letters that Varlink allows, and a last part. */
static bool
method_legal(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && dot != name && dot[1] != '\0' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
	    strlen(name);
}

static bool
take_method(const json_t *message, char **out, struct diag *why)
{
	const json_t *v = json_object_get(message, "method");

	if (v == NULL)
		diag_set(why, "method: missing");
	else if (!json_is_string(v))
		diag_set(why, "method: must be a string");
	else if (!method_legal(json_string_value(v)))
		diag_set(why, "method: must be an interface and a method, as in "
		    "\"org.varlink.service.GetInfo\"");
	else if ((*out = strdup(json_string_value(v))) == NULL)
		diag_set(why, "method: out of memory");
	return *out != NULL;
}

bool
wire_parse_call(const char *text, size_t len, struct wire_call *out, struct diag *why)
{
	struct wire_call c = { 0 };
	json_t *message;
	bool good;

	if (len >= WIRE_CALL_MAX) {
		diag_set(why, "message: longer than %d bytes", WIRE_CALL_MAX - 1);
		return false;
	}
	message = message_parse(text, len, why);
	if (message == NULL)
		return false;
	good = take_method(message, &c.method, why) &&
	    take_parameters(message, &c.parameters, why) &&
	    take_flag(message, "more", &c.more, why) &&
	    take_flag(message, "oneway", &c.oneway, why) &&
	    take_flag(message, "upgrade", &c.upgrade, why);
	if (good && c.more + c.oneway + c.upgrade > 1) {
		diag_set(why, "message: only one of more, oneway and upgrade can be true");
		good = false;
	}
	json_decref(message);
	if (good)
		*out = c;
	else
		wire_call_fini(&c);
	return good;
}

void
wire_call_fini(struct wire_call *c)
{
	free(c->method);
	json_decref(c->parameters);
	*c = (struct wire_call){ 0 };
}

/* Text of a message with its NUL; releases the message.  NULL without memory or for a NULL message. */
static char *
message_format(json_t *message, size_t *len)
{
	char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);

	json_decref(message);
	*len = text == NULL ? 0 : strlen(text) + 1;
	return text;
}

/* {NAME: VALUE, "parameters": {...}}; name NULL: only the parameters. */
static json_t *
message_new(const char *name, const char *value, json_t *parameters)
{
	json_t *message = json_object();

	if ((name == NULL || json_object_set_new(message, name, json_string(value)) == 0) &&
	    json_object_set_new(message, "parameters",
	    parameters == NULL ? json_object() : json_incref(parameters)) == 0)
		return message;
	json_decref(message);
	return NULL;
}

char *
wire_format_call(const char *method, json_t *parameters, bool more, size_t *len)
{
	json_t *message = message_new("method", method, parameters);

	if (more)
		(void)json_object_set_new(message, "more", json_true());
	return message_format(message, len);
}

char *
wire_format_reply(json_t *parameters, bool continues, size_t *len)
{
	json_t *message = message_new(NULL, NULL, parameters);

	if (continues)
		(void)json_object_set_new(message, "continues", json_true());
	return message_format(message, len);
}

char *
wire_format_error(const char *error, json_t *parameters, size_t *len)
{
	return message_format(message_new("error", error, parameters), len);
}

bool
wire_parse_reply(const char *text, size_t len, struct wire_reply *out, struct diag *why)
{
	struct wire_reply r = { 0 };
	const json_t *error;
	json_t *message;
	bool good;

	message = message_parse(text, len, why);
	if (message == NULL)
		return false;
	error = json_object_get(message, "error");
	good = take_parameters(message, &r.parameters, why) &&
	    take_flag(message, "continues", &r.continues, why);
	if (good && error != NULL && !json_is_null(error)) {
		if (json_is_string(error))
			r.error = strdup(json_string_value(error));
		else
			diag_set(why, "error: must be a string");
		good = r.error != NULL;
	}
	json_decref(message);
	if (good)
		*out = r;
	else
		wire_reply_fini(&r);
	return good;
}

void
wire_reply_fini(struct wire_reply *r)
{
	free(r->error);
	json_decref(r->parameters);
	*r = (struct wire_reply){ 0 };
}
