#include "../../src/pure/spec.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LE "\"listen\":\"tcp:7\",\"exec\":[\"/bin/cat\"]"	/* what every file has */

static const struct spec_context self = { .uid = 1000, .gid = 100 };
static const struct spec_context root = { .root = true };

/* Every message in one text, each ended by a newline, without the file's name. */
static const char *
all_messages(const struct diag_list *errs, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < errs->count && at < size; i++) {
		bool named = strncmp(errs->text[i], "x.json:", 7) == 0;

		at += (size_t)snprintf(buf + at, size - at, "%s%s\n", named ? "" : "(no file) ",
		    errs->text[i] + (named ? 7 : 0));
	}
	return buf;
}

static struct service *
parse(const struct spec_context *ctx, const char *text, size_t len, char *buf, size_t size)
{
	struct diag_list errs = {0};
	struct service *s = spec_parse(ctx, "x.json", "x", text, len, &errs);

	all_messages(&errs, buf, size);
	diag_list_free(&errs);
	return s;
}

struct row {
	const char *label, *input, *want;	/* want: the messages; "" none */
};

/* A wanted text that does not end in a newline is only the beginning. */
static bool
matches(const char *got, const char *want)
{
	size_t len = strlen(want);

	return len == 0 || want[len - 1] == '\n' ? strcmp(got, want) == 0 :
	    strncmp(got, want, len) == 0;
}

static void
run(const struct row *rows, size_t count, const struct spec_context *ctx)
{
	for (size_t i = 0; i < count; i++) {
		char got[4096];
		struct service *s = parse(ctx, rows[i].input, strlen(rows[i].input), got,
		    sizeof(got));

		UNIT_CHECK(rows[i].label, matches(got, rows[i].want) && (s != NULL) == (got[0] == '\0'),
		    "%s\n# got  %s\n# want %s", rows[i].input, got, rows[i].want);
		spec_release(s);
	}
}

static const struct row syntax[] = {
	{ "an empty file", "", " the file is empty: expected one JSON object\n" },
	{ "a file of spaces", " \n\t", " the file is empty: expected one JSON object\n" },
	{ "an array", "[]", " expected one JSON object, found an array\n" },
	{ "a number", "1", "1:1: " },
	{ "a missing comma has line and column", "{\n \"a\": 1\n \"b\": 2}", "3:4: " },
	{ "an unfinished object", "{" LE, "1:" },
	{ "text behind the object", "{" LE "} x", "1:40: end of file expected" },
	{ "a duplicate key is named with its place", "{\n\"user\":1,\n  \"user\":2}",
	    "3:8: duplicate key \"user\"\n" },
	{ "a long duplicate key is named too", "{\"abcdefghijklmnopqrstuvwxyz\":1,"
	    "\"abcdefghijklmnopqrstuvwxyz\":2}", "1:60: duplicate key \"abcdefghijklmnopqrstuvwxyz\"\n" },
	{ "a duplicate key inside an object", "{\"log\":{\"x\":1,\"x\":2}}",
	    "1:17: duplicate key \"x\"\n" },
	{ "a trailing comma", "{" LE ",}", "1:" },
	{ "a comment", "{" LE "} // x", "1:" },
	{ "invalid UTF-8", "{\"description\":\"\xff\"," LE "}", "1:" },
	{ "an escaped NUL", "{\"description\":\"a\\u0000b\"," LE "}", "1:" },
	{ "an integer that is too large", "{\"socket\":{\"backlog\":99999999999999999999}}", "1:" },
};

static const struct row unknown[] = {
	{ "an unknown key that is near is suggested", "{" LE ",\"usr\":\"x\"}",
	    " \"usr\" is not a known key; did you mean \"user\"?\n" },
	{ "a key inside an object", "{" LE ",\"process\":{\"nise\":1}}",
	    " \"process.nise\" is not a known key; did you mean \"process.nice\"?\n" },
	{ "two letters that changed places are near", "{" LE ",\"gruop\":1}",
	    " \"gruop\" is not a known key; did you mean \"group\"?\n" },
	{ "upper case is near", "{" LE ",\"Listen\":1}",
	    " \"Listen\" is not a known key; did you mean \"listen\"?\n" },
	{ "a key in the wrong place", "{" LE ",\"umask\":\"022\"}",
	    " \"umask\" is not a known key; did you mean \"process.umask\"?\n" },
	{ "nothing near, nothing suggested", "{" LE ",\"flavour\":1}",
	    " \"flavour\" is not a known key\n" },
	{ "a short key is near to less", "{" LE ",\"a\":1}", " \"a\" is not a known key\n" },
	{ "the empty key", "{" LE ",\"\":1}", " \"\" is not a known key\n" },
	{ "control bytes in a key are escaped", "{" LE ",\"a\\nb\":1}",
	    " \"a\\x0Ab\" is not a known key\n" },
	{ "keys that are not built yet are unknown", "{" LE ",\"tls\":{},\"warm\":{}}",
	    " \"tls\" is not a known key\n \"warm\" is not a known key\n" },
	{ "an unknown resource limit", "{" LE ",\"process\":{\"rlimits\":{\"nofiles\":1}}}",
	    " \"process.rlimits.nofiles\" is not a known key; did you mean "
	    "\"process.rlimits.nofile\"?\n" },
};

