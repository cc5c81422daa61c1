#include "../../src/pure/recent.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define S INT64_C(1000000000)

static struct stats ring;

static void
refuse(const char *service, const char *peer, enum admit_verdict reason, int64_t at_s)
{
	struct stats_event e = { .what = STATS_REFUSE, .reason = (uint8_t)reason,
		.realtime_ns = at_s * S };

	strcpy(e.service, service);
	strcpy(e.peer, peer);
	stats_record(&ring, &e);
}

static void
check(const char *label, int64_t now_s, const char *want)
{
	json_t *got = recent_refusals(&ring, now_s * S);
	char *text = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS);

	UNIT_CHECK(label, strcmp(text, want) == 0, "%s\n# not %s", text, want);
	free(text);
	json_decref(got);
	memset(ring.head, 0, stats_bytes(0));
	stats_init(ring.head);
}

int
main(void)
{
	struct stats_event start = { .what = STATS_START, .realtime_ns = 1000 * S };

	ring = stats_parts(calloc(1, stats_bytes(0)), 0);
	stats_init(ring.head);
	strcpy(start.service, "a");

	check("nothing was recorded", 1000, "{}");

	stats_record(&ring, &start);
	check("a start is no refusal", 1000, "{}");

	refuse("a", "192.0.2.7:4711", ADMIT_SOURCE_RATE, 900);
	check("one that is a while ago does not go on", 1000, "{}");

	refuse("a", "192.0.2.7:1", ADMIT_SOURCE_RATE, 900);
	refuse("a", "192.0.2.7:2", ADMIT_SOURCE_RATE, 970);
	stats_record(&ring, &start);
	refuse("a", "192.0.2.7:3", ADMIT_PENALTY, 980);
	refuse("b", "", ADMIT_DENIED, 999);
	check("each service by itself, back to the last pause", 1000,
	    "{\"a\":{\"count\":2,\"more\":false,\"of\":1,\"reasons\":{\"penalty\":1,\"source-rate\":1},\"seconds\":30.0,"
	    "\"sources\":[{\"count\":2,\"source\":\"192.0.2.7\"}]},"
	    "\"b\":{\"count\":1,\"more\":false,\"of\":0,\"reasons\":{\"denied\":1},\"seconds\":1.0,\"sources\":[]}}");

	refuse("a", "[2001:db8::1]:79", ADMIT_DENIED, 1000);
	refuse("a", "2001:db8::/64", ADMIT_DENIED, 1000);
	refuse("a", "uid:1000", ADMIT_DENIED, 1000);
	refuse("a", "uid:1000", ADMIT_DENIED, 1000);
	refuse("a", "[2001:db8::1]:80", ADMIT_DENIED, 1000);
	refuse("a", "[2001:db8::1]:81", ADMIT_DENIED, 1000);
	refuse("a", "10.0.0.1:1", ADMIT_DENIED, 1000);
	check("sources without their ports, those with the most", 1000,
	    "{\"a\":{\"count\":7,\"more\":false,\"of\":4,\"reasons\":{\"denied\":7},\"seconds\":0.0,"
	    "\"sources\":[{\"count\":3,\"source\":\"2001:db8::1\"},{\"count\":2,\"source\":\"uid:1000\"},"
	    "{\"count\":1,\"source\":\"10.0.0.1\"}]}}");

	refuse("a", "10.0.0.1:1", ADMIT_DENIED, 1010);
	check("a clock that was set back", 1000,
	    "{\"a\":{\"count\":1,\"more\":false,\"of\":1,\"reasons\":{\"denied\":1},\"seconds\":0.0,"
	    "\"sources\":[{\"count\":1,\"source\":\"10.0.0.1\"}]}}");

	for (int i = 0; i < STATS_EVENTS + 10; i++)
		refuse("a", "10.0.0.1:1", ADMIT_DENIED, 1000);
	check("the ring has forgotten some", 1001,
	    "{\"a\":{\"count\":4096,\"more\":true,\"of\":1,\"reasons\":{\"denied\":4096},\"seconds\":1.0,"
	    "\"sources\":[{\"count\":4096,\"source\":\"10.0.0.1\"}]}}");

	refuse("a", "10.0.0.1:1", ADMIT_DENIED, 500);
	for (int i = 0; i < STATS_EVENTS - 1; i++)
		refuse("a", "10.0.0.1:1", ADMIT_DENIED, 1000);
	refuse("b", "10.0.0.1:1", ADMIT_DENIED, 1000);
	check("it has forgotten what was no part of it", 1001,
	    "{\"a\":{\"count\":4095,\"more\":true,\"of\":1,\"reasons\":{\"denied\":4095},\"seconds\":1.0,"
	    "\"sources\":[{\"count\":4095,\"source\":\"10.0.0.1\"}]},"
	    "\"b\":{\"count\":1,\"more\":true,\"of\":1,\"reasons\":{\"denied\":1},\"seconds\":1.0,"
	    "\"sources\":[{\"count\":1,\"source\":\"10.0.0.1\"}]}}");
	free(ring.head);
	return unit_done();
}
