/*
 * pagechart - small drawings of the status page, as inline SVG
 */
#ifndef BERTH_PAGECHART_H
#define BERTH_PAGECHART_H

#include <jansson.h>

#include "../pure/html.h"

/* A bar of so much of `whole`; nothing where whole is 0.  It says nothing that is not in the text beside it. */
void pagechart_bar(struct html *h, long long part, long long whole);

/*
 * How durations are distributed, with what they are called and their quantiles above: a Histogram of the control
 * socket, with its buckets.  All have the same logarithmic axis, from 1 us to 5000 s.
 */
void pagechart_histogram(struct html *h, const char *name, const json_t *histogram);

#endif