static const struct row meaning[] = {
	{ "the smallest file", "{" LE "}", "" },
	{ "listen and exec are required", "{}", " listen: required, but missing\n"
	    " exec: required, but missing (or \"builtin\", or \"relay\")\n" },
	{ "every error is told", "{\"listen\":1,\"exec\":[],\"stderr\":\"x\",\"enabled\":0}",
	    " enabled: expected true or false, found 0\n"
	    " stderr: expected \"log\", \"socket\" or \"null\", found \"x\"\n"
	    " listen: expected an endpoint such as \"tcp:7777\", or an array of 1 to 256 of them, "
	    "found 1\n"
	    " exec: expected an array of strings, the first the absolute path of a program, found an "
	    "empty array\n" },
	{ "listen: a list", "{\"listen\":[\"tcp:7\",\"unix:/x\"],\"exec\":[\"/x\"]}", "" },
	{ "listen: an empty list", "{\"listen\":[],\"exec\":[\"/x\"]}",
	    " listen: expected an endpoint such as \"tcp:7777\", or an array of 1 to 256 of them, "
	    "found an empty array\n" },
	{ "listen: a number in the list", "{\"listen\":[\"tcp:7\",8],\"exec\":[\"/x\"]}",
	    " listen[1]: expected a string such as \"tcp:7777\", found 8\n" },
	{ "listen: a bad endpoint", "{\"listen\":\"tcp:localhost:80\",\"exec\":[\"/x\"]}",
	    " listen: \"tcp:localhost:80\": \"localhost\" is not an address (berth asks no DNS): use "
	    "127.0.0.1 or [::1]\n" },
	{ "listen: equal endpoints", "{\"listen\":[\"tcp:7\",\"tcp:*:7\"],\"exec\":[\"/x\"]}",
	    " listen: \"tcp:7\" and \"tcp:*:7\" name the same endpoint\n" },
	{ "listen: half of a wildcard", "{\"listen\":[\"tcp:7\",\"tcp:[::]:7\"],\"exec\":[\"/x\"]}",
	    " listen: \"tcp:7\" and \"tcp:[::]:7\" name the same endpoint\n" },
	{ "listen: ranges that meet", "{\"listen\":[\"tcp:[::1]:7-9\",\"tcp:[0::1]:9-12\"],"
	    "\"exec\":[\"/x\"]}",
	    " listen: \"tcp:[::1]:7-9\" and \"tcp:[0::1]:9-12\" name the same endpoint\n" },
	{ "listen: ranges that do not meet", "{\"listen\":[\"tcp:7-9\",\"tcp:10-12\"],"
	    "\"exec\":[\"/x\"]}", "" },
	{ "listen: both families apart", "{\"listen\":[\"tcp:0.0.0.0:7\",\"tcp:[::]:7\"],"
	    "\"exec\":[\"/x\"]}", "" },
	{ "listen: one name twice", "{\"listen\":[\"tcp:http\",\"tcp:http\"],\"exec\":[\"/x\"]}",
	    " listen: \"tcp:http\" and \"tcp:http\" name the same endpoint\n" },
	{ "listen: one path twice", "{\"listen\":[\"unix:/x\",\"unix:/x\"],\"exec\":[\"/x\"]}",
	    " listen: \"unix:/x\" and \"unix:/x\" name the same endpoint\n" },
	{ "exec: a string", "{\"listen\":\"tcp:7\",\"exec\":\"/bin/cat\"}",
	    " exec: expected an array of strings, the first the absolute path of a program, found "
	    "\"/bin/cat\"\n" },
	{ "exec: a relative path", "{\"listen\":\"tcp:7\",\"exec\":[\"cat\"]}",
	    " exec[0]: expected the absolute path of a program, found \"cat\"\n" },
	{ "exec: an empty path", "{\"listen\":\"tcp:7\",\"exec\":[\"\"]}",
	    " exec[0]: expected the absolute path of a program, found \"\"\n" },
	{ "exec: empty and relative arguments", "{\"listen\":\"tcp:7\",\"exec\":[\"/x\",\"\",\"y\"]}",
	    "" },
	{ "exec: a number among the arguments", "{\"listen\":\"tcp:7\",\"exec\":[\"/x\",1.5]}",
	    " exec[1]: expected a string, found 1.5\n" },
	{ "argv0: empty", "{" LE ",\"argv0\":\"\"}",
	    " argv0: expected a string that is not empty, found \"\"\n" },
	{ "description: null is not a string", "{" LE ",\"description\":null}",
	    " description: expected a string, found null\n" },
	{ "enabled: a word", "{" LE ",\"enabled\":\"no\"}",
	    " enabled: expected true or false, found \"no\"\n" },

	{ "user: a name", "{" LE ",\"user\":\"nobody\"}", "" },
	{ "user: a number", "{" LE ",\"user\":65534}", "" },
	{ "user: the highest number", "{" LE ",\"user\":4294967294}", "" },
	{ "user: -1", "{" LE ",\"user\":-1}",
	    " user: expected a user name or a number from 0 to 4294967294, found -1\n" },
	{ "user: 4294967295", "{" LE ",\"user\":4294967295}",
	    " user: expected a user name or a number from 0 to 4294967294, found 4294967295\n" },
	{ "user: digits are a number", "{" LE ",\"user\":\"4294967295\"}",
	    " user: expected a user name or a number from 0 to 4294967294, found \"4294967295\"\n" },
	{ "user: empty", "{" LE ",\"user\":\"\"}",
	    " user: expected a user name or a number from 0 to 4294967294, found \"\"\n" },
	{ "user: a real number", "{" LE ",\"user\":1e3}",
	    " user: expected a user name or a number from 0 to 4294967294, found 1000.0\n" },
	{ "groups: each is checked", "{" LE ",\"groups\":[\"a\",7,-1,null]}",
	    " groups[2]: expected a group name or a number from 0 to 4294967294, found -1\n"
	    " groups[3]: expected a group name or a number from 0 to 4294967294, found null\n" },
	{ "groups: none", "{" LE ",\"groups\":[]}", "" },
	{ "groups: a string", "{" LE ",\"groups\":\"a\"}",
	    " groups: expected an array of group names or numbers, found \"a\"\n" },

	{ "limits.connections: a word", "{" LE ",\"limits\":{\"connections\":\"many\"}}",
	    " limits.connections: expected a whole number from 1 to 1000000 (or null for none), found "
	    "\"many\"\n" },
	{ "limits.connections: too many", "{" LE ",\"limits\":{\"connections\":1000001}}",
	    " limits.connections: expected a whole number from 1 to 1000000 (or null for none), found "
	    "1000001\n" },
	{ "limits.connections: negative", "{" LE ",\"limits\":{\"connections\":-1}}",
	    " limits.connections: expected a whole number from 1 to 1000000 (or null for none), found "
	    "-1\n" },
	{ "limits.connections: 1e2 is not a whole number", "{" LE ",\"limits\":{\"connections\":1e2}}",
	    " limits.connections: expected a whole number from 1 to 1000000 (or null for none), found "
	    "100.0\n" },
	{ "limits.connections: 0", "{" LE ",\"limits\":{\"connections\":0}}", "" },
	{ "limits.connections: null", "{" LE ",\"limits\":{\"connections\":null}}", "" },
	{ "limits.connections: false", "{" LE ",\"limits\":{\"connections\":false}}",
	    " limits.connections: expected a whole" },
	{ "limits: null is no object", "{" LE ",\"limits\":null}",
	    " limits: expected an object, found null\n" },
	{ "limits: a number", "{" LE ",\"limits\":5}", " limits: expected an object, found 5\n" },
	{ "timeouts.stop: a bare number", "{" LE ",\"timeouts\":{\"stop\":10}}",
	    " timeouts.stop: expected a duration such as \"10s\", found 10: a number needs a unit, as "
	    "in \"10s\"\n" },
	{ "timeouts.stop: digits", "{" LE ",\"timeouts\":{\"stop\":\"10\"}}",
	    " timeouts.stop: \"10\" needs a unit, as in \"10s\"\n" },
	{ "timeouts.stop: null", "{" LE ",\"timeouts\":{\"stop\":null,\"lifetime\":0}}", "" },
	{ "timeouts.stop: a real", "{" LE ",\"timeouts\":{\"stop\":0.0}}",
	    " timeouts.stop: expected a duration such as \"10s\" (or null for none), found 0.0\n" },
	{ "timeouts.lifetime: a bad unit", "{" LE ",\"timeouts\":{\"lifetime\":\"5m\"}}",
	    " timeouts.lifetime: expected a duration such as" },

	{ "nice: out of range", "{" LE ",\"process\":{\"nice\":20}}",
	    " process.nice: expected a whole number from -20 to 19, found 20\n" },
	{ "nice: null is no number", "{" LE ",\"process\":{\"nice\":null}}",
	    " process.nice: expected a whole number from -20 to 19, found null\n" },
	{ "oom_score_adj: out of range", "{" LE ",\"process\":{\"oom_score_adj\":-1001}}",
	    " process.oom_score_adj: expected a whole number from -1000 to 1000, found -1001\n" },
	{ "umask: a number", "{" LE ",\"process\":{\"umask\":22}}",
	    " process.umask: expected a string with an octal mode such as \"0660\", found 22\n" },
	{ "umask: not octal", "{" LE ",\"process\":{\"umask\":\"8\"}}",
	    " process.umask: expected an octal mode from \"000\" to \"777\"" },
	{ "working_directory: relative", "{" LE ",\"process\":{\"working_directory\":\"tmp\"}}",
	    " process.working_directory: expected an absolute path, found \"tmp\"\n" },
	{ "environment: values are strings", "{" LE ",\"process\":{\"environment\":{\"A\":1}}}",
	    " process.environment.A: expected a string, found 1\n" },
	{ "environment: a name with =", "{" LE ",\"process\":{\"environment\":{\"A=B\":\"1\"}}}",
	    " process.environment.A=B: expected the name of a variable ([A-Za-z_][A-Za-z0-9_]*)\n" },
	{ "environment: an empty name", "{" LE ",\"process\":{\"environment\":{\"\":\"1\"}}}",
	    " process.environment.: expected the name of a variable" },
	{ "environment: a name that begins with a digit", "{" LE ",\"process\":{\"environment\":"
	    "{\"1A\":\"1\"}}}", " process.environment.1A: expected the name" },
	{ "environment: what berth sets", "{" LE ",\"process\":{\"environment\":{\"PROTO\":\"x\","
	    "\"BERTH_X\":\"y\",\"LISTEN_FDS\":\"1\"}}}",
	    " process.environment.PROTO: expected a name that berth does not set itself\n"
	    " process.environment.BERTH_X: expected a name that berth does not set itself\n"
	    " process.environment.LISTEN_FDS: expected a name that berth does not set itself\n" },
	{ "environment: PATH and HOME may be set", "{" LE ",\"process\":{\"environment\":"
	    "{\"PATH\":\"/x\",\"HOME\":\"\",\"PROTOCOL\":\"x\"}}}", "" },
	{ "pass_environment: what berth sets", "{" LE ",\"process\":{\"pass_environment\":"
	    "[\"TZ\",\"REMOTE_HOST\"]}}", " process.pass_environment[1]: expected a name that berth "
	    "does not set itself, found \"REMOTE_HOST\"\n" },
	{ "pass_environment: a string", "{" LE ",\"process\":{\"pass_environment\":\"TZ\"}}",
	    " process.pass_environment: expected an array of names of variables, found \"TZ\"\n" },

	{ "rlimits: every form", "{" LE ",\"process\":{\"rlimits\":{\"nofile\":256,\"as\":\"512M\","
	    "\"cpu\":\"60s\",\"nproc\":32,\"core\":0,\"fsize\":[1000000,\"unlimited\"],"
	    "\"rttime\":\"500ms\",\"stack\":[\"1M\",\"2M\"],\"nice\":20}}}", "" },
	{ "rlimits: soft above hard", "{" LE ",\"process\":{\"rlimits\":{\"nofile\":[9,8]}}}",
	    " process.rlimits.nofile: expected [soft, hard] with soft not above hard" },
	{ "rlimits: unlimited above hard", "{" LE ",\"process\":{\"rlimits\":"
	    "{\"nofile\":[\"unlimited\",8]}}}", " process.rlimits.nofile: expected [soft, hard]" },
	{ "rlimits: three values", "{" LE ",\"process\":{\"rlimits\":{\"nofile\":[1,2,3]}}}",
	    " process.rlimits.nofile: expected a whole number, \"unlimited\", or an array of two such "
	    "(soft, hard), found an array\n" },
	{ "rlimits: a size where bytes make no sense", "{" LE ",\"process\":{\"rlimits\":"
	    "{\"nofile\":\"1K\"}}}", " process.rlimits.nofile: expected a whole number" },
	{ "rlimits: parts of a second of cpu", "{" LE ",\"process\":{\"rlimits\":"
	    "{\"cpu\":\"1500ms\"}}}", " process.rlimits.cpu: expected a number of seconds" },
	{ "rlimits: negative", "{" LE ",\"process\":{\"rlimits\":{\"core\":-1}}}",
	    " process.rlimits.core: expected a number of bytes" },
	{ "rlimits: null", "{" LE ",\"process\":{\"rlimits\":{\"core\":null}}}",
	    " process.rlimits.core: expected a number of bytes" },

	{ "socket.backlog: 0 is not none", "{" LE ",\"socket\":{\"backlog\":0}}",
	    " socket.backlog: expected a whole number from 1 to 1000000, found 0\n" },
	{ "socket.mode: set-id", "{" LE ",\"socket\":{\"mode\":\"4755\"}}",
	    " socket.mode: expected an octal mode" },
	{ "socket.bind_to_device: too long", "{" LE ",\"socket\":{\"bind_to_device\":"
	    "\"abcdefghijklmnop\"}}", " socket.bind_to_device: expected the name of a network device "
	    "(1 to 15 characters), found \"abcdefghijklmnop\"\n" },
	{ "socket.bind_to_device: empty", "{" LE ",\"socket\":{\"bind_to_device\":\"\"}}",
	    " socket.bind_to_device: expected" },
	{ "socket.keep_alive: 1 is not true", "{" LE ",\"socket\":{\"keep_alive\":1}}",
	    " socket.keep_alive: expected true or false, found 1\n" },
	{ "log.connections: a string", "{" LE ",\"log\":{\"connections\":\"yes\"}}",
	    " log.connections: expected true or false, found \"yes\"\n" },
};

