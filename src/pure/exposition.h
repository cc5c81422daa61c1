/*
 * exposition - measurements as text for Prometheus and those that read the same
 *
 * OpenMetrics 1.0, or the text format of Prometheus that was before it (0.0.4), which has neither units
 * nor all of the types.  A family is named once, with all of its samples after it.
 *
 * Values of labels are the only text from outside.  Beside what the format has to have escaped, control
 * characters and invalid UTF-8 become \xHH: the text may be printed on a terminal.
 */
#ifndef BERTH_EXPOSITION_H
#define BERTH_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum exposition_type {
	EXPOSITION_COUNTER,	/* its samples end in _total */
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_INFO,	/* its samples end in _info and are 1 */
	EXPOSITION_STATESET	/* a label of the family's own name, with each state; 1 or 0 */
};

struct exposition_family {
	const char *name;	/* "berth_pool_active": without the ending of its samples, with its unit */
	enum exposition_type type;
	const char *unit;	/* the last word of the name: "seconds", "bytes"; NULL: none */
	const char *help;	/* one line, without quotes and backslashes */
};

struct exposition_label {
	const char *name, *value;
};

struct exposition {
	bool openmetrics;
	const struct exposition_family *family;	/* whose samples follow */
	char *text;		/* owned */
	size_t len, room;
};

void exposition_init(struct exposition *x, bool openmetrics);

/* The samples that follow are of this family, which has not been before.  Borrowed until the next. */
void exposition_family(struct exposition *x, const struct exposition_family *f);

/* A sample with n labels. */
void exposition_integer(struct exposition *x, const struct exposition_label *labels, size_t n, int64_t value);
void exposition_real(struct exposition *x, const struct exposition_label *labels, size_t n, double value);

/*
 * The samples of a histogram: buckets as they are counted (pure/histogram.h), each for itself.  _count is their sum, so
 * that it is that of le="+Inf" whatever else was counted.
 */
void exposition_histogram(struct exposition *x, const struct exposition_label *labels, size_t n,
    const uint64_t bucket[static HISTOGRAM_BUCKETS], double sum_seconds);

/* The end.  Returns the text, which the caller frees; x is empty after that. */
char *exposition_finish(struct exposition *x, size_t *len);

#endif
