#include "pagetables.h"

#include <stdlib.h>
#include <string.h>

#include "../pure/amount.h"
#include "../pure/totals.h"
#include "../pure/xalloc.h"
#include "ctl.h"
#include "pagechart.h"
#include "pageparts.h"

/* More are only counted: a page has to be read. */
#define SERVICES_MAX 500
#define WAITS_MAX 24
#define CONNECTIONS_MAX 100
#define NAMES_MAX 3

/* ---- services ---- */

static const char *
kind_of(const char *state)
{
	static const struct { const char *state, *kind; } kinds[] = {
		{ "open", "good" }, { "waiting", "bad" }, { "paused", "warn" }, { "draining", "warn" },
		{ "invalid", "bad" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(state, kinds[i].state) == 0)
			return kinds[i].kind;
	return "quiet";
}

/* The address says nothing new where it is what the file says. */
static void
put_address(struct html *h, const char *endpoint, const char *address)
{
	size_t m = strlen(endpoint), n = strlen(address);

	html_put(h, "<span class=\"sub mono\">%s", endpoint);
	if (n > m || strcmp(endpoint + m - n, address) != 0)
		html_put(h, " → %s", address);
	html_markup(h, "</span>");
}

static void
put_addresses(struct html *h, const json_t *endpoints)
{
	const json_t *e;
	size_t i;

	json_array_foreach(endpoints, i, e) {
		if (i == NAMES_MAX)
			break;
		put_address(h, ctl_string(e, "endpoint"), ctl_string(e, "address"));
	}
	if (json_array_size(endpoints) > NAMES_MAX)
		html_put(h, "<span class=\"sub\">and %lld more</span>", (long long)json_array_size(endpoints) - NAMES_MAX);
}

static void
put_active_cell(struct html *h, const json_t *service)
{
	long long active = ctl_number(service, "active"), limit = ctl_number(service, "limit");

	html_markup(h, "<td class=\"n\">");
	pageparts_count(h, active);
	if (limit > 0) {
		html_markup(h, " / ");
		pageparts_count(h, limit);
		pagechart_bar(h, active, limit);
	}
	html_markup(h, "</td>");
}

static void
put_queue_cell(struct html *h, const json_t *endpoints)
{
	long long queue = totals_queue(endpoints);

	if (queue >= 0)
		pageparts_count_cell(h, queue);
	else
		pageparts_dash_cell(h);
}

static void
put_service(struct html *h, const json_t *s)
{
	const json_t *endpoints = json_object_get(s, "endpoints");
	const char *state = ctl_string(s, "state"), *gate = ctl_string(s, "gate");

	html_put(h, "<tr><th scope=\"row\" class=\"name\"><b>%s</b>", ctl_string(s, "name"));
	if (ctl_string(s, "description")[0] != '\0')
		html_put(h, "<span class=\"sub\">%s</span>", ctl_string(s, "description"));
	put_addresses(h, endpoints);
	html_markup(h, "</th><td>");
	pageparts_badge(h, kind_of(state), state);
	html_markup(h, "</td>");
	if (gate[0] != '\0')
		html_put(h, "<td class=\"nowrap\">%s</td>", gate);
	else
		html_markup(h, "<td class=\"zero\">–</td>");
	put_active_cell(h, s);
	pageparts_count_cell(h, ctl_number(s, "peak"));
	put_queue_cell(h, endpoints);
	pageparts_count_cell(h, ctl_number(s, "accepted"));
	pageparts_count_cell(h, ctl_number(s, "pending"));
	pageparts_count_cell(h, ctl_number(s, "ended"));
	pageparts_count_cell(h, ctl_number(s, "failed"));
	pageparts_count_cell(h, ctl_number(s, "evicted"));
	pageparts_count_cell(h, totals_sum(json_object_get(s, "refused")));
	html_markup(h, "</tr>\n");
}

void
pagetables_services(struct html *h, const json_t *services)
{
	const json_t *s;
	size_t i;

	html_markup(h, "<h2>Services</h2>\n");
	if (json_array_size(services) == 0) {
		html_markup(h, "<p class=\"note\">There are none.</p>\n");
		return;
	}
	html_markup(h, "<p class=\"note\">Accepted is the sum of active, pending, ended, failed and refused.</p>\n");
	pageparts_table_begin(h, "Services");
	html_markup(h, "<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">State</th>"
	    "<th scope=\"col\">Gate</th><th scope=\"col\" class=\"n\">Active / limit</th>"
	    "<th scope=\"col\" class=\"n\">Peak</th><th scope=\"col\" class=\"n\">Queue</th>"
	    "<th scope=\"col\" class=\"n\">Accepted</th><th scope=\"col\" class=\"n\">Pending</th>"
	    "<th scope=\"col\" class=\"n\">Ended</th><th scope=\"col\" class=\"n\">Failed</th>"
	    "<th scope=\"col\" class=\"n\">Evicted</th><th scope=\"col\" class=\"n\">Refused</th></tr></thead>\n<tbody>\n");
	json_array_foreach(services, i, s)
		if (i < SERVICES_MAX)
			put_service(h, s);
	pageparts_table_end(h);
	pageparts_more(h, SERVICES_MAX, json_array_size(services), "services", "berthctl list");
}

/* ---- refusals ---- */

static const struct { const char *reason, *text; } reasons[] = {
	{ "denied", "access or proxy_protocol does not let this client in" },
	{ "penalty", "connections of this source ended badly" },
	{ "source-full", "the source has as many handlers as it may" },
	{ "source-rate", "the source came too often" },
	{ "service-full", "the service has as many handlers as it may" },
	{ "service-rate", "the service starts no more in this time" },
	{ "pool-full", "all places are taken or reserved" },
	{ "load", "the machine is too busy" },
	{ "throttled", "the service is at fault and rests for a while" },
	{ "paused", "somebody paused the service" },
	{ "draining", "the service, or berthd, accepts no more" },
	{ "resources", "the system has no descriptor, memory or process to give" },
	{ "bad-header", "the PROXY header was bad or late" },
	{ "gone", "the client had gone before a handler was started" },
};

static const char *
text_of_reason(const char *reason)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reason, reasons[i].reason) == 0)
			return reasons[i].text;
	return "";
}