static const struct row admission[] = {
	{ "limits: every form", "{" LE ",\"limits\":{\"connections\":20,\"connections_per_source\":3,"
	    "\"source_prefix\":{\"ipv4\":24,\"ipv6\":56},\"rate\":\"50/s\",\"burst\":100,"
	    "\"rate_per_source\":\"5/10s\",\"burst_per_source\":1,\"reserve\":2,\"weight\":1000,"
	    "\"load\":7.5,\"overflow\":[\"evict\",{\"wait\":\"300ms\"},{\"banner\":\"421 busy\\r\\n\"}]}}",
	    "" },
	{ "limits: 0 is none", "{" LE ",\"limits\":{\"connections_per_source\":0,\"rate\":0,\"burst\":0,"
	    "\"rate_per_source\":0,\"burst_per_source\":0,\"reserve\":0,\"load\":0}}", "" },
	{ "limits: null is none", "{" LE ",\"limits\":{\"connections_per_source\":null,\"rate\":null,"
	    "\"burst\":null,\"rate_per_source\":null,\"burst_per_source\":null,\"reserve\":null,"
	    "\"load\":null}}", "" },
	{ "limits: a key that is near", "{" LE ",\"limits\":{\"rate_per_sorce\":\"5/s\"}}",
	    " \"limits.rate_per_sorce\" is not a known key; did you mean \"limits.rate_per_source\"?\n" },
	{ "connections_per_source: negative", "{" LE ",\"limits\":{\"connections_per_source\":-1}}",
	    " limits.connections_per_source: expected a whole number from 1 to 1000000 (or null for "
	    "none), found -1\n" },
	{ "source_prefix: 0 and all bits", "{" LE ",\"limits\":{\"source_prefix\":{\"ipv4\":0,"
	    "\"ipv6\":128}}}", "" },
	{ "source_prefix: too long", "{" LE ",\"limits\":{\"source_prefix\":{\"ipv4\":33,\"ipv6\":129}}}",
	    " limits.source_prefix.ipv4: expected a whole number from 0 to 32, found 33\n"
	    " limits.source_prefix.ipv6: expected a whole number from 0 to 128, found 129\n" },
	{ "source_prefix: null is no length", "{" LE ",\"limits\":{\"source_prefix\":{\"ipv4\":null}}}",
	    " limits.source_prefix.ipv4: expected a whole number from 0 to 32, found null\n" },
	{ "source_prefix: a number", "{" LE ",\"limits\":{\"source_prefix\":24}}",
	    " limits.source_prefix: expected an object, found 24\n" },
	{ "source_prefix: an unknown key", "{" LE ",\"limits\":{\"source_prefix\":{\"ip4\":24}}}",
	    " \"limits.source_prefix.ip4\" is not a known key; did you mean "
	    "\"limits.source_prefix.ipv4\"?\n" },
	{ "a key of source_prefix elsewhere", "{" LE ",\"limits\":{\"ipv6\":64}}",
	    " \"limits.ipv6\" is not a known key; did you mean \"limits.source_prefix.ipv6\"?\n" },
	{ "rate: digits", "{" LE ",\"limits\":{\"rate\":\"50\"}}",
	    " limits.rate: \"50\" needs a unit, as in \"50/s\"\n" },
	{ "rate: a bare number", "{" LE ",\"limits\":{\"rate\":50}}",
	    " limits.rate: expected a rate such as \"50/s\", found 50: a number needs a unit, as in "
	    "\"50/s\"\n" },
	{ "rate: a real number", "{" LE ",\"limits\":{\"rate\":0.5}}",
	    " limits.rate: expected a rate such as \"50/s\" (or null for none), found 0.5\n" },
	{ "rate: out of range", "{" LE ",\"limits\":{\"rate_per_source\":\"0/s\"}}",
	    " limits.rate_per_source: \"0/s\" is out of range: a rate is from 1 to 1000000, over at "
	    "least 1ms and at most 365d\n" },
	{ "burst: without a rate", "{" LE ",\"limits\":{\"burst\":5,\"burst_per_source\":5}}",
	    " limits.burst: there is no limits.rate that it could belong to\n"
	    " limits.burst_per_source: there is no limits.rate_per_source that it could belong to\n" },
	{ "burst: with a rate of none", "{" LE ",\"limits\":{\"burst\":5,\"rate\":0}}",
	    " limits.burst: there is no limits.rate" },
	{ "burst: a rate", "{" LE ",\"limits\":{\"rate\":\"5/s\",\"burst\":\"5/s\"}}",
	    " limits.burst: expected a whole number from 1 to 1000000 (or null for none), found "
	    "\"5/s\"\n" },
	{ "weight: 0 is no weight", "{" LE ",\"limits\":{\"weight\":0}}",
	    " limits.weight: expected a whole number from 1 to 1000, found 0\n" },
	{ "weight: 1001", "{" LE ",\"limits\":{\"weight\":1001}}",
	    " limits.weight: expected a whole number from 1 to 1000, found 1001\n" },
	{ "load: a whole number", "{" LE ",\"limits\":{\"load\":8}}", "" },
	{ "load: 0.0 is no load", "{" LE ",\"limits\":{\"load\":0.0}}",
	    " limits.load: expected a number above 0, at most 1000000 (or null for none), found 0.0\n" },
	{ "load: negative", "{" LE ",\"limits\":{\"load\":-1}}",
	    " limits.load: expected a number above 0, at most 1000000 (or null for none), found -1\n" },
	{ "load: beyond all", "{" LE ",\"limits\":{\"load\":1e7}}", " limits.load: expected a number" },

	{ "overflow: wait", "{" LE ",\"limits\":{\"overflow\":[\"wait\"]}}", "" },
	{ "overflow: evict alone", "{" LE ",\"limits\":{\"overflow\":[\"evict\"]}}", "" },
	{ "overflow: refuse alone", "{" LE ",\"limits\":{\"overflow\":[\"refuse\"]}}", "" },
	{ "overflow: wait a time, evict, wait longer, refuse", "{" LE ",\"limits\":{\"overflow\":"
	    "[{\"wait\":\"300ms\"},\"evict\",{\"wait\":\"1s\"},\"refuse\"]}}", "" },
	{ "overflow: an empty chain", "{" LE ",\"limits\":{\"overflow\":[]}}",
	    " limits.overflow: is empty: say [\"wait\"] to let clients wait, or [\"refuse\"]\n" },
	{ "overflow: a string", "{" LE ",\"limits\":{\"overflow\":\"wait\"}}",
	    " limits.overflow: expected an array of steps such as [\"evict\", {\"wait\": \"300ms\"}, "
	    "\"refuse\"], found \"wait\"\n" },
	{ "overflow: null is not none", "{" LE ",\"limits\":{\"overflow\":null}}",
	    " limits.overflow: expected an array of steps" },
	{ "overflow: an unknown step", "{" LE ",\"limits\":{\"overflow\":[\"evict\",\"drop\"]}}",
	    " limits.overflow[1]: expected \"evict\", \"wait\", {\"wait\": \"300ms\"}, \"refuse\" or "
	    "{\"banner\": \"421 busy\\r\\n\"}, found \"drop\"\n" },
	{ "overflow: a number", "{" LE ",\"limits\":{\"overflow\":[1]}}",
	    " limits.overflow[0]: expected \"evict\"," },
	{ "overflow: an unknown key of a step", "{" LE ",\"limits\":{\"overflow\":[{\"baner\":\"x\"}]}}",
	    " \"limits.overflow[0].baner\" is not a known key; did you mean "
	    "\"limits.overflow[0].banner\"?\n" },
	{ "overflow: two keys in a step", "{" LE ",\"limits\":{\"overflow\":[{\"wait\":\"1s\","
	    "\"banner\":\"x\"}]}}", " limits.overflow[0]: expected an object with one key, \"wait\" or "
	    "\"banner\", found 2 keys\n" },
	{ "overflow: no key in a step", "{" LE ",\"limits\":{\"overflow\":[{}]}}",
	    " limits.overflow[0]: expected an object with one key, \"wait\" or \"banner\", found 0 "
	    "keys\n" },
	{ "overflow: a bare time", "{" LE ",\"limits\":{\"overflow\":[{\"wait\":300},\"refuse\"]}}",
	    " limits.overflow[0].wait: expected a duration such as \"300ms\", found 300: a number needs "
	    "a unit, as in \"300s\"\n" },
	{ "overflow: no time at all", "{" LE ",\"limits\":{\"overflow\":[{\"wait\":\"0s\"},\"refuse\"]}}",
	    " limits.overflow[0].wait: \"0s\" is out of range: at least 1ms\n" },
	{ "overflow: a time of null", "{" LE ",\"limits\":{\"overflow\":[{\"wait\":null},\"refuse\"]}}",
	    " limits.overflow[0].wait: expected a duration such as \"300ms\", found null\n" },
	{ "overflow: an empty banner", "{" LE ",\"limits\":{\"overflow\":[{\"banner\":\"\"}]}}",
	    " limits.overflow[0].banner: expected a string of 1 to 4096 bytes, found \"\"\n" },
	{ "overflow: a step after wait", "{" LE ",\"limits\":{\"overflow\":[\"wait\",\"refuse\"]}}",
	    " limits.overflow[0]: no step can follow \"wait\", which waits for as long as it takes; give "
	    "it a time, as in {\"wait\": \"300ms\"}\n" },
	{ "overflow: a step after refuse", "{" LE ",\"limits\":{\"overflow\":[\"refuse\",\"evict\"]}}",
	    " limits.overflow[0]: no step can follow \"refuse\", which ends the connection\n" },
	{ "overflow: a step after a banner", "{" LE ",\"limits\":{\"overflow\":[{\"banner\":\"x\"},"
	    "\"refuse\"]}}",
	    " limits.overflow[0]: no step can follow a banner, which ends the connection\n" },
	{ "overflow: a wait with a time at the end", "{" LE ",\"limits\":{\"overflow\":[\"evict\","
	    "{\"wait\":\"1s\"}]}}", " limits.overflow[1]: {\"wait\": ...} at the end leads nowhere: let "
	    "\"refuse\" or a banner follow, or say \"wait\"\n" },
	{ "overflow: evict twice", "{" LE ",\"limits\":{\"overflow\":[\"evict\",{\"wait\":\"1s\"},"
	    "\"evict\"]}}", " limits.overflow[2]: \"evict\" stands here for the second time: once is "
	    "enough, for it is tried whenever a place is needed\n" },
	{ "overflow: everything that is wrong is told", "{" LE ",\"limits\":{\"overflow\":[\"refuse\","
	    "\"evict\",\"wait\",\"evict\",{\"wait\":\"1s\"}]}}",
	    " limits.overflow[0]: no step can follow \"refuse\", which ends the connection\n"
	    " limits.overflow[2]: no step can follow \"wait\", which waits for as long as it takes; give "
	    "it a time, as in {\"wait\": \"300ms\"}\n"
	    " limits.overflow[3]: \"evict\" stands here for the second time: once is enough, for it is "
	    "tried whenever a place is needed\n"
	    " limits.overflow[4]: {\"wait\": ...} at the end leads nowhere: let \"refuse\" or a banner "
	    "follow, or say \"wait\"\n" },

	{ "access: every form", "{" LE ",\"access\":{\"allow\":[\"local\",\"192.0.2.7\",\"10.0.0.0/8\","
	    "\"2001:db8::/32\",\"uid:1000\",\"::ffff:10.0.0.0/104\"],\"deny\":[]}}", "" },
	{ "access: an empty allow", "{" LE ",\"access\":{\"allow\":[]}}", "" },
	{ "access: every bad rule is told", "{" LE ",\"access\":{\"allow\":[\"local\",\"localhost\"],"
	    "\"deny\":[\"10.0.0.1/8\",7,\"example.org\"]}}",
	    " access.allow[1]: expected an address, a prefix or \"local\" (loopback and unix), found "
	    "\"localhost\"\n"
	    " access.deny[0]: \"10.0.0.1/8\" has bits set beyond its first 8: did you mean "
	    "\"10.0.0.0/8\"?\n"
	    " access.deny[1]: expected an address, a prefix or \"local\", found 7\n"
	    " access.deny[2]: expected an address or a prefix such as \"192.0.2.7\", \"10.0.0.0/8\" or "
	    "\"2001:db8::/32\", found \"example.org\" (berth asks no DNS)\n" },
	{ "access: a string", "{" LE ",\"access\":{\"allow\":\"10.0.0.0/8\"}}",
	    " access.allow: expected an array of addresses, prefixes or \"local\", found "
	    "\"10.0.0.0/8\"\n" },
	{ "access: null is not none", "{" LE ",\"access\":{\"deny\":null}}",
	    " access.deny: expected an array of addresses, prefixes or \"local\", found null\n" },
	{ "access: an unknown key", "{" LE ",\"access\":{\"alow\":[]}}",
	    " \"access.alow\" is not a known key; did you mean \"access.allow\"?\n" },

	{ "penalties: every form", "{" LE ",\"penalties\":{\"signal\":\"10s\",\"exit\":{\"1\":\"1s\","
	    "\"75\":\"5s\",\"255\":\"0s\"},\"first_byte\":\"1min\",\"threshold\":\"1s\",\"max\":\"1s\"}}", "" },
	{ "penalties: 0 is none only in limits and timeouts", "{" LE ",\"penalties\":{\"signal\":0}}",
	    " penalties.signal: expected a duration such as \"10s\", found 0: a number needs a unit, as "
	    "in \"0s\"\n" },
	{ "penalties.exit: which statuses there are", "{" LE ",\"penalties\":{\"exit\":{\"0\":\"1s\","
	    "\"256\":\"1s\",\"075\":\"1s\",\"\":\"1s\",\"75 \":\"1s\",\"-1\":\"1s\",\"SEGV\":\"1s\"}}}",
	    " penalties.exit.0: expected an exit status from \"1\" to \"255\" as the key\n"
	    " penalties.exit.256: expected an exit status from \"1\" to \"255\" as the key\n"
	    " penalties.exit.075: expected an exit status from \"1\" to \"255\" as the key\n"
	    " penalties.exit.: expected an exit status from \"1\" to \"255\" as the key\n"
	    " penalties.exit.75 : expected an exit status from \"1\" to \"255\" as the key\n"
	    " penalties.exit.-1: expected an exit status from \"1\" to \"255\" as the key\n"
	    " penalties.exit.SEGV: expected an exit status from \"1\" to \"255\" as the key\n" },
	{ "penalties.exit: a bare number", "{" LE ",\"penalties\":{\"exit\":{\"75\":5}}}",
	    " penalties.exit.75: expected a duration such as \"5s\", found 5: a number needs a unit, as "
	    "in \"5s\"\n" },
	{ "penalties.exit: an array", "{" LE ",\"penalties\":{\"exit\":[75]}}",
	    " penalties.exit: expected an object of exit statuses and durations, such as {\"75\": "
	    "\"5s\"}, found an array\n" },
	{ "penalties.threshold: 0 would refuse everyone", "{" LE ",\"penalties\":{\"threshold\":\"0s\"}}",
	    " penalties.threshold: \"0s\" is out of range: at least 1ms\n" },
	{ "penalties.max: below the threshold", "{" LE ",\"penalties\":{\"max\":\"10s\"}}",
	    " penalties.max: is below penalties.threshold, so that no source could ever be refused\n" },

	{ "evict: every form", "{" LE ",\"evict\":{\"min_idle\":\"0s\",\"keep_alive\":\"5min\","
	    "\"order\":\"longest_idle\",\"waiting\":\"any\",\"goodbye\":\"421 timeout\\r\\n\"}}", "" },
	{ "evict.order: unknown", "{" LE ",\"evict\":{\"order\":\"newest\"}}",
	    " evict.order: expected \"oldest\" or \"longest_idle\", found \"newest\"\n" },
	{ "evict.waiting: unknown", "{" LE ",\"evict\":{\"waiting\":true}}",
	    " evict.waiting: expected \"only\" or \"any\", found true\n" },
	{ "evict.min_idle: null is not none", "{" LE ",\"evict\":{\"min_idle\":null}}",
	    " evict.min_idle: expected a duration such as \"10s\", found null\n" },
	{ "evict.keep_alive: no time at all", "{" LE ",\"evict\":{\"keep_alive\":\"0s\"}}",
	    " evict.keep_alive: \"0s\" is out of range: at least 1ms\n" },
	{ "evict.goodbye: empty", "{" LE ",\"evict\":{\"goodbye\":\"\"}}",
	    " evict.goodbye: expected a string of 1 to 4096 bytes, found \"\"\n" },

	{ "timeouts: idle and first_byte", "{" LE ",\"timeouts\":{\"idle\":\"5min\",\"first_byte\":\"10s\"}}",
	    "" },
	{ "timeouts: none of them", "{" LE ",\"timeouts\":{\"idle\":0,\"first_byte\":null}}", "" },
	{ "timeouts: idle and first_byte on a unix socket", "{\"listen\":[\"tcp:7\",\"unix:/run/x\"],"
	    "\"exec\":[\"/x\"],\"timeouts\":{\"idle\":\"5min\",\"first_byte\":\"10s\",\"lifetime\":\"1h\"}}",
	    " timeouts.idle: cannot be told on unix sockets, and \"unix:/run/x\" is one\n"
	    " timeouts.first_byte: cannot be told on unix sockets, and \"unix:/run/x\" is one\n" },
	{ "timeouts: none of them on a unix socket", "{\"listen\":\"unix:@x\",\"exec\":[\"/x\"],"
	    "\"timeouts\":{\"idle\":null,\"first_byte\":0}}", "" },
};

