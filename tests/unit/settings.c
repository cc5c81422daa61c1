#include "../../src/pure/spec.h"

#include <string.h>

#include "unit.h"

static void
test_messages(void)
{
	static const struct {
		const char *label, *input, *want;	/* want: the messages; "" none */
	} rows[] = {
		{ "an empty object", "{}", "" },
		{ "every key", "{\"services\":[\"/a\",\"/b\"],\"control\":{\"socket\":\"/run/c\","
		    "\"group\":\"adm\"},\"log\":{\"target\":\"syslog\",\"format\":\"json\","
		    "\"level\":\"debug\"},\"limits\":{\"connections\":5},\"stop_grace\":\"leave\","
		    "\"defaults\":{\"user\":\"nobody\"}}", "" },
		{ "an empty file", "", "b.json: the file is empty: expected one JSON object\n" },
		{ "a duplicate key", "{\"log\":{},\"log\":{}}", "b.json:1:15: duplicate key \"log\"\n" },
		{ "an unknown key", "{\"service\":[]}",
		    "b.json: \"service\" is not a known key; did you mean \"services\"?\n" },
		{ "a key of another object", "{\"level\":\"info\"}",
		    "b.json: \"level\" is not a known key; did you mean \"log.level\"?\n" },
		{ "a key of a service is not suggested", "{\"exec\":[]}",
		    "b.json: \"exec\" is not a known key\n" },
		{ "services: relative", "{\"services\":[\"/a\",\"b\"]}",
		    "b.json: services[1]: expected an absolute path, found \"b\"\n" },
		{ "services: none", "{\"services\":[]}",
		    "b.json: services: expected an array of absolute paths, found an empty array\n" },
		{ "services: a string", "{\"services\":\"/a\"}",
		    "b.json: services: expected an array of absolute paths, found \"/a\"\n" },
		{ "control.socket: relative", "{\"control\":{\"socket\":\"c\"}}",
		    "b.json: control.socket: expected an absolute path, found \"c\"\n" },
		{ "log.level: unknown", "{\"log\":{\"level\":\"warn\"}}",
		    "b.json: log.level: expected \"error\", \"warning\", \"notice\", \"info\" or "
		    "\"debug\", found \"warn\"\n" },
		{ "limits.connections: too many", "{\"limits\":{\"connections\":1000001}}",
		    "b.json: limits.connections: expected a whole number from 1 to 1000000 (or null for "
		    "none), found 1000001\n" },
		{ "limits.connections: null", "{\"limits\":{\"connections\":null}}", "" },
		{ "limits.load: a fraction", "{\"limits\":{\"load\":7.5}}", "" },
		{ "limits.load: 0", "{\"limits\":{\"load\":0}}", "" },
		{ "limits.load: a string", "{\"limits\":{\"load\":\"8\"}}",
		    "b.json: limits.load: expected a number above 0, at most 1000000 (or null for none), "
		    "found \"8\"\n" },
		{ "defaults: a bad step of overflow", "{\"defaults\":{\"limits\":{\"overflow\":[{\"wait\":1}]}}}",
		    "b.json: defaults.limits.overflow[0].wait: expected a duration such as \"300ms\", found "
		    "1: a number needs a unit, as in \"1s\"\n" },
		{ "defaults: an unknown key of an object in an object",
		    "{\"defaults\":{\"limits\":{\"source_prefix\":{\"ipv5\":1}}}}",
		    "b.json: \"defaults.limits.source_prefix.ipv5\" is not a known key; did you mean "
		    "\"defaults.limits.source_prefix.ipv4\"?\n" },
		{ "defaults: a bad address is an error of the file", "{\"defaults\":{\"access\":{\"deny\":"
		    "[\"10.0.0.1/8\"]}}}", "b.json: defaults.access.deny[0]: \"10.0.0.1/8\" has bits set "
		    "beyond its first 8: did you mean \"10.0.0.0/8\"?\n" },
		{ "defaults: what cannot apply to every service may stand there",
		    "{\"defaults\":{\"timeouts\":{\"idle\":\"5min\"},\"limits\":{\"burst\":5}}}", "" },
		{ "stop_grace: a bare number", "{\"stop_grace\":30}",
		    "b.json: stop_grace: expected a duration such as \"30s\", or \"leave\", found 30: a "
		    "number needs a unit, as in \"30s\"\n" },
		{ "stop_grace: null is not none", "{\"stop_grace\":null}",
		    "b.json: stop_grace: expected a duration such as \"30s\", or \"leave\", found null\n" },
		{ "defaults: a bad value", "{\"defaults\":{\"process\":{\"nice\":99}}}",
		    "b.json: defaults.process.nice: expected a whole number from -20 to 19, found 99\n" },
		{ "defaults: an unknown key", "{\"defaults\":{\"usr\":\"x\"}}",
		    "b.json: \"defaults.usr\" is not a known key; did you mean \"defaults.user\"?\n" },
		{ "defaults: an unknown key further down", "{\"defaults\":{\"limits\":{\"conections\":1}}}",
		    "b.json: \"defaults.limits.conections\" is not a known key; did you mean "
		    "\"defaults.limits.connections\"?\n" },
		{ "defaults: a service's own key is not suggested", "{\"defaults\":{\"listn\":1}}",
		    "b.json: \"defaults.listn\" is not a known key\n" },
		{ "defaults: a service's own keys", "{\"defaults\":{\"listen\":\"tcp:1\",\"exec\":[],"
		    "\"argv0\":\"\",\"description\":\"\",\"enabled\":true}}",
		    "b.json: defaults.listen: belongs in the file of each service, not in defaults\n"
		    "b.json: defaults.exec: belongs in the file of each service, not in defaults\n"
		    "b.json: defaults.argv0: belongs in the file of each service, not in defaults\n"
		    "b.json: defaults.description: belongs in the file of each service, not in defaults\n"
		    "b.json: defaults.enabled: belongs in the file of each service, not in defaults\n" },
		{ "defaults: an array", "{\"defaults\":[]}",
		    "b.json: defaults: expected an object of keys of a service file, found an empty "
		    "array\n" },
		{ "every error is told", "{\"log\":1,\"limits\":2}",
		    "b.json: log: expected an object, found 1\n"
		    "b.json: limits: expected an object, found 2\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag_list errs = {0};
		struct settings *s = settings_parse("b.json", rows[i].input, strlen(rows[i].input),
		    &errs);
		char got[2048] = "";

		for (size_t j = 0; j < errs.count; j++) {
			strncat(got, errs.text[j], sizeof(got) - strlen(got) - 1);
			strncat(got, "\n", sizeof(got) - strlen(got) - 1);
		}
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0 &&
		    (s != NULL) == (errs.count == 0), "%s\n# got  %s\n# want %s", rows[i].input, got,
		    rows[i].want);
		settings_free(s);
		diag_list_free(&errs);
	}
}

