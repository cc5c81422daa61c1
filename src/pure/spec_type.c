/* spec_type - what kinds of values there are, and how each is read */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "scalar.h"
#include "spec_table.h"
#include "xalloc.h"

#define ID_MAX 4294967294LL	/* (uid_t)-1 means "leave it" to the kernel */
#define LISTEN_MAX 256

#define AT SPEC_AT

bool
spec_type_is_none(const struct spec_key *k, const json_t *value)
{
	return k->flags & SPEC_NONE && (json_is_null(value) ||
	    (json_is_integer(value) && json_integer_value(value) == 0));
}

/* ---- texts ---- */

static void
read_text(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (!json_is_string(value))
		spec_read_mismatch_key(r, k, value);
	else
		*AT(into, k, char *) = xstrdup(json_string_value(value));
}

static void
read_filled_text(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (json_string_length(value) == 0)
		spec_read_mismatch_key(r, k, value);
	else
		read_text(r, k, value, into);
}

static void
read_path(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (!json_is_string(value) || json_string_value(value)[0] != '/')
		spec_read_mismatch_key(r, k, value);
	else
		read_text(r, k, value, into);
}

static void
read_device(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	const char *name = json_string_value(value);
	size_t len = json_string_length(value);

	/* the kernel's dev_valid_name() */
	if (len == 0 || len >= IF_NAMESIZE || strpbrk(name, "/: \t\n\v\f\r") != NULL ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		spec_read_mismatch_key(r, k, value);
	else
		memcpy(AT(into, k, char), name, len + 1);
}

static void
read_word(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	for (const struct spec_word *w = k->words; json_is_string(value) && w->name != NULL; w++)
		if (strcmp(w->name, json_string_value(value)) == 0) {
			memcpy(AT(into, k, char), &w->value, sizeof(w->value));
			return;
		}
	spec_read_mismatch_key(r, k, value);
}

const struct spec_type spec_type_text = { "a string", "{\"type\":\"string\"}", read_text };

const struct spec_type spec_type_filled_text = {
	"a string that is not empty", "{\"type\":\"string\",\"minLength\":1}", read_filled_text
};

const struct spec_type spec_type_path = {
	"an absolute path", "{\"type\":\"string\",\"pattern\":\"^/\"}", read_path
};

const struct spec_type spec_type_device = {
	"the name of a network device (1 to 15 characters)",
	"{\"type\":\"string\",\"pattern\":\"^[^/:\\\\s]{1,15}$\"}", read_device
};

static void
read_builtin(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct service *s = into;

	s->what = SPEC_BUILTIN;
	read_word(r, k, value, into);
}

/* A word that stands for a bool. */
static void
read_others(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	int word = 0;
	struct spec_key as_word = *k;

	as_word.offset = 0;
	read_word(r, &as_word, value, &word);
	*AT(into, k, bool) = word != 0;
}

const struct spec_type spec_type_others = { NULL, NULL, read_others };
const struct spec_type spec_type_builtin = { NULL, NULL, read_builtin };
const struct spec_type spec_type_word = { NULL, NULL, read_word };

/* ---- numbers and the like ---- */

static bool
in_range(const struct spec_key *k, const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= k->min &&
	    json_integer_value(value) <= k->max;
}

static void
read_int(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (in_range(k, value))
		*AT(into, k, int) = (int)json_integer_value(value);
	else
		spec_read_mismatch_key(r, k, value);
}

static void
read_count(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (spec_type_is_none(k, value))
		*AT(into, k, uint32_t) = 0;
	else if (in_range(k, value))
		*AT(into, k, uint32_t) = (uint32_t)json_integer_value(value);
	else
		spec_read_mismatch_key(r, k, value);
}

static void
read_oom_score_adj(struct spec_reader *r, const struct spec_key *k, const json_t *value,
    void *into)
{
	struct service *s = into;

	read_int(r, k, value, into);
	s->process.oom_score_adj_set = true;
}

static void
read_bool(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (json_is_boolean(value))
		*AT(into, k, bool) = json_is_true(value);
	else
		spec_read_mismatch_key(r, k, value);
}

bool
spec_type_read_duration(struct spec_reader *r, const char *expect, int64_t min_ns,
    const json_t *value, int64_t *ns)
{
	char text[SCALAR_DURATION_MAX];
	struct diag why;

	if (json_is_integer(value))
		spec_read_fail(r, "expected %s, found %lld: a number needs a unit, as in \"%llds\"",
		    expect, (long long)json_integer_value(value),
		    (long long)json_integer_value(value));
	else if (!json_is_string(value))
		spec_read_mismatch(r, expect, value);
	else if (!scalar_duration(json_string_value(value), ns, &why))
		spec_read_fail(r, "%s", why.text);
	else if (*ns < min_ns)
		spec_read_fail(r, "\"%s\" is out of range: at least %s",
		    json_string_value(value), scalar_format_duration(min_ns, text, sizeof(text)));
	else
		return true;
	return false;
}

static void
read_duration(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (spec_type_is_none(k, value))
		*AT(into, k, int64_t) = 0;
	else if (!json_is_integer(value) && !json_is_string(value))
		spec_read_mismatch_key(r, k, value);
	else
		spec_type_read_duration(r, k->type->expect, k->min, value, AT(into, k, int64_t));
}

static void
read_mode(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct diag why;

	if (!json_is_string(value))
		spec_read_mismatch_key(r, k, value);
	else if (!scalar_mode(json_string_value(value), AT(into, k, mode_t), &why))
		spec_read_fail(r, "%s", why.text);
}

const struct spec_type spec_type_int = { NULL, NULL, read_int };
const struct spec_type spec_type_count = { NULL, NULL, read_count };
const struct spec_type spec_type_oom_score_adj = { NULL, NULL, read_oom_score_adj };
const struct spec_type spec_type_bool = { "true or false", "{\"type\":\"boolean\"}", read_bool };

const struct spec_type spec_type_duration = {
	"a duration such as \"10s\"",
	"{\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|min|h|d)$\"}", read_duration
};

static void
read_size(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	uint64_t bytes;
	struct diag why;

	if (!json_is_string(value))
		spec_read_mismatch_key(r, k, value);
	else if (!scalar_size(json_string_value(value), &bytes, &why))
		spec_read_fail(r, "%s", why.text);
	else if (bytes < (uint64_t)k->min || bytes > (uint64_t)k->max)
		spec_read_fail(r, "\"%s\" is out of range: from %lld to %lld bytes",
		    json_string_value(value), (long long)k->min, (long long)k->max);
	else
		*AT(into, k, int64_t) = (int64_t)bytes;
}

const struct spec_type spec_type_size = {
	"a size such as \"256K\"",
	"{\"type\":\"string\",\"pattern\":\"^[0-9]+[BKMGT]$\"}", read_size
};

const struct spec_type spec_type_mode = {
	"a string with an octal mode such as \"0660\"",
	"{\"type\":\"string\",\"pattern\":\"^0?[0-7]{3}$\"}", read_mode
};

/* ---- users and groups ---- */

/* A name or a number; a string of digits is a number.  false: neither. */
static bool
ident_of(const json_t *value, struct spec_ident *out)
{
	const char *name = json_string_value(value), *wrong = NULL;
	long long id = json_is_integer(value) ? json_integer_value(value) : -1;
	bool numeric = json_is_integer(value);

	if (json_is_string(value) && name[0] == '\0')
		return false;
	if (json_is_string(value) && name[strspn(name, "0123456789")] == '\0') {
		id = strtonum(name, 0, ID_MAX, &wrong);
		numeric = true;
	}
	if ((!numeric && !json_is_string(value)) || wrong != NULL ||
	    (numeric && (id < 0 || id > ID_MAX)))
		return false;
	*out = (struct spec_ident){ .set = true, .numeric = numeric,
		.id = numeric ? (uint32_t)id : 0, .name = numeric ? NULL : xstrdup(name) };
	return true;
}

static void
read_ident(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (!ident_of(value, AT(into, k, struct spec_ident)))
		spec_read_mismatch_key(r, k, value);
}

#define IDENT_SCHEMA "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1}," \
    "{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967294}]}"

const struct spec_type spec_type_user = {
	"a user name or a number from 0 to 4294967294", IDENT_SCHEMA, read_ident
};

const struct spec_type spec_type_group = {
	"a group name or a number from 0 to 4294967294", IDENT_SCHEMA, read_ident
};

/* ---- lists ---- */

/* Complain about one element of a list. */
void
spec_type_element_mismatch(struct spec_reader *r, size_t i, const char *expect, const json_t *value)
{
	char index[32];

	snprintf(index, sizeof(index), "[%zu]", i);
	spec_read_push(r, index);
	spec_read_mismatch(r, expect, value);
	spec_read_pop(r);
}

static void
read_groups(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct service *s = into;

	if (!json_is_array(value)) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	s->groups_set = true;
	s->groups = xcalloc(json_array_size(value), sizeof(*s->groups));
	for (size_t i = 0; i < json_array_size(value); i++)
		if (ident_of(json_array_get(value, i), &s->groups[s->ngroups]))
			s->ngroups++;
		else
			spec_type_element_mismatch(r, i, spec_type_group.expect,
			    json_array_get(value, i));
}

/* What is wrong with one string of a list: what was expected instead, or NULL. */
typedef const char *list_check(size_t i, const char *text);

/* An array of strings as a NULL-terminated list; NULL after a complaint. */
static char **
read_list(struct spec_reader *r, const json_t *array, list_check *check)
{
	size_t n = json_array_size(array), made = 0;
	char **list = xcalloc(n + 1, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(array, i);
		const char *expect = json_is_string(e) ? check(i, json_string_value(e)) :
		    "a string";

		if (expect != NULL)
			spec_type_element_mismatch(r, i, expect, e);
		else
			list[made++] = xstrdup(json_string_value(e));
	}
	if (made == n)
		return list;
	spec_type_free_list(list);
	return NULL;
}

void
spec_type_free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static const char *
check_exec(size_t i, const char *text)
{
	return i == 0 && text[0] != '/' ? "the absolute path of a program" : NULL;
}

static const char *
check_path(size_t i, const char *text)
{
	(void)i;
	return text[0] != '/' ? "an absolute path" : NULL;
}

static void
read_exec(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (json_array_size(value) == 0)
		spec_read_mismatch_key(r, k, value);
	else
		*AT(into, k, char **) = read_list(r, value, check_exec);
}

static const char *
check_target(size_t i, const char *text)
{
	struct addr addr;

	(void)i;
	if (relay_target_parse(text, &addr))
		return NULL;
	return "a target such as \"tcp:10.0.0.2:80\", \"tcp:[2001:db8::1]:80\" or \"unix:/run/x\" (berth "
	    "asks no DNS)";
}

static void
read_targets(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct service *s = into;

	s->what = SPEC_RELAY;
	if (json_array_size(value) == 0 || json_array_size(value) > TARGETS_MAX) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	s->relay.to = read_list(r, value, check_target);
	s->relay.count = json_array_size(value);
}

const struct spec_type spec_type_targets = {
	"an array of 1 to 64 targets such as \"tcp:10.0.0.2:80\"",
	"{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"items\":{\"type\":\"string\","
	"\"pattern\":\"^(tcp:.+:[0-9]+|unix:/.+)$\"}}", read_targets
};

static void
read_paths(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	if (json_array_size(value) == 0)
		spec_read_mismatch_key(r, k, value);
	else
		*AT(into, k, char **) = read_list(r, value, check_path);
}

static void
read_endpoint(struct spec_reader *r, const json_t *value, struct service *s)
{
	struct diag why;

	if (endpoint_parse(json_string_value(value), &s->listen[s->nlisten], &why))
		s->nlisten++;
	else
		spec_read_fail(r, "%s", why.text);
}

static void
read_listen(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	size_t n = json_is_string(value) ? 1 : json_array_size(value);
	struct service *s = into;

	if (n == 0 || n > LISTEN_MAX) {
		if (n > LISTEN_MAX)
			spec_read_fail(r, "expected at most %d endpoints, found %zu", LISTEN_MAX, n);
		else
			spec_read_mismatch_key(r, k, value);
		return;
	}
	s->listen = xcalloc(n, sizeof(*s->listen));
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_is_string(value) ? value : json_array_get(value, i);

		if (json_is_string(e))
			read_endpoint(r, e, s);
		else
			spec_type_element_mismatch(r, i, "a string such as \"tcp:7777\"", e);
	}
}