#define SEES "cannot apply with wait: the program accepts by itself, berthd sees none of its clients\n"

static const struct row kinds[] = {
	{ "a datagram service", "{\"listen\":\"udp:7\",\"exec\":[\"/x\"]}", "" },
	{ "datagrams are never without wait", "{\"listen\":\"udp:7\",\"exec\":[\"/x\"],\"wait\":false}",
	    " wait: cannot be false with \"udp:7\": datagrams are always served so\n" },
	{ "datagrams and connections need wait", "{\"listen\":[\"udp:7\",\"tcp:7\"],\"exec\":[\"/x\"]}",
	    " wait: must be true for a service with datagrams (udp:7) and connections (tcp:7)\n" },
	{ "datagrams and connections with wait", "{\"listen\":[\"udp:7\",\"tcp:7\"],\"exec\":[\"/x\"],"
	    "\"wait\":true}", "" },
	{ "one port in two kinds", "{\"listen\":[\"udp:7\",\"tcp:7\"],\"wait\":true,\"exec\":[\"/x\"]}", "" },
	{ "one path in two kinds", "{\"listen\":[\"unix:/x\",\"unix-seqpacket:/x\"],\"exec\":[\"/x\"]}",
	    " listen: \"unix:/x\" and \"unix-seqpacket:/x\" name the same endpoint\n" },
	{ "what concerns clients, beside wait", "{" LE ",\"wait\":true,\"access\":{\"allow\":[\"local\"]},"
	    "\"limits\":{\"connections\":5,\"rate\":\"5/s\"},\"timeouts\":{\"idle\":\"5s\",\"lifetime\":\"5s\"},"
	    "\"evict\":{\"min_idle\":\"1s\"},\"penalties\":{\"signal\":\"1s\"}}",
	    " access: " SEES " evict: " SEES " penalties: " SEES " limits.connections: " SEES
	    " timeouts.idle: " SEES },
	{ "handlers without wait", "{" LE ",\"handlers\":{\"max\":3}}",
	    " handlers: needs \"wait\": true: without it each connection has a handler of its own\n" },
	{ "handlers: fewer than must be", "{" LE ",\"wait\":true,\"handlers\":{\"min\":3,\"max\":2}}",
	    " handlers.max: is below handlers.min\n" },
	{ "no program", "{\"listen\":\"tcp:7\"}",
	    " exec: required, but missing (or \"builtin\", or \"relay\")\n" },
	{ "two programs", "{" LE ",\"builtin\":\"echo\"}",
	    " builtin: cannot stand beside exec: a service has one of them\n" },
	{ "a built-in service", "{\"listen\":[\"tcp:7\"],\"builtin\":\"echo\",\"tcpmux\":true}", "" },
	{ "a built-in service of datagrams", "{\"listen\":[\"udp:13\"],\"builtin\":\"daytime\"}", "" },
	{ "an unknown one", "{\"listen\":\"tcp:7\",\"builtin\":\"finger\"}", " builtin: expected " },
	{ "a relay", "{\"listen\":\"tcp:7\",\"relay\":{\"to\":[\"tcp:10.0.0.2:80\",\"unix:/run/x\"],\"balance\":"
	    "\"least_connections\",\"connect_timeout\":\"1s\",\"send_proxy\":\"v2\"}}", "" },
	{ "a relay to a name", "{\"listen\":\"tcp:7\",\"relay\":{\"to\":[\"tcp:www:80\"]}}",
	    " relay.to[0]: expected a target such as \"tcp:10.0.0.2:80\", \"tcp:[2001:db8::1]:80\" or "
	    "\"unix:/run/x\" (berth asks no DNS), found \"tcp:www:80\"\n" },
	{ "evict beside relay", "{\"listen\":\"tcp:7\",\"relay\":{\"to\":[\"unix:/x\"]},\"limits\":{\"overflow\":"
	    "[\"evict\"]}}", " limits.overflow: cannot be \"evict\" beside relay: a relayed connection is never "
	    "seen to be idle\n" },
	{ "proxies that are named", "{" LE ",\"proxy_protocol\":{\"from\":[\"10.0.0.0/8\"],\"others\":\"direct\"}}", "" },
	{ "proxies that are not", "{" LE ",\"proxy_protocol\":{\"others\":\"direct\"}}",
	    " proxy_protocol.from: is missing: a header is believed only from proxies that are named\n" },
	{ "socket options", "{" LE ",\"socket\":{\"defer_accept\":\"2s\",\"user_timeout\":\"30s\",\"mark\":7,\"ip_tos\":16,"
	    "\"receive_buffer\":\"64K\",\"send_buffer\":\"1M\",\"transparent\":true},\"log\":{\"peer\":\"prefix\"}}", "" },
	{ "a buffer without a unit", "{" LE ",\"socket\":{\"send_buffer\":65536}}",
	    " socket.send_buffer: expected a size such as \"256K\", found 65536" },
};