static void
test_values(void)
{
	static const char text[] = "{\"services\":[\"/a\",\"/b\"],\"control\":{\"group\":\"4\"},"
	    "\"log\":{\"target\":\"journal\",\"level\":\"error\"},\"stop_grace\":\"5min\","
	    "\"limits\":{\"load\":12},\"defaults\":{\"limits\":{\"connections\":3}}}";
	struct diag_list errs = {0};
	struct settings *s = settings_default();

	UNIT_CHECK("default: nothing is given", s->services == NULL && s->control_socket == NULL &&
	    !s->control_group.set && s->defaults == NULL && s->limits_connections == 0 &&
	    s->limits_load <= 0, "%u", s->limits_connections);
	UNIT_CHECK("default: log", s->log_target == SPEC_LOG_AUTO && s->log_format == SPEC_LOG_TEXT &&
	    s->log_level == 6, "%d", s->log_level);
	UNIT_CHECK("default: 30s of grace", !s->stop_leave && s->stop_grace_ns == 30000000000,
	    "%lld", (long long)s->stop_grace_ns);
	settings_free(s);

	s = settings_parse("b.json", text, strlen(text), &errs);
	UNIT_CHECK("value: directories", s != NULL && strcmp(s->services[1], "/b") == 0 &&
	    s->services[2] == NULL, "%zu", errs.count);
	if (s == NULL)
		return;
	UNIT_CHECK("value: a group by number", s->control_group.numeric && s->control_group.id == 4,
	    "%u", s->control_group.id);
	UNIT_CHECK("value: log", s->log_target == SPEC_LOG_JOURNAL && s->log_level == 3, "%d",
	    s->log_level);
	UNIT_CHECK("value: grace", s->stop_grace_ns == 300000000000, "%lld",
	    (long long)s->stop_grace_ns);
	UNIT_CHECK("value: load", s->limits_load >= 12 && s->limits_load <= 12, "%g", s->limits_load);
	UNIT_CHECK("value: defaults are the object", json_object_size(s->defaults) == 1, "%zu",
	    json_object_size(s->defaults));
	settings_free(s);
	s = settings_parse("b.json", "{\"stop_grace\":\"leave\"}", 22, &errs);
	UNIT_CHECK("value: leave", s != NULL && s->stop_leave, "%zu", errs.count);
	settings_free(s);
	settings_free(NULL);
}

static void
test_schema(void)
{
	json_t *schema = spec_schema_settings(), *defaults;

	defaults = json_object_get(json_object_get(schema, "properties"), "defaults");
	UNIT_CHECK("the schema's defaults have no key of a service's own",
	    json_object_get(json_object_get(defaults, "properties"), "user") != NULL &&
	    json_object_get(json_object_get(defaults, "properties"), "exec") == NULL &&
	    json_object_get(defaults, "required") == NULL, "%p", (void *)defaults);
	json_decref(schema);
}

int
main(void)
{
	test_messages();
	test_values();
	test_schema();
	return unit_done();
}
