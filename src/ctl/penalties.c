/* berthctl penalties: sources whose connections ended badly, and forgiving them */
#include <getopt.h>
#include <string.h>

#include "ctl.h"

/*
 * Seconds, however many: the two are compared.  A threshold is whole milliseconds, so a balance
 * that is cut to them stands on the same side of it.
 */
static void
list_penalty(struct ctl_table *t, const json_t *p)
{
	double seconds = json_number_value(json_object_get(p, "balance"));
	long long ms = (long long)(seconds * 1e3 + 1e-3);	/* what 0.251 * 1e3 lacks to 251 */
	char balance[48], threshold[48];

	(void)snprintf(balance, sizeof(balance), "%lld.%03llds", ms / 1000, ms % 1000);
	(void)snprintf(threshold, sizeof(threshold), "%.12gs",
	    json_number_value(json_object_get(p, "threshold")));
	ctl_table_row(t, ctl_string(p, "service"), ctl_string(p, "source"), balance, threshold,
	    json_is_true(json_object_get(p, "refused")) ? "refused" : "below", NULL);
}

static void
print_penalties(const json_t *answer)
{
	const json_t *penalties = json_object_get(answer, "penalties"), *p;
	long long failed_open = ctl_number(answer, "failed_open");
	struct ctl_table t = { 0 };
	size_t i;

	if (json_array_size(penalties) == 0) {
		(void)puts("no penalties");
	} else {
		ctl_table_row(&t, "SERVICE", "SOURCE", "BALANCE", "THRESHOLD", "STATE", NULL);
		json_array_foreach(penalties, i, p)
			list_penalty(&t, p);
		ctl_table_print(&t);
	}
	if (failed_open > 0)
		(void)printf("note: connections judged without the history of their source, because "
		    "the table of sources was full: %lld\n", failed_open);
}

static int
list(const struct ctl *c, const char *service)
{
	json_t *answer;
	int status = client_call(c->control, "Penalties", ctl_parameter(c, NULL, "service", service),
	    &answer);

	if (status != 0)
		return status;
	if (c->json)
		ctl_print_json(answer);
	else
		print_penalties(answer);
	json_decref(answer);
	return 0;
}

static int
forgive(const struct ctl *c, const char *source, const char *service)
{
	json_t *answer, *parameters = ctl_parameter(c, NULL, "source", source);
	long long forgiven;
	int status = client_call(c->control, "Forgive",
	    ctl_parameter(c, parameters, "service", service), &answer);

	if (status == EX_USAGE)
		ctl_complain("a source is an address or a prefix, as 192.0.2.7 or 2001:db8::/64, the "
		    "uid of a client on a unix socket, as uid:1000, or all");
	if (status != 0)
		return status;
	forgiven = ctl_number(answer, "forgiven");
	if (c->json)
		ctl_print_json(answer);
	else if (forgiven > 0)
		(void)printf("%lld forgiven\n", forgiven);
	else
		ctl_complain("%s: no penalties there to forgive", source);
	json_decref(answer);
	return forgiven > 0 ? 0 : CTL_NO;
}

int
ctl_penalties(struct ctl *c, int argc, char **argv)
{
	const char *source = NULL;

	while (ctl_option(c, argc, argv) != -1)
		source = optarg;
	ctl_count(c, argc, argv, 0, 1);
	return source == NULL ? list(c, argv[optind]) : forgive(c, source, argv[optind]);
}