const struct spec_type spec_type_groups = {
	"an array of group names or numbers",
	"{\"type\":\"array\",\"items\":" IDENT_SCHEMA "}", read_groups
};

const struct spec_type spec_type_exec = {
	"an array of strings, the first the absolute path of a program",
	"{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\"},"
	"\"prefixItems\":[{\"type\":\"string\",\"pattern\":\"^/\"}]}", read_exec
};

const struct spec_type spec_type_paths = {
	"an array of absolute paths",
	"{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"pattern\":\"^/\"}}",
	read_paths
};

const struct spec_type spec_type_listen = {
	"an endpoint such as \"tcp:7777\", or an array of 1 to 256 of them",
	"{\"anyOf\":[{\"$ref\":\"#/$defs/endpoint\"},{\"type\":\"array\",\"minItems\":1,"
	"\"maxItems\":256,\"items\":{\"$ref\":\"#/$defs/endpoint\"}}]}", read_listen
};

/* ---- environment ---- */

static const char *const berth_sets[] = {
	"PROTO", "TCPLOCALIP", "TCPLOCALPORT", "TCPREMOTEIP", "TCPREMOTEPORT", "UNIXLOCALPATH",
	"UNIXREMOTEEUID", "UNIXREMOTEEGID", "UNIXREMOTEPID", "REMOTE_ADDR", "REMOTE_PORT",
	"REMOTE_HOST", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", NULL
};

