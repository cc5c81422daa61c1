/*
 * scalar - durations, sizes, rates, modes: the strings with a unit
 */
#ifndef BERTH_SCALAR_H
#define BERTH_SCALAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bucket.h"
#include "diag.h"

/*
 * "250ms" "10s" "5min" "2h" "1d" into nanoseconds.  Decimal digits and one unit,
 * no sign, space or fraction.  A bare number explains that a unit is needed
 * ('"50" needs a unit, as in "50s"').  More than 36500d is out of range.
 */
bool scalar_duration(const char *text, int64_t *ns, struct diag *why);

/* "64K" "16M" "1G" "2T" (1024s) or "512" + "B"; into bytes.  A bare number needs a unit. */
bool scalar_size(const char *text, uint64_t *bytes, struct diag *why);

/*
 * "50/s" "10/min" "100/h" or N per duration, "5/10s", into count and per_ns; the burst is left alone.  From 1 to 1000000, over
 * 1ms to 365d.  A bare number explains that a unit is needed ('"50" needs a unit, as in "50/s"').
 */
bool scalar_rate(const char *text, struct bucket_rate *rate, struct diag *why);

/* Octal file mode "0660", "022": three digits 0-7, or four of which the first is 0; at most 0777. */
bool scalar_mode(const char *text, mode_t *mode, struct diag *why);

/* Shortest text with the largest whole unit: "10s", "250ms", "2h", "1500ms"; 0 is "0s".  Returns buf. */
#define SCALAR_DURATION_MAX 24
const char *scalar_format_duration(int64_t ns, char *buf, size_t size);

/* "50/s", "5/10s".  Returns buf. */
#define SCALAR_RATE_MAX 40
const char *scalar_format_rate(const struct bucket_rate *rate, char *buf, size_t size);

#endif
