#include "scalar.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

#define MS 1000000LL
#define DAYS_MAX 36500
#define RATE_COUNT_MAX 1000000
#define RATE_DAYS_MAX 365

/* The greatest first: the formatter takes the first that divides. */
static const struct unit durations[] = {
	{ "d", 86400000 * MS }, { "h", 3600000 * MS }, { "min", 60000 * MS }, { "s", 1000 * MS },
	{ "ms", MS }, { NULL, 0 }
};

static const struct unit sizes[] = {
	{ "T", 1ULL << 40 }, { "G", 1ULL << 30 }, { "M", 1ULL << 20 }, { "K", 1ULL << 10 },
	{ "B", 1 }, { NULL, 0 }
};

/* What a kind of value says in its messages. */
struct kind {
	const struct unit *units;
	uint64_t max;
	const char *expect, *example, *range;
};

static const struct kind duration = {
	durations, DAYS_MAX * 86400000ULL * MS,
	"a duration such as \"250ms\", \"10s\", \"5min\", \"2h\" or \"1d\"", "s",
	"a duration is at most 36500d",
};

static const struct kind size = {
	sizes, INT64_MAX,
	"a size such as \"512B\", \"64K\", \"16M\", \"1G\" or \"2T\"", "K",
	"a size is below 8388608T",
};

static const struct unit *
find_unit(const struct unit *u, const char *name)
{
	while (u->name != NULL && strcmp(u->name, name) != 0)
		u++;
	return u->name != NULL ? u : NULL;
}

/* number * factor <= max, found without overflow; digits end where the unit begins */
static bool
multiply(const char *text, size_t digits, uint64_t factor, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < digits; i++) {
		uint64_t d = (uint64_t)(text[i] - '0');

		if (n > (max / factor - d) / 10 || max / factor < d)
			return false;
		n = n * 10 + d;
	}
	*out = n * factor;
	return true;
}

static bool
parse(const struct kind *k, const char *text, uint64_t *out, struct diag *why)
{
	size_t digits = strspn(text, "0123456789");
	const struct unit *u;
	char q[DIAG_QUOTE_MAX];

	diag_quote(text, q, sizeof(q));
	if (digits > 0 && text[digits] == '\0') {
		diag_set(why, "%s needs a unit, as in \"%.*s%s\"", q, digits > 20 ? 20 : (int)digits,
		    text, k->example);
		return false;
	}
	u = find_unit(k->units, text + digits);
	if (digits == 0 || u == NULL) {
		diag_set(why, "expected %s, found %s", k->expect, q);
		return false;
	}
	if (!multiply(text, digits, u->factor, k->max, out)) {
		diag_set(why, "%s is out of range: %s", q, k->range);
		return false;
	}
	return true;
}

bool
scalar_duration(const char *text, int64_t *ns, struct diag *why)
{
	uint64_t n;

	if (!parse(&duration, text, &n, why))
		return false;
	*ns = (int64_t)n;
	return true;
}

bool
scalar_size(const char *text, uint64_t *bytes, struct diag *why)
{
	return parse(&size, text, bytes, why);
}

/* Behind the slash of a rate: a unit, or a duration.  0: neither; UINT64_MAX: out of range. */
static uint64_t
rate_period(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const struct unit *u = find_unit(durations, text + digits);
	uint64_t ns;

	if (u == NULL)
		return 0;
	if (digits == 0)
		return u->factor;
	if (!multiply(text, digits, u->factor, RATE_DAYS_MAX * 86400000ULL * MS, &ns) || ns == 0)
		return UINT64_MAX;
	return ns;
}

/* "50" or "50/10": digits where a unit should end the text. */
static bool
refuse_bare(const char *text, const char *behind, const char *example, struct diag *why)
{
	char q[DIAG_QUOTE_MAX];

	if (behind[0] == '\0' || behind[strspn(behind, "0123456789")] != '\0')
		return false;
	diag_set(why, "%s needs a unit, as in \"%.20s%s\"", diag_quote(text, q, sizeof(q)), text,
	    example);
	return true;
}

bool
scalar_rate(const char *text, struct bucket_rate *rate, struct diag *why)
{
	size_t digits = strspn(text, "0123456789");
	bool slash = digits > 0 && text[digits] == '/';
	uint64_t count = 0, per = slash ? rate_period(text + digits + 1) : 0;
	char q[DIAG_QUOTE_MAX];

	diag_quote(text, q, sizeof(q));
	if (refuse_bare(text, text, "/s", why) ||
	    (slash && refuse_bare(text, text + digits + 1, "s", why)))
		return false;
	if (per == 0) {
		diag_set(why, "expected a rate such as \"50/s\", \"10/min\", \"100/h\" or \"5/10s\", "
		    "found %s", q);
		return false;
	}
	if (!multiply(text, digits, 1, RATE_COUNT_MAX, &count) || count == 0 || per == UINT64_MAX) {
		diag_set(why, "%s is out of range: a rate is from 1 to %d, over at least 1ms and at "
		    "most %dd", q, RATE_COUNT_MAX, RATE_DAYS_MAX);
		return false;
	}
	rate->count = (uint32_t)count;
	rate->per_ns = (int64_t)per;
	return true;
}

bool
scalar_mode(const char *text, mode_t *mode, struct diag *why)
{
	size_t len = strlen(text);
	char q[DIAG_QUOTE_MAX];
	mode_t m = 0;

	if (len < 3 || len > 4 || strspn(text, "01234567") != len || (len == 4 && text[0] != '0')) {
		diag_set(why,
		    "expected an octal mode from \"000\" to \"777\", such as \"0660\", found %s",
		    diag_quote(text, q, sizeof(q)));
		return false;
	}
	for (size_t i = 0; i < len; i++)
		m = m * 8 + (mode_t)(text[i] - '0');
	*mode = m;
	return true;
}

const char *
scalar_format_duration(int64_t ns, char *buf, size_t bufsize)
{
	const struct unit *u = durations;
	uint64_t n = ns > 0 ? (uint64_t)ns : 0;

	if (n < MS) {
		snprintf(buf, bufsize, "0s");
		return buf;
	}
	n -= n % MS;
	while (n % u->factor != 0)
		u++;
	snprintf(buf, bufsize, "%llu%s", (unsigned long long)(n / u->factor), u->name);
	return buf;
}

const char *
scalar_format_rate(const struct bucket_rate *rate, char *buf, size_t bufsize)
{
	char per[SCALAR_DURATION_MAX];
	const char *p = scalar_format_duration(rate->per_ns, per, sizeof(per));

	/* one of a unit goes without its number */
	if (p[0] == '1' && (p[1] < '0' || p[1] > '9'))
		p++;
	snprintf(buf, bufsize, "%u/%s", rate->count, p);
	return buf;
}
