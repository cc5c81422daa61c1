/* berthctl monitor: what happens, event by event */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../sys/paths.h"
#include "../sys/statsfile.h"
#include "ctl.h"

/* ---- an event ---- */

/* "18:01:22.042", local time. */
static const char *
clock_text(double seconds, char *buf, size_t size)
{
	time_t t = (time_t)seconds;
	char hms[16];
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(hms, sizeof(hms), "%T", &tm) == 0)
		hms[0] = '\0';
	(void)snprintf(buf, size, "%s.%03d", hms, (int)((seconds - (double)t) * 1e3));
	return buf;
}

static enum ctl_colour
event_colour(const char *event)
{
	if (strcmp(event, "refuse") == 0 || strcmp(event, "evict") == 0)
		return CTL_CARE;
	return strcmp(event, "fail") == 0 ? CTL_BAD : CTL_PLAIN;
}

/* The fields that it has, as the log has them. */
static void
print_fields(const json_t *event)
{
	static const char *const keys[] = { "service", "connection", "pid", "peer", "reason", "cause",
		"status", "signal", "duration" };
	const json_t *value;
	char *text;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		value = json_object_get(event, keys[i]);
		if (json_is_string(value)) {
			text = ctl_escape(json_string_value(value));
			(void)printf(" %s=%s", keys[i], text);
			free(text);
		} else if (json_is_integer(value)) {
			(void)printf(" %s=%lld", keys[i], (long long)json_integer_value(value));
		} else if (json_is_real(value)) {
			(void)printf(" %s=%.3f", keys[i], json_real_value(value));
		}
	}
}

static void
print_event(const struct ctl *c, const json_t *event)
{
	enum ctl_colour colour = event_colour(ctl_string(event, "event"));
	char when[32], *word;

	if (c->json) {
		(void)json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		(void)putchar('\n');
		return;
	}
	word = ctl_escape(ctl_string(event, "event"));
	(void)printf("%s %s%s%s",
	    clock_text(json_number_value(json_object_get(event, "time")), when, sizeof(when)),
	    colour == CTL_PLAIN ? "" : ctl_colour(colour), word,
	    colour == CTL_PLAIN ? "" : ctl_colour(CTL_PLAIN));
	free(word);
	print_fields(event);
	(void)putchar('\n');
}

/* ---- as they happen ---- */

static int
print_part(void *arg, json_t *part, bool more)
{
	const struct ctl *c = arg;
	long long lost = ctl_number(part, "lost");
	const json_t *event;
	size_t i;

	(void)more;
	if (lost > 0)
		ctl_complain("monitor: %lld events were too many to be read in time", lost);
	json_array_foreach(json_object_get(part, "events"), i, event) {
		if (json_is_object(event))
			print_event(c, event);
	}
	return fflush(stdout) == 0 ? 0 : CTL_NO;
}

static int
monitor_live(struct ctl *c, const char *service, long long past)
{
	json_t *parameters = ctl_parameter(c, json_object(), "service", service);

	if (past > 0)
		(void)json_object_set_new(parameters, "past", json_integer(past));
	return client_follow(c->control, "Monitor", parameters, STDOUT_FILENO, print_part, c);
}

/* ---- as they were recorded ---- */

static bool
wanted(const struct stats_event *e, const char *service)
{
	return e->what != STATS_NOTHING && (service == NULL || strcmp(e->service, service) == 0);
}

/* The number of the first of the last `past` events that are wanted. */
static uint64_t
first_of(const struct stats *s, const char *service, long long past)
{
	uint64_t next = s->head->next_event, oldest = next > STATS_EVENTS ? next - STATS_EVENTS : 1;
	struct stats_event e;
	uint64_t n = next;

	while (n > oldest && past > 0) {
		n--;
		if (stats_event(s, n, &e) && wanted(&e, service))
			past--;
	}
	return n;
}

static int
monitor_recorded(const struct ctl *c, const char *service, long long past)
{
	const char *path = client_path(c->control);
	struct stats_event e;
	struct stats stats;
	struct diag why;
	json_t *event;
	int status;

	errno = 0;
	if (path == NULL || !statsfile_read(paths_statistics(path), &stats, &why)) {
		status = errno == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
		ctl_complain("monitor: %s", path == NULL ? "no control socket is named" : why.text);
		return status;
	}
	for (uint64_t n = first_of(&stats, service, past); n < stats.head->next_event; n++) {
		if (!stats_event(&stats, n, &e) || !wanted(&e, service))
			continue;
		event = stats_event_json(&e);
		print_event(c, event);
		json_decref(event);
	}
	statsfile_free_copy(&stats);
	return 0;
}

int
ctl_monitor(struct ctl *c, int argc, char **argv)
{
	const char *service = NULL, *bad = NULL;
	long long past = -1;
	bool recorded = false;
	int o;

	while ((o = ctl_option(c, argc, argv)) != -1) {
		if (o == 's')
			service = optarg;
		else if (o == CTL_OPTION_RECORDED)
			recorded = true;
		else
			past = strtonum(optarg, 0, STATS_EVENTS, &bad);
		if (bad != NULL)
			ctl_usage(c, "%s: expected a number from 0 to %d", optarg, STATS_EVENTS);
	}
	ctl_count(c, argc, argv, 0, 0);
	if (recorded)
		return monitor_recorded(c, service, past < 0 ? STATS_EVENTS : past);
	return monitor_live(c, service, past);
}
