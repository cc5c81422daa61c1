/* spec_admission - how the keys about admission are read: limits, access, penalties */
#include <stdio.h>
#include <string.h>

#include "scalar.h"
#include "spec_table.h"
#include "xalloc.h"

#define AT SPEC_AT
#define LOAD_MAX 1000000
#define MESSAGE_MAX 4096	/* bytes: a fresh socket's buffer takes them at once */
#define MIN_NS 1000000		/* the shortest duration above 0 */

static void
push_index(struct spec_reader *r, char buf[32], size_t i)
{
	snprintf(buf, 32, "[%zu]", i);
	spec_read_push(r, buf);
}

/* ---- rates and the load ---- */

static void
read_rate(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct bucket_rate *rate = AT(into, k, struct bucket_rate);
	struct diag why;

	if (spec_type_is_none(k, value))
		rate->count = 0;
	else if (json_is_integer(value))
		spec_read_fail(r, "expected %s, found %lld: a number needs a unit, as in \"%lld/s\"",
		    k->type->expect, (long long)json_integer_value(value),
		    (long long)json_integer_value(value));
	else if (!json_is_string(value))
		spec_read_mismatch_key(r, k, value);
	else if (!scalar_rate(json_string_value(value), rate, &why))
		spec_read_fail(r, "%s", why.text);
}

static void
read_load(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	double load = json_number_value(value);

	if (spec_type_is_none(k, value))
		*AT(into, k, double) = 0;
	else if (json_is_number(value) && load > 0 && load <= LOAD_MAX)
		*AT(into, k, double) = load;
	else
		spec_read_mismatch_key(r, k, value);
}

const struct spec_type spec_type_rate = {
	"a rate such as \"50/s\"",
	"{\"type\":\"string\",\"pattern\":\"^[0-9]+/[0-9]*(ms|s|min|h|d)$\"}", read_rate
};

const struct spec_type spec_type_load = {
	"a number above 0, at most 1000000",
	"{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1000000}", read_load
};

/* ---- texts for clients ---- */

static const char message_expect[] = "a string of 1 to 4096 bytes";

static bool
is_message(const json_t *value)
{
	size_t len = json_string_length(value);

	return len > 0 && len <= MESSAGE_MAX;
}

static void
read_message(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (is_message(value))
		*AT(into, k, char *) = xstrdup(json_string_value(value));
	else if (json_string_length(value) > MESSAGE_MAX)
		spec_read_fail(r, "expected %s, found %zu", message_expect, json_string_length(value));
	else
		spec_read_mismatch_key(r, k, value);
}

#define MESSAGE_SCHEMA "{\"type\":\"string\",\"minLength\":1,\"maxLength\":4096}"

const struct spec_type spec_type_message = { message_expect, MESSAGE_SCHEMA, read_message };

/* ---- overflow ---- */

static const char step_expect[] =
    "\"evict\", \"wait\", {\"wait\": \"300ms\"}, \"refuse\" or {\"banner\": \"421 busy\\r\\n\"}";

static const char *
step_key(size_t i)
{
	static const char *const keys[] = { "wait", "banner", NULL };

	return keys[i];
}

static bool
read_step_word(struct spec_reader *r, const json_t *value, struct spec_step *step)
{
	static const struct spec_word steps[] = {
		{ "evict", SPEC_STEP_EVICT }, { "wait", SPEC_STEP_WAIT },
		{ "refuse", SPEC_STEP_REFUSE }, { NULL, 0 }
	};

	for (const struct spec_word *w = steps; w->name != NULL; w++)
		if (strcmp(w->name, json_string_value(value)) == 0) {
			step->kind = (enum spec_step_kind)w->value;
			return true;
		}
	spec_read_mismatch(r, step_expect, value);
	return false;
}

static bool
read_step_member(struct spec_reader *r, const char *name, const json_t *value,
    struct spec_step *step)
{
	if (strcmp(name, "wait") == 0) {
		step->kind = SPEC_STEP_WAIT;
		return spec_type_read_duration(r, "a duration such as \"300ms\"", MIN_NS, value,
		    &step->wait_ns);
	}
	step->kind = SPEC_STEP_BANNER;
	if (!is_message(value)) {
		spec_read_mismatch(r, message_expect, value);
		return false;
	}
	step->banner = xstrdup(json_string_value(value));
	return true;
}

/* {"wait": ...} or {"banner": ...}: one member. */
static bool
read_step_object(struct spec_reader *r, const json_t *value, struct spec_step *step)
{
	const char *name = json_object_iter_key(json_object_iter((json_t *)value));
	bool good;

	if (json_object_size(value) != 1) {
		spec_read_fail(r,
		    "expected an object with one key, \"wait\" or \"banner\", found %zu keys",
		    json_object_size(value));
		return false;
	}
	if (strcmp(name, "wait") != 0 && strcmp(name, "banner") != 0) {
		spec_read_unknown_name(r, step_key, name);
		return false;
	}
	spec_read_push(r, name);
	good = read_step_member(r, name, json_object_get(value, name), step);
	spec_read_pop(r);
	return good;
}

