/* berthctl explain: what a connection of some client would get now, and which rule says so */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/text.h"
#include "ctl.h"

/* "admitted"; "refused: source-full, limits.connections_per_source is 3" */
static void
verdict_row(struct ctl_table *t, const json_t *answer)
{
	const char *reason = ctl_string(answer, "reason"), *rule = ctl_string(answer, "rule");
	bool admitted = reason[0] == '\0' || strcmp(reason, "ok") == 0;
	char *text = text_make("%s%s%s%s%s", ctl_string(answer, "verdict"), admitted ? "" : ": ",
	    admitted ? "" : reason, rule[0] == '\0' ? "" : ", ", rule);

	ctl_table_row(t, "verdict", text, NULL);
	free(text);
}

static void
print_checks(const json_t *checks)
{
	struct ctl_table t = { 0 };
	const json_t *check;
	size_t i;

	ctl_table_row(&t, "CHECK", "VERDICT", "RULE", NULL);
	json_array_foreach(checks, i, check)
		ctl_table_row(&t, ctl_string(check, "check"), ctl_string(check, "verdict"),
		    ctl_or_dash(ctl_string(check, "rule")), NULL);
	ctl_table_print(&t);
}

static void
print_answer(const json_t *answer)
{
	const json_t *checks = json_object_get(answer, "checks");
	struct ctl_table t = { 0 };

	ctl_table_row(&t, "service", ctl_string(answer, "service"), NULL);
	ctl_table_row(&t, "peer", ctl_string(answer, "peer"), NULL);
	ctl_table_row(&t, "source", ctl_or_dash(ctl_string(answer, "source")), NULL);
	verdict_row(&t, answer);
	ctl_table_row(&t, "then", ctl_or_dash(ctl_string(answer, "then")), NULL);
	ctl_table_print(&t);
	if (json_array_size(checks) == 0)
		return;
	(void)putchar('\n');
	print_checks(checks);
}

/* A verdict that this program does not know is none to rely on. */
static int
verdict_status(const json_t *answer)
{
	const char *verdict = ctl_string(answer, "verdict");

	return strcmp(verdict, "admitted") == 0 || strcmp(verdict, "waits") == 0 ? 0 : CTL_NO;
}

int
ctl_explain(struct ctl *c, int argc, char **argv)
{
	const char *peer = NULL;
	json_t *answer, *parameters;
	int status;

	while (ctl_option(c, argc, argv) != -1)
		peer = optarg;
	ctl_count(c, argc, argv, 1, 1);
	if (peer == NULL)
		ctl_usage(c, "whose connection? Say --peer ADDR");
	parameters = ctl_parameter(c, NULL, "service", argv[optind]);
	status = client_call(c->control, "Explain", ctl_parameter(c, parameters, "peer", peer),
	    &answer);
	if (status == EX_USAGE)
		ctl_complain("a peer is an address, as 192.0.2.7 or 2001:db8::1, or "
		    "the uid of a client on a unix socket, as uid:1000");
	if (status != 0)
		return status;
	if (c->json)
		ctl_print_json(answer);
	else
		print_answer(answer);
	status = verdict_status(answer);
	json_decref(answer);
	return status;
}