static void
test_message_length(void)
{
	static char text[5000], banner[4098];
	char got[512];
	struct service *s;

	memset(banner, 'x', 4097);
	for (size_t len = 4096; len <= 4097; len++) {
		snprintf(text, sizeof(text), "{" LE ",\"evict\":{\"goodbye\":\"%.*s\"}}", (int)len,
		    banner);
		s = parse(&self, text, strlen(text), got, sizeof(got));
		UNIT_CHECK(len == 4096 ? "a goodbye of 4096 bytes" : "a longer one is refused",
		    len == 4096 ? s != NULL : s == NULL && strcmp(got,
		    " evict.goodbye: expected a string of 1 to 4096 bytes, found 4097\n") == 0, "%s", got);
		spec_release(s);
	}
}

static const struct row as_root[] = {
	{ "root: user is required", "{" LE "}",
	    " user: required when berthd runs as root (say \"root\" if you mean it)\n" },
	{ "root: user is given", "{" LE ",\"user\":\"root\"}", "" },
	{ "root: a bad user is one error", "{" LE ",\"user\":null}",
	    " user: expected a user name or a number from 0 to 4294967294, found null\n" },
};

static void
test_bytes(void)
{
	static char big[SPEC_FILE_MAX + 2];
	struct service *s;
	char got[512];

	s = parse(&self, "{\n\0}", 4, got, sizeof(got));
	UNIT_CHECK("a NUL byte has a place", s == NULL &&
	    strcmp(got, "2:1: a NUL byte has no place in a JSON text\n") == 0, "got %s", got);
	memset(big, ' ', sizeof(big));
	memcpy(big, "{" LE "}", strlen("{" LE "}"));
	s = parse(&self, big, SPEC_FILE_MAX, got, sizeof(got));
	UNIT_CHECK("a file of 64 KiB is read", s != NULL, "got %s", got);
	spec_release(s);
	s = parse(&self, big, SPEC_FILE_MAX + 1, got, sizeof(got));
	UNIT_CHECK("a longer one is not", s == NULL &&
	    strcmp(got, " the file is longer than 65536 bytes\n") == 0, "got %s", got);
	memset(big, '[', SPEC_FILE_MAX);
	s = parse(&self, big, SPEC_FILE_MAX, got, sizeof(got));
	UNIT_CHECK("brackets without end are an error", s == NULL && got[0] != '\0', "got %s", got);
}

