#include <stdlib.h>
#include <string.h>

#include "../../src/pure/wire.h"
#include "unit.h"

static void
bad_calls(void)
{
	static const struct {
		const char *label, *input, *want;	/* want: what the explanation begins with */
	} table[] = {
		{ "no message", "", "message: not JSON" },
		{ "not JSON", "{", "message: not JSON" },
		{ "bytes after the object", "{\"method\":\"a.B\"} x", "message: not JSON" },
		{ "invalid UTF-8", "{\"method\":\"a.B\xff\"}", "message: not JSON" },
		{ "a NUL in a string", "{\"method\":\"a.B\\u0000\"}", "message: not JSON" },
		{ "a key twice", "{\"method\":\"a.B\",\"method\":\"a.C\"}", "message: not JSON" },
		{ "an array", "[\"a.B\"]", "message: not a JSON object" },
		{ "a string", "\"a.B\"", "message: not JSON" },
		{ "no method", "{\"parameters\":{}}", "method: missing" },
		{ "a method that is no string", "{\"method\":1}", "method: must be a string" },
		{ "a method without an interface", "{\"method\":\"B\"}", "method: must be an" },
		{ "a method without a name", "{\"method\":\"a.\"}", "method: must be an" },
		{ "an interface without a name", "{\"method\":\".B\"}", "method: must be an" },
		{ "a method with a control byte", "{\"method\":\"a.B\\n\"}", "method: must be an" },
		{ "parameters that are no object", "{\"method\":\"a.B\",\"parameters\":[]}",
		    "parameters: must be an object" },
		{ "a flag that is no boolean", "{\"method\":\"a.B\",\"more\":1}",
		    "more: must be true or false" },
		{ "two flags at once", "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}",
		    "message: only one of" },
	};
	struct wire_call c;
	struct diag why;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		why.text[0] = '\0';
		bool good = wire_parse_call(table[i].input, strlen(table[i].input), &c, &why);
		UNIT_CHECK(table[i].label,
		    !good && strncmp(why.text, table[i].want, strlen(table[i].want)) == 0,
		    "got '%s', want '%s...'", good ? "a call" : why.text, table[i].want);
		if (good)
			wire_call_fini(&c);
	}
	UNIT_CHECK("the explanation may be left out", !wire_parse_call("{", 1, &c, NULL), "a call");
}

static void
good_calls(void)
{
	static const struct {
		const char *label, *input, *method;
		size_t parameters;
		bool more, oneway, upgrade;
	} table[] = {
		{ "only a method", "{\"method\":\"a.b.C\"}", "a.b.C", 0, false, false, false },
		{ "with parameters", "{\"method\":\"a.B\",\"parameters\":{\"x\":1}}", "a.B", 1, false,
		    false, false },
		{ "null is as absent", "{\"method\":\"a.B\",\"parameters\":null,\"more\":null}", "a.B",
		    0, false, false, false },
		{ "more", "{\"method\":\"a.B\",\"more\":true,\"oneway\":false}", "a.B", 0, true, false,
		    false },
		{ "oneway", "{\"method\":\"a.B\",\"oneway\":true}", "a.B", 0, false, true, false },
		{ "upgrade", "{\"method\":\"a.B\",\"upgrade\":true}", "a.B", 0, false, false, true },
		{ "an unknown member is passed over", "{\"method\":\"a.B\",\"later\":1}", "a.B", 0,
		    false, false, false },
		{ "white space around", " { \"method\" : \"a.B\" }\n", "a.B", 0, false, false, false },
	};
	struct wire_call c;
	struct diag why;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!wire_parse_call(table[i].input, strlen(table[i].input), &c, &why)) {
			UNIT_CHECK(table[i].label, false, "refused: %s", why.text);
			continue;
		}
		UNIT_CHECK(table[i].label, strcmp(c.method, table[i].method) == 0 &&
		    json_object_size(c.parameters) == table[i].parameters &&
		    c.more == table[i].more && c.oneway == table[i].oneway &&
		    c.upgrade == table[i].upgrade, "got %s %zu %d %d %d", c.method,
		    json_object_size(c.parameters), c.more, c.oneway, c.upgrade);
		wire_call_fini(&c);
		wire_call_fini(&c);
	}
}

