/* berthctl pause, resume, drain, kill, enable, disable, log-level: orders to a running berthd */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/scalar.h"
#include "ctl.h"

/* ---- pause, resume, enable, disable ---- */

/* What is said of an order about one service, done or found done. */
struct words {
	const char *method, *changed, *unchanged;
};

/* A good answer is the caller's; NULL: it was explained, *status tells. */
static json_t *
order(struct ctl *c, int argc, char **argv, const struct words *w, int *status)
{
	json_t *answer;

	ctl_arguments(c, argc, argv, 1, 1);
	*status = client_call(c->control, w->method, ctl_parameter(c, NULL, "service", argv[optind]),
	    &answer);
	if (*status != 0)
		return NULL;
	if (c->json)
		ctl_print_json(answer);
	else
		ctl_print(stdout, "%s: %s", argv[optind],
		    json_is_true(json_object_get(answer, "changed")) ? w->changed : w->unchanged);
	return answer;
}

static int
simple_order(struct ctl *c, int argc, char **argv, const struct words *w)
{
	int status;

	json_decref(order(c, argc, argv, w, &status));
	return status;
}

int
ctl_pause(struct ctl *c, int argc, char **argv)
{
	static const struct words w = { "Pause", "paused", "is paused already" };

	return simple_order(c, argc, argv, &w);
}

int
ctl_resume(struct ctl *c, int argc, char **argv)
{
	static const struct words w = { "Resume", "resumed", "is neither paused nor drained" };

	return simple_order(c, argc, argv, &w);
}

int
ctl_disable(struct ctl *c, int argc, char **argv)
{
	static const struct words w = { "Disable", "disabled", "is disabled already" };

	return simple_order(c, argc, argv, &w);
}

int
ctl_enable(struct ctl *c, int argc, char **argv)
{
	static const struct words w = { "Enable", "not disabled any more", "was not disabled" };
	int status;
	json_t *answer = order(c, argc, argv, &w, &status);

	if (answer == NULL)
		return status;
	if (!json_is_true(json_object_get(answer, "enabled"))) {
		(void)fflush(stdout);
		ctl_complain("%s: is not open all the same: it has no file, or one that is bad or says that it "
		    "is not enabled", argv[optind]);
		status = CTL_NO;
	}
	json_decref(answer);
	return status;
}

/* ---- drain ---- */

struct drain {
	const struct ctl *ctl;
	bool shows;		/* progress, on a terminal */
	json_t *services;	/* owned: that were to be drained */
	json_t *answer;		/* owned: the last reply */
};

static void
show_progress(const struct drain *d, const json_t *part)
{
	const json_t *queued = json_object_get(part, "queued");

	if (!d->shows)
		return;
	(void)fprintf(stderr, "\r%lld live", ctl_number(part, "active"));
	if (json_is_integer(queued))
		(void)fprintf(stderr, ", %lld in the queue", ctl_number(part, "queued"));
	(void)fprintf(stderr, "\033[K");
}

static int
take_part(void *arg, json_t *part, bool more)
{
	struct drain *d = arg;

	if (d->services == NULL)
		d->services = json_incref(json_object_get(part, "services"));
	show_progress(d, part);
	if (!more)
		d->answer = json_incref(part);
	return 0;
}

static bool
contains(const json_t *names, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(names, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), name) == 0)
			return true;
	return false;
}

/* Which are drained, and which were not in the end. */
static int
print_drained(const struct drain *d)
{
	const json_t *drained = json_object_get(d->answer, "services"), *name;
	int status = 0;
	size_t i;

	if (d->ctl->json)
		ctl_print_json(d->answer);
	json_array_foreach(drained, i, name)
		if (!d->ctl->json)
			ctl_print(stdout, "%s: drained", json_string_value(name));
	(void)fflush(stdout);
	json_array_foreach(d->services, i, name) {
		if (contains(drained, json_string_value(name)))
			continue;
		ctl_complain("%s: was resumed before it was drained", json_string_value(name));
		status = CTL_NO;
	}
	return status;
}

