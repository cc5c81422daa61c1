/*
 * recent - what the last events of the ring say of refusals
 */
#ifndef BERTH_RECENT_H
#define BERTH_RECENT_H

#include <jansson.h>
#include <stdint.h>

#include "stats.h"

#define RECENT_GAP_NS INT64_C(60000000000)
#define RECENT_SOURCES 3

/*
 * Bursts of refusals that go on: of each service the refusals without a pause of RECENT_GAP_NS between two of them, or
 * between the last one and now.  now_ns: as realtime_ns of the events.  An object by service, of
 *   count; seconds: since the first; more: there were others before, which the ring has forgotten;
 *   reasons: how many by reason; sources: [{source, count}], the RECENT_SOURCES with the most, of `of`
 * A source is an address without its port, or what log.peer leaves of it; none where it leaves nothing.  New reference.
 */
json_t *recent_refusals(const struct stats *s, int64_t now_ns);

#endif