static void
test_names(void)
{
	static const struct {
		const char *label, *file, *name;
	} rows[] = {
		{ "a plain name", "echo.json", "echo" },
		{ "every sign that a name may have", "0a.B_c@d-e.json", "0a.B_c@d-e" },
		{ "a name that ends in .json twice", "a.json.json", "a.json" },
		{ "64 bytes", "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb.json",
		    "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb" },
		{ "65 bytes", "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbc.json",
		    NULL },
		{ "nothing before .json", ".json", NULL },
		{ "a hidden file", ".echo.json", NULL },
		{ "an editor's copy", "echo.json~", NULL },
		{ "another ending", "echo.conf", NULL },
		{ "an ending in upper case", "echo.JSON", NULL },
		{ "a dash in front", "-echo.json", NULL },
		{ "a space", "an echo.json", NULL },
		{ "a slash", "a/b.json", NULL },
		{ "a letter beyond ASCII", "\xc3\xa9.json", NULL },
		{ "empty", "", NULL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char *name = NULL;
		bool ok = spec_file_name(rows[i].file, &name);

		UNIT_CHECK(rows[i].label, rows[i].name == NULL ? !ok :
		    ok && strcmp(name, rows[i].name) == 0, "%s: got %s", rows[i].file,
		    name != NULL ? name : "nothing");
		free(name);
	}
}

static void
test_defaults(void)
{
	char got[512];
	struct service *s = parse(&self, "{" LE "}", strlen("{" LE "}"), got, sizeof(got));

	UNIT_CHECK("default: enabled, 100 connections, 10s to stop", s->enabled &&
	    s->limits.connections == 100 && s->timeouts.stop_ns == 10000000000 &&
	    s->timeouts.lifetime_ns == 0, "%u", s->limits.connections);
	UNIT_CHECK("default: / and umask 022, no rlimit, no oom_score_adj",
	    strcmp(s->process.working_directory, "/") == 0 && s->process.umask == 022 &&
	    s->process.nice == 0 && !s->process.oom_score_adj_set &&
	    !s->process.rlimits[RLIMIT_NOFILE].set && s->process.environment[0] == NULL &&
	    s->process.pass_environment[0] == NULL, "%o", s->process.umask);
	UNIT_CHECK("default: socket", s->socket.backlog == 4096 && s->socket.keep_alive &&
	    s->socket.no_delay && s->socket.free_bind && s->socket.mode == 0660 &&
	    s->socket.bind_to_device[0] == '\0' && s->socket.owner_uid == (uid_t)-1 &&
	    s->socket.group_gid == (gid_t)-1, "%d", s->socket.backlog);
	UNIT_CHECK("default: starts and exits are logged, stderr too", s->log.connections &&
	    s->stderr_to == SPEC_STDERR_LOG, "%d", s->stderr_to);
	UNIT_CHECK("own is the file's object", strcmp(s->own, "{" LE "}") == 0, "%s", s->own);
	spec_release(s);
}

static void
test_values(void)
{
	static const char text[] = "{\"listen\":[\"tcp:7\",\"unix:/x\"],\"exec\":[\"/bin/a\",\"b\"],"
	    "\"enabled\":false,\"argv0\":\"me\",\"stderr\":\"null\",\"user\":\"0042\",\"group\":\"g\","
	    "\"process\":{\"environment\":{\"TZ\":\"UTC\",\"A\":\"\"},\"umask\":\"0077\",\"nice\":-5,"
	    "\"oom_score_adj\":0,\"rlimits\":{\"cpu\":\"1min\",\"rttime\":\"500ms\","
	    "\"fsize\":[1000000,\"unlimited\"],\"as\":\"512M\"}},\"limits\":{\"connections\":null},"
	    "\"timeouts\":{\"stop\":0,\"lifetime\":\"2h\"},\"socket\":{\"bind_to_device\":\"eth0\"}}";
	char got[512];
	struct service *s = parse(&self, text, strlen(text), got, sizeof(got));

	UNIT_CHECK("value: listen and exec", s != NULL && s->nlisten == 2 &&
	    s->listen[1].kind == ENDPOINT_UNIX && strcmp(s->exec[1], "b") == 0 &&
	    s->exec[2] == NULL && strcmp(s->argv0, "me") == 0 && !s->enabled, "%s", got);
	if (s == NULL)
		return;
	UNIT_CHECK("value: a string of digits is a number", s->user.numeric && s->user.id == 42 &&
	    s->user.name == NULL && !s->group.numeric && strcmp(s->group.name, "g") == 0, "%u",
	    s->user.id);
	UNIT_CHECK("value: environment", strcmp(s->process.environment[0], "TZ=UTC") == 0 &&
	    strcmp(s->process.environment[1], "A=") == 0 && s->process.environment[2] == NULL, "%s",
	    s->process.environment[0]);
	UNIT_CHECK("value: process", s->process.umask == 077 && s->process.nice == -5 &&
	    s->process.oom_score_adj_set && s->process.oom_score_adj == 0, "%o", s->process.umask);
	UNIT_CHECK("value: cpu is seconds, rttime microseconds",
	    s->process.rlimits[RLIMIT_CPU].soft == 60 && s->process.rlimits[RLIMIT_CPU].hard == 60 &&
	    s->process.rlimits[RLIMIT_RTTIME].soft == 500000, "%ju",
	    (uintmax_t)s->process.rlimits[RLIMIT_CPU].soft);
	UNIT_CHECK("value: soft and hard", s->process.rlimits[RLIMIT_FSIZE].soft == 1000000 &&
	    s->process.rlimits[RLIMIT_FSIZE].hard == RLIM_INFINITY &&
	    s->process.rlimits[RLIMIT_AS].hard == 512 << 20, "%ju",
	    (uintmax_t)s->process.rlimits[RLIMIT_FSIZE].soft);
	UNIT_CHECK("value: none", s->limits.connections == 0 && s->timeouts.stop_ns == 0 &&
	    s->timeouts.lifetime_ns == 7200000000000, "%u", s->limits.connections);
	UNIT_CHECK("value: words and names", s->stderr_to == SPEC_STDERR_NULL &&
	    strcmp(s->socket.bind_to_device, "eth0") == 0, "%d", s->stderr_to);
	spec_release(s);
}

static void
test_admission_defaults(void)
{
	char got[512];
	struct service *s = parse(&self, "{" LE "}", strlen("{" LE "}"), got, sizeof(got));

	UNIT_CHECK("default: no limit but the number", s->limits.connections_per_source == 0 &&
	    s->limits.rate.count == 0 && s->limits.rate_per_source.count == 0 &&
	    s->limits.load <= 0 && s->limits.reserve == 0 && s->limits.weight == 1, "%u",
	    s->limits.weight);
	UNIT_CHECK("default: a source is an IPv4 address or an IPv6 /64",
	    s->limits.source_prefix.ipv4 == 32 && s->limits.source_prefix.ipv6 == 64, "%u",
	    s->limits.source_prefix.ipv6);
	UNIT_CHECK("default: clients wait", s->limits.noverflow == 1 &&
	    s->limits.overflow[0].kind == SPEC_STEP_WAIT && s->limits.overflow[0].wait_ns == 0, "%zu",
	    s->limits.noverflow);
	UNIT_CHECK("default: evict", s->evict.min_idle_ns == 5000000000 &&
	    s->evict.keep_alive_ns == 0 && s->evict.order == VICTIM_OLDEST &&
	    s->evict.waiting == SPEC_WAITING_ONLY && s->evict.goodbye == NULL, "%lld",
	    (long long)s->evict.min_idle_ns);
	UNIT_CHECK("default: everyone may connect", !s->access.allow.set && !s->access.deny.set &&
	    s->access.allow.count == 0, "%zu", s->access.allow.count);
	UNIT_CHECK("default: nothing is penalised", s->penalties.signal_ns == 0 &&
	    s->penalties.exit_ns == NULL && s->penalties.first_byte_ns == 0 &&
	    s->penalties.threshold_ns == 15000000000 && s->penalties.max_ns == 600000000000, "%lld",
	    (long long)s->penalties.max_ns);
	UNIT_CHECK("default: no timeout", s->timeouts.idle_ns == 0 && s->timeouts.first_byte_ns == 0,
	    "%lld", (long long)s->timeouts.idle_ns);
	spec_release(s);
}

static void
test_limits_values(void)
{
	static const char text[] = "{" LE ",\"limits\":{\"connections_per_source\":3,\"source_prefix\":"
	    "{\"ipv6\":56},\"burst\":7,\"rate\":\"5/10s\",\"rate_per_source\":\"10/min\",\"reserve\":2,"
	    "\"weight\":3,\"load\":7.5,\"overflow\":[{\"wait\":\"300ms\"},\"evict\",{\"banner\":\"no\\n\"}]}}";
	char got[512];
	struct service *s = parse(&self, text, strlen(text), got, sizeof(got));
	const struct spec_step *step;

	UNIT_CHECK("value: limits are read", s != NULL, "%s", got);
	if (s == NULL)
		return;
	UNIT_CHECK("value: limits", s->limits.connections_per_source == 3 && s->limits.reserve == 2 &&
	    s->limits.weight == 3 && s->limits.load >= 7.5 && s->limits.load <= 7.5, "%u",
	    s->limits.weight);
	UNIT_CHECK("value: one length given, the other as built in",
	    s->limits.source_prefix.ipv4 == 32 && s->limits.source_prefix.ipv6 == 56, "%u",
	    s->limits.source_prefix.ipv4);
	UNIT_CHECK("value: a rate and its burst", s->limits.rate.count == 5 &&
	    s->limits.rate.per_ns == 10000000000 && s->limits.rate.burst == 7, "%u",
	    s->limits.rate.burst);
	UNIT_CHECK("value: a burst is the count in the rate", s->limits.rate_per_source.burst == 10 &&
	    s->limits.rate_per_source.per_ns == 60000000000, "%u", s->limits.rate_per_source.burst);
	step = s->limits.overflow;
	UNIT_CHECK("value: a chain", s->limits.noverflow == 3 && step[0].kind == SPEC_STEP_WAIT &&
	    step[0].wait_ns == 300000000 && step[1].kind == SPEC_STEP_EVICT &&
	    step[2].kind == SPEC_STEP_BANNER && strcmp(step[2].banner, "no\n") == 0, "%zu",
	    s->limits.noverflow);
	spec_release(s);
}

static void
test_admission_values(void)
{
	static const char text[] = "{" LE ",\"limits\":{\"overflow\":[\"evict\"]},\"timeouts\":{\"idle\":"
	    "\"5min\",\"first_byte\":\"2s\"},\"evict\":{\"min_idle\":\"1s\",\"keep_alive\":\"300s\","
	    "\"order\":\"longest_idle\",\"waiting\":\"any\",\"goodbye\":\"bye\\n\"},\"access\":{\"allow\":"
	    "[\"local\",\"10.0.0.0/8\"],\"deny\":[]},\"penalties\":{\"exit\":{\"75\":\"5s\"},\"signal\":\"1s\"}}";
	char got[512];
	struct service *s = parse(&self, text, strlen(text), got, sizeof(got));

	UNIT_CHECK("value: admission is read", s != NULL, "%s", got);
	if (s == NULL)
		return;
	UNIT_CHECK("value: a chain that ends in evict goes on with wait", s->limits.noverflow == 2 &&
	    s->limits.overflow[1].kind == SPEC_STEP_WAIT && s->limits.overflow[1].wait_ns == 0, "%zu",
	    s->limits.noverflow);
	UNIT_CHECK("value: timeouts", s->timeouts.idle_ns == 300000000000 &&
	    s->timeouts.first_byte_ns == 2000000000, "%lld", (long long)s->timeouts.idle_ns);
	UNIT_CHECK("value: evict", s->evict.keep_alive_ns == 300000000000 &&
	    s->evict.min_idle_ns == 1000000000 && s->evict.order == VICTIM_LONGEST_IDLE &&
	    s->evict.waiting == SPEC_WAITING_ANY && strcmp(s->evict.goodbye, "bye\n") == 0, "%s",
	    s->evict.goodbye);
	UNIT_CHECK("value: access", s->access.allow.count == 2 && s->access.allow.rule[0].local &&
	    s->access.allow.rule[1].prefix.bits == 8 && s->access.deny.set &&
	    s->access.deny.count == 0, "%zu", s->access.allow.count);
	UNIT_CHECK("value: penalties", s->penalties.exit_ns[75] == 5000000000 &&
	    s->penalties.exit_ns[74] == 0 && s->penalties.signal_ns == 1000000000, "%lld",
	    (long long)s->penalties.exit_ns[75]);
	spec_release(s);
}

/* Keys of `defaults` that cannot apply to a service are passed over, and do not show. */
static void
test_passed_over(void)
{
	static const struct {
		const char *label, *input, *want;	/* want: what is left of timeouts and limits.burst */
	} rows[] = {
		{ "tcp has the timeouts of the defaults", "{" LE "}",
		    "{\"first_byte\":\"9s\",\"idle\":\"9s\",\"lifetime\":\"9s\",\"stop\":\"10s\"} null" },
		{ "a unix endpoint passes over what TCP_INFO tells",
		    "{\"listen\":[\"tcp:7\",\"unix:/x\"],\"exec\":[\"/x\"]}",
		    "{\"lifetime\":\"9s\",\"stop\":\"10s\"} null" },
		{ "none in the file stays", "{\"listen\":\"unix:/x\",\"exec\":[\"/x\"],\"timeouts\":"
		    "{\"idle\":null}}", "{\"idle\":null,\"lifetime\":\"9s\",\"stop\":\"10s\"} null" },
		{ "a burst of the defaults belongs to the file's rate", "{" LE ",\"limits\":{\"rate\":\"1/s\"}}",
		    "{\"first_byte\":\"9s\",\"idle\":\"9s\",\"lifetime\":\"9s\",\"stop\":\"10s\"} 5" },
	};
	json_t *defaults = json_loads("{\"timeouts\":{\"idle\":\"9s\",\"first_byte\":\"9s\","
	    "\"lifetime\":\"9s\"},\"limits\":{\"burst\":5}}", 0, NULL);
	struct spec_context ctx = { .uid = 1000, .defaults = defaults };

	for (size_t i = 0; i < ROWS(rows); i++) {
		char got[512];
		struct service *s = parse(&ctx, rows[i].input, strlen(rows[i].input), got, sizeof(got));
		json_t *merged = s != NULL ? json_loads(s->merged, 0, NULL) : NULL;
		char *timeouts = json_dumps(json_object_get(merged, "timeouts"),
		    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
		const json_t *burst = json_object_get(json_object_get(merged, "limits"), "burst");

		if (s != NULL && burst != NULL)
			snprintf(got, sizeof(got), "%s %d", timeouts, (int)json_integer_value(burst));
		else if (s != NULL)
			snprintf(got, sizeof(got), "%s null", timeouts);
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0 &&
		    (s->timeouts.idle_ns != 0) == (strstr(got, "\"idle\":\"9s\"") != NULL) &&
		    (s->timeouts.first_byte_ns != 0) == (strstr(got, "first_byte") != NULL) &&
		    s->limits.rate.burst == (uint32_t)json_integer_value(burst),
		    "got %s, want %s", got, rows[i].want);
		free(timeouts);
		json_decref(merged);
		spec_release(s);
	}
	json_decref(defaults);
}

static void
test_merge(void)
{
	json_t *defaults = json_loads("{\"user\":\"web\",\"process\":{\"environment\":{\"A\":\"1\","
	    "\"B\":\"2\"},\"rlimits\":{\"core\":0,\"nofile\":[1,2]}},\"groups\":[\"a\",\"b\"],"
	    "\"limits\":{\"connections\":5}}", 0, NULL);
	struct spec_context ctx = { .root = true, .defaults = defaults };
	static const char text[] = "{" LE ",\"process\":{\"environment\":{\"B\":\"3\"},"
	    "\"rlimits\":{\"nofile\":9}},\"groups\":[\"c\"]}";
	char got[512], *before = json_dumps(defaults, JSON_COMPACT), *after;
	struct service *s = parse(&ctx, text, strlen(text), got, sizeof(got));
	json_t *show, *origin;

	UNIT_CHECK("defaults: give the user", s != NULL && strcmp(s->user.name, "web") == 0, "%s",
	    got);
	if (s == NULL)
		return;
	UNIT_CHECK("defaults: objects merge key by key",
	    strcmp(s->process.environment[0], "A=1") == 0 &&
	    strcmp(s->process.environment[1], "B=3") == 0 && s->process.rlimits[RLIMIT_CORE].set &&
	    s->process.rlimits[RLIMIT_NOFILE].hard == 9, "%s", s->merged);
	UNIT_CHECK("defaults: arrays are replaced", s->ngroups == 1 &&
	    strcmp(s->groups[0].name, "c") == 0, "%zu", s->ngroups);
	UNIT_CHECK("defaults: lie over the built-in values", s->limits.connections == 5, "%u",
	    s->limits.connections);
	after = json_dumps(defaults, JSON_COMPACT);
	UNIT_CHECK("defaults: are not changed by a file", strcmp(before, after) == 0, "%s", after);
	show = spec_show(s, defaults);
	origin = json_object_get(show, "origin");
	for (size_t i = 0; i < 7; i++) {
		static const struct { const char *label, *key, *want; } rows[] = {
			{ "origin: the file", "listen", "file" },
			{ "origin: berth.json", "user", "berth.json" },
			{ "origin: built in", "socket.backlog", "default" },
			{ "origin: a variable of the file", "process.environment.B", "file" },
			{ "origin: a variable of the defaults", "process.environment.A", "berth.json" },
			{ "origin: a replaced array", "groups", "file" },
			{ "origin: an empty list", "process.pass_environment", "default" },
		};
		const char *o = json_string_value(json_object_get(origin, rows[i].key));

		UNIT_CHECK(rows[i].label, o != NULL && strcmp(o, rows[i].want) == 0, "got %s",
		    o != NULL ? o : "nothing");
	}
	json_decref(show);
	free(before);
	free(after);
	spec_release(s);
	json_decref(defaults);
}

/* ---- resolving ---- */

static struct lookup *
question(struct lookup_table *t, const char *name, uint32_t id)
{
	for (size_t i = 0; i < t->count; i++)
		if (name != NULL ? t->entry[i].name != NULL && strcmp(t->entry[i].name, name) == 0 :
		    t->entry[i].numeric && t->entry[i].id == id)
			return &t->entry[i];
	return NULL;
}

/* What a small host knows: user web (80, 81; groups 81 82), group adm (4), http/tcp; slow fails. */
static void
answer_all(struct lookup_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct lookup *e = &t->entry[i];

		e->state = LOOKUP_FOUND;
		if (e->numeric && e->id != 80) {
			e->uid = e->gid = e->id;
			e->user = strdup("4242");
			e->home = strdup("/");
			e->shell = strdup("/bin/sh");
		} else if (e->kind == LOOKUP_USER && (e->numeric || strcmp(e->name, "web") == 0)) {
			e->uid = 80;
			e->gid = 81;
			e->groups = calloc(2, sizeof(*e->groups));
			e->groups[0] = 81;
			e->groups[1] = 82;
			e->ngroups = 2;
			e->user = strdup("web");
			e->home = strdup("/srv");
			e->shell = strdup("/bin/false");
		} else if (e->kind == LOOKUP_GROUP && strcmp(e->name, "adm") == 0)
			e->gid = 4;
		else if (e->kind == LOOKUP_PORT && strcmp(e->name, "http/tcp") == 0)
			e->port = 80;
		else if (strstr(e->name, "slow") != NULL) {
			e->state = LOOKUP_FAILED;
			strcpy(e->error, "timed out");
		} else
			e->state = LOOKUP_ABSENT;
	}
}

