/*
 * berthctl metrics: what berthd counts, for Prometheus
 *
 * Rendered from the answers to Status and List.  A row of the tables is a family, as berth-metrics(7) has it.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/exposition.h"
#include "../pure/totals.h"
#include "ctl.h"
#include "http.h"
#include "inquiry.h"

#define REQUEST_MS 10000
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"

struct row;

/* The samples of one object: of a service, or of berthd.  own: labels that each has. */
typedef void fill(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own);

struct row {
	struct exposition_family family;
	fill *fill;
	const char *key;	/* of the object */
	const char *label;	/* whose values are the keys of that object within */
};

/* What a service's samples have at least: its name. */
#define OWN 1

/* ---- samples ---- */

static void
put_value(struct exposition *x, const struct exposition_label *labels, size_t n, const json_t *value)
{
	if (json_is_integer(value))
		exposition_integer(x, labels, n, json_integer_value(value));
	else if (json_is_real(value))
		exposition_real(x, labels, n, json_real_value(value));
	else if (json_is_boolean(value))
		exposition_integer(x, labels, n, json_is_true(value));
	else if (json_is_array(value))
		exposition_integer(x, labels, n, (int64_t)json_array_size(value));
}

static size_t
own_count(const struct exposition_label *own)
{
	return own != NULL ? OWN : 0;
}

/* A number, yes or no, or how many. */
static void
fill_value(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	put_value(x, own, own_count(own), json_object_get(object, row->key));
}

/* The same, but 0 is none. */
static void
fill_limit(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	if (ctl_number(object, row->key) > 0)
		fill_value(x, row, object, own);
}

/* 1 while it is there. */
static void
fill_known(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	exposition_integer(x, own, own_count(own), !json_is_null(json_object_get(object, row->key)));
}

static void
fill_up(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	(void)row;
	exposition_integer(x, own, own_count(own), object != NULL);
}

/* A sample for each member. */
static void
fill_members(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	json_t *value;
	const char *key;

	json_object_foreach(json_object_get(object, row->key), key, value) {
		const struct exposition_label labels[] = { own[0], { row->label, key } };

		put_value(x, labels, 2, value);
	}
}

static void
fill_build(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	const struct exposition_label labels[] = { { row->label, ctl_string(object, row->key) } };

	(void)own;
	exposition_integer(x, labels, 1, 1);
}

static void
fill_about(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	const struct exposition_label labels[] = { own[0],
		{ "description", ctl_string(object, "description") }, { "file", ctl_string(object, "file") } };

	(void)row;
	exposition_integer(x, labels, 3, 1);
}

static void
fill_state(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	const char *now = ctl_string(object, row->key);

	for (size_t i = 0; totals_states[i] != NULL; i++) {
		const struct exposition_label labels[] = { own[0], { row->family.name, totals_states[i] } };

		exposition_integer(x, labels, 2, strcmp(totals_states[i], now) == 0);
	}
}

/* Only while there is a reason. */
static void
fill_gate(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	const struct exposition_label labels[] = { own[0], { row->label, ctl_string(object, row->key) } };

	if (labels[1].value[0] != '\0')
		exposition_integer(x, labels, 2, 1);
}

static void
fill_endpoints(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	static const char *const states[] = { "listening", "waiting" };
	const json_t *e;
	size_t i;

	for (size_t k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
		const struct exposition_label labels[] = { own[0], { row->label, states[k] } };
		int64_t n = 0;

		json_array_foreach(json_object_get(object, row->key), i, e)
			n += strcmp(ctl_string(e, row->label), states[k]) == 0;
		exposition_integer(x, labels, 2, n);
	}
}

static void
fill_queue(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(object, "endpoints"), i, e) {
		const struct exposition_label labels[] = { own[0],
			{ "endpoint", ctl_string(e, "endpoint") }, { "address", ctl_string(e, "address") } };

		put_value(x, labels, 3, json_object_get(e, row->key));
	}
}

static void
fill_histogram(struct exposition *x, const struct row *row, const json_t *object,
    const struct exposition_label *own)
{
	const json_t *h = json_object_get(json_object_get(object, "histograms"), row->key);
	const json_t *buckets = json_object_get(h, "buckets"), *n;
	uint64_t bucket[HISTOGRAM_BUCKETS] = { 0 };
	size_t i;

	/* a berthd with other bounds: nothing can be said of them */
	if (json_array_size(buckets) != HISTOGRAM_BUCKETS)
		return;
	json_array_foreach(buckets, i, n)
		bucket[i] = (uint64_t)json_integer_value(n);
	exposition_histogram(x, own, OWN, bucket, json_number_value(json_object_get(h, "sum")));
}

/* ---- the families ---- */

static const struct row row_up = { { "berth_up", EXPOSITION_GAUGE, NULL,
    "Whether berthd answers." }, fill_up, NULL, NULL };