static bool
read_step(struct spec_reader *r, const json_t *value, struct spec_step *step)
{
	if (json_is_string(value))
		return read_step_word(r, value, step);
	if (json_is_object(value))
		return read_step_object(r, value, step);
	spec_read_mismatch(r, step_expect, value);
	return false;
}

/* What is wrong with a step where it stands, or NULL.  more: other steps follow. */
static const char *
misplaced(const struct spec_step *steps, size_t i, bool more)
{
	switch (steps[i].kind) {
	case SPEC_STEP_EVICT:
		for (size_t j = 0; j < i; j++)
			if (steps[j].kind == SPEC_STEP_EVICT)
				return "\"evict\" stands here for the second time: once is enough, "
				    "for it is tried whenever a place is needed";
		return NULL;
	case SPEC_STEP_WAIT:
		if (steps[i].wait_ns == 0 && more)
			return "no step can follow \"wait\", which waits for as long as it takes; "
			    "give it a time, as in {\"wait\": \"300ms\"}";
		if (steps[i].wait_ns != 0 && !more)
			return "{\"wait\": ...} at the end leads nowhere: let \"refuse\" or a banner "
			    "follow, or say \"wait\"";
		return NULL;
	case SPEC_STEP_REFUSE:
		return more ? "no step can follow \"refuse\", which ends the connection" : NULL;
	case SPEC_STEP_BANNER:
	default:
		return more ? "no step can follow a banner, which ends the connection" : NULL;
	}
}

static void
check_chain(struct spec_reader *r, const struct spec_step *steps, size_t n)
{
	char index[32];

	for (size_t i = 0; i < n; i++) {
		const char *wrong = misplaced(steps, i, i + 1 < n);

		if (wrong == NULL)
			continue;
		push_index(r, index, i);
		spec_read_fail(r, "%s", wrong);
		spec_read_pop(r);
	}
}

static void
read_overflow(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	size_t n = json_array_size(value);
	struct service *s = into;
	struct spec_step *steps;
	bool good = true;
	char index[32];

	if (n == 0) {
		if (json_is_array(value))
			spec_read_fail(r,
			    "is empty: say [\"wait\"] to let clients wait, or [\"refuse\"]");
		else
			spec_read_mismatch_key(r, k, value);
		return;
	}
	/* one more than is written: a chain that ends in "evict" goes on with "wait" */
	steps = s->limits.overflow = xcalloc(n + 1, sizeof(*steps));
	s->limits.noverflow = n;
	for (size_t i = 0; i < n; i++) {
		push_index(r, index, i);
		good &= read_step(r, json_array_get(value, i), &steps[i]);
		spec_read_pop(r);
	}
	if (!good)
		return;
	check_chain(r, steps, n);
	if (steps[n - 1].kind == SPEC_STEP_EVICT)
		steps[s->limits.noverflow++] = (struct spec_step){ .kind = SPEC_STEP_WAIT };
}

const struct spec_type spec_type_overflow = {
	"an array of steps such as [\"evict\", {\"wait\": \"300ms\"}, \"refuse\"]",
	"{\"type\":\"array\",\"minItems\":1,\"items\":{\"anyOf\":[{\"enum\":[\"evict\",\"wait\","
	"\"refuse\"]},{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,"
	"\"maxProperties\":1,\"properties\":{\"wait\":{\"type\":\"string\","
	"\"pattern\":\"^[0-9]+(ms|s|min|h|d)$\"},\"banner\":" MESSAGE_SCHEMA "}}]}}", read_overflow
};

/* ---- access ---- */

static void
read_access(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct access_list *list = AT(into, k, struct access_list);
	size_t n = json_array_size(value);
	struct diag why;
	char index[32];

	if (!json_is_array(value)) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	*list = (struct access_list){ .set = true, .rule = xcalloc(n, sizeof(*list->rule)) };
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(value, i);

		push_index(r, index, i);
		if (!json_is_string(e))
			spec_read_mismatch(r, "an address, a prefix or \"local\"", e);
		else if (access_rule_parse(json_string_value(e), &list->rule[list->count], &why))
			list->count++;
		else
			spec_read_fail(r, "%s", why.text);
		spec_read_pop(r);
	}
}

const struct spec_type spec_type_access = {
	"an array of addresses, prefixes or \"local\"",
	"{\"type\":\"array\",\"items\":{\"type\":\"string\","
	"\"pattern\":\"^(local|uid:[0-9]+|[0-9a-fA-F:.]+(/[0-9]+)?)$\"}}", read_access
};

/* ---- penalties by exit status ---- */