static bool
is_set_by_berth(const char *name)
{
	for (size_t i = 0; berth_sets[i] != NULL; i++)
		if (strcmp(name, berth_sets[i]) == 0)
			return true;
	return strncmp(name, "BERTH_", 6) == 0;
}

static bool
is_name(const char *name)
{
	if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && *p != '_'))
			return false;
	return true;
}

static const char *
check_variable(size_t i, const char *name)
{
	(void)i;
	if (!is_name(name))
		return "the name of a variable ([A-Za-z_][A-Za-z0-9_]*)";
	return is_set_by_berth(name) ? "a name that berth does not set itself" : NULL;
}

static char *
variable(const char *name, const char *value)
{
	size_t room = strlen(name) + strlen(value) + 2;
	char *text = xcalloc(room, 1);

	snprintf(text, room, "%s=%s", name, value);
	return text;
}

static void
read_environment(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	char ***list = AT(into, k, char **);
	const char *name, *expect;
	size_t made = 0;
	json_t *text;

	if (!json_is_object(value)) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	*list = xcalloc(json_object_size(value) + 1, sizeof(**list));
	json_object_foreach((json_t *)value, name, text) {
		spec_read_push(r, name);
		if ((expect = check_variable(0, name)) != NULL)
			spec_read_fail(r, "expected %s", expect);
		else if (!json_is_string(text))
			spec_read_mismatch(r, "a string", text);
		else
			(*list)[made++] = variable(name, json_string_value(text));
		spec_read_pop(r);
	}
}

