/* berthctl list: services and their endpoints */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/paths.h"
#include "ctl.h"

static void
list_notes(struct ctl_table *t, const json_t *service)
{
	const json_t *e;
	size_t i;

	if (strcmp(ctl_string(service, "disabled"), "state") == 0)
		ctl_table_note(t, "disabled by an administrator: see berthctl enable");
	if (ctl_string(service, "gate")[0] != '\0')
		ctl_table_note(t, "not accepting: %s", ctl_string(service, "gate"));
	json_array_foreach(json_object_get(service, "endpoints"), i, e) {
		if (ctl_string(e, "reason")[0] != '\0')
			ctl_table_note(t, "%s: %s: %s", ctl_string(e, "state"),
			    ctl_string(e, "endpoint"), ctl_string(e, "reason"));
	}
	json_array_foreach(json_object_get(service, "errors"), i, e)
		ctl_table_note(t, "error: %s", json_string_value(e));
	json_array_foreach(json_object_get(service, "warnings"), i, e)
		ctl_table_note(t, "warning: %s", json_string_value(e));
}

static void
list_service(struct ctl_table *t, const json_t *service)
{
	const json_t *endpoints = json_object_get(service, "endpoints"), *e;
	const char *name = ctl_string(service, "name"), *state = ctl_string(service, "state");
	long long limit = ctl_number(service, "limit");
	char load[48];
	size_t i;

	(void)snprintf(load, sizeof(load), limit > 0 ? "%lld/%lld" : "%lld/-",
	    ctl_number(service, "active"), limit);
	json_array_foreach(endpoints, i, e) {
		/* One socket of an open service may wait. */
		bool waits = strcmp(state, "open") == 0 &&
		    strcmp(ctl_string(e, "state"), "waiting") == 0;

		ctl_table_row(t, name, waits ? "waiting" : state, load,
		    ctl_or_dash(ctl_string(e, "endpoint")), ctl_or_dash(ctl_string(e, "address")), NULL);
	}
	if (json_array_size(endpoints) == 0)
		ctl_table_row(t, name, state, load, "-", "-", NULL);
	list_notes(t, service);
}

static void
print_no_services(void)
{
	char **dirs = paths_services();

	ctl_print(stdout, "no services: a file NAME.json in %s makes one (or in the directories that "
	    "berthd was given)", dirs[0] == NULL ? "services.d" : dirs[0]);
}

static void
print_names(const json_t *services)
{
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
		ctl_print(stdout, "%s", ctl_string(s, "name"));
}

static void
print_services(const json_t *services)
{
	struct ctl_table t = { 0 };
	const json_t *s;
	size_t i;

	ctl_table_row(&t, "SERVICE", "STATE", "ACTIVE/LIMIT", "ENDPOINT", "ADDRESS", NULL);
	json_array_foreach(services, i, s)
		list_service(&t, s);
	ctl_table_print(&t);
}

int
ctl_list(struct ctl *c, int argc, char **argv)
{
	bool names = false;
	const json_t *services;
	json_t *answer;
	int status;

	while (ctl_option(c, argc, argv) != -1)
		names = true;
	ctl_count(c, argc, argv, 0, 0);
	status = client_call(c->control, "List", NULL, &answer);
	if (status != 0)
		return status;
	services = json_object_get(answer, "services");
	if (c->json)
		ctl_print_json(answer);
	else if (names)
		print_names(services);
	else if (json_array_size(services) == 0)
		print_no_services();
	else
		print_services(services);
	json_decref(answer);
	return 0;
}
