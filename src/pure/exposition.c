#include "exposition.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "record.h"
#include "xalloc.h"

#define NUMBER_MAX 32
#define LABELS_MAX 8

/* How a type is called, here and in the text format before, and how its samples end. */
static const struct {
	const char *word, *old_word, *ending;
} types[] = {
	[EXPOSITION_COUNTER] = { "counter", "counter", "_total" },
	[EXPOSITION_GAUGE] = { "gauge", "gauge", "" },
	[EXPOSITION_HISTOGRAM] = { "histogram", "histogram", "" },
	[EXPOSITION_INFO] = { "info", "gauge", "_info" },
	[EXPOSITION_STATESET] = { "stateset", "gauge", "" },
};

void
exposition_init(struct exposition *x, bool openmetrics)
{
	*x = (struct exposition){ .openmetrics = openmetrics };
}

/* ---- text ---- */

static void
put(struct exposition *x, const char *bytes, size_t n)
{
	if (x->room - x->len <= n) {
		x->room = x->room * 2 + n + 4096;
		x->text = xreallocarray(x->text, x->room, 1);
	}
	memcpy(x->text + x->len, bytes, n);
	x->len += n;
	x->text[x->len] = '\0';
}

static void
put_text(struct exposition *x, const char *text)
{
	put(x, text, strlen(text));
}

/* One character of a label's value, at text; returns how many bytes it had. */
static size_t
put_char(struct exposition *x, const char *text, size_t len)
{
	size_t n = record_plain_char(text, len);
	char hex[8];

	if (text[0] == '\n') {
		put_text(x, "\\n");
	} else if (text[0] == '"' || text[0] == '\\') {
		put(x, "\\", 1);
		put(x, text, 1);
	} else if (n == 0) {
		(void)snprintf(hex, sizeof(hex), "\\\\x%02x", (unsigned char)text[0]);
		put_text(x, hex);
	} else {
		put(x, text, n);
		return n;
	}
	return 1;
}

static void
put_label(struct exposition *x, const struct exposition_label *l)
{
	size_t len = strlen(l->value);

	put_text(x, l->name);
	put_text(x, "=\"");
	for (size_t i = 0; i < len;)
		i += put_char(x, l->value + i, len - i);
	put(x, "\"", 1);
}

static void
put_labels(struct exposition *x, const struct exposition_label *labels, size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		put(x, i == 0 ? "{" : ",", 1);
		put_label(x, &labels[i]);
	}
	put(x, "}", 1);
}

/* "# TYPE name word\n"; the text format before has the ending of the samples in it. */
static void
put_about(struct exposition *x, const char *what, const char *said)
{
	const struct exposition_family *f = x->family;

	put_text(x, "# ");
	put_text(x, what);
	put(x, " ", 1);
	put_text(x, f->name);
	if (!x->openmetrics)
		put_text(x, types[f->type].ending);
	put(x, " ", 1);
	put_text(x, said);
	put(x, "\n", 1);
}

void
exposition_family(struct exposition *x, const struct exposition_family *f)
{
	x->family = f;
	put_about(x, "TYPE", x->openmetrics ? types[f->type].word : types[f->type].old_word);
	if (f->unit != NULL && x->openmetrics)
		put_about(x, "UNIT", f->unit);
	put_about(x, "HELP", f->help);
}

/* ---- samples ---- */

static void
sample(struct exposition *x, const char *ending, const struct exposition_label *labels, size_t n,
    const char *value)
{
	put_text(x, x->family->name);
	put_text(x, ending);
	put_labels(x, labels, n);
	put(x, " ", 1);
	put_text(x, value);
	put(x, "\n", 1);
}

/* The fewest digits from which the same number is read again. */
static void
format_real(char buf[static NUMBER_MAX], double value)
{
	for (int digits = 6; digits <= 17; digits++) {
		(void)snprintf(buf, NUMBER_MAX, "%.*g", digits, value);
		if (strtod(buf, NULL) == value)
			break;
	}
	/* a whole one is still no integer */
	if (strpbrk(buf, ".en") == NULL)
		strlcat(buf, ".0", NUMBER_MAX);
}

void
exposition_integer(struct exposition *x, const struct exposition_label *labels, size_t n, int64_t value)
{
	char text[NUMBER_MAX];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	sample(x, types[x->family->type].ending, labels, n, text);
}

void
exposition_real(struct exposition *x, const struct exposition_label *labels, size_t n, double value)
{
	char text[NUMBER_MAX];

	format_real(text, value);
	sample(x, types[x->family->type].ending, labels, n, text);
}

void
exposition_histogram(struct exposition *x, const struct exposition_label *labels, size_t n,
    const uint64_t bucket[static HISTOGRAM_BUCKETS], double sum_seconds)
{
	struct exposition_label all[LABELS_MAX];
	char count[NUMBER_MAX], bound[NUMBER_MAX];
	uint64_t seen = 0;

	assert(n < LABELS_MAX);
	if (n > 0)
		memcpy(all, labels, n * sizeof(*labels));
	all[n] = (struct exposition_label){ "le", bound };
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += bucket[i];
		format_real(bound, (double)histogram_bound_ns(i) / 1e9);
		if (i == HISTOGRAM_BUCKETS - 1)
			(void)strlcpy(bound, "+Inf", sizeof(bound));
		(void)snprintf(count, sizeof(count), "%llu", (unsigned long long)seen);
		sample(x, "_bucket", all, n + 1, count);
	}
	sample(x, "_count", labels, n, count);
	format_real(bound, sum_seconds);
	sample(x, "_sum", labels, n, bound);
}

char *
exposition_finish(struct exposition *x, size_t *len)
{
	char *text;

	put_text(x, x->openmetrics ? "# EOF\n" : "");
	text = x->text;
	*len = x->len;
	*x = (struct exposition){ 0 };
	return text;
}