static const struct row daemon_rows[] = {
	{ { "berth_build", EXPOSITION_INFO, NULL, "The version of berthd." }, fill_build, "version", "version" },
	{ { "berth_start_time_seconds", EXPOSITION_GAUGE, "seconds",
	    "When berthd was started, since 1970." }, fill_value, "started", NULL },
	{ { "berth_stopping", EXPOSITION_GAUGE, NULL,
	    "Whether berthd is stopping." }, fill_value, "stopping", NULL },
	{ { "berth_generation", EXPOSITION_GAUGE, NULL,
	    "Which berthd this is that counts in its statistics file." }, fill_value, "generation", NULL },
	{ { "berth_statistics_kept", EXPOSITION_GAUGE, NULL,
	    "Whether there is a statistics file, so that counters outlive berthd." }, fill_known, "statistics", NULL },
	{ { "berth_settings_errors", EXPOSITION_GAUGE, NULL,
	    "Errors of berth.json, as of the last reload." }, fill_value, "errors", NULL },
	{ { "berth_log_dropped", EXPOSITION_COUNTER, NULL,
	    "Lines that the log did not take." }, fill_value, "log_dropped", NULL },
	{ .fill = NULL },
};

static const struct row pool_rows[] = {
	{ { "berth_pool_active", EXPOSITION_GAUGE, NULL,
	    "Places in use, of all services." }, fill_value, "active", NULL },
	{ { "berth_pool_peak", EXPOSITION_GAUGE, NULL,
	    "Most places that were in use at once." }, fill_value, "peak", NULL },
	{ { "berth_pool_limit", EXPOSITION_GAUGE, NULL,
	    "Places that there are." }, fill_value, "limit", NULL },
	{ { "berth_pool_shortage", EXPOSITION_GAUGE, NULL,
	    "Whether accepting is paused for lack of resources." }, fill_value, "shortage", NULL },
	{ { "berth_pool_failed_open", EXPOSITION_COUNTER, NULL,
	    "Connections that were judged without their history." }, fill_value, "failed_open", NULL },
	{ .fill = NULL },
};

static const struct row service_rows[] = {
	{ { "berth_service", EXPOSITION_INFO, NULL,
	    "The description and the file of a service." }, fill_about, NULL, NULL },
	{ { "berth_service_state", EXPOSITION_STATESET, NULL,
	    "The state of a service." }, fill_state, "state", NULL },
	{ { "berth_service_gate", EXPOSITION_GAUGE, NULL,
	    "Why connections of a service have to wait now; absent when they need not." }, fill_gate, "gate",
	    "reason" },
	{ { "berth_service_errors", EXPOSITION_GAUGE, NULL,
	    "Errors of a service file." }, fill_value, "errors", NULL },
	{ { "berth_service_warnings", EXPOSITION_GAUGE, NULL,
	    "Warnings about a service." }, fill_value, "warnings", NULL },
	{ { "berth_service_endpoints", EXPOSITION_GAUGE, NULL,
	    "Sockets of a service, by state." }, fill_endpoints, "endpoints", "state" },
	{ { "berth_service_queue", EXPOSITION_GAUGE, NULL,
	    "Connections in the accept queue of a socket; absent where the kernel does not tell." }, fill_queue,
	    "queue", NULL },
	{ { "berth_service_pending", EXPOSITION_GAUGE, NULL,
	    "Connections that were accepted and have no handler yet." }, fill_value, "pending", NULL },
	{ { "berth_service_active", EXPOSITION_GAUGE, NULL, "Live handlers." }, fill_value, "active", NULL },
	{ { "berth_service_peak", EXPOSITION_GAUGE, NULL,
	    "Most connections with a place at once." }, fill_value, "peak", NULL },
	{ { "berth_service_limit", EXPOSITION_GAUGE, NULL,
	    "Most live handlers that the service may have; absent where there is no limit." }, fill_limit,
	    "limit", NULL },
	{ { "berth_service_accepted", EXPOSITION_COUNTER, NULL,
	    "Connections that were accepted." }, fill_value, "accepted", NULL },
	{ { "berth_service_refused", EXPOSITION_COUNTER, NULL,
	    "Connections that were refused, by reason." }, fill_members, "refused", "reason" },
	{ { "berth_service_failed", EXPOSITION_COUNTER, NULL,
	    "Connections whose handler could not be started." }, fill_value, "failed", NULL },
	{ { "berth_service_ended", EXPOSITION_COUNTER, NULL,
	    "Connections whose handler has ended, by cause." }, fill_members, "causes", "cause" },
	{ { "berth_service_exit_status", EXPOSITION_COUNTER, NULL,
	    "Handlers that exited, by exit status." }, fill_members, "statuses", "status" },
	{ { "berth_service_exit_signal", EXPOSITION_COUNTER, NULL,
	    "Handlers that were ended by a signal, by its name." }, fill_members, "signals", "signal" },
	{ { "berth_service_evicted", EXPOSITION_COUNTER, NULL,
	    "Connections that had to give their place to another." }, fill_value, "evicted", NULL },
	{ { "berth_service_dropped", EXPOSITION_COUNTER, NULL,
	    "Datagrams that no handler read." }, fill_value, "dropped", NULL },
	{ { "berth_service_received_bytes", EXPOSITION_COUNTER, "bytes",
	    "Bytes from clients whose handler has ended; at least." }, fill_value, "received", NULL },
	{ { "berth_service_sent_bytes", EXPOSITION_COUNTER, "bytes",
	    "Bytes that clients acknowledged whose handler has ended; at least." }, fill_value, "sent", NULL },
	{ { "berth_service_cpu_seconds", EXPOSITION_COUNTER, "seconds",
	    "CPU time of handlers that have ended, by mode." }, fill_members, "cpu", "mode" },
	{ { "berth_service_max_rss_bytes", EXPOSITION_GAUGE, "bytes",
	    "Memory of the largest handler that has ended." }, fill_value, "max_rss", NULL },
	{ { "berth_service_queue_wait_seconds", EXPOSITION_HISTOGRAM, "seconds",
	    "How long connections waited in the accept queue; TCP only." }, fill_histogram, "queue_wait", NULL },
	{ { "berth_service_spawn_seconds", EXPOSITION_HISTOGRAM, "seconds",
	    "From accepting a connection to its running program." }, fill_histogram, "spawn", NULL },
	{ { "berth_service_lifetime_seconds", EXPOSITION_HISTOGRAM, "seconds",
	    "How long handlers lived that have ended." }, fill_histogram, "lifetime", NULL },
	{ .fill = NULL },
};