/* "1" to "255" as they are written without leading zeros; 0: anything else. */
static unsigned
exit_status(const char *name)
{
	const char *wrong = NULL;
	long long n;

	if (name[0] < '1' || name[0] > '9' || name[strspn(name, "0123456789")] != '\0')
		return 0;
	n = strtonum(name, 1, SPEC_STATUSES - 1, &wrong);
	return wrong == NULL ? (unsigned)n : 0;
}

static void
read_penalty_exit(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	int64_t **by_status = AT(into, k, int64_t *);
	const char *name;
	json_t *e;

	if (!json_is_object(value)) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	if (json_object_size(value) > 0)
		*by_status = xcalloc(SPEC_STATUSES, sizeof(**by_status));
	json_object_foreach((json_t *)value, name, e) {
		unsigned status = exit_status(name);

		spec_read_push(r, name);
		if (status == 0)
			spec_read_fail(r, "expected an exit status from \"1\" to \"255\" as the key");
		else
			spec_type_read_duration(r, "a duration such as \"5s\"", 0, e,
			    &(*by_status)[status]);
		spec_read_pop(r);
	}
}

const struct spec_type spec_type_penalty_exit = {
	"an object of exit statuses and durations, such as {\"75\": \"5s\"}",
	"{\"type\":\"object\",\"propertyNames\":{\"pattern\":"
	"\"^([1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$\"},\"additionalProperties\":"
	"{\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|min|h|d)$\"}}", read_penalty_exit
};

/* ---- several keys at once ---- */

static void
finish_rate(struct spec_reader *r, struct bucket_rate *rate, const char *burst, const json_t *own,
    json_t *merged, const char *text)
{
	if (rate->count == 0) {
		spec_read_not_here(r, "limits", burst, own, merged, text);
		rate->burst = 0;
	} else if (rate->burst == 0)
		rate->burst = rate->count;
}

static const struct endpoint *
unix_endpoint(const struct service *s)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (s->listen[i].kind == ENDPOINT_UNIX || s->listen[i].kind == ENDPOINT_UNIX_SEQPACKET)
			return &s->listen[i];
	return NULL;
}

/* What only TCP_INFO tells. */
static void
finish_unix(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	const struct endpoint *e = unix_endpoint(s);
	char q[DIAG_QUOTE_MAX], text[DIAG_QUOTE_MAX + 64];

	if (e == NULL)
		return;
	snprintf(text, sizeof(text), "cannot be told on unix sockets, and %s is one",
	    diag_quote(e->text, q, sizeof(q)));
	spec_read_not_here(r, "timeouts", "idle", own, merged, text);
	spec_read_not_here(r, "timeouts", "first_byte", own, merged, text);
	s->timeouts.idle_ns = s->timeouts.first_byte_ns = 0;
}

void
spec_admission_finish(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged)
{
	finish_rate(r, &s->limits.rate, "burst", own, merged,
	    "there is no limits.rate that it could belong to");
	finish_rate(r, &s->limits.rate_per_source, "burst_per_source", own, merged,
	    "there is no limits.rate_per_source that it could belong to");
	finish_unix(r, s, own, merged);
	if (s->limits.connections != 0 && s->limits.reserve > s->limits.connections)
		spec_read_fail_at(r, "limits", "reserve",
		    "is above limits.connections, so that the rest could never be used");
	if (s->penalties.max_ns > 0 && s->penalties.max_ns < s->penalties.threshold_ns)
		spec_read_fail_at(r, "penalties", "max",
		    "is below penalties.threshold, so that no source could ever be refused");
}

bool
spec_check_reserve(const struct service *s, const char *file, uint64_t *total, uint32_t limit,
    struct diag_list *errs)
{
	uint64_t reserve = s->enabled ? s->limits.reserve : 0;

	if (limit != 0 && reserve > 0 && *total + reserve > limit) {
		diag_list_add(errs, "%s: limits.reserve: %llu places do not fit: the pool has %u "
		    "(limits.connections of berth.json), and %llu of them are reserved for services "
		    "before this one", file, (unsigned long long)reserve, limit,
		    (unsigned long long)*total);
		return false;
	}
	*total += reserve;
	return true;
}

void
spec_admission_wait(struct service *s)
{
	for (size_t i = 0; i < s->limits.noverflow; i++)
		free(s->limits.overflow[i].banner);
	free(s->limits.overflow);
	s->limits.overflow = xcalloc(1, sizeof(*s->limits.overflow));
	s->limits.overflow[0] = (struct spec_step){ .kind = SPEC_STEP_WAIT };
	s->limits.noverflow = 1;
}

void
spec_admission_free(struct service *s)
{
	for (size_t i = 0; i < s->limits.noverflow; i++)
		free(s->limits.overflow[i].banner);
	free(s->limits.overflow);
	free(s->evict.goodbye);
	free(s->access.allow.rule);
	free(s->access.deny.rule);
	free(s->proxy.from.rule);
	free(s->penalties.exit_ns);
}
