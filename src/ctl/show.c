/* berthctl show: the state, the counters and the configuration of one service */
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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
		int n = asprintf(&path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);

		assert(n >= 0);
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
	int n;

	json_array_foreach(endpoints, i, e) {
		n = asprintf(&text, "%s  %s  %s%s%s", ctl_string(e, "endpoint"),
		    ctl_string(e, "state"), ctl_string(e, "address"),
		    ctl_string(e, "reason")[0] != '\0' ? "  " : "", ctl_string(e, "reason"));
		assert(n >= 0);
		ctl_table_row(t, "endpoint", text, NULL);
		free(text);
	}
}

/* ---- counters: an older daemon has few of them, and what is not there is not shown ---- */

/* Append to the text in buf, as far as there is room. */
static void __attribute__((format(printf, 3, 4)))
append(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

static void
show_places(struct ctl_table *t, const json_t *s)
{
	long long limit = ctl_number(s, "limit");
	char text[128] = "";

	append(text, sizeof(text), "%lld", ctl_number(s, "active"));
	if (limit > 0)
		append(text, sizeof(text), " of %lld", limit);
	if (json_object_get(s, "peak") != NULL)
		append(text, sizeof(text), ", at most %lld so far", ctl_number(s, "peak"));
	ctl_table_row(t, "active", text, NULL);
}

/* What has become of those that were accepted, beside the active and the refused ones. */
static void
show_accepted(struct ctl_table *t, const json_t *s)
{
	static const char *const parts[] = { "pending", "ended", "failed" };
	const char *sep = ": ";
	char text[128] = "";

	append(text, sizeof(text), "%lld", ctl_number(s, "accepted"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (json_object_get(s, parts[i]) == NULL)
			continue;
		append(text, sizeof(text), "%s%s %lld", sep, parts[i], ctl_number(s, parts[i]));
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

/* The reason that comes after this one: of a smaller count, or of the same one and a later name. */
static const char *
next_reason(json_t *refused, const char *after)
{
	const char *reason, *best = NULL;
	json_t *value;

	json_object_foreach(refused, reason, value) {
		long long count = ctl_number(refused, reason);
		long long last = after == NULL ? LLONG_MAX : ctl_number(refused, after);
		long long most = best == NULL ? 0 : ctl_number(refused, best);

		if (count > last || (count == last && after != NULL && strcmp(reason, after) <= 0))
			continue;
		if (count > most || (count == most && best != NULL && strcmp(reason, best) < 0))
			best = reason;
	}
	return best;
}

/* "12: source-full 10, denied 2", the most frequent first. */
static void
show_refused(struct ctl_table *t, json_t *refused)
{
	char text[512] = "", parts[480] = "";
	const char *reason = NULL;
	long long sum = 0;

	if (refused == NULL)
		return;
	while ((reason = next_reason(refused, reason)) != NULL) {
		append(parts, sizeof(parts), "%s%s %lld", sum == 0 ? ": " : ", ", reason,
		    ctl_number(refused, reason));
		sum += ctl_number(refused, reason);
	}
	(void)snprintf(text, sizeof(text), "%lld%s", sum, parts);
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