static const char *
identity_text(const struct service *s, char *buf, size_t size)
{
	const struct spec_identity *id = &s->identity;
	int at = snprintf(buf, size, "%u:%u [", id->uid, id->gid);

	for (size_t i = 0; i < id->ngroups; i++)
		at += snprintf(buf + at, size - (size_t)at, "%s%u", i > 0 ? " " : "", id->groups[i]);
	snprintf(buf + at, size - (size_t)at, "] %s %s %s", id->user, id->home, id->shell);
	return buf;
}

static void
test_resolve(void)
{
	static const struct spec_context web = { .uid = 80, .gid = 81 };
	static const struct {
		const char *label;
		const struct spec_context *ctx;
		const char *keys;	/* of the file, beside listen and exec */
		const char *identity, *errors;
		bool transient;
	} rows[] = {
		{ "a user brings groups", &root, "\"user\":\"web\"",
		    "80:81 [81 82] web /srv /bin/false", "", false },
		{ "a user by number", &root, "\"user\":80", "80:81 [81 82] web /srv /bin/false", "",
		    false },
		{ "a number without an entry", &root, "\"user\":4242",
		    "4242:4242 [] 4242 / /bin/sh", "", false },
		{ "the user of berthd's helpers", &root, "\"user\":65533", NULL,
		    " user: uid 65533 is kept for what reads clients' bytes for berthd: a handler of that user "
		    "could stop it\n", false },
		{ "group replaces the primary group", &root, "\"user\":\"web\",\"group\":\"adm\"",
		    "80:4 [4 82] web /srv /bin/false", "", false },
		{ "a group by number needs no look-up", &root, "\"user\":\"web\",\"group\":7",
		    "80:7 [7 82] web /srv /bin/false", "", false },
		{ "groups replace the supplementary groups exactly", &root,
		    "\"user\":\"web\",\"groups\":[\"adm\",9,\"9\"]", "80:81 [4 9] web /srv /bin/false",
		    "", false },
		{ "no groups at all", &root, "\"user\":\"web\",\"groups\":[]",
		    "80:81 [] web /srv /bin/false", "", false },
		{ "an unknown user", &root, "\"user\":\"finger\"", NULL,
		    " user: there is no user \"finger\"\n", false },
		{ "an unknown group", &root, "\"user\":\"web\",\"group\":\"x\"", NULL,
		    " group: there is no group \"x\"\n", false },
		{ "every unknown name is told", &root, "\"user\":\"u\",\"group\":\"g\","
		    "\"socket\":{\"owner\":\"o\",\"group\":\"p\"}", NULL,
		    " user: there is no user \"u\"\n group: there is no group \"g\"\n"
		    " socket.owner: there is no user \"o\"\n socket.group: there is no group \"p\"\n",
		    false },
		{ "a failure is told and passes", &root, "\"user\":\"slow\"", NULL,
		    " user: cannot look up user \"slow\": timed out\n", true },
		{ "not root: its own identity", &web, "\"enabled\":true",
		    "80:81 [] web /srv /bin/false", "", false },
		{ "not root: its own user by name", &web, "\"user\":\"web\"",
		    "80:81 [] web /srv /bin/false", "", false },
		{ "not root: its own group by number", &web, "\"group\":81",
		    "80:81 [] web /srv /bin/false", "", false },
		{ "not root: another user", &self, "\"user\":\"web\"", NULL,
		    " user: uid 80 is not berthd's own (1000), and only root can change it\n", false },
		{ "not root: another group", &web, "\"group\":\"adm\"", NULL,
		    " group: gid 4 is not berthd's own (81), and only root can change it\n", false },
		{ "not root: groups", &web, "\"groups\":[]", NULL,
		    " groups: must be absent: only root can change them\n", false },
		{ "not root: no entry for its own uid", &self, "\"enabled\":true",
		    "1000:100 [] 4242 / /bin/sh", "", false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct lookup_table t = {0};
		struct diag_list errs = {0};
		char text[512], got[512], id[256] = "";
		bool transient = false, ok;
		struct service *s;

		snprintf(text, sizeof(text), "{" LE ",%s}", rows[i].keys);
		s = parse(rows[i].ctx, text, strlen(text), got, sizeof(got));
		spec_wants(s, &t);
		answer_all(&t);
		ok = spec_resolve(s, rows[i].ctx, "x.json", &t, &errs, &transient);
		all_messages(&errs, got, sizeof(got));
		if (ok)
			identity_text(s, id, sizeof(id));
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].errors) == 0 &&
		    ok == (rows[i].identity != NULL) && transient == rows[i].transient &&
		    (!ok || strcmp(id, rows[i].identity) == 0), "%s: got '%s' %s, want '%s'", text, id,
		    got, rows[i].identity != NULL ? rows[i].identity : "nothing");
		spec_release(s);
		lookup_free(&t);
		diag_list_free(&errs);
	}
}

