#include "../../src/pure/advice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* "error x: problem\n  detail\n  -> todo\n", each problem. */
static char *
as_text(const json_t *problems)
{
	const json_t *p, *line;
	char *text = NULL;
	size_t len, i, k;
	FILE *to = open_memstream(&text, &len);

	assert(to != NULL);
	json_array_foreach(problems, i, p) {
		const char *service = json_string_value(json_object_get(p, "service"));

		fprintf(to, "%s%s%s: %s\n", json_string_value(json_object_get(p, "grade")),
		    service != NULL ? " " : "", service != NULL ? service : "",
		    json_string_value(json_object_get(p, "problem")));
		json_array_foreach(json_object_get(p, "details"), k, line)
			fprintf(to, "  %s\n", json_string_value(line));
		json_array_foreach(json_object_get(p, "todo"), k, line)
			fprintf(to, "  -> %s\n", json_string_value(line));
	}
	fclose(to);
	return text;
}

#define BERTHD "'berthd': {'settings': '/e/berth.json', 'directories': ['/e/services.d'], 'errors': []," \
	"'statistics': '/r/s', 'log_dropped': 0}"
#define POOL "'pool': {'active': 1, 'limit': 10, 'arithmetic': 'by memory'}"
#define STATUS "'status': {" BERTHD ", " POOL "}"
#define HEALTHY "{'name': 'ok', 'state': 'open', 'active': 1, 'limit': 9, 'endpoints': [{'state': 'listening'}]}"

#define WAITING(port, why) "{'endpoint': 'tcp:" port "', 'address': '0.0.0.0:" port "', 'state': 'waiting', 'reason': '" why "'}"