struct counted {
	const char *name;
	const json_t *of;
	long long count;
};

/* The most first; then by name. */
static int
compare_counted(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* The services that refused for this reason, in an array that the caller frees; the most first. */
static struct counted *
services_of_reason(const json_t *services, const char *reason, size_t *n)
{
	struct counted *all = xcalloc(json_array_size(services), sizeof(*all));
	const json_t *s;
	size_t i;

	*n = 0;
	json_array_foreach(services, i, s) {
		long long count = ctl_number(json_object_get(s, "refused"), reason);

		if (count > 0)
			all[(*n)++] = (struct counted){ ctl_string(s, "name"), s, count };
	}
	qsort(all, *n, sizeof(*all), compare_counted);
	return all;
}

static void
put_services_of_reason(struct html *h, const json_t *services, const char *reason)
{
	size_t n;
	struct counted *all = services_of_reason(services, reason, &n);

	for (size_t i = 0; i < n && i < NAMES_MAX; i++) {
		html_put(h, "%s%s ", i > 0 ? ", " : "", all[i].name);
		pageparts_count(h, all[i].count);
	}
	if (n > NAMES_MAX)
		html_put(h, ", and %lld more", (long long)n - NAMES_MAX);
	free(all);
}

/* Refusals of all services, by reason. */
static json_t *
sums_of_refused(const json_t *services)
{
	json_t *sums = json_object(), *count;
	const char *reason;
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
		json_object_foreach(json_object_get(s, "refused"), reason, count)
			json_object_set_new(sums, reason,
			    json_integer(ctl_number(sums, reason) + json_integer_value(count)));
	return sums;
}

static void
put_refusal(struct html *h, const json_t *services, const struct counted *reason, long long total)
{
	html_put(h, "<tr><th scope=\"row\" class=\"name\"><b>%s</b><span class=\"sub\">%s</span></th>",
	    reason->name, text_of_reason(reason->name));
	pageparts_count_cell(h, reason->count);
	html_markup(h, "<td class=\"share\">");
	pagechart_bar(h, reason->count, total);
	html_markup(h, "</td><td class=\"wide\">");
	put_services_of_reason(h, services, reason->name);
	html_markup(h, "</td></tr>\n");
}

static void
put_refusals(struct html *h, const json_t *services, json_t *sums, long long total)
{
	struct counted *all = xcalloc(json_object_size(sums), sizeof(*all));
	const char *reason;
	json_t *count;
	size_t n = 0;

	json_object_foreach(sums, reason, count)
		if (json_integer_value(count) > 0)
			all[n++] = (struct counted){ reason, sums, json_integer_value(count) };
	qsort(all, n, sizeof(*all), compare_counted);
	pageparts_table_begin(h, "Refused, by reason");
	html_markup(h, "<thead><tr><th scope=\"col\">Reason</th><th scope=\"col\" class=\"n\">Refused</th>"
	    "<th scope=\"col\" class=\"share\">Share</th><th scope=\"col\">By the services</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < n; i++)
		put_refusal(h, services, &all[i], total);
	pageparts_table_end(h);
	free(all);
}

void
pagetables_refusals(struct html *h, const json_t *services)
{
	json_t *sums = sums_of_refused(services);
	long long total = totals_sum(sums);

	html_markup(h, "<h2>Refused, by reason</h2>\n");
	if (total > 0)
		put_refusals(h, services, sums, total);
	else
		html_markup(h, "<p class=\"note\">Nothing was refused.</p>\n");
	json_decref(sums);
}

/* ---- waits ---- */

static void
put_wait(struct html *h, const json_t *service)
{
	const json_t *histograms = json_object_get(service, "histograms");

	html_put(h, "<section class=\"card\"><h3>%s</h3><div class=\"three\">\n", ctl_string(service, "name"));
	pagechart_histogram(h, "queue wait", json_object_get(histograms, "queue_wait"));
	pagechart_histogram(h, "start", json_object_get(histograms, "spawn"));
	pagechart_histogram(h, "lifetime", json_object_get(histograms, "lifetime"));
	html_markup(h, "</div></section>\n");
}

/* The busiest services: those that started the most handlers. */
void
pagetables_waits(struct html *h, const json_t *services)
{
	struct counted *all = xcalloc(json_array_size(services), sizeof(*all));
	const json_t *s;
	size_t i, n = 0;

	json_array_foreach(services, i, s) {
		long long count = ctl_number(json_object_get(json_object_get(s, "histograms"), "spawn"), "count");

		if (count > 0)
			all[n++] = (struct counted){ ctl_string(s, "name"), s, count };
	}
	qsort(all, n, sizeof(*all), compare_counted);
	html_markup(h, "<h2>Waits</h2>\n");
	if (n == 0)
		html_markup(h, "<p class=\"note\">No handler was started yet.</p>\n");
	else
		html_markup(h, "<p class=\"note\">How long connections waited in the kernel's queue (TCP only), how long "
		    "their handlers took to start, and how long those lived. The time axis is logarithmic, from 1 µs to "
		    "5000 s.</p>\n<div class=\"waits\">\n");
	for (i = 0; i < n && i < WAITS_MAX; i++)
		put_wait(h, all[i].of);
	if (n > 0)
		html_markup(h, "</div>\n");
	pageparts_more(h, WAITS_MAX, n, "services", "berthctl show SERVICE");
	free(all);
}

/* ---- connections ---- */

static void
put_duration_cell(struct html *h, const json_t *seconds)
{
	char text[AMOUNT_TEXT_MAX];

	if (json_is_number(seconds))
		html_put(h, "<td class=\"n\">%s</td>",
		    amount_duration(json_number_value(seconds), text, sizeof(text)));
	else
		pageparts_dash_cell(h);
}

static void
put_bytes_cell(struct html *h, const json_t *bytes)
{
	char text[AMOUNT_TEXT_MAX];

	if (json_is_integer(bytes))
		html_put(h, "<td class=\"n\">%s</td>",
		    amount_bytes(json_integer_value(bytes), text, sizeof(text)));
	else
		pageparts_dash_cell(h);
}

static void
put_connection(struct html *h, const json_t *c)
{
	html_put(h, "<tr><td class=\"n\">%lld</td><td class=\"nowrap\">%s</td><td class=\"n\">%lld</td>"
	    "<td class=\"mono\">%s</td><td class=\"nowrap\">%s</td>", ctl_number(c, "connection"), ctl_string(c, "service"),
	    ctl_number(c, "pid"), ctl_string(c, "peer"), ctl_string(c, "state"));
	put_duration_cell(h, json_object_get(c, "started"));
	put_duration_cell(h, json_object_get(c, "idle"));
	put_bytes_cell(h, json_object_get(c, "received"));
	put_bytes_cell(h, json_object_get(c, "sent"));
	html_put(h, "<td class=\"mono\">%s</td></tr>\n", ctl_string(c, "local"));
}

/* The last one started first. */
static int
compare_connections(const void *a, const void *b)
{
	const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
	long long m = ctl_number(x, "connection"), n = ctl_number(y, "connection");

	return (m < n) - (m > n);
}

void
pagetables_connections(struct html *h, const json_t *connections)
{
	size_t n = json_array_size(connections), i;
	const json_t **all = xcalloc(n, sizeof(*all)), *c;

	html_markup(h, "<h2>Live connections</h2>\n");
	json_array_foreach(connections, i, c)
		all[i] = c;
	qsort(all, n, sizeof(*all), compare_connections);
	if (n == 0) {
		html_markup(h, "<p class=\"note\">There are none.</p>\n");
	} else {
		html_markup(h, "<p class=\"note\">The last one started is the first.</p>\n");
		pageparts_table_begin(h, "Live connections");
		html_markup(h, "<thead><tr><th scope=\"col\" class=\"n\">Number</th><th scope=\"col\">Service</th>"
		    "<th scope=\"col\" class=\"n\">Pid</th><th scope=\"col\">Peer</th><th scope=\"col\">State</th>"
		    "<th scope=\"col\" class=\"n\">Age</th><th scope=\"col\" class=\"n\">Idle</th>"
		    "<th scope=\"col\" class=\"n\">In</th><th scope=\"col\" class=\"n\">Out</th>"
		    "<th scope=\"col\">Local</th></tr></thead>\n<tbody>\n");
	}
	for (i = 0; i < n && i < CONNECTIONS_MAX; i++)
		put_connection(h, all[i]);
	if (n > 0)
		pageparts_table_end(h);
	pageparts_more(h, CONNECTIONS_MAX, n, "connections", "berthctl connections");
	free(all);
}
