/*
 * amount - durations, sizes and counts as people read them
 */
#ifndef BERTH_AMOUNT_H
#define BERTH_AMOUNT_H

#include <stddef.h>

#define AMOUNT_TEXT_MAX 32

/*
 * How long, in at most eight characters without a space: "0.2ms", "40ms", "4.2s", "42s", "3min20s",
 * "42min", "2h5min", "4d1h".  Below 0 is 0.  Returns buf.
 */
const char *amount_duration(double seconds, char *buf, size_t size);

/* "532", "1.5K", "12K", "3.0M": rounded down, in powers of 1024.  Below 0 is 0.  Returns buf. */
const char *amount_bytes(long long bytes, char *buf, size_t size);

/* "1,234,567".  Returns buf. */
const char *amount_count(long long count, char *buf, size_t size);

#endif