static const struct {
	const char *label;
	const char *facts;	/* an object by the members of struct advice_facts; ' for " */
	const char *want;
	bool bad;
} rows[] = {
	{ "nothing is known, nothing is said of it", "{'services': [" HEALTHY "]}", "", false },
	{ "all is well", "{" STATUS ", 'services': [" HEALTHY "]}", "", false },
	{ "no services", "{" STATUS ", 'services': []}",
	    "note: there are no services\n"
	    "  -> a file NAME.json in /e/services.d makes one: `berthctl new NAME` writes one to begin with\n",
	    false },
	{ "what is worse comes first, in the order of the names",
	    "{" STATUS ", 'services': [{'name': 'a', 'gate': 'paused', 'endpoints': []},"
	    "{'name': 'b', 'gate': 'load', 'file': '/b.json'},"
	    "{'name': 'c', 'file': '/c.json', 'errors': ['/c.json:1:2: x']},"
	    "{'name': 'd', 'file': '/d.json', 'errors': ['/d.json: listen: y'], 'endpoints': [{'state': 'listening'}]}],"
	    "'lines': {'/d.json: listen: y': 7}}",
	    "error c: its file is bad, and it is not served\n  /c.json:1:2: x\n"
	    "  -> correct it: it is read again when it is saved; `berthctl check /c.json` tells whether it is right\n"
	    "error d: its file is bad; the last good version goes on\n  /d.json:7: listen: y\n"
	    "  -> correct it: it is read again when it is saved; `berthctl check /d.json` tells whether it is right\n"
	    "warning b: its clients wait: the load average is too high for it\n"
	    "  -> raise limits.load in /b.json\n"
	    "note a: it is paused: its clients wait in their queue\n"
	    "  -> `berthctl resume a` lets them in\n", true },
	{ "a file with many errors",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'errors': ['1', '2', '3', '4', '5', '6']}]}",
	    "error a: its file is bad, and it is not served\n  1\n  2\n  3\n  4\n  and 2 more\n"
	    "  -> correct it: it is read again when it is saved; `berthctl check /a.json` tells whether it is right\n",
	    true },
	{ "the settings are bad",
	    "{'status': {'berthd': {'errors': ['/e/berth.json: log.levle: x']}}, 'services': [" HEALTHY "],"
	    "'lines': {'/e/berth.json: log.levle: x': 3}}",
	    "error: the settings are bad; what was in force before them goes on\n  /e/berth.json:3: log.levle: x\n"
	    "  -> correct what is named there, then `berthctl reload`\n", true },
	{ "berthd stops", "{'status': {'berthd': {'stopping': true}, " POOL "}, 'services': [" HEALTHY "]}",
	    "warning: berthd is stopping: it accepts no more, and waits for 1 handler to end, until stop_grace is over\n",
	    true },
	{ "what was lost", "{'status': {'berthd': {'statistics': null, 'log_dropped': 3}, 'pool': {'failed_open': 1}},"
	    "'services': [" HEALTHY "]}",
	    "warning: what is counted ends with this process: it has no statistics file\n"
	    "  -> the line \"statistics\" at its start, in its log, says why\n"
	    "note: the log has not taken 3 lines since the start\n"
	    "note: 1 connection was judged without history: the table of sources was full\n",
	    true },
	{ "a shortage", "{'status': {" BERTHD ", 'pool': {'shortage': true, 'limit': 10}}, 'services': [" HEALTHY "]}",
	    "error: the system has no descriptor, memory or process to give: nothing is accepted for the moment\n"
	    "  -> the lines \"shortage\" in berthd's log say which of them; raise it (LimitNOFILE=, TasksMax=, "
	    "MemoryMax= of berth.service)\n"
	    "  -> or let fewer in: limits.connections in berth.json, now 10\n", true },
	{ "the pool is full, by a limit that was computed",
	    "{'status': {" BERTHD ", 'pool': {'active': 3, 'limit': 3, 'arithmetic': 'by memory'}}, 'services': ["
	    "{'name': 'a', 'active': 1, 'gate': 'pool-full', 'pending': 1, 'endpoints': [{'queue': 2}, {'queue': null}]},"
	    "{'name': 'b', 'active': 2}, {'name': 'c', 'active': 0}]}",
	    "warning: the pool is full: all 3 places are taken\n  b holds 2 places\n  a holds 1 place\n"
	    "  3 clients of a wait in its queue\n"
	    "  -> raise limits.connections in berth.json: 3 was computed, by memory\n"
	    "  -> `berthctl connections` tells who they are; limits.reserve keeps places for a service\n", true },
	{ "the pool is full of dormant ones, and one service does not give way",
	    "{'status': {" BERTHD ", 'pool': {'active': 3, 'limit': 3, 'arithmetic': 'set by berth.json; computed, 9'}},"
	    "'services': [{'name': 'a', 'active': 1, 'file': '/a.json'}, {'name': 'b', 'active': 2, 'file': '/b.json'}],"
	    "'connections': [{'service': 'a', 'state': 'dormant'}, {'service': 'b', 'state': 'silent'},"
	    "{'service': 'b', 'state': 'overdue'}],"
	    "'shown': {'b': {'config': {'limits': {'overflow': ['evict', 'wait']}}}}}",
	    "warning: the pool is full: all 3 places are taken\n  b holds 2 places, 2 of them dormant\n"
	    "  a holds 1 place, for a dormant connection\n"
	    "  -> let a give way: \"evict\" in limits.overflow of /a.json, and of those whose clients wait\n"
	    "  -> raise limits.connections in /e/berth.json, now 3\n"
	    "  -> `berthctl connections` tells who they are; limits.reserve keeps places for a service\n", true },
	{ "the pool has one place, and nobody is dormant",
	    "{'status': {" BERTHD ", 'pool': {'active': 1, 'limit': 1, 'arithmetic': 'set by berth.json; computed, 9'}},"
	    "'services': [{'name': 'a', 'active': 1, 'file': '/a.json'}], 'connections': [{'service': 'a', 'state': 'busy'}]}",
	    "warning: the pool is full: its only place is taken\n  a holds 1 place\n"
	    "  -> raise limits.connections in /e/berth.json, now 1\n"
	    "  -> `berthctl connections` tells who they are; limits.reserve keeps places for a service\n", true },
	{ "the pool keeps its places for others",
	    "{" STATUS ", 'services': [{'name': 'a', 'gate': 'pool-full'}]}",
	    "warning a: its clients wait: what is left of the pool is reserved for others\n"
	    "  -> raise limits.connections in berth.json, or lower limits.reserve of others\n", true },
	{ "an address that somebody has",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'endpoints': [{'endpoint': 'tcp:80', 'address': '0.0.0.0:80',"
	    "'state': 'waiting', 'reason': 'address already in use'}]}], 'holders': {'tcp 0.0.0.0:80': 'nginx (pid 7)'}}",
	    "error a: tcp:80 cannot be opened: address already in use\n  0.0.0.0:80 is held by nginx (pid 7)\n"
	    "  -> stop nginx (pid 7), or give it another endpoint: listen in /a.json\n"
	    "  -> it is tried again every few seconds; `berthctl reload` tries it at once\n", true },
	{ "... and nobody can tell who",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'endpoints': [{'endpoint': 'tcp:80', 'address': '0.0.0.0:80',"
	    "'state': 'waiting', 'reason': 'address already in use'}]}], 'holders': {'udp 0.0.0.0:80': 'nginx (pid 7)'}}",
	    "error a: tcp:80 cannot be opened: address already in use\n"
	    "  -> stop the program that has it (`ss -lnp` as root tells which it is), or take another endpoint: "
	    "listen in /a.json\n"
	    "  -> it is tried again every few seconds; `berthctl reload` tries it at once\n", true },
	{ "a range that somebody has: one problem, and the first few addresses",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'endpoints': ["
	    WAITING("7001", "address already in use") "," WAITING("7002", "address already in use") ","
	    "{'endpoint': 'tcp:7003', 'address': '0.0.0.0:7003', 'state': 'listening'},"
	    WAITING("7004", "address already in use") "," WAITING("7005", "held by service b") ","
	    WAITING("7006", "address already in use") "," WAITING("7007", "address already in use") ","
	    WAITING("7008", "address already in use") "]}], 'holders': {'tcp 0.0.0.0:7002': 'nginx (pid 7)'}}",
	    "error a: 6 addresses cannot be opened: address already in use\n  0.0.0.0:7001\n"
	    "  0.0.0.0:7002 is held by nginx (pid 7)\n  0.0.0.0:7004\n  0.0.0.0:7006\n  and 2 more\n"
	    "  -> stop the programs that have them (`ss -lnp` as root tells which they are), or take other endpoints: "
	    "listen in /a.json\n"
	    "  -> it is tried again every few seconds; `berthctl reload` tries it at once\n"
	    "error a: tcp:7005 cannot be opened: held by service b\n"
	    "  -> give one of the two another endpoint: listen in /a.json\n", true },
	{ "... that one program has",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'endpoints': ["
	    WAITING("7001", "address already in use") "," WAITING("7002", "address already in use") "]}],"
	    "'holders': {'tcp 0.0.0.0:7001': 'x (pid 7)', 'tcp 0.0.0.0:7002': 'x (pid 7)'}}",
	    "error a: 2 addresses cannot be opened: address already in use\n  0.0.0.0:7001 is held by x (pid 7)\n"
	    "  0.0.0.0:7002 is held by x (pid 7)\n"
	    "  -> stop x (pid 7), or give it another endpoint: listen in /a.json\n"
	    "  -> it is tried again every few seconds; `berthctl reload` tries it at once\n", true },
	{ "an endpoint that waits for another reason",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'endpoints': [{'endpoint': 'unix:/x/y', 'address': '/x/y',"
	    "'state': 'waiting', 'reason': 'bind: No such file or directory'}]}]}",
	    "error a: unix:/x/y cannot be opened: bind: No such file or directory\n"
	    "  -> correct listen in /a.json, or what is named there\n"
	    "  -> it is tried again every few seconds; `berthctl reload` tries it at once\n", true },
	{ "an address that this host does not have",
	    "{'services': [{'name': 'a', 'endpoints': [{'address': '192.0.2.1:80', 'state': 'listening',"
	    "'reason': 'this host does not have the address'}]}]}",
	    "note a: 192.0.2.1:80: this host does not have the address\n"
	    "  -> nobody can reach it before this host has that address (`ip address`)\n", false },
	{ "... some addresses",
	    "{'services': [{'name': 'a', 'endpoints': [{'address': '192.0.2.1:80', 'state': 'listening',"
	    "'reason': 'no such address'}, {'address': '192.0.2.1:81', 'state': 'listening', 'reason': 'no such address'}]}]}",
	    "note a: 2 addresses: no such address\n  192.0.2.1:80\n  192.0.2.1:81\n"
	    "  -> nobody can reach it before this host has that address (`ip address`)\n", false },
	{ "a program that is there and fails",
	    "{'services': [{'name': 'a', 'gate': 'throttled', 'failed': 0, 'endpoints': [{'queue': 1}]}]}",
	    "error a: its handlers fail, so it is throttled: clients wait, one is let in now and then\n"
	    "  1 client of a waits in its queue\n"
	    "  -> berthd's log says how they end: `journalctl BERTH_SERVICE=a`, or "
	    "`berthctl monitor --recorded --service a`\n"
	    "  -> then `berthctl reload` lets it try at once\n", true },
	{ "the limit of a service, where its value comes from",
	    "{" STATUS ", 'services': [{'name': 'a', 'file': '/a.json', 'limit': 2, 'gate': 'service-full'}],"
	    "'shown': {'a': {'config': {'limits': {'connections': 2}}, 'origin': {'limits.connections': 'file'}}}}",
	    "warning a: all its 2 places are taken\n  -> raise limits.connections in /a.json, now 2\n"
	    "  -> `berthctl connections a` tells who they are and what they do\n", true },
	{ "... and its dormant ones would make room",
	    "{" STATUS ", 'services': [{'name': 'a', 'file': '/a.json', 'limit': 2, 'gate': 'service-full'}],"
	    "'connections': [{'service': 'a', 'state': 'dormant'}, {'service': 'b', 'state': 'dormant'}],"
	    "'shown': {'a': {'config': {'limits': {'connections': 2}}, 'origin': {'limits.connections': 'berth.json'}}}}",
	    "warning a: all its 2 places are taken, 1 of them dormant\n"
	    "  -> let dormant ones give way: \"evict\" in limits.overflow of /a.json\n"
	    "  -> raise limits.connections in defaults of /e/berth.json, now 2\n"
	    "  -> `berthctl connections a` tells who they are and what they do\n", true },
	{ "... one place, of a dormant one",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'limit': 1, 'gate': 'service-full'}],"
	    "'connections': [{'service': 'a', 'state': 'dormant'}],"
	    "'shown': {'a': {'config': {'limits': {'overflow': ['evict', 'wait']}}}}}",
	    "warning a: its only place is taken, by a dormant connection\n  -> raise limits.connections in /a.json\n"
	    "  -> `berthctl connections a` tells who they are and what they do\n", true },
	{ "... where nobody is dormant, that is not worth a word",
	    "{'services': [{'name': 'a', 'file': '/a.json', 'limit': 2, 'gate': 'service-full'},"
	    "{'name': 'b', 'file': '/b.json', 'limit': 1, 'gate': 'service-full'}], 'connections': []}",
	    "warning a: all its 2 places are taken\n  -> raise limits.connections in /a.json\n"
	    "  -> `berthctl connections a` tells who they are and what they do\n"
	    "warning b: its only place is taken\n  -> raise limits.connections in /b.json\n"
	    "  -> `berthctl connections b` tells who they are and what they do\n", true },
	{ "few refusals", "{'services': [{'name': 'a'}], 'refusals': {'a': {'count': 9, 'reasons': {'denied': 9}}}}",
	    "", false },
	{ "many refusals",
	    "{'services': [{'name': 'a', 'file': '/a.json'}], 'refusals': {'a': {'count': 30, 'seconds': 300.0, 'more': true,"
	    "'reasons': {'gone': 1, 'denied': 29}, 'of': 5, 'sources': [{'source': '10.0.0.1', 'count': 20},"
	    "{'source': '::1', 'count': 3}]}}}",
	    "warning a: it refuses connections, more than 30 for 5min: denied 29, gone 1\n"
	    "  from 10.0.0.1 (20), ::1 (3) and 3 more sources\n"
	    "  -> `berthctl explain a --peer 10.0.0.1` tells which rule it is, with its numbers\n"
	    "  -> if they should be served: access in /a.json\n", true },
	{ "many refusals of sources that the log does not name, some for their penalties",
	    "{'services': [{'name': 'a', 'file': '/a.json'}], 'refusals': {'a': {'count': 30, 'seconds': 8.0,"
	    "'reasons': {'penalty': 30}, 'of': 0, 'sources': []}},"
	    "'penalties': [{'service': 'a', 'source': '10.0.0.1', 'balance': 20.4, 'threshold': 15.0, 'refused': true},"
	    "{'service': 'a', 'source': '10.0.0.2', 'balance': 2.0, 'threshold': 15.0, 'refused': false},"
	    "{'service': 'b', 'source': '10.0.0.3', 'balance': 20.4, 'threshold': 15.0, 'refused': true}]}",
	    "warning a: it refuses connections, 30 for 8.0s: penalty 30\n"
	    "  10.0.0.1 has a balance of penalties of 20s; below 15s it is let in again\n"
	    "  -> `berthctl explain a --peer ADDR` tells which rule it is, with its numbers\n"
	    "  -> `berthctl penalties a` lists them; with --forgive ADDR that one is let in\n"
	    "  -> if they should be served: penalties in /a.json\n", true },
	{ "a service that is going is not judged", "{'services': [{'name': 'a', 'state': 'removed', 'gate': 'service-full'}]}",
	    "", false },
	{ "a service that is disabled needs no program, but a file that is right",
	    "{'services': [{'name': 'a', 'state': 'disabled', 'file': '/a.json', 'warnings': ['/none: No such file']},"
	    "{'name': 'b', 'state': 'disabled', 'file': '/b.json', 'errors': ['/b.json:1:2: x']}]}",
	    "error b: its file is bad, and it is not served\n  /b.json:1:2: x\n"
	    "  -> correct it: it is read again when it is saved; `berthctl check /b.json` tells whether it is right\n", true },
	{ "a service that was drained", "{'services': [{'name': 'a', 'state': 'drained', 'gate': 'draining'}]}",
	    "note a: it is drained: its endpoints are closed\n  -> `berthctl resume a` opens them again\n", false },
};

static json_t *
parse(const char *text)
{
	char *copy = strdup(text);
	json_error_t e;
	json_t *j;

	assert(copy != NULL);
	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(copy, 0, &e);
	if (j == NULL)
		printf("# %s: %s\n", text, e.text);
	assert(j != NULL);
	free(copy);
	return j;
}

static void
test_advice(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *all = parse(rows[i].facts), *got;
		struct advice_facts f = {
			.status = json_object_get(all, "status"),
			.services = json_object_get(all, "services"),
			.connections = json_object_get(all, "connections"),
			.penalties = json_object_get(all, "penalties"),
			.shown = json_object_get(all, "shown"),
			.refusals = json_object_get(all, "refusals"),
			.holders = json_object_get(all, "holders"),
			.lines = json_object_get(all, "lines"),
		};
		char *text;

		got = advice_make(&f);
		text = as_text(got);
		UNIT_CHECK(rows[i].label, strcmp(text, rows[i].want) == 0 && advice_is_bad(got) == rows[i].bad,
		    "bad %d\n%s# not bad %d\n%s", advice_is_bad(got), text, rows[i].bad, rows[i].want);
		free(text);
		json_decref(got);
		json_decref(all);
	}
}

static void
test_silence(void)
{
	static const struct {
		const char *label;
		struct advice_silence s;
		const char *want;
	} cases[] = {
		{ "never started", { .control = "/c", .turn = -1, .start = "systemctl start berth", .managed = true },
		    "error: berthd is not running\n  there is no socket /c\n  -> `systemctl start berth` starts it\n"
		    "  -> `journalctl -u berth -n 50` tells how it ended\n" },
		{ "killed", { .control = "/c", .socket = true, .pid = 5, .turn = 3, .start = "berthd" },
		    "error: berthd is not running\n"
		    "  /c was left over: pid 5 did not end by itself, it was killed or has crashed\n"
		    "  -> `berthd` starts it\n"
		    "  -> is it another one that you mean? Say --control PATH, or set $BERTH_CONTROL\n" },
		{ "killed, and nothing else is known", { .control = "/c", .socket = true, .turn = -1, .start = "berthd" },
		    "error: berthd is not running\n  /c was left over: its berthd was killed or has crashed\n"
		    "  -> `berthd` starts it\n"
		    "  -> is it another one that you mean? Say --control PATH, or set $BERTH_CONTROL\n" },
		{ "stopped", { .control = "/c", .socket = true, .listening = true, .pid = 5, .alive = true, .state = 'T',
		    .turn = 200, .waited = 3, .start = "systemctl start berth", .managed = true },
		    "error: berthd hangs: pid 5 has not answered within 3s\n  its last sign of life was 3min20s ago\n"
		    "  its process is stopped, by a signal or a debugger\n  -> `kill -CONT 5` lets it go on\n"
		    "  -> `systemctl restart berth` begins anew; connections that are open end with it\n" },
		{ "asleep", { .control = "/c", .socket = true, .listening = true, .pid = 5, .alive = true, .state = 'S',
		    .turn = -1, .waited = 3, .start = "berthd" },
		    "error: berthd hangs: pid 5 has not answered within 3s\n"
		    "  -> `strace -p 5` tells what it waits for\n  -> `kill 5`, if need be with -KILL, then `berthd`\n" },
		{ "its socket is gone", { .control = "/c", .pid = 5, .alive = true, .state = 'S', .turn = 0.2,
		    .start = "berthd" },
		    "error: berthd runs as pid 5, but /c is gone\n  its last sign of life was 200ms ago\n"
		    "  -> `kill 5`, if need be with -KILL, then `berthd`\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *got = advice_unanswered(&cases[i].s);
		char *text = as_text(got);

		UNIT_CHECK(cases[i].label, strcmp(text, cases[i].want) == 0, "%s# not\n%s", text, cases[i].want);
		free(text);
		json_decref(got);
	}
}

static void
test_health(void)
{
	static const struct {
		const char *label, *problems, *want;
	} cases[] = {
		{ "no problems", "[]", "ok" },
		{ "notes alone are none", "[{\"grade\":\"note\"}]", "ok" },
		{ "one", "[{\"grade\":\"warning\"},{\"grade\":\"note\"}]", "trouble: 1 thing is wrong" },
		{ "errors and warnings", "[{\"grade\":\"error\"},{\"grade\":\"warning\"}]", "trouble: 2 things are wrong" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *problems = json_loads(cases[i].problems, 0, NULL);
		char text[ADVICE_HEALTH_MAX];

		UNIT_CHECK(cases[i].label, strcmp(advice_health(problems, text, sizeof(text)), cases[i].want) == 0,
		    "%s", text);
		json_decref(problems);
	}
}

static void
test_penalties(void)
{
	static const struct {
		const char *label, *refusals;
		bool want;
	} cases[] = {
		{ "nothing is known of refusals", "null", false },
		{ "a few", "{\"a\":{\"count\":9,\"reasons\":{\"penalty\":9}}}", false },
		{ "a burst for another reason", "{\"a\":{\"count\":10,\"reasons\":{\"load\":10}}}", false },
		{ "a burst with one for it", "{\"a\":{\"count\":10,\"reasons\":{\"load\":9,\"penalty\":1}}}", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *refusals = json_loads(cases[i].refusals, JSON_DECODE_ANY, NULL);

		UNIT_CHECK(cases[i].label, advice_wants_penalties(refusals) == cases[i].want, "not so");
		json_decref(refusals);
	}
}

static void
test_split(void)
{
	static const struct {
		const char *label, *error, *file;
		size_t len;
		const char *rest; /* NULL: it is none */
	} cases[] = {
		{ "of a service", "/a.json: listen: x", "/a.json", 7, "listen: x" },
		{ "of another file", "/b.json: listen: x", "/a.json", 0, NULL },
		{ "of any file", "/b.json:3:1: x", NULL, 7, "3:1: x" },
		{ "of a directory", "/etc/x: cannot be read", NULL, 0, NULL },
		{ "a name that is longer", "/a.jsonx: y", "/a.json", 0, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *rest = "";
		size_t len = 0;
		bool got = advice_split(cases[i].error, cases[i].file, &len, &rest);

		UNIT_CHECK(cases[i].label, got == (cases[i].rest != NULL) &&
		    (!got || (len == cases[i].len && strcmp(rest, cases[i].rest) == 0)), "%d %zu %s", got, len, rest);
	}
}

int
main(void)
{
	test_advice();
	test_silence();
	test_health();
	test_penalties();
	test_split();
	return unit_done();
}
