/* berthctl connections: live handlers, and what each of them does */
#include <getopt.h>
#include <string.h>

#include "../pure/amount.h"
#include "ctl.h"

/* A count that the kernel does not tell is "-". */
static const char *
bytes_text(const json_t *count, bool exact, char *buf, size_t size)
{
	if (!json_is_integer(count))
		return "-";
	if (!exact)
		return amount_bytes(json_integer_value(count), buf, size);
	(void)snprintf(buf, size, "%lld", (long long)json_integer_value(count));
	return buf;
}

static const char *
seconds_text(const json_t *seconds, char *buf, size_t size)
{
	return json_is_number(seconds) ? ctl_duration(json_number_value(seconds), buf, size) : "-";
}

/* The local address comes last: that of a unix socket is a path, and may be long. */
static void
list_connection(struct ctl_table *t, const json_t *v, bool exact)
{
	char connection[32], pid[32], in[32], out[32];
	char age[CTL_DURATION_MAX], idle[CTL_DURATION_MAX];

	(void)snprintf(connection, sizeof(connection), "%lld", ctl_number(v, "connection"));
	(void)snprintf(pid, sizeof(pid), "%lld", ctl_number(v, "pid"));
	ctl_table_row(t, connection, ctl_string(v, "service"), pid,
	    ctl_or_dash(ctl_string(v, "peer")),
	    seconds_text(json_object_get(v, "started"), age, sizeof(age)),
	    seconds_text(json_object_get(v, "idle"), idle, sizeof(idle)),
	    bytes_text(json_object_get(v, "received"), exact, in, sizeof(in)),
	    bytes_text(json_object_get(v, "sent"), exact, out, sizeof(out)),
	    ctl_or_dash(ctl_string(v, "state")), ctl_or_dash(ctl_string(v, "local")), NULL);
	if (strcmp(ctl_string(v, "state"), "unknown") == 0 && ctl_string(v, "why")[0] != '\0')
		ctl_table_note(t, "unknown: %s", ctl_string(v, "why"));
}

static void
print_connections(const json_t *connections, bool exact)
{
	struct ctl_table t = { 0 };
	const json_t *v;
	size_t i;

	if (json_array_size(connections) == 0) {
		(void)puts("no connections");
		return;
	}
	ctl_table_row(&t, "CONNECTION", "SERVICE", "PID", "PEER", "AGE", "IDLE", "IN", "OUT", "STATE",
	    "LOCAL", NULL);
	json_array_foreach(connections, i, v)
		list_connection(&t, v, exact);
	ctl_table_print(&t);
}

static void
print_numbers(const json_t *connections)
{
	const json_t *v;
	size_t i;

	json_array_foreach(connections, i, v)
		(void)printf("%lld\n", ctl_number(v, "connection"));
}

int
ctl_connections(struct ctl *c, int argc, char **argv)
{
	bool exact = false, names = false;
	json_t *answer;
	int status, o;

	while ((o = ctl_option(c, argc, argv)) != -1) {
		exact |= o == CTL_OPTION_EXACT;
		names |= o == CTL_OPTION_NAMES;
	}
	ctl_count(c, argc, argv, 0, 1);
	status = client_call(c->control, "Connections",
	    ctl_parameter(c, NULL, "service", argv[optind]), &answer);
	if (status != 0)
		return status;
	if (c->json)
		ctl_print_json(answer);
	else if (names)
		print_numbers(json_object_get(answer, "connections"));
	else
		print_connections(json_object_get(answer, "connections"), exact);
	json_decref(answer);
	return 0;
}