static void
longest(void)
{
	char *text = malloc(WIRE_CALL_MAX + 1);
	struct wire_call c;
	struct diag why;

	memset(text, ' ', WIRE_CALL_MAX);
	memcpy(text, "{\"method\":\"a.B\"}", 16);
	UNIT_CHECK("a call fills the bound with its NUL",
	    wire_parse_call(text, WIRE_CALL_MAX - 1, &c, &why), "refused: %s", why.text);
	wire_call_fini(&c);
	UNIT_CHECK("a longer one is refused", !wire_parse_call(text, WIRE_CALL_MAX, &c, &why),
	    "a call");
	memset(text, '[', WIRE_CALL_MAX);
	UNIT_CHECK("nesting is bounded", !wire_parse_call(text, WIRE_CALL_MAX - 1, &c, &why),
	    "a call");
	free(text);
}

static void
formatted(const char *label, char *text, size_t len, const char *want)
{
	UNIT_CHECK(label, text != NULL && strcmp(text, want) == 0 && len == strlen(want) + 1,
	    "got '%s' (%zu), want '%s'", text, len, want);
	free(text);
}

static void
formats(void)
{
	json_t *p = json_pack("{s:i}", "x", 1);
	size_t len;
	char *t;

	t = wire_format_call("a.B", p, false, &len);
	formatted("a call", t, len, "{\"method\":\"a.B\",\"parameters\":{\"x\":1}}");
	t = wire_format_call("a.B", NULL, true, &len);
	formatted("a call for more", t, len, "{\"method\":\"a.B\",\"parameters\":{},\"more\":true}");
	t = wire_format_reply(p, false, &len);
	formatted("a reply", t, len, "{\"parameters\":{\"x\":1}}");
	t = wire_format_reply(NULL, true, &len);
	formatted("a reply with more to come", t, len, "{\"parameters\":{},\"continues\":true}");
	t = wire_format_error("a.Bad", p, &len);
	formatted("an error", t, len, "{\"error\":\"a.Bad\",\"parameters\":{\"x\":1}}");
	t = wire_format_error("a.Bad", NULL, &len);
	formatted("an error without parameters", t, len, "{\"error\":\"a.Bad\",\"parameters\":{}}");
	UNIT_CHECK("parameters are borrowed", p->refcount == 1, "%zu", p->refcount);
	json_decref(p);
}

static void
replies(void)
{
	static const struct {
		const char *label, *input;
		bool good;
		const char *error;
		bool continues;
	} table[] = {
		{ "a good reply", "{\"parameters\":{\"x\":1}}", true, NULL, false },
		{ "an empty reply", "{}", true, NULL, false },
		{ "a reply with more to come", "{\"continues\":true}", true, NULL, true },
		{ "an error", "{\"error\":\"a.Bad\"}", true, "a.Bad", false },
		{ "an error that is no string", "{\"error\":1}", false, NULL, false },
		{ "a reply that is no object", "[]", false, NULL, false },
		{ "parameters of a reply that are no object", "{\"parameters\":1}", false, NULL, false },
	};
	struct wire_reply r;
	struct diag why;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool good = wire_parse_reply(table[i].input, strlen(table[i].input), &r, &why);
		bool same = good == table[i].good;

		if (good) {
			same &= r.continues == table[i].continues && json_is_object(r.parameters) &&
			    (r.error == NULL) == (table[i].error == NULL) &&
			    (r.error == NULL || strcmp(r.error, table[i].error) == 0);
			wire_reply_fini(&r);
		}
		UNIT_CHECK(table[i].label, same, "good %d", good);
	}
}

