/* berthctl show: the state, the counters and the configuration of one service */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/text.h"
#include "../pure/totals.h"
#include "../pure/xalloc.h"
#include "ctl.h"

static void
show_value(struct ctl_table *t, const char *key, const json_t *value, const char *from)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert(text != NULL);
	ctl_table_row(t, key, text, from[0] == '\0' ? "-" : from, NULL);
	free(text);
}

/*
 * One row a value.  An object is one value where its origin is known as a whole, else it is opened
 * up.
 */
static void
show_config(struct ctl_table *t, const char *prefix, json_t *config, const json_t *origin)
{
	const char *key;
	json_t *value;
	char *path;

	json_object_foreach(config, key, value) {
		path = text_make("%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
		if (json_object_get(origin, path) == NULL && json_object_size(value) > 0)
			show_config(t, path, value, origin);
		else
			show_value(t, path, value, ctl_string(origin, path));
		free(path);
	}
}

static void
show_list(struct ctl_table *t, const char *label, const json_t *texts)
{
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
		ctl_table_row(t, label, json_string_value(text), NULL);
}

static void
show_endpoints(struct ctl_table *t, const json_t *endpoints)
{
	const json_t *e;
	char *text;
	size_t i;

	json_array_foreach(endpoints, i, e) {
		text = text_make("%s  %s  %s%s%s", ctl_string(e, "endpoint"),
		    ctl_string(e, "state"), ctl_string(e, "address"),
		    ctl_string(e, "reason")[0] != '\0' ? "  " : "", ctl_string(e, "reason"));
		ctl_table_row(t, "endpoint", text, NULL);
		free(text);
	}
}

/* ---- counters: an older daemon has few of them, and what is not there is not shown ---- */

static void
show_places(struct ctl_table *t, const json_t *s)
{
	long long limit = ctl_number(s, "limit");
	char text[128] = "";

	text_append(text, sizeof(text), "%lld", ctl_number(s, "active"));
	if (limit > 0)
		text_append(text, sizeof(text), " of %lld", limit);
	if (json_object_get(s, "peak") != NULL)
		text_append(text, sizeof(text), ", at most %lld so far", ctl_number(s, "peak"));
	ctl_table_row(t, "active", text, NULL);
}

/* What has become of those that were accepted, beside the active and the refused ones. */
static void
show_accepted(struct ctl_table *t, const json_t *s)
{
	static const char *const parts[] = { "pending", "ended", "failed" };
	const char *sep = ": ";
	char text[128] = "";

	text_append(text, sizeof(text), "%lld", ctl_number(s, "accepted"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (json_object_get(s, parts[i]) == NULL)
			continue;
		text_append(text, sizeof(text), "%s%s %lld", sep, parts[i], ctl_number(s, parts[i]));
		sep = ", ";
	}
	ctl_table_row(t, "accepted", text, NULL);
	if (json_object_get(s, "evicted") == NULL)
		return;
	(void)snprintf(text, sizeof(text), "%lld", ctl_number(s, "evicted"));
	ctl_table_row(t, "evicted", text, NULL);
	if (ctl_number(s, "dropped") == 0)
		return;
	(void)snprintf(text, sizeof(text), "%lld datagrams that no handler read",
	    ctl_number(s, "dropped"));
	ctl_table_row(t, "dropped", text, NULL);
}

/* "12: source-full 10, denied 2", the most frequent first. */
static void
show_refused(struct ctl_table *t, const json_t *refused)
{
	char text[512], parts[480];

	if (refused == NULL)
		return;
	totals_counts_text(refused, parts, sizeof(parts));
	(void)snprintf(text, sizeof(text), "%lld%s%s", totals_sum(refused), parts[0] != '\0' ? ": " : "", parts);
	ctl_table_row(t, "refused", text, NULL);
}

/* "p50 0.2ms, p99 4ms (1200)": of so many connections; none before there were any. */
static void
show_histogram(struct ctl_table *t, const char *label, const json_t *h)
{
	char text[96], p50[CTL_DURATION_MAX], p99[CTL_DURATION_MAX];

	if (ctl_number(h, "count") == 0)
		return;
	(void)snprintf(text, sizeof(text), "p50 %s, p99 %s (%lld)",
	    ctl_duration(json_number_value(json_object_get(h, "p50")), p50, sizeof(p50)),
	    ctl_duration(json_number_value(json_object_get(h, "p99")), p99, sizeof(p99)),
	    ctl_number(h, "count"));
	ctl_table_row(t, label, text, NULL);
}

static void
show_counters(struct ctl_table *t, const json_t *s)
{
	const json_t *histograms = json_object_get(s, "histograms");

	show_places(t, s);
	show_accepted(t, s);
	show_refused(t, json_object_get(s, "refused"));
	show_histogram(t, "queue wait", json_object_get(histograms, "queue_wait"));
	show_histogram(t, "spawn", json_object_get(histograms, "spawn"));
	show_histogram(t, "lifetime", json_object_get(histograms, "lifetime"));
}

static void
show_service(const json_t *s)
{
	static const char *const texts[] = { "name", "description", "file", "state", "gate" };
	struct ctl_table t = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (ctl_string(s, texts[i])[0] != '\0')
			ctl_table_row(&t, texts[i], ctl_string(s, texts[i]), NULL);
	}
	if (ctl_string(s, "disabled")[0] != '\0')
		ctl_table_row(&t, "disabled", strcmp(ctl_string(s, "disabled"), "file") == 0
		    ? "by its file" : "by an administrator: see berthctl enable", NULL);
	show_counters(&t, s);
	show_endpoints(&t, json_object_get(s, "endpoints"));
	show_list(&t, "error", json_object_get(s, "errors"));
	show_list(&t, "warning", json_object_get(s, "warnings"));
	ctl_table_print(&t);
}

int
ctl_show(struct ctl *c, int argc, char **argv)
{
	struct ctl_table t = { 0 };
	json_t *answer;
	int status;

	ctl_arguments(c, argc, argv, 1, 1);
	status = client_call(c->control, "Show", ctl_parameter(c, NULL, "service", argv[optind]),
	    &answer);
	if (status != 0)
		return status;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		show_service(json_object_get(answer, "service"));
		(void)putchar('\n');
		ctl_table_row(&t, "KEY", "VALUE", "FROM", NULL);
		show_config(&t, "", json_object_get(answer, "config"),
		    json_object_get(answer, "origin"));
		ctl_table_print(&t);
	}
	json_decref(answer);
	return 0;
}