static void
read_pass_environment(struct spec_reader *r, const struct spec_key *k, const json_t *value,
    void *into)
{
	if (json_is_array(value))
		*AT(into, k, char **) = read_list(r, value, check_variable);
	else
		spec_read_mismatch_key(r, k, value);
}

const struct spec_type spec_type_environment = {
	"an object of names and strings",
	"{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\"},"
	"\"additionalProperties\":{\"type\":\"string\"}}", read_environment
};

const struct spec_type spec_type_pass_environment = {
	"an array of names of variables",
	"{\"type\":\"array\",\"items\":{\"type\":\"string\","
	"\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\"}}", read_pass_environment
};

/* ---- rlimits ---- */

enum rlimit_unit { UNIT_PLAIN, UNIT_BYTES, UNIT_SECONDS, UNIT_MICROSECONDS };

static const char *const rlimit_expect[] = {
	[UNIT_PLAIN] = "a whole number, \"unlimited\", or an array of two such (soft, hard)",
	[UNIT_BYTES] = "a number of bytes, a size such as \"64M\", \"unlimited\", or an array of two "
	    "such (soft, hard)",
	[UNIT_SECONDS] = "a number of seconds, a duration in whole seconds such as \"60s\", "
	    "\"unlimited\", or an array of two such (soft, hard)",
	[UNIT_MICROSECONDS] = "a number of microseconds, a duration such as \"500ms\", \"unlimited\", "
	    "or an array of two such (soft, hard)",
};

static const struct rlimit_row {
	const char *name;
	int number;
	enum rlimit_unit unit;
} rlimit_rows[] = {
	{ "as", RLIMIT_AS, UNIT_BYTES }, { "core", RLIMIT_CORE, UNIT_BYTES },
	{ "cpu", RLIMIT_CPU, UNIT_SECONDS }, { "data", RLIMIT_DATA, UNIT_BYTES },
	{ "fsize", RLIMIT_FSIZE, UNIT_BYTES }, { "locks", RLIMIT_LOCKS, UNIT_PLAIN },
	{ "memlock", RLIMIT_MEMLOCK, UNIT_BYTES }, { "msgqueue", RLIMIT_MSGQUEUE, UNIT_BYTES },
	{ "nice", RLIMIT_NICE, UNIT_PLAIN }, { "nofile", RLIMIT_NOFILE, UNIT_PLAIN },
	{ "nproc", RLIMIT_NPROC, UNIT_PLAIN }, { "rss", RLIMIT_RSS, UNIT_BYTES },
	{ "rtprio", RLIMIT_RTPRIO, UNIT_PLAIN }, { "rttime", RLIMIT_RTTIME, UNIT_MICROSECONDS },
	{ "sigpending", RLIMIT_SIGPENDING, UNIT_PLAIN }, { "stack", RLIMIT_STACK, UNIT_BYTES },
	{ NULL, 0, UNIT_PLAIN }
};

