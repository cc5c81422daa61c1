/* spec_schema - the table as JSON Schema (json-schema.org, draft 2020-12) */
#include <assert.h>
#include <string.h>

#include "spec_table.h"
#include "xalloc.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

static const char *const effects[] = {
	[SPEC_EFFECT_TEXT] = "nothing",
	[SPEC_EFFECT_NEW_HANDLERS] = "new handlers",
	[SPEC_EFFECT_LISTENER] = "open listeners",
	[SPEC_EFFECT_REBIND] = "listeners, which are opened anew",
	[SPEC_EFFECT_LIVE] = "what runs, at once",
	[SPEC_EFFECT_RESTART] = "the next start of berthd",
};

static json_t *
from_text(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	assert(value != NULL);
	return value;
}

static json_t *
words_schema(const struct spec_word *words)
{
	json_t *list = json_array();

	for (const struct spec_word *w = words; w->name != NULL; w++)
		json_array_append_new(list, json_string(w->name));
	return json_pack("{s:o}", "enum", list);
}

/* What a value must be, without what is said about it. */
static json_t *
value_schema(const struct spec_key *k)
{
	json_t *schema;

	if (k->type->schema != NULL)
		schema = from_text(k->type->schema);
	else if (k->words != NULL)
		schema = words_schema(k->words);
	else
		schema = json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
		    (json_int_t)k->min, "maximum", (json_int_t)k->max);
	if (k->flags & SPEC_NONE)
		schema = json_pack("{s:[o, {s:[i, n]}]}", "anyOf", schema, "enum", 0);
	return schema;
}

static json_t *
rlimits_properties(void)
{
	json_t *all = json_object();
	const char *name;

	for (size_t i = 0; (name = spec_type_rlimit_name(i)) != NULL; i++)
		json_object_set_new(all, name, json_pack("{s:s}", "$ref", "#/$defs/rlimit"));
	return all;
}

static json_t *object_schema(const struct spec_key *keys, unsigned without);

static json_t *
key_schema(const struct spec_key *k, unsigned without)
{
	json_t *schema;

	if (k->inside != NULL)
		schema = object_schema(k->inside, without);
	else if (k->type == &spec_type_defaults)
		schema = object_schema(spec_keys_service, SPEC_OWN);
	else
		schema = value_schema(k);
	if (k->type == &spec_type_rlimits)
		json_object_set_new(schema, "properties", rlimits_properties());
	json_object_set_new(schema, "description", json_string(k->doc));
	if (k->fallback != NULL)
		json_object_set_new(schema, "default", from_text(k->fallback));
	if (k->inside == NULL && k->type != &spec_type_defaults)
		json_object_set_new(schema, "$comment",
		    json_sprintf("a change concerns: %s", effects[k->effect]));
	return schema;
}

/* without: keys with one of these flags are left out, and nothing is required */
static json_t *
object_schema(const struct spec_key *keys, unsigned without)
{
	json_t *properties = json_object(), *required = json_array();
	json_t *schema = json_pack("{s:s, s:b}", "type", "object", "additionalProperties", 0);

	for (const struct spec_key *k = keys; k->name != NULL; k++) {
		if (k->flags & without)
			continue;
		json_object_set_new(properties, k->name, key_schema(k, without));
		if (k->flags & SPEC_REQUIRED)
			json_array_append_new(required, json_string(k->name));
	}
	json_object_set_new(schema, "properties", properties);
	if (json_array_size(required) > 0)
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}

/* What several keys point to. */
static json_t *
definitions(void)
{
	return from_text("{\"endpoint\":{\"type\":\"string\",\"pattern\":\"^((tcp|udp):.|unix(-dgram|-seqpacket)?:[/@])\"},"
	    "\"limit\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},"
	    "{\"type\":\"string\",\"pattern\":\"^(unlimited|[0-9]+[BKMGT]|[0-9]+(ms|s|min|h|d))$\"}]},"
	    "\"rlimit\":{\"anyOf\":[{\"$ref\":\"#/$defs/limit\"},{\"type\":\"array\",\"minItems\":2,"
	    "\"maxItems\":2,\"items\":{\"$ref\":\"#/$defs/limit\"}}]}}");
}

static json_t *
document(const struct spec_key *keys, const char *title)
{
	json_t *schema = object_schema(keys, 0);

	json_object_set_new(schema, "$schema", json_string(DIALECT));
	json_object_set_new(schema, "title", json_string(title));
	json_object_set_new(schema, "$defs", definitions());
	return schema;
}

json_t *
spec_schema_service(void)
{
	json_t *schema = document(spec_keys_service, "berth service file");

	json_object_set_new(schema, "oneOf",
	    from_text("[{\"required\":[\"exec\"]},{\"required\":[\"builtin\"]},{\"required\":[\"relay\"]}]"));
	return schema;
}

json_t *
spec_schema_settings(void)
{
	return document(spec_keys_settings, "berth.json");
}