/* Its exit status is awaited, whoever reads what it says. */
static int
drain(const struct ctl *c, json_t *parameters)
{
	struct drain d = { .ctl = c, .shows = !c->json && isatty(STDERR_FILENO) == 1 };
	int status = client_follow(c->control, "Drain", parameters, -1, take_part, &d);

	if (d.shows && d.services != NULL)
		(void)fprintf(stderr, "\r\033[K");
	if (status == 0)
		status = print_drained(&d);
	json_decref(d.services);
	json_decref(d.answer);
	return status;
}

static double
seconds_or_usage(const struct ctl *c, const char *text)
{
	struct diag why;
	int64_t ns;

	if (!scalar_duration(text, &ns, &why))
		ctl_usage(c, "--deadline: %s", why.text);
	return (double)ns / 1e9;
}

int
ctl_drain(struct ctl *c, int argc, char **argv)
{
	json_t *parameters = json_object();
	bool all = false;
	int o;

	while ((o = ctl_option(c, argc, argv)) != -1) {
		if (o == CTL_OPTION_ALL)
			all = true;
		else
			json_object_set_new(parameters, "deadline",
			    json_real(seconds_or_usage(c, optarg)));
	}
	ctl_count(c, argc, argv, 0, 1);
	if (all == (argv[optind] != NULL))
		ctl_usage(c, "which service? Say its name, or --all");
	return drain(c, ctl_parameter(c, parameters, "service", argv[optind]));
}

/* ---- kill ---- */

static long long
connection_or_usage(const struct ctl *c, const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || n <= 0 || *end != '\0' || text[0] < '0' || text[0] > '9')
		ctl_usage(c, "%s: not the number of a connection: see berthctl connections", text);
	return n;
}

static int
print_killed(const struct ctl *c, const json_t *answer)
{
	long long ended = ctl_number(answer, "ended");

	if (c->json)
		ctl_print_json(answer);
	else if (ended > 0)
		(void)printf("%lld told to end\n", ended);
	if (ended == 0)
		ctl_complain("there is none of these that does not end already");
	return ended > 0 ? 0 : CTL_NO;
}

int
ctl_kill(struct ctl *c, int argc, char **argv)
{
	json_t *parameters = json_object(), *answer;
	int o, status;

	while ((o = ctl_option(c, argc, argv)) != -1)
		parameters = ctl_parameter(c, parameters, o == CTL_OPTION_PEER ? "peer" : "service",
		    optarg);
	ctl_count(c, argc, argv, 0, 1);
	if (argv[optind] != NULL)
		json_object_set_new(parameters, "connection",
		    json_integer(connection_or_usage(c, argv[optind])));
	if (json_object_size(parameters) == 0)
		ctl_usage(c, "which? Say the number of a connection, --service or --peer");
	status = client_call(c->control, "Kill", parameters, &answer);
	if (status == EX_USAGE)
		ctl_complain("a peer is an address or a prefix, as 192.0.2.7 or 2001:db8::/64, or the "
		    "uid of a client on a unix socket, as uid:1000");
	if (status != 0)
		return status;
	status = print_killed(c, answer);
	json_decref(answer);
	return status;
}

/* ---- log-level ---- */

int
ctl_log_level(struct ctl *c, int argc, char **argv)
{
	json_t *answer;
	int status;

	ctl_arguments(c, argc, argv, 0, 1);
	status = client_call(c->control, "LogLevel", ctl_parameter(c, NULL, "level", argv[optind]),
	    &answer);
	if (status == EX_USAGE)
		ctl_complain("a level is error, warning, notice, info or debug");
	if (status != 0)
		return status;
	if (c->json)
		ctl_print_json(answer);
	else
		ctl_print(stdout, "%s", ctl_string(answer, "level"));
	json_decref(answer);
	return 0;
}