/* Families about one object. */
static void
put_rows(struct exposition *x, const struct row *row, const json_t *object)
{
	for (; row->fill != NULL; row++) {
		exposition_family(x, &row->family);
		row->fill(x, row, object, NULL);
	}
}

/* Families with samples of each service. */
static void
put_service_rows(struct exposition *x, const struct row *row, const json_t *services)
{
	const json_t *s;
	size_t i;

	for (; row->fill != NULL; row++) {
		exposition_family(x, &row->family);
		json_array_foreach(services, i, s) {
			const struct exposition_label own[OWN] = { { "service", ctl_string(s, "name") } };

			row->fill(x, row, s, own);
		}
	}
}

/* answer: of ask(); NULL: there is none, and that is all that can be said. */
static char *
render(const json_t *answer, bool openmetrics, size_t *len)
{
	struct exposition x;

	exposition_init(&x, openmetrics);
	exposition_family(&x, &row_up.family);
	row_up.fill(&x, &row_up, answer, NULL);
	if (answer != NULL) {
		put_rows(&x, daemon_rows, json_object_get(answer, "berthd"));
		put_rows(&x, pool_rows, json_object_get(answer, "pool"));
		put_service_rows(&x, service_rows, json_object_get(answer, "services"));
	}
	return exposition_finish(&x, len);
}

/* ---- the command ---- */

/* Status and List in one object, with the deadline of an inquiry. */
static int
ask(const struct ctl *c, json_t **answer)
{
	struct inquiry q;
	struct diag why;
	int status = inquiry_make(&q, c->control, INQUIRY_NUMBERS, &why);

	*answer = NULL;
	if (status == 0) {
		*answer = json_copy(q.status);
		(void)json_object_set(*answer, "services", q.services);
	} else {
		ctl_complain("%s", why.text);
	}
	inquiry_fini(&q);
	return status;
}

/* OpenMetrics is for those who ask for it by name and like it no less than text. */
static bool
wants_openmetrics(const char *accept)
{
	unsigned q = request_quality(accept, "application/openmetrics-text", "1.0.0");

	return q > 0 && q >= request_quality(accept, "text/plain", "0.0.4");
}

static int
make_answer(void *arg, const struct request *r, struct http_answer *a)
{
	bool openmetrics = wants_openmetrics(r->accept);
	json_t *answer;
	int status = ask(arg, &answer);

	if (status != 0)
		return status;
	a->body = render(answer, openmetrics, &a->len);
	a->type = openmetrics ? TYPE_OPENMETRICS : TYPE_TEXT;
	json_decref(answer);
	return 0;
}

static int
print_metrics(const struct ctl *c, bool openmetrics)
{
	json_t *answer;
	int status = ask(c, &answer);
	size_t len;
	char *text;

	if (c->json && status == 0) {
		ctl_print_json(answer);
	} else if (!c->json && (status == 0 || status == EX_UNAVAILABLE)) {
		text = render(answer, openmetrics, &len);
		(void)fwrite(text, 1, len, stdout);
		free(text);
	}
	json_decref(answer);
	return status;
}

int
ctl_metrics(struct ctl *c, int argc, char **argv)
{
	const struct http_page page = { "/metrics", make_answer, c };
	bool http = false, text = false;
	int o;

	while ((o = ctl_option(c, argc, argv)) != -1) {
		http |= o == CTL_OPTION_HTTP;
		text |= o == CTL_OPTION_TEXT;
	}
	ctl_count(c, argc, argv, 0, 0);
	if (http + text + c->json > 1)
		ctl_usage(c, "--http, --text and --json exclude each other");
	if (http)
		return http_serve_one(&page, 1, REQUEST_MS);
	return print_metrics(c, !text);
}