const char *
spec_type_rlimit_name(size_t i)
{
	return rlimit_rows[i].name;
}

/* A string: "unlimited", or with the unit of the limit's kind. */
static bool
rlimit_from_text(enum rlimit_unit unit, const char *text, rlim_t *out)
{
	struct diag why;
	uint64_t bytes;
	int64_t ns, one = unit == UNIT_SECONDS ? 1000000000 : 1000;

	if (strcmp(text, "unlimited") == 0) {
		*out = RLIM_INFINITY;
		return true;
	}
	if (unit == UNIT_PLAIN)
		return false;
	if (unit == UNIT_BYTES) {
		if (!scalar_size(text, &bytes, &why))
			return false;
		*out = bytes;
		return true;
	}
	if (!scalar_duration(text, &ns, &why) || ns % one != 0)
		return false;
	*out = (rlim_t)(ns / one);
	return true;
}

static bool
rlimit_value(struct spec_reader *r, const struct rlimit_row *row, const json_t *value, rlim_t *out)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = (rlim_t)json_integer_value(value);
		return true;
	}
	if (json_is_string(value) && rlimit_from_text(row->unit, json_string_value(value), out))
		return true;
	spec_read_mismatch(r, rlimit_expect[row->unit], value);
	return false;
}

static void
read_rlimit(struct spec_reader *r, const struct rlimit_row *row, const json_t *value,
    struct spec_rlimit *out)
{
	const json_t *soft = value, *hard = value;

	if (json_array_size(value) == 2) {
		soft = json_array_get(value, 0);
		hard = json_array_get(value, 1);
	}
	if (!rlimit_value(r, row, soft, &out->soft) ||
	    (hard != soft && !rlimit_value(r, row, hard, &out->hard)))
		return;
	if (hard == soft)
		out->hard = out->soft;
	out->set = true;
	if (out->soft > out->hard)
		spec_read_fail(r, "expected [soft, hard] with soft not above hard, found the soft "
		    "limit above the hard one");
}

static const struct rlimit_row *
find_rlimit(const char *name)
{
	for (const struct rlimit_row *row = rlimit_rows; row->name != NULL; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static void
read_rlimits(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct spec_rlimit *limits = AT(into, k, struct spec_rlimit);
	const struct rlimit_row *row;
	const char *name;
	json_t *limit;

	if (!json_is_object(value)) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	json_object_foreach((json_t *)value, name, limit) {
		if ((row = find_rlimit(name)) == NULL) {
			spec_read_unknown_name(r, spec_type_rlimit_name, name);
			continue;
		}
		spec_read_push(r, row->name);
		read_rlimit(r, row, limit, &limits[row->number]);
		spec_read_pop(r);
	}
}

const struct spec_type spec_type_rlimits = {
	"an object of resource limits",
	"{\"type\":\"object\",\"additionalProperties\":false}", read_rlimits
};

/* ---- of berth.json alone ---- */

static void
read_stop_grace(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct settings *s = into;

	if (json_is_string(value) && strcmp(json_string_value(value), "leave") == 0)
		s->stop_leave = true;
	else
		read_duration(r, k, value, into);
}

/* `defaults` is checked by reading it as a service, which is thrown away. */
static void
read_defaults(struct spec_reader *r, const struct spec_key *k, const json_t *value, void *into)
{
	struct settings *s = into;
	struct service *scratch;

	if (!json_is_object(value)) {
		spec_read_mismatch_key(r, k, value);
		return;
	}
	scratch = spec_blank();
	r->forbidden = SPEC_OWN;
	spec_read_object(r, spec_keys_service, value, scratch);
	r->forbidden = 0;
	spec_release(scratch);
	s->defaults = json_incref((json_t *)value);
}

const struct spec_type spec_type_stop_grace = {
	"a duration such as \"30s\", or \"leave\"",
	"{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|min|h|d)$\"},"
	"{\"const\":\"leave\"}]}", read_stop_grace
};

const struct spec_type spec_type_defaults = {
	"an object of keys of a service file", "{\"type\":\"object\"}", read_defaults
};