static void
checks(void)
{
	static const struct {
		const char *label, *method, *parameters;
		enum wire_fault want;
		const char *bad;
	} table[] = {
		{ "no parameters", "io.berth.Control.Status", "{}", WIRE_NO_FAULT, NULL },
		{ "no such method", "io.berth.Control.Statu", "{}", WIRE_NO_METHOD, NULL },
		{ "a method and more letters", "io.berth.Control.Status2", "{}", WIRE_NO_METHOD, NULL },
		{ "a type is no method", "io.berth.Control.Service", "{}", WIRE_NO_METHOD, NULL },
		{ "an error is no method", "io.berth.Control.Stopping", "{}", WIRE_NO_METHOD, NULL },
		{ "an error of the interface of all", "org.varlink.service.ExpectedMore", "{}",
		    WIRE_NO_METHOD, NULL },
		{ "no such interface", "io.berth.Contro.Status", "{}", WIRE_NO_INTERFACE, NULL },
		{ "a longer interface", "io.berth.Control.x.Status", "{}", WIRE_NO_INTERFACE, NULL },
		{ "an interface without a method", "io.berth.Control", "{}", WIRE_NO_INTERFACE, NULL },
		{ "what is needed is there", "io.berth.Control.Show", "{\"service\":\"x\"}",
		    WIRE_NO_FAULT, NULL },
		{ "what is needed is missing", "io.berth.Control.Show", "{}", WIRE_BAD_PARAMETER,
		    "service" },
		{ "what is needed is null", "io.berth.Control.Show", "{\"service\":null}",
		    WIRE_BAD_PARAMETER, "service" },
		{ "what may be absent is null", "io.berth.Control.List",
		    "{\"service\":null,\"buckets\":null}", WIRE_NO_FAULT, NULL },
		{ "the second is missing", "io.berth.Control.Explain", "{\"service\":\"x\"}",
		    WIRE_BAD_PARAMETER, "peer" },
		{ "unknown", "io.berth.Control.Status", "{\"x\":1}", WIRE_BAD_PARAMETER, "x" },
		{ "unknown, null", "io.berth.Control.Status", "{\"x\":null}", WIRE_BAD_PARAMETER, "x" },
		{ "unknown before what is missing", "io.berth.Control.Show", "{\"services\":\"x\"}",
		    WIRE_BAD_PARAMETER, "services" },
		{ "the beginning of a name", "io.berth.Control.List", "{\"serv\":\"x\"}",
		    WIRE_BAD_PARAMETER, "serv" },
		{ "the name of a type", "io.berth.Control.List", "{\"string\":\"x\"}",
		    WIRE_BAD_PARAMETER, "string" },
		{ "the name of a field of the answer", "io.berth.Control.List", "{\"services\":[]}",
		    WIRE_BAD_PARAMETER, "services" },
		{ "no name", "io.berth.Control.List", "{\"\":1}", WIRE_BAD_PARAMETER, "" },
		{ "a number for a string", "io.berth.Control.List", "{\"service\":1}",
		    WIRE_BAD_PARAMETER, "service" },
		{ "an array for a string", "io.berth.Control.List", "{\"service\":[\"x\"]}",
		    WIRE_BAD_PARAMETER, "service" },
		{ "a string for a bool", "io.berth.Control.List", "{\"buckets\":\"true\"}",
		    WIRE_BAD_PARAMETER, "buckets" },
		{ "false for a bool", "io.berth.Control.List", "{\"buckets\":false}", WIRE_NO_FAULT,
		    NULL },
		{ "a real number for an int", "io.berth.Control.Monitor", "{\"past\":1.0}",
		    WIRE_BAD_PARAMETER, "past" },
		{ "an int", "io.berth.Control.Monitor", "{\"past\":-1}", WIRE_NO_FAULT, NULL },
		{ "an int for a float", "io.berth.Control.Drain", "{\"deadline\":60}", WIRE_NO_FAULT,
		    NULL },
		{ "a float", "io.berth.Control.Drain", "{\"deadline\":0.5}", WIRE_NO_FAULT, NULL },
		{ "a string for a float", "io.berth.Control.Drain", "{\"deadline\":\"60s\"}",
		    WIRE_BAD_PARAMETER, "deadline" },
		{ "the interface of all", "org.varlink.service.GetInterfaceDescription",
		    "{\"interface\":\"x\"}", WIRE_NO_FAULT, NULL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct wire_call c = { .method = strdup(table[i].method),
			.parameters = json_loads(table[i].parameters, 0, NULL) };
		enum wire_fault got;
		char *bad = NULL;

		got = wire_check_call(&c, &bad);
		UNIT_CHECK(table[i].label, got == table[i].want && (bad == NULL) == (table[i].bad == NULL) &&
		    (bad == NULL || strcmp(bad, table[i].bad) == 0), "got %d %s", (int)got,
		    bad == NULL ? "" : bad);
		free(bad);
		wire_call_fini(&c);
	}
}

int
main(void)
{
	bad_calls();
	checks();
	good_calls();
	longest();
	formats();
	replies();
	UNIT_CHECK("the interface descriptions name themselves",
	    strstr(wire_interface_control, "interface io.berth.Control\n") != NULL &&
	    strstr(wire_interface_service, "interface org.varlink.service\n") != NULL, "missing");
	return unit_done();
}