static void
test_ports(void)
{
	static const struct {
		const char *label, *listen, *errors;
		uint16_t port;
	} rows[] = {
		{ "a port name gets its number", "\"tcp:http\"", "", 80 },
		{ "an unknown port name", "\"tcp:x\"",
		    " listen: there is no tcp port \"x\" in services(5)\n", 0 },
		{ "a name and a number may turn out equal", "[\"tcp:http\",\"tcp:80\"]",
		    " listen: \"tcp:http\" and \"tcp:80\" name the same endpoint\n", 80 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct lookup_table t = {0};
		struct diag_list errs = {0};
		char text[512], got[512];
		bool transient = false, ok;
		struct service *s;

		snprintf(text, sizeof(text), "{\"listen\":%s,\"exec\":[\"/x\"]}", rows[i].listen);
		s = parse(&self, text, strlen(text), got, sizeof(got));
		spec_wants(s, &t);
		answer_all(&t);
		ok = spec_resolve(s, &self, "x.json", &t, &errs, &transient);
		all_messages(&errs, got, sizeof(got));
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].errors) == 0 && ok == (got[0] == '\0') &&
		    s->listen[0].first == rows[i].port, "got %s, port %u", got, s->listen[0].first);
		spec_release(s);
		lookup_free(&t);
		diag_list_free(&errs);
	}
}

static void
test_stale(void)
{
	static const char text[] = "{" LE ",\"user\":\"web\"}";
	struct lookup_table t = {0};
	struct diag_list errs = {0};
	bool transient = false, ok;
	char got[64];
	struct service *s = parse(&root, text, strlen(text), got, sizeof(got));

	spec_wants(s, &t);
	answer_all(&t);
	question(&t, "web", 0)->stale = true;
	ok = spec_resolve(s, &root, "x.json", &t, &errs, &transient);
	UNIT_CHECK("a stale answer is used, and may be better later", ok && transient &&
	    s->identity.uid == 80, "%d", ok);
	ok = spec_resolve(s, &root, "x.json", &t, &errs, &transient);
	UNIT_CHECK("resolving again is harmless", ok && s->identity.ngroups == 2, "%zu",
	    s->identity.ngroups);
	lookup_free(&t);
	ok = spec_resolve(s, &root, "x.json", &t, &errs, &transient);
	UNIT_CHECK("a question that nobody asked is a failure", !ok && errs.count == 1, "%zu",
	    errs.count);
	spec_release(s);
	diag_list_free(&errs);
}

/* ---- comparing ---- */

static struct service *
resolved(const char *keys, uid_t uid)
{
	struct lookup_table t = {0};
	struct diag_list errs = {0};
	char text[512], got[512];
	bool transient = false;
	struct service *s;

	snprintf(text, sizeof(text), "{%s}", keys);
	s = parse(&root, text, strlen(text), got, sizeof(got));
	spec_wants(s, &t);
	answer_all(&t);
	for (size_t i = 0; i < t.count; i++)
		if (t.entry[i].kind == LOOKUP_USER)
			t.entry[i].uid = uid;
	spec_resolve(s, &root, "x.json", &t, &errs, &transient);
	lookup_free(&t);
	diag_list_free(&errs);
	return s;
}

static void
test_changes(void)
{
	static const struct {
		const char *label, *a, *b;
		uid_t uid;
		const char *want;
	} rows[] = {
		{ "the same", LE ",\"user\":\"web\"", LE ",\"user\":\"web\"", 80, "[]" },
		{ "the order of keys is nothing", LE ",\"user\":\"web\"", "\"user\":\"web\"," LE, 80,
		    "[]" },
		{ "a default that is written out is nothing", LE ",\"user\":\"web\"",
		    LE ",\"user\":\"web\",\"limits\":{\"connections\":100}", 80, "[]" },
		{ "keys are named in the table's order", LE ",\"user\":\"web\"", LE
		    ",\"user\":\"web\",\"log\":{\"connections\":false},\"description\":\"x\"", 80,
		    "[\"description\",\"log.connections\"]" },
		{ "a key that goes", LE ",\"user\":\"web\",\"process\":{\"oom_score_adj\":0}",
		    LE ",\"user\":\"web\"", 80, "[\"process.oom_score_adj\"]" },
		{ "a map is one key", LE ",\"user\":\"web\",\"process\":{\"environment\":{\"A\":\"1\"}}",
		    LE ",\"user\":\"web\",\"process\":{\"environment\":{\"A\":\"2\"}}", 80,
		    "[\"process.environment\"]" },
		{ "a key in an object in an object", LE ",\"user\":\"web\"", LE ",\"user\":\"web\","
		    "\"limits\":{\"source_prefix\":{\"ipv4\":24}}", 80, "[\"limits.source_prefix.ipv4\"]" },
		{ "a chain is one key", LE ",\"user\":\"web\"", LE ",\"user\":\"web\",\"limits\":"
		    "{\"overflow\":[\"evict\"],\"rate\":\"5/s\"}", 80,
		    "[\"limits.rate\",\"limits.overflow\"]" },
		{ "rules of access", LE ",\"user\":\"web\",\"access\":{\"allow\":[\"local\"]}",
		    LE ",\"user\":\"web\",\"access\":{\"allow\":[]},\"penalties\":{\"exit\":{\"75\":"
		    "\"5s\"}}", 80, "[\"access.allow\",\"penalties.exit\"]" },
		{ "one name with another number", LE ",\"user\":\"web\"", LE ",\"user\":\"web\"", 81,
		    "[\"user\"]" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct service *a = resolved(rows[i].a, 80), *b = resolved(rows[i].b, rows[i].uid);
		json_t *list = spec_changes(a, b);
		char *got = json_dumps(list, JSON_COMPACT);

		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0 &&
		    spec_equal(a, b) == (strcmp(got, "[]") == 0) && spec_equal(a, a), "got %s, want %s",
		    got, rows[i].want);
		free(got);
		json_decref(list);
		spec_release(a);
		spec_release(b);
	}
}

static void
test_rest(void)
{
	char got[64];
	struct service *s = parse(&self, "{" LE "}", strlen("{" LE "}"), got, sizeof(got));
	json_t *schema = spec_schema_service();
	const json_t *properties = json_object_get(schema, "properties");

	UNIT_CHECK("a reference more, a reference less", spec_hold(s)->refs == 2, "%u", s->refs);
	spec_release(s);
	UNIT_CHECK("one is left", s->refs == 1, "%u", s->refs);
	spec_release(s);
	spec_release(NULL);
	UNIT_CHECK("the schema knows every key", json_object_size(properties) == 24, "%zu",
	    json_object_size(properties));
	UNIT_CHECK("the schema requires listen, and one of exec, builtin and relay",
	    json_array_size(json_object_get(schema, "required")) == 1 &&
	    json_array_size(json_object_get(schema, "oneOf")) == 3, "%zu",
	    json_array_size(json_object_get(schema, "oneOf")));
	json_decref(schema);
	UNIT_CHECK("a log level has a number", spec_log_level("warning") == 4 &&
	    spec_log_level("warn") == -1, "%d", spec_log_level("warning"));
	UNIT_CHECK("a log level has a name", strcmp(spec_log_level_name(7), "debug") == 0 &&
	    spec_log_level_name(0) == NULL, "%s", spec_log_level_name(7));
}

int
main(void)
{
	run(syntax, ROWS(syntax), &self);
	run(unknown, ROWS(unknown), &self);
	run(meaning, ROWS(meaning), &self);
	run(as_root, ROWS(as_root), &root);
	run(admission, ROWS(admission), &self);
	run(kinds, ROWS(kinds), &self);
	test_message_length();
	test_bytes();
	test_names();
	test_defaults();
	test_values();
	test_admission_defaults();
	test_limits_values();
	test_admission_values();
	test_passed_over();
	test_merge();
	test_resolve();
	test_ports();
	test_stale();
	test_changes();
	test_rest();
	return unit_done();
}
